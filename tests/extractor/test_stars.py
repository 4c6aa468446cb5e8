"""Several stars in one pass."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.time import Time
from astropy.wcs import WCS

from nircam_tso import AnnulusBackground, TimeSeriesExtractor, good, read, write
from nircam_tso.measure.gaussian import evaluate_gaussians
from nircam_tso.simulate import simulate_exposure

STARS = ((22.3, 14.8, 5000.0), (61.7, 30.1, 2000.0), (40.2, 50.6, 900.0))
N = 12
TIMES = Time(60000 + np.arange(N) / 1000, format="mjd")


@pytest.fixture(scope="module")
def cube():
    rng = np.random.default_rng(5)
    image = 70.0 + sum(evaluate_gaussians((64, 84), a, x, y, 1.3, 1.1, 0.2)[0] for x, y, a in STARS)
    return rng.poisson(np.repeat(image[None], N, axis=0)).astype(float)


@pytest.fixture(scope="module")
def together(cube):
    extractor = TimeSeriesExtractor(position=[(x, y) for x, y, _ in STARS], aperture_radii=[4, 6])
    return extractor.extract(cube, times=TIMES)


def test_each_star_is_where_it_is(together):
    for star, (x, y, amplitude) in enumerate(STARS, 1):
        suffix = "" if star == 1 else f"_star{star}"
        assert np.median(together[f"x_gauss{suffix}"].value) == pytest.approx(x, abs=0.02)
        assert np.median(together[f"y_gauss{suffix}"].value) == pytest.approx(y, abs=0.02)
        flux = 2 * np.pi * 1.3 * 1.1 * amplitude
        assert np.median(together[f"aperture_sum_r6{suffix}"].value) == pytest.approx(flux, rel=0.01)
        assert (together[f"quality{suffix}"] == 0).all()
    assert together.meta["n_stars"] == 3
    assert together.meta["position_x_star3"] == pytest.approx(40.2, abs=0.1)
    assert together.meta["position_y_star3"] == pytest.approx(50.6, abs=0.1)


def test_one_by_one_gives_the_same_numbers(cube, together):
    # An annulus sees no other star, so that nothing but the place differs.
    sky = AnnulusBackground(8, 12)
    settings = {"aperture_radii": [4, 6], "background": sky}
    both = TimeSeriesExtractor(position=[STARS[0][:2], STARS[1][:2]], **settings).extract(cube, times=TIMES)
    alone = TimeSeriesExtractor(position=STARS[1][:2], **settings).extract(cube, times=TIMES)
    for name in alone.colnames[alone.colnames.index("background") :]:
        assert np.array_equal(np.asarray(both[f"{name}_star2"]), np.asarray(alone[name]), equal_nan=True), name


def test_sky_leaves_the_other_stars_out(cube):
    # A crowd: the wings of the other stars must not raise the sky.
    mean = TimeSeriesExtractor(position=[(x, y) for x, y, _ in STARS]).extract(cube, times=TIMES)
    assert np.median(mean["background"].value) == pytest.approx(70.0, abs=0.1)


def test_one_of_them_without_data(cube):
    spoiled = cube.copy()
    spoiled[3, 36:66, 26:56] = np.nan
    ts = TimeSeriesExtractor(position=[STARS[0][:2], STARS[2][:2]]).extract(spoiled, times=TIMES)
    assert ts["quality"][3] == 0
    assert ts["quality_star2"][3] & 1
    assert np.isnan(ts["aperture_sum_r3_star2"][3])
    assert np.isfinite(ts["aperture_sum_r3"]).all()
    assert good(ts).all()
    assert np.array_equal(np.flatnonzero(~good(ts, star=2)), [3])
    with pytest.raises(ValueError, match="quality_star3"):
        good(ts, star=3)


def test_products_hold_all_of_it(together, tmp_path):
    for name in ("a.h5", "a.ecsv"):
        write(together, tmp_path / name)
        again = read(tmp_path / name)
        assert again.colnames == together.colnames
        assert np.array_equal(again["aperture_sum_r4_star3"], together["aperture_sum_r4_star3"])
        assert again["x_gauss_star2"].info.description.startswith("star 2: ")


def test_by_the_sky(tmp_path):
    simulate_exposure(tmp_path, n_integrations=3, shape=(40, 48), product="calints", seed=1, n_groups=5)
    path = next(tmp_path.glob("*calints.fits"))
    with fits.open(path) as hdus:
        header = hdus["SCI"].header
        # The observatory's place, which a WCS rewrites with a warning, concerns no pixel.
        for card in ("OBSGEO-X", "OBSGEO-Y", "OBSGEO-Z"):
            header.remove(card, ignore_missing=True)
        wcs = WCS(header, naxis=2)
    places = SkyCoord([wcs.pixel_to_world(23.5, 19.5), wcs.pixel_to_world(10.0, 12.0)])
    ts = TimeSeriesExtractor(position=places).extract(path)
    assert ts.meta["n_stars"] == 2
    assert ts.meta["position_source"] == "WCS"


@pytest.mark.parametrize(
    ("position", "words"),
    [
        ([(1, 2), (3, np.nan)], "not finite"),
        ([(1, 2), (3,)], r"\(3,\)"),
        ([(1, 2), "x"], "'x'"),
    ],
)
def test_lists_that_are_none(position, words):
    with pytest.raises(ValueError, match=words):
        TimeSeriesExtractor(position=position)


def test_two_numbers_are_one_star():
    assert TimeSeriesExtractor(position=[81, 90]).position == (81.0, 90.0)
    assert TimeSeriesExtractor(position=np.array([81, 90])).position == (81.0, 90.0)
    assert TimeSeriesExtractor(position=[81, 90] * u.pix).position == (81.0, 90.0)
    assert TimeSeriesExtractor(position=(81 * u.pix, 90 * u.pix)).position == (81.0, 90.0)
    assert TimeSeriesExtractor(position=[[81, 90]]).position == ((81.0, 90.0),)
