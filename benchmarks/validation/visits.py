"""Visits simulated in memory and measured, and the transits that are found in them."""

import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from tempfile import TemporaryDirectory

import numpy as np
from astropy import units as u

from benchmarks.validation.cases import STARS
from benchmarks.validation.transit import PLANET, fit_transit
from nircam_tso import TimeSeriesExtractor
from nircam_tso.simulate import SimulationSettings, simulate_exposure, transit_light_curve, weak_lens_psf
from nircam_tso.simulate.detector import Detector
from nircam_tso.simulate.scene import Scene, make_truth

__all__ = ["Found", "Visit", "find_transit", "light_curve", "make_visit", "simulate_rates"]

#: Seconds of a visit, groups of an integration.
SPAN, GROUPS = 8640.0, 10
#: A tilt comes at this part of the visit: within the transit, where it does most harm.
TILT_AT = 0.56


@dataclass(frozen=True)
class Visit:
    """
    What is simulated, and what has to be found.

    Attributes
    ----------
    settings : `~nircam_tso.simulate.SimulationSettings`
        All of the simulation.
    depth : float
        Of the transit, as area ratio.
    centre, middle : `~astropy.time.Time`
        Middle of the visit, and of its transit, UTC.
    """

    settings: SimulationSettings
    depth: float
    centre: object
    middle: object


@dataclass(frozen=True)
class Found:
    """
    What was put into one visit, what was found there, and its 1 sigma.

    Attributes
    ----------
    number : int
        Of the visit.
    depth, depth_found, depth_err : float
        Area ratio.
    middle, middle_found, middle_err : float
        Seconds from the middle of the visit.
    step : float
        Relative height of the step.
    chi2 : float
        Reduced.
    depth_plain, middle_plain : float
        Found by a fit without a step.
    seconds : float
        Processor time of it all.
    """

    number: int
    depth: float
    depth_found: float
    depth_err: float
    middle: float
    middle_found: float
    middle_err: float
    step: float
    chi2: float
    depth_plain: float
    middle_plain: float
    seconds: float


@lru_cache(maxsize=4)
def _image(star, tilt=None):
    """Image of a star, wider than its frame, with the mirror as it should be or tilted."""
    ny, nx = STARS[star].shape
    return weak_lens_psf((ny + 9, nx + 9), wavelength=2.1e-6, waves=STARS[star].waves, tilt=tilt)


def make_visit(case, number, **changes):
    """
    Choose a visit: the same for the same number.

    Parameters
    ----------
    case : Case
        What befalls it.
    number : int
        Of the visit: seeds all that is random, where in its pixel the star stands and
        which transit crosses it too.
    **changes
        Settings of the simulation to change.

    Returns
    -------
    Visit
    """
    star = STARS[case.star]
    random = np.random.default_rng([zlib.crc32(case.name.encode()), number])
    depth, late = random.uniform(0.008, 0.012), random.uniform(-300, 300)
    position = tuple((n - 1) / 2 + float(random.uniform(-0.5, 0.5)) for n in star.shape[::-1])
    effects = dict(case.effects)
    if case.has_tilt:
        tilt = effects["tilt"]
        behind = _image(case.star, (tilt["segment"], *tilt["shift"]))
        effects["tilt"] = {**tilt, "time": TILT_AT * SPAN, "psf": behind}
    settings = SimulationSettings(
        **{
            "n_integrations": star.integrations,
            "shape": star.shape,
            "position": position,
            "flux": star.flux,
            "psf": _image(case.star),
            "psf_origin": "center",
            "sky": 2.0,
            "n_groups": GROUPS,
            "frame_time": SPAN / star.integrations / (GROUPS + 1),
            "pupil": star.pupil,
            "seed": int(random.integers(2**31)),
            **effects,
            **changes,
        }
    )
    centre = settings.start + settings.readout.span(settings.n_integrations) / 2 * u.s
    middle = centre + late * u.s
    if settings.light_curve is None:
        curve = partial(transit_light_curve, t0=middle, depth=depth, **PLANET)
        settings = settings.changed(light_curve=curve)
    return Visit(settings, depth, centre, middle)


def simulate_rates(settings):
    """
    Simulate rates as a file has them, in memory.

    Parameters
    ----------
    settings : `~nircam_tso.simulate.SimulationSettings`
        What is simulated.

    Returns
    -------
    images, errors : `~numpy.ndarray`, shape (n, ny, nx)
        Electron/s; NaN where no rate is left. As the pipeline has it, the photon noise
        comes from the mean of a pixel over all integrations.
    truth : `~astropy.table.QTable`
        As of `~nircam_tso.simulate.simulate_exposure`.
    """
    truth = make_truth(settings)
    scene, detector = Scene(settings, truth), Detector(settings)
    n = settings.n_integrations
    images = detector.rates(scene.expected(0, n))
    images[:, detector.dead] = np.nan
    good = np.isfinite(images)
    counted = np.where(good.any(axis=0), good.sum(axis=0), np.nan)
    mean = np.broadcast_to(np.where(good, images, 0).sum(axis=0) / counted, images.shape)
    photons, reads, _ = detector.noise_of(0, partial(scene.expected, 0, n), mean)
    return images, np.broadcast_to(np.sqrt(photons + reads), images.shape), truth


def light_curve(case, visit):
    """
    Simulate a visit and measure it.

    Parameters
    ----------
    case : Case
        How it is measured.
    visit : Visit
        What is measured.

    Returns
    -------
    days, flux, errors : `~numpy.ndarray`, shape (n,)
        Days from the middle of the visit, and the light curve with the errors that the
        product quotes.
    tilt : `~numpy.ndarray`, shape (n,), or None
        Part of each integration behind the tilt.
    """
    star = STARS[case.star]
    extractor = TimeSeriesExtractor(**{"position": visit.settings.position, **star.settings, **case.settings})
    with ThreadPoolExecutor(1) as executor:
        if case.files:
            with TemporaryDirectory() as folder:
                truth = simulate_exposure(folder, visit.settings, segments=2).truth
                ts = extractor.extract(folder, executor=executor)
            centre = visit.settings.ephemeris.barycentric_time(visit.centre, *visit.settings.target_coordinates)
            days = (ts["time_bjd"] - centre).to_value(u.day)
        else:
            images, errors, truth = simulate_rates(visit.settings)
            ts = extractor.extract(images, errors=errors, times=truth["time"], unit="electron / s", executor=executor)
            days = (ts["time"] - visit.centre).to_value(u.day)
    columns = (ts[f"aperture_sum_{kind}r{star.radius:g}"].value for kind in ("", "err_"))
    return days, *columns, np.asarray(truth["tilt"]) if case.has_tilt else None


def find_transit(case, number):
    """
    Simulate a visit, measure it, and fit its transit.

    Parameters
    ----------
    case : Case
        What befalls it, and how it is measured.
    number : int
        Of the visit.

    Returns
    -------
    Found
    """
    began = time.process_time()
    visit = make_visit(case, number)
    days, flux, errors, tilt = light_curve(case, visit)
    plain = fit_transit(days, flux, errors)
    fit = plain if tilt is None else fit_transit(days, flux, errors, step=tilt)
    return Found(
        number=number,
        depth=visit.depth,
        depth_found=fit.depth,
        depth_err=fit.depth_err,
        middle=float((visit.middle - visit.centre).to_value(u.s)),
        middle_found=86400 * fit.middle,
        middle_err=86400 * fit.middle_err,
        step=fit.step,
        chi2=fit.chi2,
        depth_plain=plain.depth,
        middle_plain=86400 * plain.middle,
        seconds=time.process_time() - began,
    )
