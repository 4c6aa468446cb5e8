"""The same cubes measured by this package and by the photometry of the JWST pipeline.

It needs the packages ``jwst`` and ``gwcs``, no reference files and no network: their
functions are called with a model in memory.
"""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata

import numpy as np
from astropy import coordinates
from astropy import units as u
from astropy.modeling.models import Pix2Sky_TAN, RotateNative2Celestial, Scale

from benchmarks.validation.cases import CASES, STARS
from benchmarks.validation.visits import make_visit, simulate_rates
from nircam_tso import TimeSeriesExtractor

__all__ = ["compare_peers", "cube_model", "our_measures", "peer_measures", "peer_name"]

#: Which cases, and how many integrations of each.
_CUBES = {"focused": 400, "focused-jitter": 400, "focused-lines": 400, "focused-clean": 400, "wlp4": 100}
#: Boxes in which jwst searches and centres, pixels: its defaults, and for the weak lens the extractor's own.
_BOXES = {"focused": (41, 11), "wlp4": (91, 91)}


def peer_name():
    """
    Name and version of the other software.

    Returns
    -------
    str

    Raises
    ------
    importlib.metadata.PackageNotFoundError
        If it is not installed.
    """
    return f"jwst {metadata.version('jwst')}"


def cube_model(images, errors, *, unit="DN/s", days=None):
    """
    A cube as jwst's functions take it, in memory.

    Parameters
    ----------
    images, errors : `~numpy.ndarray`, shape (n, ny, nx)
        Values and their 1 sigma; NaN is DO_NOT_USE.
    unit : str, optional
        Of the values.
    days : `~numpy.ndarray`, shape (n,), optional
        MJD of the integrations; a minute each by default.

    Returns
    -------
    `stdatamodels.jwst.datamodels.CubeModel`
        With INT_TIMES, and with a WCS that is plain but valid: its coordinates mean nothing.
    """
    import gwcs
    from gwcs import coordinate_frames
    from stdatamodels.jwst.datamodels import CubeModel

    dq = np.isnan(images).astype(np.uint32)
    model = CubeModel(data=images.astype(np.float32), err=errors.astype(np.float32), dq=dq)
    times = np.zeros(len(images), model.get_dtype("int_times"))
    times["integration_number"] = np.arange(1, len(images) + 1)
    for name in ("int_mid_MJD_UTC", "int_mid_BJD_TDB"):
        times[name] = 60000 + np.arange(len(images)) / 1440 if days is None else days
    model.int_times = times
    model.meta.bunit_data = model.meta.bunit_err = unit
    pixels = coordinate_frames.Frame2D(name="detector", unit=(u.pix, u.pix))
    sky = coordinate_frames.CelestialFrame(reference_frame=coordinates.ICRS(), name="world", unit=(u.deg, u.deg))
    tangent = Scale(1e-5) & Scale(1e-5) | Pix2Sky_TAN() | RotateNative2Celestial(10, 20, 180)
    model.meta.wcs = gwcs.WCS([(pixels, tangent), (sky, None)])
    return model


def peer_measures(images, errors, position, *, radius, annulus, boxes):
    """
    Measure a cube by jwst's functions, in the order of its step.

    Parameters
    ----------
    images, errors : `~numpy.ndarray`, shape (n, ny, nx)
        Values and their 1 sigma.
    position : (float, float)
        (x, y) where the star should be.
    radius : float
        Of the aperture.
    annulus : (float, float)
        Radii of the sky.
    boxes : (int, int)
        Widths in which the star is searched, and centred.

    Returns
    -------
    dict of str to `~numpy.ndarray` or float
        ``flux``, ``flux_err``, ``gross``, ``sky``, ``sky_err``, ``x``, ``y``, ``width``, each (n,);
        ``centre``, the place of the aperture; ``seconds`` of processor time.
    """
    from jwst.tso_photometry.tso_photometry import tso_aperture_photometry, tso_source_centroid

    logging.getLogger("jwst").setLevel(logging.ERROR)
    model = cube_model(images, errors)
    start = time.process_time()
    x, y, width_x, width_y, psf_flux = tso_source_centroid(
        model, *position, search_box_width=boxes[0], fit_box_width=boxes[1], source_radius=annulus[0]
    )
    centre = float(np.nanmedian(x)), float(np.nanmedian(y))
    table = tso_aperture_photometry(model, *centre, radius, *annulus, x, y, width_x, width_y, psf_flux)
    seconds = time.process_time() - start
    names = {
        "flux": "net_aperture_sum",
        "flux_err": "net_aperture_sum_err",
        "gross": "aperture_sum",
        "sky": "annulus_mean",
        "sky_err": "annulus_mean_err",
    }
    result = {ours: np.asarray(table[theirs].value, dtype=np.float64) for ours, theirs in names.items()}
    return {**result, "x": x, "y": y, "width": width_x, "centre": centre, "seconds": seconds}


