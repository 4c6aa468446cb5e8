"""The notebook's method of 2016, one integration after another, with the libraries that it calls.

Its steps are those of the notebook, in its order, ported to the libraries of today and
freed of its faults (a star anywhere, several radii): the frame's plain median, a
Gaussian at the expected place correlated with the subframe by image_registration, the
same Gaussian fitted by astropy's LevMarLSQFitter from there, photutils' aperture
photometry for each radius, and a row appended to a pandas table.
"""

import warnings

import numpy as np
from astropy.modeling import fitting, models
from pandas import DataFrame
from photutils.aperture import CircularAperture, aperture_photometry

__all__ = ["extract_as_notebook"]


def extract_as_notebook(cube, radii, half=10, stddev=2.0):
    """
    Measure a cube by the notebook's method.

    Parameters
    ----------
    cube : `~numpy.ndarray`, shape (n, ny, nx)
        Images.
    radii : sequence of float
        Radii of the apertures in pixels.
    half : int, optional
        Half the side of the subframe.
    stddev : float, optional
        Standard deviation from which the fit starts, in pixels.

    Returns
    -------
    `~pandas.DataFrame`
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from image_registration import cross_correlation_shifts

    columns = [f"aperture phot {radius:.1f}" for radius in radii]
    columns += ["gaussian amplitude", "gaussian y center", "gaussian x center", "gaussian y width"]
    columns += ["gaussian x width", "cross corr y center", "cross corr x center", "sky background"]
    table = DataFrame(columns=columns)
    for image in cube:
        sky = np.median(image)
        middle = 0.5 * np.array(image.shape)
        rows, columns = (slice(int(place) - half, int(place) + half) for place in middle)
        subframe = image[rows, columns].copy()
        frame_y, frame_x = np.indices(image.shape)
        y, x = frame_y[rows, columns], frame_x[rows, columns]
        fitter = fitting.LevMarLSQFitter()
        start = models.Gaussian2D(
            amplitude=image.max(), x_mean=middle[1], y_mean=middle[0], x_stddev=stddev, y_stddev=stddev, theta=0.0
        )
        dx, dy = cross_correlation_shifts(start(x, y), subframe)
        fit = fitter(start, x, y, subframe - sky)
        place = (fit.x_mean.value - columns.start, fit.y_mean.value - rows.start)
        sums = [aperture_photometry(subframe - sky, CircularAperture(place, radius)) for radius in radii]
        table.loc[len(table)] = [
            *(float(part["aperture_sum"][0]) for part in sums),
            fit.amplitude.value,
            fit.y_mean.value,
            fit.x_mean.value,
            abs(fit.y_stddev.value),
            abs(fit.x_stddev.value),
            middle[0] + dy,
            middle[1] + dx,
            sky,
        ]
    return table
