"""Times of files whose tables and cards are wrong: right, or flagged, never shifted (rows 25, 31 to 33 and 68)."""

import datetime

import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time

from nircam_tso.exceptions import CorruptFileError, SegmentError, TimeMetadataError
from nircam_tso.io.sources import open_exposure
from nircam_tso.quality import QualityFlag
from nircam_tso.simulate import simulate_exposure
from nircam_tso.timing import exposure_times

TIME_BITS = QualityFlag.TIME_FROM_HEADER | QualityFlag.TIME_INVALID
N = 12
#: Seconds by which each integration is longer than the keywords tell: subarrays reset rows, which only INT_TIMES knows.
RESET = 0.004


@pytest.fixture
def observed(tmp_path):
    """Two segments with their tables, and the true times of the middles."""
    made = simulate_exposure(
        tmp_path / "visit", n_integrations=N, segments=2, shape=(24, 32), flux=5e4, row_reset_time=RESET, n_groups=4
    )
    return made.paths, made.truth["time"]


def edit(path, change):
    """Change the rows of INT_TIMES of a file."""
    with fits.open(path) as hdus:
        hdus = fits.HDUList([hdu.copy() for hdu in hdus])
    rows = change(np.array(hdus["INT_TIMES"].data))
    place = hdus.index_of("INT_TIMES")
    del hdus[place]
    if rows is not None:
        hdus.insert(place, fits.BinTableHDU(rows, name="INT_TIMES"))
    hdus.writeto(path, overwrite=True)


def number(rows, values):
    rows["integration_number"] = values
    return rows


def hollow(rows):
    for name in rows.dtype.names[1:]:
        rows[name][2] = np.nan
    return rows


def whole(rows):
    """The table of the whole exposure, as flight files of late have it in every segment."""
    step = np.diff(rows["int_mid_MJD_UTC"]).mean()
    table = np.zeros(N, rows.dtype)
    table["integration_number"] = np.arange(1, N + 1)
    for name in rows.dtype.names[1:]:
        if "UTC" in name or "BJD" in name:
            table[name] = rows[name][0] + step * (table["integration_number"] - rows["integration_number"][0])
    return table


TABLES = {
    "absent": (lambda rows: None, True),
    "of no rows": (lambda rows: rows[:0], True),
    "short": (lambda rows: rows[[0, 1, 3, 4]], True),
    "of the whole exposure": (whole, False),
    "shuffled": (lambda rows: rows[[3, 0, 5, 1, 4, 2]], False),
    "with a row of NaN": (hollow, True),
    "with a number twice": (lambda rows: number(rows, [*rows["integration_number"][:5], rows[0][0]]), True),
    "from another number": (lambda rows: number(rows, rows["integration_number"] + 3), True),
    "in reverse": (lambda rows: rows[::-1], False),
    "of nothing but zeros": (lambda rows: number(rows, 0), True),
}


@pytest.mark.parametrize("kind", TABLES)
def test_int_times_are_joined_by_number(observed, kind):
    """Row 25: each time is the true one within what its flag admits; none is that of another integration."""
    paths, truth = observed
    change, flagged = TABLES[kind]
    edit(paths[1], change)
    try:
        times = exposure_times(open_exposure(paths))
    except SegmentError:
        assert kind == "from another number"
        return
    flags = np.asarray(times.flags)
    known = ~np.asarray(times.middle.mask)
    off = np.abs((times.middle[known] - truth[known]).sec)
    exact = known & (flags & TIME_BITS == 0)
    assert np.abs((times.middle[exact] - truth[exact]).sec).max() < 1e-3
    # A shift by one integration would be twice as much.
    assert off.max() < 0.5 * np.diff(truth.mjd).min() * 86400
    assert (flags[~known] & QualityFlag.TIME_INVALID != 0).all()
    assert (flags[:6] & TIME_BITS == 0).all()
    assert bool((flags[6:] & TIME_BITS).any()) is flagged
    if not flagged:
        assert times.source == "INT_TIMES" and off.max() < 1e-3
    if kind == "absent":
        assert (flags[6:] & TIME_BITS != 0).all()


@pytest.mark.parametrize("first", [1, 32760])
def test_numbers_that_roll_over(tmp_path, first):
    """Row 25: INT_TIMES counts in 16 bits in some files, and goes on at -32768."""
    made = simulate_exposure(tmp_path / "visit", n_integrations=N, shape=(24, 32), flux=5e4, n_groups=4)
    path = made.paths[0]
    with fits.open(path, mode="update") as hdus:
        header = hdus[0].header
        shift = (first - 1) * np.diff(made.truth["time"].mjd).mean()
        header["INTSTART"], header["INTEND"], header["NINTS"] = first, first + N - 1, first + N - 1
        # The exposure began so much earlier; the times of these integrations stay.
        header["EXPSTART"] -= shift
        for card in ("DATE-OBS", "TIME-OBS", "DATE-BEG", "EXPMID"):
            header.remove(card, ignore_missing=True)
        numbers = np.arange(first, first + N)
        hdus["INT_TIMES"].data["integration_number"] = (numbers + 32768) % 65536 - 32768
    times = exposure_times(open_exposure(path))
    known = ~np.asarray(times.middle.mask)
    assert known.all()
    assert np.abs((times.middle - made.truth["time"]).sec).max() < 1e-3
    assert times.source.startswith("INT_TIMES")


