"""The cross-correlation of images with a template as a continuous function of the shift.

The circular cross-correlation of an image f with a template T,

    c(s) = sum over pixels p of f(p) T(p - s),

is known at whole-pixel shifts from fast Fourier transforms. Its Fourier series
defines it in between: the one trigonometric polynomial of lowest order through
these values. Here are the series' values, gradient and Hessian, the climb to its
peak, and the noise of the peak's position.
"""

import numpy as np
from numba import njit
from scipy import fft

__all__ = ["climb_to_peaks", "gradient_products", "noise_of_gradient", "position_covariances", "series_coefficients"]

#: A peak farther than this from the highest whole-pixel shift, in either axis, is
#: another peak.
_REACH = 1.5

#: The step after which the climb ends. Each of Newton's steps leaves an error of about its
#: square, so that this one leaves less than 1e-10 px.
_LAST_STEP = 1e-6
_MAX_STEPS = 50


def series_coefficients(images, template_transform):
    """
    Fourier coefficients of the correlation of each image with a template.

    Parameters
    ----------
    images : `~numpy.ndarray` of float64, shape (b, ny, nx)
        Finite images.
    template_transform : `~numpy.ndarray` of complex128, shape (ny, nx // 2 + 1)
        ``numpy.fft.rfft2`` of the template.

    Returns
    -------
    `~numpy.ndarray` of complex128, shape (b, ny, nx // 2 + 1)
        Not divided by the number of pixels, as ``numpy.fft.irfft2`` wants them.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.correlation import series_coefficients
    >>> image = np.zeros((1, 4, 5))
    >>> image[0, 2, 3] = 1.0
    >>> template = np.zeros((4, 5))
    >>> template[1, 1] = 1.0
    >>> coefficients = series_coefficients(image, np.fft.rfft2(template))
    >>> correlation = np.fft.irfft2(coefficients, s=(4, 5))[0]
    >>> [int(shift) for shift in np.unravel_index(correlation.argmax(), (4, 5))]
    [1, 2]
    """
    return fft.rfft2(images) * np.conj(template_transform)


