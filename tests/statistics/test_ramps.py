"""Ramps frame by frame: pulls of last-first, slopes and group steps, and what steps share."""

import numpy as np
import pytest
from photutils.aperture import CircularAperture

from nircam_tso import FrameBackground, TimeSeriesExtractor
from nircam_tso.simulate import gaussian_psf

pytestmark = pytest.mark.slow

SHAPE = (34, 44)
X, Y = 25.3, 16.8
GAIN, READ, FRAME_TIME = 1.8, 9.0, 0.8
GROUPS, FRAMES, GAP = 3, 4, 1
#: Electrons in a frame.
FLUX, SKY = 4e4, 12.0
HEADER = {"NFRAMES": FRAMES, "GROUPGAP": GAP, "TFRAME": FRAME_TIME, "TGROUP": (FRAMES + GAP) * FRAME_TIME}
EXPECTED = SKY + FLUX * gaussian_psf(SHAPE, stddev=(1.5, 1.1), theta=27.0, position=(X, Y))
#: A median of photons lies up to 1/6 electron below their mean, in any package.
BACKGROUND = FrameBackground("mean", sigma_clip=None)


@pytest.fixture(scope="module")
def ramps():
    """Photons arrive, every frame is read, a group is the mean of its frames; in DN."""
    rng = np.random.default_rng(201)
    n = 5000
    light = np.zeros((n, *SHAPE), np.float32)
    groups = np.zeros((n, GROUPS, *SHAPE), np.float32)
    for group in range(GROUPS):
        for _ in range(FRAMES):
            light += rng.poisson(EXPECTED, light.shape)
            groups[:, group] += light
        light += rng.poisson(GAP * EXPECTED, light.shape)
    groups /= FRAMES
    # Independent reads: their mean has the noise of one over the root of their number.
    groups += np.float32(READ / np.sqrt(FRAMES)) * rng.standard_normal(groups.shape, dtype=np.float32)
    groups /= np.float32(GAIN)
    return groups


def extract(ramps, ramp, **changes):
    settings = {"aperture_radii": [3, 6], "position": (X, Y), "background": BACKGROUND, **changes}
    return TimeSeriesExtractor(ramp=ramp, gain=GAIN, read_noise=READ, **settings).extract(ramps, header=HEADER)


@pytest.mark.parametrize("ramp", ["last-first", "slope", "groups"])
def test_pulls(ramp, ramps, noiseless_truth, check_pulls):
    ts = extract(ramps, ramp)
    if ramp == "groups":
        # Steps of one ramp share a group: one of them from each is independent of the others.
        assert len(ts) == (GROUPS - 1) * len(ramps)
        ts = ts[1 :: GROUPS - 1]
    factor = {"last-first": (GROUPS - 1) * (FRAMES + GAP), "slope": 1 / FRAME_TIME, "groups": FRAMES + GAP}[ramp]
    settings = {"aperture_radii": [3, 6], "position": (X, Y)}
    truth = noiseless_truth((EXPECTED - SKY) * factor / GAIN, np.ones(SHAPE), **settings)
    check_pulls(ts, truth, background=SKY * factor / GAIN)
    assert np.mean(ts["gauss_chi2"]) == pytest.approx(1, abs=3.5 * np.sqrt(2 / 435 / len(ts)) + 2e-3)


@pytest.mark.parametrize("rate", ["star", "sky"])
def test_noise_of_a_pixel(rate, ramps):
    """The formulae for last-first and for what neighbouring steps share, against these frames."""
    y, x = (round(Y), round(X)) if rate == "star" else (3, 40)
    electrons = EXPECTED[y, x]
    pixel = ramps[:, :, y - 1 : y + 2, x - 1 : x + 2].astype(float) * GAIN
    around = EXPECTED[y - 1 : y + 2, x - 1 : x + 2].mean()
    assert rate == "sky" or around > 50 * SKY
    assert rate == "star" or electrons < 1.01 * SKY
    m = FRAMES
    steps = np.diff(pixel, axis=1)
    last_first = around * ((GROUPS - 1) * (m + GAP) - (m**2 - 1) / (3 * m)) + 2 * READ**2 / m
    # 45,000 values know their variance to 0.7 %, and a covariance to 0.5 % of it.
    assert (pixel[:, -1] - pixel[:, 0]).var(axis=0).mean() == pytest.approx(last_first, rel=0.025)
    step = around * (m + GAP - (m**2 - 1) / (3 * m)) + 2 * READ**2 / m
    shared = around * (m**2 - 1) / (6 * m) - READ**2 / m
    assert steps.var(axis=0).mean() == pytest.approx(step, rel=0.025)
    centred = steps - steps.mean(axis=0)
    assert (centred[:, 0] * centred[:, 1]).mean() == pytest.approx(shared, abs=0.02 * step)
    assert abs(shared) > 0.1 * step


def test_steps_share_noise_in_the_light_curve(ramps):
    """The sum over an aperture inherits it, pixel by pixel, and the sky's part beside it."""
    ts = extract(ramps, "groups", center="fixed")
    flux = ts["aperture_sum_r6"].value.reshape(-1, GROUPS - 1) * GAIN
    weights = CircularAperture((X, Y), 6).to_mask(method="exact").to_image(SHAPE)
    footprint = BACKGROUND.footprint(SHAPE, (X, Y))
    shared = EXPECTED * (FRAMES**2 - 1) / (6 * FRAMES) - READ**2 / FRAMES
    expected = np.sum(weights**2 * shared) + weights.sum() ** 2 * shared[footprint].mean() / footprint.sum()
    covariance = np.cov(flux.T)
    assert covariance[0, 1] == pytest.approx(expected, abs=3.5 * covariance[0, 0] / np.sqrt(len(flux)))
    assert expected > 0.1 * covariance[0, 0]
