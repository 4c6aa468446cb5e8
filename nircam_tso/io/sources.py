"""What a user may hand over, as checked and ordered exposures."""

import dataclasses
import os
import warnings

import numpy as np
from astropy.io import fits

from nircam_tso.exceptions import (
    InputFileError,
    NircamTSOWarning,
    ResourceLimitError,
    SegmentError,
    UnsupportedFileError,
)
from nircam_tso.io.arrays import array_segments
from nircam_tso.io.exposure import Exposure
from nircam_tso.io.fits_structure import read_structure
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
from nircam_tso.io.hdulist import HduListStructure
from nircam_tso.io.headers import parse_unit
from nircam_tso.io.image import open_image
from nircam_tso.io.jwst import is_jwst, open_jwst, refused_candidate
from nircam_tso.io.listing import without_repeats
from nircam_tso.io.ncdhas import is_ncdhas, open_ncdhas
from nircam_tso.io.ordering import join_groups
from nircam_tso.io.pixels import ArrayPixels

__all__ = ["open_exposure", "open_exposures"]

_AXES = (None, "integrations", "groups")
_ERRORS = (None, "random", "total")
# What one file or group of several may be refused for.
_FAULTS = (InputFileError, SegmentError, ResourceLimitError)


def _open_one(item, *, axis, errors, named):
    """The candidate of one file; in a folder a JWST file with a fault is one, too, that tells of it."""
    structure = HduListStructure(item) if isinstance(item, fits.HDUList) else read_structure(item)
    if not structure.hdus:
        raise UnsupportedFileError("holds no header-data unit", path=structure.path)
    ground = is_ncdhas(structure)
    flight = not ground and is_jwst(structure)
    if (ground or flight) and axis is not None:
        what = "a file of NCDHAS" if ground else "a JWST product"
        raise ValueError(f"axis: {axis!r} was given, but {structure.name} is {what}, whose header tells its axes")
    if ground:
        return open_ncdhas(structure, errors=errors)
    if flight:
        try:
            return open_jwst(structure, errors=errors)
        except (InputFileError, SegmentError) as error:
            if named:
                raise
            return refused_candidate(structure, error)
    return open_image(structure, axis=axis)


def _open_files(gathered, *, axis, errors, problems=None):
    """Candidates of all files, and why others of a folder were left out."""
    files = gathered.files
    if files and not isinstance(files[0], fits.HDUList):
        files = without_repeats(files)
    candidates, left_out = [], []
    for item in files:
        try:
            candidates.append(_open_one(item, axis=axis, errors=errors, named=gathered.named))
        except _FAULTS as error:
            if isinstance(error, UnsupportedFileError) and not gathered.named and "axis=" not in str(error):
                left_out.append(error)
            elif problems is not None and not gathered.named:
                problems.append((os.path.basename(item), error))
            else:
                raise
    return candidates, left_out


def _usable_groups(groups, select, left_out, problems=None):
    """The groups that a selection leaves, once no file that belongs to them has a fault."""
    left = select_groups(groups, select) if select else groups
    usable = [group for group in left if group.refusal is None]
    refused = [group for group in left if group.refusal is not None]
    if problems is not None:
        return _sound_groups(usable, refused, [] if select else left_out, problems)
    if not usable:
        reasons = [group.refusal for group in refused] + ([] if select else left_out)
        if len(reasons) == 1:
            raise reasons[0]
        if reasons:
            shown = "; ".join(str(reason) for reason in reasons[:5])
            raise UnsupportedFileError(f"none of the {len(reasons)} files here is measured: {shown}")
        return usable
    kept = {_key(group) for group in usable}
    for group in refused:
        # Never silently fewer: a broken piece of what is measured is an error, a piece of something else is not.
        if _key(group) in kept:
            raise group.refusal
    if len(usable) == 1:
        for group in refused:
            if not isinstance(group.refusal, UnsupportedFileError):
                error = group.refusal
                advice = f"to measure the others without it: {command_options(options_of(usable[0], groups))}"
                raise type(error)(f"{error}; {advice}", path=error.path, hdu=error.hdu) from error
        if not select:
            _warn_of([group.refusal for group in refused] + left_out)
    return usable


def _key(group):
    return group.family, group.detector, group.product, group.exposure


