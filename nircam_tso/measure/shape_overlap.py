"""Area that an ellipse or a convex polygon shares with each pixel, worked out exactly."""

import math

import numpy as np
from numba import njit

__all__ = ["fill_overlap", "sum_over_shape"]


@njit(cache=True, nogil=True)
def _sector(x0, y0, x1, y1):
    """Signed area of the sector of the unit disc between two directions."""
    return 0.5 * math.atan2(x0 * y1 - y0 * x1, x0 * x1 + y0 * y1)


@njit(cache=True, nogil=True)
def _disc_triangle(x0, y0, x1, y1):
    """Signed area that the unit disc shares with the triangle of its centre and two points."""
    dx, dy = x1 - x0, y1 - y0
    a = dx * dx + dy * dy
    b = x0 * dx + y0 * dy
    c = x0 * x0 + y0 * y0 - 1.0
    root = b * b - a * c
    if root <= 0.0:
        return _sector(x0, y0, x1, y1)
    root = math.sqrt(root)
    # Where the side enters and leaves the disc, as fractions of its length.
    enter, leave = (-b - root) / a, (-b + root) / a
    if leave <= 0.0 or enter >= 1.0:
        return _sector(x0, y0, x1, y1)
    xa, ya, xb, yb = x0, y0, x1, y1
    area = 0.0
    if enter > 0.0:
        xa, ya = x0 + enter * dx, y0 + enter * dy
        area += _sector(x0, y0, xa, ya)
    if leave < 1.0:
        xb, yb = x0 + leave * dx, y0 + leave * dy
        area += _sector(xb, yb, x1, y1)
    return area + 0.5 * (xa * yb - ya * xb)


@njit(cache=True, nogil=True)
def _ellipse_overlap(dx, dy, matrix):
    """Area that a pixel centred on (dx, dy) shares with the ellipse that ``matrix`` maps to the unit disc."""
    m00, m01, m10, m11 = matrix[0, 0], matrix[0, 1], matrix[1, 0], matrix[1, 1]
    x, y = m00 * dx + m01 * dy, m10 * dx + m11 * dy
    # The pixel has become a parallelogram; (p, q) and (s, t) lead to two of its corners.
    p, q = 0.5 * (m00 + m01), 0.5 * (m10 + m11)
    s, t = 0.5 * (m00 - m01), 0.5 * (m10 - m11)
    half = math.sqrt(max(p * p + q * q, s * s + t * t))
    distance = math.hypot(x, y)
    if distance - half >= 1.0:
        return 0.0
    if distance + half <= 1.0:
        return 1.0
    # Counterclockwise, as an ellipse's matrix does not mirror.
    xs = (x - p, x + s, x + p, x - s)
    ys = (y - q, y + t, y + q, y - t)
    within, crossed, same_side = True, False, True
    for k in range(4):
        x0, y0, x1, y1 = xs[k], ys[k], xs[(k + 1) % 4], ys[(k + 1) % 4]
        if x0 * x0 + y0 * y0 > 1.0:
            within = False
        if x0 * y1 - y0 * x1 < 0.0:
            same_side = False
        ex, ey = x1 - x0, y1 - y0
        along = min(max(-(x0 * ex + y0 * ey) / (ex * ex + ey * ey), 0.0), 1.0)
        if (x0 + along * ex) ** 2 + (y0 + along * ey) ** 2 < 1.0:
            crossed = True
    if within:
        return 1.0
    # Exactly 0 where no side comes within the disc and the centre is not within the sides.
    if not (crossed or same_side):
        return 0.0
    area = 0.0
    for k in range(4):
        area += _disc_triangle(xs[k], ys[k], xs[(k + 1) % 4], ys[(k + 1) % 4])
    return min(max(area / (m00 * m11 - m01 * m10), 0.0), 1.0)


@njit(cache=True, nogil=True)
def _half_plane_overlap(nx, ny, beyond):
    """Area that the unit square about the origin shares with the half-plane n r <= beyond, whose edge crosses it."""
    a, b = max(abs(nx), abs(ny)), min(abs(nx), abs(ny))
    # The edge enters at the corner farthest within: a triangle first, then a trapezoid, then all but a triangle.
    depth = beyond + 0.5 * (a + b)
    if depth <= b:
        return depth * depth / (2.0 * a * b)
    if depth <= a:
        return (depth - 0.5 * b) / a
    return 1.0 - (a + b - depth) ** 2 / (2.0 * a * b)


