"""Arrow batches to a FITS binary table.

What FITS cannot say is said so: NULL is TNULL in integers, NaN in floats, a zero byte in logicals, an empty string, an
array of no elements. Text is UTF-8 without trailing blanks (the standard promises readers ASCII only). Units, UCDs and
descriptions are TUNITn, TUCDn and TCOMMn. FITS Standard 4.0, section 7.3.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skyhouse.errors import InputError
from skyhouse.formats.qtable import standard_unit
from skyhouse.formats.spool import Measured, Spool

__all__ = ["write_fits"]

_BLOCK = 2880
_MOST_COLUMNS = 999  # three digits are left for n in TFORMn
_CODES = {
    pa.bool_(): ("L", "u1"),
    pa.uint8(): ("B", "u1"),
    pa.int8(): ("I", ">i2"),  # readers disagree on the signed byte (B with TZERO)
    pa.int16(): ("I", ">i2"),
    pa.int32(): ("J", ">i4"),
    pa.int64(): ("K", ">i8"),
    pa.float32(): ("E", ">f4"),
    pa.float64(): ("D", ">f8"),
}
_IN_ASCII = str.maketrans(
    {"Å": "Angstrom", "\u212b": "Angstrom", "µ": "u", "\u03bc": "u", "°": "deg", "²": "2", "³": "3"}
)


def write_fits(reader: pa.RecordBatchReader, sink: IO[bytes], spool_path: Path) -> int:
    """Write the rows as the first extension of a FITS file; return their number.

    Memory holds one batch. Raises InputError, naming the column, for a type that FITS has not, and for more than 999
    columns.
    """
    if len(reader.schema) > _MOST_COLUMNS:
        raise InputError(
            f"a FITS table has at most {_MOST_COLUMNS} columns, these are {len(reader.schema)}; select fewer"
        )
    spool = Spool(spool_path)
    spool.fill(reader, "FITS")
    heap_bytes = sum(one.total * _element(one).itemsize for one in spool.columns if pa.types.is_list(one.kind))
    columns = [_FitsColumn(one, "Q" if heap_bytes >= 2**31 else "P") for one in spool.columns]
    row = np.dtype([(f"c{i}", one.dtype) for i, one in enumerate(columns)])

    sink.write(_primary_header())
    sink.write(_table_header(columns, row.itemsize, spool.rows, heap_bytes))
    heap_at = 0
    for arrays in spool.batches():
        rows = np.zeros(len(arrays[0]), row)
        for i, (one, array) in enumerate(zip(columns, arrays, strict=True)):
            if one.is_list:
                rows[f"c{i}"], heap_at = one.descriptors(array, heap_at)
            else:
                rows[f"c{i}"] = one.encode(array)
        sink.write(rows.data)
    if heap_bytes:
        for arrays in spool.batches():
            for one, array in zip(columns, arrays, strict=True):
                if one.is_list:
                    sink.write(one.elements(array).tobytes())
    sink.write(b"\0" * (-(row.itemsize * spool.rows + heap_bytes) % _BLOCK))
    return spool.rows


def _element(one: Measured) -> np.dtype[Any]:
    kind = one.kind.value_type if pa.types.is_list(one.kind) else one.kind
    return np.dtype(_CODES[kind][1])


class _FitsColumn:
    """How one column is laid out and encoded, decided once all its rows have been measured."""

    def __init__(self, measured: Measured, descriptor: str) -> None:
        self.column = measured.column
        self.null: int | None = None
        self.is_list = pa.types.is_list(measured.kind)
        kind = measured.kind
        if kind == pa.string():
            self.width = max(measured.width, 1)
            self.dtype: Any = np.dtype(f"S{self.width}")
            self.form = f"{self.width}A"
        elif self.is_list:
            self.element = _element(measured)
            self.form = f"1{descriptor}{_CODES[kind.value_type][0]}({measured.width})"
            self.dtype = (">i8" if descriptor == "Q" else ">i4", 2)
        else:
            # All values of a byte may be taken: with NULLs among them it needs a wider type.
            if kind == pa.int8() or (measured.nulls and kind == pa.uint8()):
                kind = pa.int16()
            self.form, self.dtype = _CODES[kind][0], np.dtype(_CODES[kind][1])
            if measured.nulls and pa.types.is_integer(kind):
                self.null = _unused(measured, kind)
        self.kind = kind

    def encode(self, array: pa.Array) -> Any:
        """Return the batch as a numpy array that fits the column's dtype."""
        if self.kind == pa.string():
            return np.array(array.fill_null("").cast(pa.binary()).to_pylist(), self.dtype)
        if self.kind == pa.bool_():
            letters = np.where(array.fill_null(False).to_numpy(zero_copy_only=False), ord("T"), ord("F"))
            return np.where(array.is_null().to_numpy(zero_copy_only=False), 0, letters)
        if pa.types.is_floating(self.kind):
            return array.to_numpy(zero_copy_only=False)
        if self.null is not None:
            array = array.cast(self.kind).fill_null(self.null)
        return array.to_numpy(zero_copy_only=False)

    def descriptors(self, array: pa.Array, heap_at: int) -> tuple[Any, int]:
        """Return each row's (elements, place in the heap in bytes), and where the heap goes on."""
        lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False).astype("i8")
        ends = np.cumsum(lengths) * self.element.itemsize
        starts = heap_at + ends - lengths * self.element.itemsize
        return np.stack([lengths, starts], axis=1), heap_at + (int(ends[-1]) if len(ends) else 0)

    def elements(self, array: pa.Array) -> Any:
        """Return all elements of the batch's lists, as they stand in the heap."""
        values = array.flatten().to_numpy(zero_copy_only=False)
        if values.dtype == bool:
            values = np.where(values, ord("T"), ord("F"))
        return values.astype(self.element)


