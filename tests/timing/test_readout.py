"""Times from the readout keywords."""

import time

import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time

from nircam_tso.exceptions import TimeMetadataError
from nircam_tso.quality import QualityFlag
from nircam_tso.timing import Readout, exposure_times, nircam_frame_time

PATTERNS = {
    "RAPID": {"NFRAMES": 1, "GROUPGAP": 0, "NGROUPS": 10},
    "BRIGHT2": {"NFRAMES": 2, "GROUPGAP": 0, "NGROUPS": 2},
    "SHALLOW4": {"NFRAMES": 4, "GROUPGAP": 1, "NGROUPS": 3},
    "DEEP8": {"NFRAMES": 8, "GROUPGAP": 12, "NGROUPS": 7},
    "dropped frames": {"NFRAMES": 1, "GROUPGAP": 1, "NGROUPS": 2, "DRPFRMS1": 1, "DRPFRMS3": 2, "NRSTSTRT": 3},
    "no resets": {"NFRAMES": 1, "GROUPGAP": 0, "NGROUPS": 300, "NRESETS": 0, "NRSTSTRT": None, "DRPFRMS1": None},
}


@pytest.mark.parametrize(
    ("columns", "rows", "outputs", "seconds"),
    [
        (2048, 2048, 4, 10.73677),  # FULL
        (2048, 256, 4, 1.34669),  # SUBGRISM256
        (2048, 256, 1, 5.31480),
        (2048, 128, 4, 0.67597),  # SUBGRISM128
        (2048, 64, 4, 0.34061),  # SUBGRISM64
        (400, 400, 1, 1.65624),  # SUB400P
        (160, 160, 1, 0.27864),  # SUB160P
        (64, 64, 1, 0.05016),  # SUB64P
    ],
)
def test_frame_times_of_nircam_subarrays(columns, rows, outputs, seconds):
    assert nircam_frame_time(columns, rows, outputs) == pytest.approx(seconds, abs=1e-9)


FRAMES = {
    "FULL": (2048, 2048, 4, 10.73677),
    "SUBGRISM256": (2048, 256, 4, 1.34669),
    "SUBGRISM256 by one": (2048, 256, 1, 5.31480),
    "SUBGRISM128": (2048, 128, 4, 0.67597),
    "SUBGRISM64": (2048, 64, 4, 0.34061),
    "SUB400P": (400, 400, 1, 1.65624),
    "SUB160P": (160, 160, 1, 0.27864),
    "SUB64P": (64, 64, 1, 0.05016),
}


def frame_notes(make, columns, rows, outputs, seconds, **cards):
    header = make.header(
        SUBSIZE1=columns,
        SUBSIZE2=rows,
        NOUTPUTS=outputs,
        TFRAME=seconds,
        TGROUP=5 * seconds,
        **{"SUBARRAY": "X", **cards},
    )
    times = exposure_times(make.exposure([make.segment(header)]))
    assert times.source == "readout keywords"
    return times.notes


@pytest.mark.parametrize("name", FRAMES)
def test_frame_time_is_checked_by_the_subarray(make, name):
    columns, rows, outputs, seconds = FRAMES[name]
    assert frame_notes(make, columns, rows, outputs, seconds) == ()
    for wrong in (1.001 * seconds, 0.5 * seconds):
        (note,) = frame_notes(make, columns, rows, outputs, wrong)
        assert f"TFRAME = {wrong!r}, SUBSIZE1 = {columns}, SUBSIZE2 = {rows}, NOUTPUTS = {outputs}" in note
        assert f"{seconds:.6g} s" in note
        # The rule is for plain subarrays of NIRCam.
        assert frame_notes(make, columns, rows, outputs, wrong, INSTRUME="MIRI") == ()
        for striped in ("SUB40STRIPE1_DHS", "SUB164STRIPE4_DHS", "sub256_dhs"):
            assert frame_notes(make, columns, rows, outputs, wrong, SUBARRAY=striped) == ()


