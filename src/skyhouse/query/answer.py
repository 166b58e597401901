"""A query that runs: its rows as they come, and what is known of the run."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

__all__ = ["Answer", "Asked", "Course"]


@dataclass(frozen=True)
class Asked:
    """A query's text as it was written, and the dialect that it was written in; whether the history keeps its runs."""

    text: str
    dialect: str = "sql"
    kept: bool = True


@dataclass
class Course:
    """Which engine runs a query, why, the seconds that were predicted, and those that were waited for it so far.

    Where the embedded engine gives up before its first row, the query moves: `engine` is then the other one, and
    `moved` says why. So both are final only when rows have come.
    """

    engine: str
    reason: str = ""
    predicted: float | None = None
    moved: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Answer:
    """The rows of a query on their way, and the course that it takes."""

    reader: pa.RecordBatchReader
    course: Course
