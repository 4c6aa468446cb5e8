"""Workers that die, break or find faults: an answer or an error, never a wait without end (rows 51 to 54, 56)."""

import json
import pickle
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest
from astropy.io import fits

from nircam_tso import TimeSeriesExtractor, exceptions
from nircam_tso.exceptions import NircamTSOError, ResourceLimitError, WorkerCrashError
from nircam_tso.extractor import loop

#: Seconds after which a run counts as hanging; a machine under load may need some of them.
WATCHDOG = 60

ERRORS = [
    getattr(exceptions, name) for name in exceptions.__all__ if issubclass(getattr(exceptions, name), NircamTSOError)
]


@pytest.fixture
def stack(tmp_path):
    """One file of 64 small images of an elongated star off the middle."""
    y, x = np.indices((24, 34))
    star = 900 * np.exp(-((x - 15.4) ** 2 / 5 + (y - 10.7) ** 2 / 3))
    frames = star + np.random.default_rng(4).normal(20, 3, (64, 24, 34))
    header = fits.Header({"MJD-OBS": 60000.0, "EXPTIME": 640.0})
    path = tmp_path / "star stack.fits"
    fits.writeto(path, frames.astype("f4"), header)
    return path


#: Runs in a process of its own, because a pool of forked workers wants one without threads.
#: The fault is put into the workers by the initializer of the pool.
POOL = """
import json, multiprocessing, os, sys
from concurrent.futures import ProcessPoolExecutor
from nircam_tso import TimeSeriesExtractor, exceptions

FAULT = '''
import os, signal
import nircam_tso.extractor.loop as loop
from nircam_tso import exceptions
real = loop.measure_block

def broken(plan, block, where):
    if where[1] <= 20 < where[2]:
        {fault}
    return real(plan, block, where)

loop.measure_block = broken
'''

if __name__ == "__main__":
    path, method, faults = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    told = []
    for fault in faults:
        with ProcessPoolExecutor(
            2,
            mp_context=multiprocessing.get_context(method),
            initializer=exec,
            initargs=(FAULT.format(fault=fault), {}),
        ) as pool:
            try:
                ts = TimeSeriesExtractor().extract(
                    path, axis="integrations", on_error="flag", executor=pool, block_size=4
                )
                told.append(["", len(ts), None, None])
            except Exception as error:
                told.append([type(error).__name__, str(error), error.path, error.integration])
    print(json.dumps(told))
    print(json.dumps(len(multiprocessing.active_children())))
"""

KILL = "os.kill(os.getpid(), signal.SIGKILL)"


def once(folder, fault):
    """The fault, the first time that the integration is met."""
    mark = str(folder / "met")
    return f"os.path.exists({mark!r}) or [open({mark!r}, 'w').close(), {fault}]"


def in_pool(run, tmp_path, path, method, faults):
    script = tmp_path / "script.py"
    script.write_text(POOL)
    code = f"import runpy, sys\nsys.argv[0] = {str(script)!r}\nrunpy.run_path({str(script)!r}, run_name='__main__')"
    if method == "spawn":
        # Spawned workers look for the main module by its file.
        code = f"import subprocess, sys\nsys.exit(subprocess.call([sys.executable, {str(script)!r}, *sys.argv[1:]]))"
    done = run(code, path, method, json.dumps(faults), timeout=3 * WATCHDOG)
    assert done.returncode == 0, done.stderr
    told, children = done.stdout.splitlines()[:2]
    assert json.loads(children) == 0
    return json.loads(told)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_killed_workers_of_a_pool(run, tmp_path, stack, record_property, method):
    told = in_pool(run, tmp_path, stack, method, [once(tmp_path, KILL), KILL, "pass"])
    for name, message, path, integration in told[:2]:
        assert name == "WorkerCrashError"
        assert path == str(stack) and str(stack) in message
        assert 1 <= integration <= 64 and "a worker died" in message
    # A new pool has no memory of it.
    assert told[2][:2] == ["", 64]
    record_property("kills survived", 2)


@pytest.mark.slow
def test_memory_of_a_worker(run, tmp_path, stack):
    faults = ["raise MemoryError", "bytearray(1 << 60)", "os._exit(1)"]
    for name, message, path, _ in in_pool(run, tmp_path, stack, "fork", faults):
        assert (name, path) == ("WorkerCrashError", str(stack)), message


@pytest.mark.slow
def test_every_error_comes_out_of_a_pool(run, tmp_path, stack):
    faults = [f"raise exceptions.{kind.__name__}('says so', path='b.fits', integration=7)" for kind in ERRORS]
    told = in_pool(run, tmp_path, stack, "fork", faults)
    assert [name for name, *_ in told] == [kind.__name__ for kind in ERRORS]
    assert all(rest == ["b.fits: says so", "b.fits", 7] for _, *rest in told)


