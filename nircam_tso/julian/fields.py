"""The fields of a date: checked, and counted in days."""

import numpy as np

from nircam_tso.julian.calendars import day_number, days_in_month, leap_second_days
from nircam_tso.julian.checks import broadcast, check_calendar, numbers, refuse, whole_numbers
from nircam_tso.julian.dates import MAX_YEAR, fields_of_dates, is_dates

__all__ = ["count_days"]

_FIELDS = ("year", "month", "day", "hour", "minute", "second")
_DEFAULTS = (1, 1, 0, 0, 0)


def count_days(year, month, day, hour, minute, second, calendar):
    """
    Check fields, and count the days.

    Parameters
    ----------
    year, month, day, hour, minute, second, calendar
        As in `nircam_tso.julian.gregorian_to_jd`.

    Returns
    -------
    number : `~numpy.ndarray` of int64
        Julian day number of each date (the integer at its noon).
    fraction : `~numpy.ndarray` of float64
        Fraction of the day since its midnight; 1 or a little more within a leap second.

    Raises
    ------
    ValueError
        As `nircam_tso.julian.gregorian_to_jd`.
    """
    check_calendar(calendar)
    offset = np.zeros(())
    given = (year, month, day, hour, minute, second)
    if is_dates(year):
        if any(_is_given(value, default) for value, default in zip(given[1:], _DEFAULTS, strict=True)):
            raise ValueError(f"year: {year!r} is a whole date; leave the other fields out")
        *given, offset = fields_of_dates("year", year)
    arrays = {name: numbers(name, value) for name, value in zip(_FIELDS, given, strict=True)}
    *arrays, offset = broadcast(**arrays, offset=offset)
    _check_fractions(arrays)
    year, month, day, hour, minute, second = arrays
    refuse("month", month, (month < 1) | (month > 12), "is not 1 to 12")
    year, month = whole_numbers("year", year, MAX_YEAR), whole_numbers("month", month)
    refuse("day", day, (day < 1) | (day >= 1 + days_in_month(year, month, calendar)), "is not a day of that month")
    whole_day = np.floor(day).astype(np.int64)
    if calendar == "mixed":
        dropped = (year == 1582) & (month == 10) & (whole_day > 4) & (whole_day < 15)
        refuse("day", day, dropped, "is one of the ten days left out in October 1582")
    refuse("hour", hour, (hour < 0) | (hour >= 24), "is not 0 to 23")
    refuse("minute", minute, (minute < 0) | (minute >= 60), "is not 0 to 59")
    # Up to the minute, so that a leap second stays with the day that it ends, whatever the clock's offset.
    clock = hour * 3600.0 + minute * 60.0 - offset
    carry = np.floor(clock / 86400.0)
    clock -= carry * 86400.0
    number = day_number(year, month, whole_day, calendar) + carry.astype(np.int64)
    leap = (second >= 60) & (second < 61) & (clock == 86340.0)
    if leap.any():
        leap &= np.isin(number, leap_second_days())
    refuse("second", second, ((second < 0) | (second >= 60)) & ~leap, "is not 0 to 59 (60 on days of a leap second)")
    return number, (day - whole_day) + (clock + second) / 86400.0


def _is_given(value, default):
    return isinstance(value, bool) or not isinstance(value, int | float | np.number) or value != default


def _check_fractions(arrays):
    """Refuse what is not finite, and fractions before a field that is not 0."""
    for name, values in zip(_FIELDS, arrays, strict=True):
        refuse(name, values, ~np.isfinite(values), "is not a finite number")
    for place in (2, 3, 4):
        broken = arrays[place] != np.floor(arrays[place])
        for later in range(place + 1, 6):
            why = f"has a fraction, but {_FIELDS[later]} is not 0"
            refuse(_FIELDS[place], arrays[place], broken & (arrays[later] != 0), why)
