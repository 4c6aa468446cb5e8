import h5py
import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData, InverseVariance, NDData, StdDevUncertainty, VarianceUncertainty
from astropy.utils.masked import Masked
from astropy.wcs import WCS

from nircam_tso.exceptions import SegmentError
from nircam_tso.io.sources import open_exposure

STACK = np.random.default_rng(4).integers(0, 100, (5, 6, 9))


@pytest.mark.parametrize("dtype", [">f4", "<f4", ">f8", "f8", ">i2", ">u2", "<u2", "i4", "u1", "i8", "?", "f2"])
def test_every_type_becomes_native_float(dtype):
    data = STACK.astype(dtype)
    exposure = open_exposure(data)
    block = exposure.read(1, 4, slice(2, 5))
    assert block.data.dtype == np.dtype("f8")
    assert block.data.dtype.isnative
    np.testing.assert_array_equal(block.data, data[1:4, 2:5].astype("f8"))
    assert not np.shares_memory(block.data, data)
    assert exposure.kind == "array"
    assert exposure.error_source is None
    assert (block.variance, block.dq, block.mask) == (None, None, None)


def test_numbers_of_axes():
    assert len(open_exposure(STACK[0])) == 1
    assert len(open_exposure(STACK)) == 5
    ramps = open_exposure(STACK[None])
    assert (len(ramps), ramps.n_groups, ramps.shape) == (1, 5, (6, 9))
    assert ramps.read(0, 1).data.shape == (1, 5, 6, 9)
    for shape in ((6,), (1, 1, 2, 3, 4), ()):
        with pytest.raises(ValueError, match=r"neither an image|shape"):
            open_exposure(np.zeros(shape))
    for shape in ((0, 4, 5), (3, 0, 5), (3, 4, 0), (0, 5)):
        with pytest.raises(ValueError, match="holds no pixels"):
            open_exposure(np.zeros(shape))


@pytest.mark.parametrize("data", [STACK.astype(complex), STACK.astype(object), STACK.astype("U3")])
def test_other_types(data):
    with pytest.raises(TypeError, match="not an array of real numbers"):
        open_exposure(data)


def test_lists():
    images = open_exposure(list(STACK))
    stacks = open_exposure([STACK[:2], STACK[2:].astype(">f4")])
    ramps = open_exposure([STACK[None], STACK[None]])
    np.testing.assert_array_equal(images.read(0, 5).data, STACK)
    np.testing.assert_array_equal(stacks.read(1, 4).data, STACK[1:4])
    assert (len(ramps), ramps.n_groups) == (2, 5)
    assert images.integration.tolist() == stacks.integration.tolist() == [1, 2, 3, 4, 5]
    assert len(images.segments) == 1
    with pytest.raises(ValueError, match=r"source\[1\]: has the shape \(9, 6\)"):
        open_exposure([STACK[0], STACK[0].T])
    with pytest.raises(ValueError, match="must be alike"):
        open_exposure([STACK[0], STACK])
    with pytest.raises(ValueError, match="empty list"):
        open_exposure([])
    with pytest.raises(SegmentError, match="arrays and paths"):
        open_exposure([STACK, "a.fits"])
    with pytest.raises(TypeError, match=r"source\[1\]: int"):
        open_exposure([STACK, 3])


@pytest.mark.parametrize("source", [3, None, {"a": 1}, b"abc", object()])
def test_what_is_no_source(source):
    with pytest.raises(TypeError, match="source"):
        open_exposure(source)


def test_units():
    assert open_exposure(STACK).unit == u.dimensionless_unscaled
    assert open_exposure(STACK, unit="DN/s").unit == u.DN / u.s
    assert open_exposure(STACK * u.adu).unit == u.adu
    exposure = open_exposure(STACK * u.Jy, unit="mJy")
    assert exposure.unit == u.mJy
    np.testing.assert_allclose(exposure.read(0, 5).data, STACK * 1e3)
    mixed = open_exposure([STACK[0] * u.Jy, STACK[1] * 1e3 * u.mJy])
    np.testing.assert_allclose(mixed.read(0, 2).data, STACK[:2])
    with pytest.raises(ValueError, match="cannot be converted"):
        open_exposure(STACK * u.adu, unit="Jy")
    with pytest.raises(ValueError, match="'bananas' is no unit"):
        open_exposure(STACK, unit="bananas")


