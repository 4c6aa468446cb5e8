import json
import math
import pickle

import numpy as np
import pytest
from astropy import units as u
from astropy.stats import SigmaClip
from photutils.background import (
    Background2D,
    BackgroundBase,
    BiweightLocationBackground,
    MeanBackground,
    MedianBackground,
    MMMBackground,
    ModeEstimatorBackground,
    SExtractorBackground,
)

from nircam_tso.measure.background import MeshBackground, estimate_background

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


class MiddleOfQuartiles(BackgroundBase):
    """An estimator that no library has: the middle of the quartiles."""

    def calc_background(self, data, *, axis=None, masked=False):
        kept = self.sigma_clip(data, axis=axis, masked=False)
        return 0.5 * (np.nanquantile(kept, 0.25, axis=axis) + np.nanquantile(kept, 0.75, axis=axis))


def distances(position=STAR):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return np.hypot(x - position[0], y - position[1])


def sloping(n, seed=4):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    sky = 90 + 0.4 * x - 0.15 * y
    return sky, sky + np.random.default_rng(seed).normal(0, 2, (n, *SHAPE))


@pytest.mark.parametrize(
    ("kind", "clip", "box", "size"),
    [
        *((kind, CLIP, (9, 15), (1, 3)) for kind in KINDS),
        (MedianBackground, None, 8, 3),
        (MeanBackground, SigmaClip(2.5, stdfunc="mad_std"), (10, 7), 3),
        (BiweightLocationBackground, None, (10, 13), 1),
    ],
)
def test_image_is_that_of_photutils(kind, clip, box, size):
    _, data = sloping(3)
    data += 500 * np.exp(-((distances() / 1.5) ** 2))
    bad = np.random.default_rng(9).random(data.shape) < 0.03
    data[1, 3, 5] = np.nan
    background = MeshBackground(box, size, estimator=kind, sigma_clip=clip)
    levels = estimate_background(data, background.footprint(SHAPE, STAR), background, bad)
    for image, hidden, ours in zip(data, bad, levels.image, strict=True):
        expected = Background2D(
            image,
            box,
            mask=hidden | (distances() < 12) | np.isnan(image),
            filter_size=size,
            exclude_percentile=50,
            sigma_clip=clip,
            bkg_estimator=kind(sigma_clip=None),
        ).background
        np.testing.assert_allclose(ours, expected, rtol=1e-10)
    assert levels.valid.all()


def test_estimators_of_ones_own_work():
    _, data = sloping(2)
    background = MeshBackground(8, estimator=MiddleOfQuartiles(sigma_clip=CLIP), exclude_radius=5)
    levels = estimate_background(data, background.footprint(SHAPE, STAR), background)
    median = estimate_background(data, background.footprint(SHAPE, STAR), MeshBackground(8, exclude_radius=5))
    np.testing.assert_allclose(levels.image, median.image, atol=1.5)
    assert levels.valid.all()


def test_a_slope_is_followed_and_the_star_left_out():
    sky, data = sloping(5)
    background = MeshBackground(6, exclude_radius=6)
    footprint = background.footprint(SHAPE, STAR)
    plain = estimate_background(data, footprint, background)
    data += 1e5 * np.exp(-((distances() / 1.2) ** 2))
    levels = estimate_background(data, footprint, background)
    np.testing.assert_allclose(levels.image, plain.image, atol=1e-6)
    inner = (slice(None), slice(6, -6), slice(6, -6))
    assert abs(levels.image - sky)[inner].max() < 2.0
    assert abs((levels.image - sky)[inner].mean()) < 0.2


def test_level_is_the_mean_over_the_region():
    _, data = sloping(4)
    background = MeshBackground((7, 9), exclude_radius=6)
    footprint = background.footprint(SHAPE, STAR)
    region = distances() < 5
    levels = estimate_background(data, footprint, background, region=region)
    np.testing.assert_allclose(levels.level, [image[region].mean() for image in levels.image], rtol=1e-13)
    everywhere = estimate_background(data, footprint, background)
    np.testing.assert_allclose(everywhere.level, everywhere.image.mean(axis=(1, 2)), rtol=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("estimator", "box", "size"), [("median", 10, 3), ("mmm", 10, 3), ("mean", (8, 14), 1), ("sextractor", (8, 14), 1)]
)
def test_error_is_the_scatter_of_the_level(estimator, box, size):
    n = 1500
    data = np.random.default_rng(21).normal(50, 3, (n, *SHAPE))
    good = np.ones(SHAPE, bool)
    good[5:9, 6:30] = False
    background = MeshBackground(box, size, estimator=estimator)
    region = distances() < 6
    levels = estimate_background(data, background.footprint(SHAPE, STAR, good), background, region=region)
    pulls = (levels.level - 50) / levels.error
    # Sure to 1.8 % by these images and to 3.5 % by those that the error is from.
    assert pulls.std() == pytest.approx(1, abs=0.12)
    assert abs(pulls.mean()) < 4 / math.sqrt(n)
    # A sum over a smaller aperture within the box errs by hardly more per pixel.
    smaller = levels.image[:, distances() < 3].mean(axis=1).std()
    assert levels.error.mean() * 0.9 < smaller < levels.error.mean() * 1.25
    assert levels.scatter.mean() == pytest.approx(3, rel=0.005)


