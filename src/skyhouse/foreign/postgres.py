"""PostgreSQL servers: what tables they have, and rows of these as Parquet files, through ADBC.

==========================================  ===============================================================
PostgreSQL                                  Skyhouse
==========================================  ===============================================================
smallint, integer, bigint                   int16, int32, int64
real, double precision; numeric             float32, float64; float64
boolean, bytea                              bool, binary
text, varchar                               string
date, timestamp, timestamp with time zone   date, timestamp, timestamp in UTC; infinite ones are NULL
arrays of numbers, booleans, texts          lists; of more than one dimension, flat
all else (char(n), uuid, json, enums ...)   string, as PostgreSQL writes it
==========================================  ===============================================================
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from skyhouse.columns import Column, arrow_schema
from skyhouse.errors import (
    EngineError,
    InputError,
    MissingPackage,
    SkyhouseError,
    UnknownTable,
    did_you_mean,
)
from skyhouse.foreign.table import AttachedTable
from skyhouse.formats.stored import stored_array
from skyhouse.lake.attachments import Attachment
from skyhouse.query.pushdown import quoted, text
from skyhouse.query.relation import Part, Relation, Scan
from skyhouse.query.remote import Remote, RemoteColumn

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection

    from skyhouse.query.job import Job

__all__ = ["SCHEMES", "Server", "attachment"]

SCHEMES = ("postgresql://", "postgres://")
_OPTIONS = frozenset({"schema", "tables", "password_env", "timeout"})
_FRESH = 30.0  # seconds for which a list of tables is believed
_PLAIN = {
    "smallint": "int16",
    "integer": "int32",
    "bigint": "int64",
    "real": "float32",
    "double precision": "float64",
    "boolean": "bool",
    "text": "string",
    "character varying": "string",
    "bytea": "binary",
}
_TIMES = {
    "date": ("date", "DATE"),
    "timestamp without time zone": ("timestamp", "TIMESTAMP"),
    "timestamp with time zone": ("timestamp", "TIMESTAMPTZ"),
}
_CATALOG = """
SELECT n.nspname::text AS schema, c.relname::text AS name, c.reltuples::float8 AS rows,
    c.relpages::int8 * current_setting('block_size')::int8 AS bytes,
    a.attname::text AS column, format_type(b.oid, NULL)::text AS type, format_type(e.oid, NULL)::text AS element,
    coalesce(l.collisdeterministic, true) AS plain, col_description(c.oid, a.attnum)::text AS description,
    current_setting('server_encoding')::text AS encoding
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
JOIN pg_catalog.pg_type AS b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
LEFT JOIN pg_catalog.pg_type AS e ON e.oid = b.typelem AND b.typcategory = 'A'
LEFT JOIN pg_catalog.pg_collation AS l ON l.oid = a.attcollation
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
    AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
    AND has_schema_privilege(n.oid, 'USAGE') AND has_column_privilege(c.oid, a.attnum, 'SELECT'){only}
