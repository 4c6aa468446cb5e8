"""What a background is made of: the levels of many rows of pixels, and what is known of each integration."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

__all__ = ["MIN_PIXELS", "BackgroundLevels", "LineLevels", "RowLevels", "level_errors", "level_rows"]

#: An integration with fewer good sky pixels than this has no background level.
MIN_PIXELS = 10

#: With more pixels than this an estimator's error is that of very many.
_MANY_PIXELS = 400

# Numbers of pixels for which the errors of few are simulated, so often.
_FEW_PIXELS = (4, 6, 8, 11, 16, 24, 40, 80, 160)
_SIMULATED = 4000


class LineLevels(NamedTuple):
    """
    Errors of a background that has a level per row or column.

    Line ``l`` of integration ``b`` has the level ``(1 - fraction[b, l])`` times that of
    line ``lower[b, l]`` plus ``fraction[b, l]`` times that of line ``upper[b, l]``, both
    of them measured; a measured line names itself twice.

    Attributes
    ----------
    error : `~numpy.ndarray` of float64, shape (B, L)
        Standard error of each measured line's level, independent of one another; NaN
        for lines that were not measured.
    lower, upper : `~numpy.ndarray` of int64, shape (B, L)
        Measured lines from which a line's level comes.
    fraction : `~numpy.ndarray` of float64, shape (B, L)
        Weight of ``upper``.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.background import LineBackground, estimate_background
    >>> sky = LineBackground("row", exclude_radius=5)
    >>> data = np.random.default_rng(1).normal(100, 3, (1, 30, 40))
    >>> lines = estimate_background(data, sky.footprint((30, 40), (20, 15)), sky).lines
    >>> lines.error.shape, bool((lines.lower == lines.upper).all())
    ((1, 30), True)
    """

    error: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    fraction: np.ndarray


class BackgroundLevels(NamedTuple):
    """
    Sky of each integration; numbers are NaN where not valid.

    Attributes
    ----------
    level : `~numpy.ndarray` of float64, shape (B,)
        Sky per pixel; of an image, its mean over the region that was asked for.
    error : `~numpy.ndarray` of float64, shape (B,)
        Standard error of ``level`` for pixels with independent Gaussian noise.
    scatter : `~numpy.ndarray` of float64, shape (B,)
        Standard deviation of one pixel about the sky, corrected for the clipping of
        Gaussian noise.
    valid : `~numpy.ndarray` of bool, shape (B,)
        False with fewer than `MIN_PIXELS` good pixels, or where the estimator failed.
    image : `~numpy.ndarray` of float64, shape (B, ny, nx), or None
        Sky of each pixel; None where it is ``level`` everywhere.
    lines : LineLevels or None
        Errors line by line, of `LineBackground`.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.background import FrameBackground, estimate_background
    >>> sky = FrameBackground(exclude_radius=5)
    >>> levels = estimate_background(np.full((2, 40, 50), 7.5), sky.footprint((40, 50), (25, 20)), sky)
    >>> levels.scatter, levels.valid
    (array([0., 0.]), array([ True,  True]))
    """

    level: np.ndarray
    error: np.ndarray
    scatter: np.ndarray
    valid: np.ndarray
    image: np.ndarray | None = None
    lines: LineLevels | None = None


class RowLevels(NamedTuple):
    """
    What an estimator makes of rows of pixels, each of shape (R,).

    Attributes
    ----------
    level, std : `~numpy.ndarray` of float64
        The level, and the root mean square about the mean of what clipping left.
    n_good, n_kept : `~numpy.ndarray` of int64
        Number of pixels before and after clipping.
    valid : `~numpy.ndarray` of bool
        Whether there is a level.
    """

    level: np.ndarray
    std: np.ndarray
    n_good: np.ndarray
    n_kept: np.ndarray
    valid: np.ndarray


def _masked_rows(rows, pixels, bad):
    values = rows[:, pixels].astype(np.float64, copy=False)
    left_out = ~np.isfinite(values)
    if bad is not None:
        left_out |= bad[:, pixels]
    # Masked values are overwritten because SigmaClip warns of NaN even under a mask.
    values[left_out] = 0.0
    return np.ma.MaskedArray(values, left_out)


def level_rows(rows, pixels, estimator, *, bad=None, minimum=MIN_PIXELS):
    """
    Level of each row of pixels.

    The median, mean, mode, MMM and SExtractor estimators with ordinary clipping are
    computed by `nircam_tso.measure.clipping` (equal to photutils, much quicker); any
    other estimator by photutils.

    Parameters
    ----------
    rows : `~numpy.ndarray` of float64 or float32, shape (R, P)
        Values.
    pixels : `~numpy.ndarray` of int64, shape (p,)
        Which of each row's values to use.
    estimator : `~photutils.background.BackgroundBase`
        The estimator, with its ``sigma_clip``.
    bad : `~numpy.ndarray` of bool, shape (R, P) or (1, P), optional
        True for values to leave out. Those that are not finite always are.
    minimum : int, optional
        Rows with fewer good values are not valid.

    Returns
    -------
    RowLevels

    Examples
    --------
    >>> import numpy as np
    >>> from photutils.background import MeanBackground
    >>> from nircam_tso.measure.background.levels import level_rows
    >>> rows = np.array([[1.0, 2.0, 3.0], [np.nan, 5.0, 7.0]])
    >>> level_rows(rows, np.arange(3), MeanBackground(), minimum=2).level
    array([2., 6.])
    """
    from nircam_tso.measure.clipping import clipped_statistics
    from nircam_tso.measure.estimators import level_of, photutils_levels

    clip = getattr(estimator, "sigma_clip", None)
    if clip is None:
        settings = {"rounds": 0}
    elif clip.stdfunc == "std" and clip.cenfunc in ("median", "mean"):
        settings = {
            "lower": clip.sigma_lower,
            "upper": clip.sigma_upper,
            "rounds": min(clip.maxiters, 2**31),
            "centre": clip.cenfunc,
        }
    else:
        settings = None

    level = None
    if settings is not None:
        statistics = clipped_statistics(rows, pixels, bad=bad, **settings)
        level, std, n_good, n = level_of(estimator, statistics), statistics.std, statistics.n_good, statistics.n_kept
    if level is None:
        values = _masked_rows(rows, pixels, bad)
        n_good = len(pixels) - values.mask.sum(axis=1)
        # Rows with nothing to measure would make photutils warn.
        enough = np.flatnonzero(n_good >= minimum)
        level, std, n = np.full(len(rows), np.nan), np.full(len(rows), np.nan), np.zeros(len(rows), np.int64)
        if len(enough):
            level[enough], std[enough], n[enough] = photutils_levels(values[enough], estimator)
    valid = (n_good >= minimum) & (n > 1) & np.isfinite(level) & np.isfinite(std)
    return RowLevels(level, std, n_good, n, valid)


@lru_cache(maxsize=16)
def _few_pixels(background):
    """Errors of few pixels relative to `noise_response`, for each of ``_FEW_PIXELS``."""
    from nircam_tso.measure.estimators import noise_response

    estimator = background.photutils_estimator
    expected = noise_response(estimator).error
    rng = np.random.default_rng(20221)
    factors = []
    for n in _FEW_PIXELS:
        # An odd and an even number, between which the median goes up and down.
        squares = [
            n_
            * np.nanmean(
                level_rows(rng.standard_normal((_SIMULATED, n_)), np.arange(n_), estimator, minimum=1).level ** 2
            )
            for n_ in (n, n + 1)
        ]
        factors.append(np.sqrt(np.mean(squares)) / expected)
    return np.array(factors)


def level_errors(background, scatter, n_kept):
    """
    Standard error of levels, for pixels with independent Gaussian noise.

    ``factor scatter / sqrt(n)`` with the factor of
    `nircam_tso.measure.estimators.noise_response`, which is for very many pixels, and
    for up to 400 a correction that is simulated once (always with the same numbers;
    sure to 1 %): it takes 4 % off the error of the median of 20 pixels, and a fifth off
    SExtractor's, which there often is the median.

    Parameters
    ----------
    background : BackgroundSettings
        Estimator and clipping.
    scatter : `~numpy.ndarray` of float64
        Standard deviation of one pixel.
    n_kept : `~numpy.ndarray` of int64
        Number of pixels that clipping left; broadcasts with ``scatter``.

    Returns
    -------
    `~numpy.ndarray` of float64
    """
    from nircam_tso.measure.estimators import noise_response

    response = noise_response(background.photutils_estimator)
    n = np.maximum(n_kept, 1) / response.kept
    error = response.error * scatter / np.sqrt(n)
    if (n <= _MANY_PIXELS).any():
        # The last of the nodes is that of infinitely many; what is interpolated in 1 / n.
        nodes = np.array([0.0, *(1.0 / (few + 0.5) for few in _FEW_PIXELS[::-1])])
        values = np.array([1.0, *_few_pixels(background)[::-1]])
        error = error * np.where(n <= _MANY_PIXELS, np.interp(1.0 / n, nodes, values), 1.0)
    return error
