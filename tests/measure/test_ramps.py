import math

import numpy as np
import pytest

from nircam_tso.measure.ramps import reduce_ramps, saturated_groups, slope_weights
from nircam_tso.quality import DQ_BITS

SHAPE = (5, 8)
MODES = ("last-first", "slope", "groups")


@pytest.fixture
def rng():
    return np.random.default_rng(480)


def simulate_ramps(rng, n, rate, *, groups, frames, gap, read_noise, gain):
    """Frame by frame: photons arrive, every frame is read, a group is the mean of its frames."""
    counts = np.cumsum(rng.poisson(rate, (n, groups * (frames + gap))), axis=1)
    reads = counts + rng.normal(0, read_noise, counts.shape)
    reads = reads.reshape(n, groups, frames + gap)[:, :, :frames]
    return (reads.mean(axis=2) / gain)[:, :, np.newaxis, np.newaxis]


READOUTS = [
    pytest.param({"groups": 6, "frames": 1, "gap": 0}, id="RAPID"),
    pytest.param({"groups": 5, "frames": 4, "gap": 1}, id="SHALLOW4"),
    pytest.param({"groups": 4, "frames": 8, "gap": 12}, id="DEEP8"),
    pytest.param({"groups": 2, "frames": 3, "gap": 0}, id="two groups"),
]


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("rate", [0.0, 3.0, 200.0])
@pytest.mark.parametrize("ramp", MODES)
@pytest.mark.parametrize("weights", ["optimal", "plain"])
def test_variance_is_that_of_simulated_frames(rng, readout, rate, ramp, weights):
    n, gain, read_noise = 20000, 2.1, 11.0
    data = simulate_ramps(rng, n, rate, read_noise=read_noise, gain=gain, **readout)
    steps, frames_a_group = readout["groups"] - 1, readout["frames"] + readout["gap"]
    signal = np.full((1, 1), rate * steps * frames_a_group / gain)
    reduced = reduce_ramps(
        data,
        ramp=ramp,
        group_time=7.0,
        gain=gain,
        read_noise=read_noise,
        n_frames=readout["frames"],
        group_gap=readout["gap"],
        signal=signal if weights == "optimal" else None,
    )
    true = reduced.image.var(axis=0, ddof=1).mean()
    # A variance of 20 000 Gaussian numbers is sure to 1 %; without a smooth signal the
    # estimate itself scatters, and negative photon noise is cut off.
    tolerance = 0.045 if weights == "optimal" or rate else 0.4
    assert reduced.variance.mean() == pytest.approx(true, rel=tolerance)
    truth = {"last-first": signal.item(), "slope": signal.item() / (7.0 * steps), "groups": signal.item() / steps}[ramp]
    assert reduced.image.mean() == pytest.approx(truth, abs=5 * math.sqrt(true / n))


def test_last_first_variance_is_the_formula():
    groups, frames, gap, t_frame, gain, read_noise, rate = 7, 8, 12, 10.73676, 1.8, 15.0, 40.0
    t_group = t_frame * (frames + gap)
    signal = np.full(SHAPE, rate * t_group * (groups - 1) / gain)
    reduced = reduce_ramps(
        np.zeros((2, groups, *SHAPE)),
        gain=gain,
        read_noise=read_noise,
        n_frames=frames,
        group_gap=gap,
        group_time=t_group,
        signal=signal,
    )
    expected = rate * t_frame * ((groups - 1) * (frames + gap) - (frames**2 - 1) / (3 * frames))
    expected += 2 * read_noise**2 / frames
    np.testing.assert_allclose(reduced.variance, expected / gain**2, rtol=1e-13)


