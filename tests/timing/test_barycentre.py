"""Barycentric times, against astropy's own light travel times."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import (
    GCRS,
    ITRS,
    CartesianRepresentation,
    EarthLocation,
    SkyCoord,
    get_body_barycentric,
    get_body_barycentric_posvel,
)
from astropy.io import fits
from astropy.time import Time

from nircam_tso.timing import exposure_times, offline
from nircam_tso.timing.earth import earth
from nircam_tso.timing.spacecraft import geocentric_vector

with offline():
    DAYS = Time("2023-01-10T03:00:00") + np.arange(0, 365, 30) * u.day
AXES = "XYZ"


def spacecraft(when):
    """A made-up place near L2, geocentric, in m and m/s, for a day of the year."""
    phase = 2 * np.pi * ((when.mjd - 59945.0) % 365.25) / 365.25
    rate = 2 * np.pi / 365.25 / 86400
    position = np.array([1.5e9 * np.cos(phase), 1.0e9 * np.sin(phase), 5e8 * np.sin(2 * phase)])
    velocity = rate * np.array([-1.5e9 * np.sin(phase), 1.0e9 * np.cos(phase), 1e9 * np.cos(2 * phase)])
    return position, velocity


def by_astropy(times, place, velocity, epoch, target):
    """TDB plus the light travel time that astropy finds for a place in GCRS."""
    with offline():
        elapsed = (times - epoch).sec
        moved = CartesianRepresentation(*(place[:, None] + velocity[:, None] * elapsed), unit=u.m)
        itrs = GCRS(moved, obstime=times).transform_to(ITRS(obstime=times))
        there = Time(times, location=EarthLocation.from_geocentric(itrs.x, itrs.y, itrs.z))
        return times.tdb + there.light_travel_time(target, ephemeris="builtin")


def header_at(make, epoch, **cards):
    position, velocity = spacecraft(epoch)
    places = {f"OBSGEO_{axis}": value for axis, value in zip(AXES, position, strict=True)}
    speeds = {f"OBSGEOD{axis}": value for axis, value in zip(AXES, velocity, strict=True)}
    more = {"EPH_TIME": epoch.mjd, "TFRAME": 10.73677, "TGROUP": None, **places, **speeds, **cards}
    return make.header(EXPSTART=epoch.mjd, **more), position, velocity


def barycentric_cards(header, epoch, offset=0.0):
    """JWST_X, ... and JWST_DX, ... that belong to a header's OBSGEO cards, the ephemeris asked ``offset`` s late."""
    with offline():
        place, speed = get_body_barycentric_posvel("earth", epoch.tdb + offset * u.s, ephemeris="builtin")
    for axis, p, v in zip(AXES, place.xyz.to_value(u.km), speed.xyz.to_value(u.km / u.s), strict=True):
        header[f"JWST_{axis}"] = p + header[f"OBSGEO-{axis}"] / 1e3
        header[f"JWST_D{axis}"] = v + header[f"OBSGEOD{axis}"] / 1e3


@pytest.mark.parametrize("epoch", list(DAYS), ids=lambda t: t.isot[:10])
def test_agrees_with_astropy_over_a_year(make, epoch):
    header, position, velocity = header_at(make, epoch)
    times = exposure_times(make.exposure([make.segment(header)]))
    target = SkyCoord(140.0, -35.0, unit="deg")
    expected = by_astropy(times.middle, position, velocity, Time(header["EPH_TIME"], format="mjd"), target)
    assert times.bjd_source == "OBSGEO-X, OBSGEO-Y, OBSGEO-Z"
    assert times.bjd.scale == "tdb"
    assert np.max(np.abs((times.bjd - expected).sec)) < 1e-3


def test_agrees_with_astropy_over_twenty_hours(make):
    epoch = Time("2023-06-01T05:00:00")
    header, position, velocity = header_at(make, epoch, NINTS=300)
    times = exposure_times(make.exposure([make.segment(header, 300)]))
    assert (times.middle[-1] - times.middle[0]).to_value(u.hour) > 19
    target = SkyCoord(140.0, -35.0, unit="deg")
    expected = by_astropy(times.middle, position, velocity, Time(header["EPH_TIME"], format="mjd"), target)
    assert np.max(np.abs((times.bjd - expected).sec)) < 1e-3
    # A straight line through JWST_X instead would not do.
    barycentric_cards(header, epoch)
    ends = times.middle[[0, -1]]
    with offline():
        truth = get_body_barycentric("earth", ends.tdb, ephemeris="builtin").xyz.to_value(u.km)
    line = (
        np.array([[header[f"JWST_{a}"] - header[f"OBSGEO-{a}"] / 1e3 for a in AXES]]).T
        + np.array([[header[f"JWST_D{a}"] - header[f"OBSGEOD{a}"] / 1e3 for a in AXES]]).T * (ends - epoch).sec
    )
    assert np.linalg.norm((line - truth)[:, 1]) / 299792.458 > 0.05


