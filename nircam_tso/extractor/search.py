"""Look through images of a series for noise that pixels have in common."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from nircam_tso.measure.medians import MAD_TO_SIGMA, median_deviation
from nircam_tso.measure.reference import sample_rows
from nircam_tso.measure.striping import free_residuals, image_levels, level_scatter, noise_variograms

__all__ = ["ENOUGH", "Hits", "search_noise", "searched_rows"]

#: Integrations from which on a series tells of its noise.
ENOUGH = 10
#: Moments of readout of all images in which the noise is looked for, and how many images that may be.
_SEARCH_TIMES = 4_000_000
_SEARCH_MIN, _SEARCH_MAX = 8, 128
#: Parts that are gone through side by side, each at once.
_PARTS = 8
#: Bytes that the parts under way may take, and what a pixel of them does with all that is made of it.
_MOST_BYTES, _BYTES_PER_PIXEL = 64_000_000, 50
#: Pixels of a part from which on a thread of its own is worth while.
_WORTH = 200_000
#: Pixels that tell what scatter a pixel has mostly.
_FEW = 10_000
#: Robust standard deviations in time by which a pixel that was hit differs.
_HIT = 5.0


def searched_rows(n, layout, shape):
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
    `~numpy.ndarray` of int
        Rows spread evenly over the series.

    Examples
    --------
    >>> from nircam_tso.extractor.search import searched_rows
    >>> from nircam_tso.measure.striping import ReadoutLayout
    >>> len(searched_rows(1000, ReadoutLayout(), (64, 64)))
    128
    >>> searched_rows(1000, ReadoutLayout(), (1000, 1000)).tolist()
    [0, 143, 285, 428, 571, 714, 856, 999]
    """
    lines, length = shape if abs(layout.fast_axis) == 1 else shape[::-1]
    width = length if layout.edges is None else int(np.diff(layout.edges).max())
    most = int(np.clip(_SEARCH_TIMES // (lines * (width + layout.overhead)), _SEARCH_MIN, _SEARCH_MAX))
    return sample_rows(n, most)


class Hits:
    """
    What a pixel is mostly, and how far from that one was hit.

    Cosmic rays change the flux by which the median image is scaled, and what is left of
    their wings would pass for noise that pixels share.

    Parameters
    ----------
    images : `~numpy.ndarray` of float64, shape (S, ny, nx)
        A sample.
    bad : `~numpy.ndarray` of bool, shape (S, ny, nx)
        Its bad pixels.
    free : `~numpy.ndarray` of bool, shape (ny, nx)
        Pixels that tell the level of an image.

    Attributes
    ----------
    middle, limit : `~numpy.ndarray` of float64, shape (ny, nx), or None
        Median over the level, and the largest distance from it; None if the sample is small.
    """

    def __init__(self, images, bad, free):
        self.free = free
        self.middle = self.limit = None
        if len(images) < ENOUGH:
            return
        levels = image_levels(images, bad, free)
        self.middle, spread = median_deviation(images, bad, offset=levels)
        spread *= MAD_TO_SIGMA
        known = spread[free & np.isfinite(spread)]
        # An odd step, so that not always the same columns tell.
        known = known[:: known.size // _FEW | 1]
        self.limit = _HIT * np.maximum(spread, np.median(known) if known.size else np.inf)
        # Whole numbers may have no spread at all.
        self.limit[~(self.limit > 0)] = np.inf

    def among(self, images, bad):
        """
        Find the pixels that were hit.

        Parameters
        ----------
        images : `~numpy.ndarray` of float64, shape (B, ny, nx)
            Images.
        bad : `~numpy.ndarray` of bool, shape (B, ny, nx)
            Their bad pixels.

        Returns
        -------
        `~numpy.ndarray` of bool, shape (B, ny, nx)
        """
        if self.limit is None:
            return np.zeros(images.shape, bool)
        result = np.empty(images.shape, bool)
        # One after another, while they are in the processor's memory.
        for image, level, hit in zip(images, image_levels(images, bad, self.free), result, strict=True):
            np.greater(np.abs(image - level - self.middle), self.limit, out=hit)
        return result


def search_noise(reader, box, layout, free, reference, hits, without_sky=None):
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
    free : `~numpy.ndarray` of bool, shape (ny, nx)
        Pixels away from the star that are not always bad.
    reference : `~numpy.ndarray` of float64, shape (ny, nx), or None
        Median image of a sample, less its level.
    hits : Hits
        What tells pixels that were hit.
    without_sky : callable, optional
        Takes images and bad pixels, and returns the images less the sky, where that changes lines.

    Returns
    -------
    variograms : `~nircam_tso.measure.striping.Variograms`
        Of the images.
    level : (float, float)
        Variance of their level from one to the next, and its error.
    """
    rows = searched_rows(len(reader.exposure), layout, box.shape)
    if len(rows) < len(reader.rows):
        # These are at hand.
        rows = reader.rows[sample_rows(len(reader.rows), len(rows))]
    together = np.array_split(rows, min(_PARTS, len(rows)))
    levels = [None] * len(together)

    def part(k):
        read = reader.images_of(together[k], box, as_stored=True)
        images, bad = (_joined([getattr(one, name) for one in read]) for name in ("data", "bad"))
        own = levels[k] = image_levels(images, bad, free)
        limits = {"middle": hits.middle, "limit": hits.limit}
        if without_sky is not None:
            bad, limits = bad | hits.among(images, bad), {}
            images = without_sky(images, bad)
            own = image_levels(images, bad, free)
        values, usable = free_residuals(images, bad, own, free, reference, **limits)
        # An image without any pixel has no level.
        levels[k] = np.where(usable.any(axis=(1, 2)), levels[k], np.nan)
        return values, usable

    parts = (partial(part, k) for k in range(len(together)))
    # The variance in time of a few images is no straight line against their light.
    light = reference if len(rows) >= ENOUGH else None
    largest = len(together[0]) * free.size
    # The other half of the processors measures blocks meanwhile.
    n_threads = min((os.cpu_count() or 1) // 2, len(together), max(_MOST_BYTES // (_BYTES_PER_PIXEL * largest), 1))
    if largest < _WORTH or n_threads < 2:
        # Threads of so little work wait for each other more than they save.
        variograms = noise_variograms(parts, layout, light)
    else:
        with ThreadPoolExecutor(n_threads) as pool:
            variograms = noise_variograms(parts, layout, light, each=pool.map)
    return variograms, level_scatter(np.concatenate(levels))


def _joined(parts):
    """One array of several, which costs nothing for a single one."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
