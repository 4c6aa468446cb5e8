"""Median, mean and standard deviation of many pixels after sigma clipping, by counting.

Clipping never moves a pixel here: it narrows an interval, and every quantity is a
count or a sum over the values within it. Limits move little after the first round, so
that the values near them, gathered once, serve all later rounds; the same holds of the
median. Values stay in the type in which they come, float32 or float64, because a
processor compares twice as many of the shorter ones at a time; sums are those of float64.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from nircam_tso.measure.selection import MIN_ROOM, median_of_ranks

__all__ = ["ClippedStatistics", "clipped_statistics"]

# Sums that run side by side, and values that each takes in at once.
_LANES = 16
_STEP = 4 * _LANES
# Values that are looked through together when some of them are gathered.
_FEW = 8
# Half the width of the zones about the limits whose values are kept for later rounds, in standard deviations.
_ZONE = 0.06
# Squares of what is left out, over those of what is left about its mean, up to which their difference has 12 digits.
_MOST_REST = 1e4


class ClippedStatistics(NamedTuple):
    """
    Statistics of what clipping left, each of shape (B,); NaN where nothing was given.

    Attributes
    ----------
    median, mean, std : `~numpy.ndarray` of float64
        ``std`` is the root mean square about the mean (no Bessel correction).
    n_good : `~numpy.ndarray` of int64
        Number of values before clipping.
    n_kept : `~numpy.ndarray` of int64
        Number of values after clipping.
    """

    median: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    n_good: np.ndarray
    n_kept: np.ndarray


@njit(cache=True, nogil=True)
def _load(row, bad, firsts, lengths, values):
    """Copy the good values of runs of pixels of one image; returns how many there are."""
    n = 0
    for r in range(len(firsts)):
        # Slices, because a processor takes many values at a time only from where no index can be negative.
        run = row[firsts[r] : firsts[r] + lengths[r]]
        out = values[n : n + lengths[r]]
        hole = bad[firsts[r] : firsts[r] + lengths[r]] if len(bad) > 0 else bad
        good = 0
        for k in range(len(run)):
            value = run[k]
            out[k] = value
            # False of what is not finite.
            good += value - value == 0.0
        for k in range(len(hole)):
            good -= hole[k]
        if good == len(run):
            n += good
            continue
        for k in range(len(run)):
            values[n] = run[k]
            n += math.isfinite(run[k]) and not (len(hole) > 0 and hole[k])
    return n


@njit(cache=True, nogil=True)
def _set_limits(limits, low, high):
    """The nearest numbers of the values' type within [low, high]; returns them."""
    limits[0], limits[1] = low, high
    if np.float64(limits[0]) < low:
        limits[0] = np.nextafter(limits[0], limits.dtype.type(np.inf))
    if np.float64(limits[1]) > high:
        limits[1] = np.nextafter(limits[1], limits.dtype.type(-np.inf))
    return limits[0], limits[1]


@njit(cache=True, nogil=True)
def _sums_of_all(values, n, shift, lanes):
    """Sum and sum of squares of value - shift."""
    # Many chains of additions side by side: one alone waits for itself.
    sums, squares = lanes[0], lanes[1]
    lanes[:] = 0.0
    whole = n - n % _STEP
    for begin in range(0, whole, _STEP):
        part = values[begin : begin + _STEP]
        for lane in range(_LANES):
            d0, d1 = part[lane] - shift, part[lane + _LANES] - shift
            d2, d3 = part[lane + 2 * _LANES] - shift, part[lane + 3 * _LANES] - shift
            sums[lane] += (d0 + d1) + (d2 + d3)
            squares[lane] += (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3)
    s = q = 0.0
    for lane in range(_LANES):
        s += sums[lane]
        q += squares[lane]
    for i in range(whole, n):
        d = values[i] - shift
        s += d
        q += d * d
    return s, q


@njit(cache=True, nogil=True)
def _sums_of_core(values, n, inner, core, shift, lanes):
    """The same sums over the values within ``inner``, of which there are ``core``."""
    within = np.empty(core, values.dtype)
    k = 0
    for i in range(n):
        if inner[0] <= values[i] <= inner[1]:
            within[k] = values[i]
            k += 1
    return _sums_of_all(within, core, shift, lanes)


