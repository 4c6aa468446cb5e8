"""Checks of single settings of a simulation, each with an error that names it."""

import numpy as np
from astropy import units as u

__all__ = ["in_pixels", "pair", "positive"]


def positive(name, value, zero=False):
    """
    A positive, finite number.

    Parameters
    ----------
    name : str
        Name of the setting.
    value : object
        What was given.
    zero : bool, optional
        Whether 0 will do.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        For anything else.
    """
    value = float(value)
    if not (np.isfinite(value) and (value > 0 or (zero and value == 0))):
        raise ValueError(f"{name}: {value:g} is not {'0 or more' if zero else 'positive'}")
    return value


def pair(name, value):
    """
    A pair of finite numbers; one number is twice the same.

    Parameters
    ----------
    name : str
        Name of the setting.
    value : object
        What was given.

    Returns
    -------
    tuple of float

    Raises
    ------
    ValueError
        For anything else.
    """
    values = np.asarray(value, dtype=np.float64)
    if values.shape not in ((), (2,)) or not np.isfinite(values).all():
        raise ValueError(f"{name}: {value!r} is neither a number nor a pair of numbers")
    return tuple(float(v) for v in np.broadcast_to(values, 2))


def in_pixels(name, value, pixel_scale):
    """
    A length on the detector, where it is told in words.

    Parameters
    ----------
    name : str
        Name of the setting.
    value : object
        A number of pixels with or without "pix", an angle such as "1 mas", or "none";
        what is no string is given back.
    pixel_scale : float
        Width of a pixel, arcsec.

    Returns
    -------
    object
        Pixels.

    Raises
    ------
    ValueError
        For other words.

    Examples
    --------
    >>> from nircam_tso.simulate.checks import in_pixels
    >>> round(in_pixels("jitter", "1 mas", 0.0311), 4), in_pixels("jitter", "none", 0.0311)
    (0.0322, 0.0)
    """
    if not isinstance(value, str):
        return value
    if value == "none":
        return 0.0
    try:
        length = u.Quantity(value)
        return float(length.value if length.unit in ("", u.pix) else length.to_value(u.arcsec) / pixel_scale)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: {value!r} is no length; give pixels, '1 mas' or 'none'") from error
