"""Public observations measured by this package, beside what others have published of them."""

import gzip
import os
import warnings
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time

from nircam_tso import PSFTemplate, TimeSeriesExtractor
from nircam_tso.measure.origin import find_origin
from nircam_tso.timing import Readout
from nircam_tso.timing.barycentre import light_delay
from nircam_tso.timing.clock import mjd_to_tai
from nircam_tso.timing.spacecraft import geocentric_vector
from nircam_tso.timing.target import direction

__all__ = ["compare_real", "data_folder"]

#: Of the four stars of the cutout, found by a Gaussian and by the PSF alike.
_STARS = ((50.91, 27.50), (18.78, 45.96), (49.38, 52.74), (57.17, 73.19))


def data_folder():
    """
    Folder of the public observations: NIRCAM_TSO_DATA, else ``../shared/data`` beside the checkout.

    Returns
    -------
    `~pathlib.Path` or None
        None where there is none.
    """
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("NIRCAM_TSO_DATA") or beside)
    return folder if folder.is_dir() else None


def _line(source, what, ours, theirs, form, unit=""):
    """One number of the table."""
    unit = f" {unit}" if unit else ""
    return source, what, f"{ours:{form}}{unit}", f"{theirs:{form}}{unit}", f"{ours - theirs:+.1g}{unit}"


def _largest(source, what, ours, theirs, form, unit="", *, relative=False):
    """Several numbers as one line: the first of them, and the largest difference."""
    ours, theirs = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    difference = np.abs(ours / theirs - 1) if relative else np.abs(ours - theirs)
    text = f"{difference.max():.1g}" + ("" if relative or not unit else f" {unit}")
    unit = f" {unit}" if unit else ""
    label = f"{what} (first of {ours.size}; largest {'relative ' if relative else ''}difference)"
    return source, label, f"{ours.flat[0]:{form}}{unit}", f"{theirs.flat[0]:{form}}{unit}", text


def _nircam(folder):
    path = folder / "jwst_nircam_f444w_cutout.fits"
    source = "JWST/NIRCam F444W, NGC 346"
    template = PSFTemplate(folder / "jwst_nircam_f444w_psf.fits")
    places = []
    for star in _STARS:
        extractor = TimeSeriesExtractor(aperture_radii=[3], position=tuple(map(round, star)), template=template)
        row = extractor.extract(path)[0]
        places.append([[row[f"{axis}_{kind}"].value for axis in "xy"] for kind in ("gauss", "cc")])
    places = np.array(places)
    yield _largest(source, "Gaussian centres, x and y of four stars", places[:, 0], _STARS, ".3f", "pix")
    yield _largest(source, "centres by the PSF, x and y of four stars", places[:, 1], _STARS, ".3f", "pix")
    for name, gaussian, centroid in (
        ("jwst_nircam_f444w_psf.fits", (38.993, 39.004), (39.031, 38.995)),
        ("jwst_nircam_f410m_psf.fits", (77.017, 76.982), (76.949, 77.011)),
    ):
        image = fits.getdata(folder / name)
        label = f"model PSF, {name.split('_')[2].upper()}"
        yield _largest(label, "Gaussian fit, x and y", find_origin(image)[:2], gaussian, ".3f", "pix")
        yield _largest(label, "centre of light, x and y", find_origin(image, "centroid")[:2], centroid, ".3f", "pix")


def _header_times(folder):
    for name, seconds in (
        ("jwst_nircam_f444w_cutout.fits", 204.594),
        ("jwst_nircam_f210m_header_only_uncal.fits", 333.870),
    ):
        with fits.open(folder / name) as hdus:
            header = hdus[0].header.copy(strip=True)
            header.update(hdus["SCI"].header)
        source = f"JWST/NIRCam {header['FILTER']}, header"
        day, second = (np.atleast_1d(part) for part in mjd_to_tai(header["EXPMID"]))
        vector, _ = geocentric_vector(header)
        delay = float(light_delay(day, second, vector, direction(header))[0][0])
        yield _line(source, "light travel time to the barycentre", delay, seconds, ".3f", "s")
        span = 86400 * (header["EXPEND"] - header["EXPSTART"])
        yield _line(source, "EXPEND less EXPSTART", Readout.from_header(header).span(), span, ".6f", "s")


def _guider(folder):
    source = "JWST/FGS, acquisition"
    extractor = TimeSeriesExtractor(aperture_radii=[8], position="brightest", center="centroid")
    ts = extractor.extract(folder / "jwst_fgs_acq1_uncal.fits")
    flux = ts["aperture_sum_r8"].to_value("DN") / 1e3
    ours = f"{flux.min():.0f} to {flux.max():.0f} kDN"
    outside = max(883 - flux.min(), flux.max() - 892, 0)
    yield (
        source,
        "light within 8 pix of a saturated star, six integrations",
        ours,
        "883 to 892 kDN",
        ("within" if outside == 0 else f"{outside:.1g} kDN"),
    )
    yield _line(source, "centre of light, x", float(np.median(ts["x_centroid"].value)), 64.6, ".2f", "pix")
    yield _line(source, "centre of light, y", float(np.median(ts["y_centroid"].value)), 94.25, ".2f", "pix")
    step = float(np.diff((ts["time"] - ts["time"][0]).sec).mean())
    yield _line(source, "from integration to integration", step, 13.266 / 6, ".6f", "s")


