"""Results look the same whichever engine made them: Arrow types, and units, UCDs and descriptions on the fields.

A result column whose Skyhouse type the query layer knows has that type. Of the others only the family is promised,
since engines differ in the width they choose (DuckDB sums integers in 128 bits, Spark in 64): whole numbers come as
int64, other numbers as float64, times as microseconds in UTC, text as string.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa

from skyhouse.columns import Column, arrow_type
from skyhouse.errors import EngineError
from skyhouse.query.job import Job

__all__ = ["as_reader", "conform", "result_schema"]


def result_schema(found: pa.Schema, columns: Sequence[Column]) -> pa.Schema:
    """Return the schema of a result whose engine gives `found` and of which the query layer knows `columns`.

    `columns` go by position; none at all means that nothing is known. Raises EngineError if their number differs.

    >>> result_schema(pa.schema([("n", pa.decimal128(38, 0))]), [])
    n: int64
    >>> result_schema(pa.schema([("v", pa.float64())]), [Column("v", "float32", unit="km/s")]).field("v").metadata
    {b'unit': b'km/s'}
    """
    if not columns:
        return pa.schema([pa.field(field.name, _family(field.type)) for field in found])
    if len(columns) != len(found):
        raise EngineError(
            f"the engine gave {len(found)} columns ({', '.join(found.names)}) where {len(columns)} were due"
        )
    fields = []
    for field, column in zip(found, columns, strict=True):
        notes = {"unit": column.unit, "ucd": column.ucd, "description": column.description}
        kind = arrow_type(column.type) if column.type else _family(field.type)
        fields.append(pa.field(column.name, kind, metadata={k: v for k, v in notes.items() if v} or None))
    return pa.schema(fields)


def conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return the batch in the schema's types, columns by position; those that fit already are not copied.

    Raises EngineError for a whole number that does not fit.
    """
    arrays = []
    for array, field in zip(batch.columns, schema, strict=True):
        if str(array.type) == str(field.type):
            arrays.append(array)
            continue
        try:
            arrays.append(array.cast(field.type, safe=not pa.types.is_temporal(field.type)))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise EngineError(
                f"column {field.name!r}: {error}; cast it in the query, for instance to double precision"
            ) from error
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def as_reader(
    found: pa.Schema,
    batches: Iterator[pa.RecordBatch],
    columns: Sequence[Column],
    translated: Callable[[Exception], Exception],
    job: Job | None = None,
) -> pa.RecordBatchReader:
    """Return a reader over an engine's batches, conformed one by one as they are asked for.

    `translated` turns an error of the engine into one of ours. When the reader is dropped half-way, so are `batches`.
    The job ends with the last row, an error, or the reader; where it was stopped, its error is raised.
    """
    schema = result_schema(found, columns)
    running = job or Job()

    def conformed() -> Iterator[pa.RecordBatch]:
        try:
            for batch in batches:
                running.check()
                yield conform(batch, schema)
            running.check()
        except EngineError:
            raise
        except Exception as error:
            raise (running.error() if running.stopped else translated(error)) from error
        finally:
            running.end()

    rows = conformed()
    weakref.finalize(rows, running.end)  # a reader that is dropped unread has no `finally`
    return pa.RecordBatchReader.from_batches(schema, rows)


def _family(kind: pa.DataType) -> pa.DataType:
    types = pa.types
    if types.is_integer(kind) or (types.is_decimal(kind) and kind.scale == 0):
        return pa.int64()
    if types.is_floating(kind) or types.is_decimal(kind):
        return pa.float64()
    if types.is_large_string(kind) or types.is_string_view(kind):
        return pa.string()
    if types.is_large_binary(kind) or types.is_binary_view(kind):
        return pa.binary()
    if types.is_timestamp(kind):
        return pa.timestamp("us")
    if types.is_dictionary(kind):
        return _family(kind.value_type)
    if types.is_list(kind) or types.is_large_list(kind):
        return pa.list_(_family(kind.value_type))
    if types.is_struct(kind):
        return pa.struct([pa.field(field.name, _family(field.type)) for field in kind])
    return kind
