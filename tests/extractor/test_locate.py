"""Where the star is looked for."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits

from nircam_tso import TimeSeriesExtractor
from nircam_tso.extractor.locate import light_centre, start_position
from nircam_tso.io.sources import open_exposure
from nircam_tso.simulate import simulate_exposure


def simulated(folder, **settings):
    return simulate_exposure(
        folder, product="calints", n_integrations=4, shape=(40, 56), position=(35.0, 17.0), flux=4e5, seed=6, **settings
    )


def test_header_counts_from_one(tmp_path):
    simulation = simulated(tmp_path)
    header = fits.getheader(simulation.paths[0], "SCI")
    assert (header["XREF_SCI"], header["YREF_SCI"]) == (36.0, 18.0)
    assert start_position(None, open_exposure(tmp_path)) == ((35.0, 17.0), "XREF_SCI, YREF_SCI")


def test_cutout_keeps_to_its_own_middle(tmp_path):
    """The reference point is that of the frame that it was cut from."""
    simulation = simulated(tmp_path)
    with fits.open(simulation.paths[0], mode="update") as hdus:
        hdus[0].header["SUBSIZE1"] = hdus[0].header["SUBSIZE2"] = 2048
        del hdus[0].header["TARG_RA"]
    assert start_position(None, open_exposure(tmp_path)) == ((27.5, 19.5), "frame")


def test_reference_pixels_are_left_out(tmp_path):
    """A subarray in the detector's corner: four rows and columns that see no light."""
    simulation = simulated(tmp_path)
    extractor = TimeSeriesExtractor(aperture_radii=[4], position=(35, 17))
    with fits.open(simulation.paths[0], mode="update") as hdus:
        hdus[0].header["SUBSTRT1"] = hdus[0].header["SUBSTRT2"] = 1
    clean = extractor.extract(simulation.paths)
    with fits.open(simulation.paths[0], mode="update") as hdus:
        hdus["SCI"].data[:, :4] = hdus["SCI"].data[:, :, :4] = 1e6
    spoiled = extractor.extract(simulation.paths)
    for name in ("background", "background_err", "aperture_sum_r4", "aperture_sum_err_r4", "x_cc"):
        assert np.array_equal(clean[name].value, spoiled[name].value)
    assert (spoiled["quality"] == 0).all()


def test_target_through_a_wcs_that_cannot_be_used(tmp_path):
    simulation = simulated(tmp_path)
    with fits.open(simulation.paths[0], mode="update") as hdus:
        hdus["SCI"].header["CTYPE1"] = "DEC--TAN"
        del hdus["SCI"].header["XREF_SCI"]
        target = SkyCoord(hdus[0].header["TARG_RA"], hdus[0].header["TARG_DEC"], unit="deg")
    assert start_position(None, open_exposure(tmp_path)) == ((27.5, 19.5), "frame")
    with pytest.raises(ValueError, match="position: the header's WCS cannot be used"):
        TimeSeriesExtractor(position=target).extract(simulation.paths)


class TestLightCentre:
    """A hexagon of light has no brightest spot: its centre of light is looked for."""

    y, x = np.mgrid[:60, :200]
    everywhere = np.ones((60, 200), bool)

    def test_moves_until_it_holds_all_light(self):
        disc = 100.0 * (np.hypot(self.x - 61.0, self.y - 27.0) < 12) + 3.0
        found = light_centre(disc, self.everywhere, (40.0, 36.0), (45, 45))
        np.testing.assert_allclose(found, (61.0, 27.0), atol=1e-9)

    def test_stays_where_there_is_no_light(self):
        flat = np.full((60, 200), 3.0)
        assert light_centre(flat, self.everywhere, (40.0, 36.0), (45, 45)) == (40.0, 36.0)
        assert light_centre(flat, ~self.everywhere, (40.0, 36.0), (45, 45)) == (40.0, 36.0)

    def test_does_not_follow_light_for_ever(self):
        """Light that grows to the right, far beyond the window: ten steps, each within it."""
        image = np.where(self.y == 27, np.exp(self.x / 8.0), 0.0)
        x, y = light_centre(image, self.everywhere, (40.0, 30.0), (21, 21))
        # The light within the window of 21 pixels, as far to its right as an exponential's mean.
        step = (np.arange(-10, 11) * np.exp(np.arange(-10, 11) / 8)).sum() / np.exp(np.arange(-10, 11) / 8).sum()
        assert abs(y - 27) < 1e-9
        assert abs(x - (40 + 10 * step)) < 10
