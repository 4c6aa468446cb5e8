"""Writers of small files, and a process of its own for what may kill one."""

import importlib.util
import json
import os
import resource
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest


def _beside(name):
    """A module of the tests' own, which are no package."""
    path = Path(__file__).parents[1] / name
    spec = importlib.util.spec_from_file_location(f"faults_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_WRITERS = _beside("io/conftest.py")


@pytest.fixture(scope="session")
def jwst():
    """Function that writes a JWST product."""
    return _WRITERS.make_jwst


@pytest.fixture(scope="session")
def ncdhas():
    """Function that writes an NCDHAS file."""
    return _WRITERS.make_ncdhas


@pytest.fixture(scope="session")
def image():
    """Function that writes a plain image."""
    return _WRITERS.make_image


@pytest.fixture(scope="session")
def visit():
    """Function that writes an exposure in segments under the archive's names; returns their paths."""

    def write(folder, *, segments=3, n=4, total=None, **keywords):
        total = total or segments * n
        paths = [
            folder / f"jw01366002001_04103_00001-seg{index:03d}_nrca1_calints.fits" for index in range(1, segments + 1)
        ]
        for index, path in enumerate(paths):
            _WRITERS.make_jwst(
                path,
                n=n,
                first=1 + index * n,
                segment=(index + 1, segments),
                cards={"NINTS": total},
                seed=index,
                **keywords,
            )
        return paths

    return write


@pytest.fixture(scope="session")
def run():
    """
    Function that runs code in a process of its own.

    Its arguments are text; ``limits`` are of ``resource``. The last line that the process
    prints is its highest memory in bytes.
    """

    def start(code, *args, timeout=60, user=None, limits=(), wrapper=()):
        # Not ru_maxrss, which a process has from the one that started it.
        status = "open('/proc/self/status')"
        tail = f"\nprint(next(int(line.split()[1]) * 1024 for line in {status} if line.startswith('VmHWM')))\n"

        def limit():
            for name, value in limits:
                resource.setrlimit(name, (value, value))

        result = subprocess.run(
            [*wrapper, sys.executable, "-W", "ignore", "-c", code + tail, *map(str, args)],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            user=user,
            preexec_fn=limit if limits else None,
        )
        return result

    return start


def pytest_terminal_summary(terminalreporter):
    """Print what the tests counted; the file that ``FAULT_COUNTS`` names keeps it for the documentation."""
    counts = Counter()
    for report in terminalreporter.getreports("passed"):
        for name, number in report.user_properties if report.when == "call" else ():
            if isinstance(number, int):
                counts[name] += number
    for name, number in sorted(counts.items()):
        terminalreporter.write_line(f"{name}: {number}")
    if counts and os.environ.get("FAULT_COUNTS"):
        Path(os.environ["FAULT_COUNTS"]).write_text(json.dumps(counts, indent=2, sort_keys=True) + "\n")
