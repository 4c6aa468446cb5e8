"""The sky of a block, taken off, and its columns."""

import numpy as np

from nircam_tso.measure.background import circle_chords, estimate_background, line_sum_error
from nircam_tso.measure.background.lines import MIN_LINE_PIXELS
from nircam_tso.measure.medians import MAD_TO_SIGMA, median_deviation
from nircam_tso.quality import QualityFlag

__all__ = [
    "level_share",
    "line_level_error",
    "line_weights_error",
    "sample_sky",
    "sky_levels",
    "sky_shares",
    "subtract_sky",
]

#: Integrations from which on a pixel's scatter in time is known well enough.
_ENOUGH = 8
#: Pixels that tell it of all.
_FEW_PIXELS = 1_000
_FAILED = np.uint32(QualityFlag.BACKGROUND_FAILED)


def sample_sky(settings, sample, never, here, single, region):
    """
    Measure the sky of a sample.

    Parameters
    ----------
    settings : `~nircam_tso.TimeSeriesExtractor`
        With ``background``.
    sample : `~nircam_tso.extractor.sample.Sample`
        The sample.
    never : `~numpy.ndarray` of bool, shape (ny, nx)
        Pixels that are no sky in any integration.
    here : (float, float)
        (x, y) of the star in it.
    single : bool
        Whether there is one integration only.
    region : `~numpy.ndarray` of bool, shape (ny, nx)
        Pixels of the largest aperture.

    Returns
    -------
    footprint : `~numpy.ndarray` of bool, shape (ny, nx), or None
        Pixels of the sky.
    levels : `~nircam_tso.measure.background.BackgroundLevels` or None
        Their levels.
    sky : `~numpy.ndarray`, shape (s, 1, 1) or (s, ny, nx)
        What is to be taken off; 0 where no level is known.
    noise : float
        Standard deviation of a sky pixel in time, NaN where too few integrations tell.

    Raises
    ------
    ValueError
        For a sky outside the frame.
    """
    background = settings.background
    if background is None:
        return None, None, np.zeros((len(sample.data), 1, 1)), np.nan
    shape = sample.data.shape[1:]
    if not background.footprint(shape, here).any():
        raise ValueError(f"background: {background!r} has no pixel within the frame about {here} (x, y)")
    often_bad = np.zeros(shape, bool) if single else sample.bad.sum(axis=0) * 2 > len(sample.data)
    footprint = background.footprint(shape, here, good=~(never | often_bad))
    levels = estimate_background(sample.data, footprint, background, bad=sample.bad, region=region)
    sky = levels.level[:, None, None] if levels.image is None else levels.image
    sky = np.where(levels.valid[:, None, None], sky, 0.0)
    noise = np.nan
    if len(sample.data) >= _ENOUGH:
        pixels = np.flatnonzero(footprint)
        # An odd step, so that not always the same columns tell.
        pixels = pixels[:: len(pixels) // _FEW_PIXELS | 1]
        values, bad, level = (part.reshape(len(part), -1) for part in (sample.data, sample.bad, sky))
        values = values[:, pixels] - (level if levels.image is None else level[:, pixels])
        _, spread = median_deviation(values, bad[:, pixels])
        spread = spread[np.isfinite(spread)]
        noise = MAD_TO_SIGMA * float(np.median(spread)) if spread.size else np.nan
    return footprint, levels, sky, noise


def sky_levels(plan, images):
    """
    Measure the sky of a block.

    Parameters
    ----------
    plan : `~nircam_tso.extractor.plan.Plan`
        The plan.
    images : `~nircam_tso.extractor.pixels.Images`
        All that was read.

    Returns
    -------
    `~nircam_tso.measure.background.BackgroundLevels` or None
        An image of the sky is that of the star's box.
    """
    background = plan.settings.background
    if background is None:
        return None
    window = plan.box.within(plan.read)
    region = np.zeros(plan.read.shape, bool)
    region[window] = plan.aperture_window
    levels = estimate_background(images.data, plan.footprint, background, bad=images.bad, region=region)
    if levels.image is not None:
        levels = levels._replace(image=np.ascontiguousarray(levels.image[:, *window]))
    return levels


def subtract_sky(plan, levels, data, result):
    """
    Subtract the sky in place, and fill its columns.

    Parameters
    ----------
    plan : `~nircam_tso.extractor.plan.Plan`
        The plan.
    levels : `~nircam_tso.measure.background.BackgroundLevels` or None
        The sky.
    data : `~numpy.ndarray`, shape (b, ny, nx)
        The star's boxes.
    result : dict of str to `~numpy.ndarray`
        Holds ``quality``.

    Returns
    -------
    `~numpy.ndarray`, shape (b,)
        Scatter of a pixel.
    """
    if levels is None:
        result["background"] = np.zeros(len(data))
        result["background_err"] = np.zeros(len(data))
        return np.full(len(data), np.nan)
    failed = ~levels.valid
    result["background"] = np.where(failed, np.nan, levels.level)
    error = levels.error
    if np.isfinite(plan.sky_noise):
        # The scatter from pixel to pixel is noise and the star's wings. These do not change
        # from one integration to the next, and make the level no less certain in time.
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.nan_to_num(plan.sky_noise / levels.scatter, nan=1.0)
        error = error * np.sqrt(np.minimum(1.0, share))
    result["background_err"] = np.where(failed, np.nan, error)
    result["quality"] |= np.where(failed, _FAILED, np.uint32(0))
    # Without a sky level no flux and no height mean anything, but the centres do.
    sky = levels.level[:, None, None] if levels.image is None else levels.image
    data -= np.where(failed[:, None, None], 0.0, sky)
    return np.where(failed, np.nan, levels.scatter)


def line_level_error(plan, levels, x, y, radii):
    """
    What the errors of the levels of lines bring to circular apertures.

    Parameters
    ----------
    plan : `~nircam_tso.extractor.plan.Plan`
        The plan.
    levels : `~nircam_tso.measure.background.BackgroundLevels` or None
        The sky.
    x, y : `~numpy.ndarray`, shape (b,)
        Centres in the box.
    radii : `~numpy.ndarray`, shape (R,) or (b, R)
        Radii in pixels.

    Returns
    -------
    `~numpy.ndarray` of float64, shape (b, R), or None
        1 sigma of the sums; None where the sky is not measured line by line.
    """
    if levels is None or levels.lines is None:
        return None
    corner = (plan.box.corner[0] - plan.read.corner[0], plan.box.corner[1] - plan.read.corner[1])
    n = levels.lines.error.shape[1]
    along_x = plan.settings.background.axis == "row"
    centre = y + corner[1] if along_x else x + corner[0]
    if radii.ndim == 1:
        return line_sum_error(levels.lines, circle_chords(centre, radii, n))
    errors = [
        line_sum_error(type(levels.lines)(*(part[b : b + 1] for part in levels.lines)), circle_chords(c, r, n))
        for b, (c, r) in enumerate(zip(centre[:, None], radii, strict=True))
    ]
    return np.concatenate(errors)


def line_weights_error(plan, levels, weights):
    """
    What the errors of the levels of lines bring to other sums.

    Parameters
    ----------
    plan : `~nircam_tso.extractor.plan.Plan`
        The plan.
    levels : `~nircam_tso.measure.background.BackgroundLevels` or None
        The sky.
    weights : `~numpy.ndarray` of float64, shape (b, ny, nx) or (1, ny, nx)
        Weights of the box's pixels in each sum.

    Returns
    -------
    `~numpy.ndarray` of float64, shape (b,), or None
        1 sigma of the sums; None where the sky is not measured line by line.
    """
    if levels is None or levels.lines is None:
        return None
    row = plan.settings.background.axis == "row"
    chords = weights.sum(axis=2 if row else 1)
    first = plan.box.corner[1] - plan.read.corner[1] if row else plan.box.corner[0] - plan.read.corner[0]
    whole = np.zeros((len(chords), 1, levels.lines.error.shape[1]))
    whole[:, 0, first : first + chords.shape[1]] = chords
    parts = (
        line_sum_error(type(levels.lines)(*(part[b : b + 1] for part in levels.lines)), whole[b % len(whole)][None])
        for b in range(len(levels.level))
    )
    return np.concatenate(list(parts))[:, 0]


def level_share(background, footprint):
    """
    What a sky of one level takes off the weights of a sum of images, for a unit of the sum of these.

    Parameters
    ----------
    background, footprint
        As for `sky_shares`.

    Returns
    -------
    `~numpy.ndarray` of float64, shape (ny, nx), or None
        None where the sky is none, or more than a level.
    """
    if background is None or footprint is None or not footprint.any():
        return None
    if hasattr(background, "axis") or hasattr(background, "box_size"):
        return None
    return footprint / footprint.sum()


def sky_shares(background, footprint):
    """
    What the sky that is taken off makes of the weights of sums, as a function of these.

    Parameters
    ----------
    background : FrameBackground, AnnulusBackground, LineBackground, MeshBackground or None
        How the sky is measured.
    footprint : `~numpy.ndarray` of bool, shape (ny, nx), or None
        Its pixels.

    Returns
    -------
    callable
        Takes the weights of the pixels in a sum of images, float64 of shape (ny, nx), and returns those in
        the same sum of the images' skies, as if these were means: of the footprint, of its lines, or,
        for a mesh, of as many pixels about each as its filter has boxes.
    """
    if background is None or footprint is None or not footprint.any():
        return np.zeros_like
    if hasattr(background, "axis"):
        if background.axis == "column":
            return lambda weights: _line_shares(footprint.T, weights.T).T
        return lambda weights: _line_shares(footprint, weights)
    if hasattr(background, "box_size"):
        return _mesh_shares(background, footprint)
    share = level_share(background, footprint)
    return lambda weights: weights.sum() * share


def _mesh_shares(background, footprint):
    from scipy.ndimage import uniform_filter

    sizes = np.broadcast_to(background.box_size, 2) * np.broadcast_to(background.filter_size, 2)
    sizes = [int(size) | 1 for size in np.minimum(sizes, 2 * np.array(footprint.shape))]
    # Beside the frame there is nothing, and in the star's own boxes only what its neighbours tell.
    near = uniform_filter(footprint.astype(float), sizes, mode="constant")
    known = near > 0.02
    per_pixel = np.where(known, 1.0 / np.where(known, near, 1.0), 0.0)

    def shares(weights):
        inside = uniform_filter(weights * per_pixel, sizes, mode="constant")
        return footprint * (inside + weights[~known].sum() / footprint.sum())

    return shares


def _line_shares(footprint, weights):
    counts = footprint.sum(axis=1)
    known = np.flatnonzero(counts >= MIN_LINE_PIXELS)
    if known.size == 0:
        return np.zeros(weights.shape)
    lines = np.arange(len(counts))
    chords = weights.sum(axis=1)
    result = np.zeros(weights.shape)
    for line, part in zip(known, np.eye(len(known)), strict=True):
        # Lines that are not measured have levels between those of their neighbours.
        share = float((np.interp(lines, known, part) * chords).sum()) / counts[line]
        result[line] = share * footprint[line]
    return result
