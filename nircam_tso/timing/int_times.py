"""INT_TIMES: the spacecraft's own times, joined to integrations by their numbers.

A row of the table is never used for what stands at the same place in the
image stack: tables in real files are absent, empty, short, or those of the
whole exposure, and the numbers in their 16-bit origin start anew after 32767.
A table whose numbers do not fit its file is used only if its times confirm them.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from nircam_tso.timing.clock import DAY, MJD_ZERO, mjd_to_tai

__all__ = ["Expected", "Joined", "first_day", "join_int_times"]

_LAST = 32767
# Where numbers start anew after the largest 16-bit one: at 0, at 1, or as an unsigned number.
_ROLLOVERS = (_LAST + 1, _LAST, 65536, 65535)
_SAME = 1e-3  # s
# MJD of 1968 and of 2132: times beyond are none of JWST's.
_EARLIEST, _LATEST = 40000, 100000
_NEEDED = ("integration_number", "int_mid_mjd_utc")


class Expected(NamedTuple):
    """
    What the readout keywords say of an exposure.

    Attributes
    ----------
    middle : float
        Middle of integration 1, seconds of TAI since the beginning of a day; NaN where
        the exposure's start is missing or doubtful.
    cadence : float
        Seconds from one integration to the next.
    least, most : float
        What the cadence may come to, with the rows' resets that no keyword tells.
    count : int or None
        Integrations of the whole exposure.
    """

    middle: float
    cadence: float
    least: float
    most: float
    count: int | None = None


@dataclass
class Joined:
    """
    Times of an exposure's rows out of INT_TIMES.

    Attributes
    ----------
    start, middle, end : `~numpy.ndarray` of float64, shape (n,)
        Seconds of TAI since the beginning of ``day``; NaN where INT_TIMES has none.
    bjd : `~numpy.ndarray` of float64, shape (n,)
        The table's barycentric mid-time, seconds of TDB since the beginning of ``day``.
    in_table, by_cadence : `~numpy.ndarray` of bool, shape (n,)
        Whether the row's own number is in a table, or a line through the others serves.
    day : float
        As MJD.
    extrapolation : float
        How far off the line may be at the rows that it serves, in s, by the scatter of
        three rows or more; NaN for fewer.
    reach : float
        Integrations from those in the tables to the farthest that the line serves.
    contradiction : str
        Why the tables say nothing of integrations that they lack, empty if they do.
    notes : list of str
        What was odd.
    """

    start: np.ndarray
    middle: np.ndarray
    end: np.ndarray
    bjd: np.ndarray
    in_table: np.ndarray
    by_cadence: np.ndarray
    day: float
    extrapolation: float = np.nan
    reach: float = 0.0
    contradiction: str = ""
    notes: list = field(default_factory=list)


@dataclass
class _Table:
    """Rows with a time, in order of time."""

    name: str
    number: np.ndarray
    start: np.ndarray
    middle: np.ndarray
    end: np.ndarray
    bjd: np.ndarray
    listed: np.ndarray  # numbers of all rows, also of those without a time

    def keep(self, rows):
        for column in ("number", "start", "middle", "end", "bjd"):
            setattr(self, column, getattr(self, column)[rows])


def join_int_times(tables, ranges, segment, integration, day, expected=None):
    """
    Join tables to integrations.

    Parameters
    ----------
    tables : sequence of (str, `~numpy.ndarray` or None)
        For each segment of one exposure its name and its INT_TIMES, a structured array.
    ranges : sequence of (int, int)
        Numbers of each segment's first and last integration.
    segment, integration : `~numpy.ndarray` of int, shape (n,)
        Each row's segment and number within the exposure, 1-based.
    day : float
        Day (MJD, TAI) from which seconds are counted.
    expected : Expected or None
        What the readout keywords say. None if they say nothing.

    Returns
    -------
    Joined
    """
    n = len(integration)
    joined = Joined(*np.full((4, n), np.nan), np.zeros(n, dtype=bool), np.zeros(n, dtype=bool), day)
    notes = joined.notes
    read = [_read(name, table, day, notes) for name, table in tables]
    trusted, doubtful = {}, {}
    for index, table in enumerate(read):
        if table is None:
            continue
        first, last = ranges[index]
        listed = table.listed
        inside = (listed >= first) & (listed <= last)
        covers = len(np.unique(listed[inside])) == last - first + 1
        # Numbers begin at 1: a table with an integration 0 counts otherwise.
        fits = inside.any() and (covers or inside.all()) and not (listed == 0).any()
        (trusted if fits else doubtful)[index] = table
    for index in _misnumbered(trusted, ranges, expected, notes):
        del trusted[index]
    for index, table in doubtful.items():
        known = list(trusted.values())
        line = _robust_line(*_joined_columns(known)) if known else None
        if _place(table, ranges[index], line, expected, notes):
            trusted[index] = table
    _drop_strays(list(trusted.values()), notes)
    cadence = expected.cadence if expected is not None and np.isfinite(expected.middle) else None
    line = _line(list(trusted.values()), cadence)
    if line is not None and expected is not None and not expected.least <= line[1] <= expected.most:
        apart = f"INT_TIMES has {line[1]:.6f} s from one integration to the next, not {expected.cadence:.6f} s"
        line = None
        # Of two rows either may be wrong; three that agree with each other are not.
        if len(np.unique(_joined_columns(list(trusted.values()))[0])) < 3:
            notes.append(f"{apart} as the readout keywords make it: not used")
            trusted = {}
        else:
            joined.contradiction = apart
    for index, table in trusted.items():
        _fill(joined, table, segment == index, integration)
    for table in trusted.values():
        _fill(joined, table, np.ones(n, dtype=bool), integration)
    missing = ~joined.in_table
    if line is not None and missing.any():
        _serve(joined, list(trusted.values()), line, missing, integration)
        notes.append(
            f"INT_TIMES: {int(missing.sum())} integrations from the cadence of {n - int(missing.sum())} others"
        )
    return joined


def first_day(table):
    """
    The day on which a table's integrations begin.

    Parameters
    ----------
    table : `~numpy.ndarray` or None
        INT_TIMES, a structured array.

    Returns
    -------
    float or None
        As MJD of TAI; None where it holds no possible mid-time.
    """
    names = () if table is None else table.dtype.names or ()
    name = next((name for name in names if name.lower() == "int_mid_mjd_utc"), None)
    if name is None:
        return None
    values = _possible(np.asarray(table[name], dtype=np.float64))
    values = values[np.isfinite(values)]
    return float(mjd_to_tai(values.min())[0]) if len(values) else None


def _possible(mjd):
    """Modified Julian Dates, NaN where they can be none of an exposure."""
    return np.where((mjd > _EARLIEST) & (mjd < _LATEST), mjd, np.nan)


def _read(name, table, day, notes):
    if table is None or len(table) == 0:
        return None
    columns = {column.lower(): column for column in table.dtype.names or ()}
    if any(column not in columns for column in _NEEDED):
        notes.append(f"{name}: INT_TIMES lacks {' or '.join(_NEEDED)} and is not used")
        return None
    raw = np.asarray(table[columns["integration_number"]])
    # NaN compares as False.
    possible = (raw >= -_LAST - 1) & (raw < 1 << 31) & (raw == np.floor(raw))
    if not possible.all():
        notes.append(f"{name}: {np.sum(~possible)} of {len(table)} rows of INT_TIMES have an impossible number")
        table, raw = table[possible], raw[possible]
    listed = raw.astype(np.int64)
    mjd = {}
    for key in ("int_start_mjd_utc", "int_mid_mjd_utc", "int_end_mjd_utc", "int_mid_bjd_tdb"):
        values = np.asarray(table[columns[key]], dtype=np.float64) if key in columns else np.full(len(table), np.nan)
        if key == "int_mid_bjd_tdb":
            values = np.where(values > 2.4e6, values - MJD_ZERO, values)
        mjd[key] = _possible(values)
    start, middle, end = ((tai[0] - day) * DAY + tai[1] for tai in map(mjd_to_tai, [mjd[key] for key in list(mjd)[:3]]))
    middle = np.where(np.isnan(middle), 0.5 * (start + end), middle)
    bjd = mjd["int_mid_bjd_tdb"]
    bjd = (np.floor(bjd) - day) * DAY + (bjd - np.floor(bjd)) * DAY
    disordered = (start > middle) | (middle > end)
    good = np.flatnonzero(np.isfinite(middle) & ~disordered)
    if len(good) < len(table):
        notes.append(f"{name}: {len(table) - len(good)} of {len(table)} rows of INT_TIMES hold no usable time")
    good = good[np.argsort(middle[good], kind="stable")]
    # No integration has a number below 0: these are signed 16-bit numbers past their end.
    listed = np.where(listed < 0, listed + 65536, listed)
    number = _unroll(listed[good], middle[good])
    listed[good] = number
    result = _Table(name, number, start[good], middle[good], end[good], bjd[good], listed)
    _drop_duplicates(result, notes)
    if len(result.number) > 1 and _robust_line(result.number, result.middle) is None:
        notes.append(f"{name}: the times of INT_TIMES do not grow with the integrations' numbers: not used")
        return None
    return result


def _unroll(number, middle):
    """Numbers that go on where they had started anew; rows are in order of time."""
    number = number.copy()
    drops = np.flatnonzero(np.diff(number) < -16000)
    if len(drops) == 0:
        return number
    steps = np.diff(number)
    forward = (steps > 0) & (steps < 16000)
    if not forward.any():
        return number
    cadence = np.median(np.diff(middle)[forward] / steps[forward])
    for i in drops:
        due = number[i] + round((middle[i + 1] - middle[i]) / cadence)
        shift = int(due - number[i + 1])
        if shift in _ROLLOVERS:
            number[i + 1 :] += shift
    return number


def _drop_duplicates(table, notes):
    _, first, inverse, counts = np.unique(table.number, return_index=True, return_inverse=True, return_counts=True)
    if (counts == 1).all():
        return
    apart = np.abs(table.middle - table.middle[first][inverse]) > _SAME
    ambiguous = np.zeros(len(counts), dtype=bool)
    np.logical_or.at(ambiguous, inverse, apart)
    keep = np.zeros(len(table.number), dtype=bool)
    keep[first[~ambiguous]] = True
    if ambiguous.any():
        numbers = _some(table.number[first[ambiguous]])
        notes.append(f"{table.name}: INT_TIMES has several times for integration {numbers}: none of them used")
    table.keep(keep)


def _line(tables, cadence=None):
    """(time at number 0, time from one number to the next) through all rows, or None."""
    if sum(len(table.number) for table in tables) == 0:
        return None
    number, middle = _joined_columns(tables)
    number, first = np.unique(number, return_index=True)
    middle = middle[first]
    if len(number) == 1:
        return None if cadence is None else (middle[0] - cadence * number[0], cadence)
    centred = number - np.mean(number)
    slope = np.sum(centred * (middle - np.mean(middle))) / np.sum(centred * centred)
    return (np.mean(middle) - slope * np.mean(number), slope) if slope > 0 else None


def _joined_columns(tables):
    return np.concatenate([t.number for t in tables]), np.concatenate([t.middle for t in tables])


def _robust_line(number, middle):
    # Pairs half a series apart: a few wrong rows do no harm, and rounding does not add up.
    if len(number) < 2:
        return None
    order = np.argsort(number, kind="stable")
    number, middle = number[order], middle[order]
    half = max(len(number) // 2, 1)
    steps = number[half:] - number[:-half]
    if not (steps > 0).any():
        return None
    slope = np.median((middle[half:] - middle[:-half])[steps > 0] / steps[steps > 0])
    return (np.median(middle - slope * number), slope) if slope > 0 else None


def _place(table, own, line, expected, notes):
    """Whether a table whose numbers do not fit its file can be used; moved if it had rolled over."""
    if len(table.number) == 0:
        return False
    first, last = own
    shifts = [0]
    for period in (_LAST + 1, _LAST, 65536):
        for times in range(max((first - table.number.max()) // period, 1), (last - table.number.min()) // period + 1):
            moved = table.number + times * period
            if ((moved >= first) & (moved <= last)).any():
                shifts.append(times * period)
    fitted = _robust_line(table.number, table.middle) if len(table.number) > 1 else None
    cadence = fitted[1] if fitted else (line or expected or (0.0, 0.0))[1]
    found = []
    for shift in shifts:
        number = table.number + shift
        if line is not None:
            off = abs(np.median(table.middle - (line[0] + line[1] * number)))
        elif expected is not None and np.isfinite(expected.middle) and cadence > 0:
            # Back to the first integration, where unknown resets of rows have not added up.
            off = abs(np.median(table.middle - cadence * (number - 1)) - expected.middle)
        else:
            off = 0.0 if shift and number.min() == first and number.max() == last else np.inf
        if off < 0.5 * cadence or (off == 0.0 and shift):
            found.append((off, shift))
    if not found:
        numbers = f"{table.number.min()} to {table.number.max()}"
        notes.append(
            f"{table.name}: INT_TIMES has integrations {numbers}, the file {first} to {last}, "
            "and its times do not confirm its numbers: not used"
        )
        return False
    shift = min(found)[1]
    if shift:
        notes.append(f"{table.name}: the numbers in INT_TIMES had started anew after {_LAST}")
    table.number = table.number + shift
    return True


def _misnumbered(tables, ranges, expected, notes):
    """Tables that end within their file, and whose times are those of other numbers."""
    total = (min(first for first, _ in ranges), max(last for _, last in ranges))
    count = None if expected is None else expected.count
    short = []
    for index, table in tables.items():
        if len(table.number) and (table.number.min(), table.number.max()) not in (ranges[index], total, (1, count)):
            short.append(index)
    known = [table for index, table in tables.items() if index not in short]
    line = _line(known) if sum(len(table.number) for table in known) > 2 else None
    found = []
    for index in short:
        shift = _shift(tables[index], line, expected)
        if shift:
            notes.append(
                f"{tables[index].name}: the times of INT_TIMES are those of integrations {abs(shift)} "
                f"{'later' if shift > 0 else 'earlier'} than its numbers, by "
                f"{'the other files' if line is not None else 'the start of the exposure and the readout keywords'}: "
                "not used"
            )
            found.append(index)
    return found


def _shift(table, line, expected):
    """Integrations by which a table's times lie off its numbers; 0 also where nothing tells."""
    number, middle = table.number, table.middle
    if line is not None:
        cadence, gap = line[1], np.median(middle - (line[0] + line[1] * number))
    elif expected is not None and np.isfinite(expected.middle):
        cadence = expected.cadence
        # Rows are reset for a time that no keyword tells: seen from integration 1 the table's own cadence knows it.
        paces = (expected.least, expected.most)
        own, reach = _robust_line(number, middle), 0.0
        if len(np.unique(number)) > 2:
            paces = (min(max(own[1], expected.least), expected.most),) * 2
            apart = np.abs(middle - (own[0] + own[1] * number))
            # Single strays are left out later, and say nothing of the others.
            scatter = np.max(apart, where=apart < 0.5 * own[1], initial=0.0)
            reach = scatter * np.mean(number) / np.mean(np.abs(number - np.mean(number)))
        elif own is not None and not expected.least <= own[1] <= expected.most:
            return 0
        gaps = sorted(np.median(middle - pace * (number - 1)) - expected.middle for pace in paces)
        gap = max(gaps[0] - reach, 0.0) + min(gaps[1] + reach, 0.0)
        # Farther off than the exposure is long it is of another one, which is told elsewhere.
        if expected.count is not None and abs(gap) > expected.count * cadence + (paces[1] - paces[0]) * number.max():
            return 0
    else:
        return 0
    return round(gap / cadence)


