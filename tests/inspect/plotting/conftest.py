"""A product of known numbers: the truth of a simulated exposure, noise upon it, and flags of every kind."""

import json

import numpy as np
import pytest
from astropy import units as u
from astropy.timeseries import TimeSeries

from nircam_tso.quality import QualityFlag
from nircam_tso.simulate import DEMO_TRANSIT, SimulationSettings, transit_light_curve
from nircam_tso.simulate.scene import make_truth

SETTINGS = {
    "subframe_shape": [15, 21],
    "background": {"kind": "annulus", "inner": 9, "outer": 14},
    "aperture_radii": [3, 5, 8],
}


def simulated(n, **changes):
    """Settings of an exposure with a transit in its middle."""
    settings = SimulationSettings(
        **{
            "n_integrations": n,
            "shape": (30, 44),
            "position": (25.6, 13.3),
            "stddev": 1.2,
            "flux": 2e5,
            "n_groups": 10,
            "jitter": 3e-3,
            "drift": (0.05, -0.03),
            "product": "calints",
            "seed": 4,
            **changes,
        }
    )
    span = settings.readout.span(n)
    planet = {**DEMO_TRANSIT, "period": 0.4 * span / 86400 * np.pi * DEMO_TRANSIT["a_rs"]}
    middle = settings.start + span / 2 * u.s
    return settings.changed(light_curve=lambda time: transit_light_curve(time, t0=middle, **planet))


def make_product(n=60, radii=(3, 5, 8), flags=True, **changes):
    """What an extraction of it would give, without its pixels."""
    truth = make_truth(simulated(n, **changes))
    rng = np.random.default_rng(n)
    ts = TimeSeries(time=truth["time"])
    ts["exposure_time"] = np.full(n, 9.8) * u.s
    ts["integration"] = np.arange(1, n + 1, dtype=np.int32)
    ts["background"] = rng.normal(0.9, 0.02, n) * u.MJy / u.sr
    ts["background_err"] = np.full(n, 0.02) * u.MJy / u.sr
    for axis in "xy":
        ts[f"{axis}_gauss"] = (truth[axis].value + rng.normal(0, 2e-3, n)) * u.pix
        ts[f"{axis}_gauss_err"] = np.full(n, 2e-3) * u.pix
        ts[f"{axis}_stddev"] = rng.normal(1.2, 1e-3, n) * u.pix
    for radius in radii:
        flux = 3e-4 * (1 - np.exp(-((radius / 3) ** 2))) * truth["relative_flux"]
        label = f"{radius:g}"
        ts[f"aperture_sum_r{label}"] = flux * rng.normal(1, 1e-3, n) * u.Jy
        ts[f"aperture_sum_err_r{label}"] = 1e-3 * flux * u.Jy
        ts[f"aperture_area_r{label}"] = np.full(n, np.pi * radius**2) * u.pix**2
    ts["n_replaced"] = np.zeros(n, np.int32)
    quality = np.full(n, int(QualityFlag.TIME_FROM_HEADER), np.uint32)
    if flags and n > 9:
        quality[1] |= QualityFlag.NO_DATA
        quality[[3, 4]] |= np.uint32(QualityFlag.FIT_FAILED)
        quality[6] |= QualityFlag.PARTIAL_APERTURE
        quality[8] |= QualityFlag.JUMP_DET
        for name in ts.colnames:
            if isinstance(ts[name], u.Quantity) and name != "exposure_time":
                ts[name][1] = np.nan
        for name in ("x_gauss", "y_gauss", "x_stddev", "y_stddev"):
            ts[name][[3, 4]] = np.nan
    ts["quality"] = quality
    ts.meta |= {
        "target": "WASP-80_b",
        "filter": "F210M",
        "center": "median",
        "position_x": 25.6,
        "position_y": 13.3,
        "center_x": 25.61,
        "center_y": 13.31,
        "provenance": json.dumps({"settings": SETTINGS}),
    }
    return ts


@pytest.fixture(scope="session")
def product():
    return make_product


@pytest.fixture(scope="session")
def exposure_settings():
    return simulated


@pytest.fixture(autouse=True)
def _no_windows():
    """Figures that no window holds; none stays behind."""
    from nircam_tso.inspect.plotting.style import without_windows

    with without_windows():
        yield
