"""Aggregates with an order of their own."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from skyhouse.query.engines import Engine
from skyhouse.query.kinds import kind, with_kind
from skyhouse.query.rules.rule import call_of

__all__ = ["array_agg", "modes", "string_agg"]


def string_agg(node: exp.Anonymous, engine: Engine) -> exp.Expr:
    """Join texts in the order that is asked for; rows that it leaves open by their text."""
    value, separator = node.expressions
    terms = _terms(node, value)
    if engine == "duckdb":
        return call_of("string_agg", value, exp.Order(this=separator, expressions=terms))
    return exp.WithinGroup(this=call_of("listagg", value, separator), expression=exp.Order(expressions=terms))


def modes(node: exp.Anonymous, engine: Engine) -> exp.Expr:
    """Take the least of the most frequent values."""
    value = node.expressions[0]
    if value.find(exp.Column) is None:
        return call_of("min", value)  # DuckDB would read a bare number as a place or a fraction
    least = [exp.Ordered(this=value.copy(), desc=False, nulls_first=False)]
    if engine == "duckdb":
        return call_of("mode", exp.Order(this=value, expressions=least))
    return exp.WithinGroup(this=call_of("mode"), expression=exp.Order(expressions=least))


def array_agg(node: exp.Anonymous, engine: Engine) -> exp.Expr:
    """List values, NULLs too, in the order that is asked for; rows that it leaves open by their value."""
    value = node.expressions[0]
    terms = _terms(node, value)
    if engine == "duckdb":
        return call_of("array_agg", exp.Order(this=value, expressions=terms))
    fields = [f"k{number}" for number in range(len(terms))]
    row = exp.Struct(
        expressions=[
            exp.PropertyEQ(this=exp.to_identifier(name), expression=one.copy())
            for name, one in zip((*fields, "v"), (*(term.this for term in terms), value), strict=True)
        ]
    )
    call = call_of("collect_list", row)
    # The struct of a row is never NULL, so that NULLs stay; an empty list is that of no rows.
    compared = _compared(terms, fields)
    call.meta["wrap"] = f"transform(array_sort(CASE WHEN size(_0) > 0 THEN _0 END, (a, b) -> {compared}), r -> r.v)"
    return with_kind(call, kind(node))


def _terms(node: exp.Anonymous, value: exp.Expr) -> list[exp.Ordered]:
    order = node.args.get("order")
    asked = [term.copy() for term in order.expressions] if order is not None else []
    return [*asked, exp.Ordered(this=value.copy(), desc=False, nulls_first=False)]


def _compared(terms: Sequence[exp.Ordered], fields: Sequence[str]) -> str:
    """Return the comparison of two rows: below 0 where a comes first."""
    text = "0"
    for term, name in reversed(list(zip(terms, fields, strict=True))):
        null, less = (-1 if term.args["nulls_first"] else 1), (1 if term.args["desc"] else -1)
        text = (
            f"CASE WHEN a.{name} IS NOT DISTINCT FROM b.{name} THEN {text} WHEN a.{name} IS NULL THEN {null}"
            f" WHEN b.{name} IS NULL THEN {-null} WHEN a.{name} < b.{name} THEN {less} ELSE {-less} END"
        )
    return text
