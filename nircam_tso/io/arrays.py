"""Arrays in memory: plain, masked, with units, NDData, CCDData."""

import sys

import numpy as np
from astropy import units as u
from astropy.io import fits

from nircam_tso.io.pixel_segment import PixelSegment
from nircam_tso.io.pixels import ArrayPixels

__all__ = ["array_segments", "is_array"]

# Power of the pixels' unit in which each type of uncertainty is.
_UNITS_OF = {"std": 1, "var": 2, "ivar": -2}


def is_array(source):
    """
    Whether an object holds pixels.

    Parameters
    ----------
    source : object
        Anything.

    Returns
    -------
    bool
        True for arrays, Quantities, NDData, and what can be sliced like an array and has
        a shape and a type (`h5py.Dataset`).

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.io.arrays import is_array
    >>> is_array(np.zeros(3)), is_array([1, 2])
    (True, False)
    """
    return isinstance(source, np.ndarray) or _is_nddata(source) or _is_lazy_array(source)


def _is_nddata(source):
    # Nobody can hand one over without having imported its module, which takes its time.
    nddata = sys.modules.get("astropy.nddata")
    return nddata is not None and isinstance(source, nddata.NDData)


def _is_lazy_array(source):
    wanted = ("shape", "dtype", "__array__", "__getitem__")
    # Tables and series of pandas have all of these, but are no stacks of pixels.
    return all(hasattr(source, name) for name in wanted) and not hasattr(source, "columns")


def _as_header(header):
    if header is None:
        return fits.Header()
    if isinstance(header, fits.Header):
        return header.copy()
    result = fits.Header()
    try:
        items = list(header.items())
    except AttributeError:
        raise TypeError(f"header: {type(header).__name__} is neither a fits.Header nor a dict") from None
    for key, value in items:
        if isinstance(value, (str, bool, int, float, np.number, np.bool_)) and isinstance(key, str):
            try:
                result[key] = value.item() if isinstance(value, np.generic) else value
            except ValueError:
                # Metadata that no card can hold says nothing about times or pointing.
                continue
    return result


def _as_unit(unit):
    try:
        return u.Unit(unit)
    except (ValueError, TypeError) as error:
        raise ValueError(f"unit: {unit!r} is no unit: {error}") from None


def _split(source, name):
    """An object's (pixels, unit or None, mask or None)."""
    mask = None
    unit = getattr(source, "unit", None)
    if hasattr(source, "unmasked"):
        mask, source = np.asarray(source.mask), source.unmasked
    if isinstance(source, u.Quantity):
        source = source.value
    data = source if isinstance(source, (np.ndarray, np.ma.MaskedArray)) or _is_lazy_array(source) else None
    if data is None or np.dtype(data.dtype).kind not in "biuf":
        kind = type(source).__name__ if data is None else f"an array of {data.dtype}"
        raise TypeError(f"{name}: {kind} is not an array of real numbers")
    return data, (unit if isinstance(unit, u.UnitBase) else None), mask


def _check_shape(shape, name):
    if not 2 <= len(shape) <= 4:
        raise ValueError(
            f"{name}: an array of shape {tuple(shape)} is neither an image (y, x), a stack (integrations, y, x) nor "
            "ramps (integrations, groups, y, x)"
        )
    if 0 in shape:
        raise ValueError(f"{name}: an array of shape {tuple(shape)} holds no pixels")


def _whole(array):
    """A 2-D image as a stack of one."""
    return array[None] if len(array.shape) == 2 else array


class _ScaledArray:
    """An array times a factor, multiplied when it is sliced."""

    def __init__(self, array, factor):
        self.array = array
        self.factor = factor
        self.shape = array.shape
        self.dtype = np.dtype(np.float64)

    def __getitem__(self, key):
        return np.asanyarray(self.array[key]).astype(np.float64) * self.factor


class _Inverse:
    """One over an array, divided in float64 when it is sliced; a weight of 0 is an error without limit."""

    def __init__(self, array):
        self.array = array
        self.shape = array.shape
        self.dtype = np.dtype(np.float64)

    def __getitem__(self, key):
        with np.errstate(divide="ignore"):
            return 1 / np.asarray(self.array[key], dtype=np.float64)


def _converted(array, unit, wanted, name):
    """An array in another unit; without a unit it is taken to be in the wanted one."""
    if unit is None or unit == wanted:
        return array
    try:
        factor = unit.to(wanted)
    except u.UnitConversionError:
        raise ValueError(f"{name}: the unit {unit} cannot be converted to {wanted}") from None
    return array if factor == 1 else _ScaledArray(array, factor)


