"""Measure one block of integrations: a pure function of the plan and the pixels."""

import zlib

import numpy as np

from nircam_tso.columns import radius_label
from nircam_tso.extractor.pixels import block_images
from nircam_tso.extractor.stamps import centre_stamps
from nircam_tso.measure.background import estimate_background
from nircam_tso.measure.gaussian import evaluate_gaussians
from nircam_tso.measure.photometry import aperture_sums, mask_sums, psf_fluxes
from nircam_tso.measure.reference import replace_transients
from nircam_tso.measure.templates import shift_images
from nircam_tso.quality import DQ_BITS, QualityFlag

__all__ = ["measure_block"]

_FLAG = {flag.name: np.uint32(flag) for flag in QualityFlag}


def measure_block(plan, block):
    """
    Measure a block.

    Parameters
    ----------
    plan : `~nircam_tso.extractor.plan.Plan`
        What holds for the series.
    block : `~nircam_tso.io.exposure.Block`
        Pixels as read: whole rows of ``plan.read``.

    Returns
    -------
    dict of str to `~numpy.ndarray`
        The measured columns as plain arrays, one value per row: positions in pixels of
        the frame, angles in degree, ``quality`` as uint32, and ``saturated_set``, a
        checksum of the saturated pixels within the largest aperture.
    """
    images = block_images(block, plan.ramp, plan.read, plan.dq_mask)
    levels = None
    if plan.settings.background is not None:
        levels = estimate_background(
            np.ascontiguousarray(images.data), plan.footprint, plan.settings.background, bad=images.bad
        )
    images = images.cut(plan.box.within(plan.read))
    # The sky is taken off in place, which must not reach the user's own array.
    images.data = images.data.copy()
    data = images.data
    n = len(data)
    passing = images.bad & ~plan.excluded
    no_data = ~((~passing) & ~plan.excluded & plan.window).any(axis=(1, 2))
    quality = np.where(no_data, _FLAG["NO_DATA"], np.uint32(0))

    result = {"quality": quality}
    scatter = _background(levels, data, result)
    added = filled = None
    if plan.bad_pixels == "scale":
        added, filled = replace_transients(data, passing, plan.reference, plan.window)
    still_bad = passing if filled is None else passing & ~filled

    centres = centre_stamps(plan, data, still_bad, passing)
    quality |= np.where(no_data, np.uint32(0), centres.flags)
    _centre_columns(plan, centres, result)
    x, y = _aperture_centres(plan, centres, quality, no_data)
    result["n_replaced"] = np.zeros(n, np.int32)
    result["saturated_set"] = np.zeros(n, np.uint32)
    if images.dq is not None or passing.any():
        inside = _aperture_pixels(plan, x, y, data.shape)
        _pixel_flags(plan, images, passing, inside, result)
        if filled is not None:
            result["n_replaced"][:] = (filled & inside).sum(axis=(1, 2))
    variance, invalid = _variance(plan, images, scatter, added, filled, still_bad)
    _apertures(plan, data, x, y, still_bad, variance, invalid, result)
    _masks(plan, data, still_bad, variance, invalid, result)
    _psf_flux(plan, centres, result)
    for values in result.values():
        if values.dtype.kind == "f":
            values[no_data] = np.nan
    result["quality"] = np.where(no_data, _FLAG["NO_DATA"], quality)
    return result


def _background(levels, data, result):
    """Subtract the sky in place; return its scatter per pixel."""
    if levels is None:
        result["background"] = np.zeros(len(data))
        result["background_err"] = np.zeros(len(data))
        return np.full(len(data), np.nan)
    failed = ~levels.valid
    result["background"] = np.where(failed, np.nan, levels.level)
    result["background_err"] = np.where(failed, np.nan, levels.error)
    result["quality"] |= np.where(failed, _FLAG["BACKGROUND_FAILED"], np.uint32(0))
    # Without a sky level no flux and no height mean anything, but the centres do.
    data -= np.where(failed, 0.0, levels.level)[:, None, None]
    return np.where(failed, np.nan, levels.scatter)


def _aperture_pixels(plan, x, y, shape):
    """Pixels that the largest aperture of each row, where it sits, or a mask touches."""
    inside = np.zeros(shape, bool)
    for mask in plan.masks.values():
        inside |= mask
    if plan.settings.aperture_radii:
        beside = np.maximum(np.abs(np.arange(shape[2]) - x[:, None]) - 0.5, 0.0) ** 2
        above = np.maximum(np.abs(np.arange(shape[1]) - y[:, None]) - 0.5, 0.0) ** 2
        inside |= above[:, :, None] + beside[:, None, :] < max(plan.settings.aperture_radii) ** 2
    return inside


def _pixel_flags(plan, images, passing, inside, result):
    quality = result["quality"]
    # A core that is saturated always is left out always, and still said to be saturated.
    window = inside & ~plan.never
    inside = passing & window
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


def _variance(plan, images, scatter, added, filled, still_bad):
    """Variance of every pixel for the sums, and which of them are not valid."""
    n = len(images.data)
    invalid = None
    if plan.error_source not in ("gain and read_noise", "background scatter", "none"):
        variance = images.variance
        if variance is None:
            # One of several segments lacks what the others have.
            variance = np.full(images.data.shape, np.nan)
        wrong = ~(np.isfinite(variance) & (variance > 0)) & ~still_bad & ~plan.excluded
        if filled is not None:
            wrong &= ~filled
        if wrong.any():
            invalid = wrong
    elif plan.error_source == "gain and read_noise":
        variance = np.broadcast_to(plan.noise, images.data.shape)
    elif plan.error_source == "background scatter":
        variance = np.broadcast_to((scatter**2)[:, None, None], (n, *plan.noise.shape))
    else:
        return None, None
    if filled is not None:
        variance = np.where(filled, added, variance)
    if invalid is not None:
        # Sums that such a pixel touches get no error; the others must not see its value.
        variance = np.where(invalid, 0.0, variance)
    return variance, invalid


