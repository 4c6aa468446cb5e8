"""Tables and headers that look right and would give wrong times."""

import numpy as np
import pytest
from astropy.time import Time

from nircam_tso.exceptions import TimeMetadataError
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
