"""A sky that varies over the image: levels in a mesh of boxes, smoothed and interpolated by photutils."""

from __future__ import annotations

import numbers
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.measure.background.levels import MIN_PIXELS, BackgroundLevels, level_rows
from nircam_tso.measure.background.settings import BackgroundSettings, check_length, plain, squared_distances

if TYPE_CHECKING:
    from typing import Any

__all__ = ["MeshBackground", "mesh_levels"]

#: Per cent of a box that may be masked; beyond, its level comes from its neighbours.
_MAX_MASKED = 50.0

#: photutils changes the filters of warnings while it works, which are those of all threads.
_ONE_AT_A_TIME = threading.Lock()

#: Simulated images from which errors follow, at most and at least: their standard
#: deviation is sure to 3.5 and to 7 %. Images of over 100,000 pixels get fewer.
_MOST, _FEWEST = 400, 100
_PIXELS_IN_ALL = 40_000_000


def _pair(name, value, *, odd=False):
    try:
        pair = (value, value) if isinstance(value, numbers.Real) else tuple(value)
        whole = len(pair) == 2 and all(part == int(part) and part >= 1 for part in pair)
    except (TypeError, ValueError):
        whole = False
    if not whole:
        raise ValueError(f"{name}: {value!r} is not (ny, nx) with two whole numbers of at least 1, or one number")
    if odd and any(int(part) % 2 == 0 for part in pair):
        raise ValueError(f"{name}: {value!r} must be odd")
    return tuple(int(part) for part in pair)


@dataclass(frozen=True, eq=False)
class MeshBackground(BackgroundSettings):
    """
    Sky that varies over the frame: `photutils.background.Background2D` of each integration.

    A level is measured in each box of a mesh, the mesh is smoothed by a running median
    and interpolated by cubic splines. Boxes of which more than half is masked (by the
    star's disc, by bad pixels, or because they reach beyond the frame) take their level
    from their neighbours, weighted by inverse distance: the sky under the star is
    interpolated, and bends where it should slope.

    Its cost is some 1 ms for each image of 64 x 64 pixels and 7 ms for one of 256 x 256,
    three times as much with the biweight; twenty times that of a single level. Before the
    first integration the errors are simulated once, which takes as long as 400 images.

    Parameters
    ----------
    box_size : int or tuple of int
        Size of the boxes, (ny, nx) or one number for both. One larger than the frame
        is the whole frame.
    filter_size : int or tuple of int, optional
        Size in boxes of the running median, odd; 1 is none.
    exclude_radius : float or `~astropy.units.Quantity`, optional
        As for `FrameBackground`.
    estimator : str, class, object or None, optional
        As for `FrameBackground`; measures each box.
    sigma_clip : `~astropy.stats.SigmaClip`, None or "default", optional
        As for `FrameBackground`.

    Raises
    ------
    ValueError, TypeError
        For sizes that are no whole numbers of at least 1, an even ``filter_size``, an
        unknown estimator or clipping, or a radius that is negative or not finite.

    Notes
    -----
    A median of medians has no error by formula. The standard error of the mean over a
    region is that of 400 simulated images of unit noise (always the same) with the same
    masked pixels, times the scatter of the pixels about the sky; it is sure to 3.5 %
    (with fewer images for frames of over 100,000 pixels, 7 % from 400,000). For apertures
    smaller than the region it is a little low, as the sky is surer over many pixels than
    over few; within a box hardly so.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.background import MeshBackground, estimate_background
    >>> y, x = np.mgrid[:60, :80]
    >>> sky = MeshBackground(10, exclude_radius=8)
    >>> image = 100 + 0.5 * x + 0.2 * y
    >>> levels = estimate_background(image[np.newaxis], sky.footprint((60, 80), (45, 30)), sky)
    >>> float(np.ptp(image)), float(abs(levels.image[0] - image)[10:50, 10:70].max().round(1))
    (51.3, 1.1)
    """

    box_size: int | tuple[int, int]
    filter_size: int | tuple[int, int] = 3
    exclude_radius: float = 12.0
    estimator: object = None
    sigma_clip: object = "default"

    def __post_init__(self) -> None:
        object.__setattr__(self, "box_size", _pair("box_size", self.box_size))
        object.__setattr__(self, "filter_size", _pair("filter_size", self.filter_size, odd=True))
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
        return {
            "kind": "mesh",
            **self.describe_estimator(),
            "box_size": list(self.box_size),
            "filter_size": list(self.filter_size),
            "exclude_radius": plain(self.exclude_radius),
        }


