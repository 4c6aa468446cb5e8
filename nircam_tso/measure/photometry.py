"""Light within apertures: exact circles of any radii, pixel masks, PSF-weighted sums."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numba import njit

from nircam_tso.measure.background import in_pixels
from nircam_tso.measure.checks import check_centres, check_images
from nircam_tso.measure.lines import detector_lines, line_chords
from nircam_tso.measure.overlap import aperture_footprint, check_radii, circle_overlap, sum_over_circles

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from numpy.typing import ArrayLike

__all__ = [
    "ApertureSums",
    "PSFFluxes",
    "aperture_footprint",
    "aperture_sums",
    "check_centres",
    "check_images",
    "check_radii",
    "circle_overlap",
    "finish_sums",
    "mask_sums",
    "psf_chords",
    "psf_fluxes",
]


class ApertureSums(NamedTuple):
    """
    Sums over apertures, shape (B, R) for B images and R radii, or (B,) for a mask or a shape.

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
    chords : `~numpy.ndarray` of float64 or None
        Sum over the detector's lines of the square of the area of the good pixels in
        each; None where lines were not asked for. Noise that is common to the pixels
        of a line, independent from line to line, and of variance s^2, adds
        ``s^2 * chords`` to the variance of the sum.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.photometry import mask_sums
    >>> sums = mask_sums(np.full((1, 3, 4), 2.0), np.eye(3, 4, dtype=bool), variance=np.ones((3, 4)))
    >>> sums.sum, sums.variance, sums.area
    (array([6.]), array([3.]), array([3.]))
    """

    sum: np.ndarray
    variance: np.ndarray
    area: np.ndarray
    covered_area: np.ndarray
    n_bad: np.ndarray
    chords: np.ndarray | None = None


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

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.photometry import psf_fluxes
    >>> psf = np.full((1, 2, 3), 1 / 6)
    >>> fluxes = psf_fluxes(7 * psf, psf, np.ones((2, 3)))
    >>> fluxes.variance.round(9), fluxes.sensitivity.round(9)
    (array([6.]), array([6.]))
    """

    flux: np.ndarray
    variance: np.ndarray
    sensitivity: np.ndarray


def _radii(radii, n):
    """Radii as (1, R) for all images, or (B, R) with NaN for what is no radius."""
    if np.ndim(radii) < 2:
        return check_radii(radii, "radii")[np.newaxis]
    values = np.ascontiguousarray(in_pixels("radii", radii))
    if values.ndim != 2 or len(values) != n or values.shape[1] == 0:
        raise ValueError(f"radii: shape {values.shape} does not go with {n} images; give (R,) or ({n}, R)")
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)


def finish_sums(
    total: np.ndarray,
    variance: np.ndarray | None,
    area: np.ndarray,
    covered_area: np.ndarray,
    n_bad: np.ndarray,
    chords: np.ndarray | None = None,
) -> ApertureSums:
    """
    Sums as they are handed back: NaN where an aperture holds no good pixel.

    Parameters
    ----------
    total, area, covered_area, n_bad : `~numpy.ndarray`
        As in `ApertureSums`, 0 where there is nothing.
    variance, chords : `~numpy.ndarray` or None
        The same; None where they are not known.

    Returns
    -------
    ApertureSums

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.photometry import finish_sums
    >>> finish_sums(np.array([5.0, 0]), None, np.array([2.0, 0]), np.array([2.0, 2]), np.array([0, 4])).sum
    array([ 5., nan])
    """
    empty = ~(area > 0)
    variance = np.full_like(total, np.nan) if variance is None else np.where(empty, np.nan, variance)
    return ApertureSums(np.where(empty, np.nan, total), variance, area, covered_area, n_bad, chords)


def aperture_sums(
    data: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    radii: float | ArrayLike,
    *,
    bad: ArrayLike | None = None,
    variance: ArrayLike | None = None,
    along: Literal["row", "column"] | None = None,
    edges: Sequence[int] | None = None,
) -> ApertureSums:
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
    radii : float, sequence of float, or array_like of shape (B, R)
        R radii in pixels, in any order; the same for all images, or those of each. One
        image's radius that is not finite and positive gives NaN, not an error.
    bad : array_like of bool, shape (B, ny, nx) or (ny, nx), optional
        True for pixels to leave out of sum, area and variance. A NaN in a pixel that
        is not left out makes the sum NaN.
    variance : array_like, shape (B, ny, nx) or (ny, nx), optional
        Variance of each pixel, independent of each other's.
    along : {"row", "column"}, optional
        Lines of the detector to work out ``chords`` for.
    edges : sequence of int, optional
        Where an amplifier's part of a line ends, as in
        `~nircam_tso.measure.lines.detector_lines`.

    Returns
    -------
    ApertureSums
        Each of shape (B, R). A centre that is not finite gives NaN sums and no area; a
        radius of NaN gives NaN sums and areas.

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
    data, bad, variance = check_images(data, bad, variance)
    radii = _radii(radii, len(data))
    x, y = check_centres(x, y, len(data))
    shape = (len(data), radii.shape[1])
    lines = detector_lines(data.shape[1:], along, edges)
    total, total_variance, area, covered, chords = (np.zeros(shape) for _ in range(5))
    n_bad = np.zeros(shape, np.int64)
    sum_over_circles(data, x, y, radii, bad, variance, *lines, total, total_variance, area, covered, chords, n_bad)
    for values in (area, covered, chords):
        values[np.broadcast_to(np.isnan(radii), shape)] = np.nan
    chords = None if along is None else chords
    return finish_sums(total, total_variance if len(variance) else None, area, covered, n_bad, chords)


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


