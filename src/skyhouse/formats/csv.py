"""Arrow batches to CSV: a header line, then a line per row, in UTF-8.

NULL is an empty field and an empty string a quoted one; NaN and infinity are "nan" and "inf". A list or struct is
written as JSON in one field. CSV has no place for units.
"""

from __future__ import annotations

import json
from typing import IO

import pyarrow as pa

from skyhouse.errors import InputError
from skyhouse.formats.spool import plain_array, plain_type

__all__ = ["write_csv"]


def write_csv(reader: pa.RecordBatchReader, sink: IO[bytes]) -> int:
    """Write the rows as CSV; return their number.

    Raises InputError, naming the column, for binary and nested types other than lists and structs.
    """
    from pyarrow import csv

    kinds = [_csv_type(one) for one in reader.schema]
    schema = pa.schema([(one.name, kind) for one, kind in zip(reader.schema, kinds, strict=True)])
    rows = 0
    with csv.CSVWriter(sink, schema) as writer:
        for batch in reader:
            arrays = [_as_text(array, kind) for array, kind in zip(batch.columns, kinds, strict=True)]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
            rows += batch.num_rows
    return rows


def _is_nested(kind: pa.DataType) -> bool:
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return bool(lists or pa.types.is_struct(kind))


def _csv_type(one: pa.Field) -> pa.DataType:
    kind = one.type.value_type if pa.types.is_dictionary(one.type) else one.type
    if _is_nested(kind):
        return pa.string()
    plain = plain_type(kind)
    if plain is None or pa.types.is_list(plain):
        raise InputError(
            f"column {one.name!r} is of type {one.type}, which CSV cannot hold; leave it out or write Parquet"
        )
    # CSV has digits for every whole number and decimal; only the other plain formats need them in 64 bits.
    return kind if pa.types.is_unsigned_integer(kind) or pa.types.is_decimal(kind) else plain


def _as_text(array: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if _is_nested(array.type):
        return pa.array(
            [None if row is None else json.dumps(row, default=str) for row in array.to_pylist()], pa.string()
        )
    return plain_array(array, kind)
