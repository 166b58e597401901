"""Apache Spark, the engine for what outgrows one machine; pyspark is loaded when a session is first needed.

Spark reads the Parquet files that a table's log names, with the table's schema, so it needs no connector of its own.
"""

from __future__ import annotations

import importlib.util
import itertools
import logging
import os
import pickle
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from skyhouse.columns import Column, field_types, item_type
from skyhouse.engine.base import Job, Outcome
from skyhouse.engine.results import as_reader
from skyhouse.engine.tasks import attempt, outcome
from skyhouse.errors import EngineError, EngineMissing, OutOfMemory, TaskError
from skyhouse.query.relation import Part, Relation, Scan, Statement
from skyhouse.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

__all__ = ["SparkEngine", "SparkRunner", "java_available"]

T = TypeVar("T")
R = TypeVar("R")

_TYPES = {
    "bool": "boolean",
    "int8": "byte",
    "uint8": "short",  # Spark has no unsigned numbers
    "int16": "short",
    "int32": "integer",
    "int64": "long",
    "float32": "float",
    "float64": "double",
    "string": "string",
    "binary": "binary",
    "date": "date",
    "timestamp": "timestamp_ntz",
}

# ANSI mode: what overflows or cannot be cast is an error, as it is in DuckDB. Times carry no zone, and are UTC.
_QUERY_CONF = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "65536",
    # A table's files are listed by the driver; a job for it costs more than stat() of some hundred files.
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "1000",
}
# A result up to this size comes straight through memory, a larger one through files.
_RESULT_BYTES = "256m"
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


def java_available() -> bool:
    """Whether there is a Java that Spark can run on: version 17 or newer, in JAVA_HOME or on PATH."""
    return not _java_problem()


