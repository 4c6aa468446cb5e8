"""Settings are checked, and name what is wrong."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.time import Time

from nircam_tso.simulate import SimulationSettings


def test_defaults_are_found_and_found_again():
    settings = SimulationSettings(shape=(64, 64))
    assert (settings.subarray, settings.frame_time, settings.position) == ("SUB64P", 0.05016, (31.5, 31.5))
    other = settings.changed(shape=(400, 410), format="ncdhas")
    assert (other.subarray, other.product, other.position) == ("GENERIC", "slp", (204.5, 199.5))
    fixed = SimulationSettings(shape=(64, 64), position=(3, 4), frame_time=2.0).changed(shape=(20, 30))
    assert (fixed.position, fixed.readout.frame_time) == ((3.0, 4.0), 2.0)


def test_kinds_of_input():
    star = SkyCoord("20h12m40.2s", "-02d08m40s")
    settings = SimulationSettings(
        n_integrations=3,
        position=[[1, 2], [3, 4], [5, 6]],
        stddev=2,
        jitter=0.1,
        start=Time(60000.5, format="mjd", scale="tai"),
        target_coordinates=star,
    )
    assert settings.nominal_position == (3.0, 4.0)
    assert settings.stddev == (2.0, 2.0)
    assert settings.jitter == (0.1, 0.1)
    assert settings.start.scale == "utc"
    assert settings.target_coordinates == pytest.approx((star.ra.deg, star.dec.deg))


def test_units_and_scales():
    ramp = SimulationSettings(product="uncal", n_groups=5, n_frames=2, group_gap=1, frame_time=2.0, gain=2.0)
    assert (ramp.image_unit, ramp.image_scale) == (u.DN, 4 * 6.0 / 2.0)
    rate = SimulationSettings(product="rateints", gain=2.0)
    assert (rate.image_unit, rate.image_scale) == (u.DN / u.s, 0.5)
    slope = SimulationSettings(format="ncdhas", gain=2.0)
    assert (slope.image_unit, slope.image_scale) == (u.adu / u.s, 0.5)
    cal = SimulationSettings(product="calints", gain=2.0, detector="NRCALONG")
    assert cal.image_unit == u.MJy / u.sr
    assert cal.image_scale == pytest.approx(0.3925 / 2)
    # Within 1 % of flight's PIXAR_SR of the long-wave channel.
    assert cal.pixel_area == pytest.approx(9.31e-14, rel=0.01)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "hst"},
        {"product": "slp"},
        {"n_integrations": 0},
        {"segments": 21},
        {"shape": (64,)},
        {"shape": (64, 4096)},
        {"position": (1, 2, 3)},
        {"position": (np.nan, 2)},
        {"flux": -1},
        {"stddev": 0},
        {"stddev": (1, 2, 3)},
        {"sky": -1},
        {"sky": [1, 2]},
        {"gain": 0},
        {"read_noise": -1},
        {"n_groups": 0},
        {"resets": -1},
        {"row_reset_time": -0.1},
        {"frame_time": -1},
        {"light_curve": [1.0, 2.0]},
        {"light_curve": -np.ones(20)},
        {"jitter": -1},
        {"drift": np.inf},
        {"dead_fraction": 1},
        {"poisson_variance": "sometimes"},
        {"start": "yesterday"},
        {"detector": "NRCC1"},
        {"seed": -1},
    ],
)
def test_bad_settings_are_named(changes):
    (name,) = changes
    with pytest.raises(ValueError, match=rf"^{name}"):
        SimulationSettings(**changes)
