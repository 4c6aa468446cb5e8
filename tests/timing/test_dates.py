"""Times from DATE-OBS, TIME-OBS, TIME-END and their kin."""

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.time import Time

from nircam_tso.exceptions import TimeMetadataError
from nircam_tso.io.exposure import Exposure, Segment
from nircam_tso.io.headers import integration_in_name
from nircam_tso.quality import QualityFlag
from nircam_tso.timing import exposure_times

FROM_HEADER = QualityFlag.TIME_FROM_HEADER

# The cards of a slope image of a ground test: 7 groups of 8 frames, 12 skipped between them.
SLOPE = {
    "DATE-OBS": "2019-12-11",
    "TIME-OBS": "12:35:21.430",
    "DATE-END": "2019-12-11",
    "TIME-END": "12:58:15.735 ",
    "EXPSTART": 58828.52455358797,
    "EXPEND": 58828.54045989908,
    "NINTS": 1,
    "NGROUP": 7,
    "NGROUPS": 7,
    "NFRAME": 8,
    "NFRAMES": 8,
    "GROUPGAP": 12,
    "TFRAME": 10.73676,
    "TGROUP": 214.7352,
}


def file(header, name="image.fits", kind="image", n=1, first=1, **more):
    """A segment without pixels."""
    header = header if isinstance(header, fits.Header) else fits.Header(list(header.items()))
    return Segment(name, None, kind, header, n, more.pop("n_groups", None), (32, 64), first_integration=first, **more)


def times_of(*segments, **arguments):
    return exposure_times(Exposure(segments), **arguments)


def apart(time, *texts):
    """Largest difference from ISO texts, UTC, in s."""
    return float(np.max(np.abs((time - Time(list(texts), scale="utc")).sec)))


def ground_test(count, **cards):
    """The files of a ground test that share DATE-OBS, TIME-OBS and TIME-END."""
    cards = {
        "DATE-OBS": "2016-01-12",
        "TIME-OBS": "17:10:36.000",
        "TIME-END": "17:50:36.000",
        "NINTS": 1,
        "NGROUPS": 3,
        "TGROUP": 4.0,
        **cards,
    }
    name = "NRCN821CLRSUB1-6012172256_1_481_SE_2016-01-12T18h00m43_I{:03d}.slp.fits"
    return [file(cards, name.format(k), "ncdhas-slp", first=k) for k in range(1, count + 1)]


