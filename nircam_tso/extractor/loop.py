"""The loop over blocks: read, measure, and put the numbers together in order."""

import math
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import reduce

import numpy as np

from nircam_tso.extractor.block import measure_block
from nircam_tso.extractor.boxes import Box
from nircam_tso.extractor.remote import excerpt, pack, slots, unpack
from nircam_tso.extractor.workers import answer, give_up, watched
from nircam_tso.io.bands import Part, within
from nircam_tso.measure.cosmics import context

__all__ = ["measure_all"]

#: Bytes of one block's pixels as float64: large enough to spread the cost of a step
#: over many integrations, small enough that a few blocks at once do not matter.
_BLOCK_BYTES = 16_000_000
#: Integrations of a block at most: the arrays of more are so large that the system takes them
#: back after each step, and fills them with zeros again for the next.
_MOST_ROWS = 256
#: Blocks that each worker gets of a short series, so that none waits for another, but for very few integrations.
_BLOCKS_EACH, _LEAST_ROWS = 4, 16
#: The bytes for pixels that are sent to another process.
_SENT_BYTES = 3_000_000


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

    Raises
    ------
    WorkerCrashError
        If a worker died, ran out of memory, or its pool was closed.
    """
    n = len(exposure)
    part = _wanted(plans, exposure.shape)
    # Other processes read files for themselves, but pixels in memory must be sent.
    elsewhere = executor is not None and not isinstance(executor, ThreadPoolExecutor)
    sent = elsewhere and exposure.in_memory
    workers = slots(executor)
    per_block = block_size or _default_block_size(
        plans[0].settings, part, exposure, _SENT_BYTES if sent else _BLOCK_BYTES, workers
    )
    per_block = max(1, min(per_block, exposure.policy.max_memory // (4 * workers * exposure.integration_bytes)))
    ranges = [(first, min(first + per_block, n)) for first in range(0, n, per_block)]
    bar = progress(total=n) if progress is not None else None
    parts = []
    own = executor is None
    pool = ThreadPoolExecutor(min(workers, len(ranges))) if own else executor
    parcel = pack(plans) if elsewhere else None
    ahead = 2 * workers
    waiting = deque()
    patient = True
    try:
        todo = iter(ranges)
        while True:
            while len(waiting) < ahead and (bounds := next(todo, None)) is not None:
                task = (_read_and_measure, plans, exposure, part, *bounds)
                if sent:
                    task = (_measure_there, parcel, part, _read(plans, exposure, part, *bounds), *bounds, n)
                elif elsewhere:
                    lo, hi = _range(plans, n, *bounds)
                    some, start = excerpt(exposure, lo, hi)
                    task = (_read_and_measure_there, parcel, some, start, hi - lo, part, *bounds, n)
                with watched(exposure, *bounds, submitting=True):
                    future = pool.submit(*task)
                waiting.append((bounds, future))
            if not waiting:
                break
            (first, stop), future = waiting.popleft()
            with watched(exposure, first, stop):
                parts.append(answer(pool, future))
            if bar is not None:
                bar.update(stop - first)
    except KeyboardInterrupt:
        # Who interrupts does not want to wait for the blocks under way.
        patient = False
        raise
    finally:
        give_up(pool, [future for _, future in waiting])
        if own:
            pool.shutdown(wait=patient, cancel_futures=True)
        if bar is not None:
            bar.close()
    return [
        {name: np.concatenate([part[star][name] for part in parts]) for name in parts[0][star]}
        for star in range(len(plans))
    ]


def _wanted(plans, shape):
    """The smallest part of the images that holds what all stars need, and the variances that are used."""
    read, box = (reduce(Box.joined, (getattr(plan, name) for plan in plans)) for name in ("read", "box"))
    # Ramps are reduced with all of their variances.
    return Part.of(shape, *read.window, box.window if plans[0].ramp is None else None)


def _default_block_size(settings, part, exposure, most, workers):
    per_integration = 8 * math.prod(part.shape) * (exposure.n_groups or 1)
    # Neighbours in time are read again by the next block: not more often than need be.
    least = 2 * settings.clean_window if settings.clean else 1
    fair = max(-(-len(exposure) // (_BLOCKS_EACH * workers)), _LEAST_ROWS)
    return int(np.clip(min(most // per_integration, fair), least, _MOST_ROWS))


def _range(plans, n, first, stop):
    """Integrations to read for a block: with neighbours, where the search for cosmic rays asks for them."""
    window = plans[0].settings.clean_window if plans[0].settings.clean else 0
    return context(first, stop, n, window) if window else (first, stop)


def _read(plans, exposure, part, first, stop):
    """Pixels, and the flags of integrations that could not be read."""
    bounds = _range(plans, len(exposure), first, stop)
    return exposure.read_flagged(*bounds, *part.window, variance_of=part.variance_of, as_stored=True)


def _read_and_measure(plans, exposure, part, first, stop):
    return _measure(plans, part, _read(plans, exposure, part, first, stop), first, stop, len(exposure))


def _read_and_measure_there(parcel, exposure, start, count, part, first, stop, n):
    read = exposure.read_flagged(start, start + count, *part.window, variance_of=part.variance_of, as_stored=True)
    return _measure_there(parcel, part, read, first, stop, n)


def _measure_there(parcel, part, read, first, stop, n):
    return _measure(unpack(parcel), part, read, first, stop, n)


def _measure(plans, part, read, first, stop, n):
    block, flags = read
    lo, _ = _range(plans, n, first, stop)
    flags = np.repeat(flags[first - lo : stop - lo], plans[0].steps)
    result = []
    for plan in plans:
        inner = None if part.variance_of is None else within(plan.box.window, part.window)
        own = block.cut(*within(plan.read.window, part.window), inner)
        numbers = measure_block(plan, own, (lo, first, stop, n))
        numbers["quality"] |= flags
        result.append(numbers)
    return result
