"""When each integration happened: header cards and INT_TIMES into `~astropy.time.Time`.

Four sources, in order of trust: INT_TIMES joined by integration number, the
readout keywords, DATE-OBS with TIME-OBS and TIME-END (or DATE-END), DATE-OBS or
MJD-OBS with EXPTIME. Nothing here ever uses the network.
"""

from nircam_tso.timing.clock import offline
from nircam_tso.timing.readout import Readout, nircam_frame_time
from nircam_tso.timing.times import Times, exposure_times

__all__ = ["Readout", "Times", "exposure_times", "nircam_frame_time", "offline"]
