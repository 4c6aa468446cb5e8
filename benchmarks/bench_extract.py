"""Time of a whole extraction against the same method written with libraries alone.

The libraries' way takes one integration at a time: photutils' clipped median of the frame,
image_registration's cross-correlation, astropy's Levenberg-Marquardt fit of a Gaussian,
photutils' apertures. Both ways measure the same simulated cube, and the script says by how much they differ.
"""

import argparse
import os
import time
import warnings

import numpy as np
from astropy import units as u
from astropy.modeling import fitting, models
from astropy.nddata import Cutout2D
from astropy.stats import SigmaClip
from astropy.time import Time
from photutils.aperture import CircularAperture, aperture_photometry
from photutils.background import MedianBackground

from benchmarks.sources import make_cube
from nircam_tso import TimeSeriesExtractor

__all__ = ["extract_with_libraries", "main"]

RADII = (3.0, 5.0, 8.0)
STAMP = (21, 21)
EXCLUDE_RADIUS = 12.0
TEMPLATE_FWHM = 2.0


def extract_with_libraries(cube):
    """
    Measure a cube by calling libraries, one integration at a time.

    Parameters
    ----------
    cube : `~numpy.ndarray`, shape (n, ny, nx)
        Images.

    Returns
    -------
    dict of str to `~numpy.ndarray`, shape (n,)
        ``background``, ``x_gauss``, ``y_gauss`` and the aperture sums.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from image_registration import cross_correlation_shifts

    n, ny, nx = cube.shape
    frame_y, frame_x = np.mgrid[:ny, :nx]
    near = np.hypot(frame_x - (nx - 1) / 2, frame_y - (ny - 1) / 2) <= EXCLUDE_RADIUS
    estimator = MedianBackground(sigma_clip=SigmaClip(3.0, maxiters=5))
    fitter = fitting.LevMarLSQFitter()
    stamp_y, stamp_x = np.mgrid[: STAMP[0], : STAMP[1]]
    middle = (STAMP[1] - 1) / 2, (STAMP[0] - 1) / 2
    sigma = TEMPLATE_FWHM / (2 * np.sqrt(2 * np.log(2)))
    template = np.exp(-((stamp_x - middle[0]) ** 2 + (stamp_y - middle[1]) ** 2) / (2 * sigma**2))
    names = ["background", "x_gauss", "y_gauss", *(f"aperture_sum_r{r:g}" for r in RADII)]
    result = {name: np.empty(n) for name in names}
    for i, image in enumerate(cube):
        level = estimator(image[~near])
        image = image - level
        stamp = Cutout2D(image, ((nx - 1) / 2, (ny - 1) / 2), STAMP)
        # On an odd axis this function's zero lies half a pixel off.
        dx, dy = (shift - 0.5 for shift in cross_correlation_shifts(template, stamp.data))
        x0, y0 = middle[0] + dx, middle[1] + dy
        start = models.Gaussian2D(stamp.data[round(y0), round(x0)], x0, y0, sigma, sigma)
        fit = fitter(start, stamp_x, stamp_y, stamp.data)
        x, y = stamp.to_original_position((fit.x_mean.value, fit.y_mean.value))
        result["background"][i] = level
        result["x_gauss"][i], result["y_gauss"][i] = x, y
        sums = aperture_photometry(image, [CircularAperture((x, y), r) for r in RADII])
        for k, r in enumerate(RADII):
            result[f"aperture_sum_r{r:g}"][i] = sums[f"aperture_sum_{k}"][0]
    return result


def _seconds(function, repeats):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return min(times), max(times), result


def main(args=None):
    """
    Run the benchmark and print its figures.

    Parameters
    ----------
    args : list of str, optional
        Arguments; by default the command line's.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--integrations", type=int, default=1000, help="integrations in the cube (default 1000)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each way; the fastest counts (default 3)")
    options = parser.parse_args(args)

    cube, _ = make_cube(options.integrations)
    when = Time(60000 * u.day, np.arange(len(cube)) * u.s, format="mjd")
    extractor = TimeSeriesExtractor(aperture_radii=RADII, subframe_shape=STAMP, template_fwhm=TEMPLATE_FWHM)
    # The first call of either way imports; ours also compiles, or loads what was compiled before.
    first, _, _ = _seconds(lambda: extractor.extract(cube[:8], times=when[:8]), 1)
    ours, ours_worst, ts = _seconds(lambda: extractor.extract(cube, times=when), options.repeats)
    extract_with_libraries(cube[:2])
    theirs, theirs_worst, table = _seconds(lambda: extract_with_libraries(cube), options.repeats)

    n = len(cube)
    print(f"{n} integrations of {cube.shape[1]} x {cube.shape[2]} pixels, {os.cpu_count()} processors")
    print(f"first call:        {first:8.2f} s")
    for name, best, worst in (("nircam_tso", ours, ours_worst), ("libraries", theirs, theirs_worst)):
        print(f"{name + ':':18} {best:8.3f} s (slowest {worst:.3f}), {1e6 * best / n:8.0f} us per integration")
    print(f"ratio:             {theirs / ours:8.1f}")
    for name, values in table.items():
        difference = np.abs(np.asarray(ts[name]) - values).max()
        print(f"largest difference of {name}: {difference:.2g}")


if __name__ == "__main__":
    main()
