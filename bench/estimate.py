"""What `lake.estimate` predicts, against what the run then takes.

    python bench/estimate.py [objects]

Three functions over simulated light curves: one that does next to nothing, so that reading is all; one in Python that
is called per object; one that numba compiles. Wall is from the start of the workers' work to the last commit, CPU that
of the workers; both without the start of their processes, which the estimate measures apart.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from curves import curve_lake
from processes import cpu_of_tree
from report import record

import skyhouse
from skyhouse import Column
from skyhouse.objects.function import Function
from skyhouse.objects.sample import Sample

OBJECTS = 60_000
SECONDS = 3.0
QUERY = "SELECT object_id, g, r, i FROM ztf.objects WHERE nobs_r >= 20"


@skyhouse.function(returns=[Column("g", "bool"), Column("r", "bool"), Column("i", "bool")], per="batch")
def observed(batch: pa.RecordBatch) -> dict[str, pa.Array]:
    """Whether there is a light curve in each band: all are read, nothing is computed."""
    return {band: batch.column(band).is_valid() for band in ("g", "r", "i")}


@skyhouse.function(returns=[Column("slope", "float64"), Column("amplitude", "float64"), Column("skew", "float64")])
def trend(obj: Any) -> dict[str, float]:
    """In Python, per object: a fit and a few moments, some 200 microseconds."""
    mjd, mag = obj.r.mjd, obj.r.mag
    slope, offset = np.polyfit(mjd - mjd[0], mag, 1)
    rest = mag - offset - slope * (mjd - mjd[0])
    low, high = np.percentile(rest, [5, 95])
    return {"slope": slope, "amplitude": high - low, "skew": float((rest**3).mean() / rest.std() ** 3)}


@skyhouse.function(returns=[Column("structure", "float64")], per="compiled", inputs=["r.mjd", "r.mag"])
def structure(mjd: np.ndarray, mag: np.ndarray) -> float:
    """Compiled: a sum over all pairs of points."""
    total = 0.0
    for one in range(mjd.size):
        for other in range(one):
            total += abs(mag[one] - mag[other]) / (1.0 + np.sqrt(mjd[one] - mjd[other]))
    return total


@dataclass(frozen=True)
class Taken:
    """Objects, wall seconds and CPU seconds of the workers."""

    objects: int
    wall: float
    cpu: float


def predicted(lake: Path, function: Function) -> tuple[Sample, Taken]:
    """Return what the estimate says, and its sample."""
    with skyhouse.open(lake) as opened:
        found = opened.estimate(function, QUERY, seconds=SECONDS)
    sample = found.sample
    cpu = sample.cpu_seconds + sample.workers * sample.start_seconds
    return sample, Taken(found.objects, found.here.wall_seconds - sample.begun_seconds, cpu)


def real(lake: Path, function: Function) -> Taken:
    """Return what a run takes, in workers that are up."""
    with skyhouse.open(lake) as opened:
        runner = opened._context.runner("pool")  # noqa: SLF001 - its workers shall be up
        list(runner.run(time.sleep, [0.5] * opened.settings.workers))
        before, begun = cpu_of_tree() - time.process_time(), time.perf_counter()
        run = opened.apply(function, QUERY, into=f"ztf.{function.name}").wait()
        wall, cpu = time.perf_counter() - begun, cpu_of_tree() - time.process_time() - before
        for name in (run.table, run.failures):
            opened.drop(name)
    return Taken(run.objects, wall, cpu)


def main(objects: int) -> None:
    """Measure the three, and record them."""
    lake = curve_lake(objects)
    rows = []
    for kind, function in (("reading", observed), ("Python, per object", trend), ("numba", structure)):
        sample, due = predicted(lake, function)
        taken = real(lake, function)
        share = f"{sample.computed:,} of {taken.objects:,}"
        ratios = (due.wall / taken.wall, due.cpu / taken.cpu)
        rows.append((kind, share, sample.seconds, due.wall, taken.wall, ratios[0], due.cpu, taken.cpu, ratios[1]))
    record(
        "estimate.py",
        "What estimates say, and what runs take",
        (
            "function",
            "sampled",
            "sample s",
            "wall s said",
            "wall s taken",
            "ratio",
            "CPU s said",
            "CPU s taken",
            "ratio",
        ),
        rows,
        f"{objects:,} simulated ZTF objects, three bands read; aim: ratios from 0.75 to 1.25. Estimate and run are of "
        "sessions of their own; the workers are up before the run, and their start is left out of what was said.",
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else OBJECTS)
