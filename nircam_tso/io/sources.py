"""What a user may hand over, as checked and ordered exposures."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

from nircam_tso.exceptions import NircamTSOError, ResourceLimitError, SegmentError
from nircam_tso.io.arrays import array_segments
from nircam_tso.io.exposure import Exposure
from nircam_tso.io.gathering import gather
from nircam_tso.io.groups import (
    check_select,
    command_options,
    group_candidates,
    label_of,
    list_groups,
    options_of,
    select_groups,
)
from nircam_tso.io.headers import parse_unit
from nircam_tso.io.opening import FAULTS, open_files, usable_groups
from nircam_tso.io.ordering import join_groups
from nircam_tso.io.pixel_segment import PixelSegment
from nircam_tso.io.pixels import ArrayPixels
from nircam_tso.io.policy import Policy
from nircam_tso.io.report import combined, problems_of, together

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike
    from typing import Any, Literal, TypeAlias

    from astropy.io.fits import Header
    from astropy.nddata import NDData
    from astropy.units import UnitBase
    from numpy.typing import ArrayLike

    # All that may be handed over as a source.
    Source: TypeAlias = str | PathLike[str] | ArrayLike | NDData | fits.HDUList | Exposure | Sequence[Any]

__all__ = ["as_exposure", "open_exposure", "open_exposures"]

_AXES = (None, "integrations", "groups")
_ERRORS = (None, "random", "total")


def _check_arguments(select, axis, errors, gathered):
    if axis not in _AXES:
        raise ValueError(f"axis: {axis!r} is neither 'integrations' nor 'groups'")
    word = errors is None or isinstance(errors, str)
    if word and errors not in _ERRORS:
        raise ValueError(f"errors: {errors!r} is neither 'random', 'total' nor an array")
    if gathered.arrays is None:
        if not word:
            raise ValueError("errors: an array is only for array sources; files have their own ('random' or 'total')")
        return
    if select:
        raise ValueError("select: is for files; an array has no detector, product or exposure")
    if axis == "groups":
        raise ValueError("axis: a 3-D array is (integrations, y, x), always; hand over one ramp as ramp[None]")


def _apply_to_files(exposure, mask, header, unit):
    """What the user says about the pixels of files."""
    if header is not None:
        extra = header if isinstance(header, fits.Header) else fits.Header(header)
        for segment in exposure.segments:
            segment.header.update(extra)
    if mask is not None:
        mask = np.asarray(mask)
        if mask.dtype.kind not in "biu" or mask.shape != exposure.shape:
            raise ValueError(
                f"mask: an array of {mask.dtype} and shape {mask.shape} was given; for files one bool frame of "
                f"{exposure.shape} is expected"
            )
        for segment in exposure.segments:
            # What is missing has no pixels to mask.
            if isinstance(segment, PixelSegment):
                segment.masks += (ArrayPixels([mask.astype(bool)[None]]),)
    if unit is not None:
        wanted, note = parse_unit(str(unit))
        if note:
            raise ValueError(f"unit: {unit!r} is no unit")
        for segment in exposure.segments:
            if segment.unit != wanted and segment.header.get("BUNIT") and not segment.unit.is_equivalent(""):
                raise ValueError(f"unit: {wanted} was given, but {segment.name} is in {segment.unit}")
            segment.unit = wanted
            segment.notes[:] = [text for text in segment.notes if not text.startswith("BUNIT ")]
    return exposure


def _array_exposure(gathered, *, errors, mask, header, unit):
    if isinstance(errors, str):
        errors = None
    return Exposure(array_segments(gathered.arrays, errors=errors, mask=mask, header=header, unit=unit))


def _complain(groups, left, select, refused):
    """Raise for a selection that leaves none, or more than one, group."""
    if not left:
        chosen = ", ".join(f"{key} {value}" for key, value in select.items())
        raise SegmentError(f"select: nothing has {chosen}; there are\n{list_groups(groups)}")
    raise SegmentError(
        f"source: {len(left)} groups of files that do not belong together; choose one\n{list_groups(left + refused)}"
    )


def _selected(source, select, axis, errors, recursive, policy, wrong, problems=None):
    told = []
    gathered = gather(source, recursive, told, keep_missing=policy.flags_errors)
    _check_arguments(select, axis, errors, gathered)
    if gathered.arrays is not None:
        return gathered, [], []
    candidates, left_out, broken = open_files(
        gathered, axis=axis, errors=errors, policy=policy, told=told, problems=problems
    )
    wrong += broken
    if wrong and all(candidate.segment is None for candidate in candidates):
        raise combined(wrong)
    groups = group_candidates(candidates)
    return gathered, groups, usable_groups(groups, select, left_out, wrong, problems)


def _within_groups(groups, gathered, policy):
    """What is wrong within each of several groups of files that were named; a folder's others may be as they will."""
    wrong: list[NircamTSOError] = []
    for group in groups if gathered.named else ():
        try:
            join_groups([group], gathered.complete, policy)
        except FAULTS as error:
            wrong += problems_of(error)
    return wrong


