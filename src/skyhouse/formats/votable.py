"""Arrow batches to an IVOA VOTable 1.4 with its rows in BINARY2.

NULL of any type is a flag of its own in BINARY2. Text is `char` where all of it is ASCII and `unicodeChar` (UTF-16)
else; times are ISO 8601 text with xtype "timestamp". The rows are packed by numpy, a batch at a time. VOTable 1.4,
section 5.4.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import IO, Any
from xml.sax.saxutils import quoteattr

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skyhouse.formats.qtable import standard_unit
from skyhouse.formats.spool import Measured, Spool

__all__ = ["write_votable"]

_TYPES = {
    pa.bool_(): ("boolean", "u1"),
    pa.uint8(): ("unsignedByte", "u1"),
    pa.int8(): ("short", ">i2"),  # a VOTable has no signed byte
    pa.int16(): ("short", ">i2"),
    pa.int32(): ("int", ">i4"),
    pa.int64(): ("long", ">i8"),
    pa.float32(): ("float", ">f4"),
    pa.float64(): ("double", ">f8"),
}
_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n'
    '<RESOURCE type="results">\n'
)
_ROWS = '<DATA><BINARY2><STREAM encoding="base64">\n'
_TAIL = "\n</STREAM></BINARY2></DATA>\n</TABLE>\n</RESOURCE>\n</VOTABLE>\n"
_LINE = 57 * 1024  # bytes to a piece of base64: a multiple of three, so that pieces join


def write_votable(reader: pa.RecordBatchReader, sink: IO[bytes], spool_path: Path) -> int:
    """Write the rows as a VOTable; return their number.

    Memory holds one batch. Raises InputError, naming the column, for a type that VOTable has not.
    """
    spool = Spool(spool_path)
    spool.fill(reader, "VOTable")
    sink.write(_HEAD.encode())
    sink.write(f'<TABLE nrows="{spool.rows}">\n'.encode())
    for one in spool.columns:
        sink.write(_field(one).encode())
    sink.write(_ROWS.encode())
    left = b""
    for arrays in spool.batches():
        packed = left + _pack(spool.columns, arrays).tobytes()
        whole = len(packed) - len(packed) % _LINE
        for start in range(0, whole, _LINE):
            sink.write(base64.b64encode(packed[start : start + _LINE]) + b"\n")
        left = packed[whole:]
    sink.write(base64.b64encode(left))
    sink.write(_TAIL.encode())
    return spool.rows


def _text(value: str) -> str:
    """Return the text as the value of an XML attribute, without the characters that XML 1.0 has not."""
    return quoteattr("".join(c if c >= " " and c not in "\ufffe\uffff" else " " for c in value))


def _field(one: Measured) -> str:
    marks = {"name": one.column.name}
    if one.kind == pa.string():
        marks |= {"datatype": "char" if one.ascii else "unicodeChar", "arraysize": "*"}
    elif pa.types.is_list(one.kind):
        marks |= {"datatype": _TYPES[one.kind.value_type][0], "arraysize": "*"}
    else:
        marks |= {"datatype": _TYPES[one.kind][0]}
    if pa.types.is_timestamp(one.source) or pa.types.is_date(one.source):
        marks["xtype"] = "timestamp"
    notes = (("unit", standard_unit(one.column.unit, "vounit")), ("ucd", one.column.ucd))
    marks |= {key: value for key, value in notes if value}
    inside = " ".join(f"{key}={_text(value)}" for key, value in marks.items())
    if not one.column.description:
        return f"<FIELD {inside}/>\n"
    description = _text(one.column.description)[1:-1]
    return f"<FIELD {inside}><DESCRIPTION>{description}</DESCRIPTION></FIELD>\n"


def _pack(columns: list[Measured], arrays: list[Any]) -> Any:
    """Return the batch as BINARY2: of each row its NULL flags, then its fields, as one array of bytes."""
    rows = len(arrays[0])
    flags = np.packbits(np.stack([a.is_null().to_numpy(zero_copy_only=False) for a in arrays], axis=1), axis=1)
    cells = [_Fixed(flags), *(_cells(one, array) for one, array in zip(columns, arrays, strict=True))]
    if all(isinstance(one, _Fixed) for one in cells):
        return np.concatenate([one.bytes for one in cells], axis=1).reshape(-1)
    widths = np.zeros(rows, "i8")
    for one in cells:
        widths += one.widths
    place = np.cumsum(widths) - widths
    out = np.empty(int(widths.sum()), "u1")
    for one in cells:
        one.put(out, place)
        place = place + one.widths
    return out


class _Fixed:
    """The cells of a column as (rows, bytes of a cell)."""

    def __init__(self, bytes_: Any) -> None:
        self.bytes = bytes_
        self.widths: Any = bytes_.shape[1]

    def put(self, out: Any, place: Any) -> None:
        for i in range(self.bytes.shape[1]):
            out[place + i] = self.bytes[:, i]


class _Variable:
    """The cells of a column as one run of bytes, with the number of elements of each row before its bytes."""

    def __init__(self, counts: Any, bytes_: Any, element_bytes: int) -> None:
        self.counts = counts
        self.bytes = bytes_
        self.lengths = counts.astype("i8") * element_bytes
        self.widths = self.lengths + 4

    def put(self, out: Any, place: Any) -> None:
        _Fixed(self.counts.astype(">i4").view("u1").reshape(-1, 4)).put(out, place)
        shift = place + 4 - (np.cumsum(self.lengths) - self.lengths)
        out[np.repeat(shift, self.lengths) + np.arange(len(self.bytes))] = self.bytes


def _cells(one: Measured, array: pa.Array) -> Any:
    if one.kind == pa.string():
        return _strings(one, array)
    if pa.types.is_list(one.kind):
        values = _encoded(array.flatten(), one.kind.value_type)
        counts = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
        return _Variable(counts, values.reshape(-1), values.shape[1])
    return _Fixed(_encoded(array, one.kind))


def _strings(one: Measured, array: pa.Array) -> _Variable:
    texts = array.fill_null("")
    if one.ascii:
        data = np.frombuffer(b"".join(texts.cast(pa.binary()).to_pylist()), "u1")
        return _Variable(pc.binary_length(texts).to_numpy(zero_copy_only=False), data, 1)
    coded = [text.encode("utf-16-be") for text in texts.to_pylist()]
    return _Variable(np.array([len(text) // 2 for text in coded], "i4"), np.frombuffer(b"".join(coded), "u1"), 2)


def _encoded(array: pa.Array, kind: pa.DataType) -> Any:
    """Return the values as (values, bytes of a value); a NULL is NaN, 0 or "?" beneath its flag."""
    target = np.dtype(_TYPES[kind][1])
    if kind == pa.bool_():
        letters = np.where(array.fill_null(False).to_numpy(zero_copy_only=False), ord("T"), ord("F"))
        values = np.where(array.is_null().to_numpy(zero_copy_only=False), ord("?"), letters)
    elif pa.types.is_floating(kind):
        values = array.to_numpy(zero_copy_only=False)
    else:
        values = array.fill_null(0).to_numpy(zero_copy_only=False)
    return np.ascontiguousarray(values.astype(target)).view("u1").reshape(-1, target.itemsize)
