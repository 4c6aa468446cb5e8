"""Cards that tell the same thing twice, and differently."""

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.time import Time

from nircam_tso.exceptions import TimeMetadataError
from nircam_tso.quality import QualityFlag
from nircam_tso.timing import exposure_times
from nircam_tso.timing.header_dates import agrees_with_length

FROM_HEADER, INVALID = int(QualityFlag.TIME_FROM_HEADER), int(QualityFlag.TIME_INVALID)
BEGIN = Time(59800.9995, format="mjd")


def alone(make, kind="ncdhas-slp", name="x_I001.slp.fits", **cards):
    """Times of one image of one integration; DATE_OBS stands for DATE-OBS."""
    header = fits.Header({key.replace("_", "-"): value for key, value in cards.items()})
    return exposure_times(make.exposure([make.segment(header, 1, kind=kind, name=name)]))


def masked(times, *named):
    """Whether all times are masked and the notes name all of these."""
    said = " ".join(times.notes)
    assert all(card in said for card in ("contradict", "masked", *named)), said
    return (times.flags == INVALID).all() and times.middle.mask.all() and times.bjd.mask.all()


class TestBeginnings:
    @pytest.mark.parametrize("seconds", [-1e8, -3600.0, -1.1, 1.1, 3600.0, 1e8])
    @pytest.mark.parametrize("card", ["DATE-OBS", "DATE-BEG", "MJD-BEG"])
    def test_of_jwst(self, make, card, seconds):
        header = make.header()
        header[card] = (BEGIN + seconds * u.s).mjd if card == "MJD-BEG" else (BEGIN + seconds * u.s).isot
        assert masked(exposure_times(make.exposure([make.segment(header)])), "EXPSTART = 59800.9995", f"{card} = ")
        header[card] = (BEGIN + 0.9 * u.s).mjd if card == "MJD-BEG" else (BEGIN + 0.9 * u.s).isot
        agreeing = exposure_times(make.exposure([make.segment(header)]))
        assert (agreeing.flags == FROM_HEADER).all() and agreeing.notes == ()

    def test_one_that_agrees_does_not_outvote_another(self, make):
        header = make.header(DATE_OBS="2022-08-09", TIME_OBS="23:59:16.8")
        header["DATE-BEG"] = "2020-08-09T23:59:16.8"
        assert masked(exposure_times(make.exposure([make.segment(header)])), "DATE-BEG = '2020-08-09")

    def test_mjd_with_few_decimals(self, make):
        header = make.header(EXPSTART=59800.99951234)
        header["MJD-BEG"] = 59800.9995
        times = exposure_times(make.exposure([make.segment(header)]))
        assert (times.flags == FROM_HEADER).all() and times.notes == ()

    def test_mjd_obs_of_coordinates_on_the_sky_is_none_of_jwst(self, make):
        """Midnight of DATE-OBS, as world coordinate software adds it."""
        header = make.header(DATE_OBS="2022-08-09", TIME_OBS="23:59:16.8")
        header["MJD-OBS"] = 59800.0
        times = exposure_times(make.exposure([make.segment(header)]))
        assert (times.flags == FROM_HEADER).all() and times.notes == ()

    def test_a_day_of_another_year(self, make):
        header = make.header(DATE_OBS="2020-08-09")
        times = exposure_times(make.exposure([make.segment(header)]))
        assert masked(times, "EXPSTART = 59800.9995, DATE-OBS = '2020-08-09' contradict")
        same = exposure_times(make.exposure([make.segment(make.header(DATE_OBS="2022-08-09"))]))
        assert not (same.flags & INVALID).any()

    @pytest.mark.parametrize("card", ["MJD-BEG", "EXPSTART", "DATE-BEG"])
    @pytest.mark.parametrize("first", [{"MJD-OBS": 58899.25}, {"DATE-OBS": "2020-02-20T06:00:00", "MJD-OBS": 58899.25}])
    def test_of_an_image(self, make, first, card):
        for off, wrong in ((0.5, False), (1.5, True), (1e8, True)):
            other = Time(58899.25, format="mjd") + off * u.s
            cards = {**first, card: other.isot if card == "DATE-BEG" else other.mjd}
            times = alone(make, "image", "one.fits", EXPTIME=10.0, **cards)
            if wrong:
                assert masked(times, next(iter(first)), f"{card} = ")
            else:
                assert times.flags == [FROM_HEADER] and times.notes == ()

    @pytest.mark.parametrize("card", ["MJD-BEG", "MJD-OBS", "EXPSTART", "DATE-BEG"])
    def test_of_a_ground_test(self, make, card):
        cards = {"DATE_OBS": "2016-12-30", "TIME_OBS": "10:00:00", "TIME_END": "10:10:00"}
        far = "2023-02-25T00:00:00" if card == "DATE-BEG" else 60000.0
        assert masked(alone(make, **cards, **{card: far}), "DATE-OBS", f"{card} = ")
        # Within the span DATE-OBS is used.
        near = Time("2016-12-30T10:05:00")
        times = alone(make, **cards, **{card: near.isot if card == "DATE-BEG" else near.mjd})
        assert times.flags == [FROM_HEADER] and f"{card} is 300.000 s after DATE-OBS, TIME-OBS" in times.notes[0]

    def test_a_spare_one_that_is_no_date_is_noted(self, make):
        header = make.header()
        header["MJD-BEG"], header["DATE-BEG"] = "soon", "2022-8-9"
        times = exposure_times(make.exposure([make.segment(header)]))
        assert (times.flags == FROM_HEADER).all()
        assert len(times.notes) == 2 and all("not compared with EXPSTART" in note for note in times.notes)


