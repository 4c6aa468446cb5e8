"""Header cards as text and numbers, or an error that says which card is wrong."""

import math

from astropy.io import fits

from nircam_tso.exceptions import TimeMetadataError

__all__ = ["describe", "number", "text", "whole"]


def text(header, key):
    """
    A card's value as text without blanks around it.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
    key : str

    Returns
    -------
    str or None
        None for a card that is missing or empty.
    """
    value = header.get(key)
    if value is None or isinstance(value, fits.card.Undefined):
        return None
    return str(value).strip() or None


def number(header, *keys):
    """
    The first card that has a value, as a number.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
    *keys : str
        Names under which the number may stand.

    Returns
    -------
    float or None
        None if all cards are missing or empty.

    Raises
    ------
    TimeMetadataError
        If the value is not a finite number.
    """
    for key in keys:
        value = text(header, key)
        if value is None:
            continue
        try:
            result = float(value)
        except ValueError:
            result = math.nan
        if not math.isfinite(result) or isinstance(header[key], bool):
            raise TimeMetadataError(f"{key} = {header[key]!r} is not a number")
        return result
    return None


def whole(header, *keys):
    """
    The first card that has a value, as a whole number that is not negative.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
    *keys : str
        Names under which the number may stand.

    Returns
    -------
    int or None
        None if all cards are missing or empty.

    Raises
    ------
    TimeMetadataError
        If the value is not a whole number, or negative.
    """
    value = number(header, *keys)
    if value is None:
        return None
    if value != int(value) or value < 0:
        raise TimeMetadataError(f"{describe(header, *keys)} is not a whole number of 0 or more")
    return int(value)


def describe(header, *keys):
    """
    Cards and their values for a message.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
    *keys : str
        Cards; those that are missing are left out, unless all are.

    Returns
    -------
    str

    Examples
    --------
    >>> from astropy.io import fits
    >>> from nircam_tso.timing.cards import describe
    >>> describe(fits.Header({"DATE-OBS": "2016-01-12", "TFRAME": 0.5}), "DATE-OBS", "TIME-OBS", "TFRAME")
    "DATE-OBS = '2016-01-12', TFRAME = 0.5"
    """
    present = [key for key in keys if key in header]
    if not present:
        return f"{' and '.join(keys)} missing"
    shown = []
    for key in present:
        value = header[key]
        shown.append(f"{key} is empty" if text(header, key) is None else f"{key} = {value!r}")
    return ", ".join(shown)
