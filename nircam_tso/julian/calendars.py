"""Calendars as counts of whole days, in integers.

The counts are those of E. G. Richards, "Calendars", chapter 15 of the
Explanatory Supplement to the Astronomical Almanac (3rd ed., 2013).
"""

import numpy as np

__all__ = [
    "CALENDARS",
    "day_number",
    "days_in_month",
    "from_day_number",
    "is_leap",
    "leap_second_days",
    "year_bounds",
]

CALENDARS = ("proleptic_gregorian", "julian", "mixed")
_FIRST_GREGORIAN_DAY = 2299161  # 1582-10-15, as a Julian day number
_DAYS_IN_MONTH = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


def is_leap(year, calendar):
    """
    Whether years have a 29 February.

    Parameters
    ----------
    year : int or `~numpy.ndarray` of int64
        Years; 0 is 1 BC.
    calendar : str
        One of `CALENDARS`.

    Returns
    -------
    bool or `~numpy.ndarray` of bool
    """
    julian = year % 4 == 0
    if calendar == "julian":
        return julian
    gregorian = julian & ((year % 100 != 0) | (year % 400 == 0))
    return gregorian if calendar == "proleptic_gregorian" else np.where(year < 1582, julian, gregorian)


def day_number(year, month, day, calendar):
    """
    Julian day number of dates: the Julian date at their noon.

    Parameters
    ----------
    year, month, day : `~numpy.ndarray` of int64
        Valid dates.
    calendar : str
        One of `CALENDARS`.

    Returns
    -------
    `~numpy.ndarray` of int64

    Examples
    --------
    >>> from nircam_tso.julian.calendars import day_number
    >>> day_number(2000, 1, 1, "proleptic_gregorian")
    2451545
    """
    # Counting years from 1 March puts the leap day last.
    shift = (14 - month) // 12
    years = year + 4800 - shift
    count = day + (153 * (month + 12 * shift - 3) + 2) // 5 + 365 * years + years // 4
    gregorian = count - years // 100 + years // 400 - 32045
    if calendar == "proleptic_gregorian":
        return gregorian
    julian = count - 32083
    return julian if calendar == "julian" else np.where(gregorian >= _FIRST_GREGORIAN_DAY, gregorian, julian)


def from_day_number(number, calendar):
    """
    Year, month and day of Julian day numbers: the inverse of `day_number`.

    Parameters
    ----------
    number : `~numpy.ndarray` of int64
        Julian day numbers.
    calendar : str
        One of `CALENDARS`.

    Returns
    -------
    year, month, day : `~numpy.ndarray` of int64
    """
    if calendar == "mixed":
        pairs = zip(from_day_number(number, "proleptic_gregorian"), from_day_number(number, "julian"), strict=True)
        return tuple(np.where(number >= _FIRST_GREGORIAN_DAY, *pair) for pair in pairs)
    if calendar == "julian":
        centuries = 0
        days = number + 32082
    else:
        centuries = (4 * (number + 32044) + 3) // 146097
        days = number + 32044 - 146097 * centuries // 4
    years = (4 * days + 3) // 1461
    days = days - 1461 * years // 4
    months = (5 * days + 2) // 153
    day = days - (153 * months + 2) // 5 + 1
    return 100 * centuries + years - 4800 + months // 10, months + 3 - 12 * (months // 10), day


def year_bounds(number, calendar):
    """
    Day numbers of 1 January of each date's year and of the next.

    Parameters
    ----------
    number : `~numpy.ndarray` of int64
        Julian day numbers.
    calendar : str
        One of `CALENDARS`.

    Returns
    -------
    first, next_first : `~numpy.ndarray` of int64
    """
    year, _, _ = from_day_number(number, calendar)
    one = np.ones_like(year)
    return tuple(np.asarray(day_number(y, one, one, calendar)) for y in (year, year + 1))


def days_in_month(year, month, calendar):
    """
    Length of months in days.

    Parameters
    ----------
    year, month : `~numpy.ndarray` of int64
        Years, and months from 1 to 12.
    calendar : str
        One of `CALENDARS`; the ten days left out of October 1582 do not shorten it here.

    Returns
    -------
    `~numpy.ndarray` of int64
    """
    return _DAYS_IN_MONTH[month - 1] + ((month == 2) & is_leap(year, calendar))


def leap_second_days():
    """
    Days that end with a leap second, from ERFA's table.

    Returns
    -------
    `~numpy.ndarray` of int64
        Julian day numbers.
    """
    from erfa import leap_seconds

    table = leap_seconds.get()
    # The first entry of 1972 began the system, with a step that was not one second.
    steps = table[(table["year"] > 1972) | ((table["year"] == 1972) & (table["month"] > 1))]
    years, months = steps["year"].astype(np.int64), steps["month"].astype(np.int64)
    return day_number(years, months, np.ones_like(years), "proleptic_gregorian") - 1
