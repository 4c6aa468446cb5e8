"""Header cards as the readers need them: units, numbers, start times."""

import datetime
import functools
import re
import warnings

from astropy import units as u

from nircam_tso.exceptions import CorruptFileError

__all__ = [
    "integration_in_name",
    "parse_unit",
    "split_mjd",
    "split_name",
    "start_time",
    "whole_number",
]

_UNITS = {
    "dn": u.DN,
    "adu": u.adu,
    "electron": u.electron,
    "electrons": u.electron,
    "e": u.electron,
    "e-": u.electron,
    "count": u.count,
    "counts": u.count,
    "ct": u.count,
    "cts": u.count,
}
_PER_SECOND = re.compile(r"(.*?)\s*(?:/\s*s(?:ec(?:ond)?)?|\s+s(?:\^|\*\*)?-1|\.s-1|\s+per\s+sec(?:ond)?)$")
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ](.*))?$", re.ASCII)
_CLOCK = re.compile(r"(\d\d):(\d\d)(?::(\d\d(?:\.\d*)?))?\s*(?:Z|z|\(?UTC?\)?|([+-])(\d\d):?(\d\d)?)?$", re.ASCII)
# More digits are no number of an integration, but part of a longer code.
_INTEGRATION = re.compile(r"_I(\d{1,9})(?=[._]|$)", re.ASCII)
# The columns of the product that hold such numbers are of 32 bits.
_MANY = 1 << 31
# datetime.date.toordinal() of MJD 0, 1858-11-17.
_ORDINAL_OF_MJD_0 = 678576


@functools.lru_cache(maxsize=256)
def parse_unit(text):
    """
    The unit that a BUNIT card names.

    Parameters
    ----------
    text : str or None
        As in the header.

    Returns
    -------
    unit : `~astropy.units.UnitBase`
        Dimensionless where there is no text, or none that is known.
    note : str or None
        What to tell the user about a text that is not known.

    Examples
    --------
    >>> from nircam_tso.io.headers import parse_unit
    >>> parse_unit("ADU/s"), parse_unit("MJy/sr")
    ((Unit("adu / s"), None), (Unit("MJy / sr"), None))
    """
    if text is None or not str(text).strip():
        return u.dimensionless_unscaled, None
    text = str(text).strip()
    plain = text.lower().strip("()[] ")
    match = _PER_SECOND.match(plain)
    base = match.group(1).strip("() ") if match else plain
    if base in _UNITS:
        return (_UNITS[base] / u.s if match else _UNITS[base]), None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return u.Unit(text), None
    except (ValueError, TypeError):
        return u.dimensionless_unscaled, f"BUNIT {text!r} is no known unit; values are taken as dimensionless"


def whole_number(hdu, keyword, path=None):
    """
    A card that must hold a whole number, if it is there.

    Parameters
    ----------
    hdu : Hdu
        Its header.
    keyword : str
        Name of the card.
    path : str, optional
        For the message.

    Returns
    -------
    int or None
        None where the card is absent or empty.

    Raises
    ------
    CorruptFileError
        If it holds something else, or a number beyond 2**31.
    """
    value = hdu.get(keyword)
    if isinstance(value, str):
        value = int(value) if value.strip().isdecimal() and value.isascii() else (value.strip() or None)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is None or (type(value) is int and abs(value) < _MANY):
        return value
    raise CorruptFileError(f"{keyword} is {value!r}, not a number of things", path=path, hdu=hdu.label)


def split_name(name):
    """
    A file name of the ground tests, taken apart at the number of its integration.

    Parameters
    ----------
    name : str
        Such as ``..._I002.slp.fits`` or ``....red_I002.fits``.

    Returns
    -------
    exposure : str
        What the files of one exposure share: all that stands before the number.
    number : int or None
        None where the name holds no number from 1; the whole name then comes first.

    Examples
    --------
    >>> from nircam_tso.io.headers import split_name
    >>> split_name("NRCN821CLRSUB1_481_SE_2016-01-12T18h00m43_I1002.slp.fits")
    ('NRCN821CLRSUB1_481_SE_2016-01-12T18h00m43', 1002)
    """
    found = list(_INTEGRATION.finditer(name))
    if not found or int(found[-1][1]) < 1:
        return name, None
    return name[: found[-1].start()], int(found[-1][1])


def integration_in_name(*names):
    """
    The integration's number in the first of some names that has one.

    Parameters
    ----------
    *names : str
        File names, see `split_name`.

    Returns
    -------
    int or None

    Examples
    --------
    >>> from nircam_tso.io.headers import integration_in_name
    >>> integration_in_name("image.fits", "x.red_I002.fits")
    2
    """
    return next((number for _, number in map(split_name, names) if number is not None), None)


def split_mjd(value):
    """
    A modified Julian date out of a card, for putting files in order.

    Parameters
    ----------
    value : object
        The card's value.

    Returns
    -------
    tuple of (int, float) or None
        Day number and seconds within it; None for what is no date.

    Examples
    --------
    >>> from nircam_tso.io.headers import split_mjd
    >>> split_mjd(57399.5), split_mjd("soon")
    ((57399, 43200.0), None)
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -1e7 < value < 1e7:
        return None
    day, rest = divmod(value, 1)
    return int(day), float(rest) * 86400


def start_time(hdu):
    """
    When an image begins, for putting files in order; times proper are another module's.

    Parameters
    ----------
    hdu : Hdu
        Anything with ``get(keyword)``, such as a `~astropy.io.fits.Header`.

    Returns
    -------
    tuple of (int, float) or None
        Modified Julian day number and seconds within it, from DATE-OBS (with TIME-OBS
        where DATE-OBS holds the day only) or MJD-OBS. None without a valid one.

    Examples
    --------
    >>> from nircam_tso.io.headers import start_time
    >>> start_time({"DATE-OBS": "2016-01-12", "TIME-OBS": "18:00:43.5"})
    (57399, 64843.5)
    """
    for card, clock_card in (("DATE-OBS", "TIME-OBS"), ("DATE-BEG", "")):
        moment = _moment(hdu.get(card), hdu.get(clock_card))
        if moment is not None:
            return moment
    for card in ("MJD-OBS", "MJD-BEG", "EXPSTART"):
        moment = split_mjd(hdu.get(card))
        if moment is not None:
            return moment
    return None if isinstance(hdu.get("TIME-OBS"), str) else _moment(hdu.get("DATE-OBS"), "00:00:00")


def _moment(date, clock):
    """Day number and seconds of UTC, None where there is no date or no time of day."""
    match = _DATE.match(date.strip()) if isinstance(date, str) else None
    clock = (match.group(4) or clock) if match else None
    clock = _CLOCK.match(clock.strip()) if isinstance(clock, str) else None
    try:
        day = datetime.date(*map(int, match.group(1, 2, 3))) if clock else None
    except ValueError:
        day = None
    if day is None:
        return None
    hours, minutes, seconds, sign, ahead, more = clock.groups()
    total = 3600.0 * int(hours) + 60 * int(minutes) + float(seconds or 0)
    if sign is None:
        return day.toordinal() - _ORDINAL_OF_MJD_0, total
    total += (-1 if sign == "+" else 1) * (3600.0 * int(ahead) + 60 * int(more or 0))
    days, total = divmod(total, 86400)
    return day.toordinal() - _ORDINAL_OF_MJD_0 + int(days), total
