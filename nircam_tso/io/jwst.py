"""JWST imaging products: _uncal, _rateints, _calints, _crfints, _rate and _cal.

A file is known by its cards and its extensions; its name only breaks ties. Formats:
the JWST user documentation, "Data products", and the data models of the pipeline.
"""

import os
import re

from nircam_tso.exceptions import CorruptFileError, SegmentError, TruncatedFileError, UnsupportedFileError
from nircam_tso.io.groups import Candidate
from nircam_tso.io.headers import parse_unit, split_mjd, start_time, whole_number
from nircam_tso.io.merged import MergedCards
from nircam_tso.io.pixel_segment import PixelSegment

__all__ = ["identity", "is_jwst", "named_identity", "open_jwst", "product_of", "refused_candidate"]

_SUFFIX = re.compile(r"_([a-z0-9]+)\.fits(?:\.gz)?$", re.IGNORECASE)
# Names of the archive: program, observation, visit, activity, exposure, segment, detector, product.
_ARCHIVE = re.compile(
    r"jw(\d{11})_(\d{5})_(\d{5})(?:-seg(\d{1,6}))?_([a-z0-9]+)_([a-z0-9]+)\.fits(?:\.gz)?$", re.IGNORECASE | re.ASCII
)
_CUBES = ("rateints", "calints", "crfints")
_READ = ("uncal", *_CUBES, "rate", "cal")
# What the pipeline writes beside these, with a SCI extension of its own meaning.
_OTHERS = ("i2d", "psf", "psfalign", "psfsub", "psfstack", "ramp", "trapsfilled", "output-pers", "dark")
_MODELS = ("Level1bModel", "RampModel", "CubeModel", "ImageModel")
# Spectroscopy among the values that the data models of the pipeline allow for EXP_TYPE; NRS_LAMP and NRS_AUTO...
# are spectra of lamps. MIR_LRS-SLITLESS is left out: a spectrum in one piece on an empty field can be summed.
_SPECTRAL = re.compile(r"GRISM|WFSS|SOSS|MRS|IFU|FIXEDSLIT|MSASPEC|BRIGHTOBJ|NRS_LAMP|NRS_AUTOWAVE|NRS_AUTOFLAT")
_GRISMS = ("GRISM", "GR700", "GR150")


def is_jwst(structure):
    """
    Whether a file says that it comes from JWST's science data processing.

    Parameters
    ----------
    structure : FitsStructure
        The file.

    Returns
    -------
    bool
    """
    primary = structure.hdus[0]
    if str(primary.get("TELESCOP", "")).upper() != "JWST":
        return False
    return "DATAMODL" in primary or any(hdu.name == "SCI" for hdu in structure.hdus[1:])


def _find(structure, name):
    return next((hdu for hdu in structure.hdus[1:] if hdu.name == name), None)


def _complete(primary, step):
    return str(primary.get(step, "")).upper() == "COMPLETE"


def _name_suffix(structure):
    for name in (str(structure.hdus[0].get("FILENAME", "")), structure.name):
        match = _SUFFIX.search(name.strip())
        if match:
            return match.group(1).lower()
    return ""


def product_of(structure):
    """
    Which product of the pipeline a file is.

    Parameters
    ----------
    structure : FitsStructure
        A file for which `is_jwst` is true.

    Returns
    -------
    str
        ``"uncal"``, ``"rateints"``, ``"calints"``, ``"crfints"``, ``"rate"`` or
        ``"cal"``; for what is not measured here the suffix of its name or its data model.
    """
    primary = structure.hdus[0]
    science = _find(structure, "SCI")
    suffix = _name_suffix(structure)
    axes = len(science.shape) if science is not None and science.is_image else 0
    model = str(primary.get("DATAMODL", "")).strip()
    if suffix in _OTHERS or (axes in (3, 4) and model and model not in _MODELS and suffix not in _READ):
        return suffix or model
    if axes == 4:
        return "uncal"
    if axes not in (2, 3):
        return suffix or str(primary.get("DATAMODL", "unknown"))
    # The last segment of an exposure may hold one integration, stored without its axis.
    cube = axes == 3 or str(primary.get("DATAMODL", "")) == "CubeModel" or suffix in _CUBES
    unit = str(science.get("BUNIT", "")).lower()
    if cube and _complete(primary, "S_OUTLIR"):
        return "crfints"
    # Cards of the second stage's steps are only there once it ran, whatever their value.
    calibrated = "sr" in unit or any(step in primary for step in ("S_PHOTOM", "S_FLAT", "S_WCS"))
    if not calibrated and "/s" not in unit:
        calibrated = suffix.startswith("cal")
    return ("cal" if calibrated else "rate") + ("ints" if cube else "")


