"""A session with a lake: the one place where tables, queries and engines are wired together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from skyhouse.engine.base import SqlEngine, TaskRunner
from skyhouse.engine.duck import DuckEngine
from skyhouse.engine.pool import PoolRunner
from skyhouse.errors import InputError
from skyhouse.lake.registry import Registry
from skyhouse.lake.table import Table
from skyhouse.query.lower import lower
from skyhouse.query.query import Query
from skyhouse.query.relation import Part, Relation
from skyhouse.query.route import route
from skyhouse.settings import Settings

if TYPE_CHECKING:
    from types import TracebackType

    from astropy.io.fits import HDUList
    from astropy.table import QTable
    from sqlglot import exp

    from skyhouse.engine.spark import SparkEngine
    from skyhouse.ingest import IngestReport, Progress

__all__ = ["Lake", "open"]


def open(path: str | Path = "lake", *, create: bool = True, **settings: Any) -> Lake:  # noqa: A001 - read as skyhouse.open
    """Open a lake, and make it first where there is none.

    `settings` are those of `skyhouse.Settings` (workers, memory_limit, spark_master ...). Raises NotALake for a lake
    of a newer format, and where there is none and `create` is false; LakeError where none can be made; SettingsError
    for a wrong setting.

    >>> import tempfile, skyhouse
    >>> with skyhouse.open(tempfile.mkdtemp() + "/lake") as lake:
    ...     lake.sql("SELECT 1 + 1 AS two").to_arrow().to_pylist()
    [{'two': 2}]
    """
    root = Path(path)
    registry = Registry.make(root) if create else Registry.open(root)
    return Lake(registry, Settings.load(root / "skyhouse.toml", **settings))


class Lake:
    """An open lake: ingest, ask, go back to the raw files.

    A context manager; `close` stops the engines that were started. Threads may share it.
    """

    def __init__(self, registry: Registry, settings: Settings) -> None:
        self.registry = registry
        self.settings = settings
        self._context = _Context(registry, settings)

    @property
    def path(self) -> Path:
        """The lake's folder."""
        return self.registry.root

    def sql(self, text: str, *, dialect: str = "sql", engine: str | None = None) -> Query:
        """Return the lazy `Query` of a SELECT; `engine` ("duckdb" or "spark") overrides the choice of engine.

        Raises QueryError and UnknownName before any engine is asked.
        """
        return Query.of(text, self._context, dialect, engine)

    def table(self, name: str) -> Query:
        """Return a table as a lazy `Query`, to go on with verbs. Raises UnknownTable."""
        return Query.of_table(name, self._context)

    def tables(self) -> list[Table]:
        """Return the lake's tables, by name."""
        return [self.registry.table(name) for name in self.registry.names()]

    def ingest(
        self,
        paths: str | Path | Iterable[str | Path],
        *,
        survey: str,
        engine: str | None = None,
        replace: bool = False,
        progress: Callable[[Progress], None] | None = None,
    ) -> IngestReport:
        """Ingest a survey's raw files, by patterns (`**` is any depth) or paths, into its tables.

        Only what is new or changed is done. With `replace`, another copy of an object takes the place of the first,
        and files that have moved are ingested again. `engine` runs the tasks: "pool" (the default: local processes)
        or "spark". A file that fails stops nothing: it is in the report and in the table ``<survey>.failures``.
        `progress` is called with the state after every change. See `skyhouse.ingest.ingest`.
        """
        from skyhouse.ingest import ingest
        from skyhouse.surveys import get

        given = [paths] if isinstance(paths, (str, Path)) else list(paths)
        runner = self._context.runner(engine)
        return ingest(self.registry, get(survey), [str(p) for p in given], runner, replace=replace, progress=progress)

    def raw(self, row: Any, kind: str = "MAPS", *, survey: str = "manga") -> HDUList:
        """Open the raw file behind a row of a survey's table, as astropy's HDUList.

        `row` is the object's name, or anything that has it by key or attribute; `kind` names a file beside the one
        that was ingested (of MaNGA, "MODELCUBE"). Raises InputError for an unknown object or kind, FormatError where
        the file is gone.
        """
        from skyhouse.surveys import get

        return get(survey).open_raw(self, row, kind)

    def close(self) -> None:
        """Stop the engines."""
        self._context.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Lake {str(self.path)!r}, {len(self.registry.names())} tables>"


class _Tables:
    """The lake's tables as the query layer sees them: each at its newest version, with the parts that widen it."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._opened: dict[str, Table] = {}
        self._relations: dict[str, Relation] = {}

    def names(self) -> list[str]:
        return self._registry.names()

    def relation(self, name: str) -> Relation:
        names = self.names()
        held = {known.lower(): known for known in names}
        table = self._newest(held.get(name.lower(), name))
        schema = table.name.partition(".")[0]
        beside = [n for n in names if n.startswith(f"{schema}.") and self._part_of(n) == table.name]
        tables = [table, *(self._newest(n) for n in beside)]
        version = "/".join(f"{one.name}@{one.version}" for one in tables)
        known = self._relations.get(table.name)
        if known is None or known.version != version:
            known = Relation(
                name=table.name,
                parts=tuple(Part(one.columns, tuple(file.path for file in one.files())) for one in tables),
                join_key=tables[-1].definition.key if len(tables) > 1 else (),
                version=version,
                rows=table.rows,
            )
            self._relations[table.name] = known
        return known

    def _part_of(self, name: str) -> str:
        """Return the table that a table widens; it is part of a definition, so an old version knows it too."""
        return (self._opened.get(name) or self._newest(name)).definition.part_of

    def _newest(self, name: str) -> Table:
        if name in self._opened:
            return self._opened[name].refresh()
        return self._opened.setdefault(name, self._registry.table(name))


class _Context:
    """What a Query needs to run: tables, engines, ways out. Engines start when first used."""

    def __init__(self, registry: Registry, settings: Settings) -> None:
        self.tables = _Tables(registry)
        self._settings = settings
        self._duck = DuckEngine(settings)
        self._pool: PoolRunner | None = None
        self._spark: SparkEngine | None = None

    def batches(self, tree: exp.Query, engine: str | None) -> tuple[str, pa.RecordBatchReader]:
        runs = self._engine(route(engine or self._settings.engine).engine)
        return runs.name, runs.batches(lower(tree, self.tables, runs.name))

    def native(self, tree: exp.Query, engine: str) -> Any:
        return self._engine(engine).native(lower(tree, self.tables, engine))

    def to_astropy(self, table: pa.Table) -> QTable:
        from skyhouse.formats.qtable import to_qtable

        return to_qtable(table)

    def write(self, reader: pa.RecordBatchReader, path: str | PathLike[str]) -> int:
        from skyhouse.formats.export import write

        return write(reader, Path(path))

    def runner(self, engine: str | None) -> TaskRunner:
        if engine in (None, "auto", "pool", "duckdb"):
            if self._pool is None:
                self._pool = PoolRunner(self._settings.workers)
            return self._pool
        if engine == "spark":
            from skyhouse.engine.spark import SparkRunner

            return SparkRunner(self._spark_engine())
        raise InputError(f"tasks run on 'pool' or 'spark', not {engine!r}")

    def close(self) -> None:
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
