"""Errors that know too much: of the data's own noise, of the flat field."""

import numpy as np
import pytest

from nircam_tso import FrameBackground, PSFTemplate, TimeSeriesExtractor
from nircam_tso.simulate import SimulationSettings, gaussian_psf, simulate_exposure

pytestmark = pytest.mark.slow

SHAPE = (40, 50)
X, Y = 29.3, 18.6
SKY, READ = 100.0, 10.0
N = 5000


@pytest.fixture(scope="module")
def psf():
    return gaussian_psf(SHAPE, stddev=(1.5, 1.1), theta=27.0, position=(X, Y))


def own_errors(data):
    """What a reduction without a model of the scene tells: the root of the noisy counts."""
    return np.sqrt(np.maximum(data, 1) + np.float32(READ**2))


def test_weights_of_the_same_noise_bias(psf, noisy_images):
    """A pixel that scatters low looks better than it is. By hand, in the simplest way."""
    for flux, low, high in ((2e4, -0.2, -0.05), (1e5, -0.2, -0.05)):
        expected = SKY + flux * psf
        data = noisy_images(expected, np.sqrt(expected + READ**2), seed=301).astype(float)
        stamp = np.s_[:, 8:29, 19:40]
        star, values = psf[stamp[1:]], data[stamp]
        pulls = {}
        for name, variance in (("own", own_errors(values) ** 2), ("smooth", (expected + READ**2)[stamp[1:]])):
            norm = (star**2 / variance).sum(axis=(1, 2)) if name == "own" else (star**2 / variance).sum()
            found = (star / variance * (values - SKY)).sum(axis=(1, 2)) / norm
            pulls[name] = ((found - flux) * np.sqrt(norm)).mean()
        assert low < pulls["own"] < high, flux
        assert abs(pulls["smooth"]) < 3.5 / np.sqrt(N), flux


@pytest.mark.parametrize("flux", [2e4, 1e5])
def test_smooth_weights_do_not(flux, psf, noisy_images, noiseless_truth, check_pulls):
    """The same noisy errors given to the extractor, which takes their median over the series."""
    expected = SKY + flux * psf
    sigma = np.sqrt(expected + READ**2)
    data = noisy_images(expected, sigma, seed=301)
    settings = {"aperture_radii": [3, 6], "position": (X, Y)}
    template = PSFTemplate(gaussian_psf((41, 41), stddev=(1.5, 1.1), theta=27.0))
    extractor = TimeSeriesExtractor(template=template, background=FrameBackground(), **settings)
    ts = extractor.extract(data, errors=own_errors(data))
    truth = noiseless_truth(expected - SKY, sigma, template=template, **settings)
    check_pulls(
        ts, truth, names=("x_cc", "y_cc", "x_gauss", "y_gauss", "x_stddev", "y_stddev", "amplitude", "psf_flux")
    )


@pytest.fixture(scope="module")
def flat_error(tmp_path_factory):
    """A star of 60,000 electrons in its brightest pixel, with a flat that is sure to 0.5 %."""
    settings = {
        "product": "calints",
        "n_integrations": 2000,
        "shape": (36, 44),
        "position": (25.3, 16.8),
        "stddev": (1.5, 1.1),
        "sky": 0.0,
        "flat_error": 0.005,
        "seed": 302,
    }
    seconds = SimulationSettings(**settings).readout.measured_time
    settings["flux"] = 60000 * 2 * np.pi * 1.5 * 1.1 / seconds
    folders = (tmp_path_factory.mktemp(name) for name in ("noisy", "noiseless"))
    return tuple(
        simulate_exposure(folder, noise=noise, **settings) for folder, noise in zip(folders, (True, False), strict=True)
    )


def pulls(flat_error, name, errors):
    noisy, noiseless = flat_error
    extractor = TimeSeriesExtractor(aperture_radii=[3, 6], background=None, position=(25, 17))
    ts = extractor.extract(noisy.paths, errors=errors)
    truth = np.median(extractor.extract(noiseless.paths, errors=errors)[name].value)
    error = name.replace("_sum_", "_sum_err_") if "_sum_" in name else f"{name}_err"
    return ts, (ts[name].value - truth) / ts[error].value


@pytest.mark.parametrize("name", ["aperture_sum_r3", "aperture_sum_r6", "psf_flux", "amplitude", "x_gauss", "y_cc"])
def test_flat_error_is_no_scatter(flat_error, name):
    """It is the same in every integration: only errors without it are those of a light curve."""
    ts, random = pulls(flat_error, name, None)
    assert ts.meta["error_source"] == "VAR_POISSON+VAR_RNOISE"
    assert abs(random.std() - 1) < 3.5 / np.sqrt(2 * len(ts))
    assert abs(random.mean()) < 3.5 / np.sqrt(len(ts))
    ts, total = pulls(flat_error, name, "total")
    assert "ERR" in ts.meta["error_source"]
    assert total.std() < 0.9
