"""Values against many: IN, = ANY, > ALL, rows of values, and what NULL makes of them.

``x IN (...)`` is unknown (NULL) where no value equals x and one of them is NULL. Engines lose that in places, and Spark
has no ANY of a query; so all but the plainest forms are written out with EXISTS, AND and OR.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlglot import exp

from skyhouse.errors import QueryError
from skyhouse.query.clause import shown
from skyhouse.query.functions import FUNCTIONS
from skyhouse.query.kinds import with_kind
from skyhouse.query.parse import as_select, fault

if TYPE_CHECKING:
    from skyhouse.query.expressions import Expressions

__all__ = ["between", "compared_rows", "is_many", "member", "quantified", "three_valued"]

_NAMED = "_many"
_OPPOSITE: dict[type[exp.Expr], type[exp.Binary]] = {
    exp.EQ: exp.NEQ,
    exp.NEQ: exp.EQ,
    exp.LT: exp.GTE,
    exp.GTE: exp.LT,
    exp.GT: exp.LTE,
    exp.LTE: exp.GT,
}


def member(checked: Expressions, node: exp.In) -> str:
    """Check IN."""
    if len(node.expressions) == 1 and isinstance(node.expressions[0], exp.Values):
        node.set("query", exp.Subquery(this=as_select(node.expressions[0])))
        node.set("expressions", None)
    if isinstance(node.this, exp.Tuple):
        return _rows(checked, node, node.this)
    checked.visit(node.this)
    if (query := node.args.get("query")) is not None:
        inner = query.this if isinstance(query, exp.Subquery) else query
        columns = checked.ask(inner, checked.scope, checked.scope.ctes)
        if len(columns) != 1:
            raise fault(QueryError, f"IN takes a query of one column; this has {len(columns)}", query)
        with_kind(node.args["query"], columns[0].type)
        node.meta["columns"] = columns
        checked.comparable(node.this, node.args["query"])
        return "bool"
    if not node.expressions or node.args.get("unnest") or node.args.get("field"):
        raise fault(QueryError, "IN takes values or a query in parentheses", node)
    for item in list(node.expressions):
        checked.visit(item)
    for item in node.expressions:
        checked.comparable(node.this, item)
    return "bool"


def _rows(checked: Expressions, node: exp.In, row: exp.Tuple) -> str:
    """Check (a, b) IN (...)."""
    query = node.args.get("query")
    if query is not None:
        return _put(checked, node, _any(node, row.expressions, query, exp.EQ))
    if not node.expressions:
        raise fault(QueryError, "IN takes values or a query in parentheses", node)
    return _put(checked, node, _chain(exp.Or, [_equal(row, item) for item in node.expressions]))


def compared_rows(checked: Expressions, node: exp.Binary) -> str:
    """Check (a, b) = (c, d) and (a, b) <> (c, d)."""
    if type(node) not in (exp.EQ, exp.NEQ) or not isinstance(node.left, exp.Tuple):
        raise fault(QueryError, "rows of values are compared by =, <> and IN; write the conditions out by AND", node)
    equal: exp.Expr = _equal(node.left, node.right)
    return _put(checked, node, exp.Not(this=exp.Paren(this=equal)) if isinstance(node, exp.NEQ) else equal)


def is_many(node: exp.Expr) -> bool:
    """Whether a comparison has ANY, SOME or ALL on its right, or rows on a side."""
    return isinstance(_many(node), (exp.Any, exp.All, exp.Tuple)) or isinstance(node.this, exp.Tuple)


def _many(node: exp.Expr) -> exp.Expr:
    """Return the right side of a comparison; ALL of a list is read as a function's call."""
    right: exp.Expr = node.args["expression"]
    if isinstance(right, exp.Anonymous) and right.name.upper() == "ALL" and len(right.expressions) == 1:
        return exp.All(this=right.expressions[0])
    return right


def quantified(checked: Expressions, node: exp.Binary) -> str:
    """Check a comparison with ANY or ALL, or of rows."""
    many = _many(node)
    if not isinstance(many, (exp.Any, exp.All)):
        return compared_rows(checked, node)
    if isinstance(node.this, exp.Tuple):
        raise fault(QueryError, "rows of values are compared by =, <> and IN; write the conditions out by AND", node)
    every = isinstance(many, exp.All)
    values = many.this
    while isinstance(values, (exp.Paren, exp.Subquery)):
        values = values.this
    operator = type(node)
    if isinstance(values, exp.Query):
        tried: type[exp.Expr] = _OPPOSITE[operator] if every else operator
        found = _any(node, [node.this], values, tried)
        return _put(checked, node, exp.Not(this=exp.Paren(this=found)) if every else found)
    if not isinstance(values, exp.Array) or not values.expressions:
        word = "ALL" if every else "ANY"
        raise fault(QueryError, f"{word} takes a query or a list of values in brackets, {word} ([1, 2])", node)
    if operator is (exp.NEQ if every else exp.EQ):
        found = exp.In(this=node.this, expressions=values.expressions)
        return _put(checked, node, exp.Not(this=found) if every else found)
    terms: list[exp.Expr] = [operator(this=node.this.copy(), expression=item) for item in values.expressions]
    return _put(checked, node, _chain(exp.And if every else exp.Or, terms))


