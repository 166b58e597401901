"""The types of columns as Spark's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from skyhouse.columns import Column, field_types, item_type

if TYPE_CHECKING:
    from pyspark.sql.types import DataType, StructType

__all__ = ["data_type", "struct"]

_TYPES = {
    "bool": "boolean",
    "int8": "byte",
    "uint8": "short",  # Spark has no unsigned numbers
    "int16": "short",
    "int32": "integer",
    "int64": "long",
    "float32": "float",
    "float64": "double",
    "string": "string",
    "binary": "binary",
    "date": "date",
    "timestamp": "timestamp_ntz",
}


def struct(columns: Iterable[Column]) -> StructType:
    """Return Spark's type of rows."""
    from pyspark.sql.types import StructType

    return StructType.fromJson(_json_fields((column.name, column.type) for column in columns))


def data_type(name: str) -> DataType:
    """Return Spark's type of a column type."""
    return struct([Column("value", name)]).fields[0].dataType


def _json_type(name: str) -> Any:
    if (item := item_type(name)) is not None:
        return {"type": "array", "elementType": _json_type(item), "containsNull": True}
    if (fields := field_types(name)) is not None:
        return _json_fields(fields)
    return _TYPES[name]


def _json_fields(fields: Iterable[tuple[str, str]]) -> dict[str, Any]:
    found = [{"name": name, "type": _json_type(kind), "nullable": True, "metadata": {}} for name, kind in fields]
    return {"type": "struct", "fields": found}
