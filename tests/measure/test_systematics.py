"""Principal components of subframes against numpy's own, and against changes put in by hand."""

import numpy as np
import pytest

from nircam_tso.measure.systematics import Components, find_components, project_components

SHAPE = (15, 19)


def stars(x_stddev, flux=4e5, x=9.3, y=6.8):
    """Elongated, off-centre stars, one for each width."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    x_stddev = np.asarray(x_stddev, float)[:, None, None]
    flux = np.broadcast_to(flux, (len(x_stddev),))[:, None, None]
    norm = flux / (2 * np.pi * x_stddev * 1.2)
    return norm * np.exp(-((columns - x) ** 2) / (2 * x_stddev**2) - (rows - y) ** 2 / (2 * 1.2**2))


def noisy(images, seed, read=25.0):
    variance = images + read
    return images + np.random.default_rng(seed).normal(size=images.shape) * np.sqrt(variance), variance


def test_components_are_numpys():
    """Without bad pixels and outliers, they are the singular vectors of the centred matrix."""
    stamps, _ = noisy(stars(np.linspace(1.5, 1.7, 40)), 1)
    components = find_components(stamps)
    shares = stamps / stamps.sum(axis=(1, 2), keepdims=True)
    matrix = (shares - shares.mean(axis=0)).reshape(40, -1)
    _, singular, right = np.linalg.svd(matrix, full_matrices=False)
    for k in range(3):
        overlap = abs((right[k] * components.images[k].ravel()).sum())
        assert overlap == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(components.share, (singular**2 / (singular**2).sum())[:3], rtol=1e-5)
    assert components.images.shape == (3, *SHAPE)


def test_components_are_orthonormal_and_have_a_sign():
    stamps, _ = noisy(stars(np.linspace(1.5, 1.7, 30)), 2)
    components = find_components(stamps)
    products = (components.images[:, None] * components.images[None]).sum(axis=(2, 3))
    np.testing.assert_allclose(products, np.eye(3), atol=1e-10)
    assert np.all(np.diff(components.share) <= 0)
    for image in components.images:
        assert image.flat[np.argmax(np.abs(image))] > 0
    again = find_components(stamps.copy())
    assert again.images.tobytes() == components.images.tobytes()
    backwards = find_components(stamps[::-1])
    np.testing.assert_allclose(backwards.images[0], components.images[0], atol=1e-9)


def test_a_change_of_width_shows_and_one_of_flux_does_not():
    n = 300
    width = np.where(np.arange(n) < 180, 1.6, 1.62)
    flux = 4e5 * (1 - 0.02 * (np.abs(np.arange(n) - 90) < 20))
    stamps, variance = noisy(stars(width, flux), 3)
    components = find_components(stamps[::5])
    found = project_components(stamps, components, variance=variance)
    pc1, error = found.value[:, 0], found.error[:, 0]
    step = pc1[180:].mean() - pc1[:180].mean()
    # The change of the normalised image itself, along the component.
    shares = stars([1.6, 1.62], 1.0)
    expected = ((shares[1] - shares[0]) * components.images[0]).sum()
    assert step == pytest.approx(expected, abs=4 * error[0] / np.sqrt(70))
    assert abs(step) > 5 * error[0]
    dimmed = np.abs(np.arange(180) - 90) < 20
    assert abs(pc1[:180][dimmed].mean() - pc1[:180][~dimmed].mean()) < 4 * error[0] / np.sqrt(39)


def test_errors_have_unit_pull():
    sample, _ = noisy(stars(np.linspace(1.55, 1.65, 64)), 4)
    components = find_components(sample)
    images = stars(np.full(800, 1.6))
    stamps, variance = noisy(images, 5)
    found = project_components(stamps, components, variance=variance[0])
    truth = project_components(images[:1], components).value
    pulls = (found.value - truth) / found.error
    np.testing.assert_allclose(pulls.std(axis=0), 1, atol=4 / np.sqrt(1600))
    assert np.all(np.abs(pulls.mean(axis=0)) < 4 / np.sqrt(800))


def test_bitwise_the_same_in_blocks():
    stamps, variance = noisy(stars(np.linspace(1.5, 1.7, 50)), 6)
    stamps[3, 4, 5] = np.nan
    components = find_components(stamps)
    whole = project_components(stamps, components, variance=variance)
    parts = [project_components(stamps[i : i + 7], components, variance=variance[i : i + 7]) for i in range(0, 50, 7)]
    assert np.concatenate([part.value for part in parts]).tobytes() == whole.value.tobytes()
    assert np.concatenate([part.error for part in parts]).tobytes() == whole.error.tobytes()


def test_bad_pixels_and_lost_frames():
    # Wide changes along all of the first two components, so that what leaks between them would show.
    width = 1.6 + 0.1 * np.sin(np.arange(60))
    stamps, variance = noisy(stars(width, x=9.3) + stars(width, 2e5 * np.cos(np.arange(60) / 5) ** 2, x=8.3), 7)
    clean = project_components(stamps, find_components(stamps, n_components=2), variance=variance)
    bad = np.zeros(stamps.shape, bool)
    bad[10, 7, 9] = True
    bad[:, 2, 3] = True
    stamps[10, 7, 9] = 1e9
    stamps[20, 6, 7:10] = np.nan
    stamps[30] = np.nan
    stamps[31] = -5.0
    stamps[:, 2, 3] = 7e7
    components = find_components(stamps, bad, n_components=2)
    assert components.median[2, 3] == 0
    assert np.all(components.images[:, 2, 3] == 0)
    found = project_components(stamps, components, bad, variance)
    lost = np.isnan(found.value).any(axis=1)
    assert np.flatnonzero(lost).tolist() == [30, 31]
    assert np.array_equal(np.isnan(found.error), np.isnan(found.value))
    pulls = (found.value - clean.value)[[10, 20]] / found.error[[10, 20]]
    assert np.abs(clean.value).max() > 50 * np.nanmax(found.error)
    assert np.all(np.abs(pulls) < 5)
    assert np.all(found.error[20] > found.error[19])


def test_a_cosmic_ray_makes_no_component():
    stamps, _ = noisy(stars(np.linspace(1.5, 1.7, 41)), 8)
    clean = find_components(stamps)
    stamps[20, 11, 4] += 5e4
    hit = find_components(stamps)
    assert abs((hit.images[0] * clean.images[0]).sum()) > 0.999
    assert np.abs(hit.images[:, 11, 4]).max() < 0.5


def test_a_tilt_late_in_the_sample_is_no_cosmic_ray():
    width = np.where(np.arange(50) < 45, 1.6, 1.66)
    stamps, variance = noisy(stars(width), 9)
    components = find_components(stamps)
    pc1 = project_components(stamps, components, variance=variance)
    step = pc1.value[45:, 0].mean() - pc1.value[:45, 0].mean()
    assert abs(step) > 8 * pc1.error[0, 0]
    assert components.share[0] > 2 * components.share[1]


def test_too_little_to_find_components():
    stamps = stars([1.5, 1.7])
    components = find_components(stamps)
    assert components.share[0] == pytest.approx(1)
    assert np.all(components.images[1:] == 0)
    assert np.isnan(project_components(stamps, components).value[:, 1:]).all()
    for nothing in (stamps[:1], np.full((5, *SHAPE), np.nan), np.zeros((5, *SHAPE)), np.repeat(stamps[:1], 5, axis=0)):
        components = find_components(nothing)
        assert np.all(components.images == 0)
        assert np.isnan(project_components(stamps, components).value).all()


def test_wrong_arguments():
    stamps = stars([1.5, 1.7])
    with pytest.raises(ValueError, match=r"stamps: have shape \(15, 19\)"):
        find_components(stamps[0])
    with pytest.raises(ValueError, match="bad: has shape"):
        find_components(stamps, np.zeros(SHAPE, bool))
    with pytest.raises(ValueError, match="n_components: 0"):
        find_components(stamps, n_components=0)
    with pytest.raises(ValueError, match=r"stamps: are of \(15, 19\) pixels, the components of \(3, 4\)"):
        project_components(stamps, Components(np.ones((3, 4)), np.zeros((1, 3, 4)), np.zeros(1)))
