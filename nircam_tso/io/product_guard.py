"""What a product may hold, checked before astropy builds objects out of it.

A product comes from anywhere. HDF5 can name files of the reader's own (external links,
external and virtual storage) and declare more data than any memory holds; the YAML
header of both formats can name classes, and multiply itself by aliases. All of it is
refused here, on the bytes that are then read.
"""

__all__ = [
    "MAX_DEPTH",
    "MAX_EVENTS",
    "MAX_HEADER",
    "MAX_LINES",
    "MAX_SPACES",
    "MAX_TEXT",
    "HostileProductError",
    "check_ecsv",
    "check_hdf5",
    "check_header",
]

#: Longest YAML header, characters. Astropy's parser needs microseconds for each word and line,
#: so that lines and spaces are counted, too.
MAX_HEADER = 6 << 20
#: Longest text of the metadata that lies beside the header: the provenance of a million files.
MAX_TEXT = 256 << 20
MAX_SPACES = 700_000
MAX_LINES = 120_000
#: Most YAML events (keys, values, beginnings and ends).
MAX_EVENTS = 20_000
MAX_DEPTH = 32

_PLAIN = {"meta", "map", "seq", "str", "int", "float", "bool", "null", "omap", "binary"}
_TAGS = {f"tag:yaml.org,2002:{name}" for name in _PLAIN} | {
    "!astropy.units.Unit",
    "!astropy.units.CompositeUnit",
    "!astropy.table.SerializedColumn",
}
_CLASSES = {
    "astropy.time.core.Time",
    "astropy.units.quantity.Quantity",
    "astropy.table.column.Column",
    "astropy.table.column.MaskedColumn",
    "astropy.utils.masked.core.MaskedNDArray",
    "astropy.utils.masked.core.MaskedQuantity",
}
_MOST_LINKS = 64
# Only what a filter has packed may be larger than the file; real columns pack by less than this.
_MOST_PACKED = 64 << 20
_PACKING = 20
#: Bytes of the checksum of a piece.
_CHECKSUM = 4


class HostileProductError(ValueError):
    """A product that holds what no product holds; `nircam_tso.read` turns it into its own error."""


def check_header(text):
    r"""
    Refuse a YAML header that could do more than describe columns.

    Parameters
    ----------
    text : str
        The header.

    Raises
    ------
    HostileProductError
        For unknown tags and classes, aliases of anything but a unit, and headers that
        are too long, too deep or of too many parts.

    Examples
    --------
    >>> from nircam_tso.io.product_guard import check_header
    >>> check_header("datatype:\n- {name: x, datatype: float64}\n")
    """
    import yaml

    if len(text) > MAX_HEADER:
        raise HostileProductError(f"its header has {len(text)} characters; at most {MAX_HEADER} are read")
    if text.count("\n") > MAX_LINES or text.count(" ") > MAX_SPACES:
        raise HostileProductError(f"its header has more than {MAX_LINES} lines or {MAX_SPACES} spaces")
    depth, units, after_class = 0, set(), False
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    opening = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
    closing = (yaml.MappingEndEvent, yaml.SequenceEndEvent)
    inside_unit = 0
    for count, event in enumerate(yaml.parse(text, Loader=loader)):
        if count > MAX_EVENTS:
            raise HostileProductError(f"its header has more than {MAX_EVENTS} parts")
        tag = getattr(event, "tag", None)
        if tag is not None and tag not in _TAGS:
            raise HostileProductError(f"its header asks for an object of the type {tag[:80]!r}")
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in units or inside_unit:
                raise HostileProductError("its header repeats a part of itself by an alias")
        elif getattr(event, "anchor", None) is not None:
            # A unit that several columns share is one object; nothing else is.
            if tag is None or "Unit" not in tag or inside_unit:
                raise HostileProductError("its header names a part of itself by an anchor")
            units.add(event.anchor)
        if after_class and not (isinstance(event, yaml.ScalarEvent) and event.value in _CLASSES):
            raise HostileProductError(f"its header asks for the class {getattr(event, 'value', '?')[:80]!r}")
        after_class = isinstance(event, yaml.ScalarEvent) and event.value == "__class__" and not after_class
        if isinstance(event, opening):
            depth += 1
            if depth > MAX_DEPTH:
                raise HostileProductError(f"its header is nested deeper than {MAX_DEPTH}")
            if inside_unit or (tag is not None and "Unit" in tag):
                inside_unit += 1
        elif isinstance(event, closing):
            depth -= 1
            inside_unit = max(0, inside_unit - 1)


