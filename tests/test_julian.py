"""Calendar dates and Julian dates, against ERFA, the literature and the standard library."""

import contextlib
import datetime
import time
from decimal import Decimal
from fractions import Fraction

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

# The examples of the US Naval Observatory's page on Julian dates.
USNO = [
    ((1978, 1, 1), 2443509.5),
    ((1978, 7, 21, 15), 2443711.125),
    ((2000, 1, 1, 12), 2451545.0),
]

EPOCHS = [
    *USNO,
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
    # Fixed day 1 of Reingold and Dershowitz, Calendrical Calculations (4th ed., 2018), table 1.2.
    ((1, 1, 1), 1721425.5),
    # The two years before it: 1 BC is a leap year, 2 BC is none.
    ((0, 1, 1), 1721425.5 - 366),
    ((-1, 1, 1), 1721425.5 - 366 - 365),
    # JD 0: noon of 24 November 4714 BC.
    ((-4713, 11, 24, 12), 0.0),
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


@st.composite
def valid_dates(draw):
    """Any date that `erfa.cal2jd` knows and that exists."""
    year, month = draw(st.integers(-4799, 9999)), draw(st.integers(1, 12))
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return year, month, draw(st.integers(1, int(LAST[month - 1]) + leap))


@given(valid_dates(), st.integers(0, 86399))
def test_equals_erfa_with_the_time_of_day(date, seconds):
    first, fraction = gregorian_to_jd(*date, seconds // 3600, seconds // 60 % 60, seconds % 60, two_part=True)
    assert first == cal2jd(*date)
    assert fraction == seconds / 86400
    # erfa.jd2cal is another algorithm.
    assert jd_to_gregorian(first + 0.5)[:3] == tuple(int(field) for field in erfa.jd2cal(first, 0.5)[:3])


def test_every_day_equals_erfa_and_follows_the_last():
    days = []
    for month, length in enumerate(LAST, start=1):
        year, day = np.meshgrid(np.arange(-4799, 10000), np.arange(1, length + 1 + (month == 2)), indexing="ij")
        real = (day <= length) | ((year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0)))
        fields = year[real], month, day[real]
        jd = gregorian_to_jd(*fields)
        assert np.array_equal(jd, cal2jd(*fields))
        days.append(jd)
    # Each day once, and none left out.
    assert np.array_equal(np.sort(np.concatenate(days)), np.arange(cal2jd(-4799, 1, 1), cal2jd(9999, 12, 31) + 1))


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


@given(valid_dates(), st.integers(0, 86_400 * 10**9 - 1))
def test_comes_back_to_the_nanosecond(date, nanoseconds):
    seconds, rest = divmod(nanoseconds, 10**9)
    hms = (seconds // 3600, seconds // 60 % 60, seconds % 60 + rest / 1e9)
    first, fraction = gregorian_to_jd(*date, *hms, two_part=True)
    assert abs(Fraction(fraction) * 86_400 * 10**9 - nanoseconds) < Fraction(1, 10)
    back = jd_to_gregorian(first, fraction)
    assert back[:5] == (*date, *hms[:2])
    assert round(back.second * 1e9) == seconds % 60 * 10**9 + rest
    text = back.isoformat(9)
    assert text.endswith(f":{seconds % 60:02d}.{rest:09d}")
    assert gregorian_to_jd(text, two_part=True) == (first, pytest.approx(fraction, rel=0, abs=1e-15))


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


def test_second_61_does_not_exist_on_days_of_a_leap_second_either():
    with pytest.raises(ValueError, match="second: 61 is not"):
        gregorian_to_jd(2016, 12, 31, 23, 59, 61)


def test_a_fraction_of_a_minute_before_seconds():
    assert gregorian_to_jd(2016, 1, 1, 0, 30.5) == gregorian_to_jd(2016, 1, 1, 0, 30, 30)
    with pytest.raises(ValueError, match="minute: 30.5 has a fraction, but second is not 0"):
        gregorian_to_jd(2016, 1, 1, 0, 30.5, 2)


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
    with pytest.raises(ValueError, match="calendar: 'maya' is none of"):
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


def test_text_of_arrays_and_of_the_last_moment_of_a_minute():
    dates = jd_to_gregorian([[0.0], [2457400.25]], decimals=1)
    assert dates.isoformat(1).tolist() == [["-4713-11-24T12:00:00.0"], ["2016-01-12T18:00:00.0"]]
    # Cut, never carried into a 60th second.
    assert CalendarDate(2016, 1, 1, 23, 59, 59.9999999).isoformat(3) == "2016-01-01T23:59:59.999"
    assert CalendarDate(2016, 12, 31, 23, 59, 60.9999999).isoformat(3) == "2016-12-31T23:59:60.999"
    assert parse_iso("2016-12-30T23:59:59." + "9" * 30)[0].second < 60
    assert jd_to_gregorian([]).isoformat().shape == (0,)


def test_leap_seconds_of_clocks_with_an_offset():
    expected = gregorian_to_jd("2016-12-31T23:59:60.25Z", two_part=True)
    assert expected == (2457753.5, 1 + 0.25 / 86400)
    for text in ("2017-01-01T05:29:60.25+05:30", "2016-12-31T15:59:60.25-0800"):
        assert gregorian_to_jd(text, two_part=True) == expected
    assert day_of_year("2017-01-01T05:29:60+05:30") == 366
    # The same day in the other calendar.
    assert gregorian_to_jd(2016, 12, 18, 23, 59, 60, calendar="julian") == 2457754.5
    for text in ("2016-12-31T23:59:60+05:30", "2017-01-01T05:29:60+05:00", "2016-12-31T23:58:60Z"):
        with pytest.raises(ValueError, match="second: 60 is not"):
            gregorian_to_jd(text)


def test_offsets_and_zones():
    # Half an hour before 1900-03-01, which in the Julian calendar is 29 February.
    zone = datetime.timezone(datetime.timedelta(hours=-1))
    assert gregorian_to_jd(datetime.datetime(1900, 2, 28, 23, 30, tzinfo=zone), calendar="julian") == gregorian_to_jd(
        1900, 2, 29, 0, 30, calendar="julian"
    )
    # At the ends of what datetime can hold.
    for date, ahead, jd in (((1, 1, 1, 0), 1, 1721425.5 - 1 / 24), ((9999, 12, 31, 23), -1, 5373484.5)):
        zone = datetime.timezone(datetime.timedelta(hours=ahead))
        assert gregorian_to_jd(datetime.datetime(*date, tzinfo=zone)) == jd
    local = time.strptime("2016-01-12 11:00 -0700", "%Y-%m-%d %H:%M %z")
    assert gregorian_to_jd(local) == gregorian_to_jd(2016, 1, 12, 18)
    assert gregorian_to_jd(time.localtime(86400 * 9.5)) == 2440597.0


@pytest.mark.parametrize("unit", ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs"])
def test_numpy_dates_of_every_unit(unit):
    date = np.datetime64("1970-01-01", unit)
    assert gregorian_to_jd(date) == gregorian_to_jd(np.array(date)) == 2440587.5
    later = np.array([1, 3], dtype=f"M8[{unit}]").astype(f">M8[{unit}]")
    span = later.astype("M8[ns]").astype(np.int64) / 86400e9 if unit not in ("ps", "fs") else [0, 0]
    np.testing.assert_allclose(np.subtract(gregorian_to_jd(later), 2440587.5), span, atol=1e-9)


def test_numpy_dates_far_away_and_between():
    assert gregorian_to_jd(np.datetime64("-0050-01-01T12")) == np.sum(cal2jd(-50, 1, 1)) + 0.5
    assert gregorian_to_jd(np.datetime64("1969-12-31T23:59:59.999999999"), two_part=True) == (
        2440586.5,
        pytest.approx(1 - 1e-9 / 86400, abs=1e-15),
    )
    dates = [np.datetime64("2016-01-01"), np.datetime64("2016-01-01T12")]
    assert gregorian_to_jd(dates).tolist() == [2457388.5, 2457389.0]
    assert gregorian_to_jd(np.array(["2016-01-01", None], dtype="M8[D]")[:1]).tolist() == [2457388.5]
    pandas = pytest.importorskip("pandas")
    stamp = pandas.Timestamp("2016-01-01T00:00:00.123456789")
    assert gregorian_to_jd(stamp, two_part=True)[1] == pytest.approx(0.123456789 / 86400, abs=1e-16)
    assert gregorian_to_jd(pandas.Series([stamp, stamp])).tolist() == [gregorian_to_jd(stamp)] * 2


def test_other_kinds_of_numbers():
    for year in (np.array(2016), np.float32(2016), Fraction(2016), Decimal(2016), np.array([2016], dtype=object)[0]):
        assert gregorian_to_jd(year) == 2457388.5
    assert gregorian_to_jd(np.array("2016-01-01")) == gregorian_to_jd(np.str_("2016-01-01")) == 2457388.5
    assert gregorian_to_jd(np.array(datetime.date(2016, 1, 1), dtype=object)) == 2457388.5
    assert gregorian_to_jd(2016, 1, Fraction(3, 2)) == gregorian_to_jd(2016, 1, Decimal("1.5")) == 2457389.0
    small = gregorian_to_jd(2016, np.int8([12]), np.int8([31]), np.int8([23]), np.uint8([59]), np.float16([59.5]))
    assert small.tolist() == [gregorian_to_jd(2016, 12, 31, 23, 59, 59.5)]
    far = gregorian_to_jd(np.array([10**6, -(10**6)], dtype=np.int32))
    assert np.array_equal(far, [366963559.5, -363521440.5])
    assert gregorian_to_jd(2016, 1, 1, 0, 0, -0.0, two_part=True) == (2457388.5, 0.0)
    assert jd_to_gregorian(-0.0) == jd_to_gregorian(np.array(0)) == (-4713, 11, 24, 12, 0, 0.0)
    assert gregorian_to_jd(np.ma.masked_array([2016, 2017], False)).tolist() == [2457388.5, 2457754.5]


@pytest.mark.parametrize("empty", [[], np.array([], dtype="U10"), np.array([], dtype="M8[s]"), np.empty((0,), object)])
def test_nothing_gives_nothing(empty):
    for function in (gregorian_to_jd, day_of_year, fractional_year):
        assert function(empty).shape == (0,)
    assert gregorian_to_jd(2016, np.empty((0, 3))).shape == (0, 3)
    assert [field.shape for field in jd_to_gregorian([])] == [(0,)] * 6
    assert gregorian_to_jd([], calendar="mixed").shape == is_leap_year([]).shape == (0,)


@pytest.mark.parametrize(
    ("year", "message"),
    [
        (np.ma.masked_array(["2016-01-01", "2017-01-01"], [False, True]), r"year\[1\]: '2017-01-01' is masked"),
        (np.ma.masked_array(np.array(["2016", "2017"], "M8[D]"), [False, True]), r"year\[1\]: .* is masked"),
        ([2016, np.ma.masked], r"year\[1\]: .* is masked"),
        (["2016-01-01", np.ma.masked], r"year\[1\]: .* is masked"),
        (np.array(["2016-01-01", "NaT"], "M8[D]"), r"year\[1\]: 'NaT' is not a date"),
        (np.datetime64(1, "as"), "year: numpy cannot count attoseconds"),
        (np.datetime64(10**7, "Y"), "year: '10001970' is not within the years"),
        (np.array([b"2016-01-01"]), r"year\[0\]: .* is not a date"),
        ([np.array([True]), np.array([2016])], r"year\[0\]: .* is not a number"),
        (np.array([2016, None]), r"year\[1\]: None is not a number"),
        (np.array([2016, True], dtype=object), r"year\[1\]: True is not a number"),
        (10**400, "year: the number is too large"),
        (10**30, r"year: 1e\+30 is not within"),
        (np.array([2**64 - 1], dtype=np.uint64), r"year\[0\]: .* is not within"),
        (Decimal("sNaN"), "year: .* is not a number"),
        (2016 + 0j, "is not a number"),
        (datetime.timedelta(1), "is not a number"),
        ([[2016], [2016, 2017]], "is not an array of numbers"),
        (["2016-01-01", 2016], r"year\[1\]: 2016 is not a date"),
        ([2016, "2016-01-01"], "is not a number"),
        ("2016-01-01T00:00-07:", "is not a date"),
        ("2016-01-01T00:00ZZ", "is not a date"),
        ("2016-01-01T24:00", "hour: 24 is not 0 to 23"),
        ("2016-01-01\0", "is not a date"),
        (time.struct_time((2016, 1, 1, 0, 0, 61, 0, 0, 0)), "second: 61 is not"),
    ],
)
def test_hidden_faults(year, message):
    with pytest.raises(ValueError, match=message):
        gregorian_to_jd(year)


def test_units_are_not_dropped_in_silence():
    from astropy import units as u
    from astropy.utils.masked import Masked

    with pytest.raises(ValueError, match="jd: .* has a unit"):
        jd_to_gregorian(2457400.25 * u.s)
    with pytest.raises(ValueError, match=r"jd\[1\]: 2 is masked"):
        jd_to_gregorian(Masked(np.array([1.0, 2.0]), [False, True]))


def test_decimals_are_whole():
    assert jd_to_gregorian(2457400.25, decimals=np.int64(3)).isoformat(np.int64(3)) == "2016-01-12T18:00:00.000"
    for decimals in (3.0, True, None, "3", -1, 10, np.array([3, 4])):
        with pytest.raises(ValueError, match="decimals: .* is not a whole number from 0 to 9"):
            jd_to_gregorian(0.0, decimals=decimals)
        with pytest.raises(ValueError, match="decimals: .* is not a whole number from 0 to 9"):
            CalendarDate(2016, 1, 1).isoformat(decimals)


def test_bad_pairs_of_arguments():
    with pytest.raises(ValueError, match=r"shapes do not fit together: jd \(2,\), jd2 \(3,\)"):
        jd_to_gregorian([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match=r"jd \+ jd2: 720000000 is not within"):
        jd_to_gregorian(3.6e8, 3.6e8)
    with pytest.raises(ValueError, match="leave the other fields out"):
        gregorian_to_jd("2016-01-02", True)
    for calendar in (None, ["mixed"], np.array(["mixed"])):
        with pytest.raises(ValueError, match="calendar: .* is none of"):
            gregorian_to_jd(2016, calendar=calendar)
    for bad in (None, 3, b"2016-01-01"):
        with pytest.raises(ValueError, match="is not a date"):
            parse_iso(bad)


ANYTHING = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.integers(1, 60),
        st.floats(),
        st.text(max_size=8),
        st.dates(),
        st.datetimes(),
        st.decimals(),
        st.complex_numbers(),
        st.sampled_from([np.ma.masked, np.datetime64("NaT", "s"), np.bool_(True), b"2016-01-01", {}]),
        st.from_regex(r"[0-9]{4}-[01][0-9]-[0-3][0-9](T[0-2][0-9]:[0-6][0-9]:60)?Z?", fullmatch=True),
    ),
    lambda items: st.lists(items, max_size=3),
    max_leaves=4,
)


@given(ANYTHING, st.just(1) | ANYTHING, st.just(1) | ANYTHING, st.sampled_from(["proleptic_gregorian", "mixed"]))
def test_anything_is_a_date_or_a_value_error(year, month, day, calendar):
    # Nothing else may be raised.
    for function in (gregorian_to_jd, fractional_year, day_of_year):
        with contextlib.suppress(ValueError):
            assert np.all(np.isfinite(function(year, month, day, calendar=calendar)))
    with contextlib.suppress(ValueError):
        second = np.asarray(jd_to_gregorian(year, month, calendar=calendar).second)
        assert np.all((second >= 0) & (second < 60))
