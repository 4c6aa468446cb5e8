"""Gaussian fits against astropy's fitters, closed forms, and stamps that hold no star."""

import math
import warnings

import numpy as np
import pytest
from astropy.modeling.fitting import LMLSQFitter, TRFLSQFitter
from astropy.modeling.models import Const2D, Gaussian2D, Moffat2D
from astropy.utils import minversion
from scipy.integrate import dblquad
from scipy.special import erf

from nircam_tso.measure.gaussian import evaluate_gaussians, fit_gaussians
from nircam_tso.measure.gaussian.model import form_from_widths, quadrature_tables
from nircam_tso.measure.gaussian.sums import assemble, sum_pixels
from nircam_tso.quality import QualityFlag

FAILED = int(QualityFlag.FIT_FAILED)
SUSPECT = int(QualityFlag.FIT_SUSPECT)
OUTSIDE = int(QualityFlag.CENTER_OUTSIDE)
DISTRUST = FAILED | SUSPECT

SHAPE = (17, 26)
VALUES = ("amplitude", "x", "y", "x_stddev", "y_stddev", "theta", "background")


def grid(shape):
    y, x = np.mgrid[: shape[0], : shape[1]].astype(float)
    return x, y


def random_stars(rng, n, shape=SHAPE, widths=(0.8, 2.0), ratio=1.6):
    """Parameters of stars within the middle of a frame, widths along x and y on either side."""
    mean = rng.uniform(*widths, n)
    stretch = rng.uniform(1.03, ratio, n) ** (0.5 * rng.choice([-1, 1], n))
    ny, nx = shape
    return {
        "amplitude": rng.uniform(50, 200, n),
        "x": rng.uniform(0.35 * nx, 0.65 * nx, n),
        "y": rng.uniform(0.35 * ny, 0.65 * ny, n),
        "x_stddev": mean * stretch,
        "y_stddev": mean / stretch,
        "theta": rng.uniform(-0.78, 0.78, n),
    }


def form(fits):
    """The quadratic forms' coefficients, which do not depend on how the axes are named."""
    return np.array([form_from_widths(*p) for p in zip(fits.x_stddev, fits.y_stddev, fits.theta, strict=True)])


# --- the model -------------------------------------------------------------------------


def test_image_is_that_of_astropy():
    stars = random_stars(np.random.default_rng(1), 5)
    images = evaluate_gaussians(SHAPE, **stars, background=3.0)
    x, y = grid(SHAPE)
    for k in range(5):
        model = Gaussian2D(*(stars[name][k] for name in VALUES[:6]))
        np.testing.assert_allclose(images[k], model(x, y) + 3.0, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("sx", "sy"), [(0.5, 0.7), (0.25, 1.4), (1.0, 0.9), (3.0, 9.0)])
def test_integrated_image_is_a_product_of_error_functions(sx, sy):
    x, y = 12.37, 6.81
    (image,) = evaluate_gaussians(SHAPE, 100.0, x, y, sx, sy, pixel_integrated=True)

    def profile(size, center, sigma):
        edges = (np.arange(size + 1) - 0.5 - center) / (sigma * math.sqrt(2))
        return sigma * math.sqrt(math.pi / 2) * np.diff(erf(edges))

    expected = 100.0 * profile(SHAPE[0], y, sy)[:, None] * profile(SHAPE[1], x, sx)
    np.testing.assert_allclose(image, expected, rtol=0, atol=1e-8)


def test_integrated_image_of_a_turned_star():
    x, y, sx, sy, theta = 12.37, 6.81, 0.5, 0.8, 0.6
    (image,) = evaluate_gaussians(SHAPE, 1.0, x, y, sx, sy, theta, pixel_integrated=True)
    model = Gaussian2D(1.0, x, y, sx, sy, theta)
    for j, i in ((7, 12), (6, 12), (7, 13), (8, 11), (5, 12)):
        value, _ = dblquad(lambda v, u: model(u, v), i - 0.5, i + 0.5, j - 0.5, j + 0.5, epsabs=1e-12)
        assert image[j, i] == pytest.approx(value, abs=1e-9)


def test_image_of_impossible_parameters_is_nan():
    images = evaluate_gaussians((4, 5), [1.0, np.nan, 1.0], 2.0, 1.0, [1.0, 1.0, -1.0], 1.0)
    assert np.isfinite(images[0]).all()
    assert np.isnan(images[1:]).all()


