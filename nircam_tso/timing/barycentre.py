"""Barycentric times: how much earlier or later light passed the solar system's barycentre.

The spacecraft is where the Earth is, plus a geocentric vector that changes
slowly, so that a straight line in it serves a whole visit: a straight line
through the barycentric position itself would be 13 ms off after 20 hours.
BARTDELT and the TDB cards of the headers are never used: those of headers made
before September 2023 are wrong by seconds to minutes.
"""

import re
import warnings
from typing import NamedTuple

import erfa
import numpy as np
from astropy.time import Time

from nircam_tso.exceptions import TimeMetadataError
from nircam_tso.timing.cards import number, text
from nircam_tso.timing.clock import MJD_ZERO, Moment, offline
from nircam_tso.timing.header_dates import mjd_card
from nircam_tso.timing.target import direction

__all__ = ["Barycentric", "barycentric_times", "earth", "geocentric_vector", "light_delay"]

EARTH = "Earth's centre"

_AU = 149597870.7  # km, IAU 2012 resolution B2
_LIGHT = 299792.458  # km/s
_TT_TAI = 32.184
_DAY = 86400.0
_NODE = 10800.0  # s
_FARTHEST = 2.0e6  # km from the Earth's centre; JWST stays within 1.8e6
# Nearer it was on its first day only; kilometres taken for metres look like this.
_NEAREST = 1.0e5
_FASTEST = 2.0  # km/s, seen from the Earth; JWST stays within 1
_SAME_PLACE = 100.0  # km
_SAME_PACE = 0.01  # km/s
# Days from EPH_TIME over which a straight line beside the Earth holds (to 3 ms).
_REACH = 2.0
_AGREEMENT = 0.1  # s
_DIRECT = ("OBSGEO-X", "OBSGEO-Y", "OBSGEO-Z")
_DIRECT_MOVES = ("OBSGEODX", "OBSGEODY", "OBSGEODZ")
_INDIRECT = ("JWST_X", "JWST_Y", "JWST_Z")
_INDIRECT_MOVES = ("JWST_DX", "JWST_DY", "JWST_DZ")
# Their distance from the Earth, up to astronomical units, is in no card.
_FAR_TELESCOPES = ("KEPLER", "SPITZER")


class GeocentricVector(NamedTuple):
    """Place of the spacecraft seen from the Earth's centre, km and km/s, at an epoch."""

    position: tuple
    velocity: tuple
    epoch: Moment | None
    cards: str


class Barycentric(NamedTuple):
    """
    Barycentric times of rows.

    Attributes
    ----------
    day, seconds : `~numpy.ndarray` of float64, shape (n,)
        TDB as whole days (MJD) and seconds; NaN where unknown.
    source : str
        What they come from.
    notes : list of str
        What the user should know.
    own_target : bool
        Whether the user has said where the light comes from.
    """

    day: np.ndarray
    seconds: np.ndarray
    source: str
    notes: list
    own_target: bool = False

    def to_time(self):
        """
        As a `~astropy.time.Time`.

        Returns
        -------
        `~astropy.time.Time`
            TDB, masked where unknown, shown as JD.
        """
        known = np.isfinite(self.seconds) & np.isfinite(self.day)
        days = np.where(known, self.day, 51544.0)
        with offline():
            time = Time(MJD_ZERO + days, np.where(known, self.seconds, 0.0) / _DAY, format="jd", scale="tdb")
            if not known.all():
                time[~known] = np.ma.masked
        return time


