"""What pixels have in common, by the time between their readouts.

1/f noise is stationary in the time of readout: what two pixels have in common depends
on how long after one another they were read. Half the mean square difference of pixels
by that time, the variogram (Matheron 1963, Economic Geology 58, 1246), tells all of it
and does not care about an image's level.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numba import njit

from nircam_tso.measure.clipping import clipped_statistics
from nircam_tso.measure.medians import MAD_TO_SIGMA
from nircam_tso.measure.striping.readout import Readout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nircam_tso.measure.striping.lines import ReadoutLayout

__all__ = ["Readout", "Variograms", "noise_variograms"]

#: Parts of a sample, each left out once, by which its own scatter is judged.
_PARTS = 8
#: Robust standard deviations beyond which a pixel is no noise.
_WILD = 5.0
#: Images from which on they tell the variance of a pixel.
_ENOUGH = 10
#: Pixels of an image that tell its middle and its scatter well enough for that.
_FEW = 1000
#: An image that lacks no more of the pixels than this counts with zeros in their places.
_LACKING = 0.02


class Variograms(NamedTuple):
    """
    Half the mean square difference of two pixels, by the time between them.

    Attributes
    ----------
    line : `~numpy.ndarray` of float64, shape (width,)
        Of pixels of one line, by the time in pixels; NaN where there are no such pixels.
        What happens between lines is no part of the drift: levels of rows may be more
        than time tells.
    same, other : `~numpy.ndarray` of float64, shape (n_pieces,)
        Of different lines read through the same output, and of different outputs, by the
        time in pieces of a line (`Readout`).
    parts : tuple of Variograms
        The same without an eighth of the images each; empty for a single image.

    Examples
    --------
    Noise that pixels do not share has the same variogram at all times:

    >>> import numpy as np
    >>> from nircam_tso.measure.striping import ReadoutLayout, noise_variograms
    >>> images = np.random.default_rng(1).normal(0, 4, (40, 32, 40))
    >>> variograms = noise_variograms([(images, np.ones(images.shape, bool))], ReadoutLayout())
    >>> bool(np.allclose(variograms.line[1:20], 16, rtol=0.05))
    True
    """

    line: np.ndarray
    same: np.ndarray
    other: np.ndarray
    parts: tuple = ()


def noise_variograms(
    parts: Iterable[Any],
    layout: ReadoutLayout,
    light: np.ndarray | None = None,
    *,
    each: Callable[..., Iterable] = map,
) -> Variograms:
    """
    Variograms of images of a series.

    Parameters
    ----------
    parts : iterable of (`~numpy.ndarray`, `~numpy.ndarray`)
        Uncorrected images less the scaled median image, float64 of shape (b, ny, nx),
        and the pixels to use, bool of the same shape: those away from the star that
        are not bad. One part after another, so that many images need little memory;
        a part may be a function without arguments that returns both.
        Pixels that are off by more than five times the others' scatter are left out, too.
    layout : ReadoutLayout
        How the frame was read.
    light : `~numpy.ndarray` of float64, shape (ny, nx), optional
        The light on each pixel, in any unit. Its photon noise makes variances differ, and pairs of
        another distance in time are other pixels: that would pass for noise that the others have
        in common. So the straight line of variance against light is taken off.
    each : callable, optional
        Goes through the parts like `map`; `concurrent.futures.Executor.map` does so with many at once.

    Returns
    -------
    Variograms
        All NaN where there are no pixels.

    Notes
    -----
    An image that lacks a few of the pixels that the others of its part have, such as
    those that a cosmic ray hit, has zeros in their places, and is scaled so that its
    mean square is right: what pixels have in common comes out too small by the part
    of the pixels that is lacking, which is 2 % at most. Images, their squares and the spectra of both
    have single precision, whose rounding is some 1e-7 of the white noise; what is made of these has double.

    Examples
    --------
    Rows that wander by 3, each by itself. Pixels of one row have that in common:

    >>> import numpy as np
    >>> from nircam_tso.measure.striping import ReadoutLayout, noise_variograms
    >>> rng = np.random.default_rng(1)
    >>> images = rng.normal(0, 4, (40, 32, 40)) + rng.normal(0, 3, (40, 32, 1))
    >>> variograms = noise_variograms([(images, np.ones(images.shape, bool))], ReadoutLayout())
    >>> print(f"{np.nanmean(variograms.line[1:20]):.0f} {np.nanmean(variograms.same[1:10]):.0f}")
    16 24
    """
    weights = _Weights(layout, light)
    binned, of_light, firsts, squares, often = [], [], 0.0, 0.0, 0
    for sums in each(lambda part: _part_sums(part, weights), _split(parts)):
        if sums is not None:
            binned.append(sums.binned)
            of_light.append(sums.light)
            # Images of large frames are not kept.
            firsts, squares, often = firsts + sums.firsts, squares + sums.squares, often + sums.often
    if not binned:
        return Variograms(*np.full((3, 1), np.nan))
    readout = weights.readout
    if light is not None:
        slope = _slope(firsts, squares, often, light)
        for sums, lights in zip(binned, of_light, strict=True):
            for one, own in zip(sums, lights, strict=True):
                one[1] -= slope * own
    starts = np.linspace(0, len(binned), min(_PARTS, len(binned)) + 1).round().astype(int)
    groups = [_added(binned[first:stop]) for first, stop in pairwise(starts)]
    whole = _added(groups)
    left = [Variograms(*_smooth([a - b for a, b in zip(whole, group, strict=True)], readout)) for group in groups]
    return Variograms(*_smooth(whole, readout), tuple(left) if len(groups) > 1 else ())


class _Sums(NamedTuple):
    """
    What one part of the images tells.

    Of each kind of pairs the numbers of pairs, their squared differences and times in bins of time; what
    a unit of photon noise for each unit of light makes of the squared differences; and, in each pixel, the
    sums of the values and of their squares, and of how many images that is.
    """

    binned: list
    light: list
    firsts: np.ndarray
    squares: np.ndarray
    often: np.ndarray


def _part_sums(part, weights):
    """Sums of one part; None without pixels."""
    residuals, usable = part() if callable(part) else part
    residuals = np.ascontiguousarray(residuals, np.float64)
    use, middle, often, n_known, unit = _clipped(residuals, usable)
    if not often.any():
        return None
    n, shape = len(use), use.shape[1:]
    readout = weights.of_shape(shape)
    common = 2 * often > n_known
    n_common = np.count_nonzero(common)
    lacking = _lacking(use.reshape(n, -1), common.reshape(-1)) > _LACKING * n_common
    binned, of_light = [], []
    firsts, total, counted = np.zeros(shape), np.zeros(shape), np.zeros(shape, np.int32)
    for group, window in [(np.flatnonzero(~lacking), common), *(([i], use[i]) for i in np.flatnonzero(lacking))]:
        if len(group) == 0 or not window.any():
            continue
        # In a unit of about the noise, a power of two, which changes no digit.
        z, squares = np.empty((len(group), *shape), np.float32), np.zeros(shape, np.float32)
        flat = (residuals.reshape(n, -1), use.reshape(n, -1), window.reshape(-1))
        out = (z.reshape(len(z), -1), firsts.reshape(-1), squares.reshape(-1), counted.reshape(-1))
        _about_middle(*flat, middle, np.array(group), 1.0 / unit, *out)
        total += squares
        spectra, pairs, light = weights.of(window)
        crossed = readout.powers(readout.spectra(squares, readout.every), spectra)
        powers = readout.self_powers(z)
        differences = readout.by_time([unit**2 * (a - b) for a, b in zip(crossed, powers, strict=True)])
        binned.append([_binned(len(z), *own) for own in zip(pairs, differences, strict=True)])
        of_light.append([len(z) * own for own in light])
    return _Sums(_added(binned), _added(of_light), unit * firsts, unit**2 * total, counted)


@njit(cache=True, nogil=True)
def _lacking(use, common):
    """How many of the common pixels each image lacks."""
    result = np.zeros(len(use), np.int64)
    for b in range(len(use)):
        n = 0
        for p in range(len(common)):
            n += common[p] & ~use[b, p]
        result[b] = n
    return result


@njit(cache=True, nogil=True)
def _about_middle(residuals, use, window, middle, rows, factor, z, firsts, squares, counted):
    """
    Images about their middle, 0 where they have no pixel, on one mean square; to the last three the sums of
    these and of their squares are added, and of how many.
    """
    n_window = 0
    for p in range(len(window)):
        n_window += window[p]
    for k in range(len(rows)):
        b = rows[k]
        n = 0
        for p in range(len(window)):
            n += use[b, p] & window[p]
        scale = math.sqrt(n_window / n) if n > 0 else 0.0
        own, used, out, center = residuals[b], use[b], z[k], middle[b]
        for p in range(len(window)):
            here = used[p] & window[p]
            value = (own[p] - center) * scale * factor if here else 0.0
            out[p] = value
            firsts[p] += value
            squares[p] += value * value
            counted[p] += here


def _slope(firsts, squares, often, light):
    """By how much the variance of pixels grows with the light on them, by least squares; never less than 0."""
    known = (often >= _ENOUGH) & np.isfinite(light)
    if not known.any():
        return 0.0
    number, light = often[known], light[known]
    # About each pixel's own mean: what is left of the light itself is no noise of it.
    variance = (squares[known] - firsts[known] ** 2 / number) / (number - 1)
    light = light - light.mean()
    norm = float((light * light).sum())
    return max(float((light * (variance - variance.mean())).sum()) / norm, 0.0) if norm > 0 else 0.0


def _added(several):
    """Sums of what belongs together."""
    return [np.sum(parts, axis=0) for parts in zip(*several, strict=True)]


class _Pairs(NamedTuple):
    """Of one kind of pairs: how many at each time, and in bins of time, and these times their time."""

    counts: np.ndarray
    binned: np.ndarray
    times: np.ndarray


class _Weights:
    """Spectra and numbers of pairs of the pixels to use, and the light on them; most images have the same."""

    def __init__(self, layout, light):
        self.layout, self.light = layout, light
        self.readout = self._last = None

    def of_shape(self, shape):
        if self.readout is None:
            self.readout = Readout(shape, self.layout)
        return self.readout

    def of(self, window):
        # One reference, so that threads find all that belongs together or nothing.
        last = self._last
        if last is None or not np.array_equal(window, last[0]):
            readout = self.readout
            spectra = readout.spectra(window.astype(float), readout.every)
            # Counts are whole numbers, but for the transform's rounding.
            counts = [np.rint(own) for own in readout.by_time(readout.powers(spectra, spectra))]
            pairs = [_Pairs(own, _in_bins(own), _in_bins(own * _bins(len(own))[0])) for own in counts]
            light = [np.zeros(len(own.binned)) for own in pairs]
            if self.light is not None:
                # About its mean, which is in the variance of a typical pixel.
                known = window & np.isfinite(self.light)
                own = (
                    np.where(known, self.light - self.light[known].mean(), 0.0)
                    if known.any()
                    else np.zeros(known.shape)
                )
                crossed = readout.by_time(readout.powers(readout.spectra(own, readout.every), spectra))
                light = [_in_bins(np.where(own.counts > 0, one, 0.0)) for own, one in zip(pairs, crossed, strict=True)]
            last = self._last = (window, spectra, pairs, light)
        return last[1:]


def _split(parts):
    """The parts; a single one in eighths, as there is nothing else by which to judge its scatter."""
    parts = iter(parts)
    first = next(parts, None)
    second = next(parts, None)
    if second is not None:
        yield from chain((first, second), parts)
    elif first is not None:
        first = first() if callable(first) else first
        n = max(min(_PARTS, len(first[0])), 1)
        yield from zip(*(np.array_split(one, n) for one in first), strict=True)


def _clipped(residuals, usable):
    """
    Pixels without wild ones, the middle of each image, how often each pixel is there, in how many images
    there is any, and a unit of the noise.
    """
    n, shape = len(usable), usable.shape[1:]
    flat, given = np.ascontiguousarray(residuals).reshape(n, -1), np.ascontiguousarray(usable).reshape(n, -1)
    pixels = np.flatnonzero(given.any(axis=0))
    # An odd step, so that not always the same columns tell.
    pixels = pixels[:: len(pixels) // _FEW | 1]
    some, bad = flat[:, pixels], ~given[:, pixels]
    middle = _medians(some, bad)
    spread = MAD_TO_SIGMA * _medians(np.abs(some - middle[:, None]), bad)
    use, often = np.empty(given.shape, bool), np.zeros(given.shape[1], np.int64)
    middle = np.nan_to_num(middle)
    n_known = _tame(flat, given, middle, _WILD * spread, use, often)
    largest = spread[spread > 0].max(initial=0.0)
    unit = 2.0 ** np.round(np.log2(largest)) if largest > 0 else 1.0
    return use.reshape(n, *shape), middle, often.reshape(shape), n_known, unit


@njit(cache=True, nogil=True)
def _tame(residuals, usable, middle, limit, use, often):
    known = 0
    for b in range(len(use)):
        own, given, out, some = residuals[b], usable[b], use[b], False
        for p in range(len(often)):
            # Nothing is within a limit that is not known.
            good = given[p] & (abs(own[p] - middle[b]) <= limit[b])
            out[p] = good
            often[p] += good
            some |= good
        known += some
    return known


def _medians(values, bad):
    """Medians by counting: much quicker than numpy's."""
    return clipped_statistics(values, np.arange(values.shape[1]), bad=bad, rounds=0).median


