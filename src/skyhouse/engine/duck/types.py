"""The types of columns, and names, in DuckDB's SQL."""

from __future__ import annotations

from skyhouse.columns import field_types, item_type

__all__ = ["quoted", "sql_type"]

_TYPES = {
    "bool": "BOOLEAN",
    "int8": "TINYINT",
    "uint8": "UTINYINT",
    "int16": "SMALLINT",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "float32": "FLOAT",
    "float64": "DOUBLE",
    "string": "VARCHAR",
    "binary": "BLOB",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
}


def sql_type(name: str) -> str:
    """Return a column type as DuckDB's.

    >>> sql_type("struct<mjd:list<float64>,band:string>")
    'STRUCT("mjd" DOUBLE[], "band" VARCHAR)'
    """
    if (item := item_type(name)) is not None:
        return f"{sql_type(item)}[]"
    if (fields := field_types(name)) is not None:
        return f"STRUCT({', '.join(f'{quoted(field)} {sql_type(kind)}' for field, kind in fields)})"
    return _TYPES[name]


def quoted(name: str) -> str:
    """Return a name as an identifier."""
    return '"' + name.replace('"', '""') + '"'
