"""FROM: what each of its parts reads, and how joins put them side by side.

`HANDLERS` says by type of node what may stand in FROM, `CALLS` by name which functions may. A handler checks its node,
puts in its place what both engines read, and returns the `Source`: an alias and its columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from skyhouse.columns import Column
from skyhouse.errors import QueryError, UnknownTable, did_you_mean
from skyhouse.query.asof import check_asof
from skyhouse.query.clause import CLAUSES, only
from skyhouse.query.expressions import Expressions
from skyhouse.query.kinds import cast, with_kind
from skyhouse.query.parse import fault
from skyhouse.query.registered import Registered
from skyhouse.query.relation import Relation, Tables
from skyhouse.query.sample import sampled
from skyhouse.query.scope import AskQuery, Ctes, Scope, Source, named_source
from skyhouse.query.unnest import lateral, series, unnested

__all__ = ["CALLS", "HANDLERS", "Handler", "Sources"]

_JOIN_KINDS = frozenset({"", "INNER", "OUTER", "CROSS", "SEMI", "ANTI"})
_JOIN_SIDES = frozenset({"", "LEFT", "RIGHT", "FULL"})


@dataclass
class Sources:
    """Reads the FROM of every SELECT of one query; `relations` and `reads` are the tables and columns that it found.

    `ask` checks a query within it and returns that one's columns.
    """

    tables: Tables
    ask: AskQuery
    functions: Mapping[str, Registered] = field(default_factory=dict)
    relations: dict[str, Relation] = field(default_factory=dict)
    reads: dict[str, set[str]] = field(default_factory=dict)

    def of(self, node: exp.Select, outer: Scope | None, ctes: Ctes) -> Scope:
        """Check a SELECT's FROM and joins and return what it can see."""
        scope = Scope([], outer, ctes)
        clause = node.args.get("from_")
        if clause is not None:
            scope.add(self.source(clause.this, scope), clause.this)
        for join in node.args.get("joins") or []:
            self._join(join, scope)
        return scope

    def source(self, node: exp.Expr, scope: Scope) -> Source:
        """Check one part of FROM; `scope` holds those before it."""
        handler = HANDLERS.get(type(node))
        if handler is None:
            raise fault(QueryError, f"FROM takes tables and queries, not {type(node).__name__.upper()}", node)
        source = handler(self, node, scope)
        if (sample := node.args.get("sample")) is not None:
            node.set("sample", None)
            sampled(node, sample, source)
        return source

    def _join(self, join: exp.Join, scope: Scope) -> None:
        only(join, {"this", "side", "kind", "on", "using", "method"}, "JOIN")
        side, kind, method = join.side.upper(), join.kind.upper(), join.method.upper()
        if kind not in _JOIN_KINDS or side not in _JOIN_SIDES:
            raise fault(QueryError, f"{f'{side} {kind}'.strip()} JOIN is not part of the language yet", join.this)
        if kind in ("SEMI", "ANTI") and side == "RIGHT":
            raise fault(QueryError, f"RIGHT {kind} JOIN is not part of the language; turn the sides round", join.this)
        source = self.source(join.this, scope)
        using = self._using(join, method, source, scope)
        conditions = [scope.merge(source, name, side) for name in using]
        scope.add(source, join.this)
        if conditions:
            join.set("using", None)
            join.set("on", exp.and_(*conditions, copy=False))
        on = join.args.get("on")
        if on is None and (kind in ("SEMI", "ANTI") or side):
            raise fault(QueryError, "this JOIN needs ON or USING", join.this)
        if on is not None:
            Expressions(scope, self.ask, self.functions).condition(join, "ON", "on")
        elif kind == "":
            join.set("kind", "CROSS")
        if method == "ASOF":
            check_asof(join, source)
        if kind in ("SEMI", "ANTI"):
            source.hidden = True
            join.set("side", "LEFT")

    @staticmethod
    def _using(join: exp.Join, method: str, source: Source, scope: Scope) -> list[exp.Expr]:
        """Return the columns of USING; those that both sides have are a NATURAL JOIN's."""
        using: list[exp.Expr] = join.args.get("using") or []
        if method == "NATURAL":
            join.set("method", None)
            shared: list[exp.Expr] = [exp.to_identifier(name) for name in scope.shared(source)]
            if shared:
                return shared
            problem = f"NATURAL JOIN: {source.title} has no column of the tables before it; write ON or CROSS JOIN"
            raise fault(QueryError, problem, join.this)
        if method == "ASOF" and using:
            problem = "ASOF JOIN takes ON, not USING: ON a.key = b.key AND a.time >= b.time"
            raise fault(QueryError, problem, join.this)
        if method not in ("", "ASOF"):
            raise fault(QueryError, f"{method} JOIN is not part of the language", join.this)
        return using


