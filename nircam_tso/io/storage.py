"""The bytes of a file on disk, plain or gzip-compressed.

No handle outlives a block: `open_stored` opens, checks that the file is still the one
that was examined, reads, checks again, closes. Gzip files are unpacked once, to the end
(so that a broken tail or checksum is noticed), into a small cache that spills to disk.
"""

import atexit
import contextlib
import gzip
import os
import stat
import tempfile
import threading
import time
import zlib
from collections import OrderedDict
from dataclasses import dataclass

from nircam_tso.exceptions import (
    CorruptFileError,
    InputFileError,
    ResourceLimitError,
    TruncatedFileError,
    UnsupportedFileError,
)
from nircam_tso.io.content import content_of

__all__ = [
    "MAX_RATIO",
    "MAX_UNPACKED",
    "RATIO_CHECKED_ABOVE",
    "StoredFile",
    "examine",
    "identify",
    "looks_like_fits_name",
    "open_examined",
    "open_raw",
    "open_stored",
]

#: Largest size that a gzip file may unpack to, bytes.
MAX_UNPACKED = 8 << 30
#: A file that unpacks to more than this is refused if it grows by more than `MAX_RATIO`.
RATIO_CHECKED_ABOVE = 256 << 20
#: Real images compress by a factor of 2 to 20; a bomb of zeros by 1000.
MAX_RATIO = 100

# Times of modification advance in steps of the kernel's clock, 10 ms at most; two changes within one look alike.
_TICK = 20_000_000
_WAITS = 10

_CHUNK = 1 << 20
_KEPT_IN_MEMORY = 32 << 20
_KEPT_FILES = 4
_FITS_SUFFIXES = (".fits", ".fit", ".fts", ".fits.gz", ".fit.gz", ".fts.gz")


@dataclass(frozen=True)
class StoredFile:
    """
    A regular file as it was when it was examined.

    Attributes
    ----------
    path : str
        Where it lies.
    size : int
        Bytes on disk.
    stamp : tuple of int
        Device, inode, bytes and time of modification (ns): tells whether it changed.
    compressed : bool
        True for gzip.
    """

    path: str
    size: int
    stamp: tuple[int, int, int, int]
    compressed: bool = False


def _stamp(status):
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def looks_like_fits_name(path):
    """
    Whether a name promises FITS.

    Parameters
    ----------
    path : str
        A file name.

    Returns
    -------
    bool

    Examples
    --------
    >>> from nircam_tso.io.storage import looks_like_fits_name
    >>> looks_like_fits_name("a.FITS.gz"), looks_like_fits_name("fits.txt")
    (True, False)
    """
    return os.fspath(path).lower().endswith(_FITS_SUFFIXES)


def _regular_status(path):
    try:
        status = os.stat(path)
    except FileNotFoundError:
        if os.path.islink(path):
            raise InputFileError("is a link to a file that does not exist", path=path) from None
        raise InputFileError(f"no such file (seen from {os.getcwd()})", path=path) from None
    except (OSError, ValueError) as error:
        raise InputFileError(f"cannot be examined: {error}", path=path) from error
    if not stat.S_ISREG(status.st_mode):
        names = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a FIFO"), (stat.S_ISCHR, "a device"))
        what = next((name for test, name in names if test(status.st_mode)), "not a regular file")
        raise UnsupportedFileError(f"is {what}, not a file of images", path=path)
    return status


def _settled_status(file, path):
    """The status of an open file, once a later change is sure to show in its time of modification."""
    for _ in range(_WAITS):
        status = os.fstat(file.fileno())
        age = time.time_ns() - status.st_mtime_ns
        if not 0 <= age < _TICK:
            return status
        time.sleep((_TICK - age) / 1e9)
    raise InputFileError("is being written just now; wait until it is whole", path=path)


