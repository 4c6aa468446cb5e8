"""Every column against every other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.inspect.light_curves import light_curve, systematic_columns
from nircam_tso.inspect.plotting.columns import check_columns
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
from nircam_tso.inspect.values import column_values

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from astropy.timeseries import TimeSeries
    from matplotlib.figure import Figure, SubFigure

__all__ = ["chosen_columns", "plot_matrix"]

#: Columns chosen by default; more would be too small to read.
_MOST = 7


def chosen_columns(ts, column=None):
    """
    A light curve and what may explain it.

    Parameters
    ----------
    ts : `~astropy.table.Table`
        A product.
    column : str, optional
        Light curve; by default the least scattered aperture sum.

    Returns
    -------
    list of str
        At most seven.

    Raises
    ------
    ValueError
        Where there is no light curve.
    """
    return [light_curve(ts, column).name, *systematic_columns(ts)][:_MOST]


@styled
def plot_matrix(
    ts: TimeSeries,
    columns: Sequence[str] | None = None,
    *,
    diagonal: Literal["kde", "hist"] = "kde",
    bins: str | int | Sequence[float] = "blocks",
    fig: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """
    Draw columns against each other, each less its median.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.
    columns : sequence of str, optional
        Which; by default the least scattered aperture sum, and the centres, widths and background
        that vary, seven at most.
    diagonal : {"kde", "hist"}, optional
        Kernel density (Gaussian, Scott's rule) or histogram.
    bins : str, int or sequence, optional
        Of the histogram, as `astropy.visualization.hist` takes them: ``"blocks"`` (Bayesian
        blocks), ``"freedman"``, ``"knuth"``, ``"scott"``. Blocks of more than 1,000 values are
        found from 1,000 of their quantiles, because their cost grows as the square.
    fig : `~matplotlib.figure.Figure` or `~matplotlib.figure.SubFigure`, optional
        Where to draw; a new figure by default.

    Returns
    -------
    `~matplotlib.figure.Figure` or `~matplotlib.figure.SubFigure`
        k times k axes, row by row.

    Raises
    ------
    ValueError
        For a column that is not there, or another diagonal.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.table import Table
    >>> from nircam_tso.inspect.plotting import plot_matrix
    >>> rng = np.random.default_rng(1)
    >>> ts = Table({name: rng.normal(5, 1, 50) for name in ("aperture_sum_r3", "x_gauss", "background")})
    >>> len(plot_matrix(ts, diagonal="hist").axes)
    9
    """
    if diagonal not in ("kde", "hist"):
        raise ValueError(f"diagonal: {diagonal!r} is neither 'kde' nor 'hist'")
    names = chosen_columns(ts) if columns is None else check_columns(ts, columns)
    k, rows = len(names), rows_of(ts)
    values = {name: _less_median(column_values(ts, name), rows.good) for name in names}
    powers = {name: power_of_ten(values[name]) for name in names}
    fig = place_figure(fig, (1.2 + 1.45 * k, 1.3 + 1.35 * k))
    grid = fig.add_gridspec(k, k, wspace=0.0, hspace=0.0)
    for i, row in enumerate(names):
        for j, column in enumerate(names):
            ax = fig.add_subplot(grid[i, j], label=f"{row} {column}")
            if i == j:
                _draw_diagonal(ax, values[row], rows.good, diagonal, bins)
                ax.set_yticks([])
            else:
                rows.draw(ax, values[column], values[row])
                scale_axis(ax.yaxis, powers[row], ticks=4)
                frame_values(ax.yaxis, values[row])
            scale_axis(ax.xaxis, powers[column], ticks=4)
            frame_values(ax.xaxis, values[column])
            ax.tick_params(labelbottom=i == k - 1, labelleft=j == 0 and i != j, direction="in")
            # The first panel of the first row has no values on its y axis; the last one tells them.
            ax.tick_params(labelright=i == 0 and j == k - 1 and k > 1)
            ax.tick_params(axis="x", rotation=90)
            if i == k - 1:
                ax.set_xlabel(_two_lines(ts, column, powers[column]), parse_math=False, fontsize=7.5)
            if j == 0:
                ax.set_ylabel(_two_lines(ts, row, powers[row]), parse_math=False, fontsize=7.5)
    fig.align_labels()
    title = plain_title(ts)
    fig.suptitle(f"{title}{': ' if title else ''}each column less its median", parse_math=False)
    rows.legend(fig)
    return fig


def _two_lines(ts, name, exponent):
    return label_of(ts, name, exponent=exponent).replace(" [", "\n[")


def _less_median(values, use):
    known = values[use & np.isfinite(values)]
    if not known.size:
        known = values[np.isfinite(values)]
    return values - np.median(known) if known.size else values


def _draw_diagonal(ax, values, use, diagonal, bins):
    every = values[np.isfinite(values)]
    values = values[use & np.isfinite(values)]
    if values.size < 2:
        note(ax, "too few")
    elif np.ptp(values) <= 1e-12 * np.abs(values).max(initial=0.0):
        # A density of one value has no width.
        note(ax, "constant")
    elif diagonal == "kde":
        from scipy.stats import gaussian_kde

        room = 0.06 * np.ptp(every)
        x = np.linspace(every.min() - room, every.max() + room, 300)
        # The scale is taken out: values of 1e-9 squared would make the covariance vanish.
        width = values.std()
        density = gaussian_kde(values / width)(x / width) / width
        ax.fill_between(x, density, color=SKY, alpha=0.4, linewidth=0)
        ax.plot(x, density, color=BLUE, linewidth=1.2, gid="density")
        ax.set_ylim(0, 1.1 * density.max())
    else:
        edges = _edges(values, bins)
        ax.hist(values, bins=edges, density=True, histtype="stepfilled", facecolor=SKY, edgecolor=BLUE, linewidth=1.0)


def _edges(values, bins):
    from astropy.stats import calculate_bin_edges

    few = values
    if isinstance(bins, str) and bins == "blocks" and values.size > 1000:
        few = np.quantile(values, np.linspace(0, 1, 1000))
    return calculate_bin_edges(few, bins)
