"""Images of a series less what they have in common: their level, and the scaled median image."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nircam_tso.measure.clipping import clipped_statistics
from nircam_tso.measure.reference import series_reference

if TYPE_CHECKING:
    from typing import Literal

    from numpy.typing import ArrayLike

__all__ = ["Residuals", "image_levels", "image_residuals", "series_residuals"]


class Residuals(NamedTuple):
    """
    A sample of images less what they have in common.

    Attributes
    ----------
    values : `~numpy.ndarray` of float64, shape (S, ny, nx)
        Images less their level and the scaled median image.
    usable : `~numpy.ndarray` of bool, shape (S, ny, nx)
        Pixels away from the star that are not bad.
    reference : `~numpy.ndarray` of float64, shape (ny, nx), or None
        The median image, less its level.
    free : `~numpy.ndarray` of bool, shape (ny, nx)
        Pixels away from the star that are not always bad.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.striping import series_residuals
    >>> images = 5.0 + np.random.default_rng(1).normal(0, 1, (9, 4, 6))
    >>> residuals = series_residuals(images, np.isnan(images), np.ones((4, 6), bool), np.zeros((4, 6), bool))
    >>> residuals.values.shape, residuals.reference.shape, int(residuals.free.sum())
    ((9, 4, 6), (4, 6), 24)
    """

    values: np.ndarray
    usable: np.ndarray
    reference: np.ndarray | None
    free: np.ndarray


def image_levels(images: np.ndarray, bad: np.ndarray, free: np.ndarray) -> np.ndarray:
    """
    Level of each image.

    Parameters
    ----------
    images : `~numpy.ndarray` of float64, shape (B, ny, nx)
        Images.
    bad : `~numpy.ndarray` of bool, shape (B, ny, nx)
        Bad pixels.
    free : `~numpy.ndarray` of bool, shape (ny, nx)
        Pixels away from the star.

    Returns
    -------
    `~numpy.ndarray` of float64, shape (B,)
        Median over the free pixels that are not bad, 0 where there is none.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.striping import image_levels
    >>> images = np.array([[[1.0, 2.0, 9.0]], [[3.0, 4.0, 5.0]]])
    >>> print(image_levels(images, images == 9, np.array([[True, True, True]])))
    [1.5 4. ]
    """
    flat = images.reshape(len(images), -1)
    statistics = clipped_statistics(flat, np.flatnonzero(free), bad=bad.reshape(len(bad), -1), rounds=0)
    return np.nan_to_num(statistics.median)


def image_residuals(
    images: np.ndarray,
    bad: ArrayLike | None,
    free: np.ndarray,
    window: np.ndarray,
    reference: np.ndarray | None,
    *,
    levels: np.ndarray | None = None,
) -> np.ndarray:
    """
    Images less their level and, where there is one, the scaled reference.

    Parameters
    ----------
    images, bad, free, window
        As for `series_residuals`.
    reference : `~numpy.ndarray` of float64, shape (ny, nx), or None
        Median image of the series, less its level.
    levels : `~numpy.ndarray` of float64, shape (B,), optional
        Levels of the images, if they are known; else the median of the free pixels of each.

    Returns
    -------
    `~numpy.ndarray` of float64, shape (B, ny, nx)

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.striping import image_residuals
    >>> images = np.array([[[7.0, 8.0, 9.0], [8.0, 8.0, 8.0]]])
    >>> free, star = np.ones((2, 3), bool), np.zeros((2, 3), bool)
    >>> image_residuals(images, np.zeros((1, 2, 3), bool), free, star, None)[0, 0]
    array([-1.,  0.,  1.])
    """
    bad = bad | ~np.isfinite(images)
    values = images - (image_levels(images, bad, free) if levels is None else levels)[:, None, None]
    if reference is None:
        return values
    good = window & ~bad
    flux = np.where(good, values, 0.0).sum(axis=(1, 2))
    expected = np.where(good, reference, 0.0).sum(axis=(1, 2))
    factor = np.ones(len(images))
    np.divide(flux, expected, out=factor, where=expected > 0)
    # A blank field, or an integration without its star, has no flux to scale by.
    factor[~((factor > 0.5) & (factor < 2.0))] = 1.0
    values -= factor[:, None, None] * reference
    return values


def series_residuals(
    images: np.ndarray,
    bad: np.ndarray,
    free: np.ndarray,
    window: np.ndarray,
    *,
    reference: Literal["median"] | None = "median",
) -> Residuals:
    """
    A sample of images less their level and the scaled median image.

    Parameters
    ----------
    images : `~numpy.ndarray` of float64, shape (S, ny, nx)
        The sample, sky included.
    bad : `~numpy.ndarray` of bool, shape (S, ny, nx)
        Bad pixels.
    free : `~numpy.ndarray` of bool, shape (ny, nx)
        Pixels away from the star that see what the others see.
    window : `~numpy.ndarray` of bool, shape (ny, nx)
        Pixels whose sum is the star's flux, such as the largest aperture.
    reference : {"median", None}, optional
        None takes the level off alone.

    Returns
    -------
    Residuals

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.striping import series_residuals
    >>> images = np.array([[[1.0, 2.0, 3.0]], [[6.0, 7.0, 8.0]], [[2.0, 3.0, 4.0]]])
    >>> free, star = np.ones((1, 3), bool), np.zeros((1, 3), bool)
    >>> series_residuals(images, np.isnan(images), free, star, reference=None).values[1]
    array([[-1.,  0.,  1.]])
    """
    images = np.asarray(images, np.float64)
    bad = bad | ~np.isfinite(images)
    image = None
    if reference is not None:
        levels = image_levels(images, bad, free)
        series = series_reference(images - levels[:, None, None], bad, window)
        image, free = series.image, free & ~series.constant_bad
    return Residuals(image_residuals(images, bad, free, window, image), free & ~bad, image, free)
