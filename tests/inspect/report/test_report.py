"""The report's file: safe, self-contained, the same every time, and small enough."""

import base64
import hashlib
import html.parser
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable

from nircam_tso import read, write
from nircam_tso.exceptions import OutputError
from nircam_tso.inspect.report import check_report_path, write_report
from nircam_tso.inspect.report.series import Series
from nircam_tso.quality import QualityFlag
from nircam_tso.simulate import simulate_exposure

pytest.importorskip("bokeh", reason="bokeh is not installed (extra report)")

EVIL = "</script></title><script>alert(1)</script><img src=x onerror=alert(1)>"


class Elements(html.parser.HTMLParser):
    """Every element of a page, and the text of its scripts."""

    def __init__(self, text):
        super().__init__()
        self.found, self.scripts, self._inside = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        self._inside = tag == "script"
        if self._inside:
            self.scripts.append("")

    def handle_endtag(self, tag):
        self._inside = False

    def handle_data(self, data):
        if self._inside:
            self.scripts[-1] += data

    def named(self, tag):
        return [attrs for name, attrs in self.found if name == tag]

    def data(self, name):
        index = [attrs.get("id") for attrs in self.named("script")].index(name)
        return json.loads(self.scripts[index])


def page_of(ts, tmp_path, **keywords):
    path = write_report(ts, tmp_path / "lc.html", overwrite=True, **keywords)
    return Elements(path.read_text(encoding="utf-8"))


def test_nothing_from_outside(report_series, tmp_path):
    page = page_of(report_series(40), tmp_path)
    for tag, attrs in page.found:
        for name in ("src", "href", "action", "data", "srcset", "poster"):
            # The empty icon, and places within the page.
            assert attrs.get(name, "#").startswith(("#", "data:,")), (tag, attrs)
    assert page.named("iframe") == page.named("object") == page.named("base") == []
    policy = next(attrs["content"] for attrs in page.named("meta") if "http-equiv" in attrs)
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy and "'self'" not in policy and "*" not in policy
    # Only the scripts that are written there may run.
    run = [s for s, attrs in zip(page.scripts, page.named("script"), strict=True) if "type" not in attrs]
    hashes = {base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in run}
    assert set(re.findall(r"'sha256-([^']*)'", policy)) == hashes
    assert "script-src 'unsafe-inline'" not in policy and "' 'unsafe-inline'; style" not in policy


def test_strings_of_headers_are_text(report_series, tmp_path):
    plain = page_of(report_series(40), tmp_path)
    ts = report_series(40)
    for key in ("target", "filter", "instrument", "notes", "time_source", "error_source", "center", "program"):
        ts.meta[key] = EVIL
    ts.meta[EVIL] = EVIL
    ts.meta["list"] = [EVIL, 3]
    ts.meta["provenance"] = json.dumps({"settings": {}, EVIL: EVIL})
    ts[f"aperture_sum_{EVIL}"] = ts["aperture_sum_r3"]
    ts["x_gauss"].info.description = EVIL
    page = page_of(ts, tmp_path)
    kinds = {tag for tag, _ in page.found}
    assert "img" not in kinds
    assert len(page.named("script")) == len(plain.named("script"))
    assert not any("alert(1)" in script for script in page.scripts if "Bokeh" in script[:5000] and len(script) > 1e5)
    assert any(EVIL in curve["text"] for curve in page.data("config")["curves"])
    assert len(page.named("option")) == len(plain.named("option")) + 1


def test_control_characters_are_told(report_series, tmp_path):
    ts = report_series(5)
    ts.meta["target"] = "a\x1b[31m\u202eb\ud800"
    text = write_report(ts, tmp_path / "lc.html").read_text(encoding="utf-8")
    assert "\x1b" not in text and "\u202e" not in text
    assert "a\\x1b[31m\\x202eb" in text


def test_same_bytes(report_series, tmp_path):
    ts = report_series(60)
    first = write_report(ts, tmp_path / "a.html").read_bytes()
    assert write_report(ts, tmp_path / "b.html").read_bytes() == first


@pytest.mark.slow
def test_same_bytes_elsewhere(report_series, tmp_path):
    """Another process, which has made other models before."""
    write(report_series(60), tmp_path / "lc.h5")
    code = (
        "from bokeh.models import Range1d; Range1d(); from nircam_tso import read;"
        "from nircam_tso.inspect.report import write_report; write_report(read('lc.h5'), 'c.html')"
    )
    path = os.pathsep.join(part for part in sys.path if part)
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, env={**os.environ, "PYTHONPATH": path})
    again = write_report(read(tmp_path / "lc.h5"), tmp_path / "d.html")
    assert (tmp_path / "c.html").read_bytes() == again.read_bytes()