def check_ecsv(text):
    """
    Refuse an ECSV table whose header could do more than describe columns.

    Parameters
    ----------
    text : str
        The whole file.

    Raises
    ------
    HostileProductError
        If it is no ECSV table, or its header is refused by `check_header`.
    """
    if not text.startswith("# %ECSV "):
        raise HostileProductError("does not begin as an ECSV table does")
    lines = []
    start = 0
    while text.startswith("#", start):
        stop = text.find("\n", start)
        stop = len(text) if stop < 0 else stop
        lines.append(text[start + 2 : stop])
        start = stop + 1
        if start > MAX_HEADER:
            raise HostileProductError(f"its header is longer than {MAX_HEADER} bytes")
    if not any(line.startswith("datatype:") for line in lines):
        raise HostileProductError("has no ECSV header")
    check_header("\n".join(line for line in lines[1:] if line.strip() != "---"))


def _check_type(kind, what):
    """Refuse HDF5 types that lead elsewhere, or whose size no header tells."""
    import h5py

    if kind.get_class() == h5py.h5t.COMPOUND:
        for index in range(kind.get_nmembers()):
            _check_type(kind.get_member_type(index), what)
        return
    if kind.get_class() == h5py.h5t.ARRAY:
        _check_type(kind.get_super(), what)
        return
    variable = kind.get_class() == h5py.h5t.STRING and kind.is_variable_str()
    allowed = (h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.STRING, h5py.h5t.ENUM)
    if variable or kind.get_class() not in allowed:
        raise HostileProductError(f"{what} holds something else than numbers and text")


def _check_chunks(item, made, size, what):
    """Refuse stored pieces that are shorter than what a filter takes off, which HDF5 itself does not notice."""
    import h5py

    if made.get_layout() != h5py.h5d.CHUNKED or not made.get_nfilters():
        return
    filters = [made.get_filter(index)[0] for index in range(made.get_nfilters())]
    # A checksum has four bytes; where nothing is packed, the rest is the piece itself.
    checked = _CHECKSUM * (h5py.h5z.FILTER_FLETCHER32 in filters)
    whole = made.get_chunk()[0] * item.get_type().get_size() + checked
    plain = set(filters) == {h5py.h5z.FILTER_FLETCHER32}
    odd = []

    def look(piece):
        right = piece.size == whole if plain and piece.filter_mask == 0 else piece.size > checked
        if not right or piece.byte_offset is None or piece.byte_offset + piece.size > size:
            odd.append(piece.size)

    item.chunk_iter(look)
    if odd:
        raise HostileProductError(f"{what} has a piece of {odd[0]} bytes, which is not what its filters make")


def check_hdf5(file, size, path):
    """
    Refuse an HDF5 file that leads outside itself or declares more than it holds.

    Parameters
    ----------
    file : `h5py.File`
        Open for reading.
    size : int
        Its bytes.
    path : str
        Name of the table within it; its description and long texts lie beside it.

    Returns
    -------
    list of str
        Keys of the metadata whose texts are datasets ``<path>.meta.<key>``.

    Raises
    ------
    HostileProductError
        For links, external and virtual storage, unknown types, impossible sizes of the whole
        and of its pieces, and a description that `check_header` refuses.
    """
    import h5py

    root = file["/"].id
    if root.get_num_objs() > _MOST_LINKS:
        raise HostileProductError(f"has {root.get_num_objs()} entries; a product has a few")
    texts = [name for name in file if name.startswith(f"{path}.meta.")]
    for name in (path, f"{path}.__table_column_meta__", *texts):
        key = name.encode()
        if key not in root:
            raise HostileProductError(f"has no {name!r}")
        if root.links.get_info(key).type != h5py.h5l.TYPE_HARD:
            raise HostileProductError(f"{name} is a link that leads elsewhere")
        item = h5py.h5o.open(root, key)
        if not isinstance(item, h5py.h5d.DatasetID):
            raise HostileProductError(f"{name} is no table")
        made = item.get_create_plist()
        if made.get_external_count():
            raise HostileProductError(f"{name} lies in another file")
        if made.get_layout() == h5py.h5d.VIRTUAL:
            raise HostileProductError(f"{name} is put together from other files")
        _check_type(item.get_type(), name)
        if len(item.shape) != 1:
            raise HostileProductError(f"{name} has {len(item.shape)} axes; a table has one")
        filters = {made.get_filter(index)[0] for index in range(made.get_nfilters())}
        packed = bool(filters - {h5py.h5z.FILTER_FLETCHER32})
        bytes_ = item.get_type().get_size() * item.shape[0]
        most = max(size, min(_MOST_PACKED, _PACKING * size)) if packed else size
        if bytes_ > most:
            raise HostileProductError(f"{name} declares {bytes_} bytes, but the file has {size}")
        _check_chunks(item, made, size, name)
    for name in texts:
        if file[name].dtype != "u1" or file[name].shape[0] > MAX_TEXT:
            raise HostileProductError(f"{name} is no text, or too long a one")
    lines = file[f"{path}.__table_column_meta__"]
    if lines.dtype.itemsize * lines.shape[0] > 4 * MAX_HEADER or lines.dtype.kind != "S":
        raise HostileProductError("its description is too long")
    check_header("\n".join(line.decode("utf-8", "replace") for line in lines[()]))
    return [name.removeprefix(f"{path}.meta.") for name in texts]