@njit(cache=True, nogil=True)
def _polygon_overlap(dx, dy, planes, xs, ys):
    """Area that a pixel centred on (dx, dy) shares with the convex polygon of all half-planes n r <= d."""
    crossing, last = 0, 0
    for m in range(len(planes)):
        nx, ny = planes[m, 0], planes[m, 1]
        beyond = planes[m, 2] - (nx * dx + ny * dy)
        half = 0.5 * (abs(nx) + abs(ny))
        if beyond <= -half:
            return 0.0
        if beyond < half:
            crossing, last = crossing + 1, m
    if crossing == 0:
        return 1.0
    if crossing == 1:
        nx, ny = planes[last, 0], planes[last, 1]
        return _half_plane_overlap(nx, ny, planes[last, 2] - (nx * dx + ny * dy))
    # Coordinates are those of the pixel, so that none of their digits is lost far from the centre.
    n = 4
    xs[0, 0], ys[0, 0], xs[0, 1], ys[0, 1] = -0.5, -0.5, 0.5, -0.5
    xs[0, 2], ys[0, 2], xs[0, 3], ys[0, 3] = 0.5, 0.5, -0.5, 0.5
    now = 0
    for m in range(len(planes)):
        nx, ny = planes[m, 0], planes[m, 1]
        beyond = planes[m, 2] - (nx * dx + ny * dy)
        if beyond >= 0.5 * (abs(nx) + abs(ny)):
            continue
        kept = 0
        for k in range(n):
            after = k + 1 if k + 1 < n else 0
            x0, y0, x1, y1 = xs[now, k], ys[now, k], xs[now, after], ys[now, after]
            in0, in1 = beyond - (nx * x0 + ny * y0), beyond - (nx * x1 + ny * y1)
            if in0 >= 0.0:
                xs[1 - now, kept], ys[1 - now, kept] = x0, y0
                kept += 1
            if (in0 > 0.0 and in1 < 0.0) or (in0 < 0.0 and in1 > 0.0):
                share = in0 / (in0 - in1)
                xs[1 - now, kept], ys[1 - now, kept] = x0 + share * (x1 - x0), y0 + share * (y1 - y0)
                kept += 1
        n, now = kept, 1 - now
    area = 0.0
    for k in range(n):
        after = k + 1 if k + 1 < n else 0
        area += xs[now, k] * ys[now, after] - ys[now, k] * xs[now, after]
    return min(max(0.5 * area, 0.0), 1.0)


@njit(cache=True, nogil=True)
def _range(centre, reach, n):
    """Pixels 0 ... n - 1 that a span of ``reach`` to both sides of ``centre`` may touch."""
    # Cut while still a float: a wild centre does not fit an integer.
    first = min(max(np.ceil(centre - reach - 0.5), 0.0), float(n))
    stop = max(min(np.floor(centre + reach + 0.5) + 1.0, float(n)), first)
    return int(first), int(stop)


@njit(cache=True, nogil=True)
def _within(dy, matrix, planes):
    """Within a row ``dy`` from the centre: the places between which a pixel lies in the shape for certain."""
    low, high = -np.inf, np.inf
    if len(planes) > 0:
        for m in range(len(planes)):
            nx, ny = planes[m, 0], planes[m, 1]
            room = planes[m, 2] - ny * dy - 0.5 * (abs(nx) + abs(ny))
            if abs(nx) < 1e-6:
                if room < 1e-4:
                    return np.inf, -np.inf
            elif nx > 0.0:
                high = min(high, room / nx)
            else:
                low = max(low, room / nx)
    else:
        a = matrix[0, 0] ** 2 + matrix[1, 0] ** 2
        b = matrix[0, 0] * matrix[0, 1] + matrix[1, 0] * matrix[1, 1]
        c = matrix[0, 1] ** 2 + matrix[1, 1] ** 2
        # Where the ellipse crosses the pixels' lower and upper sides.
        for y in (dy - 0.5, dy + 0.5):
            root = (b * y) ** 2 - a * (c * y * y - 1.0)
            if root <= 0.0:
                return np.inf, -np.inf
            root = math.sqrt(root)
            low, high = max(low, (-b * y - root) / a + 0.5), min(high, (-b * y + root) / a - 0.5)
    # The margin hands pixels that touch the outline within rounding to the exact geometry.
    return low + 1e-6, high - 1e-6


@njit(cache=True, nogil=True)
def _overlap(dx, dy, extent, matrix, planes, xs, ys):
    if abs(dx) - 0.5 >= extent[0] or abs(dy) - 0.5 >= extent[1]:
        return 0.0
    if len(planes) > 0:
        return _polygon_overlap(dx, dy, planes, xs, ys)
    return _ellipse_overlap(dx, dy, matrix)


