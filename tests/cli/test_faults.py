"""The command under hard use: signals, closed pipes, terminals, odd names (rows 46, 47, 55 to 57, 59)."""

import fcntl
import os
import pty
import re
import shutil
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

from nircam_tso import QualityFlag, read
from nircam_tso.cli import extract
from nircam_tso.cli.main import main

ROOT = str(Path(sys.modules["nircam_tso"].__file__).parents[1])
#: Seconds after which a process counts as hanging.
WATCHDOG = 60

#: The command, whose blocks of one integration take as long as is asked for.
SLOW = """
import os, sys, time
from pathlib import Path
import nircam_tso.extractor.loop as loop
from nircam_tso.cli.main import main
real, seconds, mark = loop.measure_block, float(sys.argv.pop(1)), Path(sys.argv.pop(1))

def slow(*args):
    mark.touch()
    time.sleep(seconds)
    return real(*args)

loop.measure_block = slow
loop._default_block_size = lambda *args: 1
sys.exit(main())
"""


def frames(n=40, shape=(24, 34)):
    y, x = np.indices(shape)
    star = 900 * np.exp(-((x - 15.4) ** 2 / 5 + (y - 10.7) ** 2 / 3))
    return star + np.random.default_rng(4).normal(20, 3, (n, *shape))


def save(path, n=40):
    header = fits.Header({"DATE-OBS": "2016-03-01", "TIME-OBS": "12:00:00", "TIME-END": "12:10:40", "EXPTIME": 640.0})
    fits.writeto(path, frames(n).astype("f4"), header)
    return path


@pytest.fixture
def stack(tmp_path):
    return save(tmp_path / "stack.fits")


@pytest.fixture
def start(tmp_path):
    """Function that starts the command as a process; what still runs at the end is killed."""
    started = []

    def begin(*args, code=None, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **keywords):
        head = ["-c", code] if code else ["-m", "nircam_tso.cli.main"]
        keywords.setdefault("cwd", tmp_path)
        process = subprocess.Popen(
            [sys.executable, *head, *map(os.fsencode, map(os.fspath, map(_text, args)))],
            env=os.environ | {"PYTHONPATH": ROOT} | keywords.pop("env", {}),
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            preexec_fn=_hear,
            **keywords,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def _hear():
    # Whoever starts this suite in the background may have made it, and all that it starts, deaf to Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _text(arg):
    return arg if isinstance(arg, (str, bytes, os.PathLike)) else str(arg)


def under_way(process, mark):
    end = time.monotonic() + WATCHDOG
    while not mark.exists():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end, "never began to measure"
        time.sleep(0.05)


def command(stack, out):
    return ["extract", stack, "--axis", "integrations", "-o", out]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [None, 2])
@pytest.mark.parametrize(
    ("number", "group", "seconds", "code", "words"),
    [
        (signal.SIGINT, True, 0.2, 130, "interrupted"),
        (signal.SIGINT, False, 0.2, 130, "interrupted"),
        (signal.SIGTERM, False, 0.2, 143, "terminated"),
        # A block that would take a minute more is not waited for.
        (signal.SIGINT, False, 60, 130, "interrupted"),
        (signal.SIGTERM, True, 60, 143, "terminated"),
    ],
)
def test_signals(start, stack, tmp_path, record_property, number, group, seconds, code, words, workers):
    """Row 55."""
    out = tmp_path / "out.h5"
    assert main(list(map(str, [*command(stack, out), "--quiet"]))) in (0, 3)
    before = out.read_bytes()
    mark = tmp_path / "mark"
    more = ["--overwrite"] + (["--workers", workers] if workers else [])
    process = start(seconds, mark, *command(stack, out), *more, code=SLOW)
    under_way(process, mark)
    assert (tmp_path / ".out.h5.lock").exists()
    begin = time.monotonic()
    if group:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    # A second one, as of somebody impatient, changes nothing.
    process.send_signal(number)
    told = process.communicate(timeout=WATCHDOG)
    assert time.monotonic() - begin < 5
    assert process.returncode == code
    assert told == (b"", f"nircam-tso: {words}\n".encode())
    assert out.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["mark", "out.h5", "stack.fits"]
    record_property("signals answered", 1)