class SparkEngine:
    """Runs statements on Spark.

    The session is made at first use, from the settings' `spark_master`, `spark_memory` and `spark_conf`. Where the
    process has an active session, a sister session of that is used (same cluster, own views and configuration), and
    is not stopped by `close`.
    """

    name: ClassVar[str] = "spark"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.RLock()
        self._session: SparkSession | None = None
        self._ours = False
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._frames: dict[tuple[str, int], tuple[Relation, tuple[Part, ...], DataFrame]] = {}
        self._tag = f"skyhouse-{id(self):x}"

    def batches(self, statement: Statement, batch_rows: int = 131_072, job: Job | None = None) -> pa.RecordBatchReader:
        """Run the statement and stream its rows in batches of at most `batch_rows`.

        A result of up to 256 MB comes from Spark's memory; where it turns out larger, the statement is run again
        into a temporary folder and streamed from there. Raises EngineMissing, OutOfMemory and EngineError.
        """
        running = job or Job()
        running.begin(self.cancel)
        frame = self.native(statement)
        try:
            table = self.tagged(frame.toArrow)
        except Exception as error:
            if running.stopped or "maxResultSize" not in str(error):
                running.end()
                raise (running.error() if running.stopped else _translated(error)) from error
            return self._from_files(frame, statement, batch_rows)
        return as_reader(table.schema, iter(table.to_batches(batch_rows)), statement.columns, _translated, running)

    def native(self, statement: Statement) -> DataFrame:
        """Return the statement as a Spark DataFrame, not yet run. Raises EngineMissing and EngineError."""
        with self._lock:
            session = self.session()
            try:
                # Names are resolved here and now, so a view that is replaced later does not disturb this frame.
                for scan in statement.scans:
                    self._frame(session, scan).createOrReplaceTempView(_quoted(scan.name))
                return session.sql(statement.sql)
            except Exception as error:
                raise _translated(error) from error

    def session(self) -> SparkSession:
        """Return the Spark session, started if need be. Raises EngineMissing and EngineError."""
        with self._lock:
            if self._session is None:
                self._session = self._start()
            return self._session

    def plan(self, statement: Statement) -> str:
        """Return Spark's own plan of a statement. Raises EngineMissing and EngineError."""
        with self._lock:
            frame = self.native(statement)
            frame.createOrReplaceTempView("explained")
            row = frame.sparkSession.sql("EXPLAIN FORMATTED SELECT * FROM explained").head()
            return str(row[0]) if row is not None else ""

    @property
    def running(self) -> bool:
        """Whether there is a session."""
        return self._session is not None

    def cancel(self) -> None:
        """Stop every job that runs for this engine now; whoever waits for them gets an EngineError."""
        if self._session is not None:
            self._session.sparkContext.cancelJobsWithTag(self._tag)

    def close(self) -> None:
        """Stop the session, if it was started here."""
        with self._lock:
            self._frames.clear()
            if self._session is not None and self._ours:
                self._session.stop()
            self._session = None
            if self._folder is not None:
                self._folder.cleanup()
                self._folder = None

    def _start(self) -> SparkSession:
        if importlib.util.find_spec("pyspark") is None:
            raise EngineMissing("Spark is not installed: pip install 'skyhouse[spark]'")
        from pyspark.sql import SparkSession

        active = SparkSession.getActiveSession()
        if active is not None:
            session = active.newSession()
            for name, value in _QUERY_CONF.items():
                session.conf.set(name, value)
            return session
        master = self.settings.spark_master
        if not master.startswith("sc://") and (problem := _java_problem()):
            raise EngineMissing(f"Spark cannot start: {problem}. Install Java 17 or newer, or point JAVA_HOME at one")
        self._folder = tempfile.TemporaryDirectory(prefix="skyhouse-spark-")
        builder = SparkSession.builder.appName("skyhouse")
        for name, value in self._conf(master, Path(self._folder.name)).items():
            builder = builder.config(name, value)
        # Spark takes these from the environment only: the workers' Python is this one, and a host whose own name
        # does not resolve can still talk to itself.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        if master.startswith("local"):
            os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        try:
            session = builder.master(master).getOrCreate()
        except Exception as error:
            self._folder.cleanup()
            self._folder = None
            raise EngineError(f"Spark did not start on {master!r} (spark_master): {_told(error)}") from error
        self._ours = True
        logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)  # it repeats every exception as JSON
        return session

    def _conf(self, master: str, folder: Path) -> dict[str, str]:
        quiet = folder / "log4j2.properties"
        quiet.write_text(_QUIET, encoding="utf-8")
        conf = _QUERY_CONF | {
            "spark.driver.memory": self.settings.spark_memory,
            "spark.driver.maxResultSize": _RESULT_BYTES,
            "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={quiet.as_uri()}",
            "spark.sql.warehouse.dir": str(folder / "warehouse"),
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
        }
        if master.startswith("local"):
            cores = re.fullmatch(r"local\[(\d+).*\]", master)
            conf |= {
                "spark.driver.bindAddress": "127.0.0.1",
                "spark.driver.host": "127.0.0.1",
                "spark.sql.shuffle.partitions": str(2 * (int(cores[1]) if cores else os.cpu_count() or 1)),
                "spark.executorEnv.PYTHONPATH": os.pathsep.join(p or str(Path.cwd()) for p in sys.path),
            }
        return conf | dict(self.settings.spark_conf)

    def _frame(self, session: SparkSession, scan: Scan) -> DataFrame:
        key = scan.name, len(scan.parts)
        known = self._frames.get(key)
        if known is not None and known[0] == scan.relation and known[1] == scan.parts:
            return known[2]
        first, *others = scan.parts
        frame = _read(session, first, first.columns)
        held = set(first.names)
        join_key = list(scan.relation.join_key)
        for part in others:
            wanted = [c for c in part.columns if c.name not in held or c.name in join_key]
            frame = frame.join(_read(session, part, wanted), join_key, "left")
            held |= part.names
        self._frames[key] = scan.relation, scan.parts, frame
        return frame

    def _from_files(self, frame: DataFrame, statement: Statement, batch_rows: int) -> pa.RecordBatchReader:
        folder = tempfile.TemporaryDirectory(prefix="skyhouse-result-", dir=self.settings.spill_folder or None)
        names = frame.columns
        plain = frame.toDF(*(f"c{number}" for number in range(len(names))))
        try:
            self.tagged(lambda: plain.write.mode("overwrite").option("compression", "lz4").parquet(folder.name))
        except Exception as error:
            folder.cleanup()
            raise _translated(error) from error
        files = sorted(Path(folder.name).glob("part-*.parquet"))
        found = pq.read_schema(files[0])
        found = pa.schema([field.with_name(name) for field, name in zip(found, names, strict=True)])

        def rows() -> Iterator[pa.RecordBatch]:
            with folder:
                for file in files:
                    with pq.ParquetFile(file) as opened:
                        yield from opened.iter_batches(batch_rows)
                    file.unlink()

        return as_reader(found, rows(), statement.columns, _translated)

    def tagged(self, job: Callable[[], R]) -> R:
        """Run a job so that `cancel` finds it."""
        # The context's tags, since a session's are known to the thread only that set them.
        context = self.session().sparkContext
        context.addJobTag(self._tag)
        try:
            return job()
        finally:
            context.removeJobTag(self._tag)


