"""Point spread functions against astropy, quadrature and a direct sum over the pupil."""

import time

import numpy as np
import pytest
from astropy.modeling.models import Gaussian2D
from scipy.integrate import dblquad

from nircam_tso.simulate import gaussian_psf, segmented_pupil, weak_lens_psf
from nircam_tso.simulate.gaussian import gaussian_images
from nircam_tso.simulate.weak_lens import SEGMENT_GAP, SEGMENT_WIDTH


@pytest.mark.parametrize("theta", [0.0, 27.0, -70.0])
def test_point_sampled_gaussian_is_astropys(theta):
    ny, nx = 21, 30
    y, x = np.mgrid[:ny, :nx]
    images = gaussian_images([11.3, 8.25], [9.8, 12.5], (ny, nx), stddev=(1.9, 0.8), theta=theta)
    for image, x0, y0 in zip(images, (11.3, 8.25), (9.8, 12.5), strict=True):
        model = Gaussian2D(1 / (2 * np.pi * 1.9 * 0.8), x0, y0, 1.9, 0.8, np.deg2rad(theta))
        np.testing.assert_allclose(image, model(x, y), rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("theta", [0.0, 33.0])
def test_pixel_integrated_gaussian_is_an_integral(theta):
    x0, y0 = 6.2, 4.7
    image = gaussian_images([x0], [y0], (10, 13), stddev=(1.4, 0.7), theta=theta, pixel_integrated=True)[0]
    model = Gaussian2D(1 / (2 * np.pi * 1.4 * 0.7), x0, y0, 1.4, 0.7, np.deg2rad(theta))
    for y, x in ((5, 6), (4, 8), (7, 5)):
        value = dblquad(lambda v, w: model(w, v), x - 0.5, x + 0.5, y - 0.5, y + 0.5, epsabs=1e-13)[0]
        assert image[y, x] == pytest.approx(value, rel=1e-9)


def test_theta_zero_and_nearly_zero_agree():
    across = {"stddev": (1.4, 0.7), "pixel_integrated": True}
    exact = gaussian_images([6.2], [4.7], (10, 13), theta=0.0, **across)
    tilted = gaussian_images([6.2], [4.7], (10, 13), theta=1e-9, **across)
    np.testing.assert_allclose(tilted, exact, atol=1e-11)


def test_gaussian_psf_is_normalised_and_centred():
    psf = gaussian_psf((31, 40), stddev=(2.0, 1.0), theta=20.0)
    y, x = np.mgrid[:31, :40]
    assert psf.sum() == pytest.approx(1, abs=1e-14)
    assert (psf * x).sum() == pytest.approx(19.5, abs=1e-9)
    assert (psf * y).sum() == pytest.approx(15.0, abs=1e-9)
    with pytest.raises(ValueError, match="stddev"):
        gaussian_psf((9, 9), stddev=0)


def test_pupil_has_eighteen_segments():
    step = 0.01
    transmission, x, y = segmented_pupil(step)
    hexagon = np.sqrt(3) / 2 * SEGMENT_WIDTH**2
    # The struts, 0.1 m wide, take less than 1.2 m2; the segments lose nothing else.
    area = transmission.sum() * step**2
    assert 18 * hexagon - 1.2 < area < 18 * hexagon
    half = transmission.shape[0] // 2
    assert transmission[half, half] == 0
    np.testing.assert_allclose(transmission, transmission[:, ::-1])
    lit_y, lit_x = np.nonzero(transmission)
    assert np.ptp(y.ravel()[lit_y]) == pytest.approx(5 * SEGMENT_WIDTH + 4 * SEGMENT_GAP, abs=2 * step)
    assert np.ptp(x.ravel()[lit_x]) == pytest.approx(
        4 * np.cos(np.pi / 6) * (SEGMENT_WIDTH + SEGMENT_GAP) + 2 / np.sqrt(3) * SEGMENT_WIDTH, abs=2 * step
    )


def test_weak_lens_is_a_filled_hexagon_135_pixels_across():
    start = time.process_time()
    psf = weak_lens_psf((256, 256), wavelength=2.121e-6)
    elapsed = time.process_time() - start
    assert elapsed < 2
    assert psf.sum() == pytest.approx(1, abs=1e-12)
    assert psf.min() >= 0
    band = psf[:, 113:143].sum(axis=1)
    high = np.nonzero(band > np.median(band[100:156]) / 2)[0]
    assert 130 <= high[-1] - high[0] + 1 <= 140
    y, x = np.mgrid[:256, :256] - 127.5
    r = np.hypot(x, y)
    # Filled, with structure, and faint beyond.
    assert 0.93 < psf[r < 70].sum() < 0.98
    assert psf[r < 30].sum() > 0.05
    assert psf[r < 60].std() > 0.3 * psf[r < 60].mean()
    assert psf[r > 90].mean() < 0.02 * psf[r < 60].mean()
    # Hexagon: along y (a segment's flat side) it reaches further than along x.
    row = psf[113:143].sum(axis=0)
    wide = np.nonzero(row > np.median(row[100:156]) / 2)[0]
    assert np.ptp(wide) < np.ptp(high) - 5
    assert (psf * x).sum() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("waves", [0.0, 4.0])
def test_weak_lens_against_a_direct_sum(waves):
    ny, nx, scale, wavelength = 72, 90, 0.0311, 2.12e-6
    position = (44.3, 35.8)
    psf = weak_lens_psf((ny, nx), waves=waves, pixel_scale=scale, wavelength=wavelength, position=position)
    transmission, px, py = segmented_pupil(0.009)
    field = transmission * np.exp(2j * np.pi * waves * (px**2 + py**2) / 3.25**2)
    nodes, weights = np.polynomial.legendre.leggauss(5)
    radian = scale * np.pi / 180 / 3600 / wavelength
    pixels = [(36, 44), (38, 46), (30, 50), (36, 30)]
    values = []
    for y, x in pixels:
        along_x = np.exp(-2j * np.pi * px.ravel()[:, None] * (x + nodes / 2 - position[0]) * radian)
        along_y = np.exp(-2j * np.pi * py.ravel()[:, None] * (y + nodes / 2 - position[1]) * radian)
        intensity = np.abs(along_y.T @ field @ along_x) ** 2
        values.append((intensity * weights[:, None] * weights).sum())
    ratio = np.array(values) / [psf[p] for p in pixels]
    np.testing.assert_allclose(ratio, ratio[0], rtol=0.01)


def test_weak_lens_moves_by_whole_and_part_pixels():
    here = weak_lens_psf((100, 120), waves=2, position=(60.25, 50.5))
    there = weak_lens_psf((100, 120), waves=2, position=(63.25, 48.5))
    # Both are normalised to their own window, which holds slightly different wings.
    np.testing.assert_allclose(there[8:90, 13:110], here[10:92, 10:107], rtol=2e-3, atol=1e-9)


def test_weak_lens_answers_belong_to_the_caller():
    first = weak_lens_psf((40, 50), waves=1)
    first[:] = 0
    assert weak_lens_psf((40, 50), waves=1).sum() == pytest.approx(1)
    with pytest.raises(ValueError, match="pixel_scale"):
        weak_lens_psf((40, 50), pixel_scale=0)
