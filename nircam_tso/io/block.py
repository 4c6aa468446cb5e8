"""Pixels of a few integrations in memory, and the room for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.io.bands import within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nircam_tso.io.bands import Part
    from nircam_tso.io.segment import Segment

__all__ = ["Block", "empty_block"]


@dataclass
class Block:
    """
    Pixels of a few integrations, as native arrays.

    Attributes
    ----------
    data : `~numpy.ndarray` of float64, shape (b, ny, nx) or (b, groups, ny, nx)
        Image values; float32 where they are stored so and asked for as they are.
    variance : `~numpy.ndarray` of float64 or None
        Variance of each value, of the same shape as ``data``, or of the part
        ``variance_of`` of it.
    dq : `~numpy.ndarray` of uint32 or None
        Data-quality bits, of the same shape as ``data`` or (b, ny, nx).
    mask : `~numpy.ndarray` of bool or None
        True for pixels that the user masked.
    variance_of : (slice, slice) or None
        Rows and columns of ``data`` that have a variance; None where all have.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.io.exposure import Block
    >>> block = Block(np.zeros((2, 3, 4)))
    >>> block.data.shape, block.variance is None
    ((2, 3, 4), True)
    """

    data: np.ndarray
    variance: np.ndarray | None = None
    dq: np.ndarray | None = None
    mask: np.ndarray | None = None
    variance_of: tuple | None = None

    def cut(self, rows: slice, columns: slice, variance_of: tuple[slice, slice] | None = None) -> Block:
        """
        A part of each image.

        Parameters
        ----------
        rows, columns : slice
            What to keep, with start and stop, counted from the block's own first pixel.
        variance_of : (slice, slice), optional
            Of which part of this the variances are kept; all by default.

        Returns
        -------
        Block
            Views, no copies.

        Examples
        --------
        >>> import numpy as np
        >>> from nircam_tso.io.block import Block
        >>> Block(np.arange(12.0).reshape(1, 3, 4)).cut(slice(1, 2), slice(2, 4)).data.tolist()
        [[[6.0, 7.0]]]
        """
        inner = (rows, columns) if variance_of is None else variance_of
        own = inner if self.variance_of is None else within(inner, self.variance_of)
        return Block(
            self.data[..., rows, columns],
            None if self.variance is None else self.variance[..., *own],
            *(None if part is None else part[..., rows, columns] for part in (self.dq, self.mask)),
            None if variance_of is None else within(variance_of, (rows, columns)),
        )

    def integrations(self, start: int, stop: int) -> Block:
        """
        Some of the integrations.

        Parameters
        ----------
        start, stop : int
            Range of them.

        Returns
        -------
        Block
            Views, no copies.
        """
        parts = (self.data, self.variance, self.dq, self.mask)
        return Block(*(None if part is None else part[start:stop] for part in parts), self.variance_of)

    def blank(self) -> None:
        """Make all of it unknown: NaN, and no flag set."""
        self.data[...] = np.nan
        for part, value in ((self.variance, np.nan), (self.dq, 0), (self.mask, False)):
            if part is not None:
                part[...] = value


def empty_block(segments: Sequence[Segment], count: int, part: Part, data: np.ndarray | None = None) -> Block:
    """
    Room for integrations of some segments that follow each other.

    Parameters
    ----------
    segments : sequence of Segment
        Of one form; variances, flags and masks are there if one of them has some.
    count : int
        Number of integrations.
    part : Part
        Rows and columns.
    data : `~numpy.ndarray`, optional
        The image values, or the room for them; of float64 by default.

    Returns
    -------
    Block
        Of any values.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.io.bands import Part
    >>> from nircam_tso.io.exposure import empty_block
    >>> from nircam_tso.io.sources import open_exposure
    >>> exposure = open_exposure(np.zeros((10, 32, 64)))
    >>> empty_block(exposure.segments, 3, Part.of(exposure.shape, slice(4, 8))).data.shape
    (3, 4, 64)
    """
    model = segments[0]
    groups = () if model.n_groups is None else (model.n_groups,)
    inner = part.variance_window
    known = bool(inner) and any(segment.has_variance for segment in segments)

    def bits(axes, dtype):
        return np.empty((count, *(groups if axes == 4 else ()), *part.shape), dtype) if axes else None

    return Block(
        np.empty((count, *groups, *part.shape)) if data is None else data,
        np.empty((count, *groups, *(p.stop - p.start for p in inner))) if known else None,
        bits(max(segment.n_dq_axes for segment in segments), np.uint32),
        bits(max(segment.n_mask_axes for segment in segments), bool),
        within(inner, part.window) if known and part.variance_of is not None else None,
    )
