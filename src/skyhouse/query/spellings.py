"""Calls in a form of their own, such as ``extract(year FROM t)``, as plain calls of listed functions."""

from __future__ import annotations

from sqlglot import exp

from skyhouse.errors import QueryError
from skyhouse.query.clause import shown
from skyhouse.query.parse import fault

__all__ = ["plain"]

_QUANTILES = {"percentile_cont": "quantile_cont", "percentile_disc": "quantile_disc"}
_MOMENTS = frozenset({"current_date", "current_timestamp", "localtimestamp"})


def plain(node: exp.Expr) -> exp.Expr:
    """Put a plain call in the place of one with a form of its own, and return what stands there now.

    An aggregate's ORDER BY becomes its ``order``, beside its arguments. Raises QueryError.
    """
    made: exp.Expr = node
    if isinstance(node, exp.Extract):
        made = _call("date_part", exp.Literal.string(node.this.name.lower()), node.expression)
    elif isinstance(node, exp.WithinGroup):
        made = _within_group(node)
    elif isinstance(node, exp.RegexpLike):
        made = _call("regexp_matches", node.this, node.expression)
    elif isinstance(node, exp.Column) and node.name.lower() in _MOMENTS and not node.table:
        made = _call(node.name.lower())
    elif isinstance(node, exp.Anonymous):
        _position(node)
        _ordered(node)
    if made is not node:
        if (place := _place(node)) is not None:
            made.meta["place"] = place
        node.replace(made)
    return made


def _call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _place(node: exp.Expr) -> object:
    found = node.this.meta.get("place") if isinstance(node.this, exp.Expr) else None
    return node.meta.get("place") or found


def _within_group(node: exp.WithinGroup) -> exp.Anonymous:
    call, terms = node.this, node.expression.expressions
    name = str(call.this).lower() if isinstance(call, exp.Anonymous) else ""
    if name not in (*_QUANTILES, "mode", "string_agg", "listagg"):
        raise fault(QueryError, f"{shown(call)} WITHIN GROUP is not part of the language", node)
    if name in ("string_agg", "listagg"):
        call.set("order", exp.Order(expressions=terms))
        return exp.Anonymous(**call.args)
    first = terms[0]
    if len(terms) != 1 or first.args.get("desc"):
        raise fault(QueryError, f"{name} WITHIN GROUP is ordered by one value, ascending", node)
    return _call(_QUANTILES.get(name, name), first.this, *call.expressions)


def _position(node: exp.Anonymous) -> None:
    first = node.expressions[0] if node.expressions else None
    if str(node.this).lower() == "position" and isinstance(first, exp.In) and first.args.get("field") is not None:
        node.set("this", "strpos")
        node.set("expressions", [first.args["field"], first.this])


def _ordered(node: exp.Anonymous) -> None:
    last = node.expressions[-1] if node.expressions else None
    if isinstance(last, exp.Order):
        node.set("order", exp.Order(expressions=last.expressions))
        node.set("expressions", [*node.expressions[:-1], last.this])
