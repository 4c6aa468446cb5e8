"""How measured numbers answer to a little light in each pixel, to first order.

Noise that pixels have in common is known by its covariance. Its share in the variance of
a number follows from the number's *response*, the image of its derivatives by the
pixels: of a sum these are the weights, of a fit they follow from the model at the
series' own star.
"""

import math

import numpy as np

from nircam_tso.extractor.stamps import gaussian_options
from nircam_tso.measure.gaussian import evaluate_gaussians, fit_gaussians
from nircam_tso.measure.gaussian.model import FWHM_PER_STDDEV
from nircam_tso.measure.overlap import circle_overlap

__all__ = ["responses"]

_PARAMETERS = ("amplitude", "x_gauss", "y_gauss", "x_stddev", "y_stddev", "theta", "gauss_background")


def responses(plan):
    """
    Responses of the centres, the Gaussian's parameters, the noise pixels and the components.

    Parameters
    ----------
    plan : `~nircam_tso.extractor.plan.Plan`
        The star's plan.

    Returns
    -------
    dict of str to `~numpy.ndarray`
        Name of the column and its response, of the box's shape, per image unit. What
        cannot be measured in the series' median image is not in it.
    """
    star = plan.star
    stamp = star.stamps.cut_one(plan.reference.image, plan.excluded)
    holes = star.stamps.cut_one(plan.excluded, None, fill=True)
    result = {name: _in_box(plan, image) for name, image in _of_gaussian(plan, stamp, holes).items()}
    result |= {name: _in_box(plan, image) for name, image in _of_correlation(plan, stamp, holes).items()}
    result |= {name: _in_box(plan, image) for name, image in _of_components(plan, stamp, holes).items()}
    if plan.centroid_mask is None:
        result |= {name: _in_box(plan, image) for name, image in _of_centroid(stamp, ~holes).items()}
    else:
        result |= _of_centroid(plan.reference.image, plan.centroid_mask & ~plan.excluded)
    return {**result, **_of_beta(plan)}


def _in_box(plan, stamp):
    """Image of the box's shape out of the stamp's, which may lie across its edge."""
    result = np.zeros(plan.box.shape)
    x, y = plan.star.stamps.start
    window = plan.star.stamps.window(plan.box.shape)
    ny, nx = stamp.shape
    result[window] = stamp[max(-y, 0) : min(ny, len(result) - y), max(-x, 0) : min(nx, result.shape[1] - x)].ravel()
    return result


def _of_gaussian(plan, stamp, holes):
    """
    Responses of the weighted fit, ``H^-1 J^T W``.

    J are the model's derivatives and H half the second derivatives of chi-squared,
    residuals included: those of a star that is no Gaussian move its fit.
    """
    settings = plan.settings
    options = gaussian_options(settings)
    weights = np.where(holes, 0.0, plan.stamp_weights)
    x, y = (np.array([value - start]) for value, start in zip(plan.star.position, plan.star.stamps.start, strict=True))
    fits = fit_gaussians(
        stamp[None], x, y, weights=plan.stamp_weights, bad=holes[None], fwhm0=settings.template_fwhm, **options
    )
    names = ("amplitude", "x", "y", "x_stddev", "y_stddev", "theta")
    start = np.array([float(getattr(fits, name)[0]) for name in names] + [0.0])
    if fits.status[0] or not np.isfinite(start).all():
        return {}
    start[6] = float(fits.background[0]) if settings.fit_background else 0.0
    free = [
        k for k in range(7) if (k < 5) or (k == 5 and options["theta"] is None) or (k == 6 and settings.fit_background)
    ]
    steps = np.array([1e-4 * abs(start[0]), 1e-4, 1e-4, 1e-4, 1e-4, 1e-4, 1e-4 * abs(start[0])])

    def models(parameters):
        """Images of many sets of parameters, shape (m, 7), at once."""
        images = evaluate_gaussians(stamp.shape, *parameters[:, :6].T, pixel_integrated=settings.pixel_integrated)
        return images + parameters[:, 6, None, None]

    moves = np.diag(steps)[free]

    def slopes(places):
        """The model's derivatives at some sets of parameters, shape (m, n_free, ny, nx)."""
        around = places[:, None, None] + np.stack([moves, -moves])
        images = models(around.reshape(-1, 7)).reshape(*around.shape[:3], *stamp.shape)
        return (images[:, 0] - images[:, 1]) / (2 * steps[free])[:, None, None]

    # Coarser than the slopes' own steps, whose rounding would be the difference.
    places = start + 30 * np.concatenate([-moves, moves])
    gradients = (slopes(places) * (weights * (stamp - models(places)))[:, None]).sum(axis=(2, 3))
    below, above = gradients.reshape(2, len(free), len(free))
    hessian = (below - above) / (60 * steps[free])[:, None]
    # Of a round star no angle is known: nothing must follow from its rounding.
    scales = np.sqrt(np.maximum(np.abs(np.diag(hessian)), np.finfo(float).tiny))
    inverse = np.linalg.pinv((hessian + hessian.T) / 2 / np.outer(scales, scales), rcond=1e-9) / np.outer(
        scales, scales
    )
    jacobian = slopes(start[None])[0] * weights
    images = {_PARAMETERS[k]: (row[:, None, None] * jacobian).sum(axis=0) for k, row in zip(free, inverse, strict=True)}
    if "theta" in images:
        images["theta"] = np.degrees(images["theta"])
    width = FWHM_PER_STDDEV * math.sqrt(abs(start[3] * start[4]))
    images["fwhm"] = width / 2 * (images["x_stddev"] / start[3] + images["y_stddev"] / start[4])
    return images