def covariance_of_groups(rate, read_noise, groups, frames, gap):
    """Covariance of groups out of all frames: each pair shares the photons up to the earlier."""
    n = groups * (frames + gap)
    of_frames = rate * np.minimum.outer(np.arange(1, n + 1), np.arange(1, n + 1)) + read_noise**2 * np.eye(n)
    mean = np.zeros((groups, n))
    for g in range(groups):
        mean[g, g * (frames + gap) : g * (frames + gap) + frames] = 1 / frames
    return mean @ of_frames @ mean.T


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("rate", [0.01, 2.0, 500.0])
def test_slope_weights_are_generalised_least_squares(readout, rate):
    groups, frames, gap = readout["groups"], readout["frames"], readout["gap"]
    read_noise, gain = 12.0, 1.7
    covariance = covariance_of_groups(rate, read_noise, groups, frames, gap)
    # Intercept and slope by the textbook: (A' C^-1 A)^-1 A' C^-1.
    design = np.stack([np.ones(groups), np.arange(groups)], axis=1)
    inverse = np.linalg.inv(covariance)
    normal = np.linalg.inv(design.T @ inverse @ design)
    estimator = (normal @ design.T @ inverse)[1]
    signal = np.full((1, 1), rate * (groups - 1) * (frames + gap) / gain)
    options = {"gain": gain, "read_noise": read_noise, "n_frames": frames, "group_gap": gap}
    weights = slope_weights(groups - 1, signal, **options)[:, 0, 0]
    of_groups = -np.diff(weights, prepend=0, append=0)
    np.testing.assert_allclose(of_groups, estimator, rtol=1e-8, atol=1e-10)
    reduced = reduce_ramps(np.zeros((1, groups, 1, 1)), ramp="slope", group_time=1.0, signal=signal, **options)
    assert reduced.variance.item() == pytest.approx(normal[1, 1] / gain**2, rel=1e-8)


def test_plain_slope_is_a_straight_line_fit(rng):
    data = rng.normal(0, 1, (3, 9, *SHAPE))
    slopes = reduce_ramps(data, ramp="slope", group_time=2.5).image
    fits = np.polyfit(2.5 * np.arange(9), np.moveaxis(data, 1, 0).reshape(9, -1), 1)[0]
    np.testing.assert_allclose(slopes.ravel(), fits, rtol=1e-10, atol=1e-13)


def test_pixels_without_noise_get_plain_weights():
    weights = slope_weights(4, np.array([[0.0, -5.0, 100.0]]), gain=1.0, read_noise=[[0.0, 0.0, 0.0]])
    np.testing.assert_allclose(weights[:, 0, 0], slope_weights(4)[:, 0, 0], rtol=1e-14)
    np.testing.assert_allclose(weights[:, 0, 1], slope_weights(4)[:, 0, 0], rtol=1e-14)
    np.testing.assert_allclose(weights[:, 0, 2], 0.25, rtol=1e-14)


def test_optimal_weights_are_never_worse_than_plain_ones(rng):
    signal = 10 ** rng.uniform(-2, 6, SHAPE)
    options = {"gain": 1.9, "read_noise": rng.uniform(5, 20, SHAPE), "n_frames": 4, "group_gap": 1}
    data = np.zeros((1, 8, *SHAPE))
    best = reduce_ramps(data, ramp="slope", group_time=1.0, signal=signal, **options).variance
    ends = reduce_ramps(data, ramp="last-first", signal=signal, **options).variance / 49
    assert (best <= ends * (1 + 1e-12)).all()
    plain = slope_weights(7)
    covariances = [
        covariance_of_groups(signal[j, i] * 1.9 / 35, options["read_noise"][j, i], 8, 4, 1)
        for j in range(SHAPE[0])
        for i in range(SHAPE[1])
    ]
    z = -np.diff(plain[:, 0, 0], prepend=0, append=0)
    ordinary = np.array([z @ c @ z for c in covariances]).reshape(SHAPE) / 1.9**2
    assert (best[0] <= ordinary * (1 + 1e-12)).all()


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32, np.float64, ">u2"])
def test_linear_ramps_are_exact_in_every_mode(dtype):
    start = np.arange(40).reshape(SHAPE) * 100
    step = np.arange(40).reshape(SHAPE) * 3 - 20
    data = (5000 + start + step * np.arange(7)[:, np.newaxis, np.newaxis])[np.newaxis].astype(dtype)
    options = {"group_time": 4.0, "gain": 2.0, "read_noise": 9.0, "signal": np.maximum(6.0 * step, 0)}
    np.testing.assert_array_equal(reduce_ramps(data, **options).image[0], 6 * step)
    np.testing.assert_array_equal(
        reduce_ramps(data, ramp="groups", **options).image[0], np.broadcast_to(step, (6, *SHAPE))
    )
    slopes = reduce_ramps(data, ramp="slope", **options).image[0]
    np.testing.assert_allclose(slopes, step / 4.0, rtol=1e-13, atol=1e-14)
    assert slopes.dtype == np.float64


