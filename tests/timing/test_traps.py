"""Tables and headers that look right and would give wrong times."""

import numpy as np
import pytest
from astropy.time import Time

from nircam_tso.exceptions import TimeMetadataError
from nircam_tso.io.sources import open_exposure
from nircam_tso.quality import QualityFlag
from nircam_tso.timing import exposure_times

FROM_HEADER, INVALID = int(QualityFlag.TIME_FROM_HEADER), int(QualityFlag.TIME_INVALID)


def test_two_activities_with_the_same_exposure_number(make):
    """The second exposure has no INT_TIMES, and must not take the first one's."""
    one = make.header(ACT_ID="01", VISIT_ID="01234001001")
    other = make.header(ACT_ID="02", VISIT_ID="01234001001", EXPSTART=59801.1)
    exposure = make.exposure(
        [
            make.segment(one, table=make.table(one, range(1, 13)), name="a.fits", exposure_number=1),
            make.segment(other, name="b.fits", exposure_number=1),
        ]
    )
    times = exposure_times(exposure)
    assert make.off_by(times.middle[:12], make.truth(one, range(1, 13))[1]) < 1e-5
    assert make.off_by(times.middle[12:], make.truth(other, range(1, 13))[1]) < 1e-5
    assert (times.flags[:12] & FROM_HEADER == 0).all()
    assert (times.flags[12:] & FROM_HEADER != 0).all()


@pytest.mark.parametrize("number", [-(2**62), np.nan])
def test_impossible_number_ends_at_once(make, number):
    header = make.header()
    table = make.table(header, range(1, 13))
    kind = "i8" if np.isfinite(number) else "f8"
    wide = np.zeros(len(table), [(name, kind if name == "integration_number" else "f8") for name in table.dtype.names])
    for name in table.dtype.names:
        wide[name] = table[name]
    wide["integration_number"][4] = number
    times = exposure_times(make.exposure([make.segment(header, table=wide)]))
    assert make.off_by(times.middle, make.truth(header, range(1, 13))[1]) < 1e-5
    assert any("impossible number" in note for note in times.notes)


@pytest.mark.parametrize("kind", ["equal", "backwards"])
def test_table_that_does_not_grow_is_not_used(make, kind):
    header = make.header()
    table = make.table(header, range(1, 13))
    for name in table.dtype.names[1:4]:
        table[name] = table[name][0] if kind == "equal" else table[name][::-1].copy()
    times = exposure_times(make.exposure([make.segment(header, table=table)]))
    assert make.off_by(times.middle, make.truth(header, range(1, 13))[1]) < 1e-5
    assert (times.flags & FROM_HEADER != 0).all()
    assert any("do not grow" in note for note in times.notes)


def test_table_that_counts_from_zero_shifts_nothing(make):
    """A table of the whole exposure, 0-based, on a later segment."""
    header = make.header(INTSTART=5, INTEND=8)
    table = make.table(header, range(1, 13))
    table["integration_number"] -= 1
    times = exposure_times(make.exposure([make.segment(header, n=4, first=5, table=table)]))
    assert make.off_by(times.middle, make.truth(header, range(5, 9))[1]) < 1e-5


@pytest.mark.parametrize("time", [np.nan, 0.0])
def test_table_that_counts_from_zero_with_a_blank_first_row(make, time):
    header = make.header(INTSTART=5, INTEND=8)
    table = make.table(header, range(1, 13))
    table["integration_number"] -= 1
    for name in table.dtype.names[1:4]:
        table[name][0] = time
    times = exposure_times(make.exposure([make.segment(header, n=4, first=5, table=table)]))
    assert make.off_by(times.middle, make.truth(header, range(5, 9))[1]) < 1e-5
    # Without keywords nothing confirms the other numbers.
    bare = make.header(EXPSTART=None, TFRAME=None, NINTS=None)
    times = exposure_times(make.exposure([make.segment(bare, n=4, first=5, table=table)]), on_error="flag")
    assert (times.flags == INVALID).all() and "do not confirm" in " ".join(times.notes)


