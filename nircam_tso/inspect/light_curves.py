"""What a product holds: its light curves, their errors, and the columns that may explain them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.quality import good
from nircam_tso.timing import offline

if TYPE_CHECKING:
    from typing import Any

    from astropy.table import Table
    from astropy.timeseries import TimeSeries
    from numpy.typing import ArrayLike

__all__ = [
    "LightCurve",
    "column_values",
    "elapsed_seconds",
    "error_column",
    "extraction_settings",
    "light_curve",
    "light_curves",
    "systematic_columns",
    "usable_rows",
]

_SUM = re.compile(r"aperture_sum_(?!err_)(?P<label>.+?)(?:_star(?P<star>\d+))?$")
_PSF = re.compile(r"psf_flux(?:_star(?P<star>\d+))?$")
_RADIUS = re.compile(r"r(?P<radius>\d+(?:\.\d+)?(?:e[+-]?\d+)?)(?P<widths>fwhm)?$")

#: What may explain a flux, in the order in which it is told: centres, widths, sky, components.
_SYSTEMATIC = re.compile(
    r"(?:[xy]_(?:gauss|cc|centroid|moffat|psf)|[xy]_stddev|theta|fwhm|[xy]_fwhm|beta|background|pc\d+)$"
)


@dataclass(frozen=True)
class LightCurve:
    """
    One light curve of a product.

    Attributes
    ----------
    name : str
        Its column.
    label : str
        What tells it from others: ``"r3"``, ``"r2fwhm"``, the name of a mask, ``"psf"``.
    error, area : str or None
        Columns of its 1 sigma and of its aperture's area, where there are such.
    radius : float or None
        Radius of its aperture in pixels, or in widths of the star where ``in_widths``.
    in_widths : bool
        Whether the radius is counted in full widths at half maximum.
    star : int
        Number of the star, from 1.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from nircam_tso.inspect.light_curves import light_curve
    >>> curve = light_curve(Table({"aperture_sum_r2.5fwhm": [1.0, 2.0, 1.0]}))
    >>> curve.label, curve.radius, curve.in_widths
    ('r2.5fwhm', 2.5, True)
    """

    name: str
    label: str
    error: str | None
    area: str | None
    radius: float | None
    in_widths: bool
    star: int


def light_curves(ts: Table, *, star: int | None = None, psf: bool = True) -> list[LightCurve]:
    """
    All light curves of a product, in the order of their columns.

    Parameters
    ----------
    ts : `~astropy.table.Table`
        A product.
    star : int, optional
        Only those of this star; the first is 1. All stars if None.
    psf : bool, optional
        Whether ``psf_flux`` is among them.

    Returns
    -------
    list of LightCurve

    Examples
    --------
    >>> from astropy.table import Table
    >>> from nircam_tso.inspect.light_curves import light_curves
    >>> ts = Table(names=["aperture_sum_r3", "aperture_sum_err_r3", "aperture_sum_r2fwhm_star2"])
    >>> [(curve.label, curve.error, curve.radius, curve.star) for curve in light_curves(ts)]
    [('r3', 'aperture_sum_err_r3', 3.0, 1), ('r2fwhm', None, 2.0, 2)]
    """
    found = []
    for name in ts.colnames:
        if match := _SUM.match(name):
            label = match["label"]
            area = name.replace("aperture_sum_", "aperture_area_", 1)
        elif psf and (match := _PSF.match(name)):
            label, area = "psf", ""
        else:
            continue
        number = int(match["star"] or 1)
        if star is not None and number != star:
            continue
        size = _RADIUS.match(label)
        found.append(
            LightCurve(
                name=name,
                label=label,
                error=error_column(ts, name),
                area=area if area in ts.colnames else None,
                radius=float(size["radius"]) if size else None,
                in_widths=bool(size and size["widths"]),
                star=number,
            )
        )
    return found


def light_curve(ts: Table, column: str | None = None) -> LightCurve:
    """
    One light curve of a product.

    Parameters
    ----------
    ts : `~astropy.table.Table`
        A product.
    column : str, optional
        Its column. By default the aperture sum of the first star whose neighbouring
        rows differ least, relative to its flux.

    Returns
    -------
    LightCurve
        For any other column of numbers, one with that name as its label.

    Raises
    ------
    ValueError
        For a column that is not there, and where there is no light curve.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.table import Table
    >>> from nircam_tso.inspect.light_curves import light_curve
    >>> rng = np.random.default_rng(1)
    >>> ts = Table({"aperture_sum_r3": rng.normal(1e4, 90, 99), "aperture_sum_r5": rng.normal(1e4, 50, 99)})
    >>> light_curve(ts).name
    'aperture_sum_r5'
    """
    if column is not None:
        if column not in ts.colnames:
            raise ValueError(f"column: {column!r} is not in ts (it has {', '.join(ts.colnames)})")
        found = [curve for curve in light_curves(ts) if curve.name == column]
        return found[0] if found else LightCurve(column, column, error_column(ts, column), None, None, False, 1)
    found = light_curves(ts, star=1, psf=False) or light_curves(ts)
    if not found:
        raise ValueError(f"ts: has no column aperture_sum_... or psf_flux (it has {', '.join(ts.colnames)})")
    return min(found, key=lambda curve: _roughness(column_values(ts, curve.name)[usable_rows(ts, curve.name)]))


def _roughness(flux):
    level = np.median(flux) if flux.size else 0.0
    return np.median(np.abs(np.diff(flux))) / level if flux.size > 1 and level > 0 else np.inf


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
    >>> from nircam_tso.inspect.light_curves import error_column
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
    >>> from nircam_tso.inspect.light_curves import column_values
    >>> column_values(QTable({"x_gauss": [9.5, 10.5] * u.pix}), "x_gauss")
    array([ 9.5, 10.5])
    """
    values = getattr(ts[name], "value", ts[name])
    mask = getattr(values, "mask", None)
    values = np.array(getattr(values, "unmasked", values), dtype=float)
    if mask is not None:
        values[np.asarray(mask)] = np.nan
    return values


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
    >>> from nircam_tso.inspect.light_curves import usable_rows
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
    >>> from nircam_tso.inspect.light_curves import elapsed_seconds
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


