"""What functions of images and centres ask of their arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["check_centres", "check_images"]


def _stack(name, values, data, dtype):
    """Optional companion of ``data``: (B, ny, nx), (1, ny, nx) for one image, (0, ny, nx) for None."""
    if values is None:
        return np.empty((0, *data.shape[1:]), dtype)
    values = np.ascontiguousarray(values, dtype)
    if values.ndim == 2:
        values = values[np.newaxis]
    if values.shape[1:] != data.shape[1:] or len(values) not in (1, len(data)):
        raise ValueError(f"{name}: shape {values.shape} does not go with data of shape {data.shape}")
    return values


def check_images(
    data: ArrayLike, bad: ArrayLike | None = None, variance: ArrayLike | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    Images and what goes with them, as the kernels take them.

    Parameters
    ----------
    data : array_like, shape (B, ny, nx)
        Images.
    bad : array_like of bool, shape (B, ny, nx) or (ny, nx), optional
        Pixels to leave out.
    variance : array_like, shape (B, ny, nx) or (ny, nx), optional
        Variance of each pixel.

    Returns
    -------
    data, bad, variance : `~numpy.ndarray`
        Contiguous, float64, bool and float64. Of the last two one image stands for
        all, and an empty stack for None.

    Raises
    ------
    ValueError
        If the shapes do not go together.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.photometry import check_images
    >>> [values.shape for values in check_images(np.ones((5, 2, 3)), np.zeros((2, 3)))]
    [(5, 2, 3), (1, 2, 3), (0, 2, 3)]
    """
    data = np.ascontiguousarray(data, np.float64)
    if data.ndim != 3:
        raise ValueError(f"data: has {data.ndim} dimensions; give a stack of images (B, ny, nx)")
    return data, _stack("bad", bad, data, bool), _stack("variance", variance, data, np.float64)


def check_centres(x: ArrayLike, y: ArrayLike, n: int) -> tuple[np.ndarray, np.ndarray]:
    """
    Centres of n images, as the kernels take them.

    Parameters
    ----------
    x, y : array_like, shape (n,)
        Centres.
    n : int
        Number of images.

    Returns
    -------
    x, y : `~numpy.ndarray` of float64, shape (n,)

    Raises
    ------
    ValueError
        For any other shape.

    Examples
    --------
    >>> from nircam_tso.measure.photometry import check_centres
    >>> check_centres([3], [4], 1)
    (array([3.]), array([4.]))
    """
    x, y = np.ascontiguousarray(x, np.float64), np.ascontiguousarray(y, np.float64)
    if x.shape != (n,) or y.shape != (n,):
        raise ValueError(f"x, y: shapes {x.shape} and {y.shape} do not go with {n} images")
    return x, y
