"""Light curves of a constant star hit by cosmic rays, as they are and cleaned."""

import matplotlib.pyplot as plt
import numpy as np
from astropy.time import Time

from nircam_tso import TimeSeriesExtractor
from nircam_tso.measure.gaussian import evaluate_gaussians

rng = np.random.default_rng(5)
n, shape = 150, (48, 56)
star = evaluate_gaussians(shape, np.full(n, 6000.0), 27.3, 22.8, 1.5, 1.5) + 30
cube = rng.poisson(star) + rng.normal(0, 10, star.shape)
for row in rng.integers(0, n, 20):
    cube[row, rng.integers(20, 26), rng.integers(24, 31)] += rng.uniform(500, 5000)
times = Time(60000 + np.arange(n) / 1440, format="mjd")
settings = {"aperture_radii": [4], "position": (27, 23), "gain": 1, "read_noise": 10}
plain = TimeSeriesExtractor(**settings).extract(cube, times=times, unit="electron")
clean = TimeSeriesExtractor(clean="temporal", **settings).extract(cube, times=times, unit="electron")
middle = np.median(clean["aperture_sum_r4"].value)
hit = clean["n_cleaned"] > 0

figure, axis = plt.subplots(figsize=(8, 3), layout="constrained")
axis.plot(plain["aperture_sum_r4"].value / middle, "x", color="#D55E00", label="clean=None")
axis.errorbar(
    np.arange(n),
    clean["aperture_sum_r4"].value / middle,
    clean["aperture_sum_err_r4"].value / middle,
    fmt=".",
    color="#0072B2",
    elinewidth=0.7,
    label='clean="temporal"',
)
rows = np.flatnonzero(hit)
axis.plot(rows, clean["aperture_sum_r4"].value[rows] / middle, "o", mfc="none", mec="black", label="n_cleaned > 0")
axis.set(xlabel="integration", ylabel="aperture_sum_r4 over its median")
axis.legend(fontsize=8)
