"""Pixels that differ: responses, hot ones, resets, and where in a pixel the light falls."""

import numpy as np
import pytest
from scipy.integrate import dblquad

from nircam_tso.simulate import PixelDefects, ResetEffects, SimulationSettings, weak_lens_psf
from nircam_tso.simulate.detector import Detector
from nircam_tso.simulate.gaussian import gaussian_images
from nircam_tso.simulate.scene import Scene, make_truth

READ = {"shape": (60, 80), "n_groups": 4, "frame_time": 2.0, "read_noise": 8.0, "seed": 9}


def test_flat():
    settings = SimulationSettings(**READ, noise=False, pixels=PixelDefects(response_scatter=0.01))
    rates = Detector(settings).rates(np.full((3, 60, 80), 200.0))
    assert np.ptp(rates, axis=0).max() == 0
    assert (rates[0] / 200).std() == pytest.approx(0.01, rel=4 / np.sqrt(2 * 4800))
    assert (rates[0] / 200).mean() == pytest.approx(1, abs=4 * 0.01 / np.sqrt(4800))


def test_hot_pixels():
    settings = SimulationSettings(
        **READ, noise=False, dead_fraction=0.01, pixels=PixelDefects(hot_fraction=0.05, hot_rate=50.0)
    )
    watch = Detector(settings)
    assert watch.hot.sum() == 240
    assert not (watch.hot & watch.dead).any()
    excess = watch.rates(np.full((1, 60, 80), 3.0))[0] - 3.0
    assert (excess[~watch.hot] == 0).all()
    # An exponential: its scatter is its mean.
    assert excess[watch.hot].mean() == pytest.approx(50, abs=4 * 50 / np.sqrt(240))
    assert excess[watch.hot].std() == pytest.approx(50, rel=0.3)
    np.testing.assert_array_equal(watch.dead, Detector(settings.changed(pixels=None)).dead)


def test_dark_current_has_photon_noise_in_rates_and_ramps():
    settings = SimulationSettings(**{**READ, "read_noise": 0.0}, pixels=PixelDefects(hot_fraction=0.05, hot_rate=80.0))
    quiet = Detector(settings.changed(noise=False))
    light = np.zeros((400, 60, 80))
    dark = quiet.rates(light[:1])[0][quiet.hot]
    np.testing.assert_allclose(quiet.ramps(light[:1])[0, :, quiet.hot], dark[:, None] * [2, 4, 6, 8])
    for values, time in ((Detector(settings).rates(light), 6.0), (Detector(settings).ramps(light)[:, 2] / 6, 6.0)):
        hot = values[:, quiet.hot]
        pulls = (hot - dark) / np.sqrt(dark / time)
        assert abs(pulls.mean()) < 4 / np.sqrt(pulls.size)
        assert pulls.std() == pytest.approx(1, abs=4 / np.sqrt(2 * pulls.size) * 1.5)
        assert not values[:, ~quiet.hot].any()


@pytest.mark.parametrize(("shape", "count"), [((60, 2048), 60 * 8), ((2048, 40), 40 * 8), ((60, 80), 0)])
def test_reference_pixels(shape, count):
    pixels = PixelDefects(reference=True, hot_fraction=0.1)
    watch = Detector(SimulationSettings(**{**READ, "shape": shape}, pixels=pixels, dead_fraction=0.1, noise=False))
    reference = watch.constant_dq & (1 << 31) > 0
    assert reference.sum() == count
    # Those of the outermost four rows or columns, and nothing else is wrong with them.
    edge = np.zeros(shape, bool)
    axis = int(np.argmax(shape))
    np.moveaxis(edge, axis, 0)[[0, 1, 2, 3, -4, -3, -2, -1]] = count > 0
    np.testing.assert_array_equal(reference, edge)
    assert set(watch.constant_dq[reference]) <= {1 << 31 | 1}
    rates = watch.rates(np.full((1, *shape), 20.0))[0]
    assert (rates[reference] == 0).all()
    assert (rates[~reference] >= 20).all()


def test_resets():
    reset = ResetEffects(noise=40.0, offset=-300.0, time=3.0)
    plain, watch = (Detector(SimulationSettings(**READ, reset=r)) for r in (None, reset))
    light = np.full((6, 60, 80), 10.0)
    added = watch.ramps(light) - plain.ramps(light)
    np.testing.assert_allclose(
        np.diff(added, axis=1)[0, :, 0, 0], np.diff(-300 * np.exp(-np.arange(2, 9, 2) / 3)), atol=1e-8
    )
    level = added[:, 0] + 300 * np.exp(-2 / 3)
    assert level.std() == pytest.approx(40, rel=4 / np.sqrt(2 * level.size))
    assert abs(np.corrcoef(level[0].ravel(), level[1].ravel())[0, 1]) < 4 / np.sqrt(4800)
    rates = watch.rates(light) - plain.rates(light)
    np.testing.assert_allclose(rates, -300 * (np.exp(-8 / 3) - np.exp(-2 / 3)) / 6, atol=1e-9)


def test_resets_without_noise():
    """The level falls alike in every pixel, and the noise of resets is left out with the other noise."""
    reset = ResetEffects(noise=40.0, offset=-300.0, time=3.0)
    plain, watch = (Detector(SimulationSettings(**READ, noise=False, reset=r)) for r in (None, reset))
    light = np.full((2, 60, 80), 10.0)
    level = -300 * np.exp(-np.arange(2, 9, 2) / 3)
    added = watch.ramps(light) - plain.ramps(light)
    np.testing.assert_allclose(added, np.broadcast_to(level[:, None, None], added.shape), atol=1e-9)


