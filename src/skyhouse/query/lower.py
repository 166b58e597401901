"""A checked tree to the SQL of one engine, so that both engines give the same rows and types.

sqlglot writes the SQL; it does not translate it. Every difference between the engines is settled before, by the rules
of `PIPELINE`, each a step from node to node. What the language means, whichever engine runs it:

- Arithmetic is 64-bit: integers in int64, all else in float64. Overflow of integers is an error.
- ``/`` gives a double, also of two integers; ``//`` and div() give the whole quotient, cut towards 0. x / 0, x // 0 and
  x % 0 are NULL.
- A number with a point or an exponent is a double. A float32 column and a literal are compared as doubles.
- CAST of a float to an integer rounds, halves to even.
- NULLs come last in every order, ascending or descending, unless NULLS FIRST is written.
- ``LIKE`` has the backslash as its escape.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from sqlglot import exp, parse_one
from sqlglot.dialects.duckdb import DuckDB

from skyhouse.errors import QueryError
from skyhouse.query.bounds import is_positive, mark_positive
from skyhouse.query.functions import FUNCTIONS, Function
from skyhouse.query.kinds import FLOATS, INTEGERS, cast, common, data_type, double, family, kind, with_kind
from skyhouse.query.parse import Dialect
from skyhouse.query.relation import Statement, Tables
from skyhouse.query.resolve import resolve
from skyhouse.query.route import Engine, route

if TYPE_CHECKING:
    from sqlglot.dialects.dialect import Dialect as Writer

__all__ = ["PIPELINE", "Rule", "lower", "lowered"]

Step = Callable[[exp.Expr, Engine], exp.Expr]

_LARGEST_ARGUMENT = 5_000
_EQUALITIES = (exp.EQ, exp.NEQ, exp.NullSafeEQ, exp.NullSafeNEQ)
_COMPARED = (*_EQUALITIES, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.In, exp.Between, exp.Case)


def lower(tree: exp.Query, tables: Tables, engine: str, pretty: bool = False) -> Statement:
    """Return the statement that asks an engine for a query's rows.

    Raises InputError for an unknown engine, and what `resolve` raises.
    """
    chosen = route(engine).engine
    resolved = resolve(tree, tables)
    try:
        sql = lowered(resolved.tree, chosen).sql(dialect=_writer(chosen), pretty=pretty, comments=False, copy=False)
    except RecursionError as error:
        raise QueryError("the query is nested too deeply; split it by WITH") from error
    columns = tuple(replace(c, type="string") if c.type == "null" else c for c in resolved.columns)
    return Statement(sql, chosen, resolved.scans, columns)


def _writer(engine: Engine) -> type[Writer]:
    if engine == "duckdb":
        return DuckDB
    from skyhouse.query.spark_writer import SparkWriter  # three of sqlglot's dialects; a laptop's first query waits

    return SparkWriter


def lowered(tree: exp.Expr, engine: Engine, rules: Sequence[Rule] | None = None) -> exp.Expr:
    """Put a resolved tree through the rules (all of them), from the inside out; the tree is used up."""
    mark_positive(tree)
    steps: dict[type[exp.Expr], list[Step]] = {}
    for rule in PIPELINE if rules is None else rules:
        for node_type in rule.nodes:
            steps.setdefault(node_type, []).append(rule.step)
    for found in reversed([node for node in tree.walk() if type(node) in steps]):
        node, parent, key, index = found, found.parent, found.arg_key, found.index
        for step in steps[type(node)]:
            new = step(node, engine)
            if new is node:
                continue
            if parent is None:
                tree = new
            elif key is not None:
                parent.set(key, new, index)
            if type(new) is not type(node):
                break
            node = new
    return tree


def _casts(node: exp.Expr, engine: Engine) -> exp.Expr:
    if engine == "spark" and kind(node.this) in FLOATS and kind(node) in INTEGERS:
        node.set("this", with_kind(_call("rint", node.this), "float64"))
    if kind(node) == "timestamp":
        node.set("to", data_type("timestamp"))
    return node


def _comparisons(node: exp.Expr, _engine: Engine) -> exp.Expr:
    _meet(_compared(node))
    return node


def _arithmetic(node: exp.Expr, _engine: Engine) -> exp.Expr:
    wanted = kind(node)
    if not isinstance(node, exp.Neg):
        node.set("this", _firm(cast(node.this, wanted)))
        node.set("expression", cast(node.expression, wanted))
    elif not _is_number(node.this):
        node.set("this", cast(node.this, wanted))
    return node


def _division(node: exp.Expr, _engine: Engine) -> exp.Expr:
    if isinstance(node, exp.Anonymous):
        if str(node.this).lower() not in ("mod", "div"):
            return node
        operator = exp.Mod if str(node.this).lower() == "mod" else exp.IntDiv
        left, right = (_operand(argument) for argument in node.expressions)
        node = with_kind(operator(this=left, expression=right), kind(node))
    wanted = kind(node)
    safe = is_positive(node.expression)
    left, right = _firm(cast(node.this, wanted)), cast(node.expression, wanted)
    if not safe and (not _is_number(right) or float(right.name) == 0):
        right = _not_zero(right, wanted)
    node.set("this", left)
    node.set("expression", right)
    return node


def _not_zero(node: exp.Expr, wanted: str) -> exp.Expr:
    zero = with_kind(exp.Literal.number("0e0" if wanted == "float64" else "0"), wanted)
    if isinstance(node.this if isinstance(node, exp.Cast) else node, exp.Column):
        # A comparison is cheaper than NULLIF in DuckDB; of a column it reads as well.
        picked = exp.Case(ifs=[exp.If(this=exp.NEQ(this=node.copy(), expression=zero), true=node)])
        return with_kind(picked, wanted)
    return with_kind(_call("nullif", node, zero), wanted)


def _bits(node: exp.Expr, _engine: Engine) -> exp.Expr:
    node.set("this", _firm(cast(node.this, "int64")))
    if isinstance(node, (exp.BitwiseLeftShift, exp.BitwiseRightShift)):
        # Spark shifts by an INT only.
        node.set("expression", node.expression if _is_number(node.expression) else cast(node.expression, "int32"))
    elif not isinstance(node, exp.BitwiseNot):
        node.set("expression", cast(node.expression, "int64"))
    return node


def _choices(node: exp.Expr, _engine: Engine) -> exp.Expr:
    if isinstance(node.parent, exp.Case) and isinstance(node, exp.If):
        return node
    wanted = kind(node)
    for branch in node.args["ifs"] if isinstance(node, exp.Case) else [node]:
        branch.set("true", _branch(branch.args["true"], wanted))
    key = "default" if isinstance(node, exp.Case) else "false"
    if node.args.get(key) is not None:
        node.set(key, _branch(node.args[key], wanted))
    return node


def _functions(node: exp.Expr, engine: Engine) -> exp.Expr:
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
        node.set("expressions", [_call("coalesce", argument, empty.copy()) for argument in arguments])
        return node
    if function.name in ("power", "pow") and _is_number(arguments[1]) and float(arguments[1].name).is_integer():
        return with_kind(_call("pow", *arguments), result)
    text = "" if function.name in _POSITIVE and safe else function.call(engine)
    if function.brief and len(arguments) < len(function.arguments):
        text = function.brief
    call = _filled(text, arguments) if text else node
    if wrap := function.wrap(engine, result):
        call.meta["wrap"] = wrap
    return with_kind(call, result)


def _filtered_windows(node: exp.Expr, engine: Engine) -> exp.Expr:
    if engine != "spark" or not isinstance(node.parent, exp.Window):
        return node
    condition, call = node.expression.this, node.this
    argument = call.expressions[0]
    value = exp.Literal.number(1) if isinstance(argument, exp.Star) else argument
    call.set("expressions", [exp.Case(ifs=[exp.If(this=condition, true=value)]), *call.expressions[1:]])
    return with_kind(call, kind(node))


def _wraps(node: exp.Expr, _engine: Engine) -> exp.Expr:
    call = node
    while isinstance(call, (exp.Filter, exp.Window)):
        call = call.this
    around = isinstance(node.parent, (exp.Filter, exp.Window)) and node.arg_key == "this"
    if around or not call.meta.get("wrap"):
        return node
    return with_kind(_filled(call.meta.pop("wrap"), [node]), kind(node))


def _likes(node: exp.Expr, engine: Engine) -> exp.Expr:
    pattern = node.expression
    if isinstance(pattern, exp.Literal):
        # Spark refuses the escape of a sign that needs none.
        needed = re.sub(r"\\(.)", lambda pair: pair[0] if pair[1] in "%_\\" else pair[1], pattern.name, flags=re.DOTALL)
        pattern.set("this", needed)
    if engine != "duckdb" or (isinstance(pattern, exp.Literal) and "\\" not in pattern.name):
        return node
    return with_kind(exp.Escape(this=node, expression=exp.Literal.string("\\")), "bool")


def _orders(node: exp.Expr, _engine: Engine) -> exp.Expr:
    node.set("nulls_first", bool(node.args.get("nulls_first")))
    node.set("desc", bool(node.args.get("desc")))
    return node


def _outputs(node: exp.Expr, _engine: Engine) -> exp.Expr:
    for item in node.expressions:
        if isinstance(item, exp.Alias) and not isinstance(item.this, exp.Column) and _is_soft(item.this):
            found = kind(item.this)
            item.set("this", _hard(item.this, "string" if found == "null" and node.parent is None else found))
    if (group := node.args.get("group")) is not None:
        # A bare number would be read as the place of a result column.
        group.set("expressions", [_hard(k, kind(k)) if _is_number(k) else k for k in group.expressions])
    return node


def _picked_groups(node: exp.Expr, engine: Engine) -> exp.Expr:
    if engine != "spark" or not node.meta.get("picked"):
        return node
    names = [item.alias_or_name for item in node.expressions]
    outer = exp.Select(expressions=[exp.column(exp.to_identifier(name, quoted=True)) for name in names])
    for clause in ("distinct", "order", "limit", "offset"):
        outer.set(clause, node.args.get(clause))
        node.set(clause, None)
    condition = node.args["qualify"].this
    node.set("qualify", None)
    node.append("expressions", exp.alias_(condition, "_picked", quoted=True))
    named = exp.TableAlias(this=exp.to_identifier("_groups", quoted=True))
    outer.set("from_", exp.From(this=exp.Subquery(this=node, alias=named)))
    outer.set("where", exp.Where(this=exp.column(exp.to_identifier("_picked", quoted=True))))
    return outer


def _literals(node: exp.Expr, _engine: Engine) -> exp.Expr:
    if not node.is_string and not node.name.isdigit():
        node.set("this", double(node.name))
    return node


@dataclass(frozen=True)
class Rule:
    """One difference between the engines, or between them and the language, and what settles it.

    `step` takes a node of one of the `nodes`, whose parts are lowered already, and gives back what stands in its place.
    """

    name: str
    why: str
    nodes: tuple[type[exp.Expr], ...]
    step: Step


_CALLS = (exp.Anonymous,)
_POSITIVE = frozenset({"ln", "log10", "log2", "sqrt"})  # they go by their own names where no guard is needed
_SHIFTS = (exp.BitwiseLeftShift, exp.BitwiseRightShift)

PIPELINE: tuple[Rule, ...] = (
    Rule("casts", "a float is rounded to an integer; Spark's cast would cut", (exp.Cast, exp.TryCast), _casts),
    Rule("comparisons", "numbers of two types meet as doubles, texts and times as times", _COMPARED, _comparisons),
    Rule("arithmetic", "64 bits", (exp.Add, exp.Sub, exp.Mul, exp.Neg), _arithmetic),
    Rule("division", "/ of doubles, // of integers, NULL by zero", (exp.Div, exp.IntDiv, exp.Mod, *_CALLS), _division),
    Rule("bits", "64 bits", (exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseNot, *_SHIFTS), _bits),
    Rule("choices", "all branches in their common type", (exp.Case, exp.If), _choices),
    Rule("functions", "each as the list of functions says for the engine", _CALLS, _functions),
    Rule("filtered windows", "Spark has no FILTER before OVER", (exp.Filter,), _filtered_windows),
    Rule("wraps", "what goes around a call goes around its FILTER and OVER", (*_CALLS, exp.Filter, exp.Window), _wraps),
    Rule("likes", "the backslash is LIKE's escape; DuckDB has none by itself", (exp.Like, exp.ILike), _likes),
    Rule("orders", "NULLs last; Spark has them first", (exp.Ordered,), _orders),
    Rule("outputs", "bare numbers as results have 64 bits", (exp.Select,), _outputs),
    Rule("picked groups", "Spark's QUALIFY of groups sees no aggregates of its own", (exp.Select,), _picked_groups),
    Rule("literals", "0.2 is a double; both engines would read a decimal", (exp.Literal,), _literals),
)


# -- helpers ------------------------------------------------------------------------------------------------------


def _call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _is_number(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal) and not node.is_string


def _constant(node: exp.Expr) -> float | None:
    """Return the value of a number that is written in the query."""
    if isinstance(node, (exp.Paren, exp.Neg)):
        inner = _constant(node.this)
        return inner if inner is None or isinstance(node, exp.Paren) else -inner
    return float(node.name) if _is_number(node) else None


def _firm(node: exp.Expr) -> exp.Expr:
    """Give an integer literal its 64 bits, for the engines' literals have 32."""
    return _hard(node, "int64") if kind(node) == "int64" and _constant(node) is not None else node


