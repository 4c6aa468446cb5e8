import json
import math
import pickle

import numpy as np
import pytest
from astropy.stats import SigmaClip
from photutils.background import (
    BiweightLocationBackground,
    MeanBackground,
    MedianBackground,
    MMMBackground,
    ModeEstimatorBackground,
    SExtractorBackground,
)

from nircam_tso.measure.background import (
    FrameBackground,
    LineBackground,
    circle_chords,
    estimate_background,
    line_sum_error,
)
from nircam_tso.measure.overlap import circle_overlap

SHAPE = (40, 56)
STAR = (30.3, 18.7)
CLIP = SigmaClip(3, maxiters=5)
KINDS = [
    MedianBackground,
    MeanBackground,
    ModeEstimatorBackground,
    MMMBackground,
    SExtractorBackground,
    BiweightLocationBackground,
]


def distances(position=STAR):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return np.hypot(x - position[0], y - position[1])


def lines_of(levels, axis):
    return levels.image[:, :, 0] if axis == "row" else levels.image[:, 0, :]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("clip", [None, CLIP, SigmaClip(2.5, stdfunc="mad_std")])
@pytest.mark.parametrize("axis", ["row", "column"])
def test_each_line_is_measured_as_photutils_does(kind, clip, axis):
    rng = np.random.default_rng(5)
    data = rng.normal(80, 2, (3, *SHAPE)) + 500 * np.exp(-((distances() / 1.5) ** 2))
    bad = rng.random(data.shape) < 0.03
    data[1, 3, 5] = np.nan
    background = LineBackground(axis, estimator=kind, sigma_clip=clip)
    levels = estimate_background(data, background.footprint(SHAPE, STAR), background, bad)
    mask = bad | (distances() < 12) | np.isnan(data)
    along = 2 if axis == "row" else 1
    expected = [
        kind(sigma_clip=clip)(np.ma.MaskedArray(np.where(hidden, 0, image), hidden), axis=along - 1)
        for image, hidden in zip(data, mask, strict=True)
    ]
    np.testing.assert_allclose(lines_of(levels, axis), expected, rtol=1e-12)
    assert (np.ptp(levels.image, axis=along) == 0).all()
    assert levels.valid.all()


@pytest.mark.parametrize("axis", ["row", "column"])
def test_stripes_are_taken_out(axis):
    rng = np.random.default_rng(6)
    stripes = rng.normal(0, 20, (4, SHAPE[0], 1) if axis == "row" else (4, 1, SHAPE[1]))
    data = 100 + stripes + rng.normal(0, 1, (4, *SHAPE))
    background = LineBackground(axis)
    levels = estimate_background(data, background.footprint(SHAPE, STAR), background)
    # The median of 32 pixels and more errs by 0.22.
    assert abs(levels.image - 100 - stripes).max() < 5 * 0.3
    assert levels.scatter == pytest.approx(1, rel=0.06)


@pytest.mark.parametrize("axis", ["row", "column"])
@pytest.mark.parametrize("estimator", ["median", "mean", "mode", "sextractor", "biweight"])
@pytest.mark.parametrize("clip", ["default", None])
def test_errors_are_the_scatter_of_sums(axis, estimator, clip):
    n = 1500
    data = np.random.default_rng(31).normal(50, 3, (n, *SHAPE))
    background = LineBackground(axis, estimator=estimator, sigma_clip=clip)
    region = distances() < 6
    levels = estimate_background(data, background.footprint(SHAPE, STAR), background, region=region)
    # Monte Carlo is sure to 1.8 %, the errors to 1 %.
    area = region.sum()
    truth = (levels.image[:, region] - 50).sum(axis=1)
    pulls = truth / (area * levels.error)
    assert pulls.std() == pytest.approx(1, abs=0.075)
    assert abs(pulls.mean()) < 4 / math.sqrt(n)
    # A smaller aperture, elsewhere, with its own chords.
    radii, centre = np.array([2.5, 4.0]), (33.1, 21.4)
    chords = circle_chords(np.full(n, centre[1 if axis == "row" else 0]), radii, SHAPE[0 if axis == "row" else 1])
    errors = line_sum_error(levels.lines, chords)
    for i, radius in enumerate(radii):
        weights = circle_overlap(SHAPE, centre, radius)
        sums = ((levels.image - 50) * weights).sum(axis=(1, 2))
        assert (sums / errors[:, i]).std() == pytest.approx(1, abs=0.075)
    assert levels.scatter.mean() == pytest.approx(3, rel=0.01)


