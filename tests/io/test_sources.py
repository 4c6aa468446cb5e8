import bz2
import hashlib
import io
import itertools
import os

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits

from nircam_tso.exceptions import (
    InputFileError,
    NircamTSOWarning,
    SegmentError,
    TruncatedFileError,
    UnsupportedFileError,
)
from nircam_tso.io.exposure import Exposure
from nircam_tso.io.sources import open_exposure, open_exposures


def test_missing_and_empty(tmp_path):
    for source in (tmp_path / "a.fits", [tmp_path / "a.fits"], str(tmp_path / "*.fits"), str(tmp_path / "a[12].fits")):
        with pytest.raises(InputFileError, match=r"a\.fits|\*\.fits|a\[12\]"):
            open_exposure(source)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputFileError, match="no FITS file here"):
        open_exposure(tmp_path / "empty")
    with pytest.raises(ValueError, match="empty name"):
        open_exposure("")
    for source in ("https://x.org/a.fits", ["s3://x/a.fits"]):
        with pytest.raises(InputFileError, match="is a URL"):
            open_exposure(source)
    with pytest.raises(InputFileError, match="examined"):
        open_exposure("a\0b")
    with pytest.raises(InputFileError, match="cannot be examined"):
        open_exposure("x" * 5000)


def test_a_name_wins_over_a_pattern(tmp_path, image):
    first = image(tmp_path / "star[1].fits", seed=1)
    image(tmp_path / "star1.fits", seed=2)
    np.testing.assert_array_equal(open_exposure(str(tmp_path / "star[1].fits")).read(0, 1).data[0], first)


@pytest.mark.parametrize("name", ["a b.fits", "a\nb.fits", "$(x).fits", "a;b.fits", "-rf", "x" * 200 + ".fits"])
def test_odd_names(tmp_path, image, name):
    image(tmp_path / name)
    assert open_exposure(tmp_path / name).segments[0].name == name
    assert len(open_exposure(tmp_path)) == 1


def test_what_a_folder_holds_besides(tmp_path, image):
    image(tmp_path / "a.fits")
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "plot.png").write_bytes(b"\x89PNG")
    (tmp_path / "sub").mkdir()
    image(tmp_path / "sub" / "b.fits", start="2021-01-01T00:00:00")
    assert len(open_exposure(tmp_path)) == 1
    assert len(open_exposure(tmp_path, recursive=True)) == 2
    assert len(open_exposure(str(tmp_path / "**" / "*.fits"), recursive=True)) == 2
    # A file that calls itself FITS and is not was meant to be measured.
    (tmp_path / "c.fits").write_text("<html>")
    with pytest.raises(UnsupportedFileError, match=r"c\.fits: is not FITS but an HTML"):
        open_exposure(tmp_path)


def test_links(tmp_path, image):
    folder = tmp_path / "folder"
    folder.mkdir()
    image(folder / "a.fits")
    (folder / "self").symlink_to(folder, target_is_directory=True)
    (folder / "loop").symlink_to(folder / "loop")
    with pytest.warns(NircamTSOWarning, match="loop"):
        assert len(open_exposure(folder, recursive=True)) == 1
    (folder / "loop").unlink()
    (folder / "b.fits").symlink_to(folder / "a.fits")
    with pytest.warns(NircamTSOWarning, match="same file twice"):
        assert len(open_exposure(folder)) == 1
    with pytest.warns(NircamTSOWarning, match="same file twice"):
        assert len(open_exposure(str(folder / "**" / "*.fits"), recursive=True)) == 1
    (folder / "b.fits").unlink()
    (folder / "gone.fits").symlink_to(folder / "nowhere.fits")
    with pytest.raises(InputFileError, match="link to a file that does not exist"):
        open_exposure(folder)


def test_the_same_file_twice_in_a_list(tmp_path, image):
    image(tmp_path / "a.fits")
    os.link(tmp_path / "a.fits", tmp_path / "b.fits")
    with pytest.warns(NircamTSOWarning, match="same file twice"):
        assert len(open_exposure([tmp_path / "a.fits", tmp_path / "b.fits"])) == 1