@pytest.mark.slow
def test_killed_command_leaves_no_process(start, stack, tmp_path, processes_of):
    """Row 56."""
    out, mark = tmp_path / "out.h5", tmp_path / "mark"
    process = start(60, mark, *command(stack, out), "--workers", 2, code=SLOW)
    under_way(process, mark)
    process.kill()
    process.wait(timeout=WATCHDOG)
    end = time.monotonic() + 10
    while left := processes_of(process.pid):
        assert time.monotonic() < end, left
        time.sleep(0.1)
    assert not out.exists()
    # What it left is no obstacle to the next run.
    assert main(list(map(str, [*command(stack, out), "--quiet"]))) in (0, 3)
    assert sorted(os.listdir(tmp_path)) == ["mark", "out.h5", "stack.fits"]


@pytest.mark.slow
def test_two_runs_of_one_output(start, stack, tmp_path):
    """Row 47."""
    out, mark = tmp_path / "out.h5", tmp_path / "mark"
    first = start(0.1, mark, *command(stack, out), code=SLOW)
    under_way(first, mark)
    second = start(60, tmp_path / "second", *command(stack, out), "--overwrite", code=SLOW)
    _, told = second.communicate(timeout=WATCHDOG)
    assert second.returncode == 5
    assert b"another process" in told and b"out.h5" in told
    # It did not measure first.
    assert not (tmp_path / "second").exists()
    first.communicate(timeout=WATCHDOG)
    assert first.returncode in (0, 3)
    assert len(read(out)) == 40


def test_exit_codes(start, stack, tmp_path, monkeypatch, capsys):
    def code(*args):
        return main([str(arg) for arg in args])

    out = tmp_path / "out.h5"
    assert code(*command(stack, out), "--quiet", "--position", "15,11") == 0
    assert capsys.readouterr() == ("", "")
    with fits.open(stack) as hdus:
        hdus[0].data[3] = np.nan
        hdus.writeto(tmp_path / "hole.fits")
    assert code(*command(tmp_path / "hole.fits", tmp_path / "a.h5"), "--quiet", "--position", "15,11") == 3
    ts = read(tmp_path / "a.h5")
    assert len(ts) == 40 and ts["quality"][3] & QualityFlag.NO_DATA
    (tmp_path / "empty.fits").touch()
    assert code(*command(tmp_path / "empty.fits", tmp_path / "b.h5")) == 4
    assert code(*command(stack, out)) == 5
    with pytest.raises(SystemExit) as stop:
        code("extract", stack, "--no-such-option")
    assert stop.value.code == 2
    capsys.readouterr()
    for error, expected in ((KeyError("x"), 4), (RuntimeError(""), 4), (KeyboardInterrupt(), 130)):
        monkeypatch.setattr(extract, "_one", lambda *_, error=error: (_ for _ in ()).throw(error))
        assert code(*command(stack, tmp_path / "c.h5")) == expected
        told = capsys.readouterr()
        assert told.out == "" and told.err.startswith("nircam-tso: ") and told.err.count("\n") == 1
    monkeypatch.setattr(extract, "_one", lambda *_: (_ for _ in ()).throw(KeyError("x")))
    assert code(*command(stack, tmp_path / "c.h5"), "--debug") == 4
    assert "Traceback" in capsys.readouterr().err
    assert not list(tmp_path.glob(".*"))


def test_all_without_data_is_3(tmp_path, capsys):
    """Row 16."""
    header = fits.Header({"DATE-OBS": "2016-03-01", "TIME-OBS": "12:00:00", "TIME-END": "12:10:40"})
    fits.writeto(tmp_path / "void.fits", np.full((10, 24, 34), np.nan, dtype="f4"), header)
    args = command(tmp_path / "void.fits", tmp_path / "void.h5")
    assert main([*map(str, args), "--position", "15,11"]) == 3
    ts = read(tmp_path / "void.h5")
    assert len(ts) == 10
    assert (ts["quality"] & QualityFlag.NO_DATA != 0).all()
    assert np.isnan(ts["aperture_sum_r5"]).all()


