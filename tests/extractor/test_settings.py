"""Bad settings and bad sources: one clear error before any pixel is measured."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits

from nircam_tso import AnnulusBackground, EllipseShape, FrameBackground, TimeSeriesExtractor
from nircam_tso.exceptions import InputFileError, UnsupportedFileError

CUBE = np.random.default_rng(1).normal(10, 1, (3, 32, 48))


@pytest.mark.parametrize("radius", [0, -1, np.nan, np.inf, [3, 0]])
def test_radius_out_of_range(radius):
    with pytest.raises(ValueError, match="radi"):
        TimeSeriesExtractor(aperture_radii=radius)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"aperture_radii": [3, 3.0]}, "3 is there more than once"),
        ({"aperture_radii": []}, "aperture_radii: empty"),
        ({"aperture_radii": 3 * u.arcsec}, "arcsec"),
        ({"center": "middle"}, "center: 'middle'"),
        ({"ramp": "first"}, "ramp: 'first'"),
        ({"bad_pixels": "drop"}, "bad_pixels"),
        ({"cross_correlation": "fft"}, "cross_correlation"),
        ({"position": "here"}, "position: 'here'"),
        ({"position": (1, 2, 3)}, r"position: \(1, 2, 3\)"),
        ({"position": (np.nan, 2)}, "not finite"),
        ({"subframe_shape": (3, 21)}, "subframe_shape"),
        ({"subframe_shape": 2.5}, "subframe_shape"),
        ({"template_fwhm": 0}, "template_fwhm: 0.0"),
        ({"gain": 2.0}, "gain, read_noise"),
        ({"group_range": (3, 3)}, "group_range"),
        ({"group_range": "auto"}, "needs `saturation`"),
        ({"dq_bits": ["COLD"]}, "COLD"),
        ({"aperture_masks": {"a b": np.ones((3, 3), bool)}}, "'a b'"),
        ({"aperture_masks": {"a": np.ones((3, 3))}}, "give bool"),
        ({"centroid_mask": np.zeros((3, 3), bool)}, "centroid_mask"),
        ({"saturation": 0.0}, "saturation: give a positive"),
        ({"saturation": np.full((3, 3), np.nan)}, "saturation: give a positive"),
        ({"aperture_radii": None}, "aperture_radii: None"),
        ({"template_fwhm": 0.1 * u.arcsec}, "template_fwhm: 0.1 arcsec"),
        ({"aperture_masks": {"r3": np.ones((3, 3), bool)}}, "taken for a radius"),
        ({"aperture_masks": {"err_a": np.ones((3, 3), bool)}}, "taken for a radius"),
        ({"template": np.zeros((9, 9))}, "template: image: its sum is 0"),
        ({"flux_unit": "mag"}, "flux_unit: 'mag'"),
        ({"flux_unit": "electron"}, "needs `gain`"),
    ],
)
def test_settings_that_cannot_be(settings, words):
    with pytest.raises(ValueError, match=words):
        TimeSeriesExtractor(**settings)


def test_background_of_another_kind():
    with pytest.raises(TypeError, match="background: 3"):
        TimeSeriesExtractor(background=3)


@pytest.mark.parametrize("position", [(48.0, 3.0), (3.0, 32.0), (-1.0, 3.0), (3.0, -0.6)])
def test_position_outside_the_frame(position):
    with pytest.raises(ValueError, match="outside the frame of 32 x 48"):
        TimeSeriesExtractor(position=position).extract(CUBE)


def test_position_is_x_then_y():
    """(45, 3) lies in a frame of 32 rows and 48 columns, (3, 45) does not."""
    TimeSeriesExtractor(position=(45, 3)).extract(CUBE)
    with pytest.raises(ValueError, match="outside the frame"):
        TimeSeriesExtractor(position=(3, 45)).extract(CUBE)


def test_sky_position_without_wcs():
    with pytest.raises(ValueError, match="celestial WCS"):
        TimeSeriesExtractor(position=SkyCoord(10, 20, unit="deg")).extract(CUBE)


def test_sky_position_through_the_wcs():
    header = fits.Header()
    header.update(
        CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CRVAL1=30.0, CRVAL2=-20.0, CRPIX1=31.5, CRPIX2=15.0,
        CDELT1=-1e-5, CDELT2=1e-5,
    )  # fmt: skip
    y, x = np.indices((32, 48))
    image = np.exp(-((x - 30.5) ** 2 + (y - 14.0) ** 2) / 3)
    ts = TimeSeriesExtractor(position=SkyCoord(30.0, -20.0, unit="deg"), aperture_radii=[3]).extract(
        image, header=header
    )
    assert abs(ts["x_gauss"][0].value - 30.5) < 1e-5
    assert abs(ts["y_gauss"][0].value - 14.0) < 1e-5


def test_aperture_larger_than_the_frame():
    with pytest.raises(ValueError, match="1e\\+06 px reaches beyond"):
        TimeSeriesExtractor(aperture_radii=[3, 1e6]).extract(CUBE)


def test_sky_outside_the_frame():
    with pytest.raises(ValueError, match="background: AnnulusBackground.* has no pixel within the frame"):
        TimeSeriesExtractor(background=AnnulusBackground(500, 600)).extract(CUBE)


def test_group_steps_of_images():
    with pytest.raises(ValueError, match="holds finished images"):
        TimeSeriesExtractor(ramp="groups").extract(CUBE)


def test_saturation_of_images():
    with pytest.raises(ValueError, match="saturation: need ramps"):
        TimeSeriesExtractor(saturation=3e4).extract(CUBE)


def test_template_that_is_not_there():
    with pytest.raises(InputFileError, match='template: foo: .*"median"'):
        TimeSeriesExtractor(template="foo")


def test_arguments_of_another_kind():
    with pytest.raises(TypeError, match="aperture_masks: a ndarray"):
        TimeSeriesExtractor(aperture_masks=np.ones((3, 3), bool))
    with pytest.raises(TypeError, match="executor: 3"):
        TimeSeriesExtractor().extract(CUBE, executor=3)
    with pytest.raises(TypeError, match="progress: 3"):
        TimeSeriesExtractor().extract(CUBE, progress=3)


def test_quantities_are_converted():
    extractor = TimeSeriesExtractor(row_reset_time=20 * u.ms, gain=2 * u.electron / u.DN, read_noise=10 * u.electron)
    assert (extractor.row_reset_time, extractor.gain, extractor.read_noise) == (0.02, 2.0, 10.0)


def test_mask_of_another_shape():
    extractor = TimeSeriesExtractor(aperture_masks={"a": np.ones((48, 32), bool)})
    with pytest.raises(ValueError, match=r"aperture_masks\['a'\]: has shape \(48, 32\)"):
        extractor.extract(CUBE)


def test_ramp_with_one_group():
    with pytest.raises(ValueError, match="holds 1 group"):
        TimeSeriesExtractor().extract(CUBE[:, None])


def test_group_range_beyond_the_ramp():
    with pytest.raises(ValueError, match="group_range"):
        TimeSeriesExtractor(group_range=(0, 4)).extract(np.ones((2, 4, 32, 48)))


def test_missing_file(tmp_path):
    with pytest.raises(InputFileError, match=r"nothing\.fits"):
        TimeSeriesExtractor().extract(tmp_path / "nothing.fits")


def test_empty_list():
    with pytest.raises(ValueError, match="empty list"):
        TimeSeriesExtractor().extract([])


def test_unknown_format(tmp_path):
    path = tmp_path / "page.fits"
    path.write_text("<!DOCTYPE html><html><body>not found</body></html>")
    with pytest.raises((UnsupportedFileError, InputFileError), match=r"page\.fits"):
        TimeSeriesExtractor().extract(path)


def test_block_size():
    with pytest.raises(ValueError, match="block_size: 0"):
        TimeSeriesExtractor().extract(CUBE, block_size=0)


def test_settings_are_frozen_and_described():
    import json
    from dataclasses import FrozenInstanceError

    extractor = TimeSeriesExtractor(aperture_radii=4, background=FrameBackground(exclude_radius=9))
    with pytest.raises(FrozenInstanceError):
        extractor.center = "fixed"
    described = json.loads(json.dumps(extractor.describe()))
    assert described["aperture_radii"] == [4.0]
    assert described["background"]["exclude_radius"] == 9


def test_radii_as_quantity():
    assert TimeSeriesExtractor(aperture_radii=[3, 5] * u.pix).aperture_radii == (3.0, 5.0)


def test_one_number_makes_a_square():
    assert TimeSeriesExtractor(subframe_shape=15).subframe_shape == (15, 15)


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"aperture_radii": [[3, 5]]}, ValueError, r"aperture_radii: has shape \(1, 2\); give a number or a flat list"),
        ({"aperture_masks": {"a": np.zeros((3, 3), bool)}}, ValueError, "aperture_masks: 'a' holds no pixel"),
        ({"aperture_shapes": [EllipseShape(5, 3)]}, TypeError, "aperture_shapes: a list; give a dict of name to shape"),
        (
            {"aperture_shapes": {"a": EllipseShape(5, 3)}, "aperture_masks": {"a": np.ones((3, 3), bool)}},
            ValueError,
            "aperture_shapes: 'a' is a name in aperture_masks too",
        ),
        ({"group_range": "all"}, ValueError, "group_range: 'all' is not \"auto\" or"),
        ({"group_range": (1, 2, 3)}, ValueError, r"group_range: \(1, 2, 3\) is not"),
    ],
)
def test_more_settings_that_cannot_be(settings, error, words):
    with pytest.raises(error, match=words):
        TimeSeriesExtractor(**settings)


def test_numbers_of_numpy_are_described_as_numbers():
    import json

    described = TimeSeriesExtractor(bounds={"theta": (np.float32(-0.5), np.int64(1))}, template_fwhm=np.float32(2.5))
    described = json.loads(json.dumps(described.describe()))
    assert (described["bounds"]["theta"], described["template_fwhm"]) == ([-0.5, 1], 2.5)


def test_no_pixel_to_look_for_the_brightest_star_in():
    with pytest.raises(InputFileError, match="there is no good pixel in which to look for the star"):
        TimeSeriesExtractor(position="brightest").extract(np.full((3, 32, 48), np.nan))