def visit(folder, jwst):
    """A folder as the archive hands it out: two detectors, two products, two exposures, a spectrum."""
    for detector, product, exposure in itertools.product(("NRCA1", "NRCB1"), ("rateints", "calints"), (1, 3)):
        for segment in (1, 2):
            jwst(
                folder / f"{detector}_{exposure:05d}-seg{segment:03d}_{product}.fits",
                product,
                n=2,
                first=2 * segment - 1,
                segment=(segment, 2),
                cards={"DETECTOR": detector, "EXPOSURE": str(exposure), "NINTS": 4, "EXPSTART": 59850.0 + exposure},
            )
    jwst(folder / "grism_calints.fits", cards={"DETECTOR": "NRCALONG", "EXP_TYPE": "NRC_TSGRISM"})


def test_a_visit_s_folder(tmp_path, jwst):
    visit(tmp_path, jwst)
    with pytest.raises(SegmentError) as caught:
        open_exposure(tmp_path)
    text = str(caught.value)
    assert "8 groups" in text
    assert "2 files, 4 integrations: --detector NRCA1 --product calints --exposure 3" in text
    assert "select={'detector': 'NRCB1', 'product': 'rateints', 'exposure': 1}" in text
    assert "NRC_TSGRISM" in text
    exposure = open_exposure(tmp_path, select={"detector": "nrca1", "product": "calints", "exposure": 3})
    assert len(exposure) == 4
    assert exposure.exposure.tolist() == [3] * 4
    assert exposure.header["DETECTOR"] == "NRCA1"
    label = "01366002001_04103_00003"
    for value in ("3", "00003", label, "jw" + label):
        chosen = open_exposure(tmp_path, select={"detector": "NRCA1", "product": "jwst-calints", "exposure": value})
        assert [segment.path for segment in chosen.segments] == [segment.path for segment in exposure.segments]
    with pytest.raises(SegmentError, match="2 groups"):
        open_exposure(tmp_path, select={"detector": "NRCA1", "product": "calints"})
    with pytest.raises(SegmentError, match="nothing has detector NRCB4; there are\n"):
        open_exposure(tmp_path, select={"detector": "NRCB4"})
    with pytest.raises(UnsupportedFileError, match="NRC_TSGRISM"):
        open_exposure(tmp_path, select={"detector": "NRCALONG"})


def test_every_printed_selection_works(tmp_path, jwst):
    visit(tmp_path, jwst)
    # A second visit has exposures of the same numbers.
    jwst(tmp_path / "other.fits", cards={"VISIT_ID": "01366003001"})
    with pytest.raises(SegmentError) as caught:
        open_exposure(tmp_path)
    lines = [line for line in str(caught.value).splitlines() if "select=" in line]
    assert len(lines) == 9
    seen = set()
    for line in lines:
        options = eval(line.split("select=")[1])
        exposure = open_exposure(tmp_path, select=options)
        seen.add(tuple(segment.name for segment in exposure.segments))
        words = line.split("integrations: ")[1].split("  select")[0].split()
        assert dict(zip((word[2:] for word in words[::2]), words[1::2], strict=True)) == {
            key: str(value) for key, value in options.items()
        }
    assert len(seen) == 9


def test_all_exposures_in_one(tmp_path, jwst):
    visit(tmp_path, jwst)
    select = {"detector": "NRCA1", "product": "calints", "exposure": "all"}
    exposure = open_exposure(tmp_path, select=select)
    assert exposure.exposure.tolist() == [1] * 4 + [3] * 4
    assert exposure.integration.tolist() == [1, 2, 3, 4] * 2
    with pytest.raises(SegmentError, match="4 groups"):
        open_exposure(tmp_path, select={"detector": "NRCA1", "exposure": "all"})


