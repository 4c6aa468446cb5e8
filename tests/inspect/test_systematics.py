"""Tilts of known time and size, drifts of known scale, and coefficients put in by hand."""

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable

from nircam_tso.inspect.systematics import (
    Vectors,
    decorrelation_vectors,
    find_settling,
    find_tilts,
    linear_detrend,
)
from nircam_tso.inspect.tilts import shape_columns

# Tilts


def shapes(series, n=1200, *, seed=1, step=(), drift=0.0, **keywords):
    """Two widths and a component with white noise, and steps (row, sigmas)."""
    rng = np.random.default_rng(seed)
    t = np.linspace(0, 1, n)
    columns = {}
    for name, level, sigma, unit in (("x_stddev", 1.4, 0.002, u.pix), ("fwhm", 3.0, 0.004, u.pix), ("pc1", 0, 1e-4, 1)):
        values = rng.normal(level, sigma, n) + drift * sigma * t
        for row, sigmas in step:
            values[row:] += sigmas * sigma
        columns[name] = values * unit
    return series(n, seed=seed + 1, **columns, **keywords)


def test_a_step_of_known_time_and_size(series):
    ts = shapes(series, step=[(700, 3.0)])
    ts["aperture_sum_r5"][700:] *= 1 - 800e-6
    events = find_tilts(ts)
    assert len(events) == 1
    assert abs(events["row"][0] - 700) <= 3
    row = events["row"][0]
    middle = ts["time"][row - 1] + (ts["time"][row] - ts["time"][row - 1]) / 2
    assert abs((events["time"][0] - middle).sec) < 1e-6
    assert events["x_stddev_step"].unit == u.pix
    for name, size in (("x_stddev", 0.006 * u.pix), ("fwhm", 0.012 * u.pix), ("pc1", 3e-4)):
        assert abs(events[f"{name}_step"][0] - size) < 4 * events[f"{name}_step_err"][0]
    assert abs(events["flux_step"][0] + 800) < 4 * events["flux_step_err"][0]
    assert events["false_alarm"][0] < 1e-6


def test_sizes_and_times_over_many_steps(series):
    pulls, misses = [], []
    for seed in range(60):
        row = 300 + 10 * seed
        events = find_tilts(shapes(series, seed=seed, step=[(row, -4.0)]), ["x_stddev"], window=80)
        assert len(events) == 1
        misses.append(events["row"][0] - row)
        pulls.append((events["x_stddev_step"][0] + 0.008 * u.pix) / events["x_stddev_step_err"][0])
    assert np.median(np.abs(misses)) <= 1
    assert np.max(np.abs(misses)) <= 4
    # The place is chosen where the step looks largest, hence a bias below one sigma.
    assert np.std(pulls) < 1.2
    assert abs(np.mean(pulls)) < 1


@pytest.mark.parametrize("window", [None, 15])
def test_false_alarms_in_white_noise_are_no_more_than_promised(series, window):
    n, promised, tries = 500, 0.1, 200
    rng = np.random.default_rng(77)
    alarms = 0
    for _ in range(tries):
        ts = QTable({name: rng.normal(1, 0.1, n) for name in ("x_stddev", "y_stddev", "pc1")})
        alarms += len(find_tilts(ts, window=window, false_alarm=promised)) > 0
    assert alarms <= promised * tries + 3 * np.sqrt(promised * tries)
    # The formula is of use only if it is not far too careful.
    assert alarms > 0


def test_two_steps_and_bad_rows(series):
    ts = shapes(series, step=[(400, 4.0), (800, -4.0)])
    ts["quality"][500:520] = 64
    ts["x_stddev"][500:520] = 99 * u.pix
    ts["fwhm"][100] = np.nan
    ts["pc1"][900] = 5.0
    events = find_tilts(ts)
    assert len(events) == 2
    assert np.all(np.abs(events["row"] - [400, 800]) <= 3)


def test_a_drift_and_a_transit_are_no_tilt(series):
    ts = shapes(series, drift=30.0)
    ts["aperture_sum_r5"][500:700] *= 0.98
    assert len(find_tilts(ts)) == 0
    # Who asks for the flux gets its edges.
    assert len(find_tilts(ts, ["aperture_sum_r5"])) == 2


