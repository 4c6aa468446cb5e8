"""Light curves of all apertures, and what grows with the radius."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.inspect.light_curves import light_curves
from nircam_tso.inspect.plotting.abscissa import abscissa
from nircam_tso.inspect.plotting.rows import rows_of
from nircam_tso.inspect.plotting.style import (
    BLACK,
    BLUE,
    VERMILION,
    note,
    place_axes,
    place_figure,
    plain_title,
    scale_axis,
    styled,
)
from nircam_tso.inspect.values import column_values, usable_rows

if TYPE_CHECKING:
    from astropy.timeseries import TimeSeries
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from numpy.typing import ArrayLike

__all__ = ["plot_growth", "plot_radii"]

#: Rows above which dots alone hide the curve, and bins drawn over them.
_BINNED, _BINS = 300, 80


@styled
def plot_radii(ts: TimeSeries, *, star: int | None = None, against: str | None = None, ax: Axes | None = None) -> Axes:
    """
    Draw the light curves of all apertures, one below the other.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.
    star : int, optional
        Only those of this star; all by default.
    against : str, optional
        A column of times, or ``"row"``; see `plot_columns`.
    ax : `~matplotlib.axes.Axes`, optional
        Where to draw; a new figure by default.

    Returns
    -------
    `~matplotlib.axes.Axes`
        Each light curve over its median, shifted by a constant; the scatter from row to row stands
        beside it. Of more than 300 rows medians of 80 bins are drawn over the dots.

    Raises
    ------
    ValueError
        Where there is no light curve.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from nircam_tso.inspect.plotting import plot_radii
    >>> ax = plot_radii(Table({"aperture_sum_r3": [9.0, 8, 9], "aperture_sum_r5": [12.0, 11, 12]}))
    >>> [text.get_text().partition(":")[0] for text in ax.texts]
    ['r3', 'r5']
    """
    from nircam_tso.inspect.statistics import normalize, scatter

    curves = light_curves(ts, star=star)
    if not curves:
        raise ValueError(f"ts: has no light curve (it has {', '.join(ts.colnames)})")
    x, rows, given = abscissa(ts, against), rows_of(ts), ax is not None
    ax = place_axes(ax, (7.0, 2.0 + 0.9 * len(curves) if len(curves) <= 5 else 4.7 + 0.36 * len(curves)))
    relative = normalize(ts, [curve.name for curve in curves])
    fluxes = [column_values(relative, curve.name) for curve in curves]
    step = _step(ts, curves, fluxes)
    colors, numbers = _colors(len(curves)), x.place(ax)
    for index, (curve, flux) in enumerate(zip(curves, fluxes, strict=True)):
        offset = -index * step
        rows.draw(ax, numbers, flux + offset, color=colors[index])
        _binned(ax, numbers, flux + offset, usable_rows(ts, curve.name))
        ppm = scatter(ts, curve.name).ppm
        told = f"{ppm:.0f} ppm" if np.isfinite(ppm) else "unknown"
        name = f"{curve.label}{f' star {curve.star}' if curve.star > 1 else ''}"
        place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "center", "fontsize": 8.0}
        ax.annotate(f"{name}: {told}", (1.0, 1 + offset), (6, 0), parse_math=False, annotation_clip=False, **place)
    x.finish(ax, numbers)
    ax.set_ylim(1 - (len(curves) - 0.3) * step, 1 + 0.7 * step)
    scale_axis(ax.yaxis, 0, ticks=8)
    shift = f", each {step:g} lower" if len(curves) > 1 else ""
    ax.set_ylabel(f"flux / median{shift}")
    if title := plain_title(ts):
        ax.set_title(title, parse_math=False)
    rows.legend(ax if given else ax.figure)
    return ax


def _step(ts, curves, fluxes):
    """Distance of light curves that keeps them apart: a round number."""
    widths = []
    for curve, flux in zip(curves, fluxes, strict=True):
        some = flux[usable_rows(ts, curve.name)]
        some = some[np.isfinite(some)]
        if some.size > 1:
            widths.append(np.subtract(*np.percentile(some, [99.5, 0.5])))
    widest = 1.15 * np.median(widths) if widths else 0.0
    if not widest > 0:
        return 0.01
    power = 10.0 ** np.floor(np.log10(widest))
    return float(next(m for m in (1, 1.5, 2, 3, 4, 5, 7, 10) if m * power >= widest * (1 - 1e-9)) * power)


def _colors(n):
    """Dark to mid tones in the order of the curves, which differ in grey, too."""
    from matplotlib import colormaps

    return [BLUE] if n == 1 else list(colormaps["cividis"](np.linspace(0.0, 0.72, n)))


def _binned(ax, x, flux, use):
    from matplotlib.patheffects import Normal, Stroke

    use = use & np.isfinite(flux)
    if use.sum() <= _BINNED:
        return
    parts = [part for part in np.array_split(np.flatnonzero(use), _BINS) if part.size]
    middle = np.array([part[part.size // 2] for part in parts])
    medians = [np.median(flux[part]) for part in parts]
    # White edges keep the line apart from dots of any colour.
    edges = [Stroke(linewidth=3.2, foreground="white"), Normal()]
    ax.plot(x[middle], medians, color=BLACK, linewidth=1.2, zorder=4, gid="bins", path_effects=edges)


@styled
def plot_growth(
    ts: TimeSeries, *, star: int = 1, rows: ArrayLike | None = None, fig: Figure | SubFigure | None = None
) -> Figure | SubFigure:
    """
    Draw the flux and its scatter against the radius of the aperture.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.
    star : int, optional
        Number of the star.
    rows : array_like of bool, shape (n,), optional
        Rows to take, for instance those out of transit.
    fig : `~matplotlib.figure.Figure` or `~matplotlib.figure.SubFigure`, optional
        Where to draw; a new figure by default.

    Returns
    -------
    `~matplotlib.figure.Figure` or `~matplotlib.figure.SubFigure`
        Two axes: the growth curve, and below it the scatter from row to row with the quoted
        error. The quietest aperture is marked.

    Raises
    ------
    ValueError
        Where the star has no aperture with a radius.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from nircam_tso.inspect.plotting import plot_growth
    >>> fig = plot_growth(Table({"aperture_sum_r3": [9.0, 8, 9], "aperture_sum_r5": [12.0, 11, 12]}))
    >>> fig.axes[0].lines[0].get_ydata().tolist()
    [0.75, 1.0]
    """
    from nircam_tso.inspect.statistics import best_aperture

    # Radii in pixels and in widths of the star do not stand on one axis.
    round_ones = [curve for curve in light_curves(ts, star=star, psf=False) if curve.radius is not None]
    pixels = [curve for curve in round_ones if not curve.in_widths]
    chosen = pixels or round_ones
    if not chosen:
        raise ValueError(f"ts: star {star} has no aperture_sum_r... (it has {', '.join(ts.colnames)})")
    names = [curve.name for curve in chosen]
    fig = place_figure(fig, (5.5, 5.0))
    top, bottom = fig.subplots(2, 1, sharex=True)
    if title := plain_title(ts):
        fig.suptitle(title, parse_math=False)
    bottom.set_xlabel("radius [pix]" if pixels else "radius [fwhm of the star]")
    top.set_ylabel("flux / largest flux")
    bottom.set_ylabel("scatter [ppm]")
    try:
        best = best_aperture(ts, rows=rows, star=star)
    except ValueError:
        best = None
    if best is None:
        _growth_only(ts, top, chosen, rows)
        note(bottom, "too few good rows for a scatter")
        bottom.set_yticks([])
        return fig
    keep = np.array([name in names for name in best.names])
    radii, flux, ppm, quoted = best.radii[keep], best.flux[keep], best.ppm[keep], best.quoted_ppm[keep]
    top.plot(radii, flux / np.nanmax(flux), "o-", color=BLUE, markersize=4, gid="growth")
    bars = {"color": BLACK, "markersize": 4, "elinewidth": 0.8, "gid": "scatter"}
    bottom.errorbar(radii, ppm, yerr=best.error_ppm[keep], fmt="o-", label="row to row", **bars)
    if np.isfinite(quoted).any():
        bottom.plot(radii, quoted, "s--", color=BLUE, markersize=3.5, markerfacecolor="none", label="quoted error")
    if best.name in names:
        for ax in (top, bottom):
            ax.axvline(best.radius, color=VERMILION, linestyle=":", linewidth=1.2, zorder=0)
        bottom.plot([], [], color=VERMILION, linestyle=":", label=f"least scatter: {best.radius:g}")
    for ax in (top, bottom):
        scale_axis(ax.yaxis, 0, ticks=6)
    # The text of the legend lies above the curves, whatever their form.
    bottom.margins(y=0.08)
    bottom.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    return fig


def _growth_only(ts, ax, curves, rows):
    levels = []
    for curve in curves:
        flux = column_values(ts, curve.name)[usable_rows(ts, curve.name, rows)]
        levels.append(np.median(flux) if flux.size else np.nan)
    levels = np.array(levels)
    if not np.nanmax(np.nan_to_num(levels, nan=-np.inf)) > 0:
        note(ax, "no good row with light")
        ax.set_yticks([])
        return
    radii = [curve.radius for curve in curves]
    ax.plot(radii, levels / np.nanmax(levels), "o-", color=BLUE, markersize=4, gid="growth")
    scale_axis(ax.yaxis, 0, ticks=6)
