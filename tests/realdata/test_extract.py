"""The main job on real pixels, against published answers."""

import gzip
import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time

from nircam_tso import FrameBackground, PSFTemplate, QualityFlag, TimeSeriesExtractor

SUSPECT = int(QualityFlag.FIT_SUSPECT | QualityFlag.FIT_FAILED)


def test_fgs_acquisition_ramps(realdata):
    """A saturated, hollow star, whose brightest pixel is on its rim."""
    extractor = TimeSeriesExtractor(aperture_radii=[8], position="brightest", center="centroid")
    ts = extractor.extract(realdata / "jwst_fgs_acq1_uncal.fits")
    assert len(ts) == 6
    x, y = ts["x_centroid"].value, ts["y_centroid"].value
    assert np.hypot(x - 64.6, y - 94.25).max() < 0.5
    on_rim = np.hypot(ts["x_gauss"].value - 64.6, ts["y_gauss"].value - 94.25) > 0.5
    flagged = (ts["quality"] & SUSPECT) != 0
    assert (~on_rim | flagged).all()
    flux = ts["aperture_sum_r8"].to_value("DN")
    assert flux.min() > 870e3
    assert flux.max() < 900e3
    assert np.std(flux) / np.mean(flux) < 0.01
    seconds = (ts["time"] - ts["time"][0]).sec
    np.testing.assert_allclose(np.diff(seconds), 13.266 / 6, atol=1e-6)
    # The plain median of the frame is -3 to 12 DN; ours leaves the star out and clips.
    background = ts["background"].to_value("DN")
    assert background.min() > -6
    assert background.max() < 13


@pytest.mark.parametrize(
    ("x", "y"), [(50.91, 27.50), (18.78, 45.96), (49.38, 52.74), (57.17, 73.19)], ids=["a", "b", "c", "d"]
)
def test_nircam_field_stars(realdata, x, y):
    """One star of a crowded field, given to a pixel; its PSF as the template."""
    extractor = TimeSeriesExtractor(
        aperture_radii=[3, 5],
        position=(round(x), round(y)),
        template=PSFTemplate(realdata / "jwst_nircam_f444w_psf.fits"),
    )
    ts = extractor.extract(realdata / "jwst_nircam_f444w_cutout.fits")
    row = ts[0]
    gauss = np.array([row["x_gauss"].value, row["y_gauss"].value])
    cc = np.array([row["x_cc"].value, row["y_cc"].value])
    assert np.abs(gauss - cc).max() < 0.03
    assert np.abs(gauss - (x, y)).max() < 0.1
    assert np.abs(cc - (x, y)).max() < 0.1
    for name in ("x_stddev", "y_stddev"):
        assert 0.95 < row[name].value < 1.05
    assert ts["background"].unit == ts["amplitude"].unit == u.MJy / u.sr
    assert ts["aperture_sum_r3"].unit == u.Jy
    header = fits.getheader(realdata / "jwst_nircam_f444w_cutout.fits", 1)
    # The star's own light by its Gaussian, through the pixel's solid angle.
    light = 2 * np.pi * row["amplitude"].value * row["x_stddev"].value * row["y_stddev"].value
    light *= 1e6 * header["PIXAR_SR"]
    assert 0.8 < row["aperture_sum_r3"].value / light < 1.5
    assert ts.meta["error_source"] == "VAR_POISSON+VAR_RNOISE"


def test_ground_based_frames(realdata):
    extractor = TimeSeriesExtractor(aperture_radii=[8], position=(81, 90))
    ts = extractor.extract(realdata / "lbt_luci2_k2-22")
    assert len(ts) == 10
    assert (np.diff(ts["time"].mjd) > 0).all()
    for row, path in zip(ts, sorted((realdata / "lbt_luci2_k2-22").glob("*.fits")), strict=True):
        header = fits.getheader(path)
        expected = Time(header["DATE-OBS"], scale="utc") + header["EXPTIME"] / 2 * u.s
        assert abs((row["time"] - expected).sec) < 1e-6
    background = ts["background"].to_value("electron")
    assert background.min() > 28.0e3
    assert background.max() < 28.6e3
    assert np.hypot(ts["x_gauss"].value - 81, ts["y_gauss"].value - 90).max() < 5
    flux = ts["aperture_sum_r8"].value
    assert (flux > 0).all()
    assert np.std(flux) / np.mean(flux) < 0.05


