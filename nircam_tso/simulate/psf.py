"""Point spread functions: a Gaussian, and the hexagon of light of a weak lens.

The weak-lens image comes from a small Fourier-optics model: a pupil of 18
hexagonal segments with gaps, the central hole and three struts, a wavefront of
some waves of defocus, and the squared modulus of its Fourier transform.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import fft
from scipy.special import erf

__all__ = ["gaussian_images", "gaussian_psf", "pixel_response", "segment_centre", "segmented_pupil", "weak_lens_psf"]

#: Flat-to-flat width of one segment, and the gap between two, in m
#: (Lightsey et al. 2012, Optical Engineering 51, 011003).
SEGMENT_WIDTH = 1.32
SEGMENT_GAP = 0.007
_STRUT_WIDTH = 0.1
#: The lenses are named by their waves of 2.12 um at the edge of a pupil 6.5 m across.
PUPIL_RADIUS = 3.25
DEFOCUS_WAVELENGTH = 2.12e-6
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
    >>> from nircam_tso.simulate.psf import pixel_response
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


def segmented_pupil(step: float, *, subsamples: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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

    Examples
    --------
    >>> from nircam_tso.simulate import segmented_pupil
    >>> transmission, x, y = segmented_pupil(0.05)
    >>> n = len(transmission)
    >>> float(transmission[n // 2, n // 2]), float(transmission.max())
    (0.0, 1.0)
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


def segment_centre(name):
    """
    Centre of a segment in the pupil.

    Parameters
    ----------
    name : str
        A1 to A6, B1 to B6 or C1 to C6, counted from +y towards +x.

    Returns
    -------
    tuple of float
        (x, y), m.

    Examples
    --------
    >>> from nircam_tso.simulate.psf import segment_centre
    >>> x, y = segment_centre("A2")
    >>> round(x, 3), round(y, 3)
    (1.149, 0.664)
    """
    pitch = SEGMENT_WIDTH + SEGMENT_GAP
    distance = {"A": pitch, "B": 2 * pitch, "C": np.sqrt(3) * pitch}[name[0]]
    angle = np.deg2rad(60 * (int(name[1]) - 1) + (30 if name[0] == "C" else 0))
    return float(distance * np.sin(angle)), float(distance * np.cos(angle))


def weak_lens_psf(
    shape: tuple[int, int],
    *,
    wavelength: float = DEFOCUS_WAVELENGTH,
    waves: float = 8.0,
    pixel_scale: float = 0.0311,
    position: tuple[float, float] | None = None,
    tilt: tuple[str, float, float] | None = None,
) -> np.ndarray:
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
    tilt : tuple of (str, float, float), optional
        A segment of the mirror (A1 to C6, see `TiltEvent`) that is tilted, and the way
        (dx, dy) that its own light goes, pixels.

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
    if tilt is not None:
        segment, *shift = tilt
        tilt = (segment, *(float(way) for way in shift))
    optics = (float(wavelength), float(waves), float(pixel_scale), tilt)
    return _weak_lens_image(ny, nx, optics, float(x), float(y)).copy()


@lru_cache(maxsize=16)
def _optical_transfer(extent, oversample, wavelength, waves, pixel_scale, tilt):
    """Transform of the image, on a grid of ``extent * oversample`` fine pixels in x and y."""
    n = extent * oversample
    # n samples of this step make the image's step one fine pixel.
    step = wavelength * oversample / (n * pixel_scale * _ARCSEC)
    transmission, px, py = segmented_pupil(step, subsamples=int(np.ceil(step / _FINE_STEP)))
    path = waves * DEFOCUS_WAVELENGTH * (px**2 + py**2) / PUPIL_RADIUS**2
    if tilt is not None:
        segment, dx, dy = tilt
        ux, uy = px - segment_centre(segment)[0], py - segment_centre(segment)[1]
        own = np.ones(transmission.shape, dtype=bool)
        for angle in np.deg2rad([90.0, 30.0, -30.0]):
            own &= np.abs(ux * np.cos(angle) + uy * np.sin(angle)) <= (SEGMENT_WIDTH + SEGMENT_GAP) / 2
        path = path + own * (dx * ux + dy * uy) * pixel_scale * _ARCSEC
    field = np.zeros((n, n), dtype=np.complex128)
    size = transmission.shape[0]
    field[:size, :size] = transmission * np.exp(2j * np.pi * path / wavelength)
    # Where the pupil lies on the grid is a phase of the field, which the modulus drops.
    intensity = np.abs(fft.fft2(field)) ** 2
    return fft.rfft2(intensity / intensity.sum())


@lru_cache(maxsize=16)
def _weak_lens_image(ny, nx, optics, x, y):
    wavelength, waves, pixel_scale, _ = optics
    # The image of a pupil D wide has no detail beyond D / wavelength in its amplitude, twice
    # that in its intensity: two samples for each of these keep all of it.
    pixel = pixel_scale * _ARCSEC
    oversample = max(2, int(np.ceil(2 * 6.8 * pixel / wavelength)))
    # Room for the array, for the blur (its width goes with the defocus), and for the
    # faint wings, which would come back on the other side; a wide grid is a fine pupil.
    blur = 4.2 * abs(waves) * DEFOCUS_WAVELENGTH / PUPIL_RADIUS / pixel
    room = max(1.25 * max(ny, nx) + 1.5 * blur + 64, wavelength / (pixel * _COARSE_STEP))
    extent = fft.next_fast_len(int(np.ceil(room)), real=True)
    transfer = _optical_transfer(extent, oversample, *optics)
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
