"""A product of known numbers for the page: white noise, drifts, and a gap if one is asked for."""

import json

import numpy as np
import pytest
from astropy import units as u
from astropy.time import Time
from astropy.timeseries import TimeSeries


def make_series(n, radii=(3, 5, 8), gap=False):
    """Rows of 60 s; with a gap, two hours are missing after the first half."""
    rng = np.random.default_rng(n)
    seconds = np.arange(n) * 60.0
    if gap:
        seconds[n // 2 :] += 7200
    ts = TimeSeries(time=Time("2026-07-01T10:00:00", scale="utc") + seconds * u.s)
    ts["integration"] = np.arange(1, n + 1, dtype=np.int32)
    ts["background"] = rng.normal(5, 0.1, n) * u.DN
    for axis, level in (("x", 160.2), ("y", 33.4)):
        ts[f"{axis}_gauss"] = (level + np.linspace(0, 0.02, n) + rng.normal(0, 0.003, n)) * u.pix
        ts[f"{axis}_stddev"] = rng.normal(1.2, 0.002, n) * u.pix
    for radius in radii:
        ts[f"aperture_sum_r{radius:g}"] = rng.normal(1e5, 30 + radius, n) * u.DN
        ts[f"aperture_sum_err_r{radius:g}"] = np.full(n, 30.0 + radius) * rng.uniform(0.9, 1.1, n) * u.DN
    ts["quality"] = np.zeros(n, np.uint32)
    ts.meta |= {"target": "WASP-80", "center": "gaussian", "provenance": json.dumps({"settings": {}})}
    return ts


@pytest.fixture(scope="session")
def report_series():
    return make_series
