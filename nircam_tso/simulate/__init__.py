"""Synthetic exposures with known truth, as files of JWST or of NCDHAS.

`simulate_exposure` writes a star of known brightness, position and PSF, with
noise, and returns and saves what it put in. `transit_light_curve` gives it a
planet, `weak_lens_psf` the image of a weak lens.
"""

from nircam_tso.simulate.exposure import DEMO_TRANSIT, Simulation, demo_exposure, simulate_exposure
from nircam_tso.simulate.light_curve import occulted_flux, projected_separation, transit_light_curve
from nircam_tso.simulate.psf import gaussian_psf, segmented_pupil, weak_lens_psf
from nircam_tso.simulate.readout import Readout
from nircam_tso.simulate.settings import SimulationSettings

__all__ = [
    "DEMO_TRANSIT",
    "Readout",
    "Simulation",
    "SimulationSettings",
    "demo_exposure",
    "gaussian_psf",
    "occulted_flux",
    "projected_separation",
    "segmented_pupil",
    "simulate_exposure",
    "transit_light_curve",
    "weak_lens_psf",
]
