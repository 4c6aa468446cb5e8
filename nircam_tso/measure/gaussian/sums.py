"""Sums over an image's pixels, from which all derivatives of a fit follow.

Everything in which the Gaussian is differentiated (see
`nircam_tso.measure.gaussian.model`) is a moment of it,
``M_pq = exp(...) dx**p dy**q``, up to p + q = 2 for the gradient and up to
p + q = 4 for the second derivatives. So one pass over the pixels sums products with
M_pq only, and the derivatives are put together afterwards, alike for a model that
is sampled at the pixel centres and for one that is integrated over the pixels.

Moments are stored in the order M00, M10, M01, M20, M11, M02, M30, M21, M12,
M03, M40, M31, M22, M13, M04.
"""

import math

import numpy as np
from numba import njit

__all__ = ["assemble", "fill_row", "sum_pixels"]

# Beyond this exponent, of 2e-12, a pixel counts as beside the star: no fit could tell.
_FARTHEST_EXPONENT = 27.0
# The recurrence along a row starts afresh after so many pixels, which keeps its error below 1e-13.
_RUN = 16


@njit(cache=True, nogil=True)
def fill_row(row, first, dy, a, b, c, decay, farthest):
    """
    ``exp(-(a dx**2 + 2 b dx dy + c dy**2) / 2)`` for dx = first, first + 1, ...

    Only the returned range of ``row`` is filled; elsewhere it is below ``exp(-farthest)``.
    The ratio of two neighbours changes by the same factor (``decay`` = exp(-a)) from
    each pixel to the next, which spares most of the exponentials.

    Parameters
    ----------
    row : `~numpy.ndarray`, shape (nx,)
        To be filled.
    first, dy : float
        dx of the row's first pixel, and dy.
    a, b, c : float
        The quadratic form, in 1/pixel**2.
    decay : float
        exp(-a).
    farthest : float
        The largest exponent.

    Returns
    -------
    start, stop : int
        The range that was filled.
    """
    root = (b * dy) ** 2 - a * (c * dy * dy - 2 * farthest)
    if not root > 0:
        return 0, 0
    root = math.sqrt(root)
    # Clipped as floats, because a broad Gaussian's limits need not fit an integer.
    start = int(min(max(math.ceil((-b * dy - root) / a - first), 0.0), float(row.size)))
    stop = int(max(min(math.floor((-b * dy + root) / a - first) + 1, float(row.size)), 0.0))
    for begin in range(start, stop, _RUN):
        dx = first + begin
        value = math.exp(-0.5 * (a * dx * dx + 2 * b * dx * dy + c * dy * dy))
        ratio = math.exp(-(a * (dx + 0.5) + b * dy))
        for i in range(begin, min(begin + _RUN, stop)):
            row[i] = value
            value *= ratio
            ratio *= decay
    return start, stop


@njit(cache=True, nogil=True)
def _sum_sampled(data, weights, p, row, squares, cross, products, gradient):
    """`sum_pixels` for the model at the pixel centres: a sum a row, then powers of dy."""
    amplitude, x, y, a, b, c, background = p[0], p[1], p[2], p[3], p[4], p[5], p[6]
    ny, nx = data.shape
    decay = math.exp(-a)
    squares[:] = 0.0
    cross[:] = 0.0
    gradient[:] = 0.0
    chi2 = 0.0
    total_weight = 0.0
    for j in range(ny):
        dy = j - y
        start, stop = fill_row(row, -x, dy, a, b, c, decay, _FARTHEST_EXPONENT)
        for i in range(start):
            residual = data[j, i] - background
            weighted = weights[j, i] * residual
            chi2 += weighted * residual
            total_weight += weights[j, i]
            gradient[15] += weighted
        for i in range(stop, nx):
            residual = data[j, i] - background
            weighted = weights[j, i] * residual
            chi2 += weighted * residual
            total_weight += weights[j, i]
            gradient[15] += weighted
        s0 = s1 = s2 = s3 = s4 = 0.0
        t0 = t1 = t2 = t3 = t4 = 0.0
        u0 = u1 = u2 = 0.0
        weight_sum = weighted_sum = row_chi2 = 0.0
        for i in range(start, stop):
            dx = i - x
            value = row[i]
            weight = weights[j, i]
            residual = data[j, i] - background - amplitude * value
            weighted = weight * residual
            row_chi2 += weighted * residual
            weighted_sum += weighted
            weight_sum += weight
            u = weight * value
            s = u * value
            t = weighted * value
            u0 += u
            s0 += s
            t0 += t
            u *= dx
            s *= dx
            t *= dx
            u1 += u
            s1 += s
            t1 += t
            u *= dx
            s *= dx
            t *= dx
            u2 += u
            s2 += s
            t2 += t
            s *= dx
            t *= dx
            s3 += s
            t3 += t
            s4 += s * dx
            t4 += t * dx
        chi2 += row_chi2
        total_weight += weight_sum
        gradient[15] += weighted_sum
        if stop > start:
            _spread(squares, s0, s1, s2, s3, s4, dy)
            _spread(gradient, t0, t1, t2, t3, t4, dy)
            cross[0] += u0
            cross[1] += u1
            cross[2] += u0 * dy
            cross[3] += u2
            cross[4] += u1 * dy
            cross[5] += u0 * dy * dy
    for k in range(6):
        for m in range(6):
            products[k, m] = squares[_product_index(k, m)]
        products[k, 6] = cross[k]
        products[6, k] = cross[k]
    products[6, 6] = total_weight
    return chi2


