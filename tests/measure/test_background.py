import json
import math
import pickle

import numpy as np
import pytest
from astropy import units as u
from astropy.stats import SigmaClip
from photutils.aperture import CircularAnnulus
from photutils.background import (
    BackgroundBase,
    BiweightLocationBackground,
    MeanBackground,
    MedianBackground,
    MMMBackground,
    ModeEstimatorBackground,
    SExtractorBackground,
)

from nircam_tso.measure.background import AnnulusBackground, FrameBackground, estimate_background

SHAPE = (40, 55)
CLIP = SigmaClip(3, maxiters=5)


class MiddleOfQuartiles(BackgroundBase):
    """An estimator that no library has: the middle of the quartiles."""

    def calc_background(self, data, *, axis=None, masked=False):
        kept = self.sigma_clip(data, axis=axis, masked=False)
        return 0.5 * (np.nanquantile(kept, 0.25, axis=axis) + np.nanquantile(kept, 0.75, axis=axis))


ESTIMATORS = [
    MedianBackground,
    MeanBackground,
    ModeEstimatorBackground,
    MMMBackground,
    SExtractorBackground,
    BiweightLocationBackground,
    MiddleOfQuartiles,
]


@pytest.fixture
def block():
    rng = np.random.default_rng(7)
    data = rng.normal(30, 4, (9, *SHAPE))
    data += (rng.random(data.shape) < 0.05) * rng.exponential(60, data.shape)
    bad = rng.random(data.shape) < 0.03
    data[2, 4:6, 7] = np.nan
    data[3, 8, 9] = np.inf
    return data, bad


def masked_rows(data, bad, footprint):
    rows = data[:, footprint]
    mask = ~np.isfinite(rows) | bad[:, footprint]
    return np.ma.MaskedArray(np.where(mask, 0.0, rows), mask)


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize("clip", [CLIP, SigmaClip(2, maxiters=None, cenfunc="mean"), SigmaClip(2.5, stdfunc="mad_std")])
def test_levels_agree_with_photutils(block, kind, clip):
    data, bad = block
    background = FrameBackground(kind(sigma_clip=clip), exclude_radius=5)
    footprint = background.footprint(SHAPE, (20.3, 31.8))
    levels = estimate_background(data, footprint, background, bad)
    expected = kind(sigma_clip=clip)(masked_rows(data, bad, footprint), axis=1)
    np.testing.assert_allclose(levels.level, expected, rtol=1e-12)
    assert levels.valid.all()


@pytest.mark.parametrize("kind", ESTIMATORS[:-1])
def test_levels_agree_with_photutils_without_clipping(block, kind):
    data, bad = block
    background = FrameBackground(kind, sigma_clip=None)
    footprint = background.footprint(SHAPE, (20.3, 31.8))
    levels = estimate_background(data, footprint, background, bad)
    expected = kind(sigma_clip=None)(masked_rows(data, bad, footprint), axis=1)
    np.testing.assert_allclose(levels.level, expected, rtol=1e-12)


def test_default_is_the_clipped_median(block):
    data, _ = block
    data = data[[0, 1, 4]]
    background = FrameBackground()
    footprint = background.footprint(SHAPE, (20.3, 31.8))
    levels = estimate_background(data, footprint, background)
    estimator = MedianBackground(sigma_clip=SigmaClip(3, maxiters=5))
    np.testing.assert_array_equal(levels.level, [estimator(image[footprint]) for image in data])


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("median", MedianBackground),
        ("Mean", MeanBackground),
        ("mode", ModeEstimatorBackground),
        ("mmm", MMMBackground),
        ("sextractor", SExtractorBackground),
        ("biweight", BiweightLocationBackground),
    ],
)
def test_names_classes_and_objects_mean_the_same(block, name, kind):
    data, bad = block
    settings = [AnnulusBackground(9, 15, estimator=e) for e in (name, kind, kind(sigma_clip=CLIP))]
    footprint = settings[0].footprint(SHAPE, (20.3, 21.8))
    levels = [estimate_background(data, footprint, background, bad).level for background in settings]
    np.testing.assert_array_equal(levels[0], levels[1])
    np.testing.assert_array_equal(levels[0], levels[2])
    assert settings[0] == settings[1] == settings[2]
    assert len(set(settings)) == 1


