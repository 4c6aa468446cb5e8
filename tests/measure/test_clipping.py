import numpy as np
import pytest
from astropy.stats import SigmaClip, sigma_clip
from hypothesis import given, settings
from hypothesis import strategies as st
from photutils.background import MeanBackground, MedianBackground

from nircam_tso.measure.clipping import clipped_statistics


def contaminated(rng, shape, fraction=0.03):
    data = rng.normal(100, 5, shape)
    stars = rng.random(shape) < fraction
    return data + stars * rng.exponential(80, shape)


def reference(data, clip):
    """Median, mean, standard deviation and count by numpy and astropy."""
    kept = data if clip is None else clip(np.ma.masked_invalid(data), axis=1, masked=False)
    kept = [row[np.isfinite(row)] for row in kept]
    functions = (np.median, np.mean, np.std, len)
    return [np.array([f(row) if len(row) or f is len else np.nan for row in kept]) for f in functions]


@pytest.mark.parametrize("n", [3, 10, 11, 257, 1024, 1025, 3600, 20001])
@pytest.mark.parametrize("fraction", [0.0, 0.03, 0.3])
def test_agrees_with_astropy(n, fraction):
    data = contaminated(np.random.default_rng(n), (6, n), fraction)
    ours = clipped_statistics(data, np.arange(n))
    median, mean, std, count = reference(data, SigmaClip(3, maxiters=5))
    np.testing.assert_array_equal(ours.median, median)
    np.testing.assert_allclose(ours.mean, mean, rtol=1e-13)
    np.testing.assert_allclose(ours.std, std, rtol=1e-12)
    np.testing.assert_array_equal(ours.n_kept, count)
    np.testing.assert_array_equal(ours.n_good, n)
    np.testing.assert_array_equal(ours.median, MedianBackground(sigma_clip=SigmaClip(3, maxiters=5))(data, axis=1))


@pytest.mark.parametrize(
    ("settings", "clip"),
    [
        ({"rounds": 0}, None),
        ({"rounds": 1}, SigmaClip(3, maxiters=1)),
        ({"rounds": 10, "lower": 2.0, "upper": 4.0}, SigmaClip(3, sigma_lower=2, sigma_upper=4, maxiters=10)),
        ({"rounds": 10**9, "lower": 1.6, "upper": 1.6}, SigmaClip(1.6, maxiters=None)),
        ({"centre": "mean"}, SigmaClip(3, maxiters=5, cenfunc="mean")),
        ({"lower": np.inf}, SigmaClip(3, sigma_lower=np.inf, maxiters=5)),
    ],
)
def test_other_clippings(settings, clip):
    data = contaminated(np.random.default_rng(8), (5, 4000), 0.1)
    ours = clipped_statistics(data, np.arange(4000), **settings)
    median, mean, std, count = reference(data, clip)
    np.testing.assert_array_equal(ours.median, median)
    np.testing.assert_allclose(ours.mean, mean, rtol=1e-13)
    np.testing.assert_allclose(ours.std, std, rtol=1e-12)
    np.testing.assert_array_equal(ours.n_kept, count)
    if clip is not None:
        np.testing.assert_allclose(ours.mean, MeanBackground(sigma_clip=clip)(data, axis=1), rtol=1e-13)


