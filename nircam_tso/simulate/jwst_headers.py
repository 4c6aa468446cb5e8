"""Headers of JWST products, with the cards that flight NIRCam files have."""

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.time import Time

__all__ = ["file_root", "image_header", "integration_times", "primary_header", "subarray_corner"]

_MODELS = {"uncal": "Level1bModel", "rateints": "CubeModel", "calints": "CubeModel", "crfints": "CubeModel"}
_RAMP_STEPS = ("S_DQINIT", "S_SATURA", "S_SUPERB", "S_REFPIX", "S_LINEAR", "S_DARK", "S_JUMP", "S_RAMP")
_IMAGE_STEPS = (*_RAMP_STEPS, "S_WCS", "S_FLAT", "S_PHOTOM")
_STEPS = {"uncal": (), "rateints": _RAMP_STEPS, "calints": _IMAGE_STEPS, "crfints": (*_IMAGE_STEPS, "S_OUTLIR")}


def file_root(settings):
    """
    First part of the names of an exposure's files.

    Parameters
    ----------
    settings : SimulationSettings
        What is simulated.

    Returns
    -------
    str
        Such as ``jw01234001001_03101_00001``.
    """
    visit = f"{settings.program:05d}{settings.observation:03d}{settings.visit:03d}"
    return f"jw{visit}_03101_{settings.exposure:05d}"


def integration_times(settings, first, last):
    """
    The INT_TIMES table of some integrations.

    Parameters
    ----------
    settings : SimulationSettings
        What is simulated.
    first, last : int
        Numbers of the first and last integration, from 1.

    Returns
    -------
    structured `~numpy.ndarray`
        The seven columns of the pipeline's table; all times are MJD, also those whose
        names say BJD.
    """
    numbers = np.arange(first, last + 1)
    rows = np.zeros(
        numbers.size,
        dtype=[("integration_number", "i4")]
        + [(f"int_{part}_{scale}", "f8") for scale in ("MJD_UTC", "BJD_TDB") for part in ("start", "mid", "end")],
    )
    rows["integration_number"] = numbers
    for part, time in zip(("start", "mid", "end"), settings.readout.integrations(settings.start, numbers), strict=True):
        rows[f"int_{part}_MJD_UTC"] = time.mjd
        rows[f"int_{part}_BJD_TDB"] = settings.ephemeris.barycentric_time(time, *settings.target_coordinates).mjd
    return rows


def _exposure_times(settings):
    begin = settings.start
    span = settings.readout.span(settings.n_integrations)
    return begin, begin + span / 2 * u.s, begin + span * u.s


def _isot(time):
    return Time(time, format="isot", precision=3).isot


def _barycentric_times(settings):
    """Start, middle and end of the exposure at the barycentre, MJD TDB."""
    orbit, star = settings.ephemeris, settings.target_coordinates
    return [float(orbit.barycentric_time(time, *star).mjd) for time in _exposure_times(settings)]


def _as_header(cards):
    header = fits.Header()
    for name, value, comment in cards:
        value = value.item() if isinstance(value, np.generic) else value
        # A card has 80 characters; a long name is worth more than its comment.
        room = 80 - len(f"{name:8}= '{value}' / ")
        header.append((name, value, comment if len(comment) <= room or not isinstance(value, str) else ""))
    return header