def test_unsigned_counts_do_not_wrap():
    data = np.array([100, 90, 80], np.uint16).reshape(1, 3, 1, 1)
    assert reduce_ramps(data).image.item() == -20
    np.testing.assert_array_equal(reduce_ramps(data, ramp="groups").image.ravel(), [-10, -10])
    assert reduce_ramps(data, ramp="slope", group_time=2).image.item() == pytest.approx(-5)


@pytest.mark.parametrize("ramp", MODES)
def test_group_range_is_that_part_of_the_ramp(rng, ramp):
    data = rng.normal(100, 10, (4, 9, *SHAPE))
    dq = rng.integers(0, 2**32, data.shape, dtype=np.uint32)
    options = {"ramp": ramp, "group_time": 3.0, "gain": 2.0, "read_noise": 8.0, "n_frames": 4, "group_gap": 1}
    some = reduce_ramps(data, group_range=(2, 6), signal=np.full(SHAPE, 40.0), dq=dq, **options)
    alone = reduce_ramps(data[:, 2:7], signal=np.full(SHAPE, 40.0), dq=dq[:, 2:7], **options)
    for ours, same in zip(some, alone, strict=True):
        np.testing.assert_array_equal(ours, same)
    whole = reduce_ramps(data, group_range=(0, 8), **options)
    np.testing.assert_array_equal(whole.image, reduce_ramps(data, **options).image)


@pytest.mark.parametrize("ramp", MODES)
@pytest.mark.parametrize("with_signal", [True, False])
def test_results_do_not_depend_on_the_block(rng, ramp, with_signal):
    data = rng.normal(100, 10, (7, 6, *SHAPE))
    options = {
        "ramp": ramp,
        "group_time": 3.0,
        "gain": rng.uniform(1.5, 2.5, SHAPE),
        "read_noise": rng.uniform(5, 15, SHAPE),
        "signal": rng.uniform(0, 100, SHAPE) if with_signal else None,
    }
    whole = reduce_ramps(data, **options)
    for step in (1, 3):
        for start in range(0, 7, step):
            s = slice(start, start + step)
            part = reduce_ramps(data[s], **options)
            np.testing.assert_array_equal(part.image, whole.image[s])
            np.testing.assert_array_equal(part.variance, whole.variance[s])


def test_given_variances_are_propagated(rng):
    data = rng.normal(0, 1, (2, 5, *SHAPE))
    variance = rng.uniform(1, 4, data.shape)
    last_first = reduce_ramps(data, variance=variance)
    np.testing.assert_allclose(last_first.variance, variance[:, 4] + variance[:, 0], rtol=1e-14)
    groups = reduce_ramps(data, ramp="groups", variance=variance)
    np.testing.assert_allclose(groups.variance, variance[:, 1:] + variance[:, :-1], rtol=1e-14)
    slope = reduce_ramps(data, ramp="slope", group_time=2.0, variance=variance)
    weights = np.array([-0.2, -0.1, 0, 0.1, 0.2]) / 2.0
    expected = (weights[:, np.newaxis, np.newaxis] ** 2 * variance).sum(axis=1)
    np.testing.assert_allclose(slope.variance, expected, rtol=1e-12)
    assert reduce_ramps(data, gain=2.0).variance is None


def test_noise_without_a_smooth_signal_comes_from_the_integration_itself():
    data = np.zeros((2, 3, 1, 2))
    data[1, 2] = [[100.0, -100.0]]
    reduced = reduce_ramps(data, gain=2.0, read_noise=6.0)
    np.testing.assert_allclose(reduced.variance[:, 0], [[18, 18], [18 + 50, 18]], rtol=1e-14)
    steps = reduce_ramps(data, ramp="groups", gain=2.0, read_noise=6.0)
    np.testing.assert_allclose(steps.variance[1, :, 0], [[18 + 25, 18], [18 + 25, 18]], rtol=1e-14)


