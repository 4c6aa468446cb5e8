"""A lazy stack of integrations: what every reader hands over, and what is measured.

An `Exposure` is a row of `Segment` objects, one for each file (or array). A
segment knows its header and its numbers, and reads pixels only when asked, a
block of integrations and a band of rows at a time. Segments of files hold no
open file and can be pickled, so that a worker process reads for itself.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from astropy import units as u
from astropy.io import fits

from nircam_tso.exceptions import InputFileError, SegmentError
from nircam_tso.io.bands import band_of
from nircam_tso.io.policy import Policy
from nircam_tso.quality import QualityFlag

__all__ = ["Block", "Exposure", "Segment"]


@dataclass
class Block:
    """
    Pixels of a few integrations, as native arrays.

    Attributes
    ----------
    data : `~numpy.ndarray` of float64, shape (b, ny, nx) or (b, groups, ny, nx)
        Image values.
    variance : `~numpy.ndarray` of float64 or None
        Variance of each value, of the same shape as ``data``.
    dq : `~numpy.ndarray` of uint32 or None
        Data-quality bits, of the same shape as ``data`` or (b, ny, nx).
    mask : `~numpy.ndarray` of bool or None
        True for pixels that the user masked.
    """

    data: np.ndarray
    variance: np.ndarray | None = None
    dq: np.ndarray | None = None
    mask: np.ndarray | None = None

    def band(self, rows):
        """
        A band of rows.

        Parameters
        ----------
        rows : slice
            Rows (y) to keep, counted from the block's own first one.

        Returns
        -------
        Block
            Views, no copies.
        """
        parts = (self.data, self.variance, self.dq, self.mask)
        return Block(*(None if part is None else part[..., rows, :] for part in parts))

    @classmethod
    def join(cls, blocks):
        """
        One block out of several that follow each other.

        Parameters
        ----------
        blocks : list of Block
            At least one; what one of them lacks (variance, dq, mask) is filled
            with NaN, 0 and False.

        Returns
        -------
        Block
        """
        if len(blocks) == 1:
            return blocks[0]
        parts = {"data": np.concatenate([block.data for block in blocks])}
        for name, blank in (("variance", np.nan), ("dq", np.uint32(0)), ("mask", False)):
            values = [getattr(block, name) for block in blocks]
            if all(value is None for value in values):
                continue
            model = next(value for value in values if value is not None)
            parts[name] = np.concatenate(
                [
                    np.full((len(block.data), *model.shape[1:]), blank, model.dtype) if value is None else value
                    for block, value in zip(blocks, values, strict=True)
                ]
            )
        return cls(**parts)


@dataclass
class Segment:
    """
    A run of integrations that lie in one place; base of what the readers return.

    Attributes
    ----------
    name : str
        Name by which ``meta`` and messages call it: a file's base name or ``"array"``.
    path : str or None
        The file's path, None for what lives in memory.
    kind : str
        ``"jwst-uncal"``, ``"jwst-rateints"``, ``"jwst-calints"``, ``"jwst-crfints"``,
        ``"jwst-rate"``, ``"jwst-cal"``, ``"ncdhas-red"``, ``"ncdhas-slp"``, ``"image"``
        or ``"array"``.
    header : `~astropy.io.fits.Header`
        The primary header with the image extension's cards laid over it.
    n_integrations : int
        Number of integrations in this segment.
    n_groups : int or None
        Number of groups of a ramp; None for finished images.
    shape : tuple of int
        (ny, nx) of one image.
    first_integration : int
        Number of the first integration within its exposure, 1-based.
    exposure_number : int
        Number of the exposure, 1 where no header tells.
    unit : `~astropy.units.UnitBase`
        Unit of the image values.
    error_source : str or None
        Where ``Block.variance`` comes from, None if there is none.
    int_times : `~numpy.ndarray` or None
        The INT_TIMES table as a structured array of native types, if the file has one.
    notes : list of str
        What the reader found odd; ends up in the product's metadata.
    header_sha256 : str
        Hash over the header bytes of every HDU, empty for arrays.
    size : int
        Bytes of the file, 0 for arrays.
    sha256 : str
        Hash over the whole file, where it was asked for.
    quality : int
        Bits of `~nircam_tso.quality.QualityFlag` that all its rows get.
    """

    name: str
    path: str | None
    kind: str
    header: fits.Header
    n_integrations: int
    n_groups: int | None
    shape: tuple[int, int]
    first_integration: int = 1
    exposure_number: int = 1
    unit: u.UnitBase = u.dimensionless_unscaled
    error_source: str | None = None
    int_times: np.ndarray | None = None
    notes: list[str] = field(default_factory=list)
    header_sha256: str = ""
    size: int = 0
    sha256: str = ""
    quality: int = 0

    def read(self, start, stop, rows=slice(None)):
        """
        Read some integrations.

        Parameters
        ----------
        start, stop : int
            Zero-based range of integrations within this segment.
        rows : slice, optional
            Band of image rows (y) to return; whole rows are read.

        Returns
        -------
        Block
            With ``stop - start`` integrations.
        """
        raise TypeError(f"{type(self).__name__} does not read pixels itself; use one of the readers' segments")

    @property
    def has_variance(self):
        """Whether blocks have variances."""
        return False

    @property
    def has_dq(self):
        """Whether blocks have data-quality flags."""
        return False

    def blank(self, count, rows=slice(None)):
        """
        A block without any value, in the form of those that `read` returns.

        Parameters
        ----------
        count : int
            Number of integrations.
        rows : slice, optional
            Band of image rows.

        Returns
        -------
        Block
            NaN, with variances (NaN) and flags (0) where the segment has them.
        """
        first, last = band_of(rows, self.shape[0])
        groups = () if self.n_groups is None else (self.n_groups,)
        shape = (count, *groups, last - first, self.shape[1])
        return Block(
            data=np.full(shape, np.nan),
            variance=np.full(shape, np.nan) if self.has_variance else None,
            dq=np.zeros(shape, np.uint32) if self.has_dq else None,
        )


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

    def __init__(self, segments):
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
    def kind(self):
        """Kind of all segments, see `Segment`."""
        return self.segments[0].kind

    @property
    def header(self):
        """Header of the first segment."""
        return self.segments[0].header

    @property
    def shape(self):
        """Shape (ny, nx) of one image."""
        return self.segments[0].shape

    @property
    def n_groups(self):
        """Number of groups of a ramp, None for finished images."""
        return self.segments[0].n_groups

    @property
    def unit(self):
        """Unit of the image values."""
        return self.segments[0].unit

    @property
    def error_source(self):
        """Where the pixels' variances come from, None if there are none; all that there are, where segments differ."""
        sources = dict.fromkeys(segment.error_source for segment in self.segments)
        if len(sources) == 1:
            return next(iter(sources))
        return "; ".join(source or "none" for source in sources)

    @cached_property
    def source(self):
        """Index of each row's segment, int32, shape (n,)."""
        counts = [segment.n_integrations for segment in self.segments]
        return np.repeat(np.arange(len(counts), dtype=np.int32), counts)

    @cached_property
    def integration(self):
        """Number of each row's integration within its exposure, 1-based, int32, shape (n,)."""
        return np.concatenate(
            [
                np.arange(s.first_integration, s.first_integration + s.n_integrations, dtype=np.int32)
                for s in self.segments
            ]
        )

    @cached_property
    def exposure(self):
        """Number of each row's exposure, int32, shape (n,)."""
        return np.repeat(
            np.array([s.exposure_number for s in self.segments], dtype=np.int32),
            [s.n_integrations for s in self.segments],
        )

    @cached_property
    def flags(self):
        """Bits of `~nircam_tso.quality.QualityFlag` known before any pixel is read, uint32, shape (n,)."""
        counts = [segment.n_integrations for segment in self.segments]
        return np.repeat(np.array([segment.quality for segment in self.segments], dtype=np.uint32), counts)

    @property
    def in_memory(self):
        """True if pixels live in this process, so that another one cannot read them for itself."""
        return any(segment.path is None and not segment.quality for segment in self.segments)

    @property
    def integration_bytes(self):
        """Bytes that the pixels of one integration take in memory: values, variances and flags."""
        ny, nx = self.shape
        return 20 * ny * nx * (self.n_groups or 1)

    @property
    def notes(self):
        """What the readers found odd, without repetitions."""
        return list(dict.fromkeys(note for segment in self.segments for note in segment.notes))

    def read(self, start, stop, rows=slice(None)):
        """
        Read some integrations, across segments where need be.

        Parameters
        ----------
        start, stop : int
            Zero-based range of rows.
        rows : slice, optional
            Band of image rows (y) to return.

        Returns
        -------
        Block
            With ``stop - start`` integrations.

        Raises
        ------
        IndexError
            For a range outside the exposure, or an empty one.
        """
        if not 0 <= start < stop <= len(self):
            raise IndexError(f"start, stop: {start}, {stop} is no range within 0 to {len(self)}")
        blocks = []
        for index in range(self.source[start], self.source[stop - 1] + 1):
            segment = self.segments[index]
            offset = int(self._stops[index]) - segment.n_integrations
            first = max(start - offset, 0)
            last = min(stop - offset, segment.n_integrations)
            blocks.append(segment.read(first, last, rows))
        return Block.join(blocks)

    def read_flagged(self, start, stop, rows=slice(None)):
        """
        Read some integrations, and tell of those that could not be read.

        Parameters
        ----------
        start, stop, rows
            As for `read`.

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
        try:
            return self.read(start, stop, rows), self.flags[start:stop].copy()
        except InputFileError:
            if not self.policy.flags_errors:
                raise
        # One by one, so that what can be read does not depend on the size of blocks.
        blocks, flags = [], self.flags[start:stop].copy()
        for index in range(start, stop):
            try:
                blocks.append(self.read(index, index + 1, rows))
            except InputFileError:
                blocks.append(self.segments[self.source[index]].blank(1, rows))
                flags[index - start] |= np.uint32(QualityFlag.READ_ERROR)
        return Block.join(blocks), flags