def test_nodes_and_lines_between_them():
    seconds = np.sort(np.random.default_rng(5).uniform(0, 40 * 86400, 3000))
    day = np.full(len(seconds), 59900.0)
    fine, tdb_tt = earth(day, seconds)
    tt = Time(day, seconds / 86400, format="mjd", scale="tt")
    with offline():
        expected = get_body_barycentric("earth", tt.tdb, ephemeris="builtin").xyz.to_value(u.km)
        clock = ((tt.tdb.jd1 - tt.jd1) + (tt.tdb.jd2 - tt.jd2)) * 86400
    assert np.max(np.abs(np.array(fine) - expected)) / 299792.458 < 2e-9
    assert np.max(np.abs(tdb_tt - clock)) < 2e-9
    few, _ = earth(day[:3], seconds[:3])
    assert np.max(np.abs(np.array(few) - expected[:, :3])) / 299792.458 < 1e-10


def test_masked_where_the_time_is_unknown(make):
    header, *_ = header_at(make, DAYS[0])
    bare = make.segment(fits.Header(), 2, kind="array")
    given = Time(["2023-01-10T03:00:00", "2023-01-10T04:00:00"])
    given[1] = np.ma.masked
    bare.header = header
    times = exposure_times(make.exposure([bare]), given=given)
    assert times.bjd.mask.tolist() == [False, True]


def test_from_barycentric_cards(make):
    epoch = DAYS[3]
    header, *_ = header_at(make, epoch)
    direct = exposure_times(make.exposure([make.segment(header)]))
    barycentric_cards(header, epoch)
    both = exposure_times(make.exposure([make.segment(header)]))
    assert both.notes == () and both.bjd_source == direct.bjd_source
    for axis in AXES:
        del header[f"OBSGEO-{axis}"], header[f"OBSGEOD{axis}"]
    indirect = exposure_times(make.exposure([make.segment(header)]))
    assert indirect.bjd_source == "JWST_X, JWST_Y, JWST_Z"
    assert np.max(np.abs((indirect.bjd - direct.bjd).sec)) < 1e-5


def test_cards_made_before_september_2023(make):
    # The ephemeris had been asked with UTC for TDB: 69.2 s, 2,000 km.
    epoch = DAYS[5]
    header, *_ = header_at(make, epoch, SDP_VER="2023_2b")
    truth = exposure_times(make.exposure([make.segment(header)]))
    barycentric_cards(header, epoch, offset=-69.184)
    warned = exposure_times(make.exposure([make.segment(header)]))
    assert np.max(np.abs((warned.bjd - truth.bjd).sec)) == 0
    assert "JWST_X" in warned.notes[0] and "OBSGEO-X" in warned.notes[0] and " 20" in warned.notes[0]
    for axis in AXES:
        del header[f"OBSGEO-{axis}"], header[f"OBSGEOD{axis}"]
    mended = exposure_times(make.exposure([make.segment(header)]))
    assert np.max(np.abs((mended.bjd - truth.bjd).sec)) < 1e-4
    header["SDP_VER"] = "2023_3"
    assert np.max(np.abs((exposure_times(make.exposure([make.segment(header)])).bjd - truth.bjd).sec)) > 1e-3


def test_impossible_places_are_not_used(make):
    header, *_ = header_at(make, DAYS[0], OBSGEO_X=2.1e9)
    vector, notes = geocentric_vector(header)
    assert vector is None and "impossible" in notes[0]
    times = exposure_times(make.exposure([make.segment(header)]))
    assert times.bjd_source == "Earth's centre"
    assert any("up to 5 s off" in note for note in times.notes)


def test_wrong_cards_of_the_header_are_never_used(make):
    header, *_ = header_at(make, DAYS[0])
    plain = exposure_times(make.exposure([make.segment(header)]))
    header["BARTDELT"], header["TDB-MID"] = -340.6, 59713.75
    again = exposure_times(make.exposure([make.segment(header)]))
    assert np.array_equal(plain.bjd.jd, again.bjd.jd)


@pytest.mark.parametrize(
    ("cards", "source"),
    [
        ({}, "OBSGEO-X, OBSGEO-Y, OBSGEO-Z"),
        ({"OBSGEO_X": None}, "Earth's centre"),
        ({"TARG_RA": None}, "none"),
        ({"TARG_DEC": "north"}, "none"),
        ({"TELESCOP": "Kepler"}, "none"),
        ({"TELESCOP": "VLT"}, "Earth's centre"),
    ],
)
def test_where_it_comes_from(make, cards, source):
    header, *_ = header_at(make, DAYS[0], **cards)
    times = exposure_times(make.exposure([make.segment(header, 1, kind="array")]), given=DAYS[:1])
    assert times.bjd_source == source
    assert times.bjd.mask.any() == (source == "none")