@njit(cache=True, nogil=True)
def _fill_phases(n, period, position, phases):
    # phases[d, k] is the d-th derivative of exp(2 pi i f position / period), f being
    # the signed frequency of row k. The highest frequency of an even n stands for
    # +n/2 and -n/2 at once, in equal parts, or the series would not be real.
    angle = 2.0 * np.pi / period
    turn = complex(np.cos(angle * position), np.sin(angle * position))
    phase = complex(1.0, 0.0)
    for k in range(n // 2 + 1):
        omega = angle * k
        if 2 * k == n:
            real, imag = phase.real, phase.imag
            phases[0, k] = real
            phases[1, k] = -omega * imag
            phases[2, k] = -omega * omega * real
        else:
            phases[0, k] = phase
            phases[1, k] = complex(0.0, omega) * phase
            phases[2, k] = -omega * omega * phase
            if 0 < k < phases.shape[1] - k:
                phases[0, n - k] = np.conj(phases[0, k])
                phases[1, n - k] = np.conj(phases[1, k])
                phases[2, n - k] = np.conj(phases[2, k])
        phase = phase * turn


@njit(cache=True, nogil=True)
def _fill_half_phases(n, period, position, phases):
    # As _fill_phases for the non-negative frequencies only: those whose negative twin
    # is not stored count twice.
    angle = 2.0 * np.pi / period
    turn = complex(np.cos(angle * position), np.sin(angle * position))
    phase = complex(1.0, 0.0)
    for k in range(n // 2 + 1):
        omega = angle * k
        if 2 * k == n:
            real, imag = phase.real, phase.imag
            phases[0, k] = real
            phases[1, k] = -omega * imag
            phases[2, k] = -omega * omega * real
        else:
            twice = phase if k == 0 else 2.0 * phase
            phases[0, k] = twice
            phases[1, k] = complex(0.0, omega) * twice
            phases[2, k] = -omega * omega * twice
        phase = phase * turn


@njit(cache=True, nogil=True)
def _derivatives(coefficients, phases_x, phases_y):
    # (value, x, y, xx, xy, yy) derivatives of the series, times the number of pixels.
    ny, n_half = coefficients.shape
    value = c_x = c_y = c_xx = c_xy = c_yy = 0.0
    for row in range(ny):
        a0 = complex(0.0, 0.0)
        a1 = complex(0.0, 0.0)
        a2 = complex(0.0, 0.0)
        for k in range(n_half):
            c = coefficients[row, k]
            a0 += c * phases_x[0, k]
            a1 += c * phases_x[1, k]
            a2 += c * phases_x[2, k]
        e0 = phases_y[0, row]
        e1 = phases_y[1, row]
        e2 = phases_y[2, row]
        value += e0.real * a0.real - e0.imag * a0.imag
        c_x += e0.real * a1.real - e0.imag * a1.imag
        c_xx += e0.real * a2.real - e0.imag * a2.imag
        c_y += e1.real * a0.real - e1.imag * a0.imag
        c_xy += e1.real * a1.real - e1.imag * a1.imag
        c_yy += e2.real * a0.real - e2.imag * a0.imag
    return value, c_x, c_y, c_xx, c_xy, c_yy


@njit(cache=True, nogil=True)
def _climb(coefficients, correlation, phases_x, phases_y):
    ny, nx = correlation.shape
    best_y = best_x = 0
    for y in range(ny):
        for x in range(nx):
            if correlation[y, x] > correlation[best_y, best_x]:
                best_y, best_x = y, x
    x, y = float(best_x), float(best_y)
    c_xx = c_xy = c_yy = 0.0
    for _ in range(_MAX_STEPS):
        _fill_half_phases(nx, nx, x, phases_x)
        _fill_phases(ny, ny, y, phases_y)
        _, c_x, c_y, c_xx, c_xy, c_yy = _derivatives(coefficients, phases_x, phases_y)
        determinant = c_xx * c_yy - c_xy * c_xy
        # A ridge has no top along itself, only ripples of rounding.
        is_top = c_xx < 0.0 and determinant > 1e-10 * (c_xx + c_yy) ** 2
        if is_top:
            step_x = (c_xy * c_y - c_yy * c_x) / determinant
            step_y = (c_xy * c_x - c_xx * c_y) / determinant
            # Newton's step trusts a parabola, which a correlation is near its top only.
            length = np.hypot(step_x, step_y)
            scale = min(1.0, 0.5 / length) if length > 0.0 else 1.0
        else:
            step_x, step_y = c_x, c_y
            slope = np.hypot(c_x, c_y)
            length = 0.25
            scale = length / slope if slope > 0.0 else 0.0
        if not np.isfinite(step_x + step_y):
            break
        step_x *= scale
        step_y *= scale
        x += step_x
        y += step_y
        if abs(x - best_x) > _REACH or abs(y - best_y) > _REACH:
            break
        if length < _LAST_STEP:
            return x, y, c_xx, c_xy, c_yy, True
    return x, y, c_xx, c_xy, c_yy, False


@njit(cache=True, nogil=True)
def _climb_all(coefficients, correlations, shift_x, shift_y, hessian, found):
    n_images, ny, nx = correlations.shape
    phases_x = np.empty((3, nx // 2 + 1), np.complex128)
    phases_y = np.empty((3, ny), np.complex128)
    for i in range(n_images):
        x, y, c_xx, c_xy, c_yy, is_top = _climb(coefficients[i], correlations[i], phases_x, phases_y)
        shift_x[i] = x
        shift_y[i] = y
        hessian[i, 0] = c_xx / (nx * ny)
        hessian[i, 1] = c_xy / (nx * ny)
        hessian[i, 2] = c_yy / (nx * ny)
        found[i] = is_top


def climb_to_peaks(coefficients, shape):
    """
    Highest peak of each correlation, to 1e-10 px.

    From the whole-pixel shift of the highest value Newton's method climbs the
    Fourier series.

    Parameters
    ----------
    coefficients : `~numpy.ndarray` of complex128, shape (b, ny, nx // 2 + 1)
        From `series_coefficients`.
    shape : tuple of int
        (ny, nx) of the images.

    Returns
    -------
    shift_x, shift_y : `~numpy.ndarray` of float64, shape (b,)
        Shift of each image against the template, px, about within 0 to nx and 0 to ny.
    hessian : `~numpy.ndarray` of float64, shape (b, 3)
        Second derivatives (xx, xy, yy) of the correlation at the peak, per px^2.
    found : `~numpy.ndarray` of bool, shape (b,)
        False where no maximum was reached within 1.5 px of the whole-pixel one.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.correlation import climb_to_peaks, series_coefficients
    >>> x, y = np.arange(9), np.arange(8)[:, None]
    >>> image = np.exp(-((x - 4.25) ** 2 + (y - 3.0) ** 2) / 2)[None]
    >>> template = np.exp(-((x - 4.0) ** 2 + (y - 4.0) ** 2) / 2)
    >>> coefficients = series_coefficients(image, np.fft.rfft2(template))
    >>> shift_x, shift_y, hessian, found = climb_to_peaks(coefficients, (8, 9))
    >>> round(float(shift_x[0]), 3), round(float(shift_y[0]), 3), bool(found[0])
    (0.25, 7.0, True)
    """
    n_images = len(coefficients)
    correlations = fft.irfft2(coefficients, s=shape)
    shift_x, shift_y = np.empty(n_images), np.empty(n_images)
    hessian, found = np.empty((n_images, 3)), np.empty(n_images, dtype=np.bool_)
    _climb_all(coefficients, correlations, shift_x, shift_y, hessian, found)
    return shift_x, shift_y, hessian, found


def _pad_transform(transform, shape, fine_shape):
    # The same polynomial on a finer grid: the highest frequency of an even axis is
    # shared by +n/2 and -n/2.
    for axis, (n, n_fine) in enumerate(zip(shape, fine_shape, strict=True)):
        coarse = np.moveaxis(transform, axis, 0)
        padded = np.zeros((n_fine, *coarse.shape[1:]), dtype=np.complex128)
        n_positive = (n + 1) // 2
        padded[:n_positive] = coarse[:n_positive]
        padded[n_fine - n // 2 :] = coarse[n_positive:]
        if n % 2 == 0:
            padded[n // 2] = padded[n_fine - n // 2] = coarse[n // 2] / 2
        transform = np.moveaxis(padded, 0, axis)
    return transform


def gradient_products(template):
    """
    Fourier coefficients of the products of a template's two derivatives.

    A product of two band-limited functions has twice their bandwidth, so that it is
    taken on a grid more than twice as fine, where nothing is aliased.

    Parameters
    ----------
    template : `~numpy.ndarray` of float64, shape (ny, nx)

    Returns
    -------
    `~numpy.ndarray` of complex128, shape (3, 2 ny + 1, nx + 1)
        Series of T_x T_x, T_x T_y and T_y T_y in frequencies of whole periods of
        the template's grid.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.correlation import gradient_products
    >>> wave = np.broadcast_to(np.cos(2 * np.pi * np.arange(8) / 8), (6, 8))
    >>> products = gradient_products(wave)
    >>> bool(np.isclose(products[0, 0, 0].real, 0.5 * (2 * np.pi / 8) ** 2)), products.shape
    (True, (3, 13, 9))
    """
    ny, nx = template.shape
    fine_shape = (2 * ny + 1, 2 * nx + 1)
    transform = _pad_transform(np.fft.fft2(template), (ny, nx), fine_shape)
    omega_y, omega_x = (
        2j * np.pi * np.fft.fftfreq(n_fine, 1 / n_fine) / n for n, n_fine in zip((ny, nx), fine_shape, strict=True)
    )
    scale = (fine_shape[0] * fine_shape[1]) / (ny * nx)
    slope_x = np.fft.ifft2(transform * omega_x).real * scale
    slope_y = np.fft.ifft2(transform * omega_y[:, None]).real * scale
    products = np.stack([slope_x * slope_x, slope_x * slope_y, slope_y * slope_y])
    return np.fft.rfft2(products) / (fine_shape[0] * fine_shape[1])


def noise_of_gradient(variance, products):
    """
    Series of the covariance of the correlation's gradient, as a function of the shift.

    Parameters
    ----------
    variance : `~numpy.ndarray` of float64, shape (ny, nx)
        Variance of the images' pixels, finite.
    products : `~numpy.ndarray` of complex128, shape (3, 2 ny + 1, nx + 1)
        From `gradient_products`.

    Returns
    -------
    `~numpy.ndarray` of complex128, shape (3, 2 ny + 1, nx + 1)
        Series of sum_p v(p) T_a(p - s) T_b(p - s) for ab = xx, xy, yy.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.correlation import gradient_products, noise_of_gradient
    >>> wave = np.broadcast_to(np.cos(2 * np.pi * np.arange(8) / 8), (6, 8))
    >>> series = noise_of_gradient(np.full((6, 8), 2.0), gradient_products(wave))
    >>> bool(np.isclose(series[0, 0, 0].real, 2 * 48 * 0.5 * (2 * np.pi / 8) ** 2))
    True
    """
    ny, nx = variance.shape
    transform = np.fft.fft2(variance)
    # The variance lives on whole pixels, so its spectrum repeats beyond the pixels' band.
    rows = np.fft.fftfreq(2 * ny + 1, 1 / (2 * ny + 1)).round().astype(int) % ny
    columns = np.arange(nx + 1) % nx
    return transform[rows[:, None], columns] * np.conj(products)


@njit(cache=True, nogil=True)
def _position_covariances(series, nx, shift_x, shift_y, hessian, found, x_variance, xy_covariance, y_variance):
    n_rows, n_half = series.shape[1], series.shape[2]
    phases_x = np.empty((3, n_half), np.complex128)
    phases_y = np.empty((3, n_rows), np.complex128)
    middle = np.empty(3)
    ny = (n_rows - 1) // 2
    for i in range(len(found)):
        x_variance[i] = xy_covariance[i] = y_variance[i] = np.nan
        if not found[i]:
            continue
        _fill_half_phases(2 * n_half - 1, nx, shift_x[i], phases_x)
        _fill_phases(n_rows, ny, shift_y[i], phases_y)
        for which in range(3):
            total = 0.0
            for row in range(n_rows):
                a = complex(0.0, 0.0)
                for k in range(n_half):
                    a += series[which, row, k] * phases_x[0, k]
                e = phases_y[0, row]
                total += e.real * a.real - e.imag * a.imag
            middle[which] = total
        c_xx, c_xy, c_yy = hessian[i, 0], hessian[i, 1], hessian[i, 2]
        determinant = c_xx * c_yy - c_xy * c_xy
        i_xx, i_xy, i_yy = c_yy / determinant, -c_xy / determinant, c_xx / determinant
        m_xx, m_xy, m_yy = middle[0], middle[1], middle[2]
        x_variance[i] = i_xx * i_xx * m_xx + 2.0 * i_xx * i_xy * m_xy + i_xy * i_xy * m_yy
        y_variance[i] = i_xy * i_xy * m_xx + 2.0 * i_xy * i_yy * m_xy + i_yy * i_yy * m_yy
        xy_covariance[i] = i_xx * i_xy * m_xx + (i_xx * i_yy + i_xy * i_xy) * m_xy + i_xy * i_yy * m_yy


def position_covariances(series, shape, shift_x, shift_y, hessian, found):
    """
    Covariance of each peak's position, from the noise of the images.

    Noise n moves the peak of the correlation by -H^-1 grad c_n, where H is the
    Hessian at the peak and grad c_n the gradient of the noise's own correlation with
    the template, hence the covariance H^-1 (sum_p v grad T grad T^T) H^-1.

    Parameters
    ----------
    series : `~numpy.ndarray` of complex128, shape (3, 2 ny + 1, nx + 1)
        From `noise_of_gradient`.
    shape : tuple of int
        (ny, nx) of the images.
    shift_x, shift_y, hessian, found
        From `climb_to_peaks`.

    Returns
    -------
    x_variance, xy_covariance, y_variance : `~numpy.ndarray` of float64, shape (b,)
        In px^2; NaN where ``found`` is False.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure import correlation
    >>> wave = np.cos(2 * np.pi * np.arange(8) / 8) + np.cos(2 * np.pi * np.arange(6) / 6)[:, None]
    >>> coefficients = correlation.series_coefficients(100 * wave[None], np.fft.rfft2(wave))
    >>> peak = correlation.climb_to_peaks(coefficients, wave.shape)
    >>> series = correlation.noise_of_gradient(np.ones(wave.shape), correlation.gradient_products(wave))
    >>> x_variance, _, _ = correlation.position_covariances(series, wave.shape, *peak)
    >>> bool(np.isclose(x_variance[0], 1 / (100**2 * 24 * (2 * np.pi / 8) ** 2)))
    True
    """
    x_variance, xy_covariance, y_variance = (np.empty(len(found)) for _ in range(3))
    _position_covariances(series, shape[1], shift_x, shift_y, hessian, found, x_variance, xy_covariance, y_variance)
    return x_variance, xy_covariance, y_variance
