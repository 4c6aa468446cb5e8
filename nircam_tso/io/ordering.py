"""Files of one exposure in order: no overlap, no hole, no mixture."""

import os
import re
from itertools import pairwise

from nircam_tso.exceptions import NircamTSOError, SegmentError
from nircam_tso.io.exposure import Exposure
from nircam_tso.io.headers import split_name
from nircam_tso.io.missing import missing_candidate, range_in_words
from nircam_tso.io.policy import Policy
from nircam_tso.io.repeats import pair_of_names, repeats
from nircam_tso.io.report import combined, problems_of
from nircam_tso.io.uniform import differences

__all__ = ["join_groups", "natural_key"]

_STRICT = Policy()
_SHOWN = 10
_ADVICE = "name the files themselves to measure only these"
_FILL = "allow_missing (in a shell --allow-missing) makes flagged rows of them"


def natural_key(name):
    """
    Sort key that counts digits as numbers: ``seg2`` comes before ``seg10``.

    Parameters
    ----------
    name : str
        A file name.

    Returns
    -------
    tuple

    Examples
    --------
    >>> from nircam_tso.io.ordering import natural_key
    >>> sorted(["seg10", "seg2", "a"], key=natural_key)
    ['a', 'seg2', 'seg10']
    """
    parts = re.split(r"([0-9]+)", name)
    return tuple((1, int(part), "") if index % 2 else (0, 0, part) for index, part in enumerate(parts)), name


def _names(candidates):
    names = [c.name for c in candidates[:_SHOWN]]
    return ", ".join(names) + (f" and {len(candidates) - _SHOWN} more" if len(candidates) > _SHOWN else "")


def _folder(candidates):
    """The folder in which files lie, for messages."""
    folders = {os.path.dirname(os.path.abspath(c.path)) for c in candidates if c.path}
    return os.path.commonpath(folders) if folders else None


def _words(runs):
    """Runs of whole numbers in words."""
    shown = [str(first) if first == last else f"{first} to {last}" for first, last in runs[:_SHOWN]]
    return ", ".join(shown) + (" ..." if len(runs) > _SHOWN else "")


def _runs(numbers):
    runs = []
    for number in sorted(numbers):
        if runs and number <= runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return runs


def _gaps(present, first, last):
    """Runs of numbers of a range that are not there; it may be as long as a broken card says."""
    edges = [first - 1, *sorted({number for number in present if first <= number <= last}), last + 1]
    return [(low + 1, high - 1) for low, high in pairwise(edges) if high > low + 1]


def _ordered_segments(group, complete, policy):
    """A JWST exposure's candidates in order, with neither overlap nor hole that is not filled."""
    model = next(c for c in group.candidates if c.segment is not None)
    placed = [c for c in group.candidates if c.last >= c.first]
    # Unreadable, and nothing but the hole that they leave tells which integrations they hold.
    lost = [c for c in group.candidates if c.last < c.first]
    found = sorted(placed, key=lambda c: (c.first, c.last, natural_key(c.name)))
    wrong = []
    totals = {c.segment_total for c in found if c.segment_total}
    if len(totals) > 1:
        wrong.append(SegmentError(f"EXSEGTOT differs ({', '.join(map(str, sorted(totals)))}) among {_names(found)}"))
    total = totals.pop() if len(totals) == 1 else None
    known = [c.segment_number for c in found + lost if c.segment_number is not None]
    if total is not None and known and max(known) > total:
        wrong.append(SegmentError(f"EXSEGNUM = {max(known)} is above EXSEGTOT = {total} in {_names(found)}"))

    def filler(before, after, first, last, count):
        """A candidate for a hole; None where nothing may fill it."""
        inside = [c for c in lost if _stands_between(c, before, after)]
        more = count is not None and count > len(inside)
        if not inside and not policy.allow_missing:
            return None
        lost[:] = [c for c in lost if c not in inside]
        if more and not (policy.allow_missing and complete):
            return None
        return missing_candidate(model, first, last, inside, missing=more)

    holes, told = [], False
    before = found[0]
    for after in found[1:]:
        one, other = pair_of_names(before, after)
        if after.first <= before.last:
            wrong.append(
                SegmentError(
                    f"{one} ({range_in_words(before.first, before.last)}) and {other} "
                    f"({range_in_words(after.first, after.last)}) overlap: the same exposure twice? hand over one "
                    "of them",
                    path=after.path,
                )
            )
            # One may lie wholly within the other.
            before = max(before, after, key=lambda c: c.last)
            continue
        numbers = before.segment_number, after.segment_number
        if None not in numbers and numbers[1] <= numbers[0]:
            wrong.append(
                SegmentError(f"EXSEGNUM and INTSTART put {one} and {other} in different orders", path=after.path)
            )
        elif after.first != before.last + 1:
            count = numbers[1] - numbers[0] - 1 if None not in numbers else None
            filled = filler(before, after, before.last + 1, after.first - 1, count if complete else None)
            if filled is None:
                told = True
                what = range_in_words(before.last + 1, after.first - 1)
                wrong.append(SegmentError(f"{what} are missing between {one} and {other}; {_FILL}", path=after.path))
            holes.append(filled)
        before = after
    promised = max((c.promised for c in found if c.promised), default=0)
    begin, end = found[0], before
    if complete or lost:
        count = begin.segment_number - 1 if begin.segment_number is not None else None
        if begin.first > 1:
            holes.append(filler(None, begin, 1, begin.first - 1, count))
        count = total - end.segment_number if total and end.segment_number is not None else None
        if end.last < promised:
            holes.append(filler(end, None, end.last + 1, promised, count))
    # Else the fault itself is told of.
    if lost and policy.flags_errors:
        texts = [f"{c.fault}; how many integrations it holds cannot be told" for c in lost]
        wrong += [type(c.fault)(text, path=c.path) for c, text in zip(lost, texts, strict=True)]
    holes = [hole for hole in holes if hole is not None]
    found = [c if c.segment is not None else missing_candidate(model, c.first, c.last, [c]) for c in found]
    found = sorted(found + holes, key=lambda c: c.first)
    if complete:
        wrong += _lacking(found, known, total, promised, policy, told)
    if wrong:
        raise combined(wrong)
    if not complete and (found[0].first > 1 or found[-1].last < promised or (total and known and len(known) < total)):
        _note_part(found, promised, (_segments(known), total) if known else None)
    return found