@pytest.mark.parametrize("integrated", [False, True])
def test_sums_and_derivatives_against_plain_numpy(integrated):
    rng = np.random.default_rng(2)
    nodes, node_weights = quadrature_tables()
    order = 6 if integrated else 1
    p = np.array([80.0, 11.3, 7.6, 0.9, 0.2, 0.5, 4.0])
    x, y = grid(SHAPE)
    weights = rng.uniform(0.5, 2.0, SHAPE) * (rng.random(SHAPE) > 0.1)
    data = rng.normal(30, 20, SHAPE)

    def moment(p, powers):
        total = np.zeros(SHAPE)
        for v, wv in zip(nodes[order, :order], node_weights[order, :order], strict=True):
            for u, wu in zip(nodes[order, :order], node_weights[order, :order], strict=True):
                dx, dy = x + u - p[1], y + v - p[2]
                g = np.exp(-0.5 * (p[3] * dx**2 + 2 * p[4] * dx * dy + p[5] * dy**2))
                total += wu * wv * g * dx ** powers[0] * dy ** powers[1]
        return total

    products, sums = np.zeros((7, 7)), np.zeros(16)

    def passes(p):
        return sum_pixels(
            data, weights, p, order, nodes, node_weights, np.zeros(SHAPE[1]), np.zeros((2, 16)), products, sums
        )

    residual = data - p[6] - p[0] * moment(p, (0, 0))
    assert passes(p) == pytest.approx(np.sum(weights * residual**2), rel=1e-12)
    powers = [(n - q, q) for n in range(5) for q in range(n + 1)]
    expected = [np.sum(weights * residual * moment(p, pq)) for pq in powers] + [np.sum(weights * residual)]
    np.testing.assert_allclose(sums, expected, rtol=1e-10, atol=1e-9 * np.abs(expected).max())
    fields = np.array([moment(p, pq) for pq in powers[:6]] + [np.ones(SHAPE)])
    expected = (weights * fields[:, None] * fields[None]).sum(axis=(2, 3))
    np.testing.assert_allclose(products, expected, rtol=1e-10, atol=1e-10)

    normal, hessian, gradient = np.empty((7, 7)), np.empty((7, 7)), np.empty(7)
    scratch, other = np.empty((7, 7)), np.empty((7, 7))
    room = np.full((2, 7, 7), np.nan)
    assemble(p, products, sums, room, normal, hessian, gradient)
    jacobian = np.empty((7, *SHAPE))
    for k in range(7):
        step = np.zeros(7)
        step[k] = 1e-5 * max(abs(p[k]), 1)
        chi2, ends, models = [], [], []
        for q in (p + step, p - step):
            chi2.append(passes(q))
            end = np.empty(7)
            assemble(q, products, sums, room, scratch, other, end)
            ends.append(end)
            models.append(q[6] + q[0] * moment(q, (0, 0)))
        assert gradient[k] == pytest.approx(-(chi2[0] - chi2[1]) / (4 * step[k]), rel=1e-5)
        np.testing.assert_allclose(hessian[k], -(ends[0] - ends[1]) / (2 * step[k]), rtol=2e-5, atol=1e-3)
        jacobian[k] = (models[0] - models[1]) / (2 * step[k])
    expected = (weights * jacobian[:, None] * jacobian[None]).sum(axis=(2, 3))
    np.testing.assert_allclose(normal, expected, rtol=1e-5, atol=1e-4)


# --- exactness -------------------------------------------------------------------------


@pytest.mark.parametrize("integrated", [False, True])
@pytest.mark.parametrize("background", [None, 40.0])
def test_noiseless_stars_are_exact(integrated, background):
    phase = np.linspace(-0.5, 0.5, 7)
    dx, dy = (a.ravel() for a in np.meshgrid(phase, phase))
    x, y = 15.0 + dx, 6.0 + dy
    truth = {"amplitude": 120.0, "x_stddev": 1.5, "y_stddev": 0.9, "theta": 0.35}
    stars = evaluate_gaussians(SHAPE, x=x, y=y, **truth, background=background or 0.0, pixel_integrated=integrated)
    fits = fit_gaussians(
        stars, 15.0, 6.0, pixel_integrated=integrated, fit_background=background is not None, weights=np.ones(SHAPE)
    )
    assert not fits.status.any()
    assert np.abs(fits.x - x).max() < 1e-9
    assert np.abs(fits.y - y).max() < 1e-9
    for name, value in truth.items():
        np.testing.assert_allclose(getattr(fits, name), value, rtol=1e-8, err_msg=name)
    np.testing.assert_allclose(fits.background, background or 0.0, atol=1e-8)
    assert fits.chi2.max() < 1e-15


