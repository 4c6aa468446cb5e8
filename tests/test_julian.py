"""Calendar dates and Julian dates, against ERFA, the literature and the standard library."""

import datetime
import time

import erfa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nircam_tso.julian import (
    CalendarDate,
    day_of_year,
    fractional_year,
    gregorian_to_jd,
    is_leap_year,
    jd_to_gregorian,
    now,
    parse_iso,
)

# J. Meeus, Astronomical Algorithms (2nd ed., 1998), chapter 7: the worked examples and
# the table of page 62. Dates to 1582-10-04 are of the Julian calendar.
MEEUS = [
    (1957, 10, 4.81, 2436116.31),
    (333, 1, 27.5, 1842713.0),
    (2000, 1, 1.5, 2451545.0),
    (1999, 1, 1.0, 2451179.5),
    (1987, 1, 27.0, 2446822.5),
    (1987, 6, 19.5, 2446966.0),
    (1988, 1, 27.0, 2447187.5),
    (1988, 6, 19.5, 2447332.0),
    (1900, 1, 1.0, 2415020.5),
    (1600, 1, 1.0, 2305447.5),
    (1600, 12, 31.0, 2305812.5),
    (837, 4, 10.3, 2026871.8),
    (-123, 12, 31.0, 1676496.5),
    (-122, 1, 1.0, 1676497.5),
    (-1000, 7, 12.5, 1356001.0),
    (-1000, 2, 29.0, 1355866.5),
    (-1001, 8, 17.9, 1355671.4),
    (-4712, 1, 1.5, 0.0),
]

EPOCHS = [
    # MJD 0, by its definition (IAU 1973, resolution 4 of commission 4).
    ((1858, 11, 17), 2400000.5),
    # POSIX time 0, by its definition (IEEE Std 1003.1).
    ((1970, 1, 1), 2440587.5),
    # The CCSDS epoch of TAI counts (CCSDS 301.0-B-4).
    ((1958, 1, 1), 2436204.5),
    # GPS time 0 (IS-GPS-200).
    ((1980, 1, 6), 2444244.5),
    # J2000.0 (IAU 1976).
    ((2000, 1, 1, 12), 2451545.0),
    # The last and the first day of the reform, counted in the proleptic calendar.
    ((1582, 10, 4), 2299149.5),
    ((1582, 10, 15), 2299160.5),
]

LAST = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
DAYS = st.dates(datetime.date(1, 1, 1), datetime.date(9999, 12, 31))


def cal2jd(year, month, day):
    """ERFA's Julian date at midnight; exact, both parts being halves of whole numbers."""
    return np.add(*erfa.cal2jd(year, month, day))


@pytest.mark.parametrize(("year", "month", "day", "jd"), MEEUS)
def test_meeus(year, month, day, jd):
    assert gregorian_to_jd(year, month, day, calendar="mixed") == pytest.approx(jd, abs=1e-9)
    back = jd_to_gregorian(jd, calendar="mixed", decimals=3)
    assert back[:3] == (year, month, int(day))
    assert back.hour + back.minute / 60 + back.second / 3600 == pytest.approx(day % 1 * 24, abs=1e-4)


@pytest.mark.parametrize(("date", "jd"), EPOCHS)
def test_epochs(date, jd):
    assert gregorian_to_jd(*date) == pytest.approx(jd, abs=5e-7)


def test_every_month_end_equals_erfa():
    years = np.arange(-4799, 10000)[:, None]
    months = np.arange(1, 13)[None, :]
    leap = (years % 4 == 0) & ((years % 100 != 0) | (years % 400 == 0))
    ends = LAST[None, :] + (leap & (months == 2))
    for days in (np.ones_like(ends), ends):
        assert np.array_equal(gregorian_to_jd(years, months, days), cal2jd(years, months, days))


