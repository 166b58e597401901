"""A checked tree to the SQL of one engine, so that both engines give the same rows and types.

sqlglot writes the SQL; it does not translate it. Every difference between the engines is settled before, by the rules of
`PIPELINE`, each a pure step from tree to tree (a tree that is passed in is owned by the step). What the language
means, whichever engine runs it:

- Arithmetic is 64-bit: integers in int64, all else in float64. Overflow of integers is an error.
- ``/`` gives a double, also of two integers; ``//`` and div() give the whole quotient, cut towards 0. x / 0, x // 0 and
  x % 0 are NULL.
- A number with a point or an exponent is a double. A float32 column and a literal are compared as doubles.
- CAST of a float to an integer rounds, halves to even.
- NULLs come last in every order, ascending or descending, unless NULLS FIRST is written.
- ``LIKE`` has the backslash as its escape.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Literal

from sqlglot import exp, parse_one

from skyhouse.errors import InputError, QueryError
from skyhouse.query.functions import FUNCTIONS, Function
from skyhouse.query.kinds import FLOATS, INTEGERS, cast, common, double, family, kind, with_kind
from skyhouse.query.parse import Dialect
from skyhouse.query.relation import Statement, Tables
from skyhouse.query.resolve import resolve

__all__ = ["ENGINES", "PIPELINE", "Engine", "Rule", "lower", "lowered"]

Engine = Literal["duckdb", "spark"]
Rule = Callable[[exp.Expression, Engine], exp.Expression]
ENGINES: tuple[Engine, ...] = ("duckdb", "spark")

_COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.NullSafeNEQ)


def lower(tree: exp.Query, tables: Tables, engine: str, pretty: bool = False) -> Statement:
    """Return the statement that asks an engine for a query's rows.

    Raises InputError for an unknown engine, and what `resolve` raises.
    """
    if engine not in ENGINES:
        raise InputError(f"no engine {engine!r}; there is {', '.join(ENGINES)}")
    resolved = resolve(tree, tables)
    try:
        sql = lowered(resolved.tree, engine).sql(dialect=engine, pretty=pretty, comments=False)
    except RecursionError as error:
        raise QueryError("the query is nested too deeply; split it by WITH") from error
    columns = tuple(replace(c, type="string") if c.type == "null" else c for c in resolved.columns)
    return Statement(sql, engine, resolved.scans, columns)


def lowered(tree: exp.Expression, engine: Engine) -> exp.Expression:
    """Put a resolved tree through all rules."""
    for rule in PIPELINE:
        tree = rule(tree, engine)
    return tree


def casts(tree: exp.Expression, engine: Engine) -> exp.Expression:
    """Round in a cast from float to integer; Spark's would cut."""

    def rounded(node: exp.Expression) -> exp.Expression:
        if kind(node.this) in FLOATS and kind(node) in INTEGERS:
            node.set("this", with_kind(_call("rint", node.this), "float64"))
        return node

    return _each(tree, (exp.Cast, exp.TryCast), rounded) if engine == "spark" else tree


def comparisons(tree: exp.Expression, engine: Engine) -> exp.Expression:
    """Compare numbers of two types as doubles, and texts with times as times."""

    def met(node: exp.Expression) -> exp.Expression:
        _meet(_compared(node))
        return node

    return _each(tree, (*_COMPARISONS, exp.In, exp.Between, exp.Case), met)


def arithmetic(tree: exp.Expression, engine: Engine) -> exp.Expression:
    """Compute ``+ - *`` and the sign in 64 bits."""

    def widened(node: exp.Expression) -> exp.Expression:
        wanted = kind(node)
        if isinstance(node, exp.Neg):
            if not _is_number(node.this):
                node.set("this", cast(node.this, wanted))
            return node
        node.set("this", _firm(cast(node.this, wanted)))
        node.set("expression", cast(node.expression, wanted))
        return node

    return _each(tree, (exp.Add, exp.Sub, exp.Mul, exp.Neg), widened)


