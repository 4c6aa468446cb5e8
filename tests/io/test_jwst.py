import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits

from nircam_tso.exceptions import CorruptFileError, SegmentError, TruncatedFileError, UnsupportedFileError
from nircam_tso.io.sources import open_exposure


@pytest.mark.parametrize("product", ["uncal", "rateints", "calints", "crfints", "rate", "cal"])
def test_every_product(tmp_path, jwst, product):
    # The name says nothing: what a file is stands in its headers.
    path = tmp_path / "a.dat"
    written = jwst(path, product)
    exposure = open_exposure(path)
    single = product in ("rate", "cal")
    assert exposure.kind == f"jwst-{product}"
    assert len(exposure) == (1 if single else 4)
    assert exposure.shape == (6, 9)
    assert exposure.n_groups == (3 if product == "uncal" else None)
    assert exposure.unit == {"uncal": u.DN, "rate": u.DN / u.s, "rateints": u.DN / u.s}.get(product, u.MJy / u.sr)
    block = exposure.read(0, len(exposure))
    science = written["SCI"].data
    np.testing.assert_array_equal(block.data, science[None] if single else science)
    assert block.data.dtype == np.float64
    if product == "uncal":
        assert block.variance is None
        assert block.dq is None
        # Unsigned differences do not wrap.
        assert (block.data[:, -1] - block.data[:, 0]).min() < 0
    else:
        parts = [written[name].data.astype(np.float64) for name in ("VAR_POISSON", "VAR_RNOISE")]
        np.testing.assert_array_equal(block.variance.reshape(parts[0].shape), np.sqrt(parts[0] + parts[1]) ** 2)
        np.testing.assert_array_equal(block.dq.reshape(parts[0].shape), written["DQ"].data)
        assert block.dq.max() == 2**31 + 1
        assert exposure.error_source == "VAR_POISSON+VAR_RNOISE"


def test_header_has_the_image_s_cards_over_the_primary_ones(tmp_path, jwst):
    path = tmp_path / "a.fits"
    jwst(path, cards={"RADESYS": "FK5", "TARGNAME": "x"})
    header = open_exposure(path).header
    assert header["RADESYS"] == "ICRS"
    assert header["SUBSTRT1"] == 1
    assert header["TARGNAME"] == "x"
    for keyword in ("NAXIS", "BITPIX", "BZERO", "EXTNAME", "XTENSION", "SIMPLE"):
        assert keyword not in header


def test_errors_of_other_kinds(tmp_path, jwst):
    path = tmp_path / "a.fits"
    written = jwst(path)
    sigma = written["ERR"].data.astype(float)
    total = open_exposure(path, errors="total")
    assert total.error_source == "ERR"
    np.testing.assert_array_equal(total.read(0, 4).variance, sigma**2)
    jwst(tmp_path / "b.fits", drop=("VAR_RNOISE",))
    only = open_exposure(tmp_path / "b.fits")
    assert only.error_source == "ERR"
    assert any("flat" in note for note in only.notes)
    jwst(tmp_path / "c.fits", product="rateints", drop=("VAR_RNOISE",))
    assert open_exposure(tmp_path / "c.fits").notes == []
    jwst(tmp_path / "d.fits", drop=("VAR_RNOISE", "ERR"))
    without = open_exposure(tmp_path / "d.fits")
    assert without.error_source is None
    assert without.read(0, 1).variance is None


def test_negative_errors_stay_recognisable(tmp_path, jwst):
    path = tmp_path / "a.fits"
    jwst(path)
    with fits.open(path, mode="update") as hdulist:
        hdulist["ERR"].data[1, 2, 3] = -2
        hdulist["ERR"].data[1, 2, 4] = np.nan
    variance = open_exposure(path, errors="total").read(0, 4).variance
    assert variance[1, 2, 3] == -4
    assert np.isnan(variance[1, 2, 4])
    assert np.count_nonzero(~(variance > 0)) == 2


