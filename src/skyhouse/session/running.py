"""One run of a query: its rows as they come, the move to another engine, and the record that it leaves."""

from __future__ import annotations

import datetime as dt
import logging
import time
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

import pyarrow as pa

from skyhouse.errors import OutOfMemory, OutOfTime
from skyhouse.query.answer import Answer, Course

__all__ = ["Running"]

T = TypeVar("T")
_LOG = logging.getLogger("skyhouse")


class Running:
    """Starts a query on an engine, streams its rows, and tells `ended` when the last one is out.

    `start` starts an engine and returns its rows. `move` is asked what to do when the engine gives up for want of
    memory or time before the first row: it returns another engine, or None. `ended` is called once: at the end of the
    rows, at an error, or when the reader is dropped.
    """

    def __init__(
        self,
        course: Course,
        start: Callable[[str], pa.RecordBatchReader],
        move: Callable[[OutOfMemory | OutOfTime], str | None],
        ended: Callable[[Running], None],
    ) -> None:
        self.course = course
        self.began = dt.datetime.now(dt.UTC)
        self.rows = 0
        self.error = ""
        self.whole = False
        self._start = start
        self._move = move
        self._ended = ended
        self._told = False

    def go(self) -> Answer:
        """Start, and return the answer with its reader. Raises what the engine raises."""
        try:
            first = self._started()
        except BaseException as error:
            self._end(error)
            raise
        rows = self._rows(first)
        # A generator that is dropped before its first row has no `finally`. Nothing of this may hold the reader.
        weakref.finalize(rows, self._end)
        return Answer(pa.RecordBatchReader.from_batches(first.schema, rows), self.course)

    def _started(self) -> pa.RecordBatchReader:
        try:
            return self._timed(lambda: self._start(self.course.engine))
        except (OutOfMemory, OutOfTime) as error:
            return self._moved(error)

    def _rows(self, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        schema = reader.schema
        error: BaseException | None = None
        try:
            while True:
                try:
                    batch = self._timed(partial(next, reader, None))
                except (OutOfMemory, OutOfTime) as gave_up:
                    if self.rows or self.course.moved:
                        raise
                    reader = self._moved(gave_up)
                    continue
                if batch is None:
                    self.whole = True
                    return
                self.rows += batch.num_rows
                yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)
        except GeneratorExit:
            raise
        except BaseException as failed:
            error = failed
            raise
        finally:
            self._end(error)

    def _moved(self, error: OutOfMemory | OutOfTime) -> pa.RecordBatchReader:
        other = self._move(error)
        if other is None:
            raise error
        left = self.course.engine
        first_words = str(error).partition(":")[0]
        self.course.moved = f"from {left} to {other}: {first_words}"
        self.course.engine = other
        _LOG.warning("the query moves %s", self.course.moved)
        return self._timed(lambda: self._start(other))

    def _timed(self, work: Callable[[], T]) -> T:
        begun = time.perf_counter()
        try:
            return work()
        finally:
            self.course.seconds += time.perf_counter() - begun

    def _end(self, error: BaseException | None = None) -> None:
        if self._told:
            return
        self._told = True
        if error is not None:
            self.error = f"{type(error).__name__}: {error}"
        elif not self.whole:
            self.error = "the rows were not all fetched"
        self._ended(self)
