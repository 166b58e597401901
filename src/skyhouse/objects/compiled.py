"""The compiled form: numba compiles the user's function and the loop around it, over offsets and values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import types
from numba.extending import overload

from skyhouse.errors import InputError, TaskError
from skyhouse.objects.forms import column_table, input_of
from skyhouse.objects.results import Results

if TYPE_CHECKING:
    from skyhouse.objects.function import Function

__all__ = ["Compiled"]


class Compiled:
    """Calls a compiled function with the numbers of one object after the other."""

    def __init__(self, function: Function, shared: tuple[Any, ...]) -> None:
        self._function = function
        self._shared = shared
        is_compiled = isinstance(function.call, numba.core.dispatcher.Dispatcher)
        self._call = function.call if is_compiled else numba.njit(nogil=True, error_model="numpy")(function.call)

    def applied(self, rows: pa.Table | pa.RecordBatch) -> Results:
        """Return the results of rows; what the function raises for one of them is raised."""
        function = self._function
        batch = rows if isinstance(rows, pa.RecordBatch) else _whole(rows)
        columns, null = [], np.zeros(batch.num_rows, bool)
        for path in function.inputs:
            found = input_of(batch, path, function.name)
            columns.append(_numbers(found, path, function.name))
            if found.null_count and not pa.types.is_floating(found.type):
                null |= found.is_null().to_numpy(zero_copy_only=False)
        outs = tuple(np.zeros(batch.num_rows, field.type.to_pandas_dtype()) for field in function.schema)
        try:
            _loop(self._call, tuple(columns), self._shared, null, outs)
        except numba.core.errors.NumbaError as error:
            raise TaskError(f"function {function.name} cannot be compiled: {error}") from error
        mask = null if null.any() else None
        named = {name: pa.array(out, mask=mask) for name, out in zip(function.schema.names, outs, strict=True)}
        return Results(column_table(function.name, function.schema, named, batch.num_rows))


def _whole(rows: pa.Table) -> pa.RecordBatch:
    batches = rows.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=rows.schema)


def _numbers(column: pa.Array, path: str, name: str) -> Any:
    """Return an input as numba takes it: an array of scalars, or (values, offsets) of lists."""
    kind = column.type
    if pa.types.is_fixed_size_list(kind):
        return _numbers(column.cast(pa.list_(kind.value_field)), path, name)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _flat(column.values, path, name), column.offsets.to_numpy()
    return _flat(column, path, name)


def _flat(values: pa.Array, path: str, name: str) -> npt.NDArray[Any]:
    kind = values.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        raise InputError(f"function {name}: compiled, it reads numbers and lists of them, and {path!r} is {kind}")
    if values.null_count:
        if pa.types.is_floating(kind):
            values = values.fill_null(float("nan"))
        else:  # of a list a NULL among integers cannot be told from a number; of a scalar the row is left out
            values = values.fill_null(False if pa.types.is_boolean(kind) else 0)
    found: npt.NDArray[Any] = values.to_numpy(zero_copy_only=False)
    found.flags.writeable = False  # as those that share Arrow's memory, or numba would compile for both
    return found


def _item(column: Any, at: int) -> Any:
    """Return an input of row `at`; compiled only."""


@overload(_item, strict=False)
def _item_of(column: types.Type, at: types.Type) -> Callable[..., Any]:  # noqa: ARG001 - numba asks for the same names
    if isinstance(column, types.BaseTuple):
        return lambda column, at: column[0][column[1][at] : column[1][at + 1]]
    return lambda column, at: column[at]


def _row(columns: Any, at: int) -> Any:
    """Return the inputs of row `at` as a tuple; compiled only."""


@overload(_row, strict=False)
def _row_of(columns: types.BaseTuple, at: types.Type) -> Callable[..., Any]:  # noqa: ARG001
    if len(columns) == 1:
        return lambda columns, at: (_item(columns[0], at),)
    return lambda columns, at: (_item(columns[0], at),) + _row(columns[1:], at)  # noqa: RUF005 - numba's words


def _store(outs: Any, at: int, values: Any) -> None:
    """Write the results of row `at`; compiled only."""


@overload(_store, strict=False)
def _store_of(outs: types.BaseTuple, at: types.Type, values: types.Type) -> Callable[..., Any]:  # noqa: ARG001
    if not isinstance(values, types.BaseTuple):
        return lambda outs, at, values: _store(outs, at, (values,))
    if len(values) != len(outs):
        problem = f"it returns {len(values)} values, and {len(outs)} are declared"
        raise numba.core.errors.NumbaValueError(problem)
    if len(outs) == 1:

        def last(outs: Any, at: int, values: Any) -> None:
            outs[0][at] = values[0]

        return last

    def first(outs: Any, at: int, values: Any) -> None:
        outs[0][at] = values[0]
        _store(outs[1:], at, values[1:])

    return first


@numba.njit(nogil=True)
def _loop(call: Any, columns: Any, shared: Any, null: Any, outs: Any) -> None:
    for at in range(null.size):
        if not null[at]:
            _store(outs, at, call(*(_row(columns, at) + shared)))
