"""
Ground data, for users of the notebook
======================================

The method began as a notebook of 2016 for NIRCam's ground tests. For those who used it: the
same input, where each of its columns has gone, and how far its numbers were right.
"""

# %%
# Ramps of a ground test
# ----------------------
#
# NCDHAS writes a file for each integration. A ``.red`` file holds a ramp of groups, a ``.slp``
# file a slope. Here are 24 ramps of three groups of a star that lies some pixels from the
# middle of the frame, as it did then.

from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np

from nircam_tso import TimeSeriesExtractor, aperture_photometry
from nircam_tso.notebook import compare, loads_fits_phots_times
from nircam_tso.simulate import simulate_exposure

folder = TemporaryDirectory()
simulation = simulate_exposure(
    folder.name,
    format="ncdhas",
    product="red",
    n_integrations=24,
    shape=(96, 96),
    position=(50.2, 47.6),
    stddev=0.87,
    pixel_integrated=True,
    flux=6e3,
    n_groups=3,
    frame_time=10.737,
    sky=1.0,
    jitter=0.02,
    start="2016-02-18T23:58:00",
)
print(simulation.paths[0].name)

# %%
# In one call
# -----------
#
# The notebook's loop over files is `~nircam_tso.TimeSeriesExtractor.extract`. The last group
# less the first and apertures about the Gaussian centre are the defaults. An extractor with all
# of the notebook's settings comes from `~nircam_tso.notebook.matching_extractor`.

extractor = TimeSeriesExtractor(aperture_radii=[3, 5])
ts = extractor.extract(folder.name)
print(f"{len(ts)} rows in {ts['background'].unit}, exposure time {ts['exposure_time'][0]:.2f}")

# %%
# The table keyed by the radius, as in the notebook:

phot = aperture_photometry(ts)
print(phot[[3.0, 5.0]].head(3).round(1))

# %%
# Where each of the notebook's columns is now:
#
# =========================  =============================================
# notebook                   here
# =========================  =============================================
# ``time``                   ``time``, ``time_bjd``, `~astropy.time.Time`
# ``sky background``         ``background``
# ``cross corr x center``    ``x_cc``, and y
# ``gaussian x center``      ``x_gauss``, and y
# ``gaussian amplitude``     ``amplitude``
# ``gaussian x width``       ``x_stddev``, and y
# ``aperture phot 3.0``      ``aperture_sum_r3``
# ``filename``               `filenames(ts) <nircam_tso.filenames>`
# =========================  =============================================
#
# Each has an error beside it, which the notebook had not, and each row its quality bits.
# Positions are (x, y).
#
# Past midnight
# -------------
#
# The exposure begins two minutes before midnight. Headers tell its beginning and its end, and
# each integration lies in the middle of its share of the time between:

print(f"{ts['time'][0].isot} to {ts['time'][-1].isot}")
print(f"from {ts.meta['time_source']}")
print(f"largest error {np.abs((ts['time'] - simulation.truth['time']).sec).max():.4f} s")

# %%
# What the notebook would have said
# ---------------------------------
#
# `nircam_tso.notebook` keeps the old method with its faults, each a switch. Measured in the old
# way, the same star has lost much of its light, because the aperture's centre was handed over
# as (y, x):

old = loads_fits_phots_times(simulation.paths, aperrad=[3])
new = ts["aperture_sum_r3"].value
light = old["aperture phot 3.0"]
print(f"median sum within 3 px: notebook {light.median():.0f}, here {np.median(new):.0f}")
spread = light.std() / light.median(), new.std(ddof=1) / np.median(new)
print(f"relative scatter: notebook {spread[0]:.3f}, here {spread[1]:.4f}")

# %%
# Its series runs backwards in time, because TIME-END was taken on the day of DATE-OBS:

steps = old["time"].diff().median() * 86400, (ts["time"][1] - ts["time"][0]).sec
print(f"from row to row {steps[0]:.0f} s, here {steps[1]:.2f} s")

# %%
# `~nircam_tso.notebook.compare` tells what every fault changes by itself, and draws it:

comparison = compare(simulation.paths, aperrad=[3])
comparison.plot()

# %%
figure, axis = plt.subplots(figsize=(7, 3.4), layout="constrained")
seconds = (ts["time"] - ts["time"][0]).sec
axis.plot(seconds, light / light.median(), "s-", mfc="none", label="notebook")
axis.plot(seconds, new / np.median(new), "o-", label="here")
axis.set(xlabel="seconds", ylabel="relative flux, r = 3 px")
axis.legend()

# %%
# :doc:`/notebook` lists the faults one by one.

folder.cleanup()
plt.show()