def test_one_exposure_for_each_detector(tmp_path, jwst):
    visit(tmp_path, jwst)
    with pytest.raises(ValueError, match="--detector all"):
        open_exposure(tmp_path, select={"detector": "all"})
    found = open_exposures(tmp_path, select={"detector": "all", "product": "calints", "exposure": 1})
    assert [label for label, _ in found] == ["nrca1", "nrcb1"]
    assert [exposure.header["DETECTOR"] for _, exposure in found] == ["NRCA1", "NRCB1"]
    joined = open_exposures(tmp_path, select={"detector": "all", "product": "calints", "exposure": "all"})
    assert [(label, len(exposure)) for label, exposure in joined] == [("nrca1", 8), ("nrcb1", 8)]
    with pytest.raises(SegmentError, match="8 groups"):
        open_exposures(tmp_path, select={"detector": "all"})
    every = open_exposures(tmp_path)
    assert len(every) == len({label for label, _ in every}) == 8
    assert every[0][0] == "nrca1_calints_01366002001_04103_00001"


def test_one_group_beside_what_is_not_measured(tmp_path, jwst):
    jwst(tmp_path / "a.fits")
    jwst(tmp_path / "grism.fits", cards={"DETECTOR": "NRCALONG", "EXP_TYPE": "NRC_TSGRISM"})
    with pytest.warns(NircamTSOWarning, match="left out: .*NRC_TSGRISM"):
        assert len(open_exposure(tmp_path)) == 4
    assert len(open_exposure(tmp_path, select={"detector": "NRCA1"})) == 4


def test_a_broken_piece_is_never_left_out(tmp_path, jwst):
    jwst(tmp_path / "a.fits", n=2)
    jwst(tmp_path / "b.fits", n=2, first=3, drop=("DQ",))
    for select in (None, {"detector": "NRCA1"}):
        with pytest.raises(UnsupportedFileError, match=r"b\.fits: has no DQ"):
            open_exposure(tmp_path, select=select)
    (tmp_path / "b.fits").unlink()
    jwst(tmp_path / "c.fits", cards={"DETECTOR": "NRCB1", "INTEND": 99})
    with pytest.raises(SegmentError, match=r"c\.fits: INTSTART"):
        open_exposure(tmp_path)
    assert len(open_exposure(tmp_path, select={"detector": "NRCA1"})) == 2
    jwst(tmp_path / "d.fits", cards={"DETECTOR": "NRCB2"})
    raw = (tmp_path / "d.fits").read_bytes()
    (tmp_path / "d.fits").write_bytes(raw[:-5000])
    with pytest.raises(TruncatedFileError, match=r"d\.fits"):
        open_exposure(tmp_path, select={"detector": "NRCA1"})


def test_kinds_in_one_list(tmp_path, jwst, image, ncdhas):
    jwst(tmp_path / "a.fits")
    image(tmp_path / "b.fits")
    ncdhas(tmp_path / "c.fits")
    with pytest.raises(SegmentError, match="3 groups"):
        open_exposure([tmp_path / name for name in ("a.fits", "b.fits", "c.fits")])
    for name, product in (("a.fits", "calints"), ("b.fits", "image"), ("c.fits", "red")):
        assert open_exposure(tmp_path, select={"product": product}).segments[0].name == name


def test_filters_in_joined_exposures(tmp_path, jwst):
    jwst(tmp_path / "a.fits")
    jwst(tmp_path / "b.fits", cards={"EXPOSURE": "2", "FILTER": "F480M"})
    with pytest.raises(SegmentError, match="FILTER 'F210M'"):
        open_exposure(tmp_path, select={"exposure": "all"})


def test_exposures_without_numbers_are_told_apart_by_their_start(tmp_path, jwst):
    jwst(tmp_path / "a.fits", "uncal", cards={"EXPOSURE": None})
    jwst(tmp_path / "b.fits", "uncal", cards={"EXPOSURE": None, "TIME-OBS": "07:00:00.000"})
    with pytest.raises(SegmentError, match=r"2022-09-28T07:00:00\.000"):
        open_exposure(tmp_path)


