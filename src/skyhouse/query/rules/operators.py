"""Rules of operators, casts and literals."""

from __future__ import annotations

import re
import struct

from sqlglot import exp

from skyhouse.query.bounds import is_positive
from skyhouse.query.engines import Engine
from skyhouse.query.kinds import FLOATS, INTEGERS, cast, common, data_type, double, family, is_nested, kind, with_kind
from skyhouse.query.rules.rule import call_of, constant, filled, firm, hard, is_number, operand
from skyhouse.query.rules.texts import float_text, number_text, time_text

__all__ = ["arithmetic", "bits", "casts", "choices", "comparisons", "division", "likes", "literals"]

_PLACES = 63
_BITS = (exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseLeftShift, exp.BitwiseRightShift)


def casts(node: exp.Expr, engine: Engine) -> exp.Expr:
    """Round what is cast from a float to an integer, and write one that is cast to a text alike on both engines."""
    if kind(node.this) in FLOATS and kind(node) == "string":
        return float_text(node, engine)
    if engine == "spark" and kind(node.this) in FLOATS and kind(node) in INTEGERS:
        node.set("this", with_kind(call_of("rint", node.this), "float64"))
    if kind(node) == "timestamp":
        node.set("to", data_type("timestamp"))
    if kind(node.this) == "string" and family(kind(node)) == "time":
        node.set("this", time_text(node.this, engine))
    if engine == "duckdb" and kind(node.this) == "string" and kind(node) == "bool":
        node.set("this", call_of("trim", node.this))
    if kind(node.this) == "string" and family(kind(node)) == "number":
        node.set("this", number_text(node.this, kind(node), engine))
    return node


def comparisons(node: exp.Expr, _engine: Engine) -> exp.Expr:
    """Bring the sides of a comparison to one kind."""
    _meet(_compared(node))
    return node


def arithmetic(node: exp.Expr, _engine: Engine) -> exp.Expr:
    """Bring both sides to the kind of the result."""
    wanted = kind(node)
    if not isinstance(node, exp.Neg):
        node.set("this", firm(cast(node.this, wanted)))
        node.set("expression", cast(node.expression, wanted))
    elif not is_number(node.this):
        node.set("this", cast(node.this, wanted))
    return node


def division(node: exp.Expr, _engine: Engine) -> exp.Expr:
    """Guard a division against 0."""
    if isinstance(node, exp.Anonymous):
        if str(node.this).lower() not in ("mod", "div"):
            return node
        operator = exp.Mod if str(node.this).lower() == "mod" else exp.IntDiv
        left, right = (operand(argument) for argument in node.expressions)
        node = with_kind(operator(this=left, expression=right), kind(node))
    wanted = kind(node)
    safe = is_positive(node.expression)
    left, right = firm(cast(node.this, wanted)), cast(node.expression, wanted)
    if not safe and (not is_number(right) or float(right.name) == 0):
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
    return with_kind(call_of("nullif", node, zero), wanted)


def bits(node: exp.Expr, engine: Engine) -> exp.Expr:
    """Bring bit patterns to 64 bits."""
    for key in ("this", "expression"):
        # In Spark & binds closer than |; as read, both go from the left.
        if isinstance(side := node.args.get(key), _BITS) and type(side) is not type(node):
            node.set(key, operand(side))
    node.set("this", firm(cast(node.this, "int64")))
    if isinstance(node, (exp.BitwiseLeftShift, exp.BitwiseRightShift)):
        # Spark shifts by an INT only.
        node.set("expression", node.expression if is_number(node.expression) else cast(node.expression, "int32"))
        return _shift(node, engine)
    if not isinstance(node, exp.BitwiseNot):
        node.set("expression", cast(node.expression, "int64"))
    return node


def _shift(node: exp.Expr, engine: Engine) -> exp.Expr:
    """Make a shift by less than 0 or more than 63 NULL, and bits that are lost on the left an error."""
    left = isinstance(node, exp.BitwiseLeftShift)
    places = constant(node.expression)
    if places is not None and 0 <= places <= _PLACES and (engine == "duckdb" or not left):
        return node
    plain = "_1 << _2" if left else "_1 >> _2"
    if left and engine == "spark":
        lost = "CAST(raise_error('Overflow in left shift') AS BIGINT)"
        plain = f"CASE WHEN _1 < 0 OR (({plain}) >> _2) <> _1 THEN {lost} ELSE {plain} END"
    return with_kind(
        exp.Paren(this=filled(f"CASE WHEN _2 BETWEEN 0 AND {_PLACES} THEN {plain} END", [node.this, node.expression])),
        "int64",
    )


def choices(node: exp.Expr, _engine: Engine) -> exp.Expr:
    """Bring the branches to one kind."""
    if isinstance(node.parent, exp.Case) and isinstance(node, exp.If):
        return node
    wanted = kind(node)
    for branch in node.args["ifs"] if isinstance(node, exp.Case) else [node]:
        if isinstance(branch.this, exp.Null) and not node.args.get("this"):
            branch.set("this", hard(branch.this, "bool"))
        branch.set("true", _branch(branch.args["true"], wanted))
    key = "default" if isinstance(node, exp.Case) else "false"
    if node.args.get(key) is not None:
        node.set(key, _branch(node.args[key], wanted))
    return node


def likes(node: exp.Expr, engine: Engine) -> exp.Expr:
    """Make the backslash LIKE's escape."""
    pattern = node.expression
    if isinstance(pattern, exp.Literal):
        # Spark refuses the escape of a sign that needs none.
        needed = re.sub(r"\\(.)", lambda pair: pair[0] if pair[1] in "%_\\" else pair[1], pattern.name, flags=re.DOTALL)
        pattern.set("this", needed)
    if engine != "duckdb" or (isinstance(pattern, exp.Literal) and "\\" not in pattern.name):
        return node
    return with_kind(exp.Escape(this=node, expression=exp.Literal.string("\\")), "bool")


def literals(node: exp.Expr, _engine: Engine) -> exp.Expr:
    """Write a number with a point as a double."""
    if not node.is_string and not node.name.isdigit():
        node.set("this", double(node.name))
    return node


def _branch(node: exp.Expr, wanted: str) -> exp.Expr:
    if kind(node) == "null" or wanted in ("", "null"):
        return node
    return firm(cast(node, wanted))


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
    if len(kinds) < 2 or wanted is None or not (wanted in ("float64", "timestamp") or is_nested(wanted)):
        return
    constants = [constant(node) for node in nodes]
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
