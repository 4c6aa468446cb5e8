"""The notebook's formulas: where they are right, and where they are not."""

import datetime

import erfa
import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.time import Time

from nircam_tso import julian, notebook
from nircam_tso.io.exposure import Exposure, Segment
from nircam_tso.timing import exposure_times


def days_off(first, last):
    """Days by which the notebook's dates differ from ERFA's, from the day ``first`` to ``last``."""
    year, month, day, _ = erfa.jd2cal(np.arange(np.sum(erfa.cal2jd(*first)), np.sum(erfa.cal2jd(*last)) + 1), 0.0)
    ours = [notebook.julian_date(*date) for date in zip(year.tolist(), month.tolist(), day.tolist(), strict=True)]
    return np.array(ours) - np.add(*erfa.cal2jd(year, month, day))


class TestJulianDate:
    def test_right_on_every_day_from_march_1800_to_february_2100(self):
        off = days_off((1800, 3, 1), (2100, 2, 28))
        assert len(off) == 300 * 365 + 73
        assert not off.any()

    def test_wrong_on_every_day_before(self):
        off = days_off((1000, 1, 1), (1800, 2, 28))
        assert (off != 0).all()
        # The days from a leap day that was none to the next: 1700 is one, 1600 is not.
        assert set(days_off((1700, 3, 1), (1800, 2, 28))) == {-1.0}
        assert set(days_off((1500, 3, 1), (1700, 2, 28))) == {-2.0}

    def test_wrong_on_every_day_after(self):
        assert set(days_off((2100, 3, 1), (2200, 2, 28))) == {1.0}
        assert set(days_off((2200, 3, 1), (2300, 2, 28))) == {2.0}
        assert (days_off((2300, 3, 1), (2600, 1, 1)) >= 3).all()

    def test_time_of_day(self):
        ours = notebook.julian_date(2016, 1, 12, 18, 0, 43)
        assert ours == pytest.approx(2457399.5 + 64843 / 86400, abs=1e-9)
        assert notebook.julian_date(2016.9, 1.9, 12.5) == notebook.julian_date(2016, 1, 12, 12)

    def test_checks_nothing(self):
        assert notebook.julian_date(2016, 2, 30) == julian.gregorian_to_jd(2016, 3, 1)


class TestYears:
    def test_leap_years_are_inverted(self):
        right = {year: julian.is_leap_year(year) for year in range(1800, 2201)}
        wrong = [year for year, leap in right.items() if notebook.is_leap_year(year) != leap]
        # Every year that 4 does not divide, and no other.
        assert wrong == [year for year in range(1800, 2201) if year % 4]
        assert all(notebook.is_leap_year(year) for year in wrong)

    def test_fraction_of_the_year(self):
        for month in range(1, 13):
            ours = notebook.fractional_year(2016, month, 15, 6)
            off = (ours - julian.fractional_year(2016, month, 15, 6)) * 366
            # Without August, the months before September and before November are a day short together.
            assert off == pytest.approx(-1 if month in (9, 11) else 0, abs=1e-6)
        for month in (3, 6):
            days = (datetime.date(2017, month, 1) - datetime.date(2017, 1, 1)).days
            assert notebook.fractional_year(2017, month, 1) == pytest.approx(2017 + (days + 1) / 366)
        # A century that is no leap year is taken for what it is.
        assert notebook.fractional_year(1900, 7, 2, 12) == 1900.5


class TestRow:
    printed = 2457400.228726171423  # integration 2 in the notebook's output, and its 2450000
    start = Time("2016-01-12T17:10:36", scale="utc")

    def test_the_notebooks_own_row(self):
        share = (self.printed - self.start.jd) / 2.5
        jd = notebook.row_jd(self.start.jd, self.start.jd + 100 * share, 2, 100)
        assert jd == pytest.approx(self.printed, abs=1e-9)
        assert jd - 2450000 == pytest.approx(7400.228726171423, abs=1e-9)

    @pytest.mark.parametrize("k", [1, 2, 57, 100])
    def test_one_share_later_than_the_middle(self, k):
        share = (self.printed - self.start.jd) / 2.5
        end = self.start + 100 * share * u.day
        cards = {"DATE-OBS": "2016-01-12", "TIME-OBS": "17:10:36", "DATE-END": end.isot[:10]}
        cards |= {"TIME-END": end.isot[11:], "NINTS": 1}
        name = "NRCN821CLRSUB1-6012172256_1_481_SE_2016-01-12T18h00m43_I{:03d}.slp.fits"
        files = [
            Segment(name.format(i), None, "ncdhas-slp", fits.Header(list(cards.items())), 1, None, (32, 64), i)
            for i in range(1, 101)
        ]
        ours = exposure_times(Exposure(files)).middle[k - 1]
        theirs = notebook.row_jd(self.start.jd, end.jd, k, 100)
        assert (ours - self.start).jd == pytest.approx((k - 0.5) * share, abs=1e-8)
        assert theirs - self.start.jd == pytest.approx((k + 0.5) * share, abs=1e-8)
        assert theirs - ours.jd == pytest.approx(share, abs=1e-8)

    def test_the_last_row_is_past_the_end(self):
        assert notebook.row_jd(0.0, 1.0, 100, 100) == 1.005
