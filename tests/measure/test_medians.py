import warnings

import numpy as np
import pytest
from astropy.stats import mad_std
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nircam_tso.measure.medians import MAD_TO_SIGMA, median_deviation, nan_median


def expected(values):
    """Median and median absolute deviation of what is finite, by numpy."""
    values = np.where(np.isfinite(values), values, np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        median = np.nanmedian(values, axis=0)
        return median, np.nanmedian(np.abs(values - median), axis=0)


@given(
    arrays(
        np.float64,
        st.tuples(st.integers(1, 40), st.integers(1, 7)),
        elements=st.one_of(
            st.floats(-1e6, 1e6), st.integers(-3, 3).map(float), st.sampled_from([np.nan, np.inf, -np.inf])
        ),
    )
)
@settings(max_examples=200, deadline=None)
def test_agrees_with_numpy(values):
    median, deviation = median_deviation(values)
    for ours, theirs in zip((median, deviation), expected(values), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(nan_median(values), median)


@pytest.mark.parametrize("n", [2, 15, 64, 129, 300])
def test_images_with_bad_pixels_levels_and_scales(n):
    rng = np.random.default_rng(n)
    values = rng.normal(50, 5, (n, 13, 47))
    bad = rng.random(values.shape) < 0.2
    bad[:, 3, 7] = True
    offset, scale = rng.normal(40, 3, n), rng.uniform(0.8, 1.3, n)
    known = np.where(bad, np.nan, (values - offset[:, None, None]) / scale[:, None, None])
    median, deviation = median_deviation(values, bad, offset=offset, scale=scale)
    for ours, theirs in zip((median, deviation), expected(known), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert np.isnan(median[3, 7])
    np.testing.assert_array_equal(nan_median(values, bad, offset=offset, scale=scale), median)


def test_many_pixels_are_those_of_few():
    """Threads share them, and the last piece is no whole one."""
    values = np.random.default_rng(8).normal(0, 1, (21, 60001)).astype(np.float32)
    median, deviation = median_deviation(values)
    np.testing.assert_array_equal(median, np.median(values.astype(float), axis=0))
    for part in (slice(0, 999), slice(29_000, 31_000), slice(60_000, None)):
        np.testing.assert_array_equal(median_deviation(values[:, part])[1], deviation[part])


def test_the_factor_is_that_of_a_normal_distribution():
    values = np.random.default_rng(2).normal(0, 3, 501)
    assert MAD_TO_SIGMA * median_deviation(values[:, None])[1][0] == pytest.approx(mad_std(values), rel=1e-12)
