"""From light to what a detector gives: photon noise, read noise, ramps, dead pixels."""

import numpy as np

from nircam_tso.simulate.read_noise import CorrelatedNoise
from nircam_tso.simulate.readout import frame_time_of

__all__ = ["Detector", "random_stream"]

_STREAMS = ("pointing", "photons", "reads", "defects", "drifts")


def random_stream(seed, name):
    """
    A generator of its own for one source of randomness.

    Parameters
    ----------
    seed : int
        Seed of the simulation.
    name : {"pointing", "photons", "reads", "defects", "drifts"}
        What it is for. Streams do not touch each other: switching on jitter does
        not change the photon noise.

    Returns
    -------
    `~numpy.random.Generator`
    """
    return np.random.default_rng([int(seed), _STREAMS.index(name)])


class Detector:
    """
    A detector that watches integrations go by, in order.

    Parameters
    ----------
    settings : SimulationSettings
        What to simulate.

    Notes
    -----
    Each stream of random numbers is drawn integration after integration, so the
    pixels do not depend on how many are asked for at once.
    """

    def __init__(self, settings):
        self.settings = settings
        self.readout = settings.readout
        self._photons = random_stream(settings.seed, "photons")
        self._reads = random_stream(settings.seed, "reads")
        self._drifts = random_stream(settings.seed, "drifts")
        self._correlated = None
        if settings.correlated_noise > 0:
            sign = 1 if settings.is_flipped else -1
            self._correlated = CorrelatedNoise(
                settings.shape,
                settings.correlated_noise,
                outputs=frame_time_of(settings.shape)[1],
                common=settings.common_noise,
                fast_axis=sign,
                slow_axis=-2 * sign,
            )
        n = settings.shape[0] * settings.shape[1]
        chosen = random_stream(settings.seed, "defects").permutation(n)[: round(settings.dead_fraction * n)]
        self.dead = np.zeros(n, dtype=bool)
        self.dead[chosen] = True
        self.dead = self.dead.reshape(settings.shape)

    @property
    def read_variance(self):
        """
        Variance of a rate from read noise, (electron/s)^2.

        The least-squares slope through equally noisy groups:
        12 s^2 / ((G^3 - G) t^2) (Robberto 2010, JWST-STScI-002161).
        """
        return self.settings.read_noise**2 * self._rate_of_reads

    @property
    def _rate_of_reads(self):
        """Variance of a rate for reads of unit variance, 1/s^2."""
        groups = self.readout.n_groups
        single = 1 / self.readout.n_frames
        if groups == 1:
            return single / self.readout.measured_time**2
        return 12 * single / ((groups**3 - groups) * self.readout.group_time**2)

    def poisson_variance(self, rate):
        """
        Variance of a rate from photon noise, (electron/s)^2.

        Parameters
        ----------
        rate : array
            Rate, electron/s; taken as at least one electron in the measured time.

        Returns
        -------
        array
        """
        time = self.readout.measured_time
        return np.maximum(rate, 1 / time) / time

    def rates(self, expected):
        """
        Rates of the next integrations.

        Parameters
        ----------
        expected : `~numpy.ndarray`, shape (b, ny, nx)
            Light, electron/s.

        Returns
        -------
        `~numpy.ndarray` of float64, shape (b, ny, nx)
            Electron/s, with the noise of `poisson_variance` and `read_variance`, and
            with 1/f noise that is not in them.
        """
        if not self.settings.noise:
            return np.array(expected)
        time = self.readout.measured_time
        electrons = self._photons.poisson(np.maximum(expected, 0) * time) / time
        rates = electrons + np.sqrt(self.read_variance) * self._reads.standard_normal(expected.shape)
        if self._correlated is not None:
            # A fit through independent frames is to their noise what it is to read noise.
            rates += np.sqrt(self._rate_of_reads) * self._correlated.frames(self._drifts, len(expected))
        return rates

    def ramps(self, expected):
        """
        Ramps of the next integrations: light adds up from frame to frame.

        Parameters
        ----------
        expected : `~numpy.ndarray`, shape (b, ny, nx)
            Light, electron/s.

        Returns
        -------
        `~numpy.ndarray` of float64, shape (b, groups, ny, nx)
            Electrons since the reset, each group the mean of its frames.
        """
        times = self.readout.read_times
        if not self.settings.noise:
            return expected[:, None] * times.mean(axis=1)[:, None, None]
        steps = np.diff(times.ravel(), prepend=0.0)
        light = np.maximum(expected, 0)[:, None] * steps[:, None, None]
        frames = np.cumsum(self._photons.poisson(light), axis=1, dtype=np.float64)
        groups = frames.reshape(len(expected), *times.shape, *expected.shape[1:]).mean(axis=2)
        noise = self.settings.read_noise / np.sqrt(self.readout.n_frames)
        groups += noise * self._reads.standard_normal(groups.shape)
        if self._correlated is not None:
            drifts = self._correlated.frames(self._drifts, len(expected) * len(times))
            groups += drifts.reshape(groups.shape) / np.sqrt(self.readout.n_frames)
        return groups