def _hard(node: exp.Expr, name: str) -> exp.Expr:
    return cast(with_kind(node, ""), name) if name else node


def _operand(node: exp.Expr) -> exp.Expr:
    if isinstance(node, (exp.Binary, exp.Unary, exp.Between, exp.In)) and not isinstance(node, exp.Paren):
        return with_kind(exp.Paren(this=node), kind(node))
    return node


def _branch(node: exp.Expr, wanted: str) -> exp.Expr:
    if kind(node) == "null" or wanted in ("", "null"):
        return node
    return _firm(cast(node, wanted))


def _compared(node: exp.Expr) -> list[exp.Expr]:
    if isinstance(node, exp.In):
        return [node.this, *node.expressions, *([node.args["query"]] if node.args.get("query") else [])]
    if isinstance(node, exp.Between):
        return [node.this, node.args["low"], node.args["high"]]
    if isinstance(node, exp.Case):
        return [node.this, *(branch.this for branch in node.args["ifs"])] if node.args.get("this") else []
    return [node.this, node.expression]


def _meet(nodes: list[exp.Expr]) -> None:
    kinds = {kind(node) for node in nodes} - {"null", ""}
    families = {family(name) for name in kinds}
    if families == {"string", "time"}:
        time = next(name for name in ("timestamp", "date") if name in kinds)
        for node in nodes:
            _put(node, time)
        return
    wanted = common(*kinds)
    if len(kinds) < 2 or wanted not in ("float64", "timestamp"):
        return
    constants = [_constant(node) for node in nodes]
    columns = {kind(node) for node, value in zip(nodes, constants, strict=True) if value is None}
    if columns == {"float32"} and all(value is None or _fits_float32(value) for value in constants):
        # 5 is the same number in 32 bits as in 64: the column needs no cast, and its statistics skip row groups.
        wanted = "float32"
    for node in nodes:
        _put(node, wanted)


