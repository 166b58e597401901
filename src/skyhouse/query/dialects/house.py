"""Skyhouse's own SQL: how it is read and written.

It has PostgreSQL's spelling. It is read by sqlglot's DuckDB parser, not its PostgreSQL one: DuckDB's grammar is
PostgreSQL's own with the additions that Skyhouse's language has too (``GROUP BY ALL``, ``QUALIFY``, ``* EXCLUDE``,
``SEMI JOIN``, ``//``, lists, lambdas), and the PostgreSQL parser refuses those. Three things are set right:

- no function is known to the parser: each call keeps the name it was written with, and `functions` alone decides;
- ``FLOAT`` is 64 bits as in PostgreSQL (DuckDB's is 32), ``REAL`` is 32;
- ``0x10`` is a number.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.generators.duckdb import DuckDBGenerator
from sqlglot.parsers.duckdb import DuckDBParser
from sqlglot.tokenizer_core import TokenType

from skyhouse.query.dialects.placed import Placed

__all__ = ["Dialect"]


def substring(parser: DuckDBParser) -> exp.Anonymous:
    """Read ``substring(text, from, for)``, or the same as ``substring(text FROM from FOR for)``, as a call."""
    name = parser._tokens[parser._index - 2]  # noqa: SLF001 - the dialect's own parser
    arguments = parser._parse_csv(parser._parse_disjunction)  # noqa: SLF001
    if parser._match(TokenType.FROM):  # noqa: SLF001
        arguments += _operand(parser)
    if parser._match(TokenType.FOR):  # noqa: SLF001
        arguments += [exp.Literal.number(1)][len(arguments) - 1 :]
        arguments += _operand(parser)
    return exp.Anonymous(this=name.text, expressions=arguments).update_positions(name)


_KEYWORDS = {word: kind for word, kind in DuckDB.Tokenizer.KEYWORDS.items() if word not in ("DIV", "FLOAT")}


def _operand(parser: DuckDBParser) -> list[exp.Expr]:
    found = parser._parse_disjunction()  # noqa: SLF001
    return [] if found is None else [found]


class Dialect(DuckDB):
    """Skyhouse's own SQL, as sqlglot is told of it."""

    INDEX_OFFSET = 0  # x[1] stays as it is written

    class Tokenizer(DuckDB.Tokenizer):
        HEX_STRINGS = [("0x", ""), ("0X", "")]  # noqa: RUF012 - sqlglot reads it from the class
        KEYWORDS = _KEYWORDS | {"FLOAT": TokenType.DOUBLE}

    class Parser(Placed, DuckDBParser):
        GRAMMAR = (*Placed.GRAMMAR, "SUBSTRING")
        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = DuckDBParser.FUNCTION_PARSERS | {"SUBSTRING": substring}

    class Generator(DuckDBGenerator):
        TRANSFORMS: ClassVar[dict[Any, Any]] = DuckDBGenerator.TRANSFORMS | {
            exp.HexString: lambda _, node: f"0x{node.this}"
        }
