"""Small sound files of every kind, to begin from."""

import gzip
import io
import tempfile
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.time import Time
from astropy.timeseries import TimeSeries

from nircam_tso.io.product import write

__all__ = ["image", "jwst", "ncdhas", "product", "sound", "unsealed"]

_LISTS = [
    b"a.fits\n",
    b"\xef\xbb\xbf# names\r\n'a.fits' # one\r\n\r\nb.fits\n",
    "a.fits\n".encode("utf-16"),
    b"../a.fits",
]


def _bytes(hdulist, **keywords):
    file = io.BytesIO()
    hdulist.writeto(file, **keywords)
    return file.getvalue()


def jwst(**keywords):
    """A calibrated cube with its flags and times."""
    primary = fits.PrimaryHDU()
    cards = {"TELESCOP": "JWST", "DATAMODL": "CubeModel", "DETECTOR": "NRCA1", "EXPOSURE": "1", "S_FLAT": "COMPLETE"}
    cards |= {"NINTS": 2, "INTSTART": 1, "INTEND": 2, "EXSEGNUM": 1, "EXSEGTOT": 1, "EXPSTART": 59850.25}
    cards |= {"DATE-OBS": "2022-09-28", "TIME-OBS": "06:00:00.000", "TFRAME": 0.05, "NGROUPS": 3, "NFRAMES": 1}
    primary.header.update(cards | keywords)
    shape = (2, 2, 3)
    science = fits.ImageHDU(np.ones(shape, "f4"), name="SCI")
    science.header["BUNIT"] = "MJy/sr"
    columns = [
        fits.Column("integration_number", "J", array=[1, 2]),
        fits.Column("int_mid_MJD_UTC", "D", array=[59850.3, 59850.4]),
    ]
    hdus = [primary, science, fits.ImageHDU(np.ones(shape, "f4"), name="ERR")]
    hdus += [fits.ImageHDU(np.zeros(shape, np.uint32), name="DQ")]
    hdus += [fits.BinTableHDU.from_columns(columns, name="INT_TIMES")]
    return _bytes(fits.HDUList(hdus), checksum=True)


def ncdhas():
    """A slope image of the ground tests."""
    hdu = fits.PrimaryHDU(np.ones((2, 3, 4), "f4"))
    cards = {"NCDHPROC": True, "DATE-OBS": "2016-01-12", "TIME-OBS": "18:00:43.100", "TIME-END": "18:20:43.100"}
    hdu.header.update(cards | {"NGROUP": 4, "ON_NINT": 1, "NINTS": 4, "SCA_ID": 481})
    return _bytes(hdu)


def image():
    """A plain image of whole numbers with blanks."""
    hdu = fits.PrimaryHDU(np.arange(12, dtype=">i2").reshape(3, 4))
    hdu.header.update({"DATE-OBS": "2020-02-20T07:51:21.4465", "EXPTIME": 10.0, "BLANK": 5, "BUNIT": "adu"})
    return _bytes(hdu)


def product(suffix):
    """A product of three rows."""
    ts = TimeSeries(time=Time([60000.0, 60000.1, 60000.2], format="mjd"))
    ts["flux"] = [1.0, np.nan, 3.0]
    ts.meta["target"] = "WASP-80"
    with tempfile.TemporaryDirectory() as folder:
        return write(ts, Path(folder) / f"a{suffix}").read_bytes()


def unsealed():
    """A product without the sum over its bytes, so that HDF5 itself meets what is wrong with it."""
    whole = product(".h5")
    return whole[: whole.rindex(b"\nnircam_tso")]


def sound(target):
    """All that a target of `targets.TARGETS` may begin from."""
    if target == "images":
        files = [jwst(), ncdhas(), image()]
        return [*files, gzip.compress(files[2], mtime=0)]
    if target == "lists":
        return _LISTS
    if target == "ecsv":
        return [product(".ecsv")]
    return [product(".h5"), unsealed()]
