"""The functions of places on the sky: all angles in degrees, of any equatorial (or other spherical) frame.

Each is written out as plain arithmetic of the language before a query is estimated or run, so that a cone is also a
range of declinations: files and row groups outside it are not read.

Sources: R. W. Sinnott, Sky and Telescope 68, 159 (1984) for the haversine; for the box, the definition of BOX in
ADQL 2.1 (IVOA Recommendation, 2023): its sides are great circles, at right angles to a cross through its centre.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from skyhouse.errors import QueryError
from skyhouse.query.functions.function import Function, Given

__all__ = ["Vector", "polygon_sides", "sky_functions", "unit_vector"]

Vector = tuple[float, float, float]

# A place on the edge counts as inside; what rounding does to it is far below this.
_SLACK = 1e-9

# sin^2(d/2) of the angle d between two places, and of the angle between one and the other's antipode, which is
# cos^2(d/2) without its cancellation: their quotient is right from 0 to 180 degrees, at the poles and across RA 0.
# Both are positive but for declinations that are none, such as the -9999 of a missing value.
_APART = "sin(radians(_4 - _2) / 2) * sin(radians(_4 - _2) / 2) + cos(radians(_2)) * cos(radians(_4)) * {alpha}"
_NEAR = _APART.format(alpha="sin(radians(_3 - _1) / 2) * sin(radians(_3 - _1) / 2)")
_FAR = _APART.replace("_4 - _2", "_4 + _2").format(alpha="cos(radians(_3 - _1) / 2) * cos(radians(_3 - _1) / 2)")
_SEPARATION = f"2 * degrees(atan2(sqrt(abs({_NEAR})), sqrt(abs({_FAR}))))"

_EAST = "cos(radians({d})) * sin(radians({a} - {a0}))"
_NORTH = "(cos(radians({d0})) * sin(radians({d})) - sin(radians({d0})) * cos(radians({d})) * cos(radians({a} - {a0})))"
_OUT = "(sin(radians({d0})) * sin(radians({d})) + cos(radians({d0})) * cos(radians({d})) * cos(radians({a} - {a0})))"


def sky_functions() -> list[Function]:
    """Return the functions of places on the sky."""
    forward = {"a": "_3", "d": "_4", "a0": "_1", "d0": "_2"}
    centred = {"a": "_1", "d": "_2", "a0": "_3", "d0": "_4"}
    angle = f"degrees(atan2({_EAST.format(**forward)}, {_NORTH.format(**forward)}))"
    return [
        Function(
            "separation",
            "sky",
            ("double",) * 4,
            "float64",
            "the angle in degrees between (ra, dec) and (ra2, dec2), all in degrees",
            meaning=_SEPARATION,
        ),
        Function(
            "position_angle",
            "sky",
            ("double",) * 4,
            "float64",
            "the direction in degrees, 0 to 360, north through east, from (ra, dec) to (ra2, dec2)",
            meaning=f"({angle} + 360) % 360",
        ),
        Function(
            "in_cone",
            "sky",
            ("double",) * 5,
            "bool",
            "whether (ra, dec) is at most a radius from a centre (ra0, dec0), all in degrees",
            meaning=f"_2 BETWEEN _4 - _5 - {_SLACK} AND _4 + _5 + {_SLACK} AND separation(_1, _2, _3, _4) <= _5",
        ),
        Function(
            "in_box",
            "sky",
            ("double",) * 6,
            "bool",
            "whether (ra, dec) is in a box about (ra0, dec0) of some width and height, all in degrees, as ADQL's BOX",
            meaning=(
                f"_2 BETWEEN _4 - (_5 + _6) / 2 - {_SLACK} AND _4 + (_5 + _6) / 2 + {_SLACK}"
                f" AND abs(degrees(atan2({_EAST.format(**centred)}, {_OUT.format(**centred)}))) <= _5 / 2"
                f" AND abs(degrees(atan2({_NORTH.format(**centred)}, {_OUT.format(**centred)}))) <= _6 / 2"
            ),
        ),
        Function(
            "in_polygon",
            "sky",
            ("double", "double", *("constant",) * 6, "..."),
            "bool",
            "whether (ra, dec) is in a convex polygon of great circles, its corners' ra and dec written as numbers",
            meaning=_in_polygon,
        ),
    ]


def unit_vector(ra: float, dec: float) -> Vector:
    """Return the unit vector of a place, in degrees.

    >>> unit_vector(0, 0)
    (1.0, 0.0, 0.0)
    """
    a, d = math.radians(ra), math.radians(dec)
    return math.cos(d) * math.cos(a), math.cos(d) * math.sin(a), math.sin(d)


def polygon_sides(corners: Sequence[Vector]) -> list[Vector]:
    """Return the unit normals of a convex polygon's sides, each pointing inwards.

    Raises QueryError for two corners in one place, and for a polygon that is not convex.
    """
    normals = []
    for one, other in pairwise((*corners, corners[0])):
        normal = _cross(one, other)
        length = math.sqrt(_dot(normal, normal))
        if length < 1e-12:
            raise QueryError("two corners of a polygon that follow each other must be neither the same nor opposite")
        normals.append((normal[0] / length, normal[1] / length, normal[2] / length))
    heights = [_dot(normal, corner) for normal in normals for corner in corners]
    if max(heights) > 1e-12 and min(heights) < -1e-12:
        raise QueryError("a polygon has to be convex here; put it together from convex ones with OR")
    inward = 1 if max(heights) > 1e-12 else -1
    return [(inward * x, inward * y, inward * z) for x, y, z in normals]


def _in_polygon(given: Sequence[Given]) -> str:
    numbers = [one.number or 0.0 for one in given[2:]]
    if len(numbers) % 2:
        raise QueryError("a polygon's corners are pairs of ra and dec; one number is over")
    corners = [unit_vector(ra, dec) for ra, dec in zip(numbers[::2], numbers[1::2], strict=True)]
    sides = polygon_sides(corners)
    centre = [sum(axis) for axis in zip(*corners, strict=True)]
    length = math.hypot(*centre)
    # The corners lie in a cap about their centre, and so does all between them where the cap is less than half the sky.
    reach = max(math.acos(min(1.0, max(-1.0, _dot(corner, centre) / length))) for corner in corners)
    dec, reach = math.degrees(math.asin(centre[2] / length)), math.degrees(reach) + _SLACK
    tests = [f"_2 BETWEEN {dec - reach!r} AND {dec + reach!r}"] if reach < 90 else []
    for x, y, z in sides:
        # How far outside a side: NaN is greater than all numbers, and so is outside.
        tests.append(
            f"{-x!r} * (cos(radians(_2)) * cos(radians(_1))) + {-y!r} * (cos(radians(_2)) * sin(radians(_1)))"
            f" + {-z!r} * sin(radians(_2)) <= 1e-15"
        )
    return " AND ".join(tests)


def _cross(a: Vector, b: Vector) -> Vector:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def _dot(a: Sequence[float], b: Sequence[float]) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
