"""What an engine of ours costs over the bare one, on the same files: 5M rows of 80 columns.

python bench/engines.py [rows]
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from report import SCRATCH, record

from skyhouse.columns import Column
from skyhouse.engine.duck import DuckEngine
from skyhouse.engine.spark import SparkEngine, java_available
from skyhouse.query.relation import Part, Relation, Scan, Statement
from skyhouse.settings import Settings

NUMBERS = [f"c{n:02}" for n in range(78)]
FILE_ROWS = 500_000
QUESTIONS = {
    "share of bright spaxels a galaxy": (
        "SELECT plateifu, sum(CASE WHEN c03 > 1 THEN 1 ELSE 0 END) AS n FROM {} WHERE c04 > -1 GROUP BY plateifu",
        ("plateifu", "c03", "c04"),
    ),
    "one galaxy's map": (
        "SELECT id, c03, c04 FROM {} WHERE plateifu = 'g00007'",
        ("plateifu", "id", "c03", "c04"),
    ),
    "four means": (
        "SELECT avg(c10) AS a, avg(c20) AS b, avg(c30) AS c, avg(c40) AS d FROM {}",
        ("c10", "c20", "c30", "c40"),
    ),
    "500,000 rows out": ("SELECT id, c03, c04, c05 FROM {} WHERE c03 > 1.2815", ("id", "c03", "c04", "c05")),
}


def table(rows: int) -> Relation:
    """Make the table once; return it as a relation."""
    folder = SCRATCH / f"engines-{rows}"
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    for start in range(0, rows, FILE_ROWS):
        path = folder / f"part-{start:012}.parquet"
        if path.exists():
            continue
        number = np.arange(start, min(start + FILE_ROWS, rows))
        columns: dict[str, pa.Array] = {
            "plateifu": pa.array([f"g{n:05}" for n in number // 2500]),
            "id": pa.array(number),
        } | {name: pa.array(rng.normal(size=len(number)).astype("float32")) for name in NUMBERS}
        unfinished = path.with_suffix(".tmp")
        pq.write_table(
            pa.table(columns), unfinished, compression="zstd", row_group_size=131_072, use_dictionary=["plateifu"]
        )
        unfinished.rename(path)
    held = (Column("plateifu", "string"), Column("id", "int64"), *(Column(name, "float32") for name in NUMBERS))
    files = tuple(str(path) for path in sorted(Path(folder).glob("part-*.parquet")))
    return Relation("bench.spaxels", (Part(held, files),), rows=rows)


def compared(ours: Callable[[], int], bare: Callable[[], int], runs: int) -> tuple[float, float, float]:
    """Return the median seconds of both, taken in turns, and the median of the ratios of neighbours."""
    if ours() != bare():
        raise SystemExit("the two do not give the same number of rows")
    seconds: list[tuple[float, float]] = []
    for _ in range(runs):
        pair = []
        for work in (ours, bare):
            start = time.perf_counter()
            work()
            pair.append(time.perf_counter() - start)
        seconds.append((pair[0], pair[1]))
    mine, theirs = (statistics.median(column) for column in zip(*seconds, strict=True))
    return mine, theirs, statistics.median(a / b for a, b in seconds)


def main() -> None:
    """Ask both engines, ours and bare."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000_000
    relation = table(rows)
    files = list(relation.parts[0].files)
    settings = Settings()
    found = []
    duck = DuckEngine(settings)
    bare_duck = duckdb.connect(config={"threads": settings.threads})
    bare_duck.read_parquet(files).create_view("spaxels")
    for question, (sql, names) in QUESTIONS.items():
        statement = Statement(sql.format('"bench.spaxels"'), "duckdb", (Scan(relation.name, relation, names),), ())
        text = sql.format("spaxels")
        figures = compared(
            lambda statement=statement: duck.batches(statement).read_all().num_rows,
            lambda text=text: bare_duck.sql(text).to_arrow_table().num_rows,
            11,
        )
        found.append(("DuckDB", question, *figures))
    duck.close()
    if java_available():
        spark = SparkEngine(settings)
        session = spark.session()
        session.read.parquet(*files).createOrReplaceTempView("spaxels")
        for question, (sql, names) in QUESTIONS.items():
            statement = Statement(sql.format("`bench.spaxels`"), "spark", (Scan(relation.name, relation, names),), ())
            text = sql.format("spaxels")
            figures = compared(
                lambda statement=statement: spark.batches(statement).read_all().num_rows,
                lambda text=text: session.sql(text).toArrow().num_rows,
                7,
            )
            found.append(("Spark", question, *figures))
        spark.close()
    record(
        "engines.py",
        "An engine of ours against the bare one",
        ("engine", "question", "ours, s", "bare, s", "ratio"),
        found,
        f"{rows:,} rows of 80 columns in {len(files)} Parquet files; the ratio is the median of runs taken in turns.",
    )


if __name__ == "__main__":
    main()
