"""From images to a light curve: the demonstration's transit, measured."""

import tempfile

import matplotlib.pyplot as plt
import numpy as np
from astropy.io import fits
from matplotlib.patches import Circle

from nircam_tso import AnnulusBackground, TimeSeriesExtractor, good
from nircam_tso import bin as binned
from nircam_tso.simulate import demo_exposure

with tempfile.TemporaryDirectory() as folder:
    simulation = demo_exposure(folder)
    ts = TimeSeriesExtractor(aperture_radii=[5], background=AnnulusBackground(12, 20), center="median").extract(
        simulation.paths
    )
    image = fits.getdata(simulation.paths[0], "SCI")[0]

hours = (ts["time_bjd"] - ts["time_bjd"][0]).to_value("hour")
flux = ts["aperture_sum_r5"].value
level = np.median(flux[np.asarray(simulation.truth["relative_flux"]) == 1])
kept = good(ts)
place = float(ts.meta["center_x"]), float(ts.meta["center_y"])

blue, orange = "#0072B2", "#D55E00"
figure = plt.figure(figsize=(10, 4), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=(1, 1.9))
axis = left.subplots()
axis.imshow(image, cmap="gray_r", origin="lower", vmin=np.nanpercentile(image, 1), vmax=np.nanpercentile(image, 99.7))
for radius, color in ((5, orange), (12, "#56B4E9"), (20, "#56B4E9")):
    axis.add_patch(Circle(place, radius, fill=False, color=color, linewidth=1.5))
axis.set(xlabel="x (pix)", ylabel="y (pix)", title=f"1 of {len(ts)} integrations")

curve, where, wide = right.subplots(3, 1, sharex=True, height_ratios=(2.2, 1, 1))
curve.plot(hours[kept], flux[kept] / level, ".", color="0.7", markersize=3)
few = binned(ts, 15)
at = (few["time_bjd"] - ts["time_bjd"][0]).to_value("hour")
curve.plot(at, few["aperture_sum_r5"].value / level, "o", color=blue, markersize=4)
curve.plot(hours, simulation.truth["relative_flux"], color=orange, linewidth=1)
curve.set(ylabel="aperture_sum_r5", title="what was measured in all of them, and the transit that was put in")
for name, color in (("x_gauss", blue), ("y_gauss", orange)):
    where.plot(hours, ts[name].value - np.nanmedian(ts[name].value), ".", color=color, markersize=2, label=name)
where.set(ylabel="pix")
where.legend(fontsize=8, ncols=2, loc="upper left", markerscale=4)
wide.plot(hours, ts["background"].value, ".", color="0.4", markersize=2)
wide.set(ylabel="background", xlabel="hours (BJD, TDB)")
right.align_ylabels()
