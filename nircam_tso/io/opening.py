"""Preflight: every file is opened and checked before any pixel is measured.

What is wrong with any of them is told in one report; or, where errors are flagged, files
that cannot be read get their place among the others.
"""

import dataclasses
import os
import warnings

from astropy.io import fits

from nircam_tso.exceptions import (
    InputFileError,
    NircamTSOWarning,
    ResourceLimitError,
    SegmentError,
    UnsupportedFileError,
)
from nircam_tso.io.checksums import hash_file, verify_checksums
from nircam_tso.io.fits_structure import read_structure
from nircam_tso.io.groups import command_options, options_of, select_groups
from nircam_tso.io.hdulist import HduListStructure
from nircam_tso.io.image import open_image
from nircam_tso.io.jwst import is_jwst, open_jwst, refused_candidate
from nircam_tso.io.listing import without_repeats
from nircam_tso.io.missing import fault_candidate, settle_faults
from nircam_tso.io.ncdhas import is_ncdhas, open_ncdhas

__all__ = ["FAULTS", "open_files", "usable_groups"]

#: What one file or group of several may be refused for.
FAULTS = (InputFileError, SegmentError, ResourceLimitError)


def _structure_of(item, policy):
    if isinstance(item, fits.HDUList):
        return HduListStructure(item)
    structure = read_structure(item)
    if policy.verify_checksums:
        verify_checksums(structure)
    return structure


def _open_one(structure, *, axis, errors, policy, named):
    """The candidate of one file; in a folder a JWST file with a fault is one, too, that tells of it."""
    if not structure.hdus:
        raise UnsupportedFileError("holds no header-data unit", path=structure.path)
    ground = is_ncdhas(structure)
    flight = not ground and is_jwst(structure)
    if (ground or flight) and axis is not None:
        what = "a file of NCDHAS" if ground else "a JWST product"
        raise ValueError(f"axis: {axis!r} was given, but {structure.name} is {what}, whose header tells its axes")
    if ground:
        return open_ncdhas(structure)
    if flight:
        try:
            return open_jwst(structure, errors=errors, allow_missing_dq=policy.allow_missing_dq)
        except (InputFileError, SegmentError) as error:
            if named or (policy.flags_errors and not isinstance(error, (UnsupportedFileError, SegmentError))):
                raise
            return refused_candidate(structure, error)
    return open_image(structure, axis=axis)


def _hashed(candidate, structure):
    """A candidate whose segment knows the hash over its whole file."""
    if candidate.segment is None or isinstance(structure, HduListStructure):
        return candidate
    segment = dataclasses.replace(candidate.segment, sha256=hash_file(structure.stored))
    return dataclasses.replace(candidate, segment=segment)


def open_files(gathered, *, axis, errors, policy, told=(), problems=None):
    """
    Open all files of a source.

    Parameters
    ----------
    gathered : Gathered
        Paths or open lists of units.
    axis, errors
        See `nircam_tso.io.sources.open_exposure`.
    policy : Policy
        What becomes of files that cannot be read.
    told : list of (str, InputFileError)
        What is known to be wrong with files of a folder already.
    problems : list of (str, NircamTSOError), optional
        Gets what is wrong with files of a folder, instead of an error.

    Returns
    -------
    candidates : list of Candidate
        Of files that can be read; with ``on_error="flag"`` of others, too.
    left_out : list of UnsupportedFileError
        Why others of a folder are not measured.
    wrong : list of NircamTSOError
        What is wrong with files, and an error; candidates hold their places, so that
        what is wrong between the others can be told, too.
    """
    files = gathered.files
    if files and not isinstance(files[0], fits.HDUList):
        files = without_repeats(files)
    keep = problems is not None and not gathered.named
    candidates, left_out, faults, wrong = [], [], [], []
    if keep:
        problems += told
    else:
        _sort_out([(error.path or name, error) for name, error in told], policy, faults, wrong)
    for item in files:
        structure = None
        try:
            structure = _structure_of(item, policy)
            candidate = _open_one(structure, axis=axis, errors=errors, policy=policy, named=gathered.named)
            candidates.append(_hashed(candidate, structure) if policy.hash_inputs else candidate)
        except FAULTS as error:
            other = isinstance(error, UnsupportedFileError)
            if other and not gathered.named and "axis=" not in str(error):
                left_out.append(error)
            elif keep:
                problems.append((os.path.basename(item), error))
            elif isinstance(item, fits.HDUList) or (structure is not None and other):
                # Whole, but not what was meant: no row of anything.
                wrong.append(error)
                if not isinstance(item, fits.HDUList):
                    faults.append(fault_candidate(os.fspath(item), error))
            else:
                _sort_out([(os.fspath(item), error)], policy, faults, wrong)
    settled, homeless = settle_faults(candidates, faults)
    known = set(map(id, wrong))
    wrong += [fault.fault for fault in homeless if id(fault.fault) not in known]
    return candidates + settled, left_out, wrong


def _sort_out(told, policy, faults, wrong):
    """Files that cannot be read become faults to flag, or errors."""
    for path, error in told:
        if not policy.flags_errors or isinstance(error, (SegmentError, ResourceLimitError)):
            wrong.append(error)
        # An error, too, keeps its place: it is no hole.
        faults.append(fault_candidate(path, error))


def usable_groups(groups, select, left_out, wrong, problems=None):
    """
    The groups that a selection leaves, once no file that belongs to them has a fault.

    Parameters
    ----------
    groups : list of Group
        All.
    select : dict of str
        From `nircam_tso.io.groups.check_select`.
    left_out : list of UnsupportedFileError
        From `open_files`.
    wrong : list of NircamTSOError
        Gets what is wrong with pieces of what is measured, which then keep their places.
    problems : list of (str, NircamTSOError), optional
        Gets what is wrong, instead of an error.

    Returns
    -------
    list of Group

    Raises
    ------
    InputFileError, SegmentError
        If nothing can be measured.

    Warns
    -----
    NircamTSOWarning
        If files are left out.
    """
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
    # Never silently fewer: a broken piece of what is measured is an error, a piece of something else is not.
    broken = [group for group in refused if _key(group) in kept]
    for group in broken:
        wrong += [candidate.refusal for candidate in group.candidates]
        next(other for other in usable if _key(other) == _key(group)).candidates += map(_in_place, group.candidates)
    if broken:
        return usable
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


def _in_place(refused):
    """A broken piece that keeps its place among the others."""
    fault = fault_candidate(refused.path, refused.refusal)
    same = {name: getattr(refused, name) for name in ("family", "detector", "product", "exposure")}
    return dataclasses.replace(fault, **same)


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
