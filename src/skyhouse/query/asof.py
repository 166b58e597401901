"""ASOF joins: of the rows that fit, the one nearest in time (or in whatever is compared).

``a ASOF JOIN b ON a.k = b.k AND a.t >= b.t`` gives each row of a the row of b with the same k and the greatest b.t that
is not above a.t; with ``<=`` the least that is not below. Of several such rows it is the first by the columns of b: by
its key where b is a table that has one. DuckDB has such a join, and Spark is given a query for each row, which it
turns into a join and a window.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from skyhouse.errors import QueryError
from skyhouse.query.engines import Engine
from skyhouse.query.kinds import kind, with_kind
from skyhouse.query.parse import fault
from skyhouse.query.scope import Source

__all__ = ["check_asof", "nearest"]

_ORDERED = (exp.GT, exp.GTE, exp.LT, exp.LTE)
_HOW = "ASOF JOIN takes ON a.key = b.key AND a.time >= b.time: equalities, and one of >=, >, <=, <"


@dataclass(frozen=True)
class _Terms:
    """The right sides of the equalities, that of the one inequality, and whether its greatest value is wanted."""

    equal: list[exp.Expr]
    ordered: exp.Expr
    greatest: bool


def check_asof(join: exp.Join, source: Source) -> None:
    """Check the condition of an ASOF join, whose columns are known, and note what decides between equal rows.

    Raises QueryError for a condition of another form.
    """
    if join.side.upper() not in ("", "LEFT") or join.kind.upper() not in ("", "INNER", "OUTER"):
        raise fault(QueryError, "an ASOF JOIN is inner or LEFT", join.this)
    terms = _terms(join, source.alias)
    key = source.relation.join_key if source.relation is not None else ()
    known = {part.name for part in [*terms.equal, terms.ordered] if isinstance(part, exp.Column)}
    if key and set(key) <= known:
        return
    names = {name.lower() for name in key}
    chosen = [c for low, c in source.columns.items() if "<" not in c.type and (not names or low in names)]
    join.meta["ties"] = [(source.column(column).name, column.type) for column in chosen]


def nearest(join: exp.Join, engine: Engine) -> None:
    """Write an ASOF join as the engine has it."""
    alias = join.this.alias
    terms = _terms(join, alias)
    ties = [
        exp.Ordered(this=with_kind(exp.column(name, table=alias, quoted=True), found))
        for name, found in join.meta.get("ties", [])
    ]
    right, on = join.this, join.args["on"]
    named = exp.TableAlias(this=exp.to_identifier(alias, quoted=True))
    inner = exp.Select(expressions=[exp.Star()])
    if engine == "duckdb":
        if not ties:
            return
        number = with_kind(exp.Anonymous(this="row_number"), "int64")
        parts = [part.copy() for part in [*terms.equal, terms.ordered]]
        window = exp.Window(this=number, partition_by=parts, order=exp.Order(expressions=ties), over="OVER")
        first = exp.EQ(this=with_kind(window, "int64"), expression=with_kind(exp.Literal.number(1), "int64"))
        join.set("this", exp.Subquery(this=inner, alias=named))
        inner.set("qualify", exp.Qualify(this=with_kind(first, "bool")))
    else:
        order = [exp.Ordered(this=terms.ordered.copy(), desc=terms.greatest), *ties]
        outer = join.side.upper() == "LEFT"
        join.set("this", exp.Lateral(this=exp.Subquery(this=inner), alias=named))
        join.set("on", with_kind(exp.Boolean(this=True), "bool"))
        join.set("method", None)
        join.set("kind", "" if outer else "INNER")
        inner.set("where", exp.Where(this=on))
        inner.set("order", exp.Order(expressions=order))
        inner.set("limit", exp.Limit(expression=exp.Literal.number(1)))
    inner.set("from_", exp.From(this=right))


def _terms(join: exp.Join, alias: str) -> _Terms:
    on = join.args.get("on")
    parts = [] if on is None else [part.unnest() for part in (on.flatten() if isinstance(on, exp.And) else [on])]
    equal: list[exp.Expr] = []
    ordered: list[tuple[exp.Expr, bool]] = []
    for part in parts:
        sides = [part.left, part.right] if isinstance(part, (exp.EQ, *_ORDERED)) else []
        tables = [{column.table for column in side.find_all(exp.Column)} for side in sides]
        own = [place for place, found in enumerate(tables) if found == {alias}]
        if len(own) != 1 or alias in tables[1 - own[0]] or not tables[1 - own[0]]:
            raise fault(QueryError, _HOW, part)
        side = sides[own[0]]
        if isinstance(part, exp.EQ):
            equal.append(side)
        else:
            ordered.append((side, isinstance(part, (exp.GT, exp.GTE)) == (own[0] == 1)))
    if len(ordered) != 1 or not kind(ordered[0][0]):
        raise fault(QueryError, _HOW, on if on is not None else join.this)
    return _Terms(equal, *ordered[0])
