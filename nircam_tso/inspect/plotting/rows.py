"""The rows of a product: where they stand along an axis, and how those with flags are marked."""

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

__all__ = ["KINDS", "Abscissa", "FlagKind", "Rows", "abscissa", "rows_of"]


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
_NAMED = _F(0)
for _kind in KINDS:
    _NAMED |= _kind.bits
_OTHER = _F(sum(_F) & ~_NAMED)
if _OTHER:
    KINDS = (*KINDS, FlagKind("other flag", _OTHER, "*", VERMILION))


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


@dataclass(frozen=True, eq=False)
class Abscissa:
    """
    What values are drawn against.

    Attributes
    ----------
    values : `~astropy.time.Time` or `~numpy.ndarray`, shape (n,)
        Times, or row numbers from 0.
    label : str
        Plain text.
    """

    values: object
    label: str

    def place(self, ax):
        """
        Turn the x axis into one of times, where these are times.

        Parameters
        ----------
        ax : `~matplotlib.axes.Axes`
            Axes that nothing is drawn in yet.

        Returns
        -------
        `~numpy.ndarray` of float64, shape (n,)
            Numbers to draw at; times as the axis counts them, MJD unless the caller has switched
            `astropy.visualization.time_support` on with another format.
        """
        if isinstance(self.values, np.ndarray):
            return self.values
        if _has_time_support():
            ax.xaxis.update_units(self.values)
        else:
            from astropy.visualization import time_support

            with time_support(format="isot"):
                ax.xaxis.update_units(self.values)
        return np.asarray(ax.convert_xunits(self.values), float)

    def finish(self, ax, numbers, *, label=True):
        """
        Ticks, limits and label of the x axis; to be called after drawing.

        Parameters
        ----------
        ax : `~matplotlib.axes.Axes`
            The axes.
        numbers : `~numpy.ndarray`, shape (n,)
            What `place` gave.
        label : bool, optional
            Whether the label is written.
        """
        if isinstance(self.values, np.ndarray):
            from matplotlib.ticker import MaxNLocator

            ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
            room = 0.02 * len(numbers) + 0.5
            ax.set_xlim(-room, max(len(numbers) - 1, 0) + room)
        elif not _has_time_support():
            # A caller who has chosen how times are shown keeps that.
            ax.xaxis.set_major_formatter(_clock(self.values.scale))
            low, high = numbers.min(), numbers.max()
            room = max(0.02 * (high - low), 0 if high > low else 30 / 86400)
            ax.set_xlim(low - room, high + room)
        # Empty, too: astropy's support for times has set a label of its own.
        ax.set_xlabel(self.label if label else "", parse_math=False)


def _has_time_support():
    from astropy.time import Time
    from matplotlib import units

    return Time in units.registry


def abscissa(ts, against=None):
    """
    Choose what values are drawn against.

    Parameters
    ----------
    ts : `~astropy.table.Table`
        A product.
    against : str, optional
        A column of times, or ``"row"``. By default ``time``, or the row number where any
        time is unknown, because a row without a time has no place among the others.

    Returns
    -------
    Abscissa

    Raises
    ------
    ValueError
        For a column that is not one of times.
    """
    from astropy.time import Time

    rows = np.arange(len(ts), dtype=float)
    name = against or "time"
    if name == "row" or (against is None and name not in ts.colnames):
        return Abscissa(rows, "row")
    if name not in ts.colnames or not isinstance(ts[name], Time):
        times = [column for column in ts.colnames if isinstance(ts[column], Time)]
        raise ValueError(f'against: {against!r} is not a column of times; choose among {", ".join(times)}, "row"')
    time = ts[name]
    unknown = int(np.count_nonzero(np.broadcast_to(np.asarray(time.mask), len(ts))))
    if unknown or not len(ts):
        return Abscissa(rows, f"row (time unknown in {unknown} of {len(ts)})" if unknown else "row")
    kind = {"time_bjd": "barycentric time", "time_start": "start", "time_end": "end"}.get(name, "time")
    return Abscissa(getattr(time, "unmasked", time), f"{kind} ({time.scale.upper()})")


def _clock(scale):
    """Formatter of MJD: the hour on each tick, the date below the first and below that of each new day."""
    from astropy.time import Time
    from matplotlib.ticker import Formatter

    class Clock(Formatter):
        def __call__(self, value, position=None):
            return self.format_ticks([value])[0]

        def format_ticks(self, values):
            if len(values) == 0:
                return []
            moments = Time(np.asarray(values, float), format="mjd", scale=scale, precision=3).iso
            days, clocks = zip(*(moment.split(" ") for moment in moments), strict=True)
            for ending in (".000", ":00"):
                if all(clock.endswith(ending) for clock in clocks):
                    clocks = [clock.removesuffix(ending) for clock in clocks]
            if all(clock == "00:00" for clock in clocks):
                return list(days)
            new = [True, *(day != before for day, before in zip(days[1:], days[:-1], strict=True))]
            return [f"{clock}\n{day}" if first else clock for clock, day, first in zip(clocks, days, new, strict=True)]

    return Clock()
