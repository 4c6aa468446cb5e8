"""Flags of rows and bits of pixels."""

import numpy as np
import pytest
from astropy.table import Table

from nircam_tso import QualityFlag, good
from nircam_tso.quality import DQ_BITS, dq_mask

#: The data model promises these numbers to archives.
BITS = {
    "NO_DATA": 1,
    "PARTIAL_APERTURE": 2,
    "NAN_IN_APERTURE": 4,
    "DO_NOT_USE": 8,
    "SATURATED": 16,
    "JUMP_DET": 32,
    "FIT_FAILED": 64,
    "FIT_SUSPECT": 128,
    "CENTER_OUTSIDE": 256,
    "ERR_INVALID": 512,
    "TIME_FROM_HEADER": 1024,
    "TIME_INVALID": 2048,
    "MISSING_INTEGRATION": 4096,
    "READ_ERROR": 8192,
    "BACKGROUND_FAILED": 16384,
    "MIDNIGHT_ROLLOVER": 32768,
}


def test_bits_are_as_promised():
    assert {flag.name: int(flag) for flag in QualityFlag} == BITS


def test_every_bit_either_warns_or_informs():
    assert int(QualityFlag.warning()) & int(QualityFlag.informing()) == 0
    assert int(QualityFlag.warning()) | int(QualityFlag.informing()) == sum(BITS.values())
    assert int(QualityFlag.informing()) == 16 + 32 + 1024 + 32768


@pytest.mark.parametrize(("name", "bit"), BITS.items())
def test_good_by_each_bit(name, bit):
    table = Table({"quality": np.array([0, bit], np.uint32)})
    assert good(table).tolist() == [True, bit in (16, 32, 1024, 32768)]


def test_saturation_warns_only_where_it_varies():
    table = Table({"quality": np.array([16, 0], np.uint32)}, meta={"saturation_varies": True})
    assert good(table).tolist() == [False, True]


def test_good_without_quality_names_the_column():
    with pytest.raises(ValueError, match="no column 'quality'"):
        good(Table({"flux": [1.0]}))


def test_dq_bits_are_those_of_jwst():
    # jwst's documented values, spelled out.
    assert (DQ_BITS["DO_NOT_USE"], DQ_BITS["SATURATED"], DQ_BITS["JUMP_DET"]) == (1, 2, 4)
    assert (DQ_BITS["DEAD"], DQ_BITS["HOT"], DQ_BITS["REFERENCE_PIXEL"]) == (1024, 2048, 2147483648)
    assert sorted(DQ_BITS.values()) == [1 << bit for bit in range(32)]


def test_dq_mask_always_holds_do_not_use():
    assert dq_mask([]) == 1
    assert dq_mask(["HOT", "REFERENCE_PIXEL"]) == 1 + 2048 + 2**31
    with pytest.raises(ValueError, match="'COLD' is not a DQ flag"):
        dq_mask(["COLD"])


def test_names():
    assert QualityFlag(0).names() == []
    assert QualityFlag(8 + 2048).names() == ["DO_NOT_USE", "TIME_INVALID"]
