"""DuckDB, the embedded engine: one in-memory database a session, and a cursor of its own for every statement.

A statement's tables are temporary views of its cursor, so that statements running at once do not see each other's.
"""

from __future__ import annotations

import itertools
import os
import re
import tempfile
import threading
import weakref
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import duckdb
import pyarrow as pa

from skyhouse.columns import Column
from skyhouse.engine.base import Job
from skyhouse.engine.duck.functions import Called, make_function, raised, renamed
from skyhouse.engine.duck.types import quoted, sql_type
from skyhouse.engine.results import as_reader
from skyhouse.errors import EngineError, OutOfMemory, SettingsError
from skyhouse.query.relation import Part, Scan, Statement
from skyhouse.settings import Settings

__all__ = ["DuckEngine", "RowQuery", "view_sql"]

# Rows keep the order of the files, so that a LIMIT without ORDER BY gives the same rows every time. Footers are read
# once. Names in SQL never reach Python variables, and no extension is fetched or loaded behind the user's back.
# After these no statement can change the configuration. GLOBAL, since cursors do not inherit what is set of a session.
_SETUP = """
SET GLOBAL parquet_metadata_cache = true;
SET GLOBAL python_enable_replacements = false;
SET GLOBAL TimeZone = 'UTC';
SET GLOBAL enable_external_access = false;
SET allowed_configs = ['enable_progress_bar', 'enable_progress_bar_print', 'progress_bar_time'];
SET lock_configuration = true;
"""
# A cursor counts what it has done; nothing is printed.
_COUNTING = "SET enable_progress_bar = true; SET enable_progress_bar_print = false; SET progress_bar_time = 0;"

# DuckDB quotes the SQL that it was given, which is not what the user wrote.
_GONE = re.compile("No files found that match the pattern|No such file or directory")
_LOWERED = re.compile(r"\s*\n+LINE \d+:.*", re.DOTALL)


