"""The types of expressions: which belong together, and what they become together.

A kind is a column type's name (`skyhouse.columns.Column`), "null" for a bare NULL, or "" where it is not known.
"""

from __future__ import annotations

from sqlglot import exp

from skyhouse.columns import field_types, item_type, list_type, struct_type

__all__ = [
    "FLOATS",
    "INTEGERS",
    "cast",
    "common",
    "data_type",
    "family",
    "is_nested",
    "kind",
    "settled",
    "type_name",
    "with_kind",
]

INTEGERS = frozenset({"int8", "uint8", "int16", "int32", "int64"})
FLOATS = frozenset({"float32", "float64"})
_ORDER = {"int8": 1, "uint8": 2, "int16": 2, "int32": 3, "int64": 4}
_DATA_TYPES = {
    "bool": exp.DType.BOOLEAN,
    "int8": exp.DType.TINYINT,
    "uint8": exp.DType.SMALLINT,
    "int16": exp.DType.SMALLINT,
    "int32": exp.DType.INT,
    "int64": exp.DType.BIGINT,
    "float32": exp.DType.FLOAT,
    "float64": exp.DType.DOUBLE,
    "string": exp.DType.TEXT,
    "binary": exp.DType.VARBINARY,
    "date": exp.DType.DATE,
    "timestamp": exp.DType.TIMESTAMPNTZ,
}
_NAMES = {data_type: name for name, data_type in _DATA_TYPES.items() if name != "uint8"} | {
    exp.DType.VARCHAR: "string",
    exp.DType.CHAR: "string",
    exp.DType.TIMESTAMP: "timestamp",
}


def kind(node: exp.Expr) -> str:
    """Return the kind that was found for a node."""
    found: str = node.meta.get("kind", "")
    return found


def with_kind(node: exp.Expr, name: str) -> exp.Expr:
    """Set a node's kind and return the node."""
    node.meta["kind"] = name
    return node


def is_nested(name: str) -> bool:
    """Whether a kind is a list or a struct."""
    return name.startswith(("list<", "struct<"))


def family(name: str) -> str:
    """Return what a kind is compared as: "number", "string", "bool", "time", or the kind itself.

    >>> family("int8"), family("date"), family("list<int8>")
    ('number', 'time', 'list<number>')
    """
    if (item := item_type(name)) is not None:
        return list_type(family(item))
    if (fields := field_types(name)) is not None:
        return struct_type((field.lower(), family(inner)) for field, inner in fields)
    if name in INTEGERS or name in FLOATS:
        return "number"
    return "time" if name in ("date", "timestamp") else name


def common(*names: str) -> str | None:
    """Return the kind that all kinds become together, or None where they do not go together.

    Integers become the widest of them; a mix of 32-bit floats with anything else becomes float64. Lists become a list
    of what their items become, structs of the same fields a struct.

    >>> common("int32", "int64"), common("float32", "int32"), common("float32", "null")
    ('int64', 'float64', 'float32')
    >>> common("list<int32>", "list<float32>", "list<null>")
    'list<float64>'
    >>> common("int32", "string") is None
    True
    """
    found = {name for name in names if name != "null"}
    if not found:
        return "null"
    if "" in found:
        return ""
    if len(found) == 1:
        return found.pop()
    if found <= INTEGERS:
        return "int32" if found == {"int8", "uint8"} else max(found, key=lambda name: _ORDER[name])
    if found <= INTEGERS | FLOATS:
        return "float64"
    if found == {"date", "timestamp"}:
        return "timestamp"
    return _common_nested(found) if all(map(is_nested, found)) else None


def _common_nested(found: set[str]) -> str | None:
    ordered = sorted(found)
    items = [item_type(name) for name in ordered]
    fields = [field_types(name) or () for name in ordered]
    if all(item is not None for item in items):
        item = common(*(item for item in items if item is not None))
        return None if item is None else list_type(item)
    if any(item is not None for item in items) or len({tuple(n.lower() for n, _ in one) for one in fields}) > 1:
        return None
    met = [(column[0][0], common(*(inner for _, inner in column))) for column in zip(*fields, strict=True)]
    return None if any(inner is None for _, inner in met) else struct_type((name, inner or "") for name, inner in met)


def settled(name: str, only_nulls: str = "string") -> str:
    """Return a kind as a type: what holds only NULLs is a text, or another kind.

    >>> settled("list<null>"), settled("int64")
    ('list<string>', 'int64')
    """
    if (item := item_type(name)) is not None:
        return list_type(settled(item, only_nulls))
    if (fields := field_types(name)) is not None:
        return struct_type((field, settled(inner, only_nulls)) for field, inner in fields)
    return only_nulls if name == "null" else name


def data_type(name: str) -> exp.DataType | None:
    """Return sqlglot's type of a kind, or None for a kind that a CAST cannot name."""
    if (item := item_type(name)) is not None:
        inner = data_type(item)
        return None if inner is None else exp.DataType(this=exp.DType.ARRAY, expressions=[inner], nested=True)
    if (fields := field_types(name)) is not None:
        named = [(exp.to_identifier(field, quoted=True), data_type(inner)) for field, inner in fields]
        if any(inner is None for _, inner in named):
            return None
        parts = [exp.ColumnDef(this=field, kind=inner) for field, inner in named]
        return exp.DataType(this=exp.DType.STRUCT, expressions=parts, nested=True)
    found = _DATA_TYPES.get(name)
    return None if found is None else exp.DataType(this=found)


def type_name(data_type: exp.DataType) -> str | None:
    """Return the kind of sqlglot's type, or None for a type that the language lacks."""
    inside = data_type.expressions
    if data_type.this == exp.DType.ARRAY and len(inside) == 1 and not data_type.args.get("values"):
        item = type_name(inside[0])
        return None if item is None else list_type(item)
    if data_type.this == exp.DType.STRUCT and all(isinstance(part, exp.ColumnDef) for part in inside):
        fields = [(part.name, type_name(part.args["kind"])) for part in inside]
        return struct_type((n, t) for n, t in fields if t) if all(t for _, t in fields) else None
    return None if inside else _NAMES.get(data_type.this)


def cast(node: exp.Expr, name: str) -> exp.Expr:
    """Return the node as a kind: itself where it is of that kind, else in a CAST.

    A number in the text becomes the double by its spelling, so that the SQL stays readable.
    """
    if kind(node) == name:
        return node
    if name == "float64" and isinstance(node, exp.Literal) and not node.is_string:
        return with_kind(exp.Literal.number(double(node.name)), "float64")
    to = data_type(name)
    return node if to is None else with_kind(exp.Cast(this=node, to=to), name)


def double(text: str) -> str:
    """Return a number's text so that both engines read a double: with an exponent.

    >>> double("0.2"), double("1E5"), double("5")
    ('0.2e0', '1e5', '5e0')
    """
    text = text.lower()
    return text if "e" in text else f"{text}e0"