def test_numbers_between_integrations_are_impossible(make):
    header = make.header()
    table = make.table(header, range(1, 13))
    halves = table.astype([(name, "f8") for name in table.dtype.names])
    halves["integration_number"] += 0.5
    times = exposure_times(make.exposure([make.segment(header, table=halves)]))
    assert times.source == "readout keywords" and "impossible number" in times.notes[0]


def test_numbers_that_begin_anew_are_another_exposure(make):
    one, other = make.header(), make.header(EXPSTART=59801.1)
    segments = [
        make.segment(one, table=make.table(one, range(1, 13)), name="a.fits"),
        make.segment(other, name="b.fits"),
    ]
    times = exposure_times(make.exposure(segments))
    assert make.off_by(times.middle[12:], make.truth(other, range(1, 13))[1]) < 1e-5


@pytest.mark.parametrize(("system", "ahead"), [("TT(TAI)", 69.184), ("GPS", 18.0), ("TAI", 37.0), ("UTC(NIST)", 0.0)])
def test_time_systems(make, system, ahead):
    header = {"DATE-OBS": "2020-01-01T00:01:40", "EXPTIME": 10.0, "TIMESYS": system}
    times = exposure_times(make.exposure([make.segment(header, n=1, kind="image")]))
    expected = Time("2020-01-01T00:01:45", scale="utc")
    assert abs((times.middle[0] - expected).sec + ahead) < 1e-6


def test_unknown_time_system_is_refused(make):
    header = {"DATE-OBS": "2020-01-01T00:01:40", "EXPTIME": 10.0, "TIMESYS": "LOCAL"}
    with pytest.raises(TimeMetadataError, match="LOCAL"):
        exposure_times(make.exposure([make.segment(header, n=1, kind="image")]))


def test_plain_image_without_a_number_is_no_part_of_an_exposure(make):
    header = {"DATE-OBS": "2020-01-01T00:00:00", "DATE-END": "2020-01-01T00:01:40", "NINTS": 10}
    times = exposure_times(make.exposure([make.segment(header, n=1, kind="image")]))
    assert abs((times.middle[0] - Time("2020-01-01T00:00:50", scale="utc")).sec) < 1e-6


def ground(number=None, **cards):
    header = {"DATE-OBS": "2019-12-11", "TIME-OBS": "12:00:00", "TIME-END": "12:00:30", "NINTS": 3, **cards}
    return {key: value for key, value in header.items() if value is not None} | (
        {} if number is None else {"ON_NINT": number}
    )


def test_ground_files_without_numbers_get_no_time(make):
    segments = [make.segment(ground(), n=1, kind="ncdhas-slp", name=f"{name}.slp.fits") for name in "abc"]
    times = exposure_times(make.exposure(segments))
    assert np.asarray(times.middle.mask).all()
    assert (times.flags & INVALID != 0).all()


def test_ground_files_without_an_end_get_no_time(make):
    cards = {"TIME-END": None, "EXPTIME": 10.0}
    segments = [
        make.segment(ground(k, **cards), n=1, first=k, kind="ncdhas-slp", name=f"x_I00{k}.slp.fits") for k in (1, 2, 3)
    ]
    times = exposure_times(make.exposure(segments))
    assert np.asarray(times.middle.mask).all()
    assert any("no end" in note for note in times.notes)


INSIDE = {"EXPEND": None, "INTSTART": 1, "INTEND": 12}


def array_of(make, n, first=1, **cards):
    """What the reader of arrays makes of images handed over with a header."""
    return make.segment(make.header(**{**INSIDE, **cards}), n, first, kind="array", name="array")


