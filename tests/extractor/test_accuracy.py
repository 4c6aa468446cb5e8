"""Noiseless stars: centres and sums against what was put in, and against photutils."""

import numpy as np
import pytest
from photutils.aperture import CircularAperture, aperture_photometry
from scipy.special import erf

from nircam_tso import AnnulusBackground, GaussianTemplate, TimeSeriesExtractor

SHAPE = (41, 58)
#: Off the middle of a frame that is not square.
X0, Y0 = 33.0, 17.0
STEPS = np.linspace(-0.5, 0.5, 9)
PLACES = np.array([(X0 + dx, Y0 + dy) for dx in STEPS for dy in STEPS])


def sampled(x0, y0, sx, sy, theta=0.0, amplitude=1000.0):
    """Gaussian at pixel centres; theta in degrees, counterclockwise from x."""
    y, x = np.indices(SHAPE)
    c, s = np.cos(np.radians(theta)), np.sin(np.radians(theta))
    u, v = c * (x - x0) + s * (y - y0), -s * (x - x0) + c * (y - y0)
    return amplitude * np.exp(-0.5 * ((u / sx) ** 2 + (v / sy) ** 2))


def integrated(x0, y0, sx, sy, amplitude=1000.0):
    """Gaussian along the axes, integrated over each pixel."""

    def along(n, centre, sigma):
        edges = (np.arange(n + 1) - 0.5 - centre) / (sigma * np.sqrt(2))
        return np.diff(erf(edges)) * sigma * np.sqrt(np.pi / 2)

    return amplitude * np.outer(along(SHAPE[0], y0, sy), along(SHAPE[1], x0, sx))


def extract(images, **settings):
    settings = {"background": None, "aperture_radii": [3], "position": (X0, Y0), **settings}
    return TimeSeriesExtractor(**settings).extract(np.asarray(images))


@pytest.mark.parametrize("subframe", [(21, 21), (20, 22), (15, 18), (24, 17)])
@pytest.mark.parametrize(("sx", "sy", "theta"), [(0.87, 0.87, 0), (1.3, 0.9, 0), (1.8, 1.1, 27), (1.0, 1.7, -40)])
def test_gaussian_centre_is_exact(subframe, sx, sy, theta):
    ts = extract([sampled(x, y, sx, sy, theta) for x, y in PLACES], subframe_shape=subframe)
    assert (ts["quality"] & 0xFFF & ~np.uint32(3072) == 0).all()
    np.testing.assert_allclose(ts["x_gauss"].value, PLACES[:, 0], atol=1e-6)
    np.testing.assert_allclose(ts["y_gauss"].value, PLACES[:, 1], atol=1e-6)
    np.testing.assert_allclose(ts["amplitude"].value, 1000, rtol=1e-6)
    # x_stddev is the width along the axis nearer x.
    np.testing.assert_allclose(ts["x_stddev"].value, sx, atol=1e-6)
    np.testing.assert_allclose(ts["y_stddev"].value, sy, atol=1e-6)
    if sx != sy:
        np.testing.assert_allclose(ts["theta"].value, theta, atol=1e-4)


def test_pixel_integrated_gaussian_is_exact():
    ts = extract([integrated(x, y, 1.2, 0.8) for x, y in PLACES], pixel_integrated=True)
    np.testing.assert_allclose(ts["x_gauss"].value, PLACES[:, 0], atol=1e-6)
    np.testing.assert_allclose(ts["y_gauss"].value, PLACES[:, 1], atol=1e-6)
    np.testing.assert_allclose(ts["x_stddev"].value, 1.2, atol=1e-6)
    np.testing.assert_allclose(ts["y_stddev"].value, 0.8, atol=1e-6)


@pytest.mark.parametrize("subframe", [(21, 21), (20, 20), (20, 21), (17, 24)])
@pytest.mark.parametrize(("sigma", "limit"), [(0.87, 0.004), (1.5, 1e-4)])
def test_cross_correlation_centre(subframe, sigma, limit):
    ts = extract([sampled(x, y, sigma, sigma) for x, y in PLACES], subframe_shape=subframe)
    assert np.abs(ts["x_cc"].value - PLACES[:, 0]).max() < limit
    assert np.abs(ts["y_cc"].value - PLACES[:, 1]).max() < limit


@pytest.mark.parametrize("subframe", [(21, 21), (20, 20), (20, 21), (21, 18)])
def test_image_registration_has_no_half_pixel(subframe):
    images = [sampled(x, y, 1.5, 1.5) for x, y in PLACES]
    ts = extract(images, subframe_shape=subframe, cross_correlation="image_registration")
    # A peak of three points errs with the place in the pixel, but not on average.
    assert abs(np.mean(ts["x_cc"].value - PLACES[:, 0])) < 0.01
    assert abs(np.mean(ts["y_cc"].value - PLACES[:, 1])) < 0.01
    assert np.abs(ts["x_cc"].value - PLACES[:, 0]).max() < 0.1


def test_star_far_from_the_guess():
    """The frame's own x and y, a star whose guess is off in one direction only."""
    image = sampled(45.3, 12.8, 1.6, 1.0)
    ts = extract([image], position=(41, 13))
    assert abs(ts["x_gauss"][0].value - 45.3) < 1e-6
    assert abs(ts["y_gauss"][0].value - 12.8) < 1e-6
    assert abs(ts["x_cc"][0].value - 45.3) < 0.01
    assert abs(ts["y_cc"][0].value - 12.8) < 0.01


