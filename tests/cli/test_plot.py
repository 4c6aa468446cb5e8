"""``nircam-tso plot`` as a person in a shell uses it."""

import numpy as np
import pytest
from astropy import units as u
from astropy.time import Time
from astropy.timeseries import TimeSeries

from nircam_tso import write
from nircam_tso.cli.main import main
from nircam_tso.cli.plot import KINDS
from nircam_tso.simulate import simulate_exposure

N = 24


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
    for radius in (3, 5):
        ts[f"aperture_sum_r{radius}"] = rng.normal(1e4, 10, N) * u.DN
    ts["quality"] = np.zeros(N, np.uint32)
    ts.meta |= {"target": "A_b$", "position_x": 15.2, "position_y": 12.1}
    write(ts, "lc.h5")
    return tmp_path


@pytest.fixture
def images(here):
    return simulate_exposure(here / "sim", n_integrations=N, shape=(24, 32), flux=1e5, n_groups=5).paths


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_formats(here, capsys, suffix):
    assert run("plot", "lc.h5", "--kind", "centers", "-o", f"a.{suffix}") == 0
    begins = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}[suffix]
    content = (here / f"a.{suffix}").read_bytes()
    assert content.startswith(begins)
    assert capsys.readouterr().out == f"wrote     a.{suffix}\n"
    # Equal products, equal files; nothing half-written is left beside them.
    assert run("plot", "lc.h5", "--kind", "centers", "-o", f"a.{suffix}", "--overwrite", "--quiet") == 0
    assert (here / f"a.{suffix}").read_bytes() == content
    assert {path.name for path in here.iterdir()} == {"lc.h5", f"a.{suffix}"}
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "image"])
def test_kinds(here, kind):
    assert run("plot", "lc.h5", "--kind", kind, "--dpi", 40, "--quiet") == 0
    assert (here / f"lc_{kind}.png").read_bytes().startswith(b"\x89PNG")


def test_all_makes_pages_or_files(here, images, capsys):
    assert run("plot", "lc.h5", "--kind", "all", "--source", "sim", "-o", "all.pdf") == 0
    assert (here / "all.pdf").read_bytes().count(b"/Type /Page ") == len(KINDS)
    assert run("plot", "lc.h5", "--kind", "all", "-o", "all.png", "--dpi", 40) == 0
    names = {f"all_{kind}.png" for kind in KINDS if kind != "image"}
    assert {path.name for path in here.glob("*.png")} == names
    assert "left out  image: no --source" in capsys.readouterr().out


def test_image(here, images, capsys):
    assert run("plot", "lc.h5", "--kind", "image", "--source", *images, "--row", 5, "-o", "i.png") == 0
    assert run("plot", "lc.h5", "--kind", "image", "--source", "sim", "--row", 99, "-o", "j.png") == 4
    assert "row: 99 is not among the 24 rows" in capsys.readouterr().err


def test_nothing_is_written_over(here, images, capsys):
    (here / "a.png").write_text("mine")
    assert run("plot", "lc.h5", "-o", "a.png") == 5
    assert "exists already" in capsys.readouterr().err
    assert (here / "a.png").read_text() == "mine"
    (here / "all_radii.svg").write_text("mine")
    assert run("plot", "lc.h5", "--kind", "all", "-o", "all.svg") == 5
    assert [path.name for path in here.glob("all*")] == ["all_radii.svg"]
    # An input is kept even with --overwrite, under another name as well.
    product = (here / "lc.h5").read_bytes()
    (here / "link.png").symlink_to("lc.h5")
    assert run("plot", "lc.h5", "-o", "link.png", "--overwrite") == 5
    assert "is an input" in capsys.readouterr().err
    (here / "sky.png").symlink_to(images[0])
    assert run("plot", "lc.h5", "--kind", "image", "--source", images[0], "-o", "sky.png", "--overwrite") == 5
    assert "is an input" in capsys.readouterr().err
    assert (here / "lc.h5").read_bytes() == product
    assert run("plot", "lc.h5", "-o", "nowhere/a.png") == 5
    assert "does not exist" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["lc.h5", "-o", "a.jpg"], "does not end in .png, .pdf, .svg"),
        (["lc.h5", "-o", ""], "an empty name"),
        (["lc.h5", "--kind", "image", "-o", "a.png"], "needs --source"),
        (["lc.h5", "--kind", "allan", "--column", "nowhere", "-o", "a.png"], "'nowhere' is not in ts"),
        (["lc.h5", "--dpi", "1", "-o", "a.png"], "--dpi: 1"),
        (["none.h5", "-o", "a.png"], "there is no such file"),
    ],
)
def test_refusals(here, capsys, args, message):
    assert run("plot", *args) == 4
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1
    assert not (here / "a.png").exists()


def test_usage_and_flagged_rows(here, capsys):
    with pytest.raises(SystemExit) as stop:
        run("plot", "lc.h5", "--kind", "pie")
    assert stop.value.code == 2
    assert "invalid choice" in capsys.readouterr().err


def test_no_window_and_no_screen(here, monkeypatch):
    import matplotlib.pyplot as plt

    def refuse(*args, **kwargs):
        raise AssertionError("a window was made")

    monkeypatch.setattr(plt, "figure", refuse)
    assert run("plot", "lc.h5", "--kind", "matrix", "--diagonal", "hist", "-o", "a.png", "--quiet") == 0


def test_what_a_product_cannot_show_is_left_out(here, capsys):
    ts = TimeSeries(time=Time(60000 + np.arange(N) / 1440, format="mjd", scale="utc"))
    ts["background"] = np.random.default_rng(3).normal(10, 1, N) * u.DN
    write(ts, "sky.h5")
    assert run("plot", "sky.h5", "--kind", "all", "-o", "all.png", "--dpi", 40) == 0
    out = capsys.readouterr().out
    assert "left out  centers: " in out and "left out  radii: " in out
    assert (here / "all_columns.png").exists() and not (here / "all_centers.png").exists()


def test_no_picture_of_another_product(here, images, capsys):
    """A single kind tells why in its own words."""
    ts = TimeSeries(time=Time(60000 + np.arange(N) / 1440, format="mjd", scale="utc"))
    write(ts, "empty.h5")
    assert run("plot", "empty.h5", "--kind", "centers", "-o", "a.png") == 4
    error = capsys.readouterr().err
    assert error.startswith("nircam-tso: ") and error.count("\n") == 1
    (here / "b.png").mkdir()
    assert run("plot", "lc.h5", "-o", "b.png", "--overwrite") == 5
    assert "b.png: is a folder; give a file name" in capsys.readouterr().err
