"""Products that were written once must be read for ever: a file of each form, of each version of the data model."""

from pathlib import Path

import numpy as np
import pytest

from nircam_tso import good, read

OLD = Path(__file__).parent / "old_products"


@pytest.mark.parametrize("name", ["version_1.h5", "version_1.ecsv"])
def test_version_1(name):
    ts = read(OLD / name)
    assert ts.meta["schema_version"] == "1"
    assert ts["time"][0].isot == "2023-02-25T00:00:00.000000000"
    assert str(ts["aperture_sum_r3"].unit) == "electron"
    # What the file had on the day that it was written.
    np.testing.assert_array_equal(ts["aperture_sum_r3"].value[:2], [32992.49479741484, 32521.169114998534])
    np.testing.assert_array_equal(good(ts), [True, True, True, True, False, True])
