"""Errors under 1/f noise, end to end: the scatter of each column over what it quotes."""

import numpy as np
import pytest
from astropy.time import Time

from nircam_tso import AnnulusBackground, EllipseShape, FrameBackground, LineBackground, TimeSeriesExtractor
from nircam_tso.measure.gaussian import evaluate_gaussians
from nircam_tso.simulate.read_noise import CorrelatedNoise

SHAPE, X, Y = (56, 64), 33.4, 27.8
CENTRES = ("x_cc", "y_cc", "x_centroid", "y_centroid", "x_gauss", "y_gauss")
WIDTHS = ("x_stddev", "y_stddev", "amplitude", "fwhm")
SUMS = ("aperture_sum_r3", "aperture_sum_r8", "aperture_sum_long", "aperture_sum_mine", "psf_flux")
N = 1500


def image(shape=SHAPE, amplitude=4000.0):
    return evaluate_gaussians(shape, *(np.array([v]) for v in (amplitude, X, Y, 1.4, 1.1, 0.3)))[0]


def series(kind, sky, seed=11, n=N):
    """Images with photon and white noise, and with independent rows or 1/f noise."""
    rng = np.random.default_rng(seed)
    result = rng.normal(0, 5, (n, *SHAPE)) + rng.poisson(np.stack([image() + 60.0] * n)) - 60.0 + sky
    if kind == "rows":
        return result + rng.normal(0, 15, (n, SHAPE[0], 1))
    return result + CorrelatedNoise(SHAPE, 8.0).frames(rng, n)


def extract(data, background, **settings):
    mask = np.zeros(SHAPE, bool)
    mask[23:33, 28:40] = True
    # Without a sky its photons pass for read noise.
    read_noise = 5.0 if background is not None else np.sqrt(25.0 + 60.0)
    extractor = TimeSeriesExtractor(
        position=(X, Y),
        gain=1.0,
        read_noise=read_noise,
        aperture_radii=[3, 8],
        aperture_shapes={"long": EllipseShape(9, 5, 0.5)},
        aperture_masks={"mine": mask},
        components=1,
        background=background,
        **settings,
    )
    return extractor.extract(data, times=Time(60000 + np.arange(len(data)) / 1000, format="mjd"))


def ratio(ts, name):
    error = name.replace("_sum_", "_sum_err_") if "_sum_" in name else f"{name}_err"
    return ts[name].value.std() / np.sqrt(np.mean(ts[error].value ** 2))


@pytest.mark.slow
@pytest.mark.parametrize("striping", [None, "row"])
@pytest.mark.parametrize("background", [FrameBackground(), None])
@pytest.mark.parametrize("kind", ["rows", "1/f"])
def test_errors_are_the_scatter(kind, background, striping):
    ts = extract(series(kind, 60.0 if background is not None else 0.0), background, striping=striping)
    names = CENTRES + WIDTHS + SUMS + (() if background is None else ("background",))
    found = {name: ratio(ts, name) for name in names}
    assert not {name: value for name, value in found.items() if abs(value - 1) > 0.1}
    for name in ("beta", "pc1"):
        assert ratio(ts, name) == pytest.approx(1.0, abs=0.2), name


@pytest.mark.slow
@pytest.mark.parametrize("background", [AnnulusBackground(12, 18), LineBackground("row"), LineBackground("column")])
def test_other_skies(background):
    ts = extract(series("rows", 60.0), background)
    for name in ("background", *WIDTHS, *SUMS):
        assert ratio(ts, name) == pytest.approx(1.0, abs=0.2), name


@pytest.mark.slow
@pytest.mark.parametrize("n", [20, 60])
def test_white_noise_has_none(n):
    y, x = np.mgrid[:40, :50]
    star = 3000 * np.exp(-((x - 26.3) ** 2 + (y - 18.7) ** 2) / (2 * 1.4**2))
    weights = np.hypot(x - 26.3, y - 18.7) < 4.5
    ideal = 10 * np.sqrt(weights.sum())
    for seed in range(40):
        data = np.random.default_rng(seed).normal(star + 40, 10, (n, 40, 50))
        extractor = TimeSeriesExtractor(position=(26.3, 18.7), aperture_radii=[5])
        ts = extractor.extract(
            data, errors=np.full(data.shape, 10.0), times=Time(60000 + np.arange(n) / 1440, format="mjd")
        )
        assert "1/f" not in ts.meta["noise_budget"], seed
        assert np.median(ts["aperture_sum_err_r5"].value) < 1.5 * ideal
