"""Forty mixed queries, from point look-ups to full scans: always DuckDB, always Spark, mixed mode, and hindsight.

    python bench/mixed.py [spaxels]

The lake is calibrated before. Each query runs some times on each engine, forced, and is then asked for without an
engine. Last, the routes that a cluster would take for the same queries over a thousand times the spaxels, with the
predicted times, from the same estimates scaled: nothing of that runs.
"""

from __future__ import annotations

import statistics
import sys
from dataclasses import replace

from report import record
from spaxels import make_spaxel_lake, wanted_spaxels

import skyhouse
from skyhouse.query.costs import DUCKDB, SPARK, Profile, predict
from skyhouse.query.engines import ENGINES
from skyhouse.query.estimate import Estimate
from skyhouse.query.route import Offer, route, told
from skyhouse.session import Lake
from skyhouse.session.calibrate import calibrate
from skyhouse.session.calibration import Calibration

RUNS, SPARK_RUNS = 3, 2
SCALE = 1000
AIM = 1.1
LINES = ("ha_6564", "hb_4862", "oiii_5008", "nii_6585", "sii_6718", "sii_6732", "oi_6302", "oii_3727")
FLUX = [f"emline_gflux_{line}" for line in LINES]
S, G = "manga.spaxels", "manga.galaxies"
CLUSTER = Profile(
    {
        "duckdb": replace(DUCKDB, cores=16, memory=64e9, disk=500e9, storage=2e9),
        "spark": replace(SPARK, cores=640, memory=3e12, start=30.0, query=0.3, stage=0.15, storage=80e9),
    },
    running=frozenset({"duckdb", "spark"}),
)

