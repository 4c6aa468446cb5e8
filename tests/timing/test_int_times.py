"""INT_TIMES in every state in which it has been met, and then some."""

import numpy as np
import pytest

from nircam_tso.quality import QualityFlag
from nircam_tso.timing import exposure_times

# Real subarrays reset rows for some milliseconds per integration, which no keyword
# tells: times that come from the keywords are recognised by it.
RESET = 0.004
FROM_HEADER = QualityFlag.TIME_FROM_HEADER


@pytest.fixture
def header(make):
    return make.header(NINTS=12)


def times_of(make, header, tables, counts=(5, 4, 3), **arguments):
    """Times of one exposure in several segments with their tables."""
    segments, first = [], 1
    for i, (n, table) in enumerate(zip(counts, tables, strict=True)):
        segments.append(make.segment(header, n, first, table=table, name=f"seg{i + 1}.fits"))
        first += n
    return exposure_times(make.exposure(segments), **arguments)


def check(make, header, times, numbers=range(1, 13), limit=1e-6):
    """Every time is the true one, to the resolution of an MJD."""
    start, middle, end = make.truth(header, numbers, RESET)
    assert make.off_by(times.middle, middle) < limit
    assert make.off_by(times.start, start) < limit
    assert make.off_by(times.end, end) < limit


def test_whole(make, header):
    tables = [make.table(header, numbers, RESET) for numbers in (range(1, 6), range(6, 10), range(10, 13))]
    times = times_of(make, header, tables)
    check(make, header, times)
    assert times.source == "INT_TIMES"
    assert times.accuracy == 0.1
    assert not times.flags.any()
    assert times.notes == ()


def test_of_the_whole_exposure_in_every_segment(make, header):
    times = times_of(make, header, [make.table(header, range(1, 13), RESET)] * 3)
    check(make, header, times)
    assert times.source == "INT_TIMES" and times.notes == ()


def test_shuffled(make, header):
    table = make.table(header, range(1, 13), RESET)
    np.random.default_rng(3).shuffle(table)
    times = times_of(make, header, [table], [12])
    check(make, header, times)
    assert not times.flags.any()


@pytest.mark.parametrize("table", [None, "empty", "zeros", "nan", "other columns"])
def test_absent_empty_or_blank(make, header, table):
    if table is not None:
        kind = table
        table = make.table(header, range(1, 13))
        if kind == "empty":
            table = table[:0]
        elif kind == "other columns":
            table = table[["integration_number", "int_start_MJD_UTC"]]
        else:
            for name in table.dtype.names[1:]:
                table[name] = 0.0 if kind == "zeros" else np.nan
    times = times_of(make, header, [table], [12])
    assert times.source == "readout keywords"
    assert make.off_by(times.middle, make.truth(header, range(1, 13))[1]) < 1e-9
    assert (times.flags == FROM_HEADER).all()


def test_short(make, header):
    times = times_of(make, header, [make.table(header, [1, 2, 3, 4, 9], RESET)], [12])
    check(make, header, times)
    assert times.source == "INT_TIMES; cadence of INT_TIMES"
    assert (times.flags == np.where(np.isin(np.arange(1, 13), [1, 2, 3, 4, 9]), 0, FROM_HEADER)).all()
    assert "7 integrations from the cadence of 5 others" in times.notes[0]


def test_one_segment_serves_the_others(make, header):
    times = times_of(make, header, [None, make.table(header, range(6, 10), RESET), None])
    check(make, header, times)
    assert times.flags.tolist() == [FROM_HEADER] * 5 + [0] * 4 + [FROM_HEADER] * 3


def test_one_row_and_the_cadence_of_the_keywords(make, header):
    times = times_of(make, header, [make.table(header, [7], RESET)], [12])
    middle = make.truth(header, range(1, 13), RESET)[1]
    # All are off by the resets that add up since, or until, the seventh.
    off = (times.middle.tai.jd1 - middle[0] + times.middle.tai.jd2 - middle[1]) * 86400
    assert np.max(np.abs(off + (np.arange(1, 13) - 7) * RESET)) < 1e-6
    assert times.accuracy > np.max(np.abs(off))
    assert times.flags.tolist() == [FROM_HEADER] * 6 + [0] + [FROM_HEADER] * 5


