"""Which unit, UCD and description a result column keeps.

A column keeps all three, and so do its least and greatest value. The unit alone survives mean, median, sum, quantiles,
``coalesce`` and ``CASE`` over one unit, sums and differences of one unit, and scaling by a number. All else has none:
a unit that would need arithmetic of units is left out rather than guessed.
"""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from skyhouse.columns import Column
from skyhouse.query.kinds import kind

__all__ = ["column_of", "either", "unit_of"]

_WHOLE = frozenset({"min", "max", "any_value", "first_value", "last_value", "lag", "lead", "mode"})
_SAME_UNIT = frozenset(
    {"avg", "mean", "median", "sum", "quantile_cont", "stddev", "stddev_samp", "stddev_pop", "abs", "round"}
    | {"quantile_disc", "mad", "weighted_mean", "geometric_mean", "approx_quantile", "nth_value", "arg_min", "arg_max"}
    | {"floor", "ceil", "ceiling", "trunc"}
)
_OF_ITEMS = frozenset(
    {"list_sum", "list_avg", "list_min", "list_max", "list_median", "list_stddev", "list_stddev_pop", "list_sort"}
    | {"list_reverse", "list_distinct", "list_slice", "list_filter"}
)
_CHOICES = frozenset({"coalesce", "ifnull", "greatest", "least", "nullif"})


def column_of(node: exp.Expr, name: str) -> Column:
    """Return the result column of a resolved expression."""
    kept = _whole(node)
    if kept is not None:
        if kept.name == name and kept.type == kind(node):
            return kept
        return replace(kept, name=name, type=kind(node))
    return Column(name, kind(node), unit=unit_of(node))


def either(a: Column, b: Column, kind: str) -> Column:
    """Return the column of a set operation: the left one, with what both sides agree on."""
    return Column(
        a.name,
        kind,
        unit=a.unit if a.unit == b.unit else "",
        ucd=a.ucd if a.ucd == b.ucd else "",
        description=a.description if a.description == b.description else "",
    )


def unit_of(node: exp.Expr) -> str:
    """Return the unit that survives a resolved expression; empty for none."""
    column = node.meta.get("column")
    if isinstance(column, Column):
        return column.unit
    if isinstance(node, (exp.Paren, exp.Neg, exp.Cast, exp.Filter, exp.Window, exp.Bracket)):
        return unit_of(node.this) if kind(node) not in ("string", "bool") else ""
    if isinstance(node, (exp.Add, exp.Sub)):
        return _agreed([node.left, node.right])
    if isinstance(node, exp.Mul):
        if _number(node.right):
            return unit_of(node.left)
        return unit_of(node.right) if _number(node.left) else ""
    if isinstance(node, exp.Div):
        return unit_of(node.left) if _number(node.right) else ""
    if isinstance(node, exp.Case):
        return _agreed([*(branch.args["true"] for branch in node.args["ifs"]), node.args.get("default")])
    if isinstance(node, exp.If):
        return _agreed([node.args["true"], node.args.get("false")])
    if isinstance(node, exp.Anonymous):
        name = str(node.this).lower()
        arguments = node.expressions
        if name in _CHOICES:
            return _agreed(arguments)
        if (name in _SAME_UNIT | _WHOLE | _OF_ITEMS) and arguments:
            first = arguments[0]
            return unit_of(first.expressions[0] if isinstance(first, exp.Distinct) else first)
    return ""


def _whole(node: exp.Expr) -> Column | None:
    while isinstance(node, (exp.Paren, exp.Filter, exp.Window)):
        node = node.this
    column = node.meta.get("column")
    if isinstance(column, Column):
        return column
    if isinstance(node, exp.Anonymous) and str(node.this).lower() in _WHOLE and len(node.expressions) == 1:
        return _whole(node.expressions[0])
    return None


def _agreed(nodes: list[exp.Expr | None]) -> str:
    """Return the unit of all parts; a bare number or NULL agrees with any."""
    found = {unit_of(node) for node in nodes if node is not None and not _number(node) and kind(node) != "null"}
    return found.pop() if len(found) == 1 else ""


def _number(node: exp.Expr) -> bool:
    if isinstance(node, (exp.Paren, exp.Neg)):
        return _number(node.this)
    return isinstance(node, exp.Literal) and not node.is_string
