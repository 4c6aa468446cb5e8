import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits

from nircam_tso.exceptions import CorruptFileError, SegmentError, UnsupportedFileError
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
    ncdhas(tmp_path / "b_I003.fits", k=3)
    ncdhas(tmp_path / "c_I001.fits", k=1, cards={"TIME-OBS": "19:00:00"})
    ncdhas(tmp_path / "d_I001.fits", k=1)
    exposure = open_exposure(tmp_path)
    names = ["d_I001.fits", "a_I002.fits", "b_I003.fits", "c_I001.fits"]
    assert [segment.name for segment in exposure.segments] == names


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


def exposure_of(folder, ncdhas, numbers, *, promised=None, card=True, stem="N", **cards):
    """Files of one integration each."""
    for k in numbers:
        own = {"NINTS": promised} if promised else {}
        # As with integrations that have their own time in the header, where a function is handed over.
        own |= {key: value(k) if callable(value) else value for key, value in cards.items()}
        cards_of = {key.replace("_", "-"): value for key, value in own.items()}
        ncdhas(folder / f"{stem}_I{k:03d}.slp.fits", "slp", k=k if card else None, seed=k, cards=cards_of)


@pytest.mark.parametrize(
    ("numbers", "promised", "missing"),
    [
        ([*range(1, 5), *range(6, 11)], 10, "integration 5 of 10 is missing"),
        (range(1, 10), 10, "integration 10 of 10 is missing"),
        (range(1, 6), 10, "integrations 6 to 10 of 10 are missing"),
        (range(2, 11), 10, "integration 1 of 10 is missing"),
        ([1, 2, 4, 7], 10, "integrations 3, 5 to 6, 8 to 10 of 10 are missing"),
        # Real headers say NINTS = 1: only what lies below the largest number can be missed.
        ([1, 2, 3, 5], 1, "integration 4 of 5 is missing"),
        ([1, 2, 3, 5], None, "integration 4 of 5 is missing"),
        ([4, 5], 1, "integrations 1 to 3 of 5 are missing"),
    ],
)
@pytest.mark.parametrize("card", [True, False])
def test_a_folder_with_a_hole(tmp_path, ncdhas, numbers, promised, missing, card):
    exposure_of(tmp_path, ncdhas, numbers, promised=promised, card=card)
    for source in (tmp_path, str(tmp_path / "*_I*.fits")):
        with pytest.raises(SegmentError, match=missing) as caught:
            open_exposure(source)
        assert str(tmp_path) in str(caught.value)
        assert "a run of files without a hole is measured if named" in str(caught.value)


@pytest.mark.parametrize("promised", [None, 1, 6])
def test_a_whole_folder(tmp_path, ncdhas, promised):
    exposure_of(tmp_path, ncdhas, range(1, 7), promised=promised)
    exposure = open_exposure(tmp_path)
    assert exposure.integration.tolist() == [1, 2, 3, 4, 5, 6]
    assert exposure.notes == []


def test_named_files_of_an_exposure(tmp_path, ncdhas):
    exposure_of(tmp_path, ncdhas, range(1, 11), promised=10)
    files = sorted(tmp_path.iterdir())
    listed = tmp_path / "list.txt"
    listed.write_text("\n".join(path.name for path in files[2:5]))
    for source in (files[2:5], listed):
        exposure = open_exposure(source)
        assert exposure.integration.tolist() == [3, 4, 5]
        note = "N_I003.slp.fits and 2 more: part of an exposure: integrations 3 to 5 of 10"
        assert exposure.notes == [note]
    assert open_exposure(files[6]).notes == ["N_I007.slp.fits: part of an exposure: integration 7 of 10"]
    assert open_exposure(files).notes == []
    with pytest.raises(SegmentError, match="integration 3 of 10 is missing"):
        open_exposure([files[1], files[3]])


def test_named_files_without_a_promise(tmp_path, ncdhas):
    exposure_of(tmp_path, ncdhas, range(1, 6), promised=1)
    files = sorted(tmp_path.iterdir())
    assert open_exposure(files[:3]).notes == []
    notes = open_exposure(files[2:]).notes
    assert notes == [
        "N_I003.slp.fits and 2 more: part of an exposure: integrations 3 to 5, without integrations 1 to 2"
    ]


def test_holes_are_told_in_each_of_several_exposures(tmp_path, ncdhas):
    exposure_of(tmp_path, ncdhas, range(1, 4), promised=3)
    exposure_of(tmp_path, ncdhas, range(1, 4), promised=3, stem="P", TIME_OBS="19:00:00")
    assert open_exposure(tmp_path).integration.tolist() == [1, 2, 3, 1, 2, 3]
    (tmp_path / "P_I003.slp.fits").unlink()
    with pytest.raises(SegmentError, match="integration 3 of 3 is missing"):
        open_exposure(tmp_path)
    (tmp_path / "N_I001.slp.fits").unlink()
    with pytest.raises(SegmentError, match="integration 1 of 3 is missing"):
        open_exposure(tmp_path)