@pytest.mark.parametrize(
    ("shape", "sigma"),
    [((11, 13), 0.5), ((21, 19), 0.5), ((21, 25), 1.0), ((41, 35), 5.0), ((91, 101), 20.0), ((181, 171), 40.0)],
)
@pytest.mark.parametrize("fwhm0", [2.0, 8.0])
def test_any_width_is_found(shape, sigma, fwhm0):
    x, y = 0.5 * shape[1] - 0.8, 0.5 * shape[0] + 0.3
    star = evaluate_gaussians(shape, 7.0, x, y, 1.2 * sigma, sigma, -0.5)
    fits = fit_gaussians(star, x + 0.3 * sigma, y - 0.3 * sigma, fwhm0=fwhm0)
    assert fits.status[0] == 0
    found = [fits.x[0], fits.y[0], fits.x_stddev[0], fits.y_stddev[0], fits.theta[0]]
    np.testing.assert_allclose(found, [x, y, 1.2 * sigma, sigma, -0.5], rtol=1e-8)


@pytest.mark.parametrize("theta", [-0.7853, -0.3, 0.0, 0.3, math.pi / 4])
@pytest.mark.parametrize("ratio", [0.6, 1.7])
def test_axis_nearer_x_has_the_name_x(theta, ratio):
    star = evaluate_gaussians(SHAPE, 10.0, 12.2, 8.1, 1.2 * ratio, 1.2, theta)
    turned = evaluate_gaussians(SHAPE, 10.0, 12.2, 8.1, 1.2, 1.2 * ratio, theta - math.pi / 2)
    fits = fit_gaussians(np.concatenate([star, turned]), 12.0, 8.0)
    if theta == math.pi / 4:
        # Exactly diagonal, rounding decides which axis is the nearer one.
        np.testing.assert_allclose(np.abs(fits.theta), theta, rtol=1e-10)
        return
    np.testing.assert_allclose(fits.theta, theta, atol=1e-10)
    np.testing.assert_allclose(fits.x_stddev, 1.2 * ratio, rtol=1e-10)
    np.testing.assert_allclose(fits.y_stddev, 1.2, rtol=1e-10)


# --- against astropy's fitters -----------------------------------------------------------


def astropy_fit(fitter, star, image, weights=None, background=False, fixed=()):
    x, y = grid(image.shape)
    model = Gaussian2D(*star, fixed=dict.fromkeys(fixed, True))
    if background:
        model = model + Const2D(0.0)
    weights = np.ones(image.size) if weights is None else weights.ravel()
    # Flat, because the fitters take len(y) for the number of pixels where they scale a covariance.
    pixels = x.ravel(), y.ravel(), image.ravel()
    given = {} if (weights == 1).all() else {"weights": np.sqrt(weights)}
    with warnings.catch_warnings():
        # At the minimum there is nothing left to gain, which the fitters may call a failure.
        warnings.simplefilter("ignore")
        # They stop when chi2 changes by less than 1e-8, whatever `acc`: again, then, from there.
        for _ in range(8):
            model = fitter(model, *pixels, acc=1e-15, maxiter=2000, **given)
    residual = pixels[2] - model(*pixels[:2])
    return model, np.sum(weights * residual**2), fitter.fit_info["param_cov"]


