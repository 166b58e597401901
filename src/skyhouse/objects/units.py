"""The units of work of an apply: runs of row groups of its input's files. Pure: what the files hold is handed in."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from skyhouse.errors import LakeError
from skyhouse.lake.layout import group_sources
from skyhouse.lake.lineage import Source
from skyhouse.query.predicates import Predicate, may_hold
from skyhouse.query.relation import Part
from skyhouse.query.statistics import Extent, Group, Statistics

__all__ = ["TARGET", "Unit", "shares", "units_of"]

TARGET = 32_000_000
"""Compressed bytes of the columns read that make a unit, about: some 64 MB of Arrow."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Row groups `first` to `last` of a file: their rows, the compressed bytes of the columns that are read.

    `source` is what the lineage keeps of it: by its key the unit is known again, by size and time whether the file is
    still the same.
    """

    source: Source
    first: int
    last: int
    rows: int
    bytes: int

    @property
    def path(self) -> str:
        """The file."""
        return self.source.path


def units_of(
    part: Part,
    columns: Sequence[str],
    conditions: Sequence[Predicate],
    statistics: Statistics,
    root: Path,
    target: int = TARGET,
    timed: bool = False,
) -> list[Unit]:
    """Return the units of a part's files, in their order, without the row groups that the conditions rule out.

    They follow from the files' footers alone, so that a rerun finds the same ones. Keys are relative to `root` for
    files in it. `timed`: a file may change in place, which its time of change tells; the lake's own never do, and may
    be copied. Raises LakeError for a file that cannot be read.
    """
    files = statistics.files(part)
    bounded = list(dict.fromkeys(one.column for one in conditions))
    known = [file for file in files if _may(conditions, file.extents, file.rows, part)]
    groups = statistics.groups(known, columns, bounded) if known else {}
    found = []
    for file in known:
        if file.path not in groups:
            raise LakeError(f"the footer of {file.path} cannot be read, where the objects are; was its table dropped?")
        source = Source(_name(file.path, root), file.path, file.size, _mtime(file.path) if timed else 0)
        found += list(_units(source, groups[file.path], conditions, part, target))
    return found


def shares(units: Sequence[Unit], target: int = TARGET) -> Iterator[tuple[Unit, ...]]:
    """Yield the units in groups of about `target` bytes, each of which is a task's."""
    for part in group_sources([unit.bytes + 1 for unit in units], target):
        yield tuple(units[part])


def _units(
    source: Source, groups: Sequence[Group], conditions: Sequence[Predicate], part: Part, target: int
) -> Iterator[Unit]:
    run: list[int] = []
    for number, group in enumerate([*groups, None]):
        wanted = group is not None and group.rows and _may(conditions, group.extents, group.rows, part)
        size = sum(sum(groups[one].bytes.values()) for one in run)
        if run and (not wanted or group is None or size + sum(group.bytes.values()) > target):
            rows = sum(groups[one].rows for one in run)
            named = Source(f"{source.key}#{run[0]}-{run[-1]}", source.path, source.size, source.mtime_ns)
            yield Unit(named, run[0], run[-1], rows, size)
            run = []
        if wanted:
            run.append(number)


def _may(conditions: Sequence[Predicate], extents: Mapping[str, Extent], rows: int | None, part: Part) -> bool:
    return all(may_hold(one, extents.get(one.column), rows, part.foreign) for one in conditions)


def _name(path: str, root: Path) -> str:
    return os.path.relpath(path, root) if Path(path).is_relative_to(root) else path


def _mtime(path: str) -> int:
    try:
        return Path(path).stat().st_mtime_ns
    except OSError as error:
        raise LakeError(f"{path} cannot be read: {error.strerror}") from error
