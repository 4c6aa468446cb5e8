"""Whole dates: ISO text, and the objects of Python, numpy and pandas, taken apart into fields."""

from __future__ import annotations

import datetime as _datetime
import operator
import re
import time as _time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nircam_tso.julian.calendars import from_day_number
from nircam_tso.julian.checks import place, refuse, refuse_masked

if TYPE_CHECKING:
    from typing import Any

__all__ = ["MAX_YEAR", "CalendarDate", "check_decimals", "fields_of_dates", "is_dates", "parse_iso"]

#: Largest year, before or after Christ; far from where the integers would overflow.
MAX_YEAR = 1_000_000
_COARSE = ("Y", "M", "W", "D", "h", "m")
_UNIX_DAY = 2440588  # 1970-01-01, as a Julian day number
_ISO = re.compile(
    r"(?P<year>[+-]?\d{4,7})-(?P<month>\d{2})-(?P<day>\d{2})"
    r"(?:[T ]\s*(?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2}(?:\.\d*)?))?)?"
    r"\s*(?P<zone>Z|z|\(?UTC?\)?|[+-]\d{2}(?::?\d{2})?)?",
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

    Examples
    --------
    >>> from nircam_tso.julian import CalendarDate
    >>> CalendarDate(2016, 1, 12, 18).isoformat(0)
    '2016-01-12T18:00:00'
    """

    year: int
    month: int
    day: int
    hour: int = 0
    minute: int = 0
    second: float = 0.0

    def isoformat(self, decimals: int = 3) -> Any:
        """
        The date as ISO 8601 text.

        Parameters
        ----------
        decimals : int, optional
            Decimals of the seconds, 0 to 9, which are cut, not rounded: ask
            `jd_to_gregorian` for the same number of ``decimals``.

        Returns
        -------
        str or `~numpy.ndarray` of str

        Raises
        ------
        ValueError
            For ``decimals`` that are not a whole number from 0 to 9.

        Examples
        --------
        >>> from nircam_tso.julian import CalendarDate
        >>> CalendarDate(2016, 1, 12, 18, 0, 43.25).isoformat()
        '2016-01-12T18:00:43.250'
        """
        decimals = check_decimals(decimals)
        if any(map(np.ndim, self)):
            fields = np.broadcast_arrays(*self)
            rows = [_iso_text(*row, decimals) for row in zip(*(f.ravel().tolist() for f in fields), strict=True)]
            return np.array(rows, dtype=np.str_).reshape(fields[0].shape)
        return _iso_text(*self, decimals)


def check_decimals(decimals):
    """
    A number of decimals as an int.

    Parameters
    ----------
    decimals : int
        From 0 to 9.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        For anything else, booleans and floats among it.
    """
    try:
        number = -1 if isinstance(decimals, bool) else operator.index(decimals)
    except TypeError:
        number = -1
    if number not in range(10):
        raise ValueError(f"decimals: {decimals!r} is not a whole number from 0 to 9")
    return number


def _iso_text(year, month, day, hour, minute, second, decimals):
    scale = 10**decimals
    # A float may lie a little below the decimal number that it stands for; but no minute has more than its seconds.
    ticks = min(int(second * scale + 1e-3), (60 if second < 60 else 61) * scale - 1)
    sign = "-" if year < 0 else ""
    text = f"{sign}{abs(year):04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{ticks // scale:02d}"
    return text + (f".{ticks % scale:0{decimals}d}" if decimals else "")


def parse_iso(text: str) -> tuple[CalendarDate, bool, int | None]:
    """
    Take an ISO 8601 date apart, without judging its numbers.

    Parameters
    ----------
    text : str
        ``YYYY-MM-DD``, alone or with ``Thh:mm``, ``Thh:mm:ss`` or ``Thh:mm:ss.sss`` (a
        space may stand for the T), then ``Z``, ``UTC``, ``(UTC)`` or an offset such as
        ``-0700`` or ``+01:30``. Blanks around it do no harm. Seconds are read to 12
        decimals.

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
    match = _ISO.fullmatch(text.strip(" \t")) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{_plain(text)!r} is not a date of the form YYYY-MM-DD or YYYY-MM-DDThh:mm:ss.sss")
    part = match.groupdict()
    date = CalendarDate(
        *(int(part[name]) for name in ("year", "month", "day")),
        *(int(part[name] or 0) for name in ("hour", "minute")),
        # More decimals of 59.999... would round to 60.
        float((part["second"] or "0")[: len("ss.") + 12]),
    )
    offset = None
    if part["zone"]:
        digits = re.sub(r"\D", "", part["zone"])
        offset = int(digits[:2]) * 60 + int(digits[2:] or 0) if digits else 0
        if offset > 24 * 60 or int(digits[2:] or 0) > 59:
            raise ValueError(f"{_plain(text)!r} has an impossible offset from UTC")
        offset = -offset if part["zone"].startswith("-") else offset
    return date, part["hour"] is not None, offset


def _plain(value):
    """Text without numpy's own name around it in messages."""
    return str(value) if isinstance(value, str) else value


def is_dates(value):
    """
    Whether a value is a whole date, or holds whole dates.

    Parameters
    ----------
    value : object
        What the user gave.

    Returns
    -------
    bool
        By the first element of an array.
    """
    if isinstance(value, str | bytes | _datetime.date | _time.struct_time):
        return True
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    if kind is not None:
        array = np.asarray(value)
        return kind in "USM" or (array.dtype.kind == "O" and array.size > 0 and is_dates(array.flat[0]))
    return isinstance(value, list | tuple) and len(value) > 0 and is_dates(value[0])


def _one_date(name, value):
    """The six fields of a date object or text, and seconds ahead of UTC."""
    if isinstance(value, np.datetime64):
        return tuple(field.item() for field in _fields_of_datetime64(name, np.asarray(value)))
    if isinstance(value, _datetime.datetime):
        offset = value.utcoffset()
        second = value.second + value.microsecond / 1e6 + getattr(value, "nanosecond", 0) / 1e9
        offset = 0.0 if offset is None else offset.total_seconds()
        return (value.year, value.month, value.day, value.hour, value.minute, second, offset)
    if isinstance(value, _datetime.date):
        return (value.year, value.month, value.day, 0, 0, 0.0, 0.0)
    if isinstance(value, _time.struct_time):
        return (*value[:6], float(value.tm_gmtoff or 0))
    if not isinstance(value, str):
        raise ValueError(f"{name}: {value!r} is not a date")
    try:
        date, _, offset = parse_iso(value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return (*date, 60.0 * (offset or 0))


def _fields_of_datetime64(name, value):
    # numpy's own text has two digits less in years before Christ, and misreads other byte orders.
    value = value.astype(value.dtype.newbyteorder("="))
    refuse(name, value.astype(str), np.isnat(value), "is not a date")
    unit, _ = np.datetime_data(value.dtype)
    if unit == "as":
        raise ValueError(f"{name}: numpy cannot count attoseconds in days; use datetime64[ns]")
    # Coarse units may overflow when counted in seconds, and numpy cannot count the finest in years.
    coarse = value if unit in _COARSE else value.astype("M8[s]")
    years = coarse.astype("M8[Y]").astype(np.int64) + 1970
    refuse(name, value.astype(str), np.abs(years) > MAX_YEAR, f"is not within the years {-MAX_YEAR} to {MAX_YEAR}")
    whole = coarse.astype("M8[s]")
    days, seconds = np.divmod(whole.astype(np.int64), 86400)
    date = from_day_number(days + _UNIX_DAY, "proleptic_gregorian")
    second = seconds % 60 + (value - whole) / np.timedelta64(1, "s")
    return [*date, seconds // 3600, seconds // 60 % 60, second, np.zeros(value.shape)]


def fields_of_dates(name, value):
    """
    The fields of whole dates.

    Parameters
    ----------
    name : str
        What the dates are called in messages.
    value : object
        Of which `is_dates` is true.

    Returns
    -------
    list of `~numpy.ndarray`
        Year, month, day, hour, minute, second, and seconds by which the clock is ahead
        of UTC.

    Raises
    ------
    ValueError
        For what is not a date, naming its index in an array.
    """
    refuse_masked(name, value)
    if isinstance(value, list | tuple) and not isinstance(value, _time.struct_time):
        for i, item in enumerate(value):
            refuse_masked(place(name, (i,)), item)
    if isinstance(value, str | bytes | _datetime.date | _time.struct_time | np.datetime64):
        return [np.asarray(field) for field in _one_date(name, value)]
    array = np.asarray(value) if hasattr(value, "dtype") else _as_objects(value)
    if array.dtype.kind == "M":
        return _fields_of_datetime64(name, array)
    rows = [_one_date(place(name, index), item) for index, item in np.ndenumerate(array)]
    return [np.array(column, dtype=float).reshape(array.shape) for column in zip(*rows, strict=True)] or [
        np.empty(array.shape) for _ in range(7)
    ]


def _as_objects(value):
    if any(isinstance(item, _time.struct_time) for item in value):
        # numpy takes a struct_time for a row of nine numbers.
        array = np.empty(len(value), dtype=object)
        array[:] = list(value)
        return array
    return np.asarray(value, dtype=object)
