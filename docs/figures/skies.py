"""A sky that slopes and undulates, and what each kind of background leaves of it."""

import matplotlib.pyplot as plt
import numpy as np

from nircam_tso import AnnulusBackground, FrameBackground, LineBackground, MeshBackground
from nircam_tso.measure.background import estimate_background

rng = np.random.default_rng(1)
place = (33.2, 29.8)
y, x = np.mgrid[:64, :64]
sky = 100 + 0.4 * x + 0.1 * y + 3 * np.sin(y / 2)
star = 4000 * np.exp(-((x - place[0]) ** 2 + (y - place[1]) ** 2) / (2 * 1.6**2))
image = sky + star + rng.normal(0, 2, sky.shape)
kinds = {
    "FrameBackground()": FrameBackground(),
    "AnnulusBackground(12, 20)": AnnulusBackground(12, 20),
    "MeshBackground(8)": MeshBackground(8),
    'LineBackground("row")': LineBackground("row"),
}
figure, axes = plt.subplots(1, 4, figsize=(10, 2.9), sharey=True, layout="constrained")
for axis, (name, background) in zip(axes, kinds.items(), strict=True):
    footprint = background.footprint(image.shape, place)
    levels = estimate_background(image[None], footprint, background)
    level = levels.level[0] if levels.image is None else levels.image[0]
    drawn = axis.imshow(image - level, vmin=-15, vmax=15, cmap="gray", origin="lower")
    axis.contour(footprint, [0.5], colors="#D55E00", linewidths=1)
    axis.set_title(name, fontsize=9)
    axis.set_xlabel("x (pix)")
axes[0].set_ylabel("y (pix)")
figure.colorbar(drawn, ax=axes, label="image less sky (DN)", extend="both")
