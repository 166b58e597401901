"""What a new process waits for its first small answer: embedded, a cold Spark, a warm Connect server; then later ones.

python bench/spark_start.py
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

from report import SCRATCH, record
from spaxels import make_spaxel_lake

from skyhouse.engine import warm

PROCESSES = 5
COLD = 2
QUERIES = 20
SPAXELS = 200_000
PROGRAM = """
import statistics, time
import skyhouse
lake = skyhouse.open({lake!r}, create=False, spark_master={master!r}, spark_memory="2g", threads=2)
def ask():
    return lake.sql({sql!r}, engine={engine!r}).to_arrow()
ask()
print(time.time(), flush=True)
took = []
for _ in range({queries}):
    began = time.perf_counter()
    ask()
    took.append(time.perf_counter() - began)
print(statistics.median(took))
lake.close()
"""
SQL = "SELECT plateifu, count(*) AS n FROM manga.spaxels WHERE good GROUP BY plateifu ORDER BY n DESC LIMIT 3"
KINDS = {
    "DuckDB, embedded": ("duckdb", "local[2]", PROCESSES, ""),
    "Spark, classic, cold": ("spark", "local[2]", COLD, ""),
    "Spark, a warm server": ("spark", "warm", PROCESSES, "1.5"),
}


def main() -> None:
    """Start a server, run the processes one after another, stop it."""
    lake = str(make_spaxel_lake(SCRATCH / "startup" / "lake", SPAXELS))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_RUNTIME_DIR"] = folder
        began = time.perf_counter()
        warm.start("local[2]", "2g")
        ready = time.perf_counter() - began
        try:
            rows = []
            for name, (engine, master, processes, aim) in KINDS.items():
                process(lake, engine, master)  # the first of a lake is not counted
                found = [process(lake, engine, master) for _ in range(processes)]
                first, later = (statistics.median(column) for column in zip(*found, strict=True))
                rows.append((name, first, min(found)[0], later, aim))
        finally:
            warm.stop()
    record(
        "spark_start.py",
        "First answer of a new process",
        ("engine", "to the first answer, s", "least, s", "each later answer, s", "aim, s"),
        rows,
        f"From the start of the process to its first answer, of a small table ({SPAXELS:,} spaxels); medians of "
        f"{PROCESSES} processes ({COLD} cold ones). The warm server itself was ready after {ready:.0f} s.",
    )


def process(lake: str, engine: str, master: str) -> tuple[float, float]:
    """Return the seconds from a process's start to its first answer, and the median of the later ones."""
    text = PROGRAM.format(lake=lake, engine=engine, master=master, sql=SQL, queries=QUERIES)
    began = time.time()
    ran = subprocess.run([sys.executable, "-c", text], check=True, capture_output=True, text=True)
    answered, later = map(json.loads, ran.stdout.split())
    return answered - began, later


if __name__ == "__main__":
    main()
