"""Calendar dates and Julian dates.

A Julian date (JD) counts days, and fractions of them, from noon of 1 January
4713 BC (year -4712) of the Julian calendar. Years are astronomical: year 0 is
1 BC. Days are counted with integers; a time of day is a fraction of 86,400
seconds, so nothing here knows of time scales. On the days of a leap second a
UTC clock has one second more: ``23:59:60`` is accepted there and has the JD at
which the next day begins. (`nircam_tso.timing` uses ERFA's UTC instead, which
tells the two apart.)

One float64 JD resolves 40 microseconds; ``two_part=True`` gives the day and
its fraction apart, good to better than a nanosecond.

The counts of days are those of E. G. Richards, "Calendars", chapter 15 of the
Explanatory Supplement to the Astronomical Almanac (3rd ed., 2013).
"""

from nircam_tso.julian.convert import (
    day_of_year,
    fractional_year,
    gregorian_to_jd,
    is_leap_year,
    jd_to_gregorian,
    now,
)
from nircam_tso.julian.dates import CalendarDate, parse_iso

__all__ = [
    "CalendarDate",
    "day_of_year",
    "fractional_year",
    "gregorian_to_jd",
    "is_leap_year",
    "jd_to_gregorian",
    "now",
    "parse_iso",
]
