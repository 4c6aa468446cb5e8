"""The old method and the new one in a picture."""

import math

import numpy as np

from nircam_tso.inspect.plotting.style import BLUE, GREY, VERMILION, place_figure, scale_axis, styled

__all__ = ["plot_comparison"]

#: Columns of the panel of effects: heading, the notebook's columns, the largest of whose changes is shown.
_GROUPS = {
    "flux [%]": ("aperture phot",),
    "centre [pix]": ("gaussian y center", "gaussian x center"),
    "width [pix]": ("gaussian y width", "gaussian x width"),
    "amplitude [%]": ("gaussian amplitude",),
    "cross corr [pix]": ("cross corr y center", "cross corr x center"),
    "sky": ("sky background",),
    "time [s]": ("time",),
}
# Changes below these are rounding.
_LEAST = {"%": 5e-4, "pix": 5e-5, "": 5e-5, "s": 5e-4}


@styled
def plot_comparison(comparison, *, fig=None):
    """
    Draw what the notebook made of a source, and what the package makes of it.

    Parameters
    ----------
    comparison : Comparison
        From `nircam_tso.notebook.compare`.
    fig : `~matplotlib.figure.Figure`, optional
        Where to draw; a new figure by default.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The first subframe with both apertures; both light curves against the
        integration; and the change that each fault makes by itself.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.notebook import compare
    >>> y, x = np.mgrid[:64, :64]
    >>> star = 1000 * np.exp(-((x - 34.68) ** 2 + (y - 32.06) ** 2) / 2)
    >>> fig = compare(star).plot()
    >>> [ax.get_title() for ax in fig.axes[:2]]
    ['first integration, r = 5', 'aperture phot 5.0']
    """
    fig = place_figure(fig, (9.0, 7.2))
    grid = fig.add_gridspec(2, 2, height_ratios=(1.0, 1.35), width_ratios=(1.0, 1.4))
    _draw_apertures(fig.add_subplot(grid[0, 0]), comparison)
    _draw_light(fig.add_subplot(grid[0, 1]), comparison)
    _draw_effects(fig.add_subplot(grid[1, :]), comparison)
    return fig


def _draw_apertures(ax, comparison):
    from matplotlib.patches import Circle

    image, (x0, y0) = comparison.image, comparison.corner
    ny, nx = image.shape
    finite = image[np.isfinite(image)]
    top = float(finite.max(initial=1.0))
    # The root shows the wings.
    shown = np.sqrt(np.clip(image, 0.0, None) / (top if top > 0 else 1.0))
    ax.imshow(shown, origin="lower", extent=(x0 - 0.5, x0 + nx - 0.5, y0 - 0.5, y0 + ny - 0.5), cmap="gray_r")
    marks = ((comparison.old_center, VERMILION, "--", "2016"), (comparison.new_center, BLUE, "-", "now"))
    for place, color, line, label in marks:
        if all(map(math.isfinite, place)):
            seen = -1 <= place[0] - x0 <= nx and -1 <= place[1] - y0 <= ny
            label = label if seen else f"{label}: outside"
            style = {"fill": False, "edgecolor": color, "linestyle": line, "linewidth": 1.6, "label": label}
            ax.add_patch(Circle(place, comparison.radius, **style))
    ax.set_xlim(x0 - 0.5, x0 + nx - 0.5)
    ax.set_ylim(y0 - 0.5, y0 + ny - 0.5)
    ax.set_xlabel("x [pix]")
    ax.set_ylabel("y [pix]")
    ax.set_title(f"first integration, r = {comparison.radius:g}")
    for axis in (ax.xaxis, ax.yaxis):
        scale_axis(axis)
    ax.legend(loc="upper right")


def _draw_light(ax, comparison):
    from matplotlib.ticker import MaxNLocator

    table = comparison.table
    name = next(column[4:] for column in table.colnames if column.startswith("old aperture phot"))
    number = np.asarray(table["integration"])
    for which, color, marker, label in (("old", VERMILION, "s", "2016"), ("new", BLUE, "o", "now")):
        ax.plot(number, np.asarray(table[f"{which} {name}"]), marker, color=color, markersize=4, label=label)
    unit = str(table[f"old {name}"].unit or "")
    ax.set_ylim(0, None)
    ax.set_xlabel("integration")
    ax.set_ylabel(f"light within the aperture{f' [{unit}]' if unit else ''}", parse_math=False)
    ax.set_title(name, parse_math=False)
    ax.set_xlim(number.min() - 0.6, number.max() + 0.6)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.legend(loc="best")


def _draw_effects(ax, comparison):
    effects = comparison.effects
    cells = np.stack([_cell_values(comparison, heading, names) for heading, names in _GROUPS.items()], axis=1)
    n_rows, n_columns = cells.shape
    for row in range(n_rows):
        for column, heading in enumerate(_GROUPS):
            text, changed = _cell_text(cells[row, column], heading)
            color = GREY if not changed else "black"
            if changed:
                ax.axhspan(
                    row - 0.5,
                    row + 0.5,
                    xmin=column / n_columns,
                    xmax=(column + 1) / n_columns,
                    color=BLUE if effects["fault"][row] == "remainder" else VERMILION,
                    alpha=0.18,
                    linewidth=0,
                )
            ax.text(column, row, text, ha="center", va="center", color=color, fontsize=8)
    ax.set_xlim(-0.5, n_columns - 0.5)
    ax.set_ylim(n_rows - 0.5, -0.5)
    ax.set_xticks(range(n_columns), list(_GROUPS))
    ax.xaxis.set_ticks_position("top")
    ax.set_yticks(range(n_rows), list(effects["fault"]))
    ax.axhline(n_rows - 2.5, color=GREY, linewidth=0.8)
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
    ax.set_title("change by each fault alone, against the method without any (median of the integrations)")


def _cell_values(comparison, heading, names):
    """For each row of effects the change of largest size among the columns of a heading."""
    effects = comparison.effects
    columns = [name for name in effects.colnames if name.startswith(names)]
    values = np.stack([np.asarray(effects[name], float) for name in columns], axis=1)
    if "%" in heading:
        levels = [np.asarray(comparison.table[f"new {name}"], float) for name in columns]
        levels = [np.median(level[np.isfinite(level)]) if np.isfinite(level).any() else np.nan for level in levels]
        with np.errstate(invalid="ignore", divide="ignore"):
            values = 100.0 * values / np.array(levels)
    # A radius that is not used is no change of the first one's sum.
    if names == ("aperture phot",):
        values = values[:, :1]
    sizes = np.where(np.isnan(values), -1.0, np.abs(values))
    return values[np.arange(len(values)), sizes.argmax(axis=1)]


def _cell_text(value, heading):
    if math.isnan(value):
        return "NaN", True
    unit = heading.partition("[")[2].rstrip("]")
    if abs(value) < _LEAST[unit]:
        return "-", False
    return f"{value:+.3g}" if abs(value) < 1e5 else f"{value:+.2e}", True
