"""Scatter of light curves against the Cramer-Rao bound, on simulated exposures of a constant star.

The bound is the smallest scatter that any unbiased estimate of the star's light can have,
given the expected image, its photon and read noise, a known sky, and a position that has
to be found. 1/f noise is not in it: where rows drift, a ratio above 1 tells what they cost.
The printed table is reStructuredText.
"""

import argparse
import warnings
from dataclasses import dataclass, replace

import numpy as np
from astropy import units as u
from astropy.modeling import fitting, models
from astropy.nddata import Cutout2D
from astropy.stats import SigmaClip
from astropy.time import Time
from photutils.aperture import CircularAperture, aperture_photometry
from photutils.background import MedianBackground

from nircam_tso import FrameBackground, PSFTemplate, TimeSeriesExtractor
from nircam_tso.measure.templates import shift_images
from nircam_tso.simulate import weak_lens_psf
from nircam_tso.simulate.read_noise import CorrelatedNoise

__all__ = ["Exposure", "bound", "exposures", "main", "notebook_fluxes", "our_fluxes"]

#: Electrons of one pixel's read-out.
READ_NOISE = 12.0


@dataclass(frozen=True)
class Exposure:
    """
    A simulated exposure of a constant star.

    Attributes
    ----------
    name : str
        What the table calls it.
    cube : `~numpy.ndarray`, shape (n, ny, nx)
        Electrons.
    psf : `~nircam_tso.PSFTemplate`
        The star's image.
    flux, sky : float
        Electrons of the star, and of a pixel's sky.
    position : (float, float)
        (x, y) about which the star moves.
    radii : tuple of float
        Apertures, the plain one in the middle.
    settings : dict
        Of the extractor.
    """

    name: str
    cube: np.ndarray
    psf: PSFTemplate
    flux: float
    sky: float
    position: tuple[float, float]
    radii: tuple[float, ...]
    settings: dict


def _simulate(name, psf, n, *, flux, sky, position, radii, jitter, drifts, seed, settings):
    rng = np.random.default_rng(seed)
    shape = psf.image.shape
    x, y = (place + rng.normal(0, jitter, n) for place in position)
    cube = np.empty((n, *shape), np.float32)
    for k in range(0, n, 50):
        part = slice(k, k + 50)
        star = shift_images(psf.image, x[part] - psf.origin[0], y[part] - psf.origin[1])
        cube[part] = rng.poisson(flux * np.maximum(star, 0) + sky)
        cube[part] += READ_NOISE * rng.standard_normal(star.shape)
    if drifts:
        # Last less first group: the drifts of two frames.
        noise = CorrelatedNoise(shape, np.sqrt(2) * drifts)
        for k in range(0, n, 50):
            cube[k : k + 50] += noise.frames(rng, len(cube[k : k + 50]))
    return Exposure(name, cube, psf, flux, sky, position, radii, settings)


def exposures(n_focused, n_defocused):
    """
    The exposures of the table, one by one.

    Parameters
    ----------
    n_focused, n_defocused : int
        Integrations.

    Yields
    ------
    Exposure
    """
    focused = PSFTemplate(weak_lens_psf((64, 64), waves=0.0))
    settings = {"center": "gaussian", "background": FrameBackground()}
    common = {
        "flux": 1e6,
        "sky": 20.0,
        "position": (32.8, 30.7),
        "radii": (2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0),
    }
    common |= {"settings": settings}
    yield _simulate("64 x 64, focused", focused, n_focused, jitter=0.01, drifts=0.0, seed=1, **common)
    name = "64 x 64, focused, 1/f noise, jitter"
    drifting = _simulate(name, focused, n_focused, jitter=0.05, drifts=5.0, seed=2, **common)
    yield drifting
    yield replace(drifting, name='the same, ``striping="row"``', settings={**settings, "striping": "row"})
    yield _simulate(
        "256 x 256, weak lens",
        PSFTemplate(weak_lens_psf((256, 256))),
        n_defocused,
        flux=2e7,
        sky=20.0,
        position=(129.3, 126.8),
        radii=(60.0, 65.0, 70.0, 75.0, 80.0),
        jitter=0.02,
        drifts=0.0,
        seed=4,
        settings={"center": "median", "subframe_shape": (181, 181), "background": FrameBackground(exclude_radius=95)},
    )


def bound(exposure):
    """
    Smallest scatter of the flux, the position being free and the sky known.

    Parameters
    ----------
    exposure : Exposure
        What is measured.

    Returns
    -------
    float
        Relative to the flux.
    """
    step = 0.01
    ways = np.array([[0, 0], [step, 0], [-step, 0], [0, step], [0, -step]]) + exposure.position - exposure.psf.origin
    image, right, left, up, down = exposure.flux * shift_images(exposure.psf.image, *ways.T)
    jacobian = np.stack([image, (right - left) / (2 * step), (up - down) / (2 * step)]).reshape(3, -1)
    variance = (np.maximum(image, 0) + exposure.sky + READ_NOISE**2).ravel()
    return float(np.sqrt(np.linalg.inv((jacobian / variance) @ jacobian.T)[0, 0]))


