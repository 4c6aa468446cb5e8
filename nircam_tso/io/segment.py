"""A run of integrations that lie in one place: what a reader makes of a file, or of an array."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from astropy import units as u
from astropy.io import fits

from nircam_tso.io.bands import Part
from nircam_tso.io.block import Block, empty_block
from nircam_tso.io.merged import MergedCards

if TYPE_CHECKING:
    import numpy as np
    from astropy.io.fits import Header

__all__ = ["Segment"]


class _Header:
    """A header that is made of its cards when somebody asks for it: of a thousand files, few are asked for theirs."""

    def __get__(self, segment, owner=None):
        if segment is None:
            raise AttributeError("header")
        value = vars(segment)["_header"]
        if isinstance(value, MergedCards):
            value = vars(segment)["_header"] = value.header()
        return value

    def __set__(self, segment, value):
        vars(segment)["_header"] = value


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
        The primary header with the image extension's cards laid over it. Readers hand
        over `~nircam_tso.io.merged.MergedCards`, out of which it is made when needed.
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

    Examples
    --------
    >>> from astropy.io import fits
    >>> from nircam_tso.io.exposure import Segment
    >>> Segment("a.fits", None, "image", fits.Header({"EXPTIME": 25.1}), 1, None, (163, 172)).shape
    (163, 172)
    """

    name: str
    path: str | None
    kind: str
    header: fits.Header = _Header()
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

    @property
    def cards(self) -> Header | MergedCards:
        """What values of the header are looked up in, by name: the header itself once there is one."""
        return vars(self)["_header"]

    def fill(self, block: Block, start: int, stop: int, part: Part) -> None:
        """
        Read some integrations into a block.

        Parameters
        ----------
        block : Block
            Where to put them; it has what `~nircam_tso.io.block.empty_block` gives it for a series of such segments.
        start, stop : int
            Zero-based range of integrations within this segment.
        part : Part
            Rows and columns to keep; whole rows are read.
        """
        raise TypeError(f"{type(self).__name__} does not read pixels itself; use one of the readers' segments")

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
        Read some integrations.

        Parameters
        ----------
        start, stop : int
            Zero-based range of integrations within this segment.
        rows, columns, variance_of
            As for `Exposure.read`.

        Returns
        -------
        Block
            With ``stop - start`` integrations.

        Raises
        ------
        IndexError
            For a range outside the segment, or an empty one.
        InputFileError
            If the file is gone or changed.
        """
        if not 0 <= start < stop <= self.n_integrations:
            raise IndexError(f"start, stop: {start}, {stop} is no range within 0 to {self.n_integrations}")
        part = Part.of(self.shape, rows, columns, variance_of)
        block = empty_block([self], stop - start, part)
        self.fill(block, start, stop, part)
        return block

    @property
    def dtype(self) -> np.dtype:
        """Type that holds the image values as they are stored: float32, or float64 where that is not enough."""
        return np.dtype(np.float64)

    def view(self, start: int, stop: int, part: Part) -> np.ndarray | None:
        """
        Image values where they lie in memory.

        Parameters
        ----------
        start, stop : int
            Zero-based range of integrations within this segment.
        part : Part
            Rows and columns.

        Returns
        -------
        `~numpy.ndarray` of float32 or float64, read-only, or None
            None where they lie in a file, or need to be converted.
        """
        return None

    @property
    def has_variance(self) -> bool:
        """Whether blocks have variances."""
        return False

    @property
    def n_dq_axes(self) -> int:
        """Axes of a block's flags: 4 where groups have their own, 0 without any."""
        return 0

    @property
    def n_mask_axes(self) -> int:
        """Axes of a block's mask: 4 where groups have their own, 0 without any."""
        return 0
