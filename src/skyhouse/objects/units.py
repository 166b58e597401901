"""The units of work of an apply: runs of rows of its input's files. Pure: what the files hold is handed in."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from skyhouse.errors import LakeError
from skyhouse.lake.layout import group_sources
from skyhouse.lake.lineage import Source
from skyhouse.objects.unit import TARGET, Unit
from skyhouse.query.predicates import Predicate, may_hold
from skyhouse.query.relation import Part
from skyhouse.query.statistics import Extent, Group, Statistics

__all__ = ["shares", "units_of"]

# What is computed is kept by the unit, whatever an object takes: a file has some tens of them. Their number must not
# depend on other files, or a rerun would not find them again.
_UNITS_OF_FILE = 32
_LEAST_ROWS, _MOST_ROWS = 64, 8192


def units_of(
    part: Part,
    columns: Sequence[str],
    conditions: Sequence[Predicate],
    statistics: Statistics,
    root: Path,
    *,
    timed: bool = False,
) -> list[Unit]:
    """Return the units of a part's files, in their order, without the row groups that the conditions rule out.

    They follow from each file's footer alone, so that a rerun finds the same ones. Keys are relative to `root` for
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
        whole = Source(_name(file.path, root), file.path, file.size, _mtime(file.path) if timed else 0)
        wanted = [_may(conditions, group.extents, group.rows, part) for group in groups[file.path]]
        found += [_unit(whole, *piece) for piece in _pieces(groups[file.path], wanted)]
    return found


def shares(units: Sequence[Unit], target: int = TARGET) -> Iterator[tuple[Unit, ...]]:
    """Yield the units in groups of about `target` bytes, each of which is a task's."""
    for part in group_sources([unit.bytes + 1 for unit in units], target):
        yield tuple(units[part])


def _unit(whole: Source, start: int, stop: int, size: float, skipped: int) -> Unit:
    source = Source(f"{whole.key}#{start}-{stop}", whole.path, whole.size, whole.mtime_ns)
    return Unit(source, start, stop, round(size), skipped)


def _pieces(groups: Sequence[Group], wanted: Sequence[bool]) -> Iterator[tuple[int, int, float, int]]:
    """Yield (start, stop, bytes, skipped) of a file's units: row groups where these are small, parts of large ones."""
    total = sum(group.rows for group in groups)
    most = min(max(-(-total // _UNITS_OF_FILE), _LEAST_ROWS), _MOST_ROWS)
    held: tuple[int, int, float] | None = None
    first = 0
    for group, is_wanted in zip(groups, wanted, strict=True):
        stop, size = first + group.rows, sum(group.bytes.values())
        if held is not None and (not is_wanted or stop - held[0] > most or held[2] + size > TARGET):
            yield *held, 0
            held = None
        if is_wanted and (group.rows > most or size > TARGET):
            number = max(-(-group.rows // most), -(-size // TARGET))
            edges = [first + group.rows * n // number for n in range(number + 1)]
            yield from ((low, high, size / number, low - first) for low, high in pairwise(edges) if low < high)
        elif is_wanted and group.rows:
            held = (first, stop, size) if held is None else (held[0], stop, held[2] + size)
        first = stop
    if held is not None:
        yield *held, 0


def _may(conditions: Sequence[Predicate], extents: Mapping[str, Extent], rows: int | None, part: Part) -> bool:
    return all(may_hold(one, extents.get(one.column), rows, part.foreign) for one in conditions)


def _name(path: str, root: Path) -> str:
    return os.path.relpath(path, root) if Path(path).is_relative_to(root) else path


def _mtime(path: str) -> int:
    try:
        return Path(path).stat().st_mtime_ns
    except OSError as error:
        raise LakeError(f"{path} cannot be read: {error.strerror}") from error
