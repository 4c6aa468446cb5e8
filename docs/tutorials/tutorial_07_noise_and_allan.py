"""
Noise, and how it falls
=======================

How far a light curve is from what photons allow, and whether its noise falls as rows are put
together. Noise that does not is what hides shallow transits.
"""

# %%
# A star that is watched for half an hour
# ---------------------------------------
#
# A constant star, 1000 integrations. The pixels respond unevenly, by 1 % from pixel to pixel,
# and the pointing wanders slowly by some tenths of a pixel, so that the flux follows the star's
# position. In the first minutes the detector settles.

from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np

from nircam_tso import (
    TimeSeriesExtractor,
    allan,
    decorrelation_vectors,
    find_settling,
    linear_detrend,
    photon_noise,
    scatter,
)
from nircam_tso.inspect import plotting
from nircam_tso.simulate import PixelDefects, Settling, simulate_exposure

folder = TemporaryDirectory()
n = 1000
phase = 2 * np.pi * np.arange(n) / n
path = np.column_stack(
    [31.4 + 0.15 * np.sin(1.7 * phase), 26.2 + 0.12 * np.cos(2.6 * phase + 1)]
)
simulation = simulate_exposure(
    folder.name,
    n_integrations=n,
    shape=(56, 64),
    position=path,
    stddev=1.1,
    pixel_integrated=True,
    flux=1.2e6,
    sky=3,
    n_groups=4,
    frame_time=0.4,
    jitter=0.005,
    settling=Settling(-5e-3, 120),
    pixels=PixelDefects(response_scatter=0.01),
)
ts = TimeSeriesExtractor(
    aperture_radii=[3, 4, 5], gain=simulation.settings.gain, read_noise=11
).extract(folder.name)

# %%
# Three numbers
# -------------
#
# The scatter of neighbouring rows, the errors that the product quotes, and the noise of the
# star's own photons, all relative to the flux:

name = "aperture_sum_r4"
flux, error = ts[name].value, ts["aperture_sum_err_r4"].value
found = scatter(ts, name)
print(f"from row to row   {found.ppm:.0f} +- {found.error_ppm:.0f} ppm")
print(f"quoted error      {1e6 * np.median(error / flux):.0f} ppm")
print(f"photons alone     {photon_noise(ts, name):.0f} ppm")
print(f"whole series      {scatter(ts, name, method='std').ppm:.0f} ppm")

# %%
# From row to row the light curve is as quiet as its errors say. Over the whole series it
# scatters more: there is something slow in it.
#
# Putting rows together
# ---------------------
#
# White noise falls with the square root of the number of rows. `~nircam_tso.allan` measures how
# this light curve does:

curve = allan(ts, name)
at = np.abs(curve.duration - 60).argmin()
print(f"scatter in {curve.duration[at]:.0f} s: {curve.ppm[at]:.0f} ppm")
print(f"white noise would leave {curve.white_ppm[at]:.0f} ppm")
print(f"the ratio of the two, the red factor: {curve.red_factor[at]:.1f}")

# %%
# What is slow?
# -------------
#
# `~nircam_tso.find_settling` looks for a drift that dies away in the first minutes:

settling = find_settling(ts, name)
print(f"found: {settling.found}, time scale {settling.timescale:.0f} s")
print(f"height {settling.amplitude_ppm:.0f} +- {settling.amplitude_err_ppm:.0f} ppm")
print(f"too small to see after {settling.duration:.0f} s")

# %%
# It cuts nothing; whether to leave these rows out is for you to say. Then, does the flux follow
# the star's centre?

since = (ts["time"] - ts["time"][0]).sec
settled = since > settling.duration
plotting.plot_correlation(
    ts, [name, "x_gauss", "y_gauss", "x_stddev", "background"], rows=settled
)

# %%
# It does. A linear fit of the centres takes that away. With a transit in the series, fit rows
# out of transit only (``rows=``), or fit both together.

vectors = decorrelation_vectors(ts, ["x_gauss", "y_gauss"], rows=settled)
clean = linear_detrend(ts, vectors, name, rows=settled)
for label, value, sigma in zip(clean.names, clean.coefficients, clean.errors, strict=True):
    print(f"{label:8} {1e6 * value:9.0f} +- {1e6 * sigma:3.0f} ppm")

# %%
# Before and after
# ----------------

figure, (top, bottom) = plt.subplots(2, 1, figsize=(7, 7), layout="constrained")
level = np.median(flux[settled])
top.plot(since / 60, flux / level, ".", markersize=3, color="0.6", label="measured")
top.plot(
    since[settled] / 60,
    clean.flux[settled] - 0.005,
    ".",
    markersize=3,
    color="#0072B2",
    label="detrended",
)
top.set(xlabel="minutes", ylabel="relative flux")
top.legend(loc="lower right", ncols=2)

after = allan(clean.flux[settled])
for label, one, color in (
    ("measured", allan(ts, name, rows=settled), "0.6"),
    ("detrended", after, "#0072B2"),
):
    bottom.errorbar(
        one.size, one.ppm, one.error_ppm, fmt="o", markersize=4, color=color, label=label
    )
bottom.plot(after.size, after.white_ppm, "k--", label="white noise")
bottom.set(xscale="log", yscale="log", xlabel="rows in a bin", ylabel="scatter (ppm)")
bottom.legend()
print(f"red factor in bins of {after.size[-1]} rows: {after.red_factor[-1]:.2f}")

# %%
# The fit is linear in x and y while the response of real pixels is not, so that what is left
# may not fall all the way. ``plot_allan`` draws the same for one light curve. ``kind="allan"``
# takes the overlapping Allan deviation, which slow drifts disturb less. Few bins are left at
# the right of such a figure: the last points are uncertain, as their bars say.
#
# :doc:`/errors` tells what the quoted errors hold, :doc:`/precision` how near to the best they
# come.

folder.cleanup()
plt.show()
