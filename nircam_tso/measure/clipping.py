"""Median, mean and standard deviation of many pixels after sigma clipping, by counting.

Clipping never moves a pixel here: it narrows an interval, and every quantity is a
count or a sum over the values within it. The median is found by counting, too, between
limits that close in on it, because a processor counts many values at a time but sorts
one after another. It moves little from one round to the next, so that the values
around it, gathered and sorted once, serve all rounds.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

__all__ = ["ClippedStatistics", "clipped_statistics"]

# Values that are sorted at once, and how many limits should leave, of how many the first limits
# are taken, and how many are tried before values that are alike are told from bad luck.
_SORTED = 128
_FEW = 48
_SAMPLE = 64
_LIMITS = 12
# Pixels that are looked through together, and sums that run side by side.
_CHUNK = 64
_LANES = 32


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
def _select(values, n, k):
    """Put the value of rank k of values[:n] at its place, none greater before it, none less after it."""
    low, high = 0, n - 1
    while high - low > 1:
        # The middle of first, middle and last splits sorted runs well too.
        middle = (low + high) // 2
        values[middle], values[low + 1] = values[low + 1], values[middle]
        if values[low] > values[high]:
            values[low], values[high] = values[high], values[low]
        if values[low + 1] > values[high]:
            values[low + 1], values[high] = values[high], values[low + 1]
        if values[low] > values[low + 1]:
            values[low], values[low + 1] = values[low + 1], values[low]
        pivot = values[low + 1]
        i, j = low + 1, high
        while True:
            i += 1
            while values[i] < pivot:
                i += 1
            j -= 1
            while values[j] > pivot:
                j -= 1
            if j < i:
                break
            values[i], values[j] = values[j], values[i]
        values[low + 1] = values[j]
        values[j] = pivot
        if j >= k:
            high = j - 1
        if j <= k:
            low = i
    if high == low + 1 and values[low] > values[high]:
        values[low], values[high] = values[high], values[low]
    return values[k]


@njit(cache=True, nogil=True)
def _count_below(values, n, limit):
    """Number of values[:n] below a limit."""
    count = 0
    for i in range(n):
        count += values[i] < limit
    return count


@njit(cache=True, nogil=True)
def _sort_few(values, n, work):
    """Sort values[:n] by counting for each how many others go before it: quicker than any sort of so few."""
    for i in range(n):
        value = values[i]
        place = 0
        for j in range(n):
            place += values[j] < value
        for j in range(i):
            place += values[j] == value
        work[place] = value
    for i in range(n):
        values[i] = work[i]


@njit(cache=True, nogil=True)
def _bracket(values, n, rank, few, work):
    """
    Two limits around the value of that rank: it is at least the first and below the second.

    Returns them and the numbers of values below each; between them are no more than
    ``few`` values, unless many are alike.
    """
    low, high, below_low, below_high = -np.inf, np.inf, 0, n
    # Every so-manieth value gives the first limits ...
    step = n // _SAMPLE
    for i in range(_SAMPLE):
        work[i] = values[i * step]
    _sort_few(work, _SAMPLE, work[_SAMPLE:])
    place = int(rank / n * _SAMPLE)
    stride = 4
    while below_high - below_low > few:
        limit = work[place]
        below = _count_below(values, n, limit)
        if below <= rank:
            low, below_low = limit, below
            place += stride
        else:
            high, below_high = limit, below
            place -= stride
        if (low > -np.inf and high < np.inf) or not 0 <= place < _SAMPLE:
            break
        stride *= 2
    # ... and each further one is put where it should leave a margin on the wider side.
    for _ in range(_LIMITS):
        inside = below_high - below_low
        if inside <= few or not (low > -np.inf and high < np.inf):
            break
        margin = 0.35 * few + 0.02 * inside
        wanted = rank - margin if rank - below_low > below_high - rank else rank + margin
        share = min(max((wanted - below_low) / inside, 0.02), 0.98)
        limit = low + share * (high - low)
        if not low < limit < high:
            break
        below = _count_below(values, n, limit)
        if below <= rank:
            low, below_low = limit, below
        else:
            high, below_high = limit, below
    return low, high, below_low, below_high


@njit(cache=True, nogil=True)
def _gather_around(values, n, rank, work, gathered):
    """
    Fill ``work`` with all values near the one of that rank.

    ``gathered`` is told how many lie below what was gathered, how many were gathered, and
    whether they are sorted.
    """
    few = max(_FEW, n // 256)
    if n <= _SORTED:
        for i in range(n):
            work[i] = values[i]
        gathered[0], gathered[1] = 0, n
    else:
        low, high, gathered[0], below_high = _bracket(values, n, rank, few, work)
        gathered[1] = below_high - gathered[0]
        inside = 0
        for begin in range(0, n, _CHUNK):
            part = values[begin : min(begin + _CHUNK, n)]
            here = 0
            for i in range(len(part)):
                here += part[i] < high
            for i in range(len(part)):
                here -= part[i] < low
            if here > 0:
                for i in range(len(part)):
                    work[inside] = part[i]
                    inside += (part[i] >= low) & (part[i] < high)
    gathered[2] = gathered[1] <= max(_SORTED, few)
    if gathered[2]:
        # Room behind what was gathered.
        _sort_few(work, gathered[1], work[gathered[1] + 1 :])


@njit(cache=True, nogil=True)
def _sums_within(values, n, low, high, shift, lanes):
    """Count, sum and sum of squares (of value - shift) within [low, high], and how many lie below."""
    # Many chains of additions side by side: one alone waits for itself.
    sums, squares, counts, belows = lanes[0], lanes[1], lanes[2], lanes[3]
    lanes[:] = 0.0
    whole = n - n % _LANES
    for begin in range(0, whole, _LANES):
        part = values[begin : begin + _LANES]
        for lane in range(_LANES):
            value = part[lane]
            inside = (value >= low) & (value <= high)
            d = value - shift if inside else 0.0
            sums[lane] += d
            squares[lane] += d * d
            counts[lane] += 1.0 if inside else 0.0
            belows[lane] += 1.0 if value < low else 0.0
    count = below = s = q = 0.0
    for lane in range(_LANES):
        count += counts[lane]
        below += belows[lane]
        s += sums[lane]
        q += squares[lane]
    for i in range(whole, n):
        if low <= values[i] <= high:
            d = values[i] - shift
            count += 1.0
            s += d
            q += d * d
        elif values[i] < low:
            below += 1.0
    return int(count), s, q, int(below)


@njit(cache=True, nogil=True)
def _median_of_ranks(values, n, below, inside, work, gathered):
    """
    Median of the ``inside`` values that follow the ``below`` lowest.

    ``gathered`` holds the three numbers of `_gather_around` and is brought up to date.
    """
    lower, upper = below + (inside - 1) // 2, below + inside // 2
    if gathered[1] == 0 or lower < gathered[0] or upper >= gathered[0] + gathered[1]:
        _gather_around(values, n, lower, work, gathered)
        if upper >= gathered[0] + gathered[1]:
            gathered[0], gathered[1], gathered[2] = 0, n, 0
            work[:n] = values[:n]
    k = lower - gathered[0]
    if gathered[2]:
        return work[k] if upper == lower else 0.5 * (work[k] + work[k + 1])
    median = _select(work, gathered[1], k)
    if upper > lower:
        median = 0.5 * (median + work[k + 1 : gathered[1]].min())
    return median


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
def _clipped_statistics(data, firsts, lengths, bad, lower, upper, rounds, centre_is_mean, out, counts):
    size = lengths.sum()
    # One place more: a value is written before it is known whether it counts.
    values, work = np.empty(size + 1), np.empty(2 * max(size, _SORTED) + 2)
    gathered, lanes = np.zeros(3, np.int64), np.zeros((4, _LANES))
    n_masks = len(bad)
    nothing = np.empty(0, np.bool_)
    for b in range(len(data)):
        n = _load(data[b], bad[b if n_masks > 1 else 0] if n_masks > 0 else nothing, firsts, lengths, values)
        counts[b, 0] = n
        if n == 0:
            continue
        gathered[:] = 0
        low = set_low = -np.inf
        high = set_high = np.inf
        shift = _median_of_ranks(values, n, 0, n, work, gathered)
        median = shift
        inside, s, q, _ = _sums_within(values, n, low, high, shift, lanes)
        for _ in range(rounds):
            offset = s / inside
            std = math.sqrt(max(q / inside - offset * offset, 0.0))
            centre = shift + offset if centre_is_mean else median
            low, high = centre - lower * std, centre + upper * std
            set_low, set_high = max(set_low, low), min(set_high, high)
            before = inside
            inside, s, q, below = _sums_within(values, n, set_low, set_high, shift, lanes)
            if inside == before or inside == 0:
                break
            median = _median_of_ranks(values, n, below, inside, work, gathered)
        if set_low != low or set_high != high:
            # Limits decide in the end, as in astropy: a later, wider one lets back in
            # what an earlier one shut out.
            inside, s, q, below = _sums_within(values, n, low, high, shift, lanes)
            if inside > 0:
                median = _median_of_ranks(values, n, below, inside, work, gathered)
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
    data : `~numpy.ndarray` of float64, shape (B, P)
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
    data = np.ascontiguousarray(data, np.float64)
    bad = np.empty((0, data.shape[1]), bool) if bad is None else np.ascontiguousarray(bad, bool)
    out = np.full((len(data), 3), np.nan)
    counts = np.zeros((len(data), 2), np.int64)
    firsts, lengths = _runs(np.asarray(pixels, np.int64))
    _clipped_statistics(
        data, firsts, lengths, bad, float(lower), float(upper), int(rounds), centre == "mean", out, counts
    )
    return ClippedStatistics(out[:, 0], out[:, 1], out[:, 2], counts[:, 0], counts[:, 1])
