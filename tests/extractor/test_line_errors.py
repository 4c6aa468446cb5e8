"""1/f noise in the errors of single columns, and what the product says of it."""

import re

import numpy as np
import pytest
from astropy.time import Time

from nircam_tso import EllipseShape, LineBackground, TimeSeriesExtractor
from nircam_tso.measure.gaussian import evaluate_gaussians

SHAPE, X, Y = (56, 64), 33.4, 27.8


def series(n, s=15.0):
    star = evaluate_gaussians(SHAPE, *(np.array([v]) for v in (4000.0, X, Y, 1.4, 1.1, 0.3)))[0]
    data = np.random.default_rng(6).poisson(np.stack([star + 60.0] * n)).astype(float)
    return data + np.random.default_rng(9).normal(0, s, (n, SHAPE[0], 1))


def extract(data, **settings):
    times = Time(60000 + np.arange(len(data)) / 1000, format="mjd")
    return TimeSeriesExtractor(position=(X, Y), gain=1.0, read_noise=0.0, **settings).extract(data, times=times)


@pytest.mark.parametrize(("n", "said"), [(9, True), (12, False)])
def test_few_integrations_say_so(n, said):
    assert ("1/f noise" in str(extract(series(n)).meta["notes"])) is said


def test_median_of_two_is_none():
    ts = extract(series(2), striping="row", striping_reference="median")
    assert "fewer than 3 integrations" in str(ts.meta["notes"])
    assert np.isfinite(ts["aperture_sum_r3"].value).all()


@pytest.mark.parametrize("settings", [{}, {"striping": "row"}])
def test_columns_beside_the_sums(settings):
    ts = extract(series(150), **settings)
    for name in ("background", "x_centroid", "y_centroid", "y_cc", "y_gauss", "x_stddev", "amplitude", "fwhm"):
        values, errors = ts[name].value, ts[f"{name}_err"].value
        assert values.std() / np.sqrt(np.mean(errors**2)) == pytest.approx(1.0, abs=0.2), name


def test_sums_with_a_sky_of_columns():
    ts = extract(series(200), background=LineBackground("column"), aperture_radii=[8])
    ratio = ts["aperture_sum_r8"].value.std() / np.sqrt(np.mean(ts["aperture_sum_err_r8"].value ** 2))
    assert ratio == pytest.approx(1.0, abs=0.15)


def test_cosmic_rays_are_no_drift():
    data, hit = series(60, s=0.0), series(60, s=0.0)
    hit[np.random.default_rng(4).random(hit.shape) < 1e-3] += 9e4
    clean, dirty = (extract(part, clean="temporal", aperture_radii=[5]) for part in (data, hit))
    errors = [np.median(ts["aperture_sum_err_r5"].value) for ts in (clean, dirty)]
    assert errors[1] < 1.15 * errors[0]


def test_centre_of_light_within_a_mask():
    """Wider than the subframe and to one side, so that it holds lines of its own."""
    mask = np.zeros(SHAPE, bool)
    mask[14:44, 20:56] = True
    ts = extract(series(150), centroid_mask=mask)
    for name in ("x_centroid", "y_centroid"):
        values, errors = ts[name].value, ts[f"{name}_err"].value
        assert values.std() / np.sqrt(np.mean(errors**2)) == pytest.approx(1.0, abs=0.2), name


def test_an_integration_without_pixels_beside_shapes():
    """Of a row without a centre no shape is weighed; the others are as they were."""
    data = series(12)
    settings = {
        "background": LineBackground("row"),
        "aperture_radii": [5],
        "aperture_shapes": {"oval": EllipseShape(6, 4)},
        "center": "gaussian",
    }
    whole = extract(data, **settings)
    lost = data.copy()
    lost[7] = np.nan
    ts = extract(lost, **settings)
    assert np.isnan(ts["aperture_sum_oval"][7]) and np.isnan(ts["aperture_sum_err_oval"][7])
    others = np.arange(12) != 7
    np.testing.assert_allclose(ts["aperture_sum_oval"][others].value, whole["aperture_sum_oval"][others].value)
    assert np.isfinite(ts["aperture_sum_err_oval"][others].value).all()


def test_lines_that_the_star_covers_are_told():
    """Of a narrow frame the aperture leaves seven pixels and fewer of some columns."""
    data = series(12)[:, 20:36]
    settings = {"striping": "column", "aperture_radii": [5]}
    times = Time(60000 + np.arange(12) / 1000, format="mjd")
    extractor = TimeSeriesExtractor(position=(X, Y - 20), gain=1.0, read_noise=0.0, **settings)
    ts = extractor.extract(data, times=times)
    assert re.search(
        r"striping: \d+ lines have fewer than 8 pixels beside the star and keep their level", ts.meta["notes"]
    )