@pytest.mark.slow
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("tail", ["| head -1", "| true", "2>&1 | true", ">&-", ">&- 2>&-", "2>/dev/full"])
def test_closed_pipes(stack, tmp_path, tail, unbuffered):
    """Row 57."""
    out = tmp_path / "out.h5"
    line = f"set -o pipefail; {sys.executable} -m nircam_tso.cli.main extract stack.fits --axis integrations -o out.h5"
    done = subprocess.run(
        ["bash", "-c", f"{line} {tail}"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": ROOT, "PYTHONUNBUFFERED": unbuffered},
        timeout=WATCHDOG,
        check=False,
    )
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr
    assert done.returncode in (0, 3)
    # The product is whole, whoever listens.
    assert len(read(out)) == 40
    assert not list(tmp_path.glob(".*"))


@pytest.mark.slow
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_full_disk_under_what_is_printed(start, stack, tmp_path, unbuffered):
    """Row 57."""
    with open("/dev/full", "w") as full:
        process = start(*command(stack, "out.h5"), stdout=full, env={"PYTHONUNBUFFERED": unbuffered})
        _, told = process.communicate(timeout=WATCHDOG)
    assert process.returncode == 5
    assert told == b"nircam-tso: what was to be printed is lost (No space left on device)\n"
    assert len(read(tmp_path / "out.h5")) == 40


@pytest.mark.slow
@pytest.mark.parametrize("colour", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}])
@pytest.mark.parametrize("quiet", [False, True])
def test_progress_is_for_terminals(start, stack, tmp_path, colour, quiet):
    """Row 57."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    more = ["--quiet"] if quiet else []
    process = start(
        0.02, tmp_path / "mark", *command(stack, "out.h5"), *more, code=SLOW, stderr=theirs, env=colour, text=True
    )
    os.close(theirs)
    shown = b""
    # Reading a terminal that nobody holds any more is an error on Linux.
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(ours)
    out, _ = process.communicate(timeout=WATCHDOG)
    assert process.returncode in (0, 3)
    assert (b"40/40" in shown) is not quiet
    assert not re.search(rb"\x1b\[[0-9;]*m", shown)
    assert "\r" not in out and "\x1b" not in out and "int/s" not in out
    assert ("wrote     out.h5" in out) is not quiet


def test_no_terminal_no_bar(start, stack):
    """Row 57."""
    process = start(*command(stack, "out.h5"), stdin=subprocess.DEVNULL)
    out, told = process.communicate(timeout=WATCHDOG)
    assert process.returncode in (0, 3)
    assert told == b""
    assert out.decode().splitlines()[-1] == "wrote     out.h5"


NAMES = [
    b"a b.fits",
    b"a\nb.fits",
    b"star[1].fits",
    b"$(touch pwned).fits",
    b"a;touch pwned;.fits",
    b"`touch pwned`.fits",
    b"-rf.fits",
    b"caf\xe9.fits",
    b"\x1b[31mred.fits",
    b"n" * 250 + b".fits",
]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_odd_names(start, stack, tmp_path, name):
    """Row 59."""
    folder = tmp_path / "here"
    folder.mkdir()
    shutil.copy(stack, os.path.join(os.fsencode(folder), name))
    process = start("extract", "--axis", "integrations", "-o", "out.h5", "--", name, cwd=folder)
    out, told = process.communicate(timeout=WATCHDOG)
    assert process.returncode in (0, 3), told
    assert told == b"" and b"\x1b" not in out
    assert len(read(folder / "out.h5")) == 40
    assert set(os.listdir(os.fsencode(folder))) == {name, b"out.h5"}


@pytest.mark.slow
@pytest.mark.parametrize("name", [b"caf\xe9.h5", b"a b.h5", b"x\ny.h5", b"-o.h5"], ids=repr)
def test_odd_names_of_products(start, stack, tmp_path, name):
    """Row 59."""
    process = start("extract", "stack.fits", "--axis", "integrations", b"--output=" + name, env={"LC_ALL": "C"})
    _, told = process.communicate(timeout=WATCHDOG)
    assert process.returncode in (0, 3), told
    assert len(read(os.fsdecode(os.path.join(os.fsencode(tmp_path), name)))) == 40
    # A name of the default is made of the input's, and may become one that is too long.
    long = tmp_path / ("n" * 250 + ".fits")
    (tmp_path / "stack.fits").rename(long)
    process = start("extract", long.name, "--axis", "integrations")
    _, told = process.communicate(timeout=WATCHDOG)
    assert process.returncode == 5 and b"too long" in told


def test_outputs_that_cannot_be(start, stack, tmp_path, capsys):
    """Row 46."""

    def code(out, *more):
        return main([str(arg) for arg in (*command(stack, out), *more, "--quiet")])

    before = stack.read_bytes()
    (tmp_path / "folder.h5").mkdir()
    (tmp_path / "loose.h5").symlink_to("nowhere.h5")
    (tmp_path / "source.h5").symlink_to("stack.fits")
    (tmp_path / "taken.h5").write_bytes(b"mine")
    for name in ("folder.h5", "loose.h5", "source.h5", "taken.h5", "no/such/folder.h5"):
        assert code(tmp_path / name, *(["--overwrite"] if name != "taken.h5" else [])) == 5, name
        assert name.rpartition("/")[2] in capsys.readouterr().err
    assert stack.read_bytes() == before
    assert (tmp_path / "taken.h5").read_bytes() == b"mine"
    # A link to a file is followed, and stays a link.
    (tmp_path / "kept.h5").write_bytes(b"old")
    (tmp_path / "link.h5").symlink_to("kept.h5")
    assert code(tmp_path / "link.h5", "--overwrite") in (0, 3)
    assert (tmp_path / "link.h5").is_symlink() and len(read(tmp_path / "kept.h5")) == 40


def test_inputs_and_outputs_in_one_report(stack, tmp_path, capsys):
    """Row 46."""
    (tmp_path / "taken.h5").write_bytes(b"mine")
    args = ["extract", str(tmp_path / "gone.fits"), "-o", str(tmp_path / "taken.h5"), "-o", str(tmp_path / "no/a.ecsv")]
    assert main(args) == 4
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "nircam-tso: 3 problems:" and len(told) == 4
    for name, line in zip(("taken.h5", "no/a.ecsv", "gone.fits"), told[1:], strict=True):
        assert name in line
    # Products alone are no fault of the input.
    assert main(["extract", str(stack), "--axis", "integrations", *args[2:]]) == 5
    assert capsys.readouterr().err.startswith("nircam-tso: 2 problems:")
    assert sorted(os.listdir(tmp_path)) == ["stack.fits", "taken.h5"]


def test_folder_that_cannot_be_written(start, stack, tmp_path):
    """Row 46."""
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o555)
    mark = tmp_path / "mark"
    code = SLOW
    if os.geteuid() == 0:
        # The rights of a folder mean nothing to root; modules are imported with them, all the same.
        # Modules are imported first: nobody may not be let into the folder that they are installed in.
        imports = (
            "import importlib, pkgutil, nircam_tso; "
            "[importlib.import_module(m.name) for m in pkgutil.walk_packages(nircam_tso.__path__, 'nircam_tso.')"
            " if '.report' not in m.name]; "
        )
        code = SLOW.replace("sys.exit(main())", imports + "os.setgroups([]); os.setuid(65534); sys.exit(main())")
        for parent in [tmp_path, *tmp_path.parents]:
            if parent.owner() == "root" and parent.is_relative_to("/tmp"):
                parent.chmod(parent.stat().st_mode | 0o011 if parent != Path("/tmp") else 0o1777)
    process = start(0, mark, *command(stack, folder / "out.h5"), code=code)
    _, told = process.communicate(timeout=WATCHDOG)
    folder.chmod(0o755)
    assert process.returncode == 5, told
    assert b"out.h5" in told and b"Traceback" not in told
    assert not mark.exists()
    assert not os.listdir(folder)
