"""Which columns go together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.inspect.light_curves import light_curves, systematic_columns
from nircam_tso.inspect.plotting.columns import check_columns
from nircam_tso.inspect.plotting.style import note, place_axes, plain_title, styled
from nircam_tso.inspect.values import column_values, usable_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from astropy.timeseries import TimeSeries
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

__all__ = ["plot_correlation", "rank_correlations"]

#: Cells above which numbers in them would be too small to read.
_MOST_NUMBERS = 18


def rank_correlations(ts, columns, *, rows=None):
    """
    Spearman's coefficient of every pair of columns.

    Parameters
    ----------
    ts : `~astropy.table.Table`
        A product.
    columns : sequence of str, k of them
        Columns of numbers.
    rows : array_like of bool, shape (n,), optional
        Rows to take, of those that are good.

    Returns
    -------
    `~numpy.ndarray`, shape (k, k)
        NaN for a column that does not vary, or less than three common rows.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from nircam_tso.inspect.plotting.correlation import rank_correlations
    >>> ts = Table({"a": [1.0, 2, 3], "b": [1.0, 4, 9], "c": [3.0, 2, 1]})
    >>> rank_correlations(ts, ["a", "b", "c"])[0].tolist()
    [1.0, 1.0, -1.0]
    """
    from scipy.stats import rankdata

    use = usable_rows(ts, rows=rows)
    values = np.array([column_values(ts, name)[use] for name in columns])
    known = np.isfinite(values)
    result = np.full((len(columns), len(columns)), np.nan)
    for i in range(len(columns)):
        for j in range(i + 1):
            both = known[i] & known[j]
            if both.sum() < 3:
                continue
            a, b = (rankdata(values[index, both]) for index in (i, j))
            a, b = a - a.mean(), b - b.mean()
            norm = np.sqrt(np.sum(a**2) * np.sum(b**2))
            if norm > 0:
                result[i, j] = result[j, i] = np.sum(a * b) / norm
    return result


@styled
def plot_correlation(
    ts: TimeSeries, columns: Sequence[str] | None = None, *, rows: ArrayLike | None = None, ax: Axes | None = None
) -> Axes:
    """
    Draw how strongly columns go together: Spearman's rank correlation of each pair.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.
    columns : sequence of str, optional
        Which; by default the light curves (of more than eight every so many) and the centres,
        widths and background that vary.
    rows : array_like of bool, shape (n,), optional
        Rows to take, of those that are good. A transit goes with whatever drifts: give those out of it.
    ax : `~matplotlib.axes.Axes`, optional
        Where to draw; a new figure by default.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The coefficients are written in the cells, if these are not too many.

    Raises
    ------
    ValueError
        For a column that is not there, or where there is none.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from nircam_tso.inspect.plotting import plot_correlation
    >>> ax = plot_correlation(Table({"aperture_sum_r3": [3.0, 2, 4], "x_gauss": [1.0, 0, 2]}))
    >>> ax.images[0].get_array().data.tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    from matplotlib import colormaps

    names = _default_columns(ts) if columns is None else check_columns(ts, columns)
    found = rank_correlations(ts, names, rows=rows)
    k = len(names)
    ax = place_axes(ax, (3.0 + 0.42 * k, 2.2 + 0.42 * k))
    # Blue and red of one darkness: the sign is in the number, and the darkness tells the strength on paper.
    image = ax.imshow(
        found, cmap=colormaps["RdBu_r"].with_extremes(bad="0.85"), vmin=-1, vmax=1, interpolation="nearest"
    )
    ax.set_xticks(range(k), names, rotation=90, parse_math=False)
    ax.set_yticks(range(k), names, parse_math=False)
    ax.tick_params(length=0)
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.7, ticks=[-1, -0.5, 0, 0.5, 1])
    bar.set_label("Spearman's rank correlation")
    if k <= _MOST_NUMBERS:
        for i, j in zip(*np.nonzero(np.isfinite(found)), strict=True):
            color = "white" if abs(found[i, j]) > 0.6 else "black"
            ax.text(j, i, f"{found[i, j].round(2) + 0.0:.2f}", ha="center", va="center", color=color, fontsize=6.5)
    if not np.isfinite(found).any():
        note(ax, "no two columns vary")
    if title := plain_title(ts):
        ax.set_title(title, parse_math=False)
    return ax


def _default_columns(ts):
    curves = [curve.name for curve in light_curves(ts)]
    if len(curves) > 8:
        curves = [curves[i] for i in np.unique(np.linspace(0, len(curves) - 1, 8).round().astype(int))]
    names = [*curves, *systematic_columns(ts)]
    if not names:
        raise ValueError(f"ts: has no light curve and no centre (it has {', '.join(ts.colnames)})")
    return names
