"""Headers, shapes, types and cuts that nobody thought of (row 63): documented errors only."""

import gzip

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FEW = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

KEYWORDS = [
    *("NAXIS", "NAXIS1", "NAXIS2", "NAXIS3", "BITPIX", "PCOUNT", "GCOUNT", "GROUPS", "BSCALE", "BZERO", "BLANK"),
    *("TELESCOP", "DATAMODL", "EXP_TYPE", "FILTER", "PUPIL", "SUBARRAY", "DETECTOR", "VISIT_ID", "EXPOSURE", "NINTS"),
    *("INTSTART", "INTEND", "EXSEGNUM", "EXSEGTOT", "NGROUPS", "NGROUP", "NFRAMES", "TFRAME", "GROUPGAP", "SSTR_NST"),
    *("EXPSTART", "EXPMID", "EXPEND", "DATE-OBS", "TIME-OBS", "TIME-END", "DATE-END", "DATE-BEG", "MJD-OBS", "TIMESYS"),
    *(
        "EXPTIME",
        "ON_NINT",
        "NCDHPROC",
        "SCA_ID",
        "BUNIT",
        "EXTNAME",
        "TFIELDS",
        "TFORM1",
        "TTYPE1",
        "TZERO1",
        "TSCAL1",
    ),
    *(
        "EPH_TIME",
        "JWST_X",
        "JWST_Y",
        "JWST_Z",
        "TARG_RA",
        "TARG_DEC",
        "SDP_VER",
        "CHECKSUM",
        "DATASUM",
        "END",
        "SIMPLE",
    ),
]
NUMBERS = st.one_of(
    st.integers(-5, 40),
    st.sampled_from([2**31, 2**31 - 1, -(2**31), 2**62, 2**64, 10**30, 32767, -32768]),
    st.floats(allow_nan=True, allow_infinity=True),
    st.floats(50000, 70000),
)
TEXTS = st.one_of(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40),
    st.sampled_from(
        ["2016-02-30", "16-1-2", "2016-01-12T24:00:00", "18:00:60", "", "JWST", "DN/s", "MJy/sr", "1/0", "x" * 68]
    ),
    st.dates().map(str),
    st.times().map(str),
)
VALUES = st.one_of(
    NUMBERS.map(lambda value: f"{value!r:>20}"),
    TEXTS.map(lambda text: "'" + text.replace("'", "''")[:60] + "'"),
    st.sampled_from(["T", "F", "", "(1, 2)", "NaN", "1D5", "1.E", "'open", "= 3"]),
)
CARDS = st.lists(st.tuples(st.sampled_from(KEYWORDS), VALUES), min_size=1, max_size=6)


def changed(raw, cards, place):
    """A file in which the cards replace those of the same name, or stand where others did."""
    raw = bytearray(raw)
    for keyword, value in cards:
        card = f"{keyword:8}= {value}".ljust(80)[:80].encode("ascii", "replace")
        at = raw.find(f"{keyword:8}=".encode(), place * 2880 % len(raw))
        if at < 0 or at % 80:
            at = 80 * (4 + place % 20)
        raw[at : at + 80] = card
    return bytes(raw)


@pytest.mark.parametrize("kind", ["jwst", "ncdhas", "image"])
@FEW
@given(cards=CARDS, place=st.integers(0, 40))
def test_cards(fuzz, record_property, kind, cards, place):
    """Row 63."""
    record_property("files fuzzed", 1)
    targets, seeds = fuzz
    targets.image_reader(changed(getattr(seeds, kind)(), cards, place))


@FEW
@given(data=st.data())
def test_shapes_and_types(fuzz, record_property, data):
    """Row 63."""
    record_property("files fuzzed", 1)
    targets, _ = fuzz
    bitpix = data.draw(st.sampled_from([8, 16, 32, 64, -32, -64]))
    shape = data.draw(st.lists(st.integers(0, 5), max_size=6))
    cards = ["SIMPLE  = T", f"BITPIX  = {bitpix}", f"NAXIS   = {len(shape)}"]
    cards += [f"NAXIS{axis + 1}  = {length}" for axis, length in enumerate(shape)]
    cards += [f"{keyword:8}= {value}" for keyword, value in data.draw(CARDS) if not keyword.startswith("NAXIS")]
    head = "".join(card.ljust(80)[:80] for card in [*cards, "END"]).encode("ascii", "replace")
    size = abs(bitpix) // 8
    for length in shape:
        size *= length
    content = data.draw(st.binary(min_size=min(size, 4000), max_size=min(size, 4000)))
    raw = head.ljust(-(-len(head) // 2880) * 2880) + content + bytes(-size % 2880)
    targets.image_reader(raw[: data.draw(st.integers(0, len(raw)))] if data.draw(st.booleans()) else raw)


@pytest.mark.parametrize("kind", ["jwst", "ncdhas", "image"])
@FEW
@given(
    share=st.floats(0, 1),
    packed=st.booleans(),
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8),
)
def test_cuts_and_flips(fuzz, record_property, kind, share, packed, flips):
    """Row 63."""
    record_property("files fuzzed", 1)
    targets, seeds = fuzz
    raw = getattr(seeds, kind)()
    raw = bytearray(gzip.compress(raw, mtime=0) if packed else raw)
    for where, value in flips:
        raw[int(where * (len(raw) - 1))] = value
    targets.image_reader(bytes(raw[: int(share * len(raw))]))


@FEW
@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda text: text.encode("utf-16", "surrogatepass")))
def test_lists(fuzz, record_property, data):
    """Row 63."""
    record_property("files fuzzed", 1)
    fuzz[0].image_list(data)


@pytest.mark.parametrize("suffix", [".h5", ".ecsv"])
@FEW
@given(share=st.floats(0.5, 1), pieces=st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=12)), max_size=5))
def test_products(fuzz, record_property, suffix, share, pieces):
    """Row 63."""
    record_property("files fuzzed", 1)
    targets, seeds = fuzz
    raw = seeds.unsealed() if suffix == ".h5" else seeds.product(suffix)
    raw = bytearray(raw)
    for where, piece in pieces:
        at = int(where * len(raw))
        raw[at : at + len(piece)] = piece
    targets.TARGETS["hdf5" if suffix == ".h5" else "ecsv"](bytes(raw[: int(share * len(raw))]))
