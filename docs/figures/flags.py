"""A series to which several things happen, and the bits that tell of them."""

import matplotlib.pyplot as plt
import numpy as np
from astropy.time import Time

from nircam_tso import QualityFlag, TimeSeriesExtractor, good
from nircam_tso.measure.gaussian import evaluate_gaussians

rng = np.random.default_rng(12)
n, shape, radius = 90, (40, 48), 6
x, y = np.full(n, 23.3), np.full(n, 18.6)
# The pointing is lost for a while: the star comes near the edge, and is gone at last.
x[60:68] = 42.7
height = np.where((np.arange(n) >= 68) & (np.arange(n) < 72), 0.0, 5000.0)
star = evaluate_gaussians(shape, height, x, y, 1.5, 1.5) + 40
cube = rng.poisson(star) + rng.normal(0, 10, star.shape)
cube[12:15, 20, 25] = np.nan
cube[30, 17, 22] += 9000
cube[45] = np.nan
times = Time(60000 + np.arange(n) / 1440, format="mjd")
extractor = TimeSeriesExtractor(
    aperture_radii=[radius], position=(23, 19), subframe_shape=(21, 21), clean="temporal", gain=1, read_noise=10
)
ts = extractor.extract(cube, times=times, unit="electron")
flux, quality, kept = ts[f"aperture_sum_r{radius}"].value, ts["quality"], good(ts)
bits = [bit for bit in QualityFlag if (quality & np.uint32(bit)).any()]
level = np.nanmedian(flux[kept])

figure, (curve, table) = plt.subplots(2, 1, figsize=(9, 4.4), sharex=True, height_ratios=(1.6, 1), layout="constrained")
rows = np.arange(n)
curve.plot(rows[kept], flux[kept] / level, ".", color="#0072B2", label="good")
curve.plot(rows[~kept], flux[~kept] / level, "x", color="#D55E00", label="with a bit that warns")
curve.set(ylabel=f"aperture_sum_r{radius}", ylim=(-0.1, 1.15))
curve.legend(fontsize=8, loc="lower left")
for place, bit in enumerate(bits):
    hit = (quality & np.uint32(bit)) != 0
    warns = not bit & QualityFlag.informing()
    table.plot(rows[hit], np.full(hit.sum(), place), "s", color="#D55E00" if warns else "0.5", markersize=4)
table.set(yticks=range(len(bits)), yticklabels=[bit.name for bit in bits], xlabel="row", ylim=(len(bits) - 0.5, -0.5))
table.grid(axis="y", linewidth=0.5)
table.tick_params(axis="y", labelsize=8)
