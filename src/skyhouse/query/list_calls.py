"""Calls of list functions: their arguments, lambdas and results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from skyhouse.columns import Column, item_type, list_type, struct_type
from skyhouse.errors import QueryError
from skyhouse.query.clause import shown, word
from skyhouse.query.functions import Function
from skyhouse.query.kinds import INTEGERS, common, family, is_nested, kind, with_kind
from skyhouse.query.nested import lambda_body, own_name
from skyhouse.query.parse import fault
from skyhouse.query.units import unit_of

if TYPE_CHECKING:
    from skyhouse.query.expressions import Expressions

__all__ = ["list_call", "zipped_names"]

_LIST_WORDS = ("list", "numbers")


def list_call(checked: Expressions, node: exp.Anonymous, function: Function) -> str:
    """Check a call of a list function and return its kind."""
    count, most = len(node.expressions), function.most
    if count < function.least or (most is not None and count > most):
        raise fault(QueryError, f"{function.name} is called as {function.signature}", node)
    names = zipped_names(checked, node.expressions) if function.name == "list_zip" else []
    for position, argument in enumerate(list(node.expressions)):
        if isinstance(argument, exp.Lambda) != (function.argument(position) == "lambda"):
            wanted = "a lambda" if function.argument(position) == "lambda" else "no lambda"
            raise fault(QueryError, f"{function.signature} takes {wanted} here", argument)
        if not isinstance(argument, exp.Lambda):
            checked.visit(argument)
    if (other := _of_text(node, function)) is not None:
        node.replace(other)
        return checked.visit(other)
    for position, argument in enumerate(node.expressions):
        _fits(argument, function.argument(position), function)
    item = _item(node, function)
    if function.name == "list_reduce":
        return _reduced(checked, node, item)
    body = "" if "lambda" not in function.arguments else _lambda(checked, node, function, item)
    return _result(function, item, body, names, node)


def zipped_names(checked: Expressions, nodes: list[exp.Expr]) -> list[str]:
    """Return the names of the fields that lists zipped together have: their own, or _1, _2 ... by their places."""
    names: list[str] = []
    for place, node in enumerate(nodes, 1):
        own = own_name(checked.scope, node)
        taken = not own or own.lower() in [name.lower() for name in names]
        names.append(f"_{place}" if taken else own)
    return names


def _of_text(node: exp.Anonymous, function: Function) -> exp.Expr | None:
    first = node.expressions[0]
    if function.name == "len" and kind(first) == "string":
        return exp.Anonymous(this="length", expressions=[first])
    return None


def _fits(node: exp.Expr, asked: str, function: Function) -> None:
    found = kind(node)
    wrong = ""
    if found == "null" and function.name == "list_concat":
        return
    if asked in _LIST_WORDS:
        item = item_type(found)
        if item is None:
            wrong = "a list"
        elif asked == "numbers" and item != "null" and family(item) != "number":
            wrong = "a list of numbers"
        elif function.name == "flatten" and item != "null" and item_type(item) is None:
            wrong = "a list of lists"
        elif function.name == "list_to_string" and item not in ("null", "string"):
            wrong = "a list of texts; CAST its items in list_transform"
        elif function.name in ("list_min", "list_max", "list_distinct") and is_nested(item):
            wrong = "a list of numbers, texts or times"
    elif asked == "integer" and found not in INTEGERS and found not in ("", "null"):
        wrong = "an integer"
    elif asked == "string" and found not in ("string", "null", ""):
        wrong = "a text"
    elif asked == "direction" and not (
        isinstance(node, exp.Literal) and node.is_string and node.name.upper() in ("ASC", "DESC")
    ):
        wrong = "'ASC' or 'DESC'"
    if wrong:
        raise fault(QueryError, f"{function.signature} takes {wrong} here: {shown(node)} is a {word(found)}", node)


def _item(node: exp.Anonymous, function: Function) -> str:
    """Return the kind that the items of the lists and the values beside them become together."""
    apart = function.name in ("list_zip", "list_dot_product")
    kinds: list[str] = []
    for position, argument in enumerate(node.expressions):
        asked = function.argument(position)
        if asked in _LIST_WORDS and not (apart and position):
            kinds.append(item_type(kind(argument)) or "null")
        elif asked == "item":
            kinds.append(kind(argument))
    found = common(*kinds)
    if found is None:
        listed = ", ".join(f"{shown(part)} ({kind(part)})" for part in node.expressions)
        raise fault(QueryError, f"{function.name} mixes types: {listed}; cast one of them", node)
    node.meta["item"] = found
    return found


def _lambda(checked: Expressions, node: exp.Anonymous, function: Function, item: str) -> str:
    values, call = node.expressions
    names = call.expressions
    most = 2 if function.name in ("list_filter", "list_transform") else 1
    if len(names) > most:
        raise fault(QueryError, f"the lambda of {function.name} has at most {most} parameter{'s'[: most - 1]}", call)
    columns = [Column(names[0].name, item, unit=unit_of(values)), Column("place", "int64")]
    found = lambda_body(checked, call, columns)
    if function.result != "made" and found not in ("bool", "null"):
        problem = f"the lambda of {function.name} gives a condition, and {shown(call.this)} is a {word(found)}"
        raise fault(QueryError, problem, call.this)
    if len(names) > 1:
        call.meta["place"] = names[1].name
        call.meta["index"] = call.expressions[1].name
    return found


def _reduced(checked: Expressions, node: exp.Anonymous, item: str) -> str:
    values, call, start = node.expressions
    if len(call.expressions) != 2:
        raise fault(QueryError, "the lambda of list_reduce has two parameters: what is there so far, and an item", call)
    so_far = kind(start) if kind(start) != "null" else item
    while True:
        trial = call.copy()
        call.replace(trial)
        names = [part.name for part in trial.expressions]
        found = lambda_body(checked, trial, [Column(names[0], so_far), Column(names[1], item, unit=unit_of(values))])
        together = common(so_far, found)
        if together is None:
            problem = (
                f"list_reduce starts from a {word(so_far)} ({so_far}), and its lambda gives a {word(found)} ({found})"
            )
            raise fault(QueryError, f"{problem}; cast one of them", start)
        if together == so_far:
            with_kind(trial, so_far)
            return so_far
        so_far = together
        trial.replace(call)


def _result(function: Function, item: str, body: str, names: list[str], node: exp.Anonymous) -> str:
    if function.name == "list_transform":
        return list_type(body)
    if function.name == "list_zip":
        kinds = [item_type(kind(argument)) or "null" for argument in node.expressions]
        return list_type(struct_type(zip(names, kinds, strict=True)))
    if function.name == "flatten":
        return item if item_type(item) is not None else "list<null>"
    if function.result == "sum":
        items = {item_type(kind(argument)) for argument in node.expressions}
        return "int64" if items <= INTEGERS else "float64"
    return {"item": item, "list": list_type(item)}.get(function.result, function.result)
