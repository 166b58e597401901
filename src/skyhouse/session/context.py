"""What a query needs to run: tables, engines, ways out."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from skyhouse.engine.base import Job, Progress, SqlEngine, TaskRunner
from skyhouse.engine.duck import DuckEngine
from skyhouse.errors import InputError, OutOfMemory, OutOfTime
from skyhouse.foreign.attached import Attached
from skyhouse.foreign.fetched import Fetched
from skyhouse.lake.registry import Registry
from skyhouse.query.answer import Answer, Asked, Course
from skyhouse.query.checked import Checked
from skyhouse.query.costs import Profile, Rates
from skyhouse.query.engines import engine_named
from skyhouse.query.explain import Explanation
from skyhouse.query.lower import lower_resolved
from skyhouse.query.parse import Dialect
from skyhouse.query.relation import Statement
from skyhouse.query.resolve import Resolved
from skyhouse.session.calibration import Calibration
from skyhouse.session.forecast import Forecaster
from skyhouse.session.functions import Functions
from skyhouse.session.past import Past
from skyhouse.session.running import Running
from skyhouse.session.tables import LakeTables
from skyhouse.session.watching import watcher
from skyhouse.settings import Settings

if TYPE_CHECKING:
    from astropy.table import QTable
    from sqlglot import exp

    from skyhouse.engine.pool import PoolRunner
    from skyhouse.engine.spark import SparkEngine

__all__ = ["SessionContext"]


class SessionContext:
    """What a Query needs to run: tables, engines, ways out. Engines start when first used."""

    def __init__(self, registry: Registry, settings: Settings) -> None:
        self.watch: Callable[[Progress], None] | None = None
        self.attached = Attached(registry.root)
        self.tables = LakeTables(registry, self.attached)
        self.functions = Functions()
        self._checked = Checked(self.tables, self.functions.known)
        self._settings = settings
        calibration = Calibration()
        self._forecaster = Forecaster(settings, self.tables, calibration)
        self._past = Past(registry.root, self._forecaster)
        self._duck = DuckEngine(settings, [registry.root])
        self._pool: PoolRunner | None = None
        self._spark: SparkEngine | None = None
        self._held: list[Fetched] = []

    def resolved(self, tree: exp.Query) -> Resolved:
        """Return a checked query, to look at only: one that was checked lately on the same tables is as it was."""
        return self._checked.resolved(tree)

    def batches(
        self, tree: exp.Query, engine: str | None, job: Job | None = None, asked: Asked | None = None
    ) -> Answer:
        """Run a query on an engine, or on the one that is predicted to take the least time.

        What DuckDB gives up for want of memory or time before its first row moves to Spark (the setting `fallback`),
        unless the engine was asked for. `asked` is what the history keeps as the query's text.
        """
        job = job or self.job()
        wanted = engine_named(engine or self._settings.engine)
        resolved = self.resolved(tree)
        found = self._forecaster.forecast(resolved, wanted, self._running)

        def start(name: str) -> pa.RecordBatchReader:
            statement = lower_resolved(self.resolved(tree).copy(), name)
            fetched = self.attached.fetch(statement, job, self._settings.spill_folder)
            return fetched.around(lambda statement: self._engine(name).batches(statement, job=job))

        def move(error: OutOfMemory | OutOfTime) -> str | None:
            if wanted is not None or found.route.engine == "spark" or not self._falls_back:
                return None
            if isinstance(error, OutOfTime):
                job.renew()
            return "spark"

        def ended(run: Running) -> None:
            if asked is None or asked.kept:
                self._past.add(run, found, asked or Asked(tree.sql(dialect=Dialect, comments=False)))

        prediction = found.route.prediction(found.route.engine)
        seconds = None if prediction is None else prediction.seconds
        return Running(Course(found.route.engine, found.route.reason, seconds), start, move, ended).go()

    def history(self, n: int | None = None) -> pa.Table:
        """Return the runs of the lake's queries, or the last n of them, oldest first."""
        return self._past.history.table(n)

    def explain(
        self, tree: exp.Query, engine: str | None = None, native: bool = False, profile: Profile | None = None
    ) -> Explanation:
        """Return how a query would run; with `native`, the engine's own plan too (which starts the engine)."""
        resolved = self.resolved(tree)
        wanted = engine or self._settings.engine
        found = self._forecaster.forecast(resolved, wanted, self._running, profile, thorough=True)
        statement = lower_resolved(resolved.copy(), found.route.engine, pretty=True)
        plan = self._engine(found.route.engine).plan(statement) if native else ""
        return Explanation(found.route, found.estimate, statement, plan, found.costs)

    def ask(self, statement: Statement) -> pa.RecordBatchReader:
        """Run a statement of our own on the embedded engine."""
        return self._duck.batches(statement, job=self.job())

    def job(self, time_limit: float | None = None, watch: Callable[[Progress], None] | None = None) -> Job:
        """Return a job for one run, limited to so many seconds or as the settings say.

        Where nobody is named to `watch` it, the session's `watch` does, and else a notebook shows it.
        """
        return Job(self._settings.time_limit if time_limit is None else time_limit, watch or self.watch or watcher())

    def native(self, tree: exp.Query, engine: str) -> Any:
        """Return an engine's own lazy object for a query."""
        statement = lower_resolved(self.resolved(tree).copy(), engine)
        fetched = self.attached.fetch(statement, self.job(), self._settings.spill_folder)
        self._held.append(fetched)  # who has the object reads the files when he likes
        return self._engine(engine).native(fetched.statement)

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
                from skyhouse.engine.pool import PoolRunner

                self._pool = PoolRunner(self._settings.workers)
            return self._pool
        if engine == "spark":
            from skyhouse.engine.spark import SparkRunner

            return SparkRunner(self._spark_engine())
        raise InputError(f"tasks run on 'pool' or 'spark', not {engine!r}")

    def spark_rates(self) -> tuple[str, Rates] | None:
        """Return Spark's master and what it takes, its start too where it is not up; None where it is missing."""
        rates = self._forecaster.spark_rates("spark" in self._running)
        return None if rates is None else (self._forecaster.spark.master, rates)

    def close(self) -> None:
        """Stop what was started."""
        for started in (self._duck, self._pool, self._spark, self.attached, *self._held):
            if started is not None:
                started.close()
        self._forecaster.close()

    @property
    def _falls_back(self) -> bool:
        setting, spark = self._settings.fallback, self._forecaster.spark
        if setting == "none" or (spark.missing and "spark" not in self._running):
            return False
        return setting == "spark" or spark.chosen or "spark" in self._running

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