def earth(day, seconds):
    """
    The Earth's centre and the clock of the solar system at many moments.

    ERFA's ``epv00`` and ``dtdb`` sum up thousands of terms; here they are asked at
    nodes 3 hours apart, and interpolated (by cubic Hermite and straight lines, to
    1e-9 s of light travel), unless there are as few moments as nodes.

    Parameters
    ----------
    day, seconds : `~numpy.ndarray` of float64, shape (n,)
        TT as whole days (MJD) and seconds.

    Returns
    -------
    position : tuple of three `~numpy.ndarray` of float64, shape (n,)
        Barycentric coordinates, ICRS axes, km.
    tdb_tt : `~numpy.ndarray` of float64, shape (n,)
        TDB - TT, s.
    """
    zero = np.floor(np.min(day))
    elapsed = (day - zero) * _DAY + seconds
    place = np.floor(elapsed / _NODE)
    nodes, index = np.unique(place, return_inverse=True)
    if 2 * len(nodes) >= len(elapsed):
        position, _, tdb_tt = _exact_earth(zero, elapsed)
        return position, tdb_tt
    ends = np.unique(np.concatenate([nodes, nodes + 1]))
    position, velocity, tdb_tt = _exact_earth(zero, ends * _NODE)
    first = np.searchsorted(ends, nodes)[index]
    u = elapsed / _NODE - place
    h00, h10, h01, h11 = (1 + 2 * u) * (1 - u) ** 2, u * (1 - u) ** 2, u**2 * (3 - 2 * u), u**2 * (u - 1)
    smooth = tuple(
        h00 * p[first] + h01 * p[first + 1] + _NODE * (h10 * v[first] + h11 * v[first + 1])
        for p, v in zip(position, velocity, strict=True)
    )
    return smooth, tdb_tt[first] * (1 - u) + tdb_tt[first + 1] * u


def _exact_earth(zero, elapsed):
    with warnings.catch_warnings():
        # epv00 says so outside 1900 to 2100, where it still is good to a second.
        warnings.simplefilter("ignore", erfa.ErfaWarning)
        tdb_tt = erfa.dtdb(MJD_ZERO + zero, elapsed / _DAY, 0.0, 0.0, 0.0, 0.0)
        _, state = erfa.epv00(MJD_ZERO + zero, (elapsed + tdb_tt) / _DAY)
    position = tuple(state["p"][..., i] * _AU for i in range(3))
    velocity = tuple(state["v"][..., i] * (_AU / _DAY) for i in range(3))
    return position, velocity, np.asarray(tdb_tt)


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
        day, seconds = (np.floor(mjd), mjd % 1 * _DAY) if early else (epoch.day, epoch.seconds + _TT_TAI)
        place, speed, _ = _exact_earth(day, np.array([seconds]))
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


def light_delay(day, seconds, vector, towards):
    """
    Barycentric light travel time.

    Parameters
    ----------
    day, seconds : `~numpy.ndarray` of float64, shape (n,)
        TAI as whole days (MJD) and seconds, finite.
    vector : GeocentricVector or None
        Place of the spacecraft; None is the Earth's centre.
    towards : tuple of three floats
        Unit vector to the target.

    Returns
    -------
    delay : `~numpy.ndarray` of float64, shape (n,)
        r.n/c in s: positive while the light reaches the spacecraft before the
        barycentre.
    tdb_tt : `~numpy.ndarray` of float64, shape (n,)
        TDB - TT in s.
    """
    position, tdb_tt = earth(day, seconds + _TT_TAI)
    total = 0.0
    for axis in range(3):
        r = position[axis]
        if vector is not None:
            r = r + vector.position[axis]
            if vector.epoch is not None:
                elapsed = (day - vector.epoch.day) * _DAY + (seconds - vector.epoch.seconds)
                r = r + vector.velocity[axis] * elapsed
        total = total + r * towards[axis]
    return total / _LIGHT, tdb_tt


