"""The times of every row of the product: each from the most trusted source there is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from astropy.time import Time

from nircam_tso.exceptions import TimeMetadataError
from nircam_tso.quality import QualityFlag
from nircam_tso.timing.barycentre import barycentric_times, prefer_table
from nircam_tso.timing.cards import describe, number, text, whole
from nircam_tso.timing.clock import tai_to_time, time_to_tai, warn_if_expired
from nircam_tso.timing.jwst import fill_jwst, is_jwst
from nircam_tso.timing.rows import RowTimes, collecting_time, group_time, readout_of
from nircam_tso.timing.shares import fill_from_dates

if TYPE_CHECKING:
    from typing import Literal

    from astropy.coordinates import SkyCoord

    from nircam_tso.io.exposure import Exposure

__all__ = ["Times", "exposure_times"]

_ACTIVITY = ("VISIT_ID", "PROGRAM", "OBSERVTN", "VISIT", "VISITGRP", "SEQ_ID", "ACT_ID")
_RAMPS = ("last-first", "slope", "groups")


@dataclass(frozen=True, eq=False)
class Times:
    """
    When each row happened, and how that is known.

    Attributes
    ----------
    start, middle, end : `~astropy.time.Time`, shape (n,)
        UTC; masked where unknown.
    bjd : `~astropy.time.Time`, shape (n,)
        Barycentric mid-times, TDB; masked where unknown.
    exposure_time : `~numpy.ndarray` of float64, shape (n,)
        Photon-collecting time in s, NaN where unknown.
    flags : `~numpy.ndarray` of uint32, shape (n,)
        TIME_FROM_HEADER, TIME_INVALID and MIDNIGHT_ROLLOVER of
        `~nircam_tso.quality.QualityFlag`.
    source : str
        Where the times come from; several are joined by "; ".
    accuracy : float
        Largest expected error of a time in s; NaN where unknown.
    bjd_source : str
        Where the spacecraft's place (or the barycentric time itself) comes from.
    notes : tuple of str
        What was odd, naming the cards.
    readout_fraction : float
        The moment within a frame's readout that the times are for: 0.5 is the middle.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.io.sources import open_exposure
    >>> from nircam_tso.timing import exposure_times
    >>> times = exposure_times(open_exposure(np.zeros((3, 32, 32))))
    >>> times.source, bool(times.middle.mask.all())
    ('none', True)
    """

    start: Time
    middle: Time
    end: Time
    bjd: Time
    exposure_time: np.ndarray
    flags: np.ndarray
    source: str
    accuracy: float
    bjd_source: str
    notes: tuple
    readout_fraction: float = 0.5

    def __len__(self):
        return len(self.flags)


def exposure_times(
    exposure: Exposure,
    *,
    ramp: Literal["last-first", "slope", "groups"] = "last-first",
    group_range: tuple[int, int] | None = None,
    row_reset_time: float = 0.0,
    time_reference: Literal["middle", "pixel"] = "middle",
    star_row: float | None = None,
    target: SkyCoord | None = None,
    given: Time | None = None,
    on_error: Literal["raise", "flag"] = "raise",
) -> Times:
    """
    Times of every integration, or group step, of an exposure.

    Parameters
    ----------
    exposure : Exposure
        Only its headers, INT_TIMES tables and numbers are used, no pixels.
    ramp : {"last-first", "slope", "groups"}, optional
        How ramps are measured; "groups" gives a row for every group step, those of an
        integration after each other.
    group_range : tuple of int or None, optional
        First and last group used, zero-based; either may be None. If it is not the whole
        ramp, times are those of the groups used.
    row_reset_time : float, optional
        Seconds that resetting rows adds to each integration, for times from readout
        keywords.
    time_reference : {"middle", "pixel"}, optional
        Whether times are for the middle of a frame's readout, or for the readout of the
        star's own row.
    star_row : float, optional
        Row (y, zero-based) of the star within the frame, for "pixel".
    target : `~astropy.coordinates.SkyCoord`, optional
        For barycentric times; by default the header's TARG_RA and TARG_DEC.
    given : `~astropy.time.Time`, optional
        Mid-times to be used instead of all others, one for each row.
    on_error : {"raise", "flag"}, optional
        Whether malformed cards raise an error, or mask the rows that need them.

    Returns
    -------
    Times

    Raises
    ------
    TimeMetadataError
        With ``on_error="raise"``: for a card that is needed and cannot be read, and for
        files none of which has any card that gives a time. Cards that contradict each
        other mask the times, set TIME_INVALID, and are named in the notes.
    TypeError, ValueError
        For arguments that make no sense.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.io import fits
    >>> from nircam_tso.io.exposure import Exposure, Segment
    >>> from nircam_tso.timing import exposure_times
    >>> header = fits.Header({"DATE-OBS": "2020-02-20T07:51:21.4465", "EXPTIME": 25.1})
    >>> image = Segment("luci2.0200.fits", None, "image", header, 1, None, (163, 172))
    >>> times = exposure_times(Exposure([image]))
    >>> print(times.middle[0], times.source)
    2020-02-20T07:51:33.996500 DATE-OBS + EXPTIME/2
    """
    groups = _check_arguments(exposure, ramp, group_range, row_reset_time, time_reference, on_error)
    steps = groups[1] - groups[0] if ramp == "groups" and exposure.n_groups is not None else None
    rows = _given(exposure, given, steps, ramp, groups) if given is not None else None
    if rows is None:
        rows = RowTimes(len(exposure))
        _fill(rows, exposure, row_reset_time)
        _settle_errors(rows, exposure, on_error)
    source = exposure.source
    at_table = (rows.day.copy(), rows.middle.copy(), rows.table_bjd.copy())
    fraction, shift = 0.5, 0.0
    if time_reference == "pixel" and given is None:
        fraction, shift = _pixel_reference(exposure, star_row)
    if steps is not None:
        source = np.repeat(source, steps)
        if given is None:
            at_table = tuple(np.repeat(column, steps) for column in at_table)
            rows = _group_steps(rows, exposure, groups)
            shift = np.repeat(np.broadcast_to(shift, len(exposure)), steps)
    elif given is None and exposure.n_groups is not None and groups != (0, exposure.n_groups - 1):
        _part_of_ramp(rows, exposure, groups)
    for column in (rows.start, rows.middle, rows.end):
        column += shift
    return _finish(rows, exposure, source, at_table, ramp, groups, target, fraction, given)


def _check_arguments(exposure, ramp, group_range, row_reset_time, time_reference, on_error):
    if ramp not in _RAMPS:
        raise ValueError(f"ramp: {ramp!r} is none of {', '.join(map(repr, _RAMPS))}")
    if time_reference not in ("middle", "pixel"):
        raise ValueError(f"time_reference: {time_reference!r} is neither 'middle' nor 'pixel'")
    if on_error not in ("raise", "flag"):
        raise ValueError(f"on_error: {on_error!r} is neither 'raise' nor 'flag'")
    if isinstance(row_reset_time, bool) or not (math.isfinite(row_reset_time) and row_reset_time >= 0):
        raise ValueError(f"row_reset_time: {row_reset_time!r} is not a time in seconds of 0 or more")
    if exposure.n_groups is None:
        return (0, 0)
    first, last = group_range if group_range is not None else (None, None)
    first, last = 0 if first is None else int(first), exposure.n_groups - 1 if last is None else int(last)
    if not 0 <= first <= last < exposure.n_groups:
        raise ValueError(f"group_range: {group_range!r} is no range within groups 0 to {exposure.n_groups - 1}")
    if first == last and ramp == "groups":
        raise ValueError(f"group_range: group {first} alone has no step to another; ramp='groups' needs two groups")
    return first, last


def _given(exposure, given, steps, ramp, groups):
    """Rows with the user's own mid-times."""
    if not isinstance(given, Time):
        raise TypeError(f"times: {type(given).__name__} is not an astropy Time")
    if given.scale == "local":
        raise ValueError("times: scale 'local' cannot be turned into UTC")
    n = len(exposure) * (steps or 1)
    if given.size != n or given.ndim > 1:
        per = f" ({len(exposure)} integrations with {steps} group steps each)" if steps else ""
        raise ValueError(f"times: shape {given.shape} does not fit {n} rows{per}")
    rows = RowTimes(n)
    day, middle = time_to_tai(given.reshape((n,)))
    half = 0.5 * np.repeat([_duration(s, ramp, groups) for s in exposure.segments], _counts(exposure, steps))
    rows.put(np.arange(n), day, middle - half, middle, middle + half, label="given", accuracy=0.0, flags=QualityFlag(0))
    rows.accuracy[:] = np.nan
    return rows


