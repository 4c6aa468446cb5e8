"""The way down: Levenberg-Marquardt steps, and Newton steps to finish.

Steps of Gauss and Newton (those of Levenberg and Marquardt without damping)
converge linearly on stars that are no Gaussians, and every real star is none.
So once the steps are short, all second derivatives are used: these Newton steps
converge quadratically whatever is left in the residuals. Only a Newton step, with
a positive definite matrix, may call a fit converged; what is found is then a
minimum, not a saddle.
"""

import math

import numpy as np
from numba import njit

from nircam_tso.measure.gaussian.model import quadrature_order
from nircam_tso.measure.gaussian.sums import assemble, sum_pixels

__all__ = ["CONVERGED_STEP", "MATRICES", "VECTORS", "descend", "fold", "invert"]

#: A Newton step below this, relative to the parameters' own scales, is the last: what is left
#: after it is of the order of its square.
CONVERGED_STEP = 1e-7

#: Matrices and vectors, of 7 x 7 and of 16 places, in which a fit works: made once, they cost nothing for each image.
MATRICES, VECTORS = 6, 10

_NEWTON_FROM = 0.1
_FIRST_DAMPING = 1e-3
_LAST_DAMPING = 1e9
# Where a trial may not go, because the sums there have nothing to hold them.
_SHARPEST = 0.15
_WIDEST = 5.0
_LEAST_DETERMINANT = 1e-4


@njit(cache=True, nogil=True)
def fold(matrix, gradient, to_form, fixed, with_background):
    """
    Go from (amplitude, x, y, a, b, c, background) to the parameters that are free.

    Parameters
    ----------
    matrix, gradient : `~numpy.ndarray`, shape (7, 7) and (7,)
        Changed in place; the free parameters come first.
    to_form : `~numpy.ndarray`, shape (3, 2)
        (a, b, c) by the inverse squares of the two widths at a fixed angle: as this
        is linear, second derivatives fold like first ones.
    fixed, with_background : bool
        Whether the angle is fixed, and whether there is a background.

    Returns
    -------
    int
        The number of free parameters.
    """
    n = 6
    if fixed:
        n = 5
        for k in range(7):
            u = v = 0.0
            for q in range(3):
                u += matrix[k, 3 + q] * to_form[q, 0]
                v += matrix[k, 3 + q] * to_form[q, 1]
            matrix[k, 3], matrix[k, 4], matrix[k, 5] = u, v, matrix[k, 6]
        for k in range(6):
            u = v = 0.0
            for q in range(3):
                u += matrix[3 + q, k] * to_form[q, 0]
                v += matrix[3 + q, k] * to_form[q, 1]
            matrix[3, k], matrix[4, k], matrix[5, k] = u, v, matrix[6, k]
        u = v = 0.0
        for q in range(3):
            u += gradient[3 + q] * to_form[q, 0]
            v += gradient[3 + q] * to_form[q, 1]
        gradient[3], gradient[4], gradient[5] = u, v, gradient[6]
    return n + 1 if with_background else n


@njit(cache=True, nogil=True)
def _factor(matrix, damping, n, scales, lower):
    """Cholesky factor of a matrix scaled to a unit diagonal, plus damping; False if it has none."""
    for k in range(n):
        if not matrix[k, k] > 0 or math.isinf(matrix[k, k]):
            return False
        scales[k] = 1 / math.sqrt(matrix[k, k])
    for k in range(n):
        for m in range(k + 1):
            total = matrix[k, m] * scales[k] * scales[m]
            for q in range(m):
                total -= lower[k, q] * lower[m, q]
            if k > m:
                lower[k, m] = total / lower[m, m]
            else:
                total += damping
                if not total > 1e-13:
                    return False
                lower[k, k] = math.sqrt(total)
    return True


