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

__all__ = ["Dialect"]

_KEYWORDS = {word: kind for word, kind in DuckDB.Tokenizer.KEYWORDS.items() if word not in ("DIV", "FLOAT")}


class Dialect(DuckDB):
    """Skyhouse's own SQL, as sqlglot is told of it."""

    INDEX_OFFSET = 0  # x[1] stays as it is written

    class Tokenizer(DuckDB.Tokenizer):
        HEX_STRINGS = [("0x", ""), ("0X", "")]  # noqa: RUF012 - sqlglot reads it from the class
        KEYWORDS = _KEYWORDS | {"FLOAT": TokenType.DOUBLE}

    class Parser(DuckDBParser):
        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            name: DuckDBParser.FUNCTION_PARSERS[name] for name in ("CAST", "TRY_CAST", "EXTRACT")
        }
        NO_PAREN_FUNCTIONS: ClassVar[dict[Any, Any]] = {}

    class Generator(DuckDBGenerator):
        TRANSFORMS: ClassVar[dict[Any, Any]] = DuckDBGenerator.TRANSFORMS | {
            exp.HexString: lambda _, node: f"0x{node.this}"
        }
