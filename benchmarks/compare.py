"""How fast the package is against what it replaces, and against reading the pixels alone.

Each line of the table is measured by turns within one run, so that other work on the
machine disturbs both sides, and is the median of several turns::

    python -m benchmarks.compare          # all of it; some minutes, and 14 GB of disk
    python -m benchmarks.compare --quick  # smaller inputs, under two minutes
"""

import argparse
import os
import shutil
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.time import Time

from benchmarks.bench_extract import RADII, STAMP, TEMPLATE_FWHM
from benchmarks.notebook_method import extract_as_notebook
from benchmarks.sources import make_cube, write_calints, write_slopes, write_stack
from benchmarks.timing import child_seconds, machine, peak_bytes, ratios, seconds
from nircam_tso import AnnulusBackground, TimeSeriesExtractor

__all__ = ["CASES", "Line", "main"]

#: The file that is read in blocks: frame, integrations, the star in it, and how many integrations a block has.
WIDE = (256, 2048)
WIDE_COUNT = 176
STAR = (1024.4, 128.3)
BLOCK = 16
ANNULUS = (30.0, 48.0)


class Line(NamedTuple):
    """
    One line of the table.

    Attributes
    ----------
    work, ours, theirs, result, goal : str
        What was done, how long both ways took, what follows, and what it should be.
    reached : bool or None
        Whether the goal was reached; None where nothing could be measured.
    """

    work: str
    ours: str
    theirs: str
    result: str
    goal: str
    reached: bool | None


def _extractor(**settings):
    defaults = {"aperture_radii": RADII, "subframe_shape": STAMP, "template_fwhm": TEMPLATE_FWHM}
    return TimeSeriesExtractor(**defaults | settings)


def _times(n):
    return Time(60000 * u.day, np.arange(n) * u.s, format="mjd")


def _extract(source, n, **keywords):
    return _extractor().extract(source, times=_times(n), **keywords)


def _each(value, n):
    return f"{1e6 * value / n:.1f} us each"


def _against_notebook(work, cube, part, goal, repeats):
    n = len(cube)
    _extract(cube[: min(n, 64)], min(n, 64))
    extract_as_notebook(cube[:2], RADII)
    theirs, ours, ratio = ratios(
        lambda: extract_as_notebook(cube[:part], RADII), lambda: _extract(cube, n), repeats, (n / part, 1.0)
    )
    return Line(work, _each(ours, n), _each(theirs, n), f"{ratio:.0f} x", f">= {goal} x", ratio >= goal)


def small_frames(quick, folder):
    """A. Small frames in memory against the notebook's method."""
    cube, _ = make_cube(4000, dtype=np.float32)
    work = "A. 4,000 x 64 x 64 against the notebook's method"
    return _against_notebook(work, cube, 200 if quick else 1000, 100, 3 if quick else 7)


def large_frames(quick, folder):
    """B. Large frames in memory against the notebook's method."""
    n = 200 if quick else 500
    cube, _ = make_cube(n, (320, 320), distinct=50, dtype=np.float32)
    work = f"B. {n} x 320 x 320 against the notebook's method"
    return _against_notebook(work, cube, 50 if quick else 200, 30, 3 if quick else 7)


def _wide(folder):
    """The file of the lines C and G: over 1 GB, because what comes once for a series counts against it."""
    path = folder / "wide_calints.fits"
    if not path.exists():
        write_calints(path, WIDE_COUNT, WIDE, star=STAR)
        os.sync()
    return path


def wide_file(quick, folder):
    """C. A long exposure against reading the same pixels with astropy."""
    n, path = WIDE_COUNT, _wide(folder)
    extractor = _extractor(position=STAR, background=AnnulusBackground(*ANNULUS))
    first, last = int(STAR[1] - 50), int(STAR[1] + 50)

    def read():
        with fits.open(path, memmap=False) as hdus:
            for i in range(0, n, BLOCK):
                for name in ("SCI", "ERR", "DQ"):
                    hdus[name].section[i : min(i + BLOCK, n), first:last, :]

    def measure():
        extractor.extract(path, errors="total", block_size=BLOCK)

    measure()
    read()
    ours, theirs, ratio = ratios(measure, read, 3 if quick else 7)
    work = f"C. {n} x {WIDE[0]} x {WIDE[1]} in a file ({path.stat().st_size / 1e9:.2f} GB) against reading"
    return Line(work, f"{ours:.2f} s", f"{theirs:.2f} s", f"{ratio:.2f} x", "<= 1.5 x", ratio <= 1.5)


