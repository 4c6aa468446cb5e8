"""Lines of pixels that share a level, their medians, and the levels taken off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from nircam_tso.measure.selection import select

if TYPE_CHECKING:
    from typing import Literal

__all__ = ["STRIPINGS", "Lines", "ReadoutLayout", "line_medians", "striping_lines", "subtract_terms"]

#: Ways to gather pixels into lines.
STRIPINGS = ("row", "column", "row-amplifier")


@dataclass(frozen=True)
class ReadoutLayout:
    """
    In which order the pixels of a frame were read.

    Attributes
    ----------
    fast_axis, slow_axis : int
        1 for x, 2 for y, negative where read from high to low numbers: pixel after
        pixel along the fast axis, then the next line.
    edges : tuple of int or None
        Where the outputs' parts of a line begin along the fast axis, and where the
        last one ends; None where nothing tells. All outputs are read at once.
    overhead : int
        Time between two lines, in pixels.

    Examples
    --------
    >>> from nircam_tso.measure.striping import ReadoutLayout
    >>> ReadoutLayout(edges=(0, 512, 1024)).n_outputs
    2
    """

    fast_axis: int = 1
    slow_axis: int = 2
    edges: tuple[int, ...] | None = None
    overhead: int = 0

    @property
    def n_outputs(self) -> int:
        """Number of outputs within the frame, 1 where nothing tells."""
        return 1 if self.edges is None else len(self.edges) - 1


@dataclass(frozen=True, eq=False)
class Lines:
    """
    How pixels are gathered into lines that share a level.

    Attributes
    ----------
    direction : {"row", "column"}
        Along what lines run.
    strips : `~numpy.ndarray` of int64, shape (n_along,)
        Number of the strip that each pixel along a line belongs to; each strip's part
        of a line has a level of its own.
    groups : `~numpy.ndarray` of int64, shape (n_strips, n_lines)
        Levels of the same number are compared with one another, the groups' common
        levels with those of other groups.

    Examples
    --------
    >>> from nircam_tso.measure.striping import ReadoutLayout, striping_lines
    >>> lines = striping_lines("column", (3, 8), ReadoutLayout())
    >>> lines.direction, lines.groups.shape
    ('column', (1, 8))
    """

    direction: str
    strips: np.ndarray
    groups: np.ndarray

    def along(self, images: np.ndarray) -> np.ndarray:
        """
        Images with their lines along the last axis.

        Parameters
        ----------
        images : `~numpy.ndarray`, shape (..., ny, nx)
            Images.

        Returns
        -------
        `~numpy.ndarray`
            A view; the same call turns it back.
        """
        return images if self.direction == "row" else np.swapaxes(images, -1, -2)

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return int(self.groups.max()) + 1


def striping_lines(
    striping: Literal["row", "column", "row-amplifier"],
    shape: tuple[int, int],
    layout: ReadoutLayout,
    *,
    odd_even: bool = False,
) -> Lines:
    """
    Choose the lines.

    Parameters
    ----------
    striping : {"row", "column", "row-amplifier"}
        Whole rows, whole columns, or each output's part of a line along the fast axis.
    shape : (int, int)
        (ny, nx) of the frame.
    layout : ReadoutLayout
        How it was read.
    odd_even : bool, optional
        Keep odd and even columns apart: within rows each has a level of its own;
        columns are compared with columns of their kind.

    Returns
    -------
    Lines

    Raises
    ------
    ValueError
        For an unknown ``striping``, and for "row-amplifier" where the outputs are not known.

    Examples
    --------
    >>> from nircam_tso.measure.striping import ReadoutLayout, striping_lines
    >>> striping_lines("row-amplifier", (3, 8), ReadoutLayout(edges=(0, 4, 8))).strips
    array([0, 0, 0, 0, 1, 1, 1, 1])
    >>> striping_lines("row", (3, 8), ReadoutLayout(), odd_even=True).strips
    array([0, 1, 0, 1, 0, 1, 0, 1])
    """
    if striping not in STRIPINGS:
        raise ValueError(f"striping: {striping!r} is none of {', '.join(map(repr, STRIPINGS))}")
    direction = striping
    if striping == "row-amplifier":
        if layout.edges is None:
            raise ValueError(
                "striping: 'row-amplifier' needs FASTAXIS, SLOWAXIS, NOUTPUTS, SUBSTRT and SUBSIZE in the header, "
                f"and a frame of that size, not {shape[0]} x {shape[1]} pixels (y, x); use 'row' or 'column'"
            )
        direction = "row" if abs(layout.fast_axis) == 1 else "column"
    n_lines, n_along = shape if direction == "row" else shape[::-1]
    strips = np.zeros(n_along, np.int64)
    if striping == "row-amplifier":
        strips = np.searchsorted(layout.edges, np.arange(n_along), side="right") - 1
    if odd_even and direction == "row":
        strips = 2 * strips + np.arange(n_along) % 2
    n_strips = int(strips.max()) + 1
    groups = np.repeat(np.arange(n_strips)[:, None], n_lines, axis=1)
    if odd_even and direction == "column":
        groups = 2 * groups + np.arange(n_lines) % 2
    return Lines(direction, strips, groups)


@njit(cache=True, nogil=True)
def _median(values, n):
    if n % 2:
        return select(values, n, n // 2)
    high = select(values, n, n // 2)
    # All that lies before the place of a rank is not greater.
    return 0.5 * (high + values[: n // 2].max())


@njit(cache=True, nogil=True)
def _line_medians(images, usable, strips, medians, counts, spreads):
    n_images, n_lines, n_along = images.shape
    n_strips = medians.shape[1]
    values = np.empty((n_strips, n_along))
    for b in range(n_images):
        for line in range(n_lines):
            n = np.zeros(n_strips, np.int64)
            for p in range(n_along):
                value = images[b, line, p]
                if usable[b, line, p] and np.isfinite(value):
                    k = strips[p]
                    values[k, n[k]] = value
                    n[k] += 1
            for k in range(n_strips):
                counts[b, k, line] = n[k]
                if n[k] == 0:
                    continue
                median = _median(values[k], n[k])
                medians[b, k, line] = median
                if spreads.shape[0] > 0:
                    for i in range(n[k]):
                        values[k, i] = abs(values[k, i] - median)
                    spreads[b, k, line] = _median(values[k], n[k])


def line_medians(images, usable, lines, *, spreads=False):
    """
    Median of each line.

    Parameters
    ----------
    images : `~numpy.ndarray` of float64, shape (B, ny, nx)
        Images.
    usable : `~numpy.ndarray` of bool, shape (B, ny, nx)
        Pixels to use; values that are not finite are left out as well.
    lines : Lines
        The lines.
    spreads : bool, optional
        Whether to tell the median absolute deviations, too.

    Returns
    -------
    medians : `~numpy.ndarray` of float64, shape (B, n_strips, n_lines)
        NaN where there is no pixel.
    counts : `~numpy.ndarray` of int64, shape (B, n_strips, n_lines)
        Number of pixels.
    deviations : `~numpy.ndarray` of float64, shape (B, n_strips, n_lines) or None
        Median absolute deviations.
    """
    shape = (len(images), *lines.groups.shape)
    medians, counts = np.full(shape, np.nan), np.zeros(shape, np.int64)
    deviations = np.full(shape if spreads else (0, *shape[1:]), np.nan)
    images = np.ascontiguousarray(lines.along(images), np.float64)
    usable = np.ascontiguousarray(lines.along(usable), bool)
    _line_medians(images, usable, lines.strips, medians, counts, deviations)
    return medians, counts, deviations if spreads else None


def subtract_terms(images: np.ndarray, terms: np.ndarray, lines: Lines) -> None:
    """
    Take the levels of lines off images, in place.

    Parameters
    ----------
    images : `~numpy.ndarray` of float64, shape (B, ny, nx)
        Images.
    terms : `~numpy.ndarray`, shape (B, n_strips, n_lines)
        Levels.
    lines : Lines
        The lines.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.striping import ReadoutLayout, striping_lines, subtract_terms
    >>> images = np.full((1, 2, 3), 100.0)
    >>> subtract_terms(images, np.array([[[1.0, -1.0]]]), striping_lines("row", (2, 3), ReadoutLayout()))
    >>> images[0, :, 0]
    array([ 99., 101.])
    """
    view = lines.along(images)
    for b in range(len(images)):
        view[b] -= terms[b].T[:, lines.strips]
