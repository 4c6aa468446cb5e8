"""1/f noise: its spectrum, its order, and what outputs share."""

import numpy as np
import pytest

from nircam_tso.simulate import SimulationSettings
from nircam_tso.simulate.detector import Detector
from nircam_tso.simulate.read_noise import CorrelatedNoise

SHAPE = (24, 40)


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def test_spectrum(rng):
    """Variance of the pixels, of means of rows, and of whole frames, against sums over 1/f."""
    n = 4000
    frames = CorrelatedNoise(SHAPE, 3.0).frames(rng, n)
    times = (np.arange(24)[:, None] * 52 + np.arange(40)).ravel()
    k = np.arange(1, 24 * 52)
    waves = np.exp(2j * np.pi * k[:, None] * times / (2 * 24 * 52)).reshape(len(k), 24, 40)
    for axes, values in (((), frames), ((2,), frames.mean(axis=2)), ((1, 2), frames.mean(axis=(1, 2)))):
        gain = np.abs(waves.mean(axis=axes) if axes else waves) ** 2
        expected = (9.0 / k.reshape(-1, *[1] * (gain.ndim - 1)) * gain).sum(axis=0)
        measured = values.var(axis=0)
        assert np.all(np.abs(measured / expected - 1) < 5 * np.sqrt(2 / n))
    assert CorrelatedNoise(SHAPE, 3.0).variance == pytest.approx((9.0 / k).sum(), rel=1e-3)


def test_covariance_along_rows(rng):
    """Pixels of a row some columns apart, against the sum of cosines that 1/f makes."""
    n = 6000
    frames = CorrelatedNoise(SHAPE, 3.0).frames(rng, n)
    k = np.arange(1, 24 * 52)
    for lag in (1, 5, 20, 39):
        expected = (9.0 / k * np.cos(2 * np.pi * k * lag / (2 * 24 * 52))).sum()
        per_frame = (frames[:, :, : 40 - lag] * frames[:, :, lag:]).mean(axis=(1, 2))
        assert per_frame.mean() == pytest.approx(expected, abs=4.5 * per_frame.std() / np.sqrt(n))
    # The last pixel of a row and the first of the next are 13 samples apart.
    per_frame = (frames[:, :-1, -1] * frames[:, 1:, 0]).mean(axis=1)
    expected = (9.0 / k * np.cos(2 * np.pi * k * 13 / (2 * 24 * 52))).sum()
    assert per_frame.mean() == pytest.approx(expected, abs=4.5 * per_frame.std() / np.sqrt(n))


def test_slope_of_the_spectrum(rng):
    """Power falls as 1 / f over two decades, with the level that is asked for."""
    # One line, read without a break.
    frames = CorrelatedNoise((1, 2048), 2.0).frames(rng, 400)[:, 0]
    window = np.hanning(2048)
    power = (np.abs(np.fft.rfft(frames * window)) ** 2).mean(axis=0) / (window**2).sum()
    frequency = np.arange(power.size) / 2048
    band = (frequency > 0.002) & (frequency < 0.05)
    slope, level = np.polyfit(np.log(frequency[band]), np.log(power[band]), 1)
    assert slope == pytest.approx(-1, abs=0.03)
    # Two-sided density per sample: the variance per e-fold, 4, halved, over f.
    assert np.exp(level) == pytest.approx(4.0 / 2, rel=0.1)


@pytest.mark.parametrize(("fast", "slow"), [(1, 2), (-1, 2), (1, -2), (-1, -2), (2, 1), (-2, 1), (2, -1), (-2, -1)])
def test_order_of_readout(fast, slow):
    shape = SHAPE if abs(fast) == 1 else SHAPE[::-1]
    (plain,) = CorrelatedNoise(SHAPE, 1.0, outputs=2).frames(np.random.default_rng(3), 1)
    (frame,) = CorrelatedNoise(shape, 1.0, outputs=2, fast_axis=fast, slow_axis=slow).frames(
        np.random.default_rng(3), 1
    )
    assert frame.shape == shape
    turned = frame if abs(fast) == 1 else frame.T
    turned = turned[::-1] if slow < 0 else turned
    # Each output reads its own half.
    halves = [half[:, ::-1] if fast < 0 else half for half in (turned[:, :20], turned[:, 20:])]
    np.testing.assert_array_equal(np.hstack(halves), plain)


@pytest.mark.parametrize("common", [0.0, 0.3, 1.0])
def test_what_outputs_share(rng, common):
    frames = CorrelatedNoise(SHAPE, 2.0, outputs=4, common=common).frames(rng, 3000)
    first, last = frames[:, :, :10], frames[:, :, 30:]
    correlation = (first * last).mean() / (first**2).mean()
    assert correlation == pytest.approx(common, abs=0.06)
    beside = CorrelatedNoise(SHAPE, 2.0, outputs=4).variance
    assert frames.var() == pytest.approx(beside, rel=0.06)


def test_outputs_must_divide_a_line():
    with pytest.raises(ValueError, match="outputs: 3 do not divide a line of 40 pixels"):
        CorrelatedNoise(SHAPE, 1.0, outputs=3)


READ = {"shape": (16, 20), "n_integrations": 60, "n_groups": 3, "n_frames": 2, "frame_time": 2.0, "seed": 4}


def test_rates_have_the_variance_of_a_fit_through_the_frames():
    settings = SimulationSettings(**READ, flux=0, sky=0, read_noise=0, correlated_noise=6.0)
    rates = Detector(settings).rates(np.zeros((3000, 16, 20)))
    # A line through three groups of two frames each: half of a frame's variance, over twice a group time squared.
    expected = CorrelatedNoise((16, 20), 6.0).variance / 2 / (2 * 4.0**2)
    assert rates.var() == pytest.approx(expected, rel=0.06)
    ramps = Detector(settings).ramps(np.zeros((1000, 16, 20)))
    assert ramps.var() == pytest.approx(CorrelatedNoise((16, 20), 6.0).variance / 2, rel=0.06)


def test_it_changes_nothing_else_and_does_not_depend_on_blocks():
    light = np.full((6, 16, 20), 30.0)
    plain, noisy = (Detector(SimulationSettings(**READ, correlated_noise=c)) for c in (0.0, 5.0))
    added = noisy.rates(light) - plain.rates(light)
    # Rows are far more alike than chance would have it.
    assert added.mean(axis=2).std() > 0.5 * added.std()
    again = Detector(SimulationSettings(**READ, correlated_noise=5.0))
    parts = np.concatenate([again.rates(light[:2]), again.rates(light[2:])])
    np.testing.assert_allclose(parts, plain_plus(light, added), rtol=0, atol=1e-9)


def plain_plus(light, added):
    return Detector(SimulationSettings(**READ)).rates(light) + added


@pytest.mark.parametrize("changes", [{"correlated_noise": -1}, {"common_noise": 1.5}, {"common_noise": np.nan}])
def test_settings_out_of_range(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        SimulationSettings(**changes)


def test_rows_run_as_the_header_says():
    """FASTAXIS 1 and SLOWAXIS -2, or the reverse, by the detector's mounting."""
    frames = []
    for detector in ("NRCB1", "NRCB2"):
        settings = SimulationSettings(**READ, detector=detector, read_noise=0, correlated_noise=5.0)
        frames.append(Detector(settings).rates(np.zeros((1, 16, 20)))[0])
    np.testing.assert_array_equal(frames[0], frames[1][::-1, ::-1])
