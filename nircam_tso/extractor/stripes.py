"""Stripes of a series: found in a sample of it, to be taken off, and counted among the errors."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nircam_tso.extractor.boxes import Box
from nircam_tso.extractor.layout import readout_layout
from nircam_tso.extractor.response import responses
from nircam_tso.extractor.sky import sky_shares
from nircam_tso.measure.background import estimate_background
from nircam_tso.measure.overlap import circle_overlap
from nircam_tso.measure.photometry import aperture_footprint
from nircam_tso.measure.reference import nan_median, sample_rows
from nircam_tso.measure.striping import (
    MIN_FREE,
    fit_striping,
    image_residuals,
    level_scatter,
    line_variance,
    noise_variograms,
    series_residuals,
    striping_lines,
)

__all__ = ["LineNoise", "Stripes", "find_stripes", "remaining_noise"]

#: Integrations from which on the series' own median is fit to be taken off.
_ENOUGH = 10
#: Moments of readout of all images in which the noise is looked for, and how many images that may be.
_SEARCH_TIMES = 4_000_000
_SEARCH_MIN, _SEARCH_MAX = 8, 128
#: Line noise that is less than this part of a sum's white variance cannot be told from none.
_LEAST_PART = 0.05
#: What does not exceed so many of its standard errors is chance.
_SURE = 3.0
#: Robust standard deviations in time by which a pixel that was hit differs.
_HIT = 5.0
_MAD_TO_SIGMA = 1.482602218505602
#: Integrations from which on a median image is one.
_MEDIAN_OF = 3
#: Median of the square of a standard normal variable.
_MEDIAN_OF_SQUARES = 0.454936423119572


@dataclass(frozen=True, eq=False)
class Stripes:
    """
    What is known of the stripes of a series.

    Attributes
    ----------
    layout : `~nircam_tso.measure.striping.ReadoutLayout`
        How the frame was read.
    models : tuple of `~nircam_tso.measure.striping.StripingModel`
        What is taken off: one model for finished images and for the last group less the
        first, else one for each step; empty where nothing is.
    model : `~nircam_tso.measure.striping.StripingModel` or None
        The same for the images that are measured, from which their errors follow.
    variograms : `~nircam_tso.measure.striping.Variograms` or None
        Of the uncorrected frames; None where nothing is corrected.
    level : (float, float) or None
        Variance of their level from image to image, and its error.
    notes : tuple of str
        What the metadata should say.
    """

    layout: Any
    models: tuple = ()
    model: Any = None
    variograms: Any = None
    level: tuple | None = None
    notes: tuple = ()

    @property
    def along(self):
        """Whether lines are rows or columns of the frame."""
        return "row" if abs(self.layout.fast_axis) == 1 else "column"


@dataclass(frozen=True)
class LineNoise:
    """
    Standard deviation that stripes leave along lines, as each kind of sum sees it; 0 for none.

    Attributes
    ----------
    circles : `~numpy.ndarray`, shape (R,)
        Circular apertures.
    named : dict of str to float
        Other shapes, and masks; none is in it where there is no such noise.
    psf : float
        The PSF-weighted flux.
    columns : dict of str to float
        Variance that stripes add to other columns: the sky, centres, widths and the like.
    notes : tuple of str
        What the metadata should say.
    """

    circles: np.ndarray
    named: dict = field(default_factory=dict)
    psf: float = 0.0
    columns: dict = field(default_factory=dict)
    notes: tuple = ()

    @property
    def any(self):
        """Whether sums have any."""
        return bool(np.any(self.circles > 0) or any(value > 0 for value in self.named.values()) or self.psf > 0)


def find_stripes(settings, exposure, reader, places, reach):
    """
    Find what has to be taken off.

    Parameters
    ----------
    settings : `~nircam_tso.TimeSeriesExtractor`
        With ``striping``.
    exposure : `~nircam_tso.io.exposure.Exposure`
        What will be measured.
    reader : `~nircam_tso.extractor.sample.SampleReader`
        Reads samples, without correction.
    places : sequence of (float, float)
        (x, y) of the stars in the frame.
    reach : float
        How far from its centre the largest aperture reaches.

    Returns
    -------
    Stripes
        Without models if ``striping`` is None.

    Raises
    ------
    ValueError
        If outputs are asked for that the header does not tell.
    """
    layout = readout_layout(exposure.header, exposure.shape)
    if settings.striping is None:
        return Stripes(layout)
    shape = exposure.shape
    lines = striping_lines(settings.striping, shape, layout, odd_even=settings.striping_odd_even)
    frame = Box(slice(0, shape[0]), slice(0, shape[1]))
    star = _stars(settings, shape, places, reach)
    free = ~star & ~reader.never
    enough = len(exposure) >= _ENOUGH
    reference = {"auto": "median" if enough else None, "median": "median", "none": None}[settings.striping_reference]
    notes = []
    if reference is not None and len(exposure) < _MEDIAN_OF:
        reference = None
        notes.append(
            f"striping: a median of fewer than {_MEDIAN_OF} integrations is none; levels know the star's wings"
        )
    sample = reader.sample(frame)
    hit = _hits(sample.data, sample.bad, free)
    residuals = series_residuals(sample.data, sample.bad | hit(sample.data), free, star, reference=reference)
    # Ramps are corrected difference by difference; errors are those of the images.
    stacks = [(sample.data, sample.bad)] if reader.ramp is None else reader.differences(frame)
    models = tuple(
        fit_striping(series_residuals(data, bad, free, star, reference=reference), lines, star) for data, bad in stacks
    )
    found = []

    def parts():
        for index in sample_rows(len(exposure), _search_count(layout, shape)):
            images = reader.images_of(int(index), frame)
            bad = images.bad | hit(images.data)
            values = image_residuals(images.data, bad, residuals.free, star, residuals.reference)
            found.extend(_levels(images.data, bad, residuals.free))
            yield _without_wings(values, residuals.free & ~bad, residuals.reference)

    counts = lines.along(residuals.free).sum(axis=1)
    few = int((counts < MIN_FREE).sum())
    if few:
        notes.append(f"striping: {few} lines have fewer than {MIN_FREE} pixels beside the star and keep their level")
    variograms = noise_variograms(parts(), layout, _photon_noise(residuals)) if enough else None
    model = fit_striping(residuals, lines, star)
    return Stripes(layout, models, model, variograms, level_scatter(found), tuple(notes))


def _levels(images, bad, free):
    """Median of the free pixels of each image; NaN where there is none."""
    uses = free & ~bad & np.isfinite(images)
    return [float(np.median(image[use])) if use.any() else np.nan for image, use in zip(images, uses, strict=True)]


def _hits(images, bad, free):
    """
    Return a function that finds the pixels of images that differ from what they are in a sample.

    Cosmic rays change the flux by which the median image is scaled, and what is left of
    its wings would pass for noise that pixels share.
    """
    if len(images) < _ENOUGH:
        return lambda others: np.zeros(others.shape, bool)

    def against_level(others):
        levels = np.nan_to_num(_levels(others, np.zeros(others.shape, bool), free))
        return others - levels[:, None, None]

    values = np.where(bad, np.nan, against_level(images))
    middle = nan_median(values)
    spread = _MAD_TO_SIGMA * nan_median(np.abs(values - middle))
    known = spread[free & np.isfinite(spread)]
    # Whole numbers may have no spread at all.
    limit = _HIT * np.maximum(spread, np.median(known) if known.size else np.inf)

    def hit(others):
        return (np.abs(against_level(others) - middle) > limit) & (limit > 0)

    return hit


def _without_wings(values, usable, reference):
    """
    Residuals in which the light that lies beside the star has the scale that it has there.

    The star's flux, by which the median image was scaled, is noisy: all of a bright
    star's wings would rise and fall together, and pass for noise that pixels share.
    """
    usable = usable & np.isfinite(values)
    if reference is None:
        return values, usable
    result = []
    for image, use in zip(values, usable, strict=True):
        light = np.where(use, reference - reference[use].mean() if use.any() else 0.0, 0.0)
        norm = float((light * light).sum())
        slope = float((light * np.where(use, image, 0.0)).sum()) / norm if norm > 0 else 0.0
        result.append(image - slope * reference)
    return np.stack(result), usable


def _photon_noise(residuals):
    """
    Variance of each pixel over that of a typical one, as the light on it makes it.

    A straight line of the variance in time against the median image; None where there
    is no such image.
    """
    if residuals.reference is None or len(residuals.values) < _ENOUGH:
        return None
    values = np.where(residuals.usable, np.square(residuals.values), np.nan)
    free = residuals.free & (np.isfinite(values).sum(axis=0) >= _ENOUGH)
    if not free.any():
        return None
    light = residuals.reference[free]
    light = light - light.mean()
    # The median keeps out cosmic rays; its scale does not matter to a line's slope but by a factor.
    variance = nan_median(values[:, free]) / _MEDIAN_OF_SQUARES
    norm = float((light * light).sum())
    slope = float((light * (variance - variance.mean())).sum()) / norm if norm > 0 else 0.0
    excess = max(slope, 0.0) * (residuals.reference - residuals.reference[free].mean())
    return np.where(np.isfinite(excess), excess, 0.0)


def _search_count(layout, shape):
    """Images in which noise is looked for: many of small frames, few of large ones."""
    lines, length = shape if abs(layout.fast_axis) == 1 else shape[::-1]
    width = length if layout.edges is None else int(np.diff(layout.edges).max())
    return int(np.clip(_SEARCH_TIMES // (lines * (width + layout.overhead)), _SEARCH_MIN, _SEARCH_MAX))


def _stars(settings, shape, places, reach):
    """Pixels of the stars, that tell nothing of stripes."""
    result = np.zeros(shape, bool)
    for place in places:
        result |= aperture_footprint(shape, place, max(reach, max(settings.subframe_shape) / 2) + 1)
    for mask in settings.aperture_masks.values():
        result |= mask
    return result


def _layout_of(layout, shape, box):
    """How a part of a frame was read: what lies beside it passes as a longer pause between lines."""
    axis = 2 - abs(layout.fast_axis)
    part = (box.rows, box.columns)[axis]
    edges = (0, shape[axis]) if layout.edges is None else layout.edges
    width = int(np.diff(edges).max())
    inner = [edge - part.start for edge in edges if part.start < edge < part.stop]
    own = (0, *inner, part.stop - part.start)
    pause = layout.overhead + width - int(np.diff(own).max())
    return replace(layout, edges=None if layout.edges is None else own, overhead=pause)


def remaining_noise(plan, reader, stripes, others, reach):
    """
    Noise that stripes, corrected or not, leave in the sums of a star.

    Parameters
    ----------
    plan : `~nircam_tso.extractor.plan.Plan`
        The star's plan.
    reader : `~nircam_tso.extractor.sample.SampleReader`
        Reads samples.
    stripes : Stripes
        What is known of the stripes.
    others : sequence of (float, float)
        (x, y) of the other stars in the frame.
    reach : float
        How far from its centre the largest aperture reaches.

    Returns
    -------
    LineNoise
        Zeros where too few integrations tell, or where what they tell is no more than chance.
    """
    settings, shape = plan.settings, plan.frame_shape
    none = LineNoise(np.zeros(len(settings.aperture_radii)))
    if plan.error_source == "none":
        return none
    if len(reader.exposure) < _ENOUGH:
        return replace(
            none, notes=(f"1/f noise: in no error, as fewer than {_ENOUGH} integrations tell nothing of it",)
        )
    read, model = plan.read, stripes.model
    layout = _layout_of(stripes.layout, shape, read)
    if model is not None:
        free, variograms, level = model.free, stripes.variograms, stripes.level
    else:
        star = _stars(settings, shape, [plan.position, *others], reach)[read.window]
        free, variograms, level = _noise_of_sample(plan, reader, stripes, star, layout)
    if np.isnan(variograms.line).all():
        return none
    apertures, names = _apertures(plan)
    columns = {name: _in_read(plan, image) for name, image in responses(plan).items()}
    background, sky = settings.background, plan.footprint

    weights = [image - sky_shares(background, sky, image) for image in (*apertures, *columns.values())]
    noise = _in_read(plan, plan.noise)
    white = [float((np.square(image) * noise).sum()) for image in (*apertures, *columns.values())]
    if background is not None:
        window = _in_read(plan, plan.aperture_window.astype(float))
        weights.append(sky_shares(background, sky, window / window.sum()))
        white.append(float(np.square(weights[-1]).sum()) * max(float(variograms.line[1]), 0.0))
    found, error = line_variance(variograms, layout, free, weights, model=model, level=level)
    # What is no more than chance, or lost in the white noise, counts as none.
    found = np.where((found > _SURE * error) & (found >= _LEAST_PART * np.array(white)), found, 0.0)
    chords = np.square(apertures.sum(axis=2 if stripes.along == "row" else 1)).sum(axis=1)
    sums = np.sqrt(np.divide(found[: len(apertures)], chords, out=np.zeros(len(apertures)), where=chords > 0))
    n = len(settings.aperture_radii)
    others = dict(zip([*columns, "background"], map(float, found[len(apertures) :]), strict=False))
    return LineNoise(
        sums[:n], dict(zip(names, map(float, sums[n:-1]), strict=True)), float(sums[-1]),
        {name: value for name, value in others.items() if value > 0},
    )  # fmt: skip


def _noise_of_sample(plan, reader, stripes, star, layout):
    """Pixels beside the stars, the variograms of uncorrected images, and the scatter of their level."""
    background, read = plan.settings.background, plan.read
    sample = reader.sample(read)
    free = ~star & ~reader.never[read.window]
    hit = _hits(sample.data, sample.bad, free)
    levels = []

    def images_of(images, bad):
        bad = bad | hit(images)
        if getattr(background, "axis", stripes.along) == stripes.along:
            return images, bad
        # Lines across the readout are the sky's affair, and gone when sums are made.
        skies = estimate_background(np.ascontiguousarray(images), plan.footprint, background, bad=bad)
        return images - np.where(skies.valid[:, None, None], skies.image, 0.0), bad

    residuals = series_residuals(*images_of(sample.data, sample.bad), free, star)

    def parts():
        for index in sample_rows(len(reader.exposure), _search_count(layout, read.shape)):
            raw = reader.images_of(int(index), read)
            images, bad = images_of(raw.data, raw.bad)
            levels.extend(_levels(raw.data, bad, residuals.free))
            values = image_residuals(images, bad, residuals.free, star, residuals.reference)
            yield _without_wings(values, residuals.free & ~bad, residuals.reference)

    variograms = noise_variograms(parts(), layout, _photon_noise(residuals))
    return residuals.free, variograms, level_scatter(levels)


def _apertures(plan):
    """Weights of the pixels in each sum: circles, shapes and masks, and the PSF."""
    settings, read = plan.settings, plan.read
    place = read.here(plan.position)
    radii = np.array(settings.aperture_radii) * (plan.fwhm if settings.radius_unit == "fwhm" else 1.0)
    weights = [circle_overlap(read.shape, place, radius) for radius in radii]
    weights += [shape.overlap(read.shape, place) for shape in settings.aperture_shapes.values()]
    weights += [settings.aperture_masks[name][read.window].astype(float) for name in plan.masks]
    model = plan.star.model(plan.box.shape)
    psf = np.zeros(read.shape)
    if model is not None and model.sum() > 0:
        model = np.where(plan.star.stamps.window(plan.box.shape) & ~plan.excluded, model / model.sum(), 0.0)
        weighted = model / plan.noise
        psf = _in_read(plan, weighted / max(float((weighted * model).sum()), 1e-300))
    return np.stack([*weights, psf]), [*settings.aperture_shapes, *plan.masks]


def _in_read(plan, image):
    result = np.zeros(plan.read.shape)
    result[plan.box.within(plan.read)] = image
    return result
