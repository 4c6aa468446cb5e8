"""Fewer rows, each the mean of several."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.inspect.values import column_values, elapsed_seconds, usable_rows
from nircam_tso.timing import offline

if TYPE_CHECKING:
    from astropy.timeseries import TimeSeries
    from astropy.units import Quantity
    from numpy.typing import ArrayLike

__all__ = ["bin"]

#: Steps of the cadence that are a gap, over which no bin reaches.
_GAP_STEPS = 10


@offline()
def bin(  # noqa: A001
    ts: TimeSeries, size: int | None = None, duration: Quantity | None = None, *, rows: ArrayLike | None = None
) -> TimeSeries:
    """
    Bin a time series by number of rows or by duration.

    Only rows that are `~nircam_tso.good` are used.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.
    size : int, optional
        Good rows in each bin, in the order of the table. A bin ends early at a gap of
        ten median time steps, and at the end of the series: ``n`` tells.
    duration : `~astropy.units.Quantity`, optional
        Length of the bins instead, laid from the first known time on. Bins without a
        good row are left out; rows without a time belong to none.
    rows : array_like of bool, shape (n,), optional
        Rows to take.

    Returns
    -------
    `~astropy.timeseries.TimeSeries`
        The same columns and ``n``, the number of rows in each bin. Numbers and times
        are plain means of the values that are known; errors (``..._err``,
        ``aperture_sum_err_...``) those of the means of independent values,
        sqrt(sum err^2) / n. ``time_start`` and ``time_end`` are the first and last of a
        bin, ``exposure_time`` and integer columns ``n_...`` sums, ``quality`` all bits of its rows
        together, and other columns those of its first row.

    Raises
    ------
    ValueError
        Unless exactly one of ``size`` and ``duration`` is given, and positive.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy import units as u
    >>> from astropy.time import Time
    >>> from astropy.timeseries import TimeSeries
    >>> from nircam_tso.inspect.statistics import bin
    >>> time = Time("2026-07-01T00:00:00") + np.arange(6) * u.min
    >>> ts = TimeSeries(time=time, data={"flux": [1.0, 2, 3, 4, 5, 6], "flux_err": np.full(6, 0.3)})
    >>> bin(ts, size=4)["flux", "flux_err", "n"].as_array().tolist()
    [(2.5, 0.15, 4), (5.5, 0.21213203, 2)]
    >>> bin(ts, duration=2 * u.min)["n"].tolist()
    [2, 2, 2]
    """
    if (size is None) == (duration is None):
        raise ValueError(f"size, duration: {size!r}, {duration!r}; give one of the two")
    use = usable_rows(ts, rows=rows)
    order, starts = _by_size(ts, use, size) if duration is None else _by_duration(ts, use, duration)
    return _binned(ts, order, starts)


def _by_size(ts, use, size):
    """Rows that are used, and where each bin of them begins."""
    if isinstance(size, bool) or size != int(size) or size < 1:
        raise ValueError(f"size: {size!r} is not a positive number of rows")
    order = np.flatnonzero(use)
    if order.size == 0:
        return order, order
    seconds = elapsed_seconds(ts)[order]
    steps = np.abs(np.diff(seconds))
    known = steps[np.isfinite(steps) & (steps > 0)]
    new = np.zeros(order.size, bool)
    new[0] = True
    if known.size:
        # Comparisons with an unknown step are False: where times are unknown there is no gap.
        new[1:] = steps > _GAP_STEPS * np.median(known)
    first = np.flatnonzero(new)
    since = np.arange(order.size) - np.repeat(first, np.diff(np.append(first, order.size)))
    return order, np.flatnonzero(since % int(size) == 0)


def _by_duration(ts, use, duration):
    import astropy.units as u

    try:
        length = u.Quantity(duration).to_value(u.s)
    except (TypeError, ValueError):
        raise ValueError(f"duration: {duration!r} is not a time; give a Quantity such as 5 * u.min") from None
    if not (np.ndim(length) == 0 and np.isfinite(length) and length > 0):
        raise ValueError(f"duration: {duration!r} is not a positive time")
    seconds = elapsed_seconds(ts)
    order = np.flatnonzero(use & np.isfinite(seconds))
    # A row that begins a bin may, by the last digit of its time, seem to lie before it.
    number = np.floor(seconds[order] / length + 1e-9).astype(np.int64)
    by_bin = np.argsort(number, kind="stable")
    order, number = order[by_bin], number[by_bin]
    return order, np.flatnonzero(np.append(True, np.diff(number) > 0)) if order.size else order


def _binned(ts, order, starts):
    from astropy.time import Time
    from astropy.timeseries import TimeSeries

    count = np.diff(np.append(starts, order.size)).astype(np.int32)
    result = TimeSeries(time=_mean_time(ts["time"], order, starts))
    result["time"].info.description = ts["time"].info.description
    for name in ts.colnames:
        if name == "time":
            continue
        column = ts[name]
        if isinstance(column, Time):
            how = {"time_start": np.minimum, "time_end": np.maximum}.get(name, np.add)
            result[name] = _mean_time(column, order, starts, how)
        else:
            result[name] = _reduced(ts, name, order, starts)
        result[name].info.description = column.info.description
    result["n"] = count
    result["n"].info.description = "rows in the bin"
    result.meta.update(ts.meta)
    return result


def _is_error(name):
    return name.startswith("aperture_sum_err_") or name.endswith("_err") or "_err_star" in name


def _reduced(ts, name, order, starts):
    """One column of numbers, binned."""
    column = ts[name]
    kind = np.asarray(getattr(column, "value", column)).dtype
    if kind.kind != "f":
        if starts.size == 0:
            return column[:0]
        plain = np.asarray(getattr(column, "value", column))[order]
        if name == "quality":
            return np.bitwise_or.reduceat(plain, starts)
        if name.startswith("n_"):
            return np.add.reduceat(plain, starts).astype(kind)
        return column[order[starts]]
    values = column_values(ts, name)[order]
    known = np.isfinite(values)
    n = _sum(known.astype(float), starts)
    with np.errstate(invalid="ignore", divide="ignore"):
        if _is_error(name):
            # An unknown error makes that of the mean unknown, where its value counts.
            result = np.sqrt(_sum(np.where(_missing(ts, name, order), 0.0, values**2), starts))
            result /= _sum((~_missing(ts, name, order)).astype(float), starts)
        elif name == "exposure_time":
            result = _sum(values, starts)
        else:
            result = _sum(np.where(known, values, 0.0), starts) / n
    unit = getattr(column, "unit", None)
    return result.astype(kind) if unit is None else result.astype(kind) << unit


def _missing(ts, name, order):
    """Rows whose value, that an error belongs to, is not known."""
    if name.startswith("aperture_sum_err_"):
        owner = name.replace("aperture_sum_err_", "aperture_sum_", 1)
    else:
        head, _, tail = name.rpartition("_err")
        owner = head + tail
    if owner not in ts.colnames:
        return np.zeros(order.size, bool)
    return ~np.isfinite(column_values(ts, owner)[order])


def _sum(values, starts):
    return np.add.reduceat(values, starts, axis=0) if starts.size else values[:0]


def _mean_time(time, order, starts, how=np.add):
    """Mean, first or last of the known times of each bin; masked where there is none."""
    from astropy import units as u

    if starts.size == 0:
        return time[:0]
    plain = getattr(time, "unmasked", time)
    unknown = np.broadcast_to(np.asarray(time.mask), len(time))[order]
    if unknown.all():
        return time[order[starts]]
    zero = plain[order[np.argmin(unknown)]]
    seconds = np.zeros(order.size)
    seconds[~unknown] = (plain[order[~unknown]] - zero).sec
    n = np.add.reduceat((~unknown).astype(float), starts)
    if how is np.add:
        result = np.add.reduceat(seconds, starts) / np.maximum(n, 1)
    else:
        seconds[unknown] = np.inf if how is np.minimum else -np.inf
        result = np.where(n > 0, how.reduceat(seconds, starts), 0.0)
    result = zero + result * u.s
    if (n == 0).any():
        result[n == 0] = np.ma.masked
    result.format = time.format
    result.precision = time.precision
    return result