def test_dq_of_the_groups_used():
    jump, saturated, unusable = DQ_BITS["JUMP_DET"], DQ_BITS["SATURATED"], DQ_BITS["DO_NOT_USE"]
    dq = np.zeros((1, 4, 1, 3), np.uint32)
    dq[0, 1, 0, 0] = jump
    dq[0, 3, 0, 1] = saturated
    dq[0, :, 0, 2] = unusable
    data = np.zeros(dq.shape)
    np.testing.assert_array_equal(reduce_ramps(data, dq=dq).dq[0, 0], [jump, saturated, unusable])
    # A jump found in group 1 came between 0 and 1: it is not in the difference of 1 and 2.
    np.testing.assert_array_equal(reduce_ramps(data, dq=dq, group_range=(1, 2)).dq[0, 0], [0, 0, unusable])
    steps = reduce_ramps(data, ramp="groups", dq=dq).dq[0, :, 0]
    np.testing.assert_array_equal(steps, [[jump, 0, unusable], [0, 0, unusable], [0, saturated, unusable]])
    flat = reduce_ramps(data, ramp="groups", dq=dq[:, 3]).dq
    np.testing.assert_array_equal(flat, np.repeat(dq[:, 3:], 3, axis=1))
    np.testing.assert_array_equal(reduce_ramps(data, dq=dq[:, 3]).dq, dq[:, 3])
    assert reduce_ramps(data).dq is None


def test_nan_stays_in_its_pixel():
    data = np.arange(12.0).reshape(1, 3, 1, 4)
    data[0, 1, 0, 2] = np.nan
    assert np.isfinite(reduce_ramps(data).image).all()
    np.testing.assert_array_equal(
        np.isnan(reduce_ramps(data, ramp="slope", group_time=1).image[0, 0]), [False, False, True, False]
    )


@pytest.mark.parametrize("ramp", MODES)
def test_one_group_has_no_difference(ramp):
    with pytest.raises(ValueError, match="NGROUPS is 1"):
        reduce_ramps(np.zeros((2, 1, 4, 5)), ramp=ramp, group_time=1.0)


@pytest.mark.parametrize("group_range", [(0, 0), (3, 1), (-1, 2), (0, 4), (0, 1.5), (False, True)])
def test_group_range_is_checked(group_range):
    with pytest.raises(ValueError, match="group_range: "):
        reduce_ramps(np.zeros((2, 4, 4, 5)), group_range=group_range)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ramp": "fit"}, "ramp: 'fit' is none of last-first, slope, groups"),
        ({"ramp": "slope"}, "group_time: a slope needs"),
        ({"group_time": 0}, "group_time: 0 must be"),
        ({"frame_time": np.nan}, "frame_time: nan must be"),
        ({"gain": 0}, "gain: must be finite and above 0"),
        ({"read_noise": [-1.0] * 5}, "read_noise: must be finite and at least 0"),
        ({"n_frames": 0}, "n_frames: must be"),
        ({"group_gap": -1}, "group_gap: must be"),
        ({"signal": np.zeros((5, 4))}, "signal: shape"),
        ({"variance": np.zeros((2, 4, 5))}, "variance: shape"),
        ({"dq": np.zeros((4, 5), np.uint32)}, "dq: shape"),
    ],
)
def test_arguments_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        reduce_ramps(np.zeros((2, 4, 4, 5)), **options)


def test_one_ramp_needs_an_axis():
    with pytest.raises(ValueError, match=r"one ramp is data\[None\]"):
        reduce_ramps(np.zeros((4, 4, 5)))
    with pytest.raises(ValueError, match=r"one ramp is data\[None\]"):
        saturated_groups(np.zeros((4, 4, 5)), 1.0)


def test_group_time_follows_from_the_frame_time():
    data = np.arange(4.0).reshape(1, 4, 1, 1)
    given = reduce_ramps(data, ramp="slope", group_time=2.5, n_frames=4, group_gap=1).image
    derived = reduce_ramps(data, ramp="slope", frame_time=0.5, n_frames=4, group_gap=1).image
    np.testing.assert_array_equal(given, derived)


def test_saturated_groups():
    data = np.zeros((2, 4, 2, 3), np.uint16)
    data[:] = (np.arange(1, 5) * 100)[:, np.newaxis, np.newaxis]
    data[1, 0, 1, 2] = 60000
    first = saturated_groups(data, 300.0)
    assert first.shape == (2, 2, 3)
    assert (first[0] == 2).all()
    assert first[1, 1, 2] == 0
    levels = np.array([[100.5, 401, 50], [np.nan, 400, 200]])
    np.testing.assert_array_equal(saturated_groups(data, levels)[0], [[1, 4, 0], [4, 3, 1]])
    with pytest.raises(ValueError, match="saturation: shape"):
        saturated_groups(data, levels.T)
    with pytest.raises(ValueError, match="saturation: must be above 0"):
        saturated_groups(data, 0)
