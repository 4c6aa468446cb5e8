"""Every row of the table of faults has tests that are there and are not skipped."""

import ast
import runpy
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
ROWS = runpy.run_path(str(Path(__file__).with_name("matrix.py")))["ROWS"]


@cache
def functions(name):
    """Names of the tests of a file, and of those that are skipped always or by a mark."""
    tree = ast.parse((TESTS / name).read_text(encoding="utf-8"))
    found = [("", node) for node in tree.body]
    found += [(f"{case.name}::", node) for case in tree.body if isinstance(case, ast.ClassDef) for node in case.body]
    found = {
        place + node.name: node
        for place, node in found
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    skipped = {name for name, node in found.items() if any("skip" in ast.unparse(mark) for mark in node.decorator_list)}
    return set(found), skipped


@pytest.mark.parametrize("row", ROWS)
def test_row_has_its_tests(row):
    what, places = ROWS[row]
    assert what and places
    for name, tests in places.items():
        there, skipped = functions(name)
        assert not set(tests) - there, f"row {row}: {name} has no {set(tests) - there}"
        assert not set(tests) & skipped, f"row {row}: {name} skips {set(tests) & skipped}"


def test_every_row_is_there():
    assert set(ROWS) == set(range(1, 69)) - {48, 49, 50}
