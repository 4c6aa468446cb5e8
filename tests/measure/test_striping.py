"""Stripes: what is found of them, what is taken off, and what is left in a sum."""

from dataclasses import replace

import numpy as np
import pytest
from photutils.geometry import circular_overlap_grid

from nircam_tso.measure.ramps import reduce_ramps
from nircam_tso.measure.striping import (
    MIN_FREE,
    ReadoutLayout,
    correct_groups,
    fit_striping,
    free_residuals,
    group_differences,
    image_residuals,
    line_variance,
    noise_variograms,
    remaining_variance,
    series_residuals,
    striping_lines,
    striping_terms,
    subtract_terms,
)
from nircam_tso.measure.striping.lines import line_medians
from nircam_tso.measure.striping.remaining import _after_correction
from nircam_tso.simulate.read_noise import CorrelatedNoise

SHAPE = (38, 60)
FOUR = ReadoutLayout(edges=(0, 15, 30, 45, 60), overhead=12)


@pytest.fixture
def rng():
    return np.random.default_rng(20261122)


def radius_from(shape, x, y):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return np.hypot(columns - x, rows - y)


def overlaps(shape, x, y, radius):
    ny, nx = shape
    return circular_overlap_grid(-0.5 - x, nx - 0.5 - x, -0.5 - y, ny - 0.5 - y, nx, ny, radius, 1, 1)


def striped(rng, n=16, level=100.0, scatter=4.0, stripes=3.0):
    """Images whose rows wander, and pixels that tell of it: fewer about a star, none in three rows."""
    images = level + rng.normal(0, scatter, (n, *SHAPE)) + rng.normal(0, stripes, (n, SHAPE[0], 1))
    free = radius_from(SHAPE, 41.0, 14.0) > 9
    free[25:28] = False
    return images, free


def line_noise(variograms, layout, free, apertures, sky=None, model=None):
    """What stripes along rows leave in sky-subtracted apertures, per unit of their chords."""
    sky = free if sky is None else sky & free
    weights = [aperture - aperture.sum() * sky / sky.sum() for aperture in apertures]
    variance = line_variance(variograms, layout, free, weights, model=model).variance
    return np.sqrt(variance / np.square(apertures.sum(axis=2)).sum(axis=1))


def model_of(images, bad, free, lines, reference="median", window=None):
    window = ~free if window is None else window
    return fit_striping(series_residuals(images, bad, free, window, reference=reference), lines, window)


LINES = {
    "row": striping_lines("row", SHAPE, ReadoutLayout()),
    "row-odd-even": striping_lines("row", SHAPE, ReadoutLayout(), odd_even=True),
    "column": striping_lines("column", SHAPE, ReadoutLayout()),
    "column-odd-even": striping_lines("column", SHAPE, ReadoutLayout(), odd_even=True),
    "row-amplifier": striping_lines("row-amplifier", SHAPE, FOUR),
    "amplifiers-of-columns": striping_lines(
        "row-amplifier", SHAPE, ReadoutLayout(fast_axis=2, slow_axis=-1, edges=(0, 19, 38))
    ),
}


@pytest.mark.parametrize("name", LINES)
def test_medians_are_those_of_numpy(rng, name):
    lines = LINES[name]
    images = rng.normal(5, 2, (3, *SHAPE))
    images[1, 4, 7] = np.nan
    usable = rng.random(images.shape) < 0.7
    usable[2, 5] = usable[2, :, 9] = False
    medians, counts, deviations = line_medians(images, usable, lines, spreads=True)
    along = lines.along(np.ma.MaskedArray(images, ~usable | np.isnan(images)))
    for strip in range(len(lines.groups)):
        part = along[:, :, lines.strips == strip]
        expected = np.ma.median(part, axis=2)
        np.testing.assert_array_equal(medians[:, strip], expected.filled(np.nan))
        np.testing.assert_array_equal(counts[:, strip], part.count(axis=2))
        spread = np.ma.median(np.abs(part - expected[:, :, None]), axis=2).filled(np.nan)
        np.testing.assert_array_equal(deviations[:, strip], spread)


