"""Times of real headers, against published figures and against each other."""

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time

from nircam_tso.io.exposure import Exposure, Segment
from nircam_tso.quality import QualityFlag
from nircam_tso.timing import Readout, exposure_times, nircam_frame_time, offline
from nircam_tso.timing.barycentre import direction, earth, geocentric_vector, light_delay
from nircam_tso.timing.clock import mjd_to_tai

CUTOUT = "jwst_nircam_f444w_cutout.fits"
BLANKED = "jwst_nircam_f210m_header_only_uncal.fits"
ACQ1 = "jwst_fgs_acq1_uncal.fits"


def segment(path, kind, n=1, n_groups=None, first=1):
    """A segment as a reader makes it, without its pixels."""
    with fits.open(path) as hdul:
        image = hdul["SCI"] if "SCI" in hdul else hdul[0]
        header = hdul[0].header.copy(strip=True)
        header.update(image.header)
        table = np.array(hdul["INT_TIMES"].data) if "INT_TIMES" in hdul else None
        shape = image.shape[-2:]
    return Segment(path.name, str(path), kind, header, n, n_groups, shape, first_integration=first, int_times=table)


def delay_at(header, mjd):
    """r.n/c in s at a UTC date, and the same for the Earth's centre."""
    day, seconds = (np.atleast_1d(part) for part in mjd_to_tai(mjd))
    vector, notes = geocentric_vector(header)
    towards = direction(header)
    return [float(light_delay(day, seconds, place, towards)[0][0]) for place in (vector, None)], notes


@pytest.mark.parametrize("name", [CUTOUT, BLANKED])
def test_nircam_in_flight_obeys_the_span_formula(realdata, name):
    header = segment(realdata / name, "jwst-cal").header
    readout = Readout.from_header(header)
    assert (header["EXPEND"] - header["EXPSTART"]) * 86400 == pytest.approx(readout.span(), abs=1e-6)
    assert readout.tframe == pytest.approx(nircam_frame_time(2048, 2048, 4), abs=1e-9)


@pytest.mark.parametrize(("name", "kind", "n_groups"), [(CUTOUT, "jwst-cal", None), (BLANKED, "jwst-uncal", 10)])
def test_middle_of_the_reads_of_nircam(realdata, name, kind, n_groups):
    one = segment(realdata / name, kind, n_groups=n_groups)
    times = exposure_times(Exposure([one]))
    header = one.header
    expected = Time(header["EXPMID"], format="mjd") + 0.5 * header["TFRAME"] * u.s
    assert abs((times.middle - expected).sec[0]) < 2e-6
    assert times.source == "readout keywords"
    assert times.flags == [QualityFlag.TIME_FROM_HEADER]
    assert times.exposure_time == pytest.approx([42.94708 if n_groups is None else 9 * 10.73677])


@pytest.mark.parametrize(("name", "limit"), [(CUTOUT, 0.00015), (BLANKED, 0.0005)])
def test_dates_and_mjd_of_nircam_agree(realdata, name, limit):
    header = segment(realdata / name, "jwst-cal").header
    start = Time(f"{header['DATE-OBS']}T{header['TIME-OBS']}")
    assert abs((start - Time(header["EXPSTART"], format="mjd")).sec) < limit
    # MJD-BEG may be rounded to nine decimals, 43 microseconds.
    assert abs((start - Time(header["MJD-BEG"], format="mjd")).sec) < limit + 5e-5


@pytest.mark.parametrize(("name", "seconds", "apart"), [(CUTOUT, 204.594, 2032), (BLANKED, 333.870, 2041)])
def test_light_travel_time_of_nircam(realdata, name, seconds, apart):
    header = segment(realdata / name, "jwst-cal").header
    (ours, centre), (note,) = delay_at(header, header["EXPMID"])
    # The figure was found with JWST_X, which in these headers is up to 7 ms off.
    assert ours == pytest.approx(seconds, abs=0.007)
    assert abs(ours - centre) > 3.0
    assert f"{apart} km" in note and "OBSGEO" in note
    # The header's own figure is wrong by more than Earth's centre.
    assert abs(header["BARTDELT"] - ours) > 16


def test_light_travel_time_from_the_barycentric_cards(realdata):
    header = segment(realdata / CUTOUT, "jwst-cal").header
    place = np.array([header[f"JWST_{axis}"] for axis in "XYZ"])
    speed = np.array([header[f"JWST_D{axis}"] for axis in "XYZ"])
    moved = place + speed * (header["EXPMID"] - header["EPH_TIME"]) * 86400
    assert np.sum(moved * np.array(direction(header))) / 299792.458 == pytest.approx(204.594, abs=0.001)
    # Earth's centre seen from there, by the same dot product.
    (_, centre), _ = delay_at(header, header["EXPMID"])
    assert 204.594 - centre == pytest.approx(3.526, abs=0.002)


