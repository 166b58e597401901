"""One wide table of spaxels against column families, on the same rows: what a question reads of each.

python bench/layout.py [galaxies]
"""

from __future__ import annotations

import shutil
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor

import pyarrow as pa
import pyarrow.parquet as pq
from report import SCRATCH, record
from sas import large_galaxies, simulated

import skyhouse
from skyhouse.lake.commit import commit
from skyhouse.lake.definition import Definition
from skyhouse.lake.lineage import Source
from skyhouse.lake.writer import TableWriter
from skyhouse.session import Lake
from skyhouse.surveys.manga import spaxels

LAKE = SCRATCH / "layout"
GALAXIES = 96
GROUPS = (16_384, 61_440, 122_880)
RUNS = 15
FIRST_RUNS = 5
QUESTIONS = {
    "six columns, all galaxies": (
        "SELECT plateifu, count(*) AS n, avg(emline_gflux_ha_6564) AS a, avg(emline_gflux_hb_4862) AS b, "
        "avg(stellar_vel) AS c, avg(specindex_d4000) AS d FROM {table} WHERE good GROUP BY plateifu"
    ),
    "columns of two families, all galaxies": (
        "SELECT plateifu, avg(emline_gflux_ha_6564) AS a, avg(emline_gvel_ha_6564) AS b "
        "FROM {table} WHERE good GROUP BY plateifu"
    ),
    "one galaxy's map": "SELECT x, y, emline_gflux_ha_6564 FROM {table} WHERE plateifu = '{galaxy}'",
    "one galaxy's map, two families": (
        "SELECT x, y, emline_gflux_ha_6564, emline_gvel_ha_6564 FROM {table} WHERE plateifu = '{galaxy}'"
    ),
    "one galaxy's map, three families": (
        "SELECT x, y, emline_gflux_ha_6564, emline_gvel_ha_6564, specindex_bf_mgb "
        "FROM {table} WHERE plateifu = '{galaxy}'"
    ),
}


def main(galaxies: int) -> None:
    """Ask every layout every question, in turns."""
    with ProcessPoolExecutor(2) as pool:
        files = list(pool.map(simulated, large_galaxies(galaxies)))
    shutil.rmtree(LAKE, ignore_errors=True)
    with skyhouse.open(LAKE, workers=2) as lake:
        report = lake.ingest(files, survey="manga")
        assert report.ok, report
        families = len(spaxels.definitions())
        layouts = {f"{families} families, as they are": "manga.spaxels"} | {
            f"one table, row groups of {rows:,} rows, {rows * 4 * 1621 / 1e6:,.0f} MB": widened(lake, rows)
            for rows in GROUPS
        }
        galaxy = large_galaxies(galaxies)[galaxies // 2]
        rows = [
            (question, name, *figures)
            for question, text in QUESTIONS.items()
            for name, figures in measured(lake, text, layouts, galaxy).items()
        ]
    record(
        "layout.py",
        "Column families or one wide table",
        ("question", "layout", "wall ms", "CPU ms", "CPU ms of the first time"),
        rows,
        f"{report.rows:,} spaxels of {galaxies} galaxies, 1,621 planes; medians of {RUNS} runs of a whole call, from "
        f"`lake.sql` to Arrow. The first time is in a lake just opened, no footer read ({FIRST_RUNS} runs). A writer "
        "holds a row group in memory, the size given: that, and the footers of a wide table, are what families "
        "save; a question across families pays for it with a join.",
    )
    shutil.rmtree(LAKE)


def widened(lake: Lake, rows: int) -> str:
    """Write the families side by side into one table with row groups of so many rows; return its name."""
    families = [lake.registry.table(name) for name in spaxels.definitions()]
    columns = {column.name: column for family in families for column in family.columns}
    main_family = families[0].definition
    definition = Definition(
        f"layout.wide_{rows}",
        tuple(columns.values()),
        key=main_family.key,
        sort=main_family.sort,
        unit=main_family.unit,
        row_group_rows=rows,
    )
    table = lake.registry.create(definition)
    writer = TableWriter(definition, table.path)
    for number, files in enumerate(zip(*(family.files() for family in families), strict=True)):
        held: dict[str, pa.ChunkedArray] = {}
        for file in files:
            part = pq.read_table(file.path)
            held |= dict(zip(part.column_names, part.columns, strict=True))
        wide = pa.Table.from_arrays([held[name] for name in columns], schema=definition.schema)
        writer.write(wide, Source(str(number)))
    commit(table, writer.close())
    return definition.name


def measured(lake: Lake, text: str, layouts: dict[str, str], galaxy: str) -> dict[str, list[float]]:
    """Return the wall and CPU milliseconds of a question by layout, and the CPU of the first; all give as many rows."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in layouts}
    first: dict[str, list[tuple[float, float]]] = {name: [] for name in layouts}
    counts = set()

    def ask(of: Lake, table: str) -> tuple[float, float]:
        cpu, wall = time.process_time(), time.perf_counter()
        counts.add(of.sql(text.format(table=table, galaxy=galaxy)).to_arrow().num_rows)
        return (time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3

    for number in range(RUNS + 1):
        for name, table in layouts.items():
            spent = ask(lake, table)
            if number:
                found[name].append(spent)
            if number < FIRST_RUNS:
                with skyhouse.open(LAKE) as fresh:
                    first[name].append(ask(fresh, table))
    assert len(counts) == 1, counts
    return {
        name: [*map(statistics.median, zip(*runs, strict=True)), statistics.median(cpu for _, cpu in first[name])]
        for name, runs in found.items()
    }


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else GALAXIES)