def _within_limits(exposure, policy):
    """The exposure, once a block of one integration is known to fit into memory."""
    need = exposure.integration_bytes
    if need > policy.max_memory:
        name = exposure.segments[0].name
        raise ResourceLimitError(
            f"one integration takes {need} bytes, but max_memory is {policy.max_memory}; raise it (in a shell "
            "--max-memory) if the machine has more",
            path=exposure.segments[0].path or name,
        )
    exposure.policy = policy
    return exposure


def _options(members, groups):
    """Options of the command that select what is joined from some groups; none where there are no others."""
    usable = [group for group in groups if group.refusal is None]
    if len(usable) == 1:
        return ""
    options = options_of(members[0], usable)
    if len(members) > 1:
        options["exposure"] = "all"
    return command_options(options)


def open_exposure(
    source: Source,
    *,
    select: Mapping[str, Any] | None = None,
    axis: Literal["integrations", "groups"] | None = None,
    errors: Literal["random", "total"] | ArrayLike | None = None,
    mask: ArrayLike | None = None,
    header: Header | Mapping[str, Any] | None = None,
    unit: str | UnitBase | None = None,
    recursive: bool = False,
    **policy: Any,
) -> Exposure:
    """
    Turn whatever a user hands over into one exposure, without reading pixels.

    Parameters
    ----------
    source : path, array, HDUList or list of any one of these
        A FITS file (plain or gzip), a folder, a glob, a text file of names; an array
        (y, x), (integrations, y, x) or (integrations, groups, y, x), a Quantity, an
        NDData; an open `~astropy.io.fits.HDUList`.
    select : dict, optional
        Which files of a folder: any of ``"detector"``, ``"product"`` and ``"exposure"``.
        ``"exposure": "all"`` joins all exposures of a detector and product.
    axis : {None, "integrations", "groups"}
        What the first axis of a plain 3-D FITS image is.
    errors : {None, "random", "total"} or array_like, optional
        For files: ``"random"`` (the default) takes VAR_POISSON + VAR_RNOISE where there
        are both, else ERR; ``"total"`` takes ERR. For arrays: 1 sigma, of the pixels'
        shape or one frame.
    mask : array_like of bool, optional
        True for pixels to leave out; one frame, or of an array's own shape.
    header : `~astropy.io.fits.Header` or dict, optional
        Cards for arrays; laid over those of files.
    unit : str or `~astropy.units.Unit`, optional
        Unit of values that have none; a Quantity is converted.
    recursive : bool, optional
        Whether a folder is searched to its depth, and ``**`` in a glob descends.
    **policy
        ``on_error``, ``allow_missing``, ``allow_missing_dq``, ``verify_checksums``,
        ``hash_inputs`` and ``max_memory``, see `nircam_tso.io.policy.Policy`.

    Returns
    -------
    Exposure

    Raises
    ------
    InputFileError
        If a file is missing, cut, corrupt or of no kind that is measured. Where several
        are, one error tells of all.
    ResourceLimitError
        If a file asks for more memory or disk than is allowed.
    SegmentError
        If files belong to several exposures (the message lists them, with what selects
        each), overlap or leave holes.
    ValueError, TypeError
        For arguments that make no sense.

    Warns
    -----
    NircamTSOWarning
        If files are left out.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.io.sources import open_exposure
    >>> open_exposure([np.zeros((16, 32)), np.ones((16, 32))])
    <Exposure of 2 integrations 16 x 32 (array): array>
    """
    select = check_select(select)
    if select.get("detector", "").lower() == "all":
        raise ValueError(
            "select: detector 'all' makes one series for each; use the command with --detector all, or a loop over "
            "the detectors"
        )
    checked = Policy(**policy)
    wrong: list[NircamTSOError] = []
    with together(wrong):
        gathered, groups, left = _selected(source, select, axis, errors, recursive, checked, wrong)
        if gathered.arrays is not None:
            exposure = _array_exposure(gathered, errors=errors, mask=mask, header=header, unit=unit)
            return _within_limits(exposure, checked)
        joined = select.get("exposure", "").lower() == "all"
        alike = {(group.family, group.detector, group.product) for group in left}
        if len(left) != 1 and not (joined and len(alike) == 1):
            wrong += _within_groups(left, gathered, checked)
            _complain(groups, left, select, [group for group in groups if group.refusal is not None])
        exposure = join_groups(left, gathered.complete, checked)
        return _within_limits(_apply_to_files(exposure, mask, header, unit), checked)