@njit(cache=True, nogil=True)
def _product_index(k, m):
    """Place of M_pq M_rs = M_(p+r)(q+s) in the order of moments, for two moments below the third order."""
    q = (0, 0, 1, 0, 1, 2)
    order = (0, 1, 1, 2, 2, 2)
    total = order[k] + order[m]
    return total * (total + 1) // 2 + q[k] + q[m]


@njit(cache=True, nogil=True)
def _spread(sums, s0, s1, s2, s3, s4, dy):
    """Add a row's moments in dx to moments in dx and dy."""
    dy2 = dy * dy
    sums[0] += s0
    sums[1] += s1
    sums[2] += s0 * dy
    sums[3] += s2
    sums[4] += s1 * dy
    sums[5] += s0 * dy2
    sums[6] += s3
    sums[7] += s2 * dy
    sums[8] += s1 * dy2
    sums[9] += s0 * dy2 * dy
    sums[10] += s4
    sums[11] += s3 * dy
    sums[12] += s2 * dy2
    sums[13] += s1 * dy2 * dy
    sums[14] += s0 * dy2 * dy2


@njit(cache=True, nogil=True)
def _sum_integrated(data, weights, p, order, nodes, node_weights, products, gradient):
    """`sum_pixels` for the model integrated over each pixel."""
    amplitude, x, y, a, b, c, background = p[0], p[1], p[2], p[3], p[4], p[5], p[6]
    ny, nx = data.shape
    decay = math.exp(-a)
    points = np.zeros((order, order, nx))
    moments = np.zeros(15)
    fields = np.zeros(7)
    fields[6] = 1.0
    products[:] = 0.0
    gradient[:] = 0.0
    chi2 = 0.0
    for j in range(ny):
        points[:] = 0.0
        low, high = nx, 0
        for m in range(order):
            for k in range(order):
                dy = j + nodes[order, m] - y
                first = nodes[order, k] - x
                start, stop = fill_row(points[m, k], first, dy, a, b, c, decay, _FARTHEST_EXPONENT)
                if stop > start:
                    low = min(low, start)
                    high = max(high, stop)
        for i in range(nx):
            weight = weights[j, i]
            if weight == 0.0:
                continue
            moments[:] = 0.0
            if low <= i < high:
                for m in range(order):
                    s0 = s1 = s2 = s3 = s4 = 0.0
                    for k in range(order):
                        dx = i + nodes[order, k] - x
                        s = points[m, k, i] * node_weights[order, k]
                        s0 += s
                        s *= dx
                        s1 += s
                        s *= dx
                        s2 += s
                        s *= dx
                        s3 += s
                        s4 += s * dx
                    share = node_weights[order, m]
                    dy = j + nodes[order, m] - y
                    _spread(moments, share * s0, share * s1, share * s2, share * s3, share * s4, dy)
            residual = data[j, i] - background - amplitude * moments[0]
            weighted = weight * residual
            chi2 += weighted * residual
            for k in range(15):
                gradient[k] += weighted * moments[k]
            gradient[15] += weighted
            fields[:6] = moments[:6]
            for k in range(7):
                for m in range(k, 7):
                    products[k, m] += weight * fields[k] * fields[m]
    for k in range(7):
        for m in range(k):
            products[k, m] = products[m, k]
    return chi2


