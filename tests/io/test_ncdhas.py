import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits

from nircam_tso.exceptions import SegmentError, UnsupportedFileError
from nircam_tso.io.sources import open_exposure


def test_ramp(tmp_path, ncdhas):
    data = ncdhas(tmp_path / "ramp.fits", k=3)
    exposure = open_exposure(tmp_path / "ramp.fits")
    assert exposure.kind == "ncdhas-red"
    assert (len(exposure), exposure.n_groups, exposure.shape) == (1, 4, (5, 8))
    assert exposure.unit == u.adu
    assert exposure.integration.tolist() == [3]
    np.testing.assert_array_equal(exposure.read(0, 1).data, data[None].astype(float))
    assert exposure.header["SUBARRAY"] == "FULL"


def test_slope(tmp_path, ncdhas):
    data = ncdhas(tmp_path / "x_I00123.slp.fits", "slp", groups=7)
    exposure = open_exposure(tmp_path / "x_I00123.slp.fits")
    assert exposure.kind == "ncdhas-slp"
    assert exposure.n_groups is None
    assert exposure.unit == u.adu / u.s
    assert exposure.error_source == "slope uncertainty"
    assert exposure.integration.tolist() == [123]
    block = exposure.read(0, 1, slice(1, 4))
    np.testing.assert_array_equal(block.data[0], data[0, 1:4])
    np.testing.assert_array_equal(block.variance[0], data[1, 1:4].astype(float) ** 2)


@pytest.mark.parametrize(
    ("name", "cards", "kind"),
    [
        ("a.slp.fits", {}, "ncdhas-slp"),
        ("a.red_I002.fits", {}, "ncdhas-red"),
        ("a.fits", {"FILENAME": "b.slp.fits"}, "ncdhas-slp"),
        ("a.fits", {"BUNIT": "ADU"}, "ncdhas-red"),
        ("a.fits", {"BUNIT": "ADU/s"}, "ncdhas-slp"),
    ],
)
def test_two_groups_are_told_from_two_planes(tmp_path, ncdhas, name, cards, kind):
    ncdhas(tmp_path / name, groups=2, cards=cards)
    exposure = open_exposure(tmp_path / name)
    assert exposure.kind == kind
    assert len(exposure) == 1


def test_two_groups_without_a_hint(tmp_path, ncdhas):
    ncdhas(tmp_path / "a.fits", groups=2)
    with pytest.raises(UnsupportedFileError, match="two planes"):
        open_exposure(tmp_path / "a.fits")


def test_bunit_wins(tmp_path, ncdhas):
    ncdhas(tmp_path / "a.fits", cards={"BUNIT": "electrons"})
    assert open_exposure(tmp_path / "a.fits").unit == u.electron


def test_a_hundred_files_in_order(tmp_path, ncdhas):
    pixels = {}
    for k in range(1, 101):
        # The number stands in the card for half of them, in the name for all.
        pixels[k] = ncdhas(tmp_path / f"NRCN821_I{k:03d}.slp.fits", "slp", k=k if k % 2 else None, seed=k)
    files = sorted(tmp_path.iterdir())
    listed = tmp_path / "list.txt"
    listed.write_text("\n".join(path.name for path in reversed(files)))
    expected = np.stack([pixels[k][0] for k in range(1, 101)])
    sources = [tmp_path, files[::-1], str(tmp_path / "*_I*.slp.fits"), listed]
    for source in sources:
        exposure = open_exposure(source)
        assert exposure.integration.tolist() == list(range(1, 101))
        np.testing.assert_array_equal(exposure.read(0, 100).data, expected)


def test_order_is_time_then_number(tmp_path, ncdhas):
    ncdhas(tmp_path / "a_I002.fits", k=2)
    ncdhas(tmp_path / "b_I010.fits", k=10)
    ncdhas(tmp_path / "c_I001.fits", k=1, cards={"TIME-OBS": "19:00:00"})
    exposure = open_exposure(tmp_path)
    assert [segment.name for segment in exposure.segments] == ["a_I002.fits", "b_I010.fits", "c_I001.fits"]


def test_one_integration_twice(tmp_path, ncdhas):
    ncdhas(tmp_path / "a.fits", k=2)
    ncdhas(tmp_path / "b.fits", k=2, seed=5)
    with pytest.raises(SegmentError, match="both integration 2"):
        open_exposure(tmp_path)


def test_ramps_and_slopes_are_two_groups(tmp_path, ncdhas):
    ncdhas(tmp_path / "a_I001.red.fits")
    ncdhas(tmp_path / "a_I001.slp.fits", "slp")
    with pytest.raises(SegmentError, match="--detector NRCA1 --product red") as caught:
        open_exposure(tmp_path)
    assert "select={'detector': 'NRCA1', 'product': 'slp'}" in str(caught.value)
    assert open_exposure(tmp_path, select={"product": "slp"}).kind == "ncdhas-slp"


def test_four_axes_are_refused(tmp_path):
    hdu = fits.PrimaryHDU(np.zeros((2, 3, 4, 5), np.float32))
    hdu.header["NCDHPROC"] = True
    hdu.writeto(tmp_path / "a.fits")
    with pytest.raises(UnsupportedFileError, match="4 axes"):
        open_exposure(tmp_path / "a.fits")


def test_number_of_groups_that_differs_is_noted(tmp_path, ncdhas):
    ncdhas(tmp_path / "a.fits", cards={"NGROUP": 9})
    assert "NGROUP = 9, but it holds 4 groups" in open_exposure(tmp_path / "a.fits").notes[0]
