"""The modules beside the tests, which are no package."""

import sys
from pathlib import Path

import pytest

# Run by hand, with a package that the tests do without.
collect_ignore = ["atheris_io.py"]


@pytest.fixture(scope="session")
def fuzz():
    """(targets, seeds): what is fuzzed, and what it begins from."""
    folder = str(Path(__file__).parent)
    sys.path.insert(0, folder)
    try:
        import seeds
        import targets
    finally:
        sys.path.remove(folder)
    return targets, seeds
