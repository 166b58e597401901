"""What an SQL engine and a task runner are, to the rest of the house."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import pyarrow as pa

from skyhouse.query.job import Job, Progress
from skyhouse.query.relation import Statement

__all__ = ["Job", "Outcome", "Progress", "SqlEngine", "TaskRunner"]

T = TypeVar("T")
R = TypeVar("R")


class SqlEngine(Protocol):
    """Runs a lowered statement over Parquet files."""

    name: ClassVar[str]

    def batches(self, statement: Statement, batch_rows: int = 131_072, job: Job | None = None) -> pa.RecordBatchReader:
        """Run the statement and stream its rows; the whole result is never held by the engine's client.

        The engine begins and ends the `job`, by which this one statement is watched, limited in time and stopped.
        Raises EngineError and its kin; what the job says where it was stopped.
        """
        ...

    def native(self, statement: Statement) -> Any:
        """Return the engine's own lazy object (a DuckDB relation, a Spark DataFrame), not yet run."""
        ...

    def plan(self, statement: Statement) -> str:
        """Return the engine's own plan of a statement as text, not run. Raises EngineError and its kin."""
        ...

    @property
    def running(self) -> bool:
        """Whether it is up, so that a statement need not wait for its start."""
        ...

    def cancel(self) -> None:
        """Stop all that runs now; whoever waits for it gets an EngineError."""
        ...

    def close(self) -> None:
        """Give back what the engine holds; a closed engine is started again by its next use."""
        ...


@dataclass(frozen=True)
class Outcome(Generic[T, R]):
    """How one task ended: `value` where it succeeded, `error` and its `traceback` text where it did not."""

    task: T
    value: R | None = None
    error: BaseException | None = None
    traceback: str = ""


class TaskRunner(Protocol):
    """Runs one function over many independent, picklable tasks, each of which makes whole files."""

    name: ClassVar[str]

    def run(
        self,
        function: Callable[[T], R],
        tasks: Iterable[T],
        *,
        careful: Callable[[T], T] | None = None,
        stop: threading.Event | None = None,
    ) -> Iterator[Outcome[T, R]]:
        """Yield an outcome for every task as it completes, in any order. A task's failure is its own.

        Tasks are taken from the iterable a few at a time. A task may be begun more than once, where a worker died.
        `careful` turns a task into one that does the same and keeps its worker alive: such a one is run where a
        worker died, or from the start where a dead worker costs others (on Spark), and is the outcome's task. Once
        `stop` is set, what runs is ended without an outcome, and so is the iteration.
        """
        ...

    def close(self) -> None:
        """Stop the workers."""
        ...
