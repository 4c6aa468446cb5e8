"""
The faults of 2016 put back one by one into a copy of the package: the suite notices each (row 64).

``python tests/mutation/test_mutants.py`` tries all and prints what noticed them. A mutant
is an exact piece of text and what stands in its place; where the text is no longer there
the mutant has to be written anew, and the test says so.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Seconds for one mutant; a few are usual.
WATCHDOG = 120


@dataclass(frozen=True)
class Mutant:
    """Pieces of a module with what replaces them, and the tests that must fail then."""

    file: str
    pieces: tuple
    tests: tuple


ACCURACY = "tests/extractor/test_accuracy.py"
DATES = "tests/timing/test_dates.py"

MUTANTS = {
    "apertures at (y, x)": Mutant(
        "extractor/sums.py",
        (
            (
                "aperture_sums(self.data, self.x, self.y, radii, bad",
                "aperture_sums(self.data, self.y, self.x, radii, bad",
            ),
        ),
        (f"{ACCURACY}::test_aperture_sums_are_those_of_photutils",),
    ),
    "x and y of the frame exchanged": Mutant(
        "extractor/boxes.py",
        (("return (self.columns.start, self.rows.start)", "return (self.rows.start, self.columns.start)"),),
        (f"{ACCURACY}::test_gaussian_centre_is_exact",),
    ),
    "columns cut about y": Mutant(
        "extractor/boxes.py",
        (
            (
                "slice(max(x - half, 0), min(x + half + 1, nx))",
                "slice(max(y - half, 0), min(y + half + 1, nx))",
            ),
        ),
        (f"{ACCURACY}::test_star_far_from_the_guess", f"{ACCURACY}::test_brightest", "tests/extractor/test_locate.py"),
    ),
    "columns of a box taken from its rows": Mutant(
        "extractor/boxes.py",
        (
            (
                "slice(self.columns.start - x, self.columns.stop - x)",
                "slice(self.rows.start - y, self.rows.stop - y)",
            ),
        ),
        (f"{ACCURACY}::test_gaussian_centre_is_exact",),
    ),
    "no midnight": Mutant(
        "timing/header_dates.py",
        (("gregorian_to_jd(date[:10]) + 1)", "gregorian_to_jd(date[:10]))"),),
        (DATES,),
    ),
    "leap years inverted": Mutant(
        "julian/calendars.py",
        (("julian = year % 4 == 0", "julian = year % 4 != 0"),),
        ("tests/test_julian.py::test_leap_years",),
    ),
    "every year divisible by four": Mutant(
        "julian/calendars.py",
        (("gregorian = count - years // 100 + years // 400 - 32045", "gregorian = count - 32083 + 13"),),
        ("tests/test_julian.py::test_every_month_end_equals_erfa",),
    ),
    "only the first radius": Mutant(
        "extractor/sums.py",
        (("(sums.sum[:, i], errors[:, i]", "(sums.sum[:, 0], errors[:, 0]"),),
        (f"{ACCURACY}::test_aperture_sums_are_those_of_photutils",),
    ),
    "unsigned counts wrap": Mutant(
        "measure/ramps.py",
        (
            (
                "np.subtract(data[:, later], data[:, earlier], dtype=np.float64)",
                "(data[:, later] - data[:, earlier]).astype(np.float64)",
            ),
        ),
        ("tests/measure/test_ramps.py::test_unsigned_counts_do_not_wrap",),
    ),
    "INT_TIMES by position": Mutant(
        "timing/int_times.py",
        (
            ('order = np.argsort(table.number, kind="stable")', "order = np.arange(len(table.number))"),
            (
                "place = np.minimum(np.searchsorted(numbers, integration[rows]), len(numbers) - 1)",
                "place = np.minimum(np.arange(len(rows)), len(numbers) - 1)",
            ),
            ("hit = numbers[place] == integration[rows]", "hit = np.arange(len(rows)) < len(numbers)"),
        ),
        ("tests/timing/test_int_times.py",),
    ),
}


@pytest.fixture(scope="module")
def copy():
    # Not below the suite's own folder for temporary files, whose path may be a link.
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        yield copied(Path(folder))


def copied(folder):
    """A copy of the package and its tests; compiled kernels go with it, whose dates are kept."""
    for name in ("nircam_tso", "tests"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("pyproject.toml", "conftest.py"):
        if (ROOT / name).exists():
            shutil.copy2(ROOT / name, folder)
    return folder


def suite(folder, tests):
    """Run tests of the copy; returns the finished process."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "--tb=line", "-p", "no:cacheprovider", *tests],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=WATCHDOG,
        check=False,
    )


def applied(folder, name):
    """Put a mutant into the copy; returns its module and the text that stood there."""
    mutant = MUTANTS[name]
    path = folder / "nircam_tso" / mutant.file
    text = original = path.read_text(encoding="utf-8")
    for old, new in mutant.pieces:
        found = text.count(old)
        if found != 1:
            raise LookupError(f"mutant {name!r}: {mutant.file} holds {old!r} {found} times; write the mutant anew")
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    return path, original


def noticed(folder, name):
    """The test that failed on a mutant, None if none did."""
    path, original = applied(folder, name)
    dates = path.stat()
    try:
        done = suite(folder, MUTANTS[name].tests)
    finally:
        path.write_text(original, encoding="utf-8")
        # Never the date that compiled code of the mutant has.
        os.utime(path, ns=(dates.st_atime_ns, dates.st_mtime_ns + 2_000_000_000))
    # 1 is a test that failed; 2 and above would be a suite that could not run.
    if done.returncode > 1:
        raise RuntimeError(f"mutant {name!r}: the tests could not run\n{done.stdout}{done.stderr}")
    failed = re.search(r"^FAILED (\S+)", done.stdout, re.MULTILINE)
    return failed and failed[1]


@pytest.mark.slow
def test_copy_is_sound(copy):
    """Row 64: without a mutant the very same tests pass, in the copy."""
    tests = sorted({test for mutant in MUTANTS.values() for test in mutant.tests})
    done = suite(copy, tests)
    assert done.returncode == 0, done.stdout
    where = subprocess.run(
        [sys.executable, "-c", "import nircam_tso; print(nircam_tso.__file__)"],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.startswith(str(copy))


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_noticed(copy, record_property, name):
    """Row 64."""
    assert noticed(copy, name)
    record_property("old faults noticed", 1)


@pytest.mark.parametrize("name", MUTANTS)
def test_text_of_the_mutant_is_there(name):
    mutant = MUTANTS[name]
    text = (ROOT / "nircam_tso" / mutant.file).read_text(encoding="utf-8")
    for old, _ in mutant.pieces:
        assert text.count(old) == 1, f"{mutant.file} holds {old!r} {text.count(old)} times; write the mutant anew"


def test_text_that_is_gone_is_told(tmp_path):
    folder = tmp_path / "nircam_tso" / "extractor"
    folder.mkdir(parents=True)
    (folder / "sums.py").write_text("nothing\n")
    with pytest.raises(LookupError, match="write the mutant anew"):
        applied(tmp_path, "only the first radius")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="mutants-") as place:
        folder = copied(Path(place))
        answers = {name: noticed(folder, name) for name in MUTANTS}
    for name, test in answers.items():
        print(f"{name}: {test or 'NOT NOTICED'}")
    sys.exit(not all(answers.values()))
