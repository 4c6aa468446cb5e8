"""Where a fit starts: the scale that explains most of the image, and the moments at that scale.

A round Gaussian around the caller's position is tried at scales that double from
half the expected width up. The one that takes most out of the squares of the
image wins; a hollow or a noisy core does not mislead it, because it asks how much
light lies within, not where the brightest pixel is. The moments of the image under
that Gaussian then give centre and shape at once, since the product of two
Gaussians is a Gaussian whose inverse covariance is the sum of theirs.
"""

import math

import numpy as np
from numba import njit

__all__ = ["best_scale", "explained_by_round", "round_start", "shaped_start"]

# Shapes further from the window's own than this say more about the noise than about the star.
_NARROWEST_RATIO = 10.0
_WIDEST_RATIO = 0.1
_SHARPEST = 6.0
_LARGEST_EXPONENT = 3.0

_SMALLEST_SCALE = 0.4
_LARGEST_SCALE = 0.4
_SCALES = 16
# A scale that explains this share of what the best one does, and more than both its neighbours,
# is the star's own; the best may be so because it takes in a brighter neighbour.
_OWN_SHARE = 0.25


@njit(cache=True, nogil=True)
def explained_by_round(data, weights, x0, y0, sigma, background, with_constant, columns, moments):
    """
    What a round Gaussian explains of an image, and the image's moments under it.

    Parameters
    ----------
    data, weights : `~numpy.ndarray`, shape (ny, nx)
        Pixels of weight 0 are left out; other weights count alike, because those
        of a star's own noise would favour its wings.
    x0, y0, sigma : float
        Centre and standard deviation of the Gaussian; it is cut off at 3 sigma.
    background : float
        To be taken off the data first.
    with_constant : bool
        Whether a constant over the window competes with the Gaussian.
    columns : `~numpy.ndarray`, shape (nx,)
        Room to work in.
    moments : `~numpy.ndarray`, shape (6,)
        Filled with the sums of g d times 1, dx, dy, dx^2, dx dy, dy^2.

    Returns
    -------
    amplitude, drop : float
        Of the best fitting such Gaussian: its height, and by how much it lowers the
        sum of squares (negative for a negative height).
    """
    ny, nx = data.shape
    reach = 3 * sigma + 1
    left, right = max(0, int(x0 - reach)), min(nx, int(x0 + reach) + 2)
    low, high = max(0, int(y0 - reach)), min(ny, int(y0 + reach) + 2)
    scale = -0.5 / sigma**2
    for i in range(left, right):
        columns[i] = math.exp(scale * (i - x0) ** 2)
    moments[:] = 0.0
    square = linear = values = count = 0.0
    for j in range(low, high):
        dy = j - y0
        height = math.exp(scale * dy * dy)
        m0 = m1 = m2 = row_square = row_linear = row_values = row_count = 0.0
        for i in range(left, right):
            good = 1.0 if weights[j, i] > 0 else 0.0
            dx = i - x0
            g = columns[i] * height * good
            value = data[j, i] - background
            row_count += good
            row_values += good * value
            row_linear += g
            row_square += g * g
            t = g * value
            m0 += t
            t *= dx
            m1 += t
            m2 += t * dx
        count += row_count
        values += row_values
        linear += row_linear
        square += row_square
        moments[0] += m0
        moments[1] += m1
        moments[2] += m0 * dy
        moments[3] += m2
        moments[4] += m1 * dy
        moments[5] += m0 * dy * dy
    product = moments[0]
    if with_constant and count > 0:
        square -= linear * linear / count
        product -= linear * values / count
    if not square > 0:
        return 0.0, 0.0
    amplitude = product / square
    return amplitude, abs(amplitude) * product


@njit(cache=True, nogil=True)
def best_scale(data, weights, x0, y0, sigma0, background, with_constant, columns, moments):
    """
    The width of the round Gaussian around a position that is most like a star there.

    Parameters
    ----------
    data, weights, x0, y0, background, with_constant, columns, moments
        See `explained_by_round`.
    sigma0 : float
        Expected standard deviation; scales double from half of it up.

    Returns
    -------
    float
        The smallest scale that explains more than those beside it and a fair share of
        what the best one does.
    """
    drops = np.zeros(_SCALES)
    sigma = max(0.5 * sigma0, _SMALLEST_SCALE)
    first = sigma
    count = 0
    largest = 0.0
    while count < _SCALES and (count == 0 or sigma <= _LARGEST_SCALE * max(data.shape[0], data.shape[1])):
        _, drops[count] = explained_by_round(data, weights, x0, y0, sigma, background, with_constant, columns, moments)
        largest = max(largest, drops[count])
        sigma *= 2
        count += 1
    if not largest > 0:
        return sigma0
    for k in range(count):
        falls = k == count - 1 or drops[k + 1] < drops[k]
        if falls and drops[k] >= _OWN_SHARE * largest:
            return first * 2.0**k
    return sigma0


@njit(cache=True, nogil=True)
def round_start(p, x0, y0, sigma, amplitude):
    """
    Start with a round Gaussian.

    Parameters
    ----------
    p : `~numpy.ndarray`, shape (7,)
        amplitude, x, y, a, b, c are filled; the background is left alone.
    x0, y0, sigma, amplitude : float
        What to fill in.
    """
    p[0], p[1], p[2] = amplitude, x0, y0
    p[3] = p[5] = 1 / sigma**2
    p[4] = 0.0


@njit(cache=True, nogil=True)
def shaped_start(p, x0, y0, sigma, amplitude, moments):
    """
    Start with the Gaussian that has the moments of the image under a round one.

    Parameters
    ----------
    p : `~numpy.ndarray`, shape (7,)
        amplitude, x, y, a, b, c are filled; the background is left alone. Where the
        noise leaves the moments no shape, it is `round_start`.
    x0, y0, sigma, amplitude, moments
        Of `explained_by_round`.
    """
    round_start(p, x0, y0, sigma, amplitude)
    if not moments[0] > 0:
        return
    mean_x, mean_y = moments[1] / moments[0], moments[2] / moments[0]
    xx = moments[3] / moments[0] - mean_x * mean_x
    xy = moments[4] / moments[0] - mean_x * mean_y
    yy = moments[5] / moments[0] - mean_y * mean_y
    determinant = xx * yy - xy * xy
    if not (xx > 0 and yy > 0 and determinant > 0):
        return
    inner_a, inner_b, inner_c = yy / determinant, -xy / determinant, xx / determinant
    window = 1 / sigma**2
    a, b, c = inner_a - window, inner_b, inner_c - window
    middle, spread = (a + c) / 2, math.hypot((a - c) / 2, b)
    sharpest = min(_NARROWEST_RATIO * window, _SHARPEST)
    if middle - spread < _WIDEST_RATIO * window or middle + spread > sharpest:
        return
    # The product's inverse covariance times its mean is the star's times its offset.
    u, v = inner_a * mean_x + inner_b * mean_y, inner_b * mean_x + inner_c * mean_y
    det = a * c - b * b
    shift_x, shift_y = (c * u - b * v) / det, (a * v - b * u) / det
    exponent = 0.5 * (shift_x * u + shift_y * v - mean_x * u - mean_y * v)
    if exponent > _LARGEST_EXPONENT:
        return
    p[0] = moments[0] * math.sqrt(inner_a * inner_c - inner_b * inner_b) / (2 * math.pi) * math.exp(exponent)
    p[1], p[2], p[3], p[4], p[5] = x0 + shift_x, y0 + shift_y, a, b, c
