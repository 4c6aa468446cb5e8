"""``nircam-tso compare`` as a person in a shell uses it."""

import sys

import pytest
from astropy.table import Table

from nircam_tso import TimeSeriesExtractor, write
from nircam_tso.cli.main import main
from nircam_tso.simulate import simulate_exposure


def run(*args):
    return main([str(arg) for arg in args])


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {"format": "ncdhas", "product": "red", "n_integrations": 3, "shape": (40, 40), "n_groups": 4}
    simulate_exposure("cv3", position=(20.9, 18.9), flux=4e5, **settings)
    return tmp_path


def test_table_and_figure(here, capsys):
    options = ("--aperrad", "3,5", "-o", "faults.ecsv", "--figure", "faults.png")
    assert run("compare", "cv3", *options) == 0
    out = capsys.readouterr().out
    assert "SWAPPED_APERTURE: the aperture's centre is handed over as (y, x)" in out
    assert out.endswith("wrote     faults.ecsv, faults.png\n")
    lines = out.splitlines()
    late = lines[lines.index(next(line for line in lines if line.startswith("LATE_SHARE"))) + 1]
    assert late.strip().startswith("time +") and late.endswith(" s")
    assert lines[lines.index(next(line for line in lines if line.startswith("remainder"))) + 1].strip() == "none here"
    table = Table.read("faults.ecsv")
    assert len(table) == 3
    assert (table["old aperture phot 3.0"] < 0.9 * table["new aperture phot 3.0"]).all()
    assert table.meta["faults"]["MIDNIGHT"].startswith("TIME-END")
    assert (here / "faults.png").read_bytes().startswith(b"\x89PNG")
    # Equal comparisons, equal files.
    first = (here / "faults.ecsv").read_bytes(), (here / "faults.png").read_bytes()
    assert run("compare", "cv3", *options, "--overwrite", "--quiet") == 0
    assert ((here / "faults.ecsv").read_bytes(), (here / "faults.png").read_bytes()) == first
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("suffix", "begins"), [("pdf", b"%PDF"), ("svg", b"<?xml")])
def test_formats(here, suffix, begins):
    assert run("compare", "cv3", "--figure", f"a.{suffix}", "--quiet") == 0
    assert (here / f"a.{suffix}").read_bytes().startswith(begins)


def test_inputs(here):
    inputs = ("--guesscenter", "19,21", "--subframesize", "8,9", "--stddev0", "1.5", "--n-groups-big", "3")
    assert run("compare", "cv3", *inputs, "-o", "a.ecsv", "--quiet") == 0
    names = Table.read("a.ecsv").colnames
    # Three integrations by both reckonings.
    assert "HUNDRED_INTEGRATIONS time" not in names and "LATE_SHARE time" in names
    assert "FRAME_MIDDLE cross corr x center" in names


def test_product(here, capsys):
    write(TimeSeriesExtractor(aperture_radii=[4]).extract("cv3"), "lc.h5")
    assert run("compare", "lc.h5", "--images", "cv3", "-o", "a.ecsv", "--quiet") == 0
    assert "new aperture phot 4.0" in Table.read("a.ecsv").colnames
    assert run("compare", "lc.h5") == 4
    assert "--images: needed beside a product" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["cv3", "-o", "a.h5"], 4, "does not end in .ecsv"),
        (["cv3", "--figure", "a.jpg"], 4, "does not end in .png"),
        (["cv3", "-o", "nowhere/a.ecsv"], 5, "does not exist"),
        (["cv3", "--guesscenter", "19"], 4, "--guesscenter"),
        (["cv3", "--guesscenter", "19,90"], 4, "guesscenter: (19.0, 90.0) is not within"),
        (["cv3", "--aperrad", "0"], 4, "0"),
        (["cv4"], 4, "cv4"),
        (["cv3", "cv3", "--images", "cv3"], 4, "source: 2 were given"),
    ],
)
def test_refusals(here, capsys, args, code, message):
    assert run("compare", *args) == code
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1
    assert {path.name for path in here.iterdir()} == {"cv3"}


def test_nothing_is_written_over(here, capsys):
    (here / "a.ecsv").write_text("mine")
    assert run("compare", "cv3", "-o", "a.ecsv") == 5
    assert "exists already" in capsys.readouterr().err
    assert (here / "a.ecsv").read_text() == "mine"
    name = next((here / "cv3").glob("*.fits"))
    (here / "link.png").symlink_to(name)
    content = name.read_bytes()
    assert run("compare", "cv3", "--figure", "link.png", "--overwrite") == 5
    assert "is an input" in capsys.readouterr().err
    assert name.read_bytes() == content


def test_progress_on_a_terminal(here, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert run("compare", "cv3") == 0
    captured = capsys.readouterr()
    n = len(list((here / "cv3").glob("*.fits")))
    assert f"{n}/{n}" in captured.err and "compare" in captured.err
    assert f"{n}/{n}" not in captured.out
    assert run("compare", "cv3", "--quiet") == 0
    assert capsys.readouterr().err == ""