@pytest.mark.parametrize("fitter", [TRFLSQFitter, LMLSQFitter])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("background", [False, True])
def test_agrees_with_astropy(fitter, weighted, background):
    if background and not minversion("astropy", "8.0.2"):
        pytest.skip("older astropy differentiates a sum of models by one-sided steps: its fit ends too early")
    rng = np.random.default_rng(5)
    n = 12
    stars = random_stars(rng, n)
    clean = evaluate_gaussians(SHAPE, **stars)
    variance = 4.0 + clean
    data = clean + np.sqrt(variance) * rng.normal(size=clean.shape) + (20.0 if background else 0.0)
    weights = 1 / variance if weighted else None
    fits = fit_gaussians(data, stars["x"], stars["y"], weights=weights, fit_background=background)
    assert not fits.status.any()
    size = 7 if background else 6
    assert fits.covariance.shape == (n, size, size)
    degrees = SHAPE[0] * SHAPE[1] - size
    for k in range(n):
        start = [stars[name][k] for name in VALUES[:6]]
        fitted, chi2, covariance = astropy_fit(
            fitter(calc_uncertainties=True), start, data[k], weights[k] if weighted else None, background
        )
        theirs = fitted.parameters
        assert fits.amplitude[k] == pytest.approx(theirs[0], rel=1e-6)
        assert fits.x[k] == pytest.approx(theirs[1], abs=1e-6)
        assert fits.y[k] == pytest.approx(theirs[2], abs=1e-6)
        np.testing.assert_allclose(form(fits)[k], form_from_widths(*theirs[3:6]), rtol=1e-6, atol=1e-6)
        # Exchanging the axes turns theta by a right angle.
        if abs(theirs[3] / theirs[4] - 1) > 0.02:
            assert abs(math.sin(2 * (fits.theta[k] - theirs[5]))) < 2e-4
        if background:
            assert fits.background[k] == pytest.approx(theirs[6], rel=1e-6)
        if abs(fits.theta[k] - theirs[5]) < 0.1:
            scale = np.sqrt(np.diag(covariance))
            np.testing.assert_allclose(
                fits.covariance[k] / np.outer(scale, scale), covariance / np.outer(scale, scale), atol=1e-4
            )
        model = evaluate_gaussians(SHAPE, *(getattr(fits, name)[k] for name in VALUES))[0]
        ours = np.sum((weights[k] if weighted else 1.0) * (data[k] - model) ** 2)
        assert ours <= chi2 * (1 + 1e-9)
        if weighted:
            assert fits.chi2[k] == pytest.approx(ours / degrees, rel=1e-9)
        else:
            assert np.isnan(fits.chi2[k])


def test_fixed_angle_agrees_with_astropy():
    rng = np.random.default_rng(6)
    star = (90.0, 13.2, 7.7, 1.7, 1.1, 0.4)
    data = evaluate_gaussians(SHAPE, *star) + rng.normal(size=(1, *SHAPE))
    weights = np.full(SHAPE, 0.7)
    fits = fit_gaussians(data, 13.0, 8.0, weights=weights, theta=0.4)
    fitted, chi2, covariance = astropy_fit(
        TRFLSQFitter(calc_uncertainties=True), star, data[0], weights, fixed=("theta",)
    )
    for name, value in zip(VALUES[:6], fitted.parameters, strict=False):
        assert getattr(fits, name)[0] == pytest.approx(value, rel=1e-7), name
    np.testing.assert_allclose(fits.covariance[0, :5, :5], covariance, rtol=1e-4, atol=1e-8)
    assert not fits.covariance[0, 5].any()
    assert not fits.covariance[0, :, 5].any()
    assert fits.chi2[0] == pytest.approx(chi2 / (weights.size - 5), rel=1e-9)

    turned = fit_gaussians(data, 13.0, 8.0, weights=weights, theta=0.4 - math.pi / 2)
    assert turned.theta[0] == pytest.approx(0.4)
    assert turned.x_stddev[0] == pytest.approx(fits.x_stddev[0], rel=1e-10)


def test_star_that_is_no_gaussian_converges_as_fast():
    x, y = grid((21, 21))
    data = Moffat2D(100.0, 10.3, 9.6, 1.6, 2.2)(x, y)[None]
    fits = fit_gaussians(data, 10.0, 10.0)
    fitted, chi2, _ = astropy_fit(TRFLSQFitter(calc_uncertainties=True), (90.0, 10.3, 9.6, 1.2, 1.2, 0.0), data[0])
    model = evaluate_gaussians((21, 21), *(getattr(fits, name) for name in VALUES))
    assert fits.status[0] == 0
    assert fits.iterations[0] <= 7
    assert fits.x[0] == pytest.approx(10.3, abs=1e-2)
    assert fits.amplitude[0] == pytest.approx(fitted.amplitude.value, rel=1e-6)
    assert np.sum((data - model) ** 2) <= chi2 * (1 + 1e-9)


