"""Texts of numbers and times.

A number is written with the fewest digits that give it back, as PostgreSQL writes it.
"""

from __future__ import annotations

import re

from sqlglot import exp

from skyhouse.query.engines import Engine
from skyhouse.query.intervals import TIME_TEXT
from skyhouse.query.kinds import INTEGERS, kind, with_kind
from skyhouse.query.rules.rule import filled, text_of

__all__ = ["float_text", "number_text", "time_text"]

_SPACE = r"[ \t\n\r\f]*"
# What PostgreSQL reads as a number; DuckDB reads '1_0', '0x1' and '5.5' as an integer too, Spark '1d' as a float.
_INTEGER = rf"^{_SPACE}[+-]?[0-9]+{_SPACE}$"
_FLOAT = rf"^{_SPACE}[+-]?(([0-9]+[.]?[0-9]*|[.][0-9]+)(e[+-]?[0-9]+)?|inf|infinity|nan){_SPACE}$"

_DUCKDB = (
    "CASE WHEN isnan(_1) THEN 'NaN' WHEN isinf(_1) THEN CASE WHEN _1 > 0 THEN 'Infinity' ELSE '-Infinity' END"
    " ELSE CAST(_1 AS TEXT) END"
)
# The digits after the first that may do: 15 to 17 in all for a double, 7 to 9 for a float of 32 bits.
_DIGITS = {"float64": (14, "DOUBLE"), "float32": (6, "REAL")}


def float_text(node: exp.Expr, engine: Engine) -> exp.Expr:
    """Return the text of a float that is cast to one."""
    template = _DUCKDB if engine == "duckdb" else _spark(*_DIGITS[kind(node.this)])
    return with_kind(exp.Paren(this=filled(template, [node.this])), "string")


def _spark(least: int, own: str) -> str:
    """Return the lowering for Spark; its Java, before version 19, writes more digits than it needs."""
    texts = [f"format_string('%.{least + more}e', CAST(_1 AS DOUBLE))" for more in range(3)]
    tries = " ".join(f"WHEN CAST({text} AS {own}) = _1 THEN {text}" for text in texts[:2])
    shortest = f"CASE {tries} ELSE {texts[2]} END"
    plain = f"regexp_replace(CAST(CAST({shortest} AS DECIMAL(38, 21)) AS TEXT), '([.][0-9]+?)0+$', '$1')"
    return (
        f"CASE WHEN abs(_1) >= CAST(1e-4 AS {own}) AND abs(_1) < 1e16 THEN {plain}"
        f" WHEN abs(_1) > 0 AND abs(_1) < CAST('Infinity' AS DOUBLE) THEN regexp_replace({shortest}, '[.]?0+e', 'e')"
        " ELSE CAST(_1 AS TEXT) END"
    )


def time_text(node: exp.Expr, engine: Engine) -> exp.Expr:
    """Return a text that is cast to a date or time, spoilt where only one of the engines would read it."""
    text = text_of(node)
    if text is not None and re.match(TIME_TEXT, text):
        return with_kind(exp.Literal.string(text.strip()), "string")
    return _spoilt(node, TIME_TEXT, engine, "trim(_1)")


def number_text(node: exp.Expr, wanted: str, engine: Engine) -> exp.Expr:
    """Return a text that is cast to a number, spoilt where only one of the engines would read it."""
    pattern = _INTEGER if wanted in INTEGERS else f"(?i){_FLOAT}"
    text = text_of(node)
    return node if text is not None and re.match(pattern, text) else _spoilt(node, pattern, engine, "_1")


def _spoilt(node: exp.Expr, pattern: str, engine: Engine, value: str) -> exp.Expr:
    matches = "regexp_matches" if engine == "duckdb" else "regexp_like"
    return filled(f"CASE WHEN {matches}(_1, '{pattern}') THEN {value} ELSE '?' || _1 END", [node])
