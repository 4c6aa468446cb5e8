"""Parts of images: stamps around a position, at whole pixels, and one window of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike

__all__ = ["cut_stamps", "cut_window", "stamp_start"]


def stamp_start(
    position_xy: tuple[Any, Any], shape: tuple[int, int], frame: tuple[int, int] | None = None
) -> tuple[Any, ...]:
    """
    First pixel of a stamp around a position, rounded as by `astropy.nddata.Cutout2D`.

    Parameters
    ----------
    position_xy : tuple of float or of array
        Position (x, y), zero-based pixel centres; both finite. Arrays of one shape
        give arrays.
    shape : tuple of int
        (ny, nx) of the stamp.
    frame : tuple of int, optional
        (ny, nx) of the frame: along an axis on which the stamp is at least as large, it
        lies so that all of the frame is in it, wherever the position is.

    Returns
    -------
    x_start, y_start : int or `~numpy.ndarray` of int64
        Column and row of the frame that become column and row 0 of the stamp; may be
        negative, where the stamp reaches over the frame's edge.

    Raises
    ------
    ValueError
        For a position that is not finite, or a shape below one pixel.

    Examples
    --------
    >>> from nircam_tso.measure.stamps import stamp_start
    >>> stamp_start((50.4, 20.6), (21, 21))
    (40, 11)
    """
    ny, nx = shape
    if ny < 1 or nx < 1:
        raise ValueError(f"shape: ({ny}, {nx}) holds no pixel; give two numbers of at least 1")
    starts = []
    wholes = (None, None) if frame is None else (frame[1], frame[0])
    for name, value, size, whole in zip("xy", position_xy, (nx, ny), wholes, strict=True):
        value = np.asarray(value, dtype=np.float64)
        if not np.isfinite(value).all():
            raise ValueError(f"position_xy: {name} is not finite; replace it before cutting a stamp")
        start = np.ceil(value - size / 2.0).astype(np.int64)
        if whole is not None and size >= whole:
            start = np.clip(start, whole - size, 0)
        starts.append(start if start.ndim else int(start))
    return tuple(starts)


def cut_stamps(
    data: np.ndarray, x_start: ArrayLike, y_start: ArrayLike, shape: tuple[int, int], fill: float = np.nan
) -> np.ndarray:
    """
    Cut one stamp out of each image of a block.

    Parameters
    ----------
    data : `~numpy.ndarray`, shape (b, ny_frame, nx_frame)
        Images; any type that can hold ``fill``.
    x_start, y_start : array_like of int, shape (b,)
        Column and row of the frame where each stamp begins (`stamp_start`).
    shape : tuple of int
        (ny, nx) of the stamps.
    fill : scalar, optional
        Value of pixels outside the frame.

    Returns
    -------
    `~numpy.ndarray`, shape (b, ny, nx)
        A copy, of the type of ``data``.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.stamps import cut_stamps
    >>> frames = np.arange(12.0).reshape(1, 3, 4)
    >>> cut_stamps(frames, [2], [-1], (2, 3), fill=0.0)
    array([[[0., 0., 0.],
            [2., 3., 0.]]])
    """
    n_images, ny_frame, nx_frame = data.shape
    ny, nx = shape
    x_start = np.broadcast_to(np.asarray(x_start), (n_images,))
    y_start = np.broadcast_to(np.asarray(y_start), (n_images,))
    if n_images and (x_start == x_start[0]).all() and (y_start == y_start[0]).all():
        x, y = int(x_start[0]), int(y_start[0])
        if 0 <= x <= nx_frame - nx and 0 <= y <= ny_frame - ny:
            # Stars hardly move: mostly all stamps are the same part of their frames.
            return data[:, y : y + ny, x : x + nx].copy()
    stamps = np.full((n_images, ny, nx), fill, dtype=data.dtype)
    for image, stamp, x, y in zip(data, stamps, x_start.tolist(), y_start.tolist(), strict=True):
        x_first, x_last = max(x, 0), min(x + nx, nx_frame)
        y_first, y_last = max(y, 0), min(y + ny, ny_frame)
        if x_first < x_last and y_first < y_last:
            stamp[y_first - y : y_last - y, x_first - x : x_last - x] = image[y_first:y_last, x_first:x_last]
    return stamps


@njit(cache=True, nogil=True)
def _copy_window(images, first_row, first_column, part, holes):
    _, ny, nx = part.shape
    look = len(holes) > 0
    for b in range(len(part)):
        for j in range(ny):
            row, out = images[b, first_row + j, first_column : first_column + nx], part[b, j]
            for i in range(nx):
                out[i] = row[i]
            if look:
                hole = holes[b, j]
                for i in range(nx):
                    # What is not finite differs from itself.
                    hole[i] = not out[i] - out[i] == 0.0


def cut_window(
    images: np.ndarray, window: tuple[slice, slice], *, find_holes: bool = False
) -> tuple[np.ndarray, np.ndarray | None]:
    """
    Copy one part of each image.

    Parameters
    ----------
    images : `~numpy.ndarray` of float64 or float32, shape (B, ny, nx)
        Images.
    window : (slice, slice)
        Rows and columns, each in steps of one.
    find_holes : bool, optional
        Whether to look for values that are not finite.

    Returns
    -------
    part : `~numpy.ndarray` of float64, shape (B, rows, columns)
        In C order; never the images' own memory.
    holes : `~numpy.ndarray` of bool, or None
        True where a value is not finite; None if they were not looked for.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.stamps import cut_window
    >>> part, holes = cut_window(np.array([[[1.0, 2.0], [3.0, np.nan]]]), (slice(1, 2), slice(0, 2)), find_holes=True)
    >>> part, holes
    (array([[[ 3., nan]]]), array([[[False,  True]]]))
    """
    rows, columns = (range(*one.indices(size)) for one, size in zip(window, images.shape[1:], strict=True))
    part = np.empty((len(images), len(rows), len(columns)))
    holes = np.empty(part.shape if find_holes else (0, 0, 0), bool)
    _copy_window(images, rows.start, columns.start, part, holes)
    return part, holes if find_holes else None
