"""The point of an image of a star that stands for the star's position."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import Literal

    from numpy.typing import ArrayLike

__all__ = ["checked_image", "find_origin"]

_ORIGINS = ("gaussian", "centroid", "center")

#: Side of the window around the peak in which a Gaussian is fitted, that of the
#: default subframe, so that a template's origin means what the star's fit means.
_FIT_WINDOW = 21


def checked_image(image, label):
    """
    An image that can be a template, as native float64.

    Parameters
    ----------
    image : array_like, shape (ny, nx)
    label : str
        What messages call it.

    Returns
    -------
    `~numpy.ndarray` of float64, shape (ny, nx)
        A copy.

    Raises
    ------
    ValueError
        If it is not two-dimensional with at least 3 x 3 pixels, if a pixel is not
        finite, or if the sum is not positive.

    Examples
    --------
    >>> from nircam_tso.measure.origin import checked_image
    >>> checked_image([1, 2, 3], "psf")
    Traceback (most recent call last):
        ...
    ValueError: psf: has shape (3,); give one image (ny, nx) of at least 3 x 3 pixels
    """
    try:
        image = np.array(image, dtype=np.float64, order="C")
    except (TypeError, ValueError):
        raise ValueError(f"{label}: is no array of numbers; give an image (ny, nx)") from None
    if image.ndim != 2 or min(image.shape) < 3:
        raise ValueError(f"{label}: has shape {image.shape}; give one image (ny, nx) of at least 3 x 3 pixels")
    n_bad = int(np.count_nonzero(~np.isfinite(image)))
    if n_bad:
        raise ValueError(f"{label}: {n_bad} of {image.size} pixels are not finite; replace them")
    total = image.sum()
    if not (np.isfinite(total) and total > 0):
        raise ValueError(f"{label}: its sum is {total:g}, but must be positive; take no more off than the sky")
    return image


def find_origin(
    image: ArrayLike, origin: Literal["gaussian", "centroid", "center"] | tuple[float, float] | None = None
) -> tuple[float, float, str]:
    """
    The point of an image of a star that stands for the star's position.

    Parameters
    ----------
    image : array_like, shape (ny, nx)
        The star without sky: finite, with a positive sum.
    origin : {"gaussian", "centroid", "center"} or tuple of float, optional
        "gaussian": centre of a Gaussian fitted to 21 x 21 px around the peak;
        "centroid": centre of light of the whole image; "center": the middle of the
        image, ((nx - 1) / 2, (ny - 1) / 2); or the point (x, y) itself. By default
        "gaussian" if the image has one peak, else "centroid". It has one if, smoothed
        with a Gaussian of 1 px, it has a single local maximum above half of its
        highest value, and the fit succeeds within 1 px of that.

    Returns
    -------
    x, y : float
        Zero-based pixel centres.
    name : str
        "gaussian", "centroid", "center", or "given" for a point.

    Raises
    ------
    ValueError
        If there is no such point in the image, or the name is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.origin import find_origin
    >>> two_stars = np.zeros((9, 12))
    >>> two_stars[4, 2] = two_stars[4, 9] = 1.0
    >>> find_origin(two_stars)
    (5.5, 4.0, 'centroid')
    >>> find_origin(two_stars, (3.0, 4.5))
    (3.0, 4.5, 'given')
    """
    image = checked_image(image, "image")
    ny, nx = image.shape
    if origin is None:
        found = _fitted_origin(image)
        return (*found, "gaussian") if found else _inside(image, *_centroid(image), "centroid")
    if not isinstance(origin, str):
        try:
            x, y = (float(value) for value in origin)
        except (TypeError, ValueError):
            raise ValueError(f"origin: {origin!r} is no point (x, y) of two numbers") from None
        return _inside(image, x, y, "given")
    if origin == "center":
        return (nx - 1) / 2, (ny - 1) / 2, origin
    if origin == "centroid":
        return _inside(image, *_centroid(image), origin)
    if origin == "gaussian":
        found = _fit_peak(image, *_peaks(image)[0])
        if found is None:
            raise ValueError("origin: no Gaussian can be fitted to the image's peak; use 'centroid' or a point (x, y)")
        return *found[:2], origin
    raise ValueError(f"origin: {origin!r} is none of {', '.join(map(repr, _ORIGINS))}; or give a point (x, y)")


def _inside(image, x, y, name):
    ny, nx = image.shape
    if not (-0.5 <= x <= nx - 0.5 and -0.5 <= y <= ny - 0.5):
        raise ValueError(f"origin: {name} ({x:g}, {y:g}) is not within the image of {ny} x {nx} (y, x) pixels")
    return x, y, name


def _centroid(image):
    ny, nx = image.shape
    total = image.sum()
    x = (image.sum(axis=0) * np.arange(nx)).sum() / total
    y = (image.sum(axis=1) * np.arange(ny)).sum() / total
    return float(x), float(y)


def _peaks(image):
    # (x, y) of the local maxima above half of the highest, highest first.
    from scipy import ndimage

    smooth = ndimage.gaussian_filter(image, 1.0, mode="constant")
    is_peak = (smooth == ndimage.maximum_filter(smooth, 3)) & (smooth > 0.5 * smooth.max())
    y, x = np.nonzero(is_peak)
    order = np.argsort(-smooth[is_peak], kind="stable")
    if not len(order):
        y, x, order = *([each] for each in np.unravel_index(smooth.argmax(), smooth.shape)), [0]
    return [(int(x[i]), int(y[i])) for i in order]


def _fit_peak(image, x_peak, y_peak):
    from nircam_tso.measure.gaussian import fit_gaussians
    from nircam_tso.quality import QualityFlag

    x_first, y_first = (max(peak - _FIT_WINDOW // 2, 0) for peak in (x_peak, y_peak))
    window = image[y_first : y_peak + _FIT_WINDOW // 2 + 1, x_first : x_peak + _FIT_WINDOW // 2 + 1]
    # Fits judge by numbers of order one; a model with sum 1 over 10^5 px has none.
    fit = fit_gaussians((window / window.max())[None], [x_peak - x_first], [y_peak - y_first])
    status = QualityFlag(int(fit.status[0]))
    if status & (QualityFlag.FIT_FAILED | QualityFlag.CENTER_OUTSIDE):
        return None
    return float(fit.x[0]) + x_first, float(fit.y[0]) + y_first, bool(status & QualityFlag.FIT_SUSPECT)


def _fitted_origin(image):
    peaks = _peaks(image)
    if len(peaks) > 1:
        return None
    found = _fit_peak(image, *peaks[0])
    if found is None:
        return None
    x, y, suspect = found
    if suspect or np.hypot(x - peaks[0][0], y - peaks[0][1]) > 1.0:
        return None
    return x, y
