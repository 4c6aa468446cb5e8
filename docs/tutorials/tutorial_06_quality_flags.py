"""
Reading the quality flags
=========================

Every row of a product has a number ``quality``. It is 0 where nothing is wrong; otherwise its
bits say what befell the row. What common faults look like, and how to choose the rows to keep.
"""

# %%
# An exposure with faults
# -----------------------
#
# 120 integrations with cosmic rays, passing NaN pixels, and a core that saturates before the
# ramps end. Then three things that happen to files: one integration is all NaN, in another the
# guiding was lost and the star is elsewhere, and the last segment is cut short.

from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from astropy.io import fits

from nircam_tso import QualityFlag, TimeSeriesExtractor, good
from nircam_tso.exceptions import InputFileError
from nircam_tso.inspect import plotting
from nircam_tso.simulate import CosmicRays, PixelDefects, simulate_exposure

folder = TemporaryDirectory()
simulation = simulate_exposure(
    folder.name,
    n_integrations=120,
    segments=3,
    shape=(64, 72),
    position=(40.2, 28.7),
    stddev=1.2,
    flux=1.5e5,
    sky=5,
    n_groups=8,
    frame_time=0.5,
    saturation=5.5e4,
    cosmic_rays=CosmicRays(rate=1e-3),
    pixels=PixelDefects(nan_fraction=1e-3),
    dead_fraction=0.002,
)
first, second, third = simulation.paths
with fits.open(first, mode="update") as file:
    file["SCI"].data[20] = np.nan
    file["SCI"].data[39] = np.roll(file["SCI"].data[39], -22, axis=1)
size = third.stat().st_size
with third.open("r+b") as file:
    file.truncate(size // 3)

# %%
# Errors and flags
# ----------------
#
# A file that cannot be read ends the run before any pixel is measured, unless told otherwise:

extractor = TimeSeriesExtractor(aperture_radii=[3, 5])
try:
    extractor.extract(simulation.paths)
except InputFileError as error:
    print(str(error).replace(f"{folder.name}/", ""))

# %%
# ``on_error="flag"`` turns the rows of that file into NaN with READ_ERROR. What befalls a
# single integration never ends a run.

ts = extractor.extract(simulation.paths, on_error="flag")


def count(ts):
    """How many rows have each bit."""
    for bit in QualityFlag:
        rows = (ts["quality"] & bit) > 0
        if rows.any():
            kind = "informs" if bit & QualityFlag.informing() else "warns"
            print(f"{bit.value:6} {bit.name:20} {kind:8} {rows.sum():4} rows")


count(ts)

# %%
# One row, in words:

for row in (20, 39, 100):
    print(f"row {row}: {', '.join(QualityFlag(int(ts['quality'][row])).names())}")

# %%
# Row 20 has no data at all. In row 39 the Gaussian fit found no star where it was looked for.
# Row 100 is one of the file that was cut. The cosmic rays had been found by the pipeline, whose
# JUMP_DET is passed on. It only *informs*: the ramp was fitted on both sides of the jump. The
# same holds for SATURATED. (The flux of row 39 lies below the panel.)

figure = plotting.plot_columns(ts, ["aperture_sum_r5", "x_gauss", "background"])
level = np.nanmedian(ts["aperture_sum_r5"].value)
figure.axes[0].set_ylim(0.985 * level, 1.01 * level)

# %%
# Which rows to use
# -----------------
#
# `~nircam_tso.good` is True where no bit *warns*:

use = good(ts)
flux = ts["aperture_sum_r5"].value
level = np.median(flux[use])
print(
    f"{use.sum()} of {len(ts)} rows are good, scatter {1e6 * flux[use].std() / level:.0f} ppm"
)

# %%
# NAN_IN_APERTURE and DO_NOT_USE warn although the pixel was filled from the series' median.
# With many rows one can afford to lose them. With few, look whether they are worse;
# ``n_replaced`` counts what was filled:

mended = QualityFlag.NAN_IN_APERTURE | QualityFlag.DO_NOT_USE
lenient = (ts["quality"] & (QualityFlag.warning() & ~mended)) == 0
extra = lenient & ~use
deviation = (flux - level) / ts["aperture_sum_err_r5"].value
print(f"{extra.sum()} more rows, in which {ts['n_replaced'][extra].sum()} pixels were filled")
print(
    f"rms of their deviations, in their errors: {np.sqrt((deviation[extra] ** 2).mean()):.2f}"
)

# %%
# Cosmic rays that nobody found
# -----------------------------
#
# Where the pipeline's jump step was off or missed some, ``clean="temporal"`` looks for pixels
# that stand out in time. What it finds is filled, counted in ``n_cleaned`` and marked with
# JUMP_DET.

unflagged = simulate_exposure(
    Path(folder.name) / "unflagged",
    simulation.settings,
    segments=1,
    cosmic_rays=CosmicRays(rate=1e-3, flagged=False),
    pixels=None,
)
columns = {}
for clean in (None, "temporal"):
    table = TimeSeriesExtractor(aperture_radii=[3, 5], clean=clean).extract(unflagged.paths)
    columns[clean] = table["aperture_sum_r5"].value
    off = np.abs(columns[clean] / np.median(columns[clean]) - 1) > 0.005
    numbers = (
        f"{off.sum()} rows are off by over 0.5 %, {table['n_cleaned'].sum()} pixels filled"
    )
    print(f"clean={clean!r}: {numbers}")

figure, axis = plt.subplots(figsize=(7, 3.4), layout="constrained")
for clean, marker in ((None, "o"), ("temporal", ".")):
    axis.plot(
        columns[clean] / np.median(columns[clean]), marker, mfc="none", label=f"clean={clean!r}"
    )
axis.set(xlabel="row", ylabel="relative flux, r = 5 px", ylim=(None, 1.014))
axis.legend(ncols=2)

# %%
# :doc:`/quality` has every bit and what sets it.

folder.cleanup()
plt.show()
