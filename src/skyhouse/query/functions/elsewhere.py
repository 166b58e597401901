"""What other dialects mean by words that mean something else here, under names of their own."""

from __future__ import annotations

from collections.abc import Sequence

from skyhouse.query.functions.function import Function, Given
from skyhouse.query.kinds import FLOATS, INTEGERS

__all__ = ["elsewhere_functions"]

_WIDEST = 15


def elsewhere_functions() -> list[Function]:
    """Return the functions that other dialects' operators and casts become."""
    return [
        Function(
            "divide",
            "math",
            ("number", "number"),
            "same",
            "the quotient, cut to an integer where both are integers; as / in T-SQL and ADQL",
            meaning=lambda given: "_1 // _2" if all(one.kind in INTEGERS for one in given) else "_1 / _2",
        ),
        Function(
            "cut",
            "math",
            ("any",),
            "first",
            "a number cut towards 0, anything else as it is; what T-SQL's and Spark's casts to integers do first",
            meaning=lambda given: "trunc(_1)" if given[0].kind in FLOATS else "_1",
        ),
        Function(
            "str",
            "string",
            ("double", "constant", "constant"),
            "string",
            "a number as text of some length, with some decimals; stars where it is too long; as in T-SQL",
            meaning=_number_as_text,
        ),
    ]


def _number_as_text(given: Sequence[Given]) -> str:
    length, places = (max(int(one.number or 0), 0) for one in given[1:])
    places = min(places, _WIDEST, max(length - 2, 0))
    # All digits as one integer: the engines write doubles as texts in different ways.
    digits = f"CAST(round(abs(CASE WHEN abs(_1) < 1e{_WIDEST} THEN _1 END) * 1e{places}) AS bigint)"
    whole = f"CAST({digits} // {10**places} AS text)"
    rest = f"CAST({digits} % {10**places} AS text)"
    tail = f" || '.' || substr('{'0' * places}' || {rest}, length({rest}) + 1)" if places else ""
    sign = f"CASE WHEN _1 < 0 AND {digits} > 0 THEN '-' ELSE '' END"
    text = f"({sign} || {whole}{tail})"
    padded = f"substr('{' ' * length}' || {text}, length({text}) + 1)"
    return f"CASE WHEN length({text}) > {length} THEN '{'*' * length}' ELSE {padded} END"
