"""Rows of integrations that cannot be read: they are there, NaN, and flagged.

A product has a row for every integration that is expected, never silently fewer. Here a
file that cannot be read is given its place among the others, by what is left of its
header or by its name, and integrations that no file holds get a segment of their own.
"""

import dataclasses
import os
import re
from dataclasses import dataclass

from nircam_tso.exceptions import InputFileError
from nircam_tso.io.fits_structure import read_first_header
from nircam_tso.io.groups import Candidate
from nircam_tso.io.headers import split_name, whole_number
from nircam_tso.io.jwst import identity, is_jwst, named_identity
from nircam_tso.io.segment import Segment
from nircam_tso.quality import QualityFlag

__all__ = ["MissingSegment", "fault_candidate", "missing_candidate", "range_in_words", "settle_faults"]

_DATES = re.compile(r"DATE.*|TIME.*|MJD.*|EXPSTART|EXPMID|EXPEND|UTC.*|JD")


@dataclass(eq=False)
class MissingSegment(Segment):
    """
    Integrations of which nothing can be read.

    Attributes
    ----------
    quality : QualityFlag
        READ_ERROR or MISSING_INTEGRATION: what each of its rows is flagged with.
    model : Segment
        A neighbour, whose form its blocks have.
    """

    model: Segment | None = None

    @property
    def has_variance(self):
        """Whether blocks have variances."""
        return self.model.has_variance

    @property
    def n_dq_axes(self):
        """Axes of a block's flags."""
        return self.model.n_dq_axes

    @property
    def n_mask_axes(self):
        """Axes of a block's mask."""
        return self.model.n_mask_axes

    @property
    def dtype(self):
        """Type that holds its image values, which are NaN."""
        return self.model.dtype

    def fill(self, block, start, stop, part):
        """
        NaN for some integrations; see `Segment.fill`.

        Parameters
        ----------
        block : Block
            Where to put them.
        start, stop : int
            Zero-based range within the segment.
        part : Part
            Rows and columns.
        """
        block.blank()


def fault_candidate(path, error):
    """
    What can be told of a file that cannot be read.

    Parameters
    ----------
    path : str
        The file, which need not exist.
    error : NircamTSOError
        Why it cannot be read.

    Returns
    -------
    Candidate
        With ``fault`` and no segment. Its range of integrations is empty
        (``last < first``) where nothing tells it; its family is empty where it is not
        known to be of JWST.
    """
    name = os.path.basename(path)
    candidate = Candidate(segment=None, name=name, path=path, family="", first=1, last=0, fault=error)
    found = named_identity(name)
    if found is not None:
        detector, label, number, product, segment_number = found
        candidate = dataclasses.replace(
            candidate,
            family="jwst",
            detector=detector,
            exposure=label,
            number=number,
            product=product,
            segment_number=segment_number,
        )
    try:
        structure = read_first_header(path)
        if structure is None or not is_jwst(structure):
            return _numbered(candidate)
        primary = structure.hdus[0]
        detector, label, number = identity(structure)
        first, last = (whole_number(primary, card, path) for card in ("INTSTART", "INTEND"))
        known = first is not None and last is not None and 1 <= first <= last
        return dataclasses.replace(
            candidate,
            family="jwst",
            detector=detector or candidate.detector,
            exposure=label or candidate.exposure,
            number=number if number is not None else candidate.number,
            first=first if known else 1,
            last=last if known else 0,
            promised=whole_number(primary, "NINTS", path) if known else None,
            segment_number=whole_number(primary, "EXSEGNUM", path) or candidate.segment_number,
            segment_total=whole_number(primary, "EXSEGTOT", path),
        )
    except InputFileError:
        return _numbered(candidate)


def _numbered(candidate):
    """A file of one integration is known by the number in its name."""
    number = split_name(candidate.name)[1]
    if candidate.family or number is None:
        return candidate
    return dataclasses.replace(candidate, first=number, last=number, numbered=True)


