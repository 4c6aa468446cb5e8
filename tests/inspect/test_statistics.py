"""Scatter, bins, Allan deviations and noise parts against their formulae."""

import json
import time

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from astropy.time import Time
from astropy.timeseries import aggregate_downsample

from nircam_tso.inspect.statistics import (
    allan,
    best_aperture,
    bin,  # noqa: A004
    correlation,
    normalize,
    photon_noise,
    scatter,
    summary,
)

# Scatter


@pytest.mark.parametrize("method", ["point-to-point", "mad", "std"])
def test_scatter_and_its_error_by_monte_carlo(method):
    rng = np.random.default_rng(10)
    found = [scatter(rng.normal(1.0, 3e-4, 400), method=method) for _ in range(600)]
    values = np.array([one.ppm for one in found])
    assert values.mean() == pytest.approx(300, rel=0.01)
    # 600 draws know their own spread to 3 %.
    assert values.std() == pytest.approx(np.mean([one.error_ppm for one in found]), rel=0.1)
    assert found[0].n == 400


def test_point_to_point_does_not_see_a_transit_or_outliers(series):
    ts = series(2000, noise=20.0)
    ts["aperture_sum_r5"][900:1100] *= 0.98
    ts["aperture_sum_r5"][::50] *= 1.5
    expected = 20.0 / 5e4 * 1e6
    found = scatter(ts, "aperture_sum_r5")
    assert found.ppm == pytest.approx(expected * 1.05, abs=4 * found.error_ppm)
    assert scatter(ts, "aperture_sum_r5", method="std").ppm > 10 * expected


def test_scatter_leaves_out_bad_rows(series):
    ts = series(50)
    clean = scatter(ts[10:])
    ts["quality"][:10] = 64
    ts["aperture_sum_r5"][:10] = 1e9 * u.DN
    assert scatter(ts) == clean
    assert clean.n == 40
    assert scatter(ts, rows=np.arange(50) >= 30).n == 20
    with pytest.raises(ValueError, match="method: 'rms'"):
        scatter(ts, method="rms")
    assert np.isnan(scatter(ts[10:12]).ppm)


def test_normalize(series):
    ts = series(100, psf_flux=np.linspace(1, 3, 100) * u.DN)
    ts["aperture_sum_r5"].info.description = "flux"
    result = normalize(ts)
    assert result["aperture_sum_r5"].unit == u.dimensionless_unscaled
    assert np.median(result["aperture_sum_r5"]) == 1
    assert result["aperture_sum_r5"].info.description == "flux"
    assert result.meta["level_psf_flux"] == 2.0
    level = result.meta["level_aperture_sum_r5"]
    np.testing.assert_allclose(result["aperture_sum_err_r5"].value, 50 / level)
    assert ts["aperture_sum_r5"].unit == u.DN
    assert result.colnames == ts.colnames
    only = normalize(ts, "psf_flux", rows=np.arange(100) < 1)
    assert only["psf_flux"][-1].value == 3.0
    assert only["aperture_sum_r5"].unit == u.DN
    ts["psf_flux"][:] = -1 * u.DN
    assert np.isnan(normalize(ts)["psf_flux"].value).all()
    assert normalize(ts).meta["level_psf_flux"] == "unknown"
    assert normalize([2.0, np.nan, 4.0, 6.0], rows=np.array([True, True, False, False])).tolist()[2] == 2.0
    with pytest.raises(ValueError, match="rows:"):
        normalize([1.0, 2.0], rows=[1])


# Bins


def test_bins_of_white_noise_fall_by_the_root(series):
    ts = series(10_000)
    binned = bin(ts, size=25)
    assert binned["n"].tolist() == [25] * 400
    np.testing.assert_allclose(binned["aperture_sum_err_r5"].value, 10.0)
    pull = (binned["aperture_sum_r5"].value - 5e4) / 10.0
    assert pull.std() == pytest.approx(1, abs=3 / np.sqrt(800))
    assert binned["exposure_time"][0] == 200 * u.s
    np.testing.assert_allclose((binned["time"] - ts["time"][0]).sec, 120 + 250 * np.arange(400), atol=1e-6)


