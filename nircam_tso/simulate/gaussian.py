"""Images of a Gaussian star, sampled at the pixels' centres or integrated over pixels."""

from __future__ import annotations

import numpy as np
from scipy.special import erf

__all__ = ["gaussian_images", "gaussian_psf", "pixel_response"]


def _axes_form(x_stddev, y_stddev, theta):
    """Coefficients a, b, c of exp(-(a x^2 + 2 b x y + c y^2)), as in astropy's Gaussian2D."""
    angle = np.deg2rad(theta)
    cosine, sine = np.cos(angle), np.sin(angle)
    a = cosine**2 / (2 * x_stddev**2) + sine**2 / (2 * y_stddev**2)
    b = sine * cosine * (1 / (2 * x_stddev**2) - 1 / (2 * y_stddev**2))
    c = sine**2 / (2 * x_stddev**2) + cosine**2 / (2 * y_stddev**2)
    return a, b, c


def _pixel_edges_integral(center, sigma, n):
    """Integral of a unit Gaussian over n pixels in a row, shape (..., n)."""
    edges = (np.arange(n + 1) - 0.5 - center[..., None]) / (np.sqrt(2) * sigma)
    return np.diff(erf(edges), axis=-1) / 2


def pixel_response(edges, intra_pixel):
    """
    Mean response of parts of a pixel along one axis.

    Parameters
    ----------
    edges : array_like, shape (n + 1,)
        Edges of the parts, pixels from the middle of the pixel.
    intra_pixel : float
        How much less the pixel responds at its edge than in its middle.

    Returns
    -------
    `~numpy.ndarray` of float64, shape (n,)
        Means of ``1 + a (1/3 - 4 u^2)``, of mean 1 over the pixel.

    Examples
    --------
    >>> from nircam_tso.simulate.gaussian import pixel_response
    >>> pixel_response([-0.5, -0.25, 0.0, 0.25, 0.5], 0.1).round(4)
    array([0.975, 1.025, 1.025, 0.975])
    """
    low, high = np.asarray(edges, dtype=np.float64)[:-1], np.asarray(edges, dtype=np.float64)[1:]
    return 1 + intra_pixel * (1 - 4 * (low**2 + low * high + high**2)) / 3


def gaussian_images(x, y, shape, *, stddev, theta=0.0, pixel_integrated=False, intra_pixel=0.0):
    """
    Gaussian stars of unit flux, one image for each position.

    Parameters
    ----------
    x, y : `~numpy.ndarray`, shape (b,)
        Centres, zero-based pixels.
    shape : tuple of int
        (ny, nx) of one image.
    stddev : tuple of float
        Widths along the star's own axes, pixels.
    theta : float, optional
        Angle of the first axis from x towards y, degrees.
    pixel_integrated : bool, optional
        Integrate over each pixel; otherwise the value at its centre.
    intra_pixel : float, optional
        How much less a pixel responds at the middle of its edge than at its centre, for
        `pixel_response`; goes with ``pixel_integrated``.

    Returns
    -------
    `~numpy.ndarray` of float64, shape (b, ny, nx)
    """
    ny, nx = shape
    sx, sy = stddev
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if intra_pixel:
        return _uneven_pixels(x, y, shape, (sx, sy), theta, intra_pixel)
    a, b, c = _axes_form(sx, sy, theta)
    if pixel_integrated and b == 0:
        # theta is 0 (or sx equals sy): the image is a product of two rows.
        along_y = _pixel_edges_integral(y, 1 / np.sqrt(2 * c), ny)
        along_x = _pixel_edges_integral(x, 1 / np.sqrt(2 * a), nx)
        return along_y[:, :, None] * along_x[:, None, :]
    if not pixel_integrated:
        dx = np.arange(nx) - x[:, None, None]
        dy = np.arange(ny)[:, None] - y[:, None, None]
        norm = 2 * np.pi * sx * sy
        if b == 0:
            return np.exp(-c * dy**2) / norm * np.exp(-a * dx**2)
        return np.exp(-(a * dx**2 + 2 * b * dx * dy + c * dy**2)) / norm
    # A tilted Gaussian is exact in x at fixed y (a Gaussian whose mean slides), and
    # Gauss-Legendre over the pixel's height converges to rounding with 16 nodes for
    # widths above 0.3 px.
    nodes, weights = np.polynomial.legendre.leggauss(16)
    images = np.zeros((x.size, ny, nx))
    marginal = c - b**2 / a
    for node, weight in zip(nodes, weights, strict=True):
        dy = np.arange(ny) + node / 2 - y[:, None]
        across = np.sqrt(marginal / np.pi) * np.exp(-marginal * dy**2)
        along = _pixel_edges_integral(x[:, None] - b / a * dy, 1 / np.sqrt(2 * a), nx)
        images += weight / 2 * across[:, :, None] * along
    return images


def _uneven_pixels(x, y, shape, stddev, theta, intra_pixel):
    """Gaussians integrated over pixels whose response falls towards their edges."""
    # 12 nodes an axis integrate a Gaussian of width 0.3 px to 1e-9.
    nodes, weights = np.polynomial.legendre.leggauss(12)
    weights = weights / 2 * (1 + intra_pixel * (1 / 3 - nodes**2))
    images = np.zeros((x.size, *shape))
    for v, along_y in zip(nodes / 2, weights, strict=True):
        for u, along_x in zip(nodes / 2, weights, strict=True):
            images += along_y * along_x * gaussian_images(x - u, y - v, shape, stddev=stddev, theta=theta)
    return images


def gaussian_psf(
    shape: tuple[int, int],
    *,
    stddev: float | tuple[float, float] = (1.0, 1.0),
    theta: float = 0.0,
    position: tuple[float, float] | None = None,
    pixel_integrated: bool = False,
) -> np.ndarray:
    """
    One Gaussian star, normalised to sum 1.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx).
    stddev : float or tuple of float, optional
        Widths along the star's own axes, pixels.
    theta : float, optional
        Angle of the first axis from x towards y, degrees.
    position : tuple of float (x, y), optional
        Centre, zero-based pixels; None is the middle of the array.
    pixel_integrated : bool, optional
        Integrate over each pixel; otherwise the value at its centre.

    Returns
    -------
    `~numpy.ndarray` of float64, shape (ny, nx)

    Examples
    --------
    >>> from nircam_tso.simulate import gaussian_psf
    >>> psf = gaussian_psf((9, 11), stddev=(1.2, 0.8), theta=30.0)
    >>> psf.shape, round(float(psf.sum()), 12)
    ((9, 11), 1.0)
    """
    ny, nx = shape
    sx, sy = np.broadcast_to(np.asarray(stddev, dtype=np.float64), 2)
    if not (sx > 0 and sy > 0):
        raise ValueError(f"stddev: {stddev} is no pair of widths; give positive pixels")
    x, y = ((nx - 1) / 2, (ny - 1) / 2) if position is None else position
    image = gaussian_images(
        np.array([x]), np.array([y]), (ny, nx), stddev=(sx, sy), theta=theta, pixel_integrated=pixel_integrated
    )[0]
    return image / image.sum()
