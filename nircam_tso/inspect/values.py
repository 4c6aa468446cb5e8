"""Columns of a product as plain numbers: their values, their errors, the rows to use, the time that has passed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.quality import good
from nircam_tso.timing import offline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from astropy.table import Table
    from astropy.timeseries import TimeSeries
    from numpy.typing import ArrayLike

__all__ = ["check_names", "column_values", "elapsed_seconds", "error_column", "known_values", "usable_rows"]


def check_names(ts: Table, argument: str, names: Sequence[str]) -> None:
    """
    Refuse names of columns that a product does not have.

    Parameters
    ----------
    ts : `~astropy.table.Table`
        A product.
    argument : str
        The argument that gave them, for the message.
    names : sequence of str
        What the user gave.

    Raises
    ------
    ValueError
        For the first that is not there.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from nircam_tso.inspect.values import check_names
    >>> check_names(Table({"x_gauss": [1.0]}), "columns", ["x_gauss"])
    """
    for name in names:
        if name not in ts.colnames:
            raise ValueError(f"{argument}: {name!r} is not in ts (it has {', '.join(ts.colnames)})")


def error_column(ts: Table, name: str) -> str | None:
    """
    Column of the 1 sigma of another.

    Parameters
    ----------
    ts : `~astropy.table.Table`
        A product.
    name : str
        A column.

    Returns
    -------
    str or None
        None where there is none.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from nircam_tso.inspect.values import error_column
    >>> error_column(Table(names=["aperture_sum_r3", "aperture_sum_err_r3"]), "aperture_sum_r3")
    'aperture_sum_err_r3'
    """
    base, star, number = name.partition("_star")
    candidates = [f"{name}_err", f"{base}_err{star}{number}"]
    if name.startswith("aperture_sum_"):
        candidates = [name.replace("aperture_sum_", "aperture_sum_err_", 1)]
    return next((candidate for candidate in candidates if candidate in ts.colnames), None)


def column_values(ts: Table, name: str) -> np.ndarray:
    """
    A column as plain numbers.

    Parameters
    ----------
    ts : `~astropy.table.Table`
        A product.
    name : str
        A column of numbers.

    Returns
    -------
    `~numpy.ndarray` of float64, shape (n,)
        A copy; NaN where masked.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astropy.table import QTable
    >>> from nircam_tso.inspect.values import column_values
    >>> column_values(QTable({"x_gauss": [9.5, 10.5] * u.pix}), "x_gauss")
    array([ 9.5, 10.5])
    """
    values = getattr(ts[name], "value", ts[name])
    mask = getattr(values, "mask", None)
    values = np.array(getattr(values, "unmasked", values), dtype=float)
    if mask is not None:
        values[np.asarray(mask)] = np.nan
    return values


def known_values(ts: Table, name: str) -> np.ndarray:
    """
    The numbers of a column that are known.

    Parameters
    ----------
    ts : `~astropy.table.Table`
        A product.
    name : str
        A column of numbers.

    Returns
    -------
    `~numpy.ndarray` of float64, shape (m,)

    Examples
    --------
    >>> from astropy.table import Table
    >>> from nircam_tso.inspect.values import known_values
    >>> known_values(Table({"background": [2.5, float("nan"), 2.0]}), "background")
    array([2.5, 2. ])
    """
    values = column_values(ts, name)
    return values[np.isfinite(values)]


def usable_rows(ts: Table, column: str | None = None, rows: ArrayLike | None = None) -> np.ndarray:
    """
    Rows that statistics may use.

    Parameters
    ----------
    ts : `~astropy.table.Table`
        A product.
    column : str, optional
        Rows where this column is not finite are left out.
    rows : array_like of bool, shape (n,), optional
        Further choice, for instance of the rows out of transit.

    Returns
    -------
    `~numpy.ndarray` of bool, shape (n,)
        Those that are `~nircam_tso.good` where there is a column ``quality``.

    Raises
    ------
    ValueError
        If ``rows`` is not one bool per row.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from nircam_tso.inspect.values import usable_rows
    >>> usable_rows(Table({"flux": [1.0, float("nan"), 1.0, 1.0], "quality": [0, 0, 2, 0]}), "flux")
    array([ True, False, False,  True])
    """
    use = good(ts) if "quality" in ts.colnames else np.ones(len(ts), bool)
    if rows is not None:
        rows = np.asarray(rows)
        if rows.dtype != bool or rows.shape != (len(ts),):
            raise ValueError(f"rows: has shape {rows.shape} of {rows.dtype}; give one bool for each of {len(ts)} rows")
        use = use & rows
    if column is not None:
        use = use & np.isfinite(column_values(ts, column))
    return use


@offline()
def elapsed_seconds(ts: TimeSeries, name: str = "time") -> np.ndarray:
    """
    Seconds since the first known time.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.
    name : str, optional
        A column of times.

    Returns
    -------
    `~numpy.ndarray` of float64, shape (n,)
        NaN where the time is masked; leap seconds are counted.

    Examples
    --------
    >>> from astropy.time import Time
    >>> from astropy.timeseries import TimeSeries
    >>> from nircam_tso.inspect.values import elapsed_seconds
    >>> elapsed_seconds(TimeSeries(time=Time(["2026-07-01T00:00:00", "2026-07-01T00:01:00"]))).round(6)
    array([ 0., 60.])
    """
    time = ts[name]
    result = np.full(len(time), np.nan)
    known = ~np.broadcast_to(np.asarray(time.mask), len(time))
    if known.any():
        # Of a whole series' times, the subtraction of one is what keeps nanoseconds.
        some = getattr(time, "unmasked", time)[known]
        result[known] = (some - some[0]).sec
        result -= np.nanmin(result)
    return result
