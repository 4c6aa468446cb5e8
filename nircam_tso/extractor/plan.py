"""What holds for a whole series: found once, from a sample of it, before the loop."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nircam_tso.extractor.locate import SEARCH_SIZE, brightest_spot, light_centre, start_position
from nircam_tso.extractor.noise import noise_model
from nircam_tso.extractor.pixels import RampSettings
from nircam_tso.extractor.sample import SampleReader
from nircam_tso.extractor.stamps import Stamps, centre_stamps
from nircam_tso.measure.background import estimate_background
from nircam_tso.measure.centroid import Correlator, stamp_start
from nircam_tso.measure.gaussian import fit_gaussians
from nircam_tso.measure.photometry import aperture_footprint
from nircam_tso.measure.ramps import saturated_groups
from nircam_tso.measure.reference import Reference, sample_rows, series_reference
from nircam_tso.measure.templates import GaussianTemplate, PSFTemplate, template_on_grid

__all__ = ["Plan", "make_plan"]

#: Bytes of ramps read at once in search of saturated groups.
_SEARCH_BYTES = 100_000_000


@dataclass(frozen=True, eq=False)
class Plan:
    """
    Everything that a block's measuring needs beside its pixels.

    Positions are in the box, the part of the frame that is kept, unless they say
    otherwise; ``corner`` is the box's first pixel in the frame.
    """

    settings: Any
    frame_shape: tuple[int, int]
    rows: slice
    columns: slice
    group_range: tuple[int, int] | None
    ramp: RampSettings | None
    dq_mask: int
    position: tuple[float, float]
    position_source: str
    fixed: tuple[float, float] | None
    one_center: tuple[float, float] | None
    never: np.ndarray
    constant_bad: np.ndarray
    reference: Reference
    footprint: np.ndarray | None
    aperture_window: np.ndarray
    window: np.ndarray
    masks: dict
    centroid_mask: np.ndarray | None
    stamps: Stamps
    correlator: Correlator
    template_origin: str
    psf: np.ndarray | None
    psf_origin: tuple[float, float]
    star: tuple | None
    noise: np.ndarray
    error_source: str
    bad_pixels: str

    @property
    def corner(self):
        """(x, y) of the box's first pixel in the frame."""
        return (self.columns.start, self.rows.start)

    @property
    def has_peak(self):
        """Whether the star has a single peak: a defocused one, whose template has none, has not."""
        return self.template_origin != "centroid"

    @property
    def judges_fit(self):
        """
        Whether a poor Gaussian fit says something about a row.

        Of a defocused star the Gaussian is a description, whose failure is no fault,
        unless the apertures sit on it.
        """
        return self.has_peak or self.settings.center == "gaussian"

    @property
    def excluded(self):
        """Pixels of the box that no integration uses."""
        return self.never | self.constant_bad


def make_plan(settings, exposure):
    """
    Find the star and everything else that holds for the series.

    Parameters
    ----------
    settings : `~nircam_tso.TimeSeriesExtractor`
        The settings.
    exposure : `~nircam_tso.io.exposure.Exposure`
        What will be measured.

    Returns
    -------
    Plan

    Raises
    ------
    ValueError
        For settings that do not fit the exposure: a position outside the frame, masks
        of another shape, a ramp with one group.
    """
    _check_masks(settings, exposure.shape)
    ramp = _ramp_settings(settings, exposure)
    position, how = start_position(settings.position, exposure)
    reader = SampleReader(settings, exposure, ramp)
    if position is None:
        position = _brightest(reader)
    elif how != "user":
        position = _refine(reader, settings, position)
    if ramp is not None and settings.group_range == "auto":
        ramp = replace(ramp, group_range=_unsaturated_range(settings, exposure, ramp, position))
        reader = SampleReader(settings, exposure, ramp)
    guess = position
    for _ in range(4):
        # The star may be several pixels from the guess: the box, the sky's footprint
        # and the reference follow it until it stays.
        plan = _plan_at(settings, exposure, reader, position, guess, how)
        found = (plan.position[0], plan.position[1])
        if np.hypot(found[0] - position[0], found[1] - position[1]) <= 1.0:
            break
        position = found
    return plan


