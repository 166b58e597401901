"""Names to tables, columns and functions; types to expressions; and the gate: what the language lacks is refused here.

`resolve` takes the tree of a query and gives back a copy in which every table is a relation of the lake, every column
is qualified and spelled as its table spells it, ``*`` is written out, each result column has its name, and each
expression knows its kind (see `kinds`). All errors that a query can be blamed for are raised here, before any engine is
asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlglot import exp

from skyhouse.columns import Column
from skyhouse.errors import QueryError
from skyhouse.query import units
from skyhouse.query.clause import only
from skyhouse.query.expressions import Expressions
from skyhouse.query.grouping import check_grouping, group_keys, refuse_outside
from skyhouse.query.kinds import cast, common, with_kind
from skyhouse.query.ordering import first_of_each, tail
from skyhouse.query.parse import as_select, fault
from skyhouse.query.recursion import recursive
from skyhouse.query.registered import NONE, Registered
from skyhouse.query.registered_calls import used_in
from skyhouse.query.relation import Scan, Tables
from skyhouse.query.scope import Ctes, Scope, clause_of, with_names
from skyhouse.query.select_list import name_items, write_out_stars
from skyhouse.query.sources import Sources

__all__ = ["Resolved", "resolve"]

_SELECT = frozenset(
    "expressions from_ joins where group having qualify windows order limit offset distinct with_".split()
)
_AFTER_GROUPS = ("expressions", "having", "order")
_UNION = frozenset("this expression distinct with_ order limit offset".split())


@dataclass(frozen=True)
class Resolved:
    """A checked query: its tree, the relations it reads with the columns of each, and the columns of its result.

    `functions` are the registered ones that it calls, by their names in lower case.
    """

    tree: exp.Query
    scans: tuple[Scan, ...]
    columns: tuple[Column, ...]
    functions: Mapping[str, Registered] = field(default_factory=dict)

    def copy(self) -> Resolved:
        """Return the same query with a tree of its own, for one who uses it up."""
        return replace(self, tree=self.tree.copy())


def resolve(tree: exp.Query, tables: Tables, functions: Mapping[str, Registered] = NONE) -> Resolved:
    """Check a query against the tables and qualify every name in it; the tree that is passed stays as it is.

    `functions` are those that were registered, by their names in lower case. Raises QueryError, UnknownTable,
    UnknownColumn and UnknownFunction.
    """
    copy = tree.copy()
    resolver = _Resolver(tables, functions)
    try:
        columns = resolver.query(copy, None, {})
    except RecursionError as error:
        raise QueryError("the query is nested too deeply; split it by WITH") from error
    scans = tuple(
        Scan(relation.name, relation, tuple(c.name for c in relation.columns if c.name in resolver.sources.reads[name]))
        for name, relation in resolver.sources.relations.items()
    )
    return Resolved(copy, scans, columns, used_in(copy, functions))


class _Resolver:
    """Checks a query and the queries within it."""

    def __init__(self, tables: Tables, functions: Mapping[str, Registered]) -> None:
        self.sources = Sources(tables, self.query, functions)

    def query(self, node: exp.Expr, outer: Scope | None, ctes: Ctes) -> tuple[Column, ...]:
        ctes = self._with(node, outer, ctes)
        if isinstance(node, exp.Select):
            return self._select(node, outer, ctes)
        if isinstance(node, exp.SetOperation):
            return self._set_operation(node, outer, ctes)
        if isinstance(node, exp.Subquery):
            only(node, {"this", "order", "limit", "offset", "with_", "alias"}, "a query in parentheses")
            columns = self.query(node.this, outer, ctes)
            tail(node, Expressions(Scope([], None, ctes), self.query), columns, outputs_only=True)
            return columns
        if isinstance(node, exp.Values):
            select = as_select(node)
            node.replace(select)
            return self._select(select, outer, ctes)
        raise fault(QueryError, f"{type(node).__name__.upper()} cannot be used as a query here", node)

    def _with(self, node: exp.Expr, outer: Scope | None, ctes: Ctes) -> Ctes:
        clause = node.args.get("with_")
        if clause is None:
            return ctes
        ctes = dict(ctes)
        named: set[str] = set()
        for cte in clause.expressions:
            name = cte.args["alias"].this
            given = cte.args["alias"].args.get("columns") or []
            if clause.args.get("recursive"):
                columns = recursive(cte, given, self.query, outer, ctes)
            else:
                columns = self.query(cte.this, outer, ctes)
            if given and not cte.meta.get("steps"):
                columns = with_names(columns, given, name.name)
                written_out = [exp.to_identifier(column.name, quoted=True) for column in columns]
                cte.args["alias"].set("columns", written_out)
            if "." in name.name:
                raise fault(QueryError, f"{name.name!r} cannot name a query of WITH: only tables have a dot", name)
            if name.name.lower() in named:
                raise fault(QueryError, f"two queries of WITH are called {name.name!r}", name)
            named.add(name.name.lower())
            ctes[name.name.lower()] = columns
            name.set("quoted", True)
        return ctes

    def _set_operation(self, node: exp.SetOperation, outer: Scope | None, ctes: Ctes) -> tuple[Column, ...]:
        only(node, _UNION, "a set operation")
        left, right = self.query(node.left, outer, ctes), self.query(node.right, outer, ctes)
        word = type(node).__name__.upper()
        if len(left) != len(right):
            problem = f"the sides of {word} have {len(left)} and {len(right)} columns; they need the same number"
            raise fault(QueryError, problem, node.right)
        merged = []
        for a, b in zip(left, right, strict=True):
            together = common(a.type, b.type)
            if together is None:
                raise fault(
                    QueryError,
                    f"{word} of {a.name!r} ({a.type}) and {b.name!r} ({b.type}): cast one of them",
                    node.right,
                )
            merged.append(units.either(a, b, together))
        columns = tuple(merged)
        _conform(node.left, left, columns)
        _conform(node.right, right, columns)
        tail(node, Expressions(Scope([], None, ctes), self.query), columns, outputs_only=True)
        return columns

    def _select(self, node: exp.Select, outer: Scope | None, ctes: Ctes) -> tuple[Column, ...]:
        only(node, _SELECT, "SELECT")
        scope = self.sources.of(node, outer, ctes)
        checked = Expressions(scope, self.query, self.sources.functions)
        write_out_stars(node, scope, self.sources.functions)
        name_items(node, scope)
        named = [item for item in node.expressions if item.meta.pop("named", False)]
        scope.aliases = {item.alias.lower(): item.this.copy() for item in named}
        if (where := node.args.get("where")) is not None:
            checked.condition(where, "WHERE")
        for window in node.args.get("windows") or []:
            checked.window(window)
            checked.windows[window.name.lower()] = window
        columns = tuple(checked.output(item) for item in node.expressions)
        grouped = group_keys(node, checked)
        for clause in ("having", "qualify"):
            if (found := node.args.get(clause)) is not None:
                checked.condition(found, clause.upper())
        distinct = node.args.get("distinct")
        if distinct is not None and distinct.args.get("on"):
            first_of_each(node, checked, columns)
            distinct = None
        # Such groups are picked by a query around them (see `shapes`), which orders by what is in the result.
        picked = node.args.get("qualify") is not None and (grouped is not None or checked.aggregates)
        tail(node, checked, columns, outputs_only=distinct is not None or picked)
        if grouped is not None or checked.aggregates or node.args.get("having"):
            node.meta["groups"] = True
            node.meta["lent"] = any(clause_of(column, node) in _AFTER_GROUPS for column in scope.lent)
            check_grouping(node, grouped or [], scope)
            refuse_outside(node, scope)
        return columns


def _conform(side: exp.Expr, columns: tuple[Column, ...], wanted: tuple[Column, ...]) -> None:
    """Cast the columns of one side of a set operation where the sides' types differ."""
    if all(have.type in (want.type, "null") for have, want in zip(columns, wanted, strict=True)):
        return
    items: list[exp.Expr] = []
    for have, want in zip(columns, wanted, strict=True):
        column = exp.column(exp.to_identifier(have.name, quoted=True), table=exp.to_identifier("side", quoted=True))
        items.append(exp.alias_(cast(with_kind(column, have.type), want.type), have.name, quoted=True))
    outer = exp.Select(expressions=items)
    side.replace(outer)
    inner = side.this if isinstance(side, exp.Subquery) and not side.args.get("order") else side
    outer.set(
        "from_",
        exp.From(this=exp.Subquery(this=inner, alias=exp.TableAlias(this=exp.to_identifier("side", quoted=True)))),
    )
