"""Rules of lists and structs."""

from __future__ import annotations

from sqlglot import exp

from skyhouse.columns import field_types, item_type
from skyhouse.query.engines import Engine
from skyhouse.query.kinds import cast, data_type, is_nested, kind, with_kind
from skyhouse.query.rules.rule import call_of, constant, filled, firm, hard

__all__ = ["brought", "items", "joins", "literals_of_lists", "nested_orders", "sliced"]

_LARGEST_INDEX = 2**31 - 1


def literals_of_lists(node: exp.Expr, engine: Engine) -> exp.Expr:
    """Bring the items of a literal to their common kind, and write structs as the engine does."""
    if isinstance(node, exp.Struct):
        return _struct(node, engine)
    wanted = item_type(kind(node)) or ""
    soft = wanted == "int64" and all(constant(part) is not None for part in node.expressions)
    if not soft:
        node.set("expressions", [brought(part, wanted) for part in node.expressions])
        return node
    return hard(node, kind(node))


def _struct(node: exp.Struct, engine: Engine) -> exp.Expr:
    found = kind(node)
    arguments: list[exp.Expr] = []
    for part, (name, wanted) in zip(node.expressions, field_types(found) or (), strict=True):
        part.set("this", exp.Identifier(this=name, quoted=True))
        part.set("expression", brought(part.expression, wanted))
        arguments += [exp.Literal.string(name), part.expression]
    if engine == "duckdb":
        return node
    call = with_kind(call_of("named_struct", *arguments), found)
    # The cast lets fields be NULL: of literals they could not, and then no struct of them either.
    return call if data_type(found) is None else hard(call, found)


def brought(node: exp.Expr, wanted: str) -> exp.Expr:
    """Return a node as a kind; a bare NULL stays one, an integer literal gets its 64 bits."""
    return node if kind(node) in ("null", "", wanted) and constant(node) is None else firm(cast(node, wanted))


def items(node: exp.Expr, engine: Engine) -> exp.Expr:
    """Write ``x[i]``, ``x[i:j]`` and the field of what is no column."""
    if isinstance(node, exp.Dot):
        if not isinstance(node.this, (exp.Column, exp.Dot, exp.Paren)):
            node.set("this", exp.Paren(this=node.this))
        return node
    (at,) = node.expressions
    if isinstance(at, exp.Slice):
        return with_kind(sliced(node.this, at.this, at.expression, engine), kind(node))
    if engine == "duckdb":
        return with_kind(call_of("list_extract", node.this, at), kind(node))
    place = constant(at)
    if place is None or place == 0:
        at = call_of("nullif", exp.TryCast(this=at, to=exp.DataType.build("int"), safe=True), exp.Literal.number(0))
    elif abs(place) > _LARGEST_INDEX:
        at = exp.Cast(this=exp.Null(), to=exp.DataType.build("int"))
    return with_kind(call_of("try_element_at", node.this, at), kind(node))


def sliced(values: exp.Expr, first: exp.Expr | None, last: exp.Expr | None, engine: Engine) -> exp.Expr:
    """Return a list's items from a first to a last place, both counted from 1, or from the end where negative."""
    first = first if first is not None else exp.Literal.number(1)
    last = last if last is not None else exp.Literal.number(-1)
    if engine == "duckdb":
        return call_of("list_slice", values, first, last)
    low_place, high_place = constant(first), constant(last)
    if low_place is not None and high_place is not None and min(low_place, high_place) >= 0:
        start = max(low_place, 1)
        bounds = (start, max(high_place - start + 1, 0))
        return call_of("slice", values, *(exp.Literal.number(int(min(n, _LARGEST_INDEX))) for n in bounds))
    low, high = (
        filled(f"least(greatest(_1, -{_LARGEST_INDEX}), {_LARGEST_INDEX})", [bound]) for bound in (first, last)
    )
    return filled(
        "CASE WHEN _2 IS NOT NULL AND _3 IS NOT NULL THEN flatten(transform(array("
        "named_struct('a', CASE WHEN _4 < 0 THEN greatest(size(_1) + _4 + 1, 1) ELSE greatest(_4, 1) END,"
        " 'b', CASE WHEN _5 < 0 THEN size(_1) + _5 + 1 ELSE _5 END)),"
        " lambda _s: slice(_1, CAST(_s.a AS INT), CAST(greatest(_s.b - _s.a + 1, 0) AS INT)))) END",
        [values, first, last, low, high],
    )


def joins(node: exp.Expr, engine: Engine) -> exp.Expr:
    """Join lists; one that is NULL adds nothing, as in list_concat."""
    if item_type(kind(node)) is None:
        return node
    sides = [brought(side, kind(node)) for side in (node.this, node.expression)]
    return with_kind(concatenated(sides, engine), kind(node))


def concatenated(lists: list[exp.Expr], engine: Engine) -> exp.Expr:
    """Return lists of one kind behind each other; NULL where all are."""
    if engine == "duckdb":
        parts = call_of("list_concat", *lists)
    else:
        parts = call_of("concat", *(filled("coalesce(_1, array())", [part]) for part in lists))
    together: exp.Expr = parts
    some = call_of("coalesce", *(part.copy() for part in lists))
    return exp.Case(ifs=[exp.If(this=exp.Not(this=exp.Is(this=some, expression=exp.Null())), true=together)])


def nested_orders(node: exp.Expr, engine: Engine) -> exp.Expr:
    """Order lists and structs item by item, NULLs last; so does DuckDB by itself."""
    if engine != "spark":
        return node
    for key in ("this", "expression", "low", "high"):
        side = node.args.get(key)
        if isinstance(side, exp.Expr) and is_nested(kind(side)):
            node.set(key, rank(side, kind(side)))
    return node


def rank(node: exp.Expr, found: str, depth: int = 0) -> exp.Expr:
    """Return what Spark orders as a value of this kind is to be ordered: it takes NULLs inside for least.

    Before each item or field stands whether it is NULL.
    """
    if (item := item_type(found)) is not None:
        name = f"_r{depth}"
        inside = call_of("named_struct", *_ranked(exp.to_identifier(name), item, "", depth))
        return call_of("transform", node, exp.Lambda(this=inside, expressions=[exp.to_identifier(name)]))
    fields = field_types(found)
    if fields is None:
        return node
    parts: list[exp.Expr] = []
    for number, (name, inner) in enumerate(fields):
        one = exp.Dot(this=exp.Paren(this=node.copy()), expression=exp.to_identifier(name, quoted=True))
        parts += _ranked(one, inner, str(number), depth)
    known = exp.Not(this=exp.Is(this=node.copy(), expression=exp.Null()))
    return exp.Case(ifs=[exp.If(this=known, true=call_of("named_struct", *parts))])


def _ranked(node: exp.Expr, found: str, suffix: str, depth: int) -> list[exp.Expr]:
    null = exp.Is(this=node.copy(), expression=exp.Null())
    value = rank(node.copy(), found, depth + 1)
    return [exp.Literal.string(f"n{suffix}"), null, exp.Literal.string(f"v{suffix}"), value]
