"""Where the star is looked for."""

import numpy as np
from astropy.io import fits

from nircam_tso import TimeSeriesExtractor
from nircam_tso.extractor.locate import start_position
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
