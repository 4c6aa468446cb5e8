"""Times of exposures whose headers tell no readout: even shares of a span, or a start and a length."""

import numpy as np

from nircam_tso.exceptions import TimeMetadataError
from nircam_tso.io.headers import integration_in_name
from nircam_tso.quality import QualityFlag
from nircam_tso.timing.agreement import Begin, beginnings, clock_contradictions, contradictions, differs_from_length
from nircam_tso.timing.cards import describe, number, text, whole
from nircam_tso.timing.header_dates import end_of_exposure, mjd_card, start_of_exposure
from nircam_tso.timing.rows import collecting_time, misfit, readout_of

__all__ = ["fill_from_dates"]

_DATE_CARDS = ("DATE-OBS", "TIME-OBS", "DATE-BEG", "DATE-END", "TIME-END")
_MJD_CARDS = ("MJD-OBS", "MJD-BEG", "EXPSTART")


def fill_from_dates(rows, exposure, members):
    """
    Fill rows from DATE-OBS, TIME-OBS, TIME-END and their kin.

    Segments whose cards are the same belong to one exposure; it is divided evenly
    among its integrations, the k-th of N lying at start + (k - 1/2) span / N. Without
    an end, a single image lies at DATE-OBS (or MJD-OBS) + EXPTIME/2.

    Parameters
    ----------
    rows : RowTimes
        To be filled.
    exposure : Exposure
    members : sequence of int
        Indices of the segments.
    """
    groups = {}
    for index in members:
        segment = exposure.segments[index]
        key = (segment.exposure_number, *(text(segment.cards, card) for card in _DATE_CARDS))
        # Without dates, files have nothing to share.
        groups.setdefault(key if any(key[1:]) else index, []).append(index)
    stops = np.cumsum([segment.n_integrations for segment in exposure.segments])
    for group in groups.values():
        segments = [exposure.segments[index] for index in group]
        at = [np.arange(stops[i] - exposure.segments[i].n_integrations, stops[i]) for i in group]
        why = misfit(segments)
        if why is not None:
            rows.note(f"{why}: times masked")
            continue
        try:
            if not _divide(rows, segments, at, exposure.integration):
                numbers = _numbers(rows, segments, at, exposure.integration)
                promised = whole(segments[0].cards, "NINTS") or 1
                several = max(promised, len(segments), 1 if numbers is None else int(numbers.max())) > 1
                if several and not segments[0].kind.startswith(("image", "array")):
                    cards = describe(segments[0].cards, "DATE-OBS", "TIME-OBS", "NINTS")
                    rows.note(f"{cards}: the start of an exposure of several integrations, and no end: times masked")
                    continue
                for segment, own in zip(segments, at, strict=True):
                    _start_and_length(rows, segment, own)
        except TimeMetadataError as error:
            rows.errors.append(TimeMetadataError(str(error), path=segments[0].path or segments[0].name))


def _divide(rows, segments, at, integration):
    """Even shares of the span from start to end; False if the header tells no such span."""
    segment = segments[0]
    header = segment.cards
    if not any(text(header, card) for card in ("DATE-END", "TIME-END", "EXPEND")):
        return False
    numbers = _numbers(rows, segments, at, integration)
    files = sum(len(own) for own in at)
    promised = whole(header, "NINTS") or 1
    if len(segments) == 1 and segment.kind.startswith("image") and _on_nint(rows, segment) is None:
        # A plain image that has no number is no part of anything.
        promised = files
    count = max(promised, files, 0 if numbers is None else int(numbers.max()))
    readout = readout_of(segment)
    start, label = start_of_exposure(header)
    end = midnight = None
    if start is not None:
        end, end_label, midnight = end_of_exposure(header, start, _lengths(rows, segment, readout, count))
    if start is None or end is None:
        end = _checked(rows, segment, "EXPEND")
        if end is None:
            return False
        start, label, end_label = mjd_card(header, "EXPSTART"), "EXPSTART", "EXPEND"
        if start is None:
            return False
    span = end.since(start)
    if span <= 0:
        raise TimeMetadataError(f"the exposure ends at or before its start: {describe(header, label, end_label)}")
    every = np.concatenate(at)
    if numbers is None:
        several = f"{len(segments)} files share" if len(segments) > 1 else f"{segment.name} is one of {promised} with"
        rows.note(
            f"{several} {describe(header, 'DATE-OBS', 'TIME-OBS', 'TIME-END')}, but neither ON_NINT nor _I### in a "
            "name tells the order: times masked"
        )
        return True
    if len(segments) > 1 or count > promised:
        if "NINTS" in header and count != promised:
            rows.note(
                f"NINTS = {promised}, but {files} integrations up to number {int(numbers.max())} share "
                f"{describe(header, *_DATE_CARDS)}: divided by {count}"
            )
    if not all(_agrees(rows, one, start, label, span) for one in segments):
        return True
    shown = (*label.split(", "), *end_label.split(", "))
    if not _has_length(rows, segment, span, count, len(segments) > 1 or segment.kind.startswith("ncdhas"), shown):
        return True
    share = span / count
    length = readout.integration_time if readout is not None else collecting_time(segment, "slope", (0, 0))
    # TFRAME is rounded, so that the reads may seem to take a little more than there is.
    if readout is not None and length * count > 1.001 * span + readout.tframe:
        cards = describe(header, *shown, "NINTS", "NGROUPS", "NFRAMES", "GROUPGAP", "TFRAME")
        rows.note(
            f"{cards} contradict each other: {count} integrations of {length:.6g} s do not fit into {span:.6g} s: "
            "times masked"
        )
        return True
    length = length if 0 < length <= 1.001 * share else 0.0
    middle = start.seconds + (numbers - 0.5) * share
    flags = QualityFlag.TIME_FROM_HEADER | (QualityFlag.MIDNIGHT_ROLLOVER if midnight else QualityFlag(0))
    rows.put(
        every,
        start.day,
        middle - 0.5 * share,
        middle,
        middle + 0.5 * share,
        label=f"{label}, {end_label}",
        accuracy=0.5 * abs(share - length),
        begin=middle - 0.5 * (length or share),
        flags=flags,
    )
    return True