def test_which_pixels_belong_together():
    assert LINES["amplifiers-of-columns"].direction == "column"
    assert LINES["amplifiers-of-columns"].groups.shape == (2, SHAPE[1])
    assert LINES["column-odd-even"].groups[0, :4].tolist() == [0, 1, 0, 1]
    both = striping_lines("row-amplifier", SHAPE, FOUR, odd_even=True)
    assert both.strips[13:18].tolist() == [1, 0, 3, 2, 3]
    assert both.n_groups == 8
    with pytest.raises(ValueError, match=r"striping: 'row-amplifier' needs FASTAXIS.* not 38 x 60"):
        striping_lines("row-amplifier", SHAPE, ReadoutLayout())
    with pytest.raises(ValueError, match="striping: 'rows' is none of 'row', 'column'"):
        striping_lines("rows", SHAPE, ReadoutLayout())


def test_a_flat_frame_of_100_stays_at_100(rng):
    images = 100 + rng.normal(0, 0.5, (12, *SHAPE))
    # What four outputs are off by, and the rows of each.
    images += np.repeat([-7.0, -1.0, 1.0, 30.0], 15)
    images += np.repeat(rng.normal(0, 2, (12, SHAPE[0], 4)), 15, axis=2)
    bad, free = np.zeros(images.shape, bool), np.ones(SHAPE, bool)
    lines = LINES["row-amplifier"]
    model = model_of(images, bad, free, lines, reference=None)
    subtract_terms(images, striping_terms(images, bad, model).values, lines)
    assert np.all(np.abs(images.mean(axis=(1, 2)) - 100) < 0.5)
    assert np.all(np.abs(np.median(images, axis=(1, 2)) - 100) < 0.5)
    assert images.std() < 1.1 * np.hypot(0.5, 0.5 * np.sqrt(1.57 / 15))


def test_odd_and_even_columns(rng):
    images = 100 + rng.normal(0, 0.5, (12, *SHAPE)) + rng.normal(0, 2, (12, SHAPE[0], 1))
    images[:, :, 1::2] += 6
    bad, free = np.zeros(images.shape, bool), np.ones(SHAPE, bool)
    for name in ("row-odd-even", "column-odd-even"):
        corrected = images.copy()
        model = model_of(images, bad, free, LINES[name], reference=None)
        subtract_terms(corrected, striping_terms(images, bad, model).values, LINES[name])
        assert abs(corrected[:, :, 1::2].mean() - corrected[:, :, ::2].mean()) < 0.1
        assert abs(corrected.mean() - images.mean()) < 0.1


@pytest.mark.parametrize("name", ["row", "column", "row-odd-even"])
def test_terms_have_zero_mean(rng, name):
    images, free = striped(rng)
    images += rng.normal(0, 3, (len(images), 1, SHAPE[1]))
    bad = rng.random(images.shape) < 0.03
    model = model_of(images, bad, free, LINES[name], reference=None)
    terms = striping_terms(images, bad, model)
    assert np.abs(terms.values).max() > 0.01
    np.testing.assert_allclose(terms.values.mean(axis=(1, 2)), 0, atol=1e-12)


def test_terms_are_the_best_linear_prediction(rng):
    images, free = striped(rng)
    bad = np.zeros(images.shape, bool)
    model = model_of(images, bad, free, LINES["row"])
    terms = striping_terms(images, bad, model)
    residuals = image_residuals(images, bad, free, ~free, model.reference)
    known = free.sum(axis=1) >= MIN_FREE
    medians = np.array([[np.median(image[y, free[y]]) for y in np.flatnonzero(known)] for image in residuals])
    # Random levels about an unknown mean, with the mixed model's own matrices.
    error = 0.5 * np.pi * model.scatter[0] ** 2 / free.sum(axis=1)[known]
    inverse = np.linalg.inv(model.variance[0] * np.eye(known.sum()) + np.diag(error))
    mean = (medians @ inverse).sum(axis=1) / inverse.sum()
    expected = model.variance[0] * (medians - mean[:, None]) @ inverse
    np.testing.assert_allclose(terms.values[:, 0, known], expected, rtol=1e-9, atol=1e-9)


