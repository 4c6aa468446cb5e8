"""What fuzzing has found: one test for each (row 63)."""

import h5py
import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time
from astropy.timeseries import TimeSeries

from nircam_tso import read, write
from nircam_tso.exceptions import IncompleteProductError
from nircam_tso.io.merged import MergedCards


def cards(*texts):
    return "".join(text.ljust(80) for text in texts)


@pytest.mark.parametrize(
    "odd",
    [
        ["NFRAMES = 1", "CONTINUE  'no string before it'"],
        ["NFRAMES = 1", "CONTINUE  2"],
        ["NFRAMES = 'one&'", "CONTINUE  2"],
        ["NFRAMES = 'one&'", "CONTINUE  'two&'", "CONTINUE= 'three'"],
        ["NFRAMES = T / it''s", "CONTINUE  'two'"],
        ["HIERARCH a long name = 1", "CONTINUE  'two'"],
        ["COMMENT words", "CONTINUE  'two'"],
    ],
)
def test_cards_that_continue_nothing(odd):
    """Row 63: astropy raises an error only when such a card is looked up, far from the file that holds it."""
    notes = []
    found = MergedCards(cards("CONTINUE  'first of all'", "FILTER  = 'F210M'", "", *odd, "NINTS   = 3"), notes=notes)
    header = found.header()
    for place in (found, header):
        assert (place["FILTER"], place["NINTS"]) == ("F210M", 3)
    assert all(len(str(value)) < 80 for value in header.values())
    assert len(notes) == 1 and notes[0].startswith("2 header cards cannot be read")


def test_long_strings_are_whole():
    long = "x" * 100 + "''" + "y" * 100
    written = fits.Header(
        [("TITLE", long, "a comment that is long, too, so that it needs a card of its own, and more")]
    )
    notes = []
    found = MergedCards(written.tostring(endcard=False, padding=False), notes=notes)
    assert found["TITLE"] == found.header()["TITLE"] == long
    assert notes == []


def test_the_file_in_which_it_was_found(fuzz):
    """Row 63."""
    targets, seeds = fuzz
    for sound in (seeds.jwst(), seeds.ncdhas(), seeds.image()):
        for place in range(4, 20):
            raw = bytearray(sound)
            raw[80 * place : 80 * place + 8] = b"CONTINUE"
            targets.image_reader(bytes(raw))


@pytest.mark.parametrize("piece", [b"a", b"abcd", b"abcdefgh"])
def test_a_piece_shorter_than_its_checksum(tmp_path, piece):
    """Row 63: HDF5's own filter counts on from -4 bytes, through all of the memory, until the process dies."""
    path = tmp_path / "a.h5"
    ts = TimeSeries(time=Time(60000 + np.arange(5) / 300, format="mjd"))
    ts["flux"] = np.arange(5.0)
    write(ts, path)
    assert len(read(path)) == 5
    with h5py.File(path, "r+") as file:
        (name,) = (name for name in file if isinstance(file[name], h5py.Dataset) and file[name].dtype.names)
        file[name].id.write_direct_chunk((0,), piece)
    with pytest.raises(IncompleteProductError, match=f"piece of {len(piece)} bytes"):
        read(path)
