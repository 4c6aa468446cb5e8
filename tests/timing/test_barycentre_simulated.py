"""Barycentric times of simulated files, against two computations that know nothing of the package's."""

import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import GCRS, ITRS, CartesianRepresentation, EarthLocation, SkyCoord
from astropy.io import fits
from astropy.time import Time
from scipy.interpolate import CubicHermiteSpline

from nircam_tso import TimeSeriesExtractor
from nircam_tso.io.sources import open_exposure
from nircam_tso.simulate import simulate_exposure
from nircam_tso.timing import exposure_times, offline

LIGHT = 299792.458  # km/s
STAR = (140.0, -35.0)
SMALL = {
    "n_integrations": 3,
    "shape": (30, 44),
    "n_groups": 4,
    "n_frames": 2,
    "group_gap": 3,
    "frame_time": 10.73677,
    "target_coordinates": STAR,
}
# 34 integrations of 200 groups take 20.4 hours.
LONG = {**SMALL, "n_integrations": 34, "n_groups": 200, "n_frames": 1, "group_gap": 0, "segments": 2}

# The Earth seen from the solar system's barycentre, (MJD in TDB, km, km/s): DE421 of
# the Jet Propulsion Laboratory, Earth-Moon barycentre less the Earth's share of the Moon,
# by jplephem 2.24. It has no term in common with epv00, a fit to DE405.
YEAR = [
    (59954.0, (-49587720.9, 127504025.4, 55306057.8), (-28.616508, -9.071327, -3.931843)),
    (59984.0, (-113790280.3, 87642121.6, 38026996.7), (-19.772464, -20.932842, -9.073142)),
    (60014.0, (-147574527.0, 23994669.3, 10437013.6), (-5.748449, -27.010583, -11.707561)),
    (60044.0, (-142524465.3, -46121747.2, -19957450.9), (9.476939, -25.869376, -11.213112)),
    (60074.0, (-100834468.6, -104382290.1, -45212849.5), (21.915259, -18.129918, -7.858837)),
    (60104.0, (-33870202.8, -136264481.2, -59033836.3), (28.608477, -5.986860, -2.595820)),
    (60134.0, (41254393.6, -134195833.4, -58137704.2), (28.119555, 7.518834, 3.258136)),
    (60164.0, (105807822.7, -98852288.6, -42817298.1), (20.627652, 19.167967, 8.307794)),
    (60194.0, (143540787.6, -38867675.7, -16815192.5), (7.837990, 26.128295, 11.325389)),
    (60224.0, (144385515.9, 30878119.6, 13418523.4), (-7.241413, 26.502758, 11.488428)),
    (60254.0, (107283714.9, 92415446.4, 40094334.7), (-20.777829, 19.888776, 8.622101)),
    (60284.0, (41266648.4, 129136924.6, 56013082.2), (-29.000853, 7.770401, 3.369473)),
    (60314.0, (-36244583.8, 130663089.0, 56675226.1), (-29.411586, -6.618496, -2.867790)),
]
DAY = [
    (60096 + 0 / 6, (-53287817.9, -130913673.0, -56714645.8), (27.498484, -9.474953, -4.106221)),
    (60096 + 1 / 6, (-52891638.2, -131049598.2, -56773552.5), (27.526435, -9.403537, -4.075261)),
    (60096 + 2 / 6, (-52495057.6, -131184494.6, -56832013.2), (27.554174, -9.332067, -4.044280)),
    (60096 + 3 / 6, (-52098079.0, -131318361.4, -56890027.7), (27.581702, -9.260543, -4.013277)),
    (60096 + 4 / 6, (-51700705.5, -131451198.0, -56947595.5), (27.609020, -9.188966, -3.982252)),
    (60096 + 5 / 6, (-51302940.2, -131583003.4, -57004716.4), (27.636129, -9.117336, -3.951207)),
    (60096 + 6 / 6, (-50904786.0, -131713777.0, -57061390.2), (27.663028, -9.045654, -3.920141)),
]


