"""The sky: its level per pixel, how sure that is, and which pixels tell."""

from nircam_tso.measure.background.estimate import estimate_background
from nircam_tso.measure.background.levels import MIN_PIXELS, BackgroundLevels, LineLevels
from nircam_tso.measure.background.lines import LineBackground, circle_chords, line_sum_error
from nircam_tso.measure.background.mesh import MeshBackground
from nircam_tso.measure.background.scalar import AnnulusBackground, FrameBackground
from nircam_tso.measure.background.settings import in_pixels

__all__ = [
    "MIN_PIXELS",
    "AnnulusBackground",
    "BackgroundLevels",
    "FrameBackground",
    "LineBackground",
    "LineLevels",
    "MeshBackground",
    "circle_chords",
    "estimate_background",
    "in_pixels",
    "line_sum_error",
]
