"""Bands of image rows: what is read is whole rows, never columns."""

__all__ = ["band_of"]


def band_of(rows, ny):
    """
    First and last (exclusive) row that a slice takes out of ``ny``.

    Parameters
    ----------
    rows : slice
        Of step 1.
    ny : int
        Number of rows.

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
        raise IndexError(f"rows: {rows} takes no band of rows out of {ny}")
    return first, stop
