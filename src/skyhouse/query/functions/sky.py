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
# Both are positive but for declinations that are none, such as the -9999 of a missing value. The remainder of 360
# makes NaN of infinities, of which an engine would refuse the sine.
_A, _B, _C, _D = "radians(_1 % 360)", "radians(_2 % 360)", "radians(_3 % 360)", "radians(_4 % 360)"
_NEAR = (
    f"sin(({_D} - {_B}) / 2) * sin(({_D} - {_B}) / 2)"
    f" + cos({_B}) * cos({_D}) * sin(({_C} - {_A}) / 2) * sin(({_C} - {_A}) / 2)"
)
_FAR = (
    f"sin(({_D} + {_B}) / 2) * sin(({_D} + {_B}) / 2)"
    f" + cos({_B}) * cos({_D}) * cos(({_C} - {_A}) / 2) * cos(({_C} - {_A}) / 2)"
)
_SEPARATION = f"2 * degrees(atan2(sqrt(abs({_NEAR})), sqrt(abs({_FAR}))))"


def _axes(ra: str, dec: str, ra0: str, dec0: str) -> tuple[str, str, str]:
    """Return a place's coordinates along the east and the north of a centre, and along the line to it."""
    east = f"cos({dec}) * sin({ra} - {ra0})"
    north = f"(cos({dec0}) * sin({dec}) - sin({dec0}) * cos({dec}) * cos({ra} - {ra0}))"
    along = f"(sin({dec0}) * sin({dec}) + cos({dec0}) * cos({dec}) * cos({ra} - {ra0}))"
    return east, north, along


def sky_functions() -> list[Function]:
    """Return the functions of places on the sky."""
    east, north, _ = _axes(_C, _D, _A, _B)
    angle = f"degrees(atan2({east}, {north}))"
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
            meaning=_in_cone,
        ),
        Function(
            "in_box",
            "sky",
            ("double",) * 6,
            "bool",
            "whether (ra, dec) is in a box about (ra0, dec0) of some width and height, all in degrees, as ADQL's BOX",
            meaning=_in_box,
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


def _in_cone(given: Sequence[Given]) -> str:
    return f"{_near(given[3].number, given[4].number, '_5')} AND separation(_1, _2, _3, _4) <= _5"


def _in_box(given: Sequence[Given]) -> str:
    width, height = given[4].number, given[5].number
    reach = None if width is None or height is None else (width + height) / 2
    east, north, along = _axes(_A, _B, _C, _D)
    return (
        f"{_near(given[3].number, reach, '(_5 + _6) / 2')}"
        f" AND abs(degrees(atan2({east}, {along}))) <= _5 / 2 AND abs(degrees(atan2({north}, {along}))) <= _6 / 2"
    )


def _near(dec: float | None, reach: float | None, written: str) -> str:
    """Return the range of declinations, in numbers where they are known: so that an estimate can read it too."""
    if dec is None or reach is None:
        return f"_2 BETWEEN _4 - {written} - {_SLACK} AND _4 + {written} + {_SLACK}"
    return f"_2 BETWEEN {dec - reach - _SLACK!r} AND {dec + reach + _SLACK!r}"


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
            f"{-x!r} * (cos({_B}) * cos({_A})) + {-y!r} * (cos({_B}) * sin({_A})) + {-z!r} * sin({_B}) <= 1e-15"
        )
    return " AND ".join(tests)


def _cross(a: Vector, b: Vector) -> Vector:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def _dot(a: Sequence[float], b: Sequence[float]) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