def simulated(folder, start, cards=(), table=None, settings=SMALL, **more):
    """Write an exposure, change header cards, and fill in (or blank) the table's barycentric times."""
    with offline():
        simulation = simulate_exposure(folder, start=start, overwrite=True, **{**settings, **more})
    for path in simulation.paths:
        with fits.open(path, mode="update") as hdus:
            for name, value in dict(cards).items():
                header = next((hdu.header for hdu in hdus if name in hdu.header), hdus["SCI"].header)
                if value is None:
                    header.remove(name, ignore_missing=True)
                else:
                    header[name] = value
            if table is not None:
                for part in ("start", "mid", "end"):
                    hdus["INT_TIMES"].data[f"int_{part}_BJD_TDB"] = table
    return simulation


def begins(days, length=0.0):
    """UTC that is ``length`` seconds before TDB dates given as MJD."""
    with offline():
        return Time(days, format="mjd", scale="tdb").utc - length * u.s


def unit_vector(star=STAR):
    ra, dec = np.radians(star)
    return np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])


def by_development_ephemeris(simulation, table, times, star=STAR):
    """TDB plus r.n/c, the Earth from DE421, the spacecraft beside it from the simulation's truth."""
    orbit = simulation.settings.ephemeris
    days, places, speeds = (np.array(column) for column in zip(*table, strict=True))
    with offline():
        tdb = times.tdb
        # In seconds of the first date, so that nothing is lost in large numbers.
        seconds = ((tdb.jd1 - 2400000.5 - days[0]) + tdb.jd2) * 86400
        elapsed = (times - orbit.epoch).sec
        if len(days) > 1:
            earth = CubicHermiteSpline((days - days[0]) * 86400, places, speeds)(seconds)
        else:
            earth = places[0] + speeds[0] * seconds[:, None]
        place = earth + orbit.geocentric + orbit.geocentric_velocity * elapsed[:, None]
        return tdb + np.sum(place * unit_vector(star), axis=1) / LIGHT * u.s


def by_light_travel_time(simulation, times, star=STAR):
    """
    TDB plus what astropy's `Time.light_travel_time` makes of the spacecraft as a place on a rotating Earth.

    It turns that place by the aberration of light, as if it were a star: 20.5" of 1.5
    million km are 150 km, so that it is itself good to half a millisecond only.
    """
    orbit = simulation.settings.ephemeris
    with offline():
        elapsed = (times - orbit.epoch).sec
        place = orbit.geocentric[:, None] + orbit.geocentric_velocity[:, None] * elapsed
        turned = GCRS(CartesianRepresentation(*place, unit=u.km), obstime=times).transform_to(ITRS(obstime=times))
        there = Time(times, location=EarthLocation.from_geocentric(turned.x, turned.y, turned.z))
        return times.tdb + there.light_travel_time(SkyCoord(*star, unit="deg"), ephemeris="builtin")


def worst(times, others):
    return float(np.max(np.abs((times - others).sec)))


def said(times):
    """The notes, but for the one on the frame time, which is chosen to make exposures long."""
    return [note for note in times.notes if "a NIRCam frame of this size" not in note]


