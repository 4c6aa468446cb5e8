"""Scatter against bin size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.inspect.plotting.style import (
    BLACK,
    BLUE,
    SKY,
    note,
    place_axes,
    plain_title,
    styled,
)

if TYPE_CHECKING:
    from typing import Literal

    from astropy.timeseries import TimeSeries
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

    from nircam_tso.inspect.statistics.averaging import AllanCurve

__all__ = ["plot_allan"]


@styled
def plot_allan(
    ts: TimeSeries | AllanCurve,
    column: str | None = None,
    *,
    kind: Literal["rms", "allan"] = "rms",
    rows: ArrayLike | None = None,
    ax: Axes | None = None,
) -> Axes:
    """
    Draw the scatter of a light curve against the number of rows that are binned.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries` or `~nircam_tso.inspect.statistics.AllanCurve`
        A product, or what `~nircam_tso.inspect.statistics.allan` made of one.
    column : str, optional
        Light curve; by default the least scattered aperture sum.
    kind : {"rms", "allan"}, optional
        See `~nircam_tso.inspect.statistics.allan`.
    rows : array_like of bool, shape (n,), optional
        Rows to take, for instance those out of transit, which counts as noise.
    ax : `~matplotlib.axes.Axes`, optional
        Where to draw; a new figure by default.

    Returns
    -------
    `~matplotlib.axes.Axes`
        With the measured scatter, the line of white noise of the scatter of single rows,
        and the band in which 68 % of series of white noise lie. The length of bins stands at the top.

    Raises
    ------
    ValueError
        For a column that is not there, and where there is no light curve.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.table import Table
    >>> from nircam_tso.inspect.plotting import plot_allan
    >>> ts = Table({"aperture_sum_r3": np.random.default_rng(1).normal(1e4, 10, 512)})
    >>> ax = plot_allan(ts)
    >>> ax.get_xscale(), ax.get_ylabel()
    ('log', 'rms of aperture_sum_r3 [ppm]')
    """
    from nircam_tso.inspect.light_curves import light_curve
    from nircam_tso.inspect.statistics import AllanCurve, allan, scatter

    curve, name, title, problem = None, "flux", "", ""
    if isinstance(ts, AllanCurve):
        curve = ts
    else:
        name, title = light_curve(ts, column).name, plain_title(ts)
        n = scatter(ts, name, rows=rows).n
        try:
            curve = allan(ts, name, kind=kind, rows=rows)
        except ValueError:
            if kind not in ("rms", "allan") or n >= 16:
                raise
            problem = f"{n} usable rows are too few\nfor scatter against bin size"
    ax = place_axes(ax, (5.5, 4.2))
    what = "Allan deviation" if (curve.kind if curve else kind) == "allan" else "rms"
    ax.set_ylabel(f"{what} of {name} [ppm]", parse_math=False)
    ax.set_xlabel("rows in a bin")
    if title:
        ax.set_title(title, parse_math=False)
    if curve is not None and not (np.isfinite(curve.ppm) & (curve.ppm > 0)).any():
        problem = "no scatter"
    if problem:
        note(ax, problem)
        ax.set_xticks([])
        ax.set_yticks([])
        return ax
    _draw(ax, curve)
    return ax


def _draw(ax, curve):
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    size, white, sigma = curve.size, curve.white_ppm, curve.white_error_ppm
    ax.set_xscale("log")
    ax.set_yscale("log")
    low = np.maximum(white - sigma, 0.05 * white)
    ax.fill_between(size, low, white + sigma, color=SKY, alpha=0.35, linewidth=0, label="its 1 sigma")
    ax.plot(size, white, color=BLUE, linestyle="--", linewidth=1.3, label="white noise", gid="white")
    positive = curve.ppm > 0
    # On a logarithmic axis the lower bar must not reach zero.
    error = np.vstack([np.minimum(curve.error_ppm, 0.9 * curve.ppm), curve.error_ppm])[:, positive]
    marks = {"fmt": "o", "color": BLACK, "markersize": 3.5, "elinewidth": 0.8, "gid": "measured"}
    ax.errorbar(size[positive], curve.ppm[positive], yerr=error, label=f"measured, {curve.n_rows} rows", **marks)
    ax.set_xlim(0.8 * size.min(), 1.25 * size.max())
    bottom = min(np.min(low), np.min((curve.ppm - error[0].max(initial=0)).clip(curve.ppm * 0.3)[positive]))
    top = np.nanmax([np.max(white + sigma), np.max(curve.ppm[positive] + error[1])])
    ax.set_ylim(0.8 * bottom, 1.5 * top)
    plain = FuncFormatter(lambda value, position: f"{value:g}")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(LogLocator(10, subs=(1, 2, 5), numticks=8))
        axis.set_major_formatter(plain)
        axis.set_minor_formatter(NullFormatter())
    ax.legend(loc="lower left")
    step = np.nanmedian(curve.duration / size) if np.isfinite(curve.duration).any() else 0.0
    if step > 0:
        unit, seconds = ("s", 1.0) if step * size.max() < 600 else ("min", 60.0)
        factor = step / seconds
        above = ax.secondary_xaxis("top", functions=(lambda n: n * factor, lambda t: t / factor))
        above.set_xlabel(f"length of a bin [{unit}]")
        above.xaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5), numticks=8))
        above.xaxis.set_major_formatter(plain)
        above.xaxis.set_minor_formatter(NullFormatter())
