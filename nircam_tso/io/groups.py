"""Files that belong together, and how one group among several is selected.

A visit's folder holds several detectors, products and exposures. What is measured as
one series is one group: one detector, one product, one exposure (single images and
files of the ground tests: one detector and product, in order of time).
"""

import os
import re
import shlex
from dataclasses import dataclass

from nircam_tso.io.segment import Segment

__all__ = [
    "Candidate",
    "Group",
    "check_select",
    "command_options",
    "group_candidates",
    "label_of",
    "list_groups",
    "options_of",
    "select_groups",
]

_KEYS = ("detector", "product", "exposure")


@dataclass
class Candidate:
    """
    A file that may become a segment of an exposure.

    Attributes
    ----------
    segment : Segment or None
        None for a file that is not measured.
    name, path : str
        Base name and path.
    family : str
        ``"jwst"``, ``"ncdhas"`` or ``"image"``.
    detector, product, exposure : str
        What groups are told apart by; ``exposure`` is empty where files of one group
        may come from several exposures.
    number : int or None
        The exposure's number in the header.
    start : tuple or None
        When the exposure began: day number and seconds.
    first, last : int
        Integrations that the file covers.
    numbered : bool
        Whether a header (or name) tells ``first``.
    promised : int or None
        Integrations of the whole exposure.
    segment_number, segment_total : int or None
        EXSEGNUM and EXSEGTOT.
    refusal : InputFileError, SegmentError or None
        Why it is not measured.
    fault : NircamTSOError or None
        Why it cannot be read, where its rows shall be there all the same.
    """

    segment: Segment | None
    name: str
    path: str | None
    family: str
    detector: str = ""
    product: str = ""
    exposure: str = ""
    number: int | None = None
    start: tuple | None = None
    first: int = 1
    last: int = 1
    numbered: bool = False
    promised: int | None = None
    segment_number: int | None = None
    segment_total: int | None = None
    refusal: Exception | None = None
    fault: Exception | None = None


@dataclass
class Group:
    """
    Candidates of one detector, product and exposure.

    Attributes
    ----------
    family, detector, product, exposure : str
        See `Candidate`.
    number : int or None
        The exposure's number.
    candidates : list of Candidate
        The files.
    """

    family: str
    detector: str
    product: str
    exposure: str
    number: int | None
    candidates: list

    @property
    def refusal(self):
        """Why the group is not measured, None if it is."""
        return next((c.refusal for c in self.candidates if c.refusal is not None), None)

    @property
    def n_integrations(self):
        """Integrations in its files."""
        return sum(c.segment.n_integrations for c in self.candidates if c.segment is not None)

    @property
    def start(self):
        """When it began, as far as known, for sorting."""
        starts = [c.start for c in self.candidates if c.start is not None]
        return min(starts) if starts else None


def group_candidates(candidates):
    """
    Put candidates into groups.

    Parameters
    ----------
    candidates : list of Candidate
        In any order.

    Returns
    -------
    list of Group
        Sorted by family, detector, product and exposure.
    """
    groups = {}
    for candidate in candidates:
        # A grism file and an image of one detector and product share nothing but the names.
        key = (
            candidate.family,
            candidate.detector,
            candidate.product,
            candidate.exposure,
            candidate.refusal is not None,
        )
        if key not in groups:
            groups[key] = Group(*key[:4], candidate.number, [])
        groups[key].candidates.append(candidate)
    return [groups[key] for key in sorted(groups)]


def check_select(select):
    """
    Check what a user selects by.

    Parameters
    ----------
    select : dict or None
        With any of the keys ``"detector"``, ``"product"`` and ``"exposure"``.

    Returns
    -------
    dict of str
        Without the keys whose value is None.

    Raises
    ------
    ValueError, TypeError
        For another key or a value that is neither str nor int.
    """
    if select is None:
        return {}
    try:
        items = dict(select)
    except (TypeError, ValueError):
        raise TypeError(f"select: {select!r} is not a dict with any of the keys {', '.join(_KEYS)}") from None
    for key, value in items.items():
        if key not in _KEYS:
            raise ValueError(f"select: {key!r} is no key; the keys are {', '.join(_KEYS)}")
        if value is not None and (isinstance(value, bool) or not isinstance(value, (str, int))):
            raise TypeError(f"select: {key} is {value!r}; a str or int is expected")
    return {key: str(value).strip() for key, value in items.items() if value is not None}