@pytest.mark.parametrize("card", ["TGROUP", "SUBSIZE1", "NOUTPUTS"])
def test_a_spare_card_that_is_no_number_is_noted(make, card):
    header = make.header(**{"SUBSIZE1": 64, "SUBSIZE2": 64, "NOUTPUTS": 1, card: "many"})
    times = exposure_times(make.exposure([make.segment(header)]))
    assert make.off_by(times.middle, make.truth(header, range(1, 13))[1]) < 1e-9
    assert f"{card} = 'many' is not a number" in times.notes[0]


@pytest.mark.parametrize("value", [0, 0.0, "unknown", True, -1.0, 2459801.5])
def test_an_end_that_is_no_date_leaves_the_readout_keywords(make, value):
    header = make.header(EXPEND=value)
    times = exposure_times(make.exposure([make.segment(header, name="odd.fits")]))
    assert make.off_by(times.middle, make.truth(header, range(1, 13))[1]) < 1e-9
    assert times.source == "readout keywords" and (times.flags == QualityFlag.TIME_FROM_HEADER).all()
    (note,) = times.notes
    assert note.startswith("odd.fits: EXPEND") and "length is not checked" in note


def test_frame_time_needs_one_or_four_outputs():
    with pytest.raises(ValueError, match="n_outputs: 2 is neither 1 nor 4"):
        nircam_frame_time(64, 64, 2)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_agrees_with_counting_frames(make, pattern):
    header = make.header(**PATTERNS[pattern])
    times = exposure_times(make.exposure([make.segment(header)]))
    expected = make.truth(header, range(1, 13))
    for found, tai in zip((times.start, times.middle, times.end), expected, strict=True):
        assert make.off_by(found, tai) < 1e-9
    assert times.source == "readout keywords"
    assert (times.flags == QualityFlag.TIME_FROM_HEADER).all()
    assert times.accuracy == pytest.approx(0.25 + 12 * 0.021)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_span_is_from_the_start_to_the_last_read(make, pattern):
    header = make.header(**PATTERNS[pattern])
    *_, end = make.truth(header, [12])
    begin, *_ = make.truth({**header, "NRSTSTRT": 0}, [1])
    assert Readout.from_header(header).span() == pytest.approx((end[1][0] - begin[1][0]) * 86400, abs=1e-9)


def test_ground_tests_have_names_of_their_own():
    """NGROUP and NFRAME of raw files, where a header has no NGROUPS and NFRAMES."""
    raw = fits.Header({"NINT": 1, "NGROUP": 7, "NFRAME": 8, "GROUPGAP": 12, "TFRAME": 10.73676, "DRPFRMS1": 0})
    readout = Readout.from_header(raw)
    assert (readout.ngroups, readout.nframes, readout.nints) == (7, 8, None)
    assert readout.integration_time == pytest.approx(128 * 10.73676)
    raw["NGROUPS"], raw["NFRAMES"] = 3, 2
    assert (Readout.from_header(raw).ngroups, Readout.from_header(raw).nframes) == (3, 2)


def test_segments_are_numbered_over_the_whole_exposure(make):
    header = make.header()
    segments = [make.segment(header, 5, 1), make.segment(header, 4, 6), make.segment(header, 3, 10)]
    whole = exposure_times(make.exposure([make.segment(header)]))
    split = exposure_times(make.exposure(segments))
    assert np.array_equal(whole.middle.jd1 + whole.middle.jd2, split.middle.jd1 + split.middle.jd2)


def test_row_resets_add_up(make):
    header = make.header(NINTS=40000, NGROUPS=2, TFRAME=0.05, GROUPGAP=0, NFRAMES=1)
    segment = make.segment(header, 40000)
    without = exposure_times(make.exposure([segment]))
    told = exposure_times(make.exposure([segment]), row_reset_time=0.0153)
    drift = (told.middle.tai - without.middle.tai).sec
    assert np.max(np.abs(drift - np.arange(40000) * 0.0153)) < 1e-8
    assert without.accuracy > drift[-1]
    assert told.accuracy == 0.1


