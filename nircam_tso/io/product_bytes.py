"""A table as the bytes of a file, HDF5 or ECSV, and back."""

import hashlib
import io
import json
import re
import warnings

import numpy as np

from nircam_tso.io.product_guard import MAX_HEADER, MAX_TEXT, HostileProductError, check_ecsv, check_hdf5

__all__ = ["ECSV", "HDF5", "HDF5_PATH", "parsed", "serialised"]

HDF5, ECSV = "HDF5", "ECSV"
#: Name of the table within an HDF5 file.
HDF5_PATH = "timeseries"
_ROWS_PER_CHUNK = 1024
#: Longest text of the metadata that goes through YAML, which takes microseconds for each character and
#: seconds for the provenance of ten thousand files; longer ones lie beside it.
_LONGEST = 1 << 16
_BYTES_PER_CHUNK = 1 << 20
_KEY = re.compile(r"[A-Za-z]\w{0,60}", re.ASCII)
_LONG_LINE = re.compile(r'# - \{([A-Za-z]\w{0,60}): (".*")\}', re.ASCII)
# HDF5 has no sum over the whole file; readers do not look at what follows its end.
_SEAL = b"\nnircam_tso sha256 "
_SEAL_LENGTH = len(_SEAL) + 64 + 1


def _place(key):
    """The dataset of a long text of the metadata."""
    return f"{HDF5_PATH}.meta.{key}"


def _stand_in(key):
    return f"see {_place(key)}"


def _without_long_texts(table):
    """A table whose long texts are only pointed at, and these texts."""
    texts = {
        key: value
        for key, value in table.meta.items()
        if isinstance(value, str) and len(value) > _LONGEST and _KEY.fullmatch(key)
    }
    for key, text in texts.items():
        if len(text) > MAX_TEXT:
            raise HostileProductError(f"meta[{key!r}] has {len(text)} characters; at most {MAX_TEXT} are stored")
    if texts:
        table = table.copy(copy_data=False)
        table.meta.update({key: _stand_in(key) for key in texts})
    return table, texts


def _with_long_texts(table, texts):
    for key, text in texts.items():
        if table.meta.get(key) != _stand_in(key):
            raise HostileProductError(f"holds a text {key!r} that its description does not know")
        table.meta[key] = text
    return table


def serialised(table, kind):
    """
    A table as the bytes of a file.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        With plain metadata.
    kind : str
        `HDF5` or `ECSV`.

    Returns
    -------
    bytes

    Raises
    ------
    HostileProductError
        If it could not be read again.
    """
    table, texts = _without_long_texts(table)
    if kind == ECSV:
        text = io.StringIO()
        table.write(text, format="ascii.ecsv")
        text = text.getvalue()
        for key, long in texts.items():
            line = f"# - {{{key}: {_stand_in(key)}}}\n"
            if text.count(line) != 1:
                raise HostileProductError(f"meta[{key!r}] is not where it should be")
            # A string of JSON is one of YAML, too: others read it as we do, if not as fast.
            text = text.replace(line, f"# - {{{key}: {json.dumps(long)}}}\n")
        return text.encode()
    import h5py

    # In memory, so that a full disk meets plain bytes and not HDF5's caches.
    place = io.BytesIO()
    with h5py.File(place, "w") as file, warnings.catch_warnings():
        # Descriptions and units travel in the serialized metadata.
        warnings.filterwarnings("ignore", message="table contains column.*")
        chunks = {"fletcher32": True, "chunks": (min(len(table), _ROWS_PER_CHUNK),)} if len(table) else {}
        table.write(file, path=HDF5_PATH, format="hdf5", serialize_meta=True, **chunks)
        for key, long in texts.items():
            data = np.frombuffer(long.encode(), np.uint8)
            file.create_dataset(_place(key), data=data, fletcher32=True, chunks=(min(len(data), _BYTES_PER_CHUNK),))
    content = place.getvalue()
    return content + _seal_of(content)


def _seal_of(content):
    return _SEAL + hashlib.sha256(content).hexdigest().encode() + b"\n"


def _unsealed(content):
    """HDF5's own bytes; who has changed the file by another program has removed the seal."""
    seal = content[-_SEAL_LENGTH:]
    if not (seal.startswith(_SEAL) and seal.endswith(b"\n")):
        return content
    content = content[:-_SEAL_LENGTH]
    if _seal_of(content) != seal:
        raise HostileProductError("its bytes have changed since it was written")
    return content


def parsed(content, kind):
    """
    The table that the bytes of a file hold.

    Parameters
    ----------
    content : bytes
        Of the file.
    kind : str
        `HDF5` or `ECSV`.

    Returns
    -------
    `~astropy.table.QTable`

    Raises
    ------
    HostileProductError
        If it holds what no product holds.
    Exception
        Of whatever kind, if it is no such file.
    """
    from astropy.table import QTable

    if kind == ECSV:
        text, texts = _shortened(content.decode())
        check_ecsv(text)
        return _with_long_texts(QTable.read(text.splitlines(), format="ascii.ecsv"), texts)
    import h5py

    content = _unsealed(content)
    with h5py.File(io.BytesIO(content), "r") as file:
        keys = check_hdf5(file, len(content), HDF5_PATH)
        texts = {key: file[_place(key)][()].tobytes().decode() for key in keys}
        return _with_long_texts(QTable.read(file, format="hdf5", path=HDF5_PATH), texts)


def _shortened(text):
    """An ECSV file whose long texts are only pointed at, and these texts."""
    pieces, texts = [], {}
    start = copied = seen = 0
    while text.startswith("#", start) and seen <= MAX_HEADER:
        stop = text.find("\n", start) + 1 or len(text)
        long = _LONGEST < stop - start <= 2 * MAX_TEXT
        found = _LONG_LINE.fullmatch(text[start:stop].rstrip("\n")) if long else None
        if found is None:
            seen += stop - start
        else:
            texts[found[1]] = json.loads(found[2])
            pieces += [text[copied:start], f"# - {{{found[1]}: {_stand_in(found[1])}}}\n"]
            copied = stop
        start = stop
    return "".join([*pieces, text[copied:]]), texts