def _check_masks(settings, shape):
    masks = {f"aperture_masks[{name!r}]": mask for name, mask in settings.aperture_masks.items()}
    if settings.centroid_mask is not None:
        masks["centroid_mask"] = settings.centroid_mask
    if settings.saturation is not None and np.ndim(settings.saturation) == 2:
        masks["saturation"] = np.asarray(settings.saturation)
    for name, mask in masks.items():
        if mask.shape != tuple(shape):
            raise ValueError(f"{name}: has shape {mask.shape}, but the images have {tuple(shape)}")


def _ramp_settings(settings, exposure):
    n_groups = exposure.n_groups
    if n_groups is None:
        return None
    if n_groups < 2:
        raise ValueError(f"ramp: NGROUPS = {n_groups}, and {settings.ramp!r} needs at least 2 groups")
    group_range = (0, n_groups - 1)
    if isinstance(settings.group_range, tuple):
        group_range = settings.group_range
        if group_range[1] >= n_groups:
            raise ValueError(f"group_range: {group_range} reaches beyond the last of {n_groups} groups (zero-based)")
    header = exposure.header

    def number(name, default):
        value = header.get(name)
        return value if isinstance(value, int | float) and np.isfinite(value) else default

    return RampSettings(
        ramp=settings.ramp,
        group_range=group_range,
        group_time=float(number("TGROUP", np.nan)),
        frame_time=float(number("TFRAME", np.nan)),
        n_frames=int(number("NFRAMES", 1)),
        group_gap=int(number("GROUPGAP", 0)),
        gain=settings.gain,
        read_noise=settings.read_noise,
        saturation=settings.saturation,
    )


def _box(shape, position, half):
    ny, nx = shape
    x, y = (int(np.floor(value + 0.5)) for value in position)
    rows = slice(max(y - half, 0), min(y + half + 1, ny))
    columns = slice(max(x - half, 0), min(x + half + 1, nx))
    return rows, columns


def _brightest(reader):
    shape = reader.exposure.shape
    everything = (slice(0, shape[0]), slice(0, shape[1]))
    image, good = reader.median(*everything, range(min(32, len(reader.exposure))))
    return brightest_spot(image, good)


def _refine(reader, settings, position):
    """From a header's position to the star near it."""
    half = max(SEARCH_SIZE, *settings.subframe_shape) // 2 + 5
    if max(settings.subframe_shape) > SEARCH_SIZE:
        half *= 2
    rows, columns = _box(reader.exposure.shape, position, half)
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return position
    n = min(32, len(reader.exposure))
    image, good = reader.median(rows, columns, sample_rows(len(reader.exposure), n))
    inside = (position[0] - columns.start, position[1] - rows.start)
    if max(settings.subframe_shape) > SEARCH_SIZE:
        # A defocused star has no brightest spot worth the name.
        found = light_centre(image, good, inside, settings.subframe_shape)
    else:
        found = brightest_spot(image, good, inside)
    return (found[0] + columns.start, found[1] + rows.start)


def _extent(settings):
    """Pixels about the star that may be asked for, whatever it does within its stamp."""
    stamp = max(settings.subframe_shape) // 2 + 2
    half = stamp + max([stamp, *(int(np.ceil(r)) + 1 for r in settings.aperture_radii)])
    reach = getattr(settings.background, "outer", None)
    return half if reach is None else max(half, int(np.ceil(reach)) + 3)