# --- errors ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["weights", "no weights", "background", "integrated"])
def test_errors_are_one_sigma(kind):
    rng = np.random.default_rng(7)
    n = 400 if kind == "integrated" else 3000
    truth = {"amplitude": 100.0, "x": 12.3, "y": 8.4, "x_stddev": 1.6, "y_stddev": 1.1, "theta": 0.3, "background": 0.0}
    integrated = kind == "integrated"
    clean = evaluate_gaussians(SHAPE, **truth, pixel_integrated=integrated)
    data = clean + rng.normal(size=(n, *SHAPE))
    fits = fit_gaussians(
        data,
        12.3,
        8.4,
        weights=np.ones(SHAPE) if kind == "weights" else None,
        fit_background=kind == "background",
        pixel_integrated=integrated,
    )
    assert not fits.status.any()
    for name in VALUES[: 7 if kind == "background" else 6]:
        pull = (getattr(fits, name) - truth[name]) / getattr(fits, f"{name}_err")
        assert abs(np.mean(pull)) < 5 / math.sqrt(n), name
        assert np.std(pull) == pytest.approx(1, abs=4 / math.sqrt(2 * n)), name
    if kind == "weights":
        assert np.mean(fits.chi2) == pytest.approx(1, abs=5 * math.sqrt(2 / (n * data[0].size)))


def test_round_star_has_no_angle():
    shape = (15, 21)
    star = evaluate_gaussians(shape, 100.0, 10.0, 7.0, 1.3, 1.3)
    rng = np.random.default_rng(8)
    data = np.concatenate([star, star + rng.normal(size=star.shape)])
    fits = fit_gaussians(data, 10.0, 7.0, weights=np.ones(shape))
    assert not fits.status.any()
    assert (fits.theta_err > 0.3).all()
    others = fits.covariance[:, :5, :5]
    assert np.isfinite(others).all()
    np.testing.assert_allclose(np.sqrt(others[0, 3, 3]), np.sqrt(others[1, 4, 4]), rtol=0.03)


def test_exactly_round_star_has_an_infinite_error_of_the_angle():
    shape = (15, 21)
    star = evaluate_gaussians(shape, 100.0, 10.0, 7.0, 1.3, 1.3)
    fits = fit_gaussians(star, 10.0, 7.0, weights=np.ones(shape))
    assert fits.theta_err[0] > 1e3
    assert not np.isnan(fits.covariance).any()
    # For any width: the sum of dx**2 exp(-r**2 / sigma**2) is pi sigma**4 / 2.
    assert fits.x_err[0] == pytest.approx(math.sqrt(2 / math.pi) / 100, rel=1e-3)


# --- pixels that are left out ------------------------------------------------------------


def test_ways_to_leave_out_a_pixel_are_one():
    rng = np.random.default_rng(9)
    stars = random_stars(rng, 4)
    data = evaluate_gaussians(SHAPE, **stars) + rng.normal(size=(4, *SHAPE))
    weights = rng.uniform(0.5, 1.5, SHAPE)
    out = rng.random((4, *SHAPE)) < 0.05
    start = stars["x"], stars["y"]
    marked = fit_gaussians(np.where(out, 1e6, data), *start, weights=weights, bad=out)
    each = np.broadcast_to(weights, data.shape)
    variants = [
        fit_gaussians(np.where(out, np.nan, data), *start, weights=weights),
        fit_gaussians(np.where(out, -np.inf, data), *start, weights=weights),
        fit_gaussians(data, *start, weights=np.where(out, 0.0, each)),
        fit_gaussians(data, *start, weights=np.where(out, np.nan, each)),
        fit_gaussians(data, *start, weights=np.where(out, -1.0, each)),
    ]
    assert not marked.status.any()
    for fits in variants:
        for name in (*VALUES, "covariance", "chi2", "status"):
            np.testing.assert_array_equal(getattr(fits, name), getattr(marked, name), err_msg=name)
    whole = fit_gaussians(data, *start, weights=weights)
    assert (whole.x != marked.x).all()
    assert np.abs((marked.x - stars["x"]) / marked.x_err).max() < 5


def test_missing_core_does_not_mislead():
    star = evaluate_gaussians(SHAPE, 100.0, 12.3, 8.4, 2.5, 2.0, 0.2)
    star[0, 7:10, 11:14] = np.nan
    fits = fit_gaussians(star, 12.0, 8.0)
    assert fits.status[0] == 0
    np.testing.assert_allclose([fits.x[0], fits.y[0], fits.x_stddev[0]], [12.3, 8.4, 2.5], rtol=1e-8)


