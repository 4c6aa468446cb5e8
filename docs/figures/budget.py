"""Scatter of a constant star by radius, the error of each sum, and its parts."""

import json

import matplotlib.pyplot as plt
import numpy as np
from astropy.time import Time

from nircam_tso import AnnulusBackground, TimeSeriesExtractor
from nircam_tso.measure.gaussian import evaluate_gaussians
from nircam_tso.simulate.read_noise import CorrelatedNoise

rng = np.random.default_rng(7)
n, shape = 250, (64, 64)
radii = [1.5, 2, 2.5, 3, 3.5, 4, 5, 6, 8, 10]
star = evaluate_gaussians(shape, np.full(n, 20000.0), 33.2, 29.8, 1.4, 1.4) + 40
cube = rng.poisson(star) + rng.normal(0, 12, star.shape) + CorrelatedNoise(shape, 2.0).frames(rng, n)
extractor = TimeSeriesExtractor(
    aperture_radii=radii, background=AnnulusBackground(14, 26), center="median", gain=1, read_noise=12
)
times = Time(60000 + np.arange(n) / 1440, format="mjd")
ts = extractor.extract(cube, times=times, unit="electron")
budget = json.loads(ts.meta["noise_budget"])

flux = [np.median(ts[f"aperture_sum_r{r:g}"].value) for r in radii]
found = [1e6 * ts[f"aperture_sum_r{r:g}"].value.std(ddof=1) / f for r, f in zip(radii, flux, strict=True)]
told = [1e6 * np.median(ts[f"aperture_sum_err_r{r:g}"].value) / f for r, f in zip(radii, flux, strict=True)]
figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
axis.errorbar(radii, found, np.array(found) / np.sqrt(2 * n), fmt="o", color="#D55E00", label="scatter of the series")
axis.plot(radii, told, color="black", linewidth=2, label="median of aperture_sum_err")
for name, style in (("photon", "--"), ("read", ":"), ("1/f", "-.")):
    # 1/f noise that is too small to be told from none is 0.
    part = np.array([budget[f"r{r:g}"][name] for r in radii])
    axis.plot(radii, np.where(part > 0, part, np.nan), style, color="#0072B2", label=name)
axis.set(xlabel="radius (pix)", ylabel="ppm of the flux", yscale="log")
axis.minorticks_off()
axis.set_yticks([300, 500, 1000, 2000, 4000], labels=["300", "500", "1000", "2000", "4000"])
axis.legend(fontsize=8)
