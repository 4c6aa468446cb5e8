"""PSF-weighted flux: unbiased, and as sure as the photons allow."""

import numpy as np
import pytest

from nircam_tso import AnnulusBackground, PSFTemplate, TimeSeriesExtractor
from nircam_tso.measure.templates import shift_images
from nircam_tso.simulate import gaussian_psf, weak_lens_psf

pytestmark = pytest.mark.slow

SHAPE = (46, 60)
STAMP = (21, 25)
X, Y = 35.3, 21.6
READ = 5.0
N = 5000
#: Where the stamp lies, about the pixel that holds the star.
WINDOW = np.s_[12:33, 23:48]


def star(kind, x=X, y=Y):
    if kind == "gaussian":
        return gaussian_psf(SHAPE, stddev=(1.5, 1.1), theta=27.0, position=(x, y))
    return weak_lens_psf(SHAPE, waves=0.0, position=(x, y))


def template(kind):
    if kind == "gaussian":
        return PSFTemplate(gaussian_psf((41, 41), stddev=(1.5, 1.1), theta=27.0))
    return PSFTemplate(weak_lens_psf((45, 45), waves=0.0))


def cramer_rao(kind, flux, variance, sky_error):
    """
    Smallest error of the flux with the position free, the sky being measured elsewhere.

    The stamp's information on flux, x and y together; the error of the sky is none of
    the stamp's, and adds by what the flux answers to a unit of sky.
    """
    image, h = star(kind), 0.01
    slopes = [
        flux * (star(kind, X + dx, Y + dy) - star(kind, X - dx, Y - dy)) / (2 * h) for dx, dy in ((h, 0.0), (0.0, h))
    ]
    jacobian = np.stack([image, *slopes])[(slice(None), *WINDOW)].reshape(3, -1)
    weights = 1 / variance[WINDOW].ravel()
    inverse = np.linalg.inv((jacobian * weights) @ jacobian.T)
    answer = inverse[0] @ (jacobian * weights).sum(axis=1)
    return np.hypot(np.sqrt(inverse[0, 0]), answer * sky_error)


@pytest.mark.parametrize(
    ("kind", "flux", "sky", "background"),
    [
        ("gaussian", 1e4, 60.0, None),
        ("gaussian", 1e4, 60.0, AnnulusBackground(13, 19)),
        ("gaussian", 2e6, 10.0, None),
        ("gaussian", 2e6, 10.0, AnnulusBackground(13, 19)),
        ("diffraction", 1e4, 60.0, None),
        ("diffraction", 1e4, 60.0, AnnulusBackground(13, 19)),
        # Without a sky: wings of a bright star lie on any annulus, whose level is not the sky's.
        ("diffraction", 2e6, 10.0, None),
    ],
)
def test_scatter_is_that_of_the_bound(kind, flux, sky, background, noisy_images):
    image = flux * star(kind)
    variance = image + sky + READ**2
    data = noisy_images(image + (0.0 if background is None else sky), np.sqrt(variance), seed=401)
    ts = TimeSeriesExtractor(
        aperture_radii=[3], position=(X, Y), subframe_shape=STAMP, background=background, template=template(kind)
    ).extract(data, errors=np.broadcast_to(np.sqrt(variance), data.shape))
    found = ts["psf_flux"].value
    bound = cramer_rao(kind, flux, variance, ts["background"].value.std())
    # 5,000 rows know their scatter to 1 %.
    assert found.std(ddof=1) < 1.03 * bound
    assert found.std(ddof=1) > 0.96 * bound
    assert np.median(ts["psf_flux_err"].value) == pytest.approx(bound, rel=0.03)
    # The PSF is normalised over its own array, which holds all but a little of the light.
    assert found.mean() == pytest.approx(flux, rel=0.01)


@pytest.mark.parametrize("flux", [1e4, 3e5])
@pytest.mark.parametrize("kind", ["gaussian", "diffraction"])
def test_matching_psf_is_unbiased(kind, flux, noisy_images):
    """At any place in the pixel: a jittering star of the very PSF that is given."""
    sky = 60.0
    psf = template(kind)
    rng = np.random.default_rng(402)
    x, y = X + rng.normal(0, 0.1, N), Y + rng.normal(0, 0.1, N)
    ny, nx = psf.image.shape
    whole = np.zeros(SHAPE)
    top, left = round(Y) - ny // 2, round(X) - nx // 2
    whole[max(top, 0) : top + ny, left : left + nx] = psf.image[max(-top, 0) : SHAPE[0] - top, : SHAPE[1] - left]
    origin = psf.origin[0] + left, psf.origin[1] + top
    data = np.empty((N, *SHAPE), np.float32)
    for k in range(0, N, 500):
        part = slice(k, k + 500)
        images = flux * shift_images(whole, x[part] - origin[0], y[part] - origin[1])
        sigma = np.sqrt(np.maximum(images, 0) + sky + READ**2)
        data[part] = images + sigma * rng.standard_normal(images.shape)
    ts = TimeSeriesExtractor(
        aperture_radii=[3], position=(X, Y), subframe_shape=STAMP, background=None, template=psf
    ).extract(data, errors=np.sqrt(np.maximum(data, 1) + np.float32(sky + READ**2)))
    pulls = (ts["psf_flux"].value - flux) / ts["psf_flux_err"].value
    assert abs(pulls.mean()) < 3.5 / np.sqrt(N) + 2 * np.median(ts["psf_flux_err"].value) / flux
    assert abs(pulls.std() - 1) < 0.05