def _exposure_matches(group, wanted):
    wanted = wanted.lower().removeprefix("jw")
    label = group.exposure.lower()
    if wanted.isdecimal() and group.number is not None and int(wanted) == group.number:
        return True
    return bool(label) and (label == wanted or label.endswith("_" + wanted))


def select_groups(groups, select):
    """
    The groups that a selection leaves.

    Parameters
    ----------
    groups : list of Group
        All.
    select : dict of str
        From `check_select`; ``"all"`` leaves every value.

    Returns
    -------
    list of Group
    """
    left = []
    for group in groups:
        tests = {
            "detector": lambda wanted, group=group: group.detector.lower() == wanted.lower(),
            "product": lambda wanted, group=group: (
                wanted.lower().lstrip("_") in (group.product, f"{group.family}-{group.product}")
            ),
            "exposure": lambda wanted, group=group: _exposure_matches(group, wanted),
        }
        if all(value.lower() == "all" or tests[key](value) for key, value in select.items()):
            left.append(group)
    return left


def options_of(group, groups):
    """
    What selects one group among others.

    Parameters
    ----------
    group : Group
        One of ``groups``.
    groups : list of Group
        All.

    Returns
    -------
    dict
        For ``select=``; the exposure by its number where that is enough, else by its
        label.
    """
    options = {}
    if group.detector:
        options["detector"] = group.detector
    if group.product:
        options["product"] = group.product
    if group.exposure:
        twins = [
            other
            for other in groups
            if (other.detector, other.product, other.number) == (group.detector, group.product, group.number)
            and other.refusal is None
        ]
        options["exposure"] = group.number if group.number is not None and len(twins) <= 1 else group.exposure
    return options


def command_options(options):
    """
    What selects a group, as the command takes it.

    Parameters
    ----------
    options : dict
        From `options_of`.

    Returns
    -------
    str

    Examples
    --------
    >>> from nircam_tso.io.groups import command_options
    >>> command_options({"detector": "NRCA1", "exposure": 3})
    '--detector NRCA1 --exposure 3'
    """
    return " ".join(f"--{key} {shlex.quote(str(value))}" for key, value in options.items())


def list_groups(groups):
    """
    One line for each group, with what selects it.

    Parameters
    ----------
    groups : list of Group
        All.

    Returns
    -------
    str
        Lines that begin with two blanks.
    """
    lines = []
    for group in groups:
        options = options_of(group, groups)
        what = " ".join(str(part) for part in (group.detector, group.product, group.exposure) if part)
        files = f"{len(group.candidates)} file{'s' * (len(group.candidates) != 1)}"
        if group.refusal is not None:
            lines.append(f"  {what}: {files}, not measured: {group.refusal}")
            continue
        command = command_options(options)
        count = group.n_integrations
        lines.append(
            f"  {what}: {files}, {count} integration{'s' * (count != 1)}: {command or '(by itself)'}  select={options}"
        )
    return "\n".join(lines)


def label_of(group, groups):
    """
    A short name for one group among those that are handed back together.

    Parameters
    ----------
    group : Group
        One of ``groups``.
    groups : list of Group
        All that are handed back.

    Returns
    -------
    str
        The detector in lower case, and product and exposure where these differ.

    Examples
    --------
    >>> from nircam_tso.io.groups import Group, label_of
    >>> groups = [Group("jwst", name, "calints", "1_2_00001", 1, []) for name in ("NRCA1", "NRCB1")]
    >>> label_of(groups[0], groups)
    'nrca1'
    """
    parts = [group.detector.lower()] if group.detector else []
    if not parts or len({other.product for other in groups}) > 1:
        parts.append(group.product)
    if len({other.exposure for other in groups}) > 1 and group.exposure:
        parts.append(group.exposure)
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", "_".join(parts)).strip(os.sep)
