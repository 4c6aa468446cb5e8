"""Presets and files of settings."""

import hashlib

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import QTable

from nircam_tso.exceptions import InputFileError
from nircam_tso.simulate import (
    SIMULATION_PRESETS,
    SimulationSettings,
    read_recipe,
    settings_from,
    simulate_exposure,
    transit_light_curve,
    weak_lens_psf,
)
from nircam_tso.simulate.readout import frame_time_of, row_reset_time_of

#: Frame times of JWST User Documentation, and row resets up to the 21 ms that flight files show.
TIMES = {
    "sub64p": ("SUB64P", 0.05016, 0.00304, 1),
    "sub160p": ("SUB160P", 0.27864, 0.00516, 1),
    "sub400p": ("SUB400P", 1.65624, 0.0206, 1),
    "subgrism256-wlp8": ("SUBGRISM256", 1.34669, 0.02096, 4),
    "subgrism256-wlp8-1": ("SUBGRISM256", 5.3148, 0.0206, 1),
    "fullp": ("FULL", 10.73677, 0.0, 4),
}


@pytest.mark.parametrize("name", SIMULATION_PRESETS)
def test_presets(name):
    settings = settings_from({"preset": name})
    times = (settings.subarray, settings.frame_time, settings.row_reset_time, settings.outputs)
    assert times == TIMES[name]
    assert settings.readout.pattern == "RAPID"
    assert settings.jitter[0] == pytest.approx(0.016 if settings.is_long else 0.032, rel=0.02)
    assert settings.cosmic_rays.rate == 1.6e-5
    assert settings.saturation == 8e4


def test_row_resets():
    assert row_reset_time_of((128, 2048)) == row_reset_time_of((64, 2048)) == 0.00524
    for shape in ((64, 64), (160, 160), (400, 400), (256, 2048), (640, 640)):
        for outputs in (1, 4) if shape[1] == 2048 else (1,):
            assert 0 < row_reset_time_of(shape, outputs) <= 0.021
    assert frame_time_of((256, 2048), 1) == (5.3148, 1)


def test_a_preset_fills_its_pixels(tmp_path):
    simulation = simulate_exposure(tmp_path, settings_from({"preset": "sub64p", "n_integrations": 20}))
    with fits.open(simulation.paths[0], memmap=False) as hdus:
        header, data = hdus[0].header, hdus["SCI"].data
        assert (header["SUBARRAY"], header["TFRAME"], header["NOUTPUTS"]) == ("SUB64P", 0.05016, 1)
        electrons = np.nan_to_num(np.median(data, axis=0)).max() * 1.8 * header["EFFINTTM"]
        assert 2e4 < electrons < 8e4
        days = np.diff(hdus["INT_TIMES"].data["int_mid_MJD_UTC"])
        np.testing.assert_allclose(days * 86400, 0.05016 * 11 + 0.00304, atol=2e-6)


def test_what_is_given_wins():
    settings = settings_from({"preset": "sub400p", "detector": "NRCA1", "cosmic_rays": {"rate": 0.0}, "psf": None})
    assert (settings.detector, settings.cosmic_rays.rate, settings.psf) == ("NRCA1", 0.0, None)
    small = settings_from({"preset": "sub400p", "shape": (160, 160)})
    assert (small.subarray, small.frame_time, small.row_reset_time) == ("SUB160P", 0.27864, 0.00516)


def test_images_by_word(tmp_path):
    lens = settings_from({"psf": "model", "pupil": "WLP8", "shape": (64, 70)})
    # The light fills the frame.
    assert lens.psf.shape == (129, 141)
    expected = weak_lens_psf((129, 141), wavelength=2.1e-6, waves=8.0)
    np.testing.assert_array_equal(lens.psf, expected)
    tilted = settings_from({"psf": "model", "pupil": "WLP8", "shape": (64, 70), "tilt": {"time": 3.0}})
    np.testing.assert_array_equal(
        tilted.tilt.psf, weak_lens_psf((129, 141), wavelength=2.1e-6, waves=8.0, tilt=("C3", 1.0, 0.0))
    )
    focused = settings_from({"psf": "model", "filter": "F444W", "detector": "NRCALONG", "psf_oversample": 3})
    assert focused.psf.shape == (195, 195)
    assert settings_from({"psf": "weak-lens"}).psf.max() < focused.psf.max() / 20
    path = tmp_path / "psf.fits"
    fine = np.zeros((40, 44))
    fine[18:22, 20:24] = 1.0
    cards = fits.Header([("DET_SAMP", 4)])
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(fine, cards, name="OVERSAMP")]).writeto(path)
    assert settings_from({"psf": str(path)}).psf.image.shape == (10, 11)
    intra = settings_from({"psf": str(path), "pixels": {"intra_pixel": 0.05}})
    assert (intra.psf.shape, intra.psf_oversample) == ((40, 44), 4)