@pytest.mark.parametrize(("n", "radii"), [(10_000, 3), (10_000, 30), (20_000, 3), (20_000, 30)])
def test_small_enough(report_series, tmp_path, n, radii):
    path = write_report(report_series(n, radii=range(2, 2 + radii)), tmp_path / "lc.html")
    assert path.stat().st_size < 15e6


def test_numbers(report_series, tmp_path):
    ts = report_series(50)
    ts["quality"][7] |= np.uint32(QualityFlag.FIT_FAILED | QualityFlag.JUMP_DET)
    series = Series(ts)
    flux = ts["aperture_sum_r5"].value
    use = np.arange(50) != 7
    curve = next(curve for curve in series.curves if curve.column == "aperture_sum_r5")
    np.testing.assert_allclose(curve.values, (flux / np.median(flux[use]) - 1) * 1e6, rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(curve.errors, ts["aperture_sum_err_r5"].value / np.median(flux[use]) * 1e6, rtol=1e-6)
    assert series.panels == ["x_gauss", "y_gauss", "x_stddev", "y_stddev", "background"]
    assert series.time_unit == ("minutes", 60) and series.start == "2026-07-01 10:00:00 UTC"
    assert [(flag["name"], flag["count"], flag["used"]) for flag in series.flags] == [
        ("JUMP_DET", 1, True),
        ("FIT_FAILED", 1, False),
    ]
    # Saturation that changes within the series warns.
    ts["quality"][3] |= np.uint32(QualityFlag.SATURATED)
    assert Series(ts).flags[0]["used"]
    ts.meta["saturation_varies"] = True
    assert not Series(ts).flags[0]["used"]


def _few(ts):
    return ts[:1]


def _no_times(ts):
    ts["time"][:] = np.ma.masked
    return ts


def _some_times(ts):
    ts["time"][[0, -1]] = np.ma.masked
    return ts


def _no_values(ts):
    for name in ts.colnames:
        if isinstance(ts[name], u.Quantity):
            ts[name][:] = np.nan
    return ts


def _no_errors(ts):
    ts.remove_columns([name for name in ts.colnames if "_err_" in name])
    return ts


def _no_columns(ts):
    return ts["time", "aperture_sum_r3"]


def _negative(ts):
    ts["aperture_sum_r3"] *= -1
    return ts


def _other_apertures(ts):
    ts["aperture_sum_r2.5fwhm"] = ts["aperture_sum_r3"] * 1.5
    ts["aperture_sum_r3_star2"] = ts["aperture_sum_r3"] * 0.5
    ts["psf_flux"] = ts["aperture_sum_r3"] * 1.1
    return ts


def _bad_history(ts):
    ts.meta["provenance"] = json.dumps({"settings": {}, "sources": [{"name": f"{i}.fits"} for i in range(500)]})
    return ts


@pytest.mark.parametrize("n", [2, 10, 60])
@pytest.mark.parametrize(
    "change",
    [_few, _no_times, _some_times, _no_values, _no_errors, _no_columns, _negative, _other_apertures, _bad_history],
)
def test_poor_products(report_series, tmp_path, n, change):
    ts = change(report_series(n))
    config = page_of(ts, tmp_path).data("config")
    assert config["n"] == len(ts)
    assert len(config["curves"]) == len(Series(ts).curves) > 0


def test_refusals(report_series, tmp_path, monkeypatch):
    ts = report_series(5)
    with pytest.raises(ValueError, match="has no rows"):
        write_report(ts[:0], tmp_path / "a.html")
    with pytest.raises(ValueError, match="has no column aperture_sum"):
        write_report(ts["time", "x_gauss"], tmp_path / "a.html")
    with pytest.raises(ValueError, match="has no column 'time' .it has .*aperture_sum_r"):
        write_report(QTable(ts)[[name for name in ts.colnames if name != "time"]], tmp_path / "a.html")
    with pytest.raises(ValueError, match="does not end in .html, .htm"):
        write_report(ts, tmp_path / "a.pdf")
    with pytest.raises(OutputError, match="does not exist"):
        write_report(ts, tmp_path / "nowhere" / "a.html")
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        write_report(ts, tmp_path / "folder.html", overwrite=True)
    path = tmp_path / "mine.html"
    path.write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        write_report(ts, path)
    with pytest.raises(OutputError, match="is an input"):
        check_report_path(path, overwrite=True, inputs=[tmp_path / "folder.html" / ".." / "mine.html"])
    # A disk that fills up leaves the old page, and nothing else.
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OutputError, match="cannot be written .No space left"):
        write_report(ts, path, overwrite=True)
    assert path.read_text() == "mine"
    assert sorted(name.name for name in tmp_path.iterdir()) == ["folder.html", "mine.html"]


