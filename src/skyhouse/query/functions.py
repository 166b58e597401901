"""Every function of the language, once: its arguments, its result, and what each engine is given for it.

A lowering is a text in Skyhouse's own SQL with ``_1``, ``_2`` ... for the arguments; a function without one is called
by its own name on both engines. An aggregate or window function may have a `wrap` around the call with its FILTER and
OVER clauses, ``_0``.

Arguments are brought to the kind that is listed before the engine sees them:

=========  =====================================================================
any        as it is
same       all of these to the kind they have in common
double     a number, as a double
number     an integer as a 64-bit integer, another number as a double
integer    an integer, as a 64-bit integer
string     a text
bool       a truth value
constant   a number written in the query
=========  =====================================================================

A `result` is a kind, or "first" (the kind that the first argument has been brought to) or "same".

A finite argument that is out of a function's domain gives NULL, not NaN: NaN counts as greater than every number in a
comparison, so that a NaN would pass ``log10(x) > 1``. NaN in gives NaN out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["FUNCTIONS", "Function"]


@dataclass(frozen=True)
class Function:
    """One function: how it is called, what it returns, how it is lowered, and what it is for.

    `group` is "aggregate", "window", "math", "choice" or "string". `arguments` may end in ``"..."``: the one before
    repeats. The last `optional` arguments may be left out. `duckdb` and `spark` are the calls, `duckdb_wrap` and
    `spark_wrap` go around them; `brief` is the call on both engines when optional arguments are left out. `distinct`
    tells whether DISTINCT may stand in it.
    """

    name: str
    group: str
    arguments: tuple[str, ...]
    result: str
    doc: str
    optional: int = 0
    duckdb: str = ""
    spark: str = ""
    duckdb_wrap: str = ""
    spark_wrap: str = ""
    brief: str = ""
    distinct: bool = False

    @property
    def least(self) -> int:
        """The fewest arguments."""
        return len([a for a in self.arguments if a != "..."]) - self.optional

    @property
    def most(self) -> int | None:
        """The most arguments; None for no limit."""
        return None if "..." in self.arguments else len(self.arguments)

    @property
    def signature(self) -> str:
        """The call as documentation shows it.

        >>> FUNCTIONS["atan2"].signature
        'atan2(double, double)'
        """
        return f"{self.name}({', '.join(self.arguments)})"

    def argument(self, position: int) -> str:
        """Return what is asked of an argument, counted from 0."""
        if "..." in self.arguments and position >= len(self.arguments) - 1:
            return self.arguments[-2]
        return self.arguments[position]

    def call(self, engine: str) -> str:
        """Return the lowering of the call for an engine; empty where the call goes by its own name."""
        return self.duckdb if engine == "duckdb" else self.spark

    def wrap(self, engine: str, result: str) -> str:
        """Return what goes around the call and its FILTER and OVER for an engine and result kind; empty for nothing."""
        text = self.duckdb_wrap if engine == "duckdb" else self.spark_wrap
        return "" if text == _BIGINT and result != "int64" else text


_BIGINT = "CAST(_0 AS BIGINT)"


def _aggregates() -> list[Function]:
    double = "double"
    # DuckDB's corr of a constant is NaN, Spark's NULL.
    corr = "nullif(_0, CAST('NaN' AS DOUBLE))"
    moments = [
        Function(name, "aggregate", (double,), "float64", doc)
        for name, doc in (
            ("avg", "the mean; NULL over no rows"),
            ("stddev_samp", "the standard deviation with n - 1; NULL for fewer than two rows"),
            ("stddev_pop", "the standard deviation with n"),
            ("var_samp", "the variance with n - 1; NULL for fewer than two rows"),
            ("var_pop", "the variance with n"),
            ("median", "the middle value, or the mean of the two in the middle"),
        )
    ]
    return [
        Function(
            "count", "aggregate", ("any",), "int64", "rows whose value is not NULL; count(*): all rows", distinct=True
        ),
        Function(
            "sum", "aggregate", ("number",), "first", "the sum; NULL over no rows", duckdb_wrap=_BIGINT, distinct=True
        ),
        Function("min", "aggregate", ("any",), "first", "the least value"),
        Function("max", "aggregate", ("any",), "first", "the greatest value; NaN is greater than any number"),
        Function(
            "any_value",
            "aggregate",
            ("any",),
            "first",
            "one of the values that are not NULL",
            spark="any_value(_1, TRUE)",
        ),
        Function("bool_and", "aggregate", ("bool",), "bool", "whether all are true"),
        Function("bool_or", "aggregate", ("bool",), "bool", "whether any is true"),
        Function(
            "corr",
            "aggregate",
            (double, double),
            "float64",
            "Pearson's correlation; NULL where one side is constant",
            duckdb_wrap=corr,
            spark_wrap=corr,
        ),
        Function("covar_samp", "aggregate", (double, double), "float64", "the covariance with n - 1"),
        Function("covar_pop", "aggregate", (double, double), "float64", "the covariance with n"),
        Function(
            "quantile_cont",
            "aggregate",
            (double, "constant"),
            "float64",
            "the quantile of a fraction from 0 to 1, linear between neighbours",
            spark="percentile(_1, _2)",
        ),
        Function("mean", "aggregate", (double,), "float64", "the same as avg", duckdb="avg(_1)", spark="avg(_1)"),
        Function(
            "stddev",
            "aggregate",
            (double,),
            "float64",
            "the same as stddev_samp",
            duckdb="stddev_samp(_1)",
            spark="stddev_samp(_1)",
        ),
        Function(
            "variance",
            "aggregate",
            (double,),
            "float64",
            "the same as var_samp",
            duckdb="var_samp(_1)",
            spark="var_samp(_1)",
        ),
        *moments,
        *(
            Function(name, "window", (), "int64", doc, spark_wrap=_BIGINT)
            for name, doc in (
                ("row_number", "the row's place in its window, from 1"),
                ("rank", "the place, equal rows alike, with gaps after them"),
                ("dense_rank", "the place, equal rows alike, without gaps"),
            )
        ),
        Function("percent_rank", "window", (), "float64", "(rank - 1) / (rows - 1)"),
        Function("cume_dist", "window", (), "float64", "the share of rows up to this one"),
        Function("ntile", "window", ("constant",), "int64", "which of n equal buckets, from 1", spark_wrap=_BIGINT),
        Function(
            "lag",
            "window",
            ("same", "constant", "same"),
            "same",
            "the value some rows before (1), or a default",
            optional=2,
        ),
        Function(
            "lead",
            "window",
            ("same", "constant", "same"),
            "same",
            "the value some rows after (1), or a default",
            optional=2,
        ),
        Function("first_value", "window", ("any",), "first", "the value of the frame's first row"),
        Function("last_value", "window", ("any",), "first", "the value of the frame's last row"),
    ]


def _math() -> list[Function]:
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


def _others() -> list[Function]:
    # Places before the first count, as in PostgreSQL: substr('abc', 0, 2) is 'a'.
    part = (
        "substring(_1, CAST(greatest(_2, 1) AS INT), CAST(greatest(greatest(_2 + _3, 1) - greatest(_2, 1), 0) AS INT))"
    )
    rest = "substring(_1, CAST(greatest(_2, 1) AS INT))"
    return [
        Function("coalesce", "choice", ("same", "..."), "same", "the first that is not NULL"),
        Function(
            "ifnull",
            "choice",
            ("same", "same"),
            "same",
            "the first that is not NULL",
            duckdb="coalesce(_1, _2)",
            spark="coalesce(_1, _2)",
        ),
        Function("greatest", "choice", ("same", "..."), "same", "the greatest; NULL is left out"),
        Function("least", "choice", ("same", "..."), "same", "the least; NULL is left out"),
        Function("nullif", "choice", ("same", "same"), "same", "NULL where both are equal, else the first"),
        Function("upper", "string", ("string",), "string", "in capital letters"),
        Function("lower", "string", ("string",), "string", "in small letters"),
        Function("length", "string", ("string",), "int64", "how many characters", spark="CAST(length(_1) AS BIGINT)"),
        Function("trim", "string", ("string",), "string", "without spaces at both ends"),
        Function("ltrim", "string", ("string",), "string", "without spaces at the start"),
        Function("rtrim", "string", ("string",), "string", "without spaces at the end"),
        Function(
            "replace",
            "string",
            ("string", "string", "string"),
            "string",
            "each occurrence of one text replaced by another",
        ),
        Function("concat", "string", ("string", "..."), "string", "joined; NULL is left out (|| gives NULL)"),
        Function(
            "substr",
            "string",
            ("string", "integer", "integer"),
            "string",
            "from a place, from 1, and how many",
            optional=1,
            duckdb=part,
            spark=part,
            brief=rest,
        ),
        Function(
            "substring",
            "string",
            ("string", "integer", "integer"),
            "string",
            "the same as substr",
            optional=1,
            duckdb=part,
            spark=part,
            brief=rest,
        ),
        Function(
            "starts_with",
            "string",
            ("string", "string"),
            "bool",
            "whether a text starts with another",
            spark="startswith(_1, _2)",
        ),
    ]


FUNCTIONS: Mapping[str, Function] = MappingProxyType({f.name: f for f in (*_aggregates(), *_math(), *_others())})