def test_rows_without_a_time(make, header):
    table = make.table(header, range(1, 13), RESET)
    table["int_mid_MJD_UTC"][3] = np.nan
    table["int_start_MJD_UTC"][3] = np.nan
    table["int_start_MJD_UTC"][7] = table["int_end_MJD_UTC"][7] + 1
    times = times_of(make, header, [table], [12])
    check(make, header, times)
    assert (times.flags == np.where(np.isin(np.arange(12), [3, 7]), FROM_HEADER, 0)).all()
    assert "2 of 12 rows of INT_TIMES hold no usable time" in times.notes[0]


def test_a_middle_that_is_missing_is_that_of_start_and_end(make, header):
    table = make.table(header, range(1, 13), RESET)
    table["int_mid_MJD_UTC"][3] = np.nan
    times = times_of(make, header, [table], [12])
    check(make, header, times)
    assert not times.flags.any()


def test_the_same_row_twice(make, header):
    table = make.table(header, [1, 2, 3, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], RESET)
    times = times_of(make, header, [table], [12])
    check(make, header, times)
    assert not times.flags.any() and times.notes == ()


def test_a_number_given_to_two_integrations(make, header):
    table = make.table(header, range(1, 13), RESET)
    table["integration_number"][3] = 3
    times = times_of(make, header, [table], [12])
    check(make, header, times)
    assert (times.flags == np.where(np.isin(np.arange(1, 13), [3, 4]), FROM_HEADER, 0)).all()
    assert "several times for integration 3" in times.notes[0]


def test_two_rows_exchanged(make, header):
    table = make.table(header, range(1, 13), RESET)
    table["integration_number"][[3, 8]] = [9, 4]
    times = times_of(make, header, [table], [12])
    check(make, header, times)
    assert (times.flags == np.where(np.isin(np.arange(1, 13), [4, 9]), FROM_HEADER, 0)).all()
    assert "lie off the others" in times.notes[0]


def test_of_another_segment(make, header):
    # The third file holds the first one's table: it serves by its numbers, not by its place.
    times = times_of(make, header, [None, None, make.table(header, range(1, 6), RESET)])
    check(make, header, times)
    assert times.flags.tolist() == [0] * 5 + [FROM_HEADER] * 7


@pytest.mark.parametrize("shift", [-1, 1, 2, 7, 1000])
def test_numbers_that_start_elsewhere_are_not_believed(make, header, shift):
    table = make.table(header, range(1, 13), RESET)
    table["integration_number"] += shift
    times = times_of(make, header, [table], [12])
    assert times.source == "readout keywords"
    assert make.off_by(times.middle, make.truth(header, range(1, 13))[1]) < 1e-9
    assert (times.flags == FROM_HEADER).all()
    assert "do not confirm its numbers" in times.notes[0]


@pytest.mark.parametrize("reset", [0.0, RESET, 0.021])
@pytest.mark.parametrize(
    ("numbers", "holding"),
    [
        (range(1, 12), range(2, 13)),
        (range(2, 13), range(1, 12)),
        (range(1, 10), range(4, 13)),
        ([6], [7]),
        ([6, 8], [7, 9]),
        ([4, 9], [3, 8]),
        # The last of the twelve rows is blank.
        (range(1, 13), range(2, 14)),
    ],
)
def test_a_short_table_with_the_times_of_other_numbers(make, header, numbers, holding, reset):
    """Nothing of it is used: every row would be whole integrations off."""
    table = make.table(header, holding, reset)
    table["integration_number"] = numbers
    if len(table) == 12:
        for name in table.dtype.names[1:4]:
            table[name][-1] = np.nan
    times = times_of(make, header, [table], [12])
    assert times.source == "readout keywords" and (times.flags == FROM_HEADER).all()
    off = make.off_by(times.middle, make.truth(header, range(1, 13), reset)[1])
    assert off < 11 * reset + 1e-6 < times.accuracy
    note = times.notes[-1]
    assert "1 later" in note or "1 earlier" in note or "3 later" in note
    assert "the start of the exposure and the readout keywords" in note and "not used" in note