def _counts(exposure, steps=None):
    return [segment.n_integrations * (steps or 1) for segment in exposure.segments]


def _duration(segment, ramp, groups):
    readout = readout_of(segment)
    if readout is not None and ramp != "groups" and groups in ((0, 0), (0, readout.ngroups - 1)):
        return readout.integration_time
    return collecting_time(segment, ramp, groups)


def _fill(rows, exposure, row_reset_time):
    visits, others = {}, []
    key, last, run = None, 0, 0
    for index, segment in enumerate(exposure.segments):
        if is_jwst(segment):
            # EXPOSURE counts anew in each activity, and may be absent: numbers that begin anew always tell.
            before, key = key, (segment.exposure_number, *(text(segment.cards, card) for card in _ACTIVITY))
            run += key != before or segment.first_integration <= last
            last = segment.first_integration
            visits.setdefault(run, []).append(index)
        else:
            others.append(index)
    for members in visits.values():
        fill_jwst(rows, exposure, members, row_reset_time)
    if others:
        fill_from_dates(rows, exposure, others)


def _settle_errors(rows, exposure, on_error):
    if on_error == "raise":
        if rows.errors:
            raise rows.errors[0]
        if rows.missing and len(rows.missing) == len(exposure.segments):
            raise rows.missing[0]
    rows.note(*(f"{error}: times masked" for error in rows.errors + rows.missing))


