"""A sample of a series: a few integrations, read once, for what holds for all."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from nircam_tso.extractor.boxes import Box
from nircam_tso.extractor.pixels import Images, block_differences, block_images, reference_pixels
from nircam_tso.io.bands import within
from nircam_tso.measure.reference import sample_rows, series_reference
from nircam_tso.quality import dq_mask

__all__ = ["Sample", "SampleReader"]

#: Bytes that the sample of integrations may take, and its least and largest size.
_SAMPLE_BYTES = 100_000_000
_SAMPLE_MIN, _SAMPLE_MAX = 5, 64
#: Bytes of files that a sample may read, those of a pixel with its error and flags, and how many
#: integrations are enough, whatever their size.
_READ_BYTES, _PIXEL_BYTES, _ENOUGH = 80_000_000, 12, 16


@dataclass
class Sample:
    """
    Stacked images of a sample, each array (s, ny, nx) or None.

    Attributes
    ----------
    data, variance : `~numpy.ndarray` of float64
        Values and variances.
    bad, masked : `~numpy.ndarray` of bool
        Bad pixels, and those that the user masked.
    variance_of : (slice, slice) or None
        Rows and columns that have a variance; None where all have.
    """

    data: np.ndarray
    variance: np.ndarray | None
    bad: np.ndarray
    masked: np.ndarray | None
    variance_of: tuple | None = None

    def cut(self, window):
        """
        Cut a part out of each image.

        Parameters
        ----------
        window : tuple of slice
            Rows and columns, all of which have a variance if any has.

        Returns
        -------
        Sample
        """
        inner = window if self.variance_of is None else within(window, self.variance_of)
        parts = ((self.data, window), (self.variance, inner), (self.bad, window), (self.masked, window))
        return Sample(*(None if part is None else part[:, *own] for part, own in parts))


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

    Attributes
    ----------
    dq_mask : int
        DQ bits that make a pixel bad.
    never : `~numpy.ndarray` of bool, shape (ny, nx)
        Pixels of the frame that see no light.
    rows : `~numpy.ndarray` of int
        Integrations of the last sample, one for each of its images; empty where it is not so.
    """

    def __init__(self, settings, exposure, ramp):
        self.exposure = exposure
        self.ramp = ramp
        self.dq_mask = dq_mask(settings.dq_bits)
        self.never = reference_pixels(exposure.header, exposure.shape, exposure.kind)
        self.stripes = ()
        self.rows = np.zeros(0, int)
        self._last = (None, None)

    def sample(self, box, variance_of=()):
        """
        Read integrations spread evenly over the series.

        Parameters
        ----------
        box : Box
            Part of the frame.
        variance_of : Box or (), optional
            The part of it whose variances are wanted; () for none.

        Returns
        -------
        Sample
            Without the integrations that hold no data, unless none holds any.
        """
        last, known = self._last
        if last is None or last[0] != box or (variance_of and last[1] != variance_of):
            ny, nx = box.shape
            # Data, variance, DQ and copies: about eight float64 images at once.
            limit = int(np.clip(_SAMPLE_BYTES // (64 * ny * nx), _SAMPLE_MIN, _SAMPLE_MAX))
            # Whole rows are read, however few of their columns are kept; the same of arrays, for the same numbers.
            size = ny * self.exposure.shape[1] * _PIXEL_BYTES * (self.exposure.n_groups or 1)
            limit = min(limit, max(_READ_BYTES // size, _ENOUGH))
            rows = sample_rows(len(self.exposure), limit)
            known = self._stack(box, rows, variance_of)
            self._last = ((box, variance_of), known)
            # Of ramps, and where integrations were left out, nobody asks which image is whose.
            self.rows = rows if len(rows) == len(known.data) else rows[:0]
        return known

    def _stack(self, box, indices, variance_of=()):
        parts = self.images_of(indices, box, variance_of)
        parts = [part.integrations(known) for part in parts if (known := ~part.bad.all(axis=(1, 2))).any()] or parts
        joined = []
        for name, blank in (("data", np.nan), ("variance", np.nan), ("bad", False), ("masked", False)):
            values = [getattr(part, name) for part in parts]
            if all(value is None for value in values):
                joined.append(None)
                continue
            model = next(value for value in values if value is not None)
            # A segment may lack what the others have.
            joined.append(np.concatenate([np.full(model.shape, blank) if value is None else value for value in values]))
        return Sample(*joined, next((part.variance_of for part in parts if part.variance is not None), None))

    def images_of(self, indices, box, variance_of=(), *, as_stored=False):
        """
        Read some integrations.

        Parameters
        ----------
        indices : sequence of int
            Rows of the exposure.
        box : Box
            Part of the frame.
        variance_of : Box or (), optional
            The part of it whose variances are wanted; () for none. Ramps are reduced with all.
        as_stored : bool, optional
            Whether images may come as they are stored, as float32.

        Returns
        -------
        list of `~nircam_tso.extractor.pixels.Images`
            All together where they lie in one array, else one by one.
        """
        last, sample = self._last
        if last is not None and last[0] == box and not variance_of and np.isin(indices, self.rows).all():
            kept = np.searchsorted(self.rows, indices)
            return [Images(sample.data[kept], None, sample.bad[kept], None)]
        together = (
            None if self.ramp is not None else self.exposure.rows_in_memory(indices, *box.window, as_stored=as_stored)
        )
        if together is not None:
            return [block_images(together, None, box, self.dq_mask, self.stripes)]
        wanted = None if self.ramp is not None else variance_of and variance_of.window

        def images(index):
            bounds = (int(index), int(index) + 1, *box.window)
            block = self.exposure.read_flagged(*bounds, variance_of=wanted, as_stored=as_stored)[0]
            return block_images(block, self.ramp, box, self.dq_mask, self.stripes)

        if self.exposure.in_memory:
            return list(map(images, indices))
        # Reading leaves Python alone for most of its time.
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            return list(pool.map(images, indices))

    def corrected(self, stripes):
        """
        Read corrected images from now on.

        Parameters
        ----------
        stripes : sequence of `~nircam_tso.measure.striping.StripingModel`
            As for `~nircam_tso.extractor.pixels.block_images`; empty for none.
        """
        self.stripes = stripes
        self._last, self.rows = (None, None), self.rows[:0]

    def differences(self, box):
        """
        Differences of groups of the integrations of `sample`, one stack after another.

        Parameters
        ----------
        box : Box
            Part of the frame.

        Yields
        ------
        data, bad : `~numpy.ndarray`, shape (s, ny, nx)
            Of each difference that is corrected by itself.
        """
        n = len(self.sample(box).data)
        indices = sample_rows(len(self.exposure), n)
        blocks = [self.exposure.read_flagged(int(i), int(i) + 1, *box.window, variance_of=())[0] for i in indices]
        parts = [block_differences(block, self.ramp, box, self.dq_mask) for block in blocks]
        for k in range(parts[0][0].shape[1]):
            yield tuple(np.concatenate([part[i][:, k] for part in parts]) for i in range(2))

    def median(self, box, indices):
        """
        Median image of some integrations.

        Parameters
        ----------
        box : Box
            Part of the frame.
        indices : sequence of int
            Rows of the exposure.

        Returns
        -------
        image : `~numpy.ndarray`, shape (ny, nx)
            The median.
        good : `~numpy.ndarray` of bool, shape (ny, nx)
            Where it is to be trusted.
        """
        sample = self._stack(box, indices)
        reference = series_reference(sample.data, sample.bad)
        good = ~reference.constant_bad & ~self.never[box.window]
        if len(sample.data) == 1:
            good &= ~sample.bad[0]
        return reference.image, good

    def median_of_frame(self, indices):
        """
        Median image of whole frames, band by band of their rows, so that memory stays bounded.

        Parameters
        ----------
        indices : sequence of int
            Rows of the exposure.

        Returns
        -------
        image, good : `~numpy.ndarray`, shape (ny, nx)
            As from `median`.
        """
        ny, nx = self.exposure.shape
        band = int(np.clip(_SAMPLE_BYTES // (64 * nx * len(indices)), 1, ny))
        parts = [self.median(Box(slice(y, min(y + band, ny)), slice(0, nx)), indices) for y in range(0, ny, band)]
        return tuple(np.concatenate(images) for images in zip(*parts, strict=True))