def barycentric_times(day, seconds, segment, headers, target=None):
    """
    Barycentric times of rows.

    Parameters
    ----------
    day, seconds : `~numpy.ndarray` of float64, shape (n,)
        Mid-times, TAI, as whole days (MJD) and seconds; NaN where unknown.
    segment : `~numpy.ndarray` of int, shape (n,)
        Index of each row's header.
    headers : sequence of `~astropy.io.fits.Header`
        Headers of the segments.
    target : `~astropy.coordinates.SkyCoord`, optional
        Where the light comes from; by default what the headers say.

    Returns
    -------
    Barycentric

    Raises
    ------
    TypeError, ValueError
        As `~nircam_tso.timing.target.direction`.
    """
    result = np.full(len(day), np.nan)
    known = np.isfinite(day) & np.isfinite(seconds)
    groups, notes, sources, aims = {}, [], [], {}
    dates = _dates(day, segment, known, len(headers))
    for index, header in enumerate(headers):
        if target is None:
            towards = direction(header, notes=notes)
        else:
            # Files are many, days are few.
            date = dates[index] if np.isfinite(dates[index]) else None
            if date not in aims:
                aims[date] = direction(header, target, date, notes)
            towards = aims[date]
        telescope = (text(header, "TELESCOP") or "").upper()
        if towards is not None and telescope in _FAR_TELESCOPES:
            notes.append(f"time_bjd: where TELESCOP = {header['TELESCOP']!r} was is in no card")
            towards = None
        vector = None
        if towards is not None and telescope == "JWST":
            vector, said = geocentric_vector(header)
            notes += said
        groups.setdefault((vector, towards, telescope), []).append(index)
    for (vector, towards, telescope), members in groups.items():
        rows = np.flatnonzero(known & np.isin(segment, members))
        if towards is None or len(rows) == 0:
            continue
        if vector is not None and vector.epoch is not None:
            away = float(np.max(np.abs(day[rows] - vector.epoch.day + (seconds[rows] - vector.epoch.seconds) / _DAY)))
            if away > _REACH:
                notes.append(f"EPH_TIME lies up to {away:.6g} days from the exposure: {vector.cards} are not used")
                vector = None
        if vector is None:
            limit = "5 s" if telescope == "JWST" else "21 ms on the ground"
            notes.append(f"time_bjd: light travel time to the Earth's centre, up to {limit} off")
        sources.append(EARTH if vector is None else vector.cards)
        delay, tdb_tt = light_delay(day[rows], seconds[rows], vector, towards)
        result[rows] = seconds[rows] + _TT_TAI + tdb_tt + delay
    source = "; ".join(dict.fromkeys(sources)) or "none"
    days = np.where(np.isfinite(result), day, np.nan)
    return Barycentric(days, result, source, list(dict.fromkeys(notes)), target is not None)


def _dates(day, segment, known, count):
    """Each header's first day (MJD), NaN where no row of its has a time."""
    first = np.full(count, np.inf)
    np.minimum.at(first, np.asarray(segment)[known], day[known])
    return np.where(np.isfinite(first), first, np.nan)


def prefer_table(own, table, at_table):
    """
    The INT_TIMES table's barycentric times, where they can be trusted.

    Parameters
    ----------
    own : Barycentric
        What has been computed for the rows.
    table : `~numpy.ndarray` of float64, shape (n,)
        INT_TIMES' barycentric times as seconds of ``own.day``; NaN where not filled.
    at_table : `~numpy.ndarray` of float64, shape (n,)
        What has been computed for the moments that the table's times are for.

    Returns
    -------
    Barycentric
        The table's, moved to the rows' own moments, if they are there for every row that
        has a time and within 0.1 s of what has been computed; else ``own``. They are for
        the header's target: where the user has named another, ``own``.
    """
    filled = np.isfinite(table)
    if own.own_target or not filled.any():
        return own
    known = np.isfinite(at_table)
    if not known.any():
        return own._replace(notes=[*own.notes, "INT_TIMES has barycentric times that nothing here can check: left out"])
    if not filled[known].all():
        return own._replace(notes=[*own.notes, "INT_TIMES has barycentric times for some rows only: computed for all"])
    apart = table - at_table
    worst = float(np.max(np.abs(apart[known])))
    if worst > _AGREEMENT:
        why = f"INT_TIMES' barycentric times are up to {worst:.3g} s from r.n/c: computed instead"
        return own._replace(notes=[*own.notes, why])
    return own._replace(seconds=own.seconds + np.where(known, apart, 0.0), source="INT_TIMES")


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
