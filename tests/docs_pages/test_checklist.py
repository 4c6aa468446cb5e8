"""What the checklist points to is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "checklist.rst").read_text(encoding="utf-8")
PATHS = sorted(
    text
    for text in set(re.findall(r"``([\w./-]+)``", PAGE))
    if "/" in text or re.search(r"\.(rst|toml|cff|ini|py|md)$", text) or text == "tests"
)


def test_page_names_paths():
    assert {"LICENSE.rst", "pyproject.toml", "docs/tutorials"} <= set(PATHS)


@pytest.mark.parametrize("path", PATHS)
def test_path_is_there(path):
    assert (ROOT / path).exists()


def test_pages_are_there():
    for name in re.findall(r":doc:`(\w+)`", PAGE):
        assert (ROOT / "docs" / f"{name}.rst").is_file()
