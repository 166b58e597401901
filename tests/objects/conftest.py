"""A lake of nested light curves, small, in several files and row groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import skyhouse
from skyhouse.columns import columns_of
from skyhouse.lake.commit import commit
from skyhouse.lake.definition import Definition
from skyhouse.lake.lineage import Source
from skyhouse.session import Lake


def curves(first: int, n: int, epochs: int = 8) -> pa.Table:
    """Return n objects from a number on, with as many epochs each as their number says."""
    rng = np.random.default_rng(first)
    lengths = np.arange(first, first + n) % epochs
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype("i4")
    total = int(offsets[-1])
    lists = [
        pa.ListArray.from_arrays(offsets, rng.uniform(58_000, 59_000, total)),
        pa.ListArray.from_arrays(offsets, rng.normal(20, 1, total).astype("f4")),
    ]
    numbers = np.arange(first, first + n)
    lc = pa.StructArray.from_arrays(lists, ["mjd", "mag"])
    return pa.table({"object_id": numbers, "z": numbers / 1000, "name": [f"o{i}" for i in numbers], "lc": lc})


class Curves:
    """A lake with the table ztf.objects; files of 100 objects in two row groups can be added to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lake = skyhouse.open(path, workers=2, spark_memory="1g")
        columns = columns_of(curves(0, 1).schema)
        definition = Definition("ztf.objects", columns, key=("object_id",), sort=("object_id",), row_group_rows=50)
        self.table = self.lake.registry.create(definition)

    def add(self, *firsts: int) -> None:
        """Add a file of the 100 objects from each number on."""
        from skyhouse.lake.writer import TableWriter

        files = []
        for first in firsts:
            with TableWriter(self.table.definition, self.table.path) as writer:
                writer.write(curves(first, 100), Source(f"file {first}"))
                files += writer.close()
        commit(self.table, files)

    def remove(self, number: int) -> None:
        """Take the file that stands at a place out of the table."""
        commit(self.table, [], [self.table.refresh().files()[number]])


@pytest.fixture
def ztf(tmp_path: Path) -> Iterator[Curves]:
    """A lake with 300 objects in three files."""
    made = Curves(tmp_path / "lake")
    made.add(0, 100, 200)
    with made.lake:
        yield made


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Curves]:
    """A lake whose table has no file."""
    made = Curves(tmp_path / "empty")
    with made.lake:
        yield made


@pytest.fixture(scope="session")
def make_curves() -> Callable[[int, int], pa.Table]:
    """Return what makes light curves: n from a number on."""
    return curves


@pytest.fixture
def lake(ztf: Curves) -> Lake:
    """The lake alone."""
    return ztf.lake
