"""Fluxes of a block: circles, other shapes, masks and the PSF, with their errors and flags."""

import numpy as np

from nircam_tso.columns import radius_label
from nircam_tso.extractor.sky import line_weights_error
from nircam_tso.measure.gaussian import evaluate_gaussians
from nircam_tso.measure.photometry import aperture_sums, mask_sums, psf_chords, psf_fluxes
from nircam_tso.measure.shapes import shape_sums
from nircam_tso.measure.templates import shift_images
from nircam_tso.quality import QualityFlag

__all__ = ["FluxMeter", "pixel_variance", "psf_columns"]

_FLAG = {flag.name: np.uint32(flag) for flag in QualityFlag}


def pixel_variance(plan, images, scatter, added, filled, still_bad):
    """
    Variance of every pixel for the sums.

    Parameters
    ----------
    plan : `~nircam_tso.extractor.plan.Plan`
        The plan.
    images : `~nircam_tso.extractor.pixels.Images`
        The block.
    scatter : `~numpy.ndarray`, shape (b,)
        Scatter of the sky.
    added : `~numpy.ndarray` or None, shape (b, ny, nx)
        Variance of filled pixels.
    filled, still_bad : `~numpy.ndarray` of bool, shape (b, ny, nx)
        Which pixels were filled (None if none was), and which are bad still.

    Returns
    -------
    variance : `~numpy.ndarray` or None
        None where no error is known.
    invalid : `~numpy.ndarray` of bool or None
        Pixels whose variance the source has, and which is no variance.
    """
    n = len(images.data)
    invalid = None
    if plan.error_source not in ("gain and read_noise", "background scatter", "none"):
        variance = images.variance
        if variance is None:
            # One of several segments lacks what the others have.
            variance = np.full(images.data.shape, np.nan)
        wrong = ~(np.isfinite(variance) & (variance > 0)) & ~still_bad & ~plan.excluded
        if filled is not None:
            wrong &= ~filled
        if wrong.any():
            invalid = wrong
    elif plan.error_source == "gain and read_noise":
        variance = np.broadcast_to(plan.noise, images.data.shape)
    elif plan.error_source == "background scatter":
        variance = np.broadcast_to((scatter**2)[:, None, None], (n, *plan.noise.shape))
    else:
        return None, None
    if filled is not None:
        variance = np.where(filled, added, variance)
    if invalid is not None:
        # Sums that such a pixel touches get no error; the others must not see its value.
        variance = np.where(invalid, 0.0, variance)
    return variance, invalid


class FluxMeter:
    """
    Sums the flux of a block and fills the columns of the result.

    Parameters
    ----------
    plan : `~nircam_tso.extractor.plan.Plan`
        The plan.
    data : `~numpy.ndarray`, shape (b, ny, nx)
        Images without sky.
    x, y : `~numpy.ndarray`, shape (b,)
        Centres of the apertures in the box.
    still_bad : `~numpy.ndarray` of bool, shape (b, ny, nx)
        Passing bad pixels that were not filled.
    variance, invalid
        From `pixel_variance`.
    result : dict of str to `~numpy.ndarray`
        Holds ``background_err`` and ``quality``, and gets the sums.
    levels : `~nircam_tso.measure.background.BackgroundLevels`, optional
        The sky, for errors line by line.
    """

    def __init__(self, plan, data, x, y, still_bad, variance, invalid, result, levels=None):
        self.plan, self.data, self.x, self.y = plan, data, x, y
        self.still_bad, self.levels = still_bad, levels
        self.bad = still_bad | plan.excluded
        self.variance, self.invalid, self.result = variance, invalid, result
        self.failed = (result["quality"] & _FLAG["BACKGROUND_FAILED"]) != 0
        self.along = _lines(plan)

    def circles(self, radii, sky_errors=None):
        """
        Columns of the circular apertures.

        Parameters
        ----------
        radii : `~numpy.ndarray`, shape (R,) or (b, R)
            Radii in pixels.
        sky_errors : `~numpy.ndarray`, shape (b, R), optional
            1 sigma that the sky brings to each sum, where it is not one level.
        """
        labels = self.plan.settings.aperture_radii
        if not labels:
            return
        sums = aperture_sums(self.data, self.x, self.y, radii, bad=self.bad, variance=self.variance, along=self.along)
        area = np.broadcast_to(np.pi * np.square(radii), sums.sum.shape)
        hit, wrong = (self._touched(pixels, lambda p: self._circles(p, radii)) for pixels in self._spoilers())
        if sky_errors is None:
            sky_errors = sums.area * self.result["background_err"][:, None]
        errors = self._errors(sums, sky_errors)
        for i, radius in enumerate(labels):
            label = radius_label(radius, self.plan.settings.radius_unit)
            part = (sums.sum[:, i], errors[:, i], sums.area[:, i], sums.covered_area[:, i], area[:, i])
            self._store(f"r{label}", *part, _column(hit, i), _column(wrong, i), _column(sums.chords, i))

    def _circles(self, pixels, radii):
        return aperture_sums(pixels.astype(float), self.x, self.y, radii).sum > 0

    def shapes(self):
        """Columns of the apertures of other shapes."""
        for name, shape in self.plan.settings.aperture_shapes.items():
            sums = shape_sums(self.data, self.x, self.y, shape, bad=self.bad, variance=self.variance, along=self.along)
            hit, wrong = (self._touched(pixels, lambda p, s=shape: self._shape(p, s)) for pixels in self._spoilers())
            sky = self._sky_error(sums.area, lambda s=shape: self._overlaps(s))
            errors = self._errors(sums, sky)
            self._store(name, sums.sum, errors, sums.area, sums.covered_area, shape.area, hit, wrong, sums.chords)

    def _shape(self, pixels, shape):
        return shape_sums(pixels.astype(float), self.x, self.y, shape).sum > 0

    def _overlaps(self, shape):
        """Weights of the good pixels, image by image."""
        weights = np.zeros(self.data.shape)
        for b, place in enumerate(zip(self.x, self.y, strict=True)):
            if np.isfinite(place).all():
                weights[b] = np.where(self.bad[b], 0.0, shape.overlap(self.data.shape[1:], place))
        return weights

    def _sky_error(self, area, weights):
        """1 sigma that the sky brings to sums, by lines where it has such."""
        if self.levels is None or self.levels.lines is None:
            return area * self.result["background_err"]
        return line_weights_error(self.plan, self.levels, weights())

    def masks(self):
        """Columns of the aperture masks."""
        for name, mask in self.plan.masks.items():
            sums = mask_sums(self.data, mask, bad=self.bad, variance=self.variance, along=self.along)
            hit, wrong = (
                self._touched(pixels, lambda p, m=mask: (p & m).any(axis=(1, 2))) for pixels in self._spoilers()
            )
            sky = self._sky_error(sums.area, lambda m=mask: (m & ~self.bad).astype(float))
            errors = self._errors(sums, sky)
            whole = float(mask.sum())
            self._store(name, sums.sum, errors, np.asarray(sums.area, float), whole, whole, hit, wrong, sums.chords)

    def _spoilers(self):
        """Pixels that make a sum NaN, and those that make its error NaN."""
        nan = self.plan.bad_pixels != "ignore" and self.still_bad.any()
        return (self.still_bad if nan else None), self.invalid

    def _touched(self, pixels, test):
        """Whether any of these pixels lies, by whatever part, within the aperture; None where there are none."""
        return None if pixels is None else test(pixels)

    def _errors(self, sums, sky):
        """1 sigma of sums: pixel noise, and the sky level's error over the whole area."""
        if self.plan.error_source == "none":
            return np.full(sums.area.shape, np.nan)
        return np.sqrt(sums.variance + np.nan_to_num(sky) ** 2)

    def _store(self, label, total, error, area, covered, whole, hit, wrong, chords):
        quality = self.result["quality"]
        # Areas are sums of many overlaps, so that a rounding error is not a partial aperture.
        partial = whole - covered > 1e-9 * whole
        quality |= np.where(partial, _FLAG["PARTIAL_APERTURE"], np.uint32(0))
        nothing = self.failed | ~(area > 0)
        if self.plan.settings.edge == "nan":
            nothing = nothing | partial
        if hit is not None:
            nothing = nothing | hit
        no_error = nothing
        if wrong is not None:
            quality |= np.where(wrong, _FLAG["ERR_INVALID"], np.uint32(0))
            no_error = nothing | wrong
        self.result[f"aperture_sum_{label}"] = np.where(nothing, np.nan, total)
        self.result[f"aperture_sum_err_{label}"] = np.where(no_error, np.nan, error)
        self.result[f"aperture_area_{label}"] = area.copy()
        if chords is not None:
            self.result[f"aperture_sum_err_{label}_chords"] = chords


