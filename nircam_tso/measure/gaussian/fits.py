"""What callers see of the Gaussian fit: arrays of a block in, numbers and flags out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.measure.gaussian.kernel import fit_block
from nircam_tso.measure.gaussian.model import FWHM_PER_STDDEV, form_from_widths, quadrature_tables

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["GaussianFits", "fit_gaussians"]


@dataclass(frozen=True)
class GaussianFits:
    """
    Gaussians fitted to a block of images.

    All lengths are in pixels, angles in radians; positions are zero-based pixel
    centres of the images that were fitted. A fit that failed is NaN in everything
    but ``status`` and ``iterations``.

    Attributes
    ----------
    amplitude : `~numpy.ndarray`, shape (B,)
        Peak above the background, in the images' unit.
    x, y : `~numpy.ndarray`, shape (B,)
        Centre; always within the image.
    x_stddev, y_stddev : `~numpy.ndarray`, shape (B,)
        Standard deviations along the axis nearer x and along the other one.
    theta : `~numpy.ndarray`, shape (B,)
        Angle of the axis of ``x_stddev``, counterclockwise from x, in (-pi/4, pi/4].
    background : `~numpy.ndarray`, shape (B,)
        The constant; 0 where none was fitted.
    covariance : `~numpy.ndarray`, shape (B, 6, 6) or (B, 7, 7)
        In the order amplitude, x, y, x_stddev, y_stddev, theta and, where it was
        fitted, background. Rows and columns of a fixed theta are 0. In a star that
        is nearly round theta means little and its variance is large; in one that is
        exactly round it means nothing, its variance is infinite and its other
        covariances are 0. The rest of the matrix is not touched by that.
    chi2 : `~numpy.ndarray`, shape (B,)
        Weighted sum of the residuals' squares over the degrees of freedom; NaN
        without weights.
    status : `~numpy.ndarray` of uint32, shape (B,)
        Bits FIT_FAILED, FIT_SUSPECT and CENTER_OUTSIDE of
        `~nircam_tso.quality.QualityFlag`; see `fit_gaussians`.
    iterations : `~numpy.ndarray` of int32, shape (B,)
        Passes over the image's pixels, over all attempts.

    Examples
    --------
    >>> from nircam_tso.measure.gaussian import evaluate_gaussians, fit_gaussians
    >>> fits = fit_gaussians(evaluate_gaussians((21, 25), [100.0, 80.0], 11.3, 9.2, 1.5, 1.1), 12.0, 10.0)
    >>> fits.x_stddev.round(6), fits.covariance.shape
    (array([1.5, 1.5]), (2, 6, 6))
    """

    amplitude: np.ndarray
    x: np.ndarray
    y: np.ndarray
    x_stddev: np.ndarray
    y_stddev: np.ndarray
    theta: np.ndarray
    background: np.ndarray
    covariance: np.ndarray
    chi2: np.ndarray
    status: np.ndarray
    iterations: np.ndarray

    def __len__(self):
        return len(self.amplitude)

    @property
    def amplitude_err(self) -> np.ndarray:
        """1 sigma of ``amplitude``, shape (B,)."""
        return np.sqrt(self.covariance[:, 0, 0])

    @property
    def x_err(self) -> np.ndarray:
        """1 sigma of ``x``, shape (B,)."""
        return np.sqrt(self.covariance[:, 1, 1])

    @property
    def y_err(self) -> np.ndarray:
        """1 sigma of ``y``, shape (B,)."""
        return np.sqrt(self.covariance[:, 2, 2])

    @property
    def x_stddev_err(self) -> np.ndarray:
        """1 sigma of ``x_stddev``, shape (B,)."""
        return np.sqrt(self.covariance[:, 3, 3])

    @property
    def y_stddev_err(self) -> np.ndarray:
        """1 sigma of ``y_stddev``, shape (B,)."""
        return np.sqrt(self.covariance[:, 4, 4])

    @property
    def theta_err(self) -> np.ndarray:
        """1 sigma of ``theta``, shape (B,); above pi/4 or so the angle means nothing."""
        return np.sqrt(self.covariance[:, 5, 5])

    @property
    def background_err(self) -> np.ndarray:
        """1 sigma of ``background``, shape (B,); 0 where none was fitted."""
        if self.covariance.shape[1] == 7:
            return np.sqrt(self.covariance[:, 6, 6])
        return np.where(np.isnan(self.background), np.nan, 0.0)


def _checked_positions(name, value, n):
    positions = np.array(value, dtype=np.float64)
    if positions.ndim == 0:
        positions = np.full(n, positions)
    if positions.shape != (n,):
        raise ValueError(f"{name}: has shape {positions.shape}; give one number for each of the {n} stamps")
    return positions


def _checked_weights(weights, shape):
    if weights is None:
        return np.ones((1, *shape[1:]))
    weights = np.ascontiguousarray(weights, dtype=np.float64)
    if weights.shape == shape[1:]:
        return weights[None]
    if weights.shape != shape:
        raise ValueError(f"weights: have shape {weights.shape}; give {shape[1:]} or {shape}")
    return weights


def _normalised_angle(theta):
    """The same axes by the angle in (-pi/4, pi/4] of the one nearer x."""
    return theta - math.pi / 2 * math.ceil(theta / (math.pi / 2) - 0.5)


def fit_gaussians(
    stamps: ArrayLike,
    x0: ArrayLike,
    y0: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    sandwich: bool = False,
    bad: ArrayLike | None = None,
    fwhm0: float = 2.0,
    pixel_integrated: bool = False,
    fit_background: bool = False,
    theta: float | None = None,
    shape0: tuple[float, float, float] | None = None,
    max_iterations: int = 50,
) -> GaussianFits:
    """
    Fit an elliptical Gaussian to each image of a block, by least squares.

    The model is ``amplitude * exp(-(a dx**2 + 2 b dx dy + c dy**2) / 2)``, plus a
    constant with ``fit_background``; (a, b, c) is reported as two widths and an
    angle in the sense of astropy's ``Gaussian2D``. Each image is fitted by itself, so
    that no result depends on the block that it came in.

    Parameters
    ----------
    stamps : array_like, shape (B, ny, nx)
        The images, without sky unless ``fit_background``.
    x0, y0 : float or array_like, shape (B,)
        Where each star is sought, in pixels of its image. A position outside the
        image is moved to its edge, NaN to its middle.
    weights : array_like, shape (ny, nx) or (B, ny, nx), optional
        Inverse variances of the pixels. They should come from a smooth model: the
        noise of the same image biases them. A pixel whose weight is not positive
        and finite is left out.
    sandwich : bool, optional
        Whether covariances allow for stars that are no Gaussians, see Returns. Values
        and ``status`` do not depend on it.
    bad : array_like of bool, shape (B, ny, nx) or (ny, nx), optional
        Pixels to leave out. Those whose value is not finite are, anyway.
    fwhm0 : float, optional
        Expected full width at half maximum in pixels. It need not be right: widths
        from half of it to the image's size are tried.
    pixel_integrated : bool, optional
        Fit the mean over each pixel rather than the value at its centre; widths are
        then those of the light before the pixels broadened it.
    fit_background : bool, optional
        Fit a constant, too.
    theta : float, optional
        Angle of the axes, radians, if it is known. It is reported as that of the axis
        nearer x.
    shape0 : (float, float, float), optional
        What the stars look like: two widths (pixels) and the angle (radians). The first
        start then has this shape, and ``fwhm0`` serves only those that cannot be trusted from there.
    max_iterations : int, optional
        Largest number of passes over the pixels; stars that cannot be trusted at
        first are tried from up to three or four more starts, each with as many.

    Returns
    -------
    GaussianFits
        With weights, covariances are the inverse of J^T W J; without, they are scaled
        by the variance of the residuals (as those of astropy's fitters). Both hold
        where the model does. With ``sandwich`` they are H^-1 (J^T W J) H^-1, where H is
        J^T W J less the residuals times the model's second derivatives: the scatter
        that noise of variance 1/W gives the parameters whatever the star is like, as
        long as the weights are right. ``status`` has

        - FIT_FAILED: no minimum found, it is singular, or no more good pixels than
          parameters;
        - FIT_FAILED and CENTER_OUTSIDE: the minimum lies outside the image;
        - FIT_SUSPECT: a minimum that may be no star. Its amplitude is not positive or
          is below 3 of its errors; chi2 drops by less than 35 noise variances; a width is
          below 0.3 pixels (0.2 with ``pixel_integrated``) or above half of the
          image's longer side; the widths' ratio is above 3; or the centre is
          further than half an image, or than 3 of the star's own widths, from (x0, y0).

    Raises
    ------
    ValueError
        For shapes that do not agree, or a setting out of its range.

    Notes
    -----
    Levenberg-Marquardt steps until they are short, then Newton steps with all second
    derivatives until they are below 1e-7 of the parameters' scales (what is left is
    of the order of the square). Errors and the degeneracies of a
    round star: Condon 1997, PASP 109, 166. Covariances of a model that does not hold:
    White 1982, Econometrica 50, 1.

    Examples
    --------
    >>> from nircam_tso.measure.gaussian import evaluate_gaussians, fit_gaussians
    >>> stars = evaluate_gaussians((21, 25), [100.0, 80.0], [11.3, 14.0], 9.2, 1.5, 1.1, 0.3)
    >>> fits = fit_gaussians(stars, 12.0, 10.0)
    >>> [round(float(x), 6) for x in fits.x], round(float(fits.theta[0]), 6)
    ([11.3, 14.0], 0.3)
    >>> fits.status
    array([0, 0], dtype=uint32)
    """
    stamps = np.ascontiguousarray(stamps, dtype=np.float64)
    if stamps.ndim != 3 or min(stamps.shape[1:]) < 1:
        raise ValueError(f"stamps: have shape {stamps.shape}; give (B, ny, nx)")
    n, ny, nx = stamps.shape
    x0 = _checked_positions("x0", x0, n)
    y0 = _checked_positions("y0", y0, n)
    weighted = weights is not None
    weights = _checked_weights(weights, stamps.shape)
    if bad is None:
        bad = np.zeros((n, 0, 0), dtype=bool)
    else:
        bad = np.asarray(bad, dtype=bool)
        if bad.shape not in ((ny, nx), stamps.shape):
            raise ValueError(f"bad: has shape {bad.shape}; give {(ny, nx)} or {stamps.shape}")
        bad = np.ascontiguousarray(np.broadcast_to(bad, stamps.shape))
    if not 0 < fwhm0 < math.inf:
        raise ValueError(f"fwhm0: {fwhm0!r} pixels is no width; give a positive number")
    if theta is not None and not math.isfinite(theta):
        raise ValueError(f"theta: {theta!r} is no angle; give radians, or None to fit it")
    if shape0 is not None and not (len(shape0) == 3 and np.isfinite(shape0).all() and min(shape0[:2]) > 0):
        raise ValueError(f"shape0: {shape0!r} is no shape of a star; give two positive widths and an angle")
    if max_iterations != int(max_iterations) or max_iterations < 1:
        raise ValueError(f"max_iterations: {max_iterations!r} is no number of passes; give 1 or more")
    values = np.empty((n, 7))
    covariance = np.empty((n, 7, 7))
    chi2 = np.empty(n)
    status = np.empty(n, dtype=np.uint32)
    iterations = np.empty(n, dtype=np.int32)
    fit_block(
        stamps,
        weights,
        weighted,
        bool(sandwich),
        bad,
        x0,
        y0,
        float(fwhm0) / FWHM_PER_STDDEV,
        np.full(3, np.nan) if shape0 is None else np.array(form_from_widths(*map(float, shape0))),
        bool(pixel_integrated),
        bool(fit_background),
        theta is not None,
        0.0 if theta is None else _normalised_angle(float(theta)),
        int(max_iterations),
        *quadrature_tables(),
        values,
        covariance,
        chi2,
        status,
        iterations,
    )
    size = 7 if fit_background else 6
    columns = (np.ascontiguousarray(column) for column in values.T)
    return GaussianFits(*columns, np.ascontiguousarray(covariance[:, :size, :size]), chi2, status, iterations)
