"""``nircam-tso extract``: from images to a time series on disk."""

import os
import sys
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from nircam_tso.cli import arguments

__all__ = ["add_arguments", "extract_with_progress", "run"]

_EXAMPLES = """\
examples:
  nircam-tso extract jw01234001001_03101_00001-seg001_nrca1_calints.fits
  nircam-tso extract visit/ --detector NRCA1 --product calints -o wasp80.h5 -o wasp80.ecsv
  nircam-tso extract 'night/*.fits' --position 81,90 --aperture-radii 4,6,8
  nircam-tso extract fits_input_file.txt --preset none -o cv3.h5
"""


_POLICY = ("on_error", "allow_missing", "allow_missing_dq", "verify_checksums", "hash_inputs", "max_memory")


def add_arguments(parser):
    """Add this subcommand's options."""
    parser.epilog = _EXAMPLES
    arguments.add_source(parser)
    parser.add_argument(
        "-o",
        "--output",
        action="append",
        metavar="FILE",
        help="product to write, .h5, .hdf5 or .ecsv; may be given again (default: the source's name with "
        "_tso.h5, in this folder)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace existing products")
    arguments.add_selection(parser)
    arguments.add_settings(parser)
    parser.add_argument(
        "--errors", choices=["random", "total"], help="VAR_POISSON + VAR_RNOISE (random, the default) or ERR (total)"
    )
    parser.add_argument("--report", metavar="FILE", help="interactive page to write as well, .html (needs bokeh)")
    group = parser.add_argument_group("faults and limits")
    add = group.add_argument
    add("--on-error", choices=["raise", "flag"], help="unreadable files: refuse (the default), or rows of NaN, flagged")
    add("--allow-missing", action="store_true", default=None, help="missing segments become flagged rows")
    add("--allow-missing-dq", action="store_true", default=None, help="take JWST files that have no DQ")
    add("--verify-checksums", action="store_true", default=None, help="check CHECKSUM and DATASUM of every file")
    add("--hash-inputs", action="store_true", default=None, help="keep the sha256 of every file in the product")
    add(
        "--max-memory", metavar="SIZE", help="memory that pixels may take, such as 4GB (default: half of the machine's)"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--workers", type=int, metavar="N", help="threads (default: one per processor)")
    where.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="measure on a Dask cluster, such as tcp://10.0.0.1:8786; its workers must see the files by the same names",
    )


def run(options):
    """Run this subcommand and return its exit code."""
    from nircam_tso.exceptions import NircamTSOError
    from nircam_tso.extractor import TimeSeriesExtractor
    from nircam_tso.io.atomic import claim
    from nircam_tso.io.report import together
    from nircam_tso.io.sources import open_exposure, open_exposures

    source = arguments.source_from(options)
    # Settings are refused before the files are opened, which may take long.
    TimeSeriesExtractor(**arguments.settings_from(options))
    if options.workers is not None and options.workers < 1:
        raise ValueError(f"--workers: {options.workers} is not a positive number")
    select = arguments.selection_from(options)
    keywords = {"select": select, "axis": options.axis, "errors": options.errors, "recursive": options.recursive}
    keywords |= {name: getattr(options, name) for name in _POLICY if getattr(options, name) is not None}
    if options.report is not None:
        _need_bokeh()
    every = bool(select) and select.get("detector", "").lower() == "all"
    wrong = []
    with together(wrong):
        try:
            exposures = open_exposures(source, **keywords) if every else [("", open_exposure(source, **keywords))]
        except NircamTSOError:
            # The names of products are made of what is measured, unless they were given.
            if options.output and all(options.output) and not every:
                wrong += _wrong_outputs(_outputs(options, None, ""), (), options.overwrite)
            raise
        outputs = [_outputs(options, exposure, label) for label, exposure in exposures]
        inputs = [path for _, exposure in exposures for path in exposure.paths]
        # All names are checked before any pixel is measured.
        wrong += _wrong_outputs([path for paths in outputs for path in paths], inputs, options.overwrite)
    code = 0
    with ExitStack() as stack:
        for path in (path for paths in outputs for path in paths):
            # Another run that writes the same product is told so at once, not after hours.
            stack.enter_context(claim(path))
        if options.report is not None:
            from nircam_tso.inspect.report import check_report_path

            for label, _ in exposures:
                check_report_path(_report(options, label), overwrite=options.overwrite, inputs=inputs)
        for (label, exposure), paths in zip(exposures, outputs, strict=True):
            code = max(code, _one(options, exposure, paths, label))
    return code


