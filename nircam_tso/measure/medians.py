"""Medians in time of every pixel, and the median distances from them.

All pixels of a piece go through one network of comparisons together: which two images are
compared next does not depend on their values, so that a processor compares many pixels at a
time, where a sort takes one after another.
"""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit

__all__ = ["MAD_TO_SIGMA", "median_deviation", "nan_median"]

#: From a normal distribution's median absolute deviation to its standard deviation.
MAD_TO_SIGMA = 1.482602218505602

# Numbers that go through the network together: few enough for the processor's nearest memory.
_TOGETHER = 4096
# Numbers from which on a thread of its own is worth its start.
_WORTH = 500_000


@njit(cache=True, nogil=True)
def _sort(rows, n, width):
    """
    Sort rows[:n] in each column: K. E. Batcher's merge exchange.

    Knuth, The Art of Computer Programming, volume 3, section 5.2.2, algorithm M.
    """
    top = 1
    while 2 * top < n:
        top *= 2
    p = top if n > 1 else 0
    while p > 0:
        q, r, d = top, 0, p
        while True:
            for i in range(n - d):
                if i & p != r:
                    continue
                one, other = rows[i], rows[i + d]
                for k in range(width):
                    a, b = one[k], other[k]
                    one[k] = a if a < b else b
                    other[k] = b if a < b else a
            if q == p:
                break
            d, q, r = q - p, q // 2, p
        p //= 2


@njit(cache=True, nogil=True)
def _pick(rows, count, width, out):
    """Median of the first count[k] values of each column."""
    for k in range(width):
        if count[k] == 0:
            out[k] = np.nan
            continue
        low, high = rows[(count[k] - 1) // 2, k], rows[count[k] // 2, k]
        out[k] = 0.5 * (low + high)


@njit(cache=True, nogil=True)
def _medians(values, bad, offset, scale, first, stop, median, deviation):
    n = len(values)
    together = max(_TOGETHER // n, 16)
    rows = np.empty((n, together))
    count = np.zeros(together, np.int64)
    middle = np.zeros(together)
    for begin in range(first, stop, together):
        width = min(together, stop - begin)
        for step in range(2 if len(deviation) > 0 else 1):
            count[:] = 0
            for s in range(n):
                row, own = rows[s], values[s, begin : begin + width]
                for k in range(width):
                    row[k] = own[k] - offset[s]
                if scale[s] != 1.0:
                    for k in range(width):
                        row[k] /= scale[s]
                if step == 1:
                    for k in range(width):
                        row[k] = abs(row[k] - middle[k])
                for k in range(width):
                    good = row[k] - row[k] == 0.0
                    # What is unknown comes last.
                    row[k] = row[k] if good else np.inf
                    count[k] += good
                if len(bad) > 0:
                    hole = bad[s, begin : begin + width]
                    for k in range(width):
                        if hole[k]:
                            count[k] -= row[k] < np.inf
                            row[k] = np.inf
            _sort(rows, n, width)
            _pick(rows, count, width, middle)
            out = median if step == 0 else deviation
            for k in range(width):
                out[begin + k] = middle[k]


def _run(values, bad, offset, scale, deviation):
    values = np.asarray(values, np.float64)
    n, shape = len(values), values.shape[1:]
    size = int(np.prod(shape))
    bad = np.empty((0, 0), bool) if bad is None else np.ascontiguousarray(bad, bool).reshape(n, size)
    offset = np.zeros(n) if offset is None else np.ascontiguousarray(offset, np.float64)
    scale = np.ones(n) if scale is None else np.ascontiguousarray(scale, np.float64)
    median, spread = np.empty(size), np.empty(size if deviation else 0)
    flat = np.ascontiguousarray(values).reshape(n, size)
    n_threads = min(os.cpu_count() or 1, max(n * size // _WORTH, 1))
    bounds = [(size * k // n_threads, size * (k + 1) // n_threads) for k in range(n_threads)]

    def run(first, stop):
        _medians(flat, bad, offset, scale, first, stop, median, spread)

    if n_threads == 1:
        run(0, size)
    else:
        with ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(lambda pair: run(*pair), bounds))
    return median.reshape(shape), spread.reshape(shape) if deviation else None


def nan_median(
    values: np.ndarray,
    bad: np.ndarray | None = None,
    *,
    offset: np.ndarray | None = None,
    scale: np.ndarray | None = None,
) -> np.ndarray:
    """
    Median along the first axis over what is finite; NaN where there is nothing.

    Parameters
    ----------
    values : `~numpy.ndarray`, shape (n, ...)
        Values.
    bad : `~numpy.ndarray` of bool, shape (n, ...), optional
        True for values to leave out.
    offset, scale : `~numpy.ndarray`, shape (n,), optional
        Taken are ``(values - offset) / scale``.

    Returns
    -------
    `~numpy.ndarray` of float64, shape (...)
        numpy's own would warn where there is nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.medians import nan_median
    >>> nan_median(np.array([[1.0, np.nan], [3.0, np.nan], [np.nan, np.nan]]))
    array([ 2., nan])
    """
    return _run(values, bad, offset, scale, deviation=False)[0]


def median_deviation(
    values: np.ndarray,
    bad: np.ndarray | None = None,
    *,
    offset: np.ndarray | None = None,
    scale: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """
    Median along the first axis, and median absolute deviation from it.

    Parameters
    ----------
    values, bad, offset, scale
        As for `nan_median`.

    Returns
    -------
    median, deviation : `~numpy.ndarray` of float64, shape (...)
        NaN where there is nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.medians import median_deviation
    >>> median, deviation = median_deviation(np.array([[1.0], [2.0], [9.0]]))
    >>> float(median[0]), float(deviation[0])
    (2.0, 1.0)
    """
    return _run(values, bad, offset, scale, deviation=True)
