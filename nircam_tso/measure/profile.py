"""How concentrated a star's image is: noise pixels, width, brightest pixel, and how many pixels tell."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numba import njit

from nircam_tso.measure.gaussian.model import FWHM_PER_STDDEV
from nircam_tso.measure.photometry import check_images

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["StarProfiles", "gaussian_fwhm", "star_profiles"]


class StarProfiles(NamedTuple):
    """
    What pixels within a window say of the star, each of shape (B,).

    Attributes
    ----------
    beta : `~numpy.ndarray` of float64
        Noise pixels: square of the sum over the sum of the squares.
    beta_err : `~numpy.ndarray` of float64
        1 sigma of it; NaN without variances.
    peak : `~numpy.ndarray` of float64
        Value of the brightest good pixel.
    n_good : `~numpy.ndarray` of int64
        Number of good pixels within the window.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.profile import star_profiles
    >>> profiles = star_profiles(np.array([[[0.0, 100, 0], [50, 0, 50]]]))
    >>> float(profiles.peak[0]), int(profiles.n_good[0])
    (100.0, 6)
    """

    beta: np.ndarray
    beta_err: np.ndarray
    peak: np.ndarray
    n_good: np.ndarray


@njit(cache=True, nogil=True)
def _gather(data, window, bad, variance, sums, peak, n_good):
    n_windows, n_masks, n_variances = len(window), len(bad), len(variance)
    for b in range(len(data)):
        w, m, u = b if n_windows > 1 else 0, b if n_masks > 1 else 0, b if n_variances > 1 else 0
        n = 0
        top = total = square = s0 = s1 = s2 = s3 = 0.0
        for j in range(data.shape[1]):
            for i in range(data.shape[2]):
                if (n_windows > 0 and not window[w, j, i]) or (n_masks > 0 and bad[m, j, i]):
                    continue
                value = data[b, j, i]
                n += 1
                # A NaN that nobody left out must not hide behind a comparison.
                if n == 1 or value > top or math.isnan(value):
                    top = value
                total += value
                square += value * value
                if n_variances > 0:
                    v = variance[u, j, i]
                    s0 += v
                    s1 += v * value
                    s2 += v * value * value
                    s3 += v * v
        n_good[b] = n
        if n > 0:
            peak[b] = top
        sums[b, 0], sums[b, 1], sums[b, 2], sums[b, 3], sums[b, 4], sums[b, 5] = total, square, s0, s1, s2, s3


def star_profiles(
    images: ArrayLike,
    *,
    window: ArrayLike | None = None,
    bad: ArrayLike | None = None,
    variance: ArrayLike | None = None,
    background_err: ArrayLike | None = None,
) -> StarProfiles:
    """
    Noise pixels, brightest pixel and count of good pixels.

    Noise pixels are ``beta = S^2 / Q`` with S the sum of the values and Q the sum of
    their squares (Mighell 2005, MNRAS 361, 861, whose effective background area is
    this with a PSF for the image): as many pixels as a flat-topped star of the same S
    and Q would cover. Noise of variance v adds v to the expectation of each square, so
    that a faint star in a large window seems sharper than it is. Where variances are
    known their sum V is taken off both S^2 and Q; what is left of the bias is of
    second order, about beta times the variance of Q over Q^2. Without variances S^2
    and Q are taken as they are.

    The variance of beta is, with g = S / Q, to first order in the noise and exact in
    what the squares themselves add, ``4 g^2 sum(v (1 - g I)^2) - 2 g^4 sum(v^2)``,
    the last term because the values I are themselves noisy; the background's error
    adds ``(2 g (N - beta) sigma)^2`` for N pixels, which is most of it in a wide window.

    Parameters
    ----------
    images : array_like, shape (B, ny, nx)
        Images, background subtracted.
    window : array_like of bool, shape (B, ny, nx) or (ny, nx), optional
        True for the pixels to look at, such as those that an aperture touches; all
        by default.
    bad : array_like of bool, shape (B, ny, nx) or (ny, nx), optional
        True for pixels to leave out.
    variance : array_like, shape (B, ny, nx) or (ny, nx), optional
        Variance of each pixel, independent of each other's. A NaN in a pixel that is
        not left out makes ``beta`` and its error NaN.
    background_err : array_like, shape (B,), optional
        1 sigma of the background that was subtracted; NaN counts as 0.

    Returns
    -------
    StarProfiles
        Without a good pixel, or with a NaN that is not left out, ``beta`` and ``peak``
        are NaN. ``beta`` is NaN, too, where noise outweighs the star: S is not
        positive, or nothing is left of S^2 or Q.

    Raises
    ------
    ValueError
        For arrays whose shapes do not go together.

    Examples
    --------
    A star of 100, 50, 50 has 200^2 / (100^2 + 2 x 50^2) noise pixels:

    >>> import numpy as np
    >>> from nircam_tso.measure.profile import star_profiles
    >>> star_profiles(np.array([[[0, 100, 0], [50, 0, 50]]])).beta.round(4)
    array([2.6667])
    """
    images, bad, variance = check_images(images, bad, variance)
    n = len(images)
    window = check_images(images, window)[1]
    sums, peak, n_good = np.zeros((n, 6)), np.full(n, np.nan), np.zeros(n, np.int64)
    _gather(images, window, bad, variance, sums, peak, n_good)
    total, squares, noise, noise_value, noise_square, noise_noise = sums.T
    signal, power = total**2 - noise, squares - noise
    valid = (total > 0) & (signal > 0) & (power > 0)
    power = np.where(valid, power, np.nan)
    beta = np.where(valid, signal, np.nan) / power
    if len(variance) == 0:
        return StarProfiles(beta, np.full(n, np.nan), peak, n_good)
    g = total / power
    error = 4 * g**2 * (noise - 2 * g * noise_value + g**2 * noise_square) - 2 * g**4 * noise_noise
    if background_err is not None:
        error += (2 * g * (n_good - beta) * np.nan_to_num(background_err)) ** 2
    return StarProfiles(beta, np.sqrt(np.where(error >= 0, error, np.nan)), peak, n_good)


def gaussian_fwhm(
    x_stddev: ArrayLike, y_stddev: ArrayLike, covariance: ArrayLike | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """
    Full width at half maximum of fitted Gaussians: the geometric mean of both axes.

    Parameters
    ----------
    x_stddev, y_stddev : array_like, shape (B,)
        Standard deviations along both axes, in pixels.
    covariance : array_like, shape (B, 2, 2), optional
        Of the two; ``fits.covariance[:, 3:5, 3:5]`` of
        `~nircam_tso.measure.gaussian.GaussianFits`.

    Returns
    -------
    fwhm, error : `~numpy.ndarray` of float64, shape (B,)
        In pixels; NaN where there is no width, the error also without covariance.
        Both are the same if the axes change places.

    Examples
    --------
    >>> from nircam_tso.measure.profile import gaussian_fwhm
    >>> gaussian_fwhm([1.0], [4.0])[0].round(6)
    array([4.70964])
    """
    x_stddev, y_stddev = np.asarray(x_stddev, np.float64), np.asarray(y_stddev, np.float64)
    valid = (x_stddev > 0) & (y_stddev > 0)
    x_stddev, y_stddev = np.where(valid, x_stddev, np.nan), np.where(valid, y_stddev, np.nan)
    fwhm = FWHM_PER_STDDEV * np.sqrt(x_stddev * y_stddev)
    if covariance is None:
        return fwhm, np.full_like(fwhm, np.nan)
    c = np.asarray(covariance, np.float64)
    # The relative variance of a product, a quarter of it for the square root.
    relative = c[:, 0, 0] / x_stddev**2 + c[:, 1, 1] / y_stddev**2 + 2 * c[:, 0, 1] / (x_stddev * y_stddev)
    return fwhm, fwhm / 2 * np.sqrt(np.where(relative >= 0, relative, np.nan))
