"""Where a star is looked for: the header's position, the box about it, what is found, and the subframe."""

import matplotlib.pyplot as plt
import numpy as np
from astropy.time import Time
from matplotlib.patches import Rectangle

from nircam_tso import TimeSeriesExtractor
from nircam_tso.extractor.locate import SEARCH_SIZE, brightest_spot
from nircam_tso.measure.gaussian import evaluate_gaussians

rng = np.random.default_rng(8)
n, shape = 12, (110, 160)
named, true, brighter = (80.0, 54.0), (93.4, 63.7), (20.6, 24.2)
sky = evaluate_gaussians(shape, 1200.0, *true, 2.0, 2.0) + evaluate_gaussians(shape, 3000.0, *brighter, 2.0, 2.0)
cube = rng.poisson(np.repeat(sky, n, axis=0) + 80).astype(float)
times = Time(60000 + np.arange(n) / 1440, format="mjd")
start = brightest_spot(cube[0], np.ones(shape, bool), center=named)
found = {}
for name, position in (("there", start), ('"brightest"', "brightest")):
    ts = TimeSeriesExtractor(aperture_radii=[5], position=position).extract(cube, times=times)
    found[name] = (ts.meta["position_x"], ts.meta["position_y"])

figure, axis = plt.subplots(figsize=(8.6, 4.4), layout="constrained")
axis.imshow(cube[0], cmap="gray_r", origin="lower", vmin=60, vmax=900)
axis.plot(*named, "x", color="#D55E00", markersize=9, label="the header's position")
half = SEARCH_SIZE / 2
box = Rectangle((named[0] - half, named[1] - half), SEARCH_SIZE, SEARCH_SIZE, fill=False, color="#D55E00")
axis.add_patch(box)
box.set(linestyle="--", label=f"{SEARCH_SIZE} x {SEARCH_SIZE} px about it")
for (name, place), (marker, color) in zip(found.items(), (("s", "#0072B2"), ("D", "#009E73")), strict=True):
    axis.plot(
        *place,
        marker,
        color=color,
        mfc="none",
        markersize=13,
        label=f"what is found {name}" if name == "there" else name,
    )
    axis.add_patch(Rectangle((place[0] - 10.5, place[1] - 10.5), 21, 21, fill=False, color=color, linestyle=":"))
axis.plot([], [], ":", color="0.3", label="subframe")
axis.set(xlabel="x (pix)", ylabel="y (pix)", xlim=(-0.5, shape[1] - 0.5), ylim=(-0.5, shape[0] - 0.5))
axis.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
if np.hypot(*np.subtract(found["there"], true)) > 0.2 or np.hypot(*np.subtract(found['"brightest"'], brighter)) > 0.2:
    raise ValueError(f"found the star at {found}")