def identity(structure):
    """
    What tells an exposure from others.

    Parameters
    ----------
    structure : FitsStructure
        A JWST file.

    Returns
    -------
    detector : str
        DETECTOR, upper case.
    label : str
        As the archive names exposures, VISIT_ID, activity and EXPOSURE:
        ``"01366002001_04103_00001"``; where there is no EXPOSURE card the start of the
        exposure stands in its place.
    number : int or None
        EXPOSURE.
    """
    primary = structure.hdus[0]

    def text(keyword, width):
        value = str(primary.get(keyword, "")).strip()
        return value.zfill(width) if value else ""

    detector = text("DETECTOR", 0).upper()
    visit = text("VISIT_ID", 11) or text("PROGRAM", 5) + text("OBSERVTN", 3) + text("VISIT", 3)
    activity = text("VISITGRP", 2) + text("SEQ_ID", 1) + text("ACT_ID", 2)
    number = whole_number(primary, "EXPOSURE", structure.path)
    last = (
        f"{number:05d}"
        if number is not None
        else (text("DATE-BEG", 0) or "T".join(filter(None, (text("DATE-OBS", 0), text("TIME-OBS", 0)))))
    )
    return detector, "_".join(part for part in (visit, activity, last) if part), number


def named_identity(name):
    """
    What the archive's name of a file tells of it.

    Parameters
    ----------
    name : str
        A base name.

    Returns
    -------
    tuple or None
        Detector, label and number as of `identity`, product, and number of the segment
        (None without one); None for any other name.

    Examples
    --------
    >>> from nircam_tso.io.jwst import named_identity
    >>> named_identity("jw01366002001_04103_00001-seg002_nrca1_calints.fits")
    ('NRCA1', '01366002001_04103_00001', 1, 'calints', 2)
    """
    match = _ARCHIVE.match(name)
    if match is None:
        return None
    visit, activity, exposure, segment, detector, product = match.groups()
    label = f"{visit}_{activity}_{exposure}"
    return detector.upper(), label, int(exposure), product.lower(), int(segment) if segment else None


def _refusal(structure, product):
    """Why a JWST file is not measured, or None."""
    primary = structure.hdus[0]
    science = _find(structure, "SCI")
    exp_type = str(primary.get("EXP_TYPE", "")).upper()
    subarray = str(primary.get("SUBARRAY", "")).upper()
    pupil = str(primary.get("PUPIL", "")).upper()
    stripes = whole_number(primary, "SSTR_NST", structure.path)
    if stripes is None and science is not None:
        stripes = whole_number(science, "SSTR_NST", structure.path)
    if _SPECTRAL.search(exp_type):
        return f"EXP_TYPE is {exp_type}: spectra (grism, slit, IFU) are not measured as images"
    for keyword, value in (("PUPIL", pupil), ("FILTER", str(primary.get("FILTER", "")).upper())):
        if any(word in value for word in (*_GRISMS, "DHS")):
            return f"{keyword} is {value}: dispersed light (grism, DHS) is not measured as images"
    if "STRIPE" in subarray:
        return f"SUBARRAY is {subarray}: stripe readouts (DHS, superstripe) are not measured as images"
    if product == "uncal" and stripes:
        return f"SSTR_NST is {stripes}: superstripe readouts are not measured as images"
    sciences = [hdu for hdu in structure.hdus[1:] if hdu.name == "SCI"]
    if not sciences or not sciences[0].is_image:
        return f"holds no SCI image, but {structure.describe()}"
    if len(sciences) > 1:
        return f"holds {len(sciences)} SCI images; one is expected"
    if len(science.shape) not in (0, 2, 3, 4):
        return f"its SCI has {len(science.shape)} axes; 2 to 4 are expected"
    if product not in _READ:
        return f"is a _{product} product; _uncal, _rateints, _calints, _crfints, _rate and _cal are read"
    return None


