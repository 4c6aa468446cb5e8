"""Bad pixels in the core: what is filled is no evidence, and what is flagged is what was touched."""

import numpy as np
import pytest
from astropy.time import Time

from nircam_tso import QualityFlag, TimeSeriesExtractor, good

SHAPE = (40, 52)
N = 12
TIMES = Time(60000 + np.arange(N) / 1000, format="mjd")


def stars(x, y, sx=1.2, sy=0.9, amplitude=2000.0):
    yy, xx = np.indices(SHAPE)
    x, y = np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float))
    return np.array(
        [
            amplitude * np.exp(-((xx - a) ** 2 / (2 * sx**2) + (yy - b) ** 2 / (2 * sy**2)))
            for a, b in zip(x, y, strict=True)
        ]
    )


def extract(data, **settings):
    errors = settings.pop("errors", np.full(data.shape, 3.0))
    settings = {"aperture_radii": [3, 5], "position": (26, 19), "background": None, **settings}
    return TimeSeriesExtractor(**settings).extract(data, times=TIMES[: len(data)], errors=errors)


def test_hole_in_the_core_does_not_draw_the_correlation_away():
    """Noiseless, the same pixel missing in every row."""
    data = stars(np.full(N, 26.3), 19.2)
    data[:, 19, 27] = np.nan
    ts = extract(data)
    assert (ts["quality"] == 0).all()
    np.testing.assert_allclose(ts["x_gauss"].value, 26.3, atol=1e-6)
    np.testing.assert_allclose(ts["x_cc"].value, 26.3, atol=0.004)
    np.testing.assert_allclose(ts["y_cc"].value, 19.2, atol=0.004)


@pytest.mark.parametrize("policy", ["scale", "nan", "ignore"])
def test_filled_pixel_is_no_evidence_for_the_fit(policy):
    """A star that jumps by 0.3 px: the series' median would pull its centre back."""
    x = np.full(N, 26.0)
    x[5] += 0.3
    data = stars(x, 19.0)
    data[5, 19, 26] = np.nan
    ts = extract(data, bad_pixels=policy)
    assert ts["x_gauss"][5].value == pytest.approx(26.3, abs=1e-6)
    # The correlation is told the hole by the row's own fit.
    assert ts["x_cc"][5].value == pytest.approx(26.3, abs=0.005)


def test_half_a_star_is_not_made_whole():
    data = stars(np.full(N, 26.3), 19.2)
    data[4, :, 26:] = np.nan
    ts = extract(data)
    assert np.isnan(ts["aperture_sum_r3"][4])
    assert "NAN_IN_APERTURE" in QualityFlag(int(ts["quality"][4])).names()
    assert ts["n_replaced"][4] == 0


def test_flags_follow_the_aperture():
    """A drift of 6 px: what is within the aperture depends on the row."""
    x = np.linspace(23, 29, N)
    data = stars(x, 19.0)
    data[0, 19, 19] = np.nan  # 4 px left of the star there
    data[11, 19, 20] = np.nan  # 9 px left of the star there
    ts = extract(data, aperture_radii=[5])
    assert QualityFlag(int(ts["quality"][0])).names() == ["NAN_IN_APERTURE"]
    assert ts["n_replaced"][0] == 1
    assert ts["quality"][11] == 0
    assert ts["n_replaced"][11] == 0


def test_a_row_without_data_does_not_make_saturation_vary(tmp_path):
    from astropy.io import fits

    from nircam_tso.simulate import simulate_exposure

    simulation = simulate_exposure(tmp_path, product="calints", n_integrations=10, shape=(40, 48), flux=4e5, seed=2)
    x, y = (round(float(simulation.truth[name][0].value)) for name in "xy")
    with fits.open(simulation.paths[0], mode="update") as hdus:
        hdus["DQ"].data[:, y, x] |= 2
        hdus["SCI"].data[4] = np.nan
        hdus["DQ"].data[4] = 1
    ts = TimeSeriesExtractor(aperture_radii=[3]).extract(simulation.paths)
    assert not ts.meta["saturation_varies"]
    assert np.flatnonzero(~good(ts)).tolist() == [4]
    assert (np.delete(ts["quality"], 4) == int(QualityFlag.SATURATED)).all()


def test_constant_bad_pixels_set_no_bit(tmp_path):
    from astropy.io import fits

    from nircam_tso.simulate import simulate_exposure

    simulation = simulate_exposure(tmp_path, product="calints", n_integrations=10, shape=(40, 48), flux=4e5, seed=2)
    x, y = (round(float(simulation.truth[name][0].value)) for name in "xy")
    with fits.open(simulation.paths[0], mode="update") as hdus:
        hdus["DQ"].data[:, y + 1, x] |= 1 + 4
    ts = TimeSeriesExtractor(aperture_radii=[3]).extract(simulation.paths)
    assert (ts["quality"] == 0).all()
    assert ts.meta["n_constant_bad"] == 1


def test_segment_without_variances(tmp_path):
    """Errors that are known for one segment only: flagged in the other, whatever the blocks."""
    from astropy.io import fits

    from nircam_tso.simulate import simulate_exposure

    simulation = simulate_exposure(
        tmp_path, product="calints", n_integrations=10, shape=(40, 48), flux=4e5, seed=2, segments=2
    )
    with fits.open(simulation.paths[1]) as hdus:
        for name in ("ERR", "VAR_POISSON", "VAR_RNOISE", "VAR_FLAT"):
            if name in hdus:
                del hdus[name]
        hdus.writeto(simulation.paths[1], overwrite=True)
    results = [
        TimeSeriesExtractor(aperture_radii=[3]).extract(simulation.paths, block_size=size) for size in (1, 4, 10)
    ]
    for ts in results:
        assert np.isfinite(ts["aperture_sum_r3"].value).all()
        flagged = (ts["quality"] & int(QualityFlag.ERR_INVALID)) != 0
        assert flagged.tolist() == [False] * 5 + [True] * 5
        assert np.isnan(ts["aperture_sum_err_r3"].value[5:]).all()
        assert np.array_equal(ts["quality"], results[0]["quality"])


def test_mask_of_the_only_image_is_left_out():
    data = stars([26.3], 19.2)
    mask = np.zeros(SHAPE, bool)
    mask[19, 27] = True
    ts = TimeSeriesExtractor(aperture_radii=[3], position=(26, 19), background=None).extract(data, mask=mask)
    assert np.isfinite(ts["aperture_sum_r3"][0])
    assert ts["aperture_area_r3"][0].value == pytest.approx(9 * np.pi - 1, rel=1e-12)


@pytest.mark.slow
def test_fit_pulls_with_a_bad_pixel_in_every_core():
    rng = np.random.default_rng(7)
    n = 600
    x, y = 26 + rng.normal(0, 0.1, n), 19 + rng.normal(0, 0.1, n)
    clean = stars(x, y)
    sigma = np.sqrt(clean + 25)
    data = clean + rng.normal(0, 1, clean.shape) * sigma
    data[np.arange(n), 19 + rng.integers(-1, 2, n), 26 + rng.integers(-1, 2, n)] = np.nan
    ts = TimeSeriesExtractor(aperture_radii=[4], position=(26, 19), background=None).extract(data, errors=sigma)
    for name, truth in (("x_gauss", x), ("y_gauss", y), ("x_cc", x), ("y_cc", y)):
        pull = (ts[name].value - truth) / ts[f"{name}_err"].value
        assert abs(pull.mean()) < 3.5 / np.sqrt(n)
        assert abs(pull.std() - 1) < 3.5 / np.sqrt(2 * n) + 0.02