def test_strength_of_stripes(rng):
    images, free = striped(rng, n=60, scatter=5.0, stripes=2.0)
    bad = rng.random(images.shape) < 0.01
    images[bad] = 1e9
    model = model_of(images, bad, free, LINES["row"])
    # 59 x 35 differences, of which a median absolute deviation has 37 % of the information, less their overlap.
    assert model.variance[0] == pytest.approx(4.0, rel=0.2)
    assert model.scatter[0] == pytest.approx(5.0, rel=0.03)


def test_without_stripes_nothing_is_taken_off(rng):
    images, free = striped(rng, n=40, stripes=0.0)
    bad = np.zeros(images.shape, bool)
    model = model_of(images, bad, free, LINES["row"])
    terms = striping_terms(images, bad, model)
    # Medians of rows scatter by 0.65; nearly all of that stays where it is.
    assert terms.values.std() < 0.15
    still = np.full((12, *SHAPE), 100.0)
    model = model_of(still, bad[:12], free, LINES["row"])
    np.testing.assert_array_equal(striping_terms(still, bad[:12], model).values, 0.0)


def test_no_row_becomes_worse(rng):
    stripes = rng.normal(0, 0.5, (400, SHAPE[0], 1))
    images = 100 + rng.normal(0, 4.0, (400, *SHAPE)) + stripes
    free = np.ones(SHAPE, bool)
    free[10:20, 9:] = False
    bad = np.zeros(images.shape, bool)
    lines = LINES["row"]
    terms = striping_terms(images, bad, model_of(images, bad, free, lines, reference=None)).values[:, 0]
    true = stripes[:, :, 0]
    after, before = (true - terms).var(axis=0), true.var(axis=0)
    assert np.all(after < before * (1 + 4.5 * np.sqrt(2 / 400)))
    error = 0.5 * np.pi * 16.0 / free.sum(axis=1)
    assert np.mean(after[:10]) == pytest.approx(remaining_variance(0.25, error[0]), rel=0.15)
    # Without shrinking rows of nine pixels would be ten times worse than before.
    assert np.mean(after[10:20]) == pytest.approx(remaining_variance(0.25, error[10]), rel=0.15)


def test_remaining_variance():
    s2, e = np.array([4.0, 0.0, 4.0, 0.0]), np.array([2.0, 2.0, np.inf, 0.0])
    k = np.array([4 / 6, 0.0, 0.0, 0.0])
    expected = k**2 * np.where(k > 0, e, 0) + (1 - k) ** 2 * s2
    np.testing.assert_allclose(remaining_variance(s2, e), expected)


def test_rows_that_too_few_pixels_tell_of_are_left(rng):
    images, free = striped(rng)
    free[5] = False
    free[5, : MIN_FREE - 1] = free[6, :MIN_FREE] = True
    free[6, MIN_FREE:] = False
    bad = np.zeros(images.shape, bool)
    bad[3, 6, 0] = True
    terms = striping_terms(images, bad, model_of(images, bad, free, LINES["row"]))
    assert terms.left[:, 0, 5].all()
    assert terms.left[:, 0, 25:28].all()
    assert terms.left[:, 0, 6].tolist() == [row == 3 for row in range(len(images))]
    assert np.all((terms.values == 0) == terms.left)


def test_bad_integrations_and_block_sizes(rng):
    images, free = striped(rng)
    images[7] = np.nan
    images[2, 11, 50] = np.nan
    bad = rng.random(images.shape) < 0.01
    for lines in LINES.values():
        model = model_of(images, bad, free, lines)
        terms = striping_terms(images, bad, model)
        assert terms.left[7].all()
        assert not terms.values[7].any()
        assert np.isfinite(terms.values).all()
        for b in range(len(images)):
            alone = striping_terms(images[b : b + 1], bad[b : b + 1], model)
            np.testing.assert_array_equal(alone.values[0], terms.values[b])


