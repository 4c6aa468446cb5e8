"""Workers that die, break or find faults: an answer or an error, never a wait without end (rows 51 to 54, 56)."""

import json
import pickle
import threading
import time
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits

from nircam_tso import TimeSeriesExtractor, exceptions
from nircam_tso.exceptions import NircamTSOError, ResourceLimitError, WorkerCrashError
from nircam_tso.extractor import loop, remote, workers

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
    """Row 52."""
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
    """Row 53."""
    faults = ["raise MemoryError", "bytearray(1 << 60)", "os._exit(1)"]
    for name, message, path, _ in in_pool(run, tmp_path, stack, "fork", faults):
        assert (name, path) == ("WorkerCrashError", str(stack)), message


@pytest.mark.slow
def test_every_error_comes_out_of_a_pool(run, tmp_path, stack):
    """Row 54."""
    faults = [f"raise exceptions.{kind.__name__}('says so', path='b.fits', integration=7)" for kind in ERRORS]
    told = in_pool(run, tmp_path, stack, "fork", faults)
    assert [name for name, *_ in told] == [kind.__name__ for kind in ERRORS]
    assert all(rest == ["b.fits: says so", "b.fits", 7] for _, *rest in told)


def extract(path, executor=None):
    return TimeSeriesExtractor().extract(path, axis="integrations", on_error="flag", executor=executor, block_size=4)


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_comes_out_of_a_thread(stack, monkeypatch, kind):
    """Row 54."""
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
    """Row 53."""
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
    """Row 53."""
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(WorkerCrashError, match="after shutdown"):
        extract(stack, pool)


def test_the_pool_of_the_package_has_no_processes(run, tmp_path, stack):
    """Rows 52 and 56: threads alone: nothing is left of them when their process is killed."""
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


class Client:
    """A Dask client as far as it is asked: its state, and the threads of its workers."""

    def __init__(self):
        self.status = "running"
        self.threads = {"tcp://a": 2}
        self.scheduler = SimpleNamespace(ncores=None)

    def sync(self, function, callback_timeout):
        assert callback_timeout
        if self.threads is None:
            raise TimeoutError("timed out")
        return self.threads


class Cluster:
    """An executor of a cluster, of whose tasks none ever ends."""

    def __init__(self):
        self._client, self._futures = Client(), []

    def submit(self, *task):
        self._futures.append(SimpleNamespace(status="pending"))
        return Future()


def closed(pool):
    pool._client.status = "closed"


def forgotten(pool):
    pool._futures[:] = [SimpleNamespace(status="cancelled")]


def empty(pool):
    pool._client.threads = {}


def unborn(pool):
    workers._PATIENCE["unborn"] = 0.1


def silent(pool):
    pool._client.threads = None


@pytest.fixture
def impatient(monkeypatch):
    """Seconds become hundredths of them."""
    monkeypatch.setattr(workers, "_PATIENCE", {name: t / 100 for name, t in workers._PATIENCE.items()})
    monkeypatch.setattr(workers, "_LOOK", 0.01)
    monkeypatch.setattr(workers, "_ASK", 0.01)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (closed, "client is closed"),
        (forgotten, "has dropped it"),
        (empty, "no worker any more"),
        (silent, "does not answer"),
        (unborn, "no worker yet"),
    ],
)
def test_no_answer_of_a_cluster_is_awaited_for_ever(impatient, fault, words):
    """Row 53: what Dask itself drops without a word, or waits for without end."""
    pool = Cluster()
    future = pool.submit()
    if fault is unborn:
        pool._client.threads = {}
    timer = threading.Timer(0.1, fault, [pool])
    timer.start()
    begin = time.monotonic()
    with pytest.raises(BrokenExecutor, match=words):
        workers.answer(pool, future)
    assert time.monotonic() - begin < WATCHDOG / 2
    timer.join()


def test_what_a_cluster_does_slowly_is_awaited(impatient):
    """Row 53: it may begin without workers, lose sight of its scheduler for a while, and take its time."""
    pool = Cluster()
    pool._client.threads = {}
    future = pool.submit()

    def go_on():
        # Longer than it may be without workers, once it has had some.
        time.sleep(0.9)
        silent(pool)
        time.sleep(0.2)
        pool._client.threads = {"tcp://a": 2}
        pool._client.status = "connecting"
        time.sleep(0.3)
        pool._futures[0].status = "finished"
        future.set_result(7)

    thread = threading.Thread(target=go_on)
    thread.start()
    assert workers.answer(pool, future) == 7
    thread.join()


