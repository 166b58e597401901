"""A few small simulated galaxies, and ways to look at what became of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skyhouse.engine.pool import PoolRunner
from skyhouse.lake.registry import Registry
from skyhouse.surveys.manga.simulate import simulate

PLATEIFUS = [f"{plate}-190{n}" for plate in (7815, 8485, 8137, 10001, 9487, 7443) for n in (1, 2)]


@pytest.fixture(scope="session")
def small_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve simulated galaxies of 19 fibres in the archive's layout; not to be changed."""
    folder = tmp_path_factory.mktemp("sas")
    simulate(folder, plateifus=PLATEIFUS)
    return folder


@pytest.fixture
def archive(small_archive: Path, tmp_path: Path) -> Path:
    """A copy of four of the twelve, to be changed at will."""
    folder = tmp_path / "sas"
    for path in sorted(small_archive.rglob("*-MAPS-*"))[:4]:
        there = folder / path.relative_to(small_archive)
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, there)
    return folder


@pytest.fixture(scope="session")
def pool() -> Iterator[PoolRunner]:
    """Two worker processes."""
    runner = PoolRunner(2)
    yield runner
    runner.close()


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """An empty lake."""
    return Registry.make(tmp_path / "lake")


@pytest.fixture(scope="session")
def rows_of() -> Callable[[Registry, str], pa.Table]:
    """A function that returns all rows of a table in the order of its key, read by nothing but pyarrow."""

    def read(registry: Registry, name: str) -> pa.Table:
        table = registry.table(name)
        found = [pq.read_table(file.path) for file in table.files()]
        rows = pa.concat_tables(found) if found else table.definition.schema.empty_table()
        return rows.sort_by([(column, "ascending") for column in table.definition.key])

    return read
