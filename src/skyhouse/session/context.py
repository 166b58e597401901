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
from skyhouse.query.answer import Answer
from skyhouse.query.costs import Profile
from skyhouse.query.explain import Explanation
from skyhouse.query.lower import lower, lower_resolved
from skyhouse.query.resolve import resolve
from skyhouse.session.forecast import Forecaster
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
        self._forecaster = Forecaster(settings, self.tables)
        self._duck = DuckEngine(settings)
        self._pool: PoolRunner | None = None
        self._spark: SparkEngine | None = None

    def batches(self, tree: exp.Query, engine: str | None, job: Job | None = None) -> Answer:
        """Run a query on an engine, or on the one that is predicted to take the least time."""
        resolved = resolve(tree, self.tables)
        found = self._forecaster.forecast(resolved, engine or self._settings.engine, self._running)
        chosen = found.route.engine
        reader = self._engine(chosen).batches(lower_resolved(resolved, chosen), job=job or self.job())
        prediction = found.route.prediction(chosen)
        return Answer(reader, chosen, found.route.reason, None if prediction is None else prediction.seconds)

    def explain(
        self, tree: exp.Query, engine: str | None = None, native: bool = False, profile: Profile | None = None
    ) -> Explanation:
        """Return how a query would run; with `native`, the engine's own plan too (which starts the engine)."""
        resolved = resolve(tree, self.tables)
        wanted = engine or self._settings.engine
        found = self._forecaster.forecast(resolved, wanted, self._running, profile, thorough=True)
        statement = lower_resolved(resolved, found.route.engine, pretty=True)
        plan = self._engine(found.route.engine).plan(statement) if native else ""
        return Explanation(found.route, found.estimate, statement, plan)

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

    @property
    def _running(self) -> frozenset[str]:
        up = {"duckdb": self._duck.running, "spark": self._spark is not None and self._spark.running}
        return frozenset(name for name, runs in up.items() if runs)

    def _engine(self, name: str) -> SqlEngine:
        return self._spark_engine() if name == "spark" else self._duck

    def _spark_engine(self) -> SparkEngine:
        if self._spark is None:
            from skyhouse.engine.spark import SparkEngine

            self._spark = SparkEngine(self._settings)
        return self._spark