def _integration_range(structure, product, planes):
    """First and last integration that a file covers, and how many it stores, checked."""
    primary = structure.hdus[0]
    first = whole_number(primary, "INTSTART", structure.path)
    last = whole_number(primary, "INTEND", structure.path)
    if first is not None and last is not None and (first, last) != (0, 0):
        if product in ("rate", "cal"):
            if not 1 <= first <= last:
                raise SegmentError(f"INTSTART = {first} and INTEND = {last} are no range", path=structure.path)
            return first, last, True
        if first < 1 or last - first + 1 != planes:
            raise SegmentError(
                f"INTSTART = {first} and INTEND = {last} promise {last - first + 1} integrations, "
                f"but SCI holds {planes}",
                path=structure.path,
            )
        return first, last, True
    if product in ("rate", "cal"):
        return 1, 1, False
    promised = whole_number(primary, "NINTS", structure.path)
    if promised is not None and promised != planes:
        raise SegmentError(
            f"NINTS promises {promised} integrations (there is no INTSTART, INTEND), but SCI holds {planes}",
            path=structure.path,
        )
    return 1, planes, False


def _extension(structure, name, science, shape):
    """Pixels of an extension that must have the shape of SCI; None where it is absent."""
    hdu = _find(structure, name)
    if hdu is None or not hdu.shape:
        return None
    if hdu.shape != science.shape:
        raise CorruptFileError(
            f"{name} has the shape {hdu.shape}, but SCI has {science.shape}", path=structure.path, hdu=name
        )
    return structure.pixels(hdu, shape)


def _flags(structure, product, science, shape, allow_missing, notes):
    if product == "uncal":
        flags = [_extension(structure, "GROUPDQ", science, shape)]
        frame = _find(structure, "PIXELDQ")
        if frame is not None and frame.shape:
            if frame.shape != science.shape[-2:]:
                raise CorruptFileError(
                    f"PIXELDQ has the shape {frame.shape}, but SCI has {science.shape}",
                    path=structure.path,
                    hdu="PIXELDQ",
                )
            flags.append(structure.pixels(frame))
        return tuple(pixels for pixels in flags if pixels is not None)
    flags = _extension(structure, "DQ", science, shape)
    if flags is None:
        if allow_missing:
            notes.append(f"{structure.name}: has no DQ extension; bad pixels are not known")
            return ()
        if structure.hdus[-1].name in ("SCI", "ERR"):
            # Products go on after these two: a file that ends here was cut between extensions.
            raise TruncatedFileError(
                f"ends after {structure.hdus[-1].name}; the DQ extension of a _{product} product is missing",
                path=structure.path,
                hdu="DQ",
            )
        raise UnsupportedFileError(
            f"has no DQ extension, which a _{product} product must have: bad pixels cannot be told; allow_missing_dq "
            "(in a shell --allow-missing-dq) reads it all the same",
            path=structure.path,
            hdu="DQ",
        )
    return (flags,)


def _errors(structure, product, science, shape, errors, notes):
    """(variances, sigma, error_source)."""
    if errors != "total":
        parts = [_extension(structure, name, science, shape) for name in ("VAR_POISSON", "VAR_RNOISE")]
        if None not in parts:
            return tuple(parts), None, "VAR_POISSON+VAR_RNOISE"
    sigma = _extension(structure, "ERR", science, shape)
    if sigma is None:
        if errors is not None and product != "uncal":
            notes.append(f"{structure.name}: has no extension for errors={errors!r}")
        return (), None, None
    if errors != "total" and _complete(structure.hdus[0], "S_FLAT"):
        notes.append("errors come from ERR, which includes the flat field's error, constant in time")
    return (), sigma, "ERR"


