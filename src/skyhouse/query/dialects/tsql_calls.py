"""T-SQL's and SkyServer's functions by the names of the language's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from sqlglot import exp

from skyhouse.errors import QueryError
from skyhouse.query.dialects.rewrite import call, operand
from skyhouse.query.place import fault

__all__ = ["converted", "functions", "methods"]

Made = Callable[[list[exp.Expr]], exp.Expr]

_SHORT: Mapping[str, str] = MappingProxyType(
    {
        "year": "yy yyyy",
        "quarter": "qq q",
        "month": "mm m",
        "week": "wk ww",
        "day": "dd d",
        "hour": "hh",
        "minute": "mi n",
        "second": "ss s",
    }
)
# The same function under another name.
_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "isnull": "coalesce",
        "atn2": "atan2",
        "count_big": "count",
        "stdev": "stddev_samp",
        "stdevp": "stddev_pop",
        "var": "var_samp",
        "varp": "var_pop",
        "replicate": "repeat",
        "log": "ln",
        "char": "chr",
        "getdate": "now",
        "sysdatetime": "now",
    }
)
_UNITS: Mapping[str, str] = MappingProxyType({short: word for word, names in _SHORT.items() for short in names.split()})
_REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "rand": "a query gives the same rows each time; use TABLESAMPLE with a seed",
        "newid": "a query gives the same rows each time; use TABLESAMPLE with a seed",
    }
)


def converted(node: exp.Expr) -> exp.Expr:
    """Make CONVERT(type, x) a CAST."""
    if node.args.get("style"):
        raise fault(QueryError, "CONVERT with a style is not read; leave the style out", node)
    kind = exp.TryCast if node.args.get("safe") else exp.Cast
    return kind(this=node.expression, to=node.this)


def methods(node: exp.Expr) -> exp.Expr:
    """Take the owner, and the database before it, off a function's name."""
    return node.expression if isinstance(node.expression, exp.Anonymous) else node


def functions(node: exp.Expr) -> exp.Expr:
    """Call a function by the language's name for it."""
    name = str(node.this).lower()
    if name in _REFUSED:
        raise fault(QueryError, f"{name}() is not part of the language: {_REFUSED[name]}", node)
    count = len(node.expressions)
    made = _MADE.get((name, count))
    if made is not None:
        return made(node.expressions)
    if name in _NAMES:
        node.set("this", _NAMES[name])
    return node


def _logarithm(arguments: list[exp.Expr]) -> exp.Expr:
    value, base = arguments
    return exp.Paren(this=exp.Div(this=call("ln", value), expression=call("ln", base)))


def _rounded(arguments: list[exp.Expr]) -> exp.Expr:
    value, places, cuts = arguments
    if not isinstance(cuts, exp.Literal):
        raise fault(QueryError, "the third argument of ROUND is a number: 0 rounds, another cuts", cuts)
    return call("round" if cuts.name == "0" else "truncate", value, places)


def _difference(arguments: list[exp.Expr]) -> exp.Expr:
    unit, start, end = arguments
    return call("date_diff", exp.Literal.string(_unit(unit)), start, end)


def _moved(arguments: list[exp.Expr]) -> exp.Expr:
    unit, count, moment = arguments
    step = exp.Interval(this=exp.Literal.string("1"), unit=exp.var(_unit(unit).upper()))
    return exp.Paren(this=exp.Add(this=operand(moment), expression=exp.Mul(this=operand(count), expression=step)))


def _part(arguments: list[exp.Expr]) -> exp.Expr:
    return call("date_part", exp.Literal.string(_unit(arguments[0])), arguments[1])


def _unit(node: exp.Expr) -> str:
    """Return the language's word for a part of a date, which T-SQL may shorten."""
    short = node.name.lower()
    return _UNITS.get(short, short)


_MADE: Mapping[tuple[str, int], Made] = MappingProxyType(
    {
        ("log", 2): _logarithm,
        ("dateadd", 3): _moved,
        ("datediff", 3): _difference,
        ("datepart", 2): _part,
        ("len", 1): lambda a: call("length", call("rtrim", a[0])),
        ("charindex", 2): lambda a: call("strpos", a[1], a[0]),
        ("space", 1): lambda a: call("repeat", exp.Literal.string(" "), a[0]),
        ("str", 1): lambda a: call("str", a[0], exp.Literal.number(10), exp.Literal.number(0)),
        ("str", 2): lambda a: call("str", a[0], a[1], exp.Literal.number(0)),
        ("round", 3): _rounded,
    }
)
