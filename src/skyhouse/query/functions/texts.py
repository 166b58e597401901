"""The functions of texts. Places and lengths count characters (Unicode code points), from 1."""

from __future__ import annotations

from typing import Any

from skyhouse.query.functions.function import Function

__all__ = ["text_functions"]

_LARGEST = 2**31 - 1


def _clipped(number: str, low: int = 0) -> str:
    """Return a number's text within what both engines count by; NULL stays NULL."""
    clipped = f"CASE WHEN {number} < {low} THEN {low} WHEN {number} > {_LARGEST} THEN {_LARGEST} ELSE {number} END"
    return f"CAST({clipped} AS INT)"


# Places before the first count, as in PostgreSQL: substr('abc', 0, 2) is 'a'.
_LENGTH = "(_3 + CASE WHEN _2 < 1 THEN _2 - 1 ELSE 0 END)"
_PART = f"substring(_1, {_clipped('_2', 1)}, {_clipped(_LENGTH)})"
_REST = f"substring(_1, {_clipped('_2', 1)})"
_ROOM = _clipped("_2")
_PADDED = "CASE WHEN length(_3) = 0 THEN substring(_1, 1, {n}) ELSE {side}(_1, {n}, _3) END"
_WHICH = _clipped("CASE WHEN _3 <> 0 THEN _3 END", -_LARGEST)
_FIELD = "CASE WHEN length(_2) = 0 THEN CASE WHEN _3 IN (1, -1) THEN _1 ELSE '' END ELSE split_part(_1, _2, {n}) END"
_FROM_END = """CASE WHEN _2 < 0 THEN CASE WHEN -_2 < length(_1) THEN 1 - _2 ELSE length(_1) + 1 END
    WHEN _2 < length(_1) THEN length(_1) - _2 + 1 WHEN _2 >= length(_1) THEN 1 END"""
# Java writes these in two letters, or by what stands beside them; one letter stays one here.
_UPPER = "upper(replace(_1, 'ß', 'ẞ'))"
_LOWER = "lower(replace(replace(_1, 'Σ', 'σ'), 'İ', 'i'))"


def text_functions() -> list[Function]:
    """Return the functions of texts."""
    return [*_letters(), *_parts(), *_joined(), *_searched()]


def _text(name: str, arguments: str, doc: str, *example: str, **rest: Any) -> Function:
    return _of("string", name, arguments, doc, *example, **rest)


def _truth(name: str, arguments: str, doc: str, *example: str, **rest: Any) -> Function:
    return _of("bool", name, arguments, doc, *example, **rest)


def _count(name: str, arguments: str, doc: str, *example: str, **rest: Any) -> Function:
    return _of("int64", name, arguments, doc, *example, **rest)


def _of(result: str, name: str, arguments: str, doc: str, *example: str, **rest: Any) -> Function:
    needed = tuple(arguments.replace("?", "").split())
    examples = (example,) if len(example) == 2 else ()
    return Function(name, "string", needed, result, doc, optional=arguments.count("?"), examples=examples, **rest)


def _trimmed(name: str, where: str, *example: str, spark: str) -> Function:
    doc = f"without spaces, or some characters, at {where}"
    return _text(name, "string string?", doc, *example, spark=spark, brief=f"{name}(_1)")


def _letters() -> list[Function]:
    return [
        _text("upper", "string", "in capital letters", "upper('Hα')", "'HΑ'", spark=_UPPER),
        _text("lower", "string", "in small letters", "lower('NGC')", "'ngc'", spark=_LOWER),
        _text(
            "initcap",
            "string",
            "words, apart by spaces, with a capital first",
            "initcap('ORION nebula')",
            "'Orion Nebula'",
            duckdb="array_to_string(list_transform(string_split(lower(_1), ' '), "
            "w -> upper(substring(w, 1, 1)) || substring(w, 2)), ' ')",
            spark=f"initcap({_LOWER})",
        ),
        _count("length", "string", "how many characters", "length('Hα')", "2", spark="CAST(length(_1) AS BIGINT)"),
        _count("char_length", "string", "the same as length", same_as="length"),
        _count("character_length", "string", "the same as length", same_as="length"),
        _count(
            "ascii",
            "string",
            "the code point of the first character",
            "ascii('A')",
            "65",
            both="CAST(ascii(_1) AS BIGINT)",
        ),
        _text(
            "chr",
            "integer",
            "the character of a code point",
            "chr(945)",
            "'α'",
            duckdb="chr(CASE WHEN _1 BETWEEN 1 AND 55295 OR _1 BETWEEN 57344 AND 1114111 THEN CAST(_1 AS INT) END)",
            spark="decode(CASE WHEN _1 BETWEEN 1 AND 55295 OR _1 BETWEEN 57344 AND 1114111"
            " THEN unhex(lpad(hex(_1), 8, '0')) END, 'UTF-32')",
            domain="NULL where there is none",
        ),
        _text("reverse", "string", "from its end to its start", "reverse('abc')", "'cba'"),
        _text(
            "to_hex",
            "integer",
            "a number in hexadecimal digits, negative ones by their 64 bits",
            "to_hex(255)",
            "'ff'",
            duckdb="lower(to_hex(_1))",
            spark="lower(hex(_1))",
        ),
        _text("md5", "string", "the MD5 of the text in UTF-8, in hexadecimal digits"),
    ]


