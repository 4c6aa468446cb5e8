"""The policy of times: which source is trusted for which integration."""

import math
import re
from dataclasses import dataclass

import numpy as np
from astropy.time import Time

from nircam_tso.exceptions import TimeMetadataError
from nircam_tso.quality import QualityFlag
from nircam_tso.timing.barycentre import barycentric_times, prefer_table
from nircam_tso.timing.cards import describe, number, text, whole
from nircam_tso.timing.clock import MJD_ZERO, Moment, tai_to_time, time_to_tai, warn_if_expired
from nircam_tso.timing.header_dates import date_and_time, end_of_exposure, mjd_card, start_of_exposure
from nircam_tso.timing.int_times import join_int_times
from nircam_tso.timing.readout import ROW_RESET_LIMIT, Readout

__all__ = ["Times", "exposure_times"]