def _side_parts(values, shapes, unit, name):
    """Errors or masks given for several parts: arrays of each part's shape, or one frame."""
    if not isinstance(values, (list, tuple)):
        array, own, _ = _split(values if is_array(values) else np.asanyarray(values), name)
        if np.ma.isMaskedArray(array):
            raise TypeError(f"{name}: a masked array is not accepted; mask the pixels by mask=")
        if array.ndim == 2 and array.shape == shapes[0][-2:]:
            # A frame of errors is one for every group; a mask need not be repeated over them.
            leading = (1,) if name == "mask" else (1,) * (len(shapes[0]) - 2)
            return [np.asarray(_converted(array, own, unit, name)[:]).reshape(*leading, *array.shape)]
        total = (sum(shape[0] for shape in shapes), *shapes[0][1:])
        frames = (total[0], *total[-2:])
        if name == "mask" and array.shape == frames:
            return [array]
        if tuple(array.shape) != total:
            raise ValueError(
                f"{name}: has the shape {tuple(array.shape)}, but the pixels have {total} "
                f"(a single frame of {total[-2:]} serves for all)"
            )
        return [_converted(array, own, unit, name)]
    if len(values) != len(shapes):
        raise ValueError(f"{name}: a list of {len(values)} was given for {len(shapes)} arrays")
    parts = []
    for index, (value, shape) in enumerate(zip(values, shapes, strict=True)):
        array, own, _ = _split(value if is_array(value) else np.asanyarray(value), f"{name}[{index}]")
        array = _whole(array)
        if tuple(array.shape) != tuple(shape):
            raise ValueError(f"{name}[{index}]: has the shape {tuple(array.shape)}, but the pixels have {tuple(shape)}")
        parts.append(_converted(array, own, unit, name))
    return parts


def _uncertainty(nddata, unit, name):
    """(sigma or None, variance or None, note or None) of an NDData."""
    uncertainty = nddata.uncertainty
    kind = getattr(uncertainty, "uncertainty_type", None)
    if uncertainty is None or uncertainty.array is None:
        return None, None, None
    if kind not in _UNITS_OF:
        return None, None, f"{name}: an uncertainty of type {kind!r} is not used"
    array, own, _ = _split(uncertainty.array, f"{name} uncertainty")
    own = uncertainty.unit if uncertainty.unit is not None else own
    array = _whole(np.broadcast_to(np.asarray(array), np.shape(nddata.data)))
    array = _converted(array, own, unit ** _UNITS_OF[kind], f"{name} uncertainty")
    if kind == "std":
        return array, None, None
    return None, _Inverse(array) if kind == "ivar" else array, None


def _nddata_header(nddata):
    header = _as_header(nddata.meta)
    wcs = getattr(nddata, "wcs", None)
    # CCDData takes the coordinate cards out of its header; the position may be a SkyCoord.
    to_header = getattr(wcs, "to_header", None)
    if to_header is not None:
        header.update(to_header(relax=True))
    return header


def _nddata_segment(nddata, name, first, *, header, unit, mask, sigma):
    data, own, own_mask = _split(nddata.data, name)
    unit_of_data = nddata.unit if nddata.unit is not None else own
    wanted = unit if unit is not None else (unit_of_data or u.dimensionless_unscaled)
    _check_shape(data.shape, name)
    image = _whole(_converted(data, unit_of_data, wanted, name))
    masks = [] if mask is None else [mask]
    for extra in (nddata.mask, own_mask):
        if extra is not None:
            masks.append(ArrayPixels([_whole(np.broadcast_to(np.asarray(extra, dtype=bool), data.shape))]))
    own_sigma, variance, note = _uncertainty(nddata, wanted, name)
    source = "given" if sigma is not None else "uncertainty"
    if sigma is None and own_sigma is not None:
        sigma = ArrayPixels([own_sigma])
    elif sigma is None and variance is None:
        source = None
    return _segment(
        [image],
        name,
        first,
        header=_nddata_header(nddata) if header is None else header,
        unit=wanted,
        masks=tuple(masks),
        variances=(ArrayPixels([variance]),) if sigma is None and variance is not None else (),
        sigma=sigma,
        source=source,
        notes=[note] if note else [],
    )


def _first_number(header, first, count):
    """INTSTART of a JWST header that tells of just as many integrations, else what is given."""
    numbers = [header.get(card) for card in ("INTSTART", "INTEND")]
    if str(header.get("TELESCOP", "")).strip().upper() != "JWST" or any(type(n) is not int for n in numbers):
        return first
    return numbers[0] if numbers[0] >= 1 and numbers[1] - numbers[0] + 1 == count else first


def _segment(parts, name, first, *, header, unit, masks, variances, sigma, source, notes):
    if any(np.ma.isMaskedArray(part) for part in parts):
        masks = (*masks, ArrayPixels(parts))
    image = ArrayPixels(parts)
    return PixelSegment(
        name=name,
        path=None,
        kind="array",
        header=header,
        n_integrations=image.shape[0],
        n_groups=image.shape[1] if len(image.shape) == 4 else None,
        shape=tuple(int(n) for n in image.shape[-2:]),
        first_integration=_first_number(header, first, image.shape[0]),
        unit=unit,
        error_source=source,
        notes=notes,
        image=image,
        variances=variances,
        sigma=sigma,
        masks=masks,
    )


