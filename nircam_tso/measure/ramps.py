"""Groups of a ramp to images: last less first, slope, or every step by itself.

A group is the mean of NFRAMES frames, GROUPGAP frames are dropped between groups.
All noise here is that of differences of successive groups: their covariance is
tridiagonal, because photons accumulate but do not forget (each photon counts in all
later frames), and the read noise of a group enters the two differences beside it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nircam_tso.quality import DQ_BITS

if TYPE_CHECKING:
    from typing import Literal

    from numpy.typing import ArrayLike

__all__ = ["Reduced", "reduce_ramps", "saturated_groups", "slope_weights", "step_covariance"]

_MODES = ("last-first", "slope", "groups")


class Reduced(NamedTuple):
    """
    Images made of ramps.

    Attributes
    ----------
    image : `~numpy.ndarray` of float64, shape (B, ny, nx) or (B, steps, ny, nx)
        DN for last-first and for groups (one image for each step), DN/s for slope.
    variance : `~numpy.ndarray` of float64 or None
        Variance of each value, of the same shape; None where nothing is known of it.
    dq : `~numpy.ndarray` of uint32 or None
        Data-quality bits of all groups that an image is made of, of the same shape.

    Examples
    --------
    >>> from nircam_tso.measure.ramps import reduce_ramps
    >>> reduce_ramps([[[[1.0]], [[4.0]]]]).image.item()
    3.0
    """

    image: np.ndarray
    variance: np.ndarray | None
    dq: np.ndarray | None


class _Step(NamedTuple):
    """Noise of differences of successive groups, in electrons: each of shape (ny, nx) or (B, ny, nx)."""

    variance: np.ndarray
    covariance: np.ndarray


def _check_range(group_range, n_groups):
    first, last = (0, n_groups - 1) if group_range is None else group_range
    if n_groups == 1:
        raise ValueError("ramp: NGROUPS is 1, and one group has no difference; use finished images or longer ramps")
    for value in (first, last):
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise ValueError(f"group_range: {group_range} must be two zero-based group numbers, first and last")
    if not 0 <= first < last < n_groups:
        raise ValueError(
            f"group_range: {group_range} must hold two groups or more, first < last, of the {n_groups} from 0 "
            f"to {n_groups - 1}"
        )
    return int(first), int(last)


def _check_number(name, value, at_least, *, strictly=False):
    array = np.asarray(value, dtype=np.float64)
    wrong = array <= at_least if strictly else array < at_least
    if np.any(wrong) or np.any(np.isinf(array)):
        raise ValueError(f"{name}: must be finite and {'above' if strictly else 'at least'} {at_least:g}")
    return array


def _group_time(group_time, frame_time, frames):
    for name, value in (("group_time", group_time), ("frame_time", frame_time)):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name}: {value} must be a finite number of seconds above 0")
    if group_time is None and frame_time is not None:
        return frame_time * frames
    return group_time


def _step_noise(electrons_per_frame, read_noise, n_frames, group_gap):
    """
    Variance and covariance of neighbouring differences of groups.

    With m frames averaged, the photons up to frame t have variance F t, and the mean
    of a group's m frames has F (t0 + (m + 1)(2 m + 1) / (6 m)), t0 being the frames
    before it, and a covariance of F (t0 + (m + 1) / 2) with every later group.
    """
    m = float(n_frames)
    curvature = (m * m - 1.0) / (3.0 * m)
    read = read_noise * read_noise / m
    return _Step(
        electrons_per_frame * (m + group_gap - curvature) + 2.0 * read,
        electrons_per_frame * (0.5 * curvature) - read,
    )


def _difference_variance(electrons_per_frame, read_noise, n_frames, group_gap, n_steps):
    """Variance of the difference of two groups that lie so many steps apart."""
    m = float(n_frames)
    photons = n_steps * (m + group_gap) - (m * m - 1.0) / (3.0 * m)
    return electrons_per_frame * photons + 2.0 * read_noise * read_noise / m


def step_covariance(
    signal: ArrayLike, n_steps: int, *, gain: float, read_noise: float, n_frames: int = 1, group_gap: int = 0
) -> np.ndarray:
    """
    Covariance of the differences of successive groups: that of a step and the next.

    Steps further apart have none. With n frames averaged to a group it is
    ``F (n^2 - 1) / (6 n) - read_noise^2 / n`` electrons squared, F being the electrons
    per frame: the photons are those that the frames of the group between share.

    Parameters
    ----------
    signal : array_like
        Expected difference of the last and the first group in DN, any shape.
    n_steps : int
        Steps between these two groups.
    gain : float
        Electrons per DN.
    read_noise : float
        Electrons, of one frame.
    n_frames, group_gap : int, optional
        Frames averaged into a group and dropped between groups.

    Returns
    -------
    `~numpy.ndarray`
        In DN squared, of the shape of ``signal``.

    Examples
    --------
    >>> from nircam_tso.measure.ramps import step_covariance
    >>> float(step_covariance(0.0, 4, gain=2.0, read_noise=10.0))
    -25.0
    """
    per_frame = np.maximum(np.asarray(signal, np.float64) * gain, 0.0) / (n_steps * (n_frames + group_gap))
    return _step_noise(per_frame, read_noise, n_frames, group_gap).covariance / gain**2


def _uniform_weights(n_steps):
    """Weights of the differences for a least-squares line through equally weighted groups."""
    k = np.arange(1, n_steps + 1, dtype=np.float64)
    return 6.0 * k * (n_steps + 1 - k) / (n_steps * (n_steps + 1.0) * (n_steps + 2.0))


def slope_weights(
    n_steps: int,
    signal: ArrayLike | None = None,
    *,
    gain: ArrayLike | None = None,
    read_noise: ArrayLike | None = None,
    n_frames: int = 1,
    group_gap: int = 0,
) -> np.ndarray:
    """
    Weights of the differences of successive groups in a slope.

    With ``signal``, ``gain`` and ``read_noise`` these are the weights of least
    variance, ``C^-1 1 / (1' C^-1 1)`` for the covariance C of the differences
    (generalised least squares; Fixsen et al. 2000, PASP 112, 1350, take a power law in
    the group's number for the same thing). Else they are those of an ordinary
    straight-line fit through the groups.

    Parameters
    ----------
    n_steps : int
        Number of differences, one less than the groups.
    signal : array_like, shape (ny, nx), optional
        Expected last-first signal over these groups, DN; below 0 counts as 0.
    gain : float or array_like, shape (ny, nx), optional
        Electrons per DN.
    read_noise : float or array_like, shape (ny, nx), optional
        Electrons per frame.
    n_frames, group_gap : int, optional
        Frames averaged in a group, and frames dropped between groups.

    Returns
    -------
    `~numpy.ndarray` of float64, shape (n_steps, 1, 1) or (n_steps, ny, nx)
        They sum to 1.

    Examples
    --------
    Bright pixels are measured by their ends alone, faint ones by a straight line:

    >>> from nircam_tso.measure.ramps import slope_weights
    >>> slope_weights(3, [[1e9]], gain=1, read_noise=5).ravel().round(3)
    array([0.333, 0.333, 0.333])
    >>> slope_weights(3, [[1e-9]], gain=1, read_noise=5).ravel().round(3)
    array([0.3, 0.4, 0.3])
    """
    uniform = _uniform_weights(n_steps)[:, np.newaxis, np.newaxis]
    if signal is None or gain is None or read_noise is None:
        return uniform
    electrons = np.maximum(np.asarray(signal, np.float64) * gain, 0.0)
    step = _step_noise(electrons / (n_steps * (n_frames + group_gap)), np.asarray(read_noise), n_frames, group_gap)
    shape = np.broadcast_shapes(step.variance.shape, np.shape(signal))
    diagonal, beside = np.broadcast_to(step.variance, shape), np.broadcast_to(step.covariance, shape)
    # Elimination of the tridiagonal system, all pixels at a time. It needs no pivoting: the matrix is a
    # covariance. Pixels without any noise have no best weights and get the plain ones.
    noisy = diagonal > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        factor, weights = np.empty((n_steps, *shape)), np.empty((n_steps, *shape))
        pivot = diagonal
        weights[0] = 1.0 / pivot
        for k in range(1, n_steps):
            factor[k] = beside / pivot
            pivot = diagonal - beside * factor[k]
            weights[k] = (1.0 - beside * weights[k - 1]) / pivot
        for k in range(n_steps - 2, -1, -1):
            weights[k] -= factor[k + 1] * weights[k + 1]
        weights /= weights.sum(axis=0)
    return np.where(noisy & np.isfinite(weights), weights, uniform)


def _weighted_variance(step, weights):
    """Variance of a weighted sum of differences: z' C z with the tridiagonal C."""
    squares = (weights * weights).sum(axis=0)
    products = (weights[1:] * weights[:-1]).sum(axis=0)
    return step.variance * squares + 2.0 * step.covariance * products


def _difference(data, later, earlier):
    # In float64 from the first: unsigned counts would wrap.
    return np.subtract(data[:, later], data[:, earlier], dtype=np.float64)


def _join_dq(dq, first, last):
    joined = dq[:, first] & ~np.uint32(DQ_BITS["JUMP_DET"])
    for k in range(first + 1, last + 1):
        joined = joined | dq[:, k]
    return joined


def _reduced_dq(dq, data, ramp, first, last):
    """Bits of the groups used; a jump found in the first of them came before it and counts for nothing."""
    if dq is None:
        return None
    dq = np.asarray(dq).astype(np.uint32)
    per_group = dq.shape == data.shape
    if not per_group and dq.shape != (len(data), *data.shape[2:]):
        raise ValueError(f"dq: shape {dq.shape} does not go with ramps of shape {data.shape}")
    if ramp != "groups":
        return _join_dq(dq, first, last) if per_group else dq
    return np.stack([_join_dq(dq, k, k + 1) if per_group else dq for k in range(first, last)], axis=1)


def reduce_ramps(
    data: ArrayLike,
    *,
    ramp: Literal["last-first", "slope", "groups"] = "last-first",
    group_range: tuple[int, int] | None = None,
    group_time: float | None = None,
    variance: ArrayLike | None = None,
    dq: ArrayLike | None = None,
    gain: ArrayLike | None = None,
    read_noise: ArrayLike | None = None,
    n_frames: int = 1,
    group_gap: int = 0,
    frame_time: float | None = None,
    signal: ArrayLike | None = None,
) -> Reduced:
    """
    Images from ramps.

    The variance in DN^2 is, with F the rate in electrons per second,
    ``F TFRAME [(NGROUPS - 1)(NFRAMES + GROUPGAP) - (NFRAMES^2 - 1) / (3 NFRAMES)]
    + 2 read_noise^2 / NFRAMES`` electrons squared for last-first, NGROUPS counting the
    groups used (2 for a group step). For slopes the covariance of the groups is
    propagated through `slope_weights`, one choice for all integrations.

    Parameters
    ----------
    data : array_like, shape (B, groups, ny, nx)
        Ramps in DN, of any numeric type. One ramp is ``data[None]``.
    ramp : {"last-first", "slope", "groups"}, optional
        What to make: the last group less the first, the slope, or each group less the
        one before.
    group_range : tuple of int, optional
        First and last group to use, zero-based, inclusive; None for all.
    group_time : float, optional
        Seconds from one group to the next (TGROUP), needed for slopes unless
        ``frame_time`` is given.
    variance : array_like, shape of ``data``, optional
        Variance of each group, DN^2, taken as independent of the others'; used where
        ``gain`` or ``read_noise`` is not given.
    dq : array_like of int, shape (B, groups, ny, nx) or (B, ny, nx), optional
        Data-quality bits.
    gain : float or array_like, shape (ny, nx), optional
        Electrons per DN.
    read_noise : float or array_like, shape (ny, nx), optional
        Electrons per frame.
    n_frames, group_gap : int, optional
        NFRAMES and GROUPGAP.
    frame_time : float, optional
        Seconds from one frame to the next (TFRAME), from which ``group_time`` follows
        where it is not given.
    signal : array_like, shape (ny, nx), optional
        Expected last-first signal over the groups used, in DN, smooth or of the whole
        series. Without it the photon noise is taken from each integration itself,
        which ties the noise estimate to the noise, and slopes use ordinary weights.

    Returns
    -------
    Reduced

    Raises
    ------
    ValueError
        For one group only, a range outside the ramp, unknown ``ramp``, shapes that do
        not go together, a slope without a time, or impossible numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.ramps import reduce_ramps
    >>> counts = np.array([1000, 1010, 990], np.uint16).reshape(1, 3, 1, 1)
    >>> reduce_ramps(counts).image.ravel()
    array([-10.])
    >>> reduce_ramps(counts, ramp="groups").image.ravel()
    array([ 10., -20.])
    >>> reduce_ramps(counts, ramp="slope", group_time=2.0).image.ravel()
    array([-2.5])
    """
    data = np.asarray(data)
    if data.ndim != 4:
        raise ValueError(
            f"data: has {data.ndim} dimensions; ramps are (integrations, groups, y, x), one ramp is data[None]"
        )
    if ramp not in _MODES:
        raise ValueError(f"ramp: {ramp!r} is none of {', '.join(_MODES)}")
    first, last = _check_range(group_range, data.shape[1])
    n_steps = last - first
    for name, value, least in (("n_frames", n_frames, 1), ("group_gap", group_gap, 0)):
        _check_number(name, value, least)
    if gain is not None:
        gain = _check_number("gain", gain, 0, strictly=True)
    if read_noise is not None:
        read_noise = _check_number("read_noise", read_noise, 0)
    group_time = _group_time(group_time, frame_time, n_frames + group_gap)
    if ramp == "slope" and group_time is None:
        raise ValueError("group_time: a slope needs the seconds from group to group (TGROUP)")
    if signal is not None:
        signal = np.asarray(signal, np.float64)
        if signal.shape != data.shape[2:]:
            raise ValueError(f"signal: shape {signal.shape} is not that of the images, {data.shape[2:]}")

    if ramp == "groups":
        image = np.stack([_difference(data, k + 1, k) for k in range(first, last)], axis=1)
    elif ramp == "last-first":
        image = _difference(data, last, first)
    else:
        weights = slope_weights(
            n_steps, signal, gain=gain, read_noise=read_noise, n_frames=n_frames, group_gap=group_gap
        )
        image = np.zeros((len(data), *data.shape[2:]))
        for k in range(n_steps):
            image += weights[k] * _difference(data, first + k + 1, first + k)

    if gain is not None and read_noise is not None:
        # Electrons per frame of each pixel; a faint pixel's noisy signal may be
        # negative, its photon noise may not.
        expected = _difference(data, last, first) if signal is None else signal
        per_frame = np.maximum(expected * gain, 0.0) / (n_steps * (n_frames + group_gap))
        if ramp == "slope":
            noise = _weighted_variance(_step_noise(per_frame, read_noise, n_frames, group_gap), weights)
        else:
            steps = n_steps if ramp == "last-first" else 1
            noise = _difference_variance(per_frame, read_noise, n_frames, group_gap, steps)
        noise = noise / gain**2
        if ramp == "groups" and noise.ndim == 3:
            noise = noise[:, np.newaxis]
        noise = np.broadcast_to(noise, image.shape).copy()
    elif variance is not None:
        variance = np.asarray(variance)
        if variance.shape != data.shape:
            raise ValueError(f"variance: shape {variance.shape} is not that of the ramps, {data.shape}")
        if ramp == "last-first":
            noise = np.add(variance[:, last], variance[:, first], dtype=np.float64)
        elif ramp == "groups":
            steps = range(first, last)
            noise = np.stack([np.add(variance[:, k + 1], variance[:, k], dtype=np.float64) for k in steps], axis=1)
        else:
            of_groups = -np.diff(weights, axis=0, prepend=0.0, append=0.0)
            noise = np.zeros(image.shape)
            for k in range(n_steps + 1):
                noise += of_groups[k] ** 2 * variance[:, first + k]
    else:
        noise = None
    if ramp == "slope":
        image /= group_time
        noise = None if noise is None else noise / group_time**2
    return Reduced(image, noise, _reduced_dq(dq, data, ramp, first, last))


def saturated_groups(data: ArrayLike, saturation: ArrayLike) -> np.ndarray:
    """
    First saturated group of each pixel.

    Parameters
    ----------
    data : array_like, shape (B, groups, ny, nx)
        Ramps in DN.
    saturation : float or array_like, shape (ny, nx)
        Level in DN from which on a pixel counts as saturated; NaN for never.

    Returns
    -------
    `~numpy.ndarray` of int64, shape (B, ny, nx)
        Zero-based; the number of groups where none is saturated.

    Raises
    ------
    ValueError
        If the level is not above 0, or shapes do not go together.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.ramps import saturated_groups
    >>> ramp = np.array([10.0, 20.0, 30.0]).reshape(1, 3, 1, 1)
    >>> saturated_groups(ramp, 25.0).item(), saturated_groups(ramp, 99.0).item()
    (2, 3)
    """
    data = np.asarray(data)
    if data.ndim != 4:
        raise ValueError(
            f"data: has {data.ndim} dimensions; ramps are (integrations, groups, y, x), one ramp is data[None]"
        )
    saturation = np.asarray(saturation, np.float64)
    if saturation.ndim and saturation.shape != data.shape[2:]:
        raise ValueError(f"saturation: shape {saturation.shape} is not that of the images, {data.shape[2:]}")
    if np.any(saturation <= 0):
        raise ValueError("saturation: must be above 0 DN everywhere")
    full = data >= saturation
    return np.where(full.any(axis=1), full.argmax(axis=1), data.shape[1])
