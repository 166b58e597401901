"""The functions of texts."""

from __future__ import annotations

from skyhouse.query.functions.function import Function

__all__ = ["text_functions"]


def text_functions() -> list[Function]:
    """Return the functions of texts."""
    # Places before the first count, as in PostgreSQL: substr('abc', 0, 2) is 'a'.
    part = (
        "substring(_1, CAST(greatest(_2, 1) AS INT), CAST(greatest(greatest(_2 + _3, 1) - greatest(_2, 1), 0) AS INT))"
    )
    rest = "substring(_1, CAST(greatest(_2, 1) AS INT))"
    return [
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
