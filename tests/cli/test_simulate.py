"""``nircam-tso simulate``: presets, files of settings, and the options that win over them."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import QTable

from nircam_tso.cli.main import main
from nircam_tso.cli.simulate import add_arguments
from nircam_tso.simulate import SIMULATION_PRESETS


def run(*words):
    return main([str(word) for word in words])


def written(folder, product="rateints"):
    """Primary header, DQ or None, and truth of what one run has written."""
    (path,) = folder.glob(f"*_{product}.fits")
    (truth,) = folder.glob("*_truth.ecsv")
    with fits.open(path, memmap=False) as hdus:
        dq = hdus["DQ"].data if "DQ" in hdus else None
        return hdus[0].header, dq, QTable.read(truth)


def test_preset(tmp_path, capsys):
    assert run("simulate", tmp_path, "--preset", "sub64p", "--n-integrations", 6, "--seed", 3) == 0
    header, dq, truth = written(tmp_path)
    assert (header["SUBARRAY"], header["TFRAME"], header["NINTS"], header["NGROUPS"]) == ("SUB64P", 0.05016, 6, 10)
    assert (dq & 2048 > 0).sum() == 6 * 4
    assert truth.meta["row_reset_time"] == 0.00304
    assert truth.meta["seed"] == 3
    assert "wrote" in capsys.readouterr().out


def test_options_win_over_the_file_and_the_file_over_the_preset(tmp_path):
    path = tmp_path / "visit.toml"
    path.write_text('preset = "sub64p"\nn_integrations = 8\nn_groups = 4\nflux = 1e5\n[tilt]\ntime = 0.5\n')
    folder = tmp_path / "sim"
    assert run("simulate", folder, "--settings", path, "--n-groups", 3, "--tilt", "1.0,2,3", "--product", "uncal") == 0
    header, _, truth = written(folder, "uncal")
    assert (header["NINTS"], header["NGROUPS"], header["SUBARRAY"]) == (8, 3, "SUB64P")
    assert truth.meta["flux"] == 1e5
    assert truth.meta["tilt"] == {"time": 1.0, "shift": [2.0, 3.0], "segment": "C3", "duration": 1.4}
    assert truth["tilt"][0] == 0
    assert 0 < truth["tilt"][-1] <= 1
    # A preset on the line takes the place of that of the file.
    other = tmp_path / "other"
    assert run("simulate", other, "--settings", path, "--preset", "sub160p") == 0
    assert written(other)[0]["SUBARRAY"] == "SUB160P"


def test_effects_on_the_line(tmp_path):
    code = run(
        "simulate", tmp_path, "--n-integrations", 10, "--shape", "30,40", "--group-gap", 1,
        "--correlated-noise", 4, "--common-noise", 0.2, "--outputs", 4, "--jitter", "1 mas", "--saturation", 1000,
        "--settling=-0.01,2.0", "--cosmic-rays", 1e-3, "--sky", 5, "--sky-drift", 2, "--row-reset-time", "rule",
        "--depth", 0.01, "--flux", 3e5, "--product", "crfints",
    )  # fmt: skip
    assert code == 0
    header, dq, truth = written(tmp_path, "crfints")
    assert header["NOUTPUTS"] == 4
    assert header["S_OUTLIR"] == "COMPLETE"
    assert (dq & 2).any()
    meta = truth.meta
    assert (meta["correlated_noise"], meta["common_noise"], meta["saturation"]) == (4.0, 0.2, 1000.0)
    assert meta["cosmic_rays"]["rate"] == 1e-3
    assert meta["jitter"] == pytest.approx([0.0322, 0.0322], abs=1e-4)
    assert meta["row_reset_time"] > 0
    np.testing.assert_allclose(truth["background"].value[[0, -1]], [4, 6])
    assert truth["settling"][0] < 0.995
    assert truth["relative_flux"].min() < 0.991


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--preset", "sub32"], "preset: 'sub32'"),
        (["--settings", "none.toml"], "none.toml: cannot be read"),
        (["--tilt", "3"], "--tilt: '3' is not 3 numbers"),
        (["--settling", "x"], "--settling: 'x'"),
        (["--jitter", "1 kg"], "jitter: '1 kg'"),
        (["--row-reset-time", "often"], "--row-reset-time: 'often'"),
    ],
)
def test_mistakes(tmp_path, capsys, words, message):
    assert run("simulate", tmp_path / "sim", *words) == 4
    assert message in capsys.readouterr().err
    assert not (tmp_path / "sim").exists()


def test_help_names_every_preset():
    import argparse

    parser = argparse.ArgumentParser()
    add_arguments(parser)
    text = parser.format_help()
    assert all(name in " ".join(text.split()) for name in SIMULATION_PRESETS)


def test_many_files_are_told_by_their_number(tmp_path, capsys):
    assert run("simulate", tmp_path, "--format", "ncdhas", "--product", "slp", "--n-integrations", 12) == 0
    lines = capsys.readouterr().out.splitlines()
    names = sorted(path.name for path in tmp_path.glob("*.slp.fits"))
    assert len(names) == 12
    assert lines[:4] == [*(f"wrote {tmp_path / name}" for name in names[:3]), "wrote 9 more"]


def test_one_width_is_both(tmp_path):
    for name, width in (("one", "1.5"), ("two", "1.5,1.5")):
        assert run("simulate", tmp_path / name, "--stddev", width, "--n-integrations", 3, "--seed", 4, "--quiet") == 0
    one, two = (next((tmp_path / name).glob("*_rateints.fits")) for name in ("one", "two"))
    assert np.array_equal(fits.getdata(one, "SCI"), fits.getdata(two, "SCI"))


def test_defocused_light(tmp_path):
    """Eight waves of defocus spread it over some 130 pixels: no pixel has much of it."""
    shares = []
    for name, more in (("focused", []), ("weak", ["--weak-lens"])):
        words = ["--shape", "160,170", "--noiseless", "--n-integrations", 2, "--flux", 1e6, "--quiet", *more]
        assert run("simulate", tmp_path / name, *words) == 0
        image = fits.getdata(next((tmp_path / name).glob("*_rateints.fits")), "SCI")[0]
        light = image - np.median(image)
        shares.append(light.max() / light.sum())
    assert shares[0] > 0.05
    assert shares[1] < 0.002
