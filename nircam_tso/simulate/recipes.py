"""Settings by name, from files, and from words: what a person in a shell writes."""

from __future__ import annotations

import math
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from astropy import units as u
from astropy.time import Time

from nircam_tso.exceptions import InputFileError
from nircam_tso.presets import defocus_waves
from nircam_tso.simulate.effects import TiltEvent, as_effect
from nircam_tso.simulate.light_curve import eclipse_light_curve, transit_light_curve
from nircam_tso.simulate.readout import row_reset_time_of
from nircam_tso.simulate.settings import SimulationSettings
from nircam_tso.simulate.tilt import wavelength_of
from nircam_tso.simulate.weak_lens import weak_lens_psf

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike
    from typing import Any

__all__ = ["SIMULATION_PRESETS", "read_recipe", "settings_from"]

#: What all exposures in flight have: a pointing that holds to 1 mas, noise, cosmic rays, full wells.
_FLIGHT = {
    "jitter": "1 mas",
    "read_noise": 11.0,
    "correlated_noise": 3.0,
    "saturation": 8e4,
    "row_reset_time": "rule",
    "cosmic_rays": {},
    "dead_fraction": 0.002,
    "pixels": {"hot_fraction": 0.001, "response_scatter": 0.001, "reference": True},
    "product": "rateints",
    "psf": "model",
}
_LONG = {**_FLIGHT, "detector": "NRCBLONG", "filter": "F444W", "gain": 1.8}
_LENS = {**_FLIGHT, "filter": "F210M", "pupil": "WLP8", "n_groups": 5}

#: Subarrays of NIRCam's time series as they are used, with their frame, reset and row-reset times.
SIMULATION_PRESETS = {
    "sub64p": {**_LONG, "shape": (64, 64), "n_groups": 10, "flux": 1e6, "n_integrations": 500},
    "sub160p": {**_LONG, "shape": (160, 160), "n_groups": 8, "flux": 2.5e5, "n_integrations": 300},
    "sub400p": {**_LENS, "detector": "NRCB1", "shape": (400, 400), "flux": 2e7, "n_integrations": 60},
    "subgrism256-wlp8": {
        **_LENS,
        "detector": "NRCA3",
        "shape": (256, 2048),
        "position": (1290.3, 131.6),
        "flux": 2e7,
        "n_integrations": 20,
    },
    "subgrism256-wlp8-1": {
        **_LENS,
        "detector": "NRCA3",
        "shape": (256, 2048),
        "position": (1290.3, 131.6),
        "outputs": 1,
        "flux": 5e6,
        "n_integrations": 20,
    },
    "fullp": {
        **_LONG,
        "shape": (2048, 2048),
        "position": (322.4, 319.7),
        "n_groups": 4,
        "flux": 4e3,
        "n_integrations": 4,
    },
}

#: The planet of a transit of which only the depth is told.
_PLANET = {"a_rs": 12.6, "inclination": 88.9, "limb_darkening": (0.15, 0.15)}


def read_recipe(path: str | PathLike[str]) -> dict[str, Any]:
    """
    Read settings from a TOML file.

    Parameters
    ----------
    path : path-like
        The file. Its keys are the parameters of `SimulationSettings` and those of
        `settings_from`.

    Returns
    -------
    dict

    Raises
    ------
    `~nircam_tso.exceptions.InputFileError`
        If the file is missing or is no TOML.

    Examples
    --------
    >>> from nircam_tso.simulate.recipes import read_recipe
    >>> read_recipe("nowhere.toml")
    Traceback (most recent call last):
        ...
    nircam_tso.exceptions.InputFileError: nowhere.toml: cannot be read (No such file or directory)
    """
    try:
        with Path(path).open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise InputFileError(f"cannot be read ({error.strerror or error})", path=path) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputFileError(f"is no TOML file ({error})", path=path) from error


