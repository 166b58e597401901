"""Rows that come faster than they are read: some in memory, the rest on disk."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterator

import pyarrow as pa

__all__ = ["spooled"]

_MEMORY_BYTES = 64 * 2**20


def spooled(
    schema: pa.Schema, batches: Iterator[pa.RecordBatch], folder: str = "", memory: int = _MEMORY_BYTES
) -> Iterator[pa.RecordBatch]:
    """Take all batches now; return them. Those past `memory` bytes wait in a temporary file, which goes with them.

    >>> rows = pa.record_batch({"n": [1, 2]})
    >>> [batch["n"].to_pylist() for batch in spooled(rows.schema, iter([rows, rows]), memory=1)]
    [[1, 2], [1, 2]]
    """
    held: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        held.append(batch)
        size += batch.nbytes
        if size > memory:
            break
    else:
        return iter(held)
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    file = tempfile.TemporaryFile(prefix="skyhouse-result-", dir=folder or None)  # noqa: SIM115 - its reader closes it
    try:
        with pa.ipc.new_stream(file, schema, options=options) as stream:
            for batch in batches:
                stream.write_batch(batch)
    except BaseException:
        file.close()
        raise
    file.seek(0)

    def rows() -> Iterator[pa.RecordBatch]:
        while held:
            yield held.pop(0)
        with pa.ipc.open_stream(file) as stream:
            yield from stream

    reader = rows()
    weakref.finalize(reader, file.close)  # read to its end or not
    return reader
