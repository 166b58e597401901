"""The clauses that an expression may stand in, and how a message shows an expression."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlglot import exp

from skyhouse.errors import QueryError
from skyhouse.query.kinds import family, is_nested
from skyhouse.query.parse import fault, written

__all__ = ["CLAUSES", "Clause", "only", "shown", "word"]

_WORDS = {"number": "number", "string": "text", "bool": "truth value", "time": "date or time", "binary": "bytes"}


@dataclass(frozen=True)
class Clause:
    """What a clause may hold; `aliases`: whether it sees the names of result columns."""

    name: str
    aggregates: bool = False
    windows: bool = False
    aliases: bool = False


CLAUSES = {
    "SELECT": Clause("SELECT", aggregates=True, windows=True),
    "HAVING": Clause("HAVING", aggregates=True, aliases=True),
    "QUALIFY": Clause("QUALIFY", aggregates=True, windows=True, aliases=True),
    "ORDER BY": Clause("ORDER BY", aggregates=True, windows=True, aliases=True),
    "GROUP BY": Clause("GROUP BY", aliases=True),
    "DISTINCT ON": Clause("DISTINCT ON", aggregates=True, aliases=True),
    "VALUES": Clause("VALUES"),
}


def shown(node: exp.Expr) -> str:
    """Return an expression as a message shows it."""
    plain = node.copy()
    for column in plain.find_all(exp.Column):
        column.set("table", None)
        column.this.set("quoted", False)
    for dot in plain.find_all(exp.Dot):
        dot.expression.set("quoted", False)
    text = written(plain)
    return text if len(text) <= 60 else f"{text[:57]}..."


def word(name: str) -> str:
    """Return what a message calls a kind."""
    if is_nested(name):
        return name.partition("<")[0]
    return _WORDS.get(family(name), name or "value")


def only(node: exp.Expr, allowed: Iterable[str], what: str) -> None:
    """Refuse a node with parts other than the allowed ones; raises QueryError."""
    known = set(allowed)
    for key, value in node.args.items():
        if key not in known and value and value != [None]:
            named = key.strip("_").replace("_", " ")
            at = value if isinstance(value, exp.Expr) else node
            raise fault(QueryError, f"{named!r} in {what} is not part of the language", at)
