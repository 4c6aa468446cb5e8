"""How every figure looks: colours, sizes, labels, ticks."""

import math
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

__all__ = [
    "BLACK",
    "BLUE",
    "GREEN",
    "GREY",
    "ORANGE",
    "PURPLE",
    "SKY",
    "VERMILION",
    "YELLOW",
    "frame_values",
    "label_of",
    "marker_size",
    "note",
    "place_axes",
    "place_figure",
    "plain_title",
    "power_of_ten",
    "rasterize",
    "scale_axis",
    "styled",
    "unit_brackets",
    "without_windows",
]

# Eight colours that people with any colour vision can tell apart (M. Okabe and K. Ito 2008,
# "Color Universal Design"); markers say the same where a page is printed in grey.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY = "#666666"

_SETTINGS = {
    "text.usetex": False,
    "font.size": 9.0,
    "axes.labelsize": 9.0,
    "axes.titlesize": 10.0,
    "figure.titlesize": 10.0,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.fontsize": 8.0,
    "legend.frameon": False,
    "axes.grid": False,
    "axes.formatter.useoffset": False,
    "path.simplify": True,
    "pdf.fonttype": 42,
}

#: More points than these are drawn as pixels within vector files, which would grow and crawl else.
_RASTER_POINTS = 2000
_LONGEST_TITLE = 90

_windows = ContextVar("windows", default=True)


def styled(function):
    """Decorate a drawing function: it draws in the package's style and leaves that of its caller alone."""
    from functools import wraps

    @wraps(function)
    def drawn(*args, **kwargs):
        import matplotlib

        with matplotlib.rc_context(_SETTINGS):
            return function(*args, **kwargs)

    return drawn


@contextmanager
def without_windows():
    """
    Figures made within belong to no window, so that no screen is needed and none need be closed.

    Examples
    --------
    >>> from nircam_tso.inspect.plotting.style import place_figure, without_windows
    >>> with without_windows():
    ...     fig = place_figure(None, (4, 3))
    >>> fig.number
    Traceback (most recent call last):
        ...
    AttributeError: ...
    """
    token = _windows.set(False)
    try:
        yield
    finally:
        _windows.reset(token)


def place_figure(fig, size):
    """
    Give the figure to draw into: the one given, or a new one.

    Parameters
    ----------
    fig : `~matplotlib.figure.Figure`, `~matplotlib.figure.SubFigure` or None
        What the caller gave; its size is left.
    size : (float, float)
        Width and height of a new one in inches.

    Returns
    -------
    `~matplotlib.figure.Figure` or `~matplotlib.figure.SubFigure`
    """
    if fig is not None:
        return fig
    if _windows.get():
        import matplotlib.pyplot as plt

        return plt.figure(figsize=size, layout="constrained")
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout="constrained")


def place_axes(ax, size):
    """
    Give the axes to draw into: those given, or those of a new figure.

    Parameters
    ----------
    ax : `~matplotlib.axes.Axes` or None
        What the caller gave.
    size : (float, float)
        Width and height of a new figure in inches.

    Returns
    -------
    `~matplotlib.axes.Axes`
    """
    return place_figure(None, size).add_subplot() if ax is None else ax


def plain_title(ts):
    """
    What was observed, as one short line of plain text.

    Parameters
    ----------
    ts : `~astropy.table.Table`
        A product.

    Returns
    -------
    str
        Target, detector, filter, pupil and subarray as far as they are known. Give it to
        matplotlib with ``parse_math=False``: a header may hold ``$``.
    """
    names = ("target", "detector", "filter", "pupil", "subarray")
    text = ", ".join(" ".join(str(ts.meta[name]).split()) for name in names if ts.meta.get(name))
    text = "".join(char for char in text if char.isprintable())
    return text if len(text) <= _LONGEST_TITLE else text[: _LONGEST_TITLE - 3] + "..."


def label_of(ts, name, *, exponent=0):
    """
    Label of an axis: the column, and its unit in brackets.

    Parameters
    ----------
    ts : `~astropy.table.Table`
        A product.
    name : str
        Column.
    exponent : int, optional
        Power of ten by which the numbers on the axis were divided.

    Returns
    -------
    str
        Plain text.
    """
    unit = getattr(ts[name], "unit", None)
    return f"{name}{unit_brackets(unit, exponent)}"


def unit_brackets(unit, exponent=0):
    """A unit and a power of ten as ``" [1e-3 pix]"``; nothing for plain numbers."""
    parts = [f"1e{exponent}" if exponent else "", "" if unit is None else str(unit)]
    text = " ".join(part for part in parts if part)
    return f" [{text}]" if text else ""


def power_of_ten(values):
    """Power of ten, a multiple of 3, that brings values to a few digits before the point; 0 from 0.01 to 99999."""
    values = np.abs(values[np.isfinite(values)])
    top = values.max() if values.size else 0.0
    if top == 0 or 0.01 <= top < 1e5:
        return 0
    return 3 * math.floor(math.log10(top) / 3)


def scale_axis(axis, exponent=0, ticks=5):
    """
    Ticks with plain numbers of as many digits as tell them apart, divided by a power of ten.

    Parameters
    ----------
    axis : `~matplotlib.axis.Axis`
        ``ax.xaxis`` or ``ax.yaxis``.
    exponent : int, optional
        The power, for the axis' label to tell.
    ticks : int, optional
        How many there are at most.
    """
    from matplotlib.ticker import Formatter, MaxNLocator

    class PlainNumbers(Formatter):
        def __call__(self, value, position=None):
            return self.format_ticks([value])[0]

        def format_ticks(self, values):
            """Labels with as many digits as tell the ticks apart."""
            scaled = np.asarray(values, float) / 10.0**exponent
            steps = np.diff(np.unique(scaled))
            step = steps.min() if steps.size else np.abs(scaled).max(initial=0.0) or 1.0
            digits = min(max(0, -math.floor(math.log10(step) + 1e-6)), 12) if step > 0 else 0
            if not np.allclose(np.round(scaled, digits), scaled, rtol=0, atol=0.05 * step):
                digits += 1
            return [self.fix_minus(f"{value:.{digits}f}") for value in scaled]

    axis.set_major_locator(MaxNLocator(ticks, steps=[1, 2, 5, 10], prune="both" if ticks <= 4 else None))
    axis.set_major_formatter(PlainNumbers())


def frame_values(axis, values):
    """Limits of an axis about the finite values; a constant gets room, nothing at all gets no ticks."""
    values = values[np.isfinite(values)]
    if not values.size:
        axis.set_ticks([])
        return
    low, high = float(values.min()), float(values.max())
    # Less than a few units of the last digit is rounding, which no tick could label.
    least = 1e-9 * max(abs(low), abs(high)) or 1e-3
    if high - low < least:
        room = 0.05 * max(abs(low), abs(high)) or 0.5
    else:
        room = 0.06 * (high - low)
    getattr(axis.axes, f"set_{axis.axis_name}lim")(low - room, high + room)


def note(ax, text):
    """Say in words, in the middle of the axes, why there is nothing to see."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=GREY, parse_math=False, wrap=True)


def rasterize(n):
    """Whether so many points are drawn as pixels within vector files."""
    return n > _RASTER_POINTS


def marker_size(n):
    """Size of the dots of a series, in points: many are small."""
    return float(np.clip(9.0 / max(n, 1) ** 0.2, 1.2, 5.0))
