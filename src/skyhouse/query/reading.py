"""What a query reads of one table: the files and row groups that its conditions leave, and the bytes of its columns."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from skyhouse.query.predicates import Predicate, may_hold, share
from skyhouse.query.relation import Part, Relation
from skyhouse.query.statistics import Extent, FileFacts, Group, Statistics

__all__ = ["Read", "read_of"]


@dataclass(frozen=True, slots=True)
class Read:
    """What a query reads of one table, each time the table stands in FROM.

    `files` of `files_there` may hold rows that the conditions let through, and `groups` row groups of `groups_there`
    (0 where no footer was looked into). `bytes`: compressed, of the columns that are read; `size`: of whole files.
    `rows` are read of `rows_there`; `kept`: about how many of them meet the conditions. `exact`: all footers were
    looked into. `distinct`: about how many values a column has, of those that were asked for, where bounds tell.
    """

    table: str
    columns: tuple[str, ...]
    conditions: tuple[Predicate, ...] = ()
    files: int = 0
    files_there: int = 0
    groups: int = 0
    groups_there: int = 0
    bytes: int = 0
    size: int = 0
    rows: int = 0
    rows_there: int = 0
    kept: float = 0.0
    exact: bool = True
    distinct: Mapping[str, float] = field(default_factory=dict)


def read_of(
    relation: Relation,
    part: Part,
    columns: Sequence[str],
    conditions: Sequence[Predicate],
    statistics: Statistics,
    early: float | None,
    keys: Collection[str] = (),
) -> Read:
    """Return what is read of a part of a table; `early`: after how many rows the reading may stop.

    `keys` are columns of which the number of values is wanted.
    """
    if relation.remote is not None:
        return _asked(relation, columns, conditions)
    files = statistics.files(part)
    there = sum(file.rows or 0 for file in files) or relation.rows
    left = [file for file in files if _may(conditions, file.extents, file.rows, part.foreign)]
    own = [name for name in columns if name in keys]
    bounded = list(dict.fromkeys([*(one.column for one in conditions), *own]))
    looked = statistics.groups(left, columns, bounded) if left else {}
    if looked:
        found = _of_groups(left, looked, conditions, part.foreign)
    else:
        rows = sum(file.rows or 0 for file in left) or (there if left else 0)
        typical = len(columns) / max(1, len(part.columns))
        size = sum(file.size for file in left)
        found = _Found(left, 0, 0, size * typical, rows, rows * share(conditions, {}, rows))
    if early is not None and found.kept > early:
        found = found.first(early)
    return Read(
        relation.name,
        tuple(columns),
        tuple(conditions),
        files=len(found.files),
        files_there=len(files),
        groups=round(found.groups),
        groups_there=round(found.groups_there * sum(f.size for f in files) / max(1, sum(f.size for f in left))),
        bytes=round(found.bytes),
        size=sum(file.size for file in found.files),
        rows=round(found.rows),
        rows_there=there,
        kept=found.kept,
        exact=len(looked) == len(left),
        distinct=_distinct(own, [g for groups in looked.values() for g in groups], conditions, found.rows),
    )


def _distinct(
    names: Sequence[str], groups: Sequence[Group], conditions: Sequence[Predicate], rows: float
) -> dict[str, float]:
    """Return at most how many values columns of whole numbers have, by their bounds."""
    found = {}
    for name in names:
        extents = [group.extents.get(name, Extent()) for group in groups if _may(conditions, group.extents, group.rows)]
        lows, highs = ([extent.minimum for extent in extents], [extent.maximum for extent in extents])
        if extents and all(type(bound) is int for bound in (*lows, *highs)):
            found[name] = max(1.0, min(rows, max(highs) - min(lows) + 1.0))
    return found


_VALUE = 8  # bytes of a server's value, about


def _asked(relation: Relation, columns: Sequence[str], conditions: Sequence[Predicate]) -> Read:
    """Return what comes of a server's table; of its rows and what conditions leave of them it says little."""
    kept = relation.rows * share(conditions, {}, relation.rows)
    size = round(kept * _VALUE * len(columns))
    return Read(
        relation.name,
        tuple(columns),
        tuple(conditions),
        bytes=size,
        size=size,
        rows=round(kept),
        rows_there=relation.rows,
        kept=kept,
        exact=False,
    )


@dataclass(frozen=True, slots=True)
class _Found:
    files: Sequence[FileFacts]
    groups: float
    groups_there: float
    bytes: float
    rows: float
    kept: float

    def first(self, rows: float) -> _Found:
        """Return what is read until so many rows are found, by whole row groups."""
        part = max(rows / self.kept, 1 / max(1.0, self.groups))
        files = self.files[: max(1, math.ceil(len(self.files) * part))]
        groups = max(1.0, self.groups * part) if self.groups else 0.0
        return _Found(files, groups, self.groups_there, self.bytes * part, self.rows * part, rows)


def _of_groups(
    files: Sequence[FileFacts], looked: Mapping[str, Sequence[Group]], conditions: Sequence[Predicate], foreign: bool
) -> _Found:
    """Return what the row groups of the files that were looked into come to; the other files are taken to be alike."""
    held = {
        path: [group for group in groups if _may(conditions, group.extents, group.rows, foreign)]
        for path, groups in looked.items()
    }
    groups = [group for found in held.values() for group in found]
    scale = sum(file.size for file in files) / max(1, sum(file.size for file in files if file.path in looked))
    return _Found(
        [file for file in files if held.get(file.path, True)],
        len(groups) * scale,
        sum(len(found) for found in looked.values()) * scale,
        sum(sum(group.bytes.values()) for group in groups) * scale,
        sum(group.rows for group in groups) * scale,
        sum(group.rows * share(conditions, group.extents, group.rows) for group in groups) * scale,
    )


def _may(
    conditions: Sequence[Predicate], extents: Mapping[str, Extent], rows: int | None, foreign: bool = True
) -> bool:
    return all(may_hold(one, extents.get(one.column), rows, foreign) for one in conditions)
