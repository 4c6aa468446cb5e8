"""Weighted least-squares shifts: exact without noise, at the Cramer-Rao bound with it."""

import numpy as np
import pytest

from nircam_tso.measure.centroid import Correlator
from nircam_tso.measure.shift import shift_images
from nircam_tso.measure.weighted import refine_shifts
from nircam_tso.simulate import weak_lens_psf

SHAPE = (31, 38)
MIDDLE = ((SHAPE[1] - 1) / 2, (SHAPE[0] - 1) / 2)
#: Where the star is on average, about the middle.
PLACE = (0.3, -0.2)


def gaussian(x, y, sigma=1.5):
    yy, xx = np.indices(SHAPE)
    return np.exp(-((xx - MIDDLE[0] - x) ** 2 + (yy - MIDDLE[1] - y) ** 2) / (2 * sigma**2))


def scene(psf, flux, floor, n, jitter, seed):
    """Noiseless images, their places, the mean image's variance, and Gaussian noise of the images' own variance."""
    rng = np.random.default_rng(seed)
    x, y = (place + rng.normal(0, jitter, n) for place in PLACE)
    images = flux * shift_images(psf, x, y)
    mean = flux * shift_images(psf, *(np.array([place]) for place in PLACE))[0]
    noise = rng.standard_normal(images.shape) * np.sqrt(np.maximum(images, 0) + floor)
    return images, noise, x, y, np.maximum(mean, 0) + floor


def cramer_rao(psf, flux, variance):
    """Smallest errors of x and y with the flux free."""
    h = 0.01
    ways = np.array([[0, 0], [h, 0], [-h, 0], [0, h], [0, -h]]) + PLACE
    image, right, left, up, down = flux * shift_images(psf, *ways.T)
    jacobian = np.stack([image, (right - left) / (2 * h), (up - down) / (2 * h)]).reshape(3, -1)
    return np.sqrt(np.diag(np.linalg.inv((jacobian / variance.ravel()) @ jacobian.T)))[1:]


def centers(psf, stamps, variance, *, weighted=True, **given):
    return Correlator(psf, MIDDLE, weighted=weighted).centers(stamps, variance=variance, **given)


@pytest.mark.parametrize("shape_of_weights", ["photons", "flat", "random"])
def test_shifted_copies_are_exact(shape_of_weights):
    """Whatever the weights: where the template is the star's own image nothing is left over."""
    rng = np.random.default_rng(1)
    steps = np.linspace(-0.5, 0.5, 7)
    x, y = (part.ravel() for part in np.meshgrid(steps, 2.3 * steps))
    stamps = 1e4 * gaussian(x[:, None, None], y[:, None, None]) + 17.0
    variance = {
        "photons": 1e4 * gaussian(*PLACE) + 50,
        "flat": np.full(SHAPE, 3.0),
        "random": rng.uniform(1, 30, SHAPE),
    }[shape_of_weights]
    found = centers(gaussian(0, 0), stamps, variance)
    assert found.valid.all()
    np.testing.assert_allclose(found.x, MIDDLE[0] + x, rtol=0, atol=1e-5)
    np.testing.assert_allclose(found.y, MIDDLE[1] + y, rtol=0, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("waves", "flux", "floor", "plain"),
    [(0.0, 1e6, 200.0, 1.35), (0.0, 3e3, 200.0, 0.95), (1.0, 1e6, 200.0, 1.05)],
    ids=["bright", "faint", "defocused"],
)
def test_scatter_is_the_bound_and_the_error_is_told(waves, flux, floor, plain):
    psf = weak_lens_psf(SHAPE, waves=waves)
    n = 2000
    images, noise, x, y, variance = scene(psf, flux, floor, n, jitter=0.02, seed=2)
    bounds = cramer_rao(psf, flux, variance)
    found = centers(psf, images + noise, variance)
    before = centers(psf, images + noise, variance, weighted=False)
    for axis, truth, bound in zip("xy", (MIDDLE[0] + x, MIDDLE[1] + y), bounds, strict=True):
        offset, error = getattr(found, axis) - truth, getattr(found, f"{axis}_err")
        # 2,000 numbers know their scatter to 1.6 %.
        assert 0.95 < offset.std() / bound < 1.05
        assert abs((offset / error).std() - 1) < 3.5 / np.sqrt(2 * n)
        assert abs((offset / error).mean()) < 3.5 / np.sqrt(n)
        np.testing.assert_allclose(error, bound, rtol=0.15)
        assert (getattr(before, axis) - truth).std() > plain * bound


