"""The method's notebook of 2016 as it was, for comparison only.

Each function repeats one step of the notebook with its faults, under the name of that
step, so that old results can be understood and new ones held against them. Nothing
else in the package uses this module: for dates there is `nircam_tso.julian`, for the
times of integrations `nircam_tso.timing`.

`load_fit_phot_time` and `loads_fits_phots_times` measure as the notebook did, each of
its faults being a switch in `NotebookFaults`; `compare` tells what every fault changes.
"""

from nircam_tso.notebook.comparison import Comparison, compare, matching_extractor
from nircam_tso.notebook.dates import fractional_year, is_leap_year, julian_date, row_jd
from nircam_tso.notebook.faults import NotebookFaults
from nircam_tso.notebook.table import load_fit_phot_time, loads_fits_phots_times

__all__ = [
    "Comparison",
    "NotebookFaults",
    "compare",
    "fractional_year",
    "is_leap_year",
    "julian_date",
    "load_fit_phot_time",
    "loads_fits_phots_times",
    "matching_extractor",
    "row_jd",
]