def array_segments(sources, *, errors=None, mask=None, header=None, unit=None):
    """
    Segments of arrays in memory.

    Parameters
    ----------
    sources : list
        Arrays, Quantities or NDData: images (y, x), stacks (integrations, y, x) or ramps
        (integrations, groups, y, x), which follow each other. Nothing is copied.
    errors : array_like, Quantity or list, optional
        1 sigma, of the pixels' shape or one frame for all (or a list, one for each).
    mask : array_like of bool or list, optional
        True for pixels to leave out, of the pixels' shape or one frame for all.
    header : `~astropy.io.fits.Header` or dict, optional
        Takes the place of the header of NDData.
    unit : str or `~astropy.units.Unit`, optional
        Unit of plain arrays; Quantities are converted to it.

    Returns
    -------
    list of PixelSegment
        One for all plain arrays together, one for each NDData.

    Raises
    ------
    ValueError
        For arrays of other than 2 to 4 axes, empty ones, different shapes or units.
    TypeError
        For what is not an array of real numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.io.arrays import array_segments
    >>> segment = array_segments([np.zeros((5, 8)), np.ones((5, 8))], unit="DN")[0]
    >>> segment.n_integrations, segment.shape, segment.read(1, 2).data.shape
    (2, (5, 8), (1, 5, 8))
    """
    unit = None if unit is None else _as_unit(unit)
    names = ["source"] if len(sources) == 1 else [f"source[{index}]" for index in range(len(sources))]
    nddata = [_is_nddata(source) for source in sources]
    if any(nddata) and not all(nddata):
        raise ValueError("source: NDData and plain arrays cannot be mixed in one list")
    split = [
        (source.data, getattr(source, "unit", None), None) if is_nd else _split(source, name)
        for source, is_nd, name in zip(sources, nddata, names, strict=True)
    ]
    shapes = []
    for (data, _, _), name in zip(split, names, strict=True):
        _check_shape(data.shape, name)
        shapes.append((1, *data.shape) if len(data.shape) == 2 else tuple(data.shape))
        if len(data.shape) != len(split[0][0].shape) or shapes[-1][1:] != shapes[0][1:]:
            raise ValueError(
                f"{name}: has the shape {tuple(data.shape)}, but source[0] has {tuple(split[0][0].shape)}; "
                "arrays in a list must be alike"
            )
    own = split[0][1]
    wanted = unit if unit is not None else (own or u.dimensionless_unscaled)
    sigma = None if errors is None else ArrayPixels(_side_parts(errors, shapes, wanted, "errors"))
    given_mask = None if mask is None else ArrayPixels(_bool_parts(_side_parts(mask, shapes, None, "mask")))
    if not nddata[0]:
        parts = [
            _whole(_converted(data, piece if piece is not None else None, wanted, name))
            for (data, piece, _), name in zip(split, names, strict=True)
        ]
        masks = () if given_mask is None else (given_mask,)
        if any(piece is not None for _, _, piece in split):
            masks += (
                ArrayPixels(
                    [
                        np.zeros(shape, bool) if piece is None else piece.reshape(shape)
                        for (_, _, piece), shape in zip(split, shapes, strict=True)
                    ]
                ),
            )
        source = None if sigma is None else "given"
        return [
            _segment(
                parts,
                "array",
                1,
                header=_as_header(header),
                unit=wanted,
                masks=masks,
                variances=(),
                sigma=sigma,
                source=source,
                notes=[],
            )
        ]
    segments, first = [], 1
    for index, (source, shape) in enumerate(zip(sources, shapes, strict=True)):
        name = "array" if len(sources) == 1 else f"array {index}"
        segments.append(
            _nddata_segment(
                source,
                name,
                first,
                header=None if header is None else _as_header(header),
                unit=wanted if unit is not None or index else None,
                mask=_portion(given_mask, first - 1, shape[0]),
                sigma=_portion(sigma, first - 1, shape[0]),
            )
        )
        first += shape[0]
    return segments


def _bool_parts(parts):
    for part in parts:
        if part.dtype.kind not in "biu":
            raise TypeError(f"mask: an array of {part.dtype} is no mask; bool is expected")
    return parts


def _portion(pixels, start, count):
    """The part of side values that belongs to one of several arrays."""
    if pixels is None or pixels.shape[0] == 1:
        return pixels
    parts, at = [], 0
    for part in pixels.parts:
        low, high = max(start - at, 0), min(start + count - at, part.shape[0])
        if low < high:
            parts.append(part[low:high])
        at += part.shape[0]
    return ArrayPixels(parts)
