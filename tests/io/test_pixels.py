import gzip
import os
import pickle
import threading

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData, StdDevUncertainty

import nircam_tso.io.pixels as reading
from nircam_tso.exceptions import InputFileError, TruncatedFileError
from nircam_tso.io.fits_structure import read_structure
from nircam_tso.io.pixels import ArrayPixels
from nircam_tso.io.sources import open_exposure

NAMES = ("SCI", "ERR", "DQ", "VAR_POISSON", "VAR_RNOISE")
STACK = np.random.default_rng(2).integers(1, 120, (5, 40, 13))


@pytest.mark.parametrize("dtype", ["u1", "i1", ">i2", ">u2", ">i4", ">u4", ">i8", ">u8", ">f4", ">f8"])
@pytest.mark.parametrize("rows", [slice(None), slice(3, 9), slice(0, 30)])
def test_every_type_equals_astropy(tmp_path, dtype, rows):
    path = tmp_path / "a.fits"
    # Reversed unsigned values reach beyond the signed type's range.
    data = STACK.astype(dtype) if np.dtype(dtype).kind != "u" else (np.iinfo(dtype).max - STACK.astype(dtype))
    fits.PrimaryHDU(data).writeto(path)
    block = open_exposure(path, axis="integrations").read(1, 4, rows)
    with fits.open(path, memmap=False) as hdulist:
        expected = hdulist[0].section[1:4, rows, :].astype(np.float64)
    assert block.data.dtype == np.dtype("f8")
    assert block.data.dtype.isnative
    assert block.data.flags.c_contiguous
    assert block.data.flags.writeable
    np.testing.assert_array_equal(block.data, expected)


def test_band_of_large_planes_is_read_by_seeking(tmp_path):
    path = tmp_path / "a.fits"
    data = np.arange(3 * 200 * 300, dtype=np.float64).reshape(3, 200, 300)
    fits.PrimaryHDU(data).writeto(path)
    exposure = open_exposure(path, axis="integrations")
    for rows in (slice(20, 50), slice(0, 1), slice(-7, None)):
        np.testing.assert_array_equal(exposure.read(1, 3, rows).data, data[1:3, rows])


def test_scaled_and_blank(tmp_path):
    path = tmp_path / "a.fits"
    hdu = fits.PrimaryHDU(STACK[0].astype(np.int16))
    hdu.writeto(path)
    raw = path.read_bytes()
    number = STACK[0, 0, 0]
    cards = "BSCALE  = 0.5".ljust(80) + "BZERO   = 100.25".ljust(80) + f"BLANK   = {number}".ljust(80)
    end = raw.index(b"END" + b" " * 77)
    path.write_bytes(raw[:end] + cards.encode() + raw[end : 2880 - 240] + raw[2880:])
    block = open_exposure(path).read(0, 1)
    expected = 100.25 + 0.5 * STACK[0]
    expected[STACK[0] == number] = np.nan
    np.testing.assert_array_equal(block.data[0], expected)
    with fits.open(path) as hdulist:
        np.testing.assert_allclose(block.data[0], hdulist[0].data, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["u1", ">i2", ">u2", ">i4", ">u4"])
def test_flags_are_uint32(tmp_path, jwst, dtype):
    path = tmp_path / "a.fits"
    hdulist = jwst(path)
    bits = (np.arange(hdulist["DQ"].data.size) % 128).reshape(hdulist["DQ"].shape).astype(dtype)
    if np.dtype(dtype).kind == "u":
        bits |= np.array(1, dtype) << (8 * bits.itemsize - 1)
    hdulist["DQ"] = fits.ImageHDU(bits, name="DQ")
    hdulist.writeto(path, overwrite=True)
    dq = open_exposure(path).read(0, 4).dq
    assert dq.dtype == np.uint32
    np.testing.assert_array_equal(dq, bits.astype(np.uint32))


def test_blocks_are_alike_whatever_their_size(tmp_path, jwst):
    for number in (1, 2, 3):
        jwst(tmp_path / f"s{number}.fits", n=3, first=3 * number - 2, segment=(number, 3), seed=number)
    exposure = open_exposure(tmp_path)
    whole = exposure.read(0, 9)
    for size in (1, 2, 4, 7):
        for start in range(0, 9, size):
            stop = min(9, start + size)
            block = exposure.read(start, stop, slice(2, 5))
            for name in ("data", "variance", "dq"):
                np.testing.assert_array_equal(getattr(block, name), getattr(whole, name)[start:stop, 2:5])


