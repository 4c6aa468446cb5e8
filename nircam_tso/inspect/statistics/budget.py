"""Where the noise comes from: the scatter against its known parts, and what the flux goes with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.inspect.light_curves import light_curve, light_curves, systematic_columns
from nircam_tso.inspect.statistics.noise import relative_flux, scatter
from nircam_tso.inspect.values import check_names, column_values, usable_rows
from nircam_tso.io.provenance import recorded_settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from astropy.table import QTable
    from astropy.timeseries import TimeSeries
    from numpy.typing import ArrayLike

__all__ = ["correlation", "photon_noise", "summary"]


def photon_noise(ts: TimeSeries, column: str | None = None, *, rows: ArrayLike | None = None) -> float:
    """
    Least possible scatter of a light curve: that of the star's own photons.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.
    column : str, optional
        Light curve of the product; by default the least scattered aperture sum.
    rows : array_like of bool, shape (n,), optional
        Rows to take.

    Returns
    -------
    float
        ppm: 1e6 / sqrt(N), with N the median number of electrons. They are known for
        sums in electrons, and for sums in DN or DN/s where the product was extracted with a
        ``gain``; else the part "photon" of ``meta["noise_budget"]`` is told, or NaN.

    Raises
    ------
    ValueError
        For a column that is not there.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astropy.table import QTable
    >>> from nircam_tso.inspect.statistics import photon_noise
    >>> photon_noise(QTable({"aperture_sum_r3": [1e6, 1e6, 1e6] * u.electron}))
    1000.0
    """
    curve = light_curve(ts, column)
    told = _budget(ts).get(_key(curve), {}).get("photon")
    if told is not None:
        return float(told)
    electrons = _electrons(ts, curve.name)
    electrons = electrons[usable_rows(ts, curve.name, rows)]
    electrons = electrons[np.isfinite(electrons)]
    level = np.median(electrons) if electrons.size else np.nan
    return float(1e6 / np.sqrt(level)) if level > 0 else float("nan")


def _electrons(ts, name):
    """The flux in electrons; NaN where that is not known."""
    from astropy import units as u

    flux = column_values(ts, name)
    unit = getattr(ts[name], "unit", None)
    if unit == u.electron:
        return flux
    gain = recorded_settings(ts).get("gain")
    if unit is None or gain is None:
        return np.full(len(flux), np.nan)
    for count in (u.DN, u.adu, u.count):
        if unit == count:
            return flux * gain
        if unit == count / u.s and "exposure_time" in ts.colnames:
            return flux * gain * column_values(ts, "exposure_time")
    return np.full(len(flux), np.nan)


def _budget(ts):
    """Parts of the quoted errors as the extractor left them: label to part to ppm."""
    return json.loads(ts.meta["noise_budget"]) if ts.meta.get("noise_budget") else {}


def _key(curve):
    return curve.label if curve.star == 1 else f"{curve.label}_star{curve.star}"


def _background(ts, curve, use):
    """Share of the sky level's error in ppm: a sum over the area has it area times."""
    if curve.area is None or "background_err" not in ts.colnames:
        return np.nan
    flux_unit, sky_unit = (getattr(ts[name], "unit", None) for name in (curve.name, "background_err"))
    factor = ts.meta.get("flux_factor", 1.0 if flux_unit == sky_unit else None)
    if not isinstance(factor, int | float):
        return np.nan
    parts = column_values(ts, "background_err") * column_values(ts, curve.area) * factor
    parts = (parts / column_values(ts, curve.name))[use]
    parts = parts[np.isfinite(parts)]
    return float(np.median(parts) * 1e6) if parts.size else np.nan


