"""Settings on the command line: each reaches the extractor, and what cannot be is told in one line."""

import json

import numpy as np
import pytest
from astropy.io import fits

from nircam_tso import read
from nircam_tso.cli.main import main
from nircam_tso.simulate import simulate_exposure


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    simulation = simulate_exposure(
        folder,
        product="calints",
        n_integrations=12,
        shape=(48, 56),
        seed=3,
        n_groups=5,
        flux=4e5,
        position=(26.3, 22.7),
    )
    return str(simulation.paths[0])


def extract(source, tmp_path, *args):
    code = main(["extract", source, "-o", str(tmp_path / "a.h5"), "--quiet", *map(str, args)])
    assert code in (0, 3)
    ts = read(tmp_path / "a.h5")
    return ts, json.loads(ts.meta["provenance"])["settings"]


def test_they_reach_the_extractor(source, tmp_path):
    ts, settings = extract(
        source, tmp_path, "--aperture-radii", "1,2", "--radius-unit", "fwhm", "--edge", "sum",
        "--aperture-shapes", "six=hexagon,7,30", "--aperture-shapes", "long=ellipse,6,4",
        "--clean", "temporal", "--clean-window", 7, "--clean-sigma", 6, "--striping", "row",
        "--striping-reference", "median", "--striping-odd-even", "--components", 2, "--fit-background",
        "--theta", 10, "--bounds", "x_stddev=0.3,4", "--bounds", "amplitude=0,", "--background", "mesh",
        "--box-size", "12,14", "--position", "26,23", "--position", "10,12",
    )  # fmt: skip
    assert settings["aperture_shapes"]["six"]["theta"] == pytest.approx(30.0)
    assert settings["aperture_shapes"]["long"]["shape"] == "ellipse"
    assert settings["bounds"]["x_stddev"] == [0.3, 4.0]
    assert settings["bounds"]["amplitude"][0] == 0.0
    assert (settings["clean"], settings["clean_window"], settings["clean_sigma"]) == ("temporal", 7, 6.0)
    assert (settings["striping"], settings["striping_reference"], settings["striping_odd_even"]) == (
        "row",
        "median",
        True,
    )
    assert (settings["edge"], settings["radius_unit"], settings["theta"]) == ("sum", "fwhm", 10.0)
    assert settings["background"]["kind"] == "mesh"
    assert settings["position"] == [[26.0, 23.0], [10.0, 12.0]]
    assert {"pc2", "gauss_background", "aperture_sum_six", "aperture_sum_r2fwhm_star2"} <= set(ts.colnames)
    assert np.median(ts["x_gauss"].value) == pytest.approx(26.3, abs=0.05)


@pytest.mark.parametrize("axis", ["row", "column"])
def test_levels_of_lines(source, tmp_path, axis):
    _, settings = extract(source, tmp_path, "--background", axis)
    assert (settings["background"]["kind"], settings["background"]["axis"]) == ("line", axis)


def test_words_for_what_is_in_the_images(source, tmp_path):
    ts, settings = extract(source, tmp_path, "--position", "brightest", "--template", "median", "--background", "frame")
    assert (settings["position"], settings["template"], settings["background"]["kind"]) == (
        "brightest",
        "median",
        "frame",
    )
    assert np.median(ts["x_gauss"].value) == pytest.approx(26.3, abs=0.05)
    assert np.median(ts["y_gauss"].value) == pytest.approx(22.7, abs=0.05)


def test_a_template_of_a_file(source, tmp_path):
    y, x = np.mgrid[:15, :21]
    psf = np.exp(-((x - 10) ** 2 + (y - 7) ** 2) / 3.4)
    fits.PrimaryHDU(psf).writeto(tmp_path / "psf.fits")
    ts, settings = extract(source, tmp_path, "--template", tmp_path / "psf.fits")
    assert settings["template"]["source"] == "psf.fits"
    assert np.median(ts["x_cc"].value) == pytest.approx(26.3, abs=0.1)
    assert np.median(ts["y_cc"].value) == pytest.approx(22.7, abs=0.1)


def test_an_estimator_where_the_preset_has_no_sky(tmp_path, capsys):
    simulation = simulate_exposure(
        tmp_path, product="calints", n_integrations=3, shape=(64, 64), pupil="WLP8", subarray="SUB64P", n_groups=3
    )
    args = ["extract", str(simulation.paths[0]), "-o", str(tmp_path / "a.h5"), "--quiet", "--estimator", "mean"]
    assert main(args) == 4
    words = "nircam-tso: --estimator: the preset weak-lens-frame has no sky; give --background too\n"
    assert capsys.readouterr().err == words
    assert main([*args, "--background", "frame"]) in (0, 3)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--aperture-shapes", "a=hexagon,3", "--aperture-shapes", "a=hexagon,5"], "'a' is given twice"),
        (["--aperture-shapes", "a=hexagon"], "'a=hexagon' needs 1 lengths"),
        (["--aperture-shapes", "a=hexagon,-3"], "not above 0"),
        (["--aperture-shapes", "a=blob,3"], "'a=blob,3' is not NAME=SHAPE"),
        (["--bounds", "x=1,2", "--bounds", "x=1,3"], "'x' is given twice"),
        (["--bounds", "x_stddev"], "'x_stddev' is not NAME=LOW,HIGH"),
        (["--clean-window", "7"], "--clean-window: means nothing without --clean"),
        (["--striping-reference", "none"], "mean nothing without `striping`"),
        (["--background", "mesh"], "mesh needs --box-size"),
        (["--box-size", "3,3"], "--box-size: goes with --background mesh"),
        (["--components", "7"], "components: 7"),
        (["--max-memory", "much"], "max_memory"),
    ],
)
def test_what_cannot_be(source, tmp_path, capsys, args, words):
    code = main(["extract", source, "-o", str(tmp_path / "a.h5"), "--quiet", *args])
    assert code in (2, 4)
    error = capsys.readouterr().err.strip()
    assert words in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "a.h5").exists()
