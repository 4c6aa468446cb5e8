"""Fixtures that the tests share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def realdata():
    """Folder of the public observations that some tests measure."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("NIRCAM_TSO_DATA") or beside)
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder}; NIRCAM_TSO_DATA can name their folder")
    return folder
