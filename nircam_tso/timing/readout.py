"""The detector's readout: frames, groups, resets, and the times they take."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.exceptions import TimeMetadataError
from nircam_tso.timing.cards import describe, number, text, whole

if TYPE_CHECKING:
    from typing import Any

    from astropy.io.fits import Header

__all__ = ["ROW_RESET_LIMIT", "Readout", "nircam_frame_time"]

#: Largest time, in seconds per integration, that flight subarrays add for resetting
#: rows and that no keyword tells.
ROW_RESET_LIMIT = 0.021

_PIXEL_TIME = 1e-5


def nircam_frame_time(n_columns: int, n_rows: int, n_outputs: int) -> float:
    """
    Time that NIRCam takes to read a subarray once.

    Parameters
    ----------
    n_columns, n_rows : int
        Size of the subarray (nx, ny) in pixels.
    n_outputs : int
        Number of amplifier outputs, 1 or 4.

    Returns
    -------
    float
        Seconds: ((nx/4 + 12)(ny + 1) + 1) x 10 us with 4 outputs, (nx + 12)(ny + 2) x
        10 us with 1 (NIRCam detector readout in the JWST user documentation).

    Raises
    ------
    ValueError
        For another number of outputs.

    Examples
    --------
    >>> from nircam_tso.timing import nircam_frame_time
    >>> round(nircam_frame_time(2048, 2048, 4), 5)
    10.73677
    >>> round(nircam_frame_time(64, 64, 1), 5)
    0.05016
    """
    if n_outputs == 4:
        return ((n_columns / 4 + 12) * (n_rows + 1) + 1) * _PIXEL_TIME
    if n_outputs == 1:
        return (n_columns + 12) * (n_rows + 2) * _PIXEL_TIME
    raise ValueError(f"n_outputs: {n_outputs!r} is neither 1 nor 4")


@dataclass(frozen=True)
class Readout:
    """
    Readout pattern of an exposure, in frames, and what follows from it, in seconds.

    Attributes
    ----------
    tframe : float
        Time of one frame, s.
    ngroups, nframes, groupgap : int
        Groups of an integration, frames averaged into a group, frames skipped between
        groups (none after the last).
    drpfrms1, drpfrms3 : int
        Frames dropped before the first group of an integration, and between
        integrations.
    nresets, nrststrt : int
        Resets between integrations, and before the first.
    nints : int or None
        Integrations of the whole exposure, over all its segments.

    Examples
    --------
    >>> from nircam_tso.timing import Readout
    >>> bright2 = Readout(tframe=10.0, ngroups=2, nframes=2, groupgap=0, nrststrt=1, nresets=1, nints=3)
    >>> bright2.integration_time, bright2.cadence, bright2.span()
    (40.0, 50.0, 150.0)
    >>> bright2.start_of(2)
    60.0
    """

    tframe: float
    ngroups: int
    nframes: int
    groupgap: int
    drpfrms1: int = 0
    drpfrms3: int = 0
    nresets: int = 0
    nrststrt: int = 0
    nints: int | None = None

    def __post_init__(self) -> None:
        if not (np.isfinite(self.tframe) and self.tframe > 0):
            raise TimeMetadataError(f"TFRAME = {self.tframe!r} is not a positive time")
        for name in ("ngroups", "nframes"):
            if getattr(self, name) < 1:
                raise TimeMetadataError(f"{name.upper()} = {getattr(self, name)!r} is not 1 or more")

    @classmethod
    def from_header(cls, header: Header) -> Readout | None:
        """
        Read the pattern from a header.

        Parameters
        ----------
        header : `~astropy.io.fits.Header`
            With TFRAME, NGROUPS, NFRAMES and GROUPGAP; DRPFRMS1, DRPFRMS3, NRESETS and
            NRSTSTRT count as 0 where they are missing.

        Returns
        -------
        Readout or None
            None where one of the four is missing.

        Raises
        ------
        TimeMetadataError
            For a card that is no sensible number, naming it.
        """
        needed = (
            number(header, "TFRAME"),
            whole(header, "NGROUPS", "NGROUP"),
            whole(header, "NFRAMES", "NFRAME"),
            whole(header, "GROUPGAP"),
        )
        if None in needed:
            return None
        others = (whole(header, key) or 0 for key in ("DRPFRMS1", "DRPFRMS3", "NRESETS", "NRSTSTRT"))
        return cls(*needed, *others, nints=whole(header, "NINTS"))

    @property
    def group_frames(self) -> int:
        """Frames from one group to the next."""
        return self.nframes + self.groupgap

    @property
    def group_time(self) -> float:
        """Time from one group to the next, s."""
        return self.tframe * self.group_frames

    @property
    def integration_time(self) -> float:
        """Time from an integration's start to its last read, s."""
        frames = self.drpfrms1 + self.ngroups * self.nframes + (self.ngroups - 1) * self.groupgap
        return self.tframe * frames

    @property
    def cadence(self) -> float:
        """Time from one integration's start to the next, s, without resets of rows."""
        return self.integration_time + self.tframe * (self.nresets + self.drpfrms3)

    def start_of(self, integration: Any, row_reset_time: float = 0.0) -> Any:
        """
        Start of integrations.

        Parameters
        ----------
        integration : int or `~numpy.ndarray`
            Numbers within the exposure, 1-based.
        row_reset_time : float, optional
            Seconds that resetting rows adds to each integration.

        Returns
        -------
        float or `~numpy.ndarray`
            Seconds since EXPSTART.
        """
        return self.tframe * self.nrststrt + (integration - 1) * (self.cadence + row_reset_time)

    def span(self, row_reset_time: float = 0.0) -> float:
        """
        Time from EXPSTART to EXPEND that the pattern asks for.

        Parameters
        ----------
        row_reset_time : float, optional
            Seconds that resetting rows adds to each integration.

        Returns
        -------
        float
            Seconds.
        """
        return self.start_of(self.nints, row_reset_time) + self.integration_time

    def group_center(self, group: Any) -> Any:
        """
        Mean time of a group's reads, at the middle of each frame's readout.

        Parameters
        ----------
        group : float or `~numpy.ndarray`
            Group, zero-based; a half lies between two.

        Returns
        -------
        float or `~numpy.ndarray`
            Seconds since the integration's start.
        """
        return self.tframe * (self.drpfrms1 + group * self.group_frames + self.nframes / 2)

    def oddities(self, header: Header) -> list[str]:
        """
        What in a header disagrees with the pattern, though no time depends on it.

        Parameters
        ----------
        header : `~astropy.io.fits.Header`

        Returns
        -------
        list of str
        """
        try:
            group_time = number(header, "TGROUP")
            size = [number(header, key) for key in ("SUBSIZE1", "SUBSIZE2", "NOUTPUTS")]
        except TimeMetadataError as error:
            return [f"{error}: the readout keywords are not compared with it"]
        notes = []
        if group_time is not None and abs(group_time - self.group_time) > 0.01 * self.tframe:
            cards = describe(header, "TGROUP", "TFRAME", "NFRAMES", "GROUPGAP")
            notes.append(f"{cards}: a group should take {self.group_time:.6g} s")
        # Stripes skip rows of the detector, so that their size tells no time.
        striped = re.search("STRIPE|DHS", text(header, "SUBARRAY") or "", re.IGNORECASE)
        if text(header, "INSTRUME") == "NIRCAM" and None not in size and size[2] in (1, 4) and not striped:
            expected = nircam_frame_time(*size)
            if abs(expected - self.tframe) > 1e-4 * expected:
                cards = describe(header, "TFRAME", "SUBSIZE1", "SUBSIZE2", "NOUTPUTS")
                notes.append(f"{cards}: a NIRCam frame of this size takes {expected:.6g} s")
        return notes