def _pixel_reference(exposure, star_row):
    """Fraction of a frame's readout after which the star's row is read, and each row's shift in s."""
    if star_row is None or not math.isfinite(star_row):
        raise ValueError(f"star_row: {star_row!r} is not a row; time_reference='pixel' needs the star's")
    header, rows = exposure.segments[0].cards, exposure.shape[0]
    try:
        slow, size = number(header, "SLOWAXIS"), whole(header, "SUBSIZE2")
    except TimeMetadataError as error:
        raise ValueError(f"time_reference: 'pixel' needs readable cards: {error}") from None
    if slow not in (2, -2):
        shown = describe(header, "SLOWAXIS")
        raise ValueError(f"time_reference: 'pixel' needs rows read one after the other (SLOWAXIS 2 or -2): {shown}")
    if size is not None and size != rows:
        raise ValueError(f"time_reference: 'pixel' needs whole frames: SUBSIZE2 = {size}, images have {rows} rows")
    along = min(max((star_row + 0.5) / rows, 0.0), 1.0)
    fraction = along if slow > 0 else 1.0 - along
    frames = []
    for segment in exposure.segments:
        readout = readout_of(segment)
        if readout is None:
            raise ValueError(f"time_reference: 'pixel' needs the readout keywords, which {segment.name} lacks")
        frames.append(readout.tframe)
    return fraction, (fraction - 0.5) * np.repeat(frames, _counts(exposure))


def _offsets(segment, exposure, at):
    """Group centres relative to the middle of the reads, and a group's length, or None."""
    step = group_time(segment)
    return None if math.isnan(step) else (np.asarray(at) - 0.5 * (exposure.n_groups - 1)) * step


