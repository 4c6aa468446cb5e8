import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData, InverseVariance, StdDevUncertainty

from nircam_tso.exceptions import SegmentError, UnsupportedFileError
from nircam_tso.io.sources import open_exposure


def test_images_in_order_of_time(tmp_path, image):
    pixels = {}
    for name, start in (("c", "23:59:58"), ("a", "23:59:59.5"), ("d", "23:59:59")):
        pixels[name] = image(tmp_path / f"{name}.fits", start=f"2020-02-20T{start}", seed=ord(name), BUNIT="adu")
    pixels["b"] = image(tmp_path / "b.fits", start="2020-02-21T00:00:00", seed=99, BUNIT="adu")
    exposure = open_exposure(tmp_path)
    assert [segment.name[0] for segment in exposure.segments] == ["c", "d", "a", "b"]
    np.testing.assert_array_equal(exposure.read(0, 4).data, np.stack([pixels[name] for name in "cdab"]))
    assert exposure.unit == u.adu
    assert exposure.kind == "image"
    assert exposure.integration.tolist() == [1, 1, 1, 1]


def test_mjd_and_split_dates(tmp_path, image):
    image(tmp_path / "a.fits", start=None, MJD_OBS=58899.9)
    image(tmp_path / "b.fits", start="2020-02-20", TIME_OBS="12:00:00")
    exposure = open_exposure(tmp_path)
    assert [segment.name for segment in exposure.segments] == ["b.fits", "a.fits"]


def test_without_times_by_name(tmp_path, image):
    for index in (1, 2, 10):
        image(tmp_path / f"f{index}.fits", start=None, seed=index)
    names = [segment.name for segment in open_exposure(tmp_path).segments]
    assert names == ["f1.fits", "f2.fits", "f10.fits"]
    image(tmp_path / "f3.fits", start="2020-01-01T00:00:00")
    exposure = open_exposure(tmp_path)
    assert [segment.name for segment in exposure.segments] == ["f1.fits", "f2.fits", "f3.fits", "f10.fits"]
    assert "3 of 4 files have no readable DATE-OBS" in exposure.notes[0]


def test_same_content_under_two_names(tmp_path, image):
    image(tmp_path / "a.fits")
    (tmp_path / "b.fits").write_bytes((tmp_path / "a.fits").read_bytes())
    with pytest.raises(SegmentError, match="the same bytes"):
        open_exposure(tmp_path)
    (tmp_path / "b.fits").unlink()
    image(tmp_path / "b.fits", seed=2)
    assert len(open_exposure(tmp_path)) == 2


def test_filters_are_not_mixed(tmp_path, image):
    image(tmp_path / "a.fits", FILTER="R")
    image(tmp_path / "b.fits", FILTER="B", start="2020-02-21T00:00:00")
    with pytest.raises(SegmentError, match="FILTER 'R'"):
        open_exposure(tmp_path)


def test_shapes_are_not_mixed(tmp_path, image):
    image(tmp_path / "a.fits")
    image(tmp_path / "b.fits", shape=(7, 12), start="2020-02-21T00:00:00")
    with pytest.raises(SegmentError, match="shape"):
        open_exposure(tmp_path)


def test_three_axes_ask(tmp_path):
    path = tmp_path / "cube.fits"
    data = np.arange(4 * 5 * 6.0).reshape(4, 5, 6)
    fits.PrimaryHDU(data).writeto(path)
    for source in (path, tmp_path):
        with pytest.raises(UnsupportedFileError, match='axis="integrations" or axis="groups"'):
            open_exposure(source)
    stack = open_exposure(path, axis="integrations")
    ramp = open_exposure(path, axis="groups")
    assert (len(stack), stack.n_groups) == (4, None)
    assert (len(ramp), ramp.n_groups) == (1, 4)
    np.testing.assert_array_equal(stack.read(2, 4).data, data[2:4])
    np.testing.assert_array_equal(ramp.read(0, 1).data, data[None])
    assert stack.integration.tolist() == [1, 2, 3, 4]


def test_four_axes_are_ramps(tmp_path):
    fits.PrimaryHDU(np.zeros((2, 3, 5, 6))).writeto(tmp_path / "a.fits")
    exposure = open_exposure(tmp_path / "a.fits")
    assert (len(exposure), exposure.n_groups, exposure.shape) == (2, 3, (5, 6))
    # An axis of length 1 in front says nothing.
    fits.PrimaryHDU(np.zeros((1, 3, 5, 6))).writeto(tmp_path / "b.fits")
    assert len(open_exposure(tmp_path / "b.fits", axis="integrations")) == 3


@pytest.mark.parametrize("shape", [(7,), (2, 2, 2, 3, 4)])
def test_other_numbers_of_axes(tmp_path, shape):
    fits.PrimaryHDU(np.ones(shape)).writeto(tmp_path / "a.fits")
    with pytest.raises(UnsupportedFileError, match="2 to 4 axes"):
        open_exposure(tmp_path / "a.fits")


