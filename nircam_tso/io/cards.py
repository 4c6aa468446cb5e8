"""Structural cards of a FITS header: what a header-data unit is, and how large.

Only these few cards are read here, of every unit of every file; all others wait in the
text until someone asks. FITS standard, version 4.0, sections 4.2 and 4.4.
"""

import math
import re
from dataclasses import dataclass, field
from functools import lru_cache

from nircam_tso.exceptions import CorruptFileError, UnsupportedFileError

__all__ = ["BLOCK", "CARD", "Hdu", "padded", "parse_header", "parse_value"]

#: Bytes of a block, of which headers and data take whole ones, and of a card.
BLOCK, CARD = 2880, 80
# An exbibyte: larger products of axes are broken cards, not large images.
_MAX_BYTES = 1 << 60
_ITEM_BYTES = {8: 1, 16: 2, 32: 4, 64: 8, -32: 4, -64: 8}
_STRING = re.compile(r"\s*'((?:[^']|'')*)'")
_KINDS = {"IMAGE": "image", "BINTABLE": "bintable", "TABLE": "table"}


def padded(size):
    """
    Bytes that a header or data take with the filling behind them.

    Parameters
    ----------
    size : int
        Bytes without it.

    Returns
    -------
    int

    Examples
    --------
    >>> from nircam_tso.io.cards import padded
    >>> padded(0), padded(1), padded(2880)
    (0, 2880, 2880)
    """
    return -(-size // BLOCK) * BLOCK


@dataclass
class Hdu:
    """
    One header-data unit.

    Attributes
    ----------
    index : int
        0 for the primary unit.
    kind : str
        ``"primary"``, ``"image"``, ``"bintable"``, ``"table"`` or the name of another
        extension in lower case.
    name, version : str, int
        EXTNAME (upper case, empty if absent) and EXTVER.
    text : str
        The header's cards, 80 characters each, without END.
    bitpix : int
        FITS code of the data type.
    shape : tuple of int
        As numpy has it: slowest axis first. Empty without data.
    header_offset, data_offset, data_bytes : int
        Where header and data begin, and bytes of data without padding.
    """

    index: int
    kind: str
    name: str
    version: int
    text: str
    bitpix: int
    shape: tuple[int, ...]
    header_offset: int = 0
    data_offset: int = 0
    data_bytes: int = 0
    _cards: dict = field(default_factory=dict, repr=False)

    def get(self, keyword, default=None):
        """
        Value of the first card of that name.

        Parameters
        ----------
        keyword : str
            At most 8 characters.
        default : object, optional
            Returned where the card is absent, empty or not readable.

        Returns
        -------
        str, int, float, bool or object
            Strings without trailing blanks.
        """
        card = self._cards.get(keyword)
        if card is None:
            return default
        value = parse_value(card)
        return default if value is None else value

    def __contains__(self, keyword):
        return keyword in self._cards

    @property
    def is_image(self):
        """True if it holds an image (or the cards of one) rather than a table."""
        return self.kind in ("primary", "image")

    @property
    def label(self):
        """How messages call it."""
        return self.name or ("PRIMARY" if self.index == 0 else f"HDU {self.index}")

    def describe(self):
        """
        A few words on what it holds.

        Returns
        -------
        str

        Examples
        --------
        >>> from nircam_tso.io.cards import parse_header
        >>> cards = ["SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 0"]
        >>> parse_header("".join(card.ljust(80) for card in cards)).describe()
        'PRIMARY (no data)'
        """
        if self.kind == "bintable" or self.kind == "table":
            what = f"table of {self.shape[0] if len(self.shape) > 1 else 0} rows"
        elif not self.is_image:
            what = self.kind
        elif not self.shape:
            what = "no data"
        else:
            what = "image " + " x ".join(str(n) for n in self.shape)
        return f"{self.label} ({what})"


# The cards of an exposure's files are the same but for a few.
@lru_cache(maxsize=1 << 14)
def parse_value(card):
    """
    The value of a header card.

    Parameters
    ----------
    card : str
        80 characters.

    Returns
    -------
    str, int, float, bool or None
        None where the card has no value, or none that the standard knows.

    Examples
    --------
    >>> from nircam_tso.io.cards import parse_value
    >>> parse_value("TIME-END= '12:58:15.735 '  / end"), parse_value("NINTS   =    4 / number")
    ('12:58:15.735', 4)
    """
    if card[8:9] != "=":
        return None
    text = card[9:]
    match = _STRING.match(text)
    if match:
        return match.group(1).replace("''", "'").rstrip()
    text = text.split("/", 1)[0].strip()
    if text == "T":
        return True
    if text == "F":
        return False
    try:
        return int(text)
    except ValueError:
        pass
    try:
        value = float(text.upper().replace("D", "E"))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _axis_lengths(cards, count, path, label):
    lengths = []
    for axis in range(1, count + 1):
        value = parse_value(cards.get(f"NAXIS{axis}", ""))
        if type(value) is not int or value < 0:
            raise CorruptFileError(f"NAXIS{axis} of {label} is {value!r}, not a length", path=path, hdu=label)
        lengths.append(value)
    return lengths


def _integer(cards, keyword, default, path, label):
    if keyword not in cards:
        if default is None:
            raise CorruptFileError(f"{label} has no {keyword} card", path=path, hdu=label)
        return default
    value = parse_value(cards[keyword])
    if type(value) is not int:
        raise CorruptFileError(f"{keyword} of {label} is {value!r}, not a whole number", path=path, hdu=label)
    return value


def parse_header(text, *, index=0, path=None):
    """
    Read the structural cards of one header.

    Parameters
    ----------
    text : str
        Cards of 80 characters each, END left out.
    index : int, optional
        Number of the unit within its file.
    path : str, optional
        For messages.

    Returns
    -------
    Hdu
        Without offsets.

    Raises
    ------
    CorruptFileError
        If BITPIX or the axes are missing or impossible.
    UnsupportedFileError
        If SIMPLE is not T.
    """
    cards = {}
    # From the last to the first, so that the first of several cards of one name stays.
    for start in range(len(text) - len(text) % CARD - CARD, -1, -CARD):
        cards[text[start : start + 8].rstrip()] = text[start : start + CARD]
    label = str(parse_value(cards.get("EXTNAME", "")) or "").strip().upper()
    shown = label or ("PRIMARY" if index == 0 else f"HDU {index}")
    if (index == 0 and "XTENSION" in cards) or "\x00" in text:
        raise CorruptFileError(f"the header of {shown} has no END card", path=path, hdu=shown)
    if "XTENSION" in cards:
        extension = str(parse_value(cards["XTENSION"]) or "").strip()
        kind = _KINDS.get(extension, extension.lower())
    else:
        kind = "primary"
        if parse_value(cards.get("SIMPLE", "")) is not True:
            raise UnsupportedFileError("does not follow the FITS standard (SIMPLE is not T)", path=path)
    bitpix = _integer(cards, "BITPIX", None, path, shown)
    if bitpix not in _ITEM_BYTES:
        raise CorruptFileError(f"BITPIX of {shown} is {bitpix}, which is no data type", path=path, hdu=shown)
    count = _integer(cards, "NAXIS", None, path, shown)
    if not 0 <= count <= 999 or (count > 32 and f"NAXIS{count}" not in cards):
        raise CorruptFileError(f"NAXIS of {shown} is {count}, not a number of axes", path=path, hdu=shown)
    lengths = _axis_lengths(cards, count, path, shown)
    items = math.prod(lengths) if lengths else 0
    if kind == "primary" and lengths and lengths[0] == 0 and parse_value(cards.get("GROUPS", "")) is True:
        items = math.prod(lengths[1:])
        kind = "random groups"
    extra = max(0, _integer(cards, "PCOUNT", 0, path, shown))
    groups = max(1, _integer(cards, "GCOUNT", 1, path, shown))
    data_bytes = _ITEM_BYTES[bitpix] * groups * (extra + items) if lengths else 0
    if data_bytes > _MAX_BYTES:
        raise CorruptFileError(f"the axes of {shown}, {lengths}, are impossible", path=path, hdu=shown)
    version = parse_value(cards.get("EXTVER", ""))
    return Hdu(
        index=index,
        kind=kind,
        name=label,
        version=version if type(version) is int else 1,
        text=text,
        bitpix=bitpix,
        shape=tuple(reversed(lengths)),
        data_bytes=data_bytes,
        _cards=cards,
    )
