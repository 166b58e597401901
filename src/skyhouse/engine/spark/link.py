"""What a Spark session is to the engine and the task runner, classic or Connect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol, TypeVar

import pyarrow as pa

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

__all__ = ["QUERY_CONF", "Link", "Share"]

R = TypeVar("R")
Share = tuple[float | None, str]

# ANSI mode: what overflows or cannot be cast is an error, as it is in DuckDB. Times carry no zone, and are UTC.
QUERY_CONF = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "65536",
    # '${x}' is a text, and no variable.
    "spark.sql.variable.substitute": "false",
    # A recursive query is stopped by its steps, which are counted, on every engine alike.
    "spark.sql.cteRecursionRowLimit": "-1",
    # A table's files are listed by the driver; a job for it costs more than stat() of some hundred files.
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "1000",
}


class Link(Protocol):
    """One session, and what its two kinds do differently."""

    session: SparkSession
    where: str

    def frame(self, sql: str) -> DataFrame:
        """Return a query as a frame, not yet run."""
        ...

    def rows(self, frame: DataFrame) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """Run a frame and return its rows. Raises what Spark raises where the driver may not hold so much."""
        ...

    def tagged(self, tag: str, work: Callable[[], R]) -> R:
        """Do work whose Spark jobs carry a tag."""
        ...

    def stop(self, tag: str) -> None:
        """Stop the jobs of a tag."""
        ...

    def share(self, tag: str) -> Share:
        """Return how much of a tag's work is done, from 0 to 1 where it is known, and in words."""
        ...

    def cores(self) -> int:
        """Return how many tasks run at once."""
        ...

    def near(self) -> bool:
        """Whether Spark's files are this machine's."""
        ...

    def close(self) -> None:
        """Give the session back."""
        ...


def words(stages: list[tuple[int, int]]) -> Share:
    """Return the share of stages, each (tasks done, tasks of all).

    >>> words([(4, 4), (1, 4)])
    (0.625, 'stage 2 of 2, 5 of 8 tasks')
    """
    done, tasks = (sum(column) for column in zip(*stages, strict=True)) if stages else (0, 0)
    if not tasks:
        return None, ""
    at = min(1 + sum(ready == of for ready, of in stages), len(stages))
    return done / tasks, f"stage {at} of {len(stages)}, {done} of {tasks} tasks"