class TestClocks:
    @pytest.mark.parametrize("kind", ["ncdhas-slp", "image"])
    def test_a_date_with_another_time_beside_it(self, make, kind):
        start = {"DATE_OBS": "2016-12-30T18:00:00", "TIME_OBS": "17:00:00"}
        for end in ({"TIME_END": "18:10:00"}, {"EXPTIME": 10.0}):
            assert masked(alone(make, kind, **start, **end), "DATE-OBS = '2016-12-30T18", "TIME-OBS = '17:00:00'")
        end = {"DATE_END": "2016-12-30T11:00:00", "TIME_END": "10:10:00"}
        times = alone(make, kind, DATE_OBS="2016-12-30", TIME_OBS="10:00:00", **end)
        assert masked(times, "DATE-END = '2016-12-30T11:00:00', TIME-END = '10:10:00'", "3000.000 s")

    def test_of_jwst(self, make):
        header = make.header(DATE_OBS="2022-08-09T23:59:16.8", TIME_OBS="22:59:16.8")
        assert masked(exposure_times(make.exposure([make.segment(header)])), "DATE-OBS", "TIME-OBS = '22:59:16.8'")

    @pytest.mark.parametrize(
        ("date", "clock"),
        [
            ("2016-12-30T18:00:43.6", "18:00:43"),
            ("2016-12-30T18:00:43", "18:00"),
            ("2016-12-30T11:00:43-0700", "11:00:43"),
            ("2016-12-30T11:00:43-0700", "18:00:43"),
            ("2016-12-30T11:00:43-0700", "18:00:43Z"),
            ("2016-12-31T03:00:43+0900", "18:00:43Z"),
            # What is no time says nothing against the date.
            ("2016-12-30T18:00:43", "evening"),
            ("2016-12-30T18:00:43", ""),
        ],
    )
    def test_that_agree(self, make, date, clock):
        times = alone(make, "image", DATE_OBS=date, TIME_OBS=clock, EXPTIME=10.0)
        assert abs((times.middle[0] - Time("2016-12-30T18:00:48")).sec) < 0.7
        assert times.flags == [FROM_HEADER] and times.notes == ()

    @pytest.mark.parametrize("clock", ["11:00:43Z", "12:00:43", "18:00:45"])
    def test_with_an_offset_that_do_not(self, make, clock):
        times = alone(make, "image", DATE_OBS="2016-12-30T11:00:43-0700", TIME_OBS=clock, EXPTIME=10.0)
        assert masked(times, f"TIME-OBS = '{clock}'")


