"""What Parquet footers say, kept: a data file never changes."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow.parquet as pq

__all__ = ["Bounds", "Footers", "RowGroup"]

Bounds = tuple[Any, Any, int | None]
"""Smallest and largest value (None where not known; NaN is never one) and the number of NULLs (None likewise)."""


@dataclass(frozen=True, slots=True)
class RowGroup:
    """A row group's rows, and of the columns that were asked for: compressed bytes, bounds."""

    rows: int
    bytes: Mapping[str, int]
    bounds: Mapping[str, Bounds]


@dataclass(slots=True)
class _Footer:
    metadata: pq.FileMetaData
    leaves: dict[str, list[int]]
    bytes: dict[str, list[int]] = field(default_factory=dict)
    bounds: dict[str, list[Bounds]] = field(default_factory=dict)


class Footers:
    """Footers of Parquet files by path, the last `most` that were asked for; threads may share it."""

    def __init__(self, most: int = 1000) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._held: dict[str, _Footer] = {}

    def row_groups(
        self, paths: Sequence[str], columns: Iterable[str], bounded: Iterable[str], seconds: float, sure: bool = True
    ) -> dict[str, list[RowGroup]]:
        """Return the row groups of files: all that are held, and what can be read in about so many seconds.

        With `sure`, one file at least is among them; files are taken from all over the list. A file that cannot be
        read is left out, and a column that is not in it has no bytes: the engine will say what is wrong.
        """
        until = time.perf_counter() + seconds
        columns, bounded = tuple(columns), tuple(bounded)
        found = {}
        missing = []
        for path in paths:
            footer = self._held.get(path)
            if footer is None:
                missing.append(path)
            else:
                found[path] = _groups(footer, columns, bounded)
        for path in _spread(missing):
            if (found or not sure) and time.perf_counter() > until:
                break
            footer = self._read(path)
            if footer is not None:
                found[path] = _groups(footer, columns, bounded)
        return found

    def _read(self, path: str) -> _Footer | None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            metadata = pq.read_metadata(path)
        except (OSError, pa.ArrowInvalid):
            return None
        leaves: dict[str, list[int]] = {}
        for place in range(metadata.num_columns):
            leaves.setdefault(metadata.schema.column(place).path.partition(".")[0], []).append(place)
        footer = _Footer(metadata, leaves)
        with self._lock:
            self._held[path] = footer
            while len(self._held) > self._most:
                del self._held[next(iter(self._held))]
        return footer


def _groups(footer: _Footer, columns: Iterable[str], bounded: Iterable[str]) -> list[RowGroup]:
    metadata = footer.metadata
    numbers = range(metadata.num_row_groups)
    for name in columns:
        if name not in footer.bytes:
            places = footer.leaves.get(name, [])
            groups = [metadata.row_group(number) for number in numbers]
            footer.bytes[name] = [sum(g.column(place).total_compressed_size for place in places) for g in groups]
    for name in bounded:
        if name not in footer.bounds:
            places = footer.leaves.get(name, [])
            flat = len(places) == 1 and metadata.schema.column(places[0]).path == name
            footer.bounds[name] = [
                _bounds(metadata.row_group(number).column(places[0]).statistics) if flat else (None, None, None)
                for number in numbers
            ]
    return [
        RowGroup(
            metadata.row_group(number).num_rows,
            {name: footer.bytes[name][number] for name in columns},
            {name: footer.bounds[name][number] for name in bounded},
        )
        for number in numbers
    ]


def _bounds(statistics: Any) -> Bounds:
    if statistics is None:
        return None, None, None
    nulls = statistics.null_count if statistics.has_null_count else None
    if not statistics.has_min_max:
        return None, None, nulls
    low, high = statistics.min, statistics.max
    return (None if _is_nan(low) else low), (None if _is_nan(high) else high), nulls


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _spread(paths: list[str]) -> list[str]:
    """Return the paths so that the first few of them come from all over the list: halves, quarters, and so on."""
    order: list[str] = []
    step = len(paths)
    taken: set[int] = set()
    while step >= 1 and len(order) < len(paths):
        for place in range(0, len(paths), step):
            if place not in taken:
                taken.add(place)
                order.append(paths[place])
        step //= 2
    return order
