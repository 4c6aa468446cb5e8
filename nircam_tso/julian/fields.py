"""What a user may give as a date: read, checked, and counted in days."""

import datetime as _datetime
import re
import time as _time
from typing import NamedTuple

import numpy as np

from nircam_tso.julian.calendars import CALENDARS, day_number, days_in_month, leap_second_days

__all__ = [
    "MAX_YEAR",
    "CalendarDate",
    "check_calendar",
    "count_days",
    "numbers",
    "parse_iso",
    "refuse",
    "whole_numbers",
]

_FIELDS = ("year", "month", "day", "hour", "minute", "second")
#: Largest year, before or after Christ; far from where the integers would overflow.
MAX_YEAR = 1_000_000
_ISO = re.compile(
    r"(?P<year>[+-]?\d{4,7})-(?P<month>\d{2})-(?P<day>\d{2})"
    r"(?:[T ]\s*(?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2}(?:\.\d*)?))?)?"
    r"\s*(?P<zone>Z|z|\(?UTC?\)?|[+-]\d{2}:?(?:\d{2})?)?",
    re.ASCII,
)


class CalendarDate(NamedTuple):
    """
    A calendar date and time of day, or arrays of them.

    Attributes
    ----------
    year, month, day, hour, minute : int or `~numpy.ndarray` of int64
        The fields; year 0 is 1 BC.
    second : float or `~numpy.ndarray` of float64
        Seconds, 0 or more and below 60.
    """

    year: int
    month: int
    day: int
    hour: int = 0
    minute: int = 0
    second: float = 0.0

    def isoformat(self, decimals=3):
        """
        The date as ISO 8601 text; scalars only.

        Parameters
        ----------
        decimals : int, optional
            Decimals of the seconds, which are cut, not rounded: ask
            `jd_to_gregorian` for the same number of ``decimals``.

        Returns
        -------
        str

        Examples
        --------
        >>> from nircam_tso.julian import CalendarDate
        >>> CalendarDate(2016, 1, 12, 18, 0, 43.25).isoformat()
        '2016-01-12T18:00:43.250'
        """
        scale = 10**decimals
        ticks = int(self.second * scale + 1e-3)
        sign = "-" if self.year < 0 else ""
        text = f"{sign}{abs(self.year):04d}-{self.month:02d}-{self.day:02d}T{self.hour:02d}:{self.minute:02d}"
        text += f":{ticks // scale:02d}"
        return text + (f".{ticks % scale:0{decimals}d}" if decimals else "")


def parse_iso(text):
    """
    Take an ISO 8601 date apart, without judging its numbers.

    Parameters
    ----------
    text : str
        ``YYYY-MM-DD``, alone or with ``Thh:mm``, ``Thh:mm:ss`` or ``Thh:mm:ss.sss`` (a
        space may stand for the T), then ``Z``, ``UTC``, ``(UTC)`` or an offset such as
        ``-0700`` or ``+01:30``. Blanks around it do no harm.

    Returns
    -------
    date : CalendarDate
        The numbers as written.
    has_time : bool
        Whether there is a time of day.
    offset : int or None
        Minutes by which the clock is ahead of UTC, None if the text does not say.

    Raises
    ------
    ValueError
        If the text has another form.

    Examples
    --------
    >>> from nircam_tso.julian import parse_iso
    >>> parse_iso("2016-01-12T11:00:43-0700")
    (CalendarDate(year=2016, month=1, day=12, hour=11, minute=0, second=43.0), True, -420)
    """
    match = _ISO.fullmatch(text.strip(" \t"))
    if match is None:
        raise ValueError(f"{text!r} is not a date of the form YYYY-MM-DD or YYYY-MM-DDThh:mm:ss.sss")
    part = match.groupdict()
    date = CalendarDate(
        *(int(part[name]) for name in ("year", "month", "day")),
        *(int(part[name] or 0) for name in ("hour", "minute")),
        float(part["second"] or 0),
    )
    offset = None
    if part["zone"]:
        digits = re.sub(r"\D", "", part["zone"])
        offset = int(digits[:2]) * 60 + int(digits[2:] or 0) if digits else 0
        if offset > 24 * 60 or int(digits[2:] or 0) > 59:
            raise ValueError(f"{text!r} has an impossible offset from UTC")
        offset = -offset if part["zone"].startswith("-") else offset
    return date, part["hour"] is not None, offset


