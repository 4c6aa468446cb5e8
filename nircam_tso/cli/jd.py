"""``nircam-tso jd``: calendar dates into Julian dates, and back."""

import re
import sys
from decimal import Decimal
from fractions import Fraction
from math import floor

from nircam_tso.cli.main import EXIT_USAGE

__all__ = ["FORMATS", "add_arguments", "read_moment", "run", "write_moment"]

_EXAMPLES = """\
A whole date is answered with its Julian date, a number (which is a Julian date) with
its calendar date. MJD before a number makes it a modified Julian date; two numbers in
quotes, parted by a blank, are added. Without any argument the Julian date of this moment, UTC, is printed.

formats:
  jd        2457400.250497685185185, good to a nanosecond
  mjd       57399.750497685185185, the Julian date less 2400000.5
  two-part  2457399.5 0.7504976851851852, midnight and the fraction of the day
  iso       2016-01-12T18:00:43
  doy       2016-012T18:00:43, with the day of the year, 001 for 1 January
  year      2016.03210518493219996, years and fraction of that year's length

examples:
  nircam-tso jd 2016-01-12T18:00:43
  nircam-tso jd 2457400.25 "2016-01-12 18:00:43" MJD57399.75
  nircam-tso jd --calendar julian -4712-01-01T12:00
  nircam-tso jd --format two-part 2016-01-12T18:00:43.123456789
"""
#: What can be printed of a moment.
FORMATS = ("jd", "mjd", "two-part", "iso", "doy", "year")

_HALF = Fraction(1, 2)
_MJD_ZERO = 2400000 + _HALF
# Exponents of three digits would make numbers that fill the memory.
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,2})?"
_JD = re.compile(rf"\s*(?P<kind>M?JD)?\s*(?P<first>{_NUMBER})(?:,?\s+(?P<second>{_NUMBER}))?\s*", re.ASCII | re.I)

_COMPACT = re.compile(r"\d{8}", re.ASCII)


def add_arguments(parser):
    """Add this subcommand's options."""
    from nircam_tso.julian.calendars import CALENDARS

    parser.epilog = _EXAMPLES
    # A year before Christ begins like an option; argparse itself only knows plain negative numbers.
    parser._negative_number_matcher = re.compile(r"-\.?\d")
    parser.add_argument(
        "date", nargs="*", metavar="DATE_OR_JD", help="YYYY-MM-DD, YYYY-MM-DDThh:mm:ss.sss, or a Julian date"
    )
    parser.add_argument(
        "--calendar",
        choices=CALENDARS,
        default=CALENDARS[0],
        help="calendar of the dates, read and printed; mixed changes from Julian to Gregorian in October 1582 "
        "(default: %(default)s)",
    )
    parser.add_argument("--format", choices=FORMATS, help="what to print (default: jd for a date, iso for a number)")


def run(options):
    """Run this subcommand and return its exit code."""
    lines = []
    for text in options.date:
        try:
            moment, was_date = read_moment(text, options.calendar)
            lines.append(write_moment(moment, options.format or ("jd" if was_date else "iso"), options.calendar))
        except ValueError as error:
            if options.debug:
                import traceback

                traceback.print_exception(error)
            print(f"nircam-tso: {text!r}: {error}", file=sys.stderr)
            return EXIT_USAGE
    if not options.date:
        from nircam_tso.julian import now

        lines.append(write_moment(sum(map(Fraction, now(two_part=True))), options.format or "jd", options.calendar))
    print("\n".join(lines))
    return 0


