"""The one call: truth beside the files, seeds, replacement of an earlier run, the demo."""

import tracemalloc

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import QTable

from nircam_tso.exceptions import OutputError
from nircam_tso.simulate import (
    DEMO_TRANSIT,
    SimulationSettings,
    TiltEvent,
    demo_exposure,
    simulate_exposure,
    transit_light_curve,
    weak_lens_psf,
)

SMALL = {"n_integrations": 6, "shape": (20, 28), "position": (15.2, 8.7), "segments": 2, "jitter": 0.01}


def contents(simulation):
    """Bytes of every file that was written."""
    return {path.name: path.read_bytes() for path in [*simulation.paths, simulation.truth_path]}


@pytest.mark.parametrize(
    "kind", [{}, {"product": "uncal"}, {"product": "calints", "dead_fraction": 0.1}, {"format": "ncdhas"}]
)
def test_a_seed_gives_the_same_bytes(tmp_path, kind):
    one, two, other = (
        contents(simulate_exposure(tmp_path / name, **SMALL, **kind, seed=seed))
        for name, seed in (("one", 4), ("two", 4), ("other", 5))
    )
    assert one == two
    assert all(one[name] != other[name] for name in one)


def test_streams_do_not_touch_each_other(tmp_path):
    plain = simulate_exposure(tmp_path / "plain", **SMALL)
    dead = simulate_exposure(tmp_path / "dead", **SMALL, dead_fraction=0.1)
    before, after = fits.getdata(plain.paths[0], "SCI"), fits.getdata(dead.paths[0], "SCI")
    alive = ~np.isnan(after)
    assert 0 < alive.mean() < 1
    np.testing.assert_array_equal(after[alive], before[alive])


@pytest.mark.parametrize(
    "effect",
    [
        {"cosmic_rays": {"rate": 1e-2, "charge": 1e5, "spread": 0.0}},
        {"pixels": {"hot_fraction": 0.1, "nan_fraction": 0.1}},
        {"saturation": 7e3},
        {"cosmic_rays": {"rate": 0.0}, "pixels": {}, "reset": {}, "settling": {"amplitude": 0.0}},
        {"tilt": {"time": 1e6}},
    ],
    ids=lambda effect: "-".join(effect),
)
def test_effects_touch_nothing_else(tmp_path, effect):
    """Where no bit tells of one, pixels are those of an exposure without it."""
    plain = simulate_exposure(tmp_path / "plain", **SMALL, n_groups=8, stddev=1.3, frame_time=0.2)
    other = simulate_exposure(tmp_path / "other", **SMALL, n_groups=8, stddev=1.3, frame_time=0.2, **effect)
    told = 0
    for before, after in zip(plain.paths, other.paths, strict=True):
        dq = fits.getdata(after, "DQ")
        told += (dq > 0).sum()
        for name in ("SCI", "VAR_RNOISE"):
            one, two = fits.getdata(before, name), fits.getdata(after, name)
            np.testing.assert_array_equal(two[dq == 0], one[dq == 0])
    switched_off = "tilt" in effect or "settling" in effect
    assert (told > 0) != switched_off


def test_memory_does_not_grow(tmp_path, monkeypatch):
    """Four times the integrations, the same memory."""
    monkeypatch.setattr("nircam_tso.simulate.jwst_files._BLOCK_VALUES", 1 << 17)
    peaks = []
    settings = {"shape": (64, 64), "n_groups": 4, "product": "calints", "cosmic_rays": {}, "saturation": 1e5}
    simulate_exposure(tmp_path / "first", n_integrations=2, **settings)
    for n in (100, 400):
        tracemalloc.start()
        simulate_exposure(tmp_path / str(n), n_integrations=n, **settings)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # One of the planes is 5 MB longer as float32; the table of truth grows.
    assert peaks[1] - peaks[0] < 1e6


def test_truth_beside_the_files(tmp_path):
    simulation = simulate_exposure(tmp_path, **SMALL, light_curve=np.linspace(1, 0.9, 6), product="calints")
    assert simulation.truth_path.name == "jw01234001001_03101_00001_nrcb1_calints_truth.ecsv"
    saved = QTable.read(simulation.truth_path)
    assert saved.colnames == simulation.truth.colnames
    for name in saved.colnames:
        if name.startswith("time"):
            difference = (saved[name] - simulation.truth[name]).to_value("ns")
            np.testing.assert_allclose(difference, 0, atol=1.0)
        else:
            np.testing.assert_array_equal(saved[name], simulation.truth[name])
            assert getattr(saved[name], "unit", None) == getattr(simulation.truth[name], "unit", None)
    assert saved["relative_flux"][-1] == 0.9
    assert saved.meta["seed"] == 1
    assert saved.meta["gain"] == 2.05
    assert "Gaussian" in saved.meta["psf_image"]