def test_extensions(tmp_path):
    data = np.arange(30.0).reshape(5, 6)
    primary = fits.PrimaryHDU()
    primary.header["DATE-OBS"] = "2020-01-01T00:00:00"
    fits.HDUList([primary, fits.ImageHDU(data, name="X")]).writeto(tmp_path / "one.fits")
    exposure = open_exposure(tmp_path / "one.fits")
    np.testing.assert_array_equal(exposure.read(0, 1).data[0], data)
    assert exposure.header["DATE-OBS"].startswith("2020")
    two = [fits.PrimaryHDU(), fits.ImageHDU(data, name="X"), fits.ImageHDU(data + 1, name="SCI")]
    fits.HDUList(two).writeto(tmp_path / "two.fits")
    assert open_exposure(tmp_path / "two.fits").read(0, 1).data[0, 0, 0] == 1
    two[2].name = "Y"
    fits.HDUList(two).writeto(tmp_path / "three.fits")
    with pytest.raises(UnsupportedFileError, match=r"several images .* X \(image 5 x 6\), Y"):
        open_exposure(tmp_path / "three.fits")


def test_what_holds_no_image(tmp_path):
    fits.PrimaryHDU().writeto(tmp_path / "empty.fits")
    with pytest.raises(UnsupportedFileError, match="holds no image"):
        open_exposure(tmp_path / "empty.fits")
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(np.zeros((50, 60), np.int16))]).writeto(tmp_path / "c.fits")
    with pytest.raises(UnsupportedFileError, match="tile-compressed"):
        open_exposure(tmp_path / "c.fits")


def test_what_ccddata_writes(tmp_path):
    data = np.random.default_rng(1).normal(size=(5, 6))
    mask = data > 1
    sigma = np.abs(data)
    path = tmp_path / "a.fits"
    CCDData(data, unit="adu", mask=mask, uncertainty=StdDevUncertainty(sigma)).write(path)
    exposure = open_exposure(path)
    block = exposure.read(0, 1, slice(1, 3))
    np.testing.assert_array_equal(block.data[0], data[1:3])
    np.testing.assert_array_equal(block.mask[0], mask[1:3])
    np.testing.assert_array_equal(block.variance[0], sigma[1:3] ** 2)
    assert exposure.unit == u.adu
    assert exposure.error_source == "UNCERT"


def test_cards_that_break_the_standard_are_left_out(tmp_path, image):
    path = tmp_path / "a.fits"
    image(path, OBSERVER="Muller", FILTER="R")
    path.write_bytes(path.read_bytes().replace(b"OBSERVER= 'Muller  '", b"OBSERVER= Muller ,; "))
    exposure = open_exposure(path)
    assert "OBSERVER" not in exposure.header
    assert exposure.header["FILTER"] == "R"
    assert "1 header cards cannot be read" in exposure.notes[0]


def test_errors_of_another_type_are_noted(tmp_path):
    path = tmp_path / "a.fits"
    CCDData(np.ones((5, 6)), unit="adu", uncertainty=InverseVariance(np.ones((5, 6)))).write(path)
    exposure = open_exposure(path)
    assert exposure.error_source is None
    assert exposure.notes == ["a.fits: UNCERT of type INVERSEVARIANCE is not used"]


def test_variances_of_another_program_are_used(tmp_path):
    """A file as CCDData writes it, but for its kind of uncertainty, which CCDData can only read."""
    data, variance = np.arange(30.0).reshape(5, 6), np.full((5, 6), 4.0)
    variance[1, 4] = 9.0
    path = tmp_path / "a.fits"
    uncertainty = fits.ImageHDU(variance, name="UNCERT")
    uncertainty.header["UTYPE"] = "VAR"
    fits.HDUList([fits.PrimaryHDU(data), uncertainty]).writeto(path)
    exposure = open_exposure(path)
    assert exposure.error_source == "UNCERT"
    np.testing.assert_array_equal(exposure.read(0, 1).variance[0], variance)


def test_a_table_of_the_image_s_shape_is_no_companion(tmp_path):
    table = fits.BinTableHDU.from_columns([fits.Column("a", "6B", array=np.ones((5, 6), np.uint8))], name="MASKS")
    fits.HDUList([fits.PrimaryHDU(np.ones((5, 6), np.float32)), table]).writeto(tmp_path / "a.fits")
    exposure = open_exposure(tmp_path / "a.fits")
    assert exposure.notes == []
    assert not exposure.segments[0].has_variance


def test_random_groups_are_refused(tmp_path):
    data = fits.GroupData(np.ones((3, 1, 1, 2)), parnames=["u"], pardata=[np.zeros(3)], bitpix=-32)
    fits.GroupsHDU(data).writeto(tmp_path / "a.fits")
    with pytest.raises(UnsupportedFileError, match="random groups"):
        open_exposure(tmp_path / "a.fits")


def test_unknown_unit_is_noted(tmp_path, image):
    image(tmp_path / "a.fits", BUNIT="furlongs")
    exposure = open_exposure(tmp_path / "a.fits")
    assert exposure.unit == u.dimensionless_unscaled
    assert exposure.notes == ["BUNIT 'furlongs' is no known unit; values are taken as dimensionless"]


def test_what_else_a_file_holds_is_told(tmp_path):
    """A unit that is neither image nor table, as of section 7 of the standard's earlier versions."""
    other = fits.Header([("XTENSION", "FOREIGN"), ("BITPIX", 8), ("NAXIS", 0), ("PCOUNT", 0), ("GCOUNT", 1)])
    path = tmp_path / "a.fits"
    fits.PrimaryHDU().writeto(path)
    path.write_bytes(path.read_bytes() + other.tostring().encode())
    with pytest.raises(UnsupportedFileError, match=r"holds no image: found PRIMARY \(no data\), HDU 1 \(foreign\)"):
        open_exposure(path)
