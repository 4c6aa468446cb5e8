"""Scatter against bin size: how noise falls as rows are put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.inspect.statistics.noise import relative_flux
from nircam_tso.inspect.values import elapsed_seconds

if TYPE_CHECKING:
    from typing import Literal

    from astropy.timeseries import TimeSeries
    from numpy.typing import ArrayLike

__all__ = ["AllanCurve", "allan"]

#: Bins that the largest size must leave, so that their scatter means something.
_LEAST_BINS = 8


@dataclass(frozen=True)
class AllanCurve:
    """
    Scatter against bin size.

    Attributes
    ----------
    kind : str
        ``"rms"`` or ``"allan"``: see `allan`.
    size : `~numpy.ndarray` of int, shape (k,)
        Rows in a bin.
    duration : `~numpy.ndarray`, shape (k,)
        Their length in seconds at the median cadence; NaN where times are unknown.
    ppm, error_ppm : `~numpy.ndarray`, shape (k,)
        Scatter of the binned light curve, and its 1 sigma were the noise white.
    white_ppm, white_error_ppm : `~numpy.ndarray`, shape (k,)
        What white noise of the scatter at size 1 would give, and how far a series of this length
        strays from that.
    n_rows : int
        Number of rows used.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.inspect.statistics import allan
    >>> curve = allan(np.random.default_rng(1).normal(1, 1e-4, 4096), sizes=[1, 16])
    >>> curve.white_ppm[0] / curve.white_ppm[1]
    np.float64(4.0)
    """

    kind: str
    size: np.ndarray
    duration: np.ndarray
    ppm: np.ndarray
    error_ppm: np.ndarray
    white_ppm: np.ndarray
    white_error_ppm: np.ndarray
    n_rows: int

    @property
    def red_factor(self) -> np.ndarray:
        """Scatter over that of white noise, for each size: often called beta."""
        return self.ppm / self.white_ppm


def allan(
    ts: TimeSeries | ArrayLike,
    column: str | None = None,
    *,
    kind: Literal["rms", "allan"] = "rms",
    sizes: ArrayLike | None = None,
    rows: ArrayLike | None = None,
) -> AllanCurve:
    """
    Scatter of a light curve against the number of rows that are binned.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries` or array_like, shape (n,)
        A product, or one light curve, evenly sampled. Residuals of a model (about 1)
        tell most: a transit counts as noise here.
    column : str, optional
        Light curve of the product; by default the least scattered aperture sum.
    kind : {"rms", "allan"}, optional
        ``"rms"``: time averaging, as is customary for transits: the standard deviation
        of the means of N successive rows (Pont, Zucker and Queloz 2006, MNRAS 373,
        231). ``"allan"``: the overlapping Allan deviation, sqrt of half the mean
        square difference of neighbouring means of N rows, at every start (Riley 2008,
        NIST Special Publication 1065, section 5.2.4), which slow drift disturbs less.
    sizes : array_like of int, optional
        Bin sizes; by default about ten per decade, as far as eight bins are left.
    rows : array_like of bool, shape (n,), optional
        Rows to take, for instance those out of transit.

    Returns
    -------
    AllanCurve

    Raises
    ------
    ValueError
        For less than 16 usable rows, or sizes that leave less than two bins.

    Notes
    -----
    Rows that are left out are closed up. The error of ``"rms"`` is
    sigma / sqrt(2 (M - 1)) with M bins, that of ``"allan"`` follows from the degrees of
    freedom of white noise (table 5 there, "white FM").

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.inspect.statistics import allan
    >>> curve = allan(np.random.default_rng(1).normal(1, 1e-4, 4096), sizes=[1, 16])
    >>> bool(abs(curve.ppm[1] - 25) < 3 * curve.error_ppm[1])
    True
    """
    if kind not in ("rms", "allan"):
        raise ValueError(f"kind: {kind!r} is neither 'rms' nor 'allan'")
    flux, use = relative_flux(ts, column, rows)
    n = len(flux)
    if n < 2 * _LEAST_BINS:
        raise ValueError(f"ts: {n} usable rows are too few; scatter against bin size needs {2 * _LEAST_BINS}")
    sizes = _default_sizes(n) if sizes is None else _checked_sizes(sizes, n)
    freedom = _rms_freedom(n, sizes) if kind == "rms" else _allan_freedom(n, sizes)
    # Sums of deviations from the mean keep their digits however long the series is.
    sums = np.concatenate([[0.0], np.cumsum(flux - flux.mean())])
    one = _rms if kind == "rms" else _overlapping
    ppm = np.array([one(sums, size) for size in sizes]) * 1e6
    base = one(sums, 1) * 1e6
    white = base / np.sqrt(sizes)
    step = _median_step(ts, use)
    return AllanCurve(
        kind=kind,
        size=sizes,
        duration=sizes * step,
        ppm=ppm,
        error_ppm=ppm / np.sqrt(2 * freedom),
        white_ppm=white,
        white_error_ppm=white / np.sqrt(2 * freedom),
        n_rows=n,
    )


def _default_sizes(n):
    largest = n // _LEAST_BINS
    return np.unique(np.round(np.geomspace(1, largest, 1 + int(10 * np.log10(largest)))).astype(int))


def _checked_sizes(sizes, n):
    sizes = np.atleast_1d(np.asarray(sizes))
    if sizes.ndim != 1 or sizes.size == 0 or np.any(sizes != sizes.astype(int)):
        raise ValueError(f"sizes: {sizes!r} are not numbers of rows")
    if sizes.min() < 1 or sizes.max() > (n - 1) // 2:
        raise ValueError(
            f"sizes: {sizes.min()} to {sizes.max()} are not within 1 to {(n - 1) // 2}, which {n} usable rows allow"
        )
    return sizes.astype(int)


def _rms(sums, size):
    bins = (len(sums) - 1) // size
    means = np.diff(sums[: bins * size + 1 : size]) / size
    return np.std(means, ddof=1)


def _overlapping(sums, size):
    steps = sums[2 * size :] - 2 * sums[size:-size] + sums[: -2 * size]
    return np.sqrt(np.mean(steps**2) / 2) / size


def _rms_freedom(n, sizes):
    return n // sizes - 1.0


def _allan_freedom(n, sizes):
    points = n + 1
    return (3 * (points - 1) / (2 * sizes) - 2 * (points - 2) / points) * 4 * sizes**2 / (4 * sizes**2 + 5)


def _median_step(ts, use):
    if "time" not in getattr(ts, "colnames", ()):
        return float("nan")
    seconds = elapsed_seconds(ts)[use]
    steps = np.diff(seconds[np.isfinite(seconds)])
    return float(np.median(steps)) if steps.size else float("nan")
