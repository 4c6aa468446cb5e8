"""Products on disk: a TimeSeries as HDF5 or ECSV, and back."""

import os
import stat
import tempfile
import warnings
from pathlib import Path

import numpy as np

from nircam_tso.exceptions import IncompleteProductError, OutputError
from nircam_tso.timing import offline

__all__ = ["check_path", "read", "write"]

#: Name of the table within an HDF5 file.
HDF5_PATH = "timeseries"
_HDF5, _ECSV = "HDF5", "ECSV"
_SUFFIXES = {".h5": _HDF5, ".hdf5": _HDF5, ".ecsv": _ECSV}


def _kind(path):
    suffix = Path(path).suffix.lower()
    if suffix not in _SUFFIXES:
        raise ValueError(f"path: {os.fspath(path)!r} does not end in {', '.join(_SUFFIXES)}; choose one of these")
    return _SUFFIXES[suffix]


def check_path(path, *, overwrite=False):
    """
    Refuse a path that `write` could not write, before work is spent on the product.

    Parameters
    ----------
    path : path-like
        Where a product shall go.
    overwrite : bool, optional
        Whether an existing file may be replaced.

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
    path = Path(path)
    kind = _kind(path)
    if path.is_dir():
        raise OutputError("is a folder; give a file name", path=path)
    if path.exists() and not overwrite:
        raise OutputError("exists already; pass overwrite=True (in a shell --overwrite) to replace it", path=path)
    if not path.parent.is_dir():
        raise OutputError(f"the folder {path.parent} does not exist", path=path)
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise OutputError(f"the folder {path.parent} cannot be written to", path=path)
    return kind


@offline()
def write(ts, path, *, overwrite=False):
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
        A name that ends in ``.h5``, ``.hdf5`` or ``.ecsv``.
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
        If the file exists and ``overwrite`` is False, or cannot be written.

    Notes
    -----
    HDF5 holds times as pairs of Julian dates (jd1, jd2), bit by bit; ECSV as ISO 8601
    text with nine digits of the second. The same numbers give the same bytes.

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
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        _write_file(table, temporary, kind)
        _compare(table, _read_file(temporary, kind), path)
        _sync(temporary)
        os.chmod(temporary, _mode(path))
        os.replace(temporary, path)
        temporary = None
        _sync(path.parent)
    except OutputError:
        raise
    except (OSError, RuntimeError) as error:
        # Where HDF5 runs out of space while it closes a file, h5py raises RuntimeError.
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"cannot be written ({reason})", path=path) from error
    finally:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
    return path


def _mode(path):
    """Permissions of the old file, else what the process' umask leaves of 0666."""
    try:
        return stat.S_IMODE(os.stat(path).st_mode)
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def _sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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


def _write_file(table, path, kind):
    if kind == _ECSV:
        table.write(path, format="ascii.ecsv", overwrite=True)
        return
    import h5py

    with h5py.File(path, "w") as file, warnings.catch_warnings():
        # Descriptions and units travel in the serialized metadata.
        warnings.filterwarnings("ignore", message="table contains column.*")
        table.write(file, path=HDF5_PATH, format="hdf5", serialize_meta=True)


def _read_file(path, kind):
    from astropy.table import QTable

    if kind == _ECSV:
        return QTable.read(path, format="ascii.ecsv")
    return QTable.read(path, format="hdf5", path=HDF5_PATH)


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
def read(path):
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
        If the file is not there, not a product, or not whole.
    """
    from astropy.timeseries import TimeSeries

    path = Path(path)
    kind = _kind(path)
    if not path.is_file():
        raise IncompleteProductError("there is no such file", path=path)
    try:
        table = _read_file(path, kind)
    except Exception as error:
        raise IncompleteProductError(f"is not a readable {kind} product ({error})", path=path) from error
    if "time" not in table.colnames:
        raise IncompleteProductError("has no column 'time': not a product of this package", path=path)
    promised = table.meta.get("n_rows", len(table))
    if promised != len(table):
        raise IncompleteProductError(f"holds {len(table)} of {promised} rows; make it anew", path=path)
    # Built column by column: reading through TimeSeries.read would guess a time column.
    ts = TimeSeries(time=_restored(table["time"]))
    ts["time"].info.description = table["time"].info.description
    for name in table.colnames:
        if name == "time":
            continue
        ts[name] = _restored(table[name])
        ts[name].info.description = table[name].info.description
    ts.meta.update(table.meta)
    return ts


def _restored(column):
    from astropy.time import Time

    if isinstance(column, Time):
        column = column.copy(format="isot")
        column.precision = 9
    return column
