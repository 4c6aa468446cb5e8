"""Times from DATE-OBS and its kin: starts, ends, and exposures divided evenly."""

import re

import erfa
from astropy.time import Time

from nircam_tso.exceptions import TimeMetadataError
from nircam_tso.julian import gregorian_to_jd, jd_to_gregorian, parse_iso
from nircam_tso.timing.cards import describe, number, text
from nircam_tso.timing.clock import DAY, MJD_ZERO, Moment, mjd_to_tai, offline, time_to_tai, utc_to_tai

__all__ = ["agrees_with_length", "date_and_time", "end_of_exposure", "mjd_card", "start_of_exposure", "zone_text"]

_CLOCK = re.compile(r"(\d{2}:\d{2}(?::\d{2}(?:\.\d*)?)?)\s*(Z|z|\(?UTC?\)?|[+-]\d{2}:?(?:\d{2})?)?", re.ASCII)
_HALF_DAY = DAY / 2
# FITS standard 4.0, table 30; UT1 stays within a second of UTC.
_SCALES = {
    **dict.fromkeys(("UTC", "UT", "UT1", "GMT", "Z"), "utc"),
    **dict.fromkeys(("TT", "TDT", "ET"), "tt"),
    **dict.fromkeys(("TAI", "IAT"), "tai"),
    "GPS": "gps",
    "TDB": "tdb",
    "TCG": "tcg",
    "TCB": "tcb",
}


def date_and_time(header, date_card, time_card=None):
    """
    The moment that a date card, or a date card and a time card, stand for.

    A time of day within the date card has precedence. The time scale is that of
    TIMESYS, UTC without it; a ``Z`` or an offset such as ``-0700`` makes it UTC.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
    date_card : str
        Card with ``YYYY-MM-DD`` or ``YYYY-MM-DDThh:mm:ss.sss``.
    time_card : str, optional
        Card with ``hh:mm:ss.sss``.

    Returns
    -------
    Moment or None
        None where a card is missing or empty, or no card holds a time of day.

    Raises
    ------
    TimeMetadataError
        For a card that is not a date or time, or a date that does not exist, with the
        card's name and value.
    """
    date = text(header, date_card)
    if date is None:
        return None
    try:
        _, has_time, _ = parse_iso(date)
    except ValueError as error:
        raise TimeMetadataError(f"{date_card}: {error}") from None
    if not has_time:
        clock = time_card and text(header, time_card)
        if not clock:
            return None
        match = _CLOCK.fullmatch(clock)
        if match is None:
            raise TimeMetadataError(f"{time_card}: {clock!r} is not a time of the form hh:mm:ss.sss")
        # A zone after the date alone is the old way to say UTC; the clock's own tells more.
        date = f"{date[:10]}T{match[1]}{match[2] or date[10:].strip()}"
    try:
        return _moment_of(date, text(header, "TIMESYS"))
    except ValueError as error:
        cards = date_card if has_time else f"{date_card}, {time_card}"
        raise TimeMetadataError(f"{cards}: {error}") from None


def mjd_card(header, *keys):
    """
    The moment that a card with a Modified Julian Date stands for.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
    *keys : str
        Cards, the first of which that has a value counts. TIMESYS is heeded.

    Returns
    -------
    Moment or None

    Raises
    ------
    TimeMetadataError
        If the value is no number, or no date since 1858.
    """
    mjd = number(header, *keys)
    if mjd is None:
        return None
    if not 0 < mjd < 200000:
        raise TimeMetadataError(f"{describe(header, *keys)} is not a Modified Julian Date")
    scale = _scale(text(header, "TIMESYS"))
    if scale == "utc":
        return Moment(*map(float, mjd_to_tai(mjd)))
    return _from_scale(MJD_ZERO, mjd, scale)


def start_of_exposure(header):
    """
    When an exposure began, out of DATE-OBS and TIME-OBS, else DATE-BEG.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`

    Returns
    -------
    Moment or None
    label : str
        The cards it comes from.

    Raises
    ------
    TimeMetadataError
        As `date_and_time`.
    """
    moment = date_and_time(header, "DATE-OBS", "TIME-OBS")
    if moment is not None:
        return moment, "DATE-OBS" if _has_time(header, "DATE-OBS") else "DATE-OBS, TIME-OBS"
    return date_and_time(header, "DATE-BEG"), "DATE-BEG"


