"""What kind of thing a user handed over: arrays, open files, or names of files."""

import glob
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from astropy.io import fits

from nircam_tso.exceptions import InputFileError, SegmentError, UnsupportedFileError
from nircam_tso.io.arrays import is_array
from nircam_tso.io.listing import list_directory, list_glob, read_list
from nircam_tso.io.storage import identify, looks_like_fits_name

__all__ = ["Gathered", "gather"]


@dataclass
class Gathered:
    """
    What a source comes down to: arrays, or files.

    Attributes
    ----------
    arrays : list or None
        Arrays, None for files.
    files : list or None
        Paths or open lists of units, None for arrays.
    complete : bool
        Whether the source promises a whole exposure: a folder, a glob.
    named : bool
        Whether the user named each file, so that none may be left out.
    """

    arrays: list | None = None
    files: list | None = None
    complete: bool = False
    named: bool = True


def _gather_path(path, recursive, problems, keep_missing):
    if "://" in path and not os.path.lexists(path):
        raise InputFileError("is a URL; files are not fetched", path=path)
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        if isinstance(error, FileNotFoundError) and glob.has_magic(path) and not os.path.islink(path):
            return Gathered(files=list_glob(path, recursive, problems), complete=True, named=False)
        if isinstance(error, FileNotFoundError):
            what = "is a link to a file that does not exist" if os.path.islink(path) else "no such file or folder"
            raise InputFileError(f"{what} (seen from {os.getcwd()})", path=path) from None
        raise InputFileError(f"cannot be examined: {error}", path=path) from error
    if stat.S_ISDIR(status.st_mode):
        return Gathered(files=list_directory(path, recursive, problems), complete=True, named=False)
    what = identify(path)
    if what == "text":
        return Gathered(files=read_list(path, keep_missing=keep_missing))
    return Gathered(files=[path])


def gather(source, recursive, problems, *, keep_missing=False):
    """
    Find out what a user handed over.

    Parameters
    ----------
    source : object
        See `nircam_tso.io.sources.open_exposure`.
    recursive : bool
        Whether folders are searched to their depth.
    problems : list of (str, InputFileError)
        Gets what cannot be used of a folder or glob.
    keep_missing : bool, optional
        Whether files of a list that do not exist are kept, for the reader to tell of.

    Returns
    -------
    Gathered

    Raises
    ------
    InputFileError
        If there is no such thing, or it is nothing that can be read.
    SegmentError
        For a list of things of several kinds.
    ValueError, TypeError
        For what is neither a path nor an array.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.io.gathering import gather
    >>> len(gather([np.zeros((4, 5)), np.ones((4, 5))], False, []).arrays)
    2
    """
    if isinstance(source, fits.HDUList):
        return Gathered(files=[source])
    if isinstance(source, (str, os.PathLike)):
        # A path-like object may hold bytes.
        path = os.fsdecode(source)
        if not path:
            raise ValueError("source: an empty name was given")
        return _gather_path(path, recursive, problems, keep_missing)
    if is_array(source):
        return Gathered(arrays=[source])
    if isinstance(source, (Mapping, bytes)) or not isinstance(source, Iterable):
        raise TypeError(f"source: {type(source).__name__} is not a path, an array, an HDUList or a list of these")
    items = list(source)
    if not items:
        raise ValueError("source: an empty list was given")
    kinds = {_kind_of_item(item, index) for index, item in enumerate(items)}
    if len(kinds) > 1:
        raise SegmentError(f"source: a list of {' and '.join(sorted(kinds))}; hand over one kind at a time")
    kind = kinds.pop()
    if kind == "arrays":
        return Gathered(arrays=items)
    return Gathered(files=items if kind == "HDULists" else [os.fsdecode(item) for item in items])


def _kind_of_item(item, index):
    if isinstance(item, (str, os.PathLike)):
        _check_named_file(os.fsdecode(item), index)
        return "paths"
    # An HDUList is a list, and must not be taken for a stack of images.
    if isinstance(item, fits.HDUList):
        return "HDULists"
    if is_array(item):
        return "arrays"
    raise TypeError(f"source[{index}]: {type(item).__name__} is not a path, an array or an HDUList")


def _check_named_file(path, index):
    """Refuse what stands for several files: in a list, they would have no order."""
    advice = f"a list holds files only (this is source[{index}]); hand over one {{}} at a time, by itself"
    if not os.path.lexists(path):
        if "://" in path:
            raise InputFileError("is a URL; files are not fetched", path=path)
        if glob.has_magic(path):
            raise InputFileError(f"no such file, but a pattern; {advice.format('pattern')}", path=path)
    elif os.path.isdir(path):
        raise UnsupportedFileError(f"is a folder; {advice.format('folder')}", path=path)
    elif os.path.isfile(path) and not looks_like_fits_name(path) and identify(path) == "text":
        raise UnsupportedFileError(f"is a text file; {advice.format('list of names')}", path=path)
