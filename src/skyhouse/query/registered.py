"""Users' functions, as queries and engines know them: plain data, and a callable from Arrow to Arrow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import pyarrow as pa

from skyhouse.columns import Column, struct_type

__all__ = ["NONE", "Call", "Registered", "Work"]

Work = Callable[[pa.RecordBatch], pa.Array]
"""Gives a value for each row of a batch of arguments; can be pickled. Raises EngineError."""


@dataclass(frozen=True, eq=False)
class Registered:
    """A function under the name that queries call it by.

    It gives a struct of the columns `returns`, or the bare value where that is one. Its arguments go by the names
    `inputs`; where that is empty, it takes any number of them, by their own names. `numbers` tells that it takes
    numbers and lists of them only, `deterministic` that it gives the same for the same arguments. What a call of it
    costs is kept under `key`.
    """

    name: str
    returns: tuple[Column, ...]
    work: Work
    inputs: tuple[str, ...] = ()
    numbers: bool = False
    deterministic: bool = True
    key: str = ""

    @property
    def result(self) -> str:
        """The kind of what it gives."""
        if len(self.returns) == 1:
            return self.returns[0].type
        return struct_type((column.name, column.type) for column in self.returns)

    @property
    def signature(self) -> str:
        """The call as a message shows it."""
        return f"{self.name}({', '.join(self.inputs) or 'column, ...'})"


NONE: Mapping[str, Registered] = MappingProxyType({})


@dataclass(frozen=True)
class Call:
    """A function as a statement calls it: its `name` in the SQL text, and its arguments' names and types, as columns.

    Calls with other types of arguments are others to an engine.
    """

    name: str
    function: Registered
    arguments: tuple[Column, ...]
    schema: pa.Schema = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "schema", pa.schema([column.field() for column in self.arguments]))

    def rows(self, arguments: Sequence[pa.Array]) -> pa.RecordBatch:
        """Return the arrays that an engine gives as the batch that the function is called with."""
        given = [
            array if array.type.equals(due.type) else array.cast(due.type)
            for array, due in zip(arguments, self.schema, strict=True)
        ]
        return pa.RecordBatch.from_arrays(given, names=self.schema.names)
