"""Which aperture gives the quietest light curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.inspect.light_curves import light_curves
from nircam_tso.inspect.statistics.noise import scatter
from nircam_tso.inspect.values import column_values, usable_rows

if TYPE_CHECKING:
    from typing import Literal

    from astropy.timeseries import TimeSeries
    from numpy.typing import ArrayLike

__all__ = ["BestAperture", "best_aperture"]


@dataclass(frozen=True)
class BestAperture:
    """
    The quietest aperture, and all that were compared, by radius.

    Attributes
    ----------
    name : str
        Column of the quietest.
    radius : float
        Its radius; NaN for a mask.
    names : list of str
        Columns of all.
    radii : `~numpy.ndarray`, shape (k,)
        Their radii in pixels, or in widths where ``in_widths``; NaN for masks.
    in_widths : list of bool
        Which radii count widths of the star.
    ppm, error_ppm, quoted_ppm : `~numpy.ndarray`, shape (k,)
        Scatter, its 1 sigma, and the median quoted error.
    flux : `~numpy.ndarray`, shape (k,)
        Median flux, in the column's unit.
    growth : `~numpy.ndarray`, shape (k,)
        The same over that of the aperture with most light: the growth curve.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.table import QTable
    >>> from nircam_tso.inspect.statistics import best_aperture
    >>> rng = np.random.default_rng(1)
    >>> found = best_aperture(QTable({f"aperture_sum_r{r}": rng.normal(r * 1e3, 50, 300) for r in (3, 5, 8)}))
    >>> found.name, found.radii
    ('aperture_sum_r8', array([3., 5., 8.]))
    """

    name: str
    radius: float
    names: list
    radii: np.ndarray
    in_widths: list
    ppm: np.ndarray
    error_ppm: np.ndarray
    quoted_ppm: np.ndarray
    flux: np.ndarray
    growth: np.ndarray


def best_aperture(
    ts: TimeSeries,
    *,
    method: Literal["point-to-point", "mad", "std"] = "point-to-point",
    rows: ArrayLike | None = None,
    star: int = 1,
) -> BestAperture:
    """
    Find the aperture with the smallest scatter.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.
    method : {"point-to-point", "mad", "std"}, optional
        How scatter is measured. Differences of neighbours do not see a transit; for the
        others give ``rows``.
    rows : array_like of bool, shape (n,), optional
        Rows to take, for instance those out of transit.
    star : int, optional
        Number of the star.

    Returns
    -------
    BestAperture
        Of equal ones the smallest is best.

    Raises
    ------
    ValueError
        If the star has no aperture sum with three good rows of positive flux.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.table import QTable
    >>> from nircam_tso.inspect.statistics import best_aperture
    >>> rng = np.random.default_rng(1)
    >>> ts = QTable({f"aperture_sum_r{r}": rng.normal(1e4, noise, 300) for r, noise in ((3, 90), (5, 60), (8, 95))})
    >>> best_aperture(ts).radius
    5.0
    """
    curves = light_curves(ts, star=star, psf=False)
    curves.sort(key=lambda curve: (curve.radius is None, curve.in_widths, curve.radius or 0.0))
    found = [scatter(ts, curve.name, method=method, rows=rows) for curve in curves]
    ppm = np.array([one.ppm for one in found])
    if not np.isfinite(ppm).any():
        raise ValueError(f"ts: star {star} has no aperture_sum with three good rows of positive flux")
    flux = np.array([_median(ts, curve.name, curve.name, rows) for curve in curves])
    quoted = np.array(
        [np.nan if curve.error is None else _median(ts, curve.error, curve.name, rows) for curve in curves]
    )
    best = int(np.nanargmin(ppm))
    radii = np.array([np.nan if curve.radius is None else curve.radius for curve in curves])
    return BestAperture(
        name=curves[best].name,
        radius=float(radii[best]),
        names=[curve.name for curve in curves],
        radii=radii,
        in_widths=[curve.in_widths for curve in curves],
        ppm=ppm,
        error_ppm=np.array([one.error_ppm for one in found]),
        quoted_ppm=quoted / flux * 1e6,
        flux=flux,
        growth=flux / np.nanmax(flux),
    )


def _median(ts, name, owner, rows):
    values = column_values(ts, name)[usable_rows(ts, owner, rows)]
    values = values[np.isfinite(values)]
    return float(np.median(values)) if values.size else float("nan")