# --- what to distrust --------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(11, 11), (15, 31), (21, 21)])
@pytest.mark.parametrize("kind", ["no weights", "weights", "background", "fixed angle"])
def test_noise_is_distrusted(shape, kind):
    rng = np.random.default_rng(10)
    data = 3.0 * rng.normal(size=(400, *shape))
    fits = fit_gaussians(
        data,
        0.5 * (shape[1] - 1) + rng.normal(0, 0.5, 400),
        0.5 * (shape[0] - 1),
        weights=np.full(shape, 1 / 9.0) if kind == "weights" else None,
        fit_background=kind == "background",
        theta=0.2 if kind == "fixed angle" else None,
    )
    assert np.mean(fits.status & DISTRUST != 0) > 0.98


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_good_stars_are_trusted(background, weighted):
    rng = np.random.default_rng(11)
    n = 4000
    stars = random_stars(rng, n, (21, 21), widths=(1.0, 2.5), ratio=1.3)
    clean = evaluate_gaussians((21, 21), **stars | {"amplitude": 1.0})
    clean *= (20 / np.sqrt((clean**2).sum(axis=(1, 2))))[:, None, None]
    data = clean + rng.normal(size=clean.shape)
    fits = fit_gaussians(
        data,
        stars["x"] + rng.normal(0, 0.2, n),
        stars["y"] + rng.normal(0, 0.2, n),
        fit_background=background,
        weights=np.ones((21, 21)) if weighted else None,
    )
    assert np.mean(fits.status != 0) < 1e-3
    trusted = fits.status == 0
    assert np.abs((fits.x - stars["x"]) / fits.x_err)[trusted].max() < 6


def test_stamps_without_a_star():
    rng = np.random.default_rng(12)
    y, x = np.mgrid[:21, :25]
    nothing = {
        "zero": np.zeros((21, 25)),
        "flat": np.full((21, 25), 7.3),
        "all NaN": np.full((21, 25), np.nan),
        "negative flat": np.full((21, 25), -5.0),
        "slope": 1.0 * x + 2.0 * y,
        "one hot pixel": np.where((x == 12) & (y == 10), 1e4, 0.0) + rng.normal(size=(21, 25)),
        "hot column": np.where(x == 12, 100.0, 0.0) + rng.normal(size=(21, 25)),
        "huge": np.where((x == 12) & (y == 10), 1e300, 0.0),
        "six good pixels": np.where((x < 3) & (y < 2), 1.0, np.nan),
        "negative star": evaluate_gaussians((21, 25), -100.0, 12.3, 9.8, 1.4, 1.2)[0],
    }
    for kind, settings in (
        ("", {}),
        (" with background", {"fit_background": True}),
        (" integrated", {"pixel_integrated": True}),
    ):
        fits = fit_gaussians(np.stack(list(nothing.values())), 12.0, 10.0, **settings)
        for k, name in enumerate(nothing):
            assert fits.status[k] & DISTRUST, name + kind
            if fits.status[k] & FAILED:
                assert np.isnan([getattr(fits, value)[k] for value in VALUES]).all(), name + kind
                assert np.isnan(fits.covariance[k]).all(), name + kind
            else:
                assert -0.5 <= fits.x[k] <= 24.5, name + kind
                assert -0.5 <= fits.y[k] <= 20.5, name + kind


def test_saturated_star_with_a_hollow_core():
    star = evaluate_gaussians((21, 25), 1000.0, 12.4, 9.7, 2.6, 2.3)[0]
    clipped = np.minimum(star, 500.0)
    hollow = np.where(star > 500.0, 0.0, star)
    hollow[11, 14] = 800.0
    for x0, y0 in ((12.4, 9.7), (14.0, 11.0), (10.0, 9.0)):
        fits = fit_gaussians(np.stack([clipped, hollow]), x0, y0)
        assert fits.status[0] == 0
        np.testing.assert_allclose([fits.x[0], fits.y[0]], [12.4, 9.7], atol=0.05)
        assert fits.status[1] or math.hypot(fits.x[1] - 12.4, fits.y[1] - 9.7) < 0.7


