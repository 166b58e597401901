"""One task of an apply: units of the input are read, the function is called, whole files of the results are written."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from skyhouse.columns import Column
from skyhouse.engine.results import conform, result_schema
from skyhouse.errors import LakeError, TaskError
from skyhouse.lake.definition import Definition
from skyhouse.lake.writer import TableWriter, WrittenFile
from skyhouse.objects.function import Function
from skyhouse.objects.results import Failure, Results
from skyhouse.objects.units import Unit
from skyhouse.query.rowwise import ROW

__all__ = ["Chunk", "Input", "Limit", "Made", "Task", "Work", "compute", "loaded", "perform", "read"]

_BATCH_ROWS = 4096
_BATCH_BYTES = 16_000_000
_PAGE_BYTES = 1 << 20  # of a column that are in memory while it is read


@dataclass(frozen=True)
class Input:
    """How a unit's rows become those of the query.

    `names` are read from the files, "lc.mag" for a field. Where the query is no more than columns, `plain` are these,
    one for each of `columns`; else `ask` makes the query's rows of a batch (with its rows' numbers, `ROW`).
    """

    names: tuple[str, ...]
    columns: tuple[Column, ...]
    plain: tuple[str, ...] | None = None
    ask: Callable[[pa.RecordBatch], pa.RecordBatch] | None = None


@dataclass(frozen=True)
class Limit:
    """How many objects may fail: so many, or a share of them (of 10,000 at least, before a run is stopped early)."""

    most: float

    def broken(self, failures: int, objects: int, early: bool = True) -> bool:
        """Whether so many failures are too many."""
        if isinstance(self.most, int):
            return failures > self.most
        return failures > self.most * max(objects, 10_000 if early else 0)


@dataclass(frozen=True)
class Work:
    """What all tasks of an apply have in common; it is written once, and read once by each worker.

    `table` and `failures` are the tables that are written, in their folders. Tasks end early once the file `stop` is
    there.
    """

    function: Function
    input: Input
    key: tuple[str, ...]
    table: Definition
    folder: str
    failures: Definition
    failures_folder: str
    limit: Limit
    stop: str
    timeout: float | None = None

    def pickled(self) -> bytes:
        """Return it as bytes for `loaded`, functions of scripts and notebooks by value."""
        import cloudpickle

        found: bytes = cloudpickle.dumps(self)
        return found


@dataclass(frozen=True)
class Task:
    """Units to be done, and the file that has the `Work`."""

    spool: str
    units: tuple[Unit, ...]


@dataclass(frozen=True)
class Made:
    """The files that a task has written, and what is in them."""

    files: tuple[WrittenFile, ...]
    failures: tuple[WrittenFile, ...]
    objects: int
    failed: int
    first: str = ""  # failure, in words


@dataclass(frozen=True)
class Chunk:
    """Results of some rows, in the columns of the two tables that are written; `objects` were asked for."""

    rows: pa.Table
    failures: pa.Table
    objects: int


@lru_cache(maxsize=2)
def loaded(spool: str) -> Work:
    """Return the work that a file holds; a worker keeps it, with what the function's setup made."""
    try:
        found = pickle.loads(Path(spool).read_bytes())
    except OSError as error:
        raise TaskError(f"{spool}, which tells the task what to do, cannot be read: {error.strerror}") from error
    assert isinstance(found, Work)
    return found


def perform(task: Task) -> Made:
    """Do a task; runs in a worker. Raises TaskError, where the function cannot be used or the run is to stop."""
    work = loaded(task.spool)
    objects = failed = 0
    first = ""
    with TableWriter(work.table, work.folder) as good, TableWriter(work.failures, work.failures_folder) as bad:
        for unit in task.units:
            good.write(good.schema.empty_table(), unit.source)
            for chunk in compute(work, unit):
                good.write(chunk.rows, unit.source)
                objects += chunk.objects
                if chunk.failures.num_rows:
                    bad.write(chunk.failures, unit.source)
                    failed += chunk.failures.num_rows
                    first = first or _told(chunk.failures, work.key)
                    if work.limit.broken(failed, objects):
                        raise TaskError(f"{failed} of {objects} objects failed; the first: {first}")
        return Made(tuple(good.close()), tuple(bad.close()), objects, failed, first)


def _told(failures: pa.Table, key: Sequence[str]) -> str:
    row = failures.slice(0, 1).to_pylist()[0]
    named = ", ".join(f"{name} = {row[name]!r}" for name in key)
    return f"{row['exception']}: {row['message']} ({named})"


