"""A weak-lens star under 1/f noise: an aperture of 70 pixels, its sky beside the light."""

import numpy as np
import pytest
from astropy.time import Time

from nircam_tso import AnnulusBackground, FrameBackground, TimeSeriesExtractor
from nircam_tso.simulate import weak_lens_psf
from nircam_tso.simulate.read_noise import CorrelatedNoise

N = 600
SHAPE = (256, 256)
PLACE = (129.3, 126.8)


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(3)
    expected = 2e6 * np.maximum(weak_lens_psf(SHAPE, position=PLACE), 0) + 20
    drifts = CorrelatedNoise(SHAPE, 4.0)
    result = np.empty((N, *SHAPE), np.float32)
    for k in range(0, N, 50):
        result[k : k + 50] = rng.normal(expected, np.sqrt(expected + 144), (50, *SHAPE))
        result[k : k + 50] += drifts.frames(rng, 50)
    return result


@pytest.mark.slow
@pytest.mark.parametrize("striping", [None, "row"])
@pytest.mark.parametrize("background", [FrameBackground(exclude_radius=90), AnnulusBackground(85, 120)])
def test_error_of_seventy_pixels(images, background, striping):
    extractor = TimeSeriesExtractor(
        aperture_radii=[70],
        position=PLACE,
        subframe_shape=(41, 41),
        background=background,
        center="fixed",
        striping=striping,
        gain=1.0,
        read_noise=12.0,
    )
    ts = extractor.extract(images, times=Time(60000 + np.arange(N) / 1000, format="mjd"))
    # The scatter of 600 rows is sure to 3 %.
    ratio = ts["aperture_sum_r70"].value.std() / np.median(ts["aperture_sum_err_r70"].value)
    assert ratio == pytest.approx(1.0, abs=0.1)
    assert ts["background"].value.std() / np.median(ts["background_err"].value) == pytest.approx(1.0, abs=0.15)
