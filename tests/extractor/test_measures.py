"""What is measured beside the plain light curve: other shapes and skies, stripes, cosmic rays, components."""

import json

import numpy as np
import pytest
from astropy.time import Time
from photutils.aperture import EllipticalAperture

from nircam_tso import (
    EllipseShape,
    HexagonShape,
    LineBackground,
    MeshBackground,
    QualityFlag,
    RectangleShape,
    TimeSeriesExtractor,
    good,
)
from nircam_tso.measure.gaussian import evaluate_gaussians

N = 40
X, Y = 33.4, 27.8
SKY = 60.0


def times(n):
    return Time(60000 + np.arange(n) / 1000, format="mjd")


def images(n=N, seed=6, amplitude=4000.0, shape=(56, 64), x=X, y=Y):
    rng = np.random.default_rng(seed)
    star = evaluate_gaussians(shape, *(np.full(n, v) for v in (amplitude, x, y, 1.4, 1.1, 0.3)))
    return rng.poisson(star + SKY).astype(float)


def extract(data, **settings):
    settings = {"position": (X, Y), "gain": 1.0, "read_noise": 0.0, **settings}
    extra = {name: settings.pop(name) for name in ("block_size", "errors", "mask") if name in settings}
    return TimeSeriesExtractor(**settings).extract(data, times=times(len(data)), **extra)


SHAPES = {
    "long": EllipseShape(9.0, 5.0, 0.5),
    "box": RectangleShape(12.0, 7.0, -0.3),
    "six": HexagonShape(8.0),
    "theirs": EllipticalAperture((0, 0), 6.0, 4.0),
}


@pytest.fixture(scope="module")
def ts():
    return extract(images(), aperture_shapes=SHAPES, aperture_radii=[4])


class TestShapes:
    def test_light_of_the_star(self, ts):
        total = 2 * np.pi * 1.4 * 1.1 * 4000
        for name in ("long", "box", "six"):
            assert np.median(ts[f"aperture_sum_{name}"].value) == pytest.approx(total, rel=0.008)
            pulls = (ts[f"aperture_sum_{name}"] - ts[f"aperture_sum_{name}"].mean()) / ts[f"aperture_sum_err_{name}"]
            assert 0.7 < pulls.value.std() < 1.35
        assert (ts["quality"] == 0).all()

    def test_areas(self, ts):
        for name, area in (("long", 45 * np.pi), ("box", 84.0), ("six", 96 * np.sqrt(3)), ("theirs", 24 * np.pi)):
            assert np.allclose(ts[f"aperture_area_{name}"].value, area, rtol=1e-9)

    def test_against_photutils(self, ts):
        data = images()
        for i in range(0, N, 13):
            place = (ts["x_gauss"][i].value, ts["y_gauss"][i].value)
            mask = EllipticalAperture(place, 6.0, 4.0).to_mask(method="exact")
            theirs = (mask.cutout(data[i] - ts["background"][i].value) * mask.data).sum()
            assert ts["aperture_sum_theirs"][i].value == pytest.approx(theirs, rel=1e-9)

    def test_settings_are_kept(self, ts):
        settings = json.loads(ts.meta["provenance"])["settings"]
        assert settings["aperture_shapes"]["six"]["shape"] == "hexagon"
        assert settings["aperture_shapes"]["theirs"]["shape"] == "ellipse"

    def test_hole_within_one_shape_alone(self):
        data = images()
        # Within the long ellipse, outside the circle of 4 pixels.
        data[7, 30, 40] = np.nan
        ts = extract(data, aperture_shapes={"long": SHAPES["long"]}, aperture_radii=[4], bad_pixels="nan")
        assert np.isnan(ts["aperture_sum_long"][7])
        assert np.isfinite(ts["aperture_sum_r4"][7])
        assert ts["quality"][7] == QualityFlag.NAN_IN_APERTURE
        outside = images()
        # As far away, but across the ellipse's short axis.
        outside[7, 35, 30] = np.nan
        ts = extract(outside, aperture_shapes={"long": SHAPES["long"]}, aperture_radii=[4], bad_pixels="nan")
        assert ts["quality"][7] == 0

    def test_no_circles_at_all(self):
        ts = extract(images(), aperture_shapes={"six": HexagonShape(8.0)}, aperture_radii=[])
        assert "aperture_sum_six" in ts.colnames
        assert (ts["n_good"] > 150).all()


