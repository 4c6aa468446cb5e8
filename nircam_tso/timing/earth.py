"""Where the Earth is, and how the clock of the solar system goes there."""

import warnings

import erfa
import numpy as np

from nircam_tso.timing.clock import DAY, MJD_ZERO

__all__ = ["earth", "exact_earth"]

_AU = 149597870.7  # km, IAU 2012 resolution B2
_NODE = 10800.0  # s


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
    elapsed = (day - zero) * DAY + seconds
    place = np.floor(elapsed / _NODE)
    nodes, index = np.unique(place, return_inverse=True)
    if 2 * len(nodes) >= len(elapsed):
        position, _, tdb_tt = exact_earth(zero, elapsed)
        return position, tdb_tt
    ends = np.unique(np.concatenate([nodes, nodes + 1]))
    position, velocity, tdb_tt = exact_earth(zero, ends * _NODE)
    first = np.searchsorted(ends, nodes)[index]
    u = elapsed / _NODE - place
    h00, h10, h01, h11 = (1 + 2 * u) * (1 - u) ** 2, u * (1 - u) ** 2, u**2 * (3 - 2 * u), u**2 * (u - 1)
    smooth = tuple(
        h00 * p[first] + h01 * p[first + 1] + _NODE * (h10 * v[first] + h11 * v[first + 1])
        for p, v in zip(position, velocity, strict=True)
    )
    return smooth, tdb_tt[first] * (1 - u) + tdb_tt[first + 1] * u


def exact_earth(zero, elapsed):
    """
    The same with its velocity, of ERFA at each moment.

    Parameters
    ----------
    zero : float
        TT as whole days (MJD).
    elapsed : `~numpy.ndarray` of float64, shape (n,)
        Seconds since then.

    Returns
    -------
    position, velocity : tuple of three `~numpy.ndarray` of float64, shape (n,)
        km and km/s.
    tdb_tt : `~numpy.ndarray` of float64, shape (n,)
        TDB - TT, s.
    """
    with warnings.catch_warnings():
        # epv00 says so outside 1900 to 2100, where it still is good to a second.
        warnings.simplefilter("ignore", erfa.ErfaWarning)
        tdb_tt = erfa.dtdb(MJD_ZERO + zero, elapsed / DAY, 0.0, 0.0, 0.0, 0.0)
        _, state = erfa.epv00(MJD_ZERO + zero, (elapsed + tdb_tt) / DAY)
    position = tuple(state["p"][..., i] * _AU for i in range(3))
    velocity = tuple(state["v"][..., i] * (_AU / DAY) for i in range(3))
    return position, velocity, np.asarray(tdb_tt)
