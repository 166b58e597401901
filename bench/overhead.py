"""What Skyhouse adds to a small query: parse, gate, estimate, route and lower, against bare DuckDB.

    python bench/overhead.py [spaxels]

Warm: medians of a session that has asked before. Cold: the first query of new processes; imports of DuckDB and pyarrow
are not counted, for bare DuckDB pays for them too.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from report import record
from spaxels import make_spaxel_lake, wanted_spaxels

import skyhouse
from skyhouse.query.estimate import estimate
from skyhouse.query.lower import lower_resolved
from skyhouse.query.parse import parse
from skyhouse.query.resolve import resolve
from skyhouse.session.calibration import Calibration
from skyhouse.session.forecast import Forecaster
from skyhouse.session.tables import LakeTables

QUERY = """
SELECT g.plateifu, g.redshift,
       count(*) AS spaxels,
       count(*) FILTER (WHERE s.emline_gflux_ha_6564 > 5) AS bright,
       median(s.emline_gflux_ha_6564) AS flux
FROM manga.galaxies g
JOIN manga.spaxels s ON s.plateifu = g.plateifu
WHERE g.plateifu = '8485-1901'
  AND s.good AND s.x BETWEEN 3 AND 20
GROUP BY g.plateifu, g.redshift
ORDER BY bright DESC, g.plateifu
LIMIT 10
"""
RUNS, PROCESSES = 50, 9

COLD = """
import sys, time, duckdb, pyarrow.parquet
duckdb.connect().sql("SELECT 1").fetchall()
import skyhouse
lake = skyhouse.open(sys.argv[1], create=False)
lake.tables()
begun = time.perf_counter()
query = lake.sql(sys.argv[2])
query.to_arrow()
whole = time.perf_counter() - begun
sql = query.sql("duckdb")
context = lake._context
statement_only = []
from skyhouse.query.lower import lower
statement = lower(query.tree, context.tables, "duckdb")
from skyhouse.engine.duck import DuckEngine
engine = DuckEngine(lake.settings)
begun = time.perf_counter()
engine.batches(statement).read_all()
print(whole - (time.perf_counter() - begun), whole)
"""


def milliseconds(work: Callable[[], object]) -> float:
    """Return the median time of some runs, after one that is not counted."""
    work()
    found = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        work()
        found.append(1000 * (time.perf_counter() - begun))
    return statistics.median(found)


def in_turns(*works: Callable[[], object]) -> list[list[float]]:
    """Return the milliseconds of each run of each of them, in turns, so that all are disturbed alike."""
    found: list[list[float]] = [[] for _ in works]
    for run in range(RUNS + 1):
        for work, times in zip(works, found, strict=True):
            begun = time.perf_counter()
            work()
            if run:
                times.append(1000 * (time.perf_counter() - begun))
    return found


def warm(path: Path) -> list[tuple[str, float]]:
    """Return what each step takes in a session that has asked before."""
    with skyhouse.open(path, create=False) as lake:
        context = lake._context  # noqa: SLF001 - its parts are what is measured
        tables: LakeTables = context.tables
        forecaster = Forecaster(lake.settings, tables, Calibration())
        running = frozenset({"duckdb"})
        tree = parse(QUERY)
        checked = resolve(tree, tables)
        statement = lower_resolved(resolve(tree, tables), "duckdb")
        statistics_held = forecaster._statistics  # noqa: SLF001 - as above
        engine = context._duck  # noqa: SLF001 - as above
        ready = [resolve(tree, tables) for _ in range(RUNS + 1)]
        steps = {
            "parse": milliseconds(lambda: parse(QUERY)),
            "gate and names (resolve)": milliseconds(lambda: resolve(tree, tables)),
            "estimate": milliseconds(lambda: estimate(checked, statistics_held)),
            "estimate and route": milliseconds(lambda: forecaster.forecast(checked, None, running)),
            "lower": milliseconds(lambda: lower_resolved(ready.pop(), "duckdb")),
        }
        bare, whole = in_turns(lambda: engine.batches(statement).read_all(), lambda: lake.sql(QUERY).to_arrow())
    steps |= {
        "DuckDB's part": statistics.median(bare),
        "the whole query": statistics.median(whole),
        "over bare DuckDB (aim: 15)": statistics.median(b - a for a, b in zip(bare, whole, strict=True)),
    }
    return list(steps.items())


def cold(path: Path) -> tuple[float, float]:
    """Return what a new process' first query takes over DuckDB's part, and the whole of it: medians, milliseconds."""
    found = []
    for _ in range(PROCESSES):
        ran = subprocess.run([sys.executable, "-c", COLD, str(path), QUERY], capture_output=True, text=True, check=True)
        found.append([1000 * float(word) for word in ran.stdout.split()])
    over, whole = (statistics.median(column) for column in zip(*found, strict=True))
    return over, whole


def main(spaxels: int) -> None:
    """Measure both, and record them."""
    path = make_spaxel_lake(spaxels=spaxels)
    rows: list[tuple[str, str, float]] = [("warm", step, value) for step, value in warm(path)]
    over, whole = cold(path)
    rows += [("cold", "the whole query", whole), ("cold", "over bare DuckDB (aim: 60)", over)]
    record(
        "overhead.py",
        "What Skyhouse adds to a query",
        ("session", "step", "ms"),
        rows,
        f"A query of ten lines over {spaxels:,} spaxels; medians of {RUNS} warm runs and {PROCESSES} new processes. "
        "DuckDB's part makes its views and runs the lowered SQL.",
    )


if __name__ == "__main__":
    main(wanted_spaxels(sys.argv[1:]))
