"""Transit light curves against closed forms and other integrations of the same integral."""

from itertools import pairwise

import numpy as np
import pytest
from astropy import units as u
from astropy.time import Time
from scipy.integrate import quad

from nircam_tso.simulate import occulted_flux, projected_separation, transit_light_curve

ORBIT = {"period": 3.07, "a_rs": 12.6, "inclination": 88.7}


def lens_area(d, p):
    """Area common to a unit circle and one of radius p, by summing chords."""

    def chord(x):
        return 2 * min(np.sqrt(max(1 - x * x, 0)), np.sqrt(max(p * p - (x - d) ** 2, 0)))

    crossing = (1 + d * d - p * p) / (2 * d)
    points = [v for v in (crossing,) if max(-1, d - p) < v < min(1, d + p)]
    return quad(chord, max(-1, d - p), min(1, d + p), points=points or None, limit=400, epsabs=1e-13)[0]


def ring_sum(z, p, u1, u2):
    """The ring integral by an adaptive rule, split where its integrand breaks."""

    def integrand(r):
        mu = np.sqrt(max(1 - r * r, 0))
        angle = np.pi if r <= p - z else np.arccos(np.clip((z * z + r * r - p * p) / (2 * z * r), -1, 1))
        return 2 * angle * r * (1 - u1 * (1 - mu) - u2 * (1 - mu) ** 2)

    low, high = max(0, z - p), min(1, z + p)
    edges = sorted({low, high, *(v for v in (abs(z - p),) if low < v < high)})
    covered = sum(quad(integrand, a, b, limit=500, epsabs=1e-13)[0] for a, b in pairwise(edges))
    return 1 - covered / (np.pi * (1 - u1 / 3 - u2 / 6))


def planet_sum(z, p, u1, u2):
    """Brightness summed over the planet's own disc, for planets wholly on the star."""
    rho, weights = np.polynomial.legendre.leggauss(60)
    rho, weights = p * (rho + 1) / 2, p * weights / 2
    angle = np.arange(720) * 2 * np.pi / 720
    r2 = z * z + rho[:, None] ** 2 + 2 * z * rho[:, None] * np.cos(angle)
    mu = np.sqrt(1 - r2)
    brightness = 1 - u1 * (1 - mu) - u2 * (1 - mu) ** 2
    covered = (brightness.mean(axis=1) * 2 * np.pi * rho * weights).sum()
    return 1 - covered / (np.pi * (1 - u1 / 3 - u2 / 6))


@pytest.mark.parametrize("p", [0.02, 0.1, 0.4, 1.3])
def test_uniform_disc_is_the_area_of_a_lens(p):
    z = np.linspace(abs(1 - p) + 1e-3, 1 + p - 1e-3, 15)
    expected = [1 - lens_area(d, p) / np.pi for d in z]
    np.testing.assert_allclose(occulted_flux(z, p), expected, atol=3e-10)


def test_uniform_disc_known_values():
    np.testing.assert_allclose(occulted_flux([0, 0.5, 0.9, 1.1, 3], 0.1), [0.99, 0.99, 0.99, 1, 1], atol=1e-15)
    # Two equal circles whose centres lie one radius apart share 2 pi / 3 - sqrt(3) / 2.
    assert occulted_flux(1.0, 1.0) == pytest.approx(1 - (2 * np.pi / 3 - np.sqrt(3) / 2) / np.pi, abs=1e-14)
    assert occulted_flux(0.1, 1.5) == 0


@pytest.mark.parametrize("p", [0.02, 0.1, 0.15, 0.5])
def test_limb_darkening_against_an_adaptive_integral(p):
    rng = np.random.default_rng(7)
    contacts = [1e-9, 1e-3, p - 1e-6, p + 1e-6, 1 - p - 1e-5, 1 - p, 1 - p + 1e-5, 1 + p - 1e-4]
    z = np.concatenate([contacts, rng.uniform(0, 1 + p, 20)])
    expected = [ring_sum(value, p, 0.3, 0.25) for value in z]
    np.testing.assert_allclose(occulted_flux(z, p, (0.3, 0.25)), expected, rtol=1e-8)


