"""``nircam-tso report``: a product on one interactive HTML page."""

from pathlib import Path

from nircam_tso.cli import arguments

__all__ = ["add_arguments", "run"]

_EXAMPLES = """\
examples:
  nircam-tso report wasp80.h5 -o wasp80.html
  nircam-tso report wasp80.h5 --source visit/ --overwrite

The page needs no network. It is drawn with Bokeh, which the extra "report" installs:
  python -m pip install 'nircam_tso[report]'
"""


def add_arguments(parser):
    """Add this subcommand's options."""
    parser.epilog = _EXAMPLES
    parser.add_argument("product", help="a product, .h5, .hdf5 or .ecsv")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="page to write, .html or .htm (default: the product's name with .html, in this folder)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing page")
    parser.add_argument(
        "--source",
        nargs="+",
        help="what the product was extracted from: files, a folder or a glob in quotes, to show images",
    )


def run(options):
    """Run this subcommand and return its exit code."""
    from nircam_tso.inspect.report import check_report_path, write_report
    from nircam_tso.io.product import read

    if options.output == "":
        raise ValueError("-o: an empty name; give a file name that ends in .html")
    path = Path(options.output or f"{Path(options.product).stem}.html")
    check_report_path(path, overwrite=options.overwrite, inputs=[options.product])
    source = None if options.source is None else arguments.one_or_all(options.source)
    write_report(read(options.product), path, source=source, overwrite=options.overwrite)
    if not options.quiet:
        print(f"wrote     {path}")
    return 0