class DuckEngine:
    """Runs statements on DuckDB; safe to use from several threads at once.

    The database is made at first use, with the settings' `threads`, `memory_limit` ("2GB"; DuckDB's own default is
    80% of the machine) and `spill_folder` (a temporary folder by default), where what outgrows memory goes.

    Nothing outside of `folders`, and of the folders of the files that statements were given to read, can be read or
    written, whatever the SQL says. DuckDB fixes these when it starts, so a further folder makes a new database; what
    runs on the one before goes on there.
    """

    name: ClassVar[str] = "duckdb"

    def __init__(self, settings: Settings, folders: Iterable[str | os.PathLike[str]] = ()) -> None:
        self.settings = settings
        self._folders = {_folder(os.fspath(folder)) for folder in folders}
        self._lock = threading.Lock()
        self._database: duckdb.DuckDBPyConnection | None = None
        self._jobs: weakref.WeakSet[Job] = weakref.WeakSet()
        self._numbers = itertools.count(1)
        self._lent: list[Called] = []

    def batches(self, statement: Statement, batch_rows: int = 131_072, job: Job | None = None) -> pa.RecordBatchReader:
        """Run the statement and stream its rows in batches of at most `batch_rows`.

        Raises OutOfMemory, OutOfTime and EngineError, also while the stream is read.
        """
        cursor, running = self._cursor(statement), job or Job()
        functions = self._functions(statement, running)
        with self._lock:
            self._jobs.add(running)

        def start() -> pa.RecordBatchReader:
            cursor.execute(_COUNTING)
            return self._relation(cursor, statement, functions).to_arrow_reader(batch_rows)

        def rows() -> Iterator[pa.RecordBatch]:
            while (batch := running.do(lambda: next(reader, None))) is not None:
                yield batch
            for function in functions:
                cursor.remove_function(function.name)

        try:
            running.begin(cursor.interrupt, lambda: _share(cursor))
            reader = running.do(start)
        except BaseException as error:
            running.end()
            if isinstance(error, duckdb.Error):
                raise self._translated(error) from error
            raise
        return as_reader(reader.schema, rows(), statement.columns, self._translated, running)

    def native(self, statement: Statement) -> duckdb.DuckDBPyRelation:
        """Return the statement as a DuckDB relation, not yet run; it stays usable after the engine is closed.

        One that calls users' functions is usable as long as the engine is there. Raises EngineError.
        """
        functions = self._functions(statement)
        self._lent += functions
        try:
            return self._relation(self._cursor(statement), statement, functions)
        except duckdb.Error as error:
            raise self._translated(error) from error

    def plan(self, statement: Statement) -> str:
        """Return DuckDB's own plan of a statement. Raises EngineError."""
        cursor = self._cursor(statement)
        try:
            return self._relation(cursor, statement, self._functions(statement)).explain()
        except duckdb.Error as error:
            raise self._translated(error) from error

    @property
    def running(self) -> bool:
        """Whether the database is there."""
        return self._database is not None

    def cancel(self) -> None:
        """Stop every statement that runs now; their readers raise EngineError."""
        with self._lock:
            jobs = list(self._jobs)
        for job in jobs:
            job.cancel()

    def close(self) -> None:
        """Stop what runs; the next use starts afresh.

        The memory is given back when the last relation that `native` gave is gone too.
        """
        self.cancel()
        with self._lock:
            self._database = None

    def _functions(self, statement: Statement, job: Job | None = None) -> list[Called]:
        """Return the users' functions of a statement, to be held as long as it may call them."""
        return [Called(call, f"{call.name}@{next(self._numbers)}", job) for call in statement.calls]

    def _relation(
        self, cursor: duckdb.DuckDBPyConnection, statement: Statement, functions: Sequence[Called]
    ) -> duckdb.DuckDBPyRelation:
        for scan in statement.scans:
            cursor.execute(view_sql(scan))
        for function in functions:
            make_function(cursor, function)
        return cursor.sql(renamed(statement.sql, {function.call.name: function.name for function in functions}))

    def _cursor(self, statement: Statement) -> duckdb.DuckDBPyConnection:
        files = (file for scan in statement.scans for part in scan.parts for file in part.files)
        with self._lock:
            held = tuple(self._folders)
            if further := {_folder(file.rpartition("/")[0]) for file in files if not file.startswith(held)}:
                self._folders |= further
                self._database = None
            if self._database is None:
                self._database = self._connect()
            return self._database.cursor()

    def _connect(self) -> duckdb.DuckDBPyConnection:
        folder = self.settings.spill_folder or str(Path(tempfile.gettempdir()) / f"skyhouse-spill-{os.getpid()}")
        config: dict[str, str | bool | int | float | list[str]] = {
            "threads": self.settings.threads,
            "temp_directory": folder,
            "autoload_known_extensions": False,
            "autoinstall_known_extensions": False,
            "allow_community_extensions": False,
            "allow_persistent_secrets": False,
        }
        if self.settings.memory_limit:
            config["memory_limit"] = self.settings.memory_limit
        try:
            database = duckdb.connect(":memory:", config=config)
            allowed = [one for folder in sorted(self._folders) for one in dict.fromkeys((folder, _exact(folder)))]
            database.execute(f"SET GLOBAL allowed_directories = [{', '.join(_text(one) for one in allowed)}]")
            database.execute(_SETUP)
        except duckdb.Error as error:
            raise SettingsError(f"DuckDB does not take the settings {config}: {error}") from error
        return database

    def _translated(self, error: Exception) -> EngineError:
        # A stream's errors come through Arrow's C interface as OSError, with DuckDB's own words.
        text = _LOWERED.sub("", str(error))
        if (of_function := raised(text)) is not None:
            return of_function
        text = text.replace("Could not convert string '?", "Could not convert string '")  # only makes a text no number
        if isinstance(error, duckdb.OutOfMemoryException) or text.startswith("Out of Memory"):
            limit = self.settings.memory_limit or "80% of the machine's memory"
            return OutOfMemory(
                f"DuckDB needs more memory than its limit ({limit}): raise memory_limit, point spill_folder at a disk "
                f"with more room, or run the query on Spark. {text}"
            )
        if _GONE.search(text):
            return EngineError(
                f"a file is gone: its table was dropped or vacuumed while the query ran, which may be run again. {text}"
            )
        return EngineError(f"DuckDB: {text}")


