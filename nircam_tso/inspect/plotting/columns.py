"""Columns against time, and light curves against the star's place."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.inspect.light_curves import center_pairs, light_curve
from nircam_tso.inspect.plotting.abscissa import abscissa
from nircam_tso.inspect.plotting.rows import rows_of
from nircam_tso.inspect.plotting.style import (
    BLUE,
    SKY,
    frame_values,
    label_of,
    note,
    place_figure,
    plain_title,
    power_of_ten,
    scale_axis,
    styled,
)
from nircam_tso.inspect.values import check_names, column_values, error_column, known_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from astropy.timeseries import TimeSeries
    from matplotlib.figure import Figure, SubFigure

__all__ = ["check_columns", "is_numeric", "numeric_columns", "plot_centers", "plot_columns"]

#: Panels in one stack; more stand in several stacks side by side.
_STACK = 14
#: Columns that count and measure nothing come last.
_NUMBERING = ("exposure", "integration", "group", "source", "exposure_time")
#: Errors of more rows than this would be a black band: their median is drawn instead.
_ERROR_BARS = 400


def is_numeric(ts, name):
    """Whether a column holds numbers that can be drawn: real, one for each row."""
    column = getattr(ts[name], "value", ts[name])
    dtype = getattr(column, "dtype", None)
    return dtype is not None and dtype.kind in "iuf" and len(np.shape(column)) == 1


def numeric_columns(ts):
    """
    Columns of numbers worth a panel, and why others are not.

    Parameters
    ----------
    ts : `~astropy.table.Table`
        A product.

    Returns
    -------
    names : list of str
        Columns of numbers but errors, which belong to their values, and ``quality``.
    constant : dict of str to str
        Those of them whose known values are one and the same, with that value, or ``"unknown"`` where
        there is none.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from nircam_tso.inspect.plotting.columns import numeric_columns
    >>> ts = Table({"x_cc": [1.0, 2.0], "x_cc_err": [0.1, 0.2], "source": [0, 0], "quality": [0, 0]})
    >>> numeric_columns(ts)
    (['x_cc', 'source'], {'source': '0'})
    """
    numbers = [name for name in ts.colnames if name != "quality" and is_numeric(ts, name)]
    errors = {error_column(ts, name) for name in numbers}
    names = [name for name in numbers if name not in errors and name not in _NUMBERING]
    names += [name for name in numbers if name in _NUMBERING]
    constant = {}
    for name in names:
        known = known_values(ts, name)
        if not known.size:
            constant[name] = "unknown"
        elif np.all(known == known[0]):
            constant[name] = f"{known[0]:g}"
    return names, constant


def check_columns(ts, columns):
    """
    Columns that a caller named.

    Parameters
    ----------
    ts : `~astropy.table.Table`
        A product.
    columns : str or sequence of str
        Names.

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        For a name that is not there, is not a column of numbers, or for none.
    """
    names = [columns] if isinstance(columns, str) else list(columns)
    check_names(ts, "columns", names)
    for name in names:
        if not is_numeric(ts, name):
            raise ValueError(f"columns: {name!r} does not hold one number for each row")
    if not names:
        raise ValueError("columns: give at least one name")
    return names


@styled
def plot_columns(
    ts: TimeSeries,
    columns: str | Sequence[str] | None = None,
    *,
    against: str | None = None,
    errors: bool = True,
    fig: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """
    Draw every column of numbers against time, one panel above the other.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.
    columns : str or sequence of str, optional
        Which columns. By default all but errors and ``quality``; those with one value
        throughout are told in a line of text below, unless there is but one row.
    against : str, optional
        A column of times such as ``"time_bjd"``, or ``"row"``. By default ``time``, or the
        number of the row where any time is unknown.
    errors : bool, optional
        Draw 1 sigma of each value; of more than 400 rows one bar with the median error, at
        the left.
    fig : `~matplotlib.figure.Figure` or `~matplotlib.figure.SubFigure`, optional
        Where to draw; a new figure by default.

    Returns
    -------
    `~matplotlib.figure.Figure` or `~matplotlib.figure.SubFigure`
        One axes for each column, in their order; more than 14 stand side by side.

    Raises
    ------
    ValueError
        For a column that is not there.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from nircam_tso.inspect.plotting import plot_columns
    >>> fig = plot_columns(Table({"x_cc": [1.0, 2.0], "y_cc": [3.0, 1.0], "quality": [0, 64]}))
    >>> [ax.get_ylabel() for ax in fig.axes]
    ['x_cc', 'y_cc']
    """
    constant = {}
    if columns is None:
        names, constant = numeric_columns(ts)
        if len(ts) > 1:
            names = [name for name in names if name not in constant]
        else:
            constant = {}
    else:
        names = check_columns(ts, columns)
    x, rows = abscissa(ts, against), rows_of(ts)
    stacks = max(1, math.ceil(len(names) / _STACK))
    depth = max(1, math.ceil(len(names) / stacks))
    fig = place_figure(fig, (1.0 + 6.0 * min(stacks, 1) + 5.0 * (stacks - 1), 1.4 + 0.95 * depth))
    if not names:
        ax = fig.add_subplot()
        ax.set_axis_off()
        note(ax, "no column of numbers varies")
    # Each stack is laid out by itself, or the labels below a short one would part the panels of all.
    parts = fig.subfigures(1, stacks, squeeze=False)[0] if stacks > 1 else [fig]
    grids = [part.add_gridspec(depth, 1, hspace=0.0) for part in parts]
    for index, name in enumerate(names):
        stack, place = divmod(index, depth)
        ax = parts[stack].add_subplot(grids[stack][place, 0], label=name)
        numbers = x.place(ax)
        _panel(ax, ts, name, numbers, rows, errors)
        last = place == depth - 1 or index == len(names) - 1
        x.finish(ax, numbers, label=last)
        ax.tick_params(axis="x", labelbottom=last, direction="in", top=True)
    for part in parts:
        part.align_ylabels()
    if title := plain_title(ts):
        fig.suptitle(title, parse_math=False)
    told = "the same in every row: " + ", ".join(f"{name} {value}" for name, value in constant.items())
    rows.legend(fig, textwrap.fill(told, int(14 * fig.bbox.width / fig.dpi)) if constant else "")
    return fig


def _panel(ax, ts, name, x, rows, errors):
    values = column_values(ts, name)
    exponent = power_of_ten(values)
    error = error_column(ts, name) if errors else None
    if error is not None and np.isfinite(values).any():
        _draw_errors(ax, x, values, column_values(ts, error))
    rows.draw(ax, x, values)
    scale_axis(ax.yaxis, exponent, ticks=4)
    frame_values(ax.yaxis, values)
    if not np.isfinite(values).any():
        note(ax, "unknown in every row")
    text = _narrow(label_of(ts, name, exponent=exponent))
    ax.set_ylabel(text, parse_math=False, fontsize=7.5, rotation=0, ha="right", va="center")


def _narrow(label):
    """A label in lines of some fifteen letters; a long name is broken behind an underscore."""
    name, bracket, unit = label.partition(" [")
    lines = [""]
    for part in name.replace("_", "_ ").split(" "):
        if lines[-1] and len(lines[-1] + part) > 15:
            lines.append("")
        lines[-1] += part
    return "\n".join([*lines, *([f"[{unit}"] if bracket else [])])


def _draw_errors(ax, x, values, sigma):
    known = np.isfinite(values) & np.isfinite(sigma)
    if not known.any():
        return
    if len(values) <= _ERROR_BARS:
        low, high = (values + sign * sigma for sign in (-1, 1))
        ax.vlines(x[known], low[known], high[known], color=SKY, linewidth=0.8, zorder=1, gid="errors")
        return
    middle, half = np.median(values[known]), np.median(sigma[known])
    bar = {"color": BLUE, "capsize": 2.5, "elinewidth": 1.2, "zorder": 4, "gid": "median error"}
    ax.errorbar([0.015], [middle], yerr=[half], fmt="none", transform=ax.get_yaxis_transform(), **bar)


@styled
def plot_centers(
    ts: TimeSeries,
    column: str | None = None,
    *,
    centers: Sequence[str] | None = None,
    fig: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """
    Draw a light curve against where the star was.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.
    column : str, optional
        Light curve; by default the least scattered aperture sum.
    centers : sequence of str, optional
        Columns to draw it against; by default the centre that the apertures sat on, x and y, or
        the Gaussian fit's.
    fig : `~matplotlib.figure.Figure` or `~matplotlib.figure.SubFigure`, optional
        Where to draw; a new figure by default.

    Returns
    -------
    `~matplotlib.figure.Figure` or `~matplotlib.figure.SubFigure`
        One axes for each centre, side by side.

    Raises
    ------
    ValueError
        For a column that is not there, and where there is no light curve or no centre.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from nircam_tso.inspect.plotting import plot_centers
    >>> ts = Table({"aperture_sum_r3": [9.0, 8.0], "x_cc": [4.0, 4.1], "y_cc": [7.0, 7.2]})
    >>> [ax.get_xlabel() for ax in plot_centers(ts).axes]
    ['x_cc', 'y_cc']
    """
    name = light_curve(ts, column).name
    names = _centers(ts) if centers is None else check_columns(ts, centers)
    flux, rows = column_values(ts, name), rows_of(ts)
    exponent = power_of_ten(flux)
    fig = place_figure(fig, (1.0 + 3.2 * len(names), 3.6))
    grid = fig.add_gridspec(1, len(names), wspace=0.0)
    for place, center in enumerate(names):
        ax = fig.add_subplot(grid[0, place], label=center)
        values = column_values(ts, center)
        rows.draw(ax, values, flux)
        scale = power_of_ten(values)
        scale_axis(ax.xaxis, scale, ticks=4)
        scale_axis(ax.yaxis, exponent, ticks=5)
        frame_values(ax.xaxis, values)
        frame_values(ax.yaxis, flux)
        if not (np.isfinite(values) & np.isfinite(flux)).any():
            note(ax, "unknown in every row")
        ax.set_xlabel(label_of(ts, center, exponent=scale), parse_math=False)
        if place == 0:
            ax.set_ylabel(label_of(ts, name, exponent=exponent), parse_math=False)
        else:
            ax.tick_params(axis="y", labelleft=False)
    if title := plain_title(ts):
        fig.suptitle(title, parse_math=False)
    rows.legend(fig)
    return fig


def _centers(ts):
    """The pair of centres that the flux depends on most directly."""
    pairs = [pair for pair in center_pairs(ts) if set(pair) <= set(ts.colnames)]
    known = [pair for pair in pairs if all(known_values(ts, name).size for name in pair)]
    if pairs:
        return list((known or pairs)[0])
    raise ValueError(f"ts: has no columns x_..., y_... of a centre (it has {', '.join(ts.colnames)})")
