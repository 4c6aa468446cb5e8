"""The series' median image: what a normal integration looks like.

It tells the pixels that are always bad from those that are bad once, fills the
latter, is a template where no better one is at hand, and gives the smooth signal
from which weights are made.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nircam_tso.measure.medians import MAD_TO_SIGMA, median_deviation, nan_median

__all__ = ["Reference", "fill_holes", "median_image", "replace_transients", "sample_rows", "series_reference"]


@dataclass(frozen=True)
class Reference:
    """
    A typical integration.

    Attributes
    ----------
    image : `~numpy.ndarray` of float64, shape (ny, nx)
        Median of the background-subtracted integrations, each scaled to the same
        flux; 0 in pixels that are always bad.
    constant_bad : `~numpy.ndarray` of bool, shape (ny, nx)
        True where more than half of the integrations are bad.
    scatter : `~numpy.ndarray` of float64, shape (ny, nx)
        Robust standard deviation of one integration about the scaled median.
    n_integrations : int
        Number of integrations that went in.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.reference import series_reference
    >>> images = np.arange(1.0, 6.0)[:, None, None] * np.ones((5, 2, 3))
    >>> reference = series_reference(images, np.isnan(images))
    >>> reference.image[0], reference.n_integrations
    (array([3., 3., 3.]), 5)
    """

    image: np.ndarray
    constant_bad: np.ndarray
    scatter: np.ndarray
    n_integrations: int


def sample_rows(n: int, limit: int = 64) -> np.ndarray:
    """
    Rows spread evenly over a series, first and last among them.

    Parameters
    ----------
    n : int
        Number of rows.
    limit : int, optional
        How many to choose at most.

    Returns
    -------
    `~numpy.ndarray` of int
        All rows where there are not more than ``limit``.

    Examples
    --------
    >>> from nircam_tso.measure.reference import sample_rows
    >>> sample_rows(100, 5)
    array([ 0, 25, 50, 74, 99])
    """
    count = min(n, limit)
    # Integer arithmetic, so that no rounding mode decides which rows are taken.
    return (np.arange(count) * (n - 1) + (count - 1) // 2) // max(count - 1, 1) if count > 1 else np.zeros(1, int)


def series_reference(images: np.ndarray, bad: np.ndarray, window: np.ndarray | None = None) -> Reference:
    """
    Make the reference out of a sample of integrations.

    Parameters
    ----------
    images : `~numpy.ndarray`, shape (s, ny, nx)
        Background-subtracted integrations.
    bad : `~numpy.ndarray` of bool, shape (s, ny, nx)
        True for bad pixels.
    window : `~numpy.ndarray` of bool, shape (ny, nx), optional
        Pixels whose sum is the flux by which an integration is scaled, usually the
        largest aperture. Without it nothing is scaled.

    Returns
    -------
    Reference
        A single integration has no constant bad pixels and no scatter (NaN).

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.reference import series_reference
    >>> images = np.ones((5, 2, 3)); images[2, 0, 1] = np.nan
    >>> series_reference(images, np.isnan(images)).image[0, 1]
    np.float64(1.0)
    """
    n, shape = len(images), images.shape[1:]
    bad = bad | ~np.isfinite(images)
    if n == 1:
        # Nothing tells a constant bad pixel from a passing one.
        return Reference(np.where(bad[0], 0.0, images[0]), np.zeros(shape, bool), np.full(shape, np.nan), 1)
    constant = bad.sum(axis=0) * 2 > n
    image, deviation = median_deviation(images, bad, scale=_scale(images, bad, window))
    image[constant] = deviation[constant] = 0.0
    return Reference(image, constant, deviation * MAD_TO_SIGMA, n)


def median_image(
    images: np.ndarray, bad: np.ndarray, window: np.ndarray, levels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """
    The image and the constant bad pixels of `series_reference` alone, which takes half the time.

    Parameters
    ----------
    images, bad, window
        As for `series_reference`; bad is what is not finite, too.
    levels : `~numpy.ndarray` of float64, shape (s,)
        Levels that are taken off first.

    Returns
    -------
    image : `~numpy.ndarray` of float64, shape (ny, nx)
        The median.
    constant_bad : `~numpy.ndarray` of bool, shape (ny, nx)
        True where more than half of the integrations are bad.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.reference import median_image
    >>> images = np.arange(1.0, 6.0)[:, None, None] * np.ones((5, 2, 3))
    >>> median_image(images, np.isnan(images), np.ones((2, 3), bool), np.ones(5))[0][0]
    array([2., 2., 2.])
    """
    constant = bad.sum(axis=0) * 2 > len(images) if len(images) > 1 else np.zeros(images.shape[1:], bool)
    image = nan_median(images, bad, offset=levels, scale=_scale(images, bad, window, levels))
    return np.where(constant, 0.0, np.nan_to_num(image)), constant


def _scale(images, bad, window, levels=0.0):
    """Fluxes of a sample over their median, None where they are nothing to scale by."""
    if window is None or len(images) == 1:
        return None
    values = np.ascontiguousarray(images[:, window & ~bad.any(axis=0)])
    flux = (values - np.reshape(levels, (-1, 1))).sum(axis=1)
    middle = np.median(flux)
    # A blank field has no positive flux.
    return flux / middle if middle > 0 and (flux > 0.2 * middle).all() else None


def replace_transients(
    images: np.ndarray, bad: np.ndarray, reference: Reference, window: np.ndarray
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """
    Fill passing bad pixels from the scaled reference.

    The scale of an integration is the least-squares factor between it and the
    reference over the good pixels of the window. Where these hold less than half of the
    window's light, nothing is filled: a corner of the star tells nothing of the rest.

    Parameters
    ----------
    images : `~numpy.ndarray`, shape (b, ny, nx)
        Background-subtracted integrations; changed in place.
    bad : `~numpy.ndarray` of bool, shape (b, ny, nx)
        Pixels to fill; constant bad pixels are not among them.
    reference : Reference
        The reference.
    window : `~numpy.ndarray` of bool, shape (ny, nx)
        Pixels that tell the scale.

    Returns
    -------
    variance : `~numpy.ndarray`, shape (b, ny, nx) or None
        Variance of the filled values, 0 elsewhere; None where nothing was filled.
    filled : `~numpy.ndarray` of bool, shape (b, ny, nx) or None
        Pixels that were filled. One whose reference is unknown, or whose
        integration has no good pixel to scale by, stays bad.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.reference import replace_transients, series_reference
    >>> series = np.arange(1.0, 7.0).reshape(2, 3) * np.ones((5, 1, 1))
    >>> reference = series_reference(series, np.isnan(series))
    >>> images = 2 * series[:1]
    >>> images[0, 0, 1] = np.nan
    >>> variance, filled = replace_transients(images, np.isnan(images), reference, np.ones((2, 3), bool))
    >>> float(images[0, 0, 1])
    4.0
    """
    rows = np.flatnonzero(bad.any(axis=(1, 2)))
    if rows.size == 0:
        return None, None
    variance = np.zeros(images.shape)
    filled = np.zeros(images.shape, bool)
    weight = np.where(window & ~reference.constant_bad, reference.image, 0.0)
    total = float(np.sum(weight * weight))
    if total == 0.0:
        return variance, filled
    for row in rows:
        used = np.where(bad[row], 0.0, weight)
        norm = float(np.sum(used * used))
        if norm < 0.5 * total:
            continue
        # Pixels without weight may be NaN.
        scale = float(np.sum(np.where(used != 0.0, images[row], 0.0) * used)) / norm
        pixels = bad[row] & np.isfinite(reference.scatter)
        images[row][pixels] = scale * reference.image[pixels]
        variance[row][pixels] = (scale * reference.scatter[pixels]) ** 2
        filled[row] = pixels
    return variance, filled


def fill_holes(images: np.ndarray, holes: np.ndarray, bad: np.ndarray | None = None) -> None:
    """
    Fill pixels from the mean of their good neighbours.

    For centring by correlation only, which knows no masks; sums and fits leave such
    pixels out instead.

    Parameters
    ----------
    images : `~numpy.ndarray`, shape (b, ny, nx)
        Stamps; changed in place.
    holes : `~numpy.ndarray` of bool, shape (b, ny, nx)
        Pixels to fill. One without a good pixel among its eight neighbours becomes 0.
    bad : `~numpy.ndarray` of bool, shape (b, ny, nx), optional
        Pixels that are not asked; the holes themselves if None.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.reference import fill_holes
    >>> images = np.ones((1, 3, 4))
    >>> images[0, 1, 2] = np.nan
    >>> fill_holes(images, np.isnan(images))
    >>> float(images[0, 1, 2])
    1.0
    """
    bad = holes if bad is None else bad
    for b, y, x in np.argwhere(holes):
        rows = slice(max(y - 1, 0), y + 2)
        columns = slice(max(x - 1, 0), x + 2)
        near = images[b, rows, columns][~bad[b, rows, columns]]
        images[b, y, x] = near.mean() if near.size else 0.0
