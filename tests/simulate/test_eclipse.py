"""Eclipses against the area of a lens, and light curves against another package where it is installed."""

import numpy as np
import pytest

from nircam_tso.simulate import eclipse_light_curve, transit_light_curve
from nircam_tso.simulate.light_curve import projected_separation

ORBIT = {"t0": 0.0, "period": 3.07, "a_rs": 12.6, "inclination": 88.2}


def seen_part(z, rp, n=2000):
    """Part of a disc of radius rp, z away, that is outside the unit circle, by counting points."""
    axis = (np.arange(n) + 0.5) / n * 2 - 1
    inside = np.hypot(axis, axis[:, None]) < 1
    outside = np.hypot(z + rp * axis, rp * axis[:, None]) > 1
    return (inside & outside).sum() / inside.sum()


def test_eclipse():
    planet = {**ORBIT, "rp": 0.12, "planet_flux": 2.5e-3}
    phase = np.linspace(0.47, 0.53, 61)
    flux = eclipse_light_curve(phase * 3.07, **planet)
    separation, _ = projected_separation(phase * 3.07, **ORBIT)
    expected = [1 + 2.5e-3 * seen_part(z, 0.12) for z in separation]
    np.testing.assert_allclose(flux, expected, atol=3e-6)
    assert flux[30] == 1
    assert eclipse_light_curve(0.0, **planet) == 1.0025
    np.testing.assert_allclose(flux, flux[::-1], atol=1e-12)
    with pytest.raises(ValueError, match="planet_flux: -1"):
        eclipse_light_curve(0.0, **{**planet, "planet_flux": -1})
    with pytest.raises(ValueError, match="rp, depth"):
        eclipse_light_curve(0.0, **planet, depth=0.1)


@pytest.mark.parametrize("kind", ["transit", "eclipse"])
def test_against_batman(kind):
    batman = pytest.importorskip("batman", reason="batman-package is not installed")
    parameters = batman.TransitParams()
    parameters.t0, parameters.per, parameters.rp, parameters.a, parameters.inc = 0.0, 3.07, 0.12, 12.6, 88.2
    parameters.ecc, parameters.w, parameters.limb_dark, parameters.u = 0.0, 90.0, "quadratic", [0.3, 0.2]
    parameters.fp, parameters.t_secondary = 2.5e-3, 1.535
    if kind == "transit":
        time = np.linspace(-0.1, 0.1, 301)
        theirs = batman.TransitModel(parameters, time, max_err=0.05).light_curve(parameters)
        ours = transit_light_curve(time, rp=0.12, limb_darkening=(0.3, 0.2), **ORBIT)
    else:
        time = np.linspace(1.435, 1.635, 301)
        theirs = batman.TransitModel(parameters, time, transittype="secondary").light_curve(parameters)
        ours = eclipse_light_curve(time, rp=0.12, planet_flux=2.5e-3, **ORBIT)
    np.testing.assert_allclose(ours, theirs, atol=2e-7)
    assert np.ptp(ours) > 2e-3
