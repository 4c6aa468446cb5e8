import erfa
import pytest
from astropy import units as u
from astropy.time import Time

from nircam_tso.exceptions import CorruptFileError
from nircam_tso.io.cards import parse_header
from nircam_tso.io.headers import parse_unit, start_time, whole_number


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("DN", u.DN),
        ("DN/s", u.DN / u.s),
        ("MJy/sr", u.MJy / u.sr),
        ("mJy", u.mJy),
        ("MJy", u.MJy),
        ("ELECTRONS", u.electron),
        ("electron", u.electron),
        ("e-/s", u.electron / u.s),
        ("electrons/sec", u.electron / u.s),
        ("electron s-1", u.electron / u.s),
        ("ADU", u.adu),
        ("ADU/s", u.adu / u.s),
        ("(ADU/s)", u.adu / u.s),
        ("counts", u.count),
        ("counts/s", u.count / u.s),
        ("", u.dimensionless_unscaled),
        (None, u.dimensionless_unscaled),
    ],
)
def test_units(text, unit):
    assert parse_unit(text) == (unit, None)


def test_unknown_unit():
    unit, note = parse_unit("furlongs per fortnight")
    assert unit == u.dimensionless_unscaled
    assert "furlongs" in note


@pytest.mark.parametrize("text", ["2016-01-12T18:00:43.5", "1999-12-31T23:59:59", "2020-02-29T00:00:00.25"])
def test_start_is_the_modified_julian_date(text):
    day, seconds = start_time({"DATE-OBS": text})
    expected = Time(text, scale="tai")
    assert day == int(expected.mjd)
    assert seconds == pytest.approx((expected.mjd - day) * 86400, abs=1e-5)
    assert erfa.jd2cal(2400000.5, day)[:3] == tuple(int(part) for part in text[:10].split("-"))


@pytest.mark.parametrize(
    "cards",
    [
        {},
        {"DATE-OBS": ""},
        {"DATE-OBS": "2016-02-30"},
        {"DATE-OBS": "16-1-2"},
        {"DATE-OBS": 5},
        {"DATE-OBS": "2016-01-02T"},
        {"DATE-OBS": "２０１６-01-02"},
        {"MJD-OBS": float("nan")},
        {"MJD-OBS": True},
        {"DATE-OBS": "2016-01-02", "TIME-OBS": "midnight"},
    ],
)
def test_no_start(cards):
    found = start_time(cards)
    if cards.get("DATE-OBS") == "2016-01-02T":
        # Nothing behind the T: the day is all that is told.
        assert found == (57389, 0.0)
    else:
        assert found is None


def _with(card):
    cards = ["SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 0", card]
    return parse_header("".join(card.ljust(80) for card in cards))


@pytest.mark.parametrize(("value", "number"), [("= 3.0", 3), ("= '3'", 3), ("= '   '", None), ("=", None)])
def test_whole_numbers_however_they_are_written(value, number):
    assert whole_number(_with(f"EXPOSURE{value}"), "EXPOSURE") == number


@pytest.mark.parametrize("value", ["= 3.5", "= 'three'", "= T", "= 4294967296"])
def test_what_is_no_whole_number(value):
    with pytest.raises(CorruptFileError, match="EXPOSURE is .*, not a number of things"):
        whole_number(_with(f"EXPOSURE{value}"), "EXPOSURE")
