"""Ramps: units, groups, errors."""

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits

from nircam_tso import QualityFlag, TimeSeriesExtractor
from nircam_tso.simulate import simulate_exposure

GAIN, READ = 2.0, 8.0


@pytest.fixture(scope="module")
def exposure(tmp_path_factory):
    return simulate_exposure(
        tmp_path_factory.mktemp("ramps"),
        product="uncal",
        n_integrations=40,
        shape=(40, 48),
        position=(25.3, 17.8),
        stddev=(1.3, 1.0),
        flux=3e5,
        sky=10.0,
        gain=GAIN,
        read_noise=READ,
        n_groups=6,
        seed=11,
    )


def extract(exposure, **settings):
    settings = {"aperture_radii": [5], "position": (25, 18), "gain": GAIN, "read_noise": READ, **settings}
    return TimeSeriesExtractor(**settings).extract(exposure.paths)


def test_last_first_slope_and_groups_agree(exposure):
    header = fits.getheader(exposure.paths[0])
    last_first, slope, groups = (extract(exposure, ramp=ramp) for ramp in ("last-first", "slope", "groups"))
    seconds = 5 * header["TGROUP"]
    assert (last_first["aperture_sum_r5"].unit, slope["aperture_sum_r5"].unit) == (u.DN, u.DN / u.s)
    assert len(groups) == 5 * len(last_first)
    np.testing.assert_allclose(last_first["exposure_time"].value, seconds, rtol=1e-9)
    np.testing.assert_allclose(groups["exposure_time"].value, header["TGROUP"], rtol=1e-9)
    assert groups["group"][:6].tolist() == [1, 2, 3, 4, 5, 1]
    assert groups["integration"][4:6].tolist() == [1, 2]
    truth = exposure.truth["flux"].to_value("electron / s").mean() / GAIN
    for flux in (
        last_first["aperture_sum_r5"].value / seconds,
        slope["aperture_sum_r5"].value,
        groups["aperture_sum_r5"].value / header["TGROUP"],
    ):
        assert np.mean(flux) == pytest.approx(truth, rel=0.003)
    # Steps of one ramp add up to its last less first group, sky by sky.
    steps = (groups["aperture_sum_r5"] + groups["background"] * groups["aperture_area_r5"].value).value
    whole = (last_first["aperture_sum_r5"] + last_first["background"] * last_first["aperture_area_r5"].value).value
    assert steps.reshape(-1, 5).sum(axis=1) == pytest.approx(whole, rel=1e-3)


@pytest.mark.parametrize("ramp", ["last-first", "slope", "groups"])
def test_errors_from_gain_and_read_noise(exposure, ramp):
    ts = extract(exposure, ramp=ramp)
    assert ts.meta["error_source"] == "gain and read_noise"
    flux = ts["aperture_sum_r5"].value
    if ramp == "groups":
        flux = flux.reshape(-1, 5)[:, 2]
    # 40 rows know their scatter to 11 %.
    assert np.median(ts["aperture_sum_err_r5"].value) == pytest.approx(np.std(flux, ddof=1), rel=0.35)
    assert np.median(ts["gauss_chi2"]) == pytest.approx(1, abs=0.08)


@pytest.mark.parametrize("group_range", [None, (1, 3)])
@pytest.mark.parametrize("ramp", ["last-first", "slope"])
def test_electrons(exposure, ramp, group_range):
    header = fits.getheader(exposure.paths[0])
    ts = extract(exposure, ramp=ramp, flux_unit="electron", group_range=group_range)
    steps = 5 if group_range is None else 2
    truth = exposure.truth["flux"].to_value("electron / s").mean() * header["TGROUP"] * steps
    assert ts["aperture_sum_r5"].unit == u.electron
    assert np.mean(ts["aperture_sum_r5"].value) == pytest.approx(truth, rel=0.005)