def test_wings_of_the_star_do_not_pass_for_stripes(rng):
    n, flux = 24, 2e6
    x, y = 26.4, 22.7
    star = (1 + (radius_from(SHAPE, x, y) / 3) ** 2) ** -1.5
    star *= flux / star.sum()
    factor = 1 - 0.02 * np.linspace(-1, 1, n) ** 2
    clean = 100 + factor[:, None, None] * star
    images = clean + CorrelatedNoise(SHAPE, 2.0).frames(rng, n) + rng.normal(0, 3, clean.shape)
    bad = np.zeros(images.shape, bool)
    window = radius_from(SHAPE, x, y) < 9
    lines, weights = LINES["row"], overlaps(SHAPE, x, y, 8.0)
    sky = radius_from(SHAPE, x, y) > 16

    def fluxes(data):
        return (data * weights).sum(axis=(1, 2)) - weights.sum() * np.median(data[:, sky], axis=1)

    bias = {}
    for reference in ("median", None):
        # The wings alone, by the model of the noisy series: noise has no part in this.
        model = model_of(images, bad, ~window, lines, "median", window)
        if reference is None:
            model = replace(model, reference=None)
        data = clean.copy()
        subtract_terms(data, striping_terms(clean, bad, model).values, lines)
        shift = fluxes(data) / fluxes(clean) - 1
        bias[reference] = (shift - shift.mean(), shift.mean())
    assert np.abs(bias["median"][0]).max() < 1e-5
    assert abs(bias[None][1]) > 3e-3
    # With noise, on the mean of the series, to a few of its standard errors.
    model = model_of(images, bad, ~window, lines, "median", window)
    data = images.copy()
    subtract_terms(data, striping_terms(images, bad, model).values, lines)
    assert abs((fluxes(data) / fluxes(clean)).mean() - 1) < 1e-4
    assert (fluxes(data) - fluxes(clean)).std() < 0.7 * (fluxes(images) - fluxes(clean)).std()


def test_ramps_are_corrected_difference_by_difference(rng):
    n, groups = 14, 5
    images, free = striped(rng, n=n * (groups - 1), level=300.0)
    clean = np.cumsum(np.full((n, groups, *SHAPE), 300.0), axis=1)
    ramps = clean.copy()
    ramps[:, 1:] += np.cumsum(images.reshape(n, groups - 1, *SHAPE) - 300.0, axis=1)
    ramps = np.round(ramps).astype(np.uint16)
    lines = LINES["row"]
    for steps, group_range in ((True, (0, 4)), (True, (1, 3)), (False, (1, 4))):
        differences = group_differences(ramps, group_range, steps=steps)
        bad = np.zeros(differences.shape, bool)
        models = [model_of(differences[:, k], bad[:, k], free, lines) for k in range(differences.shape[1])]
        corrected, left = correct_groups(ramps, bad, models, group_range, steps=steps)
        assert left.shape == (n, differences.shape[1], 1, SHAPE[0])
        for k, model in enumerate(models):
            expected = differences[:, k].copy()
            subtract_terms(expected, striping_terms(differences[:, k], bad[:, k], model).values, lines)
            after = group_differences(corrected, group_range, steps=steps)[:, k]
            np.testing.assert_allclose(after, expected, rtol=0, atol=1e-9)
        np.testing.assert_array_equal(corrected[:, : group_range[0] + 1], ramps[:, : group_range[0] + 1])
        ramp = "slope" if steps else "last-first"
        known = free.sum(axis=1) >= MIN_FREE
        before, after = (
            np.diff(reduce_ramps(part, ramp=ramp, group_range=group_range, group_time=1.0).image, axis=0)
            for part in (ramps, corrected)
        )
        assert after.mean(axis=2)[:, known].var() < 0.25 * before.mean(axis=2)[:, known].var()


