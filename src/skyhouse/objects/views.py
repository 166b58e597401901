"""Rows of an Arrow batch as objects, made cheaply: nested columns are numpy views of Arrow's buffers.

The first objects of a batch look at a column when they are asked for it. The others are made with the columns that were
asked for, by iterators that run in C, so that a loop over them is hardly slower than one over numpy slices.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from typing import Any, Protocol

import pyarrow as pa

__all__ = ["objects"]

_FIRST = 16


def objects(batch: pa.RecordBatch) -> Iterator[Any]:
    """Yield an object for each row: `obj.z` is a Python value, `obj.lc.mag` a numpy view; NULL is None.

    Lists of numbers are numpy arrays that cannot be written (with NaN for a NULL among them), other lists Python
    lists, structs objects again. A column that is not asked for is not looked at; ``obj["z"]`` is the same as
    ``obj.z``, and iteration gives the columns' names.
    """
    readers = _Readers("object", dict(zip(batch.schema.names, batch.columns, strict=True)))
    yield from map(_looking(readers), range(min(_FIRST, batch.num_rows)))
    yield from _made(readers, min(_FIRST, batch.num_rows), batch.num_rows)


class _Reader(Protocol):
    """How the values of a column are had: that of one row, and those of a range of rows."""

    def one(self, at: int) -> Any: ...

    def all(self, start: int, stop: int) -> Iterable[Any]: ...


class _Readers(dict[str, _Reader]):
    """The readers of columns, each made when it is first asked for."""

    def __init__(self, what: str, columns: dict[str, pa.Array]) -> None:
        super().__init__()
        self.what = what
        self.columns = columns

    def __missing__(self, name: str) -> _Reader:
        if name not in self.columns:
            raise AttributeError(f"the {self.what} has no column {name!r}; it has {', '.join(self.columns)}")
        self[name] = found = _reader(name, self.columns[name])
        return found


class _View:
    """What objects have in common."""

    __slots__ = ()
    _readers: _Readers

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers.columns)

    def __repr__(self) -> str:
        return f"<{self._readers.what} with {', '.join(self._readers.columns)}>"


class _Looking(_View):
    """An object that looks a column up when it is asked for it, and keeps what it finds in the column's slot.

    A slot that was not asked for is empty: Python then calls `__getattr__`.
    """

    __slots__ = ("_at",)

    def __init__(self, at: int) -> None:
        self._at = at

    def __getattr__(self, name: str) -> Any:
        value = self._readers[name].one(self._at)
        setattr(self, name, value)
        return value


def _looking(readers: _Readers) -> Callable[[int], _Looking]:
    slots = tuple(name for name in readers.columns if _is_attribute(name))
    return type(readers.what, (_Looking,), {"__slots__": slots, "_readers": readers})


class _Made(_View, tuple):  # type: ignore[misc, type-arg] # to users it is no tuple
    """An object that was made with the values of some columns, after the number of its row."""

    __slots__ = ()
    __len__ = None  # type: ignore[assignment]
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __getattr__(self, name: str) -> Any:
        return self._readers[name].one(tuple.__getitem__(self, 0))


def _made(readers: _Readers, start: int, stop: int) -> Iterator[_Made]:
    """Return objects for rows, with values for the columns that have a reader already."""
    known = {name: place for place, name in enumerate(readers, start=1)}
    getters = _getters(len(known) + 1)
    attributes: dict[str, Any] = {
        name: getters[known[name]] if name in known else property(partial(_looked_up, name))
        for name in readers.columns
        if _is_attribute(name)
    }
    kind = type(readers.what, (_Made,), {"__slots__": (), "_readers": readers} | attributes)
    rows = zip(range(start, stop), *(readers[name].all(start, stop) for name in known), strict=True)
    return map(partial(tuple.__new__, kind), rows)


@lru_cache(maxsize=64)
def _getters(number: int) -> list[Any]:
    """Return what gets the items of a tuple as attributes, as named tuples have it."""
    names = [f"item_{place}" for place in range(number)]
    kind = namedtuple("kind", names)  # type: ignore[misc] # noqa: PYI024
    return [getattr(kind, name) for name in names]


def _looked_up(name: str, one: _Made) -> Any:
    return one.__getattr__(name)


def _is_attribute(name: str) -> bool:
    return not name.startswith("__") and name not in ("_at", "_readers")


def _reader(name: str, column: pa.Array) -> _Reader:
    kind = column.type
    if pa.types.is_fixed_size_list(kind):
        return _reader(name, column.cast(pa.list_(kind.value_field)))
    if pa.types.is_struct(kind):
        return _nullable(column, _Structs(name, column))
    if (pa.types.is_list(kind) or pa.types.is_large_list(kind)) and _is_number(kind.value_type):
        return _nullable(column, _Lists(column))
    return _Values(column)


class _Values:
    """Scalars, and what is nested otherwise, as Python values."""

    def __init__(self, column: pa.Array) -> None:
        self._column = column

    def one(self, at: int) -> Any:
        return self._column[at].as_py()

    def all(self, start: int, stop: int) -> Iterable[Any]:
        found: list[Any] = self._column.slice(start, stop - start).to_pylist()
        return found


class _Lists:
    """Lists of numbers, as views of the numbers of all."""

    def __init__(self, column: pa.Array) -> None:
        self._values = column.values.to_numpy(zero_copy_only=False)
        self._values.flags.writeable = False
        self._ends = column.offsets.to_pylist()

    def one(self, at: int) -> Any:
        return self._values[self._ends[at] : self._ends[at + 1]]

    def all(self, start: int, stop: int) -> Iterable[Any]:
        slices = map(slice, self._ends[start:stop], self._ends[start + 1 : stop + 1])
        return map(self._values.__getitem__, slices)


class _Structs:
    """Structs, as objects."""

    def __init__(self, name: str, column: pa.StructArray) -> None:
        fields = {field.name: column.field(place) for place, field in enumerate(column.type)}
        self._readers = _Readers(name, fields)
        self.one = _looking(self._readers)

    def all(self, start: int, stop: int) -> Iterable[Any]:
        return _made(self._readers, start, stop)


class _Nullable:
    """Values some of which are NULL."""

    def __init__(self, column: pa.Array, reader: _Reader) -> None:
        self._valid = column.is_valid().to_pylist()
        self._reader = reader

    def one(self, at: int) -> Any:
        return self._reader.one(at) if self._valid[at] else None

    def all(self, start: int, stop: int) -> Iterable[Any]:
        values = self._reader.all(start, stop)
        return (value if valid else None for value, valid in zip(values, self._valid[start:stop], strict=True))


def _nullable(column: pa.Array, reader: _Reader) -> _Reader:
    return _Nullable(column, reader) if column.null_count else reader


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))