ORDER BY n.nspname <> 'public', n.nspname, c.relname, a.attnum
"""


def attachment(name: str, target: str, options: Mapping[str, Any]) -> Attachment:
    """Return the attachment of a server's tables, not yet kept.

    Raises InputError, for a password in the URL too: it would lie in the lake for all to read.
    """
    for option in options:
        if option not in _OPTIONS:
            near = did_you_mean(option, _OPTIONS)
            raise InputError(f"no option {option!r} for PostgreSQL{near}; it takes {', '.join(sorted(_OPTIONS))}")
    try:
        parts = urlsplit(target)
        secret = parts.password is not None or bool({"password", "passfile"} & parse_qs(parts.query).keys())
        _ = parts.port
    except ValueError as error:
        raise InputError(f"the URL of the server cannot be read: {error}") from error
    if secret:
        raise InputError(
            "a password in the URL would be kept in the lake for all to read: put it into ~/.pgpass or PGPASSWORD, or "
            "name an environment variable of yours, password_env='...'"
        )
    kept = dict(options)
    for option in ("schema", "password_env"):
        if not isinstance(kept.get(option, ""), str):
            raise InputError(f"{option} is a text, not {kept[option]!r}")
    tables = kept.get("tables")
    if tables is not None:
        kept["tables"] = [tables] if isinstance(tables, str) else [str(table) for table in tables]
    if not isinstance(kept.get("timeout", 0), (int, float)) or kept.get("timeout", 0) < 0:
        raise InputError(f"timeout is a number of seconds, not {kept['timeout']!r}")
    return Attachment(name, "postgres", target, kept)


@dataclass(frozen=True)
class _Entry:
    """One table there: what a list shows, and what a query asks of."""

    table: AttachedTable
    relation: Relation


class Server:
    """The tables of one server that are attached under one name. Threads may share it; it keeps one connection."""

    def __init__(self, attachment: Attachment) -> None:
        self.attachment = attachment
        self.title = _title(attachment.target)
        self._lock = threading.Lock()
        self._idle: Connection | None = None
        self._entries: dict[str, _Entry] = {}
        self._listed = -_FRESH

    def names(self) -> list[str]:
        """Return the names of the tables as last heard of."""
        return [entry.table.name for entry in self._entries.values()]

    def tables(self) -> list[AttachedTable]:
        """Return the tables there are now, by name. Raises EngineError, MissingPackage."""
        self._refresh()
        return [entry.table for entry in self._entries.values()]

    def relation(self, name: str) -> Relation:
        """Return a table by its name here. Raises UnknownTable, EngineError, MissingPackage."""
        low = name.lower()
        if time.monotonic() - self._listed > _FRESH or low not in self._entries:
            self._refresh()
        if low not in self._entries:
            known = self.names()
            raise UnknownTable(f"no table {name!r} on {self.title} that may be read{did_you_mean(name, known)}")
        return self._entries[low].relation

    def fetch(self, wanted: Mapping[Path, Scan], job: Job) -> None:
        """Write what the scans ask for, as of one moment, into these Parquet files.

        Rows go from the server to the file in batches; memory holds a few. Raises EngineError, UnknownTable,
        and what the job says where it is stopped.
        """
        live: list[Connection] = []
        done = [0]

        def work() -> None:
            # All in the job's own thread: where it is left behind, the connection is its own too.
            with self._connected() as connection:
                live.append(connection)
                try:
                    for file, scan in wanted.items():
                        _copy(connection, scan, file, done)
                finally:
                    live.clear()

        def stop() -> None:
            for connection in live:
                with contextlib.suppress(_errors()):  # it may just have ended
                    connection.adbc_cancel()

        job.begin(stop, lambda: (None, f"{done[0]:,} rows of {self.title}"))
        job.do(work)

    def close(self) -> None:
        """Give the connection back."""
        with self._lock:
            idle, self._idle = self._idle, None
        if idle is not None:
            idle.close()

    def _refresh(self) -> None:
        schema = self.attachment.options.get("schema")
        only = f" AND n.nspname = {text(schema)}" if schema else ""
        with self._connected() as connection, connection.cursor() as cursor:
            cursor.execute(_CATALOG.format(only=only))
            rows = cursor.fetch_arrow_table().to_pylist()
        grouped: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for row in rows:
            grouped.setdefault((row["schema"], row["name"]), []).append(row)
        entries: dict[str, _Entry] = {}
        for (of, table), columns in grouped.items():
            entry = self._entry(of, table, columns)
            entries.setdefault(entry.relation.name.lower(), entry)  # of names that are the same here the first counts
        self._entries = self._chosen(entries)
        self._listed = time.monotonic()

    def _chosen(self, entries: dict[str, _Entry]) -> dict[str, _Entry]:
        """Return the entries that the option `tables` names, or all of them."""
        wanted = self.attachment.options.get("tables")
        if wanted is None:
            return entries
        chosen = {}
        for table in wanted:
            short = (
                table if self.attachment.options.get("schema") else table.removeprefix("public.").replace(".", "_", 1)
            )
            key = f"{self.attachment.name}.{short}".lower()
            if key not in entries:
                near = did_you_mean(short, [known.partition(".")[2] for known in entries])
                raise UnknownTable(f"{self.title} has no table {table!r} that may be read{near}")
            chosen[key] = entries[key]
        return chosen

    def _entry(self, schema: str, table: str, found: list[dict[str, Any]]) -> _Entry:
        inside = schema in ("public", self.attachment.options.get("schema"))
        name = f"{self.attachment.name}.{table if inside else f'{schema}_{table}'}"
        columns, asked, lowered = [], {}, set()
        notes = []
        for row in found:
            column = row["column"]
            if column.lower() in lowered:
                notes.append(f"column {column!r} left out: another has its name but for case")
                continue
            lowered.add(column.lower())
            kind, asked[column] = _column(row)
            columns.append(Column(column, kind, description=row["description"] or ""))
        rows, size = max(int(found[0]["rows"]), 0), found[0]["bytes"]
        source = f"{self.title} {schema}.{table}"
        remote = Remote(self.attachment.name, f"{quoted(schema)}.{quoted(table)}", asked)
        relation = Relation(name, (Part(tuple(columns), ()),), rows=rows, attached=source, remote=remote)
        return _Entry(AttachedTable(name, tuple(columns), rows, size, source, tuple(notes)), relation)

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """Give a connection inside a transaction that reads one state and changes nothing."""
        with self._lock:
            idle, self._idle = self._idle, None
        try:
            connection = self._begun(idle)
            try:
                yield connection
                _run(connection, "ROLLBACK")
            except BaseException:
                connection.close()
                raise
        except SkyhouseError:
            raise
        except Exception as error:
            translated = self._translated(error)
            if translated is None:
                raise
            raise translated from error
        with self._lock:
            taken = self._idle is not None
            if not taken:
                self._idle = connection
        if taken:
            connection.close()

    def _begun(self, connection: Connection | None) -> Connection:
        if connection is not None:
            try:
                _run(connection, _BEGIN)
                return connection
            except _errors():
                connection.close()  # the server has let go of it; ask again
        connection = self._connect()
        try:
            _run(connection, "SET standard_conforming_strings = on")
            _run(connection, "SET client_encoding = 'UTF8'")
            _run(connection, "SET TimeZone = 'UTC'")
            _run(connection, "SET search_path = pg_catalog, public")
            _run(connection, f"SET statement_timeout = {int(1000 * self.attachment.options.get('timeout', 0))}")
            _run(connection, _BEGIN)
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect(self) -> Connection:
        try:
            from adbc_driver_postgresql import dbapi
        except ImportError as error:
            raise MissingPackage("PostgreSQL needs a driver: pip install 'skyhouse[postgres]'") from error
        url = self.attachment.target
        variable = self.attachment.options.get("password_env")
        if variable:
            if variable not in os.environ:
                raise EngineError(
                    f"{self.title}: the environment has no {variable} (password_env of {self.attachment.name})"
                )
            url = _with_password(url, os.environ[variable])
        opened: Connection = dbapi.connect(url, autocommit=True)
        return opened

    def _translated(self, error: Exception) -> Exception | None:
        """Return our error for one of the driver's, None for any other."""
        told = str(error)
        # In mid-stream they come through Arrow's C interface as OSError, with the driver's own words.
        if not isinstance(error, _errors()) and "[libpq]" not in told:
            return None
        found = re.search(r"(?:ERROR|FATAL): +(.*?)(?:\n|$)", told)
        reason = found[1] if found else told.partition("failed: ")[2].partition("\n")[0] or told.partition("\n")[0]
        problem = f"{self.title}: {reason}"
        if getattr(error, "sqlstate", None) in ("42P01", "42703"):
            self._listed = -_FRESH
            return UnknownTable(f"{problem}; the table was changed there: ask again")
        if reason.startswith("canceling statement due to statement timeout"):
            # Not OutOfTime: another engine would have to wait as long.
            return EngineError(f"{problem}: raise timeout of {self.attachment.name}, or ask for less")
        if "Failed to connect" in told:
            return EngineError(f"{problem}{_mend(reason)}")
        return EngineError(problem)


