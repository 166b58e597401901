"""The functions of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from skyhouse.query.functions.function import Function, Given

__all__ = ["number_functions"]

_POSITIVE = "(CASE WHEN _1 > 0 THEN _1 END)"
_UNIT = "(CASE WHEN abs(_1) <= 1 OR isnan(_1) THEN _1 END)"
_BOUNDED = "(CASE WHEN abs(_1) < CAST('Infinity' AS DOUBLE) OR isnan(_1) THEN _1 END)"
# Spark's floor and ceil make integers, which hold no NaN and nothing past 2^63; from 2^53 on a double is whole.
_WHOLE = "CASE WHEN abs(_1) < 9007199254740992e0 THEN CAST({}(_1) AS DOUBLE) ELSE _1 END"
_CUT = f"CASE WHEN _1 < 0 THEN {_WHOLE.format('ceil')} ELSE {_WHOLE.format('floor')} END"
_SIGN = "CASE WHEN isnan(_1) THEN _1 WHEN _1 > 0 THEN 1e0 WHEN _1 < 0 THEN -1e0 WHEN _1 = 0 THEN 0e0 END"
_POWER = "pow(CASE WHEN _1 >= 0 OR _2 % 1e0 = 0 OR isnan(_2 % 1e0) THEN _1 END, _2)"
# The larger side is taken out, so that no square overflows.
_HYPOT = """CASE WHEN _1 IS NULL OR _2 IS NULL THEN NULL WHEN isinf(_1) OR isinf(_2) THEN CAST('Infinity' AS double)
    WHEN _1 = 0 AND _2 = 0 THEN 0
    ELSE greatest(abs(_1), abs(_2)) * sqrt(1 + square(least(abs(_1), abs(_2)) / greatest(abs(_1), abs(_2)))) END"""
# W. Kahan's way: what rounding 1 + x loses is the same above and below the bar.
_LOG1P = "CASE WHEN 1 + _1 = 1 OR _1 = CAST('Infinity' AS DOUBLE) THEN _1 ELSE ln(1 + _1) * _1 / ((1 + _1) - 1) END"
_EXPM1 = """CASE WHEN exp(_1) = 1 THEN _1 WHEN exp(_1) < 1e-16 THEN -1 WHEN exp(_1) > 1e16 THEN exp(_1)
    ELSE (exp(_1) - 1) * _1 / ln(exp(_1)) END"""
_BUCKET = """CASE WHEN _1 + _2 + _3 + _4 IS NULL OR isnan(_1) OR isnan(_2) OR isnan(_3) OR _2 = _3 OR _4 < 1 THEN NULL
    WHEN (_2 < _3 AND _1 < _2) OR (_2 > _3 AND _1 > _2) THEN 0
    WHEN (_2 < _3 AND _1 >= _3) OR (_2 > _3 AND _1 <= _3) THEN _4 + 1
    ELSE least(CAST(floor((_1 - _2) / (_3 - _2) * _4) AS bigint) + 1, _4) END"""

_RADIANS = {
    "sin": "the sine of an angle in radians",
    "cos": "the cosine of an angle in radians",
    "tan": "the tangent of an angle in radians",
}
_PLAIN = {
    "atan": "the angle in radians of a tangent",
    "cbrt": "the cube root",
    "cosh": "the hyperbolic cosine",
    "degrees": "radians to degrees",
    "exp": "e to the power x",
    "radians": "degrees to radians",
    "sinh": "the hyperbolic sine",
    "tanh": "the hyperbolic tangent",
}
_DEGREES = {
    "asind": ("the angle in degrees of a sine", "degrees(asin(_1))", ("asind(1)", "90.0")),
    "acosd": ("the angle in degrees of a cosine", "degrees(acos(_1))", ("acosd(0)", "90.0")),
    "atand": ("the angle in degrees of a tangent", "degrees(atan(_1))", ("atand(1)", "45.0")),
    "sind": (
        "the sine of an angle in degrees",
        "CASE WHEN isinf(_1) THEN NULL WHEN _1 % 180 = 0 THEN 0 ELSE sin(radians(_1 % 360)) END",
        ("sind(180)", "0.0"),
    ),
    "cosd": (
        "the cosine of an angle in degrees",
        "CASE WHEN isinf(_1) THEN NULL WHEN (_1 - 90) % 180 = 0 THEN 0 ELSE cos(radians(_1 % 360)) END",
        ("cosd(90)", "0.0"),
    ),
    # A multiple of 90 degrees is none of pi / 2.
    "tand": (
        "the tangent of an angle in degrees",
        "CASE WHEN isinf(_1) THEN NULL WHEN _1 % 180 = 0 THEN 0 WHEN _1 % 90 = 0 THEN NULL ELSE tan(radians(_1)) END",
        ("tand(45)", "1.0"),
    ),
}


def number_functions() -> list[Function]:
    """Return the functions of numbers."""
    return [*_powers(), *_angles(), *_roundings(), *_others()]


def _double(name: str, doc: str, *example: str, arguments: int = 1, **rest: Any) -> Function:
    examples = (example,) if len(example) == 2 else ()
    return Function(name, "math", ("double",) * arguments, "float64", doc, examples=examples, **rest)


def _powers() -> list[Function]:
    # Spark's logarithms give NULL out of their domain by themselves.
    below: dict[str, Any] = {"domain": "NULL for 0 and below"}
    return [
        _double("sqrt", "the square root", "sqrt(2)", "1.4142135623730951", both="sqrt(CASE WHEN _1 >= 0 THEN _1 END)"),
        _double("ln", "the natural logarithm", "ln(0)", "NULL", duckdb=f"ln({_POSITIVE})", **below),
        _double("log10", "the logarithm to base 10", "log10(1000)", "3.0", duckdb=f"log10({_POSITIVE})", **below),
        _double("log2", "the logarithm to base 2", "log2(8)", "3.0", duckdb=f"log2({_POSITIVE})", **below),
        Function(
            "log",
            "math",
            ("double", "double"),
            "float64",
            "log(x) is the natural logarithm, as in ADQL; log(b, x) that to base b, as in PostgreSQL",
            optional=1,
            domain="NULL for 0 and below, and for base 1",
            meaning=lambda given: "ln(_1)" if len(given) == 1 else "ln(_2) / ln(_1)",
            examples=(("log(1)", "0.0"), ("log(2, 8)", "3.0")),
        ),
        _double("log1p", "ln(1 + x), exact near 0", "log1p(1e-20)", "1e-20", meaning=_LOG1P, domain="NULL up to -1"),
        _double("expm1", "exp(x) - 1, exact near 0", "expm1(1e-20)", "1e-20", meaning=_EXPM1),
        _double(
            "power",
            "x to the power y",
            "power(-8, 1e0/3)",
            "NULL",
            arguments=2,
            both=_POWER,
            domain="NULL where that is no real number",
        ),
        Function("pow", "math", ("double", "double"), "float64", "the same as power", same_as="power"),
        _double("square", "x times x", "square(-3)", "9.0", meaning="_1 * _1"),
        _double(
            "hypot",
            "the root of x * x + y * y, without overflow",
            "hypot(3, 4)",
            "5.0",
            arguments=2,
            meaning=_HYPOT,
            infinity="infinite where one is",
        ),
        Function(
            "factorial",
            "math",
            ("integer",),
            "int64",
            "n!",
            duckdb="CAST(factorial(CASE WHEN _1 BETWEEN 0 AND 20 THEN CAST(_1 AS INT) END) AS BIGINT)",
            spark="factorial(CASE WHEN _1 BETWEEN 0 AND 20 THEN CAST(_1 AS INT) END)",
            domain="NULL out of 0 to 20",
            examples=(("factorial(20)", "2432902008176640000"), ("factorial(21)", "NULL")),
        ),
    ]


def _angles() -> list[Function]:
    unit: dict[str, Any] = {"domain": "NULL out of -1 to 1"}
    endless: dict[str, Any] = {"infinity": "NULL"}
    poles = {
        "tand": {"domain": "NULL at 90, 270, ..."},
        "asind": unit,
        "acosd": unit,
        "atand": {"infinity": "90 and -90"},
    }
    return [
        *(_double(name, doc) for name, doc in _PLAIN.items()),
        *(_double(name, doc, both=f"{name}({_BOUNDED})", **endless) for name, doc in _RADIANS.items()),
        _double("cot", "the cotangent of an angle in radians", "cot(0)", "NULL", meaning="1 / tan(_1)", **endless),
        _double("asin", "the angle in radians of a sine", "asin(2)", "NULL", both=f"asin({_UNIT})", **unit),
        _double("acos", "the angle in radians of a cosine", "acos(1)", "0.0", both=f"acos({_UNIT})", **unit),
        _double(
            "atan2",
            "the angle in radians of a point (y, x); -0.0 is taken for 0.0",
            "atan2(0, -1)",
            "3.141592653589793",
            arguments=2,
            duckdb="atan2(_1 + 0e0, _2 + 0e0)",  # as Spark does
        ),
        _double("atan2d", "the angle in degrees of a point (y, x)", meaning="degrees(atan2(_1, _2))", arguments=2),
        *(
            _double(name, doc, *example, meaning=meaning, **(endless | poles.get(name, {})))
            for name, (doc, meaning, example) in _DEGREES.items()
        ),
        _double("pi", "the ratio of circumference to diameter", arguments=0),
    ]


def _roundings() -> list[Function]:
    return [
        _double(
            "floor", "the whole number at or below, as a double", "floor(-1.5)", "-2.0", spark=_WHOLE.format("floor")
        ),
        _double("ceil", "the whole number at or above, as a double", "ceil(1.2)", "2.0", spark=_WHOLE.format("ceil")),
        Function("ceiling", "math", ("double",), "float64", "the same as ceil", same_as="ceil"),
        _double("trunc", "the whole number towards 0, as a double", "trunc(-1.5)", "-1.0", spark=_CUT),
        Function(
            "truncate",
            "math",
            ("double", "constant"),
            "float64",
            "cut towards 0 at some decimals (0), as in ADQL",
            optional=1,
            meaning=partial(_at_decimals, "trunc"),
            examples=(("truncate(2.567, 2)", "2.56"), ("truncate(-1250, -2)", "-1200.0")),
        ),
        Function(
            "round",
            "math",
            ("double", "constant"),
            "float64",
            "rounded to some decimals (0), halves away from 0",
            optional=1,
            examples=(("round(2.5)", "3.0"), ("round(1250, -2)", "1300.0")),
        ),
        Function(
            "sign",
            "math",
            ("double",),
            "float64",
            "-1, 0 or 1, as a double",
            both=_SIGN,
            examples=(("sign(-7)", "-1.0"),),
        ),
    ]


def _at_decimals(name: str, given: Sequence[Given]) -> str:
    places = int(given[1].number or 0) if len(given) > 1 else 0
    if places == 0:
        return f"{name}(_1)"
    there, back = ("*", "/") if places > 0 else ("/", "*")
    # From 2^52 on a double has no decimals, and the product might overflow.
    bound = 4503599627370496.0 if places > 0 else 1e308
    return f"CASE WHEN abs(_1) < {bound} THEN {name}(_1 {there} 1e{abs(places)}) {back} 1e{abs(places)} ELSE _1 END"


def _others() -> list[Function]:
    return [
        Function("abs", "math", ("number",), "first", "the absolute value", examples=(("abs(-3)", "3"),)),
        Function(
            "mod",
            "math",
            ("number", "number"),
            "same",
            "the remainder, with the sign of x; as %",
            domain="NULL for y = 0",
            examples=(("mod(-7, 3)", "-1"),),
        ),
        Function(
            "div",
            "math",
            ("integer", "integer"),
            "int64",
            "the whole quotient, cut towards 0; as //",
            domain="NULL for y = 0",
            examples=(("div(-7, 2)", "-3"),),
        ),
        Function(
            "isnan",
            "math",
            ("double",),
            "bool",
            "whether it is NaN",
            spark="CASE WHEN NOT _1 IS NULL THEN isnan(_1) END",
            nan="TRUE",
        ),
        Function(
            "isfinite",
            "math",
            ("double",),
            "bool",
            "whether it is neither NaN nor infinite",
            spark="abs(_1) < CAST('Infinity' AS DOUBLE)",
            nan="FALSE",
            infinity="FALSE",
        ),
        Function(
            "isinf",
            "math",
            ("double",),
            "bool",
            "whether it is infinite",
            spark="abs(_1) = CAST('Infinity' AS DOUBLE)",
            nan="FALSE",
            infinity="TRUE",
        ),
        Function(
            "width_bucket",
            "math",
            ("double", "double", "double", "integer"),
            "int64",
            "which of n equal buckets from lo to hi holds x, from 1; 0 below lo, n + 1 from hi on",
            meaning=_BUCKET,
            nan="NULL",
            domain="NULL for lo = hi and n < 1",
            examples=(("width_bucket(5.35, 0.024, 10.06, 5)", "3"), ("width_bucket(10, 0, 10, 5)", "6")),
        ),
    ]
