"""The notebook's time of an integration, with any of its faults."""

import math
import re

from nircam_tso.notebook.dates import julian_date, row_jd
from nircam_tso.notebook.faults import NotebookFaults

__all__ = ["TIME_FAULTS", "integration_time", "name_number"]

#: Faults of which the time knows.
TIME_FAULTS = (
    NotebookFaults.MIDNIGHT
    | NotebookFaults.THREE_DIGITS
    | NotebookFaults.HUNDRED_INTEGRATIONS
    | NotebookFaults.LATE_SHARE
    | NotebookFaults.JULIAN_FORMULA
)

_DATE = re.compile(r"\s*(\d{4})-(\d{2})-(\d{2})\s*", re.ASCII)
_CLOCK = re.compile(r"\s*(\d{2}):(\d{2}):(\d{2}(?:\.\d*)?)\s*", re.ASCII)


def name_number(name, number, faults):
    """
    Number of an integration as the notebook took it from the file's name.

    Parameters
    ----------
    name : str
        Name of the file.
    number : int
        The number within the exposure.
    faults : NotebookFaults
        With THREE_DIGITS the first three digits behind the name's last ``_I`` count,
        of ``number`` where the name has none.

    Returns
    -------
    int

    Examples
    --------
    >>> from nircam_tso.notebook import NotebookFaults
    >>> from nircam_tso.notebook.times import name_number
    >>> name_number("star.red_I1234.fits", 1234, NotebookFaults.ALL)
    123
    >>> name_number("star.red_I1234.fits", 1234, NotebookFaults.NONE)
    1234
    """
    if NotebookFaults.THREE_DIGITS not in faults:
        return number
    digits = re.match(r"\d+", name.rpartition("_I")[2]) if "_I" in name else None
    return int((digits[0] if digits else f"{number:03d}")[:3])


def _fields(header, date_card, time_card):
    """Date and time of day of two cards as numbers, None where they do not tell both."""
    date = _DATE.fullmatch(str(header.get(date_card, "")))
    clock = _CLOCK.fullmatch(str(header.get(time_card, "")))
    if date is None or clock is None:
        return None
    return tuple(int(part) for part in date.groups()) + (int(clock[1]), int(clock[2]), float(clock[3]))


def _jd(fields, faults):
    from nircam_tso.julian import gregorian_to_jd

    if NotebookFaults.JULIAN_FORMULA in faults:
        return julian_date(*fields)
    try:
        return float(gregorian_to_jd(*fields))
    except ValueError:
        return math.nan


def integration_time(segment, number, count, faults, n_groups_big=100):
    """
    Julian date of an integration by its header's dates and its number.

    Parameters
    ----------
    segment : `~nircam_tso.io.exposure.Segment`
        Where its header and name come from.
    number : int
        The integration's number within the exposure, 1-based.
    count : int
        Number of integrations of the exposure.
    faults : NotebookFaults
        Which of the notebook's faults to keep.
    n_groups_big : int, optional
        What stands for ``count`` with HUNDRED_INTEGRATIONS.

    Returns
    -------
    float
        JD in UTC; NaN where DATE-OBS, TIME-OBS and TIME-END do not tell a date and
        two times.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.io.sources import open_exposure
    >>> from nircam_tso.notebook import NotebookFaults
    >>> from nircam_tso.notebook.times import integration_time
    >>> cards = {"DATE-OBS": "2016-01-12", "TIME-OBS": "23:00:00", "TIME-END": "01:00:00"}
    >>> segment = open_exposure(np.zeros((16, 16)), header=cards).segments[0]
    >>> integration_time(segment, 1, 2, NotebookFaults.NONE)
    2457400.4791666665
    >>> integration_time(segment, 1, 2, NotebookFaults.MIDNIGHT)  # an exposure of -22 hours
    2457400.2291666665
    """
    header = segment.header
    first, last = _fields(header, "DATE-OBS", "TIME-OBS"), _fields(header, "DATE-OBS", "TIME-END")
    if first is None or last is None:
        return math.nan
    begin, end = _jd(first, faults), _jd(last, faults)
    if NotebookFaults.MIDNIGHT not in faults:
        dated = _fields(header, "DATE-END", "TIME-END")
        if dated is not None:
            end = _jd(dated, faults)
        elif end < begin:
            end += 1.0
    k = name_number(segment.name, number, faults)
    n = n_groups_big if NotebookFaults.HUNDRED_INTEGRATIONS in faults else count
    # `row_jd` is a share late.
    return row_jd(begin, end, k if NotebookFaults.LATE_SHARE in faults else k - 1, n)
