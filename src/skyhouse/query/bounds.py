"""What a WHERE says of the columns that a SELECT computes with, so that no value is looked at twice.

A division and a logarithm are guarded against what is out of their domain. Where ``WHERE b > 0`` has let only
positive values through, ``a / b`` needs no guard. An engine computes results, groups and order from the rows that WHERE
has kept, so this holds for them: not in the WHERE itself, where conditions may be tried in any order, nor in a join.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from skyhouse.query.kinds import kind

__all__ = ["is_positive", "mark_positive"]

_MARK = "positive"
_AFTER_WHERE = ("expressions", "group", "having", "qualify", "windows", "order")


def is_positive(node: exp.Expr) -> bool:
    """Whether a node was marked: its value is above 0, NaN, or NULL."""
    return bool(node.meta.get(_MARK))


def mark_positive(tree: exp.Expr) -> None:
    """Mark the nodes of every SELECT that its WHERE keeps above 0."""
    for select in tree.find_all(exp.Select):
        where = select.args.get("where")
        bounded = set(_bounded(where.this)) if where is not None else set()
        for item in select.iter_expressions() if bounded else ():
            if item.arg_key not in _AFTER_WHERE:
                continue
            # From the inside out; a subquery has rows of its own.
            for node in reversed(list(item.walk(prune=lambda one: isinstance(one, exp.Query)))):
                if _above_zero(node, bounded):
                    node.meta[_MARK] = True


def _above_zero(node: exp.Expr, bounded: set[tuple[str, str]]) -> bool:
    if isinstance(node, exp.Column):
        return (node.table, node.name) in bounded
    if isinstance(node, exp.Paren):
        return is_positive(node.this)
    # A quotient of doubles may be too small for a double, and then is 0.
    sides = (node.this, node.expression) if isinstance(node, exp.Div) else ()
    return bool(sides) and all(is_positive(side) and kind(side) != "float64" for side in sides)


def _bounded(condition: exp.Expr) -> Iterator[tuple[str, str]]:
    """Yield the columns that are above 0 where a condition is true."""
    for term in condition.flatten() if isinstance(condition, exp.And) else (condition,):
        part = term.unnest()
        if isinstance(part, exp.And):
            yield from _bounded(part)
            continue
        column, number = part.args.get("this"), part.args.get("expression")
        if isinstance(part, (exp.LT, exp.LTE)):
            column, number = number, column
        if not isinstance(column, exp.Column) or not isinstance(number, exp.Literal) or number.is_string:
            continue
        # A literal has no sign of its own: it is 0 or more.
        if isinstance(part, (exp.GT, exp.LT)) or (isinstance(part, (exp.GTE, exp.LTE)) and float(number.name) > 0):
            yield column.table, column.name
