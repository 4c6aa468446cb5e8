"""Checks of the extractor's settings: each returns the value in the form that is used."""

import hashlib
import numbers
import re

import numpy as np

from nircam_tso.exceptions import InputFileError

__all__ = []

CENTERS = ("gaussian", "cross-correlation", "centroid", "median", "fixed")
RAMPS = ("last-first", "slope", "groups")
BAD_PIXELS = ("scale", "nan", "ignore")
CORRELATIONS = ("fourier", "image_registration")
FLUX_UNITS = (None, "native", "Jy", "electron")
TIME_REFERENCES = ("middle", "pixel")
EDGES = ("nan", "sum")
RADIUS_UNITS = ("pix", "fwhm")
STRIPINGS = (None, "row", "column", "row-amplifier")
STRIPING_REFERENCES = ("auto", "median", "none")
CLEANINGS = (None, "temporal")

#: Parameters of the Gaussian that can be bound.
BOUND_NAMES = ("amplitude", "x", "y", "x_stddev", "y_stddev", "theta")


def one_of(name, value, choices):
    """Return `value` if it is among `choices`."""
    if not any(value is choice or (isinstance(value, str) and value == choice) for choice in choices):
        raise ValueError(f"{name}: {value!r} is none of {', '.join(repr(choice) for choice in choices)}")
    return value


def pixels(name, value):
    """Strip the unit of a length in pixels."""
    unit = getattr(value, "unit", None)
    if unit is None:
        return value
    if str(unit) not in ("pix", ""):
        raise ValueError(f"{name}: has unit {unit}; give pixels")
    return value.value


def radii(value):
    """Check aperture radii: a number or a sequence, in pixels or a Quantity of pixels."""
    from nircam_tso.measure.photometry import check_radii

    if value is None:
        raise ValueError("aperture_radii: None; give a radius in pixels, or an empty list beside aperture_masks")
    try:
        value = np.atleast_1d(np.asarray(pixels("aperture_radii", value), dtype=float))
    except (TypeError, ValueError):
        raise ValueError(f"aperture_radii: {value!r} is no number; give radii in pixels") from None
    if value.ndim != 1:
        raise ValueError(f"aperture_radii: has shape {value.shape}; give a number or a flat list of numbers")
    if value.size == 0:
        return ()
    check_radii(value)
    return tuple(float(radius) for radius in value)


def position(value):
    """Check a position: None, "brightest", a SkyCoord, (x, y) in pixels, or a list of these, one per star."""
    if value is None:
        return None
    if isinstance(value, str):
        return one_of("position", value, ("brightest",))
    if hasattr(value, "ra") or hasattr(value, "frame"):
        if value.isscalar:
            return value
        if value.ndim != 1 or not len(value):
            raise ValueError(f"position: a SkyCoord of shape {value.shape}; give one target, or a flat list of them")
        return tuple(value)
    if isinstance(value, list | tuple | np.ndarray) and len(value) and _is_position(value[0]):
        return tuple(_one_position(part) for part in value)
    return _one_position(value)


def _is_position(value):
    return hasattr(value, "ra") or hasattr(value, "frame") or np.ndim(getattr(value, "value", value)) > 0


def _one_position(value):
    if hasattr(value, "ra") or hasattr(value, "frame"):
        if not value.isscalar:
            raise ValueError(
                f"position: a SkyCoord of shape {value.shape} within a list; give one target for each star"
            )
        return value
    try:
        x, y = (float(pixels("position", part)) for part in pixels("position", value))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f'position: {value!r} is not (x, y) in pixels, a SkyCoord, "brightest" or None ({error})'
        ) from None
    if not (np.isfinite(x) and np.isfinite(y)):
        raise ValueError(f"position: ({x}, {y}) is not finite")
    return (x, y)


def positions(value):
    """Every star's position, the target's first."""
    several = isinstance(value, tuple) and not np.isscalar(value[0])
    return value if several else (value,)


def shape(name, value):
    """Check a stamp's shape (ny, nx); one number makes a square."""
    if isinstance(value, numbers.Integral):
        value = (value, value)
    try:
        ny, nx = value
        ok = ny == int(ny) and nx == int(nx) and ny >= 5 and nx >= 5
    except (TypeError, ValueError):
        ok = False
    if not ok:
        raise ValueError(f"{name}: {value!r} is not (ny, nx) with two whole numbers of at least 5")
    return (int(ny), int(nx))


def positive(name, value, *, unit="", zero=False):
    """Check an optional positive number, or a Quantity that can be turned into the given unit."""
    if value is None:
        return None
    if hasattr(value, "to_value"):
        try:
            value = value.to_value(unit)
        except ValueError:
            raise ValueError(f"{name}: {value} is not in {unit or 'plain numbers'}") from None
    value = float(value)
    if not (np.isfinite(value) and (value > 0 or (zero and value == 0))):
        raise ValueError(f"{name}: {value} is not a {'number of at least 0' if zero else 'positive number'}")
    return value


def background(value):
    """Check a background: None, or an object that knows its footprint."""
    if value is not None and not hasattr(value, "footprint"):
        raise TypeError(
            f"background: {value!r} is not FrameBackground, AnnulusBackground, MeshBackground, LineBackground or None"
        )
    return value


def template(value):
    """Check a template; an array becomes a PSFTemplate."""
    from nircam_tso.measure.templates import GaussianTemplate, PSFTemplate

    if value is None or isinstance(value, GaussianTemplate | PSFTemplate):
        return value
    if isinstance(value, str) and value == "median":
        return value
    try:
        return PSFTemplate(value)
    except InputFileError as error:
        raise type(error)(f'template: {error} (or give "median", or an image)', path=error.path) from None
    except ValueError as error:
        raise ValueError(f"template: {error}") from None