class RowQuery:
    """A statement over one relation, asked of Arrow batches of its rows, in whatever process it is; it pickles.

    Of a batch it reads the `columns` only. Its database is one of its own, in memory, on one thread.
    """

    def __init__(self, statement: Statement, columns: Iterable[str]) -> None:
        self._sql = statement.sql
        self._name = statement.scans[0].name
        self._calls = statement.calls
        self._functions: list[Called] = []
        self._columns = list(columns)
        self._database: duckdb.DuckDBPyConnection | None = None

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_database": None, "_functions": []}

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the statement's rows of a batch. Raises EngineError."""
        try:
            if self._database is None:
                self._database = duckdb.connect(":memory:", config={"threads": 1})
                self._database.execute(_SETUP)
                self._functions = [Called(call, call.name) for call in self._calls]
                for function in self._functions:
                    make_function(self._database, function)
            self._database.register(self._name, batch.select(self._columns))
            found = self._database.sql(self._sql).to_arrow_table().combine_chunks()
            self._database.unregister(self._name)
        except duckdb.Error as error:
            raise raised(str(error)) or EngineError(f"DuckDB: {_LOWERED.sub('', str(error))}") from error
        batches = found.to_batches()
        return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=found.schema)


def _share(cursor: duckdb.DuckDBPyConnection) -> tuple[float | None, str]:
    percent = cursor.query_progress()
    return (percent / 100, f"{percent:.0f}%") if 0 <= percent <= 100 else (None, "")


def view_sql(scan: Scan) -> str:
    """Return the statement that makes a scan's view: the columns it reads, of the files that hold them.

    Further parts are joined on the relation's key. A part without files stands for no rows.
    """
    first, *others = scan.parts
    held = {column.name: column for column in reversed(scan.relation.columns)}
    wanted = [held[name] for name in scan.columns] or [first.columns[0]]
    origin = {name: number for number in reversed(range(len(scan.parts))) for name in scan.parts[number].names}
    selected = ", ".join(_selected(f"p{origin[c.name]}", c, scan.parts[origin[c.name]].foreign) for c in wanted)
    key = ", ".join(quoted(name) for name in scan.relation.join_key)
    source = f"{_source(first)} AS p0"
    for number, part in enumerate(others, 1):
        source += f" LEFT JOIN {_source(part)} AS p{number} USING ({key})"
    return f"CREATE TEMP VIEW {quoted(scan.name)} AS SELECT {selected} FROM {source}"


def _selected(source: str, column: Column, foreign: bool) -> str:
    """Return a column of the view; of foreign files a float in an expression whose extremes DuckDB does not know."""
    name = quoted(column.name)
    if foreign and column.type in ("float32", "float64"):
        return f"if({source}.{name} IS NULL, NULL, {source}.{name}) AS {name}"
    return f"{source}.{name}"


def _source(part: Part) -> str:
    if part.files:
        paths = ", ".join("'" + _exact(path).replace("'", "''") + "'" for path in part.files)
        ragged = ", union_by_name = true" if part.ragged else ""
        return f"read_parquet([{paths}], hive_partitioning = false{ragged})"
    nothing = ", ".join(f"CAST(NULL AS {sql_type(c.type)}) AS {quoted(c.name)}" for c in part.columns)
    return f"(SELECT {nothing} WHERE false)"


def _exact(path: str) -> str:
    """Return the pattern that only this path matches: as it is, a copy of the lake beside it may match too."""
    # In a pattern DuckDB parts folders at backslashes too; where none is found, it takes the path as it is.
    return path if "\\" in path else re.sub(r"([\[*?])", r"[\1]", path)


def _folder(path: str) -> str:
    return path if path.endswith("/") else f"{path}/"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