@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 60),
    heavy=st.sampled_from([0.3, 1.0, 3.0]),
    rounds=st.integers(1, 6),
    sigma=st.floats(1.05, 4.0),
)
def test_agrees_with_astropy_on_wild_samples(seed, n, heavy, rounds, sigma):
    rng = np.random.default_rng(seed)
    data = np.sign(rng.normal(size=(1, n))) * rng.exponential(1, (1, n)) ** heavy
    ours = clipped_statistics(data, np.arange(n), lower=sigma, upper=sigma, rounds=rounds)
    median, mean, std, count = reference(data, SigmaClip(sigma, maxiters=rounds))
    assert ours.n_kept[0] == count[0]
    np.testing.assert_array_equal(ours.median, median)
    np.testing.assert_allclose(ours.mean, mean, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(ours.std, std, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("outlier", [1e3, 1e6, 1e9])
@pytest.mark.parametrize("scatter", [0.0, 1e-6, 1.0])
def test_what_is_left_out_leaves_no_rounding(outlier, scatter):
    """Sums over all values hold nothing of those that are left, if others are so much larger."""
    data = 100 + scatter * np.random.default_rng(11).normal(0, 1, (1, 6000))
    data[0, 17::700] = outlier
    ours = clipped_statistics(data, np.arange(6000))
    median, mean, std, count = reference(data, SigmaClip(3, maxiters=5))
    np.testing.assert_array_equal(ours.n_kept, count)
    np.testing.assert_array_equal(ours.median, median)
    np.testing.assert_allclose(ours.mean, mean, rtol=1e-13)
    # What 100 and a millionth cannot tell of its square.
    np.testing.assert_allclose(ours.std, std, rtol=1e-7, atol=1e-13)


def test_the_last_limits_decide():
    # A sample whose median moves, so that a value cut in one round lies within the last limits.
    found = False
    for seed in range(3000):
        data = np.random.default_rng(seed).exponential(1, (1, 12)) ** 3
        clip = SigmaClip(1.0, maxiters=4)
        _, low, high = clip(data, axis=1, return_bounds=True)
        forgetful = np.count_nonzero((data >= low) & (data <= high))
        remembering = sigma_clip(data[0], sigma=1.0, maxiters=4, axis=None, masked=False).size
        if forgetful != remembering:
            found = True
            ours = clipped_statistics(data, np.arange(12), lower=1.0, upper=1.0, rounds=4)
            assert ours.n_kept[0] == forgetful
            assert ours.median[0] == np.median(data[(data >= low) & (data <= high)])
    assert found


@pytest.mark.parametrize("n", [40, 5000])
def test_pixels_and_bad_ones(n):
    rng = np.random.default_rng(n)
    data = contaminated(rng, (4, n))
    bad = rng.random((4, n)) < 0.1
    pixels = np.flatnonzero(rng.random(n) < 0.7)
    data[:, 5] = np.nan
    data[1, 6:9] = np.inf
    hidden = np.where(bad, 1e30, data)
    ours = clipped_statistics(hidden, pixels, bad=bad)
    expected = reference(np.where(bad, np.nan, data)[:, pixels], SigmaClip(3, maxiters=5))
    np.testing.assert_array_equal(ours.median, expected[0])
    np.testing.assert_allclose(ours.mean, expected[1], rtol=1e-13)
    np.testing.assert_array_equal(ours.n_kept, expected[3])
    np.testing.assert_array_equal(ours.n_good, np.isfinite(np.where(bad, np.nan, data)[:, pixels]).sum(axis=1))
    one = clipped_statistics(data, pixels, bad=bad[2:3])
    same = clipped_statistics(data, pixels, bad=np.repeat(bad[2:3], 4, axis=0))
    np.testing.assert_array_equal(one.mean, same.mean)


def test_nothing_gives_nan():
    data = np.full((2, 30), np.nan)
    data[1, :4] = 3.0
    ours = clipped_statistics(data, np.arange(30))
    np.testing.assert_array_equal(ours.n_good, [0, 4])
    np.testing.assert_array_equal(ours.median, [np.nan, 3])
    np.testing.assert_array_equal(ours.std, [np.nan, 0])
    assert np.isnan(clipped_statistics(data, np.array([], int)).mean).all()


@pytest.mark.parametrize("shape", ["constant", "two values", "sorted", "sawtooth", "few values", "outlier"])
def test_awkward_samples(shape):
    # Of a length with a bracket; the sample that sets it is taken at even steps.
    n = 8000
    rng = np.random.default_rng(0)
    row = {
        "constant": np.full(n, 1.1),
        "two values": np.where(np.arange(n) % 2, 4.0, 7.0),
        "sorted": np.sort(rng.normal(size=n)),
        "sawtooth": np.arange(n) % 10 + rng.normal(0, 0.01, n),
        "few values": rng.poisson(3, n).astype(float),
        "outlier": np.append(rng.normal(size=n - 1), 1e12),
    }[shape]
    ours = clipped_statistics(row[np.newaxis], np.arange(n))
    median, mean, std, count = reference(row[np.newaxis], SigmaClip(3, maxiters=5))
    assert ours.median[0] == median[0]
    assert ours.n_kept[0] == count[0]
    np.testing.assert_allclose(ours.mean, mean, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(ours.std, std, rtol=1e-10, atol=1e-12)


def test_results_do_not_depend_on_the_block():
    data = contaminated(np.random.default_rng(4), (9, 3000))
    whole = clipped_statistics(data, np.arange(3000))
    for b in range(9):
        part = clipped_statistics(data[b : b + 1], np.arange(3000))
        for ours, same in zip(part, whole, strict=True):
            np.testing.assert_array_equal(ours, same[b : b + 1])


@pytest.mark.parametrize("n", [5, 130, 3001, 50_000])
@pytest.mark.parametrize("fraction", [0.0, 0.03, 0.3])
def test_short_numbers_are_measured_as_long_ones(n, fraction):
    """Values of float32 are not widened, and give the numbers of the same values as float64."""
    short = contaminated(np.random.default_rng(n + 1), (5, n), fraction).astype(np.float32)
    ours = clipped_statistics(short, np.arange(n))
    for value, other in zip(ours, clipped_statistics(short.astype(float), np.arange(n)), strict=True):
        np.testing.assert_array_equal(value, other)
    median, mean, std, count = reference(short.astype(float), SigmaClip(3, maxiters=5))
    np.testing.assert_array_equal(ours.median, median)
    np.testing.assert_allclose(ours.mean, mean, rtol=1e-13)
    np.testing.assert_allclose(ours.std, std, rtol=1e-12)
    np.testing.assert_array_equal(ours.n_kept, count)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_alike_values_crowd_about_the_limits(dtype):
    """More of them than there is room for: whole numbers with few steps between the limits."""
    rng = np.random.default_rng(4)
    data = np.rint(rng.normal(1000, 1.7, (4, 40_000)))
    data[:, :200] = 1006.0
    ours = clipped_statistics(data.astype(dtype), np.arange(40_000))
    median, mean, std, count = reference(data, SigmaClip(3, maxiters=5))
    np.testing.assert_array_equal(ours.median, median)
    np.testing.assert_allclose(ours.mean, mean, rtol=1e-13)
    np.testing.assert_allclose(ours.std, std, rtol=1e-12)
    np.testing.assert_array_equal(ours.n_kept, count)


def test_rows_of_very_different_levels():
    """Where the last row's median was is of no use for the next."""
    rng = np.random.default_rng(6)
    data = (
        rng.normal(0, 1, (12, 5000)) * 10.0 ** rng.integers(-3, 4, 12)[:, None]
        + 10.0 ** rng.integers(0, 7, 12)[:, None]
    )
    ours = clipped_statistics(data, np.arange(5000))
    median, mean, std, count = reference(data, SigmaClip(3, maxiters=5))
    np.testing.assert_array_equal(ours.median, median)
    assert (np.abs(ours.mean - mean) < 1e-9 * std).all()
    np.testing.assert_allclose(ours.std, std, rtol=1e-9)
    np.testing.assert_array_equal(ours.n_kept, count)
