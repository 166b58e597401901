"""What a new process costs: `import skyhouse`, then a first answer. Each figure is of whole processes, start to end.

python bench/startup.py
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from report import SCRATCH, record
from spaxels import make_spaxel_lake

import skyhouse

PROCESSES = 10
LAKE = SCRATCH / "startup"
SPAXELS = 200_000
PROGRAMS = {
    "python, nothing else": "pass",
    "`import skyhouse`": "import skyhouse",
    'the floor: python, pyarrow, duckdb, sqlglot, deltalake; `duckdb.sql("SELECT 1")` to Arrow': (
        "import duckdb, pyarrow, sqlglot, deltalake; duckdb.sql('SELECT 1').to_arrow_table()"
    ),
    '`skyhouse.open(...).sql("SELECT 1").to_arrow()`': (
        "import skyhouse; skyhouse.open({empty!r}).sql('SELECT 1').to_arrow()"
    ),
    "`skyhouse.open(...)`, good spaxels a galaxy of a real table": (
        "import skyhouse; skyhouse.open({lake!r}, create=False)"
        ".sql('SELECT plateifu, count(*) AS n FROM manga.spaxels WHERE good GROUP BY plateifu').to_arrow()"
    ),
    "`skyhouse --help`": "import sys; sys.argv = ['skyhouse', '--help']; from skyhouse.cli import main; main()",
}
AIMS = {"`import skyhouse`": "0.25", '`skyhouse.open(...).sql("SELECT 1").to_arrow()`': "0.6"}


def main() -> None:
    """Run each program a few times, in turns, after one run that compiles and warms the file cache."""
    lake = make_spaxel_lake(LAKE / "lake", SPAXELS)
    empty = LAKE / "empty"
    with skyhouse.open(empty):
        pass
    programs = {name: text.format(empty=str(empty), lake=str(lake)) for name, text in PROGRAMS.items()}
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
    for number in range(PROCESSES + 1):
        for name, text in programs.items():
            spent = process(text)
            if number:
                runs[name].append(spent)
    rows = []
    for name, found in runs.items():
        wall, cpu = (statistics.median(column) for column in zip(*found, strict=True))
        rows.append((name, wall, min(found)[0], cpu, AIMS.get(name, "")))
    record(
        "startup.py",
        "Start of a process",
        ("program", "wall s", "least wall s", "CPU s", "aim, wall s"),
        rows,
        f"Medians of {PROCESSES} processes, with compiled bytecode.",
    )


def process(text: str) -> tuple[float, float]:
    """Return the wall and CPU seconds of a Python process that runs a program."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before, start = os.times(), time.perf_counter()
    subprocess.run([sys.executable, "-c", text], check=True, stdout=subprocess.DEVNULL, env=environment, cwd=Path("/"))
    wall, after = time.perf_counter() - start, os.times()
    return wall, after.children_user + after.children_system - before.children_user - before.children_system


if __name__ == "__main__":
    main()
