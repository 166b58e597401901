"""Measures what the engines take on this machine: a lake of a few million random rows, and a query for each rate.

Each query is predicted with all rates but one, and that one is what makes the prediction true. So the figures fit the
model that uses them (`skyhouse.query.costs`), whatever it leaves out.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from skyhouse.columns import Column
from skyhouse.lake.commit import commit
from skyhouse.lake.definition import Definition
from skyhouse.lake.lineage import Source
from skyhouse.lake.writer import TableWriter
from skyhouse.query.costs import DUCKDB, SPARK, Rates, predict
from skyhouse.query.engines import Engine
from skyhouse.query.estimate import Estimate
from skyhouse.session.calibration import Calibration, rates_key
from skyhouse.session.lake import Lake
from skyhouse.session.lake import open as open_lake
from skyhouse.session.whereabouts import whereabouts
from skyhouse.settings import Settings

__all__ = ["calibrate"]

_ROWS = 3_000_000
_FLOATS = tuple(f"f{number}" for number in range(8))
_SMALL = 1000
_TIMES = 3
_LEAST = 1e-10  # CPU seconds a row: what a step takes at least

# In this order, for each goes on from those before. `scan` is found as its reciprocal, seconds a byte.
_PROBES: Mapping[str, str] = {
    "query": "SELECT k FROM c.small WHERE k = 7",
    "stage": "SELECT g, max(n) AS n FROM (SELECT g, k, count(*) AS n FROM c.small GROUP BY g, k) GROUP BY g ORDER BY g",
    "scan": f"SELECT {', '.join(f'sum({name}) AS {name}' for name in _FLOATS)} FROM c.big",
    "filter": "SELECT count(*) AS n FROM c.big WHERE g < 500 AND k > 10",
    "aggregate": "SELECT max(n) AS n FROM (SELECT g, count(*) AS n FROM c.big GROUP BY g) AS groups",
    "join": "SELECT count(*) AS n FROM c.big a JOIN c.big b ON a.k = b.k",
    "value": "SELECT f0, f1, f2, f3 FROM c.big",
    "sort": "SELECT k, f0 FROM c.big ORDER BY f0",
}


def calibrate(
    settings: Settings,
    calibration: Calibration,
    engines: tuple[Engine, ...] = ("duckdb", "spark"),
    *,
    cores: int | None = None,
    memory: float | None = None,
    rows: int = _ROWS,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Rates]:
    """Measure engines and keep the rates; return them by the name that they are kept under.

    `cores` and `memory` (bytes) are a cluster's, where its master does not tell them. With the usual number of `rows`
    it takes less than a minute. Raises what the engines raise, LakeError and OSError where nothing can be written.
    """
    tell = progress or (lambda _: None)
    found = {}
    with _lake(settings, rows, tell) as lake:
        for engine in engines:
            tell(f"{engine}: starting")
            begun = time.perf_counter()
            lake.sql(_PROBES["query"]).run(engine)
            start = time.perf_counter() - begun
            base = DUCKDB if engine == "duckdb" else SPARK
            if engine == "spark" and whereabouts(settings).served:
                start = base.start  # a session of a server that is up; its own start is not seen here
            rates = replace(base, start=start, cores=_cores(lake, engine, cores))
            if memory is not None and engine == "spark":
                rates = replace(rates, memory=memory)
            for rate, probe in _PROBES.items():
                tell(f"{engine}: {rate}")
                seconds = min(lake.sql(probe).run(engine).seconds for _ in range(_TIMES))
                rates = fitted(engine, rates, rate, lake.explain(probe, engine=engine).estimate, seconds)
            found[rates_key(engine, whereabouts(settings).master)] = rates
    calibration.store(found)
    return found


def fitted(engine: str, rates: Rates, rate: str, estimate: Estimate, seconds: float) -> Rates:
    """Return the rates with that one by which the estimate is predicted to take so many seconds."""

    def having(value: float) -> Rates:
        changed: dict[str, Any] = {rate: 1 / value if rate == "scan" else value}
        return replace(rates, **changed)

    def predicted(value: float) -> float:
        return predict(engine, estimate, having(value)).seconds

    step = 1e-9
    none = 1e-30  # so small that it weighs nothing, and has a reciprocal
    slope = (predicted(step) - predicted(none)) / step
    due = (seconds - predicted(none)) / slope if slope > 0 else 0.0
    value = max(due, _LEAST / 100 if rate == "scan" else _LEAST)
    return having(value)


def _cores(lake: Lake, engine: Engine, cores: int | None) -> int:
    if engine == "duckdb":
        return lake.settings.threads
    spark = whereabouts(lake.settings)
    if cores is not None or spark.served or spark.master.startswith("local"):
        return cores or spark.cores
    context = lake.sql("SELECT 1 AS one").to_spark().sparkSession.sparkContext
    return int(context.defaultParallelism)


@contextlib.contextmanager
def _lake(settings: Settings, rows: int, tell: Callable[[str], None]) -> Iterator[Lake]:
    tell(f"writing {rows:,} random rows")
    names = ("threads", "memory_limit", "spill_folder", "spark_master", "spark_memory", "spark_conf")
    given = {name: getattr(settings, name) for name in names}
    folder = tempfile.TemporaryDirectory(prefix="skyhouse-calibrate-")
    with folder as path, open_lake(Path(path) / "lake", **given) as lake:
        _write(lake, "c.small", _SMALL)
        _write(lake, "c.big", rows)
        yield lake


def _write(lake: Lake, name: str, rows: int) -> None:
    rng = np.random.default_rng(1)
    floats = {column: rng.normal(size=rows).astype("f4") for column in _FLOATS}
    data = {"k": rng.permutation(rows), "g": rng.integers(0, 100_000, rows).astype("i4"), **floats}
    columns = (Column("k", "int64"), Column("g", "int32"), *(Column(column, "float32") for column in _FLOATS))
    table = lake.registry.create(Definition(name, columns, row_group_rows=262_144))
    writer = TableWriter(table.definition, table.path)
    step = 250_000
    for first in range(0, rows, step):
        writer.write(pa.table({key: values[first : first + step] for key, values in data.items()}), Source(str(first)))
    commit(table, writer.close())