@pytest.mark.parametrize(
    ("select", "error"),
    [({"filter": "x"}, ValueError), ({"detector": 1.5}, TypeError), ({"exposure": True}, TypeError), (3, TypeError)],
)
def test_selections_that_make_no_sense(tmp_path, image, select, error):
    image(tmp_path / "a.fits")
    with pytest.raises(error, match="select"):
        open_exposure(tmp_path, select=select)


def test_what_a_user_says_about_files(tmp_path, jwst, image):
    jwst(tmp_path / "a.fits")
    mask = np.zeros((6, 9), bool)
    mask[2, 3] = True
    exposure = open_exposure(tmp_path / "a.fits", mask=mask, header={"TARGNAME": "x"})
    np.testing.assert_array_equal(exposure.read(0, 2, slice(1, 4)).mask, np.stack([mask[1:4]] * 2))
    assert exposure.header["TARGNAME"] == "x"
    image(tmp_path / "b.fits")
    assert open_exposure(tmp_path / "b.fits", unit="adu").unit == u.adu
    assert open_exposure(tmp_path / "a.fits", unit=u.MJy / u.sr).unit == u.MJy / u.sr
    with pytest.raises(ValueError, match="unit"):
        open_exposure(tmp_path / "a.fits", unit="DN")
    with pytest.raises(ValueError, match="mask"):
        open_exposure(tmp_path / "a.fits", mask=mask.T)
    with pytest.raises(ValueError, match="errors"):
        open_exposure(tmp_path / "a.fits", errors=np.ones((4, 6, 9)))
    with pytest.raises(ValueError, match=r"axis: 'groups' was given, but a\.fits is a JWST product"):
        open_exposure(tmp_path / "a.fits", axis="groups")


def test_iterables_of_paths(tmp_path, image):
    image(tmp_path / "a.fits")
    assert len(open_exposure(tmp_path.glob("*.fits"))) == 1
    assert len(open_exposure((str(tmp_path / "a.fits"),))) == 1


def test_what_stands_for_several_files_comes_by_itself(tmp_path, image):
    image(tmp_path / "a.fits")
    (tmp_path / "list.txt").write_text("a.fits")
    pattern = str(tmp_path / "*.fits")
    for item, what, error in (
        (tmp_path, "is a folder; .*one folder at a time, by itself", UnsupportedFileError),
        (pattern, "but a pattern; .*one pattern at a time, by itself", InputFileError),
        (tmp_path / "list.txt", "is a text file; .*one list of names at a time, by itself", UnsupportedFileError),
    ):
        assert len(open_exposure(item)) == 1
        for source in ([item], [tmp_path / "a.fits", item]):
            with pytest.raises(error, match=what):
                open_exposure(source)


@pytest.mark.parametrize("product", ["uncal", "rateints", "calints", "cal"])
@pytest.mark.parametrize("touched", [False, True])
def test_hdulist_equals_its_path(tmp_path, jwst, product, touched):
    path = tmp_path / "a.fits"
    jwst(path, product)
    expected = open_exposure(path)
    with fits.open(path) as hdulist:
        if touched:
            for hdu in hdulist:
                assert hdu.data is None or len(hdu.data)
        found = open_exposure(hdulist)
        assert found.segments[0].name == "a.fits"
        assert found.kind == expected.kind
        assert found.unit == expected.unit
        np.testing.assert_array_equal(found.integration, expected.integration)
        if product != "cal":
            np.testing.assert_array_equal(found.segments[0].int_times, expected.segments[0].int_times)
        n = len(expected)
        for rows in (slice(None), slice(2, 4)):
            mine, theirs = found.read(0, n, rows), expected.read(0, n, rows)
            for name in ("data", "variance", "dq"):
                np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name))
        if not touched:
            assert found.segments[0].header_sha256 == expected.segments[0].header_sha256


