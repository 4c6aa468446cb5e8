"""A sky with a level of its own in each row, or in each column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.measure.background.levels import MIN_PIXELS, BackgroundLevels, LineLevels, level_errors, level_rows
from nircam_tso.measure.background.settings import BackgroundSettings, check_length, plain, squared_distances

if TYPE_CHECKING:
    from typing import Any

__all__ = ["MIN_LINE_PIXELS", "LineBackground", "circle_chords", "line_levels", "line_sum_error"]

#: A row or column with fewer good sky pixels than this is interpolated.
MIN_LINE_PIXELS = 8


@dataclass(frozen=True, eq=False)
class LineBackground(BackgroundSettings):
    """
    Sky with a level of its own in each row or column, measured outside the star.

    Lines with fewer than 8 good pixels (`MIN_LINE_PIXELS`) take their level from the
    nearest measured lines on both sides, linearly; beyond the last measured line, its
    level. Within a line the sky is constant.

    Parameters
    ----------
    axis : {"row", "column"}, optional
        Whether each row (pixels of one y) or each column (one x) has a level.
    exclude_radius : float or `~astropy.units.Quantity`, optional
        As for `FrameBackground`.
    estimator : str, class, object or None, optional
        As for `FrameBackground`; measures each line.
    sigma_clip : `~astropy.stats.SigmaClip`, None or "default", optional
        As for `FrameBackground`.

    Raises
    ------
    ValueError, TypeError
        For another axis, an unknown estimator or clipping, or a radius that is negative
        or not finite.

    Notes
    -----
    The levels of lines err independently, so that a sum over an aperture errs by the
    root of the sum over lines of (chord x error of the line) squared
    (`line_sum_error`), less than by area x error of one line. The ``error`` of the
    region's mean is that sum for the region, divided by its pixels: right for a sum
    over the region. A smaller aperture needs its own chords; with the region's error
    it would come out too sure, as the root of the ratio of radii.

    The scatter of a pixel is taken over all lines together, as if their noise were the
    same: the error of a line of few pixels is then as sure as that of others.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.background import LineBackground, estimate_background
    >>> rows = np.arange(30.0)[:, np.newaxis] * np.ones(40)
    >>> sky = LineBackground("row", exclude_radius=5)
    >>> levels = estimate_background(rows[np.newaxis], sky.footprint((30, 40), (20, 15)), sky)
    >>> bool((levels.image[0] == rows).all())
    True
    """

    axis: str = "row"
    exclude_radius: float = 12.0
    estimator: object = None
    sigma_clip: object = "default"

    def __post_init__(self) -> None:
        if self.axis not in ("row", "column"):
            raise ValueError(f"axis: {self.axis!r} is neither 'row' nor 'column'")
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
            "kind": "line",
            **self.describe_estimator(),
            "axis": self.axis,
            "exclude_radius": plain(self.exclude_radius),
        }


def circle_chords(centre: np.ndarray, radii: np.ndarray, n: int) -> np.ndarray:
    """
    Area of circles within each row or column of pixels.

    Parameters
    ----------
    centre : `~numpy.ndarray` of float64, shape (B,)
        Where the circles are, along the axis that counts the lines: y for rows, x for
        columns; zero-based pixel centres.
    radii : `~numpy.ndarray` of float64, shape (R,)
        Their radii.
    n : int
        Number of lines.

    Returns
    -------
    `~numpy.ndarray` of float64, shape (B, R, n)
        The integral of ``2 sqrt(r^2 - t^2)`` over each line; NaN where the centre is.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.background import circle_chords
    >>> float(circle_chords(np.array([10.2]), np.array([3.0]), 20).sum() / np.pi)
    9.0
    """
    centre, radii = np.asarray(centre, np.float64), np.asarray(radii, np.float64)
    r = radii[np.newaxis, :, np.newaxis]
    edges = np.arange(n + 1) - 0.5 - centre[:, np.newaxis, np.newaxis]
    t = np.clip(edges, -r, r)
    integral = r**2 * np.arcsin(t / r) + t * np.sqrt(r**2 - t**2)
    return np.diff(integral, axis=2)


def line_sum_error(lines: LineLevels, chords: np.ndarray) -> np.ndarray:
    """
    1 sigma that the levels of lines bring to weighted sums of pixels.

    Parameters
    ----------
    lines : LineLevels
        Errors of the lines.
    chords : `~numpy.ndarray` of float64, shape (B, R, L)
        Sum of the weights of each sum within each line.

    Returns
    -------
    `~numpy.ndarray` of float64, shape (B, R)
        The root of the sum of ``(chord x error)^2`` over the measured lines; the chord
        of an interpolated line counts to those that its level comes from.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.background import LineLevels, line_sum_error
    >>> own = np.array([[0, 1]])
    >>> lines = LineLevels(error=np.array([[3.0, 4.0]]), lower=own, upper=own, fraction=np.zeros((1, 2)))
    >>> line_sum_error(lines, np.array([[[1.0, 1.0]]]))
    array([[5.]])
    """
    total = np.array(np.broadcast_to(chords, (len(lines.error), *np.shape(chords)[1:])), np.float64)
    for b in np.flatnonzero((lines.lower != lines.upper).any(axis=1) | np.isnan(lines.error).any(axis=1)):
        given = total[b]
        folded = np.zeros(given.shape)
        # One after the other, as a line may be named several times.
        for line, (low, high, part) in enumerate(zip(lines.lower[b], lines.upper[b], lines.fraction[b], strict=True)):
            folded[:, low] += (1.0 - part) * given[:, line]
            folded[:, high] += part * given[:, line]
        total[b] = folded
    variance = np.nan_to_num(lines.error**2)[:, np.newaxis, :]
    error = np.sqrt((total**2 * variance).sum(axis=2))
    error[np.isnan(lines.error).all(axis=1)] = np.nan
    return error


def _neighbours(measured):
    """For each line the measured ones from which its level comes, and the weight of the second."""
    lines = np.arange(len(measured))
    known = np.flatnonzero(measured)
    after = np.searchsorted(known, lines)
    upper = known[np.minimum(after, len(known) - 1)]
    lower = np.where(measured, lines, known[np.maximum(after - 1, 0)])
    upper = np.where(after == 0, lower, upper)
    gap = np.maximum(upper - lower, 1)
    return lower, upper, np.where(upper > lower, (lines - lower) / gap, 0.0)


def line_levels(data, footprint, background, bad, region):
    """
    Sky image of each integration.

    Parameters
    ----------
    data : `~numpy.ndarray` of float64, shape (B, ny, nx)
        Images.
    footprint : `~numpy.ndarray` of bool, shape (ny, nx)
        Pixels to use.
    background : LineBackground
        Axis, estimator and clipping.
    bad : `~numpy.ndarray` of bool, shape (B, ny, nx) or (1, ny, nx), or None
        True for pixels to leave out.
    region : `~numpy.ndarray` of bool, shape (ny, nx)
        Pixels whose mean is the ``level``.

    Returns
    -------
    BackgroundLevels
    """
    from nircam_tso.measure.estimators import noise_response

    masked = np.broadcast_to(~footprint if bad is None else bad | ~footprint, data.shape)
    if background.axis == "column":
        data, masked, region = data.transpose(0, 2, 1), masked.transpose(0, 2, 1), region.T
    n, n_lines, length = data.shape
    estimator = background.photutils_estimator
    found = level_rows(
        np.ascontiguousarray(data).reshape(-1, length),
        np.arange(length),
        estimator,
        bad=np.ascontiguousarray(masked).reshape(-1, length),
        minimum=MIN_LINE_PIXELS,
    )
    level, std, n_good, n_kept, measured = (values.reshape(n, n_lines) for values in found)
    valid = measured.any(axis=1) & (n_good.sum(axis=1) >= MIN_PIXELS)

    response = noise_response(estimator)
    freedom = np.where(measured, n_kept - 1.0, 0.0)
    squares = np.where(measured, n_kept * std**2, 0.0).sum(axis=1)
    scatter = np.sqrt(squares / np.where(valid, freedom.sum(axis=1), 1.0)) / response.scatter
    error = np.where(measured, level_errors(background, scatter[:, np.newaxis], n_kept), np.nan)

    lower, upper = (np.tile(np.arange(n_lines), (n, 1)) for _ in range(2))
    fraction = np.zeros((n, n_lines))
    for b in np.flatnonzero(valid & ~measured.all(axis=1)):
        lower[b], upper[b], fraction[b] = _neighbours(measured[b])
    error[~valid] = np.nan
    lines = LineLevels(error, lower, upper, fraction)
    low, high = np.take_along_axis(level, lower, axis=1), np.take_along_axis(level, upper, axis=1)
    level = np.where(valid[:, np.newaxis], low + fraction * (high - low), np.nan)

    chords = region.sum(axis=1).astype(np.float64)
    area = chords.sum()
    mean = (level * chords).sum(axis=1) / area
    mean_error = line_sum_error(lines, np.broadcast_to(chords, (n, 1, n_lines)))[:, 0] / area
    image = np.repeat(level[:, :, np.newaxis], length, axis=2)
    if background.axis == "column":
        image = np.ascontiguousarray(image.transpose(0, 2, 1))
    scatter = np.where(valid, scatter, np.nan)
    return BackgroundLevels(mean, mean_error, scatter, valid, image, lines)
