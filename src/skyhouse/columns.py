"""What a column is: its name, type, unit, UCD and description, and the way of these into Arrow and Delta."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import pyarrow as pa

from skyhouse.errors import InputError

__all__ = ["Column", "arrow_schema", "arrow_type", "columns_of"]

_SCALARS: dict[str, pa.DataType] = {
    "bool": pa.bool_(),
    "int8": pa.int8(),
    "uint8": pa.uint8(),
    "int16": pa.int16(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "string": pa.string(),
    "binary": pa.binary(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}
_NAMES = {arrow: name for name, arrow in _SCALARS.items()} | {
    pa.large_string(): "string",
    pa.string_view(): "string",
    pa.large_binary(): "binary",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table or of a query's result.

    `type` is one of bool, int8, uint8, int16, int32, int64, float32, float64, string, binary, date, timestamp, or
    ``list<TYPE>``. `unit` is in the FITS and VOUnit spelling ("km/s", "1e-17 erg/s/cm2"), empty where there is none;
    `ucd` is an IVOA UCD1+ word.

    >>> Column("stellar_vel", "float32", unit="km/s").field()
    pyarrow.Field<stellar_vel: float>
    """

    name: str
    type: str
    unit: str = ""
    ucd: str = ""
    description: str = ""

    def field(self) -> pa.Field:
        """Return the Arrow field, with unit, UCD and description as its metadata."""
        notes = {"unit": self.unit, "ucd": self.ucd, "description": self.description}
        return pa.field(self.name, arrow_type(self.type), metadata={k: v for k, v in notes.items() if v} or None)

    def renamed(self, name: str) -> Column:
        """Return the same column under another name."""
        return replace(self, name=name)

    def __deepcopy__(self, memo: object) -> Column:
        """Return itself, for it never changes."""
        return self


def arrow_type(name: str) -> pa.DataType:
    """Return the Arrow type of a Skyhouse type name.

    Raises InputError for a name that is not one of `Column`'s types.

    >>> arrow_type("list<float32>")
    ListType(list<item: float>)
    """
    if name.startswith("list<") and name.endswith(">"):
        return pa.list_(arrow_type(name[5:-1]))
    try:
        return _SCALARS[name]
    except KeyError:
        raise InputError(f"no column type {name!r}; the types are {', '.join(_SCALARS)} and list<TYPE>") from None


def _type_name(kind: pa.DataType) -> str:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"list<{_type_name(kind.value_type)}>"
    if pa.types.is_dictionary(kind):
        return _type_name(kind.value_type)
    if pa.types.is_timestamp(kind):
        return "timestamp"
    return _NAMES.get(kind, str(kind))


def arrow_schema(columns: Iterable[Column]) -> pa.Schema:
    """Return the Arrow schema of the columns, metadata included."""
    return pa.schema([column.field() for column in columns])


def columns_of(schema: pa.Schema) -> tuple[Column, ...]:
    """Return the columns of an Arrow schema; the way back from `arrow_schema`.

    >>> columns_of(arrow_schema([Column("z", "float64", ucd="src.redshift")]))
    (Column(name='z', type='float64', unit='', ucd='src.redshift', description=''),)
    """
    found = []
    for field in schema:
        notes = {k.decode(): v.decode() for k, v in (field.metadata or {}).items()}
        found.append(
            Column(
                field.name,
                _type_name(field.type),
                unit=notes.get("unit", ""),
                ucd=notes.get("ucd", ""),
                description=notes.get("description", ""),
            )
        )
    return tuple(found)
