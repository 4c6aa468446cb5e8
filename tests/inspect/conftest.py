"""A series whose every number is known."""

import numpy as np
import pytest
from astropy import units as u
from astropy.time import Time
from astropy.timeseries import TimeSeries


def series(n=600, *, seed=1, level=5e4, noise=50.0, cadence=10.0, **columns):
    """White noise about a level, with its true error, and times."""
    rng = np.random.default_rng(seed)
    ts = TimeSeries(time=Time("2026-07-01T10:00:00") + np.arange(n) * cadence * u.s)
    ts["exposure_time"] = np.full(n, 8.0) * u.s
    ts["aperture_sum_r5"] = rng.normal(level, noise, n) * u.DN
    ts["aperture_sum_err_r5"] = np.full(n, noise) * u.DN
    ts["aperture_area_r5"] = np.full(n, np.pi * 25) * u.pix**2
    for name, values in columns.items():
        ts[name] = values
    ts["quality"] = np.zeros(n, np.uint32)
    return ts


@pytest.fixture(name="series")
def _series():
    return series
