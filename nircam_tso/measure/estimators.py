"""What a background estimator makes of clipped pixels, and how sure its level is."""

import math
from functools import lru_cache
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from nircam_tso.measure.background.settings import MedianBackground

__all__ = ["NoiseResponse", "level_of", "noise_response", "photutils_levels"]


class NoiseResponse(NamedTuple):
    """
    What an estimator with its clipping makes of many pixels of unit Gaussian noise.

    Attributes
    ----------
    error : float
        Standard error of the level, times the root of the number of pixels given.
    scatter : float
        Standard deviation of the pixels that clipping leaves.
    kept : float
        Fraction of the pixels that it leaves.
    """

    error: float
    scatter: float
    kept: float


def _density(t):
    return math.exp(-0.5 * t * t) / math.sqrt(2 * math.pi)


def _kept(limit):
    return math.erf(limit / math.sqrt(2))


def _truncated_std(limit):
    """Standard deviation of a unit Gaussian cut off at +- limit."""
    if not math.isfinite(limit):
        return 1.0
    return math.sqrt(max(1 - 2 * limit * _density(limit) / _kept(limit), 0.0))


def _truncated_mad(limit):
    """Median absolute deviation of a unit Gaussian cut off at +- limit."""
    return NormalDist().inv_cdf(0.5 + 0.25 * _kept(limit))


@lru_cache
def _response(sigma, rounds, about_mean, by_mad, kind, first, second):
    """
    `noise_response` of plain numbers: ``kind`` is "linear" (``first`` median less ``second`` mean) or "biweight".

    Each quantity is an average over the pixels of a function of their noise t, its
    influence function, kept here on a grid. Clipping at +- limit about a centre that is
    itself off by d moves the mean of what is left by ``2 limit density(limit) d /
    kept``, and the median by ``density(limit) d / density(0)``.
    """
    t = np.linspace(-9.0, 9.0, 36001)
    probability = np.exp(-0.5 * t * t)
    probability /= probability.sum()
    sign = np.sign(t)
    mean, median = t, sign * math.sqrt(math.pi / 2)
    limit, moved = math.inf, 0.0 * t
    inside, kept = np.ones_like(t), 1.0
    for _ in range(rounds):
        spread = _truncated_mad(limit) / _truncated_mad(math.inf) if by_mad else _truncated_std(limit)
        # Limits below 1.7 standard deviations eat themselves up in the end.
        limit = max(sigma * spread, 0.1)
        moved = mean if about_mean else median
        kept = _kept(limit)
        inside = np.where(np.abs(t) <= limit, 1.0, 0.0)
        mean = (t * inside + 2 * limit * _density(limit) * moved) / kept
        median = 0.5 * sign * inside / _density(0) + _density(limit) / _density(0) * moved
    if kind == "linear":
        influence = first * median - second * mean
    else:
        # One step from the median M: M + sum(x w) / sum(w), x = t - M, u = x / (c MAD),
        # w = (1 - u^2)^2; the derivative of x w is (1 - u^2)(1 - 5 u^2).
        scale = first * _truncated_mad(limit)
        u2 = np.minimum((t / scale) ** 2, 1.0)
        weight = (1 - u2) ** 2 * inside
        mean_weight = (probability * weight).sum()
        slope = (probability * (1 - u2) * (1 - 5 * u2) * inside).sum()
        edge = 0.0
        if math.isfinite(limit):
            edge = 2 * limit * (1 - min((limit / scale) ** 2, 1.0)) ** 2 * _density(limit)
        influence = (1 - slope / mean_weight) * median + (t * weight + edge * moved) / mean_weight
    return NoiseResponse(math.sqrt((probability * influence**2).sum()), _truncated_std(limit), kept)


def _name(kind):
    """Name of an estimator's type, None if it is not one of photutils, which need not be imported to tell."""
    own = kind is MedianBackground or kind.__module__.partition(".")[0] == "photutils"
    return kind.__name__ if own else None


