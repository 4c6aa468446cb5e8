"""Seconds and bytes that something takes, of this process or of one of its own."""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

__all__ = ["child_seconds", "machine", "peak_bytes", "ratios", "seconds"]


def seconds(function, *args, **kwargs):
    """
    Seconds by the clock that one call takes.

    Parameters
    ----------
    function : callable
        What to call.
    *args, **kwargs
        Its arguments.

    Returns
    -------
    float
    """
    start = time.perf_counter()
    function(*args, **kwargs)
    return time.perf_counter() - start


def ratios(first, second, repeats, scales=(1.0, 1.0)):
    """
    Time two ways by turns, so that other work on the machine disturbs both.

    Parameters
    ----------
    first, second : callable
        The two ways.
    repeats : int
        How often each is called.
    scales : (float, float), optional
        Factors on the seconds of each, where one of them does only a part of the work.

    Returns
    -------
    first, second, ratio : float
        Medians of the seconds, and of ``first / second`` of each turn.
    """
    turns = [(seconds(first) * scales[0], seconds(second) * scales[1]) for _ in range(repeats)]
    medians = [statistics.median(turn[k] for turn in turns) for k in range(2)]
    return (*medians, statistics.median(a / b for a, b in turns))


def child_seconds(*args):
    """
    Seconds that Python takes with some arguments, in a process of its own.

    Parameters
    ----------
    *args : str
        Arguments after ``python``.

    Returns
    -------
    float

    Raises
    ------
    subprocess.CalledProcessError
        If it fails; exit code 3, of a product with flagged rows, is no failure.
    """
    command = [sys.executable, *args]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=_environment())
    if done.returncode not in (0, 3):
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
    return time.perf_counter() - start


def peak_bytes(code):
    """
    What some code prints, run in a process of its own that knows `peak`.

    Parameters
    ----------
    code : str
        Python; ``peak()`` is the largest memory that the process has taken so far, in bytes.

    Returns
    -------
    list of str
        The lines printed.
    """
    source = _PEAK + code
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, env=_environment())
    if done.returncode:
        raise RuntimeError(f"a benchmark's process failed: {done.stderr}")
    return done.stdout.splitlines()


# A child begins with the mark that its parent left in getrusage; the kernel's own file does not.
_PEAK = """
def peak():
    try:
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
    except OSError:
        import resource, sys
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
"""


def _environment():
    root = str(Path(__file__).resolve().parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}


def machine():
    """
    What the figures were measured on.

    Returns
    -------
    str
        Processor, how many, their load, and versions.
    """
    import platform
    from importlib import metadata

    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as file:
            model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), model)
    except OSError:
        pass
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    names = ("numpy", "numba", "scipy", "astropy", "photutils", "image_registration")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in names)
    return f"{model}, {os.cpu_count()} processors, load {load}; Python {platform.python_version()}, {versions}"
