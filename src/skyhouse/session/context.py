"""What a query needs to run: tables, engines, ways out."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from skyhouse.engine.base import Job, Progress, SqlEngine, TaskRunner
from skyhouse.engine.duck import DuckEngine
from skyhouse.engine.pool import PoolRunner
from skyhouse.errors import InputError
from skyhouse.foreign.attached import Attached
from skyhouse.lake.registry import Registry
from skyhouse.query.lower import lower
from skyhouse.query.route import route
from skyhouse.session.tables import LakeTables
from skyhouse.settings import Settings

if TYPE_CHECKING:
    from astropy.table import QTable
    from sqlglot import exp

    from skyhouse.engine.spark import SparkEngine

__all__ = ["SessionContext"]


class SessionContext:
    """What a Query needs to run: tables, engines, ways out. Engines start when first used."""

    def __init__(self, registry: Registry, settings: Settings) -> None:
        self.attached = Attached(registry.root)
        self.tables = LakeTables(registry, self.attached)
        self._settings = settings
        self._duck = DuckEngine(settings)
        self._pool: PoolRunner | None = None
        self._spark: SparkEngine | None = None

    def batches(self, tree: exp.Query, engine: str | None, job: Job | None = None) -> tuple[str, pa.RecordBatchReader]:
        """Run a query on an engine, or on the one that fits; return its name and the rows."""
        runs = self._engine(route(engine or self._settings.engine).engine)
        return runs.name, runs.batches(lower(tree, self.tables, runs.name), job=job or self.job())

    def job(self, time_limit: float | None = None, watch: Callable[[Progress], None] | None = None) -> Job:
        """Return a job for one run, limited to so many seconds or as the settings say."""
        return Job(self._settings.time_limit if time_limit is None else time_limit, watch)

    def native(self, tree: exp.Query, engine: str) -> Any:
        """Return an engine's own lazy object for a query."""
        return self._engine(engine).native(lower(tree, self.tables, engine))

    def to_astropy(self, table: pa.Table) -> QTable:
        """Return an astropy QTable, with units."""
        from skyhouse.formats.qtable import to_qtable

        return to_qtable(table)

    def write(self, reader: pa.RecordBatchReader, path: str | PathLike[str]) -> int:
        """Write rows to a file whose ending names the format."""
        from skyhouse.formats.export import write

        return write(reader, Path(path))

    def runner(self, engine: str | None) -> TaskRunner:
        """Return what runs tasks: "pool" or "spark"."""
        if engine in (None, "auto", "pool", "duckdb"):
            if self._pool is None:
                self._pool = PoolRunner(self._settings.workers)
            return self._pool
        if engine == "spark":
            from skyhouse.engine.spark import SparkRunner

            return SparkRunner(self._spark_engine())
        raise InputError(f"tasks run on 'pool' or 'spark', not {engine!r}")

    def close(self) -> None:
        """Stop what was started."""
        for started in (self._duck, self._pool, self._spark):
            if started is not None:
                started.close()

    def _engine(self, name: str) -> SqlEngine:
        return self._spark_engine() if name == "spark" else self._duck

    def _spark_engine(self) -> SparkEngine:
        if self._spark is None:
            from skyhouse.engine.spark import SparkEngine

            self._spark = SparkEngine(self._settings)
        return self._spark