def extract(path, executor=None):
    return TimeSeriesExtractor().extract(path, axis="integrations", on_error="flag", executor=executor, block_size=4)


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_comes_out_of_a_thread(stack, monkeypatch, kind):
    raised = kind("says so", path="b.fits", hdu="SCI", integration=7)
    monkeypatch.setattr(loop, "measure_block", lambda *_: (_ for _ in ()).throw(pickle.loads(pickle.dumps(raised))))
    with pytest.raises(kind) as caught:
        extract(stack)
    assert type(caught.value) is kind
    assert (caught.value.path, caught.value.hdu, caught.value.integration) == ("b.fits", "SCI", 7)


class Answers:
    """An executor all of whose tasks end in one way."""

    def __init__(self, error, *, refuse=False):
        self.error, self.refuse = error, refuse

    def submit(self, *task):
        if self.refuse:
            raise self.error
        future = Future()
        future.set_exception(self.error)
        return future


class KilledWorker(Exception):
    """Dask's error by name and module, with or without Dask."""

    __module__ = "distributed.scheduler"


@pytest.mark.parametrize("refuse", [False, True])
@pytest.mark.parametrize(
    "error",
    [
        BrokenProcessPool("A process in the process pool was terminated abruptly"),
        KilledWorker("Attempted to run task on 4 workers"),
        MemoryError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_pools_say_is_told_as_one_error(stack, error, refuse):
    with pytest.raises(WorkerCrashError, match="integrations 1 to 4") as caught:
        extract(stack, Answers(error, refuse=refuse))
    assert caught.value.path == str(stack)
    assert caught.value.__cause__ is error
    assert isinstance(caught.value, RuntimeError)


def test_other_errors_stay_what_they_are(stack):
    for error in (ResourceLimitError("too much"), RuntimeError("of somebody else"), KeyError("x")):
        with pytest.raises(type(error)) as caught:
            extract(stack, Answers(error))
        assert caught.value is error


def test_a_pool_that_is_closed(stack):
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(WorkerCrashError, match="after shutdown"):
        extract(stack, pool)


def test_the_pool_of_the_package_has_no_processes(run, tmp_path, stack):
    """Threads alone: nothing is left of them when their process is killed."""
    code = """
import os, sys, threading
import nircam_tso.extractor.loop as loop
from nircam_tso import TimeSeriesExtractor
real, seen = loop.measure_block, set()

def watching(plan, block, where):
    for task in os.listdir("/proc/self/task"):
        seen.update(open(f"/proc/self/task/{task}/children").read().split())
    seen.add(threading.current_thread() is threading.main_thread())
    return real(plan, block, where)

loop.measure_block = watching
ts = TimeSeriesExtractor().extract(sys.argv[1], axis="integrations", on_error="flag", block_size=4)
print(len(ts), seen)
"""
    done = run(code, stack)
    assert done.stdout.splitlines()[0] == "64 {False}", done.stderr


DASK = """
import json, os, sys, threading
import numpy as np
from distributed import Client, LocalCluster, WorkerPlugin
from nircam_tso import TimeSeriesExtractor

class Break(WorkerPlugin):
    def __init__(self, code):
        self.code = code

    def setup(self, worker):
        exec(self.code, {})

def sums(executor):
    try:
        ts = TimeSeriesExtractor().extract(
            sys.argv[1], axis="integrations", on_error="flag", executor=executor, block_size=4
        )
    except Exception as error:
        return [type(error).__name__, str(error), error.path]
    return [ts["aperture_sum_r5"].value.tolist(), ts["x_gauss"].value.tolist()]

if __name__ == "__main__":
    how, fault = sys.argv[2:4]
    expected = sums(None)
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50)
    client = Client(cluster)
    code = '''
import os, signal, time
import nircam_tso.extractor.loop as loop
real = loop.measure_block

def broken(plan, block, where):
    if where[1] <= 20 < where[2]:
        {fault}
    return real(plan, block, where)

loop.measure_block = broken
'''
    client.register_plugin(Break(code.format(fault=fault)))
    if how != "stay":
        threading.Timer(1, {"cluster": cluster.close, "client": client.close}[how]).start()
    told = sums(client.get_executor())
    print(json.dumps("same" if told == expected else told), flush=True)
    os._exit(0)
"""


@pytest.mark.slow
@pytest.mark.parametrize("case", ["once", "always", "cluster", "client"])
def test_dask(run, tmp_path, stack, case):
    pytest.importorskip("distributed", reason="Dask is not installed")
    fault = {"once": once(tmp_path, KILL), "always": KILL}.get(case, "time.sleep(5)")
    script = tmp_path / "script.py"
    script.write_text(DASK)
    how = case if case in ("cluster", "client") else "stay"
    code = f"import subprocess, sys\nsys.exit(subprocess.call([sys.executable, {str(script)!r}, *sys.argv[1:]]))"
    done = run(code, stack, how, fault, timeout=2 * WATCHDOG)
    told = json.loads(next(line for line in done.stdout.splitlines() if line[:1] in '["'))
    if case == "once":
        # Dask itself sends the task to another worker.
        assert told == "same"
    else:
        assert told[0] == "WorkerCrashError"
        assert told[2] == str(stack)
    if case == "always":
        assert "KilledWorker" in told[1]