def _shifted(template, shift):
    """The template circularly shifted, its first and its second derivatives by the shift (x, y)."""
    frequency = (np.fft.fftfreq(template.shape[1])[None, :], np.fft.fftfreq(template.shape[0])[:, None])
    slope = [np.where(np.abs(f) == 0.5, 0.0, -2j * np.pi * f) for f in frequency]
    moved = np.fft.fft2(template) * np.exp(slope[0] * shift[0] + slope[1] * shift[1])
    orders = (1.0, slope[0], slope[1], slope[0] ** 2, slope[0] * slope[1], slope[1] ** 2)
    return [np.fft.ifft2(moved * order).real for order in orders]


def _of_correlation(plan, stamp, holes):
    """
    Responses of the cross-correlation's peak, or of the weighted fit of the template.

    A little light moves the peak by ``-H^-1`` times the slope that it adds, with H the
    second derivatives of the correlation.
    """
    correlator = plan.star.correlator
    center = correlator.centers(stamp[None], variance=np.nan_to_num(plan.stamp_noise), bad=holes[None])
    if not center.valid[0]:
        return {}
    shift = (float(center.x[0]) - correlator.origin[0], float(center.y[0]) - correlator.origin[1])
    image, x, y, xx, xy, yy = _shifted(correlator.template, shift)
    if correlator.weighted:
        weights = np.where(holes, 0.0, plan.stamp_weights)
        fields = np.stack([image, x, y, np.ones(image.shape)])
        normal = np.array([[(weights * one * other).sum() for other in fields] for one in fields])
        inverse = np.linalg.pinv(normal)
        rows = [(row[:, None, None] * fields).sum(axis=0) * weights for row in inverse]
        height = float((rows[0] * stamp).sum())
        return {"x_cc": rows[1] / height, "y_cc": rows[2] / height} if height > 0 else {}
    hessian = np.array([[(stamp * xx).sum(), (stamp * xy).sum()], [(stamp * xy).sum(), (stamp * yy).sum()]])
    inverse = -np.linalg.pinv(hessian)
    return {
        name: np.where(holes, 0.0, row[0] * x + row[1] * y) for name, row in zip(("x_cc", "y_cc"), inverse, strict=True)
    }


def _of_centroid(image, use):
    """Responses of the centre of light: distance from it over the flux."""
    light = np.where(use, image, 0.0)
    flux = float(light.sum())
    if not flux > 0:
        return {}
    y, x = np.indices(image.shape, float)
    return {
        f"{name}_centroid": np.where(use, (values - float((light * values).sum()) / flux) / flux, 0.0)
        for name, values in (("x", x), ("y", y))
    }


def _of_components(plan, stamp, holes):
    """Responses of the components, and of the flux by which all is divided."""
    if plan.components is None:
        return {}
    use = ~holes & (plan.components.median != 0.0)
    flux = float(stamp[use].sum())
    if not flux > 0:
        return {}
    return {
        f"pc{k + 1}": np.where(use, image - float((image * stamp)[use].sum()) / flux, 0.0) / flux
        for k, image in enumerate(plan.components.images)
        if image.any()
    }


def _of_beta(plan):
    """Responses of the noise pixels, ``2 g (1 - g I)`` with g the flux over the sum of squares."""
    use = np.zeros(plan.box.shape, bool)
    place = plan.box.here(plan.position)
    settings = plan.settings
    for mask in plan.masks.values():
        use |= mask
    for shape in settings.aperture_shapes.values():
        use |= shape.footprint(use.shape, place)
    if settings.aperture_radii:
        unit = plan.fwhm if settings.radius_unit == "fwhm" else 1.0
        use |= circle_overlap(use.shape, place, max(settings.aperture_radii) * unit) > 0
    use &= ~plan.excluded
    image = plan.reference.image
    power = float(np.square(image[use]).sum())
    total = float(image[use].sum())
    if not (power > 0 and total > 0):
        return {}
    g = total / power
    return {"beta": np.where(use, 2 * g * (1 - g * image), 0.0)}