class TestPlainImages:
    @pytest.mark.parametrize(
        ("cards", "middle"),
        [
            ({"DATE-OBS": "2020-02-20T07:51:21.4465", "EXPTIME": 25.1}, "2020-02-20T07:51:33.9965"),
            ({"DATE-OBS": "2020-02-20", "TIME-OBS": "07:51:21.4465", "EXPTIME": 25.1}, "2020-02-20T07:51:33.9965"),
            ({"DATE-OBS": " 2020-02-20T07:51:21Z ", "EXPTIME": "2.0 "}, "2020-02-20T07:51:22"),
            ({"DATE-OBS": "2020-02-20T00:51:21-0700", "EXPTIME": 2}, "2020-02-20T07:51:22"),
            ({"DATE-OBS": "2020-02-20(UTC)", "TIME-OBS": " 07:51:21 ", "EXPTIME": 2}, "2020-02-20T07:51:22"),
            ({"DATE-OBS": "2020-02-20", "TIME-OBS": "23:51:21-0700", "EXPTIME": 2}, "2020-02-21T06:51:22"),
            ({"DATE-OBS": "2016-01-12T11:00:59.7-0700", "EXPTIME": 10}, "2016-01-12T18:01:04.7"),
            ({"DATE-OBS": "2016-12-31T16:59:60.7-0700", "EXPTIME": 10}, "2017-01-01T00:00:04.7"),
            # Z is UTC, whatever the system of the other times.
            ({"DATE-OBS": "2016-01-12T18:00:43Z", "TIMESYS": "TT", "EXPTIME": 10}, "2016-01-12T18:00:48"),
            ({"DATE-OBS": "2020-02-20 07:51", "XPOSURE": 2}, "2020-02-20T07:51:01"),
            ({"MJD-OBS": 58899.25, "EXPTIME": 3600.0}, "2020-02-20T06:30:00"),
            ({"DATE-OBS": "", "MJD-OBS": 58899.25, "EXPTIME": 3600.0}, "2020-02-20T06:30:00"),
            ({"DATE-OBS": "2020-02-20", "MJD-OBS": 58899.25, "EXPTIME": 3600.0}, "2020-02-20T06:30:00"),
            ({"DATE-BEG": "2020-02-20T06:00:00", "EXPTIME": 3600.0}, "2020-02-20T06:30:00"),
            ({"DATE-OBS": "2016-12-31T23:59:60.5", "EXPTIME": 1.0}, "2017-01-01T00:00:00"),
            ({"DATE-OBS": "2016-12-31T23:59:50", "EXPTIME": 60.0}, "2017-01-01T00:00:19"),
            ({"DATE-OBS": "2016-01-01T00:01:08.184", "TIMESYS": "TT", "EXPTIME": 2}, "2016-01-01T00:00:01"),
            ({"DATE-OBS": "2016-01-01T00:00:36", "TIMESYS": "TAI", "EXPTIME": 2}, "2016-01-01T00:00:01"),
        ],
    )
    def test_start_and_half_the_exposure(self, cards, middle):
        times = times_of(file(cards))
        assert apart(times.middle, middle) < 1e-6
        length = float(cards.get("EXPTIME", cards.get("XPOSURE")))
        assert (times.end - times.start).sec == pytest.approx(length)
        assert times.exposure_time == [length]
        assert times.flags == [FROM_HEADER]
        assert times.source.endswith(" + EXPTIME/2")
        assert times.accuracy == max(0.5 * length, 0.1)

    def test_tdb_within_microseconds(self):
        times = times_of(file({"DATE-OBS": "2016-04-01T00:01:08.184", "TIMESYS": "TDB", "EXPTIME": 2}))
        expected = Time("2016-04-01T00:01:09.184", scale="tdb").utc
        assert abs((times.middle - expected).sec).max() < 1e-9

    def test_several_in_one_source(self):
        files = [
            file({"DATE-OBS": f"2020-02-20T07:5{i}:00", "EXPTIME": 10.0}, f"{i}.fits", first=i + 1) for i in range(3)
        ]
        times = times_of(*files)
        assert apart(times.middle, *(f"2020-02-20T07:5{i}:05" for i in range(3))) < 1e-6
        assert times.source == "DATE-OBS + EXPTIME/2"

    def test_one_without_any_time_is_masked(self):
        good = file({"DATE-OBS": "2020-02-20T07:50:00", "EXPTIME": 10.0}, "good.fits")
        times = times_of(good, file({"EXPTIME": 10.0}, "lost.fits", first=2))
        assert times.flags.tolist() == [FROM_HEADER, QualityFlag.TIME_INVALID]
        assert times.middle.mask.tolist() == [False, True]
        assert "lost.fits" in times.notes[0] and "DATE-OBS" in times.notes[0]

    def test_without_a_length_only_the_start_is_known(self):
        times = times_of(file({"DATE-OBS": "2020-02-20T07:50:00"}))
        assert apart(times.start, "2020-02-20T07:50:00") < 1e-6
        assert times.middle.mask.all() and times.flags == [QualityFlag.TIME_INVALID]
        assert "no EXPTIME" in times.notes[0]

    def test_a_cube_needs_an_end(self):
        cards = {"DATE-OBS": "2020-02-20T07:50:00", "EXPTIME": 10.0}
        times = times_of(file(cards, n=4))
        assert times.middle.mask.all() and "4 images in one array" in times.notes[0]
        times = times_of(file({**cards, "DATE-END": "2020-02-20T07:51:20"}, n=4))
        assert apart(times.middle, *(f"2020-02-20T07:{t}" for t in ("50:10", "50:30", "50:50", "51:10"))) < 1e-6

    @pytest.mark.parametrize("card", ["MJD-OBS", "MJD-BEG", "EXPSTART"])
    @pytest.mark.parametrize("seconds", [-1.5, 1.5, 3600.0, 1e8])
    def test_dates_that_contradict_each_other_are_masked(self, card, seconds):
        start = Time("2020-02-20T06:00:00.123")
        mjd = (start + seconds * u.s).mjd
        good = file({"DATE-OBS": "2020-02-20T05:00:00", "EXPTIME": 2.0}, "good.fits")
        bad = file({"DATE-OBS": start.isot, card: mjd, "EXPTIME": 2.0}, "bad.fits", first=2)
        times = times_of(good, bad)
        assert times.flags.tolist() == [FROM_HEADER, QualityFlag.TIME_INVALID]
        assert times.middle.mask.tolist() == times.start.mask.tolist() == [False, True]
        (note,) = times.notes
        assert note.startswith("bad.fits: DATE-OBS = '2020-02-20T06:00:00.123', " + card)
        assert "contradict each other" in note

    @pytest.mark.parametrize("kind", ["image", "array"])
    def test_dates_of_a_cube_that_contradict_each_other_are_masked(self, kind):
        cards = {"DATE-OBS": "2020-02-20T06:00:00", "DATE-END": "2020-02-20T06:10:00"}
        agreeing = times_of(file({**cards, "MJD-OBS": 58899.25}, kind=kind, n=4))
        assert apart(agreeing.middle[:1], "2020-02-20T06:01:15") < 1e-6 and agreeing.notes == ()
        times = times_of(file({**cards, "MJD-OBS": 58899.251}, kind=kind, n=4))
        assert times.middle.mask.all() and (times.flags == QualityFlag.TIME_INVALID).all()
        assert "MJD-OBS = 58899.251 contradict each other by 86.400 s" in times.notes[0]

    @pytest.mark.parametrize("decimals", [4, 5, 6, 9])
    def test_a_date_with_few_decimals_contradicts_nothing(self, decimals):
        start = Time("2020-02-20T07:51:21.4465")
        for mjd in (np.floor(start.mjd * 10**decimals) / 10**decimals, round(start.mjd, decimals)):
            times = times_of(file({"DATE-OBS": start.isot, "MJD-OBS": mjd, "EXPTIME": 2.0}))
            assert apart(times.middle, "2020-02-20T07:51:22.4465") < 0.001
            assert times.notes == ()

    @pytest.mark.parametrize("card", ["MJD-OBS", "EXPSTART", "EXPEND"])
    @pytest.mark.parametrize("value", [0.0, "unknown", True, 2457400.5])
    def test_a_spare_card_that_is_no_date_is_noted(self, card, value):
        times = times_of(file({"DATE-OBS": "2020-02-20T06:00:05", card: value, "EXPTIME": 2.0}))
        assert apart(times.middle, "2020-02-20T06:00:06") < 1e-6
        assert len(times.notes) == 1 and card in times.notes[0]

    @pytest.mark.parametrize(
        ("cards", "message"),
        [
            ({}, "DATE-OBS and TIME-OBS and MJD-OBS missing"),
            ({"DATE-OBS": ""}, "DATE-OBS is empty"),
            ({"DATE-OBS": "2020-02-20"}, "no card gives a time of day: DATE-OBS = '2020-02-20'"),
            ({"DATE-OBS": "2020-02-21"}, "put the time into DATE-OBS, or hand over the mid-times"),
            ({"DATE-OBS": "NaN"}, "DATE-OBS: 'NaN' is not a date"),
            ({"DATE-OBS": "2016-02-30T00:00:00"}, "DATE-OBS: day: 30 is not a day of that month"),
            ({"DATE-OBS": "2016-02-30", "TIME-OBS": "01:00:00"}, "DATE-OBS, TIME-OBS: day: 30"),
            ({"DATE-OBS": "16-1-2"}, "DATE-OBS: '16-1-2' is not a date"),
            ({"DATE-OBS": 20160112}, "DATE-OBS: '20160112' is not a date"),
            ({"DATE-OBS": "2016-01-12", "TIME-OBS": "25:00:00"}, "TIME-OBS: hour: 25"),
            ({"DATE-OBS": "2016-01-12", "TIME-OBS": "late"}, "TIME-OBS: 'late' is not a time"),
            ({"DATE-OBS": "2016-01-12T23:59:60"}, "DATE-OBS: second: 60"),
            ({"MJD-OBS": 2457400.5}, "MJD-OBS = 2457400.5 is not a Modified Julian Date"),
            ({"MJD-OBS": "soon"}, "MJD-OBS = 'soon' is not a number"),
            ({"DATE-OBS": "2016-01-12T00:00:00", "EXPTIME": "long"}, "EXPTIME = 'long' is not a number"),
            ({"DATE-OBS": "2016-01-12T00:00:00", "EXPTIME": -1.0}, "EXPTIME = -1.0 is negative"),
        ],
    )
    def test_malformed_cards(self, cards, message):
        segment = file({**({"EXPTIME": 1.0} if cards.get("EXPTIME") is None else {}), **cards}, "bad.fits")
        with pytest.raises(TimeMetadataError, match=message) as caught:
            times_of(segment)
        assert caught.value.path == "bad.fits" and str(caught.value).startswith("bad.fits: ")
        times = times_of(segment, on_error="flag")
        assert times.middle.mask.all() and (times.flags == QualityFlag.TIME_INVALID).all()
        assert message.split(":")[0] in times.notes[0]

    def test_full_width_digits_are_no_digits(self):
        # FITS headers hold ASCII only, but a header may be handed over as anything.
        segment = file({"EXPTIME": 1.0})
        segment.header = {"DATE-OBS": "\uff12\uff10\uff11\uff16-01-12T00:00:00", "EXPTIME": 1.0}
        with pytest.raises(TimeMetadataError, match="is not a date"):
            times_of(segment)


