"""Where a node of a query stood in its text, and errors that point there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from sqlglot import exp

from skyhouse.errors import QueryError, SkyhouseError

__all__ = ["Place", "fault"]

E = TypeVar("E", bound=SkyhouseError)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node stood in the text that it came from; line and column count from 1."""

    text: str
    line: int
    column: int

    def __deepcopy__(self, memo: object) -> Place:
        """Return itself: trees are copied often, and a place never changes."""
        return self


def fault(kind: type[E], problem: str, node: exp.Expr | None) -> E:
    """Return an error of the kind that points at a node, where it, one below it or one beside it knows its place."""
    places: list[Place] = []
    while node is not None and not places:
        places = [part.meta["place"] for part in node.walk() if part.meta.get("place")]
        # What has no place, such as [], is near what stands beside it; not near another item of a clause.
        node = None if isinstance(node.parent, (exp.Query, exp.Alias)) else node.parent
    if not places:
        return kind(problem)
    first = min(places, key=lambda place: (place.line, place.column))
    located = QueryError(problem, first.text, first.line, first.column)
    return located if issubclass(kind, QueryError) else kind(str(located))  # type: ignore[return-value]
