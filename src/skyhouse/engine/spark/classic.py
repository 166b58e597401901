"""A classic session: the driver is a JVM of this process's."""

from __future__ import annotations

import logging
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa

from skyhouse.engine.spark.faults import told
from skyhouse.engine.spark.link import QUERY_CONF, Share, words
from skyhouse.errors import EngineError
from skyhouse.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

__all__ = ["RESULT_BYTES", "ClassicLink", "hush", "local_conf", "quiet_conf"]

R = TypeVar("R")

# A result up to this size comes straight through memory, a larger one through files.
RESULT_BYTES = "256m"
# Whatever goes wrong comes as an exception; the console is not Spark's. It would announce a gateway level that is not
# the root's.
_QUIET = """
rootLogger.level = off
logger.gateway.name = org.apache.spark.api.python.PythonGatewayServer
logger.gateway.level = off
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = Spark: %p %c{1}: %m%n
"""


class ClassicLink:
    """A session whose context is in this process; one that was there before is left running."""

    def __init__(self, session: SparkSession, folder: tempfile.TemporaryDirectory[str] | None = None) -> None:
        self.session = session
        self.where = session.sparkContext.master or ""
        self._folder = folder

    @classmethod
    def start(cls, master: str, settings: Settings) -> ClassicLink:
        """Start a session. Raises EngineError."""
        from pyspark.sql import SparkSession

        folder = tempfile.TemporaryDirectory(prefix="skyhouse-spark-")
        conf = QUERY_CONF | quiet_conf(Path(folder.name)) | local_conf(master)
        conf |= {"spark.driver.memory": settings.spark_memory, "spark.driver.maxResultSize": RESULT_BYTES}
        builder = SparkSession.builder.appName("skyhouse")
        for name, value in (conf | dict(settings.spark_conf)).items():
            builder = builder.config(name, value)
        # Spark takes these from the environment only: the workers' Python is this one, and a host whose own name
        # does not resolve can still talk to itself.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        if master.startswith("local"):
            os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        try:
            session = builder.master(master).getOrCreate()
        except Exception as error:
            folder.cleanup()
            raise EngineError(f"Spark did not start on {master!r} (spark_master): {told(error)}") from error
        hush()
        return cls(session, folder)

    def frame(self, sql: str) -> DataFrame:
        """Return a query as a frame; its names are resolved here and now."""
        return self.session.sql(sql)

    def rows(self, frame: DataFrame) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """Run a frame and return its rows, which are in memory."""
        table = frame.toArrow()
        return table.schema, iter(table.to_batches())

    def tagged(self, tag: str, work: Callable[[], R]) -> R:
        """Do work whose Spark jobs carry a tag."""
        # The context's tags, since a session's are known to the thread only that set them.
        context = self.session.sparkContext
        context.addJobTag(tag)
        try:
            return work()
        finally:
            context.removeJobTag(tag)

    def stop(self, tag: str) -> None:
        """Stop the jobs of a tag."""
        self.session.sparkContext.cancelJobsWithTag(tag)

    def share(self, tag: str) -> Share:
        """Return how many of the tasks are done, of the stages that are known by now."""
        context = self.session.sparkContext
        tracker = context.statusTracker()
        stages = set()
        # Python's tracker knows jobs by group only.
        for job in context._jsc.sc().statusTracker().getJobIdsForTag(tag):  # noqa: SLF001
            info = tracker.getJobInfo(job)
            stages |= set(info.stageIds) if info is not None else set()
        known = [stage for number in sorted(stages) if (stage := tracker.getStageInfo(number)) is not None]
        return words([(stage.numCompletedTasks, stage.numTasks) for stage in known])

    def cores(self) -> int:
        """Return how many tasks run at once."""
        return self.session.sparkContext.defaultParallelism

    def near(self) -> bool:
        """Whether Spark's files are this machine's: so it is held, for a cluster shares its folders."""
        return True

    def close(self) -> None:
        """Stop the session, if it was started here."""
        if self._folder is not None:
            self.session.stop()
            self._folder.cleanup()


def hush() -> None:
    """Keep pyspark from printing every exception that it raises, as JSON."""
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)


def quiet_conf(folder: Path) -> dict[str, str]:
    """Return what keeps a driver from writing to the console and into the working folder."""
    quiet = folder / "log4j2.properties"
    quiet.write_text(_QUIET, encoding="utf-8")
    return {
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={quiet.as_uri()}",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }


def local_conf(master: str) -> dict[str, str]:
    """Return what a master on this machine needs."""
    if not master.startswith("local"):
        return {}
    cores = re.fullmatch(r"local\[(\d+).*\]", master)
    return {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.shuffle.partitions": str(2 * (int(cores[1]) if cores else os.cpu_count() or 1)),
        "spark.executorEnv.PYTHONPATH": os.pathsep.join(p or str(Path.cwd()) for p in sys.path),
    }