@pytest.mark.parametrize("late", [-5.5, 0.0, 5.5])
@pytest.mark.parametrize("reset", [0.0, 0.021])
@pytest.mark.parametrize("numbers", [range(1, 12), range(2, 13), [7], [3, 11]])
def test_a_short_table_less_than_half_an_integration_from_expstart(make, header, numbers, reset, late):
    """EXPSTART itself may be off: the numbers are right."""
    table = make.table(header, numbers, reset)
    times = times_of(make, make.header(EXPSTART=header["EXPSTART"] + late / 86400), [table], [12])
    own = np.isin(np.arange(1, 13), numbers)
    assert "INT_TIMES" in times.source and (times.flags == np.where(own, 0, FROM_HEADER)).all()
    truth = make.truth(header, numbers, reset)[1]
    assert make.off_by(times.middle[own], truth) < 1e-6


@pytest.mark.parametrize("reset", [0.0, 0.021])
@pytest.mark.parametrize("shift", [-1, 0, 1])
def test_a_short_table_far_from_the_start(make, reset, shift):
    """Resets of rows have added up to thousands of integrations, one more or less still shows."""
    header = fast(make)
    numbers = np.arange(34000, 34500)
    table = make.table(header, numbers, reset)
    table["integration_number"] += shift
    times = times_of(make, header, [None, None, table], (14000, 14000, 12000))
    if shift:
        assert times.source == "readout keywords" and "not used" in times.notes[0]
    else:
        check_middle = make.off_by(times.middle, make.truth(header, range(1, 40001), reset)[1])
        assert check_middle < 1e-4 and (times.flags[33999:34499] == 0).all()


def test_three_rows_far_from_the_start_do_not_tell_their_cadence(make):
    """A row 0.3 ms late is seconds at the first integration, of a cadence of 0.15 s: the numbers are right."""
    header = fast(make)
    table = make.table(header, [34000, 34001, 34002], RESET)
    for name in table.dtype.names[1:4]:
        table[name][0] += 3e-4 / 86400
    times = times_of(make, header, [None, None, table], (14000, 14000, 12000))
    truth = make.truth(header, [34000, 34001, 34002], RESET)[1]
    assert make.off_by(times.middle[33999:34002], truth) < 4e-4 and (times.flags[33999:34002] == 0).all()


def test_a_stray_row_does_not_hide_other_numbers(make, header):
    table = make.table(header, range(2, 13), RESET)
    table["integration_number"] -= 1
    for name in table.dtype.names[1:4]:
        table[name][4] += 300.0 / 86400
    times = times_of(make, header, [table], [12])
    assert times.source == "readout keywords" and "1 later" in " ".join(times.notes)


@pytest.mark.parametrize("shift", [-1, 0, 1])
def test_a_short_table_beside_those_of_other_files(make, shift):
    """Cards that contradict each other tell no start: the other files' tables do."""
    header = make.header(EXPEND=59900.0)
    tables = [make.table(header, numbers, RESET) for numbers in (range(1, 6), range(7, 9), range(10, 13))]
    tables[1]["integration_number"] += shift
    times = times_of(make, header, tables)
    check(make, header, times, limit=2e-6)
    told = "the other files: not used"
    assert (told in " ".join(times.notes)) == (shift != 0)
    own = [0] * 5 + ([FROM_HEADER] * 4 if shift else [FROM_HEADER, 0, 0, FROM_HEADER]) + [0] * 3
    assert times.flags.tolist() == own


