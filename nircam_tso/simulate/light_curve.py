"""Light curves of a planet that crosses its star, or goes behind it.

The star is a disc of radius 1 with the planet's centre a distance z from its
own. A uniform disc has a closed form; a limb-darkened one is summed over rings
of the star, each weighted by its brightness and the part of it that is covered.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from astropy.time import Time

if TYPE_CHECKING:
    from astropy.units import Quantity
    from numpy.typing import ArrayLike

__all__ = ["eclipse_light_curve", "occulted_flux", "projected_separation", "transit_light_curve"]

# Gauss-Legendre nodes over the covered rings. The integrand is analytic after the
# substitution below except within a hair's breadth of the contacts, and there the
# covered area is itself small: 96 nodes leave 3e-9 at worst (grazing planets, rp up to 0.5).
_NODES = 96


@cache
def _quadrature():
    """Nodes and weights, which every visit asks for."""
    return np.polynomial.legendre.leggauss(_NODES)


def _uniform_disc(z, rp):
    """Covered fraction of a uniform disc, Mandel & Agol (2002), equation 1."""
    fraction = np.zeros(z.shape)
    partial = (z < 1 + rp) & (z > abs(1 - rp))
    d = z[partial]
    # Half-angles of the lens as seen from the planet and from the star; the clip
    # only removes rounding at the contacts.
    at_planet = np.arccos(np.clip((rp**2 + d**2 - 1) / (2 * d * rp), -1, 1))
    at_star = np.arccos(np.clip((1 - rp**2 + d**2) / (2 * d), -1, 1))
    kite = np.sqrt(np.clip(4 * d**2 - (1 + d**2 - rp**2) ** 2, 0, None))
    fraction[partial] = (rp**2 * at_planet + at_star - kite / 2) / np.pi
    fraction[z <= 1 - rp] = rp**2
    fraction[z <= rp - 1] = 1
    return fraction


def _core_brightness(radius, u1, u2):
    """Light within a radius of a quadratically darkened disc, in units where a uniform one has pi."""
    mu = np.sqrt(np.clip(1 - radius**2, 0, None))
    # Integral of I(mu) 2 pi r dr with r dr = -mu dmu.
    return 2 * np.pi * ((1 - u1 - u2) * (1 - mu**2) / 2 + (u1 + 2 * u2) * (1 - mu**3) / 3 - u2 * (1 - mu**4) / 4)


def _darkened_disc(z, rp, u1, u2):
    """Covered light over total light, by integration over rings."""
    covered = np.zeros(z.shape)
    # Rings wholly under the planet form a core, which has a closed form.
    core = np.clip(rp - z, 0, 1)
    covered += _core_brightness(core, u1, u2)

    touched = (z < 1 + rp) & (z + rp > 0) & (np.abs(z - rp) < 1) & (z > 0)
    d = z[touched][:, None]
    lower, upper = np.abs(d - rp), np.minimum(d + rp, 1)
    nodes, weights = _quadrature()
    # r = middle - half cos(t) takes away the square-root ends of the integrand.
    t = np.pi / 2 * (nodes + 1)
    r = (lower + upper) / 2 - (upper - lower) / 2 * np.cos(t)
    dr = (upper - lower) / 2 * np.sin(t) * np.pi / 2 * weights
    half_angle = np.arccos(np.clip((d**2 + r**2 - rp**2) / (2 * d * r), -1, 1))
    one_minus_mu = 1 - np.sqrt(np.clip(1 - r**2, 0, None))
    brightness = 1 - u1 * one_minus_mu - u2 * one_minus_mu**2
    covered[touched] += (brightness * 2 * half_angle * r * dr).sum(axis=1)
    return covered / _core_brightness(1.0, u1, u2)


def occulted_flux(z: ArrayLike, rp: float, limb_darkening: tuple[float, float] | None = None) -> np.ndarray:
    """
    Relative flux of a star behind a dark disc.

    Parameters
    ----------
    z : array_like
        Distance of the two centres in stellar radii, at least 0.
    rp : float
        Radius of the dark disc in stellar radii.
    limb_darkening : tuple of float (u1, u2), optional
        Quadratic law, I(mu) / I(1) = 1 - u1 (1 - mu) - u2 (1 - mu)**2; None is a
        uniform disc.

    Returns
    -------
    `~numpy.ndarray` of float64
        Flux relative to the star's own, of the shape of ``z``.

    Raises
    ------
    ValueError
        For a radius that is not positive, or a law that goes negative or brightens
        towards the limb.

    Notes
    -----
    The uniform disc is exact (Mandel & Agol 2002, ApJ 580, L171, equation 1). The
    darkened one is the same integral over rings, good to 1e-8.

    Examples
    --------
    >>> from nircam_tso.simulate import occulted_flux
    >>> occulted_flux([0.0, 0.95, 1.2], 0.1).round(6)
    array([0.99    , 0.992027, 1.      ])
    """
    if not (np.isfinite(rp) and rp > 0):
        raise ValueError(f"rp: {rp} is no radius; give a positive number of stellar radii")
    z = np.asarray(z, dtype=np.float64)
    flat = z.reshape(-1)
    if limb_darkening is None:
        return (1 - _uniform_disc(flat, rp)).reshape(z.shape)
    u1, u2 = (float(value) for value in limb_darkening)
    if not (u1 + u2 <= 1 and u1 >= 0 and u1 + 2 * u2 >= 0):
        raise ValueError(
            f"limb_darkening: ({u1:g}, {u2:g}) is not a law that darkens to no less than 0; "
            "it needs u1 >= 0, u1 + 2 u2 >= 0, u1 + u2 <= 1"
        )
    return (1 - _darkened_disc(flat, rp, u1, u2)).reshape(z.shape)


def _days_since(time, t0):
    """Days from t0 to each time, both Time (counted in TDB), Quantity or plain days."""
    if isinstance(time, Time) != isinstance(t0, Time):
        raise TypeError("time, t0: give both as Time or neither")
    if isinstance(time, Time):
        return (time.tdb - t0.tdb).to_value(u.day)
    return u.Quantity(time, u.day).value - u.Quantity(t0, u.day).value


def projected_separation(
    time: ArrayLike | Quantity | Time,
    *,
    t0: float | Quantity | Time,
    period: float | Quantity,
    a_rs: float,
    inclination: float | Quantity,
) -> tuple[np.ndarray, np.ndarray]:
    """
    Distance of planet and star on the sky, on a circular orbit.

    Parameters
    ----------
    time : array_like, `~astropy.units.Quantity` or `~astropy.time.Time`
        Times; plain numbers are days.
    t0 : float, `~astropy.units.Quantity` or `~astropy.time.Time`
        Middle of a transit, on the same clock.
    period : float or `~astropy.units.Quantity`
        Orbital period, days.
    a_rs : float
        Radius of the orbit in stellar radii.
    inclination : float or `~astropy.units.Quantity`
        Inclination, degrees; 90 is edge-on.

    Returns
    -------
    separation : `~numpy.ndarray` of float64
        In stellar radii.
    in_front : `~numpy.ndarray` of bool
        True where the planet is on our side of the star.

    Raises
    ------
    ValueError
        For a period that is not positive, an orbit within the star, or an inclination
        outside 0 to 180 degrees.

    Examples
    --------
    >>> from nircam_tso.simulate import projected_separation
    >>> separation, in_front = projected_separation([0.0, 1.5], t0=0, period=3.0, a_rs=12.0, inclination=90.0)
    >>> separation.round(6), in_front
    (array([0., 0.]), array([ True, False]))
    """
    period = float(u.Quantity(period, u.day).value)
    degrees = float(u.Quantity(inclination, u.deg).value)
    if not (np.isfinite(period) and period > 0):
        raise ValueError(f"period: {period} d is no period; give a positive one")
    if not (np.isfinite(a_rs) and a_rs > 1):
        raise ValueError(f"a_rs: {a_rs} puts the orbit within the star; give more than 1 stellar radius")
    if not 0 <= degrees <= 180:
        raise ValueError(f"inclination: {degrees} deg is not within 0 to 180")
    phase = 2 * np.pi * np.asarray(_days_since(time, t0)) / period
    # Written as a sum of squares, which keeps its digits at conjunction.
    separation = a_rs * np.hypot(np.sin(phase), np.cos(np.deg2rad(degrees)) * np.cos(phase))
    return separation, np.cos(phase) > 0


def _radius(rp, depth):
    """The planet's radius, given as such or by its area."""
    if (rp is None) == (depth is None):
        raise ValueError(f"rp, depth: give one of them (rp={rp}, depth={depth})")
    if rp is not None:
        return rp
    if not (np.isfinite(depth) and depth > 0):
        raise ValueError(f"depth: {depth} is no depth; give a positive fraction")
    return np.sqrt(depth)


