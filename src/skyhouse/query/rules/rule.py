"""What a rule is, and the tools that rules are made with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from sqlglot import exp, parse_one

from skyhouse.errors import QueryError
from skyhouse.query.engines import Engine
from skyhouse.query.kinds import cast, kind, with_kind
from skyhouse.query.parse import Dialect

__all__ = ["Rule", "Step", "call_of", "constant", "filled", "firm", "hard", "is_number", "operand", "text_of"]

Step = Callable[[exp.Expr, Engine], exp.Expr]

_LARGEST_ARGUMENT = 5_000


@dataclass(frozen=True)
class Rule:
    """One difference between the engines, or between them and the language, and what settles it.

    `step` takes a node of one of the `nodes`, whose parts are lowered already, and gives back what stands in its place.
    """

    name: str
    why: str
    nodes: tuple[type[exp.Expr], ...]
    step: Step


def call_of(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    """Return a call of a function by name."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def is_number(node: exp.Expr) -> bool:
    """Whether a node is a number written in the query."""
    return isinstance(node, exp.Literal) and not node.is_string


def constant(node: exp.Expr) -> float | None:
    """Return the value of a number that is written in the query."""
    if isinstance(node, (exp.Paren, exp.Neg)):
        inner = constant(node.this)
        return inner if inner is None or isinstance(node, exp.Paren) else -inner
    return float(node.name) if is_number(node) else None


def text_of(node: exp.Expr) -> str | None:
    """Return the value of a text that is written in the query."""
    while isinstance(node, exp.Paren):
        node = node.this
    return node.name if isinstance(node, exp.Literal) and node.is_string else None


def firm(node: exp.Expr) -> exp.Expr:
    """Give an integer literal its 64 bits, for the engines' literals have 32."""
    return hard(node, "int64") if kind(node) == "int64" and constant(node) is not None else node


def hard(node: exp.Expr, name: str) -> exp.Expr:
    """Cast a node even where it is of the kind already."""
    return cast(with_kind(node, ""), name) if name else node


def operand(node: exp.Expr) -> exp.Expr:
    """Return the node as an operand: in parentheses where it needs them."""
    if isinstance(node, (exp.Binary, exp.Unary, exp.Between, exp.In)) and not isinstance(node, exp.Paren):
        return with_kind(exp.Paren(this=node), kind(node))
    return node


@cache
def _template(text: str) -> exp.Expr:
    return parse_one(text, dialect=Dialect)


def filled(text: str, arguments: list[exp.Expr]) -> exp.Expr:
    """Put arguments into a template's places.

    Raises QueryError where calls within calls grow past a bound: an argument may stand in two places of a template.
    """
    tree = exp.Tuple(expressions=[_template(text).copy()])
    places = [c for c in tree.find_all(exp.Column) if c.name.startswith("_") and c.name[1:].isdigit()]
    if len(places) > len(arguments) and sum(1 for a in arguments for _ in a.walk()) > _LARGEST_ARGUMENT:
        raise QueryError("functions are nested too deeply in each other; compute the inner ones in WITH first")
    for place in places:
        value = arguments[max(int(place.name[1:]) - 1, 0)].copy()
        place.replace(value if isinstance(place.parent, (exp.Anonymous, exp.Tuple, exp.Cast)) else operand(value))
    filled: exp.Expr = tree.expressions[0]
    filled.pop()
    return filled
