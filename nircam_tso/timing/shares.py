"""Times of exposures whose headers tell no readout: even shares of a span, or a start and a length."""

import re

import numpy as np

from nircam_tso.exceptions import TimeMetadataError
from nircam_tso.quality import QualityFlag
from nircam_tso.timing.cards import describe, number, text, whole
from nircam_tso.timing.header_dates import end_of_exposure, mjd_card, start_of_exposure
from nircam_tso.timing.rows import collecting_time, readout_of

__all__ = ["fill_from_dates", "integration_in_name"]

_DATE_CARDS = ("DATE-OBS", "TIME-OBS", "DATE-BEG", "DATE-END", "TIME-END")
_DISAGREE = 1.0  # s


def integration_in_name(name):
    """
    The integration's number in a file name of the ground tests.

    Parameters
    ----------
    name : str
        Such as ``..._I002.slp.fits`` or ``....red_I002.fits``.

    Returns
    -------
    int or None

    Examples
    --------
    >>> from nircam_tso.timing.shares import integration_in_name
    >>> integration_in_name("NRCN821CLRSUB1_481_SE_2016-01-12T18h00m43_I1002.slp.fits")
    1002
    """
    found = re.findall(r"_I(\d+)(?![^\W_])", name, re.ASCII)
    return int(found[-1]) if found else None


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
        key = (segment.exposure_number, *(text(segment.header, card) for card in _DATE_CARDS))
        # Without dates, files have nothing to share.
        groups.setdefault(key if any(key[1:]) else index, []).append(index)
    stops = np.cumsum([segment.n_integrations for segment in exposure.segments])
    for group in groups.values():
        segments = [exposure.segments[index] for index in group]
        at = [np.arange(stops[i] - exposure.segments[i].n_integrations, stops[i]) for i in group]
        try:
            if not _divide(rows, segments, at, exposure.integration):
                numbers = _numbers(segments, at, exposure.integration)
                promised = whole(segments[0].header, "NINTS") or 1
                several = max(promised, len(segments), 1 if numbers is None else int(numbers.max())) > 1
                if several and not segments[0].kind.startswith(("image", "array")):
                    cards = describe(segments[0].header, "DATE-OBS", "TIME-OBS", "NINTS")
                    rows.note(f"{cards}: the start of an exposure of several integrations, and no end: times masked")
                    continue
                for segment, own in zip(segments, at, strict=True):
                    _start_and_length(rows, segment, own)
        except TimeMetadataError as error:
            rows.errors.append(TimeMetadataError(str(error), path=segments[0].path or segments[0].name))


def _divide(rows, segments, at, integration):
    """Even shares of the span from start to end; False if the header tells no such span."""
    segment = segments[0]
    header = segment.header
    if not any(text(header, card) for card in ("DATE-END", "TIME-END", "EXPEND")):
        return False
    numbers = _numbers(segments, at, integration)
    files = sum(len(own) for own in at)
    promised = whole(header, "NINTS") or 1
    if len(segments) == 1 and segment.kind.startswith("image") and whole(header, "ON_NINT") is None:
        # A plain image that has no number is no part of anything.
        promised = files
    count = max(promised, files, 0 if numbers is None else int(numbers.max()))
    readout = readout_of(segment)
    start, label = start_of_exposure(header)
    end = midnight = None
    if start is not None:
        end, end_label, midnight = end_of_exposure(header, start, _lengths(segment, readout, count))
    if start is None or end is None:
        start, end = mjd_card(header, "EXPSTART"), mjd_card(header, "EXPEND")
        label, end_label = "EXPSTART", "EXPEND"
        if start is None or end is None:
            return False
    span = end.since(start)
    if span <= 0:
        raise TimeMetadataError(f"the exposure ends at or before its start: {describe(header, label, end_label)}")
    every = np.concatenate(at)
    if numbers is None:
        rows.note(
            f"{len(segments)} files share {describe(header, 'DATE-OBS', 'TIME-OBS', 'TIME-END')}, but neither ON_NINT "
            "nor _I### in their names tells their order: times masked"
        )
        return True
    if len(segments) > 1 or count > promised:
        if "NINTS" in header and count != promised:
            rows.note(
                f"NINTS = {promised}, but {files} integrations up to number {int(numbers.max())} share "
                f"{describe(header, *_DATE_CARDS)}: divided by {count}"
            )
    _compare_with_expstart(rows, header, start, label)
    share = span / count
    length = readout.integration_time if readout is not None else collecting_time(segment, "slope", (0, 0))
    # TFRAME is rounded, so that the reads may seem to take a little more than there is.
    if readout is not None and length * count > 1.001 * span + readout.tframe:
        cards = describe(header, label, end_label, "NINTS", "NGROUPS", "NFRAMES", "GROUPGAP", "TFRAME")
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


def _numbers(segments, at, integration):
    """Each row's number within the exposure that the files share, or None."""
    numbers = []
    for segment, own in zip(segments, at, strict=True):
        if segment.kind.startswith("jwst"):
            numbers.append(integration[own])
            continue
        first = whole(segment.header, "ON_NINT")
        if first is None and (segment.kind.startswith("ncdhas") or len(segments) > 1):
            names = (segment.name, text(segment.header, "FILENAME") or "")
            first = next((number for number in map(integration_in_name, names) if number), None)
        if first is None and len(segments) == 1:
            # Alone with its dates: a reader's running number counts other exposures too.
            first = 1
        if first is None:
            return None
        if first < 1:
            raise TimeMetadataError(f"{segment.name}: integration number {first} is not 1 or more")
        numbers.append(first + np.arange(len(own)))
    return np.concatenate(numbers).astype(np.float64)


def _lengths(segment, readout, count):
    """What cards say of the whole exposure's length, in seconds."""
    header = segment.header
    start, end = mjd_card(header, "EXPSTART"), mjd_card(header, "EXPEND")
    lengths = [end.since(start)] if start is not None and end is not None else []
    lengths += [number(header, key) for key in ("DURATION", "EFFEXPTM", "EXPTIME", "XPOSURE")]
    if readout is not None:
        lengths.append(count * readout.integration_time)
    one = number(header, "EXPTIME", "EFFINTTM")
    lengths.append(None if one is None else one * count)
    return [length for length in lengths if length is not None and length > 0]


def _compare_with_expstart(rows, header, start, label):
    other = mjd_card(header, "EXPSTART") if label != "EXPSTART" else None
    if other is not None and abs(other.since(start)) > _DISAGREE:
        rows.note(f"EXPSTART = {header['EXPSTART']!r} is {other.since(start):.3f} s after {label}, which is used")


def _start_and_length(rows, segment, own):
    header = segment.header
    start, label = start_of_exposure(header)
    mjd_name = next((card for card in ("MJD-OBS", "MJD-BEG", "EXPSTART") if text(header, card)), None)
    other = mjd_card(header, mjd_name) if mjd_name else None
    if start is None:
        start, label = other, mjd_name
    elif other is not None and abs(other.since(start)) > _DISAGREE:
        rows.note(f"{segment.name}: {mjd_name} is {other.since(start):.3f} s after {label}, which is used")
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