class TestLengths:
    def test_of_a_night(self):
        assert agrees_with_length(899.1, [1000.0]) and not agrees_with_length(898.9, [1000.0])
        assert agrees_with_length(2559.9, [1000.0]) and not agrees_with_length(2560.1, [1000.0])
        # Half a day and more is as long as it is said to be.
        assert agrees_with_length(60000.0, [60000.0]) and not agrees_with_length(60000.0, [30000.0])

    @pytest.mark.parametrize("cards", [{"EXPTIME": 36000.0}, {"DURATION": 34800.0}, {}])
    def test_a_second_backwards_is_no_midnight(self, make, cards):
        with pytest.raises(TimeMetadataError, match="past midnight it would have taken 86399 s"):
            alone(make, DATE_OBS="2016-12-30", TIME_OBS="12:00:01", TIME_END="12:00:00", **cards)

    @pytest.mark.parametrize(
        ("end", "duration", "wrong"),
        [
            ("2015-12-31T00:10:00", 1200.0, False),
            ("2017-01-01T00:10:00", 1200.0, True),
            # Over 60 s and a tenth of the span, either way.
            ("2015-12-31T00:10:00", 1085.0, False),
            ("2015-12-31T00:10:00", 1075.0, True),
            ("2015-12-31T00:10:00", 1325.0, True),
            ("2015-12-30T23:50:30", 89.0, False),
            ("2015-12-30T23:50:30", 91.0, True),
            ("2015-12-31T00:10:00", 0.0, False),
        ],
    )
    def test_duration(self, make, end, duration, wrong):
        times = alone(make, DATE_OBS="2015-12-30", TIME_OBS="23:50:00", DATE_END=end, DURATION=duration)
        if wrong:
            assert masked(times, "DATE-OBS = '2015-12-30', TIME-OBS", "DATE-END", f"DURATION = {duration}")
        else:
            assert times.flags == [FROM_HEADER] and times.notes == ()

    @pytest.mark.parametrize(("late", "wrong"), [(0.0, False), (110.0, False), (130.0, True), (1e7, True)])
    def test_expend_where_dates_gave_the_span(self, make, late, wrong):
        start = Time("2019-12-11T12:00:00")
        cards = {"EXPSTART": start.mjd, "EXPEND": (start + (1200.0 + late) * u.s).mjd}
        times = alone(make, DATE_OBS="2019-12-11", TIME_OBS="12:00:00", TIME_END="12:20:00", **cards)
        assert masked(times, "EXPSTART", "EXPEND", "TIME-END") if wrong else times.flags == [FROM_HEADER]

    @pytest.mark.parametrize("duration", [240.0, 2400.0])
    def test_of_one_integration_of_files_that_share_a_span(self, make, duration):
        cards = {"DATE-OBS": "2016-01-12", "TIME-OBS": "17:10:36", "TIME-END": "17:50:36", "NINTS": 1}
        header = fits.Header({**cards, "DURATION": duration})
        names = [f"x_I{k:03d}.slp.fits" for k in range(1, 11)]
        files = [make.segment(header, 1, first=i + 1, kind="ncdhas-slp", name=name) for i, name in enumerate(names)]
        times = exposure_times(make.exposure(files))
        assert not (times.flags & INVALID).any()
        header["DURATION"] = 4.0 * duration
        assert masked(exposure_times(make.exposure(files)), "DURATION")

    @pytest.mark.parametrize(("days", "wrong"), [(138.0 / 86400, False), (700.0 / 86400, False), (10.0, True)])
    def test_of_jwst_without_a_frame_time(self, make, days, wrong):
        header = make.header(TFRAME=None, EFFINTTM=6.0, EXPEND=BEGIN.mjd + days)
        times = exposure_times(make.exposure([make.segment(header)]))
        if wrong:
            assert masked(times, "EXPSTART", "EXPEND", "NINTS = 12", "EFFINTTM = 6.0")
        else:
            assert (times.flags == FROM_HEADER).all() and times.source == "EXPSTART, EXPEND"

    def test_duration_of_jwst_is_that_of_all_integrations(self, make):
        header = make.header(TFRAME=None, EFFINTTM=1.0, DURATION=1200.0, EXPEND=BEGIN.mjd + 1200 / 86400)
        # It explains a span that is far longer than the light was collected.
        assert (exposure_times(make.exposure([make.segment(header)])).flags == FROM_HEADER).all()
        header["DURATION"] = 100.0
        assert masked(exposure_times(make.exposure([make.segment(header)])), "DURATION = 100.0")

    def test_duration_of_jwst_may_be_that_of_collecting_light(self, make):
        """One group and one reset each: half of the span is collected, and DURATION says the same."""
        header = make.header(
            TFRAME=None, EFFINTTM=50.0, DURATION=600.0, EFFEXPTM=600.0, EXPEND=BEGIN.mjd + 1200 / 86400
        )
        assert (exposure_times(make.exposure([make.segment(header)])).flags == FROM_HEADER).all()
        header["DURATION"] = 601.0
        assert masked(exposure_times(make.exposure([make.segment(header)])), "DURATION = 601.0")

    def test_integrations_that_do_not_fit(self, make):
        cards = {"NGROUPS": 3, "NFRAMES": 1, "GROUPGAP": 0, "TFRAME": 10.0, "NINTS": 1}
        times = alone(make, DATE_OBS="2016-12-30", TIME_OBS="12:00:00", TIME_END="12:00:19", **cards)
        assert masked(times, "DATE-OBS", "TIME-OBS", "TIME-END", "TFRAME", "do not fit into 19 s")

    @pytest.mark.parametrize(("frames", "wrong"), [(-1.1, True), (-0.9, False), (0.9, False), (1.6, True)])
    def test_span_against_readout_by_a_frame(self, make, frames, wrong):
        # 12 rows' resets of 21 ms are half a frame more.
        header = make.header(EXPEND=BEGIN.mjd + (138.0 + 0.5 * frames) / 86400)
        times = exposure_times(make.exposure([make.segment(header)]))
        assert masked(times, "EXPEND", "TFRAME") if wrong else (times.flags == FROM_HEADER).all()