def test_brightest():
    image = sampled(45.3, 12.8, 1.6, 1.0)
    image[30, 5] = 2500.0  # a hot pixel has no neighbours
    ts = extract([image], position="brightest")
    assert abs(ts["x_gauss"][0].value - 45.3) < 1e-6
    assert abs(ts["y_gauss"][0].value - 12.8) < 1e-6


@pytest.mark.parametrize("center", ["gaussian", "cross-correlation", "centroid", "median", "fixed"])
def test_aperture_sums_are_those_of_photutils(center):
    images = np.array([sampled(x, y, 1.3, 0.9) + 7 for x, y in PLACES])
    radii = [1.7, 3, 5, 8.25]
    ts = extract(images, aperture_radii=radii, center=center)
    names = {"gaussian": "gauss", "cross-correlation": "cc", "centroid": "centroid"}
    for k in (0, 13, 40, 80):
        if center in names:
            x, y = ts[f"x_{names[center]}"][k].value, ts[f"y_{names[center]}"][k].value
        elif center == "median":
            x, y = ts.meta["center_x"], ts.meta["center_y"]
        else:
            x, y = X0, Y0
        for radius in radii:
            table = aperture_photometry(images[k], CircularAperture((x, y), radius), method="exact")
            expected = float(table["aperture_sum"][0])
            assert ts[f"aperture_sum_r{radius:g}"][k].value == pytest.approx(expected, rel=1e-12)
            assert ts[f"aperture_area_r{radius:g}"][k].value == pytest.approx(np.pi * radius**2, rel=1e-12)


def test_fixed_is_where_the_user_said():
    """Four pixels beside the star, which is centred all the same."""
    image = sampled(X0 + 4.2, Y0 - 1.3, 1.3, 0.9)
    ts = extract([image, image], center="fixed", aperture_radii=[4])
    table = aperture_photometry(image, CircularAperture((X0, Y0), 4), method="exact")
    assert ts["aperture_sum_r4"][0].value == pytest.approx(float(table["aperture_sum"][0]), rel=1e-12)
    assert abs(ts["x_gauss"][0].value - X0 - 4.2) < 1e-6


def test_apertures_follow_a_centroid_far_from_the_guess():
    image = sampled(45.2, 30.6, 1.3, 0.9)
    mask = np.zeros(SHAPE, bool)
    mask[26:36, 41:51] = True
    ts = extract([image, image], position=(12, 9), centroid_mask=mask, center="centroid", aperture_radii=[3, 8])
    assert np.isfinite(ts["aperture_sum_r8"].value).all()
    assert not (ts["quality"] & 2).any()
    np.testing.assert_allclose(ts["aperture_area_r8"].value, 64 * np.pi, rtol=1e-12)


def test_median_centre_is_the_median_of_the_centres():
    places = PLACES[:33]
    ts = extract([sampled(x, y, 1.3, 0.9) for x, y in places], center="median")
    assert ts.meta["center_x"] == pytest.approx(np.median(places[:, 0]), abs=1e-6)
    assert ts.meta["center_y"] == pytest.approx(np.median(places[:, 1]), abs=1e-6)


def test_net_and_gross():
    """Gross = net + background x area."""
    image = sampled(X0 + 0.2, Y0 - 0.3, 1.2, 1.0) + 17.5
    plain = extract([image], aperture_radii=[4], center="fixed")
    net = extract([image], aperture_radii=[4], center="fixed", background=AnnulusBackground(9, 14))
    gross = net["aperture_sum_r4"] + net["background"] * net["aperture_area_r4"].value
    assert gross[0].value == pytest.approx(plain["aperture_sum_r4"][0].value, rel=1e-12)
    assert net["background"][0].value == pytest.approx(17.5, abs=1e-9)


def test_figures_of_jwst():
    """The pipeline's own test figures: a plateau of 17 within 5 px on a sky of 0.8."""
    y, x = np.indices((100, 150))
    cube = np.full((7, 100, 150), 0.8)
    cube[:, np.hypot(x - 75, y - 50) < 5] += 17
    ts = TimeSeriesExtractor(
        aperture_radii=[6, 8, 11], position=(75, 50), center="fixed", background=AnnulusBackground(8, 11)
    ).extract(cube, unit="DN")
    net = ts["aperture_sum_r6"].value
    gross = net + (ts["background"].value * ts["aperture_area_r6"].value)
    annulus = ts["background"].value * (ts["aperture_area_r11"] - ts["aperture_area_r8"]).value
    annulus += (ts["aperture_sum_r11"] - ts["aperture_sum_r8"]).value
    np.testing.assert_allclose(net, 1173.0, rtol=1e-7)
    np.testing.assert_allclose(gross, 1263.4778, rtol=1e-7)
    np.testing.assert_allclose(annulus, 143.256627, rtol=1e-7)


def test_psf_flux_of_a_matching_star():
    """Weighted by the star's own Gaussian, at its own place."""
    x, y = PLACES[13]
    flux = np.array([1.0, 0.99, 1.02, 0.97, 1.0])
    ts = extract([sampled(x, y, 1.4, 1.1, amplitude=1000 * f) for f in flux], template=GaussianTemplate(3.0))
    light = 2 * np.pi * 1.4 * 1.1 * 1000
    np.testing.assert_allclose(ts["psf_flux"].value, light * flux, rtol=1e-6)
