"""What holds for a whole series: found once, from a sample of it, before the loop."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from nircam_tso.extractor.boxes import Box, box_about, read_box, star_box
from nircam_tso.extractor.groups import ramp_settings, unsaturated_range
from nircam_tso.extractor.line_noise import remaining_noise
from nircam_tso.extractor.locate import SEARCH_SIZE, brightest_spot, light_centre, start_position
from nircam_tso.extractor.noise import noise_model
from nircam_tso.extractor.pixels import RampSettings
from nircam_tso.extractor.profiles import components_of_sample
from nircam_tso.extractor.sample import SampleReader
from nircam_tso.extractor.settings import positions
from nircam_tso.extractor.sky import sample_sky
from nircam_tso.extractor.stamps import centre_stamps
from nircam_tso.extractor.star import Star
from nircam_tso.extractor.stripes import find_stripes
from nircam_tso.measure.background import FrameBackground
from nircam_tso.measure.gaussian.model import FWHM_PER_STDDEV
from nircam_tso.measure.medians import nan_median
from nircam_tso.measure.photometry import aperture_footprint
from nircam_tso.measure.reference import Reference, sample_rows, series_reference

__all__ = ["Plan", "make_plans"]

#: Widths of single integrations beyond this factor of the series' are no measure of an aperture.
_FWHM_RANGE = 1.5


@dataclass(frozen=True, eq=False)
class Plan:
    """
    Everything that a block's measuring needs beside its pixels.

    Attributes
    ----------
    settings : `~nircam_tso.TimeSeriesExtractor`
        The settings.
    frame_shape : (int, int)
        (ny, nx) of the frame.
    read, box : Box
        What is read, where the sky is measured, and the star's part of it. All images
        and positions below are those of ``box``, unless they say otherwise.
    ramp : RampSettings or None
        How ramps become images.
    dq_mask : int
        DQ bits that make a pixel bad.
    position : (float, float)
        (x, y) of the star in the frame.
    position_source : str
        What it was looked for by.
    fixed : (float, float)
        Where apertures sit with ``center="fixed"``, and where all else fails.
    one_center : (float, float) or None
        Where they sit with ``center="median"``.
    never, constant_bad : `~numpy.ndarray` of bool
        Pixels that see no light, and those that are bad in most integrations.
    reference : Reference
        The series' median image.
    footprint : `~numpy.ndarray` of bool or None
        Pixels of the sky in ``read``.
    aperture_window, window : `~numpy.ndarray` of bool
        Pixels of the largest aperture about the star, and of it and the stamp.
    masks : dict of str to `~numpy.ndarray` of bool
        Aperture masks.
    centroid_mask : `~numpy.ndarray` of bool or None
        Pixels of the flux-weighted centre.
    star : Star
        Stamp, template and Gaussian.
    has_peak : bool
        Whether the star has a single peak; a defocused one has not.
    noise : `~numpy.ndarray`
        Smooth variance.
    noise_known : bool
        False where it is 1 for want of anything better.
    error_source : str
        Where errors come from.
    bad_pixels : {"scale", "nan", "ignore"}
        Policy for passing bad pixels, as it can be followed.
    fwhm : float
        Width of the series' Gaussian; that of the template where no fit succeeds.
    stripes : Stripes
        1/f noise that is taken off.
    line_noise : LineNoise or None
        What is left of it; None until that is known, as no block needs it.
    components : `~nircam_tso.measure.systematics.Components` or None
        Principal components of the subframe.
    sky_noise : float
        Standard deviation of a sky pixel in time, NaN where it is not known.
    """

    settings: Any
    frame_shape: tuple[int, int]
    read: Box
    box: Box
    ramp: RampSettings | None
    dq_mask: int
    position: tuple[float, float]
    position_source: str
    fixed: tuple[float, float]
    one_center: tuple[float, float] | None
    never: np.ndarray
    constant_bad: np.ndarray
    reference: Reference
    footprint: np.ndarray | None
    aperture_window: np.ndarray
    window: np.ndarray
    masks: dict
    centroid_mask: np.ndarray | None
    star: Star
    has_peak: bool
    noise: np.ndarray
    noise_known: bool
    error_source: str
    bad_pixels: str
    fwhm: float
    stripes: Any
    line_noise: Any
    components: Any
    sky_noise: float

    @property
    def steps(self):
        """Rows of the product for each integration."""
        groups = self.ramp is not None and self.ramp.ramp == "groups"
        return self.ramp.group_range[1] - self.ramp.group_range[0] if groups else 1

    @property
    def box_signal(self):
        """Expected signal of the ramps in the box, see `RampSettings`."""
        return self.ramp.signal[self.box.within(self.read)]

    @property
    def group_range(self):
        """First and last group used, None for finished images."""
        return None if self.ramp is None else self.ramp.group_range

    @property
    def judges_fit(self):
        """
        Whether a poor Gaussian fit says something about a row.

        Of a defocused star the Gaussian is a description, whose failure is no fault,
        unless the apertures sit on it.
        """
        return self.has_peak or self.settings.center == "gaussian"

    @property
    def stamp_noise(self):
        """Smooth variance on the stamp; NaN beyond the box, where there is nothing to weigh."""
        return self.star.stamps.cut_one(self.noise, None, fill=np.nan)

    @property
    def stamp_weights(self):
        """Inverse of it; 0 beyond the box."""
        return np.nan_to_num(1.0 / self.stamp_noise)

    def radii(self, fits):
        """
        Radii of the circular apertures in pixels.

        Parameters
        ----------
        fits : `~nircam_tso.measure.gaussian.GaussianFits`
            Fits of a block.

        Returns
        -------
        `~numpy.ndarray`, shape (R,) or (b, R)
            One set for all, or by each integration's width; where its fit is not to be
            trusted, by the series' width.
        """
        radii = np.array(self.settings.aperture_radii, float)
        if self.settings.radius_unit == "pix":
            return radii
        widths = FWHM_PER_STDDEV * np.sqrt(fits.x_stddev * fits.y_stddev)
        known = (fits.status == 0) & (widths < _FWHM_RANGE * self.fwhm) & (widths * _FWHM_RANGE > self.fwhm)
        return np.where(known, widths, self.fwhm)[:, None] * radii

    @property
    def excluded(self):
        """Pixels of the box that no integration uses."""
        return self.never | self.constant_bad


def make_plans(settings, exposure):
    """
    Find the stars and everything else that holds for the series.

    Parameters
    ----------
    settings : `~nircam_tso.TimeSeriesExtractor`
        The settings.
    exposure : `~nircam_tso.io.exposure.Exposure`
        What will be measured.

    Returns
    -------
    plans : list of Plan
        One for each star.
    search : callable
        Takes nothing and returns each star's `~nircam_tso.extractor.line_noise.LineNoise`. It
        reads a sample of the exposure, and may do so while blocks are measured.

    Raises
    ------
    ValueError
        For settings that do not fit the exposure: a position outside the frame, masks
        of another shape, an aperture larger than the frame, a sky that lies outside
        it, a ramp with one group.
    """
    _check_shapes(settings, exposure.shape)
    ramp = ramp_settings(settings, exposure)
    starts = [start_position(position, exposure) for position in positions(settings.position)]
    reader = SampleReader(settings, exposure, ramp)
    places = []
    for position, how in starts:
        if position is None:
            position = _brightest(reader)
        elif how != "user":
            position = _refine(reader, settings, position)
        places.append(position)
    if ramp is not None and settings.group_range == "auto":
        # One choice for all stars, so that their ratios mean something.
        reach = _reach(settings, exposure.shape, settings.template_fwhm)
        ranges = [unsaturated_range(settings, exposure, reader, position, reach) for position in places]
        ramp = replace(ramp, group_range=min(ranges))
        reader = SampleReader(settings, exposure, ramp)
    reach = _reach(settings, exposure.shape, settings.template_fwhm)
    stripes = find_stripes(settings, exposure, reader, places, reach)
    reader.corrected(stripes.models)
    plans, searches = [], []
    for i, (position, (_, how)) in enumerate(zip(places, starts, strict=True)):
        others = tuple(places[:i] + places[i + 1 :])
        plan = _plan(settings, exposure, reader, stripes, position, how, others)
        plans.append(plan)
        reach = _reach(settings, exposure.shape, plan.fwhm)
        searches.append(partial(remaining_noise, plan, reader, stripes, others, reach))
    return plans, lambda: [search() for search in searches]


def _plan(settings, exposure, reader, stripes, position, how, others):
    guess, fwhm = position, settings.template_fwhm
    for _ in range(4):
        # The star may be several pixels from the guess: the boxes, the sky's footprint
        # and the reference follow it until it stays.
        plan = _plan_at(settings, exposure, reader, position, guess, how, others, fwhm)
        moved = np.hypot(plan.position[0] - position[0], plan.position[1] - position[1])
        position = plan.position
        grown = settings.radius_unit == "fwhm" and not abs(plan.fwhm - fwhm) <= 0.05 * fwhm
        fwhm = plan.fwhm
        if moved <= 1.0 and not grown:
            break
    return replace(plan, stripes=stripes)


def _check_shapes(settings, shape):
    if settings.radius_unit == "pix" and max([0, *settings.aperture_radii]) > np.hypot(*shape):
        raise ValueError(
            f"aperture_radii: {max(settings.aperture_radii):g} px reaches beyond the whole frame of "
            f"{shape[0]} x {shape[1]} pixels (y, x)"
        )
    masks = {f"aperture_masks[{name!r}]": mask for name, mask in settings.aperture_masks.items()}
    if settings.centroid_mask is not None:
        masks["centroid_mask"] = settings.centroid_mask
    if settings.saturation is not None and np.ndim(settings.saturation) == 2:
        masks["saturation"] = settings.saturation
    for name, mask in masks.items():
        if mask.shape != tuple(shape):
            raise ValueError(f"{name}: has shape {mask.shape}, but the images have {tuple(shape)}")


def _brightest(reader):
    image, good = reader.median_of_frame(range(min(32, len(reader.exposure))))
    return brightest_spot(image, good)


def _refine(reader, settings, position):
    """From a header's position to the star near it."""
    defocused = max(settings.subframe_shape) > SEARCH_SIZE
    half = max(SEARCH_SIZE, *settings.subframe_shape) // 2 + 5
    box = box_about(reader.exposure.shape, position, 2 * half if defocused else half)
    image, good = reader.median(box, sample_rows(len(reader.exposure), 32))
    if defocused:
        # A defocused star has no brightest spot worth the name.
        found = light_centre(image, good, box.here(position), settings.subframe_shape)
    else:
        found = brightest_spot(image, good, box.here(position))
    return (found[0] + box.corner[0], found[1] + box.corner[1])


