"""Sources that look right and would give wrong rows."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData

from nircam_tso.exceptions import SegmentError
from nircam_tso.io.listing import read_list
from nircam_tso.io.sources import open_exposure


def image(path, value=1.0, **cards):
    header = fits.Header()
    for name, card in cards.items():
        header[name.replace("_", "-")] = card
    fits.PrimaryHDU(np.full((8, 9), value, "f4"), header).writeto(path)
    return path


def test_array_with_the_header_of_a_later_segment():
    header = {"TELESCOP": "JWST", "INTSTART": 101, "INTEND": 104}
    assert open_exposure(np.zeros((4, 8, 9)), header=header).integration.tolist() == [101, 102, 103, 104]
    # A part of the segment has lost its numbers.
    assert open_exposure(np.zeros((3, 8, 9)), header=header).integration.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("early", "late"),
    [
        ({"DATE_OBS": "2020-01-01T12:00:00-0700"}, {"DATE_OBS": "2020-01-01T20:00:00"}),
        ({"DATE_BEG": "2020-01-01T12:00:00"}, {"DATE_BEG": "2020-01-01T13:00:00"}),
        ({"DATE_OBS": "2020-01-01", "MJD_OBS": 58849.1}, {"DATE_OBS": "2020-01-01", "MJD_OBS": 58849.2}),
    ],
)
def test_order_by_whatever_tells_the_time(tmp_path, early, late):
    # Names in the order opposite to time.
    paths = [image(tmp_path / "b.fits", 1, **early), image(tmp_path / "a.fits", 2, **late)]
    exposure = open_exposure(paths)
    assert [segment.name for segment in exposure.segments] == ["b.fits", "a.fits"]


def test_errors_and_flags_of_unknown_meaning_are_noted(tmp_path):
    path = tmp_path / "a.fits"
    units = [fits.ImageHDU(np.ones((8, 9), "f4"), name=name) for name in ("SCI", "ERR", "DQ")]
    fits.HDUList([fits.PrimaryHDU(), *units]).writeto(path)
    exposure = open_exposure(path)
    assert exposure.error_source is None
    assert [note.split()[3] for note in exposure.notes] == ["ERR", "DQ"]


def test_copies_wherever_they_stand(tmp_path):
    first = image(tmp_path / "a.fits", 1, DATE_OBS="2020-01-01T00:00:00")
    second = image(tmp_path / "b.fits", 2, DATE_OBS="2020-01-01T00:00:00")
    copy = tmp_path / "c.fits"
    copy.write_bytes(first.read_bytes())
    with pytest.raises(SegmentError, match="same bytes"):
        open_exposure([first, second, copy])


def test_side_values_of_many_arrays_are_not_multiplied():
    frames = [CCDData(np.full((20, 30), float(k)), unit="adu") for k in range(12)]
    exposure = open_exposure(frames, errors=np.arange(12.0)[:, None, None] + np.ones((12, 20, 30)))
    block = exposure.read(3, 6)
    assert np.array_equal(block.data[:, 0, 0], [3, 4, 5])
    assert np.array_equal(block.variance[:, 0, 0], [16, 25, 36])


def test_names_may_hold_what_looks_like_a_line_end(tmp_path):
    name = "a\x0cb\u2028c.fits"
    image(tmp_path / name)
    (tmp_path / "list.txt").write_text(f"{name}\n", encoding="utf-8")
    assert [str(path) for path in read_list(tmp_path / "list.txt")] == [str(tmp_path / name)]


def test_other_products_beside_the_real_one(tmp_path):
    from nircam_tso.simulate import simulate_exposure

    simulation = simulate_exposure(tmp_path, product="rateints", n_integrations=4, shape=(16, 20), seed=1)
    with fits.open(simulation.paths[0]) as hdus:
        hdus[0].header["DATAMODL"] = "TrapsFilledModel"
        hdus[0].header["FILENAME"] = simulation.paths[0].name.replace("rateints", "trapsfilled")
        sci = fits.ImageHDU(np.zeros((3, 16, 20), "f4"), name="SCI")
        fits.HDUList([hdus[0], sci]).writeto(tmp_path / hdus[0].header["FILENAME"])
    with pytest.warns(UserWarning, match="trapsfilled"):
        exposure = open_exposure(tmp_path)
    assert len(exposure) == 4
    assert exposure.kind == "jwst-rateints"