def end_of_exposure(header, start, lengths=()):
    """
    When an exposure ended, out of DATE-END and TIME-END.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
    start : Moment
        Its start.
    lengths : sequence of float, optional
        What other cards say of the exposure's length, in seconds.

    Returns
    -------
    Moment or None
        None if the header tells no end.
    label : str
        The cards it comes from.
    midnight : bool
        True if TIME-END is earlier than TIME-OBS, no DATE-END tells the day, and a day
        has been added.

    Raises
    ------
    TimeMetadataError
        If the end is not after the start.
    """
    # An offset in DATE-OBS counts for an end without one, too.
    zone = _zone(header)
    end = date_and_time(_with_zone(header, zone), "DATE-END", "TIME-END")
    if end is not None:
        label = "DATE-END" if _has_time(header, "DATE-END") else "DATE-END, TIME-END"
        if end.since(start) <= 0:
            raise TimeMetadataError(
                f"the exposure ends at or before its start: "
                f"{describe(header, 'DATE-OBS', 'TIME-OBS', 'DATE-END', 'TIME-END')}"
            )
        return end, label, False
    clock = text(header, "TIME-END")
    card = "DATE-OBS" if text(header, "DATE-OBS") else "DATE-BEG"
    date = text(header, card)
    if clock is None or date is None:
        return None, "", False
    # The day is DATE-OBS's own, not that of the start in UTC.
    match = _CLOCK.fullmatch(clock)
    if match and not match[2]:
        clock += zone
    cards = {card: date[:10], "TIME-END": clock, "TIMESYS": text(header, "TIMESYS")}
    end = date_and_time(cards, card, "TIME-END")
    span = end.since(start)
    if span > 0:
        return end, "TIME-END", False
    shown = describe(header, card, "TIME-OBS", "TIME-END")
    if span == 0:
        raise TimeMetadataError(f"the exposure ends when it starts: {shown}")
    next_day = jd_to_gregorian(gregorian_to_jd(date[:10]) + 1).isoformat()[:10]
    end = date_and_time({**cards, card: next_day}, card, "TIME-END")
    span = end.since(start)
    if not agrees_with_length(span, lengths):
        known = f" and the exposure took {max(lengths):.6g} s" if lengths else ""
        raise TimeMetadataError(
            f"the exposure ends before it starts: {shown}; past midnight it would have taken {span:.6g} s{known}"
        )
    return end, "TIME-END", True


def agrees_with_length(span, lengths):
    """
    Whether a span may be that of an exposure of known length.

    Parameters
    ----------
    span : float
        Seconds from the first to the last time stamp.
    lengths : sequence of float
        Lengths according to other cards, in seconds.

    Returns
    -------
    bool
        True if one of the lengths fills the span but for overheads; without any
        lengths, whether the span is below half a day.

    Examples
    --------
    >>> from nircam_tso.timing.header_dates import agrees_with_length
    >>> agrees_with_length(1400.0, [1374.3]), agrees_with_length(86399.0, [1374.3]), agrees_with_length(86399.0, [])
    (True, False, False)
    """
    if not lengths:
        return span <= _HALF_DAY
    # Overheads of half a day and more are none: the end lies before the start instead.
    most = 2.5 if span <= _HALF_DAY else 1.1
    return any(0.9 * length - 1.0 <= span <= most * length + 60.0 for length in lengths)


def _zone(header):
    """The offset from UTC of the start's own clock as text, empty where no card tells one."""
    date, clock = text(header, "DATE-OBS") or text(header, "DATE-BEG"), text(header, "TIME-OBS")
    _, has_time, offset = parse_iso(date) if date else (None, False, None)
    match = _CLOCK.fullmatch(clock) if clock and not has_time else None
    if match and match[2]:
        offset = parse_iso(f"2000-01-01T{match[1]}{match[2]}")[2]
    return zone_text(offset)


def zone_text(offset):
    """
    An offset from UTC as ISO 8601 has it.

    Parameters
    ----------
    offset : int or None
        Minutes by which the clock is ahead of UTC.

    Returns
    -------
    str
        Empty for None.

    Examples
    --------
    >>> from nircam_tso.timing.header_dates import zone_text
    >>> zone_text(-420), zone_text(None)
    ('-07:00', '')
    """
    if offset is None:
        return ""
    return f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02d}:{abs(offset) % 60:02d}"


def _with_zone(header, zone):
    """DATE-END and TIME-END, with a zone where they have none."""
    date, clock = text(header, "DATE-END"), text(header, "TIME-END")
    cards = {"DATE-END": date, "TIME-END": clock, "TIMESYS": text(header, "TIMESYS")}
    try:
        _, has_time, offset = parse_iso(date) if date else (None, False, None)
    except ValueError:
        return cards
    match = _CLOCK.fullmatch(clock) if clock else None
    if date and has_time and offset is None:
        cards["DATE-END"] = date + zone
    elif date and offset is None and match and not match[2]:
        cards["TIME-END"] = clock + zone
    return cards


def _has_time(header, card):
    return parse_iso(text(header, card))[1]


def _moment_of(date, system):
    """ISO text with a time of day, known to be of the right form, into a `Moment`."""
    fields, _, offset = parse_iso(date)
    if offset:
        # Leap seconds end days of UTC; a clock with an offset has them at another hour.
        day, fraction = gregorian_to_jd(date, two_part=True)
        # The seconds are the same in UTC; a leap second's would be carried away.
        fields = (*jd_to_gregorian(day, fraction - fields.second / DAY, decimals=0)[:5], fields.second)
    else:
        gregorian_to_jd(*fields)
    scale = "utc" if offset is not None else _scale(system)
    if scale != "utc":
        day, fraction = gregorian_to_jd(*fields, two_part=True)
        return _from_scale(day, fraction, scale)
    with offline():
        return Moment(*map(float, utc_to_tai(*erfa.dtf2d("UTC", *fields))))


def _scale(system):
    # A realisation may follow, as in TT(TAI) or UTC(NIST).
    name = (system or "UTC").upper().split("(")[0].strip()
    if name not in _SCALES:
        raise TimeMetadataError(f"TIMESYS = {system!r} is no time scale that can be turned into UTC")
    return _SCALES[name]


def _from_scale(jd1, jd2, scale):
    with offline():
        moment = Moment(*map(float, time_to_tai(Time(jd1, jd2, format="jd", scale=scale.replace("gps", "tai")))))
    return Moment(moment.day, moment.seconds + 19.0) if scale == "gps" else moment
