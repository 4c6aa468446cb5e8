"""Binary tables of plain numbers, such as INT_TIMES, as native structured arrays."""

import re

import numpy as np

from nircam_tso.exceptions import CorruptFileError

__all__ = ["decode_table", "native_table", "scaled"]

_FORM = re.compile(r"\s*(\d*)([LXBIJKAEDCMPQ])")
_TYPES = {"L": "S1", "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8"}
# Offsets are at most 2**63, of unsigned columns.
_MAX_SCALING = 1 << 63
_BYTES = {"A": 1, "C": 8, "M": 16, "P": 8, "Q": 16}


def decode_table(hdu, data, path=None):
    """
    The columns of a binary table that hold one number per row.

    Parameters
    ----------
    hdu : Hdu
        The table's header.
    data : bytes
        Its rows (what follows them, the heap, is not looked at).
    path : str, optional
        For messages.

    Returns
    -------
    `~numpy.ndarray`
        Structured, of native types, one field for each column of single numbers, named
        by TTYPE; offsets of unsigned columns (TZERO) are applied.

    Raises
    ------
    CorruptFileError
        If the header does not describe a table.
    """

    def fail(what):
        raise CorruptFileError(f"{hdu.label}: {what}", path=path, hdu=hdu.label)

    count = hdu.get("TFIELDS")
    if hdu.kind != "bintable" or len(hdu.shape) != 2 or type(count) is not int or not 0 <= count <= 999:
        fail("is no binary table")
    n_rows, row_bytes = hdu.shape
    names, formats, offsets, zeros = [], [], [], []
    offset = 0
    for number in range(1, count + 1):
        form = _FORM.match(str(hdu.get(f"TFORM{number}", "")))
        if not form:
            fail(f"TFORM{number} is {hdu.get(f'TFORM{number}')!r}")
        repeat = int(form.group(1) or 1)
        code = form.group(2)
        item = -(-repeat // 8) if code == "X" else repeat * (_BYTES.get(code) or np.dtype(_TYPES[code]).itemsize)
        name = str(hdu.get(f"TTYPE{number}", "")).strip() or f"col{number}"
        if repeat == 1 and code in "BIJKED" and name not in names:
            names.append(name)
            formats.append(_TYPES[code])
            offsets.append(offset)
            scaling = hdu.get(f"TSCAL{number}", 1), hdu.get(f"TZERO{number}", 0)
            if any(isinstance(value, (str, bool)) or abs(value) > _MAX_SCALING for value in scaling):
                fail(f"TSCAL{number} and TZERO{number} are {scaling}")
            zeros.append(scaling)
        offset += item
    if offset > row_bytes or len(data) < n_rows * row_bytes:
        fail("its columns do not fit its rows")
    dtype = np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": row_bytes})
    table = np.frombuffer(data, dtype, count=n_rows) if n_rows and row_bytes else np.empty(0, dtype)
    columns = {}
    for name, (scale, zero) in zip(names, zeros, strict=True):
        column = table[name].astype(table[name].dtype.newbyteorder("="))
        columns[name] = scaled(column, scale, zero)
    return _join(columns, n_rows)


def scaled(values, scale, zero):
    """
    Numbers as they are meant, out of those that are stored.

    Parameters
    ----------
    values : `~numpy.ndarray`
        Stored numbers.
    scale, zero : int or float
        TSCAL and TZERO of a column, or BSCALE and BZERO of an image.

    Returns
    -------
    `~numpy.ndarray`
        The same where nothing is to be done; int64 where an offset makes unsigned numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.io.tables import scaled
    >>> scaled(np.array([-32768, 32767], np.int16), 1, 32768)
    array([    0, 65535])
    """
    if (scale, zero) == (1, 0):
        return values
    if scale == 1 and float(zero).is_integer() and values.dtype.itemsize < 8:
        return values.astype(np.int64) + int(zero)
    return values * float(scale) + float(zero)


def native_table(rows):
    """
    A structured array with the columns of single numbers only, in native byte order.

    Parameters
    ----------
    rows : `~numpy.ndarray`
        Structured, such as the data of an open table.

    Returns
    -------
    `~numpy.ndarray`
    """
    rows = np.asarray(rows)
    columns = {}
    for name in rows.dtype.names or ():
        column = rows[name]
        if column.ndim == 1 and column.dtype.kind in "iuf":
            columns[name.strip()] = column.astype(column.dtype.newbyteorder("="))
    return _join(columns, len(rows))


def _join(columns, n_rows):
    table = np.empty(n_rows, [(name, column.dtype) for name, column in columns.items()])
    for name, column in columns.items():
        table[name] = column
    return table
