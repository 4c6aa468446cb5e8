"""What an exposure suffers: cosmic rays, pixels, resets, settling, a tilt. Each is off unless it is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from astropy import units as u
from astropy.time import Time

from nircam_tso.simulate.checks import pair

__all__ = ["CosmicRays", "PixelDefects", "ResetEffects", "Settling", "TiltEvent", "as_effect"]


def _check(effect, name, *, above=None, least=None, most=None):
    value = float(getattr(effect, name))
    label = f"{type(effect).__name__}.{name}"
    if not np.isfinite(value) or (above is not None and value <= above) or (least is not None and value < least):
        raise ValueError(
            f"{label}: {value:g} is not {f'over {above:g}' if above is not None else f'{least:g} or more'}"
        )
    if most is not None and value > most:
        raise ValueError(f"{label}: {value:g} is over {most:g}")
    object.__setattr__(effect, name, value)


def as_effect(kind, name, value):
    """
    An effect out of what a user gave.

    Parameters
    ----------
    kind : type
        One of the classes of this module.
    name : str
        Name of the setting, for the message.
    value : object
        None, an instance of ``kind``, or a mapping of its parameters, as files of
        settings have.

    Returns
    -------
    object
        An instance of ``kind``, or None.

    Raises
    ------
    ValueError
        For anything else.

    Examples
    --------
    >>> from nircam_tso.simulate.effects import Settling, as_effect
    >>> as_effect(Settling, "settling", {"amplitude": 1e-3})
    Settling(amplitude=0.001, time=900.0)
    """
    if value is None or isinstance(value, kind):
        return value
    if isinstance(value, Mapping):
        known = kind.__dataclass_fields__
        for key in value:
            if key not in known:
                raise ValueError(f"{name}: {key!r} is no part of it; choose among {', '.join(known)}")
        try:
            return kind(**value)
        except TypeError as error:
            raise ValueError(f"{name}: {error}") from error
    raise ValueError(f"{name}: {value!r} is neither {kind.__name__} nor a mapping of its parameters")


@dataclass(frozen=True)
class CosmicRays:
    """
    Charged particles that cross the detector during the ramps.

    Parameters
    ----------
    rate : float, optional
        Hits per second on one pixel. The default is 5 per second and square centimetre
        on pixels of 18 um.
    charge : float, optional
        Median charge that a hit leaves, electrons.
    spread : float, optional
        Standard deviation of the charge's logarithm (to base e).
    length : float, optional
        Mean length of a hit's track, pixels; its charge is spread evenly along it.
    flagged : bool, optional
        Whether the pipeline finds the jumps: a pixel whose jump is over ``threshold``
        then has JUMP_DET, and its rate comes from the groups before and behind the jump.
        Otherwise, and below it, the charge stays in the rate.
    threshold : float, optional
        Least jump that is found, in standard deviations of a difference of two groups.

    Raises
    ------
    ValueError
        For values out of range.

    Examples
    --------
    >>> from nircam_tso.simulate import CosmicRays
    >>> CosmicRays(rate=1e-4).flagged
    True
    """

    rate: float = 1.6e-5
    charge: float = 2000.0
    spread: float = 1.0
    length: float = 1.0
    flagged: bool = True
    threshold: float = 4.0

    def __post_init__(self) -> None:
        _check(self, "rate", least=0)
        _check(self, "charge", above=0)
        _check(self, "spread", least=0)
        _check(self, "length", least=0, most=100)
        _check(self, "threshold", above=0)


@dataclass(frozen=True)
class PixelDefects:
    """
    What is wrong with single pixels.

    Parameters
    ----------
    hot_fraction : float, optional
        Part of the pixels that are hot in every integration. They have the bit HOT.
    hot_rate : float, optional
        Mean of their dark current, electron/s; it is drawn from an exponential.
    nan_fraction : float, optional
        Chance of a pixel to be NaN and DO_NOT_USE in one integration; not in ramps.
    response_scatter : float, optional
        Scatter (rms) of the pixels' responses that the flat field has left; constant.
    intra_pixel : float, optional
        How much less a pixel responds at the middle of its edge than at its centre. Its
        response is ``p(u) p(v)`` with ``p(u) = 1 + a (1/3 - 4 u^2)``, of mean 1, u and v
        from -1/2 to 1/2. It needs a star that is finer than a pixel:
        ``pixel_integrated=True``, or an array with ``psf_oversample``.
    reference : bool, optional
        Whether the outermost four rows and columns of the detector, where the frame
        reaches them, are reference pixels, which see nothing and have the bits
        REFERENCE_PIXEL and DO_NOT_USE.

    Raises
    ------
    ValueError
        For values out of range.

    Examples
    --------
    >>> from nircam_tso.simulate import PixelDefects
    >>> PixelDefects(hot_fraction=0.001).hot_rate
    100.0
    """

    hot_fraction: float = 0.0
    hot_rate: float = 100.0
    nan_fraction: float = 0.0
    response_scatter: float = 0.0
    intra_pixel: float = 0.0
    reference: bool = False

    def __post_init__(self) -> None:
        for name in ("hot_fraction", "nan_fraction", "response_scatter", "intra_pixel"):
            _check(self, name, least=0, most=1)
        _check(self, "hot_rate", above=0)


@dataclass(frozen=True)
class ResetEffects:
    """
    What a reset leaves behind in the ramps.

    Parameters
    ----------
    noise : float, optional
        Noise of the level after a reset (kTC), electrons: another level for each pixel
        and integration, the same in all its groups. Differences of groups are free of it.
    offset : float, optional
        Electrons by which every pixel is off just after a reset.
    time : float, optional
        Seconds in which the offset falls by a factor of e.

    Raises
    ------
    ValueError
        For values out of range.

    Examples
    --------
    >>> from nircam_tso.simulate import ResetEffects
    >>> ResetEffects(noise=35.0).offset
    0.0
    """

    noise: float = 0.0
    offset: float = 0.0
    time: float = 1.0

    def __post_init__(self) -> None:
        _check(self, "noise", least=0)
        _check(self, "offset", least=-np.inf)
        _check(self, "time", above=0)


@dataclass(frozen=True)
class Settling:
    """
    A ramp at the start of the exposure while the detector settles.

    Parameters
    ----------
    amplitude : float
        Relative change of the star's measured light at the start, such as 0.001.
    time : float, optional
        Seconds in which it falls by a factor of e.

    Raises
    ------
    ValueError
        For values out of range.

    Examples
    --------
    >>> from nircam_tso.simulate import Settling
    >>> Settling(-5e-4, 600.0).time
    600.0
    """

    amplitude: float
    time: float = 900.0

    def __post_init__(self) -> None:
        _check(self, "amplitude", least=-1)
        _check(self, "time", above=0)


@dataclass(frozen=True)
class TiltEvent:
    """
    One of the 18 segments of the mirror turns a little, at once and for good.

    Parameters
    ----------
    time : float or `~astropy.time.Time`
        When it begins: seconds after the start of the exposure, or a date.
    shift : float or tuple of float (dx, dy), optional
        How far the segment's own light moves on the detector, pixels; one number is
        the same for both axes.
    segment : str, optional
        A1 to A6 (inner ring), B1 to B6 (corners of the outer ring) or C1 to C6 (between
        them), counted from +y towards +x.
    duration : float, optional
        Seconds from the first position to the last.
    psf : array of shape (my, mx), optional
        Image of the star behind the tilt, of the shape and origin of the exposure's own
        ``psf``, such as `weak_lens_psf` makes with ``tilt``. None moves the segment's
        patch in the image of a weak lens, and takes a faint ghost out of a focused star.

    Raises
    ------
    ValueError
        For values out of range.

    Examples
    --------
    >>> from nircam_tso.simulate import TiltEvent
    >>> TiltEvent(3600.0, shift=2.0).shift
    (2.0, 2.0)
    """

    time: Any
    shift: Any = (1.0, 0.0)
    segment: str = "C3"
    duration: float = 1.4
    psf: Any = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.time, Time):
            _check(self, "time", least=-np.inf)
        object.__setattr__(self, "shift", pair("TiltEvent.shift", self.shift))
        if not (len(str(self.segment)) == 2 and self.segment[0] in "ABC" and self.segment[1] in "123456"):
            raise ValueError(f"TiltEvent.segment: {self.segment!r} is none of A1 to A6, B1 to B6, C1 to C6")
        _check(self, "duration", above=0)

    def seconds(self, start: Time) -> float:
        """
        When it begins.

        Parameters
        ----------
        start : `~astropy.time.Time`
            Start of the exposure.

        Returns
        -------
        float
            Seconds after ``start``.
        """
        return float((self.time - start).to_value(u.s)) if isinstance(self.time, Time) else self.time

    def part_behind(self, begin: np.ndarray, end: np.ndarray, start: Time) -> np.ndarray:
        """
        How much of each integration has the tilt.

        Parameters
        ----------
        begin, end : `~numpy.ndarray`, shape (n,)
            Integrations, seconds after the start of the exposure.
        start : `~astropy.time.Time`
            Start of the exposure.

        Returns
        -------
        `~numpy.ndarray` of float64, shape (n,)
            0 before, 1 behind; between them the mean over the integration of an even motion.
        """

        def summed(time):
            since = np.clip(time - self.seconds(start), 0, None)
            moving = np.minimum(since, self.duration)
            return moving**2 / (2 * self.duration) + (since - moving)

        return np.clip((summed(end) - summed(begin)) / (end - begin), 0, 1)
