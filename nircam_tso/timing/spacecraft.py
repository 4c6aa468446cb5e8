"""Where the spacecraft is beside the Earth, by the cards of a header."""

import re
from typing import NamedTuple

import numpy as np

from nircam_tso.exceptions import TimeMetadataError
from nircam_tso.timing.cards import number, text
from nircam_tso.timing.clock import DAY, TT_LESS_TAI, Moment
from nircam_tso.timing.earth import exact_earth
from nircam_tso.timing.header_dates import mjd_card

__all__ = ["GeocentricVector", "geocentric_vector"]

_FARTHEST = 2.0e6  # km from the Earth's centre; JWST stays within 1.8e6
# Nearer it was on its first day only; kilometres taken for metres look like this.
_NEAREST = 1.0e5
_FASTEST = 2.0  # km/s, seen from the Earth; JWST stays within 1
_SAME_PLACE = 100.0  # km
_SAME_PACE = 0.01  # km/s
_DIRECT = ("OBSGEO-X", "OBSGEO-Y", "OBSGEO-Z")
_DIRECT_MOVES = ("OBSGEODX", "OBSGEODY", "OBSGEODZ")
_INDIRECT = ("JWST_X", "JWST_Y", "JWST_Z")
_INDIRECT_MOVES = ("JWST_DX", "JWST_DY", "JWST_DZ")


class GeocentricVector(NamedTuple):
    """Place of the spacecraft seen from the Earth's centre, km and km/s, at an epoch."""

    position: tuple
    velocity: tuple
    epoch: Moment | None
    cards: str


def geocentric_vector(header):
    """
    Where JWST was, seen from the Earth's centre, and how it moved.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        With OBSGEO-X, -Y, -Z and OBSGEODX, -DY, -DZ (m and m/s), else JWST_X, _Y, _Z
        and JWST_DX, _DY, _DZ (barycentric, km and km/s), and EPH_TIME (MJD, UTC).

    Returns
    -------
    vector : GeocentricVector or None
        None if the cards are missing or cannot be true.
    notes : list of str
        Cards that cannot be read or cannot be true, and where the two sets disagree by
        over 100 km or 10 m/s.
    """
    notes = []
    try:
        epoch = mjd_card({"EPH_TIME": header.get("EPH_TIME")}, "EPH_TIME")
    except TimeMetadataError as error:
        notes.append(f"time_bjd: {error}")
        epoch = None
    direct = _possible(_cards(header, _DIRECT, 1e-3, notes), _DIRECT, _NEAREST, _FARTHEST, "km", notes)
    direct_moves = _possible(_cards(header, _DIRECT_MOVES, 1e-3, notes), _DIRECT_MOVES, 0.0, _FASTEST, "km/s", notes)
    barycentric = _cards(header, _INDIRECT, 1.0, notes)
    indirect = moves = None
    if epoch is not None:
        # Until Science Data Processing 2023_3 the ephemeris was asked with UTC as if it were TDB.
        early = direct is None and _is_early(text(header, "SDP_VER"))
        mjd = number(header, "EPH_TIME")
        day, seconds = (np.floor(mjd), mjd % 1 * DAY) if early else (epoch.day, epoch.seconds + TT_LESS_TAI)
        place, speed, _ = exact_earth(day, np.array([seconds]))
        indirect = _possible(_less(barycentric, place), _INDIRECT, _NEAREST, _FARTHEST, "km", notes)
        moves = _less(_cards(header, _INDIRECT_MOVES, 1.0, notes), speed)
        moves = _possible(moves, _INDIRECT_MOVES, 0.0, _FASTEST, "km/s", notes)
    elif direct is None and barycentric is not None:
        notes.append("JWST_X, JWST_Y, JWST_Z are of no use without their moment, EPH_TIME")
    if direct is None and indirect is None:
        return None, notes
    if direct is not None and indirect is not None:
        gap = _length(_less(direct, indirect))
        if gap > _SAME_PLACE:
            notes.append(f"JWST_X, JWST_Y, JWST_Z lie {gap:.0f} km from Earth + OBSGEO-X, -Y, -Z, which are used")
    if direct_moves is not None and moves is not None:
        gap = _length(_less(direct_moves, moves))
        if gap > _SAME_PACE:
            notes.append(f"JWST_DX, JWST_DY, JWST_DZ and OBSGEODX, -DY, -DZ differ by {gap:.3g} km/s")
    place, cards = (indirect, _INDIRECT) if direct is None else (direct, _DIRECT)
    pair = (moves, direct_moves) if direct is None else (direct_moves, moves)
    velocity = next((one for one in pair if one is not None), None)
    if velocity is None or epoch is None:
        missing = "EPH_TIME" if epoch is None else "its velocity (OBSGEODX, -DY, -DZ or JWST_DX, _DY, _DZ)"
        notes.append(f"{missing} missing: the spacecraft is taken to stand still beside the Earth, up to 0.1 s off")
        velocity, epoch = (0.0, 0.0, 0.0), None
    return GeocentricVector(place, velocity, epoch, ", ".join(cards)), notes


def _cards(header, keys, factor, notes):
    """Three cards as numbers; None where one is missing or no number."""
    try:
        values = [number(header, key) for key in keys]
    except TimeMetadataError as error:
        notes.append(f"time_bjd: {error}")
        return None
    return None if None in values else tuple(value * factor for value in values)


def _possible(vector, cards, least, most, unit, notes):
    """A vector seen from the Earth, or None and a note if its length cannot be true."""
    if vector is None or least <= _length(vector) <= most:
        return vector
    notes.append(f"{', '.join(cards)}: {_length(vector):.6g} {unit} seen from the Earth's centre is impossible")
    return None


def _less(vector, other):
    return None if vector is None else tuple(float(a - np.squeeze(b)) for a, b in zip(vector, other, strict=True))


def _length(vector):
    return float(np.sqrt(sum(value * value for value in vector)))


def _is_early(version):
    match = re.match(r"(\d{4})_(\d+)", version or "")
    return match is not None and (int(match[1]), int(match[2])) < (2023, 3)
