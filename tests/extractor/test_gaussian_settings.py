"""The settings of the Gaussian fit, and what else hangs on it."""

import numpy as np
import pytest
from astropy import units as u
from astropy.modeling import fitting, models
from astropy.time import Time

from nircam_tso import QualityFlag, TimeSeriesExtractor, aperture_photometry, good
from nircam_tso.measure.gaussian import evaluate_gaussians

N = 8
TIMES = Time(60000 + np.arange(N) / 1000, format="mjd")
X, Y = 31.3, 20.8


def stars(amplitude=3000.0, x=X, y=Y, sx=1.8, sy=1.2, theta=0.4, sky=50.0, seed=3):
    rng = np.random.default_rng(seed)
    image = evaluate_gaussians((44, 60), *(np.full(N, v) for v in (amplitude, x, y, sx, sy, theta)))
    return rng.poisson(image + sky).astype(float)


def extract(data, **settings):
    return TimeSeriesExtractor(**{"position": (X, Y), **settings}).extract(data, times=TIMES)


def test_fixed_angle():
    data = stars()
    free = extract(data)
    held = extract(data, theta=10.0)
    assert np.median(free["theta"].value) == pytest.approx(np.degrees(0.4), abs=1.0)
    assert (held["theta"].value == 10.0).all()
    assert (held["theta_err"].value == 0.0).all()
    assert np.array_equal(extract(data, theta=np.radians(10.0) * u.rad)["theta"], held["theta"])
    # astropy's fitter with the same angle, weights and stamp.
    sky = held["background"][0].value
    y, x = np.mgrid[:44, :60]
    near = (slice(10, 31), slice(21, 42))
    model = models.Gaussian2D(3000, X, Y, 1.8, 1.2, np.radians(10.0), fixed={"theta": True})
    fit = fitting.TRFLSQFitter()(model, x[near], y[near], data[0][near] - sky, maxiter=1000)
    for name, ours in (("x_mean", "x_gauss"), ("x_stddev", "x_stddev"), ("y_stddev", "y_stddev")):
        assert held[ours][0].value == pytest.approx(getattr(fit, name).value, rel=1e-5)


def test_constant_of_its_own():
    data = stars(sky=50.0)
    # A sky that is 20 too low, as from a frame with a glow about the star.
    ts = extract(data, background=None, fit_background=True, gain=1.0, read_noise=0.0)
    assert np.median(ts["gauss_background"].value) == pytest.approx(50.0, abs=1.5)
    assert np.median(ts["amplitude"].value) == pytest.approx(3000.0, rel=0.02)
    pulls = (ts["gauss_background"].value - 50.0) / ts["gauss_background_err"].value
    assert np.abs(pulls).max() < 4
    assert "gauss_background" not in extract(data).colnames


@pytest.mark.parametrize(
    ("bounds", "fails"),
    [
        ({"x_stddev": (1.0, 3.0)}, False),
        ({"x_stddev": (2.2, 3.0)}, True),
        ({"x": (X - 1, X + 1), "y": (Y - 1, Y + 1)}, False),
        ({"x": (Y - 1, Y + 1)}, True),
        ({"theta": (0, None)}, False),
        ({"theta": (None, 0)}, True),
        ({"amplitude": (10.0, None)}, False),
    ],
)
def test_bounds(bounds, fails):
    ts = extract(stars(), bounds=bounds)
    assert (np.isnan(ts["x_gauss"]) == fails).all()
    assert (np.isnan(ts["amplitude_err"]) == fails).all()
    assert ((ts["quality"] & QualityFlag.FIT_FAILED != 0) == fails).all()
    # The apertures fall back to the next centre.
    assert np.isfinite(ts["aperture_sum_r3"]).all()
    assert np.median(ts["aperture_sum_r8"].value) == pytest.approx(2 * np.pi * 1.8 * 1.2 * 3000, rel=0.01)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"bounds": {"width": (1, 2)}}, "bounds: 'width' is none of"),
        ({"bounds": {"x": 3}}, "bounds: 'x' is 3"),
        ({"bounds": {"x": (3, 3)}}, "holds nothing"),
        ({"theta": np.nan}, "theta: nan"),
        ({"theta": 3 * u.pix}, "theta: 3.0 pix is no angle"),
        ({"edge": "clip"}, "edge: 'clip'"),
        ({"radius_unit": "arcsec"}, "radius_unit: 'arcsec'"),
        ({"clean_window": 2}, "clean_window: 2"),
        ({"clean_sigma": -1}, "clean_sigma"),
        ({"striping_reference": "median"}, "mean nothing without"),
        ({"striping": "diagonal"}, "striping: 'diagonal'"),
        ({"aperture_shapes": {"r3": 4}}, "would be taken for a radius"),
        ({"aperture_shapes": {"a b": 4}}, "cannot be part of a column's name"),
        ({"aperture_shapes": {"a": 4}}, r"aperture_shapes\['a'\]: a int"),
    ],
)
def test_settings_that_cannot_be(settings, words):
    with pytest.raises((ValueError, TypeError), match=words):
        TimeSeriesExtractor(**settings)


