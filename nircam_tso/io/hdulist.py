"""An open HDUList, seen as the readers see a file."""

import hashlib
import os
from dataclasses import dataclass, field

import numpy as np
from astropy.io import fits

from nircam_tso.exceptions import InputFileError, UnsupportedFileError
from nircam_tso.io.cards import parse_header
from nircam_tso.io.fits_structure import read_structure
from nircam_tso.io.pixels import ArrayPixels, FilePixels
from nircam_tso.io.tables import decode_table, native_table, scaled

__all__ = ["HduListStructure"]


@dataclass
class HduListStructure:
    """
    The units of an `~astropy.io.fits.HDUList`.

    Where data were never looked at, their pixels are read from the file, by the same
    code as if its path had been handed over. Where they were (and may have been
    changed), or where there is no such file (an open stream, a download, a compression
    that only astropy reads), the arrays in memory are used.

    Parameters
    ----------
    hdulist : `~astropy.io.fits.HDUList`
        Open, or made in memory, or made of units of several open lists.

    Raises
    ------
    InputFileError
        As `read_structure`, of the file that it was opened from; or if data were not
        read before the file was closed.
    """

    hdulist: object
    hdus: list = field(init=False, default_factory=list)
    notes: list = field(init=False, default_factory=list)

    def __post_init__(self):
        path = self.hdulist.filename()
        # Of a stream, astropy names the type; a URL is a name, but no file either.
        self.path = os.fspath(path) if isinstance(path, (str, os.PathLike)) and os.path.isfile(path) else None
        self.name = os.path.basename(self.path) if self.path else "HDUList"
        digest = hashlib.sha256()
        self._units = list(self.hdulist)
        if self._units and "XTENSION" in self._units[0].header:
            # A list of some extensions of a file, which would get its first unit when written.
            self._units.insert(0, fits.PrimaryHDU())
        origins = {}
        self._sources = []
        for index, unit in enumerate(self._units):
            raw = unit.header.tostring(sep="", endcard=False, padding=False)
            digest.update(unit.header.tostring(sep="", endcard=True, padding=True).encode("ascii", "replace"))
            hdu = parse_header(raw, index=index, path=self.path)
            found = self._in_file(unit, origins)
            if found is not None:
                hdu.shape, hdu.kind = found[1].shape, found[1].kind
            elif hdu.is_image:
                data = self._data(unit, hdu)
                hdu.shape = () if data is None else np.shape(data)
            self.hdus.append(hdu)
            self._sources.append(found)
        origins = [origin for origin in origins.values() if origin is not None]
        self.notes += [note for origin in origins for note in origin.notes]
        self.header_sha256 = digest.hexdigest()
        self.size = sum(origin.stored.size for origin in origins)

    @staticmethod
    def _in_file(unit, origins):
        """(structure of the file, the unit within it) of data not looked at; None where they are in memory."""
        info = unit.fileinfo()
        if "data" in vars(unit) or not info or info.get("file") is None:
            return None
        path = info["file"].name
        if not isinstance(path, (str, os.PathLike)) or not os.path.isfile(path):
            return None
        if path not in origins:
            try:
                origins[path] = read_structure(path)
            except UnsupportedFileError:
                # Such as bzip2, which astropy has unpacked.
                origins[path] = None
        if origins[path] is None:
            return None
        here = next((hdu for hdu in origins[path].hdus if hdu.data_offset == info["datLoc"]), None)
        return None if here is None else (origins[path], here)

    def _data(self, unit, hdu):
        """A unit's data in memory; astropy reads them now if it has not done so."""
        try:
            return unit.data
        except (OSError, TypeError, ValueError) as error:
            raise InputFileError(
                f"{hdu.label} of the HDUList cannot be read ({error}); was it closed, or its file cut?", path=self.path
            ) from error

    def pixels(self, hdu, shape=None, first_plane=0):
        """As `FitsStructure.pixels`."""
        found = self._sources[hdu.index]
        if found is not None:
            return FilePixels.of_hdu(found[0].stored, found[1], shape, first_plane)
        data = np.asanyarray(self._data(self._units[hdu.index], hdu))
        if data.dtype.kind == "i":
            # The list may have been opened with its scaling switched off.
            data = scaled(data, hdu.get("BSCALE", 1), hdu.get("BZERO", 0))
        data = data.reshape(-1, *hdu.shape[-2:])
        shape = shape or ((1, *hdu.shape) if len(hdu.shape) == 2 else hdu.shape)
        count = int(np.prod(shape[:-2]))
        return ArrayPixels([data[first_plane : first_plane + count].reshape(shape)])

    def table(self, hdu):
        """As `FitsStructure.table`."""
        found = self._sources[hdu.index]
        if found is not None:
            return found[0].table(found[1])
        data = self._data(self._units[hdu.index], hdu)
        return decode_table(hdu, b"", self.path) if data is None else native_table(data)

    def describe(self):
        """As `FitsStructure.describe`."""
        return ", ".join(hdu.describe() for hdu in self.hdus)
