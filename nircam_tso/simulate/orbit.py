"""Where the observatory is: the Earth's position and a vector near the second Lagrange point."""

from dataclasses import dataclass

import erfa
import numpy as np
from astropy import units as u
from astropy.constants import au, c
from astropy.time import Time

from nircam_tso.timing.clock import offline

__all__ = ["Ephemeris", "ephemeris"]

_AU_KM = au.to_value(u.km)
_C_KM = c.to_value(u.km / u.s)
_DISTANCE_KM = 1.5e6


def _earth(time):
    """Heliocentric and barycentric Earth at a Time, km and km/s, each of shape (..., 3)."""
    # Simulations start in any year, and without the network.
    with offline():
        tdb = time.tdb
        heliocentric, barycentric = erfa.epv00(tdb.jd1, tdb.jd2)
    scale = _AU_KM / 86400
    return (
        heliocentric["p"] * _AU_KM,
        heliocentric["v"] * scale,
        barycentric["p"] * _AU_KM,
        barycentric["v"] * scale,
    )


@dataclass(frozen=True)
class Ephemeris:
    """
    The observatory's motion about one epoch.

    Attributes
    ----------
    epoch : `~astropy.time.Time`
        Time of the vectors, UTC.
    barycentric, barycentric_velocity : `~numpy.ndarray`, shape (3,)
        From the barycentre, km and km/s (JWST_X, JWST_DX).
    geocentric, geocentric_velocity : `~numpy.ndarray`, shape (3,)
        From the Earth's centre, km and km/s (OBSGEO-X and OBSGEODX are these in m and m/s).
    """

    epoch: Time
    barycentric: np.ndarray
    barycentric_velocity: np.ndarray
    geocentric: np.ndarray
    geocentric_velocity: np.ndarray

    def barycentric_time(self, time, ra, dec):
        """
        Time at which the light of a star would have reached the barycentre.

        Parameters
        ----------
        time : `~astropy.time.Time`
            At the observatory.
        ra, dec : float
            Direction of the star, degrees.

        Returns
        -------
        `~astropy.time.Time`
            TDB, with the plane-wave (Roemer) delay added. The geocentric vector moves on
            a straight line from `epoch`.
        """
        ra, dec = np.deg2rad(ra), np.deg2rad(dec)
        star = np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
        with offline():
            elapsed = np.asarray((time - self.epoch).to_value(u.s))[..., None]
            position = _earth(time)[2] + self.geocentric + elapsed * self.geocentric_velocity
            return time.tdb + (position * star).sum(axis=-1) / _C_KM * u.s


def ephemeris(epoch):
    """
    A plausible orbit: 1.5 million km beyond the Earth, opposite the Sun.

    Parameters
    ----------
    epoch : `~astropy.time.Time`
        Time of the vectors.

    Returns
    -------
    Ephemeris

    Notes
    -----
    The Earth is that of ERFA's ``epv00``; the halo about the Lagrange point, up to
    0.8 million km, is stood in for by a fixed offset of 0.3 million km to the north.
    """
    sun_to_earth, velocity, barycentric, barycentric_velocity = _earth(epoch)
    distance = np.sqrt((sun_to_earth**2).sum())
    direction = sun_to_earth / distance
    turning = (velocity - (velocity * direction).sum() * direction) / distance
    geocentric = _DISTANCE_KM * direction + np.array([0.0, 0.0, 3.0e5])
    geocentric_velocity = _DISTANCE_KM * turning
    return Ephemeris(
        epoch=epoch,
        barycentric=barycentric + geocentric,
        barycentric_velocity=barycentric_velocity + geocentric_velocity,
        geocentric=geocentric,
        geocentric_velocity=geocentric_velocity,
    )