def _lines(plan):
    """Along what stripes lie; None where nothing tells of errors."""
    return None if plan.error_source == "none" else plan.stripes.along


def _column(values, i):
    return None if values is None else values[:, i]


def psf_columns(plan, centres, result):
    """
    Columns of the PSF-weighted flux.

    Parameters
    ----------
    plan : `~nircam_tso.extractor.plan.Plan`
        The plan.
    centres : `~nircam_tso.extractor.stamps.Centres`
        Stamps and centres.
    result : dict of str to `~numpy.ndarray`
        Holds ``background_err`` and ``quality``, and gets the flux.
    """
    n = len(centres.x_cc)
    shape = plan.star.stamps.shape
    if plan.star.is_psf:
        x, y = centres.x_cc - centres.x_start, centres.y_cc - centres.y_start
        known = np.isfinite(x) & np.isfinite(y)
        origin = plan.star.origin
        psf = shift_images(plan.star.array, np.where(known, x - origin[0], 0.0), np.where(known, y - origin[1], 0.0))
    elif plan.star.gaussian is not None:
        own = centres.fits.status == 0
        x = np.where(own, centres.x_gauss, centres.x_cc) - centres.x_start
        y = np.where(own, centres.y_gauss, centres.y_cc) - centres.y_start
        known = np.isfinite(x) & np.isfinite(y)
        _, _, _, sx, sy, theta = plan.star.gaussian
        psf = evaluate_gaussians(
            shape,
            np.full(n, 1.0 / (2 * np.pi * sx * sy)),
            np.where(known, x, 0.0),
            np.where(known, y, 0.0),
            np.full(n, sx),
            np.full(n, sy),
            np.full(n, theta),
            pixel_integrated=plan.settings.pixel_integrated,
        )
    else:
        result["psf_flux"] = np.full(n, np.nan)
        result["psf_flux_err"] = np.full(n, np.nan)
        return
    fluxes = psf_fluxes(centres.stamps, psf, plan.stamp_weights, bad=centres.bad)
    known &= (result["quality"] & _FLAG["BACKGROUND_FAILED"]) == 0
    result["psf_flux"] = np.where(known, fluxes.flux, np.nan)
    variance = fluxes.variance + (fluxes.sensitivity * np.nan_to_num(result["background_err"])) ** 2
    chords = psf_chords(psf, plan.stamp_weights, centres.bad, along=_lines(plan))
    if chords is not None:
        result["psf_flux_err_chords"] = chords
    result["psf_flux_err"] = np.where(known & plan.noise_known, np.sqrt(variance), np.nan)
