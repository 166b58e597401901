"""T-SQL, as CasJobs and SkyServer speak it.

What its words mean there they mean here: ``/`` of two integers is an integer, CAST of a float to an integer cuts it,
NULLs are the least values of an ORDER BY, ``+`` joins texts, ``^`` is the exclusive or. Names of databases and of the
owner ``dbo`` are taken off; ``mydb.x`` is the table x of the schema mydb.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.tsql import TSQL
from sqlglot.parsers.tsql import TSQLParser
from sqlglot.tokenizer_core import TokenType

from skyhouse.query.dialects.placed import Placed
from skyhouse.query.dialects.rewrite import Rewrite
from skyhouse.query.dialects.skyserver import applied, constants, searches
from skyhouse.query.dialects.tsql_calls import converted, functions, methods
from skyhouse.query.dialects.tsql_clauses import hints, tables, tops, variables
from skyhouse.query.dialects.tsql_operators import additions, casts, division, exclusive_or, likes, nested, types

__all__ = ["REFUSED", "REWRITES", "SkyServerSql"]

_KEYWORDS = {word: kind for word, kind in TSQL.Tokenizer.KEYWORDS.items() if word not in ("GO", "PRINT")}

_BITS = (exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseXor)

REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "GO": "one statement at a time; leave out GO and what follows it",
        "DECLARE": "variables are not read; write the value where the variable stands",
        "SET": "options and variables are not set here; leave the line out",
        "USE": "there is one lake; leave the line out, and name tables as schema.table",
        "EXEC": "procedures are not run here; write a SELECT",
        "EXECUTE": "procedures are not run here; write a SELECT",
        "PRINT": "only a query is read; leave the line out",
    }
)


class SkyServerSql(TSQL):
    """T-SQL, as sqlglot is told of it: functions keep their names, and ``&``, ``|``, ``^`` bind as ``+`` does."""

    class Tokenizer(TSQL.Tokenizer):
        QUOTES: ClassVar[list[str | tuple[str, str]]] = ["'"]
        KEYWORDS = _KEYWORDS | {
            "REAL": TokenType.FLOAT,
            "FLOAT": TokenType.DOUBLE,
            "!<": TokenType.GTE,
            "!>": TokenType.LTE,
        }

    class Parser(Placed, TSQLParser):
        GRAMMAR = ("CAST", "TRY_CAST", "CONVERT", "TRY_CONVERT")
        TERM: ClassVar[dict[Any, Any]] = TSQLParser.TERM | TSQLParser.BITWISE
        BITWISE: ClassVar[dict[Any, Any]] = {}


REWRITES: tuple[Rewrite, ...] = (
    Rewrite("variables", "the language has none", (exp.Parameter, exp.SessionParameter), variables),
    Rewrite("hints", "an engine here finds its own way", (exp.Table, exp.Select), hints),
    Rewrite("tops", "TOP n is LIMIT n", (exp.Limit,), tops),
    Rewrite("applied", "APPLY is a join", (exp.Join,), applied),
    Rewrite("searches", "SkyServer's searches in FROM are queries", (exp.Table,), searches),
    Rewrite("tables", "databases and owners are not part of a table's name here", (exp.Table,), tables),
    Rewrite("methods", "dbo.f(x) is a function of SkyServer", (exp.Dot,), methods),
    Rewrite("nested", "bits and sums bind alike", (*_BITS, exp.Add, exp.Sub), nested),
    Rewrite("division", "an integer by an integer is an integer", (exp.Div,), division),
    Rewrite("converted", "CONVERT is a CAST with its parts turned round", (exp.Convert,), converted),
    Rewrite("types", "T-SQL's types in the language's words", (exp.Cast, exp.TryCast), types),
    Rewrite("casts", "a cast to an integer cuts, and does not round", (exp.Cast, exp.TryCast), casts),
    Rewrite("constants", "SDSS's constants by their names", (exp.Anonymous,), constants),
    Rewrite("functions", "functions by the language's names", (exp.Anonymous,), functions),
    Rewrite("likes", "the backslash is the language's escape, and there are no sets", (exp.Like,), likes),
    Rewrite("additions", "+ joins texts", (exp.Add,), additions),
    Rewrite("exclusive or", "^ is a power in the language", (exp.BitwiseXor,), exclusive_or),
)
