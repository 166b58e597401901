"""ADQL's geometry as plain conditions of the language.

A shape is no value here: POINT, CIRCLE, BOX and POLYGON stand only inside a function that asks something of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from sqlglot import exp

from skyhouse.errors import QueryError
from skyhouse.query.dialects.rewrite import call, folded, number, operand
from skyhouse.query.functions.sky import polygon_sides, unit_vector
from skyhouse.query.place import fault

__all__ = ["conditions", "geometry", "leftovers"]

_SHAPES = ("point", "circle", "box", "polygon")
_SQUARE_DEGREES = math.degrees(1) ** 2
_TESTS = ("contains", "intersects")


def conditions(node: exp.Expr) -> exp.Expr:
    """Make ``CONTAINS(...) = 1`` a condition, whichever side the 1 or 0 is on."""
    for test, value in ((node.this, node.expression), (node.expression, node.this)):
        if _name(test) in _TESTS and isinstance(value, exp.Literal) and value.name in ("0", "1"):
            condition = _condition(test)
            same = (value.name == "1") is isinstance(node, exp.EQ)
            return condition if same else exp.Not(this=exp.Paren(this=condition))
    return node


def geometry(node: exp.Expr) -> exp.Expr:
    """Compute what a function asks of shapes."""
    name = _name(node)
    if name in _TESTS:
        condition = _condition(node)
        branches = [
            exp.If(this=condition, true=exp.Literal.number(1)),
            exp.If(this=exp.Not(this=exp.Paren(this=condition.copy())), true=exp.Literal.number(0)),
        ]
        return exp.Case(ifs=branches)
    asked = _ASKED.get(name)
    return asked(node) if asked is not None else node


def leftovers(node: exp.Expr) -> exp.Expr:
    """Refuse a shape that stands for itself."""
    name = _name(node)
    if name == "region":
        raise fault(QueryError, "REGION is not read: it takes any text; write POINT, CIRCLE, BOX or POLYGON", node)
    if name in _SHAPES:
        problem = (
            f"{name.upper()} gives a shape, which is no value here; ask COORD1, COORD2, DISTANCE or CONTAINS of it"
        )
        raise fault(QueryError, problem, node)
    return node


def _name(node: exp.Expr) -> str:
    return str(node.this).lower() if isinstance(node, exp.Anonymous) else ""


def _parts(node: exp.Expr) -> list[exp.Expr]:
    """Return the arguments of a shape without its system of coordinates, points within it as their coordinates."""
    arguments = list(node.expressions)
    if arguments and isinstance(arguments[0], exp.Literal) and arguments[0].is_string:
        arguments = arguments[1:]
    flat: list[exp.Expr] = []
    for argument in arguments:
        flat.extend(_point(argument) if _name(argument) in ("point", "centroid") else [argument])
    return flat


def _shape(node: exp.Expr, count: int, spelled: str) -> list[exp.Expr]:
    parts = _parts(node)
    if len(parts) != count:
        raise fault(QueryError, f"{spelled}, in degrees", node)
    return [operand(folded(part)) for part in parts]


def _point(node: exp.Expr) -> list[exp.Expr]:
    if _name(node) == "centroid":
        return _centroid(node)
    if _name(node) != "point":
        raise fault(QueryError, "a POINT is needed here: POINT(ra, dec)", node)
    return _shape(node, 2, "a point is written POINT(ra, dec)")


def _circle(node: exp.Expr) -> list[exp.Expr]:
    return _shape(node, 3, "a circle is written CIRCLE(ra, dec, radius)")


def _box(node: exp.Expr) -> list[exp.Expr]:
    return _shape(node, 4, "a box is written BOX(ra, dec, width, height)")


def _numbers(node: exp.Expr, what: str) -> list[float]:
    found = [_value(part) for part in _parts(node)]
    if any(value is None for value in found) or len(found) < 6 or len(found) % 2:
        raise fault(
            QueryError, f"{what} takes three corners or more, as numbers: POLYGON(ra1, dec1, ra2, dec2, ...)", node
        )
    return [value for value in found if value is not None]


def _value(node: exp.Expr) -> float | None:
    if isinstance(node, (exp.Neg, exp.Paren)):
        inner = _value(node.this)
        return -inner if inner is not None and isinstance(node, exp.Neg) else inner
    return float(node.name) if isinstance(node, exp.Literal) and not node.is_string else None


def _condition(node: exp.Expr) -> exp.Expr:
    """Return the condition of CONTAINS(inner, outer) or INTERSECTS(one, other)."""
    if len(node.expressions) != 2:
        raise fault(QueryError, f"{_name(node).upper()} takes two shapes", node)
    inner, outer = node.expressions
    if _name(node) == "intersects" and _name(outer) in ("point", "centroid"):
        inner, outer = outer, inner
    kinds = tuple("point" if _name(one) == "centroid" else _name(one) for one in (inner, outer))
    if kinds[0] == "point" and kinds[1] in _HOLDS:
        return _HOLDS[kinds[1]](_point(inner), outer)
    if kinds == ("circle", "circle"):
        (ra, dec, small), (ra0, dec0, large) = _circle(inner), _circle(outer)
        between = call("separation", ra, dec, ra0, dec0)
        if _name(node) == "contains":
            return exp.LTE(this=exp.Add(this=between, expression=small), expression=large)
        return exp.LTE(this=between, expression=exp.Add(this=small, expression=large))
    problem = (
        f"{_name(node).upper()} of {kinds[0] or 'a value'} and {kinds[1] or 'a value'} is not read; "
        "a point in a CIRCLE, BOX or POLYGON is, and two circles"
    )
    raise fault(QueryError, problem, node)


_HOLDS: Mapping[str, Callable[[list[exp.Expr], exp.Expr], exp.Expr]] = MappingProxyType(
    {
        "circle": lambda point, shape: _in_circle(point, _circle(shape)),
        "box": lambda point, shape: call("in_box", *point, *_box(shape)),
        "polygon": lambda point, shape: call("in_polygon", *point, *map(number, _numbers(shape, "CONTAINS"))),
    }
)


def _in_circle(point: list[exp.Expr], circle: list[exp.Expr]) -> exp.Expr:
    # CONTAINS(POINT(1, 2), CIRCLE(ra, dec, r)): the same turned round, so that the columns are those with a range.
    if all(_value(part) is not None for part in point):
        point, circle = circle[:2], [*point, circle[2]]
    return call("in_cone", *point, *circle)


def _distance(node: exp.Expr) -> exp.Expr:
    return call("separation", *_shape(node, 4, "a distance is written DISTANCE(POINT(ra1, dec1), POINT(ra2, dec2))"))


def _coordinate(place: int) -> Callable[[exp.Expr], exp.Expr]:
    def coordinate(node: exp.Expr) -> exp.Expr:
        if len(node.expressions) != 1:
            raise fault(QueryError, f"COORD{place + 1} takes a POINT", node)
        return exp.Paren(this=_point(node.expressions[0])[place])

    return coordinate


def _system(node: exp.Expr) -> exp.Expr:
    first = node.expressions[0].expressions[:1] if node.expressions else []
    named = bool(first) and isinstance(first[0], exp.Literal) and first[0].is_string
    return exp.Literal.string(first[0].name if named else "")


def _centroid(node: exp.Expr) -> list[exp.Expr]:
    shape = node.expressions[0] if node.expressions else node
    if _name(shape) == "circle":
        return _circle(shape)[:2]
    if _name(shape) == "box":
        return _box(shape)[:2]
    if _name(shape) == "point":
        return _point(shape)
    numbers = _numbers(shape, "CENTROID")
    corners = [unit_vector(ra, dec) for ra, dec in zip(numbers[::2], numbers[1::2], strict=True)]
    x, y, z = (sum(axis) for axis in zip(*corners, strict=True))
    return [number(math.degrees(math.atan2(y, x)) % 360), number(math.degrees(math.atan2(z, math.hypot(x, y))))]


def _area(node: exp.Expr) -> exp.Expr:
    shape = node.expressions[0] if node.expressions else node
    if _name(shape) == "circle":
        # A cap of 2 pi (1 - cos r), written so that small circles lose no digits.
        half = exp.Div(this=_circle(shape)[2], expression=exp.Literal.number("2.0"))
        sine = call("sin", call("radians", half))
        squared = exp.Mul(
            this=exp.Mul(this=number(4 * math.pi * _SQUARE_DEGREES), expression=sine), expression=sine.copy()
        )
        return exp.Paren(this=squared)
    if _name(shape) == "point":
        return exp.Literal.number(0)
    if _name(shape) == "polygon":
        numbers = _numbers(shape, "AREA")
        return number(_excess(list(zip(numbers[::2], numbers[1::2], strict=True)), node))
    raise fault(QueryError, "AREA is read of a CIRCLE, and of a POLYGON of numbers", node)


def _excess(corners: list[tuple[float, float]], node: exp.Expr) -> float:
    """Return a polygon's area in square degrees: the sum of its angles less that of a plane one (Girard)."""
    try:
        normals = polygon_sides([unit_vector(ra, dec) for ra, dec in corners])
    except QueryError as error:
        raise fault(QueryError, error.problem, node) from error
    total = 0.0
    for before, after in zip(normals, [*normals[1:], normals[0]], strict=True):
        cosine = sum(a * b for a, b in zip(before, after, strict=True))
        total += math.pi - math.acos(max(-1.0, min(1.0, cosine)))
    return (total - (len(corners) - 2) * math.pi) * _SQUARE_DEGREES


_ASKED: Mapping[str, Callable[[exp.Expr], exp.Expr]] = MappingProxyType(
    {
        "distance": _distance,
        "coord1": _coordinate(0),
        "coord2": _coordinate(1),
        "coordsys": _system,
        "area": _area,
    }
)