class TestArrays:
    def test_a_time_is_never_invented(self):
        times = times_of(file({}, "array", "array", n=3))
        assert times.middle.mask.all() and times.bjd.mask.all()
        assert (times.flags == QualityFlag.TIME_INVALID).all()
        assert times.source == "none" and np.isnan(times.accuracy) and np.isnan(times.exposure_time).all()

    def test_a_header_without_times_is_no_error(self):
        assert times_of(file({"GAIN": 2.0}, "array", "array", n=3)).middle.mask.all()

    def test_given(self):
        given = Time(["2023-01-10T03:00:00", "2023-01-10T02:00:00", "2023-01-11T04:00:00"], scale="tdb")
        times = times_of(file({"EXPTIME": 60.0}, "array", "array", n=3), given=given)
        assert times.middle.scale == "utc"
        assert np.max(np.abs((times.middle - given.utc).sec)) < 1e-9
        assert (times.end - times.start).sec == pytest.approx(60.0)
        assert not times.flags.any() and times.source == "given" and np.isnan(times.accuracy)
        bare = times_of(file({}, "array", "array", n=3), given=given)
        assert bare.start.mask.all() and bare.end.mask.all() and not bare.middle.mask.any()

    def test_given_with_unknown_ones(self):
        given = Time(["2023-01-10T03:00:00", "2023-01-10T02:00:00"])
        given[0] = np.ma.masked
        times = times_of(file({}, "array", "array", n=2), given=given)
        assert times.middle.mask.tolist() == [True, False]
        assert times.flags.tolist() == [QualityFlag.TIME_INVALID, 0]

    def test_given_for_group_steps(self):
        ramp = file({"TGROUP": 4.0}, "array", "array", n=2, n_groups=3)
        given = Time(np.linspace(59000, 59001, 4), format="mjd")
        times = times_of(ramp, given=given, ramp="groups")
        assert np.max(np.abs((times.middle - given).sec)) < 1e-9
        assert (times.exposure_time == 4.0).all() and (times.end - times.start).sec == pytest.approx(4.0)

    @pytest.mark.parametrize(
        ("given", "error", "message"),
        [
            (59000.0, TypeError, "times: float is not an astropy Time"),
            (Time([59000.0, 59001.0], format="mjd"), ValueError, "does not fit 3 rows"),
            (Time([59000.0] * 3, format="mjd", scale="local"), ValueError, "scale 'local'"),
        ],
    )
    def test_given_that_does_not_fit(self, given, error, message):
        with pytest.raises(error, match=message):
            times_of(file({}, "array", "array", n=3), given=given)


