"""The notebook's method on public observations."""

import numpy as np
import pytest
from astropy.io import fits

from nircam_tso.notebook import NotebookFaults, compare, loads_fits_phots_times, matching_extractor

NONE = NotebookFaults.NONE


def test_unsigned_ramps_of_fgs(realdata):
    """Two groups of unsigned counts: the notebook has no third one, and its differences wrap."""
    path = realdata / "jwst_fgs_acq1_uncal.fits"
    inputs = {"guesscenter": (94, 65), "aperrad": [8]}
    with pytest.raises(ValueError, match="has 2 groups"):
        loads_fits_phots_times(path, **inputs)
    with fits.open(path) as hdus:
        data = hdus["SCI"].data.astype(float)
    difference = data[:, 1] - data[:, 0]
    right = loads_fits_phots_times(path, faults=NONE, **inputs)
    faulty = loads_fits_phots_times(path, faults=NotebookFaults.UNSIGNED_WRAP, **inputs)
    np.testing.assert_allclose(right["sky background"], np.median(difference, axis=(1, 2)), rtol=1e-12)
    np.testing.assert_allclose(faulty["sky background"], np.median(difference % 65536, axis=(1, 2)), rtol=1e-12)
    assert (np.abs(right["sky background"]) < 100).all()


def test_ground_based_frames(realdata):
    """Background far above the source: without faults the extractor's numbers."""
    names = sorted(str(path) for path in (realdata / "lbt_luci2_k2-22").glob("*.fits*"))
    inputs = {"guesscenter": (90, 81), "aperrad": [4, 8]}
    table = loads_fits_phots_times(names, faults=NONE, **inputs)
    ts = matching_extractor(**inputs).extract(names)
    assert len(table) == len(ts) == 10
    for name, column, tolerance in (
        ("sky background", "background", 1e-12),
        ("gaussian amplitude", "amplitude", 1e-3),
        ("gaussian x center", "x_gauss", 1e-4),
        ("gaussian y center", "y_gauss", 1e-4),
        ("aperture phot 8.0", "aperture_sum_r8", 2e-3),
    ):
        np.testing.assert_allclose(table[name], ts[column].value, rtol=tolerance, err_msg=name)
    np.testing.assert_allclose(table["time"] + 2450000, ts["time"].jd, rtol=0, atol=1e-8)
    effects = compare(names, **inputs).effects
    raw = effects[effects["fault"] == "SWAPPED_APERTURE"][0]
    assert raw["sky background"] == 0 and raw["aperture phot 4.0"] != 0