def _tess(folder):
    source = "TESS, WASP-126"
    published = Table.read(folder / "tess25155310-s01-published-lightcurve.ecsv", format="ascii.ecsv")
    with gzip.open(folder / "tess25155310-s01-first-cadences.fits.gz") as file, fits.open(file) as hdus:
        table, aperture = Table(hdus[1].data), np.array(hdus["APERTURE"].data)
    mask = (aperture & 2) > 0
    times = Time(np.array(table["TIME"], float) + 2457000, format="jd", scale="tdb")
    extractor = TimeSeriesExtractor(
        aperture_radii=[], background=None, aperture_masks={"mission": mask}, centroid_mask=mask
    )
    ts = extractor.extract(np.array(table["FLUX"], float), times=times, unit="electron / s")
    flux = ts["aperture_sum_mission"].value
    yield _largest(source, "SAP_FLUX", flux, published["SAP_FLUX"], ".3f", "electron/s", relative=True)
    for number, axis, corner in ((1, "x", 1619), (2, "y", 389)):
        name = f"MOM_CENTR{number}"
        yield _largest(source, name, ts[f"{axis}_centroid"].value + corner, published[name], ".6f", "pix")


def _kepler(folder):
    source = "Kepler, KIC 12644769"
    with fits.open(folder / "kepler_q12_tpf_00.fits") as hdus:
        table = Table(hdus[1].data)
    flux, use = np.array(table["FLUX"], float), np.asarray(table["QUALITY"]) == 0
    extractor = TimeSeriesExtractor(aperture_radii=[2], background=None, centroid_mask=np.isfinite(flux).all(axis=0))
    times = Time(np.array(table["TIME"], float)[use] + 2454833, format="jd", scale="tdb")
    ts = extractor.extract(flux[use], times=times)
    for axis, name, theirs in (("x", "POS_CORR1", 0.9995), ("y", "POS_CORR2", 0.9997)):
        r = float(np.corrcoef(ts[f"{axis}_centroid"].value, np.array(table[name], float)[use])[0, 1])
        yield _line(source, f"correlation of {axis}_centroid with {name}, {use.sum()} rows", r, theirs, ".4f")


def _ground(folder):
    source = "LBT/LUCI2, K2-22"
    ts = TimeSeriesExtractor(aperture_radii=[8], position=(81, 90)).extract(folder / "lbt_luci2_k2-22")
    headers = [fits.getheader(path) for path in sorted((folder / "lbt_luci2_k2-22").glob("*.fits"))]
    start = Time([header["MJD-OBS"] for header in headers], format="mjd")
    yield _largest(
        source,
        "DATE-OBS as read, against MJD-OBS of six decimals",
        86400 * (ts["time_start"].mjd % 1),
        86400 * (start.mjd % 1),
        ".3f",
        "s of the day",
    )
    sky = ts["background"].value / 1e3
    ours = f"{sky.min():.2f} to {sky.max():.2f}"
    yield source, "sky (thousands)", ours, "28.2 to 28.4", "within" if 28.15 < sky.min() <= sky.max() < 28.45 else "out"


def _pipeline():
    """A plain disc of light, the sums of which jwst's own tests state."""
    source = "a disc of light, sums stated by jwst"
    y, x = np.mgrid[:100, :150]
    cube = np.full((7, 100, 150), 0.8) + 17 * (np.hypot(x - 75, y - 50) < 5)
    holes = cube.copy()
    for at in ((50, 75), (52, 73), (41, 75)):
        holes[(slice(None), *at)] = np.nan
    for label, images, theirs in (
        ("", cube, (1263.4778, 143.256627)),
        (", three pixels lost", holes, (1227.8778178, 142.4566271)),
    ):
        for name, radii, figure in (("aperture_sum", [6.0], theirs[0]), ("annulus_sum", [8.0, 11.0], theirs[1])):
            extractor = TimeSeriesExtractor(
                aperture_radii=radii, position=(75, 50), center="fixed", background=None, bad_pixels="ignore"
            )
            ts = extractor.extract(images)
            sums = [float(ts[f"aperture_sum_r{radius:g}"].value[0]) for radius in radii]
            yield _line(source, name + label, sums[-1] - (sums[0] if len(sums) > 1 else 0), figure, ".7f")


def compare_real(folder):
    """
    Measure what has published answers.

    Parameters
    ----------
    folder : `~pathlib.Path`
        Of the public observations.

    Returns
    -------
    list of tuple
        Source, quantity, ours, theirs, difference: all texts.
    """
    rows = list(_pipeline())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for part in (_nircam, _header_times, _guider, _tess, _kepler, _ground):
            rows += part(folder)
    return rows
