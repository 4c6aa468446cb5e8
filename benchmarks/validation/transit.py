"""A transit of known shape fitted to a light curve: its depth and its middle."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from nircam_tso.simulate import transit_light_curve

__all__ = ["PLANET", "TransitFit", "fit_transit"]

#: The shape of every transit: all of `~nircam_tso.simulate.transit_light_curve` but depth and middle.
PLANET = {"period": 0.813475, "a_rs": 4.87, "inclination": 82.1, "limb_darkening": (0.3, 0.2)}
# Of the depth and of the middle, relative to the first guess and to the span of the times.
_DIFFERENCE = 1e-4
# About the size of what is found in level, slope, depth, middle and step.
_SCALE = np.array([1.0, 1e-3, 1.0, 0.01, 1e-3])


@dataclass(frozen=True)
class TransitFit:
    """
    What a fit found.

    Attributes
    ----------
    depth, depth_err : float
        Area ratio of planet and star, and its 1 sigma.
    middle, middle_err : float
        Middle of the transit, on the clock of the times that were given, days.
    step : float
        Relative height of the step, 0 where none was fitted.
    chi2 : float
        Reduced chi-squared.
    curve : `~numpy.ndarray`, shape (n,)
        The fitted light curve; NaN where the measured one is not finite.
    """

    depth: float
    depth_err: float
    middle: float
    middle_err: float
    step: float
    chi2: float
    curve: np.ndarray


def fit_transit(days, flux, errors, *, depth=0.01, middle=0.0, step=None):
    """
    Fit depth, middle and a sloping baseline by least squares.

    Parameters
    ----------
    days : `~numpy.ndarray`, shape (n,)
        Times.
    flux, errors : `~numpy.ndarray`, shape (n,)
        Light curve and its 1 sigma, in any one unit.
    depth, middle : float, optional
        Where the fit starts.
    step : `~numpy.ndarray`, shape (n,), optional
        Part of each row that lies behind an event of unknown effect: 0, 1 or between.

    Returns
    -------
    TransitFit

    Raises
    ------
    ValueError
        If fewer rows are finite than there are parameters, or the fit does not converge.

    Notes
    -----
    The model is ``level (1 + slope t + height step) transit(t)``. The errors are those of
    the inverse of ``J^T J``, J being the derivatives over the errors that were given: they
    are taken at their word, and not scaled by the fit.

    Examples
    --------
    >>> import numpy as np
    >>> from benchmarks.validation.transit import PLANET, fit_transit
    >>> from nircam_tso.simulate import transit_light_curve
    >>> days = np.linspace(-0.08, 0.08, 81)
    >>> flux = 5e4 * transit_light_curve(days, t0=0.003, depth=0.012, **PLANET)
    >>> fit = fit_transit(days, flux, np.full(81, 50.0))
    >>> round(fit.depth, 9), round(fit.middle, 9)
    (0.012, 0.003)
    """
    good = np.isfinite(flux) & np.isfinite(errors)
    days, flux, errors = (np.asarray(values, dtype=np.float64)[good] for values in (days, flux, errors))
    step = np.zeros(len(days)) if step is None else np.asarray(step, dtype=np.float64)[good]
    n_free = 4 + bool(step.any())
    if len(days) <= n_free:
        raise ValueError(f"flux: {len(days)} finite rows are too few for {n_free} parameters")
    level, span = np.median(flux), np.ptp(days)
    along = (days - days.mean()) / span

    def shape(area, when):
        # A step of the search may lead to a planet that is none.
        return transit_light_curve(days, t0=middle + when * span, depth=max(area * depth, 1e-12), **PLANET)

    def baseline(parameters):
        height = parameters[4] if n_free == 5 else 0.0
        return 1 + parameters[1] * along + height * step

    def residuals(parameters):
        return (level * parameters[0] * baseline(parameters) * shape(*parameters[2:4]) - flux) / errors

    def derivatives(parameters):
        scale, rest = level * parameters[0], baseline(parameters)
        transit = shape(*parameters[2:4])
        columns = [level * rest * transit, scale * along * transit]
        for way in np.eye(2) * _DIFFERENCE:
            ahead, behind = shape(*(parameters[2:4] + way)), shape(*(parameters[2:4] - way))
            columns.append(scale * rest * (ahead - behind) / (2 * _DIFFERENCE))
        if n_free == 5:
            columns.append(scale * step * transit)
        return np.stack(columns, axis=1) / errors[:, None]

    start = np.zeros(n_free)
    start[[0, 2]] = 1.0
    found = least_squares(residuals, start, jac=derivatives, method="lm", x_scale=_SCALE[:n_free])
    if not found.success:
        raise ValueError(f"flux: the fit does not converge ({found.message})")
    covariance = np.linalg.inv(found.jac.T @ found.jac)
    sigma = np.sqrt(np.diag(covariance))
    curve = np.full(len(good), np.nan)
    curve[good] = flux + found.fun * errors
    return TransitFit(
        depth=float(found.x[2] * depth),
        depth_err=float(sigma[2] * depth),
        middle=float(middle + found.x[3] * span),
        middle_err=float(sigma[3] * span),
        step=float(found.x[4]) if n_free == 5 else 0.0,
        chi2=float(2 * found.cost / (len(days) - n_free)),
        curve=curve,
    )
