"""Stars and files of the kind that the notebook measured."""

import numpy as np
import pytest
from astropy.io import fits

#: The Gaussian that the notebook fitted to its first integration: amplitude, y, x, widths in y and x.
PRINTED = (12658.452268721961, 160.05879372620817, 162.68132082669806, 0.8694059934665892, 0.8649280606609967)


def gaussian(shape, amplitude, y0, x0, y_stddev, x_stddev):
    y, x = np.indices(shape)
    return amplitude * np.exp(-((x - x0) ** 2 / (2 * x_stddev**2) + (y - y0) ** 2 / (2 * y_stddev**2)))


@pytest.fixture(scope="session")
def printed_star():
    """The notebook's own star on its sky of 74, 320 x 320."""
    return gaussian((320, 320), *PRINTED) + 74.0


@pytest.fixture
def red_files(tmp_path):
    """Write .red ramps of a ground test as the notebook read them, and return their names."""

    def write(ramps, numbers=None, dtype=np.float32, **cards):
        header = fits.Header()
        base = {
            "TELESCOP": "GROUND",
            "SCA_ID": 481,
            "DATE-OBS": "2016-01-12",
            "TIME-OBS": "17:10:36.000",
            "TIME-END": "18:00:36.000",
            "NINTS": 100,
            "NGROUPS": ramps[0].shape[0],
            "NFRAMES": 1,
            "NCDHPROC": True,
        }
        for name, value in {**base, **cards}.items():
            if value is not None:
                header[name] = value
        names = []
        for number, ramp in zip(numbers or range(1, len(ramps) + 1), ramps, strict=True):
            header["ON_NINT"] = number
            path = tmp_path / f"NRCN821CLRSUB1-6012172256_1_481_SE_2016-01-12T18h00m43.red_I{number:03d}.fits"
            fits.PrimaryHDU(np.asarray(ramp).astype(dtype), header=header).writeto(path, overwrite=True)
            names.append(str(path))
        return names

    return write