def between(node: exp.Between) -> exp.Expr:
    """Return BETWEEN SYMMETRIC as what it stands for: either way round."""
    low, high = node.args["low"], node.args["high"]
    one = exp.Between(this=node.this, low=low, high=high)
    other = exp.Between(this=node.this.copy(), low=high.copy(), high=low.copy())
    return exp.Paren(this=exp.Or(this=one, expression=other))


def three_valued(node: exp.In) -> exp.Expr:
    """Return a checked IN of a query as a CASE that tells NULL from FALSE, where an engine's own IN does not."""
    value, query = node.this, node.args["query"]
    inner = query.this if isinstance(query, exp.Subquery) else query
    (column,) = node.meta["columns"]
    own = with_kind(exp.column(exp.to_identifier(column.name, quoted=True), table=_NAMED, quoted=True), column.type)

    def holds(condition: exp.Expr | None) -> exp.Expr:
        return with_kind(exp.Exists(this=_over(inner.copy(), [column.name], condition, named=False)), "bool")

    def none(one: exp.Expr) -> exp.Expr:
        return with_kind(exp.Is(this=one, expression=with_kind(exp.Null(), "null")), "bool")

    equal = with_kind(exp.EQ(this=own, expression=value.copy()), "bool")
    unknown, no, yes = with_kind(exp.Null(), "null"), _truth(value=False), _truth(value=True)
    empty = with_kind(exp.Not(this=holds(None)), "bool")
    either = with_kind(exp.Or(this=none(value.copy()), expression=holds(none(own.copy()))), "bool")
    branches = ((holds(equal), yes), (empty, no), (either, unknown))
    found = exp.Case(
        ifs=[with_kind(exp.If(this=when, true=then), "bool") for when, then in branches], default=no.copy()
    )
    return with_kind(found, "bool")


def _any(node: exp.Expr, values: list[exp.Expr], query: exp.Expr, operator: type[exp.Expr]) -> exp.Expr:
    """Return `values operator ANY (query)` as a CASE over EXISTS, not yet checked."""
    if any(_gathers(value) for value in values):
        problem = f"{shown(values[0])} is an aggregate; compute it in a query in FROM first, and compare it here"
        raise fault(QueryError, problem, node)
    inner = query.this if isinstance(query, exp.Subquery) else query
    names = [f"c{number}" for number in range(1, len(values) + 1)]

    def condition() -> exp.Expr:
        columns = [exp.column(name, table=_NAMED, quoted=True) for name in names]
        pairs = zip(values, columns, strict=True)
        return _chain(exp.And, [operator(this=value.copy(), expression=column) for value, column in pairs])

    holds = exp.Exists(this=_over(inner.copy(), names, condition()))
    unknown = exp.Exists(
        this=_over(inner.copy(), names, exp.Is(this=exp.Paren(this=condition()), expression=exp.Null()))
    )
    branches = [exp.If(this=holds, true=_truth(value=True)), exp.If(this=unknown, true=exp.Null())]
    return exp.Paren(this=exp.Case(ifs=branches, default=_truth(value=False)))


def _over(query: exp.Expr, names: list[str], condition: exp.Expr | None, *, named: bool = True) -> exp.Select:
    """Return SELECT 1 FROM (query) AS _many(names) WHERE condition."""
    alias = exp.TableAlias(this=exp.to_identifier(_NAMED, quoted=True))
    if named:
        alias.set("columns", [exp.to_identifier(name, quoted=True) for name in names])
    one = with_kind(exp.alias_(with_kind(exp.Literal.number(1), "int64"), "one", quoted=True), "int64")
    source = exp.Subquery(this=query, alias=alias)
    source.meta["open"] = True
    select = exp.Select(expressions=[one], from_=exp.From(this=source))
    if condition is not None:
        select.set("where", exp.Where(this=condition))
    return select


def _equal(left: exp.Expr, right: exp.Expr) -> exp.Expr:
    """Return the equality of two rows, their values pair by pair."""
    right = right.unnest()
    sides = [side.expressions if isinstance(side, exp.Tuple) else [side] for side in (left, right)]
    if len(sides[0]) != len(sides[1]):
        raise fault(QueryError, f"rows of {len(sides[0])} and {len(sides[1])} values cannot be compared", right)
    pairs = zip(*sides, strict=True)
    return exp.Paren(this=_chain(exp.And, [exp.EQ(this=a.copy(), expression=b.copy()) for a, b in pairs]))


def _chain(connector: Callable[..., exp.Expr], terms: list[exp.Expr]) -> exp.Expr:
    """Return the terms joined by AND or OR, as a balanced tree."""
    while len(terms) > 1:
        pairs = [terms[place : place + 2] for place in range(0, len(terms), 2)]
        terms = [connector(this=pair[0], expression=pair[1]) if len(pair) > 1 else pair[0] for pair in pairs]
    return terms[0]


def _truth(*, value: bool) -> exp.Expr:
    return with_kind(exp.Boolean(this=value), "bool")


def _gathers(node: exp.Expr) -> bool:
    calls = (FUNCTIONS.get(str(call.this).lower()) for call in node.find_all(exp.Anonymous))
    return any(function is not None and function.group in ("aggregate", "window") for function in calls)


def _put(checked: Expressions, node: exp.Expr, new: exp.Expr) -> str:
    """Check a node in another's place."""
    holder = exp.Paren(this=new)
    node.replace(holder)
    return checked.visit(holder)
