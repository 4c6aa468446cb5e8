"""What is fuzzed: bytes in, one of the documented errors out or none."""

import contextlib
import os
import tempfile
import warnings

from nircam_tso.exceptions import NircamTSOError
from nircam_tso.io.listing import read_list
from nircam_tso.io.product import read
from nircam_tso.io.sources import open_exposure
from nircam_tso.timing import exposure_times

__all__ = ["TARGETS", "image_list", "image_reader", "product_ecsv", "product_hdf5"]

_FOLDER = tempfile.TemporaryDirectory(prefix="fuzz", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)


def _stored(data, name):
    path = os.path.join(_FOLDER.name, name)
    with open(path, "wb") as file:
        file.write(data)
    # Old enough to be read at once.
    os.utime(path, (1e9, 1e9))
    return path


@contextlib.contextmanager
def _documented(path):
    """Let only the package's own errors pass, and only with the file's name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except NircamTSOError as error:
            if os.path.basename(path) not in str(error):
                raise AssertionError(f"the file is not named: {error}") from error


def image_reader(data):
    """A FITS file, with its times."""
    path = _stored(data, "jw01366002001_04103_00001-seg001_nrca1_calints.fits")
    with _documented(path):
        exposure = open_exposure(path, axis=None, max_memory="64 MB", verify_checksums=bool(data[-1:] > b"\x7f"))
        exposure.read(0, 1)
        exposure.read(len(exposure) - 1, len(exposure), slice(0, 1))
        exposure_times(exposure, on_error="flag")


def image_list(data):
    """A text file of names."""
    _stored(b"", "a.fits")
    path = _stored(data, "list.txt")
    with _documented(path):
        read_list(path)


def product_ecsv(data):
    """A product as text."""
    path = _stored(data, "a.ecsv")
    with _documented(path):
        read(path)


def product_hdf5(data):
    """A product as HDF5."""
    path = _stored(data, "a.h5")
    with _documented(path):
        read(path)


TARGETS = {"images": image_reader, "lists": image_list, "ecsv": product_ecsv, "hdf5": product_hdf5}
