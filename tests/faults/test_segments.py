"""Rows of what cannot be read, and of what is not there (rows 20 and 26 to 30 of the matrix)."""

import pickle
import shutil

import numpy as np
import pytest

from nircam_tso import TimeSeriesExtractor
from nircam_tso.exceptions import (
    CorruptFileError,
    InputFileError,
    SegmentError,
    TruncatedFileError,
    UnsupportedFileError,
)
from nircam_tso.io.sources import open_exposure, open_exposures
from nircam_tso.quality import QualityFlag
from nircam_tso.timing import exposure_times

READ_ERROR = int(QualityFlag.READ_ERROR)
MISSING = int(QualityFlag.MISSING_INTEGRATION)


def cut(path, share):
    raw = path.read_bytes()
    path.write_bytes(raw[: int(share * len(raw))])


def empty(path, _):
    path.write_bytes(b"")


def gone(path, _):
    path.unlink()


def garbage(path, _):
    path.write_bytes(b"\x1f\x8b" + bytes(100))


BREAKS = [(cut, 0.6), (cut, 0.001), (empty, 0), (garbage, 0)]


def test_segments_in_any_order(tmp_path, visit):
    """Row 26."""
    paths = visit(tmp_path, segments=11, n=2)
    expected = open_exposure(paths).read(0, 22).data
    sources = [tmp_path, [paths[index] for index in np.random.default_rng(4).permutation(11)], paths[::-1]]
    for source in sources:
        exposure = open_exposure(source)
        assert exposure.integration.tolist() == list(range(1, 23))
        assert np.array_equal(exposure.read(0, 22).data, expected)
    # seg10 comes before seg2 in the order of letters.
    lexical = [path.rename(path.with_name(f"seg{index}_calints.fits")) for index, path in enumerate(paths, start=1)]
    for source in (tmp_path, sorted(lexical, key=str), str(tmp_path / "seg*")):
        assert np.array_equal(open_exposure(source).read(0, 22).data, expected)


def test_missing_segment_is_an_error_by_default(tmp_path, visit):
    """Row 27."""
    paths = visit(tmp_path)
    paths[1].unlink()
    for source in (tmp_path, str(tmp_path / "*.fits"), [paths[0], paths[2]]):
        with pytest.raises(SegmentError, match="5 to 8 are missing.*--allow-missing"):
            open_exposure(source)
    # One segment by itself is what was meant.
    assert open_exposure(paths[2]).integration.tolist() == [9, 10, 11, 12]


@pytest.mark.parametrize("lacking", [0, 1, 2])
def test_missing_segment_makes_flagged_rows(tmp_path, visit, lacking):
    """Row 27."""
    paths = visit(tmp_path)
    whole = open_exposure(tmp_path)
    expected = whole.read(0, 12)
    times = exposure_times(whole)
    paths[lacking].unlink()
    exposure = open_exposure(tmp_path, allow_missing=True)
    rows = np.arange(12) // 4 == lacking
    assert exposure.integration.tolist() == list(range(1, 13))
    assert exposure.flags.tolist() == np.where(rows, MISSING, 0).tolist()
    block, flags = exposure.read_flagged(0, 12)
    assert flags.tolist() == exposure.flags.tolist()
    assert np.isnan(block.data[rows]).all() and np.isnan(block.variance[rows]).all()
    for name in ("data", "variance", "dq"):
        assert np.array_equal(getattr(block, name)[~rows], getattr(expected, name)[~rows], equal_nan=True)
    # What the other segments' headers tell of the exposure holds for these rows, too.
    assert np.abs((exposure_times(exposure).middle - times.middle).sec).max() < 1e-3
    assert any("in no file" in note for note in exposure.notes)
    assert not exposure.in_memory and open_exposure(expected.data).in_memory
    again = pickle.loads(pickle.dumps(exposure))
    assert np.array_equal(again.read(0, 12, slice(1, 3)).data, block.data[:, 1:3], equal_nan=True)


def test_missing_last_segment_of_unknown_length(tmp_path, jwst):
    """Row 27."""
    jwst(tmp_path / "seg1_calints.fits", n=4, segment=(1, 2), cards={"NINTS": None})
    with pytest.raises(SegmentError, match="segment 2 of 2 is missing, and no card"):
        open_exposure(tmp_path, allow_missing=True)


