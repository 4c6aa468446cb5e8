"""One even clock, and no network."""

import datetime
import socket

import erfa
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.time import Time
from astropy.utils import iers
from hypothesis import given
from hypothesis import strategies as st

from nircam_tso.exceptions import NircamTSOWarning
from nircam_tso.timing import clock, exposure_times, offline

POLE = SkyCoord(0.0, 90.0, unit="deg", frame="galactic")


@given(st.integers(41500, 62000), st.floats(0, 1, exclude_max=True))
def test_utc_comes_back(day, fraction):
    time = Time(2400000.5 + day, fraction, format="jd", scale="utc")
    back = clock.tai_to_time(*(np.atleast_1d(part) for part in clock.utc_to_tai(time.jd1, time.jd2)))
    assert abs((back - time).sec[0]) < 1e-10


@given(st.integers(41500, 62000), st.floats(0, 86399))
def test_agrees_with_astropy(day, seconds):
    expected = Time(2400000.5 + day, seconds / 86400, format="jd", scale="tai")
    ours = clock.tai_to_time(np.array([float(day)]), np.array([seconds]))
    assert abs((ours.tai - expected).sec[0]) < 1e-10


@pytest.mark.parametrize("first", [41000, 41498, 57752, 60000])
def test_many_days_agree_with_erfa(first):
    """Before UTC had whole seconds, over its first leap second and a later one, and where there was none."""
    rng = np.random.default_rng(first)
    day, seconds = first + rng.integers(0, 4, 500).astype(float), rng.uniform(0, 86400, 500)
    ours = clock.tai_to_time(day, seconds)
    with offline():
        jd1, jd2 = erfa.taiutc(2400000.5 + day, seconds / 86400)
    assert np.abs(((ours.jd1 - jd1) + (ours.jd2 - jd2)) * 86400).max() < 1e-10


@pytest.mark.parametrize(("day", "seconds"), [(60000.0, 8.6e13), (1.2e7, 5.0), (-50000.0, 5.0), (60000.0, -1e10)])
def test_far_dates_are_those_of_erfa(day, seconds):
    """A card of nonsense may lead anywhere; what ERFA takes is no error."""
    ours = clock.tai_to_time(np.array([60000.0, day]), np.array([5.0, seconds]))
    with offline():
        jd1, jd2 = erfa.taiutc(2400000.5 + np.array([60000.0, day]), np.array([5.0, seconds]) / 86400)
    np.testing.assert_allclose(ours.jd1 + ours.jd2, jd1 + jd2, rtol=1e-15)


@pytest.mark.parametrize("seconds", [1e14, -1e13, np.inf])
def test_beyond_all_dates_is_nothing(seconds):
    time = clock.tai_to_time(np.array([60000.0, 60000.0]), np.array([5.0, seconds]))
    assert time.mask.tolist() == [False, True]


def test_unknown_ones_are_masked_both_ways():
    time = clock.tai_to_time(np.array([57000.0, np.nan]), np.array([1.0, 2.0]))
    assert time.mask.tolist() == [False, True]
    day, seconds = clock.time_to_tai(time)
    assert day[0] == 57000.0 and np.isnan(day[1]) and np.isnan(seconds[1])
    assert np.isnan(clock.mjd_to_tai(np.array([np.nan]))[0]).all()


def test_nothing_is_asked_of_the_network(make, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    clock._load_leap_seconds.cache_clear()
    monkeypatch.setattr("astropy.time.core._LEAP_SECONDS_CHECK", _not_started())
    exposure_times(make.exposure([make.segment(make.header())]))


def _not_started():
    from astropy.time import core

    return core._LeapSecondsCheck.NOT_STARTED


def test_an_expired_table_warns_once(make, monkeypatch):
    monkeypatch.setattr(clock, "_warned", [])
    monkeypatch.setattr(erfa.leap_seconds, "expires", datetime.datetime(2020, 1, 1))
    exposure = make.exposure([make.segment(make.header())])
    with pytest.warns(NircamTSOWarning, match="leap seconds ends on 2020-01-01"):
        exposure_times(exposure)
    # Warnings are errors here: the second time must be silent, and so must older dates.
    exposure_times(exposure)
    monkeypatch.setattr(clock, "_warned", [])
    exposure_times(make.exposure([make.segment(make.header(EXPSTART=57000.5, EPH_TIME=57000.5))]))


def test_one_date_beyond_the_table_is_enough_for_the_warning(make, monkeypatch):
    monkeypatch.setattr(clock, "_warned", [])
    monkeypatch.setattr(erfa.leap_seconds, "expires", datetime.datetime(2020, 1, 1))
    headers = [fits.Header({"DATE-OBS": f"{year}-02-20T07:50:00", "EXPTIME": 10.0}) for year in (2019, 2021)]
    files = [make.segment(header, 1, kind="image", name=f"{i}.fits") for i, header in enumerate(headers)]
    with pytest.warns(NircamTSOWarning, match="ends on 2020-01-01"):
        exposure_times(make.exposure(files))


@pytest.mark.parametrize("choice", [True, False])
def test_offline_leaves_the_user_his_settings(make, choice):
    with iers.conf.set_temp("auto_download", choice):
        with offline():
            assert iers.conf.auto_download is False
            with offline():
                assert iers.conf.auto_download is False
            assert iers.conf.auto_download is False
        assert iers.conf.auto_download is choice
        with pytest.raises(ZeroDivisionError), offline():
            raise ZeroDivisionError
        assert iers.conf.auto_download is choice
        exposure_times(make.exposure([make.segment(make.header())]), target=POLE)
        assert iers.conf.auto_download is choice


def test_dates_beyond_the_table_of_leap_seconds(make, monkeypatch):
    """Two hundred years ahead there still are times, on the clock of today."""
    monkeypatch.setattr(clock, "_warned", [])
    exposure = make.exposure([make.segment(make.header(EXPSTART=130000.5, EPH_TIME=130000.5))])
    with pytest.warns(NircamTSOWarning, match="a second off"):
        times = exposure_times(exposure)
    assert not times.middle.mask.any() and not times.bjd.mask.any()
    with offline():
        assert make.off_by(times.middle, make.truth(make.header(EXPSTART=130000.5), range(1, 13))[1]) < 1e-5


def test_every_table_expired(make, monkeypatch):
    """Astropy looks for a newer table, and may neither fetch it nor complain."""
    monkeypatch.setattr(iers.LeapSeconds, "_today", staticmethod(lambda: Time("2099-01-01", scale="tai")))
    clock._load_leap_seconds.cache_clear()
    monkeypatch.setattr("astropy.time.core._LEAP_SECONDS_CHECK", _not_started())
    exposure = make.exposure([make.segment(make.header())])
    with iers.conf.set_temp("auto_download", True):
        times = exposure_times(exposure)
    assert make.off_by(times.middle, make.truth(make.header(), range(1, 13))[1]) < 1e-5
