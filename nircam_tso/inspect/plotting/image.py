"""One integration, and where it was measured."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.inspect.light_curves import column_values, extraction_settings, light_curves
from nircam_tso.inspect.plotting.style import (
    BLUE,
    GREEN,
    ORANGE,
    VERMILION,
    YELLOW,
    note,
    place_axes,
    plain_title,
    styled,
    unit_brackets,
)
from nircam_tso.measure.stamps import stamp_start
from nircam_tso.quality import QualityFlag

if TYPE_CHECKING:
    from astropy.timeseries import TimeSeries
    from matplotlib.axes import Axes

    from nircam_tso.io.sources import Source

__all__ = ["aperture_radii", "center_of", "integration_image", "integration_index", "plot_image"]


@styled
def plot_image(ts: TimeSeries, source: Source, *, row: int = 0, whole: bool = False, ax: Axes | None = None) -> Axes:
    """
    Draw the image of an integration with subframe, centre, apertures and sky annulus.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.
    source : path, array, Exposure, or a list of these
        What it was extracted from, as `~nircam_tso.io.sources.open_exposure` takes it, or one
        image. Of a ramp the last less the first of the groups that were used is drawn, or the row's
        own step; without the sky or 1/f noise being subtracted.
    row : int, optional
        Row of the product, from 0; negative ones count from the end.
    whole : bool, optional
        Draw the whole frame, not only what surrounds the star.
    ax : `~matplotlib.axes.Axes`, optional
        Where to draw; a new figure by default.

    Returns
    -------
    `~matplotlib.axes.Axes`
        With zero-based pixels as coordinates.

    Raises
    ------
    ValueError
        For a row that is not there, and if the source does not hold the row's integration.
    InputFileError, SegmentError
        If the source cannot be opened.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.table import Table
    >>> from nircam_tso.inspect.plotting import plot_image
    >>> ts = Table({"x_gauss": [14.2], "y_gauss": [11.7], "aperture_sum_r3": [9.0]})
    >>> ax = plot_image(ts, np.arange(768.0).reshape(24, 32))
    >>> len(ax.patches), ax.get_xlabel()
    (1, 'x [pix]')
    """
    from nircam_tso.io.exposure import Exposure
    from nircam_tso.io.sources import open_exposure

    if not -len(ts) <= row < len(ts):
        raise ValueError(f"row: {row} is not among the {len(ts)} rows of ts")
    row %= len(ts)
    exposure = source if isinstance(source, Exposure) else open_exposure(source)
    index = integration_index(ts, exposure, row)
    image = integration_image(ts, exposure, index, row)
    settings = extraction_settings(ts)
    center = center_of(ts, row)
    ax = place_axes(ax, (6.2, 5.2))
    drawn = ax.imshow(image, origin="lower", cmap=_colors(), norm=_norm(image), interpolation="nearest")
    _color_bar(ax, drawn, exposure.unit)
    reach = _draw_places(ax, ts, settings, center, row, exposure.shape)
    _frame(ax, exposure.shape, _star(ts, center), None if whole else reach)
    ax.set_xlabel("x [pix]")
    ax.set_ylabel("y [pix]")
    if not np.isfinite(image).any():
        note(ax, "no pixel has a value")
    ax.set_title(_title(ts, exposure, index, row), parse_math=False)
    if not np.isfinite(image).all():
        ax.add_patch(_nothing())
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2)
    return ax


def integration_index(ts, exposure, row):
    """
    Which integration of its source a row of a product is.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.
    exposure : `~nircam_tso.io.exposure.Exposure`
        Its source.
    row : int
        Row of the product.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If the source does not hold it, or nothing tells which it is.
    """
    if len(exposure) == 1 and len(ts) == 1:
        return 0
    if "integration" in ts.colnames:
        wanted = [int(ts[name][row]) if name in ts.colnames else 1 for name in ("exposure", "integration")]
        found = np.flatnonzero((exposure.exposure == wanted[0]) & (exposure.integration == wanted[1]))
        if found.size:
            return int(found[0])
        if len(exposure) > 1:
            what = f"integration {wanted[1]} of exposure {wanted[0]}"
            raise ValueError(f"source: {exposure.segments[0].name} does not hold {what}, which row {row} is of")
    elif len(exposure) == len(ts):
        return row
    if len(exposure) > 1:
        raise ValueError(f"source: holds {len(exposure)} integrations, and nothing tells which of them row {row} is")
    return 0


def integration_image(ts, exposure, index, row):
    """
    Image of one integration: of ramps the last group used less the first.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.
    exposure : `~nircam_tso.io.exposure.Exposure`
        Its source.
    index : int
        From `integration_index`.
    row : int
        Row of the product.

    Returns
    -------
    `~numpy.ndarray`, shape (ny, nx)
    """
    data = exposure.read(index, index + 1).data[0]
    if data.ndim == 2:
        return data
    first, last = ts.meta.get("group_range", (0, len(data) - 1))
    if "group" in ts.colnames:
        last = int(ts["group"][row])
        first = last - 1
    return data[min(last, len(data) - 1)] - (data[first] if len(data) > 1 else 0.0)


def center_of(ts, row):
    """
    Where a row's apertures sat.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.
    row : int
        Row of the product.

    Returns
    -------
    (x, y) : tuple of float
        (nan, nan) where that is not known.
    """
    if isinstance(ts.meta.get("center_x"), int | float):
        return float(ts.meta["center_x"]), float(ts.meta["center_y"])
    used = {"cross-correlation": "cc", "centroid": "centroid"}.get(ts.meta.get("center"), "gauss")
    for kind in (used, "gauss", "cc", "centroid"):
        if f"x_{kind}" in ts.colnames and f"y_{kind}" in ts.colnames:
            place = tuple(float(column_values(ts[row : row + 1], f"{axis}_{kind}")[0]) for axis in "xy")
            if np.isfinite(place).all():
                return place
    return float("nan"), float("nan")


def _star(ts, center):
    """A place to look at even where the row has no centre."""
    place = tuple(ts.meta.get(f"position_{axis}") for axis in "xy")
    if np.isfinite(center).all():
        return center
    return place if all(isinstance(value, int | float) for value in place) else None


def _colors():
    from matplotlib import colormaps

    return colormaps["gray_r"].with_extremes(bad=YELLOW)


def _nothing():
    """What the legend shows of pixels without a value."""
    from matplotlib.patches import Rectangle

    return Rectangle((-9, -9), 0, 0, facecolor=YELLOW, edgecolor="none", label="no value", gid="no value")


def _norm(image):
    from astropy.visualization import AsinhStretch, ImageNormalize

    known = image[np.isfinite(image)]
    low, high = np.percentile(known, [1, 99.98]) if known.size else (0.0, 1.0)
    if not high > low:
        high = low + (abs(low) or 1.0)
    # Sky and wings are seen beside the core, which is a hundred times as bright.
    return ImageNormalize(vmin=low, vmax=high, stretch=AsinhStretch(0.02), clip=False)


def _color_bar(ax, drawn, unit):
    levels = drawn.norm.inverse(np.linspace(0, 1, 6))
    bar = ax.figure.colorbar(drawn, ax=ax, shrink=0.85, extend="max", ticks=levels)
    bar.ax.set_yticks(levels, [f"{level:.0f}" if abs(level) >= 1000 else f"{level:.3g}" for level in levels])
    bar.minorticks_off()
    bar.set_label(f"image{unit_brackets(unit)}", parse_math=False)


def _draw_places(ax, ts, settings, center, row, shape):
    """Draw what was measured where; tell how far it reaches from the star."""
    from matplotlib.patches import Circle, Rectangle

    reach = 5.0
    line = {"fill": False, "linewidth": 1.2}
    place = tuple(ts.meta.get(f"position_{axis}") for axis in "xy")
    if settings.get("subframe_shape") and all(isinstance(value, int | float) for value in place):
        ny, nx = settings["subframe_shape"]
        x, y = stamp_start(place, (ny, nx), shape)
        box = {"edgecolor": GREEN, "linestyle": ":", "label": f"subframe {ny} x {nx}", "gid": "subframe"}
        ax.add_patch(Rectangle((x - 0.5, y - 0.5), nx, ny, **{**line, "linewidth": 1.6}, **box))
        reach = max(reach, max(ny, nx) / 2)
    if not np.isfinite(center).all():
        return reach
    radii = aperture_radii(ts, row)
    for index, radius in enumerate(radii):
        label = "_nolegend_" if index else f"aperture{'s' if len(radii) > 1 else ''} {_told(radii)}"
        width = 1.3 if len(radii) <= 6 else 0.6
        circle = {"edgecolor": VERMILION, "label": label, "gid": "aperture"}
        ax.add_patch(Circle(center, radius, **{**line, "linewidth": width}, **circle))
    background = settings.get("background") or {}
    if isinstance(background, dict) and background.get("outer"):
        for index, name in enumerate(("inner", "outer")):
            label = "_nolegend_" if index else f"sky {background['inner']:g} to {background['outer']:g} pix"
            ring = {"edgecolor": BLUE, "linestyle": "--", "label": label, "gid": "annulus"}
            ax.add_patch(Circle(center, background[name], **line, **ring))
        radii = [*radii, background["outer"]]
    mark = {"marker": "+", "color": ORANGE, "markersize": 9, "markeredgewidth": 1.6, "linestyle": "none"}
    ax.plot(*([value] for value in center), label=f"centre {center[0]:.2f}, {center[1]:.2f}", gid="centre", **mark)
    return max([reach, *radii])


def aperture_radii(ts, row):
    """
    Radii of the first star's round apertures.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.
    row : int
        Row of the product.

    Returns
    -------
    list of float
        In pixels, in order.
    """
    found = []
    for curve in light_curves(ts, star=1, psf=False):
        if curve.radius is None:
            continue
        width = 1.0
        if curve.in_widths:
            width = float(column_values(ts[row : row + 1], "fwhm")[0]) if "fwhm" in ts.colnames else float("nan")
        if np.isfinite(curve.radius * width):
            found.append(curve.radius * width)
    return sorted(found)


def _told(radii):
    if len(radii) <= 4:
        return ", ".join(f"{radius:.4g}" for radius in radii) + " pix"
    return f"{radii[0]:.4g} to {radii[-1]:.4g} pix ({len(radii)})"


def _frame(ax, shape, star, reach):
    ny, nx = shape
    x_limits, y_limits = (-0.5, nx - 0.5), (-0.5, ny - 0.5)
    if reach is not None and star is not None:
        half = 1.06 * reach + 1.5
        # A star beyond the frame would leave nothing to look at.
        x, y = np.clip(star[0], 0, nx - 1), np.clip(star[1], 0, ny - 1)
        x_limits = (max(x - half, -0.5), min(x + half, nx - 0.5))
        y_limits = (max(y - half, -0.5), min(y + half, ny - 0.5))
    ax.set_xlim(x_limits)
    ax.set_ylim(y_limits)


def _title(ts, exposure, index, row):
    parts = [f"row {row}, integration {exposure.integration[index]}"]
    time = ts["time"] if "time" in ts.colnames else None
    if time is not None and hasattr(time, "isot") and not bool(np.broadcast_to(np.asarray(time.mask), len(ts))[row]):
        parts.append(re.sub("T", " ", str(time[row].isot)[:19]) + f" {time.scale.upper()}")
    lines = [plain_title(ts), ", ".join(parts)]
    if "quality" in ts.colnames and (flags := QualityFlag(int(ts["quality"][row])).names()):
        lines.append(", ".join(flags))
    return "\n".join(line for line in lines if line)
