"""What a tilted mirror segment does to the image of a star."""

import re

import numpy as np
from scipy.ndimage import shift as shift_image

from nircam_tso.simulate.weak_lens import (
    ARCSEC,
    DEFOCUS_WAVELENGTH,
    PUPIL_RADIUS,
    SEGMENT_GAP,
    SEGMENT_WIDTH,
    hexagon_distance,
    segment_center,
)

__all__ = ["ghost_part", "ghost_stddev", "moved_patch", "wavelength_of"]

#: Part of the mirror's light that one segment gives.
_SEGMENT_PART = 1 / 18
#: Scatter (rms) of the coordinate across a hexagon, in units of its flat-to-flat width: sqrt(5 / 72).
_HEXAGON_RMS = np.sqrt(5 / 72)
#: Standard deviation of a Gaussian as wide as the core of a segment's own image, in wavelengths over its width.
_CORE = 0.42
#: Pixels over which the edge of a patch fades, about as far as diffraction blurs it.
_SOFT = 2.0
#: Fewer waves of defocus do not part the segments' light.
_LEAST_WAVES = 2.0


def wavelength_of(filter_name):
    """
    Wavelength that the name of a filter tells.

    Parameters
    ----------
    filter_name : str
        Such as F210M.

    Returns
    -------
    float
        m; that of the weak lenses, 2.12e-6, where the name tells none.

    Examples
    --------
    >>> from nircam_tso.simulate.tilt import wavelength_of
    >>> wavelength_of("F210M"), wavelength_of("WLP4")
    (2.1e-06, 2.12e-06)
    """
    found = re.match(r"F(\d{3})", filter_name.upper())
    return round(int(found[1]) * 1e-8, 12) if found else DEFOCUS_WAVELENGTH


def _patch(shape, centre, scale):
    """A soft hexagon of ones around a place in an image."""
    dx = np.arange(shape[1]) - centre[0]
    dy = np.arange(shape[0])[:, None] - centre[1]
    half = (SEGMENT_WIDTH + SEGMENT_GAP) / 2 * abs(scale)
    return np.clip(0.5 - (hexagon_distance(dx, dy) - half) / _SOFT, 0, 1)


def moved_patch(image, origin, tilt, *, waves, pixel_scale):
    """
    A weak lens's image with the light of one segment moved.

    Parameters
    ----------
    image : `~numpy.ndarray`, shape (my, mx)
        Image of the star.
    origin : tuple of float (x, y)
        Where the optical axis falls in it.
    tilt : TiltEvent
        Which segment, and how far its light moves, detector pixels.
    waves : float
        Defocus, waves of 2.12 um at the edge of the pupil.
    pixel_scale : float
        Width of a pixel of ``image``, arcsec.

    Returns
    -------
    `~numpy.ndarray` of float64, shape (my, mx)
        None is lost but at the edges of the image.

    Raises
    ------
    ValueError
        With less than two waves of defocus, which do not part the segments' light.

    Notes
    -----
    A defocus ``waves * 2.12 um * (r / 3.25 m)^2`` sends the light of a place r of the
    pupil to the angle of its gradient: each segment lights a hexagon of its own, which
    its tilt moves as a whole. The patch is moved by linear interpolation, which has no
    negative values. Neighbouring patches interfere where they overlap, which is left out:
    `weak_lens_psf` with ``tilt`` has it.
    """
    if abs(waves) < _LEAST_WAVES:
        raise ValueError(
            f"waves: {waves:g} waves of defocus do not part the segments' light; it takes {_LEAST_WAVES:g}"
        )
    scale = 2 * waves * DEFOCUS_WAVELENGTH / PUPIL_RADIUS**2 / (pixel_scale * ARCSEC)
    centre = [place + scale * at for place, at in zip(origin, segment_center(tilt.segment), strict=True)]
    patch = image * _patch(image.shape, centre, scale)
    return image - patch + shift_image(patch, tilt.shift[::-1], order=1)


def ghost_part(tilt, *, wavelength, pixel_scale):
    """
    Part of a focused star's light that a tilted segment takes out of its core.

    Parameters
    ----------
    tilt : TiltEvent
        How far the segment's light moves, pixels.
    wavelength : float
        m.
    pixel_scale : float
        Width of a pixel, arcsec.

    Returns
    -------
    float
        Up to 1/18: a segment that is tilted far no longer interferes with the others.

    Notes
    -----
    1/18 of ``1 - exp(-p^2)``, the light that a wavefront error p (rms, radians) across
    the segment takes from its part of the core (the Marechal approximation), with
    ``p = 2 pi / wavelength`` times the tilt times the segment's rms width.
    """
    angle = np.hypot(*tilt.shift) * pixel_scale * ARCSEC
    phase = 2 * np.pi / wavelength * angle * _HEXAGON_RMS * SEGMENT_WIDTH
    return float(_SEGMENT_PART * (1 - np.exp(-(phase**2))))


def ghost_stddev(*, wavelength, pixel_scale):
    """
    Width of a single segment's image.

    Parameters
    ----------
    wavelength : float
        m.
    pixel_scale : float
        Width of a pixel, arcsec.

    Returns
    -------
    float
        Standard deviation of a Gaussian of the same core, pixels.
    """
    return _CORE * wavelength / SEGMENT_WIDTH / (pixel_scale * ARCSEC)
