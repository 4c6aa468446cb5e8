"""The direction of a target, against spherical astronomy done by hand."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import FK5, ICRS, SkyCoord
from astropy.io import fits
from astropy.time import Time

from nircam_tso.timing import offline
from nircam_tso.timing.target import direction

with offline():
    EPOCH = Time(2016.0, format="jyear", scale="tdb")
    LATER = float(Time(2024.0, format="jyear", scale="tdb").tai.mjd)
PLACE = {"ra": 140 * u.deg, "dec": -35 * u.deg}
MOTION = {"pm_ra_cosdec": 10 * u.arcsec / u.yr, "pm_dec": -5 * u.arcsec / u.yr}


def towards(ra, dec):
    ra, dec = np.radians([ra, dec])
    return np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])


def apart(one, other):
    """Angle between two unit vectors, arcseconds."""
    return float(np.degrees(np.linalg.norm(np.subtract(one, other))) * 3600)


@pytest.mark.parametrize(
    "target",
    [
        SkyCoord(**PLACE),
        SkyCoord(**PLACE).galactic,
        SkyCoord(**PLACE).transform_to(FK5(equinox="J1975")),
        SkyCoord(**PLACE, distance=50 * u.pc),
        SkyCoord(*(towards(140.0, -35.0) * 50), unit="pc", representation_type="cartesian"),
        SkyCoord(**PLACE, radial_velocity=-100 * u.km / u.s, obstime=EPOCH),
        SkyCoord(**PLACE, obstime=EPOCH),
    ],
    ids=["plain", "galactic", "fk5", "distance", "cartesian", "radial velocity", "obstime"],
)
def test_frames(target):
    notes = []
    assert apart(direction(fits.Header(), target, LATER, notes), towards(140.0, -35.0)) < 1e-6
    assert notes == []


@pytest.mark.parametrize("more", [{}, {"distance": 20 * u.pc}], ids=["flat", "distance"])
@pytest.mark.parametrize("frame", ["icrs", "galactic"])
def test_proper_motion_with_its_date(more, frame):
    """Eight years of 11 arcseconds: 89 arcseconds, worth 0.2 s."""
    notes = []
    target = SkyCoord(**PLACE, **MOTION, **more, obstime=EPOCH).transform_to(frame)
    east = np.array([-np.sin(np.radians(140)), np.cos(np.radians(140)), 0])
    north = np.cross(towards(140.0, -35.0), east)
    moved = towards(140.0, -35.0) + np.radians(8 / 3600) * (10 * east - 5 * north)
    ours = direction(fits.Header(), target, LATER, notes)
    assert apart(ours, moved / np.linalg.norm(moved)) < 1e-3
    assert apart(ours, towards(140.0, -35.0)) == pytest.approx(8 * np.hypot(10, 5), abs=0.01)
    assert notes == []


def test_proper_motion_without_a_date():
    notes = []
    assert apart(direction(fits.Header(), SkyCoord(**PLACE, **MOTION), LATER, notes), towards(140.0, -35.0)) < 1e-6
    assert notes == ["target: has proper motions but no obstime: taken to be where it was then"]


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        ((140.0, -35.0), TypeError, "target: .* is not an astropy SkyCoord"),
        ("140 -35", TypeError, "target: .* is not an astropy SkyCoord"),
        (ICRS(**PLACE), TypeError, "target: .* is not an astropy SkyCoord"),
        (SkyCoord([140], [-35], unit="deg"), ValueError, r"target: holds \(1,\) positions, not one"),
        (SkyCoord(np.nan, -35, unit="deg"), ValueError, "target: .* is no position"),
        (SkyCoord(az=30 * u.deg, alt=40 * u.deg, frame="altaz"), ValueError, "target: .* cannot be given in ICRS"),
        (SkyCoord(**PLACE, distance=5 * u.au), ValueError, "target: at a distance of 5 AU .* plane waves"),
    ],
    ids=["pair", "text", "frame", "array", "nan", "no observer", "planet"],
)
def test_no_target(target, error, message):
    with pytest.raises(error, match=message) as caught:
        direction(fits.Header(), target, LATER)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("cards", "place"),
    [
        ({"TARG_RA": 140.0, "TARG_DEC": -35.0}, (140, -35)),
        ({"TARG_RA": "140.0", "TARG_DEC": " -35"}, (140, -35)),
        ({"TARG_RA": -40.0, "TARG_DEC": 90.0}, (320, 90)),
        ({"TARG_RA": 360.0001, "TARG_DEC": -35.0}, (0.0001, -35)),
        ({"TARG_RA": None, "TARG_DEC": -35.0, "RA_OBJ": 10.0, "DEC_OBJ": 20.0}, (10, 20)),
        ({"TARG_DEC": -35.0, "RA_TARG": 11.0, "DEC_TARG": 21.0, "RA_OBJ": 10.0, "DEC_OBJ": 20.0}, (11, 21)),
        ({"TARG_RA": 140.0}, None),
        ({}, None),
    ],
    ids=str,
)
def test_cards(cards, place):
    notes = []
    ours = direction(fits.Header(cards), notes=notes)
    assert notes == []
    assert ours is None if place is None else apart(ours, towards(*place)) < 1e-6


@pytest.mark.parametrize(
    "cards",
    [
        {"TARG_RA": "09:20:00", "TARG_DEC": -35.0},
        {"TARG_RA": 140.0, "TARG_DEC": 91.0},
        {"TARG_RA": -999.0, "TARG_DEC": 0.0},
        {"TARG_RA": 140.0, "TARG_DEC": False},
    ],
    ids=str,
)
def test_cards_that_are_no_place(cards):
    notes = []
    assert direction(fits.Header(cards), notes=notes) is None
    assert len(notes) == 1 and "TARG_" in notes[0]
    following = fits.Header({**cards, "RA_OBJ": 10.0, "DEC_OBJ": 20.0})
    assert apart(direction(following), towards(10, 20)) < 1e-6


def test_proper_motion_on_an_unknown_day():
    """Where the target was at its own date."""
    notes = []
    target = SkyCoord(**PLACE, **MOTION, obstime=EPOCH)
    assert apart(direction(fits.Header(), target, None, notes), towards(140.0, -35.0)) < 1e-6
    assert notes == []
