"""Every column of the product: its name, unit and description. The one place.

A name that ends in ``{r}`` stands for one column per aperture radius, ``{name}``
for one per aperture mask.
"""

from dataclasses import dataclass

__all__ = ["COLUMNS", "Column", "column", "column_names", "radius_label"]


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
    Column("gauss_chi2", "", "float64", "reduced chi-squared of the Gaussian fit, where errors are known"),
    Column("aperture_sum_r{r}", "flux", "float64", "flux within {r} pixels, background subtracted"),
    Column("aperture_sum_err_r{r}", "flux", "float64", "1 sigma of aperture_sum_r{r}"),
    Column("aperture_area_r{r}", "pix2", "float64", "area of the good pixels within {r} pixels"),
    Column("aperture_sum_{name}", "flux", "float64", "flux within the mask {name}, background subtracted"),
    Column("aperture_sum_err_{name}", "flux", "float64", "1 sigma of aperture_sum_{name}"),
    Column("aperture_area_{name}", "pix2", "float64", "area of the good pixels within the mask {name}"),
    *_pair("psf_flux", "flux", "PSF-weighted flux at the measured centre"),
    Column("n_replaced", "", "int32", "transient bad pixels replaced within the largest aperture"),
    Column("quality", "", "uint32", "QualityFlag bits, 0 is good"),
)

_BY_NAME = {entry.name: entry for entry in COLUMNS}


def radius_label(radius):
    """
    How a radius is written in a column's name.

    Parameters
    ----------
    radius : float
        Radius in pixels.

    Returns
    -------
    str

    Examples
    --------
    >>> from nircam_tso.columns import radius_label
    >>> radius_label(3.0), radius_label(2.5)
    ('3', '2.5')
    """
    return f"{radius:g}"


def column(pattern, **fields):
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
    return Column(entry.name.format(**fields), entry.unit, entry.dtype, entry.description.format(**fields))


def column_names(radii, mask_names=(), *, groups=False):
    """
    The columns of a product, in order.

    Parameters
    ----------
    radii : sequence of float
        Aperture radii in pixels.
    mask_names : sequence of str, optional
        Names of the aperture masks.
    groups : bool, optional
        Whether there is a row per group step.

    Returns
    -------
    list of Column

    Examples
    --------
    >>> from nircam_tso.columns import column_names
    >>> [c.name for c in column_names([3, 5]) if c.unit == "pix2"]
    ['aperture_area_r3', 'aperture_area_r5']
    """
    result = []
    done = set()
    for entry in COLUMNS:
        if entry.name == "group" and not groups:
            continue
        for field, values in (("{r}", [radius_label(r) for r in radii]), ("{name}", list(mask_names))):
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
