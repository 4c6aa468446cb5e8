"""Shifts by image_registration, corrected for its half pixel."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np

__all__ = ["import_registration", "registered_shift"]


@cache
def import_registration():
    """
    Import image_registration, whose import warns of what it does not use.

    Returns
    -------
    callable
        `image_registration.cross_correlation_shifts`.

    Notes
    -----
    Filters of warnings are no matter for threads: whoever starts some calls this before.

    Examples
    --------
    >>> from nircam_tso.measure.registration import import_registration
    >>> import_registration().__name__
    'cross_correlation_shifts'
    """
    from astropy.utils.exceptions import AstropyDeprecationWarning

    with warnings.catch_warnings():
        for name in ("TestRunner", "TestRunnerBase"):
            warnings.filterwarnings("ignore", f".*\\b{name}\\b", AstropyDeprecationWarning)
        from image_registration import cross_correlation_shifts
    return cross_correlation_shifts


def registered_shift(template: np.ndarray, image: np.ndarray) -> tuple[float, float]:
    """
    Shift of an image against a template.

    Parameters
    ----------
    template, image : `~numpy.ndarray`, shape (ny, nx)
        Images of one shape.

    Returns
    -------
    dx, dy : float
        Pixels; NaN where no shift is found.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.registration import registered_shift
    >>> x, y = np.arange(21), np.arange(20)[:, None]
    >>> stars = [np.exp(-((x - 10 - dx) ** 2 + (y - 9 - dy) ** 2) / 8) for dx, dy in ((0, 0), (3, -2))]
    >>> print(*(round(shift, 2) for shift in registered_shift(*stars)))
    3.0 -2.0
    """
    try:
        with np.errstate(all="ignore"):
            dx, dy = import_registration()(template, image)
    except (IndexError, ValueError):
        # The highest correlation lies on the edge, where three points are not to be had.
        return np.nan, np.nan
    ny, nx = image.shape
    # Upstream takes n / 2 for the middle of an odd axis, whose middle is (n - 1) / 2.
    return float(dx) - 0.5 * (nx % 2), float(dy) - 0.5 * (ny % 2)
