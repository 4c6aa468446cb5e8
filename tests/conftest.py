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


@pytest.fixture(scope="session")
def processes_of():
    """Return a function that lists the processes of a terminal session that are no zombies."""

    def alive(session):
        found = []
        for entry in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = entry.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(entry.parent.name)
        return found

    return alive
