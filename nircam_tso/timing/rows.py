"""The times of an exposure's integrations while they are being found."""

import numpy as np

from nircam_tso.exceptions import TimeMetadataError
from nircam_tso.quality import QualityFlag
from nircam_tso.timing.cards import describe, number, text, whole
from nircam_tso.timing.readout import Readout

__all__ = ["LEAST_ACCURACY", "RowTimes", "collecting_time", "group_time", "misfit", "readout_of"]

#: No absolute time is better known than the spacecraft's clock, in seconds.
LEAST_ACCURACY = 0.1

_AVERAGES = ("jwst-rate", "jwst-cal")


class RowTimes:
    """
    Times of integrations, filled in by the sources, one after the other.

    Parameters
    ----------
    n : int
        Number of integrations.

    Attributes
    ----------
    day : `~numpy.ndarray` of float64, shape (n,)
        Day (MJD, TAI) from which the seconds of a row are counted.
    start, middle, end : `~numpy.ndarray` of float64, shape (n,)
        Seconds of TAI; NaN where unknown.
    begin : `~numpy.ndarray` of float64, shape (n,)
        When the integration itself began, which is ``start`` unless an even share of a
        longer span stands in for it.
    table_bjd : `~numpy.ndarray` of float64, shape (n,)
        Barycentric mid-times of INT_TIMES, seconds of TDB.
    accuracy : `~numpy.ndarray` of float64, shape (n,)
        Expected error in s.
    flags : `~numpy.ndarray` of uint32, shape (n,)
        Bits of `~nircam_tso.quality.QualityFlag`.
    labels : list of str
        Names of the sources used, in order.
    notes : list of str
        What was odd.
    errors : list of TimeMetadataError
        Cards that cannot be read.
    missing : list of TimeMetadataError
        Files without any card that gives a time.
    """

    def __init__(self, n):
        self.day, self.start, self.middle, self.end, self.begin, self.table_bjd, self.accuracy = np.full((7, n), np.nan)
        self.flags = np.zeros(n, dtype=np.uint32)
        self.labels, self.notes, self.errors, self.missing = [], [], [], []

    def put(self, rows, day, start, middle, end, *, label, accuracy, begin=None, flags=QualityFlag.TIME_FROM_HEADER):
        """
        Fill in some rows.

        Parameters
        ----------
        rows : `~numpy.ndarray` of int, shape (m,)
            Which.
        day : float
            Day (MJD, TAI) from which seconds are counted.
        start, middle, end : float or `~numpy.ndarray` of float64, shape (m,)
            Seconds of TAI.
        label : str
            The source.
        accuracy : float
            Expected error in s.
        begin : `~numpy.ndarray` of float64, optional
            Beginning of the integrations themselves, ``start`` by default.
        flags : QualityFlag, optional
            Bits to set.
        """
        if len(rows) == 0:
            return
        self.day[rows] = day
        self.start[rows], self.middle[rows], self.end[rows] = start, middle, end
        self.begin[rows] = start if begin is None else begin
        self.accuracy[rows] = max(accuracy, LEAST_ACCURACY)
        self.flags[rows] |= np.uint32(flags)
        if label not in self.labels:
            self.labels.append(label)

    def note(self, *notes):
        """
        Keep notes, once each.

        Parameters
        ----------
        *notes : str
        """
        self.notes += [note for note in notes if note not in self.notes]


def misfit(segments, kinds=("array",)):
    """
    Why the integrations of arrays are not those that their header is about.

    A file that lacks integrations is refused when it is opened; an array may be any
    part of what its header describes, and then nothing tells which.

    Parameters
    ----------
    segments : sequence of Segment
        Of one exposure.
    kinds : tuple of str, optional
        Kinds of segments that need not be whole.

    Returns
    -------
    str or None
        The cards and what they promise; None where they agree, or promise nothing.
    """
    if any(segment.kind not in kinds for segment in segments):
        return None
    promises = [_promise(segment) for segment in segments]
    if all(_keeps(promise, [segment]) for promise, segment in zip(promises, segments, strict=True)):
        return None
    if len(set(promises)) == 1 and _keeps(promises[0], segments):
        return None
    cards = describe(segments[0].cards, *(c for c in ("INTSTART", "INTEND", "NINTS") if c in segments[0].cards))
    count = sum(segment.n_integrations for segment in segments)
    return (
        f"{cards} and {count} integration{'s' * (count != 1)} handed over contradict each other: which ones they are "
        "is unknown; hand over their mid-times (times=)"
    )


def _keeps(promise, segments):
    if promise is None:
        return True
    first, count = promise
    return count == sum(s.n_integrations for s in segments) and first in (None, segments[0].first_integration)


def _promise(segment):
    """First integration (None where no card tells) and count of what a header is about, or None."""
    header = segment.cards
    try:
        if (number(header, "ON_NINT") or 0) >= 1:
            return None
        if text(header, "TELESCOP") == "JWST":
            first, last = whole(header, "INTSTART"), whole(header, "INTEND")
            if first and last:
                return first, last - first + 1
        count = whole(header, "NINTS")
    except TimeMetadataError:
        return None
    return (None, count) if count else None


def readout_of(segment):
    """
    The readout pattern of a segment, where its header tells one.

    Parameters
    ----------
    segment : Segment

    Returns
    -------
    Readout or None
        None also where a card is malformed: those who need it ask `Readout` themselves.
    """
    try:
        return Readout.from_header(segment.cards)
    except TimeMetadataError:
        return None


def group_time(segment):
    """
    Time from one group to the next.

    Parameters
    ----------
    segment : Segment

    Returns
    -------
    float
        Seconds, NaN where no card tells.
    """
    try:
        value = number(segment.cards, "TGROUP")
    except TimeMetadataError:
        value = None
    if value is None:
        readout = readout_of(segment)
        value = np.nan if readout is None else readout.group_time
    return float(value)


def collecting_time(segment, ramp, group_range):
    """
    Photon-collecting time of a measured image.

    Parameters
    ----------
    segment : Segment
    ramp : str
        "last-first", "slope" or "groups"; only matters for ramps.
    group_range : tuple of int
        First and last group used, zero-based; only matters for ramps.

    Returns
    -------
    float
        Seconds: from the first to the last group used, or one group step, for ramps;
        EFFINTTM, else (NGROUPS - 1) TGROUP for slopes of NCDHAS, else EXPTIME, else
        XPOSURE, for finished images; EFFEXPTM, else NINTS times EFFINTTM, for averages
        of several integrations. NaN where no card tells.
    """
    header = segment.cards
    if segment.n_groups is not None:
        return group_time(segment) * (1 if ramp == "groups" else group_range[1] - group_range[0])
    try:
        one = number(header, "EFFINTTM")
        if segment.kind in _AVERAGES and (whole(header, "NINTS") or 1) > 1:
            total = number(header, "EFFEXPTM")
            return np.nan if total is None and one is None else total or one * whole(header, "NINTS")
        if one is None and segment.kind == "ncdhas-slp":
            groups = whole(header, "NGROUPS", "NGROUP")
            one = None if groups is None else (groups - 1) * group_time(segment)
            one = None if one is None or np.isnan(one) else one
        value = number(header, "EXPTIME", "XPOSURE") if one is None else one
    except TimeMetadataError:
        return np.nan
    return np.nan if value is None else float(value)