def read_moment(text, calendar):
    """
    Read a date or a Julian date.

    Parameters
    ----------
    text : str
        A date in ISO 8601, or one or two numbers, with ``JD`` or ``MJD`` before them or not.
    calendar : str
        As in `nircam_tso.julian.gregorian_to_jd`.

    Returns
    -------
    moment : `~fractions.Fraction`
        Julian date; for a date, what two float64 hold.
    was_date : bool
        Whether the text was a date.

    Raises
    ------
    ValueError
        For other text, and for dates that do not exist.

    Examples
    --------
    >>> from nircam_tso.cli.jd import read_moment
    >>> read_moment("MJD 57399.75", "mixed")
    (Fraction(9829601, 4), False)
    """
    from nircam_tso.julian import gregorian_to_jd, parse_iso
    from nircam_tso.julian.convert import MAX_JD

    match = _JD.fullmatch(text)
    if match is not None:
        _refuse_date(text.strip(), calendar)
        moment = Fraction(match["first"]) + Fraction(match["second"] or 0)
        if (match["kind"] or "").upper() == "MJD":
            moment += _MJD_ZERO
        if abs(moment) > MAX_JD:
            raise ValueError(f"a Julian date is not within {-MAX_JD:g} to {MAX_JD:g}")
        return moment, False
    try:
        parse_iso(text)
    except ValueError:
        raise ValueError("neither a date (YYYY-MM-DD or YYYY-MM-DDThh:mm:ss.sss) nor a Julian date") from None
    return sum(map(Fraction, gregorian_to_jd(text, calendar=calendar, two_part=True))), True


def _refuse_date(text, calendar):
    """Eight digits may be a date without its hyphens, of whose Julian date nobody lives to see the day."""
    from nircam_tso.julian import gregorian_to_jd

    if not _COMPACT.fullmatch(text):
        return
    date = f"{text[:4]}-{text[4:6]}-{text[6:]}"
    try:
        gregorian_to_jd(date, calendar=calendar)
    except ValueError:
        return
    raise ValueError(f"may be a date or a Julian date; write {date} or JD{text}")


def write_moment(moment, form, calendar):
    """
    Write a moment.

    Parameters
    ----------
    moment : `~fractions.Fraction`
        Julian date.
    form : str
        One of `FORMATS`.
    calendar : str
        As in `nircam_tso.julian.jd_to_gregorian`.

    Returns
    -------
    str

    Examples
    --------
    >>> from fractions import Fraction
    >>> from nircam_tso.cli.jd import write_moment
    >>> write_moment(Fraction("2457400.250000000000001"), "jd", "mixed")
    '2457400.250000000000001'
    >>> write_moment(Fraction("2457400.25"), "doy", "mixed")
    '2016-012T18:00:00'
    """
    if form == "jd":
        return _decimal(moment, 15)
    if form == "mjd":
        return _decimal(moment - _MJD_ZERO, 15)
    if form == "two-part":
        return " ".join(f"{Decimal(repr(part)):f}" for part in _two_parts(moment))
    if form == "year":
        return _decimal(_years(moment, calendar), 17)
    return _date_text(moment, calendar, of_year=form == "doy")


def _two_parts(moment):
    """Midnight and the fraction of the day, as floats."""
    midnight = floor(moment + _HALF) - _HALF
    return float(midnight), float(moment - midnight)


def _decimal(number, decimals):
    """Decimal text of a fraction, without zeros at the end."""
    ticks = round(number * 10**decimals)
    whole, rest = divmod(abs(ticks), 10**decimals)
    text = f"{rest:0{decimals}d}".rstrip("0")
    return f"{'-' if ticks < 0 else ''}{whole}.{text or '0'}"


def _years(moment, calendar):
    from nircam_tso.julian.calendars import from_day_number, year_bounds

    number = floor(moment + _HALF)
    year, _, _ = from_day_number(number, calendar)
    first, next_first = (int(bound) for bound in year_bounds(number, calendar))
    return int(year) + (moment + _HALF - first) / (next_first - first)


def _date_text(moment, calendar, of_year):
    from nircam_tso.julian import day_of_year, jd_to_gregorian

    # The whole part is not beyond the first day that can be converted, as its midnight may be.
    whole = floor(moment)
    date = jd_to_gregorian(float(whole), float(moment - whole), calendar=calendar)
    text, _, decimals = date.isoformat(9).partition(".")
    if of_year:
        day = day_of_year(date.year, date.month, date.day, calendar=calendar)
        text = f"{text.partition('T')[0][:-6]}-{day:03d}T{text.partition('T')[2]}"
    decimals = decimals.rstrip("0")
    return f"{text}.{decimals}" if decimals else text