def _stands_between(candidate, before, after):
    """Whether a file comes after one and before another, by numbers of segments or else by names."""

    def follows(one, other):
        if None not in (one.segment_number, other.segment_number):
            return one.segment_number < other.segment_number
        return natural_key(one.name) < natural_key(other.name)

    return (before is None or follows(before, candidate)) and (after is None or follows(candidate, after))


def _lacking(found, known, total, promised, policy, told):
    """What a folder's exposure lacks, of which no rows are made; ``told`` is whether inner holes are known."""
    missing = _gaps(known, 1, total or max(known)) if known else []
    if told:
        missing = [run for run in missing if run[1] < min(known) or run[0] > max(known)]
    advice = f"found {_names(found)}; {_ADVICE}; {_FILL}"
    last = max(c.last for c in found)
    if missing and not policy.allow_missing:
        what = f"segment {_words(missing)} of {total or max(known)} is missing; {advice}"
        return [SegmentError(what, path=_folder(found))]
    wrong = []
    if found[0].first > 1:
        wrong.append(f"{range_in_words(1, found[0].first - 1)} are missing; {advice}")
    if last < promised:
        wrong.append(f"{range_in_words(last + 1, promised)} of {promised} are missing; {advice}")
    elif missing and not promised and missing[-1][1] > max(known):
        wrong.append(
            f"segment {_words(missing)} of {total} is missing, and no card (NINTS) tells how many integrations it "
            f"holds; found {_names(found)}; {_ADVICE}"
        )
    return [SegmentError(what, path=_folder(found)) for what in wrong]


def _segments(numbers):
    return f"segment{'s' * (len(numbers) > 1)} {_words(_runs(numbers))}"


def _note_part(found, promised, segments=None):
    """Tell that these are not all integrations of their exposure, which a list of names may well mean."""
    first, last = found[0].first, found[-1].last
    what = range_in_words(first, last) + (f" of {promised}" if promised >= last else "")
    if segments is not None:
        shown, total = segments
        what = f"{shown}{f' of {total}' if total else ''}, {what}"
    elif promised < last:
        what += f", without {range_in_words(1, first - 1)}"
    others = f" and {len(found) - 1} more" if len(found) > 1 else ""
    found[0].segment.notes.append(f"{found[0].name}{others}: part of an exposure: {what}")


def _check_numbers(found, complete, lost, policy, wrong):
    """Holes among files of one integration each, as far as numbers tell; ``wrong`` gets those not to be filled."""
    numbered = [c for c in found if c.numbered]
    if not numbered:
        return []
    if len(numbered) < len(found):
        numbered[0].segment.notes.append(
            f"{len(found) - len(numbered)} of {len(found)} files have no integration number: no hole can be told"
        )
        return []
    present = {c.first for c in numbered} | {c.first for c in lost if c.numbered}
    last = max(present)
    # Headers of the ground tests may say 1 for every integration: that is no promise.
    promised = max((c.promised for c in numbered if c.promised), default=0)
    promised = promised if promised > 1 else 0
    begin, end = (1, max(last, promised)) if complete else (min(present), last)
    gaps = _gaps(present, begin, end)
    if gaps and not policy.allow_missing:
        one = len(gaps) == 1 and gaps[0][0] == gaps[0][1]
        what = f"integration{'s' * (not one)} {_words(gaps)} of {max(last, promised)} {'is' if one else 'are'} missing"
        text = f"{what}; a run of files without a hole is measured if named; {_FILL}"
        wrong.append(SegmentError(text, path=_folder(numbered)))
        return []
    if begin > 1 or last < promised:
        _note_part(sorted(numbered, key=lambda c: c.first), promised)
    return gaps


