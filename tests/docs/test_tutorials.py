"""The tutorials run, without a warning and without leaving anything behind, and what they say holds."""

import os
import runpy
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "tutorials"


def first_extraction(names):
    assert len(names["ts"]) == 600 and names["good"](names["ts"]).all()
    assert abs(names["depth"] - names["true_depth"]) < 3 * names["depth_error"]
    for axis in "xy":
        residual = (names["ts"][f"{axis}_gauss"] - names["truth"][axis]).value
        error = np.median(names["ts"][f"{axis}_gauss_err"].value)
        assert residual.std() == pytest.approx(error, rel=0.15)
        assert abs(residual.mean()) < 0.01
    assert np.all(names["again"]["time"] == names["ts"]["time"])


def visit_in_segments(names):
    assert np.abs(names["wrong"].to_value("ms")).max() < 1e-3
    assert np.ptp(names["cadence"].to_value("s")) < 1e-6
    assert names["gone"].sum() == 30 and len(names["holed"]) == 90
    assert names["shift"].to_value("ms") < 1
    assert "integrations 31 to 60 are missing" in names["printed"]
    flux = names["ts"]["aperture_sum_r5"].value
    assert np.mean(flux[:10]) / np.mean(flux[-30:]) > 1.002


def ground_data_and_notebook(names):
    new = names["new"]
    assert 0.1 < names["light"].median() / np.median(new) < 0.3
    assert names["light"].std() / names["light"].median() > 10 * new.std() / np.median(new)
    assert names["old"]["time"].diff().median() < 0
    assert np.abs((names["ts"]["time"] - names["simulation"].truth["time"]).sec).max() < 1e-3


def weak_lens(names):
    ts, truth = names["ts"], names["simulation"].truth
    assert (ts["quality"] == 0).all()
    for axis in "xy":
        residual = (ts[f"{axis}_cc"] - truth[axis]).value
        assert residual.std() == pytest.approx(np.median(ts[f"{axis}_cc_err"].value), rel=0.25)
        assert abs(residual.mean()) < 0.001
    for name in names["columns"]:
        assert abs(names["found"][name].ppm - names["told"][name]) < 3 * names["found"][name].error_ppm
        (slope, _), covariance = np.polyfit(names["relative"], ts[name].value / ts[name].value.mean(), 1, cov=True)
        assert abs(slope - 1) < 3 * covariance[0, 0] ** 0.5
    assert ts["aperture_area_r70"][0].value < np.pi * 70**2


def choosing_settings(names):
    sky, centre = ({label: best for label, (best, _) in names[key].items()} for key in ("by_sky", "by_centre"))
    largest = {label: best.ppm[-1] for label, best in sky.items()}
    assert largest["annulus, striping='row'"] < 0.6 * largest["frame"]
    assert largest["level of each row"] < 0.6 * largest["annulus 14 to 30"]
    smallest = {label: best.ppm[0] for label, best in centre.items()}
    assert smallest["one position"] > 1.3 * smallest["follow the Gaussian"]
    assert smallest["follow the correlation"] == pytest.approx(smallest["follow the Gaussian"], rel=0.05)


def quality_flags(names):
    ts = names["ts"]
    rows = [names["QualityFlag"](int(ts["quality"][row])).names() for row in (20, 39, 100)]
    assert rows[0] == ["NO_DATA"]
    assert {"FIT_FAILED", "CENTER_OUTSIDE"} <= set(rows[1])
    assert {"NO_DATA", "READ_ERROR"} <= set(rows[2])
    assert names["use"].sum() < names["lenient"].sum()
    assert np.sqrt(np.mean(names["deviation"][names["extra"]] ** 2)) < 2
    off = {clean: (np.abs(flux / np.median(flux) - 1) > 0.005).sum() for clean, flux in names["columns"].items()}
    assert off[None] > 5 > 1 >= off["temporal"]
    assert "bytes are missing" in names["printed"]


def noise_and_allan(names):
    quoted = 1e6 * np.median(names["error"] / names["flux"])
    assert abs(names["found"].ppm - quoted) < 3 * names["found"].error_ppm
    assert names["photon_noise"](names["ts"], names["name"]) < quoted
    assert names["curve"].red_factor[names["at"]] > 2
    assert names["settling"].found and names["settling"].amplitude_ppm < -2000
    slope = dict(zip(names["clean"].names, names["clean"].coefficients / names["clean"].errors, strict=True))
    assert abs(slope["x_gauss"]) > 5
    after = names["after"]
    assert np.all(np.abs(after.ppm - after.white_ppm) < 3 * after.error_ppm)


def many_visits_on_dask(names):
    assert [path.name for path in names["written"]] == ["visit1.h5", "visit2.h5", "visit4.h5"]
    assert names["same"] == [True, True, True]
    assert names["printed"].count("segment 1 of 2 is missing") == 2


def transit_fit(names):
    pulls = (names["values"][:3] - names["put_in"]) / names["errors"][:3]
    assert np.abs(pulls).max() < 3
    assert 0.85 < names["chi2"] < 1.15
    assert names["box_depth"] == pytest.approx(1e4, rel=0.1)
    if "theirs" in names:
        assert np.abs(names["theirs"] - names["ours"]).max() < 1e-7


def a_new_format(names):
    assert names["equal"] == [True] * 5
    assert abs(names["depth"] - 0.015) < 3 * names["depth_error"]
    assert len(names["ts"]) == 160 and not names["ts"]["time"].mask.any()
    assert names["ts"]["n_replaced"].tolist() == [int(row in (7, 87)) for row in range(160)]
    assert names["check"]["aperture_sum_r5"][7] < 0.95 * names["ts"]["aperture_sum_r5"][7]


CLAIMS = {
    "tutorial_01_first_extraction": first_extraction,
    "tutorial_02_visit_in_segments": visit_in_segments,
    "tutorial_03_ground_data_and_notebook": ground_data_and_notebook,
    "tutorial_04_weak_lens": weak_lens,
    "tutorial_05_choosing_settings": choosing_settings,
    "tutorial_06_quality_flags": quality_flags,
    "tutorial_07_noise_and_allan": noise_and_allan,
    "tutorial_08_many_visits_on_dask": many_visits_on_dask,
    "tutorial_09_transit_fit": transit_fit,
    "tutorial_10_a_new_format": a_new_format,
}


def test_each_tutorial_is_tested():
    assert sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "conftest") == sorted(CLAIMS)


@pytest.mark.slow
# There is no screen to show the figures on.
@pytest.mark.filterwarnings("ignore:.*non-interactive.*:UserWarning")
@pytest.mark.parametrize("name", CLAIMS)
def test_tutorial(name, tmp_path, monkeypatch, capfd):
    if "dask" in name:
        pytest.importorskip("distributed", reason="Dask is not installed")
    import matplotlib.pyplot as plt

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with plt.rc_context(), plt.ioff():
        names = runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
        assert plt.get_fignums()
        plt.close("all")
    names["printed"] = capfd.readouterr().out
    assert names["printed"].strip()
    # Everything was written into a temporary folder, and that is gone.
    assert os.listdir(tmp_path / "here") == []
    assert not Path(names["folder"].name).exists()
    CLAIMS[name](names)
