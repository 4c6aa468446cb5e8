"""A block of stars, one after another: start, descent, errors, and what to distrust."""

import math

import numpy as np
from numba import njit

from nircam_tso.measure.gaussian.descent import MATRICES, VECTORS, descend, invert
from nircam_tso.measure.gaussian.model import form_from_widths
from nircam_tso.measure.gaussian.start import best_scale, explained_by_round, round_start, shaped_start
from nircam_tso.quality import QualityFlag

__all__ = [
    "FARTHEST_WIDTHS",
    "LARGEST_AXIS_RATIO",
    "LEAST_AMPLITUDE_RATIO",
    "SHARPEST_SIGMA",
    "SIGNIFICANCE",
    "fit_block",
]

#: Drop of chi2, in units of the noise's variance, below which a star may well be noise.
SIGNIFICANCE = 35.0
#: Amplitude over its error below which a star may well be noise.
LEAST_AMPLITUDE_RATIO = 3.0
#: Least width (pixels) of what is a star and not one hot pixel: sampled, integrated over pixels.
SHARPEST_SIGMA = (0.3, 0.2)
#: Ratio of the widths above which a star is a sliver.
LARGEST_AXIS_RATIO = 3.0

#: Distance from where a star was sought, in its own widths, above which it may be another one.
FARTHEST_WIDTHS = 3.0

_ATTEMPTS = 4

_FAILED = int(QualityFlag.FIT_FAILED)
_SUSPECT = int(QualityFlag.FIT_SUSPECT)
_OUTSIDE = int(QualityFlag.CENTER_OUTSIDE)


@njit(cache=True, nogil=True)
def _shape(p, fixed, angle):
    """Inverse squares of the widths, and the angle in (-pi/4, pi/4], of a quadratic form."""
    a, b, c = p[3], p[4], p[5]
    if fixed:
        theta = angle
    elif b == 0:
        theta = 0.0
    elif a == c:
        theta = math.pi / 4
    else:
        theta = 0.5 * math.atan(2 * b / (a - c))
        if theta <= -math.pi / 4:
            theta = math.pi / 4
    cosine, sine = math.cos(theta), math.sin(theta)
    u = cosine * cosine * a + 2 * sine * cosine * b + sine * sine * c
    v = sine * sine * a - 2 * sine * cosine * b + cosine * cosine * c
    return u, v, theta


@njit(cache=True, nogil=True)
def _report(p, inverse, factor, fixed, angle, with_background, matrices, values, covariance):
    """
    Values and covariance in (amplitude, x, y, x_stddev, y_stddev, theta, background).

    `inverse` is that of J^T W J in the free parameters, `factor` multiplies it.
    """
    u, v, theta = _shape(p, fixed, angle)
    cosine, sine = math.cos(theta), math.sin(theta)
    values[0], values[1], values[2] = p[0], p[1], p[2]
    values[3], values[4], values[5], values[6] = 1 / math.sqrt(u), 1 / math.sqrt(v), theta, p[6]
    n = (5 if fixed else 6) + (1 if with_background else 0)
    jacobian, half = matrices[0], matrices[1]
    jacobian[:] = 0.0
    # The width is u**-1/2, so it changes by -1/2 u**-3/2 per u.
    by_u, by_v = -0.5 * values[3] / u, -0.5 * values[4] / v
    round_star = False
    if fixed:
        jacobian[3, 3] = by_u
        jacobian[4, 4] = by_v
    else:
        jacobian[3, 3], jacobian[3, 4], jacobian[3, 5] = (
            by_u * cosine * cosine,
            by_u * 2 * sine * cosine,
            by_u * sine * sine,
        )
        jacobian[4, 3], jacobian[4, 4], jacobian[4, 5] = (
            by_v * sine * sine,
            -by_v * 2 * sine * cosine,
            by_v * cosine * cosine,
        )
        # An axis turns by (sin cos (dc - da) + cos(2 theta) db) / (u - v): not at all defined where they are equal.
        round_star = u == v
        if not round_star:
            jacobian[5, 3] = -sine * cosine / (u - v)
            jacobian[5, 4] = (cosine * cosine - sine * sine) / (u - v)
            jacobian[5, 5] = sine * cosine / (u - v)
    if with_background:
        jacobian[6, n - 1] = 1.0
    # Beside its diagonal the Jacobian has one block: the shape by the quadratic form.
    last = 5 if fixed else 6
    for k in range(7):
        for m in range(n):
            if k < 3:
                half[k, m] = inverse[k, m]
            elif k < 6:
                total = 0.0
                for q in range(3, last):
                    total += jacobian[k, q] * inverse[q, m]
                half[k, m] = total
            else:
                half[k, m] = jacobian[6, n - 1] * inverse[n - 1, m] if with_background else 0.0
    for k in range(7):
        for m in range(k + 1):
            if m < 3:
                total = half[k, m]
            elif m < 6:
                total = 0.0
                for q in range(3, last):
                    total += half[k, q] * jacobian[m, q]
            else:
                total = half[k, n - 1] * jacobian[m, n - 1] if with_background else 0.0
            covariance[k, m] = factor * total
            covariance[m, k] = covariance[k, m]
    if round_star or not math.isfinite(covariance[5, 5]):
        covariance[5, :] = 0.0
        covariance[:, 5] = 0.0
        covariance[5, 5] = np.inf