class TestAgreement:
    """Within a millisecond of both."""

    @pytest.mark.parametrize("row", YEAR, ids=lambda row: f"{row[0]:.0f}")
    def test_over_a_year(self, tmp_path, row):
        simulation = simulated(tmp_path, begins(row[0], 400.0), table=np.nan)
        times = exposure_times(open_exposure(tmp_path))
        assert times.bjd_source == "OBSGEO-X, OBSGEO-Y, OBSGEO-Z" and said(times) == []
        assert not times.bjd.mask.any()
        assert worst(times.bjd, by_development_ephemeris(simulation, [row], times.middle)) < 1e-4
        assert worst(times.bjd, by_light_travel_time(simulation, times.middle)) < 1e-3

    def test_over_twenty_hours(self, tmp_path):
        simulation = simulated(tmp_path, begins(DAY[0][0], -3600.0), table=np.nan, settings=LONG)
        times = exposure_times(open_exposure(tmp_path))
        assert (times.end[-1] - times.start[0]).to_value(u.hour) > 20
        assert worst(times.bjd, by_development_ephemeris(simulation, DAY, times.middle)) < 1e-4
        assert worst(times.bjd, by_light_travel_time(simulation, times.middle)) < 1e-3

    def test_through_the_barycentric_cards(self, tmp_path):
        """JWST_X alone does as well, when it is the Earth that moves on a curve."""
        missing = dict.fromkeys(("OBSGEO-X", "OBSGEO-Y", "OBSGEO-Z", "OBSGEODX", "OBSGEODY", "OBSGEODZ"))
        simulation = simulated(tmp_path, begins(DAY[0][0], -3600.0), missing, np.nan, LONG)
        times = exposure_times(open_exposure(tmp_path))
        assert times.bjd_source == "JWST_X, JWST_Y, JWST_Z"
        assert worst(times.bjd, by_development_ephemeris(simulation, DAY, times.middle)) < 1e-3

    def test_the_product_holds_them(self, tmp_path):
        row = YEAR[3]
        simulation = simulated(tmp_path, begins(row[0], 400.0), table=np.nan)
        ts = TimeSeriesExtractor(aperture_radii=[3.0]).extract(tmp_path)
        assert ts["time_bjd"].scale == "tdb" and not ts["time_bjd"].mask.any()
        assert worst(ts["time_bjd"], by_development_ephemeris(simulation, [row], ts["time"])) < 1e-3
        assert ts.meta["time_bjd_source"] == "OBSGEO-X, OBSGEO-Y, OBSGEO-Z"

    def test_table_of_the_pipeline(self, tmp_path):
        """INT_TIMES' own are used, being within 0.1 s of ours in every row."""
        row = YEAR[3]
        simulation = simulated(tmp_path, begins(row[0], 400.0))
        times = exposure_times(open_exposure(tmp_path))
        assert times.bjd_source == "INT_TIMES"
        assert worst(times.bjd, by_development_ephemeris(simulation, [row], times.middle)) < 1e-3


def test_a_straight_line_would_not_do(tmp_path):
    """
    JWST_X and its velocity at mid-exposure are 12.8 ms off ten hours later.

    The way that the Sun pulls the Earth off a straight line is half of 5.93e-6 km/s^2
    times 36,000 s squared, 3,843 km; the star here stands 130 degrees from the Sun, as
    far as JWST can look away from a right angle.
    """
    outward = np.array(DAY[3][1]) / np.linalg.norm(DAY[3][1])
    pole = np.array([0.0, -np.sin(np.radians(23.44)), np.cos(np.radians(23.44))])
    towards = np.cos(np.radians(50)) * outward + np.sin(np.radians(50)) * np.cross(pole, outward)
    star = (float(np.degrees(np.arctan2(towards[1], towards[0])) % 360), float(np.degrees(np.arcsin(towards[2]))))
    start = begins(DAY[0][0], -3600.0)
    simulation = simulated(tmp_path, start, table=np.nan, settings=LONG, target_coordinates=star)
    exposure = open_exposure(tmp_path)
    times = exposure_times(exposure)
    truth = by_development_ephemeris(simulation, DAY, times.middle, star)
    header = exposure.header
    place = np.array([header[f"JWST_{axis}"] for axis in "XYZ"])
    speed = np.array([header[f"JWST_D{axis}"] for axis in "XYZ"])
    epoch = Time(header["EPH_TIME"], format="mjd")
    with offline():
        ten_hours = epoch + np.array([-10, 10]) * u.hour
        tdb = ten_hours.tdb
        seconds = ((tdb.jd1 - 2400000.5 - DAY[0][0]) + tdb.jd2) * 86400
        days, places, speeds = (np.array(column) for column in zip(*DAY, strict=True))
        earth = CubicHermiteSpline((days - days[0]) * 86400, places, speeds)(seconds)
        orbit, elapsed = simulation.settings.ephemeris, (ten_hours - epoch).sec[:, None]
        there = earth + orbit.geocentric + orbit.geocentric_velocity * elapsed
        # The Earth is 1.014 au from the Sun on that day.
        assert np.linalg.norm(there - (place + speed * elapsed), axis=1) / LIGHT * 1.014**2 == pytest.approx(
            [0.0128, 0.0128], abs=2e-4
        )
        straight = place + speed * (times.middle - epoch).sec[:, None]
        line = times.middle.tdb + np.sum(straight * unit_vector(star), axis=1) / LIGHT * u.s
    assert worst(line, truth) > 0.007
    assert worst(times.bjd, truth) < 1e-4