def _plan_at(settings, exposure, reader, position, guess, how, others, fwhm):
    reach = _reach(settings, exposure.shape, fwhm)
    masks = settings.aperture_masks
    box = star_box(settings, exposure.shape, position, reach)
    read = read_box(settings, exposure.shape, position, box)
    sample = reader.sample(read, box)
    single = len(sample.data) == 1
    unusable = reader.never[read.window] | _near(settings, read, others)
    here = read.here(position)
    region = _aperture_window({name: mask[read.window] for name, mask in masks.items()}, read.shape, here, reach)
    footprint, levels, level, sky_noise = sample_sky(settings, sample, unusable, here, single, region)

    ramp = reader.ramp
    if ramp is not None:
        ramp = replace(ramp, signal=_signal(ramp, sample))
    sample = sample.cut(box.within(read))
    images = sample.data - (level if level.shape[1] == 1 else level[:, *box.within(read)])
    never = reader.never[box.window]
    if single and sample.masked is not None:
        # What the user leaves out of the only image is left out of all.
        never = never | sample.masked[0]
    here = box.here(position)
    masks = {name: mask[box.window] for name, mask in masks.items()}
    aperture_window = _aperture_window(masks, box.shape, here, reach)
    reference = series_reference(images, sample.bad | never, aperture_window)
    holes = reference.constant_bad | never | (sample.bad[0] if single else False)
    star = Star(settings, reference.image, holes, here, box.here(guess))
    sky = None if footprint is None else footprint[box.within(read)]
    noise, error_source, noise_known = noise_model(
        settings, exposure, ramp, sample, reference, star.model(box.shape), levels, sky, aperture_window
    )
    plan = Plan(
        settings=settings,
        frame_shape=tuple(exposure.shape),
        read=read,
        box=box,
        ramp=ramp,
        dq_mask=reader.dq_mask,
        position=(star.position[0] + box.corner[0], star.position[1] + box.corner[1]),
        position_source=how,
        # A place that the user named is meant; one that a header promises is only near the star.
        fixed=box.here(guess) if how == "user" else star.position,
        one_center=None,
        never=never,
        constant_bad=reference.constant_bad,
        reference=reference,
        footprint=footprint,
        aperture_window=aperture_window,
        window=aperture_window | star.stamps.window(box.shape),
        masks=masks,
        centroid_mask=None if settings.centroid_mask is None else settings.centroid_mask[box.window],
        star=star,
        has_peak=star.has_peak,
        noise=noise,
        noise_known=noise_known,
        error_source=error_source,
        bad_pixels="nan" if single and settings.bad_pixels == "scale" else settings.bad_pixels,
        fwhm=star.fwhm(settings.template_fwhm),
        stripes=None,
        line_noise=None,
        components=None,
        sky_noise=sky_noise,
    )
    plan = replace(plan, components=components_of_sample(plan, images, sample.bad))
    if settings.center == "median":
        plan = replace(plan, one_center=_median_centre(plan, images, sample.bad))
    return plan