def check_calendar(calendar):
    """
    Refuse an unknown calendar.

    Parameters
    ----------
    calendar : str
        One of `~nircam_tso.julian.calendars.CALENDARS`.

    Raises
    ------
    ValueError
        For any other value.
    """
    if calendar not in CALENDARS:
        raise ValueError(f"calendar: {calendar!r} is not one of {', '.join(map(repr, CALENDARS))}")


def numbers(name, value):
    """
    A field's value as an array of numbers.

    Parameters
    ----------
    name : str
        The field, for the error's message.
    value : number or array-like
        What the user gave.

    Returns
    -------
    `~numpy.ndarray` of float64

    Raises
    ------
    ValueError
        For text, booleans, masked elements, and what numpy makes no numbers of.
    """
    if np.ma.is_masked(value):
        refuse(name, np.ma.getdata(value), np.ma.getmaskarray(value), "is masked")
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"{name}: {value!r} is not an array of numbers") from None
    if array.dtype.kind == "O":
        # Booleans hidden among other objects would turn into 0 and 1 below.
        for index, item in np.ndenumerate(array):
            if isinstance(item, bool | np.bool_ | str) or not hasattr(item, "__float__"):
                raise ValueError(f"{_at(name, index)}: {item!r} is not a number")
    elif array.dtype.kind not in "iuf":
        raise ValueError(f"{name}: {value!r} is not a number")
    elif isinstance(value, list | tuple):
        _refuse_booleans(name, value, ())
    return array.astype(np.float64)


def _refuse_booleans(name, value, index):
    # numpy makes [2016, True] an array of integers.
    for i, item in enumerate(value):
        if isinstance(item, bool | np.bool_):
            raise ValueError(f"{_at(name, (*index, i))}: {item!r} is not a number")
        if isinstance(item, list | tuple):
            _refuse_booleans(name, item, (*index, i))


def _at(name, index):
    return f"{name}[{', '.join(str(int(i)) for i in index)}]" if len(index) else name


def refuse(name, values, bad, why):
    """
    Raise an error about the first bad element, if there is one.

    Parameters
    ----------
    name : str
        The field.
    values, bad : `~numpy.ndarray`
        Its values, and True where they are bad.
    why : str
        What is wrong with a bad value; follows it in the message.

    Raises
    ------
    ValueError
        Naming the field, the index in an array, and the value.
    """
    bad = np.asarray(bad)
    if bad.any():
        index = np.unravel_index(int(np.argmax(bad)), bad.shape) if bad.ndim else ()
        value = np.broadcast_to(values, bad.shape)[index].item()
        if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
            value = int(value)
        raise ValueError(f"{_at(name, index)}: {value!r} {why}")


def whole_numbers(name, values, limit=None):
    """
    Values as integers.

    Parameters
    ----------
    name : str
        The field, for the error's message.
    values : `~numpy.ndarray`
        Numbers.
    limit : int, optional
        Largest absolute value allowed.

    Returns
    -------
    `~numpy.ndarray` of int64

    Raises
    ------
    ValueError
        For a value that is not a whole number, or beyond the limit.
    """
    refuse(name, values, ~np.isfinite(values), "is not a finite number")
    refuse(name, values, values != np.floor(values), "is not a whole number")
    if limit is not None:
        refuse(name, values, np.abs(values) > limit, f"is not within {-limit} to {limit}")
    return np.asarray(values).astype(np.int64)


def _is_dates(value):
    if isinstance(value, str | bytes | _datetime.date | _time.struct_time):
        return True
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    if kind is not None:
        return kind in "UM" or (kind == "O" and value.size > 0 and _is_dates(value.flat[0]))
    return isinstance(value, list | tuple) and len(value) > 0 and _is_dates(value[0])