def test_light_curves():
    values = {"n_integrations": 50, "n_groups": 30, "frame_time": 20.0}
    settings = settings_from({**values, "transit": {"depth": 0.01}})
    curve = settings.light_curve
    span = settings.readout.span(50)
    middle = settings.start + span / 2 * u.s
    edges = middle + np.array([-0.3, -0.15, 0.0, 0.15, 0.3]) * span * u.s
    assert list(curve(edges) < 1) == [False, True, True, True, False]
    planet = {"period": 3.0, "a_rs": 10.0, "inclination": 89.0, "rp": 0.12, "limb_darkening": [0.2, 0.1]}
    named = settings_from({**values, "transit": {**planet, "t0": "2024-06-12T10:00:00"}}).light_curve
    t0 = settings.start.replicate(format="isot")
    t0 = type(t0)("2024-06-12T10:00:00", scale="utc")
    np.testing.assert_array_equal(named(edges), transit_light_curve(edges, t0=t0, **planet))
    eclipse = settings_from({**values, "eclipse": {"depth": 0.01, "planet_flux": 2e-3}}).light_curve
    np.testing.assert_allclose(eclipse(edges)[[0, 2, 4]], [1.002, 1, 1.002], atol=1e-12)


def test_a_file(tmp_path):
    path = tmp_path / "visit.toml"
    path.write_text(
        """
        preset = "sub64p"
        n_integrations = 6
        product = "uncal"
        start = 2025-01-02T03:04:05
        jitter = "none"
        position = [30.2, 33.1]

        [tilt]
        time = 2.0
        shift = [2.0, 1.0]

        [reset]
        noise = 30.0

        [transit]
        depth = 0.01
        """
    )
    first, second = (simulate_exposure(tmp_path / name, settings_from(read_recipe(path))) for name in ("one", "two"))
    digests = [
        hashlib.sha256(one.paths[0].read_bytes() + one.truth_path.read_bytes()).digest() for one in (first, second)
    ]
    assert digests[0] == digests[1]
    settings = first.settings
    assert (settings.product, settings.jitter, settings.tilt.shift) == ("uncal", (0.0, 0.0), (2.0, 1.0))
    assert settings.start.isot == "2025-01-02T03:04:05.000"
    truth = QTable.read(first.truth_path)
    assert truth.meta["tilt"] == {"time": 2.0, "shift": [2.0, 1.0], "segment": "C3", "duration": 1.4}
    assert truth.meta["reset"]["noise"] == 30.0
    assert "settling" not in truth.meta
    np.testing.assert_array_equal(truth["tilt"], first.truth["tilt"])
    assert truth["relative_flux"].min() < 0.991


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"preset": "sub32"}, "preset: 'sub32' is none of sub64p"),
        ({"fluxes": 3}, "fluxes: there is no such setting"),
        ({"readout": 3}, "readout: there is no such setting"),
        ({"transit": {"depth": 2}}, "transit: depth 2"),
        ({"transit": {"dept": 0.1}}, "transit: .*dept"),
        ({"transit": {"rp": 0.1, "depth": 0.1}}, "rp, depth"),
    ],
)
def test_mistakes_are_named(values, message):
    with pytest.raises(ValueError, match=message):
        settings_from(values)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputFileError, match="none.toml: cannot be read"):
        read_recipe(tmp_path / "none.toml")
    bad = tmp_path / "bad.toml"
    bad.write_text("n_groups = ")
    with pytest.raises(InputFileError, match="bad.toml: is no TOML file"):
        read_recipe(bad)


def test_defaults_are_left_alone():
    plain = SimulationSettings()
    assert not {"tilt", "saturation", "outputs", "psf_oversample", "cosmic_rays"} & set(plain.told)
    assert "outputs" in SimulationSettings(outputs=1).told
    assert {"flux", "jitter", "seed"} <= set(plain.told)
