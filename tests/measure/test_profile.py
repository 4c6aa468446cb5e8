import math

import numpy as np
import pytest

from nircam_tso.measure.gaussian import evaluate_gaussians, fit_gaussians
from nircam_tso.measure.profile import FWHM_PER_STDDEV, gaussian_fwhm, star_profiles

SHAPE = (35, 43)


@pytest.fixture
def rng():
    return np.random.default_rng(20160507)


def stars(n, flux=1.0, sx=1.7, sy=2.6, theta=0.4, x=20.3, y=17.8):
    def all_of(value):
        return np.full(n, float(value))

    height = flux / (2 * math.pi * sx * sy)
    return evaluate_gaussians(SHAPE, all_of(height), all_of(x), all_of(y), all_of(sx), all_of(sy), all_of(theta))


def test_noise_pixels_of_known_images():
    # A flat patch has as many noise pixels as pixels, and one bright pixel has one.
    images = np.zeros((3, *SHAPE))
    images[0, 4:9, 10:17] = 7.5
    images[1, 3, 8] = 2.0
    images[2] = stars(1, flux=500.0)[0]
    profiles = star_profiles(images)
    # A well-sampled Gaussian: 4 pi sx sy.
    np.testing.assert_allclose(profiles.beta, [35, 1, 4 * math.pi * 1.7 * 2.6], rtol=1e-9)
    np.testing.assert_allclose(profiles.peak, [7.5, 2, images[2].max()], rtol=0)
    np.testing.assert_array_equal(profiles.n_good, [35 * 43] * 3)
    assert np.isnan(profiles.beta_err).all()


def test_window_and_bad_pixels(rng):
    images = rng.normal(10, 2, (4, *SHAPE))
    window = rng.random(images.shape) < 0.5
    bad = rng.random(images.shape) < 0.1
    variance = rng.uniform(0.1, 1, images.shape)
    dirty = np.where(bad | ~window, np.nan, images)
    noise = np.where(bad | ~window, np.nan, variance)
    for own, mask in ((window, bad), (window[1], bad), (window, bad[1]), (None, bad), (window, None)):
        values = images if own is None or mask is None else dirty
        profiles = star_profiles(images, window=own, bad=mask, variance=variance)
        for b in range(4):
            used = np.ones(SHAPE, bool)
            if own is not None:
                used &= np.broadcast_to(own, images.shape)[b]
            if mask is not None:
                used &= ~np.broadcast_to(mask, images.shape)[b]
            v = variance[b][used]
            total, squares = images[b][used].sum(), (images[b][used] ** 2).sum()
            assert profiles.beta[b] == pytest.approx((total**2 - v.sum()) / (squares - v.sum()), rel=1e-12)
            assert profiles.peak[b] == images[b][used].max()
            assert profiles.n_good[b] == used.sum()
        if values is dirty and own is window and mask is bad:
            same = star_profiles(dirty, window=own, bad=mask, variance=noise)
            for one, other in zip(profiles, same, strict=True):
                np.testing.assert_array_equal(one, other)


def test_error_is_the_derivatives_with_respect_to_each_pixel():
    image = stars(1, flux=2e4)[0] + 1.0
    variance = 3.0 + image / 2
    derivative = np.empty(SHAPE)
    step = 1e-3
    for j in range(SHAPE[0]):
        for i in range(SHAPE[1]):
            pair = np.stack([image, image])
            pair[0, j, i] -= step
            pair[1, j, i] += step
            low, high = pair.sum(axis=(1, 2)) ** 2 / (pair**2).sum(axis=(1, 2))
            derivative[j, i] = (high - low) / (2 * step)
    expected = math.sqrt((derivative**2 * variance).sum())
    profiles = star_profiles(image[None], variance=variance)
    # Of the noise's own squares there is 1e-3 in it, and of S and Q less their noise.
    assert profiles.beta_err[0] == pytest.approx(expected, rel=0.01)
    sky = star_profiles(image[None], variance=1e-12 * variance, background_err=[0.3])
    assert sky.beta_err[0] == pytest.approx(0.3 * abs(derivative.sum()), rel=1e-6)
    unknown = star_profiles(image[None], variance=variance, background_err=[np.nan])
    assert unknown.beta_err[0] == profiles.beta_err[0]


@pytest.mark.parametrize("flux", [3000.0, 20000.0])
def test_noise_pixels_are_unbiased_and_their_pull_is_one(rng, flux):
    n = 4000
    truth = stars(n, flux=flux)
    variance = 16.0 + truth[0] / 3
    images = truth + rng.normal(0, np.sqrt(variance), truth.shape)
    window = np.zeros(SHAPE, bool)
    window[3:33, 5:37] = True
    profiles = star_profiles(images, window=window, variance=variance)
    inside = truth[0][window]
    expected = inside.sum() ** 2 / (inside**2).sum()
    pull = (profiles.beta - expected) / profiles.beta_err
    # What is left of the bias is of second order in the noise.
    left = expected * (4 * variance[window] * inside**2).sum() / (inside**2).sum() ** 2
    assert abs(profiles.beta.mean() - expected) < left + 3.5 * profiles.beta.std() / math.sqrt(n)
    assert pull.std() == pytest.approx(1, abs=3.5 / math.sqrt(2 * n) + 0.02)
    # Without variances the noise's squares make the star seem sharper.
    raw = star_profiles(images, window=window).beta
    assert expected - raw.mean() > 10 * profiles.beta.std() / math.sqrt(n)


