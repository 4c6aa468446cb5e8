"""Small files in the forms that are read, written by astropy."""

import numpy as np
import pytest
from astropy.io import fits


def _cube(shape, dtype=np.float32, seed=1):
    return np.random.default_rng(seed).uniform(1, 900, shape).astype(dtype)


def make_jwst(path, product="calints", *, n=4, first=1, cards=None, drop=(), shape=(6, 9), segment=None, seed=1):
    """Write a JWST product of a few integrations; return the HDUList that was written."""
    ints = product.endswith("ints") or product == "uncal"
    full = (n, 3, *shape) if product == "uncal" else ((n, *shape) if ints else shape)
    primary = fits.PrimaryHDU()
    models = {"uncal": "Level1bModel", "rate": "ImageModel", "cal": "ImageModel"}
    header = {
        "TELESCOP": "JWST",
        "INSTRUME": "NIRCAM",
        "DATAMODL": models.get(product, "CubeModel"),
        "DETECTOR": "NRCA1",
        "EXP_TYPE": "NRC_TSIMAGE",
        "VISIT_ID": "01366002001",
        "VISITGRP": "04",
        "SEQ_ID": "1",
        "ACT_ID": "03",
        "EXPOSURE": "1",
        "FILTER": "F210M",
        "PUPIL": "WLP8",
        "SUBARRAY": "SUB64P",
        "NINTS": n,
        "NGROUPS": 3,
        "EXPSTART": 59850.25,
        "DATE-OBS": "2022-09-28",
        "TIME-OBS": "06:00:00.000",
    }
    if first is not None:
        header |= {"INTSTART": first, "INTEND": first + n - 1}
    if segment is not None:
        header |= {"EXSEGNUM": segment[0], "EXSEGTOT": segment[1]}
    if product in ("calints", "crfints", "cal"):
        header |= {"S_FLAT": "COMPLETE", "S_PHOTOM": "COMPLETE"}
    if product == "crfints":
        header["S_OUTLIR"] = "COMPLETE"
    header |= cards or {}
    for key, value in header.items():
        if value is not None:
            primary.header[key] = value
    unit = {"uncal": "DN", "rateints": "DN/s", "rate": "DN/s"}.get(product, "MJy/sr")
    science = fits.ImageHDU(_cube(full, np.uint16 if product == "uncal" else np.float32, seed), name="SCI")
    science.header["BUNIT"] = unit
    science.header["SUBSTRT1"] = 1
    science.header["RADESYS"] = "ICRS"
    hdus = [primary, science]
    if product != "uncal":
        rng = np.random.default_rng(seed + 100)
        hdus.append(fits.ImageHDU(rng.uniform(1, 2, full).astype(np.float32), name="ERR"))
        dq = rng.integers(0, 2, full).astype(np.uint32) << 31
        dq |= rng.integers(0, 2, full).astype(np.uint32)
        hdus.append(fits.ImageHDU(dq, name="DQ"))
        hdus.append(fits.ImageHDU(rng.uniform(1, 2, full).astype(np.float32), name="VAR_POISSON"))
        hdus.append(fits.ImageHDU(rng.uniform(1, 2, full).astype(np.float32), name="VAR_RNOISE"))
    if ints:
        numbers = np.arange(first or 1, (first or 1) + n)
        columns = [
            fits.Column("integration_number", "J", array=numbers),
            fits.Column("int_mid_MJD_UTC", "D", array=59850.25 + numbers / 1000),
        ]
        hdus.append(fits.BinTableHDU.from_columns(columns, name="INT_TIMES"))
    hdulist = fits.HDUList([hdu for hdu in hdus if hdu.name not in drop])
    hdulist.writeto(path)
    return hdulist


def make_ncdhas(path, product="red", *, k=None, cards=None, seed=1, groups=4):
    """Write a file as NCDHAS does, with its padded and repeated cards; return its pixels."""
    data = _cube((groups if product == "red" else 2, 5, 8), np.uint16 if product == "red" else np.float32, seed)
    header = fits.Header()
    for key, value in [
        ("DATE-OBS", "2016-01-12"),
        ("TIME-OBS", "18:00:43.100 "),
        ("TIME-END", "18:20:43.100 "),
        ("NGROUP", groups),
        ("NGROUPS", groups),
        ("NFRAME", 1),
        ("NFRAMES", 1),
        ("SCA_ID", 481),
        ("DETECTOR", "NRCA1"),
        ("COLCORNR", 1),
        ("DRPFRMS1", 0),
        ("DRPFRMS1", 0),
        ("SUBARRAY", "FULL"),
        ("SUBARRAY", False),
    ]:
        header.append((key, value))
    if product == "slp":
        header["NCDHPROC"] = True
        header["NCDVERS"] = "v2.0 [rc111] (16 Dec 2019)"
    if k is not None:
        header["ON_NINT"] = k
    header.update(cards or {})
    fits.PrimaryHDU(data, header).writeto(path)
    return data


def make_image(path, *, start="2020-02-20T07:51:21.4465", seed=1, shape=(7, 11), dtype=np.float32, **cards):
    """Write a plain image; return its pixels."""
    data = _cube(shape, dtype, seed)
    hdu = fits.PrimaryHDU(data)
    if start is not None:
        hdu.header["DATE-OBS"] = start
    hdu.header.update({key.replace("_", "-"): value for key, value in cards.items()})
    hdu.writeto(path)
    return data


@pytest.fixture(scope="session")
def jwst():
    """Function that writes a JWST product."""
    return make_jwst


@pytest.fixture(scope="session")
def ncdhas():
    """Function that writes an NCDHAS file."""
    return make_ncdhas


@pytest.fixture(scope="session")
def image():
    """Function that writes a plain image."""
    return make_image
