"""LIKE: its pattern, and the sign that takes away the meaning of ``%`` and ``_``: the backslash, or that of ESCAPE."""

from __future__ import annotations

from sqlglot import exp

from skyhouse.errors import QueryError
from skyhouse.query.parse import fault

__all__ = ["check_pattern", "with_backslash"]


def check_pattern(pattern: exp.Expr) -> None:
    """Refuse a pattern that ends in a lone backslash; raises QueryError."""
    text = pattern.unnest()
    if isinstance(text, exp.Literal) and text.is_string:
        before = len(text.name) - len(text.name.rstrip("\\"))
        if before % 2:
            raise fault(QueryError, "the pattern ends in its escape, the backslash; write two for one", pattern)


def with_backslash(node: exp.Escape) -> exp.Expr:
    """Return LIKE ... ESCAPE as a LIKE whose escape is the backslash. Raises QueryError."""
    like: exp.Expr = node.this
    sign = node.expression
    pattern = like.expression.unnest()
    for part in (pattern, sign):
        if not isinstance(part, exp.Literal) or not part.is_string:
            raise fault(QueryError, "with ESCAPE the pattern and the sign are texts written in the query", node)
    if len(sign.name) > 1:
        raise fault(QueryError, "ESCAPE takes one sign", sign)
    parts, rest = [], iter(pattern.name)
    for letter in rest:
        follows = next(rest, "") if letter == sign.name else None
        if follows == "":
            raise fault(QueryError, "the pattern ends in its escape; write two for one", pattern)
        parts.append(letter.replace("\\", "\\\\") if follows is None else f"\\{follows}")
    pattern.set("this", "".join(parts))
    return like