def _plan_at(settings, exposure, reader, position, guess, how):
    shape = exposure.shape
    rows, columns = _box(shape, position, _extent(settings))
    if settings.background is not None and not hasattr(settings.background, "outer"):
        rows, columns = slice(0, shape[0]), slice(0, shape[1])
    for mask in (*settings.aperture_masks.values(), settings.centroid_mask):
        if mask is not None:
            rows, columns = _grown(rows, columns, mask)
    box_shape = (rows.stop - rows.start, columns.stop - columns.start)
    corner = (columns.start, rows.start)
    here = (position[0] - corner[0], position[1] - corner[1])
    never = reader.never[rows, columns]
    sample = reader.sample(rows, columns)

    single = len(sample.data) == 1
    half_bad = sample.bad.sum(axis=0) * 2 > len(sample.data) if not single else np.zeros(box_shape, bool)
    footprint = levels = None
    if settings.background is not None:
        footprint = settings.background.footprint(box_shape, here, good=~(never | half_bad))
        levels = estimate_background(sample.data, footprint, settings.background, bad=sample.bad)
    level = np.zeros(len(sample.data)) if levels is None else np.where(levels.valid, levels.level, 0.0)
    images = sample.data - level[:, None, None]

    masks = {name: mask[rows, columns] for name, mask in settings.aperture_masks.items()}
    aperture_window = np.zeros(box_shape, bool)
    for mask in masks.values():
        aperture_window |= mask
    if settings.aperture_radii:
        aperture_window |= aperture_footprint(box_shape, here, max(settings.aperture_radii))
    reference = series_reference(images, sample.bad | never, aperture_window)
    excluded = reference.constant_bad | never
    if single:
        excluded = never

    stamps = Stamps(settings.subframe_shape, stamp_start(here, settings.subframe_shape))
    hole = excluded | (sample.bad[0] if single else False)
    template, stamps = _template(settings, reference.image, hole, stamps)
    array, origin, origin_name = template_on_grid(template, stamps.shape)
    correlator = Correlator(array, origin, method=settings.cross_correlation)
    anchor = (guess[0] - corner[0], guess[1] - corner[1])
    stamps, found = _settle(stamps, correlator, reference.image, hole, here, anchor)
    star = _fit_star(settings, reference.image, hole, stamps, found)

    model = _star_model(template, star, found, box_shape)
    noise, error_source = noise_model(
        settings, exposure, reader.ramp, sample, reference, model, levels, footprint, aperture_window
    )
    plan = Plan(
        settings=settings,
        frame_shape=tuple(shape),
        rows=rows,
        columns=columns,
        group_range=None if reader.ramp is None else reader.ramp.group_range,
        ramp=None if reader.ramp is None else replace(reader.ramp, signal=_signal(reader.ramp, reference, level)),
        dq_mask=reader.dq_mask,
        position=(found[0] + corner[0], found[1] + corner[1]),
        position_source=how,
        fixed=None,
        one_center=None,
        never=never,
        constant_bad=reference.constant_bad,
        reference=reference,
        footprint=footprint,
        aperture_window=aperture_window,
        window=aperture_window | stamps.window(box_shape),
        masks=masks,
        centroid_mask=None if settings.centroid_mask is None else settings.centroid_mask[rows, columns],
        stamps=stamps,
        correlator=correlator,
        template_origin=origin_name,
        psf=array if isinstance(template, PSFTemplate) else None,
        psf_origin=origin,
        star=star,
        noise=noise,
        error_source=error_source,
        bad_pixels="nan" if single and settings.bad_pixels == "scale" else settings.bad_pixels,
    )
    # A place that the user named is meant; one that a header promises is only near the star.
    plan = replace(plan, fixed=anchor if how == "user" else found)
    if settings.center == "median":
        plan = replace(plan, one_center=_median_centre(plan, images, sample.bad))
    return plan


def _grown(rows, columns, mask):
    y, x = np.nonzero(mask)
    return (
        slice(min(rows.start, int(y.min())), max(rows.stop, int(y.max()) + 1)),
        slice(min(columns.start, int(x.min())), max(columns.stop, int(x.max()) + 1)),
    )


def _signal(ramp, reference, level):
    """Expected last-first signal over the groups used, in the ramp's unit."""
    steps = ramp.group_range[1] - ramp.group_range[0]
    factor = {"last-first": 1.0, "groups": steps, "slope": steps * ramp.group_time}[ramp.ramp]
    return np.maximum((reference.image + np.median(level)) * factor, 0.0)


def _template(settings, image, hole, stamps):
    if settings.template is None:
        return GaussianTemplate(settings.template_fwhm), stamps
    if not (isinstance(settings.template, str) and settings.template == "median"):
        return settings.template, stamps
    # The series' median is its own template. Its origin must lie in the middle of the
    # stamp, which is cut anew until it does.
    for _ in range(5):
        try:
            template = PSFTemplate(stamps.cut_one(image, hole))
        except ValueError:
            # No light at all: rows will say so one by one.
            return GaussianTemplate(settings.template_fwhm), stamps
        x, y = template.origin
        start = stamp_start((stamps.start[0] + x, stamps.start[1] + y), stamps.shape)
        if start == stamps.start:
            break
        stamps = Stamps(stamps.shape, start)
    return template, stamps