def test_background_error_comes_out(rng):
    n, sigma = 3000, 0.05
    truth = stars(n, flux=20000.0)
    images = truth + rng.normal(0, 1, truth.shape) + rng.normal(0, sigma, (n, 1, 1))
    profiles = star_profiles(images, variance=np.ones(SHAPE), background_err=np.full(n, sigma))
    pull = (profiles.beta - 4 * math.pi * 1.7 * 2.6) / profiles.beta_err
    assert pull.std() == pytest.approx(1, abs=3.5 / math.sqrt(2 * n) + 0.01)


def test_no_star_no_number():
    images = np.ones((6, *SHAPE))
    images[0, 4, 5] = np.nan
    images[1] *= -1
    images[2] *= 0
    images[4, 0, 0] = np.nan
    images[5] = stars(1, flux=900.0)[0]
    bad = np.zeros(images.shape, bool)
    bad[3] = True
    profiles = star_profiles(images, bad=bad, variance=np.full(SHAPE, 0.25))
    np.testing.assert_array_equal(np.isnan(profiles.beta), [True, True, True, True, True, False])
    np.testing.assert_array_equal(np.isnan(profiles.beta_err), [True, True, True, True, True, False])
    np.testing.assert_array_equal(profiles.peak, [np.nan, -1, 0, np.nan, np.nan, images[5].max()])
    np.testing.assert_array_equal(profiles.n_good, [1505, 1505, 1505, 0, 1505, 1505])
    # Noise as large as the values leaves nothing to weigh.
    assert np.isnan(star_profiles(images[5:], variance=np.full(SHAPE, 100.0)).beta[0])
    unknown = star_profiles(images[5:], variance=np.full(SHAPE, np.nan))
    assert np.isnan([unknown.beta[0], unknown.beta_err[0]]).all()
    assert unknown.peak[0] == images[5].max()
    with pytest.raises(ValueError, match="bad: shape"):
        star_profiles(images, bad=bad[:2])


def test_results_do_not_depend_on_the_block(rng):
    images = rng.normal(20, 3, (6, *SHAPE))
    variance, window = rng.uniform(1, 2, images.shape), rng.random(images.shape) < 0.7
    whole = star_profiles(images, window=window, variance=variance, background_err=np.full(6, 0.1))
    for b in range(6):
        s = slice(b, b + 1)
        part = star_profiles(images[s], window=window[s], variance=variance[s], background_err=[0.1])
        for one, other in zip(part, whole, strict=True):
            np.testing.assert_array_equal(one, other[s])


def test_width_of_a_round_star_is_its_full_width():
    fwhm, error = gaussian_fwhm([2.0, 1.0], [2.0, 4.0], np.array([np.eye(2), [[4.0, 1.0], [1.0, 9.0]]]))
    # A Gaussian falls to one half at half its full width.
    np.testing.assert_allclose(np.exp(-0.5 * (fwhm / 2 / 2.0) ** 2), 0.5, rtol=1e-12)
    # d sqrt(a b) = (b da + a db) / (2 sqrt(a b)).
    half = FWHM_PER_STDDEV / (2 * 2)
    expected = [half * math.sqrt(8), half * math.sqrt(16 * 4 + 9 + 2 * 4 * 1)]
    np.testing.assert_allclose(error, expected, rtol=1e-12)
    exchanged = gaussian_fwhm([2.0, 4.0], [2.0, 1.0], np.array([np.eye(2), [[9.0, 1.0], [1.0, 4.0]]]))
    np.testing.assert_array_equal(exchanged, (fwhm, error))


def test_width_without_a_fit_is_nan():
    covariance = np.full((3, 2, 2), np.nan)
    covariance[1] = [[1.0, -3.0], [-3.0, 1.0]]
    fwhm, error = gaussian_fwhm([np.nan, 2.0, -1.0], [1.0, 2.0, 1.0], covariance)
    np.testing.assert_array_equal(np.isnan(fwhm), [True, False, True])
    assert np.isnan(error).all()
    assert np.isnan(gaussian_fwhm([1.0], [1.0])[1]).all()


def test_width_of_fits_has_its_error(rng):
    n = 2000
    truth = stars(n, flux=4000.0, theta=0.3)
    images = truth + rng.normal(0, 2, truth.shape)
    fits = fit_gaussians(images, np.full(n, 20.0), np.full(n, 18.0), weights=np.full(SHAPE, 0.25))
    fwhm, error = gaussian_fwhm(fits.x_stddev, fits.y_stddev, fits.covariance[:, 3:5, 3:5])
    pull = (fwhm - FWHM_PER_STDDEV * math.sqrt(1.7 * 2.6)) / error
    assert abs(pull.mean()) < 3.5 / math.sqrt(n) + 0.03
    assert pull.std() == pytest.approx(1, abs=3.5 / math.sqrt(2 * n))


def test_error_of_a_star_hardly_above_its_noise():
    y, x = np.mgrid[:9, :9]
    star = 20 * np.exp(-((x - 4) ** 2 + (y - 4) ** 2) / 8)
    data = np.random.default_rng(1).normal(star, 4.0, (20000, 9, 9))
    exact = star_profiles(star[None], variance=np.full((9, 9), 1e-20)).beta[0]
    total, squares, v = star.sum(), (star**2).sum(), 16.0
    g = total / squares
    # What the formula gives for expected values: squares are larger by v in each pixel.
    seen = squares + 81 * v
    expected = 4 * g**2 * v * (81 - 2 * g * total + g**2 * seen) - 2 * g**4 * 81 * v**2
    found = star_profiles(data, variance=np.full((9, 9), v))
    assert exact == pytest.approx(total**2 / squares)
    assert np.nanmedian(found.beta_err) == pytest.approx(np.sqrt(expected), rel=0.05)
