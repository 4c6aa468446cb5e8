"""Settings by filter, pupil and subarray."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["Preset", "choose_preset", "defocus_waves"]


@dataclass(frozen=True)
class Preset:
    """
    Settings for one kind of observation.

    Attributes
    ----------
    name : str
        Name that the product's metadata records.
    reason : str
        One line that says what the choice rests on.
    settings : dict
        Keywords of `~nircam_tso.TimeSeriesExtractor`.

    Examples
    --------
    >>> from nircam_tso.presets import choose_preset
    >>> choose_preset({"INSTRUME": "NIRCAM", "FILTER": "F210M"}, (160, 160)).settings["aperture_radii"]
    [3, 5, 8]
    """

    name: str
    reason: str
    settings: dict = field(default_factory=dict)


def defocus_waves(filter_name: str, pupil: str) -> int:
    """
    Waves of defocus of the weak lenses in the two wheels.

    Parameters
    ----------
    filter_name, pupil : str
        FILTER and PUPIL.

    Returns
    -------
    int
        What plus and minus lenses add up to; 0 without a weak lens.

    Examples
    --------
    >>> from nircam_tso.presets import defocus_waves
    >>> defocus_waves("F210M", "WLP8"), defocus_waves("WLP4", "WLM8"), defocus_waves("F210M", "CLEAR")
    (8, -4, 0)
    """
    wheels = {filter_name.upper(), pupil.upper()}
    return sum(
        sign * power * (f"WL{letter}{power}" in wheels) for letter, sign in (("P", 1), ("M", -1)) for power in (4, 8)
    )


def choose_preset(header: Mapping[str, Any], shape: tuple[int, int]) -> Preset:
    """
    Choose settings for an exposure.

    Parameters
    ----------
    header : mapping
        Header with FILTER, PUPIL and SUBARRAY, as far as they are there.
    shape : tuple of int
        (ny, nx) of one image.

    Returns
    -------
    Preset
        ``"weak-lens-8"`` and ``"weak-lens-4"`` where a weak lens spreads the light to a
        hexagon about 135 or 68 px across, ``"weak-lens-frame"`` where it fills a frame
        that is too small for sky, ``"focused"`` for NIRCam imaging, ``"default"`` (no
        settings) for all else.

    Examples
    --------
    >>> from nircam_tso.presets import choose_preset
    >>> choose_preset({"INSTRUME": "NIRCAM", "PUPIL": "WLP8"}, (256, 256)).name
    'weak-lens-8'
    >>> choose_preset({"INSTRUME": "NIRCAM", "PUPIL": "WLP8"}, (64, 64)).name
    'weak-lens-frame'
    """
    from nircam_tso.measure.background import AnnulusBackground

    def card(name):
        return str(header.get(name, "")).strip().upper()

    seen = ", ".join(f"{name} {card(name)}" for name in ("FILTER", "PUPIL", "SUBARRAY") if card(name))
    waves = defocus_waves(card("FILTER"), card("PUPIL"))
    # The sign of the defocus does not matter.
    if waves != 0:
        # Sizes scale with the defocus: eight waves spread the light twice as far as four.
        scale = abs(waves) / 8
        if min(shape) < 150 * scale:
            settings: dict[str, Any] = {
                "aperture_radii": [],
                "aperture_masks": {"frame": np.ones(shape, bool)},
                "subframe_shape": tuple(shape),
                "background": None,
                "template": "median",
                "center": "fixed",
            }
            return Preset("weak-lens-frame", f"{seen}: the light fills the frame of {shape[0]} x {shape[1]}", settings)
        from astropy.stats import SigmaClip

        size = 2 * round(90 * scale) + 1
        # The star's wings reach into the sky. Their mean dims as the star does; their median
        # does less, and part of a transit would stay in the sky.
        sky = {"estimator": "mean", "sigma_clip": SigmaClip(5.0, maxiters=5)}
        settings = {
            "aperture_radii": [scale * radius for radius in (60, 70, 80, 90)],
            "subframe_shape": (size, size),
            "background": AnnulusBackground(92 * scale, 120 * scale, **sky),
            "template": "median",
            "center": "median",
        }
        return Preset(f"weak-lens-{abs(waves)}", f"{seen}: {abs(waves)} waves of defocus", settings)
    if card("INSTRUME") == "NIRCAM" or card("TELESCOP") == "JWST":
        settings = {
            "aperture_radii": [3, 5, 8],
            "background": AnnulusBackground(12, 20),
            "center": "median",
        }
        return Preset("focused", f"{seen or 'JWST'}: focused imaging", settings)
    return Preset("default", "no NIRCam header: the extractor's defaults")