@njit(cache=True, nogil=True)
def fill_overlap(image, x, y, extent, matrix, planes):
    """
    Write the overlap of one shape with each pixel of an image of zeros.

    Parameters
    ----------
    image : `~numpy.ndarray` of float64, shape (ny, nx)
        Filled in place.
    x, y : float
        Centre; one that is not finite is passed over.
    extent : `~numpy.ndarray` of float64, shape (2,)
        Half of the shape's width and height, along x and y.
    matrix : `~numpy.ndarray` of float64, shape (2, 2)
        Maps an ellipse about the origin to the unit disc, without a mirror.
    planes : `~numpy.ndarray` of float64, shape (N, 3)
        Half-planes (n_x, n_y, d) whose common part, all points r with n r <= d, is a
        polygon; none for an ellipse.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.shape_overlap import fill_overlap
    >>> image = np.zeros((3, 3))
    >>> fill_overlap(image, 1.0, 1.0, np.ones(2), np.eye(2), np.empty((0, 3)))
    >>> bool(abs(image.sum() - np.pi) < 1e-12)
    True
    """
    if not (math.isfinite(x) and math.isfinite(y)):
        return
    xs, ys = np.empty((2, 4 + len(planes))), np.empty((2, 4 + len(planes)))
    first, stop = _range(x, extent[0], image.shape[1])
    row_first, row_stop = _range(y, extent[1], image.shape[0])
    for j in range(row_first, row_stop):
        low, high = _within(j - y, matrix, planes)
        for i in range(first, stop):
            within = low <= i - x <= high
            image[j, i] = 1.0 if within else _overlap(i - x, j - y, extent, matrix, planes, xs, ys)


@njit(cache=True, nogil=True)
def sum_over_shape(
    data, x, y, extent, matrix, planes, bad, variance, slot, ends, total, total_variance, area, covered, chords, n_bad
):
    """
    Add up what one shape holds of each image; the kernel of `~nircam_tso.measure.shapes.shape_sums`.

    Parameters
    ----------
    data, x, y, bad, variance, slot, ends
        As in `~nircam_tso.measure.overlap.sum_over_circles`.
    extent, matrix, planes
        The shape, as in `fill_overlap`.
    total, total_variance, area, covered, chords, n_bad : `~numpy.ndarray`, shape (B,)
        To these the sums are added, all float64 but ``n_bad``, which is int64.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.shape_overlap import sum_over_shape
    >>> sums, n_bad, none = np.zeros((5, 1)), np.zeros(1, np.int64), np.empty((0, 9, 9))
    >>> sides = np.array([[1.0, 0, 2], [-1, 0, 2], [0, 1, 1.5], [0, -1, 1.5]])
    >>> centre, extent = np.array([4.2]), np.array([2, 1.5])
    >>> image = np.ones((1, 9, 9))
    >>> sum_over_shape(image, centre, centre, extent, np.eye(2), sides, none > 0, none, None, None, *sums, n_bad)
    >>> sums[0].round(12)
    array([12.])
    """
    n, ny, nx = data.shape
    n_masks, n_variances = len(bad), len(variance)
    xs, ys = np.empty((2, 4 + len(planes))), np.empty((2, 4 + len(planes)))
    line = np.zeros(0 if slot is None else nx)
    for b in range(n):
        if not (math.isfinite(x[b]) and math.isfinite(y[b])):
            continue
        first, stop = _range(x[b], extent[0], nx)
        row_first, row_stop = _range(y[b], extent[1], ny)
        for j in range(row_first, row_stop):
            row_sum = row_variance = row_area = row_covered = 0.0
            low, high = _within(j - y[b], matrix, planes)
            for i in range(first, stop):
                w = 1.0
                if not (low <= i - x[b] <= high):
                    w = _overlap(i - x[b], j - y[b], extent, matrix, planes, xs, ys)
                    if w == 0.0:
                        continue
                row_covered += w
                if n_masks > 0 and bad[b if n_masks > 1 else 0, j, i]:
                    n_bad[b] += 1
                    continue
                row_area += w
                row_sum += w * data[b, j, i]
                if n_variances > 0:
                    row_variance += w * w * variance[b if n_variances > 1 else 0, j, i]
                if slot is not None:
                    line[slot[i]] += w
            total[b] += row_sum
            total_variance[b] += row_variance
            area[b] += row_area
            covered[b] += row_covered
            if slot is not None and (ends[j] or j == row_stop - 1):
                for i in range(first, stop):
                    s = slot[i]
                    chords[b] += line[s] * line[s]
                    line[s] = 0.0
