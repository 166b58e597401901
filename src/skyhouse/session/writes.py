"""Statements that write, run: a query's rows become a table, or more rows of one, by one commit."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from skyhouse.columns import Column, columns_of
from skyhouse.errors import CommitConflict, InputError, TableExists, UnknownTable, did_you_mean
from skyhouse.lake.commit import commit
from skyhouse.lake.definition import Definition
from skyhouse.lake.draft import Draft
from skyhouse.lake.lineage import Source
from skyhouse.lake.registry import Registry
from skyhouse.lake.table import DataFile, Table
from skyhouse.lake.writer import TableWriter, WrittenFile
from skyhouse.query.answer import Asked
from skyhouse.query.commands import Command, Create, Drop, Explain, Insert, Target
from skyhouse.query.fitting import fitted
from skyhouse.query.query import Query
from skyhouse.query.relation import Part, Relation, Scan, Statement
from skyhouse.session.context import SessionContext
from skyhouse.settings import Settings

__all__ = ["MODES", "Writes"]

MODES = ("create", "append", "replace")
_TRIES = 50


class Writes:
    """Writes the tables that the settings' `writable` names."""

    def __init__(self, registry: Registry, settings: Settings, context: SessionContext) -> None:
        self._registry = registry
        self._settings = settings
        self._context = context

    def run(self, command: Command, engine: str | None) -> Query:
        """Run a statement at once; return what came of it as a query of one row: table, rows, version.

        Of EXPLAIN the rows are the explanation's. Raises QueryError, UnknownName, InputError, LakeError, EngineError
        and their kin; after an error no table has changed.
        """
        if isinstance(command, Explain):
            told = self._context.explain(Query.checked(command.query, self._context, engine).tree, engine)
            return self._rows([{"what": what, "value": value} for what, value in told.rows()])
        if isinstance(command, Drop):
            return self._drop(command)
        query = Query.checked(command.query, self._context, engine, Asked(command.text))
        if isinstance(command, Insert):
            table = self._table(command.target)
            found = self._context.resolved(query.tree).columns
            tree = fitted(query.tree, found, table.columns, command.columns, table.name)
            rows = self.append(replace(query.then(tree), asked=query.asked), table, command.text)
            return self._outcome(table, rows)
        return self._create(command, query)

    def write(
        self,
        given: Any,
        name: str,
        *,
        key: Sequence[str] = (),
        sort: Sequence[str] = (),
        mode: str = "create",
        description: str = "",
    ) -> Table:
        """Write a query's rows, or those of anything that speaks Arrow, to a table; see `Lake.write`."""
        if mode not in MODES:
            raise InputError(f"mode is {', '.join(MODES)}, not {mode!r}{did_you_mean(mode, MODES)}")
        wanted = self._spelled(name, None)
        if mode == "append":
            if key or sort or description:
                raise InputError("key, sort and description are a new table's; leave them out to append")
            table = self._registry.table(wanted)
            self._check_ingested(table, None)
            self.append(given, table, "")
            return table
        self._check_ingested_name(wanted, None)
        if mode == "create" and self._registry.has(wanted):
            self._registry.check_free(wanted)
        shape = Definition(wanted, (), description=description)
        return self._made(given, shape, tuple(key), tuple(sort) or tuple(key), "", over=mode == "replace")[0]

    def drop(self, name: str) -> None:
        """Delete a table; see `Lake.drop`."""
        wanted = self._spelled(name, None)
        self._check_ingested(self._registry.table(wanted), None)
        self._registry.drop(wanted)

    def name_for(self, name: str) -> str:
        """Return the full name of a table to be made, as the lake spells it; see `Lake.apply`."""
        wanted = self._spelled(name, None)
        self._check_ingested_name(wanted, None)
        return wanted

    def check_schema(self, schema: str, target: Target | None = None) -> None:
        """Raise InputError (QueryError in a statement) for a schema that may not be written, in any case."""
        writable = self._settings.writable
        if writable == "*" or schema.lower() in {one.lower() for one in writable}:
            return
        only = f"only {', '.join(writable)}" if writable else "nor any other"
        raise _refused(f"schema {schema!r} cannot be written here, {only} (the setting writable)", target)

    def append(self, given: Any, table: Table, text: str) -> int:
        """Add rows to a table in one commit; return how many there were."""
        definition = table.definition
        reader = self._reader(given, definition.sort)
        with TableWriter(definition, table.path) as writer:
            rows = _fill(writer, _in_order(reader, definition.columns))
            files = writer.close()
            self._join(table, definition, files, text)
        return rows

    def _join(self, table: Table, definition: Definition, files: list[WrittenFile], text: str) -> None:
        for _ in range(_TRIES):
            version = table.refresh().version
            if table.definition != definition:
                raise CommitConflict(f"table {table.name} was replaced while rows for it were made; run it again")
            self._check_key(table, files)
            try:
                commit(table, files, expect=version, note=_note(text))
            except CommitConflict:
                continue
            return
        raise CommitConflict(f"table {table.name}: other writers were faster {_TRIES} times in a row; retry later")

    def _check_key(self, table: Table, files: list[WrittenFile]) -> None:
        """Refuse rows whose key the table has already, or that come twice."""
        key = table.definition.key
        added = sum(file.rows for file in files)
        if not key or not added:
            return
        columns = tuple(column for column in table.columns if column.name in key)
        new = _relation("new", columns, [str(table.path / file.name) for file in files])
        old = _relation("old", columns, [file.path for file in table.files() if _may_meet(file, files, key)])
        names = ", ".join(_quoted(name) for name in key)
        twice = f"SELECT {names} FROM new GROUP BY {names} HAVING count(*) > 1"
        sql = f"({twice} LIMIT 1) UNION ALL (SELECT {names} FROM new JOIN old USING ({names}) LIMIT 1)"
        scans = tuple(Scan(one.name, one, key) for one in (new, old))
        for found in self._context.ask(Statement(sql, "duckdb", scans, ())).read_all().to_pylist():
            row = ", ".join(f"{name}={value!r}" for name, value in found.items())
            raise InputError(f"table {table.name}: a row with the key {row} would be there twice; leave it out")

    def _create(self, command: Create, query: Query) -> Query:
        target = command.target
        name = self._spelled(target.name, target)
        if self._registry.has(name) and not command.replace:
            if command.exist_ok:
                return self._outcome(self._registry.table(name), 0)
            problem = "CREATE OR REPLACE TABLE puts the rows in its place, INSERT INTO adds them"
            raise TableExists(f"table {name} is already there; {problem}")
        self._check_ingested_name(name, target)
        sort = query.sorted_by
        table, rows = self._made(query, Definition(name, ()), (), sort, command.text, over=command.replace)
        return self._outcome(table, rows)

    def _made(
        self, given: Any, shape: Definition, key: tuple[str, ...], sort: tuple[str, ...], text: str, *, over: bool
    ) -> tuple[Table, int]:
        reader = self._reader(given, sort)
        columns = tuple(_stored(column) for column in columns_of(reader.schema))
        properties = {"made_by": "query" if isinstance(given, Query) else "write"} | ({"query": text} if text else {})
        definition = replace(shape, columns=columns, key=key, sort=sort, properties=properties)
        with Draft(self._registry, definition) as draft, draft.writer() as writer:
            rows = _fill(writer, _in_order(reader, columns))
            files = writer.close()
            return (draft.replace if over else draft.create)(files, _note(text)), rows

    def _reader(self, given: Any, sort: Sequence[str]) -> pa.RecordBatchReader:
        """Return the rows of a query, or of what speaks Arrow, in the order of a table."""
        if isinstance(given, Query):
            held = {column.name for column in given.columns}
            if sort and given.sorted_by[: len(sort)] != tuple(sort) and held.issuperset(sort):
                given = given.order_by(*(_quoted(name) for name in sort))
            return given.batches()
        if type(given).__module__.startswith("pandas"):
            rows = pa.Table.from_pandas(given, preserve_index=False)
        elif isinstance(given, pa.Table) or hasattr(given, "__arrow_c_stream__"):
            if isinstance(given, pa.RecordBatchReader) and not sort:
                return given
            rows = given if isinstance(given, pa.Table) else pa.table(given)
        else:
            raise InputError(f"a table is written from a query, Arrow, pandas or Polars, not {type(given).__name__}")
        if sort and set(sort) <= set(rows.column_names):
            rows = rows.sort_by([(name, "ascending") for name in sort])
        return pa.RecordBatchReader.from_batches(rows.schema, rows.to_batches(131_072))

    def _drop(self, command: Drop) -> Query:
        try:
            table = self._table(command.target)
        except UnknownTable:
            if not command.missing_ok:
                raise
            return self._rows([{"table": command.target.name, "rows": 0, "version": None}])
        outcome = self._outcome(table, table.rows)
        self._registry.drop(table.name)
        return outcome

    def _table(self, target: Target) -> Table:
        name = self._spelled(target.name, target)
        if not self._registry.has(name):
            hint = did_you_mean(name, self._registry.names())
            raise UnknownTable(str(target.fault(f"no table {name!r} in the lake that can be written{hint}")))
        table = self._registry.table(name)
        self._check_ingested(table, target)
        return table

    def _spelled(self, name: str, target: Target | None) -> str:
        """Return a table's full name as the lake spells it; raise QueryError where it may not be written."""
        writable = self._settings.writable
        schema, dot, short = name.rpartition(".")
        if not dot and writable != "*" and len(writable) == 1:
            schema, dot = writable[0], "."
        if not dot or "." in schema or not Registry.is_name(f"{schema}.{short}"):
            raise _refused(f"a table is named schema.table (letters, digits and _), not {name!r}", target)
        self.check_schema(schema, target)
        known = {one.lower(): one for one in (writable if writable != "*" else ())}
        known |= {one.lower(): one for held in self._registry.names() for one in (held, held.partition(".")[0])}
        schema = known.get(schema.lower(), schema)
        full = f"{schema}.{short}"
        if (found := known.get(full.lower())) is not None:
            return found
        if any(full.lower() == held.lower() for held in self._context.attached.names()):
            raise _refused(f"{full} is attached, and read only; write another table", target)
        return full

    def _check_ingested_name(self, name: str, target: Target | None) -> None:
        if self._registry.has(name):
            self._check_ingested(self._registry.table(name), target)

    def _check_ingested(self, table: Table, target: Target | None) -> None:
        """Keep what a survey's ingest made, unless its schema is named."""
        if self._settings.writable == "*" and table.definition.properties.get("made_by") == "ingest":
            schema = table.name.partition(".")[0]
            problem = f"{table.name} is made by ingest and changed by it only; write another table"
            raise _refused(f"{problem}, or open the lake with writable=({schema!r},) to change it all the same", target)

    def _outcome(self, table: Table, rows: int) -> Query:
        return self._rows([{"table": table.name, "rows": rows, "version": table.version}])

    def _rows(self, rows: Sequence[dict[str, object]]) -> Query:
        return Query.of_rows(rows, self._context)