class TestSharedSpan:
    def test_slope_of_a_ground_test(self):
        times = times_of(file(SLOPE, "x_I001.slp.fits", "ncdhas-slp"))
        for time, jd in ((times.start, 2458829.024553588), (times.end, 2458829.040459896)):
            assert abs(time.jd[0] - jd) < 4e-9
        assert times.exposure_time == pytest.approx([6 * 214.7352])
        assert times.source == "DATE-OBS, TIME-OBS, DATE-END, TIME-END"
        assert times.notes == ()
        # The span is 1374.305 s, the reads take 128 frames of it.
        assert times.accuracy == 0.1

    def test_even_shares(self):
        times = times_of(*ground_test(10, NINTS=10))
        span = 2400.0
        expected = Time("2016-01-12T17:10:36") + (np.arange(1, 11) - 0.5) * span / 10 * u.s
        assert np.max(np.abs((times.middle - expected).sec)) < 1e-9
        assert (times.end - times.start).sec == pytest.approx(240.0)
        assert times.notes == ()
        assert times.accuracy == pytest.approx(0.5 * (240.0 - 8.0))

    def test_one_share_earlier_than_the_notebook(self):
        # The notebook's own row: it divides by 100 and puts integration k at k + 1/2 shares.
        printed = 2457400.228726171423
        start = Time("2016-01-12T17:10:36")
        share = (printed - start.jd) / 2.5
        end = start + 100 * share * u.day
        files = ground_test(100, **{"TIME-END": end.isot[11:], "DATE-END": end.isot[:10]})
        ours = times_of(*files).middle[1]
        assert ours.jd + share == pytest.approx(printed, abs=1e-9)

    def test_number_and_count(self):
        (second,) = ground_test(2)[1:]
        # Alone: its own number is the largest that is known, and NINTS = 1 is noted.
        times = times_of(second)
        assert apart(times.middle, "2016-01-12T17:40:36") < 1e-6
        assert "NINTS = 1" in times.notes[0] and "divided by 2" in times.notes[0]
        second.header["NINTS"] = 100
        assert apart(times_of(second).middle, "2016-01-12T17:11:12") < 1e-6
        # ON_NINT has precedence over the name.
        second.header["ON_NINT"] = 4
        assert apart(times_of(second).middle, "2016-01-12T17:12:00") < 1e-6

    def test_names_of_more_than_three_digits(self):
        assert integration_in_name("a_I1234.slp.fits") == 1234
        assert integration_in_name("a.red_I002.fits") == 2
        assert integration_in_name("a_I12b.fits") is None
        assert integration_in_name("NRCN821CLRSUB1.fits") is None

    def test_plain_images_of_one_exposure(self):
        cards = {"DATE-OBS": "2016-01-12", "TIME-OBS": "17:10:36", "TIME-END": "17:50:36"}
        named = times_of(*(file(cards, f"sky_I{k}.fits", first=k) for k in (1, 2, 3, 4)))
        assert apart(named.middle, *(f"2016-01-12T17:{m}:36" for m in (15, 25, 35, 45))) < 1e-6
        nameless = times_of(*(file(cards, f"{k}.fits", first=k) for k in (1, 2)))
        assert nameless.middle.mask.all() and "ON_NINT" in nameless.notes[0]
        # Alone with its dates, the name may count anything.
        alone = times_of(file(cards, "sky_I003.fits"))
        assert apart(alone.middle, "2016-01-12T17:30:36") < 1e-6

    def test_two_exposures(self):
        first = {"DATE-OBS": "2016-01-12", "TIME-OBS": "17:00:00", "TIME-END": "17:10:00"}
        later = {"DATE-OBS": "2016-01-12", "TIME-OBS": "18:00:00", "TIME-END": "18:10:00"}
        files = [file(c, f"x_I00{k}.slp.fits", "ncdhas-slp", first=k) for c in (first, later) for k in (1, 2)]
        middle = times_of(*files).middle
        assert apart(middle, *(f"2016-01-12T{t}:30" for t in ("17:02", "17:07", "18:02", "18:07"))) < 1e-6

    @pytest.mark.parametrize(
        ("begin", "end", "middle"),
        [
            ("2016-01-12T23:50:00", "00:10:00", "2016-01-13T00:00:00"),
            ("2015-12-31T23:50:00", "00:10:00", "2016-01-01T00:00:00"),
            ("2016-02-28T23:50:00", "00:10:00", "2016-02-29T00:00:00"),
            ("2015-02-28T23:50:00", "00:10:00", "2015-03-01T00:00:00"),
            ("2016-02-29T23:50:00", "00:10:00", "2016-03-01T00:00:00"),
            # A day of 86,401 s ends between the two.
            ("2016-12-31T23:50:00", "00:09:59", "2016-12-31T23:59:60"),
            ("2015-06-30T23:50:00", "00:09:59", "2015-06-30T23:59:60"),
            ("2016-12-31T23:59:59", "00:00:01", "2016-12-31T23:59:60.5"),
        ],
    )
    def test_midnight(self, begin, end, middle):
        cards = {"DATE-OBS": begin[:10], "TIME-OBS": begin[11:], "TIME-END": end}
        times = times_of(file(cards, kind="ncdhas-slp"))
        assert apart(times.middle, middle) < 1e-6
        assert times.flags == [FROM_HEADER | QualityFlag.MIDNIGHT_ROLLOVER]
        # The same with the day told.
        day = Time(begin[:10]) + 1.5 * u.day
        told = times_of(file({**cards, "DATE-END": day.isot[:10]}, kind="ncdhas-slp"))
        assert apart(told.middle, middle) < 1e-6
        assert told.flags == [FROM_HEADER]

    def test_midnight_with_an_offset(self):
        cards = {"DATE-OBS": "2016-01-12T23:50:00-0700", "TIME-END": "00:10:00"}
        assert apart(times_of(file(cards, kind="ncdhas-slp")).middle, "2016-01-13T07:00:00") < 1e-6

    @pytest.mark.parametrize(
        ("cards", "middle"),
        [
            (
                {"DATE-OBS": "2016-12-30T10:00:00+0900", "DATE-END": "2016-12-30", "TIME-END": "10:10:00"},
                "2016-12-30T01:05:00",
            ),
            ({"DATE-OBS": "2016-12-30T10:00:00-0700", "DATE-END": "2016-12-30T10:10:00"}, "2016-12-30T17:05:00"),
            (
                {"DATE-OBS": "2016-12-30", "TIME-OBS": "10:00:00+0900", "TIME-END": "10:10:00"},
                "2016-12-30T01:05:00",
            ),
            ({"DATE-BEG": "2016-12-30T10:00:00+0530", "TIME-END": "10:10:00"}, "2016-12-30T04:35:00"),
            # The end's own comes first.
            ({"DATE-OBS": "2016-12-30T10:00:00-0700", "DATE-END": "2016-12-30T17:10:00Z"}, "2016-12-30T17:05:00"),
            ({"DATE-OBS": "2016-12-30T10:00:00-0700", "TIME-END": "17:10:00Z"}, "2016-12-30T17:05:00"),
        ],
    )
    def test_an_offset_at_the_start_counts_for_the_end(self, cards, middle):
        assert apart(times_of(file(cards, kind="ncdhas-slp")).middle, middle) < 1e-6

    def test_midnight_must_agree_with_the_length(self):
        cards = {"DATE-OBS": "2016-01-12", "TIME-OBS": "23:50:00", "TIME-END": "00:10:00", "DURATION": 1190.0}
        assert times_of(file(cards)).flags == [FROM_HEADER | QualityFlag.MIDNIGHT_ROLLOVER]
        cards["DURATION"] = 30.0
        with pytest.raises(TimeMetadataError, match="past midnight it would have taken 1200 s"):
            times_of(file(cards))

    @pytest.mark.parametrize(
        ("cards", "message"),
        [
            ({"TIME-OBS": "12:00:01", "TIME-END": "12:00:00"}, "ends before it starts: .*TIME-OBS.*TIME-END"),
            ({"TIME-OBS": "12:00:00", "TIME-END": "12:00:00"}, "ends when it starts: .*TIME-OBS.*TIME-END"),
            ({"TIME-OBS": "12:00:00", "DATE-END": "2016-01-11", "TIME-END": "13:00:00"}, "at or before its start"),
            ({"TIME-OBS": "12:00:00", "DATE-END": "2016-01-12", "TIME-END": "12:00:00"}, "at or before its start"),
            ({"TIME-OBS": "12:00:00", "TIME-END": "noon"}, "TIME-END: 'noon'"),
            ({"TIME-OBS": "12:00:00", "DATE-END": "2016-1-12", "TIME-END": "13:00:00"}, "DATE-END: '2016-1-12'"),
        ],
    )
    def test_spans_that_cannot_be(self, cards, message):
        segment = file({"DATE-OBS": "2016-01-12", **cards}, "bad.slp.fits", "ncdhas-slp")
        with pytest.raises(TimeMetadataError, match=message):
            times_of(segment)
        assert times_of(segment, on_error="flag").flags == [QualityFlag.TIME_INVALID]

    @pytest.mark.parametrize("number", [0, -1])
    def test_on_nint_below_one_is_no_number(self, number):
        # As for the reader, the name counts then.
        cards = {"DATE-OBS": "2016-01-12", "TIME-OBS": "12:00:00", "TIME-END": "12:10:00", "NINTS": 10}
        named = times_of(file({**cards, "ON_NINT": number}, "x_I003.slp.fits", "ncdhas-slp"))
        assert apart(named.middle, "2016-01-12T12:02:30") < 1e-6
        assert f"ON_NINT = {number} is no number" in named.notes[0]
        nameless = times_of(file({**cards, "ON_NINT": number}, "x.slp.fits", "ncdhas-slp"))
        assert nameless.middle.mask.all() and (nameless.flags == QualityFlag.TIME_INVALID).all()
        assert "x.slp.fits is one of 10" in nameless.notes[1]

    def test_dates_come_before_expstart_in_ground_tests(self):
        times = times_of(file({**SLOPE, "EXPSTART": 58828.525}, "x_I001.slp.fits", "ncdhas-slp"))
        assert abs(times.start.jd[0] - 2458829.024553588) < 4e-9
        assert "EXPSTART = 58828.525" in times.notes[0]
        # Half a day away it is of something else.
        far = times_of(file({**SLOPE, "EXPSTART": 58828.0}, "x_I001.slp.fits", "ncdhas-slp"))
        assert far.middle.mask.all() and (far.flags == QualityFlag.TIME_INVALID).all()
        assert all(card in far.notes[0] for card in ("EXPSTART = 58828.0", "DATE-OBS", "TIME-OBS", "contradict"))
        dateless = {key: value for key, value in SLOPE.items() if "OBS" not in key and "-END" not in key}
        times = times_of(file(dateless, "x_I001.slp.fits", "ncdhas-slp"))
        assert times.source == "EXPSTART, EXPEND"
        assert abs(times.start.jd[0] - 2458829.024553588) < 4e-9

    def test_group_steps_lie_around_the_middle_of_the_share(self):
        ramp = file(SLOPE, "x.red_I001.fits", "ncdhas-red", n_groups=7)
        times = times_of(ramp, ramp="groups")
        whole = times_of(ramp)
        offsets = (times.middle - whole.middle[0]).sec
        assert offsets == pytest.approx((np.arange(6) - 2.5) * 214.7352, abs=1e-6)
        assert (times.exposure_time == 214.7352).all()
        assert whole.exposure_time == pytest.approx([6 * 214.7352])
        part = times_of(ramp, group_range=(0, 2))
        assert (part.middle - whole.middle).sec == pytest.approx([-2 * 214.7352], abs=1e-6)

    def test_group_steps_without_any_group_time_are_masked(self):
        cards = {"DATE-OBS": "2016-01-12", "TIME-OBS": "12:00:00", "TIME-END": "13:00:00"}
        times = times_of(file(cards, "x_I001.fits", "ncdhas-red", n_groups=3), ramp="groups")
        assert times.middle.mask.all() and (times.flags == QualityFlag.TIME_INVALID).all()
        assert "TGROUP" in times.notes[0]


