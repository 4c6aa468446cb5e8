"""``nircam-tso plot``: pictures of a product."""

from pathlib import Path

from nircam_tso.cli import arguments
from nircam_tso.cli.pictures import PICTURE_SUFFIXES, picture_bytes

__all__ = ["KINDS", "add_arguments", "draw", "run"]

_EXAMPLES = """\
examples:
  nircam-tso plot wasp80.h5 --kind radii -o wasp80.png
  nircam-tso plot wasp80.h5 --kind image --source visit/ --row 412 -o row412.pdf
  nircam-tso plot wasp80.h5 --kind all --source visit/ -o wasp80.pdf

--kind all makes a PDF of several pages, and of PNG and SVG one file for each kind, as
wasp80_radii.png.
"""

#: Kinds of figures in the order of ``all``, and the functions that draw them.
KINDS = {
    "columns": "plot_columns",
    "centers": "plot_centers",
    "matrix": "plot_matrix",
    "radii": "plot_radii",
    "growth": "plot_growth",
    "allan": "plot_allan",
    "image": "plot_image",
    "correlation": "plot_correlation",
}


def add_arguments(parser):
    """Add this subcommand's options."""
    parser.epilog = _EXAMPLES
    parser.add_argument("product", help="a product, .h5, .hdf5 or .ecsv")
    parser.add_argument("--kind", choices=[*KINDS, "all"], default="radii", help="what to draw (radii)")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="picture to write, .png, .pdf or .svg (default: the product's name with _KIND.png, in this folder)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace existing pictures")
    parser.add_argument("--column", help="light curve of centers, matrix and allan (default: the least scattered)")
    parser.add_argument("--diagonal", choices=["kde", "hist"], default="kde", help="of the matrix (kde)")
    parser.add_argument(
        "--source",
        nargs="+",
        help="what the product was extracted from: files, a folder or a glob in quotes, for image",
    )
    parser.add_argument("--row", type=int, default=0, metavar="N", help="row of the image, from 0 (0)")
    parser.add_argument("--dpi", type=int, default=150, help="dots per inch of PNG (150)")


def run(options):
    """Run this subcommand and return its exit code."""
    from nircam_tso.inspect.plotting.style import without_windows
    from nircam_tso.io.atomic import replace_file
    from nircam_tso.io.product import read
    from nircam_tso.io.sources import open_exposure

    if options.kind == "image" and not options.source:
        raise ValueError("--kind image: needs --source, the images that the product was extracted from")
    if not 10 <= options.dpi <= 2000:
        raise ValueError(f"--dpi: {options.dpi} is not between 10 and 2000")
    kinds = [kind for kind in KINDS if options.kind in (kind, "all") and (kind != "image" or options.source)]
    path = _output(options)
    # A PDF holds all pages; the other formats hold one picture.
    paths = [path]
    if options.kind == "all" and path.suffix.lower() != ".pdf":
        paths = [path.with_name(f"{path.stem}_{kind}{path.suffix}") for kind in kinds]
    inputs = [options.product]
    _check(paths, inputs, options.overwrite)
    ts = read(options.product)
    exposure = None
    if options.source:
        exposure = open_exposure(arguments.one_or_all(options.source))
        _check(paths, inputs + exposure.paths, options.overwrite)
    with without_windows():
        figures, left = _figures(ts, exposure, kinds, options)
        if options.kind != "all" or path.suffix.lower() == ".pdf":
            files = {path: list(figures.values())}
        else:
            files = {file: [figures[kind]] for kind, file in zip(kinds, paths, strict=True) if kind in figures}
        for file, pages in files.items():
            content = picture_bytes(pages, file.suffix.lower(), dpi=options.dpi)
            replace_file(file, content, overwrite=options.overwrite)
    if not options.quiet:
        for kind, reason in left.items():
            print(f"left out  {kind}: {reason}")
        if options.kind == "all" and exposure is None:
            print("left out  image: no --source")
        print("wrote     " + ", ".join(str(file) for file in files))
    return 0


def _output(options):
    if options.output == "":
        raise ValueError("-o: an empty name; give a file name that ends in .png, .pdf or .svg")
    suffix = "" if options.kind == "all" else f"_{options.kind}"
    path = Path(options.output or f"{Path(options.product).stem}{suffix}.png")
    arguments.check_suffix("-o", path, PICTURE_SUFFIXES)
    return path


def _check(paths, inputs, overwrite):
    """Refuse before anything is drawn what could not be written, or must not be."""
    from nircam_tso.io.atomic import check_target

    for path in paths:
        check_target(path, overwrite=overwrite, inputs=inputs)


def _figures(ts, exposure, kinds, options):
    """The figures by kind, and of ``all`` those that the product has no columns for, with the reason."""
    figures, left = {}, {}
    for kind in kinds:
        try:
            figures[kind] = draw(ts, kind, source=exposure, column=options.column, **_extra(options, kind))
        except ValueError as error:
            if options.kind != "all":
                raise
            left[kind] = str(error)
    if not figures:
        raise ValueError(f"{options.product}: there is nothing to draw ({'; '.join(left.values())})")
    return figures, left


def _extra(options, kind):
    return {"matrix": {"diagonal": options.diagonal}, "image": {"row": options.row}}.get(kind, {})


def draw(ts, kind, *, source=None, column=None, **keywords):
    """
    Draw one kind of figure.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.
    kind : str
        One of `KINDS`.
    source : path or Exposure, optional
        Images, for ``"image"``.
    column : str, optional
        Light curve, for the kinds that show one.
    **keywords
        Further ones of the function that draws.

    Returns
    -------
    `~matplotlib.figure.Figure`
    """
    from nircam_tso.inspect import plotting
    from nircam_tso.inspect.plotting.matrix import chosen_columns

    function = getattr(plotting, KINDS[kind])
    if kind == "image":
        drawn = function(ts, source, **keywords)
    elif kind == "matrix":
        drawn = function(ts, chosen_columns(ts, column), **keywords)
    elif kind in ("centers", "allan"):
        drawn = function(ts, column, **keywords)
    else:
        drawn = function(ts, **keywords)
    return drawn if hasattr(drawn, "savefig") else drawn.figure