def ground(path, ncdhas, **cards):
    ncdhas(path, "slp", k=1, cards={"NINTS": 1, **{key.replace("_", "-"): value for key, value in cards.items()}})
    return exposure_times(open_exposure(path))


@pytest.mark.parametrize(
    ("day", "begin", "end", "middle"),
    [
        ("2016-01-12", "23:50:00", "00:10:00", "2016-01-13T00:00:00"),
        ("2015-12-31", "23:40:00", "00:00:00", "2015-12-31T23:50:00"),
        ("2016-12-30", "23:50:00", "00:10:00", "2016-12-31T00:00:00"),
        ("2016-02-28", "23:50:00", "00:30:00", "2016-02-29T00:10:00"),
        ("2015-02-28", "23:50:00", "00:30:00", "2015-03-01T00:10:00"),
        # The last minute of that year had 61 seconds.
        ("2016-12-31", "23:59:00", "00:00:00", "2016-12-31T23:59:30.5"),
        ("2016-12-31", "23:59:58", "00:00:02", "2016-12-31T23:59:60.5"),
    ],
)
def test_ends_on_the_next_day(tmp_path, ncdhas, day, begin, end, middle):
    """Row 31: midnight, New Year, the end of February in two years, a leap second."""
    times = ground(tmp_path / "a_I001.slp.fits", ncdhas, DATE_OBS=day, TIME_OBS=begin, TIME_END=end)
    assert abs((times.middle[0] - Time(middle, scale="utc")).sec) < 1e-3
    assert times.flags[0] & QualityFlag.MIDNIGHT_ROLLOVER


@pytest.mark.parametrize("end", ["11:59:59", "12:00:00"])
def test_ends_before_it_begins(tmp_path, ncdhas, end):
    """Row 32: a second backwards is no midnight, and no time at all is no exposure."""
    path = tmp_path / "a_I001.slp.fits"
    with pytest.raises(TimeMetadataError, match="TIME-END") as caught:
        ground(path, ncdhas, DATE_OBS="2016-01-12", TIME_OBS="12:00:00", TIME_END=end)
    assert "a_I001.slp.fits" in str(caught.value)
    times = exposure_times(open_exposure(path), on_error="flag")
    assert times.middle.mask.all() and times.flags[0] & QualityFlag.TIME_INVALID


@pytest.mark.parametrize("date", ["", "2016-02-30", "16-1-2", "2016-1-2", "2016-13-01", "2016-01-12T25:00:00", "never"])
def test_dates_that_are_none(tmp_path, image, date):
    """Row 33: no date is made of them."""
    path = tmp_path / "a.fits"
    image(path, start=date, EXPTIME=10.0)
    if date:
        with pytest.raises((TimeMetadataError, CorruptFileError), match=r"a\.fits.*DATE-OBS"):
            exposure_times(open_exposure(path))
    times = exposure_times(open_exposure(path, on_error="flag"), on_error="flag")
    assert times.middle.mask.all() and times.flags[0] & QualityFlag.TIME_INVALID


@pytest.mark.parametrize("value", [None, float("nan"), "２０１６-01-12"])
def test_dates_that_are_not_even_text(tmp_path, image, value):
    """Row 33: missing, a number that is none, full-width digits."""
    path = tmp_path / "a.fits"
    image(path, start=None, EXPTIME=10.0)
    if value is not None:
        shown = "NaN" if isinstance(value, float) else f"'{value}'"
        raw = bytearray(path.read_bytes())
        card = f"DATE-OBS= {shown}".encode().ljust(80)[:80]
        at = raw.index(b"EXPTIME")
        raw[at : at + 80] = card
        path.write_bytes(raw)
    times = exposure_times(open_exposure(path, on_error="flag"), on_error="flag")
    assert times.middle.mask.all() and times.flags[0] & QualityFlag.TIME_INVALID


def test_zulu_is_accepted(tmp_path, image):
    """Row 33."""
    image(tmp_path / "a.fits", start="2016-01-12T18:00:43.5Z", EXPTIME=10.0)
    middle = exposure_times(open_exposure(tmp_path / "a.fits")).middle[0]
    expected = datetime.datetime(2016, 1, 12, 18, 0, 48, 500_000)
    assert abs((middle - Time(expected, scale="utc")).sec) < 1e-3


@pytest.mark.parametrize(
    ("cards", "named"),
    [
        ({"DATE-OBS": "2016-01-12", "TIME-OBS": "18:00:00"}, ("EXPSTART", "DATE-OBS")),
        ({"TFRAME": 2.0}, ("EXPSTART", "EXPEND")),
    ],
)
def test_cards_that_contradict_each_other(observed, cards, named):
    """Row 68: by years, or by more than a frame: no time is given, and the cards are named."""
    paths, _ = observed
    for path in paths:
        edit(path, lambda rows: None)
        with fits.open(path, mode="update") as hdus:
            hdus[0].header.update(cards)
            if "DATE-OBS" in cards:
                hdus[0].header.remove("DATE-BEG", ignore_missing=True)
    times = exposure_times(open_exposure(paths), on_error="flag")
    assert np.asarray(times.middle.mask).all()
    assert (np.asarray(times.flags) & QualityFlag.TIME_INVALID != 0).all()
    assert any(all(name in note for name in named) for note in times.notes), times.notes
