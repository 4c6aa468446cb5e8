"""Calendar dates into Julian dates and back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.julian.calendars import from_day_number, is_leap, year_bounds
from nircam_tso.julian.checks import broadcast, check_calendar, numbers, refuse, whole_numbers
from nircam_tso.julian.dates import MAX_YEAR, CalendarDate, check_decimals
from nircam_tso.julian.fields import count_days

if TYPE_CHECKING:
    import datetime
    from typing import Any, Literal

    from numpy.typing import ArrayLike

__all__ = ["MAX_JD", "day_of_year", "fractional_year", "gregorian_to_jd", "is_leap_year", "jd_to_gregorian", "now"]

_UNIX_EPOCH = 2440587.5
#: Largest Julian date, before or after 0, that is turned into a date of `MAX_YEAR` or less.
MAX_JD = 3.6e8


def gregorian_to_jd(
    year: ArrayLike | datetime.date | time.struct_time,
    month: ArrayLike = 1,
    day: ArrayLike = 1,
    hour: ArrayLike = 0,
    minute: ArrayLike = 0,
    second: ArrayLike = 0,
    *,
    calendar: Literal["proleptic_gregorian", "julian", "mixed"] = "proleptic_gregorian",
    two_part: bool = False,
) -> Any:
    """
    Julian date of a calendar date.

    Parameters
    ----------
    year : int, str, `datetime.date`, `datetime.datetime`, `time.struct_time`, or array-like
        Year (0 is 1 BC), or a whole date: ISO 8601 text, an object of `datetime`,
        `time` or `numpy.datetime64`; then the other fields are left out. Text with an
        offset, a `~datetime.datetime` with a time zone and a `~time.struct_time` that
        knows its offset (as of `time.localtime`) are turned into UTC.
    month, day, hour, minute, second : number or array-like, optional
        The other fields, of shapes that broadcast. ``day``, ``hour`` or ``minute`` may
        have a fraction where every later field is 0.
    calendar : {"proleptic_gregorian", "julian", "mixed"}, optional
        "mixed" is the Julian calendar up to 1582-10-04 and the Gregorian from
        1582-10-15; the ten days between do not exist in it.
    two_part : bool, optional
        Return the JD of the day's beginning and the fraction of the day apart.

    Returns
    -------
    float or `~numpy.ndarray` of float64, or a tuple of two of them
        Of the fields' broadcast shape.

    Raises
    ------
    ValueError
        For a field that is no number or out of range, naming it, and its index
        in the broadcast arrays.

    Examples
    --------
    >>> from nircam_tso import gregorian_to_jd
    >>> gregorian_to_jd(2000, 1, 1, 12)
    2451545.0
    >>> gregorian_to_jd("2016-01-12T18:00:43", two_part=True)
    (2457399.5, 0.7504976851851852)
    >>> gregorian_to_jd(1957, 10, [4.81, 5])
    array([2436116.31, 2436116.5 ])
    >>> gregorian_to_jd(333, 1, 27.5, calendar="julian")
    1842713.0
    """
    number, fraction = count_days(year, month, day, hour, minute, second, calendar)
    first = number - 0.5
    parts = (first, fraction) if two_part else (first + fraction,)
    parts = tuple(part if part.ndim else float(part) for part in parts)
    return parts if two_part else parts[0]


def jd_to_gregorian(
    jd: ArrayLike,
    jd2: ArrayLike = 0.0,
    *,
    calendar: Literal["proleptic_gregorian", "julian", "mixed"] = "proleptic_gregorian",
    decimals: int = 9,
) -> CalendarDate:
    """
    Calendar date of a Julian date.

    Parameters
    ----------
    jd, jd2 : float or array-like
        The Julian date as the sum of two numbers, split in any way.
    calendar : {"proleptic_gregorian", "julian", "mixed"}, optional
        As in `gregorian_to_jd`.
    decimals : int, optional
        Decimals of a second, 0 to 9, to which the time is rounded (and carried into
        the minutes and days). One float64 JD is good to 4.

    Returns
    -------
    CalendarDate
        Numbers, or arrays of the broadcast shape.

    Raises
    ------
    ValueError
        For a JD that is not a finite number or is beyond 3.6e8, naming its index, and
        for ``decimals`` that are not a whole number from 0 to 9.

    Examples
    --------
    >>> from nircam_tso import jd_to_gregorian
    >>> jd_to_gregorian(2457400.25)
    CalendarDate(year=2016, month=1, day=12, hour=18, minute=0, second=0.0)
    >>> jd_to_gregorian(2457400.0, 0.25049768518, decimals=3).isoformat()
    '2016-01-12T18:00:43.000'
    >>> jd_to_gregorian([0.0, 2299160.5], calendar="mixed").day
    array([ 1, 15])
    """
    check_calendar(calendar)
    decimals = check_decimals(decimals)
    jd, jd2 = broadcast(jd=numbers("jd", jd), jd2=numbers("jd2", jd2))
    for name, values in (("jd", jd), ("jd2", jd2), ("jd + jd2", jd + jd2)):
        refuse(name, values, ~(np.abs(values) <= MAX_JD), f"is not within {-MAX_JD:g} to {MAX_JD:g}")
    whole, whole2 = np.round(jd), np.round(jd2)
    # Each difference is exact, so the time of day keeps all that the two parts hold.
    fraction = (jd - whole) + (jd2 - whole2) + 0.5
    carry = np.floor(fraction)
    per_second = 10**decimals
    per_day = 86400 * per_second
    ticks = np.round((fraction - carry) * per_day).astype(np.int64)
    number = (whole + whole2 + carry).astype(np.int64) + ticks // per_day
    ticks = ticks % per_day
    year, month, day = from_day_number(number, calendar)
    seconds = ticks // per_second
    second = (ticks % (60 * per_second)) / per_second
    fields = (year, month, day, seconds // 3600, seconds // 60 % 60, second)
    return CalendarDate(*(field if field.ndim else field.item() for field in map(np.asarray, fields)))


def day_of_year(
    year: ArrayLike | datetime.date | time.struct_time,
    month: ArrayLike = 1,
    day: ArrayLike = 1,
    hour: ArrayLike = 0,
    minute: ArrayLike = 0,
    second: ArrayLike = 0,
    *,
    calendar: Literal["proleptic_gregorian", "julian", "mixed"] = "proleptic_gregorian",
) -> Any:
    """
    Number of the day within its year, 1 for 1 January.

    Parameters
    ----------
    year, month, day, hour, minute, second, calendar
        As in `gregorian_to_jd`. The time of day only matters where an offset from UTC
        moves the date.

    Returns
    -------
    int or `~numpy.ndarray` of int64

    Raises
    ------
    ValueError
        As `gregorian_to_jd`.

    Examples
    --------
    >>> from nircam_tso.julian import day_of_year
    >>> day_of_year(1988, 4, 22)
    113
    """
    number, _ = count_days(year, month, day, hour, minute, second, calendar)
    first, _ = year_bounds(number, calendar)
    result = number - first + 1
    return result if result.ndim else int(result)


def fractional_year(
    year: ArrayLike | datetime.date | time.struct_time,
    month: ArrayLike = 1,
    day: ArrayLike = 1,
    hour: ArrayLike = 0,
    minute: ArrayLike = 0,
    second: ArrayLike = 0,
    *,
    calendar: Literal["proleptic_gregorian", "julian", "mixed"] = "proleptic_gregorian",
) -> Any:
    """
    A date as years and fraction, the fraction being that of its own year's length.

    Parameters
    ----------
    year, month, day, hour, minute, second, calendar
        As in `gregorian_to_jd`.

    Returns
    -------
    float or `~numpy.ndarray` of float64

    Raises
    ------
    ValueError
        As `gregorian_to_jd`.

    Examples
    --------
    >>> from nircam_tso.julian import fractional_year
    >>> fractional_year(2016, 7, 2)
    2016.5
    """
    number, fraction = count_days(year, month, day, hour, minute, second, calendar)
    first, last = year_bounds(number, calendar)
    years, _, _ = from_day_number(number, calendar)
    result = years + (number - first + fraction) / (last - first)
    return result if np.ndim(result) else float(result)


def is_leap_year(
    year: ArrayLike, *, calendar: Literal["proleptic_gregorian", "julian", "mixed"] = "proleptic_gregorian"
) -> Any:
    """
    Whether a year has a 29 February.

    Parameters
    ----------
    year : int or array-like of int
        Year; 0 is 1 BC.
    calendar : {"proleptic_gregorian", "julian", "mixed"}, optional
        As in `gregorian_to_jd`.

    Returns
    -------
    bool or `~numpy.ndarray` of bool

    Raises
    ------
    ValueError
        For a year that is not a whole number.

    Examples
    --------
    >>> from nircam_tso.julian import is_leap_year
    >>> is_leap_year([1900, 2000, 2016, 2017])
    array([False,  True,  True, False])
    >>> is_leap_year(1900, calendar="julian")
    True
    """
    check_calendar(calendar)
    result = is_leap(whole_numbers("year", numbers("year", year), MAX_YEAR), calendar)
    return result if result.ndim else bool(result)


def now(*, two_part: bool = False) -> float | tuple[float, float]:
    """
    Julian date of this moment, UTC.

    Parameters
    ----------
    two_part : bool, optional
        As in `gregorian_to_jd`.

    Returns
    -------
    float, or a tuple of two floats

    Examples
    --------
    >>> from nircam_tso.julian import now
    >>> now() > 2461000
    True
    """
    days, nanoseconds = divmod(time.time_ns(), 86_400 * 10**9)
    parts = (_UNIX_EPOCH + days, nanoseconds / (86_400 * 10**9))
    return parts if two_part else parts[0] + parts[1]