def test_error_of_the_region_is_that_of_its_chords():
    data = np.random.default_rng(2).normal(50, 3, (4, *SHAPE))
    background = LineBackground("row", estimator="mean", sigma_clip=None)
    footprint = background.footprint(SHAPE, STAR)
    region = distances() < 6
    levels = estimate_background(data, footprint, background, region=region)
    chords, n_free = region.sum(axis=1), footprint.sum(axis=1)
    expected = levels.scatter * math.sqrt((chords**2 / n_free).sum()) / region.sum()
    np.testing.assert_allclose(levels.error, expected, rtol=0.02)
    own = line_sum_error(levels.lines, np.broadcast_to(chords, (4, 1, SHAPE[0])))[:, 0]
    np.testing.assert_allclose(own, levels.error * region.sum(), rtol=1e-12)


def test_lines_of_few_pixels_come_from_their_neighbours():
    rows = 100 + 3.0 * np.arange(SHAPE[0])[:, np.newaxis]
    data = np.random.default_rng(1).normal(0, 1, (3, *SHAPE)) + rows
    bad = np.zeros(data.shape, bool)
    # 8 free pixels are enough, 7 are not.
    bad[0, 20, 8:], bad[0, 21, 7:], bad[0, 22, :] = True, True, True
    bad[1, :3], bad[1, -2:] = True, True
    background = LineBackground("row", exclude_radius=0, estimator="mean", sigma_clip=None)
    levels = estimate_background(data, np.ones(SHAPE, bool), background, bad)
    means = data.mean(axis=2)
    level = levels.image[:, :, 7]
    assert level[0, 20] == pytest.approx(data[0, 20, :8].mean(), rel=1e-13)
    assert level[0, 21] == pytest.approx((2 * level[0, 20] + means[0, 23]) / 3, rel=1e-13)
    assert level[0, 22] == pytest.approx((level[0, 20] + 2 * means[0, 23]) / 3, rel=1e-13)
    np.testing.assert_allclose(level[1, :3], means[1, 3], rtol=1e-13)
    np.testing.assert_allclose(level[1, -2:], means[1, -3], rtol=1e-13)
    np.testing.assert_allclose(level[2], means[2], rtol=1e-13)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(levels.lines.error[0])), [21, 22])
    # What is interpolated shares its neighbours' errors.
    chords = np.zeros((3, 1, SHAPE[0]))
    chords[0, 0, 21:24] = 1, 2, 4
    low, high = levels.lines.error[0, [20, 23]]
    expected = math.hypot((2 / 3 + 2 / 3) * low, (1 / 3 + 4 / 3 + 4) * high)
    assert line_sum_error(levels.lines, chords)[0, 0] == pytest.approx(expected, rel=1e-12)
    chords[1, 0, :4] = 1
    assert line_sum_error(levels.lines, chords)[1, 0] == pytest.approx(4 * levels.lines.error[1, 3], rel=1e-12)
    assert levels.valid.all()