def _sound_groups(usable, refused, left_out, problems):
    """Usable groups of which no piece is broken; why the others are not goes to ``problems``."""
    broken = {_key(group) for group in refused}
    problems += [
        (candidate.name, candidate.refusal) for group in refused for candidate in group.candidates if candidate.refusal
    ]
    problems += [(os.path.basename(error.path), error) for error in left_out]
    return [group for group in usable if _key(group) not in broken]


def _warn_of(refused):
    if refused:
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        warnings.warn(f"left out: {refused[0]}{more}", NircamTSOWarning, stacklevel=5)


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


def _selected(source, select, axis, errors, recursive, problems=None):
    gathered = gather(source, recursive, problems)
    _check_arguments(select, axis, errors, gathered)
    if gathered.arrays is not None:
        return gathered, [], []
    candidates, left_out = _open_files(gathered, axis=axis, errors=errors, problems=problems)
    groups = group_candidates(candidates)
    return gathered, groups, _usable_groups(groups, select, left_out, problems)


def _options(members, groups):
    """Options of the command that select what is joined from some groups; none where there are no others."""
    usable = [group for group in groups if group.refusal is None]
    if len(usable) == 1:
        return ""
    options = options_of(members[0], usable)
    if len(members) > 1:
        options["exposure"] = "all"
    return command_options(options)


def open_exposure(source, *, select=None, axis=None, errors=None, mask=None, header=None, unit=None, recursive=False):
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

    Returns
    -------
    Exposure

    Raises
    ------
    InputFileError
        If a file is missing, cut, corrupt or of no kind that is measured.
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
    gathered, groups, left = _selected(source, select, axis, errors, recursive)
    if gathered.arrays is not None:
        return _array_exposure(gathered, errors=errors, mask=mask, header=header, unit=unit)
    joined = select.get("exposure", "").lower() == "all"
    alike = {(group.family, group.detector, group.product) for group in left}
    if len(left) != 1 and not (joined and len(alike) == 1):
        _complain(groups, left, select, [group for group in groups if group.refusal is not None])
    return _apply_to_files(join_groups(left, gathered.complete), mask, header, unit)


def open_exposures(
    source,
    *,
    select=None,
    axis=None,
    errors=None,
    mask=None,
    header=None,
    unit=None,
    recursive=False,
    problems=None,
):
    """
    Every exposure in a source, one for each detector, product and exposure.

    Parameters
    ----------
    source, axis, errors, mask, header, unit, recursive
        As for `open_exposure`.
    select : dict, optional
        As for `open_exposure`; ``"detector": "all"`` makes one exposure for each
        detector, and the rest of the selection must leave one group of each.
    problems : list, optional
        Gets (name, error) of each file of a folder or glob that cannot be used, and
        (label, error) of each group of files that make no exposure, while the others
        are returned: perhaps none, perhaps without a file that is too broken to tell
        whose it is. Without it the first such error is raised.

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
    told = len(problems or ())
    gathered, groups, left = _selected(source, select, axis, errors, recursive, problems)
    if gathered.arrays is not None:
        return [("array", _array_exposure(gathered, errors=errors, mask=mask, header=header, unit=unit))]
    if not left:
        if len(problems or ()) > told and (not select or select_groups(groups, select)):
            return []
        _complain(groups, left, select, [])
    sets = {}
    for group in left:
        key = (group.family, group.detector, group.product)
        if select.get("exposure", "").lower() != "all":
            key += (group.exposure,)
        sets.setdefault(key, []).append(group)
    if select.get("detector", "").lower() == "all":
        detectors = [key[1] for key in sets]
        if len(set(detectors)) != len(detectors):
            _complain(groups, left, select, [])
    joined = [
        dataclasses.replace(members[0], exposure="") if len(members) > 1 else members[0] for members in sets.values()
    ]
    found = []
    for group, members in zip(joined, sets.values(), strict=True):
        label = label_of(group, joined)
        try:
            exposure = _apply_to_files(join_groups(members, gathered.complete), mask, header, unit)
        except _FAULTS as error:
            if problems is None:
                raise
            problems.append((label, error))
            continue
        exposure.options = _options(members, groups)
        found.append((label, exposure))
    return found
