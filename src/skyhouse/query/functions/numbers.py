"""The functions of numbers."""

from __future__ import annotations

from skyhouse.query.functions.function import Function

__all__ = ["number_functions"]


def number_functions() -> list[Function]:
    """Return the functions of numbers."""

    def double(name: str, doc: str, both: str = "", duckdb: str = "", spark: str = "") -> Function:
        return Function(name, "math", ("double",), "float64", doc, duckdb=duckdb or both, spark=spark or both)

    positive = "(CASE WHEN _1 > 0 THEN _1 END)"
    unit = "(CASE WHEN abs(_1) <= 1 OR isnan(_1) THEN _1 END)"
    # Spark's floor and ceil make integers, which hold no NaN and nothing past 2^63; from 2^53 on a double is whole.
    whole = "CASE WHEN abs(_1) < 9007199254740992e0 THEN CAST({}(_1) AS DOUBLE) ELSE _1 END"
    cut = "CASE WHEN _1 < 0 THEN {c} ELSE {f} END"
    sign = "CASE WHEN isnan(_1) THEN _1 WHEN _1 > 0 THEN 1e0 WHEN _1 < 0 THEN -1e0 WHEN _1 = 0 THEN 0e0 END"
    isfinite = "abs(_1) < CAST('Infinity' AS DOUBLE)"
    power = "pow(CASE WHEN _1 >= 0 OR _2 = floor(_2) THEN _1 END, _2)"
    by_name = [
        ("exp", "e to the power x"),
        ("cbrt", "the cube root"),
        ("sin", "the sine of an angle in radians"),
        ("cos", "the cosine of an angle in radians"),
        ("tan", "the tangent of an angle in radians"),
        ("atan", "the angle in radians of a tangent"),
        ("sinh", "the hyperbolic sine"),
        ("cosh", "the hyperbolic cosine"),
        ("tanh", "the hyperbolic tangent"),
        ("radians", "degrees to radians"),
        ("degrees", "radians to degrees"),
    ]
    return [
        Function("abs", "math", ("number",), "first", "the absolute value"),
        *(double(name, doc) for name, doc in by_name),
        double("sqrt", "the square root; NULL below 0", "sqrt(CASE WHEN _1 >= 0 THEN _1 END)"),
        # Spark's logarithms give NULL out of their domain by themselves.
        double("ln", "the natural logarithm; NULL for 0 and below", duckdb=f"ln({positive})"),
        double(
            "log", "the natural logarithm, as in ADQL; log10 is the other", duckdb=f"ln({positive})", spark="ln(_1)"
        ),
        double("log10", "the logarithm to base 10; NULL for 0 and below", duckdb=f"log10({positive})"),
        double("log2", "the logarithm to base 2; NULL for 0 and below", duckdb=f"log2({positive})"),
        double("asin", "the angle in radians of a sine; NULL out of -1 to 1", f"asin({unit})"),
        double("acos", "the angle in radians of a cosine; NULL out of -1 to 1", f"acos({unit})"),
        double("floor", "the whole number at or below, as a double", spark=whole.format("floor")),
        double("ceil", "the whole number at or above, as a double", spark=whole.format("ceil")),
        double("ceiling", "the same as ceil", duckdb="ceil(_1)", spark=whole.format("ceil")),
        double(
            "trunc",
            "the whole number towards 0, as a double",
            spark=cut.format(c=whole.format("ceil"), f=whole.format("floor")),
        ),
        double("sign", "-1, 0 or 1, as a double; NaN of NaN", sign),
        Function(
            "round",
            "math",
            ("double", "constant"),
            "float64",
            "rounded to some decimals (0), halves away from 0",
            optional=1,
        ),
        Function("atan2", "math", ("double", "double"), "float64", "the angle in radians of a point (y, x)"),
        Function(
            "power",
            "math",
            ("double", "double"),
            "float64",
            "x to the power y; NULL where that is no real number",
            duckdb=power,
            spark=power,
        ),
        Function("pow", "math", ("double", "double"), "float64", "the same as power", duckdb=power, spark=power),
        Function("pi", "math", (), "float64", "the ratio of circumference to diameter"),
        Function(
            "mod", "math", ("number", "number"), "same", "the remainder, with the sign of x; NULL for y = 0; as %"
        ),
        Function(
            "div", "math", ("integer", "integer"), "int64", "the whole quotient, cut towards 0; NULL for y = 0; as //"
        ),
        Function(
            "isnan",
            "math",
            ("double",),
            "bool",
            "whether it is NaN; NULL of NULL",
            spark="CASE WHEN NOT _1 IS NULL THEN isnan(_1) END",
        ),
        Function("isfinite", "math", ("double",), "bool", "whether it is neither NaN nor infinite", spark=isfinite),
        Function(
            "isinf",
            "math",
            ("double",),
            "bool",
            "whether it is infinite",
            spark="abs(_1) = CAST('Infinity' AS DOUBLE)",
        ),
    ]
