"""From light to what a detector gives: photon noise, read noise, ramps, bad pixels, events."""

import numpy as np

from nircam_tso.quality import DQ_BITS
from nircam_tso.simulate.events import EventMaker
from nircam_tso.simulate.jwst_headers import subarray_corner
from nircam_tso.simulate.read_noise import CorrelatedNoise
from nircam_tso.simulate.streams import random_stream

__all__ = ["Detector"]


class Detector:
    """
    A detector that watches integrations go by, in order.

    Parameters
    ----------
    settings : SimulationSettings
        What to simulate.

    Attributes
    ----------
    dead, hot, reference : `~numpy.ndarray` of bool, shape (ny, nx)
        Pixels that are so in every integration.
    events : EventMaker
        Cosmic rays, saturation and lost values.

    Notes
    -----
    Each stream of random numbers is drawn integration after integration, so the
    pixels do not depend on how many are asked for at once.
    """

    def __init__(self, settings):
        self.settings = settings
        self.readout = settings.readout
        self._done = 0
        self._photons = random_stream(settings.seed, "photons")
        self._reads = random_stream(settings.seed, "reads")
        self._drifts = random_stream(settings.seed, "drifts")
        self._correlated = None
        if settings.correlated_noise > 0:
            sign = 1 if settings.is_flipped else -1
            self._correlated = CorrelatedNoise(
                settings.shape,
                settings.correlated_noise,
                outputs=settings.outputs,
                common=settings.common_noise,
                fast_axis=sign,
                slow_axis=-2 * sign,
            )
        self._choose_pixels()
        self.events = EventMaker(settings, self.dead | self.reference)

    def _choose_pixels(self):
        settings, pixels = self.settings, self.settings.pixels
        n = settings.shape[0] * settings.shape[1]
        self.reference = np.zeros(settings.shape, dtype=bool)
        if pixels is not None and pixels.reference:
            column, row = subarray_corner(settings)
            rows, columns = (
                first + np.arange(count) for first, count in zip((row, column), settings.shape, strict=True)
            )
            self.reference |= ((rows <= 4) | (rows > 2044))[:, None] | (columns <= 4) | (columns > 2044)
        order = random_stream(settings.seed, "defects").permutation(n)
        n_dead = round(settings.dead_fraction * n)
        n_hot = min(round(pixels.hot_fraction * n), n - n_dead) if pixels is not None else 0
        flags = np.zeros((2, n), dtype=bool)
        flags[0, order[:n_dead]] = True
        flags[1, order[n_dead : n_dead + n_hot]] = True
        self.dead, self.hot = flags.reshape(2, *settings.shape) & ~self.reference
        self._response = self._dark = None
        if pixels is not None and pixels.response_scatter > 0:
            scatter = random_stream(settings.seed, "responses").standard_normal(settings.shape)
            self._response = np.maximum(1 + pixels.response_scatter * scatter, 0)
        if n_hot:
            self._dark = np.zeros(settings.shape)
            random = random_stream(settings.seed, "hot pixels")
            self._dark[self.hot] = pixels.hot_rate * random.exponential(1.0, self.hot.sum())

    @property
    def constant_dq(self):
        """Bits that a pixel has in every integration, uint32 of shape (ny, nx)."""
        dead = np.where(self.dead, DQ_BITS["DO_NOT_USE"] | DQ_BITS["DEAD"], 0)
        reference = np.where(self.reference, DQ_BITS["DO_NOT_USE"] | DQ_BITS["REFERENCE_PIXEL"], 0)
        return (dead | reference | np.where(self.hot, DQ_BITS["HOT"], 0)).astype(np.uint32)

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

    def poisson_variance(self, rate, time=None):
        """
        Variance of a rate from photon noise, (electron/s)^2.

        Parameters
        ----------
        rate : array
            Rate, electron/s; taken as at least one electron in the measured time.
        time : array, optional
            Seconds that the rate comes from; None is the whole measured time.

        Returns
        -------
        array
        """
        whole = self.readout.measured_time
        return np.maximum(rate, 1 / whole) / (whole if time is None else time)

    def collected(self, expected):
        """
        What the pixels collect.

        Parameters
        ----------
        expected : `~numpy.ndarray`, shape (b, ny, nx)
            Light, electron/s.

        Returns
        -------
        `~numpy.ndarray` of float64, shape (b, ny, nx)
            Electron/s: the light times the pixels' responses, and dark current.
        """
        light = self._seen(expected)
        return light if self._dark is None else light + self._dark

    def _seen(self, expected):
        """The light as the pixels respond to it."""
        light = expected if self._response is None else expected * self._response
        return light * ~self.reference if self.reference.any() else light

    def _reset_level(self):
        """Electrons that a reset leaves in each group, shape (groups,)."""
        reset = self.settings.reset
        return reset.offset * np.exp(-self.readout.read_times / reset.time).mean(axis=1)

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
            with 1/f noise that is not in them. NaN where an event left no rate.
        """
        first = self._done
        self._done += len(expected)
        light = self.collected(expected)
        if self.settings.noise:
            time = self.readout.measured_time
            rates = self._photons.poisson(np.maximum(self._seen(expected), 0) * time) / time
            if self._dark is not None:
                # From a stream of its own: a Poisson draw takes more random numbers the larger it is.
                for k, rate in enumerate(rates):
                    random = random_stream(self.settings.seed, "hot pixels", first + k)
                    rate[self.hot] += random.poisson(self._dark[self.hot] * time) / time
            rates += np.sqrt(self.read_variance) * self._reads.standard_normal(light.shape)
            if self._correlated is not None:
                # A fit through independent frames is to their noise what it is to read noise.
                rates += np.sqrt(self._rate_of_reads) * self._correlated.frames(self._drifts, len(light))
        else:
            rates = np.array(light)
        if self.settings.reset is not None:
            level = self._reset_level()
            rates += (level[-1] - (level[0] if level.size > 1 else 0.0)) / self.readout.measured_time
        if self.events.active:
            self._shorten(rates, first, light)
        return rates

    def _shorten(self, rates, first, light):
        """Lay events over rates: what was not found, the noise of shorter ramps, and NaN."""
        events = self.events.of(first, light)
        rates += events.added
        if self.settings.noise:
            lengthened = np.maximum(light, 0) * (1 / events.photon_time - 1 / self.readout.measured_time)
            lengthened += self.settings.read_noise**2 * (events.read_factor - self._rate_of_reads)
            for k in range(len(rates)):
                short = (events.dq[k] != 0) & ~events.lost[k]
                random = random_stream(self.settings.seed, "shorter ramps", first + k)
                rates[k][short] += np.sqrt(np.maximum(lengthened[k][short], 0)) * random.standard_normal(short.sum())
        rates[events.lost] = np.nan

    def noise_of(self, first, expected, rates):
        """
        Variances of rates, by photons and by reads, (electron/s)^2.

        Parameters
        ----------
        first : int
            Zero-based number of the first integration.
        expected : callable
            Gives their light, (b, ny, nx) electron/s; called only if events need it.
        rates : `~numpy.ndarray`, shape (b, ny, nx)
            Rates that the photon noise comes from, electron/s.

        Returns
        -------
        photons, reads : array
            NaN where there is no rate.
        events : Events or None
            None where none can happen.
        """
        if not self.events.active:
            return self.poisson_variance(rates), self.read_variance, None
        events = self.events.of(first, self.collected(expected()))
        photons = self.poisson_variance(rates, events.photon_time)
        reads = self.settings.read_noise**2 * events.read_factor
        photons[events.lost] = reads[events.lost] = np.nan
        return photons, reads, events

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
        settings, times = self.settings, self.readout.read_times
        light = self._seen(expected)
        groups = np.empty((len(light), len(times), *settings.shape))
        noise = settings.read_noise / np.sqrt(self.readout.n_frames)
        for ramp, seen in zip(groups, light, strict=True):
            self._fill(ramp, seen)
            if settings.noise:
                ramp += noise * self._reads.standard_normal(ramp.shape)
                if self._correlated is not None:
                    drifts = self._correlated.frames(self._drifts, len(times))
                    ramp += drifts / np.sqrt(self.readout.n_frames)
            if settings.reset is not None:
                ramp += self._reset_level()[:, None, None]
                if settings.noise:
                    random = random_stream(settings.seed, "resets", self._done)
                    ramp += settings.reset.noise * random.standard_normal(settings.shape)
            self._done += 1
        return groups

    def _fill(self, ramp, light):
        """Let one integration's charge add up, frame by frame."""
        times, settings = self.readout.read_times, self.settings
        if not settings.noise and not self.events.active:
            light = light if self._dark is None else light + self._dark
            ramp[:] = light * times.mean(axis=1)[:, None, None]
            return
        hits = self.events.hits(self._done)
        light, charge = np.maximum(light, 0), np.zeros(light.shape)
        random = random_stream(settings.seed, "hot pixels", self._done)
        steps = np.diff(times.ravel(), prepend=0.0).reshape(times.shape)
        for g, group in enumerate(ramp):
            group[:] = 0
            for f, step in enumerate(steps[g]):
                charge += self._photons.poisson(light * step) if settings.noise else light * step
                if self._dark is not None:
                    dark = self._dark[self.hot] * step
                    charge[self.hot] += random.poisson(dark) if settings.noise else dark
                here = hits.frame == g * times.shape[1] + f
                np.add.at(charge.reshape(-1), hits.pixel[here], hits.charge[here])
                group += charge if settings.saturation is None else np.minimum(charge, settings.saturation)
            group /= times.shape[1]
