"""The order in which pixels are read, and sums over pairs of them by the time between both."""

from __future__ import annotations

from itertools import chain

import numpy as np
from numba import njit
from scipy import fft

__all__ = ["Readout"]

#: Lines from which on not every one tells of the noise within lines, and the largest step.
_MANY_LINES, _MOST_STEP = 64, 4
#: Pieces of a line by whose distance pixels of different lines are told apart: the time from
#: one line to another is so long that a piece more or less does not matter.
_PIECES = 32
#: Moments of readout whose lines are transformed at a time, for as long as they are in the processor's
#: nearest memory, and whole images.
_AT_ONCE, _WHOLE = 120_000, 8


class Readout:
    """
    Images in the order of their readout, and sums over pairs of their pixels by time.

    Pixels of one line are told apart by the pixels between them. Of those of different
    lines only the pieces of a line's readout in which they lie are, of 1/32 of its time.

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
    every : int
        Step from line to line that is enough for the noise within lines, of which there are many.

    Examples
    --------
    Two lines of two pixels, read one after the other; products of pixels of one line, and of different ones:

    >>> import numpy as np
    >>> from nircam_tso.measure.striping import ReadoutLayout
    >>> from nircam_tso.measure.striping.readout import Readout
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
        self.every = min(max(self.n_lines // _MANY_LINES, 1), _MOST_STEP)
        # Twice as long, so that the end does not meet the beginning.
        self._sizes = tuple(fft.next_fast_len(2 * n, real=True) for n in (self.width, self._per_line, self.n_pieces))

    def _streams(self, images):
        """Pixels in the order of their readout, shape (..., n_outputs, n_lines, pieces x piece), 0 in the pauses."""
        if abs(self.layout.fast_axis) == 2:
            images = np.swapaxes(images, -1, -2)
        if self.layout.slow_axis < 0:
            images = images[..., ::-1, :]
        shape = (*images.shape[:-2], len(self.edges) - 1, self.n_lines, self._per_line * self.piece)
        result = np.zeros(shape, images.dtype)
        for k, (first, stop) in enumerate(zip(self.edges[:-1], self.edges[1:], strict=True)):
            part = images[..., first:stop]
            result[..., k, :, : stop - first] = part[..., ::-1] if self.layout.fast_axis < 0 else part
        return result

    def self_powers(self, images):
        """
        Powers of images with themselves, as `powers` gives them, with some of the lines by pixels.

        Parameters
        ----------
        images : `~numpy.ndarray` of float64 or float32, shape (B, ny, nx)
            Images.

        Returns
        -------
        list of `~numpy.ndarray` of float64
        """
        few = max(_AT_ONCE // (self.n_times * self.n_lines), 1)
        lines = coarse = 0.0
        whole = []
        for first in range(0, len(images), few):
            streams = self._streams(images[first : first + few])
            pieces = self._pieces(streams)
            whole.append(pieces.reshape(*pieces.shape[:-2], -1))
            one, other = self._of_lines(streams, pieces, self.every)
            lines = lines + _power(one, one)
            coarse = coarse + (_power(other, other) if other is not one else 0.0)
        # A processor transforms several long streams at once, too.
        whole = np.concatenate(whole)
        parts = [0.0] * (2 if len(self.edges) > 2 else 1)
        for first in range(0, len(whole), max(few, _WHOLE)):
            spectra = fft.rfft(whole[first : first + max(few, _WHOLE)], self._sizes[2], axis=-1)
            for k, own in enumerate((spectra, spectra.sum(axis=-2))[: len(parts)]):
                parts[k] = parts[k] + _power(own, own)
        return [lines, lines if self._alike(self.every) else coarse, *parts]

    def _pieces(self, streams):
        return _piece_sums(streams, self.piece) if self.piece > 1 else streams

    def _alike(self, every):
        """Whether lines by pixels and by pieces are the same."""
        return every == 1 and self.piece == 1 and self._sizes[1] == self._sizes[0]

    def _of_lines(self, streams, pieces, every):
        """Spectra of the lines by pixels and by pieces."""
        lines = fft.rfft(streams[..., ::every, : self.width], self._sizes[0], axis=-1)
        return lines, lines if self._alike(every) else fft.rfft(pieces, self._sizes[1], axis=-1)

    def spectra(self, images, every=1):
        """
        Spectra of images.

        Parameters
        ----------
        images : `~numpy.ndarray` of float64 or float32, shape (..., ny, nx)
            Images. Single precision takes half the time, and is enough for noise.
        every : int, optional
            Of the lines by pixels, take each one of so many.

        Returns
        -------
        tuple of `~numpy.ndarray` of complex128 or complex64
            Of the lines by pixels, of the lines by pieces, and of whole outputs by pieces.
        """
        streams = self._streams(images)
        pieces = self._pieces(streams)
        whole = pieces.reshape(*pieces.shape[:-2], -1)
        return *self._of_lines(streams, pieces, every), fft.rfft(whole, self._sizes[2], axis=-1)

    def sparse_spectra(self, images):
        """
        Spectra of images most of whose lines are zero.

        Parameters
        ----------
        images : sequence of `~numpy.ndarray` of float32, each of shape (ny, nx)
            Images.

        Returns
        -------
        list of (`~numpy.ndarray`, tuple of `~numpy.ndarray`)
            For each image the numbers of the lines that are not zero, and its spectra as from `spectra`,
            with these lines alone.
        """
        found, whole = [], []
        for image in images:
            streams = self._streams(image)
            lines = np.flatnonzero(streams.any(axis=(0, 2)))
            pieces = self._pieces(streams)
            found.append((lines, self._of_lines(streams[:, lines], pieces[:, lines], 1)))
            whole.append(pieces.reshape(len(pieces), -1))
        # A processor transforms several long streams at once.
        spectra = chain.from_iterable(
            fft.rfft(np.stack(whole[first : first + _WHOLE]), self._sizes[2], axis=-1)
            for first in range(0, len(whole), _WHOLE)
        )
        return [(lines, (*parts, own)) for (lines, parts), own in zip(found, spectra, strict=True)]

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
        return parts

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
            What the product of a pair counts, by the time between both: arrays as from `by_time`, or
            several of each, along a first axis.

        Returns
        -------
        list of `~numpy.ndarray` of float64
            For each of `powers` by what it is to be multiplied; the sum of all is that over the pairs.
        """
        whole = self._filter(same, 2)
        beside = [] if len(self.edges) == 2 else [self._filter(other, 2)]
        # Different outputs are all of them less each with itself.
        parts = [whole - one for one in beside] or [whole]
        return [self._filter(line, 0), -self._filter(same[..., : self._per_line], 1), *parts, *beside]

    def _filter(self, values, which):
        size = self._sizes[which]
        result = 2 * fft.rfft(values, size, axis=-1).real - values[..., :1]
        # All frequencies but the first, and the last of an even number, stand for two.
        result[..., 1 : result.shape[-1] - (size % 2 == 0)] *= 2
        return result / size


def _power(a, b):
    """Real part of the cross spectrum, added up over all axes but the last."""
    if a.shape != b.shape:
        a, b = np.broadcast_arrays(a, b)
    a, b = (part.reshape(-1, part.shape[-1]) for part in (a, b))
    return _added_powers(a.view(a.real.dtype), b.view(b.real.dtype))


@njit(cache=True, nogil=True)
def _added_powers(a, b):
    n, size = a.shape
    products = np.zeros(size)
    for i in range(n):
        for k in range(size):
            products[k] += a[i, k] * b[i, k]
    # Real and imaginary parts lie side by side.
    result = np.empty(size // 2)
    for k in range(size // 2):
        result[k] = products[2 * k] + products[2 * k + 1]
    return result


def _piece_sums(streams, piece):
    """Sums of so many neighbours each along the last axis."""
    result = np.empty((streams.size // piece,), streams.dtype)
    _add_pieces(streams.reshape(-1), piece, result)
    return result.reshape(*streams.shape[:-1], -1)


@njit(cache=True, nogil=True)
def _add_pieces(values, piece, result):
    for i in range(len(result)):
        total = 0.0
        for k in range(piece):
            total += values[i * piece + k]
        result[i] = total
