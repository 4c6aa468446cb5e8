"""What stripes, corrected or not, add to the variance of a sum of pixels.

A corrected, sky-subtracted aperture sum is a weighted sum of pixels whose weights add up
to 0, and its variance follows from the pixels' variograms, which do not care about an
image's level.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numba import njit

from nircam_tso.measure.medians import MAD_TO_SIGMA
from nircam_tso.measure.striping.readout import Readout

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike

    from nircam_tso.measure.striping.lines import ReadoutLayout
    from nircam_tso.measure.striping.terms import StripingModel
    from nircam_tso.measure.striping.variograms import Variograms

__all__ = ["LineVariance", "level_scatter", "line_variance"]

#: Standard errors by which levels must differ from what lines tell to count.
_SURE = 2.0
#: Variance of the mean square of second differences of N white values, over 2 / N (the sum of the
#: squares of their autocorrelation 1, -2/3, 1/6 on both sides).
_SECOND_DIFFERENCES = 35 / 18
#: Sums that go on side by side.
_LANES = 16


class LineVariance(NamedTuple):
    """
    Variance that stripes give to weighted sums of pixels, each of shape (n,).

    Attributes
    ----------
    variance : `~numpy.ndarray` of float64
        Squared image unit; NaN where no pixel tells.
    error : `~numpy.ndarray` of float64
        Its standard error, as the images differ; infinite where one image alone tells.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.striping import ReadoutLayout, line_variance, noise_variograms
    >>> images = np.random.default_rng(1).normal(0, 4, (20, 32, 40))
    >>> variograms = noise_variograms([(images, np.ones(images.shape, bool))], ReadoutLayout())
    >>> weights = np.zeros((32, 40))
    >>> weights[5:10, 5:10], weights[20:25, 5:10] = 0.04, -0.04
    >>> found = line_variance(variograms, ReadoutLayout(), np.ones((32, 40), bool), [weights])
    >>> found.variance.shape, found.error.shape
    ((1,), (1,))
    """

    variance: np.ndarray
    error: np.ndarray


def _after_correction(weights, model):
    """
    Weights of the pixels as they were read, and what the correction adds of the white variance of a pixel.

    What is taken off each line is a multiple of its median, which noise moves like the
    mean; the level of all that groups have in common, which is never taken off, is taken
    for their mean.
    """
    lines = model.lines
    free = lines.along(model.free).astype(float)
    along = lines.along(weights)
    chords, counts, on_free = (
        np.stack([part[:, lines.strips == k].sum(axis=1) for k in range(len(lines.groups))])
        for part in (along, free, along * free)
    )
    shrinkage = model.shrinkage(counts)
    multiples = chords * shrinkage
    total = model.variance[lines.groups] + model.errors(counts)
    weight = 1.0 / np.where(total > 0, total, 1.0)
    for group in range(lines.n_groups):
        inside = lines.groups == group
        if (weight * inside).any():
            rest = ((chords - multiples) * inside).sum() - chords.sum() / lines.n_groups
            multiples += weight * inside * rest / (weight * inside).sum()
    counts = np.maximum(counts, 1.0)
    white = (multiples * (np.pi / 2 * multiples - 2 * on_free) / counts).sum()
    return weights - lines.along(free * (multiples / counts).T[:, lines.strips]), white


def level_scatter(levels: ArrayLike) -> tuple[float, float]:
    """
    Variance of the levels of images, from one to the next.

    Parameters
    ----------
    levels : array_like, shape (S,)
        Levels in their order in time. One that is not finite is a gap: no difference spans it.

    Returns
    -------
    variance, error : float
        From second differences, which a sky that drifts slowly does not change, without
        those beyond four times their robust scatter; and its standard error, for levels
        that are independent. NaN for fewer than two such differences.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.striping import level_scatter
    >>> drift = np.linspace(0, 500, 400)
    >>> print(round(level_scatter(drift + np.random.default_rng(1).normal(0, 3, 400))[0], 1))
    8.6
    """
    steps = np.diff(np.asarray(levels, np.float64), 2)
    steps = steps[np.isfinite(steps)]
    if len(steps) < 2:
        return np.nan, np.nan
    steps = steps[np.abs(steps) <= 4 * MAD_TO_SIGMA * np.median(np.abs(steps))]
    variance = float(np.mean(steps**2)) / 6
    return variance, variance * float(np.sqrt(2 * _SECOND_DIFFERENCES / len(steps)))


def line_variance(
    variograms: Variograms,
    layout: ReadoutLayout,
    free: np.ndarray,
    weights: Iterable[np.ndarray],
    *,
    common: tuple[np.ndarray, ArrayLike] | None = None,
    model: StripingModel | None = None,
    level: tuple[float, float] | None = None,
) -> LineVariance:
    """
    Variance that stripes give to weighted sums of pixels.

    Parameters
    ----------
    variograms : Variograms
        Of the series without correction.
    layout : ReadoutLayout
        How the frame was read.
    free : `~numpy.ndarray` of bool, shape (ny, nx)
        Pixels away from the star that are not always bad.
    weights : iterable of `~numpy.ndarray`, each of shape (ny, nx)
        Weights of the pixels in each sum.
    common : (`~numpy.ndarray`, array_like), optional
        An image of shape (ny, nx), and for each sum how many times it is to be taken off the weights, such as
        a level of the sky. In this way, sums of few pixels take less time.
    model : StripingModel, optional
        The correction, if the sums are made of corrected images.
    level : (float, float), optional
        Variance of the level of the free pixels from image to image, and its error, from
        `level_scatter`. Differences of pixels tell nothing of drifts that take as long as
        a frame. Without it, and where it agrees to 2 sigma with what that means, different
        lines are taken to be independent on average. Sums whose weights add up to
        0 do not depend on it.

    Returns
    -------
    LineVariance
        The white noise of the pixels themselves is not in it.

    Examples
    --------
    Rows that wander by 3, each by itself; the difference of two blocks of ten by ten pixels:

    >>> import numpy as np
    >>> from nircam_tso.measure.striping import ReadoutLayout, line_variance, noise_variograms
    >>> rng = np.random.default_rng(1)
    >>> images = rng.normal(0, 4, (100, 64, 50)) + rng.normal(0, 3, (100, 64, 1))
    >>> free, weights = np.ones((64, 50), bool), np.zeros((64, 50))
    >>> weights[20:30, 20:30], weights[40:50, 20:30] = 0.01, -0.01
    >>> variograms = noise_variograms([(images, np.ones(images.shape, bool))], ReadoutLayout())
    >>> print(line_variance(variograms, ReadoutLayout(), free, [weights]).variance.round(1))
    [1.8]
    """
    weights = list(weights)
    unknown = np.full(len(weights), np.nan)
    if not free.any() or np.isnan(variograms.line).all():
        return LineVariance(unknown, unknown)
    readout = Readout(free.shape, layout)
    nuggets, fars, filters = _covariances([variograms, *variograms.parts], readout)

    if common is not None and (model is not None or not weights):
        weights = [one - multiple * common[0] for one, multiple in zip(weights, common[1], strict=True)]
        common = None
    white = np.zeros(len(weights))
    if model is not None:
        weights, white = zip(*(_after_correction(one, model) for one in weights), strict=True)
    totals = np.array([one.sum() for one in weights])
    if common is not None:
        totals = totals - np.array(common[1]) * common[0].sum()

    def variances(total, white, powers):
        """Of one sum, for the whole and its parts, with different lines independent on average."""
        return white * nuggets - total**2 * fars + _filtered(filters, np.concatenate(powers))

    more, more_error = 0.0, 0.0
    if level is not None and np.isfinite(level[0]):
        (powers,) = _powers(readout, [free / free.sum()])
        expected = variances(1.0, np.pi / 2 / free.sum(), powers)
        error = float(np.hypot(level[1], _part_error(expected)))
        if abs(level[0] - expected[0]) > _SURE * error:
            more, more_error = level[0] - expected[0], error

    found = []
    for own in zip(totals, white, _powers(readout, weights, common), strict=True):
        values = variances(*own)
        error = np.hypot(_part_error(values), own[0] ** 2 * more_error)
        found.append((max(values[0] + own[0] ** 2 * more, 0.0), error))
    return LineVariance(*np.array(found).reshape(-1, 2).T)


def _powers(readout, weights, common=None):
    """Powers of each weights, less a multiple of a common image."""
    # In a unit of about the largest: a power of two changes no digit, and single precision is far from its limits.
    units = [2.0 ** np.round(np.log2(one)) if one > 0 else 1.0 for one in (np.abs(image).max() for image in weights)]
    images = [(image / unit).astype(np.float32) for image, unit in zip(weights, units, strict=True)]
    multiples = np.zeros(len(weights))
    if common is not None:
        image, multiples = common
        spectra = readout.spectra(image)
        square = readout.powers(spectra, spectra)
    found = zip(units, multiples, readout.sparse_spectra(images), strict=True)
    for unit, multiple, (lines, own) in found:
        powers = [unit**2 * power for power in readout.powers(own, own)]
        if multiple:
            there = (*(part[:, lines] for part in spectra[:2]), spectra[2])
            crossed = [multiple * unit * power for power in readout.powers(own, there)]
            powers = [a - 2 * b + multiple**2 * c for a, b, c in zip(powers, crossed, square, strict=True)]
        yield powers


def _covariances(grams, readout):
    """
    Of each of several variograms: white noise of a pixel, mean covariance of different lines, and
    the filters of the covariances, shape (n, frequencies of all `Readout.powers`).
    """
    # Neighbours have all of the stripes in common: their difference is white noise,
    # and that of a pixel with itself is counted elsewhere.
    nuggets = np.array([gram.line[1] for gram in grams])
    kinds = [np.stack([gram[kind] for gram in grams]) for kind in range(3)]
    covariances = [nuggets[:, None] - np.where(np.isnan(kind), nuggets[:, None], kind) for kind in kinds]
    covariances[0][:, 0] = 0.0
    n = readout.n_pieces
    times = np.arange(n // readout.n_lines, n)
    # Each pair of pixels counts as much.
    fars = [np.average(own[times], weights=n - times) if times.size else 0.0 for own in covariances[1]]
    return nuggets, np.array(fars), np.concatenate(readout.filters(*covariances), axis=1)


@njit(cache=True, nogil=True)
def _filtered(filters, power):
    """Sums of each filter times the power."""
    result = np.zeros(len(filters))
    lanes = np.zeros(_LANES)
    whole = len(power) - len(power) % _LANES
    for k in range(len(filters)):
        lanes[:] = 0.0
        for first in range(0, whole, _LANES):
            one, other = filters[k, first : first + _LANES], power[first : first + _LANES]
            for lane in range(_LANES):
                lanes[lane] += one[lane] * other[lane]
        total = lanes.sum()
        for p in range(whole, len(power)):
            total += filters[k, p] * power[p]
        result[k] = total
    return result


def _part_error(values):
    """Standard error of the first value by those without one part each (Tukey's jackknife)."""
    parts = values[1:]
    if len(parts) < 2:
        return np.inf
    return float(np.sqrt((len(parts) - 1) * np.mean(np.square(parts - parts.mean()))))
