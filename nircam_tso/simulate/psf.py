"""Point spread functions: a Gaussian, and the hexagon of light of a weak lens.

The weak-lens image comes from a small Fourier-optics model: a pupil of 18
hexagonal segments with gaps, the central hole and three struts, a wavefront of
some waves of defocus, and the squared modulus of its Fourier transform.
"""

from functools import lru_cache

import numpy as np
from scipy import fft
from scipy.special import erf

__all__ = ["gaussian_images", "gaussian_psf", "segmented_pupil", "weak_lens_psf"]

#: Flat-to-flat width of one segment, and the gap between two, in m
#: (Lightsey et al. 2012, Optical Engineering 51, 011003).
SEGMENT_WIDTH = 1.32
SEGMENT_GAP = 0.007
_STRUT_WIDTH = 0.1
#: The lenses are named by their waves of 2.12 um at the edge of a pupil 6.5 m across.
_PUPIL_RADIUS = 3.25
_LENS_WAVELENGTH = 2.12e-6
# Pupil sampling in m: finer than half a gap for edges and gaps, fine enough for the wavefront.
_FINE_STEP = 0.003
_COARSE_STEP = 0.016
_ARCSEC = np.pi / 180 / 3600


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


def gaussian_images(x, y, shape, *, stddev, theta=0.0, pixel_integrated=False):
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

    Returns
    -------
    `~numpy.ndarray` of float64, shape (b, ny, nx)
    """
    ny, nx = shape
    sx, sy = stddev
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
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


def gaussian_psf(shape, *, stddev=(1.0, 1.0), theta=0.0, position=None, pixel_integrated=False):
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


def segmented_pupil(step, *, subsamples=4):
    """
    Transmission of a pupil of 18 hexagonal segments around a missing one.

    Parameters
    ----------
    step : float
        Distance of two samples, m.
    subsamples : int, optional
        Each sample averages so many points in x and in y, so that edges are soft.

    Returns
    -------
    transmission : `~numpy.ndarray` of float64, shape (n, n)
        Between 0 and 1; n is odd and the middle sample lies on the axis.
    x, y : `~numpy.ndarray`, shape (1, n) and (n, 1)
        Coordinates, m.
    """
    pitch = SEGMENT_WIDTH + SEGMENT_GAP
    half = int(np.ceil(2.6 * pitch / step)) + 1
    axis = (np.arange((2 * half + 1) * subsamples) - (subsamples - 1) / 2) / subsamples - half
    fx, fy = axis[None, :] * step, axis[:, None] * step
    fine = np.zeros((fy.size, fx.size), dtype=bool)
    directions = np.deg2rad([90.0, 30.0, -30.0])
    for q in range(-2, 3):
        for r in range(-2, 3):
            if max(abs(q), abs(r), abs(q + r)) in (1, 2):
                # Two lattice vectors 60 degrees apart, each a flat-to-flat step long.
                cx = pitch * np.cos(np.pi / 6) * (q + r)
                cy = pitch * (q - r) / 2
                columns = slice(*np.searchsorted(fx[0], [cx - pitch, cx + pitch]))
                rows = slice(*np.searchsorted(fy[:, 0], [cy - pitch, cy + pitch]))
                inside = [
                    np.abs((fx[:, columns] - cx) * np.cos(angle) + (fy[rows] - cy) * np.sin(angle)) <= SEGMENT_WIDTH / 2
                    for angle in directions
                ]
                fine[rows, columns] |= inside[0] & inside[1] & inside[2]
    for angle in np.deg2rad([90.0, 240.0, 300.0]):
        along = fx * np.cos(angle) + fy * np.sin(angle)
        across = fx * np.sin(angle) - fy * np.cos(angle)
        fine &= ~((along > 0) & (np.abs(across) <= _STRUT_WIDTH / 2))
    n = 2 * half + 1
    transmission = fine.reshape(n, subsamples, n, subsamples).mean(axis=(1, 3))
    coordinate = np.arange(-half, half + 1) * step
    return transmission, coordinate[None, :], coordinate[:, None]


def weak_lens_psf(shape, *, wavelength=_LENS_WAVELENGTH, waves=8.0, pixel_scale=0.0311, position=None):
    """
    Image of a star through a weak lens, integrated over pixels.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx).
    wavelength : float, optional
        Wavelength, m.
    waves : float, optional
        Defocus, in waves of 2.12e-6 m between the axis and the edge of a pupil 6.5 m
        across; 0 is a focused star. 8 is WLP8, 4 is WLP4.
    pixel_scale : float, optional
        Width of a pixel, arcsec.
    position : tuple of float (x, y), optional
        Where the optical axis falls, zero-based pixels; None is the middle of the array.

    Returns
    -------
    `~numpy.ndarray` of float64, shape (ny, nx)
        Normalised to sum 1 over the array.

    Raises
    ------
    ValueError
        For a wavelength, scale or shape that is not positive.

    Notes
    -----
    Fraunhofer diffraction (Goodman, Introduction to Fourier Optics, chapters 4 and
    6): the image is the squared modulus of the transform of the pupil's complex
    amplitude. Its own transform is confined to twice the pupil, so that multiplying
    that by the pixel's sinc integrates over pixels without error. Light in one
    colour; segments without errors.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.simulate import weak_lens_psf
    >>> psf = weak_lens_psf((192, 192))
    >>> band = psf[:, 81:111].sum(axis=1)
    >>> int((band > np.median(band[68:124]) / 2).sum())
    134
    """
    ny, nx = (int(n) for n in shape)
    for name, value in (("shape", min(ny, nx)), ("wavelength", wavelength), ("pixel_scale", pixel_scale)):
        if not value > 0:
            raise ValueError(f"{name}: {value} is not positive")
    x, y = ((nx - 1) / 2, (ny - 1) / 2) if position is None else position
    return _weak_lens_image(ny, nx, float(wavelength), float(waves), float(pixel_scale), float(x), float(y)).copy()


@lru_cache(maxsize=16)
def _optical_transfer(extent, oversample, wavelength, waves, pixel_scale):
    """Transform of the image, on a grid of ``extent * oversample`` fine pixels in x and y."""
    n = extent * oversample
    # n samples of this step make the image's step one fine pixel.
    step = wavelength * oversample / (n * pixel_scale * _ARCSEC)
    transmission, px, py = segmented_pupil(step, subsamples=int(np.ceil(step / _FINE_STEP)))
    path = waves * _LENS_WAVELENGTH * (px**2 + py**2) / _PUPIL_RADIUS**2
    field = np.zeros((n, n), dtype=np.complex128)
    size = transmission.shape[0]
    field[:size, :size] = transmission * np.exp(2j * np.pi * path / wavelength)
    # Where the pupil lies on the grid is a phase of the field, which the modulus drops.
    intensity = np.abs(fft.fft2(field)) ** 2
    return fft.rfft2(intensity / intensity.sum())


@lru_cache(maxsize=16)
def _weak_lens_image(ny, nx, wavelength, waves, pixel_scale, x, y):
    # The image of a pupil D wide has no detail beyond D / wavelength in its amplitude, twice
    # that in its intensity: two samples for each of these keep all of it.
    pixel = pixel_scale * _ARCSEC
    oversample = max(2, int(np.ceil(2 * 6.8 * pixel / wavelength)))
    # Room for the array, for the blur (its width goes with the defocus), and for the
    # faint wings, which would come back on the other side; a wide grid is a fine pupil.
    blur = 4.2 * abs(waves) * _LENS_WAVELENGTH / _PUPIL_RADIUS / pixel
    room = max(1.25 * max(ny, nx) + 1.5 * blur + 64, wavelength / (pixel * _COARSE_STEP))
    extent = fft.next_fast_len(int(np.ceil(room)), real=True)
    transfer = _optical_transfer(extent, oversample, wavelength, waves, pixel_scale)
    fy = fft.fftfreq(extent * oversample)[:, None]
    fx = fft.rfftfreq(extent * oversample)[None, :]
    # The image's axis is at fine pixel 0; frequencies are per fine pixel, and a pixel's
    # own average is a sinc.
    shifted = transfer * (np.sinc(fy * oversample) * np.sinc(fx * oversample))
    shifted *= np.exp(-2j * np.pi * oversample * fy * y) * np.exp(-2j * np.pi * oversample * fx * x)
    fine = fft.irfft2(shifted, s=(extent * oversample, extent * oversample))
    image = np.ascontiguousarray(fine[: ny * oversample : oversample, : nx * oversample : oversample])
    # Rounding leaves -1e-20 where no light falls, which a Poisson rate may not be.
    np.clip(image, 0, None, out=image)
    return image / image.sum()
