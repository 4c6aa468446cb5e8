"""Outputs and axes, told by cards alone."""

import numpy as np
import pytest
from astropy.io import fits

from nircam_tso.extractor.layout import readout_layout
from nircam_tso.measure.striping import ReadoutLayout

NIRCAM = {
    "INSTRUME": "NIRCAM",
    "SUBARRAY": "SUBGRISM256",
    "FASTAXIS": -1,
    "SLOWAXIS": 2,
    "NOUTPUTS": 4,
    "SUBSTRT1": 1,
    "SUBSTRT2": 1,
    "SUBSIZE1": 2048,
    "SUBSIZE2": 256,
}


def test_four_outputs():
    layout = readout_layout(NIRCAM, (256, 2048))
    assert layout == ReadoutLayout(-1, 2, (0, 512, 1024, 1536, 2048), 12)
    assert layout.n_outputs == 4


@pytest.mark.parametrize(
    ("cards", "shape", "edges"),
    [
        # The same width and name, read through one output.
        ({"NOUTPUTS": 1}, (256, 2048), (0, 2048)),
        # Outputs have their places on the detector.
        ({"SUBSTRT1": 401, "SUBSIZE1": 700}, (256, 700), (0, 112, 624, 700)),
        ({"NOUTPUTS": 2, "SUBSTRT1": 1025, "SUBSIZE1": 1024}, (256, 1024), (0, 1024)),
        # A detector mounted on its side.
        ({"FASTAXIS": 2, "SLOWAXIS": -1, "SUBSIZE1": 64, "SUBSTRT2": 500, "SUBSIZE2": 64}, (64, 64), (0, 13, 64)),
        # Cutouts, and cards that are missing or make no sense.
        ({}, (64, 2048), None),
        ({"SUBSIZE1": None}, (256, 2048), None),
        ({"NOUTPUTS": None}, (256, 2048), None),
        ({"NOUTPUTS": True}, (256, 2048), None),
        ({"NOUTPUTS": 3}, (256, 2048), None),
        ({"SUBSTRT1": None}, (256, 2048), None),
        ({"SUBSTRT1": float("nan")}, (256, 2048), None),
        # Four outputs that take turns.
        ({"INSTRUME": "MIRI"}, (256, 2048), None),
    ],
)
def test_edges(cards, shape, edges):
    header = {name: value for name, value in {**NIRCAM, **cards}.items() if value is not None}
    assert readout_layout(header, shape).edges == edges


@pytest.mark.parametrize(
    "cards", [{"FASTAXIS": 1, "SLOWAXIS": -1}, {"SLOWAXIS": 3}, {"FASTAXIS": "x"}, {"FASTAXIS": 0}]
)
def test_without_axes_nothing_is_known(cards):
    assert readout_layout({**NIRCAM, **cards}, (256, 2048)) == ReadoutLayout()
    assert readout_layout({}, (256, 2048)) == ReadoutLayout()


@pytest.mark.parametrize(
    ("name", "fast", "slow", "outputs"),
    [
        ("jwst_nircam_f210m_header_only_uncal.fits", 1, -2, 4),
        ("jwst_nircam_f444w_cutout.fits", -1, 2, 4),
        ("jwst_fgs_acq1_uncal.fits", 2, -1, None),
    ],
)
def test_flight_headers(realdata, name, fast, slow, outputs):
    header = fits.getheader(realdata / name)
    shape = (header["SUBSIZE2"], header["SUBSIZE1"])
    layout = readout_layout(header, shape)
    assert (layout.fast_axis, layout.slow_axis) == (fast, slow)
    if outputs is None:
        # Guiders do not say through how many outputs they are read.
        assert layout.edges is None
    else:
        np.testing.assert_array_equal(layout.edges, np.linspace(0, 2048, outputs + 1))
    assert readout_layout(header, (shape[0] - 1, shape[1])).edges is None