@pytest.mark.parametrize("kind", ESTIMATORS[:-1])
@pytest.mark.parametrize(
    "clip", [None, CLIP, SigmaClip(2, maxiters=3), SigmaClip(2.2, cenfunc="mean"), SigmaClip(2.5, stdfunc="mad_std")]
)
def test_error_is_the_scatter_of_the_level(kind, clip):
    n, pixels = 6000, 400
    data = np.random.default_rng(3).normal(50, 3, (n, 10, pixels // 10))
    background = FrameBackground(kind, sigma_clip=clip, exclude_radius=0)
    levels = estimate_background(data, background.footprint((10, pixels // 10), (3, 3)), background)
    true_error = levels.level.std()
    # The Monte Carlo itself is sure to 0.9 % (1 sigma).
    assert np.median(levels.error) == pytest.approx(true_error, rel=0.05)
    assert abs(levels.level.mean() - 50) < 5 * true_error / math.sqrt(n)


@pytest.mark.parametrize("kind", ESTIMATORS[:-1])
@pytest.mark.parametrize("clip", [None, CLIP, SigmaClip(2.5, stdfunc="mad_std")])
@pytest.mark.parametrize("pixels", [12, 55, 148])
def test_error_of_few_pixels(kind, clip, pixels):
    background = AnnulusBackground(3, 5, kind(sigma_clip=clip))
    footprint = (np.arange(12 * 15) < pixels).reshape(12, 15)
    data = np.random.default_rng(11).normal(50, 3, (3000, 12, 15))
    levels = estimate_background(data, footprint, background)
    # The Monte Carlo itself is sure to 1.3 %.
    assert levels.level.std() == pytest.approx(math.sqrt((levels.error**2).mean()), rel=0.08)


def test_unknown_estimators_are_taken_to_be_as_uncertain_as_the_median():
    data = np.random.default_rng(3).normal(50, 3, (5, 20, 30))
    footprint = np.ones((20, 30), bool)
    own = estimate_background(data, footprint, FrameBackground(MiddleOfQuartiles(sigma_clip=CLIP)))
    median = estimate_background(data, footprint, FrameBackground())
    np.testing.assert_allclose(own.error, median.error, rtol=1e-12)


@pytest.mark.parametrize(
    "clip", [None, CLIP, SigmaClip(2), SigmaClip(2.5, stdfunc="mad_std"), SigmaClip(2, maxiters=1)]
)
@pytest.mark.parametrize("estimator", ["median", "biweight"])
def test_scatter_of_gaussian_noise_is_not_biased_by_clipping(clip, estimator):
    data = np.random.default_rng(5).normal(-20, 3, (40, 50, 60))
    background = FrameBackground(estimator, sigma_clip=clip, exclude_radius=0)
    levels = estimate_background(data, background.footprint((50, 60), (3, 3)), background)
    assert levels.scatter.mean() == pytest.approx(3, rel=0.005)
    np.testing.assert_allclose(levels.scatter, 3, rtol=0.1)


def test_scatter_of_few_pixels_is_not_biased():
    data = np.random.default_rng(6).normal(0, 3, (20000, 3, 4))
    background = FrameBackground("mean", sigma_clip=None, exclude_radius=0)
    levels = estimate_background(data, np.ones((3, 4), bool), background)
    assert (levels.scatter**2).mean() == pytest.approx(9, rel=0.02)


def test_too_few_pixels_are_not_valid():
    data = np.random.default_rng(1).normal(10, 1, (3, 20, 30))
    footprint = np.zeros((20, 30), bool)
    footprint[3, :10] = True
    data[1, 3, 2] = np.nan
    for estimator in ("median", "biweight"):
        background = FrameBackground(estimator)
        levels = estimate_background(data, footprint, background)
        np.testing.assert_array_equal(levels.valid, [True, False, True])
        np.testing.assert_array_equal(np.isnan(levels.level), [False, True, False])
        np.testing.assert_array_equal(np.isnan(levels.error), [False, True, False])
        assert not estimate_background(data, np.zeros((20, 30), bool), background).valid.any()
        bad = np.zeros((20, 30), bool)
        bad[3, 0] = True
        assert not estimate_background(data, footprint, background, bad).valid.any()


def test_all_nan_is_not_valid_and_harms_no_neighbour():
    data = np.random.default_rng(1).normal(10, 1, (3, 20, 30))
    for estimator in ("median", "biweight"):
        background = FrameBackground(estimator, exclude_radius=2)
        footprint = background.footprint((20, 30), (12, 7))
        clean = estimate_background(data, footprint, background)
        spoilt = data.copy()
        spoilt[1] = np.nan
        levels = estimate_background(spoilt, footprint, background)
        np.testing.assert_array_equal(levels.valid, [True, False, True])
        np.testing.assert_array_equal(levels.level[[0, 2]], clean.level[[0, 2]])


def test_constant_sky_has_no_error():
    levels = estimate_background(np.full((2, 20, 30), 28400.3), np.ones((20, 30), bool), FrameBackground("sextractor"))
    np.testing.assert_allclose(levels.level, 28400.3, rtol=1e-15)
    np.testing.assert_array_equal(levels.error, 0)
    assert levels.valid.all()


def test_input_is_left_alone(block):
    data, bad = block
    before = data.copy()
    for estimator in ("median", "biweight"):
        estimate_background(data, np.ones(SHAPE, bool), FrameBackground(estimator), bad)
    np.testing.assert_array_equal(data, before)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_results_do_not_depend_on_the_block(block, kind):
    data, bad = block
    background = FrameBackground(kind(sigma_clip=CLIP), exclude_radius=5)
    footprint = background.footprint(SHAPE, (20.3, 31.8))
    whole = estimate_background(data, footprint, background, bad)
    for step in (1, 2, 4):
        for start in range(0, len(data), step):
            s = slice(start, start + step)
            part = estimate_background(data[s], footprint, background, bad[s])
            for ours, same in zip(part[:4], whole[:4], strict=True):
                np.testing.assert_array_equal(ours, same[s])
            assert part.image is part.lines is None
    # A mask without any bad pixel is the same as none.
    none = estimate_background(data[:1], footprint, background)
    empty = estimate_background(data[:1], footprint, background, np.zeros(SHAPE, bool))
    np.testing.assert_array_equal(none.level, empty.level)


@pytest.mark.parametrize("position", [(27.0, 18.0), (27.5, 18.5), (26.31, 17.94), (1.2, 38.8), (-4.0, 12.0)])
@pytest.mark.parametrize(("inner", "outer"), [(3, 5), (0, 4.5), (8, 13.7), (5, 10)])
def test_annulus_is_that_of_photutils(position, inner, outer):
    ours = AnnulusBackground(inner, outer).footprint(SHAPE, position)
    if inner:
        mask = CircularAnnulus(position, inner, outer).to_mask(method="center").to_image(SHAPE)
        np.testing.assert_array_equal(ours, np.zeros(SHAPE, bool) if mask is None else mask.astype(bool))
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    d = np.hypot(x - position[0], y - position[1])
    assert (d[ours] < outer + 1e-9).all()
    assert (d[ours] > inner - 1e-9).all()
    assert ours.sum() == ((d >= inner) & (d < outer)).sum()


def test_annulus_off_the_frame_is_empty():
    background = AnnulusBackground(5, 9)
    footprint = background.footprint(SHAPE, (500.0, 20.0))
    assert not footprint.any()
    assert not background.footprint(SHAPE, (np.nan, 20.0)).any()
    levels = estimate_background(np.ones((2, *SHAPE)), footprint, background)
    assert not levels.valid.any()
    assert np.isnan(levels.level).all()


def test_frame_leaves_out_the_star_and_the_constant_bad_pixels():
    background = FrameBackground(exclude_radius=3)
    good = np.ones(SHAPE, bool)
    good[0, :4] = False
    footprint = background.footprint(SHAPE, (40.0, 10.0), good)
    assert not footprint[10, 38:43].any()
    assert footprint[10, 37]
    assert footprint[10, 43]
    assert footprint[13, 40]
    assert not footprint[8:13, 40].any()
    assert not footprint[0, :4].any()
    # 25 pixel centres are nearer than 3 to one of their own.
    assert footprint.sum() == 40 * 55 - 4 - 25
    assert FrameBackground(exclude_radius=0).footprint(SHAPE, (40.0, 10.0)).all()
    annulus = AnnulusBackground(2, 4).footprint(SHAPE, (2.0, 2.0), good)
    assert not annulus[0, :4].any()
    assert annulus[0, 4] == (math.hypot(2, 2) >= 2)


@pytest.mark.parametrize("value", [-1, np.nan, np.inf, "wide", [1, 2], 3 * u.arcsec])
def test_radii_are_checked(value):
    with pytest.raises(ValueError, match="exclude_radius: "):
        FrameBackground(exclude_radius=value)
    with pytest.raises(ValueError, match="inner: "):
        AnnulusBackground(value, 9)
    with pytest.raises(ValueError, match="outer: "):
        AnnulusBackground(3, value)


def test_outer_is_beyond_inner():
    with pytest.raises(ValueError, match="outer: 5 must be greater than inner"):
        AnnulusBackground(5, 5)
    assert AnnulusBackground(5 * u.pix, 8 * u.pix).outer == 8.0


def test_estimators_and_clipping_are_checked():
    with pytest.raises(ValueError, match="estimator: 'modal' is none of median, mean"):
        FrameBackground("modal")
    with pytest.raises(TypeError, match=r"estimator: .* is no photutils background"):
        FrameBackground(np.median)
    with pytest.raises(TypeError, match=r"estimator: .* is no photutils background"):
        FrameBackground(dict)
    with pytest.raises(TypeError, match="sigma_clip: 3 is no"):
        FrameBackground(sigma_clip=3)
    with pytest.raises(ValueError, match="sigma_clip: 'none' is no SigmaClip"):
        FrameBackground(sigma_clip="none")
    with pytest.raises(ValueError, match="was given beside MeanBackground"):
        FrameBackground(MeanBackground(), sigma_clip=CLIP)
    with pytest.raises(ValueError, match=r"sigma_clip: grow=1\.5 cannot be used"):
        AnnulusBackground(3, 5, "mean", SigmaClip(3, grow=1.5))
    with pytest.raises(ValueError, match=r"sigma_clip: grow=2 cannot be used"):
        AnnulusBackground(3, 5, MeanBackground(sigma_clip=SigmaClip(3, grow=2)))


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="footprint: shape"):
        estimate_background(np.ones((2, 5, 6)), np.ones((6, 5), bool), FrameBackground())
    with pytest.raises(ValueError, match="bad: shape"):
        estimate_background(np.ones((2, 5, 6)), np.ones((5, 6), bool), FrameBackground(), np.ones((3, 5, 6), bool))
    for region in (np.ones((6, 5), bool), np.zeros((5, 6), bool)):
        with pytest.raises(ValueError, match=r"region: (30|0) pixels of shape"):
            estimate_background(np.ones((2, 5, 6)), np.ones((5, 6), bool), FrameBackground(), region=region)


def test_settings_describe_themselves():
    described = FrameBackground().describe()
    assert described == {
        "kind": "frame",
        "estimator": "MedianBackground",
        "parameters": {},
        "sigma_clip": {
            "sigma_lower": 3.0,
            "sigma_upper": 3.0,
            "maxiters": 5,
            "cenfunc": "median",
            "stdfunc": "std",
        },
        "exclude_radius": 12.0,
    }
    described = AnnulusBackground(3, 5, ModeEstimatorBackground(median_factor=2.5, sigma_clip=None)).describe()
    assert described["parameters"] == {"mean_factor": 2.0, "median_factor": 2.5}
    assert described["sigma_clip"] is None
    clip = SigmaClip(3, maxiters=None, cenfunc=np.nanmedian)
    for background in (
        AnnulusBackground(3, 5, "biweight", clip),
        FrameBackground(MiddleOfQuartiles(sigma_clip=CLIP)),
    ):
        assert json.loads(json.dumps(background.describe(), allow_nan=False)) == background.describe()


def test_settings_compare_and_travel():
    assert FrameBackground() == FrameBackground("median", SigmaClip(3, maxiters=5))
    assert FrameBackground() != FrameBackground(exclude_radius=3)
    assert FrameBackground() != AnnulusBackground(3, 5)
    assert FrameBackground("mean") != FrameBackground("mean", None)
    background = AnnulusBackground(3, 5, MMMBackground(sigma_clip=CLIP))
    background.describe()
    assert pickle.loads(pickle.dumps(background)) == background
    with pytest.raises(AttributeError):
        background.inner = 4
