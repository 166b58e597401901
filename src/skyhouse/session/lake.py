"""An open lake, as its users see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from skyhouse.errors import InputError, UnknownTable
from skyhouse.foreign.table import AttachedTable
from skyhouse.lake.attachments import Attachment
from skyhouse.lake.registry import Registry
from skyhouse.lake.table import Table
from skyhouse.query.answer import Asked
from skyhouse.query.commands import Command, Drop, read
from skyhouse.query.costs import Profile
from skyhouse.query.explain import Explanation
from skyhouse.query.job import Progress as QueryProgress
from skyhouse.query.query import Query
from skyhouse.session.context import SessionContext
from skyhouse.settings import Settings

if TYPE_CHECKING:
    from types import TracebackType

    import pyarrow as pa
    from astropy.io.fits import HDUList

    from skyhouse.engine.base import TaskRunner
    from skyhouse.ingest import IngestReport, Progress
    from skyhouse.objects.estimate import CostEstimate
    from skyhouse.objects.function import Function
    from skyhouse.objects.run import Progress as RunProgress
    from skyhouse.objects.run import Run
    from skyhouse.session.applying import Applying
    from skyhouse.session.writes import Writes
    from skyhouse.surveys.base import Survey

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
        self._context = SessionContext(registry, settings)

    @cached_property
    def _writes(self) -> Writes:
        from skyhouse.session.writes import Writes  # a process that only reads needs none of it

        return Writes(self.registry, self.settings, self._context)

    @cached_property
    def _applying(self) -> Applying:
        from skyhouse.session.applying import Applying

        return Applying(self.registry, self._context, self._writes)

    @property
    def path(self) -> Path:
        """The lake's folder."""
        return self.registry.root

    def sql(self, text: str, *, dialect: str = "sql", engine: str | None = None) -> Query:
        """Return the lazy `Query` of a SELECT; `engine` ("duckdb" or "spark") overrides the choice of engine.

        CREATE TABLE ... AS, INSERT INTO, SELECT ... INTO and DROP TABLE run at once, by one commit; what comes back is
        a query of one row: table, rows, version. EXPLAIN gives the rows of an explanation. See docs/lake.md.

        `dialect` is what the text is written in: "sql" (Skyhouse's own), "adql", "tsql" (as CasJobs and SkyServer
        speak it) or "spark"; see docs/dialects.md.

        Raises QueryError and UnknownName before any engine is asked.
        """
        found = read(text, dialect)
        if isinstance(found, Command):
            return self._writes.run(found, engine)
        return Query.checked(found, self._context, engine, Asked(text, dialect))

    def table(self, name: str) -> Query:
        """Return a table as a lazy `Query`, to go on with verbs. Raises UnknownTable."""
        return Query.of_table(name, self._context)

    def explain(
        self,
        query: Query | str,
        *,
        dialect: str = "sql",
        engine: str | None = None,
        native: bool = False,
        profile: Profile | None = None,
    ) -> Explanation:
        """Return how a query (or its text) would run: engine and reason, predictions, files and bytes, SQL.

        Of a statement that writes it is how the query in it would run.
        `native` adds the engine's own plan, for which the engine is started. A `profile` tells what would be picked on
        another machine or cluster. Raises QueryError and UnknownName.
        """
        found = self._query_in(query, dialect) if isinstance(query, str) else query
        return self._context.explain(found.tree, engine or found.engine, native, profile)

    def _query_in(self, text: str, dialect: str) -> Query:
        found = read(text, dialect)
        if isinstance(found, Drop):
            raise found.target.fault("DROP TABLE has no query to explain")
        tree = found.query if isinstance(found, Command) else found
        return Query.checked(tree, self._context, None, Asked(text, dialect))

    def register(self, function: Function, name: str | None = None, *, deterministic: bool = True) -> Function:
        """Let queries of this open lake call a declared function by its name, or another; return the function.

        It gives a struct of the columns that it declares, or the bare value where that is one:
        ``SELECT amplitude(lc).amplitude FROM ztf.objects WHERE n_of(lc) > 20``. Its arguments go by the names of its
        `inputs`, or of the columns that are given. The same name again takes the function's place. One that may give
        other results for the same arguments is not `deterministic`, and is called for each row where it stands.

        Raises InputError for what is no declared function, for a name that SQL cannot call or that the language has.
        """
        self._context.functions.add(function, name or "", deterministic)
        return function

    def unregister(self, name: str) -> None:
        """Forget a registered function. Raises UnknownFunction."""
        self._context.functions.remove(name)

    def registered(self) -> Mapping[str, Function]:
        """Return the registered functions by their names."""
        return self._context.functions.all()

    def ibis(self, table: str | None = None) -> Any:
        """Return a table of the lake as an Ibis table, or without a name the lake's `IbisLake`, which has all of them.

        Raises UnknownTable, and MissingPackage where Ibis is not installed.
        """
        from skyhouse.guests.ibis import IbisLake

        guest = IbisLake(self._context.tables, lambda text: Query.of(text, self._context, "ibis"))
        return guest if table is None else guest.table(table)

    def from_ibis(self, expression: Any) -> Query:
        """Return the query of an Ibis expression over tables that `ibis` gave. Raises QueryError, MissingPackage."""
        found: Query = self.ibis().query(expression)
        return found

    def history(self, n: int | None = None) -> pa.Table:
        """Return the runs of the lake's queries, or the last n of them, oldest first, as an Arrow table.

        Columns: started_at (UTC), text, dialect, engine, reason, predicted_seconds, seconds, bytes, rows, error, moved.
        Raises InputError for an n below 0.
        """
        if n is not None and n < 0:
            raise InputError(f"the last n runs are a whole number of them, not {n!r}")
        return self._context.history(n)

    def write(
        self,
        rows: Any,
        table: str,
        *,
        key: Sequence[str] = (),
        sort: Sequence[str] = (),
        mode: str = "create",
        description: str = "",
    ) -> Table:
        """Write the rows of a query, or of Arrow, pandas or Polars, to a table "schema.table", by one commit.

        `mode` is "create" (TableExists where the table is there), "append" or "replace". `key` names the columns that
        identify a row, `sort` those that order the rows of each file: the key's where only that is given. Types,
        units, UCDs and descriptions are kept. Raises InputError for rows or names that cannot be, LakeError, and what
        running the query raises; after an error the lake is as it was.
        """
        return self._writes.write(rows, table, key=key, sort=sort, mode=mode, description=description)

    def drop(self, table: str) -> None:
        """Delete a table with its files. Raises UnknownTable, LakeError, InputError for one that may not be written."""
        self._writes.drop(table)

    def vacuum(self, older_than_hours: float = 24) -> list[Path]:
        """Delete what no table names any more and is older: files that were replaced, and what crashes left.

        Younger ones may belong to what runs now. Tables that ingest made are seen to as well; attached ones are not
        touched. Returns the paths that are gone. Raises LakeError.
        """
        from skyhouse.lake.replace import vacuum

        if not older_than_hours >= 0:
            raise InputError(f"older_than_hours is a number from 0, not {older_than_hours!r}")
        gone = []
        for name in self.registry.names():
            try:
                table = self.registry.table(name)
                gone += [table.path / file for file in vacuum(table, older_than_hours)]
            except UnknownTable:  # dropped in the meantime
                continue
        return [*gone, *self.registry.sweep(older_than_hours)]

    def watch(self, watcher: Callable[[QueryProgress], None] | None) -> None:
        """Have every statement's progress given to `watcher`, ten times a second, while its rows are waited for."""
        self._context.watch = watcher

    def tables(self) -> list[Table | AttachedTable]:
        """Return the lake's tables and those attached to it, by name."""
        own = [self.registry.table(name) for name in self.registry.names()]
        return sorted([*own, *self._context.attached.tables()], key=lambda table: table.name)

    def attach(self, name: str, target: str | PathLike[str], **options: Any) -> list[AttachedTable]:
        """Attach tables that lie elsewhere, and return them; they are read where they are, and never written.

        `target` is a file, a folder or a pattern of files (Parquet, CSV, JSON lines, FITS, VOTable), which become the
        table `name` ("gaia.stars"). `options` say how they are read: see `docs/attach.md`. What is attached stays so
        until `detach`, for all who open the lake.

        Raises InputError for a name, target or option that cannot be, and for a schema that may not be written,
        FormatError for a file that cannot be read,
        TableExists where the name is taken, LakeError.
        """
        self._writes.check_schema(name.partition(".")[0])
        return self._context.attached.attach(name, target, self.registry.names(), **options)

    def detach(self, name: str) -> None:
        """Let go of what was attached under a name; the files stay. Raises UnknownTable, InputError, LakeError."""
        self._writes.check_schema(name.partition(".")[0])
        self._context.attached.detach(name)

    def attachments(self) -> list[Attachment]:
        """Return what is attached, by name. Raises LakeError."""
        return self._context.attached.all()

    def ingest(
        self,
        paths: str | Path | Iterable[str | Path],
        *,
        survey: str | Survey,
        engine: str | None = None,
        replace: bool = False,
        progress: Callable[[Progress], None] | None = None,
    ) -> IngestReport:
        """Ingest a survey's raw files, by patterns (`**` is any depth) or paths, into its tables.

        `survey` is its name, or a converter (`skyhouse.surveys.ztf.ZTF.reading(...)`).
        Only what is new or changed is done. With `replace`, another copy of an object takes the place of the first,
        and files that have moved are ingested again. `engine` runs the tasks: "pool" (the default: local processes)
        or "spark". A file that fails stops nothing: it is in the report and in the table ``<survey>.failures``.
        `progress` is called with the state after every change. See `skyhouse.ingest.ingest`.
        """
        from skyhouse.ingest import ingest
        from skyhouse.surveys import get

        converter = get(survey) if isinstance(survey, str) else survey
        self._writes.check_schema(converter.name)
        given = [paths] if isinstance(paths, (str, Path)) else list(paths)
        runner = self.runner(engine)
        return ingest(self.registry, converter, [str(p) for p in given], runner, replace=replace, progress=progress)

    def check_writable(self, schema: str) -> None:
        """Raise InputError for a schema that may not be written (the setting `writable`)."""
        self._writes.check_schema(schema)

    def runner(self, engine: str | None = None) -> TaskRunner:
        """Return what runs tasks over files and partitions: "pool" (the default: local processes) or "spark"."""
        return self._context.runner(engine)

    def apply(
        self,
        function: Function,
        objects: Query | str,
        into: str,
        *,
        key: Sequence[str] | str | None = None,
        engine: str | None = None,
        max_failures: float = 0.01,
        timeout: float | None = None,
        replace: bool = False,
        progress: Callable[[RunProgress], None] | None = None,
    ) -> Run:
        """Start to run a function over the rows of a query or table, into a table `into`; return the `Run`.

        The function is one that `skyhouse.function` declares. The table has the `key` columns (those of the input
        table's key, where they are not named) and those that the function declares; objects for which it raised an
        exception are in ``<into>__failures``. It is done in tasks over parts of the input's files, on `engine` "pool"
        (the default: local processes) or "spark", and committed as they complete.

        The same call again goes on where the last one ended, and does what is new or changed in the input. Where the
        table is of another function or query, TableExists is raised, or with `replace` it is started anew.

        `max_failures`, a share of the objects or (an int) a number of them, ends the run, early where it is plain.
        `timeout` bounds a batch (of at most 4096 objects) in seconds. `progress` is called every few seconds.

        Raises InputError, QueryError, UnknownName, TableExists; what the run raises comes from `Run.wait`.
        """
        return self._applying.apply(
            function,
            objects,
            into,
            key=key,
            engine=engine,
            max_failures=max_failures,
            timeout=timeout,
            replace=replace,
            progress=progress,
        )

    def refresh(
        self,
        table: str,
        function: Function | None = None,
        *,
        engine: str | None = None,
        max_failures: float = 0.01,
        timeout: float | None = None,
        progress: Callable[[RunProgress], None] | None = None,
    ) -> Run:
        """Start to bring a table that `apply` has made up to date; return the `Run`.

        What is new or changed in its input is done, and rows of what is no longer there go. The function is the one
        that made the table, found by its name where it is not given. Raises what `apply` raises, UnknownTable.
        """
        return self._applying.refresh(
            table, function, engine=engine, max_failures=max_failures, timeout=timeout, progress=progress
        )

    def estimate(
        self,
        function: Function,
        objects: Query | str,
        *,
        key: Sequence[str] | str | None = None,
        seconds: float = 5.0,
    ) -> CostEstimate:
        """Return what `apply` would take, from a sample: here, on Spark, and on the machines of the price table.

        The sample takes about so many `seconds`, in the pool's workers. Printed, the estimate is a table with its
        arithmetic; `rows` has it as data, and `scaled` makes it one for another number of objects. What machines cost
        stands in ``costs.toml``: see docs/costs.md.

        Raises what `apply` raises, and TaskError where the function cannot be used.
        """
        from skyhouse.session.estimating import estimate

        work, units = self._applying.planned(function, objects, key)
        return estimate(self._context, self.path, self.settings.workers, work, units, seconds)

    def raw(self, row: Any, kind: str = "MAPS", *, survey: str = "manga") -> HDUList:
        """Open the raw file behind a row of a survey's table, as astropy's HDUList.

        `row` is the object's name, or anything that has it by key or attribute; `kind` names a file beside the one
        that was ingested (of MaNGA, "MODELCUBE"). Raises InputError for an unknown object or kind, FormatError where
        the file is gone.
        """
        from skyhouse.surveys import get

        return get(survey).open_raw(self, row, kind)

    def close(self) -> None:
        """Wait for the runs of `apply` that are under way, and stop the engines."""
        self._end(cancel=False)

    def _end(self, *, cancel: bool) -> None:
        if "_applying" in self.__dict__:
            self._applying.close(cancel=cancel)
        self._context.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end(cancel=kind is not None)

    def __repr__(self) -> str:
        return f"<Lake {str(self.path)!r}, {len(self.registry.names())} tables>"
