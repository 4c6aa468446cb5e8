"""Times of JWST exposures: INT_TIMES, then the readout keywords, then the exposure's dates."""

from dataclasses import dataclass

import numpy as np

from nircam_tso.exceptions import TimeMetadataError
from nircam_tso.quality import QualityFlag
from nircam_tso.timing.agreement import DISAGREE, Begin, beginnings, clock_contradictions, contradictions
from nircam_tso.timing.cards import describe, text, whole
from nircam_tso.timing.clock import DAY, Moment
from nircam_tso.timing.header_dates import date_and_time, end_of_exposure, mjd_card
from nircam_tso.timing.int_times import Expected, first_day, join_int_times
from nircam_tso.timing.readout import ROW_RESET_LIMIT, Readout
from nircam_tso.timing.rows import LEAST_ACCURACY, misfit
from nircam_tso.timing.shares import fill_from_dates

__all__ = ["fill_jwst", "is_jwst"]

_START_CARDS = ("EXPSTART", "DATE-OBS", "TIME-OBS", "DATE-BEG", "MJD-BEG")
_READOUT_CARDS = ("NINTS", "NGROUPS", "NFRAMES", "GROUPGAP", "DRPFRMS1", "DRPFRMS3", "NRESETS", "NRSTSTRT", "TFRAME")


@dataclass
class _Cards:
    """What one segment's header says."""

    readout: Readout | None = None
    begin: Moment | None = None
    starts: tuple = ()  # by every card that tells one
    length: float | None = None  # of the exposure, in s
    contradictions: tuple = ()
    error: TimeMetadataError | None = None


def is_jwst(segment):
    """
    Whether a segment's times follow the rules of JWST's headers.

    Parameters
    ----------
    segment : Segment

    Returns
    -------
    bool
        True for products of JWST, and for arrays handed over with such a header.
    """
    if segment.kind.startswith("ncdhas"):
        return False
    return segment.kind.startswith("jwst") or str(segment.cards.get("TELESCOP", "")).strip() == "JWST"


def fill_jwst(rows, exposure, members, row_reset_time):
    """
    Fill the rows of one exposure of JWST.

    Parameters
    ----------
    rows : RowTimes
        To be filled.
    exposure : Exposure
    members : sequence of int
        Indices of the segments, all of the same exposure number.
    row_reset_time : float
        Seconds that resetting rows adds to each integration.
    """
    segments = [exposure.segments[index] for index in members]
    why = misfit(segments, ("array", "image"))
    if why is not None:
        rows.note(f"{why}: times masked")
        return
    at = np.flatnonzero(np.isin(exposure.source, members))
    local = np.searchsorted(members, exposure.source[at])
    first, last = _integrations(exposure, segments, at, local)
    cards = []
    for i, segment in enumerate(segments):
        cards.append(_read(rows, segment, int(last[local == i].max()), row_reset_time))
    day = _first_day(segments, cards)
    if day is not None:
        # The best cards first: those that contradict each other still tell how long an integration takes.
        best = min(cards, key=lambda own: (own.readout is None, own.begin is None, bool(own.contradictions)))
        expected = _expected(best, day, row_reset_time)
        _from_table(rows, segments, at, local, first, last, day, expected, cards, row_reset_time)
    unknown = np.isnan(rows.middle[at])
    for i, (segment, own) in enumerate(zip(segments, cards, strict=True)):
        todo = unknown & (local == i)
        if not todo.any():
            rows.note(*own.contradictions)
        elif own.error is not None:
            rows.errors.append(own.error)
        elif own.contradictions:
            rows.note(*(f"{why}: times masked" for why in own.contradictions))
        elif own.begin is not None and own.readout is not None:
            _from_readout(rows, at[todo], first[todo], last[todo], own, row_reset_time)
        elif (first[todo] == last[todo]).all():
            fill_from_dates(rows, exposure, [members[i]])
        else:
            rows.note(f"{segment.name}: an average of several integrations, and no readout keywords: times masked")


def _integrations(exposure, segments, at, local):
    """First and last integration that each row is made of."""
    first = exposure.integration[at].astype(np.int64)
    last = first.copy()
    for i, segment in enumerate(segments):
        if segment.kind in ("jwst-rate", "jwst-cal"):
            try:
                begin = whole(segment.cards, "INTSTART") or 1
                count = whole(segment.cards, "NINTS") or 1
                end = whole(segment.cards, "INTEND") or begin + count - 1
            except TimeMetadataError:
                continue
            first[local == i], last[local == i] = begin, max(begin, end)
    return first, last


