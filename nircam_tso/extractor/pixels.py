"""From a block as it was read to images: ramps reduced, bad pixels found."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from nircam_tso.io.bands import within
from nircam_tso.measure.ramps import reduce_ramps, saturated_groups
from nircam_tso.measure.stamps import cut_window
from nircam_tso.measure.striping import correct_groups, group_differences, striping_terms, subtract_terms
from nircam_tso.quality import DQ_BITS

__all__ = ["Images", "RampSettings", "block_differences", "block_images", "reference_pixels"]

_SATURATED = np.uint32(DQ_BITS["SATURATED"])
#: Rows and columns along each edge of a JWST near-infrared detector that see no light.
_REFERENCE_WIDTH = 4
_DETECTOR_SIZE = 2048


@dataclass(frozen=True)
class RampSettings:
    """
    How ramps become images.

    Attributes
    ----------
    ramp : {"last-first", "slope", "groups"}
        Method.
    group_range : (int, int) or None
        First and last group, zero-based.
    group_time, frame_time : float
        Seconds from group to group, and of one frame; NaN where no header tells.
    n_frames, group_gap : int
        Frames averaged into a group and dropped between groups.
    gain, read_noise : float or None
        Electrons per DN, and electrons of one frame.
    saturation : float, array (ny, nx) or None
        Saturation level in the ramp's unit.
    signal : array (ny, nx) or None
        Smooth expected signal over the used groups, from which variances and weights come.
    """

    ramp: str
    group_range: tuple[int, int]
    group_time: float
    frame_time: float
    n_frames: int
    group_gap: int
    gain: float | None
    read_noise: float | None
    saturation: Any
    signal: Any = None


@dataclass
class Images:
    """
    Images of a block.

    Attributes
    ----------
    data : `~numpy.ndarray` of float64, shape (b, ny, nx)
        Values, one image per row of the product; before a part is cut out, float32 where
        finished images are stored so and nothing was done to them.
    variance : `~numpy.ndarray` of float64 or None
        Variances, same shape, or that of the part ``variance_of``.
    bad : `~numpy.ndarray` of bool, shape (b, ny, nx), or None
        Pixels not to be used; None for those without a finite value, not looked for yet.
    dq : `~numpy.ndarray` of uint32 or None
        Data-quality bits, same shape.
    masked : `~numpy.ndarray` of bool or None
        Pixels that the user masked, same shape; they are bad, too.
    variance_of : (slice, slice) or None
        Rows and columns that have a variance; None where all have.
    """

    data: np.ndarray
    variance: np.ndarray | None
    bad: np.ndarray | None
    dq: np.ndarray | None
    masked: np.ndarray | None = None
    variance_of: tuple | None = None

    def cut(self, window):
        """
        Cut a part out of each image.

        Parameters
        ----------
        window : tuple of slice
            Rows and columns, all of which have a variance if any has.

        Returns
        -------
        Images
            Copies in C order, because the measuring kernels run along rows, and float64; bad pixels are known.
        """
        inner = window if self.variance_of is None else within(window, self.variance_of)
        parts = ((self.variance, inner), *((part, window) for part in (self.bad, self.dq, self.masked)))
        data, holes = cut_window(self.data, window, find_holes=self.bad is None)
        images = Images(data, *(None if part is None else np.ascontiguousarray(part[:, *own]) for part, own in parts))
        if images.bad is None:
            images.bad = holes
        return images

    def integrations(self, which):
        """
        Some of the images.

        Parameters
        ----------
        which : `~numpy.ndarray` of bool, shape (b,)
            Which to keep.

        Returns
        -------
        Images
            The same, if all are kept.
        """
        if which.all():
            return self
        parts = (self.data, self.variance, self.bad, self.dq, self.masked)
        return Images(*(None if part is None else part[which] for part in parts), self.variance_of)


def _not_finite(data):
    result = np.isfinite(data)
    return np.logical_not(result, out=result)


def block_images(block, ramp, box, dq_mask, stripes=(), *, everywhere=True):
    """
    Make images out of a block.

    Parameters
    ----------
    block : `~nircam_tso.io.block.Block`
        Pixels of the box; of ramps all have their variance, or none.
    ramp : RampSettings or None
        None for finished images.
    box : Box
        Where they lie in the frame.
    dq_mask : int
        DQ bits that make a pixel bad.
    stripes : sequence of `~nircam_tso.measure.striping.StripingModel`, optional
        What to correct, one model for each difference of groups; the box is the frame.
    everywhere : bool, optional
        Whether bad pixels are looked for in all of the box, or, where no flag or mask
        tells of any, not before a part of it is cut out: who measures the sky leaves out
        what is not finite in any case, and in large frames the search takes as long.

    Returns
    -------
    Images
    """
    data, variance, dq, mask = block.data, block.variance, block.dq, block.mask
    if ramp is not None:
        dq = _saturated_dq(data, dq, ramp, box)
        if stripes:
            _, spoiled = _differences(data, dq, mask, ramp, dq_mask)
            steps = ramp.ramp != "last-first"
            data, _ = correct_groups(data, spoiled, stripes, ramp.group_range, steps=steps)
        data, variance, dq, mask = _reduce(data, variance, dq, mask, ramp)
    bad = None
    if everywhere or stripes or mask is not None or dq is not None:
        bad = _not_finite(data)
    if mask is not None:
        bad |= mask
    if dq is not None:
        bad |= (dq & np.uint32(dq_mask)) != 0
    if ramp is None and stripes:
        # Not in place: the pixels may be the user's own.
        data = np.array(data, np.float64)
        subtract_terms(data, striping_terms(data, bad, stripes[0]).values, stripes[0].lines)
    return Images(data, variance, bad, dq, mask, block.variance_of)


def block_differences(block, ramp, box, dq_mask):
    """
    Differences of groups of a block, in which stripes are looked for.

    Parameters
    ----------
    block, ramp, box, dq_mask
        As for `block_images`; ``ramp`` is not None.

    Returns
    -------
    differences, bad : `~numpy.ndarray`, shape (b, n_differences, ny, nx)
        float64 and bool; one difference of the last group less the first, or one for
        each step.
    """
    dq = _saturated_dq(block.data, block.dq, ramp, box)
    return _differences(block.data, dq, block.mask, ramp, dq_mask)


def _differences(data, dq, mask, ramp, dq_mask):
    bad = np.zeros(data.shape, bool)
    for part in (mask, None if dq is None else (dq & np.uint32(dq_mask)) != 0):
        if part is not None:
            bad |= part if part.ndim == 4 else part[:, None]
    steps = ramp.ramp != "last-first"
    return tuple(group_differences(part, ramp.group_range, steps=steps) for part in (data, bad))


def known(seconds):
    """A time that a header tells, None where it does not."""
    return seconds if np.isfinite(seconds) else None


def _saturated_dq(data, dq, ramp, box):
    if ramp.saturation is None:
        return dq
    level = ramp.saturation
    if np.ndim(level) == 2:
        level = level[box.window]
    # A ramp that has stopped to rise has no usable difference from there on.
    reached = np.arange(data.shape[1])[:, None, None] >= saturated_groups(data, level)[:, None]
    if dq is None:
        dq = np.zeros(1, np.uint32)
    elif dq.ndim == 3:
        dq = dq[:, None]
    return np.where(reached, dq | _SATURATED | np.uint32(DQ_BITS["DO_NOT_USE"]), dq)


def _reduce(data, variance, dq, mask, ramp):
    ny, nx = data.shape[2:]
    reduced = reduce_ramps(
        data,
        ramp=ramp.ramp,
        group_range=ramp.group_range,
        group_time=known(ramp.group_time),
        variance=variance,
        dq=dq,
        gain=ramp.gain,
        read_noise=ramp.read_noise,
        n_frames=ramp.n_frames,
        group_gap=ramp.group_gap,
        frame_time=known(ramp.frame_time),
        signal=ramp.signal,
    )
    if mask is not None:
        mask = _reduced_mask(mask, ramp)
    parts = (reduced.image, reduced.variance, reduced.dq, mask)
    if ramp.ramp == "groups":
        # A row for each step.
        parts = (None if part is None else part.reshape(-1, ny, nx) for part in parts)
    return tuple(parts)


def _reduced_mask(mask, ramp):
    """Pixels that are masked in any of the groups that an image, or each step, is made of."""
    first, last = ramp.group_range
    if ramp.ramp != "groups":
        return mask[:, first : last + 1].any(axis=1) if mask.ndim == 4 else mask
    if mask.ndim == 4:
        return mask[:, first:last] | mask[:, first + 1 : last + 1]
    return np.repeat(mask[:, None], last - first, axis=1)


def reference_pixels(header, shape, kind):
    """
    Pixels that see no light, by the place of the frame on the detector.

    Parameters
    ----------
    header : mapping
        Header with SUBSTRT1, SUBSTRT2, SUBSIZE1, SUBSIZE2 (JWST) or COLCORNR, ROWCORNR
        (ground tests).
    shape : tuple of int
        (ny, nx) of the frame.
    kind : str
        Kind of the exposure, see `~nircam_tso.io.exposure.Segment`.

    Returns
    -------
    `~numpy.ndarray` of bool, shape (ny, nx)
        True in detector rows and columns 1 to 4 and 2045 to 2048; all False where the
        header does not tell the place, or where the frame is not of the size that it
        tells (a cutout).

    Examples
    --------
    >>> from nircam_tso.extractor.pixels import reference_pixels
    >>> header = {"INSTRUME": "NIRCAM", "SUBSTRT1": 1, "SUBSTRT2": 897, "SUBSIZE1": 10, "SUBSIZE2": 8}
    >>> reference_pixels(header, (8, 10), "jwst-calints").sum(axis=0)
    array([8, 8, 8, 8, 0, 0, 0, 0, 0, 0])
    """
    result = np.zeros(shape, bool)
    if kind.startswith("jwst") and header.get("INSTRUME") in ("NIRCAM", "FGS", "NIRISS", "NIRSPEC"):
        starts = (header.get("SUBSTRT2"), header.get("SUBSTRT1"))
        sizes = (header.get("SUBSIZE2"), header.get("SUBSIZE1"))
    elif kind.startswith("ncdhas"):
        starts = (header.get("ROWCORNR"), header.get("COLCORNR"))
        sizes = shape
    else:
        return result
    if not all(isinstance(value, int | float) for value in (*starts, *sizes)) or tuple(sizes) != tuple(shape):
        return result
    for axis, (start, size) in enumerate(zip(starts, shape, strict=True)):
        number = np.arange(int(start), int(start) + size)
        dark = (number <= _REFERENCE_WIDTH) | (number > _DETECTOR_SIZE - _REFERENCE_WIDTH)
        result |= dark[:, None] if axis == 0 else dark[None, :]
    return result
