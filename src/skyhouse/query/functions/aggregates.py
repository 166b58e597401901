"""The aggregates."""

from __future__ import annotations

from skyhouse.query.functions.function import BIGINT, Function

__all__ = ["aggregate_functions"]


def aggregate_functions() -> list[Function]:
    """Return the aggregates."""
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
            "sum", "aggregate", ("number",), "first", "the sum; NULL over no rows", duckdb_wrap=BIGINT, distinct=True
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
    ]