def _stored(column: Column) -> Column:
    """Return a result's column as Delta can hold it: it has no unsigned numbers."""
    return replace(column, type=column.type.replace("uint8", "int16"))


def _in_order(reader: pa.RecordBatchReader, columns: Sequence[Column]) -> Iterator[pa.Table]:
    """Yield the rows in few, large pieces, in the types of the table's columns."""
    types = {column.name: column.field().type for column in columns}
    for batch in reader:
        table = pa.Table.from_batches([batch])
        for place, field in enumerate(table.schema):
            due = types.get(field.name)
            if due is not None and field.type != due and pa.types.is_unsigned_integer(field.type):
                table = table.set_column(place, field.name, table.column(place).cast(due))
        yield table


def _fill(writer: TableWriter, tables: Iterator[pa.Table]) -> int:
    source, rows = Source(f"query-{uuid.uuid4()}"), 0
    for table in tables:
        writer.write(table, source)
        rows += table.num_rows
    return rows


def _relation(name: str, columns: tuple[Column, ...], files: Sequence[str]) -> Relation:
    return Relation(name, (Part(columns, tuple(files)),))


def _may_meet(held: DataFile, files: Sequence[WrittenFile], key: Sequence[str]) -> bool:
    """Whether a file of the table can hold a key of the new ones, as far as the extremes of its columns tell."""
    for name in key:
        least = [file.minimum.get(name) for file in files]
        most = [file.maximum.get(name) for file in files]
        bounds = (held.minimum.get(name), held.maximum.get(name))
        known = all(isinstance(value, (int, str)) for value in (*least, *most, *bounds))
        if known and (max(most) < bounds[0] or min(least) > bounds[1]):  # type: ignore[type-var, operator]
            return False
    return True


def _note(text: str) -> dict[str, str]:
    return {"task": "query", "query": text} if text else {"task": "write"}


def _refused(problem: str, target: Target | None) -> InputError:
    return target.fault(problem) if target is not None else InputError(problem)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