def test_jwst_without_expstart(make):
    cards = {"EXPSTART": None, "DATE_OBS": "2022-04-27", "TIME_OBS": "00:30:49.000"}
    header = make.header(**cards, DATE_END="2022-04-27T00:33:49")
    times = exposure_times(make.exposure([make.segment(header, 5, 4)]))
    assert times.source == "DATE-OBS, TIME-OBS, DATE-END"
    expected = [Time("2022-04-27T00:30:49") + (k - 0.5) * 15 * u.s for k in range(4, 9)]
    assert max(abs((a - b).sec) for a, b in zip(times.middle, expected, strict=True)) < 1e-9


def test_end_before_start_as_modified_julian_dates():
    cards = {"EXPSTART": 58828.5, "EXPEND": 58828.4, "NINTS": 1}
    with pytest.raises(TimeMetadataError, match=r"ends at or before its start: EXPSTART = 58828.5, EXPEND = 58828.4"):
        times_of(file(cards, "x_I001.slp.fits", "ncdhas-slp"))


def test_an_end_without_a_start():
    with pytest.raises(TimeMetadataError, match="image.fits: no card gives a time of day"):
        times_of(file({"EXPEND": 58828.4, "EXPTIME": 10.0}))


@pytest.mark.parametrize("system", ["TT", "TDB", "TAI", "GPS"])
def test_modified_julian_dates_of_other_scales(system):
    times = times_of(file({"MJD-OBS": 58899.25, "TIMESYS": system, "EXPTIME": 2.0}))
    expected = Time(58899.25, format="mjd", scale="tai" if system == "GPS" else system.lower())
    # TAI is 19 s ahead of the clocks of GPS.
    expected = expected.utc + (20.0 if system == "GPS" else 1.0) * u.s
    assert abs((times.middle - expected).sec).max() < 1e-6


