"""Faults found in other programs and in the notebook of 2016, and that we do not have them."""

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.time import Time
from photutils.aperture import CircularAperture

from nircam_tso import AnnulusBackground, FrameBackground, QualityFlag, TimeSeriesExtractor, good
from nircam_tso.simulate import simulate_exposure

SHAPE = (40, 52)
#: 2.6 px from the middle of the frame in y, 4.9 px in x.
X, Y = 30.4, 16.9
N = 12
ROW = 4
TIMES = Time(60000 + np.arange(N) / 1000, format="mjd")
LIGHT = 2 * np.pi * 1.2 * 0.9 * 5000


def exact_sum(image, position, radius):
    """Sum within a circle that lies inside the image, by photutils' overlaps."""
    mask = CircularAperture(position, radius).to_mask(method="exact")
    return float((mask.cutout(image) * mask.data).sum())


def star(x=X, y=Y):
    yy, xx = np.indices(SHAPE)
    return 5000 * np.exp(-((xx - x) ** 2 / (2 * 1.2**2) + (yy - y) ** 2 / (2 * 0.9**2)))


def cube(sky=30.0, seed=5):
    """Two electrons a unit, and a read noise of six: what `measure` is told."""
    expected = star() + sky
    return expected + np.random.default_rng(seed).normal(0, 1, (N, *SHAPE)) * np.sqrt(expected / 2 + 9)


def measure(data, **settings):
    settings = {"aperture_radii": [3, 5], "position": (30, 17), "gain": 2.0, "read_noise": 6.0, **settings}
    return TimeSeriesExtractor(**settings).extract(data, times=TIMES[: len(data)])


def calints(folder, change, **settings):
    simulation = simulate_exposure(
        folder, product="calints", n_integrations=N, shape=SHAPE, position=(X, Y), flux=4e5, seed=3
    )
    with fits.open(simulation.paths[0], mode="update") as hdus:
        change(hdus)
    return TimeSeriesExtractor(aperture_radii=[3, 5], **settings).extract(simulation.paths)


# --- jwst: finite DO_NOT_USE pixels are summed; a NaN in the core takes 12 % away unnoticed ---


@pytest.mark.parametrize("value", [0.0, 1e6, -1e6])
def test_a_do_not_use_pixel_is_not_summed(tmp_path, value):
    """Whatever finite number it holds, once or always, the light curve does not see it."""

    def spoil(hdus):
        hdus["DQ"].data[ROW, 17, 31] |= 1
        hdus["SCI"].data[ROW, 17, 31] = value
        hdus["DQ"].data[:, 15, 29] |= 1
        hdus["SCI"].data[:, 15, 29] = value * np.linspace(0.5, 1.5, N)

    def spoil_otherwise(hdus):
        spoil(hdus)
        hdus["SCI"].data[ROW, 17, 31] = 3.0
        hdus["SCI"].data[:, 15, 29] = 2.0

    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    ts, other = calints(tmp_path / "a", spoil), calints(tmp_path / "b", spoil_otherwise)
    for name in ("aperture_sum_r3", "aperture_sum_r5", "psf_flux", "x_gauss", "background"):
        np.testing.assert_array_equal(ts[name].value, other[name].value)
    assert QualityFlag(int(ts["quality"][ROW])).names() == ["DO_NOT_USE"]
    assert ts.meta["n_constant_bad"] == 1


@pytest.mark.parametrize("policy", ["scale", "nan", "ignore"])
def test_a_nan_in_the_core_is_said(policy):
    data = cube()
    data[ROW, 17, 30] = np.nan
    ts, clean = measure(data, bad_pixels=policy), measure(cube(), bad_pixels=policy)
    lost = 1 - ts["aperture_sum_r5"][ROW].value / clean["aperture_sum_r5"][ROW].value
    assert QualityFlag(int(ts["quality"][ROW])).names() == ["NAN_IN_APERTURE"]
    assert good(ts).tolist() == [k != ROW for k in range(N)]
    if policy == "scale":
        assert abs(lost) < 4 * ts["aperture_sum_err_r5"][ROW].value / LIGHT
        assert ts["n_replaced"][ROW] == 1
        errors = ts["aperture_sum_err_r5"].value
        assert errors[ROW] == pytest.approx(errors[ROW - 1], rel=0.3)
    elif policy == "nan":
        assert np.isnan(lost)
    else:
        # The user's own wish, and still not without a word.
        assert 0.1 < lost < 0.2
        assert ts["aperture_area_r5"][ROW].value == pytest.approx(25 * np.pi - 1, rel=1e-12)


