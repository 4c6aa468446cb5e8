"""Values of given ranks among many, found by counting.

A processor counts many values at a time but sorts one after another: limits close in on
the value that is looked for, each put where the counts below the last ones say, until so
few values are left between them that these are gathered and sorted.
"""

import numpy as np
from numba import njit

__all__ = ["MIN_ROOM", "median_of_ranks", "select"]

# Values that are sorted at once, and how many limits should leave at least and of a thousand, so that
# the next median may lie beside the last one; of how many values the first limits are taken, and how
# many limits are tried before values that are alike are told from bad luck.
_SORTED = 128
_FEW, _THOUSANDTHS = 16, 1
_SAMPLE = 64
_LIMITS = 16
# Values that are looked through together, and parts of these, when some are gathered.
_CHUNK, _PART = 64, 8

#: Places that ``work`` has at least in `median_of_ranks`, whatever the number of values.
MIN_ROOM = 2 * _SORTED + 2


@njit(cache=True, nogil=True)
def select(values, n, k):
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
    # Small counters run many at a time.
    for begin in range(0, n, 4096):
        part = values[begin : min(begin + 4096, n)]
        here = np.int32(0)
        for i in range(len(part)):
            here += np.int32(part[i] < limit)
        count += here
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
def _narrowed(limits, counts, limit, below, rank):
    """Take a limit with so many values below it for the lower or the upper one, if it is nearer."""
    if below <= rank:
        if limit > limits[0]:
            limits[0], counts[0] = limit, below
    # The next value may be asked for, too.
    elif below > rank + 1 and limit < limits[1]:
        limits[1], counts[1] = limit, below


@njit(cache=True, nogil=True)
def _from_hint(values, n, rank, hint, limits, counts):
    """Close in on a rank from where it was in a similar row of values."""
    first, last = _count_below(values, n, hint[0]), _count_below(values, n, hint[1])
    _narrowed(limits, counts, hint[0], first, rank)
    _narrowed(limits, counts, hint[1], last, rank)
    if first <= rank < last or last == first:
        return
    # The levels of rows differ, their density hardly does.
    width = (hint[1] - hint[0]) / (last - first)
    for _ in range(3):
        if first > rank:
            hint[1] = limits[1] - values.dtype.type((1.1 * (counts[1] - rank) + _FEW / 3) * width)
        else:
            hint[1] = limits[0] + values.dtype.type((1.1 * (rank - counts[0]) + _FEW / 3) * width)
        if not limits[0] < hint[1] < limits[1]:
            return
        _narrowed(limits, counts, hint[1], _count_below(values, n, hint[1]), rank)
        if limits[0] > -np.inf and limits[1] < np.inf:
            return


@njit(cache=True, nogil=True)
def _from_sample(values, n, rank, work, limits, counts):
    """Close in on a rank from those of some of the values."""
    step = n // _SAMPLE
    for i in range(_SAMPLE):
        work[i] = values[i * step]
    _sort_few(work, _SAMPLE, work[_SAMPLE:])
    place = int(rank / n * _SAMPLE)
    stride = 4
    while True:
        below = _count_below(values, n, work[place])
        _narrowed(limits, counts, work[place], below, rank)
        place += stride if below <= rank else -stride
        if (limits[0] > -np.inf and limits[1] < np.inf) or not 0 <= place < _SAMPLE:
            break
        stride *= 2


@njit(cache=True, nogil=True)
def _bracket(values, n, rank, few, work, limits, counts, hint):
    """
    Two limits around the value of that rank and the next: at least the first and below the second.

    ``counts`` are the numbers of values below each; between them are few values, unless
    many are alike.
    """
    limits[0], limits[1] = -np.inf, np.inf
    counts[0], counts[1] = 0, n
    if hint[0] < hint[1]:
        _from_hint(values, n, rank, hint, limits, counts)
    if not (limits[0] > -np.inf and limits[1] < np.inf):
        _from_sample(values, n, rank, work, limits, counts)
    # Each further limit is put where it should leave a margin on the wider side.
    for _ in range(_LIMITS):
        inside = counts[1] - counts[0]
        if inside <= few or not (limits[0] > -np.inf and limits[1] < np.inf):
            break
        margin = 0.35 * few + 0.02 * inside
        wanted = rank - margin if rank - counts[0] > counts[1] - rank else rank + margin
        share = min(max((wanted - counts[0]) / inside, 0.02), 0.98)
        # By way of the array, which rounds as the values are rounded.
        limits[2] = limits[0] + share * (limits[1] - limits[0])
        if not limits[0] < limits[2] < limits[1]:
            break
        _narrowed(limits, counts, limits[2], _count_below(values, n, limits[2]), rank)
    hint[0], hint[1] = limits[0], limits[1]
    if not (hint[0] > -np.inf and hint[1] < np.inf):
        hint[0] = hint[1] = 0