def _check_name(argument, name):
    if not str(name).isidentifier():
        raise ValueError(f"{argument}: {name!r} cannot be part of a column's name; use letters, digits and _")
    if re.fullmatch(r"r[0-9][0-9eE]*(fwhm)?|err_.*|.*_star[0-9]+", str(name)):
        raise ValueError(
            f"{argument}: {name!r} would be taken for a radius, an error or another star; choose another name"
        )


def masks(value):
    """Check named aperture masks and return them in the order given."""
    if value is None:
        return {}
    if not hasattr(value, "items"):
        raise TypeError(f"aperture_masks: a {type(value).__name__}; give a dict of name to bool (ny, nx)")
    result = {}
    for name, mask in dict(value).items():
        _check_name("aperture_masks", name)
        mask = np.array(mask)
        if mask.ndim != 2 or mask.dtype != bool:
            raise ValueError(f"aperture_masks: {name!r} is {mask.dtype} of shape {mask.shape}; give bool (ny, nx)")
        if not mask.any():
            raise ValueError(f"aperture_masks: {name!r} holds no pixel")
        result[str(name)] = mask
    return result


def shapes(value, mask_names):
    """Check apertures of other shapes and return them by name, in the order given."""
    from nircam_tso.measure.shapes import as_shape

    if value is None:
        return {}
    if not hasattr(value, "items"):
        raise TypeError(f"aperture_shapes: a {type(value).__name__}; give a dict of name to shape")
    result = {}
    for name, shape in dict(value).items():
        _check_name("aperture_shapes", name)
        if name in mask_names:
            raise ValueError(f"aperture_shapes: {name!r} is a name in aperture_masks too; choose another")
        result[str(name)] = as_shape(shape, f"aperture_shapes[{name!r}]")
    return result


def bounds(value):
    """Check bounds of the Gaussian's parameters; returns a dict of (low, high), infinite where open."""
    result = {}
    for name, limits in dict(value or {}).items():
        one_of("bounds", name, BOUND_NAMES)
        try:
            low, high = limits
            low = -np.inf if low is None else float(low)
            high = np.inf if high is None else float(high)
        except (TypeError, ValueError):
            raise ValueError(f"bounds: {name!r} is {limits!r}, not (low, high), None where there is none") from None
        if not low < high:
            raise ValueError(f"bounds: {name!r} from {low} to {high} holds nothing; give low below high")
        result[name] = (low, high)
    return result


def angle(name, value):
    """Check an optional angle: degrees or a Quantity; returned in degrees."""
    if value is None:
        return None
    if hasattr(value, "to_value"):
        try:
            value = value.to_value("deg")
        except ValueError:
            raise ValueError(f"{name}: {value} is no angle; give degrees") from None
    value = float(value)
    if not np.isfinite(value):
        raise ValueError(f"{name}: {value} is no angle; give degrees, or None to fit it")
    return value


def count(name, value, largest):
    """Check a whole number from 0 on."""
    if isinstance(value, bool) or value != int(value) or not 0 <= value <= largest:
        raise ValueError(f"{name}: {value!r} is not a whole number from 0 to {largest}")
    return int(value)


def window(name, value):
    """Check a number of integrations of at least 3."""
    if isinstance(value, bool) or value != int(value) or value < 3:
        raise ValueError(f"{name}: {value!r} is not a whole number of at least 3 integrations")
    return int(value)


def centroid_mask(value):
    """Check the mask of the flux-weighted centre."""
    if value is None:
        return None
    value = np.array(value)
    if value.ndim != 2 or value.dtype != bool or not value.any():
        raise ValueError(f"centroid_mask: {value.dtype} of shape {value.shape} is not bool (ny, nx) with a True pixel")
    return value


def saturation(value):
    """Check a saturation level: None, a positive number, or a map (ny, nx); NaN in a map is unknown."""
    if value is None:
        return None
    level = np.array(getattr(value, "value", value), dtype=float)
    if level.ndim not in (0, 2) or (level <= 0).any() or not np.isfinite(level).any():
        raise ValueError("saturation: give a positive level, or a map (ny, nx) of positive levels")
    return float(level) if level.ndim == 0 else level


def group_range(value):
    """Check a range of groups: None, "auto", or (first, last), zero-based and both included."""
    if value is None or (isinstance(value, str) and value == "auto"):
        return value
    try:
        first, last = (int(part) for part in value)
        ok = 0 <= first < last
    except (TypeError, ValueError):
        ok = False
    if not ok:
        raise ValueError(
            f'group_range: {value!r} is not "auto" or (first, last), zero-based with first below last; '
            "a difference needs two groups"
        )
    return (first, last)


def plain(value):
    """A setting in plain JSON types."""
    if hasattr(value, "describe"):
        return value.describe()
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, np.ndarray):
        digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return {"shape": list(value.shape), "sum": float(np.nansum(value)), "sha256": digest}
    if isinstance(value, tuple | list):
        return [plain(part) for part in value]
    if isinstance(value, np.generic):
        return value.item()
    if hasattr(value, "to_string") and hasattr(value, "frame"):
        return value.icrs.to_string("decimal", precision=9)
    if isinstance(value, float) and not np.isfinite(value):
        # Strict JSON has no infinity: null is no limit.
        return None
    return value if isinstance(value, str | int | float | bool | type(None)) else repr(value)
