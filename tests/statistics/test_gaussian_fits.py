"""A thousand random stars by our fit and by astropy's; errors of stars that are no Gaussians."""

import math
import warnings

import numpy as np
import pytest
from astropy.modeling.fitting import LMLSQFitter, TRFLSQFitter
from astropy.modeling.models import Gaussian2D

from nircam_tso.measure.gaussian import evaluate_gaussians, fit_gaussians
from nircam_tso.measure.gaussian.model import form_from_widths
from nircam_tso.simulate import weak_lens_psf

pytestmark = pytest.mark.slow

SHAPE = (17, 24)
NAMES = ("amplitude", "x", "y", "x_stddev", "y_stddev", "theta")


def random_stars(rng, n):
    """Round to 2.2 times as long as wide, at any angle, anywhere in the middle of the stamp."""
    mean, stretch = rng.uniform(0.9, 2.0, n), rng.uniform(1.0, math.sqrt(2.2), n)
    return {
        "amplitude": 10 ** rng.uniform(2, 4, n),
        "x": rng.uniform(9, 15, n),
        "y": rng.uniform(6, 10, n),
        "x_stddev": mean * stretch,
        "y_stddev": mean / stretch,
        "theta": rng.uniform(-math.pi / 2, math.pi / 2, n),
    }


def fit_with_astropy(fitter, start, image, weights):
    """From the true star, again and again until chi2 falls no more."""
    y, x = np.indices(image.shape).astype(float)
    good = np.isfinite(image) & (weights > 0)
    pixels, roots = (x[good], y[good], image[good]), np.sqrt(weights[good])
    model, best = Gaussian2D(*start), math.inf
    with warnings.catch_warnings():
        # At the minimum there is nothing left to gain, which the fitters may call a failure.
        warnings.simplefilter("ignore")
        for _ in range(8):
            model = fitter(model, *pixels, weights=roots, acc=1e-15, maxiter=2000)
            chi2 = np.sum((roots * (pixels[2] - model(*pixels[:2]))) ** 2)
            if best - chi2 <= 1e-14 * chi2:
                break
            best = chi2
    return model.parameters, min(best, chi2), fitter.fit_info["param_cov"]


def in_our_axes(values, covariance, theta):
    """Their star with our names of its axes: a quarter of a turn exchanges the widths."""
    values = values.copy()
    turns = round((values[5] - theta) / (math.pi / 2))
    values[5] -= turns * math.pi / 2
    order = [0, 1, 2, 4, 3, 5] if turns % 2 else list(range(6))
    signs = np.where(values[order] < 0, -1.0, 1.0)
    signs[[0, 1, 2, 5]] = 1.0
    return values[order] * signs, covariance[np.ix_(order, order)] * np.outer(signs, signs)


@pytest.mark.parametrize("fitter", [TRFLSQFitter, LMLSQFitter])
def test_thousand_stars_by_astropy(fitter):
    n = 1000
    rng = np.random.default_rng(501 if fitter is TRFLSQFitter else 502)
    stars = random_stars(rng, n)
    clean = evaluate_gaussians(SHAPE, **stars)
    variance = 9.0 + clean
    data = clean + np.sqrt(variance) * rng.standard_normal(clean.shape)
    # Every second star has holes, without a value or without a weight.
    holes = rng.random(data.shape) < 0.05
    holes[::2] = False
    data[holes & (rng.random(data.shape) < 0.5)] = np.nan
    weights = np.where(holes & np.isfinite(data), 0.0, 1 / variance)
    fits = fit_gaussians(data, stars["x"], stars["y"], weights=weights)
    assert not fits.status.any()
    elongated = 0
    for k in range(n):
        start = [stars[name][k] for name in NAMES]
        values, chi2, covariance = fit_with_astropy(fitter(calc_uncertainties=True), start, data[k], weights[k])
        theirs, covariance = in_our_axes(values, covariance, fits.theta[k])
        ours = np.array([getattr(fits, name)[k] for name in NAMES])
        assert ours[0] == pytest.approx(theirs[0], rel=1e-6)
        np.testing.assert_allclose(ours[1:3], theirs[1:3], rtol=0, atol=1e-6)
        np.testing.assert_allclose(form_from_widths(*ours[3:]), form_from_widths(*theirs[3:]), rtol=1e-6, atol=1e-6)
        model = evaluate_gaussians(SHAPE, *(ours[i : i + 1] for i in range(6)))[0]
        good = np.isfinite(data[k]) & (weights[k] > 0)
        own = np.sum(weights[k][good] * (data[k] - model)[good] ** 2)
        assert own <= chi2 * (1 + 1e-12)
        if abs(ours[3] / ours[4] - 1) > 0.02:
            elongated += 1
            assert abs(ours[5] - theirs[5]) < 1e-4
            scale = np.sqrt(np.diag(covariance))
            np.testing.assert_allclose(
                fits.covariance[k] / np.outer(scale, scale), covariance / np.outer(scale, scale), rtol=0, atol=1e-4
            )
    assert elongated > 0.9 * n


