"""What is written is a source that the package reads, whole and in order."""

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits

from nircam_tso.io.sources import open_exposure
from nircam_tso.simulate import simulate_exposure
from nircam_tso.timing import exposure_times

KINDS = [
    ("jwst", "rateints"),
    ("jwst", "calints"),
    ("jwst", "uncal"),
    ("ncdhas", "slp"),
    ("ncdhas", "red"),
    ("jwst", "crfints"),
]


@pytest.fixture(params=KINDS, ids=lambda kind: kind[1])
def simulation(request, tmp_path):
    """A small exposure of each product."""
    format_, product = request.param
    return simulate_exposure(
        tmp_path,
        format=format_,
        product=product,
        n_integrations=12,
        shape=(24, 36),
        position=(21.3, 9.6),
        n_groups=4,
        n_frames=2,
        group_gap=3,
        frame_time=0.5,
        segments=3,
        dead_fraction=0.01,
        subarray="SUB64P",
    )


def test_pixels(simulation):
    """The folder, the table of truth in it, is the exposure."""
    settings = simulation.settings
    exposure = open_exposure(simulation.truth_path.parent)
    assert exposure.kind == f"{settings.format}-{settings.product}"
    assert exposure.shape == (24, 36)
    assert exposure.n_groups == (4 if settings.is_ramp else None)
    np.testing.assert_array_equal(exposure.integration, simulation.truth["integration"])
    data = exposure.read(0, 12).data
    hdu = "SCI" if settings.format == "jwst" else 0
    pixels = [fits.getdata(path, hdu) for path in simulation.paths]
    if settings.format == "jwst":
        written = np.concatenate(pixels)
    else:
        written = np.stack([plane[0] if settings.product == "slp" else plane for plane in pixels])
    np.testing.assert_array_equal(data, written.astype(np.float64))


@pytest.mark.parametrize("simulation", KINDS[:2], ids=lambda kind: kind[1], indirect=True)
def test_dead_pixels_have_their_bits(simulation):
    block = open_exposure(simulation.truth_path.parent).read(0, 12)
    np.testing.assert_array_equal(block.dq, np.where(np.isnan(block.data), 1025, 0))
    assert (np.isnan(block.data).sum(axis=(1, 2)) == 9).all()


def test_times(simulation):
    """Files and truth agree on the middle of every integration."""
    exposure = open_exposure(simulation.truth_path.parent)
    times = exposure_times(exposure)
    truth = simulation.truth
    # Ground tests tell only the exposure's start and end, to a millisecond.
    close = 2e-6 if simulation.settings.format == "jwst" else 1e-3
    np.testing.assert_allclose((times.middle - truth["time"]).to_value(u.s), 0, atol=close)
    if simulation.settings.format == "jwst":
        np.testing.assert_allclose((times.bjd - truth["time_bjd"]).to_value(u.s), 0, atol=1e-3)
        if not simulation.settings.is_ramp:
            assert times.exposure_time[0] == pytest.approx(simulation.settings.readout.integration_time)


@pytest.mark.parametrize("simulation", KINDS[:3], ids=lambda kind: kind[1], indirect=True)
def test_times_without_the_table(simulation):
    """The readout cards alone give the same times as INT_TIMES."""
    for path in simulation.paths:
        with fits.open(path, mode="update") as hdus:
            del hdus["INT_TIMES"]
    times = exposure_times(open_exposure(simulation.truth_path.parent))
    truth = simulation.truth
    np.testing.assert_allclose((times.middle - truth["time"]).to_value(u.s), 0, atol=2e-6)
    np.testing.assert_allclose((times.bjd - truth["time_bjd"]).to_value(u.s), 0, atol=1e-3)
