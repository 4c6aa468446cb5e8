"""Errors and warnings.

::

    NircamTSOError
    ├── InputFileError (OSError)           a file cannot be used
    │   ├── TruncatedFileError             it is shorter than its headers promise
    │   ├── CorruptFileError               it cannot be decoded
    │   └── UnsupportedFileError           it is whole, but not a kind that is read
    ├── TimeMetadataError (ValueError)     header cards give no trustworthy time
    ├── SegmentError (ValueError)          files do not form one exposure
    ├── ResourceLimitError (MemoryError)   the input asks for more than is allowed
    ├── OutputError (OSError)              a product cannot be written
    ├── IncompleteProductError (OSError)   a product is not whole
    └── WorkerCrashError (RuntimeError)    a worker process died

    NircamTSOWarning (AstropyUserWarning)  what a user may want to filter

Bad arguments raise the builtin `ValueError` or `TypeError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from astropy.utils.exceptions import AstropyUserWarning

if TYPE_CHECKING:
    from os import PathLike

__all__ = [
    "CorruptFileError",
    "IncompleteProductError",
    "InputFileError",
    "NircamTSOError",
    "NircamTSOWarning",
    "OutputError",
    "ResourceLimitError",
    "SegmentError",
    "TimeMetadataError",
    "TruncatedFileError",
    "UnsupportedFileError",
    "WorkerCrashError",
]


def _rebuild(cls, message, attributes):
    return cls(message, **attributes)


class NircamTSOError(Exception):
    """
    Base of every error that the package defines.

    Parameters
    ----------
    message : str
        One line that names what is wrong, its value, and what to do.
    path : str, optional
        The file concerned; put in front of the message unless it is there.
    hdu : str or int, optional
        The header-data unit concerned.
    integration : int, optional
        The number of the integration concerned, as in the header.

    Examples
    --------
    >>> from nircam_tso.exceptions import TruncatedFileError
    >>> error = TruncatedFileError("ends 12 bytes early", path="a.fits", hdu="SCI")
    >>> str(error)
    'a.fits: ends 12 bytes early'
    >>> error.hdu
    'SCI'
    """

    def __init__(
        self,
        message: str = "",
        *,
        path: str | PathLike[str] | None = None,
        hdu: str | int | None = None,
        integration: int | None = None,
    ) -> None:
        message = str(message)
        if path is not None and str(path) not in message:
            message = f"{path}: {message}"
        super().__init__(message)
        self.path = path
        self.hdu = hdu
        self.integration = integration

    def __reduce__(self):
        # OSError and keyword-only arguments both defeat the default pickling,
        # and an error that cannot be pickled breaks a pool of processes.
        attributes = {"path": self.path, "hdu": self.hdu, "integration": self.integration}
        return _rebuild, (type(self), str(self), attributes)

    def __str__(self):
        # OSError would show "[Errno ...]" forms; the message is the one argument.
        return str(self.args[0]) if self.args else ""


class InputFileError(NircamTSOError, OSError):
    """
    An input file cannot be used.

    Examples
    --------
    >>> from nircam_tso import TimeSeriesExtractor
    >>> from nircam_tso.exceptions import InputFileError
    >>> try:
    ...     TimeSeriesExtractor().extract("nowhere.fits")
    ... except InputFileError as error:
    ...     print(error.path)
    nowhere.fits
    """


class TruncatedFileError(InputFileError):
    """
    An input file is shorter than its headers promise.

    Examples
    --------
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from astropy.io import fits
    >>> from nircam_tso import TimeSeriesExtractor
    >>> from nircam_tso.exceptions import TruncatedFileError
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "image.fits"
    ...     fits.PrimaryHDU(np.zeros((64, 64))).writeto(path)
    ...     _ = path.write_bytes(path.read_bytes()[:9000])
    ...     try:
    ...         TimeSeriesExtractor().extract(path)
    ...     except TruncatedFileError as error:
    ...         print(Path(error.path).name)
    image.fits
    """


class CorruptFileError(InputFileError):
    """
    An input file cannot be decoded.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from nircam_tso import TimeSeriesExtractor
    >>> from nircam_tso.exceptions import CorruptFileError
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "image.fits.gz"
    ...     _ = path.write_bytes(bytes([31, 139]) + b", and nothing that can be unpacked")
    ...     try:
    ...         TimeSeriesExtractor().extract(path)
    ...     except CorruptFileError as error:
    ...         print(Path(error.path).name)
    image.fits.gz
    """


class UnsupportedFileError(InputFileError):
    """
    An input file is whole, but not of a kind that is measured here.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from nircam_tso import TimeSeriesExtractor
    >>> from nircam_tso.exceptions import UnsupportedFileError
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "image.fits"
    ...     _ = path.write_bytes(bytes([137]) + b"PNG, whatever its name says")
    ...     try:
    ...         TimeSeriesExtractor().extract(path)
    ...     except UnsupportedFileError as error:
    ...         print(str(error).rpartition(": ")[2])
    is not FITS but a PNG image
    """


class TimeMetadataError(NircamTSOError, ValueError):
    """
    Header cards are missing or contradict each other, so that no time can be given.

    Examples
    --------
    >>> from astropy.io import fits
    >>> from nircam_tso.exceptions import TimeMetadataError
    >>> from nircam_tso.timing import Readout
    >>> try:
    ...     Readout.from_header(fits.Header({"TFRAME": 0.5, "NGROUPS": 2.5, "NFRAMES": 1, "NINTS": 10}))
    ... except TimeMetadataError as error:
    ...     print(error)
    NGROUPS = 2.5 is not a whole number of 0 or more
    """


class SegmentError(NircamTSOError, ValueError):
    """
    The files that were handed over do not form one exposure.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso import TimeSeriesExtractor
    >>> from nircam_tso.exceptions import SegmentError
    >>> try:
    ...     TimeSeriesExtractor().extract([np.zeros((32, 32)), "image.fits"])
    ... except SegmentError as error:
    ...     print(error)
    source: a list of arrays and paths; hand over one kind at a time
    """


class ResourceLimitError(NircamTSOError, MemoryError):
    """
    An input asks for more memory or disk than is allowed.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso import TimeSeriesExtractor
    >>> from nircam_tso.exceptions import ResourceLimitError
    >>> try:
    ...     TimeSeriesExtractor().extract(np.zeros((3, 200, 200)), max_memory=1000)
    ... except ResourceLimitError as error:
    ...     print(type(error).__name__)
    ResourceLimitError
    """


class OutputError(NircamTSOError, OSError):
    """
    A product cannot be written.

    Examples
    --------
    >>> from astropy.timeseries import TimeSeries
    >>> from nircam_tso import write
    >>> from nircam_tso.exceptions import OutputError
    >>> try:
    ...     write(TimeSeries(), "no/such/folder/star.h5")
    ... except OutputError as error:
    ...     print(error.path)
    no/such/folder/star.h5
    """


class IncompleteProductError(NircamTSOError, OSError):
    """
    A product file is not whole, or not one of ours.

    Examples
    --------
    >>> from nircam_tso import read
    >>> from nircam_tso.exceptions import IncompleteProductError
    >>> try:
    ...     read("nowhere.h5")
    ... except IncompleteProductError as error:
    ...     print(error)
    nowhere.h5: there is no such file
    """


class WorkerCrashError(NircamTSOError, RuntimeError):
    """
    A worker process died before it could answer.

    Examples
    --------
    >>> import numpy as np
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> from nircam_tso import TimeSeriesExtractor
    >>> from nircam_tso.exceptions import WorkerCrashError
    >>> pool = ThreadPoolExecutor()
    >>> pool.shutdown()
    >>> try:
    ...     TimeSeriesExtractor().extract(np.zeros((3, 32, 32)), executor=pool)
    ... except WorkerCrashError as error:
    ...     print(type(error).__name__)
    WorkerCrashError
    """


class NircamTSOWarning(AstropyUserWarning):
    """
    Something that a user may want to know, or to filter.

    Examples
    --------
    >>> import warnings
    >>> from nircam_tso.exceptions import NircamTSOWarning
    >>> warnings.filterwarnings("ignore", category=NircamTSOWarning)
    """
