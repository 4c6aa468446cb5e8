"""``nircam-tso extract``: from images to a time series on disk."""

import os
import sys
from pathlib import Path

from nircam_tso.cli import arguments

__all__ = ["add_arguments", "run"]

_EXAMPLES = """\
examples:
  nircam-tso extract jw01234001001_03101_00001-seg001_nrca1_calints.fits
  nircam-tso extract visit/ --detector NRCA1 --product calints -o wasp80.h5 wasp80.ecsv
  nircam-tso extract 'night/*.fits' --position 81 90 --aperture-radii 4 6 8
  nircam-tso extract fits_input_file.txt --preset none -o cv3.h5
"""


def add_arguments(parser):
    """Add this subcommand's options."""
    parser.epilog = _EXAMPLES
    arguments.add_source(parser)
    parser.add_argument(
        "-o",
        "--output",
        nargs="+",
        metavar="FILE",
        help="products to write, .h5, .hdf5 or .ecsv (default: the source's name with _tso.h5, in this folder)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace existing products")
    arguments.add_selection(parser)
    arguments.add_settings(parser)
    parser.add_argument(
        "--errors", choices=["random", "total"], help="VAR_POISSON + VAR_RNOISE (random, the default) or ERR (total)"
    )
    parser.add_argument("--workers", type=int, metavar="N", help="threads (default: one per processor)")


def run(options):
    """Run this subcommand and return its exit code."""
    from nircam_tso.extractor import TimeSeriesExtractor
    from nircam_tso.io.sources import open_exposure, open_exposures

    source = arguments.source_from(options)
    settings = arguments.settings_from(options)
    # Settings are refused before the files are opened, which may take long.
    TimeSeriesExtractor(**settings)
    if options.workers is not None and options.workers < 1:
        raise ValueError(f"--workers: {options.workers} is not a positive number")
    select = arguments.selection_from(options)
    keywords = {"select": select, "axis": options.axis, "errors": options.errors, "recursive": options.recursive}
    if select and select.get("detector", "").lower() == "all":
        exposures = open_exposures(source, **keywords)
    else:
        exposures = [("", open_exposure(source, **keywords))]
    outputs = [_outputs(options, exposure, label) for label, exposure in exposures]
    # All names are checked before any pixel is measured.
    inputs = {os.path.realpath(s.path) for _, e in exposures for s in e.segments if s.path}
    for path in (path for paths in outputs for path in paths):
        _check_output(path, inputs, options.overwrite)
    code = 0
    for (label, exposure), paths in zip(exposures, outputs, strict=True):
        code = max(code, _one(options, settings, exposure, paths, label))
    return code


def _one(options, settings, exposure, paths, label):
    from nircam_tso.cli.main import EXIT_FLAGGED, EXIT_OK
    from nircam_tso.cli.summary import summary_lines
    from nircam_tso.extractor import TimeSeriesExtractor
    from nircam_tso.io.product import write
    from nircam_tso.quality import good

    if options.preset == "none":
        extractor = TimeSeriesExtractor(**settings)
    else:
        extractor = TimeSeriesExtractor.for_source(exposure, **settings)
    ts = extract_with_progress(extractor, exposure, options, label)
    for path in paths:
        write(ts, path, overwrite=options.overwrite)
    if not options.quiet:
        print("\n".join(summary_lines(ts)))
        print("wrote     " + ", ".join(str(path) for path in paths))
    return EXIT_OK if good(ts).all() else EXIT_FLAGGED


def extract_with_progress(extractor, exposure, options, label=""):
    """Extract with a bar on stderr, where there is someone to see it."""
    from concurrent.futures import ThreadPoolExecutor
    from functools import partial

    from tqdm import tqdm

    progress = None
    if not options.quiet and sys.stderr.isatty():
        progress = partial(tqdm, unit="int", desc=label or "extract", file=sys.stderr)
    workers = getattr(options, "workers", None)
    if workers is None:
        return extractor.extract(exposure, progress=progress)
    with ThreadPoolExecutor(workers) as executor:
        return extractor.extract(exposure, progress=progress, executor=executor)


def _outputs(options, exposure, label):
    suffix = f"_{label.lower()}" if label else ""
    if options.output:
        paths = [Path(name) for name in options.output]
    else:
        first = Path(exposure.segments[0].name).name
        stem = first[: -len(".gz")] if first.endswith(".gz") else first
        paths = [Path(f"{Path(stem).stem}_tso.h5")]
        if label and label.lower() in paths[0].stem.lower():
            suffix = ""
    return [path.with_name(f"{path.stem}{suffix}{path.suffix}") for path in paths]


def _check_output(path, inputs, overwrite):
    from nircam_tso.exceptions import OutputError
    from nircam_tso.io.product import check_path

    check_path(path, overwrite=overwrite)
    if os.path.realpath(path) in inputs:
        raise OutputError("is an input; choose another name", path=path)