def _one_date(name, value):
    """The six fields of a date object or text, and minutes ahead of UTC."""
    if isinstance(value, _datetime.datetime):
        if value.tzinfo is not None:
            value = value.astimezone(_datetime.UTC)
        return (*value.timetuple()[:5], value.second + value.microsecond / 1e6, 0)
    if isinstance(value, _datetime.date):
        return (value.year, value.month, value.day, 0, 0, 0.0, 0)
    if isinstance(value, _time.struct_time):
        return (*value[:6], 0)
    if not isinstance(value, str):
        raise ValueError(f"{name}: {value!r} is not a date")
    try:
        date, _, offset = parse_iso(value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return (*date, offset or 0)


def _fields_of_dates(value):
    if getattr(getattr(value, "dtype", None), "kind", None) == "M":
        # Coarser units would be written without minutes.
        coarse = np.datetime_data(value.dtype)[0] in ("Y", "M", "W", "D", "h", "m")
        value = np.datetime_as_string(value.astype("M8[s]") if coarse else value)
    if isinstance(value, str | bytes | _datetime.date | _time.struct_time):
        return [np.asarray(field) for field in _one_date("year", value)]
    array = np.asarray(value, dtype=object)
    if any(isinstance(item, _time.struct_time) for item in value):
        # numpy takes a struct_time for a row of nine numbers.
        array = np.empty(len(value), dtype=object)
        array[:] = list(value)
    rows = [_one_date(_at("year", index), item) for index, item in np.ndenumerate(array)]
    return [np.array(column).reshape(array.shape) for column in zip(*rows, strict=True)]


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
    offset = np.zeros((), dtype=np.int64)
    given = (year, month, day, hour, minute, second)
    if _is_dates(year):
        if any(np.ndim(a) or a != b for a, b in zip(given[1:], (1, 1, 0, 0, 0), strict=True)):
            raise ValueError(f"year: {year!r} is a whole date; leave the other fields out")
        *given, offset = _fields_of_dates(year)
    arrays = [numbers(name, value) for name, value in zip(_FIELDS, given, strict=True)]
    try:
        *arrays, offset = np.broadcast_arrays(*arrays, offset)
    except ValueError:
        shapes = ", ".join(f"{name} {a.shape}" for name, a in zip(_FIELDS, arrays, strict=True) if a.shape)
        raise ValueError(f"the fields' shapes do not fit together: {shapes}") from None
    for name, values in zip(_FIELDS, arrays, strict=True):
        refuse(name, values, ~np.isfinite(values), "is not a finite number")
    for place in (2, 3, 4):
        broken = arrays[place] != np.floor(arrays[place])
        for later in range(place + 1, 6):
            why = f"has a fraction, but {_FIELDS[later]} is not 0"
            refuse(_FIELDS[place], arrays[place], broken & (arrays[later] != 0), why)
    year, month, day, hour, minute, second = arrays
    refuse("month", month, (month < 1) | (month > 12), "is not 1 to 12")
    year, month = whole_numbers("year", year, MAX_YEAR), whole_numbers("month", month)
    refuse("day", day, (day < 1) | (day >= 1 + days_in_month(year, month, calendar)), "is not a day of that month")
    whole_day = np.floor(day).astype(np.int64)
    if calendar == "mixed":
        dropped = (year == 1582) & (month == 10) & (whole_day > 4) & (whole_day < 15)
        refuse("day", day, dropped, "is one of the ten days left out in October 1582")
    number = day_number(year, month, whole_day, calendar)
    refuse("hour", hour, (hour < 0) | (hour >= 24), "is not 0 to 23")
    refuse("minute", minute, (minute < 0) | (minute >= 60), "is not 0 to 59")
    leap = (second >= 60) & (second < 61) & (hour == 23) & (minute == 59)
    if leap.any():
        leap &= np.isin(number, leap_second_days())
    refuse("second", second, ((second < 0) | (second >= 60)) & ~leap, "is not 0 to 59 (60 on days of a leap second)")
    fraction = (day - whole_day) + (hour * 3600.0 + minute * 60.0 + second - offset * 60.0) / 86400.0
    carry = np.where(offset == 0, 0.0, np.floor(fraction))
    return number + carry.astype(np.int64), fraction - carry
