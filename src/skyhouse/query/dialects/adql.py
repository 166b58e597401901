"""ADQL 2.1 (IVOA Recommendation, 2023-12-15), the query language of TAP services.

``/`` of two integers is an integer, as in the databases behind the archives.
"""

from __future__ import annotations

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from skyhouse.query.dialects.house import Dialect
from skyhouse.query.dialects.rewrite import Rewrite
from skyhouse.query.dialects.tsql_operators import division

__all__ = ["REWRITES", "Adql"]


class Adql(Dialect):
    """ADQL, as sqlglot is told of it."""

    class Tokenizer(Dialect.Tokenizer):
        KEYWORDS = Dialect.Tokenizer.KEYWORDS | {"TOP": TokenType.TOP}


REWRITES: tuple[Rewrite, ...] = (Rewrite("division", "an integer by an integer is an integer", (exp.Div,), division),)
