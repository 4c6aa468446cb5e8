"""An open HDUList, seen as the readers see a file."""

import hashlib
import os
from dataclasses import dataclass, field

import numpy as np

from nircam_tso.exceptions import InputFileError
from nircam_tso.io.cards import parse_header
from nircam_tso.io.fits_structure import read_structure
from nircam_tso.io.pixels import ArrayPixels, FilePixels
from nircam_tso.io.tables import decode_table, native_table

__all__ = ["HduListStructure"]


@dataclass
class HduListStructure:
    """
    The units of an `~astropy.io.fits.HDUList`.

    Where data were never looked at, their pixels are read from the file, by the same
    code as if its path had been handed over; where they were (and may have been
    changed), the arrays in memory are used.

    Parameters
    ----------
    hdulist : `~astropy.io.fits.HDUList`
        Open, or made in memory.

    Raises
    ------
    InputFileError
        As `read_structure`, of the file that it was opened from.
    """

    hdulist: object
    hdus: list = field(init=False, default_factory=list)
    notes: list = field(init=False, default_factory=list)

    def __post_init__(self):
        self.path = self.hdulist.filename()
        if self.path is not None:
            self.path = os.fspath(self.path)
        self.name = os.path.basename(self.path) if self.path else "HDUList"
        digest = hashlib.sha256()
        self._origin = None
        if self.path and any(self._untouched(unit) for unit in self.hdulist):
            self._origin = read_structure(self.path)
            self.notes += self._origin.notes
        at = {} if self._origin is None else {hdu.data_offset: hdu for hdu in self._origin.hdus}
        self._sources = []
        for index, unit in enumerate(self.hdulist):
            raw = unit.header.tostring(sep="", endcard=False, padding=False)
            digest.update(unit.header.tostring(sep="", endcard=True, padding=True).encode("ascii", "replace"))
            hdu = parse_header(raw, index=index, path=self.path)
            source = None
            if self._untouched(unit):
                source = at.get(unit.fileinfo()["datLoc"])
                if source is None:
                    raise InputFileError(f"changed since it was opened ({hdu.label} is elsewhere)", path=self.path)
                hdu.shape, hdu.kind = source.shape, source.kind
            elif hdu.is_image:
                hdu.shape = () if unit.data is None else np.shape(unit.data)
            self.hdus.append(hdu)
            self._sources.append(source)
        self.header_sha256 = digest.hexdigest()
        self.size = self._origin.stored.size if self._origin else 0

    @staticmethod
    def _untouched(unit):
        info = unit.fileinfo()
        if not info or info.get("file") is None or info["file"].name is None:
            return False
        return "data" not in vars(unit)

    def pixels(self, hdu, shape=None, first_plane=0):
        """As `FitsStructure.pixels`."""
        source = self._sources[hdu.index]
        if source is not None:
            return FilePixels.of_hdu(self._origin.stored, source, shape, first_plane)
        data = np.asanyarray(self.hdulist[hdu.index].data)
        scale, zero = hdu.get("BSCALE", 1), hdu.get("BZERO", 0)
        if data.dtype.kind == "i" and (scale, zero) != (1, 0):
            # The list was opened with its scaling switched off.
            whole = scale == 1 and float(zero).is_integer() and data.dtype.itemsize < 8
            data = data.astype(np.int64) + int(zero) if whole else data.astype(np.float64) * scale + zero
        data = data.reshape(-1, *hdu.shape[-2:])
        shape = shape or ((1, *hdu.shape) if len(hdu.shape) == 2 else hdu.shape)
        count = int(np.prod(shape[:-2]))
        return ArrayPixels([data[first_plane : first_plane + count].reshape(shape)])

    def table(self, hdu):
        """As `FitsStructure.table`."""
        source = self._sources[hdu.index]
        if source is not None:
            return self._origin.table(source)
        data = self.hdulist[hdu.index].data
        return decode_table(hdu, b"", self.path) if data is None else native_table(data)

    def describe(self):
        """As `FitsStructure.describe`."""
        return ", ".join(hdu.describe() for hdu in self.hdus)
