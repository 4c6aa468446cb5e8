"""One level for the whole image: the sky of the frame, or of an annulus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.measure.background.levels import MIN_PIXELS, BackgroundLevels, level_errors, level_rows
from nircam_tso.measure.background.settings import BackgroundSettings, check_length, plain, squared_distances

if TYPE_CHECKING:
    from typing import Any

__all__ = ["AnnulusBackground", "FrameBackground", "scalar_levels"]


@dataclass(frozen=True, eq=False)
class FrameBackground(BackgroundSettings):
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

    def __post_init__(self) -> None:
        object.__setattr__(self, "exclude_radius", check_length("exclude_radius", self.exclude_radius))
        self.check_estimator()

    def footprint(
        self, shape: tuple[int, int], position: tuple[float, float], good: np.ndarray | None = None
    ) -> np.ndarray:
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
        used = squared_distances(shape, position) >= self.exclude_radius**2
        return used if good is None else used & good

    def describe(self) -> dict[str, Any]:
        """
        Every setting, as plain JSON.

        Returns
        -------
        dict
        """
        return {"kind": "frame", **self.describe_estimator(), "exclude_radius": plain(self.exclude_radius)}


@dataclass(frozen=True, eq=False)
class AnnulusBackground(BackgroundSettings):
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

    def __post_init__(self) -> None:
        for name in ("inner", "outer"):
            object.__setattr__(self, name, check_length(name, getattr(self, name)))
        if not self.inner < self.outer:
            raise ValueError(f"outer: {self.outer:g} must be greater than inner, which is {self.inner:g} pixels")
        self.check_estimator()

    def footprint(
        self, shape: tuple[int, int], position: tuple[float, float], good: np.ndarray | None = None
    ) -> np.ndarray:
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
        distances = squared_distances(shape, position)
        used = (distances >= self.inner**2) & (distances < self.outer**2)
        return used if good is None else used & good

    def describe(self) -> dict[str, Any]:
        """
        Every setting, as plain JSON.

        Returns
        -------
        dict
        """
        return {
            "kind": "annulus",
            **self.describe_estimator(),
            "inner": plain(self.inner),
            "outer": plain(self.outer),
        }


def scalar_levels(data, footprint, background, bad=None):
    """
    Sky level of each integration from all pixels of the footprint.

    Parameters
    ----------
    data : `~numpy.ndarray` of float64, shape (B, ny, nx)
        Images.
    footprint : `~numpy.ndarray` of bool, shape (ny, nx)
        Pixels to use.
    background : FrameBackground or AnnulusBackground
        Estimator and clipping.
    bad : `~numpy.ndarray` of bool, shape (B, ny, nx) or (1, ny, nx), optional
        True for pixels to leave out.

    Returns
    -------
    BackgroundLevels
        Without an image.
    """
    from nircam_tso.measure.estimators import noise_response

    estimator = background.photutils_estimator
    rows = level_rows(
        data.reshape(len(data), -1),
        np.flatnonzero(footprint),
        estimator,
        bad=None if bad is None else bad.reshape(len(bad), -1),
        minimum=MIN_PIXELS,
    )
    response = noise_response(estimator)
    count = np.where(rows.valid, rows.n_kept, 2)
    scatter = rows.std * np.sqrt(count / (count - 1.0)) / response.scatter
    error = level_errors(background, scatter, count)
    return BackgroundLevels(*(np.where(rows.valid, v, np.nan) for v in (rows.level, error, scatter)), rows.valid)