@njit(cache=True, nogil=True)
def _substitute(right, n, scales, lower, solution):
    """Solve with the factor of `_factor`."""
    for k in range(n):
        total = right[k] * scales[k]
        for q in range(k):
            total -= lower[k, q] * solution[q]
        solution[k] = total / lower[k, k]
    for k in range(n - 1, -1, -1):
        total = solution[k]
        for q in range(k + 1, n):
            total -= lower[q, k] * solution[q]
        solution[k] = total / lower[k, k]
    for k in range(n):
        solution[k] *= scales[k]


@njit(cache=True, nogil=True)
def invert(matrix, n, matrices, vectors, inverse):
    """
    Inverse of a positive definite matrix.

    Parameters
    ----------
    matrix : `~numpy.ndarray`, shape (7, 7)
        Its leading n x n part is taken.
    n : int
        Size of that part.
    matrices, vectors : `~numpy.ndarray`
        Room to work in, as for `descend`.
    inverse : `~numpy.ndarray`, shape (7, 7)
        Its leading part is filled.

    Returns
    -------
    bool
        False if the matrix is not positive definite.
    """
    scales, lower, below = vectors[0], matrices[1], matrices[0]
    if not _factor(matrix, 0.0, n, scales, lower):
        return False
    # The inverse of the factor, and its square.
    for k in range(n):
        below[k, k] = 1.0 / lower[k, k]
        for m in range(k):
            total = 0.0
            for q in range(m, k):
                total -= lower[k, q] * below[q, m]
            below[k, m] = total * below[k, k]
    for k in range(n):
        for m in range(k + 1):
            total = 0.0
            for q in range(k, n):
                total += below[q, k] * below[q, m]
            inverse[k, m] = inverse[m, k] = total * scales[k] * scales[m]
    return True


@njit(cache=True, nogil=True)
def _unfold(step, to_form, fixed, with_background, change):
    """A step of the free parameters as a step of all seven."""
    change[:] = 0.0
    change[:3] = step[:3]
    n = 6
    if fixed:
        n = 5
        for q in range(3):
            change[3 + q] = to_form[q, 0] * step[3] + to_form[q, 1] * step[4]
    else:
        change[3:6] = step[3:6]
    if with_background:
        change[6] = step[n]


@njit(cache=True, nogil=True)
def _relative(change, p):
    """The largest element of a step, in units of amplitude, widths and the shape's own coefficients."""
    height = abs(p[0])
    largest = abs(change[0]) / height
    largest = max(largest, abs(change[1]) * math.sqrt(p[3]))
    largest = max(largest, abs(change[2]) * math.sqrt(p[5]))
    largest = max(largest, abs(change[3]) / p[3])
    largest = max(largest, abs(change[4]) / math.sqrt(p[3] * p[5]))
    largest = max(largest, abs(change[5]) / p[5])
    return max(largest, abs(change[6]) / height)


@njit(cache=True, nogil=True)
def _permitted(p, ny, nx, margin):
    """Whether a set of parameters is a Gaussian that the image could tell anything about, by a margin (1: none)."""
    a, b, c = p[3], p[4], p[5]
    if not (a > 0 and c > 0 and math.isfinite(p[0]) and p[0] != 0 and math.isfinite(p[6])):
        return False
    if not a * c - b * b > margin * _LEAST_DETERMINANT * a * c:
        return False
    middle, spread = (a + c) / 2, math.hypot((a - c) / 2, b)
    if margin * (middle + spread) > 1 / _SHARPEST**2 or middle - spread < margin / (_WIDEST * max(ny, nx)) ** 2:
        return False
    return -0.5 * nx < p[1] < 1.5 * nx and -0.5 * ny < p[2] < 1.5 * ny


