"""Figures as the bytes of a file: equal figures give equal bytes."""

import io

__all__ = ["PICTURE_SUFFIXES", "picture_bytes"]

#: Endings of pictures.
PICTURE_SUFFIXES = (".png", ".pdf", ".svg")


def picture_bytes(figures, suffix, *, dpi=150):
    """
    Save figures in memory.

    Parameters
    ----------
    figures : sequence of `~matplotlib.figure.Figure`
        Pages of a PDF; one for the other formats.
    suffix : str
        One of `PICTURE_SUFFIXES`.
    dpi : int, optional
        Dots per inch of pixels.

    Returns
    -------
    bytes

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from nircam_tso.cli.pictures import picture_bytes
    >>> picture_bytes([Figure()], ".png")[1:4]
    b'PNG'
    """
    content = io.BytesIO()
    # Nothing holds the moment of writing, nor a number drawn by lot.
    if suffix == ".pdf":
        from matplotlib.backends.backend_pdf import PdfPages

        with PdfPages(content, metadata={"CreationDate": None}) as pages:
            for figure in figures:
                pages.savefig(figure, dpi=dpi)
        return content.getvalue()
    from matplotlib import rc_context

    metadata = {"Date": None} if suffix == ".svg" else {"Software": None}
    with rc_context({"svg.hashsalt": "nircam_tso"}):
        figures[0].savefig(content, format=suffix[1:], dpi=dpi, metadata=metadata)
    return content.getvalue()
