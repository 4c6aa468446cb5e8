"""What a background estimator makes of clipped pixels, and how sure its level is."""

import math
from functools import lru_cache

import numpy as np
from photutils import background as photutils_background

__all__ = ["clipping_bias", "error_factor", "level_of", "photutils_levels"]


def _truncated_std(limit):
    """Standard deviation of a unit Gaussian cut off at +- limit."""
    if not math.isfinite(limit):
        return 1.0
    density = math.exp(-0.5 * limit * limit) / math.sqrt(2 * math.pi)
    return math.sqrt(max(1 - 2 * limit * density / math.erf(limit / math.sqrt(2)), 0.0))


def clipping_bias(clip):
    """
    Ratio of the clipped standard deviation of Gaussian noise to the true one.

    Each round cuts at so many times the deviation that the round before has left;
    0.985 for 3 sigma. Lopsided limits are taken at their mean.

    Parameters
    ----------
    clip : `~astropy.stats.SigmaClip` or None
        The clipping.

    Returns
    -------
    float
        Never below 0.1: limits under 1.7 sigma leave nothing to correct in the end.

    Examples
    --------
    >>> from astropy.stats import SigmaClip
    >>> from nircam_tso.measure.estimators import clipping_bias
    >>> round(clipping_bias(SigmaClip(3, maxiters=5)), 3)
    0.985
    """
    if clip is None or clip.stdfunc != "std":
        limit = math.inf if clip is None else 0.5 * (clip.sigma_lower + clip.sigma_upper)
        return max(_truncated_std(limit), 0.1)
    std = 1.0
    for _ in range(int(min(clip.maxiters, 100))):
        std = max(_truncated_std(0.5 * (clip.sigma_lower + clip.sigma_upper) * std), 0.1)
    return std


@lru_cache
def _biweight_factor(c):
    """
    Standard error of astropy's biweight location of Gaussian noise, times sqrt(n) / sigma.

    One step from the median M: ``M + sum(t w) / sum(w)``, t = x - M, w = (1 - u^2)^2,
    u = t / (c MAD). To first order in the median's own error it is an average of
    ``psi / <w> + (1 - <psi'> / <w>) sign(t) sqrt(pi / 2)`` with psi = t w.
    """
    t = np.linspace(-9.0, 9.0, 36001)
    u2 = np.minimum((t / (c * 0.6744897501960817)) ** 2, 1.0)
    density = np.exp(-0.5 * t * t)
    density /= density.sum()
    weight = (1 - u2) ** 2
    mean_weight = (density * weight).sum()
    slope = (density * (1 - u2) * (1 - 5 * u2)).sum()
    influence = t * weight / mean_weight + (1 - slope / mean_weight) * np.sign(t) * math.sqrt(math.pi / 2)
    return math.sqrt((density * influence**2).sum())


def error_factor(estimator):
    """
    Standard error of the level times sqrt(n) / sigma, for Gaussian noise.

    1 for the mean, sqrt(pi / 2) for the median; for ``a median - b mean`` it follows
    from Var(median) = pi/2 and Cov(mean, median) = Var(mean) = 1, in units of
    sigma^2 / n. The covariance is exact: median - mean is independent of the mean
    (Basu 1955, Sankhya 15, 377). For the biweight location it is worked out from its
    influence function. Other estimators are taken to be as uncertain as the median.

    Parameters
    ----------
    estimator : `~photutils.background.BackgroundBase`
        The estimator; clipping is taken to remove next to nothing.

    Returns
    -------
    float

    Examples
    --------
    >>> from photutils.background import MedianBackground
    >>> from nircam_tso.measure.estimators import error_factor
    >>> round(error_factor(MedianBackground()), 4)
    1.2533
    """
    if isinstance(estimator, photutils_background.MeanBackground):
        a, b = 0.0, -1.0
    elif isinstance(estimator, photutils_background.ModeEstimatorBackground):
        a, b = estimator.median_factor, estimator.mean_factor
    elif isinstance(estimator, photutils_background.SExtractorBackground):
        a, b = 2.5, 1.5
    elif isinstance(estimator, photutils_background.BiweightLocationBackground):
        return _biweight_factor(estimator.c)
    else:
        a, b = 1.0, 0.0
    return math.sqrt(a * a * math.pi / 2 + b * b - 2 * a * b)


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
    kind = type(estimator)
    if kind is photutils_background.MedianBackground:
        return median
    if kind is photutils_background.MeanBackground:
        return mean
    if kind in (photutils_background.ModeEstimatorBackground, photutils_background.MMMBackground):
        return estimator.median_factor * median - estimator.mean_factor * mean
    if kind is photutils_background.SExtractorBackground:
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