@given(st.integers(-4799, 9999), st.integers(1, 12), st.integers(1, 28), st.integers(0, 86399))
def test_equals_erfa_with_the_time_of_day(year, month, day, seconds):
    first, fraction = gregorian_to_jd(
        year, month, day, seconds // 3600, seconds // 60 % 60, seconds % 60, two_part=True
    )
    assert first == cal2jd(year, month, day)
    assert fraction == seconds / 86400


@pytest.mark.parametrize("calendar", ["proleptic_gregorian", "julian", "mixed"])
def test_days_follow_each_other_and_come_back(calendar):
    jd = np.arange(2190000.5, 2525000.5)
    year, month, day, *rest = jd_to_gregorian(jd, calendar=calendar)
    assert np.array_equal(gregorian_to_jd(year, month, day, calendar=calendar), jd)
    assert not np.any(rest)
    # A new month begins where, and only where, the day of the month falls to 1.
    assert np.array_equal(np.diff(month) != 0, np.diff(day) < 0)


@pytest.mark.slow
@pytest.mark.parametrize("calendar", ["proleptic_gregorian", "julian", "mixed"])
def test_every_day_of_fourteen_thousand_years(calendar):
    jd = np.arange(-31738.5, 5373484.5)
    year, month, day, *_ = jd_to_gregorian(jd, calendar=calendar)
    assert np.array_equal(gregorian_to_jd(year, month, day, calendar=calendar), jd)


@given(st.integers(-100000, 100000), st.integers(1, 12), st.integers(1, 28))
def test_julian_calendar_by_counting_years_of_365_and_a_quarter(year, month, day):
    # Meeus' formula (7.1) with B = 0, in Python's own whole numbers.
    y, m = (year, month) if month > 2 else (year - 1, month + 12)
    expected = 1461 * (y + 4716) // 4 + 306001 * (m + 1) // 10000 + day - 1524.5
    assert gregorian_to_jd(year, month, day, calendar="julian") == expected


