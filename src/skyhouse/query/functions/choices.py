"""The functions that pick one of their arguments."""

from __future__ import annotations

from skyhouse.query.functions.function import Function

__all__ = ["choice_functions"]


def choice_functions() -> list[Function]:
    """Return the functions that pick one of their arguments."""
    return [
        Function(
            "coalesce",
            "choice",
            ("same", "..."),
            "same",
            "the first that is not NULL",
            examples=(("coalesce(NULL, 2, 3)", "2"),),
        ),
        Function("ifnull", "choice", ("same", "same"), "same", "the same as coalesce", same_as="coalesce"),
        Function("nvl", "choice", ("same", "same"), "same", "the same as coalesce", same_as="coalesce"),
        Function(
            "iif",
            "choice",
            ("bool", "any", "any"),
            "",
            "the second where the first is true, else the third",
            meaning="CASE WHEN _1 THEN _2 ELSE _3 END",
            examples=(("iif(1 > 2, 'a', 'b')", "'b'"),),
        ),
        Function(
            "greatest",
            "choice",
            ("same", "..."),
            "same",
            "the greatest; NULL is left out",
            nan="greater than all numbers",
            examples=(("greatest(1, NULL, 3)", "3"),),
        ),
        Function(
            "least",
            "choice",
            ("same", "..."),
            "same",
            "the least; NULL is left out",
            nan="greater than all numbers",
            examples=(("least(2, NULL, 3)", "2"),),
        ),
        Function(
            "nullif",
            "choice",
            ("same", "same"),
            "same",
            "NULL where both are equal, else the first",
            examples=(("nullif(-999, -999)", "NULL"),),
        ),
    ]
