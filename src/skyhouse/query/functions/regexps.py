"""The functions of regular expressions."""

from __future__ import annotations

from skyhouse.query.functions.function import Function

__all__ = ["regexp_functions"]


def regexp_functions() -> list[Function]:
    """Return the functions of regular expressions."""
    matches = Function(
        "regexp_matches",
        "regexp",
        ("string", "pattern"),
        "bool",
        "whether a part of the text fits the pattern; also text ~ pattern",
        spark="regexp_like(_1, _2)",
        examples=(("regexp_matches('NGC 224', '^NGC [0-9]+$')", "TRUE"),),
    )
    return [
        matches,
        Function(
            "regexp_like", "regexp", matches.arguments, "bool", "the same as regexp_matches", same_as=matches.name
        ),
        Function(
            "regexp_count",
            "regexp",
            ("string", "pattern"),
            "int64",
            "how many parts of the text fit, none over another",
            duckdb="len(regexp_extract_all(_1, _2))",
            spark="CAST(regexp_count(_1, _2) AS BIGINT)",
            examples=(("regexp_count('a1b22', '[0-9]+')", "2"),),
        ),
        Function(
            "regexp_extract",
            "regexp",
            ("string", "pattern", "constant"),
            "string",
            "the first part that fits, or its n-th group in parentheses; '' where none does",
            optional=1,
            brief="regexp_extract(_1, _2, 0)",
            examples=(("regexp_extract('spec-0266-51602', '([0-9]+)-', 1)", "'0266'"),),
        ),
        Function(
            "regexp_replace",
            "regexp",
            ("string", "pattern", "replacement", "word"),
            "string",
            r"each part that fits replaced; \1 is the first group. The 'g' (all of them) has to be written",
            duckdb="regexp_replace(_1, _2, _3, 'g')",
            spark="regexp_replace(_1, _2, _3)",
            examples=((r"regexp_replace('M 31', '([A-Z]) ([0-9]+)', '\2\1', 'g')", "'31M'"),),
        ),
    ]
