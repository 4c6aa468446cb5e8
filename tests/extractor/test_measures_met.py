"""What is measured beside the plain light curve, where settings meet."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.time import Time

from nircam_tso import (
    AnnulusBackground,
    EllipseShape,
    FrameBackground,
    LineBackground,
    QualityFlag,
    RectangleShape,
    TimeSeriesExtractor,
)
from nircam_tso.extractor.sky import line_level_error
from nircam_tso.measure.background import circle_chords, estimate_background, line_sum_error
from nircam_tso.measure.gaussian import evaluate_gaussians

SHAPE = (56, 64)
X, Y = 33.4, 27.8
SKY = 60.0


def star(amplitude=4000.0, x=X, y=Y, sx=1.4, sy=1.1):
    return evaluate_gaussians(SHAPE, *(np.array([v]) for v in (amplitude, x, y, sx, sy, 0.3)))[0]


def images(n=40, seed=6, image=None):
    return np.random.default_rng(seed).poisson(np.stack([(star() if image is None else image) + SKY] * n)).astype(float)


def extract(data, errors=None, header=None, **settings):
    settings = {"position": (X, Y), "gain": 1.0, "read_noise": 0.0, **settings}
    if errors is not None:
        settings |= {"gain": None, "read_noise": None}
    rows = len(data) * (data.shape[1] - 1 if settings.get("ramp") == "groups" else 1)
    times = Time(60000 + np.arange(rows) / 1000, format="mjd")
    return TimeSeriesExtractor(**settings).extract(data, errors=errors, header=header, times=times)


def ratio(ts, name):
    error = name.replace("_sum_", "_sum_err_") if "_sum_" in name else f"{name}_err"
    return ts[name].value.std() / np.sqrt(np.mean(ts[error].value ** 2))


def test_sky_of_a_bright_star_with_wings():
    y, x = np.indices(SHAPE)
    wings = 3000.0 / (1 + ((x - X) ** 2 + (y - Y) ** 2) / 9) ** 1.5
    image = star(200000.0) + wings + SKY
    ts = extract(np.random.default_rng(6).normal(image, np.sqrt(image), (120, *SHAPE)))
    # The light of the wings does not change, and is no noise of the level.
    assert ratio(ts, "background") == pytest.approx(1.0, abs=0.25)


@pytest.mark.parametrize("axis", ["row", "column"])
def test_levels_of_lines_are_those_of_each_image(axis):
    rng = np.random.default_rng(4)
    data = rng.normal(0, 1, (3, 40, 50)) * np.array([1.0, 3.0, 9.0])[:, None, None]
    sky = LineBackground(axis, exclude_radius=6)
    levels = estimate_background(data, sky.footprint((40, 50), (22, 15)), sky)
    settings = SimpleNamespace(background=sky)
    plan = SimpleNamespace(settings=settings, box=SimpleNamespace(corner=(17, 9)), read=SimpleNamespace(corner=(5, 2)))
    x, y, radii = np.array([10.1, 9.8, 10.4]), np.array([8.3, 8.0, 7.6]), np.array([2.0, 5.0])
    centre = y + 7 if axis == "row" else x + 12
    expected = line_sum_error(levels.lines, circle_chords(centre, radii, 40 if axis == "row" else 50))
    assert np.array_equal(line_level_error(plan, levels, x, y, radii), expected)
    assert np.array_equal(line_level_error(plan, levels, x, y, np.tile(radii, (3, 1))), expected)


def test_psf_flux_knows_the_sky_s_error():
    data = images(60, image=star(400.0))
    narrow, wide = (extract(data, background=AnnulusBackground(10, outer)) for outer in (10.6, 20))
    # A constant in all pixels is as much flux as a PSF of beta noise pixels has of it: about beta.
    for ts in (narrow, wide):
        alone = np.sqrt(np.median(ts["psf_flux_err"].value) ** 2 - (26 * np.median(ts["background_err"].value)) ** 2)
        ts.meta["alone"] = alone
    assert narrow.meta["alone"] == pytest.approx(wide.meta["alone"], rel=0.03)
    assert np.median(narrow["psf_flux_err"].value) > 1.03 * np.median(wide["psf_flux_err"].value)


def test_filled_pixel_without_an_error_of_its_own():
    data = images()
    errors = np.full(data.shape, 9.0)
    data[7, 28, 34] = errors[7, 28, 34] = np.nan
    ts = extract(data, errors=errors, aperture_radii=[4])
    assert ts["quality"][7] == QualityFlag.NAN_IN_APERTURE
    assert np.isfinite(ts["aperture_sum_err_r4"][7])


@pytest.mark.parametrize("striping", [None, "row"])
def test_stripes_are_in_the_errors_of_shapes_and_masks(striping):
    n = 150
    data = images(n) + np.random.default_rng(9).normal(0, 15, (n, SHAPE[0], 1))
    mask = np.zeros(SHAPE, bool)
    mask[23:33, 28:40] = True
    ts = extract(
        data,
        striping=striping,
        aperture_shapes={"long": EllipseShape(9, 5, 0.5), "box": RectangleShape(12, 7, -0.3)},
        aperture_masks={"mine": mask},
    )
    for name in ("long", "box", "mine"):
        assert ratio(ts, f"aperture_sum_{name}") == pytest.approx(1.0, abs=0.2), name


class TestCosmicRays:
    def test_steps_of_groups(self):
        steps = (
            np.random.default_rng(3).poisson(np.stack([star(2000.0) + 20.0] * 72)).astype(float).reshape(18, 4, *SHAPE)
        )
        steps[7, 2, 27, 35] += 3000.0
        ramps = np.concatenate([np.zeros((18, 1, *SHAPE)), np.cumsum(steps, axis=1)], axis=1)
        ts = extract(ramps, ramp="groups", clean="temporal", read_noise=1.0, header={"TGROUP": 1.0, "TFRAME": 1.0})
        assert np.flatnonzero(ts["n_cleaned"]).tolist() == [7 * 4 + 2]

    def test_rows_without_a_sky_have_and_judge_none(self):
        data = images() + 940.0
        distance = np.hypot(np.arange(SHAPE[1]) - X, (np.arange(SHAPE[0]) - Y)[:, None])
        data[11][(distance > 11) & (distance < 17)] = np.nan
        ts = extract(data, clean="temporal", background=AnnulusBackground(12, 16), read_noise=30.0)
        assert ts["quality"][11] & QualityFlag.BACKGROUND_FAILED
        assert (ts["n_cleaned"] == 0).all()

    def test_pixels_that_are_mostly_bad_are_none(self):
        data = images()
        data[:, 27, 36] = np.nan
        data[::4, 27, 36] = 100.0
        data[20, 27, 36] = 1e5
        ts = extract(data, clean="temporal")
        assert (ts["n_cleaned"] == 0).all()

    def test_jump_of_the_telescope_is_none(self):
        data = images()
        data[20] = images(1, seed=8, image=star(x=X + 1.5, y=Y - 1.0))[0]
        assert extract(data, clean="temporal")["n_cleaned"][20] == 0

    def test_hits_beside_the_aperture_are_not_counted(self):
        data = images()
        data[5, 27, 46] += 4000.0
        ts = extract(data, clean="temporal", background=AnnulusBackground(9, 16), aperture_radii=[4])
        assert ts["n_cleaned"][5] == 0
        assert ts["quality"][5] == 0


def test_scatter_of_the_sky_gives_no_chi2():
    ts = extract(images(), gain=None, read_noise=None)
    assert ts.meta["error_source"] == "background scatter"
    assert np.isnan(ts["gauss_chi2"]).all()


def test_pixels_of_a_shape_are_those_where_it_sits():
    data = images()
    data[1::2] = images(20, seed=7, image=star(x=X + 5, y=Y))
    data[3, 28, 31] = np.nan  # within the ellipse of even rows alone
    ts = extract(data, aperture_radii=[], aperture_shapes={"small": EllipseShape(3.0, 2.5)})
    assert ts["quality"][3] == 0
    assert ts["n_replaced"][3] == 0


def test_width_that_is_no_star_s_does_not_scale_the_aperture():
    data = images()
    data[9] = images(1, seed=3, image=star(1000.0, sx=2.8, sy=2.2))[0]
    ts = extract(data, aperture_radii=[1.5], radius_unit="fwhm", center="median")
    assert ts["aperture_area_r1.5fwhm"][9].value == pytest.approx(
        np.median(ts["aperture_area_r1.5fwhm"].value), rel=0.1
    )


def test_one_range_of_groups_for_all_stars():
    two = star(1000.0) + star(2500.0, x=14.2, y=12.6)
    ramps = np.random.default_rng(2).poisson((np.arange(1, 7)[:, None, None] * (two + 5))[None], (6, 6, *SHAPE))
    header = {"TGROUP": 1.0, "TFRAME": 1.0}
    settings = {"group_range": "auto", "saturation": 9000.0, "read_noise": 5.0, "subframe_shape": (11, 11)}
    for order in (1, -1):
        ts = extract(ramps, header=header, position=[(X, Y), (14.2, 12.6)][::order], **settings)
        assert ts.meta["group_range"][1] == 2


def test_other_stars_are_no_sky_even_of_a_mean():
    data = images(image=star() + star(40000.0, x=13.0, y=11.0))
    sky = FrameBackground(estimator="mean", sigma_clip=None)
    ts = extract(data, position=[(X, Y), (13.0, 11.0)], background=sky)
    assert np.median(ts["background"].value) == pytest.approx(SKY, abs=0.3)


def test_errors_that_cannot_be_spoil_those_of_noise_pixels():
    data = images()
    errors = np.sqrt(data + 1)
    errors[4, 28, 34] = -1.0
    ts = extract(data, errors=errors, aperture_radii=[4])
    assert np.isnan(ts["beta_err"][4])
    assert np.isfinite(np.delete(ts["beta_err"].value, 4)).all()
    assert np.isfinite(ts["beta"].value).all()


def test_budget_of_stripes_is_what_they_add():
    n = 150
    data = images(n) + np.random.default_rng(9).normal(0, 15, (n, SHAPE[0], 1))
    ts = extract(data, aperture_radii=[6])
    parts = json.loads(ts.meta["noise_budget"])["r6"]
    flux = np.median(ts["aperture_sum_r6"].value)
    # The error of the sky's level holds 1/f noise too, which is in the aperture's part already.
    white = extract(images(n), aperture_radii=[6])
    sky = 1e6 * np.median(white["background_err"].value) * np.pi * 36 / flux
    total = np.sqrt(parts["photon"] ** 2 + parts["1/f"] ** 2 + sky**2)
    assert total == pytest.approx(1e6 * np.median(ts["aperture_sum_err_r6"].value) / flux, rel=0.05)


def test_covariance_of_steps_in_electrons():
    ramps = np.cumsum(np.random.default_rng(5).poisson(np.stack([star(300.0) + 5] * 4), (12, 4, *SHAPE)), axis=1) * 0.5
    settings = {"ramp": "groups", "gain": 2.0, "read_noise": 20.0, "aperture_radii": [3]}
    header = {"TGROUP": 1.0, "TFRAME": 1.0}
    native, electrons = (
        json.loads(extract(ramps, header=header, flux_unit=unit, **settings).meta["group_covariance"])["r3"]
        for unit in ("native", "electron")
    )
    assert electrons == pytest.approx(4.0 * native, rel=1e-12)


def test_rows_of_a_second_star_tell_no_stripes():
    data = images(30, image=star() + star(60000.0, x=14.0, y=12.0))
    data[::2] += star(3000.0, x=14.0, y=12.0)
    two = extract(data, striping="row", position=[(X, Y), (14.0, 12.0)], aperture_radii=[6])
    total = 2 * np.pi * 1.4 * 1.1 * 60000
    assert np.median(two["aperture_sum_r6_star2"][1::2].value) == pytest.approx(total, rel=2e-3)
    assert np.median(two["aperture_sum_r6_star2"][::2].value) == pytest.approx(total * 1.05, rel=2e-3)


def test_hole_where_the_gaussian_has_a_constant():
    data = np.random.default_rng(1).normal(star() + 1000.0, 5.0, (20, *SHAPE))
    hole = data.copy()
    hole[7, 28, 33] = np.nan
    settings = {"background": None, "fit_background": True, "read_noise": 5.0}
    clean, spoiled = extract(data, **settings), extract(hole, **settings)
    for name in ("x_cc", "y_cc"):
        assert abs(spoiled[name][7] - clean[name][7]) < 2 * clean[f"{name}_err"][7]


def test_stripes_without_other_noise_raise_no_warning():
    data = np.stack([star()] * 12) + np.random.default_rng(2).normal(0, 15, (12, SHAPE[0], 1))
    assert np.isfinite(extract(data, striping="row")["aperture_sum_r5"]).all()