def _fits_float32(value: float) -> bool:
    try:
        return bool(struct.unpack("f", struct.pack("f", value))[0] == value)
    except OverflowError:
        return False


def _put(node: exp.Expr, wanted: str) -> None:
    if kind(node) in ("null", "", wanted):
        return
    parent, key, index = node.parent, node.arg_key, node.index
    if parent is not None and key is not None:
        if isinstance(node, exp.Subquery) and key == "query":
            return
        parent.set(key, cast(node, wanted), index)


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
        brought.append(_firm(value) if function.result in ("first", "same") and asked != "constant" else value)
    holder.set("expressions", brought)


def _rounded(arguments: list[exp.Expr]) -> exp.Expr:
    places = int(_constant(arguments[1]) or 0) if len(arguments) > 1 else 0
    if places == 0:
        return _call("round", arguments[0])
    # Spelled out, for the engines' own two-argument forms round different numbers (a double and its decimal text).
    scale = exp.Literal.number(f"1e{abs(places)}")
    there, back = (exp.Mul, exp.Div) if places > 0 else (exp.Div, exp.Mul)
    scaled = _call("round", there(this=_operand(arguments[0]), expression=scale))
    return exp.Paren(this=back(this=scaled, expression=scale.copy()))


@cache
def _template(text: str) -> exp.Expr:
    return parse_one(text, dialect=Dialect)