def test_errors():
    sigma = 1.0 + STACK
    for errors in (sigma, list(sigma)):
        exposure = open_exposure(STACK if errors is sigma else list(STACK), errors=errors)
        np.testing.assert_array_equal(exposure.read(1, 3, slice(0, 2)).variance, sigma[1:3, :2] ** 2)
        assert exposure.error_source == "given"
    frame = open_exposure(STACK, errors=sigma[0]).read(1, 3, slice(2, 4)).variance
    np.testing.assert_array_equal(frame, np.stack([sigma[0, 2:4] ** 2] * 2))
    ramp = open_exposure(STACK[None], errors=sigma[0]).read(0, 1).variance
    np.testing.assert_array_equal(ramp, np.broadcast_to(sigma[0] ** 2, (1, 5, 6, 9)))
    converted = open_exposure(STACK * u.Jy, errors=sigma * u.mJy).read(0, 5).variance
    np.testing.assert_allclose(converted, (sigma * 1e-3) ** 2)
    assert open_exposure(STACK, errors=-sigma).read(0, 5).variance.max() < 0
    with pytest.raises(ValueError, match=r"errors: has the shape \(6, 8\)"):
        open_exposure(STACK, errors=np.ones((6, 8)))
    with pytest.raises(ValueError, match="cannot be converted"):
        open_exposure(STACK * u.Jy, errors=sigma * u.adu)
    with pytest.raises(ValueError, match="list of 2 was given for 5"):
        open_exposure(list(STACK), errors=[sigma[0]] * 2)


def test_masks():
    mask = STACK > 50
    np.testing.assert_array_equal(open_exposure(STACK, mask=mask).read(1, 3, slice(1, 4)).mask, mask[1:3, 1:4])
    frame = open_exposure(STACK, mask=mask[0]).read(1, 3).mask
    np.testing.assert_array_equal(frame, np.stack([mask[0]] * 2))
    masked = np.ma.MaskedArray(STACK, mask)
    block = open_exposure(masked).read(0, 5)
    np.testing.assert_array_equal(block.mask, mask)
    np.testing.assert_array_equal(block.data, STACK)
    both = open_exposure(masked, mask=mask[::-1]).read(0, 5).mask
    np.testing.assert_array_equal(both, mask | mask[::-1])
    np.testing.assert_array_equal(open_exposure([masked[0], masked[1]]).read(0, 2).mask, mask[:2])
    astropy_masked = open_exposure(Masked(STACK * u.adu, mask))
    np.testing.assert_array_equal(astropy_masked.read(2, 4).mask, mask[2:4])
    assert astropy_masked.unit == u.adu
    ramp = open_exposure(STACK[None], mask=mask[0]).read(0, 1).mask
    np.testing.assert_array_equal(ramp, mask[:1])
    with pytest.raises(TypeError, match="is no mask"):
        open_exposure(STACK, mask=STACK * 1.5)
    with pytest.raises(ValueError, match="mask: has the shape"):
        open_exposure(STACK, mask=mask[:3])


