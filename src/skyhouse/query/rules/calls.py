"""Rules of function calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from sqlglot import exp

from skyhouse.query.bounds import is_positive
from skyhouse.query.engines import Engine
from skyhouse.query.functions import FUNCTIONS, Function
from skyhouse.query.kinds import INTEGERS, cast, common, data_type, is_nested, kind, with_kind
from skyhouse.query.patterns import java_pattern, java_replacement
from skyhouse.query.registered_calls import taken
from skyhouse.query.rules.ordered import array_agg, modes, string_agg
from skyhouse.query.rules.rule import call_of, constant, filled, firm, hard, is_number, text_of

__all__ = ["filtered_windows", "functions", "registered", "wraps"]

_AS_WRITTEN = frozenset({"any", "constant", "fraction", "word", "pattern", "replacement", "", "null"})
# These go by their own names where no guard is needed.
_POSITIVE = frozenset({"ln", "log10", "log2", "sqrt"})
_SURE = frozenset({"sqrt", "sin", "cos"})


def functions(node: exp.Expr, engine: Engine) -> exp.Expr:
    """Put in what the list of functions says."""
    function = FUNCTIONS.get(str(node.this).lower()) if isinstance(node, exp.Anonymous) else None
    written_out = function is None or "kind" not in node.meta or node.meta.get("lowered")
    if written_out or function is None or not isinstance(node, exp.Anonymous):
        return node
    result = kind(node)
    safe = all(map(is_positive, node.expressions))
    _bring(node, function)
    arguments = node.expressions
    if function.name in _MADE:
        return with_kind(_MADE[function.name](node, engine), result)
    if function.name in ("power", "pow") and is_number(arguments[1]) and float(arguments[1].name).is_integer():
        return with_kind(call_of("pow", *arguments), result)
    sure = function.name in _SURE and node.meta.get("sure")
    text = "" if sure or (function.name in _POSITIVE and safe) else function.call(engine)
    if function.brief and len(arguments) < len(function.arguments):
        text = function.brief
    call, *others = [filled(part, arguments) for part in text.split(";")] if text else [node]
    if wrap := function.wrap(engine, result):
        call.meta["wrap"] = wrap
        call.meta["others"] = others
    return with_kind(call, result)


def registered(node: exp.Expr, _engine: Engine) -> exp.Expr:
    """Call a user's function by its name in the statement, each argument in its type."""
    if (name := node.meta.pop("call", None)) is None:
        return node
    brought = []
    for argument in node.expressions:
        found, due = kind(argument), taken(argument)
        as_it_is = found == due and (is_nested(found) or isinstance(argument, (exp.Column, exp.Dot)))
        brought.append(argument if as_it_is else hard(argument, due))
    return with_kind(exp.Anonymous(this=exp.to_identifier(name, quoted=True), expressions=brought), kind(node))


def filtered_windows(node: exp.Expr, engine: Engine) -> exp.Expr:
    """Write FILTER before OVER as CASE."""
    if engine != "spark" or not isinstance(node.parent, exp.Window):
        return node
    condition, call = node.expression.this, node.this
    for part in (call, *call.meta.get("others", ())):
        argument = _value_of(part)
        only = exp.Case(ifs=[exp.If(this=condition.copy(), true=exp.Null())])
        argument.replace(only)
        only.args["ifs"][0].set("true", exp.Literal.number(1) if isinstance(argument, exp.Star) else argument)
    return with_kind(call, kind(node))


def _value_of(call: exp.Expr) -> exp.Expr:
    """Return what an aggregate looks at."""
    if isinstance(call, exp.WithinGroup) and str(call.this.this).lower() != "listagg":
        first: exp.Expr = call.expression.expressions[0].this
        return first
    argument: exp.Expr = (call.this if isinstance(call, exp.WithinGroup) else call).expressions[0]
    return argument


def wraps(node: exp.Expr, _engine: Engine) -> exp.Expr:
    """Put what goes around a call around its FILTER and OVER."""
    call = node
    while isinstance(call, (exp.Filter, exp.Window)):
        call = call.this
    around = isinstance(node.parent, (exp.Filter, exp.Window)) and node.arg_key == "this"
    if around or not call.meta.get("wrap"):
        return node
    wrap, others = call.meta.pop("wrap"), call.meta.pop("others", [])
    return with_kind(filled(wrap, [node, *(_around(node, call, other) for other in others)]), kind(node))


