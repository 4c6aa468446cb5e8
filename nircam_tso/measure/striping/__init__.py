"""1/f noise: levels that the pixels of a row, a column or an output's part of a row have in common.

Read in the order lines (which pixels belong together), residuals (images less all else),
terms (the lines' levels, and how they are taken off), variograms (what pixels have in
common), remaining (what is left of it in a sum of pixels).
"""

from nircam_tso.measure.striping.lines import Lines, ReadoutLayout, striping_lines, subtract_terms
from nircam_tso.measure.striping.remaining import LineVariance, level_scatter, line_variance
from nircam_tso.measure.striping.residuals import (
    Residuals,
    free_residuals,
    image_levels,
    image_residuals,
    series_residuals,
)
from nircam_tso.measure.striping.terms import (
    MIN_FREE,
    StripingModel,
    StripingTerms,
    correct_groups,
    fit_striping,
    group_differences,
    remaining_variance,
    striping_terms,
)
from nircam_tso.measure.striping.variograms import Variograms, noise_variograms

__all__ = [
    "MIN_FREE",
    "LineVariance",
    "Lines",
    "ReadoutLayout",
    "Residuals",
    "StripingModel",
    "StripingTerms",
    "Variograms",
    "correct_groups",
    "fit_striping",
    "free_residuals",
    "group_differences",
    "image_levels",
    "image_residuals",
    "level_scatter",
    "line_variance",
    "noise_variograms",
    "remaining_variance",
    "series_residuals",
    "striping_lines",
    "striping_terms",
    "subtract_terms",
]
