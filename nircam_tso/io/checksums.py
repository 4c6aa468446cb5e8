"""Whether bytes are those that were written: checksums within FITS, hashes over files.

CHECKSUM and DATASUM: FITS standard, version 4.0, section 4.4.2.7 and appendix J, sums of
32-bit words in ones' complement arithmetic.
"""

import hashlib

import numpy as np

from nircam_tso.exceptions import CorruptFileError
from nircam_tso.io.cards import BLOCK, padded
from nircam_tso.io.storage import open_raw, open_stored

__all__ = ["hash_file", "ones_sum", "verify_checksums"]

_CHUNK = 1456 * BLOCK
_ALL_ONES = 0xFFFFFFFF


def ones_sum(data, total=0):
    r"""
    The sum of 32-bit words in ones' complement arithmetic.

    Parameters
    ----------
    data : bytes
        Big-endian words; a number of bytes that 4 divides.
    total : int, optional
        A sum to go on with.

    Returns
    -------
    int

    Examples
    --------
    >>> from nircam_tso.io.checksums import ones_sum
    >>> ones_sum(b"\xff\xff\xff\xff\x00\x00\x00\x02")
    2
    """
    total += int(np.frombuffer(data, ">u4").sum(dtype=np.uint64))
    while total > _ALL_ONES:
        total = (total & _ALL_ONES) + (total >> 32)
    return total


def _sum_of(handle, start, stop):
    total = 0
    for at in range(start, stop, _CHUNK):
        piece = handle.read(at, min(_CHUNK, stop - at))
        # Filling that a cut has taken off is zero.
        total = ones_sum(piece + bytes(-len(piece) % 4), total)
    return total


def verify_checksums(structure):
    """
    Compare DATASUM and CHECKSUM of every unit with its bytes.

    Parameters
    ----------
    structure : FitsStructure
        A file.

    Raises
    ------
    CorruptFileError
        If any differs.
    """
    found = 0
    with open_stored(structure.stored) as handle:
        for hdu in structure.hdus:
            if "DATASUM" not in hdu and "CHECKSUM" not in hdu:
                continue
            found += 1
            stop = hdu.data_offset + padded(hdu.data_bytes)
            data = _sum_of(handle, hdu.data_offset, min(stop, handle.size))
            promised = str(hdu.get("DATASUM", "")).strip()
            if promised.isascii() and promised.isdecimal() and int(promised) != data:
                raise CorruptFileError(
                    f"DATASUM of {hdu.label} is {promised}, but its bytes give {data}; fetch or make it again",
                    path=structure.path,
                    hdu=hdu.label,
                )
            # An empty CHECKSUM means that none was computed.
            if str(hdu.get("CHECKSUM", "")).strip():
                header = handle.read(hdu.header_offset, hdu.data_offset - hdu.header_offset)
                if ones_sum(header, data) not in (0, _ALL_ONES):
                    raise CorruptFileError(
                        f"CHECKSUM of {hdu.label} does not agree with its bytes; fetch or make it again",
                        path=structure.path,
                        hdu=hdu.label,
                    )
    if not found:
        structure.notes.append(f"{structure.name}: has no checksums to verify")


def hash_file(stored):
    """
    The sha256 over all bytes of a file, as they lie on the disk.

    Parameters
    ----------
    stored : StoredFile
        From `nircam_tso.io.storage.examine`.

    Returns
    -------
    str
    """
    digest = hashlib.sha256()
    with open_raw(stored) as handle:
        for at in range(0, handle.size, _CHUNK):
            digest.update(handle.read(at, _CHUNK))
    return digest.hexdigest()