def _apertures(plan, data, x, y, still_bad, variance, invalid, result):
    radii = plan.settings.aperture_radii
    if not radii:
        return
    bad = still_bad | plan.excluded
    sums = aperture_sums(data, x, y, np.array(radii), bad=bad, variance=variance)
    quality = result["quality"]
    # Areas are sums of many overlaps, so that a rounding error is not a partial aperture.
    whole = np.pi * np.square(radii)
    partial = whole - sums.covered_area > 1e-9 * whole
    quality |= np.where(partial.any(axis=1), _FLAG["PARTIAL_APERTURE"], np.uint32(0))
    spoiled = partial
    if plan.bad_pixels == "nan" or (plan.bad_pixels == "scale" and still_bad.any()):
        hit = _touched(still_bad, x, y, radii)
        spoiled = spoiled | hit
    errors = _errors(plan, sums.variance, sums.area, result)
    wrong = np.zeros(spoiled.shape, bool)
    if invalid is not None:
        wrong = _touched(invalid, x, y, radii)
        quality |= np.where(wrong.any(axis=1), _FLAG["ERR_INVALID"], np.uint32(0))
    failed = (quality & _FLAG["BACKGROUND_FAILED"]) != 0
    for i, radius in enumerate(radii):
        label = radius_label(radius)
        nothing = spoiled[:, i] | failed | ~(sums.area[:, i] > 0)
        result[f"aperture_sum_r{label}"] = np.where(nothing, np.nan, sums.sum[:, i])
        result[f"aperture_sum_err_r{label}"] = np.where(nothing | wrong[:, i], np.nan, errors[:, i])
        result[f"aperture_area_r{label}"] = sums.area[:, i].copy()


def _touched(pixels, x, y, radii):
    """Whether any of these pixels lies, by whatever part, within each aperture."""
    return aperture_sums(pixels.astype(float), x, y, np.array(radii)).sum > 0


def _errors(plan, variance, area, result):
    """1 sigma of sums: pixel noise, and the sky level's error over the whole area."""
    if plan.error_source == "none":
        return np.full(area.shape, np.nan)
    sky = result["background_err"]
    sky = np.nan_to_num(sky)[:, None] if area.ndim == 2 else np.nan_to_num(sky)
    return np.sqrt(variance + (area * sky) ** 2)


def _masks(plan, data, still_bad, variance, invalid, result):
    bad = still_bad | plan.excluded
    failed = (result["quality"] & _FLAG["BACKGROUND_FAILED"]) != 0
    for name, mask in plan.masks.items():
        sums = mask_sums(data, mask, bad=bad, variance=variance)
        errors = _errors(plan, sums.variance, sums.area, result)
        nothing = failed | ~(sums.area > 0)
        if plan.bad_pixels != "ignore":
            nothing = nothing | (still_bad & mask).any(axis=(1, 2))
        wrong = np.zeros(len(data), bool)
        if invalid is not None:
            wrong = (invalid & mask).any(axis=(1, 2))
            result["quality"] |= np.where(wrong, _FLAG["ERR_INVALID"], np.uint32(0))
        result[f"aperture_sum_{name}"] = np.where(nothing, np.nan, sums.sum)
        result[f"aperture_sum_err_{name}"] = np.where(nothing | wrong, np.nan, errors)
        result[f"aperture_area_{name}"] = np.asarray(sums.area, float).copy()


def _psf_flux(plan, centres, result):
    n = len(centres.x_cc)
    shape = plan.star.stamps.shape
    if plan.star.is_psf:
        x, y = centres.x_cc - centres.x_start, centres.y_cc - centres.y_start
        known = np.isfinite(x) & np.isfinite(y)
        origin = plan.star.origin
        psf = shift_images(plan.star.array, np.where(known, x - origin[0], 0.0), np.where(known, y - origin[1], 0.0))
    elif plan.star.gaussian is not None:
        own = centres.fits.status == 0
        x = np.where(own, centres.x_gauss, centres.x_cc) - centres.x_start
        y = np.where(own, centres.y_gauss, centres.y_cc) - centres.y_start
        known = np.isfinite(x) & np.isfinite(y)
        _, _, _, sx, sy, theta = plan.star.gaussian
        psf = evaluate_gaussians(
            shape,
            np.full(n, 1.0 / (2 * np.pi * sx * sy)),
            np.where(known, x, 0.0),
            np.where(known, y, 0.0),
            np.full(n, sx),
            np.full(n, sy),
            np.full(n, theta),
            pixel_integrated=plan.settings.pixel_integrated,
        )
    else:
        result["psf_flux"] = np.full(n, np.nan)
        result["psf_flux_err"] = np.full(n, np.nan)
        return
    flux, variance, sensitivity = psf_fluxes(centres.stamps, psf, plan.stamp_weights, bad=centres.bad)
    known &= (result["quality"] & _FLAG["BACKGROUND_FAILED"]) == 0
    result["psf_flux"] = np.where(known, flux, np.nan)
    sky = np.nan_to_num(result["background_err"])
    errors = np.sqrt(variance + (sensitivity * sky) ** 2)
    result["psf_flux_err"] = np.where(known & plan.noise_known, errors, np.nan)
