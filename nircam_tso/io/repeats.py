"""Files that are the same integration twice: by their numbers and times, or byte for byte."""

import filecmp

from nircam_tso.exceptions import SegmentError
from nircam_tso.io.headers import split_name

__all__ = ["pair_of_names", "repeats"]

#: Places within a file, as shares of its size, and bytes read there: images differ everywhere.
_SAMPLES, _BYTES = (0.25, 0.5, 0.75), 4096


def pair_of_names(one, other):
    """
    Two names; with their folders where they are the same.

    Parameters
    ----------
    one, other : Candidate
        Files.

    Returns
    -------
    tuple of str
    """
    if one.name != other.name or not one.path or not other.path:
        return one.name, other.name
    return one.path, other.path


def repeats(found):
    """
    Which files repeat others.

    Parameters
    ----------
    found : list of Candidate
        Readable files of one integration each, in order.

    Returns
    -------
    list of (Candidate, SegmentError)
        Each file that must go, with the reason.

    Examples
    --------
    >>> from nircam_tso.io.repeats import repeats
    >>> repeats([])
    []
    """
    twins = _twins(found)
    gone = {id(candidate) for candidate, _ in twins}
    return twins + _copies([candidate for candidate in found if id(candidate) not in gone])


def _twins(found):
    """Two files that are the same integration of one exposure: by its time, for want of one by their names."""
    by_time, by_name, timeless, twins = {}, {}, {}, []
    for after in found:
        if not after.numbered:
            continue
        stem, number = split_name(after.name)
        named = (after.first, stem if number is not None else None)
        if after.start is not None:
            before = by_time.setdefault((after.first, after.start), after)
            before = timeless.get(named, after) if before is after else before
        else:
            before = by_name.get(named, after)
            timeless.setdefault(named, after)
        by_name.setdefault(named, after)
        if before is not after:
            one, other = pair_of_names(before, after)
            known = "" if None not in (before.start, after.start) else ", as far as names tell (no readable DATE-OBS)"
            text = f"{one} and {other} are both integration {after.first} of one exposure{known}; hand over one of them"
            twins.append((after, SegmentError(text, path=after.path)))
    return twins


def _copies(found):
    """Files of the same bytes are one integration twice, wherever they stand."""
    alike = {}
    for candidate in found:
        if candidate.path:
            number = candidate.first if candidate.numbered else None
            alike.setdefault((number, candidate.segment.size, candidate.segment.header_sha256), []).append(candidate)
    copies = []
    for files in alike.values():
        # Only where headers and sizes are the same are pixels looked at, and whole files only where samples are.
        firsts = {}
        for candidate in files if len(files) > 1 else ():
            seen = firsts.setdefault(_sample(candidate), [])
            before = next((c for c in seen if filecmp.cmp(c.path, candidate.path, shallow=False)), None)
            if before is None:
                seen.append(candidate)
                continue
            text = f"{before.path} and {candidate.path} hold the same bytes; hand over one"
            copies.append((candidate, SegmentError(text, path=candidate.path)))
    return copies


def _sample(candidate):
    with open(candidate.path, "rb") as file:
        pieces = []
        for share in _SAMPLES:
            file.seek(int(share * candidate.segment.size))
            pieces.append(file.read(_BYTES))
    return b"".join(pieces)
