"""What is sent to another process for it to measure a block: little, and the plans packed once."""

import copy
import os
import pickle
from dataclasses import fields, replace
from functools import cached_property, lru_cache

import numpy as np
from astropy.io import fits

from nircam_tso.exceptions import WorkerCrashError
from nircam_tso.extractor.workers import worker_threads
from nircam_tso.io.pixels import FilePixels

__all__ = ["excerpt", "pack", "slots", "unpack"]

#: Seconds for which a cluster may be silent when it is asked how large it is.
_PATIENCE = 30


def slots(pool):
    """
    How many blocks an executor measures at once.

    Parameters
    ----------
    pool : `concurrent.futures.Executor`
        The executor; of a Dask cluster all threads of all workers count.

    Returns
    -------
    int

    Raises
    ------
    WorkerCrashError
        If the Dask cluster does not answer within 30 s.

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> from nircam_tso.extractor.remote import slots
    >>> with ThreadPoolExecutor(3) as pool:
    ...     print(slots(pool))
    3
    """
    client = getattr(pool, "_client", None)
    if client is not None:
        try:
            return max(worker_threads(client, _PATIENCE), 1)
        except Exception as error:
            text = " ".join(str(error).split())
            raise WorkerCrashError(
                f"executor: its Dask cluster does not answer ({type(error).__name__}: {text}); hand over another one"
            ) from error
    return getattr(pool, "_max_workers", None) or os.cpu_count() or 1


def pack(plans):
    """
    Pack the plans for all tasks of a series, which would pack them again one by one.

    Parameters
    ----------
    plans : sequence of `~nircam_tso.extractor.plan.Plan`
        The plans.

    Returns
    -------
    bytes
    """
    return pickle.dumps(list(plans), protocol=pickle.HIGHEST_PROTOCOL)


@lru_cache(maxsize=4)
def unpack(parcel):
    """
    Plans out of a parcel; a worker unpacks each series once.

    Parameters
    ----------
    parcel : bytes
        From `pack`.

    Returns
    -------
    list of `~nircam_tso.extractor.plan.Plan`
    """
    return pickle.loads(parcel)


def excerpt(exposure, first, stop):
    """
    The part of an exposure that holds some integrations, to be read elsewhere.

    Parameters
    ----------
    exposure : `~nircam_tso.io.exposure.Exposure`
        The exposure.
    first, stop : int
        Range of integrations.

    Returns
    -------
    part : `~nircam_tso.io.exposure.Exposure`
        Only the segments in question, and of them only what tells where the pixels
        are: no headers and no tables of times.
    start : int
        Where the range begins in it.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.extractor.remote import excerpt
    >>> from nircam_tso.io.sources import open_exposure
    >>> part, start = excerpt(open_exposure(np.arange(24.0).reshape(6, 2, 2)), 4, 5)
    >>> part.read(start, start + 1).data.tolist()
    [[[16.0, 17.0], [18.0, 19.0]]]
    """
    source = exposure.source
    low, high = int(source[first]), int(source[stop - 1]) + 1
    part = copy.copy(exposure)
    for name in list(vars(part)):
        # Worked out anew, if it is asked for: it is as long as the series.
        if isinstance(getattr(type(part), name, None), cached_property):
            delattr(part, name)
    part.segments = [_slim(segment) for segment in exposure.segments[low:high]]
    part._stops = np.cumsum([segment.n_integrations for segment in part.segments])
    return part, first - int(np.searchsorted(source, low))


def _slim(segment):
    left_out = {"header": fits.Header(), "int_times": None, "notes": []}
    names = (entry.name for entry in fields(segment) if entry.init and entry.name not in left_out)
    return replace(segment, **{name: _anywhere(getattr(segment, name)) for name in names}, **left_out)


def _anywhere(value):
    """Pixels of files by names that hold in whatever folder a worker runs; other values as they are."""
    if isinstance(value, tuple):
        return tuple(_anywhere(part) for part in value)
    if isinstance(value, FilePixels):
        return replace(value, stored=replace(value.stored, path=os.path.abspath(value.stored.path)))
    return value
