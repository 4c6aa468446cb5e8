"""Look through images of a series for noise that pixels have in common."""

import numpy as np

from nircam_tso.measure.reference import nan_median, sample_rows
from nircam_tso.measure.striping import image_levels, image_residuals, level_scatter, noise_variograms

__all__ = ["ENOUGH", "hit_finder", "search_noise", "searched_runs"]

#: Integrations from which on a series tells of its noise.
ENOUGH = 10
#: Moments of readout of all images in which the noise is looked for, and how many images that may be.
_SEARCH_TIMES = 4_000_000
_SEARCH_MIN, _SEARCH_MAX = 8, 128
#: Runs of neighbouring integrations, and how long the shortest are: a run is read and measured at once.
_RUNS, _SHORTEST = 8, 4
#: Robust standard deviations in time by which a pixel that was hit differs.
_HIT = 5.0
_MAD_TO_SIGMA = 1.482602218505602
#: Median of the square of a standard normal variable.
_MEDIAN_OF_SQUARES = 0.454936423119572


def searched_runs(n, layout, shape):
    """
    Integrations in which noise is looked for: many of small frames, few of large ones.

    Parameters
    ----------
    n : int
        Integrations of the series.
    layout : `~nircam_tso.measure.striping.ReadoutLayout`
        How the images were read.
    shape : (int, int)
        Their shape.

    Returns
    -------
    list of (int, int)
        First row, and one past the last, of runs spread evenly over the series.

    Examples
    --------
    >>> from nircam_tso.extractor.search import searched_runs
    >>> from nircam_tso.measure.striping import ReadoutLayout
    >>> searched_runs(1000, ReadoutLayout(), (64, 64))[:3]
    [(0, 16), (141, 157), (281, 297)]
    >>> searched_runs(1000, ReadoutLayout(), (1000, 1000))[:3]
    [(0, 1), (143, 144), (285, 286)]
    """
    lines, length = shape if abs(layout.fast_axis) == 1 else shape[::-1]
    width = length if layout.edges is None else int(np.diff(layout.edges).max())
    count = min(int(np.clip(_SEARCH_TIMES // (lines * (width + layout.overhead)), _SEARCH_MIN, _SEARCH_MAX)), n)
    each = count // _RUNS
    if each < _SHORTEST:
        return [(int(row), int(row) + 1) for row in sample_rows(n, count)]
    return [(int(row), int(row) + each) for row in sample_rows(n - each + 1, _RUNS)]


def hit_finder(images, bad, free):
    """
    Return a function that finds the pixels of images that differ from what they are in a sample.

    Cosmic rays change the flux by which the median image is scaled, and what is left of
    its wings would pass for noise that pixels share.

    Parameters
    ----------
    images : `~numpy.ndarray` of float64, shape (S, ny, nx)
        The sample.
    bad : `~numpy.ndarray` of bool, shape (S, ny, nx)
        Its bad pixels.
    free : `~numpy.ndarray` of bool, shape (ny, nx)
        Pixels that tell the level of an image.

    Returns
    -------
    callable
        Takes images and their levels, and returns where they were hit; nowhere if the sample is small.
    """
    if len(images) < ENOUGH:
        return lambda others, levels: np.zeros(others.shape, bool)
    values = np.where(bad, np.nan, images - image_levels(images, bad, free)[:, None, None])
    middle = nan_median(values)
    spread = _MAD_TO_SIGMA * nan_median(np.abs(values - middle))
    known = spread[free & np.isfinite(spread)]
    limit = _HIT * np.maximum(spread, np.median(known) if known.size else np.inf)
    # Whole numbers may have no spread at all.
    limit[~(limit > 0)] = np.inf

    def hit(others, levels):
        return np.abs(others - levels[:, None, None] - middle) > limit

    return hit


def search_noise(reader, box, layout, residuals, star, hit, without_sky=None):
    """
    Find what pixels of uncorrected images have in common.

    Parameters
    ----------
    reader : `~nircam_tso.extractor.sample.SampleReader`
        Reads images, without correction.
    box : `~nircam_tso.extractor.boxes.Box`
        Part of the frame.
    layout : `~nircam_tso.measure.striping.ReadoutLayout`
        How that part was read.
    residuals : `~nircam_tso.measure.striping.Residuals`
        Of a sample: its median image, and the pixels that tell.
    star : `~numpy.ndarray` of bool, shape (ny, nx)
        Pixels whose sum is the flux by which the median image is scaled.
    hit : callable
        From `hit_finder`.
    without_sky : callable, optional
        Takes images and bad pixels, and returns the images less the sky, where that changes lines.

    Returns
    -------
    variograms : `~nircam_tso.measure.striping.Variograms`
        Of the images.
    level : (float, float)
        Variance of their level from one to the next, and its error.
    """
    found = []

    def parts():
        for first, stop in searched_runs(len(reader.exposure), layout, box.shape):
            raw = reader.images_of(first, box, stop)
            levels = image_levels(raw.data, raw.bad, residuals.free)
            bad = raw.bad | hit(raw.data, levels)
            # No difference of levels is taken from one run to the next.
            found.extend([*levels, np.nan] if stop - first > 1 else levels)
            images = raw.data
            if without_sky is not None:
                images, levels = without_sky(images, bad), None
            values = image_residuals(images, bad, residuals.free, star, residuals.reference, levels=levels)
            yield _without_wings(values, residuals.free & ~bad, residuals.reference)

    variograms = noise_variograms(parts(), layout, _photon_noise(residuals))
    return variograms, level_scatter(found)


def _without_wings(values, usable, reference):
    """
    Residuals in which the light that lies beside the star has the scale that it has there.

    The star's flux, by which the median image was scaled, is noisy: all of a bright
    star's wings would rise and fall together, and pass for noise that pixels share.
    """
    usable = usable & np.isfinite(values)
    if reference is None:
        return values, usable
    count = np.maximum(usable.sum(axis=(1, 2)), 1)
    light = np.where(usable, reference, 0.0)
    light -= np.where(usable, (light.sum(axis=(1, 2)) / count)[:, None, None], 0.0)
    norm = np.square(light).sum(axis=(1, 2))
    light *= np.where(usable, values, 0.0)
    slope = np.divide(light.sum(axis=(1, 2)), norm, out=np.zeros(len(values)), where=norm > 0)
    return values - slope[:, None, None] * reference, usable


def _photon_noise(residuals):
    """
    Variance of each pixel over that of a typical one, as the light on it makes it.

    A straight line of the variance in time against the median image; None where there
    is no such image.
    """
    if residuals.reference is None or len(residuals.values) < ENOUGH:
        return None
    values = np.where(residuals.usable, np.square(residuals.values), np.nan)
    free = residuals.free & (np.isfinite(values).sum(axis=0) >= ENOUGH)
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
