"""What in a light curve is the instrument: tilts, settling, and what it goes with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.inspect.light_curves import light_curve, systematic_columns
from nircam_tso.inspect.settling import Settling, find_settling, least_squares
from nircam_tso.inspect.tilts import find_tilts
from nircam_tso.inspect.values import check_names, column_values, elapsed_seconds, usable_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from astropy.timeseries import TimeSeries
    from numpy.typing import ArrayLike

__all__ = [
    "Detrended",
    "Settling",
    "Vectors",
    "decorrelation_vectors",
    "find_settling",
    "find_tilts",
    "linear_detrend",
]


@dataclass(frozen=True)
class Vectors:
    """
    What a light curve may go with, ready for a linear fit.

    Attributes
    ----------
    names : list of str
        A name for each column of the matrix.
    matrix : `~numpy.ndarray`, shape (n, k)
        The columns, centred and scaled; NaN where not known.
    centre, scale : `~numpy.ndarray`, shape (k,)
        What was subtracted, and by what it was then divided, in each column's unit.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from nircam_tso.inspect.systematics import decorrelation_vectors
    >>> vectors = decorrelation_vectors(Table({"x_gauss": [9.0, 10, 11]}))
    >>> vectors.matrix.shape, float(vectors.centre[0])
    ((3, 1), 10.0)
    """

    names: list
    matrix: np.ndarray
    centre: np.ndarray
    scale: np.ndarray


def decorrelation_vectors(
    ts: TimeSeries, names: Sequence[str] | None = None, *, trend: int = 0, rows: ArrayLike | None = None
) -> Vectors:
    """
    Columns of a product as vectors for a linear fit.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.
    names : sequence of str, optional
        Columns; by default centres, widths, sky and components, as
        `~nircam_tso.inspect.light_curves.systematic_columns` finds them.
    trend : int, optional
        Highest power of time to add: ``time``, ``time^2`` and so on.
    rows : array_like of bool, shape (n,), optional
        Rows that tell centre and scale.

    Returns
    -------
    Vectors
        Median 0 and standard deviation 1 over the good rows. Columns without any
        variation there are left out.

    Raises
    ------
    ValueError
        For a column that is not there, or a negative power.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from nircam_tso.inspect.systematics import decorrelation_vectors
    >>> vectors = decorrelation_vectors(Table({"x_gauss": [9.0, 10, 11], "fwhm": [2.0, 2, 2]}))
    >>> vectors.names, float(vectors.matrix[2, 0])
    (['x_gauss'], 1.224744871391589)
    """
    if isinstance(trend, bool) or trend != int(trend) or trend < 0:
        raise ValueError(f"trend: {trend!r} is not a power of time, 0 or more")
    names = systematic_columns(ts) if names is None else names
    check_names(ts, "names", names)
    columns = {name: column_values(ts, name) for name in names}
    if trend:
        seconds = elapsed_seconds(ts)
        # About the middle, so that the powers are hardly alike.
        seconds = seconds - (np.nanmax(seconds) / 2 if np.isfinite(seconds).any() else 0.0)
        columns |= {"time" if power == 1 else f"time^{power}": seconds**power for power in range(1, int(trend) + 1)}
    use = usable_rows(ts, rows=rows)
    kept, matrix, centre, scale = [], [], [], []
    for name, values in columns.items():
        known = values[use & np.isfinite(values)]
        spread = known.std() if known.size > 1 else 0.0
        if not spread > 1e-12 * max(abs(known).max(initial=0.0), 1e-300):
            continue
        kept.append(name)
        centre.append(np.median(known))
        scale.append(spread)
        matrix.append((values - centre[-1]) / spread)
    stacked = np.column_stack(matrix) if matrix else np.empty((len(ts), 0))
    return Vectors(kept, stacked, np.array(centre), np.array(scale))


@dataclass(frozen=True)
class Detrended:
    """
    A light curve without what it goes with.

    Attributes
    ----------
    flux, error : `~numpy.ndarray`, shape (n,)
        Light curve over the fitted model, about 1, and its 1 sigma; NaN where a vector is not
        known, or the flux.
    names : list of str
        ``"level"``, then the vectors.
    coefficients, errors : `~numpy.ndarray`, shape (1 + k,)
        Relative flux at the vectors' centres, and its change for one unit of each.
    covariance : `~numpy.ndarray`, shape (1 + k, 1 + k)
        Of the coefficients.
    chi2 : float
        Reduced chi-squared; 1 by construction where the light curve has no errors.
    n_rows : int
        Rows that were fitted.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.table import QTable
    >>> from nircam_tso.inspect.systematics import decorrelation_vectors, linear_detrend
    >>> rng = np.random.default_rng(1)
    >>> ts = QTable({"x_gauss": rng.normal(20, 0.01, 500), "aperture_sum_r3": rng.normal(1e5, 10, 500)})
    >>> result = linear_detrend(ts, decorrelation_vectors(ts))
    >>> result.names, result.n_rows, result.covariance.shape
    (['level', 'x_gauss'], 500, (2, 2))
    """

    flux: np.ndarray
    error: np.ndarray
    names: list
    coefficients: np.ndarray
    errors: np.ndarray
    covariance: np.ndarray
    chi2: float
    n_rows: int


def linear_detrend(
    ts: TimeSeries, vectors: Vectors | None = None, column: str | None = None, *, rows: ArrayLike | None = None
) -> Detrended:
    """
    Divide a light curve by its best linear combination of vectors.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.
    vectors : Vectors, optional
        From `decorrelation_vectors`, which makes them by default.
    column : str, optional
        Light curve of the product; by default the least scattered aperture sum.
    rows : array_like of bool, shape (n,), optional
        Rows to fit: those out of transit, or part of the transit is taken away.

    Returns
    -------
    Detrended
        Only rows that are `~nircam_tso.good` are fitted; all are divided.

    Raises
    ------
    ValueError
        For vectors of another product, vectors that depend on each other, or too few rows.

    Notes
    -----
    Least squares, weighted by the quoted errors where all are known. Without errors the covariance is
    scaled by the residuals.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.table import QTable
    >>> from nircam_tso.inspect.systematics import decorrelation_vectors, linear_detrend
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(20, 0.01, 500)
    >>> ts = QTable({"x_gauss": x, "aperture_sum_r3": 1e5 * (1 + 0.2 * (x - 20)) + rng.normal(0, 10, 500)})
    >>> result = linear_detrend(ts, decorrelation_vectors(ts))
    >>> bool(abs(result.flux.std() * 1e6 - 100) < 10)
    True
    """
    curve = light_curve(ts, column)
    vectors = decorrelation_vectors(ts, rows=rows) if vectors is None else vectors
    matrix = np.asarray(vectors.matrix, float)
    if matrix.shape != (len(ts), len(vectors.names)):
        raise ValueError(f"vectors: have {matrix.shape[0]} rows, ts has {len(ts)}; make them from the same product")
    flux = column_values(ts, curve.name)
    use = usable_rows(ts, curve.name, rows) & np.isfinite(matrix).all(axis=1)
    size = 1 + matrix.shape[1]
    if use.sum() <= size:
        raise ValueError(f"ts: {int(use.sum())} usable rows are too few to fit {size} coefficients")
    level = np.median(flux[use])
    if not level > 0:
        raise ValueError(f"column: {curve.name} has a median of {level:g}; a relative flux needs a positive one")
    flux = flux / level
    error = np.full(len(ts), np.nan) if curve.error is None else column_values(ts, curve.error) / level
    weighted = bool((np.isfinite(error[use]) & (error[use] > 0)).all())
    design = np.column_stack([np.ones(len(ts)), matrix])
    if np.linalg.matrix_rank(design[use]) < size:
        raise ValueError(f"vectors: {', '.join(vectors.names)} depend on each other; leave some out")
    sigma = error[use] if weighted else np.ones(int(use.sum()))
    values, covariance = least_squares(design[use], flux[use], sigma)
    chi2 = float((((flux[use] - design[use] @ values) / sigma) ** 2).sum() / (use.sum() - size))
    if not weighted:
        covariance, chi2 = covariance * chi2, 1.0
    model = design @ values
    model[~(model > 0)] = np.nan
    return Detrended(
        flux=flux / model,
        error=error / model,
        names=["level", *vectors.names],
        coefficients=values,
        errors=np.sqrt(np.diag(covariance)),
        covariance=covariance,
        chi2=chi2,
        n_rows=int(use.sum()),
    )
