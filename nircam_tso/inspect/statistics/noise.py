"""Relative fluxes, and how much they scatter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.inspect.light_curves import light_curve, light_curves
from nircam_tso.inspect.values import column_values, usable_rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Literal

    from astropy.timeseries import TimeSeries
    from numpy.typing import ArrayLike

__all__ = ["MAD_TO_SIGMA", "Scatter", "normalize", "relative_flux", "scatter", "sigma_of", "without_outliers"]

#: From a normal distribution's median absolute deviation to its standard deviation.
MAD_TO_SIGMA = 1.482602218505602

# Standard errors of the three estimators for white normal noise, in sigma / sqrt(n). For the
# median absolute deviation the variance of a sample median, 1 / (4 f^2), with f the density of
# |z| at its median 0.6745; for neighbours' differences, whose correlation is -1/2, the same with
# P(|z1| < m, |z2| < m) - 1/4 = 0.0266 added twice to the indicator's variance of 1/4.
_ERRORS = {"std": 0.7071, "mad": 1.1664, "point-to-point": 1.2843}


#: Standard deviations from its neighbours' median from which on a value is an outlier.
_OUTLIER = 4.0


@dataclass(frozen=True)
class Scatter:
    """
    A relative scatter.

    Attributes
    ----------
    ppm : float
        Standard deviation relative to the median flux, in parts per million.
    error_ppm : float
        Its 1 sigma, were the noise white and normal.
    n : int
        Number of rows that it was made of.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.inspect.statistics import scatter
    >>> found = scatter(np.random.default_rng(1).normal(1e6, 200, 4000))
    >>> found.n, bool(found.error_ppm < 5)
    (4000, True)
    """

    ppm: float
    error_ppm: float
    n: int


def normalize(
    ts: TimeSeries | ArrayLike, columns: str | Sequence[str] | None = None, *, rows: ArrayLike | None = None
) -> Any:
    """
    Light curves in units of their medians.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries` or array_like, shape (n,)
        A product, or one light curve.
    columns : str or sequence of str, optional
        Light curves of the product; by default all.
    rows : array_like of bool, shape (n,), optional
        Rows whose median becomes 1, for instance those out of transit. By default all;
        of a product in any case only those that are `~nircam_tso.good`.

    Returns
    -------
    `~astropy.timeseries.TimeSeries` or `~numpy.ndarray`
        A copy. Light curves and their errors have no unit any more;
        ``meta["level_..."]`` is the median that each was divided by. A light curve
        without a positive median becomes NaN.

    Raises
    ------
    ValueError
        For a column that is not there, or ``rows`` of another length.

    Examples
    --------
    >>> from nircam_tso.inspect.statistics import normalize
    >>> normalize([8.0, 10.0, 12.0])
    array([0.8, 1. , 1.2])
    """
    if not hasattr(ts, "colnames"):
        flux = np.asarray(getattr(ts, "value", ts), float)
        return flux / _level(flux, np.isfinite(flux) & _checked(rows, flux.shape))
    from astropy.units import Quantity

    names = [columns] if isinstance(columns, str) else columns
    curves = light_curves(ts) if names is None else [light_curve(ts, name) for name in names]
    result = ts.copy()
    for curve in curves:
        flux = column_values(ts, curve.name)
        level = _level(flux, usable_rows(ts, curve.name, rows))
        for name in (curve.name, curve.error):
            if name is None:
                continue
            description = ts[name].info.description
            # A column with a unit takes no numbers without one: it is replaced.
            result.replace_column(name, Quantity(column_values(ts, name) / level))
            result[name].info.description = description
        result.meta[f"level_{curve.name}"] = float(level) if np.isfinite(level) else "unknown"
    return result


def _checked(rows, shape):
    if rows is None:
        return True
    rows = np.asarray(rows)
    if rows.dtype != bool or rows.shape != shape:
        raise ValueError(f"rows: has shape {rows.shape} of {rows.dtype}; give one bool for each of {shape[0]} values")
    return rows


def _level(flux, use):
    level = np.median(flux[use]) if use.any() else np.nan
    return level if level > 0 else np.nan


def relative_flux(ts, column=None, rows=None):
    """
    Good values of a light curve over their median.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries` or array_like, shape (n,)
        A product, or one light curve.
    column : str, optional
        Light curve of the product; see `~nircam_tso.inspect.light_curves.light_curve`.
    rows : array_like of bool, shape (n,), optional
        Rows to take.

    Returns
    -------
    flux : `~numpy.ndarray`, shape (m,)
        Relative fluxes of the rows that can be used, in order.
    use : `~numpy.ndarray` of bool, shape (n,)
        Which rows they are.

    Raises
    ------
    ValueError
        For a column that is not there, or ``rows`` of another length.
    """
    if hasattr(ts, "colnames"):
        name = light_curve(ts, column).name
        flux, use = column_values(ts, name), usable_rows(ts, name, rows)
    else:
        flux = np.asarray(getattr(ts, "value", ts), float)
        use = np.isfinite(flux) & _checked(rows, flux.shape)
    return flux[use] / _level(flux, use), use


def sigma_of(values, method="point-to-point"):
    """
    Standard deviation of normal noise, robustly.

    Parameters
    ----------
    values : `~numpy.ndarray`, shape (n,)
        Finite values in their order.
    method : str, optional
        ``"mad"``: median absolute deviation from the median, times 1.4826;
        ``"point-to-point"``: the same of neighbours' differences from 0, over sqrt(2),
        which does not see slow variation such as a transit; ``"std"``.

    Returns
    -------
    float
        NaN for less than three values.

    Raises
    ------
    ValueError
        For another method.
    """
    if method not in _ERRORS:
        raise ValueError(f"method: {method!r} is none of {', '.join(map(repr, _ERRORS))}")
    if len(values) < 3:
        return float("nan")
    if method == "std":
        return float(np.std(values, ddof=1))
    if method == "mad":
        return float(MAD_TO_SIGMA * np.median(np.abs(values - np.median(values))))
    return float(MAD_TO_SIGMA * np.median(np.abs(np.diff(values))) / np.sqrt(2))


def without_outliers(values, sigma):
    """
    Values with the median of their neighbours in place of outliers; steps and drifts stay.

    Parameters
    ----------
    values : `~numpy.ndarray`, shape (n,)
        Finite values in their order.
    sigma : float
        Their noise.

    Returns
    -------
    `~numpy.ndarray`, shape (n,)
        A copy. An outlier lies over four sigma from the median of the seven values around it.
    """
    from scipy.ndimage import median_filter

    # Mirrored ends: the first value alone must not be its own median.
    smooth = median_filter(values, size=7, mode="reflect")
    return np.where(np.abs(values - smooth) > _OUTLIER * sigma, smooth, values)


def scatter(
    ts: TimeSeries | ArrayLike,
    column: str | None = None,
    *,
    method: Literal["point-to-point", "mad", "std"] = "point-to-point",
    rows: ArrayLike | None = None,
) -> Scatter:
    """
    Scatter of a light curve in ppm.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries` or array_like, shape (n,)
        A product, or one light curve.
    column : str, optional
        Light curve of the product; by default the least scattered aperture sum.
    method : {"point-to-point", "mad", "std"}, optional
        1.4826 times the median absolute difference of neighbours over sqrt(2), or deviation
        from the median, or the plain standard deviation. Only the first can do without
        ``rows`` where there is a transit.
    rows : array_like of bool, shape (n,), optional
        Rows to take.

    Returns
    -------
    Scatter

    Raises
    ------
    ValueError
        For an unknown column or method, or ``rows`` of another length.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.inspect.statistics import scatter
    >>> found = scatter(np.random.default_rng(1).normal(1e6, 200, 4000))
    >>> abs(found.ppm - 200) < 3 * found.error_ppm
    True
    """
    flux, _ = relative_flux(ts, column, rows)
    ppm = sigma_of(flux, method) * 1e6
    return Scatter(ppm, ppm * _ERRORS[method] / max(len(flux), 1) ** 0.5, len(flux))
