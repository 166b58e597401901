"""Arrow batches to one Parquet file, of the same build as the files of a lake."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from skyhouse.errors import InputError
from skyhouse.formats.spool import plain_array

__all__ = ["write_parquet"]

_ROW_GROUP_ROWS = 262_144
_ROW_GROUP_BYTES = 64 << 20


def write_parquet(reader: pa.RecordBatchReader, path: Path) -> int:
    """Write the rows as one Parquet file; return their number.

    zstd, row groups of 262,144 rows or 64 MB, dictionaries for all but floats. Units, UCDs and descriptions are in
    the fields' metadata. Raises InputError for a type that Parquet has not (an interval of months).
    """
    schema = pa.schema([one.with_type(_stored(one.type)) for one in reader.schema], metadata=reader.schema.metadata)
    encoded = [one.name for one in schema if not (pa.types.is_floating(one.type) or pa.types.is_nested(one.type))]
    rows = 0
    try:
        writer = pq.ParquetWriter(
            path, schema, compression="zstd", compression_level=3, use_dictionary=encoded, write_page_index=True
        )
    except pa.ArrowNotImplementedError as error:
        kinds = ", ".join(f"{one.name} {one.type}" for one in schema)
        raise InputError(f"Parquet cannot hold one of the columns ({kinds}): {error}; cast it to text") from error
    with writer:
        held: list[pa.RecordBatch] = []
        held_rows = held_bytes = 0
        for batch in reader:
            arrays = [plain_array(array, one.type) for array, one in zip(batch.columns, schema, strict=True)]
            held.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
            held_rows += batch.num_rows
            held_bytes += batch.nbytes
            rows += batch.num_rows
            if held_rows >= _ROW_GROUP_ROWS or held_bytes >= _ROW_GROUP_BYTES:
                writer.write_table(pa.Table.from_batches(held, schema), row_group_size=_ROW_GROUP_ROWS)
                held, held_rows, held_bytes = [], 0, 0
        if held_rows:
            writer.write_table(pa.Table.from_batches(held, schema), row_group_size=_ROW_GROUP_ROWS)
    return rows


def _stored(kind: pa.DataType) -> pa.DataType:
    """Return the type without its encoding, which another batch may have otherwise."""
    if pa.types.is_dictionary(kind):
        return _stored(kind.value_type)
    if pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_binary_view(kind):
        return pa.binary()
    return kind
