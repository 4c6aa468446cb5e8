"""What is wrong with a row is said by its bits, and nothing else is touched."""

import numpy as np
import pytest
from astropy.time import Time

from nircam_tso import AnnulusBackground, QualityFlag, TimeSeriesExtractor, good

SHAPE = (40, 52)
X, Y = 30.4, 18.7
N = 12


def cube(n=N, x=X, y=Y, seed=2):
    rng = np.random.default_rng(seed)
    yy, xx = np.indices(SHAPE)
    star = 2000 * np.exp(-((xx - x) ** 2 / 3.4 + (yy - y) ** 2 / 2.2))
    return star + 20 + rng.normal(0, 3, (n, *SHAPE))


TIMES = Time(60000 + np.arange(N) / 1000, format="mjd")


def extract(data, *, times=TIMES, errors=None, mask=None, **settings):
    settings = {"aperture_radii": [3, 5], "position": (30, 19), "gain": 2.0, "read_noise": 5.0, **settings}
    if errors is not None:
        settings["gain"] = settings["read_noise"] = None
    return TimeSeriesExtractor(**settings).extract(data, times=times, errors=errors, mask=mask)


def names(ts, row):
    return QualityFlag(int(ts["quality"][row])).names()


def numbers(ts, rows):
    return {
        name: np.asarray(getattr(ts[name], "value", ts[name]))[rows]
        for name in ts.colnames
        if not name.startswith("time")
    }


@pytest.fixture(scope="module")
def clean():
    return extract(cube())


def test_clean_series_has_no_bits(clean):
    assert (clean["quality"] == 0).all()
    assert good(clean).all()


def test_no_data():
    data = cube()
    data[4] = np.nan
    ts = extract(data)
    assert names(ts, 4) == ["NO_DATA"]
    assert len(ts) == N
    for name in ("background", "x_cc", "x_centroid", "x_gauss", "amplitude", "aperture_sum_r3", "psf_flux"):
        assert np.isnan(ts[name][4].value)
    # The rest is what it is without that integration, bit by bit.
    shorter = extract(np.delete(data, 4, axis=0), times=TIMES[[k for k in range(N) if k != 4]])
    a, b = numbers(ts, [k for k in range(N) if k != 4]), numbers(shorter, slice(None))
    for name in set(a) - {"integration"}:
        assert np.array_equal(a[name], b[name], equal_nan=a[name].dtype.kind == "f"), name


def test_all_integrations_without_data():
    ts = extract(np.full((N, *SHAPE), np.nan))
    assert all(names(ts, k) == ["NO_DATA"] for k in range(N))


@pytest.mark.parametrize("position", [None, (30, 19)])
def test_no_data_wherever_the_star_is_looked_for(position):
    ts = extract(np.full((N, *SHAPE), np.nan), position=position)
    assert all(names(ts, k) == ["NO_DATA"] for k in range(N))


def test_one_bad_pixel_is_replaced(clean):
    data = cube()
    data[4, 19, 31] = np.nan
    ts = extract(data)
    assert names(ts, 4) == ["NAN_IN_APERTURE"]
    assert ts["n_replaced"].tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
    change = abs(ts["aperture_sum_r5"][4].value / clean["aperture_sum_r5"][4].value - 1)
    # The pixel holds 8 % of the light, and is restored to its own noise.
    assert change < 0.005
    assert ts["aperture_sum_err_r5"][4] > 0


def test_one_bad_pixel_by_each_policy(clean):
    data = cube()
    data[4, 19, 31] = np.nan
    as_nan = extract(data, bad_pixels="nan")
    assert np.isnan(as_nan["aperture_sum_r3"][4])
    assert names(as_nan, 4) == ["NAN_IN_APERTURE"]
    np.testing.assert_array_equal(np.delete(as_nan["quality"], 4), 0)
    others = np.delete(as_nan["aperture_sum_r3"].value, 4)
    np.testing.assert_allclose(others, np.delete(clean["aperture_sum_r3"].value, 4), rtol=1e-5)
    ignored = extract(data, bad_pixels="ignore")
    assert ignored["aperture_area_r3"][4].value == pytest.approx(9 * np.pi - 1, rel=1e-12)
    assert ignored["aperture_sum_r3"][4] < 0.95 * clean["aperture_sum_r3"][4]


def test_bad_pixel_outside_the_aperture_changes_no_sum(clean):
    data = cube()
    data[4, 2, 3] = np.nan
    ts = extract(data)
    assert names(ts, 4) == []
    assert ts["aperture_sum_r3"][4].value == pytest.approx(clean["aperture_sum_r3"][4].value, rel=1e-3)


def test_constant_bad_pixel_is_left_out_everywhere():
    data = cube()
    data[:, 21, 30] = np.nan
    ts = extract(data, center="fixed")
    assert (ts["quality"] == 0).all()
    assert ts.meta["n_constant_bad"] == 1
    np.testing.assert_allclose(ts["aperture_area_r5"].value, 25 * np.pi - 1, rtol=1e-12)
    assert np.isfinite(ts["aperture_sum_r5"].value).all()


def test_single_image_with_a_bad_pixel_is_nan():
    data = cube(1)
    data[0, 19, 31] = np.nan
    ts = extract(data, times=TIMES[:1])
    assert names(ts, 0) == ["NAN_IN_APERTURE"]
    assert np.isnan(ts["aperture_sum_r3"][0])
    assert abs(ts["x_gauss"][0].value - X) < 0.05


def test_mask_is_a_bad_pixel():
    mask = np.zeros((N, *SHAPE), bool)
    mask[7, 18, 30] = True
    ts = extract(cube(), mask=mask)
    assert names(ts, 7) == ["NAN_IN_APERTURE"]