def identify(path):
    """
    What a file is, by its first bytes.

    Parameters
    ----------
    path : str
        An existing file.

    Returns
    -------
    str
        ``"FITS"``, ``"gzip FITS"``, ``"text"``, or words for anything else.

    Raises
    ------
    InputFileError
        If it is missing, unreadable or not a regular file.
    CorruptFileError
        If it is gzip, but not even its start can be unpacked.
    """
    with _opened(path) as file:
        return content_of(file, path)


@contextlib.contextmanager
def _opened(path):
    """A regular file, open; what is no such file is not even opened, as it might never answer."""
    _regular_status(path)
    try:
        file = open(path, "rb", buffering=0)
    except OSError as error:
        raise InputFileError(f"cannot be opened: {error.strerror}", path=path) from error
    with file:
        yield file


@contextlib.contextmanager
def _examined(path):
    """(StoredFile, the open file) of a file of FITS."""
    with _opened(path) as file:
        what = content_of(file, path)
        if what not in ("FITS", "gzip FITS"):
            raise UnsupportedFileError(f"is not FITS but {what}", path=path)
        status = _settled_status(file, path)
        yield StoredFile(path, status.st_size, _stamp(status), what == "gzip FITS"), file


def examine(path):
    """
    Look at a file before it is read.

    Parameters
    ----------
    path : str or path-like
        A FITS file, plain or gzip-compressed, whatever its name.

    Returns
    -------
    StoredFile

    Raises
    ------
    InputFileError
        If it is missing or unreadable.
    UnsupportedFileError
        If it is not a regular file, or not FITS; the message says what it is.
    """
    with _examined(os.fspath(path)) as (stored, _):
        return stored


@contextlib.contextmanager
def open_examined(path):
    """
    Look at a file, and keep it open for its headers: thousands of files are opened once for both.

    Parameters
    ----------
    path : str or path-like
        As for `examine`.

    Yields
    ------
    stored : StoredFile
        As from `examine`.
    handle : object
        As of `open_stored`.

    Raises
    ------
    InputFileError
        As `examine` and `open_stored`.
    """
    with _examined(os.fspath(path)) as (stored, file):
        with _handle_of(stored, file) as handle:
            yield stored, handle
        _check_unchanged(file, stored, "while it was read")


class _Handle:
    """An open file that reads at offsets; `size` is the number of bytes that it holds."""

    def __init__(self, file, size, path):
        self._file = file
        self.size = size
        self.path = path

    def read_into(self, buffer, offset):
        view = memoryview(buffer).cast("B")
        try:
            self._file.seek(offset)
            done = 0
            while done < len(view):
                count = self._file.readinto(view[done:])
                if not count:
                    raise TruncatedFileError(f"ended at byte {offset + done} while it was read", path=self.path)
                done += count
        except OSError as error:
            if isinstance(error, InputFileError):
                raise
            raise InputFileError(f"cannot be read: {error.strerror}", path=self.path) from error

    def read(self, offset, count):
        """At most ``count`` bytes; fewer at the end of the file."""
        buffer = bytearray(max(0, min(count, self.size - offset)))
        self.read_into(buffer, offset)
        return bytes(buffer)


class _Unpacked:
    """An unpacked gzip file in the cache, and how many readers it has now."""

    def __init__(self):
        self.file = None
        self.size = 0
        self.users = 0
        self.dropped = False
        self.lock = threading.RLock()

    def close(self):
        if self.file is not None:
            with contextlib.suppress(OSError):
                self.file.close()


_cache: OrderedDict[StoredFile, _Unpacked] = OrderedDict()
_cache_lock = threading.Lock()


def _forget_cache():
    for entry in _cache.values():
        entry.close()
    _cache.clear()


def _after_fork():
    # A child shares the file offsets of its parent, and may have inherited a held lock.
    global _cache_lock
    _cache_lock = threading.Lock()
    _forget_cache()


atexit.register(_forget_cache)
os.register_at_fork(after_in_child=_after_fork)