def compute(work: Work, unit: Unit, start: int = 0, stop: int | None = None) -> Iterator[Chunk]:
    """Yield the results of a unit's rows from `start` to before `stop`, counted in the file's row groups that it is of.

    Rows come in batches of a bounded size, so that memory is. Raises TaskError where the function cannot be used, or
    the run was stopped.
    """
    for batch in read(work.input, unit, start, stop):
        if Path(work.stop).exists():
            raise TaskError("the run was stopped")
        if batch.num_rows:
            yield _chunk(work, unit, batch, _applied(work.function, batch))


def _applied(function: Function, batch: pa.RecordBatch) -> Results:
    """Return the results of a batch, halved where the function raises an exception for it as a whole."""
    rows = batch.drop_columns([ROW])
    if function.per == "object":
        return function.applied(rows)
    return _halved(function, rows)


def _halved(function: Function, rows: pa.RecordBatch) -> Results:
    try:
        return function.applied(rows)
    except TaskError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever the function raises for an object is that object's failure
        if rows.num_rows == 1:
            return Results.failed(function.schema, 1, [Failure.of(error, 0)])
        middle = rows.num_rows // 2
        return Results.joined([_halved(function, rows.slice(0, middle)), _halved(function, rows.slice(middle))])


def _chunk(work: Work, unit: Unit, batch: pa.RecordBatch, results: Results) -> Chunk:
    keys = [batch.column(name) for name in work.key]
    arrays = [pa.chunked_array([one]) for one in keys] + results.columns.columns
    rows = pa.Table.from_arrays(arrays, schema=work.table.schema)
    if not results.failures:
        return Chunk(rows, work.failures.schema.empty_table(), batch.num_rows)
    places = np.array([failure.row for failure in results.failures])
    named: dict[str, Any] = {name: one.take(places) for name, one in zip(work.key, keys, strict=True)}
    named |= {
        "exception": [failure.exception for failure in results.failures],
        "message": [failure.message for failure in results.failures],
        "traceback": [failure.trace for failure in results.failures],
        "file": [unit.path] * len(places),
        "row": batch.column(ROW).take(places),
    }
    failures = pa.table(named, schema=work.failures.schema)
    return Chunk(rows.filter(pa.array(results.good)), failures, batch.num_rows)


def read(given: Input, unit: Unit, start: int = 0, stop: int | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the rows of the query that a unit's rows from `start` to before `stop` make, in batches, with `ROW`.

    `ROW` is the row's number in the file. Columns are read page by page, so that no row group is held whole. Raises
    LakeError for a file that cannot be read, or has changed since it was looked at.
    """
    schema: pa.Schema | None = None
    for batch in _raw(given.names, unit, start, stop):
        if given.ask is not None:
            rows = given.ask(batch)
        else:
            assert given.plain is not None
            places = [batch.schema.names.index(name) for name in (*given.plain, ROW)]
            arrays = [batch.column(place) for place in places]
            rows = pa.RecordBatch.from_arrays(arrays, names=[*(column.name for column in given.columns), ROW])
        if schema is None:
            schema = _schema(rows.schema, given.columns)
        yield conform(rows, schema)


def _schema(found: pa.Schema, columns: Sequence[Column]) -> pa.Schema:
    return result_schema(found, [*columns, Column(ROW, "int64")])


def _raw(names: Sequence[str], unit: Unit, start: int, stop: int | None) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a unit's row groups as they lie in the file, with their numbers."""
    stop = unit.rows if stop is None else stop
    try:
        with pq.ParquetFile(unit.path, buffer_size=_PAGE_BYTES, pre_buffer=False) as file:
            counts = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
            first = sum(counts[: unit.first])
            at = 0
            for number in range(unit.first, unit.last + 1):
                if at < stop and at + counts[number] > start:
                    rows = _batch_rows(file.metadata.row_group(number), names)
                    there = at
                    for batch in file.iter_batches(rows, [number], list(names), use_threads=False):
                        low, high = max(start - there, 0), min(stop - there, batch.num_rows)
                        if low < high:
                            numbers = np.arange(first + there + low, first + there + high)
                            yield batch.slice(low, high - low).append_column(ROW, pa.array(numbers))
                        there += batch.num_rows
                at += counts[number]
    except (OSError, pa.ArrowException, IndexError) as error:
        if isinstance(error, LakeError):
            raise
        raise LakeError(f"{unit.path} cannot be read: {error}; was it replaced since the run began?") from error


def _batch_rows(group: Any, names: Sequence[str]) -> int:
    """Return how many rows of a row group make a batch of bounded size."""
    chunks = [group.column(place) for place in range(group.num_columns)]
    wanted = [one for one in chunks if any(f"{one.path_in_schema}.".startswith(f"{name}.") for name in names)]
    size = sum(one.total_uncompressed_size for one in wanted) / max(1, group.num_rows)
    return int(min(_BATCH_ROWS, max(1, _BATCH_BYTES // max(size, 1))))
