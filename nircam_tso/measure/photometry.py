"""Light within apertures: exact circles of any radii, pixel masks, PSF-weighted sums."""

from typing import NamedTuple

import numpy as np
from numba import njit

from nircam_tso.measure.overlap import aperture_footprint, check_radii, circle_overlap, sum_over_circles

__all__ = [
    "ApertureSums",
    "PSFFluxes",
    "aperture_footprint",
    "aperture_sums",
    "check_radii",
    "circle_overlap",
    "mask_sums",
    "psf_fluxes",
]


class ApertureSums(NamedTuple):
    """
    Sums over apertures, shape (B, R) for B images and R radii, or (B,) for a mask.

    Attributes
    ----------
    sum : `~numpy.ndarray` of float64
        Sum of value times overlap over the good pixels; NaN where there is none.
    variance : `~numpy.ndarray` of float64
        Sum of variance times squared overlap over the same pixels; NaN without
        variances.
    area : `~numpy.ndarray` of float64
        Sum of the overlaps with good pixels, in pixels.
    covered_area : `~numpy.ndarray` of float64
        Sum of the overlaps with all pixels of the frame, good and bad.
    n_bad : `~numpy.ndarray` of int64
        Number of bad pixels that the aperture overlaps at all.
    """

    sum: np.ndarray
    variance: np.ndarray
    area: np.ndarray
    covered_area: np.ndarray
    n_bad: np.ndarray


class PSFFluxes(NamedTuple):
    """
    PSF-weighted fluxes, each of shape (B,).

    Attributes
    ----------
    flux : `~numpy.ndarray` of float64
        Scale of the PSF that fits the stamp best.
    variance : `~numpy.ndarray` of float64
        Its variance, if the weights are inverse variances.
    sensitivity : `~numpy.ndarray` of float64
        Change of the flux for a unit too much of light in every pixel.
    """

    flux: np.ndarray
    variance: np.ndarray
    sensitivity: np.ndarray


def _stack(name, values, data, dtype):
    """Optional companion of ``data``: (B, ny, nx), (1, ny, nx) for one image, (0, ny, nx) for None."""
    if values is None:
        return np.empty((0, *data.shape[1:]), dtype)
    values = np.ascontiguousarray(values, dtype)
    if values.ndim == 2:
        values = values[np.newaxis]
    if values.shape[1:] != data.shape[1:] or len(values) not in (1, len(data)):
        raise ValueError(f"{name}: shape {values.shape} does not go with data of shape {data.shape}")
    return values


def _images(data):
    data = np.ascontiguousarray(data, np.float64)
    if data.ndim != 3:
        raise ValueError(f"data: has {data.ndim} dimensions; give a stack of images (B, ny, nx)")
    return data


def _blank_where_empty(total, total_variance, area, has_variance):
    total[area == 0] = np.nan
    if has_variance:
        total_variance[area == 0] = np.nan
    else:
        total_variance[...] = np.nan


def aperture_sums(data, x, y, radii, *, bad=None, variance=None):
    """
    Sums over circular apertures with exact pixel overlaps.

    The overlap of a disc with a pixel is worked out analytically: full height,
    trapezoid under the chord, circular segment. Each image is summed serially, so
    its numbers do not depend on what else is in the block.

    Parameters
    ----------
    data : array_like, shape (B, ny, nx)
        Images.
    x, y : array_like, shape (B,)
        Centres, zero-based pixel centres. They may lie outside the frame.
    radii : float or sequence of float
        R radii in pixels, in any order.
    bad : array_like of bool, shape (B, ny, nx) or (ny, nx), optional
        True for pixels to leave out of sum, area and variance. A NaN in a pixel that
        is not left out makes the sum NaN.
    variance : array_like, shape (B, ny, nx) or (ny, nx), optional
        Variance of each pixel, independent of each other's.

    Returns
    -------
    ApertureSums
        Each of shape (B, R). A centre that is not finite gives NaN sums and no area.

    Raises
    ------
    ValueError
        For radii that `check_radii` refuses, or shapes that do not go together.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.photometry import aperture_sums
    >>> sums = aperture_sums(np.ones((1, 20, 30)), [12.3], [9.8], [1, 5])
    >>> np.allclose(sums.sum, [[np.pi, 25 * np.pi]])
    True
    """
    data = _images(data)
    radii = check_radii(radii, "radii")
    x, y = np.ascontiguousarray(x, np.float64), np.ascontiguousarray(y, np.float64)
    if x.shape != (len(data),) or y.shape != (len(data),):
        raise ValueError(f"x, y: shapes {x.shape} and {y.shape} do not go with {len(data)} images")
    bad = _stack("bad", bad, data, bool)
    variance = _stack("variance", variance, data, np.float64)
    shape = (len(data), len(radii))
    total, total_variance, area, covered = (np.zeros(shape) for _ in range(4))
    n_bad = np.zeros(shape, np.int64)
    sum_over_circles(data, x, y, radii, bad, variance, total, total_variance, area, covered, n_bad)
    _blank_where_empty(total, total_variance, area, len(variance) > 0)
    return ApertureSums(total, total_variance, area, covered, n_bad)


