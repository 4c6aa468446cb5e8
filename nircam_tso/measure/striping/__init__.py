"""1/f noise: levels that the pixels of a row, a column or an output's part of a row have in common.

Read in the order lines (which pixels belong together), terms (their levels, and how
they are taken off), remaining (what is left of them in a sum of pixels).
"""

from nircam_tso.measure.striping.lines import Lines, ReadoutLayout, striping_lines, subtract_terms
from nircam_tso.measure.striping.remaining import (
    LineVariance,
    Variograms,
    level_scatter,
    line_noise,
    line_variance,
    noise_variograms,
)
from nircam_tso.measure.striping.terms import (
    MIN_FREE,
    Residuals,
    StripingModel,
    StripingTerms,
    correct_groups,
    fit_striping,
    group_differences,
    image_residuals,
    remaining_variance,
    series_residuals,
    striping_terms,
)

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
    "group_differences",
    "image_residuals",
    "level_scatter",
    "line_noise",
    "line_variance",
    "noise_variograms",
    "remaining_variance",
    "series_residuals",
    "striping_lines",
    "striping_terms",
    "subtract_terms",
]
