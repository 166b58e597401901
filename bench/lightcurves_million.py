"""Features of simulated ZTF light curves, end to end: query, clean, features, table; and a billion of them on paper.

    python bench/lightcurves_million.py [objects] [--periods]

By default 200,000 objects; 1000000 for the whole. A run is a process of its own. The period search is measured by
`lake.estimate`, with --periods by a run too. What a billion objects take follows from the core-seconds of an object.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from curves import curve_lake
from processes import PeakMemory, cpu_of_tree, tree
from report import record

import skyhouse
from skyhouse.objects.costs import Workload, cost, dollars_told
from skyhouse.objects.function import Function
from skyhouse.objects.prices import prices

OBJECTS = 200_000
BILLION = 10**9
QUERY = "SELECT object_id, g, r FROM ztf.objects WHERE nobs_g >= 20 AND nobs_r >= 20"
FEATURES = "clean + all features"
PERIODS = "clean + period search + folded features"
MACHINES = ("c7i-on-demand", "c5-spot", "own-servers")


def function(what: str) -> Function:
    """Return the declared function that a name stands for."""
    return skyhouse.lightcurves.features(("g", "r")) if what == FEATURES else skyhouse.lightcurves.periods(("g", "r"))


def run(lake: Path, what: str) -> dict[str, float]:
    """Run a function over all objects; return wall and core-seconds, peak megabytes, bytes. In a process of its own."""
    begun = time.perf_counter()
    with PeakMemory() as memory, skyhouse.open(lake, create=False) as opened:
        made = opened.apply(function(what), QUERY, into="ztf.made").wait()
        wall, cpu = time.perf_counter() - begun, cpu_of_tree()
        (driver, *workers) = tree()
        size = opened.explain(QUERY).estimate.bytes
        written = opened.registry.table("ztf.made").bytes
        for name in (made.table, made.failures):
            opened.drop(name)
    return {
        "objects": made.objects,
        "wall": wall,
        "cpu": cpu,
        "driver": memory.megabytes[driver],
        "worker": max(memory.megabytes.get(pid, 0.0) for pid in workers),
        "workers": len(workers),
        "read": size,
        "written": written,
    }


def measured(lake: Path, what: str) -> dict[str, float]:
    """Return what `run` returns, from a new process."""
    command = [sys.executable, __file__, "--run", str(lake), what]
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return found


def sampled(lake: Path, what: str) -> Workload:
    """Return what an object takes, from a sample."""
    with skyhouse.open(lake, create=False) as opened:
        found = opened.estimate(function(what), QUERY, seconds=10.0)
    print(f"\n{found}\n")
    return found.here.work


def on_paper(what: str, work: Workload) -> list[Sequence[Any]]:
    """Return the rows of a billion objects on machines of the price table."""
    table = prices().machines
    rows = []
    for name in MACHINES:
        spent = cost(Workload(BILLION, work.core_seconds, work.bytes), table[name])
        where = f"{table[name].nodes} x {table[name].cores} {name}"
        rate, dollars = 1 / work.core_seconds, dollars_told(spent.dollars)
        rows.append((what, where, spent.wall_seconds / 3600, spent.core_hours, rate, spent.bound, dollars))
    return rows


def published() -> list[Sequence[Any]]:
    """Return the published rows, with what follows from them."""
    rows = []
    for one in prices().published.values():
        due = dollars_told(cost(Workload(one.objects, 3600 * one.core_hours / one.objects), one.machine).dollars)
        told = f"{dollars_told(one.dollars)} printed" + (f", power alone {due}" if one.power_kw else "")
        rows.append((one.title, f"{one.nodes} x {one.cores}", one.hours, one.core_hours, one.rate, "CPU", told))
    return rows


def main(objects: int, *, periods: bool) -> None:
    """Measure, and record both tables."""
    lake = curve_lake(objects)
    runs = {what: measured(lake, what) for what in ([FEATURES, PERIODS] if periods else [FEATURES])}
    record(
        "lightcurves_million.py",
        "Light curves end to end",
        ("what", "objects", "wall s", "core-s", "objects/s/core", "driver MB", "worker MB", "read GB", "written GB"),
        [
            (
                *(what, f"{one['objects']:,}", one["wall"], one["cpu"], one["objects"] / one["cpu"]),
                *(one["driver"], one["worker"], one["read"] / 1e9, one["written"] / 1e9),
            )
            for what, one in runs.items()
        ],
        f"`{QUERY}` over {objects:,} simulated ZTF objects, into a table; {runs[FEATURES]['workers']:.0f} workers. "
        "Core-seconds are all that the process and its workers took, their start and imports too; memory is the peak "
        "of the driver, and of the worker that had most.",
    )
    works = {
        what: Workload(BILLION, one["cpu"] / one["objects"], (one["read"] + one["written"]) / one["objects"])
        for what, one in runs.items()
    }
    for what in (FEATURES, PERIODS):
        works.setdefault(what, sampled(lake, what))
    record(
        "lightcurves_million.py",
        "A billion light curves, on paper",
        ("what", "nodes x cores", "hours", "core-hours", "objects/s/core", "bound by", "dollars"),
        [*published(), *(row for what, work in works.items() for row in on_paper(what, work))],
        "The first two rows are published, for features by Python functions (docs/costs.md has what follows of them). "
        "The others are from core-seconds here, a vCPU taken for a core of this machine, and the prices of costs.toml; "
        "hours are with the start of the nodes.",
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        print(json.dumps(run(Path(sys.argv[2]), sys.argv[3])))
    else:
        numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
        main(numbers[0] if numbers else OBJECTS, periods="--periods" in sys.argv)
