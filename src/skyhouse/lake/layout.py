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


def row_group_cut(starts: npt.NDArray[np.int64], held: int, limit: int, *, divide: bool) -> int:
    """Return how many of the `held` rows make the next row group, or 0 if more rows have to come first.

    `starts` are the rows at which a source or unit begins, rising, row 0 left out. A row group takes as many whole
    ones as fit into `limit` rows. One that is larger is divided at the limit if `divide`, and else stays whole.

    >>> starts = np.array([40, 80])
    >>> row_group_cut(starts, held=120, limit=100, divide=False)
    80
    >>> row_group_cut(starts[:0], held=120, limit=100, divide=True)
    100
    >>> row_group_cut(starts[:0], held=120, limit=100, divide=False)  # its end has not come yet
    0
    """
    if held <= limit:
        return 0
    place = int(np.searchsorted(starts, limit, side="right"))
    if place:
        return int(starts[place - 1])
    if divide:
        return limit
    return int(starts[0]) if len(starts) else 0
