"""Ibis as a guest: its tables are the lake's, its expressions become a `Query` like any other.

Ibis's own DuckDB compiler writes an expression as SQL, which is read as the dialect "ibis" (see
`skyhouse.query.dialects.ibis`), checked, routed and run as every query is. There is no Ibis backend to keep up with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa

from skyhouse.columns import field_types, item_type
from skyhouse.errors import InputError, MissingPackage, QueryError, UnknownTable, did_you_mean
from skyhouse.query.query import Query
from skyhouse.query.relation import Tables

__all__ = ["IbisLake"]


class IbisLake:
    """A lake's tables for Ibis, and the way back from an expression to a `Query`.

    con = lake.ibis()
    spaxels = con.table("manga.spaxels")
    con.query(spaxels.filter(spaxels.good).group_by("plateifu").agg(n=lambda t: t.count()))
    """

    def __init__(self, tables: Tables, ask: Callable[[str], Query]) -> None:
        self._tables = tables
        self._ask = ask

    def list_tables(self) -> list[str]:
        """Return the names of the lake's tables."""
        return self._tables.names()

    def table(self, name: str) -> Any:
        """Return a table of the lake as an Ibis table. Raises UnknownTable, MissingPackage."""
        ibis = _ibis()
        try:
            relation = self._tables.relation(name)
        except UnknownTable as error:
            raise UnknownTable(f"no table {name!r}{did_you_mean(name, self._tables.names())}") from error
        schema, _, short = relation.name.partition(".")
        kinds = {column.name: _kind(ibis, column.type) for column in relation.columns}
        return ibis.table(kinds, name=short, database=schema)

    def query(self, expression: Any) -> Query:
        """Return the query of an Ibis expression over tables of the lake: a table, a column or a value.

        Raises InputError for what is none, QueryError for what Ibis cannot write or the language has not, and
        MissingPackage.
        """
        ibis = _ibis()
        if not isinstance(expression, ibis.Expr):
            raise InputError(f"an Ibis expression is needed, not {expression!r}")
        try:
            text = str(ibis.to_sql(expression, dialect="duckdb"))
        except ibis.common.exceptions.IbisError as error:
            raise QueryError(f"Ibis cannot write this expression as SQL: {error}") from error
        return self._ask(text)

    def to_pyarrow(self, expression: Any) -> pa.Table:
        """Run an expression and return its rows as an Arrow table."""
        return self.query(expression).to_arrow()

    def execute(self, expression: Any) -> Any:
        """Run an expression and return its rows as a pandas DataFrame."""
        return self.query(expression).to_pandas()


def _kind(ibis: Any, name: str) -> Any:
    """Return Ibis's type of one of `Column`'s; by name, since its way from Arrow asks for one package more."""
    if (item := item_type(name)) is not None:
        return ibis.expr.datatypes.Array(_kind(ibis, item))
    if (fields := field_types(name)) is not None:
        return ibis.expr.datatypes.Struct({field: _kind(ibis, kind) for field, kind in fields})
    return ibis.dtype("boolean" if name == "bool" else name)


def _ibis() -> Any:
    try:
        import ibis
    except ImportError as error:
        raise MissingPackage("Ibis is not installed: pip install 'skyhouse[ibis]'") from error
    return ibis