@pytest.mark.parametrize("rows", [slice(None), slice(0, 3)], ids=["always", "in three rows"])
def test_figures_of_jwst_with_nan(rows):
    """The pipeline's own figures for its cube with three NaN, left out of the sums."""
    y, x = np.indices((100, 150))
    data = np.full((7, 100, 150), 0.8)
    data[:, (x - 75) ** 2 + (y - 50) ** 2 < 25] += 17
    for row, column in ((50, 75), (52, 73), (41, 75)):
        data[rows, row, column] = np.nan
    ts = TimeSeriesExtractor(
        aperture_radii=[6, 8, 11],
        position=(75, 50),
        center="fixed",
        bad_pixels="ignore",
        background=AnnulusBackground(8, 11),
    ).extract(data, unit="DN")[rows]
    sky = ts["background"].value
    gross = {r: ts[f"aperture_sum_r{r}"].value + sky * ts[f"aperture_area_r{r}"].value for r in (6, 8, 11)}
    np.testing.assert_allclose(ts["aperture_sum_r6"].value, 1138.9999481, rtol=1e-7)
    np.testing.assert_allclose(gross[6], 1227.8778178, rtol=1e-7)
    np.testing.assert_allclose(gross[11] - gross[8], 142.4566271, rtol=1e-7)


# --- tshirt: neither ERR nor DQ is read ----------------------------------------------------


def test_errors_of_the_file_are_used(tmp_path):
    def double(hdus):
        for name in ("VAR_POISSON", "VAR_RNOISE"):
            hdus[name].data *= 4

    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    ts = calints(tmp_path / "a", lambda hdus: None, background=None)
    twice = calints(tmp_path / "b", double, background=None)
    for name in ("aperture_sum_err_r5", "psf_flux_err", "x_gauss_err", "y_cc_err", "x_centroid_err"):
        np.testing.assert_allclose(twice[name].value, 2 * ts[name].value, rtol=1e-6)
    np.testing.assert_allclose(twice["aperture_sum_r5"].value, ts["aperture_sum_r5"].value, rtol=1e-12)


def test_chosen_bits_of_the_file_are_used(tmp_path):
    def mark(hdus):
        hdus["DQ"].data = hdus["DQ"].data.astype(np.uint32)
        hdus["DQ"].data[ROW, 17, 31] |= np.uint32(2**11)
        hdus["SCI"].data[ROW, 17, 31] += 5e5

    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    ts, chosen = calints(tmp_path / "a", mark), calints(tmp_path / "b", mark, dq_bits=["HOT"])
    assert ts["aperture_sum_r5"][ROW] > 1.5 * ts["aperture_sum_r5"][ROW - 1]
    assert chosen["aperture_sum_r5"][ROW].value == pytest.approx(ts["aperture_sum_r5"][ROW - 1].value, rel=0.05)
    assert chosen["quality"][ROW] != 0


# --- Eureka!: the sky is taken off twice ---------------------------------------------------


@pytest.mark.parametrize("background", [FrameBackground(), AnnulusBackground(10, 15)])
@pytest.mark.parametrize("center", ["fixed", "gaussian"])
def test_the_sky_is_taken_off_once(background, center):
    data = cube(sky=300.0)
    ts = measure(data, background=background, center=center)
    x, y = (30.0, 17.0) if center == "fixed" else (ts["x_gauss"].value, ts["y_gauss"].value)
    x, y = np.broadcast_to(x, N), np.broadcast_to(y, N)
    for radius in (3, 5):
        net, area = ts[f"aperture_sum_r{radius}"].value, ts[f"aperture_area_r{radius}"].value
        for k in range(N):
            gross = exact_sum(data[k], (x[k], y[k]), radius)
            assert net[k] + ts["background"][k].value * area[k] == pytest.approx(gross, rel=1e-12)
    assert np.mean(ts["background"].value) == pytest.approx(300, abs=1)
    # Once more on what is left: nothing but noise.
    again = measure(data - ts["background"].value[:, None, None], background=background, center="fixed")
    np.testing.assert_allclose(again["background"].value, 0, atol=1e-9)


