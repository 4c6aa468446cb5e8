import hashlib

import numpy as np
import pytest
from astropy.io import fits

from nircam_tso.exceptions import (
    CorruptFileError,
    InputFileError,
    ResourceLimitError,
    TruncatedFileError,
    UnsupportedFileError,
)
from nircam_tso.io import fits_structure
from nircam_tso.io.fits_structure import read_structure
from nircam_tso.io.sources import open_exposure


def test_agrees_with_astropy(tmp_path, jwst):
    path = tmp_path / "a.fits"
    jwst(path)
    structure = read_structure(path)
    digest = hashlib.sha256()
    raw = path.read_bytes()
    with fits.open(path) as hdulist:
        assert [hdu.name for hdu in structure.hdus[1:]] == [hdu.name for hdu in hdulist[1:]]
        for mine, theirs in zip(structure.hdus, hdulist, strict=True):
            info = theirs.fileinfo()
            assert (mine.header_offset, mine.data_offset) == (info["hdrLoc"], info["datLoc"])
            assert mine.bitpix == theirs.header["BITPIX"]
            assert mine.shape == tuple(theirs.header[f"NAXIS{i}"] for i in range(theirs.header["NAXIS"], 0, -1))
            digest.update(raw[info["hdrLoc"] : info["datLoc"]])
    assert structure.header_sha256 == digest.hexdigest()
    assert structure.notes == []


def test_every_cut_is_noticed(tmp_path, jwst, record_property):
    path = tmp_path / "a.fits"
    jwst(path, n=2)
    raw = path.read_bytes()
    hdus = read_structure(path).hdus
    # What is needed ends with DQ; without both variances the errors come from ERR.
    needed = next(hdu.data_offset + hdu.data_bytes for hdu in hdus if hdu.name == "DQ")
    edges = {hdu.header_offset for hdu in hdus} | {hdu.data_offset for hdu in hdus}
    edges |= {hdu.data_offset + hdu.data_bytes for hdu in hdus}
    cuts = {edge + shift for edge in edges for shift in (-1, 0, 1)}
    cuts |= set(np.random.default_rng(3).integers(1, len(raw), 200).tolist())
    whole = open_exposure(path).read(0, 2)
    opened, named = 0, []
    for cut in sorted(cut for cut in cuts if 80 < cut < len(raw)):
        short = tmp_path / "short.fits"
        short.write_bytes(raw[:cut])
        try:
            block = open_exposure(short).read(0, 2)
        except TruncatedFileError as error:
            named.append(error.path)
            continue
        opened += 1
        assert cut >= needed
        np.testing.assert_array_equal(block.data, whole.data)
        np.testing.assert_array_equal(block.dq, whole.dq)
    assert opened
    assert set(named) == {str(short)}
    record_property("offsets cut", opened + len(named))


def test_missing_final_filling_is_noted(tmp_path, image):
    path = tmp_path / "a.fits"
    image(path)
    raw = path.read_bytes()
    end = read_structure(path).hdus[0]
    path.write_bytes(raw[: end.data_offset + end.data_bytes])
    exposure = open_exposure(path)
    assert "filling bytes are missing" in exposure.notes[0]


def test_filling_behind_the_last_extension_is_noted(tmp_path, image):
    path = tmp_path / "a.fits"
    image(path)
    path.write_bytes(path.read_bytes() + b"\0" * 5760)
    assert "5760 filling bytes" in open_exposure(path).notes[0]
    path.write_bytes(path.read_bytes() + b"pixels")
    with pytest.raises(CorruptFileError, match="neither"):
        read_structure(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("NAXIS   =                    2", "NAXIS   =                   -5"),
        ("NAXIS   =                    2", "NAXIS   =                  999"),
        ("NAXIS   =                    2", "NAXIZ   =                    2"),
        ("NAXIS   =                    2", "NAXIS   =                    0"),
        ("NAXIS   =                    2", "NAXIS   =  4611686018427387904"),
        ("NAXIS1  =                   11", "NAXIS1  =                  -11"),
        ("NAXIS1  =                   11", "NAXIS1  =                 11.5"),
        ("NAXIS1  =                   11", "NAXIS1  =  4611686018427387904"),
        ("BITPIX  =                  -32", "BITPIX  =                    7"),
        ("BITPIX  =                  -32", "BITPIX  =                     "),
    ],
)
def test_impossible_cards(tmp_path, image, old, new):
    path = tmp_path / "a.fits"
    image(path)
    raw = path.read_bytes()
    assert old.encode() in raw
    path.write_bytes(raw.replace(old.encode(), new.encode()))
    with pytest.raises(CorruptFileError, match=r"a\.fits"):
        open_exposure(path)