def test_jwst_by_a_start_whose_end_is_impossible(make):
    """The dates say that it ended before it began: the readout keywords have no beginning to count from."""
    header = make.header(EXPSTART=None, DATE_OBS="2022-04-27", TIME_OBS="00:30:49", DATE_END="2022-04-27T00:30:00")
    with pytest.raises(TimeMetadataError, match="ends at or before its start: DATE-OBS = '2022-04-27'"):
        exposure_times(make.exposure([make.segment(header)]))


def test_a_day_that_is_none_does_not_contradict_expstart(make):
    good = exposure_times(make.exposure([make.segment(make.header())]))
    odd = exposure_times(make.exposure([make.segment(make.header(DATE_OBS="2022-13-45"))]))
    assert np.array_equal(odd.middle.mjd, good.middle.mjd) and not odd.middle.mask.any()
    assert odd.source == "readout keywords"


@pytest.mark.parametrize("card", ["INTSTART", "NINTS"])
def test_the_number_of_a_mean_image_that_is_none(make, card):
    """A user may say anything of a file by header=; the integration is that of the file then."""
    header = make.header(**{card: "x"})
    times = exposure_times(make.exposure([make.segment(header, 1, kind="jwst-rate")]), on_error="flag")
    if card == "INTSTART":
        assert make.off_by(times.middle, make.truth(make.header(), [1])[1]) < 1e-9
    else:
        assert times.middle.mask.all() and "NINTS" in times.notes[0]
