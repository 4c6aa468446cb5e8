"""1/f noise of the readout: drifts of the outputs while pixel after pixel is read."""

from __future__ import annotations

import numpy as np
from scipy import fft

__all__ = ["CorrelatedNoise"]

#: Pixels that the readout takes from one line to the next (JWST User Documentation,
#: "NIRCam Detector Subarrays").
_OVERHEAD = 12


class CorrelatedNoise:
    """
    Frames of 1/f noise, laid out as they are read.

    Parameters
    ----------
    shape : (int, int)
        (ny, nx) of a frame.
    amplitude : float
        Root of the variance per e-fold of frequency: the power spectral density is
        ``amplitude^2 / f``, down to once in two frames.
    outputs : int, optional
        Number of outputs, each of which reads its part of every line at the same time.
        The length of a line must be a multiple of it.
    common : float, optional
        Part of the variance that all outputs share, 0 to 1.
    fast_axis, slow_axis : int, optional
        1 for x, 2 for y; negative where read from high to low numbers.

    Raises
    ------
    ValueError
        For outputs that do not divide a line.

    Notes
    -----
    A pixel is read every 10 us, and a line takes 12 pixels more. Pure 1/f noise has no
    time of its own, so that only the order counts. Frames are independent of each
    other: what lasts longer than two of them is left out, and would shift a frame as a
    whole.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.simulate.read_noise import CorrelatedNoise
    >>> noise = CorrelatedNoise((32, 48), 2.0, outputs=4)
    >>> frames = noise.frames(np.random.default_rng(1), 5)
    >>> frames.shape, bool(frames.mean(axis=2).std() > 2)
    ((5, 32, 48), True)
    """

    def __init__(
        self,
        shape: tuple[int, int],
        amplitude: float,
        *,
        outputs: int = 1,
        common: float = 0.5,
        fast_axis: int = 1,
        slow_axis: int = 2,
    ) -> None:
        self.fast_axis, self.slow_axis = fast_axis, slow_axis
        self.n_lines, self.length = shape if abs(fast_axis) == 1 else shape[::-1]
        if self.length % outputs:
            raise ValueError(f"outputs: {outputs} do not divide a line of {self.length} pixels")
        self.amplitude, self.outputs, self.common = float(amplitude), int(outputs), float(common)
        self.width = self.length // self.outputs
        self._n_times = self.n_lines * (self.width + _OVERHEAD)
        self._size = fft.next_fast_len(2 * self._n_times, real=True)
        self._numbers = np.arange(1, (self._size + 1) // 2)

    @property
    def variance(self) -> float:
        """Variance of a pixel: that of all frequencies down to once in two frames."""
        return self.amplitude**2 * (1 / self._numbers).sum()

    def _stream(self, random):
        """
        One output's drift over a frame.

        Each frequency k / size has the variance ``amplitude^2 / k``, divided between a
        cosine and a sine; a transform twice as long as the frame keeps its end from
        meeting its beginning.
        """
        n = len(self._numbers)
        parts = random.standard_normal((2, n)) * (0.5 * self._size * self.amplitude / np.sqrt(self._numbers))
        spectrum = np.zeros(self._size // 2 + 1, complex)
        spectrum[1 : n + 1] = parts[0] + 1j * parts[1]
        return fft.irfft(spectrum, self._size)[: self._n_times]

    def frames(self, random: np.random.Generator, n: int) -> np.ndarray:
        """
        The next frames.

        Parameters
        ----------
        random : `~numpy.random.Generator`
            Where the numbers come from; drawn frame after frame.
        n : int
            How many.

        Returns
        -------
        `~numpy.ndarray` of float64, shape (n, ny, nx)
            In the unit of ``amplitude``.
        """
        rows = np.empty((n, self.n_lines, self.length))
        for frame in rows:
            shared = np.sqrt(self.common) * self._stream(random) if self.common > 0 else 0.0
            for k in range(self.outputs):
                own = shared
                if self.common < 1:
                    own = own + np.sqrt(1 - self.common) * self._stream(random)
                part = own.reshape(self.n_lines, -1)[:, : self.width]
                frame[:, k * self.width : (k + 1) * self.width] = part[:, ::-1] if self.fast_axis < 0 else part
        rows = rows[:, ::-1] if self.slow_axis < 0 else rows
        return np.ascontiguousarray(rows if abs(self.fast_axis) == 1 else np.swapaxes(rows, 1, 2))
