"""Cards that tell the same thing twice: when an exposure began, and how long it took."""

from typing import NamedTuple

from nircam_tso.exceptions import TimeMetadataError
from nircam_tso.julian import parse_iso
from nircam_tso.timing.cards import describe, number, text
from nircam_tso.timing.clock import DAY, Moment
from nircam_tso.timing.header_dates import date_and_time, mjd_card, start_of_exposure, zone_text

__all__ = ["DISAGREE", "Begin", "beginnings", "clock_contradictions", "contradictions", "differs_from_length"]

#: Seconds by which two cards about the same moment may differ.
DISAGREE = 1.0

_DATES = (("DATE-OBS", "TIME-OBS"), ("DATE-END", "TIME-END"))


class Begin(NamedTuple):
    """
    A beginning of the exposure by one card, or by a date and its time.

    Attributes
    ----------
    moment : Moment
    label : str
        The cards.
    rounding : float
        Seconds that the last decimal of an MJD stands for, where it has but a few.
    """

    moment: Moment
    label: str
    rounding: float = 0.0

    def apart(self, other):
        """
        Seconds from another beginning to this one, 0 where they agree.

        Parameters
        ----------
        other : Begin

        Returns
        -------
        float
        """
        seconds = self.moment.since(other.moment)
        return seconds if abs(seconds) > DISAGREE + max(self.rounding, other.rounding) else 0.0


def beginnings(header, mjd_cards):
    """
    Every card that tells when the exposure began.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
    mjd_cards : sequence of str
        Those of the cards with a Modified Julian Date that count.

    Returns
    -------
    found : list of Begin
        DATE-OBS with TIME-OBS first, then DATE-BEG, then ``mjd_cards`` in their order.
    errors : list of TimeMetadataError
        Of cards that cannot be read.

    Examples
    --------
    >>> from astropy.io import fits
    >>> from nircam_tso.timing.agreement import beginnings
    >>> header = fits.Header({"DATE-OBS": "2020-02-20T06:00:00", "MJD-OBS": 58899.2501})
    >>> found, errors = beginnings(header, ["MJD-OBS", "MJD-BEG"])
    >>> [(begin.label, begin.rounding) for begin in found], errors
    ([('DATE-OBS', 0.0), ('MJD-OBS', 8.64)], [])
    """
    found, errors = [], []
    readers = [
        lambda: start_of_exposure({key: header.get(key) for key in ("DATE-OBS", "TIME-OBS", "TIMESYS")}),
        lambda: (date_and_time(header, "DATE-BEG"), "DATE-BEG"),
        *(lambda card=card: (mjd_card(header, card), card, _resolution(text(header, card))) for card in mjd_cards),
    ]
    for read in readers:
        try:
            moment, *rest = read()
        except TimeMetadataError as error:
            errors.append(error)
            continue
        if moment is not None:
            found.append(Begin(moment, *rest))
    return found, errors


def _resolution(mjd):
    decimals = len((mjd or "").partition(".")[2])
    # A date that is round by itself has still fewer.
    return DAY * 10.0**-decimals if decimals >= 4 else 0.0


def contradictions(header, reference, others):
    """
    What beginnings say against one of them.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
    reference : Begin
    others : sequence of Begin

    Returns
    -------
    list of str
        One for each that lies elsewhere, naming the cards.
    """
    found = []
    for other in others:
        apart = other.apart(reference)
        if other.label != reference.label and apart:
            cards = describe(header, *reference.label.split(", "), *other.label.split(", "))
            found.append(f"{cards} contradict each other by {abs(apart):.3f} s")
    return found


def clock_contradictions(header):
    """
    A time of day within a date against that of the time card beside it.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`

    Returns
    -------
    list of str
        Naming the cards; a time card that cannot be read contradicts nothing.

    Examples
    --------
    >>> from astropy.io import fits
    >>> from nircam_tso.timing.agreement import clock_contradictions
    >>> clock_contradictions(fits.Header({"DATE-OBS": "2016-01-12T11:00:43-0700", "TIME-OBS": "18:00:43"}))
    []
    """
    found = []
    for card, clock_card in _DATES:
        date, clock = text(header, card), text(header, clock_card)
        try:
            if date is None or clock is None or not parse_iso(date)[1]:
                continue
            moment, system = date_and_time(header, card), text(header, "TIMESYS")
            # A clock without a zone may be the date's own or UTC.
            days = {date[:10] + zone_text(parse_iso(date)[2]), date[:10]}
            others = [
                date_and_time({card: day, clock_card: clock, "TIMESYS": system}, card, clock_card) for day in days
            ]
        except ValueError:
            continue
        # The clock's day may be that of another zone; seconds need not be written.
        apart = min(abs((other.since(moment) + DAY / 2) % DAY - DAY / 2) for other in others)
        if apart > DISAGREE + (60.0 if clock.count(":") == 1 else 0.0):
            found.append(f"{describe(header, card, clock_card)} contradict each other by {apart:.3f} s")
    return found


def differs_from_length(header, span, count, shared, expected=None):
    """
    What a header says against the span that it gives an exposure.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
    span : float
        Seconds from start to end.
    count : int
        Integrations within.
    shared : bool
        Whether files of one integration each share the span: their cards may be about
        one integration alone.
    expected : float or None
        EXPEND less EXPSTART in seconds, as far as known.

    Returns
    -------
    cards : tuple of str
        Those that contradict the span by over 60 s and a tenth; empty if none does.
    length : float
        What they make it, in seconds.

    Raises
    ------
    TimeMetadataError
        For a card that is no number.
    """
    duration, collected = number(header, "DURATION"), number(header, "EFFEXPTM")
    # JWST's DURATION may leave out resets: it is no span where it is that of collecting light.
    plain = duration is not None and duration > 0 and duration != collected
    for cards, length in ((("DURATION",), duration if plain else None), (("EXPSTART", "EXPEND"), expected)):
        if length is None or abs(length - span) <= max(60.0, 0.1 * span):
            continue
        if not (shared and abs(length - span / count) <= 1.0 + 0.1 * span / count):
            return cards, length
    one = number(header, "EFFINTTM")
    # An integration may be followed by several times as many resets and dropped frames, but not by days.
    if not plain and one is not None and one > 0 and span > 10.0 * one * count + 60.0:
        return ("NINTS", "EFFINTTM"), one * count
    return (), span
