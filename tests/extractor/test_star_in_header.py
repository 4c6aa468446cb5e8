"""The star's place out of coordinates: a header's target, a SkyCoord, several of them."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning

from nircam_tso import EllipseShape, LineBackground, TimeSeriesExtractor
from nircam_tso.extractor.locate import start_position
from nircam_tso.io.sources import open_exposure
from nircam_tso.simulate import simulate_exposure

PLACE = (35.0, 17.0)


def wcs_of(header):
    with pytest.warns(FITSFixedWarning, match="obsfix"):
        return WCS(header, naxis=2)


@pytest.fixture
def visit(tmp_path):
    simulation = simulate_exposure(
        tmp_path, product="calints", n_integrations=4, shape=(40, 56), position=PLACE, flux=4e5, seed=6
    )
    return simulation.paths[0]


def test_target_through_the_wcs(visit):
    """Without a reference point of this frame the target's coordinates tell; astropy is the judge."""
    with fits.open(visit, mode="update") as hdus:
        del hdus["SCI"].header["XREF_SCI"]
        primary, header = hdus[0].header, hdus["SCI"].header
        target = SkyCoord(primary["TARG_RA"], primary["TARG_DEC"], unit="deg")
        expected = wcs_of(header).world_to_pixel(target)
    place, source = start_position(None, open_exposure(visit))
    assert source == "WCS"
    np.testing.assert_allclose(place, np.array(expected, float), atol=1e-6)
    np.testing.assert_allclose(place, PLACE, atol=0.5)


def test_target_out_of_the_field(visit):
    with fits.open(visit, mode="update") as hdus:
        del hdus["SCI"].header["XREF_SCI"]
        hdus[0].header["TARG_DEC"] = -hdus[0].header["TARG_DEC"] + 1
    assert start_position(None, open_exposure(visit)) == ((27.5, 19.5), "frame")


def test_coordinates_of_stars(visit):
    """Coordinates lead to the star that is there, one by one or as a flat list."""
    with fits.open(visit) as hdus:
        star = wcs_of(hdus["SCI"].header).pixel_to_world(*PLACE)
    alone = TimeSeriesExtractor(aperture_radii=[3], position=star, center="fixed").extract(visit)
    np.testing.assert_allclose((alone.meta["center_x"], alone.meta["center_y"]), PLACE, atol=0.01)
    assert alone.meta["position_source"] == "WCS"
    both = TimeSeriesExtractor(aperture_radii=[3], position=[star, (12, 10)], center="fixed").extract(visit)
    # The sky leaves out the second place, too.
    np.testing.assert_allclose(both["aperture_sum_r3"].value, alone["aperture_sum_r3"].value, rtol=1e-3)
    assert np.median(both["aperture_sum_r3_star2"].value) < 0.01 * np.median(alone["aperture_sum_r3"].value)
    listed = TimeSeriesExtractor(aperture_radii=[3], position=star.reshape(1), center="fixed").extract(visit)
    assert np.array_equal(listed["aperture_sum_r3"].value, alone["aperture_sum_r3"].value)


@pytest.mark.parametrize(
    ("position", "words"),
    [
        (SkyCoord(np.zeros((2, 2)), np.zeros((2, 2)), unit="deg"), r"position: a SkyCoord of shape \(2, 2\)"),
        ([SkyCoord([1, 2] * u.deg, [1, 2] * u.deg), (3, 4)], r"a SkyCoord of shape \(2,\) within a list"),
    ],
)
def test_coordinates_of_a_wrong_shape(position, words):
    with pytest.raises(ValueError, match=words):
        TimeSeriesExtractor(position=position)


@pytest.mark.parametrize("axis", ["row", "column"])
def test_sky_by_lines_under_a_shape(axis):
    """A circle is a circle: as a shape and as a radius it gets the same error from the levels of lines."""
    y, x = np.mgrid[:44, :56]
    star = 4000 * np.exp(-((x - 30.2) ** 2 / 4 + (y - 19.7) ** 2 / 6))
    cube = np.random.default_rng(8).normal(star + 50, 3, (6, 44, 56))
    ts = TimeSeriesExtractor(
        aperture_radii=[6],
        aperture_shapes={"same": EllipseShape(6, 6)},
        position=(30, 20),
        background=LineBackground(axis),
        gain=1.0,
        read_noise=3.0,
    ).extract(cube, unit="electron")
    np.testing.assert_allclose(ts["aperture_sum_same"].value, ts["aperture_sum_r6"].value, rtol=1e-9)
    np.testing.assert_allclose(ts["aperture_sum_err_same"].value, ts["aperture_sum_err_r6"].value, rtol=1e-6)
