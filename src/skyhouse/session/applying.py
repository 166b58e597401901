"""Functions applied to queries: the input resolved and cut into units, the tables made, the run begun."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace as changed
from typing import TYPE_CHECKING, Any

from skyhouse.columns import Column, arrow_schema, field_types, struct_type
from skyhouse.engine.duck import RowQuery
from skyhouse.errors import InputError, TableExists, UnknownTable
from skyhouse.lake.definition import Definition
from skyhouse.lake.draft import Draft
from skyhouse.lake.footers import Footers
from skyhouse.lake.lineage import Source, sources
from skyhouse.lake.registry import RUNS
from skyhouse.lake.table import Table
from skyhouse.objects.function import Function
from skyhouse.objects.named import FILE_MODULE, named_function
from skyhouse.objects.run import Plan, Progress, Run, limit_of
from skyhouse.objects.task import Input, Limit, Work
from skyhouse.objects.unit import Unit
from skyhouse.objects.units import units_of
from skyhouse.query.query import Query
from skyhouse.query.relation import ROW
from skyhouse.query.rowwise import RowWise, row_wise
from skyhouse.session.staging import staged
from skyhouse.session.statistics import LakeStatistics

if TYPE_CHECKING:
    from skyhouse.lake.registry import Registry
    from skyhouse.session.context import SessionContext
    from skyhouse.session.writes import Writes

__all__ = ["Applying"]

_FAILURE = (
    Column("exception", "string", description="the class of the exception"),
    Column("message", "string", description="what it says"),
    Column("traceback", "string", description="the last lines of the traceback"),
    Column("file", "string", description="the file of the input"),
    Column("row", "int64", description="the object's row in that file, from 0"),
)


class Applying:
    """Starts runs, and knows those that are under way."""

    def __init__(self, registry: Registry, context: SessionContext, writes: Writes) -> None:
        self._registry = registry
        self._context = context
        self._writes = writes
        self._runs: list[Run] = []

    def apply(
        self,
        function: Function,
        given: Query | str,
        into: str,
        *,
        key: Sequence[str] | str | None,
        engine: str | None,
        max_failures: float,
        timeout: float | None,
        replace: bool,
        progress: Callable[[Progress], None] | None,
    ) -> Run:
        """Start a run; see `Lake.apply`."""
        if not isinstance(function, Function):
            raise InputError(
                f"{function!r} is not declared: decorate it by skyhouse.function, which says what it returns"
            )
        query, key = self._asked(function, given, key)
        definition = _definition(self._writes.name_for(into), function, query, key)
        due = definition, _failures(definition)
        if timeout is not None and not timeout > 0:
            raise InputError(f"timeout={timeout!r}: it is seconds above 0, or None for as long as it takes")
        limit, runner = Limit(limit_of(max_failures)), self._context.runner(engine)
        self._check_apart(query, due)
        # Nothing is written, or replaced, before all that can be wrong with the call has been looked at.
        kept = [self._is_kept(one, replace=replace) for one in due]
        held = sources(self._registry.table(definition.name)) if kept[0] else {}
        source, units, ended = self._input(_narrowed(query, function, key), function, held)
        tables = self._made(due[0], replace=replace), self._made(due[1], replace=replace)
        held = sources(tables[0])
        work = Work(
            function,
            source,
            key,
            tables[0].definition,
            str(tables[0].path),
            tables[1].definition,
            str(tables[1].path),
            limit,
            timeout,
        )
        spool = self._registry.root / RUNS / uuid.uuid4().hex
        run = Run(work, Plan.of(units, held), tables, spool, runner, progress=progress, ended=ended)
        self._runs = [*(one for one in self._runs if one.status == "running"), run]
        return run.start()

    def refresh(
        self,
        name: str,
        function: Function | None,
        *,
        engine: str | None,
        max_failures: float,
        timeout: float | None,
        progress: Callable[[Progress], None] | None,
    ) -> Run:
        """Start a run for what is new in the input of a table; see `Lake.refresh`."""
        table = self._registry.table(name)
        made = table.definition.properties
        if made.get("made_by") != "apply":
            raise InputError(f"table {table.name} was not made by apply, so there is nothing to refresh it by")
        return self.apply(
            function or _found(made["function"], table.name),
            made["query"],
            table.name,
            key=json.loads(made["key"]),
            engine=engine,
            max_failures=max_failures,
            timeout=timeout,
            replace=False,
            progress=progress,
        )

    def planned(
        self, function: Function, given: Query | str, key: Sequence[str] | str | None
    ) -> tuple[Work, list[Unit]]:
        """Return what an apply would do, for `lake.estimate`: nothing is made, and the work has no folders."""
        query, key = self._asked(function, given, key)
        definition = _definition("estimate.objects", function, query, key)
        failures = _failures(definition)
        source, units, _ = self._input(_narrowed(query, function, key), function, {})
        return Work(function, source, key, definition, "", failures, "", Limit(1.0)), units

    def _asked(
        self, function: Function, given: Query | str, key: Sequence[str] | str | None
    ) -> tuple[Query, tuple[str, ...]]:
        if not isinstance(function, Function):
            raise InputError(f"{function!r} is not declared: skyhouse.function decorates it and says what it returns")
        query = self._query(given)
        if all(column.type for column in query.columns):
            function.check_inputs(arrow_schema(query.columns))
        return query, self._key(query, key)

    def _check_apart(self, query: Query, due: Sequence[Definition]) -> None:
        """Refuse a query that reads what is to be written."""
        written = {one.name.lower() for one in due}
        for scan in self._context.resolved(query.tree).scans:
            if scan.relation.name.lower() in written:
                raise InputError(f"the query reads {scan.relation.name}, which the run would write; name another table")

    def _input(
        self, query: Query, function: Function, held: Mapping[str, Source]
    ) -> tuple[Input, list[Unit], Callable[[], None] | None]:
        """Return how the query's rows are read, from which units, and what is to be called when all are done."""
        resolved, root = self._context.resolved(query.tree), self._registry.root
        # Footers are read anew: files of others change in place.
        statistics = LakeStatistics(self._context.tables.file, Footers(), seconds=float("inf"))
        found = row_wise(resolved)
        if found is not None:
            timed, columns = bool(found.scan.relation.attached), found.scan.columns
            units = units_of(found.part, columns, found.conditions, statistics, root, timed=timed)
            ask = None if found.statement is None else RowQuery(found.statement, (*found.read, ROW))
            return _pruned(found, ask, function), units, None
        tables = " ".join(f"{scan.relation.name}@{scan.relation.version}" for scan in resolved.scans)
        versions = f"{tables} {json.dumps(_called(query))}"
        rows = staged(query, versions, root, statistics, held)
        names = tuple(column.name for column in rows.columns)
        return Input(names, rows.columns, names), list(rows.units), rows.clear

    def close(self, *, cancel: bool = False) -> None:
        """Wait for the runs that are under way, or cancel them."""
        for run in self._runs:
            if cancel:
                run.cancel()
            run.join()
        self._runs = []

    def _query(self, given: Query | str) -> Query:
        if isinstance(given, Query):
            return given
        is_name = not any(letter.isspace() for letter in given.strip())
        return Query.of_table(given, self._context) if is_name else Query.of(given, self._context)

    def _key(self, query: Query, given: Sequence[str] | str | None) -> tuple[str, ...]:
        names = {column.name.lower(): column.name for column in query.columns}
        if given is None:
            scans = self._context.resolved(query.tree).scans
            try:
                wanted = self._registry.table(scans[0].relation.name).definition.key if len(scans) == 1 else ()
            except UnknownTable:  # an attached one
                wanted = ()
        else:
            wanted = (given,) if isinstance(given, str) else tuple(given)
        missing = [name for name in wanted if name.lower() not in names]
        if not wanted or missing:
            which = f"the query has no column {missing[0]!r}" if missing else "no column is known to identify an object"
            listed = ", ".join(names.values())
            raise InputError(f'{which}; name those that do: key=["object_id"] (the query has {listed})')
        return tuple(names[name.lower()] for name in wanted)

    def _is_kept(self, definition: Definition, *, replace: bool) -> bool:
        """Whether the table is there, and was made likewise; raises TableExists for another that is not to go."""
        if not self._registry.has(definition.name):
            return False
        held, due = self._registry.table(definition.name).definition.properties, definition.properties
        if held == due or replace:
            return held == due
        if held.get("made_by") != "apply":
            raise TableExists(f"table {definition.name} was not made by apply; replace=True would delete what is in it")
        raise TableExists(f"table {definition.name} {_difference(held, due)}; replace=True starts it anew")

    def _made(self, definition: Definition, *, replace: bool) -> Table:
        if self._registry.has(definition.name) and not self._is_kept(definition, replace=replace):
            with Draft(self._registry, definition) as draft:
                return draft.replace([], {"task": "apply"})
        return self._registry.create(definition, exist_ok=True)


