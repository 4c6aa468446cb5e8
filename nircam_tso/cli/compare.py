"""``nircam-tso compare``: the notebook of 2016 against this package."""

import io
import os
import sys
from functools import partial
from pathlib import Path

from nircam_tso.cli import arguments

__all__ = ["add_arguments", "effect_lines", "run"]

_EXAMPLES = """\
examples:
  nircam-tso compare visit/ --aperrad 3 --figure faults.png
  nircam-tso compare 'cv3/*.red_I*.fits' --guesscenter 160,160 -o faults.ecsv
  nircam-tso compare cv3.h5 --images cv3/ -o faults.ecsv

printed are the changes that each fault of the notebook makes by itself (medians over
the integrations), that of all together, and what remains between the notebook's method
without faults and the extractor.
"""
_TABLES, _PICTURES, _PRODUCTS = (".ecsv",), (".png", ".pdf", ".svg"), (".h5", ".hdf5", ".ecsv")


def add_arguments(parser):
    """Add this subcommand's options."""
    parser.epilog = _EXAMPLES
    arguments.add_source(parser)
    parser.add_argument("--images", nargs="+", help="what the source was extracted from, if it is a product")
    parser.add_argument("-o", "--output", metavar="FILE", help="table to write, .ecsv")
    parser.add_argument("--figure", metavar="FILE", help="picture to write, .png, .pdf or .svg")
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")
    group = parser.add_argument_group("inputs of the notebook")
    group.add_argument("--guesscenter", metavar="Y,X", help="where the star is expected, y first (the frame's middle)")
    group.add_argument("--subframesize", metavar="Y,X", help="half of the subframe's sides in pixels (10,10)")
    group.add_argument("--aperrad", metavar="R,R,...", help="aperture radii in pixels (5)")
    group.add_argument("--n-groups-big", type=int, default=100, metavar="N", help="integrations by its reckoning (100)")
    group.add_argument("--stddev0", type=float, default=2.0, metavar="PX", help="width that the fit starts from (2)")
    arguments.add_selection(parser)


def run(options):
    """Run this subcommand and return its exit code."""
    from nircam_tso.inspect.plotting.style import without_windows
    from nircam_tso.io.atomic import replace_file
    from nircam_tso.io.product import read
    from nircam_tso.io.sources import open_exposure
    from nircam_tso.notebook import compare

    outputs = [
        _checked(option, name, suffixes, options.overwrite)
        for option, name, suffixes in (("-o", options.output, _TABLES), ("--figure", options.figure, _PICTURES))
        if name is not None
    ]
    inputs = _inputs(options)
    source = arguments.source_from(options)
    product = options.images is not None or (isinstance(source, str) and Path(source).suffix.lower() in _PRODUCTS)
    images = source
    if product:
        if not isinstance(source, str):
            raise ValueError(f"source: {len(source)} were given beside --images; give one product")
        images = options.images[0] if options.images and len(options.images) == 1 else options.images
        if images is None:
            raise ValueError("--images: needed beside a product; name what it was extracted from")
    select = arguments.selection_from(options)
    exposure = open_exposure(images, select=select, axis=options.axis, recursive=options.recursive)
    _refuse_inputs(outputs, [source] if product else [], exposure)
    if options.quiet or not sys.stderr.isatty():
        progress = None
    else:
        from tqdm import tqdm

        progress = partial(tqdm, unit="int", desc="compare", file=sys.stderr)
    first, second = (read(source), exposure) if product else (exposure, None)
    comparison = compare(first, second, progress=progress, **inputs)
    if not options.quiet:
        print("\n".join(effect_lines(comparison.effects)))
    for path in outputs:
        content = io.BytesIO()
        if path.suffix.lower() in _TABLES:
            text = io.StringIO()
            comparison.table.write(text, format="ascii.ecsv")
            content.write(text.getvalue().encode())
        else:
            with without_windows():
                _picture(comparison.plot(), content, path.suffix.lower())
        replace_file(path, content.getvalue(), overwrite=options.overwrite)
    if outputs and not options.quiet:
        print("wrote     " + ", ".join(str(path) for path in outputs))
    return 0


def _inputs(options):
    """The notebook's inputs that were given."""
    inputs = {"nGroupsBig": options.n_groups_big, "stddev0": options.stddev0}
    if options.guesscenter is not None:
        inputs["guesscenter"] = arguments.numbers("--guesscenter", options.guesscenter, 2)
    if options.subframesize is not None:
        inputs["subframesize"] = arguments.numbers("--subframesize", options.subframesize, 2, int)
    if options.aperrad is not None:
        inputs["aperrad"] = arguments.numbers("--aperrad", options.aperrad)
    return inputs


def _checked(option, name, suffixes, overwrite):
    """Refuse before anything is measured what could not be written."""
    from nircam_tso.exceptions import OutputError

    path = Path(name)
    if path.suffix.lower() not in suffixes:
        raise ValueError(f"{option}: {name!r} does not end in {', '.join(suffixes)}; choose such a name")
    if path.is_dir():
        raise OutputError("is a folder; give a file name", path=path)
    if path.exists() and not overwrite:
        raise OutputError("exists already; pass --overwrite to replace it", path=path)
    if not path.parent.is_dir():
        raise OutputError(f"the folder {path.parent} does not exist", path=path)
    return path


def _refuse_inputs(outputs, products, exposure):
    from nircam_tso.exceptions import OutputError

    inputs = {os.path.realpath(path) for path in products}
    inputs |= {os.path.realpath(segment.path) for segment in exposure.segments if segment.path}
    for path in outputs:
        if os.path.realpath(path) in inputs:
            raise OutputError("is an input; choose another name", path=path)


def _picture(figure, content, suffix):
    from matplotlib import rc_context

    # Without the moment of writing, equal comparisons give equal files.
    metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(suffix, {"Software": None})
    with rc_context({"svg.hashsalt": "nircam_tso"}):
        figure.savefig(content, format=suffix[1:], dpi=150, metadata=metadata)


def effect_lines(effects):
    """
    What each fault changes, in a few lines.

    Parameters
    ----------
    effects : `~astropy.table.Table`
        Of a `~nircam_tso.notebook.Comparison`.

    Returns
    -------
    list of str
        Per fault what it does, and below that its changes; "none here" where it has none.
    """
    import numpy as np

    lines = []
    for row in effects:
        lines.append(f"{row['fault']}: {row['what']}")
        changes = []
        for name in effects.colnames[2:]:
            value, unit = float(row[name]), effects[name].unit
            if np.isnan(value) or abs(value) > 1e-4:
                changes.append(f"{name} {value:+.6g}{f' {unit}' if unit else ''}")
        lines.append(f"    {', '.join(changes) or 'none here'}")
    return lines
