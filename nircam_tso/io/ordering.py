"""Files of one exposure in order: no overlap, no hole, no mixture."""

import filecmp
import re
from itertools import pairwise

from nircam_tso.exceptions import SegmentError
from nircam_tso.io.exposure import Exposure

__all__ = ["join_groups", "natural_key"]

_SHOWN = 10


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


def _range(first, last):
    return f"integration {first}" if first == last else f"integrations {first} to {last}"


def _ordered_segments(group, complete):
    """A JWST exposure's candidates in order, with neither overlap nor hole."""
    found = sorted(group.candidates, key=lambda c: (c.first, c.last, natural_key(c.name)))
    totals = {c.segment_total for c in found if c.segment_total}
    if len(totals) > 1:
        raise SegmentError(f"EXSEGTOT differs ({', '.join(map(str, sorted(totals)))}) among {_names(found)}")
    total = totals.pop() if totals else None
    numbers = [c.segment_number for c in found]
    known = [number for number in numbers if number is not None]
    if total is not None and known and max(known) > total:
        raise SegmentError(f"EXSEGNUM = {max(known)} is above EXSEGTOT = {total} in {_names(found)}")
    for before, after in pairwise(found):
        if after.first <= before.last:
            raise SegmentError(
                f"{before.name} ({_range(before.first, before.last)}) and {after.name} "
                f"({_range(after.first, after.last)}) overlap: the same exposure twice? hand over one of them",
                path=after.path,
            )
        if None not in (before.segment_number, after.segment_number) and after.segment_number <= before.segment_number:
            raise SegmentError(
                f"EXSEGNUM and INTSTART put {before.name} and {after.name} in different orders", path=after.path
            )
        if after.first != before.last + 1:
            raise SegmentError(
                f"{_range(before.last + 1, after.first - 1)} are missing between {before.name} and {after.name}",
                path=after.path,
            )
    if complete:
        missing = sorted(set(range(1, (total or max(known, default=0)) + 1)) - set(known)) if known else []
        advice = f"found {_names(found)}; name the files themselves to measure only these"
        if missing:
            which = ", ".join(map(str, missing[:_SHOWN])) + (" ..." if len(missing) > _SHOWN else "")
            raise SegmentError(f"segment {which} of {total or max(known)} is missing; {advice}")
        if found[0].first > 1:
            raise SegmentError(f"{_range(1, found[0].first - 1)} are missing; {advice}")
        promised = max((c.promised for c in found if c.promised), default=0)
        if found[-1].last < promised:
            raise SegmentError(f"{_range(found[-1].last + 1, promised)} of {promised} are missing; {advice}")
    return found


def _ordered_files(group):
    """Single files in order of time, then number, then name."""
    found = group.candidates
    timeless = [c for c in found if c.start is None]
    if timeless and len(timeless) < len(found):
        timeless[0].segment.notes.append(
            f"{len(timeless)} of {len(found)} files have no readable DATE-OBS or MJD-OBS: all are in order of name"
        )
    by_time = not timeless

    def key(candidate):
        return (candidate.start if by_time else (0, 0.0), candidate.first, natural_key(candidate.name), candidate.path)

    found = sorted(found, key=key)
    for before, after in pairwise(found):
        if not by_time or after.start != before.start:
            continue
        if before.numbered and after.numbered and before.first == after.first:
            raise SegmentError(
                f"{before.name} and {after.name} are both integration {after.first} of one exposure; "
                "hand over one of them",
                path=after.path,
            )
        if not after.numbered and _same_content(before, after):
            raise SegmentError(f"{before.path} and {after.path} hold the same bytes; hand over one", path=after.path)
    return found


def _same_content(one, other):
    first, second = one.segment, other.segment
    if not first.path or not second.path or first.size != second.size or first.header_sha256 != second.header_sha256:
        return False
    return filecmp.cmp(first.path, second.path, shallow=False)


def _check_uniform(candidates):
    first = candidates[0]
    for keyword in ("FILTER", "PUPIL"):
        expected = first.segment.header.get(keyword)
        for candidate in candidates[1:]:
            value = candidate.segment.header.get(keyword)
            if value != expected:
                raise SegmentError(
                    f"{first.name} has {keyword} {expected!r}, but {candidate.name} has {value!r}; hand over the files "
                    f"of one {keyword.lower()}",
                    path=candidate.path,
                )


def join_groups(groups, complete):
    """
    One exposure out of the files of one or several groups.

    Parameters
    ----------
    groups : list of Group
        Of one family, detector and product; several exposures follow each other in
        time.
    complete : bool
        Whether the source promises the whole exposure (a folder, a glob), so that a
        missing segment at either end is an error, too.

    Returns
    -------
    Exposure

    Raises
    ------
    SegmentError
        If files overlap, leave holes, or differ in shape, unit or filter.
    """
    if len(groups) > 1 and all(group.start is not None for group in groups):
        groups = sorted(groups, key=lambda group: (group.start, group.exposure))
    found = []
    for group in groups:
        found += _ordered_segments(group, complete) if group.family == "jwst" else _ordered_files(group)
    if len(found) > 1:
        _check_uniform(found)
    return Exposure([candidate.segment for candidate in found])
