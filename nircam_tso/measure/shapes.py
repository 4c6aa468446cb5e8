"""Apertures that are no circles: ellipses, rectangles, and the hexagon of a defocused JWST star."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.measure.background import in_pixels
from nircam_tso.measure.lines import detector_lines
from nircam_tso.measure.photometry import check_centres, check_images, finish_sums
from nircam_tso.measure.shape_overlap import fill_overlap, sum_over_shape

if TYPE_CHECKING:
    from typing import Any, Literal

    from astropy.units import Quantity
    from numpy.typing import ArrayLike
    from photutils.aperture import PixelAperture

    from nircam_tso.measure.photometry import ApertureSums

__all__ = ["EllipseShape", "HexagonShape", "RectangleShape", "as_shape", "shape_sums"]


def _length(name, value):
    length = in_pixels(name, value)
    if length.ndim != 0 or not (np.isfinite(length) and length > 0):
        raise ValueError(f"{name}: {value} is not a length; give one finite number above 0 pixels")
    return float(length)


def _angle(value):
    """Angle in radians, from such a number or a Quantity."""
    if getattr(value, "unit", None) is not None:
        try:
            value = value.to_value("rad")
        except ValueError:
            raise ValueError(f"theta: {value} is not an angle; give radians or a Quantity such as 30 * u.deg") from None
    try:
        value = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"theta: {value!r} is not an angle; give radians or a Quantity") from None
    if not math.isfinite(value):
        raise ValueError(f"theta: {value} is not an angle; give a finite number of radians or a Quantity")
    return value


class _Shape:
    """What all shapes can do, given ``_outline()``: half extents, ellipse matrix, half-planes."""

    def overlap(self, frame_shape, position):
        """
        Area that each pixel shares with the shape.

        Parameters
        ----------
        frame_shape : tuple of int
            (ny, nx).
        position : tuple of float
            Centre (x, y), zero-based pixel centres.

        Returns
        -------
        `~numpy.ndarray` of float64, shape (ny, nx)
            Overlaps from 0 to 1; all 0 for a centre that is not finite.
        """
        image = np.zeros(frame_shape)
        fill_overlap(image, float(position[0]), float(position[1]), *self._outline())
        return image

    def footprint(self, frame_shape, position):
        """
        Pixels that the shape overlaps at all.

        Parameters
        ----------
        frame_shape : tuple of int
            (ny, nx).
        position : tuple of float
            Centre (x, y), zero-based pixel centres.

        Returns
        -------
        `~numpy.ndarray` of bool, shape (ny, nx)
        """
        return self.overlap(frame_shape, position) > 0


@dataclass(frozen=True)
class EllipseShape(_Shape):
    """
    An ellipse about the star.

    Parameters
    ----------
    a, b : float or `~astropy.units.Quantity`
        Semi-axes in pixels; either may be the longer one.
    theta : float or `~astropy.units.Quantity`, optional
        Angle of ``a``, counterclockwise from x: in radians, or a Quantity.

    Raises
    ------
    ValueError
        For a semi-axis that is not finite and positive, or what is not an angle.

    Examples
    --------
    >>> from nircam_tso.measure.shapes import EllipseShape
    >>> bool(abs(EllipseShape(4, 2).overlap((7, 11), (5, 3)).sum() - EllipseShape(4, 2).area) < 1e-12)
    True
    """

    a: float
    b: float
    theta: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "a", _length("a", self.a))
        object.__setattr__(self, "b", _length("b", self.b))
        object.__setattr__(self, "theta", _angle(self.theta))

    @property
    def area(self) -> float:
        """Whole area in pixels."""
        return math.pi * self.a * self.b

    @property
    def reach(self) -> float:
        """Largest distance from the centre in pixels."""
        return max(self.a, self.b)

    def describe(self) -> dict[str, Any]:
        """What the product's metadata say of the shape: plain names, numbers, and the angle in degrees."""
        return {"shape": "ellipse", "a": self.a, "b": self.b, "theta": math.degrees(self.theta)}

    def _outline(self):
        c, s = math.cos(self.theta), math.sin(self.theta)
        extent = np.array([math.hypot(self.a * c, self.b * s), math.hypot(self.a * s, self.b * c)])
        matrix = np.array([[c / self.a, s / self.a], [-s / self.b, c / self.b]])
        return extent, matrix, np.empty((0, 3))