@njit(cache=True, nogil=True)
def sum_pixels(data, weights, p, order, nodes, node_weights, row, room, products, gradient):
    """
    Sums over the pixels of one image, from which all derivatives follow.

    Parameters
    ----------
    data, weights : `~numpy.ndarray`, shape (ny, nx)
        Finite numbers; a pixel of weight 0 is left out.
    p : `~numpy.ndarray`, shape (7,)
        amplitude, x, y, a, b, c, background.
    order : int
        Points an axis of the quadrature over a pixel; 1 samples the pixel's centre.
    nodes, node_weights : `~numpy.ndarray`
        Of `~nircam_tso.measure.gaussian.model.quadrature_tables`.
    row, room : `~numpy.ndarray`, shape (nx,) and (2, 16)
        Room to work in.
    products : `~numpy.ndarray`, shape (7, 7)
        Filled with the sums of w F_k F_m, where F is M00, M10, M01, M20, M11, M02, 1.
    gradient : `~numpy.ndarray`, shape (16,)
        Filled with the sums of w r M_pq and, last, of w r, where r is data less model.

    Returns
    -------
    float
        The sum of w r**2.
    """
    if order == 1:
        return _sum_sampled(data, weights, p, row, room[0], room[1], products, gradient)
    return _sum_integrated(data, weights, p, order, nodes, node_weights, products, gradient)


@njit(cache=True, nogil=True)
def _chain(f, k, amplitude, a, b, c):
    """Element k of the model's gradient, from the fields F of `sum_pixels`."""
    if k == 0:
        return f[0]
    if k == 1:
        return amplitude * (a * f[1] + b * f[2])
    if k == 2:
        return amplitude * (b * f[1] + c * f[2])
    if k == 3:
        return -0.5 * amplitude * f[3]
    if k == 4:
        return -amplitude * f[4]
    if k == 5:
        return -0.5 * amplitude * f[5]
    return f[6]


@njit(cache=True, nogil=True)
def assemble(p, products, sums, room, normal, hessian, gradient):
    """
    Derivatives of chi2 / 2 in (amplitude, x, y, a, b, c, background).

    Parameters
    ----------
    p : `~numpy.ndarray`, shape (7,)
        The parameters.
    products, sums : `~numpy.ndarray`, shape (7, 7) and (16,)
        Of `sum_pixels` at these parameters.
    room : `~numpy.ndarray`, shape (2, 7, 7)
        Room to work in.
    normal : `~numpy.ndarray`, shape (7, 7)
        Filled with J^T W J, where J is the model's Jacobian.
    hessian : `~numpy.ndarray`, shape (7, 7)
        Filled with all second derivatives: J^T W J less the sum of w r times the
        second derivatives of the model.
    gradient : `~numpy.ndarray`, shape (7,)
        Filled with J^T W r, the direction of descent.
    """
    amplitude, a, b, c = p[0], p[3], p[4], p[5]
    half, second = room[0], room[1]
    second[:] = 0.0
    for k in range(7):
        for m in range(7):
            half[m, k] = _chain(products[k], m, amplitude, a, b, c)
    for m in range(7):
        for k in range(7):
            normal[m, k] = _chain(half[m], k, amplitude, a, b, c)
    for k in range(6):
        gradient[k] = _chain(sums, k, amplitude, a, b, c)
    gradient[6] = sums[15]

    (m00, m10, m01, m20, m11, m02, m30, m21, m12, m03, m40, m31, m22, m13, m04) = (
        sums[0], sums[1], sums[2], sums[3], sums[4], sums[5], sums[6], sums[7],
        sums[8], sums[9], sums[10], sums[11], sums[12], sums[13], sums[14],
    )  # fmt: skip
    second[0, 1] = a * m10 + b * m01
    second[0, 2] = b * m10 + c * m01
    second[0, 3] = -m20 / 2
    second[0, 4] = -m11
    second[0, 5] = -m02 / 2
    second[1, 1] = amplitude * (a * a * m20 + 2 * a * b * m11 + b * b * m02 - a * m00)
    second[1, 2] = amplitude * (a * b * m20 + (a * c + b * b) * m11 + b * c * m02 - b * m00)
    second[2, 2] = amplitude * (b * b * m20 + 2 * b * c * m11 + c * c * m02 - c * m00)
    second[1, 3] = amplitude * (m10 - (a * m30 + b * m21) / 2)
    second[1, 4] = amplitude * (m01 - a * m21 - b * m12)
    second[1, 5] = amplitude * (-(a * m12 + b * m03) / 2)
    second[2, 3] = amplitude * (-(b * m30 + c * m21) / 2)
    second[2, 4] = amplitude * (m10 - b * m21 - c * m12)
    second[2, 5] = amplitude * (m01 - (b * m12 + c * m03) / 2)
    second[3, 3] = amplitude * m40 / 4
    second[3, 4] = amplitude * m31 / 2
    second[3, 5] = amplitude * m22 / 4
    second[4, 4] = amplitude * m22
    second[4, 5] = amplitude * m13 / 2
    second[5, 5] = amplitude * m04 / 4
    for k in range(7):
        for m in range(k, 7):
            hessian[k, m] = normal[k, m] - second[k, m]
            hessian[m, k] = hessian[k, m]