def test_holes_where_each_integration_has_its_own_time(tmp_path, ncdhas):
    exposure_of(tmp_path, ncdhas, range(1, 6), promised=1, TIME_OBS=lambda k: f"18:{k:02d}:00")
    exposure_of(tmp_path, ncdhas, range(1, 4), promised=1, stem="P", TIME_OBS=lambda k: f"19:{k:02d}:00")
    assert open_exposure(tmp_path).integration.tolist() == [1, 2, 3, 4, 5, 1, 2, 3]
    (tmp_path / "N_I003.slp.fits").unlink()
    with pytest.raises(SegmentError, match="integration 3 of 5 is missing"):
        open_exposure(tmp_path)


def test_halves_of_two_exposures_are_no_exposure(tmp_path, ncdhas):
    exposure_of(tmp_path, ncdhas, [1, 2], promised=4)
    exposure_of(tmp_path, ncdhas, [3, 4], promised=4, stem="P", TIME_OBS="19:00:00")
    with pytest.raises(SegmentError, match="integrations 3 to 4 of 4 are missing"):
        open_exposure(tmp_path)


def test_times_in_whole_seconds_may_be_shared_by_some(tmp_path, ncdhas):
    exposure_of(tmp_path, ncdhas, range(1, 7), promised=1, TIME_OBS=lambda k: f"18:00:{k // 2:02d}")
    assert open_exposure(tmp_path).integration.tolist() == [1, 2, 3, 4, 5, 6]


def test_files_without_numbers_stay_as_they_are(tmp_path, ncdhas):
    for index in range(3):
        ncdhas(tmp_path / f"{'abc'[index]}.slp.fits", "slp", seed=index, cards={"NINTS": 9})
    exposure = open_exposure(tmp_path)
    assert len(exposure) == 3
    assert exposure.notes == []
    ncdhas(tmp_path / "d_I007.slp.fits", "slp", seed=9)
    assert "3 of 4 files have no integration number" in open_exposure(tmp_path).notes[0]


def test_a_number_of_integrations_that_makes_no_sense(tmp_path, ncdhas):
    exposure_of(tmp_path, ncdhas, [1, 3], promised=2**31 - 1)
    with pytest.raises(SegmentError, match="integrations 2, 4 to 2147483647 of 2147483647 are missing"):
        open_exposure(tmp_path)


def test_two_of_one_name(tmp_path, ncdhas):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        ncdhas(tmp_path / folder / "a_I001.fits", seed=len(folder), cards={"NINTS": 1})
    with pytest.raises(SegmentError, match=r"one/a_I001\.fits and .*two/a_I001\.fits are both integration 1"):
        open_exposure(tmp_path, recursive=True)


def test_slope_without_its_uncertainty(tmp_path):
    slope = np.arange(40, dtype=np.float32).reshape(5, 8)
    hdu = fits.PrimaryHDU(slope)
    hdu.header["NCDHPROC"] = True
    hdu.writeto(tmp_path / "a.slp.fits")
    exposure = open_exposure(tmp_path / "a.slp.fits")
    assert exposure.kind == "ncdhas-slp"
    assert exposure.error_source is None
    np.testing.assert_array_equal(exposure.read(0, 1).data[0], slope)


def test_ramp_that_promises_no_groups(tmp_path, ncdhas):
    path = tmp_path / "a.red.fits"
    data = ncdhas(path, groups=3, cards={"NCDHPROC": True})
    with fits.open(path, mode="update") as hdulist:
        for card in ("NGROUP", "NGROUPS"):
            del hdulist[0].header[card]
    exposure = open_exposure(path)
    assert (exposure.kind, exposure.n_groups, exposure.notes) == ("ncdhas-red", 3, [])
    np.testing.assert_array_equal(exposure.read(0, 1).data[0], data)


def test_no_pixels(tmp_path, ncdhas):
    path = tmp_path / "a.slp.fits"
    ncdhas(path, "slp")
    with fits.open(path) as hdulist:
        header = hdulist[0].header
    header["NAXIS1"] = 0
    path.write_bytes(header.tostring().encode())
    with pytest.raises(CorruptFileError, match=r"\(2, 5, 0\): it holds no pixels"):
        open_exposure(path)


def test_unknown_unit_is_noted(tmp_path, ncdhas):
    ncdhas(tmp_path / "a.fits", cards={"BUNIT": "furlongs"})
    exposure = open_exposure(tmp_path / "a.fits")
    assert exposure.unit == u.dimensionless_unscaled
    assert "furlongs" in exposure.notes[0]
