"""Barycentric times: how much earlier or later light passed the solar system's barycentre.

The spacecraft is where the Earth is, plus a geocentric vector that changes
slowly, so that a straight line in it serves a whole visit: a straight line
through the barycentric position itself would be 13 ms off after 20 hours.
BARTDELT and the TDB cards of the headers are never used: those of headers made
before September 2023 are wrong by seconds to minutes.
"""

from typing import NamedTuple

import numpy as np
from astropy.time import Time

from nircam_tso.timing.cards import text
from nircam_tso.timing.clock import DAY, MJD_ZERO, TT_LESS_TAI, offline
from nircam_tso.timing.earth import earth
from nircam_tso.timing.spacecraft import geocentric_vector
from nircam_tso.timing.target import direction

__all__ = ["Barycentric", "barycentric_times", "light_delay", "prefer_table"]

_EARTH = "Earth's centre"

_LIGHT = 299792.458  # km/s
# Days from EPH_TIME over which a straight line beside the Earth holds (to 3 ms).
_REACH = 2.0
_AGREEMENT = 0.1  # s
# Their distance from the Earth, up to astronomical units, is in no card.
_FAR_TELESCOPES = ("KEPLER", "SPITZER")


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
            time = Time(MJD_ZERO + days, np.where(known, self.seconds, 0.0) / DAY, format="jd", scale="tdb")
            if not known.all():
                time[~known] = np.ma.masked
        return time


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
    position, tdb_tt = earth(day, seconds + TT_LESS_TAI)
    total = 0.0
    for axis in range(3):
        r = position[axis]
        if vector is not None:
            r = r + vector.position[axis]
            if vector.epoch is not None:
                elapsed = (day - vector.epoch.day) * DAY + (seconds - vector.epoch.seconds)
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
            away = float(np.max(np.abs(day[rows] - vector.epoch.day + (seconds[rows] - vector.epoch.seconds) / DAY)))
            if away > _REACH:
                notes.append(f"EPH_TIME lies up to {away:.6g} days from the exposure: {vector.cards} are not used")
                vector = None
        if vector is None:
            limit = "5 s" if telescope == "JWST" else "21 ms on the ground"
            notes.append(f"time_bjd: light travel time to the Earth's centre, up to {limit} off")
        sources.append(_EARTH if vector is None else vector.cards)
        delay, tdb_tt = light_delay(day[rows], seconds[rows], vector, towards)
        result[rows] = seconds[rows] + TT_LESS_TAI + tdb_tt + delay
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