def test_hole_between_named_files(tmp_path, visit):
    """Row 27."""
    paths = visit(tmp_path, segments=4)
    exposure = open_exposure([paths[0], paths[3]], allow_missing=True)
    assert exposure.flags.tolist() == [0] * 4 + [MISSING] * 8 + [0] * 4
    # What lies beyond the named files was not asked for.
    assert open_exposure([paths[1], paths[2]], allow_missing=True).integration.tolist() == list(range(5, 13))


def test_settings_by_header_of_a_visit_with_a_hole(tmp_path, visit):
    """Row 27."""
    paths = visit(tmp_path, segments=3)
    paths[1].unlink()
    with pytest.raises(SegmentError):
        TimeSeriesExtractor.for_source(tmp_path)
    extractor = TimeSeriesExtractor.for_source(tmp_path, allow_missing=True, aperture_radii=(2,))
    assert extractor.preset == TimeSeriesExtractor.for_source(paths[0]).preset
    paths[0].write_bytes(paths[0].read_bytes()[:3000])
    with pytest.raises(InputFileError):
        TimeSeriesExtractor.for_source(paths[0::2], allow_missing=True)
    extractor = TimeSeriesExtractor.for_source(paths[0::2], allow_missing=True, on_error="flag")
    assert extractor.preset == TimeSeriesExtractor.for_source(paths[2]).preset


def test_missing_ground_files(tmp_path, ncdhas):
    """Row 27."""
    for k in (1, 2, 4, 5):
        ncdhas(tmp_path / f"a_I{k:03d}.slp.fits", "slp", k=k, cards={"NINTS": 6}, seed=k)
    with pytest.raises(SegmentError, match="3, 6 of 6 are missing"):
        open_exposure(tmp_path)
    exposure = open_exposure(tmp_path, allow_missing=True)
    assert exposure.integration.tolist() == [1, 2, 3, 4, 5, 6]
    assert exposure.flags.tolist() == [0, 0, MISSING, 0, 0, MISSING]
    middle = exposure_times(exposure).middle
    assert np.allclose(np.diff(middle.utc.mjd) * 86400, 200, atol=1e-3)


@pytest.mark.parametrize(("damage", "share"), BREAKS)
@pytest.mark.parametrize("lacking", [0, 1, 2])
@pytest.mark.parametrize("source", ["folder", "list"])
def test_unreadable_segment(tmp_path, visit, damage, share, lacking, source):
    """Row 27."""
    paths = visit(tmp_path)
    expected = open_exposure(tmp_path).read(0, 12)
    damage(paths[lacking], share)
    files = tmp_path if source == "folder" else paths
    with pytest.raises(InputFileError, match=paths[lacking].name):
        open_exposure(files)
    exposure = open_exposure(files, on_error="flag")
    rows = np.arange(12) // 4 == lacking
    assert exposure.flags.tolist() == np.where(rows, READ_ERROR, 0).tolist()
    block = exposure.read(0, 12)
    assert np.isnan(block.data[rows]).all()
    assert np.array_equal(block.data[~rows], expected.data[~rows])
    assert exposure.segments[lacking].name == paths[lacking].name
    # The product does not tell where the files lay.
    told = " ".join(exposure.notes)
    assert f"READ_ERROR: {paths[lacking].name}" in told and str(tmp_path) not in told


def test_two_unreadable_neighbours(tmp_path, visit):
    """Row 27."""
    paths = visit(tmp_path, segments=4)
    for path in paths[1:3]:
        empty(path, 0)
    exposure = open_exposure(tmp_path, on_error="flag")
    assert exposure.flags.tolist() == [0] * 4 + [READ_ERROR] * 8 + [0] * 4
    # One of them is not even there: both words, and both permissions.
    paths[1].unlink()
    with pytest.raises(SegmentError, match="5 to 12 are missing"):
        open_exposure(tmp_path, on_error="flag")
    exposure = open_exposure(tmp_path, on_error="flag", allow_missing=True)
    assert exposure.flags.tolist() == [0] * 4 + [READ_ERROR | MISSING] * 8 + [0] * 4


