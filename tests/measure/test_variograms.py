import numpy as np
import pytest

from nircam_tso.extractor.search import searched_rows
from nircam_tso.measure.striping import (
    ReadoutLayout,
    free_residuals,
    level_scatter,
    line_variance,
    noise_variograms,
)
from nircam_tso.measure.striping.readout import Readout
from nircam_tso.simulate.read_noise import CorrelatedNoise

SHAPE = (7, 20)


@pytest.fixture
def rng():
    return np.random.default_rng(20)


def by_hand(images, usable, time):
    """Half the mean square difference of pixels of one row that were read `time` apart."""
    first, second = images[:, :, :-time], images[:, :, time:]
    both = usable[:, :, :-time] & usable[:, :, time:]
    return 0.5 * np.square(first - second)[both].mean()


@pytest.mark.parametrize("how", ["the same pixels", "other pixels in each", "a few lack"])
def test_pairs_within_a_row_are_those_counted_by_hand(rng, how):
    images = 40.0 + rng.normal(0, 3, (16, *SHAPE)) + np.cumsum(rng.normal(0, 1, (16, *SHAPE)), axis=2)
    usable = np.broadcast_to(np.arange(SHAPE[1]) != 6, images.shape).copy()
    if how == "other pixels in each":
        usable &= rng.random(images.shape) < 0.8
    if how == "a few lack":
        usable[3, 2, 11] = usable[9, 5, 0] = False
        images[3, 2, 11] = 1e9
    found = noise_variograms([(images[:9], usable[:9]), (images[9:], usable[9:])], ReadoutLayout())
    # Bins hold a single time each, so that nothing is evened out.
    for time in (1, 2, 3, 4):
        expected = by_hand(images, usable, time)
        assert found.line[time] == pytest.approx(expected, rel=0.01 if how == "a few lack" else 1e-6)
    assert len(found.parts) == 2
    assert found.parts[0].line[1] == pytest.approx(by_hand(images[9:], usable[9:], 1), rel=0.02)


def test_a_single_part_is_split_to_be_judged(rng):
    images = rng.normal(0, 3, (24, *SHAPE))
    usable = np.ones(images.shape, bool)
    found = noise_variograms([(images, usable)], ReadoutLayout())
    assert len(found.parts) == 8
    assert found.parts[2].line[1] == pytest.approx(by_hand(np.delete(images, [6, 7, 8], 0), usable[3:], 1), rel=1e-6)


def test_photon_noise_of_bright_pixels_is_no_common_noise(rng):
    light = np.zeros(SHAPE)
    light[:, 12:] = 6.0
    light[3] = np.nan
    images = rng.normal(0, 1, (400, *SHAPE)) * np.sqrt(4 + 2 * np.nan_to_num(light))
    usable = np.ones(images.shape, bool)
    plain = noise_variograms([(images, usable)], ReadoutLayout())
    better = noise_variograms([(images, usable)], ReadoutLayout(), light)
    # Pairs far apart are more often one in the dark and one in the light.
    bright = (SHAPE[0] - 1) / SHAPE[0]
    np.testing.assert_allclose(plain.line[[1, 12]], [4 + 12 * bright * 15 / 38, 4 + 12 * bright / 2], rtol=0.05)
    # All have the variance of a typical pixel.
    np.testing.assert_allclose(better.line[[1, 4, 12, 18]], 4 + 12 * bright * 15 / 38, rtol=0.03)


def test_light_that_is_left_is_no_photon_noise(rng):
    """What stays of the light in all images makes no pixel noisier, and nothing more is taken off for it."""
    light = rng.gamma(0.5, 4.0, SHAPE)
    images = rng.normal(0, 1, (400, *SHAPE)) * np.sqrt(4 + 0.5 * light)
    usable = np.ones(images.shape, bool)
    taken = []
    for left in (0.0, 0.3):
        plain, better = (
            noise_variograms([(images + left * light, usable)], ReadoutLayout(), own) for own in (None, light)
        )
        taken.append((plain.line - better.line)[1:30])
    spread = np.ptp(taken[0])
    assert spread > 0
    np.testing.assert_allclose(taken[1], taken[0], atol=0.1 * spread)


def test_levels_are_not_compared_over_gaps():
    rng = np.random.default_rng(8)
    runs = [1000.0 * k + rng.normal(0, 3, 50) for k in range(8)]
    variance, error = level_scatter(np.concatenate([[*run, np.nan] for run in runs]))
    assert variance == pytest.approx(9.0, abs=3 * error)
    assert 0.5 < error < 2.0
    assert np.isnan(level_scatter([1.0, np.nan, 2.0, 3.0, np.nan])).all()