def test_target_has_precedence(make):
    header, *_ = header_at(make, DAYS[0], TARG_RA=10.0, TARG_DEC=80.0)
    exposure = make.exposure([make.segment(header)])
    right, *_ = header_at(make, DAYS[0])
    expected = exposure_times(make.exposure([make.segment(right)]))
    for target in (
        SkyCoord(140.0, -35.0, unit="deg"),
        SkyCoord(140.0, -35.0, unit="deg").galactic,
        SkyCoord(140.0, -35.0, unit="deg").fk5,
    ):
        assert np.max(np.abs((exposure_times(exposure, target=target).bjd - expected.bjd).sec)) < 1e-6
    with pytest.raises(TypeError, match="target: .*not an astropy SkyCoord"):
        exposure_times(exposure, target=(140.0, -35.0))
    with pytest.raises(ValueError, match="target: holds"):
        exposure_times(exposure, target=SkyCoord([1.0, 2.0], [3.0, 4.0], unit="deg"))


def test_one_target_for_all_files_of_a_day(make):
    """Its proper motion is worked out for the day once, whatever the number of files."""
    target = SkyCoord(
        140.0, -35.0, unit="deg", pm_ra_cosdec=10 * u.arcsec / u.yr, pm_dec=0 * u.arcsec / u.yr, obstime=DAYS[0]
    )
    headers = [header_at(make, DAYS[0])[0] for _ in range(2)]
    segments = [make.segment(header, 1, 1 + i, kind="array") for i, header in enumerate(headers)]
    together = exposure_times(make.exposure(segments), given=DAYS[[0, 0]], target=target)
    alone = exposure_times(make.exposure(segments[:1]), given=DAYS[:1], target=target)
    assert np.max(np.abs((together.bjd - alone.bjd[0]).sec)) < 1e-9


def test_earths_centre_for_the_ground(make):
    when = Time("2020-02-20T07:51:21") + np.arange(3) * u.hour
    header = fits.Header({"TELESCOP": "LBT-DX", "RA_OBJ": 169.47, "DEC_OBJ": 2.614})
    times = exposure_times(make.exposure([make.segment(header, 3, kind="array")]), given=when)
    there = EarthLocation.from_geocentric(0, 0, 0, unit=u.m)
    with offline():
        expected = when.tdb + Time(when, location=there).light_travel_time(
            SkyCoord(169.47, 2.614, unit="deg"), ephemeris="builtin"
        )
    assert np.max(np.abs((times.bjd - expected).sec)) < 1e-5
    assert times.bjd_source == "Earth's centre" and "21 ms" in times.notes[0]


class TestTable:
    """INT_TIMES' own barycentric times."""

    def exposure(self, make, error=0.0, leave_out=(), **cards):
        header, *_ = header_at(make, DAYS[2], **cards)
        right, *_ = header_at(make, DAYS[2])
        self.own = exposure_times(make.exposure([make.segment(right, kind="jwst-uncal", n_groups=5)])).bjd
        table = make.table(header, range(1, 13))
        table["int_mid_BJD_TDB"] = self.own.mjd + error / 86400
        table["int_mid_BJD_TDB"][list(leave_out)] = np.nan
        return make.exposure([make.segment(header, kind="jwst-uncal", n_groups=5, table=table)])

    def test_used_where_it_agrees(self, make):
        times = exposure_times(self.exposure(make, 0.05))
        assert times.bjd_source == "INT_TIMES"
        assert (times.bjd - self.own).sec == pytest.approx(0.05, abs=2e-6)

    def test_moved_to_group_steps(self, make):
        times = exposure_times(self.exposure(make, 0.05), ramp="groups")
        assert times.bjd_source == "INT_TIMES"
        table_less, *_ = header_at(make, DAYS[2])
        expected = exposure_times(
            make.exposure([make.segment(table_less, kind="jwst-uncal", n_groups=5)]), ramp="groups"
        )
        assert (times.bjd - expected.bjd).sec == pytest.approx(0.05, abs=2e-6)

    @pytest.mark.parametrize(
        ("arguments", "note"),
        [
            ({"error": 0.15}, "up to 0.15 s from r.n/c"),
            ({"error": 0.0, "leave_out": [4]}, "for some rows only"),
            ({"TARG_RA": None}, "nothing here can check"),
        ],
    )
    def test_not_used_otherwise(self, make, arguments, note):
        times = exposure_times(self.exposure(make, **arguments))
        assert any(note in text for text in times.notes)
        if "TARG_RA" in arguments:
            assert times.bjd.mask.all() and times.bjd_source == "none"
        else:
            assert times.bjd_source == "OBSGEO-X, OBSGEO-Y, OBSGEO-Z"
            assert np.max(np.abs((times.bjd - self.own).sec)) < 2e-6
