"""Features and periods of the same light curves: Skyhouse's against the peers' usual ways.

    python bench/light_curve_peers.py [objects]

Two bands of 200 epochs over 5 years, periods to 24/day. Skyhouse does the whole of it (cleaning, all features, the
multi-band search with exact refinement, harmonics, folded features); the peers run `light-curve`'s features and its
fast periodogram of each band, per object. CPU seconds of one core each. Each peer has a share of the objects, for it
takes long. LSDB runs in an environment of its own, made at first use.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from curves import even_curves
from peer_functions import FREQUENCIES, described
from report import SCRATCH, record

import skyhouse
from skyhouse import lightcurves

OBJECTS, PEER_OBJECTS, YEARS, MAXIMUM = 6_000, 400, 5.0, 24.0
_FIELDS = ("mjd", "mag", "magerr", "catflags")


def main(objects: int = OBJECTS) -> None:
    """Measure all of them and record the table."""
    few = min(objects, PEER_OBJECTS)
    table = even_curves(objects, years=YEARS)
    place = np.linspace(10.0, 60.0, objects)
    table = table.append_column("ra", pa.array(place)).append_column("dec", pa.array(place))
    SCRATCH.mkdir(exist_ok=True)
    pq.write_table(table, SCRATCH / "light_curves.parquet", row_group_size=2_000)
    pq.write_table(table.slice(0, few), SCRATCH / "light_curves_few.parquet")
    rows: list[tuple[str, float]] = []
    rows += ours(table)
    rows += applied(objects)
    arrays = [object_arrays(table, row) for row in range(few)]
    rows.append(("`light-curve`: features and periodogram, plain loop", few / seconds(lambda: each(described, arrays))))
    rows += periods_only(arrays[: few // 4])
    rows += lsdb(few)
    rows += spark(few)
    first = rows[0][1]
    record(
        "light_curve_peers.py",
        "Features and periods of light curves, and peers",
        ("what", "objects/s of one core", "Skyhouse's kernels are faster by"),
        [(what, speed, f"{first / speed:.1f}x") for what, speed in rows],
        f"{objects:,} objects of 2 bands x 200 epochs over {YEARS:g} years, peers {few:,} of them; frequencies to "
        f"{MAXIMUM:g}/day, {FREQUENCIES:,} of them; CPU seconds, but wall where that is said. The published "
        "run on Spark RDDs did 27 objects a second and core.",
    )


def seconds(work: Callable[[], Any]) -> float:
    """Return the CPU seconds of a run in this process."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def each(function: Callable[..., Any], objects: list[Any]) -> None:
    """Call for one object after the other."""
    for one in objects:
        function(*one)


def object_arrays(table: pa.Table, row: int) -> list[tuple[Any, ...]]:
    """Return an object's arrays, a tuple a band."""
    return [tuple(np.asarray(table[band].chunk(0).field(name)[row].values) for name in _FIELDS) for band in ("g", "r")]


def ours(table: pa.Table) -> list[tuple[str, float]]:
    """Return the speed of the declared functions on Arrow rows, in this process."""
    both = [("features", lightcurves.features(bands=("g", "r"))), ("periods", lightcurves.periods(bands=("g", "r")))]
    spent = {}
    for name, function in both:
        function.applied(table.slice(0, 64))
        spent[name] = min(seconds(lambda function=function: function.applied(table)) for _ in range(3))
    whole = len(table) / sum(spent.values())
    return [
        ("Skyhouse: clean, features, periods, folded", whole),
        ("Skyhouse: clean and features", len(table) / spent["features"]),
    ]


def applied(objects: int) -> list[tuple[str, float]]:
    """Return the speed of `lake.apply` with one process, start and commit included, by CPU of the worker's all."""
    folder = SCRATCH / "light_curves_lake"
    shutil.rmtree(folder, ignore_errors=True)
    found = []
    with skyhouse.open(folder, workers=1) as lake:
        lake.attach("ztf.objects", SCRATCH / "light_curves.parquet")
        for name, function in (
            ("f", lightcurves.features(bands=("g", "r"))),
            ("p", lightcurves.periods(bands=("g", "r"))),
        ):
            lake.apply(
                function, "SELECT object_id, g, r FROM ztf.objects", into=f"ztf.{name}_first", key="object_id"
            ).wait()
            begun = time.perf_counter()
            lake.apply(function, "SELECT object_id, g, r FROM ztf.objects", into=f"ztf.{name}", key="object_id").wait()
            found.append(time.perf_counter() - begun)
    return [("Skyhouse: lake.apply of both, files to tables, one process, wall", objects / sum(found))]


def periods_only(objects: list[Any]) -> list[tuple[str, float]]:
    """Return the speed of single-band double-precision periodograms of both bands."""
    import nifty_ls
    from astropy.timeseries import LombScargle

    grid = np.linspace(MAXIMUM / FREQUENCIES, MAXIMUM, FREQUENCIES)

    def astropy(*bands: Any) -> None:
        for mjd, mag, magerr, _ in bands:
            LombScargle(mjd, mag.astype(float), magerr.astype(float)).power(
                grid, method="fast", assume_regular_frequency=True
            )

    def nifty(*bands: Any) -> None:
        for mjd, mag, magerr, _ in bands:
            nifty_ls.lombscargle(
                mjd, mag.astype(float), magerr.astype(float), fmin=grid[0], fmax=grid[-1], Nf=FREQUENCIES, nthreads=1
            )

    table = {"astropy LombScargle fast": astropy, "nifty-ls in double": nifty}
    return [
        (f"{name}: periodograms only", len(objects) / seconds(lambda work=work: each(work, objects)))
        for name, work in table.items()
    ]


def lsdb(few: int) -> list[tuple[str, float]]:
    """Return the speed of LSDB's two ways, in its own environment."""
    home = SCRATCH / "lsdb"
    python = home / "bin" / "python"
    if not python.exists():
        venv.create(home, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "lsdb==0.11.1", "light-curve==0.13.3"], check=True)
    script = Path(__file__).with_name("peer_lsdb.py")
    told = (
        subprocess.run(
            [python, script, SCRATCH / "light_curves_few.parquet"], check=True, capture_output=True, text=True
        )
        .stdout.splitlines()[-1]
        .split()
    )
    assert told[2] == told[4] == str(few)
    return [
        (f"LSDB {told[0]} `map_rows`, the same function", few / float(told[1])),
        (f"LSDB {told[0]} `map_partitions`, the same function over slices", few / float(told[3])),
    ]


def spark(few: int) -> list[tuple[str, float]]:
    """Return the speed of a PySpark RDD's map over rows, the form of the published run; the second of two runs."""
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.parquet.aggregatePushdown", "false")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    session.sparkContext.addPyFile(str(Path(__file__).with_name("peer_functions.py")))

    def of_row(row: Any) -> list[float]:
        return described(*(tuple(np.array(row[band][name]) for name in _FIELDS) for band in ("g", "r")))

    def run() -> None:
        frame = session.read.parquet(str(SCRATCH / "light_curves_few.parquet"))
        assert len(frame.rdd.map(of_row).collect()) == few

    run()
    begun = time.perf_counter()
    run()
    spent = time.perf_counter() - begun
    session.stop()
    return [("PySpark RDD `.map`, the same function, local[1], wall", few / spent)]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
