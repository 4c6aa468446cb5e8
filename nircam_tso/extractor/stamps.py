"""Stamps about the star, and the three centres measured in them."""

import math
from dataclasses import dataclass, fields, replace

import numpy as np

from nircam_tso.measure.centroid import cut_stamps, flux_weighted_centers, stamp_start
from nircam_tso.measure.gaussian import GaussianFits, evaluate_gaussians, fit_gaussians
from nircam_tso.measure.reference import fill_holes
from nircam_tso.quality import QualityFlag

__all__ = ["Centres", "Stamps", "centre_stamps", "gaussian_options"]

_OUTSIDE = np.uint32(QualityFlag.CENTER_OUTSIDE)
_FAILED = np.uint32(QualityFlag.FIT_FAILED)
_SUSPECT = np.uint32(QualityFlag.FIT_SUSPECT)
#: Part of the area of the series' star below which a fit has found something sharper.
_LEAST_AREA = 0.25


@dataclass(frozen=True)
class Stamps:
    """
    Where stamps are cut.

    Attributes
    ----------
    shape : (int, int)
        (ny, nx); parts outside the box are bad pixels.
    start : (int, int)
        (x, y) of the first pixel within the box.
    """

    shape: tuple[int, int]
    start: tuple[int, int]

    @property
    def middle(self):
        """(x, y) of the stamp's middle, in the box."""
        return (self.start[0] + (self.shape[1] - 1) / 2, self.start[1] + (self.shape[0] - 1) / 2)

    def window(self, shape):
        """Pixels of a box of the given shape that the stamp covers."""
        result = np.zeros(shape, bool)
        x, y = self.start
        result[max(y, 0) : max(y + self.shape[0], 0), max(x, 0) : max(x + self.shape[1], 0)] = True
        return result

    def cut_one(self, image, holes, fill=0.0):
        """One stamp out of one image; holes are filled from their neighbours."""
        start = (np.array([self.start[0]]), np.array([self.start[1]]))
        stamp = cut_stamps(np.asarray(image, float)[None], *start, self.shape, fill=float(fill))
        if holes is not None:
            where = cut_stamps(holes[None], *start, self.shape, fill=False)
            fill_holes(stamp, where)
        if np.asarray(image).dtype == bool:
            return stamp[0] > 0
        return stamp[0]


@dataclass
class Centres:
    """Centres of each integration, in the box, and the Gaussian fit."""

    x_cc: np.ndarray
    y_cc: np.ndarray
    x_cc_err: np.ndarray
    y_cc_err: np.ndarray
    x_centroid: np.ndarray
    y_centroid: np.ndarray
    x_centroid_err: np.ndarray
    y_centroid_err: np.ndarray
    x_gauss: np.ndarray
    y_gauss: np.ndarray
    fits: object
    flags: np.ndarray
    stamps: np.ndarray
    bad: np.ndarray
    x_start: np.ndarray
    y_start: np.ndarray


