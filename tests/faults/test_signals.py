"""Signals that meet the real command in the middle of real work (row 55)."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from nircam_tso import read
from nircam_tso.cli.main import main

ROOT = str(Path(sys.modules["nircam_tso"].__file__).parents[1])
#: Seconds after which a process counts as hanging, and within which a signal is answered.
WATCHDOG, ANSWER = 120, 5

SIGNALS = {"Ctrl-C": (signal.SIGINT, 130, "interrupted"), "SIGTERM": (signal.SIGTERM, 143, "terminated")}
N_FRAMES, N_FILES = 4000, 1200


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A long stack, and a folder of many files."""
    folder = tmp_path_factory.mktemp("inputs")
    y, x = np.indices((40, 56))
    star = 3000 * np.exp(-((x - 31.4) ** 2 / 5 + (y - 17.7) ** 2 / 3))
    rng = np.random.default_rng(4)
    header = fits.Header({"DATE-OBS": "2016-03-01", "TIME-OBS": "12:00:00", "TIME-END": "12:10:40", "EXPTIME": 640.0})
    frames = (star + rng.normal(20, 3, (N_FRAMES, 40, 56))).astype("f4")
    fits.writeto(folder / "stack.fits", frames, header)
    many = folder / "many"
    many.mkdir()
    for k in range(N_FILES):
        header["TIME-OBS"], header["TIME-END"] = (
            f"{12 + t // 3600:02d}:{t // 60 % 60:02d}:{t % 60:02d}" for t in (5 * k, 5 * k + 4)
        )
        fits.writeto(many / f"{k:04d}.fits", frames[k], header, checksum=True)
    return folder


def hear():
    """Whoever starts this suite in the background may have made it, and all that it starts, deaf to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Command:
    """The command on a terminal of its own."""

    def __init__(self, *args, cwd):
        self._terminal, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "nircam_tso.cli.main", *map(str, args)],
            cwd=cwd,
            env=os.environ | {"PYTHONPATH": ROOT},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=hear,
        )
        os.close(theirs)
        self.told = ""

    def listen(self, seconds=0.005):
        """Take what the command has told by now; False once it has closed its terminal."""
        if select.select([self._terminal], [], [], seconds)[0]:
            try:
                part = os.read(self._terminal, 65536)
            except OSError:
                return False
            self.told += part.decode()
            return bool(part)
        return True

    def wait_for(self, condition):
        end = time.monotonic() + WATCHDOG
        while not condition(self):
            assert time.monotonic() < end, f"never came so far: {self.told}"
            assert self.listen() and self.process.poll() is None, f"ended before: {self.told}"

    def finish(self):
        """Exit code and what stood on standard output."""
        end = time.monotonic() + WATCHDOG
        while self.listen(0.1):
            assert time.monotonic() < end, "hangs"
        out = self.process.communicate(timeout=WATCHDOG)[0]
        return self.process.returncode, out

    def close(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()
        os.close(self._terminal)

    def has_open(self, folder):
        """Whether it reads anything of a folder right now."""
        try:
            links = [os.readlink(entry) for entry in Path(f"/proc/{self.process.pid}/fd").iterdir()]
        except OSError:
            return False
        return any(link.startswith(str(folder)) for link in links)

    def share(self):
        """How much of the measuring its bar shows."""
        shown = re.findall(r"(\d+)/(\d+) \[", self.told)
        return int(shown[-1][0]) / int(shown[-1][1]) if shown else 0


def moments(out, source):
    """When a signal shall come: conditions that look at the process from outside."""
    lock, part = out.with_name(f".{out.name}.lock"), out.with_name(f".{out.name}.part")
    return {
        "preflight": lambda command: command.has_open(source) and not lock.exists(),
        "planning": lambda command: lock.exists(),
        "measuring": lambda command: 0.2 < command.share() < 0.8,
        "product being made": lambda command: command.share() == 1,
        "product being written": lambda _: part.exists(),
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize(
    "moment", ["preflight", "planning", "measuring", "product being made", "product being written"]
)
def test_signal_at_a_moment_of_real_work(inputs, tmp_path, record_property, processes_of, name, moment):
    """Row 55: exit code, old product, no temporary file, no lock and no process left, whatever was under way."""
    number, code, word = SIGNALS[name]
    out = tmp_path / "out.ecsv"
    source = inputs / ("many" if moment == "preflight" else "stack.fits")
    one = str(inputs / "many" / "0000.fits")
    assert main(["extract", one, "-o", str(out), "--quiet"]) in (0, 3)
    before = out.read_bytes()
    more = ["--verify-checksums"] if moment == "preflight" else ["--axis", "integrations", "--workers", 1]
    args = ["extract", source, "-o", out.name, "--overwrite", "--aperture-radii", "3,4,5,6,7,8,9,10", *more]
    command = Command(*args, cwd=tmp_path)
    try:
        command.wait_for(moments(out, source)[moment])
        begin = time.monotonic()
        command.process.send_signal(number)
        returned, told = command.finish()
        assert time.monotonic() - begin < ANSWER
        if moment != "product being written" or returned == code:
            assert (returned, told) == (code, b"")
            assert command.told.rstrip().endswith(f"nircam-tso: {word}")
        assert "Traceback" not in command.told
        assert not processes_of(command.process.pid)
    finally:
        command.close()
    if moment == "product being written":
        # The signal may come when the new one has just taken its place.
        assert out.read_bytes() == before or len(read(out)) == N_FRAMES
    else:
        assert out.read_bytes() == before
    assert os.listdir(tmp_path) == ["out.ecsv"]
    # Nothing stands in the way of the next run.
    assert main(["extract", one, "-o", str(out), "--overwrite", "--quiet"]) in (0, 3)
    assert out.read_bytes() == before
    record_property("signals answered", 1)