def _homes(lost, parts):
    """Unreadable files by the exposure that their names belong to."""
    homes = [[] for _ in parts]
    for fault in lost:
        stem = split_name(fault.name)[0]
        own = [i for i, part in enumerate(parts) if any(split_name(c.name)[0] == stem for c in part)]
        before = [i for i, part in enumerate(parts) if any(natural_key(c.name) < natural_key(fault.name) for c in part)]
        homes[(own or before or [0])[-1]].append(fault)
    return homes


def _filled(part, lost, complete, policy, wrong):
    """The files of one exposure, with rows for those that cannot be read or are not there."""
    model = part[0]
    gaps = _check_numbers(part, complete, lost, policy, wrong)
    if all(c.numbered for c in part):
        present = {c.first for c in part}
        twice = [c.fault for c in lost if c.numbered and c.first in present]
        wrong += twice
        part = part + [missing_candidate(model, c.first, c.last, [c]) for c in lost if c.numbered]
        part = sorted(part + [missing_candidate(model, *gap) for gap in gaps], key=lambda c: c.first)
        lost = [c for c in lost if not c.numbered]
    for fault in sorted(lost, key=lambda c: natural_key(c.name)):
        place = sum(natural_key(c.name) < natural_key(fault.name) for c in part)
        part = [*part[:place], missing_candidate(model, model.first, model.first, [fault]), *part[place:]]
    return part


def _exposures_of(found, by_time):
    """Files in order, taken apart by exposure."""
    if not by_time:
        return [found]
    # Files of one exposure share its time and the beginning of their names, or each has its own of
    # both; a time in whole seconds may change within an exposure. Numbers that begin anew always tell.
    stems = [split_name(c.name)[0] for c in found]
    shared = len(set(stems)) < len(stems)
    parts = [[found[0]]]
    for index, (before, after) in enumerate(pairwise(found), start=1):
        other = shared and after.start != before.start and stems[index] != stems[index - 1]
        if other or after.first <= before.first:
            parts.append([])
        parts[-1].append(after)
    # Without a number, 1 is no beginning.
    return parts if all(c.numbered for c in found) else [found]


def _ordered_files(group, complete, policy):
    """Single files in order of time, then number, then name."""
    found = [c for c in group.candidates if c.segment is not None]
    lost = [c for c in group.candidates if c.segment is None]
    timeless = [c for c in found if c.start is None]
    if timeless and len(timeless) < len(found):
        timeless[0].segment.notes.append(
            f"{len(timeless)} of {len(found)} files have no readable DATE-OBS or MJD-OBS: all are in order of name"
        )
    by_time = not timeless

    def key(candidate):
        return (candidate.start if by_time else (0, 0.0), candidate.first, natural_key(candidate.name), candidate.path)

    found = sorted(found, key=key)
    twice = repeats(found)
    gone = {id(candidate) for candidate, _ in twice}
    wrong = [error for _, error in twice]
    parts = _exposures_of([c for c in found if id(c) not in gone], by_time)
    homes = _homes(lost, parts)
    filled = [c for part, own in zip(parts, homes, strict=True) for c in _filled(part, own, complete, policy, wrong)]
    if wrong:
        raise combined(wrong)
    return filled


def join_groups(groups, complete, policy=_STRICT):
    """
    One exposure out of the files of one or several groups.

    Parameters
    ----------
    groups : list of Group
        Of one family, detector and product; several exposures follow each other in
        time.
    complete : bool
        Whether the source promises the whole exposure (a folder, a glob), so that a
        missing segment or integration at either end is an error, too; else a note.
    policy : Policy, optional
        Whether rows are made for what is missing or unreadable.

    Returns
    -------
    Exposure

    Raises
    ------
    SegmentError
        If files overlap, leave holes, or differ in shape, unit, filter or subarray: one
        error that tells of all.
    """
    if len(groups) > 1 and all(group.start is not None for group in groups):
        groups = sorted(groups, key=lambda group: (group.start, group.exposure))
    found, wrong = [], []
    for group in groups:
        order = _ordered_segments if group.family == "jwst" else _ordered_files
        try:
            found += order(group, complete, policy)
        except NircamTSOError as error:
            wrong += problems_of(error)
            found += [c for c in group.candidates if c.segment is not None]
    wrong += differences(found)
    if wrong:
        raise combined(wrong)
    return Exposure([candidate.segment for candidate in found])