@njit(cache=True, nogil=True)
def _look_beside(values, n, inner, outer, shift, whole, lanes, zone, sums):
    """
    Look through the few values that are not within ``inner``; those within ``outer`` are gathered in ``zone``.

    Into ``sums`` come the sums over the values within ``inner``, of value - shift and of its squares: those
    over all values, ``whole``, less those over the few. Where these are so large that what is left would be
    their rounding, they are made anew. Returns the number of values within ``inner``, of those below
    ``outer``, and of those gathered, -1 if there is no room.
    """
    inner_low, inner_high, outer_low, outer_high = inner[0], inner[1], outer[0], outer[1]
    outside = below = near = 0
    full = False
    s = q = 0.0
    for begin in range(0, n, _STEP):
        part = values[begin : min(begin + _STEP, n)]
        core = np.int32(0)
        for i in range(len(part)):
            core += np.int32((part[i] >= inner_low) & (part[i] <= inner_high))
        if core == len(part):
            continue
        for first in range(0, len(part), _FEW):
            few = part[first : first + _FEW]
            core = np.int32(0)
            for i in range(len(few)):
                core += np.int32((few[i] >= inner_low) & (few[i] <= inner_high))
            if core == len(few):
                continue
            for i in range(len(few)):
                value = few[i]
                if inner_low <= value <= inner_high:
                    continue
                outside += 1
                d = value - shift
                s += d
                q += d * d
                if value < outer_low:
                    below += 1
                elif value <= outer_high:
                    full |= near == len(zone)
                    if not full:
                        zone[near] = value
                        near += 1
    sums[0], sums[1] = whole[0] - s, whole[1] - q
    core = n - outside
    scatter = sums[1] - sums[0] * sums[0] / core if core > 0 else 0.0
    if not q <= _MOST_REST * scatter:
        sums[0], sums[1] = _sums_of_core(values, n, inner, core, shift, lanes)
    return core, below, -1 if full else near


@njit(cache=True, nogil=True)
def _sums_within(values, n, low, high, std, shift, whole, bounds, known, lanes, zone, sums):
    """
    Number, sum and sum of squares (of value - shift) within [low, high], and how many lie below.

    ``whole`` are the sums over all values. ``known`` are the numbers of values in the core, below the zone and
    in the zone, -1 at the end for nothing known. It and ``zone`` and ``sums`` serve all limits within the zone.
    """
    limits, inner, outer = bounds[0], bounds[1], bounds[2]
    _set_limits(limits, low, high)
    if known[2] < 0 or not (outer[0] <= limits[0] <= inner[0] and inner[1] <= limits[1] <= outer[1]):
        width = _ZONE * std
        # Limits of one type for both types of values, so that their sums are the same.
        inner[0], inner[1] = max(limits[0], np.float32(low + width)), min(limits[1], np.float32(high - width))
        outer[0], outer[1] = min(limits[0], np.float32(low - width)), max(limits[1], np.float32(high + width))
        known[0], known[1], known[2] = _look_beside(values, n, inner, outer, shift, whole, lanes, zone, sums)
        if known[2] < 0:
            # Values that are alike crowd in the zone: then without one.
            inner[:] = limits
            outer[:] = limits
            known[0], known[1], known[2] = _look_beside(values, n, inner, outer, shift, whole, lanes, zone, sums)
    inside, below = known[0], known[1]
    s, q = sums[0], sums[1]
    for i in range(known[2]):
        value = zone[i]
        below += value < limits[0]
        if limits[0] <= value <= limits[1]:
            inside += 1
            d = value - shift
            s += d
            q += d * d
    return inside, s, q, below


