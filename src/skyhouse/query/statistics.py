"""What is known of a table's Parquet files before they are read; a session hands it to the estimate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from skyhouse.query.relation import Part

__all__ = ["Extent", "FileFacts", "Group", "NoStatistics", "Statistics"]


@dataclass(frozen=True, slots=True)
class Extent:
    """The values of one column in a file or row group: all lie between the bounds, NULL and NaN aside.

    A bound is None where it is not known. `nulls` counts the NULLs, or is None.
    """

    minimum: Any = None
    maximum: Any = None
    nulls: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A row group: its rows, the compressed bytes of some columns, the extents of some."""

    rows: int
    bytes: Mapping[str, int]
    extents: Mapping[str, Extent] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A Parquet file as the table's log knows it: bytes, rows (None where not known), the extents of some columns."""

    path: str
    size: int
    rows: int | None = None
    extents: Mapping[str, Extent] = field(default_factory=dict)


class Statistics(Protocol):
    """What the estimate asks of a lake's files."""

    def files(self, part: Part) -> Sequence[FileFacts]:
        """Return what is known of each file of a part without opening it, in the part's order."""
        ...

    def groups(
        self, files: Sequence[FileFacts], columns: Sequence[str], bounded: Sequence[str]
    ) -> Mapping[str, Sequence[Group]]:
        """Return the row groups of files by path: bytes of `columns`, extents of `bounded`.

        Files may be left out, where it would take too long to look into all; at least one is not.
        """
        ...


class NoStatistics:
    """Knows nothing: every file may hold anything."""

    def files(self, part: Part) -> Sequence[FileFacts]:
        """Return the files, of no known size."""
        return [FileFacts(path, 0) for path in part.files]

    def groups(
        self,
        files: Sequence[FileFacts],  # noqa: ARG002
        columns: Sequence[str],  # noqa: ARG002
        bounded: Sequence[str],  # noqa: ARG002
    ) -> Mapping[str, Sequence[Group]]:
        """Return nothing."""
        return {}
