"""The series' median image: what a normal integration looks like.

It tells the pixels that are always bad from those that are bad once, fills the
latter, is a template where no better one is at hand, and gives the smooth signal
from which weights are made.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Reference", "fill_holes", "nan_median", "replace_transients", "sample_rows", "series_reference"]

#: From a normal distribution's median absolute deviation to its standard deviation.
_MAD_TO_SIGMA = 1.482602218505602


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
    n = len(images)
    bad = bad | ~np.isfinite(images)
    # With one integration nothing tells a constant bad pixel from a passing one.
    constant = bad.sum(axis=0) * 2 > n if n > 1 else np.zeros(images.shape[1:], bool)
    values = np.where(bad, np.nan, images)
    scale = np.ones(n)
    if window is not None and n > 1:
        always_good = window & ~bad.any(axis=0)
        flux = np.where(always_good, np.nan_to_num(values), 0.0).sum(axis=(1, 2))
        middle = np.median(flux)
        # A series without a positive flux (a blank field) has nothing to scale by.
        if middle > 0 and (flux > 0.2 * middle).all():
            scale = flux / middle
    values /= scale[:, None, None]
    values[:, constant] = 0.0
    image = nan_median(values)
    scatter = nan_median(np.abs(values - image)) * _MAD_TO_SIGMA if n > 1 else np.full(image.shape, np.nan)
    return Reference(np.nan_to_num(image), constant, scatter, n)


def nan_median(values: np.ndarray) -> np.ndarray:
    """
    Median along the first axis over what is not NaN; NaN where there is nothing.

    Parameters
    ----------
    values : `~numpy.ndarray`, shape (n, ...)
        Values.

    Returns
    -------
    `~numpy.ndarray`, shape (...)
        numpy's own would warn where there is nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.reference import nan_median
    >>> nan_median(np.array([[1.0, np.nan], [3.0, np.nan], [np.nan, np.nan]]))
    array([ 2., nan])
    """
    values = np.asarray(values)
    n, shape = len(values), values.shape[1:]
    # Side by side in memory they are sorted several times quicker than across it.
    rows = np.array(values.reshape(n, -1).T, order="C")
    rows.sort(axis=1)
    count = np.isfinite(rows).sum(axis=1)
    low = np.take_along_axis(rows, np.maximum((count - 1) // 2, 0)[:, None], axis=1)[:, 0]
    high = np.take_along_axis(rows, np.minimum(count // 2, n - 1)[:, None], axis=1)[:, 0]
    return np.where(count > 0, 0.5 * (low + high), np.nan).reshape(shape)


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
