"""NCDHAS files of a simulated ground test: .slp.fits slopes and .red ramps, one integration each."""

from functools import partial

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.time import Time

from nircam_tso.simulate.jwst_headers import subarray_corner

__all__ = ["ncdhas_file_names", "write_ncdhas"]


def ncdhas_file_names(settings):
    """
    Names of an exposure's files, and of those of an earlier run that they replace.

    Parameters
    ----------
    settings : SimulationSettings
        What is simulated.

    Returns
    -------
    names : list of str
        One for each integration.
    pattern : str
        Glob of any number of integrations of this exposure and product.
    label : str
        Name without the integration, for the table of truth.
    """
    clock = settings.start.strftime("%Y-%m-%dT%Hh%Mm%S")
    visit = f"{settings.program}{settings.observation:03d}{settings.visit:03d}"
    stem = f"NRCN821CLR{settings.subarray}-{visit}_{settings.exposure}_{settings.detector_number}_SE_{clock}"
    # Slopes carry the number before the kind, ramps behind it.
    before, behind = ("_I", ".slp.fits") if settings.product == "slp" else (".red_I", ".fits")
    names = [f"{stem}{before}{number:03d}{behind}" for number in range(1, settings.n_integrations + 1)]
    return names, f"{stem}{before}*{behind}", f"{stem}_{settings.product}"


def _header(settings, number):
    readout, n = settings.readout, settings.n_integrations
    begin = settings.start
    end = begin + n * readout.cadence * u.s
    (date, clock), (end_date, end_clock) = (
        Time(time, format="isot", precision=3).isot.split("T") for time in (begin, end)
    )
    header = fits.Header()
    cards = [
        ("TELESCOP", "GROUND", "ground test"),
        ("INSTRUME", "NIRCAM", "instrument"),
        ("DETECTOR", settings.detector, "detector"),
        ("SCA_ID", settings.detector_number, "sensor chip assembly"),
        ("FILTER", settings.filter, "filter element"),
        ("PUPIL", settings.pupil, "pupil element"),
        ("OBJECT", settings.target, "target"),
        ("DATE-OBS", date, "UTC date at start of exposure"),
        ("TIME-OBS", clock, "UTC time at start of exposure"),
        ("DATE-END", end_date, "UTC date at end of exposure"),
        # NCDHAS leaves this blank behind the seconds.
        ("TIME-END", f"{end_clock} ", "UTC time at end of exposure"),
        ("EXPSTART", begin.mjd, "[d] exposure start in MJD"),
        ("EXPEND", end.mjd, "[d] exposure end in MJD"),
        ("NINTS", n, "integrations in exposure"),
        ("NINT", n, "integrations in exposure"),
        ("ON_NINT", number, "number of this integration"),
        ("NGROUP", readout.n_groups, "groups in integration"),
        ("NGROUPS", readout.n_groups, "groups in integration"),
        ("NFRAME", readout.n_frames, "frames per group"),
        ("NFRAMES", readout.n_frames, "frames per group"),
        ("GROUPGAP", readout.group_gap, "frames dropped between groups"),
        ("DRPFRMS1", readout.dropped_first, "frames dropped before first group"),
        ("TFRAME", readout.frame_time, "[s] time between frames"),
        ("TGROUP", readout.group_time, "[s] time between groups"),
        ("INTTIME", readout.group_time * readout.n_groups, "[s] integration time"),
        ("SUBARRAY", settings.subarray, "subarray"),
        ("COLCORNR", subarray_corner(settings)[0], "first column"),
        ("ROWCORNR", subarray_corner(settings)[1], "first row"),
        ("NCDHPROC", True, "processed by NCDHAS"),
        ("NCDVERS", "v2.0 [rc111] (16 Dec 2019)", "version of NCDHAS"),
        # Cards that these files hold twice, the second SUBARRAY being a logical.
        ("SUBARRAY", settings.subarray != "FULL", "subarray mode"),
        ("DRPFRMS1", readout.dropped_first, "frames dropped before first group"),
    ]
    for card in cards:
        header.append(card, end=True)
    return header


def write_ncdhas(folder, settings, scene, detector, progress=None):
    """
    Write the files of an exposure.

    Parameters
    ----------
    folder : `~pathlib.Path`
        Where to.
    settings : SimulationSettings
        What is simulated.
    scene : Scene
        Light.
    detector : Detector
        Noise.
    progress : callable, optional
        Called with the number of integrations done since its last call.

    Returns
    -------
    list of `~pathlib.Path`

    Notes
    -----
    A ``.slp`` holds the rate in ADU/s and its 1-sigma uncertainty, taken from the
    integration's own rate; a ``.red`` the groups in ADU. Dead pixels are NaN.
    """
    names, _, _ = ncdhas_file_names(settings)
    paths = []
    for index, name in enumerate(names):
        light = scene.expected(index, index + 1)
        if settings.is_ramp:
            values = detector.ramps(light)[0] / settings.gain
        else:
            rate = detector.rates(light)[0]
            photons, reads, _ = detector.noise_of(index, partial(scene.expected, index, index + 1), rate[None])
            values = np.stack([rate, np.sqrt(photons + reads)[0]]) / settings.gain
        values[:, detector.dead] = np.nan
        hdu = fits.PrimaryHDU(values.astype(np.float32), header=_header(settings, index + 1))
        hdu.writeto(folder / name, overwrite=True)
        paths.append(folder / name)
        if progress is not None:
            progress(1)
    return paths
