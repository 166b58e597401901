"""What a column is: its name, type, unit, UCD and description, and the way of these into Arrow and Delta."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

import pyarrow as pa

from skyhouse.errors import InputError

__all__ = [
    "Column",
    "arrow_schema",
    "arrow_type",
    "columns_of",
    "field_types",
    "item_type",
    "list_type",
    "scalar_types",
    "struct_type",
]

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

    `type` is one of bool, int8, uint8, int16, int32, int64, float32, float64, string, binary, date, timestamp,
    ``list<TYPE>``, or ``struct<NAME:TYPE,...>``, where a name of other signs than letters, digits and _ stands in
    double quotes. `unit` is in the FITS and VOUnit spelling ("km/s", "1e-17 erg/s/cm2"), empty where there is none;
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

    >>> arrow_type("struct<mjd:list<float64>>")
    StructType(struct<mjd: list<item: double>>)
    """
    if (item := item_type(name)) is not None:
        return pa.list_(arrow_type(item))
    if (fields := field_types(name)) is not None:
        return pa.struct([pa.field(field, arrow_type(kind)) for field, kind in fields])
    try:
        return _SCALARS[name]
    except KeyError:
        listed = ", ".join(_SCALARS)
        raise InputError(
            f"no column type {name!r}; the types are {listed}, list<TYPE> and struct<NAME:TYPE,...>"
        ) from None


def list_type(item: str) -> str:
    """Return the type of lists of a type."""
    return f"list<{item}>"


def item_type(name: str) -> str | None:
    """Return what a list's type holds; None for a type that is no list.

    >>> item_type("list<struct<a:int64>>"), item_type("int64")
    ('struct<a:int64>', None)
    """
    return name[5:-1] if name.startswith("list<") and name.endswith(">") else None


def struct_type(fields: Iterable[tuple[str, str]]) -> str:
    """Return the type of structs with these fields and their types.

    >>> struct_type([("mjd", "list<float64>"), ("a b", "int64")])
    'struct<mjd:list<float64>,"a b":int64>'
    """
    return f"struct<{','.join(f'{_spelled(name)}:{kind}' for name, kind in fields)}>"


@lru_cache(maxsize=4096)
def field_types(name: str) -> tuple[tuple[str, str], ...] | None:
    """Return the fields of a struct's type with their types; None for a type that is no struct.

    Raises InputError for a struct that cannot be read, has no fields, or two of one name (case aside).

    >>> field_types("struct<mjd:list<float64>,mag:float32>")
    (('mjd', 'list<float64>'), ('mag', 'float32'))
    """
    if not (name.startswith("struct<") and name.endswith(">")):
        return None
    inside, at, found = name[7:-1], 0, {}
    while (head := _FIELD.match(inside, at)) is not None:
        field = head["plain"] or head["quoted"].replace('""', '"')
        end = _end(inside, head.end())
        if field.lower() in found:
            raise InputError(f"the type {name!r} has two fields {field!r} (case aside)")
        found[field.lower()] = field, inside[head.end() : end].strip()
        at = end + 1
        if end == len(inside):
            return tuple(found.values())
    raise InputError(f"the type {name!r} cannot be read; write struct<NAME:TYPE,...>")


def scalar_types(name: str) -> frozenset[str]:
    """Return the types that are neither list nor struct and of which a type is made.

    >>> sorted(scalar_types("struct<a:int64,b:list<struct<c:date>>>"))
    ['date', 'int64']
    """
    if (item := item_type(name)) is not None:
        return scalar_types(item)
    fields = field_types(name)
    if fields is None:
        return frozenset({name})
    return frozenset().union(*(scalar_types(kind) for _, kind in fields))


_PLAIN = re.compile(r"\w+")
_FIELD = re.compile(r'\s*(?:(?P<plain>\w+)|"(?P<quoted>(?:[^"]|"")+)")\s*:')
_WORD = re.compile(r'"(?:[^"]|"")*"|[<>,]')


def _spelled(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def _end(text: str, start: int) -> int:
    """Return where the type that begins at `start` ends: at a comma of its own depth or with the text."""
    depth = 0
    for mark in _WORD.finditer(text, start):
        depth += {"<": 1, ">": -1}.get(mark[0], 0)
        if mark[0] == "," and depth == 0:
            return mark.start()
    return len(text)


def _type_name(kind: pa.DataType) -> str:
    types = pa.types
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return list_type(_type_name(kind.value_type))
    if types.is_struct(kind):
        return struct_type((field.name, _type_name(field.type)) for field in kind)
    if types.is_dictionary(kind):
        return _type_name(kind.value_type)
    if types.is_timestamp(kind):
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
