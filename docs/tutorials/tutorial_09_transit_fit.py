"""
From a TimeSeries to a transit fit
==================================

The product is a plain `~astropy.timeseries.TimeSeries`, so that other tools take it as it is.
Here a transit is found with astropy's `~astropy.timeseries.BoxLeastSquares`, fitted with scipy,
and handed to batman and lightkurve where these are installed.
"""

# %%
# The light curve
# ---------------
#
# A simulated transit of about 1 %, whose planet is ``nircam_tso.simulate.DEMO_TRANSIT``.
# Transits are timed at the barycentre of the solar system, in TDB: column ``time_bjd``.

import json
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u
from astropy.timeseries import BoxLeastSquares
from scipy.optimize import curve_fit

from nircam_tso import TimeSeriesExtractor, allan, good, to_lightkurve
from nircam_tso.simulate import DEMO_TRANSIT, demo_exposure, transit_light_curve

folder = TemporaryDirectory()
simulation = demo_exposure(folder.name)
ts = TimeSeriesExtractor.for_source(folder.name, aperture_radii=[3, 5]).extract(folder.name)
folder.cleanup()

use = good(ts)
time = ts["time_bjd"][use]
flux, error = ts["aperture_sum_r5"][use], ts["aperture_sum_err_r5"][use]
print(f"{len(time)} good rows from {time[0].isot} TDB")

# %%
# A box
# -----
#
# One visit holds one transit and cannot tell the period, which is known from elsewhere. With
# the period fixed, the box finds when the transit is, its length and a first depth.

period = DEMO_TRANSIT["period"] * u.day
bls = BoxLeastSquares(time, flux, error)
durations = np.linspace(1, 3, 21) * u.hour
found = bls.power([period.value] * u.day, durations)
stats = bls.compute_stats(period, found.duration[0], found.transit_time[0])
level = np.median(
    flux[~bls.transit_mask(time, period, 1.3 * found.duration[0], found.transit_time[0])]
)
box_depth, box_error = (1e6 * (value / level).to_value("") for value in stats["depth"])
print(f"box at {found.transit_time[0].isot}, {found.duration[0].to(u.hour):.2f} long")
print(f"depth {box_depth:.0f} +- {box_error:.0f} ppm")

# %%
# A planet
# --------
#
# `~nircam_tso.simulate.transit_light_curve` is a planet on a circular orbit in front of a
# limb-darkened star. Free are the time, the planet's radius, the size of the orbit, and a
# straight line for what is slow. Inclination and limb darkening are held at their values; in
# earnest they too are uncertain.

reference = found.transit_time[0]
days = (time - reference).to_value(u.day)
relative, sigma = (flux / level).to_value(""), (error / level).to_value("")


def model(days, t0, rp, a_rs, base, slope):
    """Relative flux of star and planet."""
    planet = {"t0": t0, "rp": rp, "a_rs": a_rs, "period": period.value}
    fixed = {name: DEMO_TRANSIT[name] for name in ("inclination", "limb_darkening")}
    return (base + slope * days) * transit_light_curve(days, **planet, **fixed)


start = [0, np.sqrt(box_depth / 1e6), 12, 1, 0]
values, covariance = curve_fit(model, days, relative, start, sigma, absolute_sigma=True)
errors = np.sqrt(np.diag(covariance))
residual = relative - model(days, *values)
chi2 = np.sum((residual / sigma) ** 2) / (len(days) - len(values))

# %%
# What came out, what was put in (the transit lies in the middle of the exposure), and the
# difference in errors:

true_t0 = (simulation.truth["time_bjd"][[0, -1]] - reference).to_value(u.day).mean()
put_in = [true_t0, np.sqrt(DEMO_TRANSIT["depth"]), DEMO_TRANSIT["a_rs"]]
names = ["t0 (days from the box)", "rp / rs", "a / rs"]
for name, value, one, truth in zip(names, values, errors, put_in, strict=False):
    pull = (value - truth) / one
    print(f"{name:24} {value:9.5f} +- {one:.5f}, put in {truth:9.5f}, off by {pull:+.1f} sigma")
print(f"mid-transit {(reference + values[0] * u.day).jd:.5f} +- {errors[0]:.5f} BJD (TDB)")
print(f"reduced chi-squared {chi2:.2f}")

# %%
# A chi-squared near 1 says that the errors of the product are those of the light curve. Whether
# what is left is white, `~nircam_tso.allan` tells; a red factor far above 1 would mean that the
# errors of the fit are too small.

curve = allan(1 + residual)
print(f"red factor in bins of {curve.size[-1]} rows: {curve.red_factor[-1]:.2f}")

figure, (top, bottom) = plt.subplots(
    2, 1, figsize=(7, 5), layout="constrained", sharex=True, height_ratios=[2, 1]
)
hours = 24 * days
top.plot(hours, relative, ".", color="0.6")
top.plot(hours, model(days, *values), color="#D55E00", label="fit")
half = found.duration[0].to_value(u.hour) / 2
box = np.where(np.abs(hours) < half, 1 - box_depth / 1e6, 1)
top.plot(hours, box, "k--", linewidth=1, label="box")
top.set(ylabel="relative flux, r = 5 px")
top.legend()
bottom.errorbar(hours, 1e6 * residual, 1e6 * sigma, fmt=".", color="0.6", elinewidth=0.4)
bottom.axhline(0, color="#D55E00")
bottom.set(xlabel="hours from the box", ylabel="residual (ppm)")

# %%
# With batman
# -----------
#
# `batman <https://lkreidberg.github.io/batman>`_ computes the same light curve, and eccentric
# orbits and other laws of limb darkening too.

try:
    import batman
except ImportError:
    print("batman is not installed: python -m pip install batman-package")
else:
    planet = batman.TransitParams()
    planet.t0, planet.rp, planet.a = values[:3]
    planet.per, planet.inc = period.value, DEMO_TRANSIT["inclination"]
    planet.ecc, planet.w = 0.0, 90.0
    planet.limb_dark, planet.u = "quadratic", list(DEMO_TRANSIT["limb_darkening"])
    theirs = batman.TransitModel(planet, days).light_curve(planet)
    ours = model(days, *values[:3], 1, 0)
    print(f"batman and the model above differ by {1e6 * np.abs(theirs - ours).max():.1g} ppm")

# %%
# With lightkurve
# ---------------
#
# `~nircam_tso.to_lightkurve` makes a light curve of one radius, with centres, sky and quality
# in it.

try:
    curve = to_lightkurve(ts, 5)[use]
except ImportError as error:
    print(error)
else:
    mid = (reference + values[0] * u.day).copy("jd")
    flat = curve.flatten(
        window_length=301, mask=np.abs((curve.time - mid).to(u.hour)) < 1.2 * u.hour
    )
    folded = flat.fold(period=period, epoch_time=mid).bin(time_bin_size=10 * u.min)
    print(
        f"{len(curve)} rows, {len(folded)} bins, deepest {1 - np.nanmin(folded.flux.value):.4f}"
    )

# %%
# For everything else there is `~nircam_tso.to_pandas`, and the file itself, which plain h5py
# reads. What was done is in it:

settings = json.loads(ts.meta["provenance"])["settings"]
print(settings["aperture_radii"], settings["center"], settings["preset"])
plt.show()
