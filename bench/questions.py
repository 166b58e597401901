"""The three benchmark questions of 20 million spaxels: what Skyhouse costs over the bare engines, and beside others.

    python bench/questions.py [spaxels]

Every answer is compared with bare DuckDB's. Systems take turns, one run each, so that what disturbs one disturbs all.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack

import numpy as np
import pyarrow as pa
from bare import asked_of_duckdb, asked_of_polars, asked_of_spark
from postgres import Postgres, programs, served
from processes import cpu_of_tree
from report import SCRATCH, record
from spaxels import make_spaxel_lake, wanted_spaxels

import skyhouse
from skyhouse.engine.spark import java_available
from skyhouse.session import Lake
from skyhouse.surveys import manga

Ask = Callable[[str], pa.Table]

QUESTIONS = {
    "Q1": "Q1: 127-fibre galaxies with z < 0.05, their spaxel counts",
    "Q2": "Q2: more than 20% of the good spaxels with H-alpha > 5",
    "Q3": "Q3: BPT classes, 0.02 < z < 0.06",
    "Q3 by mass": "Q3: BPT classes, 10 < log mass < 11",
}
MASS = (10, 11)
RUNS, SPARK_RUNS, POSTGRES_RUNS = 11, 3, 5
AIM = 5
OURS, BARE = "Skyhouse on DuckDB", "bare DuckDB"
OURS_SPARK, BARE_SPARK = "Skyhouse on Spark", "bare PySpark"


def skyhouse_asks(lake: Lake, engine: str) -> Ask:
    """Return who answers by the survey's own functions."""
    questions = {
        "Q1": lambda: manga.galaxies_in(lake),
        "Q2": lambda: manga.npergood(lake, "emline_gflux_ha_6564 > 5", more_than=0.2),
        "Q3": lambda: manga.bpt_fractions(lake, redshift=(0.02, 0.06)),
        "Q3 by mass": lambda: manga.bpt_fractions(lake, log_mass=MASS),
    }
    return lambda question: questions[question]().on(engine).to_arrow()


def in_turns(
    asks: dict[str, Callable[[], object]], cpu: Callable[[], float], runs: int
) -> dict[str, list[list[float]]]:
    """Return each system's wall and CPU seconds of every run, after one that is not counted."""
    found: dict[str, list[list[float]]] = {name: [] for name in asks}
    for ask in asks.values():
        ask()
    for _ in range(runs):
        for name, ask in asks.items():
            start, wall = cpu(), time.perf_counter()
            ask()
            found[name].append([time.perf_counter() - wall, cpu() - start])
    return found


def rows_of(found: dict[str, list[list[float]]], question: str, first: str) -> list[tuple[object, ...]]:
    """Return the table's rows of one question; the ratio is the median over runs next to each other."""
    rows = []
    for name, runs in found.items():
        wall, cpu = (statistics.median(column) for column in zip(*runs, strict=True))
        ratio = statistics.median(mine[0] / its[0] for mine, its in zip(runs, found[first], strict=True))
        rows.append((question, name, wall, cpu, ratio))
    return rows


def same(answer: pa.Table, due: pa.Table, question: str) -> None:
    """Raise where two answers differ by more than float32's last digit may turn over, in columns that both have."""
    assert answer.num_rows == due.num_rows, (question, answer.num_rows, due.num_rows)
    spaxels = due["classified"].to_numpy() if "classified" in due.column_names else np.array(1)
    for name in set(answer.column_names) & set(due.column_names):
        mine, its = (table[name].to_pandas().to_numpy() for table in (answer, due))
        if due.schema.field(name).type != pa.float64():
            equal = mine == its
        elif "classified" in due.column_names:
            equal = abs(mine - its) * spaxels < 2.5 if mine.dtype == np.float64 else abs(mine - its * spaxels) < 2.5
        else:
            equal = abs(mine - its) < 1e-9
        assert np.all(equal), (question, name)


def embedded(lake: Lake, tables: dict[str, list[str]], due: dict[str, pa.Table]) -> list[tuple[object, ...]]:
    """Ask DuckDB, with and without Skyhouse, and Polars."""
    systems: dict[str, Ask] = {
        BARE: asked_of_duckdb(tables, lake.settings.threads),
        OURS: skyhouse_asks(lake, "duckdb"),
    }
    systems["Polars"] = asked_of_polars(tables)
    rows = []
    for question in QUESTIONS:
        answers = {name: ask(question) for name, ask in systems.items()}
        due[question] = answers[BARE]
        for answer in answers.values():
            same(answer, due[question], question)
        asks = {name: lambda ask=ask, question=question: ask(question) for name, ask in systems.items()}
        rows += rows_of(in_turns(asks, time.process_time, RUNS), question, BARE)
    return rows


