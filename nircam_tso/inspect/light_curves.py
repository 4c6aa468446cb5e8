"""The light curves of a product, and the columns that may explain them, found by their names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.columns import center_columns
from nircam_tso.inspect.values import check_names, column_values, error_column, usable_rows

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["LightCurve", "center_pairs", "light_curve", "light_curves", "systematic_columns"]

_SUM = re.compile(r"aperture_sum_(?!err_)(?P<label>.+?)(?:_star(?P<star>\d+))?$")
_PSF = re.compile(r"psf_flux(?:_star(?P<star>\d+))?$")
_RADIUS = re.compile(r"r(?P<radius>\d+(?:\.\d+)?(?:e[+-]?\d+)?)(?P<widths>fwhm)?$")

#: What may explain a flux, in the order in which it is told: centres, widths, sky, components.
_SYSTEMATIC = re.compile(r"(?:[xy]_(?:gauss|cc|centroid)|[xy]_stddev|theta|fwhm|beta|background|pc\d+)$")


@dataclass(frozen=True)
class LightCurve:
    """
    One light curve of a product.

    Attributes
    ----------
    name : str
        Its column.
    label : str
        What tells it from others: ``"r3"``, ``"r2fwhm"``, the name of a mask, ``"psf"``.
    error, area : str or None
        Columns of its 1 sigma and of its aperture's area, where there are such.
    radius : float or None
        Radius of its aperture in pixels, or in widths of the star where ``in_widths``.
    in_widths : bool
        Whether the radius is counted in full widths at half maximum.
    star : int
        Number of the star, from 1.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from nircam_tso.inspect.light_curves import light_curve
    >>> curve = light_curve(Table({"aperture_sum_r2.5fwhm": [1.0, 2.0, 1.0]}))
    >>> curve.label, curve.radius, curve.in_widths
    ('r2.5fwhm', 2.5, True)
    """

    name: str
    label: str
    error: str | None
    area: str | None
    radius: float | None
    in_widths: bool
    star: int


def light_curves(ts: Table, *, star: int | None = None, psf: bool = True) -> list[LightCurve]:
    """
    All light curves of a product, in the order of their columns.

    Parameters
    ----------
    ts : `~astropy.table.Table`
        A product.
    star : int, optional
        Only those of this star; the first is 1. All stars if None.
    psf : bool, optional
        Whether ``psf_flux`` is among them.

    Returns
    -------
    list of LightCurve

    Examples
    --------
    >>> from astropy.table import Table
    >>> from nircam_tso.inspect.light_curves import light_curves
    >>> ts = Table(names=["aperture_sum_r3", "aperture_sum_err_r3", "aperture_sum_r2fwhm_star2"])
    >>> [(curve.label, curve.error, curve.radius, curve.star) for curve in light_curves(ts)]
    [('r3', 'aperture_sum_err_r3', 3.0, 1), ('r2fwhm', None, 2.0, 2)]
    """
    found = []
    for name in ts.colnames:
        if match := _SUM.match(name):
            label = match["label"]
            area = name.replace("aperture_sum_", "aperture_area_", 1)
        elif psf and (match := _PSF.match(name)):
            label, area = "psf", ""
        else:
            continue
        number = int(match["star"] or 1)
        if star is not None and number != star:
            continue
        size = _RADIUS.match(label)
        found.append(
            LightCurve(
                name=name,
                label=label,
                error=error_column(ts, name),
                area=area if area in ts.colnames else None,
                radius=float(size["radius"]) if size else None,
                in_widths=bool(size and size["widths"]),
                star=number,
            )
        )
    return found


def light_curve(ts: Table, column: str | None = None) -> LightCurve:
    """
    One light curve of a product.

    Parameters
    ----------
    ts : `~astropy.table.Table`
        A product.
    column : str, optional
        Its column. By default the aperture sum of the first star whose neighbouring
        rows differ least, relative to its flux.

    Returns
    -------
    LightCurve
        For any other column of numbers, one with that name as its label.

    Raises
    ------
    ValueError
        For a column that is not there, and where there is no light curve.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.table import Table
    >>> from nircam_tso.inspect.light_curves import light_curve
    >>> rng = np.random.default_rng(1)
    >>> ts = Table({"aperture_sum_r3": rng.normal(1e4, 90, 99), "aperture_sum_r5": rng.normal(1e4, 50, 99)})
    >>> light_curve(ts).name
    'aperture_sum_r5'
    """
    if column is not None:
        check_names(ts, "column", [column])
        found = [curve for curve in light_curves(ts) if curve.name == column]
        return found[0] if found else LightCurve(column, column, error_column(ts, column), None, None, False, 1)
    found = light_curves(ts, star=1, psf=False) or light_curves(ts)
    if not found:
        raise ValueError(f"ts: has no column aperture_sum_... or psf_flux (it has {', '.join(ts.colnames)})")
    return min(found, key=lambda curve: _roughness(column_values(ts, curve.name)[usable_rows(ts, curve.name)]))


def _roughness(flux):
    level = np.median(flux) if flux.size else 0.0
    return np.median(np.abs(np.diff(flux))) / level if flux.size > 1 and level > 0 else np.inf


def systematic_columns(ts: Table) -> list[str]:
    """
    Columns of the first star that may explain its flux: centres, widths, sky, components.

    Of the centres, the kind that ``ts.meta["center"]`` names is taken, or for one place
    for all the first that is known.

    Parameters
    ----------
    ts : `~astropy.table.Table`
        A product.

    Returns
    -------
    list of str
        Those that vary.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from nircam_tso.inspect.light_curves import systematic_columns
    >>> systematic_columns(Table({"x_gauss": [1.0, 2], "x_cc": [1.0, 2], "fwhm": [2.1, 2.0], "pc1": [0.0, 0]}))
    ['x_gauss', 'fwhm']
    """
    use = usable_rows(ts)
    names = []
    for name in ts.colnames:
        if _SYSTEMATIC.match(name):
            values = column_values(ts, name)[use]
            values = values[np.isfinite(values)]
            if values.size > 1 and np.ptp(values) > 0:
                names.append(name)
    for pair in zip(*center_pairs(ts), strict=True):
        known = [name for name in pair if name in names]
        names = [name for name in names if name not in known[1:]]
    return names


def center_pairs(ts: Table) -> list[tuple[str, str]]:
    """
    Columns of the first star's centres, those that its apertures sat on first.

    Parameters
    ----------
    ts : `~astropy.table.Table`
        A product, whose ``meta["center"]`` tells which.

    Returns
    -------
    list of (str, str)
        Names of x and y, whether or not the product has them.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from nircam_tso.inspect.light_curves import center_pairs
    >>> center_pairs(Table(meta={"center": "centroid"}))
    [('x_centroid', 'y_centroid'), ('x_gauss', 'y_gauss'), ('x_cc', 'y_cc')]
    """
    pairs = (ts.meta.get("center"), "gaussian", "cross-correlation", "centroid")
    return list(dict.fromkeys(map(center_columns, pairs)))
