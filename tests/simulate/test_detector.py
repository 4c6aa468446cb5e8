"""Noise: its mean, variance and covariance against the formulas of its sources."""

import numpy as np
import pytest

from nircam_tso.simulate import SimulationSettings
from nircam_tso.simulate.detector import Detector

READ = {"n_groups": 4, "n_frames": 2, "group_gap": 1, "frame_time": 2.0, "read_noise": 12.0, "seed": 5}
N = 4000


def detector(**changes):
    return Detector(SimulationSettings(**{"shape": (4, 6), "n_integrations": N, **READ, **changes}))


def near(values, expected, variance):
    """Every mean within 4.5 of its standard errors."""
    return np.all(np.abs(values - expected) < 4.5 * np.sqrt(variance / N))


def test_rates():
    watch = detector()
    light = np.broadcast_to(np.linspace(0.5, 400, 24).reshape(4, 6), (N, 4, 6))
    rates = watch.rates(light)
    # Photons counted over 3 group times of 6 s.
    variance = light[0] / 18.0 + 12 * (144 / 2) / ((64 - 4) * 36.0)
    np.testing.assert_allclose(watch.poisson_variance(light[0]) + watch.read_variance, variance)
    assert near(rates.mean(axis=0), light[0], variance)
    assert np.all(np.abs(rates.var(axis=0) / variance - 1) < 4.5 * np.sqrt(2 / N) * 1.5)


def test_a_line_fitted_through_the_reads_has_the_read_variance():
    watch = detector(read_noise=20.0)
    ramps = watch.ramps(np.zeros((N, 4, 6)))
    slopes = np.polyfit(np.arange(4) * 6.0, ramps.transpose(1, 0, 2, 3).reshape(4, -1), 1)[0]
    assert slopes.var() == pytest.approx(watch.read_variance, rel=4.5 * np.sqrt(2 / slopes.size))


def test_ramps_add_up():
    watch = detector()
    light = np.full((N, 4, 6), 50.0)
    ramps = watch.ramps(light)
    assert ramps.shape == (N, 4, 4, 6)
    # Frames are read 2, 4, then 8, 10 s ... after the reset; a group is a pair's mean.
    times = np.array([[2, 4], [8, 10], [14, 16], [20, 22]], dtype=float)
    means = 50 * times.mean(axis=1)
    # Two counts at t1 < t2 share the photons until t1.
    share = np.minimum(times.ravel()[:, None], times.ravel())
    covariance = 50 * share.reshape(4, 2, 4, 2).mean(axis=(1, 3)) + np.diag(np.full(4, 144 / 2))
    assert near(ramps.mean(axis=(2, 3)).mean(axis=0), means, np.diag(covariance) / 24)
    measured = np.cov(ramps.transpose(1, 0, 2, 3).reshape(4, -1))
    scatter = np.sqrt((covariance**2 + np.outer(np.diag(covariance), np.diag(covariance))) / (24 * N))
    assert np.all(np.abs(measured - covariance) < 4.5 * scatter)


def test_without_noise():
    watch = detector(noise=False)
    light = np.full((2, 4, 6), 3.0)
    np.testing.assert_array_equal(watch.rates(light), light)
    np.testing.assert_allclose(watch.ramps(light)[0, :, 0, 0], [9, 27, 45, 63])


@pytest.mark.parametrize("what", ["rates", "ramps"])
def test_blocks_do_not_matter(what):
    light = np.random.default_rng(1).uniform(0, 90, (11, 4, 6))
    whole = getattr(detector(), what)(light)
    watch = detector()
    parts = [getattr(watch, what)(light[i : i + 4]) for i in range(0, 11, 4)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_one_group():
    watch = detector(n_groups=1, n_frames=1, group_gap=0)
    assert watch.readout.measured_time == 2.0
    assert watch.read_variance == 144 / 4.0


def test_dead_pixels():
    settings = SimulationSettings(shape=(50, 40), dead_fraction=0.01, seed=2)
    dead = Detector(settings).dead
    assert dead.shape == (50, 40)
    assert dead.sum() == 20
    assert not np.array_equal(dead, Detector(settings.changed(seed=3)).dead)
