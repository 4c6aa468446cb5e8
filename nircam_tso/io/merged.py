"""Headers of a file laid over each other, of which cards can be looked up without parsing them all."""

import functools
import re

from astropy.io import fits

__all__ = ["MergedCards"]

_STRUCTURAL = re.compile(
    r"(SIMPLE|XTENSION|BITPIX|NAXIS\d*|EXTEND|PCOUNT|GCOUNT|GROUPS|BSCALE|BZERO|BLANK"
    r"|EXTNAME|EXTVER|EXTLEVEL|CHECKSUM|DATASUM|INHERIT|END|TFIELDS|THEAP)$"
)
_COMMENTARY = ("", "COMMENT", "HISTORY")

_VALUE = r"\s*(?:'(?:[^']|'')*'|[TF]|[+-]?(?:\d+\.?\d*|\.\d+)(?:[EeDd][+-]?\d+)?|\([^)]*\))?\s*(?:/.*)?$"
_READABLE = re.compile(r"[A-Za-z0-9_-]{1,8} *(?<=^.{8})=(?= )" + _VALUE)
_READABLE_LONG = re.compile(r"HIERARCH [^=]*[A-Za-z0-9_-] *=(?= )" + _VALUE)

# A long string, and what continues it: astropy raises an error for any other card that is continued.
_BEGUN = re.compile(r"[^='/]*=\s*'")
_CONTINUED = re.compile(r"CONTINUE {2}\s*'(?:[^']|'')*'\s*(?:/.*)?$")

# Values of these forms are what they look like; what any other card means is for astropy to say.
_PLAIN = re.compile(r".{8}= +(?:'([^' ](?:[^']*[^' ])?) *'|([+-]?\d+)|([+-]?\d+\.\d*)) *(?:/.*)?$")

# Cards of the files of one exposure are the same but for a few.
_REMEMBERED = 1 << 14


@functools.lru_cache(maxsize=_REMEMBERED)
def _judge(card):
    """Keyword of a card of 80 characters, the card, whether it is about more than the file's layout, and readable."""
    keyword = card[:8].rstrip()
    if keyword == "HIERARCH":
        keyword = card.split("=", 1)[0].rstrip()
    pattern = _READABLE_LONG if keyword.startswith("HIERARCH") else _READABLE
    readable = keyword in _COMMENTARY or pattern.match(card) is not None
    # The card itself, so that a hundred thousand files hold one string where theirs are equal.
    return keyword, card, _STRUCTURAL.match(keyword) is None, readable


@functools.lru_cache(maxsize=64)
def _places(keywords):
    """Where the first card of each name is; the files of an exposure share it."""
    return {keyword.upper(): place for place, keyword in reversed(tuple(enumerate(keywords)))}


@functools.lru_cache(maxsize=_REMEMBERED)
def _value(card):
    """(value, whether it is that of the whole card) as astropy takes it; None for no value."""
    plain = _PLAIN.match(card)
    text, whole, real = plain.groups() if plain is not None else (None, None, None)
    if whole is not None:
        return int(whole), True
    if real is not None:
        return float(real), True
    if text is not None and ": " not in text:
        return text, True
    parsed = fits.Card.fromstring(card)
    value = parsed.value
    # A text such as 'AXIS.1: 2' is a record, whose card has another name.
    return None if isinstance(value, fits.card.Undefined) else value, parsed.field_specifier is None


def _grouped(text):
    """[keyword, card, whether it is kept, whether it can be read] of each card, long strings as one."""
    groups = []
    for start in range(0, len(text), 80):
        keyword, card, kept, readable = _judge(text[start : start + 80])
        if keyword == "CONTINUE" and groups and groups[-1][0] not in _COMMENTARY:
            last = groups[-1]
            last[3] = last[3] and _BEGUN.match(last[1]) is not None and _CONTINUED.match(card) is not None
            last[1] += card
        else:
            groups.append([keyword, card, kept, readable])
    return groups


class MergedCards:
    """
    The primary header, with the cards of an extension laid over it.

    Cards that describe the layout of the file (BITPIX, NAXIS, BZERO, EXTNAME,
    CHECKSUM, ...) are left out, and so are cards that break the standard: whoever looks
    one up shall find it absent rather than meet an error. Values are astropy's; a
    `~astropy.io.fits.Header` is made only when it is asked for, because that takes as
    long as reading a small image.

    Parameters
    ----------
    primary, extension : str
        Cards of 80 characters each, without END.
    notes : list of str, optional
        Gets a note on cards that break the standard.

    Examples
    --------
    >>> from nircam_tso.io.merged import MergedCards
    >>> primary = "SIMPLE  = T".ljust(80) + "NINTS   = 3".ljust(80) + "FILTER  = 'R'".ljust(80)
    >>> cards = MergedCards(primary, "FILTER  = 'B'".ljust(80))
    >>> cards["FILTER"], cards.get("PUPIL", "CLEAR"), "SIMPLE" in cards
    ('B', 'CLEAR', False)
    >>> list(cards.header().items())
    [('NINTS', 3), ('FILTER', 'B')]
    """

    def __init__(self, primary, extension=None, notes=None):
        found = _grouped(primary)
        if extension is not None:
            over = _grouped(extension)
            replaced = {keyword for keyword, *_ in over if keyword not in _COMMENTARY}
            found = [entry for entry in found if entry[0] not in replaced] + [entry for entry in over if entry[0]]
        found = [entry for entry in found if entry[2]]
        self._cards = tuple(card for _, card, _, readable in found if readable)
        self._places = _places(tuple(keyword for keyword, *_, readable in found if readable))
        odd = [card for _, card, _, readable in found if not readable]
        if odd and notes is not None:
            notes.append(f"{len(odd)} header cards cannot be read, such as {odd[0][:80].strip()!r}")

    def header(self):
        """
        The cards as astropy has them.

        Returns
        -------
        `~astropy.io.fits.Header`
        """
        return fits.Header.fromstring("".join(self._cards))

    def get(self, keyword, default=None):
        """
        Value of the first card of a name.

        Parameters
        ----------
        keyword : str
            Name.
        default : object, optional
            Returned where there is no such card.

        Returns
        -------
        object
            As `~astropy.io.fits.Header.get`.
        """
        place = self._places.get(keyword)
        card = None if place is None else self._cards[place]
        if card is not None and keyword not in _COMMENTARY:
            value, whole = _value(card)
            if whole:
                return value
        elif card is None and len(keyword) <= 8 and keyword.isupper() and "." not in keyword and " " not in keyword:
            return default
        return self.header().get(keyword, default)

    def __contains__(self, keyword):
        return self.get(keyword, self) is not self

    def __getitem__(self, keyword):
        value = self.get(keyword, self)
        if value is self:
            raise KeyError(f"Keyword {keyword!r} not found.")
        return value
