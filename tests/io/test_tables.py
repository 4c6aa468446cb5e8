import numpy as np
import pytest
from astropy.io import fits

from nircam_tso.exceptions import CorruptFileError
from nircam_tso.io.cards import parse_header
from nircam_tso.io.fits_structure import read_structure
from nircam_tso.io.tables import decode_table, native_table


def test_equals_astropy(tmp_path):
    rng = np.random.default_rng(6)
    columns = [
        fits.Column("a", "I", array=rng.integers(-9, 9, 7)),
        fits.Column("text", "5A", array=["hello"] * 7),
        fits.Column("b", "D", array=rng.normal(size=7)),
        fits.Column("vector", "3E", array=rng.normal(size=(7, 3))),
        fits.Column("unsigned", "J", bzero=2**31, array=np.arange(2**31, 2**31 + 7)),
        fits.Column("bits", "11X", array=np.zeros((7, 11), bool)),
        fits.Column("c", "K", array=np.arange(7)),
        fits.Column("flag", "L", array=np.ones(7, bool)),
        fits.Column("e", "E", array=rng.normal(size=7)),
    ]
    path = tmp_path / "a.fits"
    fits.BinTableHDU.from_columns(columns, name="T").writeto(path)
    structure = read_structure(path)
    table = structure.table(structure.hdus[1])
    assert table.dtype.names == ("a", "b", "unsigned", "c", "e")
    with fits.open(path) as hdulist:
        data = hdulist["T"].data
        for name in table.dtype.names:
            assert table[name].dtype.isnative
            np.testing.assert_array_equal(table[name], data[name])
        np.testing.assert_array_equal(native_table(data)["b"], data["b"])


def test_no_rows(tmp_path):
    path = tmp_path / "a.fits"
    fits.BinTableHDU.from_columns([fits.Column("a", "J", array=np.zeros(0))]).writeto(path)
    structure = read_structure(path)
    table = structure.table(structure.hdus[1])
    assert table.dtype.names == ("a",)
    assert len(table) == 0


def test_columns_that_do_not_fit():
    cards = ["XTENSION= 'BINTABLE'", "BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 4", "NAXIS2  = 2", "TFIELDS = 1"]
    hdu = parse_header("".join(card.ljust(80) for card in [*cards, "TFORM1  = 'D'"]), index=1)
    with pytest.raises(CorruptFileError, match="do not fit"):
        decode_table(hdu, bytes(8))
    hdu = parse_header("".join(card.ljust(80) for card in [*cards, "TFORM1  = 'Z'"]), index=1)
    with pytest.raises(CorruptFileError, match="TFORM1"):
        decode_table(hdu, bytes(8))


def test_what_is_no_table():
    cards = ["XTENSION= 'BINTABLE'", "BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 4", "NAXIS2  = 2"]
    for last in ("TFIELDS = 1000", "TFIELDS = 'one'"):
        hdu = parse_header("".join(card.ljust(80) for card in [*cards, last]), index=1)
        with pytest.raises(CorruptFileError, match="HDU 1: is no binary table"):
            decode_table(hdu, bytes(8))


@pytest.mark.parametrize("card", ["TZERO1  = 'much'", "TZERO1  = 1E300", "TSCAL1  = T"])
def test_scaling_that_makes_no_sense(card):
    cards = ["XTENSION= 'BINTABLE'", "BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 4", "NAXIS2  = 2", "TFIELDS = 1"]
    hdu = parse_header("".join(card.ljust(80) for card in [*cards, "TFORM1  = 'J'", card]), index=1)
    with pytest.raises(CorruptFileError, match="TSCAL1 and TZERO1 are"):
        decode_table(hdu, bytes(8))
