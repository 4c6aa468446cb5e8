"""JWST products: structure, headers, times, variances, pixels."""

import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.modeling.models import Gaussian2D
from astropy.time import Time
from astropy.wcs import WCS, FITSFixedWarning

from nircam_tso.simulate import simulate_exposure

SMALL = {
    "n_integrations": 7,
    "shape": (24, 36),
    "position": (21.3, 9.6),
    "n_groups": 4,
    "n_frames": 2,
    "group_gap": 3,
    "frame_time": 0.5,
    "segments": 3,
}


def opened(path):
    """Every HDU of a file as (header, data), with warnings as errors and FITS verified."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(path, memmap=False) as hdus:
            hdus.verify("exception")
            return {hdu.name: (hdu.header.copy(), None if hdu.data is None else hdu.data.copy()) for hdu in hdus}


@pytest.mark.parametrize("product", ["rateints", "calints", "uncal"])
def test_structure(tmp_path, product):
    simulation = simulate_exposure(tmp_path, product=product, **SMALL)
    names = [path.name for path in simulation.paths]
    assert names == [f"jw01234001001_03101_00001-seg00{n}_nrcb1_{product}.fits" for n in (1, 2, 3)]
    stops = []
    for number, path in enumerate(simulation.paths, start=1):
        hdus = opened(path)
        primary, n = hdus["PRIMARY"][0], len(hdus["SCI"][1])
        assert primary["FILENAME"] == path.name
        assert (primary["EXSEGNUM"], primary["EXSEGTOT"], primary["NINTS"]) == (number, 3, 7)
        assert primary["INTEND"] - primary["INTSTART"] + 1 == n
        assert (primary["SUBSIZE1"], primary["SUBSIZE2"]) == (36, 24)
        stops.append((primary["INTSTART"], primary["INTEND"]))
        assert list(hdus["INT_TIMES"][1]["integration_number"]) == list(range(stops[-1][0], stops[-1][1] + 1))
        if product == "uncal":
            assert list(hdus) == ["PRIMARY", "SCI", "INT_TIMES"]
            assert hdus["SCI"][1].dtype == np.uint16
            assert hdus["SCI"][1].shape == (n, 4, 24, 36)
        else:
            flat = ["VAR_FLAT"] if product == "calints" else []
            assert list(hdus) == ["PRIMARY", "SCI", "ERR", "DQ", "VAR_POISSON", "VAR_RNOISE", *flat, "INT_TIMES"]
            assert {hdus[name][1].shape for name in list(hdus)[1:-1]} == {(n, 24, 36)}
            assert hdus["DQ"][1].dtype == np.uint32
            assert hdus["ERR"][0]["BUNIT"] == hdus["SCI"][0]["BUNIT"]
    assert stops == [(1, 2), (3, 5), (6, 7)]


def test_cards_are_those_of_flight_files(tmp_path, realdata):
    (path,) = simulate_exposure(tmp_path, product="uncal", **{**SMALL, "segments": 1}).paths
    hdus = opened(path)
    for name in ("PRIMARY", "SCI"):
        flight = fits.getheader(realdata / "jwst_nircam_f210m_header_only_uncal.fits", name)
        # Cards that time-series files have beside those of this one image.
        beside = {"EXSEGNUM", "EXSEGTOT", "INTSTART", "INTEND", "PIXAR_SR", "PIXAR_A2", "XREF_SCI", "YREF_SCI"}
        for card in hdus[name][0].cards:
            if card.keyword in beside or card.keyword.startswith("NAXIS"):
                continue
            assert card.keyword in flight, f"{card.keyword} is in no flight file"
            assert isinstance(card.value, type(flight[card.keyword])) or isinstance(card.value, (int, float))


def test_times(tmp_path):
    start = Time("2024-12-31T23:59:40.25", scale="utc")
    simulation = simulate_exposure(tmp_path, start=start, **SMALL)
    primary, sci = (opened(simulation.paths[0])[name][0] for name in ("PRIMARY", "SCI"))
    frame = primary["TFRAME"]
    t_int = frame * (
        primary["DRPFRMS1"] + primary["NGROUPS"] * primary["NFRAMES"] + (primary["NGROUPS"] - 1) * primary["GROUPGAP"]
    )
    assert t_int == primary["EFFINTTM"] == 8.5
    span = primary["NRSTSTRT"] * frame + 7 * t_int + 6 * (primary["NRESETS"] + primary["DRPFRMS3"]) * frame
    assert (primary["EXPEND"] - primary["EXPSTART"]) * 86400 == pytest.approx(span, abs=2e-6)
    assert (primary["EXPMID"] - primary["EXPSTART"]) * 86400 == pytest.approx(span / 2, abs=2e-6)
    assert primary["DATE-OBS"] + "T" + primary["TIME-OBS"] == "2024-12-31T23:59:40.250"
    assert primary["DATE-END"] == "2025-01-01T00:00:43.250"
    assert Time(primary["EXPSTART"], format="mjd").isot == primary["DATE-BEG"]
    assert primary["TGROUP"] == 2.5
    assert sci["MJD-AVG"] == primary["EXPMID"]
    assert sci["TDB-MID"] == primary["BMIDTIME"]

    table = np.concatenate([opened(path)["INT_TIMES"][1] for path in simulation.paths])
    k = table["integration_number"]
    for name, part in (("start", 0.0), ("mid", 0.5), ("end", 1.0)):
        seconds = (table[f"int_{name}_MJD_UTC"] - primary["EXPSTART"]) * 86400
        expected = frame * primary["NRSTSTRT"] + (k - 1) * (t_int + frame * primary["NRESETS"]) + part * t_int
        np.testing.assert_allclose(seconds, expected, atol=2e-6)
    truth = simulation.truth
    np.testing.assert_allclose(table["int_mid_MJD_UTC"], truth["time"].mjd, atol=1e-11)
    np.testing.assert_allclose(table["int_mid_BJD_TDB"], truth["time_bjd"].mjd, atol=1e-11)
    assert (truth["time"].scale, truth["time_bjd"].scale) == ("utc", "tdb")


def test_ephemeris_cards_give_the_barycentric_times(tmp_path):
    simulation = simulate_exposure(tmp_path, **SMALL)
    primary, sci = (opened(simulation.paths[0])[name][0] for name in ("PRIMARY", "SCI"))
    position = np.array([sci[f"JWST_{a}"] for a in "XYZ"])
    velocity = np.array([sci[f"JWST_D{a}"] for a in "XYZ"])
    time = simulation.truth["time"]
    elapsed = (time - Time(sci["EPH_TIME"], format="mjd", scale="utc")).to_value(u.s)
    ra, dec = np.deg2rad([primary["TARG_RA"], primary["TARG_DEC"]])
    star = np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
    delay = (position + elapsed[:, None] * velocity) @ star / 299792.458
    bjd = simulation.truth["time_bjd"]
    np.testing.assert_allclose((bjd - time.tdb).to_value(u.s), delay, atol=1e-4)
    assert primary["BARTDELT"] == pytest.approx((primary["BMIDTIME"] - primary["EXPMID"]) * 86400, abs=1e-5)


def test_where_it_points(tmp_path):
    simulation = simulate_exposure(tmp_path, **SMALL, drift=(0.3, 0.1))
    primary, sci = (opened(simulation.paths[1])[name][0] for name in ("PRIMARY", "SCI"))
    assert (sci["XREF_SCI"], sci["YREF_SCI"]) == pytest.approx((22.3, 10.6))
    with warnings.catch_warnings():
        # Flight headers make it as well: OBSGEO-X is of the observatory, not of the ground.
        warnings.filterwarnings("ignore", "'obsfix' made the change", FITSFixedWarning)
        wcs = WCS(sci, naxis=2)
    x, y = wcs.all_world2pix(primary["TARG_RA"], primary["TARG_DEC"], 0)
    assert (x, y) == pytest.approx((21.3, 9.6), abs=1e-6)
    assert np.sqrt(np.abs(np.linalg.det(wcs.pixel_scale_matrix))) * 3600 == pytest.approx(0.0311)
    # Clear of the four reference rows and columns at each edge.
    for axis, size in ((1, 36), (2, 24)):
        first = primary[f"SUBSTRT{axis}"]
        assert 5 <= first
        assert first + size - 1 <= 2044


@pytest.mark.parametrize(("product", "theta"), [("rateints", 0.0), ("calints", 25.0)])
def test_noiseless_pixels_are_the_model(tmp_path, product, theta):
    simulation = simulate_exposure(
        tmp_path,
        product=product,
        noise=False,
        flux=5e4,
        sky=3.0,
        gain=2.0,
        stddev=(2.3, 1.1),
        theta=theta,
        jitter=0.2,
        drift=(2, 1),
        light_curve=np.linspace(1, 0.97, 7),
        **SMALL,
    )
    data = np.concatenate([opened(path)["SCI"][1] for path in simulation.paths])
    truth = simulation.truth
    y, x = np.mgrid[:24, :36]
    scale = {"rateints": 1 / 2.0, "calints": opened(simulation.paths[0])["SCI"][0].get("PHOTMJSR", 0) / 2.0}[product]
    for k in range(7):
        amplitude = truth["flux"][k].value / (2 * np.pi * 2.3 * 1.1)
        model = Gaussian2D(amplitude, truth["x"][k].value, truth["y"][k].value, 2.3, 1.1, np.deg2rad(theta))
        np.testing.assert_allclose(data[k], scale * (model(x, y) + 3.0), rtol=2e-7)


def test_calints_add_up_to_janskys(tmp_path):
    simulation = simulate_exposure(tmp_path, product="calints", noise=False, stddev=1.5, sky=2.0, **SMALL)
    header, data = opened(simulation.paths[0])["SCI"]
    net = data.astype(float) - simulation.truth["background_image"][0].value
    total = net.sum(axis=(1, 2)) * header["PIXAR_SR"] * 1e6
    np.testing.assert_allclose(total, simulation.truth["flux_image"][:2].to_value(u.Jy), rtol=1e-5)


@pytest.mark.parametrize("variance", ["segment", "integration"])
@pytest.mark.parametrize("product", ["rateints", "calints"])
def test_variances_are_those_of_the_noise(tmp_path, product, variance):
    settings = {**SMALL, "n_integrations": 300, "segments": 2, "flux": 2e4, "sky": 60.0, "product": product}
    noisy = simulate_exposure(tmp_path / "noisy", poisson_variance=variance, **settings)
    clean = simulate_exposure(tmp_path / "clean", noise=False, **settings)
    pulls = []
    for one, other in zip(noisy.paths, clean.paths, strict=True):
        hdus = opened(one)
        sigma2 = hdus["VAR_POISSON"][1] + hdus["VAR_RNOISE"][1]
        pulls.append((hdus["SCI"][1] - opened(other)["SCI"][1]) / np.sqrt(sigma2))
        total = sigma2 + hdus["VAR_FLAT"][1] if product == "calints" else sigma2
        np.testing.assert_allclose(hdus["ERR"][1] ** 2, total, rtol=1e-5)
        same = np.ptp(hdus["VAR_POISSON"][1], axis=0).max() == 0
        assert same == (variance == "segment")
    pulls = np.concatenate(pulls)
    assert pulls.std() == pytest.approx(1, abs=4.5 / np.sqrt(2 * pulls.size) + 0.01)
    bias = pulls.mean()
    if variance == "segment":
        assert abs(bias) < 4.5 / np.sqrt(pulls.size)
    else:
        # Weights from the same noise: low pixels look better than they are.
        assert bias < -0.01


def test_flat_error(tmp_path):
    simulation = simulate_exposure(tmp_path, product="calints", flat_error=0.01, **SMALL)
    hdus = opened(simulation.paths[0])
    np.testing.assert_allclose(hdus["VAR_FLAT"][1], (0.01 * hdus["SCI"][1]) ** 2, rtol=1e-5)


def test_dead_pixels(tmp_path):
    simulation = simulate_exposure(tmp_path, dead_fraction=0.02, **SMALL)
    for path in simulation.paths:
        hdus = opened(path)
        dead = hdus["DQ"][1] == 1 | 1 << 10
        assert set(np.unique(hdus["DQ"][1])) == {0, 1025}
        assert (dead.sum(axis=(1, 2)) == round(0.02 * 24 * 36)).all()
        for name in ("SCI", "ERR", "VAR_POISSON", "VAR_RNOISE"):
            np.testing.assert_array_equal(np.isnan(hdus[name][1]), dead)


def test_uncal(tmp_path):
    settings = {**SMALL, "product": "uncal", "flux": 3e4, "gain": 2.0, "sky": 5.0, "bias": 9000.0, "stddev": 1.4}
    clean = simulate_exposure(tmp_path / "clean", noise=False, dead_fraction=0.02, **settings)
    data = opened(clean.paths[0])["SCI"][1].astype(float)
    y, x = np.mgrid[:24, :36]
    rate = Gaussian2D(3e4 / (2 * np.pi * 1.96), 21.3, 9.6, 1.4, 1.4)(x, y) + 5.0
    dead = (data == 9000).all(axis=(0, 1))
    assert dead.sum() == 17
    # Means of frames 1 and 2, 6 and 7, ... read 0.5 s apart after the reset.
    for group, seconds in enumerate((0.75, 3.25, 5.75, 8.25)):
        np.testing.assert_allclose(data[0, group][~dead], (9000 + rate * seconds / 2.0)[~dead], atol=0.501)
    noisy = simulate_exposure(tmp_path / "noisy", **{**settings, "n_integrations": 200, "segments": 1})
    ramps = opened(noisy.paths[0])["SCI"][1].astype(float)
    last_first = ramps[:, 3] - ramps[:, 0]
    expected = noisy.truth["flux_image"][0].value
    net = (last_first - noisy.truth["background_image"][0].value).sum(axis=(1, 2))
    assert net.mean() == pytest.approx(expected, abs=4.5 * net.std() / np.sqrt(200))


def test_uncal_stays_within_16_bits(tmp_path):
    simulation = simulate_exposure(tmp_path, product="uncal", flux=1e7, read_noise=500, bias=100, **SMALL)
    data = opened(simulation.paths[0])["SCI"][1]
    assert (data.min(), data.max()) == (0, 65535)


def test_segments_hold_the_same_pixels(tmp_path):
    one = simulate_exposure(tmp_path / "one", **{**SMALL, "segments": 1})
    three = simulate_exposure(tmp_path / "three", **SMALL)
    np.testing.assert_array_equal(
        np.concatenate([opened(path)["SCI"][1] for path in three.paths]), opened(one.paths[0])["SCI"][1]
    )


def test_long_names_fit_their_cards(tmp_path):
    name = "2MASS J20124017-0208391 with a name that is long"
    simulation = simulate_exposure(tmp_path, target=name, **SMALL)
    assert opened(simulation.paths[0])["PRIMARY"][0]["TARGNAME"] == name


def test_long_wave(tmp_path):
    simulation = simulate_exposure(tmp_path, detector="NRCALONG", filter="F444W", **SMALL)
    assert "nrcalong" in simulation.paths[0].name
    primary = opened(simulation.paths[0])["PRIMARY"][0]
    assert (primary["CHANNEL"], primary["MODULE"], primary["FASTAXIS"], primary["SLOWAXIS"]) == ("LONG", "A", -1, 2)