def test_bins_are_those_of_astropy(series):
    rng = np.random.default_rng(5)
    ts = series(3000, cadence=7.3, x_gauss=rng.normal(20, 0.1, 3000) * u.pix)
    ts = ts[np.sort(rng.permutation(3000)[:1800])]
    ts = ts[(np.arange(1800) < 700) | (np.arange(1800) > 900)]
    ours = bin(ts, duration=2 * u.min)
    theirs = aggregate_downsample(ts, time_bin_size=2 * u.min)
    empty = np.isnan(theirs["x_gauss"].value)
    assert 0 < empty.sum() < len(theirs) / 2
    for name in ("aperture_sum_r5", "x_gauss"):
        np.testing.assert_allclose(ours[name].value, theirs[name].value[~empty], rtol=1e-12)
    assert ours["n"].sum() == len(ts)


@pytest.mark.slow
def test_bins_are_much_faster_than_astropy(series):
    ts = series(20_000, x_gauss=np.zeros(20_000) * u.pix, y_gauss=np.zeros(20_000) * u.pix)
    spent = []
    for function, keywords in ((bin, {"duration": 1 * u.min}), (aggregate_downsample, {"time_bin_size": 1 * u.min})):
        best = np.inf
        for _ in range(5):
            start = time.perf_counter()
            function(ts, **keywords)
            best = min(best, time.perf_counter() - start)
        spent.append(best)
    assert spent[0] < spent[1] / 4


def test_bins_respect_quality_gaps_and_unknown_values(series):
    ts = series(12, integration=np.arange(1, 13, dtype=np.int32), n_replaced=np.ones(12, np.int32))
    ts = ts[[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]
    ts["time"][6:] += 1 * u.hour
    ts["quality"][:] = [0, 64, 16, 0, 1024, 0, 0, 0, 0, 0]
    flux = np.arange(10.0)
    flux[7] = np.nan
    ts["aperture_sum_r5"] = flux * u.DN
    ts["aperture_sum_err_r5"][5] = np.nan
    ts["aperture_sum_err_r5"][7] = np.nan
    binned = bin(ts, size=4)
    # Row 1 is not good; after row 5 there is an hour.
    assert binned["n"].tolist() == [4, 1, 4]
    assert binned["aperture_sum_r5"].value.tolist() == [(0 + 2 + 3 + 4) / 4, 5.0, (6 + 8 + 9) / 3]
    np.testing.assert_allclose(binned["aperture_sum_err_r5"].value, [25.0, np.nan, 50 / np.sqrt(3)])
    assert binned["integration"].tolist() == [1, 6, 7]
    assert binned["n_replaced"].tolist() == [4, 1, 4]
    assert binned["quality"].tolist() == [16 | 1024, 0, 0]
    assert binned["quality"].dtype == np.uint32


def test_bins_of_times(series):
    ts = series(8)
    ts["time_start"], ts["time_end"] = ts["time"] - 4 * u.s, ts["time"] + 4 * u.s
    bjd = Time(ts["time"].jd1, ts["time"].jd2, format="jd", scale="tdb")
    bjd[3] = np.ma.masked
    bjd[4:] = np.ma.masked
    ts["time_bjd"] = bjd
    binned = bin(ts, size=4)
    assert (binned["time_start"][0] - ts["time_start"][0]).sec == pytest.approx(0, abs=1e-9)
    assert (binned["time_end"][1] - ts["time_end"][7]).sec == pytest.approx(0, abs=1e-9)
    assert binned["time_bjd"].mask.tolist() == [False, True]
    assert binned["time_bjd"].scale == "tdb"
    assert (binned["time_bjd"][0].unmasked - bjd[1].unmasked).sec == pytest.approx(0, abs=1e-9)
    # Rows without a time are in no bin of a duration.
    unknown = series(4)
    unknown["time"][1] = np.ma.masked
    assert bin(unknown, duration=1 * u.hour)["n"].tolist() == [3]
    assert bin(unknown, size=4)["n"].tolist() == [4]


def test_bins_of_odd_columns(series):
    ts = series(6, flat_err=np.full(6, 4.0), name=np.array(list("abcdef")), good=np.arange(6) > 2)
    for name in ("x_gauss", "x_gauss_err", "x_gauss_star2", "x_gauss_err_star2"):
        ts[name] = np.arange(6.0).astype(np.float32)
    ts["x_gauss_star2"][4] = np.nan
    binned = bin(ts, size=4)
    # An error that belongs to nothing is one of the mean, too.
    np.testing.assert_allclose(binned["flat_err"], [2.0, 4 / np.sqrt(2)])
    assert binned["name"].tolist() == ["a", "e"]
    assert binned["good"].tolist() == [False, True]
    assert binned["x_gauss"].dtype == np.float32
    np.testing.assert_allclose(binned["x_gauss_err"], [np.sqrt(14) / 4, np.sqrt(41) / 2], rtol=1e-6)
    np.testing.assert_allclose(binned["x_gauss_err_star2"], [np.sqrt(14) / 4, 5], rtol=1e-6)


def test_bins_at_unknown_times(series):
    ts = series(6)
    ts["time"][:] = np.ma.masked
    binned = bin(ts, size=4)
    assert binned["n"].tolist() == [4, 2]
    assert binned["time"].mask.all()
    assert len(bin(ts, duration=1 * u.min)) == 0


def test_bins_without_rows(series):
    ts = series(5)
    ts["quality"][:] = 1
    for keywords in ({"size": 2}, {"duration": 1 * u.min}):
        binned = bin(ts, **keywords)
        assert len(binned) == 0
        assert binned.colnames == [*ts.colnames, "n"]


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({}, "size, duration"),
        ({"size": 2, "duration": 1 * u.s}, "size, duration"),
        ({"size": 0}, "size: 0"),
        ({"size": 2.5}, "size: 2.5"),
        ({"duration": 3 * u.pix}, "duration: <Quantity 3. pix> is not a time"),
        ({"duration": -3 * u.s}, "duration"),
        ({"duration": 300}, "duration: 300 is not a time"),
        ({"duration": "soon"}, "duration: 'soon' is not a time"),
    ],
)
def test_bins_that_cannot_be(series, keywords, words):
    with pytest.raises(ValueError, match=words):
        bin(series(5), **keywords)