def test_negative_numbers_need_no_keywords(make):
    """The signed form of a 16-bit number has but one meaning, also in a table that lacks rows."""
    full = fast(make)
    table = make.table(full, [34001, 34002, 34003], RESET)
    table["integration_number"] -= 65536
    bare = make.header(EXPSTART=None, TFRAME=None, NINTS=None)
    times = exposure_times(make.exposure([make.segment(bare, 6, 34001, table=table)]))
    assert make.off_by(times.middle, make.truth(full, range(34001, 34007), RESET)[1]) < 2e-6
    assert times.flags.tolist() == [0, 0, 0, FROM_HEADER, FROM_HEADER, FROM_HEADER]


def test_wrong_numbers_and_no_keywords_leave_the_times_to_the_dates(make):
    full = make.header()
    table = make.table(full, range(1, 13), RESET)
    table["integration_number"] += 1
    header = make.header(TFRAME=None)
    times = times_of(make, header, [table], [12], on_error="flag")
    assert (times.flags == QualityFlag.TIME_INVALID).all() and times.middle.mask.all()


def fast(make):
    return make.header(NINTS=40000, NGROUPS=2, NFRAMES=1, GROUPGAP=0, TFRAME=0.05, TGROUP=0.05)


@pytest.mark.parametrize("restart", [-32768, 0, 1])
@pytest.mark.parametrize("layout", ["whole", "own", "last only"])
def test_numbers_that_start_anew_after_32767(make, restart, layout):
    header = fast(make)
    numbers = np.arange(1, 40001)
    stored = np.where(numbers > 32767, numbers - 32768 + restart, numbers)
    table = make.table(header, numbers, RESET)
    table["integration_number"] = stored
    counts = (14000, 14000, 12000) if layout == "whole" else (14000, 20000, 6000)
    edges = np.cumsum((0, *counts))
    tables = [table] * 3 if layout == "whole" else [table[a:b] for a, b in zip(edges, edges[1:], strict=False)]
    if layout == "last only":
        tables[:2] = [None, None]
    times = times_of(make, header, tables, counts)
    check(make, header, times, numbers, 2e-6)
    if layout != "last only":
        assert not times.flags.any()
    else:
        assert not times.flags[34000:].any() and (times.flags[:34000] == FROM_HEADER).all()


def test_forty_thousand_integrations_in_three_segments(make):
    header = fast(make)
    counts = (14000, 14000, 12000)
    tables = [make.table(header, range(a, b)) for a, b in ((1, 14001), (14001, 28001), (28001, 40001))]
    tabled = times_of(make, header, tables, counts)
    plain = times_of(make, header, [None] * 3, counts)
    assert tabled.source == "INT_TIMES" and plain.source == "readout keywords"
    for name in ("start", "middle", "end"):
        assert np.max(np.abs((getattr(tabled, name) - getattr(plain, name)).sec)) < 1e-6


def test_several_exposures_have_tables_of_their_own(make, header):
    later = make.header(EXPSTART=59801.5)
    segments = [
        make.segment(header, table=make.table(header, range(1, 13), RESET)),
        make.segment(later, table=make.table(later, range(1, 13), RESET), exposure_number=2),
    ]
    times = exposure_times(make.exposure(segments))
    middle = [make.truth(h, range(1, 13), RESET)[1] for h in (header, later)]
    for part, tai in zip((times.middle[:12], times.middle[12:]), middle, strict=True):
        assert make.off_by(part, tai) < 1e-6


def test_contradicting_cards_do_no_harm_to_int_times(make):
    header = make.header(EXPEND=59900.0)
    times = times_of(make, header, [make.table(header, range(1, 13), RESET)], [12])
    check(make, header, times)
    assert not times.flags.any()
    assert "EXPEND" in times.notes[0] and "masked" not in times.notes[0]