def test_poisoned_cards_change_nothing(tmp_path):
    start = begins(YEAR[3][0], 400.0)
    for name in ("sound", "poisoned"):
        (tmp_path / name).mkdir()
    simulated(tmp_path / "sound", start, table=np.nan)
    poison = {"BARTDELT": -409.8, "BSTRTIME": 1.0, "BMIDTIME": 59999.0, "BENDTIME": "never"}
    poison |= {f"TDB-{part}": 60000.5 for part in ("BEG", "MID", "END")}
    simulated(tmp_path / "poisoned", start, poison, np.nan)
    sound, poisoned = (exposure_times(open_exposure(tmp_path / name)) for name in ("sound", "poisoned"))
    assert said(poisoned) == [] and poisoned.bjd_source == sound.bjd_source
    assert np.array_equal(sound.bjd.jd1, poisoned.bjd.jd1) and np.array_equal(sound.bjd.jd2, poisoned.bjd.jd2)


@pytest.mark.parametrize("row", [0, 1, 2])
def test_table_that_is_wrong_in_one_row(tmp_path, row):
    simulation = simulated(tmp_path, begins(YEAR[3][0], 400.0))
    with fits.open(simulation.paths[0], mode="update") as hdus:
        hdus["INT_TIMES"].data["int_mid_BJD_TDB"][row] += 0.12 / 86400
    times = exposure_times(open_exposure(tmp_path))
    assert times.bjd_source == "OBSGEO-X, OBSGEO-Y, OBSGEO-Z"
    assert any("up to 0.12 s from r.n/c" in note for note in said(times))
    assert worst(times.bjd, by_development_ephemeris(simulation, [YEAR[3]], times.middle)) < 1e-4


def test_target_of_the_user_has_precedence_over_the_table(tmp_path):
    """The table is for the header's target: 100 arcseconds beside it are worth 48 ms."""
    simulation = simulated(tmp_path, begins(YEAR[3][0], 400.0))
    star = (STAR[0], STAR[1] + 100 / 3600)
    times = exposure_times(open_exposure(tmp_path), target=SkyCoord(*star, unit="deg"))
    assert times.bjd_source == "OBSGEO-X, OBSGEO-Y, OBSGEO-Z" and said(times) == []
    assert worst(times.bjd, by_development_ephemeris(simulation, [YEAR[3]], times.middle, star)) < 1e-4
    assert worst(times.bjd, by_development_ephemeris(simulation, [YEAR[3]], times.middle)) > 0.02