def summary(ts: TimeSeries, *, rows: ArrayLike | None = None) -> QTable:
    """
    Scatter of every light curve against its quoted error, and the parts of that.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.
    rows : array_like of bool, shape (n,), optional
        Rows to take.

    Returns
    -------
    `~astropy.table.QTable`
        A row per light curve: ``column``, ``flux`` (median, where all light curves are
        of one unit), ``scatter`` (point to point) and ``scatter_err``, ``quoted`` (median error), ``ratio`` of these
        two, ``photon`` (see `photon_noise`), ``background`` (error of the sky level times the
        area), any other part in ``meta["noise_budget"]``, and ``best`` for the least
        scattered aperture of each star. Noise is in ppm of the flux, NaN where unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy import units as u
    >>> from astropy.table import QTable
    >>> from nircam_tso.inspect.statistics import summary
    >>> flux = np.random.default_rng(1).normal(1e6, 1500, 999) * u.electron
    >>> table = summary(QTable({"aperture_sum_r3": flux, "aperture_sum_err_r3": np.full(999, 1400) * u.electron}))
    >>> round(table["photon"][0]), round(table["quoted"][0])
    (1000, 1400)
    """
    from astropy.table import QTable

    curves = light_curves(ts)
    budget = _budget(ts)
    result: dict[str, list[Any]] = {
        name: [] for name in ("column", "flux", "scatter", "scatter_err", "quoted", "ratio")
    }
    parts = list(dict.fromkeys(["photon", "background", *(part for known in budget.values() for part in known)]))
    result |= {name: [] for name in parts}
    for curve in curves:
        use = usable_rows(ts, curve.name, rows)
        flux = column_values(ts, curve.name)[use]
        level = np.median(flux) if flux.size else np.nan
        found = scatter(ts, curve.name, rows=rows)
        error = np.array([]) if curve.error is None else column_values(ts, curve.error)[use]
        error = error[np.isfinite(error)]
        quoted = np.median(error) / level * 1e6 if error.size and level > 0 else np.nan
        numbers = (curve.name, level, found.ppm, found.error_ppm, quoted, found.ppm / quoted if quoted > 0 else np.nan)
        for name, number in zip(("column", "flux", "scatter", "scatter_err", "quoted", "ratio"), numbers, strict=True):
            result[name].append(number)
        own = {"photon": photon_noise(ts, curve.name, rows=rows), "background": _background(ts, curve, use)}
        own |= budget.get(_key(curve), {})
        for part in parts:
            result[part].append(own.get(part, np.nan))
    table = QTable(
        {name: np.array(values, dtype=str if name == "column" else float) for name, values in result.items()}
    )
    units = {getattr(ts[curve.name], "unit", None) for curve in curves}
    if len(units) == 1 and (unit := units.pop()) is not None:
        table["flux"] = table["flux"] << unit
    table["best"] = _best(curves, table["scatter"])
    return table


def _best(curves, ppm):
    best = np.zeros(len(curves), bool)
    for star in {curve.star for curve in curves}:
        own = [i for i, curve in enumerate(curves) if curve.star == star and curve.label != "psf"]
        own = [i for i in own if np.isfinite(ppm[i])]
        if own:
            best[min(own, key=lambda i: ppm[i])] = True
    return best


def correlation(
    ts: TimeSeries, column: str | None = None, *, against: Sequence[str] | None = None, rows: ArrayLike | None = None
) -> QTable:
    """
    How a light curve goes with the star's place and shape, and with the sky.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.
    column : str, optional
        Light curve of the product; by default the least scattered aperture sum.
    against : sequence of str, optional
        Columns; by default centres, widths, background and components, as
        `~nircam_tso.inspect.light_curves.systematic_columns` finds them.
    rows : array_like of bool, shape (n,), optional
        Rows to take. A transit goes with whatever drifts: give those out of it.

    Returns
    -------
    `~astropy.table.QTable`
        A row per column: ``column``, ``pearson`` and ``spearman`` (coefficients of
        values and of ranks), ``p_value`` (of the latter, for independent rows),
        ``effect`` in ppm (change of the flux for one standard deviation of the column),
        ``n``. The strongest first.

    Raises
    ------
    ValueError
        For a column that is not there.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.table import QTable
    >>> from nircam_tso.inspect.statistics import correlation
    >>> x = np.random.default_rng(1).normal(0, 0.01, 500)
    >>> table = correlation(QTable({"aperture_sum_r3": 1e4 * (1 + 0.02 * x), "x_gauss": x}))
    >>> table["column"].tolist(), round(float(table["pearson"][0]), 6)
    (['x_gauss'], 1.0)
    """
    from astropy.table import QTable
    from scipy.stats import spearmanr

    curve = light_curve(ts, column)
    flux = np.full(len(ts), np.nan)
    values, use = relative_flux(ts, curve.name, rows)
    flux[use] = values
    against = systematic_columns(ts) if against is None else against
    check_names(ts, "against", against)
    found = []
    for name in against:
        other = column_values(ts, name)
        both = np.isfinite(flux) & np.isfinite(other)
        f, o = flux[both], other[both]
        if f.size < 3 or np.ptp(f) == 0 or np.ptp(o) == 0:
            found.append((name, np.nan, np.nan, np.nan, np.nan, f.size))
            continue
        pearson = np.mean((f - f.mean()) * (o - o.mean())) / (f.std() * o.std())
        rank = spearmanr(f, o)
        found.append((name, pearson, rank.statistic, rank.pvalue, pearson * f.std() * 1e6, f.size))
    found.sort(key=lambda row: -abs(row[2]) if np.isfinite(row[2]) else 1.0)
    names = ("column", "pearson", "spearman", "p_value", "effect", "n")
    kinds = (str, float, float, float, float, int)
    return QTable({name: np.array([row[i] for row in found], kinds[i]) for i, name in enumerate(names)})
