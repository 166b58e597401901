"""Rules of function calls."""

from __future__ import annotations

from sqlglot import exp

from skyhouse.query.bounds import is_positive
from skyhouse.query.engines import Engine
from skyhouse.query.functions import FUNCTIONS, Function
from skyhouse.query.kinds import INTEGERS, cast, common, kind, with_kind
from skyhouse.query.rules.rule import call_of, constant, filled, firm, is_number, operand

__all__ = ["filtered_windows", "functions", "wraps"]

# These go by their own names where no guard is needed.
_POSITIVE = frozenset({"ln", "log10", "log2", "sqrt"})


def functions(node: exp.Expr, engine: Engine) -> exp.Expr:
    """Put in what the list of functions says."""
    function = FUNCTIONS.get(str(node.this).lower()) if isinstance(node, exp.Anonymous) else None
    if function is None or "kind" not in node.meta:
        return node
    result = kind(node)
    safe = all(map(is_positive, node.expressions))
    _bring(node, function)
    arguments = node.expressions
    if function.name == "round":
        return with_kind(_rounded(arguments), result)
    if function.name == "concat" and engine == "spark":
        empty = exp.Literal.string("")
        node.set("expressions", [call_of("coalesce", argument, empty.copy()) for argument in arguments])
        return node
    if function.name in ("power", "pow") and is_number(arguments[1]) and float(arguments[1].name).is_integer():
        return with_kind(call_of("pow", *arguments), result)
    text = "" if function.name in _POSITIVE and safe else function.call(engine)
    if function.brief and len(arguments) < len(function.arguments):
        text = function.brief
    call = filled(text, arguments) if text else node
    if wrap := function.wrap(engine, result):
        call.meta["wrap"] = wrap
    return with_kind(call, result)


def filtered_windows(node: exp.Expr, engine: Engine) -> exp.Expr:
    """Write FILTER before OVER as CASE."""
    if engine != "spark" or not isinstance(node.parent, exp.Window):
        return node
    condition, call = node.expression.this, node.this
    argument = call.expressions[0]
    value = exp.Literal.number(1) if isinstance(argument, exp.Star) else argument
    call.set("expressions", [exp.Case(ifs=[exp.If(this=condition, true=value)]), *call.expressions[1:]])
    return with_kind(call, kind(node))


def wraps(node: exp.Expr, _engine: Engine) -> exp.Expr:
    """Put what goes around a call around its FILTER and OVER."""
    call = node
    while isinstance(call, (exp.Filter, exp.Window)):
        call = call.this
    around = isinstance(node.parent, (exp.Filter, exp.Window)) and node.arg_key == "this"
    if around or not call.meta.get("wrap"):
        return node
    return with_kind(filled(call.meta.pop("wrap"), [node]), kind(node))


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
        asked = {"double": "float64", "integer": "int64"}.get(asked, asked)
        fixed = asked in ("any", "constant", "", "null") or kind(argument) in ("null", "")
        value = argument if fixed else cast(argument, asked)
        brought.append(firm(value) if function.result in ("first", "same") and asked != "constant" else value)
    holder.set("expressions", brought)


def _rounded(arguments: list[exp.Expr]) -> exp.Expr:
    places = int(constant(arguments[1]) or 0) if len(arguments) > 1 else 0
    if places == 0:
        return call_of("round", arguments[0])
    # Spelled out, for the engines' own two-argument forms round different numbers (a double and its decimal text).
    scale = exp.Literal.number(f"1e{abs(places)}")
    there, back = (exp.Mul, exp.Div) if places > 0 else (exp.Div, exp.Mul)
    scaled = call_of("round", there(this=operand(arguments[0]), expression=scale))
    return exp.Paren(this=back(this=scaled, expression=scale.copy()))
