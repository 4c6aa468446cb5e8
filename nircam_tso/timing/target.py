"""Where the light comes from: the target's direction, for barycentric times."""

import numpy as np
from astropy.coordinates import RadialDifferential, SkyCoord, UnitSphericalRepresentation
from astropy.time import Time

from nircam_tso.exceptions import TimeMetadataError
from nircam_tso.timing.cards import describe, number
from nircam_tso.timing.clock import offline

__all__ = ["direction"]

_TARGET_CARDS = (("TARG_RA", "TARG_DEC"), ("RA_TARG", "DEC_TARG"), ("RA_OBJ", "DEC_OBJ"))
_NO_PROPER_MOTION = RadialDifferential(0.0)


def direction(header, target=None, day=None, notes=None):
    """
    Unit vector towards the target, ICRS.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        With TARG_RA and TARG_DEC, else RA_TARG and DEC_TARG, else RA_OBJ and DEC_OBJ
        (degrees, ICRS).
    target : `~astropy.coordinates.SkyCoord`, optional
        Has precedence over the header. Any frame that can be turned into ICRS. With
        proper motions and an ``obstime`` it is moved from there to ``day``; without
        ``obstime`` its place is used as it is. A distance counts for nothing, for
        light of a star comes as plane waves: those of one at 1.3 pc are bent by 0.9 ms.
    day : float, optional
        MJD of the exposure.
    notes : list of str, optional
        Takes what is odd: cards that are no coordinates, motions without a date.

    Returns
    -------
    tuple of three floats, or None
        None if there is neither.

    Raises
    ------
    TypeError
        If ``target`` is not a SkyCoord.
    ValueError
        If ``target`` holds several positions, none, cannot be given in ICRS, or is
        closer than a parsec.

    Examples
    --------
    >>> from nircam_tso.timing.target import direction
    >>> direction({"TARG_RA": 0.0, "TARG_DEC": -90.0})
    (6.1e-17, 0.0, -1.0)
    """
    notes = [] if notes is None else notes
    if target is not None:
        ra, dec = _place_on_sky(target, day, notes)
        return _unit_vector(ra, dec)
    for cards in _TARGET_CARDS:
        try:
            ra, dec = (number(header, card) for card in cards)
        except TimeMetadataError as error:
            notes.append(f"time_bjd: {error}")
            continue
        if ra is None or dec is None:
            continue
        # Right ascensions are given from 0 to 360 (and a little, where rounded), or -180 to 180.
        if abs(dec) <= 90 and -180 <= ra <= 361:
            return _unit_vector(*np.radians((ra, dec)))
        notes.append(f"time_bjd: {describe(header, *cards)} is no place on the sky")
    return None


def _unit_vector(ra, dec):
    return float(np.cos(ra) * np.cos(dec)), float(np.sin(ra) * np.cos(dec)), float(np.sin(dec))


def _place_on_sky(target, day, notes):
    """ICRS right ascension and declination of the user's target, radians, on a day (MJD)."""
    shown = " ".join(repr(target).split())
    if not isinstance(target, SkyCoord):
        raise TypeError(f"target: {shown} is not an astropy SkyCoord")
    if not target.isscalar:
        raise ValueError(f"target: holds {target.shape} positions, not one")
    with offline():
        try:
            icrs = target.icrs
            if not isinstance(icrs.data.differentials.get("s", _NO_PROPER_MOTION), RadialDifferential):
                if icrs.obstime is None:
                    notes.append("target: has proper motions but no obstime: taken to be where it was then")
                elif day is not None:
                    icrs = icrs.apply_space_motion(new_obstime=Time(day, format="mjd", scale="tai").tdb)
            distance = icrs.data.norm()
            place = icrs.data.without_differentials().represent_as(UnitSphericalRepresentation)
        except Exception as error:
            raise ValueError(f"target: {shown} cannot be given in ICRS: {error}") from None
    ra, dec = place.lon.rad, place.lat.rad
    if not (np.isfinite(ra) and np.isfinite(dec)):
        raise ValueError(f"target: {shown} is no position")
    if distance.unit.is_equivalent("pc") and distance.to_value("pc") < 1:
        raise ValueError(f"target: at a distance of {distance:.4g} its light does not come as plane waves")
    return ra, dec