def mask_sums(
    data: ArrayLike,
    mask: ArrayLike,
    *,
    bad: ArrayLike | None = None,
    variance: ArrayLike | None = None,
    along: Literal["row", "column"] | None = None,
    edges: ArrayLike | None = None,
) -> ApertureSums:
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
    along, edges : optional
        As in `aperture_sums`.

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
    data, bad, variance = check_images(data, bad, variance)
    mask = np.asarray(mask, bool)
    if mask.shape != data.shape[1:]:
        raise ValueError(f"mask: shape {mask.shape} is not that of the images, {data.shape[1:]}")
    rows, columns = np.nonzero(mask)
    total, total_variance, area = (np.zeros(len(data)) for _ in range(3))
    n_bad = np.zeros(len(data), np.int64)
    _mask_sums(data, rows, columns, bad, variance, total, total_variance, area, n_bad)
    chords = line_chords((mask & ~bad if len(bad) else mask[np.newaxis]).astype(np.float64), along, edges)
    if chords is not None:
        chords = np.broadcast_to(chords, len(data)).copy()
    covered = np.full(len(data), float(len(rows)))
    return finish_sums(total, total_variance if len(variance) else None, area, covered, n_bad, chords)


def _check_psf(shape, psf, weights):
    """Weights, 0 for those that are none."""
    weights = np.ascontiguousarray(weights, np.float64)
    if np.shape(psf) != shape or weights.shape != shape[1:]:
        raise ValueError(
            f"psf, weights: shapes {np.shape(psf)} and {weights.shape} do not go with stamps of shape {shape}"
        )
    return np.where(np.isfinite(weights) & (weights > 0), weights, 0.0)


@njit(cache=True, nogil=True)
def _psf_sums(stamps, psf, weights, bad, light, norm, sensitivity):
    n_masks = len(bad)
    for b in range(len(stamps)):
        mask = b if n_masks > 1 else 0
        for j in range(stamps.shape[1]):
            for i in range(stamps.shape[2]):
                # A zero weight would still let a NaN through.
                if weights[j, i] == 0.0 or (n_masks > 0 and bad[mask, j, i]):
                    continue
                weighted = weights[j, i] * psf[b, j, i]
                light[b] += weighted * stamps[b, j, i]
                norm[b] += weighted * psf[b, j, i]
                sensitivity[b] += weighted


def psf_fluxes(stamps: ArrayLike, psf: ArrayLike, weights: ArrayLike, bad: ArrayLike | None = None) -> PSFFluxes:
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
    stamps, bad, _ = check_images(stamps, bad)
    psf, weights = check_images(psf)[0], _check_psf(stamps.shape, psf, weights)
    light, norm, sensitivity = np.zeros((3, len(stamps)))
    _psf_sums(stamps, psf, weights, bad, light, norm, sensitivity)
    norm[~(norm > 0)] = np.nan
    return PSFFluxes(light / norm, 1.0 / norm, sensitivity / norm)


@njit(cache=True, nogil=True)
def _weigh(psf, weights, bad, weighted, norm):
    """Weights times PSF, 0 where either of them or the mask leaves a pixel out, and the sums of it times the PSF."""
    n_masks = len(bad)
    for b in range(len(psf)):
        mask = b if n_masks > 1 else 0
        total = 0.0
        for j in range(psf.shape[1]):
            for i in range(psf.shape[2]):
                out = weights[j, i] == 0.0 or (n_masks > 0 and bad[mask, j, i])
                value = 0.0 if out else weights[j, i] * psf[b, j, i]
                weighted[b, j, i] = value
                if value != 0.0:
                    total += value * psf[b, j, i]
        norm[b] = total


def psf_chords(
    psf: ArrayLike,
    weights: ArrayLike,
    bad: ArrayLike | None = None,
    *,
    along: Literal["row", "column"] | None,
    edges: ArrayLike | None = None,
) -> np.ndarray | None:
    """
    What noise along the detector's lines does to `psf_fluxes`, as ``chords`` tell it of an aperture.

    Parameters
    ----------
    psf, weights, bad
        As in `psf_fluxes`.
    along : {"row", "column"} or None
        What a line is; without it there is nothing to tell.
    edges : array_like of int, shape (E,) or (B, E), optional
        Where an amplifier's part of a line ends, in pixels of the stamps; stamps that
        begin at various pixels of the frame have each their own.

    Returns
    -------
    `~numpy.ndarray` of float64, shape (B,), or None
        Sum over the lines of the square of the flux's change for a unit too much in
        all pixels of a line: noise of variance s^2 per line adds ``s^2`` times this to
        the flux's variance. NaN where no pixel has weight.

    Raises
    ------
    ValueError
        If shapes do not go together, or for wrong lines.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.photometry import psf_chords
    >>> psf_chords(np.full((1, 2, 3), 1 / 6), np.ones((2, 3)), along="row").round(12)
    array([18.])
    """
    psf, bad, _ = check_images(psf, bad)
    weights = _check_psf(psf.shape, psf, weights)
    weighted, norm = np.empty(psf.shape), np.zeros(len(psf))
    _weigh(psf, weights, bad, weighted, norm)
    chords = line_chords(weighted, along, edges)
    if chords is None:
        return None
    norm[~(norm > 0)] = np.nan
    return chords / norm**2