def test_bad_pixels_have_no_say():
    """A wrong value in a bad pixel draws plain correlation, and not this."""
    psf = gaussian(0, 0)
    variance = 1e4 * gaussian(*PLACE) + 50
    stamps = 1e4 * gaussian(np.array([0.2, 0.4])[:, None, None], np.array([-0.3, 0.1])[:, None, None])
    bad = np.zeros(stamps.shape, bool)
    bad[0, 15, 20] = bad[1, 16, 18] = True
    spoiled = np.where(bad, 0.6 * stamps, stamps)
    found = centers(psf, spoiled, variance, bad=bad)
    np.testing.assert_allclose(found.x, MIDDLE[0] + np.array([0.2, 0.4]), rtol=0, atol=1e-5)
    assert np.abs(centers(psf, spoiled, variance, weighted=False).x - found.x).min() > 0.005
    # A pixel without a variance is none.
    beyond = variance.copy()
    beyond[:, :3] = 0.0
    beyond[0] = np.nan
    stamps[:, :, :3] = 1e5
    x, y = np.array([0.15, 0.35]), np.array([-0.25, 0.05])
    shift_x, shift_y, _, _, valid = refine_shifts(stamps, np.fft.rfft2(psf), beyond, x, y)
    assert valid.all()
    np.testing.assert_allclose(shift_x, [0.2, 0.4], rtol=0, atol=1e-5)
    np.testing.assert_allclose(shift_y, [-0.3, 0.1], rtol=0, atol=1e-5)


def test_where_there_is_no_star_the_correlation_stays():
    rng = np.random.default_rng(3)
    stamps = rng.normal(0, 1, (50, *SHAPE))
    stamps[7] = -100 * gaussian(0.1, 0.2)
    variance = np.ones(SHAPE)
    psf = gaussian(0, 0)
    start = centers(psf, stamps, variance, weighted=False)
    found = centers(psf, stamps, variance)
    np.testing.assert_array_equal(found.valid, start.valid)
    moved = np.hypot(found.x - start.x, found.y - start.y)[found.valid]
    assert moved.max() < 2 * np.hypot(0.5, 0.5)
    nowhere = np.full(50, np.nan)
    *_, valid = refine_shifts(stamps, np.fft.rfft2(psf), variance, nowhere, nowhere)
    assert not valid.any()
    *_, valid = refine_shifts(stamps, np.fft.rfft2(psf), 0 * variance, np.zeros(50), np.zeros(50))
    assert not valid.any()


def test_does_not_depend_on_the_block():
    psf = weak_lens_psf(SHAPE, waves=0.0)
    images, noise, _, _, variance = scene(psf, 1e5, 100.0, 23, jitter=0.3, seed=4)
    stamps = images + noise
    bad = np.random.default_rng(5).random(stamps.shape) < 0.01
    whole = centers(psf, stamps, variance, bad=bad)
    for size in (1, 5):
        parts = [centers(psf, stamps[k : k + size], variance, bad=bad[k : k + size]) for k in range(0, 23, size)]
        for name in ("x", "y", "x_err", "y_err"):
            np.testing.assert_array_equal(np.concatenate([getattr(part, name) for part in parts]), getattr(whole, name))


def test_without_a_variance_all_is_as_before():
    stamps = 1e4 * gaussian(np.array([0.2, 0.4])[:, None, None], np.array([-0.3, 0.1])[:, None, None])
    one, other = (Correlator(gaussian(0, 0), MIDDLE, weighted=flag).centers(stamps) for flag in (False, True))
    np.testing.assert_array_equal(one.x, other.x)
    assert np.isnan(other.x_err).all()


def test_shape_of_bad_is_checked():
    with pytest.raises(ValueError, match="bad: has shape"):
        centers(gaussian(0, 0), np.zeros((2, *SHAPE)), np.ones(SHAPE), bad=np.zeros(SHAPE, bool))