def test_nothing_readable(tmp_path, visit):
    for path in visit(tmp_path):
        cut(path, 0.3)
    with pytest.raises(TruncatedFileError, match="3 problems") as caught:
        open_exposure(tmp_path, on_error="flag")
    assert all(f"seg00{k}" in str(caught.value) for k in (1, 2, 3))


@pytest.mark.parametrize("damage", [empty, garbage, gone])
def test_unreadable_ground_file(tmp_path, ncdhas, damage):
    """Row 27."""
    paths = [tmp_path / f"a_I{k:03d}.slp.fits" for k in range(1, 6)]
    for k, path in enumerate(paths, start=1):
        ncdhas(path, "slp", k=k, cards={"NINTS": 5}, seed=k)
    expected = open_exposure(tmp_path).read(0, 5).data
    damage(paths[2], 0)
    listed = tmp_path / "list.txt"
    listed.write_text("\n".join(path.name for path in paths))
    sources = [paths, listed] if damage is gone else [paths, listed, tmp_path]
    for source in sources:
        with pytest.raises(InputFileError, match="a_I003"):
            open_exposure(source)
        exposure = open_exposure(source, on_error="flag")
        assert exposure.flags.tolist() == [0, 0, READ_ERROR, 0, 0]
        assert exposure.integration.tolist() == [1, 2, 3, 4, 5]
        data = exposure.read(0, 5).data
        assert np.isnan(data[2]).all()
        assert np.array_equal(data[[0, 1, 3, 4]], expected[[0, 1, 3, 4]])
        assert not np.asarray(exposure_times(exposure).middle.mask).any()


def test_unreadable_image(tmp_path, image):
    """Row 27."""
    paths = [tmp_path / f"night{k}.fits" for k in range(1, 5)]
    for k, path in enumerate(paths, start=1):
        image(path, start=f"2020-02-20T0{k}:00:00", seed=k, EXPTIME=10.0)
    empty(paths[1], 0)
    exposure = open_exposure(paths, on_error="flag")
    assert exposure.flags.tolist() == [0, READ_ERROR, 0, 0]
    # When it was taken nobody knows.
    assert np.asarray(exposure_times(exposure).middle.mask).tolist() == [False, True, False, False]


def test_files_that_belong_nowhere(tmp_path, visit, image):
    visit(tmp_path)
    (tmp_path / "notes.fits").write_bytes(b"")
    with pytest.raises(InputFileError, match="notes.fits"):
        open_exposure(tmp_path, on_error="flag")


def test_every_problem_in_one_report(tmp_path, visit):
    """Row 27."""
    paths = visit(tmp_path, segments=6)
    cut(paths[0], 0.3)
    empty(paths[2], 0)
    garbage(paths[4], 0)
    for source in (tmp_path, paths):
        with pytest.raises(InputFileError) as caught:
            open_exposure(source)
        said = str(caught.value)
        assert said.startswith("3 problems:")
        assert said.count("\n") == 3
        assert all(paths[k].name in said for k in (0, 2, 4))


def told(source, kind=SegmentError, **keywords):
    """Lines of the report of all problems."""
    with pytest.raises(kind) as caught:
        open_exposure(source, **keywords)
    first, *lines = str(caught.value).splitlines()
    # What belongs to the line above is set in further.
    lines = [line for line in lines if not line.startswith("    ")]
    assert first == f"{len(lines)} problems:"
    assert isinstance(pickle.loads(pickle.dumps(caught.value)), kind)
    return lines


def has(lines, *words):
    """Whether exactly one line holds all of the words."""
    return sum(all(word in line for word in words) for line in lines) == 1


