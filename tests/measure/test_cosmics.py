import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import erf

from nircam_tso.measure.cosmics import context, expected_noise, find_outliers, flux_scales, spare_moved_stars
from nircam_tso.measure.reference import sample_rows, series_reference

SHAPE = (26, 34)
CENTRE = (18.3, 12.8)


def gaussian(x0, y0, sigma):
    def share(n, c):
        edges = erf((np.arange(n + 1) - 0.5 - c) / (math.sqrt(2) * sigma))
        return 0.5 * np.diff(edges)

    return share(SHAPE[0], y0)[:, np.newaxis] * share(SHAPE[1], x0)


def distances():
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return np.hypot(x - CENTRE[0], y - CENTRE[1])


def star_series(n, *, jitter=0.0, peak=60000.0, sigma=0.8, seed=0, light_curve=None):
    """Integrations of a star with photon and read noise, their known sigma and true flux."""
    rng = np.random.default_rng(seed)
    light_curve = np.ones(n) if light_curve is None else light_curve
    flux = peak / gaussian(*np.round(CENTRE), sigma).max()
    places = rng.normal(0, jitter, (n, 2)) + CENTRE
    expected = np.stack([flux * f * gaussian(x, y, sigma) for f, (x, y) in zip(light_curve, places, strict=True)])
    noise = np.sqrt(expected + 15**2)
    return expected + rng.normal(size=expected.shape) * noise, noise


def reference_of(images):
    rows = sample_rows(len(images))
    return series_reference(images[rows], ~np.isfinite(images[rows]), distances() < 8)


def search(images, noise, **options):
    """As the extractor goes about it."""
    reference = reference_of(images)
    scales = flux_scales(images, reference.image, distances() < 8, scatter=reference.scatter)
    floor = expected_noise(noise**2, reference.scatter, reference.n_integrations)
    return find_outliers(images, scales, first=0, stop=len(images), noise=floor, **options)


