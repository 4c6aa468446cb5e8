"""What stripes, corrected or not, add to the variance of a sum of pixels.

1/f noise is stationary in the time of readout: what two pixels have in common depends
on how long after one another they were read. Half the mean square difference of pixels
by that time, the variogram (Matheron 1963, Economic Geology 58, 1246), tells all of it
and does not care about an image's level. A corrected, sky-subtracted aperture sum is
a weighted sum of pixels whose weights add up to 0, and its variance follows.
"""

from typing import NamedTuple

import numpy as np
from scipy import fft

__all__ = ["Variograms", "line_noise", "noise_variograms"]

_MAD_TO_SIGMA = 1.482602218505602


class Variograms(NamedTuple):
    """
    Half the mean square difference of two pixels, by the time between them in pixels.

    Attributes
    ----------
    same, other : `~numpy.ndarray` of float64, shape (n_times,)
        Of pixels read through the same output, and through two; NaN where
        there are no such pixels.
    """

    same: np.ndarray
    other: np.ndarray


def _streams(images, layout):
    """Pixels in the order of their readout, shape (..., n_outputs, n_times), 0 in the gaps between lines."""
    if abs(layout.fast_axis) == 2:
        images = np.swapaxes(images, -1, -2)
    if layout.slow_axis < 0:
        images = images[..., ::-1, :]
    *others, n_lines, length = images.shape
    edges = (0, length) if layout.edges is None else layout.edges
    width = int(np.diff(edges).max())
    result = np.zeros((*others, len(edges) - 1, n_lines, width + layout.overhead))
    for k, (first, stop) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        part = images[..., first:stop]
        result[..., k, :, : stop - first] = part[..., ::-1] if layout.fast_axis < 0 else part
    return result.reshape(*others, len(edges) - 1, -1)


def _spectra(streams):
    # Twice as long, so that the end does not meet the beginning.
    return fft.rfft(streams, fft.next_fast_len(2 * streams.shape[-1], real=True), axis=-1)


def _by_time(spectrum, n_times):
    return fft.irfft(spectrum, fft.next_fast_len(2 * n_times, real=True))[:n_times]


def noise_variograms(parts, layout, excess=None):
    """
    Variograms of images of a series.

    Parameters
    ----------
    parts : iterable of (`~numpy.ndarray`, `~numpy.ndarray`)
        Uncorrected images less the scaled median image, float64 of shape (b, ny, nx),
        and the pixels to use, bool of the same shape: those away from the star that
        are not bad. One part after another, so that many images need little memory.
        Pixels that are off by more than five times the others' scatter are left out, too.
    layout : ReadoutLayout
        How the frame was read.
    excess : `~numpy.ndarray` of float64, shape (ny, nx), optional
        White variance of each pixel less that of a typical one. Pairs of another
        distance in time are other pixels: where light falls on some of them its photon
        noise would pass for noise that the others have in common.

    Returns
    -------
    Variograms
        All NaN where there are no pixels.
    """
    n_times, sums = 1, 0.0
    for residuals, usable in parts:
        for values, use in zip(residuals, usable, strict=True):
            use = use & np.isfinite(values)
            if not use.any():
                continue
            values = values - np.median(values[use])
            use = use & (np.abs(values) <= 5 * _MAD_TO_SIGMA * np.median(np.abs(values[use])))
            z = np.where(use, values, 0.0)
            square = z * z if excess is None else np.where(use, z * z - excess, 0.0)
            streams = [_streams(part, layout) for part in (use.astype(float), z, square)]
            n_times = streams[0].shape[-1]
            weights, first, second = (_spectra(stream) for stream in streams)
            sums = sums + np.array([_power(weights, weights), _power(second, weights) - _power(first, first)])
    if n_times == 1:
        return Variograms(np.full(1, np.nan), np.full(1, np.nan))
    counts, squares = ([_by_time(part, n_times) for part in kind] for kind in sums)
    return Variograms(*(_smooth(count, square) for count, square in zip(counts, squares, strict=True)))


def _smooth(counts, squares):
    """
    Variogram out of the numbers of pairs and their sums, evened out over sixths of octaves.

    Each time has other pairs of pixels, hence another share of the slow drifts that the
    sample happens to have: without smoothing, these steps would pass for noise within rows.
    """
    times = np.log2(np.arange(len(counts)) + 0.5)
    bins = np.floor(6 * times).astype(int) + 6
    # Counts are whole numbers, but for the transform's rounding.
    counts = np.rint(counts)
    number = np.bincount(bins, counts)
    known = number > 0
    if not known.any():
        return np.full(len(counts), np.nan)
    mean, place = (
        np.bincount(bins, part)[known] / number[known] for part in (np.where(counts > 0, squares, 0.0), counts * times)
    )
    return np.interp(times, place, mean)


