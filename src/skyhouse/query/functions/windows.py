"""The window functions."""

from __future__ import annotations

from skyhouse.query.functions.function import BIGINT, Function

__all__ = ["window_functions"]


def window_functions() -> list[Function]:
    """Return the window functions."""
    places = (
        ("row_number", "the row's place in its window, from 1", "[1, 3, 2, 5, 4]", "x, s"),
        ("rank", "the place, equal rows alike, with gaps after them", "[1, 2, 2, 5, 4]", "x"),
        ("dense_rank", "the place, equal rows alike, without gaps", "[1, 2, 2, 4, 3]", "x"),
    )
    neighbour = ("same", "constant", "same")
    return [
        *(
            Function(
                name,
                "window",
                (),
                "int64",
                doc,
                spark_wrap=BIGINT,
                examples=((f"{name}() OVER (ORDER BY {order})", due),),
            )
            for name, doc, due, order in places
        ),
        Function(
            "percent_rank",
            "window",
            (),
            "float64",
            "(rank - 1) / (rows - 1)",
            examples=(("percent_rank() OVER (ORDER BY x)", "[0.0, 0.25, 0.25, 1.0, 0.75]"),),
        ),
        Function(
            "cume_dist",
            "window",
            (),
            "float64",
            "the share of rows up to this one",
            examples=(("cume_dist() OVER (ORDER BY x)", "[0.2, 0.6, 0.6, 1.0, 0.8]"),),
        ),
        Function(
            "ntile",
            "window",
            ("constant",),
            "int64",
            "which of n equal buckets, from 1",
            spark_wrap=BIGINT,
            examples=(("ntile(2) OVER (ORDER BY id)", "[1, 1, 1, 2, 2]"),),
        ),
        Function(
            "lag",
            "window",
            neighbour,
            "same",
            "the value some rows before (1), or a default",
            optional=2,
            examples=(("lag(n) OVER (ORDER BY id)", "[NULL, 3, 5, NULL, 6]"),),
        ),
        Function(
            "lead",
            "window",
            neighbour,
            "same",
            "the value some rows after (1), or a default",
            optional=2,
            examples=(("lead(n, 1, 0) OVER (ORDER BY id)", "[5, NULL, 6, 1, 0]"),),
        ),
        Function(
            "first_value",
            "window",
            ("any",),
            "first",
            "the value of the frame's first row",
            examples=(("first_value(s) OVER (PARTITION BY x ORDER BY id)", "['a', 'b', 'b', NULL, 'c']"),),
        ),
        Function(
            "last_value",
            "window",
            ("any",),
            "first",
            "the value of the frame's last row, which is the current one (and its equals) unless a frame is written",
            examples=(("last_value(n) OVER (ORDER BY id)", "[3, 5, NULL, 6, 1]"),),
        ),
        Function(
            "nth_value",
            "window",
            ("any", "constant"),
            "first",
            "the value of the frame's n-th row, or NULL",
            examples=(("nth_value(s, 2) OVER (ORDER BY id)", "[NULL, 'b', 'b', 'b', 'b']"),),
        ),
    ]
