"""The page as a file, checked before the work."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from nircam_tso.io.atomic import check_target, replace_file
from nircam_tso.timing import offline

if TYPE_CHECKING:
    from collections.abc import Iterable
    from os import PathLike

    from astropy.timeseries import TimeSeries

    from nircam_tso.io.sources import Source

__all__ = ["check_report_path", "write_report"]

_SUFFIXES = (".html", ".htm")


def check_report_path(
    path: str | PathLike[str], *, overwrite: bool = False, inputs: Iterable[str | PathLike[str]] = ()
) -> Path:
    """
    Refuse a path that `write_report` could not write, before work is spent on the page.

    Parameters
    ----------
    path : path-like
        Where the page shall go.
    overwrite : bool, optional
        Whether an existing file may be replaced.
    inputs : iterable of path-like, optional
        Files that must stay as they are, whatever ``overwrite`` says.

    Returns
    -------
    `~pathlib.Path`

    Raises
    ------
    ValueError
        For another ending than ``.html`` or ``.htm``.
    OutputError
        If a file is there that may not be replaced, or the folder cannot be written.

    Examples
    --------
    >>> from nircam_tso.inspect.report import check_report_path
    >>> check_report_path("star.html").name
    'star.html'
    """
    path = Path(path)
    if path.suffix.lower() not in _SUFFIXES:
        raise ValueError(f"path: {os.fspath(path)!r} does not end in {', '.join(_SUFFIXES)}; choose one of these")
    check_target(path, overwrite=overwrite, inputs=inputs)
    return path


@offline()
def write_report(
    ts: TimeSeries, path: str | PathLike[str], *, source: Source | None = None, overwrite: bool = False
) -> Path:
    """
    Write a product as one interactive HTML page that needs no network.

    The page has a summary, light curves of every aperture with bins and quality flags to choose, the
    star's place, width and sky beside them, the scatter matrix, scatter against bin size,
    images where the source is given, and a table of the flagged rows. What is selected in one plot
    is selected in all.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.
    path : path-like
        A name that ends in ``.html`` or ``.htm``. Where it is a link to a file, that file
        is replaced and the link stays.
    source : path, array, Exposure, or a list of these, optional
        What the product was extracted from, for the images.
    overwrite : bool, optional
        Whether an existing file may be replaced; an input never is.

    Returns
    -------
    `~pathlib.Path`
        The path written.

    Raises
    ------
    ImportError
        If Bokeh is not installed; it comes with the extra ``report``.
    ValueError
        For another ending, a product without rows, times or light curves, or a source that does not
        hold the product's integrations.
    InputFileError, SegmentError
        If the source cannot be opened.
    OutputError
        If the file exists and ``overwrite`` is False, another process writes it, or it
        cannot be written.

    Notes
    -----
    The same product, source and versions give the same bytes.

    Examples
    --------
    >>> from nircam_tso import read
    >>> from nircam_tso.inspect.report import write_report
    >>> write_report(read("wasp80.h5"), "wasp80.html", source="visit/")  # doctest: +SKIP
    PosixPath('wasp80.html')
    """
    path = check_report_path(path, overwrite=overwrite)
    exposure = None
    if source is not None:
        from nircam_tso.io.sources import as_exposure

        exposure = as_exposure(source)
        check_report_path(path, overwrite=overwrite, inputs=exposure.paths)
    try:
        import bokeh  # noqa: F401
    except ImportError:
        raise ImportError("the report needs bokeh: python -m pip install 'nircam_tso[report]'") from None
    from nircam_tso.inspect.report.page import build_page

    replace_file(path, build_page(ts, exposure).encode(), overwrite=overwrite)
    return path
