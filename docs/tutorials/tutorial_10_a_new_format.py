"""
Adding a reader for a new format
================================

Images of a star in a format that the package does not know are handed over as arrays, with what
a header would tell beside them. That is a reader of a dozen lines, and it need not load
everything at once.
"""

# %%
# A format
# --------
#
# Some camera writes HDF5 files with raw counts of 16 bits, the time of each image in seconds of
# Unix time, and its gain and read noise as attributes. Here are two such files of a star with a
# dip.

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import matplotlib.pyplot as plt
import numpy as np
from astropy.time import Time

from nircam_tso import TimeSeriesExtractor, good
from nircam_tso.simulate import gaussian_psf

folder = TemporaryDirectory()
rng = np.random.default_rng(11)
psf = gaussian_psf((48, 60), stddev=(1.6, 1.3), theta=20, position=(33.4, 21.7))
n, gain, read_noise = 80, 2.5, 6.0
dip = np.where(np.abs(np.arange(2 * n) - 85) < 25, 0.985, 1)
paths, written = [Path(folder.name) / f"night_{part}.cam" for part in "ab"], []
for part, path in enumerate(paths):
    electrons = 4e5 * dip[part * n : (part + 1) * n, None, None] * psf + 200
    counts = rng.normal(rng.poisson(electrons), read_noise) / gain
    counts[7, 22, 33] = 0
    written.append(counts.round().astype("u2"))
    with h5py.File(path, "w") as file:
        frames = file.create_dataset("frames", data=written[-1])
        frames.attrs.update(
            {"gain": gain, "read_noise": read_noise, "exptime": 9.5, "object": "a star"}
        )
        file["unix_time"] = 1.75e9 + 10 * (part * n + np.arange(n)) + 5

# %%
# What is needed
# --------------
#
# ``extract`` takes a NumPy array (n, ny, nx), an `~astropy.units.Quantity`, an
# `~astropy.nddata.NDData`, or anything that can be sliced like an array: a dataset of h5py, or
# `numpy.memmap` for a file that is a header and plain numbers behind it. Those are read block
# by block while they are measured, and may be larger than the memory. A list of arrays is one
# series.
#
# Beside it stands what a header would tell:
#
# ``times``
#     the middle of each image, a `~astropy.time.Time` with its scale. Without it the column is
#     masked: a time is never invented.
# ``unit``
#     of the numbers, such as DN or electron.
# ``header``
#     a dict, or an `astropy.io.fits.Header`. OBJECT and FILTER end up in the metadata, EXPTIME
#     in the column ``exposure_time``.
# ``errors``, ``mask``
#     1 sigma of each pixel, and True for what to leave out, where the format knows them.
#     Without errors the extractor makes them from ``gain`` and ``read_noise``.
#
# The reader
# ----------


def extract_nights(paths, **settings):
    """Measure files of the camera, as one series."""
    with ExitStack() as stack:
        files = [stack.enter_context(h5py.File(path)) for path in paths]
        frames = [file["frames"] for file in files]
        attributes = dict(frames[0].attrs)
        extractor = TimeSeriesExtractor(
            gain=attributes["gain"], read_noise=attributes["read_noise"], **settings
        )
        return extractor.extract(
            frames,
            times=Time(np.concatenate([file["unix_time"][:] for file in files]), format="unix"),
            unit="DN",
            header={"OBJECT": attributes["object"], "EXPTIME": attributes["exptime"]},
        )


settings = {"aperture_radii": [3, 5, 8], "position": "brightest", "center": "median"}
ts = extract_nights(paths, **settings)
print(f"{len(ts)} rows of {ts.meta['target']} from {ts['time'][0].isot}")
print(f"exposure time {ts['exposure_time'][0]}")
print(f"star at {ts['x_gauss'][0]:.2f}, {ts['y_gauss'][0]:.2f}")

# %%
# Is it right?
# ------------
#
# Readers go wrong in ways that look right: axes exchanged, times of the start in place of the
# middle, local time for UTC, an offset in unsigned numbers. So hold yours against pixels that
# you know. Here the star was put at (33.4, 21.7) in a frame that is not square, and the same
# pixels as one array must give the same numbers:

check = TimeSeriesExtractor(gain=gain, read_noise=read_noise, **settings).extract(
    np.concatenate(written), unit="DN"
)
names = ["background", "x_gauss", "y_gauss", "aperture_sum_r5", "aperture_sum_err_r5"]
equal = [np.array_equal(ts[name], check[name]) for name in names]
print(f"{sum(equal)} of {len(names)} columns are equal, {(~good(ts)).sum()} rows are flagged")
lost = ts["aperture_sum_r5"][7] / ts["aperture_sum_r5"][6]
print(f"row 7 has {lost:.3f} of the light of row 6")

# %%
# In row 7 of each file a pixel of the star is 0, as this camera marks what it has lost. Nothing
# but the reader can know that. It belongs in ``mask``, one for each array; such pixels are then
# filled as those of JWST are:

ts = TimeSeriesExtractor(gain=gain, read_noise=read_noise, **settings).extract(
    written, mask=[counts == 0 for counts in written], times=ts["time"], unit="DN"
)
mended = ts["aperture_sum_r5"][7] / ts["aperture_sum_r5"][6]
print(f"row 7 has {mended:.3f} of the light of row 6, {ts['n_replaced'][7]} pixel was filled")

# %%
# The dip, from the rows in it and those outside:

flux = ts["aperture_sum_r5"] / np.median(ts["aperture_sum_r5"][dip == 1])
error = np.median(ts["aperture_sum_err_r5"] / ts["aperture_sum_r5"]).value
depth = (flux[dip == 1].mean() - flux[dip < 1].mean()).value
depth_error = error * np.sqrt(1 / (dip < 1).sum() + 1 / (dip == 1).sum())
print(f"dip of {depth:.4f} +- {depth_error:.4f}, put in 0.0150")

figure, axis = plt.subplots(figsize=(7, 3.4), layout="constrained")
minutes = (ts["time"] - ts["time"][0]).to_value("min")
raw = check["aperture_sum_r5"] / np.median(check["aperture_sum_r5"][dip == 1])
axis.plot(minutes, raw, "x", color="0.5", markersize=4, label="without the mask")
axis.plot(minutes, flux, "k.", markersize=4, label="with the mask")
axis.plot(minutes, dip, color="#D55E00", label="put in")
axis.set(xlabel="minutes", ylabel="relative flux, r = 5 px", ylim=(0.9, 1.02))
axis.legend(ncols=3, fontsize=8, loc="upper right")

# %%
# Into the package
# ----------------
#
# A format that many people have belongs in the package, so that a path alone is enough. There
# is no registry for readers from outside. A reader there is a module of ``nircam_tso.io``:
# ``io/image.py``, that of plain FITS images, is the shortest to learn from. ``io/opening.py``
# decides which reader a file goes to, by what is in it and not by its name. It needs tests with
# files of known content, and with files that are cut, empty or of another kind.
# :doc:`/architecture` tells where the rest goes.

folder.cleanup()
plt.show()