def slow_outliers(images, scales, noise, window, sigma):
    """The definition, pixel by pixel with numpy."""
    n = len(images)
    values = images / scales[:, None, None]
    out = np.zeros(images.shape, bool)
    for i in range(n):
        first = min(max(i - window // 2, 0), max(n - window, 0))
        near = [j for j in range(first, min(first + window, n)) if j != i]
        for y, x in np.ndindex(images.shape[1:]):
            others = values[near, y, x]
            others = others[np.isfinite(others)]
            if others.size < 2 or not np.isfinite(values[i, y, x]):
                continue
            far = abs(values[i, y, x] - np.median(others))
            spread = 1.482602218505602 * np.median(abs(others - np.median(others)))
            known = noise[i, y, x] / scales[i]
            if spread <= known * (1 + 3 / math.sqrt(others.size)):
                spread = known
            limit = sigma * math.sqrt(1 + math.pi / (2 * others.size + math.pi - 2)) * max(known, spread)
            out[i, y, x] = far > limit
    return out


@pytest.mark.parametrize("window", [3, 4, 7, 11, 12, 60])
def test_it_is_what_it_says(window):
    rng = np.random.default_rng(window)
    images = rng.normal(100, 3, (25, 6, 7))
    images += (rng.random(images.shape) < 0.05) * rng.normal(0, 60, images.shape)
    images[rng.random(images.shape) < 0.1] = np.nan
    images[9] = np.nan
    images[:, 2, 3] = 7.0
    scales = rng.uniform(0.9, 1.1, 25)
    noise = rng.uniform(1, 4, images.shape)
    found = find_outliers(images, scales, first=0, stop=25, window=window, sigma=4, noise=noise)
    expected = slow_outliers(images, scales, noise, window, 4)
    np.testing.assert_array_equal(found, expected)
    assert found.sum() > 10


@pytest.mark.parametrize("window", [3, 7, 10, 11])
@pytest.mark.parametrize("step", [1, 2, 5, 16])
def test_results_do_not_depend_on_the_blocks(window, step):
    n = 37
    rng = np.random.default_rng(8)
    images = rng.normal(50, 2, (n, 5, 6)) + (rng.random((n, 5, 6)) < 0.04) * 40
    images[5, 2, 2] = np.nan
    bad = rng.random(images.shape) < 0.02
    scales = rng.uniform(0.97, 1.03, n)
    scales[11] = np.nan
    noise = rng.uniform(1.5, 2.5, images.shape)
    whole = find_outliers(images, scales, first=0, stop=n, window=window, bad=bad, noise=noise)
    assert whole.any()
    for first in range(0, n, step):
        stop = min(first + step, n)
        low, high = context(first, stop, n, window)
        here = slice(low, high)
        part = find_outliers(
            images[here],
            scales[here],
            first=first,
            stop=stop,
            start=low,
            n=n,
            window=window,
            bad=bad[here],
            noise=noise[here],
        )
        np.testing.assert_array_equal(part, whole[first:stop])


@settings(deadline=None, max_examples=200)
@given(st.integers(1, 60), st.integers(3, 70), st.data())
def test_context_is_enough_and_within_the_series(n, window, data):
    first = data.draw(st.integers(0, n - 1))
    stop = data.draw(st.integers(first + 1, n))
    low, high = context(first, stop, n, window)
    assert 0 <= low <= first
    assert stop <= high <= n
    # Never less than the window where the series has as many.
    assert high - low >= min(window, n)
    assert high - low <= max(stop - first + window - 1, window)
    images = np.zeros((high - low, 1, 1))
    assert not find_outliers(images, np.ones(high - low), first=first, stop=stop, start=low, n=n, window=window).any()


@pytest.mark.parametrize("window", [5, 11, 12])
@pytest.mark.parametrize("sigma", [3.0, 3.7])
def test_false_alarms_on_white_noise_are_those_of_a_gaussian(window, sigma):
    n = 400
    images = np.random.default_rng(17).normal(10, 2, (n, 40, 50))
    found = find_outliers(images, np.ones(n), first=0, stop=n, window=window, sigma=sigma, noise=np.full((40, 50), 2.0))
    expected = 2 * stats.norm.sf(sigma)
    # A scatter that is high by chance forgoes some; the median's error is no Gaussian's.
    assert 0.5 * expected < found.mean() < 1.3 * expected


@pytest.mark.slow
def test_false_alarms_at_five_sigma():
    count = size = 0
    rng = np.random.default_rng(23)
    for _ in range(20):
        images = rng.normal(0, 1, (500, 64, 64))
        found = find_outliers(images, np.ones(500), first=0, stop=500, noise=np.ones((64, 64)))
        count += found.sum()
        size += found.size
    expected = size * 2 * stats.norm.sf(5)
    # Some 23; Poisson's 3.5 sigma beside the factors of the test above.
    assert 0.5 * expected - 3.5 * math.sqrt(0.5 * expected) < count < 1.3 * expected + 3.5 * math.sqrt(1.3 * expected)


def test_scatter_alone_raises_as_many_false_alarms_as_said():
    images = np.random.default_rng(3).normal(0, 1, (400, 30, 40))
    rate = find_outliers(images, np.ones(400), first=0, stop=400).mean()
    assert rate == pytest.approx(0.008, rel=0.1)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("window", [7, 11])
def test_ten_sigma_hits_are_found(sign, window):
    images, noise = star_series(1000, seed=2)
    rng = np.random.default_rng(5)
    hit = (np.arange(1000), rng.integers(0, SHAPE[0], 1000), rng.integers(0, SHAPE[1], 1000))
    images[hit] += sign * 10 * noise[hit]
    found = search(images, noise, window=window)
    assert found[hit].mean() >= 0.99
    assert found.sum() - found[hit].sum() <= 4


@pytest.mark.parametrize("sigma", [0.75, 1.1])
@pytest.mark.parametrize("seed", [1, 2])
def test_jitter_raises_no_alarm_in_the_core(sigma, seed):
    images, noise = star_series(1500, jitter=0.03, sigma=sigma, seed=seed)
    core = distances() < 3
    reference = reference_of(images)
    # The steep pixels vary by several times their noise.
    assert (reference.scatter / noise.mean(axis=0))[core].max() > 4
    found = search(images, noise)
    # Of 900,000 pixels one is expected for white noise, of the core none.
    assert found[:, core].sum() <= 1
    assert found.sum() <= 4
    # Without the scatter of the series the window's alone would not do.
    scales = flux_scales(images, reference.image, distances() < 8, scatter=reference.scatter)
    assert find_outliers(images, scales, first=0, stop=len(images), noise=noise)[:, core].sum() > 50


def test_hits_in_a_core_that_jitters_are_found():
    images, noise = star_series(600, jitter=0.03, seed=3)
    clean = reference_of(images)
    strength = 10 * expected_noise(noise**2, clean.scatter, clean.n_integrations)
    rows = np.arange(7, 600, 3)
    y, x = np.nonzero(distances() < 3)
    which = np.random.default_rng(8).integers(0, len(y), len(rows))
    hit = (rows, y[which], x[which])
    images[hit] += strength[hit]
    found = search(images, noise)
    assert found[hit].mean() >= 0.99


def test_a_transit_raises_no_alarm():
    n = 300
    phase = np.abs(np.arange(n) - 150)
    light_curve = 1 - 0.02 * np.clip((70 - phase) / 3, 0, 1)
    # And an integration that lost a tenth of its light.
    light_curve[40] = 0.9
    images, noise = star_series(n, seed=4, light_curve=light_curve)
    assert search(images, noise).sum() <= 1
    # Unless nothing is scaled.
    unscaled = find_outliers(images, np.ones(n), first=0, stop=n, noise=noise)
    assert unscaled[40].sum() > 5


def test_scales_are_the_flux_whatever_hits_it():
    n = 200
    light_curve = 1 + 0.05 * np.sin(np.arange(n))
    images, noise = star_series(n, jitter=0.02, seed=6, light_curve=light_curve)
    window = distances() < 6
    reference = reference_of(images)
    scales = flux_scales(images, reference.image, window, scatter=reference.scatter)
    photons = math.sqrt((noise[0][window] ** 2).sum()) / images[0][window].sum()
    ratio = scales / light_curve
    assert (ratio / np.median(ratio)).std() < 1.4 * photons
    spoilt = images.copy()
    y, x = np.nonzero(distances() < 2.5)
    which = np.random.default_rng(1).integers(0, len(y), n)
    spoilt[np.arange(n), y[which], x[which]] += 3e6
    hit = flux_scales(spoilt, reference.image, window, scatter=reference.scatter)
    # The pixel that is left out takes its jitter along: below two per cent.
    np.testing.assert_allclose(hit, scales, rtol=0.02)
    bad = np.zeros(images.shape, bool)
    bad[np.arange(n), y[which], x[which]] = True
    told = flux_scales(spoilt, reference.image, window, bad=bad, scatter=reference.scatter)
    np.testing.assert_allclose(told, scales, rtol=0.02)
    # Without a scatter it is the median of the ratios.
    np.testing.assert_allclose(flux_scales(spoilt, reference.image, window), scales, rtol=0.06)
    for part in (slice(0, 1), slice(1, 70)):
        alone = flux_scales(spoilt[part], reference.image, window, scatter=reference.scatter)
        np.testing.assert_array_equal(alone, hit[part])


def test_scales_of_what_is_no_star():
    reference = np.zeros(SHAPE)
    images = np.random.default_rng(1).normal(0, 1, (3, *SHAPE))
    np.testing.assert_array_equal(flux_scales(images, reference, distances() < 6), [1, 1, 1])
    reference = 1000 * gaussian(*CENTRE, 1.0)
    images = np.stack([reference] * 4)
    images[1] = np.nan
    images[2] *= -1
    # A core that is gone tells no flux.
    images[3, distances() < 3] = np.nan
    scales = flux_scales(images, reference, distances() < 6, scatter=np.ones(SHAPE))
    np.testing.assert_allclose(scales, [1, np.nan, np.nan, np.nan], rtol=1e-12)


@pytest.mark.parametrize("n", [1, 2])
def test_short_series_have_no_outliers(n):
    images = np.zeros((n, 4, 5))
    images[0, 1, 2] = 1e6
    assert not find_outliers(images, np.ones(n), first=0, stop=n, noise=np.ones((4, 5))).any()


def test_three_integrations_are_enough_where_noise_is_known():
    images = np.zeros((3, 4, 5))
    images[1, 1, 2] = 100
    found = find_outliers(images, np.ones(3), first=0, stop=3, noise=np.ones((4, 5)))
    np.testing.assert_array_equal(np.argwhere(found), [[1, 1, 2]])


@pytest.mark.parametrize("window", [7, 8, 11])
@pytest.mark.parametrize("first", [0, 1, 14, 28])
def test_hits_in_two_successive_integrations_are_found(window, first):
    rng = np.random.default_rng(4)
    images = rng.normal(0, 1, (30, 20, 20))
    images[first : first + 2] += 20
    found = find_outliers(images, np.ones(30), first=0, stop=30, window=window, noise=np.ones((20, 20)))
    assert found[first : first + 2].mean() > 0.99
    assert found.sum() <= found[first : first + 2].sum() + 1


def test_what_lasts_is_no_outlier():
    rng = np.random.default_rng(4)
    images = rng.normal(0, 1, (60, 6, 7))
    images[:, 2, 3] += 1e5
    images[30:, 4, 1] += 50
    found = find_outliers(images, np.ones(60), first=0, stop=60, noise=np.ones((6, 7)))
    assert not found.any()


def test_what_is_bad_is_neither_judged_nor_compared_with():
    rng = np.random.default_rng(4)
    images = rng.normal(0, 1, (30, 6, 7))
    images[10:20:2, 2, 3] = 1e5
    images[12, 4, 4] = images[13, 1, 1] = 30
    bad = np.zeros(images.shape, bool)
    bad[10:20:2, 2, 3] = True
    bad[12, 4, 4] = True
    images[15] = np.nan
    images[16, 5, 5] = np.inf
    found = find_outliers(images, np.ones(30), first=0, stop=30, bad=bad, noise=np.ones((6, 7)))
    np.testing.assert_array_equal(np.argwhere(found), [[13, 1, 1]])
    everywhere = find_outliers(images, np.ones(30), first=0, stop=30, bad=bad.any(axis=0), noise=np.ones((6, 7)))
    np.testing.assert_array_equal(np.argwhere(everywhere), [[13, 1, 1]])
    # An integration without a flux has no outliers and makes none.
    scales = np.ones(30)
    scales[13], scales[20], scales[21] = np.nan, -1, 0
    assert not find_outliers(images, scales, first=0, stop=30, bad=bad, noise=np.ones((6, 7))).any()


def test_input_is_left_alone():
    images, noise = star_series(20)
    before = images.copy(), noise.copy()
    search(images, noise)
    np.testing.assert_array_equal(images, before[0])
    np.testing.assert_array_equal(noise, before[1])


def test_noise_is_the_largest_of_what_is_known():
    variance = np.array([[[4.0, 4.0, 4.0, 0.0, -1.0, np.nan]], [[9.0, 100.0, 4.0, np.inf, 4.0, 4.0]]])
    scatter = np.array([[2.5, 8.0, np.nan, 3.0, 3.0, 3.0]])
    expected = [[[2, 11, 2, 3, 3, 3]], [[3, 10, 2, 3, 4.125, 4.125]]]
    np.testing.assert_allclose(expected_noise(variance, scatter, 64), expected)
    np.testing.assert_array_equal(expected_noise(None, scatter, 64), scatter)


def test_a_star_that_jumps_is_spared():
    images, noise = star_series(40, seed=9)
    images[20] = np.roll(images[20], 1, axis=1)
    images[25, 12, 18] += 5000
    images[26, 3, 4] += 5000
    found = search(images, noise)
    assert found[20].sum() > 5
    reference = reference_of(images)
    spared = spare_moved_stars(found, reference.image, distances() < 8)
    np.testing.assert_array_equal(np.flatnonzero(spared), [20])
    np.testing.assert_array_equal(np.argwhere(found), [[25, 12, 18], [26, 3, 4]])
    assert not spare_moved_stars(np.ones((1, 3, 4), bool), np.zeros((3, 4)), np.ones((3, 4), bool)).any()


def test_arguments_are_checked():
    images, scales = np.zeros((9, 4, 5)), np.ones(9)
    for window in (2, 0, -3, 5.5):
        with pytest.raises(ValueError, match=f"window: {window} is not a whole number"):
            find_outliers(images, scales, first=0, stop=9, window=window)
    for first, stop in ((3, 3), (-1, 4), (2, 10)):
        with pytest.raises(ValueError, match="are not integrations of a series of 9"):
            context(first, stop, 9, 5)
    with pytest.raises(ValueError, match="integrations 10 to 18 are at hand, but 8 to 16 are needed"):
        find_outliers(images, scales, first=10, stop=15, start=10, n=40, window=5)
    for sigma in (0, -1, np.nan, np.inf):
        with pytest.raises(ValueError, match="sigma: "):
            find_outliers(images, scales, first=0, stop=9, sigma=sigma)
    with pytest.raises(ValueError, match="images: shape"):
        find_outliers(images[0], scales, first=0, stop=9)
    with pytest.raises(ValueError, match="scales: shape"):
        find_outliers(images, scales[:3], first=0, stop=9)
    with pytest.raises(ValueError, match="bad: shape"):
        find_outliers(images, scales, first=0, stop=9, bad=np.zeros((5, 4), bool))
    with pytest.raises(ValueError, match="noise: shape"):
        find_outliers(images, scales, first=0, stop=9, noise=np.zeros((3, 4, 5)))


def test_a_core_of_three_pixels_tells_nothing():
    reference = np.zeros((5, 6))
    reference[2, 1:4] = 100.0
    outliers = np.zeros((1, 5, 6), bool)
    outliers[0, 2, 1:4] = True
    assert not spare_moved_stars(outliers, reference, np.ones((5, 6), bool)).any()
    assert outliers.sum() == 3