def centre_stamps(plan, images, bad, passing):
    """
    Cut the star out and centre it three ways.

    Parameters
    ----------
    plan : `~nircam_tso.extractor.plan.Plan`
        The plan.
    images : `~numpy.ndarray`, shape (b, ny, nx)
        Background-subtracted boxes.
    bad : `~numpy.ndarray` of bool, shape (b, ny, nx)
        Passing bad pixels that are still bad.
    passing : `~numpy.ndarray` of bool, shape (b, ny, nx)
        All passing bad pixels, those that were filled among them.

    Returns
    -------
    Centres
    """
    n = len(images)
    shape = plan.star.stamps.shape
    bad = bad | plan.excluded
    x_start = np.full(n, plan.star.stamps.start[0])
    y_start = np.full(n, plan.star.stamps.start[1])
    stamps, holes = _cut(images, bad, x_start, y_start, shape)
    # The correlation sees zeros beyond the frame, which have no noise.
    noise = np.nan_to_num(plan.stamp_noise)
    cc = plan.star.correlator.centers(_filled(stamps, holes, images.shape, x_start, y_start), variance=noise, bad=holes)
    x_cc, y_cc = cc.x.copy(), cc.y.copy()
    x_err, y_err, valid = cc.x_err.copy(), cc.y_err.copy(), cc.valid.copy()

    # A star that is over a pixel from the middle is cut out again, once.
    middle = ((shape[1] - 1) / 2, (shape[0] - 1) / 2)
    far = valid & (np.maximum(np.abs(x_cc - middle[0]), np.abs(y_cc - middle[1])) > 1.0)
    index = np.flatnonzero(far)
    if index.size:
        for i in index:
            x_start[i], y_start[i] = stamp_start((x_cc[i] + x_start[i], y_cc[i] + y_start[i]), shape, images.shape[1:])
        stamps[index], holes[index] = _cut(images[index], bad[index], x_start[index], y_start[index], shape)
        again = plan.star.correlator.centers(
            _filled(stamps[index], holes[index], images.shape, x_start[index], y_start[index]),
            variance=noise,
            bad=holes[index],
        )
        for whole, part in ((x_cc, again.x), (y_cc, again.y), (x_err, again.x_err), (y_err, again.y_err)):
            whole[index] = part
        valid[index] = again.valid
    flags = np.zeros(n, np.uint32)
    x_box, y_box = x_cc + x_start, y_cc + y_start
    # A centre outside the stamp that was handed over belongs to something else.
    inside = (np.abs(x_box - plan.star.stamps.middle[0]) <= shape[1] / 2) & (
        np.abs(y_box - plan.star.stamps.middle[1]) <= shape[0] / 2
    )
    flags[valid & ~inside] |= _OUTSIDE
    valid &= inside
    for values in (x_cc, y_cc, x_err, y_err, x_box, y_box):
        values[~valid] = np.nan

    # A filled pixel says where the star usually is: no evidence for a fit.
    left_out = holes
    if passing.any():
        _, left_out = _cut(images, passing | plan.excluded, x_start, y_start, shape)
    fits = _fit(plan, stamps, np.where(valid, x_cc, middle[0]), np.where(valid, y_cc, middle[1]), left_out)
    fits = _narrow(plan, _bound(plan, fits, x_start, y_start))
    better = _refilled(plan, images.shape, stamps, left_out, x_start, y_start, fits)
    if better is not None:
        index, images_again = better
        index, images_again = index[valid[index]], images_again[valid[index]]
        again = plan.star.correlator.centers(images_again, variance=noise, bad=left_out[index])
        x_cc[index], y_cc[index], x_err[index], y_err[index] = again.x, again.y, again.x_err, again.y_err
        x_box, y_box = x_cc + x_start, y_cc + y_start
    if plan.judges_fit:
        flags |= fits.status.astype(np.uint32)
    moments = _flux_weighted(plan, images, bad, stamps, holes, x_start, y_start, noise)
    return Centres(
        x_box, y_box, x_err, y_err, *moments, fits.x + x_start, fits.y + y_start, fits, flags,
        stamps, left_out, x_start, y_start,
    )  # fmt: skip


def gaussian_options(settings):
    """
    Keywords of the Gaussian fit.

    Parameters
    ----------
    settings : `~nircam_tso.TimeSeriesExtractor`
        The settings.

    Returns
    -------
    dict
    """
    return {
        "pixel_integrated": settings.pixel_integrated,
        "fit_background": settings.fit_background,
        "theta": None if settings.theta is None else math.radians(settings.theta),
    }


def _fit(plan, stamps, x, y, bad):
    """Gaussian fits of a block; a star that breaks the arithmetic costs its own row alone."""
    shape = None if plan.star.gaussian is None else plan.star.gaussian[3:]

    def fit(rows):
        return fit_gaussians(
            stamps[rows],
            x[rows],
            y[rows],
            weights=plan.stamp_weights,
            bad=bad[rows],
            sandwich=True,
            fwhm0=plan.settings.template_fwhm,
            shape0=shape,
            **gaussian_options(plan.settings),
        )

    try:
        return fit(slice(None))
    except ArithmeticError:
        pass
    parts = []
    for row in range(len(stamps)):
        try:
            parts.append(fit(slice(row, row + 1)))
        except ArithmeticError:
            size = 7 if plan.settings.fit_background else 6
            values, one = (np.full(1, np.nan) for _ in range(7)), np.full(1, np.nan)
            status = np.full(1, _FAILED)
            parts.append(GaussianFits(*values, np.full((1, size, size), np.nan), one, status, np.zeros(1, np.int32)))
    return GaussianFits(*(np.concatenate([getattr(part, entry.name) for part in parts]) for entry in fields(parts[0])))


