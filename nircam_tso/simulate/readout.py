"""How a detector is read: frames, groups, resets, and the times that follow."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u

if TYPE_CHECKING:
    from astropy.time import Time

__all__ = ["Readout", "frame_time_of", "row_reset_time_of"]

#: Readout patterns of NIRCam by (frames averaged, frames dropped).
_PATTERNS = {
    (1, 0): "RAPID",
    (1, 1): "BRIGHT1",
    (2, 0): "BRIGHT2",
    (2, 3): "SHALLOW2",
    (4, 1): "SHALLOW4",
    (2, 8): "MEDIUM2",
    (8, 2): "MEDIUM8",
    (2, 18): "DEEP2",
    (8, 12): "DEEP8",
}


def frame_time_of(shape, outputs=None):
    """
    Time to read one frame of a NIRCam subarray.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx).
    outputs : int, optional
        Amplifiers; None is four for frames of 2048 columns, otherwise one.

    Returns
    -------
    frame_time : float
        Seconds, to the 10 us of one sample.
    n_outputs : int
        Amplifiers.

    Notes
    -----
    A row takes its columns divided by the outputs and 12 samples more; a frame takes
    one row and one sample more with four outputs, two rows more with one (JWST User
    Documentation, "NIRCam Detector Subarrays").

    Examples
    --------
    >>> from nircam_tso.simulate.readout import frame_time_of
    >>> frame_time_of((64, 64)), frame_time_of((2048, 2048)), frame_time_of((256, 2048), 1)
    ((0.05016, 1), (10.73677, 4), (5.3148, 1))
    """
    ny, nx = shape
    if outputs is None:
        outputs = 4 if nx == 2048 else 1
    row = nx // outputs + 12
    samples = row * (ny + 1) + 1 if outputs > 1 else row * (ny + 2)
    return round(samples * 1e-5, 5), outputs


def row_reset_time_of(shape, outputs=None):
    """
    Time that NIRCam takes to reset the rows of a subarray before an integration.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx).
    outputs : int, optional
        Amplifiers, as in `frame_time_of`.

    Returns
    -------
    float
        Seconds; 0 for the full frame.

    Notes
    -----
    Rows are reset fast, one in a sample: 2048 of them for windows over 256 rows high,
    512 for those over 64, 256 for smaller ones; in stripes, which have all columns,
    2048 from 256 rows, else 512. They fill whole rows of the clock (after the detector
    model of the NIRCam team's simulator).

    Examples
    --------
    >>> from nircam_tso.simulate.readout import row_reset_time_of
    >>> [row_reset_time_of(shape) for shape in ((64, 64), (160, 160), (400, 400), (256, 2048))]
    [0.00304, 0.00516, 0.0206, 0.02096]
    """
    ny, nx = shape
    if (ny, nx) == (2048, 2048):
        return 0.0
    columns = nx // frame_time_of(shape, outputs)[1]
    if nx == 2048:
        resets = 2048 if ny >= 256 else 512
    else:
        resets = 2048 if ny > 256 else 512 if ny > 64 else 256
    return round(resets // columns * (columns + 12) * 1e-5, 5)


@dataclass(frozen=True)
class Readout:
    """
    The readout of one exposure.

    Parameters
    ----------
    n_groups, n_frames, group_gap : int
        Groups of an integration, frames averaged into one, frames dropped between two.
    frame_time : float
        Seconds from frame to frame.
    dropped_first, dropped_between : int, optional
        Frames dropped before the first group (DRPFRMS1) and between integrations (DRPFRMS3).
    resets_at_start, resets : int, optional
        Reset frames before the first integration (NRSTSTRT) and between integrations (NRESETS).
    row_reset_time : float, optional
        Seconds that resetting rows adds between two integrations. No keyword tells it.

    Raises
    ------
    ValueError
        For counts below their least value, or a frame time that is not positive.

    Notes
    -----
    An integration takes ``TFRAME (DRPFRMS1 + NGROUPS NFRAMES + (NGROUPS - 1) GROUPGAP)``,
    no gap after the last group; resets and dropped frames lie between integrations.

    Examples
    --------
    >>> from nircam_tso.simulate import Readout
    >>> readout = Readout(n_groups=4, n_frames=2, group_gap=3, frame_time=0.5)
    >>> readout.integration_time, readout.cadence, readout.group_time, readout.span(10)
    (8.5, 9.0, 2.5, 90.0)
    """

    n_groups: int
    n_frames: int
    group_gap: int
    frame_time: float
    dropped_first: int = 0
    dropped_between: int = 0
    resets_at_start: int = 1
    resets: int = 1
    row_reset_time: float = 0.0

    def __post_init__(self) -> None:
        least = {"n_groups": 1, "n_frames": 1}
        for name in (field.name for field in fields(self) if not field.name.endswith("_time")):
            value = getattr(self, name)
            if int(value) != value or value < least.get(name, 0):
                raise ValueError(f"{name}: {value} is no count; give a whole number from {least.get(name, 0)}")
        if not (np.isfinite(self.frame_time) and self.frame_time > 0):
            raise ValueError(f"frame_time: {self.frame_time} s is not positive")
        if not (np.isfinite(self.row_reset_time) and self.row_reset_time >= 0):
            raise ValueError(f"row_reset_time: {self.row_reset_time} s is not 0 or more")

    @property
    def pattern(self) -> str:
        """Name of the readout pattern, ``"CUSTOM"`` if it has none."""
        return _PATTERNS.get((self.n_frames, self.group_gap), "CUSTOM")

    @property
    def group_time(self) -> float:
        """Seconds from group to group (TGROUP)."""
        return self.frame_time * (self.n_frames + self.group_gap)

    @property
    def integration_time(self) -> float:
        """Seconds from an integration's reset to its last frame (EFFINTTM)."""
        frames = self.dropped_first + self.n_groups * self.n_frames + (self.n_groups - 1) * self.group_gap
        return self.frame_time * frames

    @property
    def cadence(self) -> float:
        """Seconds from integration to integration."""
        return self.integration_time + self.frame_time * (self.resets + self.dropped_between) + self.row_reset_time

    @property
    def measured_time(self) -> float:
        """Seconds in which the light was collected that a rate is measured from."""
        return self.group_time * (self.n_groups - 1) if self.n_groups > 1 else self.integration_time

    @property
    def read_times(self) -> np.ndarray:
        """Seconds from the reset to each frame that is kept, shape (n_groups, n_frames)."""
        group = np.arange(self.n_groups)[:, None] * (self.n_frames + self.group_gap)
        return self.frame_time * (self.dropped_first + group + np.arange(self.n_frames) + 1)

    def span(self, n_integrations: int) -> float:
        """Seconds from EXPSTART to EXPEND."""
        return self.frame_time * self.resets_at_start + (n_integrations - 1) * self.cadence + self.integration_time

    def integrations(self, start: Time, numbers: np.ndarray) -> tuple[Time, Time, Time]:
        """
        Start, middle and end of integrations.

        Parameters
        ----------
        start : `~astropy.time.Time`
            Start of the exposure, with its first reset.
        numbers : `~numpy.ndarray` of int
            Numbers of the integrations, from 1.

        Returns
        -------
        start, middle, end : `~astropy.time.Time`
            On the scale of ``start``.
        """
        begins = self.frame_time * self.resets_at_start + (np.asarray(numbers) - 1) * self.cadence
        return tuple(start + (begins + self.integration_time * part) * u.s for part in (0, 0.5, 1))