@pytest.mark.parametrize(("start", "stop"), [(-1, 2), (2, 2), (3, 99), (2, 1)])
def test_ranges(start, stop):
    exposure = open_exposure(np.zeros((4, 3, 5)))
    with pytest.raises(IndexError, match="start, stop"):
        exposure.segments[0].read(start, stop)
    with pytest.raises(IndexError, match=f"start, stop: {start}, {stop} is no range within 0 to 4"):
        exposure.read(start, stop)
    with pytest.raises(IndexError, match="rows"):
        exposure.read(0, 1, slice(3, 3))


def test_segments_pickle_and_hold_no_file(tmp_path, jwst):
    path = tmp_path / "a.fits"
    jwst(path)
    exposure = open_exposure(path)
    copy = pickle.loads(pickle.dumps(exposure))
    np.testing.assert_array_equal(copy.read(1, 3).variance, exposure.read(1, 3).variance)
    assert copy.header["FILTER"] == "F210M"
    if os.path.isdir("/proc/self/fd"):
        held = []
        for name in os.listdir("/proc/self/fd"):
            try:
                held.append(os.readlink(f"/proc/self/fd/{name}"))
            except FileNotFoundError:
                continue
        assert str(path) not in held


def test_a_file_that_changes_is_noticed(tmp_path, jwst):
    path = tmp_path / "a.fits"
    jwst(path)
    raw = path.read_bytes()
    exposure = open_exposure(path)
    path.write_bytes(raw[: len(raw) // 2])
    with pytest.raises(TruncatedFileError, match="changed since"):
        exposure.read(0, 1)
    path.write_bytes(raw)
    os.utime(path, ns=(1, 1))
    with pytest.raises(InputFileError, match="changed since"):
        exposure.read(0, 1)
    path.unlink()
    with pytest.raises(InputFileError, match="cannot be opened any more"):
        exposure.read(0, 1)


def test_a_file_that_is_cut_while_it_is_read(tmp_path, image):
    path = tmp_path / "a.fits"
    image(path, shape=(100, 200))
    exposure = open_exposure(path)
    pixels = exposure.segments[0].image

    def read_what_is_being_cut():
        with pixels.opened() as handle:
            os.truncate(path, 4000)
            pixels.values(handle, 0, 1, slice(None))

    with pytest.raises(TruncatedFileError, match="while it was read"):
        read_what_is_being_cut()


def test_threads_read_alike(tmp_path, jwst):
    path = tmp_path / "a.fits.gz"
    plain = tmp_path / "a.fits"
    jwst(plain, n=8)
    path.write_bytes(gzip.compress(plain.read_bytes()))
    for source in (plain, path):
        exposure = open_exposure(source)
        expected = exposure.read(0, 8).data
        found = {}

        def work(index, exposure=exposure, found=found):
            found[index] = exposure.read(index, index + 1).data[0]

        threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        np.testing.assert_array_equal(np.stack([found[index] for index in range(8)]), expected)


def test_parts_of_arrays():
    parts = [np.full((n, 3, 4), n, ">i2") for n in (2, 1, 3)]
    pixels = ArrayPixels(parts)
    assert pixels.values(None, 1, 5, slice(1, 2))[:, 0, 0].tolist() == [2, 1, 3, 3]
    assert pixels.shape == (6, 3, 4)


def test_scaling_cards_that_make_no_sense(tmp_path, image):
    path = tmp_path / "a.fits"
    image(path, FILTER="R")
    path.write_bytes(path.read_bytes().replace(b"FILTER  = 'R       '", b"BSCALE  = 'R       '"))
    structure = read_structure(path)
    with pytest.raises(InputFileError, match="BSCALE"):
        structure.pixels(structure.hdus[0])


@pytest.fixture(params=["whole planes", "planes by lines", "planes by a few lines"])
def way_of_reading(request, monkeypatch):
    """The ways of going through a file, whatever the sizes of the images here."""
    if request.param != "whole planes":
        monkeypatch.setattr(reading, "_SMALL_PLANE", 0)
        monkeypatch.setattr(reading, "_BUFFER", 100 if request.param == "planes by lines" else 2000)


@pytest.mark.parametrize("errors", ["random", "total"])
@pytest.mark.parametrize("columns", [slice(None), slice(2, 3), slice(5, 61), slice(-9, None)])
@pytest.mark.parametrize("rows", [slice(None), slice(1, 30), slice(4, 5)])
def test_columns_are_those_of_astropy(tmp_path, jwst, way_of_reading, rows, columns, errors):
    path = tmp_path / "a_calints.fits"
    jwst(path, n=4, shape=(32, 64))
    block = open_exposure(path, errors=errors).read(1, 4, rows, columns)
    with fits.open(path, memmap=False) as hdus:
        expected = {hdu.name: hdu.section[1:4, rows, :][..., columns] for hdu in hdus if hdu.name in NAMES}
    np.testing.assert_array_equal(block.data, expected["SCI"].astype(np.float64))
    np.testing.assert_array_equal(block.dq, expected["DQ"])
    variance = expected["ERR"].astype(np.float64) ** 2
    if errors == "random":
        variance = expected["VAR_POISSON"].astype(np.float64) + expected["VAR_RNOISE"].astype(np.float64)
    np.testing.assert_allclose(block.variance, variance, rtol=1e-15)


@pytest.mark.parametrize("packed", [False, True])
def test_variances_of_a_part(tmp_path, jwst, packed):
    path = tmp_path / "a_calints.fits"
    jwst(path, n=3, shape=(32, 64))
    if packed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    exposure = open_exposure(path)
    whole = exposure.read(0, 3)
    inner = (slice(10, 12), slice(20, 25))
    block = exposure.read(0, 3, slice(4, 30), slice(7, 60), variance_of=inner)
    np.testing.assert_array_equal(block.data, whole.data[:, 4:30, 7:60])
    np.testing.assert_array_equal(block.variance, whole.variance[:, 10:12, 20:25])
    assert block.variance_of == (slice(6, 8), slice(13, 18))
    smaller = block.cut(slice(5, 26), slice(10, 40), (slice(6, 7), slice(14, 18)))
    np.testing.assert_array_equal(smaller.data, whole.data[:, 9:30, 17:47])
    np.testing.assert_array_equal(smaller.dq, whole.dq[:, 9:30, 17:47])
    np.testing.assert_array_equal(smaller.variance, whole.variance[:, 10:11, 21:25])
    assert smaller.variance_of == (slice(1, 2), slice(4, 8))
    assert exposure.read(0, 1, variance_of=()).variance is None
    assert exposure.read(0, 1, slice(4, 9)).variance_of is None


def test_parts_that_are_not_there(tmp_path, jwst):
    path = tmp_path / "a_calints.fits"
    jwst(path, n=2, shape=(32, 64))
    exposure = open_exposure(path)
    with pytest.raises(IndexError, match="columns: .* out of 64"):
        exposure.read(0, 1, columns=slice(70, 80))
    with pytest.raises(IndexError, match="columns"):
        exposure.read(0, 1, columns=slice(0, 8, 2))
    with pytest.raises(IndexError, match="variance_of"):
        exposure.read(0, 1, slice(4, 8), variance_of=(slice(3, 8), slice(0, 4)))


def test_columns_of_arrays():
    data = np.arange(5 * 6 * 7.0).reshape(5, 6, 7)
    masked = np.ma.MaskedArray(data, data % 5 == 0)
    exposure = open_exposure(masked, errors=np.sqrt(data[0]))
    block = exposure.read(1, 4, slice(2, 5), slice(3, 6), variance_of=(slice(2, 3), slice(4, 6)))
    np.testing.assert_array_equal(block.data, data[1:4, 2:5, 3:6])
    np.testing.assert_array_equal(block.mask, masked.mask[1:4, 2:5, 3:6])
    np.testing.assert_allclose(block.variance, np.broadcast_to(data[0, 2:3, 4:6], (3, 1, 2)), rtol=1e-15)


def test_a_run_over_segments_of_which_some_lack_things(tmp_path, image):
    planes = [
        image(tmp_path / f"{k}.fits", shape=(8, 9), seed=k, **{"DATE-OBS": f"2020-01-0{k}T00:00:00"}) for k in (1, 2, 3)
    ]
    CCDData(planes[1], unit="adu", mask=planes[1] > planes[1].mean(), uncertainty=StdDevUncertainty(planes[1])).write(
        tmp_path / "2.fits", overwrite=True
    )
    with fits.open(tmp_path / "2.fits", mode="update") as hdus:
        hdus[0].header["DATE-OBS"] = "2020-01-02T00:00:00"
        del hdus[0].header["BUNIT"]
    exposure = open_exposure([str(tmp_path / f"{k}.fits") for k in (1, 2, 3)])
    block = exposure.read(0, 3, slice(1, 7), slice(2, 8))
    np.testing.assert_array_equal(block.data, np.stack(planes).astype(float)[:, 1:7, 2:8])
    np.testing.assert_array_equal(block.mask[1], (planes[1] > planes[1].mean())[1:7, 2:8])
    assert not block.mask[[0, 2]].any()
    assert np.isnan(block.variance[[0, 2]]).all()
    np.testing.assert_allclose(block.variance[1], planes[1].astype(float)[1:7, 2:8] ** 2, rtol=1e-15)
