"""What the kinds of background have in common: estimator, clipping, and lengths in pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from astropy.units import Quantity

__all__ = ["BackgroundSettings", "check_length", "in_pixels", "plain", "squared_distances"]

_ESTIMATORS = {
    "median": "MedianBackground",
    "mean": "MeanBackground",
    "mode": "ModeEstimatorBackground",
    "mmm": "MMMBackground",
    "sextractor": "SExtractorBackground",
    "biweight": "BiweightLocationBackground",
}


def in_pixels(name: str, value: float | Sequence[float] | np.ndarray | Quantity) -> np.ndarray:
    """
    Lengths in pixels as plain numbers.

    Parameters
    ----------
    name : str
        What a message calls the value.
    value : float, sequence of float or `~astropy.units.Quantity`
        Lengths; a Quantity must be in pixels or dimensionless.

    Returns
    -------
    `~numpy.ndarray` of float64

    Raises
    ------
    ValueError
        For another unit, or what is not a number.

    Examples
    --------
    >>> from astropy import units as u
    >>> from nircam_tso.measure.background import in_pixels
    >>> in_pixels("radius", [3, 5] * u.pix)
    array([3., 5.])
    """
    unit = getattr(value, "unit", None)
    if unit is not None:
        if str(unit) not in ("", "pix"):
            raise ValueError(f"{name}: {value} is not in pixels; give a number or a Quantity in pix")
        value = value.value
    try:
        return np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: {value!r} is not a number of pixels") from None


def check_length(name, value):
    """
    One finite length of 0 or more as a plain number.

    Parameters
    ----------
    name : str
        What a message calls the value.
    value : float or `~astropy.units.Quantity`
        The length.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        For anything else.
    """
    length = in_pixels(name, value)
    if length.ndim or not (0 <= length < math.inf):
        raise ValueError(f"{name}: {value} must be a finite number of pixels, 0 or more")
    return float(length)


@dataclass(frozen=True)
class _Clip:
    """What `astropy.stats.SigmaClip` has, where it is ``SigmaClip(3, maxiters=5)``."""

    sigma_lower: float = 3.0
    sigma_upper: float = 3.0
    maxiters: int = 5
    cenfunc: str = "median"
    stdfunc: str = "std"
    grow: bool = False


@dataclass(frozen=True)
class MedianBackground:
    """
    The default estimator, as far as anybody asks for it: importing photutils takes a third of a second.

    Attributes
    ----------
    sigma_clip : object
        As that of `photutils.background.MedianBackground`.
    """

    sigma_clip: _Clip = _Clip()


class BackgroundSettings:
    """Estimator and clipping, common to the kinds of background; each is a frozen dataclass with these fields."""

    @cached_property
    def photutils_estimator(self):
        """The photutils object that defines the level, with its ``sigma_clip``; by default what stands for it."""
        if self.estimator in (None, "median") and self.sigma_clip == "default":
            return MedianBackground()
        from photutils import background as photutils_background

        estimator = "median" if self.estimator is None else self.estimator
        if isinstance(estimator, str):
            estimator = getattr(photutils_background, _ESTIMATORS[estimator.lower()])
        if isinstance(estimator, type):
            from astropy.stats import SigmaClip

            clip = SigmaClip(sigma=3.0, maxiters=5) if self.sigma_clip == "default" else self.sigma_clip
            estimator = estimator(sigma_clip=clip)
        return estimator

    def check_estimator(self):
        """Raise ValueError or TypeError for an unknown estimator or clipping."""
        if isinstance(self.estimator, str):
            if self.estimator.lower() not in _ESTIMATORS:
                raise ValueError(f"estimator: {self.estimator!r} is none of {', '.join(_ESTIMATORS)}")
        elif self.estimator is not None:
            from photutils.background import BackgroundBase

            is_class = isinstance(self.estimator, type)
            if not (
                issubclass(self.estimator, BackgroundBase) if is_class else isinstance(self.estimator, BackgroundBase)
            ):
                raise TypeError(
                    f"estimator: {self.estimator!r} is no photutils background; give an object or class such as "
                    "photutils.background.MeanBackground, or a name such as 'mean'"
                )
            if not is_class and self.sigma_clip != "default":
                raise ValueError(
                    f"sigma_clip: {self.sigma_clip!r} was given beside {type(self.estimator).__name__}, which has "
                    "its own; hand it to that object, or give its class as estimator"
                )
        clip = self.sigma_clip
        if isinstance(clip, str):
            if clip != "default":
                raise ValueError(f"sigma_clip: {clip!r} is no SigmaClip; give one, None, or 'default'")
        elif clip is not None:
            from astropy.stats import SigmaClip

            if not isinstance(clip, SigmaClip):
                raise TypeError(f"sigma_clip: {clip!r} is no astropy.stats.SigmaClip; give one, None, or 'default'")
        if self.estimator is not None or clip not in (None, "default"):
            own = getattr(self.photutils_estimator, "sigma_clip", None)
            if own is not None and own.grow:
                # The sky's pixels are measured as a list, where neighbours mean nothing.
                raise ValueError(f"sigma_clip: grow={own.grow!r} cannot be used here; leave it out")

    def describe_estimator(self):
        """Estimator and clipping as plain JSON."""
        estimator = self.photutils_estimator
        clip = getattr(estimator, "sigma_clip", None)
        if clip is not None:
            clip = {
                name: plain(getattr(clip, name))
                for name in ("sigma_lower", "sigma_upper", "maxiters", "cenfunc", "stdfunc")
            }
        parameters = {
            name: plain(value)
            for name, value in sorted(vars(estimator).items())
            if name != "sigma_clip" and not name.startswith("_")
        }
        return {"estimator": type(estimator).__name__, "parameters": parameters, "sigma_clip": clip}

    def __eq__(self, other):
        # SigmaClip and photutils' estimators do not compare by value: what they say does.
        return type(self) is type(other) and self.describe() == other.describe()

    def __hash__(self):
        return hash(repr(self.describe()))


def plain(value):
    """
    A value as JSON can hold it.

    Parameters
    ----------
    value : object
        Number, text or anything with a name.

    Returns
    -------
    str, int, float, bool or None
    """
    if value is None or isinstance(value, bool | str):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        return getattr(value, "__qualname__", type(value).__qualname__)
    if not math.isfinite(number):
        return str(number)
    # 3 and 3.0 are one setting and must be written alike.
    return int(number) if number.is_integer() else number


def squared_distances(shape, position):
    """
    Squared distance of each pixel's centre from a position.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx).
    position : tuple of float
        (x, y).

    Returns
    -------
    `~numpy.ndarray` of float64, shape (ny, nx)
    """
    x, y = position
    return (np.arange(shape[0])[:, np.newaxis] - y) ** 2 + (np.arange(shape[1]) - x) ** 2
