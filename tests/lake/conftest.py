"""A small table in the shape of MaNGA's: galaxies of a few spaxels, sorted, each one unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from skyhouse.columns import Column
from skyhouse.lake.definition import Definition
from skyhouse.lake.lineage import Source
from skyhouse.lake.registry import Registry
from skyhouse.lake.writer import TableWriter, WrittenFile

SPAXELS = Definition(
    "manga.spaxels",
    (
        Column("plateifu", "string", ucd="meta.id", description="plate and bundle"),
        Column("y", "int16", unit="pix"),
        Column("flux", "float32", unit="1e-17 erg/s/cm2/spaxel", description="flux in Å"),
        Column("good", "bool"),
    ),
    key=("plateifu", "y"),
    sort=("plateifu", "y"),
    unit=("plateifu",),
    description="spaxels",
    row_group_rows=100,
    file_bytes=1_000_000,
    properties={"survey": "manga"},
)


@pytest.fixture
def spaxels() -> Definition:
    return SPAXELS


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry.make(tmp_path / "lake")


@pytest.fixture
def galaxy() -> Callable[..., pa.Table]:
    return galaxy_rows


def galaxy_rows(plateifu: str, rows: int = 30, value: float | None = None) -> pa.Table:
    """Rows of one galaxy; the fluxes are the galaxy's own, or all `value`."""
    flux = np.random.default_rng(len(plateifu) + sum(map(ord, plateifu))).random(rows, dtype=np.float32)
    if value is not None:
        flux[:] = value
    columns = [pa.array([plateifu] * rows, pa.string()), np.arange(rows, dtype=np.int16), flux, flux > 0.5]
    return pa.table(columns, schema=SPAXELS.schema)


def write_galaxies(
    definition: Definition, folder: Path | str, names: Sequence[str], **kinds: float
) -> list[WrittenFile]:
    with TableWriter(definition, folder) as writer:
        for name in names:
            writer.write(galaxy_rows(name, **kinds), Source(name, f"/raw/{name}.fits.gz", 1, 2))
        return writer.close()


@pytest.fixture
def write() -> Callable[..., list[WrittenFile]]:
    return write_galaxies
