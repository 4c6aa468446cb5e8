"""Settling: a drift that dies away at the beginning of a series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.inspect.statistics.noise import relative_flux, sigma_of, without_outliers
from nircam_tso.inspect.values import elapsed_seconds

if TYPE_CHECKING:
    from astropy.timeseries import TimeSeries
    from astropy.units import Quantity
    from numpy.typing import ArrayLike

__all__ = ["Settling", "find_settling", "least_squares"]


@dataclass(frozen=True)
class Settling:
    """
    An exponential drift at the beginning of a series.

    Attributes
    ----------
    found : bool
        Whether it is significant.
    amplitude_ppm, amplitude_err_ppm : float
        Height of the exponential at the first row, relative to the flux; positive where the star begins
        too bright.
    timescale : float
        Seconds in which it falls by e; NaN where there is none.
    significance : float
        Square root of the gain in chi-squared over a straight line, in sigma.
    duration : float
        Seconds until it is below a tenth of one row's scatter: 0 where not found.
    n_rows : int
        Rows that lie within that time.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy import units as u
    >>> from astropy.time import Time
    >>> from astropy.timeseries import TimeSeries
    >>> from nircam_tso.inspect.systematics import find_settling
    >>> time = Time("2026-07-01") + np.arange(500) * 10 * u.s
    >>> ts = TimeSeries(time=time, data={"aperture_sum_r5": np.random.default_rng(2).normal(1e5, 10, 500)})
    >>> settling = find_settling(ts)
    >>> settling.found, settling.duration
    (False, 0.0)
    """

    found: bool
    amplitude_ppm: float
    amplitude_err_ppm: float
    timescale: float
    significance: float
    duration: float
    n_rows: int


def find_settling(
    ts: TimeSeries,
    column: str | None = None,
    *,
    limit: Quantity | None = None,
    threshold: float = 5.0,
    rows: ArrayLike | None = None,
) -> Settling:
    """
    Look for a drift that dies away in the first minutes. Nothing is cut.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.
    column : str, optional
        Light curve of the product; by default the least scattered aperture sum.
    limit : `~astropy.units.Quantity`, optional
        Time from the start that is looked at; by default a fifth of the series, one
        hour at most. It must end before a transit begins.
    threshold : float, optional
        Significance from which on it is found.
    rows : array_like of bool, shape (n,), optional
        Rows to take.

    Returns
    -------
    Settling

    Raises
    ------
    ValueError
        For a limit that is no time or leaves less than 20 rows, or an unknown column.

    Notes
    -----
    Least squares of a straight line plus an exponential, on a grid of 40 time scales from
    three median steps to half the limit; the noise is that of neighbours' differences.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy import units as u
    >>> from astropy.time import Time
    >>> from astropy.timeseries import TimeSeries
    >>> from nircam_tso.inspect.systematics import find_settling
    >>> t = np.arange(1000) * 10.0
    >>> flux = 1e5 * (1 - 1e-3 * np.exp(-t / 300)) + np.random.default_rng(1).normal(0, 10, 1000)
    >>> ts = TimeSeries(time=Time("2026-07-01") + t * u.s, data={"aperture_sum_r5": flux})
    >>> found = find_settling(ts)
    >>> found.found, bool(abs(found.amplitude_ppm + 1000) < 4 * found.amplitude_err_ppm)
    (True, True)
    """
    from astropy import units as u

    flux, use = relative_flux(ts, column, rows)
    seconds = elapsed_seconds(ts)[use]
    known = np.isfinite(seconds)
    order = np.argsort(seconds[known], kind="stable")
    flux, seconds = flux[known][order], seconds[known][order]
    if limit is None:
        length = min(seconds[-1] / 5, 3600.0) if seconds.size else 0.0
    else:
        try:
            length = float(u.Quantity(limit).to_value(u.s))
        except (TypeError, ValueError):
            raise ValueError(f"limit: {limit!r} is not a time; give a Quantity such as 30 * u.min") from None
    early = seconds - seconds[:1] <= length
    if early.sum() < 20:
        raise ValueError(f"limit: {length:g} s hold {int(early.sum())} usable rows with a time; 20 are needed")
    sigma = sigma_of(flux[early])
    flux, seconds = flux[early], seconds[early] - seconds[0]
    if not sigma > 0:
        return Settling(False, np.nan, np.nan, np.nan, 0.0, 0.0, 0)
    flux = without_outliers(flux, sigma)
    line = np.column_stack([np.ones(seconds.size), seconds / length])
    base = _chi_squared(line, flux, sigma)
    step = np.median(np.diff(seconds))
    scales = np.geomspace(3 * step, length / 2, 40)
    designs = [np.column_stack([line, np.exp(-seconds / scale)]) for scale in scales]
    fits = [_chi_squared(design, flux, sigma) for design in designs]
    best = int(np.argmin([chi for chi, *_ in fits]))
    chi, values, covariance = fits[best]
    significance = float(np.sqrt(max(base[0] - chi, 0.0)))
    amplitude, error = float(values[2]), float(np.sqrt(covariance[2, 2]))
    found = significance >= threshold
    duration = 0.0
    if found and abs(amplitude) > 0.1 * sigma:
        duration = float(scales[best] * np.log(abs(amplitude) / (0.1 * sigma)))
    return Settling(
        found=found,
        amplitude_ppm=amplitude * 1e6,
        amplitude_err_ppm=error * 1e6,
        timescale=float(scales[best]) if found else float("nan"),
        significance=significance,
        duration=duration,
        n_rows=int((seconds < duration).sum()),
    )


def _chi_squared(design, flux, sigma):
    values, covariance = least_squares(design, flux, np.full(flux.size, sigma))
    return float((((flux - design @ values) / sigma) ** 2).sum()), values, covariance


def least_squares(design, flux, sigma):
    """
    Weighted linear least squares by the singular values.

    Parameters
    ----------
    design : `~numpy.ndarray`, shape (n, k)
        A column for each coefficient.
    flux, sigma : `~numpy.ndarray`, shape (n,)
        Values and their 1 sigma.

    Returns
    -------
    values : `~numpy.ndarray`, shape (k,)
        Coefficients.
    covariance : `~numpy.ndarray`, shape (k, k)
        Theirs.
    """
    left, singular, right = np.linalg.svd(design / sigma[:, None], full_matrices=False)
    values = right.T @ ((left.T @ (flux / sigma)) / singular)
    return values, (right.T / singular**2) @ right
