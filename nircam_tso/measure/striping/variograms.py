"""What pixels have in common, by the time between their readouts.

1/f noise is stationary in the time of readout: what two pixels have in common depends
on how long after one another they were read. Half the mean square difference of pixels
by that time, the variogram (Matheron 1963, Economic Geology 58, 1246), tells all of it
and does not care about an image's level.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import fft

from nircam_tso.measure.clipping import clipped_statistics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nircam_tso.measure.striping.lines import ReadoutLayout

__all__ = ["Variograms", "noise_variograms", "readout_products", "readout_spectra", "readout_streams"]

_MAD_TO_SIGMA = 1.482602218505602
#: Parts of a sample, each left out once, by which its own scatter is judged.
_PARTS = 8
#: Robust standard deviations beyond which a pixel is no noise.
_WILD = 5.0
#: Pixels of an image that tell its middle and its scatter well enough for that.
_FEW = 1000
#: An image that lacks no more of the pixels than this counts with zeros in their places.
_LACKING = 0.02
#: Moments of readout that are transformed at a time.
_AT_ONCE = 40_000


class Variograms(NamedTuple):
    """
    Half the mean square difference of two pixels, by the time between them in pixels.

    Attributes
    ----------
    line, same, other : `~numpy.ndarray` of float64, shape (n_times,)
        Of pixels of one line, of different lines read through the same output, and of
        different outputs; NaN where there are no such pixels. What happens between lines
        is no part of the drift: levels of rows may be more than time tells.
    parts : tuple of Variograms
        The same without an eighth of the images each; empty for a single image.
    """

    line: np.ndarray
    same: np.ndarray
    other: np.ndarray
    parts: tuple = ()


def readout_streams(images, layout):
    """
    Pixels in the order of their readout.

    Parameters
    ----------
    images : `~numpy.ndarray`, shape (..., ny, nx)
        Images.
    layout : ReadoutLayout
        How they were read.

    Returns
    -------
    `~numpy.ndarray` of float64, shape (..., n_outputs, n_lines, n_times)
        0 in the gaps between lines.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.striping import ReadoutLayout
    >>> from nircam_tso.measure.striping.variograms import readout_streams
    >>> print(readout_streams(np.arange(6.0).reshape(2, 3), ReadoutLayout(-1, 2, overhead=1)))
    [[[2. 1. 0. 0.]
      [5. 4. 3. 0.]]]
    """
    if abs(layout.fast_axis) == 2:
        images = np.swapaxes(images, -1, -2)
    if layout.slow_axis < 0:
        images = images[..., ::-1, :]
    n_lines, length = images.shape[-2:]
    edges = (0, length) if layout.edges is None else layout.edges
    width = int(np.diff(edges).max())
    result = np.zeros((*images.shape[:-2], len(edges) - 1, n_lines, width + layout.overhead))
    for k, (first, stop) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        part = images[..., first:stop]
        result[..., k, :, : stop - first] = part[..., ::-1] if layout.fast_axis < 0 else part
    return result


def readout_spectra(streams):
    """
    Spectra of whole outputs, and of each line by itself.

    Parameters
    ----------
    streams : `~numpy.ndarray`, shape (..., n_outputs, n_lines, n_times)
        From `readout_streams`.

    Returns
    -------
    whole, lines : `~numpy.ndarray` of complex128
        Transforms of streams followed by as many zeros, so that the end does not meet the beginning.
    """
    whole = streams.reshape(*streams.shape[:-2], -1)
    return tuple(fft.rfft(part, _long(part.shape[-1]), axis=-1) for part in (whole, streams))


def _long(n_times):
    return fft.next_fast_len(2 * n_times, real=True)


def _power(a, b):
    """Real part of the cross spectrum."""
    return a.real * b.real + a.imag * b.imag


def _powers(a, b):
    """Cross spectra of lines, outputs and the sum of the outputs, summed over what they have of each."""
    line = _power(a[1], b[1])
    same = _power(a[0], b[0])
    line, same = (part.sum(axis=tuple(range(part.ndim - 1))) for part in (line, same))
    if a[0].shape[-2] == 1:
        return line, same, None
    every = _power(a[0].sum(axis=-2), b[0].sum(axis=-2))
    return line, same, every.sum(axis=tuple(range(every.ndim - 1)))


def _by_time(powers, n_times, length):
    """Sums of products of pixels by the time between them out of their spectra."""
    result = np.zeros((3, n_times))
    line, same, every = powers
    result[0, :length] = fft.irfft(line, _long(length))[:length]
    result[1] = fft.irfft(same, _long(n_times))[:n_times] - result[0]
    if every is not None:
        result[2] = fft.irfft(every - same, _long(n_times))[:n_times]
    return result


def readout_products(a, b, n_times, length):
    """
    Sums of products of pixels by the time between them.

    Parameters
    ----------
    a, b : (`~numpy.ndarray`, `~numpy.ndarray`)
        Spectra of two images from `readout_spectra`, or of two stacks, whose products are added up.
    n_times, length : int
        Moments of an output's readout, and of a line.

    Returns
    -------
    `~numpy.ndarray` of float64, shape (3, n_times)
        Of pixels of one line, of different lines of one output, and of different outputs.

    Examples
    --------
    Two lines of two pixels, read one after the other:

    >>> import numpy as np
    >>> from nircam_tso.measure.striping import ReadoutLayout
    >>> from nircam_tso.measure.striping.variograms import readout_products, readout_spectra, readout_streams
    >>> spectra = readout_spectra(readout_streams(np.array([[1.0, 2.0], [3.0, 4.0]]), ReadoutLayout()))
    >>> print(readout_products(spectra, spectra, 4, 2)[:2].round(6) + 0.0)
    [[30. 14.  0.  0.]
     [ 0.  6. 11.  4.]]
    """
    return _by_time(_powers(a, b), n_times, length)


def noise_variograms(
    parts: Iterable[tuple[np.ndarray, np.ndarray]], layout: ReadoutLayout, excess: np.ndarray | None = None
) -> Variograms:
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

    Notes
    -----
    An image that lacks a few of the pixels that the others of its part have, such as
    those that a cosmic ray hit, has zeros in their places, and is scaled so that its
    mean square is right: what pixels have in common comes out too small by the part
    of the pixels that is lacking, which is 2 % at most.
    """
    n_times = length = 1
    binned, weights = [], _Weights(layout)
    for residuals, usable in _split(parts):
        values, use = _clipped(residuals, usable)
        known = use.any(axis=(1, 2))
        if not known.any():
            continue
        values, use = values[known], use[known]
        common = 2 * use.sum(axis=0) > len(use)
        lacking = (common & ~use).sum(axis=(1, 2)) > _LACKING * common.sum()
        sums = 0.0
        for group, window in [(~lacking, common), *((i, use[i]) for i in np.flatnonzero(lacking))]:
            own = use[group].reshape(-1, *use.shape[1:])
            if len(own) == 0 or not window.any():
                continue
            z = np.where(own & window, values[group].reshape(own.shape), 0.0)
            n = (own & window).sum(axis=(1, 2))
            z *= np.sqrt(np.divide(window.sum(), n, out=np.zeros(len(n)), where=n > 0))[:, None, None]
            squares = (z * z).sum(axis=0)
            if excess is not None:
                squares -= len(z) * np.where(window, excess, 0.0)
            spectra, pairs = weights.of(window)
            n_times, length = weights.n_times, weights.length
            second = readout_products(readout_spectra(readout_streams(squares, layout)), spectra, n_times, length)
            both = zip(len(z) * pairs, second - _self_products(z, layout, n_times, length), strict=True)
            sums = sums + np.stack([_binned(*one) for one in both])
        if np.ndim(sums):
            binned.append(sums)
    if not binned:
        return Variograms(*np.full((3, 1), np.nan))
    groups = [np.sum(part, axis=0) for part in np.array_split(np.array(binned), min(_PARTS, len(binned)))]
    whole = np.sum(groups, axis=0)
    left = [Variograms(*_smooth(whole - group, n_times, length)) for group in groups]
    return Variograms(*_smooth(whole, n_times, length), tuple(left) if len(groups) > 1 else ())


