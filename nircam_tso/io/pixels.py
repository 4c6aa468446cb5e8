"""Pixels out of files and arrays, as native numbers, a block at a time.

FITS stores big-endian numbers, unsigned ones with an offset, and blanks of integer
images by a number of their own. All of it ends here: what leaves this module is
native float64 (or uint32 for data-quality bits), in fresh arrays.
"""

import contextlib
import math
from dataclasses import dataclass, field

import numpy as np

from nircam_tso.exceptions import CorruptFileError
from nircam_tso.io.bands import band_of
from nircam_tso.io.exposure import Block, Segment
from nircam_tso.io.storage import StoredFile, open_stored

__all__ = ["ArrayPixels", "FilePixels", "PixelSegment"]

_RAW_TYPES = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
# Below this a seek for every plane costs more than the rows between that are not wanted.
_SMALL_PLANE = 64 << 10
# Numbers are converted while they are still in the processor's cache.
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

    def _pieces(self, handle, start, stop, rows):
        """(slice of planes, their numbers as stored), a few planes at a time in one small buffer."""
        first, last = band_of(rows, self.shape[-2])
        ny, nx = self.shape[-2:]
        per_integration = math.prod(self.shape[1:-2])
        dtype = np.dtype(_RAW_TYPES[self.bitpix])
        plane = ny * nx * dtype.itemsize
        count = (stop - start) * per_integration
        begin = self.offset + start * per_integration * plane
        whole = 2 * (last - first) >= ny or plane <= _SMALL_PLANE
        at_once = min(count, max(1, _BUFFER // plane)) if whole else 1
        buffer = np.empty((at_once, ny if whole else last - first, nx), dtype)
        skipped = 0 if whole else first * nx * dtype.itemsize
        band = slice(first, last) if whole else slice(None)
        for index in range(0, count, at_once):
            piece = buffer[: min(at_once, count - index)]
            handle.read_into(piece, begin + index * plane + skipped)
            yield slice(index, index + len(piece)), piece[:, band]

    def _empty(self, start, stop, rows, dtype):
        """An array for the result, and the same memory as a row of planes."""
        first, last = band_of(rows, self.shape[-2])
        out = np.empty((stop - start, *self.shape[1:-2], last - first, self.shape[-1]), dtype)
        return out, out.reshape(-1, *out.shape[-2:])

    def values(self, handle, start, stop, rows):
        """
        Pixel values of some integrations.

        Parameters
        ----------
        handle : object
            From `opened`.
        start, stop : int
            Range of integrations.
        rows : slice
            Band of rows.

        Returns
        -------
        `~numpy.ndarray` of float64
            Fresh, native, contiguous; NaN for blanks.
        """
        data, planes = self._empty(start, stop, rows, np.float64)
        for where, numbers in self._pieces(handle, start, stop, rows):
            part = planes[where]
            part[...] = numbers
            if self.bscale != 1:
                part *= self.bscale
            if self.bzero != 0:
                part += self.bzero
            if self.blank is not None:
                part[numbers == self.blank] = np.nan
        return data

    def flags(self, handle, start, stop, rows):
        """
        Pixels as bits.

        Parameters
        ----------
        handle, start, stop, rows
            As for `values`.

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
        bits, planes = self._empty(start, stop, rows, np.uint32)
        # Numbers of 32 bits keep their bits; an offset of 2**31, the mark of unsigned ones, flips the highest.
        plain = self.bitpix <= 32 and (self.bzero == 0 or (self.bitpix == 32 and self.bzero == 2**31))
        signed = planes.view(np.int32)
        for where, numbers in self._pieces(handle, start, stop, rows):
            if plain:
                signed[where] = numbers
                if self.bzero:
                    planes[where] ^= np.uint32(1 << 31)
            else:
                planes[where] = (numbers.astype(np.int64) + int(self.bzero)) & 0xFFFFFFFF
        return bits


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

    def _pieces(self, start, stop, rows):
        first, last = band_of(rows, self.shape[-2])
        index = int(np.searchsorted(self._stops, start, side="right"))
        while start < stop:
            part = self.parts[index]
            offset = int(self._stops[index]) - part.shape[0]
            until = min(stop, int(self._stops[index]))
            # Ellipsis first, so that lazy arrays (h5py, memory maps) read no more than this.
            yield part[start - offset : until - offset][..., first:last, :]
            start = until
            index += 1

    def _gather(self, start, stop, rows, dtype, convert=np.asarray):
        first, last = band_of(rows, self.shape[-2])
        out = np.empty((stop - start, *self.shape[1:-2], last - first, self.shape[-1]), dtype)
        at = 0
        for piece in self._pieces(start, stop, rows):
            out[at : at + len(piece)] = convert(piece)
            at += len(piece)
        return out

    def values(self, handle, start, stop, rows):
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

        Returns
        -------
        `~numpy.ndarray` of float64
        """
        return self._gather(start, stop, rows, np.float64, np.ma.getdata)

    def flags(self, handle, start, stop, rows):
        """
        Pixels as bits.

        Parameters
        ----------
        handle, start, stop, rows
            As for `values`.

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
        wide = self._gather(start, stop, rows, np.int64)
        return (wide & 0xFFFFFFFF).astype(np.uint32)

    def masks(self, start, stop, rows):
        """
        Pixels as truth values; of masked arrays their masks.

        Parameters
        ----------
        start, stop, rows
            As for `values`.

        Returns
        -------
        `~numpy.ndarray` of bool
        """
        if any(np.ma.isMaskedArray(part) for part in self.parts):
            return self._gather(start, stop, rows, bool, np.ma.getmaskarray)
        return self._gather(start, stop, rows, bool)


def _square(sigma, negative):
    """Square in place; a variance of what is negative is negative."""
    sigma *= sigma
    if negative.any():
        np.negative(sigma, out=sigma, where=negative)


@dataclass(eq=False)
class PixelSegment(Segment):
    """
    A segment whose image, variances and flags are each a unit of a file or an array.

    Attributes
    ----------
    image : FilePixels or ArrayPixels
        Image values.
    variances : tuple
        Whose values add up to the variance, rounded as the square of its own root.
    sigma : FilePixels, ArrayPixels or None
        Standard deviations, instead of ``variances``. A negative one gives a negative
        variance, so that it is noticed where it is used.
    flags : tuple
        Data-quality bits, joined by "or"; each of the image's shape or (n, ny, nx), or
        (1, ny, nx) for all integrations.
    masks : tuple of ArrayPixels
        Masked pixels, joined by "or"; shapes as for ``flags``.
    mask_units : tuple of FilePixels
        Units in which a value other than 0 is a masked pixel.
    """

    image: FilePixels | ArrayPixels | None = None
    variances: tuple = ()
    sigma: FilePixels | ArrayPixels | None = None
    flags: tuple = ()
    masks: tuple = ()
    mask_units: tuple = field(default_factory=tuple)

    @property
    def has_variance(self):
        """Whether blocks have variances."""
        return bool(self.variances) or self.sigma is not None

    @property
    def has_dq(self):
        """Whether blocks have data-quality flags."""
        return bool(self.flags)

    def read(self, start, stop, rows=slice(None)):
        """
        Read some integrations; see `Segment.read`.

        Parameters
        ----------
        start, stop : int
            Zero-based range within the segment.
        rows : slice, optional
            Band of rows.

        Returns
        -------
        Block

        Raises
        ------
        IndexError
            For a range outside the segment, or an empty one.
        InputFileError
            If the file is gone or changed.
        """
        if not 0 <= start < stop <= self.n_integrations:
            raise IndexError(f"start, stop: {start}, {stop} is no range within 0 to {self.n_integrations}")
        # Broken numbers in, broken numbers out: whoever measures flags them, row by row.
        with contextlib.ExitStack() as stack, np.errstate(all="ignore"):
            handles = {}

            def handle(pixels):
                key = getattr(pixels, "stored", None)
                if key not in handles:
                    handles[key] = stack.enter_context(pixels.opened())
                return handles[key]

            data = self.image.values(handle(self.image), start, stop, rows)
            variance = None
            for pixels in self.variances:
                values = pixels.values(handle(pixels), start, stop, rows)
                variance = values if variance is None else np.add(variance, values, out=variance)
            if self.sigma is not None:
                variance = self.sigma.values(handle(self.sigma), *self._range(self.sigma, start, stop), rows)
                _square(variance, variance < 0)
            elif variance is not None:
                # By way of the root: the same errors handed over as 1 sigma then give the same bits.
                negative = variance < 0
                _square(np.sqrt(np.abs(variance, out=variance), out=variance), negative)
            dq = self._joined(
                [pixels.flags(handle(pixels), *self._range(pixels, start, stop), rows) for pixels in self.flags],
                stop - start,
            )
            masks = [pixels.masks(*self._range(pixels, start, stop), rows) for pixels in self.masks]
            masks += [
                pixels.flags(handle(pixels), *self._range(pixels, start, stop), rows) != 0 for pixels in self.mask_units
            ]
            mask = self._joined(masks, stop - start)
        if variance is not None and variance.shape != data.shape:
            variance = np.broadcast_to(variance, data.shape).copy()
        return Block(data, variance, dq, mask)

    def _range(self, pixels, start, stop):
        """The range to read of a unit that may be one image for all integrations."""
        return (0, 1) if pixels.shape[0] == 1 and self.n_integrations > 1 else (start, stop)

    @staticmethod
    def _joined(parts, count):
        """Flags or masks joined by "or", a frame's over the groups of its ramp."""
        if not parts:
            return None
        deepest = max(part.ndim for part in parts)
        result = None
        for part in sorted(parts, key=lambda part: -part.ndim):
            if part.ndim < deepest:
                part = part[:, None]
            if len(part) != count:
                part = np.broadcast_to(part, (count, *part.shape[1:]))
            if result is None:
                result = part if part.flags.writeable and part.flags.owndata else part.copy()
            else:
                result |= part
        return result