def subarray_corner(settings):
    """
    Where on the detector the subarray lies: in the middle, clear of the reference pixels.

    Parameters
    ----------
    settings : SimulationSettings
        What is simulated.

    Returns
    -------
    column, row : int
        Detector pixel (1-based) of its first one.
    """
    return tuple(1 + (2048 - n) // 2 for n in reversed(settings.shape))


def primary_header(settings, filename, segment, first, last):
    """
    Primary header of one segment.

    Parameters
    ----------
    settings : SimulationSettings
        What is simulated.
    filename : str
        Name of the file.
    segment : int
        Number of the segment, from 1.
    first, last : int
        Numbers of its first and last integration, from 1.

    Returns
    -------
    `~astropy.io.fits.Header`
    """
    readout, n = settings.readout, settings.n_integrations
    begin, middle, end = _exposure_times(settings)
    barycentric = _barycentric_times(settings)
    date, clock = _isot(begin).split("T")
    flipped = settings.is_flipped
    corner = subarray_corner(settings)
    ra, dec = settings.target_coordinates
    visit = f"{settings.program:05d}{settings.observation:03d}{settings.visit:03d}"
    cards = [
        # A product's date would make each run's bytes differ, so it follows the exposure.
        ("DATE", _isot(end + 12 * u.hour), "UTC date file created"),
        ("ORIGIN", "SIMULATED", "simulated exposure, not an observation"),
        ("TIMESYS", "UTC", "time system of the time cards"),
        ("TIMEUNIT", "s", "unit of time values"),
        ("FILENAME", filename, "name of the file"),
        ("SDP_VER", "2024_2a", "data processing software version"),
        ("DATAMODL", _MODELS[settings.product], "type of data model"),
        ("TELESCOP", "JWST", "telescope"),
        ("TITLE", "Simulated time series", "proposal title"),
        ("DATE-OBS", date, "UTC date at start of exposure"),
        ("TIME-OBS", clock, "UTC time at start of exposure"),
        ("DATE-BEG", _isot(begin), "UTC start of exposure"),
        ("DATE-END", _isot(end), "UTC end of exposure"),
        ("OBS_ID", f"V{visit}P0000000003101", "programmatic observation identifier"),
        ("VISIT_ID", visit, "visit identifier"),
        ("PROGRAM", f"{settings.program:05d}", "program number"),
        ("OBSERVTN", f"{settings.observation:03d}", "observation number"),
        ("VISIT", f"{settings.visit:03d}", "visit number"),
        ("VISITGRP", "03", "visit group identifier"),
        ("SEQ_ID", "1", "parallel sequence identifier"),
        ("ACT_ID", "01", "activity identifier"),
        ("EXPOSURE", str(settings.exposure), "exposure request number"),
        ("TEMPLATE", "NIRCam Time Series", "observation template used"),
        ("VISITYPE", "PRIME_TARGETED_FIXED", "visit type"),
        ("TSOVISIT", True, "time-series observation visit"),
        ("TARGPROP", settings.target, "proposer's name of the target"),
        ("TARGNAME", settings.target, "catalogue name of the target"),
        ("TARGTYPE", "FIXED", "type of target"),
        ("TARG_RA", ra, "[deg] target RA at mid time of exposure"),
        ("TARG_DEC", dec, "[deg] target Dec at mid time of exposure"),
        ("PROP_RA", ra, "[deg] proposer's target RA"),
        ("PROP_DEC", dec, "[deg] proposer's target Dec"),
        ("INSTRUME", "NIRCAM", "instrument"),
        ("DETECTOR", settings.detector, "detector"),
        ("MODULE", settings.detector[3], "NIRCam module"),
        ("CHANNEL", "LONG" if settings.is_long else "SHORT", "instrument channel"),
        ("FILTER", settings.filter, "filter element"),
        ("PUPIL", settings.pupil, "pupil element"),
        ("PILIN", False, "pupil imaging lens in the path"),
        ("EXPRIPAR", "PRIME", "prime or parallel exposure"),
        ("EXP_TYPE", "NRC_TSIMAGE", "type of data in the exposure"),
        ("EXPSTART", begin.mjd, "[d] exposure start in MJD UTC"),
        ("EXPMID", middle.mjd, "[d] exposure middle in MJD UTC"),
        ("EXPEND", end.mjd, "[d] exposure end in MJD UTC"),
        ("READPATT", readout.pattern, "readout pattern"),
        ("NOUTPUTS", settings.outputs, "detector outputs used"),
        ("NINTS", n, "integrations in exposure"),
        ("NGROUPS", readout.n_groups, "groups in integration"),
        ("NFRAMES", readout.n_frames, "frames per group"),
        ("FRMDIVSR", readout.n_frames, "divisor of averaged groups"),
        ("GROUPGAP", readout.group_gap, "frames dropped between groups"),
        ("DRPFRMS1", readout.dropped_first, "frames dropped before first group"),
        ("DRPFRMS3", readout.dropped_between, "frames dropped between integrations"),
        ("NSAMPLES", 1, "A/D samples per pixel"),
        ("TSAMPLE", 10.0, "[us] time between samples"),
        ("TFRAME", readout.frame_time, "[s] time between frames"),
        ("TGROUP", readout.group_time, "[s] time between groups"),
        ("EFFINTTM", readout.integration_time, "[s] effective integration time"),
        ("EFFEXPTM", readout.integration_time * n, "[s] effective exposure time"),
        ("DURATION", readout.span(n) - readout.frame_time * readout.resets_at_start, "[s] total duration"),
        ("NRSTSTRT", readout.resets_at_start, "resets at start of exposure"),
        ("NRESETS", readout.resets, "resets between integrations"),
        ("ZEROFRAM", False, "zero frame was downlinked separately"),
        ("SCA_NUM", settings.detector_number, "sensor chip assembly number"),
        ("EXSEGNUM", segment, "number of this segment"),
        ("EXSEGTOT", settings.segments, "number of segments"),
        ("INTSTART", first, "first integration in this segment"),
        ("INTEND", last, "last integration in this segment"),
        ("SUBARRAY", settings.subarray, "subarray"),
        ("SUBSTRT1", corner[0], "first pixel along axis 1"),
        ("SUBSTRT2", corner[1], "first pixel along axis 2"),
        ("SUBSIZE1", settings.shape[1], "pixels along axis 1"),
        ("SUBSIZE2", settings.shape[0], "pixels along axis 2"),
        ("FASTAXIS", 1 if flipped else -1, "fast readout axis direction"),
        ("SLOWAXIS", -2 if flipped else 2, "slow readout axis direction"),
        ("APERNAME", f"{settings.detector.replace('LONG', '5')}_{settings.subarray}", "science aperture"),
        ("BARTDELT", (barycentric[1] - middle.mjd) * 86400, "[s] BMIDTIME less EXPMID"),
        ("BSTRTIME", barycentric[0], "[d] barycentric start in MJD TDB"),
        ("BMIDTIME", barycentric[1], "[d] barycentric middle in MJD TDB"),
        ("BENDTIME", barycentric[2], "[d] barycentric end in MJD TDB"),
    ]
    if settings.product != "uncal":
        cards.insert(6, ("CAL_VER", "1.15.1", "calibration software version"))
        cards += [(step, "COMPLETE", "step of the calibration") for step in _STEPS[settings.product]]
    return _as_header(cards)


def image_header(settings):
    """
    Cards of the SCI extension, besides its structure.

    Parameters
    ----------
    settings : SimulationSettings
        What is simulated.

    Returns
    -------
    `~astropy.io.fits.Header`
    """
    begin, middle, end = _exposure_times(settings)
    barycentric = _barycentric_times(settings)
    orbit = settings.ephemeris
    cards = [
        ("MJD-BEG", begin.mjd, "[d] exposure start in MJD UTC"),
        ("MJD-AVG", middle.mjd, "[d] exposure middle in MJD UTC"),
        ("MJD-END", end.mjd, "[d] exposure end in MJD UTC"),
        ("TDB-BEG", barycentric[0], "[d] barycentric start in MJD TDB"),
        ("TDB-MID", barycentric[1], "[d] barycentric middle in MJD TDB"),
        ("TDB-END", barycentric[2], "[d] barycentric end in MJD TDB"),
        ("XPOSURE", settings.readout.integration_time * settings.n_integrations, "[s] effective exposure time"),
        ("TELAPSE", settings.readout.span(settings.n_integrations), "[s] elapsed time"),
        ("REFFRAME", "EME2000", "frame of the ephemeris"),
        ("EPH_TYPE", "Definitive", "definitive or predicted"),
        ("EPH_TIME", orbit.epoch.mjd, "[d] MJD UTC of the vectors"),
    ]
    for axis, position, velocity in zip("XYZ", orbit.barycentric, orbit.barycentric_velocity, strict=True):
        cards.append((f"JWST_{axis}", position, f"[km] barycentric {axis}"))
        cards.append((f"JWST_D{axis}", velocity, f"[km/s] barycentric velocity along {axis}"))
    for axis, position, velocity in zip("XYZ", orbit.geocentric, orbit.geocentric_velocity, strict=True):
        cards.append((f"OBSGEO-{axis}", position * 1e3, f"[m] geocentric {axis}"))
        cards.append((f"OBSGEOD{axis}", velocity * 1e3, f"[m/s] geocentric velocity along {axis}"))
    unit = {"uncal": "DN", "rateints": "DN/s", "calints": "MJy/sr", "crfints": "MJy/sr"}[settings.product]
    cards.append(("BUNIT", unit, "unit of the values"))
    if settings.is_calibrated:
        cards += [
            ("PHOTMJSR", settings.photmjsr, "[MJy/sr] of 1 DN/s"),
            ("PIXAR_SR", settings.pixel_area, "[sr] pixel area"),
            ("PIXAR_A2", settings.pixel_scale**2, "[arcsec2] pixel area"),
        ]
    x, y = settings.nominal_position
    ra, dec = settings.target_coordinates
    angle = np.deg2rad(120.0)
    scale = settings.pixel_scale / 3600
    cards += [
        ("RADESYS", "ICRS", "coordinate frame"),
        ("WCSAXES", 2, "number of coordinate axes"),
        ("CRPIX1", x + 1, "reference pixel along axis 1"),
        ("CRPIX2", y + 1, "reference pixel along axis 2"),
        ("CRVAL1", ra, "[deg] RA at the reference pixel"),
        ("CRVAL2", dec, "[deg] Dec at the reference pixel"),
        ("CTYPE1", "RA---TAN", "type of axis 1"),
        ("CTYPE2", "DEC--TAN", "type of axis 2"),
        ("CUNIT1", "deg", "unit of axis 1"),
        ("CUNIT2", "deg", "unit of axis 2"),
        ("CDELT1", scale, "[deg] increment along axis 1"),
        ("CDELT2", scale, "[deg] increment along axis 2"),
        ("PC1_1", -np.cos(angle), "linear transformation"),
        ("PC1_2", np.sin(angle), "linear transformation"),
        ("PC2_1", np.sin(angle), "linear transformation"),
        ("PC2_2", np.cos(angle), "linear transformation"),
        ("PA_APER", 120.0, "[deg] position angle of the aperture"),
        ("XREF_SCI", x + 1, "nominal position along axis 1, from 1"),
        ("YREF_SCI", y + 1, "nominal position along axis 2, from 1"),
        ("RA_REF", ra, "[deg] RA of the reference point"),
        ("DEC_REF", dec, "[deg] Dec of the reference point"),
        ("VPARITY", -1, "sense of rotation"),
    ]
    return _as_header(cards)