def test_ground_based_frames_in_any_order(realdata):
    paths = sorted((realdata / "lbt_luci2_k2-22").glob("*.fits"))
    extractor = TimeSeriesExtractor(aperture_radii=[8], position=(81, 90))
    ordered = extractor.extract(paths)
    shuffled = extractor.extract([paths[i] for i in (3, 0, 9, 1, 8, 2, 7, 4, 6, 5)])
    for name in ("aperture_sum_r8", "x_gauss", "y_cc", "background"):
        assert np.array_equal(ordered[name].value, shuffled[name].value)
    assert np.array_equal(ordered["time"].jd2, shuffled["time"].jd2)


def _pixel_table(path):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(file) as hdus:
            table = Table(hdus[1].data)
            aperture = np.array(hdus["APERTURE"].data)
    return table, aperture


def test_tess_target_pixels(realdata):
    table, aperture = _pixel_table(realdata / "tess25155310-s01-first-cadences.fits.gz")
    published = Table.read(realdata / "tess25155310-s01-published-lightcurve.ecsv")
    flux = np.array(table["FLUX"], dtype=float)
    times = Time(np.array(table["TIME"], float) + 2457000, format="jd", scale="tdb")
    mask = (aperture & 2) > 0
    extractor = TimeSeriesExtractor(
        aperture_radii=[2], background=None, aperture_masks={"mission": mask}, centroid_mask=mask
    )
    ts = extractor.extract(flux, times=times, unit="electron / s")
    np.testing.assert_allclose(ts["aperture_sum_mission"].value, np.array(published["SAP_FLUX"], float), rtol=1e-7)
    np.testing.assert_allclose(ts["x_centroid"].value + 1619, np.array(published["MOM_CENTR1"], float), atol=1e-6)
    np.testing.assert_allclose(ts["y_centroid"].value + 389, np.array(published["MOM_CENTR2"], float), atol=1e-6)
    assert np.abs((ts["time"] - times).sec).max() < 1e-6
    assert ts["aperture_sum_mission"].unit == u.Unit("electron / s")


def test_kepler_target_pixels(realdata):
    table, _ = _pixel_table(realdata / "kepler_q12_tpf_00.fits")
    flux = np.array(table["FLUX"], dtype=float)
    use = np.asarray(table["QUALITY"]) == 0
    mask = np.isfinite(flux).all(axis=0)
    assert (use.sum(), mask.sum()) == (450, 59)
    times = Time(np.array(table["TIME"], float)[use] + 2454833, format="jd", scale="tdb")
    extractor = TimeSeriesExtractor(aperture_radii=[2], background=None, centroid_mask=mask)
    ts = extractor.extract(flux[use], times=times)
    for name, correction in (("x_centroid", "POS_CORR1"), ("y_centroid", "POS_CORR2")):
        r = np.corrcoef(ts[name].value, np.array(table[correction], float)[use])[0, 1]
        assert r > 0.999


def test_simulated_miri_with_contradictory_times(realdata):
    """The rows are there, their times are not."""
    extractor = TimeSeriesExtractor(aperture_radii=[3], position=(36, 200), background=FrameBackground())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ts = extractor.extract(realdata / "miri_tso_simulated_empty_int_times_calints.fits")
    assert len(ts) == 4
    assert np.asarray(ts["time"].mask).all()
    assert ((ts["quality"] & int(QualityFlag.TIME_INVALID)) != 0).all()
    assert "EXPSTART" in ts.meta["notes"]
    assert "DATE-OBS" in ts.meta["notes"]