def _unpack(stored):
    target = tempfile.SpooledTemporaryFile(max_size=_KEPT_IN_MEMORY)
    size = 0
    try:
        with gzip.open(stored.path, "rb") as source:
            while True:
                try:
                    chunk = source.read(_CHUNK)
                except (EOFError, OSError, zlib.error) as error:
                    raise CorruptFileError(f"cannot be unpacked to its end: {error}", path=stored.path) from error
                if not chunk:
                    break
                size += len(chunk)
                if size > MAX_UNPACKED or (size > RATIO_CHECKED_ABOVE and size > MAX_RATIO * stored.size):
                    raise ResourceLimitError(
                        f"its {stored.size} bytes unpack to more than {size}; unpack it with gunzip if it is to be "
                        "trusted",
                        path=stored.path,
                    )
                try:
                    target.write(chunk)
                except OSError as error:
                    raise ResourceLimitError(
                        f"no room to unpack it in {tempfile.gettempdir()}: {error.strerror}", path=stored.path
                    ) from error
    except BaseException:
        target.close()
        raise
    return target, size


@contextlib.contextmanager
def _open_compressed(stored):
    with _cache_lock:
        entry = _cache.setdefault(stored, _Unpacked())
        _cache.move_to_end(stored)
        entry.users += 1
        while len(_cache) > _KEPT_FILES:
            _, old = _cache.popitem(last=False)
            old.dropped = True
            if old.users == 0:
                old.close()
    try:
        # The lock is the file's own, so that several files can be unpacked side by side.
        with entry.lock:
            if entry.file is None:
                entry.file, entry.size = _unpack(stored)
            yield _Handle(entry.file, entry.size, stored.path)
    finally:
        with _cache_lock:
            entry.users -= 1
            if entry.file is None and _cache.get(stored) is entry:
                del _cache[stored]
            if entry.dropped and entry.users == 0:
                entry.close()


@contextlib.contextmanager
def open_stored(stored):
    """
    Open a file for one block of reading.

    Parameters
    ----------
    stored : StoredFile
        What `examine` returned.

    Yields
    ------
    object
        With ``size`` (bytes, unpacked), ``read(offset, count)`` and
        ``read_into(buffer, offset)``.

    Raises
    ------
    InputFileError
        If the file is gone, or changed since it was examined or during the reading.
    CorruptFileError, ResourceLimitError
        If a gzip file is broken, or unpacks to too much.
    TruncatedFileError
        If it ends before what is asked for.
    """
    with _unchanged(stored) as file, _handle_of(stored, file) as handle:
        yield handle


def _handle_of(stored, file):
    """Context of what is read from: the open file, or what it unpacks to."""
    if stored.compressed:
        return _open_compressed(stored)
    return contextlib.nullcontext(_Handle(file, stored.size, stored.path))


@contextlib.contextmanager
def open_raw(stored):
    """
    Open a file for its bytes as they lie on the disk, packed or not.

    Parameters
    ----------
    stored : StoredFile
        What `examine` returned.

    Yields
    ------
    object
        As of `open_stored`.

    Raises
    ------
    InputFileError
        As `open_stored`.
    """
    with _unchanged(stored) as file:
        yield _Handle(file, stored.size, stored.path)


@contextlib.contextmanager
def _unchanged(stored):
    """An open file that is the one that was examined, before and after."""
    try:
        file = open(stored.path, "rb", buffering=0)
    except OSError as error:
        raise InputFileError(f"cannot be opened any more: {error.strerror}", path=stored.path) from error
    with file:
        _check_unchanged(file, stored, "since it was opened")
        yield file
        _check_unchanged(file, stored, "while it was read")


def _check_unchanged(file, stored, when):
    status = os.fstat(file.fileno())
    if _stamp(status) != stored.stamp:
        cls = TruncatedFileError if status.st_size < stored.size else InputFileError
        raise cls(f"changed {when} (it had {stored.size} bytes, it has {status.st_size})", path=stored.path)
