"""Gaussian fits of stars that no one here made."""

import numpy as np
import pytest
from astropy.io import fits

from nircam_tso.measure.gaussian import fit_gaussians

STARS = [(50.91, 27.50), (18.78, 45.96), (49.38, 52.74), (57.17, 73.19)]


@pytest.mark.parametrize("size", [9, 11, 15, 21])
@pytest.mark.parametrize("weighted", [False, True])
def test_nircam_stars(realdata, size, weighted):
    with fits.open(realdata / "jwst_nircam_f444w_cutout.fits") as hdus:
        data = hdus["SCI"].data.astype(float) - np.nanmedian(hdus["SCI"].data)
        weights = 1 / hdus["ERR"].data.astype(float) ** 2
        bad = hdus["DQ"].data & 1 != 0
    for x, y in STARS:
        left, low = round(x) - size // 2, round(y) - size // 2
        part = np.s_[low : low + size, left : left + size]
        found = fit_gaussians(
            data[part][None], x - left, y - low, weights=weights[part] if weighted else None, bad=bad[part]
        )
        assert found.status[0] == 0
        assert found.x[0] + left == pytest.approx(x, abs=0.02)
        assert found.y[0] + low == pytest.approx(y, abs=0.02)
        assert 0.95 < found.x_stddev[0] < 1.05
        assert 0.95 < found.y_stddev[0] < 1.05


# The second and third start are the brightest pixels, on the rim of the saturated core.
@pytest.mark.parametrize("start", [(65.0, 94.0), (65.0, 97.0), (62.0, 93.0), (70.0, 97.0)])
@pytest.mark.parametrize("background", [False, True])
def test_saturated_fgs_star(realdata, start, background):
    with fits.open(realdata / "jwst_fgs_acq1_uncal.fits") as hdus:
        groups = hdus["SCI"].data.astype(float)
    left, low = 55, 84
    stamps = (groups[:, 1] - groups[:, 0])[:, low : low + 21, left : left + 21]
    found = fit_gaussians(stamps, start[0] - left, start[1] - low, fit_background=background)
    assert not found.status.any()
    np.testing.assert_allclose(found.x + left, 64.6, atol=0.2)
    np.testing.assert_allclose(found.y + low, 94.25, atol=0.1)
    assert (np.maximum(found.x_stddev, found.y_stddev) < 1.2 * np.minimum(found.x_stddev, found.y_stddev)).all()