def _difference(held: Mapping[str, str], due: Mapping[str, str]) -> str:
    for what in ("function", "digest", "query", "key", "functions"):
        if held.get(what) != due[what]:
            changes = {
                "function": "another function",
                "digest": "another version of the function",
                "functions": "another version of a function that the query calls",
            }
            return f"was made by {changes.get(what, f'another {what}')}"
    return "was made otherwise"


def _called(query: Query) -> dict[str, str]:
    """Return the registered functions that a query calls, each with what changes when it does."""
    found = query.context.resolved(query.tree).functions
    return {name: found[name].key for name in sorted(found)}


def _definition(name: str, function: Function, query: Query, key: tuple[str, ...]) -> Definition:
    columns = {column.name: column for column in query.columns}
    for column in function.returns:
        if column.name.lower() in {one.lower() for one in key}:
            raise InputError(f"function {function.name}: its column {column.name!r} has the name of a key column")
    if taken := [one for one in key if one.lower() in {column.name for column in _FAILURE}]:
        raise InputError(f"the key column {taken[0]!r} is also a column of the failures; rename it by AS")
    return Definition(
        name,
        (*(columns[one] for one in key), *function.returns),
        key=key,
        description=function.call.__doc__ or "",
        properties={
            "made_by": "apply",
            "function": f"{function.call.__module__}:{_named(function.call)}",
            "digest": function.digest,
            "query": query.text,
            "key": json.dumps(key),
            "functions": json.dumps(_called(query)),
        },
    )