def _unused(measured: Measured, kind: pa.DataType) -> int:
    ends = np.iinfo(kind.to_pandas_dtype())
    if measured.low is None or measured.low > ends.min:
        return int(ends.min)
    if measured.high is not None and measured.high < ends.max:
        return int(ends.max)
    raise InputError(
        f"column {measured.column.name!r} holds NULLs and both ends of {kind}: no value is left to stand for NULL; "
        "cast it to a wider type"
    )


def _card(key: str, value: str | int | bool, comment: str = "") -> bytes:
    """Return one header card, or several with CONTINUE for a text that one cannot hold."""
    if isinstance(value, str):
        text = value.translate(_IN_ASCII).encode("ascii", "replace").decode().replace("'", "''")
        text = "".join(c if " " <= c <= "~" else " " for c in text)
        if len(text) > 68:
            return _long_card(key, text)
        body = f"{key:8}= " + f"'{text:8}'".ljust(20)
    else:
        shown = ("T" if value else "F") if isinstance(value, bool) else str(value)
        body = f"{key:8}= {shown:>20}"
    return (f"{body} / {comment}" if comment else body)[:80].ljust(80).encode("ascii")


def _long_card(key: str, text: str) -> bytes:
    pieces = []
    while text:
        end = 67
        # A doubled quote must not be torn apart.
        if len(text) > end and (end - len(text[:end].rstrip("'"))) % 2:
            end -= 1
        pieces.append(text[:end])
        text = text[end:]
    cards = []
    for i, piece in enumerate(pieces):
        start = f"{key:8}= " if i == 0 else "CONTINUE  "
        cards.append(f"{start}'{piece}{'&' if i < len(pieces) - 1 else ''}'".ljust(80))
    return "".join(cards).encode("ascii")


def _header(cards: list[bytes]) -> bytes:
    body = b"".join(cards) + b"END".ljust(80)
    return body + b" " * (-len(body) % _BLOCK)


def _primary_header() -> bytes:
    return _header([_card("SIMPLE", True), _card("BITPIX", 8), _card("NAXIS", 0), _card("EXTEND", True)])


def _table_header(columns: list[_FitsColumn], row_bytes: int, rows: int, heap_bytes: int) -> bytes:
    cards = [
        _card("XTENSION", "BINTABLE"),
        _card("BITPIX", 8),
        _card("NAXIS", 2),
        _card("NAXIS1", row_bytes, "bytes of a row"),
        _card("NAXIS2", rows, "rows"),
        _card("PCOUNT", heap_bytes, "bytes of the heap"),
        _card("GCOUNT", 1),
        _card("TFIELDS", len(columns), "columns"),
    ]
    for n, one in enumerate(columns, 1):
        if not one.column.name.isascii():
            raise InputError(f"column {one.column.name!r}: a FITS column's name is ASCII; give another with AS")
        cards += [_card(f"TTYPE{n}", one.column.name), _card(f"TFORM{n}", one.form)]
        if one.null is not None:
            cards.append(_card(f"TNULL{n}", one.null))
        unit = standard_unit(one.column.unit, "fits")
        notes = (("TUNIT", unit), ("TUCD", one.column.ucd), ("TCOMM", one.column.description))
        cards += [_card(f"{key}{n}", text) for key, text in notes if text]
    return _header(cards)
