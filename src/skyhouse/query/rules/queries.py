"""Rules of whole queries and their clauses."""

from __future__ import annotations

from sqlglot import exp

from skyhouse.query.engines import Engine
from skyhouse.query.kinds import is_nested, kind, settled
from skyhouse.query.rules.rule import constant, hard, is_number

__all__ = ["orders", "outputs"]


def orders(node: exp.Expr, _engine: Engine) -> exp.Expr:
    """Write out where the NULLs come."""
    node.set("nulls_first", bool(node.args.get("nulls_first")))
    node.set("desc", bool(node.args.get("desc")))
    return node


def outputs(node: exp.Expr, _engine: Engine) -> exp.Expr:
    """Give bare numbers in the select list 64 bits."""
    for item in node.expressions:
        if isinstance(item, exp.Alias) and not isinstance(item.this, exp.Column) and _is_soft(item.this):
            found = kind(item.this)
            settle = is_nested(found) or (found == "null" and node.parent is None)
            item.set("this", hard(item.this, settled(found) if settle else found))
    if (group := node.args.get("group")) is not None:
        # A bare number would be read as the place of a result column.
        for holder in [group, *group.find_all(exp.Tuple)]:
            holder.set("expressions", [hard(k, kind(k)) if constant(k) is not None else k for k in holder.expressions])
    return node


def _is_soft(node: exp.Expr) -> bool:
    """Whether an engine might give an expression another type than ours."""
    if isinstance(node, (exp.Paren, exp.Neg)):
        return _is_soft(node.this)
    if kind(node) in ("", "string", "bool"):
        return False
    if is_nested(kind(node)):
        return settled(kind(node)) != kind(node)
    return isinstance(node, exp.Null) or (is_number(node) and kind(node) == "int64")
