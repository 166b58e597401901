"""Users' functions as DuckDB's, for one statement.

DuckDB calls them with some 2,048 rows at a time, from its own threads, one of which runs Python at a time. All of a
database sees a function, so that a statement has its own, under names that no other has.
"""

from __future__ import annotations

import ctypes
import inspect
import re
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence

import duckdb
import pyarrow as pa
from duckdb.func import FunctionNullHandling, PythonUDFType

from skyhouse.engine.base import Job
from skyhouse.engine.duck.types import quoted, sql_type
from skyhouse.errors import EngineError
from skyhouse.query.registered import Call

__all__ = ["Called", "make_function", "raised", "renamed"]

# What a function raised comes as text only.
_RAISED = re.compile(r"executing the UDF: EngineError: (.*)", re.DOTALL)
# Texts, and the names of functions in a statement.
_CALLED = re.compile(r"""'(?:[^']|'')*'|"([A-Z0-9_]+#\d+)"(?=\()""")
_FIRST, _MOST, _SECONDS = 64, 65_536, 0.05  # rows of the first piece, of any, and what a piece may take


class Called:
    """A user's function as one statement calls it, under a `name` that no other function of the database has.

    It is called with pieces of DuckDB's batches, of as many rows as it does in a moment, and heeds the job's stop
    between them.
    """

    def __init__(self, call: Call, name: str, job: Job | None = None) -> None:
        self.call = call
        self.name = name
        self._job = job
        self._size = _FIRST

    def __call__(self, columns: Sequence[pa.ChunkedArray]) -> pa.Array:
        """Return the results for DuckDB's columns of arguments."""
        rows = self.call.rows([_whole(column) for column in columns])
        found = list(self._pieces(rows))
        return found[0] if len(found) == 1 else pa.concat_arrays(found)

    def _pieces(self, rows: pa.RecordBatch) -> Iterator[pa.Array]:
        at = 0
        while at < rows.num_rows or not at:
            if self._job is not None:
                self._job.check()
            piece = rows.slice(at, self._size)
            begun = time.perf_counter()
            yield self.call.function.work(piece)
            at += max(piece.num_rows, 1)
            quick = time.perf_counter() - begun < _SECONDS
            self._size = min(2 * self._size, _MOST) if quick else max(piece.num_rows // 2, 1)


def make_function(cursor: duckdb.DuckDBPyConnection, called: Called) -> None:
    """Make a user's function one of the database's, which works as long as `called` is held by somebody."""
    call, held, name = called.call, weakref.ref(called), called.name

    def function(*columns: pa.ChunkedArray) -> pa.Array:
        if (work := held()) is None:
            raise EngineError(f"{name}: the statement that calls it is gone")
        return work(columns)

    # DuckDB's threads go on for a moment after a statement was left half-way, with a bare pointer to the function that
    # only the cursor owns. One more reference, for good, is given to them.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(function))
    # DuckDB counts the parameters, and takes *columns for one.
    places = range(len(call.arguments))
    parameters = [inspect.Parameter(f"_{place}", inspect.Parameter.POSITIONAL_ONLY) for place in places]
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    cursor.create_function(
        name,
        function,
        [sql_type(argument.type) for argument in call.arguments],
        sql_type(call.function.result),
        type=PythonUDFType.ARROW,
        null_handling=FunctionNullHandling.SPECIAL,
        side_effects=not call.function.deterministic,
    )


def renamed(sql: str, names: Mapping[str, str]) -> str:
    """Return a statement with other names of its functions.

    >>> print(renamed('SELECT "F#1"(x) AS n', {"F#1": "F#1@7"}))
    SELECT "F#1@7"(x) AS n
    """
    return _CALLED.sub(lambda found: quoted(names[found[1]]) if found[1] in names else found[0], sql)


def raised(text: str) -> EngineError | None:
    """Return what a function has raised, where that is what DuckDB tells."""
    found = _RAISED.search(text)
    return None if found is None else EngineError(found[1])


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
