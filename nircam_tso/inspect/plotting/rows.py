"""The rows of a product, and how those with flags are marked."""

from dataclasses import dataclass

import numpy as np

from nircam_tso.inspect.plotting.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    marker_size,
    rasterize,
)
from nircam_tso.quality import QualityFlag, good

__all__ = ["KINDS", "FlagKind", "Rows", "rows_of"]


@dataclass(frozen=True)
class FlagKind:
    """
    Flags that are marked alike.

    Attributes
    ----------
    label : str
        What a legend calls them.
    bits : QualityFlag
        Which they are.
    marker, color : str
        How a row with one of them is marked.
    """

    label: str
    bits: QualityFlag
    marker: str
    color: str


_F = QualityFlag
#: The kinds in the order of a legend. A row with flags of several kinds has several marks.
KINDS: tuple[FlagKind, ...] = (
    FlagKind("no data", _F.NO_DATA | _F.MISSING_INTEGRATION | _F.READ_ERROR, "X", BLACK),
    FlagKind("aperture", _F.PARTIAL_APERTURE | _F.NAN_IN_APERTURE | _F.DO_NOT_USE, "s", VERMILION),
    FlagKind("fit or centre", _F.FIT_FAILED | _F.FIT_SUSPECT | _F.CENTER_OUTSIDE, "^", PURPLE),
    FlagKind("background", _F.BACKGROUND_FAILED, "D", GREEN),
    FlagKind("errors", _F.ERR_INVALID, "v", ORANGE),
    FlagKind("time", _F.TIME_INVALID, "P", BLUE),
    FlagKind("saturation", _F.SATURATED, "h", SKY),
    FlagKind("jump", _F.JUMP_DET, "d", GREY),
    FlagKind("times from header", _F.TIME_FROM_HEADER | _F.MIDNIGHT_ROLLOVER, "|", GREY),
)


@dataclass(frozen=True, eq=False)
class Rows:
    """
    The rows of a product, sorted by what their flags say.

    Attributes
    ----------
    n : int
        How many there are.
    good : `~numpy.ndarray` of bool, shape (n,)
        As `~nircam_tso.good`.
    kinds : list of (FlagKind, `~numpy.ndarray` of bool)
        The kinds of flags that occur, and their rows.
    """

    n: int
    good: np.ndarray
    kinds: list

    @property
    def _mark_size(self):
        """Size of the marks in points: many are small, or they would hide what they mark."""
        count = sum(int(rows.sum()) for _, rows in self.kinds)
        return float(np.clip(20.0 / max(count, 1) ** 0.35, 2.4, 6.5))

    def draw(self, ax, x, y, *, color=BLACK, zorder=2.0):
        """
        Draw values: a dot for each row, and marks about the rows with flags.

        A row with a flag that has no value is marked at the bottom of the axes.

        Parameters
        ----------
        ax : `~matplotlib.axes.Axes`
            Where.
        x, y : `~numpy.ndarray` of float64, shape (n,)
            Values; NaN where unknown.
        color : str, optional
            Colour of the dots.
        zorder : float, optional
            Height of the dots; the marks lie above.
        """
        line = {"linestyle": "none", "rasterized": rasterize(self.n)}
        size = 2 * marker_size(self.n)
        known, placed = np.isfinite(y), np.isfinite(x)
        ax.plot(x, y, marker=".", markersize=size, markeredgewidth=0, color=color, zorder=zorder, gid="rows", **line)
        for kind, rows in self.kinds:
            warns = bool(kind.bits & QualityFlag.warning())
            mark = {**line, **_mark(kind), "zorder": zorder + (1.0 if warns else 0.5), "markersize": self._mark_size}
            shown, lost = rows & known & placed, rows & ~known & placed
            if shown.any():
                ax.plot(x[shown], y[shown], gid=f"flag {kind.label}", **mark)
            if lost.any():
                bottom = np.zeros(int(lost.sum()))
                place = {"transform": ax.get_xaxis_transform(), "clip_on": False, "gid": f"lost {kind.label}"}
                ax.plot(x[lost], bottom, **mark, **place)

    def legend(self, place, text=""):
        """
        Tell the marks in a legend, where there are any.

        Parameters
        ----------
        place : `~matplotlib.figure.Figure` or `~matplotlib.axes.Axes`
            The legend stands below it; below axes of a figure that holds others, too.
        text : str, optional
            More to tell, above the legend.
        """
        from matplotlib.lines import Line2D

        handles = [
            Line2D([], [], linestyle="none", label=f"{kind.label} ({int(rows.sum())})", **_mark(kind))
            for kind, rows in self.kinds
        ]
        if not handles and not text:
            return
        of_axes = hasattr(place, "transAxes")
        width = place.bbox.width / (place.figure if of_axes else place).dpi
        columns = int(np.clip(width / 1.6, 1, max(len(handles), 1)))
        where = {"loc": "outside lower center"}
        if of_axes:
            where = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.18)}
        legend = place.legend(handles=handles, ncols=columns, title=text or None, **where)
        legend.get_title().set(fontsize=7.5, color=GREY, parse_math=False)


def _mark(kind):
    """A hollow mark, so that the dot within stays to be seen."""
    return {
        "marker": kind.marker,
        "color": kind.color,
        "markersize": 6.5,
        "markerfacecolor": "none",
        "markeredgewidth": 1.0,
    }


def rows_of(ts):
    """
    Sort the rows of a product by their flags.

    Parameters
    ----------
    ts : `~astropy.table.Table`
        A product.

    Returns
    -------
    Rows
        A flag that only informs and that every row has tells rows apart in nothing; it marks none.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from nircam_tso.inspect.plotting.rows import rows_of
    >>> rows = rows_of(Table({"quality": [0, 64, 1]}))
    >>> [(kind.label, which.tolist()) for kind, which in rows.kinds]
    [('no data', [False, False, True]), ('fit or centre', [False, True, False])]
    """
    n = len(ts)
    if "quality" not in ts.colnames:
        return Rows(n, np.ones(n, bool), [])
    bits = np.asarray(ts["quality"]).astype(np.uint32)
    informing = np.uint32(QualityFlag.informing())
    usual = np.bitwise_and.reduce(bits) & informing if n else np.uint32(0)
    bits = bits & ~usual
    found = [(kind, (bits & np.uint32(kind.bits)) != 0) for kind in KINDS]
    return Rows(n, good(ts), [(kind, rows) for kind, rows in found if rows.any()])