def _filled(text: str, arguments: list[exp.Expr]) -> exp.Expr:
    """Put arguments into a template's places.

    Raises QueryError where calls within calls grow past a bound: an argument may stand in two places of a template.
    """
    tree = exp.Tuple(expressions=[_template(text).copy()])
    places = [c for c in tree.find_all(exp.Column) if c.name.startswith("_") and c.name[1:].isdigit()]
    if len(places) > len(arguments) and sum(1 for a in arguments for _ in a.walk()) > _LARGEST_ARGUMENT:
        raise QueryError("functions are nested too deeply in each other; compute the inner ones in WITH first")
    for place in places:
        value = arguments[max(int(place.name[1:]) - 1, 0)].copy()
        place.replace(value if isinstance(place.parent, (exp.Anonymous, exp.Tuple, exp.Cast)) else _operand(value))
    filled: exp.Expr = tree.expressions[0]
    filled.pop()
    return filled


def _is_soft(node: exp.Expr) -> bool:
    """Whether an engine might give an expression another type than ours."""
    if isinstance(node, (exp.Paren, exp.Neg)):
        return _is_soft(node.this)
    if kind(node) in ("", "string", "bool"):
        return False
    return isinstance(node, exp.Null) or (_is_number(node) and kind(node) == "int64")
