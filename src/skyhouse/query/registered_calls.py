"""Calls of users' functions: where they may stand, what they give, and how a statement names them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sqlglot import exp

from skyhouse.columns import Column, field_types, item_type
from skyhouse.errors import QueryError, UnknownColumn, did_you_mean
from skyhouse.query.clause import only, shown, word
from skyhouse.query.kinds import FLOATS, INTEGERS, kind, settled
from skyhouse.query.parse import fault, parse_items
from skyhouse.query.registered import Call, Registered

if TYPE_CHECKING:
    from skyhouse.query.expressions import Expressions

__all__ = ["calls_in", "is_name", "registered_call", "taken", "used_in", "write_out"]


def is_name(name: str) -> bool:
    """Whether a function can be called by a name in SQL, and is not read as anything else.

    >>> is_name("amplitude"), is_name("case"), is_name("2mass")
    (True, False, False)
    """
    try:
        (found,) = parse_items(f"{name}(x)") if re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name) else [None]
    except QueryError:
        return False
    return isinstance(found, exp.Anonymous) and str(found.this) == name


def registered_call(checked: Expressions, node: exp.Anonymous, function: Registered, names: Sequence[str]) -> str:
    """Check a call of a registered function, whose arguments have these names by themselves, and return its kind."""
    _stands(checked, node, function)
    given = node.expressions
    if any(isinstance(argument, exp.Lambda) for argument in given):
        raise fault(QueryError, f"{function.name} takes no lambda; it is a function of values", node)
    for argument in list(given):
        checked.visit(argument)
    outside = {id(one) for one in checked.scope.outside}
    if any(id(part) in outside for part in node.walk()):
        problem = f"{function.name} is registered, and takes no columns of the query around this one; join them in FROM"
        raise fault(QueryError, problem, node)
    if fields := _fields_read(node, function):
        node.set("expressions", fields)
        for field in fields:
            checked.visit(field)
    given = node.expressions
    if (function.inputs and len(given) != len(function.inputs)) or not given:
        problem = f"{function.name} is called as {function.signature}; arguments here: {len(given)}"
        raise fault(QueryError, problem, node)
    for argument in given:
        _fits(argument, function)
    node.set("this", function.name)
    node.meta["registered"] = function.name.lower()
    node.meta["arguments"] = function.inputs or tuple(names)
    node.meta["returns"] = function.returns
    if len(function.returns) == 1:
        node.meta["column"] = function.returns[0]
    return function.result


def _stands(checked: Expressions, node: exp.Anonymous, function: Registered) -> None:
    """Refuse a call where an engine cannot hand rows to Python."""
    name = function.name
    if isinstance(node.parent, (exp.Window, exp.Filter)) and node.arg_key == "this":
        raise fault(QueryError, f"{name} is registered: a function of one row, no aggregate or window function", node)
    if checked.parameters:
        problem = f"{name} is registered, and cannot be called in a lambda; UNNEST the list and call it for each row"
        raise fault(QueryError, problem, node)
    if checked.clause.name in ("ON", "VALUES"):
        problem = f"{name} is registered, and cannot be called in {checked.clause.name}; call it in a query of WITH"
        raise fault(QueryError, problem, node)
    if node.args.get("order") is not None:
        raise fault(QueryError, f"{name} is registered, and takes no ORDER BY", node)


def _fields_read(node: exp.Anonymous, function: Registered) -> list[exp.Expr]:
    """Return the fields that a function reads of the whole structs that it is given, f(lc, z) for f(lc.mag, z)."""
    roots = list(dict.fromkeys(path.partition(".")[0] for path in function.inputs))
    if len(node.expressions) != len(roots) or roots == list(function.inputs):
        return []
    whole = dict(zip(roots, node.expressions, strict=True))
    nested = [path.split(".") for path in function.inputs]
    if not all(len(path) == 1 or field_types(kind(whole[path[0]])) is not None for path in nested):
        return []
    return [_field_at(whole[first], rest, node) for first, *rest in nested]


def _field_at(struct: exp.Expr, path: Sequence[str], call: exp.Expr) -> exp.Expr:
    field = struct.copy()
    field.meta["checked"] = True
    for name in path:
        field = exp.Dot(this=field, expression=exp.to_identifier(name, quoted=True))
        field.expression.meta["place"] = call.meta.get("place")
    return field


def write_out(item: exp.Expr, functions: Mapping[str, Registered]) -> list[exp.Expr]:
    """Return ``f(x).*`` as an item for each column of a registered function; none where it is anything else."""
    call = item.this.unnest() if isinstance(item, exp.Dot) and isinstance(item.expression, exp.Star) else None
    function = functions.get(str(call.this).lower()) if isinstance(call, exp.Anonymous) else None
    if call is None or function is None:
        return []
    if len(function.returns) == 1:
        raise fault(QueryError, f"{function.name} gives a bare value; write {function.name}(...) without .*", call)
    only(item.expression, {"except_"}, ".*")
    left_out = {name.name.lower(): name for name in item.expression.args.get("except_") or []}
    names = [column.name for column in function.returns]
    for low, name in left_out.items():
        if low not in {one.lower() for one in names}:
            raise fault(UnknownColumn, f"no column {name.name!r} to EXCLUDE{did_you_mean(name.name, names)}", name)
    return [
        exp.Dot(this=call.copy(), expression=exp.to_identifier(name, quoted=True))
        for name in names
        if name.lower() not in left_out
    ]


def _fits(node: exp.Expr, function: Registered) -> None:
    found = kind(node)
    if not found:
        problem = f"{function.name}: the type of {shown(node)} is not known before the query runs; cast it"
        raise fault(QueryError, problem, node)
    item = item_type(found) or found
    if function.numbers and item not in INTEGERS | FLOATS | {"bool", "null"}:
        problem = f"{function.signature} is compiled, and takes numbers and lists of them"
        raise fault(QueryError, f"{problem}: {shown(node)} is a {word(found)} ({found})", node)


def calls_in(tree: exp.Expr, functions: Mapping[str, Registered]) -> tuple[Call, ...]:
    """Return the calls of registered functions in a resolved tree; each node gets the name that it has in SQL."""
    found: dict[tuple[str, tuple[Column, ...]], Call] = {}
    for node in tree.find_all(exp.Anonymous) if functions else ():
        if (name := node.meta.get("registered")) is None:
            continue
        named = zip(node.meta["arguments"], node.expressions, strict=True)
        arguments = tuple(Column(own, taken(argument)) for own, argument in named)
        same_name = sum(known == name for known, _ in found)
        call = Call(f"{name.upper()}#{same_name + 1}", functions[name], arguments)
        node.meta["call"] = found.setdefault((name, arguments), call).name
    return tuple(found.values())


def taken(argument: exp.Expr) -> str:
    """Return the kind that an argument is handed over as: NULLs of which no more is known are numbers."""
    return settled(kind(argument), "float64")


def used_in(tree: exp.Expr, functions: Mapping[str, Registered]) -> dict[str, Registered]:
    """Return the registered functions that a resolved tree calls, by their names in lower case."""
    nodes = tree.find_all(exp.Anonymous) if functions else ()
    names = [str(node.meta["registered"]) for node in nodes if "registered" in node.meta]
    return {name: functions[name] for name in names}
