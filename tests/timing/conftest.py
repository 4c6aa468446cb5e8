"""Makers of headers, INT_TIMES tables and exposures without pixels."""

import erfa
import numpy as np
import pytest
from astropy.io import fits

from nircam_tso.io.exposure import Exposure, Segment
from nircam_tso.timing import offline

COLUMNS = ["integration_number"] + [f"int_{w}_{c}" for c in ("MJD_UTC", "BJD_TDB") for w in ("start", "mid", "end")]

# The JWST_X, JWST_Y, JWST_Z cards of a made-up spacecraft are left out unless a test asks.
CARDS = {
    "TELESCOP": "JWST",
    "INSTRUME": "NIRCAM",
    "SDP_VER": "2023_3",
    "EXPSTART": 59800.9995,
    "NINTS": 12,
    "NGROUPS": 5,
    "NFRAMES": 2,
    "GROUPGAP": 3,
    "DRPFRMS1": 0,
    "DRPFRMS3": 0,
    "NRSTSTRT": 1,
    "NRESETS": 1,
    "TFRAME": 0.5,
    "TGROUP": 2.5,
    "EFFINTTM": 11.0,
    "TARG_RA": 140.0,
    "TARG_DEC": -35.0,
    "EPH_TIME": 59801.0,
    "OBSGEO-X": 464745027.9,
    "OBSGEO-Y": -1298530102.6,
    "OBSGEO-Z": -1072634133.7,
    "OBSGEODX": 57.29,
    "OBSGEODY": 12.56,
    "OBSGEODZ": 41.41,
}


def header_of(**cards):
    """A JWST header; None leaves a card out, OBSGEO_X stands for OBSGEO-X and so on."""
    header = fits.Header()
    names = {name.replace("-", "_"): name for name in [*CARDS, "DATE-OBS", "TIME-OBS", "DATE-END", "TIME-END"]}
    for name, value in {**CARDS, **{names.get(key, key): value for key, value in cards.items()}}.items():
        if value is not None:
            header[name] = value
    return header


def segment_of(header, n=12, first=1, kind="jwst-calints", n_groups=None, table=None, name="seg1.fits", **more):
    """A segment without pixels."""
    ny = header.get("SUBSIZE2", 32)
    return Segment(name, None, kind, header, n, n_groups, (ny, 64), first_integration=first, int_times=table, **more)


def truth_of(header, numbers, row_reset_time=0.0):
    """
    Start, middle and end of integrations as two-part TAI, counted out frame by frame.

    The counting is on purpose not the closed formula of the package.
    """
    header = dict(header)
    frames, starts, ends = 0, {}, {}
    frames += header.get("NRSTSTRT", 0)
    for k in range(1, max(numbers) + 1):
        starts[k] = frames
        frames += header.get("DRPFRMS1", 0)
        for group in range(header["NGROUPS"]):
            frames += header["NFRAMES"] + (header["GROUPGAP"] if group < header["NGROUPS"] - 1 else 0)
        ends[k] = frames
        frames += header.get("DRPFRMS3", 0) + header.get("NRESETS", 0)
    day = np.floor(header["EXPSTART"])
    tai = erfa.utctai(2400000.5 + day, header["EXPSTART"] - day)
    numbers = np.asarray(numbers)
    resets = (numbers - 1) * row_reset_time
    start = np.array([starts[k] for k in numbers]) * header["TFRAME"] + resets
    end = np.array([ends[k] for k in numbers]) * header["TFRAME"] + resets
    return [(tai[0], tai[1] + seconds / 86400) for seconds in (start, 0.5 * (start + end), end)]


def table_of(header, numbers, row_reset_time=0.0):
    """An INT_TIMES table with the true times; barycentric columns are NaN."""
    table = np.zeros(len(numbers), dtype=[(COLUMNS[0], "i4"), *((name, "f8") for name in COLUMNS[1:])])
    table["integration_number"] = numbers
    for name, tai in zip(COLUMNS[1:4], truth_of(header, numbers, row_reset_time), strict=True):
        utc = erfa.taiutc(*tai)
        table[name] = (utc[0] - 2400000.5) + utc[1]
    for name in COLUMNS[4:]:
        table[name] = np.nan
    return table


def off_by(time, tai):
    """Largest difference of a Time from two-part TAI, in seconds."""
    return float(np.max(np.abs((time.tai.jd1 - tai[0]) + (time.tai.jd2 - tai[1]))) * 86400)


class Make:
    """The makers above, for tests to share."""

    header = staticmethod(header_of)
    segment = staticmethod(segment_of)
    truth = staticmethod(truth_of)
    table = staticmethod(table_of)
    off_by = staticmethod(off_by)
    exposure = Exposure


@pytest.fixture(scope="session", autouse=True)
def leap_seconds():
    """Astropy looks for newer leap seconds when it first needs them: let that be offline."""
    with offline():
        yield


@pytest.fixture(scope="session")
def make():
    """Makers of headers, tables and exposures."""
    return Make
