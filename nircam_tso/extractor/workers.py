"""What may happen to those who measure the blocks, told in one error and never waited for without end.

A pool of processes tells when one of them dies. A Dask client does not always: an answer
that is under way while its cluster closes, and a task that is handed over at that moment,
are dropped without a word, and who awaits them waits for ever. So a cluster is looked at
from time to time while its answers are awaited.
"""

import threading
import time
import weakref
from concurrent.futures import BrokenExecutor, CancelledError, wait
from contextlib import contextmanager, suppress

from nircam_tso.exceptions import NircamTSOError, WorkerCrashError

__all__ = ["answer", "close_client", "give_up", "watched", "worker_threads"]

#: Seconds between two looks at a cluster, and between two questions to its scheduler.
_LOOK, _ASK = 1, 10
#: Seconds for which a cluster may be in a state out of which no answer comes.
_PATIENCE = {"closed": 5, "forgotten": 30, "empty": 60, "silent": 120, "unborn": 600}
_WORDS = {
    "closed": "its Dask client is closed",
    "forgotten": "the Dask cluster has dropped it",
    "empty": "the Dask cluster has no worker any more",
    "unborn": "the Dask cluster has had no worker yet",
    "silent": "the Dask scheduler does not answer",
}
#: Seconds for leaving a cluster that may be gone.
_FAREWELL = 5

#: Clients of clusters that have had workers.
_staffed: weakref.WeakSet[object] = weakref.WeakSet()


def answer(pool, future):
    """
    The answer to a task, or an error once none can come any more.

    Parameters
    ----------
    pool : `concurrent.futures.Executor`
        Where the task was handed in.
    future : `concurrent.futures.Future`
        The task.

    Returns
    -------
    object
        What the task gave.

    Raises
    ------
    `concurrent.futures.BrokenExecutor`
        If a Dask cluster is closed, has dropped the task, has lost all of its workers, its
        scheduler is silent, or it never gets a worker: after 5 s, 30 s, a minute, two
        minutes, ten minutes.
    Exception
        What the task raised.

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> from nircam_tso.extractor.workers import answer
    >>> with ThreadPoolExecutor(1) as pool:
    ...     print(answer(pool, pool.submit(sum, [1, 2])))
    3
    """
    client = getattr(pool, "_client", None)
    if client is None:
        return future.result()
    cluster = _Cluster(pool, client)
    while not wait([future], timeout=_LOOK).done:
        cluster.look()
    return future.result()


class _Cluster:
    """How long a Dask cluster has been in each state out of which no answer comes."""

    def __init__(self, pool, client):
        self._pool, self._client = pool, client
        self._since = {}
        self._asked = time.monotonic()

    def look(self):
        """Raise `concurrent.futures.BrokenExecutor` once a state has lasted too long."""
        self._note("closed", self._client.status in ("closing", "closed"))
        self._note("forgotten", not self._pending())
        if time.monotonic() - self._asked > _ASK:
            threads = self._threads()
            self._note("silent", threads is None)
            if threads is not None:
                # A cluster that grows when it is asked may begin with none.
                self._note("empty", self._client in _staffed and not threads)
                self._note("unborn", self._client not in _staffed)
            self._asked = time.monotonic()
        for state, since in self._since.items():
            if time.monotonic() - since > _PATIENCE[state]:
                raise BrokenExecutor(_WORDS[state])

    def _note(self, state, holds):
        if not holds:
            self._since.pop(state, None)
        else:
            self._since.setdefault(state, time.monotonic())

    def _pending(self):
        """Whether Dask itself says that it works on any task of the pool."""
        try:
            return any(task.status in ("pending", "lost") for task in list(self._pool._futures))
        except (AttributeError, RuntimeError):
            # Another thread is just handing in a task.
            return True

    def _threads(self):
        try:
            return worker_threads(self._client, _ASK)
        except Exception:
            return None


def worker_threads(client, seconds):
    """
    How many threads the workers of a Dask cluster have.

    Parameters
    ----------
    client : `distributed.Client`
        A client.
    seconds : float
        How long to wait for the scheduler's answer.

    Returns
    -------
    int

    Raises
    ------
    Exception
        Of whatever kind, if there is no answer.
    """
    threads = sum(client.sync(client.scheduler.ncores, callback_timeout=seconds).values())
    if threads:
        _staffed.add(client)
    return threads


def give_up(pool, futures):
    """
    Take back tasks that nobody awaits any more.

    Parameters
    ----------
    pool : `concurrent.futures.Executor`
        Where they were handed in. A Dask cluster that does not answer is left to itself.
    futures : list of `concurrent.futures.Future`
        The tasks.
    """

    def cancel():
        for future in futures:
            future.cancel()

    if getattr(pool, "_client", None) is None:
        cancel()
    elif futures:
        _in_time(cancel)


def close_client(client):
    """
    Leave a Dask cluster that may be gone.

    Parameters
    ----------
    client : `distributed.Client`
        The client to close.
    """
    _in_time(lambda: client.close(timeout=_FAREWELL))


def _in_time(call):
    """Call something that may never return, and wait for some seconds at most."""

    def attempt():
        with suppress(Exception):
            call()

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(_FAREWELL)


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