@njit(cache=True, nogil=True)
def _mask_sums(data, rows, columns, bad, variance, total, total_variance, area, n_bad):
    n_masks, n_variances = len(bad), len(variance)
    for b in range(len(data)):
        for p in range(len(rows)):
            j, i = rows[p], columns[p]
            if n_masks > 0 and bad[b if n_masks > 1 else 0, j, i]:
                n_bad[b] += 1
                continue
            area[b] += 1.0
            total[b] += data[b, j, i]
            if n_variances > 0:
                total_variance[b] += variance[b if n_variances > 1 else 0, j, i]


def mask_sums(data, mask, *, bad=None, variance=None):
    """
    Sums over the pixels of a mask.

    Parameters
    ----------
    data : array_like, shape (B, ny, nx)
        Images.
    mask : array_like of bool, shape (ny, nx)
        True for the pixels to sum.
    bad : array_like of bool, shape (B, ny, nx) or (ny, nx), optional
        True for pixels to leave out.
    variance : array_like, shape (B, ny, nx) or (ny, nx), optional
        Variance of each pixel.

    Returns
    -------
    ApertureSums
        Each of shape (B,).

    Raises
    ------
    ValueError
        If shapes do not go together.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.photometry import mask_sums
    >>> mask_sums(np.ones((2, 3, 4)), np.eye(3, 4, dtype=bool)).sum
    array([3., 3.])
    """
    data = _images(data)
    mask = np.asarray(mask, bool)
    if mask.shape != data.shape[1:]:
        raise ValueError(f"mask: shape {mask.shape} is not that of the images, {data.shape[1:]}")
    bad = _stack("bad", bad, data, bool)
    variance = _stack("variance", variance, data, np.float64)
    rows, columns = np.nonzero(mask)
    total, total_variance, area = (np.zeros(len(data)) for _ in range(3))
    n_bad = np.zeros(len(data), np.int64)
    _mask_sums(data, rows, columns, bad, variance, total, total_variance, area, n_bad)
    _blank_where_empty(total, total_variance, area, len(variance) > 0)
    return ApertureSums(total, total_variance, area, np.full(len(data), float(len(rows))), n_bad)


def psf_fluxes(stamps, psf, weights, bad=None):
    """
    Scale of a PSF in each stamp by weighted linear least squares.

    With stamp d, PSF P and weights w the flux is ``sum(w P d) / sum(w P^2)``, its
    variance ``1 / sum(w P^2)`` (Horne 1986, PASP 98, 609, for an aperture of all
    pixels). The background must have been subtracted.

    Parameters
    ----------
    stamps : array_like, shape (B, ny, nx)
        Images around the star.
    psf : array_like, shape (B, ny, nx)
        The PSF of unit flux where the star is in each of them.
    weights : array_like, shape (ny, nx)
        Inverse variances, the same for all stamps; what is not finite and positive
        counts as 0.
    bad : array_like of bool, shape (B, ny, nx) or (ny, nx), optional
        True for pixels to leave out.

    Returns
    -------
    PSFFluxes
        Each of shape (B,); NaN where no pixel has weight, or where a pixel with
        weight is NaN.

    Raises
    ------
    ValueError
        If shapes do not go together.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.photometry import psf_fluxes
    >>> psf = np.full((1, 2, 3), 1 / 6)
    >>> psf_fluxes(7 * psf, psf, np.ones((2, 3))).flux.round(12)
    array([7.])
    """
    stamps, psf = _images(stamps), _images(psf)
    weights = np.asarray(weights, np.float64)
    if psf.shape != stamps.shape or weights.shape != stamps.shape[1:]:
        raise ValueError(
            f"psf, weights: shapes {psf.shape} and {weights.shape} do not go with stamps of shape {stamps.shape}"
        )
    bad = _stack("bad", bad, stamps, bool)
    used = np.isfinite(weights) & (weights > 0)
    used = np.broadcast_to(used & ~bad if len(bad) else used, stamps.shape)
    # A zero weight would still let a NaN through: left-out pixels become zeros instead.
    w = np.where(used, np.where(weights > 0, weights, 0.0), 0.0)
    model = np.where(used, psf, 0.0)
    weighted = (w * model).reshape(len(stamps), -1)
    model, value = model.reshape(len(stamps), -1), np.where(used, stamps, 0.0).reshape(len(stamps), -1)
    norm = (weighted * model).sum(axis=1)
    norm[~(norm > 0)] = np.nan
    return PSFFluxes((weighted * value).sum(axis=1) / norm, 1.0 / norm, weighted.sum(axis=1) / norm)