def test_hdulist_that_was_changed_or_never_was_a_file(tmp_path, jwst, ncdhas):
    hdulist = jwst(tmp_path / "a.fits")
    exposure = open_exposure(hdulist)
    assert exposure.segments[0].path is None
    np.testing.assert_array_equal(exposure.read(0, 4).data, hdulist["SCI"].data)
    with fits.open(tmp_path / "a.fits") as opened:
        opened["SCI"].data = opened["SCI"].data * 2
        np.testing.assert_array_equal(open_exposure(opened).read(1, 2).data[0], 2.0 * hdulist["SCI"].data[1])
    data = ncdhas(tmp_path / "b_I004.slp.fits", "slp")
    with fits.open(tmp_path / "b_I004.slp.fits") as opened:
        assert opened[0].data.shape == (2, 5, 8)
        block = open_exposure(opened).read(0, 1)
    np.testing.assert_array_equal(block.variance[0], data[1].astype(float) ** 2)


def test_hdulist_opened_without_scaling(tmp_path, jwst):
    hdulist = jwst(tmp_path / "a.fits", "uncal")
    with fits.open(tmp_path / "a.fits", do_not_scale_image_data=True) as opened:
        assert opened["SCI"].data.dtype.kind == "i"
        np.testing.assert_array_equal(open_exposure(opened).read(0, 4).data, hdulist["SCI"].data)


def test_list_of_hdulists(tmp_path, image):
    lists = []
    for index in (2, 1):
        data = image(tmp_path / f"{index}.fits", start=f"2020-01-0{index}T00:00:00", seed=index)
        lists.append(fits.HDUList([fits.PrimaryHDU(data, fits.Header({"DATE-OBS": f"2020-01-0{index}T00:00:00"}))]))
    exposure = open_exposure(lists)
    np.testing.assert_array_equal(exposure.read(0, 2).data, open_exposure(tmp_path).read(0, 2).data)


@pytest.mark.parametrize("product", ["uncal", "rateints", "cal"])
def test_hdulist_of_a_stream(tmp_path, jwst, product):
    path = tmp_path / "a.fits"
    jwst(path, product)
    expected = open_exposure(path)
    with fits.open(io.BytesIO(path.read_bytes())) as hdulist:
        found = open_exposure(hdulist)
        assert found.segments[0].name == "HDUList"
        assert found.segments[0].path is None
        n = len(expected)
        mine, theirs = found.read(0, n, slice(1, 5)), expected.read(0, n, slice(1, 5))
        for name in ("data", "variance", "dq"):
            np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name))
        if product != "cal":
            np.testing.assert_array_equal(found.segments[0].int_times, expected.segments[0].int_times)


def test_hdulist_of_an_open_file_object_and_of_bzip2(tmp_path, jwst):
    path = tmp_path / "a.fits"
    expected = jwst(path)["SCI"].data
    with path.open("rb") as file, fits.open(file) as hdulist:
        np.testing.assert_array_equal(open_exposure(hdulist).read(0, 4).data, expected)
    packed = tmp_path / "a.fits.bz2"
    packed.write_bytes(bz2.compress(path.read_bytes()))
    with fits.open(packed) as hdulist:
        np.testing.assert_array_equal(open_exposure(hdulist).read(0, 4).data, expected)


def test_hdulist_of_some_units(tmp_path, jwst):
    path = tmp_path / "a.fits"
    jwst(path)
    expected = open_exposure(path, errors="total").read(0, 4, slice(2, 5))
    with fits.open(path) as opened:
        primaries = (opened[0], fits.PrimaryHDU(header=opened[0].header))
        for primary in primaries:
            part = fits.HDUList([primary, opened["SCI"], opened["DQ"], opened["ERR"]])
            block = open_exposure(part).read(0, 4, slice(2, 5))
            for name in ("data", "variance", "dq"):
                np.testing.assert_array_equal(getattr(block, name), getattr(expected, name))
        science = open_exposure(fits.HDUList([opened["SCI"]]), axis="integrations")
        np.testing.assert_array_equal(science.read(0, 4, slice(2, 5)).data, expected.data)