def transit_light_curve(
    time: ArrayLike | Quantity | Time,
    *,
    t0: float | Quantity | Time,
    period: float | Quantity,
    a_rs: float,
    inclination: float | Quantity,
    rp: float | None = None,
    depth: float | None = None,
    limb_darkening: tuple[float, float] | None = None,
) -> np.ndarray:
    """
    Relative flux of a star that a planet on a circular orbit crosses.

    Parameters
    ----------
    time : array_like, `~astropy.units.Quantity` or `~astropy.time.Time`
        Times; plain numbers are days.
    t0 : float, `~astropy.units.Quantity` or `~astropy.time.Time`
        Middle of a transit, on the same clock as ``time``.
    period : float or `~astropy.units.Quantity`
        Orbital period, days.
    a_rs : float
        Radius of the orbit in stellar radii.
    inclination : float or `~astropy.units.Quantity`
        Inclination, degrees; 90 is edge-on.
    rp : float, optional
        Radius of the planet in stellar radii.
    depth : float, optional
        Instead of ``rp``: the area ratio ``rp**2``, which is the depth in front of a
        uniform disc (limb darkening makes the middle deeper).
    limb_darkening : tuple of float (u1, u2), optional
        Quadratic law; None is a uniform disc.

    Returns
    -------
    `~numpy.ndarray` of float64
        1 outside the transit, of the shape of ``time``.

    Raises
    ------
    TypeError
        If only one of ``time`` and ``t0`` is a Time.
    ValueError
        If not exactly one of ``rp`` and ``depth`` is given, or for values that make no
        orbit; see `occulted_flux` and `projected_separation`.

    See Also
    --------
    occulted_flux : The flux from the distance of the centres, with the formula's source.

    Examples
    --------
    >>> from nircam_tso.simulate import transit_light_curve
    >>> transit_light_curve([-0.1, -0.04, 0.0], t0=0, period=3.07, a_rs=12.6, inclination=89.0, depth=0.0294).round(5)
    array([1.     , 0.99148, 0.9706 ])
    """
    rp = _radius(rp, depth)
    separation, in_front = projected_separation(time, t0=t0, period=period, a_rs=a_rs, inclination=inclination)
    return np.where(in_front, occulted_flux(separation, rp, limb_darkening), 1.0)


