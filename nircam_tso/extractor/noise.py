"""The smooth noise model: variances that do not know the integration's own noise."""

import numpy as np

from nircam_tso.extractor.pixels import known
from nircam_tso.measure.medians import nan_median
from nircam_tso.measure.ramps import reduce_ramps

__all__ = ["image_seconds", "noise_model", "read_variance"]

#: Integrations from which on the median of their variances is smooth enough.
_ENOUGH = 8


def image_seconds(header):
    """
    Exposure time of a finished image, for rates that become electrons.

    Parameters
    ----------
    header : mapping
        Header with EFFINTTM or EXPTIME.

    Returns
    -------
    float
        Seconds, NaN where no card tells.
    """
    for name in ("EFFINTTM", "EXPTIME", "INTTIME"):
        value = header.get(name)
        if isinstance(value, int | float) and value > 0:
            return float(value)
    return float("nan")


def electrons_per_unit(settings, exposure, ramp):
    """
    Electrons that one image unit stands for.

    Parameters
    ----------
    settings : `~nircam_tso.TimeSeriesExtractor`
        With ``gain``.
    exposure : `~nircam_tso.io.exposure.Exposure`
        Tells the unit and the exposure time.
    ramp : RampSettings or None
        How ramps became images.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        For rates without a known exposure time, and for surface brightness.
    """
    unit = exposure.unit
    powers = dict(zip([base.name for base in unit.bases], unit.powers, strict=True)) if unit.bases else {}
    if "sr" in powers or "Jy" in powers:
        raise ValueError(f"gain: images in {unit} cannot be turned into electrons by a gain; leave it out")
    slope = ramp is not None and ramp.ramp == "slope"
    if powers.get("s") == -1 or slope:
        seconds = image_seconds(exposure.header)
        if slope:
            seconds = ramp.group_time * (ramp.group_range[1] - ramp.group_range[0])
        if not seconds > 0:
            raise ValueError(f"gain: images in {unit} need EFFINTTM or EXPTIME in the header to become electrons")
        return settings.gain * seconds
    return settings.gain


def read_variance(settings, exposure, ramp):
    """
    Variance of a pixel without light, from ``read_noise``.

    Parameters
    ----------
    settings : `~nircam_tso.TimeSeriesExtractor`
        With ``gain`` and ``read_noise``.
    exposure : `~nircam_tso.io.exposure.Exposure`
        The exposure.
    ramp : RampSettings or None
        How ramps became images.

    Returns
    -------
    float
        In the squared unit of the images.
    """
    if ramp is not None:
        return float(_ramp_variance(ramp, np.zeros((1, 1)))[0, 0])
    return float((settings.read_noise / electrons_per_unit(settings, exposure, ramp)) ** 2)


def noise_model(settings, exposure, ramp, sample, reference, model, levels, footprint, aperture):
    """
    A variance image for weights, and for errors where the source has none.

    Parameters
    ----------
    settings : `~nircam_tso.TimeSeriesExtractor`
        The settings.
    exposure : `~nircam_tso.io.exposure.Exposure`
        The exposure.
    ramp : RampSettings or None
        How ramps became images.
    sample : object
        ``data``, ``variance`` and ``bad`` of a sample of the series, (s, ny, nx).
    reference : `~nircam_tso.measure.reference.Reference`
        Median of the sample.
    model : `~numpy.ndarray` or None
        Smooth image of the star on the same box, on any scale.
    levels : BackgroundLevels or None
        Sky of the sample.
    footprint : `~numpy.ndarray` of bool or None
        Pixels of the sky.
    aperture : `~numpy.ndarray` of bool
        Pixels of the largest aperture.

    Returns
    -------
    variance : `~numpy.ndarray`, shape (ny, nx)
        Positive and finite everywhere.
    source : str
        Where it comes from.
    known : bool
        False where nothing is known: then it is 1 everywhere, and no error follows from it.
    """
    many = len(sample.data) >= _ENOUGH
    smooth = reference.image if many else _scaled(model, reference, aperture)
    ramp_noise = ramp is not None and settings.gain is not None
    if sample.variance is not None and not ramp_noise:
        good = ~sample.bad & np.isfinite(sample.variance) & (sample.variance > 0)
        values = np.where(good, sample.variance, np.nan)
        if many:
            variance = nan_median(values)
        else:
            variance = _against_signal(values, smooth, footprint, aperture)
        return _positive(variance), exposure.error_source, bool(good.any())
    sky = 0.0 if levels is None or not levels.valid.any() else float(np.median(levels.level[levels.valid]))
    if settings.gain is not None:
        expected = np.maximum(smooth + sky, 0.0)
        if ramp_noise:
            variance = _ramp_variance(ramp, expected)
        else:
            per_unit = electrons_per_unit(settings, exposure, ramp)
            variance = expected / per_unit + (settings.read_noise / per_unit) ** 2
        return _positive(variance), "gain and read_noise", True
    scatter = 0.0
    if levels is not None and np.isfinite(levels.scatter).any():
        scatter = float(np.nanmedian(levels.scatter))
    # A sky without any scatter is synthetic, and tells no error.
    if scatter > 0:
        return _positive(np.full(reference.image.shape, scatter**2)), "background scatter", True
    return np.ones(reference.image.shape), "none", False


def _ramp_variance(ramp, expected):
    steps = 1 if ramp.ramp == "groups" else ramp.group_range[1] - ramp.group_range[0]
    signal = expected * steps * ramp.group_time if ramp.ramp == "slope" else expected
    # The reduction knows its own variances; they come from the signal, not from the data.
    reduced = reduce_ramps(
        np.zeros((1, steps + 1, *expected.shape)),
        ramp=ramp.ramp,
        group_time=known(ramp.group_time),
        gain=ramp.gain,
        read_noise=ramp.read_noise,
        n_frames=ramp.n_frames,
        group_gap=ramp.group_gap,
        frame_time=known(ramp.frame_time),
        signal=signal,
    )
    return reduced.variance.reshape(-1, *expected.shape)[0]


def _scaled(model, reference, aperture):
    if model is None:
        return np.maximum(reference.image, 0.0)
    use = aperture & ~reference.constant_bad
    norm = float(np.sum(model[use] ** 2))
    scale = float(np.sum(model[use] * reference.image[use])) / norm if norm > 0 else 0.0
    return np.maximum(scale, 0.0) * model


def _against_signal(values, smooth, footprint, aperture):
    """Variance = sky + slope x smooth signal, where there are too few images for a median."""
    image = nan_median(values)
    outside = footprint if footprint is not None and footprint.any() else ~aperture
    base = image[outside & np.isfinite(image)]
    if base.size == 0:
        base = image[np.isfinite(image)]
    level = float(np.median(base)) if base.size else 1.0
    use = aperture & np.isfinite(image)
    norm = float(np.sum(smooth[use] ** 2))
    slope = float(np.sum(smooth[use] * (image[use] - level))) / norm if norm > 0 else 0.0
    return level + max(slope, 0.0) * smooth


def _positive(variance):
    good = np.isfinite(variance) & (variance > 0)
    if not good.any():
        return np.ones(variance.shape)
    return np.where(good, variance, np.median(variance[good]))
