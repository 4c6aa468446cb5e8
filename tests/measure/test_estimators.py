import math
import subprocess
import sys

import numpy as np
import pytest
from astropy.stats import SigmaClip, sigma_clip
from photutils.background import (
    BiweightLocationBackground,
    MeanBackground,
    MedianBackground,
    MMMBackground,
    ModeEstimatorBackground,
    SExtractorBackground,
)
from scipy import stats

from nircam_tso.measure.background import FrameBackground, estimate_background
from nircam_tso.measure.clipping import clipped_statistics
from nircam_tso.measure.estimators import level_of, noise_response, photutils_levels


def test_errors_without_clipping_are_those_of_the_textbooks():
    assert noise_response(MeanBackground(sigma_clip=None)).error == pytest.approx(1, rel=1e-6)
    assert noise_response(MedianBackground(sigma_clip=None)).error == pytest.approx(math.sqrt(math.pi / 2), rel=1e-3)
    mode = math.sqrt(9 * math.pi / 2 + 4 - 12)
    assert noise_response(MMMBackground(sigma_clip=None)).error == pytest.approx(mode, rel=1e-3)
    own = ModeEstimatorBackground(median_factor=2.0, mean_factor=1.0, sigma_clip=None)
    assert noise_response(own).error == pytest.approx(math.sqrt(2 * math.pi + 1 - 4), rel=1e-3)
    sextractor = math.sqrt(6.25 * math.pi / 2 + 2.25 - 7.5)
    assert noise_response(SExtractorBackground(sigma_clip=None)).error == pytest.approx(sextractor, rel=1e-3)
    # With wide tuning the biweight location is the mean, with narrow it nears the median.
    assert noise_response(BiweightLocationBackground(c=60, sigma_clip=None)).error == pytest.approx(1, rel=1e-3)
    narrow = noise_response(BiweightLocationBackground(c=1, sigma_clip=None)).error
    assert 1.2 < narrow < 1.5


def test_clipped_gaussian_is_a_truncated_one():
    for clip in (SigmaClip(3, maxiters=1), SigmaClip(3, sigma_lower=2.5, sigma_upper=2.5, maxiters=1)):
        truncated = stats.truncnorm(-clip.sigma_lower, clip.sigma_upper)
        response = noise_response(MedianBackground(sigma_clip=clip))
        assert response.scatter == pytest.approx(truncated.std(), rel=1e-12)
        assert response.kept == pytest.approx(1 - 2 * stats.norm.sf(clip.sigma_lower), rel=1e-12)


@pytest.mark.parametrize(
    "clip",
    [
        SigmaClip(3, maxiters=5),
        SigmaClip(2, maxiters=None),
        SigmaClip(2.5, maxiters=3, stdfunc="mad_std"),
        SigmaClip(3, sigma_lower=np.inf),
    ],
)
def test_what_clipping_leaves_of_many_pixels(clip):
    data = np.random.default_rng(2).normal(size=(1, 1_000_000))
    kept = sigma_clip(data, clip.sigma, clip.sigma_lower, clip.sigma_upper, clip.maxiters, stdfunc=clip.stdfunc, axis=1)
    response = noise_response(MeanBackground(sigma_clip=clip))
    if math.isinf(clip.sigma_lower):
        # Lopsided limits of which one is infinite count as none.
        assert response.scatter == response.kept == 1
        return
    assert response.scatter == pytest.approx(kept.std(), rel=0.004)
    assert response.kept == pytest.approx(kept.count() / data.size, rel=0.004)


def test_limits_that_eat_themselves_up_still_give_numbers():
    for estimator in (MedianBackground, BiweightLocationBackground):
        response = noise_response(estimator(sigma_clip=SigmaClip(1.2, maxiters=None)))
        assert all(math.isfinite(value) and value > 0 for value in response)


@pytest.mark.parametrize("kind", [MedianBackground, MeanBackground, MMMBackground, SExtractorBackground])
@pytest.mark.parametrize("skewness", [0.0, 0.5, 4.0])
def test_levels_out_of_statistics_are_those_out_of_pixels(kind, skewness):
    # The skewest samples take SExtractor's rule for crowded fields.
    rng = np.random.default_rng(1)
    data = rng.normal(size=(30, 500)) + skewness * rng.exponential(1, (30, 500)) ** 2
    ours = level_of(kind(), clipped_statistics(data, np.arange(500), rounds=0))
    np.testing.assert_allclose(ours, kind(sigma_clip=None)(data, axis=1), rtol=1e-11, atol=1e-13)


def test_estimators_that_need_the_pixels_say_so():
    class Own(MedianBackground):
        pass

    statistics = clipped_statistics(np.ones((1, 20)), np.arange(20))
    assert level_of(BiweightLocationBackground(), statistics) is None
    assert level_of(Own(), statistics) is None
    np.testing.assert_array_equal(level_of(SExtractorBackground(), statistics), [1.0])


@pytest.mark.parametrize("clip", [None, SigmaClip(2, maxiters=2, stdfunc="mad_std")])
def test_photutils_levels(clip):
    rng = np.random.default_rng(9)
    sky = np.ma.MaskedArray(rng.normal(5, 1, (4, 200)), rng.random((4, 200)) < 0.2)
    level, std, n_kept = photutils_levels(sky, BiweightLocationBackground(sigma_clip=clip))
    for b in range(4):
        row = sky[b].compressed()
        if clip is not None:
            row = row[~clip(row[np.newaxis], axis=1).mask[0]]
        assert n_kept[b] == len(row)
        assert std[b] == pytest.approx(row.std(), rel=1e-12)
        assert level[b] == pytest.approx(BiweightLocationBackground(sigma_clip=None)(row), rel=1e-12)


def test_the_default_stands_for_photutils():
    default, real = (
        FrameBackground(),
        FrameBackground(estimator=MedianBackground(sigma_clip=SigmaClip(3.0, maxiters=5))),
    )
    assert default.describe() == real.describe()
    assert default == real and hash(default) == hash(real)
    assert noise_response(default.photutils_estimator) == noise_response(real.photutils_estimator)
    data = np.random.default_rng(2).normal(7.0, 2.0, (3, 40, 31))
    data[0, 3, 4] = 1e4
    footprint = np.ones((40, 31), bool)
    ours, theirs = (estimate_background(data, footprint, background) for background in (default, real))
    for name in ("level", "error", "scatter"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))


def test_the_default_needs_no_photutils():
    code = (
        "import sys, numpy as np\n"
        "from nircam_tso import FrameBackground\n"
        "from nircam_tso.measure.background import estimate_background\n"
        "background = FrameBackground()\n"
        "background.describe()\n"
        "estimate_background(np.ones((2, 9, 8)), np.ones((9, 8), bool), background)\n"
        "print('photutils' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split() == ["False"]