def _centers(rows, exposure, at):
    """Mean times of groups (n, len(at)), seconds; NaN where nothing tells how groups follow each other."""
    centers = np.full((len(exposure), len(at)), np.nan)
    stop = 0
    for segment in exposure.segments:
        own = slice(stop, stop := stop + segment.n_integrations)
        readout = readout_of(segment)
        if readout is not None:
            begin = rows.begin[own]
            begin = np.where(np.isfinite(begin), begin, rows.middle[own] - 0.5 * readout.integration_time)
            centers[own] = begin[:, None] + readout.group_center(np.asarray(at, dtype=np.float64))
        else:
            offsets = _offsets(segment, exposure, at)
            if offsets is not None:
                centers[own] = rows.middle[own, None] + offsets
    if np.isnan(centers[np.isfinite(rows.middle)]).any():
        rows.note("neither TGROUP nor the readout keywords tell when groups were read: times masked")
    return centers


def _group_steps(rows, exposure, groups):
    at = np.arange(groups[0], groups[1]) + 0.5
    centers = _centers(rows, exposure, at)
    steps = len(at)
    half = 0.5 * np.repeat([group_time(segment) for segment in exposure.segments], _counts(exposure))
    result = RowTimes(len(exposure) * steps)
    for name in ("day", "begin", "table_bjd", "accuracy", "flags"):
        setattr(result, name, np.repeat(getattr(rows, name), steps))
    result.middle = centers.ravel()
    result.start, result.end = ((centers + sign * half[:, None]).ravel() for sign in (-1, 1))
    result.labels, result.notes = rows.labels, rows.notes
    return result


def _part_of_ramp(rows, exposure, groups):
    first, last = groups
    centers = _centers(rows, exposure, groups)
    reads = np.repeat(
        [getattr(readout_of(s), "nframes", 1) * getattr(readout_of(s), "tframe", 0.0) for s in exposure.segments],
        _counts(exposure),
    )
    rows.middle = 0.5 * (centers[:, 0] + centers[:, 1])
    rows.start, rows.end = centers[:, 0] - 0.5 * reads, centers[:, 1] + 0.5 * reads
    rows.note(f"times are those of groups {first + 1} to {last + 1} of {exposure.n_groups}")


def _finish(rows, exposure, source, at_table, ramp, groups, target, fraction, given):
    known = np.isfinite(rows.middle) & np.isfinite(rows.day)
    flags = np.where(known, rows.flags, np.uint32(QualityFlag.TIME_INVALID)).astype(np.uint32)
    headers = [segment.cards for segment in exposure.segments]
    own = barycentric_times(rows.day, rows.middle, source, headers, target)
    table_day, table_middle, table_bjd = at_table
    if given is None and np.isfinite(table_bjd).any():
        reference = own.seconds
        if not np.array_equal(table_middle, rows.middle, equal_nan=True):
            reference = barycentric_times(table_day, table_middle, source, headers, target).seconds
        own = prefer_table(own, table_bjd, reference)
    if known.any():
        warn_if_expired(np.max(rows.day[known]))
    collecting = [collecting_time(segment, ramp, groups) for segment in exposure.segments]
    accuracy = rows.accuracy[known]
    return Times(
        start=tai_to_time(rows.day, rows.start),
        middle=tai_to_time(rows.day, rows.middle),
        end=tai_to_time(rows.day, rows.end),
        bjd=own.to_time(),
        exposure_time=np.array(collecting, dtype=np.float64)[source],
        flags=flags,
        source="; ".join(rows.labels) or "none",
        accuracy=float(np.max(accuracy)) if len(accuracy) and np.isfinite(accuracy).all() else math.nan,
        bjd_source=own.source,
        notes=tuple(dict.fromkeys([*rows.notes, *own.notes])),
        readout_fraction=float(fraction),
    )