def test_bad_groups_spoil_the_differences_that_span_them():
    bad = np.zeros((1, 4, 1, 2), bool)
    bad[0, 2, 0, 1] = True
    assert group_differences(bad, (0, 3), steps=True)[0, :, 0].tolist() == [
        [False, False],
        [False, True],
        [False, True],
    ]
    assert group_differences(bad, (0, 3), steps=False)[0, :, 0].tolist() == [[False, True]]
    assert not group_differences(bad, (0, 1), steps=False).any()


def test_variogram_of_one_over_f_noise(rng):
    shape, amplitude, white = (48, 64), 3.0, 2.0
    noise = CorrelatedNoise(shape, amplitude, fast_axis=-1)
    images = noise.frames(rng, 400) + rng.normal(0, white, (400, *shape))
    usable = np.broadcast_to(radius_from(shape, 20, 30) > 10, images.shape)
    found = noise_variograms(
        [(images[:150], usable[:150]), (images[150:], usable[150:])], ReadoutLayout(-1, 2, (0, 64), 12)
    )
    # Pieces of two pixels, and of a line with its pause 38.
    assert len(found.same) == 48 * 38
    # Its spectrum's sum: amplitude^2 / k at k / size, size the transform's length.
    k = np.arange(1, 48 * 76)
    for time in (1, 3, 10, 76, 500, 1500):
        expected = white**2 + (amplitude**2 / k * (1 - np.cos(2 * np.pi * k * time / (2 * 48 * 76)))).sum()
        # A line is 64 pixels long, and the next one begins 76 later.
        assert (found.line[time] if time < 64 else found.same[time // 2]) == pytest.approx(expected, rel=0.06)
    assert np.isnan(found.other).all()


def test_variograms_of_outputs(rng):
    shape = (40, 64)
    images = CorrelatedNoise(shape, 2.0, outputs=4, common=0.0).frames(rng, 300)
    usable = np.ones(images.shape, bool)
    layout = ReadoutLayout(edges=(0, 16, 32, 48, 64), overhead=12)
    apart = noise_variograms([(images, usable)], layout)
    # Of outputs that have nothing in common: the variance, at any time.
    variance = CorrelatedNoise(shape, 2.0, outputs=4).variance
    np.testing.assert_allclose(apart.other[[0, 5, 100, 600]], variance, rtol=0.08)
    images = CorrelatedNoise(shape, 2.0, outputs=4, common=1.0).frames(rng, 300)
    together = noise_variograms([(images, usable)], layout)
    # With all in common it does not matter through which output a pixel was read.
    np.testing.assert_allclose(together.other[5:12], together.line[5:12], rtol=0.02)
    np.testing.assert_allclose(together.other[100:600], together.same[100:600], rtol=0.05)
    assert together.other[0] < 1e-9


@pytest.mark.parametrize("name", ["row", "row-odd-even", "column", "column-odd-even"])
def test_the_corrections_weights_are_those_of_the_correction(rng, name):
    lines = LINES[name]
    images, free = striped(rng)
    bad = np.zeros(images.shape, bool)
    model = model_of(images, bad, free, lines, reference=None)
    weights = overlaps(SHAPE, 40.2, 13.3, 7.0)
    weights -= weights.sum() * free / free.sum()
    before, _ = _after_correction(weights, model)
    # Pixels of one value in each line, so that a median is a mean.
    for _ in range(3):
        levels = rng.normal(0, 5, lines.groups.shape)
        image = np.zeros((1, *SHAPE))
        subtract_terms(image, -levels[None], lines)
        corrected = image.copy()
        subtract_terms(corrected, striping_terms(image, bad[:1], model).values, lines)
        assert (before * image[0]).sum() == pytest.approx((weights * corrected[0]).sum(), abs=1e-9)


def test_noise_of_rows_that_wander_by_themselves(rng):
    n, s = 200, 3.0
    images = rng.normal(0, 2, (n, 60, 80)) + rng.normal(0, s, (n, 60, 1))
    free = radius_from((60, 80), 50.0, 22.0) > 12
    usable = np.broadcast_to(free, images.shape)
    variograms = noise_variograms([(images, usable)], ReadoutLayout())
    apertures = overlaps((60, 80), 50.0, 22.0, 10.0)[None]
    found = line_noise(variograms, ReadoutLayout(), free, apertures)
    chords = apertures[0].sum(axis=1)
    share = apertures[0].sum() * free.sum(axis=1) / free.sum()
    expected = s * np.sqrt(((chords - share) ** 2).sum() / (chords**2).sum())
    assert found[0] == pytest.approx(expected, rel=0.1)
    nothing = noise_variograms([(images[:2], np.zeros((2, 60, 80), bool))], ReadoutLayout())
    assert np.isnan(line_noise(nothing, ReadoutLayout(), free, apertures)).all()
    # Bad images and wild pixels tell nothing.
    images[3], images[::7, 40, 5] = np.nan, 1e8
    again = line_noise(noise_variograms([(images, usable)], ReadoutLayout()), ReadoutLayout(), free, apertures)
    assert again[0] == pytest.approx(found[0], rel=0.02)


@pytest.mark.parametrize("outputs", [1, 4])
def test_what_remains_of_one_over_f_noise(rng, outputs):
    shape, scatter = ((256, 2048) if outputs == 4 else (256, 256)), 10.0
    n = 6 if outputs == 4 else 24
    noise = CorrelatedNoise(shape, 2.0, outputs=outputs)
    drifts = noise.frames(rng, n)
    images = 50 + drifts + rng.normal(0, scatter, drifts.shape)
    star = radius_from(shape, 0.3 * shape[1], 120.0) < 40
    bad = np.zeros(images.shape, bool)
    edges = tuple(range(0, shape[1] + 1, shape[1] // outputs))
    lines = striping_lines("row-amplifier", shape, ReadoutLayout(edges=edges))
    terms = striping_terms(images, bad, model_of(images, bad, ~star, lines, reference=None))
    true, within, free = [], [], []
    for first, stop in zip(edges[:-1], edges[1:], strict=True):
        part, use = drifts[:, :, first:stop], ~star[:, first:stop]
        true.append(part.mean(axis=2))
        within.append((part * use).sum(axis=2) / use.sum(axis=1) - true[-1])
        free.append(np.broadcast_to(use.sum(axis=1), true[-1].shape))
    true, within, free = (np.stack(part, axis=1) for part in (true, within, free))
    true -= true.mean(axis=(1, 2), keepdims=True)
    rest = true - terms.values
    rest -= rest.mean(axis=(1, 2), keepdims=True)
    assert rest.var() < 1.25 * ((1.57 * scatter**2 / free).mean() + within.var())
    assert rest.var() < 0.05 * true.var()


@pytest.mark.slow
@pytest.mark.parametrize("outputs", [1, 4])
def test_errors_of_aperture_sums(outputs):
    shape, scatter, part = (256, 256), 10.0, 100
    rng = np.random.default_rng(31 + outputs)
    x, y = 138.3, 114.3
    weights, distance = overlaps(shape, x, y, 70.0), radius_from(shape, x, y)
    free = distance > 75
    noise = CorrelatedNoise(shape, 2.0, outputs=outputs)
    layout = ReadoutLayout(edges=tuple(range(0, 257, 256 // outputs)), overhead=12)
    star = 400 * np.exp(-((distance / 40) ** 2))

    def images():
        factor = 1 + 0.01 * rng.uniform(-1, 1, part)
        values = 100 + factor[:, None, None] * star + noise.frames(rng, part) + rng.normal(0, scatter, (part, *shape))
        return values, factor

    bad = np.zeros((part, *shape), bool)
    sample, _ = images()
    residuals = series_residuals(sample, bad, free, ~free)
    models = {None: None}
    for striping in ("row", "row-amplifier"):
        models[striping] = fit_striping(residuals, striping_lines(striping, shape, layout), ~free)
    sums = {striping: [] for striping in models}
    parts = [(residuals.values, residuals.usable)]
    for _ in range(5):
        values, factor = images()
        truth = factor * ((star * weights).sum() - weights.sum() * np.median(star[free]))
        parts.append((image_residuals(values, bad, free, ~free, residuals.reference), parts[0][1]))
        for striping, model in models.items():
            data = values.copy()
            if model is not None:
                subtract_terms(data, striping_terms(data, bad, model).values, model.lines)
            sky = np.median(data[:, free], axis=1)
            sums[striping].extend((data * weights).sum(axis=(1, 2)) - weights.sum() * sky - truth)
    # Slow drifts need many images: of these some are measured, too.
    variograms = noise_variograms(parts[:3], layout)
    variance = (weights**2).sum() * scatter**2 + (weights.sum() * scatter) ** 2 * 0.5 * np.pi / free.sum()
    for striping, model in models.items():
        (s,) = line_noise(variograms, layout, free, weights[None], sky=free, model=model)
        error = np.sqrt(variance + s**2 * (weights.sum(axis=1) ** 2).sum())
        assert np.std(sums[striping]) / error == pytest.approx(1.0, abs=0.1), striping
    if outputs == 1:
        assert np.std(sums["row"]) < 0.25 * np.std(sums[None])


def test_wings_have_the_scale_that_they_have_there():
    """The star's own flux is off by 20 %, and its wings are not: nothing of them is left."""
    y, x = np.mgrid[:18, :30]
    wings = 40 * np.exp(-np.hypot(x - 11.3, y - 8.1) / 6)
    star = np.hypot(x - 11.3, y - 8.1) < 4
    image = 50 + 1.07 * wings
    image[star] += 0.2 * wings[star]
    values, usable = free_residuals(image[None], np.zeros((1, 18, 30), bool), np.array([50.0]), ~star, wings)
    assert (usable[0] == ~star).all()
    left = values[0][~star]
    # All that stays is a level, of which differences of pixels know nothing.
    assert np.ptp(left) < 1e-9


def test_pixels_that_were_hit_tell_nothing():
    star = np.zeros((6, 9), bool)
    star[2, 3] = star[2, 4] = True
    light = np.where(star, 100.0, 0.0)
    images = np.stack([20 + light, 20 + light])
    images[1, 2, 4] += 90.0
    images[1, 5, 7] += 90.0
    images[:, 0, 0] += 3.0
    limits = {"middle": light, "limit": np.full((6, 9), 10.0)}
    values, usable = free_residuals(images, np.zeros(images.shape, bool), np.full(2, 20.0), ~star, light, **limits)
    assert usable[0].sum() == 52 and usable[1].sum() == 51 and not usable[1, 5, 7]
    # Neither in the pixel nor, by way of the star's flux, in others.
    np.testing.assert_array_equal(values[1, :5], values[0, :5])
    assert values[1, 0, 0] == 3.0


def test_an_output_that_is_covered_keeps_its_levels(rng):
    """No pixel of the third of four outputs tells of its lines: they get the level of the others."""
    images, free = striped(rng)
    lines = LINES["row-amplifier"]
    first, last = FOUR.edges[2:4]
    free[:, first:last] = False
    bad = np.zeros(images.shape, bool)
    model = model_of(images, bad, free, lines)
    terms = striping_terms(images, bad, model)
    covered = lines.groups == 2
    assert terms.left[..., covered].all() and (terms.values[..., covered] == 0).all()
    assert not terms.left[..., ~covered].all()
    assert model.variance[2] == model.scatter[2] == 0
    assert (np.delete(model.scatter, 2) > 0).all()
    # The noise left in an aperture beside it is told all the same.
    weights = np.zeros(SHAPE)
    weights[10:16, last + 1 : last + 5] = 1.0
    residuals = np.where(free, images - images.mean(axis=(1, 2), keepdims=True), 0.0)
    variograms = noise_variograms([(residuals, np.broadcast_to(free, images.shape))], FOUR)
    assert np.isfinite(line_variance(variograms, FOUR, free, [weights], model=model).variance).all()