def eclipse_light_curve(
    time: ArrayLike | Quantity | Time,
    *,
    t0: float | Quantity | Time,
    period: float | Quantity,
    a_rs: float,
    inclination: float | Quantity,
    planet_flux: float,
    rp: float | None = None,
    depth: float | None = None,
) -> np.ndarray:
    """
    Relative flux of a star and a planet on a circular orbit that goes behind it.

    Parameters
    ----------
    time, t0, period, a_rs, inclination
        As in `transit_light_curve`: ``t0`` is the middle of a transit, the eclipse lies
        half a period from it.
    planet_flux : float
        Light of the planet over that of the star.
    rp : float, optional
        Radius of the planet in stellar radii.
    depth : float, optional
        Instead of ``rp``: the area ratio ``rp**2``.

    Returns
    -------
    `~numpy.ndarray` of float64
        1 while the planet is hidden, ``1 + planet_flux`` while it is seen, of the shape
        of ``time``; transits are left to `transit_light_curve`.

    Raises
    ------
    TypeError, ValueError
        As in `transit_light_curve`, and for a ``planet_flux`` below 0.

    Notes
    -----
    The planet is a uniform disc, so that what is hidden of it is the area common to two
    discs (Mandel & Agol 2002, ApJ 580, L171, equation 1). The time that the light takes
    across the orbit is left out.

    Examples
    --------
    >>> from nircam_tso.simulate import eclipse_light_curve
    >>> planet = {"t0": 0, "period": 3.0, "a_rs": 12.0, "inclination": 90.0, "rp": 0.1, "planet_flux": 1e-3}
    >>> eclipse_light_curve([1.0, 1.5], **planet)
    array([1.001, 1.   ])
    """
    rp = _radius(rp, depth)
    if not (np.isfinite(planet_flux) and planet_flux >= 0):
        raise ValueError(f"planet_flux: {planet_flux} is not 0 or more")
    separation, in_front = projected_separation(time, t0=t0, period=period, a_rs=a_rs, inclination=inclination)
    # The common area, in units of the star's disc, over the planet's.
    hidden = (1 - occulted_flux(separation, rp)) / rp**2
    return 1 + planet_flux * np.where(in_front, 1.0, 1 - hidden)
