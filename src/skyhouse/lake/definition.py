"""What a table is before it holds a row: columns, key, order, and how its rows are packed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from skyhouse.columns import Column, arrow_schema

__all__ = ["Definition"]


@dataclass(frozen=True)
class Definition:
    """A table's definition.

    `key` names the columns that identify a row, `sort` those that order the rows of every file. `part_of` names the
    table that this one widens: it holds further columns of the same rows, one for one, joined on `key`.
    `row_group_rows` bounds a row group and `file_bytes` the size at which a file is closed (as encoded).
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    sort: tuple[str, ...] = ()
    description: str = ""
    part_of: str = ""
    row_group_rows: int = 131_072
    file_bytes: int = 250_000_000
    properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema, with units, UCDs and descriptions."""
        return arrow_schema(self.columns)