@pytest.mark.parametrize("ratio", [0.5, 1.0, 10.0])
@pytest.mark.parametrize("distance", [6.0, 8.0])
def test_neighbour(ratio, distance):
    rng = np.random.default_rng(13)
    turn = rng.uniform(0, 2 * math.pi, 60)
    target = evaluate_gaussians((21, 25), 100.0, 12.3, 9.8, 1.0, 1.0)
    other = (12.3 + distance * np.cos(turn), 9.8 + distance * np.sin(turn))
    data = target + evaluate_gaussians((21, 25), 100.0 * ratio, *other, 1.0, 1.0) + rng.normal(size=(60, 21, 25))
    fits = fit_gaussians(data, 12.3, 9.8)
    right = np.hypot(fits.x - 12.3, fits.y - 9.8) < 0.5
    assert (right | (fits.status != 0)).all()
    if ratio <= 1:
        assert right.all()


def test_cosmic_on_a_star():
    rng = np.random.default_rng(14)
    data = evaluate_gaussians((21, 25), 100.0, 12.3, 9.8, 1.2, 1.0) + rng.normal(size=(80, 21, 25))
    hit = rng.integers(5, 16, (2, 80))
    data[np.arange(80), hit[0], hit[1]] += 3000.0
    fits = fit_gaussians(data, 12.3, 9.8)
    right = np.hypot(fits.x - 12.3, fits.y - 9.8) < 0.5
    assert (right | (fits.status != 0)).all()


def test_center_outside_is_no_center():
    star = evaluate_gaussians((21, 25), 100.0, [-1.2, 12.0], [9.0, 22.1], 3.0, 2.5)
    fits = fit_gaussians(star, [0.0, 12.0], [9.0, 20.0])
    assert (fits.status == FAILED | OUTSIDE).all()
    assert np.isnan(fits.x).all()
    assert np.isnan(fits.covariance).all()


def test_too_few_pixels_or_passes():
    star = evaluate_gaussians(SHAPE, 100.0, 12.3, 8.4, 1.3, 1.0)
    bad = np.ones(SHAPE, dtype=bool)
    bad[8, 9:15] = False
    assert fit_gaussians(star, 12.0, 8.0, bad=bad).status[0] == FAILED
    hasty = fit_gaussians(star + 0.1, 12.0, 8.0, max_iterations=1)
    assert hasty.status[0] == FAILED
    assert np.isnan(hasty.x[0])
    assert hasty.iterations[0] == 4


def test_start_that_is_nan_or_outside():
    star = evaluate_gaussians(SHAPE, 100.0, 13.3, 8.4, 2.0, 1.6)
    for x0, y0 in ((np.nan, np.nan), (13.0, np.inf), (13.0, 8.0)):
        fits = fit_gaussians(star, x0, y0)
        assert fits.x[0] == pytest.approx(13.3, abs=1e-9)
    edge = evaluate_gaussians(SHAPE, 100.0, 24.1, 8.4, 2.0, 1.6)
    assert fit_gaussians(edge, 60.0, 8.0).x[0] == pytest.approx(24.1, abs=1e-9)


# --- blocks --------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{}, {"fit_background": True}, {"pixel_integrated": True}, {"theta": 0.1}])
def test_results_do_not_depend_on_the_block(settings):
    rng = np.random.default_rng(15)
    n = 23
    stars = random_stars(rng, n)
    data = evaluate_gaussians(SHAPE, **stars) + rng.normal(size=(n, *SHAPE))
    data[4] = np.nan
    data[9] = rng.normal(size=SHAPE)
    weights = rng.uniform(0.5, 2, data.shape)
    bad = rng.random(data.shape) < 0.01
    whole = fit_gaussians(data, stars["x"], stars["y"], weights=weights, bad=bad, **settings)
    assert whole.status[4] == FAILED
    for size in (1, 7):
        parts = [
            fit_gaussians(data[k], stars["x"][k], stars["y"][k], weights=weights[k], bad=bad[k], **settings)
            for k in (slice(i, i + size) for i in range(0, n, size))
        ]
        for name in (*VALUES, "covariance", "chi2", "status", "iterations"):
            joined = np.concatenate([getattr(part, name) for part in parts])
            np.testing.assert_array_equal(joined, getattr(whole, name), err_msg=name)


def test_kinds_of_numbers_and_layouts_are_one():
    data = np.round(evaluate_gaussians(SHAPE, 1000.0, [12.3, 11.0], [8.4, 9.0], 1.3, 1.0))
    expected = fit_gaussians(data, 12.0, 8.5)
    for other in (
        data.astype(">f8"),
        data.astype(np.float32),
        data.astype(np.uint16),
        np.asfortranarray(data),
        data.tolist(),
    ):
        np.testing.assert_array_equal(fit_gaussians(other, 12.0, 8.5).x, expected.x)
    assert expected.status.dtype == np.uint32
    assert expected.x_err.shape == (2,)
    assert expected.background_err.tolist() == [0.0, 0.0]


