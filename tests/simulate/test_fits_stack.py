"""Files written in blocks against astropy's own writer and reader."""

import numpy as np
import pytest
from astropy.io import fits

from nircam_tso.simulate.fits_stack import FitsStack, table_bytes


@pytest.fixture
def cubes():
    rng = np.random.default_rng(3)
    return {
        "SCI": rng.normal(size=(7, 5, 6)).astype(np.float32),
        "DQ": rng.integers(0, 2**32, (7, 5, 6), dtype=np.uint32),
        "RAW": rng.integers(0, 2**16, (7, 3, 5, 6), dtype=np.uint16),
    }


def write(path, cubes, step):
    card = fits.Header([("BUNIT", "DN", "unit")])
    images = [(name, cube.dtype, cube.shape, card) for name, cube in cubes.items()]
    rows = np.array([(1, 2.5), (2, 3.5)], dtype=[("number", "i4"), ("value", "f8")])
    with FitsStack(path, fits.Header([("TARGNAME", "X")]), images, table_bytes("TIMES", rows)) as stack:
        for first in range(0, 7, step):
            for name, cube in cubes.items():
                stack.write(name, first, cube[first : first + step])
        np.testing.assert_array_equal(stack.read("SCI", 2, 3), cubes["SCI"][2:5])


@pytest.mark.parametrize("step", [1, 3, 7])
def test_what_is_written_is_read(tmp_path, cubes, step):
    write(tmp_path / "a.fits", cubes, step)
    with fits.open(tmp_path / "a.fits", memmap=False) as hdus:
        hdus.verify("exception")
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "SCI", "DQ", "RAW", "TIMES"]
        assert hdus[0].header["TARGNAME"] == "X"
        for name, cube in cubes.items():
            np.testing.assert_array_equal(hdus[name].data, cube)
            assert hdus[name].data.dtype.kind == cube.dtype.kind
            assert hdus[name].header["BUNIT"] == "DN"
        np.testing.assert_array_equal(hdus["TIMES"].data["value"], [2.5, 3.5])
        assert hdus["TIMES"].data["number"].dtype.kind == "i"


def test_same_bytes_as_astropy(tmp_path, cubes):
    only = {"SCI": cubes["SCI"]}
    card = fits.Header([("BUNIT", "DN", "unit")])
    with FitsStack(tmp_path / "a.fits", fits.Header(), [("SCI", np.float32, (7, 5, 6), card)]) as stack:
        stack.write("SCI", 0, only["SCI"])
    with fits.open(tmp_path / "a.fits") as hdus:
        hdus.writeto(tmp_path / "b.fits")
    assert (tmp_path / "a.fits").read_bytes() == (tmp_path / "b.fits").read_bytes()


def test_a_failure_leaves_the_old_file(tmp_path, cubes):
    path = tmp_path / "a.fits"
    path.write_bytes(b"old")
    with (
        pytest.raises(RuntimeError, match="stop"),
        FitsStack(path, fits.Header(), [("SCI", np.float32, (7, 5, 6), fits.Header())]),
    ):
        raise RuntimeError("stop")
    assert [p.name for p in tmp_path.iterdir()] == ["a.fits"]
    assert path.read_bytes() == b"old"
