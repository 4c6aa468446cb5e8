"""Errors of the three centres by the place within a pixel, for a star that is finer than the pixels."""

import matplotlib.pyplot as plt
import numpy as np
from astropy.time import Time

from nircam_tso import PSFTemplate, TimeSeriesExtractor
from nircam_tso.measure.templates import shift_images
from nircam_tso.simulate import weak_lens_psf

rng = np.random.default_rng(4)
n = 300
template = PSFTemplate(weak_lens_psf((64, 64), waves=0.0))
x, y = 33 + rng.uniform(-0.5, 0.5, n), 30 + rng.uniform(-0.5, 0.5, n)
star = 1e6 * shift_images(template.image, x - template.origin[0], y - template.origin[1])
cube = rng.poisson(np.maximum(star, 0) + 20) + rng.normal(0, 12, star.shape)
times = Time(60000 + np.arange(n) / 1440, format="mjd")

figure, axes = plt.subplots(1, 3, figsize=(10, 2.9), sharex=True, sharey=True, layout="constrained")
own = {"position": (33, 30), "gain": 1, "read_noise": 12}
gaussian = TimeSeriesExtractor(**own).extract(cube, times=times, unit="electron")
image = TimeSeriesExtractor(template=template, **own).extract(cube, times=times, unit="electron")
median = TimeSeriesExtractor(template="median", **own).extract(cube, times=times, unit="electron")
panels = {
    "x_cc": (
        (median, "s", "#56B4E9", 'template="median"'),
        (gaussian, "o", "#D55E00", "Gaussian template"),
        (image, "^", "#000000", "PSFTemplate"),
    ),
    "x_gauss": ((gaussian, "o", "#000000", None),),
    "x_centroid": ((gaussian, "o", "#000000", None),),
}
for axis, (name, series) in zip(axes, panels.items(), strict=True):
    for ts, marker, color, label in series:
        off = ts[name].value - x
        axis.plot(x, 1000 * (off - np.median(off)), marker, color=color, markersize=2.5, label=label)
        axis.errorbar(
            33.42, -38, 1000 * np.median(ts[f"{name}_err"].value), color=color, capsize=3, elinewidth=1.5, zorder=3
        )
        axis.set_title(name, fontsize=10)
        axis.set_xlabel("true x (pix)")
axes[0].set(ylabel="measured less true x (0.001 pix)", ylim=(-45, 45))
axes[0].legend(fontsize=7, loc="upper left")