@pytest.mark.parametrize("z", [0.0, 0.05, 0.1, 0.37, 0.8])
def test_limb_darkening_against_a_sum_over_the_planet(z):
    assert occulted_flux(z, 0.1, (0.4, 0.2)) == pytest.approx(planet_sum(z, 0.1, 0.4, 0.2), abs=1e-10)


def test_no_limb_darkening_is_a_uniform_disc():
    z = np.linspace(0, 1.2, 200)
    np.testing.assert_allclose(occulted_flux(z, 0.12, (0, 0)), occulted_flux(z, 0.12), atol=1e-10)


def test_duration_and_symmetry():
    rp = 0.1
    b = ORBIT["a_rs"] * np.cos(np.deg2rad(ORBIT["inclination"]))
    sine = np.sqrt((1 + rp) ** 2 - b**2) / (ORBIT["a_rs"] * np.sin(np.deg2rad(ORBIT["inclination"])))
    half = ORBIT["period"] / (2 * np.pi) * np.arcsin(sine)
    edges = np.array([-half - 1e-5, -half + 1e-5, half - 1e-5, half + 1e-5])
    flux = transit_light_curve(edges + 100.25, t0=100.25, rp=rp, **ORBIT)
    assert list(flux < 1) == [False, True, True, False]
    time = np.linspace(0, 0.1, 50)
    curve = {"t0": 0, "rp": rp, "limb_darkening": (0.2, 0.2), **ORBIT}
    np.testing.assert_allclose(transit_light_curve(time, **curve), transit_light_curve(-time, **curve), atol=1e-12)


def test_behind_the_star_nothing_happens():
    assert transit_light_curve(ORBIT["period"] / 2, t0=0, rp=0.1, **ORBIT) == 1
    assert transit_light_curve(3 * ORBIT["period"], t0=0, rp=0.1, **ORBIT) == pytest.approx(0.99)
    separation, in_front = projected_separation([0, ORBIT["period"] / 4], t0=0, **ORBIT)
    assert in_front[0]
    np.testing.assert_allclose(separation, [12.6 * np.cos(np.deg2rad(88.7)), 12.6])


def test_clocks_agree():
    hours = np.linspace(-3, 3, 13)
    t0 = Time("2024-06-12T08:00:00", scale="utc")
    plain = transit_light_curve(hours / 24, t0=0, depth=0.01, **ORBIT)
    np.testing.assert_allclose(transit_light_curve(hours * u.hour, t0=0 * u.s, depth=0.01, **ORBIT), plain, atol=1e-14)
    as_time = transit_light_curve(t0 + hours * u.hour, t0=t0, depth=0.01, **ORBIT)
    np.testing.assert_allclose(as_time, plain, atol=1e-9)
    assert as_time.min() == pytest.approx(0.99, abs=1e-12)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rp": None}, "rp, depth"),
        ({"depth": 0.1}, "rp, depth"),
        ({"rp": None, "depth": -0.01}, "depth"),
        ({"rp": -0.1}, "rp: -0.1"),
        ({"period": 0}, "period"),
        ({"a_rs": 0.5}, "a_rs"),
        ({"inclination": 200}, "inclination"),
        ({"limb_darkening": (0.9, 0.5)}, "limb_darkening"),
    ],
)
def test_bad_orbits(changes, message):
    with pytest.raises(ValueError, match=message):
        transit_light_curve(0.0, **{"t0": 0, "rp": 0.1, **ORBIT, **changes})


def test_mixed_clocks():
    with pytest.raises(TypeError, match="time, t0"):
        transit_light_curve(Time("2024-06-12"), t0=0, rp=0.1, **ORBIT)
