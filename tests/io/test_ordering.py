"""Files of one exposure that cannot be: one integration twice, or two places on the detector."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time

from nircam_tso.exceptions import InputFileError, SegmentError
from nircam_tso.io.headers import integration_in_name, split_name
from nircam_tso.io.sources import open_exposure
from nircam_tso.quality import QualityFlag
from nircam_tso.timing import exposure_times

UNDATED = {"DATE-OBS": "", "TIME-OBS": ""}


@pytest.mark.parametrize(
    ("name", "number", "exposure"),
    [
        ("a_I1234.slp.fits", 1234, "a"),
        ("a.red_I002.fits", 2, "a.red"),
        ("T2_I2K_481_I017.slp.fits", 17, "T2_I2K_481"),
        ("a_I001_b_I002.fits", 2, "a_I001_b"),
        ("a_I000.fits", None, "a_I000.fits"),
        ("a_I12b.fits", None, "a_I12b.fits"),
        ("a_I1234567890.fits", None, "a_I1234567890.fits"),
        ("NRCN821CLRSUB1.fits", None, "NRCN821CLRSUB1.fits"),
    ],
)
def test_number_in_a_name(name, number, exposure):
    assert split_name(name) == (exposure, number)
    assert integration_in_name("plain.fits", name) == number


@pytest.mark.parametrize(("card", "number"), [(None, 7), (0, 7), (-3, 7), (4, 4)])
def test_readers_and_times_find_the_same_number(tmp_path, ncdhas, card, number):
    ncdhas(tmp_path / "a_I007.fits", k=card, cards={"NINTS": 10})
    exposure = open_exposure(tmp_path / "a_I007.fits")
    assert exposure.integration.tolist() == [number]
    times = exposure_times(exposure)
    # Twenty minutes, ten integrations.
    assert abs((times.middle[0] - Time("2016-01-12T18:00:43.1")).sec - (number - 0.5) * 120) < 1e-6


@pytest.mark.parametrize("folder", [True, False])
def test_one_integration_twice_without_dates(tmp_path, ncdhas, folder):
    paths = [tmp_path / name for name in ("a_I001.slp.fits", "a.old_I001.slp.fits", "a_I002.slp.fits")]
    for seed, path in enumerate(paths, start=1):
        ncdhas(path, "slp", cards=UNDATED, seed=seed)
    # Their names tell two exposures.
    assert len(open_exposure([str(path) for path in (paths[0], paths[1])])) == 2
    other = tmp_path / "a_I0001.slp.fits"
    ncdhas(other, "slp", cards=UNDATED, seed=9)
    paths[1].unlink()
    source = tmp_path if folder else [str(path) for path in (paths[0], paths[2], other)]
    with pytest.raises(SegmentError, match="are both integration 1 of one exposure, as far as names tell") as caught:
        open_exposure(source)
    assert "a_I001.slp.fits" in str(caught.value) and "a_I0001.slp.fits" in str(caught.value)


def test_one_number_in_two_files_without_dates_and_names(tmp_path, ncdhas):
    for seed, name in enumerate(("one.slp.fits", "two.slp.fits"), start=1):
        ncdhas(tmp_path / name, "slp", k=1, cards=UNDATED, seed=seed)
    with pytest.raises(SegmentError, match="one.slp.fits and two.slp.fits are both integration 1"):
        open_exposure(tmp_path)


@pytest.mark.parametrize("undated", [0, 1])
def test_one_integration_twice_and_one_date(tmp_path, ncdhas, undated):
    for seed, name in enumerate(("a_I001.slp.fits", "a_I01.slp.fits")):
        ncdhas(tmp_path / name, "slp", cards=UNDATED if seed == undated else {}, seed=seed)
    with pytest.raises(SegmentError, match="both integration 1"):
        open_exposure(tmp_path)


PLACES = [("SUBARRAY", "SUB64P", "SUB160P"), ("SUBSTRT1", 1, 961), ("SUBSTRT2", 965, 1)]


@pytest.mark.parametrize(("card", "one", "other"), PLACES)
def test_segments_from_two_places_on_the_detector(tmp_path, jwst, card, one, other):
    paths = [tmp_path / f"jw01366002001_04103_00001-seg00{k}_nrca1_calints.fits" for k in (1, 2)]
    for k, value in enumerate((one, other)):
        jwst(paths[k], first=1 + 4 * k, segment=(k + 1, 2), cards={"NINTS": 8, "SUBARRAY": "GENERIC"}, seed=k)
        fits.setval(paths[k], card, value=value, ext=0 if card == "SUBARRAY" else 1)
    for source in (tmp_path, [str(path) for path in paths]):
        with pytest.raises(SegmentError) as caught:
            open_exposure(source)
        said = str(caught.value)
        assert f"{paths[0].name} has {card} {one!r}, but {paths[1].name} has {other!r}" in said
        assert caught.value.path == str(paths[1])


@pytest.mark.parametrize(("card", "one", "other"), PLACES)
def test_images_from_two_places_on_the_detector(tmp_path, image, card, one, other):
    image(tmp_path / "a.fits", **{card: one})
    image(tmp_path / "b.fits", start="2020-02-20T08:51:21", seed=2, **{card: other})
    with pytest.raises(SegmentError, match=f"a.fits has {card} .* but b.fits has"):
        open_exposure(tmp_path)
    # A file without the card contradicts nothing, nor do blanks.
    (tmp_path / "b.fits").unlink()
    image(tmp_path / "c.fits", start="2020-02-20T08:51:21", seed=3)
    if isinstance(one, str):
        image(tmp_path / "d.fits", start="2020-02-20T09:51:21", seed=4, **{card: one + "  "})
    assert len(open_exposure(tmp_path)) >= 2


def segments(folder, jwst, numbers, *, total, **cards):
    """Segments of four integrations each, whose cards may tell other numbers than their names."""
    stem = "jw01366002001_04103_00001-seg00{}_nrca1_calints.fits"
    paths = [folder / stem.format(place) for place in range(1, len(numbers) + 1)]
    for place, (path, number) in enumerate(zip(paths, numbers, strict=True)):
        own = {"NINTS": 4 * len(numbers), **cards}
        jwst(path, first=1 + 4 * place, segment=(number, total), cards=own, seed=place)
    return paths


def test_a_segment_beyond_the_last(tmp_path, jwst):
    segments(tmp_path, jwst, [1, 3], total=2)
    with pytest.raises(SegmentError, match="EXSEGNUM = 3 is above EXSEGTOT = 2 in .*seg001.*seg002"):
        open_exposure(tmp_path)


def test_segments_and_integrations_in_different_orders(tmp_path, jwst):
    segments(tmp_path, jwst, [2, 1], total=2)
    told = "EXSEGNUM and INTSTART put .*seg001_nrca1_calints.fits and .*seg002_nrca1_calints.fits in different orders"
    with pytest.raises(SegmentError, match=told):
        open_exposure(tmp_path)


def test_an_unreadable_last_segment_of_unknown_length(tmp_path, jwst):
    """Nothing tells how many rows to flag: neither its own header nor NINTS of the others."""
    paths = segments(tmp_path, jwst, [1, 2], total=2, NINTS=None)
    paths[1].write_bytes(paths[1].read_bytes()[:100])
    with pytest.raises(InputFileError, match="how many integrations it holds cannot be told") as caught:
        open_exposure(tmp_path, on_error="flag")
    assert str(paths[1]) in str(caught.value)


def test_an_unreadable_file_lies_where_its_name_says(tmp_path, jwst):
    """Without numbers of segments and of integrations, between two others by the order of names."""
    pixels = {}
    for name, first in (("part9.fits", 1), ("part10.fits", None), ("part11.fits", 9)):
        pixels[name] = jwst(tmp_path / name, first=first, cards={"NINTS": 12}, seed=len(pixels))["SCI"].data
    path = tmp_path / "part10.fits"
    path.write_bytes(path.read_bytes()[:6000])
    exposure = open_exposure(tmp_path, on_error="flag")
    assert exposure.integration.tolist() == list(range(1, 13))
    lost = np.arange(12) // 4 == 1
    assert ((exposure.flags & np.uint32(QualityFlag.READ_ERROR)) != 0).tolist() == lost.tolist()
    expected = np.concatenate([pixels["part9.fits"], pixels["part11.fits"]])
    np.testing.assert_array_equal(exposure.read(0, 12).data[~lost], expected)


def test_an_unreadable_file_belongs_to_those_of_its_name(tmp_path, ncdhas):
    """Two detectors in one folder: which of them a file without a header is of, its name tells."""
    for detector, stem in (("NRCA1", "one"), ("NRCB4", "two")):
        for k in (1, 2, 3):
            cards = {"DETECTOR": detector, "NINTS": 3}
            ncdhas(tmp_path / f"{stem}_I{k:03d}.slp.fits", "slp", k=k, seed=10 * ord(stem[0]) + k, cards=cards)
    (tmp_path / "two_I002.slp.fits").write_bytes(b"")
    flagged = {}
    for detector in ("NRCA1", "NRCB4"):
        exposure = open_exposure(tmp_path, select={"detector": detector}, on_error="flag")
        flagged[detector] = (exposure.flags & np.uint32(QualityFlag.READ_ERROR) != 0).tolist()
    assert flagged == {"NRCA1": [False] * 3, "NRCB4": [False, True, False]}


def test_masks_pass_by_what_is_missing(tmp_path, jwst):
    paths = segments(tmp_path, jwst, [1, 2, 3], total=3)
    paths[1].unlink()
    mask = np.zeros((6, 9), bool)
    mask[2, 3] = True
    exposure = open_exposure(tmp_path, allow_missing=True, mask=mask)
    block = exposure.read(0, 12)
    assert (block.mask[[0, 3, 8, 11], 2, 3]).all()
    assert np.isnan(block.data[4:8]).all() and len(exposure) == 12
