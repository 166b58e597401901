"""What the lake knows of its files, as the estimate asks for it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any, TypeVar

from skyhouse.lake.footers import Footers
from skyhouse.lake.table import DataFile
from skyhouse.query.relation import Part
from skyhouse.query.statistics import Extent, FileFacts, Group

__all__ = ["LakeStatistics"]

K = TypeVar("K")
V = TypeVar("V")
_MILLISECOND = dt.timedelta(milliseconds=1)


class LakeStatistics:
    """The log's word on each file, and footers: those held, and what can be read within `seconds`."""

    def __init__(self, known: Callable[[str], DataFile | None], footers: Footers, seconds: float = 0.0) -> None:
        self._known = known
        self._footers = footers
        self._seconds = seconds
        self._parts: dict[tuple[str, ...], list[FileFacts]] = {}
        self._groups: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[Group]] = {}

    def within(self, seconds: float) -> LakeStatistics:
        """Return the same, all that is held with it, for another time to read footers in."""
        other = copy(self)
        other._seconds = seconds  # noqa: SLF001 - a copy of this
        return other

    def files(self, part: Part) -> Sequence[FileFacts]:
        """Return what the log says of each file; of one that is in no log, its size."""
        found = self._parts.get(part.files)
        if found is None:
            found = [_facts(path, self._known(path)) for path in part.files]
            keep(self._parts, part.files, found, 100)
        return found

    def groups(
        self, files: Sequence[FileFacts], columns: Sequence[str], bounded: Sequence[str]
    ) -> Mapping[str, Sequence[Group]]:
        """Return row groups of as many files as time allows."""
        keys = {file.path: (file.path, tuple(columns), tuple(bounded)) for file in files}
        found = {path: self._groups[key] for path, key in keys.items() if key in self._groups}
        missing = [path for path in keys if path not in found]
        read = self._footers.row_groups(missing, columns, bounded, self._seconds, sure=not found) if missing else {}
        for path, groups in read.items():
            found[path] = [
                Group(group.rows, group.bytes, {name: Extent(*bounds) for name, bounds in group.bounds.items()})
                for group in groups
            ]
            keep(self._groups, keys[path], found[path], 10_000)
        return found


def keep(held: dict[K, V], key: K, value: V, most: int) -> None:
    """Put a value into a dictionary of bounded size; the oldest goes."""
    held[key] = value
    while len(held) > most:
        held.pop(next(iter(held)), None)


def _facts(path: str, file: DataFile | None) -> FileFacts:
    if file is None:
        found = Path(path)
        return FileFacts(path, found.stat().st_size if found.exists() else 0)
    extents = {
        name: Extent(file.minimum.get(name), _upper(file.maximum.get(name)))
        for name in file.minimum.keys() | file.maximum.keys()
    }
    return FileFacts(path, file.size, file.rows, extents)


def _upper(value: Any) -> Any:
    # A Delta log cuts times to milliseconds.
    return value + _MILLISECOND if isinstance(value, dt.datetime) else value
