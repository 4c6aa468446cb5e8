"""Where the star is, before anything is measured."""

import warnings

import numpy as np

from nircam_tso.exceptions import InputFileError
from nircam_tso.measure.medians import MAD_TO_SIGMA

__all__ = ["brightest_spot", "light_centre", "start_position"]

#: Side of the square in which a header's position is refined, in pixels.
SEARCH_SIZE = 41


def start_position(position, exposure):
    """
    Position that the settings or the header promise.

    Parameters
    ----------
    position : None, (float, float), `~astropy.coordinates.SkyCoord` or "brightest"
        As in the settings.
    exposure : `~nircam_tso.io.exposure.Exposure`
        What will be measured.

    Returns
    -------
    (x, y) : tuple of float or None
        None for "brightest", which needs pixels.
    how : str
        Where it comes from: "user", "XREF_SCI, YREF_SCI", "WCS", "frame" or "brightest".

    Raises
    ------
    ValueError
        If the position lies outside the frame.
    """
    ny, nx = exposure.shape
    if isinstance(position, str):
        return None, "brightest"
    if position is None:
        return _from_header(exposure)
    if isinstance(position, tuple):
        x, y = position
        what = f"({x:g}, {y:g})"
        how = "user"
    else:
        x, y = _through_wcs(exposure.header, position)
        what = f"{position.icrs.to_string('decimal')} deg, which is ({x:.1f}, {y:.1f})"
        how = "WCS"
    if not _inside(x, y, exposure.shape):
        raise ValueError(
            f"position: {what} lies outside the frame of {ny} x {nx} pixels (y, x); "
            "give (x, y), zero-based, in the frame that you hand over"
        )
    return (float(x), float(y)), how


def _inside(x, y, shape):
    return -0.5 <= x <= shape[1] - 0.5 and -0.5 <= y <= shape[0] - 0.5


def _from_header(exposure):
    header, (ny, nx) = exposure.header, exposure.shape
    if exposure.kind.startswith("jwst"):
        reference = (header.get("XREF_SCI"), header.get("YREF_SCI"))
        if all(isinstance(value, int | float) for value in reference):
            x, y = reference[0] - 1.0, reference[1] - 1.0
            # A cutout keeps the reference point of the frame that it was cut from.
            size = (header.get("SUBSIZE2", ny), header.get("SUBSIZE1", nx))
            if size == (ny, nx) and _inside(x, y, exposure.shape):
                return (x, y), "XREF_SCI, YREF_SCI"
        target = (header.get("TARG_RA"), header.get("TARG_DEC"))
        if all(isinstance(value, int | float) for value in target):
            from astropy.coordinates import SkyCoord

            try:
                x, y = _through_wcs(header, SkyCoord(*target, unit="deg"))
            except ValueError:
                x = y = np.nan
            if _inside(x, y, exposure.shape):
                return (float(x), float(y)), "WCS"
    return ((nx - 1) / 2, (ny - 1) / 2), "frame"


def _through_wcs(header, coordinate):
    from astropy.wcs import WCS, FITSFixedWarning

    with warnings.catch_warnings():
        # Observation dates and observer positions that it rewrites do not concern pixels.
        warnings.simplefilter("ignore", FITSFixedWarning)
        try:
            wcs = WCS(header, naxis=2)
        except Exception as error:
            what = " ".join(str(error).split())
            raise ValueError(f"position: the header's WCS cannot be used ({what}); give (x, y)") from None
        if not wcs.has_celestial:
            raise ValueError("position: a SkyCoord needs a header with a celestial WCS; give (x, y)")
        # A target far from the field has no pixel; that is told below, in our own words.
        warnings.simplefilter("ignore")
        x, y = wcs.celestial.world_to_pixel(coordinate)
    return float(x), float(y)


def brightest_spot(image, good, center=None):
    """
    The brightest spot of an image, smoothed by 3 px.

    Parameters
    ----------
    image : `~numpy.ndarray`, shape (ny, nx)
        Image.
    good : `~numpy.ndarray` of bool, shape (ny, nx)
        Pixels to use.
    center : (float, float), optional
        (x, y) of the middle of the square, 41 pixels wide, in which to look; everywhere if None.

    Returns
    -------
    (x, y) : tuple of float
        Centre of the brightest pixel of the smoothed image; ``center`` itself where
        nothing stands out by 5 times the scatter.

    Raises
    ------
    InputFileError
        If there is no good pixel to look at, and no ``center`` to keep to.
    """
    from scipy.ndimage import gaussian_filter

    sigma = 3.0 / np.sqrt(8 * np.log(2))
    good = good & np.isfinite(image)
    if not good.any():
        if center is not None:
            # The rows will say one by one that they hold nothing.
            return center
        raise InputFileError("position: there is no good pixel in which to look for the star; give (x, y)")
    level = np.median(image[good])
    weight = gaussian_filter(good.astype(float), sigma, mode="constant")
    smooth = gaussian_filter(np.where(good, image - level, 0.0), sigma, mode="constant")
    # Where most of the kernel is bad the ratio is noise.
    smooth = np.where(weight > 0.5, smooth / np.maximum(weight, 0.5), -np.inf)
    if center is not None:
        y, x = np.indices(image.shape)
        near = (np.abs(x - center[0]) <= SEARCH_SIZE / 2) & (np.abs(y - center[1]) <= SEARCH_SIZE / 2)
        smooth = np.where(near, smooth, -np.inf)
    known = np.isfinite(smooth)
    if center is not None:
        level = np.median(smooth[known]) if known.any() else 0.0
        spread = MAD_TO_SIGMA * np.median(np.abs(smooth[known] - level)) if known.any() else 0.0
        # In a blank field the highest noise is no star: keep to where it was promised.
        if not known.any() or not smooth[known].max() - level > 5 * spread:
            return center
    y, x = np.unravel_index(np.argmax(smooth), image.shape)
    return float(x), float(y)


def light_centre(image, good, center, shape):
    """
    Flux-weighted centre of a large patch of light, walked to from a first guess.

    Parameters
    ----------
    image : `~numpy.ndarray`, shape (ny, nx)
        Image.
    good : `~numpy.ndarray` of bool, shape (ny, nx)
        Pixels to use.
    center : (float, float)
        First guess (x, y).
    shape : (int, int)
        Shape (ny, nx) of the window.

    Returns
    -------
    (x, y) : tuple of float
        The guess itself where there is no light.
    """
    y, x = np.indices(image.shape)
    values = image[good]
    if values.size == 0:
        return center
    low = np.percentile(values, 10)
    spread = MAD_TO_SIGMA * np.median(np.abs(values[values <= np.median(values)] - low))
    light = np.where(good & (image > low + 3 * spread), image - low, 0.0)
    for _ in range(10):
        near = (np.abs(x - center[0]) <= shape[1] / 2) & (np.abs(y - center[1]) <= shape[0] / 2)
        total = light[near].sum()
        if not total > 0:
            return center
        new = (float((light * x)[near].sum() / total), float((light * y)[near].sum() / total))
        moved = np.hypot(new[0] - center[0], new[1] - center[1])
        center = new
        if moved < 0.1:
            break
    return center
