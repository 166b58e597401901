"""Small changes to expression texts: other columns in the place of named ones."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from skyhouse.errors import QueryError
from skyhouse.query.parse import parse_items, written

__all__ = ["replace_columns"]


def replace_columns(text: str, replacement: Callable[[str], str | None]) -> str:
    """Return an expression's text with columns replaced.

    `replacement` gets a column's name as written: with its table's name and quotes, where it has them. What it returns
    is the text of an expression, put in parentheses where it needs them; None keeps the column. Replaced text is not
    searched again. Raises QueryError for a text that is no single expression.

    >>> replace_columns("flux > 5 AND good", lambda name: "flux / 2" if name == "flux" else None)
    '(flux / 2) > 5 AND good'
    """
    holder = exp.Paren(this=_one(text))
    for column in list(holder.find_all(exp.Column)):
        if isinstance(column.this, exp.Star):
            continue
        new = replacement(written(column))
        if new is None:
            continue
        node = _one(new)
        simple = isinstance(node, (exp.Column, exp.Literal, exp.Func, exp.Paren, exp.Case)) or column.parent is holder
        column.replace(node if simple else exp.Paren(this=node))
    return written(holder.this)


def _one(text: str) -> exp.Expr:
    items = parse_items(text)
    if len(items) != 1:
        raise QueryError(f"one expression is needed, and {text!r} has {len(items)}")
    return items[0]