QUERIES = [
    "SELECT 1 AS one",
    f"SELECT count(*) AS n FROM {S}",
    f"SELECT * FROM {G} WHERE plateifu = '{{galaxy}}'",
    f"SELECT * FROM {G} WHERE redshift BETWEEN 0.02 AND 0.021",
    f"SELECT plateifu, redshift FROM {G} ORDER BY redshift DESC LIMIT 10",
    f"SELECT x, y, {FLUX[0]} FROM {S} WHERE plateifu = '{{galaxy}}'",
    f"SELECT x, y, {', '.join(FLUX)} FROM {S} WHERE plateifu = '{{galaxy}}' AND good",
    f"SELECT x, y, stellar_vel FROM {S} WHERE plateifu = '{{galaxy}}' ORDER BY y, x",
    f"SELECT * FROM {S} WHERE plateifu = '{{galaxy}}' AND x = 10 AND y = 12",
    f"SELECT max({FLUX[0]}) AS m FROM {S} WHERE plateifu = '{{galaxy}}'",
    f"SELECT * FROM {S} LIMIT 5",
    f"SELECT plateifu, x, y FROM {S} WHERE good LIMIT 100",
    f"SELECT avg({FLUX[0]}) AS a FROM {S} WHERE good",
    f"SELECT {', '.join(f'avg({c}) AS a{n}' for n, c in enumerate(FLUX))} FROM {S} WHERE good",
    f"SELECT count(*) AS n FROM {S} WHERE {FLUX[0]} > 5",
    f"SELECT count(*) AS n FROM {S} WHERE good AND {FLUX[0]} > 5 AND {FLUX[1]} > 1",
    f"SELECT plateifu, count(*) AS n FROM {S} GROUP BY plateifu",
    f"SELECT plateifu, count(*) AS n FROM {S} WHERE good AND {FLUX[0]} > 5 GROUP BY plateifu ORDER BY n DESC LIMIT 10",
    f"SELECT plateifu, avg({FLUX[0]} / {FLUX[1]}) AS ratio FROM {S} WHERE good AND {FLUX[1]} > 0 GROUP BY plateifu",
    f"SELECT plateifu, median({FLUX[0]}) AS m FROM {S} WHERE good GROUP BY plateifu",
    f"SELECT x, y, count(*) AS n, avg(stellar_vel) AS v FROM {S} WHERE good GROUP BY x, y",
    f"SELECT count(DISTINCT plateifu) AS n FROM {S} WHERE {FLUX[0]} > 50",
    f"SELECT plateifu, x, y, {FLUX[0]} AS f FROM {S} ORDER BY f DESC LIMIT 20",
    f"SELECT plateifu, x, y, stellar_sigma FROM {S} WHERE stellar_sigma > 300 ORDER BY stellar_sigma DESC",
    f"SELECT DISTINCT plate FROM {S}",
    (
        f"SELECT g.redshift, count(*) AS n FROM {G} g JOIN {S} s ON s.plateifu = g.plateifu WHERE g.fibres = 127 "
        "AND g.redshift < 0.05 GROUP BY g.redshift"
    ),
    f"SELECT s.x, s.y, s.{FLUX[0]} AS f FROM {G} g JOIN {S} s ON s.plateifu = g.plateifu WHERE g.redshift < 0.0105",
    (
        f"SELECT g.plateifu, max(s.{FLUX[2]}) AS m FROM {G} g JOIN {S} s ON s.plateifu = g.plateifu AND s.good "
        "GROUP BY g.plateifu"
    ),
    (
        f"SELECT floor(g.redshift * 100) AS bin, avg(s.{FLUX[0]}) AS a FROM {G} g JOIN {S} s "
        "ON s.plateifu = g.plateifu WHERE s.good GROUP BY floor(g.redshift * 100)"
    ),
    (
        f"SELECT count(*) AS n FROM {G} g WHERE EXISTS (SELECT 1 FROM {S} s WHERE s.plateifu = g.plateifu "
        f"AND s.{FLUX[0]} > 100)"
    ),
    f"SELECT plateifu FROM {G} EXCEPT SELECT plateifu FROM {S} WHERE {FLUX[0]} > 20",
    (
        f"SELECT plateifu, x, y, rank() OVER (PARTITION BY plateifu ORDER BY {FLUX[0]} DESC) AS r FROM {S} "
        "WHERE plateifu < '10200'"
    ),
    (
        "SELECT plateifu, max(r) AS r FROM "
        "(SELECT plateifu, row_number() OVER (PARTITION BY plateifu ORDER BY x, y) AS r "
        f"FROM {S} WHERE good) AS q GROUP BY plateifu"
    ),
    (
        f"SELECT count(*) AS n FROM {S} a JOIN {S} b ON a.plateifu = b.plateifu AND a.x = b.y AND a.y = b.x "
        "WHERE a.plateifu < '10200' AND b.plateifu < '10200'"
    ),
    f"SELECT plateifu, corr({FLUX[0]}, {FLUX[1]}) AS c, stddev_samp({FLUX[2]}) AS d FROM {S} GROUP BY plateifu",
    (
        f"SELECT CASE WHEN {FLUX[3]} / {FLUX[0]} > 0.6 THEN 'agn' ELSE 'star' END AS kind, count(*) AS n FROM {S} "
        f"WHERE good AND {FLUX[0]} > 0 GROUP BY CASE WHEN {FLUX[3]} / {FLUX[0]} > 0.6 THEN 'agn' ELSE 'star' END"
    ),
    f"SELECT {', '.join(f'max({c}) - min({c}) AS d{n}' for n, c in enumerate(FLUX))} FROM {S} WHERE x > 1",
    f"SELECT plateifu, x, y, {FLUX[0]}, {FLUX[1]} FROM {S} WHERE good AND {FLUX[0]} > 20",
    f"SELECT plateifu, {', '.join(f'sum({c}) AS s{n}' for n, c in enumerate(FLUX))} FROM {S} GROUP BY plateifu",
    f"SELECT plate, median({FLUX[0]}) AS m, sum({FLUX[1]}) AS s FROM {S} WHERE good GROUP BY plate",
]


def measured(lake: Lake, queries: list[str]) -> list[dict[str, float]]:
    """Return the seconds of each query on each engine and in mixed mode, and what was predicted of the latter."""
    found = []
    for text in queries:
        query = lake.sql(text)
        seconds: dict[str, float] = {}
        for engine, runs in (("duckdb", RUNS), ("spark", SPARK_RUNS)):
            seconds[engine] = statistics.median(query.run(engine).seconds for _ in range(runs))
        mixed = [query.run() for _ in range(RUNS)]
        seconds["mixed"] = statistics.median(run.seconds for run in mixed)
        seconds["predicted"] = mixed[-1].predicted or 0.0
        seconds["on spark"] = float(mixed[-1].engine == "spark")
        found.append(seconds)
        sys.stdout.write(f"{text[:80]}: {seconds}\n")
    return found


