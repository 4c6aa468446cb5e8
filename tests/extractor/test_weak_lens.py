"""A weak-lens star: a hexagon of light, measured with its PSF and with itself."""

import numpy as np
import pytest
from astropy.time import Time

from nircam_tso import AnnulusBackground, PSFTemplate, TimeSeriesExtractor, good
from nircam_tso.measure.templates import shift_images
from nircam_tso.simulate import weak_lens_psf

SHAPE = (256, 256)
FLUX, SKY, READ = 2e7, 20.0, 12.0
N = 60


@pytest.fixture(scope="module")
def psf():
    return PSFTemplate(weak_lens_psf(SHAPE))


def simulated(psf, n, sky):
    """Noiseless electrons of a jittering star that crosses a 1 % transit, and the truth."""
    rng = np.random.default_rng(11)
    x = 131.3 + rng.normal(0, 0.03, n)
    y = 126.8 + rng.normal(0, 0.03, n)
    third = np.arange(n) * 3 // n
    flux = np.where(third == 1, 0.99, 1.0)
    origin = psf.origin
    images = shift_images(psf.image, x - origin[0], y - origin[1])
    return FLUX * flux[:, None, None] * images + sky, x, y, flux


@pytest.fixture(scope="module")
def series(psf):
    return simulated(psf, N, SKY)


def extractor(template, **settings):
    settings = {
        "aperture_radii": [70],
        "subframe_shape": (181, 181),
        "background": AnnulusBackground(85, 100),
        "template": template,
        "center": "median",
        "position": (128, 128),
        **settings,
    }
    return TimeSeriesExtractor(**settings)


def cramer_rao(psf, sky, axis):
    """Smallest error of x or y, with the flux free, for the expected image and its variance."""
    image = FLUX * psf.image
    # The exact slope: differences of neighbours would blur the finest structure.
    step = np.array([-0.001, 0.001])
    ways = (step, np.zeros(2)) if axis == "x" else (np.zeros(2), step)
    before, after = FLUX * shift_images(psf.image, *ways)
    slope = (before - after) / 0.002
    variance = np.maximum(image, 0) + sky + READ**2
    fisher = np.array(
        [
            [np.sum(slope * slope / variance), np.sum(slope * image / variance)],
            [np.sum(slope * image / variance), np.sum(image * image / variance)],
        ]
    )
    return np.sqrt(np.linalg.inv(fisher)[0, 0])


@pytest.mark.parametrize("template", ["psf", "median"])
def test_noiseless(series, psf, template):
    images, x, y, _ = series
    ts = extractor(psf if template == "psf" else "median").extract(images, errors=np.sqrt(images))
    for name, truth in (("x_cc", x), ("y_cc", y)):
        offset = ts[name].value - truth
        assert abs(offset.mean()) < 0.05
        assert offset.std() < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("template", ["psf", "median"])
def test_noise_near_the_bound(psf, template):
    """
    A sky that puts the bound near 2e-3 px.

    Plain correlation weighs all pixels alike: by photon noise alone its scatter would
    be 1.3 to 1.4 times the bound.
    """
    sky = 900.0
    images, x, y, _ = simulated(psf, 200, sky)
    rng = np.random.default_rng(12)
    noisy = rng.poisson(images) + rng.normal(0, READ, images.shape)
    ts = extractor(psf if template == "psf" else "median").extract(
        noisy, errors=np.sqrt(images + READ**2), unit="electron"
    )
    for axis, truth in (("x", x), ("y", y)):
        offset = ts[f"{axis}_cc"].value - truth
        assert abs(offset.mean()) < 0.05
        bound = cramer_rao(psf, sky, axis)
        assert 1.5e-3 < bound < 2.5e-3
        # The scatter of 200 rows is itself known to 5 %.
        scatter = offset.std(ddof=1)
        assert scatter < 1.2 * bound
        assert np.median(ts[f"{axis}_cc_err"].value) == pytest.approx(scatter, rel=0.2)


@pytest.mark.parametrize("template", ["psf", "median"])
def test_light_that_fills_the_frame(psf, template):
    """64 x 64 out of the hexagon: the stamp is the frame, and must not slide over its edge."""
    images, x, y, _ = simulated(psf, N, SKY)
    small = images[:, 95:159, 99:163]
    ts = extractor(
        psf if template == "psf" else "median",
        aperture_radii=[],
        aperture_masks={"frame": np.ones((64, 64), bool)},
        subframe_shape=(64, 64),
        background=None,
        position=(32, 32),
        center="fixed",
    ).extract(small, errors=np.sqrt(small + READ**2))
    assert np.isfinite(ts["aperture_sum_frame"].value).all()
    for name, truth in (("x_cc", x - 99), ("y_cc", y - 95)):
        # Relative positions: light that comes in at an edge is seen as motion, too.
        slope = np.polyfit(truth, ts[name].value, 1)[0]
        assert slope == pytest.approx(1, abs=0.3)


def test_dead_pixels_harm_no_row_and_no_depth(series, psf):
    images, _, _, flux = series
    rng = np.random.default_rng(13)
    noisy = rng.poisson(images) + rng.normal(0, READ, images.shape)
    dead = rng.random(SHAPE) < 0.002
    noisy[:, dead] = np.nan
    # A few more that come and go.
    passing = rng.random(noisy.shape) < 2e-6
    noisy[passing] = np.nan
    times = Time(60000 + np.arange(N) / 1000, format="mjd")
    ts = extractor(psf).extract(noisy, errors=np.sqrt(images + READ**2), times=times)
    light = ts["aperture_sum_r70"].value
    assert np.isfinite(light).all()
    assert ts.meta["n_constant_bad"] > 10
    depth = 1 - light[flux < 1].mean() / light[flux == 1].mean()
    error = np.median(ts["aperture_sum_err_r70"].value / light) * np.sqrt(1 / 20 + 1 / 40)
    assert depth == pytest.approx(0.01, abs=4 * error)
    assert error < 2e-4
    touched = passing[:, np.hypot(*(np.indices(SHAPE) - np.array([127, 131])[:, None, None])) < 72].any(axis=1)
    assert good(ts)[~touched].all()
