"""ADQL 2.1 (IVOA Recommendation, 2023-12-15), the query language of TAP services.

``/`` of two integers is an integer, as in the databases behind the archives. The system of coordinates that an old
POINT or CIRCLE begins with is passed over: all coordinates of one condition are of one system.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from skyhouse.errors import QueryError
from skyhouse.query.dialects.geometry import conditions, geometry, leftovers
from skyhouse.query.dialects.house import Dialect
from skyhouse.query.dialects.rewrite import Rewrite, call
from skyhouse.query.dialects.tsql_operators import division
from skyhouse.query.place import fault

__all__ = ["REWRITES", "Adql"]

_REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "rand": "a query gives the same rows each time; use TABLESAMPLE with a seed",
        "in_unit": "units are not converted in a query; multiply by the factor",
    }
)


class Adql(Dialect):
    """ADQL, as sqlglot is told of it."""

    class Tokenizer(Dialect.Tokenizer):
        KEYWORDS = Dialect.Tokenizer.KEYWORDS | {"TOP": TokenType.TOP}


def _functions(node: exp.Expr) -> exp.Expr:
    """Call a function by the language's name for it."""
    name, arguments = str(node.this).lower(), node.expressions
    if name in _REFUSED:
        raise fault(QueryError, f"{name.upper()} is not part of the language: {_REFUSED[name]}", node)
    if name == "gaia_healpix_index" and len(arguments) == 2 and arguments[0].name.isdigit():
        # A source_id begins with its HEALPix cell of order 12, two bits an order, above 35 bits of its own.
        shift = 2 ** (35 + 2 * (12 - int(arguments[0].name)))
        return call("div", arguments[1], exp.Literal.number(shift))
    return node


REWRITES: tuple[Rewrite, ...] = (
    Rewrite("conditions", "CONTAINS(...) = 1 is a condition", (exp.EQ, exp.NEQ), conditions),
    Rewrite("geometry", "what is asked of shapes is arithmetic", (exp.Anonymous,), geometry),
    Rewrite("leftovers", "shapes are no values", (exp.Anonymous,), leftovers),
    Rewrite("division", "an integer by an integer is an integer", (exp.Div,), division),
    Rewrite("functions", "functions by the language's names", (exp.Anonymous,), _functions),
)
