"""The loop over blocks: read, measure, and put the numbers together in order."""

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from nircam_tso.extractor.block import measure_block
from nircam_tso.measure.cosmics import context

__all__ = ["measure_all"]

#: Bytes of one block's pixels as float64: large enough to spread the cost of a step
#: over many integrations, small enough that a few blocks at once do not matter.
_BLOCK_BYTES = 16_000_000


def measure_all(plans, exposure, *, executor=None, progress=None, block_size=None):
    """
    Measure every integration of an exposure.

    Parameters
    ----------
    plans : sequence of `~nircam_tso.extractor.plan.Plan`
        One per star; all are measured in the same pixels, read once.
    exposure : `~nircam_tso.io.exposure.Exposure`
        What is measured.
    executor : `concurrent.futures.Executor`, optional
        Where blocks are measured; threads of its own, one per processor, if None.
    progress : callable, optional
        Called as ``progress(total=n)``; returns an object with ``update(k)`` and ``close()``.
    block_size : int, optional
        Integrations per block; changes no number.

    Returns
    -------
    list of dict of str to `~numpy.ndarray`
        For each star the columns from `~nircam_tso.extractor.block.measure_block`.
    """
    n = len(exposure)
    rows = slice(min(plan.read.rows.start for plan in plans), max(plan.read.rows.stop for plan in plans))
    per_block = block_size or _default_block_size(plans[0].settings, rows, exposure)
    workers = getattr(executor, "_max_workers", None) or os.cpu_count() or 1
    per_block = max(1, min(per_block, exposure.policy.max_memory // (4 * workers * exposure.integration_bytes)))
    ranges = [(first, min(first + per_block, n)) for first in range(0, n, per_block)]
    bar = progress(total=n) if progress is not None else None
    parts = []
    own = executor is None
    pool = ThreadPoolExecutor(min(os.cpu_count() or 1, len(ranges))) if own else executor
    # Other processes read files for themselves, but pixels in memory must be sent.
    shares_memory = isinstance(pool, ThreadPoolExecutor)
    remote = not shares_memory and exposure.in_memory
    ahead = 2 * (getattr(pool, "_max_workers", None) or os.cpu_count() or 1)
    waiting = deque()
    try:
        todo = iter(ranges)
        while True:
            while len(waiting) < ahead and (bounds := next(todo, None)) is not None:
                if remote:
                    future = pool.submit(_measure, plans, rows, _read(plans, exposure, rows, *bounds), *bounds, n)
                else:
                    future = pool.submit(_read_and_measure, plans, exposure, rows, *bounds)
                waiting.append((bounds, future))
            if not waiting:
                break
            (first, stop), future = waiting.popleft()
            parts.append(future.result())
            if bar is not None:
                bar.update(stop - first)
    finally:
        for _, future in waiting:
            future.cancel()
        if own:
            pool.shutdown(cancel_futures=True)
        if bar is not None:
            bar.close()
    return [
        {name: np.concatenate([part[star][name] for part in parts]) for name in parts[0][star]}
        for star in range(len(plans))
    ]


def _default_block_size(settings, rows, exposure):
    per_integration = 8 * (rows.stop - rows.start) * exposure.shape[1] * (exposure.n_groups or 1)
    # Neighbours in time are read again by the next block: not more often than need be.
    least = 2 * settings.clean_window if settings.clean else 1
    return int(np.clip(_BLOCK_BYTES // per_integration, least, 1024))


def _range(plans, n, first, stop):
    """Integrations to read for a block: with neighbours, where the search for cosmic rays asks for them."""
    window = plans[0].settings.clean_window if plans[0].settings.clean else 0
    return context(first, stop, n, window) if window else (first, stop)


def _read(plans, exposure, rows, first, stop):
    """Pixels, and the flags of integrations that could not be read."""
    return exposure.read_flagged(*_range(plans, len(exposure), first, stop), rows)


def _read_and_measure(plans, exposure, rows, first, stop):
    return _measure(plans, rows, _read(plans, exposure, rows, first, stop), first, stop, len(exposure))


def _measure(plans, rows, read, first, stop, n):
    block, flags = read
    lo, _ = _range(plans, n, first, stop)
    flags = np.repeat(flags[first - lo : stop - lo], plans[0].steps)
    result = []
    for plan in plans:
        part = slice(plan.read.rows.start - rows.start, plan.read.rows.stop - rows.start)
        numbers = measure_block(plan, block.band(part), (lo, first, stop, n))
        numbers["quality"] |= flags
        result.append(numbers)
    return result