def test_binned_and_normalized_products_can_be_written(series, tmp_path):
    from nircam_tso import read, write

    ts = normalize(bin(series(40), size=4))
    again = read(write(ts, tmp_path / "a.h5"))
    assert again["n"].tolist() == [4] * 10
    assert again.meta["level_aperture_sum_r5"] == ts.meta["level_aperture_sum_r5"]


# Allan


def slope(curve):
    """Slope in logarithms and its error, from sizes far enough apart to be independent."""
    x, y, error = np.log(curve.size), np.log(curve.ppm), curve.error_ppm / curve.ppm
    (value, _), covariance = np.polyfit(x, y, 1, w=1 / error, cov="unscaled")
    return value, np.sqrt(covariance[0, 0])


@pytest.mark.parametrize("kind", ["rms", "allan"])
def test_white_noise_falls_with_the_root(kind):
    pulls = []
    for seed in range(40):
        flux = np.random.default_rng(seed).normal(1.0, 1e-4, 8192)
        value, error = slope(allan(flux, kind=kind, sizes=[1, 4, 16, 64, 256]))
        pulls.append((value + 0.5) / error)
    assert abs(np.mean(pulls)) < 4 / np.sqrt(40)
    assert np.std(pulls) < 1.4


def test_random_walk_rises_with_the_root():
    values = []
    for seed in range(20):
        flux = 1 + np.cumsum(np.random.default_rng(seed).normal(0, 1e-6, 8192))
        curve = allan(flux, kind="allan", sizes=[16, 32, 64, 128, 256])
        values.append(slope(curve)[0])
        # sigma^2(N) = q^2 (2 N^2 + 1) / (6 N) for a walk with steps q, sampled at each step.
    assert np.mean(values) == pytest.approx(0.5, abs=4 * np.std(values) / np.sqrt(20))
    walk = 1 + np.cumsum(np.random.default_rng(9).normal(0, 1e-6, 200_000))
    curve = allan(walk, kind="allan", sizes=[1, 10, 50])
    n = curve.size
    np.testing.assert_allclose(curve.ppm * np.median(walk), np.sqrt((2 * n**2 + 1) / (6 * n)), rtol=0.06)


@pytest.mark.parametrize("kind", ["rms", "allan"])
def test_errors_are_those_of_white_noise(kind):
    rng = np.random.default_rng(3)
    curves = [allan(1 + rng.normal(0, 1e-3, 1000), kind=kind, sizes=[1, 5, 25, 100]) for _ in range(400)]
    ppm = np.array([curve.ppm for curve in curves])
    np.testing.assert_allclose(ppm.mean(axis=0), 1000 / np.sqrt([1, 5, 25, 100]), rtol=0.06)
    quoted = np.mean([curve.error_ppm for curve in curves], axis=0)
    np.testing.assert_allclose(ppm.std(axis=0), quoted, rtol=0.2)