@pytest.mark.parametrize("n", [10, 31, 32, 33, 100, 129, 5000])
def test_rows_lie_within_the_series(n):
    for shape in ((64, 64), (320, 320), (2048, 2048)):
        rows = searched_rows(n, ReadoutLayout(), shape)
        assert rows[0] == 0 and rows[-1] == n - 1
        assert (np.diff(rows) > 0).all()
        assert min(n, 8) <= len(rows) <= min(n, 128)


def test_how_many_are_searched_depends_on_the_frame():
    assert len(searched_rows(9999, ReadoutLayout(), (64, 64))) == 128
    assert len(searched_rows(9999, ReadoutLayout(), (320, 320))) == 39
    assert len(searched_rows(9999, ReadoutLayout(), (2048, 2048))) == 8
    # Columns are read beside each other by four outputs.
    edges = (0, 512, 1024, 1536, 2048)
    assert len(searched_rows(9999, ReadoutLayout(edges=edges, overhead=12), (256, 2048))) == 29


@pytest.mark.parametrize("outputs", [1, 2])
def test_long_lines_in_pieces_tell_the_same_variance(rng, outputs):
    # Lines of 320 pixels are told apart by pieces of five, or of two for each of two outputs.
    shape, n = (24, 320), 300
    edges = (0, 320) if outputs == 1 else (0, 160, 320)
    layout = ReadoutLayout(edges=edges, overhead=12)
    noise = CorrelatedNoise(shape, 2.0, outputs=outputs, common=0.5)
    drifts = noise.frames(rng, n)
    images = drifts + rng.normal(0, 1, drifts.shape)
    weights = np.zeros(shape)
    weights[9:15, 70:81], weights[9:15, 40:62], weights[9:15, 90:112] = 1.0, -0.25, -0.25
    variograms = noise_variograms([(images, np.ones(images.shape, bool))], layout)
    (found,), (error,) = line_variance(variograms, layout, np.ones(shape, bool), [weights])
    sums = (noise.frames(rng, 4000) * weights).sum(axis=(1, 2))
    # Evened out over times, the variograms tell 3 % less of the standard deviation.
    assert np.sqrt(found) == pytest.approx(np.std(sums), rel=0.06)
    assert error < 0.1 * found


@pytest.mark.parametrize("slow", [1, -1])
def test_lines_along_y_are_those_of_the_turned_frame(rng, slow):
    """An output that reads along y sees the transposed frame."""
    images = np.cumsum(rng.normal(0, 1, (40, 12, 20)), axis=2) + rng.normal(0, 2, (40, 12, 20))
    usable = rng.random(images.shape) < 0.95
    along_x = noise_variograms([(images, usable)], ReadoutLayout(fast_axis=1, slow_axis=2 * slow))
    turned = images.swapaxes(1, 2).copy(), usable.swapaxes(1, 2).copy()
    along_y = noise_variograms([turned], ReadoutLayout(fast_axis=2, slow_axis=slow))
    for one, other in zip(along_x[:3], along_y[:3], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, equal_nan=True)
    weights = np.zeros((12, 20))
    weights[4:8, 6:12] = 1.0
    free = np.ones((12, 20), bool)
    (expected,), _ = line_variance(along_x, ReadoutLayout(fast_axis=1, slow_axis=2 * slow), free, [weights])
    (found,), _ = line_variance(along_y, ReadoutLayout(fast_axis=2, slow_axis=slow), free.T, [weights.T])
    assert found == pytest.approx(expected, rel=1e-9)


def test_a_single_image_has_no_error_of_its_variance(rng):
    """Of one image nothing can be left out to see what changes."""
    images, shape = rng.normal(0, 3, (1, *SHAPE)), np.ones(SHAPE, bool)
    layout = ReadoutLayout()
    found = line_variance(noise_variograms([(images, shape[None])], layout), layout, shape, [np.ones(SHAPE)])
    assert np.isinf(found.error).all() and np.isfinite(found.variance).all()


@pytest.mark.parametrize("shape", [(70, 90), (200, 131)])
@pytest.mark.parametrize("edges", [None, (0, 40, 80, 131)])
def test_powers_of_many_are_those_of_each(rng, shape, edges):
    if edges is not None:
        edges = (*edges[:3], shape[1])
    readout = Readout(shape, ReadoutLayout(edges=edges, overhead=12))
    images = rng.normal(0, 1, (11, *shape))
    expected = 0.0
    for image in images:
        spectra = readout.spectra(image, readout.every)
        expected = expected + np.concatenate(readout.powers(spectra, spectra))
    np.testing.assert_allclose(np.concatenate(readout.self_powers(images)), expected, rtol=1e-10)
    single = np.concatenate(readout.self_powers(images.astype(np.float32)))
    np.testing.assert_allclose(single, expected, rtol=1e-4, atol=1e-6 * expected.mean())


