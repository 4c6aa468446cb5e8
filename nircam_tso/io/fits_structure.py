"""What a FITS file holds and where: one pass over its headers, checked against its size.

astropy reads a cut file without a word where the wanted part is whole, and then an
extension that carries the bad pixels is simply not there. Here the bytes of every
header-data unit are counted before any pixel is looked at. The layout is that of the
FITS standard, version 4.0, section 3.
"""

import hashlib
import math
import os
import re
from dataclasses import dataclass

from nircam_tso.exceptions import CorruptFileError, InputFileError, ResourceLimitError, TruncatedFileError
from nircam_tso.io.cards import BLOCK, CARD, Hdu, padded, parse_header
from nircam_tso.io.pixels import FilePixels
from nircam_tso.io.storage import StoredFile, examine, open_examined, open_stored
from nircam_tso.io.tables import decode_table

__all__ = ["FitsStructure", "read_first_header", "read_structure"]

_END = b"END" + b" " * 77
# Cards are of printable ASCII characters; astropy raises an error for any other.
_ODD = re.compile(r"[^ -~]")
_FIRST_READ = 8 * BLOCK
# Longer headers exist nowhere (100,000 cards); what follows is for each card what a card costs in memory.
_MAX_HEADER = 8 << 20
_MAX_HDUS = 10_000
_MAX_TABLE = 256 << 20


@dataclass
class FitsStructure:
    """
    All header-data units of a file.

    Attributes
    ----------
    stored : StoredFile
        The file.
    hdus : list of Hdu
        In the file's order.
    header_sha256 : str
        Hash over the header bytes of every unit.
    notes : list of str
        What is odd, but harmless.
    """

    stored: StoredFile
    hdus: list[Hdu]
    header_sha256: str
    notes: list[str]

    @property
    def path(self):
        """The file's path."""
        return self.stored.path

    @property
    def name(self):
        """The file's base name."""
        return os.path.basename(self.stored.path)

    @property
    def size(self):
        """The file's bytes on disk."""
        return self.stored.size

    def pixels(self, hdu, shape=None, first_plane=0):
        """
        The pixels of a unit; see `FilePixels.of_hdu`.

        Parameters
        ----------
        hdu : Hdu
            One of ``hdus``, an image.
        shape : tuple of int, optional
            (n, ny, nx) or (n, groups, ny, nx).
        first_plane : int, optional
            Planes to leave out in front.

        Returns
        -------
        FilePixels
        """
        return FilePixels.of_hdu(self.stored, hdu, shape, first_plane)

    def table(self, hdu):
        """
        The rows of a binary table; see `decode_table`.

        Parameters
        ----------
        hdu : Hdu
            One of ``hdus``, a table.

        Returns
        -------
        `~numpy.ndarray`
            Structured, of native types.
        """
        # The rows only: the heap behind them may be of any size.
        size = math.prod(hdu.shape) if len(hdu.shape) == 2 else 0
        if size > _MAX_TABLE:
            raise CorruptFileError(f"{hdu.label} has {size} bytes, which no table of times has", path=self.path)
        with open_stored(self.stored) as handle:
            return decode_table(hdu, handle.read(hdu.data_offset, size), self.path)

    def describe(self):
        """
        What was found, in one line.

        Returns
        -------
        str
        """
        shown = ", ".join(hdu.describe() for hdu in self.hdus[:8])
        return shown + (f" and {len(self.hdus) - 8} more" if len(self.hdus) > 8 else "")


def _header_bytes(handle, offset, index):
    """The header that begins at an offset, up to and with its END card and padding."""
    shown = "the primary header" if index == 0 else f"the header of HDU {index}"
    data = handle.read(offset, _FIRST_READ)
    if len(data) < BLOCK:
        raise TruncatedFileError(
            f"ends at byte {handle.size}, within {shown} that begins at {offset}", path=handle.path, hdu=index
        )
    searched = 0
    while True:
        end = data.find(_END, searched)
        while end >= 0 and end % CARD:
            end = data.find(_END, end + 1)
        if end >= 0:
            length = padded(end + CARD)
            # All is read in whole blocks, unless the file ends.
            if length > len(data):
                raise TruncatedFileError(
                    f"ends at byte {handle.size}, within {shown} that begins at {offset}", path=handle.path, hdu=index
                )
            return data[:end], data[:length]
        # Pixels instead of cards mean that END was lost: the rest of the file need not be searched.
        if len(data) > _MAX_HEADER:
            raise ResourceLimitError(
                f"{shown} that begins at byte {offset} is longer than {_MAX_HEADER} bytes", path=handle.path, hdu=index
            )
        if b"\x00" in data[searched:]:
            raise CorruptFileError(f"{shown} that begins at byte {offset} has no END card", path=handle.path, hdu=index)
        searched = max(0, len(data) - CARD)
        more = handle.read(offset + len(data), max(_FIRST_READ, len(data)))
        if not more:
            raise TruncatedFileError(
                f"ends at byte {handle.size}, within {shown} that begins at {offset}", path=handle.path, hdu=index
            )
        data += more