@dataclass(frozen=True)
class RectangleShape(_Shape):
    """
    A rectangle about the star.

    Parameters
    ----------
    w, h : float or `~astropy.units.Quantity`
        Full width and height in pixels.
    theta : float or `~astropy.units.Quantity`, optional
        Angle of the width, counterclockwise from x: in radians, or a Quantity.

    Raises
    ------
    ValueError
        For a side that is not finite and positive, or what is not an angle.

    Examples
    --------
    >>> from nircam_tso.measure.shapes import RectangleShape
    >>> RectangleShape(3, 1).overlap((3, 5), (1.5, 1))
    array([[0. , 0. , 0. , 0. , 0. ],
           [0.5, 1. , 1. , 0.5, 0. ],
           [0. , 0. , 0. , 0. , 0. ]])
    """

    w: float
    h: float
    theta: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "w", _length("w", self.w))
        object.__setattr__(self, "h", _length("h", self.h))
        object.__setattr__(self, "theta", _angle(self.theta))

    @property
    def area(self) -> float:
        """Whole area in pixels."""
        return self.w * self.h

    @property
    def reach(self) -> float:
        """Largest distance from the centre in pixels."""
        return math.hypot(self.w, self.h) / 2

    def describe(self) -> dict[str, Any]:
        """What the product's metadata say of the shape: plain names, numbers, and the angle in degrees."""
        return {"shape": "rectangle", "w": self.w, "h": self.h, "theta": math.degrees(self.theta)}

    def _outline(self):
        # Quarters of a turn by exchange: cos(pi / 2) is not quite 0, and sides along the pixels' would stray.
        quarters, rest = divmod(self.theta, math.pi / 2)
        w, h = (self.h / 2, self.w / 2) if quarters % 2 else (self.w / 2, self.h / 2)
        c, s = math.cos(rest), math.sin(rest)
        planes = np.array([(c, s, w), (-s, c, h), (-c, -s, w), (s, -c, h)])
        return np.array([w * c + h * s, w * s + h * c]), np.eye(2), planes


@dataclass(frozen=True)
class HexagonShape(_Shape):
    """
    A regular hexagon about the star: the outline of JWST's pupil, which a weak lens shows.

    Parameters
    ----------
    radius : float or `~astropy.units.Quantity`
        Distance of the corners from the centre in pixels.
    theta : float or `~astropy.units.Quantity`, optional
        Angle of one corner, counterclockwise from x: in radians, or a Quantity.

    Raises
    ------
    ValueError
        For a radius that is not finite and positive, or what is not an angle.

    Examples
    --------
    >>> from nircam_tso.measure.shapes import HexagonShape
    >>> round(HexagonShape.across_flats(2).area, 6)
    3.464102
    """

    radius: float
    theta: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "radius", _length("radius", self.radius))
        object.__setattr__(self, "theta", _angle(self.theta))

    @classmethod
    def across_flats(cls, width: float | Quantity, theta: float | Quantity = 0.0) -> HexagonShape:
        """
        The hexagon whose opposite sides are ``width`` pixels apart.

        Parameters
        ----------
        width : float or `~astropy.units.Quantity`
            Distance between opposite sides in pixels.
        theta : float or `~astropy.units.Quantity`, optional
            Angle of one corner, counterclockwise from x.

        Returns
        -------
        HexagonShape
        """
        return cls(_length("width", width) / math.sqrt(3), theta)

    @property
    def area(self) -> float:
        """Whole area in pixels."""
        return 1.5 * math.sqrt(3) * self.radius**2

    @property
    def reach(self) -> float:
        """Largest distance from the centre in pixels."""
        return self.radius

    def describe(self) -> dict[str, Any]:
        """What the product's metadata say of the shape: plain names, numbers, and the angle in degrees."""
        return {"shape": "hexagon", "radius": self.radius, "theta": math.degrees(self.theta)}

    def _outline(self):
        corners = [self.theta + m * math.pi / 3 for m in range(6)]
        # A side's normal stands midway between two corners.
        normals = [angle + math.pi / 6 for angle in corners]
        planes = np.array([(math.cos(t), math.sin(t), self.radius * math.sqrt(0.75)) for t in normals])
        extent = [self.radius * max(abs(part(t)) for t in corners) for part in (math.cos, math.sin)]
        return np.array(extent), np.eye(2), planes


