"""Single files that are cut, packed, impossible or of another kind (rows 1, 3, 5, 6, 8, 13, 29, 65 and 67)."""

import gzip

import numpy as np
import pytest
from astropy.io import fits

from nircam_tso import TimeSeriesExtractor
from nircam_tso.exceptions import CorruptFileError, InputFileError, TruncatedFileError, UnsupportedFileError
from nircam_tso.io.fits_structure import read_structure
from nircam_tso.io.sources import open_exposure

#: Extensions without which a product of this kind is not read.
REQUIRED = ("PRIMARY", "SCI", "DQ")


def opened(path):
    """All pixels, or the error."""
    try:
        return open_exposure(path).read(0, 4), None
    except InputFileError as error:
        return None, error


@pytest.mark.slow
def test_a_file_cut_anywhere(tmp_path, jwst, record_property):
    """Row 1: at every boundary of headers and data and beside it, and at 200 random places."""
    path = tmp_path / "a_calints.fits"
    jwst(path)
    raw, expected = path.read_bytes(), open_exposure(path).read(0, 4)
    hdus = read_structure(path).hdus
    edges = [place for hdu in hdus for place in (hdu.header_offset, hdu.data_offset, hdu.data_offset + hdu.data_bytes)]
    cuts = {edge + step for edge in edges for step in (-1, 0, 1)} | {len(raw) - 1, len(raw) - 2880}
    cuts |= set(np.random.default_rng(6).integers(0, len(raw), 200).tolist())
    cuts = sorted(cut for cut in cuts if 0 <= cut < len(raw))
    read = 0
    for cut in cuts:
        path.write_bytes(raw[:cut])
        whole = [hdu.name for hdu in hdus if hdu.data_offset + hdu.data_bytes <= cut]
        block, error = opened(path)
        if error is not None:
            assert isinstance(error, TruncatedFileError) or cut < 2880
            assert "a_calints.fits" in str(error)
            continue
        read += 1
        # Only where nothing that is required was lost, and whatever is read is what was there.
        assert set(REQUIRED) <= {name or "PRIMARY" for name in whole}, cut
        assert np.array_equal(block.data, expected.data) and np.array_equal(block.dq, expected.dq)
    assert 0 < read < len(cuts) / 2 and len(cuts) > 200
    record_property("offsets cut", len(cuts))


def test_final_filling_is_no_loss(tmp_path, jwst):
    """Row 3: the product's notes tell of it."""
    path = tmp_path / "a_calints.fits"
    jwst(path)
    last = read_structure(path).hdus[-1]
    path.write_bytes(path.read_bytes()[: last.data_offset + last.data_bytes + 5])
    exposure = open_exposure(path)
    assert any("filling bytes are missing" in note for note in exposure.notes)
    frames = np.random.default_rng(1).normal(100, 3, (3, 24, 31)).astype("f4")
    fits.writeto(tmp_path / "b.fits", frames, fits.Header({"DATE-OBS": "2020-02-20T00:00:00", "EXPTIME": 3.0}))
    raw = (tmp_path / "b.fits").read_bytes()
    (tmp_path / "b.fits").write_bytes(raw[: -(-frames.nbytes % 2880)])
    ts = TimeSeriesExtractor().extract(tmp_path / "b.fits", axis="integrations", on_error="flag")
    assert "filling bytes are missing" in ts.meta["notes"]


