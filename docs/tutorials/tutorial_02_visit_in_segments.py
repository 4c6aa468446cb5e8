"""
A JWST visit of three segments
==============================

A long exposure comes from the archive as several files, *segments*, and a visit's folder holds
those of several detectors. How such a folder is read as one series, which times its rows get,
and what happens when a segment is missing.
"""

# %%
# The folder
# ----------
#
# Two detectors have watched the same star, one in each channel: 90 integrations in three
# segments each.

from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u

from nircam_tso import QualityFlag, TimeSeriesExtractor, filenames
from nircam_tso.exceptions import SegmentError
from nircam_tso.simulate import Settling, simulate_exposure

folder = TemporaryDirectory()
visit = Path(folder.name) / "visit"
common = {
    "product": "calints",
    "n_integrations": 90,
    "segments": 3,
    "n_groups": 40,
    "jitter": "1 mas",
}
truth = simulate_exposure(
    visit, detector="NRCBLONG", filter="F444W", flux=2e6, settling=Settling(5e-3, 60), **common
).truth
simulate_exposure(visit, detector="NRCB1", filter="F210M", flux=1e5, seed=2, **common)
for path in sorted(visit.glob("*.fits")):
    print(path.name)

# %%
# Choosing an exposure
# --------------------
#
# A series is that of one detector. Where a folder holds more, the error lists what there is,
# and how each is selected:

extractor = TimeSeriesExtractor(aperture_radii=[5], center="median")
try:
    extractor.extract(visit)
except SegmentError as error:
    print(error)

# %%
# From a shell ``nircam-tso info visit/`` prints the same list without reading any pixels. Here
# we take the long-wave detector. The segments are put in order by the numbers in their headers,
# whatever the files are called.

ts = extractor.extract(visit, select={"detector": "NRCBLONG"})
names = filenames(ts)
for name in dict.fromkeys(names):
    numbers = ts["integration"][names == name]
    print(f"{name}: integrations {numbers[0]} to {numbers[-1]}")

# %%
# Times
# -----
#
# Rows take their times from the table INT_TIMES of the files, joined by the integration's
# number. ``meta`` says so, and how far the times can be trusted; the spacecraft's clock is not
# known to better than 0.1 s. ``time`` is UTC at the observatory, ``time_bjd`` TDB at the
# barycentre of the solar system: the time by which transits are compared.

print(f"times from {ts.meta['time_source']}, accurate to {ts.meta['time_accuracy']:.1f} s")
cadence = (ts["time"][1:] - ts["time"][:-1]).to(u.s)
print(f"cadence {cadence.min():.4f} to {cadence.max():.4f}, no step between segments")
early = (ts["time_bjd"].tdb - ts["time"].tdb).to(u.s)
print(f"light reaches the barycentre {early[0]:.3f} later, at the end {early[-1]:.3f}")
wrong = (ts["time_bjd"] - truth["time_bjd"]).to(u.ms)
print(f"largest difference from the simulation's own times {abs(wrong).max():.3f}")

# %%
# A segment is missing
# --------------------
#
# Downloads fail. The headers of the others promise 90 integrations, so that a hole cannot pass
# unnoticed:

(missing,) = visit.glob("*seg002_nrcblong*")
missing.rename(Path(folder.name) / missing.name)
try:
    extractor.extract(visit, select={"detector": "NRCBLONG"})
except SegmentError as error:
    print(str(error).replace(f"{visit}/", ""))

# %%
# Where the file is gone for good, ``allow_missing=True`` keeps its rows: values are NaN with
# the bit MISSING_INTEGRATION, and the times are those that the other segments' cadence gives. A
# series keeps its length and its numbers whatever happens.

holed = extractor.extract(visit, select={"detector": "NRCBLONG"}, allow_missing=True)
gone = (holed["quality"] & QualityFlag.MISSING_INTEGRATION) > 0
print(f"{len(holed)} rows, {gone.sum()} of them missing")
shift = np.abs((holed["time"] - ts["time"]).to(u.ms)).max()
print(f"their times are off by {shift:.3f} at most")

# %%
# Both light curves; the simulated detector settles in the first minute:

figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
minutes = (ts["time"] - ts["time"][0]).to_value(u.min)
level = np.median(ts["aperture_sum_r5"])
for number, name in enumerate(dict.fromkeys(names), start=1):
    rows = names == name
    axis.plot(
        minutes[rows],
        ts["aperture_sum_r5"][rows] / level,
        "o",
        mfc="none",
        label=f"segment {number}",
    )
axis.plot(
    minutes, holed["aperture_sum_r5"] / level, "k.", markersize=4, label="without segment 2"
)
axis.set(xlabel="minutes", ylabel="relative flux, r = 5 px")
axis.legend(ncols=4, fontsize=8)

# %%
# All detectors of a visit in one go, a product for each:
#
# .. code-block:: console
#
#   $ nircam-tso extract visit/ --detector all -o visit.h5
#
# :doc:`/inputs` has the kinds of files, :doc:`/times` where each time comes from.

folder.cleanup()
plt.show()
