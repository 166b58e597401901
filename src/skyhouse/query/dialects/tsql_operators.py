"""T-SQL's operators and casts, with the meaning that they have there."""

from __future__ import annotations

from sqlglot import exp

from skyhouse.errors import QueryError
from skyhouse.query.dialects.rewrite import call
from skyhouse.query.place import fault

__all__ = ["additions", "casts", "division", "exclusive_or", "likes", "nested", "types"]

_DOUBLES = (exp.DType.DECIMAL, exp.DType.MONEY, exp.DType.SMALLMONEY)
_TEXTS = (exp.DType.VARCHAR, exp.DType.NVARCHAR, exp.DType.CHAR, exp.DType.NCHAR, exp.DType.TEXT)
_TIMES = (exp.DType.DATETIME, exp.DType.DATETIME2, exp.DType.SMALLDATETIME)
_INTEGERS = (exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT)
_BITS = (exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseXor)
_TEXT_CALLS = frozenset(
    "str ltrim rtrim trim upper lower substring substr left right replace concat char replicate repeat space".split()
)


def types(node: exp.Expr) -> exp.Expr:
    """Cast to the language's types; what the length of a text and the places of a decimal do is done by a function."""
    to = node.args["to"]
    lengths = [int(part.name) for part in to.expressions if part.name.isdigit()]
    if to.this in _DOUBLES:
        places = lengths[1] if len(lengths) > 1 else 0 if to.this == exp.DType.DECIMAL else 4
        node.set("to", exp.DataType(this=exp.DType.DOUBLE))
        return call("round", node, exp.Literal.number(places))
    if to.this == exp.DType.DOUBLE and lengths and lengths[0] <= 24:
        node.set("to", exp.DataType(this=exp.DType.FLOAT))
    elif to.this in _TEXTS:
        node.set("to", exp.DataType(this=exp.DType.TEXT))
        if lengths:
            return call("substr", node, exp.Literal.number(1), exp.Literal.number(lengths[0]))
    elif to.this in _TIMES:
        node.set("to", exp.DataType(this=exp.DType.TIMESTAMP))
    elif to.this == exp.DType.UTINYINT:
        node.set("to", exp.DataType(this=exp.DType.SMALLINT))
    elif to.this == exp.DType.BIT:
        node.set("to", exp.DataType(this=exp.DType.BOOLEAN))
    else:
        node.set("to", exp.DataType(this=to.this))
    return node


def casts(node: exp.Expr) -> exp.Expr:
    """Cut what is cast to an integer."""
    if node.args["to"].this in _INTEGERS:
        node.set("this", call("cut", node.this))
    return node


def additions(node: exp.Expr) -> exp.Expr:
    """Join, where one of the values of a sum is a text."""
    if isinstance(node.parent, exp.Add) and node.arg_key == "this":
        return node
    chain: list[exp.Expr] = []
    part: exp.Expr = node
    while isinstance(part, exp.Add):
        chain.append(part.expression)
        part = part.this
    chain.append(part)
    if not any(_is_text(one) for one in chain):
        return node
    joined = chain.pop()
    while chain:
        joined = exp.DPipe(this=joined, expression=chain.pop())
    return joined


def _is_text(node: exp.Expr) -> bool:
    if isinstance(node, exp.Literal):
        return node.is_string
    if isinstance(node, exp.Cast):
        return bool(node.to.this in (*_TEXTS, exp.DType.TEXT))
    if isinstance(node, exp.Anonymous):
        return str(node.this).lower() in _TEXT_CALLS
    if isinstance(node, exp.Paren):
        return _is_text(node.this)
    return isinstance(node, exp.DPipe)


def exclusive_or(node: exp.Expr) -> exp.Expr:
    """Write an exclusive or as the function."""
    return call("xor", node.this, node.expression)


def division(node: exp.Expr) -> exp.Expr:
    """Leave it to the types of both sides whether the quotient is whole."""
    sides = (node.this.unnest(), node.expression.unnest())
    if any(isinstance(s, exp.Literal) and not s.is_string and not s.name.isdigit() for s in sides):
        return node
    if any(isinstance(s, exp.Literal) and s.is_string for s in sides):
        raise fault(QueryError, "/ takes numbers, and here is a text", node)
    return call("divide", *(side.unnest() for side in (node.this, node.expression)))


def likes(node: exp.Expr) -> exp.Expr:
    """Keep the backslash a sign like any other in a pattern; refuse T-SQL's sets of signs."""
    pattern = node.expression
    if isinstance(pattern, exp.Literal):
        if "[" in pattern.name:
            raise fault(
                QueryError, "sets of signs in LIKE, [a-z], are not read; use regexp_matches(text, pattern)", node
            )
        if not isinstance(node.parent, exp.Escape):
            pattern.set("this", pattern.name.replace("\\", "\\\\"))
    return node


def nested(node: exp.Expr) -> exp.Expr:
    """Write the parentheses that T-SQL needs none of, for there bits and sums bind alike, from the left."""
    for key in ("this", "expression"):
        side = node.args[key]
        mixed = isinstance(side, exp.Binary) and type(side) is not type(node)
        if mixed and (isinstance(node, _BITS) or isinstance(side, _BITS)):
            node.set(key, exp.Paren(this=side))
    return node
