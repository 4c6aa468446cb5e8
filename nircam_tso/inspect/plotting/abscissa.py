"""Where the rows of a product stand along an axis: by time, or by their numbers."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Abscissa", "abscissa"]


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
