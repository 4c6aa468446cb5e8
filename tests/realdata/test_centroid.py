"""Centres in public observations against what others measured there."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from nircam_tso.measure.centroid import Correlator, cut_stamps, flux_weighted_centers, stamp_start
from nircam_tso.measure.gaussian import fit_gaussians
from nircam_tso.measure.templates import GaussianTemplate, PSFTemplate, find_origin, template_on_grid


def pixels(table, name):
    """A column of images as native float64."""
    return np.asarray(table[name], dtype=np.float64)


@pytest.mark.parametrize(
    ("name", "hdu", "gaussian", "centroid"),
    [
        ("jwst_nircam_f444w_psf.fits", "DET_SAMP", (38.993, 39.004), (39.031, 38.995)),
        ("jwst_nircam_f410m_psf.fits", "DET_DIST", (77.017, 76.982), (76.949, 77.011)),
    ],
)
def test_origins_of_jwst_psfs(realdata, name, hdu, gaussian, centroid):
    template = PSFTemplate(realdata / name)
    assert (template.hdu, template.oversample, template.origin_name) == (hdu, 1, "gaussian")
    assert template.origin == pytest.approx(gaussian, abs=6e-4)
    assert template.image.sum() == pytest.approx(1.0, abs=1e-12)
    assert PSFTemplate(realdata / name, origin="centroid").origin == pytest.approx(centroid, abs=6e-4)
    image = fits.getdata(realdata / name)
    assert find_origin(image)[:2] == pytest.approx(gaussian, abs=6e-4)
    assert find_origin(image, "centroid")[:2] == pytest.approx(centroid, abs=6e-4)
    assert find_origin(image, "center")[:2] == ((image.shape[1] - 1) / 2, (image.shape[0] - 1) / 2)


@pytest.mark.parametrize("position", [(50.91, 27.50), (18.78, 45.96), (49.38, 52.74), (57.17, 73.19)])
def test_correlation_and_fit_agree_on_flight_stars(realdata, position):
    with fits.open(realdata / "jwst_nircam_f444w_cutout.fits") as hdus:
        image, error = (hdus[name].data.astype(np.float64) for name in ("SCI", "ERR"))
    image -= np.nanmedian(image)
    shape = (15, 16)
    template = PSFTemplate(realdata / "jwst_nircam_f444w_psf.fits")
    array, origin, _ = template_on_grid(template, shape)
    x_start, y_start = stamp_start(position, shape)
    stamp, noise = (np.nan_to_num(cut_stamps(each[None], [x_start], [y_start], shape)) for each in (image, error))
    centers = Correlator(array, origin).centers(stamp, variance=noise[0] ** 2)
    fit = fit_gaussians(stamp, centers.x, centers.y)
    assert centers.valid[0]
    assert 0 < centers.x_err[0] < 0.05
    assert (centers.x[0] + x_start, centers.y[0] + y_start) == pytest.approx(position, abs=0.1)
    assert (centers.x[0], centers.y[0]) == pytest.approx((fit.x[0], fit.y[0]), abs=0.03)
    array, origin, _ = template_on_grid(GaussianTemplate(), shape)
    plain = Correlator(array, origin).centers(stamp)
    assert (plain.x[0], plain.y[0]) == pytest.approx((fit.x[0], fit.y[0]), abs=0.05)


def test_guider_star(realdata):
    ramps = fits.getdata(realdata / "jwst_fgs_acq1_uncal.fits", "SCI").astype(np.float64)
    images = ramps[:, -1] - ramps[:, 0]
    x_start, y_start = stamp_start((64.6, 94.25), (21, 21))
    stamps = cut_stamps(images, np.full(6, x_start), np.full(6, y_start), (21, 21))
    centers = flux_weighted_centers(stamps)
    assert centers.valid.all()
    np.testing.assert_allclose(centers.x + x_start, 64.6, atol=0.5)
    np.testing.assert_allclose(centers.y + y_start, 94.25, atol=0.5)


def test_tess_moments(realdata):
    published = Table.read(realdata / "tess25155310-s01-published-lightcurve.ecsv", format="ascii.ecsv")
    with fits.open(realdata / "tess25155310-s01-first-cadences.fits.gz") as hdus:
        cube, aperture = pixels(hdus[1].data, "FLUX"), hdus[2].data
    centers = flux_weighted_centers(cube, (aperture & 2) > 0)
    assert len(centers.x) == 5
    np.testing.assert_allclose(centers.x + 1619, np.asarray(published["MOM_CENTR1"], float), atol=1e-6)
    np.testing.assert_allclose(centers.y + 389, np.asarray(published["MOM_CENTR2"], float), atol=1e-6)


def test_kepler_pointing(realdata):
    with fits.open(realdata / "kepler_q12_tpf_00.fits") as hdus:
        table = hdus[1].data
        cube, good = pixels(table, "FLUX"), np.asarray(table["QUALITY"]) == 0
        correction = pixels(table, "POS_CORR1"), pixels(table, "POS_CORR2")
    mask = np.isfinite(cube[good]).all(axis=0)
    assert (good.sum(), mask.sum()) == (450, 59)
    centers = flux_weighted_centers(cube, mask)
    assert np.corrcoef(centers.x[good], correction[0][good])[0, 1] > 0.999
    assert np.corrcoef(centers.y[good], correction[1][good])[0, 1] > 0.999
