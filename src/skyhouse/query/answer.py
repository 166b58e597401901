"""A query that runs: its rows as they come, and what is known of the run."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

__all__ = ["Answer"]


@dataclass
class Answer:
    """The rows of a query on their way, the engine they come from and why, and the seconds that were predicted.

    Where the embedded engine gives up before its first row, the query moves: `engine` is then the other one, and
    `moved` says why. So both are final only when rows have come. `seconds`: what was waited for the engine so far.
    """

    reader: pa.RecordBatchReader
    engine: str
    reason: str = ""
    predicted: float | None = None
    moved: str = ""
    seconds: float = 0.0