def test_int_times_are_native(tmp_path, jwst):
    path = tmp_path / "a.fits"
    jwst(path, first=11)
    table = open_exposure(path).segments[0].int_times
    assert table["integration_number"].tolist() == [11, 12, 13, 14]
    assert table.dtype["int_mid_MJD_UTC"].isnative
    np.testing.assert_array_equal(table["int_mid_MJD_UTC"], 59850.25 + np.arange(11, 15) / 1000)
    jwst(tmp_path / "b.fits", drop=("INT_TIMES",))
    assert open_exposure(tmp_path / "b.fits").segments[0].int_times is None


def test_numbers_of_integrations(tmp_path, jwst):
    jwst(tmp_path / "a.fits", n=3, first=8)
    exposure = open_exposure(tmp_path / "a.fits")
    assert exposure.integration.tolist() == [8, 9, 10]
    # NINTS is of the exposure where INTSTART and INTEND tell of the file.
    jwst(tmp_path / "b.fits", n=3, first=8, cards={"NINTS": 5000})
    assert len(open_exposure(tmp_path / "b.fits")) == 3
    jwst(tmp_path / "c.fits", n=3, first=None)
    assert open_exposure(tmp_path / "c.fits").integration.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("first", "cards", "words"),
    [
        (1, {"INTEND": 9}, "INTSTART = 1 and INTEND = 9 promise 9"),
        (5, {"INTEND": 2}, "INTEND = 2"),
        (None, {"NINTS": 9}, "NINTS promises 9"),
    ],
)
def test_contradicting_numbers(tmp_path, jwst, first, cards, words):
    jwst(tmp_path / "a.fits", n=3, first=first, cards=cards)
    with pytest.raises(SegmentError, match=words):
        open_exposure(tmp_path / "a.fits")


@pytest.mark.parametrize(
    ("product", "cards", "words"),
    [
        ("calints", {"EXP_TYPE": "NRC_TSGRISM"}, "NRC_TSGRISM"),
        ("cal", {"EXP_TYPE": "NRC_WFSS"}, "NRC_WFSS"),
        ("rateints", {"PUPIL": "GRISMR"}, "GRISMR"),
        ("rateints", {"PUPIL": "GDHS0"}, "DHS"),
        ("rateints", {"SUBARRAY": "SUB40STRIPE1_DHS"}, "STRIPE"),
        ("uncal", {"SSTR_NST": 4}, "SSTR_NST is 4"),
    ],
)
def test_spectra_and_stripes_are_refused_by_name(tmp_path, jwst, product, cards, words):
    path = tmp_path / "a.fits"
    jwst(path, product, cards=cards)
    with pytest.raises(UnsupportedFileError, match=words):
        open_exposure(path)


def test_stripes_that_the_pipeline_has_joined_are_read(tmp_path, jwst):
    jwst(tmp_path / "a.fits", "rateints", cards={"SSTR_NST": 4})
    jwst(tmp_path / "b.fits", "uncal", cards={"SSTR_NST": 0})
    assert len(open_exposure(tmp_path / "a.fits")) == len(open_exposure(tmp_path / "b.fits")) == 4


@pytest.mark.parametrize("product", ["rateints", "calints", "crfints", "rate", "cal"])
def test_missing_dq(tmp_path, jwst, product):
    jwst(tmp_path / "a.fits", product, drop=("DQ",))
    with pytest.raises(UnsupportedFileError, match=f"no DQ extension, which a _{product}"):
        open_exposure(tmp_path / "a.fits")
    jwst(tmp_path / "b.fits", product, drop=("DQ", "VAR_POISSON", "VAR_RNOISE", "INT_TIMES"))
    with pytest.raises(TruncatedFileError, match="ends after ERR"):
        open_exposure(tmp_path / "b.fits")


