"""What a task of an apply works with: units of the input are read in batches, the function is called for them."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from skyhouse.columns import Column
from skyhouse.engine.results import conform, result_schema
from skyhouse.errors import InputError, LakeError, SkyhouseError, TaskError
from skyhouse.lake.definition import Definition
from skyhouse.lake.writer import WrittenFile
from skyhouse.objects.function import Function
from skyhouse.objects.results import Failure, Results, catchable
from skyhouse.objects.unit import Unit
from skyhouse.query.relation import ROW

__all__ = [
    "Chunk",
    "Input",
    "Limit",
    "Made",
    "RowReader",
    "Task",
    "Work",
    "called",
    "chunk",
    "loaded",
    "read",
    "spans",
]

_BATCH_ROWS = 4096
_BATCH_BYTES = 16_000_000
_PAGE_BYTES = 1 << 20  # of a column that are in memory while it is read


@dataclass(frozen=True)
class Input:
    """How a unit's rows become those of the query.

    `names` are read from the files, "lc.mag" for a field. Of each of the query's `columns`, `sources` say which of the
    file's it is, or None where it is computed: `ask` gives the computed ones of a batch, and the numbers (`ROW`) of the
    rows that the query's conditions leave. Without `ask` it is all rows.
    """

    names: tuple[str, ...]
    columns: tuple[Column, ...]
    sources: tuple[str | None, ...]
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

    `table` and `failures` are the tables that are written, in their folders.
    """

    function: Function
    input: Input
    key: tuple[str, ...]
    table: Definition
    folder: str
    failures: Definition
    failures_folder: str
    limit: Limit
    timeout: float | None = None

    def pickled(self) -> bytes:
        """Return it as bytes for `loaded`, functions of scripts and notebooks by value."""
        import cloudpickle

        found: bytes = cloudpickle.dumps(self)
        return found


@dataclass(frozen=True)
class Task:
    """Units to be done, and the file that has the `Work`; `careful` where the function may kill its process."""

    spool: str
    units: tuple[Unit, ...]
    careful: bool = False


@dataclass(frozen=True)
class Made:
    """The files that a task has written, what is in them, and how long it took."""

    files: tuple[WrittenFile, ...]
    failures: tuple[WrittenFile, ...]
    objects: int
    failed: int
    seconds: float
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


def called(function: Function, batch: pa.RecordBatch, passed: tuple[type[BaseException], ...] = ()) -> Results:
    """Return the results of a batch, halved where the function raises an exception for it as a whole.

    Raises TaskError where the function cannot be used, and what is to be `passed` on.
    """
    if function.per == "object":
        passed += (InputError,)
    return _halved(function, batch.drop_columns([ROW]), (TaskError, *passed))


def _halved(function: Function, rows: pa.RecordBatch, passed: tuple[type[BaseException], ...]) -> Results:
    try:
        return function.applied(rows)
    except passed:
        raise
    except catchable() as error:
        if rows.num_rows == 1:
            return Results.failed(function.schema, 1, [Failure.of(error, 0)])
        middle = rows.num_rows // 2
        halves = rows.slice(0, middle), rows.slice(middle)
        return Results.joined([_halved(function, half, passed) for half in halves])


def chunk(work: Work, unit: Unit, batch: pa.RecordBatch, results: Results) -> Chunk:
    """Return the results of a unit's batch as the rows of the two tables."""
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
    """Yield the rows of the query that a unit's rows from its row `start` to before `stop` make, with `ROW`.

    `ROW` is the row's number in the file. Columns are read page by page, so that no row group is held whole. Raises
    LakeError for a file that cannot be read, or has changed since it was looked at.
    """
    with RowReader(given) as reader:
        yield from reader.rows(unit, start, stop)


