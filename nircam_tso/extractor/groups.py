"""Which groups of ramps are used."""

import numpy as np

from nircam_tso.extractor.boxes import box_about, star_box
from nircam_tso.extractor.pixels import RampSettings
from nircam_tso.measure.photometry import aperture_footprint
from nircam_tso.measure.ramps import saturated_groups

__all__ = ["ramp_settings", "unsaturated_range"]

#: Bytes of ramps read at once in search of saturated groups.
_SEARCH_BYTES = 100_000_000


def ramp_settings(settings, exposure):
    """
    How an exposure's ramps become images.

    Parameters
    ----------
    settings : `~nircam_tso.TimeSeriesExtractor`
        The settings.
    exposure : `~nircam_tso.io.exposure.Exposure`
        The exposure.

    Returns
    -------
    RampSettings or None
        None for finished images; all groups where ``group_range`` is "auto".

    Raises
    ------
    ValueError
        For a ramp of one group, a range beyond the ramp, and group steps of images.
    """
    n_groups = exposure.n_groups
    if n_groups is None:
        if settings.ramp != "last-first" or settings.group_range is not None or settings.saturation is not None:
            raise ValueError(
                f"ramp, group_range, saturation: need ramps, but {exposure.segments[0].name} holds finished images; "
                "leave them out"
            )
        return None
    if n_groups < 2:
        raise ValueError(
            f"ramp: {exposure.segments[0].name} holds {n_groups} group (NGROUPS), and {settings.ramp!r} needs "
            "at least 2"
        )
    group_range = (0, n_groups - 1)
    if isinstance(settings.group_range, tuple):
        group_range = settings.group_range
        if group_range[1] >= n_groups:
            raise ValueError(f"group_range: {group_range} reaches beyond the last of {n_groups} groups (zero-based)")
    header = exposure.header

    def number(name, default):
        value = header.get(name)
        return value if isinstance(value, int | float) and np.isfinite(value) else default

    n_frames, group_gap = int(number("NFRAMES", 1)), int(number("GROUPGAP", 0))
    frame_time = float(number("TFRAME", np.nan))
    return RampSettings(
        ramp=settings.ramp,
        group_range=group_range,
        group_time=float(number("TGROUP", frame_time * (n_frames + group_gap))),
        frame_time=frame_time,
        n_frames=n_frames,
        group_gap=group_gap,
        gain=settings.gain,
        read_noise=settings.read_noise,
        saturation=settings.saturation,
    )


def unsaturated_range(settings, exposure, reader, position, reach):
    """
    Groups up to the last one that no integration saturates within the apertures.

    Pixels that are masked, flagged DO_NOT_USE or see no light do not count.

    Parameters
    ----------
    settings : `~nircam_tso.TimeSeriesExtractor`
        With ``saturation``.
    exposure : `~nircam_tso.io.exposure.Exposure`
        The exposure; all of it is read.
    reader : `~nircam_tso.extractor.sample.SampleReader`
        Tells the ramp, the DQ bits and the pixels that see no light.
    position : (float, float)
        (x, y) of the star.
    reach : float
        How far from its centre the largest aperture reaches, in pixels.

    Returns
    -------
    (int, int)
        First and last group, at least two: pixels that saturate before that are
        flagged one by one.
    """
    box = star_box(settings, exposure.shape, position, reach)
    reach = max(reach, max(settings.subframe_shape) / 2)
    box = box.joined(box_about(exposure.shape, position, int(np.ceil(reach)) + 1))
    window = aperture_footprint(box.shape, box.here(position), reach)
    for mask in settings.aperture_masks.values():
        window |= mask[box.window]
    window &= ~reader.never[box.window]
    level = settings.saturation
    if np.ndim(level) == 2:
        level = level[box.window]
    first = reader.ramp.group_range[1] + 1
    per_block = max(1, _SEARCH_BYTES // (8 * exposure.n_groups * box.shape[0] * box.shape[1]))
    for start in range(0, len(exposure), per_block):
        stop = min(start + per_block, len(exposure))
        block = exposure.read_flagged(start, stop, *box.window, variance_of=())[0]
        groups = saturated_groups(block.data, level)
        groups[:, ~window] = first
        if block.mask is not None:
            groups[block.mask if block.mask.ndim == 3 else block.mask.any(axis=1)] = first
        if block.dq is not None:
            unusable = (block.dq & np.uint32(reader.dq_mask)) != 0
            groups[unusable if unusable.ndim == 3 else unusable.any(axis=1)] = first
        first = min(first, int(groups.min()))
    return (0, max(first - 1, 1))
