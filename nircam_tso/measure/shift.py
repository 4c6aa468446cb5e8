"""Copies of an image, shifted by fractions of a pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.measure.stamps import cut_stamps

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["shift_images"]

#: Zeros around an image while it is shifted, so that what leaves at one side
#: does not come back at the other.
_MARGIN = 16

#: Pixels that are transformed at a time: more do not fit the processor's cache.
_CHUNK_PIXELS = 1 << 16


def shift_images(array: ArrayLike, dx: ArrayLike, dy: ArrayLike) -> np.ndarray:
    """
    Copies of one image, each shifted by its own fraction of pixels.

    Whole pixels are moved, fractions shifted through the Fourier transform of the image with
    zeros around it, exact for images without detail finer than two pixels that
    fade towards their edges. Nothing wraps around: zeros come in from outside.

    Parameters
    ----------
    array : array_like, shape (ny, nx)
        The image, finite.
    dx, dy : array_like, shape (b,)
        Shift of each copy towards larger x and y, px.

    Returns
    -------
    `~numpy.ndarray` of float64, shape (b, ny, nx)
        Each copy is the same, bit by bit, whatever the others; NaN where a shift is
        not finite.

    Raises
    ------
    ValueError
        If ``dx`` and ``dy`` are not of one length, or ``array`` is no image.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.shift import shift_images
    >>> x, y = np.arange(20), np.arange(18)[:, None]
    >>> def star(x0, y0):
    ...     return np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * 1.6**2))
    >>> shifted = shift_images(star(9, 8), [0.3], [-1.6])
    >>> bool(np.allclose(shifted[0], star(9.3, 6.4), atol=1e-4))
    True
    """
    array = np.ascontiguousarray(array, dtype=np.float64)
    dx, dy = (np.atleast_1d(np.asarray(each, dtype=np.float64)) for each in (dx, dy))
    if array.ndim != 2:
        raise ValueError(f"array: has shape {array.shape}; give one image (ny, nx)")
    if dx.ndim != 1 or dx.shape != dy.shape:
        raise ValueError(f"dx, dy: have shapes {dx.shape} and {dy.shape}; give one shift of each for each copy")
    from scipy.fft import next_fast_len

    shape = array.shape
    # No farther than out of sight; then also the whole pixels of wild shifts fit an integer.
    finite = np.isfinite(dx) & np.isfinite(dy)
    dx = np.clip(np.where(finite, dx, 0.0), -2.0 * shape[1], 2.0 * shape[1])
    dy = np.clip(np.where(finite, dy, 0.0), -2.0 * shape[0], 2.0 * shape[0])
    whole_x, whole_y = np.floor(dx + 0.5), np.floor(dy + 0.5)
    padded_shape = tuple(next_fast_len(n + 2 * _MARGIN, real=True) for n in shape)
    padded = np.zeros(padded_shape)
    padded[_MARGIN : _MARGIN + shape[0], _MARGIN : _MARGIN + shape[1]] = array
    n_y, n_x = padded_shape
    transform = np.fft.rfft2(padded)
    frequency_x, frequency_y = np.fft.rfftfreq(n_x), np.fft.fftfreq(n_y)
    result = np.empty((len(dx), *shape))
    n_chunk = max(1, _CHUNK_PIXELS // padded.size)
    for start in range(0, len(dx), n_chunk):
        part = slice(start, start + n_chunk)
        phase_x = _shift_phases(frequency_x, (dx - whole_x)[part])[:, None, :]
        phase_y = _shift_phases(frequency_y, (dy - whole_y)[part])[:, :, None]
        shifted = np.fft.irfft2(transform * phase_y * phase_x, s=padded_shape)
        x_start, y_start = (_MARGIN - whole[part].astype(int) for whole in (whole_x, whole_y))
        result[part] = cut_stamps(shifted, x_start, y_start, shape, fill=0.0)
    result[~finite] = np.nan
    return result


def _shift_phases(frequency, shift):
    phases = np.exp(-2j * np.pi * shift[:, None] * frequency)
    # The highest frequency of an even length stands for both its signs at once.
    highest = np.abs(frequency) == 0.5
    phases[:, highest] = phases[:, highest].real
    return phases
