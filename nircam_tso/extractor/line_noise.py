"""What stripes leave in the errors of a star's sums."""

from dataclasses import dataclass, field, replace

import numpy as np

from nircam_tso.columns import radius_label
from nircam_tso.extractor.response import responses
from nircam_tso.extractor.search import ENOUGH, Hits, search_noise
from nircam_tso.extractor.sky import level_share, sky_shares
from nircam_tso.extractor.stripes import star_pixels
from nircam_tso.measure.background import estimate_background
from nircam_tso.measure.overlap import circle_overlap
from nircam_tso.measure.striping import line_variance, series_residuals

__all__ = ["LineNoise", "add_line_noise", "remaining_noise"]

#: Line noise that is less than this part of a sum's white variance cannot be told from none.
_LEAST_PART = 0.05
#: What does not exceed so many of its standard errors is chance.
_SURE = 3.0


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
    if len(reader.exposure) < ENOUGH:
        return replace(none, notes=(f"1/f noise: in no error, as fewer than {ENOUGH} integrations tell nothing of it",))
    read, model = plan.read, stripes.model
    layout = _layout_of(stripes.layout, shape, read)
    if model is not None:
        free, variograms, level = model.free, stripes.variograms, stripes.level
    else:
        star = star_pixels(settings, shape, [plan.position, *others], reach)[read.window]
        free, variograms, level = _noise_of_sample(plan, reader, stripes, star, layout)
    if np.isnan(variograms.line).all():
        return none
    apertures, names = _apertures(plan)
    columns = responses(plan)
    images = [*apertures, *columns.values()]
    white = [float((np.square(image) * plan.noise).sum()) for image in images]
    weights = [_in_read(plan, image) for image in images]
    share = level_share(settings.background, plan.footprint)
    common = None
    if share is not None:
        # The sky itself is less than nothing by once the share.
        common = share, [*(image.sum() for image in images), -1.0]
        weights.append(np.zeros(read.shape))
    else:
        shares = sky_shares(settings.background, plan.footprint)
        weights = [image - shares(image) for image in weights]
        if settings.background is not None:
            window = _in_read(plan, plan.aperture_window.astype(float))
            share = shares(window / window.sum())
            weights.append(share)
    if share is not None:
        white.append(float(np.square(share).sum()) * max(float(variograms.line[1]), 0.0))
    found, error = line_variance(variograms, layout, free, weights, common=common, model=model, level=level)
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


def add_line_noise(settings, noise, numbers):
    """
    Add to the errors of measured columns what stripes leave in them.

    The blocks are measured without it, as it is found while they are.

    Parameters
    ----------
    settings : `~nircam_tso.TimeSeriesExtractor`
        The settings.
    noise : LineNoise
        What stripes leave in each kind of sum.
    numbers : dict of str to `~numpy.ndarray`
        A star's columns, from `~nircam_tso.extractor.block.measure_block`.

    Returns
    -------
    dict of str to `~numpy.ndarray`
        The columns of the product, without the chords.
    """
    circles = (f"aperture_sum_err_r{radius_label(r, settings.radius_unit)}" for r in settings.aperture_radii)
    sums = dict(zip(circles, noise.circles, strict=True))
    sums |= {f"aperture_sum_err_{name}": value for name, value in noise.named.items()}
    sums["psf_flux_err"] = noise.psf
    more = {name: numbers[f"{name}_chords"] * value**2 for name, value in sums.items() if value > 0}
    more |= {f"{name}_err": value for name, value in noise.columns.items()}
    result = {name: values for name, values in numbers.items() if not name.endswith("_chords")}
    for name, variance in more.items():
        if name in result:
            result[name] = np.sqrt(result[name] ** 2 + variance)
    return result


def _noise_of_sample(plan, reader, stripes, star, layout):
    """Pixels beside the stars, the variograms of uncorrected images, and the scatter of their level."""
    background, read = plan.settings.background, plan.read
    sample = reader.sample(read)
    free = ~star & ~reader.never[read.window]
    hits = Hits(sample.data, sample.bad, free)

    def sky_off(images, bad):
        # Lines across the readout are the sky's affair, and gone when sums are made.
        skies = estimate_background(np.ascontiguousarray(images, np.float64), plan.footprint, background, bad=bad)
        return images - np.where(skies.valid[:, None, None], skies.image, 0.0)

    without_sky = None if getattr(background, "axis", stripes.along) == stripes.along else sky_off
    if without_sky is None and hits.middle is not None:
        # Each image's light is scaled to it anyway, so that the medians need no flux of one.
        reference = np.nan_to_num(hits.middle)
        free = free & ~(2 * sample.bad.sum(axis=0, dtype=np.int16) > len(sample.bad))
    else:
        images, bad = sample.data, sample.bad | hits.among(sample.data, sample.bad)
        if without_sky is not None:
            images = without_sky(images, bad)
        residuals = series_residuals(images, bad, free, star)
        free, reference = residuals.free, residuals.reference
    return free, *search_noise(reader, read, layout, free, reference, hits, without_sky)


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


def _apertures(plan):
    """Weights of the box's pixels in each sum: circles, shapes and masks, and the PSF."""
    settings, shape = plan.settings, plan.box.shape
    place = plan.box.here(plan.position)
    radii = np.array(settings.aperture_radii) * (plan.fwhm if settings.radius_unit == "fwhm" else 1.0)
    weights = [circle_overlap(shape, place, radius) for radius in radii]
    weights += [aperture.overlap(shape, place) for aperture in settings.aperture_shapes.values()]
    weights += [mask.astype(float) for mask in plan.masks.values()]
    model = plan.star.model(shape)
    psf = np.zeros(shape)
    if model is not None and model.sum() > 0:
        model = np.where(plan.star.stamps.window(shape) & ~plan.excluded, model / model.sum(), 0.0)
        weighted = model / plan.noise
        psf = weighted / max(float((weighted * model).sum()), 1e-300)
    return np.stack([*weights, psf]), [*settings.aperture_shapes, *plan.masks]


def _in_read(plan, image):
    result = np.zeros(plan.read.shape)
    result[plan.box.within(plan.read)] = image
    return result
