"""Binary and ASCII tables of FITS as Arrow.

==============================  ========================================================================
FITS (TFORM)                    Arrow
==============================  ========================================================================
L, X                            bool; of L, the byte 0 is NULL
B I J K                         uint8 int16 int32 int64; NULL where equal to TNULL
B I J K with the TZERO of the   int8 uint16 uint32 uint64
unsigned convention
E D                             float32 float64; NaN stays NaN
any of these with other         float64
TSCAL or TZERO
C M                             struct<re, im> of float32 or float64
A                               string, without blanks at its end; nAw: strings of w characters
nX nB ... (n != 1), TDIM        list, flat; TDIM's sizes in the field metadata as ``tdim`` ("(5,5)"; "(n)" where
                                there is no TDIM), first axis fastest
P Q                             list; of A a string
ASCII: A, I, F E D              string, int64, float64; NULL where blank or equal to TNULL
==============================  ========================================================================

TUNIT, TUCD and TCOMM become unit, ucd and description in the field metadata. TDISP is ignored. Columns without a name
are called col1, col2 ...; a name that occurs again gets _2, _3 ...
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from skyhouse.errors import FormatError, UnknownColumn, did_you_mean
from skyhouse.formats.fits_numbers import Array, scaled, scaled_type
from skyhouse.formats.header import Header

__all__ = ["Field", "Layout"]

_TFORM = re.compile(r"(\d{0,18})([LXBIJKAEDCMPQ])(.*)$", re.ASCII)
_VARIABLE = re.compile(r"([LXBIJKAEDCM])(?:\(\d*\))?$", re.ASCII)
_ASCII_TFORM = re.compile(r"([AIFED])(0*[1-9]\d{0,8})(?:\.\d+)?$", re.ASCII)
_TDIM = re.compile(r"\(\s*\d+\s*(?:,\s*\d+\s*)*\)$", re.ASCII)
_STORED = {
    "L": "u1", "X": "u1", "A": "u1", "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8",
    "E": ">f4", "D": ">f8", "C": ">c8", "M": ">c16", "P": ">i4", "Q": ">i8",
}  # fmt: skip
_LONG = 2**31


@dataclass(frozen=True, slots=True)
class Field:
    """One column as the file lays it out.

    `code` is the letter of TFORM, or of a variable-length column's elements, whose descriptors are of the type
    `descriptor` (P or Q, else empty). `offset` and `width` are bytes in the row; `count` is the number of elements, of
    `size` characters each where they are strings.
    """

    arrow: pa.Field
    code: str
    descriptor: str
    offset: int
    width: int
    count: int
    size: int
    scale: float
    zero: float
    null: int | str | None


class Layout:
    """The columns of one table HDU and where its rows and its heap lie.

    Raises FormatError for a header that contradicts itself or the standard.
    """

    def __init__(self, header: Header, data: memoryview, path: str, label: str, ascii_table: bool) -> None:
        self.path = path
        self.label = label
        self._header = header
        self._data = data
        self._ascii = ascii_table
        self.row_bytes, self.rows = header.whole("NAXIS1"), header.whole("NAXIS2")
        if header.whole("NAXIS") != 2 or header.whole("BITPIX") != 8:
            raise self._wrong("a table must have NAXIS = 2 and BITPIX = 8; correct the header")
        if self.rows and not self.row_bytes:
            raise self._wrong(
                f"NAXIS2 promises {self.rows} rows, but NAXIS1 says a row has no bytes; correct the header"
            )
        heap = header.whole("THEAP", self.rows * self.row_bytes)
        if not self.rows * self.row_bytes <= heap <= len(data):
            raise self._wrong(f"THEAP puts the heap at byte {heap}, outside of the data; correct the card")
        self._heap = np.frombuffer(data, "u1")[heap:]
        count = header.whole("TFIELDS")
        if not 0 <= count <= 999:
            raise self._wrong(f"TFIELDS is {count}, but must lie in 0..999; correct the card")
        self.fields = tuple(self._ascii_fields(count) if ascii_table else self._binary_fields(count))
        self.schema = pa.schema([field.arrow for field in self.fields])

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return all rows, of all columns or those named. Raises FormatError and UnknownColumn."""
        fields = self._chosen(columns)
        return pa.Table.from_batches([self._batch(fields, 0, self.rows)], pa.schema([f.arrow for f in fields]))

    def batches(self, batch_rows: int, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Return the rows in batches of at most `batch_rows`. Raises FormatError and UnknownColumn."""
        fields = self._chosen(columns)
        step = max(1, batch_rows)
        return (self._batch(fields, start, min(start + step, self.rows)) for start in range(0, self.rows, step))

    def _wrong(self, problem: str) -> FormatError:
        return FormatError(self.path, problem, self.label)

    def _chosen(self, columns: Sequence[str] | None) -> list[Field]:
        if columns is None:
            return list(self.fields)
        by_name = {field.arrow.name.lower(): field for field in reversed(self.fields)}
        by_name |= {field.arrow.name: field for field in self.fields}
        found = []
        for name in columns:
            field = by_name.get(name) or by_name.get(name.lower())
            if field is None:
                near = did_you_mean(name, self.schema.names)
                raise UnknownColumn(f"{self.path}, HDU {self.label}: no column {name!r}{near}")
            found.append(field)
        return found

    # Layout of the rows

    def _names(self, count: int) -> list[str]:
        names: list[str] = []
        taken: set[str] = set()
        for n in range(1, count + 1):
            wanted = name = self._header.text(f"TTYPE{n}", f"col{n}")
            times = 1
            while name in taken:
                times += 1
                name = f"{wanted}_{times}"
            taken.add(name)
            names.append(name)
        return names

    def _arrow_field(self, n: int, name: str, kind: pa.DataType, tdim: str = "") -> pa.Field:
        header = self._header
        notes = {
            "unit": header.text(f"TUNIT{n}"),
            "ucd": header.text(f"TUCD{n}"),
            "description": header.text(f"TCOMM{n}"),
            "tdim": tdim,
        }
        return pa.field(name, kind, metadata={k: v for k, v in notes.items() if v} or None)

    def _binary_fields(self, count: int) -> Iterator[Field]:
        offset = 0
        for n, name in enumerate(self._names(count), 1):
            form = self._header.text(f"TFORM{n}")
            match = _TFORM.match(form)
            if not match:
                raise self._wrong(f"TFORM{n} = {form!r} of column {name!r} is no format of FITS; correct the card")
            repeat = int(match[1] or 1)
            field = self._binary_field(n, name, form, repeat, match[2], match[3].strip(), offset)
            offset += field.width
            yield field
        if offset != self.row_bytes:
            raise self._wrong(
                f"its {count} columns (TFIELDS, TFORMn) take {offset} bytes a row, but NAXIS1 says {self.row_bytes}; "
                "correct the header or fetch the file again"
            )

    def _binary_field(self, n: int, name: str, form: str, repeat: int, code: str, rest: str, offset: int) -> Field:
        header = self._header
        descriptor, size, count, tdim = "", 1, repeat, ""
        width = -(-repeat // 8) if code == "X" else repeat * np.dtype(_STORED[code]).itemsize
        if code in "PQ":
            element = _VARIABLE.match(rest)
            if not element or repeat > 1:
                raise self._wrong(f"TFORM{n} = {form!r} of column {name!r} is no format of FITS; correct the card")
            width *= 2
            # "0PE" keeps no descriptors: a column of empty lists.
            descriptor, code = code if repeat else "", element[1]
        dims = () if descriptor else self._dims(n, repeat)
        if code == "A" and not descriptor:
            size = dims[0] if dims else min(int(rest), repeat) if rest.isdecimal() and int(rest) else repeat
            count = math.prod(dims[1:]) if dims else repeat // size if size else 1
            dims = dims[1:]
        elif dims:
            count = math.prod(dims)
        scale, zero, null = 1.0, 0.0, None
        if code in "BIJKEDCM":
            scale, zero = header.number(f"TSCAL{n}", 1), header.number(f"TZERO{n}", 0)
            if code in "BIJK" and f"TNULL{n}" in header:
                null = header.whole(f"TNULL{n}")
        kind = _arrow_type(code, scale, zero, self.rows * size * max(count, 1))
        if descriptor and code != "A":
            kind = pa.large_list(kind) if len(self._heap) >= _LONG else pa.list_(kind)
        elif not descriptor and (count != 1 or len(dims) > 1):
            kind = pa.large_list(kind) if self.rows * count >= _LONG else pa.list_(kind)
            tdim = f"({','.join(map(str, dims or (count,)))})"
        arrow = self._arrow_field(n, name, kind, tdim)
        return Field(arrow, code, descriptor, offset, width, count, size, scale, zero, null)

    def _dims(self, n: int, repeat: int) -> tuple[int, ...]:
        """Return the sizes in TDIM, nothing where it is absent or does not fit (as astropy does)."""
        text = self._header.text(f"TDIM{n}")
        if not _TDIM.match(text):
            return ()
        dims = tuple(int(part) for part in text[1:-1].split(","))
        return dims if math.prod(dims) <= repeat else ()

    def _ascii_fields(self, count: int) -> Iterator[Field]:
        for n, name in enumerate(self._names(count), 1):
            form = self._header.text(f"TFORM{n}")
            match = _ASCII_TFORM.match(form)
            if not match:
                raise self._wrong(f"TFORM{n} = {form!r} of column {name!r} is no format of FITS; correct the card")
            code, width = match[1], int(match[2])
            start = self._header.whole(f"TBCOL{n}") - 1
            if start < 0 or start + width > self.row_bytes:
                raise self._wrong(
                    f"column {name!r} (TBCOL{n}, TFORM{n}) lies outside of the {self.row_bytes} bytes of a row "
                    "(NAXIS1); correct the header"
                )
            scale, zero = 1.0, 0.0
            if code != "A":
                scale, zero = self._header.number(f"TSCAL{n}", 1), self._header.number(f"TZERO{n}", 0)
            null = self._header.text(f"TNULL{n}") if f"TNULL{n}" in self._header else None
            stored = {"A": "A", "I": "K"}.get(code, "D")
            arrow = self._arrow_field(n, name, _arrow_type(stored, scale, zero, self.rows * width))
            yield Field(arrow, code, "", start, width, 1, width, scale, zero, null)

    # Values

    def _batch(self, fields: Sequence[Field], start: int, stop: int) -> pa.RecordBatch:
        decode = self._ascii_column if self._ascii else self._column
        arrays = [decode(field, start, stop) for field in fields]
        if not arrays:
            return pa.RecordBatch.from_struct_array(pa.array([{}] * (stop - start), pa.struct([])))
        return pa.RecordBatch.from_arrays(arrays, schema=pa.schema([f.arrow for f in fields]))

    def _stored(self, field: Field, kind: str, count: int, start: int, stop: int) -> Array:
        """Return a view of one column's elements, (rows, count)."""
        dtype = np.dtype(kind)
        place = start * self.row_bytes + field.offset
        shape, strides = (stop - start, count), (self.row_bytes, dtype.itemsize)
        if 0 in shape:
            return np.empty(shape, dtype)
        return np.ndarray(shape, dtype, self._data, place, strides)

    def _column(self, field: Field, start: int, stop: int) -> pa.Array:
        rows, kind = stop - start, field.arrow.type
        if field.descriptor:
            return self._variable_column(field, start, stop)
        if field.code == "A":
            text = self._stored(field, "u1", field.count * field.size, start, stop)
            values = _strings(text.reshape(rows * field.count, field.size), _item_type(kind))
        elif field.code == "X":
            bits = np.unpackbits(self._stored(field, "u1", field.width, start, stop), axis=1, count=field.count)
            values = pa.array(bits.ravel().view(bool))
        else:
            values = _values(field, self._stored(field, _STORED[field.code], field.count, start, stop))
        if kind == values.type:
            return values
        return _lists(np.arange(rows + 1) * field.count, values, kind)

    def _variable_column(self, field: Field, start: int, stop: int) -> pa.Array:
        descriptors = self._stored(field, _STORED[field.descriptor], 2, start, stop)
        counts, places = descriptors[:, 0].astype("i8"), descriptors[:, 1].astype("i8")
        stored = np.dtype(_STORED[field.code])
        limit = len(self._heap) // stored.itemsize * (8 if field.code == "X" else 1)
        bad = (counts < 0) | (counts > limit) | (places < 0) | (places > len(self._heap))
        sizes = -(-counts // 8) if field.code == "X" else counts
        bad |= (counts > 0) & (places + np.where(bad, 0, sizes) * stored.itemsize > len(self._heap))
        if bad.any():
            row = start + int(bad.argmax())
            raise self._wrong(
                f"column {field.arrow.name!r}, row {row}: its elements lie outside of the heap (PCOUNT); the file was "
                "cut or its descriptors are wrong: fetch the file again"
            )
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        elements = _gather(self._heap, places, sizes, offsets, stored)
        kind = field.arrow.type
        if field.code == "A":
            return pa.array([_text(bytes(elements[a:b])) for a, b in pairwise(offsets)], kind)
        if field.code == "X":
            pieces = zip(pairwise(offsets), counts, strict=True)
            bits = [np.unpackbits(elements[a:b], count=n) for (a, b), n in pieces]
            values = pa.array(np.concatenate([np.empty(0, "u1"), *bits]).view(bool))
            return _lists(np.concatenate([[0], np.cumsum(counts)]), values, kind)
        return _lists(offsets, _values(field, elements), kind)

    def _ascii_column(self, field: Field, start: int, stop: int) -> pa.Array:
        text = self._stored(field, "u1", field.width, start, stop)
        if field.code == "A":
            values = _strings(text, field.arrow.type)
            if not field.null:
                return values
            plain = np.ascontiguousarray(text).view(f"S{field.width}").ravel()
            mask = np.char.strip(plain) == str(field.null).encode("ascii", "replace")
            return pa.array(values.to_pylist(), values.type, mask=mask)
        plain = np.char.upper(np.char.strip(np.ascontiguousarray(text).view(f"S{field.width}").ravel()))
        blank = (plain == b"") | (plain == str(field.null or "").upper().encode("ascii", "replace"))
        plain = np.char.replace(np.where(blank, b"0", plain), b"D", b"E")
        try:
            numbers = plain.astype("i8" if field.code == "I" else "f8")
        except (ValueError, OverflowError) as error:
            raise self._wrong(
                f"column {field.arrow.name!r} holds a text that is no number ({error}); correct it"
            ) from error
        return pa.array(scaled(numbers, field.scale, field.zero), field.arrow.type, mask=blank if blank.any() else None)


def _arrow_type(code: str, scale: float, zero: float, characters: int) -> pa.DataType:
    if code in "LX":
        return pa.bool_()
    if code == "A":
        return pa.large_string() if characters >= _LONG else pa.string()
    kind = scaled_type(np.dtype(_STORED[code]), scale, zero)
    if code in "CM":
        part = pa.from_numpy_dtype(np.dtype(f"f{kind.itemsize // 2}"))
        return pa.struct([("re", part), ("im", part)])
    return pa.from_numpy_dtype(kind)


def _item_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_list(kind) or pa.types.is_large_list(kind) else kind


def _values(field: Field, stored: Array) -> pa.Array:
    """Return stored elements, of any shape, as a flat Arrow array of the column's element type."""
    if field.code == "L":
        flat = stored.ravel()
        missing = flat == 0
        return pa.array(flat == ord("T"), mask=missing if missing.any() else None)
    values = scaled(stored, field.scale, field.zero).ravel()
    if field.code in "CM":
        return pa.StructArray.from_arrays([pa.array(values.real.copy()), pa.array(values.imag.copy())], ["re", "im"])
    if field.null is None:
        return pa.array(values)
    missing = (stored == field.null).ravel()
    return pa.array(values, mask=missing if missing.any() else None)


def _lists(offsets: Array, values: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_large_list(kind):
        return pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), values, type=kind)
    return pa.ListArray.from_arrays(pa.array(offsets.astype("i4")), values, type=kind)


def _gather(heap: Array, places: Array, counts: Array, offsets: Array, stored: np.dtype[Any]) -> Array:
    """Return the elements that descriptors point to, one row's after the other."""
    total = int(offsets[-1])
    if total == 0:
        return np.empty(0, stored)
    used = counts > 0
    begin = places[used]
    ends = begin + counts[used] * stored.itemsize
    if np.array_equal(begin[1:], ends[:-1]):
        return np.frombuffer(heap[begin[0] : ends[-1]], stored)
    within = np.arange(total) - np.repeat(offsets[:-1], counts)
    at = np.repeat(places, counts) + within * stored.itemsize
    elements: Array = heap[at[:, None] + np.arange(stored.itemsize)].view(stored)
    return elements.ravel()


def _strings(text: Array, kind: pa.DataType) -> pa.Array:
    """Return rows of characters, (rows, width), as strings: cut at a NUL, without blanks at the end."""
    rows, width = text.shape
    if width == 0 or rows == 0:
        return pa.array([""] * rows, kind)
    text = np.ascontiguousarray(text)
    column = np.arange(width)
    ended = text == 0
    if ended.any():
        ends = np.where(ended.any(axis=1), ended.argmax(axis=1), width)
        text = np.where(column < ends[:, None], text, ord(" ")).astype("u1")
    filled = text != ord(" ")
    lengths = np.where(filled.any(axis=1), width - filled[:, ::-1].argmax(axis=1), 0)
    characters = text[column < lengths[:, None]]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    if (characters >= 128).any():
        return pa.array([_text(bytes(characters[a:b])) for a, b in pairwise(offsets)], kind)
    long = pa.types.is_large_string(kind)
    buffers = [None, pa.py_buffer(offsets.astype("i8" if long else "i4")), pa.py_buffer(characters)]
    return pa.Array.from_buffers(kind, rows, buffers)


def _text(raw: bytes) -> str:
    """Return a string of a file: ASCII by the standard; UTF-8 and Latin-1 are met in the wild."""
    raw = raw.partition(b"\0")[0].rstrip(b" ")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
