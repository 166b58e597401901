"""Declared functions as queries call them: an array of arguments' values in, an array of results out."""

from __future__ import annotations

import pickle
import sys
import sysconfig
import threading
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from skyhouse.errors import EngineError, SkyhouseError
from skyhouse.objects.function import Function
from skyhouse.objects.results import Failure, Results

__all__ = ["Queried"]

_SHOWN = 100  # letters of an argument that a message shows
_PICKLING = threading.Lock()  # what is pickled by value is known to cloudpickle as a whole


class Queried:
    """A function over the rows of a batch of arguments, which are its columns; the first failure of a row is an error.

    Names with dots, as ``lc.mag``, are fields of structs. Threads may share it: one that calls while another does gets
    a copy of the function, with a setup of its own. It pickles with the function in it, by value where the function's
    module is no installed package, and where it is unpickled a process keeps the function for what comes next.
    """

    def __init__(self, function: Function, name: str) -> None:
        self.function = function
        self.name = name
        self._free = [function]

    def __call__(self, rows: pa.RecordBatch) -> pa.Array:
        """Return the value for each row: a struct of the declared columns, or the bare one. Raises EngineError."""
        results = self._results(rows)
        if results.failures:
            failure = results.failures[0]
            raise self._failed(failure, f" for {_row(rows, failure.row)}")
        columns = [_one(column) for column in results.columns.columns]
        if len(columns) == 1:
            return columns[0]
        return pa.StructArray.from_arrays(columns, names=results.columns.column_names)

    def _results(self, rows: pa.RecordBatch) -> Results:
        # A setup's result is one caller's at a time; without one there is nothing to guard.
        try:
            function = self._free.pop() if self.function.setup else self.function
        except IndexError:
            function = replace(self.function)
        try:
            return function.applied(rows if function.per == "compiled" else _nested(rows))
        except SkyhouseError as error:
            told = str(error) if str(error).startswith("function ") else f"{self.name}(): {error}"
            raise EngineError(told) from error
        except Exception as error:
            raise self._failed(Failure.of(error, 0), "") from error
        finally:
            if function.setup:
                self._free.append(function)

    def _failed(self, failure: Failure, where: str) -> EngineError:
        raised = f"{failure.exception}: {failure.message}" if failure.message else failure.exception
        frames = [line.strip() for line in failure.trace.splitlines() if line.lstrip().startswith("File ")]
        return EngineError(f"{self.name}() raised {raised}{where}" + (f" ({frames[-1]})" if frames else ""))

    def __reduce__(self) -> tuple[Any, ...]:
        return _kept, (_Pickled(self.function.digest, _pickled(self.function)), self.name)


class _Pickled(bytes):
    """A pickled function, which is told from others by its digest."""

    digest: str

    def __new__(cls, digest: str, data: bytes) -> Self:
        made = super().__new__(cls, data)
        made.digest = digest
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.digest, bytes(self))

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Pickled) and other.digest == self.digest


@lru_cache(maxsize=8)
def _kept(pickled: _Pickled, name: str) -> Queried:
    """Return the function of these bytes; a worker's next task finds it here, its setup done and its code compiled."""
    return Queried(pickle.loads(pickled), name)


def _pickled(function: Function) -> bytes:
    """Pickle a function, by value where a worker may not have its module."""
    import cloudpickle

    homes = {str(getattr(one, "__module__", "")) for one in (function.call, function.setup) if one is not None}
    modules = [sys.modules[home] for home in sorted(homes & sys.modules.keys()) if _is_own(sys.modules[home])]
    with _PICKLING:
        for module in modules:
            cloudpickle.register_pickle_by_value(module)
        try:
            return function.pickled()
        finally:
            for module in modules:
                cloudpickle.unregister_pickle_by_value(module)


def _is_own(module: Any) -> bool:
    """Whether a module is a file of the user's: neither of an installed package, nor of Python, nor of Skyhouse."""
    file = getattr(module, "__file__", None)
    if file is None or module.__name__.partition(".")[0] in ("__main__", __name__.partition(".")[0]):
        return False
    places = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    return not any(Path(file).is_relative_to(place) for place in places)


def _nested(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Return the batch with ``lc.mag`` and ``lc.magerr`` as the fields of one column lc."""
    if not any("." in name for name in rows.schema.names):
        return rows
    found: dict[str, Any] = {}
    for name, column in zip(rows.schema.names, rows.columns, strict=True):
        *path, last = name.split(".")
        inside = found
        for step in path:
            inside = inside.setdefault(step, {})
        inside[last] = column
    return pa.RecordBatch.from_arrays([_struct(one) for one in found.values()], names=list(found))


def _struct(part: Any) -> pa.Array:
    if not isinstance(part, dict):
        return part
    return pa.StructArray.from_arrays([_struct(one) for one in part.values()], names=list(part))


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _row(rows: pa.RecordBatch, at: int) -> str:
    """Return what tells a row of arguments from others: its first, where that is small, or else its number."""
    name, first = rows.schema.names[0], rows.column(0)
    if not pa.types.is_nested(first.type) or not first[at].is_valid or _length(first[at]) <= _SHOWN // 8:
        text = repr(first[at].as_py())
        if len(text) <= _SHOWN:
            return f"{name} = {text}"
    return f"row {at + 1} of {rows.num_rows} that came together"


def _length(value: pa.Scalar) -> int:
    """Return how many values a nested one holds."""
    if isinstance(value, pa.StructScalar):
        return sum(_length(inner) for inner in value.values())
    return len(value) if isinstance(value, pa.ListScalar) and value.is_valid else 1