def test_tilts_where_there_is_little(series):
    ts = shapes(series, n=9)
    events = find_tilts(ts)
    assert len(events) == 0
    assert "fwhm_step_err" in events.colnames and events["fwhm_step"].unit == u.pix
    ts = shapes(series, n=100)
    ts["x_stddev"][:] = np.nan
    ts["pc1"][:] = 0.0
    assert shape_columns(ts) == ["fwhm", "pc1"]
    assert len(find_tilts(ts)) == 0
    ts["time"][:] = np.ma.masked
    ts["fwhm"][60:] += 1 * u.pix
    events = find_tilts(ts)
    assert events["row"].tolist() == [60]
    assert events["time"].mask.all()
    for keywords, words in (
        ({"window": 4}, "window: 4"),
        ({"window": 51}, "window: 51 .* 5 to 50"),
        ({"false_alarm": 0}, "false_alarm: 0"),
        ({"columns": ["z"]}, "columns: 'z'"),
        ({"column": "z"}, "column: 'z'"),
    ):
        with pytest.raises(ValueError, match=words):
            find_tilts(ts, **keywords)
    with pytest.raises(ValueError, match="no column of widths"):
        find_tilts(series(30))
    # Of a column that hardly a row knows nothing is said; the others are searched all the same.
    ts = shapes(series, n=100)
    ts["x_stddev"][5:] = np.nan
    ts["fwhm"][60:] += 1 * u.pix
    assert find_tilts(ts)["column"].tolist() == ["fwhm"]


def test_red_noise_is_no_chain_of_tilts():
    rng = np.random.default_rng(31)
    alarms = 0
    for _ in range(100):
        noise = rng.normal(size=(3, 700))
        for k in range(1, 700):
            noise[:, k] += 0.7 * noise[:, k - 1]
        ts = QTable({name: 2 + 1e-3 * values for name, values in zip(("x_stddev", "fwhm", "pc1"), noise, strict=True)})
        alarms += len(find_tilts(ts)) > 0
    assert alarms <= 10


# Settling


def test_settling_of_known_scale(series):
    amplitudes, scales = [], []
    for seed in range(30):
        ts = series(2000, seed=seed, noise=10.0)
        t = 10.0 * np.arange(2000)
        ts["aperture_sum_r5"] *= 1 + 1.5e-3 * np.exp(-t / 400) + 1e-4 * t / t[-1]
        found = find_settling(ts, limit=1 * u.hour)
        assert found.found
        amplitudes.append((found.amplitude_ppm - 1500) / found.amplitude_err_ppm)
        scales.append(found.timescale)
    # The grid of time scales adds to the quoted error, which is for the scale found.
    assert abs(np.mean(amplitudes)) < 0.5
    assert np.std(amplitudes) < 2
    assert np.median(scales) == pytest.approx(400, rel=0.15)
    # It is below 20 ppm (a tenth of the noise of 200) after 400 s x ln(75).
    assert found.duration == pytest.approx(400 * np.log(75), rel=0.3)
    assert found.n_rows == pytest.approx(found.duration / 10, abs=1)


def test_no_settling_in_white_noise_outliers_or_a_slope(series):
    hits = 0
    for seed in range(100):
        ts = series(600, seed=seed)
        ts["aperture_sum_r5"] *= np.linspace(1, 1.01, 600)
        ts["aperture_sum_r5"][0] *= 1.5
        found = find_settling(ts)
        hits += found.found
        assert found.found or (found.duration == 0 and np.isnan(found.timescale))
    assert hits == 0


def test_settling_of_some_rows_at_some_significance(series):
    ts = series(2000, seed=3, noise=10.0)
    ts["aperture_sum_r5"] *= 1 + 1.5e-3 * np.exp(-10.0 * np.arange(2000) / 400)
    found = find_settling(ts)
    assert found.found
    # It is what it is, whatever is asked of it.
    strict = find_settling(ts, threshold=found.significance + 1)
    assert not strict.found and strict.significance == found.significance and strict.n_rows == 0
    # What has died away is not found in the rows behind it.
    assert not find_settling(ts, rows=np.arange(2000) >= 400).found