@pytest.mark.parametrize("name", ["DQ", "ERR", "VAR_POISSON"])
def test_other_shapes(tmp_path, jwst, name):
    path = tmp_path / "a.fits"
    hdulist = jwst(path)
    dtype = np.uint32 if name == "DQ" else np.float32
    hdulist[name] = fits.ImageHDU(np.ones((4, 9, 6), dtype), name=name)
    hdulist.writeto(path, overwrite=True)
    with pytest.raises(CorruptFileError, match=name) as caught:
        open_exposure(path, errors="total" if name == "ERR" else None)
    assert caught.value.hdu == name


def test_dq_that_is_no_whole_number(tmp_path, jwst):
    path = tmp_path / "a.fits"
    hdulist = jwst(path)
    hdulist["DQ"] = fits.ImageHDU(np.ones((4, 6, 9), np.float32), name="DQ")
    hdulist.writeto(path, overwrite=True)
    with pytest.raises(CorruptFileError, match="whole numbers"):
        open_exposure(path).read(0, 1)


def test_segments_in_order(tmp_path, jwst):
    names = {}
    for number, first, n in ((10, 28, 1), (2, 4, 3), (1, 1, 3), (3, 7, 21)):
        names[number] = tmp_path / f"seg{number}.fits"
        jwst(names[number], n=n, first=first, segment=(number, 10), seed=number, cards={"NINTS": 28})
    exposure = open_exposure([names[number] for number in (3, 10, 1, 2)])
    assert [segment.name for segment in exposure.segments] == ["seg1.fits", "seg2.fits", "seg3.fits", "seg10.fits"]
    assert exposure.integration.tolist() == list(range(1, 29))
    assert exposure.source.tolist() == [0] * 3 + [1] * 3 + [2] * 21 + [3]


def test_holes_overlaps_and_ends(tmp_path, jwst):
    paths = []
    for number in (1, 2, 3):
        paths.append(tmp_path / f"s{number}.fits")
        jwst(paths[-1], n=2, first=2 * number - 1, segment=(number, 3), cards={"NINTS": 6}, seed=number)
    assert len(open_exposure(tmp_path)) == 6
    with pytest.raises(SegmentError, match=r"integrations 3 to 4 are missing between s1\.fits and s3\.fits"):
        open_exposure([paths[0], paths[2]])
    for named in ([paths[1]], paths[:2], paths[1:], paths[1]):
        assert len(open_exposure(named)) in (2, 4)
    third = paths[2].read_bytes()
    paths[2].unlink()
    with pytest.raises(SegmentError, match="segment 3 of 3 is missing"):
        open_exposure(tmp_path)
    with pytest.raises(SegmentError, match="segment 3 of 3 is missing"):
        open_exposure(str(tmp_path / "*.fits"))
    paths[2].write_bytes(third)
    (tmp_path / "copy.fits").write_bytes(third)
    with pytest.raises(SegmentError, match=r"copy\.fits .* overlap"):
        open_exposure(tmp_path)


def test_folder_without_segment_numbers_promises_all_integrations(tmp_path, jwst):
    jwst(tmp_path / "a.fits", n=2, first=1, cards={"NINTS": 6})
    with pytest.raises(SegmentError, match="integrations 3 to 6 of 6 are missing"):
        open_exposure(tmp_path)
    (tmp_path / "a.fits").unlink()
    jwst(tmp_path / "a.fits", n=2, first=5, cards={"NINTS": 6})
    with pytest.raises(SegmentError, match="integrations 1 to 4 are missing"):
        open_exposure(tmp_path)
    assert len(open_exposure(tmp_path / "a.fits")) == 2