def test_target_that_moves(tmp_path):
    """Barnard's star, 10.4 arcseconds a year, is not where the catalogue of 2016 has it."""
    simulation = simulated(tmp_path, begins(YEAR[3][0], 400.0))
    epoch = Time(2016.0, format="jyear", scale="tdb")
    target = SkyCoord(
        269.44850 * u.deg,
        4.73942 * u.deg,
        pm_ra_cosdec=-801.551 * u.mas / u.yr,
        pm_dec=10362.394 * u.mas / u.yr,
        obstime=epoch,
    )
    times = exposure_times(open_exposure(tmp_path), target=target)
    years = (YEAR[3][0] - epoch.mjd) / 365.25
    moved = (269.44850 - 0.801551 * years / 3600 / np.cos(np.radians(4.73942)), 4.73942 + 10.362394 * years / 3600)
    assert worst(times.bjd, by_development_ephemeris(simulation, [YEAR[3]], times.middle, moved)) < 1e-4
    where_it_was = (269.44850, 4.73942)
    assert worst(
        times.bjd, by_development_ephemeris(simulation, [YEAR[3]], times.middle, where_it_was)
    ) == pytest.approx(0.0155, abs=5e-4)


# What each set of cards must lead to: the source, what the notes say, and the largest error in s.
FALLBACKS = {
    "OBSGEO all zero": (dict.fromkeys(("OBSGEO-X", "OBSGEO-Y", "OBSGEO-Z"), 0.0), "JWST_X", "OBSGEO-X", 1e-4),
    "OBSGEO in km": ({"OBSGEO-X": 5e5, "OBSGEO-Y": 1e6, "OBSGEO-Z": 8e5}, "JWST_X", "impossible", 1e-4),
    "OBSGEO as text": ({"OBSGEO-Y": "unknown"}, "JWST_X", "OBSGEO-Y", 1e-4),
    "OBSGEO too far": ({"OBSGEO-X": 2.1e9}, "JWST_X", "impossible", 1e-4),
    "JWST_X in m": ({"JWST_X": -1.4e11, "JWST_Y": -4.6e10}, "OBSGEO-X", "JWST_X", 1e-4),
    "JWST_X as text": ({"JWST_X": "NaN"}, "OBSGEO-X", "JWST_X", 1e-4),
    "neither is true": ({"JWST_X": 0.0, "OBSGEO-X": 9e9}, "Earth's centre", "up to 5 s off", 5.0),
    "EPH_TIME missing": ({"EPH_TIME": None}, "OBSGEO-X", "EPH_TIME missing", 1e-3),
    "EPH_TIME as text": ({"EPH_TIME": "NaN"}, "OBSGEO-X", "EPH_TIME = 'NaN'", 1e-3),
    "EPH_TIME as JD": ({"EPH_TIME": 2460044.5}, "OBSGEO-X", "not a Modified Julian Date", 1e-3),
    "EPH_TIME days off": ({"EPH_TIME": 60041.5}, "Earth's centre", "2.5", 5.0),
    "EPH_TIME an hour off": ({"EPH_TIME": 60044.05}, "OBSGEO-X", "JWST_X", 0.01),
    "EPH_TIME without OBSGEO": ({"EPH_TIME": None, "OBSGEO-X": None}, "Earth's centre", "EPH_TIME", 5.0),
    "no velocity": (dict.fromkeys(("OBSGEODX", "JWST_DX")), "OBSGEO-X", "stand still", 1e-3),
    "velocity from JWST_DX": ({"OBSGEODX": None}, "OBSGEO-X", None, 1e-4),
    "velocity in mm/s": ({"OBSGEODX": 3e5, "OBSGEODY": 3e5}, "OBSGEO-X", "km/s seen from", 1e-4),
    "velocity in km/s": ({"OBSGEODX": 0.1, "OBSGEODY": 0.1}, "OBSGEO-X", "differ by", 1e-3),
    "velocity in m/s": ({"JWST_DX": 9476.9, "OBSGEODX": None}, "OBSGEO-X", "JWST_DX", 1e-3),
    "target turned once": ({"TARG_RA": 360.0001}, "OBSGEO-X", None, None),
}


