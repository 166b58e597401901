"""A big lake of simulated spaxels, for the benchmarks that ask questions of it.

A few dozen galaxies are modelled; the others are these under new names, their fluxes, widths, velocities and indices
scaled by factors of their own, so that no number repeats within reach of the compression. Rows go through the
project's own writer, as those of an ingest do.

    python bench/spaxels.py [spaxels]

Their number may also be given as SKYHOUSE_BENCH_SPAXELS.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
from report import SCRATCH

from skyhouse.lake.commit import commit
from skyhouse.lake.definition import Definition
from skyhouse.lake.lineage import Source
from skyhouse.lake.registry import Registry
from skyhouse.lake.table import Table
from skyhouse.lake.writer import TableWriter, WrittenFile
from skyhouse.surveys.manga import drpall, galaxies, spaxels
from skyhouse.surveys.manga.datamodel import hdus
from skyhouse.surveys.manga.paths import RELEASES, parse_plateifu
from skyhouse.surveys.manga.simulate import drpall_columns, simulated_plateifus
from skyhouse.surveys.manga.simulate_fits import primary_header, write_table
from skyhouse.surveys.manga.simulate_galaxy import GRIDS, Nature, SimulatedGalaxy, model, nature

SEED = 1
MODELLED = 68  # four plates, of 17 bundles each
DAPTYPE = RELEASES["DR17"].daptypes[0]
DESCRIPTION = "SIMULATED for benchmarks, not observed: "
PLANES = np.float32  # what all scaled columns are


def make_spaxel_lake(path: Path | None = None, spaxels: int = 20_000_000, workers: int = 2) -> Path:
    """Make a lake of at least so many spaxels (whole plates of 17 galaxies), if it is not there yet; return its path.

    It holds manga.spaxels (the main column family), manga.galaxies and manga.drpall.
    """
    lake = path or SCRATCH / f"spaxels-{spaxels}"
    marker = lake / "complete.json"
    names = _names(spaxels)
    made = {"spaxels": spaxels, "galaxies": len(names), "seed": SEED, "modelled": MODELLED}
    if marker.exists() and json.loads(marker.read_text(encoding="utf-8")) == made:
        return lake
    shutil.rmtree(lake, ignore_errors=True)
    registry = Registry.make(lake)
    definitions = {found.name: found for found in (_main(), galaxies.definition(), drpall.definition())}
    tables = {
        name: registry.create(replace(found, description=DESCRIPTION + found.description))
        for name, found in definitions.items()
    }
    parts = [names[k * len(names) // workers : (k + 1) * len(names) // workers] for k in range(workers)]
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        written = list(pool.map(_write_spaxels, parts, [tables["manga.spaxels"].path] * workers))
    commit(tables["manga.spaxels"], [file for files in written for file in files])
    _write_galaxies(names, tables["manga.galaxies"], tables["manga.drpall"])
    marker.write_text(json.dumps(made), encoding="utf-8")
    return lake


def _main() -> Definition:
    return spaxels.definitions()[spaxels.MAIN]


def _names(count: int) -> list[tuple[str, int]]:
    """Return the galaxies of a lake, sorted by name: plate-IFU, and the number of the modelled galaxy behind it."""
    plates = -(-count // sum(GRIDS[int(name.partition("-")[2]) // 100][0] ** 2 for name in simulated_plateifus(17)))
    return sorted((name, k % MODELLED) for k, name in enumerate(simulated_plateifus(17 * plates, SEED)))


def _nature(name: str, of: Nature) -> Nature:
    """Return the modelled galaxy's nature under another name: elsewhere, farther or nearer, lighter or heavier."""
    own = nature(SEED, name)
    return replace(
        of,
        **{key: getattr(own, key) for key in ("plateifu", "plate", "ifudesign", "mangaid", "ra_deg", "dec_deg", "mjd")},
        plate_ra_deg=own.plate_ra_deg,
        plate_dec_deg=own.plate_dec_deg,
        redshift=float(np.clip(of.redshift * own.age / 0.64, 0.01, 0.15)),
        log_mass=float(np.clip(of.log_mass + own.age - 0.64, 8.5, 11.8)),
    )


def _planes(galaxy: SimulatedGalaxy) -> dict[str, np.ndarray]:
    return {
        name: plane
        for hdu in hdus("DR17")
        for name, plane in zip(
            hdu.columns, galaxy.arrays[hdu.name].reshape(-1, galaxy.shape[0] * galaxy.shape[1]), strict=True
        )
    }


