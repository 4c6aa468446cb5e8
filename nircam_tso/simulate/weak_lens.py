"""The hexagon of light of a weak lens, and the segments of the mirror that it is made of.

The image comes from a small Fourier-optics model: a pupil of 18 hexagonal segments with
gaps, the central hole and three struts, a wavefront of some waves of defocus, and the
squared modulus of its Fourier transform.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import fft

__all__ = [
    "ARCSEC",
    "DEFOCUS_WAVELENGTH",
    "PUPIL_RADIUS",
    "SEGMENT_GAP",
    "SEGMENT_WIDTH",
    "hexagon_distance",
    "segment_center",
    "segmented_pupil",
    "weak_lens_psf",
]

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
#: One second of arc, radians.
ARCSEC = np.pi / 180 / 3600
#: Directions of the normals to the sides of a segment, radians.
_NORMALS = np.deg2rad([90.0, 30.0, -30.0])


def hexagon_distance(x, y):
    """
    Distance from the middle of a segment, measured as a hexagon's sides lie.

    Parameters
    ----------
    x, y : `~numpy.ndarray`
        Places, of shapes that broadcast.

    Returns
    -------
    `~numpy.ndarray` of float64
        Half the flat-to-flat width of the upright hexagon through each place.

    Examples
    --------
    >>> from nircam_tso.simulate.weak_lens import hexagon_distance
    >>> [round(float(hexagon_distance(x, y)), 4) for x, y in ((0.0, 1.0), (1.0, 0.0), (0.0, -2.0))]
    [1.0, 0.866, 2.0]
    """
    return np.max([np.abs(x * np.cos(angle) + y * np.sin(angle)) for angle in _NORMALS], axis=0)


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
    for q in range(-2, 3):
        for r in range(-2, 3):
            if max(abs(q), abs(r), abs(q + r)) in (1, 2):
                # Two lattice vectors 60 degrees apart, each a flat-to-flat step long.
                cx = pitch * np.cos(np.pi / 6) * (q + r)
                cy = pitch * (q - r) / 2
                columns = slice(*np.searchsorted(fx[0], [cx - pitch, cx + pitch]))
                rows = slice(*np.searchsorted(fy[:, 0], [cy - pitch, cy + pitch]))
                fine[rows, columns] |= hexagon_distance(fx[:, columns] - cx, fy[rows] - cy) <= SEGMENT_WIDTH / 2
    for angle in np.deg2rad([90.0, 240.0, 300.0]):
        along = fx * np.cos(angle) + fy * np.sin(angle)
        across = fx * np.sin(angle) - fy * np.cos(angle)
        fine &= ~((along > 0) & (np.abs(across) <= _STRUT_WIDTH / 2))
    n = 2 * half + 1
    transmission = fine.reshape(n, subsamples, n, subsamples).mean(axis=(1, 3))
    coordinate = np.arange(-half, half + 1) * step
    return transmission, coordinate[None, :], coordinate[:, None]


def segment_center(name):
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
    >>> from nircam_tso.simulate.weak_lens import segment_center
    >>> x, y = segment_center("A2")
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
    step = wavelength * oversample / (n * pixel_scale * ARCSEC)
    transmission, px, py = segmented_pupil(step, subsamples=int(np.ceil(step / _FINE_STEP)))
    path = waves * DEFOCUS_WAVELENGTH * (px**2 + py**2) / PUPIL_RADIUS**2
    if tilt is not None:
        segment, dx, dy = tilt
        ux, uy = px - segment_center(segment)[0], py - segment_center(segment)[1]
        own = hexagon_distance(ux, uy) <= (SEGMENT_WIDTH + SEGMENT_GAP) / 2
        path = path + own * (dx * ux + dy * uy) * pixel_scale * ARCSEC
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
    pixel = pixel_scale * ARCSEC
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
