"""What befalls single pixels in single integrations: cosmic rays, saturation, lost values."""

from dataclasses import dataclass

import numpy as np

from nircam_tso.quality import DQ_BITS
from nircam_tso.simulate.streams import random_stream

__all__ = ["EventMaker", "Events", "Hits"]

#: Standard deviations over which the outlier step finds what the jump step has left.
_OUTLIER_SIGMA = 5.0


@dataclass(frozen=True)
class Hits:
    """
    Charge that cosmic rays leave in one integration.

    Attributes
    ----------
    pixel : `~numpy.ndarray` of int
        Flat indices, (row times columns plus column); a pixel may come more than once.
    frame : `~numpy.ndarray` of int
        The first frame, of those that are kept, that has the charge.
    charge : `~numpy.ndarray` of float64
        Electrons.
    """

    pixel: np.ndarray
    frame: np.ndarray
    charge: np.ndarray


@dataclass(frozen=True)
class Events:
    """
    What the events of some integrations do to their rates, arrays of shape (b, ny, nx).

    Attributes
    ----------
    dq : `~numpy.ndarray` of uint32
        SATURATED, JUMP_DET, DO_NOT_USE.
    lost : `~numpy.ndarray` of bool
        No rate is left.
    photon_time : `~numpy.ndarray` of float64
        Seconds of light that the rate comes from.
    read_factor : `~numpy.ndarray` of float64
        Variance of the rate for reads of unit variance, 1/s^2.
    added : `~numpy.ndarray` of float64
        Charge that was not found, electron/s.
    """

    dq: np.ndarray
    lost: np.ndarray
    photon_time: np.ndarray
    read_factor: np.ndarray
    added: np.ndarray