def notebook_fluxes(exposure):
    """
    The notebook's steps with libraries, and with x and y in their places.

    The clipped median of the frame, a cross-correlation with a Gaussian, a Gaussian fit
    with equal weights from there, and an aperture about its centre.

    Parameters
    ----------
    exposure : Exposure
        What is measured.

    Returns
    -------
    `~numpy.ndarray`, shape (n,)
        Sums over the plain aperture; NaN where the fit leads out of the frame.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from image_registration import cross_correlation_shifts

    shape = exposure.settings.get("subframe_shape", (21, 21))
    middle = (shape[1] - 1) / 2, (shape[0] - 1) / 2
    estimator = MedianBackground(sigma_clip=SigmaClip(3.0, maxiters=5))
    fitter = fitting.LMLSQFitter()
    y, x = np.indices(shape)
    sigma = 0.85
    template = np.exp(-((x - middle[0]) ** 2 + (y - middle[1]) ** 2) / (2 * sigma**2))
    radius = exposure.radii[len(exposure.radii) // 2]
    frame_y, frame_x = np.indices(exposure.cube.shape[1:])
    distance = np.hypot(frame_x - exposure.position[0], frame_y - exposure.position[1])
    sky = distance > max(12.0, max(exposure.radii))
    sums = np.full(len(exposure.cube), np.nan)
    for k, image in enumerate(exposure.cube.astype(float)):
        net = image - estimator(image[sky])
        stamp = Cutout2D(net, exposure.position, shape)
        # On an odd axis this function's zero lies half a pixel off.
        dx, dy = (shift - 0.5 for shift in cross_correlation_shifts(template, stamp.data))
        start = np.clip([middle[0] + dx, middle[1] + dy], 0, [shape[1] - 1, shape[0] - 1])
        height = stamp.data[round(start[1]), round(start[0])]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit = fitter(models.Gaussian2D(height, *start, sigma, sigma), x, y, stamp.data)
        center = stamp.to_original_position((fit.x_mean.value, fit.y_mean.value))
        if np.hypot(center[0] - exposure.position[0], center[1] - exposure.position[1]) < min(shape) / 2:
            sums[k] = aperture_photometry(net, CircularAperture(center, radius), method="exact")["aperture_sum"][0]
    return sums


def our_fluxes(exposure):
    """
    Every flux that the extractor gives.

    Parameters
    ----------
    exposure : Exposure
        What is measured.

    Returns
    -------
    dict of str to `~numpy.ndarray`, shape (n,)
        By column.
    """
    extractor = TimeSeriesExtractor(
        aperture_radii=exposure.radii,
        position=exposure.position,
        template=exposure.psf,
        gain=1.0,
        read_noise=READ_NOISE,
        **exposure.settings,
    )
    when = Time(60000 * u.day, np.arange(len(exposure.cube)) * u.s, format="mjd")
    ts = extractor.extract(exposure.cube, times=when, unit="electron")
    names = [f"aperture_sum_r{radius:g}" for radius in exposure.radii]
    return {name: ts[name].value for name in (*names, "psf_flux")}


def _scatter(values):
    """Relative scatter of a light curve of a constant star."""
    return float(np.nanstd(values, ddof=1) / np.nanmean(values))


def _table(header, rows):
    widths = [max(len(row[k]) for row in (header, *rows)) for k in range(len(header))]
    rule = "  ".join("=" * width for width in widths)
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    title = "  ".join(cell.ljust(width) for cell, width in zip(header, widths, strict=True)).rstrip()
    return "\n".join([rule, title, rule, *lines, rule])


def main(args=None):
    """
    Simulate, measure and print the table.

    Parameters
    ----------
    args : list of str, optional
        Arguments; by default the command line's.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--integrations", type=int, default=1000, help="integrations of a focused star (default 1000)")
    parser.add_argument("--defocused", type=int, default=400, help="integrations of the weak lens (default 400)")
    options = parser.parse_args(args)
    header = ("Exposure", "Rows", "Bound", "Notebook's method", "Aperture", "Best aperture", "``psf_flux``")
    rows = []
    for exposure in exposures(options.integrations, options.defocused):
        limit = bound(exposure)
        ours = our_fluxes(exposure)
        plain = exposure.radii[len(exposure.radii) // 2]
        scatters = {radius: _scatter(ours[f"aperture_sum_r{radius:g}"]) for radius in exposure.radii}
        best = min(scatters, key=scatters.get)

        def cell(scatter, radius=None, limit=limit):
            where = "" if radius is None else f", r = {radius:g}"
            return f"{scatter / limit:.3f} ({1e6 * scatter:.0f} ppm{where})"

        rows.append(
            (
                exposure.name,
                f"{len(exposure.cube)}",
                f"{1e6 * limit:.0f} ppm",
                cell(_scatter(notebook_fluxes(exposure)), plain),
                cell(scatters[plain], plain),
                cell(scatters[best], best),
                cell(_scatter(ours["psf_flux"])),
            )
        )
    print(_table(header, rows))
    print("\nScatter over the bound, sure to 0.7 / sqrt(rows) of itself.")


if __name__ == "__main__":
    main()
