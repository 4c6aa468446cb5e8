"""A sample of a series: a few integrations, read once, for what holds for all."""

from dataclasses import dataclass

import numpy as np

from nircam_tso.extractor.pixels import block_images, reference_pixels
from nircam_tso.measure.reference import sample_rows, series_reference
from nircam_tso.quality import dq_mask

__all__ = ["Sample", "SampleReader"]

#: Bytes that the sample of integrations may take, and its least and largest size.
_SAMPLE_BYTES = 100_000_000
_SAMPLE_MIN, _SAMPLE_MAX = 5, 64


@dataclass
class Sample:
    """Stacked images (s, ny, nx) of a sample: values, variances or None, bad pixels."""

    data: np.ndarray
    variance: np.ndarray | None
    bad: np.ndarray


class SampleReader:
    """
    Reads samples of a series as images, and keeps the last one.

    Parameters
    ----------
    settings : `~nircam_tso.TimeSeriesExtractor`
        The settings.
    exposure : `~nircam_tso.io.exposure.Exposure`
        What is read.
    ramp : RampSettings or None
        How ramps become images.
    """

    def __init__(self, settings, exposure, ramp):
        self.exposure = exposure
        self.ramp = ramp
        self.dq_mask = dq_mask(settings.dq_bits)
        self.never = reference_pixels(exposure.header, exposure.shape, exposure.kind)
        self._last = (None, None)

    def sample(self, rows, columns, indices=None):
        """Images of a sample within a box, stacked."""
        key = (rows.start, rows.stop, columns.start, columns.stop, None if indices is None else tuple(indices))
        if self._last[0] == key:
            return self._last[1]
        if indices is None:
            pixels = (rows.stop - rows.start) * (columns.stop - columns.start)
            # Data, variance, DQ and copies: about eight float64 images at once.
            limit = int(np.clip(_SAMPLE_BYTES // (64 * pixels), _SAMPLE_MIN, _SAMPLE_MAX))
            indices = sample_rows(len(self.exposure), limit)
        parts = [self._images(int(i), rows, columns) for i in indices]
        # An integration without any data tells nothing of the series.
        parts = [p for p in parts if not p.bad.all()] or parts
        images = Sample(
            np.concatenate([p.data for p in parts]),
            None if parts[0].variance is None else np.concatenate([p.variance for p in parts]),
            np.concatenate([p.bad for p in parts]),
        )
        self._last = (key, images)
        return images

    def _images(self, index, rows, columns):
        block = self.exposure.read(index, index + 1, rows)
        return block_images(block, self.ramp, columns, rows, self.dq_mask)

    def median(self, rows, columns, indices):
        """Median image of some integrations, and where it is good."""
        sample = self.sample(rows, columns, indices)
        reference = series_reference(sample.data, sample.bad)
        good = ~reference.constant_bad & ~self.never[rows, columns]
        if len(sample.data) == 1:
            good &= ~sample.bad[0]
        return reference.image, good