def _read(rows, segment, last, row_reset_time):
    header = segment.cards
    try:
        readout = Readout.from_header(header)
        begin = mjd_card(header, "EXPSTART")
    except TimeMetadataError as error:
        return _Cards(error=TimeMetadataError(str(error), path=segment.path or segment.name))
    finish = None
    try:
        finish = mjd_card(header, "EXPEND")
    except TimeMetadataError as error:
        rows.note(f"{segment.name}: {error}: the exposure's length is not checked")
    if readout is not None:
        rows.note(*readout.oddities(header))
    # Not MJD-OBS: software that handles coordinates on the sky adds it, from DATE-OBS without its time.
    found, errors = beginnings(header, ("MJD-BEG",))
    rows.note(*(f"{segment.name}: {error}: not compared with EXPSTART" for error in errors))
    if begin is not None:
        found.insert(0, Begin(begin, "EXPSTART"))
    against = clock_contradictions(header) + (contradictions(header, found[0], found[1:]) if found else [])
    against += _compare_day(header, found)
    if readout is not None and readout.nints is not None:
        if last > readout.nints:
            shown = describe(header, "INTSTART", "INTEND", "NINTS")
            against.append(f"{shown} contradict each other: integration {last} lies beyond the last")
        if begin is not None and finish is not None:
            against += _compare_span(rows, header, readout, finish.since(begin), row_reset_time)
    if begin is None and found and readout is not None:
        other = found[0].moment
        begin = other if _ends_as_due(header, readout, other, finish, row_reset_time) else None
    length = None if begin is None or finish is None else finish.since(begin)
    if readout is not None and readout.nints is not None:
        length = readout.span(row_reset_time)
    return _Cards(readout, begin, tuple(one.moment for one in found), length, tuple(against))


def _compare_day(header, found):
    """The start against a DATE-OBS without any time of day."""
    date = text(header, "DATE-OBS")
    if date is None or not found or any(one.label.startswith("DATE-OBS") for one in found):
        return []
    try:
        midnight = date_and_time({"DATE-OBS": f"{date[:10]}T00:00:00"}, "DATE-OBS")
    except TimeMetadataError:
        return []
    if -DISAGREE <= found[0].moment.since(midnight) <= DAY + 2 * DISAGREE:
        return []
    return [f"{describe(header, found[0].label, 'DATE-OBS')} contradict each other: that is another day"]


def _ends_as_due(header, readout, begin, finish, row_reset_time):
    """Whether the readout keywords count from a beginning other than EXPSTART: the end is due then, or untold."""
    try:
        finish = finish or end_of_exposure(header, begin)[0]
    except TimeMetadataError:
        return False
    if finish is None or readout.nints is None:
        return finish is None
    return _is_due(readout, finish.since(begin) - readout.span(row_reset_time))


def _is_due(readout, excess):
    return -readout.tframe * 1.0001 <= excess <= readout.tframe * 1.0001 + readout.nints * ROW_RESET_LIMIT


def _compare_span(rows, header, readout, span, row_reset_time):
    excess = span - readout.span(row_reset_time)
    if _is_due(readout, excess):
        if readout.nints > 1 and excess > 0.01:
            per_integration = excess / (readout.nints - 1)
            rows.note(
                f"EXPEND is {excess:.3f} s later than the readout keywords make it, as if resetting rows took "
                f"{per_integration:.6f} s more per integration (row_reset_time)"
            )
        return []
    cards = describe(header, "EXPSTART", "EXPEND", *_READOUT_CARDS)
    return [f"{cards} contradict each other: {span:.3f} s against {readout.span(row_reset_time):.3f} s of readout"]


def _first_day(segments, cards):
    for own in cards:
        if own.begin is not None:
            return own.begin.day
    days = (first_day(segment.int_times) for segment in segments)
    return next((day for day in days if day is not None), None)


def _expected(own, day, row_reset_time):
    """Middle of integration 1, and the cadence, by the readout keywords."""
    readout = own.readout
    if readout is None:
        return None
    middle = np.nan
    if own.begin is not None and not own.contradictions:
        middle = own.begin.since(Moment(day, 0.0)) + readout.start_of(1) + 0.5 * readout.integration_time
    # TFRAME has a few digits, and so has an MJD.
    rounding = 1e-3 + 1e-5 * readout.cadence
    most = readout.cadence + max(ROW_RESET_LIMIT, row_reset_time) + rounding
    return Expected(middle, readout.cadence + row_reset_time, readout.cadence - rounding, most, readout.nints)