@pytest.mark.parametrize(
    ("n", "first", "cards", "named"),
    [
        (4, 1, {}, "INTSTART = 1, INTEND = 12, NINTS = 12"),
        (13, 1, {}, "INTSTART = 1, INTEND = 12"),
        (1, 1, {}, "1 integration handed over"),
        (4, 1, {"INTSTART": 5, "INTEND": 12}, "INTSTART = 5, INTEND = 12"),
        (12, 1, {"INTSTART": 101, "INTEND": 112, "NINTS": 200}, "INTSTART = 101"),
        (4, 1, {"INTSTART": None, "INTEND": None}, "NINTS = 12"),
        (4, 1, {"INTSTART": 0, "INTEND": 0}, "NINTS = 12"),
        (
            4,
            1,
            {"TELESCOP": "ground", "DATE_OBS": "2022-08-09T00:00:00", "DATE_END": "2022-08-09T00:02:00"},
            "NINTS = 12",
        ),
    ],
)
def test_part_of_an_array_with_the_header_of_the_whole_has_no_time(make, n, first, cards, named):
    exposure = make.exposure([array_of(make, n, first, **cards)])
    times = exposure_times(exposure)
    assert np.asarray(times.middle.mask).all() and np.asarray(times.start.mask).all()
    assert (times.flags == INVALID).all()
    (note,) = times.notes
    assert named in note and "contradict" in note and "times masked" in note and "times=" in note
    given = Time(59801 + np.arange(n) / 1000, format="mjd")
    told = exposure_times(exposure, given=given)
    assert not told.flags.any() and np.max(np.abs((told.middle - given).sec)) < 1e-6


@pytest.mark.parametrize(
    ("parts", "cards"),
    [
        ([(12, 1)], {}),
        ([(12, 1)], {"INTSTART": None, "INTEND": None}),
        # A later segment's header; images one by one; each with its own number.
        ([(8, 5)], {"INTSTART": 5, "INTEND": 12}),
        ([(1, k) for k in range(1, 13)], {}),
        ([(1, k) for k in range(1, 13)], {"INTSTART": None, "INTEND": None}),
    ],
)
def test_whole_arrays_with_their_header_have_times(make, parts, cards):
    exposure = make.exposure([array_of(make, n, first, **cards) for n, first in parts])
    times = exposure_times(exposure)
    numbers = np.concatenate([np.arange(first, first + n) for n, first in parts])
    assert make.off_by(times.middle, make.truth(make.header(), numbers)[1]) < 1e-9
    assert (times.flags == FROM_HEADER).all()


def test_part_of_a_cube_through_the_reader(make):
    cube = np.zeros((12, 5, 7))
    header = make.header(**INSIDE)
    assert not exposure_times(open_exposure(cube, header=header)).flags[0] & INVALID
    for part in (cube[4:8], cube[0], cube[:11]):
        times = exposure_times(open_exposure(part, header=header))
        assert (times.flags == INVALID).all() and "INTEND = 12" in times.notes[0]
    header["INTSTART"], header["INTEND"] = 5, 8
    times = exposure_times(open_exposure(cube[4:8], header=header))
    assert make.off_by(times.middle, make.truth(make.header(), range(5, 9))[1]) < 1e-9


def test_images_of_jwst_that_are_not_all_have_no_time(make):
    """A cube that lost its extensions is a plain image, of which nothing tells the first number."""
    exposure = make.exposure([make.segment(make.header(INTSTART=5, INTEND=8), 4, kind="image")])
    times = exposure_times(exposure)
    assert (times.flags == INVALID).all() and "INTSTART = 5" in times.notes[0]
    whole = exposure_times(make.exposure([make.segment(make.header(INTSTART=1, INTEND=4), 4, kind="image")]))
    assert make.off_by(whole.middle, make.truth(make.header(), range(1, 5))[1]) < 1e-9


def test_an_array_whose_header_numbers_it_has_a_time(make):
    header = ground(2)
    times = exposure_times(make.exposure([make.segment(header, 1, kind="array", name="array")]))
    assert abs((times.middle[0] - Time("2019-12-11T12:00:15", scale="utc")).sec) < 1e-6


def test_a_header_of_jwst_without_readout_keeps_its_numbers(make):
    cards = {"TFRAME": None, "INTSTART": 5, "INTEND": 8, "DATE_OBS": "2022-08-10T00:00:00"}
    header = make.header(EXPSTART=None, DATE_END="2022-08-10T00:02:00", **cards)
    times = exposure_times(make.exposure([make.segment(header, 4, 5, kind="array", name="array")]))
    expected = Time("2022-08-10T00:00:45", scale="utc").mjd + np.arange(4) * 10 / 86400
    assert np.max(np.abs(times.middle.mjd - expected)) * 86400 < 1e-5