@pytest.mark.parametrize("seconds", [-100.0, 30.0, 130.0])
def test_a_gap_to_expstart_is_noted(make, header, seconds):
    late = make.header(EXPSTART=header["EXPSTART"] + seconds / 86400)
    times = times_of(make, header, [make.table(late, range(1, 13))], [12])
    assert make.off_by(times.middle, make.truth(late, range(1, 13))[1]) < 1e-6
    assert not times.flags.any()
    assert f"{seconds:.3f} s after EXPSTART" in times.notes[0]


@pytest.mark.parametrize("layout", ["own", "whole exposure", "whole exposure in one file", "all files at hand"])
def test_a_table_without_gaps_is_trusted_over_expstart(make, header, layout):
    """Its numbers leave no room for a shift."""
    late = make.header(EXPSTART=header["EXPSTART"] + 15.0 / 86400)
    counts, numbers = (5, 4, 3), {"own": range(6, 10), "all files at hand": range(6, 13)}.get(layout, range(1, 13))
    tables = [None, make.table(late, numbers), None]
    if layout == "whole exposure":
        tables = [tables[1]] * 3
    segments = [make.segment(header, n, f, table=t) for n, f, t in zip(counts, (1, 6, 10), tables, strict=True)]
    if "whole" not in layout:
        segments = segments[1:]
    times = exposure_times(make.exposure(segments))
    first = 1 if len(segments) == 3 else 6
    assert make.off_by(times.middle, make.truth(late, range(first, 13))[1]) < 1e-5
    assert "INT_TIMES" in times.source and "15.000 s after EXPSTART" in times.notes[-1]


def test_accuracy_covers_a_gap_to_expstart(make, header):
    late = make.header(EXPSTART=header["EXPSTART"] + 15 / 86400)
    times = times_of(make, header, [make.table(late, range(1, 13))], [12])
    assert times.source == "INT_TIMES" and times.accuracy == pytest.approx(15.0, abs=1e-4)
    near = make.header(EXPSTART=header["EXPSTART"] + 5 / 86400)
    for numbers in (range(1, 12), [7]):
        times = times_of(make, header, [make.table(near, numbers)], [12])
        assert times.source == "INT_TIMES; cadence of INT_TIMES" and times.accuracy == pytest.approx(5.0, abs=1e-4)


@pytest.mark.parametrize("seconds", [-7 * 86400.0, -3600.0, -139.0, 139.0, 3600.0, 1e8])
@pytest.mark.parametrize("layout", ["whole", "first file", "last file", "one row"])
def test_a_table_farther_off_than_the_exposure_is_long_contradicts(make, header, seconds, layout):
    """The exposure takes 138 s."""
    header["DATE-OBS"], header["TIME-OBS"] = "2022-08-09", "23:59:16.8"
    away = make.header(EXPSTART=header["EXPSTART"] + seconds / 86400)
    numbers = {"whole": range(1, 13), "first file": range(1, 6), "last file": range(10, 13), "one row": [1]}[layout]
    tables = [None, None, None]
    tables[2 if layout == "last file" else 0] = make.table(away, numbers)
    times = times_of(make, header, tables)
    for column in (times.start, times.middle, times.end, times.bjd):
        assert column.mask.all()
    assert (times.flags == QualityFlag.TIME_INVALID).all()
    assert times.source == "none" and np.isnan(times.accuracy)
    said = " ".join(times.notes)
    for card in ("INT_TIMES", f"EXPSTART = {header['EXPSTART']}", "DATE-OBS", "TIME-OBS", "contradict", "masked"):
        assert card in said


def test_a_table_that_agrees_with_one_of_two_dates_is_used(make, header):
    """EXPSTART is hours off DATE-OBS: INT_TIMES tells which is right."""
    table = make.table(header, range(1, 13), RESET)
    header["DATE-OBS"], header["TIME-OBS"] = "2022-08-09", "23:59:16.8"
    wrong = make.header(EXPSTART=header["EXPSTART"] + 0.25, DATE_OBS="2022-08-09", TIME_OBS="23:59:16.8")
    times = times_of(make, wrong, [table], [12])
    check(make, header, times)
    assert not times.flags.any()
    assert "contradict each other by 21600" in times.notes[-1] and "masked" not in " ".join(times.notes)


