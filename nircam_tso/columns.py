"""Every column of the product: its name, unit and description. The one place.

A name that ends in ``{r}`` stands for one column per aperture radius, ``{name}``
for one per other aperture or mask. With several stars every measured column, from
``background`` on, is there again for each further star, its name ending in
``_star2``, ``_star3`` and so on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Literal

__all__ = [
    "COLUMNS",
    "Column",
    "center_columns",
    "choose_radius",
    "column",
    "column_names",
    "radius_label",
    "star_columns",
    "sum_columns",
]


@dataclass(frozen=True)
class Column:
    """
    What a column is.

    Attributes
    ----------
    name : str
        Its name, or the pattern of its names.
    unit : str
        ``"image"`` and ``"flux"`` stand for the units of the pixels and of their
        sums, ``"time"`` for a `~astropy.time.Time` column, ``""`` for plain numbers;
        anything else is an astropy unit.
    dtype : str
        Type of the numbers.
    description : str
        One line, stored with the column.

    Examples
    --------
    >>> from nircam_tso.columns import column
    >>> column("x_gauss").unit, column("quality").dtype
    ('pix', 'uint32')
    """

    name: str
    unit: str
    dtype: str
    description: str


def _pair(name, unit, description):
    error = f"1 sigma of {name}"
    return Column(name, unit, "float64", description), Column(f"{name}_err", unit, "float64", error)


#: Every column in the order of the product.
COLUMNS = (
    Column("time", "time", "float64", "middle of the integration (or group step), UTC"),
    Column("time_start", "time", "float64", "start of the integration (or group step), UTC"),
    Column("time_end", "time", "float64", "end of the integration (or group step), UTC"),
    Column("time_bjd", "time", "float64", "barycentric middle of the integration, TDB"),
    Column("exposure_time", "s", "float64", "photon-collecting time of the measured image"),
    Column("exposure", "", "int32", "number of the exposure, 1-based"),
    Column("integration", "", "int32", "number of the integration within its exposure, 1-based"),
    Column("group", "", "int32", "number of the group step, 1-based: group + 1 less group"),
    Column("source", "", "int32", "index into the list of sources in the provenance"),
    *_pair("background", "image", "sky level per pixel, subtracted before all that follows"),
    *_pair("x_cc", "pix", "x of the cross-correlation centre"),
    *_pair("y_cc", "pix", "y of the cross-correlation centre"),
    *_pair("x_centroid", "pix", "x of the flux-weighted centre"),
    *_pair("y_centroid", "pix", "y of the flux-weighted centre"),
    *_pair("x_gauss", "pix", "x of the Gaussian fit"),
    *_pair("y_gauss", "pix", "y of the Gaussian fit"),
    *_pair("x_stddev", "pix", "standard deviation of the Gaussian along its axis nearer x"),
    *_pair("y_stddev", "pix", "standard deviation of the Gaussian along its other axis"),
    *_pair("theta", "deg", "angle from x to the axis of x_stddev, counterclockwise, in (-45, 45]"),
    *_pair("amplitude", "image", "height of the Gaussian above the background"),
    *_pair("gauss_background", "image", "constant of the Gaussian fit, on top of the sky that was subtracted"),
    Column("gauss_chi2", "", "float64", "reduced chi-squared of the Gaussian fit, where errors are known"),
    Column("aperture_sum_r{r}", "flux", "float64", "flux within {r}, background subtracted"),
    Column("aperture_sum_err_r{r}", "flux", "float64", "1 sigma of aperture_sum_r{r}"),
    Column("aperture_area_r{r}", "pix2", "float64", "area of the good pixels within {r}"),
    Column("aperture_sum_{name}", "flux", "float64", "flux within the aperture {name}, background subtracted"),
    Column("aperture_sum_err_{name}", "flux", "float64", "1 sigma of aperture_sum_{name}"),
    Column("aperture_area_{name}", "pix2", "float64", "area of the good pixels within the aperture {name}"),
    *_pair("psf_flux", "flux", "PSF-weighted flux at the measured centre"),
    *_pair("fwhm", "pix", "full width at half maximum of the Gaussian, geometric mean of both axes"),
    *_pair("beta", "pix2", "noise pixels: squared sum over the sum of squares, within the largest aperture"),
    Column("peak", "image", "float64", "highest pixel within the largest aperture, background subtracted"),
    *_pair("pc1", "", "component 1 of the subframe over its flux, less the median"),
    *_pair("pc2", "", "component 2 of the subframe over its flux, less the median"),
    *_pair("pc3", "", "component 3 of the subframe over its flux, less the median"),
    Column("n_good", "", "int32", "good pixels that the largest aperture touches"),
    Column("n_cleaned", "", "int32", "pixels within the largest aperture that were found to be cosmic rays"),
    Column("n_replaced", "", "int32", "passing bad pixels replaced within the largest aperture"),
    Column("quality", "", "uint32", "QualityFlag bits, 0 is good"),
)

_BY_NAME = {entry.name: entry for entry in COLUMNS}

_RADIUS_SUM = re.compile(r"aperture_sum_r([0-9.eE+-]+)(fwhm)?$")


def radius_label(radius: float, unit: Literal["pix", "fwhm"] = "pix") -> str:
    """
    How a radius is written in a column's name.

    Parameters
    ----------
    radius : float
        Radius.
    unit : {"pix", "fwhm"}, optional
        Its unit.

    Returns
    -------
    str

    Examples
    --------
    >>> from nircam_tso.columns import radius_label
    >>> radius_label(3.0), radius_label(2.5), radius_label(1.5, "fwhm")
    ('3', '2.5', '1.5fwhm')
    """
    return f"{radius:g}" + ("fwhm" if unit == "fwhm" else "")


def _spelled(label):
    """A radius as a description has it."""
    return f"{label[:-4]} widths (FWHM)" if label.endswith("fwhm") else f"{label} pixels"


def column(pattern: str, **fields: Any) -> Column:
    """
    One column, its pattern filled.

    Parameters
    ----------
    pattern : str
        A name in `COLUMNS`.
    **fields
        ``r`` or ``name``, as the pattern asks.

    Returns
    -------
    Column

    Examples
    --------
    >>> from nircam_tso.columns import column
    >>> column("aperture_sum_r{r}", r="3").description
    'flux within 3 pixels, background subtracted'
    """
    entry = _BY_NAME[pattern]
    words = dict(fields)
    if "r" in words and " {r}" in entry.description:
        words["r"] = _spelled(words["r"])
    return Column(entry.name.format(**fields), entry.unit, entry.dtype, entry.description.format(**words))


def column_names(
    radii: Sequence[float],
    names: Sequence[str] = (),
    *,
    groups: bool = False,
    radius_unit: Literal["pix", "fwhm"] = "pix",
    fit_background: bool = False,
    components: int = 0,
) -> list[Column]:
    """
    The columns of a product, in order.

    Parameters
    ----------
    radii : sequence of float
        Aperture radii.
    names : sequence of str, optional
        Names of the other apertures and the masks.
    groups : bool, optional
        Whether there is a row per group step.
    radius_unit : {"pix", "fwhm"}, optional
        Unit of the radii.
    fit_background : bool, optional
        Whether the Gaussian has a constant.
    components : int, optional
        Number of principal components.

    Returns
    -------
    list of Column

    Examples
    --------
    >>> from nircam_tso.columns import column_names
    >>> [c.name for c in column_names([3, 5]) if c.name.startswith("aperture_area")]
    ['aperture_area_r3', 'aperture_area_r5']
    """
    result = []
    done = set()
    for entry in COLUMNS:
        if entry.name == "group" and not groups:
            continue
        if entry.name.startswith("gauss_background") and not fit_background:
            continue
        if entry.name.startswith("pc") and int(entry.name[2]) > components:
            continue
        for field, values in (("{r}", [radius_label(r, radius_unit) for r in radii]), ("{name}", list(names))):
            if field not in entry.name:
                continue
            if field in done:
                break
            # The three columns of one aperture stand side by side.
            done.add(field)
            patterns = [c.name for c in COLUMNS if field in c.name]
            result += [column(p, **{field[1:-1]: value}) for value in values for p in patterns]
            break
        else:
            result.append(column(entry.name))
    return result


def star_columns(entries: Sequence[Column], star: int) -> list[tuple[str, Column]]:
    """
    The columns of a further star.

    Parameters
    ----------
    entries : sequence of Column
        The columns of the first one.
    star : int
        2 for the second.

    Returns
    -------
    list of (str, Column)
        For each measured column its name for the first star, and the column.

    Examples
    --------
    >>> from nircam_tso.columns import column_names, star_columns
    >>> [c.name for _, c in star_columns(column_names([3]), 2)][:3]
    ['background_star2', 'background_err_star2', 'x_cc_star2']
    """
    names = [entry.name for entry in entries]
    return [
        (entry.name, Column(f"{entry.name}_star{star}", entry.unit, entry.dtype, f"star {star}: {entry.description}"))
        for entry in entries[names.index("background") :]
    ]


def sum_columns(names: Sequence[str], *, in_widths: bool = True) -> dict[float, str]:
    """
    The aperture sums of the first star by their radii.

    Parameters
    ----------
    names : sequence of str
        Names of a product's columns.
    in_widths : bool, optional
        Whether radii that count widths of the star are among them.

    Returns
    -------
    dict of float to str
        In the order of the columns.

    Raises
    ------
    ValueError
        If there is none.

    Examples
    --------
    >>> from nircam_tso.columns import sum_columns
    >>> sum_columns(["x_gauss", "aperture_sum_r3", "aperture_sum_err_r3", "aperture_sum_r3_star2"])
    {3.0: 'aperture_sum_r3'}
    """
    matches = [match for match in map(_RADIUS_SUM.match, names) if match and (in_widths or not match[2])]
    if not matches:
        raise ValueError(f"ts: has no column aperture_sum_r... (it has {', '.join(names)})")
    return {float(match[1]): match[0] for match in matches}


def choose_radius(sums: Mapping[float, str], radius: float | None) -> float:
    """
    The radius that a user chose, or the only one.

    Parameters
    ----------
    sums : dict of float to str
        From `sum_columns`.
    radius : float or None
        What the user gave.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        For another radius, and for None where there are several.

    Examples
    --------
    >>> from nircam_tso.columns import choose_radius
    >>> choose_radius({3.0: "aperture_sum_r3"}, None)
    3.0
    """
    if radius is None and len(sums) == 1:
        return next(iter(sums))
    if radius is None or float(radius) not in sums:
        raise ValueError(f"radius: {radius!r} is not among {', '.join(f'{r:g}' for r in sorted(sums))}")
    return float(radius)


def center_columns(center: str | None) -> tuple[str, str]:
    """
    Columns of the centre that the apertures of each row sat on.

    Parameters
    ----------
    center : str or None
        The setting ``center``, as ``ts.meta["center"]`` tells it.

    Returns
    -------
    x, y : str
        Those of the Gaussian fit where one place served for all rows, or nothing is told.

    Examples
    --------
    >>> from nircam_tso.columns import center_columns
    >>> center_columns("cross-correlation"), center_columns("median")
    (('x_cc', 'y_cc'), ('x_gauss', 'y_gauss'))
    """
    kind = {"cross-correlation": "cc", "centroid": "centroid"}.get(center or "", "gauss")
    return f"x_{kind}", f"y_{kind}"