@pytest.mark.parametrize(
    "uncertainty",
    [lambda s: StdDevUncertainty(s), lambda s: VarianceUncertainty(s**2), lambda s: InverseVariance(1 / s**2)],
)
def test_nddata(uncertainty):
    sigma = 1.0 + STACK
    mask = STACK > 50
    header = fits.Header({"DATE-OBS": "2020-01-01T00:00:00", "EXPTIME": 3.0})
    source = NDData(STACK, unit="adu", mask=mask, uncertainty=uncertainty(sigma), meta=header)
    exposure = open_exposure(source)
    block = exposure.read(1, 3, slice(2, 4))
    np.testing.assert_array_equal(block.data, STACK[1:3, 2:4])
    np.testing.assert_allclose(block.variance, sigma[1:3, 2:4] ** 2)
    np.testing.assert_array_equal(block.mask, mask[1:3, 2:4])
    assert exposure.unit == u.adu
    assert exposure.header["EXPTIME"] == 3
    assert exposure.error_source == "uncertainty"
    converted = open_exposure(NDData(STACK, unit="Jy", uncertainty=uncertainty(sigma)), unit="mJy").read(0, 5)
    np.testing.assert_allclose(converted.variance, (1e3 * sigma) ** 2)


def test_list_of_ccddata():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [10, 20]
    images = [CCDData(image, unit="adu", wcs=wcs, meta={"NUMBER": k}) for k, image in enumerate(STACK)]
    exposure = open_exposure(images, errors=1.0 + STACK, mask=STACK > 50)
    assert [segment.header["NUMBER"] for segment in exposure.segments] == [0, 1, 2, 3, 4]
    assert exposure.header["CRVAL2"] == 20
    assert exposure.integration.tolist() == [1, 2, 3, 4, 5]
    block = exposure.read(1, 4)
    np.testing.assert_array_equal(block.data, STACK[1:4])
    np.testing.assert_array_equal(block.variance, (1.0 + STACK[1:4]) ** 2)
    np.testing.assert_array_equal(block.mask, STACK[1:4] > 50)
    with pytest.raises(ValueError, match="cannot be mixed"):
        open_exposure([images[0], STACK[0]])


def test_unknown_uncertainty_is_noted():
    from astropy.nddata import UnknownUncertainty

    exposure = open_exposure(NDData(STACK, uncertainty=UnknownUncertainty(STACK)))
    assert "is not used" in exposure.notes[0]
    assert exposure.error_source is None


def test_headers():
    exposure = open_exposure(STACK, header={"EXPTIME": np.float64(2.5), "OBJECT": "x", "odd": [1, 2]})
    assert exposure.header["EXPTIME"] == 2.5
    assert "ODD" not in exposure.header
    with pytest.raises(TypeError, match="header"):
        open_exposure(STACK, header=3)