def test_a_leap_second_within_the_exposure(make):
    header = make.header(EXPSTART=Time("2016-12-31T23:59:30").mjd)
    times = exposure_times(make.exposure([make.segment(header)]))
    expected = make.truth(header, range(1, 13))
    assert make.off_by(times.middle, expected[1]) < 1e-9
    # The fourth begins 0.5 + 3 x 11.5 s after 23:59:30, in a minute of 61 s.
    assert abs((times.start[3] - Time("2017-01-01T00:00:04")).sec) < 1e-6


def test_an_average_of_integrations_spans_them(make):
    header = make.header(EFFEXPTM=132.0)
    times = exposure_times(make.exposure([make.segment(header, 1, kind="jwst-rate")]))
    start, _, end = make.truth(header, [1, 12])
    assert make.off_by(times.start, (start[0], start[1][:1])) < 1e-9
    assert make.off_by(times.end, (end[0], end[1][1:])) < 1e-9
    assert make.off_by(times.middle, (start[0], 0.5 * (start[1][:1] + end[1][1:]))) < 1e-9
    assert times.exposure_time == [132.0]


def test_photon_collecting_time(make):
    header = make.header()
    ramp = make.exposure([make.segment(header, kind="jwst-uncal", n_groups=5)])
    assert (exposure_times(ramp).exposure_time == 4 * 2.5).all()
    assert (exposure_times(ramp, ramp="slope", group_range=(1, 3)).exposure_time == 2 * 2.5).all()
    assert (exposure_times(ramp, ramp="groups").exposure_time == 2.5).all()
    assert (exposure_times(make.exposure([make.segment(header)])).exposure_time == 11.0).all()
    bare = make.exposure([make.segment(make.header(EFFINTTM=None, EXPTIME=9.5))])
    assert (exposure_times(bare).exposure_time == 9.5).all()
    nothing = make.exposure([make.segment(make.header(EFFINTTM=None))])
    assert np.isnan(exposure_times(nothing).exposure_time).all()


def test_group_steps_lie_between_the_reads(make):
    header = make.header(DRPFRMS1=2)
    exposure = make.exposure([make.segment(header, 3, kind="jwst-uncal", n_groups=5)])
    times = exposure_times(exposure, ramp="groups")
    assert len(times) == 3 * 4
    start, *_ = make.truth(header, [1, 2, 3])
    # Frame by frame: each read of a pixel lies in the middle of its frame.
    reads = 2 + np.array([[g * 5 + f + 0.5 for f in range(2)] for g in range(5)])
    groups = reads.mean(axis=1) * 0.5
    centres = 0.5 * (groups[1:] + groups[:-1])
    expected = (start[1][:, None] + centres / 86400).ravel()
    assert make.off_by(times.middle, (start[0], expected)) < 1e-9
    assert np.allclose((times.end - times.start).sec, 2.5)
    part = exposure_times(exposure, ramp="groups", group_range=(1, 3))
    assert np.array_equal(part.middle.mjd, times.middle.mjd.reshape(3, 4)[:, 1:3].ravel())


def test_part_of_a_ramp_has_the_times_of_its_groups(make):
    header = make.header()
    exposure = make.exposure([make.segment(header, 3, kind="jwst-uncal", n_groups=5)])
    whole = exposure_times(exposure)
    assert np.array_equal(exposure_times(exposure, group_range=(0, 4)).middle.mjd, whole.middle.mjd)
    part = exposure_times(exposure, group_range=(0, 1))
    # Groups 1 and 2 of 5 are one and a half group times before the middle.
    assert (whole.middle - part.middle).sec == pytest.approx(1.5 * 2.5, abs=1e-6)
    assert (part.start - whole.start).sec == pytest.approx(0.0, abs=1e-6)
    assert (part.end - part.start).sec == pytest.approx((2 + 3 + 2) * 0.5, abs=1e-6)
    assert "groups 1 to 2 of 5" in part.notes[0]