def open_jwst(structure, *, errors=None, allow_missing_dq=False):
    """
    Describe a JWST file as a segment, without reading pixels.

    Parameters
    ----------
    structure : FitsStructure or HduListStructure
        A file for which `is_jwst` is true.
    errors : {None, "random", "total"}
        Whether errors come from VAR_POISSON + VAR_RNOISE where there are both, else ERR;
        or always from ERR.
    allow_missing_dq : bool, optional
        Whether a product without DQ is read, with a note.

    Returns
    -------
    Candidate

    Raises
    ------
    UnsupportedFileError
        For spectra, stripes, tables, and products without DQ.
    TruncatedFileError
        If the file ends before SCI or DQ.
    CorruptFileError
        If extensions have different shapes, or SCI no pixels.
    SegmentError
        If the cards promise another number of integrations than SCI holds.
    """
    primary = structure.hdus[0]
    if len(structure.hdus) == 1:
        raise TruncatedFileError("ends after its primary header; the SCI extension is missing", path=structure.path)
    product = product_of(structure)
    reason = _refusal(structure, product)
    if reason is not None:
        raise UnsupportedFileError(reason, path=structure.path)
    science = _find(structure, "SCI")
    if not science.shape or 0 in science.shape:
        raise CorruptFileError(f"SCI has the shape {science.shape}: it holds no pixels", path=structure.path, hdu="SCI")
    shape = (1, *science.shape) if len(science.shape) == 2 else science.shape
    notes = list(structure.notes)
    n_groups = None
    if product == "uncal":
        n_groups = shape[1]
        promised = whole_number(primary, "NGROUPS", structure.path)
        if promised is not None and promised != n_groups:
            notes.append(
                f"{structure.name}: NGROUPS = {promised} in the header, but SCI holds {n_groups} "
                f"group{'s' * (n_groups != 1)}, and what it holds counts"
            )
    first, last, numbered = _integration_range(structure, product, shape[0])
    if product in ("rate", "cal") and last > first:
        notes.append(f"{structure.name}: one image, the mean of integrations {first} to {last}")
    unit, note = parse_unit(science.get("BUNIT"))
    if note:
        notes.append(note)
    flags = _flags(structure, product, science, shape, allow_missing_dq, notes)
    variances, sigma, source = _errors(structure, product, science, shape, errors, notes)
    detector, label, number = identity(structure)
    table = _find(structure, "INT_TIMES")
    int_times = None
    if table is not None:
        try:
            int_times = structure.table(table)
        except CorruptFileError as error:
            notes.append(f"{structure.name}: INT_TIMES is not used: {error}")
    segment = PixelSegment(
        name=structure.name,
        path=structure.path,
        kind=f"jwst-{product}",
        header=MergedCards(primary.text, science.text, notes),
        n_integrations=shape[0],
        n_groups=n_groups,
        shape=tuple(shape[-2:]),
        first_integration=first,
        exposure_number=number if number is not None else 1,
        unit=unit,
        error_source=source,
        int_times=int_times,
        notes=notes,
        header_sha256=structure.header_sha256,
        size=structure.size,
        image=structure.pixels(science, shape),
        variances=variances,
        sigma=sigma,
        flags=flags,
    )
    return Candidate(
        segment=segment,
        name=structure.name,
        path=structure.path,
        family="jwst",
        detector=detector,
        product=product,
        exposure=label,
        number=number,
        start=split_mjd(primary.get("EXPSTART")) or start_time(primary),
        first=first,
        last=last,
        numbered=numbered,
        promised=whole_number(primary, "NINTS", structure.path) if numbered else None,
        segment_number=whole_number(primary, "EXSEGNUM", structure.path),
        segment_total=whole_number(primary, "EXSEGTOT", structure.path),
    )


def refused_candidate(structure, error):
    """
    A JWST file that is not measured, so that a listing can tell of it.

    Parameters
    ----------
    structure : FitsStructure
        The file.
    error : InputFileError or SegmentError
        Why it is not measured.

    Returns
    -------
    Candidate
    """
    detector, label, number = identity(structure)
    return Candidate(
        segment=None,
        name=structure.name or os.path.basename(structure.path),
        path=structure.path,
        family="jwst",
        detector=detector,
        product=product_of(structure),
        exposure=label,
        number=number,
        refusal=error,
    )
