"""Spark SQL.

What its words mean there they mean here: CAST of a float to an integer cuts it, FLOAT has 32 bits, NULLs are the least
values of an ORDER BY, a text may stand in double quotes, lists are counted from 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from sqlglot import exp
from sqlglot.dialects.spark import Spark
from sqlglot.parsers.spark import SparkParser

from skyhouse.errors import QueryError
from skyhouse.query.dialects.placed import Placed
from skyhouse.query.dialects.rewrite import Rewrite, call, operand
from skyhouse.query.place import fault

__all__ = ["REWRITES", "SparkSql"]

_INTEGERS = (exp.DType.TINYINT, exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT)
_TYPES: Mapping[str, exp.DType] = MappingProxyType(
    {
        "tinyint": exp.DType.TINYINT,
        "smallint": exp.DType.SMALLINT,
        "int": exp.DType.INT,
        "bigint": exp.DType.BIGINT,
        "float": exp.DType.FLOAT,
        "double": exp.DType.DOUBLE,
        "string": exp.DType.TEXT,
        "boolean": exp.DType.BOOLEAN,
        "date": exp.DType.DATE,
        "timestamp": exp.DType.TIMESTAMP,
    }
)
# The same function under another name.
_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "nvl": "coalesce",
        "ifnull": "coalesce",
        "signum": "sign",
        "char_length": "length",
        "character_length": "length",
        "len": "length",
        "size": "len",
        "cardinality": "len",
        "array_size": "len",
        "transform": "list_transform",
        "filter": "list_filter",
        "reduce": "list_reduce",
        "sort_array": "list_sort",
        "array_max": "list_max",
        "array_min": "list_min",
        "array_distinct": "list_distinct",
        "forall": "list_all",
        "arrays_zip": "list_zip",
        "collect_list": "array_agg",
        "percentile": "quantile_cont",
        "approx_percentile": "approx_quantile",
        "percentile_approx": "approx_quantile",
        "max_by": "arg_max",
        "min_by": "arg_min",
        "every": "bool_and",
        "some": "bool_or",
        "any": "bool_or",
        "first": "any_value",
        "startswith": "starts_with",
        "endswith": "ends_with",
        "regexp_like": "regexp_matches",
        "ucase": "upper",
        "lcase": "lower",
    }
)
_ARGUMENTS: Mapping[tuple[str, int], Callable[[list[exp.Expr]], exp.Expr]] = MappingProxyType(
    {
        ("e", 0): lambda _: call("exp", exp.Literal.number(1)),
        ("log", 2): lambda a: exp.Paren(this=exp.Div(this=call("ln", a[1]), expression=call("ln", a[0]))),
        ("if", 3): lambda a: exp.Case(ifs=[exp.If(this=a[0], true=a[1])], default=a[2]),
        ("nvl2", 3): lambda a: exp.Case(ifs=[exp.If(this=_given(a[0]), true=a[1])], default=a[2]),
        ("isnull", 1): lambda a: exp.Is(this=a[0], expression=exp.Null()),
        ("isnotnull", 1): lambda a: _given(a[0]),
        ("instr", 2): lambda a: call("strpos", a[0], a[1]),
        ("locate", 2): lambda a: call("strpos", a[1], a[0]),
        ("datediff", 2): lambda a: call("date_diff", exp.Literal.string("day"), a[1], a[0]),
        ("shiftleft", 2): lambda a: exp.Paren(this=exp.BitwiseLeftShift(this=a[0], expression=a[1])),
        ("shiftright", 2): lambda a: exp.Paren(this=exp.BitwiseRightShift(this=a[0], expression=a[1])),
    }
)


def _given(node: exp.Expr) -> exp.Expr:
    return exp.Not(this=exp.Is(this=node, expression=exp.Null()))


class SparkSql(Spark):
    """Spark SQL, as sqlglot is told of it: functions keep their names."""

    class Parser(Placed, SparkParser):
        STRICT_CAST = True


def _calls(node: exp.Expr) -> exp.Expr:
    """Call a function by the language's name for it; a type's name with a value is a cast."""
    name, arguments = str(node.this).lower(), node.expressions
    if name in _TYPES and len(arguments) == 1:
        return exp.Cast(this=arguments[0], to=exp.DataType(this=_TYPES[name]))
    made = _ARGUMENTS.get((name, len(arguments)))
    if made is not None:
        return made(arguments)
    if name in _NAMES:
        node.set("this", _NAMES[name])
    return node


def _types(node: exp.Expr) -> exp.Expr:
    """Cast to the language's types."""
    to = node.args["to"]
    if to.this == exp.DType.DECIMAL:
        places = int(to.expressions[1].name) if len(to.expressions) > 1 else 0
        node.set("to", exp.DataType(this=exp.DType.DOUBLE))
        return call("round", node, exp.Literal.number(places))
    if to.this in (exp.DType.TIMESTAMPTZ, exp.DType.TIMESTAMPNTZ, exp.DType.TIMESTAMPLTZ):
        node.set("to", exp.DataType(this=exp.DType.TIMESTAMP))
    return node


