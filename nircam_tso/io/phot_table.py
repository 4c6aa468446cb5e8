"""A product as the table ``_phot.ecsv`` that the JWST pipeline's photometry step writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.columns import center_columns, choose_radius, sum_columns
from nircam_tso.io.provenance import recorded_settings

if TYPE_CHECKING:
    from astropy.table import QTable
    from astropy.timeseries import TimeSeries

__all__ = ["to_jwst_phot"]


def to_jwst_phot(ts: TimeSeries, radius: float | None = None) -> QTable:
    """
    One light curve under the names of the JWST pipeline's ``_phot.ecsv``.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.
    radius : float, optional
        Aperture radius in pixels; may be left out where there is only one.

    Returns
    -------
    `~astropy.table.QTable`
        Write it with ``table.write("name_phot.ecsv")``. Its columns are those of the
        step ``tso_photometry``, in its order:

        ``MJD``
            middle of the integration, UTC, a float; NaN where unknown
        ``aperture_sum``
            flux within the aperture, sky included
        ``annulus_sum``, ``annulus_mean``
            sky level times the annulus' area, and per pixel
        ``aperture_bkg``
            sky level times the aperture's area
        ``net_aperture_sum``
            flux without sky: our ``aperture_sum_r...``
        ``aperture_x``, ``aperture_y``
            centre of the aperture, zero-based
        ``centroid_x``, ``centroid_y``, ``psf_width_x``, ``psf_width_y``, ``psf_flux``
            flux-weighted centre, widths of the Gaussian and PSF-weighted flux

        and ``..._err`` beside all of the sums and means; sky coordinates
        (``aperture_ra_icrs``, ``aperture_dec_icrs``) are not known to a product. What is not known is
        NaN, as the annulus' sum where the sky comes from the frame. ``quality`` is added
        at the end: rows that are not `~nircam_tso.good` are here too.

    Raises
    ------
    ValueError
        For a radius that the product does not have.

    Notes
    -----
    The net error is ours: it holds the sky level's. ``aperture_sum_err`` is it less that, in
    quadrature, so that the three obey the step's own sums.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.time import Time
    >>> from nircam_tso import TimeSeriesExtractor
    >>> from nircam_tso.io.phot_table import to_jwst_phot
    >>> cube = np.random.default_rng(1).normal(10, 1, (2, 32, 32))
    >>> ts = TimeSeriesExtractor(aperture_radii=3).extract(cube, times=Time([60000, 60001], format="mjd"), unit="DN")
    >>> table = to_jwst_phot(ts)
    >>> bool(np.allclose(table["net_aperture_sum"], table["aperture_sum"] - table["aperture_bkg"]))
    True
    """
    from astropy.table import QTable

    found = sum_columns(ts.colnames, in_widths=False)
    sums = found[choose_radius(found, radius)]
    label = sums.removeprefix("aperture_sum_r")
    unit = getattr(ts[sums], "unit", None)
    net, net_err, area = (
        _numbers(ts, name) for name in (sums, f"aperture_sum_err_r{label}", f"aperture_area_r{label}")
    )
    factor = _flux_factor(ts, sums)
    mean, mean_err = _numbers(ts, "background") * factor, _numbers(ts, "background_err") * factor
    annulus = _annulus(ts)
    annulus_area = np.nan if annulus is None else np.pi * (annulus[1] ** 2 - annulus[0] ** 2)
    own = net_err**2 - (area * mean_err) ** 2
    columns = {
        "aperture_sum": net + area * mean,
        # By rounding the difference may fall below 0 where there is no noise but the sky's.
        "aperture_sum_err": np.sqrt(np.maximum(own, 0.0)),
        "annulus_sum": mean * annulus_area,
        "annulus_sum_err": mean_err * annulus_area,
        "annulus_mean": mean,
        "annulus_mean_err": mean_err,
        "aperture_bkg": mean * area,
        "aperture_bkg_err": mean_err * area,
        "net_aperture_sum": net,
        "net_aperture_sum_err": net_err,
    }
    table = QTable({"MJD": _mjd(ts["time"])})
    for name, values in columns.items():
        table[name] = values if unit is None else values << unit
    for name, values in _places(ts).items():
        table[name] = values
    table["psf_flux"] = ts["psf_flux"]
    table["quality"] = np.asarray(ts["quality"])
    for name in table.colnames:
        # Descriptions of ours, under names of theirs, would mislead.
        table[name].info.description = None
    table.meta.update(_meta(ts, label, annulus))
    return table


def _numbers(ts, name):
    return np.asarray(getattr(ts[name], "value", ts[name]), float)


def _flux_factor(ts, sums):
    """Flux unit over image unit; NaN where the product does not tell."""
    if getattr(ts[sums], "unit", None) == getattr(ts["background"], "unit", None):
        return 1.0
    factor = ts.meta.get("flux_factor")
    return float(factor) if isinstance(factor, int | float) else np.nan


def _annulus(ts):
    """Inner and outer radius of the sky's annulus, None where it is none."""
    background = recorded_settings(ts).get("background") or {}
    return (background["inner"], background["outer"]) if "inner" in background else None


def _mjd(time):
    unknown = np.broadcast_to(np.asarray(time.mask), len(time))
    values = np.array(getattr(time, "unmasked", time).utc.mjd, float)
    values[unknown] = np.nan
    return values


def _places(ts):
    if "center_x" in ts.meta:
        x, y = (np.full(len(ts), float(ts.meta[f"center_{axis}"])) for axis in "xy")
    else:
        x, y = (_numbers(ts, name) for name in center_columns(ts.meta.get("center")))
    from astropy import units as u

    return {
        "aperture_x": x << u.pix,
        "aperture_y": y << u.pix,
        "centroid_x": ts["x_centroid"],
        "centroid_y": ts["y_centroid"],
        "psf_width_x": ts["x_stddev"],
        "psf_width_y": ts["y_stddev"],
    }


def _meta(ts, label, annulus):
    sky = "the sky of the frame" if annulus is None else f"the sky of an annulus of {annulus[0]:g} to {annulus[1]:g} px"
    meta = {name: ts.meta.get(name, "") for name in ("instrument", "detector", "subarray", "filter", "pupil")}
    meta["target_name"] = ts.meta.get("target", "")
    meta["apertures"] = f"circular aperture of {label} px, less {sky}"
    return meta