def _named(call: Callable[..., Any]) -> str:
    """Return the name of a function, or of the class of what is called as one."""
    named: str = getattr(call, "__qualname__", type(call).__qualname__)
    return named


def _failures(definition: Definition) -> Definition:
    columns = tuple(column for column in definition.columns if column.name in definition.key)
    return changed(
        definition,
        name=f"{definition.name}__failures",
        columns=(*columns, *_FAILURE),
        key=(),
        description=f"Objects that are not in {definition.name} since the function failed for them.",
    )


def _narrowed(query: Query, function: Function, key: tuple[str, ...]) -> Query:
    """Return the query with no more columns than the function reads, where it says which."""
    if not function.inputs:
        return query
    names = [column.name for column in query.columns]
    read = {path if path in names else path.partition(".")[0] for path in function.inputs}
    wanted = [name for name in names if name in read or name in key]
    return query if wanted == names else query.select(*('"' + name.replace('"', '""') + '"' for name in wanted))


def _pruned(found: RowWise, ask: RowQuery | None, function: Function) -> Input:
    """Return how rows are read: of a struct, only the fields that the function names among its inputs."""
    names, columns = dict.fromkeys(found.read), []
    for column, source in zip(found.columns, found.sources, strict=True):
        paths = [path.split(".") for path in function.inputs if path.partition(".")[0] == column.name]
        fields = field_types(column.type) if column.type else None
        wanted = {path[1] for path in paths if len(path) > 1}
        whole = source is None or source in found.read or not fields or not paths or any(len(p) == 1 for p in paths)
        if not whole and fields and wanted <= {name for name, _ in fields}:
            kept = [(name, kind) for name, kind in fields if name in wanted]
            names |= dict.fromkeys(f"{source}.{name}" for name, _ in kept)
            columns.append(changed(column, type=struct_type(kept)))
        else:
            names |= {} if source is None else {source: None}
            columns.append(column)
    return Input(tuple(names), tuple(columns), found.sources, ask)


def _found(name: str, table: str) -> Function:
    """Return the function that a table names."""
    try:
        return named_function(name)
    except InputError as error:
        mend = f"give it: lake.refresh({table!r}, function), or skyhouse refresh {table} --function FILE.py:NAME"
        if "<" in name or name.startswith(FILE_MODULE):
            where = "was made by a call, or declared in a script, notebook or inside a function"
            raise InputError(f"the function of table {table} {where}, and is not kept with it; {mend}") from error
        raise InputError(f"the function of table {table} cannot be found by its name: {error}; {mend}") from error
