"""Errors: by their formula, and by the scatter of simulated integrations."""

import numpy as np
import pytest
from photutils.aperture import CircularAperture

from nircam_tso import AnnulusBackground, FrameBackground, QualityFlag, TimeSeriesExtractor

SHAPE = (60, 96)
X, Y = 70.3, 22.6


def star():
    y, x = np.indices(SHAPE)
    return 3000 * np.exp(-((x - X) ** 2 / (2 * 1.3**2) + (y - Y) ** 2 / (2 * 1.0**2)))


@pytest.mark.parametrize("background", [FrameBackground(), AnnulusBackground(12, 20)])
def test_error_of_a_sum(background):
    """Overlaps squared times variances, and the sky's own error over the whole area."""
    rng = np.random.default_rng(3)
    sigma = rng.uniform(2, 6, (9, *SHAPE))
    data = star() + 40 + rng.normal(0, 1, sigma.shape) * sigma
    ts = TimeSeriesExtractor(aperture_radii=[3, 8.5], position=(X, Y), center="fixed", background=background).extract(
        data, errors=sigma
    )
    for radius in (3, 8.5):
        weights = CircularAperture((X, Y), radius).to_mask(method="exact").to_image(SHAPE)
        pixels = np.sum(weights**2 * sigma**2, axis=(1, 2))
        sky = np.pi * radius**2 * ts["background_err"].value
        np.testing.assert_allclose(ts[f"aperture_sum_err_r{radius:g}"].value, np.sqrt(pixels + sky**2), rtol=1e-12)
        assert (sky**2 / pixels).max() > 0.005


@pytest.mark.slow
@pytest.mark.parametrize("background", [FrameBackground(), AnnulusBackground(12, 20)])
def test_pulls(background):
    """A star far from the middle of a frame that is not square; noise that is known."""
    rng = np.random.default_rng(21)
    n = 800
    expected = star() + 40
    sigma = np.sqrt(expected + 25)
    data = expected + rng.normal(0, 1, (n, *SHAPE)) * sigma
    settings = {"aperture_radii": [3, 6], "position": (X, Y), "background": background, "center": "median"}
    extractor = TimeSeriesExtractor(**settings)
    ts = extractor.extract(data, errors=np.broadcast_to(sigma, data.shape))
    # The truth is what the same estimator gives without noise.
    truth = extractor.extract(np.stack([expected] * 9), errors=np.stack([sigma] * 9))
    for name in (
        "background", "x_cc", "y_cc", "x_centroid", "y_centroid", "x_gauss", "y_gauss", "x_stddev", "y_stddev",
        "amplitude", "aperture_sum_r3", "aperture_sum_r6", "psf_flux",
    ):  # fmt: skip
        error = ts[name.replace("sum_r", "sum_err_r") if "sum_r" in name else f"{name}_err"].value
        pull = (ts[name].value - np.median(truth[name].value)) / error
        assert abs(pull.mean()) < 3.5 / np.sqrt(n), name
        assert abs(pull.std() - 1) < 3.5 / np.sqrt(2 * n), name


@pytest.mark.parametrize("template", ["median", None])
def test_a_series_without_any_light(template):
    """There is nothing to correlate with, and nothing to find: rows, their sums and flags, and no exception."""
    ts = TimeSeriesExtractor(aperture_radii=[4], template=template, background=None).extract(np.zeros((5, 36, 44)))
    assert (ts["aperture_sum_r4"].value == 0).all()
    assert np.isnan(ts["x_gauss"].value).all()
    assert ((ts["quality"] & int(QualityFlag.FIT_FAILED)) != 0).all()
