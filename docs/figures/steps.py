"""One integration on its way through the steps, drawn after each."""

import matplotlib.pyplot as plt
import numpy as np
from astropy.time import Time
from matplotlib.patches import Circle

from nircam_tso import AnnulusBackground, TimeSeriesExtractor
from nircam_tso.measure.background import estimate_background
from nircam_tso.measure.cosmics import find_outliers, flux_scales
from nircam_tso.measure.gaussian import evaluate_gaussians
from nircam_tso.measure.reference import replace_transients, series_reference
from nircam_tso.measure.striping import (
    ReadoutLayout,
    fit_striping,
    series_residuals,
    striping_lines,
    striping_terms,
    subtract_terms,
)
from nircam_tso.simulate.read_noise import CorrelatedNoise

rng = np.random.default_rng(8)
n, shape, place, row = 60, (56, 64), (35.3, 26.8), 30
star = evaluate_gaussians(shape, np.full(n, 2500.0), *place, 1.9, 1.6) + 60
cube = rng.poisson(star) + rng.normal(0, 9, star.shape) + CorrelatedNoise(shape, 8.0).frames(rng, n)
cube[row, 30:33, 38] += (500, 900, 400)
bad = np.zeros(cube.shape, bool)
bad[row, 25, 33] = True
y, x = np.mgrid[: shape[0], : shape[1]]
covered = np.hypot(x - place[0], y - place[1]) < 10
sky = AnnulusBackground(11, 19)
extractor = TimeSeriesExtractor(
    aperture_radii=[4, 6, 8], background=sky, striping="row", clean="temporal", gain=1, read_noise=9
)
times = Time(60000 + np.arange(n) / 1440, format="mjd")
measured = extractor.extract(cube, times=times, unit="electron", mask=bad)[row]

images = [np.where(bad, np.nan, cube)]
residuals = series_residuals(cube, bad, ~covered, covered)
model = fit_striping(residuals, striping_lines("row", shape, ReadoutLayout()), covered)
data = cube.copy()
subtract_terms(data, striping_terms(data, bad, model).values, striping_lines("row", shape, ReadoutLayout()))
images.append(np.where(bad, np.nan, data))
data -= estimate_background(data, sky.footprint(shape, place), sky, bad=bad).level[:, None, None]
images.append(np.where(bad, np.nan, data))
reference = series_reference(data, bad, covered)
scales = flux_scales(data, reference.image, covered, bad=bad, scatter=reference.scatter)
outliers = find_outliers(data, scales, first=0, stop=n, n=n, bad=bad, noise=np.sqrt(star[0] + 81)) & covered
replace_transients(data, bad | outliers, reference, covered)
images += [data, data, data]

orange, blue = "#D55E00", "#0072B2"
titles = (
    "1. an image, bad pixels marked",
    '2. striping="row"',
    "3. the sky taken off",
    "4. cosmic ray and bad pixel filled",
    "5. three centres",
    "6. apertures",
)
shown = plt.colormaps["gray_r"].with_extremes(bad="#F0E442")
figure, axes = plt.subplots(2, 3, figsize=(9.5, 6), layout="constrained")
for axis, stack, title in zip(axes.flat, images, titles, strict=True):
    level = 60 if title[0] in "12" else 0
    axis.imshow(stack[row], cmap=shown, origin="lower", vmin=level - 40, vmax=level + 160)
    axis.set_title(title, fontsize=10)
for axis in axes[0, 2], axes[1, 2]:
    for radius in (sky.inner, sky.outer):
        axis.add_patch(Circle(place, radius, fill=False, color=blue, linewidth=1, linestyle="--"))
centre = [measured[f"{name}_gauss"].value for name in "xy"]
for radius in extractor.aperture_radii:
    axes[1, 2].add_patch(Circle(centre, radius, fill=False, color=orange, linewidth=1.2))
for name, marker, color in (("cc", "o", blue), ("centroid", "s", "#009E73"), ("gauss", "x", orange)):
    spot = measured[f"x_{name}"].value, measured[f"y_{name}"].value
    axes[1, 1].plot(*spot, marker, mfc="none", color=color, markersize=9, label=f"x_{name}, y_{name}", linestyle="none")
middle = np.round(place)
axes[1, 1].images[0].set_clim(0, 2500)
axes[1, 1].set(xlim=middle[0] + np.array([-5, 5]), ylim=middle[1] + np.array([-5, 5]))
axes[1, 1].legend(fontsize=7, loc="upper right")
for axis in axes[1]:
    axis.set_xlabel("x (pix)")
for axis in axes[:, 0]:
    axis.set_ylabel("y (pix)")
