"""Which part of the frame is read, and which part holds all that is measured of the star."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Box", "box_about", "read_box", "star_box"]


@dataclass(frozen=True)
class Box:
    """
    A rectangle of pixels of the frame.

    Attributes
    ----------
    rows, columns : slice
        Its ranges in y and x.
    """

    rows: slice
    columns: slice

    @property
    def shape(self):
        """(ny, nx)."""
        return (self.rows.stop - self.rows.start, self.columns.stop - self.columns.start)

    @property
    def corner(self):
        """(x, y) of the first pixel, in the frame."""
        return (self.columns.start, self.rows.start)

    @property
    def window(self):
        """Index of the box into an image of the frame."""
        return (self.rows, self.columns)

    def here(self, position):
        """Move a position from the frame into the box."""
        return (position[0] - self.columns.start, position[1] - self.rows.start)

    def within(self, other):
        """Index of this box into an image of another box that holds it."""
        x, y = other.corner
        return (
            slice(self.rows.start - y, self.rows.stop - y),
            slice(self.columns.start - x, self.columns.stop - x),
        )

    def joined(self, other):
        """Return the smallest box that holds both."""
        return Box(
            *(
                slice(min(a.start, b.start), max(a.stop, b.stop))
                for a, b in ((self.rows, other.rows), (self.columns, other.columns))
            )
        )


def box_about(shape, position, half):
    """
    Box of ``2 half + 1`` pixels about a position, as far as the frame reaches.

    Parameters
    ----------
    shape : (int, int)
        (ny, nx) of the frame.
    position : (float, float)
        (x, y) within the frame.
    half : int
        Pixels on each side.

    Returns
    -------
    Box
    """
    ny, nx = shape
    x, y = (int(np.floor(value + 0.5)) for value in position)
    return Box(slice(max(y - half, 0), min(y + half + 1, ny)), slice(max(x - half, 0), min(x + half + 1, nx)))


def _box_of(mask):
    y, x = np.nonzero(mask)
    return Box(slice(int(y.min()), int(y.max()) + 1), slice(int(x.min()), int(x.max()) + 1))


def _grown(box, margin, shape):
    """Box with a margin all round, as far as the frame reaches."""
    ranges = zip((box.rows, box.columns), shape, strict=True)
    return Box(*(slice(max(part.start - margin, 0), min(part.stop + margin, size)) for part, size in ranges))


def star_box(settings, shape, position, reach):
    """
    Box of all that may be asked for of the star, wherever it goes within its stamp.

    Parameters
    ----------
    settings : `~nircam_tso.TimeSeriesExtractor`
        The settings.
    shape : (int, int)
        (ny, nx) of the frame.
    position : (float, float)
        (x, y) of the star.
    reach : float
        How far from its centre the largest aperture reaches, in pixels.

    Returns
    -------
    Box
    """
    stamp = max(settings.subframe_shape) // 2 + 2
    reach = int(np.ceil(reach)) + 1 if reach > 0 else 0
    box = box_about(shape, position, stamp + max(stamp, reach))
    for mask in settings.aperture_masks.values():
        box = box.joined(_box_of(mask))
    if settings.centroid_mask is not None:
        # Apertures may sit anywhere within this mask.
        box = box.joined(_grown(_box_of(settings.centroid_mask), reach, shape))
    return box


def read_box(settings, shape, position, star):
    """
    Box that must be read: the star's, and the sky's.

    Parameters
    ----------
    settings : `~nircam_tso.TimeSeriesExtractor`
        The settings.
    shape : (int, int)
        (ny, nx) of the frame.
    position : (float, float)
        (x, y) of the star.
    star : Box
        The star's box.

    Returns
    -------
    Box
    """
    if settings.striping is not None:
        # Levels of lines have a mean of 0 over the frame, and the whole of a line tells of it.
        return Box(slice(0, shape[0]), slice(0, shape[1]))
    if settings.background is None:
        return star
    reach = getattr(settings.background, "outer", None)
    if reach is None:
        return Box(slice(0, shape[0]), slice(0, shape[1]))
    return star.joined(box_about(shape, position, int(np.ceil(reach)) + 3))
