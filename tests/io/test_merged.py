import pickle
import tracemalloc
import warnings

import pytest
from astropy.io import fits
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nircam_tso.io.exposure import Segment
from nircam_tso.io.merged import MergedCards

_KEYWORDS = st.sampled_from(["NINTS", "DATE-OBS", "TIME_OBS", "A", "EXPTIME", "DP1", "X1234567", "COMMENT", "HISTORY"])
_FIELDS = st.one_of(
    st.integers(-(10**12), 10**12).map(str),
    st.from_regex(r"[+-]?[0-9]{1,6}\.[0-9]{0,9}([ED][+-]?[0-9]{1,2})?", fullmatch=True),
    st.from_regex(r"'[ -&(-~]{0,20}'", fullmatch=True),
    st.sampled_from(
        ["T", "F", "", "'it''s'", "''", "'AXIS.1: 2'", "007", "+5", "-0", "(1.0, 2.0)", "1E400", ".5", "5."]
    ),
)
_CARDS = st.tuples(_KEYWORDS, _FIELDS, st.sampled_from(["", " / why", "/", " / it's = 3"]))


def card(keyword, field, comment=""):
    text = keyword.ljust(8) + ("" if keyword in ("COMMENT", "HISTORY") else "= ") + field + comment
    return text.ljust(80)[:80]


@given(st.lists(_CARDS, max_size=8), st.lists(_CARDS, max_size=4))
@example([("NINTS", "12", ""), ("NINTS", "13", "")], [])
@example([("A", "'a: 5'", "")], [("A", "'18:00:00.1'", " / UTC")])
@settings(max_examples=300, deadline=None)
def test_values_are_those_of_astropy(primary, extension):
    cards = MergedCards(*("".join(card(*entry) for entry in part) for part in (primary, extension)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header = cards.header()
        for keyword in ("NINTS", "DATE-OBS", "TIME_OBS", "A", "EXPTIME", "DP1", "X1234567", "date-obs", "DP1.AXIS.1"):
            assert (keyword in cards) == (keyword in header), keyword
            mine, theirs = cards.get(keyword, "absent"), header.get(keyword, "absent")
            assert type(mine) is type(theirs), keyword
            assert mine == theirs, keyword


def test_the_extension_wins_and_layout_is_left_out():
    primary = (
        card("SIMPLE", "T") + card("NAXIS", "0") + card("FILTER", "'R'") + card("NINTS", "3") + card("COMMENT", "a")
    )
    extension = card("XTENSION", "'IMAGE'") + card("FILTER", "'B'") + card("BUNIT", "'DN'") + card("COMMENT", "b")
    cards = MergedCards(primary, extension)
    assert list(cards.header()) == ["NINTS", "COMMENT", "FILTER", "BUNIT", "COMMENT"]
    assert cards["FILTER"] == "B"
    assert list(cards.get("COMMENT")) == ["a", "b"]
    assert "SIMPLE" not in cards and "XTENSION" not in cards
    with pytest.raises(KeyError, match="'NAXIS'"):
        cards["NAXIS"]


def test_long_strings_and_long_names():
    header = fits.Header({"FILENAME": "x" * 100, "HIERARCH ESO DET NAME": "red", "OBSERVER": "me"})
    cards = MergedCards(header.tostring(endcard=False, padding=False))
    assert cards["FILENAME"] == "x" * 100
    assert cards["ESO DET NAME"] == "red"
    assert cards["OBSERVER"] == "me"


def test_cards_that_break_the_standard_are_absent():
    notes = []
    cards = MergedCards(card("NINTS", "3") + card("BAD", "'open") + card("WORSE", "1 2 3"), notes=notes)
    assert cards.get("BAD") is None and cards.get("WORSE") is None and cards["NINTS"] == 3
    assert notes == ['2 header cards cannot be read, such as "BAD     = \'open"']


def test_a_segment_makes_its_header_when_asked():
    segment = Segment("a", None, "image", MergedCards(card("EXPTIME", "2.5")), 1, None, (4, 5))
    assert isinstance(segment.cards, MergedCards)
    copy = pickle.loads(pickle.dumps(segment))
    assert isinstance(copy.cards, MergedCards) and copy.cards["EXPTIME"] == 2.5
    assert isinstance(segment.header, fits.Header)
    # What is changed in the header is what others look up from then on.
    segment.header["EXPTIME"] = 7.0
    assert segment.cards["EXPTIME"] == 7.0


def test_files_share_what_they_have_in_common():
    text = "".join(card(f"KEY{k}", str(k)) for k in range(50))
    one, other = (MergedCards(text + card("ON_NINT", str(k))) for k in (1, 2))
    assert (one["ON_NINT"], other["ON_NINT"], other["KEY49"]) == (1, 2, 49)
    tracemalloc.start()
    many = [MergedCards(text + card("ON_NINT", str(k))) for k in range(500)]
    taken = tracemalloc.get_traced_memory()[0] / len(many)
    tracemalloc.stop()
    # Its cards alone are 4 kB long.
    assert taken < 2000
