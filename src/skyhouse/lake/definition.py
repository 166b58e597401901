"""What a table is before it holds a row: columns, key, order, and how its rows are packed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from skyhouse.columns import Column, arrow_schema
from skyhouse.errors import InputError

__all__ = ["Definition"]


@dataclass(frozen=True)
class Definition:
    """A table's definition.

    `key` names the columns that identify a row, `sort` those that order the rows of every file. `unit` names the
    leading sort columns whose equal values make up a unit (all spaxels of one galaxy): a unit is never divided
    between row groups; without one, a row is a unit. `part_of` names the table that this one widens: it holds
    further columns of the same rows, one for one, joined on `key`. `row_group_rows` bounds a row group (unless one
    unit is larger) and `file_bytes` is the size at which a file is closed (as encoded).

    Raises InputError where columns share a name (case aside), or key, sort or unit name a column that is not there.

    >>> Definition("gaia.source", (Column("source_id", "int64"),), key=("source_id",), sort=("id",))
    Traceback (most recent call last):
    skyhouse.errors.InputError: table gaia.source: sort names the column 'id', which the table does not have
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    sort: tuple[str, ...] = ()
    unit: tuple[str, ...] = ()
    description: str = ""
    part_of: str = ""
    row_group_rows: int = 131_072
    file_bytes: int = 250_000_000
    properties: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lowered: set[str] = set()
        for column in self.columns:
            if column.name.lower() in lowered:
                raise InputError(f"table {self.name}: two columns are named {column.name!r} (case aside)")
            lowered.add(column.name.lower())
        names = {column.name for column in self.columns}
        for role in ("key", "sort", "unit"):
            for name in getattr(self, role):
                if name not in names:
                    raise InputError(
                        f"table {self.name}: {role} names the column {name!r}, which the table does not have"
                    )
        if set(self.unit) != set(self.sort[: len(self.unit)]):
            raise InputError(
                f"table {self.name}: unit {self.unit} must be the first columns of sort {self.sort}, "
                "so that the rows of a unit lie together"
            )
        if self.row_group_rows < 1 or self.file_bytes < 1:
            raise InputError(f"table {self.name}: row_group_rows and file_bytes are whole numbers from 1")

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema, with units, UCDs and descriptions."""
        return arrow_schema(self.columns)
