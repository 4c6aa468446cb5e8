"""The shift of images against a template by weighted least squares.

Correlation weighs all pixels alike, which is best where every pixel has the same
noise. Where the star's own photons are the noise, the best shift is that of a
least-squares fit of the shifted template to each image, with the pixels' inverse
variances for weights. Here it is found from the correlation's shift in two Gauss-Newton
steps, each a linear fit of the template, its two derivatives and a constant.
"""

import math

import numpy as np
from numba import njit

__all__ = ["refine_shifts"]

_STEPS = 2
#: A way from the correlation's shift, px, that noise does not take a star which is there.
_FARTHEST = 0.5


def _phases(n, frequencies, shift):
    """exp(-2 pi i f s) and its derivative by s, each of shape (b, frequencies)."""
    angle = -2j * np.pi * frequencies / n
    phase = np.exp(angle * shift[:, None])
    slope = angle * phase
    # The highest frequency of an even length stands for both its signs at once.
    highest = 2 * np.abs(frequencies) == n
    phase[:, highest] = phase[:, highest].real
    slope[:, highest] = slope[:, highest].real
    return phase, slope


@njit(cache=True, nogil=True)
def _fit_linear(stamp, weights, bad, fields, matrix, right):
    """Normal equations of a stamp by the template, its slopes and a constant, solved in place; False if singular."""
    ny, nx = stamp.shape
    values = np.empty(4)
    matrix[:, :] = 0.0
    right[:] = 0.0
    values[3] = 1.0
    for y in range(ny):
        for x in range(nx):
            w = weights[y, x]
            if w == 0.0 or (bad.size > 0 and bad[y, x]):
                continue
            for k in range(3):
                values[k] = fields[k, y, x]
            for k in range(4):
                wv = w * values[k]
                right[k] += wv * stamp[y, x]
                for m in range(k + 1):
                    matrix[k, m] += wv * values[m]
    scales = np.empty(4)
    for k in range(4):
        if not (matrix[k, k] > 0 and math.isfinite(matrix[k, k])):
            return False
        scales[k] = 1 / math.sqrt(matrix[k, k])
    # Cholesky factor of the matrix scaled to a unit diagonal, then its inverse.
    lower = np.zeros((4, 4))
    for k in range(4):
        for m in range(k + 1):
            total = matrix[k, m] * scales[k] * scales[m]
            for q in range(m):
                total -= lower[k, q] * lower[m, q]
            if k > m:
                lower[k, m] = total / lower[m, m]
            elif total > 1e-12:
                lower[k, k] = math.sqrt(total)
            else:
                return False
    unit = np.zeros((4, 4))
    for column in range(4):
        for k in range(column, 4):
            total = 1.0 if k == column else 0.0
            for q in range(column, k):
                total -= lower[k, q] * unit[q, column]
            unit[k, column] = total / lower[k, k]
    for k in range(4):
        for m in range(k + 1):
            total = 0.0
            for q in range(k, 4):
                total += unit[q, k] * unit[q, m]
            matrix[k, m] = matrix[m, k] = total * scales[k] * scales[m]
    solution = np.zeros(4)
    for k in range(4):
        for m in range(4):
            solution[k] += matrix[k, m] * right[m]
    right[:] = solution
    return True


@njit(cache=True, nogil=True)
def _step_all(stamps, weights, bad, fields, dx, dy, x_err, y_err, valid):
    matrix, right = np.empty((4, 4)), np.empty(4)
    for i in range(len(stamps)):
        if not valid[i]:
            continue
        hole = bad[i] if len(bad) else bad.reshape((0, 0))
        if not _fit_linear(stamps[i], weights, hole, fields[:, i], matrix, right) or not right[0] > 0:
            valid[i] = False
            continue
        dx[i], dy[i] = right[1] / right[0], right[2] / right[0]
        x_err[i], y_err[i] = math.sqrt(matrix[1, 1]) / right[0], math.sqrt(matrix[2, 2]) / right[0]


def refine_shifts(stamps, template_transform, variance, shift_x, shift_y, bad=None):
    """
    Best shifts of a template to images of known noise, from good shifts.

    Parameters
    ----------
    stamps : `~numpy.ndarray` of float64, shape (b, ny, nx)
        Finite images.
    template_transform : `~numpy.ndarray` of complex128, shape (ny, nx // 2 + 1)
        ``numpy.fft.rfft2`` of the template. It is shifted circularly.
    variance : `~numpy.ndarray` of float64, shape (ny, nx)
        Variance of each pixel, common to all images; pixels where it is not positive
        and finite are left out.
    shift_x, shift_y : `~numpy.ndarray` of float64, shape (b,)
        Shifts to start from, px; NaN where there is none.
    bad : `~numpy.ndarray` of bool, shape (b, ny, nx), optional
        Pixels to leave out.

    Returns
    -------
    shift_x, shift_y : `~numpy.ndarray` of float64, shape (b,)
        Least-squares shifts, with height and a constant free.
    x_err, y_err : `~numpy.ndarray` of float64, shape (b,)
        1 sigma of these: the Cramer-Rao bound, if the variance is that of the pixels.
    valid : `~numpy.ndarray` of bool, shape (b,)
        False, with the other results meaningless, where there was no start, the height
        is not positive, or the shift moves by over half a pixel.

    Notes
    -----
    Two steps leave the square of the square of the start's error, in px. The result does
    not depend on the other images, bit by bit.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.weighted import refine_shifts
    >>> x, y = np.arange(21), np.arange(20)[:, None]
    >>> def star(x0, y0):
    ...     return 900 * np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * 1.6**2))
    >>> shift_x, shift_y, x_err, y_err, valid = refine_shifts(
    ...     star(10.3, 9.8)[None], np.fft.rfft2(star(10, 10)), star(10, 10) + 4, np.array([0.2]), np.array([-0.1])
    ... )
    >>> print(f"{shift_x[0]:.4f} {shift_y[0]:.4f} +- {x_err[0]:.3f}")
    0.3000 -0.2000 +- 0.014
    """
    n, ny, nx = stamps.shape
    good = np.isfinite(variance) & (variance > 0)
    weights = np.where(good, 1 / np.where(good, variance, 1.0), 0.0)
    bad = np.zeros((0, ny, nx), bool) if bad is None else np.ascontiguousarray(bad, bool)
    frequency_x, frequency_y = np.fft.rfftfreq(nx, 1 / nx), np.fft.fftfreq(ny, 1 / ny)
    valid = np.isfinite(shift_x) & np.isfinite(shift_y)
    x, y = (np.where(valid, shift, 0.0) for shift in (shift_x, shift_y))
    dx, dy, x_err, y_err = np.zeros((4, n))
    for _ in range(_STEPS):
        phase_x, slope_x = (part[:, None, :] for part in _phases(nx, frequency_x, x))
        phase_y, slope_y = (part[:, :, None] for part in _phases(ny, frequency_y, y))
        fields = np.empty((3, n, ny, nx))
        for field, along_x, along_y in zip(
            fields, (phase_x, slope_x, phase_x), (phase_y, phase_y, slope_y), strict=True
        ):
            field[:] = np.fft.irfft2(template_transform * along_y * along_x, s=(ny, nx))
        _step_all(stamps, weights, bad, fields, dx, dy, x_err, y_err, valid)
        valid &= (np.abs(dx) < _FARTHEST) & (np.abs(dy) < _FARTHEST)
        x, y = np.where(valid, x + dx, x), np.where(valid, y + dy, y)
    valid &= np.isfinite(x_err) & np.isfinite(y_err)
    return x, y, x_err, y_err, valid