def on_spark(lake: Lake, tables: dict[str, list[str]], due: dict[str, pa.Table]) -> list[tuple[object, ...]]:
    """Ask Spark, with and without Skyhouse, in one session."""
    ours = skyhouse_asks(lake, "spark")
    session = lake.sql("SELECT 1 AS one", engine="spark").to_spark().sparkSession
    systems = {BARE_SPARK: asked_of_spark(session, tables), OURS_SPARK: ours}
    rows = []
    for question in QUESTIONS:
        for ask in systems.values():
            same(ask(question), due[question], question)
        asks = {name: lambda ask=ask, question=question: ask(question) for name, ask in systems.items()}
        rows += rows_of(in_turns(asks, cpu_of_tree, SPARK_RUNS), question, BARE_SPARK)
    return rows


def on_postgres(server: Postgres, due: dict[str, pa.Table]) -> list[tuple[object, ...]]:
    """Ask PostgreSQL, without and with covering indexes."""
    rows = []
    for covering in (False, True):
        server.index(covering=covering)
        label = f"PostgreSQL, {'covering indexes' if covering else 'plain'}"
        for question in ("Q1", "Q2", "Q2 as Marvin builds it", "Q3"):
            key, _, how = question.partition(" ")
            same(server.ask(question), due[key], question)
            name = f"{label}, {how}" if how else label
            found = in_turns(
                {name: lambda question=question: server.ask(question)},
                lambda: cpu_of_tree(server.postmaster),
                POSTGRES_RUNS,
            )
            rows += rows_of(found, key, name)
    return rows


def main(spaxels: int) -> None:
    """Ask all systems that are there, and record the answers' cost."""
    path = make_spaxel_lake(spaxels=spaxels)
    with ExitStack() as stack:
        lake = stack.enter_context(skyhouse.open(path, create=False))
        held = {name: lake.registry.table(f"manga.{name}") for name in ("spaxels", "galaxies", "drpall")}
        tables = {name: [file.path for file in table.files()] for name, table in held.items()}
        due: dict[str, pa.Table] = {}
        rows = embedded(lake, tables, due)
        if java_available():
            rows += on_spark(lake, tables, due)
        if programs():
            folder = SCRATCH / f"postgres-{spaxels}"
            server = stack.enter_context(served(folder, tables["spaxels"], tables["galaxies"]))
            rows += on_postgres(server, due)
        tell_of_postgres({name: wall for question, name, wall, *_ in rows if question == "Q2"})
        tell(rows, held["spaxels"].rows, sum(file.size for file in held["spaxels"].files()), len(tables["spaxels"]))


def tell_of_postgres(walls: dict[str, float]) -> None:
    """Record how many times Skyhouse's time PostgreSQL takes for Q2, by system, and whether that meets the aim."""
    rows = []
    for name, wall in walls.items():
        if name.startswith("PostgreSQL"):
            ratio = wall / walls[OURS]
            verdict = ("met" if ratio >= AIM else "not met") if "covering" in name else "none set"
            rows.append((name, wall, ratio, verdict))
    if rows:
        record(
            "questions.py",
            "Q2: PostgreSQL over Skyhouse",
            ("system", "wall s", "times Skyhouse's", f"the aim of {AIM}, with an index"),
            rows,
            f"Skyhouse on DuckDB took {walls[OURS]:.3g} s. PostgreSQL scans an index of the good spaxels alone, in "
            "memory; Skyhouse reads the flag of all spaxels.",
        )


def tell(rows: list[tuple[object, ...]], spaxels: int, size: int, files: int) -> None:
    """Record the table, question by question, all as multiples of bare DuckDB; and the two aims' ratios."""
    base = {row[0]: row[2] for row in rows if row[1] == BARE}
    ordered = [row for question in QUESTIONS for row in rows if row[0] == question]
    record(
        "questions.py",
        "The three questions",
        ("question", "system", "wall s", "CPU s", "times bare DuckDB"),
        [(QUESTIONS[q], name, wall, cpu, wall / base[q]) for q, name, wall, cpu, _ in ordered],
        f"{spaxels:,} spaxels of 392 columns in {files} Parquet files, {size / 1e9:.1f} GB; medians of {RUNS} warm "
        f"runs (Spark: {SPARK_RUNS}, PostgreSQL: {POSTGRES_RUNS}). All give the same answers. Skyhouse's time is of "
        "the whole call, from the survey's function to Arrow. PostgreSQL holds the good spaxels only (45% of all), "
        "80 columns of each, all in memory; its covering indexes are made for these questions, each for one. "
        "'As Marvin builds it' is the join of the survey's own query builder; the other SQL reads the table once.",
    )
    cpus = {row[:2]: row[3] for row in rows}
    paired = [
        (QUESTIONS[q], name, ratio, cpu / cpus[q, {OURS: BARE, OURS_SPARK: BARE_SPARK}[name]])
        for q, name, _, cpu, ratio in ordered
        if name in (OURS, OURS_SPARK)
    ]
    record(
        "questions.py",
        "Skyhouse over the bare engine",
        ("question", "system", "wall over the bare engine's", "CPU over the bare engine's"),
        paired,
        "Wall: the median over pairs of runs, one after the other; CPU: of the medians, less disturbed by neighbours.",
    )


if __name__ == "__main__":
    main(wanted_spaxels(sys.argv[1:]))
