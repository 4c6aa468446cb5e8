"""Moments on one even clock: TAI days and seconds, from and to UTC.

UTC has days of 86,401 seconds, so spans are taken and divided in TAI: a
leap second within an exposure then needs no care.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import erfa
import numpy as np
from astropy.time import Time
from astropy.utils import iers

from nircam_tso.exceptions import NircamTSOWarning

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "DAY",
    "MJD_ZERO",
    "TT_LESS_TAI",
    "Moment",
    "mjd_to_tai",
    "offline",
    "tai_to_time",
    "time_to_tai",
    "utc_to_tai",
    "warn_if_expired",
]

#: Julian date of MJD 0.
MJD_ZERO = 2400000.5
#: Seconds of a day of TAI.
DAY = 86400.0
#: Seconds by which TT is ahead of TAI.
TT_LESS_TAI = 32.184
# Stands in for what is unknown, under a mask: a NaN would make ERFA warn.
_UNKNOWN_DAY = 51544.0
# Days (MJD) between which UTC is whole seconds from TAI: from 1972 on, and before what ERFA finds unacceptable.
_WHOLE_SECONDS, _FAR_AHEAD = 41317.0, 1e6
# Between which ERFA has dates.
_DATES = (-2_400_000.0, 900_000_000.0)
_warned: list[datetime] = []


class Moment(NamedTuple):
    """
    A moment, as TAI.

    Attributes
    ----------
    day : float
        Whole days, counted as a Modified Julian Date.
    seconds : float
        SI seconds since that day began.
    """

    day: float
    seconds: float

    def since(self, other):
        """
        Seconds from another moment to this one.

        Parameters
        ----------
        other : Moment

        Returns
        -------
        float

        Examples
        --------
        >>> from nircam_tso.timing.clock import Moment
        >>> Moment(57400.0, 10.0).since(Moment(57399.0, 86390.0))
        20.0
        """
        return (self.day - other.day) * DAY + (self.seconds - other.seconds)


@contextmanager
def offline() -> Iterator[None]:
    """
    Work with times without the network, and without warnings about old tables.

    Astropy would otherwise download a newer table of leap seconds when it first
    handles UTC, and of the Earth's rotation when a coordinate needs it. The tables
    that are installed are enough here; `warn_if_expired` tells when they are not.

    Examples
    --------
    >>> from astropy.time import Time
    >>> from nircam_tso.timing import offline
    >>> with offline():
    ...     text = Time("2016-12-31T23:59:60").tai.isot
    >>> text
    '2017-01-01T00:00:36.000'
    """
    with iers.conf.set_temp("auto_download", False), warnings.catch_warnings():
        warnings.simplefilter("ignore", iers.IERSStaleWarning)
        # "dubious year": UTC before 1960, and far beyond the table's end.
        warnings.simplefilter("ignore", erfa.ErfaWarning)
        warnings.filterwarnings("ignore", message="leap-second auto-update failed")
        _load_leap_seconds()
        yield


@lru_cache(maxsize=1)
def _load_leap_seconds():
    # Astropy gives ERFA its newer table when it first turns UTC into something else.
    return Time(_UNKNOWN_DAY, format="mjd", scale="utc").tai


def warn_if_expired(day):
    """
    Warn, once, of dates for which no leap second could be known yet.

    Parameters
    ----------
    day : float
        The latest date, as MJD.

    Warns
    -----
    NircamTSOWarning
        If the date is after the end of the installed table of leap seconds.
    """
    with offline():
        expires = erfa.leap_seconds.expires
    if not _warned and datetime(1858, 11, 17, tzinfo=UTC) + timedelta(days=float(day)) > expires.replace(tzinfo=UTC):
        _warned.append(expires)
        warnings.warn(
            f"the table of leap seconds ends on {expires:%Y-%m-%d}: later times may be a second off; "
            "update the package astropy-iers-data",
            NircamTSOWarning,
            stacklevel=4,
        )


def utc_to_tai(jd1, jd2):
    """
    UTC Julian dates, as ERFA splits them, into TAI days and seconds.

    Parameters
    ----------
    jd1, jd2 : float or `~numpy.ndarray`
        Two-part UTC (quasi-)Julian dates; NaN is handed on.

    Returns
    -------
    day, seconds : `~numpy.ndarray` of float64
        Whole days (MJD) and seconds of TAI.
    """
    jd1, jd2 = np.broadcast_arrays(np.asarray(jd1, dtype=np.float64), np.asarray(jd2, dtype=np.float64))
    known = np.isfinite(jd1) & np.isfinite(jd2)
    with offline():
        first, second = erfa.utctai(np.where(known, jd1, MJD_ZERO + _UNKNOWN_DAY), np.where(known, jd2, 0.0))
    return _split(first - MJD_ZERO, second, known)


def mjd_to_tai(mjd):
    """
    UTC as MJD into TAI days and seconds.

    Parameters
    ----------
    mjd : float or `~numpy.ndarray`
        Modified Julian dates, UTC.

    Returns
    -------
    day, seconds : `~numpy.ndarray` of float64
    """
    mjd = np.asarray(mjd, dtype=np.float64)
    whole = np.floor(mjd)
    return utc_to_tai(MJD_ZERO + whole, mjd - whole)


def time_to_tai(time):
    """
    A `~astropy.time.Time` of any scale into TAI days and seconds; NaN where it is masked.

    Parameters
    ----------
    time : `~astropy.time.Time`

    Returns
    -------
    day, seconds : `~numpy.ndarray` of float64
    """
    masked = np.broadcast_to(np.ma.getmaskarray(np.ma.asarray(time.mask)) | np.asarray(time.mask), time.shape)
    with offline():
        tai = time.tai
        first, second = (np.asarray(getattr(part, "unmasked", part), dtype=np.float64) for part in (tai.jd1, tai.jd2))
    known = ~masked & np.isfinite(first) & np.isfinite(second)
    first, second = np.where(known, first, MJD_ZERO), np.where(known, second, 0.0)
    return _split(first - MJD_ZERO, second, known)


def tai_to_time(day, seconds):
    """
    TAI days and seconds into a UTC `~astropy.time.Time`, masked where they are NaN or beyond all dates.

    Parameters
    ----------
    day, seconds : `~numpy.ndarray` of float64, shape (n,)
        Whole days (MJD) and seconds of TAI.

    Returns
    -------
    `~astropy.time.Time`
        UTC, shown as ISO text with microseconds.
    """
    days = day + seconds / DAY
    # A card of nonsense leads where ERFA has no dates.
    known = (days > _DATES[0]) & (days < _DATES[1])
    with offline():
        day, seconds = (
            np.where(known, day, day[known].min() if known.any() else _UNKNOWN_DAY),
            np.where(known, seconds, 0.0),
        )
        leap = _steady_offset(day, seconds)
        if leap is None:
            first, second = erfa.taiutc(MJD_ZERO + day, seconds / DAY)
        else:
            first, second = MJD_ZERO + day, (seconds - leap) / DAY
        time = Time(first, second, format="jd", scale="utc")
        time.format = "isot"
        time.precision = 6
        if not known.all():
            time[~known] = np.ma.masked
    return time


def _steady_offset(day, seconds):
    """Seconds by which TAI is ahead of UTC, None where a leap second changes it: ERFA looks it up for each moment."""
    if day.size == 0:
        return None
    first, last = np.floor(day.min() + seconds.min() / DAY) - 1.0, np.ceil(day.max() + seconds.max() / DAY) + 2.0
    if not (_WHOLE_SECONDS <= first and last < _FAR_AHEAD):
        return None
    parts = [MJD_ZERO + np.array([first, last]), np.zeros(2)]
    utc = erfa.taiutc(*parts)
    ahead = ((parts[0] - utc[0]) - utc[1]) * DAY
    whole = np.rint(ahead)
    steady = whole[0] == whole[1] and np.abs(ahead - whole).max() < 1e-3
    return float(whole[0]) if steady else None


def _split(days, rest, known):
    days, rest, known = np.broadcast_arrays(days, rest, known)
    # The difference of the first part and its whole days is exact; so is all that follows.
    whole = np.floor(days + rest)
    seconds = ((days - whole) + rest) * DAY
    return np.where(known, whole, np.nan), np.where(known, seconds, np.nan)
