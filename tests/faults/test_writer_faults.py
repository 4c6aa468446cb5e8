"""The writer is killed, or any one of its calls fails: the product is whole all the same (rows 40 and 41)."""

import builtins
import json
import os

import pytest
from astropy.time import Time
from astropy.timeseries import TimeSeries

from nircam_tso import read, write
from nircam_tso.exceptions import InputFileError, OutputError
from nircam_tso.io import atomic, storage
from nircam_tso.io.sources import open_exposure

FALLIBLE = ("open", "read", "write", "fsync", "replace", "close", "unlink", "fchmod")


class Faulty:
    """The module ``os``, whose N-th call of those that can fail does so."""

    def __init__(self, fail_at, number, only=FALLIBLE):
        self.count = 0
        self.failed = None
        self._fail_at, self._number, self._only = fail_at, number, only

    def __getattr__(self, name):
        real = getattr(os, name)
        if name not in self._only:
            return real

        def call(*args, **kwargs):
            self.count += 1
            if self.count != self._fail_at:
                return real(*args, **kwargs)
            self.failed = name
            if name == "close":
                # Linux closes the descriptor whatever it says.
                real(*args, **kwargs)
            if name == "write":
                real(args[0], bytes(args[1])[: len(args[1]) // 2])
            raise OSError(self._number, os.strerror(self._number))

        return call


def make(seed):
    ts = TimeSeries(time=Time([60000.0, 60000.5], format="mjd"))
    ts["flux"] = [float(seed), 2.0]
    return ts


@pytest.mark.parametrize("number", [5, 28, 122], ids=["EIO", "ENOSPC", "EDQUOT"])
@pytest.mark.parametrize("old", [False, True], ids=["new", "old"])
@pytest.mark.parametrize("suffix", [".h5", ".ecsv"])
def test_the_nth_call_fails(tmp_path, monkeypatch, record_property, suffix, old, number):
    """Row 41."""
    path = tmp_path / f"a{suffix}"
    if old:
        write(make(1), path)
    before = path.read_bytes() if old else None
    after = write(make(2), tmp_path / f"expected{suffix}").read_bytes()
    failed, outcomes = [], []
    for fail_at in range(1, 200):
        if old:
            path.write_bytes(before)
        else:
            path.unlink(missing_ok=True)
        shim = Faulty(fail_at, number)
        with monkeypatch.context() as patch:
            patch.setattr(atomic, "os", shim)
            try:
                write(make(2), path, overwrite=True)
                raised = False
            except OutputError as error:
                raised = True
                outcomes.append(str(path) in str(error))
        # The old file, whole, or the new one; what reports success has written.
        now = path.read_bytes() if path.exists() else None
        assert now in (before, after)
        assert raised or now == after
        left = set(os.listdir(tmp_path)) - {path.name, f"expected{suffix}"}
        # Only where the very removal fails something stays, and the next run takes it away.
        assert not left or shim.failed == "unlink"
        write(make(2), path, overwrite=True)
        assert set(os.listdir(tmp_path)) == {path.name, f"expected{suffix}"}
        assert not atomic._held
        if shim.failed is None:
            break
        failed.append(shim.failed)
    assert shim.failed is None
    assert {"open", "write", "fsync", "replace", "close"} <= set(failed)
    assert all(outcomes) and len(outcomes) >= 8
    record_property("faults injected", len(failed))


def test_descriptors_are_given_back(tmp_path, monkeypatch):
    """Row 41."""
    path = tmp_path / "a.h5"
    write(make(1), path)
    before = len(os.listdir("/proc/self/fd"))
    for fail_at in range(1, 30):
        with monkeypatch.context() as patch:
            patch.setattr(atomic, "os", Faulty(fail_at, 5))
            try:
                write(make(2), path, overwrite=True)
            except OutputError:
                continue
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("packed", [False, True])
def test_the_nth_call_of_a_reader_fails(tmp_path, monkeypatch, record_property, jwst, packed):
    """Row 41."""
    import gzip

    path = tmp_path / "a_calints.fits"
    jwst(path)
    if packed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    expected = open_exposure(path).read(0, 4).data
    calls = 0

    class Limited:
        """A file whose reads fail from the N-th call on."""

        def __init__(self, file):
            self._file = file

        def __getattr__(self, name):
            return getattr(self._file, name)

        def __enter__(self):
            return self

        def __exit__(self, *args):
            return self._file.__exit__(*args)

        def _check(self):
            nonlocal calls
            calls += 1
            if calls == fail_at:
                raise OSError(5, "Input/output error")

        def readinto(self, view):
            self._check()
            return self._file.readinto(view)

        def seek(self, *args):
            self._check()
            return self._file.seek(*args)

        def read(self, *args):
            self._check()
            return self._file.read(*args)

    def opened(file, *args, **kwargs):
        nonlocal calls
        calls += 1
        if calls == fail_at:
            raise OSError(24, "Too many open files")
        return Limited(builtins.open(file, *args, **kwargs))

    monkeypatch.setattr(storage, "open", opened, raising=False)
    wrong = []
    for fail_at in range(1, 500):  # noqa: B007 (the closures above use it)
        calls = 0
        storage._forget_cache()
        try:
            data = open_exposure(path).read(0, 4).data
        except InputFileError as error:
            wrong.append(str(error))
            continue
        assert (data == expected).all()
        break
    else:
        pytest.fail("it never succeeded")
    assert len(wrong) > 3
    assert all("a_calints.fits" in text for text in wrong)
    record_property("faults injected", len(wrong))


KILLS = """
import json, os, random, signal, sys, time
import numpy as np
from astropy.time import Time
from astropy.timeseries import TimeSeries
from nircam_tso import read, write

folder, suffix, kills = sys.argv[1], sys.argv[2], int(sys.argv[3])
path = os.path.join(folder, "a" + suffix)

def make(seed):
    ts = TimeSeries(time=Time(60000 + np.arange(300) / 300, format="mjd"))
    for k in range(10):
        ts[f"c{k}"] = np.full(300, float(seed)) + k
    return ts

versions = [make(seed) for seed in range(3)]
write(versions[0], path)
random.seed(3)
whole, changed, dirty, last = 0, 0, 0, 0
begin = time.perf_counter()
write(versions[1], path, overwrite=True)
once = time.perf_counter() - begin
for kill in range(kills):
    child = os.fork()
    if child == 0:
        seed = last
        while True:
            seed += 1
            write(versions[seed % 3], path, overwrite=True)
    if kill % 2:
        time.sleep(random.uniform(0, 4 * once))
    else:
        # However short the writing is, every second kill waits for a file that is not whole yet.
        end = time.perf_counter() + 60
        while len(os.listdir(folder)) < 2 and time.perf_counter() < end:
            pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    left = set(os.listdir(folder)) - {os.path.basename(path)}
    dirty += bool(left)
    ts = read(path)
    value = int(ts["c0"][0])
    ok = len(ts) == 300 and all((np.asarray(ts[f"c{k}"]) == value + k).all() for k in range(10))
    whole += ok
    changed += value != last
    last = value
write(versions[0], path, overwrite=True)
print(json.dumps({"whole": whole, "changed": changed, "dirty": dirty, "left": os.listdir(folder)}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".h5", ".ecsv"])
def test_a_hundred_kills(tmp_path, run, record_property, suffix):
    """Row 40."""
    result = run(KILLS, tmp_path, suffix, 100, timeout=300)
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout.splitlines()[0])
    assert told["whole"] == 100
    assert told["left"] == [f"a{suffix}"]
    # They were killed at work, and got some of it done.
    assert told["changed"] > 5 and told["dirty"] > 5
    record_property("kills survived", told["whole"])


def test_a_product_survives_ten_kills(tmp_path, run, record_property):
    """Row 40."""
    result = run(KILLS, tmp_path, ".h5", 10)
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout.splitlines()[0])
    assert (told["whole"], told["left"]) == (10, ["a.h5"])
    assert len(read(tmp_path / "a.h5")) == 300
    record_property("kills survived", 10)


@pytest.mark.parametrize("when", ["open", "flock", "close", "unlink"])
def test_ctrl_c_while_the_lock_is_taken(tmp_path, monkeypatch, when):
    """Rows 41 and 55: it may come right after any call; no lock stays, and the next run gets it."""
    path = tmp_path / "a.h5"
    module = atomic.fcntl if when == "flock" else atomic.os
    real, calls = getattr(module, when), []

    def struck(*args, **kwargs):
        result = real(*args, **kwargs)
        if not calls:
            calls.append(when)
            raise KeyboardInterrupt
        return result

    with monkeypatch.context() as patch:
        patch.setattr(module, when, struck)
        try:
            with atomic.claim(path):
                pass
        except KeyboardInterrupt:
            assert calls
    assert os.listdir(tmp_path) == [] and not atomic._held
    write(make(1), path)
    assert os.listdir(tmp_path) == ["a.h5"]