def star(x, y, **changes):
    """A noiseless star of 1000 electron/s."""
    settings = SimulationSettings(shape=(21, 25), position=(x, y), flux=1000.0, sky=0.0, n_integrations=1, **changes)
    return Scene(settings, make_truth(settings)).expected(0, 1)[0]


def test_within_a_pixel():
    """The flux's change with position is that of the first term of a Fourier series."""
    a, sigma = 0.1, 0.45
    pixels = PixelDefects(intra_pixel=a)
    positions = np.linspace(12, 13, 9)
    flux = [star(x, 9.0, stddev=sigma, pixel_integrated=True, pixels=pixels).sum() / 1000 for x in positions]
    # p(u) = 1 + a (1/3 - 4 u^2) repeated each pixel: its m-th coefficient is -4 a (-1)^m / (2 pi^2 m^2) twice over.
    waves = sum(
        -4
        * a
        * (-1) ** m
        / (np.pi * m) ** 2
        * np.exp(-2 * (np.pi * m * sigma) ** 2)
        * np.cos(2 * np.pi * m * positions)
        for m in (1, 2, 3)
    )
    centre = 1 + 4 * a / np.pi**2 * np.exp(-2 * (np.pi * sigma) ** 2)
    np.testing.assert_allclose(flux, (1 + waves) * centre, atol=2e-6)
    assert flux[0] > flux[4]


def test_an_uneven_pixel_is_an_integral():
    image = star(12.3, 9.6, stddev=(0.9, 0.6), theta=30.0, pixel_integrated=True, pixels=PixelDefects(intra_pixel=0.2))

    def light(v, u):
        response = (1 + 0.2 * (1 / 3 - 4 * u * u)) * (1 + 0.2 * (1 / 3 - 4 * v * v))
        return (
            response * 1000 * gaussian_images([12.3 - u], [9.6 - v], (21, 25), stddev=(0.9, 0.6), theta=30.0)[0, 10, 12]
        )

    assert image[10, 12] == pytest.approx(dblquad(light, -0.5, 0.5, -0.5, 0.5)[0], rel=1e-8)


def test_an_oversampled_image_is_summed_into_pixels():
    # Fine samples of a Gaussian, 0.6 px wide on the detector.
    fine = gaussian_images([70.0], [62.0], (125, 135), stddev=(3.0, 3.0), pixel_integrated=True)[0]
    for intra in (0.0, 0.1):
        pixels = PixelDefects(intra_pixel=intra)
        for x in (12.0, 12.37):
            ours = star(x, 9.2, psf=fine, psf_oversample=5, pixels=pixels)
            exact = star(x, 9.2, stddev=0.6, pixel_integrated=True, pixels=pixels)
            np.testing.assert_allclose(ours, exact, atol=0.5 + 4 * intra)
            assert ours.sum() == pytest.approx(exact.sum(), rel=2e-4)


def test_oversampled_model_of_the_telescope():
    shape = (121, 121)
    fine = weak_lens_psf((363, 363), waves=0, pixel_scale=0.0311 / 3)
    coarse = weak_lens_psf(shape, waves=0)
    by_fine = star(12.0, 10.0, psf=fine, psf_oversample=3, psf_origin=(181.0, 181.0))
    by_coarse = star(12.0, 10.0, psf=coarse, psf_origin=(60.0, 60.0))
    np.testing.assert_allclose(by_fine, by_coarse, atol=0.6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pixels": {"intra_pixel": 0.1}}, "pixels: intra_pixel 0.1 needs a star"),
        ({"psf_oversample": 2}, "psf_oversample: 2 needs an array"),
        ({"psf_oversample": 0}, "psf_oversample: 0"),
        ({"pixels": {"hot": 1}}, "pixels: 'hot' is no part of it"),
        ({"pixels": {"hot_fraction": 2}}, "PixelDefects.hot_fraction: 2"),
        ({"reset": {"noise": -1}}, "ResetEffects.noise: -1"),
        ({"cosmic_rays": {"rate": np.nan}}, "CosmicRays.rate"),
        ({"cosmic_rays": 1e-5}, "cosmic_rays: 1e-05 is neither CosmicRays nor a mapping of its parameters"),
        ({"settling": {}}, "settling: .*amplitude"),
        ({"tilt": {"time": 3, "segment": "D1"}}, "TiltEvent.segment: 'D1'"),
        ({"tilt": {"time": 3, "shift": [1, 2, 3]}}, "TiltEvent.shift"),
        ({"saturation": 0}, "saturation: 0"),
        ({"outputs": 2}, "outputs: 2"),
        ({"sky_drift": -4.0}, None),
        ({"jitter": "1 kg"}, "jitter: '1 kg' is no length"),
    ],
)
def test_settings_out_of_range(changes, message):
    if message is None:
        with pytest.raises(ValueError, match="sky_drift: -4 electron/s takes the sky below 0"):
            make_truth(SimulationSettings(**changes))
        return
    with pytest.raises(ValueError, match=message):
        SimulationSettings(**changes)


def test_an_image_must_fit_its_oversampling():
    with pytest.raises(ValueError, match=r"psf: shape \(7, 8\) is not a whole number"):
        star(10.0, 10.0, psf=np.ones((7, 8)), psf_oversample=2)
