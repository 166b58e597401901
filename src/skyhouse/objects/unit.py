"""A unit of work of an apply; apart from what cuts files into units, for a worker needs to know no query."""

from __future__ import annotations

from dataclasses import dataclass

from skyhouse.lake.lineage import Source

__all__ = ["TARGET", "Unit"]

TARGET = 32_000_000
"""Compressed bytes of the columns read that a unit has at most, and a task at least: some 64 MB of Arrow."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Rows `start` to before `stop` of a file, and the compressed bytes of the columns that are read of them.

    `skipped` rows of the same row group come before; to begin with the unit costs reading over them.
    `source` is what the lineage keeps of it: by its key the unit is known again, by size and time whether the file is
    still the same.
    """

    source: Source
    start: int
    stop: int
    bytes: int
    skipped: int = 0

    @property
    def path(self) -> str:
        """The file."""
        return self.source.path

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return self.stop - self.start
