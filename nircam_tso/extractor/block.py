"""Measure one block of integrations: a pure function of the plan and the pixels."""

import zlib

import numpy as np

from nircam_tso.extractor.cleaning import clean_images
from nircam_tso.extractor.pixels import block_images
from nircam_tso.extractor.profiles import component_columns, profile_columns
from nircam_tso.extractor.sky import line_level_error, sky_levels, subtract_sky
from nircam_tso.extractor.stamps import centre_stamps
from nircam_tso.extractor.sums import FluxMeter, pixel_variance, psf_columns
from nircam_tso.measure.overlap import mark_circles
from nircam_tso.measure.reference import replace_transients
from nircam_tso.quality import DQ_BITS, QualityFlag

__all__ = ["measure_block"]

_FLAG = {flag.name: np.uint32(flag) for flag in QualityFlag}


def measure_block(plan, block, place):
    """
    Measure a block.

    Parameters
    ----------
    plan : `~nircam_tso.extractor.plan.Plan`
        What holds for the series.
    block : `~nircam_tso.io.block.Block`
        Pixels as read: whole rows of ``plan.read``, and with ``clean`` some integrations
        on either side of those that are to be measured.
    place : (int, int, int, int)
        First integration of the block, first and one past the last to be measured, and
        the length of the series.

    Returns
    -------
    dict of str to `~numpy.ndarray`
        The measured columns as plain arrays, one value per row: positions in pixels of
        the frame, angles in degree, ``quality`` as uint32, and ``saturated_set``, a
        checksum of the saturated pixels within the largest aperture. What stripes leave in errors is
        not in them; ``<column>_chords`` tell by how much it counts in each sum.
    """
    images = block_images(block, plan.ramp, plan.read, plan.dq_mask, plan.stripes.models, everywhere=False)
    levels = sky_levels(plan, images)
    # A copy: the sky is taken off in place, which must not reach the user's own array.
    images = images.cut(plan.box.within(plan.read))
    cleaned = None
    if plan.settings.clean is not None:
        images, levels, cleaned = clean_images(plan, images, levels, place)
    data = images.data
    n = len(data)
    passing = images.bad & ~plan.excluded
    no_data = ~((~passing) & ~plan.excluded & plan.window).any(axis=(1, 2))
    quality = np.where(no_data, _FLAG["NO_DATA"], np.uint32(0))

    result = {"quality": quality}
    scatter = subtract_sky(plan, levels, data, result)
    added = filled = None
    if plan.bad_pixels == "scale":
        added, filled = replace_transients(data, passing, plan.reference, plan.window)
    still_bad = passing if filled is None else passing & ~filled

    centres = centre_stamps(plan, data, still_bad, passing)
    quality |= np.where(no_data, np.uint32(0), centres.flags)
    _centre_columns(plan, centres, result)
    x, y = _aperture_centres(plan, centres, quality, no_data)
    radii = plan.radii(centres.fits)
    inside = _aperture_pixels(plan, x, y, radii, data.shape)
    result["n_replaced"] = np.zeros(n, np.int32)
    result["saturated_set"] = np.zeros(n, np.uint32)
    if images.dq is not None or passing.any():
        # A cosmic ray that was filled is mended; one that was not is a hole like others.
        mended = None if cleaned is None or filled is None else cleaned & filled
        _pixel_flags(plan, images, passing, inside, mended, result)
        if filled is not None:
            result["n_replaced"][:] = (filled & inside).sum(axis=(1, 2))
    result["n_cleaned"] = np.zeros(n, np.int32)
    if cleaned is not None:
        result["n_cleaned"][:] = (cleaned & inside).sum(axis=(1, 2))
    variance, invalid = pixel_variance(plan, images, scatter, added, filled, still_bad)
    meter = FluxMeter(plan, data, x, y, still_bad, variance, invalid, result, levels)
    meter.circles(radii, line_level_error(plan, levels, x, y, radii))
    meter.shapes()
    meter.masks()
    psf_columns(plan, centres, result)
    profile_columns(plan, data, centres.fits, inside, still_bad, variance, invalid, result)
    component_columns(plan, data, still_bad, result)
    for values in result.values():
        if values.dtype.kind == "f":
            values[no_data] = np.nan
    result["quality"] = np.where(no_data, _FLAG["NO_DATA"], quality)
    return result


def _aperture_pixels(plan, x, y, radii, shape):
    """Pixels that the largest aperture of each row, where it sits, or a mask touches."""
    inside = np.zeros(shape, bool)
    for mask in plan.masks.values():
        inside |= mask
    if plan.settings.aperture_radii:
        mark_circles(inside, x, y, np.broadcast_to(radii.max(axis=-1), len(x)).astype(np.float64))
    for aperture in plan.settings.aperture_shapes.values():
        places, rows = np.unique(np.stack([x, y], axis=1), axis=0, return_inverse=True)
        for i, place in enumerate(places):
            inside[rows.reshape(-1) == i] |= aperture.footprint(shape[1:], place)
    return inside


