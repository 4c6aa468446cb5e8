"""Time of each step of the method on a block in memory, with one thread."""

import argparse
import statistics
import time

import numpy as np
from astropy.stats import SigmaClip
from photutils.background import MedianBackground

from benchmarks.sources import make_cube
from benchmarks.timing import seconds
from nircam_tso.io.sources import open_exposure
from nircam_tso.measure.background import FrameBackground, estimate_background
from nircam_tso.measure.centroid import Correlator, flux_weighted_centers
from nircam_tso.measure.gaussian import evaluate_gaussians, fit_gaussians
from nircam_tso.measure.photometry import aperture_sums, psf_fluxes
from nircam_tso.measure.stamps import cut_stamps, stamp_start
from nircam_tso.measure.templates import GaussianTemplate, template_on_grid

__all__ = ["main", "steps"]

RADII = (3.0, 5.0, 8.0)
STAMP = (21, 21)


def steps(n, shape):
    """
    The steps of the method, each ready to be called.

    Parameters
    ----------
    n : int
        Integrations of the block.
    shape : (int, int)
        (ny, nx) of a frame.

    Returns
    -------
    dict of str to callable
    """
    cube, centers = make_cube(n, shape)
    x, y = centers.T
    place = (float(x.mean()), float(y.mean()))
    sky = FrameBackground()
    footprint = sky.footprint(shape, place)
    images = cube.astype(np.float32)
    bad = np.zeros(cube.shape, bool)
    light = cube - 50.0
    starts = stamp_start(place, STAMP)
    stamps = cut_stamps(light, *starts, STAMP)
    correlator = Correlator(*template_on_grid(GaussianTemplate(2.0), STAMP)[:2])
    variance = np.full(STAMP, 100.0)
    weights = 1.0 / variance
    x_stamp, y_stamp = x - starts[0], y - starts[1]
    psf = evaluate_gaussians(STAMP, 0.1, x_stamp, y_stamp, 1.05, 0.95)
    noise = np.full(cube.shape, 100.0)
    return {
        "clipped median of the frame": lambda: estimate_background(images, footprint, sky),
        "stamps": lambda: cut_stamps(light, *starts, STAMP),
        "cross-correlation with errors": lambda: correlator.centers(stamps, variance=variance),
        "flux-weighted centre": lambda: flux_weighted_centers(stamps, variance=variance),
        "Gaussian fit": lambda: fit_gaussians(stamps, x_stamp, y_stamp, weights=weights, sandwich=True),
        "PSF images": lambda: evaluate_gaussians(STAMP, 0.1, x_stamp, y_stamp, 1.05, 0.95),
        "PSF-weighted flux": lambda: psf_fluxes(stamps, psf, weights),
        "three apertures with errors": lambda: aperture_sums(light, x, y, RADII, bad=bad, variance=noise),
    }


def once(n, shape, repeats):
    """
    Time what comes once for a series, however long: the plan, and the search for 1/f noise.

    Parameters
    ----------
    n : int
        Integrations of the series.
    shape : (int, int)
        (ny, nx) of a frame.
    repeats : int
        How often; the medians count.

    Returns
    -------
    plan, search : float
        Seconds of each on all threads that it takes. The search goes on beside the loop.
    """
    from nircam_tso import TimeSeriesExtractor
    from nircam_tso.extractor.plan import make_plans

    cube, _ = make_cube(n, shape, distinct=50, dtype=np.float32)
    exposure, extractor = open_exposure(cube), TimeSeriesExtractor()
    _, search = make_plans(extractor, exposure)
    search()
    parts = [(seconds(make_plans, extractor, exposure), seconds(search)) for _ in range(repeats)]
    return tuple(statistics.median(part) for part in zip(*parts, strict=True))


def main(args=None):
    """
    Run the benchmark and print its figures.

    Parameters
    ----------
    args : list of str, optional
        Arguments; by default the command line's.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--integrations", type=int, default=250, help="integrations in the block (default 250)")
    parser.add_argument("--size", type=int, default=64, help="pixels along each axis of a frame (default 64)")
    parser.add_argument("--repeats", type=int, default=7, help="runs of each step; the fastest counts (default 7)")
    options = parser.parse_args(args)
    shape = (options.size, options.size)
    print(f"{options.integrations} integrations of {shape[0]} x {shape[1]} pixels, one thread, processor time")
    for name, step in steps(options.integrations, shape).items():
        step()
        times = []
        for _ in range(options.repeats):
            start = time.thread_time()
            step()
            times.append(time.thread_time() - start)
        print(f"{name:32} {1e6 * min(times) / options.integrations:8.2f} us per integration")
    image = make_cube(2, shape)[0]
    estimator = MedianBackground(sigma_clip=SigmaClip(3.0, maxiters=5))
    start = time.thread_time()
    for _ in range(20):
        estimator(image[0])
    print(f"{'(photutils, clipped median)':32} {1e6 * (time.thread_time() - start) / 20:8.2f} us per integration")
    plan, search = once(500, shape, options.repeats)
    print(
        f"What comes once for a series: {1e3 * plan:.0f} ms before the loop, and {1e3 * search:.0f} ms of the "
        "search for 1/f noise beside it"
    )


if __name__ == "__main__":
    main()