def _settle(stamps, correlator, image, hole, here, anchor):
    """
    Put the stamp about the star of the reference image; return it and the star's place.

    The star must lie within the stamp about the first guess: where there is none, the
    highest noise must not lead the stamp away step by step.
    """
    ny, nx = image.shape
    found = here
    reach = (stamps.shape[1] / 2, stamps.shape[0] / 2)
    for _ in range(5):
        centers = correlator.centers(stamps.cut_one(image, hole)[None])
        if not centers.valid[0]:
            break
        candidate = (float(centers.x[0]) + stamps.start[0], float(centers.y[0]) + stamps.start[1])
        inside = -0.5 <= candidate[0] <= nx - 0.5 and -0.5 <= candidate[1] <= ny - 0.5
        near = all(abs(c - a) <= r for c, a, r in zip(candidate, anchor, reach, strict=True))
        if not (inside and near):
            break
        found = candidate
        start = stamp_start(found, stamps.shape)
        if start == stamps.start:
            break
        stamps = Stamps(stamps.shape, start)
    return stamps, (min(max(found[0], 0.0), nx - 1.0), min(max(found[1], 0.0), ny - 1.0))


def _fit_star(settings, image, hole, stamps, found):
    fits = fit_gaussians(
        stamps.cut_one(image, hole)[None],
        np.array([found[0] - stamps.start[0]]),
        np.array([found[1] - stamps.start[1]]),
        bad=stamps.cut_one(hole, None, fill=True)[None],
        fwhm0=settings.template_fwhm,
        pixel_integrated=settings.pixel_integrated,
    )
    if fits.status[0]:
        return None
    return (
        float(fits.amplitude[0]),
        float(fits.x[0]) + stamps.start[0],
        float(fits.y[0]) + stamps.start[1],
        float(fits.x_stddev[0]),
        float(fits.y_stddev[0]),
        float(fits.theta[0]),
    )


def _star_model(template, star, found, shape):
    """Smooth image of the star, scaled to sum 1 (PSF) or as fitted; None where there is none."""
    from nircam_tso.extractor.stamps import gaussian_stamp

    if isinstance(template, PSFTemplate):
        array, origin, _ = template_on_grid(template, shape)
        from nircam_tso.measure.templates import shift_images

        return shift_images(array, np.array([found[0] - origin[0]]), np.array([found[1] - origin[1]]))[0]
    if star is None:
        return None
    return gaussian_stamp(star, shape)


def _median_centre(plan, images, bad):
    # Each integration's own centre, as the loop finds it, and the median of these:
    # robust against single bad ones, and without a second pass over the series.
    centres = centre_stamps(plan, images.copy(), bad & ~plan.excluded)
    gauss = (np.where(centres.fits.status == 0, centres.x_gauss, np.nan), centres.y_gauss)
    for x, y in ([gauss] if plan.has_peak else []) + [(centres.x_cc, centres.y_cc)]:
        good = np.isfinite(x) & np.isfinite(y)
        if good.sum() * 2 > len(x):
            return (float(np.median(x[good])), float(np.median(y[good])))
    return plan.fixed


def _unsaturated_range(settings, exposure, ramp, position):
    """Groups up to the last one that no integration saturates within the apertures."""
    reach = max([*settings.aperture_radii, max(settings.subframe_shape) / 2])
    rows, columns = _box(exposure.shape, position, int(np.ceil(reach)) + 1)
    shape = (rows.stop - rows.start, columns.stop - columns.start)
    here = (position[0] - columns.start, position[1] - rows.start)
    window = aperture_footprint(shape, here, reach)
    for mask in settings.aperture_masks.values():
        window |= mask[rows, columns]
    level = settings.saturation
    if np.ndim(level) == 2:
        level = np.asarray(level, float)[rows, columns]
    first = ramp.group_range[1] + 1
    per_block = max(1, _SEARCH_BYTES // (8 * exposure.n_groups * exposure.shape[1] * shape[0]))
    for start in range(0, len(exposure), per_block):
        block = exposure.read(start, min(start + per_block, len(exposure)), rows)
        groups = saturated_groups(np.ascontiguousarray(block.data[..., columns]), level)
        groups[:, ~window] = first
        first = min(first, int(groups.min()))
    # Two groups at least: pixels that saturate before that are flagged one by one.
    return (0, max(first - 1, 1))