def test_forty_terabytes_in_a_small_file(tmp_path, image):
    path = tmp_path / "a.fits"
    image(path)
    raw = path.read_bytes().replace(b"NAXIS1  =                   11", b"NAXIS1  =        1000000000000")
    path.write_bytes(raw)
    with pytest.raises(TruncatedFileError, match="bytes are missing"):
        open_exposure(path)


def test_header_without_end(tmp_path, image):
    path = tmp_path / "a.fits"
    image(path)
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"END" + b" " * 77, b" " * 80))
    with pytest.raises(InputFileError, match=r"END card|within the primary header"):
        read_structure(path)


def test_not_standard(tmp_path, image):
    path = tmp_path / "a.fits"
    image(path)
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"SIMPLE  =                    T", b"SIMPLE  =                    F"))
    with pytest.raises(UnsupportedFileError, match="SIMPLE"):
        read_structure(path)


def test_odd_bytes_in_a_header(tmp_path, image):
    path = tmp_path / "a.fits"
    image(path, OBSERVER="Muller")
    path.write_bytes(path.read_bytes().replace(b"Muller", "Mül\x7fer".encode("latin-1")))
    exposure = open_exposure(path)
    assert exposure.header["OBSERVER"] == "M?l?er"
    assert "odd characters" in exposure.notes[0]


def test_scrambled_headers_raise_documented_errors_only(tmp_path, jwst):
    path = tmp_path / "a.fits"
    jwst(path, n=1, shape=(2, 3))
    raw = path.read_bytes()
    rng = np.random.default_rng(5)
    messages = []
    for _ in range(150):
        scrambled = bytearray(raw)
        for at in rng.integers(0, len(raw), 12):
            scrambled[at] = rng.integers(32, 127)
        path.write_bytes(scrambled)
        try:
            open_exposure(path).read(0, 1)
        except (InputFileError, ValueError) as error:
            messages.append(str(error))
    assert len(messages) > 10
    assert all("a.fits" in message for message in messages)


def _primary(*cards):
    """A primary header of these cards, in whole blocks."""
    text = "".join(card.ljust(80) for card in ("SIMPLE  =                    T", "BITPIX  = 8", "NAXIS   = 0", *cards))
    text += "END".ljust(80)
    return text.ljust(-(-len(text) // 2880) * 2880).encode()


def test_words_that_look_like_the_end_of_a_header(tmp_path):
    """END is a card of its own; the blank card behind the remark makes it look like one."""
    path = tmp_path / "a.fits"
    path.write_bytes(_primary("COMMENT   THIS IS NOT THE END", " ", "OBSERVER= 'Miller  '"))
    structure = read_structure(path)
    assert structure.hdus[0].get("OBSERVER") == fits.getheader(path)["OBSERVER"] == "Miller"


def test_a_header_cut_within_its_blocks(tmp_path):
    path = tmp_path / "a.fits"
    whole = _primary(*(f"KEY{index:<5}= {index}" for index in range(50)))
    assert len(whole) == 2 * 2880
    for length in (2880, 2881, 4079, 4400, 5759):
        path.write_bytes(whole[:length])
        with pytest.raises(TruncatedFileError, match=f"ends at byte {length}, within the primary header that begins"):
            read_structure(path)
    path.write_bytes(whole)
    assert read_structure(path).hdus[0].get("KEY49") == 49


def test_a_header_without_measure(tmp_path):
    path = tmp_path / "a.fits"
    path.write_bytes(b"SIMPLE  =                    T".ljust(80) + b"COMMENT ".ljust(80) * 220_000)
    with pytest.raises(ResourceLimitError, match="the primary header that begins at byte 0 is longer than 8388608"):
        read_structure(path)


def test_a_table_larger_than_any_of_times(tmp_path):
    path = tmp_path / "a.fits"
    table = fits.BinTableHDU.from_columns([fits.Column("a", "D", array=np.zeros(2))], name="INT_TIMES")
    table.header["NAXIS2"] = 40_000_000
    header = fits.PrimaryHDU().header.tostring() + table.header.tostring()
    path.write_bytes(header.encode())
    with open(path, "r+b") as file:
        file.truncate(len(header) + 320_000_000)
    structure = read_structure(path)
    with pytest.raises(CorruptFileError, match="INT_TIMES has 320000000 bytes, which no table of times has"):
        structure.table(structure.hdus[1])


def test_units_without_number(tmp_path, monkeypatch):
    monkeypatch.setattr(fits_structure, "_MAX_HDUS", 3)
    hdulist = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(), fits.ImageHDU()])
    hdulist.writeto(tmp_path / "a.fits")
    assert len(read_structure(tmp_path / "a.fits").hdus) == 3
    hdulist.append(fits.ImageHDU())
    hdulist.writeto(tmp_path / "b.fits")
    with pytest.raises(ResourceLimitError, match="holds more than 3 header-data units"):
        read_structure(tmp_path / "b.fits")
