"""The sky: its level per pixel, how sure that is, and which pixels tell."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

__all__ = [
    "MIN_PIXELS",
    "AnnulusBackground",
    "BackgroundLevels",
    "FrameBackground",
    "estimate_background",
    "in_pixels",
]

#: An integration with fewer good sky pixels than this has no background level.
MIN_PIXELS = 10

_ESTIMATORS = {
    "median": "MedianBackground",
    "mean": "MeanBackground",
    "mode": "ModeEstimatorBackground",
    "mmm": "MMMBackground",
    "sextractor": "SExtractorBackground",
    "biweight": "BiweightLocationBackground",
}


class BackgroundLevels(NamedTuple):
    """
    Sky of each integration, each of shape (B,), NaN where not valid.

    Attributes
    ----------
    level : `~numpy.ndarray` of float64
        Sky per pixel.
    error : `~numpy.ndarray` of float64
        Standard error of ``level`` for pixels with independent Gaussian noise.
    scatter : `~numpy.ndarray` of float64
        Standard deviation of one pixel about the sky, corrected for the clipping of
        Gaussian noise.
    valid : `~numpy.ndarray` of bool
        False with fewer than `MIN_PIXELS` good pixels, or where the estimator failed.
    """

    level: np.ndarray
    error: np.ndarray
    scatter: np.ndarray
    valid: np.ndarray


def in_pixels(name, value):
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


class _Background:
    """Estimator and clipping, common to the kinds of background."""

    @cached_property
    def photutils_estimator(self):
        """The photutils object that defines the level, with its ``sigma_clip``."""
        from photutils import background as photutils_background

        estimator = "median" if self.estimator is None else self.estimator
        if isinstance(estimator, str):
            estimator = getattr(photutils_background, _ESTIMATORS[estimator.lower()])
        if isinstance(estimator, type):
            from astropy.stats import SigmaClip

            clip = SigmaClip(sigma=3.0, maxiters=5) if self.sigma_clip == "default" else self.sigma_clip
            estimator = estimator(sigma_clip=clip)
        return estimator

    def _check_estimator(self):
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

    def _describe_estimator(self):
        estimator = self.photutils_estimator
        clip = getattr(estimator, "sigma_clip", None)
        if clip is not None:
            clip = {
                name: _plain(getattr(clip, name))
                for name in ("sigma_lower", "sigma_upper", "maxiters", "cenfunc", "stdfunc")
            }
        parameters = {
            name: _plain(value)
            for name, value in sorted(vars(estimator).items())
            if name != "sigma_clip" and not name.startswith("_")
        }
        return {"estimator": type(estimator).__name__, "parameters": parameters, "sigma_clip": clip}

    def __eq__(self, other):
        # SigmaClip and photutils' estimators do not compare by value: what they say does.
        return type(self) is type(other) and self.describe() == other.describe()

    def __hash__(self):
        return hash(repr(self.describe()))


def _plain(value):
    """A value as JSON can hold it."""
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


def _squared_distances(shape, position):
    x, y = position
    return (np.arange(shape[0])[:, np.newaxis] - y) ** 2 + (np.arange(shape[1]) - x) ** 2


@dataclass(frozen=True, eq=False)
class FrameBackground(_Background):
    """
    Sky from the whole frame, less a disc around the star.

    Parameters
    ----------
    estimator : str, class, object or None, optional
        ``"median"``, ``"mean"``, ``"mode"``, ``"mmm"``, ``"sextractor"``,
        ``"biweight"``, a class of `photutils.background` or an object of one (which
        brings its own clipping); None is the median.
    sigma_clip : `~astropy.stats.SigmaClip`, None or "default", optional
        ``"default"`` is ``SigmaClip(3, maxiters=5)``, None is no clipping.
    exclude_radius : float or `~astropy.units.Quantity`, optional
        Pixels whose centres are nearer to the star than this are left out; 0 takes all.

    Raises
    ------
    ValueError, TypeError
        For an unknown estimator or clipping, or a radius that is negative or not finite.

    Examples
    --------
    >>> from nircam_tso.measure.background import FrameBackground
    >>> sky = FrameBackground("mean", exclude_radius=3)
    >>> int(sky.footprint((20, 30), (15, 10)).sum())
    575
    """

    estimator: object = None
    sigma_clip: object = "default"
    exclude_radius: float = 12.0

    def __post_init__(self):
        radius = in_pixels("exclude_radius", self.exclude_radius)
        if radius.ndim or not (0 <= radius < math.inf):
            raise ValueError(f"exclude_radius: {self.exclude_radius} must be a finite number of pixels, 0 or more")
        object.__setattr__(self, "exclude_radius", float(radius))
        self._check_estimator()

    def footprint(self, shape, position, good=None):
        """
        Pixels that the level is measured from.

        Parameters
        ----------
        shape : tuple of int
            (ny, nx).
        position : tuple of float
            The star's (x, y), zero-based pixel centres.
        good : `~numpy.ndarray` of bool, shape (ny, nx), optional
            False for pixels that are bad in every integration.

        Returns
        -------
        `~numpy.ndarray` of bool, shape (ny, nx)
        """
        used = _squared_distances(shape, position) >= self.exclude_radius**2
        return used if good is None else used & good

    def describe(self):
        """
        Every setting, as plain JSON.

        Returns
        -------
        dict
        """
        return {"kind": "frame", **self._describe_estimator(), "exclude_radius": _plain(self.exclude_radius)}


@dataclass(frozen=True, eq=False)
class AnnulusBackground(_Background):
    """
    Sky from an annulus around the star.

    Parameters
    ----------
    inner, outer : float or `~astropy.units.Quantity`
        Radii in pixels. A pixel belongs to the annulus if its centre does: at least
        ``inner`` and less than ``outer`` from the star (photutils' ``method="center"``).
    estimator : str, class, object or None, optional
        As for `FrameBackground`.
    sigma_clip : `~astropy.stats.SigmaClip`, None or "default", optional
        As for `FrameBackground`.

    Raises
    ------
    ValueError, TypeError
        For an unknown estimator or clipping, or radii that are not finite with
        0 <= inner < outer.

    Examples
    --------
    >>> from nircam_tso.measure.background import AnnulusBackground
    >>> int(AnnulusBackground(8, 11).footprint((100, 150), (75, 50)).sum())
    180
    """

    inner: float
    outer: float
    estimator: object = None
    sigma_clip: object = "default"

    def __post_init__(self):
        for name in ("inner", "outer"):
            radius = in_pixels(name, getattr(self, name))
            if radius.ndim or not (0 <= radius < math.inf):
                raise ValueError(f"{name}: {getattr(self, name)} must be a finite number of pixels, 0 or more")
            object.__setattr__(self, name, float(radius))
        if not self.inner < self.outer:
            raise ValueError(f"outer: {self.outer:g} must be greater than inner, which is {self.inner:g} pixels")
        self._check_estimator()

    def footprint(self, shape, position, good=None):
        """
        Pixels that the level is measured from.

        Parameters
        ----------
        shape : tuple of int
            (ny, nx).
        position : tuple of float
            The star's (x, y), zero-based pixel centres.
        good : `~numpy.ndarray` of bool, shape (ny, nx), optional
            False for pixels that are bad in every integration.

        Returns
        -------
        `~numpy.ndarray` of bool, shape (ny, nx)
            All False for an annulus wholly outside the frame.
        """
        distances = _squared_distances(shape, position)
        used = (distances >= self.inner**2) & (distances < self.outer**2)
        return used if good is None else used & good

    def describe(self):
        """
        Every setting, as plain JSON.

        Returns
        -------
        dict
        """
        return {
            "kind": "annulus",
            **self._describe_estimator(),
            "inner": _plain(self.inner),
            "outer": _plain(self.outer),
        }


def _masked_sky(data, pixels, bad):
    sky = data[:, pixels]
    left_out = ~np.isfinite(sky)
    if bad is not None:
        left_out |= bad[:, pixels]
    # Masked values are overwritten because SigmaClip warns of NaN even under a mask.
    sky[left_out] = 0.0
    return np.ma.MaskedArray(sky, left_out)


def estimate_background(data, footprint, background, bad=None):
    """
    Sky level of each integration.

    The median, mean, mode, MMM and SExtractor estimators with ordinary clipping are
    computed by `nircam_tso.measure.clipping` (equal to photutils, much quicker); any
    other estimator by photutils.

    ``error`` is ``factor scatter / sqrt(n)`` with n the pixels measured and a factor
    for Gaussian noise (`nircam_tso.measure.estimators.noise_response`): with 3 sigma
    clipping or none 1.0 for the mean, 1.25 for the median, 2.5 for mode and MMM, 2.1 for
    SExtractor, 1.07 for the biweight location; 1.25 for estimators of one's own. It
    knows nothing of noise that pixels share.

    Parameters
    ----------
    data : `~numpy.ndarray` of float64, shape (B, ny, nx)
        Images.
    footprint : `~numpy.ndarray` of bool, shape (ny, nx)
        Pixels to use.
    background : FrameBackground or AnnulusBackground
        Estimator and clipping.
    bad : `~numpy.ndarray` of bool, shape (B, ny, nx) or (ny, nx), optional
        True for pixels to leave out. Values that are not finite always are.

    Returns
    -------
    BackgroundLevels

    Raises
    ------
    ValueError
        If shapes do not go together.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.background import FrameBackground, estimate_background
    >>> data = np.full((2, 40, 50), 7.5)
    >>> sky = FrameBackground()
    >>> estimate_background(data, sky.footprint((40, 50), (25, 20)), sky).level
    array([7.5, 7.5])
    """
    from nircam_tso.measure.clipping import clipped_statistics
    from nircam_tso.measure.estimators import level_of, noise_response, photutils_levels

    data = np.ascontiguousarray(data, np.float64)
    footprint = np.asarray(footprint, bool)
    if data.ndim != 3 or footprint.shape != data.shape[1:]:
        raise ValueError(f"footprint: shape {footprint.shape} does not go with data of shape {data.shape}")
    if bad is not None:
        bad = np.asarray(bad, bool)
        bad = bad[np.newaxis] if bad.ndim == 2 else bad
        if bad.shape[1:] != footprint.shape or len(bad) not in (1, len(data)):
            raise ValueError(f"bad: shape {bad.shape} does not go with data of shape {data.shape}")
        bad = bad.reshape(len(bad), -1)
    data = data.reshape(len(data), -1)
    pixels = np.flatnonzero(footprint)
    estimator = background.photutils_estimator
    clip = getattr(estimator, "sigma_clip", None)

    if clip is None:
        settings = {"rounds": 0}
    elif clip.stdfunc == "std" and clip.cenfunc in ("median", "mean"):
        settings = {
            "lower": clip.sigma_lower,
            "upper": clip.sigma_upper,
            "rounds": min(clip.maxiters, 2**31),
            "centre": clip.cenfunc,
        }
    else:
        settings = None

    level = None
    if settings is not None:
        statistics = clipped_statistics(data, pixels, bad=bad, **settings)
        level, std, n_good, n = level_of(estimator, statistics), statistics.std, statistics.n_good, statistics.n_kept
    if level is None:
        sky = _masked_sky(data, pixels, bad)
        n_good = len(pixels) - sky.mask.sum(axis=1)
        # Rows with nothing to measure would make photutils warn.
        rows = np.flatnonzero(n_good >= MIN_PIXELS)
        level, std, n = np.full(len(data), np.nan), np.full(len(data), np.nan), np.zeros(len(data), np.int64)
        if len(rows):
            level[rows], std[rows], n[rows] = photutils_levels(sky[rows], estimator)

    valid = (n_good >= MIN_PIXELS) & (n > 1) & np.isfinite(level) & np.isfinite(std)
    count = np.where(valid, n, 2)
    response = noise_response(estimator)
    scatter = std * np.sqrt(count / (count - 1.0)) / response.scatter
    error = response.error * scatter / np.sqrt(count / response.kept)
    return BackgroundLevels(*(np.where(valid, values, np.nan) for values in (level, error, scatter)), valid)