def test_permissions(report_series, tmp_path):
    path = write_report(report_series(5), tmp_path / "a.html")
    mask = os.umask(0)
    os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask
    path.chmod(0o600)
    assert write_report(report_series(6), path, overwrite=True).stat().st_mode & 0o777 == 0o600


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    return simulate_exposure(
        folder, n_integrations=12, shape=(40, 56), position=(33.4, 17.8), flux=1e5, n_groups=5
    ).paths


def test_images(report_series, tmp_path, images):
    ts = report_series(12)
    ts["x_gauss"], ts["y_gauss"] = np.full(12, 33.4) * u.pix, np.full(12, 17.8) * u.pix
    ts["quality"][[2, 4, 5, 6, 7, 8, 9]] |= np.uint32(QualityFlag.FIT_FAILED)
    ts["quality"][11] |= np.uint32(QualityFlag.PARTIAL_APERTURE)
    ts.meta["provenance"] = json.dumps({"settings": {"background": {"inner": 9, "outer": 14}}})
    config = page_of(ts, tmp_path, source=images).data("config")
    # One of each kind first, then in order, six in all.
    assert config["images"] == [2, 4, 5, 6, 7, 11]
    assert "image-mean" in config["figures"]
    ts["integration"] += 100
    with pytest.raises(ValueError, match="does not hold"):
        page_of(ts, tmp_path, source=images)


def test_pictures_hold_the_pixels(report_series, images):
    from nircam_tso.inspect.report.images import pictures
    from nircam_tso.io.sources import open_exposure

    ts = report_series(12)
    ts["x_gauss"], ts["y_gauss"] = np.full(12, 33.4) * u.pix, np.full(12, 17.8) * u.pix
    exposure = open_exposure(images)
    mean = exposure.read(0, 12).data.mean(axis=0)
    (picture,) = pictures(ts, exposure)
    assert picture.title == "mean of 12 integrations" and picture.pixels.shape == (40, 56)
    assert picture.corner == (0, 0) and picture.center == pytest.approx((33.4, 17.8))
    # Levels rise with the value: dark is bright, and the peak is where the star is.
    y, x = np.unravel_index(np.argmax(picture.pixels * 1e9 + mean), mean.shape)
    assert (x, y) == (33, 18)
    order = np.argsort(mean, axis=None)
    assert np.all(np.diff(picture.pixels.ravel()[order].astype(int)) >= 0)
    assert picture.radii == [3, 5, 8] and picture.annulus is None and picture.outlines == []


def test_pictures_have_every_aperture(report_series, tmp_path, images):
    from nircam_tso.inspect.report.images import add_picture, pictures
    from nircam_tso.io.sources import open_exposure

    ts = report_series(12)
    ts["x_gauss"], ts["y_gauss"] = np.full(12, 33.4) * u.pix, np.full(12, 17.8) * u.pix
    shapes = {"slit": {"shape": "rectangle", "w": 14.0, "h": 6.0, "theta": 90.0}}
    settings = {"aperture_shapes": shapes, "background": {"kind": "annulus", "inner": 9, "outer": 14}}
    ts.meta |= {"provenance": json.dumps({"settings": settings}), "position_x": 33.0, "position_y": 18.0}
    (picture,) = pictures(ts, open_exposure(images))
    drawn = [renderer.glyph for renderer in add_picture(picture).renderers]
    circles = [(glyph.x, glyph.y, glyph.radius) for glyph in drawn if type(glyph).__name__ == "Circle"]
    assert len(circles) == 5
    (patch,) = [r for r in add_picture(picture).renderers if type(r.glyph).__name__ == "Patch"]
    x, y = (np.asarray(patch.data_source.data[name]) for name in "xy")
    # Turned by a right angle: 6 pixels wide and 14 high about the centre.
    assert np.ptp(x) == pytest.approx(6) and np.ptp(y) == pytest.approx(14)
    assert (x.mean(), y.mean()) == pytest.approx((33.4, 17.8))
    assert "slit: rectangle 14 x 6 pix, 90 deg" in write_report(ts, tmp_path / "a.html", source=images).read_text()


def test_steps_and_settling_are_told(report_series, tmp_path):
    ts = report_series(400)
    rows = np.arange(400)
    ts["x_stddev"] += 0.02 * (rows >= 250) * u.pix
    for name in ("aperture_sum_r3", "aperture_sum_r5", "aperture_sum_r8"):
        ts[name] *= 1 - 2e-3 * (rows >= 250) - 5e-3 * np.exp(-rows / 8)
    page = page_of(ts, tmp_path)
    (jump,) = [int(attrs["data-jump"]) for attrs in page.named("button") if "data-jump" in attrs]
    assert abs(jump - 250) <= 3
    text = (tmp_path / "lc.html").read_text(encoding="utf-8")
    told = re.search(r"A step in x_stddev \(([0-9.]+) sigma; flux ([-+0-9,]+) ± ([0-9,]+) ppm\)", text)
    assert abs(int(told[2].replace(",", "")) + 2000) < 5 * int(told[3])
    told = re.search(r"minutes drift by ([-+0-9,]+) ±\s+([0-9,]+) ppm, falling by e in ([0-9.]+) minutes", text)
    assert abs(int(told[1].replace(",", "")) + 5000) < 5 * int(told[2])
    assert float(told[3]) == pytest.approx(8, rel=0.25)