@pytest.mark.parametrize(("slow", "fraction"), [(2, 24.5 / 96), (-2, 1 - 24.5 / 96)])
def test_times_of_the_stars_own_row(make, slow, fraction):
    header = make.header(SLOWAXIS=slow, SUBSIZE1=64, SUBSIZE2=96)
    finished = make.exposure([make.segment(header)])
    ramp = make.exposure([make.segment(header, kind="jwst-uncal", n_groups=5)])
    for exposure, kind in ((finished, "last-first"), (ramp, "last-first"), (ramp, "groups")):
        middle = exposure_times(exposure, ramp=kind)
        pixel = exposure_times(exposure, ramp=kind, time_reference="pixel", star_row=24.0)
        assert pixel.readout_fraction == pytest.approx(fraction)
        assert middle.readout_fraction == 0.5
        for name in ("start", "middle", "end", "bjd"):
            shift = (getattr(pixel, name) - getattr(middle, name)).sec
            # Barycentric times run at a rate of up to 1e-4 more or less.
            assert shift == pytest.approx((fraction - 0.5) * 0.5, abs=2e-5 if name == "bjd" else 1e-9)


@pytest.mark.parametrize(
    ("cards", "row", "message"),
    [
        ({"SLOWAXIS": 1}, 3.0, "SLOWAXIS = 1"),
        ({}, 3.0, "SLOWAXIS missing"),
        ({"SLOWAXIS": "up"}, 3.0, "SLOWAXIS = 'up' is not a number"),
        ({"SLOWAXIS": 2}, None, "star_row: None"),
        ({"SLOWAXIS": 2, "TFRAME": None}, 3.0, "lacks"),
    ],
)
def test_rows_that_cannot_be_timed(make, cards, row, message):
    exposure = make.exposure([make.segment(make.header(EXPEND=59801.01, **cards))])
    with pytest.raises(ValueError, match=message):
        exposure_times(exposure, time_reference="pixel", star_row=row, on_error="flag")


def test_a_cutout_has_no_rows_of_the_detector(make):
    segment = make.segment(make.header(SLOWAXIS=2, SUBSIZE2=2048))
    segment.shape = (100, 64)
    with pytest.raises(ValueError, match="SUBSIZE2 = 2048, images have 100 rows"):
        exposure_times(make.exposure([segment]), time_reference="pixel", star_row=3.0)


@pytest.mark.parametrize(
    ("cards", "named"),
    [
        ({"DATE_OBS": "2022-08-09", "TIME_OBS": "23:59:18.7"}, ["EXPSTART", "DATE-OBS", "TIME-OBS"]),
        ({"EXPEND": 59800.9995 + 168.0 / 86400}, ["EXPSTART", "EXPEND", "NINTS", "NGROUPS", "TFRAME"]),
        ({"EXPEND": 59800.9995 + 172.0 / 86400}, ["EXPSTART", "EXPEND", "NINTS", "NGROUPS", "TFRAME"]),
        ({"NINTS": 11}, ["NINTS"]),
    ],
)
def test_cards_that_contradict_each_other_mask_the_times(make, cards, named):
    header = make.header(NGROUPS=5, **cards)
    times = exposure_times(make.exposure([make.segment(header)]))
    assert times.middle.mask.all() and times.start.mask.all() and times.end.mask.all() and times.bjd.mask.all()
    assert (times.flags == QualityFlag.TIME_INVALID).all()
    assert times.source == "none" and np.isnan(times.accuracy)
    assert (times.exposure_time == 11.0).all()
    (note,) = times.notes
    assert all(card in note for card in named)


def test_cards_that_agree_within_their_tolerance(make):
    readout = Readout.from_header(make.header())
    header = make.header(
        DATE_OBS="2022-08-09", TIME_OBS="23:59:17.3", EXPEND=59800.9995 + (readout.span() + 0.2) / 86400
    )
    times = exposure_times(make.exposure([make.segment(header)]))
    assert times.source == "readout keywords"
    assert "row_reset_time" in times.notes[0]
    told = exposure_times(make.exposure([make.segment(header)]), row_reset_time=0.2 / 11)
    assert told.notes == ()