@njit(cache=True, nogil=True)
def _enclose(normal, hessian, n, matrices, vectors, inverse):
    """H^-1 N H^-1 in place of `inverse`; nothing is changed where H has no inverse."""
    outer, half = matrices[4], matrices[5]
    if not invert(hessian, n, matrices, vectors, outer):
        return
    for k in range(n):
        for m in range(n):
            total = 0.0
            for q in range(n):
                total += outer[k, q] * normal[q, m]
            half[k, m] = total
    for k in range(n):
        for m in range(n):
            total = 0.0
            for q in range(n):
                total += half[k, q] * outer[q, m]
            inverse[k, m] = total


@njit(cache=True, nogil=True)
def _judge(p, values, covariance, x0, y0, ny, nx, significance, integrated):
    """What to distrust in a fit that converged."""
    dx, dy = x0 - p[1], y0 - p[2]
    distance = p[3] * dx * dx + 2 * p[4] * dx * dy + p[5] * dy * dy
    if not (-0.5 <= values[1] <= nx - 0.5 and -0.5 <= values[2] <= ny - 0.5):
        return _FAILED | _OUTSIDE
    for k in range(7):
        if not (math.isfinite(values[k]) and covariance[k, k] >= 0):
            return _FAILED
    narrow, wide = min(values[3], values[4]), max(values[3], values[4])
    sharpest = SHARPEST_SIGMA[1] if integrated else SHARPEST_SIGMA[0]
    if (
        values[0] <= 0
        or narrow < sharpest
        or wide > 0.5 * max(ny, nx)
        or wide > LARGEST_AXIS_RATIO * narrow
        or values[0] < LEAST_AMPLITUDE_RATIO * math.sqrt(covariance[0, 0])
        or significance < SIGNIFICANCE
        or abs(dx) > 0.5 * nx
        or abs(dy) > 0.5 * ny
        or distance > FARTHEST_WIDTHS**2
    ):
        return _SUSPECT
    return 0


@njit(cache=True, nogil=True)
def _load(stamp, weight, bad, data, weights):
    """Copy an image with its weights, both 0 where a pixel is left out; returns how many are left."""
    ny, nx = stamp.shape
    count = 0
    for j in range(ny):
        ours, theirs, own, out = stamp[j], weight[j], data[j], weights[j]
        here = np.int32(0)
        for i in range(nx):
            value, w = ours[i], theirs[i]
            # What is not finite differs from itself.
            good = (w > 0) & (w - w == 0) & (value - value == 0)
            own[i] = value if good else 0.0
            out[i] = w if good else 0.0
            here += np.int32(good)
        count += here
    if bad.size > 0:
        for j in range(ny):
            for i in range(nx):
                if bad[j, i]:
                    count -= weights[j, i] > 0
                    data[j, i] = weights[j, i] = 0.0
    return count


@njit(cache=True, nogil=True)
def _squares(data, weights, with_background):
    """Weighted sum of squares, and what is left of it by a constant, where the model has one."""
    ny, nx = data.shape
    total = linear = square = 0.0
    for j in range(ny):
        # Rows begin anew, so that additions need not wait for each other.
        row_total = row_linear = row_square = 0.0
        for i in range(nx):
            term = weights[j, i] * data[j, i]
            row_total += weights[j, i]
            row_linear += term
            row_square += term * data[j, i]
        total += row_total
        linear += row_linear
        square += row_square
    return square, square - linear * linear / total if with_background else square


@njit(cache=True, nogil=True)
def _border_level(data, weights):
    """Mean of the outermost good pixels: where a fitted background starts."""
    ny, nx = data.shape
    total = count = 0.0
    for j in range(ny):
        for i in range(nx):
            if (j == 0 or j == ny - 1 or i == 0 or i == nx - 1) and weights[j, i] > 0:
                total += data[j, i]
                count += 1
    return total / count if count > 0 else 0.0


