"""Templates against analytic Gaussians, astropy's fitters and files laid out as STPSF lays them out."""

import gzip
import hashlib
import json
import pickle

import numpy as np
import pytest
from astropy.io import fits
from astropy.modeling import fitting, models
from astropy.nddata import block_reduce

from nircam_tso.exceptions import CorruptFileError, InputFileError, UnsupportedFileError
from nircam_tso.measure.templates import (
    GaussianTemplate,
    PSFTemplate,
    find_origin,
    shift_images,
    template_on_grid,
)


def star(shape, x, y, stddev_x=1.3, stddev_y=None, theta=0.0):
    """Elliptical Gaussian of height 1, sampled at pixel centres."""
    model = models.Gaussian2D(1.0, x, y, stddev_x, stddev_y or stddev_x, theta)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return model(columns, rows)


def hexagon(shape, x, y, radius):
    """Filled hexagon of light with brighter corners, as a weak lens makes."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    dx, dy = np.abs(columns - x), np.abs(rows - y)
    flat = ((dy <= radius * 0.866) & (dx * 0.866 + dy * 0.5 <= radius * 0.866)).astype(float)
    for angle in np.radians(60 * np.arange(6)):
        flat += star(shape, x + radius * np.cos(angle), y + radius * np.sin(angle), 2.0)
    return flat


class TestGaussian:
    def test_stddev(self):
        # A Gaussian has half of its height at half of its FWHM.
        template = GaussianTemplate(3.0)
        assert np.exp(-0.5 * (1.5 / template.stddev) ** 2) == pytest.approx(0.5, abs=1e-15)

    @pytest.mark.parametrize("shape", [(21, 21), (20, 21), (24, 17)])
    def test_on_grid(self, shape):
        array, origin, name = template_on_grid(GaussianTemplate(2.0), shape)
        assert origin == ((shape[1] - 1) / 2, (shape[0] - 1) / 2)
        assert name == "gaussian"
        expected = star(shape, *origin, 2.0 / np.sqrt(8 * np.log(2)))
        np.testing.assert_allclose(array / array.max(), expected / expected.max(), rtol=1e-12)
        assert array.sum() == pytest.approx(1.0, abs=1e-9)

    def test_sum_counts_what_lies_beyond_the_grid(self):
        small, _, _ = template_on_grid(GaussianTemplate(6.0), (5, 9))
        large, _, _ = template_on_grid(GaussianTemplate(6.0), (65, 69))
        assert large.sum() == pytest.approx(1.0, abs=1e-12)
        np.testing.assert_allclose(small, large[30:35, 30:39], rtol=1e-12)

    @pytest.mark.parametrize("fwhm", [0, -1, np.nan, np.inf, "wide", None])
    def test_bad_width(self, fwhm):
        with pytest.raises(ValueError, match=r"^fwhm: .* positive number of pixels"):
            GaussianTemplate(fwhm)

    def test_between_the_pixels(self):
        with pytest.raises(ValueError, match=r"^fwhm: .*wider"):
            template_on_grid(GaussianTemplate(0.01), (20, 20))

    def test_is_a_value(self):
        assert GaussianTemplate(2) == GaussianTemplate(2.0)
        assert hash(GaussianTemplate(2)) == hash(GaussianTemplate(2.0))
        assert GaussianTemplate(2.5) != GaussianTemplate(2.0)
        assert pickle.loads(pickle.dumps(GaussianTemplate(2.5))) == GaussianTemplate(2.5)
        assert json.loads(json.dumps(GaussianTemplate(2.5).describe())) == {"kind": "gaussian", "fwhm": 2.5}


class TestOrigin:
    def test_gaussian_agrees_with_astropy(self):
        rng = np.random.default_rng(4)
        image = star((23, 30), 17.37, 9.12, 2.0, 1.2, 0.4) + 1e-3 * rng.normal(size=(23, 30))
        x, y, name = find_origin(image)
        window = (slice(0, 20), slice(7, 28))
        rows, columns = np.mgrid[window]
        fit = fitting.TRFLSQFitter()(models.Gaussian2D(1, 17, 9, 2, 1.2, 0.4), columns, rows, image[window])
        assert name == "gaussian"
        assert (x, y) == pytest.approx((fit.x_mean.value, fit.y_mean.value), abs=1e-5)

    def test_peak_at_a_corner(self):
        assert find_origin(star((23, 30), 1.4, 21.2)) == (
            pytest.approx(1.4, abs=1e-6),
            pytest.approx(21.2, abs=1e-6),
            "gaussian",
        )

    def test_scale_does_not_matter(self):
        image = star((23, 30), 17.37, 9.12)
        assert find_origin(image * 1e-7)[:2] == pytest.approx(find_origin(image)[:2], abs=1e-9)

    def test_hexagon_takes_the_centroid(self):
        image = hexagon((80, 91), 44.3, 38.6, 25)
        x, y, name = find_origin(image)
        rows, columns = np.mgrid[:80, :91]
        assert name == "centroid"
        assert (x, y) == pytest.approx(((columns * image).sum() / image.sum(), (rows * image).sum() / image.sum()))

    def test_named(self):
        image = star((20, 31), 11.2, 8.7) + 0.3 * star((20, 31), 25, 15)
        assert find_origin(image, "center") == (15.0, 9.5, "center")
        assert find_origin(image, "centroid")[0] > 13
        assert find_origin(image, "gaussian")[:2] == pytest.approx((11.2, 8.7), abs=0.05)
        assert find_origin(image, (3, 4.5)) == (3.0, 4.5, "given")
        assert find_origin(image, np.array([3, 4.5])) == (3.0, 4.5, "given")

    @pytest.mark.parametrize(
        ("origin", "message"),
        [
            ("peak", "'peak' is none of"),
            ((-0.6, 3), "not within the image"),
            ((3, 19.6), "not within the image"),
            ((np.nan, 3), "not within the image"),
            ((1, 2, 3), "no point"),
            (5, "no point"),
        ],
    )
    def test_bad_origin(self, origin, message):
        with pytest.raises(ValueError, match=f"^origin: .*{message}"):
            find_origin(star((20, 31), 11.2, 8.7), origin)

    def test_no_peak_at_all(self):
        """Smoothed, every pixel is below zero: by symmetry the light is centred all the same."""
        image = np.ones((3, 3))
        image[1, 1] = -7.99
        assert find_origin(image) == (pytest.approx(1.0), pytest.approx(1.0), "centroid")

    def test_one_sided_light_takes_the_centroid(self):
        """A Gaussian fitted to it lies pixels behind its edge, where the peak is."""
        columns = np.arange(30)
        image = np.exp(-((np.arange(23) - 9.0)[:, None] ** 2) / 18) * np.where(columns < 5, 0, np.exp(-columns / 8))
        x, y, name = find_origin(image)
        assert name == "centroid"
        moments = [(np.arange(n) * image.sum(axis=k)).sum() / image.sum() for n, k in ((30, 0), (23, 1))]
        assert (x, y) == pytest.approx(moments)
        assert x - find_origin(image, "gaussian")[0] > 1

    def test_no_gaussian(self):
        with pytest.raises(ValueError, match="^origin: no Gaussian can be fitted"):
            find_origin(np.ones((15, 15)), "gaussian")

    def test_centroid_outside(self):
        image = np.zeros((9, 9))
        image[4, 0], image[4, 8] = -1.0, 1.1
        with pytest.raises(ValueError, match="^origin: centroid .*not within"):
            find_origin(image, "centroid")


class TestArray:
    def test_is_normalised_and_copied(self):
        image = 7 * star((25, 31), 14.2, 12.9)
        template = PSFTemplate(image)
        image[:] = 0
        assert template.image.sum() == pytest.approx(1.0, abs=1e-14)
        assert template.origin == pytest.approx((14.2, 12.9), abs=1e-6)
        assert template.origin_name == "gaussian"
        with pytest.raises(ValueError, match="read-only"):
            template.image[0, 0] = 1
        with pytest.raises(AttributeError):
            template.origin = (0, 0)

    def test_is_a_value(self):
        image = star((25, 31), 14.2, 12.9)
        template = PSFTemplate(image)
        assert template == PSFTemplate(image) == PSFTemplate(2 * image)
        assert hash(template) == hash(PSFTemplate(image))
        assert template != PSFTemplate(image, origin="center")
        assert template != PSFTemplate(image + 1e-9)
        assert template != "gaussian"
        again = pickle.loads(pickle.dumps(template))
        assert again == template
        assert not again.image.flags.writeable

    def test_describe(self):
        image = star((25, 31), 14.25, 12.5)
        described = PSFTemplate(image, origin=(14.25, 12.5)).describe()
        assert json.loads(json.dumps(described)) == described
        assert described["sha256"] == hashlib.sha256((image / image.sum()).tobytes()).hexdigest()
        assert (described["origin"], described["origin_x"], described["origin_y"]) == ("given", 14.25, 12.5)
        assert described["shape"] == [25, 31]

    @pytest.mark.parametrize("order", [">f4", "<f8", ">i2"])
    def test_types(self, order):
        image = np.round(1000 * star((25, 31), 14.25, 12.5)).astype(order)
        assert PSFTemplate(image) == PSFTemplate(image.astype(float))

    @pytest.mark.parametrize(
        ("image", "message"),
        [
            (np.ones(5), "shape"),
            (np.ones((2, 5)), "at least 3 x 3"),
            (np.ones((3, 5, 5)), "shape"),
            (np.zeros((5, 5)), "sum is 0"),
            (-np.ones((5, 5)), "sum is -25"),
            (np.where(np.eye(5) > 0, np.nan, 1), "5 of 25 pixels are not finite"),
            (np.where(np.eye(5) > 0, np.inf, 1), "5 of 25 pixels are not finite"),
            ([["a", "b"]], "no array of numbers"),
        ],
    )
    def test_bad_image(self, image, message):
        with pytest.raises(ValueError, match=f"^image: .*{message}"):
            PSFTemplate(image)

    @pytest.mark.parametrize("oversample", [0, -2, 1.5, True, "4", np.nan, np.inf])
    def test_bad_oversample(self, oversample):
        with pytest.raises(ValueError, match="^oversample: "):
            PSFTemplate(star((25, 31), 14, 12), oversample=oversample)

    def test_hdu_of_an_array(self):
        with pytest.raises(ValueError, match="^hdu: 1 is for a file"):
            PSFTemplate(star((25, 31), 14, 12), hdu=1)

    def test_oversampled(self):
        fine = star((84, 60), 31.7, 40.1, 6.0)
        template = PSFTemplate(fine, oversample=4)
        coarse = block_reduce(fine, 4)
        np.testing.assert_allclose(template.image, coarse / coarse.sum(), rtol=1e-12)
        # A pixel of 4 x 4 has its centre at 1.5 fine pixels.
        assert template.origin == pytest.approx(((31.7 - 1.5) / 4, (40.1 - 1.5) / 4), abs=1e-3)
        given = PSFTemplate(fine, oversample=4, origin=(31.7, 40.1))
        assert given.origin == pytest.approx(((31.7 - 1.5) / 4, (40.1 - 1.5) / 4), abs=1e-12)

    def test_oversampled_with_a_remainder(self):
        # The light's centre must be where the carried point is, whatever was added.
        fine = star((63, 49), 22.6, 30.3, 4.0)
        template = PSFTemplate(fine, oversample=4, origin=(22.6, 30.3))
        assert template.image.shape == (16, 13)
        assert template.image.sum() == pytest.approx(1.0, abs=1e-14)
        assert find_origin(template.image, "centroid")[:2] == pytest.approx(template.origin, abs=1e-5)


class TestOnGrid:
    @pytest.mark.parametrize("shape", [(21, 21), (20, 24), (7, 9)])
    def test_crop(self, shape):
        image = star((41, 60), 37.4, 12.7, 1.5)
        array, origin, name = template_on_grid(PSFTemplate(image), shape)
        assert array.shape == shape
        assert name == "gaussian"
        assert origin[0] - (shape[1] - 1) / 2 == pytest.approx(0, abs=0.5)
        assert origin[1] - (shape[0] - 1) / 2 == pytest.approx(0, abs=0.5)
        np.testing.assert_allclose(array, star(shape, *origin, 1.5) / image.sum(), atol=1e-9)

    def test_pad(self):
        image = star((11, 13), 6.3, 5.2, 1.0)
        array, origin, _ = template_on_grid(PSFTemplate(image), (31, 40))
        assert array.sum() == pytest.approx(1.0, abs=1e-12)
        assert find_origin(array)[:2] == pytest.approx(origin, abs=1e-6)

    def test_unknown(self):
        with pytest.raises(TypeError, match="^template: 'median' is neither"):
            template_on_grid("median", (21, 21))


class TestShift:
    @pytest.mark.parametrize("shape", [(31, 40), (30, 41), (64, 27)])
    def test_gaussian(self, shape):
        rng = np.random.default_rng(8)
        x, y = 14.3, 13.8
        dx, dy = rng.uniform(-3, 3, (2, 20))
        shifted = shift_images(star(shape, x, y, 1.6, 1.9, 0.5), dx, dy)
        for image, by_x, by_y in zip(shifted, dx, dy, strict=True):
            np.testing.assert_allclose(image, star(shape, x + by_x, y + by_y, 1.6, 1.9, 0.5), atol=3e-6)

    def test_whole_pixels_do_not_wrap(self):
        rng = np.random.default_rng(9)
        image = rng.normal(size=(12, 15))
        shifted = shift_images(image, [0, 4, -20, 1e9], [0, -3, 2, 0])
        np.testing.assert_allclose(shifted[0], image, atol=1e-13)
        expected = np.zeros_like(image)
        expected[:9, 4:] = image[3:, :11]
        np.testing.assert_allclose(shifted[1], expected, atol=1e-13)
        np.testing.assert_allclose(shifted[2:], 0.0, atol=1e-13)

    def test_the_block_does_not_matter(self):
        rng = np.random.default_rng(10)
        image = rng.normal(size=(20, 21))
        dx, dy = rng.uniform(-2, 2, (2, 13))
        whole = shift_images(image, dx, dy)
        for size in (1, 2, 5):
            parts = [shift_images(image, dx[i : i + size], dy[i : i + size]) for i in range(0, 13, size)]
            np.testing.assert_array_equal(np.concatenate(parts), whole)

    def test_unknown_shift(self):
        shifted = shift_images(star((9, 9), 4, 4), [np.nan, 0.0], [0.0, 0.0])
        assert np.isnan(shifted[0]).all()
        assert np.isfinite(shifted[1]).all()

    def test_bad_arguments(self):
        with pytest.raises(ValueError, match="^array: "):
            shift_images(np.ones(4), [0], [0])
        with pytest.raises(ValueError, match="^dx, dy: "):
            shift_images(np.ones((4, 4)), [0, 1], [0])


def stpsf_file(path, names=("OVERSAMP", "DET_SAMP", "OVERDIST", "DET_DIST"), factor=4):
    """Write a file with the extensions and cards of STPSF; each extension has its own position."""
    hdus = []
    for number, name in enumerate(names):
        fine = name.startswith("OVER")
        scale = factor if fine else 1
        x, y = 10 + 0.1 * number, 8 - 0.1 * number
        center = [(value + 0.5) * scale - 0.5 for value in (x, y)]
        hdu = (fits.ImageHDU if hdus else fits.PrimaryHDU)(0.9 * star((17 * scale, 21 * scale), *center, 1.1 * scale))
        hdu.header["EXTNAME"] = name
        hdu.header["OVERSAMP"] = (8 if fine else 1, "Oversampling factor for FFTs in computation")
        hdu.header["DET_SAMP"] = (factor, "Oversampling factor for MFT to detector plane")
        hdus.append(hdu)
    fits.HDUList(hdus).writeto(path)
    return path


class TestFile:
    def test_prefers_the_distorted_image_in_detector_pixels(self, tmp_path):
        template = PSFTemplate(stpsf_file(tmp_path / "psf.fits"))
        assert (template.source, template.hdu, template.oversample) == ("psf.fits", "DET_DIST", 1)
        assert template.origin == pytest.approx((10.3, 7.7), abs=1e-4)
        assert template.image.sum() == pytest.approx(1.0, abs=1e-14)
        assert template.describe()["source"] == "psf.fits"

    @pytest.mark.parametrize(
        ("names", "hdu", "oversample", "position"),
        [
            (("OVERSAMP", "DET_SAMP"), "DET_SAMP", 1, (10.1, 7.9)),
            (("OVERSAMP", "OVERDIST"), "OVERDIST", 4, (10.1, 7.9)),
            (("OVERSAMP",), "OVERSAMP", 4, (10.0, 8.0)),
        ],
    )
    def test_next_best(self, tmp_path, names, hdu, oversample, position):
        template = PSFTemplate(str(stpsf_file(tmp_path / "psf.fits", names)))
        assert (template.hdu, template.oversample) == (hdu, oversample)
        assert template.image.shape == (17, 21)
        assert template.origin == pytest.approx(position, abs=2e-3)

    @pytest.mark.parametrize("hdu", ["OVERSAMP", "oversamp", 0, -4])
    def test_chosen(self, tmp_path, hdu):
        template = PSFTemplate(stpsf_file(tmp_path / "psf.fits"), hdu=hdu)
        assert (template.hdu, template.oversample) == ("OVERSAMP", 4)
        assert template.origin == pytest.approx((10.0, 8.0), abs=2e-3)

    def test_other_files(self, tmp_path):
        image = star((17, 21), 10.2, 7.9)
        plain = tmp_path / "plain.fits"
        fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(image.astype(">f4"))]).writeto(plain)
        assert PSFTemplate(plain).origin == pytest.approx((10.2, 7.9), abs=1e-5)
        assert PSFTemplate(plain).hdu == 1
        for cards, factor in (({"OVERSAMP": 3}, 3), ({"OVERSAMP": 1, "DET_SAMP": 4}, 1), ({"DET_SAMP": 2}, 2)):
            hdu = fits.PrimaryHDU(np.kron(image, np.ones((factor, factor))))
            hdu.header.update(cards)
            path = tmp_path / f"{factor}.fits"
            hdu.writeto(path)
            template = PSFTemplate(path)
            assert template.oversample == factor
            np.testing.assert_allclose(template.image, image / image.sum(), rtol=1e-12)
            assert PSFTemplate(path, oversample=1).image.shape == hdu.data.shape

    def test_compressed(self, tmp_path):
        path = stpsf_file(tmp_path / "psf.fits")
        packed = tmp_path / "psf.fits.gz"
        packed.write_bytes(gzip.compress(path.read_bytes()))
        assert PSFTemplate(packed) == PSFTemplate(path)

    def test_missing_file(self, tmp_path):
        with pytest.raises(InputFileError, match=r"nowhere.fits: there is no such file") as caught:
            PSFTemplate(tmp_path / "nowhere.fits")
        assert caught.value.path == str(tmp_path / "nowhere.fits")

    def test_address_is_not_followed(self):
        with pytest.raises(InputFileError, match="there is no such file"):
            PSFTemplate("http://localhost/psf.fits")

    def test_directory(self, tmp_path):
        with pytest.raises(InputFileError, match="cannot be read"):
            PSFTemplate(tmp_path)

    @pytest.mark.parametrize("content", [b"", b"<html></html>", b"SIMPLE  =                    T"])
    def test_no_fits(self, tmp_path, content):
        path = tmp_path / "psf.fits"
        path.write_bytes(content)
        with pytest.raises(CorruptFileError, match=r"psf.fits: cannot be read as FITS"):
            PSFTemplate(path)

    def test_cut(self, tmp_path):
        path = stpsf_file(tmp_path / "psf.fits", ("DET_SAMP",))
        path.write_bytes(path.read_bytes()[:-2880])
        with pytest.raises(CorruptFileError, match=r"psf.fits: cannot be read as FITS"):
            PSFTemplate(path)

    def test_cut_in_a_later_header(self, tmp_path):
        # Else DET_SAMP would be taken for the DET_DIST that was there.
        path = stpsf_file(tmp_path / "psf.fits", ("DET_SAMP", "DET_DIST"))
        path.write_bytes(path.read_bytes()[:-3000])
        with pytest.raises(CorruptFileError, match=r"psf.fits: cannot be read as FITS"):
            PSFTemplate(path)

    @pytest.mark.parametrize("hdu", ["SCI", 7, 1.5])
    def test_no_such_extension(self, tmp_path, hdu):
        with pytest.raises(UnsupportedFileError, match=r"hdu: .* is not in it; it has 0 OVERSAMP, 1 DET_SAMP"):
            PSFTemplate(stpsf_file(tmp_path / "psf.fits", ("OVERSAMP", "DET_SAMP")), hdu=hdu)

    def test_no_image(self, tmp_path):
        path = tmp_path / "grid.fits"
        table = fits.BinTableHDU(np.zeros(3, dtype=[("x", float)]))
        fits.HDUList([fits.PrimaryHDU(np.ones((4, 5, 6))), table]).writeto(path)
        with pytest.raises(UnsupportedFileError, match=r"holds no image \(ny, nx\), but 0 PRIMARY \(4, 5, 6\); 1"):
            PSFTemplate(path)
        with pytest.raises(UnsupportedFileError, match=r"an array of shape \(4, 5, 6\) in extension 0"):
            PSFTemplate(path, hdu=0)
        with pytest.raises(UnsupportedFileError, match="holds no image in extension 1"):
            PSFTemplate(path, hdu=1)

    def test_bad_pixels(self, tmp_path):
        path = tmp_path / "psf.fits"
        fits.PrimaryHDU(np.full((5, 5), np.nan)).writeto(path)
        with pytest.raises(ValueError, match=r"^psf.fits: 25 of 25 pixels are not finite"):
            PSFTemplate(path)