@pytest.mark.parametrize("factor", [0.5, 0.99, 1.01, 1.4, 30.0])
@pytest.mark.parametrize("numbers", [[1, 2], [3, 11], [6, 7]])
def test_two_rows_of_another_cadence_are_not_used(make, header, factor, numbers):
    table = make.table(header, numbers, RESET)
    for name in table.dtype.names[1:4]:
        table[name][1] = table[name][0] + factor * (table[name][1] - table[name][0])
    times = times_of(make, header, [table], [12])
    assert times.source == "readout keywords"
    assert make.off_by(times.middle, make.truth(header, range(1, 13))[1]) < 1e-6
    assert (times.flags == FROM_HEADER).all()
    assert "s from one integration to the next, not 11.500000 s" in times.notes[0] and "not used" in times.notes[0]
    # The same two in every file are still two.
    assert times_of(make, header, [table] * 3).source == "readout keywords"


def test_two_rows_of_another_cadence_are_not_used_with_cards_that_contradict(make, header):
    table = make.table(header, [3, 11], RESET)
    for name in table.dtype.names[1:4]:
        table[name][1] += 30.0 / 86400
    times = times_of(make, make.header(EXPEND=59900.0), [table], [12])
    assert times.middle.mask.all() and (times.flags == QualityFlag.TIME_INVALID).all()
    # What agrees with the cadence of the keywords serves.
    good = times_of(make, make.header(EXPEND=59900.0), [make.table(header, [3, 11], RESET)], [12])
    assert make.off_by(good.middle, make.truth(header, range(1, 13), RESET)[1]) < 2e-6
    # One row has no cadence of its own, and the cards' is in doubt.
    one = times_of(make, make.header(EXPEND=59900.0), [make.table(header, [3], RESET)], [12])
    assert one.middle.mask.tolist() == [k != 3 for k in range(1, 13)]


def test_accuracy_covers_what_a_cadence_may_be_off(make):
    """A row that is 20 ms late: by two rows side by side the end is minutes off, by many it is not."""
    long = make.header(NINTS=5000, NGROUPS=2, NFRAMES=1, GROUPGAP=0, TFRAME=0.05, TGROUP=0.05)
    middle = make.truth(long, range(1, 5001))[1]
    for numbers in ([1, 2], [1, 2, 3], range(1, 2001)):
        table = make.table(long, numbers)
        for name in table.dtype.names[1:4]:
            table[name][1] += 0.02 / 86400
        times = times_of(make, long, [table], [5000])
        assert times.source == "INT_TIMES; cadence of INT_TIMES"
        off = make.off_by(times.middle, middle)
        assert off < times.accuracy
        assert (times.accuracy < 0.2) == (len(numbers) == 2000)


def test_accuracy_of_rows_far_from_the_only_row_of_the_table(make):
    header = make.header(NINTS=1000, INTSTART=991, INTEND=1000)
    table = make.table(header, range(1, 1001), 0.021)[:1]
    times = exposure_times(make.exposure([make.segment(header, n=10, first=991, table=table)]))
    truth = make.truth(header, range(991, 1001), 0.021)[1]
    assert times.source == "cadence of INT_TIMES"
    assert 20 < make.off_by(times.middle, truth) < times.accuracy


def test_accuracy_of_two_rows_without_keywords_is_unknown(make, header):
    bare = make.header(EXPSTART=None, TFRAME=None, NINTS=None)
    times = times_of(make, bare, [make.table(header, [3, 11], RESET)], [12])
    check(make, header, times, limit=2e-6)
    assert np.isnan(times.accuracy)


@pytest.mark.parametrize("reset", [0.0, 0.004, 0.021])
def test_two_rows_with_resets_of_rows_serve_all(make, header, reset):
    times = times_of(make, header, [make.table(header, [3, 11], reset)], [12])
    assert make.off_by(times.middle, make.truth(header, range(1, 13), reset)[1]) < 2e-6
    assert times.source == "INT_TIMES; cadence of INT_TIMES"