@given(DAYS, st.integers(0, 86_400 * 10**9 - 1))
def test_comes_back_to_the_nanosecond(date, nanoseconds):
    seconds, rest = divmod(nanoseconds, 10**9)
    hms = (seconds // 3600, seconds // 60 % 60, seconds % 60 + rest / 1e9)
    back = jd_to_gregorian(*gregorian_to_jd(date.year, date.month, date.day, *hms, two_part=True))
    assert back[:5] == (date.year, date.month, date.day, *hms[:2])
    assert back.second == pytest.approx(hms[2], abs=1e-9)


@given(DAYS)
def test_day_and_fraction_of_the_year(date):
    days = date.timetuple().tm_yday
    length = datetime.date(date.year, 12, 31).timetuple().tm_yday
    assert day_of_year(date.year, date.month, date.day) == days
    assert fractional_year(date.year, date.month, date.day, 12) == pytest.approx(date.year + (days - 0.5) / length)


def test_year_of_the_reform():
    assert day_of_year(1582, 10, [4, 15], calendar="mixed").tolist() == [277, 278]
    assert fractional_year(1582, 12, 31, calendar="mixed") == pytest.approx(1582 + 354 / 355)
    assert gregorian_to_jd(1582, 10, 15, calendar="mixed") - gregorian_to_jd(1582, 10, 4, calendar="mixed") == 1
    with pytest.raises(ValueError, match=r"day\[1\]: 10 is one of the ten days left out"):
        gregorian_to_jd(1582, 10, [4, 10], calendar="mixed")


def test_leap_years():
    years = [-4, 0, 1500, 1582, 1600, 1900, 2000, 2100, 2400]
    assert is_leap_year(years).tolist() == [True, True, False, False, True, False, True, False, True]
    assert is_leap_year(1500, calendar="mixed") is True
    assert is_leap_year(1900, calendar="mixed") is False
    assert is_leap_year(1900, calendar="julian") is True


def test_scalars_equal_arrays_of_any_shape():
    years = np.array([[1999], [2000], [2016]], dtype=np.int16)
    days = np.array([1.0, 12.5], dtype=np.float32)
    table = gregorian_to_jd(years, 2, days)
    assert table.shape == (3, 2)
    assert table.tolist() == [[gregorian_to_jd(int(y), 2, float(d)) for d in days] for y in years[:, 0]]
    back = jd_to_gregorian(table)
    assert back.year.tolist() == [[1999] * 2, [2000] * 2, [2016] * 2]
    assert back.hour.tolist() == [[0, 12]] * 3
    assert isinstance(gregorian_to_jd(np.int64(2016), np.uint8(2)), float)
    assert gregorian_to_jd([]).shape == (0,)


def test_whole_dates():
    jd = gregorian_to_jd(2016, 1, 12, 18, 0, 43)
    east = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
    for date in (
        "2016-01-12T18:00:43",
        " 2016-01-12 18:00:43.000Z ",
        "2016-01-12T18:00:43(UTC)",
        "2016-01-12T11:00:43-0700",
        "2016-01-13T01:00:43+07",
        datetime.datetime(2016, 1, 12, 18, 0, 43),
        datetime.datetime(2016, 1, 12, 23, 30, 43, tzinfo=east),
        time.struct_time((2016, 1, 12, 18, 0, 43, 0, 0, 0)),
        np.datetime64("2016-01-12T18:00:43"),
    ):
        assert gregorian_to_jd(date) == jd
    assert gregorian_to_jd(datetime.date(2016, 1, 12)) == gregorian_to_jd("2016-01-12") == jd // 1 - 0.5
    assert gregorian_to_jd(["2016-01-12T18:00:43", "2000-01-01T12:00"]).tolist() == [jd, 2451545.0]
    assert gregorian_to_jd([time.struct_time((2000, 1, 1, 12, 0, 0, 0, 0, 0))] * 2).tolist() == [2451545.0] * 2
    assert gregorian_to_jd(np.array(["2016-01", "2017-01"], dtype="M8[M]")).tolist() == [2457388.5, 2457754.5]
    # The offset moves the date into the next year.
    assert day_of_year("2016-12-31T23:00:00-0700") == 1
    assert fractional_year("2016-12-31T17:00:00-0700") == 2017.0


def test_now():
    expected = time.time() / 86400 + 2440587.5
    assert now() == pytest.approx(expected, abs=1e-3)
    assert sum(now(two_part=True)) == pytest.approx(expected, abs=1e-3)
    assert gregorian_to_jd(time.gmtime()) == pytest.approx(now(), abs=1e-3)


def test_leap_seconds():
    first, fraction = gregorian_to_jd(2016, 12, 31, 23, 59, [59.5, 60, 60.5], two_part=True)
    assert first.tolist() == [2457753.5] * 3
    assert (fraction * 86400).tolist() == pytest.approx([86399.5, 86400.0, 86400.5])
    assert gregorian_to_jd("1972-06-30T23:59:60Z") == gregorian_to_jd(1972, 7, 1)
    for year, month, day in ((2016, 12, 30), (2016, 6, 30), (1971, 12, 31), (2017, 1, 1)):
        with pytest.raises(ValueError, match="second: 60 is not 0 to 59"):
            gregorian_to_jd(year, month, day, 23, 59, 60)
    with pytest.raises(ValueError, match="second"):
        gregorian_to_jd(2016, 12, 31, 22, 59, 60)


@pytest.mark.parametrize(
    ("date", "message"),
    [
        ((2016, 0), "month: 0 is not 1 to 12"),
        ((2016, 13), "month: 13 is not 1 to 12"),
        ((2016, [1, 13]), r"month\[1\]: 13 is not"),
        ((2016, 1, 0), "day: 0 is not a day of that month"),
        ((2016, 1, 32), "day: 32 is not"),
        ((1900, 2, 29), "day: 29 is not"),
        ((2100, 2, 29), "day: 29 is not"),
        (([[2000, 2100]], 2, 29), r"day\[0, 1\]: 29 is not"),
        ((2016, 1, 1e300), "day"),
        ((2016, 1, 1, 24), "hour: 24 is not 0 to 23"),
        ((2016, 1, 1, -1), "hour: -1 is not"),
        ((2016, 1, 1, 0, 60), "minute: 60 is not 0 to 59"),
        ((2016, 1, 1, 0, 0, -1), "second: -1 is not"),
        ((2016, 1, 1, 0, 0, 61), "second: 61 is not"),
        ((2016, 1, 1, 23, 59, 61), "second: 61 is not"),
        ((np.nan,), "year: nan is not a finite number"),
        ((2016, 1, [1, np.nan]), r"day\[1\]: nan is not a finite number"),
        ((2016, 1, 1, np.inf), "hour: inf is not a finite number"),
        ((2016.5,), "year: 2016.5 is not a whole number"),
        ((2016, 1.5), "month: 1.5 is not a whole number"),
        ((2016, 1, 1.5, 3), "day: 1.5 has a fraction, but hour is not 0"),
        ((2016, 1, 1, 1.5, 0, 2), "hour: 1.5 has a fraction, but second is not 0"),
        ((2_000_000,), "year: 2000000 is not within"),
        ((True,), "year: True is not a number"),
        ((2016, [1, True]), r"month\[1\]: True is not a number"),
        ((2016, np.array([True])), "month"),
        (("",), "year: '' is not a date"),
        (("2016-1-2",), "year: '2016-1-2' is not a date"),
        (("\uff12\uff10\uff11\uff16-01-02",), "is not a date"),
        ((["2016-01-02", "x"],), r"year\[1\]: 'x' is not a date"),
        (("2016-02-30",), "day: 30 is not"),
        (("2016-01-02T00:00:00+99:00",), "impossible offset"),
        (("2016-01-02", 3), "leave the other fields out"),
        ((2016, "3"), "month: '3' is not a number"),
        ((2016, None), "month: None is not a number"),
        ((np.datetime64("NaT", "s"),), "NaT"),
        ((np.ma.masked_array([2016, 2017], [False, True]),), r"year\[1\]: 2017 is masked"),
        (([2016, 2017], [1, 2, 3]), "shapes do not fit together"),
        ((b"2016-01-02",), "is not a date"),
    ],
)
def test_bad_dates(date, message):
    with pytest.raises(ValueError, match=message):
        gregorian_to_jd(*date)


def test_other_bad_arguments():
    with pytest.raises(ValueError, match="calendar: 'maya' is not one of"):
        gregorian_to_jd(2016, calendar="maya")
    with pytest.raises(ValueError, match=r"jd\[1\]: nan is not within"):
        jd_to_gregorian([0.0, np.nan])
    with pytest.raises(ValueError, match="jd2: inf is not within"):
        jd_to_gregorian(0.0, np.inf)
    with pytest.raises(ValueError, match="decimals: 10 is not"):
        jd_to_gregorian(0.0, decimals=10)
    with pytest.raises(ValueError, match="year: 2016.5 is not a whole number"):
        is_leap_year(2016.5)


def test_rounding_is_carried():
    date = jd_to_gregorian(2457753.5, 1 - 1e-12, decimals=3)
    assert date == (2017, 1, 1, 0, 0, 0.0)
    assert jd_to_gregorian(2457753.5, 1 - 1e-12).second == pytest.approx(60 - 1e-12 * 86400, abs=1e-9)
    assert jd_to_gregorian(0.25, 2457753.25) == jd_to_gregorian(2457753.5)
    assert date.isoformat() == "2017-01-01T00:00:00.000"
    assert CalendarDate(-44, 3, 15).isoformat(0) == "-0044-03-15T00:00:00"


def test_iso_text_is_taken_apart():
    assert parse_iso("2016-01-12") == ((2016, 1, 12, 0, 0, 0.0), False, None)
    assert parse_iso("2016-01-12T18:00:43.5Z") == ((2016, 1, 12, 18, 0, 43.5), True, 0)
    assert parse_iso("-0044-03-15T01:02+01:30")[2] == 90