@pytest.mark.parametrize("name", FALLBACKS)
def test_odd_cards(tmp_path, name):
    cards, source, note, error = FALLBACKS[name]
    simulation = simulated(tmp_path, begins(YEAR[3][0], 400.0), cards, np.nan)
    times = exposure_times(open_exposure(tmp_path))
    star = STAR if error is not None else (0.0001, STAR[1])
    assert times.bjd_source.startswith(source)
    assert any(note in text for text in said(times)) if note else said(times) == []
    off = worst(times.bjd, by_development_ephemeris(simulation, [YEAR[3]], times.middle, star))
    assert off < (error or 1e-4)
    assert not times.bjd.mask.any() and not times.middle.mask.any()


@pytest.mark.parametrize(
    "cards",
    [
        {"TARG_RA": "09:20:00"},
        {"TARG_RA": "NaN"},
        {"TARG_DEC": 91.0},
        {"TARG_RA": -999.0, "TARG_DEC": -35.0},
        {"TARG_RA": 361.5},
        {"TARG_DEC": True},
    ],
    ids=str,
)
def test_no_place_on_the_sky(tmp_path, cards):
    """Masked and said, or the next pair of cards."""
    start = begins(YEAR[3][0], 400.0)
    simulated(tmp_path, start, cards)
    times = exposure_times(open_exposure(tmp_path))
    assert times.bjd.mask.all() and times.bjd_source == "none"
    assert not times.middle.mask.any()
    assert any(next(iter(cards)) in note for note in said(times))
    simulation = simulated(tmp_path, start, {**cards, "RA_TARG": STAR[0], "DEC_TARG": STAR[1]}, np.nan)
    times = exposure_times(open_exposure(tmp_path))
    assert worst(times.bjd, by_development_ephemeris(simulation, [YEAR[3]], times.middle)) < 1e-4
    assert any(next(iter(cards)) in note for note in said(times))


OFFLINE = """
    import json, socket, sys, warnings

    asked = []

    def refuse(*arguments, **options):
        asked.append(str(arguments))
        raise OSError("no network")

    socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse

    from astropy.coordinates import SkyCoord
    from astropy.time import Time
    from astropy.utils import iers

    # Every table of leap seconds that is installed has ended long ago.
    iers.LeapSeconds._today = staticmethod(lambda: Time("2099-01-01", scale="tai"))
    iers.conf.auto_download = sys.argv[2] == "True"

    from nircam_tso import TimeSeriesExtractor

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        extractor = TimeSeriesExtractor(aperture_radii=[3.0], target=SkyCoord(140.0, -35.0, unit="deg").galactic)
        first, again = (extractor.extract(sys.argv[1]) for _ in range(2))
    print(json.dumps({
        "asked": asked,
        "warned": [str(one.message) for one in caught],
        "auto_download": iers.conf.auto_download,
        "delay": (first["time_bjd"] - first["time"].tdb).sec.tolist(),
        "masked": bool(first["time"].mask.any() or first["time_bjd"].mask.any()),
    }))
"""


@pytest.mark.parametrize(("start", "allowed"), [("2061-05-17T23:59:00", True), ("2023-04-10T00:00:00", False)])
def test_whole_run_without_a_network(tmp_path, start, allowed):
    """A date beyond the table's end, all tables expired, a target in another frame: nothing is fetched."""
    simulation = simulated(tmp_path, start, table=np.nan)
    command = [sys.executable, "-c", textwrap.dedent(OFFLINE), str(tmp_path), str(allowed)]
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths}, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["asked"] == [] and told["auto_download"] is allowed and not told["masked"]
    leap = [text for text in told["warned"] if "leap seconds ends on" in text]
    assert len(leap) == (1 if start > "2060" else 0)
    assert [text for text in told["warned"] if text not in leap] == []
    with offline():
        times = simulation.truth["time"]
        expected = (by_light_travel_time(simulation, times) - times.tdb).sec if start < "2060" else None
    if expected is not None:
        assert told["delay"] == pytest.approx(expected, abs=1e-3)
    else:
        orbit = simulation.settings.ephemeris
        with offline():
            expected = (orbit.barycentric_time(times, *STAR) - times.tdb).sec
        assert told["delay"] == pytest.approx(expected, abs=1e-5)