def _from_table(rows, segments, at, local, first, last, day, expected, cards, row_reset_time):
    tables = [(segment.name, segment.int_times) for segment in segments]
    ranges = [(int(first[local == i].min()), int(last[local == i].max())) for i in range(len(segments))]
    joined = join_int_times(tables, ranges, local, first, day, expected)
    rows.note(*joined.notes)
    header = segments[0].cards
    why = _far_off(segments, joined, first, day, cards, row_reset_time)
    if why is not None or joined.contradiction:
        shown = describe(header, *(card for card in _READOUT_CARDS if card in header))
        for own in cards:
            own.contradictions += (why or f"{joined.contradiction}, and {shown} contradict each other",)
    if why is not None:
        return
    table, cadence = joined.in_table, joined.by_cadence
    start, middle, end = joined.start, joined.middle, joined.end
    several = first != last
    if several.any():
        other = join_int_times(tables, ranges, local, last, day, expected)
        end = np.where(several, other.end, end)
        middle = np.where(several, 0.5 * (start + end), middle)
        joined.bjd[several] = np.nan
        both = np.isfinite(middle)
        table, cadence = table & other.in_table & both, (cadence | other.by_cadence) & both
    gap = _compare_with_expstart(rows, joined, first, expected)
    rows.table_bjd[at[table]] = joined.bjd[table]
    single = next((c.readout for c in cards if c.readout is not None), None)
    for chosen, label, flags in (
        (table, "INT_TIMES", QualityFlag(0)),
        (cadence, "cadence of INT_TIMES", QualityFlag.TIME_FROM_HEADER),
    ):
        lengths = 0.5 * (single.integration_time if single is not None else np.nan)
        begin = np.where(np.isfinite(start), start, middle - lengths)[chosen]
        accuracy = max(LEAST_ACCURACY, gap)
        if chosen is cadence:
            accuracy = joined.extrapolation
            if np.isnan(accuracy) and single is not None:
                # One row or two: whatever cadence the keywords allow.
                accuracy = 0.5 * single.tframe + ROW_RESET_LIMIT * max(joined.reach, len(at))
        rows.put(
            at[chosen],
            day,
            start[chosen],
            middle[chosen],
            end[chosen],
            label=label,
            accuracy=accuracy,
            begin=begin,
            flags=flags,
        )


def _far_off(segments, joined, first, day, cards, row_reset_time):
    """Why INT_TIMES cannot be of this exposure: it lies farther from its start than the exposure is long."""
    index = next((i for i, own in enumerate(cards) if own.starts and own.length is not None), None)
    if index is None or not joined.in_table.any():
        return None
    own, header = cards[index], segments[index].cards
    row = np.flatnonzero(joined.in_table)[0]
    number = int(first[row])
    due = 0.5 * own.length
    if own.readout is not None:
        due = own.readout.start_of(number, row_reset_time) + 0.5 * own.readout.integration_time
    gaps = [joined.middle[row] - (start.since(Moment(day, 0.0)) + due) for start in own.starts]
    gap = min(gaps, key=abs)
    if abs(gap) <= max(own.length, DISAGREE) + ROW_RESET_LIMIT * number:
        return None
    return (
        f"INT_TIMES and {describe(header, *(card for card in _START_CARDS if card in header))} contradict each other: "
        f"integration {number} comes {gap:.3f} s after it is due, in an exposure of {own.length:.3f} s"
    )


def _compare_with_expstart(rows, joined, first, expected):
    """Seconds by which INT_TIMES and EXPSTART with the readout keywords contradict each other, which is noted."""
    if expected is None or not joined.in_table.any():
        return 0.0
    row = int(np.flatnonzero(joined.in_table)[0])
    gap = joined.middle[row] - (expected.middle + expected.cadence * (first[row] - 1))
    if abs(gap) > DISAGREE + ROW_RESET_LIMIT * first[row]:
        rows.note(f"INT_TIMES has integration {first[row]} {gap:.3f} s after EXPSTART and the readout keywords")
        return abs(gap)
    return 0.0


def _from_readout(rows, at, first, last, own, row_reset_time):
    readout = own.readout
    start = own.begin.seconds + readout.start_of(first.astype(np.float64), row_reset_time)
    end = own.begin.seconds + readout.start_of(last.astype(np.float64), row_reset_time) + readout.integration_time
    count = readout.nints or int(last.max())
    # Resets of rows that no keyword tells add up, unless the user has told them.
    drift = 0.0 if row_reset_time else count * ROW_RESET_LIMIT
    rows.put(
        at,
        own.begin.day,
        start,
        0.5 * (start + end),
        end,
        label="readout keywords",
        accuracy=0.5 * readout.tframe + drift,
    )
