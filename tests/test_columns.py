"""The product's columns."""

import pytest
from astropy import units as u

from nircam_tso.columns import COLUMNS, column, column_names, radius_label


def test_order_and_patterns():
    names = [entry.name for entry in column_names([3, 2.5], ["frame"])]
    assert names[:4] == ["time", "time_start", "time_end", "time_bjd"]
    start = names.index("aperture_sum_r3")
    assert names[start : start + 9] == [
        "aperture_sum_r3",
        "aperture_sum_err_r3",
        "aperture_area_r3",
        "aperture_sum_r2.5",
        "aperture_sum_err_r2.5",
        "aperture_area_r2.5",
        "aperture_sum_frame",
        "aperture_sum_err_frame",
        "aperture_area_frame",
    ]
    assert names[-5:] == ["peak", "n_good", "n_cleaned", "n_replaced", "quality"]
    assert not any(name.startswith(("gauss_background", "pc")) for name in names)
    assert "group" not in names
    assert len(set(names)) == len(names)


def test_group_column_only_for_group_steps():
    names = [entry.name for entry in column_names([3], groups=True)]
    assert names.index("group") == names.index("integration") + 1


def test_columns_on_request():
    names = [entry.name for entry in column_names([1.5], radius_unit="fwhm", fit_background=True, components=2)]
    assert {"gauss_background", "gauss_background_err", "pc1", "pc2_err", "aperture_sum_r1.5fwhm"} <= set(names)
    assert "pc3" not in names


def test_every_measured_quantity_has_an_error():
    names = {entry.name for entry in COLUMNS}
    for name in ("background", "x_cc", "y_cc", "x_centroid", "y_gauss", "x_stddev", "theta", "amplitude", "psf_flux"):
        assert f"{name}_err" in names


def test_units_are_astropy_units():
    for entry in COLUMNS:
        if entry.unit not in ("image", "flux", "time", ""):
            assert u.Unit(entry.unit).to_string() == entry.unit
        assert entry.description


@pytest.mark.parametrize(("radius", "label"), [(3, "3"), (3.0, "3"), (2.5, "2.5"), (1 / 3, "0.333333"), (120, "120")])
def test_radius_label(radius, label):
    assert radius_label(radius) == label


def test_descriptions_name_the_radius():
    assert column("aperture_sum_err_r{r}", r="7").description == "1 sigma of aperture_sum_r7"