def _drop_strays(tables, notes):
    """Leave out rows over half an integration away from the line that most of them form."""
    if sum(len(t.number) for t in tables) < 3:
        return
    line = _robust_line(*_joined_columns(tables))
    if line is None:
        return
    for table in tables:
        stray = np.abs(table.middle - (line[0] + line[1] * table.number)) > 0.5 * line[1]
        if stray.any():
            numbers = _some(table.number[stray])
            notes.append(f"{table.name}: the times of INT_TIMES for integration {numbers} lie off the others: not used")
            table.keep(~stray)


def _fill(joined, table, rows, integration):
    rows = np.flatnonzero(rows & ~joined.in_table)
    if len(rows) == 0 or len(table.number) == 0:
        return
    order = np.argsort(table.number, kind="stable")
    numbers = table.number[order]
    place = np.minimum(np.searchsorted(numbers, integration[rows]), len(numbers) - 1)
    hit = numbers[place] == integration[rows]
    rows, place = rows[hit], order[place[hit]]
    joined.start[rows] = table.start[place]
    joined.middle[rows] = table.middle[place]
    joined.end[rows] = table.end[place]
    joined.bjd[rows] = table.bjd[place]
    joined.in_table[rows] = True


def _serve(joined, tables, line, missing, integration):
    joined.middle[missing] = line[0] + line[1] * integration[missing]
    number, middle = _joined_columns(tables)
    joined.reach = float(np.max(np.abs(integration[missing] - np.mean(number))))
    if len(np.unique(number)) > 2:
        scatter = np.max(np.abs(middle - (line[0] + line[1] * number)))
        lever = np.max(np.abs(integration[missing] - np.mean(number))) / np.mean(np.abs(number - np.mean(number)))
        joined.extrapolation = scatter * max(lever, 1.0)
    for name in ("start", "end"):
        lengths = np.concatenate([getattr(t, name) - t.middle for t in tables])
        lengths = lengths[np.isfinite(lengths)]
        if len(lengths):
            getattr(joined, name)[missing] = joined.middle[missing] + np.median(lengths)
    joined.by_cadence[missing] = True


def _some(numbers):
    shown = ", ".join(str(int(i)) for i in numbers[:5])
    return shown + (f" and {len(numbers) - 5} more" if len(numbers) > 5 else "")