def _around(node: exp.Expr, call: exp.Expr, other: exp.Expr) -> exp.Expr:
    """Return another part of an aggregate with the FILTER and OVER that go around its first."""
    if node is call:
        return other
    outer = node.copy()
    inner = outer
    while type(inner.this) in (exp.Filter, exp.Window):
        inner = inner.this
    inner.set("this", other)
    return outer


def _bring(node: exp.Expr, function: Function) -> None:
    """Cast a call's arguments to what the function asks for."""
    holder = node.expressions[0] if node.expressions and isinstance(node.expressions[0], exp.Distinct) else node
    arguments = holder.expressions
    if arguments and isinstance(arguments[0], exp.Star):
        return
    same = [a for i, a in enumerate(arguments) if function.argument(i) == "same"]
    together = common(*(kind(a) for a in same)) if same else ""
    brought = []
    for position, argument in enumerate(arguments):
        asked = function.argument(position)
        if asked == "number":
            asked = "int64" if kind(argument) in INTEGERS else "float64"
        elif asked == "same":
            asked = together or ""
        elif asked == "time":
            asked = "timestamp" if kind(argument) == "string" else "any"
        asked = {"double": "float64", "integer": "int64"}.get(asked, asked)
        brought.append(_brought(argument, asked, firmly=function.result in ("first", "same")))
    holder.set("expressions", brought)


def _brought(argument: exp.Expr, asked: str, firmly: bool) -> exp.Expr:
    """Cast an argument to the kind that is asked for; `firmly`: an integer literal gets its 64 bits."""
    if isinstance(argument, exp.Null) and data_type(asked) is not None:
        return hard(argument, asked)  # an engine may not tell which of a name's functions a bare NULL means
    fixed = asked in _AS_WRITTEN or kind(argument) in ("null", "")
    value = argument if fixed else cast(argument, asked)
    return firm(value) if asked == "int64" or (firmly and asked != "constant") else value


def _rounded(node: exp.Anonymous, _engine: Engine) -> exp.Expr:
    arguments = node.expressions
    places = int(constant(arguments[1]) or 0) if len(arguments) > 1 else 0
    if places == 0:
        return call_of("round", arguments[0])
    # Spelled out, for the engines' own two-argument forms round different numbers (a double and its decimal text).
    there, back = ("*", "/") if places > 0 else ("/", "*")
    # From 2^52 on a double has no decimals, and the product might overflow.
    bound = "4503599627370496e0" if places > 0 else "CAST('Infinity' AS DOUBLE)"
    scale = f"1e{abs(places)}"
    text = f"CASE WHEN abs(_1) < {bound} THEN round(_1 {there} {scale}) {back} {scale} ELSE _1 END"
    return filled(text, arguments[:1])


def _joined(node: exp.Anonymous, engine: Engine) -> exp.Expr:
    if engine == "spark":
        empty = exp.Literal.string("")
        node.set("expressions", [call_of("coalesce", argument, empty.copy()) for argument in node.expressions])
    return node


def _extreme(node: exp.Anonymous, engine: Engine) -> exp.Expr:
    if engine == "spark" and len(node.expressions) == 1:
        return exp.Paren(this=node.expressions[0])  # Spark's take two
    return node


def _patterned(node: exp.Anonymous, engine: Engine) -> exp.Expr:
    function = FUNCTIONS[str(node.this).lower()]
    arguments = [argument.copy() for argument in node.expressions]
    if engine == "spark":
        pattern = text_of(arguments[1]) or ""
        arguments[1] = exp.Literal.string(java_pattern(pattern))
        if function.name == "regexp_replace":
            arguments[2] = exp.Literal.string(java_replacement(text_of(arguments[2]) or "", pattern))
    brief = function.brief if len(arguments) < len(function.arguments) else ""
    text = brief or function.call(engine)
    return filled(text, arguments) if text else call_of(function.name, *arguments)


_MADE: Mapping[str, Callable[[exp.Anonymous, Engine], exp.Expr]] = MappingProxyType(
    {
        "array_agg": array_agg,
        "concat": _joined,
        "greatest": _extreme,
        "least": _extreme,
        "mode": modes,
        "round": _rounded,
        "string_agg": string_agg,
        **dict.fromkeys(("regexp_matches", "regexp_count", "regexp_extract", "regexp_replace"), _patterned),
    }
)
