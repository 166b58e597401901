"""What the survey's two summary tables share: their published columns, and vectors into named columns.

The columns of a summary table stand in ``data/<name>.csv``: name, type, what the elements of a vector are, unit, UCD
and description. Each element of a vector becomes a column of its own, named by what it is of.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np
import pyarrow as pa

from skyhouse.columns import Column
from skyhouse.errors import FormatError
from skyhouse.surveys.manga.datamodel import INDICES, lines, slug
from skyhouse.surveys.manga.planes import line_label, normal_unit

__all__ = ["ELEMENTS", "published", "rows"]

_BANDS = {band.lower(): f"{name} band" for band, name in zip("FNugriz", ["FUV", "NUV", *"ugriz"], strict=True)}

ELEMENTS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "bands": _BANDS,
        "griz": {band: _BANDS[band] for band in "griz"},
        "radii": {"00_10": "0 to 1 Re", "05_15": "0.5 to 1.5 Re", "15_25": "1.5 to 2.5 Re"},
        "summed": {slug(line): line_label(line) for line in lines("DR17", summed=True)},
        "fitted": {slug(line): line_label(line) for line in lines("DR17")},
        "indices": {slug(index): index for index in INDICES},
    }
)
"""What the elements of a vector can be of: the ends of the column names, and what they mean."""


@dataclass(frozen=True, slots=True)
class _Published:
    """A column as published: scalar where `elements` is empty."""

    column: Column
    elements: str

    def spread(self) -> Iterator[Column]:
        """Yield the columns that it becomes."""
        if not self.elements:
            yield self.column
            return
        name, text = self.column.name, self.column.description
        for end, meaning in ELEMENTS[self.elements].items():
            unit = normal_unit(INDICES[meaning]) if self.elements == "indices" else self.column.unit
            yield Column(f"{name}_{end}", self.column.type, unit, self.column.ucd, f"{text}: {meaning}")


@cache
def published(name: str) -> tuple[Column, ...]:
    """Return the columns of a summary table, "drpall" or "dapall", vectors spread."""
    return tuple(column for each in _listing(name) for column in each.spread())


def rows(name: str, found: pa.Table, ends: Mapping[str, Sequence[str]], path: str, hdu: str) -> pa.Table:
    """Return a summary table's rows with the published columns.

    `found` is the table as the file has it, in any order and case of names; a published column that it lacks is NULL,
    one that is not published is left out. `ends` gives the ends of column names for the elements of vectors, by what
    they are of and in the file's order, as its header lists them.

    Raises FormatError for a vector of another length, a value that is not of the published type, and a table without
    its key.
    """
    given = {column.lower(): found.column(column) for column in reversed(found.column_names)}
    arrays: dict[str, pa.ChunkedArray | pa.Array] = {}
    for each in _listing(name):
        column = given.get(each.column.name)
        if column is None:
            continue
        if each.elements:
            parts = _elements(column, len(ends[each.elements]))
            if parts is None:
                problem = f"column {each.column.name} does not hold {len(ends[each.elements])} values in every row"
                raise FormatError(path, problem, hdu)
            arrays |= {f"{each.column.name}_{end}": part for end, part in zip(ends[each.elements], parts, strict=True)}
        else:
            arrays[each.column.name] = column
    if "plateifu" not in arrays:
        raise FormatError(path, f"has no column plateifu: is it a {name} table?", hdu)
    fields = [column.field() for column in published(name)]
    columns = []
    for field in fields:
        values = arrays.get(field.name)
        try:
            columns.append(pa.nulls(found.num_rows, field.type) if values is None else values.cast(field.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise FormatError(path, f"column {field.name} is not of type {field.type}: {error}", hdu) from error
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def _elements(column: pa.ChunkedArray, count: int) -> list[pa.Array] | None:
    """Return the i-th elements of a column of lists for each i, None where not every list has `count` of them."""
    whole = column.combine_chunks()
    if not (pa.types.is_list(whole.type) or pa.types.is_large_list(whole.type)):
        return None
    values = whole.flatten()
    if len(values) != count * len(whole) or not np.all(np.diff(whole.offsets) == count):
        return None
    return [values.take(pa.array(np.arange(place, len(values), count))) for place in range(count)]


@cache
def _listing(name: str) -> tuple[_Published, ...]:
    with (Path(__file__).parent / "data" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        found = [
            _Published(
                Column(line["name"], line["type"], line["unit"], line["ucd"], line["description"]), line["elements"]
            )
            for line in csv.DictReader(file)
        ]
    return tuple(found)
