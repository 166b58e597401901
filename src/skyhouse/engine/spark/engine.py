"""Statements on Spark."""

from __future__ import annotations

import itertools
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from skyhouse.engine.base import Job
from skyhouse.engine.results import as_reader
from skyhouse.engine.spark.faults import lost, too_large, translated
from skyhouse.engine.spark.frames import Views
from skyhouse.engine.spark.link import Link
from skyhouse.engine.spark.start import open_link
from skyhouse.errors import EngineError
from skyhouse.query.relation import Statement
from skyhouse.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

__all__ = ["SparkEngine"]

R = TypeVar("R")


class SparkEngine:
    """Runs statements on Spark; safe to use from several threads at once.

    The session is made at first use, from the settings' `spark_master`, `spark_memory` and `spark_conf`. Where the
    process has an active session, a sister session of that is used (same cluster, own views and configuration), and
    is not stopped by `close`; a master that begins with sc:// is asked for a session in any case.
    """

    name: ClassVar[str] = "spark"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.RLock()
        self._link: Link | None = None
        self._views: Views | None = None
        self._numbers = itertools.count(1)
        self._jobs: dict[str, Job] = {}

    @property
    def running(self) -> bool:
        """Whether there is a session, so that a statement need not wait for its start."""
        return self._link is not None

    @property
    def where(self) -> str:
        """The session's master or server; before there is one, what the settings say."""
        return self._link.where if self._link is not None else self.settings.spark_master

    def __repr__(self) -> str:
        return f"<SparkEngine on {self.where}{'' if self.running else ', not started'}>"

    def batches(self, statement: Statement, batch_rows: int = 131_072, job: Job | None = None) -> pa.RecordBatchReader:
        """Run the statement and stream its rows in batches of at most `batch_rows`.

        A result of up to 256 MB (of a Connect server: its maxResultSize) comes from Spark's memory; where it turns
        out larger, the statement is run again into a temporary folder and streamed from there. A session that its
        server has closed is opened again. Raises EngineMissing, OutOfMemory, OutOfTime and EngineError.
        """
        running = job or Job()
        try:
            try:
                found, rows = self._rows(statement, running)
            except Exception as error:
                if running.stopped or not lost(error) or isinstance(error, EngineError):
                    raise
                self._drop()
                found, rows = self._rows(statement, running)
        except Exception as error:
            running.end()
            if running.stopped:
                raise running.error() from error
            raise (error if isinstance(error, EngineError) else translated(error)) from error
        return as_reader(found, _cut(rows, batch_rows), statement.columns, translated, running)

    def native(self, statement: Statement) -> DataFrame:
        """Return the statement as a Spark DataFrame, not yet run. Raises EngineMissing and EngineError."""
        link, views = self._open()
        try:
            return link.frame(views.sql(statement))
        except Exception as error:
            raise translated(error) from error

    def plan(self, statement: Statement) -> str:
        """Return Spark's own plan of a statement. Raises EngineMissing and EngineError."""
        link, views = self._open()
        try:
            return str(link.session.sql(f"EXPLAIN FORMATTED {views.sql(statement)}").collect()[0][0])
        except Exception as error:
            raise translated(error) from error

    def session(self) -> SparkSession:
        """Return the Spark session, started if need be. Raises EngineMissing and EngineError."""
        return self.link().session

    def link(self) -> Link:
        """Return the session with what its kind does in its own way, started if need be."""
        return self._open()[0]

    def cancel(self) -> None:
        """Stop every job that runs for this engine now; whoever waits for them gets an EngineError."""
        for job in list(self._jobs.values()):
            job.cancel()

    def close(self) -> None:
        """Stop the session, if it was started here."""
        link = self._drop()
        if link is not None:
            link.close()

    def tagged(self, work: Callable[[], R], job: Job) -> R:
        """Do work on Spark as part of a job, so that the job and `cancel` can stop it."""
        link = self.link()
        tag = f"skyhouse-{id(self):x}-{next(self._numbers)}"
        begun, ended = threading.Event(), threading.Event()

        def tagged() -> R:
            begun.set()
            try:
                return link.tagged(tag, work)
            finally:
                ended.set()

        def press() -> None:
            while begun.wait(1) and not ended.wait(0.2):
                try:
                    link.stop(tag)
                except Exception:  # noqa: BLE001 - the session is gone, and its jobs with it
                    return

        self._jobs[tag] = job
        try:
            job.begin(lambda: link.stop(tag), lambda: link.share(tag))
            return job.do(tagged)
        except BaseException:
            # A query that is still being planned does not heed a stop; who waits has gone on, so this sees to it.
            threading.Thread(target=press, name="skyhouse-spark-stop", daemon=True).start()
            raise
        finally:
            self._jobs.pop(tag, None)

    def _open(self) -> tuple[Link, Views]:
        with self._lock:
            if self._link is None or self._views is None:
                self._link = open_link(self.settings)
                self._views = Views(self._link.session)
            return self._link, self._views

    def _drop(self) -> Link | None:
        with self._lock:
            link, self._link, self._views = self._link, None, None
            return link

    def _rows(self, statement: Statement, job: Job) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        link, views = self._open()
        try:
            return self.tagged(lambda: link.rows(link.frame(views.sql(statement))), job)
        except Exception as error:
            if job.stopped or not too_large(error):
                raise
        folder = self.settings.spill_folder
        if not (link.near() or folder):
            raise EngineError(
                f"Spark: the result is larger than spark.driver.maxResultSize of {link.where}: ask for less, have that "
                "raised, or let spill_folder name a folder that the server and this machine share"
            )
        return self._through_files(statement, job)

    def _through_files(self, statement: Statement, job: Job) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        folder = tempfile.TemporaryDirectory(prefix="skyhouse-result-", dir=self.settings.spill_folder or None)

        def write() -> list[str]:
            frame = self.native(statement)
            plain = frame.toDF(*(f"c{number}" for number in range(len(frame.columns))))
            plain.write.mode("overwrite").option("compression", "lz4").parquet(folder.name)
            return frame.columns

        try:
            names = self.tagged(write, job)
        except Exception:
            folder.cleanup()
            raise
        files = sorted(Path(folder.name).glob("part-*.parquet"))
        found = pq.read_schema(files[0])

        def rows() -> Iterator[pa.RecordBatch]:
            with folder:
                for file in files:
                    with pq.ParquetFile(file) as opened:
                        yield from opened.iter_batches()
                    file.unlink()

        return pa.schema([field.with_name(name) for field, name in zip(found, names, strict=True)]), rows()


def _cut(batches: Iterator[pa.RecordBatch], size: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for start in range(0, batch.num_rows, size):
            yield batch.slice(start, size)
