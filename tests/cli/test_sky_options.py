"""Options of the sky and of ramps: what goes together, and what does not."""

import json

import numpy as np
import pytest

from nircam_tso import read
from nircam_tso.cli.main import main
from nircam_tso.simulate import simulate_exposure


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    simulation = simulate_exposure(
        tmp_path_factory.mktemp("source"), product="uncal", n_integrations=3, shape=(40, 48), n_groups=4, seed=3
    )
    return str(simulation.paths[0])


def extract(source, tmp_path, *args):
    return main(["extract", source, "-o", str(tmp_path / "a.h5"), "--quiet", *map(str, args)])


def test_ramps_and_flags(source, tmp_path):
    args = ["--group-range", "0,2", "--dq-bits", "JUMP_DET, SATURATED", "--background", "none"]
    assert extract(source, tmp_path, *args) in (0, 3)
    ts = read(tmp_path / "a.h5")
    settings = json.loads(ts.meta["provenance"])["settings"]
    assert settings["group_range"] == [0, 2]
    assert settings["dq_bits"] == ["JUMP_DET", "SATURATED"]
    assert settings["background"] is None
    assert np.isfinite(ts["aperture_sum_r5"].value).all()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--annulus", "9,4"], "--annulus: 9,4 is not INNER,OUTER with 0 <= INNER < OUTER"),
        (
            ["--annulus", "4,9", "--background", "mesh", "--box-size", "8,8"],
            "--annulus: goes with --background annulus",
        ),
        (["--estimator", "mean", "--background", "none"], "there is nothing to estimate with --background none"),
        (["--background", "annulus", "--preset", "none"], "--background: annulus needs --annulus INNER,OUTER"),
        (["--group-range", "2,1"], "group_range: (2, 1)"),
        (["--group-range", "first,last"], "--group-range: "),
        (["--dq-bits", "COLD"], "COLD"),
    ],
)
def test_what_does_not_go_together(source, tmp_path, capsys, args, words):
    assert extract(source, tmp_path, *args) in (2, 4)
    error = capsys.readouterr().err.strip()
    assert words in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "a.h5").exists()