def settle_faults(candidates, faults):
    """
    Put unreadable files among those that they belong to.

    Parameters
    ----------
    candidates : list of Candidate
        Of files that can be read.
    faults : list of Candidate
        From `fault_candidate`.

    Returns
    -------
    settled : list of Candidate
        Faults with family, detector, product and exposure of others.
    homeless : list of Candidate
        Faults that belong nowhere.
    """
    settled, homeless = [], []
    sound = [c for c in candidates if c.segment is not None]
    for fault in faults:
        keys = {(c.family, c.detector, c.product, c.exposure): c for c in sound if _fits(fault, c)}
        if len(keys) > 1 and not fault.family:
            stem = split_name(fault.name)[0]
            keys = {
                key: c
                for key, c in keys.items()
                if any(
                    split_name(other.name)[0] == stem
                    for other in sound
                    if (other.family, other.detector, other.product, other.exposure) == key
                )
            }
        if len(keys) != 1:
            homeless.append(fault)
            continue
        family, detector, product, exposure = next(iter(keys))
        settled.append(dataclasses.replace(fault, family=family, detector=detector, product=product, exposure=exposure))
    return settled, homeless


def _fits(fault, candidate):
    """Whether a readable file may be of the same exposure (or night) as an unreadable one."""
    if not fault.family:
        return candidate.family != "jwst"
    same = (fault.family, fault.detector, fault.exposure) == (candidate.family, candidate.detector, candidate.exposure)
    return same and fault.product in ("", candidate.product)


def range_in_words(first, last):
    """
    Integrations as messages tell of them.

    Parameters
    ----------
    first, last : int
        Numbers.

    Returns
    -------
    str

    Examples
    --------
    >>> from nircam_tso.io.missing import range_in_words
    >>> range_in_words(3, 3), range_in_words(3, 5)
    ('integration 3', 'integrations 3 to 5')
    """
    return f"integration {first}" if first == last else f"integrations {first} to {last}"


def missing_candidate(model, first, last, faults=(), *, missing=False):
    """
    A candidate for integrations of which nothing can be read.

    Parameters
    ----------
    model : Candidate
        A readable neighbour: of its exposure, and with its form.
    first, last : int
        Numbers of the integrations.
    faults : sequence of Candidate
        Unreadable files that hold them.
    missing : bool, optional
        Whether some of them lie in no file at all.

    Returns
    -------
    Candidate
    """
    flags = QualityFlag(0)
    if faults:
        flags |= QualityFlag.READ_ERROR
    if missing or not faults:
        flags |= QualityFlag.MISSING_INTEGRATION
    header = model.segment.header.copy()
    header["INTSTART" if model.family == "jwst" else "ON_NINT"] = first
    if model.family == "jwst":
        header["INTEND"] = last
        header.remove("EXSEGNUM", ignore_missing=True)
    elif model.family == "image":
        # Each image has its own time; this one's is not known.
        for card in [card for card in header if _DATES.fullmatch(card)]:
            header.remove(card, ignore_missing=True, remove_all=True)
        header.remove("ON_NINT", ignore_missing=True)
    what = range_in_words(first, last)
    # By the base name: the same files elsewhere make the same product.
    told = [str(fault.fault).replace(str(fault.path), fault.name) for fault in faults]
    notes = [f"not read, and flagged READ_ERROR: {text}" for text in told]
    if QualityFlag.MISSING_INTEGRATION in flags:
        notes.append(f"{what} of the exposure are in no file, and flagged MISSING_INTEGRATION")
    segment = MissingSegment(
        name=", ".join(fault.name for fault in faults) or f"missing {what}",
        path=faults[0].path if faults else None,
        kind=model.segment.kind,
        header=header,
        n_integrations=last - first + 1,
        n_groups=model.segment.n_groups,
        shape=model.segment.shape,
        first_integration=first,
        exposure_number=model.segment.exposure_number,
        unit=model.segment.unit,
        error_source=model.segment.error_source,
        notes=notes,
        quality=int(flags),
        model=model.segment,
    )
    return dataclasses.replace(
        model, segment=segment, name=segment.name, path=segment.path, first=first, last=last, segment_number=None
    )