@pytest.mark.parametrize("name", [CUTOUT, BLANKED, ACQ1, "jwst_fgs_fineguide_header_only.fits"])
def test_geocentric_cards_against_barycentric_ones(realdata, name):
    header = segment(realdata / name, "jwst-cal").header
    direct, notes = geocentric_vector(header)
    early = header["SDP_VER"] < "2023_3"
    assert bool(notes) == early
    for axis in "XYZ":
        del header[f"OBSGEO-{axis}"]
    indirect, _ = geocentric_vector(header)
    gap = np.linalg.norm(np.subtract(direct.position, indirect.position))
    # The early headers' fault is undone by asking the ephemeris as they did.
    assert gap < 10.0


def test_barycentric_time_of_nircam(realdata):
    times = exposure_times(Exposure([segment(realdata / CUTOUT, "jwst-cal")]))
    delay = (times.bjd - times.middle.tdb).sec[0]
    assert delay == pytest.approx(204.594, abs=0.007)
    assert times.bjd_source == "OBSGEO-X, OBSGEO-Y, OBSGEO-Z"


def test_acquisition_images(realdata):
    times = exposure_times(Exposure([segment(realdata / ACQ1, "jwst-uncal", 6, 2)]))
    step = 13.266 / 6
    expected = Time("2022-04-27T00:30:49.000") + (np.arange(6) + 0.5) * step * u.s
    assert np.max(np.abs((times.middle - expected).sec)) < 1e-6
    assert np.diff(times.middle.mjd) * 86400 == pytest.approx(np.full(5, step), abs=2e-6)
    assert times.source == "DATE-OBS, TIME-OBS, DATE-END"
    assert (times.exposure_time == 0.364).all()
    # No card names the target's place on the sky.
    assert times.bjd.mask.all()
    assert (times.flags == QualityFlag.TIME_FROM_HEADER).all()


def test_cards_that_contradict_each_other(realdata):
    path = realdata / "miri_tso_simulated_empty_int_times_calints.fits"
    times = exposure_times(Exposure([segment(path, "jwst-calints", 4, first=1847)]))
    assert len(times) == 4
    assert times.middle.mask.all() and times.bjd.mask.all()
    assert (times.flags == QualityFlag.TIME_INVALID).all()
    said = " ".join(times.notes)
    for card in ("EXPSTART", "DATE-OBS", "TIME-OBS", "EXPEND", "NINTS", "INTSTART", "INTEND", "TFRAME"):
        assert card in said
    assert times.exposure_time == pytest.approx([47.712] * 4)


def test_images_from_the_ground(realdata):
    paths = sorted((realdata / "lbt_luci2_k2-22").glob("*.fits"))
    times = exposure_times(Exposure([segment(path, "image", first=i + 1) for i, path in enumerate(paths)]))
    headers = [fits.getheader(path) for path in paths]
    expected = Time([h["DATE-OBS"] for h in headers]) + [h["EXPTIME"] / 2 for h in headers] * u.s
    assert np.max(np.abs((times.middle - expected).sec)) < 1e-9
    assert (np.diff(times.middle.mjd) > 0).all() and len(times) == 10
    other = Time([h["MJD-OBS"] for h in headers], format="mjd")
    # Six decimals of a day are good to 43 ms.
    assert np.max(np.abs((times.start - other).sec)) < 0.0433
    assert times.source == "DATE-OBS + EXPTIME/2" and times.notes == ()


def test_light_travel_time_of_tess(realdata):
    published = Table.read(realdata / "tess25155310-s01-published-lightcurve.ecsv", format="ascii.ecsv")
    header = fits.getheader(realdata / "tess25155310-s01-first-cadences.fits.gz", 1)
    corrections = np.asarray(published["TIMECORR"], dtype=np.float64) * 86400
    there = Time(2457000.0, np.asarray(published["TIME"]) - corrections / 86400, format="jd", scale="tdb")
    cube = Segment("array", None, "array", header, len(there), None, (11, 11))
    times = exposure_times(Exposure([cube]), given=there)
    ours = (times.bjd - there).sec
    # TESS is up to 1.3 light-seconds from the Earth's centre, which is all that is known here.
    assert ours == pytest.approx(corrections, abs=0.3)
    assert ours[0] == pytest.approx(77.724, abs=0.002)
    assert times.bjd_source == "Earth's centre"


def test_orbit_of_the_earth_against_the_mission(realdata):
    # JWST_X of the one header that is free of the early fault: Earth + OBSGEO to 4 km.
    header = segment(realdata / ACQ1, "jwst-uncal").header
    with offline():
        tt = Time(header["EPH_TIME"], format="mjd", scale="utc").tt
    position, _ = earth(np.array([np.floor(tt.mjd)]), np.array([(tt.mjd % 1) * 86400]))
    for axis, centre in zip("XYZ", position, strict=True):
        assert centre[0] + header[f"OBSGEO-{axis}"] / 1e3 == pytest.approx(header[f"JWST_{axis}"], abs=4.0)
