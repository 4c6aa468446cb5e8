"""Plain FITS images, one integration each, and stacks whose meaning the user tells."""

from nircam_tso.exceptions import UnsupportedFileError
from nircam_tso.io.groups import Candidate
from nircam_tso.io.headers import parse_unit, start_time
from nircam_tso.io.merged import MergedCards
from nircam_tso.io.pixel_segment import PixelSegment

__all__ = ["find_image", "open_image"]

# Written beside an image by astropy's CCDData.
_COMPANIONS = ("MASK", "UNCERT", "PSFIMAGE")
_SIGMA_TYPES = ("STDDEVUNCERTAINTY", "STD", "")
_VARIANCE_TYPES = ("VARIANCEUNCERTAINTY", "VAR")


def find_image(structure):
    """
    The one image of a file.

    Parameters
    ----------
    structure : FitsStructure
        The file.

    Returns
    -------
    Hdu
        The primary unit where it has pixels; else the only image extension; else the one
        that is called SCI.

    Raises
    ------
    UnsupportedFileError
        If there is none, or more than one; the message lists what was found.
    """
    primary = structure.hdus[0]
    found = f"found {structure.describe()}"
    if primary.kind == "random groups":
        raise UnsupportedFileError("holds random groups (interferometry), not images", path=structure.path)
    if primary.shape:
        return primary
    if any(hdu.get("ZIMAGE") is True for hdu in structure.hdus[1:]):
        raise UnsupportedFileError("holds tile-compressed images (unpack it with funpack)", path=structure.path)
    images = [hdu for hdu in structure.hdus[1:] if hdu.kind == "image" and hdu.shape and hdu.name not in _COMPANIONS]
    if not images:
        raise UnsupportedFileError(f"holds no image: {found}", path=structure.path)
    named = [hdu for hdu in images if hdu.name == "SCI"]
    if len(named) == 1:
        return named[0]
    if len(images) > 1:
        raise UnsupportedFileError(f"holds several images and none is the one called SCI: {found}", path=structure.path)
    # An image beside a table of pixels (Kepler, TESS) is a mask, not the measurement.
    tables = [hdu for hdu in structure.hdus[1:] if hdu.kind == "bintable" and hdu.name != "ASDF"]
    if tables and images[0].name:
        raise UnsupportedFileError(
            f"is not an image but a table with one beside it: {found}; read its pixels and hand over the array",
            path=structure.path,
        )
    return images[0]


def _companions(structure, hdu, shape, notes):
    """(variances, sigma, source, mask units) out of CCDData's extensions."""
    variances, sigma, source, masks = (), None, None, ()
    for other in structure.hdus[1:]:
        if other is hdu or other.shape != hdu.shape:
            continue
        if other.name == "MASK" and other.bitpix > 0:
            masks = (structure.pixels(other, shape),)
        elif other.name == "UNCERT":
            kind = str(other.get("UTYPE", "")).upper()
            if kind in _SIGMA_TYPES:
                sigma, source = structure.pixels(other, shape), "UNCERT"
            elif kind in _VARIANCE_TYPES:
                variances, source = (structure.pixels(other, shape),), "UNCERT"
            else:
                notes.append(f"{structure.name}: UNCERT of type {kind} is not used")
        elif other.kind == "image":
            # Errors or flags, perhaps: what they mean is known for the products of JWST only.
            notes.append(f"{structure.name}: the extension {other.name or 'without a name'} is not used")
    return variances, sigma, source, masks


def open_image(structure, *, axis=None):
    """
    Describe a plain FITS image as a segment, without reading pixels.

    Parameters
    ----------
    structure : FitsStructure or HduListStructure
        A file that is of no other known kind.
    axis : {None, "integrations", "groups"}
        What the first axis of a 3-D image is. A 4-D image is
        (integrations, groups, y, x).

    Returns
    -------
    Candidate

    Raises
    ------
    UnsupportedFileError
        If the file holds no image, several, or a 3-D one without ``axis``.
    """
    hdu = find_image(structure)
    axes = hdu.shape
    # Axes of length 1 in front mean nothing in a plain image.
    while len(axes) > 3 and axes[0] == 1:
        axes = axes[1:]
    if len(axes) not in (2, 3, 4) or 0 in axes:
        raise UnsupportedFileError(
            f"{hdu.label} has the shape {hdu.shape}; an image of 2 to 4 axes is expected", path=structure.path
        )
    if len(axes) == 3 and axis is None:
        raise UnsupportedFileError(
            f"{hdu.label} has the shape {axes}, and no header tells what its first axis is; "
            'say axis="integrations" or axis="groups"',
            path=structure.path,
        )
    n_groups = None
    if len(axes) == 2:
        shape = (1, *axes)
    elif len(axes) == 3 and axis == "groups":
        shape, n_groups = (1, *axes), axes[0]
    else:
        shape = axes
        n_groups = axes[1] if len(axes) == 4 else None
    notes = list(structure.notes)
    unit, note = parse_unit(hdu.get("BUNIT") or structure.hdus[0].get("BUNIT"))
    if note:
        notes.append(note)
    variances, sigma, source, masks = _companions(structure, hdu, shape, notes)
    primary = structure.hdus[0]
    cards = MergedCards(primary.text, None if hdu is primary else hdu.text, notes)
    segment = PixelSegment(
        name=structure.name,
        path=structure.path,
        kind="image",
        header=cards,
        n_integrations=shape[0],
        n_groups=n_groups,
        shape=tuple(axes[-2:]),
        unit=unit,
        error_source=source,
        notes=notes,
        header_sha256=structure.header_sha256,
        size=structure.size,
        image=structure.pixels(hdu, shape),
        variances=variances,
        sigma=sigma,
        mask_units=masks,
    )
    return Candidate(
        segment=segment,
        name=structure.name,
        path=structure.path,
        family="image",
        detector=str(hdu.get("DETECTOR") or primary.get("DETECTOR", "")).strip().upper(),
        product="image",
        start=start_time(cards),
    )
