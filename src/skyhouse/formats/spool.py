"""A stream of Arrow batches laid down on disk once, its columns made plain and measured.

FITS and VOTable need to know of a column, before its first row is written, how wide its strings are and whether it
has NULLs. So the stream goes through a temporary Arrow file: one pass to measure, another to write, at bounded memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from skyhouse.columns import Column, columns_of
from skyhouse.errors import InputError

__all__ = ["Measured", "Spool", "plain_array", "plain_type"]

_WIDER = {
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.int64(),
    pa.float16(): pa.float32(),
    pa.null(): pa.string(),
}
_PLAIN = (
    pa.bool_(),
    pa.int8(),
    pa.int16(),
    pa.int32(),
    pa.int64(),
    pa.uint8(),
    pa.float32(),
    pa.float64(),
    pa.string(),
)


def plain_type(kind: pa.DataType) -> pa.DataType | None:
    """Return the plain type that stands for an Arrow type in FITS and VOTable, None where there is none.

    Plain are bool, int8 to int64, uint8, float32, float64, string, and lists of these but of strings. Times become
    ISO 8601 strings, binary a list of bytes, a decimal int64 where it has no fraction and else float64.

    >>> plain_type(pa.date32()), plain_type(pa.decimal128(38, 2)), plain_type(pa.binary())
    (DataType(string), DataType(double), ListType(list<item: uint8>))
    """
    if pa.types.is_dictionary(kind):
        return plain_type(kind.value_type)
    if kind in _PLAIN:
        return kind
    if kind in _WIDER:
        return _WIDER[kind]
    if pa.types.is_decimal(kind):
        # The sum of a bigint column comes as decimal(38, 0) and is hardly ever too large for int64.
        return pa.int64() if kind.scale <= 0 else pa.float64()
    if _is_text(kind) or (pa.types.is_temporal(kind) and not _is_span(kind)):
        return pa.string()
    if _is_bytes(kind):
        return pa.list_(pa.uint8())
    if _is_list(kind):
        inner = plain_type(kind.value_type)
        if inner is not None and inner != pa.string() and not pa.types.is_list(inner):
            return pa.list_(inner)
    return None


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_bytes(kind: pa.DataType) -> bool:
    views = pa.types.is_binary_view(kind) or pa.types.is_fixed_size_binary(kind)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or views)


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _is_span(kind: pa.DataType) -> bool:
    return bool(pa.types.is_duration(kind) or pa.types.is_interval(kind))


def plain_array(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return the array in the plain type that `plain_type` gives for its own.

    Timestamps with a zone are given in UTC. Raises pyarrow.ArrowInvalid for a number that the plain type cannot hold.
    """
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if array.type == kind:
        return array
    if pa.types.is_timestamp(array.type):
        return pc.strftime(array.cast(pa.timestamp(array.type.unit)), format="%Y-%m-%dT%H:%M:%S")
    if _is_bytes(array.type):
        return _bytes_as_list(array)
    if pa.types.is_decimal(array.type) or _is_list(array.type) or pa.types.is_date(array.type):
        return array.cast(pa.date32() if pa.types.is_date64(array.type) else kind).cast(kind)
    return array.cast(kind)


def _bytes_as_list(array: pa.Array) -> pa.Array:
    plain = array.cast(pa.binary())
    lengths = pc.fill_null(pc.binary_length(plain), 0).to_numpy(zero_copy_only=False)
    offsets = pa.array([0, *lengths.cumsum().tolist()], pa.int32())
    values = b"".join(item for item in plain.to_pylist() if item)
    bytes_ = pa.Array.from_buffers(pa.uint8(), len(values), [None, pa.py_buffer(values)])
    return pa.ListArray.from_arrays(offsets, bytes_, mask=plain.is_null() if plain.null_count else None)


@dataclass(slots=True)
class Measured:
    """A plain column, and what its rows hold: known in full once the spool is filled.

    `width` is the longest string in bytes or the longest list in elements, `total` the sum of these over all rows.
    """

    column: Column
    kind: pa.DataType
    source: pa.DataType
    nulls: int = 0
    low: int | None = None
    high: int | None = None
    width: int = 0
    total: int = 0
    ascii: bool = True

    def take(self, array: pa.Array) -> None:
        """Measure one more batch of the column."""
        self.nulls += array.null_count
        if pa.types.is_integer(self.kind):
            ends = pc.min_max(array)
            low, high = ends["min"].as_py(), ends["max"].as_py()
            if low is not None:
                self.low = low if self.low is None else min(self.low, low)
                self.high = high if self.high is None else max(self.high, high)
        elif self.kind == pa.string():
            self._take_lengths(pc.binary_length(array))
            self.ascii = self.ascii and pc.all(pc.string_is_ascii(array), min_count=0).as_py()
        elif pa.types.is_list(self.kind):
            self._take_lengths(pc.list_value_length(array))
            if array.flatten().null_count and not pa.types.is_floating(self.kind.value_type):
                raise InputError(
                    f"column {self.column.name!r}: a list of {self.kind.value_type} has NULL inside; drop it"
                )

    def _take_lengths(self, lengths: pa.Array) -> None:
        self.width = max(self.width, pc.max(lengths).as_py() or 0)
        self.total += pc.sum(lengths).as_py() or 0


@dataclass(slots=True)
class Spool:
    """The rows of a stream in a temporary Arrow file: `fill` once, `batches` as often as needed."""

    path: Path
    rows: int = 0
    columns: list[Measured] = field(default_factory=list)

    def fill(self, reader: pa.RecordBatchReader, format_name: str) -> None:
        """Take all rows of the stream, made plain.

        Raises InputError, naming the column, for what the format cannot hold.
        """
        for column, one in zip(columns_of(reader.schema), reader.schema, strict=True):
            kind = plain_type(one.type)
            if kind is None:
                raise InputError(
                    f"column {column.name!r} is of type {one.type}, which {format_name} cannot hold; "
                    "leave it out, turn it into numbers or text, or write Parquet"
                )
            self.columns.append(Measured(column, kind, one.type))
        schema = pa.schema([(f"c{i}", one.kind) for i, one in enumerate(self.columns)])
        with pa.OSFile(str(self.path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
            for batch in reader:
                arrays = [self._plain(one, array) for one, array in zip(self.columns, batch.columns, strict=True)]
                writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
                self.rows += batch.num_rows

    def _plain(self, one: Measured, array: pa.Array) -> pa.Array:
        try:
            plain = plain_array(array, one.kind)
        except pa.ArrowInvalid as error:
            raise InputError(f"column {one.column.name!r} ({one.source}) does not fit {one.kind}: {error}") from error
        one.take(plain)
        return plain

    def batches(self) -> Iterator[list[Any]]:
        """Yield the rows again, a batch at a time, as one plain Arrow array per column."""
        with pa.memory_map(str(self.path)) as source, pa.ipc.open_file(source) as file:
            for index in range(file.num_record_batches):
                yield file.get_batch(index).columns
