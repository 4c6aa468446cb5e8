"""Pixels out of files and arrays, as native numbers, a block at a time.

FITS stores big-endian numbers, unsigned ones with an offset, and blanks of integer
images by a number of their own. All of it ends here: what leaves this module is
native float64 (or uint32 for data-quality bits), in fresh arrays, unless values are
asked for as they are stored.
"""

import contextlib
import math
import threading
from dataclasses import dataclass

import numpy as np

from nircam_tso.exceptions import CorruptFileError
from nircam_tso.io.bands import band_of
from nircam_tso.io.storage import StoredFile, open_stored

__all__ = ["ArrayPixels", "FilePixels"]

_RAW_TYPES = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
# Below this a seek for every plane costs more than the rows between that are not wanted.
_SMALL_PLANE = 64 << 10
# Bytes read at once: numbers are converted while they are still in the processor's cache.
_BUFFER = 512 << 10


@dataclass(frozen=True)
class FilePixels:
    """
    The pixels of one header-data unit of a file.

    Attributes
    ----------
    stored : StoredFile
        The file.
    label : str
        Name of the unit, for messages.
    offset : int
        Byte at which the pixels begin.
    shape : tuple of int
        (n, ny, nx) or (n, groups, ny, nx).
    bitpix : int
        FITS code of the data type.
    bscale, bzero : float
        Value = bzero + bscale x number.
    blank : int or None
        Number that stands for no value, in integer images.
    """

    stored: StoredFile
    label: str
    offset: int
    shape: tuple[int, ...]
    bitpix: int
    bscale: float = 1
    bzero: float = 0
    blank: int | None = None

    @classmethod
    def of_hdu(cls, stored, hdu, shape=None, first_plane=0):
        """
        The pixels of a unit.

        Parameters
        ----------
        stored : StoredFile
            The file.
        hdu : Hdu
            An image.
        shape : tuple of int, optional
            How to see them: (n, ny, nx) or (n, groups, ny, nx). By default the header's
            shape, a 2-D image as a stack of one.
        first_plane : int, optional
            Number of planes to leave out in front.

        Returns
        -------
        FilePixels

        Raises
        ------
        CorruptFileError
            If scaling cards make no sense.
        """
        shape = shape or ((1, *hdu.shape) if len(hdu.shape) == 2 else hdu.shape)
        numbers = {}
        for keyword, default in (("BSCALE", 1), ("BZERO", 0), ("BLANK", None)):
            value = hdu.get(keyword, default)
            if isinstance(value, (str, bool)) or (value is not None and not math.isfinite(value)):
                raise CorruptFileError(f"{keyword} of {hdu.label} is {value!r}", path=stored.path, hdu=hdu.label)
            numbers[keyword.lower()] = value
        if hdu.bitpix < 0 or type(numbers["blank"]) is not int:
            numbers["blank"] = None
        plane = shape[-1] * shape[-2] * abs(hdu.bitpix) // 8
        return cls(stored, hdu.label, hdu.data_offset + first_plane * plane, tuple(shape), hdu.bitpix, **numbers)

    def opened(self):
        """Context that yields what `values` and `flags` read from."""
        return open_stored(self.stored)

    @property
    def dtype(self):
        """Type that holds the values: float32 where they are stored so, without scaling; else float64."""
        plain = self.bitpix == -32 and self.bscale == 1 and self.bzero == 0
        return np.dtype(np.float32 if plain else np.float64)

    def view(self, start, stop, rows, columns=slice(None)):
        """Nothing lies in memory: None, whatever is asked for."""
        return None

    def _pieces(self, handle, start, stop, rows, columns):
        """(planes, rows of the result, their numbers as stored), a little at a time in one small buffer."""
        ny, nx = self.shape[-2:]
        first, last = band_of(rows, ny)
        per_integration = math.prod(self.shape[1:-2])
        dtype = np.dtype(_RAW_TYPES[self.bitpix])
        line = nx * dtype.itemsize
        plane = ny * line
        count = (stop - start) * per_integration
        begin = self.offset + start * per_integration * plane
        if plane <= _SMALL_PLANE or (2 * (last - first) >= ny and 2 * plane <= _BUFFER):
            at_once = min(count, max(1, _BUFFER // plane))
            buffer = _scratch(at_once * plane).view(dtype).reshape(-1, ny, nx)
            for index in range(0, count, at_once):
                piece = buffer[: min(at_once, count - index)]
                handle.read_into(piece, begin + index * plane)
                yield slice(index, index + len(piece)), slice(None), piece[:, first:last, columns]
            return
        at_once = min(last - first, max(1, _BUFFER // line))
        buffer = _scratch(at_once * line).view(dtype).reshape(1, -1, nx)
        for index in range(count):
            for row in range(first, last, at_once):
                piece = buffer[:, : min(at_once, last - row)]
                handle.read_into(piece, begin + index * plane + row * line)
                yield slice(index, index + 1), slice(row - first, row - first + piece.shape[1]), piece[:, :, columns]

    def values(self, handle, start, stop, rows, columns=slice(None), out=None):
        """
        Pixel values of some integrations.

        Parameters
        ----------
        handle : object
            From `opened`.
        start, stop : int
            Range of integrations.
        rows : slice
            Band of rows; whole rows are read.
        columns : slice, optional
            Which of their columns are kept.
        out : `~numpy.ndarray` of float64, or of the own ``dtype``, optional
            Contiguous; where to put them.

        Returns
        -------
        `~numpy.ndarray`
            Native, contiguous, float64 unless ``out`` is not; NaN for blanks.
        """
        out = _room(self.shape, start, stop, rows, columns, np.float64) if out is None else out
        planes = out.reshape(-1, *out.shape[-2:])
        for where, lines, numbers in self._pieces(handle, start, stop, rows, columns):
            part = planes[where, lines]
            part[...] = numbers
            if self.bscale != 1:
                part *= self.bscale
            if self.bzero != 0:
                part += self.bzero
            if self.blank is not None:
                part[numbers == self.blank] = np.nan
        return out

    def flags(self, handle, start, stop, rows, columns=slice(None), out=None):
        """
        Pixels as bits.

        Parameters
        ----------
        handle, start, stop, rows, columns
            As for `values`.
        out : `~numpy.ndarray` of uint32, optional
            Contiguous; where to put them.

        Returns
        -------
        `~numpy.ndarray` of uint32

        Raises
        ------
        CorruptFileError
            If the pixels are not whole numbers.
        """
        if self.bitpix < 0 or self.bscale != 1 or self.bzero != int(self.bzero):
            raise CorruptFileError(f"{self.label} does not hold whole numbers", path=self.stored.path, hdu=self.label)
        out = _room(self.shape, start, stop, rows, columns, np.uint32) if out is None else out
        planes = out.reshape(-1, *out.shape[-2:])
        # Numbers of 32 bits keep their bits; an offset of 2**31, the mark of unsigned ones, flips the highest.
        plain = self.bitpix <= 32 and (self.bzero == 0 or (self.bitpix == 32 and self.bzero == 2**31))
        signed = planes.view(np.int32)
        for where, lines, numbers in self._pieces(handle, start, stop, rows, columns):
            if plain:
                signed[where, lines] = numbers
                if self.bzero:
                    planes[where, lines] ^= np.uint32(1 << 31)
            else:
                planes[where, lines] = (numbers.astype(np.int64) + int(self.bzero)) & 0xFFFFFFFF
        return out


_own = threading.local()


def _scratch(size):
    """Bytes that each thread has for itself: fresh memory costs more than what is read into it."""
    buffer = getattr(_own, "buffer", None)
    if buffer is None or buffer.size < size:
        buffer = _own.buffer = np.empty(max(size, _BUFFER), np.uint8)
    return buffer[:size]


def _room(shape, start, stop, rows, columns, dtype):
    """An array for a part of some integrations."""
    first, last = band_of(rows, shape[-2])
    left, right = band_of(columns, shape[-1], "columns")
    return np.empty((stop - start, *shape[1:-2], last - first, right - left), dtype)


class ArrayPixels:
    """
    Pixels that lie in memory, in one array or several that follow each other.

    Parameters
    ----------
    parts : list of array_like
        Each (n, ny, nx) or (n, groups, ny, nx), with any real type and byte order, and
        the same shape but for n. Masked arrays give their data; see `masks`.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.io.pixels import ArrayPixels
    >>> pixels = ArrayPixels([np.zeros((2, 3, 4), ">i2"), np.ones((1, 3, 4))])
    >>> pixels.values(None, 1, 3, slice(0, 1)).tolist()
    [[[0.0, 0.0, 0.0, 0.0]], [[1.0, 1.0, 1.0, 1.0]]]
    """

    label = "array"

    def __init__(self, parts):
        self.parts = list(parts)
        self._stops = np.cumsum([part.shape[0] for part in self.parts])
        self.shape = (int(self._stops[-1]), *self.parts[0].shape[1:])

    def opened(self):
        """Context that yields what `values` and `flags` read from: nothing is opened."""
        return contextlib.nullcontext()

    @property
    def dtype(self):
        """Type that holds the values: float32 where all parts have it, in any byte order; else float64."""
        single = all(np.dtype(part.dtype).newbyteorder("=") == np.float32 for part in self.parts)
        return np.dtype(np.float32 if single else np.float64)

    def view(self, start, stop, rows, columns=slice(None)):
        """
        Image values where they lie.

        Parameters
        ----------
        start, stop, rows, columns
            As for `values`.

        Returns
        -------
        `~numpy.ndarray`, read-only, or None
            None where they are not native float32 or float64 in one plain array.
        """
        index = int(np.searchsorted(self._stops, start, side="right"))
        whole = self.parts[index]
        offset = int(self._stops[index]) - whole.shape[0]
        if type(whole) is not np.ndarray or whole.dtype not in (np.float32, np.float64):
            return None
        if stop > self._stops[index] or not whole.dtype.isnative:
            return None
        view = whole[start - offset : stop - offset, ..., rows, columns]
        view.flags.writeable = False
        return view

    def _pieces(self, start, stop, rows, columns):
        first, last = band_of(rows, self.shape[-2])
        index = int(np.searchsorted(self._stops, start, side="right"))
        while start < stop:
            part = self.parts[index]
            offset = int(self._stops[index]) - part.shape[0]
            until = min(stop, int(self._stops[index]))
            # Ellipsis first, so that lazy arrays (h5py, memory maps) read no more than this.
            yield part[start - offset : until - offset][..., first:last, columns]
            start = until
            index += 1

    def _gather(self, start, stop, rows, columns, out, convert=np.asarray):
        at = 0
        for piece in self._pieces(start, stop, rows, columns):
            out[at : at + len(piece)] = convert(piece)
            at += len(piece)
        return out

    def values(self, handle, start, stop, rows, columns=slice(None), out=None):
        """
        Pixel values of some integrations.

        Parameters
        ----------
        handle : None
            Not used.
        start, stop : int
            Range of integrations.
        rows : slice
            Band of rows.
        columns : slice, optional
            Which of their columns are kept.
        out : `~numpy.ndarray` of float64, optional
            Where to put them.

        Returns
        -------
        `~numpy.ndarray` of float64
        """
        out = _room(self.shape, start, stop, rows, columns, np.float64) if out is None else out
        return self._gather(start, stop, rows, columns, out, np.ma.getdata)

    def flags(self, handle, start, stop, rows, columns=slice(None), out=None):
        """
        Pixels as bits.

        Parameters
        ----------
        handle, start, stop, rows, columns
            As for `values`.
        out : `~numpy.ndarray` of uint32, optional
            Where to put them.

        Returns
        -------
        `~numpy.ndarray` of uint32

        Raises
        ------
        CorruptFileError
            If the pixels are not whole numbers.
        """
        if self.parts[0].dtype.kind not in "iu":
            raise CorruptFileError(f"{self.label}: data-quality flags must be whole numbers")
        wide = self._gather(start, stop, rows, columns, _room(self.shape, start, stop, rows, columns, np.int64))
        wide &= 0xFFFFFFFF
        if out is None:
            return wide.astype(np.uint32)
        out[...] = wide
        return out

    def masks(self, start, stop, rows, columns=slice(None)):
        """
        Pixels as truth values; of masked arrays their masks.

        Parameters
        ----------
        start, stop, rows, columns
            As for `values`.

        Returns
        -------
        `~numpy.ndarray` of bool
        """
        masked = any(np.ma.isMaskedArray(part) for part in self.parts)
        out = _room(self.shape, start, stop, rows, columns, bool)
        return self._gather(start, stop, rows, columns, out, np.ma.getmaskarray if masked else np.asarray)