class _Template:
    """The rows of a modelled galaxy, ready to be made those of another."""

    def __init__(self, name: str) -> None:
        galaxy = model(SEED, name)
        self.grid = galaxy.shape
        wanted = {column.name for column in _main().columns}
        self.planes = {key: plane for key, plane in _planes(galaxy).items() if key in wanted}
        self.scaled = [
            key for key, plane in self.planes.items() if plane.dtype == PLANES and _factor(key, np.ones(4)) is not None
        ]
        self.values = np.stack([self.planes[key] for key in self.scaled])
        self.unfitted = np.flatnonzero(self.values == -999)

    def rows(self, name: str) -> pa.Table:
        own = nature(SEED, name)
        rng = np.random.default_rng([SEED, own.plate, own.ifudesign, 4])
        by = np.exp(rng.normal(0, [0.35, 0.2, 0.25, 0.03]))
        factors = np.array([_factor(key, by) for key in self.scaled], dtype=PLANES)
        values = self.values * factors[:, None]
        values.ravel()[self.unfitted] = -999
        planes = self.planes | dict(zip(self.scaled, values, strict=True))
        of = {"plate": own.plate, "ifudesign": own.ifudesign, "mangaid": own.mangaid, "daptype": DAPTYPE}
        return spaxels.tables(planes, self.grid, **of)[spaxels.MAIN]


def _factor(column: str, by: Sequence[float]) -> float | None:
    """Return what a column is multiplied by, given the galaxy's factors of flux, width, speed and index."""
    kinds = (("mflux", "gflux"), ("gew",), ("stellar_vel", "stellar_sigma"), ("specindex",))
    for names, factor in zip(kinds, by, strict=True):
        if any(name in column for name in names):
            return factor**-2 if "_ivar" in column else factor
    return None


def _write_spaxels(names: list[tuple[str, int]], folder: Path) -> list[WrittenFile]:
    pa.set_cpu_count(1)
    templates = [_Template(name) for name in simulated_plateifus(MODELLED, SEED)]
    writer = TableWriter(_main(), folder)
    for name, number in names:
        writer.write(templates[number].rows(name), Source(f"{name}/{DAPTYPE}"))
    return writer.close()


def _write_galaxies(names: list[tuple[str, int]], table: Table, summary: Table) -> None:
    modelled = [model(SEED, name) for name in simulated_plateifus(MODELLED, SEED)]
    natures, rows = [], []
    for name, number in names:
        of = modelled[number]
        own = _nature(name, of.nature)
        natures.append(own)
        header = {key: value for key, value, _ in primary_header(SimulatedGalaxy(own, "DR17", of.arrays))}
        named = parse_plateifu(name)
        ids = {"plateifu": name, "plate": named.plate, "ifudesign": named.ifudesign, "mangaid": own.mangaid}
        rows.append(galaxies.galaxy(_Primary(header), ids | {"daptype": DAPTYPE}, of.shape, int(of.good.sum())))
    _write(table, pa.concat_tables(rows), "galaxies")
    with tempfile.TemporaryDirectory() as folder:
        file = write_table(Path(folder) / "drpall-v3_1_1.fits", "MANGA", drpall_columns(natures))
        _write(summary, drpall.read_drpall(str(file)), "drpall-v3_1_1")


class _Primary(list):
    """As much of a FITS file as a row of manga.galaxies is made from: the primary header."""

    path = ""

    def __init__(self, header: dict[str, object]) -> None:
        super().__init__([SimpleNamespace(header=header)])


def _write(table: Table, rows: pa.Table, key: str) -> None:
    writer = TableWriter(table.definition, table.path)
    writer.write(rows, Source(key))
    commit(table, writer.close())


def wanted_spaxels(arguments: Sequence[str]) -> int:
    """Return how many spaxels are asked for: by a script's argument, by SKYHOUSE_BENCH_SPAXELS, or 20 million."""
    return int(arguments[0] if arguments else os.environ.get("SKYHOUSE_BENCH_SPAXELS", "20000000"))


if __name__ == "__main__":
    asked = wanted_spaxels(sys.argv[1:])
    started = time.perf_counter()
    found = make_spaxel_lake(spaxels=asked)
    held = {name: Registry.open(found).table(name) for name in ("manga.spaxels", "manga.galaxies", "manga.drpall")}
    for name, table in held.items():
        size = sum(file.size for file in table.files())
        print(f"{name}: {table.rows:,} rows in {len(table.files())} files, {size / 1e9:.2f} GB")
    print(f"{found}: {time.perf_counter() - started:.0f} s")
