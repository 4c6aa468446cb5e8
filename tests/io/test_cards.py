import numpy as np
import pytest
from astropy.io import fits

from nircam_tso.io.cards import parse_header, parse_value


@pytest.mark.parametrize(
    "value", ["it's", "a / b", "", 3, -17, 1.5, -2.25e-30, 1e300, True, False, "x" * 60, "12:58:15.735 ", 2**40]
)
def test_values_as_astropy_writes_them(value):
    card = fits.Card("KEY", value, "a / b")
    expected = value.rstrip() if isinstance(value, str) else value
    parsed = parse_value(card.image[:80])
    assert parsed == expected
    assert type(parsed) is type(expected)


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        ("KEY     = 1.5D+02", 150.0),
        ("KEY     =", None),
        ("KEY     =              / nothing", None),
        ("COMMENT   = 3", None),
        ("KEY     = nonsense", None),
        ("KEY     = NaN", None),
        ("KEY     = 'open", None),
    ],
)
def test_other_values(card, expected):
    assert parse_value(card.ljust(80)) == expected


def test_first_of_several_cards_counts():
    cards = ["SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 0", "SUBARRAY= 'FULL'", "SUBARRAY= F"]
    hdu = parse_header("".join(card.ljust(80) for card in cards))
    assert hdu.get("SUBARRAY") == "FULL"
    assert hdu.get("ABSENT", 5) == 5


def test_random_groups_are_counted_as_the_standard_says():
    header = fits.GroupsHDU(
        fits.GroupData(np.zeros((10, 3, 4), np.float32), parnames=["a"], pardata=[np.zeros(10)], bitpix=-32)
    ).header
    hdu = parse_header(header.tostring(endcard=False, padding=False))
    assert hdu.kind == "random groups"
    assert hdu.data_bytes == 4 * 10 * (1 + 12)
