"""Every error of the product is 1 sigma: pulls of 5,000 simulated integrations."""

import numpy as np
import pytest

from nircam_tso import AnnulusBackground, FrameBackground, PSFTemplate, TimeSeriesExtractor
from nircam_tso.simulate import gaussian_psf, weak_lens_psf

pytestmark = pytest.mark.slow

SHAPE = (44, 66)
X, Y = 40.3, 20.6
SKY, READ = 40.0, 5.0
CENTRES = ("x_cc", "y_cc", "x_centroid", "y_centroid", "x_gauss", "y_gauss")
SUMS = ("aperture_sum_r3", "aperture_sum_r6", "psf_flux")


def focused(shape=SHAPE, position=(X, Y)):
    """A star in focus through 18 segments, with its wings and spikes: no Gaussian at all."""
    return weak_lens_psf(shape, waves=0.0, position=position)


def trailed():
    """The same, smeared by 1.6 px, so that its width has a direction."""
    steps = np.linspace(-0.8, 0.8, 9)
    return np.mean([focused(position=(X + s, Y + 0.5 * s)) for s in steps], axis=0)


def settings(**changes):
    return {"aperture_radii": [3, 6], "position": (X, Y), **changes}


@pytest.mark.parametrize(
    ("background", "center"),
    [(FrameBackground(), "gaussian"), (AnnulusBackground(12, 18), "median"), (FrameBackground("mean"), "centroid")],
    ids=["frame", "annulus", "mean"],
)
def test_gaussian_star(background, center, noisy_images, noiseless_truth, check_pulls):
    """Elongated and turned, away from the middle of a frame that is not square."""
    expected = SKY + 1e5 * gaussian_psf(SHAPE, stddev=(1.5, 1.1), theta=27.0, position=(X, Y))
    sigma = np.sqrt(expected + READ**2)
    data = noisy_images(expected, sigma, seed=101)
    chosen = settings(center=center)
    ts = TimeSeriesExtractor(background=background, **chosen).extract(data, errors=np.broadcast_to(sigma, data.shape))
    check_pulls(ts, noiseless_truth(expected - SKY, sigma, **chosen), background=SKY)
    # 435 degrees of freedom in each of the rows.
    assert np.mean(ts["gauss_chi2"]) == pytest.approx(1, abs=3.5 * np.sqrt(2 / 435 / len(ts)) + 1e-3)


@pytest.mark.parametrize("template", ["gaussian", "psf"])
def test_real_psf(template, noisy_images, noiseless_truth, population_median, check_pulls):
    """A diffraction pattern on the sky, measured with a Gaussian, or with itself."""
    expected = SKY + 3e4 * focused()
    sigma = np.sqrt(expected + READ**2)
    data = noisy_images(expected, sigma, seed=103)
    chosen = settings()
    if template == "psf":
        chosen |= {"template": PSFTemplate(focused((45, 45), (22, 22))), "center": "cross-correlation"}
    background = FrameBackground(exclude_radius=16, sigma_clip=None)
    ts = TimeSeriesExtractor(background=background, **chosen).extract(data, errors=np.broadcast_to(sigma, data.shape))
    sky = population_median(expected, sigma, background.footprint(SHAPE, (X, Y)))
    truth = noiseless_truth(expected - sky, sigma, **chosen)
    # Its widths differ by 1 %: noise names their axes, see the star with a direction below.
    check_pulls(ts, truth, names=(*CENTRES, "amplitude", *SUMS), background=sky)


def test_bright_real_psf_with_a_direction(noisy_images, noiseless_truth, check_pulls):
    """Chi2 is far from 1, the errors of the Gaussian are right all the same."""
    expected = 1e6 * trailed()
    sigma = np.sqrt(expected + SKY + READ**2)
    data = noisy_images(expected, sigma, seed=104)
    chosen = settings(background=None)
    ts = TimeSeriesExtractor(**chosen).extract(data, errors=np.broadcast_to(sigma, data.shape))
    truth = noiseless_truth(expected, sigma, **chosen)
    assert np.median(ts["gauss_chi2"]) > 20
    check_pulls(ts, truth)


def test_defocused_psf(noisy_images, noiseless_truth, check_pulls):
    """A hexagon of light, 35 px across."""
    position = (33.3, 20.6)
    expected = SKY + 1e6 * weak_lens_psf(SHAPE, waves=2.0, position=position)
    sigma = np.sqrt(expected + READ**2)
    data = noisy_images(expected, sigma, seed=105)
    chosen = settings(
        position=position,
        template=PSFTemplate(weak_lens_psf((61, 61), waves=2.0)),
        subframe_shape=(41, 45),
        aperture_radii=[10, 17],
        center="median",
        background=None,
    )
    ts = TimeSeriesExtractor(**chosen).extract(data - np.float32(SKY), errors=np.broadcast_to(sigma, data.shape))
    truth = noiseless_truth(expected - SKY, sigma, **chosen)
    names = ("x_cc", "y_cc", "x_centroid", "y_centroid", "aperture_sum_r10", "aperture_sum_r17", "psf_flux")
    check_pulls(ts, truth, names=names)


@pytest.mark.parametrize("background", [FrameBackground(), AnnulusBackground(12, 18)])
def test_gain_and_read_noise(background, noisy_images, noiseless_truth, check_pulls):
    """No errors given: made from electrons per DN and the read noise."""
    gain = 1.7
    expected = SKY + 1e5 * gaussian_psf(SHAPE, stddev=(1.5, 1.1), theta=-31.0, position=(X, Y))
    sigma = np.sqrt(expected + READ**2)
    data = noisy_images(expected, sigma, seed=106) / np.float32(gain)
    chosen = settings()
    ts = TimeSeriesExtractor(background=background, gain=gain, read_noise=READ, **chosen).extract(data)
    assert ts.meta["error_source"] == "gain and read_noise"
    check_pulls(ts, noiseless_truth((expected - SKY) / gain, sigma / gain, **chosen), background=SKY / gain)


def test_background_scatter(noisy_images, noiseless_truth, check_pulls):
    """Nothing known: the sky's own scatter is right where the sky is the noise."""
    expected = 900 + 2e4 * gaussian_psf(SHAPE, stddev=(1.5, 1.1), position=(X, Y))
    sigma = np.full(SHAPE, 30.0)
    data = noisy_images(expected, sigma, seed=107)
    ts = TimeSeriesExtractor(**settings()).extract(data)
    assert ts.meta["error_source"] == "background scatter"
    truth = noiseless_truth(expected - 900, sigma, **settings())
    # Faint enough for a fit's bias of second order to show in the widths.
    check_pulls(ts, truth, names=("x_cc", "y_cc", "x_gauss", "y_gauss", "aperture_sum_r3", "aperture_sum_r6"))
