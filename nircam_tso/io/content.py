"""What a file is, by its first bytes."""

import gzip
import zlib

from nircam_tso.exceptions import CorruptFileError, InputFileError

__all__ = ["content_of"]

_FITS_START = b"SIMPLE  ="
_MAGIC = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"%PDF", "a PDF document"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy array (load it with numpy.load and hand over the array)"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"BZh", "a bzip2-compressed file (unpack it first)"),
    (b"\xfd7zXZ", "an xz-compressed file (unpack it first)"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard-compressed file (unpack it first)"),
    (b"#ASDF", "an ASDF file"),
    (b"\x7fELF", "a program"),
    (b"# %ECSV", "an ECSV table"),
)


def _name_content(head):
    """What the first bytes of a file that is not FITS tell of it."""
    for magic, what in _MAGIC:
        if head.startswith(magic):
            return what
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        return "text"
    if b"\x00" in head:
        return "binary data of an unknown kind"
    start = head.lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "an HTML page (a failed download?)"
    if start.startswith(b"<"):
        return "an XML or HTML document"
    if start.startswith(b"{"):
        return "a JSON document"
    controls = sum(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head)
    return "text" if controls == 0 else "binary data of an unknown kind"


def content_of(file, path):
    """
    What an open file is.

    Parameters
    ----------
    file : file object
        At its beginning, opened as bytes.
    path : str
        Its name.

    Returns
    -------
    str
        ``"FITS"``, ``"gzip FITS"``, ``"text"``, or words for anything else.

    Raises
    ------
    InputFileError
        If it cannot be read.
    CorruptFileError
        If it is gzip, but not even its start can be unpacked.

    Examples
    --------
    >>> import io
    >>> from nircam_tso.io.content import content_of
    >>> content_of(io.BytesIO(b"%PDF-1.7"), "paper.fits")
    'a PDF document'
    """
    try:
        head = file.read(4096)
    except OSError as error:
        raise InputFileError(f"cannot be read: {error.strerror}", path=path) from error
    if head.startswith(_FITS_START):
        return "FITS"
    if not head:
        return "an empty file (0 bytes)"
    if head.startswith(b"\x1f\x8b"):
        try:
            with gzip.open(path, "rb") as packed:
                start = packed.read(4096)
        except (EOFError, OSError, zlib.error) as error:
            raise CorruptFileError(f"cannot be unpacked: {error}", path=path) from error
        return "gzip FITS" if start.startswith(_FITS_START) else f"gzip-compressed {_name_content(start)}"
    return _name_content(head)