def test_more_than_the_limit_must_be_told(make, header):
    table = make.table(header, [3, 11], 0.2)
    assert times_of(make, header, [table], [12]).source == "readout keywords"
    told = times_of(make, header, [table], [12], row_reset_time=0.2)
    assert make.off_by(told.middle, make.truth(header, range(1, 13), 0.2)[1]) < 2e-6


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_rows_of_another_cadence_do_not_serve_the_others(make, header, factor):
    """Five rows that agree with each other are the spacecraft's; for the rest two sources contradict."""
    slower = make.header(TFRAME=factor * header["TFRAME"])
    times = times_of(make, header, [make.table(slower, range(1, 6)), None, None])
    assert make.off_by(times.middle[:5], make.truth(slower, range(1, 6))[1]) < 1e-6
    assert times.middle.mask.tolist() == [False] * 5 + [True] * 7
    assert times.flags.tolist() == [0] * 5 + [QualityFlag.TIME_INVALID] * 7
    said = " ".join(times.notes)
    assert all(card in said for card in ("INT_TIMES", "NGROUPS = 5", "TFRAME = 0.5", "contradict", "masked"))
    whole = times_of(make, header, [make.table(slower, range(1, 13))], [12])
    assert make.off_by(whole.middle, make.truth(slower, range(1, 13))[1]) < 1e-6
    assert not whole.flags.any() and "masked" not in " ".join(whole.notes)


def test_without_any_keywords(make):
    full = make.header()
    table = make.table(full, range(1, 13), RESET)
    header = make.header(EXPSTART=None, TFRAME=None, NINTS=None)
    times = times_of(make, header, [np.delete(table, 5)], [12])
    check(make, full, times)


def test_average_of_integrations(make, header):
    segment = make.segment(header, 1, kind="jwst-rate", table=make.table(header, range(1, 13), RESET))
    times = exposure_times(make.exposure([segment]))
    start, _, end = make.truth(header, [1, 12], RESET)
    assert make.off_by(times.start, (start[0], start[1][:1])) < 1e-6
    assert make.off_by(times.end, (end[0], end[1][1:])) < 1e-6
    assert times.source == "INT_TIMES"


def test_group_steps_start_from_int_times(make, header):
    segment = make.segment(header, 3, kind="jwst-uncal", n_groups=5, table=make.table(header, range(1, 4), RESET))
    exposure = make.exposure([segment])
    times = exposure_times(exposure, ramp="groups")
    start = make.truth(header, range(1, 4), RESET)[0]
    # Steps of 2.5 s; the first group's two frames of 0.5 s are read around 0.5 s.
    expected = start[1][:, None] + (0.5 + (np.arange(4) + 0.5) * 2.5) / 86400
    assert make.off_by(times.middle, (start[0], expected.ravel())) < 1e-6
    assert not times.flags.any()


def test_the_same_single_row_in_every_file(make, header):
    """Three rows, but one integration: they are no line."""
    times = times_of(make, header, [make.table(header, [5], RESET)] * 3)
    middle = make.truth(header, range(1, 13), RESET)[1]
    off = (times.middle.tai.jd1 - middle[0] + times.middle.tai.jd2 - middle[1]) * 86400
    # All are off by the resets that add up since, or until, the fifth.
    assert np.max(np.abs(off + (np.arange(1, 13) - 5) * RESET)) < 1e-6
    assert times.flags.tolist() == [FROM_HEADER] * 4 + [0] + [FROM_HEADER] * 7


def test_middles_only(make, header):
    """Where INT_TIMES has no start and end, integrations that it lacks have none either."""
    table = make.table(header, np.delete(np.arange(1, 13), 5), RESET)
    table["int_start_MJD_UTC"] = table["int_end_MJD_UTC"] = np.nan
    times = times_of(make, header, [table], [12])
    assert make.off_by(times.middle, make.truth(header, range(1, 13), RESET)[1]) < 1e-6
    assert times.start.mask.all() and times.end.mask.all()
    assert times.source == "INT_TIMES; cadence of INT_TIMES"


