"""Arrow types that a table's Parquet files may have, and what other types become on the way there."""

from __future__ import annotations

import pyarrow as pa

from skyhouse.columns import arrow_type, columns_of
from skyhouse.errors import InputError

__all__ = ["stored_array", "stored_type", "together"]

_WIDER = {
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.int64(),
    pa.float16(): pa.float32(),
    pa.null(): pa.string(),
    pa.large_string(): pa.string(),
    pa.string_view(): pa.string(),
    pa.large_binary(): pa.binary(),
    pa.binary_view(): pa.binary(),
    pa.date64(): pa.date32(),
}


def stored_type(kind: pa.DataType) -> pa.DataType | None:
    """Return the type of a table's column that holds an Arrow type's values, None where there is none.

    Unsigned integers become wider signed ones, decimals float64, times microseconds in UTC, times of day and what has
    a dictionary its plain text.

    >>> stored_type(pa.uint16()), stored_type(pa.timestamp("ns", "UTC")), stored_type(pa.duration("s"))
    (DataType(int32), TimestampType(timestamp[us]), None)
    """
    types = pa.types
    if kind in _WIDER:
        return _WIDER[kind]
    if types.is_dictionary(kind):
        return stored_type(kind.value_type)
    if types.is_decimal(kind):
        return pa.float64()
    if types.is_timestamp(kind):
        return pa.timestamp("us")
    if types.is_time(kind):
        return pa.string()
    if types.is_fixed_size_binary(kind):
        return pa.binary()
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        inner = stored_type(kind.value_type)
        return None if inner is None else pa.list_(inner)
    if types.is_struct(kind):
        found = [(one.name, stored_type(one.type)) for one in kind]
        if any(inner is None for _, inner in found) or not found:
            return None
        kind = pa.struct(found)
    return kind if _held(kind) else None


def _held(kind: pa.DataType) -> bool:
    """Whether it is a type that a column of a table may have."""
    try:
        arrow_type(columns_of(pa.schema([("x", kind)]))[0].type)
    except InputError:
        return False
    return True


def stored_array(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return an array in the type that `stored_type` gives for its own.

    Raises pyarrow.ArrowInvalid for a number that the type cannot hold.
    """
    if array.type == kind:
        return array
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_timestamp(array.type) and array.type.unit == "ns":
        return array.cast(pa.timestamp("us", array.type.tz), safe=False).cast(kind)
    return array.cast(kind)


def together(a: pa.DataType, b: pa.DataType) -> pa.DataType | None:
    """Return the type that the values of two types have in one column, None where they clash.

    >>> together(pa.int32(), pa.float32()), together(pa.date32(), pa.timestamp("s")), together(pa.int8(), pa.string())
    (DataType(double), TimestampType(timestamp[us]), None)
    """
    types = pa.types
    if a == b or types.is_null(b):
        return a
    if types.is_null(a):
        return b
    if types.is_integer(a) and types.is_integer(b):
        same = types.is_signed_integer(a) == types.is_signed_integer(b)
        return max(a, b, key=lambda kind: kind.bit_width) if same else pa.int64()
    if _is_number(a) and _is_number(b):
        return pa.float64()
    if _is_time(a) and _is_time(b):
        zones = {kind.tz for kind in (a, b) if types.is_timestamp(kind)}
        return None if len(zones) > 1 else pa.timestamp("us", zones.pop())
    if types.is_list(a) and types.is_list(b):
        inner = together(a.value_type, b.value_type)
        return None if inner is None else pa.list_(inner)
    if types.is_struct(a) and types.is_struct(b):
        return _struct(a, b)
    return None


def _struct(a: pa.DataType, b: pa.DataType) -> pa.DataType | None:
    fields = {one.name: one.type for one in a}
    for one in b:
        inner = together(fields.get(one.name, pa.null()), one.type)
        if inner is None:
            return None
        fields[one.name] = inner
    return pa.struct(list(fields.items()))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _is_time(kind: pa.DataType) -> bool:
    return bool(pa.types.is_date32(kind) or pa.types.is_timestamp(kind))