def test_settling_refuses(series):
    with pytest.raises(ValueError, match="limit: 30 s hold 4 usable rows"):
        find_settling(series(600), limit=30 * u.s)
    with pytest.raises(ValueError, match="limit: .* is not a time"):
        find_settling(series(600), limit=30 * u.pix)
    ts = series(600)
    ts["time"][:] = np.ma.masked
    with pytest.raises(ValueError, match="limit: 0 s hold 0"):
        find_settling(ts)
    constant = series(600, noise=0.0)
    assert not find_settling(constant).found


# Detrending


def with_systematics(series, seed, n=400):
    rng = np.random.default_rng(seed)
    x, y, sky = rng.normal(20, 0.03, n), rng.normal(31, 0.01, n), 5 + np.linspace(0, 1, n) ** 2
    ts = series(n, seed=seed + 1000, x_gauss=x * u.pix, y_gauss=y * u.pix, background=sky * u.DN)
    ts["aperture_sum_r5"] *= 1 + 0.04 * (x - 20) - 0.1 * (y - 31) + 0.003 * (sky - 5)
    return ts


def test_coefficients_come_back_with_unit_pull(series):
    pulls = []
    for seed in range(150):
        ts = with_systematics(series, seed)
        vectors = decorrelation_vectors(ts)
        assert vectors.names == ["x_gauss", "y_gauss", "background"]
        result = linear_detrend(ts, vectors)
        level = np.median(ts["aperture_sum_r5"].value) / 5e4
        truth = np.array([0.04, -0.1, 0.003]) * vectors.scale / level
        pulls.append((result.coefficients[1:] - truth) / result.errors[1:])
        assert result.n_rows == 400
    pulls = np.array(pulls)
    assert np.all(np.abs(pulls.mean(axis=0)) < 4 / np.sqrt(150))
    np.testing.assert_allclose(pulls.std(axis=0), 1, atol=4 / np.sqrt(300))


def test_covariance_is_that_of_many_fits(series):
    first = with_systematics(series, 3)
    vectors = decorrelation_vectors(first, trend=1)
    rng = np.random.default_rng(5)
    found = []
    for _ in range(400):
        first["aperture_sum_r5"] = rng.normal(5e4, 50, 400) * u.DN
        result = linear_detrend(first, vectors)
        found.append(result.coefficients)
    expected = np.cov(np.array(found).T)
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    np.testing.assert_allclose(result.covariance / scale, expected / scale, atol=0.25)
    # Sky and time rise together, so that their coefficients go against each other.
    names = result.names
    assert result.covariance[names.index("background"), names.index("time")] < 0


def test_detrending_leaves_noise_and_fits_good_rows_only(series):
    ts = with_systematics(series, 7, n=2000)
    ts["quality"][:30] = 64
    ts["aperture_sum_r5"][:30] *= 3
    ts["x_gauss"][40] = np.nan
    out = (np.arange(2000) < 900) | (np.arange(2000) >= 1100)
    ts["aperture_sum_r5"][~out] *= 0.99
    result = linear_detrend(ts, decorrelation_vectors(ts, rows=out), rows=out)
    assert result.n_rows == 2000 - 200 - 31
    assert np.isnan(result.flux[40]) and np.isfinite(np.delete(result.flux, 40)).all()
    use = out & (np.arange(2000) >= 30) & (np.arange(2000) != 40)
    assert result.flux[use].std() == pytest.approx(1e-3, rel=0.05)
    np.testing.assert_allclose(result.flux[~out].mean(), 0.99, atol=4e-3 / np.sqrt(200))
    assert result.chi2 == pytest.approx(1, abs=4 * np.sqrt(2 / 1700))
    np.testing.assert_allclose(result.error[use], 1e-3, rtol=0.02)


