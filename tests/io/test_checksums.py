"""Checksums as astropy writes them."""

import re

import numpy as np
import pytest
from astropy.io import fits

from nircam_tso.exceptions import CorruptFileError
from nircam_tso.io.checksums import ones_sum, verify_checksums
from nircam_tso.io.fits_structure import read_structure
from nircam_tso.io.sources import open_exposure


@pytest.fixture
def written(tmp_path):
    def write(checksum, name="a.fits"):
        data = np.random.default_rng(2).normal(size=(5, 7)).astype(np.float32)
        table = fits.BinTableHDU.from_columns([fits.Column("a", "J", array=np.arange(9))])
        hdulist = fits.HDUList([fits.PrimaryHDU(data), fits.ImageHDU(data[1:], name="UNCERT"), table])
        hdulist.writeto(tmp_path / name, checksum=checksum)
        return tmp_path / name

    return write


def flipped(path, at):
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)


@pytest.mark.parametrize("checksum", [True, "datasum"])
@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_bit_of_the_data(written, checksum, index):
    path = written(checksum)
    structure = read_structure(path)
    verify_checksums(structure)
    assert structure.notes == []
    hdu = structure.hdus[index]
    # The sum that astropy wrote is that of the bytes.
    raw = path.read_bytes()[hdu.data_offset :][: -(-hdu.data_bytes // 2880) * 2880]
    assert ones_sum(raw) == int(fits.getheader(path, index)["DATASUM"])
    flipped(path, hdu.data_offset + 3)
    with pytest.raises(CorruptFileError, match=f"DATASUM of {hdu.label} is [0-9]+, but its bytes give [0-9]+") as told:
        verify_checksums(read_structure(path))
    assert told.value.path == str(path) and told.value.hdu == hdu.label


def test_a_bit_of_a_header(written):
    path = written(True)
    raw = path.read_bytes()
    at = raw.index(b"EXTNAME = 'UNCERT") + len("EXTNAME = 'UN")
    flipped(path, at)
    with pytest.raises(CorruptFileError, match="CHECKSUM of .* does not agree with its bytes"):
        open_exposure(path, verify_checksums=True)
    # Nobody asked: a header may have been edited on purpose.
    assert len(open_exposure(path)) == 1


def test_without_any(written):
    exposure = open_exposure(written(False), verify_checksums=True)
    assert "a.fits: has no checksums to verify" in exposure.notes


def test_what_is_no_sum(written):
    """The standard's empty string says that none was computed, and text that is no number promises nothing."""
    path = written("datasum")
    raw = path.read_bytes()
    for value in (b"''", b"'none'"):
        path.write_bytes(re.sub(rb"DATASUM = .{70}", b"DATASUM = " + value.ljust(70), raw))
        flipped(path, read_structure(path).hdus[0].data_offset)
        structure = read_structure(path)
        verify_checksums(structure)
        assert structure.notes == []