def as_exposure(source: Source, **options: Any) -> Exposure:
    """
    An exposure that was opened before as it is, and anything else opened.

    Parameters
    ----------
    source : path, array, HDUList, Exposure, or a list of any one of these but the last
        What a user hands over.
    **options
        As for `open_exposure`; they count for nothing where the source is an exposure.

    Returns
    -------
    Exposure

    Raises
    ------
    InputFileError, SegmentError, ResourceLimitError, ValueError, TypeError
        As `open_exposure`.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.io.sources import as_exposure, open_exposure
    >>> exposure = open_exposure(np.zeros((16, 32)))
    >>> as_exposure(exposure) is exposure, len(as_exposure(np.zeros((3, 16, 32))))
    (True, 3)
    """
    return source if isinstance(source, Exposure) else open_exposure(source, **options)


def open_exposures(
    source: Source,
    *,
    select: Mapping[str, Any] | None = None,
    axis: Literal["integrations", "groups"] | None = None,
    errors: Literal["random", "total"] | ArrayLike | None = None,
    mask: ArrayLike | None = None,
    header: Header | Mapping[str, Any] | None = None,
    unit: str | UnitBase | None = None,
    recursive: bool = False,
    problems: list[Any] | None = None,
    **policy: Any,
) -> list[tuple[str, Exposure]]:
    """
    Every exposure in a source, one for each detector, product and exposure.

    Parameters
    ----------
    source, axis, errors, mask, header, unit, recursive, **policy
        As for `open_exposure`.
    select : dict, optional
        As for `open_exposure`; ``"detector": "all"`` makes one exposure for each
        detector, and the rest of the selection must leave one group of each.
    problems : list, optional
        Gets (name, error) of each file of a folder or glob that cannot be used, and
        (label, error) of each group of files that make no exposure, while the others
        are returned: perhaps none, perhaps without a file that is too broken to tell
        whose it is. Without it one error tells of all.

    Returns
    -------
    list of (str, Exposure)
        A short label (the detector in lower case, with product and exposure where these
        differ) and the exposure, whose ``options`` select it on the command line.

    Raises
    ------
    InputFileError, SegmentError, ValueError, TypeError
        As `open_exposure`.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.io.sources import open_exposures
    >>> open_exposures(np.zeros((3, 16, 32)))
    [('array', <Exposure of 3 integrations 16 x 32 (array): array>)]
    """
    select = check_select(select)
    checked = Policy(**policy)
    told = len(problems or ())
    wrong: list[NircamTSOError] = []
    with together(wrong):
        gathered, groups, left = _selected(source, select, axis, errors, recursive, checked, wrong, problems)
        if gathered.arrays is not None:
            exposure = _array_exposure(gathered, errors=errors, mask=mask, header=header, unit=unit)
            return [("array", _within_limits(exposure, checked))]
        if not left:
            if len(problems or ()) > told and (not select or select_groups(groups, select)):
                return []
            _complain(groups, left, select, [])
        sets: dict[tuple[Any, ...], list[Any]] = {}
        for group in left:
            exposure_key = () if select.get("exposure", "").lower() == "all" else (group.exposure,)
            key = (group.family, group.detector, group.product, *exposure_key)
            sets.setdefault(key, []).append(group)
        if select.get("detector", "").lower() == "all":
            detectors = [key[1] for key in sets]
            if len(set(detectors)) != len(detectors):
                _complain(groups, left, select, [])
        joined = [
            dataclasses.replace(members[0], exposure="") if len(members) > 1 else members[0]
            for members in sets.values()
        ]
        found = []
        for group, members in zip(joined, sets.values(), strict=True):
            label = label_of(group, joined)
            try:
                exposure = join_groups(members, gathered.complete, checked)
                exposure = _within_limits(_apply_to_files(exposure, mask, header, unit), checked)
            except FAULTS as error:
                if problems is None:
                    wrong += problems_of(error)
                else:
                    problems.append((label, error))
                continue
            exposure.options = _options(members, groups)
            found.append((label, exposure))
        return found