def _bound(plan, fits, x_start, y_start):
    """Fits of which those that came out beyond the user's bounds are failures."""
    beyond = np.zeros(len(fits), bool)
    corner = plan.box.corner
    for name, (low, high) in plan.settings.bounds.items():
        value = getattr(fits, name)
        if name == "theta":
            value = np.degrees(value)
        elif name in ("x", "y"):
            value = value + (x_start + corner[0] if name == "x" else y_start + corner[1])
        beyond |= (value < low) | (value > high)
    if not beyond.any():
        return fits
    changed = {"status": np.where(beyond, fits.status | _FAILED, fits.status)}
    for entry in fields(fits):
        value = getattr(fits, entry.name)
        if entry.name not in ("status", "iterations"):
            changed[entry.name] = np.where(beyond.reshape(-1, *[1] * (value.ndim - 1)), np.nan, value)
    return replace(fits, **changed)


def _narrow(plan, fits):
    """Fits of which those are suspect that are much smaller than the series' star: a cosmic ray on its core."""
    if plan.star.gaussian is None:
        return fits
    least = _LEAST_AREA * plan.star.gaussian[3] * plan.star.gaussian[4]
    narrow = (fits.status == 0) & (fits.x_stddev * fits.y_stddev < least)
    return replace(fits, status=np.where(narrow, fits.status | _SUSPECT, fits.status)) if narrow.any() else fits


def _cut(images, bad, x_start, y_start, shape):
    stamps = cut_stamps(images, x_start, y_start, shape, fill=np.nan)
    if bad.any():
        holes = cut_stamps(bad, x_start, y_start, shape, fill=True)
    else:
        holes = np.zeros(stamps.shape, bool)
    holes |= ~np.isfinite(stamps)
    return stamps, holes


def _refilled(plan, frames, stamps, holes, x_start, y_start, fits):
    """
    Stamps whose holes the fit fills, and their rows; None where there are none.

    The mean of its neighbours is too low for a hole in the core.
    """
    if not plan.has_peak or not holes.any():
        return None
    shape = stamps.shape[1:]
    outside = _outside(frames, x_start, y_start, shape)
    inner = holes & ~outside
    index = np.flatnonzero(inner.any(axis=(1, 2)) & (fits.status == 0))
    if index.size == 0:
        return None
    names = ("amplitude", "x", "y", "x_stddev", "y_stddev", "theta")
    model = evaluate_gaussians(
        shape, *(getattr(fits, name)[index] for name in names), pixel_integrated=plan.settings.pixel_integrated
    )
    if plan.settings.fit_background:
        model = model + fits.background[index][:, None, None]
    filled = np.where(inner[index], model, stamps[index])
    filled[outside[index]] = 0.0
    return index, filled


def _outside(frames, x_start, y_start, shape):
    """Pixels of stamps that lie beyond the box."""
    y, x = np.arange(shape[0]) + y_start[:, None], np.arange(shape[1]) + x_start[:, None]
    return ((y < 0) | (y >= frames[1]))[:, :, None] | ((x < 0) | (x >= frames[2]))[:, None, :]


def _filled(stamps, holes, frames, x_start, y_start):
    """Stamps for the correlation: holes from their neighbours, 0 beyond the edge, which has none worth asking."""
    if not holes.any():
        return stamps
    outside = _outside(frames, x_start, y_start, stamps.shape[1:])
    stamps = stamps.copy()
    fill_holes(stamps, holes & ~outside, holes)
    stamps[outside] = 0.0
    return stamps


def _flux_weighted(plan, images, bad, stamps, holes, x_start, y_start, noise):
    """x, y and their errors in the box."""
    if plan.centroid_mask is not None:
        found = flux_weighted_centers(images, weights=plan.centroid_mask, bad=bad, variance=plan.noise)
        return found.x, found.y, found.x_err, found.y_err
    shape = plan.star.stamps.shape
    found = flux_weighted_centers(stamps, bad=holes, variance=noise)
    x, y, x_err, y_err = found.x.copy(), found.y.copy(), found.x_err.copy(), found.y_err.copy()
    x_start, y_start = x_start.copy(), y_start.copy()
    far = (np.abs(x - (shape[1] - 1) / 2) > 1.0) | (np.abs(y - (shape[0] - 1) / 2) > 1.0)
    index = np.flatnonzero(far & found.valid)
    if index.size:
        # Light that is cut off at one side draws the centre to the other: cut once more.
        for i in index:
            x_start[i], y_start[i] = stamp_start((x[i] + x_start[i], y[i] + y_start[i]), shape, images.shape[1:])
        again, where = _cut(images[index], bad[index], x_start[index], y_start[index], shape)
        found = flux_weighted_centers(again, bad=where, variance=noise)
        x[index], y[index], x_err[index], y_err[index] = found.x, found.y, found.x_err, found.y_err
    return x + x_start, y + y_start, x_err, y_err
