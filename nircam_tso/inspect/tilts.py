"""Tilt events: a mirror segment moves at once, and the star's image with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.inspect.light_curves import light_curve
from nircam_tso.inspect.statistics.noise import MAD_TO_SIGMA, sigma_of, without_outliers
from nircam_tso.inspect.values import check_names, column_values, elapsed_seconds, known_values, usable_rows
from nircam_tso.timing import offline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from astropy.table import QTable, Table
    from astropy.timeseries import TimeSeries
    from numpy.typing import ArrayLike

__all__ = ["find_tilts", "shape_columns"]

#: What a tilt changes, in the order of the product's columns.
_SHAPES = ("x_stddev", "y_stddev", "theta", "fwhm", "beta")

#: Rows on each side from which on the noise of a step is near normal.
_LEAST_WINDOW = 5


def shape_columns(ts: Table) -> list[str]:
    """
    Columns in which a tilt shows: widths and principal components.

    Parameters
    ----------
    ts : `~astropy.table.Table`
        A product.

    Returns
    -------
    list of str
        Those of the first star with some known values.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from nircam_tso.inspect.tilts import shape_columns
    >>> shape_columns(Table({"x_gauss": [1.0], "x_stddev": [1.2], "pc1": [0.0]}))
    ['x_stddev', 'pc1']
    """
    names = [name for name in ts.colnames if name in _SHAPES or (name[:2] == "pc" and name[2:].isdigit())]
    return [name for name in names if known_values(ts, name).size]


@offline()
def find_tilts(
    ts: TimeSeries,
    columns: Sequence[str] | None = None,
    *,
    column: str | None = None,
    window: int | None = None,
    false_alarm: float = 1e-3,
    rows: ArrayLike | None = None,
) -> QTable:
    """
    Find steps in the shape of the star's image.

    At each row a straight line with a step is fitted to the rows around it, in every
    column; so a drift is no step. The light curve is not searched,
    because an ingress is almost a step, but its step at the same time is told.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.
    columns : sequence of str, optional
        What is searched; by default those of `shape_columns`.
    column : str, optional
        Light curve whose step is told; by default the least scattered aperture sum.
    window : int, optional
        Rows on each side of a step; by default a twelfth of the rows, from 5 to 200.
    false_alarm : float, optional
        Probability that white noise alone gives any event in the whole table.
    rows : array_like of bool, shape (n,), optional
        Rows to take.

    Returns
    -------
    `~astropy.table.QTable`
        A row per event, in order of time: ``row`` (the first after the step, in ``ts``),
        ``time`` (the middle between it and the one before), ``column`` (where the step is
        clearest), ``significance`` (in sigma), ``false_alarm`` (probability of this in white noise),
        ``flux_step`` and ``flux_step_err`` (ppm), and for each column that was searched
        ``..._step`` and ``..._step_err`` in its unit. Steps closer to the ends than the window are
        not found.

    Raises
    ------
    ValueError
        For unknown columns, a window that is too small or too large, a probability beyond (0, 1),
        or where there is nothing to search.

    Notes
    -----
    The noise is white noise's by the neighbours' differences, or that of the
    statistic itself over the series where that is larger, as for red noise. For a
    statistic that is normal, with correlation 1 - a between successive rows, white
    noise exceeds u somewhere in n rows with a probability near 2 n a u^2 Q(u), with
    Q the normal distribution's tail (Pickands 1969, Transactions of the American Mathematical Society 145, 51).

    Examples
    --------
    >>> import numpy as np
    >>> from astropy import units as u
    >>> from astropy.time import Time
    >>> from astropy.timeseries import TimeSeries
    >>> from nircam_tso.inspect.systematics import find_tilts
    >>> rng = np.random.default_rng(1)
    >>> time = Time("2026-07-01") + np.arange(600) * 10 * u.s
    >>> width = rng.normal(1.2, 0.001, 600) + 0.002 * (np.arange(600) >= 400)
    >>> flux = rng.normal(1e5, 30, 600)
    >>> events = find_tilts(TimeSeries(time=time, data={"aperture_sum_r5": flux, "x_stddev": width}))
    >>> len(events), bool(abs(events["row"][0] - 400) < 5)
    (1, True)
    """
    columns = shape_columns(ts) if columns is None else list(columns)
    check_names(ts, "columns", columns)
    if not columns:
        raise ValueError("ts: has no column of widths or components; name the columns to search")
    if not 0 < false_alarm < 1:
        raise ValueError(f"false_alarm: {false_alarm!r} is not a probability between 0 and 1")
    index = np.flatnonzero(usable_rows(ts, rows=rows))
    window = _window(window, index.size)
    if window is None:
        return _events(ts, columns, [], index, {}, None)
    kernel = _kernel(window)
    searched = {name: _Steps(column_values(ts, name)[index], kernel) for name in columns}
    tests = len(columns)
    found = []
    statistic = np.array([np.abs(steps.significance) for steps in searched.values()])
    statistic[~np.isfinite(statistic)] = 0.0
    while True:
        which, place = np.unravel_index(np.argmax(statistic), statistic.shape)
        height = float(statistic[which, place])
        chance = _chance(height, statistic.shape[1], tests, kernel)
        if chance > false_alarm:
            break
        found.append((int(place), columns[which], height, chance))
        # What lies within reach of one step is the same step.
        statistic[:, max(place - 2 * window, 0) : place + 2 * window + 1] = 0.0
    flux = _light_curve_or_none(ts, column)
    if flux is not None:
        values = column_values(ts, flux)[index]
        known = values[np.isfinite(values)]
        flux = _Steps(values / np.median(known) * 1e6, kernel) if known.size else None
    return _events(ts, columns, sorted(found), index, searched, flux, window)


def _light_curve_or_none(ts, column):
    """Column of the light curve, None where the product has none and the user named none."""
    try:
        return light_curve(ts, column).name
    except ValueError:
        if column is not None:
            raise
        return None


def _window(window, n):
    """Rows on each side; None where the series is too short for the smallest."""
    if window is None:
        window = int(np.clip(n // 12, _LEAST_WINDOW, 200))
        return window if n >= 2 * window else None
    if isinstance(window, bool) or window != int(window) or window < _LEAST_WINDOW or 2 * window > n:
        raise ValueError(f"window: {window!r} is not a number of rows from {_LEAST_WINDOW} to {n // 2}")
    return int(window)


def _kernel(window):
    """Weights of the rows around a step whose sum is the step's least-squares size beside a line."""
    place = np.arange(2 * window) - window + 0.5
    step = np.sign(place) / 2
    rest = step - place * (step * place).sum() / (place**2).sum()
    return rest / (rest * step).sum()