@lru_cache(maxsize=4)
def _bins(n_times):
    """Logarithm of times, and their bins: sixths of octaves."""
    times = np.log2(np.arange(n_times) + 0.5)
    return times, np.floor(6 * times).astype(int) + 6


@lru_cache(maxsize=4)
def _starts(n_times):
    """Bins that have any time, and where they start."""
    bins, starts = np.unique(_bins(n_times)[1], return_index=True)
    return bins, starts


def _in_bins(values):
    """Sums over the bins of time."""
    bins, starts = _starts(len(values))
    result = np.zeros(bins[-1] + 1)
    result[bins] = np.add.reduceat(values, starts)
    return result


def _binned(n, pairs, squares):
    """Sums over the bins of time for so many images: of pairs, of their squares, and of pairs times time."""
    return np.stack([n * pairs.binned, _in_bins(np.where(pairs.counts > 0, squares, 0.0)), n * pairs.times])


def _smooth(binned, readout):
    """
    Variograms out of the numbers of pairs and their sums, evened out over times.

    Each time has other pairs of pixels, hence another share of the slow drifts that the
    sample happens to have: without smoothing, these steps would pass for noise within rows.
    Within a line sixths of octaves will do, as all of its drift cancels. Those of different
    lines of an output are told by few lines: of them a cubic in the logarithm of time is taken, of which
    1/f noise needs a straight line.
    """
    result = [np.full(n, np.nan) for n in (readout.width, readout.n_pieces, readout.n_pieces)]
    for k, (number, squares, places) in enumerate(binned):
        times, bins = _bins(len(result[k]))
        known = np.flatnonzero(number > 0)
        if known.size == 0:
            continue
        place, mean = places[known] / number[known], squares[known] / number[known]
        if k == 1:
            # How many lines a bin spans: as often are its drifts independent.
            spans = np.maximum(np.bincount(bins)[known] * readout.n_lines / readout.n_pieces, 1.0)
            curve = np.polynomial.Polynomial.fit(place, mean, min(3, known.size - 1), w=np.sqrt(spans))
            mean = curve(place)
        result[k] = np.interp(times, place, mean)
    return result