def _on_nint(rows, segment):
    """ON_NINT where it is a number from 1, else None, as for the readers."""
    value = number(segment.cards, "ON_NINT")
    if value is None or value >= 1:
        return whole(segment.cards, "ON_NINT")
    rows.note(f"{segment.name}: {describe(segment.cards, 'ON_NINT')} is no number of an integration: not used")
    return None


def _checked(rows, segment, card):
    """A card that only serves to check others, or None with a note."""
    try:
        return mjd_card(segment.cards, card)
    except TimeMetadataError as error:
        rows.note(f"{segment.name}: {error}: not used")
        return None


def _numbers(rows, segments, at, integration):
    """Each row's number within the exposure that the files share, or None."""
    numbers = []
    for segment, own in zip(segments, at, strict=True):
        # The readers of JWST's files, and of arrays with their headers, heed INTSTART.
        if segment.kind.startswith("jwst") or (segment.kind == "array" and text(segment.cards, "TELESCOP") == "JWST"):
            numbers.append(integration[own])
            continue
        first = _on_nint(rows, segment)
        if first is None and (segment.kind.startswith("ncdhas") or len(segments) > 1):
            names = (segment.name, text(segment.cards, "FILENAME") or "")
            first = integration_in_name(*names)
        if first is None and len(segments) == 1:
            # Alone with its dates: a reader's running number counts other exposures too.
            part = segment.kind.startswith("ncdhas") and (whole(segment.cards, "NINTS") or 1) > len(own)
            first = None if part else 1
        if first is None:
            return None
        numbers.append(first + np.arange(len(own)))
    return np.concatenate(numbers).astype(np.float64)


def _lengths(rows, segment, readout, count):
    """What cards say of the whole exposure's length, in seconds."""
    header = segment.cards
    start, end = (_checked(rows, segment, card) for card in ("EXPSTART", "EXPEND"))
    lengths = [end.since(start)] if start is not None and end is not None else []
    lengths += [number(header, key) for key in ("DURATION", "EFFEXPTM", "EXPTIME", "XPOSURE")]
    if readout is not None:
        lengths.append(count * readout.integration_time)
    one = number(header, "EXPTIME", "EFFINTTM")
    lengths.append(None if one is None else one * count)
    return [length for length in lengths if length is not None and length > 0]


def _agrees(rows, segment, start, label, span=0.0):
    """Whether all cards about the start agree; else notes. In ground tests dates come before a near EXPSTART."""
    header = segment.cards
    found, errors = beginnings(header, _MJD_CARDS)
    rows.note(*(f"{segment.name}: {error}: not used" for error in errors))
    used = next((begin for begin in found if begin.label == label), Begin(start, label))
    against = clock_contradictions(header)
    for other in found:
        apart = other.apart(used)
        if segment.kind.startswith("ncdhas") and apart and abs(apart) <= span:
            shown = describe(header, *label.split(", "), *other.label.split(", "))
            rows.note(f"{shown}: {other.label} is {apart:.3f} s after {label}, which is used")
        else:
            against += contradictions(header, used, [other])
    rows.note(*(f"{segment.name}: {why}: times masked" for why in against))
    return not against


def _has_length(rows, segment, span, count, shared, shown):
    """Whether the span is as long as other cards say; else a note."""
    header = segment.cards
    start, end = (_checked(rows, segment, card) for card in ("EXPSTART", "EXPEND"))
    expected = None if start is None or end is None else end.since(start)
    cards, length = differs_from_length(header, span, count, shared, expected)
    if cards:
        cards = describe(header, *shown, *(card for card in cards if card not in shown))
        rows.note(f"{segment.name}: {cards} contradict each other: {span:.6g} s against {length:.6g} s: times masked")
    return not cards


def _start_and_length(rows, segment, own):
    header = segment.cards
    start, label = start_of_exposure(header)
    if start is None:
        label = next((card for card in _MJD_CARDS if text(header, card)), None)
        start = mjd_card(header, label) if label else None
    if start is not None and not _agrees(rows, segment, start, label):
        return
    if start is None:
        if segment.kind != "array" or any(text(header, card) for card in _DATE_CARDS):
            cards = describe(header, "DATE-OBS", "TIME-OBS", "MJD-OBS")
            error = TimeMetadataError(
                f"no card gives a time of day: {cards}; put the time into DATE-OBS, or hand over the mid-times "
                "(times= in Python, an astropy Time)",
                path=segment.path or segment.name,
            )
            rows.missing.append(error)
        return
    length = number(header, "EXPTIME", "XPOSURE", "EFFEXPTM")
    if length is None or len(own) > 1:
        why = "no EXPTIME" if length is None else f"{len(own)} images in one array"
        rows.note(f"{segment.name}: {label} tells the start, but with {why} and no end there is no mid-time")
        rows.day[own[:1]], rows.start[own[:1]] = start.day, start.seconds
        return
    if length < 0:
        raise TimeMetadataError(f"{describe(header, 'EXPTIME', 'XPOSURE', 'EFFEXPTM')} is negative")
    middle = start.seconds + 0.5 * length
    # DATE-OBS may mark any moment of the exposure, and overheads are in no card.
    rows.put(
        own,
        start.day,
        start.seconds,
        middle,
        start.seconds + length,
        label=f"{label} + EXPTIME/2",
        accuracy=0.5 * length,
    )