class TestSkies:
    def test_tilted_sky(self):
        place = (21.4, 17.8)
        data = images(x=place[0], y=place[1])
        y, x = np.mgrid[:56, :64]
        data += 0.5 * x + 0.4 * y
        true = SKY + 0.5 * place[0] + 0.4 * place[1]
        settings = {"position": place, "aperture_radii": [6]}
        mesh = extract(data, background=MeshBackground((8, 8), exclude_radius=8), **settings)
        # Splines bend under the star, but one level for the frame is that of its middle.
        assert np.median(mesh["background"].value) == pytest.approx(true, abs=2.0)
        frame = extract(data, **settings)
        assert np.median(frame["background"].value) == pytest.approx(SKY + 0.5 * 31.5 + 0.4 * 27.5, abs=2.5)

    @pytest.mark.parametrize("axis", ["row", "column"])
    def test_levels_of_lines(self, axis):
        data = images()
        rng = np.random.default_rng(8)
        size = (N, 56, 1) if axis == "row" else (N, 1, 64)
        data += rng.normal(0, 12, size)
        ts = extract(data, background=LineBackground(axis), aperture_radii=[6])
        plain = extract(data, aperture_radii=[6])
        total = 2 * np.pi * 1.4 * 1.1 * 4000
        pulls = (ts["aperture_sum_r6"].value - total) / ts["aperture_sum_err_r6"].value
        assert abs(pulls.mean()) < 4 / np.sqrt(N)
        assert 0.7 < pulls.std() < 1.35
        assert plain["aperture_sum_r6"].value.std() > 1.5 * ts["aperture_sum_r6"].value.std()
        if axis == "row":
            # What is common along the readout is in the error of the plain one.
            pulls = (plain["aperture_sum_r6"].value - total) / plain["aperture_sum_err_r6"].value
            assert 0.6 < pulls.std() < 1.5

    def test_sky_that_is_not_there(self):
        data = images()
        data[5, :, :] = np.nan
        data[5, 20:36, 26:42] = 100.0
        for background in (MeshBackground((14, 16)), LineBackground("row")):
            ts = extract(data, background=background)
            assert ts["quality"][5] & QualityFlag.BACKGROUND_FAILED
            assert np.isnan(ts["background"][5])
            assert np.isnan(ts["aperture_sum_r3"][5])
            assert good(ts).sum() == N - 1


def striped(direction="row", amplitude=15.0, n=N, seed=9):
    rng = np.random.default_rng(seed)
    return images(n) + rng.normal(0, amplitude, (n, 56, 1) if direction == "row" else (n, 1, 64))


class TestStripes:
    @pytest.mark.parametrize("direction", ["row", "column"])
    def test_light_curve_is_quieter(self, direction):
        data = striped(direction)
        plain = extract(data, aperture_radii=[6])
        ts = extract(data, aperture_radii=[6], striping=direction)
        wrong = extract(data, aperture_radii=[6], striping="column" if direction == "row" else "row")
        quiet = extract(images(), aperture_radii=[6])["aperture_sum_r6"].value.std()
        assert plain["aperture_sum_r6"].value.std() > 2 * quiet
        assert ts["aperture_sum_r6"].value.std() < 1.4 * quiet
        assert wrong["aperture_sum_r6"].value.std() > 2 * quiet
        flux = 2 * np.pi * 1.4 * 1.1 * 4000
        assert np.median(ts["aperture_sum_r6"].value) == pytest.approx(flux, rel=2e-3)
        assert np.median(ts["background"].value) == pytest.approx(SKY, abs=1.0)

    def test_errors_know_what_is_left(self):
        n = 150
        data = striped(n=n)
        for settings in ({}, {"striping": "row"}):
            ts = extract(data, aperture_radii=[4, 8], **settings)
            for name in ("aperture_sum_r4", "aperture_sum_r8", "psf_flux"):
                values, errors = ts[name].value, ts[name.replace("sum", "sum_err").replace("flux", "flux_err")].value
                ratio = values.std() / np.median(errors)
                assert 0.8 < ratio < 1.2, (settings, name)

    def test_white_noise_has_none(self):
        plan = json.loads(extract(images(64, seed=7)).meta["noise_budget"])
        assert "1/f" not in plan["r3"]

    def test_flat_frame_stays(self):
        data = np.random.default_rng(4).normal(100.0, 3.0, (N, 56, 64))
        levels = np.random.default_rng(5).normal(0, 15, (N, 56, 1))
        data += levels - levels.mean(axis=1, keepdims=True)
        ts = extract(data, striping="row", aperture_radii=[4])
        # What is taken off has a mean of 0, so that each sky is what it was.
        assert np.allclose(ts["background"].value, 100.0, atol=0.4)
        assert np.abs(ts["aperture_sum_r4"].value).max() < 5 * 3.0 * np.sqrt(np.pi * 16) * 1.2

    def test_outputs_that_nobody_tells(self):
        with pytest.raises(ValueError, match="row-amplifier"):
            extract(images(), striping="row-amplifier")

    def test_few_integrations_have_no_median(self):
        ts = extract(striped(n=6), striping="row", aperture_radii=[4])
        assert np.isfinite(ts["aperture_sum_r4"]).all()
        assert (ts["aperture_sum_r4"].value > 0).all()

    @pytest.mark.parametrize("ramp", ["last-first", "slope", "groups"])
    def test_ramps(self, ramp):
        rng = np.random.default_rng(12)
        n, groups = 24, 4
        rate = evaluate_gaussians((56, 64), 2000.0, X, Y, 1.4, 1.1, 0.3)[0] + SKY
        steps = rng.poisson(np.broadcast_to(rate, (n, groups - 1, 56, 64))).astype(float)
        steps += rng.normal(0, 15, (n, groups - 1, 56, 1))
        cube = np.concatenate([np.zeros((n, 1, 56, 64)), np.cumsum(steps, axis=1)], axis=1) + 1000.0
        header = {"TGROUP": 2.0, "TFRAME": 2.0}
        settings = {"ramp": ramp, "position": (X, Y), "aperture_radii": [6], "gain": 1.0, "read_noise": 0.0}
        rows = n * (groups - 1) if ramp == "groups" else n
        scatter = []
        for striping in (None, "row"):
            ts = TimeSeriesExtractor(striping=striping, **settings).extract(cube, times=times(rows), header=header)
            assert len(ts) == rows
            scatter.append(ts["aperture_sum_r6"].value.std())
        assert scatter[1] < 0.75 * scatter[0]