@njit(cache=True, nogil=True)
def _gather_around(values, n, rank, work, gathered, limits, hint):
    """
    Fill ``work`` with all values near the one of that rank.

    ``gathered`` is told how many lie below what was gathered, how many were gathered, and
    whether they are sorted.
    """
    if n <= _SORTED:
        for i in range(n):
            work[i] = values[i]
        gathered[0], gathered[1] = 0, n
    else:
        counts = gathered[3:]
        _bracket(values, n, rank, min(max(_FEW, n * _THOUSANDTHS // 1000), _SORTED), work, limits, counts, hint)
        low, high = limits[0], limits[1]
        inside = 0
        for begin in range(0, n, _CHUNK):
            part = values[begin : min(begin + _CHUNK, n)]
            here = np.int32(0)
            for i in range(len(part)):
                here += np.int32((part[i] >= low) & (part[i] < high))
            if here == 0:
                continue
            for first in range(0, len(part), _PART):
                few = part[first : first + _PART]
                here = np.int32(0)
                for i in range(len(few)):
                    here += np.int32((few[i] >= low) & (few[i] < high))
                if here == 0:
                    continue
                for i in range(len(few)):
                    if low <= few[i] < high:
                        work[inside] = few[i]
                        inside += 1
        gathered[0], gathered[1] = counts[0], inside
    gathered[2] = gathered[1] <= _SORTED
    if gathered[2]:
        # Room behind what was gathered.
        _sort_few(work, gathered[1], work[gathered[1] + 1 :])


@njit(cache=True, nogil=True)
def median_of_ranks(values, n, below, inside, work, gathered, limits, hint):
    """
    Median of some values that follow each other in rank.

    Parameters
    ----------
    values : `~numpy.ndarray` of float32 or float64, shape (at least n,)
        Finite values.
    n : int
        How many of them count.
    below, inside : int
        The median is that of the ``inside`` values that follow the ``below`` lowest.
    work : `~numpy.ndarray` of the same type, shape (at least max(n + 1, MIN_ROOM),)
        Room; between calls with the same values it holds those near the last median, of which the
        one of rank r lies at ``r - gathered[0]`` if it is one of the middle ones.
    gathered : `~numpy.ndarray` of int64, shape (5,)
        What is known of ``work``: 0 for new values, handed on between calls.
    limits : `~numpy.ndarray` of the same type as the values, shape (3,)
        Room.
    hint : `~numpy.ndarray` of the same type, shape (2,)
        Two limits about the median of a similar row of values, or the same number twice.
        Changes how long it takes, never what comes out; brought up to date.

    Returns
    -------
    float
        Half the sum of the middle values, as float64, if ``inside`` is even.
    """
    lower, upper = below + (inside - 1) // 2, below + inside // 2
    if gathered[1] == 0 or lower < gathered[0] or upper >= gathered[0] + gathered[1]:
        _gather_around(values, n, lower, work, gathered, limits, hint)
        if upper >= gathered[0] + gathered[1]:
            gathered[0], gathered[1], gathered[2] = 0, n, 0
            work[:n] = values[:n]
    k = lower - gathered[0]
    if gathered[2]:
        return np.float64(work[k]) if upper == lower else 0.5 * (np.float64(work[k]) + np.float64(work[k + 1]))
    median = np.float64(select(work, gathered[1], k))
    if upper > lower:
        median = 0.5 * (median + np.float64(work[k + 1 : gathered[1]].min()))
    return median
