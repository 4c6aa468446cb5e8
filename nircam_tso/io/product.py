"""Products on disk: a TimeSeries as HDF5 or ECSV, and back."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.exceptions import IncompleteProductError, OutputError
from nircam_tso.io.atomic import check_target, replace_file
from nircam_tso.io.product_bytes import ECSV, HDF5, parsed, serialised
from nircam_tso.io.product_guard import HostileProductError
from nircam_tso.timing import offline

if TYPE_CHECKING:
    from os import PathLike

    from astropy.timeseries import TimeSeries

__all__ = ["MAX_BYTES", "SUFFIXES", "check_path", "read", "write"]

#: Largest product that is read, bytes: some ten million integrations.
MAX_BYTES = 4 << 30
#: Endings of products, and what they stand for.
SUFFIXES = {".h5": HDF5, ".hdf5": HDF5, ".ecsv": ECSV}


def _kind(path):
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"path: {os.fspath(path)!r} does not end in {', '.join(SUFFIXES)}; choose one of these")
    return SUFFIXES[suffix]


def check_path(path, *, overwrite=False, inputs=()):
    """
    Refuse a path that `write` could not write, before work is spent on the product.

    Parameters
    ----------
    path : path-like
        Where a product shall go.
    overwrite : bool, optional
        Whether an existing file may be replaced.
    inputs : iterable of path-like, optional
        Files that must stay as they are, whatever ``overwrite`` says.

    Returns
    -------
    str
        ``"HDF5"`` or ``"ECSV"``.

    Raises
    ------
    ValueError
        For an ending that is not known.
    OutputError
        If a file is there that may not be replaced, or the folder cannot be written.
    """
    kind = _kind(path)
    check_target(path, overwrite=overwrite, inputs=inputs)
    return kind


@offline()
def write(ts: TimeSeries, path: str | PathLike[str], *, overwrite: bool = False) -> Path:
    """
    Write a product.

    The file is written under another name in the same folder, read back, compared and
    only then put in its place: whatever happens, ``path`` holds a whole file, the old
    one or the new one.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        What to write.
    path : path-like
        A name that ends in ``.h5``, ``.hdf5`` or ``.ecsv``. Where it is a link to a
        file, that file is replaced and the link stays.
    overwrite : bool, optional
        Whether an existing file may be replaced.

    Returns
    -------
    `~pathlib.Path`
        The path written.

    Raises
    ------
    ValueError
        For another ending.
    OutputError
        If the file exists and ``overwrite`` is False, another process writes it, or it
        cannot be written.

    Notes
    -----
    HDF5 holds times as pairs of Julian dates (jd1, jd2), bit by bit, its table in chunks
    with Fletcher's checksum, and texts of the metadata of over 65,536 characters (the
    provenance of some hundred files) as bytes in ``timeseries.meta.<key>``; ECSV holds
    times as ISO 8601 text with nine digits of the second. The metadata of both hold the
    number of rows and a digest over all columns and metadata, by which `read` knows that
    a file is whole; a line after the end of HDF5 seals all its bytes. The same numbers
    give the same bytes.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from astropy.time import Time
    >>> from astropy.timeseries import TimeSeries
    >>> from nircam_tso import read, write
    >>> ts = TimeSeries(time=Time(["2026-01-01", "2026-01-02"]), data={"flux": [1.0, 2.0]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     read(write(ts, Path(folder) / "lc.h5"))["flux"].sum()
    np.float64(3.0)
    """
    path = Path(path)
    kind = check_path(path, overwrite=overwrite)
    table = _plain_copy(ts)
    table.meta["complete"] = True
    table.meta["digest"] = _digest(table, kind)
    try:
        content = serialised(table, kind)
        again = parsed(content, kind)
    except (OSError, RuntimeError, HostileProductError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"cannot be written ({reason})", path=path) from error
    _compare(table, again, path)
    if _digest(again, kind) != table.meta["digest"]:
        raise OutputError("its description or metadata read back changed; they hold what cannot be stored", path=path)
    replace_file(path, content, overwrite=overwrite)
    return path


def _plain_copy(ts):
    """A copy whose times are stored exactly and whose metadata are plain."""
    from astropy.table import QTable
    from astropy.time import Time
    from astropy.units import Quantity

    table = QTable(ts, copy=True)
    # YAML marks objects that are the same one: equal units must be one object always,
    # or a table that was read would be written with other bytes than its file has.
    units = {}
    table.meta = {key: _plain_meta(key, value) for key, value in ts.meta.items() if not key.startswith("__")}
    # Selected rows are a product of their own; what the headers promised is n_expected.
    table.meta["n_rows"] = len(table)
    for name in table.colnames:
        if isinstance(table[name], Quantity):
            unit = units.setdefault(str(table[name].unit), table[name].unit)
            description = table[name].info.description
            table[name] = Quantity(table[name].value, unit, copy=False)
            table[name].info.description = description
        elif isinstance(table[name], Time):
            table[name] = _settled(table[name])
            table[name].info.serialize_method["ecsv"] = "formatted_value"
            table[name].info.serialize_method["hdf5"] = "jd1_jd2"
    return table


def _settled(time):
    """The same times; what lies under a mask is one constant, so that it cannot tell files apart."""
    from astropy.time import Time

    description = time.info.description
    unknown = np.asarray(time.mask)
    if unknown.any():
        jd1, jd2 = (np.where(unknown, value, part) for value, part in zip((2451545.0, 0.0), _days(time), strict=True))
        time = Time(jd1, jd2, format="jd", scale=time.scale)
        time[unknown] = np.ma.masked
    time.format = "isot"
    time.precision = 9
    time.info.description = description
    return time


def _days(time):
    plain = time.unmasked
    return np.asarray(plain.jd1), np.asarray(plain.jd2)


def _plain_meta(key, value):
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, tuple):
        value = list(value)
    plain = str | int | float | bool | type(None)
    if isinstance(value, plain) or (isinstance(value, list) and all(isinstance(part, plain) for part in value)):
        return value
    raise ValueError(f"meta[{key!r}]: {type(value).__name__} cannot be stored; use text, numbers or lists of them")


def _digest(table, kind):
    """sha256 over names, types, units, descriptions and values of all columns, and the metadata."""
    digest = hashlib.sha256()
    meta = {key: value for key, value in table.meta.items() if key != "digest" and not key.startswith("__")}
    digest.update(json.dumps(meta, sort_keys=True).encode())
    for name in table.colnames:
        column = table[name]
        about = [name, str(column.info.description or ""), str(getattr(column, "unit", None) or "")]
        digest.update(json.dumps([*about, *_column_bytes(digest, column, kind)]).encode())
    return digest.hexdigest()


def _column_bytes(digest, column, kind):
    """Feed the values; return what is left to say of them."""
    from astropy.time import Time

    if isinstance(column, Time):
        unknown = np.asarray(column.mask)
        digest.update(unknown.tobytes())
        if kind == HDF5:
            for part in _days(column):
                digest.update(np.where(unknown, 0.0, part).astype("<f8").tobytes())
        else:
            plain = column.unmasked.copy(format="isot")
            plain.precision = 9
            digest.update("\n".join(np.where(unknown, "", plain.value).tolist()).encode())
        return [column.scale]
    mask = getattr(column, "mask", None)
    if mask is not None:
        digest.update(np.broadcast_to(np.asarray(mask), np.shape(column)).tobytes())
    values = np.asarray(getattr(column, "value", column))
    if values.dtype.kind in "USO":
        digest.update(json.dumps([str(value) for value in values.ravel().tolist()]).encode())
        return ["text"]
    if values.dtype.kind == "f":
        # All numbers that are none are alike.
        values = np.where(np.isnan(values), values.dtype.type(np.nan), values)
    values = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    digest.update(values.tobytes())
    return [values.dtype.str, list(values.shape)]


def _compare(table, again, path):
    """Refuse a file that does not hold what was to be written."""
    from astropy.time import Time

    if table.colnames != again.colnames or len(table) != len(again):
        raise OutputError(f"reads back with {len(again)} rows instead of {len(table)}; the disk may be full", path=path)
    for name in table.colnames:
        old, new = table[name], again[name]
        if isinstance(old, Time):
            unknown = np.asarray(old.mask)
            same = np.array_equal(unknown, np.asarray(new.mask))
            if same and not unknown.all():
                same = np.abs((old[~unknown] - new[~unknown]).sec).max() < 1e-9
        else:
            old, new = (np.asarray(getattr(column, "value", column)) for column in (old, new))
            same = np.array_equal(old, new, equal_nan=old.dtype.kind in "fc")
        if not same:
            raise OutputError(f"column {name} reads back changed", path=path)


@offline()
def read(path: str | PathLike[str]) -> TimeSeries:
    """
    Read a product.

    Parameters
    ----------
    path : path-like
        A file that `write` made.

    Returns
    -------
    `~astropy.timeseries.TimeSeries`
        With units, descriptions and metadata as they were.

    Raises
    ------
    ValueError
        For a name with another ending.
    IncompleteProductError
        If the file is not there, not a product, not whole, or holds what no product
        holds: links and storage outside itself, sizes beyond its own, objects.

    Notes
    -----
    Nothing in the file is run or fetched, whoever made it.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from astropy.time import Time
    >>> from astropy.timeseries import TimeSeries
    >>> from nircam_tso import read, write
    >>> ts = TimeSeries(time=Time(["2026-01-01", "2026-01-02"]), data={"flux": [1.0, 2.0]})
    >>> with TemporaryDirectory() as folder:
    ...     len(read(write(ts, f"{folder}/lc.ecsv")))
    2
    """
    from astropy.timeseries import TimeSeries

    path = Path(path)
    kind = _kind(path)
    content = _content(path)
    try:
        with warnings.catch_warnings():
            # What a damaged header makes astropy warn of, the digest finds.
            warnings.simplefilter("ignore")
            table = parsed(content, kind)
    except HostileProductError as error:
        raise IncompleteProductError(f"is refused: {error}", path=path) from error
    except Exception as error:
        text = " ".join(str(error).split())[:300]
        raise IncompleteProductError(f"is not a readable {kind} product ({text})", path=path) from error
    if "time" not in table.colnames:
        raise IncompleteProductError("has no column 'time': not a product of this package", path=path)
    promised = table.meta.get("n_rows", len(table))
    if promised != len(table):
        raise IncompleteProductError(f"holds {len(table)} of {promised} rows; make it anew", path=path)
    if "n_rows" not in table.meta or table.meta.get("complete") is not True or "digest" not in table.meta:
        raise IncompleteProductError("has no number of rows and digest: not a product of this package", path=path)
    try:
        whole = _digest(table, kind) == table.meta["digest"]
    except (TypeError, ValueError) as error:
        raise IncompleteProductError(f"holds what no product holds ({error})", path=path) from error
    if not whole:
        raise IncompleteProductError("its numbers or metadata have changed since it was written", path=path)
    # Built column by column: reading through TimeSeries.read would guess a time column.
    ts = TimeSeries(time=_restored(table["time"]))
    ts["time"].info.description = table["time"].info.description
    for name in table.colnames:
        if name == "time":
            continue
        ts[name] = _restored(table[name])
        ts[name].info.description = table[name].info.description
    ts.meta.update({key: value for key, value in table.meta.items() if key != "digest"})
    return ts


def _content(path):
    """The bytes of a regular file."""
    try:
        with open(path, "rb", buffering=0, opener=_open_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise IncompleteProductError("is not a regular file", path=path)
            if status.st_size > MAX_BYTES:
                raise IncompleteProductError(f"has {status.st_size} bytes, which no product has", path=path)
            return file.readall()
    except FileNotFoundError:
        raise IncompleteProductError("there is no such file", path=path) from None
    except (OSError, ValueError) as error:
        if isinstance(error, IncompleteProductError):
            raise
        raise IncompleteProductError(
            f"cannot be read ({getattr(error, 'strerror', None) or error})", path=path
        ) from error


def _open_at_once(path, flags):
    # A FIFO without a writer would be waited for.
    return os.open(path, flags | os.O_NONBLOCK)


def _restored(column):
    from astropy.time import Time

    if isinstance(column, Time):
        column = column.copy(format="isot")
        column.precision = 9
    return column