def test_lazy_arrays(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset("data", data=STACK)
        np.testing.assert_array_equal(open_exposure(dataset).read(1, 3, slice(2, 5)).data, STACK[1:3, 2:5])
    mapped = np.memmap(tmp_path / "a.raw", ">f4", "w+", shape=STACK.shape)
    mapped[:] = STACK
    np.testing.assert_array_equal(open_exposure(mapped).read(4, 5).data, STACK[4:5])


def test_arguments_that_are_for_files():
    with pytest.raises(ValueError, match="select"):
        open_exposure(STACK, select={"detector": "NRCA1"})
    with pytest.raises(ValueError, match=r"ramp\[None\]"):
        open_exposure(STACK, axis="groups")
    with pytest.raises(ValueError, match="axis: 'x'"):
        open_exposure(STACK, axis="x")
    with pytest.raises(ValueError, match="errors: 'x'"):
        open_exposure(STACK, errors="x")
    assert len(open_exposure(STACK, axis="integrations")) == 5


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_nddata_s_errors_are_the_bits_of_given_ones(dtype):
    sigma = np.random.default_rng(5).uniform(1, 3000, STACK.shape).astype(dtype)
    given = open_exposure(STACK, errors=sigma).read(0, 5).variance
    np.testing.assert_array_equal(given, sigma.astype(np.float64) ** 2)
    for source in (
        NDData(STACK, uncertainty=StdDevUncertainty(sigma)),
        NDData(STACK * u.adu, StdDevUncertainty(sigma)),
    ):
        np.testing.assert_array_equal(open_exposure(source).read(0, 5).variance, given)
    variance = sigma.astype(np.float64) ** 2
    found = open_exposure(NDData(STACK, uncertainty=VarianceUncertainty(variance))).read(0, 5).variance
    np.testing.assert_array_equal(found, given)


def test_weights_in_single_precision_are_divided_in_double():
    weight = np.random.default_rng(6).uniform(1, 9, STACK.shape).astype(np.float32)
    weight[0, 0, 0] = 0
    variance = open_exposure(NDData(STACK, uncertainty=InverseVariance(weight))).read(0, 5).variance
    assert variance[0, 0, 0] == np.inf
    expected = 1 / weight[1:].astype(np.float64)
    np.testing.assert_allclose(variance[1:], expected, rtol=4e-16)


def test_errors_in_another_unit_are_the_bits_of_given_ones():
    sigma = np.random.default_rng(5).uniform(1, 3, STACK.shape)
    source = NDData(STACK, unit="Jy", uncertainty=StdDevUncertainty(sigma, unit="mJy"))
    given = open_exposure(STACK * u.Jy, errors=sigma * u.mJy).read(0, 5).variance
    np.testing.assert_array_equal(open_exposure(source).read(0, 5).variance, given)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_impossible_errors_are_no_variances(dtype):
    sigma = np.ones(STACK.shape, dtype)
    sigma[0, 0, :6] = (-1, -0.0, np.nan, np.inf, -np.inf, np.finfo(dtype).max)
    variance = open_exposure(STACK, errors=sigma).read(0, 1).variance[0, 0]
    # What is flagged: all that is not positive and finite.
    assert ((variance > 0) & np.isfinite(variance)).tolist() == [False] * 5 + [dtype is np.float32] + [True] * 3
    assert variance[0] == -1
    negative = open_exposure(NDData(STACK, uncertainty=VarianceUncertainty(-sigma))).read(1, 2).variance
    assert (negative == -1).all()


def test_masked_errors_are_refused():
    errors = np.ma.masked_less(np.arange(30.0).reshape(5, 6), 3)
    with pytest.raises(TypeError, match="errors: a masked array is not accepted; mask the pixels by mask="):
        open_exposure(np.ones((4, 5, 6)), errors=errors)


def test_errors_of_several_arrays_have_their_shapes():
    arrays = [np.ones((2, 5, 6)), np.ones((3, 5, 6))]
    sigma = [np.full((2, 5, 6), 2.0), np.full((3, 5, 6), 3.0)]
    variance = open_exposure(arrays, errors=sigma).read(0, 5).variance
    assert variance[:, 0, 0].tolist() == [4.0, 4.0, 9.0, 9.0, 9.0]
    with pytest.raises(ValueError, match=r"errors\[1\]: has the shape \(3, 6, 5\), but the pixels have \(3, 5, 6\)"):
        open_exposure(arrays, errors=[sigma[0], sigma[1].swapaxes(1, 2)])


def test_masks_of_several_nddata_go_where_they_belong():
    """Given masks come in pieces of their own, which need not be those of the pixels."""
    sources = [NDData(np.ones((count, 2, 3))) for count in (1, 2, 3)]
    masks = [np.zeros((count, 2, 3), bool) for count in (1, 2, 3)]
    masks[0][0, 0, 1] = masks[2][1, 1, 2] = True
    block = open_exposure(sources, mask=masks).read(0, 6)
    assert [tuple(map(int, place)) for place in np.argwhere(block.mask)] == [(0, 0, 1), (4, 1, 2)]


def test_which_errors_of_files_says_nothing_of_arrays():
    for word in ("random", "total"):
        assert open_exposure(np.ones((4, 5, 6)), errors=word).error_source is None


def test_metadata_that_no_card_can_hold_are_left_out():
    header = {"TARGNAME": "x", "COMMENT2": "two\nlines", "GAIN": np.float32(2.5), "odd": float("nan")}
    exposure = open_exposure(np.ones((4, 5, 6)), header=header)
    assert dict(exposure.header) == {"TARGNAME": "x", "GAIN": 2.5}