def settings_from(values: Mapping[str, Any]) -> SimulationSettings:
    """
    Settings out of what can be written in a file.

    Parameters
    ----------
    values : mapping
        Parameters of `SimulationSettings`; those that are given win over those of the
        preset. Beside them:

        ``preset`` : name out of `SIMULATION_PRESETS`.

        ``psf`` : ``"model"`` for the Fourier model of the telescope, with the filter's
        wavelength and the weak lens that FILTER and PUPIL name, and with diffraction behind
        a tilt too; ``"weak-lens"`` for eight
        waves of defocus whatever they name; or the path of a FITS file.

        ``row_reset_time`` : ``"rule"`` for what the subarray's size makes it.

        ``transit``, ``eclipse`` : mappings of the parameters of `transit_light_curve` and
        `eclipse_light_curve`. ``t0``, a UTC date, is the middle of the exposure if it is
        not given; the transit of an unnamed planet (no ``period``) lasts 0.4 of the exposure.

    Returns
    -------
    SimulationSettings

    Raises
    ------
    ValueError
        For an unknown preset or parameter, or one out of range.

    Examples
    --------
    >>> from nircam_tso.simulate import settings_from
    >>> settings = settings_from({"preset": "sub64p", "n_integrations": 5, "transit": {"depth": 0.01}})
    >>> settings.subarray, settings.frame_time, settings.readout.row_reset_time, settings.n_integrations
    ('SUB64P', 0.05016, 0.00304, 5)
    """
    values = dict(values)
    name = values.pop("preset", None)
    if name is not None:
        if name not in SIMULATION_PRESETS:
            raise ValueError(f"preset: {name!r} is none of {', '.join(SIMULATION_PRESETS)}")
        values = {**SIMULATION_PRESETS[name], **values}
    curves = {kind: values.pop(kind) for kind in ("transit", "eclipse") if values.get(kind) is not None}
    psf = values.pop("psf", None)
    rule = values.get("row_reset_time") == "rule"
    if rule:
        del values["row_reset_time"]
    for key in values:
        if key not in SimulationSettings.__dataclass_fields__ or key in ("readout", "psf"):
            raise ValueError(f"{key}: there is no such setting of a simulation")
    if isinstance(psf, str):
        psf, values = _image(psf, values)
    settings = SimulationSettings(**values, psf=psf)
    if rule:
        settings = settings.changed(row_reset_time=row_reset_time_of(settings.shape, settings.outputs))
    if curves:
        settings = settings.changed(light_curve=_LightCurve(settings, curves))
    return settings


def _image(psf, values):
    """The star's image that a word or a path tells, and the settings that go with it."""
    if psf in ("model", "weak-lens"):
        # Effects are looked at in detector pixels, whatever the image is made of.
        plain = SimulationSettings(
            **{key: values[key] for key in ("shape", "detector", "filter", "pupil") if key in values}
        )
        waves = 8.0 if psf == "weak-lens" else float(defocus_waves(plain.filter, plain.pupil))
        fine = int(values.get("psf_oversample", 1))
        size = 64 * math.ceil(1 + abs(waves) * 0.35) + 1
        wavelength = wavelength_of(plain.filter)
        shape = tuple(min(size, 2 * n + 1) * fine for n in plain.shape)
        optics = {"wavelength": wavelength, "waves": waves, "pixel_scale": plain.pixel_scale / fine}
        tilt = as_effect(TiltEvent, "tilt", values.get("tilt"))
        if tilt is not None and tilt.psf is None:
            shift = (fine * way for way in tilt.shift)
            tilt = replace(tilt, psf=weak_lens_psf(shape, tilt=(tilt.segment, *shift), **optics))
            values = {**values, "tilt": tilt}
        return weak_lens_psf(shape, **optics), values
    from nircam_tso.measure.psf_file import read_psf
    from nircam_tso.measure.templates import PSFTemplate

    pixels = values.get("pixels") or {}
    intra = pixels.get("intra_pixel", 0.0) if isinstance(pixels, dict) else pixels.intra_pixel
    if not intra:
        return PSFTemplate(psf), values
    # Only a finer image tells where in a pixel the light falls.
    image, _, fine = read_psf(psf, "OVERSAMP")
    return image, {**values, "psf_oversample": fine}


class _LightCurve:
    """Transit and eclipse of one planet, around the middle of an exposure if not told otherwise."""

    def __init__(self, settings, curves):
        self._parts = []
        span = settings.readout.span(settings.n_integrations)
        for kind, given in curves.items():
            planet = {**_PLANET, **given} if kind == "transit" else {**_without_limb(_PLANET), **given}
            depth = planet.get("depth")
            if depth is not None and not 0 < depth < 0.5:
                raise ValueError(f"{kind}: depth {depth} is not between 0 and 0.5")
            # The star's diameter is 1 / (pi a/R) of the orbit: the period follows from the duration.
            planet.setdefault("period", 0.4 * span / 86400 * math.pi * planet["a_rs"])
            t0 = planet.pop("t0", None)
            planet["t0"] = settings.start + span / 2 * u.s if t0 is None else Time(t0, scale="utc")
            if kind == "eclipse" and t0 is None:
                # Its own t0 is that of the transit, half a period off.
                planet["t0"] = planet["t0"] - planet["period"] / 2 * u.day
            self._parts.append((transit_light_curve if kind == "transit" else eclipse_light_curve, planet))
        try:
            self(settings.start)
        except TypeError as error:
            raise ValueError(f"{' or '.join(curves)}: {error}") from error

    def __call__(self, time):
        flux = 1.0
        for curve, planet in self._parts:
            flux = flux * curve(time, **planet)
        return flux


def _without_limb(planet):
    return {name: value for name, value in planet.items() if name != "limb_darkening"}