@pytest.mark.parametrize(
    ("numbers", "note"),
    [
        # Too few to tell how long the integration at the jump took.
        ([32767, 1], "the times of INT_TIMES do not grow with the integrations' numbers: not used"),
        # No counter starts anew there.
        ([20000, 20001, 20002, 1, 2, 3], "the times of INT_TIMES do not grow with the integrations' numbers: not used"),
    ],
)
def test_numbers_that_jump_back(make, header, numbers, note):
    table = make.table(header, range(1, len(numbers) + 1), RESET)
    table["integration_number"] = numbers
    times = times_of(make, header, [table], [12])
    assert times.source == "readout keywords"
    assert make.off_by(times.middle, make.truth(header, range(1, 13))[1]) < 1e-9
    assert f"seg1.fits: {note}" in times.notes


def test_numbers_of_the_first_segment_far_behind_it(make):
    """Neither as they are, nor after any number of new starts of the counter."""
    header = make.header(NINTS=40_020)
    table = make.table(header, range(40_000, 40_011), RESET)
    table["integration_number"] -= 39_999
    times = exposure_times(make.exposure([make.segment(header, 11, 40_000, table=table)]))
    assert times.source == "readout keywords"
    assert make.off_by(times.middle, make.truth(header, range(40_000, 40_011))[1]) < 1e-9
    assert any("INT_TIMES has integrations 1 to 11, the file 40000 to 40010" in note for note in times.notes)


def test_a_mean_image_without_readout_keywords(make, header):
    bare = make.header(TFRAME=None)
    times = exposure_times(make.exposure([make.segment(bare, 1, kind="jwst-rate", name="a_rate.fits")]))
    assert times.middle.mask.all() and (times.flags == QualityFlag.TIME_INVALID).all()
    assert times.notes[0] == "a_rate.fits: an average of several integrations, and no readout keywords: times masked"
    # INT_TIMES needs none.
    table = make.table(header, range(1, 13), RESET)
    known = exposure_times(make.exposure([make.segment(bare, 1, kind="jwst-rate", table=table)]))
    start, _, end = make.truth(header, [1, 12], RESET)
    assert make.off_by(known.middle, (start[0], 0.5 * (start[1][:1] + end[1][1:]))) < 1e-6


def test_an_untimed_table_without_keywords(make):
    """Nothing tells the day: neither cards nor the columns of the middles, which are blank or not there."""
    header = make.header(EXPSTART=None, TFRAME=None, NINTS=1, DATE_OBS="2022-08-09T23:59:16.8", EXPTIME=11.0)
    blank = make.table(make.header(), range(1, 2))
    for name in blank.dtype.names[1:]:
        blank[name] = 0.0
    for table in (blank, blank[["integration_number"]]):
        times = exposure_times(make.exposure([make.segment(header, 1, table=table)]))
        assert times.source == "DATE-OBS + EXPTIME/2"
        assert abs(times.middle.mjd[0] - (59800 + (86356.8 + 5.5) / 86400)) < 1e-9


def test_a_table_of_another_day_and_no_readout_keywords(make, header):
    """What is due lies in the middle of EXPSTART and EXPEND then."""
    start, _, end = make.truth(header, [1, 12])
    span = end[1][1] - start[1][0]
    bare = make.header(TFRAME=None, EXPEND=59800.9995 + span)
    near, far = make.table(header, range(1, 13), RESET), make.table(header, range(1, 13), RESET)
    for name in far.dtype.names[1:4]:
        far[name] += 1.0
    times = times_of(make, bare, [far], [12])
    assert "INT_TIMES" not in times.source
    assert any("INT_TIMES and EXPSTART = 59800.9995 contradict each other: integration 1" in n for n in times.notes)
    check(make, header, times_of(make, bare, [near], [12]))