def test_light_beside_the_star_is_fitted_by_least_squares(rng):
    shape = (23, 31)
    light = rng.gamma(1.0, 30.0, shape)
    images = 40 + rng.uniform(0.8, 1.2, (4, 1, 1)) * light + rng.normal(0, 2, (4, *shape))
    free, bad = rng.random(shape) < 0.9, rng.random(images.shape) < 0.02
    images[1, 4, 5], images[2, 7, 9], free[4, 5], free[7, 9] = np.inf, np.nan, True, True
    images[3, 11, 13] += 500.0
    middle, limit = light.copy(), np.full(shape, 300.0)
    limit[2] = np.inf
    values, usable = free_residuals(images, bad, np.full(4, 40.0), free, light, middle=middle, limit=limit)
    for image, holes, own, use in zip(images, bad, values, usable, strict=True):
        expected = free & ~holes & np.isfinite(image)
        expected[11, 13] &= abs(image[11, 13] - 40 - light[11, 13]) < 300
        np.testing.assert_array_equal(use, expected)
        slope, _ = np.polyfit(light[use], image[use], 1)
        np.testing.assert_allclose(own[use], image[use] - 40 - slope * light[use], atol=1e-9)
        assert (own[~use] == 0).all()


@pytest.mark.parametrize("fast_axis", [1, -1, 2, -2])
@pytest.mark.parametrize("outputs", [1, 2])
def test_what_is_common_to_sums_may_be_named_once(rng, fast_axis, outputs):
    shape = (44, 60)
    length = shape[1] if abs(fast_axis) == 1 else shape[0]
    edges = tuple(range(0, length + 1, length // outputs)) if outputs > 1 else None
    layout = ReadoutLayout(fast_axis=fast_axis, slow_axis=2 // abs(fast_axis), edges=edges, overhead=12)
    images = rng.normal(0, 2, (30, *shape)) + rng.normal(0, 3, (30, 44, 1)) + rng.normal(0, 1, (30, 1, 60))
    variograms = noise_variograms([(images, np.ones(images.shape, bool))], layout)
    free = rng.random(shape) < 0.8
    share = free / free.sum()
    weights = [np.zeros(shape) for _ in range(4)]
    weights[0][10:17, 31:38] = 1.0
    weights[1][20:30, 5:50] = rng.normal(0, 1e-6, (10, 45))
    weights[2][:] = rng.normal(0, 1e5, shape)
    multiples = [weights[0].sum(), 3e-5, 0.0, -1.0]
    expected = line_variance(
        variograms, layout, free, [one - times * share for one, times in zip(weights, multiples, strict=True)]
    )
    found = line_variance(variograms, layout, free, weights, common=(share, multiples))
    np.testing.assert_allclose(found.variance, expected.variance, rtol=1e-5)
    np.testing.assert_allclose(found.error, expected.error, rtol=1e-4)
    assert (found.variance[[0, 2]] > 0).all()
    # The first of them, added up pair by pair: lines that have nothing to do with each other count the same.
    one = (weights[0] - multiples[0] * share).astype(float)
    lines = one if abs(fast_axis) == 1 else one.T
    if outputs == 1:
        lags = np.abs(np.subtract.outer(np.arange(length), np.arange(length)))
        within = sum(line @ (variograms.line[1] - variograms.line)[lags] @ line for line in lines)
        within -= (variograms.line[1] - variograms.line[0]) * (lines**2).sum()
        readout = Readout(shape, layout)
        places = (np.arange(len(lines))[:, None] * readout.n_pieces // readout.n_lines) + (
            np.arange(length) // readout.piece
        )
        if fast_axis < 0:
            places = places[:, ::-1]
        if layout.slow_axis < 0:
            places = places[::-1]
        pairs = np.abs(np.subtract.outer(places.ravel(), places.ravel()))
        row = np.repeat(np.arange(len(lines)), length)
        other = row[:, None] != row[None]
        curve = variograms.line[1] - variograms.same
        between = (np.outer(lines.ravel(), lines.ravel()) * curve[pairs])[other].sum()
        assert found.variance[0] == pytest.approx(within + between, rel=1e-4)
