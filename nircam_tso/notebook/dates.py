"""Dates and times by the notebook's formulas."""

from __future__ import annotations

__all__ = ["fractional_year", "is_leap_year", "julian_date", "row_jd"]

# August is missing, so that from there on every month has the length of the next one.
_MONTHS = (31, 28, 31, 30, 31, 30, 31, 30, 31, 30, 31)


def julian_date(year: float, month: float, day: float, hour: float = 0, minute: float = 0, second: float = 0) -> float:
    """
    Julian date by the notebook's formula.

    It is the formula that the US Naval Observatory gave for the years 1801 to 2099. It
    holds from 1800-03-01 to 2100-02-28 and is wrong by a day or more before and after,
    because it gives every fourth year a leap day, except for 1900. It checks nothing:
    30 February is taken for 1 or 2 March.

    Parameters
    ----------
    year, month : number
        Cut to whole numbers.
    day, hour, minute, second : number, optional
        May have fractions.

    Returns
    -------
    float

    See Also
    --------
    nircam_tso.julian.gregorian_to_jd : Right for all dates.

    Examples
    --------
    >>> from nircam_tso.notebook import julian_date
    >>> julian_date(2000, 1, 1, 12)
    2451545.0
    >>> julian_date(2100, 3, 1) - julian_date(2100, 2, 28)  # there is no 29 February 2100
    2.0
    """
    year, month = int(year), int(month)
    hours = hour + minute / 60 + second / 3600
    sign = 1 if 100 * year + month - 190002.5 > 0 else -1
    # Whole divisions, as in the Python of then.
    days = 367 * year - 7 * (year + (month + 9) // 12) // 4 + 275 * month // 9 + day
    return days + 1721013.5 + hours / 24 - 0.5 * sign + 0.5


def is_leap_year(year: int) -> bool:
    """
    The notebook's test for a leap year, which is inverted.

    It begins by asking whether the year is *not* divisible by 4 and calls such a year a
    leap year. All years are then leap years but the full centuries that are none.

    Parameters
    ----------
    year : int

    Returns
    -------
    bool

    See Also
    --------
    nircam_tso.julian.is_leap_year : Right for all years.

    Examples
    --------
    >>> from nircam_tso.notebook import is_leap_year
    >>> is_leap_year(2016), is_leap_year(2017), is_leap_year(1900)
    (True, True, False)
    """
    if year % 4 != 0:
        return True
    return year % 400 == 0 or year % 100 != 0


def fractional_year(
    year: float, month: float, day: float, hour: float = 0, minute: float = 0, second: float = 0
) -> float:
    """
    A date as years and fraction, as the notebook printed it.

    It takes nearly every year for a leap year (`is_leap_year`), and its list of months
    lacks August, so that it is a day short in September and November.

    Parameters
    ----------
    year, month, day, hour, minute, second : number
        As in `julian_date`.

    Returns
    -------
    float

    See Also
    --------
    nircam_tso.julian.fractional_year : Right for all dates.

    Examples
    --------
    >>> from nircam_tso.notebook import fractional_year
    >>> fractional_year(2016, 7, 2)
    2016.5
    >>> round(fractional_year(2017, 7, 2, 12), 6)  # the middle of 2017
    2017.501366
    """
    leap = is_leap_year(year)
    months = (31, 29, *_MONTHS[2:]) if leap else _MONTHS
    days = sum(months[: int(month) - 1]) + day - 1 + (hour + minute / 60 + second / 3600) / 24
    return year + days / (366 if leap else 365)


def row_jd(start_jd: float, end_jd: float, k: int, n: int) -> float:
    """
    Julian date of integration ``k`` by the notebook.

    It divides the span from start to end by ``n`` and puts integration ``k``, counted
    from 1, at ``k + 1/2`` shares, which is the middle of integration ``k + 1``. In the
    notebook ``n`` is 100 whatever the exposure.

    Parameters
    ----------
    start_jd, end_jd : float
        The exposure's start and end. The notebook takes both on the day of DATE-OBS.
    k : int
        Number of the integration, counted from 1, as in ``_I002``.
    n : int
        Number of shares.

    Returns
    -------
    float
        The notebook's own number is less by 2450000.

    See Also
    --------
    nircam_tso.timing.exposure_times : Puts it at ``k - 1/2`` shares.

    Examples
    --------
    >>> from nircam_tso.notebook import row_jd
    >>> row_jd(2457400.0, 2457401.0, 2, 100)
    2457400.025
    """
    share = (end_jd - start_jd) * 86400.0 / n
    return start_jd + share * (k + 0.5) / 86400.0
