"""Rules of list functions and their lambdas."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlglot import exp

from skyhouse.columns import item_type, list_type
from skyhouse.query.engines import Engine
from skyhouse.query.functions import FUNCTIONS, Function
from skyhouse.query.kinds import cast, data_type, is_nested, kind, with_kind
from skyhouse.query.rules.nested import brought, concatenated, rank, sliced
from skyhouse.query.rules.rule import call_of, constant, filled, firm

__all__ = ["lambdas", "list_calls"]


def list_calls(node: exp.Expr, engine: Engine) -> exp.Expr:
    """Put in what the list of functions says of a list function."""
    function = FUNCTIONS.get(str(node.this).lower()) if isinstance(node, exp.Anonymous) else None
    if function is None or function.group != "list" or "kind" not in node.meta or node.meta.get("lowered"):
        return node
    result = kind(node)
    arguments = [
        _brought(node, argument, function.argument(place), engine, function)
        for place, argument in enumerate(node.expressions)
    ]
    special = _SPECIAL.get(function.name)
    if special is not None:
        lowered = special(arguments, result, engine)
    else:
        text = function.call(engine) or f"{function.name}({', '.join(f'_{n}' for n in range(1, len(arguments) + 1))})"
        lowered = filled(text.replace("TYPE", "BIGINT" if result == "int64" else "DOUBLE"), arguments)
    lowered.meta["lowered"] = True
    return with_kind(lowered, result)


def lambdas(node: exp.Expr, engine: Engine) -> exp.Expr:
    """Give a lambda's result its 64 bits, and let it count places from 1."""
    body = firm(node.this)
    if kind(node) and kind(node) != kind(body):
        body = cast(body, kind(node))
    node.set("this", body)
    index = node.meta.get("index")
    if index is None or engine != "spark":
        return node
    for column in list(node.find_all(exp.Column)):
        if not column.table and column.name == index and not column.meta.get("counted"):
            column.meta["counted"] = True
            column.replace(filled("(CAST(_1 AS BIGINT) + 1)", [column.copy()]))
    return node


def _brought(call: exp.Expr, node: exp.Expr, asked: str, engine: Engine, function: Function) -> exp.Expr:
    item, result = call.meta.get("item", ""), kind(call)
    if asked == "item":
        return cast(node, item) if kind(node) == "null" else brought(node, item)
    if asked == "integer":
        return brought(node, "int64")
    if asked == "any":
        return cast(node, result) if kind(node) == "null" else brought(node, result)
    if asked == "numbers":
        own = item_type(kind(node))
        exact = (
            "int64" if function.result == "sum" and own in ("int8", "uint8", "int16", "int32", "int64") else "float64"
        )
        native = engine == "duckdb" and own != "null" and function.name != "list_median"
        return node if native else cast(node, list_type(exact))
    if asked == "list" and "null" not in item and function.name != "list_zip":
        return cast(node, list_type(item))
    return node


def _sorted(arguments: list[exp.Expr], result: str, engine: Engine) -> exp.Expr:
    values, *given = arguments
    down = bool(given) and given[0].name.upper() == "DESC"
    if engine == "duckdb":
        words = [exp.Literal.string("DESC" if down else "ASC"), exp.Literal.string("NULLS LAST")]
        return call_of("list_sort", values, *words)
    item = item_type(result) or ""
    if not is_nested(item):
        return filled("sort_array(_1, FALSE)" if down else "array_sort(_1)", [values])
    # Sorted by what the items are ordered as, NULLs in their places.
    key = rank(exp.to_identifier("_x"), item)
    text = f"transform(_1, lambda _x: named_struct('n', _x IS {'NOT ' if down else ''}NULL, 'k', _2, 'x', _x))"
    keyed = filled(f"sort_array({text}, {'FALSE' if down else 'TRUE'})", [values, key])
    return filled("transform(_1, lambda _y: _y.x)", [keyed])


def _zipped(arguments: list[exp.Expr], result: str, engine: Engine) -> exp.Expr:
    if engine == "duckdb":
        zipped = call_of("list_zip", *arguments)
    else:
        zipped = call_of("arrays_zip", *(filled("coalesce(_1, array())", [part]) for part in arguments))
    to = data_type(result)
    return zipped if to is None else exp.Cast(this=zipped, to=to)


def _range(arguments: list[exp.Expr], _result: str, engine: Engine) -> exp.Expr:
    return _series(arguments, engine, whole=False)


def _generate_series(arguments: list[exp.Expr], _result: str, engine: Engine) -> exp.Expr:
    return _series(arguments, engine, whole=True)


def _series(arguments: list[exp.Expr], engine: Engine, whole: bool) -> exp.Expr:
    if engine == "duckdb":
        return call_of("generate_series" if whole else "range", *arguments)
    number = exp.Literal.number
    given = arguments if len(arguments) > 1 else [number(0), *arguments]
    first, last, step = given if len(given) > 2 else [*given, number(1)]
    known = constant(step)
    up = "sequence(_1, _2, _3)" if whole else "sequence(_1, _2 - 1, _3)"
    down = "sequence(_1, _2, _3)" if whole else "sequence(_1, _2 + 1, _3)"
    bounds = ("<=", ">=") if whole else ("<", ">")
    rising = f"_3 > 0 AND _1 {bounds[0]} _2" if known is None else f"_1 {bounds[0]} _2"
    falling = f"_3 < 0 AND _1 {bounds[1]} _2" if known is None else f"_1 {bounds[1]} _2"
    cases = [] if known is not None and known <= 0 else [f"WHEN {rising} THEN {up}"]
    cases += [] if known is not None and known >= 0 else [f"WHEN {falling} THEN {down}"]
    text = f"CASE {' '.join(cases)} WHEN _1 IS NOT NULL AND _2 IS NOT NULL AND _3 IS NOT NULL THEN array() END"
    return filled(text, [first, last, step])


def _concatenated(arguments: list[exp.Expr], _result: str, engine: Engine) -> exp.Expr:
    return concatenated(arguments, engine)


def _sliced(arguments: list[exp.Expr], _result: str, engine: Engine) -> exp.Expr:
    values, first, last = arguments
    return sliced(values, first, last, engine)


def _dotted(arguments: list[exp.Expr], result: str, engine: Engine) -> exp.Expr:
    wide = "BIGINT" if result == "int64" else "DOUBLE"
    if engine == "duckdb":
        text = f"list_sum(list_transform(_1, lambda _v, _i: CAST(_v AS {wide}) * list_extract(_2, _i)))"
        return filled(f"CAST({text} AS {wide})", arguments)
    text = f"zip_with(_1, _2, lambda _v, _w: CAST(_v AS {wide}) * CAST(_w AS {wide}))"
    return filled(f"aggregate({text}, CAST(NULL AS {wide}), lambda _a, _x: coalesce(_a + _x, _a, _x))", arguments)


_SPECIAL: Mapping[str, Callable[[list[exp.Expr], str, Engine], exp.Expr]] = {
    "list_sort": _sorted,
    "list_zip": _zipped,
    "range": _range,
    "generate_series": _generate_series,
    "list_concat": _concatenated,
    "list_slice": _sliced,
    "list_dot_product": _dotted,
}