def test_every_problem_between_segments_in_one_report(tmp_path, visit, jwst):
    """Row 28: of eight segments one is there twice, one is missing, one has another filter, one another subarray."""
    paths = visit(tmp_path, segments=8)
    shutil.copy(paths[1], tmp_path / "copy.fits")
    paths[3].unlink()
    for path, first, cards in ((paths[5], 21, {"FILTER": "F444W"}), (paths[6], 25, {"SUBARRAY": "SUB160P"})):
        path.unlink()
        jwst(path, n=4, first=first, segment=(first // 4 + 1, 8), cards={"NINTS": 32, **cards})
    for source in (tmp_path, [tmp_path / "copy.fits", *paths[:3], *paths[4:]]):
        lines = told(source)
        assert len(lines) == 4
        assert has(lines, "copy.fits", "seg002", "overlap")
        assert has(lines, "integrations 13 to 16 are missing")
        assert has(lines, "seg006", "FILTER 'F210M'", "'F444W'")
        assert has(lines, "seg007", "SUBARRAY 'SUB64P'", "'SUB160P'")
    # And with them what is wrong with single files, whose place is no hole.
    cut(paths[4], 0.3)
    empty(paths[0], 0)
    lines = told(tmp_path, InputFileError)
    assert len(lines) == 6
    assert has(lines, "seg005", "ends at byte") and has(lines, "seg001", "empty file")


def test_shapes_and_totals_in_one_report(tmp_path, jwst):
    """Row 28."""
    for number, shape, total in ((1, (6, 8), 3), (2, (6, 9), 3), (3, (7, 8), 4), (4, (7, 8), 4)):
        path = tmp_path / f"seg{number}_calints.fits"
        jwst(path, n=2, first=2 * number - 1, shape=shape, segment=(number, total), cards={"NINTS": 8})
    lines = told(tmp_path)
    assert has(lines, "EXSEGTOT differs (3, 4)")
    assert has(lines, "seg2", "has shape (6, 8)", "has (6, 9)")
    assert has(lines, "seg3", "seg4", "have (7, 8)")
    assert has(lines, "EXSEGNUM = 4") is False and len(lines) == 3


def test_one_within_another_and_holes_behind(tmp_path, jwst):
    for name, first, n in (("a", 1, 8), ("b", 2, 2), ("c", 5, 2), ("d", 11, 2), ("e", 15, 1)):
        jwst(tmp_path / f"{name}_calints.fits", n=n, first=first, cards={"NINTS": 16})
    lines = told(tmp_path)
    assert has(lines, "a_calints", "b_calints", "overlap") and has(lines, "a_calints", "c_calints", "overlap")
    assert has(lines, "9 to 10 are missing") and has(lines, "13 to 14 are missing")
    assert has(lines, "integration 16 of 16 are missing") and len(lines) == 5


def test_every_problem_of_ground_files_in_one_report(tmp_path, ncdhas):
    """Rows 27, 28 and 30."""
    for k in (1, 2, 4, 5, 6):
        cards = {"NINTS": 7} | ({"FILTER": "F150W"} if k == 5 else {})
        ncdhas(tmp_path / f"a_I{k:03d}.slp.fits", "slp", k=k, cards=cards, seed=k)
    shutil.copy(tmp_path / "a_I004.slp.fits", tmp_path / "b_I004.slp.fits")
    (tmp_path / "a_I006.slp.fits").write_bytes(b"")
    lines = told(tmp_path, InputFileError)
    assert has(lines, "a_I004", "b_I004") and has(lines, "a_I006", "empty")
    assert has(lines, "3, 7 of 7 are missing") and has(lines, "a_I005", "has 'F150W'")
    assert len(lines) == 4


def test_mixtures_and_holes_in_one_report(tmp_path, visit, jwst):
    """Row 28: groups that do not belong together, and what is wrong within those that were named."""
    paths = visit(tmp_path)
    other = tmp_path / "other_calints.fits"
    jwst(other, cards={"DETECTOR": "NRCB1"})
    lines = told([paths[0], paths[2], other])
    assert lines[0].startswith("  ") and "5 to 8 are missing" in lines[0]
    assert "2 groups of files that do not belong together" in lines[1]


def test_broken_pieces_of_a_folder(tmp_path, visit, jwst):
    """What is whole but contradicts itself keeps its place, too."""
    from astropy.io import fits

    paths = visit(tmp_path, segments=5)
    with fits.open(paths[1], mode="update") as hdulist:
        hdulist["DQ"].data = hdulist["DQ"].data[:, :-1]
    paths[3].unlink()
    lines = told(tmp_path, InputFileError)
    assert len(lines) == 2
    assert has(lines, "seg002", "DQ has the shape") and has(lines, "13 to 16 are missing")


def test_many_images_with_one_header_are_told_apart(tmp_path, image):
    """By their pixels, each read once: not each against each."""
    image(tmp_path / "a.fits", start=None, seed=0)
    raw = (tmp_path / "a.fits").read_bytes()
    (tmp_path / "a.fits").unlink()
    rng = np.random.default_rng(2)
    head = raw.index(b"END     ") // 2880 * 2880 + 2880
    for k in range(600):
        pixels = rng.normal(100, 3, (len(raw) - head) // 4).astype(">f4").tobytes()
        (tmp_path / f"{k:03d}.fits").write_bytes(raw[:head] + pixels)
    shutil.copy(tmp_path / "123.fits", tmp_path / "copy.fits")
    with pytest.raises(SegmentError, match=r"123\.fits and .*copy\.fits hold the same bytes"):
        open_exposure(tmp_path)
    (tmp_path / "copy.fits").unlink()
    assert len(open_exposure(tmp_path)) == 600


def test_a_file_that_fails_while_it_is_read(tmp_path, visit):
    """Row 10."""
    paths = visit(tmp_path)
    strict, lenient = open_exposure(tmp_path), open_exposure(tmp_path, on_error="flag")
    expected = strict.read(0, 12)
    cut(paths[1], 0.9)
    with pytest.raises(TruncatedFileError, match="changed since it was opened"):
        strict.read_flagged(0, 12)
    block, flags = lenient.read_flagged(0, 12)
    rows = np.arange(12) // 4 == 1
    assert flags.tolist() == np.where(rows, READ_ERROR, 0).tolist()
    assert np.array_equal(block.data[~rows], expected.data[~rows])
    assert np.isnan(block.data[rows]).all()
    for size in (1, 5):
        parts = [lenient.read_flagged(at, min(at + size, 12)) for at in range(0, 12, size)]
        assert np.array_equal(np.concatenate([part.data for part, _ in parts]), block.data, equal_nan=True)
        assert np.concatenate([bits for _, bits in parts]).tolist() == flags.tolist()


@pytest.mark.parametrize("product", ["rateints", "calints", "crfints", "rate", "cal"])
def test_missing_dq_only_when_allowed(tmp_path, jwst, product):
    """Row 20."""
    path = tmp_path / f"a_{product}.fits"
    jwst(path, product, drop=["DQ"])
    with pytest.raises(UnsupportedFileError, match="--allow-missing-dq"):
        open_exposure(path)
    with pytest.raises(UnsupportedFileError, match="no DQ"):
        open_exposure(path, on_error="flag")
    exposure = open_exposure(path, allow_missing_dq=True)
    assert exposure.read(0, 1).dq is None
    assert any("bad pixels are not known" in note for note in exposure.notes)


def test_shape_of_dq(tmp_path, jwst):
    """Row 20."""
    from astropy.io import fits

    path = tmp_path / "a_calints.fits"
    hdulist = jwst(path)
    hdulist["DQ"].data = np.zeros((4, 6, 8), np.uint32)
    hdulist.writeto(path, overwrite=True)
    with pytest.raises(CorruptFileError, match="DQ has the shape"):
        open_exposure(path)
    assert isinstance(fits.getdata(path, "DQ"), np.ndarray)


def test_mixtures_list_what_selects_each(tmp_path, jwst):
    """Row 28."""
    for detector in ("NRCA1", "NRCB1"):
        for product in ("rateints", "calints"):
            jwst(tmp_path / f"{detector}_{product}.fits", product, cards={"DETECTOR": detector})
    with pytest.raises(SegmentError) as caught:
        open_exposure(tmp_path)
    said = str(caught.value)
    for detector in ("NRCA1", "NRCB1"):
        for product in ("rateints", "calints"):
            assert f"--detector {detector} --product {product}" in said
    assert len(open_exposures(tmp_path, on_error="flag")) == 4


def test_copy_of_a_segment(tmp_path, visit):
    """Row 28."""
    paths = visit(tmp_path)
    shutil.copy(paths[1], tmp_path / "copy.fits")
    with pytest.raises(SegmentError, match="overlap: the same exposure twice"):
        open_exposure(tmp_path)
