"""A focused star and a weak lens as they are simulated, and what a tilt of one segment changes."""

from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from astropy.io import fits
from matplotlib.colors import SymLogNorm

from nircam_tso.simulate import TiltEvent, settings_from, simulate_exposure

shown = []
with TemporaryDirectory() as folder:
    for name, more in (
        ("sub64p", {}),
        ("sub400p", {}),
        ("sub400p", {"noise": False, "jitter": 0, "tilt": TiltEvent(25.0, segment="B4", shift=(3.0, -1.0))}),
    ):
        settings = settings_from({"preset": name, "n_integrations": 6, **more})
        simulation = simulate_exposure(Path(folder, str(len(shown))), settings)
        with fits.open(simulation.paths[0]) as file:
            stack = file["SCI"].data
        shown.append((name, stack, simulation.truth))

figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained")
for axis, (name, stack, _), faint in zip(axes[:2], shown, (300, 10), strict=False):
    top = np.nanpercentile(stack[0], 99.9)
    norm = SymLogNorm(top / faint, vmin=-top / faint, vmax=top)
    axis.imshow(stack[0], origin="lower", cmap="gray_r", norm=norm)
    axis.set_title(f"{name}, one integration", fontsize=10)
_, stack, truth = shown[2]
after = np.asarray(truth["tilt"]) > 0.5
change = stack[after].mean(axis=0) - stack[~after].mean(axis=0)
limit = np.nanmax(np.abs(change))
axes[2].imshow(change, origin="lower", cmap="RdBu_r", vmin=-limit, vmax=limit)
axes[2].set_title("what a tilt of segment B4 changes", fontsize=10)
for axis in axes[1:]:
    axis.set(xlim=(100, 300), ylim=(100, 300))
for axis in axes:
    axis.set_xlabel("x (pix)")
axes[0].set_ylabel("y (pix)")
