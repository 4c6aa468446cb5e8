"""What may happen to those who measure the blocks, told in one error."""

from concurrent.futures import BrokenExecutor, CancelledError
from contextlib import contextmanager

from nircam_tso.exceptions import NircamTSOError, WorkerCrashError

__all__ = ["watched"]


@contextmanager
def watched(exposure, first, stop, *, submitting=False):
    """
    Tell a worker that died from one that found a fault.

    Within the context a task is handed to a pool, or its answer awaited.

    Parameters
    ----------
    exposure : `~nircam_tso.io.exposure.Exposure`
        What is measured.
    first, stop : int
        Range of rows of the task.
    submitting : bool, optional
        Whether the task is just handed over: a pool that is shut down refuses it with a
        plain `RuntimeError`.

    Raises
    ------
    WorkerCrashError
        If a worker died, ran out of memory, or the pool or its scheduler is no more.
        Every other error, those of the package above all, is passed on as it is.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.extractor.workers import watched
    >>> from nircam_tso.io.sources import open_exposure
    >>> with watched(open_exposure(np.zeros((10, 32, 64))), 0, 4):
    ...     raise MemoryError
    Traceback (most recent call last):
    ...
    nircam_tso.exceptions.WorkerCrashError: a worker ran out of memory while it measured integrations 1 to 4; ...
    """
    try:
        yield
    except NircamTSOError:
        raise
    except MemoryError as error:
        raise _crash(
            exposure, first, stop, "a worker ran out of memory", "use fewer workers or a smaller max_memory"
        ) from error
    except (BrokenExecutor, CancelledError) as error:
        raise _died(exposure, first, stop, error) from error
    except Exception as error:
        if (submitting and isinstance(error, RuntimeError)) or _of_the_cluster(error):
            raise _died(exposure, first, stop, error) from error
        raise


def _of_the_cluster(error):
    """Whether an error is one of Dask's own, such as KilledWorker; Dask may not be installed."""
    return any(cls.__module__.partition(".")[0] == "distributed" for cls in type(error).__mro__)


def _died(exposure, first, stop, error):
    text = " ".join(str(error).split())
    return _crash(
        exposure,
        first,
        stop,
        "a worker died, or its pool was closed,",
        f"run again with a new executor, or with fewer workers if memory is short ({type(error).__name__}: {text})",
    )


def _crash(exposure, first, stop, what, advice):
    numbers = exposure.integration
    return WorkerCrashError(
        f"{what} while it measured integrations {numbers[first]} to {numbers[stop - 1]}; {advice}",
        path=exposure.segments[exposure.source[first]].path,
        integration=int(numbers[first]),
    )
