"""Columns that tell the shape of the star's image: width, noise pixels, peak, good pixels."""

import numpy as np

from nircam_tso.measure.profile import gaussian_fwhm, star_profiles
from nircam_tso.measure.stamps import cut_stamps
from nircam_tso.measure.systematics import find_components, project_components
from nircam_tso.quality import QualityFlag

__all__ = ["component_columns", "components_of_sample", "profile_columns"]


def _stamps(plan, images, bad):
    """Subframes at one place, unlike those that follow the star, and their bad pixels."""
    star = plan.star.stamps
    starts = (np.full(len(images), star.start[0]), np.full(len(images), star.start[1]))
    stamps = cut_stamps(images, *starts, star.shape, fill=np.nan)
    holes = cut_stamps(bad, *starts, star.shape, fill=True)
    return stamps, holes | ~np.isfinite(stamps)


def components_of_sample(plan, images, bad):
    """
    Find the principal components of a sample.

    Parameters
    ----------
    plan : `~nircam_tso.extractor.plan.Plan`
        The plan.
    images : `~numpy.ndarray`, shape (s, ny, nx)
        The sample without sky.
    bad : `~numpy.ndarray` of bool, shape (s, ny, nx)
        Its bad pixels.

    Returns
    -------
    `~nircam_tso.measure.systematics.Components` or None
        None where none are asked for.
    """
    if not plan.settings.components:
        return None
    return find_components(*_stamps(plan, images, bad | plan.excluded), plan.settings.components)


def component_columns(plan, data, still_bad, result):
    """
    Fill the columns of the principal components.

    Parameters
    ----------
    plan : `~nircam_tso.extractor.plan.Plan`
        The plan.
    data : `~numpy.ndarray`, shape (b, ny, nx)
        Images without sky.
    still_bad : `~numpy.ndarray` of bool, shape (b, ny, nx)
        Passing bad pixels that were not filled.
    result : dict of str to `~numpy.ndarray`
        Gets the columns.
    """
    if plan.components is None:
        return
    stamps, holes = _stamps(plan, data, still_bad | plan.excluded)
    variance = plan.stamp_noise if plan.noise_known else None
    found = project_components(stamps, plan.components, bad=holes, variance=variance)
    for k in range(plan.settings.components):
        result[f"pc{k + 1}"] = found.value[:, k].copy()
        result[f"pc{k + 1}_err"] = found.error[:, k].copy()


def profile_columns(plan, data, fits, inside, still_bad, variance, invalid, result):
    """
    Fill the columns of the profile.

    Parameters
    ----------
    plan : `~nircam_tso.extractor.plan.Plan`
        The plan.
    data : `~numpy.ndarray`, shape (b, ny, nx)
        Images without sky.
    fits : `~nircam_tso.measure.gaussian.GaussianFits`
        Gaussian fits.
    inside : `~numpy.ndarray` of bool, shape (b, ny, nx)
        Pixels that the largest aperture touches.
    still_bad : `~numpy.ndarray` of bool, shape (b, ny, nx)
        Passing bad pixels that were not filled.
    variance, invalid
        From `~nircam_tso.extractor.sums.pixel_variance`.
    result : dict of str to `~numpy.ndarray`
        Holds ``background_err`` and ``quality``, and gets the columns.
    """
    fwhm, error = gaussian_fwhm(fits.x_stddev, fits.y_stddev, fits.covariance[:, 3:5, 3:5])
    result["fwhm"], result["fwhm_err"] = fwhm, error if plan.noise_known else np.full_like(fwhm, np.nan)
    bad = still_bad | plan.excluded
    profiles = star_profiles(data, window=inside, bad=bad, variance=variance, background_err=result["background_err"])
    # A hole makes both sums lack something; an error that is none cannot be propagated.
    spoiled = (result["quality"] & np.uint32(QualityFlag.BACKGROUND_FAILED)) != 0
    if plan.bad_pixels != "ignore":
        spoiled = spoiled | (still_bad & inside).any(axis=(1, 2))
    wrong = spoiled if invalid is None else spoiled | (invalid & inside).any(axis=(1, 2))
    result["beta"] = np.where(spoiled, np.nan, profiles.beta)
    result["beta_err"] = np.where(wrong, np.nan, profiles.beta_err)
    result["peak"] = np.where(spoiled, np.nan, profiles.peak)
    result["n_good"] = profiles.n_good.astype(np.int32)