def pulls(data, truth, fits):
    return {name: (getattr(fits, name) - getattr(truth, name)[0]) / getattr(fits, f"{name}_err") for name in NAMES}


@pytest.mark.parametrize(
    ("waves", "trail", "shape"), [(0.0, 1.6, (21, 25)), (2.0, 0.0, (41, 45))], ids=["trailed", "defocused"]
)
def test_sandwich_is_right_where_the_model_is_not(waves, trail, shape):
    """A diffraction pattern: J^T W J takes it for a Gaussian, and errs by up to a quarter."""
    middle = ((shape[1] - 1) / 2 + 0.3, (shape[0] - 1) / 2 - 0.2)
    steps = np.linspace(-trail / 2, trail / 2, 9 if trail else 1)
    expected = 1e6 * np.mean(
        [weak_lens_psf(shape, waves=waves, position=(middle[0] + s, middle[1] + s / 2)) for s in steps], axis=0
    )
    variance = expected + 65
    n = 5000
    data = expected + np.sqrt(variance) * np.random.default_rng(503).standard_normal((n, *shape))
    settings = {"weights": 1 / variance, "fwhm0": 2.0}
    truth = fit_gaussians(expected[None], *middle, **settings)
    plain = fit_gaussians(data, *middle, **settings)
    sandwich = fit_gaussians(data, *middle, sandwich=True, **settings)
    assert np.median(sandwich.chi2) > 20
    for name in (*NAMES, "chi2", "status"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(sandwich, name))
    wrong = max(abs(values.std() - 1) for values in pulls(data, truth, plain).values())
    assert wrong > 0.12
    for name, values in pulls(data, truth, sandwich).items():
        assert abs(values.std() - 1) < 3.5 / np.sqrt(2 * n) + 0.01, name


@pytest.mark.parametrize("weighted", [True, False])
def test_sandwich_of_a_gaussian_is_the_plain_covariance(weighted):
    """Exactly without noise; on average with it."""
    star = {"amplitude": 300.0, "x": 12.3, "y": 8.4, "x_stddev": 1.6, "y_stddev": 1.1, "theta": 0.3}
    clean = evaluate_gaussians(SHAPE, **star)
    noisy = clean + np.random.default_rng(504).standard_normal((2000, *SHAPE))
    weights = np.ones(SHAPE) if weighted else None
    if weighted:
        one, other = (fit_gaussians(clean, 12, 8, weights=weights, sandwich=flag) for flag in (False, True))
        scale = np.sqrt(np.diag(one.covariance[0]))
        # The last step, below 1e-7 of the widths, moves the star, but not the derivatives.
        np.testing.assert_allclose((other.covariance - one.covariance)[0] / np.outer(scale, scale), 0, atol=1e-6)
    one, other = (fit_gaussians(noisy, 12, 8, weights=weights, sandwich=flag) for flag in (False, True))
    ratio = np.diagonal(other.covariance, axis1=1, axis2=2) / np.diagonal(one.covariance, axis1=1, axis2=2)
    np.testing.assert_allclose(np.median(ratio, axis=0), 1, atol=0.01)
    assert ratio.std(axis=0).max() < 0.05


def test_sandwich_with_background_and_a_fixed_angle():
    """Its own pulls, in the other sizes of the matrix."""
    shape = (25, 31)
    clean = 30 + 2e5 * np.mean([weak_lens_psf(shape, waves=0.0, position=(15.3 + s, 11.8)) for s in (-1, 0, 1)], axis=0)
    data = clean + np.sqrt(clean) * np.random.default_rng(505).standard_normal((3000, *shape))
    settings = {"weights": 1 / clean, "fit_background": True, "theta": 0.0, "sandwich": True}
    truth = fit_gaussians(clean[None], 15.0, 12.0, **settings)
    fits = fit_gaussians(data, 15.0, 12.0, **settings)
    for name in ("amplitude", "x", "y", "x_stddev", "y_stddev", "background"):
        values = (getattr(fits, name) - getattr(truth, name)[0]) / getattr(fits, f"{name}_err")
        assert abs(values.std() - 1) < 3.5 / np.sqrt(6000) + 0.01, name
