"""Errors carry where they arose, and survive a pool of processes."""

import pickle

import pytest

from nircam_tso import exceptions
from nircam_tso.exceptions import NircamTSOError, NircamTSOWarning

BUILTINS = {
    "InputFileError": OSError,
    "TruncatedFileError": OSError,
    "CorruptFileError": OSError,
    "UnsupportedFileError": OSError,
    "TimeMetadataError": ValueError,
    "SegmentError": ValueError,
    "ResourceLimitError": MemoryError,
    "OutputError": OSError,
    "IncompleteProductError": OSError,
    "WorkerCrashError": RuntimeError,
}
ERRORS = [name for name in exceptions.__all__ if name not in ("NircamTSOError", "NircamTSOWarning")]


def test_every_error_is_listed_here():
    assert set(ERRORS) == set(BUILTINS)


@pytest.mark.parametrize("name", [*ERRORS, "NircamTSOError"])
def test_pickling_keeps_class_message_and_place(name):
    cls = getattr(exceptions, name)
    error = cls("ends 12 bytes early", path="a b.fits", hdu="SCI", integration=7)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is cls
    assert str(again) == str(error) == "a b.fits: ends 12 bytes early"
    assert (again.path, again.hdu, again.integration) == ("a b.fits", "SCI", 7)


@pytest.mark.parametrize(("name", "builtin"), BUILTINS.items())
def test_errors_are_also_builtins(name, builtin):
    with pytest.raises(builtin):
        raise getattr(exceptions, name)("no")
    assert issubclass(getattr(exceptions, name), NircamTSOError)


def test_path_is_not_repeated():
    assert str(NircamTSOError("a.fits ends early", path="a.fits")) == "a.fits ends early"


def test_warning_is_an_astropy_user_warning():
    from astropy.utils.exceptions import AstropyUserWarning

    assert issubclass(NircamTSOWarning, AstropyUserWarning)