def test_segment_totals_that_differ(tmp_path, jwst):
    jwst(tmp_path / "a.fits", n=2, first=1, segment=(1, 2))
    jwst(tmp_path / "b.fits", n=2, first=3, segment=(2, 3))
    with pytest.raises(SegmentError, match="EXSEGTOT differs"):
        open_exposure(tmp_path)


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("hint", ["model", "name"])
def test_last_segment_of_one_integration(tmp_path, jwst, axes, hint):
    jwst(tmp_path / "x_seg001_calints.fits", n=3, first=1, segment=(1, 2))
    last = tmp_path / "x_seg002_calints.fits"
    hdulist = jwst(last, n=1, first=4, segment=(2, 2), seed=9)
    if axes == 2:
        for name in ("SCI", "ERR", "DQ", "VAR_POISSON", "VAR_RNOISE"):
            hdulist[name].data = hdulist[name].data[0]
    if hint == "name":
        hdulist[0].header["DATAMODL"] = "ImageModel"
    hdulist.writeto(last, overwrite=True)
    exposure = open_exposure(tmp_path)
    assert exposure.kind == "jwst-calints"
    assert exposure.integration.tolist() == [1, 2, 3, 4]
    block = exposure.read(2, 4)
    np.testing.assert_array_equal(block.data[1], np.squeeze(hdulist["SCI"].data))
    assert block.dq.shape == (2, 6, 9)


def test_calibrated_without_photometry_is_calints(tmp_path, jwst):
    hdulist = jwst(tmp_path / "a.fits", cards={"S_PHOTOM": "SKIPPED", "S_FLAT": "SKIPPED"})
    hdulist["SCI"].header["BUNIT"] = "DN/s"
    hdulist.writeto(tmp_path / "a.fits", overwrite=True)
    assert open_exposure(tmp_path / "a.fits").kind == "jwst-calints"


def test_ramps_with_flags(tmp_path, jwst):
    path = tmp_path / "a.fits"
    hdulist = jwst(path, "uncal")
    group_dq = np.zeros((4, 3, 6, 9), np.uint8)
    group_dq[1, 2, 3, 4] = 2
    pixel_dq = np.zeros((6, 9), np.uint32)
    pixel_dq[0, 5] = 1
    hdulist += [fits.ImageHDU(pixel_dq, name="PIXELDQ"), fits.ImageHDU(group_dq, name="GROUPDQ")]
    hdulist.writeto(path, overwrite=True)
    dq = open_exposure(path).read(1, 3).dq
    np.testing.assert_array_equal(dq, group_dq[1:3] | pixel_dq)
    assert open_exposure(path).read(0, 1, slice(0, 2)).dq.shape == (1, 3, 2, 9)


def test_tables_and_mosaics_are_refused(tmp_path, jwst):
    primary = fits.PrimaryHDU()
    primary.header["TELESCOP"] = "JWST"
    primary.header["DATAMODL"] = "TSOMultiSpecModel"
    table = fits.BinTableHDU.from_columns([fits.Column("FLUX", "D", array=np.ones(3))], name="EXTRACT1D")
    fits.HDUList([primary, table]).writeto(tmp_path / "x1dints.fits")
    with pytest.raises(UnsupportedFileError, match=r"no SCI image, but .*EXTRACT1D \(table of 3 rows\)"):
        open_exposure(tmp_path / "x1dints.fits")
    jwst(tmp_path / "a.fits", "cal", cards={"FILENAME": "x_i2d.fits"})
    with pytest.raises(UnsupportedFileError, match="_i2d"):
        open_exposure(tmp_path / "a.fits")


def test_unknown_unit_is_noted(tmp_path, jwst):
    hdulist = jwst(tmp_path / "a.fits")
    hdulist["SCI"].header["BUNIT"] = "bananas"
    hdulist.writeto(tmp_path / "a.fits", overwrite=True)
    exposure = open_exposure(tmp_path / "a.fits")
    assert exposure.unit == u.dimensionless_unscaled
    assert any("bananas" in note for note in exposure.notes)


def test_mean_images_say_so(tmp_path, jwst):
    jwst(tmp_path / "a.fits", "rate", n=7, first=1)
    exposure = open_exposure(tmp_path / "a.fits")
    assert len(exposure) == 1
    assert any("mean of integrations 1 to 7" in note for note in exposure.notes)


