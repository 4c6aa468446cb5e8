"""Numbers that tell how good a light curve is."""

from nircam_tso.inspect.statistics.aperture import BestAperture, best_aperture
from nircam_tso.inspect.statistics.averaging import AllanCurve, allan
from nircam_tso.inspect.statistics.binning import bin  # noqa: A004
from nircam_tso.inspect.statistics.budget import correlation, photon_noise, summary
from nircam_tso.inspect.statistics.noise import Scatter, normalize, scatter

__all__ = [
    "AllanCurve",
    "BestAperture",
    "Scatter",
    "allan",
    "best_aperture",
    "bin",
    "correlation",
    "normalize",
    "photon_noise",
    "scatter",
    "summary",
]