class _Steps:
    """Size, error and significance of a step before each row that is far enough from the ends."""

    def __init__(self, values, kernel):
        known = np.isfinite(values)
        self.size = self.error = self.significance = np.full(len(values) - len(kernel) + 1, np.nan)
        if known.sum() < len(kernel):
            return
        # Between its neighbours a lost row makes no step.
        values = np.interp(np.arange(len(values)), np.flatnonzero(known), values[known])
        values = values - np.median(values)
        sigma = sigma_of(values[known])
        self.size = np.convolve(without_outliers(values, sigma), kernel[::-1], mode="valid")
        error = sigma * np.sqrt((kernel**2).sum())
        # Steps are rare, so that the median of all fits is that of noise, red noise included;
        # it is made of a few independent ones, and not to be trusted within its own error.
        alike = np.correlate(kernel, kernel, "full") / (kernel**2).sum()
        independent = max(self.size.size / (alike**2).sum(), 1.0)
        error = max(error, MAD_TO_SIGMA * np.median(np.abs(self.size)) / (1 + 1.17 / np.sqrt(independent)))
        self.error = np.full(self.size.size, error)
        self.significance = self.size / error if error > 0 else np.zeros(self.size.size)


def _chance(height, places, tests, kernel):
    """Probability that white noise reaches a height somewhere."""
    from scipy.stats import norm

    alike = (kernel[1:] * kernel[:-1]).sum() / (kernel**2).sum()
    independent = min((1 - alike) * height**2, 1.0)
    return float(min(1.0, 2 * tests * (1 + (places - 1) * independent) * norm.sf(height)))


def _events(ts, columns, found, index, searched, flux, window=0):
    from astropy.table import QTable

    seconds = elapsed_seconds(ts) if "time" in ts.colnames else np.full(len(ts), np.nan)
    rows = np.array([index[place + window] for place, *_ in found], int)
    before = np.array([index[place + window - 1] for place, *_ in found], int)
    table = QTable()
    table["row"] = rows
    if "time" in ts.colnames:
        table["time"] = _middle(ts["time"], before, rows, seconds)
    table["column"] = np.array([name for _, name, *_ in found], str)
    table["significance"] = np.array([height for *_, height, _ in found], float)
    table["false_alarm"] = np.array([chance for *_, chance in found], float)
    for name, steps in (("flux", flux), *((name, searched.get(name)) for name in columns)):
        unit = getattr(ts[name], "unit", None) if name in columns else None
        for label, kind in ((f"{name}_step", "size"), (f"{name}_step_err", "error")):
            values = np.array([np.nan if steps is None else getattr(steps, kind)[place] for place, *_ in found], float)
            table[label] = values if unit is None else values << unit
    return table


def _middle(time, before, after, seconds):
    from astropy import units as u

    plain = getattr(time, "unmasked", time)
    half = (seconds[after] - seconds[before]) / 2
    result = plain[before] + np.nan_to_num(half) * u.s
    unknown = ~np.isfinite(half)
    if unknown.any():
        result[unknown] = np.ma.masked
    return result
