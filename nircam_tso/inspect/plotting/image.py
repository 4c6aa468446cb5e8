"""One integration, and where it was measured."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.inspect.places import aperture_radii, center_of, shape_outlines, sky_annulus, told_position
from nircam_tso.inspect.plotting.style import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    VERMILION,
    YELLOW,
    note,
    place_axes,
    plain_title,
    styled,
    unit_brackets,
)
from nircam_tso.io.provenance import recorded_settings
from nircam_tso.measure.stamps import stamp_start
from nircam_tso.quality import QualityFlag

if TYPE_CHECKING:
    from astropy.timeseries import TimeSeries
    from matplotlib.axes import Axes

    from nircam_tso.io.sources import Source

__all__ = ["SOFTENING", "grey_limits", "integration_image", "integration_index", "plot_image"]

#: Share of the grey scale below which the arcsinh stretch is nearly a straight line.
SOFTENING = 0.02


@styled
def plot_image(ts: TimeSeries, source: Source, *, row: int = 0, whole: bool = False, ax: Axes | None = None) -> Axes:
    """
    Draw the image of an integration with subframe, centre, apertures and sky annulus.

    Circles, ellipses, rectangles and hexagons of all stars are drawn where the row was measured,
    the annulus where the sky was, which is one place for the whole series. Masks are not drawn:
    a product tells no more of them than their size.

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
    from nircam_tso.io.sources import as_exposure

    if not -len(ts) <= row < len(ts):
        raise ValueError(f"row: {row} is not among the {len(ts)} rows of ts")
    row %= len(ts)
    exposure = as_exposure(source)
    index = integration_index(ts, exposure, row)
    image = integration_image(ts, exposure, index, row)
    center = center_of(ts, row)
    ax = place_axes(ax, (6.2, 5.2))
    drawn = ax.imshow(image, origin="lower", cmap=_colors(), norm=_norm(image), interpolation="nearest")
    _color_bar(ax, drawn, exposure.unit)
    reach = _draw_places(ax, ts, center, row, exposure.shape)
    _frame(ax, exposure.shape, _star(ts, center), None if whole else reach)
    ax.set_xlabel("x [pix]")
    ax.set_ylabel("y [pix]")
    if not np.isfinite(image).any():
        note(ax, "no pixel has a value")
    ax.set_title(_title(ts, exposure, index, row), parse_math=False)
    if not np.isfinite(image).all():
        ax.add_patch(_nothing())
    if ax.get_legend_handles_labels()[0]:
        # Shapes take more words than circles: two columns of them would be wider than the figure.
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=1 if shape_outlines(ts) else 2)
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


def _star(ts, center):
    """A place to look at even where the row has no centre."""
    return center if np.isfinite(center).all() else told_position(ts)


def _colors():
    from matplotlib import colormaps

    return colormaps["gray_r"].with_extremes(bad=YELLOW)


def _nothing():
    """What the legend shows of pixels without a value."""
    from matplotlib.patches import Rectangle

    return Rectangle((-9, -9), 0, 0, facecolor=YELLOW, edgecolor="none", label="no value", gid="no value")


def grey_limits(image):
    """
    Values that are drawn white and black.

    Parameters
    ----------
    image : `~numpy.ndarray`
        Values, NaN where there is none.

    Returns
    -------
    low, high : float
        The second above the first, whatever the image.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.inspect.plotting.image import grey_limits
    >>> grey_limits(np.full((3, 4), 5.0))
    (5.0, 10.0)
    """
    known = image[np.isfinite(image)]
    low, high = (float(value) for value in np.percentile(known, [1, 99.98])) if known.size else (0.0, 1.0)
    return low, high if high > low else low + (abs(low) or 1.0)


def _norm(image):
    from astropy.visualization import AsinhStretch, ImageNormalize

    low, high = grey_limits(image)
    # Sky and wings are seen beside the core, which is a hundred times as bright.
    return ImageNormalize(vmin=low, vmax=high, stretch=AsinhStretch(SOFTENING), clip=False)


def _color_bar(ax, drawn, unit):
    levels = drawn.norm.inverse(np.linspace(0, 1, 6))
    bar = ax.figure.colorbar(drawn, ax=ax, shrink=0.85, extend="max", ticks=levels)
    bar.ax.set_yticks(levels, [f"{level:.0f}" if abs(level) >= 1000 else f"{level:.3g}" for level in levels])
    bar.minorticks_off()
    bar.set_label(f"image{unit_brackets(unit)}", parse_math=False)


def _draw_places(ax, ts, center, row, shape):
    """Draw what was measured where; tell how far it reaches from the star."""
    from matplotlib.patches import Rectangle

    reach = 5.0
    place = told_position(ts)
    subframe = recorded_settings(ts).get("subframe_shape")
    if subframe and place is not None:
        ny, nx = subframe
        x, y = stamp_start(place, (ny, nx), shape)
        box = {"edgecolor": GREEN, "linestyle": ":", "label": f"subframe {ny} x {nx}", "gid": "subframe"}
        ax.add_patch(Rectangle((x - 0.5, y - 0.5), nx, ny, fill=False, linewidth=1.6, **box))
        reach = max(reach, max(ny, nx) / 2)
    reach = max(reach, _draw_star(ax, ts, row, 1))
    for star in range(2, int(ts.meta.get("n_stars", 1)) + 1):
        _draw_star(ax, ts, row, star)
    if np.isfinite(center).all():
        mark = {"marker": "+", "color": ORANGE, "markersize": 9, "markeredgewidth": 1.6, "linestyle": "none"}
        ax.plot(*([value] for value in center), label=f"centre {center[0]:.2f}, {center[1]:.2f}", gid="centre", **mark)
    return reach


def _draw_star(ax, ts, row, star):
    """Draw the apertures and the sky of a star, the first one's with labels; tell how far they reach from it."""
    from matplotlib.patches import Circle, Polygon

    center, radii, outlines = center_of(ts, row, star), aperture_radii(ts, row, star), shape_outlines(ts)
    place, annulus = told_position(ts, star) or center, sky_annulus(ts)
    patches, reach = [], [0.0]
    if np.isfinite(center).all():
        told = f"aperture{'s' if len(radii) > 1 else ''} {_told(radii)}" if radii else ""
        patches += [(Circle(center, r), told if not i else "", "aperture", VERMILION) for i, r in enumerate(radii)]
        for outline in outlines:
            edge = np.column_stack([center[0] + outline.x, center[1] + outline.y])
            patches.append((Polygon(edge), f"aperture {outline.name}: {outline.text}", "aperture", PURPLE))
        reach += [*radii, *(outline.reach for outline in outlines)]
    if annulus is not None and np.isfinite(place).all():
        told = f"sky {annulus[0]:g} to {annulus[1]:g} pix"
        patches += [(Circle(place, r), told if not i else "", "annulus", BLUE) for i, r in enumerate(annulus)]
        reach.append(annulus[1])
    thick = 1.3 if len(radii) + len(outlines) <= 6 else 0.6
    for patch, label, gid, color in patches:
        look = {"linewidth": thick} if gid == "aperture" else {"linewidth": 1.2, "linestyle": "--"}
        shown = label if label and star == 1 else "_nolegend_"
        patch.set(fill=False, edgecolor=color, label=shown, gid=gid, **look)
        ax.add_patch(patch)
    return max(reach)


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