def _box_estimator(estimator):
    """What photutils asks for the levels of boxes, whose masked pixels are NaN."""

    def levels(boxes, axis=None):
        rows = boxes.reshape(1, -1) if axis is None else boxes.reshape(-1, boxes.shape[-1])
        rows = np.ascontiguousarray(rows, np.float64)
        found = level_rows(rows, np.arange(rows.shape[1]), estimator, minimum=1)
        # Of a box of one pixel nothing but the level can be told.
        level = np.where(found.n_kept > 0, found.level, np.nan)
        return level[0] if axis is None else level.reshape(boxes.shape[:-1])

    return levels


def _sky_image(image, masked, background):
    """Sky of one image, None where no box has enough pixels."""
    from photutils.background import Background2D

    try:
        with _ONE_AT_A_TIME:
            return Background2D(
                np.where(masked, 0.0, image),
                background.box_size,
                mask=masked,
                exclude_percentile=_MAX_MASKED,
                filter_size=background.filter_size,
                sigma_clip=None,
                bkg_estimator=_box_estimator(background.photutils_estimator),
            ).background
    except ValueError:
        return None


def _residual_levels(data, skies, footprint, background, bad=None):
    rows = (data - skies).reshape(len(data), -1)
    pixels = np.flatnonzero(footprint)
    return level_rows(rows, pixels, background.photutils_estimator, bad=bad)


@lru_cache(maxsize=16)
def _response(background, shape, footprint, region):
    """
    Standard deviations that unit noise leaves, by simulation.

    Returns that of the mean sky over the region, and that of the pixels about the sky.
    """
    footprint = np.frombuffer(footprint, bool).reshape(shape)
    region = np.frombuffer(region, bool).reshape(shape)
    rng = np.random.default_rng(20221)
    means, scatters = [], []
    for _ in range(min(max(_PIXELS_IN_ALL // footprint.size, _FEWEST), _MOST)):
        noise = rng.standard_normal((1, *shape))
        sky = _sky_image(noise[0], ~footprint, background)
        if sky is None:
            return np.nan, np.nan
        means.append(sky[region].mean())
        scatters.append(_residual_levels(noise, sky[np.newaxis], footprint, background).std[0])
    # The true mean is 0.
    return float(np.sqrt(np.mean(np.square(means)))), float(np.mean(scatters))


def mesh_levels(data, footprint, background, bad, region):
    """
    Sky image of each integration.

    Parameters
    ----------
    data : `~numpy.ndarray` of float64, shape (B, ny, nx)
        Images.
    footprint : `~numpy.ndarray` of bool, shape (ny, nx)
        Pixels to use.
    background : MeshBackground
        Mesh, estimator and clipping.
    bad : `~numpy.ndarray` of bool, shape (B, ny, nx) or (1, ny, nx), or None
        True for pixels to leave out.
    region : `~numpy.ndarray` of bool, shape (ny, nx)
        Pixels whose mean is the ``level``.

    Returns
    -------
    BackgroundLevels
    """
    n = len(data)
    skies = np.full(data.shape, np.nan)
    masked = ~np.isfinite(data) | ~footprint
    if bad is not None:
        masked |= bad
    n_good = (~masked).sum(axis=(1, 2))
    for b in np.flatnonzero(n_good >= MIN_PIXELS):
        sky = _sky_image(data[b], masked[b], background)
        if sky is not None:
            skies[b] = sky
    valid = np.isfinite(skies).all(axis=(1, 2))
    if valid.any():
        error, spread = _response(background, footprint.shape, footprint.tobytes(), region.tobytes())
        found = _residual_levels(data, skies, footprint, background, bad=masked.reshape(n, -1))
        valid &= found.valid
        scatter = found.std / spread
        # A pixel more or less in an integration changes the error like that of a mean.
        error = error * scatter * np.sqrt(footprint.sum() / np.maximum(n_good, 1))
    else:
        scatter = error = np.full(n, np.nan)
    # One by one: a gathered block may lie in memory so that sums depend on its size.
    level = np.array([sky[region].mean() for sky in skies])
    skies[~valid] = np.nan
    return BackgroundLevels(*(np.where(valid, values, np.nan) for values in (level, error, scatter)), valid, skies)