def _need_bokeh():
    import importlib.util

    if importlib.util.find_spec("bokeh") is None:
        raise ImportError("--report needs bokeh: python -m pip install 'nircam_tso[report]'")


def _report(options, label):
    path = Path(options.report)
    return path.with_name(f"{path.stem}{f'_{label.lower()}' if label else ''}{path.suffix}")


def _one(options, exposure, paths, label):
    from nircam_tso.cli.main import EXIT_FLAGGED, EXIT_OK, printable
    from nircam_tso.cli.summary import summary_lines
    from nircam_tso.exceptions import OutputError
    from nircam_tso.io.product import write
    from nircam_tso.quality import good

    extractor = arguments.extractor_from(options, exposure)
    ts = extract_with_progress(extractor, exposure, options, label)
    for path in paths:
        write(ts, path, overwrite=options.overwrite)
    written = list(paths)
    if options.report is not None:
        from nircam_tso.inspect.report import write_report

        page = _report(options, label)
        write_report(ts, page, source=exposure, overwrite=options.overwrite)
        written.append(page)
    if not options.quiet:
        lines = [*summary_lines(ts), "wrote     " + ", ".join(printable(path) for path in written)]
        try:
            # A reader who went away has no say in what is still to be measured.
            with suppress(BrokenPipeError):
                print("\n".join(lines))
        except OSError as error:
            raise OutputError(f"what was to be printed is lost ({error.strerror})") from error
    return EXIT_OK if good(ts).all() else EXIT_FLAGGED


def extract_with_progress(extractor, exposure, options, label=""):
    """Extract with a bar on stderr, where there is someone to see it."""
    from functools import partial

    from tqdm import tqdm

    faults = {"on_error": options.on_error} if getattr(options, "on_error", None) else {}
    progress = None
    if not options.quiet and sys.stderr.isatty():
        progress = partial(tqdm, unit="int", desc=label or "extract", file=sys.stderr)
    with _executor(options) as executor:
        return extractor.extract(exposure, progress=progress, executor=executor, **faults)


@contextmanager
def _executor(options):
    """Where blocks are measured; None for threads, one per processor."""
    workers, address = getattr(options, "workers", None), getattr(options, "scheduler", None)
    if address is not None:
        from nircam_tso.extractor.workers import close_client

        client = _client(address)
        try:
            yield client.get_executor()
        finally:
            close_client(client)
        return
    if workers is None:
        yield None
        return
    from concurrent.futures import ThreadPoolExecutor

    executor = ThreadPoolExecutor(workers)
    try:
        yield executor
    finally:
        # Blocks under way end by themselves; who interrupts does not wait for them.
        executor.shutdown(wait=False, cancel_futures=True)


def _client(address):
    try:
        from distributed import Client
    except ImportError:
        raise ImportError(
            "--scheduler needs dask.distributed: python -m pip install 'nircam_tso[distributed]'"
        ) from None
    try:
        return Client(address, set_as_default=False, timeout=10)
    except (OSError, ValueError) as error:
        raise OSError(f"--scheduler: no Dask scheduler answers at {address!r}; start one, or leave it out") from error


def _outputs(options, exposure, label):
    suffix = f"_{label.lower()}" if label else ""
    names = options.output or [f"{_stem(arguments.source_from(options), exposure)}_tso.h5"]
    for name in names:
        if not name:
            raise ValueError("-o: an empty name; give a file name that ends in .h5, .hdf5 or .ecsv")
    paths = [Path(name) for name in names]
    return [path.with_name(f"{path.stem}{suffix}{path.suffix}") for path in paths]


def _stem(source, exposure):
    """Name of a product by that of a folder, a file or a list; a glob and several files go by the first file."""
    one = isinstance(source, str) and os.path.exists(source)
    name = os.path.basename(os.path.abspath(source)) if one else os.path.basename(exposure.segments[0].name)
    if one and os.path.isdir(source):
        return name
    for ending in (".gz", ".fits", ".fit", ".txt", ".lst", ".list"):
        name = name.removesuffix(ending)
    return name


def _wrong_outputs(paths, inputs, overwrite):
    """Why products cannot be written."""
    from nircam_tso.exceptions import OutputError
    from nircam_tso.io.product import check_path

    wrong = []
    for path in paths:
        try:
            check_path(path, overwrite=overwrite, inputs=inputs)
        except OutputError as error:
            wrong.append(error)
    return wrong
