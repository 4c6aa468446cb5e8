"""Julian dates on their own: against ERFA, dates that do not exist, the nanosecond, the reform (rows 34 to 37)."""

import erfa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nircam_tso import gregorian_to_jd, jd_to_gregorian

#: Lengths of the months, written down here so that they are nobody's arithmetic.
LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def leaps(year):
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


@st.composite
def dates(draw):
    year, month = draw(st.integers(-4799, 9999)), draw(st.integers(1, 12))
    return year, month, draw(st.integers(1, LENGTHS[month - 1] + (month == 2 and leaps(year))))


@given(dates())
def test_every_date_is_erfas_and_a_day_before_the_next(date):
    """Row 34."""
    jd = gregorian_to_jd(*date)
    first, second = erfa.cal2jd(*date)
    assert jd == first + second
    year, month, day = date
    last = day == LENGTHS[month - 1] + (month == 2 and leaps(year))
    following = (year, month, day + 1) if not last else (year + month // 12, month % 12 + 1, 1)
    assert gregorian_to_jd(*following) - jd == 1


BAD = {
    "month": [(2016, 0, 1), (2016, 13, 1), (2016, np.nan, 1), (2016, "", 1), (2016, True, 1)],
    "day": [(2016, 1, 0), (2016, 1, 32), (1900, 2, 29), (2100, 2, 29), (2016, 2, 30), (2016, 1, np.inf)],
    "hour": [(2016, 1, 1, 24), (2016, 1, 1, -1)],
    "second": [(2016, 1, 1, 0, 0, -1), (2016, 1, 1, 0, 0, 61), (2016, 6, 15, 23, 59, 60), (2016, 1, 1, 0, 0, np.nan)],
}


@pytest.mark.parametrize(("field", "date"), [(field, date) for field, cases in BAD.items() for date in cases], ids=repr)
def test_dates_that_do_not_exist(field, date):
    """Row 35: the field is named; in an array the index, too."""
    with pytest.raises((ValueError, TypeError), match=field):
        gregorian_to_jd(*date)
    names = ("year", "month", "day", "hour", "minute", "second")
    place = names.index(field)
    if isinstance(date[place], (str, bool)):
        return
    good = [2016, 1, 1, 0, 0, 0]
    columns = [np.array([value] * 5, dtype=float) for value in good]
    for column, value in zip(columns, date, strict=False):
        column[3] = value
    with pytest.raises(ValueError, match=rf"{field}.*3"):
        gregorian_to_jd(*columns)


def test_leap_seconds_on_their_days_only():
    """Row 35: they end at the beginning of the next day."""
    assert gregorian_to_jd(2016, 12, 31, 23, 59, 60) == gregorian_to_jd(2017, 1, 1)
    with pytest.raises(ValueError, match="second"):
        gregorian_to_jd(2015, 12, 31, 23, 59, 60)


@pytest.mark.parametrize("kind", [np.int16, np.int64, np.float32, np.float64])
def test_scalars_of_numpy_equal_arrays(kind):
    """Row 35."""
    fields = [kind(value) for value in (2016, 1, 12, 18, 0, 43)]
    plain = gregorian_to_jd(2016, 1, 12, 18, 0, 43)
    assert gregorian_to_jd(*fields) == plain
    assert gregorian_to_jd(*[np.array([value]) for value in fields]).tolist() == [plain]
    with pytest.raises((ValueError, TypeError), match="year"):
        gregorian_to_jd(np.datetime64("NaT", "D"))


@given(st.integers(-4000, 9000), st.integers(1, 12), st.integers(1, 28), st.integers(0, 10**9 - 1))
def test_a_nanosecond(year, month, day, nanoseconds):
    """Row 36: two parts hold what one float cannot."""
    day_jd, fraction = gregorian_to_jd(year, month, day, 23, 59, 58 + nanoseconds * 1e-9, two_part=True)
    whole, _ = gregorian_to_jd(year, month, day, two_part=True)
    assert day_jd == whole
    exact = (23 * 3600 + 59 * 60 + 58) * 10**9 + nanoseconds
    # The second itself is a float, good to 4e-15 of 59.
    assert abs(fraction * 86400e9 - exact) < 0.1
    back = jd_to_gregorian(day_jd, fraction)
    seconds = (back.hour * 60 + back.minute) * 60 + back.second
    assert (back.year, back.month, back.day) == (year, month, day)
    assert abs(seconds * 1e9 - exact) < 0.1


def test_the_reform_and_years_before_one():
    """Row 37: proleptic unless asked; the Julian calendar and the jump by name."""
    assert gregorian_to_jd(1582, 10, 4) == 2299149.5
    assert gregorian_to_jd(1582, 10, 15) == 2299160.5
    mixed = [gregorian_to_jd(1582, 10, day, calendar="mixed") for day in (4, 15)]
    assert mixed == [2299159.5, 2299160.5]
    with pytest.raises(ValueError, match="day"):
        gregorian_to_jd(1582, 10, 10, calendar="mixed")
    # Meeus, Astronomical Algorithms, chapter 7; ERFA counts the proleptic years in the same way.
    assert gregorian_to_jd(-4712, 1, 1.5, calendar="julian") == 0
    for year in (0, -1, -4):
        assert gregorian_to_jd(year, 2, 28) == sum(erfa.cal2jd(year, 2, 28))
    assert gregorian_to_jd(0, 2, 29) + 1 == gregorian_to_jd(0, 3, 1)
    with pytest.raises(ValueError, match="day"):
        gregorian_to_jd(-1, 2, 29)
