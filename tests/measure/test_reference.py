"""The median image, and what is filled from it."""

import numpy as np
import pytest

from nircam_tso.measure.reference import fill_holes, replace_transients, sample_rows, series_reference


@pytest.mark.parametrize("n", [1, 2, 5, 63, 64, 65, 1000, 40001])
def test_sample_is_even_and_holds_both_ends(n):
    rows = sample_rows(n)
    assert len(rows) == min(n, 64)
    assert rows[0] == 0
    assert rows[-1] == n - 1
    steps = np.diff(rows)
    if len(rows) > 1:
        assert steps.min() >= 1
        assert steps.max() - steps.min() <= 1


def star(scale=1.0, shape=(18, 25)):
    y, x = np.indices(shape)
    return scale * 100 * np.exp(-((x - 14.2) ** 2 / 8 + (y - 7.6) ** 2 / 4))


def test_median_of_scaled_integrations():
    scales = np.array([0.8, 1.0, 1.1, 1.0, 0.9])
    images = np.stack([star(s) for s in scales])
    window = star() > 1
    reference = series_reference(images, np.zeros(images.shape, bool), window)
    # Scaled to the median flux, every integration is the same image.
    np.testing.assert_allclose(reference.image, star(), rtol=1e-12)
    assert reference.scatter.max() < 1e-10
    assert not reference.constant_bad.any()


def test_constant_and_passing_bad_pixels():
    images = np.stack([star()] * 5)
    bad = np.zeros(images.shape, bool)
    bad[:3, 4, 9] = True
    bad[:2, 9, 4] = True
    images[bad] = np.nan
    reference = series_reference(images, bad)
    assert np.argwhere(reference.constant_bad).tolist() == [[4, 9]]
    assert reference.image[4, 9] == 0
    assert reference.image[9, 4] == star()[9, 4]


def test_one_integration_has_no_constant_bad_pixels():
    image = star()
    image[3, 2] = np.nan
    reference = series_reference(image[None], np.isnan(image)[None])
    assert not reference.constant_bad.any()
    assert np.isnan(reference.scatter).all()


def test_scatter_is_a_standard_deviation():
    rng = np.random.default_rng(5)
    images = rng.normal(0, 3.0, (64, 40, 50))
    scatter = series_reference(images, np.zeros(images.shape, bool)).scatter
    # The median absolute deviation of 64 normal values: mean 1 within its sampling error.
    assert np.mean(scatter) == pytest.approx(3.0, rel=0.03)


def test_replaced_by_the_scaled_reference():
    images = np.stack([star(s) for s in (1.0, 1.0, 1.0, 0.5)])
    good = series_reference(np.stack([star()] * 4), np.zeros((4, 18, 25), bool))
    bad = np.zeros(images.shape, bool)
    bad[3, 7, 14] = bad[3, 0, 0] = True
    images[bad] = 1e6
    # A constant bad pixel is not to be filled, and must not spoil the scale.
    good.constant_bad[8, 13] = True
    images[:, 8, 13] = np.nan
    window = star() > 1
    variance, filled = replace_transients(images, bad, good, window)
    assert images[3, 7, 14] == pytest.approx(0.5 * star()[7, 14], rel=1e-12)
    assert np.argwhere(filled).tolist() == [[3, 0, 0], [3, 7, 14]]
    # Beyond the window, too, though it tells nothing of the scale.
    assert images[3, 0, 0] == pytest.approx(0.5 * star()[0, 0], rel=1e-12)
    assert variance[3, 7, 14] == 0


def test_nothing_to_replace():
    images = np.stack([star()] * 3)
    reference = series_reference(images, np.zeros(images.shape, bool))
    assert replace_transients(images, np.zeros(images.shape, bool), reference, star() > 1) == (None, None)


def test_a_corner_of_the_star_tells_nothing_of_the_rest():
    images = np.stack([star()] * 3)
    reference = series_reference(images, np.zeros(images.shape, bool))
    bad = np.zeros(images.shape, bool)
    bad[1, :, 12:] = True
    _, filled = replace_transients(images, bad, reference, star() > 1)
    assert not filled.any()


def test_all_bad_stays_bad():
    images = np.stack([star()] * 3)
    reference = series_reference(images, np.zeros(images.shape, bool))
    bad = np.zeros(images.shape, bool)
    bad[1] = True
    _, filled = replace_transients(images, bad, reference, star() > 1)
    assert not filled.any()


def test_holes_take_the_mean_of_good_neighbours():
    image = np.arange(20.0).reshape(1, 4, 5)
    holes = np.zeros(image.shape, bool)
    holes[0, 1, 2] = holes[0, 1, 3] = True
    image[holes] = np.nan
    fill_holes(image, holes)
    assert image[0, 1, 2] == np.mean([1, 2, 3, 6, 11, 12, 13])
    assert image[0, 1, 3] == np.mean([2, 3, 4, 9, 12, 13, 14])


def test_nothing_is_made_of_no_light():
    """A series without any light, and a window that holds none of it, tell no scale."""
    dark = np.zeros((3, 5, 7))
    bad = np.zeros(dark.shape, bool)
    bad[1, 2, 3] = True
    stars = np.stack([star()] * 3)
    spoiled = np.zeros(stars.shape, bool)
    spoiled[1, 2, 3] = True
    for images, holes, window in (
        (dark, bad, np.ones((5, 7), bool)),
        (stars, spoiled, np.zeros(stars.shape[1:], bool)),
    ):
        reference = series_reference(images, np.zeros(images.shape, bool))
        before = images.copy()
        variance, filled = replace_transients(images, holes, reference, window)
        assert not filled.any() and not variance.any()
        np.testing.assert_array_equal(images, before)
