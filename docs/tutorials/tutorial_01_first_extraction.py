"""
A first extraction
==================

From the files of an exposure to a light curve, and what to look at on the way. The exposure is
simulated, so that what was measured can be held against what was put in.
"""

# %%
# An exposure
# -----------
#
# `~nircam_tso.simulate.demo_exposure` writes three hours of a star as files of JWST: 64 x 64
# pixels, photon and read noise, 0.2 % of dead pixels, a pointing that jitters and drifts, and a
# planet that takes away 1 % of the light. There are 600 integrations, cut into three files.
# With your own data you have such a folder already.

from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np

from nircam_tso import TimeSeriesExtractor, best_aperture, good, read, scatter, write
from nircam_tso.inspect import plotting
from nircam_tso.simulate import demo_exposure

folder = TemporaryDirectory()
visit = Path(folder.name) / "visit"
simulation = demo_exposure(visit)
for path in simulation.paths:
    print(path.name)

# %%
# Measuring it
# ------------
#
# `TimeSeriesExtractor.for_source <nircam_tso.TimeSeriesExtractor.for_source>` looks at the
# headers and chooses settings for the filter, the pupil and the subarray. Any keyword wins over
# the choice: here more radii than usual, to choose among them afterwards.

extractor = TimeSeriesExtractor.for_source(visit, aperture_radii=[2, 3, 4, 5, 6, 8])
print(f"preset {extractor.preset}: apertures at center={extractor.center!r}")
print(f"sky from {extractor.background.inner:g} to {extractor.background.outer:g} px")

ts = extractor.extract(visit)
print(f"{len(ts)} rows, {len(ts.colnames)} columns")

# %%
# The result is an `astropy.timeseries.TimeSeries` with a row for every integration. Columns
# have units, and a description each:

for name in ("time", "time_bjd", "background", "x_gauss", "aperture_sum_r5", "quality"):
    value = ts[name][0] if name.startswith("time") else f"{ts[name][0]:.6g}"
    print(f"{name:16} {value!s:30} {ts[name].info.description}")

# %%
# The first look
# --------------
#
# Where on the frame was it measured? The middle circles are the apertures, the outer two hold
# the sky.

plotting.plot_image(ts, visit, row=0, whole=True)

# %%
# Then the light curves, one for each radius, each with its scatter from row to row.

plotting.plot_radii(ts)

# %%
# `~nircam_tso.best_aperture` finds the radius with the least scatter. Its default is the
# scatter of neighbouring rows, which does not see a transit. Radii that are not worse by more
# than the scatter is uncertain by do as well. `~nircam_tso.good` tells which rows no quality
# bit warns of.

best = best_aperture(ts)
found = scatter(ts, best.name)
print(f"best radius {best.radius:g} px: {found.ppm:.0f} +- {found.error_ppm:.0f} ppm")
print(f"{good(ts).sum()} of {len(ts)} rows are good")

# %%
# Is it right?
# ------------
#
# The simulation has left a table of the truth. The star's centre was found to some thousandths
# of a pixel, as the errors say:

truth = simulation.truth
for axis in "xy":
    residual = (ts[f"{axis}_gauss"] - truth[axis]).value
    error = np.median(ts[f"{axis}_gauss_err"].value)
    numbers = (
        f"offset {residual.mean():+.4f}, scatter {residual.std():.4f}, error {error:.4f} px"
    )
    print(f"{axis}: {numbers}")

# %%
# The star is narrower than the pixels are wide, and no Gaussian, hence the constant offset (see
# :doc:`/centring`). What counts for photometry is that it is constant.
#
# The depth of the transit, from the rows in its middle and those outside:

relative = np.asarray(truth["relative_flux"])
outside = relative == 1
middle = relative < np.quantile(relative, 0.25)
flux, error = ts[best.name].value, ts[best.name.replace("sum", "sum_err")].value
inside, level = flux[middle].mean(), flux[outside].mean()
depth = 1 - inside / level
depth_error = np.median(error) / level * np.sqrt(1 / middle.sum() + 1 / outside.sum())
true_depth = 1 - relative[middle].mean()
print(
    f"depth {1e6 * depth:.0f} +- {1e6 * depth_error:.0f} ppm, put in {1e6 * true_depth:.0f} ppm"
)

figure, axis = plt.subplots(figsize=(7, 3.5), layout="constrained")
hours = (ts["time"] - ts["time"][0]).to_value("hour")
axis.plot(hours, flux / level, ".", color="0.6", label="measured")
axis.plot(hours, relative, color="#D55E00", label="put in")
axis.set(xlabel="hours", ylabel=f"relative flux, r = {best.radius:g} px")
axis.legend()

# %%
# Keeping it
# ----------
#
# A product is one file, HDF5 or ECSV, which reads back as it was. The settings, the versions
# and the names of the inputs are in it.

path = write(ts, Path(folder.name) / "star.h5")
again = read(path)
print(f"{again.meta['target']}, {again.meta['filter']}: {len(again)} rows")
print(f"times are the same: {np.all(again['time'] == ts['time'])}")

# %%
# :doc:`/product` lists what is in such a file, and :doc:`/measuring` begins the guide to the
# settings. The same from a shell:
#
# .. code-block:: console
#
#   $ nircam-tso extract visit/ --aperture-radii 2,3,4,5,6,8 -o star.h5
#   $ nircam-tso plot star.h5 --kind radii -o star.png

folder.cleanup()
plt.show()