def systematic_columns(ts: Table) -> list[str]:
    """
    Columns of the first star that may explain its flux: centres, widths, sky, components.

    Of the centres, the kind that ``ts.meta["center"]`` names is taken, or for one place
    for all the first that is known.

    Parameters
    ----------
    ts : `~astropy.table.Table`
        A product.

    Returns
    -------
    list of str
        Those that vary.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from nircam_tso.inspect.light_curves import systematic_columns
    >>> systematic_columns(Table({"x_gauss": [1.0, 2], "x_cc": [1.0, 2], "fwhm": [2.1, 2.0], "pc1": [0.0, 0]}))
    ['x_gauss', 'fwhm']
    """
    use = usable_rows(ts)
    names = []
    for name in ts.colnames:
        if _SYSTEMATIC.match(name):
            values = column_values(ts, name)[use]
            values = values[np.isfinite(values)]
            if values.size > 1 and np.ptp(values) > 0:
                names.append(name)
    first = {"cross-correlation": "cc", "centroid": "centroid"}.get(ts.meta.get("center"), "gauss")
    for axis in "xy":
        kinds = [kind for kind in (first, "gauss", "moffat", "psf", "cc", "centroid") if f"{axis}_{kind}" in names]
        for kind in set(kinds[1:]) - set(kinds[:1]):
            names.remove(f"{axis}_{kind}")
    return names


def extraction_settings(ts: Table) -> dict[str, Any]:
    """
    Settings that a product was extracted with.

    Parameters
    ----------
    ts : `~astropy.table.Table`
        A product.

    Returns
    -------
    dict
        Empty where the product does not tell.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso import TimeSeriesExtractor
    >>> from nircam_tso.inspect.light_curves import extraction_settings
    >>> ts = TimeSeriesExtractor(aperture_radii=[4]).extract(np.random.default_rng(1).normal(9, 1, (3, 32, 32)))
    >>> extraction_settings(ts)["aperture_radii"]
    [4.0]
    """
    return json.loads(ts.meta["provenance"]).get("settings", {}) if "provenance" in ts.meta else {}
