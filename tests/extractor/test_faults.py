"""Sources that are not whole: refused, or measured as far as they go, as the user says."""

import json

import numpy as np
import pytest
from astropy.io import fits

from nircam_tso import QualityFlag, TimeSeriesExtractor, good
from nircam_tso.cli.main import main
from nircam_tso.exceptions import InputFileError, SegmentError
from nircam_tso.simulate import simulate_exposure


@pytest.fixture
def visit(tmp_path):
    """Three segments of 4 integrations each."""
    folder = tmp_path / "visit"
    settings = {"n_integrations": 12, "shape": (40, 48), "seed": 2, "n_groups": 5, "product": "calints"}
    simulate_exposure(folder, segments=3, **settings)
    return sorted(folder.glob("*calints.fits"))


@pytest.fixture
def whole(visit):
    return TimeSeriesExtractor().extract(visit)


def _same_but(ts, whole, rows):
    """Rows that were read have the numbers that they have in the whole series."""
    others = np.setdiff1d(np.arange(12), rows)
    for name in ("x_gauss", "aperture_sum_r5", "background"):
        # The sample of the series lacks some integrations, which moves weights a little.
        assert np.allclose(ts[name][others].value, whole[name][others].value, rtol=1e-3)
        assert np.isnan(ts[name][rows]).all()
    assert np.array_equal(ts["integration"], np.arange(1, 13))
    assert np.allclose(ts["time"][others].mjd, whole["time"][others].mjd, atol=1e-9)


def test_segment_that_is_cut(visit, whole):
    data = visit[1].read_bytes()
    visit[1].write_bytes(data[: len(data) // 2])
    with pytest.raises(InputFileError, match="seg002"):
        TimeSeriesExtractor().extract(visit)
    ts = TimeSeriesExtractor().extract(visit, on_error="flag")
    rows = np.arange(4, 8)
    _same_but(ts, whole, rows)
    assert (ts["quality"][rows] & QualityFlag.READ_ERROR != 0).all()
    assert np.array_equal(good(ts), ~np.isin(np.arange(12), rows))


def test_segment_that_is_missing(visit, whole):
    visit[1].unlink()
    folder = visit[0].parent
    with pytest.raises(SegmentError):
        TimeSeriesExtractor().extract(folder)
    ts = TimeSeriesExtractor().extract(folder, allow_missing=True)
    rows = np.arange(4, 8)
    _same_but(ts, whole, rows)
    assert (ts["quality"][rows] & QualityFlag.MISSING_INTEGRATION != 0).all()
    for star in (ts["quality"][:4], ts["quality"][8:]):
        assert (star & (QualityFlag.MISSING_INTEGRATION | QualityFlag.READ_ERROR) == 0).all()


def test_the_command(visit, tmp_path, capsys):
    data = visit[2].read_bytes()
    visit[2].write_bytes(data[:-4000])
    out = tmp_path / "out.h5"
    base = ["extract", *map(str, visit), "-o", str(out), "--quiet"]
    assert main(base) == 4
    assert "seg003" in capsys.readouterr().err
    assert not out.exists()
    assert main([*base, "--on-error", "flag"]) == 3
    assert out.exists()
    visit[2].unlink()
    base[1:4] = [str(visit[0].parent)]
    assert main([*base, "--overwrite"]) == 4
    assert main([*base, "--overwrite", "--allow-missing"]) == 3


def test_flags_that_are_missing(visit, tmp_path):
    with fits.open(visit[0]) as hdus:
        del hdus["DQ"]
        hdus.writeto(tmp_path / "jw_nodq_calints.fits")
    with pytest.raises(InputFileError, match="DQ"):
        TimeSeriesExtractor().extract(tmp_path / "jw_nodq_calints.fits")
    ts = TimeSeriesExtractor().extract(tmp_path / "jw_nodq_calints.fits", allow_missing_dq=True)
    assert len(ts) == 4


def test_hashes_of_the_files(visit):
    import hashlib

    ts = TimeSeriesExtractor().extract(visit, hash_inputs=True)
    sources = json.loads(ts.meta["provenance"])["sources"]
    assert [part["sha256"] for part in sources] == [hashlib.sha256(path.read_bytes()).hexdigest() for path in visit]


def test_memory_does_not_change_a_number(visit, whole):
    ts = TimeSeriesExtractor().extract(visit, max_memory=2_000_000)
    for name in whole.colnames:
        if not name.startswith("time"):
            assert np.array_equal(np.asarray(ts[name]), np.asarray(whole[name]), equal_nan=True), name


def test_an_input_is_no_output(visit, capsys):
    assert main(["extract", str(visit[0]), "-o", str(visit[0]), "--overwrite"]) in (2, 4, 5)
    assert visit[0].name in capsys.readouterr().err
    with fits.open(visit[0]) as hdus:
        assert hdus["SCI"].data.shape == (4, 40, 48)


def test_report_in_one_go(visit, tmp_path):
    pytest.importorskip("bokeh", reason="the page needs bokeh, which is not installed")
    page = tmp_path / "page.html"
    args = ["extract", *map(str, visit), "-o", str(tmp_path / "a.h5"), "--report", str(page), "--quiet"]
    assert main(args) == 0
    assert page.stat().st_size > 100_000
    assert main([*args[:-3], "--report", str(page), "--quiet"]) == 5