def our_measures(images, errors, position, *, radius, **settings):
    """
    Measure a cube by this package.

    Parameters
    ----------
    images, errors : `~numpy.ndarray`, shape (n, ny, nx)
        Values and their 1 sigma.
    position : (float, float)
        (x, y) where the star should be.
    radius : float
        Of the aperture.
    **settings
        Of the extractor.

    Returns
    -------
    dict of str to `~numpy.ndarray` or float
        As `peer_measures`, the centre being that of the Gaussian, with ``x_cc`` and ``y_cc``.
    """
    settings = {**settings, "aperture_radii": [radius], "position": position}
    with ThreadPoolExecutor(1) as executor:
        start = time.process_time()
        ts = TimeSeriesExtractor(**settings).extract(images, errors=errors, executor=executor)
        seconds = time.process_time() - start
    flux, sky = ts[f"aperture_sum_r{radius:g}"].value, ts["background"].value
    return {
        "flux": flux,
        "flux_err": ts[f"aperture_sum_err_r{radius:g}"].value,
        "gross": flux + np.nan_to_num(sky) * ts[f"aperture_area_r{radius:g}"].value,
        "sky": sky,
        "sky_err": ts["background_err"].value,
        "x": ts["x_gauss"].value,
        "y": ts["y_gauss"].value,
        "x_cc": ts["x_cc"].value,
        "y_cc": ts["y_cc"].value,
        "width": ts["x_stddev"].value,
        "seconds": seconds,
    }


def _line(one, truth):
    """What is told of one way to measure a cube, as texts."""
    sky = float(np.mean(truth["background"].value))
    scatter, error = np.nanstd(one["flux"], ddof=1), np.nanmedian(one["flux_err"])
    level, sky_scatter = np.nanmean(one["flux"]), np.nanstd(one["sky"], ddof=1)

    def wander(ending):
        off = [one[axis + ending] - np.asarray(truth[axis].value) for axis in "xy"]
        return f"{1e3 * np.sqrt(np.mean([np.nanvar(part, ddof=1) for part in off])):.1f}"

    return (
        f"{1e6 * scatter / level:.0f}",
        f"{1e6 * error / level:.0f}",
        f"{scatter / error:.2f}",
        f"{np.nanmean(one['sky']) - sky:+.2f}",
        f"{sky_scatter:.4f}",
        f"{sky_scatter / np.nanmedian(one['sky_err']):.2f}",
        wander("") + (f" ({wander('_cc')})" if "x_cc" in one else ""),
        f"{1e3 * one['seconds'] / len(truth):.1f}",
    )


def compare_peers(quick=False):
    """
    Measure cubes of constant stars both ways.

    Parameters
    ----------
    quick : bool, optional
        An eighth of the integrations.

    Returns
    -------
    list of tuple
        Two for each cube, this package's and jwst's, all texts: cube, whose, the flux's
        scatter and error (ppm) and their ratio, the sky less the truth and its scatter
        (electron/s), the ratio of that to its error, the scatter of the centre about the
        truth (mpix; in brackets by cross-correlation), processor time for an integration (ms),
        and the largest relative difference of the sums about the same centre, sky and all.

    Raises
    ------
    ImportError
        If jwst is not installed.
    """
    rows = []
    for name, n in _CUBES.items():
        rows += _measure_both(CASES[name], n // 8 if quick else n)
    return rows


def _measure_both(case, n):
    star = STARS[case.star]
    visit = make_visit(case, 0, n_integrations=n, light_curve=np.ones(n))
    images, errors, truth = simulate_rates(visit.settings)
    # Both get what jwst's model holds.
    images, errors = images.astype(np.float32), errors.astype(np.float32)
    position, sky = visit.settings.position, star.settings["background"]
    settings = {**star.settings, **case.settings}
    del settings["aperture_radii"]

    def ours(part):
        return our_measures(images[part], errors[part], position, radius=star.radius, **settings)

    def theirs(part):
        return peer_measures(
            images[part],
            errors[part],
            position,
            radius=star.radius,
            annulus=(sky.inner, sky.outer),
            boxes=_BOXES[case.star],
        )

    # The first calls of all pay for compilation and imports.
    for measure in (ours, theirs):
        measure(slice(12))
    mine, peer = ours(slice(None)), theirs(slice(None))
    plain = our_measures(images, errors, peer["centre"], radius=star.radius, center="fixed", background=None)
    # Only where no pixel is lost: what fills it is not the same.
    whole = np.isfinite(images).all(axis=(1, 2))
    same = float(np.abs(plain["gross"] / peer["gross"] - 1)[whole].max()) if whole.any() else None
    cube = f"{star.label}, {case.suffers}"
    told = "" if same is None else f"{same:.0e}"
    return [(cube, "this package", *_line(mine, truth), told), (cube, "jwst", *_line(peer, truth), "")]