def test_a_part_of_an_exposure_says_so(tmp_path, jwst):
    paths = []
    for number in (1, 2, 3):
        paths.append(tmp_path / f"s{number}.fits")
        jwst(paths[-1], "rateints", n=2, first=2 * number - 1, segment=(number, 3), cards={"NINTS": 6}, seed=number)
    alone = open_exposure(paths[0])
    assert alone.notes == ["s1.fits: part of an exposure: segment 1 of 3, integrations 1 to 2 of 6"]
    two = open_exposure(paths[1:])
    assert two.notes == ["s2.fits and 1 more: part of an exposure: segments 2 to 3 of 3, integrations 3 to 6 of 6"]
    assert open_exposure(paths).notes == open_exposure(tmp_path).notes == []
    jwst(tmp_path / "t.fits", "rateints", n=2, first=5, cards={"NINTS": 9})
    assert open_exposure(tmp_path / "t.fits").notes == ["t.fits: part of an exposure: integrations 5 to 6 of 9"]


def test_a_segment_total_that_makes_no_sense(tmp_path, jwst):
    jwst(tmp_path / "a.fits", segment=(2, 2**31 - 1))
    with pytest.raises(SegmentError, match="segment 1, 3 to 2147483647 of 2147483647 is missing") as caught:
        open_exposure(tmp_path)
    assert caught.value.path == str(tmp_path)


def test_two_of_one_name_are_told_by_their_folders(tmp_path, jwst):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        jwst(tmp_path / folder / "a.fits")
    with pytest.raises(SegmentError, match=r"one/a\.fits \(integrations 1 to 4\) and .*two/a\.fits .* overlap"):
        open_exposure(tmp_path, recursive=True)


@pytest.mark.parametrize(
    "exp_type",
    [
        "MIR_LRS-FIXEDSLIT",
        "MIR_MRS",
        "MIR_FLATMRS",
        "MIR_WFSS",
        "NIS_SOSS",
        "NIS_WFSS",
        "NRC_GRISM",
        "NRC_TSGRISM",
        "NRC_WFSS",
        "NRS_AUTOFLAT",
        "NRS_AUTOWAVE",
        "NRS_BRIGHTOBJ",
        "NRS_FIXEDSLIT",
        "NRS_IFU",
        "NRS_LAMP",
        "NRS_MSASPEC",
    ],
)
def test_spectra_are_refused(tmp_path, jwst, exp_type):
    jwst(tmp_path / "a.fits", cards={"EXP_TYPE": exp_type})
    with pytest.raises(UnsupportedFileError, match=f"EXP_TYPE is {exp_type}: spectra"):
        open_exposure(tmp_path / "a.fits")


@pytest.mark.parametrize(
    "exp_type",
    ["NRC_TSIMAGE", "NRC_TACQ", "NRC_CORON", "FGS_IMAGE", "FGS_ACQ1", "MIR_IMAGE", "MIR_LRS-SLITLESS", "NIS_AMI"]
    + ["NIS_LAMP", "NRS_WATA", "NRS_MIMF"],
)
def test_images_are_not_taken_for_spectra(tmp_path, jwst, exp_type):
    jwst(tmp_path / "a.fits", cards={"EXP_TYPE": exp_type})
    assert len(open_exposure(tmp_path / "a.fits")) == 4


@pytest.mark.parametrize(("keyword", "value"), [("PUPIL", "GR700XD"), ("FILTER", "GR150R"), ("PUPIL", "GDHS0")])
def test_dispersers_are_refused(tmp_path, jwst, keyword, value):
    jwst(tmp_path / "a.fits", cards={keyword: value})
    with pytest.raises(UnsupportedFileError, match=f"{keyword} is {value}: dispersed"):
        open_exposure(tmp_path / "a.fits")


def test_errors_of_a_file_and_of_its_arrays_are_the_same_bits(tmp_path, jwst):
    path = tmp_path / "a.fits"
    written = jwst(path)
    variance = written["VAR_POISSON"].data.astype(np.float64) + written["VAR_RNOISE"].data.astype(np.float64)
    given = open_exposure(written["SCI"].data, errors=np.sqrt(variance)).read(0, 4).variance
    # The sum itself is another number in the last place here and there.
    assert (given != variance).any()
    with fits.open(path) as hdulist:
        for source in (path, hdulist, written):
            np.testing.assert_array_equal(open_exposure(source).read(0, 4).variance, given)


