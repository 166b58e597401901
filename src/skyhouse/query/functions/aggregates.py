"""The aggregates: of numbers, of pairs of numbers, of anything."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from skyhouse.errors import QueryError
from skyhouse.query.functions.function import BIGINT, Function, Given

__all__ = ["aggregate_functions"]

_MOST_BINS = 256
# 0 where all values are finite, else NaN: DuckDB's moments of few rows, and of constants, lose a NaN.
_POISON = "sum(0e0 * _1)"
_POISON_2 = "sum(0e0 * _1 * _2)"
# Between -Infinity and a number there is nothing that is known; DuckDB would say -Infinity.
_LEAST = "CAST('-Infinity' AS DOUBLE)"
_COUNTS = f"count(_1); count(CASE WHEN _1 = {_LEAST} THEN 1 END)"
_BETWEEN = f"CASE WHEN _1 = {_LEAST} AND ceil({{}} * (_2 - 1)) >= _3 THEN CAST('NaN' AS DOUBLE) ELSE _1 END"
_BOTH = "CASE WHEN NOT _1 IS NULL AND NOT _2 IS NULL THEN {} END"
_PARTS = "regr_sxy(_1, _2); regr_sxx(_1, _2); regr_syy(_1, _2)"
_SLOPE = "_1 / nullif(_2, 0e0)"


def aggregate_functions() -> list[Function]:
    """Return the aggregates."""
    return [*_counts(), _grouping(), *_moments(), *_quantiles(), *_pairs(), *_picked(), *_lists()]


def _number(name: str, doc: str, *example: str, arguments: tuple[str, ...] = ("double",), **rest: Any) -> Function:
    examples = (example,) if len(example) == 2 else ()
    return Function(name, "aggregate", arguments, "float64", doc, examples=examples, **rest)


def _same(name: str, known: Function) -> Function:
    doc = f"the same as {known.name}"
    return Function(
        name, "aggregate", known.arguments, known.result, doc, known.optional, same_as=known.name, sorts=known.sorts
    )


def _grouping() -> Function:
    doc = "1 where a key of ROLLUP, CUBE or GROUPING SETS is not in the row's set; of several keys, their bits"
    return Function(
        "grouping", "aggregate", ("any", "..."), "int64", doc, spark_wrap=BIGINT, null="counts", nan="counts"
    )


def _counts() -> list[Function]:
    every = Function(
        "bool_and", "aggregate", ("bool",), "bool", "whether all are true", examples=(("bool_and(b)", "FALSE"),)
    )
    return [
        Function(
            "count",
            "aggregate",
            ("any",),
            "int64",
            "rows whose value is not NULL; count(*): all rows",
            distinct=True,
            nan="counts",
            empty="0",
            examples=(("count(x)", "4"), ("count(*)", "5"), ("count(DISTINCT x)", "3")),
        ),
        Function(
            "count_if",
            "aggregate",
            ("bool",),
            "int64",
            "rows where it is true",
            both="count(CASE WHEN _1 THEN 1 END)",
            empty="0",
            examples=(("count_if(x > 1)", "3"),),
        ),
        Function(
            "sum",
            "aggregate",
            ("number",),
            "first",
            "the sum",
            duckdb_wrap=BIGINT,
            distinct=True,
            examples=(("sum(n)", "15"), ("sum(x)", "9.0")),
        ),
        every,
        _same("every", every),
        Function("bool_or", "aggregate", ("bool",), "bool", "whether any is true", examples=(("bool_or(b)", "TRUE"),)),
        Function(
            "approx_count_distinct",
            "aggregate",
            ("any",),
            "int64",
            "about how many values there are, within some per cent",
            approximate=True,
            empty="0",
        ),
    ]


def _moments() -> list[Function]:
    average = _number("avg", "the mean", "avg(x)", "2.25")
    deviation = _number(
        "stddev_samp",
        "the standard deviation with n - 1; NULL for fewer than two rows",
        "stddev_samp(x)",
        "1.2583057392117916",
    )
    variance = _number(
        "var_samp", "the variance with n - 1; NULL for fewer than two rows", "var_samp(x)", "1.5833333333333333"
    )
    deviation_all = _number(
        "stddev_pop", "the standard deviation with n", both=f"stddev_pop(_1); {_POISON}", both_wrap="_1 + _2"
    )
    variance_all = _number(
        "var_pop", "the variance with n", "var_pop(x)", "1.1875", both=f"var_pop(_1); {_POISON}", both_wrap="_1 + _2"
    )
    # The engines' own: Spark's moments of the population; DuckDB's are of the sample, and fail for infinite values.
    finite = "CASE WHEN abs(_1) < CAST('Infinity' AS DOUBLE) THEN _1 END"
    return [
        average,
        _same("mean", average),
        deviation,
        _same("stddev", deviation),
        _same("stdev", deviation),
        _same("stdevp", deviation_all),
        deviation_all,
        variance,
        _same("variance", variance),
        variance_all,
        _number(
            "skewness",
            "the skewness m3 / m2^1.5 of the population; NULL where all values are equal",
            "skewness(x)",
            "0.6520236646847543",
            duckdb=f"skewness({finite}); count(_1); {_POISON}; var_pop({finite})",
            duckdb_wrap="CASE WHEN isnan(_3) THEN _3 WHEN _4 = 0 THEN NULL WHEN _2 = 2 THEN 0e0 "
            "ELSE _1 * (_2 - 2) / sqrt(_2 * (_2 - 1)) END",
            spark=f"skewness(_1); {_POISON}",
            spark_wrap="_1 + _2",
        ),
        _number(
            "kurtosis",
            "the excess kurtosis m4 / m2^2 - 3 of the population; NULL where all values are equal",
            "kurtosis(x)",
            "-0.9030470914127422",
            duckdb=f"kurtosis_pop({finite}); {_POISON}; var_pop({finite}); count(_1)",
            duckdb_wrap="CASE WHEN isnan(_2) THEN _2 WHEN _3 = 0 THEN NULL WHEN _4 = 2 THEN -2e0 ELSE _1 END",
            spark=f"kurtosis(_1); {_POISON}",
            spark_wrap="_1 + _2",
        ),
        _number(
            "weighted_mean",
            "the sum of x * w over the sum of w; rows with a NULL are left out",
            "weighted_mean(x, n)",
            "1.8888888888888888",
            arguments=("double", "double"),
            both=f"sum(_1 * _2); sum({_BOTH.format('_2')})",
            both_wrap="_1 / nullif(_2, 0e0)",
            domain="NULL where the weights' sum is 0",
        ),
        _number(
            "geometric_mean",
            "e to the mean of ln(x)",
            "geometric_mean(x)",
            "2.0",
            both="avg(CASE WHEN _1 > 0 THEN ln(_1) WHEN _1 = 0 THEN CAST('-Infinity' AS DOUBLE) END); "
            "count(CASE WHEN _1 < 0 THEN 1 END)",
            both_wrap="CASE WHEN _2 = 0 THEN exp(_1) END",
            domain="NULL where a value is below 0",
        ),
    ]


def _quantiles() -> list[Function]:
    between = "the quantile of a fraction from 0 to 1, linear between neighbours; also percentile_cont(q) WITHIN GROUP"
    of = ("double", "fraction")
    return [
        _number(
            "median",
            "the middle value, or the mean of the two in the middle",
            "median(x)",
            "2.0",
            duckdb=f"median(_1); {_COUNTS}",
            duckdb_wrap=_BETWEEN.format("0.5e0"),
            nan="greater than all numbers",
        ),
        _number(
            "quantile_cont",
            between,
            "quantile_cont(x, 0.9)",
            "3.4",
            arguments=of,
            duckdb=f"quantile_cont(_1, _2); {_COUNTS}; max(_2)",
            duckdb_wrap=_BETWEEN.format("_4"),
            spark="percentile(_1, _2)",
            nan="greater than all numbers",
        ),
        _number(
            "quantile_disc",
            "the least value whose share of rows up to it is at least q; also percentile_disc(q) WITHIN GROUP",
            "quantile_disc(x, 0.9)",
            "4.0",
            arguments=of,
            spark="percentile_disc(_2) WITHIN GROUP (ORDER BY _1)",
            nan="greater than all numbers",
        ),
        _number(
            "approx_quantile",
            "about the quantile of a fraction, in little memory",
            arguments=of,
            duckdb="approx_quantile(_1, CAST(_2 AS REAL))",
            spark="approx_percentile(_1, _2)",
            approximate=True,
        ),
        _number(
            "mad",
            "the median of the distances from the median; times 1.4826 it is a normal distribution's deviation",
            "mad(x)",
            "0.5",
            spark="collect_list(_1); median(_1)",
            spark_wrap="CASE WHEN size(_1) > 0 THEN element_at(transform(array(array_sort(transform(_1, "
            "_v -> abs(_v - _2)))), _s -> (element_at(_s, CAST((size(_s) + 1) // 2 AS INT)) + "
            "element_at(_s, CAST(size(_s) // 2 + 1 AS INT))) / 2), 1) END",
        ),
    ]


def _counts_in_bins(given: Sequence[Given]) -> str:
    low, high, bins = (one.number or 0.0 for one in given[1:])
    if not (low < high and bins.is_integer() and 1 <= bins <= _MOST_BINS):
        raise QueryError(f"histogram(x, lo, hi, n) takes lo below hi, and n bins from 1 to {_MOST_BINS}")
    edges = [low + (high - low) * number / bins for number in range(int(bins))]
    tests = [f"_1 >= {one!r} AND _1 < {other!r}" for one, other in pairwise(edges)]
    tests.append(f"_1 >= {edges[-1]!r} AND _1 <= {high!r}")
    return f"[{', '.join(f'count(CASE WHEN {test} THEN 1 END)' for test in tests)}]"


def _pairs() -> list[Function]:
    two = ("double", "double")
    rows = "rows with a NULL are left out"
    return [
        _number(
            "corr",
            f"Pearson's correlation; {rows}",
            "corr(x, n)",
            "-0.6546536707079772",
            arguments=two,
            both=f"corr(_1, _2); {_POISON_2}",
            both_wrap="CASE WHEN isnan(_2) THEN _2 WHEN NOT isnan(_1) THEN _1 END",
            domain="NULL where one side is constant",
        ),
        *(
            _number(
                name,
                f"the covariance with {over}; {rows}",
                *example,
                arguments=two,
                both=f"{name}(_1, _2); {_POISON_2}",
                both_wrap="_1 + _2",
            )
            for name, over, *example in (
                ("covar_samp", "n - 1"),
                ("covar_pop", "n", "covar_pop(x, n)", "-1.3333333333333333"),
            )
        ),
        Function(
            "regr_count",
            "aggregate",
            two,
            "int64",
            f"how many pairs there are; {rows}",
            both=f"count({_BOTH.format('1')})",
            empty="0",
            nan="counts",
            examples=(("regr_count(x, n)", "3"),),
        ),
        _number(
            "regr_slope",
            f"the slope of the line of least squares through (y, x); {rows}",
            "regr_slope(n, x)",
            "-0.8571428571428571",
            arguments=two,
            both=f"regr_sxy(_1, _2); regr_sxx(_1, _2); {_POISON_2}",
            both_wrap="CASE WHEN isnan(_3) THEN _3 ELSE _1 / nullif(_2, 0e0) END",
            domain="NULL where x is constant",
        ),
        _number(
            "regr_intercept",
            f"where that line is at x = 0; {rows}",
            "regr_intercept(n, x)",
            "5.0",
            arguments=two,
            both=f"regr_sxy(_1, _2); regr_sxx(_1, _2); regr_avgx(_1, _2); regr_avgy(_1, _2); {_POISON_2}",
            both_wrap="CASE WHEN isnan(_5) THEN _5 ELSE _4 - _1 / nullif(_2, 0e0) * _3 END",
            domain="NULL where x is constant",
        ),
        _number(
            "regr_r2",
            f"the square of the correlation; {rows}",
            "regr_r2(n, x)",
            "0.42857142857142855",
            arguments=two,
            both=f"{_PARTS}; {_POISON_2}",
            both_wrap="CASE WHEN isnan(_4) THEN _4 WHEN _2 = 0 THEN NULL WHEN _3 = 0 THEN 1e0 "
            "ELSE _1 * _1 / (_2 * _3) END",
            domain="NULL where x is constant, 1 where y is",
        ),
    ]


def _picked() -> list[Function]:
    nan: dict[str, Any] = {"nan": "greater than all numbers"}
    pair = _BOTH.format("{'y': _2, 'x': _1}")
    return [
        Function("min", "aggregate", ("any",), "first", "the least value", examples=(("min(s)", "'a'"),), **nan),
        Function("max", "aggregate", ("any",), "first", "the greatest value", examples=(("max(x)", "4.0"),), **nan),
        Function(
            "any_value",
            "aggregate",
            ("any",),
            "first",
            "one of the values that are not NULL",
            spark="any_value(_1, TRUE)",
        ),
        *(
            Function(
                f"arg_{name}",
                "aggregate",
                ("any", "any"),
                "first",
                f"x where y is {doc}, and of several such x the {doc}; rows with a NULL are left out",
                duckdb=f"{name}({pair})",
                duckdb_wrap="struct_extract(_0, 'x')",
                spark=f"{name}({pair})",
                spark_wrap="(_0).x",
                examples=((f"arg_{name}(s, x)", value),),
                **nan,
            )
            for name, doc, value in (("min", "least", "'a'"), ("max", "greatest", "'c'"))
        ),
        Function(
            "mode",
            "aggregate",
            ("any",),
            "first",
            "the most frequent value, and of several the least",
            nan="a value like others",
            examples=(("mode(x)", "2.0"),),
        ),
    ]


def _lists() -> list[Function]:
    joined = Function(
        "string_agg",
        "aggregate",
        ("string", "word"),
        "string",
        "the texts joined with a separator between them, in the order of ORDER BY, else of the texts",
        sorts=True,
        examples=(("string_agg(s, '+' ORDER BY x DESC, s)", "'c+a+b+a'"),),
    )
    return [
        Function(
            "histogram",
            "aggregate",
            ("double", "constant", "constant", "constant"),
            "list<int64>",
            f"the counts in n equal bins from lo to hi, as numpy's: hi is in the last; n is at most {_MOST_BINS}",
            meaning=_counts_in_bins,
            nan="left out",
            empty="counts of 0",
            examples=(("histogram(x, 0, 4, 2)", "[1, 3]"),),
        ),
        joined,
        _same("listagg", joined),
        Function(
            "array_agg",
            "aggregate",
            ("any",),
            "list",
            "a list of the values, in the order of ORDER BY, else of the values",
            sorts=True,
            null="kept",
            nan="kept",
            examples=(("array_agg(x ORDER BY n)", "[4.0, 1.0, 2.0, NULL, 2.0]"),),
        ),
    ]
