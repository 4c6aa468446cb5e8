"""A weak-lens star with apertures about it, and radii in pixels and in widths while the focus breathes."""

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u
from astropy.time import Time

from nircam_tso import HexagonShape, RectangleShape, TimeSeriesExtractor
from nircam_tso.measure.gaussian import evaluate_gaussians
from nircam_tso.simulate import weak_lens_psf

figure, (image, curve) = plt.subplots(1, 2, figsize=(11, 3.4), width_ratios=(1, 1.3), layout="constrained")

psf = weak_lens_psf((192, 192))
image.imshow(psf, cmap="gray", origin="lower")
place = (95.5, 95.5)
shapes = {
    "HexagonShape(76, 30 deg)": (HexagonShape(76, theta=30 * u.deg), "#E69F00"),
    "RectangleShape(150, 140)": (RectangleShape(150, 140), "#56B4E9"),
}
for name, (shape, color) in shapes.items():
    image.contour(shape.overlap(psf.shape, place), [0.5], colors=color, linewidths=1.5)
    image.plot([], [], color=color, label=name)
image.add_patch(plt.Circle(place, 80, fill=False, color="#CC79A7", linewidth=1.5, label="radius 80"))
image.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.02, 1), frameon=False)
image.set(xlabel="x (pix)", ylabel="y (pix)")

rng = np.random.default_rng(6)
n = 200
hours = np.arange(n) / 60
width = 1.5 * (1 + 0.03 * np.sin(2 * np.pi * hours / 1.6))
star = evaluate_gaussians((48, 56), 2e6 / (2 * np.pi * width**2), 27.3, 22.8, width, width)
cube = rng.poisson(star + 30) + rng.normal(0, 10, star.shape)
settings = {"position": (27, 23), "gain": 1, "read_noise": 10}
for radius, unit, column, color in (
    (3, "pix", "aperture_sum_r3", "#D55E00"),
    (0.85, "fwhm", "aperture_sum_r0.85fwhm", "#0072B2"),
):
    extractor = TimeSeriesExtractor(aperture_radii=[radius], radius_unit=unit, **settings)
    ts = extractor.extract(cube, times=Time(60000 + hours / 24, format="mjd"), unit="electron")
    flux = ts[column].value
    curve.plot(hours, flux / np.median(flux), ".", color=color, label=column)
curve.set(xlabel="hours", ylabel="flux over its median")
curve.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, 1.13), ncols=2, frameon=False)
