"""Random numbers: a stream of its own for each source of randomness."""

import numpy as np

__all__ = ["random_stream"]

#: New ones go to the end: the place in the list is part of the seed.
_STREAMS = (
    "pointing",
    "photons",
    "reads",
    "defects",
    "drifts",
    "hot pixels",
    "responses",
    "lost values",
    "cosmic rays",
    "shorter ramps",
    "resets",
)


def random_stream(seed, name, number=None):
    """
    A generator of its own for one source of randomness.

    Parameters
    ----------
    seed : int
        Seed of the simulation.
    name : str
        What it is for: "pointing", "photons", "reads", "defects", "drifts", "hot pixels",
        "responses", "lost values", "cosmic rays", "shorter ramps" or "resets". Streams
        do not touch each other: switching on jitter does not change the photon noise.
    number : int, optional
        Zero-based number of an integration, for streams that begin anew with each.

    Returns
    -------
    `~numpy.random.Generator`

    Raises
    ------
    ValueError
        For a name that is none of these.

    Examples
    --------
    >>> from nircam_tso.simulate.streams import random_stream
    >>> bool(random_stream(1, "reads").random() == random_stream(1, "reads").random())
    True
    """
    key = [int(seed), _STREAMS.index(name)]
    return np.random.default_rng(key if number is None else [*key, int(number)])