def test_scatter_is_that_of_the_pixels_about_the_image():
    _, data = sloping(30)
    background = MeshBackground(5, exclude_radius=4)
    levels = estimate_background(data, background.footprint(SHAPE, STAR), background)
    # Boxes of 25 pixels take 2 % of the variance, which is given back; the slope's bends add some.
    assert levels.scatter.mean() == pytest.approx(2, rel=0.04)


def test_failures_are_flagged_and_harm_no_neighbour():
    _, data = sloping(5)
    background = MeshBackground(8, exclude_radius=6)
    footprint = background.footprint(SHAPE, STAR)
    clean = estimate_background(data, footprint, background)
    data[1] = np.nan
    data[2].flat[9:] = np.nan
    # Enough pixels, but in no box enough of them.
    data[3, 1:, :] = np.inf
    levels = estimate_background(data, footprint, background)
    np.testing.assert_array_equal(levels.valid, [True, False, False, False, True])
    for ours, same in zip(levels[:5], clean[:5], strict=True):
        np.testing.assert_array_equal(ours[[0, 4]], same[[0, 4]])
    for values in (levels.level, levels.error, levels.scatter, levels.image):
        assert np.isnan(values[1:4]).all()
    nothing = estimate_background(data, np.zeros(SHAPE, bool), background)
    assert not nothing.valid.any()


def test_star_larger_than_the_frame_leaves_nothing():
    _, data = sloping(2)
    background = MeshBackground(8, exclude_radius=90)
    assert not estimate_background(data, background.footprint(SHAPE, STAR), background).valid.any()


@pytest.mark.parametrize("estimator", ["median", "sextractor", "biweight"])
def test_constant_sky_has_no_error(estimator):
    background = MeshBackground(8, exclude_radius=6, estimator=estimator)
    levels = estimate_background(np.full((2, *SHAPE), 28400.25), background.footprint(SHAPE, STAR), background)
    np.testing.assert_allclose(levels.image, 28400.25, rtol=1e-15)
    np.testing.assert_array_equal(levels.error, 0)
    assert levels.valid.all()


def test_box_larger_than_the_frame_is_one_level():
    _, data = sloping(2)
    background = MeshBackground(500, exclude_radius=0, sigma_clip=None)
    footprint = background.footprint(SHAPE, STAR)
    assert footprint.all()
    levels = estimate_background(data, footprint, background)
    medians = np.median(data, axis=(1, 2))
    np.testing.assert_allclose(levels.image, np.broadcast_to(medians[:, None, None], data.shape), rtol=1e-13)
    # Its error is the textbook's, sure to 3.5 %.
    expected = levels.scatter * math.sqrt(math.pi / 2 / footprint.sum())
    np.testing.assert_allclose(levels.error, expected, rtol=0.11)


def test_results_do_not_depend_on_the_block():
    _, data = sloping(5)
    bad = np.random.default_rng(3).random(data.shape) < 0.02
    background = MeshBackground(9, exclude_radius=5)
    footprint = background.footprint(SHAPE, STAR)
    whole = estimate_background(data, footprint, background, bad)
    for part in (slice(0, 2), slice(2, 3), slice(3, 5)):
        levels = estimate_background(data[part], footprint, background, bad[part])
        for ours, same in zip(levels[:5], whole[:5], strict=True):
            np.testing.assert_array_equal(ours, same[part])


def test_input_is_left_alone():
    _, data = sloping(2)
    data[0, 3, 4] = np.nan
    before = data.copy()
    estimate_background(data, np.ones(SHAPE, bool), MeshBackground(SHAPE))
    np.testing.assert_array_equal(data, before)


def test_settings_are_checked():
    for value in (0, -3, 2.5, (4,), (4, 5, 6), "8", None, np.nan, (3, 0)):
        with pytest.raises(ValueError, match="box_size: "):
            MeshBackground(value)
        with pytest.raises(ValueError, match="filter_size: "):
            MeshBackground(8, value)
    with pytest.raises(ValueError, match=r"filter_size: \(3, 4\) must be odd"):
        MeshBackground(8, (3, 4))
    with pytest.raises(ValueError, match="exclude_radius: "):
        MeshBackground(8, exclude_radius=-1)
    with pytest.raises(ValueError, match="estimator: 'modal' is none of"):
        MeshBackground(8, estimator="modal")


def test_settings_describe_compare_and_travel():
    background = MeshBackground((8, 9), exclude_radius=5 * u.pix, estimator="mean", sigma_clip=None)
    assert background.describe() == {
        "kind": "mesh",
        "estimator": "MeanBackground",
        "parameters": {},
        "sigma_clip": None,
        "box_size": [8, 9],
        "filter_size": [3, 3],
        "exclude_radius": 5,
    }
    assert json.loads(json.dumps(background.describe())) == background.describe()
    assert pickle.loads(pickle.dumps(background)) == background
    assert MeshBackground(8) == MeshBackground((8, 8), (3, 3))
    assert MeshBackground(8) != MeshBackground(9)
