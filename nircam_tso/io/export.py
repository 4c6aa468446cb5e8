"""A product in the forms that other tools take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.columns import choose_radius, sum_columns
from nircam_tso.io.provenance import recorded_sources

if TYPE_CHECKING:
    from astropy.timeseries import TimeSeries
    from lightkurve import LightCurve
    from pandas import DataFrame

__all__ = ["aperture_photometry", "filenames", "to_lightkurve", "to_pandas"]


def aperture_photometry(ts: TimeSeries) -> DataFrame:
    """
    Aperture sums in a table keyed by the radius.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.

    Returns
    -------
    `~pandas.DataFrame`
        A column per radius, whose key is the radius as a float, in pixels (or in widths,
        with ``radius_unit="fwhm"``), in the order of the radii; indexed by row number.
        ``attrs["unit"]`` is the unit of the sums, ``attrs["radius_unit"]`` that of the radii.

    Raises
    ------
    ValueError
        If there is no aperture sum.

    Examples
    --------
    >>> from astropy.table import QTable
    >>> from nircam_tso import aperture_photometry
    >>> aperture_photometry(QTable({"aperture_sum_r3": [1.0, 2.0]}))[3.0].tolist()
    [1.0, 2.0]
    """
    import pandas as pd

    columns = sum_columns(ts.colnames)
    frame = pd.DataFrame({radius: _native(ts[columns[radius]]) for radius in sorted(columns)})
    frame.attrs["unit"] = str(getattr(ts[columns[min(columns)]], "unit", "") or "")
    frame.attrs["radius_unit"] = "fwhm" if columns[min(columns)].endswith("fwhm") else "pix"
    return frame


def _native(column):
    values = np.asarray(getattr(column, "value", column))
    return values.astype(values.dtype.newbyteorder("="))


def to_pandas(ts: TimeSeries) -> DataFrame:
    """
    A product as a pandas table.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.

    Returns
    -------
    `~pandas.DataFrame`
        Indexed by ``time`` (UTC, to the nanosecond; NaT where unknown); other times as
        timestamps too. ``attrs["units"]`` maps columns to units, ``attrs["meta"]`` is
        the metadata.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso import TimeSeriesExtractor, to_pandas
    >>> from astropy.time import Time
    >>> cube = np.random.default_rng(1).normal(10, 1, (2, 32, 32))
    >>> ts = TimeSeriesExtractor().extract(cube, times=Time([60000, 60001], format="mjd"), unit="DN")
    >>> to_pandas(ts).attrs["units"]["background"]
    'DN'
    """
    import pandas as pd
    from astropy.time import Time

    data, units = {}, {}
    for name in ts.colnames:
        column = ts[name]
        if isinstance(column, Time):
            data[name] = _timestamps(column)
        else:
            data[name] = _native(column)
            unit = getattr(column, "unit", None)
            units[name] = "" if unit is None else str(unit)
    frame = pd.DataFrame(data).set_index("time")
    frame.attrs["units"] = units
    frame.attrs["meta"] = dict(ts.meta)
    return frame


def _timestamps(time):
    unknown = np.asarray(time.mask)
    result = np.full(len(time), np.datetime64("NaT", "ns"))
    if not unknown.all():
        known = time[~unknown].copy(format="isot")
        known.precision = 9
        # Text keeps the scale of each column; a leap second has no timestamp.
        text = np.char.replace(np.asarray(known.isot, dtype=str), ":60.", ":59.")
        result[~unknown] = text.astype("datetime64[ns]")
    return result


def to_lightkurve(ts: TimeSeries, radius: float | None = None) -> LightCurve:
    """
    One light curve for lightkurve.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.
    radius : float, optional
        Aperture radius; may be left out where there is only one.

    Returns
    -------
    `lightkurve.LightCurve`
        Times are ``time_bjd`` where known throughout, else ``time``; with quality,
        centre and background columns.

    Raises
    ------
    ImportError
        If lightkurve is not installed; it comes with the extra ``lightkurve``.
    ValueError
        For a radius that the product does not have.

    Examples
    --------
    >>> from nircam_tso import read, to_lightkurve
    >>> to_lightkurve(read("star.h5"), radius=5).flatten().plot()  # doctest: +SKIP
    """
    columns = sum_columns(ts.colnames)
    radius = choose_radius(columns, radius)
    try:
        import lightkurve
    except ImportError:
        raise ImportError("to_lightkurve needs lightkurve: python -m pip install 'nircam_tso[lightkurve]'") from None
    name = columns[radius]
    barycentric = "time_bjd" in ts.colnames and not np.any(ts["time_bjd"].mask)
    curve = lightkurve.LightCurve(
        # lightkurve computes with numbers of days.
        time=ts["time_bjd" if barycentric else "time"].copy(format="jd"),
        flux=ts[name],
        flux_err=ts[name.replace("aperture_sum_r", "aperture_sum_err_r")],
    )
    curve["quality"] = np.asarray(ts["quality"], np.int64)
    curve["centroid_col"], curve["centroid_row"] = ts["x_centroid"], ts["y_centroid"]
    curve["sky_bkg"] = ts["background"]
    curve.meta["LABEL"] = ts.meta.get("target", "")
    return curve


def filenames(ts: TimeSeries) -> np.ndarray:
    """
    Name of the file that each row comes from.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.

    Returns
    -------
    `~numpy.ndarray` of str, shape (n,)

    Raises
    ------
    ValueError
        If the product has no provenance.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso import TimeSeriesExtractor, filenames
    >>> filenames(TimeSeriesExtractor().extract(np.random.default_rng(1).normal(9, 1, (2, 32, 32))))
    array(['array', 'array'], dtype='<U5')
    """
    if "provenance" not in ts.meta or "source" not in ts.colnames:
        raise ValueError("ts: has no provenance; was it made by this package?")
    names = [source["name"] for source in recorded_sources(ts)]
    return np.array(names, dtype=str)[np.asarray(ts["source"])]
