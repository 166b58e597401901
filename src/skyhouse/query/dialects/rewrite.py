"""Rewrites: from another dialect's tree to ours, node by node, from the inside out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import add, mul, sub
from types import MappingProxyType

from sqlglot import exp

__all__ = ["Rewrite", "call", "folded", "number", "operand", "rewritten"]


@dataclass(frozen=True)
class Rewrite:
    """One difference between a dialect and the language, and what settles it.

    `step` takes a node of one of the `nodes`, whose parts are rewritten already, and gives back what stands in its
    place: the node itself, changed or not, or another one. It raises QueryError for what cannot be meant here.
    """

    name: str
    why: str
    nodes: tuple[type[exp.Expr], ...]
    step: Callable[[exp.Expr], exp.Expr]


def rewritten(tree: exp.Expr, rewrites: Sequence[Rewrite]) -> exp.Expr:
    """Put a tree through rewrites, one after the other; the tree is used up."""
    for rewrite in rewrites:
        found = [node for node in tree.walk() if isinstance(node, rewrite.nodes)]
        for node in reversed(found):
            parent, key, index = node.parent, node.arg_key, node.index
            new = rewrite.step(node)
            if new is node:
                continue
            if node.meta.get("place") and not new.meta.get("place"):
                new.meta["place"] = node.meta["place"]
            if parent is None:
                tree = new
            elif key is not None:
                parent.set(key, new, index)
    return tree


def call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    """Return a call of one of the language's functions."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def number(value: float) -> exp.Expr:
    """Return a number as it is written in a query."""
    literal = exp.Literal.number(repr(abs(value)))
    return exp.Neg(this=literal) if value < 0 else literal


def folded(node: exp.Expr) -> exp.Expr:
    """Return arithmetic on numbers as the number that it gives, integers divided as integers; else the node."""
    value = None if isinstance(node, exp.Literal) else _value(node)
    return node if value is None else number(value)


def _value(node: exp.Expr) -> float | None:
    if isinstance(node, exp.Literal):
        return None if node.is_string else int(node.name) if node.name.isdigit() else float(node.name)
    if isinstance(node, (exp.Paren, exp.Neg)):
        inner = _value(node.this)
        return -inner if inner is not None and isinstance(node, exp.Neg) else inner
    step = _STEPS.get(type(node))
    left, right = (_value(node.this), _value(node.expression)) if step is not None else (None, None)
    if step is None or left is None or right is None or (isinstance(node, exp.Div) and right == 0):
        return None
    return step(left, right)


def _quotient(left: float, right: float) -> float:
    whole = isinstance(left, int) and isinstance(right, int)
    return int(left / right) if whole else left / right


_STEPS: Mapping[type[exp.Expr], Callable[[float, float], float]] = MappingProxyType(
    {exp.Add: add, exp.Sub: sub, exp.Mul: mul, exp.Div: _quotient}
)


def operand(node: exp.Expr) -> exp.Expr:
    """Return a node as an operand: in parentheses where it needs them."""
    loose = isinstance(node, (exp.Binary, exp.Unary, exp.Between, exp.In)) and not isinstance(node, exp.Paren)
    return exp.Paren(this=node) if loose else node