_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


def _mend(reason: str) -> str:
    if "password" in reason or "fe_sendauth" in reason:
        return "; put the password into ~/.pgpass or PGPASSWORD, or attach with password_env"
    if "refused" in reason or "timed out" in reason or "translate host" in reason:
        return "; is the server up, and reachable from here?"
    return ""


def _errors() -> type[Exception]:
    from adbc_driver_manager import Error

    found: type[Exception] = Error
    return found


def _run(connection: Connection, statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _copy(connection: Connection, scan: Scan, file: Path, done: list[int]) -> None:
    """Write one request's rows into a file."""
    assert scan.request is not None
    held = {column.name: column for column in scan.relation.columns}
    schema = arrow_schema([held[name] for name in scan.request.columns])
    with connection.cursor() as cursor:
        cursor.execute(scan.request.sql)
        reader = cursor.fetch_record_batch()
        with pq.ParquetWriter(file, schema, compression="lz4") as writer:
            for batch in reader:
                arrays = [stored_array(array, one.type) for array, one in zip(batch.columns, schema, strict=True)]
                writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
                done[0] += batch.num_rows


def _column(row: Mapping[str, Any]) -> tuple[str, RemoteColumn]:
    """Return our type of a server's column, and how it is asked for."""
    name, kind, element = quoted(row["column"]), row["type"], row["element"]
    by_bytes = row["encoding"] == "UTF8"
    if element is not None:
        if element in _PLAIN:
            return f"list<{_PLAIN[element]}>", RemoteColumn(name)
        return (
            ("list<float64>", RemoteColumn(f"{name}::float8[]")) if element == "numeric" else _as_text(name, by_bytes)
        )
    if kind in ("text", "character varying"):
        collated = f'({name} COLLATE "C")'
        return "string", RemoteColumn(name, name if row["plain"] else collated, collated if by_bytes else "")
    if kind == "bytea":
        return "binary", RemoteColumn(name)
    if kind in _PLAIN:
        return _PLAIN[kind], RemoteColumn(name, name, name)
    if kind == "numeric":
        double = f"({name}::float8)"
        return "float64", RemoteColumn(double, double, double)
    if kind in _TIMES:
        ours, literal = _TIMES[kind]
        value = f"{name} AT TIME ZONE 'UTC'" if literal == "TIMESTAMPTZ" else name
        return ours, RemoteColumn(f"(CASE WHEN isfinite({name}) THEN {value} END)", name, name, literal)
    return _as_text(name, by_bytes)


def _as_text(name: str, by_bytes: bool) -> tuple[str, RemoteColumn]:
    value = f"({name}::text)"
    return "string", RemoteColumn(value, value, f'({name}::text COLLATE "C")' if by_bytes else "")


def _title(target: str) -> str:
    parts = urlsplit(target)
    return f"PostgreSQL {parts.hostname or 'here'}{f':{parts.port}' if parts.port else ''}{unquote(parts.path)}"


def _with_password(url: str, password: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}password={quote(password, safe='')}"