def noise_response(estimator):
    """
    How an estimator with its clipping responds to Gaussian noise.

    Without clipping the error is 1 for the mean and sqrt(pi / 2) for the median; for
    ``a median - b mean`` it follows from Var(median) = pi/2 and Cov(mean, median) =
    Var(mean) = 1, in units of sigma^2 / n (the covariance is exact: median - mean is
    independent of the mean; Basu 1955, Sankhya 15, 377). Clipping at 3 sigma changes
    little of that, at 2 sigma a third: errors then come from the estimator's influence
    function, worked out through all rounds. Lopsided limits are taken at their mean,
    unknown estimators to be as uncertain as the median, unknown measures of centre and
    spread to be the median and the standard deviation.

    Parameters
    ----------
    estimator : `~photutils.background.BackgroundBase`
        The estimator.

    Returns
    -------
    NoiseResponse

    Examples
    --------
    >>> from astropy.stats import SigmaClip
    >>> from photutils.background import MedianBackground
    >>> from nircam_tso.measure.estimators import noise_response
    >>> round(noise_response(MedianBackground(sigma_clip=None)).error, 3)
    1.253
    >>> round(noise_response(MedianBackground(sigma_clip=SigmaClip(3, maxiters=5))).scatter, 3)
    0.985
    """
    clip = getattr(estimator, "sigma_clip", None)
    if clip is None:
        clipping = (math.inf, 0, False, False)
    else:
        sigma = 0.5 * (float(clip.sigma_lower) + float(clip.sigma_upper))
        rounds = int(min(clip.maxiters, 50)) if math.isfinite(sigma) else 0
        clipping = (sigma, rounds, clip.cenfunc == "mean", clip.stdfunc == "mad_std")
    kinds = {_name(kind) for kind in type(estimator).__mro__}
    if "MeanBackground" in kinds:
        return _response(*clipping, "linear", 0.0, -1.0)
    if "ModeEstimatorBackground" in kinds:
        return _response(*clipping, "linear", float(estimator.median_factor), float(estimator.mean_factor))
    if "SExtractorBackground" in kinds:
        return _response(*clipping, "linear", 2.5, 1.5)
    if "BiweightLocationBackground" in kinds:
        return _response(*clipping, "biweight", float(estimator.c), 0.0)
    return _response(*clipping, "linear", 1.0, 0.0)


def level_of(estimator, statistics):
    """
    The estimator's level, if clipped statistics are all that it takes.

    Parameters
    ----------
    estimator : `~photutils.background.BackgroundBase`
        The estimator.
    statistics : `~nircam_tso.measure.clipping.ClippedStatistics`
        Of the pixels, clipped as the estimator would.

    Returns
    -------
    `~numpy.ndarray` of float64, shape (B,), or None
        None for an estimator that needs the pixels themselves.

    Examples
    --------
    >>> import numpy as np
    >>> from photutils.background import ModeEstimatorBackground
    >>> from nircam_tso.measure.clipping import clipped_statistics
    >>> from nircam_tso.measure.estimators import level_of
    >>> level_of(ModeEstimatorBackground(), clipped_statistics(np.array([[1.0, 2.0, 6.0]]), np.arange(3)))
    array([0.])
    """
    median, mean, std = statistics.median, statistics.mean, statistics.std
    # Exact types: what a user derives from them may compute anything.
    name = _name(type(estimator))
    if name == "MedianBackground":
        return median
    if name == "MeanBackground":
        return mean
    if name in ("ModeEstimatorBackground", "MMMBackground"):
        return estimator.median_factor * median - estimator.mean_factor * mean
    if name == "SExtractorBackground":
        level = np.where(np.abs(mean - median) >= 0.3 * std, median, 2.5 * median - 1.5 * mean)
        return np.where(std == 0, mean, level)
    return None


def photutils_levels(sky, estimator):
    """
    Level and clipped statistics by photutils and astropy themselves.

    Parameters
    ----------
    sky : `~numpy.ma.MaskedArray`, shape (B, P)
        Pixels; each row must hold some that are not masked, and no NaN under the mask.
    estimator : `~photutils.background.BackgroundBase`
        The estimator.

    Returns
    -------
    level, std : `~numpy.ndarray` of float64, shape (B,)
        The level, and the root mean square about the mean of what clipping left.
    n_kept : `~numpy.ndarray` of int64, shape (B,)
        The number of pixels that it left.

    Examples
    --------
    >>> import numpy as np
    >>> from photutils.background import MeanBackground
    >>> from nircam_tso.measure.estimators import photutils_levels
    >>> level, std, n_kept = photutils_levels(np.ma.MaskedArray([[1.0, 3.0, 2.0, 2.0]]), MeanBackground())
    >>> level, n_kept
    (array([2.]), array([4]))
    """
    level = np.asarray(estimator(sky, axis=1), dtype=np.float64)
    clip = getattr(estimator, "sigma_clip", None)
    kept = sky.filled(np.nan) if clip is None else np.asarray(clip(sky, axis=1, masked=False))
    inside = np.isfinite(kept)
    n = inside.sum(axis=1)
    mean = np.where(inside, kept, 0.0).sum(axis=1) / np.maximum(n, 1)
    residual = np.where(inside, kept - mean[:, np.newaxis], 0.0)
    return level, np.sqrt((residual**2).sum(axis=1) / np.maximum(n, 1)), n
