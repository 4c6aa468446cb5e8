"""How strictly input is taken, and how much memory reading it may need."""

import os
import re
from dataclasses import dataclass

__all__ = ["Policy", "available_memory", "parse_bytes"]

_SIZE = re.compile(r"\s*(\d+(?:\.\d*)?)\s*([kmgt]?)(i?)b?\s*$", re.IGNORECASE | re.ASCII)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_UNKNOWN = 4 << 30


def parse_bytes(value):
    """
    A number of bytes, out of a number or a text such as ``"4 GB"``.

    Parameters
    ----------
    value : int, float or str
        Of texts, k, M, G and T are powers of 1000, Ki, Mi, Gi and Ti of 1024; the B may
        be left out.

    Returns
    -------
    int

    Raises
    ------
    ValueError, TypeError
        For what is no positive number of bytes.

    Examples
    --------
    >>> from nircam_tso.io.policy import parse_bytes
    >>> parse_bytes("1.5 GB"), parse_bytes("64MiB"), parse_bytes(1000)
    (1500000000, 67108864, 1000)
    """
    if isinstance(value, str):
        match = _SIZE.match(value)
        if match is None or (match[3] and not match[2]):
            raise ValueError(f"max_memory: {value!r} is no size; write bytes, or a text such as '4 GB'")
        number = float(match[1]) * (1024 if match[3] else 1000) ** _POWERS[match[2].lower()]
    elif isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"max_memory: {value!r} is neither a number of bytes nor a text such as '4 GB'")
    else:
        number = value
    if not 1 <= number < 1 << 60:
        raise ValueError(f"max_memory: {value!r} is not a size between 1 byte and 1 EiB")
    return int(number)


def available_memory():
    """
    Memory that this process may have, of the machine and of the container it runs in.

    Returns
    -------
    int
        Bytes; 4 GiB where the system does not tell.
    """
    sizes = []
    try:
        sizes.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):
        pass
    for path in _CGROUPS:
        try:
            with open(path, encoding="ascii") as file:
                sizes.append(int(file.read()))
        except (OSError, ValueError):
            continue
    return min((size for size in sizes if size > 0), default=_UNKNOWN)


@dataclass(frozen=True)
class Policy:
    """
    What becomes of input that is not as it should be.

    Parameters
    ----------
    on_error : {"raise", "flag"}
        Whether a file that cannot be read is an error, or its rows are there, NaN and
        flagged READ_ERROR.
    allow_missing : bool
        Whether integrations that an exposure lacks are rows flagged MISSING_INTEGRATION.
    allow_missing_dq : bool
        Whether a product that must have data-quality flags is read without.
    verify_checksums : bool
        Whether CHECKSUM and DATASUM are compared with the bytes.
    hash_inputs : bool
        Whether the sha256 of every whole file is taken, for the provenance.
    max_memory : int, str or None
        Bytes that the pixels at work may take; by default half of `available_memory`.

    Raises
    ------
    ValueError, TypeError
        For any other value.

    Examples
    --------
    >>> from nircam_tso.io.policy import Policy
    >>> Policy(max_memory="2 GB").max_memory
    2000000000
    """

    on_error: str = "raise"
    allow_missing: bool = False
    allow_missing_dq: bool = False
    verify_checksums: bool = False
    hash_inputs: bool = False
    max_memory: int | str | None = None

    def __post_init__(self):
        if self.on_error not in ("raise", "flag"):
            raise ValueError(f"on_error: {self.on_error!r} is neither 'raise' nor 'flag'")
        for name in ("allow_missing", "allow_missing_dq", "verify_checksums", "hash_inputs"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name}: {getattr(self, name)!r} is neither True nor False")
        limit = available_memory() // 2 if self.max_memory is None else parse_bytes(self.max_memory)
        object.__setattr__(self, "max_memory", limit)

    @property
    def flags_errors(self):
        """True where unreadable files become rows."""
        return self.on_error == "flag"
