"""The quality flags of a row, and the data-quality bits of a pixel."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from astropy.table import Table

__all__ = ["DQ_BITS", "QualityFlag", "dq_mask", "good"]


class QualityFlag(enum.IntFlag):
    """
    What to distrust in a row of the product; 0 is good.

    The bits of `QualityFlag.informing` tell something without casting doubt on
    the numbers; all others warn.

    Examples
    --------
    >>> from nircam_tso import QualityFlag
    >>> QualityFlag(66).names()
    ['PARTIAL_APERTURE', 'FIT_FAILED']
    >>> bool(QualityFlag.JUMP_DET & QualityFlag.warning())
    False
    """

    NO_DATA = 1
    PARTIAL_APERTURE = 2
    NAN_IN_APERTURE = 4
    DO_NOT_USE = 8
    SATURATED = 16
    JUMP_DET = 32
    FIT_FAILED = 64
    FIT_SUSPECT = 128
    CENTER_OUTSIDE = 256
    ERR_INVALID = 512
    TIME_FROM_HEADER = 1024
    TIME_INVALID = 2048
    MISSING_INTEGRATION = 4096
    READ_ERROR = 8192
    BACKGROUND_FAILED = 16384
    MIDNIGHT_ROLLOVER = 32768

    @classmethod
    def informing(cls) -> QualityFlag:
        """
        Bits that only inform.

        Returns
        -------
        QualityFlag
            SATURATED, JUMP_DET, TIME_FROM_HEADER and MIDNIGHT_ROLLOVER. SATURATED
            is special: see `good`.
        """
        return cls.SATURATED | cls.JUMP_DET | cls.TIME_FROM_HEADER | cls.MIDNIGHT_ROLLOVER

    @classmethod
    def warning(cls) -> QualityFlag:
        """
        Bits that warn: a row with any of them is not `good`.

        Returns
        -------
        QualityFlag
            Every bit that is not among `informing`.
        """
        return cls(sum(cls) & ~cls.informing())

    def names(self) -> list[str]:
        """
        Names of the bits that are set, lowest first.

        Returns
        -------
        list of str
        """
        return [str(bit.name) for bit in type(self) if bit & self]


#: Bits of a pixel's DQ by the names of the JWST pipeline
#: (the table "Flags" of the pipeline's documentation of data quality).
DQ_BITS = {
    "DO_NOT_USE": 1 << 0,
    "SATURATED": 1 << 1,
    "JUMP_DET": 1 << 2,
    "DROPOUT": 1 << 3,
    "OUTLIER": 1 << 4,
    "PERSISTENCE": 1 << 5,
    "AD_FLOOR": 1 << 6,
    "CHARGELOSS": 1 << 7,
    "UNRELIABLE_ERROR": 1 << 8,
    "NON_SCIENCE": 1 << 9,
    "DEAD": 1 << 10,
    "HOT": 1 << 11,
    "WARM": 1 << 12,
    "LOW_QE": 1 << 13,
    "RC": 1 << 14,
    "TELEGRAPH": 1 << 15,
    "NONLINEAR": 1 << 16,
    "BAD_REF_PIXEL": 1 << 17,
    "NO_FLAT_FIELD": 1 << 18,
    "NO_GAIN_VALUE": 1 << 19,
    "NO_LIN_CORR": 1 << 20,
    "NO_SAT_CHECK": 1 << 21,
    "UNRELIABLE_BIAS": 1 << 22,
    "UNRELIABLE_DARK": 1 << 23,
    "UNRELIABLE_SLOPE": 1 << 24,
    "UNRELIABLE_FLAT": 1 << 25,
    "OPEN": 1 << 26,
    "ADJ_OPEN": 1 << 27,
    "FLUX_ESTIMATED": 1 << 28,
    "MSA_FAILED_OPEN": 1 << 29,
    "OTHER_BAD_PIXEL": 1 << 30,
    "REFERENCE_PIXEL": 1 << 31,
}


def dq_mask(names: Iterable[str]) -> int:
    """
    The bits of several DQ names together; DO_NOT_USE is always among them.

    Parameters
    ----------
    names : iterable of str
        Names out of `DQ_BITS`.

    Returns
    -------
    int
        The bits as one unsigned number below 2**32.

    Raises
    ------
    ValueError
        For a name that is not in `DQ_BITS`.

    Examples
    --------
    >>> from nircam_tso.quality import dq_mask
    >>> dq_mask(["HOT"])
    2049
    """
    bits = DQ_BITS["DO_NOT_USE"]
    for name in names:
        if name not in DQ_BITS:
            raise ValueError(f"dq_bits: {name!r} is not a DQ flag; choose among {', '.join(DQ_BITS)}")
        bits |= DQ_BITS[name]
    return bits


def good(ts: Table, star: int = 1) -> np.ndarray:
    """
    Rows that no quality bit warns of.

    A saturated core is normal for a bright star and harms nothing that is relative,
    so SATURATED alone does not warn, except where the set of saturated pixels within
    the aperture changes over the series: then the extractor has set
    ``ts.meta["saturation_varies"]``, and the flagged rows are not good. (A saturated
    pixel that is DO_NOT_USE as well has that bit, which warns by itself.)
    With ``edge="sum"``, which ``ts.meta["edge"]`` tells, PARTIAL_APERTURE does not warn.

    Parameters
    ----------
    ts : `~astropy.table.Table`
        A product with a column ``quality``.
    star : int, optional
        Which of several stars: 2 for the columns that end in ``_star2``.

    Returns
    -------
    `~numpy.ndarray` of bool, shape (n,)
        True where none of the bits of `QualityFlag.warning` is set.

    Raises
    ------
    ValueError
        If there is no column ``quality``.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from nircam_tso import good
    >>> good(Table({"quality": [0, 1024, 64]}))
    array([ True,  True, False])
    """
    suffix = "" if star == 1 else f"_star{star}"
    name = f"quality{suffix}"
    if name not in ts.colnames:
        raise ValueError(f"ts: has no column {name!r} (it has {', '.join(ts.colnames)})")
    warns = QualityFlag.warning()
    if ts.meta.get("edge") == "sum":
        # Who asks for sums of what is covered knows that the apertures are partial.
        warns &= ~QualityFlag.PARTIAL_APERTURE
    if ts.meta.get(f"saturation_varies{suffix}"):
        warns |= QualityFlag.SATURATED
    return (np.asarray(ts[name]).astype(np.uint32) & np.uint32(warns)) == 0