def test_rms_is_the_standard_deviation_of_means(series):
    ts = series(120)
    ts["quality"][7] = 64
    flux = np.delete(ts["aperture_sum_r5"].value, 7)
    curve = allan(ts, sizes=[6])
    means = flux[: 119 // 6 * 6].reshape(-1, 6).mean(axis=1)
    assert curve.ppm[0] == pytest.approx(means.std(ddof=1) / np.median(flux) * 1e6, rel=1e-12)
    assert curve.duration[0] == pytest.approx(60)
    assert curve.n_rows == 119
    assert curve.white_ppm[0] == pytest.approx(flux.std(ddof=1) / np.median(flux) * 1e6 / np.sqrt(6))
    assert curve.red_factor[0] == curve.ppm[0] / curve.white_ppm[0]
    sizes = allan(ts).size
    assert sizes[0] == 1 and sizes[-1] == 119 // 8 and np.all(np.diff(sizes) > 0)


def test_overlapping_deviation_by_its_definition():
    flux = 1 + np.random.default_rng(8).normal(0, 1e-3, 60)
    means = np.array([flux[i : i + 7].mean() for i in range(54)])
    expected = np.sqrt(np.mean((means[7:] - means[:-7]) ** 2) / 2) / np.median(flux) * 1e6
    assert allan(flux, kind="allan", sizes=[7]).ppm[0] == pytest.approx(expected, rel=1e-9)


def test_allan_refuses(series):
    with pytest.raises(ValueError, match="15 usable rows"):
        allan(series(15))
    with pytest.raises(ValueError, match="sizes: 10 to 10 are not within 1 to 9"):
        allan(series(20), sizes=[10])
    with pytest.raises(ValueError, match="sizes: .* are not numbers of rows"):
        allan(series(20), sizes=[1.5])
    with pytest.raises(ValueError, match="kind: 'oadev'"):
        allan(series(20), kind="oadev")


# Apertures and noise parts


def test_best_aperture_and_growth(series):
    rng = np.random.default_rng(6)
    columns = {}
    for radius, share, noise in ((8, 1.0, 90), (3, 0.8, 60), (5, 0.95, 40)):
        columns[f"aperture_sum_r{radius}"] = rng.normal(5e4 * share, noise, 1500) * u.DN
        columns[f"aperture_sum_err_r{radius}"] = np.full(1500, float(noise)) * u.DN
    columns["aperture_sum_hexagon"] = rng.normal(4e4, 400, 1500) * u.DN
    columns["aperture_sum_r4_star2"] = rng.normal(4e4, 1, 1500) * u.DN
    ts = series(1500)
    for name in ("aperture_sum_r5", "aperture_sum_err_r5"):
        ts.remove_column(name)
    for name, values in columns.items():
        ts[name] = values
        if "sum_r" in name and "star" not in name:
            ts[name][600:900] *= 0.97
    best = best_aperture(ts)
    assert best.name == "aperture_sum_r5" and best.radius == 5
    assert best.names == ["aperture_sum_r3", "aperture_sum_r5", "aperture_sum_r8", "aperture_sum_hexagon"]
    np.testing.assert_allclose(best.growth[:3], [0.8, 0.95, 1.0], rtol=1e-3)
    expected = np.array([60 / 4e4, 40 / 4.75e4, 90 / 5e4]) * 1e6
    assert np.all(np.abs(best.ppm[:3] - expected) < 4 * best.error_ppm[:3])
    np.testing.assert_allclose(best.quoted_ppm[:3], expected, rtol=1e-3)
    assert np.isnan(best.quoted_ppm[3])
    assert best_aperture(ts, star=2).name == "aperture_sum_r4_star2"
    out = (np.arange(1500) < 600) | (np.arange(1500) >= 900)
    assert best_aperture(ts, method="mad", rows=out).radius == 5
    with pytest.raises(ValueError, match="star 3 has no aperture_sum"):
        best_aperture(ts, star=3)


def test_photon_noise_by_unit(series):
    ts = series(99, noise=0.0, level=250_000.0)
    assert np.isnan(photon_noise(ts))
    ts.meta["provenance"] = json.dumps({"settings": {"gain": 1.6}})
    assert photon_noise(ts) == pytest.approx(1e6 / np.sqrt(400_000))
    ts["aperture_sum_r5"] = ts["aperture_sum_r5"] / u.s
    assert photon_noise(ts) == pytest.approx(1e6 / np.sqrt(8 * 400_000))
    ts["aperture_sum_r5"] = ts["aperture_sum_r5"].value * u.electron
    assert photon_noise(ts) == pytest.approx(2000)
    ts["aperture_sum_r5"] = ts["aperture_sum_r5"].value * u.Jy
    assert np.isnan(photon_noise(ts))
    ts.meta["noise_budget"] = json.dumps({"r5": {"photon": 123.0}})
    assert photon_noise(ts) == 123


def test_summary(series):
    ts = series(800, background_err=np.full(800, 0.2) * u.DN, psf_flux=np.full(800, np.nan) * u.DN)
    ts.meta["noise_budget"] = json.dumps({"r5": {"read": 300.0, "1/f": 40.0}})
    table = summary(ts)
    assert table["column"].tolist() == ["aperture_sum_r5", "psf_flux"]
    assert table["best"].tolist() == [True, False]
    assert table["flux"].unit == u.DN
    assert table["quoted"][0] == pytest.approx(1000, rel=1e-3)
    assert table["ratio"][0] == pytest.approx(1, abs=4 * 1.28 / np.sqrt(800))
    assert table["background"][0] == pytest.approx(0.2 * np.pi * 25 / 5e4 * 1e6, rel=1e-2)
    assert (table["read"][0], table["1/f"][0]) == (300, 40)
    assert np.isnan(table["scatter"][1]) and np.isnan(table["read"][1])
    # The sky's unit is another than that of the sums, and the factor is not told.
    ts["background_err"] = ts["background_err"].value * u.MJy / u.sr
    assert np.isnan(summary(ts)["background"][0])
    ts.meta["flux_factor"] = 2.0
    assert summary(ts)["background"][0] == pytest.approx(0.4 * np.pi * 25 / 5e4 * 1e6, rel=1e-2)
    assert len(summary(ts["time", "quality"])) == 0


def test_summary_of_some_rows(series):
    ts = series(800)
    ts["aperture_sum_r5"][400:] *= np.where(np.arange(400) % 2, 1.05, 0.95)
    quiet, whole = summary(ts, rows=np.arange(800) < 400), summary(ts)
    assert quiet["scatter"][0] == pytest.approx(1000, abs=4 * quiet["scatter_err"][0])
    assert whole["scatter"][0] > 10 * quiet["scatter"][0]


def test_correlation_of_a_named_light_curve(series):
    x = np.random.default_rng(5).normal(20, 0.02, 400)
    ts = series(400, x_gauss=x * u.pix)
    ts["aperture_sum_r8"] = ts["aperture_sum_r5"] * (1 + x - 20)
    assert abs(correlation(ts, "aperture_sum_r8")["pearson"][0]) > 0.99
    assert abs(correlation(ts, "aperture_sum_r5")["pearson"][0]) < 4 / np.sqrt(400)


def test_correlation(series):
    rng = np.random.default_rng(12)
    x, y = rng.normal(20, 0.02, 900), rng.normal(30, 0.05, 900)
    ts = series(900, x_gauss=x * u.pix, y_gauss=y * u.pix, fwhm=np.full(900, 2.0))
    ts["aperture_sum_r5"] = ts["aperture_sum_r5"] * (1 - 0.05 * (x - 20))
    table = correlation(ts)
    assert table["column"].tolist() == ["x_gauss", "y_gauss"]
    # Share of the variance: 1000 ppm by x, 1000 ppm of noise.
    assert table["pearson"][0] == pytest.approx(-np.sqrt(0.5), abs=0.06)
    assert table["effect"][0] == pytest.approx(-1000, abs=4 * 1000 / np.sqrt(900))
    assert table["p_value"][0] < 1e-20 < table["p_value"][1]
    one = correlation(ts, against=["fwhm", "y_gauss"], rows=np.arange(900) < 100)
    assert one["n"].tolist() == [100, 100]
    assert np.isnan(one["pearson"][list(one["column"]).index("fwhm")])
    with pytest.raises(ValueError, match="against: 'z'"):
        correlation(ts, against=["z"])


def test_masked_and_unitless_columns():
    table = QTable({"aperture_sum_r3": np.random.default_rng(1).normal(100, 1, 50)})
    assert summary(table)["column"].tolist() == ["aperture_sum_r3"]
    assert scatter(table).n == 50
