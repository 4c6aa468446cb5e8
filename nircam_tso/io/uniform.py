"""Whether files that shall follow each other are of one kind, shape, unit, place and filter."""

from nircam_tso.exceptions import SegmentError

__all__ = ["differences"]

#: Files that one line names.
_NAMED = 3
#: Attributes of a segment that must be the same, with what to do where they are not.
_FORM = ("kind", "shape", "n_groups", "unit")
#: Cards that tell which pixels of the detector a file holds; a file may lack them.
_PLACE = ("SUBARRAY", "SUBSTRT1", "SUBSTRT2")
_LIGHT = ("FILTER", "PUPIL")


def differences(candidates):
    """
    What tells files apart that must be alike.

    Parameters
    ----------
    candidates : list of Candidate
        Readable files in order; the first is what the others are held against.

    Returns
    -------
    list of SegmentError
        One for each property and each value of it that is not the first's.

    Examples
    --------
    >>> from nircam_tso.io.uniform import differences
    >>> differences([])
    []
    """
    found = []
    for what in _FORM:
        known = [(c, getattr(c.segment, what)) for c in candidates]
        found += _unlike(known, what, "extract them one by one")
    for keyword in _PLACE:
        known = [(c, value) for c, value in _values(candidates, keyword) if value not in (None, "")]
        found += _unlike(known, keyword, "hand over the files of one subarray", repr)
    for keyword in _LIGHT:
        known = _values(candidates, keyword)
        found += _unlike(known, keyword, f"hand over the files of one {keyword.lower()}", repr)
    return found


def _values(candidates, keyword):
    values = [(c, c.segment.cards.get(keyword)) for c in candidates]
    return [(c, value.strip() if isinstance(value, str) else value) for c, value in values]


def _unlike(known, what, advice, show=str):
    """An error for each value that is not the first one's."""
    if not known:
        return []
    (first, expected), others = known[0], {}
    for candidate, value in known[1:]:
        if value != expected:
            others.setdefault(show(value), []).append(candidate)
    return [
        SegmentError(
            f"{_name(first, files[0])} has {what} {show(expected)}, but {_names(first, files)} "
            f"{'has' if len(files) == 1 else 'have'} {value}; {advice}",
            path=files[0].path,
        )
        for value, files in others.items()
    ]


def _names(first, files):
    shown = ", ".join(_name(file, first) for file in files[:_NAMED])
    return shown + (f" and {len(files) - _NAMED} more" if len(files) > _NAMED else "")


def _name(candidate, other):
    """A name; with its folder where another has the same."""
    return candidate.path if candidate.name == other.name and candidate.path else candidate.name
