"""The unit of sums: what the image's unit and the header's pixel area make of it."""

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits

from nircam_tso import TimeSeriesExtractor
from nircam_tso.exceptions import NircamTSOWarning

Y, X = np.mgrid[:30, :40]
CUBE = np.stack([100 * np.exp(-((X - 22.3) ** 2 + (Y - 13.6) ** 2) / 5)] * 3)
AREA = 2.3e-14


def extract(unit, header=None, **settings):
    extractor = TimeSeriesExtractor(aperture_radii=[4], position=(22, 14), background=None, **settings)
    return extractor.extract(CUBE, unit=unit, header=fits.Header(header or {}))["aperture_sum_r4"]


def test_surface_brightness_becomes_flux():
    plain = extract("")
    by_area = extract("MJy/sr", {"PIXAR_SR": AREA})
    assert by_area.unit == u.Jy
    np.testing.assert_allclose(by_area.value, plain.value * AREA * 1e6, rtol=1e-12)
    native = extract("MJy/sr", {"PIXAR_SR": AREA}, flux_unit="native")
    assert native.unit == u.MJy / u.sr
    assert np.array_equal(native.value, plain.value)


def test_flux_per_pixel_becomes_flux():
    plain = extract("")
    summed = extract("mJy", flux_unit="Jy")
    assert summed.unit == u.Jy
    np.testing.assert_allclose(summed.value, plain.value * 1e-3, rtol=1e-12)


@pytest.mark.parametrize("header", [None, {"PIXAR_SR": 0.0}, {"PIXAR_SR": "unknown"}])
def test_without_a_pixel_area_sums_stay(header):
    with pytest.warns(NircamTSOWarning, match="no PIXAR_SR in the header, so sums stay in MJy / sr instead of Jy"):
        sums = extract("MJy/sr", header)
    assert sums.unit == u.MJy / u.sr
    assert np.array_equal(sums.value, extract("").value)


@pytest.mark.parametrize(
    ("unit", "settings", "words"),
    [
        ("MJy/sr", {"flux_unit": "Jy"}, 'flux_unit: "Jy" needs PIXAR_SR in the header'),
        ("DN/s", {"flux_unit": "Jy"}, "needs images in MJy/sr or Jy, not DN / s"),
        ("", {"flux_unit": "Jy"}, "needs images in MJy/sr or Jy, not plain numbers"),
        ("MJy/sr", {"gain": 2.0, "read_noise": 8.0}, "gain: images in MJy / sr cannot be turned into electrons"),
        ("DN/s", {"gain": 2.0, "read_noise": 8.0}, "gain: images in DN / s need EFFINTTM or EXPTIME"),
    ],
)
def test_what_cannot_be_had(unit, settings, words):
    with pytest.raises(ValueError, match=words):
        extract(unit, **settings)
