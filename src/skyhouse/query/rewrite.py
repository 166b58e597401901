"""Expressions rewritten column by column."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from skyhouse.errors import QueryError
from skyhouse.query.parse import parse_items, written

__all__ = ["replace_columns"]


def replace_columns(text: str, replacement: Callable[[str], str | None]) -> str:
    """Return an SQL expression with columns replaced by expressions.

    `replacement` is given each column's name as written, without quotes ("flux", "s.flux"), and returns the expression
    to stand in its place, or None to leave it. What it returns is not looked into again.

    Raises QueryError for text that is not one expression.

    >>> replace_columns("flux * 2 > s.limit", {"flux": "a + b"}.get)
    '(a + b) * 2 > s.limit'
    """
    tree = _one(text)

    def replaced(node: exp.Expression) -> exp.Expression:
        if not isinstance(node, exp.Column):
            return node
        new = replacement(".".join(part.name for part in node.parts))
        return node if new is None else exp.Paren(this=_one(new))

    return written(tree.transform(replaced))


def _one(text: str) -> exp.Expression:
    items = parse_items(text)
    if len(items) != 1:
        raise QueryError(f"{text!r} is {len(items)} expressions; give one")
    return items[0]