def test_settings_and_changes(tmp_path):
    settings = SimulationSettings(**SMALL)
    simulation = simulate_exposure(tmp_path, settings, n_integrations=3, shape=(16, 18), position=None)
    assert simulation.settings.position == (8.5, 7.5)
    assert fits.getdata(simulation.paths[0], "SCI").shape[1:] == (16, 18)
    with pytest.raises(TypeError, match="n_integration"):
        simulate_exposure(tmp_path, n_integration=3)


def test_an_earlier_run_is_replaced_only_when_asked(tmp_path):
    first = simulate_exposure(tmp_path, **SMALL)
    beside = tmp_path / "jw01234001001_03101_00001-seg001_nrcb2_rateints.fits"
    beside.write_bytes(b"of another detector")
    before = contents(first)
    with pytest.raises(OutputError, match="overwrite=True"):
        simulate_exposure(tmp_path, **{**SMALL, "seed": 2})
    assert contents(first) == before
    second = simulate_exposure(tmp_path, **{**SMALL, "segments": 1}, overwrite=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        [beside.name, second.paths[0].name, second.truth_path.name]
    )


def test_a_bad_setting_writes_nothing(tmp_path):
    with pytest.raises(ValueError, match="light_curve"):
        simulate_exposure(tmp_path / "new", **SMALL, light_curve=lambda time: np.full(6, np.nan))
    assert not (tmp_path / "new").exists()


def test_a_folder_that_is_a_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("x")
    with pytest.raises(OutputError, match="file"):
        simulate_exposure(path, **SMALL)


def test_progress(tmp_path):
    done = []
    simulate_exposure(tmp_path, **SMALL, progress=done.append)
    simulate_exposure(tmp_path, **SMALL, format="ncdhas", progress=done.append)
    assert sum(done) == 12


def test_blocks_are_seamless(tmp_path, monkeypatch):
    whole = contents(simulate_exposure(tmp_path / "whole", **SMALL, product="calints"))
    monkeypatch.setattr("nircam_tso.simulate.jwst_files._BLOCK_VALUES", 1)
    single = contents(simulate_exposure(tmp_path / "single", **SMALL, product="calints"))
    assert single == whole


def test_demo(tmp_path):
    simulation = demo_exposure(tmp_path)
    assert len(simulation.paths) == 3
    truth = simulation.truth
    assert len(truth) == 600
    middle = truth["time"][0] + (truth["time"][-1] - truth["time"][0]) / 2
    expected = transit_light_curve(truth["time"], t0=middle, **DEMO_TRANSIT)
    # The middle of the exposure lies half a reset before the middle of its reads.
    np.testing.assert_allclose(truth["relative_flux"], expected, atol=2e-5)
    assert 0.0095 < 1 - truth["relative_flux"].min() < 0.0115
    assert (truth["relative_flux"] == 1).sum() > 200
    hours = (truth["time"][-1] - truth["time"][0]).to_value("h")
    assert 3 < hours < 6
    data = fits.getdata(simulation.paths[0], "SCI")
    assert data.shape == (200, 64, 64)
    # Below saturation: 60,000 electrons in the brightest pixel.
    brightest = np.nanmax(data) / simulation.settings.image_scale
    assert brightest * simulation.settings.readout.integration_time < 6e4
    again = demo_exposure(tmp_path, overwrite=True)
    assert again.paths == simulation.paths


def test_the_truth_tells_a_moment_as_text(tmp_path):
    settings = {"n_integrations": 4, "shape": (150, 160), "psf": weak_lens_psf((151, 151))}
    span = SimulationSettings(**settings).readout.span(4)
    when = SimulationSettings(**settings).start + span / 2 * u.s
    truth = QTable.read(simulate_exposure(tmp_path, **settings, tilt=TiltEvent(when, (2.0, 3.0))).truth_path)
    assert truth.meta["tilt"]["time"] == when.isot
    assert truth["tilt"][0] == 0 < truth["tilt"][-1]


def test_demo_with_another_light_curve(tmp_path):
    simulation = demo_exposure(tmp_path, n_integrations=5, light_curve=np.linspace(1, 0.9, 5), segments=1)
    np.testing.assert_allclose(simulation.truth["relative_flux"], np.linspace(1, 0.9, 5))
