"""Images of a series less what they have in common: their level, and the scaled median image."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numba import njit

from nircam_tso.measure.clipping import clipped_statistics
from nircam_tso.measure.reference import median_image

if TYPE_CHECKING:
    from typing import Literal

    from numpy.typing import ArrayLike

__all__ = ["Residuals", "free_residuals", "image_levels", "image_residuals", "series_residuals"]


#: Sums that go on side by side, and pixels among which one that is missing is looked for.
_LANES, _FEW = 16, 64
_LARGEST = np.finfo(np.float64).max


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
    images : `~numpy.ndarray` of float64 or float32, shape (B, ny, nx)
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
) -> np.ndarray:
    """
    Images less their level and, where there is one, the scaled reference.

    Parameters
    ----------
    images, bad, free, window
        As for `series_residuals`.
    reference : `~numpy.ndarray` of float64, shape (ny, nx), or None
        Median image of the series, less its level.

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
    values = images - image_levels(images, bad, free)[:, None, None]
    if reference is None:
        return values
    good = ~bad[:, window]
    # In C order: else the order of a sum depends on the number of images.
    flux = np.ascontiguousarray(np.where(good, values[:, window], 0.0)).sum(axis=1)
    expected = np.ascontiguousarray(np.where(good, reference[window], 0.0)).sum(axis=1)
    factor = np.ones(len(images))
    np.divide(flux, expected, out=factor, where=expected > 0)
    # A blank field, or an integration without its star, has no flux to scale by.
    factor[~((factor > 0.5) & (factor < 2.0))] = 1.0
    # One after another, while they are in the processor's memory.
    for image, scale in zip(values, factor, strict=True):
        image -= scale * reference
    return values


@njit(cache=True, nogil=True)
def _products(values, light, lanes):
    """Sums of the values, and of their products with the light."""
    # Many chains of additions side by side: one alone waits for itself.
    totals, products = lanes[0], lanes[1]
    lanes[:] = 0.0
    whole = len(values) - len(values) % (4 * _LANES)
    for first in range(0, whole, 4 * _LANES):
        own, on = values[first : first + 4 * _LANES], light[first : first + 4 * _LANES]
        for lane in range(_LANES):
            v0, v1 = own[lane], own[lane + _LANES]
            v2, v3 = own[lane + 2 * _LANES], own[lane + 3 * _LANES]
            totals[lane] += (v0 + v1) + (v2 + v3)
            products[lane] += (v0 * on[lane] + v1 * on[lane + _LANES]) + (
                v2 * on[lane + 2 * _LANES] + v3 * on[lane + 3 * _LANES]
            )
    total, product = totals.sum(), products.sum()
    for p in range(whole, len(values)):
        total += values[p]
        product += values[p] * light[p]
    return total, product


@njit(cache=True, nogil=True)
def _missing(free, use, light):
    """Number, light and squared light of the free pixels that are not used."""
    count = total = square = 0.0
    for first in range(0, len(use), _FEW):
        wanted, used = free[first : first + _FEW], use[first : first + _FEW]
        some = False
        for k in range(len(used)):
            some |= wanted[k] & ~used[k]
        if some:
            for k in range(len(used)):
                if wanted[k] and not used[k]:
                    own = light[first + k]
                    count += 1.0
                    total += own
                    square += own * own
    return count, total, square


@njit(cache=True, nogil=True)
def _free_residuals(images, bad, levels, middle, limit, free, reference, values, usable):
    n, n_pixels = images.shape
    lanes = np.zeros((2, _LANES))
    nothing = np.zeros(n_pixels, np.bool_)
    all_count, all_light, all_square = _missing(free, nothing, reference)
    for b in range(n):
        level, image, holes, own, use = levels[b], images[b], bad[b], values[b], usable[b]
        for p in range(n_pixels):
            value = image[p] - level
            # What is not finite is within no limit.
            good = free[p] & ~holes[p] & (abs(value - middle[p]) <= min(limit[p], _LARGEST))
            use[p] = good
            own[p] = value if good else 0.0
        total, product = _products(own, reference, lanes)
        count, light, square = _missing(free, use, reference)
        count, light, square = all_count - count, all_light - light, all_square - square
        norm = square - light * light / count if count > 0.0 else 0.0
        # Differences of large numbers leave a rounding error where no light differs.
        slope = (product - light * total / count) / norm if norm > 1e-12 * all_square else 0.0
        for p in range(n_pixels):
            own[p] = own[p] - slope * reference[p] if use[p] else 0.0


def free_residuals(
    images: np.ndarray,
    bad: np.ndarray,
    levels: np.ndarray,
    free: np.ndarray,
    reference: np.ndarray | None,
    *,
    middle: np.ndarray | None = None,
    limit: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """
    Residuals beside the star, in which the light that lies there has the scale that it has there.

    The star's flux, by which the median image is scaled, is noisy: all of a bright
    star's wings would rise and fall together, and pass for noise that pixels share.

    Parameters
    ----------
    images, bad, free
        As for `image_levels`.
    levels : `~numpy.ndarray` of float64, shape (B,)
        Levels of the images.
    reference : `~numpy.ndarray` of float64, shape (ny, nx), or None
        Median image of the series, less its level; finite.
    middle, limit : `~numpy.ndarray` of float64, shape (ny, nx), optional
        What a pixel over the level is mostly, and how far from it one was hit. A pixel of which nothing is
        known (NaN) is not usable.

    Returns
    -------
    values : `~numpy.ndarray` of float64, shape (B, ny, nx)
        But for a constant of each image; 0 where not usable.
    usable : `~numpy.ndarray` of bool, shape (B, ny, nx)
        Free pixels that are neither bad nor hit.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.striping import free_residuals
    >>> light, free = np.array([[0.0, 1.0, 4.0]]), np.array([[True, True, False]])
    >>> images, bad = 10 + 1.1 * light[None], np.zeros((1, 1, 3), bool)
    >>> values, usable = free_residuals(images, bad, np.array([10.0]), free, light)
    >>> print(np.abs(values).max() < 1e-12, usable[0, 0])
    True [ True  True False]
    """
    n, shape = len(images), images.shape[1:]
    nothing = np.zeros(shape)
    middle = nothing if middle is None else middle
    limit = np.full(shape, np.inf) if limit is None else limit
    reference = nothing if reference is None else reference
    values, usable = np.empty(images.shape), np.empty(images.shape, bool)
    flat = [np.ascontiguousarray(one).reshape(-1) for one in (middle, limit, free, reference)]
    images, bad = (np.ascontiguousarray(one).reshape(n, -1) for one in (images, bad))
    _free_residuals(images, bad, levels, *flat, values.reshape(n, -1), usable.reshape(n, -1))
    return values, usable


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
        image, constant = median_image(images, bad, window, image_levels(images, bad, free))
        free = free & ~constant
    return Residuals(image_residuals(images, bad, free, window, image), free & ~bad, image, free)