def scaled(found: Estimate) -> Estimate:
    """Return the estimate of the same query over so many times the rows; what is looked up by a key stays as it is."""
    if all(read.files <= 1 for read in found.reads):
        return found
    reads = [
        replace(
            read,
            **{
                name: getattr(read, name) * SCALE
                for name in ("files", "files_there", "groups", "groups_there", "bytes", "size", "rows", "rows_there")
            },
        )
        for read in found.reads
    ]
    steps = {name: getattr(found, name) * SCALE for name in ("filtered", "joined", "grouped", "sorted", "shuffled")}
    return replace(found, reads=reads, **steps, memory=found.memory * SCALE, values=found.values)


def main(spaxels: int) -> None:
    """Calibrate, ask, and record."""
    path = make_spaxel_lake(spaxels=spaxels)
    with skyhouse.open(path, create=False) as lake:
        calibrate(lake.settings, Calibration(), progress=lambda step: print(step, flush=True))
    with skyhouse.open(path, create=False) as lake:
        middle = lake.registry.table(G).rows // 2
        galaxy = lake.table(G).select("plateifu").limit(1, middle).to_arrow()["plateifu"][0].as_py()
        queries = [text.format(galaxy=galaxy) for text in QUERIES]
        lake.sql(queries[0]).run("spark")
        tell(measured(lake, queries), lake.registry.table(S).rows)
        tell_of_the_cluster(lake, queries)


def tell(found: list[dict[str, float]], rows: int) -> None:
    """Record the totals, and how near the predictions were."""
    total = {name: sum(one[name] for one in found) for name in ("duckdb", "spark", "mixed")}
    hindsight = sum(min(one["duckdb"], one["spark"]) for one in found)
    ratios = sorted(one["mixed"] / max(one["predicted"], 1e-4) for one in found)
    within = sum(0.5 <= ratio <= 2 for ratio in ratios)
    record(
        "mixed.py",
        f"{len(found)} mixed queries",
        ("engine", "seconds", "over hindsight"),
        [
            ("always DuckDB", total["duckdb"], total["duckdb"] / hindsight),
            ("always Spark (its session is up)", total["spark"], total["spark"] / hindsight),
            ("mixed mode", total["mixed"], total["mixed"] / hindsight),
            ("the best engine of each, in hindsight", hindsight, 1.0),
        ],
        f"{rows:,} spaxels; medians of {RUNS} runs (Spark: {SPARK_RUNS}). Mixed mode sent "
        f"{sum(int(one['on spark']) for one in found)} of them to Spark; the aim is {AIM} times hindsight. Real over "
        f"predicted seconds: median {statistics.median(ratios):.2f}, {within} of {len(ratios)} within 0.5 to 2, from "
        f"{ratios[0]:.2g} to {ratios[-1]:.2g}.",
    )


def tell_of_the_cluster(lake: Lake, queries: list[str]) -> None:
    """Record where a cluster would run the same queries over far more spaxels."""
    rows = []
    for text in queries:
        found = scaled(lake.explain(text).estimate)
        offers = [Offer(name, predict(name, found, CLUSTER.rates[name])) for name in ENGINES]
        chosen = route(None, offers)
        shown = text if len(text) <= 90 else f"{text[:87]}..."
        times = [told(offer.prediction.seconds) if offer.prediction else "" for offer in offers]
        rows.append((f"`{shown.replace('|', ' ')}`", f"{found.bytes / 1e9:.3g}", *times, chosen.engine))
    record(
        "mixed.py",
        "Routes of a simulated cluster",
        ("query", "GB read", "one 16-core machine, DuckDB", "640 cores, Spark", "picked"),
        rows,
        f"Predicted, not run: {SCALE:,} times the spaxels; DuckDB on one machine of 16 cores and 64 GB, Spark on 40 of "
        "these with 3 TB, its session up. Look-ups by key read what they read here. Each "
        "machine's storage gives 2 GB/s.",
    )


if __name__ == "__main__":
    main(wanted_spaxels(sys.argv[1:]))
