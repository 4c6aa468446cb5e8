"""Finding light curves and their companions by their names."""

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from astropy.time import Time

from nircam_tso.inspect.light_curves import light_curve, light_curves, systematic_columns
from nircam_tso.inspect.values import column_values, elapsed_seconds, error_column, usable_rows
from nircam_tso.io.provenance import recorded_settings


def test_every_kind_of_light_curve():
    names = ["time", "aperture_sum_r3", "aperture_sum_err_r3", "aperture_area_r3", "aperture_sum_r2.5"]
    names += ["aperture_sum_r2fwhm", "aperture_sum_hexagon", "aperture_sum_err_hexagon", "psf_flux", "psf_flux_err"]
    names += ["aperture_sum_r3_star2", "aperture_sum_err_r3_star2", "psf_flux_star12", "psf_flux_err_star12"]
    ts = QTable(names=names)
    found = {curve.name: curve for curve in light_curves(ts)}
    assert list(found) == [
        "aperture_sum_r3", "aperture_sum_r2.5", "aperture_sum_r2fwhm", "aperture_sum_hexagon", "psf_flux",
        "aperture_sum_r3_star2", "psf_flux_star12",
    ]  # fmt: skip
    assert found["aperture_sum_r3"].area == "aperture_area_r3"
    assert found["aperture_sum_r2.5"].radius == 2.5
    assert found["aperture_sum_r2fwhm"].in_widths and found["aperture_sum_r2fwhm"].radius == 2
    assert found["aperture_sum_hexagon"].radius is None
    assert found["aperture_sum_hexagon"].error == "aperture_sum_err_hexagon"
    assert found["aperture_sum_r3_star2"].error == "aperture_sum_err_r3_star2"
    assert found["psf_flux_star12"].error == "psf_flux_err_star12"
    assert found["psf_flux_star12"].star == 12
    assert [curve.name for curve in light_curves(ts, star=2)] == ["aperture_sum_r3_star2"]
    assert "psf_flux" not in [curve.name for curve in light_curves(ts, psf=False)]


def test_errors_of_other_columns():
    ts = QTable(names=["x_gauss", "x_gauss_err", "x_gauss_star2", "x_gauss_err_star2", "fwhm"])
    assert error_column(ts, "x_gauss") == "x_gauss_err"
    assert error_column(ts, "x_gauss_star2") == "x_gauss_err_star2"
    assert error_column(ts, "fwhm") is None


def test_the_quietest_is_taken_by_default():
    rng = np.random.default_rng(4)
    ts = QTable({f"aperture_sum_r{r}": rng.normal(1e4, s, 99) for r, s in ((3, 50), (4, 20), (5, 70))})
    assert light_curve(ts).name == "aperture_sum_r4"
    assert light_curve(ts, "aperture_sum_r5").radius == 5
    with pytest.raises(ValueError, match="column: 'aperture_sum_r9' is not in ts"):
        light_curve(ts, "aperture_sum_r9")
    with pytest.raises(ValueError, match="no column aperture_sum"):
        light_curve(QTable({"x": [1.0]}))


def test_rows_and_values(series):
    ts = series(5)
    ts["quality"] = np.array([0, 64, 1024, 0, 0], np.uint32)
    ts["aperture_sum_r5"][3] = np.nan
    assert usable_rows(ts).tolist() == [True, False, True, True, True]
    assert usable_rows(ts, "aperture_sum_r5", np.arange(5) < 4).tolist() == [True, False, True, False, False]
    with pytest.raises(ValueError, match="rows: has shape"):
        usable_rows(ts, rows=[0, 1])
    values = column_values(ts, "aperture_sum_r5")
    values[0] = -1
    assert ts["aperture_sum_r5"][0].value > 0
    masked = QTable({"a": np.ma.MaskedArray([1.0, 2.0], [False, True])}, masked=True)
    assert np.array_equal(column_values(masked, "a"), [1.0, np.nan], equal_nan=True)


def test_elapsed_seconds_over_a_leap_second_and_masks(series):
    ts = series(3)
    ts["time_bjd"] = Time(["2016-12-31T23:59:59", "2017-01-01T00:00:00", "2017-01-01T00:00:01"], scale="utc")
    assert elapsed_seconds(ts, "time_bjd") == pytest.approx([0, 2, 3], abs=1e-9)
    ts["time_bjd"][0] = np.ma.masked
    assert np.array_equal(np.round(elapsed_seconds(ts, "time_bjd"), 9), [np.nan, 0, 1], equal_nan=True)


def test_systematic_columns_take_one_kind_of_centre(series):
    rng = np.random.default_rng(2)
    names = ["background", "x_cc", "y_cc", "x_gauss", "y_gauss", "x_stddev", "fwhm", "pc1", "pc2", "x_gauss_star2"]
    ts = series(20, **{name: rng.normal(size=20) * u.pix for name in names}, beta=np.full(20, 3.0))
    assert systematic_columns(ts) == ["background", "x_gauss", "y_gauss", "x_stddev", "fwhm", "pc1", "pc2"]
    ts.meta["center"] = "cross-correlation"
    assert systematic_columns(ts)[1:3] == ["x_cc", "y_cc"]
    ts["x_cc"][:] = np.nan
    # Where the chosen kind is not known, another is taken.
    assert "x_gauss" in systematic_columns(ts) and "y_cc" in systematic_columns(ts)


def test_settings_of_the_extraction(series):
    ts = series(3)
    assert recorded_settings(ts) == {}
    ts.meta["provenance"] = '{"settings": {"gain": 2.0}}'
    assert recorded_settings(ts)["gain"] == 2.0