def test_group_time_from_frame_time(exposure):
    """Slopes without TGROUP: the same noise and electrons from TFRAME."""
    header = fits.getheader(exposure.paths[0])
    ramps = fits.getdata(exposure.paths[0])
    cards = {"TFRAME": header["TFRAME"], "NFRAMES": header["NFRAMES"], "GROUPGAP": header["GROUPGAP"]}
    settings = {"aperture_radii": [5], "position": (25, 18), "gain": GAIN, "read_noise": READ}
    extractor = TimeSeriesExtractor(ramp="slope", flux_unit="electron", **settings)
    without, with_card = (extractor.extract(ramps, header=h) for h in (cards, cards | {"TGROUP": header["TGROUP"]}))
    for name in ("aperture_sum_r5", "aperture_sum_err_r5", "x_gauss_err"):
        np.testing.assert_allclose(without[name].value, with_card[name].value, rtol=1e-9)
    assert np.median(without["gauss_chi2"]) == pytest.approx(1, abs=0.08)


def test_a_bad_group_spoils_only_its_own_steps(exposure):
    ramps = fits.getdata(exposure.paths[0]).astype(float)[:5]
    mask = np.zeros(ramps.shape, bool)
    mask[3, 2, 18, 25] = True
    extractor = TimeSeriesExtractor(aperture_radii=[5], position=(25, 18), ramp="groups")
    ts = extractor.extract(ramps, mask=mask)
    flagged = (ts["quality"] & int(QualityFlag.NAN_IN_APERTURE)) != 0
    assert np.flatnonzero(flagged).tolist() == [15 + 1, 15 + 2]
    # Saturated in the last group: only the last step is lost.
    level = (ramps[:, 5, 18, 25].min() + ramps[:, 4, 18, 25].max()) / 2
    ts = TimeSeriesExtractor(aperture_radii=[5], position=(25, 18), ramp="groups", saturation=level * u.DN).extract(
        ramps
    )
    flagged = (ts["quality"] & int(QualityFlag.SATURATED)) != 0
    assert flagged.reshape(5, 5).tolist() == [[False] * 4 + [True]] * 5


def test_automatic_groups_ignore_bad_pixels(exposure):
    ramps = fits.getdata(exposure.paths[0]).astype(float)
    ramps[:, 1:, 18, 30] = 65000.0
    mask = np.zeros(ramps.shape[2:], bool)
    mask[18, 30] = True
    extractor = TimeSeriesExtractor(aperture_radii=[5], position=(25, 18), saturation=60000.0, group_range="auto")
    assert extractor.extract(ramps, mask=mask).meta["group_range"] == [0, 5]
    assert extractor.extract(ramps).meta["group_range"] == [0, 1]


def test_photon_noise_is_said_to_be_missing(exposure):
    ts = extract(exposure, gain=None, read_noise=None)
    assert ts.meta["error_source"] == "background scatter"
    assert "give gain and read_noise" in ts.meta["notes"]


def test_unsigned_ramps_do_not_wrap():
    ramps = np.full((3, 2, 30, 40), 65000, np.uint16)
    ramps[:, 1] -= 20
    ts = TimeSeriesExtractor(aperture_radii=[3], background=None).extract(ramps)
    np.testing.assert_allclose(ts["aperture_sum_r3"].value, -20 * 9 * np.pi, rtol=1e-12)


