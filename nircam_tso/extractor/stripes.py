"""Stripes of a series: found in a sample of it, to be taken off, and counted among the errors."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from nircam_tso.extractor.boxes import Box
from nircam_tso.extractor.layout import readout_layout
from nircam_tso.extractor.search import ENOUGH, Hits, search_noise
from nircam_tso.measure.photometry import aperture_footprint
from nircam_tso.measure.striping import MIN_FREE, fit_striping, series_residuals, striping_lines

__all__ = ["Stripes", "find_stripes", "star_pixels"]

#: Integrations from which on a median image is one.
_MEDIAN_OF = 3


@dataclass(frozen=True, eq=False)
class Stripes:
    """
    What is known of the stripes of a series.

    Attributes
    ----------
    layout : `~nircam_tso.measure.striping.ReadoutLayout`
        How the frame was read.
    models : tuple of `~nircam_tso.measure.striping.StripingModel`
        What is taken off: one model for finished images and for the last group less the
        first, else one for each step; empty where nothing is.
    model : `~nircam_tso.measure.striping.StripingModel` or None
        The same for the images that are measured, from which their errors follow.
    variograms : `~nircam_tso.measure.striping.Variograms` or None
        Of the uncorrected frames; None where nothing is corrected.
    level : (float, float) or None
        Variance of their level from image to image, and its error.
    notes : tuple of str
        What the metadata should say.
    """

    layout: Any
    models: tuple = ()
    model: Any = None
    variograms: Any = None
    level: tuple | None = None
    notes: tuple = ()

    @property
    def along(self):
        """Whether lines are rows or columns of the frame."""
        return "row" if abs(self.layout.fast_axis) == 1 else "column"


def find_stripes(settings, exposure, reader, places, reach):
    """
    Find what has to be taken off.

    Parameters
    ----------
    settings : `~nircam_tso.TimeSeriesExtractor`
        With ``striping``.
    exposure : `~nircam_tso.io.exposure.Exposure`
        What will be measured.
    reader : `~nircam_tso.extractor.sample.SampleReader`
        Reads samples, without correction.
    places : sequence of (float, float)
        (x, y) of the stars in the frame.
    reach : float
        How far from its centre the largest aperture reaches.

    Returns
    -------
    Stripes
        Without models if ``striping`` is None.

    Raises
    ------
    ValueError
        If outputs are asked for that the header does not tell.
    """
    layout = readout_layout(exposure.header, exposure.shape)
    if settings.striping is None:
        return Stripes(layout)
    shape = exposure.shape
    lines = striping_lines(settings.striping, shape, layout, odd_even=settings.striping_odd_even)
    frame = Box(slice(0, shape[0]), slice(0, shape[1]))
    star = star_pixels(settings, shape, places, reach)
    free = ~star & ~reader.never
    enough = len(exposure) >= ENOUGH
    reference = {"auto": "median" if enough else None, "median": "median", "none": None}[settings.striping_reference]
    notes = []
    if reference is not None and len(exposure) < _MEDIAN_OF:
        reference = None
        notes.append(
            f"striping: a median of fewer than {_MEDIAN_OF} integrations is none; levels know the star's wings"
        )
    sample = reader.sample(frame)
    hits = Hits(sample.data, sample.bad, free)
    bad = sample.bad | hits.among(sample.data, sample.bad)
    residuals = series_residuals(sample.data, bad, free, star, reference=reference)
    # Ramps are corrected difference by difference; errors are those of the images.
    stacks = [(sample.data, sample.bad)] if reader.ramp is None else reader.differences(frame)
    models = tuple(
        fit_striping(series_residuals(data, bad, free, star, reference=reference), lines, star) for data, bad in stacks
    )
    counts = lines.along(residuals.free).sum(axis=1)
    few = int((counts < MIN_FREE).sum())
    if few:
        notes.append(f"striping: {few} lines have fewer than {MIN_FREE} pixels beside the star and keep their level")
    variograms = level = None
    if enough:
        variograms, level = search_noise(reader, frame, layout, residuals.free, residuals.reference, hits)
    model = fit_striping(residuals, lines, star)
    return Stripes(layout, models, model, variograms, level, tuple(notes))


def star_pixels(settings, shape, places, reach):
    """
    Pixels of the stars, that tell nothing of stripes.

    Parameters
    ----------
    settings : `~nircam_tso.TimeSeriesExtractor`
        The settings.
    shape : (int, int)
        Shape of the frame.
    places : sequence of (float, float)
        (x, y) of the stars.
    reach : float
        How far from its centre the largest aperture reaches.

    Returns
    -------
    `~numpy.ndarray` of bool, shape (ny, nx)
    """
    result = np.zeros(shape, bool)
    for place in places:
        result |= aperture_footprint(shape, place, max(reach, max(settings.subframe_shape) / 2) + 1)
    for mask in settings.aperture_masks.values():
        result |= mask
    return result
