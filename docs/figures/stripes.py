"""1/f noise in a frame, what its correction leaves, and the scatter of sums with the errors they are given."""

import matplotlib.pyplot as plt
import numpy as np
from astropy.time import Time

from nircam_tso import FrameBackground, TimeSeriesExtractor
from nircam_tso.measure.gaussian import evaluate_gaussians
from nircam_tso.measure.striping import (
    ReadoutLayout,
    fit_striping,
    series_residuals,
    striping_lines,
    striping_terms,
    subtract_terms,
)
from nircam_tso.simulate.read_noise import CorrelatedNoise

rng = np.random.default_rng(10)
n, shape, place = 600, (64, 64), (33.2, 29.8)
star = evaluate_gaussians(shape, np.full(n, 6000.0), *place, 1.6, 1.6) + 20
cube = rng.poisson(star) + rng.normal(0, 12, star.shape) + CorrelatedNoise(shape, 8.0).frames(rng, n)
times = Time(60000 + np.arange(n) / 1440, format="mjd")
radii = [2, 3, 4, 5, 6, 8, 10, 12]
settings = {
    "aperture_radii": radii,
    "gain": 1,
    "read_noise": 12,
    "center": "median",
    "background": FrameBackground(exclude_radius=20),
}

y, x = np.mgrid[: shape[0], : shape[1]]
covered = np.hypot(x - place[0], y - place[1]) < 13
lines = striping_lines("row", shape, ReadoutLayout())
bad = np.zeros(cube.shape, bool)
residuals = series_residuals(cube, bad, ~covered, covered)
model = fit_striping(residuals, lines, covered)
corrected = cube[:1].copy()
subtract_terms(corrected, striping_terms(corrected, bad[:1], model).values, lines)

figure, (before, after, scatter) = plt.subplots(
    1, 3, figsize=(10, 3.2), width_ratios=(1, 1, 1.25), layout="constrained"
)
for axis, image, title in ((before, cube[0], "one integration"), (after, corrected[0], 'striping="row"')):
    axis.imshow(image, vmin=-30, vmax=70, cmap="gray", origin="lower")
    axis.set_title(title, fontsize=10)
    axis.set_xlabel("x (pix)")
before.set_ylabel("y (pix)")
for striping, color, name in ((None, "#D55E00", "striping=None"), ("row", "#0072B2", 'striping="row"')):
    ts = TimeSeriesExtractor(striping=striping, **settings).extract(cube, times=times, unit="electron")
    found = [ts[f"aperture_sum_r{r}"].value.std(ddof=1) for r in radii]
    told = [np.median(ts[f"aperture_sum_err_r{r}"].value) for r in radii]
    scatter.plot(radii, found, "o", color=color, label=f"{name}, scatter")
    scatter.plot(radii, told, "-", color=color, label="median error")
scatter.set(xlabel="radius (pix)", ylabel="aperture sum (electron)", yscale="log")
scatter.minorticks_off()
scatter.set_yticks([300, 500, 1000, 2000, 4000], labels=["300", "500", "1000", "2000", "4000"])
scatter.legend(fontsize=8)