def _parts() -> list[Function]:
    return [
        _trimmed("trim", "both ends", "trim(' a ')", "'a'", spark="btrim(_1, _2)"),
        _trimmed("ltrim", "the start", "ltrim('xxa', 'x')", "'a'", spark="ltrim(_2, _1)"),
        _trimmed("rtrim", "the end", "rtrim('1.500', '0')", "'1.5'", spark="rtrim(_2, _1)"),
        _text(
            "substr",
            "string integer integer?",
            "from a place, from 1, and how many",
            "substr('NGC 224', 5)",
            "'224'",
            both=_PART,
            brief=_REST,
        ),
        _text("substring", "string integer integer?", "the same as substr", same_as="substr"),
        _text(
            "left",
            "string integer",
            "the first n characters; of n < 0, all but the last -n",
            "left('abcd', -1)",
            "'abc'",
            both=f"substring(_1, 1, {_clipped('(CASE WHEN _2 < 0 THEN length(_1) + _2 ELSE _2 END)')})",
        ),
        _text(
            "right",
            "string integer",
            "the last n characters; of n < 0, all but the first -n",
            "right('abcd', 2)",
            "'cd'",
            both=f"substring(_1, CAST({_FROM_END} AS INT))",
        ),
        _text(
            "split_part",
            "string string integer",
            "the n-th of the parts between a separator; of n < 0, from the end; '' where there is none",
            "split_part('8485-1901', '-', 2)",
            "'1901'",
            both=_FIELD.format(n=_WHICH),
            domain="NULL for n = 0",
        ),
    ]


def _joined() -> list[Function]:
    return [
        _text("concat", "string ...", "joined (|| gives NULL)", "concat('a', NULL, 'b')", "'ab'", null="left out"),
        _text(
            "concat_ws",
            "string string ...",
            "the texts after the first, joined with the first between them",
            "concat_ws('-', 'a', NULL, 'b')",
            "'a-b'",
            null="a NULL text is left out; a NULL separator gives NULL",
        ),
        _text(
            "lpad",
            "string integer string?",
            "filled from the left, or cut, to a length",
            "lpad('7', 3, '0')",
            "'007'",
            both=_PADDED.format(n=_ROOM, side="lpad"),
            brief=f"lpad(_1, {_ROOM}, ' ')",
        ),
        _text(
            "rpad",
            "string integer string?",
            "filled from the right, or cut, to a length",
            "rpad('ab', 4, '.')",
            "'ab..'",
            both=_PADDED.format(n=_ROOM, side="rpad"),
            brief=f"rpad(_1, {_ROOM}, ' ')",
        ),
        _text("repeat", "string integer", "n times", "repeat('ab', 2)", "'abab'", both=f"repeat(_1, {_ROOM})"),
        _text(
            "replace",
            "string string string",
            "each occurrence of one text replaced by another",
            "replace('a b c', ' ', '')",
            "'abc'",
        ),
        _text(
            "translate",
            "string string string",
            "each character of one list replaced by that in its place of another, or left out",
            "translate('12345', '143', 'ax')",
            "'a2x5'",
        ),
    ]


def _searched() -> list[Function]:
    return [
        _count(
            "strpos",
            "string string",
            "where the second text begins in the first, from 1; 0 for nowhere",
            "strpos('M 31', '31')",
            "3",
            spark="CAST(instr(_1, _2) AS BIGINT)",
        ),
        _count(
            "position",
            "string string",
            "position(a IN b): where a begins in b, from 1; 0 for nowhere",
            "position('31' IN 'M 31')",
            "3",
            meaning="strpos(_2, _1)",
        ),
        _truth("starts_with", "string string", "whether a text starts with another", spark="startswith(_1, _2)"),
        _truth(
            "ends_with",
            "string string",
            "whether a text ends with another",
            "ends_with('a.fits', '.fits')",
            "TRUE",
            spark="endswith(_1, _2)",
        ),
        _truth("contains", "string string", "whether a text holds another", "contains('M 31', '3')", "TRUE"),
    ]
