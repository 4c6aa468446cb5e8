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

from astropy.utils.exceptions import AstropyUserWarning

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

    def __init__(self, message="", *, path=None, hdu=None, integration=None):
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
    """An input file cannot be used."""


class TruncatedFileError(InputFileError):
    """An input file is shorter than its headers promise."""


class CorruptFileError(InputFileError):
    """An input file cannot be decoded."""


class UnsupportedFileError(InputFileError):
    """An input file is whole, but not of a kind that is measured here."""


class TimeMetadataError(NircamTSOError, ValueError):
    """Header cards are missing or contradict each other, so that no time can be given."""


class SegmentError(NircamTSOError, ValueError):
    """The files that were handed over do not form one exposure."""


class ResourceLimitError(NircamTSOError, MemoryError):
    """An input asks for more memory or disk than is allowed."""


class OutputError(NircamTSOError, OSError):
    """A product cannot be written."""


class IncompleteProductError(NircamTSOError, OSError):
    """A product file is not whole, or not one of ours."""


class WorkerCrashError(NircamTSOError, RuntimeError):
    """A worker process died before it could answer."""


class NircamTSOWarning(AstropyUserWarning):
    """Something that a user may want to know, or to filter."""