class SparkRunner:
    """Runs tasks on an engine's Spark session, one Spark task each.

    Function, tasks and values are pickled; the package must be installed where Spark's workers run.
    """

    name: ClassVar[str] = "spark"

    def __init__(self, engine: SparkEngine) -> None:
        self.engine = engine

    def run(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[Outcome[T, R]]:
        """Yield an outcome for every task as its wave completes.

        Tasks go out in waves of four a core, two waves at a time. An exception is its task's outcome. Spark tries
        the tasks of a lost executor again; where that does not help, the tasks of the wave are run one by one, and
        the guilty one's outcome is a TaskError. So a task must bear being begun more than once.
        """
        session = self.engine.session()
        size = 4 * _cores(session)
        waiting = iter(tasks)
        flying: dict[Future[list[bytes]], list[T]] = {}
        with ThreadPoolExecutor(2, thread_name_prefix="skyhouse-wave") as threads:
            try:
                while True:
                    while len(flying) < 2 and (wave := list(itertools.islice(waiting, size))):
                        flying[threads.submit(self._wave, session, function, wave)] = wave
                    if not flying:
                        return
                    for done in wait(flying, return_when=FIRST_COMPLETED).done:
                        wave = flying.pop(done)
                        yield from self._outcomes(session, function, wave, done)
            finally:
                if flying:
                    self.engine.cancel()

    def close(self) -> None:
        """Nothing to stop: the session is the engine's."""

    def _outcomes(
        self, session: SparkSession, function: Callable[[T], R], wave: list[T], done: Future[list[bytes]]
    ) -> Iterator[Outcome[T, R]]:
        error = done.exception()
        if error is None:
            for task, ending in zip(wave, done.result(), strict=True):
                yield outcome(task, ending)
        elif len(wave) == 1:
            yield Outcome(wave[0], error=TaskError(f"its worker died: {_told(error)}"))
        else:
            for task in wave:
                alone: Future[list[bytes]] = Future()
                try:
                    alone.set_result(self._wave(session, function, [task]))
                except Exception as again:  # noqa: BLE001 - it becomes the task's outcome
                    alone.set_exception(again)
                yield from self._outcomes(session, function, [task], alone)

    def _wave(self, session: SparkSession, function: Callable[[T], R], wave: list[T]) -> list[bytes]:
        def work(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                for number, task in zip(batch["number"].to_pylist(), batch["task"].to_pylist(), strict=True):
                    ending = attempt(function, pickle.loads(task))
                    yield pa.RecordBatch.from_pydict({"number": [number], "ending": [ending]})

        orders = pa.table({"number": range(len(wave)), "task": [pickle.dumps(task) for task in wave]})
        frame = session.createDataFrame(orders).coalesce(1).repartition(len(wave))
        ended = self.engine.tagged(frame.mapInArrow(work, "number long, ending binary").toArrow)
        endings: list[bytes] = ended.sort_by("number")["ending"].to_pylist()
        return endings


def _cores(session: SparkSession) -> int:
    return session.sparkContext.defaultParallelism


def _read(session: SparkSession, part: Part, columns: Iterable[Column]) -> DataFrame:
    from pyspark.sql.types import StructType

    schema = StructType.fromJson(_json_fields((column.name, column.type) for column in columns))
    if not part.files:
        return session.createDataFrame([], schema)
    return session.read.schema(schema).parquet(*(re.sub(r"([\[\]{}*?\\])", r"\\\1", file) for file in part.files))


def _json_type(name: str) -> Any:
    if (item := item_type(name)) is not None:
        return {"type": "array", "elementType": _json_type(item), "containsNull": True}
    if (fields := field_types(name)) is not None:
        return _json_fields(fields)
    return _TYPES[name]


def _json_fields(fields: Iterable[tuple[str, str]]) -> dict[str, Any]:
    found = [{"name": name, "type": _json_type(kind), "nullable": True, "metadata": {}} for name, kind in fields]
    return {"type": "struct", "fields": found}


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _translated(error: BaseException) -> EngineError:
    text = _told(error)
    if "OutOfMemoryError" in text or "Java heap space" in text:
        return OutOfMemory(f"Spark ran out of memory: raise spark_memory. {text}")
    if "cancelled" in text.lower():
        return EngineError("Spark stopped: the query was cancelled")
    return EngineError(f"Spark: {text}")


def _told(error: BaseException) -> str:
    """Return what Spark says, without the JVM's stack."""
    text = str(error).split("\n\tat ")[0].split("\n== SQL", maxsplit=1)[0]
    causes = re.findall(r"^Caused by: (.*)$", str(error), flags=re.MULTILINE)
    return text.split("JVM stacktrace:")[0].strip() + (f" ({causes[-1]})" if causes else "")


def _java_problem() -> str:
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin" if home else None)
    if java is None:
        return f"no java in {home}/bin (JAVA_HOME)" if home else "there is no Java on this machine"
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    version = re.search(r'version "(\d+)', told.stderr + told.stdout)
    if version is None or int(version[1]) < 17:
        return f"{java} is of version {version[1] if version else 'unknown'}"
    return ""