def test_variances_that_are_none_stay_so(tmp_path, jwst):
    path = tmp_path / "a.fits"
    hdulist = jwst(path)
    for name in ("VAR_POISSON", "VAR_RNOISE"):
        hdulist[name].data[0, 0, :4] = (-2, np.nan, np.inf, 3e38)
    hdulist.writeto(path, overwrite=True)
    variance = open_exposure(path).read(0, 1).variance[0, 0, :4]
    np.testing.assert_allclose(variance, [-4, np.nan, np.inf, 2 * float(np.float32(3e38))], rtol=1e-15)


def test_fewer_groups_than_promised_are_noted(tmp_path, jwst):
    jwst(tmp_path / "a.fits", "uncal", cards={"NGROUPS": 10})
    note = "a.fits: NGROUPS = 10 in the header, but SCI holds 3 groups, and what it holds counts"
    assert open_exposure(tmp_path / "a.fits").notes == [note]


def test_kind_of_a_product_without_a_unit_is_told_by_its_name(tmp_path, jwst):
    path = tmp_path / "a_calints.fits"
    jwst(path, cards={"S_FLAT": None, "S_PHOTOM": None})
    with fits.open(path, mode="update") as hdulist:
        del hdulist["SCI"].header["BUNIT"]
    assert open_exposure(path).kind == "jwst-calints"
    path.rename(tmp_path / "a_rateints.fits")
    assert open_exposure(tmp_path / "a_rateints.fits").kind == "jwst-rateints"


@pytest.mark.parametrize(
    ("science", "error", "words"),
    [
        ([fits.ImageHDU(np.ones((4, 6, 9))), fits.ImageHDU(np.ones((4, 6, 9)))], UnsupportedFileError, "2 SCI images"),
        ([fits.ImageHDU(np.ones((1, 1, 1, 6, 9)))], UnsupportedFileError, "its SCI has 5 axes; 2 to 4 are expected"),
        ([fits.ImageHDU()], CorruptFileError, "it holds no pixels"),
    ],
)
def test_what_sci_may_be(tmp_path, jwst, science, error, words):
    path = tmp_path / "a_calints.fits"
    whole = jwst(path)
    for hdu in science:
        hdu.name = "SCI"
    fits.HDUList([whole[0], *science, *whole[2:]]).writeto(path, overwrite=True)
    with pytest.raises(error, match=words) as caught:
        open_exposure(path)
    assert str(path) in str(caught.value)


def test_range_of_a_mean_image_that_is_none(tmp_path, jwst):
    path = tmp_path / "a_rate.fits"
    jwst(path, "rate", cards={"INTSTART": 3, "INTEND": 2})
    with pytest.raises(SegmentError, match="INTSTART = 3 and INTEND = 2 are no range"):
        open_exposure(path)


def test_pixeldq_of_another_shape(tmp_path, jwst):
    path = tmp_path / "a_uncal.fits"
    hdulist = jwst(path, "uncal")
    # The frame (ny, nx) of a shape that only an exchange of x and y would make right.
    hdulist.append(fits.ImageHDU(np.zeros((9, 6), np.uint32), name="PIXELDQ"))
    hdulist.writeto(path, overwrite=True)
    with pytest.raises(CorruptFileError, match=r"PIXELDQ has the shape \(9, 6\), but SCI has \(4, 3, 6, 9\)"):
        open_exposure(path)


def test_errors_that_a_file_does_not_have_are_noted(tmp_path, jwst):
    path = tmp_path / "a.fits"
    jwst(path, drop=("ERR",))
    exposure = open_exposure(path, errors="total")
    assert exposure.error_source is None
    assert exposure.notes == ["a.fits: has no extension for errors='total'"]
    assert open_exposure(path).error_source == "VAR_POISSON+VAR_RNOISE"