def test_a_cluster_that_is_gone_is_left_in_time(monkeypatch):
    """Row 53: cancelling, closing and asking how large it is have an end, too."""
    monkeypatch.setattr(workers, "_FAREWELL", 0.1)
    for_ever = threading.Event()
    stuck = SimpleNamespace(cancel=for_ever.wait, close=lambda timeout: for_ever.wait())
    begin = time.monotonic()
    workers.give_up(Cluster(), [stuck])
    workers.close_client(stuck)
    assert time.monotonic() - begin < 5
    for_ever.set()
    pool = Cluster()
    assert remote.slots(pool) == 2
    for gone in (silent, lambda pool: setattr(pool._client, "scheduler", None)):
        gone(pool)
        with pytest.raises(WorkerCrashError, match="does not answer"):
            remote.slots(pool)


@pytest.mark.parametrize("fault", [closed, forgotten, empty, silent])
def test_extraction_on_a_cluster_that_goes(impatient, stack, fault):
    """Row 53."""
    pool = Cluster()
    timer = threading.Timer(0.5, fault, [pool])
    timer.start()
    with pytest.raises(WorkerCrashError) as caught:
        extract(stack, pool)
    assert caught.value.path in (None, str(stack))
    timer.join()


DASK = """
import json, os, subprocess, sys, threading, time
from distributed import Client, LocalCluster, WorkerPlugin
from nircam_tso import TimeSeriesExtractor
from nircam_tso.extractor import workers

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

# Processes that are started one by one, so that each can be killed by itself.
def start(what, *args):
    line = [sys.executable, "-W", "ignore", "-m", f"distributed.cli.dask_{what}", *args]
    return subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

def by_hand(folder):
    file = os.path.join(folder, "scheduler.json")
    scheduler = start("scheduler", "--port", "0", "--no-dashboard", "--host", "127.0.0.1", "--scheduler-file", file)
    more = ["--no-nanny", "--no-dashboard", "--nthreads", "1", "--death-timeout", "20"]
    helpers = [start("worker", "--scheduler-file", file, *more) for _ in range(2)]
    while not os.path.exists(file):
        time.sleep(0.05)
    client = Client(scheduler_file=file, timeout=5)
    client.wait_for_workers(2)
    return scheduler, helpers, client

if __name__ == "__main__":
    how, fault, folder = sys.argv[2:5]
    expected = sums(None)
    others = []
    if how in ("scheduler", "workers"):
        scheduler, helpers, client = by_hand(folder)
        others = [scheduler, *helpers]
    else:
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
    if how == "workers":
        # Those with nannies come back.
        workers._PATIENCE["empty"], workers._ASK = 3, 1
    acts = {
        "cluster": lambda: cluster.close(),
        "client": lambda: client.close(),
        "scheduler": lambda: scheduler.kill(),
        "workers": lambda: [helper.kill() for helper in helpers],
    }
    def act():
        while not os.path.exists(os.path.join(folder, "begun")):
            time.sleep(0.05)
        time.sleep(0.5)
        acts[how]()
    if how in acts:
        threading.Thread(target=act, daemon=True).start()
    begin = time.monotonic()
    told = sums(client.get_executor())
    print(json.dumps(["same" if told == expected else told, time.monotonic() - begin]), flush=True)
    for other in others:
        other.kill()
        other.wait()
    os._exit(0)
"""


@pytest.mark.slow
@pytest.mark.parametrize("case", ["once", "always", "cluster", "client", "scheduler", "workers"])
def test_dask(run, tmp_path, stack, record_property, case):
    """Rows 52 and 53: killed workers, one or all, a killed scheduler, a cluster or client that is closed."""
    pytest.importorskip("distributed", reason="Dask is not installed")
    fault = {"once": once(tmp_path, KILL), "always": KILL}.get(
        case, f"open({str(tmp_path / 'begun')!r}, 'w').close(), time.sleep(5)"
    )
    script = tmp_path / "script.py"
    script.write_text(DASK)
    code = f"import subprocess, sys\nsys.exit(subprocess.call([sys.executable, {str(script)!r}, *sys.argv[1:]]))"
    done = run(code, stack, case, fault, tmp_path, timeout=3 * WATCHDOG)
    lines = [line for line in done.stdout.splitlines() if line.startswith("[")]
    assert lines, done.stderr
    told, seconds = json.loads(lines[0])
    assert seconds < WATCHDOG
    if case == "once":
        # Dask itself sends the task to another worker.
        assert told == "same"
    else:
        assert told[0] == "WorkerCrashError"
        assert told[2] in (None, str(stack))
        record_property("kills survived", int(case in ("always", "scheduler", "workers")))
    if case == "always":
        assert "KilledWorker" in told[1]
    if case == "workers":
        assert "no worker any more" in told[1]