class EventMaker:
    """
    The events of an exposure, integration by integration.

    Parameters
    ----------
    settings : SimulationSettings
        What to simulate.
    dead : `~numpy.ndarray` of bool, shape (ny, nx)
        Pixels that see nothing.

    Notes
    -----
    Each integration has random numbers of its own, so that what is asked twice is told
    twice the same.

    The rate of a ramp with jumps is that of the pipeline: each run of groups between two
    jumps has its own slope, and the slopes are averaged. Its photon noise is that of the
    time within the runs, and the weights ``12 / (n^3 - n)`` of runs of n groups add up
    for its read noise. Groups from the first saturated one on are left out. With less
    than two groups in every run there is no rate.
    """

    def __init__(self, settings, dead):
        self.settings, self._dead = settings, dead.ravel()
        self._readout = settings.readout
        self._shape = settings.shape

    @property
    def active(self):
        """Whether anything can happen at all."""
        settings = self.settings
        return settings.cosmic_rays is not None or settings.saturation is not None or self._nan_fraction > 0

    @property
    def _nan_fraction(self):
        return self.settings.pixels.nan_fraction if self.settings.pixels is not None else 0.0

    def hits(self, number):
        """
        Cosmic rays of one integration.

        Parameters
        ----------
        number : int
            Zero-based number of the integration.

        Returns
        -------
        Hits
            Empty where there are none.
        """
        rays, readout = self.settings.cosmic_rays, self._readout
        nothing = np.zeros(0, dtype=np.intp)
        if rays is None:
            return Hits(nothing, nothing, np.zeros(0))
        ny, nx = self._shape
        random = random_stream(self.settings.seed, "cosmic rays", number)
        n = random.poisson(rays.rate * ny * nx * readout.integration_time)
        frame = np.searchsorted(readout.read_times.ravel(), random.uniform(0, readout.integration_time, n))
        y, x = random.uniform(-0.5, ny - 0.5, n), random.uniform(-0.5, nx - 0.5, n)
        length, angle = random.exponential(1.0, n) * rays.length, random.uniform(0, 2 * np.pi, n)
        charge = rays.charge * np.exp(rays.spread * random.standard_normal(n))
        # The track in steps of a quarter of a pixel at most, each in the pixel that it lies in.
        steps = 1 + (4 * length).astype(int)
        ray = np.repeat(np.arange(n), steps)
        along = (np.arange(ray.size) - np.repeat(np.cumsum(steps) - steps, steps) + 0.5) / steps[ray] * length[ray]
        column = np.rint(x[ray] + along * np.cos(angle[ray])).astype(np.intp)
        row = np.rint(y[ray] + along * np.sin(angle[ray])).astype(np.intp)
        seen = (row >= 0) & (row < ny) & (column >= 0) & (column < nx)
        pixel, ray = (row * nx + column)[seen], ray[seen]
        # One entry for each pixel of each ray, and none for pixels that see nothing.
        key, index = np.unique(ray * (ny * nx) + pixel, return_inverse=True)
        ray, pixel = key // (ny * nx), key % (ny * nx)
        charge = charge[ray] * np.bincount(index, minlength=key.size) / steps[ray]
        kept = ~self._dead[pixel] & (frame[ray] < readout.read_times.size)
        return Hits(pixel[kept], frame[ray][kept], charge[kept])

    def read_factor(self, groups):
        """
        Variance of a slope through some groups for reads of unit variance.

        Parameters
        ----------
        groups : `~numpy.ndarray` or int
            Number of groups, from 2.

        Returns
        -------
        array
            1/s^2.
        """
        groups = np.asarray(groups, dtype=np.float64)
        return 12 / self._readout.n_frames / ((groups**3 - groups) * self._readout.group_time**2)

    def of(self, first, light):
        """
        Events of some integrations.

        Parameters
        ----------
        first : int
            Zero-based number of the first integration.
        light : `~numpy.ndarray`, shape (b, ny, nx)
            What the pixels collect, electron/s.

        Returns
        -------
        Events
        """
        readout, n_groups = self._readout, self._readout.n_groups
        whole = self.read_factor(n_groups) if n_groups > 1 else 1 / readout.n_frames / readout.measured_time**2
        dq = np.zeros(light.shape, dtype=np.uint32)
        lost = np.zeros(light.shape, dtype=bool)
        photon_time = np.full(light.shape, readout.measured_time)
        read_factor = np.full(light.shape, float(whole))
        added = np.zeros(light.shape)
        left = np.full(light.shape, n_groups)
        if self.settings.saturation is not None:
            # A group counts while its last frame is below the level.
            filled = self.settings.saturation / np.maximum(light, 1e-300)
            left = np.searchsorted(readout.read_times[:, -1], filled)
            short = left < n_groups
            dq[short] |= DQ_BITS["SATURATED"]
            lost |= left < min(2, n_groups)
            some = short & ~lost
            photon_time[some] = readout.group_time * (left[some] - 1)
            read_factor[some] = self.read_factor(left[some])
        for k in range(len(light)):
            self._rays(
                first + k,
                *(array[k].ravel() for array in (light, left)),
                *(array[k].reshape(-1) for array in (dq, lost, photon_time, read_factor, added)),
            )
            if self._nan_fraction > 0:
                random = random_stream(self.settings.seed, "lost values", first + k)
                lost[k] |= random.random(self._shape) < self._nan_fraction
        dq[lost] |= DQ_BITS["DO_NOT_USE"]
        return Events(dq, lost, photon_time, read_factor, added)

    def _rays(self, number, light, left, dq, lost, photon_time, read_factor, added):
        """Lay the cosmic rays of an integration into its flat maps."""
        hits, readout, rays = self.hits(number), self._readout, self.settings.cosmic_rays
        group = hits.frame // readout.n_frames
        # What comes before the first group or behind saturation is in no difference.
        counts = (left[hits.pixel] >= min(2, readout.n_groups)) & (group < left[hits.pixel])
        counts &= (group > 0) | (readout.n_groups == 1)
        pixel, group, charge = hits.pixel[counts], group[counts], hits.charge[counts]
        if not pixel.size:
            return
        noise = light[pixel] * readout.group_time + 2 * self.settings.read_noise**2 / readout.n_frames
        found = (charge > rays.threshold * np.sqrt(noise)) & (left[pixel] > 2) & rays.flagged
        np.add.at(added, pixel[~found], charge[~found] / photon_time[pixel[~found]])
        for target in np.unique(pixel[found]):
            edges = np.unique([0, *group[found & (pixel == target)], left[target]])
            runs = np.diff(edges)
            runs = runs[runs > 1]
            dq[target] |= DQ_BITS["JUMP_DET"]
            if not runs.size:
                lost[target] = True
                continue
            photon_time[target] = readout.group_time * (runs - 1).sum()
            read_factor[target] = 1 / (1 / self.read_factor(runs)).sum()

    def outliers(self, events, rates):
        """
        Charge that the outlier step finds where the jump step has not.

        Parameters
        ----------
        events : Events
            Events of some integrations.
        rates : `~numpy.ndarray`, shape (b, ny, nx)
            Mean rates, electron/s.

        Returns
        -------
        `~numpy.ndarray` of bool, shape (b, ny, nx)
            Where what was added is over five standard deviations.
        """
        variance = np.maximum(rates, 0) / events.photon_time
        variance += self.settings.read_noise**2 * events.read_factor
        return events.added > _OUTLIER_SIGMA * np.sqrt(variance)
