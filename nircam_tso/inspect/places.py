"""Where a product was measured: the star, the outlines of its apertures, the sky's annulus."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.inspect.light_curves import center_pairs, light_curves
from nircam_tso.inspect.values import column_values
from nircam_tso.io.provenance import recorded_settings

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["Outline", "aperture_radii", "center_of", "shape_outlines", "sky_annulus", "told_position"]

#: Points of a curved outline; their chords stray from it by less than a thousandth of its size.
_POINTS = 90


@dataclass(frozen=True)
class Outline:
    """
    The edge of an aperture that is no circle.

    Attributes
    ----------
    name : str
        Of the aperture, as in its columns.
    text : str
        What shape it has, in words.
    x, y : `~numpy.ndarray`, shape (k,)
        Points along the edge, pixels from the centre; the last is not the first again.
    """

    name: str
    text: str
    x: np.ndarray
    y: np.ndarray

    @property
    def reach(self) -> float:
        """Largest distance from the centre in pixels."""
        return float(np.hypot(self.x, self.y).max())


def center_of(ts: Table, row: int, star: int = 1) -> tuple[float, float]:
    """
    Where a row's apertures sat.

    Parameters
    ----------
    ts : `~astropy.table.Table`
        A product.
    row : int
        Row of the product.
    star : int, optional
        Number of the star.

    Returns
    -------
    (x, y) : tuple of float
        (nan, nan) where that is not known.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from nircam_tso.inspect.places import center_of
    >>> center_of(Table({"x_gauss": [4.5, 4.6], "y_gauss": [7.5, 7.4]}), 1)
    (4.6, 7.4)
    """
    place, suffix = _told(ts, "center", star), _suffix(star)
    if place is not None:
        return place
    for pair in center_pairs(ts):
        names = [f"{name}{suffix}" for name in pair]
        if set(names) <= set(ts.colnames):
            x, y = (float(column_values(ts[row : row + 1], name)[0]) for name in names)
            if math.isfinite(x) and math.isfinite(y):
                return x, y
    return math.nan, math.nan


def told_position(ts: Table, star: int = 1) -> tuple[float, float] | None:
    """
    Where the star was looked for, which the subframe and the sky's annulus lie about.

    Parameters
    ----------
    ts : `~astropy.table.Table`
        A product.
    star : int, optional
        Number of the star.

    Returns
    -------
    (x, y) : tuple of float, or None
        None where the product does not tell.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from nircam_tso.inspect.places import told_position
    >>> told_position(Table(meta={"position_x": 4.5, "position_y": 7.5}))
    (4.5, 7.5)
    """
    return _told(ts, "position", star)


def _suffix(star):
    return "" if star == 1 else f"_star{star}"


def _told(ts, what, star):
    """A place of the metadata, None where it is unknown."""
    x, y = (ts.meta.get(f"{what}_{axis}{_suffix(star)}") for axis in "xy")
    return (float(x), float(y)) if isinstance(x, int | float) and isinstance(y, int | float) else None


def aperture_radii(ts: Table, row: int, star: int = 1) -> list[float]:
    """
    Radii of a star's round apertures.

    Parameters
    ----------
    ts : `~astropy.table.Table`
        A product.
    row : int
        Row of the product.
    star : int, optional
        Number of the star.

    Returns
    -------
    list of float
        In pixels, in order.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from nircam_tso.inspect.places import aperture_radii
    >>> aperture_radii(Table({"aperture_sum_r5": [9.0], "aperture_sum_r2fwhm": [8.0], "fwhm": [2.2]}), 0)
    [4.4, 5.0]
    """
    found = []
    for curve in light_curves(ts, star=star, psf=False):
        if curve.radius is None:
            continue
        width, name = 1.0, f"fwhm{_suffix(star)}"
        if curve.in_widths:
            width = float(column_values(ts[row : row + 1], name)[0]) if name in ts.colnames else math.nan
        if math.isfinite(curve.radius * width):
            found.append(curve.radius * width)
    return sorted(found)


def shape_outlines(ts: Table) -> list[Outline]:
    """
    Edges of the apertures that are ellipses, rectangles or hexagons.

    Parameters
    ----------
    ts : `~astropy.table.Table`
        A product.

    Returns
    -------
    list of Outline
        In the order of their names.

    Examples
    --------
    >>> import json
    >>> from astropy.table import Table
    >>> from nircam_tso.inspect.places import shape_outlines
    >>> shapes = {"lens": {"shape": "hexagon", "radius": 68.0, "theta": 30.0}}
    >>> (lens,) = shape_outlines(Table(meta={"provenance": json.dumps({"settings": {"aperture_shapes": shapes}})}))
    >>> lens.text, len(lens.x), round(lens.reach, 9)
    ('hexagon 68 pix, 30 deg', 6, 68.0)
    """
    found = []
    for name, shape in (recorded_settings(ts).get("aperture_shapes") or {}).items():
        kind, lengths = _lengths(shape)
        angle = f", {shape['theta']:.4g} deg" if shape["theta"] else ""
        text = f"{kind} {' x '.join(f'{length:g}' for length in lengths)} pix{angle}"
        x, y = _edge(kind, lengths)
        c, s = math.cos(math.radians(shape["theta"])), math.sin(math.radians(shape["theta"]))
        found.append(Outline(name, text, c * x - s * y, s * x + c * y))
    return found


def _lengths(shape):
    """Kind and lengths of a shape as the provenance has it."""
    names = {"ellipse": ("a", "b"), "rectangle": ("w", "h"), "hexagon": ("radius",)}[shape["shape"]]
    return shape["shape"], tuple(shape[name] for name in names)


def _edge(kind, lengths):
    """Points along the edge of a shape that is not turned."""
    if kind == "rectangle":
        w, h = lengths
        return np.array([w, -w, -w, w]) / 2, np.array([h, h, -h, -h]) / 2
    if kind == "hexagon":
        angles = np.arange(6) * np.pi / 3
        return lengths[0] * np.cos(angles), lengths[0] * np.sin(angles)
    angles = np.arange(_POINTS) * 2 * np.pi / _POINTS
    return lengths[0] * np.cos(angles), lengths[1] * np.sin(angles)


def sky_annulus(ts: Table) -> tuple[float, float] | None:
    """
    Radii of the annulus in which the sky was measured.

    Parameters
    ----------
    ts : `~astropy.table.Table`
        A product.

    Returns
    -------
    (inner, outer) : tuple of float, or None
        In pixels; None where the sky was measured otherwise, or the product does not tell.

    Examples
    --------
    >>> import json
    >>> from astropy.table import Table
    >>> from nircam_tso.inspect.places import sky_annulus
    >>> settings = {"background": {"kind": "annulus", "inner": 12.0, "outer": 20.0}}
    >>> sky_annulus(Table(meta={"provenance": json.dumps({"settings": settings})}))
    (12.0, 20.0)
    """
    background = recorded_settings(ts).get("background")
    if not isinstance(background, dict) or not background.get("outer"):
        return None
    return background["inner"], background["outer"]