def test_what_the_product_tells_of_itself(report_series, tmp_path):
    ts = report_series(20)
    ts.meta |= {"center": "median", "center_x": 160.25, "center_y": 33.5}
    text = write_report(ts, tmp_path / "a.html").read_text(encoding="utf-8")
    assert "x 160.250, y 33.500 pix, one for all" in text
    del ts.meta["provenance"]
    text = write_report(ts, tmp_path / "b.html").read_text(encoding="utf-8")
    assert "The product does not tell how it was made." in text


def test_pictures_of_rows_without_a_centre(report_series, tmp_path, images):
    from nircam_tso.inspect.report.images import pictures
    from nircam_tso.io.sources import open_exposure

    exposure = open_exposure(images)
    ts = report_series(12)
    ts["x_gauss"], ts["y_gauss"] = np.full(12, 33.4) * u.pix, np.full(12, 17.8) * u.pix
    # That of the row in the middle, which the mean image is named by, and that of a flagged one.
    ts["x_gauss"][[5, 9]] = np.nan
    ts["quality"][9] |= np.uint32(QualityFlag.FIT_FAILED)
    mean, flagged = pictures(ts, exposure)
    assert mean.center == pytest.approx((33.4, 17.8))
    assert flagged.row == 9 and np.isnan(flagged.center).all()
    assert "no centre known" in write_report(ts, tmp_path / "a.html", source=images).read_text()
    # About where the star was looked for; else about the middle of the frame.
    for told, middle in (((12.0, 11.0), (12.0, 11.0)), (None, (27.5, 19.5))):
        if told:
            ts.meta |= {"position_x": told[0], "position_y": told[1]}
        else:
            del ts.meta["position_x"], ts.meta["position_y"]
        picture = pictures(ts, exposure)[1]
        ny, nx = picture.pixels.shape
        sides = zip(middle, (nx, ny), (56, 40), strict=True)
        assert list(picture.corner) == [np.clip(round(place - n / 2), 0, most - n) for place, n, most in sides]


def test_pictures_where_all_or_nothing_is_flagged(report_series, images):
    from nircam_tso.inspect.report.images import pictures
    from nircam_tso.io.sources import open_exposure

    exposure = open_exposure(images)
    ts = report_series(12)
    ts["x_gauss"], ts["y_gauss"] = np.full(12, 33.4) * u.pix, np.full(12, 17.8) * u.pix
    ts["quality"] |= np.uint32(QualityFlag.NO_DATA)
    # No row is good: the mean is that of all, and six are shown by themselves.
    mean, *shown = pictures(ts, exposure)
    assert mean.title == "mean of 12 integrations" and [picture.row for picture in shown] == [0, 1, 2, 3, 4, 5]
    ts.remove_column("quality")
    (mean,) = pictures(ts, exposure)
    assert mean.title == "mean of 12 integrations"


def test_pixels_without_a_value_are_yellow(report_series, tmp_path):
    ts = report_series(12)
    ts["x_gauss"], ts["y_gauss"] = np.full(12, 33.4) * u.pix, np.full(12, 17.8) * u.pix
    cube = np.random.default_rng(1).normal(0, 1, (12, 40, 56))
    for value, told in ((1.0, False), (np.nan, True)):
        cube[:, 17, 33] = value
        text = write_report(ts, tmp_path / "a.html", source=cube, overwrite=True).read_text(encoding="utf-8")
        assert ("yellow: no value" in text) is told


def test_apertures_that_are_no_circles(report_series, tmp_path, images):
    """Their words stand alone, as there is no radius to tell."""
    ts = report_series(12, radii=())
    ts["x_gauss"], ts["y_gauss"] = np.full(12, 33.4) * u.pix, np.full(12, 17.8) * u.pix
    ts["aperture_sum_slit"] = np.random.default_rng(1).normal(1e5, 30, 12) * u.DN
    settings = {"aperture_shapes": {"slit": {"shape": "rectangle", "w": 14.0, "h": 6.0, "theta": 0.0}}}
    ts.meta["provenance"] = json.dumps({"settings": settings})
    text = write_report(ts, tmp_path / "a.html", source=images).read_text(encoding="utf-8")
    assert "slit: rectangle 14 x 6 pix" in text and "apertures  pix" not in text
