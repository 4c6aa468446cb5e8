"""FITS files whose image extensions are filled a few integrations at a time.

astropy writes an extension as a whole; here five extensions grow together, so
that an exposure of any length is written with the memory of one block.
"""

import os
from pathlib import Path

import numpy as np
from astropy.io import fits

from nircam_tso.io.cards import padded

__all__ = ["FitsStack", "table_bytes"]

#: BITPIX, type on disk, and the value added to it (BZERO) for each type of array.
_TYPES = {
    np.dtype(np.float32): (-32, ">f4", None),
    np.dtype(np.uint16): (16, ">i2", 1 << 15),
    np.dtype(np.uint32): (32, ">i4", 1 << 31),
}


def _image_header(name, dtype, shape, cards):
    bitpix, _, zero = _TYPES[np.dtype(dtype)]
    header = fits.Header()
    header["XTENSION"] = ("IMAGE", "Image extension")
    header["BITPIX"] = (bitpix, "array data type")
    header["NAXIS"] = (len(shape), "number of array dimensions")
    for axis, size in enumerate(reversed(shape), start=1):
        header[f"NAXIS{axis}"] = size
    header["PCOUNT"] = (0, "number of parameters")
    header["GCOUNT"] = (1, "number of groups")
    if zero is not None:
        header["BSCALE"] = 1
        header["BZERO"] = zero
    header["EXTNAME"] = (name, "extension name")
    header.extend(cards, update=True)
    header["EXTVER"] = (1, "extension value")
    return header


def table_bytes(name, rows):
    """
    A binary-table extension, ready to be appended to a file.

    Parameters
    ----------
    name : str
        EXTNAME.
    rows : structured `~numpy.ndarray`
        The table.

    Returns
    -------
    bytes
    """
    hdu = fits.BinTableHDU(rows, name=name, ver=1)
    data = rows.astype(rows.dtype.newbyteorder(">")).tobytes()
    return hdu.header.tostring().encode("ascii") + data.ljust(padded(len(data)), b"\0")


class FitsStack:
    """
    A FITS file of image cubes, open for writing in blocks; a context manager.

    The file appears under its name when all is written; until then it is a hidden
    neighbour, which is removed if anything fails.

    Parameters
    ----------
    path : path-like
        File to write; one that is there is replaced.
    primary : `~astropy.io.fits.Header`
        Header of the primary HDU, which holds no pixels.
    images : list of (str, dtype, shape, header)
        Extensions in order: name, float32, uint16 or uint32, shape, further cards.
    tail : bytes, optional
        Whole HDUs to append, see `table_bytes`.
    """

    def __init__(self, path, primary, images, tail=b""):
        self.path = Path(path)
        self._part = self.path.with_name(f".{self.path.name}.part")
        self._layout = {}
        header = fits.PrimaryHDU(header=primary).header
        header.set("EXTEND", True, after="NAXIS")
        heads = [(0, header.tostring().encode("ascii"))]
        position = len(heads[0][1])
        for name, dtype, shape, cards in images:
            head = _image_header(name, dtype, shape, cards).tostring().encode("ascii")
            heads.append((position, head))
            position += len(head)
            self._layout[name] = (position, np.dtype(dtype), tuple(shape))
            position += padded(int(np.prod(shape)) * np.dtype(dtype).itemsize)
        self._heads, self._tail, self._size = heads, tail, position

    def __enter__(self):
        self._file = open(self._part, "w+b")
        for position, head in self._heads:
            self._file.seek(position)
            self._file.write(head)
        # Sets the length; what is not written stays zero, which is FITS padding.
        self._file.truncate(self._size)
        self._file.seek(self._size)
        self._file.write(self._tail)
        return self

    def __exit__(self, kind, value, trace):
        self._file.close()
        if kind is None:
            os.replace(self._part, self.path)
        else:
            self._part.unlink()

    def _seek(self, name, first):
        position, dtype, shape = self._layout[name]
        self._file.seek(position + first * int(np.prod(shape[1:])) * dtype.itemsize)
        return dtype, shape

    def write(self, name, first, values):
        """
        Write planes of an extension.

        Parameters
        ----------
        name : str
            Extension.
        first : int
            Index of the first plane along the slowest axis.
        values : `~numpy.ndarray`
            Planes, of the extension's type or convertible to it.
        """
        dtype, _ = self._seek(name, first)
        _, on_disk, zero = _TYPES[dtype]
        values = np.asarray(values, dtype=dtype)
        if zero is not None:
            # Subtracting BZERO is flipping the highest bit.
            values = (values ^ dtype.type(zero)).view(np.dtype(on_disk).newbyteorder("="))
        self._file.write(values.astype(on_disk).tobytes())

    def read(self, name, first, count):
        """
        Read back planes of a float32 extension.

        Parameters
        ----------
        name : str
            Extension.
        first, count : int
            Index of the first plane, and how many.

        Returns
        -------
        `~numpy.ndarray` of float32
        """
        dtype, shape = self._seek(name, first)
        size = count * int(np.prod(shape[1:]))
        data = np.frombuffer(self._file.read(size * dtype.itemsize), dtype=_TYPES[dtype][1])
        return data.reshape(count, *shape[1:]).astype(dtype)
