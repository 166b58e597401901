"""A standalone cluster of one master and two workers, of which one is killed in mid-work, twice."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

FILES, ROWS = 24, 40_000

DRIVER = """
import json, sys, threading, time
from pathlib import Path
from skyhouse.columns import Column
from skyhouse.engine.base import Job
from skyhouse.engine.spark import SparkEngine, SparkRunner
from skyhouse.query.relation import Part, Relation, Scan, Statement
from skyhouse.settings import Settings

def say(**what):
    print(json.dumps(what), flush=True)

def slow_square(number):
    time.sleep(0.3)
    return number * number

if __name__ == "__main__":
    conf = {
        "spark.executor.memory": "512m",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.shuffle.partitions": "8",
        "spark.sql.files.maxPartitionBytes": "64k",
    }
    engine = SparkEngine(Settings(spark_master=sys.argv[1], spark_memory="1g", spark_conf=conf))
    files = tuple(sorted(map(str, Path(sys.argv[2]).glob("*.parquet"))))
    table = Relation("t.big", (Part((Column("k", "int64"), Column("x", "int64")), files),))
    scans = (Scan("t.big", table, ("k", "x")),)
    ask = lambda sql, job=None: engine.batches(Statement(sql, "spark", scans, ()), job=job).read_all().to_pylist()
    say(rows=ask("SELECT count(*) AS n FROM `t.big`"))
    job = Job()
    done = threading.Event()
    def watch():
        while not done.wait(0.1):
            if (job.progress().fraction or 0) > 0.2:
                return say(midway=job.progress().fraction)
    threading.Thread(target=watch).start()
    slow = "sha2(repeat(CAST(x AS STRING), 300), 512) <> ''"
    found = ask(f"SELECT k, count(*) AS n, sum(x) AS s FROM `t.big` WHERE {slow} GROUP BY k ORDER BY k", job)
    done.set()
    say(answer=found)
    sys.stdin.readline()
    for number, outcome in enumerate(SparkRunner(engine).run(slow_square, range(24))):
        say(task=outcome.task, value=outcome.value, error=str(outcome.error or ""))
    say(end=True)
    engine.close()
"""


@pytest.mark.spark
def test_a_worker_that_is_killed_costs_time_and_nothing_else(cluster, tmp_path):
    numbers = np.random.default_rng(7).integers(0, 10**9, (FILES, ROWS))
    data = tmp_path / "data"
    data.mkdir()
    for number, row in enumerate(numbers):
        pq.write_table(pa.table({"k": row % 5, "x": row}), data / f"{number:02d}.parquet")
    first, second = cluster.worker(), cluster.worker()
    cluster.wait_for_workers(2)
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, cluster.url, str(data)],
        env=cluster.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    says = map(json.loads, driver.stdout)
    try:
        assert next(says) == {"rows": [{"n": FILES * ROWS}]}
        assert 0.2 < next(says)["midway"] < 1
        cluster.kill(first)
        flat = numbers.ravel()
        due = [{"k": k, "n": int((flat % 5 == k).sum()), "s": int(flat[flat % 5 == k].sum())} for k in range(5)]
        assert next(says) == {"answer": due}
        cluster.worker()
        cluster.wait_for_workers(2)
        driver.stdin.write("go on\n")
        driver.stdin.flush()
        outcomes = [next(says)]
        cluster.kill(second)
        while "task" in (said := next(says)):
            outcomes.append(said)
        assert sorted(o["task"] for o in outcomes) == list(range(24))
        assert all(o["value"] == o["task"] ** 2 and not o["error"] for o in outcomes)
        assert driver.wait(60) == 0
    finally:
        driver.kill()
        driver.wait()
        driver.stdout.close()
        driver.stdin.close()
