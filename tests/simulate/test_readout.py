"""Readout times against flight headers, and the orbit against astropy."""

import numpy as np
import pytest
from astropy import constants
from astropy import units as u
from astropy.coordinates import SkyCoord, get_body_barycentric, solar_system_ephemeris
from astropy.io import fits
from astropy.time import Time

from nircam_tso.simulate import Readout
from nircam_tso.simulate.orbit import ephemeris
from nircam_tso.simulate.readout import frame_time_of


def test_against_flight_header_of_f210m():
    # RAPID, 10 groups: EFFINTTM 107.3677 s; start to end is 11 frames.
    readout = Readout(n_groups=10, n_frames=1, group_gap=0, frame_time=10.73677)
    assert readout.pattern == "RAPID"
    assert readout.integration_time == pytest.approx(107.3677, abs=1e-9)
    assert readout.span(1) == pytest.approx((59713.7621371412 - 59713.76077019132) * 86400, abs=2e-3)


def test_against_flight_header_of_f444w():
    readout = Readout(n_groups=2, n_frames=2, group_gap=0, frame_time=10.73677)
    assert readout.pattern == "BRIGHT2"
    assert (readout.group_time, readout.integration_time) == pytest.approx((21.47354, 42.94708), abs=1e-9)
    assert readout.span(1) == pytest.approx((59776.40344791667 - 59776.40282657581) * 86400, abs=2e-3)


@pytest.mark.parametrize(
    ("shape", "seconds", "outputs"),
    [((64, 64), 0.05016, 1), ((160, 160), 0.27864, 1), ((2048, 2048), 10.73677, 4)]
    + [((256, 2048), 1.34669, 4), ((128, 2048), 0.67597, 4), ((64, 2048), 0.34061, 4), ((400, 400), 1.65624, 1)],
)
def test_frame_times(shape, seconds, outputs):
    assert frame_time_of(shape) == (seconds, outputs)


def test_every_card_enters_the_times():
    readout = Readout(
        n_groups=3,
        n_frames=2,
        group_gap=3,
        frame_time=0.5,
        dropped_first=4,
        dropped_between=5,
        resets_at_start=6,
        resets=7,
    )
    assert readout.pattern == "SHALLOW2"
    # 4 + 3 x 2 + 2 x 3 frames.
    assert readout.integration_time == 8.0
    assert readout.cadence == 8.0 + 6.0
    assert readout.span(10) == 3.0 + 10 * 8.0 + 9 * 6.0
    assert readout.measured_time == 5.0
    np.testing.assert_allclose(readout.read_times, [[2.5, 3.0], [5.0, 5.5], [7.5, 8.0]])
    begin = Time("2024-06-12T00:00:00", scale="utc")
    start, middle, end = readout.integrations(begin, np.array([1, 4]))
    np.testing.assert_allclose((start - begin).to_value(u.s), [3.0, 45.0], atol=1e-9)
    np.testing.assert_allclose((middle - begin).to_value(u.s), [7.0, 49.0], atol=1e-9)
    np.testing.assert_allclose((end - begin).to_value(u.s), [11.0, 53.0], atol=1e-9)


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_groups", 0), ("n_frames", 0), ("group_gap", -1), ("resets", 1.5), ("frame_time", 0.0)]
    + [("row_reset_time", -0.01), ("row_reset_time", np.nan)],
)
def test_bad_counts(name, value):
    good = {"n_groups": 2, "n_frames": 1, "group_gap": 0, "frame_time": 1.0}
    with pytest.raises(ValueError, match=name):
        Readout(**{**good, name: value})


def test_row_resets_lie_between_integrations():
    plain = Readout(n_groups=3, n_frames=1, group_gap=0, frame_time=0.5)
    slower = Readout(n_groups=3, n_frames=1, group_gap=0, frame_time=0.5, row_reset_time=0.015)
    begin = Time("2024-06-12T00:00:00", scale="utc")
    numbers = np.array([1, 2, 101])
    for one, other in zip(plain.integrations(begin, numbers), slower.integrations(begin, numbers), strict=True):
        np.testing.assert_allclose((other - one).to_value(u.s), [0.0, 0.015, 1.5], atol=1e-9)
    assert slower.integration_time == plain.integration_time
    # None follows the last integration.
    assert slower.span(101) - plain.span(101) == pytest.approx(1.5, abs=1e-9)


def test_orbit_is_beyond_the_earth():
    orbit = ephemeris(Time("2024-06-12T08:00:00", scale="utc"))
    distance = np.linalg.norm(orbit.geocentric)
    assert 1.3e6 < distance < 1.9e6
    with solar_system_ephemeris.set("builtin"):
        earth = get_body_barycentric("earth", orbit.epoch).xyz.to_value(u.km)
        sun = get_body_barycentric("sun", orbit.epoch).xyz.to_value(u.km)
    np.testing.assert_allclose(orbit.barycentric - orbit.geocentric, earth, atol=1.0)
    away = (earth - sun) / np.linalg.norm(earth - sun)
    assert away @ orbit.geocentric / distance > 0.95
    # The vector turns with the Earth: once a year.
    assert np.linalg.norm(orbit.geocentric_velocity) == pytest.approx(2 * np.pi * 1.5e6 / (365.25 * 86400), rel=0.05)


def test_velocities_are_the_change_of_positions():
    epoch = Time("2024-06-12T08:00:00", scale="utc")
    before, here, after = (ephemeris(epoch + dt * u.s) for dt in (-600, 0, 600))
    np.testing.assert_allclose(
        (after.geocentric - before.geocentric) / 1200, here.geocentric_velocity, atol=1e-5, rtol=1e-4
    )
    np.testing.assert_allclose((after.barycentric - before.barycentric) / 1200, here.barycentric_velocity, atol=1e-3)


def test_barycentric_time_is_astropys_for_the_earth_plus_the_vector():
    star = SkyCoord(303.16673 * u.deg, -2.14447 * u.deg)
    orbit = ephemeris(Time("2024-06-12T08:00:00", scale="utc"))
    time = orbit.epoch + np.array([-7200.0, 0.0, 7200.0]) * u.s
    with solar_system_ephemeris.set("builtin"):
        earth = get_body_barycentric("earth", time).xyz.to_value(u.km)
    seconds = np.array([-7200.0, 0.0, 7200.0])
    position = earth + orbit.geocentric[:, None] + orbit.geocentric_velocity[:, None] * seconds
    delay = star.cartesian.xyz.value @ position / constants.c.to_value(u.km / u.s)
    ours = (orbit.barycentric_time(time, 303.16673, -2.14447) - time.tdb).to_value(u.s)
    np.testing.assert_allclose(ours, delay, atol=2e-6)


def test_real_ephemeris_has_the_same_meaning(realdata):
    """Flight cards obey what the simulated ones are made from: JWST_X less OBSGEO-X is the Earth."""
    header = fits.getheader(realdata / "jwst_nircam_f210m_header_only_uncal.fits", "SCI")
    orbit = ephemeris(Time(header["EPH_TIME"], format="mjd", scale="utc"))
    flight = np.array([header[f"JWST_{a}"] - header[f"OBSGEO-{a}"] / 1e3 for a in "XYZ"])
    # Headers of 2022 took UTC for TDB: 69 s of the Earth's way.
    np.testing.assert_allclose(orbit.barycentric - orbit.geocentric, flight, atol=2200)
    assert abs(header["OBSGEO-Y"]) / 1e3 < 1.6e6
    velocity = np.array([header[f"JWST_D{a}"] for a in "XYZ"])
    np.testing.assert_allclose(orbit.barycentric_velocity, velocity, atol=0.5)