def test_oddities_are_noted(make):
    header = make.header(TGROUP=2.0, SUBSIZE1=64, SUBSIZE2=64, NOUTPUTS=1)
    times = exposure_times(make.exposure([make.segment(header)]))
    assert "TGROUP = 2.0" in times.notes[0] and "2.5 s" in times.notes[0]
    assert "TFRAME = 0.5" in times.notes[1] and "0.05016 s" in times.notes[1]


def test_without_readout_the_span_is_divided(make):
    header = make.header(TFRAME=None, EXPEND=59800.9995 + 120.0 / 86400)
    times = exposure_times(make.exposure([make.segment(header)]))
    assert times.source == "EXPSTART, EXPEND"
    day = 59800.9995
    expected = Time(day, (np.arange(12) + 0.5) * 10 / 86400, format="mjd", scale="utc")
    # EXPEND as MJD resolves 0.6 microseconds.
    assert np.max(np.abs((times.middle - expected).sec)) < 1e-6


@pytest.mark.parametrize(
    ("card", "value"),
    [("TFRAME", "quick"), ("TFRAME", -1.0), ("NGROUPS", 2.5), ("NGROUPS", 0), ("NFRAMES", -1), ("NINTS", True)],
)
def test_malformed_cards(make, card, value):
    exposure = make.exposure([make.segment(make.header(**{card: value}), name="odd.fits")])
    with pytest.raises(TimeMetadataError, match=f"odd.fits: .*{card} = "):
        exposure_times(exposure)
    times = exposure_times(exposure, on_error="flag")
    assert (times.flags == QualityFlag.TIME_INVALID).all()
    assert card in times.notes[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ramp": "first"}, "ramp: 'first'"),
        ({"time_reference": "end"}, "time_reference: 'end'"),
        ({"on_error": "ignore"}, "on_error: 'ignore'"),
        ({"row_reset_time": -1.0}, "row_reset_time: -1.0"),
        ({"row_reset_time": np.nan}, "row_reset_time: nan"),
        ({"group_range": (3, 5)}, r"group_range: \(3, 5\)"),
        ({"group_range": (2, 2), "ramp": "groups"}, "group_range: group 2 alone"),
    ],
)
def test_bad_arguments(make, arguments, message):
    exposure = make.exposure([make.segment(make.header(), kind="jwst-uncal", n_groups=5)])
    with pytest.raises(ValueError, match=message):
        exposure_times(exposure, **arguments)


def test_a_hundred_thousand_rows_are_quick(make):
    header = make.header(NINTS=100_000, NGROUPS=2, TFRAME=0.05, GROUPGAP=0, NFRAMES=1)
    exposure = make.exposure([make.segment(header, 100_000)])
    # Of the processor, which other programs on the machine do not use up.
    begin = time.process_time()
    times = exposure_times(exposure)
    assert time.process_time() - begin < 2.0
    assert not times.bjd.mask.any()


def test_group_steps_by_the_group_time_alone(make):
    header = make.header(TFRAME=None, EXPEND=59800.9995 + 120.0 / 86400)
    exposure = make.exposure([make.segment(header, kind="jwst-uncal", n_groups=5)])
    whole, steps = exposure_times(exposure), exposure_times(exposure, ramp="groups")
    # The four steps of 2.5 s lie evenly around the middle of each integration's share.
    expected = np.repeat(whole.middle.mjd, 4) * 86400 + np.tile([-3.75, -1.25, 1.25, 3.75], 12)
    assert np.max(np.abs(steps.middle.mjd * 86400 - expected)) < 1e-5
    part = exposure_times(exposure, group_range=(0, 2))
    assert (part.middle - whole.middle).sec == pytest.approx(-2.5, abs=1e-6)
