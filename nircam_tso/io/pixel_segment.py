"""A segment whose image, variances and flags are units of a file, or arrays."""

import contextlib
from dataclasses import dataclass, field

import numpy as np

from nircam_tso.io.pixels import ArrayPixels, FilePixels
from nircam_tso.io.segment import Segment

__all__ = ["PixelSegment"]


def _square(sigma, negative):
    """Square in place; a variance of what is negative is negative."""
    sigma *= sigma
    if negative.any():
        np.negative(sigma, out=sigma, where=negative)


def _join(parts, out):
    """Flags or masks joined by "or", a frame's over the groups of its ramp."""
    out[...] = 0
    for part in parts:
        out |= part[:, None] if part.ndim < out.ndim else part


@dataclass(eq=False)
class PixelSegment(Segment):
    """
    A segment whose image, variances and flags are each a unit of a file or an array.

    Attributes
    ----------
    image : FilePixels or ArrayPixels
        Image values.
    variances : tuple
        Whose values add up to the variance, rounded as the square of its own root.
    sigma : FilePixels, ArrayPixels or None
        Standard deviations, instead of ``variances``. A negative one gives a negative
        variance, so that it is noticed where it is used.
    flags : tuple
        Data-quality bits, joined by "or"; each of the image's shape or (n, ny, nx), or
        (1, ny, nx) for all integrations.
    masks : tuple of ArrayPixels
        Masked pixels, joined by "or"; shapes as for ``flags``.
    mask_units : tuple of FilePixels
        Units in which a value other than 0 is a masked pixel.
    """

    image: FilePixels | ArrayPixels | None = None
    variances: tuple = ()
    sigma: FilePixels | ArrayPixels | None = None
    flags: tuple = ()
    masks: tuple = ()
    mask_units: tuple = field(default_factory=tuple)

    @property
    def has_variance(self):
        """Whether blocks have variances."""
        return bool(self.variances) or self.sigma is not None

    @property
    def n_mask_axes(self):
        """Axes of a block's mask: 4 where groups have their own, 0 without any."""
        return max((len(pixels.shape) for pixels in (*self.masks, *self.mask_units)), default=0)

    @property
    def n_dq_axes(self):
        """Axes of a block's flags: 4 where groups have their own, 0 without any."""
        return max((len(pixels.shape) for pixels in self.flags), default=0)

    @property
    def dtype(self):
        """Type that holds the image values as they are stored."""
        return self.image.dtype

    def view(self, start, stop, part):
        """
        Image values where they lie in memory; see `Segment.view`.

        Parameters
        ----------
        start, stop : int
            Zero-based range within the segment.
        part : Part
            Rows and columns.

        Returns
        -------
        `~numpy.ndarray` or None
        """
        return None if self.n_groups is not None else self.image.view(start, stop, *part.window)

    def fill(self, block, start, stop, part):
        """
        Read some integrations into a block; see `Segment.fill`.

        Parameters
        ----------
        block : Block
            Where to put them.
        start, stop : int
            Zero-based range within the segment.
        part : Part
            Rows and columns to keep.

        Raises
        ------
        InputFileError
            If the file is gone or changed.
        """
        # Broken numbers in, broken numbers out: whoever measures flags them, row by row.
        with contextlib.ExitStack() as stack, np.errstate(all="ignore"):
            handles = {}

            def handle(pixels):
                key = getattr(pixels, "stored", None)
                if key not in handles:
                    handles[key] = stack.enter_context(pixels.opened())
                return handles[key]

            if block.data.flags.writeable:
                self.image.values(handle(self.image), start, stop, *part.window, block.data)
            if block.variance is not None:
                self._fill_variance(block.variance, handle, start, stop, part.variance_window)
            if block.dq is not None:
                self._fill_flags(block.dq, handle, start, stop, part)
            if block.mask is not None:
                masks = [pixels.masks(*self._range(pixels, start, stop), *part.window) for pixels in self.masks]
                masks += [self._bits(pixels, handle, start, stop, part) != 0 for pixels in self.mask_units]
                _join(masks, block.mask)

    def _fill_variance(self, out, handle, start, stop, window):
        if self.sigma is not None:
            low, high = self._range(self.sigma, start, stop)
            # One frame of errors may serve for all integrations.
            own = out if out.shape == (high - low, *self.sigma.shape[1:-2], *out.shape[-2:]) else None
            values = self.sigma.values(handle(self.sigma), low, high, *window, own)
            _square(values, values < 0)
            if own is None:
                out[...] = values
            return
        if not self.variances:
            # One of several segments lacks what the others have.
            out[...] = np.nan
            return
        first, *others = self.variances
        first.values(handle(first), start, stop, *window, out)
        for pixels in others:
            out += pixels.values(handle(pixels), start, stop, *window)
        # By way of the root: the same errors handed over as 1 sigma then give the same bits.
        negative = out < 0
        _square(np.sqrt(np.abs(out, out=out), out=out), negative)

    def _fill_flags(self, out, handle, start, stop, part):
        if len(self.flags) == 1 and self.flags[0].shape[:-2] == (self.n_integrations, *out.shape[1:-2]):
            self._bits(self.flags[0], handle, start, stop, part, out)
        else:
            _join([self._bits(pixels, handle, start, stop, part) for pixels in self.flags], out)

    def _bits(self, pixels, handle, start, stop, part, out=None):
        return pixels.flags(handle(pixels), *self._range(pixels, start, stop), *part.window, out)

    def _range(self, pixels, start, stop):
        """The range to read of a unit that may be one image for all integrations."""
        return (0, 1) if pixels.shape[0] == 1 and self.n_integrations > 1 else (start, stop)
