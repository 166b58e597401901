"""What apply adds to the bare work: over a kernel on the same buffers, per object, and from one process to two.

    python bench/apply.py [objects]

The kernel is a straight one in numba, of some 50 microseconds for a light curve of 100 epochs: the generalised
Lomb-Scargle power at 30 frequencies. CPU seconds are those of the process that does the work.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from report import SCRATCH, record

import skyhouse
from skyhouse import Column

OBJECTS, EPOCHS, RUNS = 100_000, 100, 5
FIELDS = ("mjd", "mag", "magerr")


def make_lake(objects: int) -> Path:
    """Make the lake of synthetic light curves, once."""
    path = SCRATCH / f"apply-{objects}"
    if (path / "synthetic" / "objects" / "_delta_log").exists():
        return path
    rng = np.random.default_rng(1)
    with skyhouse.open(path) as lake:
        lake.write(pa.Table.from_batches([curves(rng, objects)]), "synthetic.objects", key=["object_id"])
    return path


def curves(rng: np.random.Generator, objects: int) -> pa.RecordBatch:
    """Return synthetic light curves of 100 epochs."""
    offsets = np.arange(0, objects * EPOCHS + 1, EPOCHS, dtype=np.int32)
    total = objects * EPOCHS
    values = (
        rng.uniform(58_000, 59_000, total),
        rng.normal(18, 0.1, total).astype(np.float32),
        rng.uniform(0.01, 0.05, total).astype(np.float32),
    )
    lists = [pa.ListArray.from_arrays(offsets, one) for one in values]
    lc = pa.StructArray.from_arrays(lists, list(FIELDS))
    return pa.RecordBatch.from_pydict({"object_id": np.arange(objects), "lc": lc})


@numba.njit(nogil=True, error_model="numpy")
def power(mjd, mag, magerr, frequencies):  # noqa: ANN001, ANN201 - numba finds the types
    """Return the greatest power of a sine at the frequencies, and its place."""
    weights = 1 / magerr.astype(np.float64) ** 2
    weights /= weights.sum()
    y = mag - (weights * mag).sum()
    best, where = 0.0, 0
    for place in range(frequencies.size):
        c = s = yc = ys = cc = cs = 0.0
        for i in range(mjd.size):
            phase = 2 * np.pi * frequencies[place] * (mjd[i] - mjd[0])
            cosine, sine = np.cos(phase), np.sin(phase)
            c += weights[i] * cosine
            s += weights[i] * sine
            yc += weights[i] * y[i] * cosine
            ys += weights[i] * y[i] * sine
            cc += weights[i] * cosine * cosine
            cs += weights[i] * cosine * sine
        ss, cc, cs = 1 - cc - s * s, cc - c * c, cs - c * s
        found = (ss * yc * yc + cc * ys * ys - 2 * cs * yc * ys) / (cc * ss - cs * cs)
        if found > best:
            best, where = found, place
    return best, where


@numba.njit(nogil=True)
def kernel(offsets, mjd, mag, magerr, frequencies, powers, places):  # noqa: ANN001, ANN201
    """Put the powers of all light curves into the outputs."""
    for at in range(offsets.size - 1):
        low, high = offsets[at], offsets[at + 1]
        powers[at], places[at] = power(mjd[low:high], mag[low:high], magerr[low:high], frequencies)


RETURNS = [Column("power", "float64"), Column("place", "int32")]
FREQUENCIES = np.linspace(0.1, 10, 30)


def searched(batch: pa.RecordBatch, frequencies: np.ndarray) -> dict[str, np.ndarray]:
    """Run the kernel on a batch."""
    fields = [batch["lc"].field(name) for name in FIELDS]
    powers, places = np.empty(len(batch)), np.empty(len(batch), np.int32)
    kernel(fields[0].offsets.to_numpy(), *(one.values.to_numpy() for one in fields), frequencies, powers, places)
    return {"power": powers, "place": places}


by_batch = skyhouse.function(returns=RETURNS, per="batch", broadcast=FREQUENCIES)(searched)
compiled = skyhouse.function(
    returns=RETURNS, per="compiled", inputs=[f"lc.{name}" for name in FIELDS], broadcast=FREQUENCIES
)(power)
AMPLITUDE = [Column("amplitude", "float32", unit="mag"), Column("n", "int32")]


def amplitude(mag: np.ndarray) -> dict[str, object]:
    """Return half the range, in a few lines of numpy."""
    return {"amplitude": (mag.max() - mag.min()) / 2, "n": len(mag)}


@skyhouse.function(returns=AMPLITUDE)
def by_object(obj: object) -> dict[str, object]:
    """Do the same, of an object."""
    mag = obj.lc.mag  # type: ignore[attr-defined]
    return {"amplitude": (mag.max() - mag.min()) / 2, "n": len(mag)}


def bare_loop(batch: pa.RecordBatch) -> pa.Table:
    """Return what a loop over numpy slices gives."""
    mags = batch["lc"].field("mag")
    values, ends = mags.values.to_numpy(), mags.offsets.to_pylist()
    found = [amplitude(values[ends[at] : ends[at + 1]]) for at in range(len(batch))]
    return pa.table({name: pa.array([one[name] for one in found]) for name in ("amplitude", "n")})


def cpu_in_turns(*works: Callable[[], object]) -> list[float]:
    """Return the least CPU seconds of each of them over some runs, in turns, after one that is not counted."""
    found: list[list[float]] = [[] for _ in works]
    for _ in range(RUNS + 1):
        for work, times in zip(works, found, strict=True):
            gc.collect()
            began = time.process_time()
            work()
            times.append(time.process_time() - began)
    return [min(times[1:]) for times in found]


# -- a process that does one task's work as a worker does --------------------------------------------------------


def worker_cpu(path: Path, how: str) -> float:
    """Return the CPU seconds of the whole work in one new process, after it has compiled."""
    ran = subprocess.run([sys.executable, __file__, "--in-process", how, str(path)], capture_output=True, check=True)
    return float(ran.stdout)


def in_process(how: str, path: Path) -> float:
    """Do the work, bare or as a task of apply does it, and return its CPU seconds."""
    from skyhouse.objects.execution import perform
    from skyhouse.objects.task import Task

    with skyhouse.open(path) as lake:
        files = [file.path for file in lake.registry.table("synthetic.objects").files()]
        function = compiled if how == "compiled" else by_batch
        work, units = lake._applying.planned(function, "synthetic.objects", None)  # noqa: SLF001 - a worker's view
    searched(curves(np.random.default_rng(0), 10), FREQUENCIES)
    if how == "bare":
        batches = [batch for file in files for batch in pq.read_table(file, use_threads=False).to_batches()]
        began = time.process_time()
        for batch in batches:
            searched(batch, FREQUENCIES)
        return time.process_time() - began
    folder = path / f"bench-{how}"
    folder.mkdir(exist_ok=True)
    from dataclasses import replace

    work = replace(work, folder=str(folder), failures_folder=str(folder))
    spool = folder / "work"
    spool.write_bytes(work.pickled())
    perform(Task(str(spool), tuple(units[:1])))  # reads the work, compiles
    began = time.process_time()
    perform(Task(str(spool), tuple(units)))
    spent = time.process_time() - began
    for made in folder.iterdir():
        made.unlink()
    return spent


def whole_run(path: Path, workers: int, number: int) -> float:
    """Return the wall seconds of a run, its workers started before."""
    with skyhouse.open(path, workers=workers) as lake:
        warm = skyhouse.function(returns=RETURNS, per="batch", broadcast=FREQUENCIES, name=f"warm{number}")(searched)
        lake.apply(warm, "synthetic.objects", into="synthetic.powers").wait()
        lake.drop("synthetic.powers")
        lake.drop("synthetic.powers__failures")
        began = time.perf_counter()
        lake.apply(by_batch, "synthetic.objects", into="synthetic.powers").wait()
        spent = time.perf_counter() - began
        lake.drop("synthetic.powers")
        lake.drop("synthetic.powers__failures")
    return spent


def main(objects: int) -> None:
    """Measure, print and record."""
    path = make_lake(objects)
    bare, batch, numbers = ([worker_cpu(path, how) for _ in range(2)] for how in ("bare", "batch", "compiled"))
    one, two = ([whole_run(path, workers, workers) for _ in range(2)] for workers in (1, 2))
    rows = curves(np.random.default_rng(2), 50_000)
    loop, views = cpu_in_turns(lambda: bare_loop(rows), lambda: by_object.applied(rows))
    least = min(bare)

    def of_bare(times: list[float]) -> str:
        return f"{min(times) / least:.3f}"

    record(
        "apply.py",
        "apply over the bare kernel",
        ("work", "seconds", "objects/s", "ratio"),
        [
            ("kernel on buffers in memory, CPU", least, objects / least, "1"),
            ("apply, per batch: read, kernel, write, CPU (aim: 1.1)", min(batch), objects / min(batch), of_bare(batch)),
            ("apply, compiled: the same, CPU (aim: 1.1)", min(numbers), objects / min(numbers), of_bare(numbers)),
            ("a whole run, 1 process, wall", min(one), objects / min(one), "1"),
            (
                "a whole run, 2 processes, wall (aim: 1.8 times as fast)",
                min(two),
                objects / min(two),
                f"{min(one) / min(two):.2f}",
            ),
            ("loop over numpy slices, 50,000 objects, CPU", loop, len(rows) / loop, "1"),
            (
                "per object, the same, CPU (aim: 1.3)",
                views,
                len(rows) / views,
                f"{views / loop:.2f}",
            ),
        ],
        f"{objects:,} synthetic light curves of {EPOCHS} epochs (time, magnitude, error; {objects * 1.6e-3:,.0f} MB of"
        " Arrow). The kernel is the Lomb-Scargle power at 30 frequencies, the function per object half the range"
        " of the magnitudes. The least of several runs; ratios of whole runs are of wall time and depend on what else"
        " the machine does.",
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--in-process"]:
        print(in_process(sys.argv[2], Path(sys.argv[3])))
    else:
        main(int(sys.argv[1].replace("_", "")) if sys.argv[1:] else OBJECTS)
