"""Rules of whole queries and their clauses."""

from __future__ import annotations

from sqlglot import exp

from skyhouse.query.engines import Engine
from skyhouse.query.kinds import is_nested, kind, settled
from skyhouse.query.rules.rule import hard, is_number

__all__ = ["orders", "outputs", "picked_groups"]


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
        group.set("expressions", [hard(k, kind(k)) if is_number(k) else k for k in group.expressions])
    return node


def picked_groups(node: exp.Expr, engine: Engine) -> exp.Expr:
    """Put a query around groups that QUALIFY picks."""
    if engine != "spark" or not node.meta.get("picked"):
        return node
    names = [item.alias_or_name for item in node.expressions]
    outer = exp.Select(expressions=[exp.column(exp.to_identifier(name, quoted=True)) for name in names])
    for clause in ("distinct", "order", "limit", "offset"):
        outer.set(clause, node.args.get(clause))
        node.set(clause, None)
    condition = node.args["qualify"].this
    node.set("qualify", None)
    node.append("expressions", exp.alias_(condition, "_picked", quoted=True))
    named = exp.TableAlias(this=exp.to_identifier("_groups", quoted=True))
    outer.set("from_", exp.From(this=exp.Subquery(this=node, alias=named)))
    outer.set("where", exp.Where(this=exp.column(exp.to_identifier("_picked", quoted=True))))
    return outer


def _is_soft(node: exp.Expr) -> bool:
    """Whether an engine might give an expression another type than ours."""
    if isinstance(node, (exp.Paren, exp.Neg)):
        return _is_soft(node.this)
    if kind(node) in ("", "string", "bool"):
        return False
    if is_nested(kind(node)):
        return settled(kind(node)) != kind(node)
    return isinstance(node, exp.Null) or (is_number(node) and kind(node) == "int64")