def division(tree: exp.Expression, engine: Engine) -> exp.Expression:
    """Divide doubles by ``/``, integers by ``//``; by zero is NULL in both, and in ``%``."""

    def guarded(node: exp.Expression) -> exp.Expression:
        if isinstance(node, exp.Anonymous):
            if str(node.this).lower() not in ("mod", "div"):
                return node
            operator = exp.Mod if str(node.this).lower() == "mod" else exp.IntDiv
            left, right = (_operand(argument) for argument in node.expressions)
            node = with_kind(operator(this=left, expression=right), kind(node))
        wanted = kind(node)
        left, right = _firm(cast(node.this, wanted)), cast(node.expression, wanted)
        if not _is_number(right) or float(right.name) == 0:
            zero = exp.Literal.number("0e0" if wanted == "float64" else "0")
            right = with_kind(_call("nullif", right, with_kind(zero, wanted)), wanted)
        node.set("this", left)
        node.set("expression", right)
        return node

    return _each(tree, (exp.Div, exp.IntDiv, exp.Mod, exp.Anonymous), guarded)


def bits(tree: exp.Expression, engine: Engine) -> exp.Expression:
    """Compute with bits in 64 bits."""

    def widened(node: exp.Expression) -> exp.Expression:
        node.set("this", _firm(cast(node.this, "int64")))
        if isinstance(node, (exp.BitwiseLeftShift, exp.BitwiseRightShift)):
            # Spark shifts by an INT only.
            node.set("expression", node.expression if _is_number(node.expression) else cast(node.expression, "int32"))
        elif not isinstance(node, exp.BitwiseNot):
            node.set("expression", cast(node.expression, "int64"))
        return node

    shifts = (exp.BitwiseLeftShift, exp.BitwiseRightShift)
    return _each(tree, (exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseNot, *shifts), widened)


def choices(tree: exp.Expression, engine: Engine) -> exp.Expression:
    """Give all branches of CASE and IF the type that they have in common."""

    def even(node: exp.Expression) -> exp.Expression:
        wanted = kind(node)
        branches = node.args["ifs"] if isinstance(node, exp.Case) else [node]
        for branch in branches:
            branch.set("true", _branch(branch.args["true"], wanted))
        key = "default" if isinstance(node, exp.Case) else "false"
        if node.args.get(key) is not None:
            node.set(key, _branch(node.args[key], wanted))
        return node

    tree = _each(tree, (exp.Case,), even)
    lone = [node for node in tree.find_all(exp.If) if not isinstance(node.parent, exp.Case)]
    for node in lone:
        even(node)
    return tree


def filtered_windows(tree: exp.Expression, engine: Engine) -> exp.Expression:
    """Put the FILTER of a window aggregate into its argument; Spark has no FILTER there."""

    def inside(node: exp.Expression) -> exp.Expression:
        condition, call = node.expression.this, node.this
        if not isinstance(node.parent, exp.Window):
            return node
        argument = call.expressions[0]
        value = with_kind(exp.Literal.number(1), "int64") if isinstance(argument, exp.Star) else argument
        picked = exp.Case(ifs=[exp.If(this=condition, true=value)])
        call.set("expressions", [with_kind(picked, kind(value)), *call.expressions[1:]])
        return with_kind(call, kind(node))

    return _each(tree, (exp.Filter,), inside) if engine == "spark" else tree


def functions(tree: exp.Expression, engine: Engine) -> exp.Expression:
    """Call each function as the list says for the engine, with its arguments in the types that it asks for."""

    def called(node: exp.Expression) -> exp.Expression:
        function = FUNCTIONS.get(str(node.this).lower())
        if function is None or "kind" not in node.meta:
            return node
        result = kind(node)
        _bring(node, function)
        arguments = node.expressions
        if function.name == "round":
            return with_kind(_rounded(arguments), result)
        if function.name == "concat" and engine == "spark":
            empty = with_kind(exp.Literal.string(""), "string")
            node.set("expressions", [_call("coalesce", argument, empty.copy()) for argument in arguments])
            return node
        if function.name in ("power", "pow") and _is_number(arguments[1]) and float(arguments[1].name).is_integer():
            return with_kind(_call("pow", *arguments), result)
        text = function.call(engine)
        if function.brief and len(arguments) < len(function.arguments):
            text = function.brief
        call = _filled(text, arguments) if text else node
        if wrap := function.wrap(engine, result):
            call.meta["wrap"] = wrap
        return with_kind(call, result)

    return _each(tree, (exp.Anonymous,), called)


