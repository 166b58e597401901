"""Rows of an Arrow batch as objects, made cheaply: nested columns are numpy views of Arrow's buffers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

__all__ = ["objects"]

Reader = Callable[[int], Any]


def objects(batch: pa.RecordBatch) -> Iterator[Any]:
    """Yield an object for each row: `obj.z` is a Python value, `obj.lc.mag` a numpy view; NULL is None.

    Lists of numbers are numpy arrays that cannot be written (with NaN for a NULL among them), other lists Python
    lists, structs objects again. A column is looked at only when an attribute of its name is asked for; ``obj["z"]``
    is the same as ``obj.z``.
    """
    kind = _class("object", batch.schema.names, batch.columns)
    return map(kind, range(batch.num_rows))


class _View:
    """A row, or a struct in it; each kind of row is a class of its own, with a slot for each column.

    A slot that was not asked for is empty: Python then calls `__getattr__`, which fills it.
    """

    __slots__ = ("_at",)
    _readers: _Readers

    def __init__(self, at: int) -> None:
        self._at = at

    def __getattr__(self, name: str) -> Any:
        value = self._readers[name](self._at)
        setattr(self, name, value)
        return value

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers.columns)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {', '.join(self._readers.columns)}>"


class _Readers(dict[str, Reader]):
    """How to read each column's value of a row, found out when it is first asked for."""

    def __init__(self, what: str, columns: dict[str, pa.Array]) -> None:
        super().__init__()
        self.what = what
        self.columns = columns

    def __missing__(self, name: str) -> Reader:
        if name not in self.columns:
            raise AttributeError(f"the {self.what} has no column {name!r}; it has {', '.join(self.columns)}")
        self[name] = found = _reader(name, self.columns[name])
        return found


def _class(what: str, names: list[str], columns: list[pa.Array]) -> type[_View]:
    slots = tuple(name for name in names if name.isidentifier() and name != "_at" and not name.startswith("__"))
    readers = _Readers(what, dict(zip(names, columns, strict=True)))
    return type(what, (_View,), {"__slots__": slots, "_readers": readers})


def _reader(name: str, column: pa.Array) -> Reader:
    kind = column.type
    if pa.types.is_struct(kind):
        inner = _class(name, [field.name for field in kind], [column.field(i) for i in range(kind.num_fields)])
        return _or_none(column, inner)
    if pa.types.is_fixed_size_list(kind):
        return _reader(name, column.cast(pa.list_(kind.value_field)))
    if (pa.types.is_list(kind) or pa.types.is_large_list(kind)) and _is_number(kind.value_type):
        values = column.values.to_numpy(zero_copy_only=False)
        values.flags.writeable = False
        ends = column.offsets.to_pylist()
        return _or_none(column, lambda at: values[ends[at] : ends[at + 1]])
    if pa.types.is_nested(kind):
        return lambda at: column[at].as_py()
    scalars: list[Any] = column.to_pylist()
    return scalars.__getitem__


def _or_none(column: pa.Array, read: Reader) -> Reader:
    if not column.null_count:
        return read
    valid = column.is_valid().to_pylist()
    return lambda at: read(at) if valid[at] else None


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))
