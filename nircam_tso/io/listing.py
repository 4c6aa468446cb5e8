"""Names of files: text lists, folders, globs."""

import glob
import os
import re
import stat
import warnings

from nircam_tso.exceptions import InputFileError, NircamTSOWarning, ResourceLimitError, UnsupportedFileError
from nircam_tso.io.storage import identify, looks_like_fits_name

__all__ = ["list_directory", "list_glob", "read_list", "without_repeats"]

_MAX_LIST_BYTES = 256 << 20
_SHOWN = 10
_ABSENT = "does not exist"
_QUOTES = "\"'"


def _decode(raw, path):
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return raw.decode("utf-16")
        except UnicodeDecodeError as error:
            raise UnsupportedFileError(f"is no list of names: broken UTF-16 ({error.reason})", path=path) from error
    if b"\x00" in raw:
        raise UnsupportedFileError("is no list of names: it contains NUL bytes", path=path)
    # Names of files are bytes; surrogates carry those that are not UTF-8 unharmed.
    return raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors="surrogateescape")


def _clean(line):
    entry = line.strip()
    if len(entry) > 1 and entry[0] in _QUOTES and entry[-1] == entry[0]:
        return entry[1:-1]
    return entry


def _resolve(entry, folder):
    """(path, what is wrong with it or None)."""
    if "://" in entry:
        return None, "is a URL; files are not fetched"
    path = os.path.join(folder, entry)
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        mode = 0
    if stat.S_ISREG(mode):
        return path, None
    if " #" in entry:
        shorter = os.path.join(folder, _clean(entry.split(" #", 1)[0]))
        if os.path.isfile(shorter):
            return shorter, None
    if stat.S_ISDIR(mode):
        return None, "is a folder"
    return None, "is no regular file" if mode else _ABSENT


def read_list(path, *, keep_missing=False):
    r"""
    Read a text file of file names.

    One name a line; blank lines and lines that begin with ``#`` are skipped, as is what
    follows `` #`` after a name. Byte-order marks, CRLF, blanks and quotes around a name
    are taken off. Relative names count from the list's folder; ``~`` is a letter like
    any other.

    Parameters
    ----------
    path : str or path-like
        The text file, in UTF-8 (or UTF-16 with a byte-order mark).
    keep_missing : bool, optional
        Whether names of files that do not exist are returned, too.

    Returns
    -------
    list of str
        Paths in the list's order.

    Raises
    ------
    InputFileError
        If it cannot be read, lists nothing, or lists what does not exist, is a folder or
        a URL; the message tells the lines.
    UnsupportedFileError
        If it is not text.
    ResourceLimitError
        If it is larger than any list.

    Warns
    -----
    NircamTSOWarning
        If it lists itself, as ``ls > list.txt`` does; that entry is left out.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from nircam_tso.io.listing import read_list
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> (folder / "a.fits").touch()
    >>> _ = (folder / "list.txt").write_text("# one night\n\n'a.fits'\n")
    >>> [pathlib.Path(name).name for name in read_list(folder / "list.txt")]
    ['a.fits']
    """
    path = os.fspath(path)
    try:
        size = os.path.getsize(path)
        if size > _MAX_LIST_BYTES:
            raise ResourceLimitError(f"has {size} bytes, which no list of names has", path=path)
        with open(path, "rb") as file:
            raw = file.read()
    except OSError as error:
        raise InputFileError(f"cannot be read: {error.strerror}", path=path) from error
    folder = os.path.dirname(path) or "."
    paths, faults, own = [], [], []
    for number, line in enumerate(re.split(r"\r\n|\r|\n", _decode(raw, path)), start=1):
        entry = _clean(line)
        if not entry or entry.startswith("#"):
            continue
        if "\x00" in entry:
            faults.append(f"line {number} contains a NUL character")
            continue
        found, fault = _resolve(entry, folder)
        if fault == _ABSENT and keep_missing:
            paths.append(os.path.join(folder, entry))
        elif fault:
            faults.append(f"line {number}: {entry[:80]!r} {fault}")
        elif os.path.samefile(found, path):
            own.append(number)
        else:
            paths.append(found)
    if faults:
        more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        shown = "; ".join(faults[:_SHOWN])
        raise InputFileError(f"{len(faults)} of its entries cannot be used: {shown}{more}", path=path)
    if own:
        warnings.warn(f"{path}: lists itself in line {own[0]}; left out", NircamTSOWarning, stacklevel=2)
    if not paths:
        raise InputFileError("lists no file", path=path)
    return paths


