"""One integration with the numbers of its row drawn where they were measured."""

import matplotlib.pyplot as plt
import numpy as np
from astropy.time import Time
from matplotlib.patches import Circle, Ellipse, Rectangle

from nircam_tso import AnnulusBackground, TimeSeriesExtractor
from nircam_tso.measure.gaussian import evaluate_gaussians

rng = np.random.default_rng(3)
n, shape = 12, (56, 64)
star = evaluate_gaussians(shape, np.full(n, 900.0), 33.3, 27.6, 2.8, 1.7, np.radians(25.0))
cube = rng.poisson(star + 60) + rng.normal(0, 5, star.shape)
times = Time(60000 + np.arange(n) / 1440, format="mjd")
extractor = TimeSeriesExtractor(
    aperture_radii=[8], background=AnnulusBackground(14, 21), subframe_shape=(21, 21), gain=1, read_noise=5
)
ts = extractor.extract(cube, times=times, unit="electron")
row = ts[0]
x, y = row["x_gauss"].value, row["y_gauss"].value
theta = np.radians(row["theta"].value)
wide, narrow = row["x_stddev"].value, row["y_stddev"].value
across, along = np.array([np.cos(theta), np.sin(theta)]), np.array([-np.sin(theta), np.cos(theta)])

blue, orange, sky = "#0072B2", "#D55E00", "#56B4E9"
figure = plt.figure(figsize=(9.5, 4.6))
# The right is for the words.
axis = figure.add_axes((0.06, 0.12, 0.5, 0.85))
axis.imshow(cube[0], cmap="gray_r", origin="lower", vmin=20, vmax=1600)
for radius in (14, 21):
    axis.add_patch(Circle((x, y), radius, fill=False, color=sky, linewidth=1.5))
axis.add_patch(Circle((x, y), 8, fill=False, color=orange, linewidth=2))
axis.add_patch(Rectangle((x - 10.5, y - 10.5), 21, 21, fill=False, color="0.4", linestyle=":"))
axis.add_patch(Ellipse((x, y), 2 * wide, 2 * narrow, angle=row["theta"].value, fill=False, color=blue, linewidth=1.5))
axis.plot(x, y, "+", color=blue, markersize=9)


def label(place, text, height, color):
    """A line from a place in the image to words at its right."""
    axis.annotate(
        text,
        place,
        (67, height),
        color=color,
        va="center",
        annotation_clip=False,
        arrowprops={"arrowstyle": "-", "color": color, "shrinkB": 0, "relpos": (0, 0.5)},
    )


error = row["aperture_sum_err_r8"].value
label((x + 14, y + 15.65), f"background  {row['background'].value:.2f}", 53, sky)
label((x + 5.66, y + 5.66), f"aperture_sum_r8  {row['aperture_sum_r8'].value:.0f} +- {error:.0f}", 45, orange)
label(tuple((x, y) + wide * across), f"x_stddev {wide:.2f},  theta {row['theta'].value:.1f} deg", 37, blue)
label((x, y), f"x_gauss {x:.2f},  y_gauss {y:.2f},  amplitude {row['amplitude'].value:.0f}", 29, blue)
label(tuple((x, y) - narrow * along), f"y_stddev {narrow:.2f}", 21, blue)
label((x + 10.5, y - 9), "the subframe, in which the star is centred", 13, "0.4")
axis.set(xlabel="x (pix)", ylabel="y (pix)", xlim=(-0.5, 63.5), ylim=(-0.5, 55.5))
for name, spread in (("x_gauss", x - 33.3), ("y_gauss", y - 27.6)):
    if abs(spread) > 5 * row[f"{name}_err"].value:
        raise ValueError(f"{name} is {spread:.3f} pixels from where the star was put")
