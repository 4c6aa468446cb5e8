"""``nircam-tso compare``: the notebook of 2016 against this package."""

import io
import sys
from functools import partial
from pathlib import Path

from nircam_tso.cli import arguments
from nircam_tso.cli.pictures import PICTURE_SUFFIXES, picture_bytes

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
_TABLES = (".ecsv",)


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
    from nircam_tso.io.atomic import check_target, replace_file
    from nircam_tso.io.product import SUFFIXES, read
    from nircam_tso.io.sources import open_exposure
    from nircam_tso.notebook import compare

    outputs = [
        _checked(option, name, suffixes, options.overwrite)
        for option, name, suffixes in (("-o", options.output, _TABLES), ("--figure", options.figure, PICTURE_SUFFIXES))
        if name is not None
    ]
    inputs = _inputs(options)
    source = arguments.source_from(options)
    product = options.images is not None or (isinstance(source, str) and Path(source).suffix.lower() in SUFFIXES)
    images = source
    if product:
        if not isinstance(source, str):
            raise ValueError(f"source: {len(source)} were given beside --images; give one product")
        if options.images is None:
            raise ValueError("--images: needed beside a product; name what it was extracted from")
        images = arguments.one_or_all(options.images)
    select = arguments.selection_from(options)
    exposure = open_exposure(images, select=select, axis=options.axis, recursive=options.recursive)
    for path in outputs:
        check_target(path, overwrite=options.overwrite, inputs=[*([source] if product else []), *exposure.paths])
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
        suffix = path.suffix.lower()
        if suffix in _TABLES:
            text = io.StringIO()
            comparison.table.write(text, format="ascii.ecsv")
            content = text.getvalue().encode()
        else:
            with without_windows():
                content = picture_bytes([comparison.plot()], suffix)
        replace_file(path, content, overwrite=options.overwrite)
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
    from nircam_tso.io.atomic import check_target

    path = Path(name)
    arguments.check_suffix(option, path, suffixes)
    check_target(path, overwrite=overwrite)
    return path


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
