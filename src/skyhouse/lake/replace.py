"""Taking the rows of given sources out of a table, so that newer ones can stand in for them."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from skyhouse.errors import LakeError
from skyhouse.lake.layout import PART
from skyhouse.lake.lineage import Span, files_of, read_spans
from skyhouse.lake.writer import TableWriter, WrittenFile

if TYPE_CHECKING:
    from skyhouse.lake.definition import Definition
    from skyhouse.lake.table import DataFile, Table

__all__ = ["rewritten", "vacuum", "without"]


def without(table: Table, keys: Iterable[str]) -> tuple[list[WrittenFile], list[DataFile]]:
    """Rewrite the files that hold rows of the sources, without these rows; return (files to add, files to remove).

    Nothing changes until both lists are given to one `commit`, together with the rows that come instead. A file that
    holds nothing else is not rewritten, only removed. Raises LakeError.
    """
    holders = files_of(table, keys)
    removed = [file for file in table.files() if file.path in holders]
    added: list[WrittenFile] = []
    for file in removed:
        added += rewritten(table.definition, file.path, holders[file.path])
    return added, removed


def rewritten(definition: Definition, path: str, keys: Collection[str]) -> list[WrittenFile]:
    """Write the rows of a table's file that are not of the given sources to new files in the same folder.

    Row groups are read one at a time, and only those that keep a row. Raises LakeError.
    """
    try:
        with pq.ParquetFile(path) as file:
            spans = read_spans(file.metadata)
            if sum(span.rows for span in spans) != file.metadata.num_rows:
                raise LakeError(f"{path} of table {definition.name} does not say what its rows were made from")
            if all(span.source.key in keys for span in spans):
                return []
            with TableWriter(definition, Path(path).parent) as writer:
                _copy(file, spans, keys, writer)
                return writer.close()
    except (OSError, pa.ArrowException) as error:
        if isinstance(error, LakeError):
            raise
        raise LakeError(f"{path} of table {definition.name} cannot be read: {error}") from error


def _copy(file: pq.ParquetFile, spans: Iterable[Span], keys: Collection[str], writer: TableWriter) -> None:
    kept, end = [], 0
    for span in spans:
        start, end = end, end + span.rows
        if span.source.key not in keys:
            kept.append((span.source, start, end))
            if not span.rows:
                writer.write(writer.schema.empty_table(), span.source)
    first = 0
    for group in range(file.num_row_groups):
        stop = first + file.metadata.row_group(group).num_rows
        here = [(source, start, end) for source, start, end in kept if start < stop and end > first]
        if here:
            rows = file.read_row_group(group)
        for source, start, end in here:
            low, high = max(start, first), min(end, stop)
            writer.write(rows.slice(low - first, high - low), source)
        first = stop


def _older(path: Path, youngest: float) -> bool:
    try:
        return path.stat().st_mtime < youngest
    except FileNotFoundError:  # somebody else deletes it, or the whole table
        return False


def vacuum(table: Table, older_than_hours: float = 24) -> list[str]:
    """Delete Parquet files in the table's folder that its newest version does not name; return their names.

    Such files are left by a writer that was killed, or were replaced. Files younger than `older_than_hours` stay:
    they may belong to an ingest that is running, or to a query that began before they were replaced.
    Raises LakeError.
    """
    youngest = time.time() - older_than_hours * 3600
    try:
        # Listed before the log is read: what is committed in between is then named by the log.
        found = [path for path in table.path.glob(PART) if _older(path, youngest)]
        named = {file.path for file in table.refresh().files()}
        gone = [path for path in found if str(path) not in named]
        for path in gone:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise LakeError(f"table {table.name}: {error}") from error
    return sorted(path.name for path in gone)
