"""How rows and sources are shared out to row groups and files. Pure functions."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from skyhouse.errors import InputError

__all__ = ["PART", "group_sources", "part_name", "row_group_cut"]

PART = "part-*.parquet"


def part_name() -> str:
    """Return a file name that no other writer will ever use."""
    return f"part-{uuid.uuid4()}.parquet"


def group_sources(sizes: Sequence[int], target: int) -> Iterator[slice]:
    """Yield slices that divide sources, in their order, into groups of about `target` (each of at least one source).

    `sizes` are in the unit of `target` (bytes, say). The groups are as even as whole sources allow, so that the last
    task of an ingest is no crumb.

    >>> list(group_sources([4, 4, 4, 4, 4], target=10))
    [slice(0, 2, None), slice(2, 5, None)]
    """
    if target < 1:
        raise InputError(f"target is a size from 1, not {target}")
    if not sizes:
        return
    heights = np.asarray(sizes, dtype=np.int64)
    middles = np.cumsum(heights) - heights / 2
    total = max(int(heights.sum()), 1)
    groups = min(max(1, round(total / target)), len(sizes))
    group = np.floor(middles * groups / total)
    for start, stop in itertools.pairwise([0, *np.flatnonzero(np.diff(group)) + 1, len(sizes)]):
        yield slice(int(start), int(stop))


def row_group_cut(starts: npt.NDArray[np.int64] | None, held: int, limit: int) -> int:
    """Return how many of the `held` rows make the next row group, or 0 if more rows have to come first.

    `starts` are the rows at which a unit begins, rising, the first of all (row 0) left out; None where a row is a
    unit. A row group takes as many whole units as fit into `limit` rows, and at least one.

    >>> row_group_cut(np.array([40, 80]), held=120, limit=100)
    80
    >>> row_group_cut(np.array([], dtype=np.int64), held=120, limit=100)
    0
    """
    if held <= limit:
        return 0
    if starts is None:
        return limit
    if not len(starts):
        return 0
    place = int(np.searchsorted(starts, limit, side="right"))
    return int(starts[max(place - 1, 0)])