def _usable(paths, where, problems):
    """Those of a folder's files that are FITS; a name that promises it, but is not, is a problem."""
    usable, refused = [], []
    for path in paths:
        try:
            if _is_fits(path):
                usable.append(path)
        except InputFileError as error:
            refused.append((os.path.basename(path), error))
    if not usable and not refused:
        raise InputFileError("there is no FITS file here", path=where)
    problems += refused
    return usable


def _is_fits(path):
    if os.path.islink(path) and not os.path.exists(path):
        if looks_like_fits_name(path):
            raise InputFileError("is a link to a file that does not exist", path=path)
        warnings.warn(f"{path}: a link to a file that does not exist; left out", NircamTSOWarning, stacklevel=4)
        return False
    if not os.path.isfile(path):
        return False
    what = identify(path)
    if what in ("FITS", "gzip FITS"):
        return True
    if looks_like_fits_name(path):
        raise UnsupportedFileError(f"is not FITS but {what}", path=path)
    return False


def list_directory(path, recursive, problems):
    """
    The FITS files of a folder.

    Parameters
    ----------
    path : str
        The folder.
    recursive : bool
        Whether to descend. Links to folders are not followed.
    problems : list of (str, InputFileError)
        Gets the name of each file that is FITS by its name only, or unreadable, and why.

    Returns
    -------
    list of str
        Sorted.

    Raises
    ------
    InputFileError
        If it cannot be read, or there are none.
    """

    def fail(error):
        raise InputFileError(f"cannot be read: {error.strerror}", path=error.filename) from error

    found = []
    for folder, subfolders, names in os.walk(path, onerror=fail):
        found += [os.path.join(folder, name) for name in names]
        if not recursive:
            subfolders.clear()
    return _usable(sorted(found), path, problems)


def list_glob(pattern, recursive, problems):
    """
    The FITS files that a pattern matches.

    Parameters
    ----------
    pattern : str
        With ``*``, ``?`` or ``[...]``.
    recursive : bool
        Whether ``**`` descends into folders.
    problems : list of (str, InputFileError)
        Gets the name of each file that is FITS by its name only, or unreadable, and why.

    Returns
    -------
    list of str
        Sorted.

    Raises
    ------
    InputFileError
        If nothing matches, or none of it is FITS.
    """
    found = glob.glob(pattern, recursive=recursive)
    if not found:
        raise InputFileError(f"matches nothing (seen from {os.getcwd()})", path=pattern)
    # "**" walks through links to folders, over and over where they lead back to where they are.
    entries, folders = {}, {}
    for path in sorted(found, key=lambda path: (len(path), path)):
        folder, name = os.path.split(path)
        if folder not in folders:
            folders[folder] = os.path.realpath(folder)
        entries.setdefault((folders[folder], name), path)
    return _usable(sorted(entries.values()), pattern, problems)


def without_repeats(paths):
    """
    Leave out files that are there already, by whatever name.

    Parameters
    ----------
    paths : list of str
        Existing files.

    Returns
    -------
    list of str

    Warns
    -----
    NircamTSOWarning
        If any is left out.
    """
    seen, kept, repeated = set(), [], []
    for path in paths:
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            # The reader tells what is wrong with it.
            kept.append(path)
            continue
        key = (status.st_dev, status.st_ino)
        if key in seen:
            repeated.append(path)
        else:
            seen.add(key)
            kept.append(path)
    if repeated:
        more = f" and {len(repeated) - 1} more" if len(repeated) > 1 else ""
        warnings.warn(f"{repeated[0]}{more}: the same file twice; left out", NircamTSOWarning, stacklevel=2)
    return kept