def test_inputs_are_not_changed():
    data = evaluate_gaussians(SHAPE, 100.0, 12.3, 8.4, 1.3, 1.0)
    weights = np.ones(SHAPE)
    before = data.copy()
    fit_gaussians(data, 12.0, 8.0, weights=weights)
    np.testing.assert_array_equal(data, before)
    assert (weights == 1).all()


def test_empty_block():
    fits = fit_gaussians(np.empty((0, 5, 6)), np.empty(0), np.empty(0))
    assert len(fits) == 0
    assert fits.covariance.shape == (0, 6, 6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stamps": np.zeros((5, 6))}, "stamps: have shape"),
        ({"stamps": np.zeros((2, 0, 6))}, "stamps: have shape"),
        ({"x0": [1.0, 2.0, 3.0]}, "x0: has shape"),
        ({"y0": [[1.0], [2.0]]}, "y0: has shape"),
        ({"weights": np.ones((6, 5))}, "weights: have shape"),
        ({"bad": np.zeros((1, 5, 6), dtype=bool)}, "bad: has shape"),
        ({"fwhm0": 0.0}, "fwhm0: 0.0"),
        ({"fwhm0": math.nan}, "fwhm0: nan"),
        ({"theta": math.inf}, "theta: inf"),
        ({"max_iterations": 0}, "max_iterations: 0"),
        ({"max_iterations": 2.5}, "max_iterations: 2.5"),
    ],
)
def test_bad_arguments_are_named(change, message):
    arguments = {"stamps": np.zeros((2, 5, 6)), "x0": 1.0, "y0": 1.0} | change
    with pytest.raises(ValueError, match=message):
        fit_gaussians(**arguments)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": (5,)}, "shape: "),
        ({"shape": (0, 5)}, "shape: "),
        ({"x": [1.0, 2.0], "y": [1.0, 2.0, 3.0]}, "shapes differ"),
        ({"x": [[1.0, 2.0]]}, "2 dimensions"),
    ],
)
def test_bad_image_arguments_are_named(change, message):
    arguments = {"shape": (5, 6), "amplitude": 1.0, "x": 1.0, "y": 1.0, "x_stddev": 1.0, "y_stddev": 1.0} | change
    with pytest.raises(ValueError, match=message):
        evaluate_gaussians(**arguments)


def test_an_expected_shape_changes_the_way_and_not_the_minimum():
    rng = np.random.default_rng(77)
    n = 60
    stars = evaluate_gaussians(
        (19, 25),
        rng.uniform(300, 3000, n),
        rng.uniform(10, 14, n),
        rng.uniform(7, 11, n),
        rng.uniform(1.0, 2.4, n),
        rng.uniform(0.8, 1.6, n),
        rng.uniform(-0.7, 0.7, n),
    )
    stamps = stars + rng.normal(0, 5, stars.shape)
    plain = fit_gaussians(stamps, 12.0, 9.0, weights=np.full((19, 25), 0.04))
    known = fit_gaussians(stamps, 12.0, 9.0, weights=np.full((19, 25), 0.04), shape0=(1.7, 1.2, 0.3))
    assert (plain.status == 0).all() and (known.status == 0).all()
    for name in ("amplitude", "x", "y", "x_stddev", "y_stddev", "theta", "chi2"):
        np.testing.assert_allclose(getattr(known, name), getattr(plain, name), rtol=1e-9, atol=1e-9, err_msg=name)
    # A shape that is far off costs a start, and nothing else.
    far = fit_gaussians(stamps[:5], 12.0, 9.0, weights=np.full((19, 25), 0.04), shape0=(0.31, 9.0, 0.0))
    np.testing.assert_allclose(far.x, plain.x[:5], atol=1e-9)


@pytest.mark.parametrize("shape", [(1.0, 0.0, 0.0), (1.0, 2.0), (np.nan, 1.0, 0.0)])
def test_an_impossible_shape_is_refused(shape):
    with pytest.raises(ValueError, match="shape0: "):
        fit_gaussians(np.zeros((1, 9, 9)), 4.0, 4.0, shape0=shape)
