"""The functions of bits, all in 64 of them."""

from __future__ import annotations

from skyhouse.query.functions.function import BIGINT, Function

__all__ = ["bit_functions"]


def bit_functions() -> list[Function]:
    """Return the functions of bits."""
    return [
        Function(
            "bit_count",
            "bit",
            ("integer",),
            "int64",
            "how many bits are set",
            both="CAST(bit_count(_1) AS BIGINT)",
            examples=(("bit_count(0xFF)", "8"), ("bit_count(-1)", "64")),
        ),
        Function(
            "get_bit",
            "bit",
            ("integer", "integer"),
            "int64",
            "bit n of a number, 0 or 1; bit 0 is that of 1",
            meaning="CASE WHEN _2 BETWEEN 0 AND 63 THEN (_1 >> _2) & 1 END",
            domain="NULL out of 0 to 63",
            examples=(("get_bit(5, 2)", "1"),),
        ),
        Function(
            "has_flag",
            "bit",
            ("integer", "integer"),
            "bool",
            "whether all bits of a mask are set in flags",
            meaning="_1 & _2 = _2",
            examples=(("has_flag(0x41, 0x40)", "TRUE"), ("has_flag(0x41, 0x42)", "FALSE")),
        ),
        Function(
            "xor",
            "bit",
            ("integer", "integer"),
            "int64",
            "the bits that are set in one of the two",
            meaning="(_1 | _2) - (_1 & _2)",
            examples=(("xor(5, 3)", "6"),),
        ),
        *(
            Function(
                f"bit_{name}",
                "aggregate",
                ("integer",),
                "int64",
                doc,
                spark_wrap=BIGINT,
                duckdb_wrap=BIGINT,
                examples=((f"bit_{name}(n)", value),),
            )
            for name, doc, value in (
                ("and", "the bits that are set in all", "0"),
                ("or", "the bits that are set in any", "7"),
                ("xor", "the bits that are set an odd number of times", "1"),
            )
        ),
    ]