@njit(cache=True, nogil=True)
def _clipped_statistics(data, firsts, lengths, bad, lower, upper, rounds, centre_is_mean, out, counts):
    size = lengths.sum()
    # One place more: a value is written before it is known whether it counts.
    values, work = np.empty(size + 1, data.dtype), np.empty(max(size + 1, MIN_ROOM), data.dtype)
    zone, bounds = np.empty(size // 64 + 64, data.dtype), np.empty((3, 2), data.dtype)
    room, hint = np.empty(3, data.dtype), np.zeros(2, data.dtype)
    gathered, known = np.zeros(5, np.int64), np.zeros(3, np.int64)
    lanes, sums, whole = np.zeros((2, _LANES)), np.zeros(2), np.zeros(2)
    n_masks = len(bad)
    nothing = np.empty(0, np.bool_)
    for b in range(len(data)):
        n = _load(data[b], bad[b if n_masks > 1 else 0] if n_masks > 0 else nothing, firsts, lengths, values)
        counts[b, 0] = n
        if n == 0:
            continue
        gathered[:] = 0
        known[2] = -1
        low = set_low = -np.inf
        high = set_high = np.inf
        median = median_of_ranks(values, n, 0, n, work, gathered, room, hint)
        # One of the values: their differences from it are small.
        shift = np.float64(work[(n - 1) // 2 - gathered[0]])
        s, q = _sums_of_all(values, n, shift, lanes)
        whole[0], whole[1] = s, q
        inside, std = n, np.inf
        for _ in range(rounds):
            offset = s / inside
            std = math.sqrt(max(q / inside - offset * offset, 0.0))
            centre = shift + offset if centre_is_mean else median
            low, high = centre - lower * std, centre + upper * std
            set_low, set_high = max(set_low, low), min(set_high, high)
            before = inside
            inside, s, q, below = _sums_within(
                values, n, set_low, set_high, std, shift, whole, bounds, known, lanes, zone, sums
            )
            if inside == before or inside == 0:
                break
            median = median_of_ranks(values, n, below, inside, work, gathered, room, hint)
        if set_low != low or set_high != high:
            # Limits decide in the end, as in astropy: a later, wider one lets back in
            # what an earlier one shut out.
            inside, s, q, below = _sums_within(
                values, n, low, high, std, shift, whole, bounds, known, lanes, zone, sums
            )
            if inside > 0:
                median = median_of_ranks(values, n, below, inside, work, gathered, room, hint)
        counts[b, 1] = inside
        if inside == 0:
            continue
        offset = s / inside
        out[b, 0] = median
        out[b, 1] = shift + offset
        out[b, 2] = math.sqrt(max(q / inside - offset * offset, 0.0))


def _runs(pixels):
    """First pixels and lengths of runs of consecutive ones."""
    starts = np.flatnonzero(np.diff(pixels, prepend=pixels[:1] - 2) != 1)
    return pixels[starts], np.diff(np.append(starts, len(pixels)))


def clipped_statistics(data, pixels, *, bad=None, lower=3.0, upper=3.0, rounds=5, centre="median"):
    """
    Median, mean and standard deviation of chosen pixels after sigma clipping.

    The rules are those of `astropy.stats.SigmaClip` along an axis, with ``"std"`` as
    its measure of spread: in each round limits are set at ``lower`` and ``upper``
    standard deviations from the centre, until nothing more is left out; the last
    limits decide.

    Parameters
    ----------
    data : `~numpy.ndarray` of float64 or float32, shape (B, P)
        Images, flattened. Values that are not finite are left out.
    pixels : `~numpy.ndarray` of int64, shape (p,)
        Indices of the pixels to use.
    bad : `~numpy.ndarray` of bool, shape (B, P) or (1, P), optional
        True for pixels to leave out.
    lower, upper : float, optional
        Limits in standard deviations.
    rounds : int, optional
        Largest number of rounds; 0 for no clipping.
    centre : {"median", "mean"}, optional
        From where the limits count.

    Returns
    -------
    ClippedStatistics

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.clipping import clipped_statistics
    >>> data = np.array([[1.0, 2.0, 3.0, 2.0, 1.0, 3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 90.0]])
    >>> statistics = clipped_statistics(data, np.arange(12))
    >>> statistics.median, statistics.n_kept
    (array([2.]), array([11]))
    """
    data = np.ascontiguousarray(data, np.float32 if data.dtype == np.float32 else np.float64)
    bad = np.empty((0, data.shape[1]), bool) if bad is None else np.ascontiguousarray(bad, bool)
    out = np.full((len(data), 3), np.nan)
    counts = np.zeros((len(data), 2), np.int64)
    firsts, lengths = _runs(np.asarray(pixels, np.int64))
    _clipped_statistics(
        data, firsts, lengths, bad, float(lower), float(upper), int(rounds), centre == "mean", out, counts
    )
    return ClippedStatistics(out[:, 0], out[:, 1], out[:, 2], counts[:, 0], counts[:, 1])