def wraps(tree: exp.Expression, engine: Engine) -> exp.Expression:
    """Put what goes around an aggregate or window function around its FILTER and OVER too."""
    for node in [node for node in tree.find_all(exp.Anonymous) if node.meta.get("wrap")]:
        outer: exp.Expression = node
        while isinstance(outer.parent, (exp.Filter, exp.Window)) and outer.arg_key == "this":
            outer = outer.parent
        parent, key, index = outer.parent, outer.arg_key, outer.index
        wrapped = with_kind(_filled(node.meta.pop("wrap"), [outer]), kind(node))
        if parent is None or key is None:
            return wrapped
        parent.set(key, wrapped, index)
    return tree


def likes(tree: exp.Expression, engine: Engine) -> exp.Expression:
    r"""Make the backslash the escape of LIKE in DuckDB too, where the pattern may hold one."""

    def escaped(node: exp.Expression) -> exp.Expression:
        pattern = node.expression
        plain = isinstance(pattern, exp.Literal) and "\\" not in pattern.name
        if plain or isinstance(node.parent, exp.Escape):
            return node
        return with_kind(exp.Escape(this=node, expression=exp.Literal.string("\\")), "bool")

    return _each(tree, (exp.Like, exp.ILike), escaped) if engine == "duckdb" else tree


def orders(tree: exp.Expression, engine: Engine) -> exp.Expression:
    """Write out NULLS LAST in every ORDER BY that does not say NULLS FIRST."""

    def last(node: exp.Expression) -> exp.Expression:
        node.set("nulls_first", bool(node.args.get("nulls_first")))
        node.set("desc", bool(node.args.get("desc")))
        return node

    return _each(tree, (exp.Ordered,), last)


def outputs(tree: exp.Expression, engine: Engine) -> exp.Expression:
    """Cast result columns whose type an engine might choose otherwise: bare numbers, and choices between them."""

    def typed(node: exp.Expression) -> exp.Expression:
        for item in node.expressions:
            if isinstance(item, exp.Alias) and _is_soft(item.this):
                found = kind(item.this)
                item.set("this", _hard(item.this, "string" if found == "null" and node.parent is None else found))
        return node

    return _each(tree, (exp.Select,), typed)


def literals(tree: exp.Expression, engine: Engine) -> exp.Expression:
    """Write numbers with a point as doubles; both engines would read a decimal."""

    def as_double(node: exp.Expression) -> exp.Expression:
        if not node.is_string and not node.name.isdigit():
            node.set("this", double(node.name))
        return node

    return _each(tree, (exp.Literal,), as_double)


PIPELINE: tuple[Rule, ...] = (
    casts,
    comparisons,
    arithmetic,
    division,
    bits,
    choices,
    filtered_windows,
    functions,
    wraps,
    likes,
    orders,
    outputs,
    literals,
)


# -- helpers ------------------------------------------------------------------------------------------------------


def _each(
    tree: exp.Expression,
    types: tuple[type[exp.Expression], ...],
    rule: Callable[[exp.Expression], exp.Expression],
) -> exp.Expression:
    """Put each node of the types through a rule, the inner ones first."""
    for node in reversed([node for node in tree.walk() if isinstance(node, types)]):
        parent, key, index = node.parent, node.arg_key, node.index
        new = rule(node)
        if new is node:
            continue
        if parent is None:
            tree = new
        elif key is not None:
            parent.set(key, new, index)
    return tree


