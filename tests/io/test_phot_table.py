"""The pipeline's photometry table: its names, its order, and its sums."""

import json

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from astropy.time import Time
from astropy.timeseries import TimeSeries

from nircam_tso.io.phot_table import to_jwst_phot

#: Columns of the step tso_photometry, in its order, less the sky coordinates.
THEIRS = [
    "MJD", "aperture_sum", "aperture_sum_err", "annulus_sum", "annulus_sum_err", "annulus_mean", "annulus_mean_err",
    "aperture_bkg", "aperture_bkg_err", "net_aperture_sum", "net_aperture_sum_err", "aperture_x", "aperture_y",
    "centroid_x", "centroid_y", "psf_width_x", "psf_width_y", "psf_flux",
]  # fmt: skip


@pytest.fixture
def ts():
    n = 5
    ts = TimeSeries(time=Time(60500, format="mjd") + np.arange(n) * u.min)
    ts["background"] = np.linspace(2, 3, n) * u.DN
    ts["background_err"] = np.full(n, 0.1) * u.DN
    for name, value in (("x_gauss", 20.1), ("y_gauss", 12.2), ("x_centroid", 20.2), ("y_centroid", 12.3)):
        ts[name] = np.full(n, value) * u.pix
    ts["x_stddev"], ts["y_stddev"] = np.full(n, 1.4) * u.pix, np.full(n, 1.1) * u.pix
    for radius, flux in ((3, 900.0), (5.5, 1000.0)):
        ts[f"aperture_sum_r{radius:g}"] = np.full(n, flux) * u.DN
        ts[f"aperture_sum_err_r{radius:g}"] = np.full(n, 13.0) * u.DN
        ts[f"aperture_area_r{radius:g}"] = np.full(n, 50.0) * u.pix**2
    ts["aperture_sum_hexagon"] = np.ones(n) * u.DN
    ts["psf_flux"] = np.full(n, 990.0) * u.DN
    ts["quality"] = np.array([0, 0, 64, 0, 0], np.uint32)
    ts.meta |= {"instrument": "NIRCAM", "detector": "NRCB1", "target": "WASP-80", "center": "gaussian"}
    background = {"kind": "annulus", "inner": 12.0, "outer": 20.0}
    ts.meta["provenance"] = json.dumps({"settings": {"background": background}})
    return ts


def test_names_sums_and_units(ts, tmp_path):
    table = to_jwst_phot(ts, 5.5)
    assert table.colnames == [*THEIRS, "quality"]
    assert table["MJD"].tolist() == pytest.approx([60500 + k / 1440 for k in range(5)], abs=1e-10)
    assert table["MJD"].dtype == float
    np.testing.assert_allclose(table["net_aperture_sum"].value, 1000)
    np.testing.assert_allclose(table["aperture_bkg"], 50 * ts["background"])
    np.testing.assert_allclose(table["aperture_sum"] - table["aperture_bkg"], table["net_aperture_sum"])
    squares = table["aperture_sum_err"] ** 2 + table["aperture_bkg_err"] ** 2
    np.testing.assert_allclose(np.sqrt(squares), table["net_aperture_sum_err"])
    np.testing.assert_allclose(table["aperture_sum_err"].value, 12)
    area = np.pi * (20**2 - 12**2)
    np.testing.assert_allclose(table["annulus_sum"], area * table["annulus_mean"])
    np.testing.assert_allclose(table["annulus_sum_err"].value, 0.1 * area)
    assert table["aperture_sum"].unit == u.DN
    assert (table["aperture_x"][0], table["centroid_y"][0]) == (20.1 * u.pix, 12.3 * u.pix)
    assert (table["psf_width_x"][0], table["psf_width_y"][0]) == (1.4 * u.pix, 1.1 * u.pix)
    assert table["psf_flux"][0] == 990 * u.DN
    assert table.meta["target_name"] == "WASP-80"
    assert "5.5 px" in table.meta["apertures"] and "12 to 20 px" in table.meta["apertures"]
    table.write(tmp_path / "a_phot.ecsv")
    again = QTable.read(tmp_path / "a_phot.ecsv")
    assert np.array_equal(again["aperture_sum"].value, table["aperture_sum"].value)


def test_sky_of_the_frame_has_no_annulus(ts):
    ts.meta["provenance"] = json.dumps({"settings": {"background": {"kind": "frame", "exclude_radius": 12}}})
    table = to_jwst_phot(ts, 3)
    assert np.isnan(table["annulus_sum"].value).all()
    np.testing.assert_allclose(table["annulus_mean"], ts["background"])
    ts.meta["provenance"] = json.dumps({"settings": {"background": None}})
    assert np.isnan(to_jwst_phot(ts, 3)["annulus_sum"].value).all()


def test_flux_of_another_unit_than_the_sky(ts):
    for name in ("aperture_sum_r3", "aperture_sum_err_r3"):
        ts[name] = ts[name].value * u.Jy
    table = to_jwst_phot(ts, 3)
    # Without the factor the sky's share is not known, and never invented.
    assert np.isnan(table["aperture_sum"].value).all()
    np.testing.assert_allclose(table["net_aperture_sum"].value, 900)
    ts.meta["flux_factor"] = 0.5
    table = to_jwst_phot(ts, 3)
    assert table["aperture_bkg"].unit == u.Jy
    np.testing.assert_allclose(table["aperture_bkg"].value, 0.5 * 50 * ts["background"].value)


def test_place_of_the_apertures(ts):
    ts.meta |= {"center": "median", "center_x": 19.5, "center_y": 11.5}
    table = to_jwst_phot(ts, 3)
    assert set(table["aperture_x"].value) == {19.5}
    assert set(table["aperture_y"].value) == {11.5}


def test_unknown_times_and_radii(ts):
    ts["time"][1] = np.ma.masked
    assert np.isnan(to_jwst_phot(ts, 3)["MJD"]).tolist() == [False, True, False, False, False]
    with pytest.raises(ValueError, match="radius: None is not among 3, 5.5"):
        to_jwst_phot(ts)
    with pytest.raises(ValueError, match="radius: 4 is not among"):
        to_jwst_phot(ts, 4)
    with pytest.raises(ValueError, match="no column aperture_sum_r"):
        to_jwst_phot(ts["time", "aperture_sum_hexagon"])
    assert to_jwst_phot(ts[[name for name in ts.colnames if not name.endswith("5.5")]])["psf_flux"].size == 5