@pytest.mark.parametrize("group_range", [None, "auto"])
def test_a_map_of_one_level_is_that_level(exposure, group_range):
    ramps = fits.getdata(exposure.paths[0]).astype(float)
    # The star's core reaches it in the last groups, of all integrations.
    level = ramps[:, 4, 18, 25].min() - 1
    settings = {"aperture_radii": [5], "position": (25, 18), "group_range": group_range}
    number, map_ = (
        TimeSeriesExtractor(saturation=saturation, **settings).extract(ramps)
        for saturation in (level, np.full(ramps.shape[2:], level))
    )
    assert number.meta["group_range"] == map_.meta["group_range"] == ([0, 3] if group_range else [0, 5])
    for name in ("aperture_sum_r5", "quality", "background", "n_replaced"):
        assert np.array_equal(np.asarray(number[name]), np.asarray(map_[name]), equal_nan=True)
    # Where the map has no limit nothing saturates.
    free = np.full(ramps.shape[2:], level)
    free[10:27, 17:34] = np.inf
    ts = TimeSeriesExtractor(saturation=free, **settings).extract(ramps)
    assert ts.meta["group_range"] == [0, 5]
    assert not (ts["quality"] & int(QualityFlag.SATURATED)).any()
    with pytest.raises(ValueError, match=r"saturation: has shape \(48, 40\)"):
        TimeSeriesExtractor(saturation=free.T, **settings).extract(ramps)


def test_automatic_groups_heed_named_masks(exposure):
    """What saturates matters wherever light is summed."""
    ramps = fits.getdata(exposure.paths[0]).astype(float)
    ramps[:, 3:, 33, 40] = 65000.0
    mask = np.zeros(ramps.shape[2:], bool)
    mask[31:36, 38:43] = True
    settings = {"aperture_radii": [5], "position": (25, 18), "saturation": 60000.0, "group_range": "auto"}
    assert TimeSeriesExtractor(**settings).extract(ramps).meta["group_range"] == [0, 5]
    extractor = TimeSeriesExtractor(aperture_masks={"far": mask}, **settings)
    assert extractor.extract(ramps).meta["group_range"] == [0, 2]


@pytest.mark.parametrize("ramp", ["last-first", "groups"])
def test_a_frame_s_mask_is_one_for_every_group(exposure, ramp):
    ramps = fits.getdata(exposure.paths[0]).astype(float)[:5]
    rng = np.random.default_rng(3)
    mask = rng.random((len(ramps), *ramps.shape[2:])) < 0.03
    extractor = TimeSeriesExtractor(aperture_radii=[5], position=(25, 18), ramp=ramp)
    once = extractor.extract(ramps, mask=mask)
    each = extractor.extract(ramps, mask=np.broadcast_to(mask[:, None], ramps.shape))
    assert (once["n_replaced"] > 0).any()
    for name in ("aperture_sum_r5", "aperture_sum_err_r5", "background", "quality", "n_replaced"):
        assert np.array_equal(np.asarray(once[name]), np.asarray(each[name]), equal_nan=True)


def test_flags_of_the_frame_alone(tmp_path, exposure):
    """A ramp without GROUPDQ: PIXELDQ tells of its pixels, in automatic groups and beside saturation."""
    path = tmp_path / "a_uncal.fits"
    with fits.open(exposure.paths[0]) as hdus:
        data = hdus["SCI"].data
        data[:, 3:, 18, 28] = 65000
        flags = np.zeros(data.shape[2:], np.uint32)
        flags[18, 28] = 1
        kept = [hdu for hdu in hdus if hdu.name not in ("GROUPDQ", "PIXELDQ")]
        bare, flagged = fits.HDUList(kept), fits.HDUList([*kept, fits.ImageHDU(flags, name="PIXELDQ")])
        bare.writeto(path)
        flagged.writeto(tmp_path / "b_uncal.fits")
    settings = {"aperture_radii": [5], "position": (25, 18), "saturation": 60000.0}
    for name, expected in (("a_uncal.fits", [0, 2]), ("b_uncal.fits", [0, 5])):
        extractor = TimeSeriesExtractor(group_range="auto", **settings)
        assert extractor.extract(tmp_path / name).meta["group_range"] == expected
    ts = TimeSeriesExtractor(**settings).extract(tmp_path / "b_uncal.fits")
    # The same pixel in all rows: left out, and no change of the saturated set.
    assert (ts["aperture_area_r5"].value < np.pi * 25 - 0.99).all()
