"""Synthetic exposures with known truth, as files of JWST or of NCDHAS.

`simulate_exposure` writes a star of known brightness, position and PSF, with
noise, and returns and saves what it put in. `transit_light_curve` gives it a
planet, `weak_lens_psf` the image of a weak lens; `CosmicRays`, `TiltEvent` and their
like are what may befall it. `settings_from` takes all of it from presets and files.
"""

from nircam_tso.simulate.effects import CosmicRays, PixelDefects, ResetEffects, Settling, TiltEvent
from nircam_tso.simulate.exposure import DEMO_TRANSIT, Simulation, demo_exposure, simulate_exposure
from nircam_tso.simulate.gaussian import gaussian_psf
from nircam_tso.simulate.light_curve import (
    eclipse_light_curve,
    occulted_flux,
    projected_separation,
    transit_light_curve,
)
from nircam_tso.simulate.readout import Readout
from nircam_tso.simulate.recipes import SIMULATION_PRESETS, read_recipe, settings_from
from nircam_tso.simulate.settings import SimulationSettings
from nircam_tso.simulate.weak_lens import segmented_pupil, weak_lens_psf

__all__ = [
    "DEMO_TRANSIT",
    "SIMULATION_PRESETS",
    "CosmicRays",
    "PixelDefects",
    "Readout",
    "ResetEffects",
    "Settling",
    "Simulation",
    "SimulationSettings",
    "TiltEvent",
    "demo_exposure",
    "eclipse_light_curve",
    "gaussian_psf",
    "occulted_flux",
    "projected_separation",
    "read_recipe",
    "segmented_pupil",
    "settings_from",
    "simulate_exposure",
    "transit_light_curve",
    "weak_lens_psf",
]