def _pixel_flags(plan, images, passing, inside, mended, result):
    quality = result["quality"]
    # A core that is saturated always is left out always, and still said to be saturated.
    window = inside & ~plan.never
    inside = passing & window
    if mended is not None:
        quality |= np.where((inside & mended).any(axis=(1, 2)), _FLAG["JUMP_DET"], np.uint32(0))
        inside &= ~mended
    dq = images.dq
    if dq is None:
        quality |= np.where(inside.any(axis=(1, 2)), _FLAG["NAN_IN_APERTURE"], np.uint32(0))
        return
    unusable = (dq & np.uint32(plan.dq_mask)) != 0
    quality |= np.where((inside & unusable).any(axis=(1, 2)), _FLAG["DO_NOT_USE"], np.uint32(0))
    quality |= np.where((inside & ~unusable).any(axis=(1, 2)), _FLAG["NAN_IN_APERTURE"], np.uint32(0))
    for name in ("SATURATED", "JUMP_DET"):
        seen = ((dq & np.uint32(DQ_BITS[name])) != 0) & (window if name == "SATURATED" else window & ~plan.constant_bad)
        rows = seen.any(axis=(1, 2))
        quality |= np.where(rows, _FLAG[name], np.uint32(0))
        if name == "SATURATED":
            for row in np.flatnonzero(rows):
                result["saturated_set"][row] = zlib.crc32(np.packbits(seen[row]).tobytes())


def _centre_columns(plan, centres, result):
    x0, y0 = plan.box.corner
    for name in ("x_cc", "y_cc", "x_centroid", "y_centroid"):
        result[name] = getattr(centres, name) + (x0 if name[0] == "x" else y0)
        result[f"{name}_err"] = np.array(getattr(centres, f"{name}_err"))
    fits = centres.fits
    result["x_gauss"] = centres.x_gauss + x0
    result["y_gauss"] = centres.y_gauss + y0
    result["x_gauss_err"], result["y_gauss_err"] = np.array(fits.x_err), np.array(fits.y_err)
    if plan.settings.fit_background:
        result["gauss_background"], result["gauss_background_err"] = np.array(fits.background), fits.background_err
    for name in ("x_stddev", "y_stddev", "amplitude"):
        result[name] = np.array(getattr(fits, name))
        result[f"{name}_err"] = np.array(getattr(fits, f"{name}_err"))
    result["theta"], result["theta_err"] = np.degrees(fits.theta), np.degrees(fits.theta_err)
    known = plan.noise_known and plan.error_source != "background scatter"
    result["gauss_chi2"] = np.array(fits.chi2) if known else np.full(len(fits.chi2), np.nan)
    if not plan.noise_known:
        # Unit weights scale nothing: there is no error to tell.
        for name in list(result):
            if name.endswith("_err") and name != "background_err":
                result[name] = np.full(len(result[name]), np.nan)
    failed = result["quality"] & _FLAG["BACKGROUND_FAILED"] != 0
    for name in ("amplitude", "amplitude_err"):
        result[name][failed] = np.nan


def _aperture_centres(plan, centres, quality, no_data):
    """Where the apertures sit, and the flags of rows whose own centre failed."""
    n = len(quality)
    fixed = (np.full(n, plan.fixed[0]), np.full(n, plan.fixed[1]))
    if plan.settings.center == "fixed":
        return fixed
    if plan.settings.center == "median":
        return np.full(n, plan.one_center[0]), np.full(n, plan.one_center[1])
    suspect = centres.fits.status != 0
    candidates = {
        "gaussian": (
            np.where(suspect, np.nan, centres.x_gauss),
            np.where(suspect, np.nan, centres.y_gauss),
        ),
        "cross-correlation": (centres.x_cc, centres.y_cc),
        "centroid": (centres.x_centroid, centres.y_centroid),
    }
    first = plan.settings.center
    order = [first, *(name for name in candidates if name != first)]
    x, y = (values.copy() for values in candidates[first])
    middle, shape = plan.star.stamps.middle, plan.star.stamps.shape
    reach = (shape[1] / 2, shape[0] / 2)
    if first == "centroid" and plan.centroid_mask is not None:
        reach = (np.inf, np.inf)
    missing = ~(np.isfinite(x) & np.isfinite(y))
    wandered = ~missing & ((np.abs(x - middle[0]) > reach[0]) | (np.abs(y - middle[1]) > reach[1]))
    quality |= np.where(wandered & ~no_data, _FLAG["CENTER_OUTSIDE"], np.uint32(0))
    if first != "gaussian":
        # A failed Gaussian has its bit already; other centres that fail say so by this one.
        outside = (quality & _FLAG["CENTER_OUTSIDE"]) != 0
        quality |= np.where(missing & ~no_data & ~outside, _FLAG["FIT_FAILED"], np.uint32(0))
    missing |= wandered
    for name in (*order[1:], "fixed"):
        xs, ys = fixed if name == "fixed" else candidates[name]
        near = (np.abs(xs - middle[0]) <= shape[1] / 2) & (np.abs(ys - middle[1]) <= shape[0] / 2)
        use = missing & (np.isfinite(xs) & np.isfinite(ys) & near if name != "fixed" else True)
        x[use], y[use] = xs[use], ys[use]
        missing &= ~use
    return x, y
