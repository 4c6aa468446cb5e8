"""Public files of several telescopes, against astropy's own reading of them."""

import gzip

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits

from nircam_tso.exceptions import SegmentError, UnsupportedFileError
from nircam_tso.io.sources import open_exposure


def test_guider_acquisition(realdata):
    path = realdata / "jwst_fgs_acq1_uncal.fits"
    exposure = open_exposure(path)
    assert exposure.kind == "jwst-uncal"
    assert (len(exposure), exposure.n_groups, exposure.shape) == (6, 2, (128, 128))
    assert exposure.unit == u.DN
    block = exposure.read(0, 6)
    with fits.open(path) as hdulist:
        np.testing.assert_array_equal(block.data, hdulist["SCI"].data.astype(float))
    difference = block.data[:, 1] - block.data[:, 0]
    assert difference.min() > -60000
    assert (np.abs(np.median(difference, axis=(1, 2))) < 13).all()


def test_nircam_cutout(realdata):
    path = realdata / "jwst_nircam_f444w_cutout.fits"
    exposure = open_exposure(path)
    assert exposure.kind == "jwst-cal"
    assert exposure.unit == u.MJy / u.sr
    assert exposure.error_source == "VAR_POISSON+VAR_RNOISE"
    block = exposure.read(0, 1)
    with fits.open(path) as hdulist:
        np.testing.assert_array_equal(block.data[0], hdulist["SCI"].data.astype(float))
        variance = hdulist["VAR_POISSON"].data.astype(float) + hdulist["VAR_RNOISE"].data
        # The square of the root: bitwise what errors=np.sqrt(variance) gives for arrays.
        np.testing.assert_array_equal(block.variance[0], np.sqrt(variance) ** 2)
        np.testing.assert_array_equal(block.dq[0], hdulist["DQ"].data)
        for keyword in ("SUBSTRT1", "CRVAL1", "EXPSTART", "OBSGEO-X"):
            assert keyword in exposure.header
            assert exposure.header[keyword] == {**hdulist[0].header, **hdulist["SCI"].header}[keyword]
    total = open_exposure(path, errors="total")
    assert total.error_source == "ERR"


def test_segment_of_a_long_exposure(realdata):
    path = realdata / "miri_tso_simulated_empty_int_times_calints.fits"
    exposure = open_exposure(path)
    assert exposure.kind == "jwst-calints"
    assert exposure.shape == (416, 72)
    assert exposure.integration.tolist() == [1847, 1848, 1849, 1850]
    table = exposure.segments[0].int_times
    assert len(table) == 0
    assert table.dtype.names[0] == "integration_number"
    with fits.open(path) as hdulist:
        np.testing.assert_array_equal(exposure.read(1, 3, slice(100, 110)).data, hdulist["SCI"].data[1:3, 100:110])
        np.testing.assert_array_equal(exposure.read(1, 3).dq, hdulist["DQ"].data[1:3])


def test_planes_that_are_not_there(realdata):
    with pytest.raises(SegmentError, match="NINTS promises 2048"):
        open_exposure(realdata / "jwst_fgs_fineguide_header_only.fits")


def test_blanked_ramp(realdata):
    exposure = open_exposure(realdata / "jwst_nircam_f210m_header_only_uncal.fits")
    assert exposure.shape == (1, 1)
    assert exposure.exposure.tolist() == [9]
    assert "NGROUPS = 10" in exposure.notes[0]


def test_ground_based_images(realdata):
    folder = realdata / "lbt_luci2_k2-22"
    exposure = open_exposure(folder)
    assert len(exposure) == 10
    assert exposure.shape == (163, 172)
    starts = [segment.header["DATE-OBS"] for segment in exposure.segments]
    assert starts == sorted(starts)
    assert exposure.unit == u.electron
    levels = np.nanmedian(exposure.read(0, 10).data, axis=(1, 2))
    assert levels.min() > 28.1e3
    assert levels.max() < 28.5e3
    # Non-standard HIERARCH cards go through unharmed.
    with fits.open(exposure.segments[0].path) as hdulist:
        keyword = "LBTO LUCI INS FILTER2 NAME"
        assert exposure.header[keyword] == hdulist[0].header[keyword]


@pytest.mark.parametrize("name", ["kepler_q12_tpf_00.fits", "tess25155310-s01-first-cadences.fits.gz"])
def test_target_pixels_are_tables(realdata, name):
    with pytest.raises(UnsupportedFileError, match=r"table with one beside it: found .*APERTURE \(image"):
        open_exposure(realdata / name)


def test_the_whole_folder_lists_its_groups(realdata):
    with pytest.raises(SegmentError, match="--detector GUIDER2 --product uncal") as caught:
        open_exposure(realdata)
    assert "--detector NRCALONG --product cal --exposure 1" in str(caught.value)
    assert open_exposure(realdata, select={"detector": "NRCALONG"}).kind == "jwst-cal"
    with pytest.raises(SegmentError, match="of 41 is missing"):
        open_exposure(realdata, select={"detector": "MIRIMAGE"})


def test_gzip_and_hdulist_of_a_flight_file(realdata, tmp_path):
    path = realdata / "jwst_nircam_f444w_cutout.fits"
    packed = tmp_path / "packed.fits.gz"
    packed.write_bytes(gzip.compress(path.read_bytes(), 1))
    expected = open_exposure(path)
    with fits.open(path) as hdulist:
        for source in (packed, hdulist):
            found = open_exposure(source)
            assert found.segments[0].header_sha256 == expected.segments[0].header_sha256
            for name in ("data", "variance", "dq"):
                np.testing.assert_array_equal(getattr(found.read(0, 1), name), getattr(expected.read(0, 1), name))