@njit(cache=True, nogil=True)
def fit_block(
    stamps,
    weights,
    weighted,
    sandwich,
    bad,
    x0,
    y0,
    sigma0,
    shape0,
    integrated,
    with_background,
    fixed,
    angle,
    max_iterations,
    nodes,
    node_weights,
    values,
    covariance,
    chi2,
    status,
    iterations,
):
    """
    Fit one Gaussian to each image of a block.

    Parameters
    ----------
    stamps : `~numpy.ndarray`, shape (B, ny, nx)
        The images.
    weights : `~numpy.ndarray`, shape (1, ny, nx) or (B, ny, nx)
        Inverse variances, or ones.
    weighted : bool
        Whether they are inverse variances.
    sandwich : bool
        Whether covariances allow for what the model leaves in the residuals.
    bad : `~numpy.ndarray` of bool, shape (B, ny, nx) or (B, 0, 0)
        Pixels to leave out.
    x0, y0 : `~numpy.ndarray`, shape (B,)
        Where each star is sought.
    sigma0 : float
        Expected standard deviation, pixels.
    shape0 : `~numpy.ndarray`, shape (3,)
        Expected quadratic form, from which the first attempt starts; NaN for none.
    integrated, with_background, fixed : bool
        Whether the model is integrated over pixels, has a constant, has a fixed angle.
    angle : float
        That angle, in (-pi/4, pi/4].
    max_iterations : int
        Largest number of passes over the pixels, for each attempt.
    nodes, node_weights : `~numpy.ndarray`
        Of `~nircam_tso.measure.gaussian.model.quadrature_tables`.
    values, covariance, chi2, status, iterations : `~numpy.ndarray`
        Filled; shapes (B, 7), (B, 7, 7) and (B,).
    """
    n, ny, nx = stamps.shape
    data, weight = np.empty((ny, nx)), np.empty((ny, nx))
    columns, row, moments, p = np.empty(nx), np.empty(nx), np.empty(6), np.empty(7)
    matrices, vectors = np.zeros((MATRICES, 7, 7)), np.zeros((VECTORS, 16))
    normal, hessian, inverse = np.empty((7, 7)), np.empty((7, 7)), np.zeros((7, 7))
    found, found_covariance = np.empty(7), np.empty((7, 7))
    to_form = np.empty((3, 2))
    to_form[0, 0], to_form[1, 0], to_form[2, 0] = form_from_widths(1.0, np.inf, angle)
    to_form[0, 1], to_form[1, 1], to_form[2, 1] = form_from_widths(np.inf, 1.0, angle)
    free = (5 if fixed else 6) + (1 if with_background else 0)
    # The width of the round star of the same area.
    form = shape0[0] * shape0[2] - shape0[1] ** 2
    expected = form**-0.25 if form > 0 else 0.0
    for s in range(n):
        values[s] = np.nan
        covariance[s] = np.nan
        chi2[s] = np.nan
        status[s] = _FAILED
        iterations[s] = 0
        count = _load(stamps[s], weights[s % len(weights)], bad[s], data, weight)
        if count <= free:
            continue
        x = min(max(x0[s], 0.0), nx - 1.0) if math.isfinite(x0[s]) else 0.5 * (nx - 1)
        y = min(max(y0[s], 0.0), ny - 1.0) if math.isfinite(y0[s]) else 0.5 * (ny - 1)
        square, null = _squares(data, weight, with_background)
        level = _border_level(data, weight) if with_background else 0.0
        scale = 0.0
        best = np.inf
        for attempt in range(-1 if expected > 0 else 0, _ATTEMPTS):
            if attempt == 0:
                scale = best_scale(data, weight, x, y, sigma0, level, with_background, columns, moments)
            sigma = sigma0 if attempt == 1 else (2 * scale if attempt == 3 else scale)
            if attempt < 0:
                sigma = expected
            height, _ = explained_by_round(data, weight, x, y, sigma, level, with_background, columns, moments)
            if attempt < 0:
                # Most stars of a series look alike.
                round_start(p, x, y, sigma, height)
                p[3:6] = shape0
            elif attempt == 0:
                shaped_start(p, x, y, sigma, height, moments)
            else:
                round_start(p, x, y, sigma, height)
            p[6] = level
            if fixed:
                u, v, _ = _shape(p, True, angle)
                for q in range(3):
                    p[3 + q] = to_form[q, 0] * u + to_form[q, 1] * v
            converged, residual, used = descend(
                data, weight, p, integrated, nodes, node_weights, to_form, fixed, with_background,
                max_iterations, 1e-26 * square, row, matrices, vectors, normal, hessian,
            )  # fmt: skip
            iterations[s] += used
            outcome = _FAILED
            if converged and invert(normal, free, matrices, vectors, inverse):
                reduced = residual / (count - free)
                factor = 1.0 if weighted else reduced
                _report(p, inverse, factor, fixed, angle, with_background, matrices, found, found_covariance)
                noise = max(1.0, reduced) if weighted else reduced
                significance = (null - residual) / noise if noise > 0 else np.inf
                outcome = _judge(p, found, found_covariance, x, y, ny, nx, significance, integrated)
                if sandwich:
                    _enclose(normal, hessian, free, matrices, vectors, inverse)
                    _report(p, inverse, factor, fixed, angle, with_background, matrices, found, found_covariance)
            if outcome & _FAILED:
                if best == np.inf:
                    status[s] |= outcome
            elif outcome == 0 or residual < best:
                best = residual
                values[s] = found
                covariance[s] = found_covariance
                chi2[s] = reduced if weighted else np.nan
                status[s] = outcome
            if outcome == 0:
                break
