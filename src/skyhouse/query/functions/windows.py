"""The window functions."""

from __future__ import annotations

from skyhouse.query.functions.function import BIGINT, Function

__all__ = ["window_functions"]


def window_functions() -> list[Function]:
    """Return the window functions."""
    return [
        *(
            Function(name, "window", (), "int64", doc, spark_wrap=BIGINT)
            for name, doc in (
                ("row_number", "the row's place in its window, from 1"),
                ("rank", "the place, equal rows alike, with gaps after them"),
                ("dense_rank", "the place, equal rows alike, without gaps"),
            )
        ),
        Function("percent_rank", "window", (), "float64", "(rank - 1) / (rows - 1)"),
        Function("cume_dist", "window", (), "float64", "the share of rows up to this one"),
        Function("ntile", "window", ("constant",), "int64", "which of n equal buckets, from 1", spark_wrap=BIGINT),
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
