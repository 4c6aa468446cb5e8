"""What the noise of the aperture sums is made of, and the covariance of group steps."""

import numpy as np

from nircam_tso.columns import radius_label
from nircam_tso.extractor.noise import read_variance
from nircam_tso.measure.photometry import aperture_sums
from nircam_tso.measure.ramps import step_covariance
from nircam_tso.quality import QualityFlag

__all__ = ["group_covariances", "noise_budget"]

#: A sum that is there may be partial, if the user asked for such.
_WARNS = np.uint32(QualityFlag.warning() & ~QualityFlag.PARTIAL_APERTURE)


def _circles(plan, image):
    """Sum of the squared overlaps times an image, for each radius, where the star is."""
    x, y = (np.array([value]) for value in plan.box.here(plan.position))
    radii = np.array(plan.settings.aperture_radii) * (plan.fwhm if plan.settings.radius_unit == "fwhm" else 1.0)
    blank = np.zeros((1, *plan.box.shape))
    return aperture_sums(blank, x, y, radii, bad=plan.excluded, variance=image, along=plan.stripes.along)


def noise_budget(plan, exposure, numbers):
    """
    Parts of the noise of each circular aperture.

    Parameters
    ----------
    plan : `~nircam_tso.extractor.plan.Plan`
        The star's plan.
    exposure : `~nircam_tso.io.exposure.Exposure`
        What was measured.
    numbers : dict of str to `~numpy.ndarray`
        The star's measured columns, in image units.

    Returns
    -------
    dict of str to dict of str to float
        For each radius's label, in ppm of the median flux: "photon" and "read" where they
        follow from ``gain`` and ``read_noise``, "pixels" for both together where the
        variances are the source's, and "1/f". Empty where no error is known.
    """
    radii = plan.settings.aperture_radii
    if not plan.noise_known or not radii or plan.error_source == "none":
        return {}
    parts = {"pixels": _circles(plan, plan.noise).variance[0]}
    if plan.error_source == "gain and read_noise":
        read = read_variance(plan.settings, exposure, plan.ramp)
        parts = {
            "photon": _circles(plan, np.maximum(plan.noise - read, 0.0)).variance[0],
            "read": _circles(plan, np.full(plan.noise.shape, read)).variance[0],
        }
    if plan.line_noise.any:
        parts["1/f"] = _circles(plan, plan.noise).chords[0] * plan.line_noise.circles**2
    result = {}
    for i, radius in enumerate(radii):
        label = radius_label(radius, plan.settings.radius_unit)
        sums = numbers[f"aperture_sum_r{label}"]
        sums = sums[((numbers["quality"] & _WARNS) == 0) & np.isfinite(sums)]
        flux = np.median(sums) if sums.size else np.nan
        if flux > 0:
            result[f"r{label}"] = {name: float(1e6 * np.sqrt(part[i]) / flux) for name, part in parts.items()}
    return result


def group_covariances(plan):
    """
    Covariance of the aperture sums of a group step and the next.

    Parameters
    ----------
    plan : `~nircam_tso.extractor.plan.Plan`
        The star's plan.

    Returns
    -------
    dict of str to float
        For each radius's label, in the squared unit of the images; empty but for group
        steps with ``gain`` and ``read_noise``.
    """
    settings, ramp = plan.settings, plan.ramp
    if ramp is None or ramp.ramp != "groups" or settings.gain is None or not settings.aperture_radii:
        return {}
    covariance = step_covariance(
        plan.box_signal,
        plan.steps,
        gain=settings.gain,
        read_noise=settings.read_noise,
        n_frames=ramp.n_frames,
        group_gap=ramp.group_gap,
    )
    # A sum is linear in its weights' variances, whatever their sign.
    sums = _circles(plan, covariance).variance[0]
    labels = (radius_label(radius, settings.radius_unit) for radius in settings.aperture_radii)
    return {f"r{label}": float(value) for label, value in zip(labels, sums, strict=True)}