def test_partial_aperture():
    data = cube(x=3.6)
    ts = extract(data, position=(4, 19), aperture_radii=[3, 5])
    assert all(names(ts, k) == ["PARTIAL_APERTURE"] for k in range(N))
    assert np.isnan(ts["aperture_sum_r5"].value).all()
    # The smaller one lies within the frame.
    assert np.isfinite(ts["aperture_sum_r3"].value).all()


def test_errors_that_cannot_be(clean):
    errors = np.full((N, *SHAPE), 3.0)
    errors[3, 19, 30], errors[5, 18, 29], errors[6, 20, 31] = 0.0, -1.0, np.nan
    reference = extract(cube(), errors=np.full((N, *SHAPE), 3.0))
    ts = extract(cube(), errors=errors)
    for row in (3, 5, 6):
        assert names(ts, row) == ["ERR_INVALID"]
        assert ts["aperture_sum_r3"][row] == reference["aperture_sum_r3"][row]
        assert np.isnan(ts["aperture_sum_err_r3"][row])
    assert (ts["quality"][[0, 1, 2, 4, 7]] == 0).all()


def test_errors_of_which_none_is_valid():
    ts = extract(cube(), errors=np.full((N, *SHAPE), -1.0))
    assert all(names(ts, k) == ["ERR_INVALID"] for k in range(N))
    assert np.isfinite(ts["aperture_sum_r3"].value).all()
    for name in ("aperture_sum_err_r3", "x_gauss_err", "x_cc_err", "x_centroid_err", "psf_flux_err"):
        assert np.isnan(ts[name].value).all()


def test_background_without_pixels():
    data = cube()
    y, x = np.indices(SHAPE)
    distance = np.hypot(x - X, y - Y)
    ring = (distance > 9) & (distance < 16)
    data[4][ring] = np.nan
    ts = extract(data, background=AnnulusBackground(10, 15), subframe_shape=(13, 13))
    assert names(ts, 4) == ["BACKGROUND_FAILED"]
    assert np.isnan(ts["aperture_sum_r3"][4])
    assert np.isnan(ts["background"][4])
    assert abs(ts["x_cc"][4].value - X) < 0.5


def test_star_that_is_not_there():
    data = cube()
    data[4] = 20 + np.random.default_rng(9).normal(0, 3, SHAPE)
    ts = extract(data)
    assert {"FIT_FAILED", "FIT_SUSPECT"} & set(names(ts, 4))
    assert (np.delete(ts["quality"], 4) == 0).all()


def test_star_that_wanders_out():
    data = cube()
    yy, xx = np.indices(SHAPE)
    # A companion outside the stamp's reach that the correlation is led to step by step.
    data[4] = 20 + 2000 * np.exp(-((xx - 44.0) ** 2 / 3.4 + (yy - Y) ** 2 / 2.2))
    ts = extract(data, center="cross-correlation")
    assert {"CENTER_OUTSIDE", "FIT_FAILED"} & set(names(ts, 4))
    assert not good(ts)[4]
    assert np.isfinite(ts["aperture_sum_r3"][4])


def test_unknown_times():
    ts = extract(cube(), times=None)
    assert all(names(ts, k) == ["TIME_INVALID"] for k in range(N))
    assert np.asarray(ts["time"].mask).all()


@pytest.mark.parametrize("kind", ["flat", "zero", "negative", "one hot pixel"])
def test_nothing_to_fit_raises_nothing(kind):
    data = {
        "flat": np.full((N, *SHAPE), 5.0),
        "zero": np.zeros((N, *SHAPE)),
        "negative": -cube(),
        "one hot pixel": np.zeros((N, *SHAPE)),
    }[kind]
    if kind == "one hot pixel":
        data[:, 19, 30] = 1e5
    ts = extract(data)
    flagged = (ts["quality"] & int(QualityFlag.FIT_FAILED | QualityFlag.FIT_SUSPECT)) != 0
    assert flagged.all()
    # The stamp lies where the star was looked for, at most half its size away from the guess.
    for name, middle in (("x_cc", 30), ("y_cc", 19), ("x_gauss", 30), ("y_gauss", 19)):
        values = ts[name].value
        values = values[np.isfinite(values)]
        assert (np.abs(values - middle) <= 21.5).all()
    assert abs(ts.meta["position_x"] - 30) <= 11
    assert abs(ts.meta["position_y"] - 19) <= 11


def test_saturation_in_ramps():
    groups = np.cumsum(np.repeat(cube()[:, None] / 4, 5, axis=1), axis=1)
    steady = extract(groups, gain=None, read_noise=None, saturation=1700.0)
    # The same core pixels in every integration: left out, and normal for a bright star.
    assert all("SATURATED" in names(steady, k) for k in range(N))
    assert steady.meta["n_constant_bad"] > 0
    assert not steady.meta["saturation_varies"]
    groups[3] *= 1.3
    varying = extract(groups, gain=None, read_noise=None, saturation=1700.0)
    assert varying.meta["saturation_varies"]
    assert not good(varying)[3]


def test_last_unsaturated_group_serves_the_whole_series():
    groups = np.cumsum(np.repeat(cube()[:, None] / 4, 5, axis=1), axis=1)
    ts = extract(groups, gain=None, read_noise=None, saturation=1700.0, group_range="auto")
    peak = groups[..., 19, 30].max(axis=0)
    last = int(np.flatnonzero(groups.reshape(N, 5, -1).max(axis=(0, 2)) < 1700.0)[-1])
    assert peak[last] < 1700
    assert ts.meta["group_range"] == [0, last]
    assert not (ts["quality"] & int(QualityFlag.SATURATED)).any()