class RowReader:
    """Reads units; one that begins where the one before ended goes on in the file, whose row groups may be large."""

    def __init__(self, given: Input) -> None:
        self._given = given
        self._schema: pa.Schema | None = None
        self._file: _File | None = None

    def rows(self, unit: Unit, start: int = 0, stop: int | None = None) -> Iterator[pa.RecordBatch]:
        """Yield the query's rows of a unit, or of a range of its rows; see `read`."""
        first, last = unit.start + start, unit.stop if stop is None else unit.start + stop
        with _reading(unit.path):
            if self._file is None or self._file.path != unit.path or self._file.at != first:
                self.close()
                self._file = _File(unit.path, self._given.names, first)
            for batch in self._file.until(last):
                yield self._conformed(_asked(self._given, batch))

    def _conformed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if self._schema is None:
            self._schema = result_schema(batch.schema, [*self._given.columns, Column(ROW, "int64")])
        return conform(batch, self._schema)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
        self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def spans(given: Input, unit: Unit) -> Iterator[tuple[int, int]]:
    """Yield the rows of a unit, from and to before, that `read` would yield as one batch. Raises LakeError."""
    with _reading(unit.path):
        groups = pq.read_metadata(unit.path)
    first = 0
    for number in range(groups.num_row_groups):
        group = groups.row_group(number)
        low, first = max(first, unit.start), first + group.num_rows
        high, step = min(first, unit.stop), _batch_rows(group, given.names)
        yield from ((at - unit.start, min(at + step, high) - unit.start) for at in range(low, high, step))


@contextmanager
def _reading(path: str) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException, IndexError) as error:
        if isinstance(error, SkyhouseError):
            raise
        raise LakeError(f"{path} cannot be read: {error}; was it replaced since the run began?") from error


class _File:
    """Some columns of a Parquet file, from a row on; `at` is the row that comes next."""

    def __init__(self, path: str, names: Sequence[str], start: int) -> None:
        self.path = path
        self.at = start
        self._file = pq.ParquetFile(path, buffer_size=_PAGE_BYTES, pre_buffer=False)
        self._batches = self._from(start, names)
        self._left: pa.RecordBatch | None = None

    def until(self, stop: int) -> Iterator[pa.RecordBatch]:
        """Yield the rows before `stop` that have not been read, with their numbers."""
        while self.at < stop:
            batch = self._left or next(self._batches, None)
            if batch is None:
                raise IndexError(f"it has {self.at} rows, and {stop} were due")
            found = batch.slice(0, stop - self.at)
            self._left = batch.slice(found.num_rows) if found.num_rows < batch.num_rows else None
            numbers = pa.array(np.arange(self.at, self.at + found.num_rows))
            self.at += found.num_rows
            yield found.append_column(ROW, numbers)

    def close(self) -> None:
        self._batches.close()
        self._file.close()

    def _from(self, start: int, names: Sequence[str]) -> Generator[pa.RecordBatch]:
        first = 0
        for number in range(self._file.num_row_groups):
            group = self._file.metadata.row_group(number)
            behind = max(start - first, 0)
            first += group.num_rows
            if behind >= group.num_rows:
                continue
            for batch in self._file.iter_batches(_batch_rows(group, names), [number], list(names), use_threads=False):
                if batch.num_rows > behind:
                    yield batch.slice(behind)
                behind = max(behind - batch.num_rows, 0)


def _asked(given: Input, batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the query's rows of a batch, with their numbers."""
    computed: dict[str, pa.Array] = {}
    if given.ask is not None:
        found = given.ask(batch)
        computed = dict(zip(found.schema.names, found.columns, strict=True))
        if found.num_rows < batch.num_rows:
            batch = batch.take(pc.subtract(computed[ROW], batch.column(ROW)[0]))
    arrays = [
        batch.column(source) if source is not None else computed[column.name]
        for column, source in zip(given.columns, given.sources, strict=True)
    ]
    names = [*(column.name for column in given.columns), ROW]
    return pa.RecordBatch.from_arrays([*arrays, batch.column(ROW)], names=names)


def _batch_rows(group: Any, names: Sequence[str]) -> int:
    """Return how many rows of a row group make a batch of bounded size, as even as may be."""
    chunks = [group.column(place) for place in range(group.num_columns)]
    wanted = [one for one in chunks if any(f"{one.path_in_schema}.".startswith(f"{name}.") for name in names)]
    size = sum(one.total_uncompressed_size for one in wanted) / max(1, group.num_rows)
    most = int(min(_BATCH_ROWS, max(1, _BATCH_BYTES // max(size, 1))))
    batches = max(1, -(-int(group.num_rows) // most))
    return max(1, -(-int(group.num_rows) // batches))