class TestCosmicRays:
    def test_found_and_mended(self):
        data = images()
        hits = {4: (27, 35), 11: (30, 33), 12: (30, 33), 39: (25, 34)}
        for row, (y, x) in hits.items():
            data[row, y, x] += 3000.0
        ts = extract(data, clean="temporal", aperture_radii=[5])
        dirty = extract(data, aperture_radii=[5])
        clean = extract(images(), aperture_radii=[5])
        assert dict(zip(*np.unique(np.flatnonzero(ts["n_cleaned"]), return_counts=True), strict=True)).keys() == set(
            hits
        )
        for row in hits:
            assert ts["n_cleaned"][row] == 1
            assert ts["n_replaced"][row] == 1
            assert ts["quality"][row] == QualityFlag.JUMP_DET
            assert dirty["aperture_sum_r5"][row].value - clean["aperture_sum_r5"][row].value > 2000
            off = ts["aperture_sum_r5"][row].value - clean["aperture_sum_r5"][row].value
            assert abs(off) < 5 * ts["aperture_sum_err_r5"][row].value
        assert good(ts).all()

    def test_off_by_default(self):
        assert (extract(images())["n_cleaned"] == 0).all()

    def test_found_where_there_is_no_sky(self):
        data = images() - SKY
        data[4, 27, 35] += 3000.0
        ts = extract(data, clean="temporal", background=None, aperture_radii=[5])
        assert np.flatnonzero(ts["n_cleaned"]).tolist() == [4]
        whole = extract(images() - SKY, background=None, aperture_radii=[5])["aperture_sum_r5"]
        assert abs((ts["aperture_sum_r5"] - whole)[4]) < 5 * ts["aperture_sum_err_r5"][4]

    def test_where_holes_are_nan(self):
        data = images()
        data[4, 27, 35] += 3000.0
        ts = extract(data, clean="temporal", bad_pixels="nan", aperture_radii=[5])
        assert np.isnan(ts["aperture_sum_r5"][4])
        assert ts["quality"][4] & QualityFlag.NAN_IN_APERTURE

    def test_transit_is_no_cosmic_ray(self):
        data = images(60)
        data[25:35] = images(10, amplitude=4000 * 0.9, seed=22)
        ts = extract(data, clean="temporal", clean_sigma=6.0)
        assert ts["n_cleaned"].sum() == 0


class TestComponents:
    def test_a_width_that_changes(self):
        n = 60
        rng = np.random.default_rng(3)
        widths = 1.4 + 0.02 * np.sin(np.arange(n) / 5)
        star = evaluate_gaussians((56, 64), 60000.0 / widths, np.full(n, X), np.full(n, Y), widths, 1.1, 0.3)
        ts = extract(rng.poisson(star + SKY).astype(float), components=2)
        assert abs(np.corrcoef(ts["pc1"].value, widths)[0, 1]) > 0.95
        assert abs(np.corrcoef(ts["pc2"].value, widths)[0, 1]) < 0.5
        assert (ts["pc1_err"] > 0).all()
        assert "pc3" not in ts.colnames

    @pytest.mark.parametrize("value", [-1, 4, 1.5, True])
    def test_numbers_that_are_none(self, value):
        with pytest.raises(ValueError, match="components"):
            TimeSeriesExtractor(components=value)


