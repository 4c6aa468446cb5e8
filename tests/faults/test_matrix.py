"""Every row of the table of faults has tests that are collected, say its number, and are not skipped."""

import ast
import re
import runpy
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
ROWS = runpy.run_path(str(Path(__file__).with_name("matrix.py")))["ROWS"]
FILES = sorted({name for _, places in ROWS.values() for name in places})


@cache
def functions(name):
    """The tests of a file by name."""
    tree = ast.parse((TESTS / name).read_text(encoding="utf-8"))
    found = [("", node) for node in tree.body]
    found += [(f"{case.name}::", node) for case in tree.body if isinstance(case, ast.ClassDef) for node in case.body]
    return {
        place + node.name: node
        for place, node in found
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def numbers(node):
    """The rows that a test's docstring names, such as "Row 7." or "Rows 52 and 53:"."""
    found = re.search(r"\bRows? (\d+(?:(?:, | and | to )\d+)*)", ast.get_docstring(node) or "")
    if found is None:
        return set()
    single = {int(number) for number in re.findall(r"\d+", found[1])}
    for low, high in re.findall(r"(\d+) to (\d+)", found[1]):
        single |= set(range(int(low), int(high) + 1))
    return single


@pytest.mark.parametrize("row", ROWS)
def test_row_has_its_tests(row):
    what, places = ROWS[row]
    assert what and places
    nodes = []
    for name, tests in places.items():
        there = functions(name)
        assert not set(tests) - set(there), f"row {row}: {name} has no {set(tests) - set(there)}"
        marked = {test for test in tests if any("skip" in ast.unparse(mark) for mark in there[test].decorator_list)}
        assert not marked, f"row {row}: {name} skips {marked}"
        nodes += [there[test] for test in tests]
    named = [node for node in nodes if row in numbers(node)]
    assert named, f"row {row}: no docstring of its tests says so"
    # What needs an optional package may do without; then another test of the row does not.
    assert any("skip" not in ast.unparse(node) for node in named), f"row {row}: its tests may all be skipped"


def test_what_docstrings_say_is_in_the_table():
    """A test that names a row stands in it."""
    lost = [
        f"{row}: {file.name}::{test}"
        for file in [*(TESTS / "faults").glob("test_*.py"), *(TESTS / "fuzz").glob("test_*.py")]
        for test, node in functions(str(file.relative_to(TESTS))).items()
        for row in numbers(node)
        if test not in ROWS[row][1].get(str(file.relative_to(TESTS)), [])
    ]
    assert not lost


def test_every_row_is_there():
    assert set(ROWS) == set(range(1, 69)) - {48, 49, 50}


def test_every_test_of_the_table_is_collected():
    """By pytest itself, slow ones too, from the folder in which this suite lies."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider", *FILES],
        cwd=TESTS,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    # Names are shown from the folder of the settings, wherever that is.
    collected = {re.sub(r"\[.*", "", line) for line in done.stdout.splitlines() if "::" in line}
    for row, (_, places) in ROWS.items():
        for name, tests in places.items():
            for test in tests:
                assert any(entry.endswith(f"{name}::{test}") for entry in collected), f"row {row}: {name}::{test}"
