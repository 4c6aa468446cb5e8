"""NCDHAS files: cards as the ground tests have them, times, pixels."""

import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.time import Time

from nircam_tso.simulate import simulate_exposure

GROUND = {
    "format": "ncdhas",
    "n_integrations": 12,
    "shape": (24, 36),
    "position": (21.3, 9.6),
    "n_groups": 7,
    "n_frames": 8,
    "group_gap": 12,
    "frame_time": 0.27864,
    "start": "2016-01-12T18:00:43.125",
    "detector": "NRCA1",
}


def opened(path):
    """Header and pixels, with warnings as errors and FITS verified."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(path, memmap=False) as hdus:
            hdus.verify("exception")
            return hdus[0].header.copy(), hdus[0].data.copy()


def test_names(tmp_path):
    slopes = simulate_exposure(tmp_path, **GROUND)
    assert slopes.paths[0].name == "NRCN821CLRGENERIC-1234001001_1_481_SE_2016-01-12T18h00m43_I001.slp.fits"
    assert slopes.paths[-1].name.endswith("_I012.slp.fits")
    ramps = simulate_exposure(tmp_path, product="red", **GROUND)
    assert ramps.paths[0].name == "NRCN821CLRGENERIC-1234001001_1_481_SE_2016-01-12T18h00m43.red_I001.fits"
    assert len(list(tmp_path.glob("*.fits"))) == 24
    assert len(list(tmp_path.glob("*_truth.ecsv"))) == 2


def test_cards(tmp_path):
    simulation = simulate_exposure(tmp_path, **GROUND)
    headers = [opened(path)[0] for path in simulation.paths]
    assert [header["ON_NINT"] for header in headers] == list(range(1, 13))
    first = headers[0]
    for name in ("DATE-OBS", "TIME-OBS", "DATE-END", "TIME-END", "EXPSTART", "EXPEND", "NINTS"):
        assert len({header[name] for header in headers}) == 1
    assert first["TELESCOP"] != "JWST"
    assert first["NCDHPROC"] is True
    assert (first["NGROUP"], first["NGROUPS"], first["NFRAME"], first["GROUPGAP"]) == (7, 7, 8, 12)
    assert first["TGROUP"] == pytest.approx(20 * 0.27864)
    assert [card.value for card in first.cards if card.keyword == "SUBARRAY"] == ["GENERIC", True]
    assert sum(card.keyword == "DRPFRMS1" for card in first.cards) == 2
    assert str(first.cards["TIME-END"])[10:25].endswith(" '")


def test_times_are_shares_of_the_span(tmp_path):
    simulation = simulate_exposure(tmp_path, **GROUND)
    header = opened(simulation.paths[0])[0]
    begin = Time(header["DATE-OBS"] + "T" + header["TIME-OBS"], scale="utc")
    end = Time(header["DATE-END"] + "T" + header["TIME-END"].strip(), scale="utc")
    # 12 integrations of 7 x 8 + 6 x 12 frames and a reset.
    assert (end - begin).to_value(u.s) == pytest.approx(12 * 129 * 0.27864, abs=1.01e-3)
    k = np.arange(1, 13)
    middle = begin + (k - 0.5) / 12 * (end - begin)
    np.testing.assert_allclose((simulation.truth["time"] - middle).to_value(u.s), 0, atol=1.01e-3)
    assert header["EXPSTART"] == pytest.approx(begin.mjd, abs=1e-8)
    assert header["EXPEND"] == pytest.approx(end.mjd, abs=1.2e-8)
    assert "time_bjd" not in simulation.truth.colnames


def test_slopes_and_ramps_tell_the_same(tmp_path):
    quiet = {**GROUND, "noise": False, "flux": 2e4, "gain": 2.0, "sky": 4.0}
    slope_header, slope = opened(simulate_exposure(tmp_path, **quiet).paths[3])
    ramp_header, ramp = opened(simulate_exposure(tmp_path, product="red", **quiet).paths[3])
    assert slope.shape == (2, 24, 36)
    assert ramp.shape == (7, 24, 36)
    rate = (ramp[-1].astype(float) - ramp[0]) / (ramp_header["INTTIME"] - ramp_header["TGROUP"])
    np.testing.assert_allclose(rate, slope[0], rtol=1e-5)
    assert slope[0].sum() == pytest.approx((2e4 + 4.0 * 24 * 36) / 2.0, rel=1e-5)
    assert slope_header["ON_NINT"] == 4


def test_uncertainty_is_that_of_the_noise(tmp_path):
    settings = {**GROUND, "n_integrations": 60, "flux": 2e4, "sky": 40.0}
    noisy = simulate_exposure(tmp_path / "noisy", **settings)
    clean = simulate_exposure(tmp_path / "clean", noise=False, **settings)
    planes = np.array([opened(path)[1] for path in noisy.paths])
    truth = np.array([opened(path)[1][0] for path in clean.paths])
    pulls = (planes[:, 0] - truth) / planes[:, 1]
    assert pulls.std() == pytest.approx(1, abs=0.02)


def test_dead_pixels(tmp_path):
    simulation = simulate_exposure(tmp_path, product="red", dead_fraction=0.02, **GROUND)
    data = np.array([opened(path)[1] for path in simulation.paths])
    assert (np.isnan(data).sum(axis=(2, 3)) == 17).all()
