import pytest

from nircam_tso.exceptions import (
    CorruptFileError,
    InputFileError,
    NircamTSOError,
    ResourceLimitError,
    SegmentError,
    TimeMetadataError,
    TruncatedFileError,
)
from nircam_tso.io.report import combined


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ([CorruptFileError, CorruptFileError], CorruptFileError),
        ([CorruptFileError, TruncatedFileError], InputFileError),
        ([TruncatedFileError, SegmentError], InputFileError),
        ([SegmentError, TimeMetadataError], SegmentError),
        ([ResourceLimitError, SegmentError], NircamTSOError),
    ],
)
def test_class_of_a_report(kinds, expected):
    errors = [kind("is odd", path=f"{k}.fits", hdu="SCI") for k, kind in enumerate(kinds)]
    report = combined(errors)
    assert type(report) is expected
    assert (report.path, report.hdu) == ("0.fits", "SCI")
    assert str(report).splitlines() == ["2 problems:", "  0.fits: is odd", "  1.fits: is odd"]


def test_one_is_itself_and_many_are_counted():
    error = SegmentError("is odd")
    assert combined([error]) is error
    lines = str(combined([SegmentError(f"odd {k}") for k in range(50)])).splitlines()
    assert len(lines) == 22
    assert lines[-1] == "  and 30 more"