def _casts(node: exp.Expr) -> exp.Expr:
    """Cut what is cast to an integer."""
    if node.args["to"].this in _INTEGERS:
        node.set("this", call("cut", node.this))
    return node


def _transformed(node: exp.Expr) -> exp.Expr:
    """Make ``transform(list, x -> ...)``, which has a grammar of its own, a call."""
    return call("list_transform", node.this, node.expression)


def _matches(node: exp.Expr) -> exp.Expr:
    """Make ``a RLIKE b`` a call."""
    return call("regexp_matches", node.this, node.expression)


def _views(node: exp.Expr) -> exp.Expr:
    """Make ``LATERAL VIEW explode(list) t AS item`` a join with UNNEST."""
    for view in node.args.get("laterals") or []:
        made = view.this
        if not isinstance(made, exp.Anonymous) or made.name.lower() != "explode" or len(made.expressions) != 1:
            raise fault(QueryError, "LATERAL VIEW is read with explode(list) only", view)
        source = exp.Unnest(expressions=made.expressions, alias=view.args.get("alias"))
        if view.args.get("outer"):
            node.append("joins", exp.Join(this=source, side="LEFT", on=exp.true()))
        else:
            node.append("joins", exp.Join(this=source, kind="CROSS"))
    node.set("laterals", None)
    return node


def _bytes(node: exp.Expr) -> exp.Expr:
    """Refuse X'1F', which is bytes in Spark and would be a number here."""
    raise fault(
        QueryError, f"X'{node.this}' is not read: bytes cannot be written; a number is written 0x{node.this}", node
    )


def _items(node: exp.Expr) -> exp.Expr:
    """Count the items of a list from 1."""
    places: list[exp.Expr] = []
    for place in node.expressions:
        counted = isinstance(place, exp.Literal) and not place.is_string and place.name.isdigit()
        named = isinstance(place, exp.Literal) and place.is_string
        one = exp.Literal.number(1)
        plain = exp.Literal.number(int(place.name) + 1) if counted else exp.Add(this=operand(place), expression=one)
        places.append(place if named or isinstance(place, exp.Slice) else plain)
    node.set("expressions", places)
    return node


REWRITES: tuple[Rewrite, ...] = (
    Rewrite("bytes", "the language writes none", (exp.HexString,), _bytes),
    Rewrite("views", "the language has UNNEST", (exp.Select,), _views),
    Rewrite("items", "lists are counted from 1 in the language", (exp.Bracket,), _items),
    Rewrite("calls", "functions by the language's names", (exp.Anonymous,), _calls),
    Rewrite("transformed", "transform is a call like others", (exp.Transform,), _transformed),
    Rewrite("matches", "RLIKE is a function in the language", (exp.RegexpLike,), _matches),
    Rewrite("types", "Spark's types in the language's words", (exp.Cast, exp.TryCast), _types),
    Rewrite("casts", "a cast to an integer cuts, and does not round", (exp.Cast, exp.TryCast), _casts),
)