def test_failures_are_flagged_and_harm_no_neighbour():
    data = np.random.default_rng(1).normal(50, 1, (5, *SHAPE))
    background = LineBackground("column", exclude_radius=5)
    footprint = background.footprint(SHAPE, STAR)
    clean = estimate_background(data, footprint, background)
    data[1] = np.nan
    # Nine pixels in one column, and ten in ten columns: neither is a sky.
    data[2] = np.where((np.arange(SHAPE[1]) == 3) & (np.arange(SHAPE[0])[:, None] < 9), data[2], np.inf)
    data[3, 1:] = np.nan
    levels = estimate_background(data, footprint, background)
    np.testing.assert_array_equal(levels.valid, [True, False, False, False, True])
    for ours, same in zip((*levels[:5], *levels.lines), (*clean[:5], *clean.lines), strict=True):
        np.testing.assert_array_equal(ours[[0, 4]], same[[0, 4]])
    for values in (levels.level, levels.error, levels.scatter, levels.image):
        assert np.isnan(values[1:4]).all()
    sums = line_sum_error(levels.lines, np.ones((5, 2, SHAPE[1])))
    np.testing.assert_array_equal(np.isnan(sums).all(axis=1), ~levels.valid)
    assert not estimate_background(data, np.zeros(SHAPE, bool), background).valid.any()


@pytest.mark.parametrize("estimator", ["median", "sextractor", "biweight"])
def test_constant_sky_has_no_error(estimator):
    background = LineBackground("row", 6, estimator)
    levels = estimate_background(np.full((2, *SHAPE), 28400.25), background.footprint(SHAPE, STAR), background)
    np.testing.assert_allclose(levels.image, 28400.25, rtol=1e-15)
    np.testing.assert_array_equal(levels.error, 0)
    assert levels.valid.all()


@pytest.mark.parametrize("axis", ["row", "column"])
def test_results_do_not_depend_on_the_block(axis):
    rng = np.random.default_rng(3)
    data = rng.normal(50, 1, (5, *SHAPE))
    bad = rng.random(data.shape) < 0.02
    bad[3, :, 4:9], bad[3, 4:9] = True, True
    before = data.copy()
    background = LineBackground(axis, 5)
    footprint = background.footprint(SHAPE, STAR)
    whole = estimate_background(data, footprint, background, bad)
    for part in (slice(0, 2), slice(2, 3), slice(3, 5)):
        levels = estimate_background(data[part], footprint, background, bad[part])
        for ours, same in zip((*levels[:5], *levels.lines), (*whole[:5], *whole.lines), strict=True):
            np.testing.assert_array_equal(ours, same[part])
    np.testing.assert_array_equal(data, before)


@pytest.mark.parametrize("centre", [12.0, 12.37, -2.5, 41.2, 100.0])
def test_chords_are_the_overlaps_of_a_wide_frame(centre):
    radii = np.array([0.3, 2.0, 5.5])
    chords = circle_chords(np.array([centre]), radii, 40)
    for i, radius in enumerate(radii):
        overlap = circle_overlap((40, 30), (14.6, centre), radius)
        np.testing.assert_allclose(chords[0, i], overlap.sum(axis=1), atol=1e-12)
    assert np.isnan(circle_chords(np.array([np.nan]), radii, 4)).all()


def test_settings_are_checked_described_and_compared():
    for axis in ("rows", 0, None):
        with pytest.raises(ValueError, match="axis: .* is neither 'row' nor 'column'"):
            LineBackground(axis)
    with pytest.raises(ValueError, match="exclude_radius: "):
        LineBackground(exclude_radius=-1)
    with pytest.raises(TypeError, match="estimator: "):
        LineBackground(estimator=np.median)
    background = LineBackground("column", 7, "mean", None)
    assert background.describe() == {
        "kind": "line",
        "estimator": "MeanBackground",
        "parameters": {},
        "sigma_clip": None,
        "axis": "column",
        "exclude_radius": 7,
    }
    assert json.loads(json.dumps(background.describe())) == background.describe()
    assert pickle.loads(pickle.dumps(background)) == background
    assert LineBackground() != LineBackground("column")
    assert LineBackground() != FrameBackground()
    np.testing.assert_array_equal(
        background.footprint(SHAPE, STAR), FrameBackground(exclude_radius=7).footprint(SHAPE, STAR)
    )