def test_hdulist_whose_file_is_gone(tmp_path, image):
    path = tmp_path / "a.fits"
    data = image(path)
    with fits.open(path, memmap=False) as opened:
        path.unlink()
        np.testing.assert_array_equal(open_exposure(opened).read(0, 1).data[0], data)


def test_hdulist_without_units():
    with pytest.raises(UnsupportedFileError, match="no header-data unit"):
        open_exposure(fits.HDUList())


def test_hdulist_that_was_closed(tmp_path, jwst):
    path = tmp_path / "a.fits"
    jwst(path)
    stream = io.BytesIO(path.read_bytes())
    with fits.open(stream) as hdulist:
        len(hdulist)
    stream.close()
    with pytest.raises(InputFileError, match="was it closed"):
        open_exposure(hdulist)


def test_options_that_select_each_exposure(tmp_path, jwst):
    visit(tmp_path, jwst)
    found = open_exposures(tmp_path)
    assert len(found) == len({exposure.options for _, exposure in found}) == 8
    assert found[0][1].options == "--detector NRCA1 --product calints --exposure 1"
    for _, exposure in found:
        words = exposure.options.split()
        select = {word[2:]: value for word, value in zip(words[::2], words[1::2], strict=True)}
        again = open_exposure(tmp_path, select=select)
        assert [segment.path for segment in again.segments] == [segment.path for segment in exposure.segments]
    # A selection leaves fewer, and yet the options are needed.
    one = open_exposures(tmp_path, select={"detector": "NRCB1", "product": "calints", "exposure": 3})
    assert [exposure.options for _, exposure in one] == ["--detector NRCB1 --product calints --exposure 3"]
    every = open_exposures(tmp_path, select={"exposure": "all", "product": "rateints"})
    assert every[1][1].options == "--detector NRCB1 --product rateints --exposure all"


def test_no_options_for_the_only_group(tmp_path, jwst):
    jwst(tmp_path / "a.fits")
    jwst(tmp_path / "grism.fits", cards={"DETECTOR": "NRCALONG", "EXP_TYPE": "NRC_TSGRISM"})
    problems = []
    ((_, exposure),) = open_exposures(tmp_path, problems=problems)
    assert exposure.options == open_exposure(tmp_path / "a.fits").options == ""
    assert [name for name, _ in problems] == ["grism.fits"]


def test_problems_do_not_hide_the_rest(tmp_path, jwst, image):
    visit(tmp_path, jwst)
    # A group that is not whole, one with a broken piece, and files that are nothing.
    (tmp_path / "NRCA1_00001-seg002_calints.fits").unlink()
    with fits.open(tmp_path / "NRCB1_00003-seg002_rateints.fits", mode="update") as hdulist:
        del hdulist["DQ"]
    (tmp_path / "page.fits").write_text("<html>")
    (tmp_path / "gone.fits").symlink_to(tmp_path / "nowhere.fits")
    raw = (tmp_path / "NRCB1_00001-seg001_calints.fits").read_bytes()
    (tmp_path / "cut.fits").write_bytes(raw[:-4000])
    image(tmp_path / "cube.fits", shape=(3, 4, 5))
    fits.HDUList([fits.PrimaryHDU()]).writeto(tmp_path / "empty.fits")
    for recursive in (False, True):
        with pytest.raises((InputFileError, SegmentError)):
            open_exposures(tmp_path, recursive=recursive)
    for source in (tmp_path, str(tmp_path / "*.fits")):
        problems = []
        found = open_exposures(source, problems=problems)
        assert len(found) == 6
        assert all(len(exposure) == 4 for _, exposure in found)
        told = {name: str(error) for name, error in problems}
        assert len(told) == len(problems) == 8
        assert "segment 2 of 2 is missing" in told["nrca1_calints_01366002001_04103_00001"]
        assert "has no DQ" in told["NRCB1_00003-seg002_rateints.fits"]
        assert "is not FITS but an HTML page" in told["page.fits"]
        assert "link to a file that does not exist" in told["gone.fits"]
        assert "ends at byte" in told["cut.fits"]
        assert "axis=" in told["cube.fits"]
        assert "holds no image" in told["empty.fits"]
        assert "NRC_TSGRISM" in told["grism_calints.fits"]
    select = {"detector": "NRCA1"}
    problems = []
    assert len(open_exposures(tmp_path, select=select, problems=problems)) == 3
    assert {name for name, _ in problems} == {
        "nrca1_calints_01366002001_04103_00001",
        "page.fits",
        "gone.fits",
        "cut.fits",
        "cube.fits",
    }
    with pytest.raises(SegmentError, match="nothing has detector NRCB4"):
        open_exposures(tmp_path, select={"detector": "NRCB4"}, problems=[])


