"""The loop over blocks: read, measure, and put the numbers together in order."""

import math
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from functools import reduce

import numpy as np

from nircam_tso.extractor.block import measure_block
from nircam_tso.extractor.boxes import Box
from nircam_tso.extractor.remote import excerpt, pack, slots, unpack
from nircam_tso.extractor.workers import answer, give_up, watched
from nircam_tso.io.bands import Part, within
from nircam_tso.measure.background import AnnulusBackground, FrameBackground
from nircam_tso.measure.cosmics import context

__all__ = ["keep_memory", "measure_all"]

#: Bytes that are read for one block: large enough to spread the cost of a step
#: over many integrations, small enough that a few blocks at once do not matter.
_BLOCK_BYTES = 16_000_000
#: Bytes of one block's pixels that are measured where they lie; flags of theirs take a quarter of that.
_BYTES_IN_PLACE = 64_000_000
#: Bytes of the boxes that are measured at once, and integrations of a block at most.
_BOX_BYTES, _MOST_ROWS = 8_000_000, 400
#: Blocks that each worker gets of a short series, so that none waits for another, but for very few integrations.
_BLOCKS_EACH, _LEAST_ROWS = 3, 16
#: The largest piece of memory that the C library keeps after one of its size was given back.
_KEPT_BYTES = 31 << 20
#: The bytes for pixels that are sent to another process.
_SENT_BYTES = 3_000_000


def measure_all(plans, exposure, *, beside=None, executor=None, progress=None, block_size=None):
    """
    Measure every integration of an exposure.

    Parameters
    ----------
    plans : sequence of `~nircam_tso.extractor.plan.Plan`
        One per star; all are measured in the same pixels, read once.
    exposure : `~nircam_tso.io.exposure.Exposure`
        What is measured.
    beside : callable, optional
        What else is to be done meanwhile, without arguments: by one of the function's own threads. If there
        is an executor, whose workers may be forks, by none: by the caller's, once they have something to do.
    executor : `concurrent.futures.Executor`, optional
        Where blocks are measured; threads of its own, one per processor, if None.
    progress : callable, optional
        Called as ``progress(total=n)``; returns an object with ``update(k)`` and ``close()``.
    block_size : int, optional
        Integrations per block; changes no number.

    Returns
    -------
    numbers : list of dict of str to `~numpy.ndarray`
        For each star the columns from `~nircam_tso.extractor.block.measure_block`.
    other : object
        What ``beside`` returned.

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
    per_block = block_size or _default_block_size(plans, part, exposure, _SENT_BYTES if sent else _BLOCK_BYTES, workers)
    per_block = max(1, min(per_block, exposure.policy.max_memory // (4 * workers * exposure.integration_bytes)))
    if block_size is None:
        # As many blocks for each worker, all of one size.
        n_blocks = -(-n // per_block)
        n_blocks = min(-(-n_blocks // workers) * workers, n) if n > _LEAST_ROWS else n_blocks
        per_block = -(-n // n_blocks)
    ranges = [(first, min(first + per_block, n)) for first in range(0, n, per_block)]
    bar = progress(total=n) if progress is not None else None
    numbers = [{} for _ in plans]
    own = executor is None
    pool = ThreadPoolExecutor(min(workers, len(ranges) + 1)) if own else executor
    parcel = pack(plans) if elsewhere else None
    ahead = 2 * workers
    waiting = deque()
    patient = True
    try:
        # More threads than processors would only take turns.
        other = pool.submit(beside or _nothing) if own else None
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
            if other is None:
                # Not in a thread: a process that is forked while one works may wait for ever for what that one holds.
                other = Future()
                other.set_result((beside or _nothing)())
            if not waiting:
                break
            (first, stop), future = waiting.popleft()
            with watched(exposure, first, stop):
                _keep(numbers, answer(pool, future), first, stop, n)
            if bar is not None:
                bar.update(stop - first)
        other = other.result()
    except KeyboardInterrupt:
        # Who interrupts does not want to wait for the blocks under way.
        patient = False
        raise
    finally:
        try:
            give_up(pool, [future for _, future in waiting])
            if own:
                pool.shutdown(wait=patient, cancel_futures=True)
        finally:
            # Whatever interrupts the above: a bar that is closed later writes over what the user is told.
            if bar is not None:
                bar.close()
    return numbers, other


def _keep(numbers, part, first, stop, n):
    """Put one block's columns in their places: twice the memory of long ones is never taken."""
    for whole, own in zip(numbers, part, strict=True):
        for name, values in own.items():
            steps = len(values) // (stop - first)
            if name not in whole:
                whole[name] = np.empty(n * steps, values.dtype)
            whole[name][first * steps : stop * steps] = values


def _nothing():
    """Nothing else is to be done."""


def keep_memory():
    """
    Tell the C library to keep the memory of one block for the next.

    glibc hands pieces above a threshold back to the system as soon as they are free, and the
    system fills them with zeros when they are asked for again, which takes a third of the time
    of small images. The threshold is the size of the largest piece that was ever given back, up to 32 MB: one
    piece that nobody ever writes to, so that it costs nothing, sets it. Elsewhere this does nothing.
    """
    np.empty(_KEPT_BYTES, np.uint8)


def _wanted(plans, shape):
    """The smallest part of the images that holds what all stars need, and the variances that are used."""
    read, box = (reduce(Box.joined, (getattr(plan, name) for plan in plans)) for name in ("read", "box"))
    # Ramps are reduced with all of their variances.
    return Part.of(shape, *read.window, box.window if plans[0].ramp is None else None)


def _default_block_size(plans, part, exposure, most, workers):
    settings = plans[0].settings
    segment = exposure.segments[0]
    # With one level of the sky, and nothing to take off before, pixels stay as they are stored.
    plain = settings.striping is None and isinstance(settings.background, FrameBackground | AnnulusBackground | None)
    size = segment.dtype.itemsize if plain and not exposure.n_groups else 8
    if plain and most == _BLOCK_BYTES and segment.view(0, 1, part) is not None:
        # Nothing is read, either.
        most = _BYTES_IN_PLACE
    by_pixels = most // (size * math.prod(part.shape) * (exposure.n_groups or 1))
    by_boxes = _BOX_BYTES // (8 * max(math.prod(plan.box.shape) for plan in plans))
    # Neighbours in time are read again by the next block: not more often than need be.
    least = 2 * settings.clean_window if settings.clean else 1
    fair = max(-(-len(exposure) // (_BLOCKS_EACH * workers)), _LEAST_ROWS)
    return int(np.clip(min(by_pixels, by_boxes, fair), least, _MOST_ROWS))


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
    keep_memory()
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
