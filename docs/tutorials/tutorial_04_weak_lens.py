"""
Weak-lens photometry with a PSF
===============================

Bright stars are observed through a weak lens, which spreads their light over a hexagon some 130
pixels across. A Gaussian means nothing there. What takes its place: a template to find the star
by, wide apertures, and ``psf_flux``.
"""

# %%
# A star out of focus
# -------------------
#
# `~nircam_tso.simulate.weak_lens_psf` is a Fourier model of the segmented mirror with eight
# waves of defocus. Here it makes both the star and, later, the template. For real data take a
# PSF of STPSF: `~nircam_tso.PSFTemplate` reads its FITS files, and bins a finer one to the
# detector's pixels.

from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np

from nircam_tso import HexagonShape, PSFTemplate, TimeSeriesExtractor, scatter
from nircam_tso.inspect import plotting
from nircam_tso.simulate import simulate_exposure, transit_light_curve, weak_lens_psf

folder = TemporaryDirectory()
psf = weak_lens_psf((193, 193))
n, middle = 120, 59.5
planet = {
    "t0": middle,
    "period": 600,
    "a_rs": 6,
    "inclination": 89,
    "depth": 2e-3,
    "limb_darkening": (0.1, 0.15),
}
simulation = simulate_exposure(
    folder.name,
    product="calints",
    filter="F210M",
    pupil="WLP8",
    shape=(256, 280),
    position=(143.3, 126.8),
    n_integrations=n,
    flux=8e6,
    psf=psf,
    sky=1.5,
    read_noise=12,
    n_groups=4,
    frame_time=1.0,
    jitter="1 mas",
    light_curve=transit_light_curve(np.arange(n), **planet),
    dead_fraction=0.002,
)

# %%
# Settings
# --------
#
# The preset ``weak-lens-8`` is chosen by PUPIL: subframes of 181 pixels, radii from 60 to 90,
# the sky outside of 92. Its template is the median image of the series, which is right whatever
# the lens did. Two things are added: the PSF as template, and a hexagon, which follows the
# outline of the light and so takes in less sky than a circle.

by_median = TimeSeriesExtractor.for_source(folder.name)
hexagon = HexagonShape.across_flats(142)
by_psf = TimeSeriesExtractor.for_source(
    folder.name, template=PSFTemplate(psf), aperture_shapes={"hexagon": hexagon}
)
print(
    f"preset {by_psf.preset}: radii {by_psf.aperture_radii}, subframe {by_psf.subframe_shape}"
)

ts_median, ts = by_median.extract(folder.name), by_psf.extract(folder.name)
plotting.plot_image(ts, folder.name, row=0)

# %%
# Dead pixels (yellow) are in every such aperture. They are bad in all integrations, so that the
# same mask leaves them out of each, ``aperture_area`` says how much is left, and no row is
# flagged:

print(f"flagged rows: {(ts['quality'] != 0).sum()}")
print(f"good area within 70 px: {ts['aperture_area_r70'][0]:.1f} of {np.pi * 70**2:.1f}")

# %%
# Where is the star?
# ------------------
#
# ``x_cc`` and ``y_cc`` come from the correlation with the template and a least-squares step
# behind it. With the PSF they are the position of the telescope's axis; with the median image
# the same motion is seen, from another zero point. The Gaussian fit of such a star measures
# nothing, which is why a failed one sets no quality bit here.

for label, table in (("PSF", ts), ("median", ts_median)):
    for axis in "xy":
        residual = (table[f"{axis}_cc"] - simulation.truth[axis]).value
        error = np.median(table[f"{axis}_cc_err"].value)
        numbers = (
            f"offset {residual.mean():+.4f}, scatter {residual.std():.4f}, error {error:.4f} px"
        )
        print(f"{label:6} {axis}: {numbers}")

# %%
# How much light, how much noise
# ------------------------------
#
# ``psf_flux`` weighs every pixel by the light that it should have. The scatter is that of
# neighbouring rows; beside it stands what the product's own errors say. With 120 rows the
# scatter is sure to 12 % only, so that the errors tell more about which is best.

columns = [f"aperture_sum_r{radius:g}" for radius in by_psf.aperture_radii]
columns += ["aperture_sum_hexagon", "psf_flux"]
found, told = {}, {}
for name in columns:
    error = ts["psf_flux_err" if name == "psf_flux" else name.replace("sum", "sum_err")]
    found[name], told[name] = scatter(ts, name), 1e6 * np.median((error / ts[name]).value)
    numbers = f"{found[name].ppm:4.0f} +- {found[name].error_ppm:2.0f} ppm"
    print(f"{name:21} {numbers}, error {told[name]:4.0f} ppm")

# %%
# The growth of the light with the radius says where the star ends. Beyond its edge a larger
# circle adds only noise of the sky and of the readout.

plotting.plot_growth(ts)

# %%
# The transit
# -----------

relative = np.asarray(simulation.truth["relative_flux"])
outside = relative == 1
figure, axis = plt.subplots(figsize=(7, 4.2), layout="constrained")
for i, name in enumerate(["aperture_sum_r70", "aperture_sum_hexagon", "psf_flux"]):
    level = ts[name][outside].mean()
    (slope, _), covariance = np.polyfit(relative, ts[name] / level, 1, cov=True)
    print(f"{name:21} depth over that put in {slope:.3f} +- {covariance[0, 0] ** 0.5:.3f}")
    axis.plot(ts["integration"], ts[name] / level - 0.003 * i, ".", label=name)
    axis.plot(ts["integration"], relative - 0.003 * i, color="black", linewidth=0.8)
axis.set(xlabel="integration", ylabel="relative flux, each 0.003 lower", ylim=(None, 1.002))
axis.legend(ncols=3, fontsize=8, loc="upper center")

# %%
# The noise of a star as bright as this is that of its photons, so that ``psf_flux`` is no
# better than a good aperture. Of a faint star it is the quietest sum, if the template is the
# star's image and there is no 1/f noise. Where the focus breathes it changes the flux, and a
# large aperture does not: look at both. :doc:`/photometry` has the formulas, and
# :doc:`/precision` the scatter of either against the best that could be had.

folder.cleanup()
plt.show()
