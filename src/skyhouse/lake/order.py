"""Whether rows are in a table's order, and where its units begin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from skyhouse.errors import InputError

__all__ = ["check_order", "first_and_last"]


def check_order(rows: pa.Table, sort: Sequence[str], unit: int, *, unique: bool, where: str) -> npt.NDArray[np.int64]:
    """Check that rows rise in the sort columns, and return the rows at which the first `unit` of these change.

    NULL and NaN come last, as in SQL. With `unique`, two equal rows are refused too. Raises InputError, which begins
    with `where`.
    """
    pairs = max(rows.num_rows - 1, 0)
    rising, equal = np.zeros(pairs, bool), np.ones(pairs, bool)
    starts = np.empty(0, np.int64)
    for place, name in enumerate(sort, start=1):
        ranks = _ranks(rows.column(name))
        if ranks is not None:
            rising |= equal & (ranks[:-1] < ranks[1:])
            equal &= ranks[:-1] == ranks[1:]
        if place == unit:
            starts = np.flatnonzero(~equal) + 1
    wrong = ~rising & ~equal if sort else ~equal
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise InputError(f"{where}: row {at + 1} belongs before row {at} in the order of {', '.join(sort)}")
    if unique and equal.any():
        at = int(np.flatnonzero(equal)[0])
        raise InputError(f"{where}: rows {at} and {at + 1} have the same key ({', '.join(sort)})")
    return starts


def first_and_last(rows: pa.Table, sort: Sequence[str]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return the sort columns of the first and the last row, in a form that compares as rows are ordered."""
    columns = [rows.column(name) for name in sort]
    first, last = (tuple(_comparable(column[at].as_py()) for column in columns) for at in (0, rows.num_rows - 1))
    return first, last


def _comparable(value: Any) -> tuple[int, Any]:
    if value is None:
        return 2, 0
    if value != value:  # noqa: PLR0124 - NaN is the one value that differs from itself
        return 1, 0
    return 0, value


def _ranks(column: pa.ChunkedArray) -> npt.NDArray[Any] | None:
    """Return numbers that compare as the values do, or None where all values are the same."""
    if pa.types.is_integer(column.type) and not column.null_count:
        return np.asarray(column)
    encoded = pc.dictionary_encode(column, null_encoding="encode").unify_dictionaries().combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0)
    if len(encoded.dictionary) <= 1:
        return None
    ranks = pc.rank(encoded.dictionary, tiebreaker="dense")
    return np.asarray(pc.take(ranks, encoded.indices))
