"""Area that a disc shares with each pixel, worked out exactly."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from nircam_tso.measure.background import in_pixels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from astropy.units import Quantity

__all__ = ["aperture_footprint", "check_radii", "circle_overlap", "mark_circles", "sum_over_circles"]


def check_radii(radii: float | Sequence[float] | np.ndarray | Quantity, name: str = "aperture_radii") -> np.ndarray:
    """
    Aperture radii as an array.

    Parameters
    ----------
    radii : float, sequence of float or `~astropy.units.Quantity`
        Radii in pixels, in any order.
    name : str, optional
        What the messages call them.

    Returns
    -------
    `~numpy.ndarray` of float64, shape (R,)
        The radii in the order given.

    Raises
    ------
    ValueError
        If there are none, if one is not finite and positive, or if two agree to six
        digits (their columns would have one name).

    Examples
    --------
    >>> from nircam_tso.measure.overlap import check_radii
    >>> check_radii([3, 8, 5])
    array([3., 8., 5.])
    """
    values = np.atleast_1d(in_pixels(name, radii))
    if values.ndim != 1 or values.size == 0:
        raise ValueError(f"{name}: {radii!r} is not a radius or a list of radii; give at least one, in pixels")
    for value in values:
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name}: {value:g} is not a radius; give finite radii above 0 pixels")
    labels = [f"{value:g}" for value in values]
    for label in labels:
        if labels.count(label) > 1:
            raise ValueError(f"{name}: {label} is there more than once; radii must differ in their first six digits")
    return values


#: Coefficients of u^3, u^5, ... in 2 asin(u) - 2 u sqrt(1 - u^2), from the highest power down.
_SEGMENT = tuple(4.0 * math.comb(2 * k, k) / 4.0**k / (2 * k + 3) for k in range(10, -1, -1))


@njit(cache=True, nogil=True)
def _corner_overlap(x0, y0, x1, y1, r):
    """Area that the disc r about the origin shares with [x0, x1] x [y0, y1], all of it >= 0."""
    if x0 * x0 + y0 * y0 >= r * r:
        return 0.0
    if x1 * x1 + y1 * y1 <= r * r:
        return (x1 - x0) * (y1 - y0)
    # The arc enters through the top at xa (or through the left side) and leaves
    # through the bottom at xb (or through the right side). Left of xa the disc
    # fills the whole height; between, it is a trapezoid under the chord and the
    # circular segment upon it. Squares are factored so that nothing cancels.
    xa, ya = x0, y1
    top = math.sqrt((r - y1) * (r + y1)) if y1 < r else 0.0
    if top > x0:
        xa = min(top, x1)
    else:
        ya = math.sqrt((r - x0) * (r + x0))
    xb, yb = x1, y0
    bottom = math.sqrt((r - y0) * (r + y0))
    if bottom < x1:
        xb = max(bottom, xa)
    else:
        yb = math.sqrt((r - x1) * (r + x1))
    across, down = xb - xa, ya - yb
    u = math.sqrt(across * across + down * down) / (2.0 * r)
    s = u * u
    if s < 0.04:
        # The series of 2 asin(u) - 2 u sqrt(1 - u^2): shorter than
        # an arc sine, and no digits are lost in a difference.
        excess = _SEGMENT[0]
        for k in range(1, len(_SEGMENT)):
            excess = excess * s + _SEGMENT[k]
        excess *= u * s
    else:
        angle = 2.0 * math.asin(min(u, 1.0))
        excess = angle - math.sin(angle)
    return (xa - x0) * (y1 - y0) + (xb - xa) * (0.5 * (ya + yb) - y0) + 0.5 * r * r * excess


@njit(cache=True, nogil=True)
def _pixel_overlap(dx, dy, r):
    """Area that the disc r about the origin shares with the unit square centred on (dx, dy)."""
    dx, dy = abs(dx), abs(dy)
    far_x, far_y = dx + 0.5, dy + 0.5
    if far_x * far_x + far_y * far_y <= r * r:
        return 1.0
    # The geometry is solved in one quadrant; a square across an axis is cut there.
    near_x, near_y = dx - 0.5, dy - 0.5
    if near_x >= 0.0:
        if near_y >= 0.0:
            return _corner_overlap(near_x, near_y, far_x, far_y, r)
        return _corner_overlap(near_x, 0.0, far_x, far_y, r) + _corner_overlap(near_x, 0.0, far_x, -near_y, r)
    if near_y >= 0.0:
        return _corner_overlap(0.0, near_y, far_x, far_y, r) + _corner_overlap(0.0, near_y, -near_x, far_y, r)
    return (
        _corner_overlap(0.0, 0.0, far_x, far_y, r)
        + _corner_overlap(0.0, 0.0, far_x, -near_y, r)
        + _corner_overlap(0.0, 0.0, -near_x, far_y, r)
        + _corner_overlap(0.0, 0.0, -near_x, -near_y, r)
    )


@njit(cache=True, nogil=True)
def _first_and_stop(centre, reach, n):
    """Range of pixels whose centres lie within ``reach`` of ``centre``, cut to 0 ... n."""
    # Cut while still a float (math.ceil makes an integer): a wild centre or radius does not fit one.
    first = min(max(np.ceil(centre - reach), 0.0), float(n))
    stop = max(min(np.floor(centre + reach) + 1.0, float(n)), first)
    return int(first), int(stop)


@njit(cache=True, nogil=True)
def _row_limits(centre, offset, r, n):
    """Within a row ``offset`` from the centre: pixels that the disc may touch, and those within it for certain."""
    near = max(abs(offset) - 0.5, 0.0)
    if near >= r:
        return 0, 0, 0, 0
    first, stop = _first_and_stop(centre, math.sqrt((r - near) * (r + near)) + 0.5, n)
    far = abs(offset) + 0.5
    # The margin hands pixels that touch the circle within rounding to the exact geometry.
    inner = math.sqrt((r - far) * (r + far)) - 0.5 - 1e-9 if far < r else -1.0
    if inner < 0.0:
        return first, stop, stop, stop
    full_first, full_stop = _first_and_stop(centre, inner, n)
    return first, stop, full_first, full_stop


@njit(cache=True, nogil=True)
def _overlap_image(image, x, y, r):
    ny, nx = image.shape
    row_first, row_stop = _first_and_stop(y, r + 0.5, ny)
    for j in range(row_first, row_stop):
        first, stop, full_first, full_stop = _row_limits(x, j - y, r, nx)
        for i in range(first, stop):
            image[j, i] = 1.0 if full_first <= i < full_stop else _pixel_overlap(i - x, j - y, r)


@njit(cache=True, nogil=True)
def _close_lines(line):
    """Sum of the squares of what the lines have gathered; they begin anew."""
    squares = 0.0
    for s in range(len(line)):
        squares += line[s] * line[s]
        line[s] = 0.0
    return squares


@njit(cache=True, nogil=True)
def sum_over_circles(data, x, y, radii, bad, variance, slot, ends, total, total_variance, area, covered, chords, n_bad):
    """
    Add up what circles hold of images; the kernel of `~nircam_tso.measure.photometry.aperture_sums`.

    It stands beside the geometry, because numba's cache notices changes of its own
    file only.

    Parameters
    ----------
    data : `~numpy.ndarray` of float64, shape (B, ny, nx)
        Images.
    x, y : `~numpy.ndarray` of float64, shape (B,)
        Centres; one that is not finite is passed over.
    radii : `~numpy.ndarray` of float64, shape (B, R) or (1, R)
        Radii in pixels; one that is not finite and positive is passed over.
    bad, variance : `~numpy.ndarray` of bool and of float64, shape (B, ny, nx)
        Pixels to leave out, and variances; one image may serve all, and an empty
        stack stands for none.
    slot, ends : `~numpy.ndarray`
        The lines, by `~nircam_tso.measure.lines.detector_lines`.
    total, total_variance, area, covered, chords, n_bad : `~numpy.ndarray`, shape (B, R)
        To these the sums are added, all float64 but ``n_bad``, which is int64.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.lines import detector_lines
    >>> from nircam_tso.measure.overlap import sum_over_circles
    >>> sums, n_bad = np.zeros((5, 1, 1)), np.zeros((1, 1), np.int64)
    >>> centre, radii, none = np.array([4.0]), np.array([[2.0]]), np.empty((0, 9, 9))
    >>> lines = detector_lines((9, 9))
    >>> sum_over_circles(np.ones((1, 9, 9)), centre, centre, radii, none > 0, none, *lines, *sums, n_bad)
    >>> sums[0].round(6)
    array([[12.566371]])
    """
    n, ny, nx = data.shape
    n_radii = radii.shape[1]
    n_masks, n_variances = len(bad), len(variance)
    n_lines = 0
    # A slot of None is a type of its own: compiled for it, nothing of the lines is left.
    if slot is not None:
        n_lines = slot[-1] + 1
        stops = np.searchsorted(slot, np.arange(n_lines), side="right")
    line = np.zeros((n_radii, n_lines))
    for b in range(n):
        if not (math.isfinite(x[b]) and math.isfinite(y[b])):
            continue
        of_radii = b if len(radii) > 1 else 0
        r_max = 0.0
        for k in range(n_radii):
            if math.isfinite(radii[of_radii, k]):
                r_max = max(r_max, radii[of_radii, k])
        row_first, row_stop = _first_and_stop(y[b], r_max + 0.5, ny)
        for j in range(row_first, row_stop):
            for k in range(n_radii):
                r = radii[of_radii, k]
                if not (math.isfinite(r) and r > 0.0):
                    continue
                first, stop, full_first, full_stop = _row_limits(x[b], j - y[b], r, nx)
                row_sum = row_variance = row_area = row_covered = 0.0
                row_bad = 0
                for side in range(2):
                    for i in range(full_stop if side else first, stop if side else full_first):
                        w = _pixel_overlap(i - x[b], j - y[b], r)
                        if w == 0.0:
                            continue
                        row_covered += w
                        if n_masks > 0 and bad[b if n_masks > 1 else 0, j, i]:
                            row_bad += 1
                            continue
                        row_area += w
                        row_sum += w * data[b, j, i]
                        if n_variances > 0:
                            row_variance += w * w * variance[b if n_variances > 1 else 0, j, i]
                        if slot is not None:
                            line[k, slot[i]] += w
                # Most pixels lie within entirely: the same with w = 1, and quick.
                full_bad = 0
                for i in range(full_first, full_stop):
                    if n_masks > 0 and bad[b if n_masks > 1 else 0, j, i]:
                        full_bad += 1
                        continue
                    row_sum += data[b, j, i]
                    if n_variances > 0:
                        row_variance += variance[b if n_variances > 1 else 0, j, i]
                row_bad += full_bad
                row_area += full_stop - full_first - full_bad
                row_covered += full_stop - full_first
                total[b, k] += row_sum
                total_variance[b, k] += row_variance
                area[b, k] += row_area
                covered[b, k] += row_covered
                n_bad[b, k] += row_bad
                if slot is not None:
                    if n_lines == nx:
                        for i in range(full_first, full_stop):
                            line[k, i] += 1.0
                    else:
                        start = 0
                        for s in range(n_lines):
                            line[k, s] += max(min(full_stop, stops[s]) - max(full_first, start), 0)
                            start = stops[s]
                    if full_bad > 0:
                        for i in range(full_first, full_stop):
                            if bad[b if n_masks > 1 else 0, j, i]:
                                line[k, slot[i]] -= 1.0
                    if ends[j]:
                        chords[b, k] += _close_lines(line[k])
        if slot is not None:
            for k in range(n_radii):
                chords[b, k] += _close_lines(line[k])


def circle_overlap(shape: tuple[int, int], position: tuple[float, float], radius: float) -> np.ndarray:
    """
    Area that each pixel shares with a disc.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx).
    position : tuple of float
        Centre (x, y), zero-based pixel centres.
    radius : float
        Radius in pixels.

    Returns
    -------
    `~numpy.ndarray` of float64, shape (ny, nx)
        Overlaps from 0 to 1; all 0 for a centre that is not finite.

    Raises
    ------
    ValueError
        For a radius that is not finite and positive.

    Examples
    --------
    >>> from nircam_tso.measure.overlap import circle_overlap
    >>> circle_overlap((2, 3), (1.0, 0.0), 0.5).round(6)
    array([[0.      , 0.785398, 0.      ],
           [0.      , 0.      , 0.      ]])
    """
    (radius,) = check_radii(radius, "radius")
    image = np.zeros(shape)
    x, y = (float(value) for value in position)
    if math.isfinite(x) and math.isfinite(y):
        _overlap_image(image, x, y, radius)
    return image


@njit(cache=True, nogil=True)
def mark_circles(inside, x, y, radii):
    """
    Mark the pixels that a disc overlaps at all, image by image.

    Parameters
    ----------
    inside : `~numpy.ndarray` of bool, shape (B, ny, nx)
        Set where the discs are; the rest stays as it is.
    x, y, radii : `~numpy.ndarray` of float64, shape (B,)
        Centres and radii in pixels; what is not finite marks nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.overlap import mark_circles
    >>> inside = np.zeros((1, 3, 4), bool)
    >>> mark_circles(inside, np.array([2.6]), np.array([1.0]), np.array([0.9]))
    >>> inside[0].astype(int)
    array([[0, 0, 1, 1],
           [0, 0, 1, 1],
           [0, 0, 1, 1]])
    """
    n, ny, nx = inside.shape
    for b in range(n):
        r = radii[b]
        if not (math.isfinite(x[b]) and math.isfinite(y[b]) and math.isfinite(r)):
            continue
        first, stop = _first_and_stop(y[b], r + 0.5, ny)
        left, right = _first_and_stop(x[b], r + 0.5, nx)
        for j in range(first, stop):
            above = max(abs(j - y[b]) - 0.5, 0.0)
            for i in range(left, right):
                beside = max(abs(i - x[b]) - 0.5, 0.0)
                if above * above + beside * beside < r * r:
                    inside[b, j, i] = True


def aperture_footprint(shape: tuple[int, int], position: tuple[float, float], radius: float) -> np.ndarray:
    """
    Pixels that a disc overlaps at all.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx).
    position : tuple of float
        Centre (x, y), zero-based pixel centres.
    radius : float
        Radius in pixels.

    Returns
    -------
    `~numpy.ndarray` of bool, shape (ny, nx)

    Raises
    ------
    ValueError
        For a radius that is not finite and positive.

    Examples
    --------
    >>> from nircam_tso.measure.overlap import aperture_footprint
    >>> int(aperture_footprint((9, 9), (4, 4), 1).sum())
    9
    """
    return circle_overlap(shape, position, radius) > 0
