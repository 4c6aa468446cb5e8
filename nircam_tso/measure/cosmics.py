"""Cosmic rays: pixels that stand out of their own past and future."""

from __future__ import annotations

import math
import numbers

import numpy as np
from numba import njit

from nircam_tso.measure.medians import MAD_TO_SIGMA

__all__ = ["context", "expected_noise", "find_outliers", "flux_scales", "spare_moved_stars"]

#: Of the largest deviation within which a pixel may tell the flux of an integration,
#: in robust standard deviations of the series. Wide, as only gross hits matter there.
_GROSS = 8.0
#: A robust scatter of n values exceeds the true one by more than this over the root of
#: n in less than one of 100 cases (its standard deviation is 1.17 over the root of n).
_ALLOWANCE = 3.0


def _window_of(i, n, window):
    first = min(max(i - window // 2, 0), max(n - window, 0))
    return first, min(first + window, n)


_window_of_kernel = njit(cache=True, nogil=True)(_window_of)


def context(first: int, stop: int, n: int, window: int) -> tuple[int, int]:
    """
    Integrations that must be at hand to judge some of a series.

    Parameters
    ----------
    first, stop : int
        Integrations to judge: ``first`` up to, not including, ``stop``.
    n : int
        Number of integrations of the series.
    window : int
        Number of integrations of the running median.

    Returns
    -------
    low, high : int
        Integrations to read: ``low`` up to, not including, ``high``. ``window // 2`` more
        on each side; at the ends of the series, where the window is shifted inward,
        up to ``window`` on one side.

    Raises
    ------
    ValueError
        If the integrations are not some of the series, or the window is too short.

    Examples
    --------
    >>> from nircam_tso.measure.cosmics import context
    >>> context(100, 200, 1000, 11), context(0, 2, 1000, 11)
    ((95, 205), (0, 11))
    """
    if not 0 <= first < stop <= n:
        raise ValueError(f"first, stop: {first}, {stop} are not integrations of a series of {n}")
    if not isinstance(window, numbers.Integral) or window < 3:
        raise ValueError(f"window: {window} is not a whole number of at least 3 integrations")
    return _window_of(first, n, window)[0], _window_of(stop - 1, n, window)[1]


@njit(cache=True, nogil=True)
def _flux_scales(images, bad, pixels, reference, tolerance, scales):
    total = reference.sum()
    ratios, weights = np.empty(len(pixels)), np.empty(len(pixels))
    for b in range(len(images)):
        n = 0
        held = 0.0
        for p in range(len(pixels)):
            value = images[b, pixels[p]]
            if math.isfinite(value) and not bad[b, pixels[p]]:
                ratios[n] = value / reference[p]
                weights[n] = reference[p]
                held += reference[p]
                n += 1
        if n == 0 or held < 0.5 * total:
            continue
        order = np.argsort(ratios[:n], kind="mergesort")
        below = 0.0
        middle = ratios[order[n - 1]]
        for k in range(n):
            below += weights[order[k]]
            if below >= 0.5 * held:
                middle = ratios[order[k]]
                break
        flux = norm = 0.0
        for p in range(len(pixels)):
            value = images[b, pixels[p]]
            # A tolerance that is not known (NaN) lets nothing pass.
            if not bad[b, pixels[p]] and abs(value - middle * reference[p]) <= tolerance[p]:
                flux += value
                norm += reference[p]
        scale = flux / norm if norm >= 0.5 * total else middle
        if scale > 0.0:
            scales[b] = scale


def flux_scales(
    images: np.ndarray,
    reference: np.ndarray,
    window: np.ndarray,
    *,
    bad: np.ndarray | None = None,
    scatter: np.ndarray | None = None,
) -> np.ndarray:
    """
    Flux of each integration relative to a reference image, whatever hit it.

    First the median of the ratios of pixels to the reference, weighted by the
    reference; then the ratio of sums over the pixels that are within 8 ``scatter`` of
    it. A sum hardly minds where within the window the star is. Each integration's
    number comes from that integration alone.

    Parameters
    ----------
    images : `~numpy.ndarray` of float64, shape (B, ny, nx)
        Background-subtracted integrations.
    reference : `~numpy.ndarray` of float64, shape (ny, nx)
        Typical integration, such as `nircam_tso.measure.reference.Reference.image`.
    window : `~numpy.ndarray` of bool, shape (ny, nx)
        Pixels of the star. Those with a reference of 0 or less tell nothing.
    bad : `~numpy.ndarray` of bool, shape (B, ny, nx), optional
        True for pixels to leave out. Values that are not finite always are.
    scatter : `~numpy.ndarray` of float64, shape (ny, nx), optional
        Robust standard deviation of one integration about the reference
        (``Reference.scatter``). Without it the median of the ratios is the scale.

    Returns
    -------
    `~numpy.ndarray` of float64, shape (B,)
        NaN where good pixels hold less than half of the reference's light or the scale
        is not positive; 1 everywhere if the reference has no light in the window.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.cosmics import flux_scales
    >>> reference = np.arange(20.0).reshape(4, 5)
    >>> images = np.stack([reference, 1.02 * reference])
    >>> images[1, 2, 2] = 9e9
    >>> flux_scales(images, reference, np.ones((4, 5), bool)).round(12)
    array([1.  , 1.02])
    """
    images = np.ascontiguousarray(images, np.float64)
    reference = np.asarray(reference, np.float64)
    pixels = np.flatnonzero(window & (reference > 0))
    if pixels.size == 0:
        return np.ones(len(images))
    bad = np.zeros(images.shape, bool) if bad is None else np.ascontiguousarray(bad, bool)
    tolerance = np.full(pixels.size, np.nan) if scatter is None else _GROSS * np.asarray(scatter, float).flat[pixels]
    scales = np.full(len(images), np.nan)
    n = len(images)
    _flux_scales(images.reshape(n, -1), bad.reshape(n, -1), pixels, reference.flat[pixels], tolerance, scales)
    return scales


def expected_noise(variance: np.ndarray | None, scatter: np.ndarray, n: int) -> np.ndarray:
    """
    Noise that a pixel is expected to have about the scaled median of the series.

    Parameters
    ----------
    variance : `~numpy.ndarray` of float64, shape (C, ny, nx) or (ny, nx), or None
        Known variance. Values that are not positive or not finite are not known.
    scatter : `~numpy.ndarray` of float64, shape (ny, nx)
        Robust standard deviation of integrations about the scaled median
        (`nircam_tso.measure.reference.Reference.scatter`).
    n : int
        Number of integrations that it is from.

    Returns
    -------
    `~numpy.ndarray` of float64, shape of ``variance``, or of ``scatter``
        The root of the variance; where the scatter is the greater by more than chance
        has it (``3 / sqrt(n)``, for jitter or noise that nobody knew of) the scatter
        with that allowance; the scatter itself where no variance is known.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.cosmics import expected_noise
    >>> variance, scatter = np.array([[4.0, 4.0, np.nan]]), np.array([[2.1, 8.0, 3.0]])
    >>> expected_noise(variance, scatter, 36)
    array([[ 2., 12.,  3.]])
    """
    if variance is None:
        return np.array(scatter, np.float64)
    known = np.sqrt(np.where(variance > 0, variance, np.nan))
    allowance = 1.0 + _ALLOWANCE / math.sqrt(n)
    noise = np.where(scatter > allowance * known, allowance * scatter, known)
    return np.where(np.isfinite(known), noise, scatter)


@njit(cache=True, nogil=True)
def _place(ordered, n, value):
    """Rank of the first of ordered[:n] that is not below the value."""
    k = 0
    while k < n and ordered[k] < value:
        k += 1
    return k


@njit(cache=True, nogil=True)
def _other(ordered, k, j):
    """Value of rank j when that of rank k is left out."""
    return ordered[j] if j < k else ordered[j + 1]


@njit(cache=True, nogil=True)
def _deviation_of_others(ordered, n, k, median):
    """Median absolute deviation from their median of ordered[:n] without its value of rank k."""
    others = n - 1
    # The deviations of a sorted list are two sorted lists, outward from the middle.
    high = others // 2
    low = high - 1
    first = second = 0.0
    for _ in range(others // 2 + 1):
        below = median - _other(ordered, k, low) if low >= 0 else np.inf
        above = _other(ordered, k, high) - median if high < others else np.inf
        first = second
        if below < above:
            second = below
            low -= 1
        else:
            second = above
            high += 1
    return second if others % 2 else 0.5 * (first + second)


@njit(cache=True, nogil=True)
def _find(data, scales, bad, noise, first, n_series, window, sigma, begin, out):
    n_read, ny, nx = data.shape
    n_noise = len(noise)
    ordered = np.empty(window + 1)
    # Pixels of one row side by side in time: a stride of whole images thrashes the cache.
    values = np.empty((nx, n_read))
    for y in range(ny):
        for t in range(n_read):
            known = math.isfinite(scales[t]) and scales[t] > 0.0
            for x in range(nx):
                good = known and not bad[t, y, x]
                values[x, t] = data[t, y, x] / scales[t] if good else np.nan
        for x in range(nx):
            series = values[x]
            n = 0
            held_from = held_to = -1
            for b in range(len(out)):
                low, high = _window_of_kernel(begin + b, n_series, window)
                low -= first
                high -= first
                if held_to < 0:
                    held_from = held_to = low
                while held_to < high:
                    value = series[held_to]
                    held_to += 1
                    if math.isfinite(value):
                        k = _place(ordered, n, value)
                        for j in range(n, k, -1):
                            ordered[j] = ordered[j - 1]
                        ordered[k] = value
                        n += 1
                    while held_to - held_from > window:
                        gone = series[held_from]
                        held_from += 1
                        if math.isfinite(gone):
                            n -= 1
                            for j in range(_place(ordered, n, gone), n):
                                ordered[j] = ordered[j + 1]
                t = begin + b - first
                value = series[t]
                others = n - 1
                if others < 2 or not math.isfinite(value):
                    continue
                k = _place(ordered, n, value)
                median = _other(ordered, k, others // 2)
                if others % 2 == 0:
                    median = 0.5 * (median + _other(ordered, k, others // 2 - 1))
                # The median of the others errs as well.
                limit = sigma * math.sqrt(1.0 + math.pi / (2.0 * others + math.pi - 2.0))
                floor = 0.0
                if n_noise > 0:
                    level = noise[t if n_noise > 1 else 0, y, x]
                    floor = level / scales[t] if level > 0.0 else 0.0
                far = abs(value - median)
                if far > limit * floor:
                    spread = MAD_TO_SIGMA * _deviation_of_others(ordered, n, k, median)
                    # A spread that chance makes out of the known noise tells nothing new.
                    trusted = spread <= floor * (1.0 + _ALLOWANCE / math.sqrt(others))
                    out[b, y, x] = trusted or far > limit * spread


def find_outliers(
    images: np.ndarray,
    scales: np.ndarray,
    *,
    first: int,
    stop: int,
    start: int = 0,
    n: int | None = None,
    window: int = 11,
    sigma: float = 5.0,
    bad: np.ndarray | None = None,
    noise: np.ndarray | None = None,
) -> np.ndarray:
    """
    Pixels that differ from the same pixel in the integrations about them.

    Each pixel, divided by the flux of its integration, is compared with the median of
    the others in a window of integrations. It is an outlier, high or low, if it is
    farther from it than ``sigma`` times its known ``noise``, or times the robust scatter
    of those others (1.4826 times the median absolute deviation) where that is the
    greater by more than chance has it, ``3 / sqrt(number of others)``; the median's own
    error is added. A pixel that is hot always, or a change of the star's flux, is no
    outlier.

    Jitter makes the steep core of the star vary by more than the known noise. The
    scatter of ten others is a poor measure of that; `expected_noise` puts that of the
    whole series into ``noise``, and no alarms are raised there.

    The window of an integration depends on its number in the series alone: it reaches
    from ``window // 2`` before to ``(window - 1) // 2`` after, and is shifted inward
    at the ends. Results are the same however the series is cut into blocks. An image of
    64 x 64 pixels takes 0.2 ms.

    Parameters
    ----------
    images : `~numpy.ndarray` of float64, shape (C, ny, nx)
        Background-subtracted integrations of the series, from number ``start``, as
        many as `context` asks for.
    scales : `~numpy.ndarray` of float64, shape (C,)
        Flux of each, relative to any fixed level (`flux_scales`). Integrations for
        which it is not positive or not finite are left out: they have no outliers
        and judge none.
    first, stop : int
        Numbers of the integrations to judge.
    start : int, optional
        Number of ``images[0]``.
    n : int, optional
        Number of integrations of the series; ``start + C`` if None.
    window : int, optional
        Number of integrations compared, odd or even, at least 3. A hit in two
        successive integrations is found with 7 and more.
    sigma : float, optional
        Threshold.
    bad : `~numpy.ndarray` of bool, shape (C, ny, nx) or (ny, nx), optional
        Pixels known to be bad: neither judged nor compared with. The same holds for
        values that are not finite.
    noise : `~numpy.ndarray` of float64, shape (C, ny, nx) or (ny, nx), optional
        Known 1 sigma of each pixel, in the unit of the images. Where it is not
        positive, or None, the scatter of the others decides alone, from so few values
        that with a window of 11 and 5 sigma some 8 of 1000 values of white noise are
        taken for outliers.

    Returns
    -------
    `~numpy.ndarray` of bool, shape (stop - first, ny, nx)
        True for outliers. Where fewer than two other values are good nothing is found,
        hence nothing in a series of fewer than 3 integrations.

    Raises
    ------
    ValueError
        For a window shorter than 3, a sigma that is not positive, integrations that
        are not at hand, or shapes that do not go together.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.cosmics import find_outliers
    >>> images = np.random.default_rng(1).normal(100, 1, (30, 8, 9))
    >>> images[12, 3, 4] += 20
    >>> np.argwhere(find_outliers(images, np.ones(30), first=0, stop=30, noise=np.ones((8, 9))))
    array([[12,  3,  4]])
    """
    images = np.ascontiguousarray(images, np.float64)
    if images.ndim != 3:
        raise ValueError(f"images: shape {images.shape} is not (integrations, ny, nx)")
    n = start + len(images) if n is None else n
    low, high = context(first, stop, n, window)
    if start > low or start + len(images) < high:
        raise ValueError(
            f"images: integrations {start} to {start + len(images) - 1} are at hand, but {low} to {high - 1} are needed"
        )
    if not 0 < sigma < math.inf:
        raise ValueError(f"sigma: {sigma} is not a positive number")
    scales = np.ascontiguousarray(scales, np.float64)
    if scales.shape != (len(images),):
        raise ValueError(f"scales: shape {scales.shape} does not go with images of shape {images.shape}")
    bad = np.zeros(images.shape, bool) if bad is None else _cube("bad", np.asarray(bad, bool), images.shape)
    noise = np.empty((0, 1, 1)) if noise is None else _cube("noise", np.asarray(noise, np.float64), images.shape)
    bad = np.ascontiguousarray(np.broadcast_to(bad, images.shape))
    out = np.zeros((stop - first, *images.shape[1:]), bool)
    _find(images, scales, bad, np.ascontiguousarray(noise), start, n, int(window), float(sigma), first, out)
    return out


def _cube(name, values, shape):
    values = values[np.newaxis] if values.ndim == 2 else values
    if values.ndim != 3 or values.shape[1:] != shape[1:] or len(values) not in (1, shape[0]):
        raise ValueError(f"{name}: shape {values.shape} does not go with images of shape {shape}")
    return values


def spare_moved_stars(outliers: np.ndarray, reference: np.ndarray, window: np.ndarray) -> np.ndarray:
    """
    Take back the outliers of integrations in which the star has moved.

    A jump of the telescope changes the whole core of the star, a cosmic ray some pixels
    of it. Where over half of the core's pixels stand out (those of at least 10 % of the
    reference's peak), nothing was hit.

    Parameters
    ----------
    outliers : `~numpy.ndarray` of bool, shape (B, ny, nx)
        From `find_outliers`; changed in place.
    reference : `~numpy.ndarray` of float64, shape (ny, nx)
        Typical integration.
    window : `~numpy.ndarray` of bool, shape (ny, nx)
        Pixels of the star.

    Returns
    -------
    `~numpy.ndarray` of bool, shape (B,)
        Integrations whose outliers were taken back. A core of fewer than 4 pixels
        tells nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.cosmics import spare_moved_stars
    >>> reference = np.full((3, 4), 100.0)
    >>> outliers = np.zeros((2, 3, 4), bool)
    >>> outliers[0, :2], outliers[1, 1, 2] = True, True
    >>> spare_moved_stars(outliers, reference, np.ones((3, 4), bool)), outliers.sum(axis=(1, 2))
    (array([ True, False]), array([0, 1]))
    """
    light = np.where(window, reference, 0.0)
    core = (light > 0) & (light >= 0.1 * light.max())
    if core.sum() < 4:
        return np.zeros(len(outliers), bool)
    moved = (outliers & core).sum(axis=(1, 2)) * 2 > core.sum()
    outliers[moved] = False
    return moved
