"""The Gaussian itself: its parameters, images of it, and how to integrate it over pixels.

Throughout, a Gaussian is ``amplitude * exp(-(a dx**2 + 2 b dx dy + c dy**2) / 2)``
with ``dx`` and ``dy`` counted from its centre; (a, b, c) is the inverse of the
covariance matrix of its shape. Unlike two widths and an angle, these coefficients
keep their meaning in a round star.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from nircam_tso.measure.gaussian.sums import fill_row

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = [
    "FWHM_PER_STDDEV",
    "PARAMETERS",
    "evaluate_gaussians",
    "form_from_widths",
    "quadrature_order",
    "quadrature_tables",
]

#: Order of the parameters in values and covariances.
PARAMETERS = ("amplitude", "x", "y", "x_stddev", "y_stddev", "theta", "background")

#: Full width at half maximum of a Gaussian of unit standard deviation.
FWHM_PER_STDDEV = 2.0 * math.sqrt(2.0 * math.log(2.0))

# exp(-40) is 4e-18: beyond this exponent a pixel is nothing to a double of the amplitude's size.
_FARTHEST_EXPONENT = 40.0
# Narrowest Gaussian (sigma along its minor axis, in pixels) for which Gauss-Legendre quadrature of
# 3, 4, 5 ... points an axis gives the mean over a pixel to 3e-11 of the amplitude, wherever in the
# pixel the centre lies (found against the error function).
_NARROWEST = (8.0, 2.6, 1.3, 0.8, 0.56, 0.42, 0.34, 0.28, 0.24, 0.21, 0.18, 0.161)
_LEAST_ORDER = 3
_LARGEST_ORDER = _LEAST_ORDER + len(_NARROWEST)


@cache
def quadrature_tables():
    """
    Gauss-Legendre rules over one pixel, of every order that is used.

    Returns
    -------
    nodes, weights : `~numpy.ndarray`, shape (16, 16)
        Row ``n`` holds the ``n`` nodes, between -0.5 and 0.5, and their weights, of
        sum 1. Row 1 is the pixel's centre: the sampled model. Read-only, and always the
        same, because every fit asks for them.
    """
    size = _LARGEST_ORDER + 1
    nodes = np.zeros((size, size))
    weights = np.zeros((size, size))
    for order in range(1, size):
        nodes[order, :order], weights[order, :order] = np.polynomial.legendre.leggauss(order)
    tables = (nodes / 2, weights / 2)
    for table in tables:
        table.flags.writeable = False
    return tables


@njit(cache=True, nogil=True)
def quadrature_order(a, b, c):
    """
    Points an axis that integrate a Gaussian over pixels to 3e-11 of its amplitude.

    Parameters
    ----------
    a, b, c : float
        The quadratic form, in 1/pixel**2.

    Returns
    -------
    int
        Between 3 and 15; the precision is met for widths of 0.161 pixels or more.
    """
    narrowest = 1 / math.sqrt((a + c) / 2 + math.hypot((a - c) / 2, b))
    for k in range(len(_NARROWEST)):
        if narrowest >= _NARROWEST[k]:
            return _LEAST_ORDER + k
    return _LARGEST_ORDER


@njit(cache=True, nogil=True)
def form_from_widths(x_stddev, y_stddev, theta):
    """
    The quadratic form of widths and an angle.

    Parameters
    ----------
    x_stddev, y_stddev : float
        Standard deviations along the axes, in pixels.
    theta : float
        Angle of the first axis, counterclockwise from x, in radians.

    Returns
    -------
    a, b, c : float
        In 1/pixel**2.
    """
    u = 1 / x_stddev**2
    v = 1 / y_stddev**2
    cosine = math.cos(theta)
    sine = math.sin(theta)
    return cosine**2 * u + sine**2 * v, sine * cosine * (u - v), sine**2 * u + cosine**2 * v


@njit(cache=True, nogil=True)
def _evaluate(images, p, integrated, nodes, node_weights):
    n, ny, nx = images.shape
    row = np.empty(nx)
    for s in range(n):
        amplitude, x, y, background = p[s, 0], p[s, 1], p[s, 2], p[s, 6]
        a, b, c = form_from_widths(p[s, 3], p[s, 4], p[s, 5])
        if not integrated:
            decay = math.exp(-a)
            for j in range(ny):
                row[:] = 0.0
                fill_row(row, -x, j - y, a, b, c, decay, _FARTHEST_EXPONENT)
                for i in range(nx):
                    images[s, j, i] = background + amplitude * row[i]
            continue
        order = quadrature_order(a, b, c)
        for j in range(ny):
            for i in range(nx):
                total = 0.0
                for m in range(order):
                    dy = j + nodes[order, m] - y
                    part = 0.0
                    for k in range(order):
                        dx = i + nodes[order, k] - x
                        exponent = a * dx * dx + 2 * b * dx * dy + c * dy * dy
                        part += node_weights[order, k] * math.exp(-0.5 * exponent)
                    total += node_weights[order, m] * part
                images[s, j, i] = background + amplitude * total


def evaluate_gaussians(
    shape: tuple[int, int],
    amplitude: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    x_stddev: ArrayLike,
    y_stddev: ArrayLike,
    theta: ArrayLike = 0.0,
    background: ArrayLike = 0.0,
    *,
    pixel_integrated: bool = False,
) -> np.ndarray:
    """
    Images of elliptical Gaussians, one for each set of parameters.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx) of each image.
    amplitude : float or array_like, shape (B,)
        Peak value above the background; with ``pixel_integrated`` that of the
        underlying Gaussian, which no pixel quite reaches.
    x, y : float or array_like, shape (B,)
        Centre, in pixels, (0, 0) being the centre of the first pixel.
    x_stddev, y_stddev : float or array_like, shape (B,)
        Standard deviations in pixels, positive.
    theta : float or array_like, shape (B,), optional
        Angle of the axis of ``x_stddev``, counterclockwise from x, in radians (as in
        astropy's ``Gaussian2D``).
    background : float or array_like, shape (B,), optional
        A constant to add.
    pixel_integrated : bool, optional
        The mean over each pixel (to 1e-10 of the amplitude for widths from 0.161
        pixels on) instead of the value at its centre.

    Returns
    -------
    `~numpy.ndarray` of float64, shape (B, ny, nx)
        NaN throughout where a parameter is NaN or a width is not positive.

    Raises
    ------
    ValueError
        For a shape that is none, or parameters that do not broadcast to (B,).

    Examples
    --------
    >>> from nircam_tso.measure.gaussian import evaluate_gaussians
    >>> images = evaluate_gaussians((5, 7), [1.0, 2.0], 4.0, 1.0, 1.5, 0.8)
    >>> images.shape, float(images[1, 1, 4])
    ((2, 5, 7), 2.0)
    """
    if len(shape) != 2 or min(shape) < 1:
        raise ValueError(f"shape: {shape!r} is no image shape; give (ny, nx)")
    given = (amplitude, x, y, x_stddev, y_stddev, theta, background)
    try:
        columns = np.broadcast_arrays(*(np.atleast_1d(np.asarray(value, dtype=np.float64)) for value in given))
    except ValueError:
        lengths = ", ".join(f"{name} {np.shape(value)}" for name, value in zip(PARAMETERS, given, strict=True))
        raise ValueError(f"parameters: shapes differ ({lengths}); give numbers or arrays of one length") from None
    if columns[0].ndim != 1:
        raise ValueError(f"parameters: have {columns[0].ndim} dimensions; give numbers or arrays of shape (B,)")
    parameters = np.stack(columns, axis=1)
    images = np.full((len(parameters), int(shape[0]), int(shape[1])), np.nan)
    usable = np.isfinite(parameters).all(axis=1) & (parameters[:, 3] > 0) & (parameters[:, 4] > 0)
    drawn = np.empty((int(usable.sum()), *images.shape[1:]))
    _evaluate(drawn, parameters[usable], bool(pixel_integrated), *quadrature_tables())
    images[usable] = drawn
    return images
