"""What was wrong in the notebook, each fault a switch."""

from __future__ import annotations

from enum import Flag, auto

__all__ = ["NotebookFaults", "check_faults"]


class NotebookFaults(Flag):
    """
    Faults of the notebook, which can be joined with ``|`` and left out with ``& ~``.

    Examples
    --------
    >>> from nircam_tso.notebook import NotebookFaults
    >>> faults = NotebookFaults.ALL & ~NotebookFaults.SWAPPED_APERTURE
    >>> NotebookFaults.LATE_SHARE in faults, NotebookFaults.SWAPPED_APERTURE in faults
    (True, False)
    >>> NotebookFaults.LATE_SHARE.text
    'integration k, counted from 1, lies at k + 1/2 shares of the exposure'
    """

    NONE = 0
    SWAPPED_APERTURE = auto()
    X_FROM_Y = auto()
    SWAPPED_CORRELATION = auto()
    FRAME_MIDDLE = auto()
    STAMP_APERTURE = auto()
    FIRST_RADIUS = auto()
    THREE_GROUPS = auto()
    UNSIGNED_WRAP = auto()
    BLIND_TO_BAD = auto()
    RAW_START = auto()
    UNNOTICED_FAILURE = auto()
    FREE_ANGLE = auto()
    MIDNIGHT = auto()
    THREE_DIGITS = auto()
    HUNDRED_INTEGRATIONS = auto()
    LATE_SHARE = auto()
    JULIAN_FORMULA = auto()
    ALL = (1 << 17) - 1

    @property
    def text(self) -> str:
        """What a single fault does, in a line."""
        return _TEXTS[str(self.name)]


_TEXTS = {
    "SWAPPED_APERTURE": "the aperture's centre is handed over as (y, x)",
    "X_FROM_Y": "the subframe's columns are cut about the guessed y",
    "SWAPPED_CORRELATION": "x and y of the cross-correlation are exchanged",
    "FRAME_MIDDLE": "places are counted from the frame's middle, n/2, whatever the guess",
    "STAMP_APERTURE": "the aperture ends at the edge of the subframe",
    "FIRST_RADIUS": "only the first radius is used",
    "THREE_GROUPS": "a ramp's image is data[2] - data[0], whatever the number of groups",
    "UNSIGNED_WRAP": "groups are subtracted in the file's own type: unsigned counts wrap",
    "BLIND_TO_BAD": "one NaN spoils the integration, and flagged pixels are used",
    "RAW_START": "the fit starts at the guess from the largest raw value, background and all",
    "UNNOTICED_FAILURE": "what a failed fit leaves behind is taken for a result",
    "FREE_ANGLE": "the fitted axes may turn, so that the widths change names",
    "MIDNIGHT": "TIME-END is taken on the day of DATE-OBS",
    "THREE_DIGITS": "the integration's number is cut to three digits",
    "HUNDRED_INTEGRATIONS": "every exposure has nGroupsBig integrations",
    "LATE_SHARE": "integration k, counted from 1, lies at k + 1/2 shares of the exposure",
    "JULIAN_FORMULA": "the Julian date is right only from 1800-03-01 to 2100-02-28",
}


def check_faults(faults):
    """
    Faults, once they are known to be such.

    Parameters
    ----------
    faults : NotebookFaults
        A fault, or several joined.

    Returns
    -------
    NotebookFaults

    Raises
    ------
    TypeError
        For anything else.
    """
    if not isinstance(faults, NotebookFaults):
        raise TypeError(f"faults: {faults!r} is not of NotebookFaults; join its members with |")
    return faults