def read_first_header(path):
    """
    The primary header of a file whose rest may be cut or broken.

    Parameters
    ----------
    path : str or path-like
        A file.

    Returns
    -------
    FitsStructure or None
        With one unit; None where not even that can be read.
    """
    try:
        stored = examine(path)
        if stored.compressed:
            return None
        with open_stored(stored) as handle:
            cards, _ = _header_bytes(handle, 0, 0)
        hdu = parse_header(_ODD.sub("?", cards.decode("latin-1")), path=stored.path)
    except (InputFileError, ResourceLimitError):
        return None
    return FitsStructure(stored, [hdu], "", [])


def _check_tail(handle, offset, notes):
    """Whether what follows the last unit is mere filling."""
    tail = handle.read(offset, min(handle.size - offset, 16 * BLOCK))
    if tail.strip(b"\x00 "):
        raise CorruptFileError(
            f"byte {offset} should begin another extension or end the file, but holds neither", path=handle.path
        )
    notes.append(f"{os.path.basename(handle.path)}: {handle.size - offset} filling bytes follow the last extension")


def read_structure(path):
    """
    Find every header-data unit of a FITS file and check that its bytes are there.

    Parameters
    ----------
    path : str or path-like
        Plain or gzip-compressed.

    Returns
    -------
    FitsStructure

    Raises
    ------
    InputFileError
        If the file is missing or cannot be read.
    UnsupportedFileError
        If it is not FITS; the message says what it is.
    TruncatedFileError
        If it is shorter than its headers promise.
    CorruptFileError
        If a header makes no sense, or a gzip file is broken.
    ResourceLimitError
        If a gzip file unpacks to too much.
    """
    digest = hashlib.sha256()
    hdus, notes = [], []
    with open_examined(path) as (stored, handle):
        offset = 0
        while offset < handle.size:
            if hdus and handle.read(offset, 9) not in (b"XTENSION=", b"XTENSION "):
                head = handle.read(offset, 9)
                if len(head) < 9 and b"XTENSION="[: len(head)] == head:
                    raise TruncatedFileError(
                        f"ends at byte {handle.size}, within the header of HDU {len(hdus)}", path=stored.path
                    )
                _check_tail(handle, offset, notes)
                break
            if len(hdus) == _MAX_HDUS:
                raise ResourceLimitError(f"holds more than {_MAX_HDUS} header-data units", path=stored.path)
            cards, whole = _header_bytes(handle, offset, len(hdus))
            digest.update(whole)
            text = cards.decode("latin-1")
            if not (text.isascii() and text.isprintable()) and "\x00" not in text:
                notes.append(f"{os.path.basename(stored.path)}: odd characters in a header were replaced by '?'")
                text = _ODD.sub("?", text)
            hdu = parse_header(text, index=len(hdus), path=stored.path)
            hdu.header_offset = offset
            hdu.data_offset = offset + len(whole)
            stop = hdu.data_offset + hdu.data_bytes
            if stop > handle.size:
                raise TruncatedFileError(
                    f"ends at byte {handle.size}, but {hdu.label} reaches to byte {stop}: "
                    f"{stop - handle.size} bytes are missing; fetch or make it again",
                    path=stored.path,
                    hdu=hdu.label,
                )
            hdus.append(hdu)
            offset = hdu.data_offset + padded(hdu.data_bytes)
        if offset > handle.size:
            notes.append(f"{os.path.basename(stored.path)}: the last {offset - handle.size} filling bytes are missing")
    return FitsStructure(stored, hdus, digest.hexdigest(), notes)