def _power(a, b):
    """Real parts of the cross spectra summed over outputs: each with itself, and with all others."""
    same = (a * b.conj()).real.sum(axis=0)
    return np.array([same, (a.sum(axis=0) * b.sum(axis=0).conj()).real - same])


def _after_correction(weights, model, nugget):
    """
    Weights of the pixels as they were read, and the white noise that the correction adds.

    For sums of corrected pixels with ``weights`` that add up to 0: what is taken off
    each line is a multiple of its median, which noise moves like the mean.
    """
    lines = model.lines
    free = lines.along(model.free).astype(float)
    along = lines.along(weights)
    chords, counts, on_free = (
        np.stack([part[:, lines.strips == k].sum(axis=1) for k in range(len(lines.groups))])
        for part in (along, free, along * free)
    )
    shrinkage = model.shrinkage(counts)
    multiples = chords * shrinkage
    total = model.variance[lines.groups] + model.errors(counts)
    weight = 1.0 / np.where(total > 0, total, 1.0)
    for group in range(lines.n_groups):
        inside = lines.groups == group
        if (weight * inside).any():
            rest = ((chords - multiples) * inside).sum()
            # A single group has no level of its own that could be taken off.
            rest -= (chords * inside).sum() if lines.n_groups == 1 else 0.0
            multiples += weight * inside * rest / (weight * inside).sum()
    counts = np.maximum(counts, 1.0)
    white = nugget * (multiples * (np.pi / 2 * multiples - 2 * on_free) / counts).sum()
    return weights - lines.along(free * (multiples / counts).T[:, lines.strips]), white


def line_noise(variograms, layout, free, apertures, *, sky=None, model=None):
    """
    Standard deviation that stripes leave along rows, as sums of pixels see it.

    With the value s of an aperture, stripes add ``s^2 sum(chord^2)`` to the variance of
    its sum, the chords being the sums of its weights along each row. Noise that rows
    have in common with their neighbours, that a row's ends do not share with its
    middle, or that the sky takes off, is in s, and so is the error of the correction.

    Parameters
    ----------
    variograms : Variograms
        Of the series without correction.
    layout : ReadoutLayout
        How the frame was read.
    free : `~numpy.ndarray` of bool, shape (ny, nx)
        Pixels away from the star that are not always bad.
    apertures : `~numpy.ndarray`, shape (n, ny, nx)
        Weights of the pixels in each sum.
    sky : `~numpy.ndarray` of bool, shape (ny, nx), optional
        Pixels whose level is taken off. Without them s is that of sums against the
        level of all free pixels: an image's own level is nothing that stripes have.
    model : StripingModel, optional
        The correction, if the sums are made of corrected images.

    Returns
    -------
    `~numpy.ndarray` of float64, shape (n,)
        Image unit; NaN where no pixel tells, or where an aperture is empty.

    Examples
    --------
    Rows that wander by 3, each by itself:

    >>> import numpy as np
    >>> from nircam_tso.measure.striping import ReadoutLayout, line_noise, noise_variograms
    >>> rng = np.random.default_rng(1)
    >>> images = rng.normal(0, 4, (20, 64, 50)) + rng.normal(0, 3, (20, 64, 1))
    >>> free, aperture = np.ones((64, 50), bool), np.zeros((1, 64, 50))
    >>> aperture[0, 20:30, 20:30] = 1
    >>> variograms = noise_variograms([(images, np.ones(images.shape, bool))], ReadoutLayout())
    >>> print(line_noise(variograms, ReadoutLayout(), free, aperture).round(1))
    [2.9]
    """
    result = np.full(len(apertures), np.nan)
    sky = free if sky is None else sky & free
    if not sky.any() or np.isnan(variograms.same).all():
        return result
    # Neighbours have all of the stripes in common: their difference is white noise,
    # and that of a pixel with itself is counted elsewhere.
    nugget = variograms.same[1]
    covariances = [nugget - np.nan_to_num(gram, nan=nugget) for gram in variograms]
    covariances[0][0] = 0.0
    for i, aperture in enumerate(apertures):
        chords = aperture.sum(axis=1)
        if not chords.any():
            continue
        weights = aperture - aperture.sum() * sky / sky.sum()
        variance = 0.0
        if model is not None:
            weights, variance = _after_correction(weights, model, nugget)
        spectrum = _spectra(_streams(weights, layout))
        for power, covariance in zip(_power(spectrum, spectrum), covariances, strict=True):
            products = _by_time(power, len(covariance))
            # Pairs of pixels at different times count twice.
            variance += products[0] * covariance[0] + 2 * (products[1:] * covariance[1:]).sum()
        result[i] = np.sqrt(max(variance, 0.0) / (chords * chords).sum())
    return result