def test_profile_columns():
    ts = extract(images(), aperture_radii=[6], center="fixed")
    # Noise pixels of a Gaussian: 4 pi sx sy.
    assert np.median(ts["beta"].value) == pytest.approx(4 * np.pi * 1.4 * 1.1, rel=0.03)
    assert np.median(ts["fwhm"].value) == pytest.approx(2.3548 * np.sqrt(1.4 * 1.1), rel=0.01)
    assert (np.abs(ts["fwhm"].value - 2.3548 * np.sqrt(1.4 * 1.1)) < 5 * ts["fwhm_err"].value).all()
    image = images()[0]
    assert ts["peak"][0].value == pytest.approx(image.max() - ts["background"][0].value)
    assert np.std(ts["beta"].value) == pytest.approx(np.median(ts["beta_err"].value), rel=0.4)
    holes = images()
    holes[:, 27, 36] = np.nan
    fewer = extract(holes, aperture_radii=[6], center="fixed")
    assert np.array_equal(fewer["n_good"] + 1, ts["n_good"])


def test_budget_adds_up():
    data = images(100) + np.random.default_rng(2).normal(0, 9, (100, 56, 64))
    ts = extract(data, aperture_radii=[3, 6], read_noise=9.0)
    budget = json.loads(ts.meta["noise_budget"])
    for radius in (3, 6):
        parts = budget[f"r{radius}"]
        flux = np.median(ts[f"aperture_sum_r{radius}"].value)
        area = np.pi * radius**2
        sky = 1e6 * np.median(ts["background_err"].value) * area / flux
        total = np.sqrt(parts["photon"] ** 2 + parts["read"] ** 2 + sky**2)
        quoted = 1e6 * np.median(ts[f"aperture_sum_err_r{radius}"].value) / flux
        assert total == pytest.approx(quoted, rel=0.01)
        # Exact overlaps at the rim weigh less than their area.
        assert 0.85 < parts["read"] / (1e6 * 9 * np.sqrt(area) / flux) <= 1.0


def test_covariance_of_group_steps():
    rng = np.random.default_rng(5)
    n, groups, frames, noise = 400, 3, 4, 40.0
    rate = 3.0 * evaluate_gaussians((31, 35), 100.0, 17.2, 14.6, 1.4, 1.1, 0.3)[0] + 5.0
    counts = np.cumsum(rng.poisson(np.broadcast_to(rate, (n, groups * frames, 31, 35))), axis=1, dtype=float)
    counts += rng.normal(0, noise, counts.shape)
    ramps = counts.reshape(n, groups, frames, 31, 35).mean(axis=2)
    header = {"TGROUP": 4.0, "TFRAME": 1.0, "NFRAMES": frames, "GROUPGAP": 0}
    extractor = TimeSeriesExtractor(
        ramp="groups",
        gain=1.0,
        read_noise=noise,
        position=(17, 15),
        aperture_radii=[3],
        background=None,
        center="fixed",
    )
    ts = extractor.extract(ramps, times=times(2 * n), header=header)
    first, second = ts["aperture_sum_r3"].value.reshape(n, 2).T
    seen = np.cov(first, second)
    told = json.loads(ts.meta["group_covariance"])["r3"]
    scale = np.sqrt(seen[0, 0] * seen[1, 1])
    assert seen[0, 1] == pytest.approx(told, abs=4 * scale / np.sqrt(n))
    assert told < -4 * scale / np.sqrt(n)


@pytest.mark.parametrize(
    "settings",
    [
        {"clean": "temporal"},
        {"striping": "row"},
        {"striping": "column", "striping_odd_even": True, "clean": "temporal", "clean_window": 8},
        {"background": MeshBackground((14, 16))},
        {"background": LineBackground("column")},
        {"components": 3, "radius_unit": "fwhm", "aperture_radii": [1, 2]},
        {"aperture_shapes": {"six": HexagonShape(7.0)}, "edge": "sum", "fit_background": True},
        {"position": [(X, Y), (12, 40)]},
    ],
)
def test_blocks_change_nothing(settings):
    data = striped(amplitude=4.0)
    data[9, 28, 33] += 2000.0
    data[17, 20:30, 30:35] = np.nan
    one = extract(data, block_size=1, **settings)
    for size in (7, 40):
        other = extract(data, block_size=size, **settings)
        for name in one.colnames:
            a, b = one[name], other[name]
            if name.startswith("time"):
                assert ((a - b).sec == 0).all() if not np.any(a.mask) else (a.mask == b.mask).all()
            else:
                assert np.array_equal(np.asarray(a), np.asarray(b), equal_nan=True), (name, size)
