"""What a product tells of how it was made, read back out of its metadata."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from astropy.table import Table

__all__ = ["recorded_settings", "recorded_sources"]


def _recorded(ts, part, empty):
    return json.loads(ts.meta["provenance"]).get(part, empty) if "provenance" in ts.meta else empty


def recorded_settings(ts: Table) -> dict[str, Any]:
    """
    Settings that a product was extracted with.

    Parameters
    ----------
    ts : `~astropy.table.Table`
        A product.

    Returns
    -------
    dict
        As `~nircam_tso.TimeSeriesExtractor.describe` gave them; empty where the product
        does not tell.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso import TimeSeriesExtractor
    >>> from nircam_tso.io.provenance import recorded_settings
    >>> ts = TimeSeriesExtractor(aperture_radii=[4]).extract(np.random.default_rng(1).normal(9, 1, (3, 32, 32)))
    >>> recorded_settings(ts)["aperture_radii"]
    [4.0]
    """
    settings: dict[str, Any] = _recorded(ts, "settings", {})
    return settings


def recorded_sources(ts: Table) -> list[dict[str, Any]]:
    """
    Files or arrays that a product was extracted from.

    Parameters
    ----------
    ts : `~astropy.table.Table`
        A product.

    Returns
    -------
    list of dict
        In the order that the column ``source`` counts, each with its ``name``; empty
        where the product does not tell.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso import TimeSeriesExtractor
    >>> from nircam_tso.io.provenance import recorded_sources
    >>> ts = TimeSeriesExtractor().extract(np.random.default_rng(1).normal(9, 1, (3, 32, 32)))
    >>> [source["name"] for source in recorded_sources(ts)]
    ['array']
    """
    sources: list[dict[str, Any]] = _recorded(ts, "sources", [])
    return sources
