"""The star of the series' median image: its stamp, its template, its Gaussian."""

import numpy as np

from nircam_tso.extractor.stamps import Stamps, gaussian_options
from nircam_tso.measure.centroid import Correlator, stamp_start
from nircam_tso.measure.gaussian import evaluate_gaussians, fit_gaussians
from nircam_tso.measure.gaussian.model import FWHM_PER_STDDEV
from nircam_tso.measure.templates import GaussianTemplate, PSFTemplate, find_origin, shift_images, template_on_grid

__all__ = ["Star"]


class Star:
    """
    What is known of the star before the loop.

    Parameters
    ----------
    settings : `~nircam_tso.TimeSeriesExtractor`
        The settings.
    image : `~numpy.ndarray`, shape (ny, nx)
        The series' median image of the star's box, without sky.
    holes : `~numpy.ndarray` of bool, shape (ny, nx)
        Its bad pixels.
    here, anchor : (float, float)
        Where the star is looked for in the box, and where the user or the header put
        it: it must lie within the stamp about the latter.

    Attributes
    ----------
    stamps : Stamps
        Where stamps are cut.
    template : GaussianTemplate or PSFTemplate
        What is correlated with.
    array, origin, origin_name
        The template on the stamp's grid, and its origin.
    correlator : `~nircam_tso.measure.centroid.Correlator`
        Correlates with it.
    position : (float, float)
        (x, y) of the star in the box.
    gaussian : tuple of float or None
        amplitude, x, y, x_stddev, y_stddev, theta in the box; None where no fit succeeds.
    """

    def __init__(self, settings, image, holes, here, anchor):
        self.stamps = Stamps(settings.subframe_shape, stamp_start(here, settings.subframe_shape, image.shape))
        self.template = self._template(settings, image, holes)
        self.array, self.origin, self.origin_name = template_on_grid(self.template, self.stamps.shape)
        self.correlator = Correlator(self.array, self.origin, method=settings.cross_correlation, weighted=self.is_psf)
        self.position = self._settle(image, holes, here, anchor)
        self.gaussian = self._fit(settings, image, holes)

    @property
    def has_peak(self):
        """Whether the star has a single peak: a defocused one has not."""
        return isinstance(self.template, GaussianTemplate) or find_origin(self.template.image)[2] == "gaussian"

    @property
    def is_psf(self):
        """Whether the template is an image of the PSF, and not a mere Gaussian."""
        return isinstance(self.template, PSFTemplate)

    def _template(self, settings, image, holes):
        """Return the template; for the series' median the stamp moves until its origin is in the middle."""
        if settings.template is None:
            return GaussianTemplate(settings.template_fwhm)
        if not isinstance(settings.template, str):
            return settings.template
        shape = settings.subframe_shape
        for _ in range(5):
            try:
                template = PSFTemplate(self.stamps.cut_one(image, holes))
            except ValueError:
                # No light at all: rows will say so one by one.
                return GaussianTemplate(settings.template_fwhm)
            x, y = template.origin
            start = stamp_start((self.stamps.start[0] + x, self.stamps.start[1] + y), shape, image.shape)
            if start == self.stamps.start:
                break
            self.stamps = Stamps(shape, start)
        return template

    def _settle(self, image, holes, here, anchor):
        """
        Put the stamp about the star, and return the star's place.

        Where there is no star, the highest noise must not lead the stamp away step by step.
        """
        ny, nx = image.shape
        shape = self.stamps.shape
        found = here
        reach = (shape[1] / 2, shape[0] / 2)
        for _ in range(5):
            centers = self.correlator.centers(self.stamps.cut_one(image, holes)[None])
            if not centers.valid[0]:
                break
            candidate = (float(centers.x[0]) + self.stamps.start[0], float(centers.y[0]) + self.stamps.start[1])
            inside = -0.5 <= candidate[0] <= nx - 0.5 and -0.5 <= candidate[1] <= ny - 0.5
            near = all(abs(c - a) <= r for c, a, r in zip(candidate, anchor, reach, strict=True))
            if not (inside and near):
                break
            found = candidate
            start = stamp_start(found, shape, (ny, nx))
            if start == self.stamps.start:
                break
            self.stamps = Stamps(shape, start)
        return (min(max(found[0], 0.0), nx - 1.0), min(max(found[1], 0.0), ny - 1.0))

    def _fit(self, settings, image, holes):
        x0, y0 = self.stamps.start
        fits = fit_gaussians(
            self.stamps.cut_one(image, holes)[None],
            np.array([self.position[0] - x0]),
            np.array([self.position[1] - y0]),
            bad=self.stamps.cut_one(holes, None, fill=True)[None],
            fwhm0=settings.template_fwhm,
            **gaussian_options(settings),
        )
        if fits.status[0]:
            return None
        x, y = float(fits.x[0]) + x0, float(fits.y[0]) + y0
        widths = (float(fits.x_stddev[0]), float(fits.y_stddev[0]), float(fits.theta[0]))
        return (float(fits.amplitude[0]), x, y, *widths)

    def fwhm(self, default):
        """Width of the Gaussian, the geometric mean of both axes; ``default`` where there is none."""
        if self.gaussian is None:
            return float(default)
        return float(FWHM_PER_STDDEV * np.sqrt(self.gaussian[3] * self.gaussian[4]))

    def model(self, shape):
        """
        Smooth image of the star on its box, on any scale.

        Parameters
        ----------
        shape : (int, int)
            (ny, nx) of the box.

        Returns
        -------
        `~numpy.ndarray` or None
            None where there is no fit and no PSF.
        """
        if self.is_psf:
            array, origin, _ = template_on_grid(self.template, shape)
            ways = (np.array([place - point]) for place, point in zip(self.position, origin, strict=True))
            return shift_images(array, *ways)[0]
        if self.gaussian is None:
            return None
        return evaluate_gaussians(shape, *(np.array([value]) for value in self.gaussian))[0]
