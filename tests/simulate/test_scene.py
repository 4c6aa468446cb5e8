"""Where the star is put, and what the table of truth says of it."""

import numpy as np
import pytest
from astropy import units as u
from astropy.modeling.fitting import TRFLSQFitter
from astropy.modeling.models import Gaussian2D
from scipy.ndimage import fourier_shift

from nircam_tso import PSFTemplate
from nircam_tso.simulate import SimulationSettings, gaussian_psf
from nircam_tso.simulate.gaussian import gaussian_images
from nircam_tso.simulate.scene import Scene, TemplateImages, make_truth


def place_template(template, origin, x, y, shape):
    """Copies at these positions, made at once."""
    return TemplateImages(template, origin, x, y, shape)(x, y)


PLACE = {"shape": (40, 52), "position": (30.25, 14.6), "flux": 1000.0}


def scene_of(**changes):
    settings = SimulationSettings(**{**PLACE, **changes})
    truth = make_truth(settings)
    return Scene(settings, truth), truth


def test_jitter_and_drift():
    settings = SimulationSettings(
        n_integrations=4000, position=(20.0, 11.0), jitter=(3e-3, 0.02), drift=(0.5, -0.2), seed=11
    )
    truth = make_truth(settings)
    line = np.linspace(-0.5, 0.5, 4000)
    for name, centre, drift, rms in (("x", 20.0, 0.5, 3e-3), ("y", 11.0, -0.2, 0.02)):
        rest = truth[name].value - centre - drift * line
        assert abs(rest.mean()) < 3.5 * rms / np.sqrt(4000)
        assert rest.std() == pytest.approx(rms, rel=3.5 / np.sqrt(2 * 4000))
    still = make_truth(settings.changed(jitter=0.0))
    np.testing.assert_allclose(still["x"].value[[0, -1]], [19.75, 20.25])
    np.testing.assert_allclose(still["y"].value[[0, -1]], [11.1, 10.9])


def test_positions_of_their_own():
    sweep = np.array([[3.0, 4.0], [3.5, 4.25], [9.0, 2.0]])
    _, truth = scene_of(n_integrations=3, position=sweep, drift=(1.0, 0.0))
    np.testing.assert_allclose(truth["x"].value, [2.5, 3.5, 9.5])
    np.testing.assert_allclose(truth["y"].value, sweep[:, 1])


def test_light_curve_is_asked_at_the_middle():
    asked = []

    def curve(time):
        asked.append(time)
        return np.linspace(1, 0.9, 20)

    _, truth = scene_of(light_curve=curve)
    assert len(asked) == 1
    np.testing.assert_allclose((asked[0] - truth["time"]).to_value(u.s), 0, atol=1e-9)
    np.testing.assert_allclose(truth["flux"].to_value(u.electron / u.s), 1000 * np.linspace(1, 0.9, 20))
    with pytest.raises(ValueError, match="light_curve"):
        scene_of(light_curve=lambda time: np.ones(3))


def test_image_units_of_the_truth():
    sky = np.linspace(1, 2, 20)
    _, ramp = scene_of(product="uncal", gain=2.0, n_groups=4, frame_time=3.0, sky=sky)
    np.testing.assert_allclose(ramp["flux_image"].to_value(u.DN), 1000 * 9.0 / 2)
    np.testing.assert_allclose(ramp["background_image"].to_value(u.DN), sky * 9.0 / 2)
    _, cal = scene_of(product="calints", gain=2.0)
    assert cal["flux_image"].unit == u.Jy
    # Light in 1 pixel of so many sr: MJy/sr x sr x 1e6 = Jy.
    area = (0.0311 * u.arcsec**1) ** 2
    expected = (1000 * 1.42 / 2 * u.MJy / u.sr * area).to_value(u.Jy)
    np.testing.assert_allclose(cal["flux_image"].value, expected, rtol=1e-12)


def test_scene_adds_star_and_sky():
    scene, truth = scene_of(n_integrations=3, sky=[0.0, 1.0, 2.0], jitter=0.1, light_curve=[1, 0.5, 0])
    images = scene.expected(0, 3)
    assert images.shape == (3, 40, 52)
    np.testing.assert_allclose(images.sum(axis=(1, 2)), [1000, 500 + 2080, 2 * 2080], rtol=1e-6)
    np.testing.assert_array_equal(scene.expected(1, 3), images[1:])
    y, x = np.mgrid[:40, :52]
    assert (images[0] * x).sum() / 1000 == pytest.approx(truth["x"][0].value, abs=1e-6)
    assert (images[0] * y).sum() / 1000 == pytest.approx(truth["y"][0].value, abs=1e-6)
    assert "Gaussian" in scene.psf_name


