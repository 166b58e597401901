"""The ways in which a declared function is called: per object, per Arrow batch, compiled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from skyhouse.errors import InputError, TaskError, did_you_mean
from skyhouse.objects.function import Function, parameters
from skyhouse.objects.results import Failure, Results, catchable
from skyhouse.objects.views import objects

__all__ = ["Form", "form_of", "input_of"]


class Form(Protocol):
    """A function that is ready to be called in this process."""

    def applied(self, rows: pa.Table | pa.RecordBatch) -> Results:
        """Return the results of rows; see `Function.applied`."""
        ...


def form_of(function: Function) -> Form:
    """Make a function ready: run its setup, compile it. Raises TaskError where that fails."""
    shared = _shared(function)
    if function.per == "object":
        return PerObject(function, shared)
    if function.per == "batch":
        return PerBatch(function, shared)
    from skyhouse.objects.compiled import Compiled  # numba takes a second to import

    return Compiled(function, shared)


def _shared(function: Function) -> tuple[Any, ...]:
    """Return the second argument of each call, if there is one."""
    if not function.has_shared:
        return ()
    if function.setup is None:
        return (function.broadcast,)
    try:
        return (function.setup(*([] if function.broadcast is None else [function.broadcast])),)
    except Exception as error:
        raise TaskError(f"function {function.name}: its setup raised {type(error).__name__}: {error}") from error


def input_of(rows: pa.Table | pa.RecordBatch, path: str, name: str) -> pa.ChunkedArray | pa.Array:
    """Return an input of the function `name`: the column of that name, or the field of a struct that a path leads to.

    Raises InputError where there is none.
    """
    first, dot, rest = path.partition(".")
    column = path if path in rows.schema.names else first
    if column not in rows.schema.names:
        hint = did_you_mean(column, rows.schema.names) or f"; there are {', '.join(rows.schema.names)}"
        raise InputError(f"function {name}: the rows have no column {column!r}, which it reads{hint}")
    found = rows.column(column)
    if column == path or not dot:
        return found
    import pyarrow.compute as pc

    for field in rest.split("."):
        names = [one.name for one in found.type] if pa.types.is_struct(found.type) else []
        if field not in names:
            hint = did_you_mean(field, names)
            raise InputError(f"function {name}: {path!r}, which it reads, leads to no field {field!r}{hint}")
        found = pc.struct_field(found, [field])
    return found


class PerObject:
    """Calls with one object at a time."""

    def __init__(self, function: Function, shared: tuple[Any, ...]) -> None:
        self._function = function
        self._name = function.name
        self._shared = shared
        self._names = [column.name for column in function.returns]
        self._schema = function.schema
        if (given := parameters(function.call)) is not None and given < 1 + len(shared):
            needs = "the object and what setup or broadcast gives" if shared else "the object"
            raise TaskError(f"function {self._name}: it is called with {needs}, and takes {given} only")

    def applied(self, rows: pa.Table | pa.RecordBatch) -> Results:
        parts = [self._batch(batch) for batch in _batches(rows)]
        return Results.joined(parts) if parts else Results.failed(self._schema, 0, ())

    def _batch(self, batch: pa.RecordBatch) -> Results:
        for path in self._function.inputs:
            input_of(batch, path, self._name)
        call, shared = self._function.call, self._shared
        values: list[Any] = []
        failures: list[Failure] = []
        caught = catchable()
        for place, one in enumerate(objects(batch)):
            try:
                values.append(call(one, *shared))
            except MemoryError:  # it may be another object's fault
                raise
            except caught as error:
                values.append(_FAILED)
                failures.append(Failure.of(error, place))
        return self._results(values, failures)

    def _results(self, values: list[Any], failures: list[Failure]) -> Results:
        nothing = dict.fromkeys(self._names)
        rows = [nothing if value is _FAILED else value for value in values] if failures else values
        try:
            columns = self._columns(rows)
        except (TaskError, pa.ArrowException, TypeError, ValueError, OverflowError):
            columns = self._one_by_one(values, failures)
            failures = sorted(failures, key=lambda failure: failure.row)
        return Results(columns, tuple(failures))

    def _columns(self, values: Sequence[Any]) -> pa.Table:
        """Return the table of what calls returned, at once."""
        names = self._names
        if len(names) == 1:
            named = {names[0]}
            lists = [[one[names[0]] if type(one) is dict and one.keys() == named else one for one in values]]
        else:
            if set(map(type, values)) - {dict} or set(map(len, values)) - {len(names)}:
                wrong = next(one for one in values if type(one) is not dict or len(one) != len(names))
                raise _unlike(self._function, wrong)
            try:
                lists = [[one[name] for one in values] for name in names]
            except KeyError:
                raise _unlike(self._function, next(one for one in values if one.keys() != set(names))) from None
        arrays = [_array(column, field.type) for column, field in zip(lists, self._schema, strict=True)]
        return pa.Table.from_arrays(arrays, schema=self._schema)

    def _one_by_one(self, values: Sequence[Any], failures: list[Failure]) -> pa.Table:
        """Return the table of what calls returned, where some returned what was not declared: these fail."""
        parts = []
        for place, value in enumerate(values):
            part = self._schema.empty_table() if value is _FAILED else None
            if part is None:
                try:
                    part = self._columns([value])
                except (TaskError, pa.ArrowException, TypeError, ValueError, OverflowError) as error:
                    if isinstance(error, TaskError):
                        told = error
                    else:
                        told = TaskError(f"function {self._name}: {value!r} is not as declared: {error}")
                    failures.append(Failure.of(told, place))
            parts.append(part or Results.failed(self._schema, 1, ()).columns)
        return pa.concat_tables(parts).combine_chunks() if parts else self._schema.empty_table()


_FAILED = object()


def _batches(rows: pa.Table | pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    yield from [rows] if isinstance(rows, pa.RecordBatch) else rows.to_batches()


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_integer(kind) and any(issubclass(one, (float, np.floating)) for one in set(map(type, values))):
        values = [_whole(one) if isinstance(one, (float, np.floating)) else one for one in values]
    return pa.array(values, type=kind)


def _whole(value: Any) -> int:
    """Return a float as an integer, where it is one; Arrow would cut 1.5 to 1."""
    if not float(value).is_integer():
        raise ValueError(f"{value!r} is no whole number")
    return int(value)


def _unlike(function: Function, value: Any) -> TaskError:
    due = ", ".join(column.name for column in function.returns)
    if not isinstance(value, Mapping):
        text = f"it returned {value!r:.200}"
    elif missing := [column.name for column in function.returns if column.name not in value]:
        text = f"what it returned lacks {missing[0]!r}"
    else:
        extra = next(name for name in value if name not in {column.name for column in function.returns})
        text = f"what it returned has {extra!r}, which is not declared"
    return TaskError(f"function {function.name}: {text}; declared are {due}, so it returns a dict of these")


class PerBatch:
    """Calls with an Arrow batch."""

    def __init__(self, function: Function, shared: tuple[Any, ...]) -> None:
        self._function = function
        self._shared = shared
        self._schema = function.schema
        if (given := parameters(function.call)) is not None and given < 1 + len(shared):
            needs = "the batch and what setup or broadcast gives" if shared else "the batch"
            raise TaskError(f"function {function.name}: it is called with {needs}, and takes {given} only")

    def applied(self, rows: pa.Table | pa.RecordBatch) -> Results:
        parts = [self._batch(batch) for batch in _batches(rows)]
        return Results(pa.concat_tables(parts) if parts else self._schema.empty_table())

    def _batch(self, batch: pa.RecordBatch) -> pa.Table:
        function = self._function
        for path in function.inputs:
            input_of(batch, path, function.name)
        found = function.call(batch, *self._shared)
        named = _by_name(found)
        if named is None and len(function.returns) == 1 and found is not None:
            named = {function.returns[0].name: found}
        if named is None or named.keys() != set(self._schema.names):
            raise _unlike(function, found if named is None else named)
        return column_table(function.name, self._schema, named, batch.num_rows)


def _by_name(found: Any) -> Mapping[str, Any] | None:
    if isinstance(found, (pa.RecordBatch, pa.Table)):
        return dict(zip(found.schema.names, found.columns, strict=True))
    return found if isinstance(found, Mapping) else None


def column_table(name: str, schema: pa.Schema, named: Mapping[str, Any], rows: int) -> pa.Table:
    """Return arrays by name as a table of the schema.

    Raises TaskError for an array of another length than `rows`, InputError for values that are not of their type.
    """
    arrays = []
    for field in schema:
        try:
            array = _typed(named[field.name], field.type)
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            problem = f"function {name}: column {field.name!r} is declared {field.type}, which it cannot be"
            raise InputError(f"{problem}: {error}") from error
        if len(array) != rows:
            raise TaskError(f"function {name}: column {field.name!r} has {len(array)} values for {rows} rows")
        arrays.append(array)
    return pa.Table.from_arrays(arrays, schema=schema)


def _typed(values: Any, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    if not isinstance(values, (pa.Array, pa.ChunkedArray)):
        if isinstance(values, np.ndarray) and values.ndim > 1:
            values = list(values)
        elif not isinstance(values, np.ndarray):
            return _array(list(values), kind)
        values = pa.array(values) if isinstance(values, np.ndarray) else pa.array(values, type=kind)
    return values if values.type == kind else values.cast(kind)
