"""Levels of lines: how large they are in a series, and what they are in each integration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nircam_tso.measure.medians import MAD_TO_SIGMA
from nircam_tso.measure.striping.lines import Lines, line_medians, subtract_terms
from nircam_tso.measure.striping.residuals import image_residuals

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from nircam_tso.measure.striping.residuals import Residuals

__all__ = [
    "MIN_FREE",
    "StripingModel",
    "StripingTerms",
    "correct_groups",
    "fit_striping",
    "group_differences",
    "remaining_variance",
    "striping_terms",
]

#: A line with fewer pixels than this to tell its level is left as it is.
MIN_FREE = 8
#: Variance of the median of many normal values, times their number.
_MEDIAN_VARIANCE = np.pi / 2


@dataclass(frozen=True, eq=False)
class StripingModel:
    """
    What holds for the lines of a series.

    Attributes
    ----------
    lines : Lines
        Which pixels belong together.
    free : `~numpy.ndarray` of bool, shape (ny, nx)
        Pixels that tell levels: away from the star, not always bad.
    window : `~numpy.ndarray` of bool, shape (ny, nx)
        Pixels whose sum is the star's flux.
    reference : `~numpy.ndarray` of float64, shape (ny, nx), or None
        The series' median image, less its level; None estimates on the image itself.
    variance : `~numpy.ndarray` of float64, shape (n_groups,)
        Variance of true levels within a group.
    scatter : `~numpy.ndarray` of float64, shape (n_groups,)
        Standard deviation of one pixel within its line.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.striping import ReadoutLayout, fit_striping, series_residuals, striping_lines
    >>> images = np.random.default_rng(1).normal(0, 4, (20, 64, 50))
    >>> free, star = np.ones((64, 50), bool), np.zeros((64, 50), bool)
    >>> residuals = series_residuals(images, np.isnan(images), free, star)
    >>> model = fit_striping(residuals, striping_lines("row", (64, 50), ReadoutLayout()), star)
    >>> model.variance.shape, bool(abs(model.scatter[0] - 4) < 0.2)
    ((1,), True)
    """

    lines: Lines
    free: np.ndarray
    window: np.ndarray
    reference: np.ndarray | None
    variance: np.ndarray
    scatter: np.ndarray

    def errors(self, counts: np.ndarray) -> np.ndarray:
        """
        Variance of the medians of lines.

        Parameters
        ----------
        counts : `~numpy.ndarray` of int, shape (..., n_strips, n_lines)
            Number of pixels in each line.

        Returns
        -------
        `~numpy.ndarray`
            ``pi / 2 scatter^2 / n``; infinite for lines with fewer than `MIN_FREE` pixels.
        """
        error = _MEDIAN_VARIANCE * self.scatter[self.lines.groups] ** 2 / np.maximum(counts, 1)
        return np.where(counts >= MIN_FREE, error, np.inf)

    def shrinkage(self, counts: np.ndarray) -> np.ndarray:
        """
        By how much the estimates of levels are scaled down, 0 to 1.

        Parameters
        ----------
        counts : `~numpy.ndarray` of int, shape (..., n_strips, n_lines)
            Number of pixels in each line.

        Returns
        -------
        `~numpy.ndarray`
            ``s^2 / (s^2 + error)``, the linear estimate of least variance.
        """
        variance = self.variance[self.lines.groups]
        return variance / np.where(variance > 0, variance + self.errors(counts), 1.0)


class StripingTerms(NamedTuple):
    """
    Levels of the lines of each image.

    Attributes
    ----------
    values : `~numpy.ndarray` of float64, shape (B, n_strips, n_lines)
        What to take off.
    left : `~numpy.ndarray` of bool, shape (B, n_strips, n_lines)
        Lines that too few pixels tell of. They get no level but their group's.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.striping import StripingTerms
    >>> terms = StripingTerms(values=np.array([[[1.0, -1.0]]]), left=np.zeros((1, 1, 2), bool))
    >>> terms.values.shape, int(terms.left.sum())
    ((1, 1, 2), 0)
    """

    values: np.ndarray
    left: np.ndarray


def remaining_variance(variance: Any, error: Any) -> Any:
    """
    Variance of levels that is left after correction with shrunk estimates.

    Parameters
    ----------
    variance : float or `~numpy.ndarray`
        Variance s^2 of true levels.
    error : float or `~numpy.ndarray`
        Variance e of their unshrunk estimates; infinite where there is none.

    Returns
    -------
    float or `~numpy.ndarray`
        ``k^2 e + (1 - k)^2 s^2`` with ``k = s^2 / (s^2 + e)``, which is ``k e``, and
        never above s^2.

    Examples
    --------
    >>> from nircam_tso.measure.striping import remaining_variance
    >>> print(remaining_variance(4.0, 1.0), remaining_variance(4.0, float("inf")))
    0.8 4.0
    """
    variance, error = np.asarray(variance, float), np.asarray(error, float)
    known = np.isfinite(error)
    finite = np.where(known, error, 0.0)
    total = np.where(variance + finite > 0, variance + finite, 1.0)
    return np.where(known, variance * finite / total, variance)[()]


def _true_variance(deviations, errors):
    """
    Variance s^2 with which deviations / sqrt(s^2 + errors) have the spread of unit normal ones.

    The spread is the median absolute deviation, so that single wild lines do not count.
    """
    if deviations.size == 0:
        return 0.0
    squares = deviations * deviations
    target = MAD_TO_SIGMA**-2

    def wide(variance):
        # Without any noise the ratio is beyond all numbers.
        with np.errstate(over="ignore"):
            return np.median(squares / np.maximum(variance + errors, np.finfo(float).tiny)) > target

    low, high = 0.0, float(np.median(squares)) / target
    if not wide(0.0):
        return 0.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if wide(middle) else (low, middle)
    return 0.5 * (low + high)


def fit_striping(residuals: Residuals, lines: Lines, window: np.ndarray) -> StripingModel:
    """
    Find how strong the stripes of a series are.

    Parameters
    ----------
    residuals : Residuals
        Sample of the series, see `series_residuals`.
    lines : Lines
        The lines.
    window : `~numpy.ndarray` of bool, shape (ny, nx)
        Pixels whose sum is the star's flux.

    Returns
    -------
    StripingModel
        The variance of true levels is that of the lines' medians without what white
        noise adds, ``pi / 2 sigma^2 / n``. With a reference it is that of differences
        from image to image; without, stripes that stay the same count, too.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.striping import ReadoutLayout, fit_striping, series_residuals, striping_lines
    >>> rng = np.random.default_rng(1)
    >>> images = rng.normal(0, 4, (20, 64, 50)) + rng.normal(0, 3, (20, 64, 1))
    >>> free, star = np.ones((64, 50), bool), np.zeros((64, 50), bool)
    >>> residuals = series_residuals(images, np.isnan(images), free, star)
    >>> model = fit_striping(residuals, striping_lines("row", (64, 50), ReadoutLayout()), star)
    >>> print(f"{model.variance[0]:.1f} {model.scatter[0]:.1f}")
    9.7 3.9
    """
    values, usable = residuals.values, residuals.usable
    if residuals.reference is not None and len(values) > 1:
        # The median image is near some of those that it is made of. Differences of two
        # images do not know it.
        values = np.diff(values, axis=0) * np.sqrt(0.5)
        usable = usable[1:] & usable[:-1]
    medians, counts, deviations = line_medians(values, usable, lines, spreads=True)
    known = counts >= MIN_FREE
    n_groups = lines.n_groups
    variance, scatter = np.zeros(n_groups), np.zeros(n_groups)
    for group in range(n_groups):
        inside = known & (lines.groups == group)
        if not inside.any():
            continue
        scatter[group] = np.median(deviations[inside]) * MAD_TO_SIGMA
        errors = _MEDIAN_VARIANCE * scatter[group] ** 2 / counts[inside]
        off = [own[here] - np.median(own[here]) for own, here in zip(medians, inside, strict=True) if here.any()]
        variance[group] = _true_variance(np.concatenate(off), errors)
    return StripingModel(lines, residuals.free, window, residuals.reference, variance, scatter)


def striping_terms(images: np.ndarray, bad: np.ndarray, model: StripingModel) -> StripingTerms:
    """
    Levels of the lines of each image.

    Estimates are medians over the free pixels, against the mean of their group weighted
    by ``1 / (s^2 + error)``, and shrunk by ``s^2 / (s^2 + error)``: the best linear
    prediction of a random level (Robinson 1991, Statistical Science 6, 15). Their mean
    over the frame is 0. The groups' own levels (of outputs, of odd and even columns)
    are taken against the median of these.

    Parameters
    ----------
    images : `~numpy.ndarray` of float64, shape (B, ny, nx)
        Images, sky included.
    bad : `~numpy.ndarray` of bool, shape (B, ny, nx)
        Bad pixels.
    model : StripingModel
        What holds for the series.

    Returns
    -------
    StripingTerms
        All 0 for an image without good pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.striping import ReadoutLayout, fit_striping, series_residuals, striping_lines
    >>> from nircam_tso.measure.striping import striping_terms
    >>> rng = np.random.default_rng(1)
    >>> stripes = rng.normal(0, 3, (20, 64, 1))
    >>> images = 100 + rng.normal(0, 4, (20, 64, 50)) + stripes
    >>> free, star, bad = np.ones((64, 50), bool), np.zeros((64, 50), bool), np.zeros(images.shape, bool)
    >>> lines = striping_lines("row", (64, 50), ReadoutLayout())
    >>> model = fit_striping(series_residuals(images, bad, free, star), lines, star)
    >>> values = striping_terms(images, bad, model).values[:, 0]
    >>> print(f"{np.corrcoef(values.ravel(), stripes.ravel())[0, 1]:.2f}")
    0.94
    """
    bad = bad | ~np.isfinite(images)
    lines = model.lines
    values = image_residuals(images, bad, model.free, model.window, model.reference)
    medians, counts, _ = line_medians(values, model.free & ~bad, lines)
    left = counts < MIN_FREE
    shrinkage = model.shrinkage(counts)
    total = model.variance[lines.groups] + model.errors(counts)
    # Without any noise all lines tell the same.
    weights = 1.0 / np.where(total > 0, total, 1.0)
    n_groups = lines.n_groups
    common = np.full((len(images), n_groups), np.nan)
    deviations = np.where(left, 0.0, medians)
    for group in range(n_groups):
        inside = (lines.groups == group) & ~left
        weight = np.where(inside, weights, 0.0)
        norm = weight.sum(axis=(1, 2))
        own = norm > 0
        sums = np.where(inside, weight * deviations, 0.0).sum(axis=(1, 2))
        common[own, group] = sums[own] / norm[own]
        deviations -= np.where(inside, np.nan_to_num(common[:, group])[:, None, None], 0.0)
    terms = shrinkage * deviations
    if n_groups > 1:
        for row in np.flatnonzero(np.isfinite(common).any(axis=1)):
            offsets = np.nan_to_num(common[row] - np.nanmedian(common[row]))
            terms[row] += offsets[lines.groups]
    return StripingTerms(terms, left)


def group_differences(values: np.ndarray, group_range: tuple[int, int], *, steps: bool) -> np.ndarray:
    """
    Differences of groups, in which stripes are looked for.

    Parameters
    ----------
    values : `~numpy.ndarray`, shape (B, groups, ny, nx)
        Ramps, of any numeric type; or bad pixels of each group, as bool.
    group_range : (int, int)
        First and last group used, zero-based.
    steps : bool
        Whether to make a difference of each two successive groups, as slopes and group
        steps need, or one of the last group less the first.

    Returns
    -------
    `~numpy.ndarray`, shape (B, n_differences, ny, nx)
        float64, or bool where any of the groups between and with the two is bad.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.striping import group_differences
    >>> ramps = np.array([1.0, 4.0, 9.0]).reshape(1, 3, 1, 1)
    >>> group_differences(ramps, (0, 2), steps=True).ravel(), group_differences(ramps, (0, 2), steps=False).ravel()
    (array([3., 5.]), array([8.]))
    """
    first, last = group_range
    edges = range(first, last + 1) if steps else (first, last)
    pairs = list(zip(edges[:-1], edges[1:], strict=True))
    if values.dtype == bool:
        return np.stack([values[:, a : b + 1].any(axis=1) for a, b in pairs], axis=1)
    return np.stack([np.subtract(values[:, b], values[:, a], dtype=np.float64) for a, b in pairs], axis=1)


def correct_groups(
    data: np.ndarray, bad: np.ndarray, models: Sequence[StripingModel], group_range: tuple[int, int], *, steps: bool
) -> tuple[np.ndarray, np.ndarray]:
    """
    Take stripes off ramps, each difference of groups by itself.

    Parameters
    ----------
    data : `~numpy.ndarray`, shape (B, groups, ny, nx)
        Ramps, of any numeric type.
    bad : `~numpy.ndarray` of bool, shape (B, n_differences, ny, nx)
        Bad pixels of each difference.
    models : sequence of StripingModel
        One for each difference.
    group_range : (int, int)
        First and last group used, zero-based.
    steps : bool
        As for `group_differences`.

    Returns
    -------
    corrected : `~numpy.ndarray` of float64, shape (B, groups, ny, nx)
        A copy whose groups differ by the corrected differences. Groups up to the first
        one used stay as they are.
    left : `~numpy.ndarray` of bool, shape (B, n_differences, n_strips, n_lines)
        Lines that too few pixels tell of.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.striping import ReadoutLayout, correct_groups, fit_striping
    >>> from nircam_tso.measure.striping import group_differences, series_residuals, striping_lines
    >>> rng = np.random.default_rng(1)
    >>> ramps = np.cumsum(10 + rng.normal(0, 1, (12, 3, 20, 30)) + rng.normal(0, 9, (12, 3, 20, 1)), axis=1)
    >>> free, star = np.ones((20, 30), bool), np.zeros((20, 30), bool)
    >>> lines = striping_lines("row", (20, 30), ReadoutLayout())
    >>> differences = group_differences(ramps, (0, 2), steps=True)
    >>> bad = np.isnan(differences)
    >>> models = [fit_striping(series_residuals(differences[:, k], bad[:, k], free, star), lines, star) for k in (0, 1)]
    >>> corrected, left = correct_groups(ramps, bad, models, (0, 2), steps=True)
    >>> print(f"{np.diff(ramps, axis=1).mean(axis=3).std():.0f} {np.diff(corrected, axis=1).mean(axis=3).std():.0f}")
    9 3
    """
    differences = group_differences(data, group_range, steps=steps)
    terms = [striping_terms(differences[:, k], bad[:, k], model) for k, model in enumerate(models)]
    corrected = np.array(data, np.float64)
    # What is taken off one group carries on to all that follow.
    summed = np.cumsum([part.values for part in terms], axis=0)
    for k, model in enumerate(models):
        subtract_terms(corrected[:, group_range[0] + 1 + k if steps else group_range[1]], summed[k], model.lines)
    return corrected, np.stack([part.left for part in terms], axis=1)
