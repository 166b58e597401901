"""The functions that pick one of their arguments."""

from __future__ import annotations

from skyhouse.query.functions.function import Function

__all__ = ["choice_functions"]


def choice_functions() -> list[Function]:
    """Return the functions that pick one of their arguments."""
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
    ]