@njit(cache=True, nogil=True)
def descend(
    data,
    weights,
    p,
    integrated,
    nodes,
    node_weights,
    to_form,
    fixed,
    with_background,
    max_iterations,
    slack,
    row,
    matrices,
    vectors,
    normal,
    hessian,
):
    """
    Follow one image's residuals down to a minimum.

    Parameters
    ----------
    data, weights : `~numpy.ndarray`, shape (ny, nx)
        Finite numbers; a pixel of weight 0 is left out.
    p : `~numpy.ndarray`, shape (7,)
        amplitude, x, y, a, b, c, background: the start, changed to the minimum.
    integrated : bool
        Whether the model is integrated over each pixel.
    nodes, node_weights : `~numpy.ndarray`
        Of `~nircam_tso.measure.gaussian.model.quadrature_tables`.
    to_form, fixed, with_background
        See `fold`.
    max_iterations : int
        Largest number of passes over the pixels.
    slack : float
        By how much chi2 may rise from rounding of the data alone.
    row, matrices, vectors : `~numpy.ndarray`, shape (nx,), (MATRICES, 7, 7) and (VECTORS, 16)
        Room to work in.
    normal : `~numpy.ndarray`, shape (7, 7)
        Filled with J^T W J of the free parameters at the minimum.
    hessian : `~numpy.ndarray`, shape (7, 7)
        Filled with all second derivatives of chi2 / 2 there.

    Returns
    -------
    converged : bool
        Whether a minimum was reached.
    chi2 : float
        The sum of the weighted squares of the residuals there.
    iterations : int
        Passes over the pixels.
    """
    ny, nx = data.shape
    products, lower, own = matrices[0], matrices[1], matrices[2:4]
    scales, step, change, trial = vectors[0, :7], vectors[1, :7], vectors[2, :7], vectors[3, :7]
    gradient, copy, sums, room = vectors[4, :7], vectors[5, :7], vectors[6], vectors[7:9]
    if not _permitted(p, ny, nx, 1.0):
        return False, np.nan, 0
    order = quadrature_order(p[3], p[4], p[5]) if integrated else 1
    chi2 = sum_pixels(data, weights, p, order, nodes, node_weights, row, room, products, sums)
    damping = _FIRST_DAMPING
    newton = False
    n = 0
    fresh = True
    iterations = 1
    while True:
        if fresh:
            assemble(p, products, sums, own, normal, hessian, gradient)
            copy[:] = gradient
            n = fold(normal, copy, to_form, fixed, with_background)
            fold(hessian, gradient, to_form, fixed, with_background)
            fresh = False
        newton = newton and _factor(hessian, 0.0, n, scales, lower)
        if not newton and not _factor(normal, damping, n, scales, lower):
            damping *= 10
            if not damping < _LAST_DAMPING:
                return False, chi2, iterations
            continue
        _substitute(gradient, n, scales, lower, step)
        _unfold(step, to_form, fixed, with_background, change)
        size = _relative(change, p)
        for k in range(7):
            trial[k] = p[k] + change[k]
        if newton and size < CONVERGED_STEP and _permitted(trial, ny, nx, 1.0):
            needed = quadrature_order(trial[3], trial[4], trial[5]) if integrated else 1
            if needed <= order:
                for k in range(n):
                    chi2 -= gradient[k] * step[k]
                p[:] = trial
                return True, max(chi2, 0.0), iterations
            order = needed
            chi2 = sum_pixels(data, weights, p, order, nodes, node_weights, row, room, products, sums)
            iterations += 1
            fresh = True
            continue
        if iterations >= max_iterations:
            return False, chi2, iterations
        accepted = False
        if not _permitted(trial, ny, nx, 1.0):
            # A descent that has come to the edge and wants to leave would only creep along it.
            if not _permitted(p, ny, nx, 2.0):
                return False, chi2, iterations
        else:
            trial_chi2 = sum_pixels(data, weights, trial, order, nodes, node_weights, row, room, products, sums)
            iterations += 1
            accepted = trial_chi2 <= chi2 * (1 + 1e-13) + slack
        if accepted:
            p[:] = trial
            chi2 = trial_chi2
            fresh = True
            if not newton:
                damping = max(0.1 * damping, 1e-9)
            newton = size < _NEWTON_FROM
        elif newton:
            newton = False
        else:
            damping *= 10
            if not damping < _LAST_DAMPING:
                return False, chi2, iterations
