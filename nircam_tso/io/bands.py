"""Parts of images: what is read is whole rows; what is kept of them is a rectangle."""

from dataclasses import dataclass

__all__ = ["Part", "band_of", "within"]


def band_of(rows, ny, name="rows"):
    """
    First and last (exclusive) row that a slice takes out of ``ny``.

    Parameters
    ----------
    rows : slice
        Of step 1.
    ny : int
        Number of rows, or of columns.
    name : str, optional
        What the message calls them.

    Returns
    -------
    first, stop : int

    Raises
    ------
    IndexError
        If the slice has another step, or takes no row.

    Examples
    --------
    >>> from nircam_tso.io.bands import band_of
    >>> band_of(slice(4, None), 32)
    (4, 32)
    """
    first, stop, step = rows.indices(ny)
    if step != 1 or first >= stop:
        raise IndexError(f"{name}: {rows} takes no band of {name} out of {ny}")
    return first, stop


def within(window, outer):
    """
    A rectangle, as an index into another that holds it.

    Parameters
    ----------
    window, outer : (slice, slice)
        Rows and columns, both with start and stop.

    Returns
    -------
    (slice, slice)

    Examples
    --------
    >>> from nircam_tso.io.bands import within
    >>> within((slice(4, 6), slice(0, 3)), (slice(2, 9), slice(0, 8)))
    (slice(2, 4, None), slice(0, 3, None))
    """
    return tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(window, outer, strict=True))


@dataclass(frozen=True)
class Part:
    """
    The part of each image that is wanted.

    Attributes
    ----------
    rows, columns : slice
        With start and stop.
    variance_of : (slice, slice), () or None
        Rows and columns, within these, whose variances are wanted: none of them, or all.
    """

    rows: slice
    columns: slice
    variance_of: tuple | None = None

    @classmethod
    def of(cls, shape, rows=slice(None), columns=slice(None), variance_of=None):
        """
        A part out of slices as users write them.

        Parameters
        ----------
        shape : (int, int)
            (ny, nx) of the images.
        rows, columns : slice, optional
            Of step 1.
        variance_of : (slice, slice), () or None, optional
            See the attributes.

        Returns
        -------
        Part

        Raises
        ------
        IndexError
            For a slice that takes nothing, or variances of pixels that are not wanted.

        Examples
        --------
        >>> from nircam_tso.io.bands import Part
        >>> Part.of((32, 64), slice(4, None)).shape
        (28, 64)
        """
        window = (slice(*band_of(rows, shape[0])), slice(*band_of(columns, shape[1], "columns")))
        if variance_of:
            lengths = zip(variance_of, shape, ("rows", "columns"), strict=True)
            variance_of = tuple(slice(*band_of(*entry)) for entry in lengths)
            if any(a.start < b.start or a.stop > b.stop for a, b in zip(variance_of, window, strict=True)):
                raise IndexError(f"variance_of: {variance_of} reaches beyond rows and columns {window}")
        return cls(*window, variance_of)

    @property
    def window(self):
        """Rows and columns."""
        return self.rows, self.columns

    @property
    def shape(self):
        """(ny, nx)."""
        return tuple(part.stop - part.start for part in self.window)

    @property
    def variance_window(self):
        """Rows and columns whose variances are wanted."""
        return self.window if self.variance_of is None else self.variance_of
