"""The command as a person in a shell uses it: what it prints, writes and returns."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest
from astropy.table import QTable

from nircam_tso import read
from nircam_tso.cli.main import COMMANDS, main
from nircam_tso.simulate import simulate_exposure


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def visit(tmp_path_factory):
    """Two detectors, one of them at two levels."""
    folder = tmp_path_factory.mktemp("visit")
    settings = {"n_integrations": 12, "shape": (40, 48), "seed": 2, "flux": 4e5, "n_groups": 5}
    for detector, product in (("NRCB1", "calints"), ("NRCBLONG", "calints"), ("NRCBLONG", "rateints")):
        simulate_exposure(folder, detector=detector, product=product, segments=2, **settings)
    return folder


def run(*args):
    return main([str(arg) for arg in args])


def test_demo(here, capsys):
    assert run("demo") == 0
    out = capsys.readouterr().out
    for words in (
        "600 good",
        "transit",
        "aperture_sum_r5",
        "INT_TIMES",
        "wrote     demo.h5, demo.ecsv, demo_radii.png",
    ):
        assert words in out
    names = {"demo-data", "demo.h5", "demo.ecsv", "demo_radii.png"}
    if importlib.util.find_spec("bokeh") is not None:
        names.add("demo.html")
    else:
        assert "left out  demo.html" in out
    assert {path.name for path in here.iterdir()} == names
    first = (here / "demo.h5").read_bytes()
    # Again over its own files, to the same bytes, and without a word.
    assert run("demo", "--quiet") == 0
    assert capsys.readouterr().out == ""
    assert (here / "demo.h5").read_bytes() == first
    flux = read("demo.h5")["aperture_sum_r5"].value
    depth = 1 - flux[270:330].mean() / np.concatenate([flux[:100], flux[-100:]]).mean()
    assert 0.0095 < depth < 0.0115


def test_extract_writes_both_formats(visit, here, capsys):
    code = run("extract", visit, "--detector", "NRCB1", "-o", "a.h5", "-o", "a.ecsv", "--aperture-radii", "3,6")
    assert code == 0
    assert "rows      12, of which 12 good" in capsys.readouterr().out
    ts = read("a.h5")
    assert len(ts) == 12
    assert ts.meta["aperture_radii"] == [3.0, 6.0]
    assert ts.meta["preset"] == "focused"
    assert np.array_equal(read("a.ecsv")["aperture_sum_r6"].value, ts["aperture_sum_r6"].value)


def test_options_carry_the_keywords(visit, here):
    code = run(
        "extract", visit, "--detector", "NRCB1", "-o", "a.h5", "--quiet", "--preset", "none",
        "--position", "24,19", "--subframe-shape", "15,17", "--annulus", "9,14", "--estimator", "mean",
        "--center", "cross-correlation", "--template", "gaussian", "--template-fwhm", 2.5,
        "--bad-pixels", "nan", "--pixel-integrated", "--flux-unit", "native", "--dq-bits", "HOT,WARM", "--workers", 2,
    )  # fmt: skip
    assert code == 0
    import json

    ts = read("a.h5")
    settings = json.loads(ts.meta["provenance"])["settings"]
    assert settings["position"] == [24.0, 19.0]
    assert settings["subframe_shape"] == [15, 17]
    assert (settings["background"]["inner"], settings["background"]["outer"]) == (9.0, 14.0)
    assert settings["background"]["estimator"] == "MeanBackground"
    assert settings["center"] == "cross-correlation"
    assert settings["template"]["fwhm"] == 2.5
    assert settings["bad_pixels"] == "nan"
    assert settings["pixel_integrated"] is True
    assert settings["dq_bits"] == ["HOT", "WARM"]
    assert str(ts["aperture_sum_r3"].unit) == "MJy / sr"


def test_groups_are_listed_with_the_options_for_each(visit, here, capsys):
    assert run("extract", visit, "-o", "a.h5") == 4
    message = capsys.readouterr().err
    assert "--detector NRCB1" in message
    assert "--detector NRCBLONG" in message
    assert "--product rateints" in message
    assert not (here / "a.h5").exists()


def test_all_detectors_make_one_product_each(visit, here):
    assert run("extract", visit, "--detector", "all", "--product", "calints", "-o", "a.h5", "--quiet") == 0
    assert sorted(path.name for path in here.iterdir()) == ["a_nrcb1.h5", "a_nrcblong.h5"]
    assert read("a_nrcblong.h5").meta["detector"] == "NRCBLONG"


def test_default_output_name(visit, here):
    assert run("extract", visit, "--detector", "NRCB1", "--quiet") == 0
    assert [path.name for path in here.iterdir()] == [f"{visit.name}_tso.h5"]
    first = sorted(visit.glob("*nrcb1*.fits"))[0]
    assert run("extract", first, "--quiet") == 0
    assert (here / f"{first.stem}_tso.h5").exists()


def test_info_reads_no_pixels(visit, capsys, monkeypatch):
    from nircam_tso.io.exposure import Exposure

    def refuse(*args, **kwargs):
        raise AssertionError("pixels were read")

    monkeypatch.setattr(Exposure, "read", refuse)
    assert run("info", visit) == 0
    out = capsys.readouterr().out
    assert out.count("integrations  12, numbers 1 to 12") == 3
    for words in (
        "jwst-calints",
        "jwst-rateints",
        "NRCB1",
        "40 x 48",
        "MJy / sr",
        "INT_TIMES",
        "preset        focused",
    ):
        assert words in out


def test_flagged_rows_give_code_3(here):
    from astropy.io import fits

    simulation = simulate_exposure(here / "sim", n_integrations=6, shape=(40, 48), seed=2, product="rateints")
    with fits.open(simulation.paths[0], mode="update") as hdus:
        hdus["SCI"].data[2] = np.nan
    assert run("extract", here / "sim", "-o", "a.h5", "--quiet") == 3
    assert read("a.h5")["quality"][2] & 1


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["extract", "missing.fits"], 4, "missing.fits"),
        (["extract", "x.fits", "--aperture-radii", "0"], 4, "radi"),
        (["extract", "x.fits", "--position", "here"], 4, "--position: 'here'"),
        (["extract", "x.fits", "--annulus", "14,9"], 4, "--annulus: 14,9"),
        (["extract", "x.fits", "--annulus", "9,14", "--background", "none"], 4, "--annulus: goes with"),
        (["extract", "-o", "", "x.fits"], 4, "x.fits"),
        (["extract", "x.fits", "--aperture-radii", ""], 4, "--aperture-radii: ''"),
        (["extract", "x.fits", "--position", ""], 4, "--position: ''"),
        (["simulate", "sim", "--depth", "2"], 4, "--depth: 2.0"),
        (["extract", "x.fits", "--workers", "0"], 4, "--workers"),
    ],
)
def test_bad_input_is_one_line(here, capsys, args, code, words):
    assert run(*args) == code
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.err.startswith("nircam-tso: ")
    assert captured.err.count("\n") == 1
    assert "Traceback" not in captured.err


def test_output_is_checked_before_pixels_are_read(visit, here, capsys, monkeypatch):
    from nircam_tso.io.exposure import Exposure

    (here / "a.h5").write_bytes(b"mine")
    monkeypatch.setattr(Exposure, "read", lambda *args: pytest.fail("pixels were read"))
    assert run("extract", visit, "--detector", "NRCB1", "-o", "a.h5") == 5
    assert "exists already" in capsys.readouterr().err
    assert (here / "a.h5").read_bytes() == b"mine"
    assert run("extract", visit, "--detector", "NRCB1", "-o", "a.txt") == 4
    assert run("extract", visit, "--detector", "NRCB1", "-o", "no/a.h5") == 5


def test_usage_errors_exit_2(capsys):
    for args in ([], ["extract"], ["frobnicate"], ["extract", "x", "--center", "middle"]):
        with pytest.raises(SystemExit) as stop:
            run(*args)
        assert stop.value.code == 2
    capsys.readouterr()


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help(command, capsys):
    with pytest.raises(SystemExit) as stop:
        run(*([command] if command else []), "--help")
    assert stop.value.code == 0
    assert "example" in capsys.readouterr().out


def test_version(capsys):
    import nircam_tso

    with pytest.raises(SystemExit):
        run("--version")
    assert capsys.readouterr().out.strip() == f"nircam-tso {nircam_tso.__version__}"


def test_simulate(here, capsys):
    code = run(
        "simulate", "sim", "--n-integrations", 25, "--shape", "32,40", "--position", "21,14",
        "--stddev", "1.3,0.9", "--noiseless", "--depth", 0.01, "--product", "rateints",
    )  # fmt: skip
    assert code == 0
    assert "_truth.ecsv" in capsys.readouterr().out
    assert run("extract", "sim", "-o", "a.h5", "--preset", "none", "--quiet", "--background", "none") in (0, 3)
    ts = read("a.h5")
    np.testing.assert_allclose(ts["x_gauss"].value, 21, atol=1e-4)
    truth = QTable.read(next((here / "sim").glob("*_truth.ecsv")))
    assert truth["relative_flux"].min() < 0.9905
    np.testing.assert_allclose(ts["y_gauss"].value, 14, atol=1e-4)
    assert 8 <= (truth["relative_flux"] < 0.999).sum() <= 12
    assert run("simulate", "sim", "--n-integrations", 25) == 5
    assert run("simulate", "sim", "--weak-lens", "--psf", "x.fits") == 4


def test_simulate_ground_files(here):
    assert run("simulate", "sim", "--format", "ncdhas", "--n-integrations", 4, "--quiet", "--n-groups", 3) == 0
    assert len(list((here / "sim").glob("*.fits"))) == 4


def test_closed_pipe_and_no_traceback(visit):
    """``nircam-tso info visit | head -1``."""
    command = f"{sys.executable} -m nircam_tso.cli.main info '{visit}' | head -1"
    root = str(os.path.dirname(os.path.dirname(sys.modules["nircam_tso"].__file__)))
    environment = os.environ | {"PYTHONPATH": root}
    done = subprocess.run(command, shell=True, capture_output=True, text=True, env=environment, timeout=120)
    assert done.stdout.startswith("source")
    assert "Traceback" not in done.stderr


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom nircam_tso.cli.main import main\n"
        "try:\n    main(['extract', '--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'numba', 'scipy', 'pandas', 'matplotlib', 'photutils', 'astropy.timeseries', 'h5py'}\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    root = str(os.path.dirname(os.path.dirname(sys.modules["nircam_tso"].__file__)))
    environment = os.environ | {"PYTHONPATH": root}
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=environment, timeout=60)


def test_progress_on_a_terminal(visit, here, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert run("extract", visit, "--detector", "NRCB1", "-o", "a.h5") == 0
    assert "12/12" in capsys.readouterr().err
    assert run("extract", visit, "--detector", "NRCB1", "-o", "b.h5", "--quiet") == 0
    assert capsys.readouterr().err == ""


def test_info_tells_of_what_it_cannot_read(visit, here, capsys):
    """One file of three is cut: the others are told of all the same, and how to choose them."""
    for path in visit.glob("*rateints.fits"):
        (here / path.name).write_bytes(path.read_bytes())
    broken = here / "broken_rateints.fits"
    broken.write_bytes(next(visit.glob("*rateints.fits")).read_bytes()[:30000])
    assert run("info", here) == 0
    out = capsys.readouterr().out
    assert "source        broken_rateints.fits\nproblem       " in out
    assert out.count("integrations  12, numbers 1 to 12") == 1


def test_info_of_what_has_no_times(here, capsys):
    from astropy.io import fits

    fits.PrimaryHDU(np.ones((5, 30, 40))).writeto(here / "bare.fits")
    assert run("info", "bare.fits", "--axis", "integrations") == 0
    out = capsys.readouterr().out
    assert "integrations  5, numbers 1 to 5" in out
    assert "no card gives a time of day" in out
    simulation = simulate_exposure(here / "sim", n_integrations=2, shape=(24, 32), n_groups=3, product="rateints")
    with fits.open(simulation.paths[0], mode="update") as hdus:
        del hdus["INT_TIMES"]
        hdus[0].header["NINTS"], hdus[0].header["DATE-OBS"] = 2, "1999-01-01"
    assert run("info", simulation.paths[0]) == 0
    assert "times         unknown" in capsys.readouterr().out


def test_a_report_without_bokeh_ends_before_the_work(visit, here, capsys, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *args: None if name == "bokeh" else find(name, *args))
    assert run("extract", visit, "--detector", "NRCB1", "-o", "a.h5", "--report", "a.html") == 4
    said = "nircam-tso: --report needs bokeh: python -m pip install 'nircam_tso[report]'\n"
    assert capsys.readouterr().err == said
    assert list(here.iterdir()) == []


def test_an_empty_name_of_a_product(visit, here, capsys):
    assert run("extract", visit, "--detector", "NRCB1", "-o", "") == 4
    assert "-o: an empty name; give a file name that ends in .h5, .hdf5 or .ecsv" in capsys.readouterr().err


def test_beside_the_main_thread(capsys, monkeypatch):
    """Signals are the main thread's: the command leaves them alone."""
    import signal
    import threading

    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    codes = []
    # As the command of a process, which is when it answers signals.
    monkeypatch.setattr(sys, "argv", ["nircam-tso", "jd", "2000-01-01T12:00:00"])
    thread = threading.Thread(target=lambda: codes.append(main()))
    thread.start()
    thread.join()
    assert codes == [0]
    assert capsys.readouterr().out.split() == ["2451545.0"]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_info_of_light_that_fills_the_frame(here, capsys):
    """The preset's mask is told by its name, not by its pixels."""
    settings = {"n_integrations": 2, "shape": (64, 64), "pupil": "WLP8", "subarray": "SUB64P", "n_groups": 3}
    simulate_exposure(here / "sim", product="rateints", **settings)
    assert run("info", "sim") == 0
    preset = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("preset"))
    assert preset.startswith("preset        weak-lens-frame") and "aperture_masks={frame}" in preset
