"""A session of a Connect server: the driver is elsewhere, and Arrow comes over gRPC."""

from __future__ import annotations

import itertools
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pyarrow as pa

from skyhouse.engine.spark.classic import hush
from skyhouse.engine.spark.faults import told
from skyhouse.engine.spark.link import QUERY_CONF, Share, words
from skyhouse.engine.spark.spool import spooled
from skyhouse.errors import EngineError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

__all__ = ["ConnectLink"]

R = TypeVar("R")


class ConnectLink:
    """A session of its own on a Connect server."""

    def __init__(self, session: SparkSession, where: str, spill_folder: str = "") -> None:
        self.session = session
        self.where = where
        self._spill_folder = spill_folder
        self._client: Any = session.client
        self._cores = 0
        self._stages: dict[str, list[tuple[int, int]]] = {}

    @classmethod
    def connect(
        cls, url: str, spill_folder: str = "", conf: Iterable[tuple[str, str]] = (), *, warm: bool = False
    ) -> ConnectLink:
        """Open a session at a URL such as sc://host:15002. Raises EngineError."""
        from pyspark.sql.connect.client.retries import DefaultPolicy
        from pyspark.sql.connect.session import SparkSession as ConnectSession

        hush()
        # What it warns of is in the error that follows.
        warnings.filterwarnings("ignore", message=r"\[RETRIES_EXCEEDED\]")
        where = url.partition("/;")[0].rstrip("/")  # what follows may be a secret
        try:
            session = cast("SparkSession", ConnectSession(url))
            # A server that does not answer is given up after some 3 s instead of Spark's ten minutes.
            retries = DefaultPolicy(max_retries=4, initial_backoff=50, backoff_multiplier=4, max_backoff=2000)
            session.client.set_retry_policies([retries])
            cls._configure(session, conf)
        except Exception as error:
            raise EngineError(f"no session at {where} (spark_master): {told(error)}") from error
        return cls(session, f"a warm server, {where}" if warm else where, spill_folder)

    @classmethod
    def beside(cls, session: SparkSession, spill_folder: str = "") -> ConnectLink:
        """Open a sister of a session that is there: the same server, own views and configuration."""
        sister = session.newSession()
        cls._configure(sister, ())
        return cls(sister, f"sc://{sister.client.host}", spill_folder)

    @staticmethod
    def _configure(session: SparkSession, conf: Iterable[tuple[str, str]]) -> None:
        # All in one call; what only a server may set is passed over.
        session.conf._set_all(QUERY_CONF | dict(conf), silent=True)  # type: ignore[attr-defined]  # noqa: SLF001

    def frame(self, sql: str) -> DataFrame:
        """Return a query as a frame; nothing is asked of the server yet."""
        from pyspark.sql.connect.dataframe import DataFrame as ConnectFrame
        from pyspark.sql.connect.plan import SQL

        # As `session.sql`, without its round trip: that one also runs commands, which never come here.
        return cast("DataFrame", ConnectFrame(SQL(sql), self.session))  # type: ignore[arg-type]

    def rows(self, frame: DataFrame) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """Run a frame and return its rows.

        They are taken from the server at once: it drops a result whose reader pauses for minutes. What is more than
        some 64 MB waits on disk.
        """
        # One round trip, where `toArrow` first asks for the schema.
        plan = frame._plan.to_proto(self._client)  # type: ignore[operator]  # noqa: SLF001
        tables = (found for found in self._client.to_table_as_iterator(plan, {}) if isinstance(found, pa.Table))
        first = next(tables)
        batches = itertools.chain.from_iterable(table.to_batches() for table in itertools.chain([first], tables))
        return first.schema, spooled(first.schema, batches, self._spill_folder)

    def tagged(self, tag: str, work: Callable[[], R]) -> R:
        """Do work whose Spark jobs carry a tag."""
        here = threading.get_ident()

        def note(stages: Iterable[Any] | None, **_: object) -> None:
            # The client has one list of handlers for all its statements, and calls each in the statement's thread.
            if threading.get_ident() == here and stages is not None:
                self._stages[tag] = [(stage.num_completed_tasks, stage.num_tasks) for stage in stages]

        self._client.add_tag(tag)
        self._client.register_progress_handler(note)
        try:
            return work()
        finally:
            self._client.remove_progress_handler(note)
            self._client.remove_tag(tag)
            self._stages.pop(tag, None)

    def stop(self, tag: str) -> None:
        """Stop the operations of a tag."""
        self._client.interrupt_tag(tag)

    def share(self, tag: str) -> Share:
        """Return how many of the tasks are done, of the stages that are known by now."""
        return words(self._stages.get(tag, []))

    def cores(self) -> int:
        """Return how many tasks run at once: as many as a range has partitions."""
        if not self._cores:
            query = "SELECT count(DISTINCT p) AS n FROM (SELECT spark_partition_id() AS p FROM range(65536))"
            self._cores = int(self.frame(query).collect()[0][0])
        return self._cores

    def near(self) -> bool:
        """Whether the server runs on this machine, so that it writes where this process reads."""
        return self._client.host in ("localhost", "127.0.0.1", "[::1]")

    def close(self) -> None:
        """Give the session back to the server."""
        self.session.stop()
