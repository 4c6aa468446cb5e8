"""
Choosing sky, centre and aperture
=================================

Which settings give the quietest light curve depends on the exposure. The way to choose is to
measure with several and compare, which takes seconds. Compare on rows without a transit, or by
differences of neighbours, never by what the transit should look like.
"""

# %%
# A star that moves over noise that has stripes
# ---------------------------------------------
#
# 250 integrations of a constant star. It drifts by half a pixel and jitters by 0.03 px. The
# readout has 1/f noise, which makes rows of the image brighter or fainter together.

from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt

from nircam_tso import (
    AnnulusBackground,
    FrameBackground,
    LineBackground,
    TimeSeriesExtractor,
    best_aperture,
    scatter,
)
from nircam_tso.simulate import simulate_exposure

folder = TemporaryDirectory()
simulation = simulate_exposure(
    folder.name,
    n_integrations=250,
    shape=(96, 104),
    position=(55.3, 45.8),
    stddev=1.1,
    pixel_integrated=True,
    flux=1e5,
    sky=20,
    n_groups=6,
    frame_time=1.0,
    correlated_noise=5,
    jitter=0.03,
    drift=(0.5, 0.2),
    dead_fraction=0.001,
)

# %%
# The radius
# ----------
#
# More radii cost next to nothing, so take many. A small circle loses light that moves with the
# star, a large one collects the noise of the sky and of the readout.

radii = [1.5, 2, 2.5, 3, 3.5, 4, 5, 6, 8, 10]


def measure(**settings):
    """Scatter of the constant star by radius, and with the PSF for weights."""
    ts = TimeSeriesExtractor(aperture_radii=radii, **settings).extract(folder.name)
    return best_aperture(ts, method="std"), scatter(ts, "psf_flux", method="std")


def tell(label, result):
    """One line of a table."""
    best, psf = result
    error = best.error_ppm[best.ppm.argmin()]
    numbers = f"{best.ppm.min():5.0f} +- {error:2.0f} ppm at r = {best.radius:g}"
    print(f"{label:28}{numbers}, psf_flux {psf.ppm:.0f} ppm")


# %%
# The sky
# -------
#
# The median of the frame, that of an annulus about the star, the same with 1/f noise taken off
# first, and a level for each row from the pixels beside the star:

near = AnnulusBackground(14, 30)
skies = {
    "frame": {"background": FrameBackground()},
    "annulus 14 to 30": {"background": near},
    "annulus, striping='row'": {"background": near, "striping": "row"},
    "level of each row": {"background": LineBackground()},
}
by_sky = {label: measure(**settings) for label, settings in skies.items()}
for label, result in by_sky.items():
    tell(label, result)

# %%
# With stripes, whatever removes them wins, and large circles gain most (figure below, in which
# the last two lie upon each other). All four saw the same noise, so that their differences are
# surer than the error of each. Without stripes the choice would hardly matter. A correction
# that is not needed adds a little noise of its own, which is why none is on by default.
#
# The centre
# ----------
#
# Apertures may follow the star from row to row or stay in one position:

centres = {
    "follow the Gaussian": {"center": "gaussian"},
    "follow the correlation": {"center": "cross-correlation"},
    "one position": {"center": "median"},
    "follow the centre of light": {"center": "centroid"},
}
by_centre = {
    label: measure(background=near, striping="row", **settings)
    for label, settings in centres.items()
}
for label, result in by_centre.items():
    tell(label, result)

# %%
# This star drifts by half a pixel, hundreds of times what its centre is uncertain by, so
# apertures have to follow it, by whichever centre (three lines of the figure are one); in one
# position small circles lose the star. With a pointing that holds to some 0.01 px, as JWST's
# does, ``center="median"`` is the better choice, above all for faint stars: it adds no noise of
# the centre to the flux. ``psf_flux`` follows the star whatever ``center`` is, and so is the
# same.

figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained", sharey=True)
for axis, results in zip(axes, (by_sky, by_centre), strict=True):
    for label, (best, _) in results.items():
        axis.errorbar(
            best.radii, best.ppm, best.error_ppm, marker="o", markersize=4, label=label
        )
    axis.set(xlabel="radius (pix)", yscale="log")
    axis.legend(fontsize=8)
axes[0].set(ylabel="scatter of a constant star (ppm)", title="sky")
axes[0].set_yticks(
    [1500, 2000, 3000, 4000, 6000], labels=["1500", "2000", "3000", "4000", "6000"]
)
axes[0].minorticks_off()
axes[1].set(title="centre")

# %%
# A choice by scatter alone can deceive, since the smallest scatter is that of a light curve
# whose transit is smoothed away. None of these settings can do that: each row is measured by
# itself. Detrending can, which is why it is fitted together with the transit.
#
# :doc:`/backgrounds`, :doc:`/striping`, :doc:`/centring` and :doc:`/photometry` tell when to
# choose which; :doc:`/precision` how far the best is from what photons allow.

folder.cleanup()
plt.show()
