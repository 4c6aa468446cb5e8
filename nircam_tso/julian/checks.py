"""Numbers as a user gives them: taken only if they are what they should be."""

import numpy as np

from nircam_tso.julian.calendars import CALENDARS

__all__ = ["broadcast", "check_calendar", "numbers", "place", "refuse", "refuse_masked", "whole_numbers"]


def check_calendar(calendar):
    """
    Refuse an unknown calendar.

    Parameters
    ----------
    calendar : str
        One of `~nircam_tso.julian.calendars.CALENDARS`.

    Raises
    ------
    ValueError
        For any other value.
    """
    if not isinstance(calendar, str) or calendar not in CALENDARS:
        raise ValueError(f"calendar: {calendar!r} is none of {', '.join(map(repr, CALENDARS))}")


def numbers(name, value):
    """
    A field's value as an array of numbers.

    Parameters
    ----------
    name : str
        The field, for the error's message.
    value : number or array-like
        What the user gave.

    Returns
    -------
    `~numpy.ndarray` of float64

    Raises
    ------
    ValueError
        For text, booleans, masked elements, quantities with a unit, and what numpy
        makes no numbers of.
    """
    refuse_masked(name, value)
    if isinstance(value, list | tuple):
        _refuse_hidden(name, value, ())
    unit = getattr(value, "unit", None)
    if unit is not None:
        raise ValueError(f"{name}: {value!r} has a unit; give a plain number")
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"{name}: {value!r} is not an array of numbers") from None
    if array.dtype.kind == "O":
        return _one_by_one(name, array)
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{name}: {value!r} is not a number")
    return array.astype(np.float64)


def refuse_masked(name, value):
    """
    Raise an error about the first masked element, if there is one.

    Parameters
    ----------
    name : str
        The field.
    value : object
        What the user gave.

    Raises
    ------
    ValueError
        Naming the field and the index in an array.
    """
    mask = getattr(value, "mask", None)
    if isinstance(mask, bool | np.bool_ | np.ndarray) and np.any(mask):
        # Both numpy's masked arrays and astropy's keep the values below the mask in their own way.
        values = np.asarray(getattr(value, "unmasked", np.ma.getdata(value)))
        refuse(name, values, np.broadcast_to(mask, values.shape), "is masked")


def _refuse_hidden(name, value, index):
    # numpy makes [2016, True] an array of integers, and NaN of a masked element.
    for i, item in enumerate(value):
        where = (*index, i)
        refuse_masked(place(name, where), item)
        if isinstance(item, bool | np.bool_) or getattr(getattr(item, "dtype", None), "kind", None) == "b":
            raise ValueError(f"{place(name, where)}: {item!r} is not a number")
        if isinstance(item, list | tuple):
            _refuse_hidden(name, item, where)


def _one_by_one(name, array):
    result = np.empty(array.shape)
    for index, item in np.ndenumerate(array):
        where = place(name, index)
        if isinstance(item, bool | np.bool_ | str | bytes | complex) or not (
            hasattr(item, "__float__") or hasattr(item, "__index__")
        ):
            raise ValueError(f"{where}: {item!r} is not a number")
        try:
            result[index] = float(item)
        except OverflowError:
            raise ValueError(f"{where}: the number is too large") from None
        except (TypeError, ValueError):
            raise ValueError(f"{where}: {item!r} is not a number") from None
    return result


def place(name, index):
    """
    A field's name, with the index of an element of an array.

    Parameters
    ----------
    name : str
    index : tuple of int
        Empty for a scalar.

    Returns
    -------
    str
    """
    return f"{name}[{', '.join(str(int(i)) for i in index)}]" if len(index) else name


def refuse(name, values, bad, why):
    """
    Raise an error about the first bad element, if there is one.

    Parameters
    ----------
    name : str
        The field.
    values, bad : `~numpy.ndarray`
        Its values, and True where they are bad.
    why : str
        What is wrong with a bad value; follows it in the message.

    Raises
    ------
    ValueError
        Naming the field, the index in the broadcast arrays, and the value.
    """
    bad = np.asarray(bad)
    if bad.any():
        index = np.unravel_index(int(np.argmax(bad)), bad.shape) if bad.ndim else ()
        value = np.broadcast_to(values, bad.shape)[index]
        value = value.item() if isinstance(value, np.generic | np.ndarray) else value
        if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
            value = int(value)
        raise ValueError(f"{place(name, index)}: {value!r} {why}")


def whole_numbers(name, values, limit=None):
    """
    Values as integers.

    Parameters
    ----------
    name : str
        The field, for the error's message.
    values : `~numpy.ndarray`
        Numbers.
    limit : int, optional
        Largest absolute value allowed.

    Returns
    -------
    `~numpy.ndarray` of int64

    Raises
    ------
    ValueError
        For a value that is not a whole number, or beyond the limit.
    """
    refuse(name, values, ~np.isfinite(values), "is not a finite number")
    refuse(name, values, values != np.floor(values), "is not a whole number")
    if limit is not None:
        refuse(name, values, np.abs(values) > limit, f"is not within {-limit} to {limit}")
    return np.asarray(values).astype(np.int64)


def broadcast(**arrays):
    """
    Bring arrays to one shape.

    Parameters
    ----------
    **arrays : `~numpy.ndarray`
        By the names that the error's message gives them.

    Returns
    -------
    sequence of `~numpy.ndarray`

    Raises
    ------
    ValueError
        If their shapes do not fit together, naming those that are no scalars.
    """
    try:
        return np.broadcast_arrays(*arrays.values())
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items() if array.shape)
        raise ValueError(f"shapes do not fit together: {shapes}") from None