@pytest.mark.parametrize("damage", [0.5, 0.9, 0.99, 0.999, "sum", "middle"])
def test_broken_gzip(tmp_path, jwst, damage):
    """Row 5: cut at four places, a byte of the sum or of the middle changed."""
    path = tmp_path / "a_calints.fits.gz"
    jwst(tmp_path / "a_calints.fits")
    packed = bytearray(gzip.compress((tmp_path / "a_calints.fits").read_bytes()))
    if isinstance(damage, float):
        packed = packed[: int(damage * len(packed))]
    else:
        packed[-6 if damage == "sum" else len(packed) // 2] ^= 0x10
    path.write_bytes(packed)
    with pytest.raises(CorruptFileError, match="a_calints.fits.gz"):
        open_exposure(path)


@pytest.mark.parametrize("name", ["a_calints.fits", "a_calints", "a.dat"])
def test_gzip_by_any_name(tmp_path, jwst, name):
    """Row 6: the pixels and times of the plain file."""
    (tmp_path / "plain").mkdir()
    plain = tmp_path / "plain" / "a_calints.fits"
    jwst(plain)
    packed = tmp_path / name
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    one, other = (open_exposure(path).read(0, 4) for path in (plain, packed))
    for part in ("data", "variance", "dq"):
        assert getattr(one, part).tobytes() == getattr(other, part).tobytes()


@pytest.mark.parametrize(
    "cards",
    [
        {"NAXIS": -5},
        {"NAXIS": 999},
        {"NAXIS": None},
        {"NAXIS": 2**62},
        {"NAXIS1": 2**62},
        {"NAXIS1": -3},
        {"BITPIX": 7},
        {"BITPIX": None},
    ],
    ids=str,
)
def test_cards_that_cannot_be(tmp_path, image, cards):
    """Row 8: refused by name, whatever the file's size."""
    path = tmp_path / "a.fits"
    image(path)
    raw = bytearray(path.read_bytes())
    for keyword, value in cards.items():
        at = raw.index(f"{keyword:8}=".encode())
        raw[at : at + 80] = ("COMMENT" if value is None else f"{keyword:8}= {value:>20}").ljust(80).encode()
    path.write_bytes(raw)
    with pytest.raises((CorruptFileError, TruncatedFileError), match=r"a\.fits") as caught:
        open_exposure(path)
    # A size that could be, but is not there, is a file that was cut.
    assert isinstance(caught.value, CorruptFileError) or cards == {"NAXIS1": 2**62}


def test_no_axes_are_no_image(tmp_path):
    """Row 8: NAXIS = 0 is a file without pixels."""
    path = tmp_path / "a.fits"
    fits.PrimaryHDU().writeto(path)
    with pytest.raises(InputFileError, match=r"a\.fits"):
        open_exposure(path)


@pytest.mark.parametrize("form", [np.uint16, np.uint8, np.uint32])
@pytest.mark.parametrize("kind", ["array", "file"])
def test_counts_that_fall_are_negative(tmp_path, jwst, form, kind):
    """Row 13: the difference of unsigned groups is below zero, not 65516."""
    groups = np.full((3, 4, 24, 34), 120, form)
    groups[:, -1] = 100
    extractor = TimeSeriesExtractor(background=None, center="fixed", position=(15, 10), aperture_radii=2)
    if kind == "array":
        source = groups
    elif form is np.uint16:
        source = tmp_path / "a_uncal.fits"
        hdulist = jwst(source, "uncal", n=3, shape=(24, 34))
        hdulist["SCI"].data = groups
        hdulist[0].header["NGROUPS"] = 4
        hdulist.writeto(source, overwrite=True)
    else:
        source = tmp_path / "a.fits"
        fits.writeto(source, groups, fits.Header({"DATE-OBS": "2020-02-20T00:00:00"}))
    ts = extractor.extract(source, on_error="flag")
    assert len(ts) == 3
    assert ts["aperture_sum_r2"].value == pytest.approx(-20 * np.pi * 4, rel=1e-6)


@pytest.mark.parametrize("flat", [False, True])
def test_last_segment_of_one_integration(tmp_path, jwst, flat):
    """Row 29: with its axis, or without it as some pipelines write it."""
    for number, first, n in ((1, 1, 4), (2, 5, 4), (3, 9, 1)):
        path = tmp_path / f"seg{number}_calints.fits"
        hdulist = jwst(path, n=n, first=first, segment=(number, 3), cards={"NINTS": 9}, seed=number)
        if flat and n == 1:
            for hdu in hdulist[1:]:
                if hdu.is_image:
                    hdu.data = hdu.data[0]
            hdulist.writeto(path, overwrite=True)
    exposure = open_exposure(tmp_path)
    assert exposure.integration.tolist() == list(range(1, 10))
    expected = fits.getdata(tmp_path / "seg3_calints.fits", "SCI").reshape(1, 6, 9)
    assert np.array_equal(exposure.read(8, 9).data, expected.astype(float))


def test_reference_pixels_are_left_out(tmp_path, jwst):
    """Row 65: of the subframe, the sky and the aperture; what they hold changes nothing."""
    shape = (40, 44)
    y, x = np.indices(shape)
    star = 5000 * np.exp(-((x - 12.3) ** 2 / 5 + (y - 9.7) ** 2 / 3))
    data = (star + np.random.default_rng(2).normal(100, 2, (6, *shape))).astype("f4")
    found = []
    for value in (0.0, 30_000.0):
        path = tmp_path / f"{value:g}_calints.fits"
        # The lower left corner of the detector: four columns and rows see no light.
        cards = {"SUBSIZE1": 44, "SUBSIZE2": 40, "SUBARRAY": "SUB160", "PIXAR_SR": 1e-13}
        hdulist = jwst(path, n=6, shape=shape, cards=cards, drop=("VAR_POISSON", "VAR_RNOISE"))
        hdulist["SCI"].data, hdulist["DQ"].data = data.copy(), np.zeros(data.shape, np.uint32)
        for name in ("SUBSTRT1", "SUBSTRT2"):
            hdulist["SCI"].header[name] = hdulist[0].header[name] = 1
        hdulist["SCI"].data[:, :4] = hdulist["SCI"].data[:, :, :4] = value
        hdulist.writeto(path, overwrite=True)
        extractor = TimeSeriesExtractor(position=(12, 10), aperture_radii=[3, 8], subframe_shape=(21, 21))
        found.append(extractor.extract(path, on_error="flag"))
    one, other = found
    for name in ("background", "x_gauss", "y_gauss", "x_cc", "aperture_sum_r3", "aperture_sum_r8", "aperture_area_r8"):
        assert np.array_equal(one[name], other[name]), name
    assert np.abs(one["x_gauss"].value - 12.3).max() < 0.02 and np.abs(one["y_gauss"].value - 9.7).max() < 0.02
    assert np.abs(one["background"].value - 100).max() < 1
    # A circle of 8 px about (12.3, 9.7) reaches into them.
    assert np.all(one["aperture_area_r8"].value < np.pi * 64 - 1)


@pytest.mark.parametrize(
    ("cards", "named"),
    [
        ({"EXP_TYPE": "NRC_TSGRISM"}, "NRC_TSGRISM"),
        ({"PUPIL": "GRISMR"}, "GRISMR"),
        ({"PUPIL": "GDHS0"}, "GDHS0"),
        ({"SUBARRAY": "SUB41STRIPE1_DHS"}, "SUB41STRIPE1_DHS"),
        ({"EXP_TYPE": "NRC_WFSS"}, "NRC_WFSS"),
    ],
)
def test_dispersed_light_is_refused_by_name(tmp_path, jwst, cards, named):
    """Row 67."""
    path = tmp_path / "a_calints.fits"
    jwst(path, cards=cards)
    for keywords in ({}, {"on_error": "flag"}):
        with pytest.raises(UnsupportedFileError, match=named) as caught:
            open_exposure(path, **keywords)
        assert "a_calints.fits" in str(caught.value)


def test_superstripes_are_refused_by_name(tmp_path, jwst):
    """Row 67."""
    path = tmp_path / "a_uncal.fits"
    jwst(path, "uncal", cards={"SSTR_NST": 4})
    with pytest.raises(UnsupportedFileError, match="SSTR_NST is 4"):
        open_exposure(path)