class TestWithoutExpstart:
    """DATE-OBS and its kin serve the readout keywords."""

    @pytest.mark.parametrize(
        "cards",
        [
            {"DATE-OBS": "2022-08-09", "TIME-OBS": "23:59:16.800"},
            {"DATE-BEG": "2022-08-09T23:59:16.800"},
            {"MJD-BEG": 59800.9995},
        ],
    )
    @pytest.mark.parametrize("end", [{}, {"DATE-END": "2022-08-10T00:01:34.9"}, {"EXPEND": 59800.9995 + 138.1 / 86400}])
    def test_all_integrations(self, make, cards, end):
        header = make.header(EXPSTART=None)
        header.update({**cards, **end})
        times = exposure_times(make.exposure([make.segment(header)]))
        assert times.source == "readout keywords" and (times.flags == FROM_HEADER).all()
        assert make.off_by(times.middle, make.truth(make.header(), range(1, 13))[1]) < 1e-6
        table = make.table(make.header(), range(1, 6))
        tabled = exposure_times(make.exposure([make.segment(header, table=table)]))
        assert tabled.source == "INT_TIMES; cadence of INT_TIMES" and tabled.notes[:-1] == ()

    @pytest.mark.parametrize("seconds", [-0.6, 0.9, 3600.0])
    def test_an_end_that_is_not_due_leaves_the_span(self, make, seconds):
        end = (BEGIN + (138.0 + seconds) * u.s).isot
        header = make.header(EXPSTART=None, DATE_OBS=BEGIN.isot, DATE_END=end, EFFINTTM=None)
        times = exposure_times(make.exposure([make.segment(header)]))
        assert times.source == "DATE-OBS, DATE-END"
        share = (138.0 + seconds) / 12
        assert np.max(np.abs((times.middle - BEGIN).sec - (np.arange(12) + 0.5) * share)) < 1e-3