# --- none: no error of a centre, no flag of an integration ----------------------------------


@pytest.mark.parametrize("template", [None, "median"])
def test_every_centre_has_an_error(template):
    ts = measure(cube(), template=template)
    for name in ("x_cc", "y_cc", "x_centroid", "y_centroid", "x_gauss", "y_gauss"):
        error = ts[f"{name}_err"]
        assert error.unit == u.pix
        assert (error > 0).all()
        # A dozen rows know their scatter to 20 %.
        assert 0.4 < np.std(ts[name].value) / np.median(error.value) < 2


def test_a_bad_integration_is_flagged():
    data = cube()
    data[ROW] = np.nan
    data[ROW + 2] = 30.0
    data[ROW + 4, 15:19, 28:33] = np.nan
    ts = measure(data)
    assert np.flatnonzero(~good(ts)).tolist() == [ROW, ROW + 2, ROW + 4]
    assert len(ts) == N


# --- the notebook of 2016 -------------------------------------------------------------------


def test_the_aperture_sits_on_the_star():
    """Centre handed over as (y, x): a star off-centre loses most of its light."""
    ts = measure(cube(), center="gaussian", aperture_radii=[3.5])
    np.testing.assert_allclose(ts["aperture_sum_r3.5"].value, LIGHT, rtol=0.03)
    swapped = exact_sum(star(), (Y, X), 3.5)
    assert swapped < 0.3 * LIGHT


def test_columns_are_x_and_y():
    ts = measure(cube())
    for name in ("cc", "centroid", "gauss"):
        np.testing.assert_allclose(ts[f"x_{name}"].value, X, atol=0.25 if name == "centroid" else 0.03)
        np.testing.assert_allclose(ts[f"y_{name}"].value, Y, atol=0.25 if name == "centroid" else 0.03)
    assert (ts["x_stddev"] > 1.2 * ts["y_stddev"]).all()


@pytest.mark.parametrize("n_groups", [2, 3, 7])
def test_last_less_first_group_of_unsigned_counts(n_groups):
    """Not the third less the first; and a falling count is negative, not 65,000."""
    rate = np.rint(star() / 10).astype(np.uint16)
    steps = np.arange(n_groups)[:, None, None] * rate + 500
    steps[-1, :8] -= 7
    ramps = np.stack([steps] * N).astype(np.uint16)
    corner = {"corner": np.zeros(SHAPE, bool)}
    corner["corner"][2, 3] = True
    ts = measure(ramps, background=None, aperture_radii=[6], aperture_masks=corner)
    np.testing.assert_allclose(ts["aperture_sum_r6"].value, (n_groups - 1) * rate.sum(), rtol=1e-3)
    np.testing.assert_array_equal(ts["aperture_sum_corner"].value, -7)


def test_every_radius_is_used():
    radii = [2, 3.5, 5, 8]
    ts = measure(cube(), aperture_radii=radii)
    sums = [np.mean(ts[f"aperture_sum_r{radius:g}"].value) for radius in radii]
    assert (np.diff(sums) > 0).all()
    assert sums[-1] == pytest.approx(LIGHT, rel=0.01)


def test_the_fit_is_not_drawn_by_the_sky():
    """A sky as high as the star: its height is the star's own, and a failed fit is noticed."""
    data = cube(sky=5000.0)
    data[ROW] -= star()
    ts = measure(data)
    others = np.arange(N) != ROW
    for name, value in (("amplitude", 5000), ("x_stddev", 1.2), ("y_stddev", 0.9)):
        pulls = (ts[name].value[others] - value) / ts[f"{name}_err"].value[others]
        assert np.abs(pulls).max() < 4, name
        assert np.median(ts[f"{name}_err"].value) < 0.03 * value, name
    assert ts["quality"][ROW] & int(QualityFlag.FIT_FAILED | QualityFlag.FIT_SUSPECT)