def many_files(quick, folder):
    """D. One-integration files against opening and reading each with astropy."""
    n = 1000
    folder = folder / "slopes"
    folder.mkdir()
    files = write_slopes(folder, n)
    os.sync()
    extractor = _extractor()

    def read():
        for name in files:
            with fits.open(name, memmap=False) as hdus:
                np.asarray(hdus[0].data)

    def measure():
        extractor.extract(files)

    measure()
    ours, theirs, ratio = ratios(measure, read, 3 if quick else 7)
    work = f"D. {n} .slp files of 320 x 320 against reading"
    return Line(work, f"{ours:.2f} s", f"{theirs:.2f} s", f"{ratio:.2f} x", "<= 1.5 x", ratio <= 1.5)


def jwst_pipeline(quick, folder):
    """E. Small frames against the JWST pipeline's own photometry."""
    work, goal = "E. 4,000 x 64 x 64 against jwst's tso_photometry", 250
    try:
        from jwst.tso_photometry.tso_photometry import tso_aperture_photometry, tso_source_centroid

        from benchmarks.validation.peers import cube_model
    except ImportError:
        return Line(work, "", "", "jwst is not installed", f">= {goal} x", None)
    n, part = 4000, 50 if quick else 200
    cube, _ = make_cube(n, dtype=np.float32)
    model = cube_model(cube[:part], np.ones_like(cube[:part]))

    def theirs_once():
        # Its step finds centre and width of each integration, too.
        tso_source_centroid(model, 33.3, 31.3)
        for radius in RADII:
            tso_aperture_photometry(model, 33.3, 31.3, radius, radius + 4, radius + 8)

    _extract(cube[:64], 64)
    theirs, ours, ratio = ratios(theirs_once, lambda: _extract(cube, n), 3, (n / part, 1.0))
    return Line(work, _each(ours, n), _each(theirs, n), f"{ratio:.0f} x", f">= {goal} x", ratio >= goal)


def two_threads(quick, folder):
    """F. Two threads against one."""
    n = 12_000 if quick else 40_000
    cube, _ = make_cube(n, distinct=4000, dtype=np.float32)

    def run(workers):
        with ThreadPoolExecutor(workers) as executor:
            _extract(cube, n, executor=executor)

    run(2)
    one, two, ratio = ratios(lambda: run(1), lambda: run(2), 3 if quick else 5)
    work = f"F. {n:,} x 64 x 64, 2 threads against 1"
    return Line(work, _each(two, n), _each(one, n), f"{ratio:.2f} x", ">= 1.7 x", ratio >= 1.7)


_MEMORY = """
import numpy as np
from astropy import units as u
from astropy.time import Time
from nircam_tso import AnnulusBackground, TimeSeriesExtractor
import nircam_tso.extractor.core
from nircam_tso.io.sources import open_exposure
before = peak()
exposure = open_exposure({path!r}, **{keywords!r})
times = Time(60000 * u.day, np.arange(len(exposure)) * u.s, format="mjd")
sky = AnnulusBackground(30, 48)
extractor = TimeSeriesExtractor(aperture_radii=(3, 5, 8), position=(1024.4, 128.3), background=sky)
assert len(extractor.extract(exposure, times=times)) == {n}
print((peak() - before) / 1e6)
"""


