"""A table that belongs to a lake but lies elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from skyhouse.columns import Column
from skyhouse.lake.definition import Definition

__all__ = ["AttachedTable"]


@dataclass(frozen=True)
class AttachedTable:
    """An attached table, as lists of tables show it.

    `source` is the path or the server that it is read from; `rows` and `bytes` are a server's own estimates there.
    `notes` say what of it is left out and why, or why it cannot be read now.
    """

    name: str
    columns: tuple[Column, ...]
    rows: int
    bytes: int
    source: str
    notes: tuple[str, ...] = ()

    @property
    def definition(self) -> Definition:
        """Name, columns and description, as a table of the lake has them."""
        return Definition(self.name, self.columns, description=f"attached: {self.source}")