def as_shape(
    value: EllipseShape | RectangleShape | HexagonShape | PixelAperture, name: str = "aperture_shapes"
) -> EllipseShape | RectangleShape | HexagonShape:
    """
    A shape, from one of this module's or from an aperture of photutils.

    Of a photutils aperture only the form is taken; its position does not matter,
    because every aperture sits where the star was found.

    Parameters
    ----------
    value : EllipseShape, RectangleShape, HexagonShape or `~photutils.aperture.PixelAperture`
        Of photutils: CircularAperture, EllipticalAperture or RectangularAperture.
    name : str, optional
        What the message calls it.

    Returns
    -------
    EllipseShape, RectangleShape or HexagonShape

    Raises
    ------
    TypeError
        For anything else: annuli and sky apertures among them.

    Examples
    --------
    >>> from photutils.aperture import RectangularAperture
    >>> from nircam_tso.measure.shapes import as_shape
    >>> as_shape(RectangularAperture((0, 0), w=12, h=5))
    RectangleShape(w=12.0, h=5.0, theta=0.0)
    """
    if isinstance(value, (EllipseShape, RectangleShape, HexagonShape)):
        return value
    from photutils.aperture import CircularAperture, EllipticalAperture, RectangularAperture

    if isinstance(value, CircularAperture):
        return EllipseShape(value.r, value.r)
    if isinstance(value, EllipticalAperture):
        return EllipseShape(value.a, value.b, value.theta)
    if isinstance(value, RectangularAperture):
        return RectangleShape(value.w, value.h, value.theta)
    raise TypeError(
        f"{name}: a {type(value).__name__} is not an aperture's shape; give EllipseShape, RectangleShape or "
        "HexagonShape, or a circular, elliptical or rectangular pixel aperture of photutils"
    )


def shape_sums(
    data: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    shape: EllipseShape | RectangleShape | HexagonShape | PixelAperture,
    *,
    bad: ArrayLike | None = None,
    variance: ArrayLike | None = None,
    along: Literal["row", "column"] | None = None,
    edges: ArrayLike | None = None,
) -> ApertureSums:
    """
    Sums over one shape about each image's centre, with exact pixel overlaps.

    An ellipse is mapped to a disc and each pixel with it to a parallelogram, whose
    sides cut the disc in sectors and triangles; a polygon cuts each pixel side by
    side. Each image is summed serially, so its numbers do not depend on what else is
    in the block.

    Parameters
    ----------
    data : array_like, shape (B, ny, nx)
        Images.
    x, y : array_like, shape (B,)
        Centres, zero-based pixel centres. They may lie outside the frame.
    shape : EllipseShape, RectangleShape, HexagonShape or `~photutils.aperture.PixelAperture`
        As `as_shape` takes it.
    bad, variance, along, edges : optional
        As in `~nircam_tso.measure.photometry.aperture_sums`.

    Returns
    -------
    `~nircam_tso.measure.photometry.ApertureSums`
        Each of shape (B,). A centre that is not finite gives NaN sums and no area.

    Raises
    ------
    TypeError
        For what is not a shape.
    ValueError
        For arrays whose shapes do not go together, or wrong lines.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.shapes import RectangleShape, shape_sums
    >>> sums = shape_sums(np.ones((1, 20, 30)), [12.3], [9.8], RectangleShape(8, 5, 0.3), along="row")
    >>> np.allclose(sums.sum, 40)
    True
    """
    data, bad, variance = check_images(data, bad, variance)
    x, y = check_centres(x, y, len(data))
    lines = detector_lines(data.shape[1:], along, edges)
    outline = as_shape(shape, "shape")._outline()
    total, total_variance, area, covered, chords = (np.zeros(len(data)) for _ in range(5))
    n_bad = np.zeros(len(data), np.int64)
    sum_over_shape(data, x, y, *outline, bad, variance, *lines, total, total_variance, area, covered, chords, n_bad)
    chords = None if along is None else chords
    return finish_sums(total, total_variance if len(variance) else None, area, covered, n_bad, chords)