def memory(quick, folder):
    """G. Memory above the import's, on a real and on a sparse file."""
    frame = 4 * WIDE[0] * WIDE[1]
    # Shorter files are measured in smaller blocks, so that both threads have some.
    sizes = (2 * 10**9, 4 * 10**9) if quick else (4 * 10**9, 10**10)
    code = _MEMORY.format(path=str(_wide(folder)), keywords={"errors": "total"}, n=WIDE_COUNT)
    # Kernels that are compiled, and not loaded, take more.
    peak_bytes(code)
    taken = [float(peak_bytes(code)[0])]
    for size in sizes:
        sparse = folder / "sparse.fits"
        write_stack(sparse, size // frame, WIDE)
        code = _MEMORY.format(path=str(sparse), keywords={"axis": "integrations"}, n=size // frame)
        taken.append(float(peak_bytes(code)[0]))
        sparse.unlink()
    names = [
        f"C {taken[0]:.0f} MB",
        *(f"{size / 1e9:g} GB {mb:.0f} MB" for size, mb in zip(sizes, taken[1:], strict=True)),
    ]
    flat = abs(taken[2] - taken[1]) <= 0.1 * taken[1] + 10
    work = "G. memory above the import's"
    return Line(work, ", ".join(names), "", f"{max(taken):.0f} MB", "<= 300 MB, flat", max(taken) <= 300 and flat)


def fixed_cost(quick, folder):
    """H. Seconds = a + b n, from 200 integrations, which give a, to a million."""
    shape = (32, 32)
    lengths = (10_000, 30_000, 60_000) if quick else (10_000, 100_000, 1_000_000)
    settings = {"aperture_radii": (2, 3, 4), "subframe_shape": (15, 15)}
    extractor = _extractor(**settings)
    cube, _ = make_cube(lengths[1], shape, distinct=2000, dtype=np.float32)
    path = folder / "long.fits"
    write_stack(path, lengths[2], shape, distinct=2000)
    # What is still on its way to the disk would slow down whatever is measured.
    os.sync()
    sources = [cube[: lengths[0]], cube, path]

    def run(source, n, **keywords):
        extractor.extract(source, times=_times(n), **keywords)

    # As many integrations as let all come that comes once for a series, however long.
    few = 200
    run(cube[:few], few)
    fixed = float(np.median([seconds(run, cube[:few], few) for _ in range(7)]))
    each = []
    for _ in range(3):
        turn = []
        for source, n in zip(sources, lengths, strict=True):
            keywords = {"axis": "integrations"} if source is path else {}
            turn.append((seconds(run, source, n, **keywords) - fixed) / (n - few))
        each.append(turn)
    each = np.median(each, axis=0)
    spread = each.max() / each.min() - 1
    work = "H. a + b n, " + ", ".join(f"{n:g}" for n in lengths) + " of 32 x 32 (the last a file)"
    result = f"a {fixed:.3f} s, b within {100 * spread:.0f} %"
    shown = "b " + ", ".join(f"{1e6 * b:.1f}" for b in each) + " us"
    path.unlink()
    return Line(work, shown, "", result, "a < 0.2 s, b within 10 %", fixed < 0.2 and spread <= 0.1)


def start(quick, folder):
    """I. The command's first words, and its first product."""
    path = folder / "ten_calints.fits"
    write_calints(path, 10, (64, 64))
    command = ("-m", "nircam_tso.cli.main")
    extract = (*command, "extract", str(path), "-o", str(folder / "ten.h5"), "--overwrite", "--quiet")
    repeats = 3 if quick else 7
    times = []
    for args in ((*command, "--help"), extract):
        child_seconds(*args)
        times.append(float(np.median([child_seconds(*args) for _ in range(repeats)])))
    work = "I. nircam-tso --help, extraction of 10 rows"
    result = f"{times[0]:.2f} s, {times[1]:.2f} s"
    return Line(work, result, "", result, "0.5 s, 2 s", times[0] <= 0.5 and times[1] <= 2.0)


#: What is measured, by its letter.
CASES = {
    "A": small_frames,
    "B": large_frames,
    "C": wide_file,
    "D": many_files,
    "E": jwst_pipeline,
    "F": two_threads,
    "G": memory,
    "H": fixed_cost,
    "I": start,
}


def _table(lines):
    verdict = {True: "yes", False: "NO", None: "not measured"}
    header = ("Work", "This package", "Other way", "Result", "Goal", "Reached")
    rows = [(line.work, line.ours, line.theirs, line.result, line.goal, verdict[line.reached]) for line in lines]
    widths = [max(len(row[k]) for row in (header, *rows)) for k in range(len(header))]
    rule = "  ".join("=" * width for width in widths)
    text = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    title = "  ".join(cell.ljust(width) for cell, width in zip(header, widths, strict=True)).rstrip()
    return "\n".join([rule, title, rule, *text, rule])


def main(args=None):
    """
    Measure and print the table.

    Parameters
    ----------
    args : list of str, optional
        Arguments; by default the command line's.

    Returns
    -------
    list of Line
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="smaller inputs, under two minutes")
    parser.add_argument("--only", metavar="LETTERS", default="".join(CASES), help="lines to measure, such as ACD")
    parser.add_argument("--folder", help="where to write files (default: a temporary folder)")
    options = parser.parse_args(args)
    folder = Path(tempfile.mkdtemp(prefix="nircam_tso_bench_", dir=options.folder))
    lines = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for letter in options.only.upper():
                lines.append(CASES[letter](options.quick, folder))
                print(f"{lines[-1].work}: {lines[-1].result}", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\n{machine()}\n\n{_table(lines)}")
    return lines


if __name__ == "__main__":
    main()
