"""``nircam-tso report`` as a person in a shell uses it."""

import sys
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.time import Time
from astropy.timeseries import TimeSeries

from nircam_tso import write
from nircam_tso.cli.main import main
from nircam_tso.simulate import simulate_exposure

N = 12


def run(*args):
    return main([str(arg) for arg in args])


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    ts = TimeSeries(time=Time(60000 + np.arange(N) / 1440, format="mjd", scale="utc"))
    ts["integration"] = np.arange(1, N + 1, dtype=np.int32)
    for name, level in (("x_gauss", 15.2), ("y_gauss", 12.1)):
        ts[name] = rng.normal(level, 0.01, N) * u.pix
    ts["aperture_sum_r3"] = rng.normal(1e4, 10, N) * u.DN
    ts["quality"] = np.zeros(N, np.uint32)
    write(ts, "lc.h5")
    return tmp_path


@pytest.fixture
def bokeh():
    pytest.importorskip("bokeh", reason="bokeh is not installed (extra report)")


def test_page(here, bokeh, capsys):
    assert run("report", "lc.h5") == 0
    assert capsys.readouterr().out == "wrote     lc.html\n"
    page = (here / "lc.html").read_bytes()
    assert page.startswith(b"<!DOCTYPE html>") and page.endswith(b"</html>\n")
    assert run("report", "lc.h5") == 5
    assert "exists already" in capsys.readouterr().err
    assert run("report", "lc.h5", "--overwrite", "--quiet") == 0
    assert capsys.readouterr().out == ""
    assert (here / "lc.html").read_bytes() == page
    assert {path.name for path in here.iterdir()} == {"lc.h5", "lc.html"}


def test_images(here, bokeh, capsys):
    paths = simulate_exposure(here / "sim", n_integrations=N, shape=(24, 32), flux=1e5, n_groups=5).paths
    assert run("report", "lc.h5", "-o", "a.html", "--source", "sim") == 0
    assert run("report", "lc.h5", "-o", "b.html", "--source", *paths) == 0
    page = (here / "a.html").read_text()
    assert f"mean of {N} integrations" in page
    assert (here / "b.html").read_text() == page


def test_inputs_are_kept(here, bokeh, capsys):
    paths = simulate_exposure(here / "sim", n_integrations=N, shape=(24, 32), flux=1e5, n_groups=5).paths
    for target in ("lc.h5", paths[0]):
        before = Path(target).read_bytes()
        (here / "link.html").symlink_to(target)
        assert run("report", "lc.h5", "-o", "link.html", "--source", *paths, "--overwrite") == 5
        assert "is an input" in capsys.readouterr().err
        assert Path(target).read_bytes() == before
        (here / "link.html").unlink()


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["lc.h5", "-o", "a.pdf"], 4, "does not end in .html"),
        (["lc.h5", "-o", ""], 4, "an empty name"),
        (["none.h5"], 4, "there is no such file"),
        (["lc.h5", "-o", "nowhere/a.html"], 5, "does not exist"),
        (["lc.h5", "--source", "nothing.fits"], 4, "nothing.fits"),
    ],
)
def test_refusals(here, bokeh, capsys, args, code, message):
    assert run("report", *args) == code
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1
    assert {path.name for path in here.iterdir()} == {"lc.h5"}


def test_without_bokeh(here, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "bokeh", None)
    assert run("report", "lc.h5") == 4
    said = "nircam-tso: the report needs bokeh: python -m pip install 'nircam_tso[report]'\n"
    assert capsys.readouterr().err == said
    assert not (here / "lc.html").exists()


def test_help(capsys):
    with pytest.raises(SystemExit) as stop:
        run("report", "--help")
    assert stop.value.code == 0
    assert "nircam-tso report wasp80.h5 -o wasp80.html" in capsys.readouterr().out
