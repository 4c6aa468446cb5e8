"""Median, mean and standard deviation of many pixels after sigma clipping, by counting.

Clipping never moves a pixel here: it narrows an interval, and every quantity is a
count or a sum over the values within it. The median moves little from one round to
the next, so that the values around it, gathered once, serve all rounds.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

__all__ = ["ClippedStatistics", "clipped_statistics"]

# Up to this many values a selection among all of them is quicker than a bracket.
_SMALL = 1024


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
def _gather_around(values, n, rank, work):
    """
    Fill ``work`` with all values near the one of that rank.

    Returns how many lie below what was gathered, and how many were gathered.
    """
    if n > _SMALL:
        # Every so-manieth value tells between which two values the rank must lie,
        # to four standard deviations of a random sample (a caller checks).
        step = max(int(n ** (1.0 / 3.0) / 2.0), 1)
        size = 0
        for i in range(0, n, step):
            work[size] = values[i]
            size += 1
        expected = rank / n * size
        slack = 2.0 * math.sqrt(size) + 1.0
        low_rank, high_rank = int(expected - slack), int(expected + slack) + 1
        if low_rank >= 0 and high_rank < size:
            high = _select(work, size, high_rank)
            low = _select(work, high_rank, low_rank)
            below = inside = 0
            for i in range(n):
                value = values[i]
                work[inside] = value
                below += value < low
                inside += (value >= low) & (value <= high)
            if below <= rank < below + inside:
                return below, inside
    work[:n] = values[:n]
    return 0, n


@njit(cache=True, nogil=True)
def _guess_core(values, n, work):
    """An interval that clipping will hardly ever cut into: the middle 94 % of a sample of the values."""
    step = max(n // 1000, 1)
    size = 0
    for i in range(0, n, step):
        work[size] = values[i]
        size += 1
    high = _select(work, size, int(0.97 * (size - 1)))
    return _select(work, size, int(0.03 * (size - 1))), high


@njit(cache=True, nogil=True)
def _split(values, n, low, high, shift, tails):
    """Count, sum and sum of squares (of value - shift) within [low, high]; the others go to ``tails``."""
    # Four chains of additions side by side: one alone waits for itself.
    m = 0
    s0 = s1 = s2 = s3 = 0.0
    q0 = q1 = q2 = q3 = 0.0
    whole = n - n % 4
    for i in range(0, whole, 4):
        v0, v1, v2, v3 = values[i], values[i + 1], values[i + 2], values[i + 3]
        in0, in1 = (v0 >= low) & (v0 <= high), (v1 >= low) & (v1 <= high)
        in2, in3 = (v2 >= low) & (v2 <= high), (v3 >= low) & (v3 <= high)
        d0, d1 = (v0 - shift if in0 else 0.0), (v1 - shift if in1 else 0.0)
        d2, d3 = (v2 - shift if in2 else 0.0), (v3 - shift if in3 else 0.0)
        tails[m] = v0
        m += not in0
        tails[m] = v1
        m += not in1
        tails[m] = v2
        m += not in2
        tails[m] = v3
        m += not in3
        s0 += d0
        s1 += d1
        s2 += d2
        s3 += d3
        q0 += d0 * d0
        q1 += d1 * d1
        q2 += d2 * d2
        q3 += d3 * d3
    for i in range(whole, n):
        if low <= values[i] <= high:
            d = values[i] - shift
            s0 += d
            q0 += d * d
        else:
            tails[m] = values[i]
            m += 1
    return n - m, (s0 + s1) + (s2 + s3), (q0 + q1) + (q2 + q3), m


@njit(cache=True, nogil=True)
def _sums_within(values, n, low, high, shift, core, held, tails):
    """
    Count below ``low``, and count, sum and sum of squares (of value - shift) within [low, high].

    ``core`` holds an interval with the sums over it, ``held`` its count and the number
    of ``tails`` outside it. They are renewed when the limits cut into the core.
    """
    if low > core[0] or high < core[1]:
        margin = (high - low) / 6.0
        core[0], core[1] = low + margin, high - margin
        held[0] = -1
    if held[0] < 0:
        held[0], core[2], core[3], held[1] = _split(values, n, core[0], core[1], shift, tails)
    below, inside = 0, held[0]
    s, q = core[2], core[3]
    for i in range(held[1]):
        value = tails[i]
        if value < low:
            below += 1
        elif value <= high:
            inside += 1
            d = value - shift
            s += d
            q += d * d
    return below, inside, s, q


@njit(cache=True, nogil=True)
def _median_of_ranks(values, n, below, inside, work, gathered):
    """
    Median of the ``inside`` values that follow the ``below`` lowest.

    ``gathered`` holds the two numbers of `_gather_around` and is brought up to date.
    """
    lower, upper = below + (inside - 1) // 2, below + inside // 2
    if gathered[1] == 0 or lower < gathered[0] or upper >= gathered[0] + gathered[1]:
        gathered[0], gathered[1] = _gather_around(values, n, lower, work)
        if upper >= gathered[0] + gathered[1]:
            gathered[0], gathered[1] = 0, n
            work[:n] = values[:n]
    k = lower - gathered[0]
    median = _select(work, gathered[1], k)
    if upper > lower:
        median = 0.5 * (median + work[k + 1 : gathered[1]].min())
    return median


@njit(cache=True, nogil=True)
def _clipped_statistics(data, pixels, bad, lower, upper, rounds, centre_is_mean, out, counts):
    # One place more: a value is written before it is known whether it counts.
    values, work, tails = np.empty(len(pixels) + 1), np.empty(len(pixels) + 1), np.empty(len(pixels) + 1)
    gathered, held = np.zeros(2, np.int64), np.zeros(2, np.int64)
    core = np.zeros(4)
    n_masks = len(bad)
    for b in range(len(data)):
        n = 0
        for p in range(len(pixels)):
            value = data[b, pixels[p]]
            values[n] = value
            n += math.isfinite(value) and not (n_masks > 0 and bad[b if n_masks > 1 else 0, pixels[p]])
        counts[b, 0] = n
        if n == 0:
            continue
        gathered[:] = 0
        held[0] = -1
        core[0], core[1] = _guess_core(values, n, work)
        low = set_low = -np.inf
        high = set_high = np.inf
        shift = _median_of_ranks(values, n, 0, n, work, gathered)
        median = shift
        below, inside, s, q = _sums_within(values, n, low, high, shift, core, held, tails)
        for _ in range(rounds):
            offset = s / inside
            std = math.sqrt(max(q / inside - offset * offset, 0.0))
            centre = shift + offset if centre_is_mean else median
            low, high = centre - lower * std, centre + upper * std
            set_low, set_high = max(set_low, low), min(set_high, high)
            before = inside
            below, inside, s, q = _sums_within(values, n, set_low, set_high, shift, core, held, tails)
            if inside == before or inside == 0:
                break
            median = _median_of_ranks(values, n, below, inside, work, gathered)
        if set_low != low or set_high != high:
            # Limits decide in the end, as in astropy: a later, wider one lets back in
            # what an earlier one shut out.
            below, inside, s, q = _sums_within(values, n, low, high, shift, core, held, tails)
            if inside > 0:
                median = _median_of_ranks(values, n, below, inside, work, gathered)
        counts[b, 1] = inside
        if inside == 0:
            continue
        offset = s / inside
        out[b, 0] = median
        out[b, 1] = shift + offset
        out[b, 2] = math.sqrt(max(q / inside - offset * offset, 0.0))


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
    pixels = np.ascontiguousarray(pixels, np.int64)
    _clipped_statistics(data, pixels, bad, float(lower), float(upper), int(rounds), centre == "mean", out, counts)
    return ClippedStatistics(out[:, 0], out[:, 1], out[:, 2], counts[:, 0], counts[:, 1])