class _Weights:
    """Spectra and numbers of pairs of the pixels to use; most images have the same."""

    def __init__(self, layout):
        self.layout, self.window = layout, None

    def of(self, window):
        if self.window is None or not np.array_equal(window, self.window):
            streams = readout_streams(window.astype(float), self.layout)
            self.window, self.length, self.n_times = window, streams.shape[-1], streams[0].size
            self.spectra = readout_spectra(streams)
            self.pairs = readout_products(self.spectra, self.spectra, self.n_times, self.length)
        return self.spectra, self.pairs


def _split(parts):
    """The parts; a single one in eighths, as there is nothing else by which to judge its scatter."""
    parts = iter(parts)
    first = next(parts, None)
    second = next(parts, None)
    if second is not None:
        yield from chain((first, second), parts)
    elif first is not None:
        n = max(min(_PARTS, len(first[0])), 1)
        yield from zip(*(np.array_split(one, n) for one in first), strict=True)


def _clipped(residuals, usable):
    """Images about their middle, and their pixels without wild ones."""
    use = usable & np.isfinite(residuals)
    pixels = np.flatnonzero(use.any(axis=0))
    # An odd step, so that not always the same columns tell.
    pixels = pixels[:: len(pixels) // _FEW | 1]
    flat, bad = residuals.reshape(len(use), -1)[:, pixels], ~use.reshape(len(use), -1)[:, pixels]
    middle = _medians(flat, bad)
    spread = _MAD_TO_SIGMA * _medians(np.abs(flat - middle[:, None]), bad)
    values = np.where(use, residuals, 0.0) - np.nan_to_num(middle)[:, None, None]
    return values, use & (np.abs(values) <= _WILD * spread[:, None, None])


def _medians(values, bad):
    """Medians by counting: much quicker than numpy's."""
    return clipped_statistics(values, np.arange(values.shape[1]), bad=bad, rounds=0).median


def _self_products(images, layout, n_times, length):
    """`readout_products` of each image with itself, added up."""
    step = max(_AT_ONCE // n_times, 1)
    total = None
    for first in range(0, len(images), step):
        spectra = readout_spectra(readout_streams(images[first : first + step], layout))
        powers = _powers(spectra, spectra)
        if total is None:
            total = powers
        else:
            total = [None if a is None else a + b for a, b in zip(total, powers, strict=True)]
    return _by_time(total, n_times, length)


def _bins(n_times):
    """Logarithm of times, and their bins: sixths of octaves."""
    times = np.log2(np.arange(n_times) + 0.5)
    return times, np.floor(6 * times).astype(int) + 6


def _binned(counts, squares):
    """Sums over the bins of time: of pairs, of their squares, and of pairs times time."""
    times, bins = _bins(len(counts))
    # Counts are whole numbers, but for the transform's rounding.
    counts = np.rint(counts)
    return np.stack([np.bincount(bins, part) for part in (counts, np.where(counts > 0, squares, 0.0), counts * times)])


def _smooth(binned, n_times, length):
    """
    Variograms out of the numbers of pairs and their sums, evened out over times.

    Each time has other pairs of pixels, hence another share of the slow drifts that the
    sample happens to have: without smoothing, these steps would pass for noise within rows.
    Within a line sixths of octaves will do, as all of its drift cancels. Those of different
    lines of an output are told by few lines: of them a cubic in the logarithm of time is taken, of which
    1/f noise needs a straight line.
    """
    times, bins = _bins(n_times)
    result = np.full((3, n_times), np.nan)
    for k, (number, squares, places) in enumerate(binned):
        known = np.flatnonzero(number > 0)
        if known.size == 0:
            continue
        place, mean = places[known] / number[known], squares[known] / number[known]
        if k == 1:
            # How many lines a bin spans: as often are its drifts independent.
            spans = np.maximum(np.bincount(bins)[known] / length, 1.0)
            curve = np.polynomial.Polynomial.fit(place, mean, min(3, known.size - 1), w=np.sqrt(spans))
            mean = curve(place)
        result[k] = np.interp(times, place, mean)
    return result