Handler = Callable[[Sources, exp.Expr, Scope], Source]


def _query(sources: Sources, node: exp.Expr, scope: Scope) -> Source:
    only(node, {"this", "alias", "sample"}, "a query in FROM")
    outer = scope.outer if node.meta.get("open") else None
    return named_source(node, sources.ask(node.this, outer, scope.ctes), scope.unused("query"))


def _values(sources: Sources, node: exp.Expr, scope: Scope) -> Source:
    """Put a query that gives each column of VALUES its type in their place."""
    only(node, {"expressions", "alias"}, "VALUES")
    rows = [row.expressions if isinstance(row, exp.Tuple) else [row.unnest()] for row in node.expressions]
    width = len(rows[0])
    checked = Expressions(Scope([], None, scope.ctes), sources.ask, sources.functions, clause=CLAUSES["VALUES"])
    for row, found in zip(node.expressions, rows, strict=True):
        if len(found) != width:
            raise fault(QueryError, f"the first row of VALUES has {width} values, and this one {len(found)}", row)
        for value in found:
            checked.visit(value)
    rows = [row.expressions if isinstance(row, exp.Tuple) else [row.unnest()] for row in node.expressions]
    kinds = [checked.together([row[place] for row in rows], "VALUES") for place in range(width)]
    names = [f"column{place + 1}" for place in range(width)]
    alias, listed = node.args.get("alias"), [exp.to_identifier(name, quoted=True) for name in names]
    items: list[exp.Expr] = []
    for name, kind in zip(names, kinds, strict=True):
        column = exp.column(exp.to_identifier(name, quoted=True), table=exp.to_identifier("rows", quoted=True))
        wanted = "string" if kind == "null" else kind
        items.append(exp.alias_(cast(with_kind(column, ""), wanted), name, quoted=True))
    outer = exp.Subquery(this=exp.Select(expressions=items), alias=alias)
    node.replace(outer)
    node.set("alias", exp.TableAlias(this=exp.to_identifier("rows", quoted=True), columns=listed))
    outer.this.set("from_", exp.From(this=node))
    columns = tuple(Column(name, kind) for name, kind in zip(names, kinds, strict=True))
    return named_source(outer, columns, scope.unused("values"))


def _table(sources: Sources, node: exp.Expr, scope: Scope) -> Source:
    if isinstance(node.this, exp.Anonymous):
        handler = CALLS.get(node.this.name.lower())
        if handler is not None:
            return handler(sources, node, scope)
    if not isinstance(node.this, exp.Identifier):
        problem = "FROM takes tables of the lake and queries; functions and files cannot be read by name"
        raise fault(QueryError, problem, node)
    only(node, {"this", "db", "alias", "sample"}, "a table")
    schema, short = node.args["db"].name if node.args.get("db") else "", node.name
    if not schema and short.lower() in scope.ctes:
        node.set("this", exp.to_identifier(short, quoted=True))
        return named_source(node, scope.ctes[short.lower()], short)
    name = f"{schema}.{short}" if schema else short
    try:
        relation = sources.tables.relation(full_name(sources.tables, name, bool(node.meta.get("release"))))
    except UnknownTable as error:
        known = [*sources.tables.names(), *scope.ctes]
        raise fault(UnknownTable, f"no table {name!r}{did_you_mean(name, known)}", node) from error
    except QueryError as error:
        raise fault(QueryError, error.problem, node) from error
    key = relation.name.lower()
    sources.relations.setdefault(key, relation)
    alias = relation.name.rpartition(".")[2]
    source = named_source(node, relation.columns, scope.unused(alias))
    source.relation = relation
    source.reads = sources.reads.setdefault(key, set())
    node.meta["place"] = (node.args.get("db") or node.this).meta.get("place")
    node.set("this", exp.to_identifier(relation.name, quoted=True))
    node.set("db", None)
    return source


def full_name(tables: Tables, name: str, release: bool = False) -> str:
    """Return a table's name with its schema, which may be left out where only one schema has such a table.

    Of a `release` of a survey (DR17.PhotoObj) the table is taken as it is here where no schema has the release's name.
    Raises QueryError where several schemas have it.
    """
    schema, _, short = name.rpartition(".")
    known = tables.names()
    if schema and (not release or any(one.lower() == name.lower() for one in known)):
        return name
    found = [one for one in known if one.rpartition(".")[2].lower() == short.lower()]
    if len(found) > 1:
        raise QueryError(f"table {short!r} is in several schemas; write one of {', '.join(found)}")
    return found[0] if found else name


HANDLERS: Mapping[type[exp.Expr], Handler] = {
    exp.Subquery: _query,
    exp.Table: _table,
    exp.Unnest: unnested,
    exp.Lateral: lateral,
    exp.Values: _values,
}
CALLS: Mapping[str, Handler] = {"generate_series": series, "range": series}