def test_radii_in_widths():
    data = stars(seed=4)
    # The star doubles its size in the second half, and all of its light spreads with it.
    data[4:] = stars(amplitude=3000.0 / 1.96, sx=1.8 * 1.4, sy=1.2 * 1.4, seed=5)[4:]
    ts = extract(data, aperture_radii=[1.0, 2.0], radius_unit="fwhm")
    fixed = extract(data, aperture_radii=[3.46, 6.92])
    widths = 2 * np.sqrt(2 * np.log(2)) * np.sqrt(ts["x_stddev"] * ts["y_stddev"]).value
    assert np.allclose(ts["fwhm"].value, widths, rtol=1e-12)
    assert np.allclose(ts["aperture_area_r2fwhm"].value, np.pi * (2 * widths) ** 2, rtol=1e-9)
    ratio = (np.median(ts["aperture_sum_r1fwhm"][4:]) / np.median(ts["aperture_sum_r1fwhm"][:4])).value
    lost = (np.median(fixed["aperture_sum_r3.46"][4:]) / np.median(fixed["aperture_sum_r3.46"][:4])).value
    assert ratio == pytest.approx(1.0, abs=0.01)
    assert lost < 0.9
    assert ts.meta["radius_unit"] == "fwhm"
    table = aperture_photometry(ts)
    assert list(table) == [1.0, 2.0]
    assert table.attrs["radius_unit"] == "fwhm"
    assert np.array_equal(table[2.0], ts["aperture_sum_r2fwhm"].value)
    assert ts["aperture_sum_r2fwhm"].info.description == "flux within 2 widths (FWHM), background subtracted"


def test_radii_in_widths_where_the_fit_fails():
    data = stars()
    data[2] = np.random.default_rng(1).poisson(50.0, data[2].shape)
    ts = extract(data, aperture_radii=[1.5], radius_unit="fwhm", center="median")
    ok = np.arange(N) != 2
    area = ts["aperture_area_r1.5fwhm"].value
    assert area[2] == pytest.approx(np.median(area[ok]), rel=0.02)
    assert ts["quality"][2] & (QualityFlag.FIT_FAILED | QualityFlag.FIT_SUSPECT)


def test_edge():
    data = stars(x=4.3, y=20.8)
    nan = extract(data, position=(4.3, 20.8), aperture_radii=[3, 8])
    part = extract(data, position=(4.3, 20.8), aperture_radii=[3, 8], edge="sum")
    assert np.isnan(nan["aperture_sum_r8"]).all()
    assert np.isfinite(nan["aperture_sum_r3"]).all()
    assert (nan["quality"] & QualityFlag.PARTIAL_APERTURE != 0).all()
    assert np.array_equal(part["quality"], nan["quality"])
    assert not good(nan).any()
    assert good(part).all()
    from photutils.aperture import CircularAperture, aperture_photometry

    for i in range(N):
        place = (part["x_gauss"][i].value, part["y_gauss"][i].value)
        image = data[i] - part["background"][i].value
        table = aperture_photometry(image, CircularAperture(place, 8.0), method="exact")
        assert part["aperture_sum_r8"][i].value == pytest.approx(table["aperture_sum"][0], rel=1e-12)
        whole = aperture_photometry(np.ones_like(image), CircularAperture(place, 8.0), method="exact")
        assert part["aperture_area_r8"][i].value == pytest.approx(whole["aperture_sum"][0], rel=1e-12)
    assert np.array_equal(part["aperture_sum_r3"], nan["aperture_sum_r3"])
