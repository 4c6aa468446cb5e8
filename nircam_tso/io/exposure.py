"""A lazy stack of integrations: what every reader hands over, and what is measured.

An `Exposure` is a row of `Segment` objects, one for each file (or array). A
segment knows its header and its numbers, and reads pixels only when asked, a
block of integrations and a part of each image at a time. Segments of files hold no
open file and can be pickled, so that a worker process reads for itself.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.exceptions import InputFileError, SegmentError
from nircam_tso.io.bands import Part
from nircam_tso.io.block import Block, empty_block
from nircam_tso.io.policy import Policy
from nircam_tso.io.segment import Segment
from nircam_tso.quality import QualityFlag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from astropy.io.fits import Header
    from astropy.units import UnitBase

__all__ = ["Exposure", "Segment"]


class Exposure:
    """
    Integrations in order, over one or several segments.

    Parameters
    ----------
    segments : sequence of Segment
        At least one, in the order in which their rows shall come.

    Attributes
    ----------
    options : str
        Options of the command that select this exposure among those of its source, such
        as ``"--detector NRCA1 --product calints"``; empty where there is but one.
    policy : Policy
        How faults are taken, and the memory that may be used.

    Raises
    ------
    SegmentError
        If the segments differ in kind, image shape, groups or unit.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.io.sources import open_exposure
    >>> exposure = open_exposure(np.zeros((10, 32, 64)))
    >>> len(exposure), exposure.shape
    (10, (32, 64))
    >>> exposure.read(2, 5, rows=slice(4, 8)).data.shape
    (3, 4, 64)
    """

    def __init__(self, segments: Sequence[Segment]) -> None:
        segments = tuple(segments)
        if not segments:
            raise SegmentError("source: holds no integrations")
        first = segments[0]
        for segment in segments[1:]:
            for what in ("kind", "shape", "n_groups", "unit"):
                if getattr(segment, what) != getattr(first, what):
                    raise SegmentError(
                        f"{segment.name} has {what} {getattr(segment, what)}, but {first.name} has "
                        f"{getattr(first, what)}; extract them one by one",
                        path=segment.path,
                    )
        self.segments = segments
        self.options = ""
        self.policy = Policy()
        self._stops = np.cumsum([segment.n_integrations for segment in segments])

    def __len__(self):
        return int(self._stops[-1])

    def __repr__(self):
        names = self.segments[0].name + (f" and {len(self.segments) - 1} more" if len(self.segments) > 1 else "")
        return f"<Exposure of {len(self)} integrations {self.shape[0]} x {self.shape[1]} ({self.kind}): {names}>"

    @property
    def kind(self) -> str:
        """Kind of all segments, see `Segment`."""
        return self.segments[0].kind

    @property
    def header(self) -> Header:
        """Header of the first segment."""
        return self.segments[0].header

    @property
    def shape(self) -> tuple[int, int]:
        """Shape (ny, nx) of one image."""
        return self.segments[0].shape

    @property
    def n_groups(self) -> int | None:
        """Number of groups of a ramp, None for finished images."""
        return self.segments[0].n_groups

    @property
    def unit(self) -> UnitBase | None:
        """Unit of the image values."""
        return self.segments[0].unit

    @property
    def error_source(self) -> str | None:
        """Where the pixels' variances come from, None if there are none; all that there are, where segments differ."""
        sources = dict.fromkeys(segment.error_source for segment in self.segments)
        if len(sources) == 1:
            return next(iter(sources))
        return "; ".join(source or "none" for source in sources)

    @cached_property
    def source(self) -> np.ndarray:
        """Index of each row's segment, int32, shape (n,)."""
        return self._each(np.arange(len(self.segments), dtype=np.int32))

    @cached_property
    def integration(self) -> np.ndarray:
        """Number of each row's integration within its exposure, 1-based, int32, shape (n,)."""
        return np.concatenate(
            [
                np.arange(s.first_integration, s.first_integration + s.n_integrations, dtype=np.int32)
                for s in self.segments
            ]
        )

    @cached_property
    def exposure(self) -> np.ndarray:
        """Number of each row's exposure, int32, shape (n,)."""
        return self._each(np.array([segment.exposure_number for segment in self.segments], dtype=np.int32))

    @cached_property
    def flags(self) -> np.ndarray:
        """Bits of `~nircam_tso.quality.QualityFlag` known before any pixel is read, uint32, shape (n,)."""
        return self._each(np.array([segment.quality for segment in self.segments], dtype=np.uint32))

    def _each(self, values):
        """A value of each segment for each of its rows."""
        return np.repeat(values, [segment.n_integrations for segment in self.segments])

    @property
    def in_memory(self) -> bool:
        """True if pixels live in this process, so that another one cannot read them for itself."""
        return any(segment.path is None and not segment.quality for segment in self.segments)

    @property
    def paths(self) -> list[str]:
        """Paths of its files, in the order of the segments; none for what lives in memory."""
        return [segment.path for segment in self.segments if segment.path]

    @property
    def integration_bytes(self) -> int:
        """Bytes that the pixels of one integration take in memory: values, variances and flags."""
        ny, nx = self.shape
        return 20 * ny * nx * (self.n_groups or 1)

    @property
    def notes(self) -> list[str]:
        """What the readers found odd, without repetitions."""
        return list(dict.fromkeys(note for segment in self.segments for note in segment.notes))

    def read(
        self,
        start: int,
        stop: int,
        rows: slice = slice(None),
        columns: slice = slice(None),
        *,
        variance_of: tuple[slice, slice] | tuple[()] | None = None,
    ) -> Block:
        """
        Read some integrations, across segments where need be.

        Parameters
        ----------
        start, stop : int
            Zero-based range of rows.
        rows : slice, optional
            Band of image rows (y) to return; whole rows are read.
        columns : slice, optional
            Which of their columns (x) to return.
        variance_of : (slice, slice), optional
            Rows and columns of the image whose variances are wanted, within those above,
            which is the default; () for none.

        Returns
        -------
        Block
            With ``stop - start`` integrations.

        Raises
        ------
        IndexError
            For a range outside the exposure, or an empty one.
        """
        part = Part.of(self.shape, rows, columns, variance_of)
        block, pieces = self._block(start, stop, part)
        for segment, first, last, at in pieces:
            segment.fill(block.integrations(at, at + last - first), first, last, part)
        return block

    def rows_in_memory(
        self,
        indices: Sequence[int],
        rows: slice = slice(None),
        columns: slice = slice(None),
        *,
        as_stored: bool = False,
    ) -> Block | None:
        """
        Integrations that need not follow each other, out of a plain array.

        Parameters
        ----------
        indices : sequence of int
            Zero-based rows.
        rows, columns : slice, optional
            As for `read`.
        as_stored : bool, optional
            Whether float32 stays as it is.

        Returns
        -------
        Block or None
            None where the pixels, or other things than these, lie elsewhere.
        """
        segment = self.segments[0]
        if len(self.segments) > 1 or segment.has_variance or segment.n_dq_axes or segment.n_mask_axes:
            return None
        pixels = segment.view(0, len(self), Part.of(self.shape, rows, columns))
        if pixels is None:
            return None
        return Block(pixels[indices] if as_stored else pixels[indices].astype(np.float64))

    def _block(self, start, stop, part, as_stored=False):
        """Room for some integrations, and what fills it: (segment, first, last, where in the block)."""
        if not 0 <= start < stop <= len(self):
            raise IndexError(f"start, stop: {start}, {stop} is no range within 0 to {len(self)}")
        low, high = int(self.source[start]), int(self.source[stop - 1]) + 1
        segments = self.segments[low:high]
        pieces = []
        for segment, end in zip(segments, self._stops[low:high].tolist(), strict=True):
            offset = end - segment.n_integrations
            first, last = max(start - offset, 0), min(stop - offset, segment.n_integrations)
            pieces.append((segment, first, last, offset + first - start))
        data = None
        if as_stored:
            segment, first, last, _ = pieces[0]
            data = segment.view(first, last, part) if len(pieces) == 1 else None
            if data is None and self.n_groups is None:
                data = np.empty((stop - start, *part.shape), max(segment.dtype for segment in segments))
        return empty_block(segments, stop - start, part, data), pieces

    def read_flagged(
        self,
        start: int,
        stop: int,
        rows: slice = slice(None),
        columns: slice = slice(None),
        *,
        variance_of: tuple[slice, slice] | tuple[()] | None = None,
        as_stored: bool = False,
    ) -> tuple[Block, np.ndarray]:
        """
        Read some integrations, and tell of those that could not be read.

        Parameters
        ----------
        start, stop, rows, columns, variance_of
            As for `read`.
        as_stored : bool, optional
            Whether image values may come as they are stored, as float32 and read-only, where
            that spares a copy.

        Returns
        -------
        block : Block
            With ``stop - start`` integrations; NaN where they could not be read.
        flags : `~numpy.ndarray` of uint32, shape (stop - start,)
            READ_ERROR and MISSING_INTEGRATION of each.

        Raises
        ------
        InputFileError
            If a file fails while it is read, unless errors are flagged.
        IndexError
            For a range outside the exposure, or an empty one.
        """
        part = Part.of(self.shape, rows, columns, variance_of)
        block, pieces = self._block(start, stop, part, as_stored)
        flags = self.flags[start:stop].copy()
        for segment, first, last, at in pieces:
            try:
                segment.fill(block.integrations(at, at + last - first), first, last, part)
                continue
            except InputFileError:
                if not self.policy.flags_errors:
                    raise
            if not block.data.flags.writeable:
                # What cannot be read is blanked, which must not reach the user's own array.
                block.data = block.data.copy()
            # One by one, so that what can be read does not depend on the size of blocks.
            for index in range(first, last):
                own = block.integrations(at + index - first, at + index - first + 1)
                try:
                    segment.fill(own, index, index + 1, part)
                except InputFileError:
                    own.blank()
                    flags[at + index - first] |= np.uint32(QualityFlag.READ_ERROR)
        return block, flags
