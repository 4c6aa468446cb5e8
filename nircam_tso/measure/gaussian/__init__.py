"""Two-dimensional Gaussian fits, a whole block of star images at once."""

from nircam_tso.measure.gaussian.fits import GaussianFits, fit_gaussians
from nircam_tso.measure.gaussian.model import evaluate_gaussians

__all__ = ["GaussianFits", "evaluate_gaussians", "fit_gaussians"]