def _near(settings, box, others):
    """Pixels about the other stars, which are no sky."""
    result = np.zeros(box.shape, bool)
    radius = getattr(settings.background, "exclude_radius", FrameBackground().exclude_radius)
    for position in others:
        x, y = box.here(position)
        beside, above = np.arange(box.shape[1]) - x, np.arange(box.shape[0]) - y
        result |= beside**2 + above[:, None] ** 2 <= radius**2
    return result


def _signal(ramp, sample):
    """Expected last-first signal over the groups used, in the ramp's unit, sky included."""
    steps = ramp.group_range[1] - ramp.group_range[0]
    factor = {"last-first": 1.0, "groups": steps, "slope": steps * ramp.group_time}[ramp.ramp]
    median = np.nan_to_num(nan_median(sample.data, sample.bad))
    return np.maximum(median * factor, 0.0)


def _reach(settings, shape, fwhm):
    """How far from its centre the largest aperture reaches, in pixels."""
    radii = list(settings.aperture_radii)
    if settings.radius_unit == "fwhm":
        # Widths vary from one integration to the next.
        radii = [min(_FWHM_RANGE * fwhm * radius, float(np.hypot(*shape))) for radius in radii]
    return max([0.0, *radii, *(aperture.reach for aperture in settings.aperture_shapes.values())])


def _aperture_window(masks, shape, here, reach):
    window = np.zeros(shape, bool)
    for mask in masks.values():
        window |= mask
    if reach > 0:
        window |= aperture_footprint(shape, here, reach)
    return window


def _median_centre(plan, images, bad):
    # Each integration's own centre, as the loop finds it, and the median of these:
    # robust against single bad ones, and without a second pass over the series.
    passing = bad & ~plan.excluded
    centres = centre_stamps(plan, images.copy(), passing, passing)
    gauss = (np.where(centres.fits.status == 0, centres.x_gauss, np.nan), centres.y_gauss)
    for x, y in ([gauss] if plan.has_peak else []) + [(centres.x_cc, centres.y_cc)]:
        good = np.isfinite(x) & np.isfinite(y)
        if good.sum() * 2 > len(x):
            return (float(np.median(x[good])), float(np.median(y[good])))
    return plan.fixed
