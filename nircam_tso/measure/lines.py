"""The detector's lines, and what the noise that a readout leaves along them does to sums of pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from numpy.typing import ArrayLike

__all__ = ["Lines", "check_edges", "detector_lines", "line_chords"]


class Lines(NamedTuple):
    """
    How a frame's pixels share the noise that a readout leaves along its lines.

    Attributes
    ----------
    slot : `~numpy.ndarray` of int64, shape (nx,), or None
        Number of the line, within a row of pixels, that each column belongs to; None
        where lines do not matter.
    ends : `~numpy.ndarray` of bool, shape (ny,), or None
        Whether the lines end after each row of pixels, or go on in the next.

    Examples
    --------
    >>> from nircam_tso.measure.lines import detector_lines
    >>> detector_lines((2, 3), "row").ends
    array([ True,  True])
    """

    slot: np.ndarray | None
    ends: np.ndarray | None


def detector_lines(
    shape: tuple[int, int], along: Literal["row", "column"] | None = None, edges: Sequence[int] | None = None
) -> Lines:
    """
    The lines of a frame: rows or columns of pixels, or an amplifier's parts of them.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx).
    along : {"row", "column"}, optional
        Whether pixels of one row are a line, or those of one column; without it there
        are no lines.
    edges : sequence of int, optional
        Where an amplifier's part of a line ends: the first pixel of each next part
        along the line, in increasing order. Those outside the frame part nothing.

    Returns
    -------
    Lines

    Raises
    ------
    ValueError
        For another ``along``, or edges that do not increase or have no line to part.

    Examples
    --------
    >>> from nircam_tso.measure.lines import detector_lines
    >>> detector_lines((2, 6), "row", [4]).slot
    array([0, 0, 0, 0, 1, 1])
    """
    ny, nx = shape
    edges = check_edges(along, edges)
    if edges.ndim != 1:
        raise ValueError(f"edges: have shape {edges.shape}; all images share one list of them")
    if along is None:
        return Lines(None, None)
    if along == "row":
        slot = np.searchsorted(edges, np.arange(nx), side="right")
        # Edges before the frame would leave empty lines behind.
        return Lines((slot - slot[:1]).astype(np.int64), np.ones(ny, bool))
    return Lines(np.arange(nx, dtype=np.int64), np.isin(np.arange(1, ny + 1), edges))


def check_edges(along: Literal["row", "column"] | None, edges: Sequence[int] | np.ndarray | None) -> np.ndarray:
    """
    Edges between the amplifiers' parts of lines, as an array.

    Parameters
    ----------
    along : {"row", "column"} or None
        What a line is, if lines matter.
    edges : sequence of int or None
        First pixels of each next part along the line, or rows of such.

    Returns
    -------
    `~numpy.ndarray` of int64, shape (E,) or (B, E)
        Empty where there are none.

    Raises
    ------
    ValueError
        For another ``along``, or edges that do not increase or have no line to part.

    Examples
    --------
    >>> from nircam_tso.measure.lines import check_edges
    >>> check_edges("row", [512, 1024, 1536])
    array([ 512, 1024, 1536])
    """
    if along not in (None, "row", "column"):
        raise ValueError(f'along: {along!r} is neither "row" nor "column" nor None')
    if edges is None:
        return np.empty(0, np.int64)
    if along is None:
        raise ValueError('edges: given without along; say whether lines are along "row" or "column"')
    values = np.asarray(edges)
    whole = values.size == 0 or (values.dtype.kind in "iu" and values.ndim in (1, 2))
    if not whole or (values.size and (np.diff(values, axis=-1) <= 0).any()):
        raise ValueError(f"edges: {edges!r} are not whole numbers in increasing order")
    return values.astype(np.int64)


@njit(cache=True, nogil=True)
def _line_squares(weights, edges):
    """Sum over rows, parted at the edges, of the square of the sum of weights in each."""
    squares = np.zeros(len(weights))
    for b in range(len(weights)):
        of_edges = edges[b if len(edges) > 1 else 0]
        for j in range(weights.shape[1]):
            part, e = 0.0, 0
            for i in range(weights.shape[2]):
                while e < len(of_edges) and of_edges[e] <= i:
                    squares[b] += part * part
                    part = 0.0
                    e += 1
                part += weights[b, j, i]
            squares[b] += part * part
    return squares


def line_chords(
    weights: np.ndarray, along: Literal["row", "column"] | None = None, edges: ArrayLike | None = None
) -> np.ndarray | None:
    """
    What noise along the detector's lines does to weighted sums of pixels.

    Noise that is common to the pixels of a line, independent from line to line, and of
    variance s^2, adds to the variance of a sum with weights w the term
    ``s^2 sum over lines (sum of w in the line)^2``: this is the sum over lines.

    Parameters
    ----------
    weights : `~numpy.ndarray` of float64, shape (B, ny, nx)
        Weights of each image's pixels.
    along : {"row", "column"}, optional
        Whether pixels of one row are a line, or those of one column.
    edges : array_like of int, shape (E,) or (B, E), optional
        Where an amplifier's part of a line ends, as in `detector_lines`; the same for
        all images, or those of each.

    Returns
    -------
    `~numpy.ndarray` of float64, shape (B,), or None
        None without ``along``.

    Raises
    ------
    ValueError
        For wrong lines, or edges of another number of images.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.lines import line_chords
    >>> line_chords(np.ones((1, 2, 5)), "row"), line_chords(np.ones((1, 2, 5)), "row", [3])
    (array([50.]), array([26.]))
    """
    edges = np.atleast_2d(check_edges(along, edges))
    if along is None:
        return None
    if len(edges) not in (1, len(weights)):
        raise ValueError(f"edges: shape {edges.shape} does not go with {len(weights)} images")
    return _line_squares(np.ascontiguousarray(weights if along == "row" else weights.swapaxes(1, 2)), edges)
