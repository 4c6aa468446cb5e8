"""The numbers that the page holds: light curves, columns, flags and times of every row."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nircam_tso.inspect.light_curves import light_curve, light_curves, systematic_columns
from nircam_tso.inspect.values import column_values, elapsed_seconds, known_values, usable_rows
from nircam_tso.quality import QualityFlag

__all__ = ["Curve", "Series"]

#: Panels under the light curve; more would not fit a screen.
_MOST_PANELS = 6
#: Columns of the scatter matrix, the light curve among them.
_MOST_MATRIX = 5


@dataclass(frozen=True)
class Curve:
    """
    One light curve as the page shows it.

    Attributes
    ----------
    column, text : str
        Its column, and how the page calls it.
    values, errors : `~numpy.ndarray` of float32, shape (n,)
        (flux / median - 1) in ppm and its 1 sigma, where ``relative``; else the flux as it is. Errors
        that are not known are NaN.
    relative : bool
        Whether there is a positive median.
    level : float
        The median of the good rows, in ``unit``.
    unit : str
        Unit of the flux.
    """

    column: str
    text: str
    values: np.ndarray
    errors: np.ndarray
    relative: bool
    level: float
    unit: str


class Series:
    """
    A product as arrays for the page.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.

    Raises
    ------
    ValueError
        For a product without rows, times or light curves.
    """

    def __init__(self, ts):
        if len(ts) == 0:
            raise ValueError("ts: has no rows; there is nothing to report")
        if "time" not in ts.colnames:
            raise ValueError(f"ts: has no column 'time' (it has {', '.join(ts.colnames)}); hand over the whole product")
        self.ts = ts
        self.first = light_curve(ts).name

    @cached_property
    def curves(self):
        """Every light curve, in the order of the columns."""
        return [_curve(self.ts, found) for found in light_curves(self.ts)]

    @property
    def chosen(self):
        """Number of the light curve that is shown first: the least scattered."""
        return [curve.column for curve in self.curves].index(self.first)

    @cached_property
    def panels(self):
        """Columns under the light curve: centres, widths and sky that vary; several may be hidden."""
        return sorted(systematic_columns(self.ts), key=_place)[:_MOST_PANELS]

    @cached_property
    def columns(self):
        """Columns besides light curves that the scatter matrix may show: numbers that vary."""
        names = []
        fluxes = {curve.column for curve in self.curves}
        for name in self.ts.colnames:
            column = self.ts[name]
            kind = np.asarray(getattr(column, "value", column)).dtype.kind if not _is_time(column) else "O"
            if kind not in "fiu" or name in fluxes or _is_told_elsewhere(name):
                continue
            values = known_values(self.ts, name)
            if name in self.panels or (values.size and np.ptp(values) > 0):
                names.append(name)
        return names

    @property
    def matrix(self):
        """Columns beside the light curve that the scatter matrix shows first."""
        return self.panels[: _MOST_MATRIX - 1]

    @cached_property
    def seconds(self):
        """Seconds since the first known time, NaN where unknown, shape (n,)."""
        if "time" not in self.ts.colnames or not _is_time(self.ts["time"]):
            return np.full(len(self.ts), np.nan)
        return elapsed_seconds(self.ts)

    @property
    def span(self):
        """Seconds from the first to the last known time, NaN where no time is known."""
        return float(np.nanmax(self.seconds)) if np.isfinite(self.seconds).any() else float("nan")

    @property
    def time_unit(self):
        """Unit of the time axis, and its seconds: one in which the numbers are short."""
        for name, seconds in (("hours", 3600), ("minutes", 60)):
            if self.span >= 2 * seconds:
                return name, seconds
        return "seconds", 1

    @property
    def start(self):
        """The first known time in words, empty where none is known."""
        if not np.isfinite(self.span):
            return ""
        time = self.ts["time"]
        first = getattr(time, "unmasked", time)[int(np.nanargmin(self.seconds))]
        return f"{str(first.isot)[:19].replace('T', ' ')} {time.scale.upper()}"

    @cached_property
    def quality(self):
        """Quality bits of the rows, uint32, shape (n,)."""
        if "quality" not in self.ts.colnames:
            return np.zeros(len(self.ts), np.uint32)
        return np.asarray(self.ts["quality"]).astype(np.uint32)

    @property
    def flags(self):
        """The flags that occur: name, bit, number of rows, and whether a row with it is used at first."""
        warns = QualityFlag.warning()
        if self.ts.meta.get("saturation_varies"):
            warns |= QualityFlag.SATURATED
        counts = [(flag, int(np.count_nonzero(self.quality & np.uint32(flag)))) for flag in QualityFlag]
        return [
            {"name": flag.name, "bit": int(flag), "count": count, "used": not flag & warns}
            for flag, count in counts
            if count
        ]

    @property
    def label(self):
        """What a row is, for each row: its integration as in the header, else the row's number."""
        name = "integration" if "integration" in self.ts.colnames else None
        return np.arange(len(self.ts), dtype=np.int32) if name is None else np.asarray(self.ts[name]).astype(np.int32)

    def unit(self, name):
        """Unit of a column in words, empty where it has none."""
        return _unit(self.ts[name])

    def values(self, name):
        """A column's float32 differences from its median (for precision), and that median."""
        values = column_values(self.ts, name)
        known = values[np.isfinite(values)]
        middle = float(np.median(known)) if known.size else 0.0
        return (values - middle).astype(np.float32), middle


def _is_time(column):
    return hasattr(column, "isot")


def _place(name):
    """Centres, then widths, then the sky, then the rest; the sort keeps the order within each."""
    if name.startswith(("x_", "y_")) and not name.endswith(("stddev", "fwhm")):
        return 0
    if name.endswith(("stddev", "fwhm")):
        return 1
    return 2 if name == "background" else 3


def _is_told_elsewhere(name):
    skipped = ("aperture_sum_err_", "aperture_area_", "psf_flux_err")
    return name in ("quality", "source", "exposure") or name.startswith(skipped) or "_err" in name


def _unit(column):
    unit = getattr(column, "unit", None)
    return "" if unit is None else str(unit)


def _curve(ts, found):
    flux = column_values(ts, found.name)
    error = np.full(len(flux), np.nan) if found.error is None else column_values(ts, found.error)
    used = flux[usable_rows(ts, found.name)]
    level = float(np.median(used)) if used.size else float("nan")
    relative = level > 0
    if relative:
        flux, error = (flux / level - 1) * 1e6, error / level * 1e6
    # Seven digits of parts per million are more than any detector has, in half the room.
    with np.errstate(over="ignore"):
        flux, error = flux.astype(np.float32), error.astype(np.float32)
    return Curve(found.name, _text(found), flux, error, relative, level, _unit(ts[found.name]))


def _text(found):
    if found.label == "psf":
        text = "PSF-weighted"
    elif found.in_widths:
        text = f"r = {found.radius:g} FWHM"
    elif found.radius is not None:
        text = f"r = {found.radius:g} pix"
    else:
        text = f"mask {found.label}"
    return text if found.star == 1 else f"{text}, star {found.star}"
