"""In which order a frame was read, as its header tells."""

from nircam_tso.measure.striping import ReadoutLayout

__all__ = ["readout_layout"]

#: Instruments whose detectors, of this many pixels a side, each output reads one strip
#: of. (MIRI's outputs take turns within a row.)
_DETECTOR_SIZE = {"NIRCAM": 2048, "NIRISS": 2048, "NIRSPEC": 2048, "FGS": 2048}
#: Time from the last pixel of a line to the first of the next, in pixels (JWST User
#: Documentation, "NIRCam Detector Subarrays").
_OVERHEAD = 12


def _whole(header, name):
    value = header.get(name)
    # A card's T is no number, nor is 0.5 a count of pixels.
    return (
        int(value) if isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1 else None
    )


def readout_layout(header, shape):
    """
    Fast and slow axis of a frame, and its outputs' parts along the fast one.

    Parameters
    ----------
    header : mapping
        Header with FASTAXIS, SLOWAXIS, NOUTPUTS, SUBSTRT1, SUBSTRT2, SUBSIZE1 and
        SUBSIZE2, and INSTRUME.
    shape : (int, int)
        (ny, nx) of the frame.

    Returns
    -------
    `~nircam_tso.measure.striping.ReadoutLayout`
        Without the axes' cards the fast axis is taken to be x. ``edges`` is None where
        a card is missing or where the frame is not of the size that SUBSIZE tells (a
        cutout): outputs are never guessed from a width or a name.

    Examples
    --------
    >>> from nircam_tso.extractor.layout import readout_layout
    >>> header = {"INSTRUME": "NIRCAM", "FASTAXIS": -1, "SLOWAXIS": 2, "NOUTPUTS": 4,
    ...           "SUBSTRT1": 1, "SUBSTRT2": 1, "SUBSIZE1": 2048, "SUBSIZE2": 256}
    >>> readout_layout(header, (256, 2048)).edges
    (0, 512, 1024, 1536, 2048)
    >>> readout_layout(header, (256, 256)).edges is None
    True
    """
    fast, slow = _whole(header, "FASTAXIS"), _whole(header, "SLOWAXIS")
    if fast is None or slow is None or {abs(fast), abs(slow)} != {1, 2}:
        return ReadoutLayout()
    instrument = str(header.get("INSTRUME", "")).strip().upper()
    overhead = _OVERHEAD if instrument in _DETECTOR_SIZE else 0
    sizes = (_whole(header, "SUBSIZE2"), _whole(header, "SUBSIZE1"))
    outputs, start = _whole(header, "NOUTPUTS"), _whole(header, f"SUBSTRT{abs(fast)}")
    size = _DETECTOR_SIZE.get(instrument)
    edges = None
    if size is not None and sizes == tuple(shape) and outputs is not None and outputs >= 1:
        length = shape[2 - abs(fast)]
        if outputs == 1:
            edges = (0, length)
        elif start is not None and size % outputs == 0:
            # Outputs have their places on the detector, wherever the frame begins.
            inner = (k * size // outputs - (start - 1) for k in range(1, outputs))
            edges = (0, *(edge for edge in inner if 0 < edge < length), length)
    return ReadoutLayout(fast, slow, edges, overhead)