def test_nothing_but_problems(tmp_path, jwst):
    (tmp_path / "page.fits").write_text("<html>")
    problems = []
    assert open_exposures(tmp_path, problems=problems) == []
    assert [name for name, _ in problems] == ["page.fits"]
    jwst(tmp_path / "grism.fits", cards={"EXP_TYPE": "NRC_TSGRISM"})
    problems = []
    assert open_exposures(tmp_path, problems=problems) == []
    assert sorted(name for name, _ in problems) == ["grism.fits", "page.fits"]
    # A file that was named is an error, as ever.
    with pytest.raises(UnsupportedFileError, match="HTML"):
        open_exposures(tmp_path / "page.fits", problems=problems)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputFileError, match="no FITS file here"):
        open_exposures(tmp_path / "empty", problems=problems)


def test_paths_of_bytes(tmp_path, image):
    """As os.scandir gives them for a folder named by bytes."""
    pixels = image(tmp_path / "a.fits")
    with os.scandir(os.fsencode(tmp_path)) as entries:
        entry = next(entries)
    for source in (entry, [entry]):
        exposure = open_exposure(source)
        assert exposure.segments[0].name == "a.fits"
        np.testing.assert_array_equal(exposure.read(0, 1).data[0], pixels)


def test_a_unit_that_is_none(tmp_path, image):
    image(tmp_path / "a.fits")
    with pytest.raises(ValueError, match="unit: 'furlongs' is no unit"):
        open_exposure(tmp_path / "a.fits", unit="furlongs")


def test_nothing_of_a_folder_is_measured(tmp_path, jwst):
    for index in (1, 2):
        jwst(tmp_path / f"{index}.fits", cards={"EXP_TYPE": "NRC_TSGRISM", "EXPOSURE": index})
    with pytest.raises(UnsupportedFileError, match="none of the 2 files here is measured: ") as caught:
        open_exposure(tmp_path)
    for name in ("1.fits", "2.fits"):
        assert f"{tmp_path / name}: EXP_TYPE is NRC_TSGRISM: spectra" in str(caught.value)


def test_parts_of_an_exposure_are_alike(tmp_path, image):
    segments = []
    for name, shape, unit in (("a", (7, 11), "adu"), ("b", (11, 7), "adu"), ("c", (7, 11), "electron")):
        image(tmp_path / f"{name}.fits", shape=shape, BUNIT=unit)
        segments += open_exposure(tmp_path / f"{name}.fits").segments
    assert len(Exposure([segments[0], segments[0]])) == 2
    with pytest.raises(SegmentError, match=r"b.fits has shape \(11, 7\), but a.fits has \(7, 11\)"):
        Exposure(segments[:2])
    with pytest.raises(SegmentError, match="c.fits has unit electron, but a.fits has adu"):
        Exposure(segments[::2])
    with pytest.raises(SegmentError, match="holds no integrations"):
        Exposure([])


def test_open_lists_have_no_file_to_hash(tmp_path, jwst):
    path = tmp_path / "a_calints.fits"
    jwst(path)
    with fits.open(path) as hdulist:
        assert open_exposure(hdulist, hash_inputs=True).segments[0].sha256 == ""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert open_exposure(path, hash_inputs=True).segments[0].sha256 == digest
