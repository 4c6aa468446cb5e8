"""What pixels have in common, by the time between their readouts.

1/f noise is stationary in the time of readout: what two pixels have in common depends
on how long after one another they were read. Half the mean square difference of pixels
by that time, the variogram (Matheron 1963, Economic Geology 58, 1246), tells all of it
and does not care about an image's level.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import fft

from nircam_tso.measure.clipping import clipped_statistics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nircam_tso.measure.striping.lines import ReadoutLayout

__all__ = ["Readout", "Variograms", "noise_variograms"]

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
#: Pieces of a line by whose distance pixels of different lines are told apart: the time from
#: one line to another is so long that a piece more or less does not matter.
_PIECES = 64


class Variograms(NamedTuple):
    """
    Half the mean square difference of two pixels, by the time between them.

    Attributes
    ----------
    line : `~numpy.ndarray` of float64, shape (width,)
        Of pixels of one line, by the time in pixels; NaN where there are no such pixels.
        What happens between lines is no part of the drift: levels of rows may be more
        than time tells.
    same, other : `~numpy.ndarray` of float64, shape (n_pieces,)
        Of different lines read through the same output, and of different outputs, by the
        time in pieces of a line (`Readout`).
    parts : tuple of Variograms
        The same without an eighth of the images each; empty for a single image.

    Examples
    --------
    Noise that pixels do not share has the same variogram at all times:

    >>> import numpy as np
    >>> from nircam_tso.measure.striping import ReadoutLayout, noise_variograms
    >>> images = np.random.default_rng(1).normal(0, 4, (40, 32, 40))
    >>> variograms = noise_variograms([(images, np.ones(images.shape, bool))], ReadoutLayout())
    >>> bool(np.allclose(variograms.line[1:20], 16, rtol=0.05))
    True
    """

    line: np.ndarray
    same: np.ndarray
    other: np.ndarray
    parts: tuple = ()


class Readout:
    """
    Images in the order of their readout, and sums over pairs of their pixels by time.

    Pixels of one line are told apart by the pixels between them. Of those of different
    lines only the pieces of a line's readout in which they lie are, of 1/64 of its time.

    Parameters
    ----------
    shape : (int, int)
        Shape of the images.
    layout : ReadoutLayout
        How they were read.

    Attributes
    ----------
    n_lines : int
        Number of lines.
    width : int
        Pixels of a line.
    n_times : int
        Moments of the readout of one line, with the pause after it.
    piece : int
        Pixels in a piece.
    n_pieces : int
        Pieces of the readout of one output.

    Examples
    --------
    Two lines of two pixels, read one after the other; products of pixels of one line, and of different ones:

    >>> import numpy as np
    >>> from nircam_tso.measure.striping import ReadoutLayout
    >>> from nircam_tso.measure.striping.variograms import Readout
    >>> readout = Readout((2, 2), ReadoutLayout())
    >>> spectra = readout.spectra(np.array([[1.0, 2.0], [3.0, 4.0]]))
    >>> line, same, other = readout.by_time(readout.powers(spectra, spectra))
    >>> print(line.round(6), same.round(6) + 0.0)
    [30. 14.] [ 0.  6. 11.  4.]
    """

    def __init__(self, shape, layout):
        self.layout = layout
        self.n_lines, length = shape if abs(layout.fast_axis) == 1 else shape[::-1]
        self.edges = (0, length) if layout.edges is None else layout.edges
        self.width = int(np.diff(self.edges).max())
        self.n_times = self.width + layout.overhead
        self.piece = max(1, self.n_times // _PIECES)
        self._per_line = -(-self.n_times // self.piece)
        self.n_pieces = self._per_line * self.n_lines
        # Twice as long, so that the end does not meet the beginning.
        self._sizes = tuple(fft.next_fast_len(2 * n, real=True) for n in (self.width, self._per_line, self.n_pieces))

    def _streams(self, images):
        """Pixels in the order of their readout, shape (..., n_outputs, n_lines, pieces x piece), 0 in the pauses."""
        if abs(self.layout.fast_axis) == 2:
            images = np.swapaxes(images, -1, -2)
        if self.layout.slow_axis < 0:
            images = images[..., ::-1, :]
        shape = (*images.shape[:-2], len(self.edges) - 1, self.n_lines, self._per_line * self.piece)
        result = np.zeros(shape)
        for k, (first, stop) in enumerate(zip(self.edges[:-1], self.edges[1:], strict=True)):
            part = images[..., first:stop]
            result[..., k, :, : stop - first] = part[..., ::-1] if self.layout.fast_axis < 0 else part
        return result

    def spectra(self, images):
        """
        Spectra of images.

        Parameters
        ----------
        images : `~numpy.ndarray`, shape (..., ny, nx)
            Images.

        Returns
        -------
        tuple of `~numpy.ndarray` of complex128
            Of the lines by pixels, of the lines by pieces, and of whole outputs by pieces.
        """
        streams = self._streams(images)
        pieces = streams.reshape(*streams.shape[:-1], -1, self.piece).sum(axis=-1) if self.piece > 1 else streams
        whole = pieces.reshape(*pieces.shape[:-2], -1)
        lines = fft.rfft(streams[..., : self.width], self._sizes[0], axis=-1)
        coarse = (
            fft.rfft(pieces, self._sizes[1], axis=-1) if self.piece > 1 or self._sizes[1] != self._sizes[0] else lines
        )
        return lines, coarse, fft.rfft(whole, self._sizes[2], axis=-1)

    def powers(self, a, b):
        """
        Cross spectra, summed over what there are of each: images, outputs, lines.

        Parameters
        ----------
        a, b : tuple of `~numpy.ndarray`
            From `spectra`.

        Returns
        -------
        list of `~numpy.ndarray` of float64
            Of lines by pixels, of lines by pieces, of outputs, and of the sum of the
            outputs; without the last for a single one.
        """
        lines = _power(a[0], b[0])
        parts = [lines, lines if a[1] is a[0] else _power(a[1], b[1]), _power(a[2], b[2])]
        if len(self.edges) > 2:
            parts.append(_power(a[2].sum(axis=-2), b[2].sum(axis=-2)))
        return [part.sum(axis=tuple(range(part.ndim - 1))) for part in parts]

    def by_time(self, powers):
        """
        Sums of products of pixels by the time between them.

        Parameters
        ----------
        powers : list of `~numpy.ndarray`
            From `powers`.

        Returns
        -------
        line : `~numpy.ndarray` of float64, shape (width,)
            Of pixels of one line.
        same, other : `~numpy.ndarray` of float64, shape (n_pieces,)
            Of different lines of one output, and of different outputs.
        """
        lines, coarse, same, *every = powers
        line = fft.irfft(lines, self._sizes[0])[: self.width]
        whole = fft.irfft(same, self._sizes[2])[: self.n_pieces]
        whole[: self._per_line] -= fft.irfft(coarse, self._sizes[1])[: self._per_line]
        other = fft.irfft(every[0] - same, self._sizes[2])[: self.n_pieces] if every else np.zeros(self.n_pieces)
        return line, whole, other

    def filters(self, line, same, other):
        """
        What turns the powers of an image into a sum over all pairs of its pixels.

        Parameters
        ----------
        line, same, other
            What the product of a pair counts, by the time between both, shaped as from `by_time`.

        Returns
        -------
        list of `~numpy.ndarray` of float64
            For each of `powers` by what it is to be multiplied; the sum of all is that over the pairs.
        """
        whole = self._filter(same, 2)
        beside = [] if len(self.edges) == 2 else [self._filter(other, 2)]
        # Different outputs are all of them less each with itself.
        parts = [whole - one for one in beside] or [whole]
        return [self._filter(line, 0), -self._filter(same[: self._per_line], 1), *parts, *beside]

    def _filter(self, values, which):
        size = self._sizes[which]
        result = 2 * fft.rfft(values, size).real - values[0]
        # All frequencies but the first, and the last of an even number, stand for two.
        result[1 : len(result) - (size % 2 == 0)] *= 2
        return result / size


def _power(a, b):
    """Real part of the cross spectrum."""
    return a.real * b.real + a.imag * b.imag


def noise_variograms(
    parts: Iterable[Any],
    layout: ReadoutLayout,
    excess: np.ndarray | None = None,
    *,
    each: Callable[..., Iterable] = map,
) -> Variograms:
    """
    Variograms of images of a series.

    Parameters
    ----------
    parts : iterable of (`~numpy.ndarray`, `~numpy.ndarray`)
        Uncorrected images less the scaled median image, float64 of shape (b, ny, nx),
        and the pixels to use, bool of the same shape: those away from the star that
        are not bad. One part after another, so that many images need little memory;
        a part may be a function without arguments that returns both.
        Pixels that are off by more than five times the others' scatter are left out, too.
    layout : ReadoutLayout
        How the frame was read.
    excess : `~numpy.ndarray` of float64, shape (ny, nx), optional
        White variance of each pixel less that of a typical one. Pairs of another
        distance in time are other pixels: where light falls on some of them its photon
        noise would pass for noise that the others have in common.
    each : callable, optional
        Goes through the parts like `map`; `concurrent.futures.Executor.map` does so with many at once.

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

    Examples
    --------
    Rows that wander by 3, each by itself. Pixels of one row have that in common:

    >>> import numpy as np
    >>> from nircam_tso.measure.striping import ReadoutLayout, noise_variograms
    >>> rng = np.random.default_rng(1)
    >>> images = rng.normal(0, 4, (40, 32, 40)) + rng.normal(0, 3, (40, 32, 1))
    >>> variograms = noise_variograms([(images, np.ones(images.shape, bool))], ReadoutLayout())
    >>> print(f"{np.nanmean(variograms.line[1:20]):.0f} {np.nanmean(variograms.same[1:10]):.0f}")
    16 24
    """
    weights = _Weights(layout)
    binned = [sums for sums in each(lambda part: _part_sums(part, weights, excess), _split(parts)) if sums]
    if not binned:
        return Variograms(*np.full((3, 1), np.nan))
    readout = weights.readout
    starts = np.linspace(0, len(binned), min(_PARTS, len(binned)) + 1).round().astype(int)
    groups = [_added(binned[first:stop]) for first, stop in pairwise(starts)]
    whole = _added(groups)
    left = [Variograms(*_smooth([a - b for a, b in zip(whole, group, strict=True)], readout)) for group in groups]
    return Variograms(*_smooth(whole, readout), tuple(left) if len(groups) > 1 else ())


def _part_sums(part, weights, excess):
    """Numbers of pairs, squares of their differences and times, in bins of time; None without pixels."""
    residuals, usable = part() if callable(part) else part
    values, use = _clipped(residuals, usable)
    known = use.any(axis=(1, 2))
    if not known.any():
        return None
    readout = weights.of_shape(values.shape[1:])
    values, use = values[known], use[known]
    common = 2 * use.sum(axis=0) > len(use)
    lacking = (common & ~use).sum(axis=(1, 2)) > _LACKING * common.sum()
    sums = []
    for group, window in [(~lacking, common), *((i, use[i]) for i in np.flatnonzero(lacking))]:
        own = use[group].reshape(-1, *use.shape[1:]) & window
        if len(own) == 0 or not window.any():
            continue
        z = np.where(own, values[group].reshape(own.shape), 0.0)
        n = own.sum(axis=(1, 2))
        z *= np.sqrt(np.divide(window.sum(), n, out=np.zeros(len(n)), where=n > 0))[:, None, None]
        squares = np.square(z).sum(axis=0)
        if excess is not None:
            squares -= len(z) * np.where(window, excess, 0.0)
        spectra, pairs = weights.of(window)
        crossed = readout.powers(readout.spectra(squares), spectra)
        differences = readout.by_time([a - b for a, b in zip(crossed, _self_powers(z, readout), strict=True)])
        sums.append([_binned(len(z) * a, b) for a, b in zip(pairs, differences, strict=True)])
    return _added(sums)


def _added(several):
    """Sums of what belongs together."""
    return [np.sum(parts, axis=0) for parts in zip(*several, strict=True)]


class _Weights:
    """Spectra and numbers of pairs of the pixels to use; most images have the same."""

    def __init__(self, layout):
        self.layout = layout
        self.readout = self._last = None

    def of_shape(self, shape):
        if self.readout is None:
            self.readout = Readout(shape, self.layout)
        return self.readout

    def of(self, window):
        # One reference, so that threads find all that belongs together or nothing.
        last = self._last
        if last is None or not np.array_equal(window, last[0]):
            spectra = self.readout.spectra(window.astype(float))
            last = self._last = (window, spectra, self.readout.by_time(self.readout.powers(spectra, spectra)))
        return last[1:]


def _split(parts):
    """The parts; a single one in eighths, as there is nothing else by which to judge its scatter."""
    parts = iter(parts)
    first = next(parts, None)
    second = next(parts, None)
    if second is not None:
        yield from chain((first, second), parts)
    elif first is not None:
        first = first() if callable(first) else first
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


def _self_powers(images, readout):
    """Powers of each image, added up."""
    step = max(_AT_ONCE // (readout.n_times * readout.n_lines), 1)
    total = []
    for first in range(0, len(images), step):
        spectra = readout.spectra(images[first : first + step])
        total.append(readout.powers(spectra, spectra))
    return _added(total)


@lru_cache(maxsize=4)
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


def _smooth(binned, readout):
    """
    Variograms out of the numbers of pairs and their sums, evened out over times.

    Each time has other pairs of pixels, hence another share of the slow drifts that the
    sample happens to have: without smoothing, these steps would pass for noise within rows.
    Within a line sixths of octaves will do, as all of its drift cancels. Those of different
    lines of an output are told by few lines: of them a cubic in the logarithm of time is taken, of which
    1/f noise needs a straight line.
    """
    result = [np.full(n, np.nan) for n in (readout.width, readout.n_pieces, readout.n_pieces)]
    for k, (number, squares, places) in enumerate(binned):
        times, bins = _bins(len(result[k]))
        known = np.flatnonzero(number > 0)
        if known.size == 0:
            continue
        place, mean = places[known] / number[known], squares[known] / number[known]
        if k == 1:
            # How many lines a bin spans: as often are its drifts independent.
            spans = np.maximum(np.bincount(bins)[known] * readout.n_lines / readout.n_pieces, 1.0)
            curve = np.polynomial.Polynomial.fit(place, mean, min(3, known.size - 1), w=np.sqrt(spans))
            mean = curve(place)
        result[k] = np.interp(times, place, mean)
    return result
