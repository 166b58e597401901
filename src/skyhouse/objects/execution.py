"""The execution of a task of an apply in a worker: the function is called, whole files of the results are written.

At first it is called in the worker itself. Where that died, and on Spark from the start, the task is careful: a child
process calls it, and the object that ends the child is found (see `isolation`) and fails.
"""

from __future__ import annotations

import faulthandler
import itertools
import os
import pickle
import time
from bisect import bisect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow as pa

from skyhouse.errors import TaskError
from skyhouse.lake.writer import TableWriter
from skyhouse.objects.isolation import Span, isolated
from skyhouse.objects.results import Failure, Results
from skyhouse.objects.task import Chunk, Made, RowReader, Task, Work, called, chunk, loaded, read, spans
from skyhouse.objects.unit import Unit

__all__ = ["careful", "perform"]

_HOPELESS = 10


def careful(task: Task) -> Task:
    """Return the task as one that bears what its function does to its process."""
    return replace(task, careful=True)


def perform(task: Task) -> Made:
    """Do a task; runs in a worker. Raises TaskError where the function cannot be used, LakeError."""
    began = time.perf_counter()
    work = loaded(task.spool)
    chunks = _apart(task.spool, task.units) if task.careful else _here(work, task.units)
    objects = failed = 0
    first = ""
    with TableWriter(work.table, work.folder) as good, TableWriter(work.failures, work.failures_folder) as bad:
        for unit, found in chunks:
            good.write(found.rows, unit.source)
            objects += found.objects
            if found.failures.num_rows:
                bad.write(found.failures, unit.source)
                failed += found.failures.num_rows
                first = first or _told(found.failures, work.key)
                if work.limit.broken(failed, objects):
                    problem = f"function {work.function.name} failed for {failed:,} of {objects:,} objects"
                    raise TaskError(f"{problem} of one task alone, more than max_failures; the first is {first}")
        seconds = time.perf_counter() - began
        return Made(tuple(good.close()), tuple(bad.close()), objects, failed, seconds, first)


def _told(failures: pa.Table, key: Sequence[str]) -> str:
    row = failures.slice(0, 1).to_pylist()[0]
    named = ", ".join(f"{name} = {row[name]!r}" for name in key)
    return f"{row['exception']}: {row['message']} ({named})"


def _nothing(work: Work) -> Chunk:
    """Return what makes a unit known as done, should no chunk follow."""
    return Chunk(work.table.schema.empty_table(), work.failures.schema.empty_table(), 0)


def _here(work: Work, units: Sequence[Unit]) -> Iterator[tuple[Unit, Chunk]]:
    """Yield the results of units, batch by batch; a batch that takes too long ends the process."""
    work.function.prepare()
    with RowReader(work.input) as reader:
        for unit in units:
            yield unit, _nothing(work)
            for batch in reader.rows(unit):
                if batch.num_rows:
                    with _end_after(work.timeout):
                        results = called(work.function, batch)
                    yield unit, chunk(work, unit, batch, results)


@contextmanager
def _end_after(seconds: float | None) -> Iterator[None]:
    """End this process where what is done takes longer, whatever it does."""
    if seconds is None:
        yield
        return
    with Path(os.devnull).open("w") as nowhere:
        faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()


def _apart(spool: str, units: Sequence[Unit]) -> Iterator[tuple[Unit, Chunk]]:
    """Yield the results of units, computed in a child process, and the failures of the objects that ended it."""
    work = loaded(spool)
    rows = _Rows(units)
    parts = (rows.span(number, *part) for number, unit in enumerate(units) for part in spans(work.input, unit))
    begun = None
    deaths = good = 0
    for found in isolated(partial(_Apart, spool, units), parts, timeout=work.timeout):
        unit, at = rows.place(found.row if isinstance(found, Failure) else found.start)
        if unit is not begun:
            begun = unit
            yield unit, _nothing(work)
        if isinstance(found, Failure):
            deaths += 1
            if not good and deaths == _HOPELESS and work.limit.broken(deaths, deaths, early=False):
                problem = f"function {work.function.name} ended its process for each of the first {deaths} objects"
                raise TaskError(f"{problem} ({found.exception}: {found.message}): it is at fault, not they")
            for batch in read(work.input, unit, at, at + 1):
                if batch.num_rows:
                    lost = Results.failed(work.function.schema, 1, [replace(found, row=0)])
                    yield unit, chunk(work, unit, batch, lost)
        else:
            good += found.stop - found.start
            yield from ((unit, one) for one in pickle.loads(found.data))


class _Rows:
    """The rows of units, counted through."""

    def __init__(self, units: Sequence[Unit]) -> None:
        self._units = units
        self._starts = list(itertools.accumulate((unit.rows for unit in units), initial=0))

    def span(self, number: int, start: int, stop: int) -> Span:
        """Return the numbers of rows of a unit."""
        return self._starts[number] + start, self._starts[number] + stop

    def place(self, row: int) -> tuple[Unit, int]:
        """Return the unit that a row is of, and its number there."""
        number = bisect(self._starts, row) - 1
        return self._units[number], row - self._starts[number]


class _Apart:
    """What the child calls for ranges of the units' rows; it reads on where the last range ended."""

    def __init__(self, spool: str, units: Sequence[Unit]) -> None:
        self._work = loaded(spool)
        self._work.function.prepare()
        self._rows = _Rows(units)
        self._reader = RowReader(self._work.input)

    def __call__(self, start: int, stop: int) -> bytes:
        work = self._work
        unit, at = self._rows.place(start)
        # Memory that is not there may be another object's fault: a fresh child finds out.
        return pickle.dumps(
            [
                chunk(work, unit, batch, called(work.function, batch, (MemoryError,)))
                for batch in self._reader.rows(unit, at, at + stop - start)
                if batch.num_rows
            ]
        )