def test_without_errors_the_residuals_tell(series):
    ts = with_systematics(series, 8, n=1000)
    quoted = linear_detrend(ts)
    ts["aperture_sum_err_r5"] *= 7
    larger = linear_detrend(ts)
    np.testing.assert_allclose(larger.errors, 7 * quoted.errors)
    ts["aperture_sum_err_r5"][3] = np.nan
    unknown = linear_detrend(ts)
    assert unknown.chi2 == 1
    np.testing.assert_allclose(unknown.errors, quoted.errors, rtol=0.1)


def test_vectors(series):
    ts = with_systematics(series, 9)
    ts["x_gauss"][5] = np.nan
    ts["quality"][6] = 64
    ts["x_gauss"][6] = 1e6 * u.pix
    ts["fwhm"] = np.full(400, 2.0)
    vectors = decorrelation_vectors(ts, ["x_gauss", "fwhm"], trend=2)
    assert vectors.names == ["x_gauss", "time", "time^2"]
    use = np.delete(np.arange(400), [5, 6])
    np.testing.assert_allclose(np.median(vectors.matrix[use, 0]), 0, atol=1e-12)
    np.testing.assert_allclose(vectors.matrix[use, 0].std(), 1)
    assert np.isnan(vectors.matrix[5, 0])
    np.testing.assert_allclose(vectors.matrix[:, 0] * vectors.scale[0] + vectors.centre[0], ts["x_gauss"].value)
    assert abs(np.corrcoef(vectors.matrix[use, 1], vectors.matrix[use, 2])[0, 1]) < 0.05
    with pytest.raises(ValueError, match="names: 'z'"):
        decorrelation_vectors(ts, ["z"])
    with pytest.raises(ValueError, match="trend: -1"):
        decorrelation_vectors(ts, trend=-1)


def test_detrending_refuses(series):
    ts = with_systematics(series, 2)
    vectors = decorrelation_vectors(ts)
    with pytest.raises(ValueError, match="vectors: have 400 rows, ts has 399"):
        linear_detrend(ts[:-1], vectors)
    twice = Vectors(["a", "b"], np.repeat(vectors.matrix[:, :1], 2, axis=1), np.zeros(2), np.ones(2))
    with pytest.raises(ValueError, match="vectors: a, b depend on each other"):
        linear_detrend(ts, twice)
    with pytest.raises(ValueError, match="4 usable rows are too few to fit 4"):
        linear_detrend(ts, vectors, rows=np.arange(400) < 4)
    ts["aperture_sum_r5"] *= -1
    with pytest.raises(ValueError, match="needs a positive one"):
        linear_detrend(ts, vectors, "aperture_sum_r5")


def test_a_tilted_segment_in_simulated_images(series):
    """From images to the event: a faint ghost of the star appears two pixels away, and stays."""
    from nircam_tso.measure.systematics import find_components, project_components

    n, row = 500, 310
    rows, columns = np.mgrid[:15, :19]

    def star(x, y):
        return 2e4 * np.exp(-((columns - x) ** 2) / (2 * 1.6**2) - (rows - y) ** 2 / (2 * 1.2**2))

    before, after = star(9.3, 6.8), 0.98 * star(9.3, 6.8) + 0.02 * star(11.3, 7.8)
    rng = np.random.default_rng(21)
    dimmed = np.where(np.abs(np.arange(n) - 150) < 40, 0.985, 1.0)[:, None, None]
    images = np.where((np.arange(n) < row)[:, None, None], before, after) * dimmed
    stamps = images + rng.normal(size=images.shape) * np.sqrt(images + 100)
    components = find_components(stamps[:: n // 60])
    found = project_components(stamps, components)
    ts = series(n, **{f"pc{k + 1}": found.value[:, k] for k in range(3)})
    events = find_tilts(ts)
    assert len(events) == 1
    assert abs(events["row"][0] - row) <= 3
    change = after / after.sum() - before / before.sum()
    for k in range(3):
        expected = (change * components.images[k]).sum()
        assert abs(events[f"pc{k + 1}_step"][0] - expected) < 4 * events[f"pc{k + 1}_step_err"][0]
