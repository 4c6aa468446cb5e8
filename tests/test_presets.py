"""Settings by filter, pupil and subarray."""

import numpy as np
import pytest

from nircam_tso.presets import choose_preset


def test_focused():
    preset = choose_preset({"TELESCOP": "JWST", "INSTRUME": "NIRCAM", "FILTER": "F444W", "PUPIL": "CLEAR"}, (64, 64))
    assert preset.name == "focused"
    assert preset.settings["aperture_radii"] == [3, 5, 8]
    assert (preset.settings["background"].inner, preset.settings["background"].outer) == (12, 20)
    assert preset.settings["center"] == "median"


@pytest.mark.parametrize("wheel", ["FILTER", "PUPIL"])
def test_weak_lens_in_either_wheel(wheel):
    preset = choose_preset({"INSTRUME": "NIRCAM", wheel: "WLP8 "}, (256, 256))
    assert preset.name == "weak-lens-8"
    assert preset.settings["subframe_shape"] == (181, 181)
    assert min(preset.settings["aperture_radii"]) == 60
    assert max(preset.settings["aperture_radii"]) == 90
    assert preset.settings["background"].inner >= 85
    # A median of a sky into which the wings reach would not dim as the star does.
    assert preset.settings["background"].estimator == "mean"
    assert preset.settings["background"].sigma_clip.sigma == 5.0


def test_four_waves_are_half_the_size_of_eight():
    eight = choose_preset({"INSTRUME": "NIRCAM", "PUPIL": "WLP8"}, (256, 256)).settings
    four = choose_preset({"INSTRUME": "NIRCAM", "PUPIL": "WLP4"}, (256, 256)).settings
    assert four["aperture_radii"] == [r / 2 for r in eight["aperture_radii"]]
    assert four["background"].outer == eight["background"].outer / 2


@pytest.mark.parametrize(
    ("wheels", "name"),
    [
        ({"PUPIL": "WLM8"}, "weak-lens-8"),
        ({"FILTER": "WLP4", "PUPIL": "WLM8"}, "weak-lens-4"),
        ({"FILTER": "WLP4", "PUPIL": "WLP8"}, "weak-lens-12"),
    ],
)
def test_waves_add_up(wheels, name):
    assert choose_preset({"INSTRUME": "NIRCAM", **wheels}, (400, 400)).name == name


def test_frame_that_the_light_fills():
    preset = choose_preset({"INSTRUME": "NIRCAM", "PUPIL": "WLP8", "SUBARRAY": "SUB64P"}, (64, 60))
    assert preset.name == "weak-lens-frame"
    assert preset.settings["background"] is None
    assert np.array_equal(preset.settings["aperture_masks"]["frame"], np.ones((64, 60), bool))
    assert "SUB64P" in preset.reason


def test_unknown_header_has_no_settings():
    assert choose_preset({}, (32, 32)).settings == {}
