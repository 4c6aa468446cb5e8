"""Products of NCDHAS, the pipeline of NIRCam's ground tests: .red ramps and .slp slopes.

One integration a file, pixels in the primary unit: a ramp is (groups, y, x), a slope
image has two planes, the slope and its uncertainty.
"""

import re

from nircam_tso.exceptions import CorruptFileError, UnsupportedFileError
from nircam_tso.io.groups import Candidate
from nircam_tso.io.headers import integration_in_name, parse_unit, start_time, whole_number
from nircam_tso.io.merged import MergedCards
from nircam_tso.io.pixel_segment import PixelSegment

__all__ = ["integration_number", "is_ncdhas", "open_ncdhas", "product_of"]


def is_ncdhas(structure):
    """
    Whether a file comes from NCDHAS, by its cards.

    Parameters
    ----------
    structure : FitsStructure
        The file.

    Returns
    -------
    bool
    """
    primary = structure.hdus[0]
    if not primary.shape:
        return False
    if "NCDHPROC" in primary or "NCDVERS" in primary:
        return True
    detector = any(card in primary for card in ("SCA_ID", "ON_NINT", "COLCORNR"))
    groups = "NGROUP" in primary or "NGROUPS" in primary
    frames = "NFRAME" in primary or "NFRAMES" in primary
    return detector and groups and frames


def _groups_promised(structure):
    primary = structure.hdus[0]
    for keyword in ("NGROUP", "NGROUPS"):
        number = whole_number(primary, keyword, structure.path)
        if number is not None:
            return number
    return None


def product_of(structure):
    """
    Whether a file is a ramp or a slope.

    Parameters
    ----------
    structure : FitsStructure
        A file for which `is_ncdhas` is true.

    Returns
    -------
    str
        ``"red"`` or ``"slp"``.

    Raises
    ------
    UnsupportedFileError
        If it has neither form, or two planes and nothing that tells what they are.
    """
    primary = structure.hdus[0]
    axes = primary.shape
    if len(axes) == 2:
        return "slp"
    if len(axes) != 3:
        raise UnsupportedFileError(
            f"has {len(axes)} axes; a ramp (.red) or a slope image (.slp) of NCDHAS has 3", path=structure.path
        )
    if axes[0] != 2:
        return "red"
    promised = _groups_promised(structure)
    if promised is not None and promised != 2:
        return "slp"
    for name in (structure.name, str(primary.get("FILENAME", ""))):
        for product in ("slp", "red"):
            if re.search(rf"(?:^|[._]){product}(?:[._]|$)", name):
                return product
    unit = str(primary.get("BUNIT", "")).lower().replace(" ", "")
    if unit:
        return "slp" if "/s" in unit else "red"
    raise UnsupportedFileError(
        "has two planes and NGROUP is 2: a ramp of two groups or a slope with its uncertainty; name it .red.fits or "
        ".slp.fits",
        path=structure.path,
    )


def integration_number(structure):
    """
    Number of a file's integration within its exposure.

    Parameters
    ----------
    structure : FitsStructure
        The file.

    Returns
    -------
    int or None
        ON_NINT; else the digits after ``_I`` in its name; else None.
    """
    number = whole_number(structure.hdus[0], "ON_NINT", structure.path)
    if number is not None and number >= 1:
        return number
    return integration_in_name(structure.name, str(structure.hdus[0].get("FILENAME", "")))


def open_ncdhas(structure):
    """
    Describe an NCDHAS file as a segment, without reading pixels.

    Parameters
    ----------
    structure : FitsStructure or HduListStructure
        A file for which `is_ncdhas` is true.

    Returns
    -------
    Candidate

    Raises
    ------
    UnsupportedFileError
        If it is neither a ramp nor a slope.
    CorruptFileError
        If it holds no pixels.
    """
    primary = structure.hdus[0]
    if 0 in primary.shape:
        raise CorruptFileError(f"has the shape {primary.shape}: it holds no pixels", path=structure.path)
    product = product_of(structure)
    notes = list(structure.notes)
    frame = tuple(primary.shape[-2:])
    sigma = n_groups = None
    if product == "red":
        n_groups = primary.shape[0]
        image = structure.pixels(primary, (1, *primary.shape))
        promised = _groups_promised(structure)
        if promised is not None and promised != n_groups:
            notes.append(f"{structure.name}: NGROUP = {promised}, but it holds {n_groups} groups")
    else:
        image = structure.pixels(primary, (1, *frame))
        if len(primary.shape) == 3:
            sigma = structure.pixels(primary, (1, *frame), first_plane=1)
    unit, note = parse_unit(primary.get("BUNIT") or ("adu" if product == "red" else "adu/s"))
    if note:
        notes.append(note)
    number = integration_number(structure)
    detector = str(primary.get("DETECTOR") or primary.get("SCA_ID", "")).strip().upper()
    segment = PixelSegment(
        name=structure.name,
        path=structure.path,
        kind=f"ncdhas-{product}",
        header=MergedCards(primary.text, notes=notes),
        n_integrations=1,
        n_groups=n_groups,
        shape=frame,
        first_integration=number or 1,
        unit=unit,
        error_source="slope uncertainty" if sigma is not None else None,
        notes=notes,
        header_sha256=structure.header_sha256,
        size=structure.size,
        image=image,
        sigma=sigma,
    )
    return Candidate(
        segment=segment,
        name=structure.name,
        path=structure.path,
        family="ncdhas",
        detector=detector,
        product=product,
        start=start_time(segment.cards),
        first=number or 1,
        last=number or 1,
        numbered=number is not None,
        promised=whole_number(primary, "NINTS", structure.path),
    )
