"""Cosmic rays in a block, found by its neighbours in time, before anything is measured."""

import numpy as np

from nircam_tso.extractor.pixels import Images
from nircam_tso.measure.background import BackgroundLevels
from nircam_tso.measure.cosmics import expected_noise, find_outliers, flux_scales, spare_moved_stars

__all__ = ["clean_images"]


def clean_images(plan, images, levels, place):
    """
    Mark outliers in time as bad, and drop the integrations that were read for that only.

    Parameters
    ----------
    plan : `~nircam_tso.extractor.plan.Plan`
        The plan.
    images : `~nircam_tso.extractor.pixels.Images`
        The star's box, sky included, with neighbours on either side.
    levels : `~nircam_tso.measure.background.BackgroundLevels` or None
        Sky of each.
    place : (int, int, int, int)
        First integration at hand, first and one past the last to keep, and the length
        of the series.

    Returns
    -------
    images : `~nircam_tso.extractor.pixels.Images`
        Those to keep; outliers are bad.
    levels : `~nircam_tso.measure.background.BackgroundLevels` or None
        Their sky.
    outliers : `~numpy.ndarray` of bool, shape (b, ny, nx)
        What was found.
    """
    # With a row per group step the steps are neighbours, of all integrations in order.
    steps = plan.steps
    start, first, stop, n = (steps * number for number in place)
    settings = plan.settings
    data = images.data
    bad = images.bad | plan.excluded
    if levels is not None:
        sky = levels.level[:, None, None] if levels.image is None else levels.image
        data = data - np.where(levels.valid[:, None, None], sky, 0.0)
    reference = plan.reference
    scales = flux_scales(data, reference.image, plan.aperture_window, bad=bad, scatter=reference.scatter)
    if levels is not None:
        scales[~levels.valid] = np.nan
    variance = images.variance
    if variance is None and plan.noise_known:
        variance = plan.noise
    outliers = find_outliers(
        data,
        scales,
        first=first,
        stop=stop,
        start=start,
        n=n,
        window=settings.clean_window,
        sigma=settings.clean_sigma,
        bad=bad,
        noise=expected_noise(variance, reference.scatter, reference.n_integrations),
    )
    spare_moved_stars(outliers, reference.image, plan.aperture_window)
    keep = slice(first - start, stop - start)
    images = Images(
        *(
            None if part is None else part[keep]
            for part in (images.data, images.variance, images.bad, images.dq, images.masked)
        )
    )
    images.bad = images.bad | outliers
    return images, _part(levels, keep), outliers


def _part(levels, keep):
    if levels is None:
        return None
    lines = None if levels.lines is None else type(levels.lines)(*(part[keep] for part in levels.lines))
    image = None if levels.image is None else levels.image[keep]
    return BackgroundLevels(*(part[keep] for part in levels[:4]), image, lines)