def _call(name: str, *arguments: exp.Expression) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _is_number(node: exp.Expression) -> bool:
    return isinstance(node, exp.Literal) and not node.is_string


def _constant(node: exp.Expression) -> float | None:
    """Return the value of a number that is written in the query."""
    if isinstance(node, (exp.Paren, exp.Neg)):
        inner = _constant(node.this)
        return inner if inner is None or isinstance(node, exp.Paren) else -inner
    return float(node.name) if _is_number(node) else None


def _firm(node: exp.Expression) -> exp.Expression:
    """Give an integer literal its 64 bits, for the engines' literals have 32."""
    return _hard(node, "int64") if kind(node) == "int64" and _constant(node) is not None else node


def _hard(node: exp.Expression, name: str) -> exp.Expression:
    return cast(with_kind(node, ""), name) if name else node


def _operand(node: exp.Expression) -> exp.Expression:
    if isinstance(node, (exp.Binary, exp.Unary, exp.Between, exp.In)) and not isinstance(node, exp.Paren):
        return with_kind(exp.Paren(this=node), kind(node))
    return node


def _branch(node: exp.Expression, wanted: str) -> exp.Expression:
    if kind(node) == "null" or wanted in ("", "null"):
        return node
    return _firm(cast(node, wanted))


def _compared(node: exp.Expression) -> list[exp.Expression]:
    if isinstance(node, exp.In):
        return [node.this, *node.expressions, *([node.args["query"]] if node.args.get("query") else [])]
    if isinstance(node, exp.Between):
        return [node.this, node.args["low"], node.args["high"]]
    if isinstance(node, exp.Case):
        return [node.this, *(branch.this for branch in node.args["ifs"])] if node.args.get("this") else []
    return [node.this, node.expression]


def _meet(nodes: list[exp.Expression]) -> None:
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


def _put(node: exp.Expression, wanted: str) -> None:
    if kind(node) in ("null", "", wanted) or isinstance(node.parent, exp.Cast):
        return
    parent, key, index = node.parent, node.arg_key, node.index
    if parent is not None and key is not None:
        if isinstance(node, exp.Subquery) and key == "query":
            return
        parent.set(key, cast(node, wanted), index)


def _bring(node: exp.Expression, function: Function) -> None:
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


def _rounded(arguments: list[exp.Expression]) -> exp.Expression:
    places = int(_constant(arguments[1]) or 0) if len(arguments) > 1 else 0
    if places == 0:
        return _call("round", arguments[0])
    # Spelled out, for the engines' own two-argument forms round different numbers (a double and its decimal text).
    scale = exp.Literal.number(f"1e{abs(places)}")
    there, back = (exp.Mul, exp.Div) if places > 0 else (exp.Div, exp.Mul)
    scaled = _call("round", there(this=_operand(arguments[0]), expression=scale))
    return exp.Paren(this=back(this=scaled, expression=scale.copy()))


@cache
def _template(text: str) -> exp.Expression:
    return parse_one(text, dialect=Dialect)


def _filled(text: str, arguments: list[exp.Expression]) -> exp.Expression:
    """Put arguments into a template's places."""
    tree = exp.Tuple(expressions=[_template(text).copy()])
    for place in list(tree.find_all(exp.Column)):
        name = place.name
        if not name.startswith("_") or not name[1:].isdigit():
            continue
        value = arguments[int(name[1:]) - 1 if name != "_0" else 0].copy()
        place.replace(value if isinstance(place.parent, (exp.Anonymous, exp.Tuple, exp.Cast)) else _operand(value))
    filled: exp.Expression = tree.expressions[0]
    filled.pop()
    return filled


def _is_soft(node: exp.Expression) -> bool:
    """Whether an engine might give an expression another type than ours."""
    if isinstance(node, (exp.Paren, exp.Neg)):
        return _is_soft(node.this)
    if kind(node) in ("", "string", "bool"):
        return False
    return isinstance(node, exp.Null) or (_is_number(node) and kind(node) == "int64")
