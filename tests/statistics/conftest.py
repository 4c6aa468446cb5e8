"""Simulated series with noise that is known, and what is asked of their pulls."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import ndtr

from nircam_tso import TimeSeriesExtractor

#: Integrations of a series: its pulls' mean is sure to 0.014, their standard deviation to 0.010.
N = 5000

CENTRES = ("x_cc", "y_cc", "x_centroid", "y_centroid", "x_gauss", "y_gauss")
WIDTHS = ("x_stddev", "y_stddev", "theta", "amplitude")
SUMS = ("aperture_sum_r3", "aperture_sum_r6", "psf_flux")


def pull(ts, name, truth):
    error = name.replace("_sum_", "_sum_err_") if "_sum_" in name else f"{name}_err"
    return (ts[name].value - truth) / ts[error].value


@pytest.fixture(scope="session")
def noisy_images():
    """Integrations of one image with independent Gaussian noise, (n, ny, nx) in float32."""

    def make(expected, sigma, seed, n=N):
        noise = np.random.default_rng(seed).standard_normal((n, *expected.shape), dtype=np.float32)
        noise *= sigma.astype(np.float32)
        noise += expected.astype(np.float32)
        return noise

    return make


@pytest.fixture(scope="session")
def population_median():
    """
    Median of pixels of different levels and noise.

    What the median of the sky strives to, where faint wings of the star lie on it. Without
    noise it would be another number, because a median is no linear estimator.
    """

    def solve(expected, sigma, footprint):
        level, scatter = expected[footprint], sigma[footprint]
        return brentq(lambda m: ndtr((m - level) / scatter).mean() - 0.5, level.min(), level.max() + 1.0)

    return solve


@pytest.fixture(scope="session")
def noiseless_truth():
    """What the same estimators give without noise and sky, the weights being the same."""

    def measure(expected, sigma, **settings):
        settings["background"] = None
        images, errors = (np.stack([part] * 9) for part in (expected, sigma))
        return TimeSeriesExtractor(**settings).extract(images, errors=errors)

    return measure


@pytest.fixture(scope="session")
def check_pulls():
    """Mean 0 and standard deviation 1 within 3.5 of their own standard errors."""

    def check(ts, truth, names=(*CENTRES, *WIDTHS, *SUMS), **known):
        n = len(ts)
        for name in (*known, *names):
            value = known[name] if name in known else np.median(truth[name].value)
            pulls = pull(ts, name, value)
            assert np.isfinite(pulls).all(), name
            assert abs(pulls.mean()) < 3.5 / np.sqrt(n), (name, pulls.mean())
            assert abs(pulls.std() - 1) < 3.5 / np.sqrt(2 * n), (name, pulls.std())

    return check