@pytest.mark.parametrize("shape", [(31, 40), (40, 31), (90, 80)])
def test_a_template_is_moved_as_a_function(shape):
    # A broad Gaussian is band-limited: shifting samples is sampling the shifted one.
    origin = (shape[1] / 2 - 0.3, shape[0] / 2 + 0.2)
    template = gaussian_psf(shape, stddev=(1.6, 1.9), theta=20.0, position=origin)
    x, y = np.array([20.25, 33.5, 4.75]), np.array([9.1, 24.9, 12.0])
    images = place_template(template, origin, x, y, (36, 47))
    expected = gaussian_images(x, y, (36, 47), stddev=(1.6, 1.9), theta=20.0)
    np.testing.assert_allclose(images, expected, atol=2e-6)


def test_whole_pixels_and_scipys_shift():
    rng = np.random.default_rng(5)
    template = np.zeros((30, 40))
    template[8:20, 10:30] = rng.random((12, 20))
    moved = place_template(template, (15.0, 12.0), np.array([18.0]), np.array([10.0]), (30, 40))[0]
    np.testing.assert_allclose(moved[:28, 3:], template[2:, :37], atol=1e-14)
    # Smooth enough that the size of the canvas does not matter.
    smooth = gaussian_psf((64, 64), stddev=2.0, position=(31.0, 30.0))
    ours = place_template(smooth, (31.0, 30.0), np.array([31.3]), np.array([29.6]), (64, 64))[0]
    theirs = np.fft.ifft2(fourier_shift(np.fft.fft2(smooth), (-0.4, 0.3))).real
    np.testing.assert_allclose(ours, theirs, atol=2e-11)


def test_star_leaves_the_frame():
    template = gaussian_psf((15, 15), stddev=1.2)
    images = place_template(template, (7.0, 7.0), np.array([-30.0, 10.0]), np.array([5.0, 6.0]), (20, 24))
    assert np.abs(images[0]).max() < 1e-6
    assert images[1].sum() == pytest.approx(1, abs=1e-6)


def test_image_as_psf():
    psf = gaussian_psf((33, 45), stddev=(2.2, 1.4), theta=25.0, position=(20.7, 16.4))
    scene, _ = scene_of(psf=3.0 * psf, psf_origin=(20.7, 16.4), sky=0.0)
    expected = 1000 * gaussian_psf((40, 52), stddev=(2.2, 1.4), theta=25.0, position=(30.25, 14.6))
    np.testing.assert_allclose(scene.expected(0, 1)[0], expected, atol=1e-3)
    by_fit, _ = scene_of(psf=psf, sky=0.0)
    np.testing.assert_allclose(by_fit.expected(0, 1)[0], expected, atol=1e-3)
    with pytest.raises(ValueError, match="psf"):
        scene_of(psf=np.zeros((5, 5)))
    with pytest.raises(ValueError, match="psf"):
        scene_of(psf=np.ones(5))


def test_psf_template():
    psf = gaussian_psf((61, 75), stddev=(2.2, 1.4), theta=25.0, position=(39.7, 28.4))
    corner = {"position": (3.2, 35.4), "sky": 0.0, "shape": (40, 52)}
    by_template, truth = scene_of(psf=PSFTemplate(5.0 * psf), **corner)
    image = by_template.expected(0, 1)[0]
    expected = 1000 * gaussian_images([3.2], [35.4], (40, 52), stddev=(2.2, 1.4), theta=25.0)[0]
    np.testing.assert_allclose(image, expected, atol=1e-3)
    assert "origin gaussian" in by_template.psf_name
    assert truth["x"][0].value == 3.2


def test_real_psf_keeps_its_origin(realdata):
    # Its Gaussian lies at (38.993, 39.004), as whoever made the file says.
    psf = PSFTemplate(realdata / "jwst_nircam_f444w_psf.fits")
    scene, _ = scene_of(psf=psf, position=(40.25, 38.5), shape=(80, 82), sky=0.0)
    image = scene.expected(0, 1)[0]
    y, x = np.mgrid[30:48, 31:50]
    fit = TRFLSQFitter()(Gaussian2D(100, 40, 39, 1, 1), x, y, image[30:48, 31:50])
    assert (fit.x_mean.value, fit.y_mean.value) == pytest.approx((40.25, 38.5), abs=0.01)
    # The far wings of a shifted image reach beyond the frame.
    assert image.sum() == pytest.approx(1000, rel=0.01)


def test_copies_do_not_depend_on_their_company():
    template = np.random.default_rng(8).random((30, 41))
    x, y = np.random.default_rng(9).uniform(3, 20, (2, 17))
    star = TemplateImages(template, (20.2, 14.9), x, y, (25, 31))
    together = star(x, y)
    for k in range(17):
        np.testing.assert_array_equal(star(x[k : k + 1], y[k : k + 1])[0], together[k])
